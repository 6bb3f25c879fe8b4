"""A reservation: what its reference keeps after each attempt, a lookup, and a fault of refundry's own."""

from dataclasses import replace

import pytest

from refundry import (
    Evidence,
    NotSent,
    OutcomeUnknown,
    Reason,
    Refund,
    RefundMismatch,
    RefundRejected,
    RefundStatus,
    Resend,
    SendFailure,
)
from refundry.clock import SYSTEM, Moment
from refundry.flows.refund import RefundCall
from refundry.ledger.changes import Record, Reserve
from refundry.ledger.entry import Reservation
from refundry.ledger.memory import MemoryLedger
from refundry.ledger.rules import State, Unknown, state_of
from refundry.owner import Owner
from refundry.providers.registry import translation_of
from refundry.refund import RefundRequest
from refundry.wire import Progress, WireReply
from tests.facade.ledgers import Clocks
from tests.providers import RECORDS, account
from tests.providers.record import ONE_EURO, PAYMENT, reply

WINDOW = 3600
LOST = SendFailure(Evidence.MAYBE_SENT, "the reply was lost")
UNREACHED = SendFailure(Evidence.NOT_SENT, "the connection was refused")
REFUSED = RECORDS["paybyrd"].refused
FORBIDDEN = reply(401, {})
FAULT = RecursionError("the stack is full")


def reserved(ledger: MemoryLedger) -> Reservation:
    """Reserve reference-1 at a provider that de-duplicates."""
    request = RefundRequest("paybyrd", PAYMENT, ONE_EURO, "reference-1")
    reservation = ledger.commit(Reserve(request, WINDOW, 0.0, Owner()))
    assert isinstance(reservation, Reservation)
    return reservation


def begun(reservation: Reservation, evidence: Evidence) -> RefundCall:
    """Begin an attempt, which comes as far as this."""
    call, progress = RefundCall(translation_of(account("paybyrd")), reservation), Progress()
    call.begin(progress)
    progress.evidence = evidence
    return call


def answered(reservation: Reservation, answer: SendFailure | WireReply) -> None:
    """Let an attempt get this answer."""
    call = begun(reservation, Evidence.MAYBE_SENT)
    call.record(call.conclude(answer, ()))


def test_a_fault_before_the_first_byte_leaves_nothing_sent() -> None:
    reservation = reserved(MemoryLedger(SYSTEM))
    assert isinstance(reservation.after_fault(FAULT), NotSent)
    assert state_of(reservation.left()) is State.FREE
    begun(reservation, Evidence.NOT_SENT)
    outcome = reservation.after_fault(FAULT)
    assert isinstance(outcome, NotSent)
    assert "the call failed with RecursionError" in str(outcome)
    assert outcome.__cause__ is FAULT
    assert state_of(reservation.left()) is State.FREE


def test_a_fault_between_two_attempts_leaves_what_the_first_one_left() -> None:
    reservation = reserved(MemoryLedger(SYSTEM))
    answered(reservation, UNREACHED)
    assert isinstance(reservation.after_fault(FAULT), NotSent)
    answered(reservation, LOST)
    outcome = reservation.after_fault(FAULT)
    assert isinstance(outcome, OutcomeUnknown)
    assert "the reply was lost" in str(outcome)


def test_a_fault_after_the_first_byte_leaves_the_refund_unknown() -> None:
    reservation = reserved(MemoryLedger(SYSTEM))
    begun(reservation, Evidence.MAYBE_SENT)
    outcome = reservation.after_fault(FAULT)
    assert isinstance(outcome, OutcomeUnknown)
    assert outcome.__cause__ is FAULT
    assert reservation.earlier is outcome
    assert isinstance(reservation.left(), Unknown)


