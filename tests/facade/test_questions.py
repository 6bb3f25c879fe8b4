"""Lookups: their requests, their failures, and the reports to the hooks."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from refundry import (
    InvalidRefund,
    LookupFailed,
    Operation,
    Refund,
    RefundRejected,
    Resend,
    Retry,
    UnsupportedOperation,
    WireReply,
)
from tests.facade.questions import (
    BODIES,
    BRIEFLY,
    FAILED,
    HOSTILE_IDS,
    HTML,
    LOST,
    PENDING,
    SUCCEEDED,
    UNREACHED,
    LookupScript,
    found,
    looked_up,
    of_payment,
    pending,
    state,
)
from tests.facade.support import KINDS, NO_STATE, Answer, Kind, Scripted, caller, scripted
from tests.providers import PROVIDERS, RECORDS, account
from tests.providers.record import reply

both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)


# The requests.


@both_kinds
@every_provider
def test_a_lookup_gets_the_transaction_of_the_refund(kind: Kind, provider: str) -> None:
    transport = Scripted(NO_STATE, state=state(provider, RECORDS[provider].states.done))
    with scripted(kind, provider, transport) as client:
        looked_up(client, pending(provider))
    (lookup,) = transport.lookups
    assert (lookup.method, lookup.url, lookup.body) == ("GET", RECORDS[provider].states.url, b"")
    secrets = {name: secret.reveal() for name, secret in lookup.credentials}
    assert secrets == RECORDS[provider].proof
    assert not any(name.lower() in ("authorization", "idempotency-key") for name, _ in lookup.headers)


@both_kinds
@every_provider
def test_a_stored_refund_may_be_looked_up_by_another_client(kind: Kind, provider: str) -> None:
    with scripted(kind, provider, Scripted(RECORDS[provider].pending)) as client:
        stored = json.dumps(client.ask(provider).to_dict())
    transport = Scripted(NO_STATE, state=state(provider, RECORDS[provider].states.done))
    with scripted(kind, provider, transport) as client:
        outcome = looked_up(client, json.loads(stored))
        assert outcome == looked_up(client, Refund.from_dict(json.loads(stored)))
    assert (outcome.provider, outcome.reference, outcome.status) == (provider, "reference-1", SUCCEEDED)
    assert [lookup.url for lookup in transport.lookups] == [RECORDS[provider].states.url] * 2


def without(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda values: {key: value for key, value in values.items() if key != name}


def having(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda values: {**values, **changes}


VERBS: Final = ("lookup", "wait", "cancel")


@both_kinds
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("change", "field"),
    [
        (without("provider"), "provider"),
        (without("reference"), "reference"),
        (without("status"), "status"),
        (having(provider="stripe"), "provider"),
        (having(provider=["lab4pay"]), "provider"),
        (having(provider=None), "provider"),
        (having(reference=7), "reference"),
        (having(status="done"), "status"),
        (having(status=[]), "status"),
        (having(amount="1.00"), "amount"),
        (having(amount={}), "amount"),
        (having(amount={"minor_units": "100", "currency": "EUR"}), "amount"),
        (having(amount={"minor_units": 0, "currency": "EUR"}), "amount"),
        (having(refund_id=7), "refund_id"),
        (having(payment_id=["payment-1"]), "payment_id"),
        (having(tracking_id={}), "tracking_id"),
        (having(remaining="7"), "remaining"),
        (having(replayed=None), "replayed"),
        (having(sent_at="yesterday"), "sent_at"),
        (having(sent_at=7), "sent_at"),
    ],
)
def test_an_invalid_stored_refund_is_refused_and_nothing_is_sent(
    kind: Kind, verb: str, change: Callable[[dict[str, Any]], dict[str, Any]], field: str
) -> None:
    transport = Scripted(NO_STATE, state=state("lab4pay", "SUCCESS"))
    with scripted(kind, "lab4pay", transport) as client, pytest.raises(InvalidRefund) as refused:
        looked_up(client, change(pending("lab4pay").to_dict()), verb)
    assert (refused.value.field, refused.value.resend) == (field, Resend.NEVER)
    assert transport.lookups == transport.sent == []


@both_kinds
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("known", [None, "refund-1", 7, [], object(), Refund])
def test_a_value_that_is_not_a_refund_is_refused(kind: Kind, verb: str, known: object) -> None:
    transport = Scripted(NO_STATE, state=state("lab4pay", "SUCCESS"))
    with scripted(kind, "lab4pay", transport) as client, pytest.raises(InvalidRefund) as refused:
        looked_up(client, known, verb)
    assert (refused.value.field, refused.value.resend) == ("refund", Resend.NEVER)
    assert transport.lookups == transport.sent == []


@both_kinds
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("field", "value"), [("refund_id", 7), ("tracking_id", b"x"), ("payment_id", []), ("status", "pending")]
)
def test_a_refund_made_by_hand_from_invalid_values_is_refused(kind: Kind, verb: str, field: str, value: Any) -> None:
    transport = Scripted(NO_STATE)
    with scripted(kind, "lab4pay", transport) as client, pytest.raises(InvalidRefund) as refused:
        looked_up(client, pending("lab4pay", **{field: value}), verb)
    assert (refused.value.field, refused.value.resend) == (field, Resend.NEVER)
    assert transport.lookups == transport.sent == []


@pytest.mark.parametrize("provider", ["paybyrd", "blink"])
@pytest.mark.parametrize("currency", ["POUND", "gbp", "", 7, None])
def test_an_invalid_currency_is_reported_and_not_compared(provider: str, currency: object) -> None:
    outcome, deviations = found(provider, state(provider, RECORDS[provider].states.done, currency=currency))
    assert isinstance(outcome, Refund)
    assert outcome.status is SUCCEEDED
    assert deviations == ["/data/currency" if provider == "blink" else "/currency"]


@pytest.mark.parametrize("known", [{1: 2, "note": 3}, {None: 1, "note": 3}])
def test_a_dict_that_is_not_a_refund_is_refused_with_any_keys(known: object) -> None:
    with scripted("sync", "lab4pay", Scripted(NO_STATE)) as client, pytest.raises(InvalidRefund) as refused:
        looked_up(client, known)
    assert refused.value.resend is Resend.NEVER


@both_kinds
@pytest.mark.parametrize("verb", VERBS)
def test_a_closed_client_looks_nothing_up(kind: Kind, verb: str) -> None:
    transport = Scripted(NO_STATE, state=state("lab4pay", "SUCCESS"))
    with scripted(kind, "lab4pay", transport) as client:
        client.close()
        with pytest.raises(InvalidRefund, match="closed") as refused:
            looked_up(client, pending("lab4pay"), verb)
    assert refused.value.resend is Resend.NEVER
    assert transport.lookups == transport.sent == []


@both_kinds
@every_provider
@pytest.mark.parametrize("verb", ["lookup", "wait"])
def test_a_refund_without_an_id_cannot_be_looked_up(kind: Kind, provider: str, verb: str) -> None:
    transport = Scripted(NO_STATE, state=state(provider, RECORDS[provider].states.done))
    with scripted(kind, provider, transport) as client, pytest.raises(UnsupportedOperation) as refused:
        looked_up(client, pending(provider, refund_id=None), verb)
    error = refused.value
    assert (error.field, error.resend) == ("refund_id", Resend.NEVER)
    assert (error.provider, error.reference) == (provider, "reference-1")
    assert transport.lookups == transport.sent == []


@both_kinds
@every_provider
@pytest.mark.parametrize("verb", ["lookup", "wait"])
def test_an_id_that_leads_to_another_path_is_refused_and_nothing_is_sent(kind: Kind, provider: str, verb: str) -> None:
    for refund_id in HOSTILE_IDS:
        transport = Scripted(NO_STATE, state=state(provider, RECORDS[provider].states.done))
        with scripted(kind, provider, transport) as client, pytest.raises(InvalidRefund) as refused:
            looked_up(client, pending(provider, refund_id=refund_id), verb)
        error = refused.value
        assert (type(error), error.field, error.resend) == (InvalidRefund, "refund_id", Resend.NEVER)
        assert (error.provider, error.reference) == (provider, "reference-1")
        assert transport.lookups == transport.sent == []


# The failures.


def failing(provider: str, answer: Answer | BaseException, **options: Any) -> tuple[LookupFailed, LookupScript]:
    """Return the exception of a lookup that gets this answer to every attempt, and its transport."""
    transport = LookupScript(answer)
    refund = pending(provider, remaining=7, provider_code="BYRD010")
    with caller("sync", account(provider, transport=transport), retry=BRIEFLY, **options) as client:
        with pytest.raises(LookupFailed) as failed:
            looked_up(client, refund)
        error = failed.value
    assert error.refund == refund
    assert error.resend is Resend.NEVER
    assert (error.provider, error.reference) == (provider, "reference-1")
    assert error.__cause__ is error.__context__ is None
    assert transport.sent == []
    return error, transport


@every_provider
def test_a_lookup_is_retried_where_another_answer_is_possible(provider: str) -> None:
    for status in range(400, 600):
        error, transport = failing(provider, reply(status, b"{}"))
        assert error.http_status == status
        assert len(transport.lookups) == (3 if status in (408, 429) or status >= 500 else 1), status


@every_provider
@pytest.mark.parametrize("status", [100, 101, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308])
def test_a_status_other_than_200_gives_no_state_and_is_not_followed(provider: str, status: int) -> None:
    body = state(provider, RECORDS[provider].states.done).body
    error, transport = failing(provider, WireReply(status, (("location", "https://evil.example/"),), body))
    assert (error.http_status, len(transport.lookups)) == (status, 1)


@every_provider
@pytest.mark.parametrize("body", [*BODIES[:1], *BODIES[2:], b"null", b'"SUCCESS"', b"{", b"NaN", b"[" * 50_000])
def test_an_unreadable_body_gives_no_state(provider: str, body: bytes) -> None:
    if (provider, body) == ("paybyrd", b"[]"):
        return  # Paybyrd's list has no transaction then
    error, transport = failing(provider, reply(200, body))
    assert (error.http_status, error.temporary, len(transport.lookups)) == (200, True, 1)


@pytest.mark.parametrize("data", [None, [], "completed", 7, [{"status": "completed"}]])
def test_an_envelope_of_blink_without_a_transaction_gives_no_state(data: object) -> None:
    for body in ({"data": data}, {"data": data, "status": "completed"}, {"status": "completed"}):
        outcome, deviations = found("blink", reply(200, body))
        assert type(outcome) is LookupFailed
        assert deviations == ["/data"]


@every_provider
def test_a_truncated_reply_gives_no_state_and_the_lookup_is_retried(provider: str) -> None:
    whole = state(provider, RECORDS[provider].states.done)
    error, transport = failing(provider, replace(whole, complete=False))
    assert (error.temporary, len(transport.lookups)) == (True, 3)
    assert "ended early" in str(error)


@every_provider
@pytest.mark.parametrize(
    ("answer", "temporary", "times"),
    [
        (LOST, True, 3),
        (UNREACHED, True, 3),
        (replace(UNREACHED, permanent=True), False, 1),
        (RuntimeError("odd"), True, 3),
    ],
    ids=["lost", "not sent", "never sent", "raised"],
)
def test_no_reply_gives_no_state(provider: str, answer: Answer | BaseException, temporary: bool, times: int) -> None:
    error, transport = failing(provider, answer)
    assert (error.http_status, error.raw, error.temporary) == (None, None, temporary)
    assert len(transport.lookups) == times


@both_kinds
@every_provider
def test_a_lookup_is_retried_until_there_is_an_answer(kind: Kind, provider: str) -> None:
    for answer in (LOST, UNREACHED, reply(408), reply(429), reply(500), reply(503, HTML), RuntimeError("odd")):
        transport = LookupScript(answer, answer, state(provider, RECORDS[provider].states.done))
        with caller(kind, account(provider, transport=transport), retry=BRIEFLY) as client:
            assert looked_up(client, pending(provider)).status is SUCCEEDED
        first, second, third = transport.lookups
        assert first == second == third


@both_kinds
def test_a_lookup_is_retried_as_often_as_the_retry_allows(kind: Kind) -> None:
    for attempts in (1, 2, 5):
        transport = LookupScript(LOST)
        retry = Retry(attempts=attempts, first_wait=0.001)
        with (
            caller(kind, account("blink", transport=transport), retry=retry) as client,
            pytest.raises(LookupFailed),
        ):
            looked_up(client, pending("blink"))
        assert len(transport.lookups) == attempts


@every_provider
@pytest.mark.parametrize("status", [200, 401, 404, 429, 503])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ((), None),
        ((("retry-after", "3600"),), 3600.0),
        (
            (("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("retry-after", "Sun, 06 Nov 1994 09:49:37 GMT")),
            3600.0,
        ),
        ((("retry-after", "soon"),), None),
    ],
)
def test_a_failed_lookup_says_how_long_to_wait(
    provider: str, status: int, headers: tuple[tuple[str, str], ...], seconds: float | None
) -> None:
    error, transport = failing(provider, reply(status, HTML, headers))
    assert error.retry_after == seconds
    # An hour is past the deadline of the call.
    assert len(transport.lookups) == (3 if seconds is None and status in (429, 503) else 1)


def test_a_failed_lookup_holds_the_message_of_the_provider() -> None:
    answer = reply(404, {"code": "BYRD901", "description": "Transaction not found"})
    error, _ = failing("paybyrd", answer)
    assert (error.provider_code, error.provider_message, error.raw) == ("BYRD901", "Transaction not found", answer)
    assert "BYRD901" in str(error)
    error, _ = failing("blink", reply(404, {"error": "No such transaction"}))
    assert (error.provider_code, error.provider_message) == (None, "No such transaction")
    assert "No such transaction" not in str(error)


# The reports to the hooks.


@both_kinds
def test_each_lookup_is_reported_with_the_state_that_it_gave(kind: Kind) -> None:
    attempts: list[tuple[Operation, str, int | None]] = []
    transport = LookupScript(LOST, reply(404), state("lab4pay", "IN_PROGRESS"), state("lab4pay", "DECLINED"))
    with caller(
        kind,
        account("lab4pay", transport=transport),
        on_attempt=lambda attempt: attempts.append((attempt.operation, attempt.outcome, attempt.status)),
    ) as client:
        for _ in range(2):
            with pytest.raises(LookupFailed):
                looked_up(client, pending("lab4pay"))
        assert [looked_up(client, pending("lab4pay")).status for _ in range(2)] == [PENDING, FAILED]
    assert attempts == [
        (Operation.LOOKUP, "LookupFailed", None),
        (Operation.LOOKUP, "LookupFailed", 404),
        (Operation.LOOKUP, "PENDING", 200),
        (Operation.LOOKUP, "FAILED", 200),
    ]


def test_an_answered_cancel_is_reported_as_successful() -> None:
    outcomes: list[str] = []
    transport = LookupScript(state("lab4pay", "SUCCESS"), answers=[reply(200)])
    made = account("lab4pay", transport=transport)
    with caller("sync", made, on_attempt=lambda attempt: outcomes.append(attempt.outcome)) as client:
        looked_up(client, pending("lab4pay"), "cancel")
    assert outcomes == ["OK", "SUCCEEDED"]


@pytest.mark.parametrize("answer", [LOST, UNREACHED, reply(500), reply(200, HTML)], ids=repr)
def test_a_lookup_of_a_reason_without_an_answer_is_not_reported_as_successful(answer: Answer) -> None:
    outcomes: list[str] = []
    transport = LookupScript(answer, answers=[reply(400)])
    made = account("lab4pay", transport=transport)
    with (
        caller("sync", made, on_attempt=lambda attempt: outcomes.append(attempt.outcome)) as client,
        pytest.raises(RefundRejected),
    ):
        of_payment(client, "lab4pay")
    assert outcomes[0] == "RefundRejected"
    assert outcomes[1:] != ["OK"]
