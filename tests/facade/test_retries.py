"""Retries: only where nothing was executed or the provider de-duplicates, and never past the deadline."""

import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from typing import Any

import pytest

from refundry import (
    AuthenticationFailed,
    Evidence,
    InvalidRefund,
    NotSent,
    Operation,
    OutcomeUnknown,
    RefundError,
    RefundInProgress,
    RefundMismatch,
    RefundRejected,
    RefundStatus,
    Resend,
    Retry,
    SendFailure,
    Timeout,
    WireReply,
    WireRequest,
)
from refundry.clock import SYSTEM
from tests.facade.support import KINDS, Kind, Scripted, accepted, caller
from tests.providers import PROVIDERS, WITHOUT_WINDOW, account
from tests.providers.record import PAYMENT, reply

NOTHING_LEFT = SendFailure(Evidence.NOT_SENT, "the connection was refused")
LOST = SendFailure(Evidence.MAYBE_SENT, "the connection broke")
STORED = reply(500, {"code": "BYRD999", "description": "Operation failed"}, (("requestid", "request-1"),))
PAGE = reply(502, b"<html>Bad Gateway</html>")
DAY = 24 * 3600.0
NOW = "the moment that it is given"

pytestmark = pytest.mark.usefixtures("pauses")
both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)
without_keys = pytest.mark.parametrize("provider", WITHOUT_WINDOW)


def outcome_for_caller(
    kind: Kind, provider: str, transport: Scripted, retry: Retry | None = None, **options: Any
) -> RefundStatus | type[RefundError]:
    """Return the outcome for the caller of one euro refunded through the transport, with the default retries."""
    made = account(provider, transport=transport)
    with caller(kind, made, retry=Retry() if retry is None else retry, **options) as client:
        try:
            return client.ask(provider).status
        except RefundError as error:
            return type(error)


def key_of(request: WireRequest) -> str | None:
    return dict(request.headers).get("idempotency-key")


@both_kinds
@every_provider
def test_a_refund_that_was_not_sent_is_retried(kind: Kind, provider: str, pauses: list[float]) -> None:
    transport = Scripted(NOTHING_LEFT, NOTHING_LEFT, accepted(provider))
    assert isinstance(outcome_for_caller(kind, provider, transport), RefundStatus)
    first, second, third = transport.sent
    assert first == second == third
    assert len(pauses) == 2


@both_kinds
@every_provider
def test_an_unsent_refund_is_given_up_after_three_attempts(kind: Kind, provider: str) -> None:
    transport = Scripted(NOTHING_LEFT)
    assert outcome_for_caller(kind, provider, transport) is NotSent
    assert len(transport.sent) == 3


@both_kinds
@pytest.mark.parametrize("answer", [LOST, PAGE, reply(200, b""), reply(429), RuntimeError("odd")], ids=repr)
def test_a_lost_refund_is_retried_under_the_same_key_where_the_provider_knows_it(kind: Kind, answer: Any) -> None:
    transport = Scripted(answer, answer, accepted("paybyrd"))
    assert outcome_for_caller(kind, "paybyrd", transport) is RefundStatus.SUCCEEDED
    assert len(transport.sent) == 3
    assert len({key_of(request) for request in transport.sent}) == 1


@both_kinds
@without_keys
@pytest.mark.parametrize("answer", [LOST, PAGE, reply(200, b""), reply(408), reply(429), reply(503)], ids=repr)
def test_a_lost_refund_is_never_retried_where_nothing_de_duplicates_it(
    kind: Kind, provider: str, answer: Any, pauses: list[float]
) -> None:
    transport = Scripted(answer, accepted(provider))
    assert outcome_for_caller(kind, provider, transport) is OutcomeUnknown
    assert len(transport.sent) == 1
    assert pauses == []


@both_kinds
def test_a_sent_refund_after_an_unsent_attempt_is_not_retried_where_nothing_de_duplicates_it(kind: Kind) -> None:
    transport = Scripted(NOTHING_LEFT, LOST, accepted("blink"))
    assert outcome_for_caller(kind, "blink", transport) is OutcomeUnknown
    assert len(transport.sent) == 2


