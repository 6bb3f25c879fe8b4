"""Cancels over real connections: at the sandbox, and at broken servers."""

import pytest

from refundry import (
    Evidence,
    LookupFailed,
    Operation,
    RefundStatus,
    Resend,
    Retry,
    UnsupportedOperation,
)
from refundry.sandbox import Fault, Sandbox
from tests.facade.questions import looked_up, pending
from tests.facade.support import Kind
from tests.faults.lookups import (
    BRIEFLY,
    FAILED,
    PAYMENT,
    PENDING,
    SUCCEEDED,
    at_sandbox,
    refund_of,
)
from tests.faults.servers import Server, answering
from tests.faults.support import SHORT, both_kinds, client_of, within


@both_kinds
def test_a_refund_that_the_terminal_has_not_begun_is_cancelled(kind: Kind) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox) as client:
        refund = refund_of(client)
        outcome = looked_up(client, refund, "cancel")
    assert (outcome.status, outcome.provider_code, outcome.refund_id) == (FAILED, "CANCELED", refund.refund_id)
    assert sandbox.remaining("lab4pay", PAYMENT) == 10_000
    assert sandbox.violations == ()


@both_kinds
@pytest.mark.parametrize(("heeds", "expected"), [(True, FAILED), (False, SUCCEEDED)])
def test_a_refund_that_the_terminal_has_begun_ends_as_the_terminal_decides(
    kind: Kind, heeds: bool, expected: RefundStatus
) -> None:
    sandbox = Sandbox(heed_cancel=heeds)
    with at_sandbox(kind, sandbox) as client:
        refund = refund_of(client)
        sandbox.advance()
        outcome = looked_up(client, refund, "cancel")
        assert (outcome.status, outcome.provider_code) == (PENDING, "IN_PROGRESS")
        sandbox.advance()
        assert looked_up(client, outcome, "wait").status is expected
    assert sandbox.remaining("lab4pay", PAYMENT) == (10_000 if heeds else 9_900)


@both_kinds
def test_a_refund_that_is_done_is_not_cancelled(kind: Kind) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox) as client:
        refund = refund_of(client)
        sandbox.advance()
        sandbox.advance()
        assert looked_up(client, refund, "cancel").status is SUCCEEDED
    assert sandbox.remaining("lab4pay", PAYMENT) == 9_900


@both_kinds
@pytest.mark.parametrize("fault", [Fault.CUT_AFTER, Fault.HANG_AFTER, Fault.SERVER_ERROR_AFTER])
@pytest.mark.parametrize("attempts", [1, 3])
def test_a_cancel_that_was_executed_and_lost_is_found_by_its_state(kind: Kind, fault: Fault, attempts: int) -> None:
    sandbox = Sandbox()
    sandbox.script("lab4pay", fault, operation="cancel_transaction")
    retry = Retry(attempts=attempts, first_wait=0.001)
    with at_sandbox(kind, sandbox, timeout=SHORT, retry=retry) as client:
        assert looked_up(client, refund_of(client), "cancel").status is FAILED
    assert sandbox.remaining("lab4pay", PAYMENT) == 10_000


@both_kinds
@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE, Fault.HANG_BEFORE, Fault.SERVER_ERROR_BEFORE, Fault.REDIRECT])
def test_a_cancel_that_did_not_arrive_leaves_the_refund_pending(kind: Kind, fault: Fault) -> None:
    sandbox = Sandbox()
    sandbox.script("lab4pay", fault, operation="cancel_transaction")
    with at_sandbox(kind, sandbox, timeout=SHORT) as client:
        outcome = looked_up(client, refund_of(client), "cancel")
        assert (outcome.status, outcome.provider_code) == (PENDING, "INITIATED")
        assert looked_up(client, outcome, "cancel").status is FAILED


@both_kinds
def test_a_cancel_without_a_lookup_after_it_gives_no_state(kind: Kind) -> None:
    sandbox = Sandbox()
    sandbox.script("lab4pay", Fault.CUT_AFTER, operation="get_transaction_status")
    with at_sandbox(kind, sandbox) as client:
        refund = refund_of(client)
        with pytest.raises(LookupFailed) as failed:
            looked_up(client, refund, "cancel")
        assert (failed.value.refund, failed.value.temporary, failed.value.resend) == (refund, True, Resend.NEVER)
        assert looked_up(client, refund).status is FAILED


@both_kinds
def test_a_cancel_that_uses_up_the_deadline_may_be_looked_up_later(kind: Kind) -> None:
    sandbox = Sandbox()
    sandbox.script("lab4pay", Fault.HANG_AFTER, operation="cancel_transaction")
    with at_sandbox(kind, sandbox, retry=Retry(attempts=3, deadline=1.0)) as client:
        refund = refund_of(client)
        with within(15), pytest.raises(LookupFailed) as failed:
            looked_up(client, refund, "cancel")
        assert (failed.value.refund, failed.value.temporary, failed.value.resend) == (refund, True, Resend.NEVER)
        assert looked_up(client, refund).status is FAILED


@both_kinds
def test_a_cancel_that_cannot_be_sent_is_reported_and_no_lookup_follows(kind: Kind) -> None:
    attempts: list[tuple[Operation, Evidence]] = []
    with Server(answering()) as server:
        pass
    with (
        client_of(
            kind,
            server,
            "lab4pay",
            retry=BRIEFLY,
            on_attempt=lambda attempt: attempts.append((attempt.operation, attempt.evidence)),
        ) as client,
        pytest.raises(LookupFailed) as failed,
    ):
        looked_up(client, pending("lab4pay"), "cancel")
    error = failed.value
    assert (error.refund, error.temporary, error.resend) == (pending("lab4pay"), True, Resend.NEVER)
    assert attempts == [(Operation.CANCEL, Evidence.NOT_SENT)] * 3


@both_kinds
@pytest.mark.parametrize("provider", ["paybyrd", "blink"])
def test_a_refund_is_not_cancelled_where_the_provider_has_no_cancel(kind: Kind, provider: str) -> None:
    with (
        Server(answering()) as server,
        client_of(kind, server, provider) as client,
        pytest.raises(UnsupportedOperation) as refused,
    ):
        looked_up(client, pending(provider), "cancel")
    assert refused.value.resend is Resend.NEVER
    assert server.connections == 0


@both_kinds
@pytest.mark.parametrize("status", [SUCCEEDED, FAILED])
def test_a_final_refund_is_neither_cancelled_nor_waited_for(kind: Kind, status: RefundStatus) -> None:
    refund = pending("lab4pay", status=status)
    with Server(answering()) as server, client_of(kind, server, "lab4pay") as client:
        assert looked_up(client, refund, "cancel") == looked_up(client, refund, "wait") == refund
    assert server.connections == 0
