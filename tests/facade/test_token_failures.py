"""The outcome of a call that gets no access token."""

import asyncio
from typing import Final

import pytest

from refundry import (
    AuthenticationFailed,
    LookupFailed,
    NotSent,
    Operation,
    RefundRejected,
    Resend,
    Retry,
)
from tests.facade.support import KINDS, ONCE, Kind
from tests.facade.tokens import (
    AT_NOON,
    FAILED,
    FAILURES,
    PERMANENT_FAILURES,
    THREE_TIMES,
    called,
    done,
    failure_for_caller,
    issued,
    pending,
    shop,
)
from tests.providers import RECORDS, WITH_TOKENS, tokens_of
from tests.providers.record import ONE_EURO, PAYMENT, reply

both_kinds = pytest.mark.parametrize("kind", KINDS)
with_keys = pytest.mark.parametrize("provider", WITH_TOKENS)


# A fetch that fails.


@both_kinds
@with_keys
@pytest.mark.parametrize("failure", FAILED)
def test_a_refund_without_a_token_is_not_sent_and_may_be_resent(kind: Kind, provider: str, failure: str) -> None:
    with shop(kind, provider, FAILED[failure](provider), issued(provider)) as it:
        with pytest.raises(failure_for_caller(provider, failure)) as error:
            it.client.ask(provider)
        assert it.rest.sent == []
        assert not it.client.ask(provider).replayed
    assert (type(error.value), error.value.resend) == (failure_for_caller(provider, failure), Resend.SAFE)
    assert (error.value.provider, error.value.reference) == (provider, "reference-1")
    given = FAILED[failure](provider)
    assert error.value.__cause__ is (given if isinstance(given, RuntimeError) else None)
    assert error.value.__context__ is None
    assert [attempt.operation for attempt in it.attempts] == [
        Operation.TOKEN,
        Operation.TOKEN,
        RECORDS[provider].operation,
    ]
    assert it.attempts[0].outcome == failure_for_caller(provider, failure).__name__
    assert it.bearers == ["test-token-1"]


@with_keys
@pytest.mark.parametrize("failure", FAILED)
def test_a_failed_token_fetch_says_why_it_failed(provider: str, failure: str) -> None:
    with (
        shop("sync", provider, FAILED[failure](provider)) as it,
        pytest.raises(failure_for_caller(provider, failure), match=": no access token: ") as error,
    ):
        it.client.ask(provider)
    reason = str(error.value).partition(": no access token: ")[2]
    assert reason.partition("(HTTP")[0].strip()
    assert it.attempts[0].status is None or f"(HTTP {it.attempts[0].status})" in reason


@both_kinds
@with_keys
@pytest.mark.parametrize("failure", FAILURES)
def test_a_temporary_failure_of_a_token_fetch_is_retried(kind: Kind, provider: str, failure: str) -> None:
    given = FAILURES[failure](provider)
    with shop(kind, provider, given, given, issued(provider), retry=THREE_TIMES) as it:
        assert not it.client.ask(provider).replayed
    assert [attempt.operation for attempt in it.attempts] == [Operation.TOKEN] * 3 + [RECORDS[provider].operation]
    assert len(it.rest.sent) == 1


@both_kinds
@with_keys
@pytest.mark.parametrize("failure", FAILURES)
def test_a_token_fetch_is_retried_as_often_as_the_retry_allows(kind: Kind, provider: str, failure: str) -> None:
    with shop(kind, provider, FAILURES[failure](provider), retry=THREE_TIMES) as it, pytest.raises(NotSent) as error:
        it.client.ask(provider)
    assert error.value.resend is Resend.SAFE
    assert (len(it.tokens.sent), it.rest.sent) == (3, [])


@both_kinds
@with_keys
@pytest.mark.parametrize("failure", PERMANENT_FAILURES)
def test_a_refused_token_fetch_is_not_retried(kind: Kind, provider: str, failure: str) -> None:
    with (
        shop(kind, provider, PERMANENT_FAILURES[failure](provider), issued(provider), retry=THREE_TIMES) as it,
        pytest.raises(failure_for_caller(provider, failure)) as error,
    ):
        it.client.ask(provider)
    assert error.value.resend is Resend.SAFE
    assert (len(it.tokens.sent), it.rest.sent) == (1, [])


RETRY_AFTER: Final = {
    "seconds": (("retry-after", "7"),),
    "a date": (("retry-after", "Thu, 01 Jan 2026 12:00:07 GMT"), *AT_NOON),
}