@every_provider
@pytest.mark.parametrize(
    "answer", [reply(400, {"code": "BYRD230", "success": False, "message": "no"}), reply(401, {})], ids=["no", "denied"]
)
def test_a_refused_refund_is_not_retried(provider: str, answer: WireReply) -> None:
    transport = Scripted(answer, accepted(provider))
    assert outcome_for_caller("sync", provider, transport) in (RefundRejected, AuthenticationFailed)
    assert len(transport.sent) == 1


def test_a_refund_that_does_not_match_the_request_is_not_retried() -> None:
    transport = Scripted(reply(200, {"code": "BYRD200", "isoAmount": 99}), accepted("paybyrd"))
    assert outcome_for_caller("sync", "paybyrd", transport) is RefundMismatch
    assert len(transport.sent) == 1


@every_provider
def test_a_permanent_failure_is_not_retried(provider: str) -> None:
    failure = SendFailure(Evidence.NOT_SENT, "the host's certificate is not trusted", permanent=True)
    transport = Scripted(failure, accepted(provider))
    assert outcome_for_caller("sync", provider, transport) is NotSent
    assert len(transport.sent) == 1


@both_kinds
@every_provider
def test_retries_can_be_switched_off(kind: Kind, provider: str) -> None:
    transport = Scripted(NOTHING_LEFT, accepted(provider))
    assert outcome_for_caller(kind, provider, transport, Retry(attempts=1)) is NotSent
    assert len(transport.sent) == 1


def test_a_refund_that_a_retry_finds_already_refunded_stays_unknown_and_is_not_sent_a_third_time() -> None:
    transport = Scripted(LOST, reply(400, {"code": "BYRD230"}), accepted("paybyrd"))
    assert outcome_for_caller("sync", "paybyrd", transport) is OutcomeUnknown
    assert len(transport.sent) == 2


def test_a_retry_that_was_not_sent_does_not_make_a_lost_refund_safe() -> None:
    made = account("paybyrd", transport=Scripted(LOST, NOTHING_LEFT))
    with caller("sync", made, retry=Retry()) as client, pytest.raises(OutcomeUnknown) as unknown:
        client.ask("paybyrd")
    assert unknown.value.resend is Resend.SAME_REFERENCE


def test_the_key_is_not_used_for_longer_than_the_provider_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [time.monotonic()]
    monkeypatch.setattr(SYSTEM, "boot", lambda: now[0])

    def slow(_: WireRequest) -> SendFailure:
        now[0] += DAY
        return LOST

    transport = Scripted(slow)
    assert outcome_for_caller("sync", "paybyrd", transport) is OutcomeUnknown
    assert len(transport.sent) == 1


def test_the_wait_doubles_up_to_the_longest_and_half_of_it_is_left_to_chance(pauses: list[float]) -> None:
    retry = Retry(attempts=8, deadline=1000, first_wait=1, longest_wait=10)
    for number in range(40):
        made = account("paybyrd", transport=Scripted(LOST))
        with caller("sync", made, retry=retry) as client, pytest.raises(OutcomeUnknown):
            client.ask("paybyrd", reference=f"r-{number}")
    by_attempt = [pauses[attempt::7] for attempt in range(7)]
    for waits, most in zip(by_attempt, [1, 2, 4, 8, 10, 10, 10], strict=True):
        assert len(waits) == 40
        assert most / 2 <= min(waits) < 0.6 * most
        assert 0.9 * most < max(waits) <= most


@both_kinds
def test_a_longer_retry_after_in_seconds_is_waited_for(kind: Kind, pauses: list[float]) -> None:
    transport = Scripted(reply(429, b"", (("retry-after", "7"),)), accepted("paybyrd"))
    assert outcome_for_caller(kind, "paybyrd", transport) is RefundStatus.SUCCEEDED
    assert pauses == [7.0]


@pytest.mark.parametrize("own_date", [True, False])
def test_a_longer_retry_after_as_a_date_counts_from_the_replys_own_date(own_date: bool, pauses: list[float]) -> None:
    clock = 1_000_000_000.0 if own_date else time.time()
    headers = [("retry-after", formatdate(clock + 30, usegmt=True))]
    headers += [("date", formatdate(clock, usegmt=True))] if own_date else []
    transport = Scripted(reply(503, b"", tuple(headers)), accepted("paybyrd"))
    assert outcome_for_caller("sync", "paybyrd", transport) is RefundStatus.SUCCEEDED
    assert pauses == [30.0] if own_date else 28 < pauses[0] < 32


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "²", "9" * 400, "Wed, 31 Feb 2026 99:00:00 GMT", "0"])
def test_an_odd_retry_after_does_no_harm(value: str, pauses: list[float]) -> None:
    transport = Scripted(reply(503, b"", (("retry-after", value),)), accepted("paybyrd"))
    expected = OutcomeUnknown if value == "9" * 400 else RefundStatus.SUCCEEDED
    assert outcome_for_caller("sync", "paybyrd", transport) is expected
    assert all(0.25 <= pause <= 0.5 for pause in pauses)


