"""Refunds over real clients that share a ledger, against the sandbox's own record of what was refunded.

A long run: REFUNDRY_STATEFUL=long. Hypothesis prints the steps that break a promise, and the line that repeats them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, ClassVar, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from refundry import InvalidRefund, LookupFailed, Money, Refund, RefundError, RefundStatus, WebhookRejected
from refundry.ledger.rules import State
from refundry.sandbox import Fault, Sandbox, SandboxRefund
from refundry.sandbox.blink import BlinkMachine
from refundry.sandbox.paybyrd import PaybyrdMachine
from tests.stateful import world
from tests.stateful.processes import Killed, Process, now, sleeping

ASKED: Final = Money.of("1.00", "EUR")
_CURRENCY: Final = "EUR"
_LEASE: Final = 10 + 60 + 5 + 1
_IN_MEMORY: Final = "/dev/shm"  # SQLite syncs each commit, and no promise here is about a power cut
_UNDONE: Final = PaybyrdMachine.UNDONE | BlinkMachine.UNDONE
_DENIED: Final = {"paybyrd": "Denied", "blink": "failed"}

orders = st.tuples(st.sampled_from(["paybyrd", "blink"]), st.sampled_from(["order-1", "order-2"]))
workers = st.integers(0, 2)
faults = st.sampled_from(
    [
        None,
        Fault.DECLINED,
        Fault.CUT_BEFORE,
        Fault.CUT_AFTER,
        Fault.HANG_BEFORE,
        Fault.HANG_AFTER,
        Fault.SERVER_ERROR_BEFORE,
        Fault.SERVER_ERROR_AFTER,
        Fault.STATUS_520,
        Fault.TRUNCATED_JSON,
        Fault.UNKNOWN_VALUE,
        Fault.WRONG_AMOUNT,
        Fault.TOO_MANY_REQUESTS,
    ]
)
cuts = st.sampled_from(["before the first byte", "before it arrives", "before the reply"])


class Refunds(RuleBasedStateMachine):
    """Workers that refund two orders at each of two providers. Each order has a payment of its own."""

    LEDGER: ClassVar[str] = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        self.cleared = ExitStack()
        self.sleep = self.cleared.enter_context(sleeping())
        self.folder = Path(tempfile.mkdtemp(dir=_IN_MEMORY if Path(_IN_MEMORY).is_dir() else None))
        self.cleared.callback(shutil.rmtree, self.folder)
        self.sandbox = Sandbox(clock=now)
        self.processes: list[Process] = []
        self.killed: list[Process] = []

    @initialize(pending=st.booleans(), is_async=st.booleans())
    def begin(self, pending: bool, is_async: bool) -> None:
        for provider in ("paybyrd", "blink"):
            for reference in ("order-1", "order-2"):
                self.sandbox.add_payment(provider, f"{provider}-{reference}", 10_000, _CURRENCY, pending=pending)
        self.processes = [self.process(is_async ^ bool(number % 2)) for number in range(3)]

    def process(self, is_async: bool) -> Process:
        url = f"sqlite:///{self.folder / 'refunds.db'}" if self.LEDGER == "sqlite" else None
        return Process(self.sandbox, url, is_async)

    def at(self, worker: int) -> Process:
        """The worker; without a shared ledger there is one, for only it knows what it has sent."""
        return self.processes[worker if self.LEDGER == "sqlite" else 0]

    # What the provider has really done.

    def refunds(self, order: tuple[str, str]) -> list[SandboxRefund]:
        provider, reference = order
        return [one for one in self.sandbox.refunds(provider) if one.payment_id == f"{provider}-{reference}"]

    def executions(self, order: tuple[str, str]) -> tuple[world.Execution, ...]:
        return tuple(world.Execution(one.refund_id, one.amount, one.state in _UNDONE) for one in self.refunds(order))

    def kept(self, worker: int, order: tuple[str, str]) -> world.Kept:
        entry = self.at(worker).ask("ledger.find", *order)
        if entry is None:
            return world.Kept()
        refund_id = None if entry.refund is None else entry.refund.refund_id
        return world.Kept(State(entry.state), refund_id, entry.contradiction is not None)

    def check(self, worker: int, order: tuple[str, str], result: Refund | Exception) -> None:
        assert world.told(result, self.executions(order)) is None, result
        assert world.told_unknown(result, self.kept(worker, order)) is None, result

    # What happens.

    def refund(self, worker: int, order: tuple[str, str]) -> Refund | RefundError:
        provider, reference = order
        payment = f"{provider}-{reference}"
        try:
            found = self.at(worker).ask("refund", provider, payment_id=payment, amount=ASKED, reference=reference)
        except RefundError as error:
            return error
        assert isinstance(found, Refund)
        return found

    @rule(worker=workers, order=orders, first=faults, second=faults)
    def refund_with_faults(
        self, worker: int, order: tuple[str, str], first: Fault | None, second: Fault | None
    ) -> None:
        self.sandbox.script(order[0], first, second, operation="refund_transaction")
        result = self.refund(worker, order)
        self.sandbox.clear_faults()
        self.check(worker, order, result)

    @rule(worker=workers, order=orders, cut=cuts, is_killed=st.booleans())
    def refund_is_interrupted(self, worker: int, order: tuple[str, str], cut: str, is_killed: bool) -> None:
        process = self.at(worker)
        process.line.cut = cut
        if is_killed and self.LEDGER == "sqlite":
            process.kill()
        try:
            result = self.refund(worker, order)
        except Killed:
            pass
        else:
            self.check(worker, order, result)
        process.line.cut = None
        if is_killed and self.LEDGER == "sqlite":
            self.killed.append(process)
            self.processes[worker] = self.process(not process.is_async)

    @precondition(lambda self: self.LEDGER == "sqlite")
    @rule(worker=workers)
    def restart(self, worker: int) -> None:
        self.processes[worker].close()
        self.processes[worker] = self.process(not self.processes[worker].is_async)

    @rule(seconds=st.sampled_from([_LEASE, 3600, 24 * 3600 - 40, 24 * 3600]))
    def the_machine_sleeps(self, seconds: int) -> None:
        self.sleep.seconds += seconds

    @rule(worker=workers, order=orders)
    def resolve(self, worker: int, order: tuple[str, str]) -> None:
        before = len(self.refunds(order))
        try:
            result = self.at(worker).ask("resolve", *order)
        except RefundError as error:
            result = error
        assert len(self.refunds(order)) == before
        self.check(worker, order, result)

    @rule(order=orders, fails=st.booleans())
    def a_pending_refund_ends(self, order: tuple[str, str], fails: bool) -> None:
        for one in self.refunds(order):
            if one.state in ("pending", "Processing"):
                state = _DENIED[order[0]] if fails else {"paybyrd": "Success", "blink": "completed"}[order[0]]
                self.sandbox.settle(order[0], one.refund_id, state)

    @rule(worker=workers, order=orders, which=st.integers(0, 9))
    def a_callback_comes(self, worker: int, order: tuple[str, str], which: int) -> None:
        made = self.refunds(order)
        if made:
            callback = self.sandbox.callback(order[0], made[which % len(made)].refund_id)
            process = self.at(worker)
            event = process.client.webhook(order[0], headers=callback.headers, body=callback.body)
            if event.to_be_confirmed:
                event = process.ask("confirm", event)
            process.ask("learn", event)

    @rule(worker=workers, reference=st.sampled_from(["order-1", "order-2"]))
    def a_forged_callback_is_refused(self, worker: int, reference: str) -> None:
        made = self.refunds(("paybyrd", reference))
        if made:
            callback = self.sandbox.callback("paybyrd", made[-1].refund_id, forged=True)
            try:
                self.at(worker).client.webhook("paybyrd", headers=callback.headers, body=callback.body)
            except WebhookRejected:
                return
            raise AssertionError("a forged callback was believed")

    @rule(worker=workers, order=orders)
    def a_person_looks_and_decides(self, worker: int, order: tuple[str, str]) -> None:
        is_executed = any(not one.failed for one in self.executions(order))
        word = RefundStatus.SUCCEEDED if is_executed else RefundStatus.FAILED
        state = self.kept(worker, order).state
        try:
            self.at(worker).ask("ledger.decide", *order, word, by="an operator", reason="the provider's portal")
        except InvalidRefund:
            assert state is not State.UNKNOWN

    @rule(worker=workers, order=orders)
    def a_refund_is_looked_up(self, worker: int, order: tuple[str, str]) -> None:
        entry = self.at(worker).ask("ledger.find", *order)
        refund: Any = None if entry is None else entry.refund
        if refund is not None and refund.refund_id is not None:
            with suppress(LookupFailed):
                self.check(worker, order, self.at(worker).ask("lookup", refund))

    @invariant()
    def every_promise_holds(self) -> None:
        for order in (("paybyrd", "order-1"), ("paybyrd", "order-2"), ("blink", "order-1"), ("blink", "order-2")):
            executions = self.executions(order)
            assert world.paid(executions, ASKED.minor_units) is None, order
            if self.processes:
                kept = self.kept(0, order)
                assert world.true(kept, executions, may_still_be_executed=False) is None, (order, kept)

    @invariant()
    def nothing_that_was_sent_breaks_a_contract(self) -> None:
        assert self.sandbox.violations == ()

    def teardown(self) -> None:
        # A lease outlasts the call, and never more.
        self.sleep.seconds += _LEASE
        if self.processes:
            for order in (("paybyrd", "order-1"), ("blink", "order-1")):
                assert self.kept(0, order).state is not State.SENDING
        for one in (*self.processes, *self.killed):
            one.close()
        self.cleared.close()


class RefundsInMemory(Refunds):
    """The same, of one client without a ledger."""

    LEDGER = "memory"


_IS_LONG: Final = os.environ.get("REFUNDRY_STATEFUL") == "long"
_SETTINGS: Final = settings(
    max_examples=2_000 if _IS_LONG else 60,
    stateful_step_count=60 if _IS_LONG else 25,
    deadline=None,
    derandomize=False,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

TestRefunds = Refunds.TestCase
TestRefunds.settings = _SETTINGS
TestRefundsInMemory = RefundsInMemory.TestCase
TestRefundsInMemory.settings = _SETTINGS
