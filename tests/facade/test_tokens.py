"""Access tokens: fetched with the keys of an account, used by all of its calls, and renewed when they are refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from refundry import (
    Attempt,
    AuthenticationFailed,
    InvalidRefund,
    LookupFailed,
    Operation,
    OutcomeUnknown,
    RefundStatus,
    Resend,
    Retry,
    WireReply,
    WireRequest,
)
from tests.facade.canary import shown
from tests.facade.support import KINDS, NO_STATE, ONCE, Answer, Kind, Scripted, accepted, caller
from tests.facade.tokens import (
    FAILED,
    HOUR,
    THREE_TIMES,
    TOKEN_PATHS,
    UNAUTHORISED,
    UNREACHABLE,
    Answering,
    SplitTransport,
    bearer,
    called,
    done,
    failure_for_caller,
    issued,
    keyed,
    pending,
    shop,
)
from tests.providers import RECORDS, WITH_TOKENS, account, tokens_of
from tests.providers.record import ONE_EURO, PAYMENT, reply

both_kinds = pytest.mark.parametrize("kind", KINDS)
with_keys = pytest.mark.parametrize("provider", WITH_TOKENS)


# One token for all calls.


@both_kinds
@with_keys
def test_the_first_call_fetches_a_token_and_later_ones_use_it(kind: Kind, provider: str) -> None:
    with shop(kind, provider) as it:
        for number in range(4):
            it.client.ask(provider, reference=f"r-{number}")
    assert len(it.tokens.sent) == 1
    assert it.bearers == ["test-token-1"] * 4
    token = (Operation.TOKEN, tokens_of(provider).status, "OK")
    refund = (RECORDS[provider].operation, 200, it.attempts[-1].outcome)
    assert it.reported == [token, refund, refund, refund, refund]
    assert [attempt.reference for attempt in it.attempts] == ["r-0", "r-0", "r-1", "r-2", "r-3"]


@both_kinds
def test_nothing_is_fetched_before_it_is_needed(kind: Kind) -> None:
    with shop(kind, "blink") as it:
        with pytest.raises(InvalidRefund):
            it.client.ask("blink", reference="")
        assert it.tokens.sent == []


@with_keys
def test_a_token_fetch_sends_only_the_keys_and_does_not_show_them(provider: str) -> None:
    with shop("sync", provider) as it:
        it.client.ask(provider)
    (request,) = it.tokens.sent
    grant = {"grant_type": "client_credentials"} if provider == "lab4pay" else {}
    assert (request.method, request.target) == ("POST", tokens_of(provider).path)
    assert json.loads(request.body) == {**grant, **tokens_of(provider).keys}
    assert request.redacted_headers == (("Content-Type", "application/json"), ("Accept", "application/json"))
    assert not any(key in shown(request) + f"{request.body!s}" for key in tokens_of(provider).keys.values())


@both_kinds
def test_one_token_serves_every_operation_of_lab4pay(kind: Kind) -> None:
    answers = [accepted("lab4pay"), reply(200, {"transaction_id": "refund-2"}), reply(200)]
    with shop(kind, "lab4pay", answers=answers, state=done("lab4pay")) as it:
        refund = it.client.refund_unreferenced("lab4pay", amount=ONE_EURO, reference="r-1")
        it.client.refund("lab4pay", payment_id=PAYMENT, amount=ONE_EURO, reference="r-2")
        assert called(it.client, "cancel", refund).status is RefundStatus.SUCCEEDED
        assert called(it.client, "lookup", refund).status is RefundStatus.SUCCEEDED
        assert called(it.client, "wait", refund).status is RefundStatus.SUCCEEDED
    assert len(it.tokens.sent) == 1
    assert (len(it.rest.sent), len(it.rest.lookups)) == (3, 3)
    assert it.bearers == ["test-token-1"] * 6


@both_kinds
def test_one_token_serves_every_operation_of_blink(kind: Kind) -> None:
    with shop(kind, "blink", state=done("blink")) as it:
        it.client.ask("blink")
        assert called(it.client, "lookup", pending("blink")).status is RefundStatus.SUCCEEDED
        assert called(it.client, "wait", pending("blink")).status is RefundStatus.SUCCEEDED
        event = called(it.client, "webhook", "blink", headers={}, body=b'{"transaction_id":"refund-1"}')
        assert called(it.client, "confirm", event).authentic
    assert len(it.tokens.sent) == 1
    assert it.bearers == ["test-token-1"] * 4


@both_kinds
@with_keys
def test_a_lookup_that_comes_first_fetches_the_token(kind: Kind, provider: str) -> None:
    with shop(kind, provider, state=done(provider)) as it:
        assert called(it.client, "lookup", pending(provider)).status is RefundStatus.SUCCEEDED
        it.client.ask(provider, reference="r-2")
    assert [attempt.operation for attempt in it.attempts] == [
        Operation.TOKEN,
        Operation.LOOKUP,
        RECORDS[provider].operation,
    ]


@both_kinds
@with_keys
def test_each_of_two_accounts_has_its_own_token(kind: Kind, provider: str) -> None:
    tokens = [Scripted(issued(provider, f"test-token-of-shop-{number}")) for number in (1, 2)]
    rest = Scripted(accepted(provider))
    shops = [
        keyed(provider, name=f"shop-{number}", transport=SplitTransport(at, rest))
        for number, at in enumerate(tokens, start=1)
    ]
    amount: dict[str, Any] = {"amount": ONE_EURO, "reference": "r-1"}
    with caller(kind, *shops) as client:
        for name in ("shop-1", "shop-2"):
            client.refund(name, payment_id=PAYMENT, **amount)
    assert [len(at.sent) for at in tokens] == [1, 1]
    assert [bearer(request) for request in rest.sent] == ["test-token-of-shop-1", "test-token-of-shop-2"]


@with_keys
def test_each_of_two_clients_has_its_own_token(provider: str) -> None:
    at = Scripted(issued(provider, "test-token-1"), issued(provider, "test-token-2"))
    rest = Scripted(NO_STATE, state=done(provider))
    for _ in range(2):
        with caller("sync", keyed(provider, transport=SplitTransport(at, rest))) as client:
            called(client, "lookup", pending(provider))
    assert [bearer(request) for request in rest.lookups] == ["test-token-1", "test-token-2"]


@both_kinds
@with_keys
def test_a_refund_that_is_replayed_needs_no_token(kind: Kind, provider: str, clock: Callable[[float], None]) -> None:
    with shop(kind, provider) as it:
        it.client.ask(provider)
        clock(2 * HOUR)
        assert it.client.ask(provider).replayed
    assert len(it.tokens.sent) == 1


# A token that the provider refuses.


@both_kinds
@with_keys
@pytest.mark.parametrize("retry", [ONCE, THREE_TIMES], ids=["once", "three times"])
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"success": false, "message": "expired"}'])
def test_a_refused_token_is_renewed_once_and_the_refund_retried(
    kind: Kind, provider: str, retry: Retry, body: bytes
) -> None:
    with shop(kind, provider, answers=[reply(401, body), accepted(provider)], retry=retry) as it:
        refund = it.client.ask(provider)
        assert it.client.ask(provider, reference="r-2").refund_id == refund.refund_id
    token, refused = (
        (Operation.TOKEN, tokens_of(provider).status, "OK"),
        (RECORDS[provider].operation, 401, "AuthenticationFailed"),
    )
    sent = (RECORDS[provider].operation, 200, refund.status.name)
    assert it.reported == [token, refused, token, sent, sent]
    assert it.bearers == ["test-token-1", "test-token-2", "test-token-2"]
    first, second, _ = it.rest.sent
    assert (first.target, first.body) == (second.target, second.body)


@both_kinds
@with_keys
@pytest.mark.parametrize("retry", [ONCE, THREE_TIMES], ids=["once", "three times"])
def test_a_refund_that_is_refused_with_a_new_token_too_is_not_sent_a_third_time(
    kind: Kind, provider: str, retry: Retry
) -> None:
    with shop(kind, provider, answers=[UNAUTHORISED, UNAUTHORISED, accepted(provider)], retry=retry) as it:
        with pytest.raises(AuthenticationFailed) as error:
            it.client.ask(provider)
        assert (error.value.resend, error.value.http_status) == (Resend.SAFE, 401)
        assert (len(it.tokens.sent), len(it.rest.sent)) == (2, 2)
        assert not it.client.ask(provider).replayed
    assert len(it.rest.sent) == 3


@both_kinds
@pytest.mark.parametrize(
    "answer",
    [
        reply(401, {"success": True}),
        reply(401, {"status": "completed"}),
        reply(401, {"success": True, "message": "Unauthorized"}),
        WireReply(401, (), b'{"success": false', complete=False),
    ],
)
def test_an_unproved_refusal_of_the_token_is_unknown_and_not_retried(kind: Kind, answer: WireReply) -> None:
    with shop(kind, "blink", answers=[answer, accepted("blink")], retry=THREE_TIMES) as it:
        for _ in range(2):
            with pytest.raises(OutcomeUnknown) as unknown:
                it.client.ask("blink")
            assert unknown.value.resend is Resend.NEVER
    assert (len(it.tokens.sent), len(it.rest.sent)) == (1, 1)


@both_kinds
def test_a_call_that_the_credentials_do_not_allow_is_not_retried_with_a_new_token(kind: Kind) -> None:
    forbidden = reply(403, {"success": False, "message": "Forbidden"})
    with shop(kind, "blink", answers=[forbidden, accepted("blink")]) as it, pytest.raises(AuthenticationFailed):
        it.client.ask("blink")
    assert (len(it.tokens.sent), len(it.rest.sent)) == (1, 1)


@both_kinds
@with_keys
@pytest.mark.parametrize("retry", [ONCE, THREE_TIMES], ids=["once", "three times"])
def test_a_token_of_the_caller_is_never_renewed(kind: Kind, provider: str, retry: Retry) -> None:
    transport = Scripted(UNAUTHORISED, accepted(provider), state=UNAUTHORISED)
    with caller(kind, account(provider, transport=transport), retry=retry) as client:
        with pytest.raises(AuthenticationFailed) as error:
            client.ask(provider)
        with pytest.raises(LookupFailed):
            called(client, "lookup", pending(provider))
    assert error.value.resend is Resend.SAFE
    assert [bearer(request) for request in (*transport.sent, *transport.lookups)] == ["test-key"] * 2
    assert all(request.target not in TOKEN_PATHS for request in transport.sent)


@both_kinds
@with_keys
@pytest.mark.parametrize("failure", ["no connection", "no reply", "500", "400", "401", "a page"])
def test_a_refund_whose_token_was_refused_and_cannot_be_renewed_is_not_sent(
    kind: Kind, provider: str, failure: str
) -> None:
    tokens = issued(provider), FAILED[failure](provider), issued(provider, "test-token-3")
    with shop(kind, provider, *tokens, answers=[UNAUTHORISED, accepted(provider)]) as it:
        with pytest.raises(failure_for_caller(provider, failure)) as error:
            it.client.ask(provider)
        assert error.value.resend is Resend.SAFE
        assert not it.client.ask(provider).replayed
    assert it.bearers == ["test-token-1", "test-token-3"]


@both_kinds
@with_keys
def test_a_temporary_failure_of_a_renewal_after_a_refusal_is_retried(kind: Kind, provider: str) -> None:
    tokens = issued(provider), UNREACHABLE, reply(500), issued(provider, "test-token-4")
    answers = [UNAUTHORISED, accepted(provider)]
    with shop(kind, provider, *tokens, answers=answers, retry=THREE_TIMES) as it:
        it.client.ask(provider)
    assert it.bearers == ["test-token-1", "test-token-4"]


@both_kinds
@with_keys
def test_a_lookup_whose_token_is_refused_is_retried_with_a_new_one(kind: Kind, provider: str) -> None:
    def state(request: WireRequest) -> Answer:
        return UNAUTHORISED if bearer(request) == "test-token-1" else done(provider)

    tokens = Scripted(issued(provider, "test-token-1"), issued(provider, "test-token-2"))
    made = keyed(provider, transport=SplitTransport(tokens, Answering(state)))
    attempts: list[Attempt] = []
    with caller(kind, made, on_attempt=attempts.append) as client:
        assert called(client, "lookup", pending(provider)).status is RefundStatus.SUCCEEDED
        assert called(client, "lookup", pending(provider)).status is RefundStatus.SUCCEEDED
    token, requested = (Operation.TOKEN, tokens_of(provider).status), (Operation.LOOKUP, 200)
    expected = [token, (Operation.LOOKUP, 401), token, requested, requested]
    assert [(attempt.operation, attempt.status) for attempt in attempts] == expected


@both_kinds
@with_keys
def test_a_lookup_that_is_refused_with_a_new_token_too_is_not_sent_a_third_time(kind: Kind, provider: str) -> None:
    with shop(kind, provider, state=UNAUTHORISED, retry=THREE_TIMES) as it, pytest.raises(LookupFailed) as error:
        called(it.client, "lookup", pending(provider))
    assert (error.value.http_status, error.value.temporary) == (401, False)
    assert it.bearers == ["test-token-1", "test-token-2"]


@both_kinds
def test_a_cancel_whose_token_is_refused_is_retried_with_a_new_one(kind: Kind) -> None:
    with shop(kind, "lab4pay", answers=[UNAUTHORISED, reply(200)], state=done("lab4pay")) as it:
        assert called(it.client, "cancel", pending("lab4pay")).status is RefundStatus.SUCCEEDED
    assert it.bearers == ["test-token-1", "test-token-2", "test-token-2"]
    cancel = [attempt.status for attempt in it.attempts if attempt.operation is Operation.CANCEL]
    assert cancel == [401, 200]
