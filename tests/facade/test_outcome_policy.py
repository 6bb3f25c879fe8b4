"""The policy, each rule by itself: what a status says, what may follow an answer, and what is said of a refund."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import NoReturn

import pytest

from refundry import (
    FULL,
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
    SendFailure,
    WireReply,
)
from refundry import outcome as policy
from refundry.clock import SYSTEM, Clock, Deadline
from refundry.outcome import CREDENTIALS_REFUSED, CredentialsRefused, NoAnswer, Outcome, PaymentState, Reading
from refundry.refund import RefundRequest

EUR = Money.of("1.00", "EUR")
REQUEST = RefundRequest("blink", "p-1", EUR, "r-1")
REFUND = Refund("blink", "r-1", RefundStatus.PENDING, EUR, refund_id="x", payment_id="p-1", tracking_id="t")
NOT_SENT, LOST = SendFailure(Evidence.NOT_SENT, "no route"), SendFailure(Evidence.MAYBE_SENT, "cut")
PERMANENT = SendFailure(Evidence.NOT_SENT, "no such host", True)
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
STORED_UNTIL = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@dataclass(frozen=True)
class Times:
    """The times of a refund that is never sent again."""

    same_answer_until: datetime | None = None
    resend_until: Deadline | None = None
    sent_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    clock: Clock = SYSTEM


def reply(status: int, body: bytes = b"{}", *, complete: bool = True) -> WireReply:
    return WireReply(status, (), body, complete)


@pytest.mark.parametrize("status", [200, 400, 401, 402, 403, 404, 407, 408, 409, 428, 429, 430, 499, 500, 503])
def test_what_a_status_says_by_itself(status: int) -> None:
    assert (policy.of_status(status) is Outcome.AUTHENTICATION_FAILED) is (status == 401)
    assert (policy.of_status(status) is Outcome.UNKNOWN) is (status != 401)
    assert policy.is_temporary(reply(status)) is (status in (408, 429, 500, 503))
    assert policy.has_no_effect(reply(status)) is (status in (401, 403))
    assert (status in CREDENTIALS_REFUSED) is (status in (401, 403))
    for denied in (True, False):
        assert policy.is_token_refused(reply(status), denied=denied) is (denied and status == 401)
    assert policy.is_absent(reply(status), OutcomeUnknown("lost")) is (status == 404)


def test_a_failure_is_no_answer_of_the_provider() -> None:
    assert policy.is_token_refused(NOT_SENT, denied=True) is False
    assert policy.is_absent(NOT_SENT, Refund("blink", "r-1", RefundStatus.PENDING)) is False
    assert policy.has_no_effect(NOT_SENT) is True
    assert policy.has_no_effect(LOST) is False


def test_a_reply_that_is_cut_off_is_temporary_and_proves_no_absence() -> None:
    assert policy.is_temporary(reply(200, complete=False)) is True
    assert policy.is_absent(reply(404, complete=False), REFUND) is False


def test_an_answer_that_names_no_transaction_knows_none() -> None:
    assert policy.is_absent(reply(200), Refund("blink", "r-1", RefundStatus.PENDING)) is True
    assert policy.is_absent(reply(200), REFUND) is False


def test_a_reading_claims_nothing_until_it_is_told_and_shows_its_outcome_alone() -> None:
    reading = Reading(message="secret")
    assert (reading.outcome, reading.reason, reading.why, reading.amounts) == (Outcome.UNKNOWN, Reason.OTHER, "", ())
    assert (reading.resolves_earlier, reading.deviations, reading.amount) == (False, (), None)
    assert repr(reading) == "<Reading UNKNOWN>"
    assert Reading(amounts=("one", Decimal(2), Decimal(3))).amount == Decimal(2)
    assert (NoAnswer("nothing").deviations, PaymentState().deviations) == ((), ())


def test_a_fault_in_reading_a_reply_is_what_could_not_be_read() -> None:
    def fails(_: WireReply) -> NoReturn:
        raise KeyError("x")

    assert policy.read_safely(lambda given: given.status, reply(202), lambda why: 0) == 202
    assert policy.read_safely(fails, reply(202), str) == "reading the reply failed with KeyError"


@pytest.mark.parametrize(("status", "permanent"), [(200, False), (399, False), (400, True), (404, True), (503, False)])
def test_a_token_that_cannot_be_had_leaves_the_refund_unsent(status: int, permanent: bool) -> None:
    failure = policy.of_no_token(reply(status), NoAnswer("no token in it"), keys_refused=False, clock=SYSTEM)
    assert type(failure) is SendFailure
    assert (failure.evidence, failure.permanent) == (Evidence.NOT_SENT, permanent)
    assert failure.detail == f"no access token: no token in it (HTTP {status})"


def test_keys_that_are_refused_are_refused_credentials_with_the_providers_words() -> None:
    answer, said = WireReply(400, (("retry-after", "7"),), b"{}"), NoAnswer("no", "C1", "wrong")
    failure = policy.of_no_token(answer, said, keys_refused=True, clock=SYSTEM)
    assert isinstance(failure, CredentialsRefused)
    assert (failure.evidence, failure.permanent, failure.retry_after) == (Evidence.NOT_SENT, True, 7.0)
    error = policy.of_failure(REQUEST, failure, Times())
    assert type(error) is AuthenticationFailed
    assert (error.provider_code, error.provider_message, error.raw) == ("C1", "wrong", answer)
    assert (error.retry_after, error.amount, error.payment_id) == (7.0, EUR, "p-1")
    assert str(error) == "nothing was sent to blink for 'r-1': no access token: the keys were refused (HTTP 400)"


def test_the_ledgers_own_outcomes_are_about_the_request() -> None:
    mismatch = policy.contradicted(REQUEST, "freed by ops", REFUND)
    assert mismatch.differences == (("outcome", "freed by ops", "pending"),)
    assert policy.contradicted(REQUEST, "freed by ops", NotSent("no")).differences[0][2] == "no"
    for error in (mismatch, policy.not_executed_meanwhile(REQUEST), policy.in_progress(REQUEST)):
        assert (error.provider, error.reference, error.payment_id, error.amount) == ("blink", "r-1", "p-1", EUR)
        assert "'r-1'" in str(error)
    assert policy.not_executed_meanwhile(REQUEST).reason is Reason.OTHER


def test_an_outcome_that_was_not_recorded_says_so() -> None:
    unrecorded, error = policy.not_recorded(REFUND), OutcomeUnknown("lost")
    assert (REFUND.recorded, unrecorded.recorded, error.recorded) == (True, False, True)
    assert policy.not_recorded(error) is error
    assert error.recorded is False


def test_a_requested_refund_has_its_amount_but_none_after_full() -> None:
    refund = policy.as_refund(REQUEST, RefundStatus.PENDING, refund_id="x")
    assert (refund.provider, refund.reference, refund.payment_id) == ("blink", "r-1", "p-1")
    assert (refund.status, refund.amount, refund.refund_id) == (RefundStatus.PENDING, EUR, "x")
    assert policy.as_refund(RefundRequest("blink", "p-1", FULL, "r-1"), RefundStatus.PENDING).amount is None


def test_a_refund_is_named_by_one_of_its_ids() -> None:
    assert policy.names_one_of(("x",), REFUND) is True
    assert policy.names_one_of(("y", "t"), REFUND) is True
    assert policy.names_one_of(("y",), REFUND) is False
    assert policy.names_one_of((), REFUND) is False


@pytest.mark.parametrize("reason", Reason)
def test_a_refusal_that_the_provider_has_stored_says_until_when_and_what_to_do(reason: Reason) -> None:
    reading = Reading(Outcome.REJECTED, reason)
    plain = policy.of_reply(REQUEST, reply(200), reading, currency=None, times=Times(), request_id="q")
    stored = policy.of_reply(REQUEST, reply(200), reading, currency=None, times=Times(STORED_UNTIL))
    assert isinstance(plain, RefundRejected)
    assert isinstance(stored, RefundRejected)
    assert (plain.reason, plain.same_answer_until, plain.request_id) == (reason, None, "q")
    assert stored.same_answer_until == STORED_UNTIL
    assert str(plain) == f"blink refused 'r-1': {reason.value} (HTTP 200)"
    own = reason in (Reason.ALREADY_REFUNDED, Reason.EXCEEDS_REMAINING)
    way = ", and an earlier success of this very refund may be its cause" if own else ": wait until then, or give it up"
    assert f"this reference may bring back this answer until 2026-01-02 03:04 UTC{way}" in str(stored)


def test_a_stored_answer_about_a_failed_refund_is_a_refusal_with_its_words() -> None:
    failed = Refund("blink", "r-1", RefundStatus.FAILED, provider_code="C", provider_message="m", raw=reply(200))
    error = policy.stored_answer_of_failed(REQUEST, failed, Times(STORED_UNTIL))
    assert (error.reason, error.provider_code, error.provider_message) == (Reason.OTHER, "C", "m")
    assert (error.raw, error.amount, error.same_answer_until) == (failed.raw, EUR, STORED_UNTIL)


def found(status: RefundStatus = RefundStatus.SUCCEEDED, refund_id: str | None = "x") -> Refund:
    return Refund("blink", "r-1", status, EUR, refund_id=refund_id, payment_id="p-1", provider_code="C")


READ = Reading(Outcome.SUCCEEDED, Reason.DECLINED, amounts=(Decimal(1),), payment_id="p-1")


@pytest.mark.parametrize(
    ("answer", "reading", "first", "later"),
    [
        (found(), READ, True, True),
        (found(RefundStatus.PENDING), READ, True, True),
        (found(RefundStatus.FAILED), READ, True, False),
        (found(refund_id=None), READ, False, False),
        (found(), Reading(Outcome.SUCCEEDED, payment_id="p-1"), False, False),
        (found(), Reading(Outcome.SUCCEEDED, amounts=(Decimal(1),)), False, False),
        (LookupFailed("no", refund=REFUND, temporary=True), READ, False, False),
    ],
)
def test_only_a_transaction_that_names_itself_resolves_an_unknown_refund(
    answer: Refund | RefundError, reading: Reading, first: bool, later: bool
) -> None:
    unknown = OutcomeUnknown("lost")
    for is_first, expected in ((True, first), (False, later)):
        assert policy.resolves(answer, reading, is_first=is_first) is expected
        resolved = policy.resolve_by_lookup(unknown, REQUEST, answer, reading, is_first=is_first, times=Times())
        if not expected:
            assert resolved is unknown
        elif isinstance(answer, Refund) and answer.status is RefundStatus.FAILED:
            assert isinstance(resolved, RefundRejected)
            assert (resolved.reason, resolved.provider_code) == (Reason.DECLINED, "C")
        else:
            assert resolved is answer


@pytest.mark.parametrize(
    ("ended", "reading", "expected"),
    [
        (OutcomeUnknown("lost"), Reading(), True),
        (OutcomeUnknown("lost"), Reading(Outcome.SUCCEEDED, amounts=(Decimal(2),)), True),
        (OutcomeUnknown("lost"), Reading(payment_id="p-2"), False),
        (OutcomeUnknown("lost"), Reading(reference="r-2"), False),
        (RefundRejected("no", reason=Reason.OTHER), Reading(), False),
        (REFUND, Reading(), False),
    ],
)
def test_an_unknown_reply_about_another_payment_or_reference_names_no_refund(
    ended: Refund | RefundError, reading: Reading, expected: bool
) -> None:
    assert policy.may_be_named(REQUEST, ended, reading) is expected


def test_a_question_without_an_answer_says_why_and_whether_another_may_come() -> None:
    failed = policy.of_no_answer(REFUND, NOT_SENT, NoAnswer("x"), clock=SYSTEM)
    assert (failed.temporary, failed.refund, failed.raw) == (True, REFUND, None)
    assert str(failed) == "blink could not be asked about 'r-1': no route"
    assert policy.of_no_answer(REFUND, PERMANENT, NoAnswer("x"), clock=SYSTEM).temporary is False
    unread = policy.of_no_answer(REFUND, reply(200), NoAnswer("it is no JSON", "C", "m"), clock=SYSTEM)
    assert (unread.temporary, unread.provider_code, unread.provider_message) == (True, "C", "m")
    assert str(unread) == "blink could not be asked about 'r-1': it is no JSON (HTTP 200, C)"
    refused = policy.of_no_answer(REFUND, reply(403), NoAnswer("it is no JSON"), clock=SYSTEM)
    assert refused.temporary is False
    assert str(refused) == "blink could not be asked about 'r-1': it refused the credentials (HTTP 403)"


@pytest.mark.parametrize("reason", Reason)
def test_a_refusal_is_explained_by_the_state_of_its_payment(reason: Reason) -> None:
    refused = RefundRejected("blink refused 'r-1': declined (HTTP 200): declined (", reason=Reason.DECLINED)
    assert policy.explained(refused, PaymentState(), "void it") is refused
    explained = policy.explained(refused, PaymentState("voided", reason), "void it")
    assert (explained.reason, refused.reason) == (reason, Reason.DECLINED)
    hint = ": void it" if reason is Reason.NOT_REFUNDABLE else ""
    assert str(explained) == (
        f"blink refused 'r-1': {reason.value} (HTTP 200): declined (; the payment is voided{hint}"
    )


@pytest.mark.parametrize(
    ("answer", "attempt", "caller", "expected"),
    [
        (NOT_SENT, NotSent("no"), NotSent("no"), True),
        (PERMANENT, NotSent("no"), NotSent("no"), False),
        (LOST, OutcomeUnknown("lost"), OutcomeUnknown("lost"), False),
        (NOT_SENT, NotSent("no"), OutcomeUnknown("lost"), False),
        (reply(200), REFUND, REFUND, False),
        (reply(200), NotSent("no"), REFUND, False),
        (reply(401), AuthenticationFailed("no"), AuthenticationFailed("no"), False),
        (reply(200), RefundRejected("no", reason=Reason.OTHER), RefundRejected("no", reason=Reason.OTHER), False),
        (reply(200), RefundMismatch("other", differences=()), NotSent("no"), False),
        (LOST, OutcomeUnknown("lost"), NotSent("no"), True),
    ],
)
def test_a_refund_is_retried_only_where_nothing_was_executed_and_nothing_refused_it(
    answer: policy.Answer, attempt: Refund | RefundError, caller: Refund | RefundError, expected: bool
) -> None:
    assert policy.may_retry(answer, attempt, caller) is expected


def test_a_stored_answer_is_the_same_reply_twice_with_a_code_of_the_provider() -> None:
    with_code, without = OutcomeUnknown("x", provider_code="C"), OutcomeUnknown("x")
    assert policy.is_stored_answer(reply(500), reply(500), with_code) is True
    assert policy.is_stored_answer(reply(500), reply(500), without) is False
    assert policy.is_stored_answer(reply(500), reply(503), with_code) is False
    assert policy.is_stored_answer(reply(500), reply(500, b"[]"), with_code) is False
    assert policy.is_stored_answer(LOST, reply(500), with_code) is False
    assert policy.is_stored_answer(reply(500), LOST, with_code) is False


def test_a_question_is_repeated_only_where_another_answer_may_come_soon() -> None:
    soon, never = (LookupFailed("no", refund=REFUND, temporary=temporary) for temporary in (True, False))
    assert policy.may_repeat(reply(503), soon) is True
    assert policy.may_repeat(NOT_SENT, soon) is True
    assert policy.may_repeat(reply(503), never) is False
    assert policy.may_repeat(reply(200), soon) is False
    assert policy.may_repeat(reply(503), REFUND) is False


def test_a_status_never_moves_backwards() -> None:
    pending, done, failed = RefundStatus.PENDING, RefundStatus.SUCCEEDED, RefundStatus.FAILED
    for undone in (True, False):
        moves = {
            (old, new) for old in RefundStatus for new in RefundStatus if policy.may_follow(old, new, undone=undone)
        }
        assert moves == {(pending, done), (pending, failed), *([(done, failed)] if undone else [])}


@pytest.mark.parametrize("ahead", [0, 3600, -86400])
@pytest.mark.parametrize(("after", "expected"), [(-1.0, True), (0.0, True), (-1.25, False), (-1.9, False)])
def test_a_transaction_may_be_dated_one_second_before_the_refund_was_sent_and_no_more(
    ahead: int, after: float, expected: bool
) -> None:
    clock = Clock(wall=lambda: NOW.timestamp())
    date = format_datetime(NOW + timedelta(seconds=ahead), usegmt=True)
    answer, created = WireReply(200, (("date", date),), b"{}"), NOW + timedelta(seconds=ahead + after)
    assert policy.is_created_since(created, answer, NOW, clock) is expected


def test_a_lookup_finds_the_refund_of_its_link_only_where_it_was_created_since() -> None:
    by_link = replace(REFUND, refund_id=None, payment_id=None, amount=None, sent_at=NOW, replayed=True, remaining=5)
    date = format_datetime(NOW, usegmt=True)
    answer, clock = WireReply(200, (("date", date),), b"{}"), Clock(wall=lambda: NOW.timestamp())
    reading = Reading(
        Outcome.SUCCEEDED, amounts=(Decimal(2),), refund_id="y", payment_id="p-1", code="C", message="m", created_at=NOW
    )
    state = policy.of_state(by_link, answer, reading, currency="EUR", clock=clock)
    assert state == replace(
        by_link,
        status=RefundStatus.SUCCEEDED,
        amount=Money.of("2.00", "EUR"),
        refund_id="y",
        payment_id="p-1",
        remaining=None,
        provider_code="C",
        provider_message="m",
        replayed=False,
    )
    assert isinstance(state, Refund)
    assert (state.raw, state.remaining, state.replayed) == (answer, None, False)
    older = replace(reading, created_at=NOW - timedelta(days=1))
    unfound = policy.of_state(by_link, answer, older, currency="EUR", clock=clock)
    assert isinstance(unfound, Refund)
    assert (unfound.status, unfound.refund_id, unfound.replayed) == (RefundStatus.PENDING, None, False)
    assert unfound.raw is answer


def test_a_lookup_keeps_what_is_known_and_refuses_another_refund() -> None:
    answer = reply(200)
    kept = policy.of_state(REFUND, answer, Reading(Outcome.REJECTED), currency=None, clock=SYSTEM)
    assert isinstance(kept, Refund)
    assert (kept.status, kept.amount, kept.refund_id, kept.payment_id) == (RefundStatus.FAILED, EUR, "x", "p-1")
    for other, difference in (
        (Reading(Outcome.SUCCEEDED, refund_id="y"), ("refund_id", "x", "y")),
        (Reading(Outcome.SUCCEEDED, payment_id="p-2"), ("payment_id", "p-1", "p-2")),
        (Reading(Outcome.SUCCEEDED, currency="USD"), ("currency", "EUR", "USD")),
        (Reading(Outcome.SUCCEEDED, amounts=(Decimal(2),)), ("amount", "1.00", "2")),
    ):
        mismatch = policy.of_state(REFUND, answer, other, currency=None, clock=SYSTEM)
        assert isinstance(mismatch, RefundMismatch)
        assert mismatch.differences == (difference,)
    for unread in (Outcome.UNKNOWN, Outcome.AUTHENTICATION_FAILED):
        assert type(policy.of_state(REFUND, answer, Reading(unread), currency=None, clock=SYSTEM)) is LookupFailed
    assert type(policy.of_state(REFUND, LOST, Reading(Outcome.PENDING), currency=None, clock=SYSTEM)) is LookupFailed


def test_an_acceptance_has_the_providers_id_of_the_request() -> None:
    accepted = policy.of_reply(REQUEST, reply(200), READ, currency=None, times=Times(), request_id="q")
    assert isinstance(accepted, Refund)
    assert accepted.request_id == "q"


@pytest.mark.parametrize(("why", "ending"), [("", ""), ("it is no JSON", ": it is no JSON")])
def test_an_unknown_outcome_says_why_where_the_reading_does(why: str, ending: str) -> None:
    unknown = policy.of_reply(REQUEST, reply(200), Reading(why=why), currency=None, times=Times())
    assert str(unknown) == f"blink may have refunded 'r-1' (HTTP 200){ending}"


def test_an_unknown_attempt_that_was_followed_by_a_proof_of_nothing_is_told_with_both() -> None:
    until = Deadline(NOW + timedelta(hours=1))
    earlier, wait = OutcomeUnknown("lost"), NotSent("no route", retry_after=7.0)
    times = Times(resend_until=until)
    told = policy.after_unknown(earlier, wait, resolves_earlier=False, times=times)
    assert isinstance(told, OutcomeUnknown)
    assert (str(told), told.retry_after, told.resend_until) == (
        "lost; sent again: no route",
        7.0,
        NOW + timedelta(hours=1),
    )
    assert (str(earlier), earlier.retry_after, earlier.resend_until) == ("lost", None, None)


def test_a_uuid_is_the_same_in_either_case_and_another_id_is_not() -> None:
    uuid = "c16ce479-0a1b-4c2d-8e3f-aabbccddeeff"
    request = replace(REQUEST, payment_id=uuid)
    assert policy.compare(request, Reading(payment_id=uuid.upper())) == ()
    for other in (f"{uuid}0", f"0{uuid}", uuid.replace("-", "")):
        assert policy.compare(replace(REQUEST, payment_id=other), Reading(payment_id=other.upper())) != ()


def test_an_amount_is_money_only_where_its_currency_is_known_too() -> None:
    assert policy.money_of(Decimal("1.00"), "EUR") == EUR
    assert policy.money_of(Decimal("1.00"), None) is None
    assert policy.money_of(None, "EUR") is None
