"""A reservation after a fault of refundry's own: the outcome for the caller, and what the reference keeps."""

import pytest

from refundry import Evidence, NotSent, OutcomeUnknown, Refund, RefundStatus, Resend, SendFailure
from refundry.clock import SYSTEM
from refundry.flows.refund import RefundCall
from refundry.ledger.changes import Record, Reserve
from refundry.ledger.entry import Reservation
from refundry.ledger.memory import MemoryLedger
from refundry.ledger.rules import State, Unknown, state_of
from refundry.owner import Owner
from refundry.providers.registry import translation_of
from refundry.refund import RefundRequest
from refundry.wire import Progress, WireReply
from tests.providers import RECORDS, account
from tests.providers.record import ONE_EURO, PAYMENT, reply

WINDOW = 3600
LOST = SendFailure(Evidence.MAYBE_SENT, "the reply was lost")
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
