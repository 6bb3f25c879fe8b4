"""The policy: from evidence and reading to the outcome, and whether the refund may be resent."""

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundry import (
    FULL,
    Amount,
    AuthenticationFailed,
    Evidence,
    LookupFailed,
    Money,
    NotSent,
    OutcomeUnknown,
    Reason,
    Refund,
    RefundError,
    RefundMismatch,
    RefundRejected,
    RefundStatus,
    Resend,
    SendFailure,
    WireReply,
)
from refundry.clock import SYSTEM, Clock, Deadline
from refundry.outcome import Outcome, Reading, after_unknown, compare, is_created_since, of_failure, of_reply, of_state
from refundry.refund import RefundRequest

REQUEST = RefundRequest("blink", "p-1", Money.of("1.00", "EUR"), "r-1")
REPLY = WireReply(200, (), b"{}")
NOW = datetime.now(UTC)
LATER = NOW + timedelta(hours=1)
RESEND = pytest.mark.parametrize(("until", "resend"), [(LATER, Resend.SAME_REFERENCE), (None, Resend.NEVER)])


@dataclasses.dataclass(frozen=True)
class Times:
    """The times of a refund."""

    until: datetime | None = LATER
    same_answer_until: datetime | None = None
    sent_at: datetime = NOW
    clock: Clock = SYSTEM

    @property
    def resend_until(self) -> Deadline | None:
        return None if self.until is None else Deadline(self.until)


def concluded(
    reading: Reading, request: RefundRequest = REQUEST, *, reply: WireReply = REPLY, currency: str | None = None
) -> Refund | RefundError:
    return of_reply(request, reply, reading, currency=currency, times=Times())


@pytest.mark.parametrize("evidence", [Evidence.MAYBE_SENT, Evidence.ANSWERED])
@RESEND
def test_a_request_that_may_have_been_sent_is_unknown(
    evidence: Evidence, until: datetime | None, resend: Resend
) -> None:
    error = of_failure(REQUEST, SendFailure(evidence, "the connection broke"), Times(until))
    assert type(error) is OutcomeUnknown
    assert (error.resend_until, error.resend) == (until, resend)
    assert "the connection broke" in str(error)
    assert (error.provider, error.reference, error.raw) == ("blink", "r-1", None)


@pytest.mark.parametrize("until", [LATER, None])
def test_a_request_that_was_not_sent_may_be_resent(until: datetime | None) -> None:
    error = of_failure(REQUEST, SendFailure(Evidence.NOT_SENT, "the connection was refused"), Times(until))
    assert type(error) is NotSent
    assert error.resend is Resend.SAFE
    assert "the connection was refused" in str(error)


@pytest.mark.parametrize(
    ("outcome", "status"), [(Outcome.SUCCEEDED, RefundStatus.SUCCEEDED), (Outcome.PENDING, RefundStatus.PENDING)]
)
def test_an_acceptance_is_a_refund(outcome: Outcome, status: RefundStatus) -> None:
    reading = Reading(
        outcome, refund_id="x", payment_id="p-1", remaining=200, tracking_id="t", code="c", message="m", reference="r-1"
    )
    assert concluded(reading) == Refund(
        provider="blink",
        reference="r-1",
        status=status,
        amount=Money.of("1.00", "EUR"),
        refund_id="x",
        payment_id="p-1",
        remaining=200,
        tracking_id="t",
        provider_code="c",
        provider_message="m",
        sent_at=NOW,
    )
    refund = concluded(reading)
    assert isinstance(refund, Refund)
    assert refund.raw is REPLY


