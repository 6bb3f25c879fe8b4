"""Lookups over real connections: the states of a refund, and servers that give none."""

import json
from typing import Final

import pytest

from refundry import (
    FULL,
    InvalidRefund,
    LookupFailed,
    Money,
    Operation,
    Reason,
    RefundRejected,
    Resend,
    UnsupportedOperation,
)
from refundry.sandbox import CREDENTIALS, INTEGRATOR_ID, Fault, Sandbox, SandboxServer
from refundry_lab4pay.api.transactions import revert_transaction
from refundry_lab4pay.client import AuthenticatedClient
from tests.facade.questions import DONE, UNDONE, VOID_HINTS, looked_up, pending, state
from tests.facade.support import ONE_EURO, Kind, account, caller
from tests.faults.lookups import (
    BRIEFLY,
    FAILED,
    KEYS,
    PAYMENT,
    PENDING,
    SILENT,
    SUCCEEDED,
    UNANSWERED,
    answer,
    at_sandbox,
    every_provider,
    explained,
    refund_of,
    refusing,
)
from tests.faults.servers import Server, answering, head, once, reply
from tests.faults.support import AMPLE, SHORT, both_kinds, client_of

# A refund of a transaction at Lab4Pay, and its states.


@both_kinds
def test_a_refund_of_a_transaction_is_pending_and_waited_for_until_it_is_done(kind: Kind) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox, on_attempt=lambda _: sandbox.advance()) as client:
        refund = refund_of(client)
        outcome = looked_up(client, refund, "wait", timeout=10, poll=0.01)
        second = refund_of(client)
    assert (refund.status, refund.payment_id, refund.amount) == (PENDING, PAYMENT, ONE_EURO)
    assert (outcome.status, outcome.refund_id, outcome.payment_id) == (SUCCEEDED, refund.refund_id, PAYMENT)
    assert (second.status, second.replayed) == (SUCCEEDED, True)
    assert [(one.refund_id, one.payment_id, one.amount) for one in sandbox.refunds("lab4pay")] == [
        (refund.refund_id, PAYMENT, 100)
    ]
    assert sandbox.remaining("lab4pay", PAYMENT) == 9_900
    assert sandbox.violations == ()


@both_kinds
def test_each_state_of_a_refund_at_the_terminal_is_returned(kind: Kind) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox) as client:
        refund = refund_of(client)
        outcome = [looked_up(client, refund)]
        for _ in range(3):
            sandbox.advance()
            outcome.append(looked_up(client, refund))
    assert [(one.status, one.provider_code) for one in outcome] == [
        (PENDING, "INITIATED"),
        (PENDING, "IN_PROGRESS"),
        (SUCCEEDED, "SUCCESS"),
        (SUCCEEDED, "SUCCESS"),
    ]


@both_kinds
@pytest.mark.parametrize("word", ["DECLINED", "EXPIRED", "FAILED", "CANCELED"])
def test_a_refund_that_the_terminal_did_not_execute_may_be_resent(kind: Kind, word: str) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox) as client:
        refund = refund_of(client)
        sandbox.settle("lab4pay", refund.refund_id or "", word)
        assert looked_up(client, refund, "wait").status is FAILED
        second = refund_of(client)
        assert (second.status, second.replayed) == (PENDING, False)
        assert second.refund_id != refund.refund_id
    assert len(sandbox.refunds("lab4pay")) == 2


@both_kinds
def test_a_wait_continues_over_an_unlisted_state(kind: Kind) -> None:
    sandbox = Sandbox()
    sandbox.script("lab4pay", Fault.UNKNOWN_VALUE, Fault.NULL_OBJECT, operation="get_transaction_status")
    with at_sandbox(kind, sandbox, on_attempt=lambda _: sandbox.advance()) as client:
        assert looked_up(client, refund_of(client), "wait", timeout=10, poll=0.01).status is SUCCEEDED
        assert [deviation.pointer for deviation in client.deviations] == ["/status", "/status"]


@both_kinds
def test_full_is_refused_and_nothing_reaches_the_terminal(kind: Kind) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox) as client, pytest.raises(UnsupportedOperation) as refused:
        refund_of(client, amount=FULL)
    assert refused.value.field == "amount"
    assert sandbox.refunds("lab4pay") == ()


