"""Asking about a refund, waiting for it and calling it off, over real connections: the sandbox, and broken servers."""

import inspect
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import pytest

from refundry import (
    FULL,
    Evidence,
    InvalidRefund,
    LookupFailed,
    Money,
    Operation,
    Reason,
    Refund,
    RefundRejected,
    RefundStatus,
    Resend,
    Retry,
    StillPending,
    Timeout,
    UnsupportedOperation,
)
from refundry.sandbox import CREDENTIALS, INTEGRATOR_ID, Fault, Sandbox, SandboxServer
from refundry_lab4pay.api.transactions import revert_transaction
from refundry_lab4pay.client import AuthenticatedClient
from tests.facade.questions import DONE, UNDONE, VOIDS, asked, pending, state
from tests.facade.support import ONE_EURO, PROVIDERS, Caller, Kind, account, caller
from tests.faults.servers import Peer, Script, Server, answering, head, once, reply
from tests.faults.support import AMPLE, SHORT, both_kinds, client_of, within

SUCCEEDED, PENDING, FAILED = RefundStatus.SUCCEEDED, RefundStatus.PENDING, RefundStatus.FAILED

every_provider = pytest.mark.parametrize("provider", PROVIDERS)

PAYMENT: Final = "lab4pay-payment"
BRIEFLY: Final = Retry(attempts=3, first_wait=0.001)
KEYS: Final[dict[str, dict[str, str]]] = {
    "lab4pay": {"access_token": CREDENTIALS["lab4pay"], "integrator_id": INTEGRATOR_ID},
    "paybyrd": {"api_key": CREDENTIALS["paybyrd"]},
    "blink": {"access_token": CREDENTIALS["blink"]},
}


@contextmanager
def at_sandbox(kind: Kind, sandbox: Sandbox, **options: Any) -> Iterator[Caller]:
    """Give a client of all three providers of a sandbox, with access tokens that are always good."""
    with SandboxServer(sandbox) as server:
        accounts = [account(provider, base_url=server.base_url, **keys) for provider, keys in KEYS.items()]
        with caller(kind, *accounts, **{"timeout": AMPLE, **options}) as client:
            yield client


def refund_of(
    client: Caller, provider: str = "lab4pay", payment_id: str = PAYMENT, amount: object = ONE_EURO
) -> Refund:
    return client.refund(provider, payment_id=payment_id, amount=amount, reference="reference-1")


def explained(client: Caller, refused: RefundRejected) -> RefundRejected:
    given: Any = client.client.explain(refused)
    told: RefundRejected = client.run(given) if inspect.iscoroutine(given) else given
    return told


def answer(provider: str, word: str) -> bytes:
    """Return a reply to a question, for a connection that ends after it."""
    return reply(state(provider, word).body, "Connection: close")


def refusing(status: str, *headers: str) -> Script:
    """Return a script that answers one question with an error."""
    return once(reply(b"{}", *headers, "Connection: close", status=status))