@pytest.mark.parametrize(
    ("outcome", "cls", "resend"),
    [
        (Outcome.REJECTED, RefundRejected, Resend.SAFE),
        (Outcome.AUTHENTICATION_FAILED, AuthenticationFailed, Resend.SAFE),
        (Outcome.UNKNOWN, OutcomeUnknown, Resend.SAME_REFERENCE),
    ],
)
def test_a_refund_that_was_not_accepted_is_an_exception_that_says_what_is_certain(
    outcome: Outcome, cls: type[RefundError], resend: Resend
) -> None:
    error = concluded(Reading(outcome, code="C-1", message="a message"))
    assert isinstance(error, RefundError)
    assert (type(error), error.resend) == (cls, resend)
    assert (error.http_status, error.provider_code, error.provider_message) == (200, "C-1", "a message")
    assert error.raw is REPLY
    assert "C-1" in str(error)
    assert "a message" not in str(error)


def test_every_outcome_is_in_one_of_the_tables_above() -> None:
    returned: dict[Outcome, Any] = {outcome: concluded(Reading(outcome)) for outcome in Outcome}
    assert {outcome for outcome, result in returned.items() if isinstance(result, Refund)} == {
        Outcome.SUCCEEDED,
        Outcome.PENDING,
    }
    assert len({type(result) for result in returned.values()}) == len(Outcome) - 1


def test_a_reading_that_claims_nothing_is_unknown() -> None:
    assert type(concluded(Reading())) is OutcomeUnknown
    assert "no reply worth it" in str(concluded(Reading(why="no reply worth it")))


@pytest.mark.parametrize("reason", Reason)
def test_a_refusal_carries_its_reason(reason: Reason) -> None:
    error = concluded(Reading(Outcome.REJECTED, reason))
    assert isinstance(error, RefundRejected)
    assert error.reason is reason
    assert reason.value in str(error)


@pytest.mark.parametrize("retry_after", [None, 30.0])
@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.AUTHENTICATION_FAILED, Outcome.UNKNOWN])
def test_every_error_of_an_answer_has_the_wait_that_the_provider_requests(
    outcome: Outcome, retry_after: float | None
) -> None:
    headers = () if retry_after is None else (("retry-after", f"{retry_after:g}"),)
    error = concluded(Reading(outcome), reply=WireReply(429, headers, b"{}"))
    assert isinstance(error, RefundError)
    assert error.retry_after == retry_after


@pytest.mark.parametrize("retry_after", [None, 30.0])
@pytest.mark.parametrize("evidence", Evidence)
def test_every_error_of_a_failure_has_the_wait_that_the_server_requests(
    evidence: Evidence, retry_after: float | None
) -> None:
    failure = SendFailure(evidence, "no", retry_after=retry_after)
    assert of_failure(REQUEST, failure, Times()).retry_after == retry_after


@pytest.mark.parametrize("amount", [Money.of("1.00", "EUR"), FULL])
def test_every_error_names_the_payment_and_the_amount(amount: Amount) -> None:
    request = dataclasses.replace(REQUEST, amount=amount)
    result = [concluded(Reading(outcome), request) for outcome in Outcome]
    result += [of_failure(request, SendFailure(evidence, "no"), Times()) for evidence in Evidence]
    result += [concluded(Reading(Outcome.SUCCEEDED, payment_id="p-2"), request)]
    refund = Refund("blink", "r-1", RefundStatus.PENDING, amount=Money.of("1.00", "EUR"), payment_id="p-1")
    for answer in (SendFailure(Evidence.MAYBE_SENT, "no"), REPLY):
        result += [of_state(refund, answer, Reading(), currency=None, clock=SYSTEM)]
    errors = [error for error in result if isinstance(error, RefundError)]
    assert {type(error) for error in errors} == {
        *(RefundRejected, AuthenticationFailed, OutcomeUnknown, RefundMismatch, NotSent, LookupFailed)
    }
    for error in errors:
        requested = REQUEST.amount if isinstance(error, LookupFailed) else amount
        assert (error.provider, error.reference, error.payment_id, error.amount) == ("blink", "r-1", "p-1", requested)