@both_kinds
def test_a_payment_that_was_voided_cannot_be_refunded_and_the_refusal_says_so(kind: Kind) -> None:
    sandbox = Sandbox()
    attempts: list[tuple[Operation, int | None]] = []
    with SandboxServer(sandbox) as server:
        provider = AuthenticatedClient(base_url=server.base_url, token=CREDENTIALS["lab4pay"])
        revert_transaction.sync(PAYMENT, client=provider, x_pay_connect_integrator_id=INTEGRATOR_ID)
        provider.get_httpx_client().close()
        sandbox.advance()
        sandbox.advance()
        made = account("lab4pay", base_url=server.base_url, **KEYS["lab4pay"])
        with caller(
            kind,
            made,
            retry=BRIEFLY,
            on_attempt=lambda attempt: attempts.append((attempt.operation, attempt.status)),
        ) as client:
            with pytest.raises(RefundRejected) as refused:
                refund_of(client)
            error = explained(client, refused.value)
    assert (error.reason, error.resend, error.http_status) == (Reason.NOT_REFUNDABLE, Resend.SAFE, 400)
    assert "REVERTED" in str(error)
    assert VOID_HINTS["lab4pay"] in str(error)
    assert attempts == [(Operation.REFUND, 400), (Operation.LOOKUP, 200)]
    assert sandbox.refunds("lab4pay") == ()


@both_kinds
def test_an_unsettled_payment_at_blink_cannot_be_refunded_and_the_refusal_says_so(kind: Kind) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox) as client:
        with pytest.raises(RefundRejected) as refused:
            refund_of(client, "blink", "blink-captured", Money.of("1.00", "GBP"))
        error = explained(client, refused.value)
        sandbox.add_payment("blink", "blink-captured", 10_000, "GBP")
        assert refund_of(client, "blink", "blink-captured", Money.of("1.00", "GBP")).status is SUCCEEDED
    assert (error.reason, error.resend, error.http_status) == (Reason.NOT_REFUNDABLE, Resend.SAFE, 400)
    assert "captured" in str(error)
    assert VOID_HINTS["blink"] in str(error)


SILENT_FAULTS: Final = (
    Fault.TOO_MANY_REQUESTS,
    Fault.SERVER_ERROR_BEFORE,
    Fault.STATUS_520,
    Fault.HTML_200,
    Fault.EMPTY_200,
    Fault.TRUNCATED_JSON,
    Fault.WRONG_SHAPE,
    Fault.UNKNOWN_VALUE,
    Fault.NULL_OBJECT,
    Fault.TOO_LARGE,
    Fault.REDIRECT,
    Fault.CUT_AFTER,
    Fault.CUT_IN_REPLY,
    Fault.HANG_AFTER,
)


@both_kinds
@pytest.mark.parametrize("fault", SILENT_FAULTS)
def test_a_refusal_is_unchanged_where_the_payment_cannot_be_looked_up(kind: Kind, fault: Fault) -> None:
    sandbox = Sandbox()
    sandbox.script("blink", fault, operation="get_transaction")
    with at_sandbox(kind, sandbox, timeout=SHORT, retry=BRIEFLY) as client, pytest.raises(RefundRejected) as refused:
        refund_of(client, "blink", "blink-captured", Money.of("1.00", "GBP"))
    error = refused.value
    assert (error.reason, error.resend, error.http_status) == (Reason.INVALID, Resend.SAFE, 400)
    assert error.__cause__ is error.__context__ is None


# Paybyrd and Blink.


@both_kinds
def test_a_202_is_followed_to_its_end(kind: Kind) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox, on_attempt=lambda _: sandbox.advance()) as client:
        refund = refund_of(client, "paybyrd", "paybyrd-pending")
        outcome = looked_up(client, json.loads(json.dumps(refund.to_dict())), "wait", timeout=10, poll=0.01)
    (executed,) = sandbox.refunds("paybyrd")
    assert (refund.status, refund.refund_id) == (PENDING, None)
    assert (outcome.status, outcome.refund_id, outcome.amount) == (SUCCEEDED, executed.refund_id, ONE_EURO)
    assert sandbox.violations == ()


@both_kinds
def test_full_at_blink_is_followed_to_its_end_and_has_its_amount_then(kind: Kind) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox, on_attempt=lambda _: sandbox.advance()) as client:
        refund = refund_of(client, "blink", "blink-pending", FULL)
        outcome = looked_up(client, refund, "wait", timeout=10, poll=0.01)
    assert (refund.status, refund.amount) == (PENDING, None)
    assert (outcome.status, outcome.amount) == (SUCCEEDED, Money.of("100.00", "GBP"))


@both_kinds
def test_the_older_reply_of_blink_names_no_transaction_to_look_up(kind: Kind) -> None:
    with at_sandbox(kind, Sandbox(blink_reply="success")) as client:
        refund = refund_of(client, "blink", "blink-gbp", FULL)
        with pytest.raises(UnsupportedOperation) as refused:
            looked_up(client, refund)
    assert (refused.value.field, refused.value.resend) == ("refund_id", Resend.NEVER)