def test_a_retry_after_past_the_deadline_is_not_waited_for_and_nothing_is_retried(pauses: list[float]) -> None:
    transport = Scripted(reply(503, b"", (("retry-after", "61"),)), accepted("paybyrd"))
    assert outcome_for_caller("sync", "paybyrd", transport, Retry(deadline=60)) is OutcomeUnknown
    assert len(transport.sent) == 1
    assert pauses == []


def test_the_deadline_bounds_the_call_and_shortens_the_last_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(SYSTEM, "monotonic", lambda: now[0])

    def slow(_: WireRequest) -> SendFailure:
        now[0] += 25
        return LOST

    transport = Scripted(slow)
    retry = Retry(attempts=10, deadline=60, first_wait=0.001, longest_wait=0.001)
    assert outcome_for_caller("sync", "paybyrd", transport, retry, timeout=Timeout(total=30)) is OutcomeUnknown
    assert [round(timeout.total) for timeout in transport.timeouts] == [30, 30, 10]


@both_kinds
def test_a_stored_failure_is_not_sent_a_third_time_but_looked_up(kind: Kind) -> None:
    transport = Scripted(STORED, STORED, accepted("paybyrd"))
    made = account("paybyrd", transport=transport)
    with caller(kind, made, retry=Retry(attempts=9)) as client, pytest.raises(OutcomeUnknown) as unknown:
        client.ask("paybyrd")
    assert unknown.value.resend is Resend.SAME_REFERENCE
    assert len(transport.sent) == 2
    (lookup,) = transport.lookups
    assert (lookup.method, lookup.target) == ("GET", "/api/v2/transactions?requestId=request-1")


def test_two_different_failures_are_not_a_stored_answer() -> None:
    other = reply(500, {"code": "BYRD299"})
    transport = Scripted(STORED, other, STORED, accepted("paybyrd"))
    assert outcome_for_caller("sync", "paybyrd", transport, Retry(attempts=9)) is RefundStatus.SUCCEEDED


def transaction(**changes: Any) -> dict[str, Any]:
    """Return a transaction that refunds one euro of PAYMENT."""
    return {
        "transactionId": "refund-1",
        "status": "Success",
        "code": "BYRD200",
        "isoAmount": -100,
        "currency": "EUR",
        "referencedTransactions": [{"transactionId": PAYMENT}],
        "createdDate": NOW,
        **changes,
    }


def at(seconds: float) -> str:
    """Return the time so many seconds from now, as Paybyrd writes it."""
    return f"{datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


@both_kinds
@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([transaction()], RefundStatus.SUCCEEDED),
        (transaction(), RefundStatus.SUCCEEDED),
        ([transaction(status="Processing", code="BYRD201")], RefundStatus.PENDING),
        ([transaction(status="Denied", code="BYRD205")], RefundRejected),
        ([transaction(status="Error", code="BYRD999")], RefundStatus.PENDING),
        ([], OutcomeUnknown),
        ([transaction(referencedTransactions=[])], OutcomeUnknown),
        ([transaction(referencedTransactions=[{"transactionId": "another"}])], OutcomeUnknown),
        ([transaction(isoAmount=-99)], OutcomeUnknown),
        ([transaction(isoAmount=None)], OutcomeUnknown),
        ([transaction(transactionId=None)], OutcomeUnknown),
        ([transaction(), transaction(transactionId="refund-2")], OutcomeUnknown),
        ([transaction(createdDate=at(-24 * 3600))], OutcomeUnknown),
        ([transaction(createdDate=at(-24 * 3600), status="Denied", code="BYRD205")], OutcomeUnknown),
        ([transaction(createdDate="yesterday")], OutcomeUnknown),
        ([transaction(createdDate=None)], OutcomeUnknown),
        ({"data": []}, OutcomeUnknown),
    ],
)
def test_a_lookup_resolves_an_unknown_refund_only_where_it_identifies_that_refund(
    kind: Kind, found: Any, expected: RefundStatus | type[RefundError]
) -> None:
    body = json.dumps(found).replace(NOW, at(1)).encode()
    transport = Scripted(STORED, state=reply(200, body, (("date", formatdate(usegmt=True)),)))
    with caller(kind, account("paybyrd", transport=transport), retry=Retry()) as client:
        results: list[tuple[object, ...]] = []
        for _ in range(2):
            try:
                refund = client.ask("paybyrd")
                results.append((refund.status, refund.refund_id, refund.replayed))
            except RefundError as error:
                results.append((type(error), error.resend, None))
    if isinstance(expected, RefundStatus):
        assert results == [(expected, "refund-1", False), (expected, "refund-1", True)]
        assert len(transport.sent) == 2
    else:
        resend = Resend.SAFE if expected is RefundRejected else Resend.SAME_REFERENCE
        assert results == [(expected, resend, None)] * 2
    assert len({key_of(request) for request in transport.sent}) == 1