@pytest.mark.parametrize("code", ["a code\r\nwith lines", "a" * 41, "<b>", "4111 1111 1111 1111"])
def test_a_code_that_is_more_than_a_code_is_not_in_the_text(code: str) -> None:
    error = concluded(Reading(Outcome.REJECTED, code=code))
    assert isinstance(error, RefundRejected)
    assert code not in str(error)
    assert error.provider_code == code


@pytest.mark.parametrize("evidence", Evidence)
def test_the_exception_of_a_failure_is_the_cause_of_the_error(evidence: Evidence) -> None:
    broken = OSError()
    assert of_failure(REQUEST, SendFailure(evidence, "no", cause=broken), Times()).__cause__ is broken


@pytest.mark.parametrize("resolves", [True, False])
@pytest.mark.parametrize("outcome", Outcome)
def test_a_lost_attempt_is_resolved_by_an_acceptance_or_by_a_refusal_of_its_key(
    outcome: Outcome, resolves: bool
) -> None:
    lost = of_failure(REQUEST, SendFailure(Evidence.MAYBE_SENT, "the connection broke"), Times())
    assert isinstance(lost, OutcomeUnknown)
    reading = Reading(outcome, resolves_earlier=resolves)
    result = concluded(reading)
    returned = after_unknown(lost, result, resolves_earlier=resolves, times=Times())
    is_verdict = outcome is Outcome.REJECTED and resolves
    if is_verdict or isinstance(result, Refund | OutcomeUnknown):
        assert returned is result
    else:
        assert (type(returned), str(lost) in str(returned)) == (OutcomeUnknown, True)


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(hours=9), -timedelta(days=2)], ids=str)
@pytest.mark.parametrize(
    ("after", "expected"),
    [(timedelta(0), True), (MINUTE, True), (-MINUTE, False), (-timedelta(days=1), False)],
    ids=str,
)
def test_a_transaction_is_of_this_refund_only_where_it_was_created_since_by_the_providers_own_clock(
    ahead: timedelta, after: timedelta, expected: bool
) -> None:
    sent_at = datetime.now(UTC)
    reply = WireReply(200, (("date", format_datetime(sent_at + ahead, usegmt=True)),), b"{}")
    assert is_created_since(sent_at + ahead + after, reply, sent_at, SYSTEM) is expected


def test_without_one_of_the_times_a_transaction_may_be_older() -> None:
    dated = WireReply(200, (("date", format_datetime(NOW, usegmt=True)),), b"{}")
    assert is_created_since(NOW + MINUTE, dated, NOW, SYSTEM)
    assert not is_created_since(None, dated, NOW, SYSTEM)
    assert not is_created_since(NOW + MINUTE, dated, None, SYSTEM)
    assert not is_created_since(NOW + MINUTE, REPLY, NOW, SYSTEM)


@pytest.mark.parametrize(
    ("reported", "difference"),
    [
        ({"amounts": (Decimal("0.99"),)}, ("amount", "1.00", "0.99")),
        ({"amounts": (Decimal("100"),)}, ("amount", "1.00", "100")),
        ({"amounts": (Decimal("Infinity"),)}, ("amount", "1.00", "Infinity")),
        ({"currency": "JPY"}, ("currency", "EUR", "JPY")),
        ({"payment_id": "p-2"}, ("payment_id", "p-1", "p-2")),
        ({"reference": "r-2"}, ("reference", "r-1", "r-2")),
    ],
)
@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.PENDING])
def test_an_acceptance_of_another_refund_is_a_mismatch_that_names_both_values(
    outcome: Outcome, reported: dict[str, Any], difference: tuple[str, str, str]
) -> None:
    error = concluded(dataclasses.replace(Reading(outcome), **reported))
    assert isinstance(error, RefundMismatch)
    assert error.differences == (difference,)
    assert error.resend is Resend.SAME_REFERENCE
    assert error.raw is REPLY
    for text in difference:
        assert text in str(error)


