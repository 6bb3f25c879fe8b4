"""An episode: a few refunds, the workers that are asked for them, and all that befalls them until each has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from refundry import OutcomeUnknown, Refund, RefundStatus
from refundry.errors import LedgerFailed
from refundry.flows.effects import Commit, Send, Sleep
from refundry.ledger.changes import Decide, Learn
from refundry.ledger.database import Held, Session
from refundry.ledger.rules import Unknown
from scripts.simulate.chance import Luck
from scripts.simulate.database import Connection, Trouble
from scripts.simulate.network import Network
from scripts.simulate.promises import Promises, require
from scripts.simulate.setting import Setting
from scripts.simulate.worker import Call, Kind, Worker
from tests.stateful import world

if TYPE_CHECKING:
    from refundry.flows.effects import WaitFor
    from refundry.ledger.entry import Reservation
    from refundry.sandbox.machine import Callback
    from scripts.simulate.chance import Order
    from scripts.simulate.machines import Machine
    from scripts.simulate.provider import Providers
    from scripts.simulate.story import Story

_SECONDS: Final = 3600.0
_MOST_DELIVERIES: Final = 5
_MOST_AT_ONCE: Final = 64
_TROUBLES: Final = tuple(Trouble)
_SLEEPS: Final = (2.0, 20.0, 30.0, 60.0, 3_600.0)
_JUMPS: Final = (-90_000.0, -3_600.0, -20.0, 20.0, 3_600.0, 90_000.0)


class Episode(Setting):
    """What there is in one episode, and what happens there."""

    def __init__(self, providers: Providers, seed: int, number: int, story: Story) -> None:
        super().__init__(providers, seed, number, story)
        self.refund_calls = 0
        self._begun = 0
        self._workers_made = 0
        self._has_nested = False
        self.promises = Promises(self)
        self._network = Network(self, self.promises)
        for one in range(self.plan.workers):
            self.workers.append(self._new_worker(self.machines[one % len(self.machines)]))
        # The person's own process, which holds nothing.
        self._desk = Session(lambda _: Connection(self.database), self.machines[0].clock, Held())

    def run(self) -> None:
        """Let it all happen. Raises PromiseBroken."""
        for order in self.plan.orders:
            self.schedule.after(self.chance.between(0.0, 3.0), None, self.deliver, order)
            if self.chance.happens(0.4):
                self.later(self.deliver, order, order=order)
        self.schedule.run()

    def may_execute(self, order: Order) -> bool:
        """Whether a request that has left, or that is about to, may still execute a refund of the order."""
        return self._network.may_execute(order)

    def _new_worker(self, machine: Machine) -> Worker:
        self._workers_made += 1
        name = f"worker {self._workers_made} on {machine.name}"
        worker = Worker(name, machine, self.database, self.providers.accounts)
        worker.connection.meanwhile = lambda: self._meanwhile(worker)
        worker.sweep_soon = lambda: self._sweep_soon(worker)
        return worker

    # Calls.

    def deliver(self, order: Order) -> None:
        """Ask some worker for the refund."""
        if order.deliveries < _MOST_DELIVERIES:
            order.deliveries += 1
            self.start(Kind.REFUND, order)

    def start(self, kind: Kind, order: Order, callback: Callback | None = None) -> None:
        """Let some worker begin a call: one that is awake, where there is one."""
        awake = [one for one in self.workers if one.machine.asleep_until <= self.schedule.now]
        if awake:
            self.begin(self.chance.among(awake), kind, order, callback)
        else:
            machine = self.chance.among(self.workers).machine
            self.schedule.after(0.0, machine, self.start, kind, order, callback)

    def begin(self, worker: Worker, kind: Kind, order: Order, callback: Callback | None = None) -> Call:
        """Let a worker begin a call."""
        self._begun += 1
        self.refund_calls += kind is Kind.REFUND
        call = Call(self._begun, kind, order, worker)
        self.story.tell(self.schedule.now, order, "begins", call, worker)
        worker.begin(call, callback)
        self.step(call, 0, None)
        return call

    def step(self, call: Call, turn: int, value: Any) -> None:
        """Give the flow of a call its next input, unless that is no longer waited for."""
        if call.is_over or call.turn != turn:
            return
        call.turn = turn = turn + 1
        try:
            effect = call.flow.send(value)
        except StopIteration as ended:
            self._end(call, ended.value)
            return
        except Exception as error:  # noqa: BLE001 (what the caller is told)
            self._end(call, error)
            return
        call.effect = effect
        if isinstance(effect, Commit):
            self._wait_for_ledger(call, effect)
        elif isinstance(effect, Send):
            self._network.send(call, effect)
        elif isinstance(effect, Sleep):
            self.schedule.after(effect.seconds, call.worker.machine, self.step, call, turn, None)
        else:
            self._wait_for_other(call, effect)
        if not self.is_calm:
            self._trouble(call)

    def _wait_for_other(self, call: Call, effect: WaitFor) -> None:
        turn, machine = call.turn, call.worker.machine
        self.schedule.after(effect.seconds, machine, self.step, call, turn, None)
        effect.future.add_done_callback(
            lambda future: self.schedule.after(0.0, machine, self.step, call, turn, future.result())
        )

    def _end(self, call: Call, result: Any) -> None:
        call.worker.calls.remove(call)
        call.let_go()
        order = call.order
        self.story.tell(self.schedule.now, order, "ends", call, result)
        self.promises.told(call, result)
        call.result = result
        if self.is_calm or call.kind is Kind.CALLBACK:
            return
        is_accepted = isinstance(result, Refund)
        if self.chance.happens(0.03):
            self.later(self.person, order, order=order)
        if self.chance.happens(0.2 if is_accepted else 0.6):
            self.later(self.deliver, order, order=order)
        is_unknown = isinstance(result, OutcomeUnknown)
        if (is_unknown or (is_accepted and result.status is RefundStatus.PENDING)) and self.chance.happens(0.6):
            self.later(self.start, Kind.RESOLVE, order, order=order)
        if is_unknown and self.chance.happens(0.4):
            self.later(self.person, order, order=order)

    # The ledger.

    def _wait_for_ledger(self, call: Call, effect: Commit) -> None:
        worker, now = call.worker, self.schedule.now
        call.seen = None
        if not worker.waiting:
            is_slow = self.luck(Luck.SLOW_LEDGER)
            seconds = self.chance.between(1.0, 14.0) if is_slow else 0.01 * self.chance.draw()
            worker.writes_at = now + seconds
            self.schedule.after(seconds, worker.machine, self.write, worker)
        worker.waiting.append(call)
        if worker.writes_at - now > effect.seconds:
            self.schedule.after(effect.seconds, worker.machine, self._gives_up, call, call.turn)

    def _gives_up(self, call: Call, turn: int) -> None:
        if call in call.worker.waiting and call.turn == turn:
            call.worker.waiting.remove(call)
            self.step(call, turn, LedgerFailed("the ledger did not answer in time"))

    def write(self, worker: Worker) -> None:
        """Make what waits in a worker in one transaction."""
        batch, worker.waiting = worker.waiting[:_MOST_AT_ONCE], worker.waiting[_MOST_AT_ONCE:]
        if not batch or not worker.is_alive:
            return
        trouble = self.chance.among(_TROUBLES) if self.luck(Luck.LEDGER) else None
        worker.connection.trouble = trouble
        if trouble is not None:
            self.story.count("ledger in trouble")
        changes = [call.effect.change for call in batch]
        alone = batch[0] if len(batch) == 1 and isinstance(changes[0], Learn) else None
        if alone is not None and self.promises.is_held_by(worker, alone.order):
            alone = None  # for its own process a call is under way until it ends, and not for `entry`
        before = None if alone is None else self.entry(alone.order)
        self._has_nested = False
        results = worker.make(changes)
        if worker.waiting:
            self.schedule.after(0.001, worker.machine, self.write, worker)
        for call, result in zip(batch, results, strict=True):
            self.story.tell(self.schedule.now, call.order, "commits", call, call.effect.change, trouble)
            is_alone = not self._has_nested and sum(one.order is call.order for one in batch) == 1
            self.promises.committed(call, result, is_alone=is_alone)
            heard = result
            if trouble is None and self.luck(Luck.LEDGER) and self.chance.happens(0.3):
                heard = LedgerFailed("the ledger did not answer in time")
            self.schedule.after(0.01 * self.chance.draw(), worker.machine, self.step, call, call.turn, heard)
        if alone is not None and not self._has_nested and not isinstance(results[0], Exception):
            self.promises.learnt(alone, before, self.entry(alone.order))

    def _meanwhile(self, worker: Worker) -> None:
        """What another worker commits between the loading and the writing of this one, where the database lets it."""
        if self._has_nested or not self.plan.has_server:
            return
        for other in self.workers:
            if other is not worker and other.waiting and other.machine.asleep_until <= self.schedule.now:
                if self.chance.happens(0.5):
                    self.write(other)
                    self._has_nested = True
                return

    def _sweep_soon(self, worker: Worker) -> None:
        """Let a worker make the changes that nobody waits for."""
        self.schedule.after(self.chance.draw(), worker.machine, self._sweep, worker)

    def _sweep(self, worker: Worker) -> None:
        if not worker.is_alive:
            return
        worker.connection.trouble = self.chance.among(_TROUBLES) if self.luck(Luck.LEDGER) else None
        recorded = worker.sweep()
        self.story.tell(self.schedule.now, None, "sweeps", worker, recorded is not None)
        for call in recorded or ():
            self.promises.recorded(self._order_of(call.reservation), call.number, call.reservation)
        for order in self.plan.orders:
            self.promises.state(order)
        if recorded is None:
            self._sweep_soon(worker)

    def _order_of(self, reservation: Reservation) -> Order:
        request = reservation.request
        names = (request.provider, request.reference)
        return next(order for order in self.plan.orders if (order.provider, order.reference) == names)

    # Troubles.

    def _trouble(self, call: Call) -> None:
        drawn, rates = self.chance.draw(), self.plan.rates
        for luck, what in _WHAT.items():
            drawn -= rates[luck]
            if drawn < 0:
                seconds = self.chance.between(0.0, self.chance.among((0.02, 0.3, 3.0)))
                self.schedule.after(seconds, None, what, self, call)
                return

    def _kill(self, call: Call) -> None:
        self._kill_worker(call.worker)

    def _kill_worker(self, worker: Worker) -> None:
        if not worker.is_alive:
            return
        self.story.tell(self.schedule.now, None, "is killed", worker)
        orders = [call.order for call in worker.calls if call.kind is Kind.REFUND]
        worker.kill()
        self.workers[self.workers.index(worker)] = self._new_worker(worker.machine)
        for order in orders:
            self.later(self.deliver, order, order=order)
            if self.chance.happens(0.2):
                self.later(self.person, order, order=order)

    def _interrupt(self, call: Call) -> None:
        if not call.is_over and call.worker.machine.asleep_until <= self.schedule.now:
            self.story.tell(self.schedule.now, call.order, "is interrupted", call)
            call.worker.break_off(call)
            self.later(self.deliver, call.order, order=call.order)

    def _is_between_look_and_byte(self, machine: Machine) -> bool:
        """Whether a call has looked at its clocks, and is about to send. No promise holds if its lease passes now."""
        workers = [one for one in self.workers if one.machine is machine]
        return any(call.about_to_send for worker in workers for call in worker.calls)

    def sleep(self, call: Call) -> None:
        """Let the machine of a call sleep."""
        machine = call.worker.machine
        if machine.asleep_until <= self.schedule.now and not self._is_between_look_and_byte(machine):
            seconds = self.chance.among(_SLEEPS)
            self.story.tell(self.schedule.now, None, "sleeps", machine, seconds)
            machine.sleep(seconds)
            for one in [one for worker in self.workers if worker.machine is machine for one in worker.calls]:
                for what, rate in ((self.deliver, 0.7), (self.deliver, 0.4), (self.person, 0.3)):
                    if one.kind is Kind.REFUND and self.chance.happens(rate):
                        # Meanwhile, or so late that it goes on when the machine wakes up.
                        first = seconds - self.chance.among((seconds, 1.0, 0.1))
                        self.schedule.after(self.chance.between(first, seconds), None, what, one.order)

    def _jump(self, call: Call) -> None:
        machine = call.worker.machine
        if not self._is_between_look_and_byte(machine):
            seconds = self.chance.among(_JUMPS)
            self.story.tell(self.schedule.now, None, "is set", machine, seconds)
            machine.ahead += seconds

    def _reboot(self, call: Call) -> None:
        machine = call.worker.machine
        if machine.asleep_until > self.schedule.now:
            return
        self.story.tell(self.schedule.now, None, "starts again", machine)
        for worker in [one for one in self.workers if one.machine is machine]:
            self._kill_worker(worker)
        machine.start_again(self.chance.between(5.0, 60.0))

    def _expire(self, _: Call) -> None:
        self.story.tell(self.schedule.now, None, "expire")
        self.providers.expire_tokens()

    # A person.

    def person(self, order: Order, *, is_sure: bool = False) -> None:
        """A person looks at the provider's portal, and decides at once."""
        entry = self.entry(order)
        if entry is None:
            return
        if not (isinstance(entry.known, Unknown) or entry.contradiction):
            before = {**self.database.rows}
            self._decides(order, self.chance.happens(0.5))
            require(None if self.database.rows == before else world.WORDS_ARE_ABOUT_UNKNOWN, order)
            return
        is_executed = any(not one.failed for one in self.providers.executions(order))
        is_certain = is_executed or not (self._network.may_execute(order) or self._is_sent_again(order))
        is_wrong = self.plan.has_wrong_person and not is_sure and self.chance.happens(0.5)
        if not is_wrong and not is_certain:
            return
        executed = is_executed is not is_wrong
        result = self._decides(order, executed)
        self.story.tell(self.schedule.now, order, "decides", executed, is_wrong)
        if isinstance(result, LookupError):
            require(world.NEWS_IS_KEPT if isinstance(entry.known, Unknown) else None, order)
            return
        order.is_wrong = order.is_wrong or is_wrong
        order.denied = self._begun if is_wrong and not executed else -1
        self.promises.state(order)

    def _is_sent_again(self, order: Order) -> bool:
        """Whether a call that holds the reference, or did until something late was recorded, may send it yet."""
        calls = [call for worker in self.workers for call in worker.calls if call.order is order]
        return any(call.holds_until > self.schedule.now for call in calls)

    def _decides(self, order: Order, executed: bool) -> Any:
        decide = Decide(order.provider, order.reference, executed, "the operator", "looked it up")
        return self._desk.apply([decide], _SECONDS)[0]


_WHAT: Final = {
    Luck.KILL: Episode._kill,
    Luck.INTERRUPT: Episode._interrupt,
    Luck.SLEEP: Episode.sleep,
    Luck.JUMP: Episode._jump,
    Luck.REBOOT: Episode._reboot,
    Luck.EXPIRE: Episode._expire,
}