def test_the_transaction_of_another_reference_does_not_resolve_an_unknown_refund() -> None:
    first = reply(200, {"code": "BYRD200", "isoAmount": 100, "transactionId": "refund-1"})
    state = reply(200, [transaction(createdDate=at(1))], (("date", formatdate(usegmt=True)),))
    transport = Scripted(first, STORED, state=state)
    with caller("sync", account("paybyrd", transport=transport), retry=Retry()) as client:
        assert client.ask("paybyrd", reference="r-1").refund_id == "refund-1"
        with pytest.raises(OutcomeUnknown):
            client.ask("paybyrd", reference="r-2")
    assert len(transport.lookups) == 1


def test_a_failed_lookup_leaves_an_unknown_refund_unknown() -> None:
    for state in (reply(404, {"code": "BYRD901"}), reply(500), LOST, NOTHING_LEFT, reply(200, b"<html>")):
        transport = Scripted(STORED, state=state)
        assert outcome_for_caller("sync", "paybyrd", transport) is OutcomeUnknown
        assert len(transport.lookups) == 1


@pytest.mark.parametrize("request_id", ["", "a/b", "..", "a b", "x&acquirerCustomId=1", "a#b", "é"])
def test_an_odd_request_id_is_not_looked_up(request_id: str) -> None:
    failed = reply(500, {"code": "BYRD999"}, (("requestid", request_id),))
    transport = Scripted(failed)
    assert outcome_for_caller("sync", "paybyrd", transport) is OutcomeUnknown
    assert transport.lookups == []


@both_kinds
def test_each_attempt_is_reported_with_its_evidence(kind: Kind) -> None:
    transport = Scripted(NOTHING_LEFT, LOST, accepted("paybyrd"))
    attempts: list[Any] = []
    made = account("paybyrd", transport=transport)
    with caller(kind, made, retry=Retry(), on_attempt=attempts.append) as client:
        client.ask("paybyrd")
    assert [(one.operation, one.evidence, one.status, one.outcome) for one in attempts] == [
        (Operation.REFUND, Evidence.NOT_SENT, None, "NotSent"),
        (Operation.REFUND, Evidence.MAYBE_SENT, None, "OutcomeUnknown"),
        (Operation.REFUND, Evidence.ANSWERED, 200, "SUCCEEDED"),
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"attempts": 0},
        {"attempts": 1.0},
        {"attempts": True},
        {"attempts": 101},
        {"deadline": 0},
        {"deadline": float("nan")},
        {"first_wait": -1},
        {"longest_wait": "1"},
        {"longest_wait": 86_401},
    ],
    ids=str,
)
def test_an_invalid_retry_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRefund, match=next(iter(options))) as refused:
        Retry(**options)
    assert refused.value.field == "retry"


def test_a_reference_is_in_progress_while_its_refund_waits_for_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[type[RefundError]] = []
    transport = Scripted(NOTHING_LEFT, accepted("blink"))
    with caller("sync", account("blink", transport=transport), retry=Retry()) as client:

        def meanwhile(_: float) -> None:
            with pytest.raises(RefundInProgress) as in_progress:
                client.ask("blink")
            seen.append(in_progress.type)

        monkeypatch.setattr("time.sleep", meanwhile)
        assert client.ask("blink").status is RefundStatus.SUCCEEDED
    assert seen == [RefundInProgress]
    assert len(transport.sent) == 2