@both_kinds
@pytest.mark.parametrize("provider", ["paybyrd", "blink"])
@pytest.mark.parametrize("word", ["undone", "misplaced"])
def test_a_failed_refund_frees_its_reference_and_an_unlisted_state_does_not(
    kind: Kind, provider: str, word: str
) -> None:
    sandbox = Sandbox()
    amount = Money.of("1.00", "EUR" if provider == "paybyrd" else "GBP")
    with at_sandbox(kind, sandbox) as client:
        refund = refund_of(client, provider, f"{provider}-pending", amount)
        (executed,) = sandbox.refunds(provider)
        sandbox.settle(provider, executed.refund_id, UNDONE[provider] if word == "undone" else "Misplaced")
        assert looked_up(client, refund).status is (FAILED if word == "undone" else PENDING)
        if word == "undone" and provider == "paybyrd":  # Paybyrd answers with the failed refund
            with pytest.raises(RefundRejected) as refused:
                refund_of(client, provider, f"{provider}-pending", amount)
            assert refused.value.same_answer_until is not None
        else:
            assert refund_of(client, provider, f"{provider}-pending", amount).replayed is (word == "misplaced")


# Lookups without an answer.


@both_kinds
@pytest.mark.parametrize("fault", UNANSWERED)
def test_a_lookup_without_an_answer_is_retried_and_then_gives_no_state(kind: Kind, fault: str) -> None:
    with (
        Server(UNANSWERED[fault]) as server,
        client_of(kind, server, timeout=SHORT if fault in SILENT else AMPLE, retry=BRIEFLY) as client,
        pytest.raises(LookupFailed) as failed,
    ):
        looked_up(client, pending("paybyrd"))
    error = failed.value
    assert (error.temporary, error.retry_after, error.raw) == (True, None, None)
    assert (error.refund, error.resend) == (pending("paybyrd"), Resend.NEVER)
    assert error.__cause__ is error.__context__ is None
    assert server.connections == 3


@both_kinds
@every_provider
def test_a_truncated_answer_is_retried_and_then_gives_no_state(kind: Kind, provider: str) -> None:
    whole = reply(state(provider, DONE[provider]).body)
    with (
        Server(once(whole[:-1])) as server,
        client_of(kind, server, provider, retry=BRIEFLY) as client,
        pytest.raises(LookupFailed) as failed,
    ):
        looked_up(client, pending(provider))
    assert failed.value.temporary
    assert "ended early" in str(failed.value)
    assert server.connections == 3


@both_kinds
@every_provider
def test_an_unreachable_provider_gives_no_state(kind: Kind, provider: str) -> None:
    with Server(answering()) as server:
        pass
    with client_of(kind, server, provider, retry=BRIEFLY) as client, pytest.raises(LookupFailed) as failed:
        looked_up(client, pending(provider))
    assert (failed.value.temporary, failed.value.refund) == (True, pending(provider))


@both_kinds
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_not_followed(kind: Kind, status: str) -> None:
    with Server(answering(reply(state("blink", "completed").body))) as elsewhere:
        redirecting = once(head(f"Location: {elsewhere.url}/", "Content-Length: 0", "Connection: close", status=status))
        with (
            Server(redirecting) as server,
            client_of(kind, server, "blink", retry=BRIEFLY) as client,
            pytest.raises(LookupFailed) as failed,
        ):
            looked_up(client, pending("blink"))
    assert failed.value.http_status == int(status[:3])
    assert (server.connections, elsewhere.connections) == (1, 0)


@both_kinds
@every_provider
def test_a_lookup_is_retried_until_there_is_an_answer(kind: Kind, provider: str) -> None:
    scripts = [once(), refusing("503 Service Unavailable"), once(answer(provider, DONE[provider]))]
    with Server(*scripts) as server, client_of(kind, server, provider, retry=BRIEFLY) as client:
        assert looked_up(client, pending(provider)).status is SUCCEEDED
    first, second, third = server.requests
    assert first.line == second.line == third.line
    assert first.line.startswith("GET ")
    assert first.headers == second.headers == third.headers


@both_kinds
def test_a_link_that_leads_elsewhere_opens_no_connection(kind: Kind) -> None:
    with Server(answering()) as elsewhere, Server(answering()) as server:
        links = [
            f"{elsewhere.url}/api/v2/transactions?requestId=a",
            f"//127.0.0.1:{elsewhere.port}/api/v2/transactions/a",
        ]
        with client_of(kind, server) as client:
            for link in [*links, "/api/v2/transactions/../refund/payment-1", "/api/v2/refund/payment-1"]:
                with pytest.raises(InvalidRefund) as refused:
                    looked_up(client, pending("paybyrd", refund_id=None, tracking_id=link))
                assert refused.value.field == "tracking_id"
    assert server.connections == elsewhere.connections == 0


@both_kinds
def test_a_link_to_the_same_server_is_followed(kind: Kind) -> None:
    with Server(answering(reply(b"[]"))) as server, client_of(kind, server) as client:
        for link in ("/api/v2/transactions?requestId=a", f"{server.url}/api/v2/transactions?requestId=a"):
            assert looked_up(client, pending("paybyrd", refund_id=None, tracking_id=link)).status is PENDING
    assert [request.line for request in server.requests] == ["GET /api/v2/transactions?requestId=a HTTP/1.1"] * 2