def holds(*parts: bytes) -> Script:
    """Return a script that takes a question, sends these parts, and is silent from then on."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(*parts)
        peer.hold()

    return script


def resets(peer: Peer) -> None:
    peer.request()
    peer.reset()


# A refund of a transaction at Lab4Pay, and what becomes of it.


@both_kinds
def test_a_refund_of_a_transaction_is_pending_and_waited_for_until_it_is_done(kind: Kind) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox, on_attempt=lambda _: sandbox.advance()) as client:
        refund = refund_of(client)
        told = asked(client, refund, "wait", timeout=10, poll=0.01)
        again = refund_of(client)
    assert (refund.status, refund.payment_id, refund.amount) == (PENDING, PAYMENT, ONE_EURO)
    assert (told.status, told.refund_id, told.payment_id) == (SUCCEEDED, refund.refund_id, PAYMENT)
    assert (again.status, again.replayed) == (SUCCEEDED, True)
    assert [(one.refund_id, one.payment_id, one.amount) for one in sandbox.refunds("lab4pay")] == [
        (refund.refund_id, PAYMENT, 100)
    ]
    assert sandbox.remaining("lab4pay", PAYMENT) == 9_900
    assert sandbox.violations == ()


@both_kinds
def test_each_state_of_a_refund_at_the_terminal_is_told(kind: Kind) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox) as client:
        refund = refund_of(client)
        told = [asked(client, refund)]
        for _ in range(3):
            sandbox.advance()
            told.append(asked(client, refund))
    assert [(one.status, one.provider_code) for one in told] == [
        (PENDING, "INITIATED"),
        (PENDING, "IN_PROGRESS"),
        (SUCCEEDED, "SUCCESS"),
        (SUCCEEDED, "SUCCESS"),
    ]


@both_kinds
@pytest.mark.parametrize("word", ["DECLINED", "EXPIRED", "FAILED", "CANCELED"])
def test_a_refund_that_the_terminal_did_not_carry_out_may_be_asked_for_again(kind: Kind, word: str) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox) as client:
        refund = refund_of(client)
        sandbox.settle("lab4pay", refund.refund_id or "", word)
        assert asked(client, refund, "wait").status is FAILED
        again = refund_of(client)
        assert (again.status, again.replayed) == (PENDING, False)
        assert again.refund_id != refund.refund_id
    assert len(sandbox.refunds("lab4pay")) == 2


@both_kinds
def test_a_state_that_the_contract_does_not_list_is_waited_over(kind: Kind) -> None:
    sandbox = Sandbox()
    sandbox.script("lab4pay", Fault.UNKNOWN_VALUE, Fault.NULL_OBJECT, operation="get_transaction_status")
    with at_sandbox(kind, sandbox, on_attempt=lambda _: sandbox.advance()) as client:
        assert asked(client, refund_of(client), "wait", timeout=10, poll=0.01).status is SUCCEEDED
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
    assert VOIDS["lab4pay"] in str(error)
    assert attempts == [(Operation.REFUND, 400), (Operation.LOOKUP, 200)]
    assert sandbox.refunds("lab4pay") == ()


@both_kinds
def test_a_payment_at_blink_that_has_not_settled_cannot_be_refunded_and_the_refusal_says_so(kind: Kind) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox) as client:
        with pytest.raises(RefundRejected) as refused:
            refund_of(client, "blink", "blink-captured", Money.of("1.00", "GBP"))
        error = explained(client, refused.value)
        sandbox.add_payment("blink", "blink-captured", 10_000, "GBP")
        assert refund_of(client, "blink", "blink-captured", Money.of("1.00", "GBP")).status is SUCCEEDED
    assert (error.reason, error.resend, error.http_status) == (Reason.NOT_REFUNDABLE, Resend.SAFE, 400)
    assert "captured" in str(error)
    assert VOIDS["blink"] in str(error)


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
def test_a_refusal_stays_as_it_was_where_the_payment_cannot_be_asked_about(kind: Kind, fault: Fault) -> None:
    sandbox = Sandbox()
    sandbox.script("blink", fault, operation="get_transaction")
    with at_sandbox(kind, sandbox, timeout=SHORT, retry=BRIEFLY) as client, pytest.raises(RefundRejected) as refused:
        refund_of(client, "blink", "blink-captured", Money.of("1.00", "GBP"))
    error = refused.value
    assert (error.reason, error.resend, error.http_status) == (Reason.INVALID, Resend.SAFE, 400)
    assert error.__cause__ is error.__context__ is None


# The other two, to their end.


@both_kinds
def test_a_202_is_followed_to_its_end(kind: Kind) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox, on_attempt=lambda _: sandbox.advance()) as client:
        refund = refund_of(client, "paybyrd", "paybyrd-pending")
        told = asked(client, json.loads(json.dumps(refund.to_dict())), "wait", timeout=10, poll=0.01)
    (executed,) = sandbox.refunds("paybyrd")
    assert (refund.status, refund.refund_id) == (PENDING, None)
    assert (told.status, told.refund_id, told.amount) == (SUCCEEDED, executed.refund_id, ONE_EURO)
    assert sandbox.violations == ()


@both_kinds
def test_full_at_blink_is_followed_to_its_end_and_has_its_amount_then(kind: Kind) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox, on_attempt=lambda _: sandbox.advance()) as client:
        refund = refund_of(client, "blink", "blink-pending", FULL)
        told = asked(client, refund, "wait", timeout=10, poll=0.01)
    assert (refund.status, refund.amount) == (PENDING, None)
    assert (told.status, told.amount) == (SUCCEEDED, Money.of("100.00", "GBP"))


@both_kinds
def test_the_older_reply_of_blink_names_no_transaction_to_ask_about(kind: Kind) -> None:
    with at_sandbox(kind, Sandbox(blink_reply="success")) as client:
        refund = refund_of(client, "blink", "blink-gbp", FULL)
        with pytest.raises(UnsupportedOperation) as refused:
            asked(client, refund)
    assert (refused.value.field, refused.value.resend) == ("refund_id", Resend.NEVER)


@both_kinds
@pytest.mark.parametrize("provider", ["paybyrd", "blink"])
@pytest.mark.parametrize("word", ["undone", "misplaced"])
def test_a_pending_refund_that_comes_to_nothing_is_told_and_one_nobody_knows_is_not(
    kind: Kind, provider: str, word: str
) -> None:
    sandbox = Sandbox()
    amount = Money.of("1.00", "EUR" if provider == "paybyrd" else "GBP")
    with at_sandbox(kind, sandbox) as client:
        refund = refund_of(client, provider, f"{provider}-pending", amount)
        (executed,) = sandbox.refunds(provider)
        sandbox.settle(provider, executed.refund_id, UNDONE[provider] if word == "undone" else "Misplaced")
        assert asked(client, refund).status is (FAILED if word == "undone" else PENDING)
        if word == "undone" and provider == "paybyrd":  # it answers with the refund that has failed
            with pytest.raises(RefundRejected) as refused:
                refund_of(client, provider, f"{provider}-pending", amount)
            assert refused.value.same_answer_until is not None
        else:
            assert refund_of(client, provider, f"{provider}-pending", amount).replayed is (word == "misplaced")


# Calling a refund off.


@both_kinds
def test_a_refund_that_the_terminal_has_not_begun_is_called_off(kind: Kind) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox) as client:
        refund = refund_of(client)
        told = asked(client, refund, "cancel")
    assert (told.status, told.provider_code, told.refund_id) == (FAILED, "CANCELED", refund.refund_id)
    assert sandbox.remaining("lab4pay", PAYMENT) == 10_000
    assert sandbox.violations == ()


@both_kinds
@pytest.mark.parametrize(("heeds", "expected"), [(True, FAILED), (False, SUCCEEDED)])
def test_a_refund_that_the_terminal_is_at_is_for_the_terminal_to_decide(
    kind: Kind, heeds: bool, expected: RefundStatus
) -> None:
    sandbox = Sandbox(heed_cancel=heeds)
    with at_sandbox(kind, sandbox) as client:
        refund = refund_of(client)
        sandbox.advance()
        told = asked(client, refund, "cancel")
        assert (told.status, told.provider_code) == (PENDING, "IN_PROGRESS")
        sandbox.advance()
        assert asked(client, told, "wait").status is expected
    assert sandbox.remaining("lab4pay", PAYMENT) == (10_000 if heeds else 9_900)


@both_kinds
def test_a_refund_that_is_done_is_not_called_off(kind: Kind) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox) as client:
        refund = refund_of(client)
        sandbox.advance()
        sandbox.advance()
        assert asked(client, refund, "cancel").status is SUCCEEDED
    assert sandbox.remaining("lab4pay", PAYMENT) == 9_900


@both_kinds
@pytest.mark.parametrize("fault", [Fault.CUT_AFTER, Fault.HANG_AFTER, Fault.SERVER_ERROR_AFTER])
@pytest.mark.parametrize("attempts", [1, 3])
def test_a_cancel_that_was_done_and_lost_is_found_by_its_state(kind: Kind, fault: Fault, attempts: int) -> None:
    sandbox = Sandbox()
    sandbox.script("lab4pay", fault, operation="cancel_transaction")
    retry = Retry(attempts=attempts, first_wait=0.001)
    with at_sandbox(kind, sandbox, timeout=SHORT, retry=retry) as client:
        assert asked(client, refund_of(client), "cancel").status is FAILED
    assert sandbox.remaining("lab4pay", PAYMENT) == 10_000


@both_kinds
@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE, Fault.HANG_BEFORE, Fault.SERVER_ERROR_BEFORE, Fault.REDIRECT])
def test_a_cancel_that_was_lost_on_its_way_leaves_the_refund_pending(kind: Kind, fault: Fault) -> None:
    sandbox = Sandbox()
    sandbox.script("lab4pay", fault, operation="cancel_transaction")
    with at_sandbox(kind, sandbox, timeout=SHORT) as client:
        told = asked(client, refund_of(client), "cancel")
        assert (told.status, told.provider_code) == (PENDING, "INITIATED")
        assert asked(client, told, "cancel").status is FAILED


@both_kinds
def test_a_cancel_after_which_the_state_cannot_be_asked_for_is_no_state(kind: Kind) -> None:
    sandbox = Sandbox()
    sandbox.script("lab4pay", Fault.CUT_AFTER, operation="get_transaction_status")
    with at_sandbox(kind, sandbox) as client:
        refund = refund_of(client)
        with pytest.raises(LookupFailed) as failed:
            asked(client, refund, "cancel")
        assert (failed.value.refund, failed.value.temporary, failed.value.resend) == (refund, True, Resend.NEVER)
        assert asked(client, refund).status is FAILED


@both_kinds
def test_a_cancel_that_takes_all_the_time_may_be_asked_about_later(kind: Kind) -> None:
    sandbox = Sandbox()
    sandbox.script("lab4pay", Fault.HANG_AFTER, operation="cancel_transaction")
    with at_sandbox(kind, sandbox, retry=Retry(attempts=3, deadline=1.0)) as client:
        refund = refund_of(client)
        with within(15), pytest.raises(LookupFailed) as failed:
            asked(client, refund, "cancel")
        assert (failed.value.refund, failed.value.temporary, failed.value.resend) == (refund, True, Resend.NEVER)
        assert asked(client, refund).status is FAILED


@both_kinds
def test_a_cancel_that_cannot_leave_is_told_and_nothing_is_asked(kind: Kind) -> None:
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
        asked(client, pending("lab4pay"), "cancel")
    error = failed.value
    assert (error.refund, error.temporary, error.resend) == (pending("lab4pay"), True, Resend.NEVER)
    assert attempts == [(Operation.CANCEL, Evidence.NOT_SENT)] * 3


@both_kinds
@pytest.mark.parametrize("provider", ["paybyrd", "blink"])
def test_a_refund_is_not_called_off_where_the_provider_has_no_such_thing(kind: Kind, provider: str) -> None:
    with (
        Server(answering()) as server,
        client_of(kind, server, provider) as client,
        pytest.raises(UnsupportedOperation) as refused,
    ):
        asked(client, pending(provider), "cancel")
    assert refused.value.resend is Resend.NEVER
    assert server.connections == 0


@both_kinds
@pytest.mark.parametrize("status", [SUCCEEDED, FAILED])
def test_a_final_refund_is_neither_called_off_nor_waited_for(kind: Kind, status: RefundStatus) -> None:
    refund = pending("lab4pay", status=status)
    with Server(answering()) as server, client_of(kind, server, "lab4pay") as client:
        assert asked(client, refund, "cancel") == asked(client, refund, "wait") == refund
    assert server.connections == 0


# Questions that get no answer.

UNANSWERED: Final[dict[str, Script]] = {
    "closed at once": lambda _: None,
    "closed after the question": once(),
    "reset": resets,
    "silent": holds(),
    "silent in the head": holds(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "not HTTP": once(b"SSH-2.0-OpenSSH_9.9\r\n"),
}
SILENT: Final = ("silent", "silent in the head")


@both_kinds
@pytest.mark.parametrize("fault", UNANSWERED)
def test_a_question_without_an_answer_is_asked_again_and_then_no_state(kind: Kind, fault: str) -> None:
    with (
        Server(UNANSWERED[fault]) as server,
        client_of(kind, server, timeout=SHORT if fault in SILENT else AMPLE, retry=BRIEFLY) as client,
        pytest.raises(LookupFailed) as failed,
    ):
        asked(client, pending("paybyrd"))
    error = failed.value
    assert (error.temporary, error.retry_after, error.raw) == (True, None, None)
    assert (error.refund, error.resend) == (pending("paybyrd"), Resend.NEVER)
    assert error.__cause__ is error.__context__ is None
    assert server.connections == 3


@both_kinds
@every_provider
def test_an_answer_that_ends_early_is_asked_for_again_and_then_no_state(kind: Kind, provider: str) -> None:
    whole = reply(state(provider, DONE[provider]).body)
    with (
        Server(once(whole[:-1])) as server,
        client_of(kind, server, provider, retry=BRIEFLY) as client,
        pytest.raises(LookupFailed) as failed,
    ):
        asked(client, pending(provider))
    assert failed.value.temporary
    assert "ended early" in str(failed.value)
    assert server.connections == 3


@both_kinds
@every_provider
def test_a_provider_that_cannot_be_reached_gives_no_state(kind: Kind, provider: str) -> None:
    with Server(answering()) as server:
        pass
    with client_of(kind, server, provider, retry=BRIEFLY) as client, pytest.raises(LookupFailed) as failed:
        asked(client, pending(provider))
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
            asked(client, pending("blink"))
    assert failed.value.http_status == int(status[:3])
    assert (server.connections, elsewhere.connections) == (1, 0)


@both_kinds
@every_provider
def test_a_question_is_asked_until_there_is_an_answer(kind: Kind, provider: str) -> None:
    scripts = [once(), refusing("503 Service Unavailable"), once(answer(provider, DONE[provider]))]
    with Server(*scripts) as server, client_of(kind, server, provider, retry=BRIEFLY) as client:
        assert asked(client, pending(provider)).status is SUCCEEDED
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
                    asked(client, pending("paybyrd", refund_id=None, tracking_id=link))
                assert refused.value.field == "tracking_id"
    assert server.connections == elsewhere.connections == 0


@both_kinds
def test_a_link_to_the_very_same_server_is_followed(kind: Kind) -> None:
    with Server(answering(reply(b"[]"))) as server, client_of(kind, server) as client:
        for link in ("/api/v2/transactions?requestId=a", f"{server.url}/api/v2/transactions?requestId=a"):
            assert asked(client, pending("paybyrd", refund_id=None, tracking_id=link)).status is PENDING
    assert [request.line for request in server.requests] == ["GET /api/v2/transactions?requestId=a HTTP/1.1"] * 2


# Waiting.


@both_kinds
@every_provider
def test_a_wait_lives_through_what_goes_wrong_in_between(kind: Kind, provider: str) -> None:
    waiting = "pending" if provider == "blink" else {"lab4pay": "IN_PROGRESS", "paybyrd": "Processing"}[provider]
    scripts = [
        once(answer(provider, waiting)),
        once(),
        resets,
        refusing("500 Internal Server Error"),
        refusing("404 Not Found"),
        refusing("429 Too Many Requests", "Retry-After: 0"),
        once(answer(provider, waiting)),
        once(answer(provider, DONE[provider])),
    ]
    with Server(*scripts) as server, client_of(kind, server, provider) as client:
        told = asked(client, pending(provider), "wait", timeout=20, poll=0.01)
    assert told.status is SUCCEEDED
    assert server.connections == len(scripts)


@both_kinds
def test_a_retry_after_is_kept_to_on_the_wire(kind: Kind) -> None:
    came: list[float] = []

    def noting(script: Script) -> Script:
        def noted(peer: Peer) -> None:
            came.append(time.monotonic())
            script(peer)

        return noted

    scripts = refusing("429 Too Many Requests", "Retry-After: 1"), once(answer("lab4pay", "SUCCESS"))
    with Server(*map(noting, scripts)) as server, client_of(kind, server, "lab4pay") as client:
        assert asked(client, pending("lab4pay"), "wait", timeout=20, poll=0.01).status is SUCCEEDED
    first, second = came
    assert second - first >= 1.0


@both_kinds
@pytest.mark.parametrize("fault", [*SILENT, "dripping"])
def test_the_time_to_wait_bounds_the_whole_also_where_the_server_hangs(kind: Kind, fault: str) -> None:
    drip = once(*(bytes([byte]) for byte in answer("lab4pay", "SUCCESS")), pause=0.1)
    script = drip if fault == "dripping" else UNANSWERED[fault]
    with (
        Server(script) as server,
        client_of(kind, server, "lab4pay", timeout=Timeout(read=60, total=60)) as client,
        within(12),
        pytest.raises(StillPending) as still,
    ):
        asked(client, pending("lab4pay"), "wait", timeout=0.5, poll=0.05)
    assert still.value.refund == pending("lab4pay")
    assert isinstance(still.value.__cause__, LookupFailed)
    assert server.connections == 1


@both_kinds
def test_a_wait_for_a_provider_that_cannot_be_reached_ends_with_the_reason(kind: Kind) -> None:
    with Server(answering()) as server:
        pass
    with client_of(kind, server, "paybyrd") as client, within(12), pytest.raises(StillPending) as still:
        asked(client, pending("paybyrd"), "wait", timeout=0.3, poll=0.05)
    assert isinstance(still.value.__cause__, LookupFailed)
    assert "refused" in str(still.value.__cause__)
    assert (still.value.resend, still.value.refund) == (Resend.NEVER, pending("paybyrd"))


@both_kinds
def test_a_wait_that_ends_in_time_tells_the_last_state(kind: Kind) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox) as client:
        refund = refund_of(client)
        sandbox.advance()
        with pytest.raises(StillPending) as still:
            asked(client, refund, "wait", timeout=1.0, poll=0.02)
    assert still.value.refund == replace(refund, provider_code="IN_PROGRESS")
    assert still.value.__cause__ is None