@both_kinds
@with_keys
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", RETRY_AFTER)
def test_a_token_fetch_is_not_retried_before_the_time_that_the_provider_names(
    kind: Kind, provider: str, status: int, form: str, pauses: list[float]
) -> None:
    busy = reply(status, {"message": "too many"}, RETRY_AFTER[form])
    with shop(kind, provider, busy, issued(provider), retry=THREE_TIMES) as it:
        it.client.ask(provider)
    assert pauses == [7.0]
    assert len(it.tokens.sent) == 2


@both_kinds
@with_keys
def test_a_token_fetch_is_not_retried_where_the_named_time_is_past_the_deadline(
    kind: Kind, provider: str, pauses: list[float]
) -> None:
    busy = reply(429, {"message": "too many"}, (("retry-after", "3600"),))
    with shop(kind, provider, busy, issued(provider), retry=THREE_TIMES) as it, pytest.raises(NotSent):
        it.client.ask(provider)
    assert pauses == []
    assert (len(it.tokens.sent), it.rest.sent) == (1, [])


@both_kinds
@with_keys
@pytest.mark.parametrize(
    ("failure", "temporary"),
    [("no connection", True), ("500", True), ("400", False), ("401", False), ("403", False), ("404", False)],
)
def test_a_lookup_without_a_token_says_nothing_about_the_refund(
    kind: Kind, provider: str, failure: str, temporary: bool
) -> None:
    with (
        shop(kind, provider, FAILED[failure](provider), state=done(provider)) as it,
        pytest.raises(LookupFailed, match="no access token") as error,
    ):
        called(it.client, "lookup", pending(provider))
    assert (error.value.temporary, error.value.resend) == (temporary, Resend.NEVER)
    assert error.value.refund == pending(provider)
    assert it.rest.lookups == []
    if failure_for_caller(provider, failure) is AuthenticationFailed:
        assert error.value.raw == FAILED[failure](provider)


@both_kinds
@with_keys
@pytest.mark.parametrize("retry", [ONCE, THREE_TIMES], ids=["once", "three times"])
def test_wrong_keys_are_reported_with_all_that_the_provider_says(kind: Kind, provider: str, retry: Retry) -> None:
    body = {"message": "No such keys", "success": False}
    for status in tokens_of(provider).keys_refused:
        refused = reply(status, body, (("retry-after", "7"),))
        with shop(kind, provider, refused, retry=retry) as it, pytest.raises(AuthenticationFailed) as raised:
            it.client.ask(provider)
        error = raised.value
        assert not isinstance(error, RefundRejected | NotSent)
        assert (error.http_status, error.raw, error.retry_after) == (status, refused, 7.0)
        assert error.provider_message == (None if provider == "lab4pay" else "No such keys")
        assert (error.amount, error.payment_id) == (ONE_EURO, None if provider == "lab4pay" else PAYMENT)
        # No answer of the refund is stored: it was never sent.
        assert (error.same_answer_until, error.resend) == (None, Resend.SAFE)
        assert it.reported == [(Operation.TOKEN, status, "AuthenticationFailed")]


@both_kinds
@with_keys
def test_corrected_keys_are_used_in_the_next_call(kind: Kind, provider: str) -> None:
    with shop(kind, provider, reply(401), issued(provider), retry=THREE_TIMES) as it:
        with pytest.raises(AuthenticationFailed):
            it.client.ask(provider)
        assert not it.client.ask(provider).replayed
    assert (len(it.tokens.sent), len(it.rest.sent)) == (2, 1)


@both_kinds
@with_keys
def test_an_interrupted_token_fetch_leaves_the_reference_free(kind: Kind, provider: str) -> None:
    with shop(kind, provider, asyncio.CancelledError(), issued(provider)) as it:
        with pytest.raises(asyncio.CancelledError):
            it.client.ask(provider)
        assert it.rest.sent == []
        assert not it.client.ask(provider).replayed
    assert len(it.tokens.sent) == 2


@both_kinds
@with_keys
def test_a_token_that_contains_a_key_is_used_unchanged(kind: Kind, provider: str) -> None:
    token = f"{next(iter(tokens_of(provider).keys.values()))}:test-token"
    with shop(kind, provider, issued(provider, token)) as it:
        it.client.ask(provider)
    assert it.bearers == [token]