def test_a_fault_after_the_acceptance_takes_nothing_from_it() -> None:
    reservation = reserved(MemoryLedger(SYSTEM))
    answered(reservation, reply(200, RECORDS["paybyrd"].accepted))
    outcome = reservation.after_fault(FAULT)
    assert isinstance(outcome, Refund)
    assert (outcome.provider, outcome.reference, outcome.payment_id) == ("paybyrd", "reference-1", PAYMENT)
    assert outcome.status is RefundStatus.SUCCEEDED
    assert state_of(reservation.left()) is State.ACCEPTED


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_fault_before_the_first_byte_of_a_later_attempt_leaves_what_the_earlier_ones_left(attempts: int) -> None:
    ledger = MemoryLedger(SYSTEM)
    reservation = reserved(ledger)
    for _ in range(attempts):
        answered(reservation, LOST)
    ledger.commit(Record(reservation))
    again = reserved(ledger)
    before = again.left()
    begun(again, Evidence.NOT_SENT)
    outcome = again.after_fault(FAULT)
    assert isinstance(outcome, OutcomeUnknown)
    assert "the reply was lost" in str(outcome)
    assert outcome.resend is Resend.SAME_REFERENCE
    left = again.left()
    assert isinstance(before, Unknown)
    assert isinstance(left, Unknown)
    assert (left.text, left.first_sent) == (before.text, before.first_sent)


def test_a_fault_after_the_first_byte_of_a_later_attempt_says_so() -> None:
    ledger = MemoryLedger(SYSTEM)
    answered(reservation := reserved(ledger), LOST)
    ledger.commit(Record(reservation))
    begun(again := reserved(ledger), Evidence.MAYBE_SENT)
    outcome = again.after_fault(FAULT)
    assert isinstance(outcome, OutcomeUnknown)
    assert "RecursionError" in str(outcome)


# After attempts and lookups.


@pytest.mark.parametrize("ids", [("link-1", "refund-1"), ("link-1", None), (None, "refund-1")])
def test_an_attempt_that_says_nothing_of_an_earlier_one_leaves_it_unknown_with_what_it_gave_to_ask_by(
    ids: tuple[str | None, str | None],
) -> None:
    reservation = reserved(MemoryLedger(SYSTEM))
    answered(reservation, LOST)
    reservation.note_ids(*ids, is_first=True)
    earlier = reservation.earlier
    assert earlier is not None
    call = begun(reservation, Evidence.MAYBE_SENT)
    assert not reservation.is_first
    call.record(call.conclude(UNREACHED, ()))
    left = reservation.left()
    assert isinstance(left, Unknown)
    assert (left.text, left.tracking_id, left.refund_id) == (str(earlier), *ids)
    assert reservation.earlier is earlier
    call = begun(reservation, Evidence.MAYBE_SENT)
    call.record(call.conclude(SendFailure(Evidence.MAYBE_SENT, "it was reset"), ()))
    left = reservation.left()
    assert isinstance(left, Unknown)
    assert (left.tracking_id, left.refund_id, left.is_first) == (*ids, True)


@pytest.mark.parametrize(
    ("answer", "is_refused"),
    [(REFUSED, True), (FORBIDDEN, True), (UNREACHED, False)],
    ids=["refused", "not authenticated", "not sent"],
)
def test_a_refusal_frees_the_reference_for_the_next_attempt(answer: SendFailure | WireReply, is_refused: bool) -> None:
    reservation = replace(reserved(MemoryLedger(SYSTEM)), counts_attempts=True)
    answered(reservation, answer)
    left = reservation.left()
    assert left is None
    assert reservation.refused is is_refused
    assert reservation.entry(left).attempt == 1 + is_refused
    assert replace(reservation, counts_attempts=False).entry(left).attempt == 1


@pytest.mark.parametrize(
    ("answer", "is_kept"),
    [(UNREACHED, True), (REFUSED, False), (LOST, False), (reply(200, RECORDS["paybyrd"].accepted), False)],
    ids=["not sent", "refused", "lost", "accepted"],
)
def test_when_a_key_was_first_sent_is_kept_for_as_long_as_the_next_attempt_has_that_key(
    answer: SendFailure | WireReply, is_kept: bool
) -> None:
    sent = Moment(SYSTEM)
    reservation = replace(reserved(MemoryLedger(SYSTEM)), counts_attempts=True, key_first_sent=sent)
    answered(reservation, answer)
    assert reservation.entry(reservation.left()).first_sent is (sent if is_kept else None)