def test_every_difference_is_named() -> None:
    reading = Reading(Outcome.SUCCEEDED, amounts=(Decimal(2),), payment_id="p-2", reference="r-2")
    assert [name for name, *_ in compare(REQUEST, reading)] == ["amount", "payment_id", "reference"]


def test_a_reported_value_is_shown_only_in_part() -> None:
    error = concluded(Reading(Outcome.SUCCEEDED, payment_id="p" * 1000))
    assert isinstance(error, RefundMismatch)
    assert "p" * 61 not in str(error)


def test_a_refusal_of_another_payment_is_a_mismatch_too() -> None:
    error = concluded(Reading(Outcome.REJECTED, payment_id="p-2"))
    assert isinstance(error, RefundMismatch)


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.AUTHENTICATION_FAILED, Outcome.UNKNOWN])
def test_the_amount_of_a_refund_that_was_not_accepted_is_not_compared(outcome: Outcome) -> None:
    assert compare(REQUEST, Reading(outcome, amounts=(Decimal(7),), currency="JPY")) == ()


def test_the_amount_after_full_is_adopted_without_a_comparison_where_the_currency_is_known() -> None:
    full = dataclasses.replace(REQUEST, amount=FULL)
    reading = Reading(Outcome.SUCCEEDED, amounts=(Decimal("79.1"),))
    assert compare(full, reading) == ()
    for currency, amount in ((None, None), ("GBP", Money.of("79.10", "GBP")), ("JPY", None)):
        refund = concluded(reading, full, currency=currency)
        assert isinstance(refund, Refund)
        assert refund.amount == amount


@pytest.mark.parametrize(
    ("amounts", "values"),
    [
        (("1", "one"), []),
        (("0.99", "1"), ["0.99"]),
        (("1", "0.99"), ["0.99"]),
        (("0.99", "0.990"), ["0.99"]),
        (("0.99", "2"), ["0.99", "2"]),
        (("one", "0.99"), ["0.99"]),
        (("one",), ["one"]),
        (("one", "two"), ["one", "two"]),
        ((), []),
    ],
)
def test_every_amount_of_a_reply_is_compared_and_one_that_cannot_be_read_where_no_other_can(
    amounts: tuple[str, ...], values: list[str]
) -> None:
    reading = Reading(Outcome.SUCCEEDED, amounts=tuple(one if one.isalpha() else Decimal(one) for one in amounts))
    assert compare(REQUEST, reading) == tuple(("amount", "1.00", value) for value in values)


def test_after_full_the_amounts_of_a_reply_are_compared_with_each_other() -> None:
    full = dataclasses.replace(REQUEST, amount=FULL)
    same, other = Decimal("79.1"), Decimal("79.2")
    assert compare(full, Reading(Outcome.SUCCEEDED, amounts=(same, other))) == (("amount", "79.1", "79.2"),)
    for amounts in ((same, same), (same, "one"), ("one",), ()):
        assert compare(full, Reading(Outcome.SUCCEEDED, amounts=amounts)) == ()


@pytest.mark.parametrize("amount", [None, Decimal(0), Decimal("Infinity"), Decimal("1E+300")])
def test_an_impossible_amount_after_full_is_left_out(amount: Decimal | None) -> None:
    full = dataclasses.replace(REQUEST, amount=FULL)
    refund = concluded(Reading(Outcome.SUCCEEDED, amounts=() if amount is None else (amount,)), full, currency="GBP")
    assert isinstance(refund, Refund)
    assert refund.amount is None


@given(st.integers(1, 10**15), st.integers(1, 10**15), st.sampled_from(["JPY", "EUR", "KWD", "CLF"]))
def test_two_amounts_agree_only_where_every_digit_does(requested: int, reported: int, currency: str) -> None:
    request = dataclasses.replace(REQUEST, amount=Money.from_minor(requested, currency))
    amount = Money.from_minor(reported, currency).decimal.normalize()
    assert (compare(request, Reading(Outcome.SUCCEEDED, amounts=(amount,))) == ()) is (requested == reported)
