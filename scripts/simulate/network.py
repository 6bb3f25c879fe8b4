"""What befalls a request between a call and its provider, and what a provider does by itself afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from refundry.wire import Evidence
from scripts.simulate.chance import FAULTS, Luck
from scripts.simulate.promises import require
from scripts.simulate.provider import CUT, NO_CONNECTION, PENDING, TIMED_OUT, arrived
from scripts.simulate.worker import Call, Kind
from tests.stateful import world

if TYPE_CHECKING:
    from refundry.flows.effects import Send
    from refundry.sandbox.machine import Callback
    from refundry.wire import WireRequest
    from scripts.simulate.chance import Order
    from scripts.simulate.promises import Promises
    from scripts.simulate.setting import Setting

SECONDS_ON_THE_WAY: Final = 20.0
"""A request arrives within these, or never: less than what the margin of a window leaves room for."""


@dataclass(slots=True, eq=False)
class _Flight:
    """A request on its way. `turn` is that of the call which waits for the reply; `arrives` is when it gets there."""

    call: Call
    turn: int
    request: WireRequest
    is_refund: bool
    key: str | None
    arrives: float = 0.0


class Network:
    """The requests of an episode that are on their way."""

    def __init__(self, setting: Setting, promises: Promises) -> None:
        self._setting = setting
        self._promises = promises
        self._chance = setting.chance
        self._schedule = setting.schedule
        self._refunds: list[_Flight] = []

    def may_execute(self, order: Order) -> bool:
        """Whether a request that has left, or that is about to, may still execute a refund of the order."""
        providers = self._setting.providers
        for flight in self._refunds:
            seconds = flight.arrives - self._schedule.now
            if flight.call.order is order and providers.would_execute(order, flight.key, seconds):
                return True
        return any(providers.would_execute(order, call.key) for call in self._about_to_send(order))

    def _about_to_send(self, order: Order) -> list[Call]:
        workers = self._setting.workers
        return [call for worker in workers for call in worker.calls if call.about_to_send and call.order is order]

    def send(self, call: Call, effect: Send) -> None:
        """Carry a request, and its reply."""
        setting, chance, machine = self._setting, self._chance, call.worker.machine
        if setting.luck(Luck.UNCONNECTED):
            self._schedule.after(chance.draw(), machine, setting.step, call, call.turn, NO_CONNECTION)
            return
        request = effect.request
        is_refund = call.kind is Kind.REFUND and request.method == "POST" and call.order.payment_id in request.target
        key = next((value for name, value in request.headers if name.lower() == "idempotency-key"), None)
        flight = _Flight(call, call.turn, request, is_refund, key)
        if is_refund:
            call.about_to_send, call.key = True, key
            if not call.order.is_wrong:
                require(world.ONE_SENDS if len(self._about_to_send(call.order)) > 1 else None, call.order)
        seconds = 0.0 if setting.is_calm else 0.1 * chance.draw() ** 4
        self._schedule.after(seconds, machine, self._leave, flight, effect.timeout.total)

    def _leave(self, flight: _Flight, timeout: float) -> None:
        call, chance, setting = flight.call, self._chance, self._setting
        if call.is_over or call.turn != flight.turn:
            return
        flight.request.progress.evidence = Evidence.MAYBE_SENT
        call.about_to_send = False
        if flight.is_refund and call.order.first_sent is None:
            call.order.first_sent = self._schedule.now
        machine = call.worker.machine
        is_lost, seconds = setting.luck(Luck.LOST_REQUEST), 0.2 * chance.draw() ** 4
        if setting.luck(Luck.LATE_REQUEST):
            seconds = chance.between(0.0, SECONDS_ON_THE_WAY)
        if not is_lost:
            flight.arrives = self._schedule.now + seconds
            if flight.is_refund:
                self._refunds.append(flight)
            self._schedule.after(seconds, None, self._arrive, flight)
        if is_lost or seconds > 1.0:
            setting.story.tell(self._schedule.now, call.order, "is lost" if is_lost else "is late", call, seconds)
        # The connection is cut, or the caller waits until its time is over.
        until = chance.between(0.0, timeout) if (is_lost or seconds > 1.0) and chance.happens(0.5) else timeout
        self._schedule.after(until, machine, setting.step, call, flight.turn, CUT if until < timeout else TIMED_OUT)

    def _arrive(self, flight: _Flight) -> None:
        call, chance, setting = flight.call, self._chance, self._setting
        order, providers = call.order, setting.providers
        if flight.is_refund:
            self._refunds.remove(flight)
        fault = chance.among(FAULTS) if setting.luck(Luck.FAULT) else None
        if fault is not None:
            setting.story.count("meets a fault")
        before = len(providers.refunds(order)) if flight.is_refund else 0
        reply = providers.handle(order.provider, flight.request, fault)
        setting.story.tell(self._schedule.now, order, "arrives", call, flight.request.method, fault, reply.status)
        if flight.is_refund:
            for refund in providers.refunds(order)[before:]:
                setting.story.tell(self._schedule.now, order, "executes", call, refund.refund_id)
                self._executed(order, refund.refund_id, refund.state in PENDING)
            self._promises.state(order)
        if call.is_over or call.turn != flight.turn:
            return
        if setting.luck(Luck.LOST_REPLY):
            setting.story.tell(self._schedule.now, order, "reply lost", call)
            return
        answer = arrived(reply)
        if answer is not None:
            machine = call.worker.machine
            self._schedule.after(0.2 * chance.draw() ** 4, machine, setting.step, call, flight.turn, answer)
            if flight.is_refund and setting.luck(Luck.SLEEP):  # the caller gets the reply when the machine wakes up
                setting.sleep(call)

    # What a provider does by itself.

    def _executed(self, order: Order, refund_id: str, is_pending: bool) -> None:
        setting = self._setting
        if is_pending and not setting.is_calm:
            setting.later(self._settle, order, refund_id, order=order)
        if not setting.is_calm:
            self._calls_back(order, refund_id)

    def _settle(self, order: Order, refund_id: str) -> None:
        setting = self._setting
        fails = self._chance.happens(0.5)
        state = setting.providers.settle(order, refund_id, fails=fails)
        if state is not None:
            if fails:
                setting.story.count("ends failed")
            setting.story.tell(self._schedule.now, order, "settles", refund_id, state)
            self._promises.state(order)
            self._calls_back(order, refund_id)

    def _calls_back(self, order: Order, refund_id: str) -> None:
        """Send callbacks about a refund as it is now: at once, late, twice, out of order, and forged ones."""
        setting, chance = self._setting, self._chance
        if not chance.happens(setting.plan.callbacks):
            return
        callback = setting.providers.callback(order.provider, refund_id)
        for _ in range(2 if chance.happens(0.2) else 1):
            if chance.happens(0.3):  # before the reply
                self._schedule.after(0.0, None, setting.start, Kind.CALLBACK, order, callback)
            else:
                setting.later(setting.start, Kind.CALLBACK, order, callback, order=order)
        if order.provider != "blink" and chance.happens(0.1):
            forged = setting.providers.callback(order.provider, refund_id, forged=True)
            setting.later(self._forge, order, forged, order=order)

    def _forge(self, order: Order, callback: Callback) -> None:
        is_refused = self._setting.workers[0].is_forged(order.provider, callback)
        require(None if is_refused else world.FORGERIES_ARE_REFUSED, order)