def test_a_refusal_comes_back_for_as_long_as_the_provider_keeps_the_answer_of_a_key() -> None:
    reservation = reserved(MemoryLedger(SYSTEM))
    until = reservation.same_answer_until
    assert until is not None
    assert until.timestamp() == pytest.approx(SYSTEM.wall() + WINDOW, abs=5)
    assert replace(reservation, counts_attempts=True).same_answer_until is None
    assert replace(reservation, window=None).same_answer_until is None


def test_a_lookup_ends_an_unknown_refund_as_accepted_or_as_refused() -> None:
    found = Refund("paybyrd", "reference-1", RefundStatus.SUCCEEDED, amount=ONE_EURO, refund_id="refund-1")
    for outcome, state in (
        (found, State.ACCEPTED),
        (RefundRejected("it was denied", reason=Reason.DECLINED), State.FREE),
    ):
        reservation = replace(reserved(MemoryLedger(SYSTEM)), counts_attempts=True)
        answered(reservation, LOST)
        reservation.record_lookup(outcome)
        left = reservation.left()
        assert state_of(left) is state
        assert reservation.entry(left).attempt == 1 + (state is State.FREE)


def test_an_attempt_fits_where_it_ends_with_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    Clocks(monkeypatch)
    reservation = reserved(MemoryLedger(SYSTEM))
    assert reservation.has_time_for(1e9)
    leased = replace(reservation, lease_end=SYSTEM.instant().plus(5.0))
    assert [leased.has_time_for(seconds) for seconds in (4.0, 5.0, 6.0)] == [True, True, False]


def test_what_stays_unknown_is_raised_again_with_the_facts_of_the_first_time() -> None:
    ledger = MemoryLedger(SYSTEM)
    answered(reservation := reserved(ledger), reply(500, {"code": "BYRD999"}))
    first = reservation.earlier
    ledger.commit(Record(reservation))
    again = reserved(ledger).earlier
    assert first is not None
    assert again is not None
    facts = ("provider", "reference", "payment_id", "amount", "http_status", "provider_code")
    assert [getattr(again, name) for name in facts] == [getattr(first, name) for name in facts]
    assert again.http_status == 500
    assert again.payment_id == PAYMENT
    assert str(again) == str(first)


def test_a_mismatch_is_raised_again_as_one() -> None:
    ledger = MemoryLedger(SYSTEM)
    body = {**RECORDS["paybyrd"].accepted, **RECORDS["paybyrd"].differing["amount"]}
    answered(reservation := reserved(ledger), reply(200, body))
    ledger.commit(Record(reservation))
    again = reserved(ledger).earlier
    assert isinstance(again, RefundMismatch)
    assert (again.reference, again.payment_id, again.amount) == ("reference-1", PAYMENT, ONE_EURO)
    assert again.differences


# A fork copies a reservation into the child, which cannot see how far the call of the parent has come.


@pytest.mark.parametrize(
    ("was_running", "states"),
    [(True, [State.UNKNOWN, State.UNKNOWN, State.ACCEPTED]), (False, [State.FREE, State.FREE, State.ACCEPTED])],
)
def test_a_copy_of_a_call_that_ran_at_the_fork_is_unknown_and_another_is_as_it_was_left(
    was_running: bool, states: list[State], monkeypatch: pytest.MonkeyPatch
) -> None:
    unsent, between, accepted = (reserved(MemoryLedger(SYSTEM)) for _ in range(3))
    answered(between, UNREACHED)
    answered(accepted, reply(200, RECORDS["paybyrd"].accepted))
    monkeypatch.setattr(Owner, "is_running", lambda _: False)
    monkeypatch.setattr(Owner, "was_running_at_fork", lambda _: was_running)
    assert [state_of(one.to_others()) for one in (unsent, between, accepted)] == states
