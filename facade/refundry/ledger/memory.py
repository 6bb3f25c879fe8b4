"""The ledger of a client that is given none: references in memory, for the life of the client, over all its threads.

A reference says SENDING from its reservation until an outcome is recorded. So a call that is interrupted leaves it
unknown by writing nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from sys import intern
from typing import TYPE_CHECKING, Any, Final

from refundry.clock import Deadline, Moment, utc
from refundry.errors import OutcomeUnknown, ReferenceConflict, RefundInProgress, RefundMismatch, Resend
from refundry.ledger.rules import (
    Accepted,
    Answer,
    Event,
    Known,
    Sending,
    State,
    Unknown,
    event_of_ending,
    event_of_learning,
    event_of_lease_over,
    event_of_reserving,
    state_of,
    step,
)
from refundry.money import Money
from refundry.outcome import facts_of, may_follow, of_failure
from refundry.owner import Guarded, Owner
from refundry.refund import Refund, RefundStatus
from refundry.wire import Evidence, Progress, SendFailure

if TYPE_CHECKING:
    from datetime import datetime

    from refundry.clock import Clock
    from refundry.errors import RefundError
    from refundry.money import Amount
    from refundry.refund import RefundRequest

_INTERRUPTED: Final = "the call was interrupted while it was under way"


@dataclass(slots=True)
class Record:
    """A reference. `owner` is the call that reserved it last, None once that call has released it.

    `failed_ids` are the provider's ids of refunds under this reference that have failed.
    """

    payment_id: str | None
    amount: Amount
    owner: Owner | None = None
    known: Known = None
    failed_ids: tuple[str, ...] = ()


@dataclass(slots=True)
class Reservation:
    """A reference while one call holds it, with the times of its refund (`outcome.Times`).

    `window` is for how many seconds the provider de-duplicates, None where it does not. `margin` is subtracted from it,
    so that no attempt which was allowed within the window arrives after it. `earlier` is the outcome of the first
    attempt that left the refund unknown, None once a later one has resolved it.
    """

    request: RefundRequest
    window: int | None
    margin: float
    clock: Clock
    record: Record
    first_sent: Moment | None = None
    earlier: OutcomeUnknown | None = None

    def begin(self, progress: Progress) -> None:
        """Record that an attempt is about to be handed to the transport."""
        sending = self.record.known = _sending(self.record.known, progress, self.clock)
        self.first_sent = sending.first_sent

    @property
    def is_first(self) -> bool:
        """Whether no attempt before the present one may have executed the refund."""
        return _left_unknown(self.record.known) is None

    @property
    def failed_ids(self) -> tuple[str, ...]:
        """The provider's ids of refunds under this reference that have failed."""
        return self.record.failed_ids

    @property
    def sent_at(self) -> datetime:
        """When the refund was first sent (UTC)."""
        return utc(self._first_sent.wall)

    @property
    def resend_until(self) -> Deadline | None:
        """When sending again stops being safe if the refund is unknown now; None where it never is."""
        if self.window is None or self.first_sent is None:
            return None
        return self._in_seconds(self.window - self.margin - self.first_sent.age())

    @property
    def same_answer_until(self) -> datetime | None:
        """Until when this reference may bring back a refusal of now; None where the provider stores no answer."""
        return None if self.window is None else self._in_seconds(self.window).moment

    def record_attempt(self, outcome_for_caller: Refund | RefundError, *, is_about_an_earlier_one: bool) -> None:
        """Record how an attempt ended, by what the caller learns of the refund after it.

        `is_about_an_earlier_one`: an earlier attempt left the refund unknown, and this one did not resolve it.
        """
        if is_about_an_earlier_one:
            self.record.known = _left_unknown(self.record.known)
            return
        state = step(State.SENDING, event_of_ending(outcome_for_caller)).state
        self.earlier = outcome_for_caller if isinstance(outcome_for_caller, OutcomeUnknown) else None
        self.record.known = self._known(state, outcome_for_caller)

    def record_lookup(self, outcome_for_caller: Refund | RefundError) -> None:
        """Record what a lookup resolved the unknown refund to: the accepted refund, or that it was not executed."""
        status = outcome_for_caller.status if isinstance(outcome_for_caller, Refund) else RefundStatus.FAILED
        state = step(State.UNKNOWN, event_of_learning(status)).state
        self.record.known = self._known(state, outcome_for_caller)

    def after_fault(self, error: Exception) -> Refund | RefundError:
        """The outcome for the caller where refundry itself failed after the reservation. The reference keeps to it."""
        known = self.record.known
        if isinstance(known, Accepted):
            return _refund(self.request.provider, self.request.reference, self.record, known)
        evidence = known.progress.evidence if isinstance(known, Sending) else Evidence.NOT_SENT
        before = _left_unknown(known)
        outcome_for_caller: RefundError
        if before is not None and evidence is Evidence.NOT_SENT:
            outcome_for_caller = _unknown_again(self.request, before, self.resend_until)
        else:
            failure = SendFailure(evidence, f"the call failed with {type(error).__name__}", cause=error)
            outcome_for_caller = of_failure(self.request, failure, self)
        self.record_attempt(outcome_for_caller, is_about_an_earlier_one=False)
        return outcome_for_caller

    @property
    def _first_sent(self) -> Moment:
        return self.first_sent or Moment(self.clock)

    def _in_seconds(self, seconds: float) -> Deadline:
        return Deadline(utc(self.clock.wall() + seconds), self.clock)

    def _known(self, state: State, outcome_for_caller: Refund | RefundError) -> Known:
        if state is State.ACCEPTED and isinstance(outcome_for_caller, Refund):
            return _accepted(outcome_for_caller, self._first_sent.wall)
        if state is State.UNKNOWN and isinstance(outcome_for_caller, OutcomeUnknown):
            return _unknown(outcome_for_caller, self._first_sent)
        return None


class MemoryLedger(Guarded):
    """The references of a client, by account. Another process, or another client, knows nothing of them."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        # By account: its references, and the references that the provider's ids belong to.
        self._records: dict[str, dict[str, Record]] = {}
        self._by_id: dict[str, dict[str, str]] = {}

    def reserve(self, request: RefundRequest, window: int | None, margin: float, owner: Owner) -> Reservation | Refund:
        """Reserve the reference for one call, which holds it for as long as it runs.

        Returns the accepted refund instead, with `replayed`, where there is one under this reference. Raises
        ReferenceConflict where the reference belongs to another refund, RefundInProgress where another call is sending
        it, and OutcomeUnknown where its outcome is unknown and the provider no longer de-duplicates it.
        """
        with self._lock:
            records = self._records.setdefault(request.provider, {})
            record = records.get(request.reference)
            if record is None:
                record = records[request.reference] = Record(request.payment_id, request.amount)
            elif (record.payment_id, record.amount) != (request.payment_id, request.amount):
                raise ReferenceConflict(
                    f"{request.reference!r} was used for another refund at {request.provider}; give each refund a "
                    "reference of its own",
                    **facts_of(request),
                )
            known = _known_to_others(record, self._clock)
            reservation = Reservation(request, window, margin, self._clock, record)
            if isinstance(known, Unknown):
                reservation.first_sent = known.first_sent
                reservation.earlier = _unknown_again(request, known, reservation.resend_until)
            in_window = reservation.earlier is not None and reservation.earlier.resend is not Resend.NEVER
            match step(state_of(known), event_of_reserving(in_window=in_window)).answer:
                case Answer.IN_PROGRESS:
                    raise RefundInProgress(
                        f"{request.reference!r} is being sent to {request.provider} now; wait for that call",
                        **facts_of(request),
                    )
                case Answer.REPLAY if isinstance(known, Accepted):
                    record.known = known
                    return replace(_refund(request.provider, request.reference, record, known), replayed=True)
                case Answer.STAYS_UNKNOWN if reservation.earlier is not None:
                    record.known = known
                    raise reservation.earlier
            record.known = _sending(known, Progress(), self._clock)
            record.owner = owner
            return reservation

    def release(self, reservation: Reservation) -> None:
        """Forget the call that reserved the reference. A call that ends without this only leaves some memory in use."""
        reservation.record.owner = None

    def keep_ids(self, refund: Refund) -> None:
        """Keep which reference the provider's ids belong to."""
        by_id = self._by_id.setdefault(refund.provider, {})
        for name in _ids(refund):
            by_id[name] = refund.reference

    def is_of_another(self, reference: str, refund: Refund | RefundError) -> bool:
        """Whether the provider gave the ids of this refund to the refund of another reference, both known here."""
        if not isinstance(refund, Refund) or reference not in self._records.get(refund.provider, ()):
            return False
        by_id = self._by_id.get(refund.provider, {})
        return any(by_id.get(name, reference) != reference for name in _ids(refund))

    def find(self, provider: str, refund_id: str | None, reference: str | None) -> Refund | None:
        """The refund with this id of the provider, or else of this reference; None where nothing is known of it.

        A refund whose outcome is unknown is given as PENDING, without an id.
        """
        found = self._by_id.get(provider, {}).get(refund_id or "", reference or "")
        record = self._records.get(provider, {}).get(found)
        if record is None or record.known is None:
            return None
        if isinstance(record.known, Accepted):
            return _refund(provider, found, record, record.known)
        amount = record.amount if isinstance(record.amount, Money) else None
        return Refund(provider, found, RefundStatus.PENDING, amount=amount, payment_id=record.payment_id)

    def record_state(
        self, refund: Refund, *, may_free: bool = True, undone: bool = True, of_unknown: bool = False
    ) -> None:
        """Record the state of a refund that a lookup or a callback gave. A state never moves backwards.

        FAILED frees the reference only with `may_free`: the source of the state has to be believed so far. `undone`
        says that the provider may have undone a refund which was done, as it says when it is asked. `of_unknown` says
        that the provider names this reference, so that the refund may be the one whose reply was lost.
        """
        with self._lock:
            record = self._records.get(refund.provider, {}).get(refund.reference)
            if record is None:
                return
            known = _known_to_others(record, self._clock)
            next_state, answer = step(state_of(known), event_of_learning(refund.status))
            if answer is Answer.IGNORE:
                return
            record.known = known
            if not (_is_the_same(known, refund) if isinstance(known, Accepted) else of_unknown):
                return
            before = known.status if isinstance(known, Accepted) else RefundStatus.PENDING
            if refund.status is not before and not may_follow(before, refund.status, undone=undone):
                return
            self.keep_ids(refund)
            if next_state is State.ACCEPTED:
                record.known = _accepted(refund, _sent_at(known))
            elif may_free:
                record.failed_ids = (*{*record.failed_ids, *_ids(refund), *_ids(known)},)
                record.known = None

    def decide(self, provider: str, reference: str, *, executed: bool) -> None:
        """Record a person's word on a reference whose outcome is unknown. LookupError where it is not unknown."""
        with self._lock:
            record = self._records.get(provider, {}).get(reference)
            known = None if record is None else _known_to_others(record, self._clock)
            event = Event.DECIDED_EXECUTED if executed else Event.DECIDED_NOT_EXECUTED
            next_state, answer = step(state_of(known), event)
            if record is None or answer is Answer.REFUSE:
                raise LookupError(f"{reference!r} at {provider} is {next_state.value}, and only unknown is decided")
            amount = record.amount if isinstance(record.amount, Money) else None
            record.known = (
                Accepted(RefundStatus.SUCCEEDED, amount, None, None, None, _sent_at(known)) if executed else None
            )


def _known_to_others(record: Record, clock: Clock) -> Known:
    """What is known of a reference to a call that does not hold it: its own call may be over without an outcome."""
    known, owner = record.known, record.owner
    if owner is not None and owner.is_running():
        return known if isinstance(known, Sending) else Sending(Moment(clock), Progress(), None)
    was_copied = owner is not None and owner.was_running_at_fork()
    if was_copied and known is None:  # between two attempts of the parent, which may have sent the second since
        known = Sending(Moment(clock), Progress(), None)
    if not isinstance(known, Sending):
        return known
    if step(State.SENDING, event_of_lease_over(known, was_copied=was_copied)).state is State.FREE:
        return None
    return known.before or Unknown(known.first_sent, _INTERRUPTED)


def _left_unknown(known: Known) -> Unknown | None:
    """What attempts before the present one left unknown; None where they left nothing so."""
    if isinstance(known, Sending):
        return known.before
    return known if isinstance(known, Unknown) else None


def _sending(known: Known, progress: Progress, clock: Clock) -> Sending:
    """The knowledge of an attempt that begins, over what is known before it."""
    before = _left_unknown(known)
    return Sending(Moment(clock) if before is None else before.first_sent, progress, before)


def _sent_at(known: Known) -> float:
    """The wall time of the first attempt."""
    if isinstance(known, Accepted):
        return known.sent_at
    return 0.0 if known is None else known.first_sent.wall


def _accepted(refund: Refund, sent_at: float) -> Accepted:
    return Accepted(
        refund.status, refund.amount, refund.refund_id, refund.tracking_id, _interned(refund.provider_code), sent_at
    )


def _interned(code: str | None) -> str | None:
    """A provider has few codes, and each reply brings a copy of one."""
    return None if code is None else intern(code)


def _refund(provider: str, reference: str, record: Record, known: Accepted) -> Refund:
    return Refund(
        provider=provider,
        reference=reference,
        status=known.status,
        amount=known.amount,
        refund_id=known.refund_id,
        payment_id=record.payment_id,
        tracking_id=known.tracking_id,
        provider_code=known.code,
        sent_at=utc(known.sent_at),
    )


def _unknown(outcome: OutcomeUnknown, first_sent: Moment) -> Unknown:
    differences = outcome.differences if isinstance(outcome, RefundMismatch) else ()
    return Unknown(first_sent, str(outcome), outcome.http_status, outcome.provider_code, differences)


def _unknown_again(request: RefundRequest, known: Unknown, resend_until: Deadline | None) -> OutcomeUnknown:
    facts: dict[str, Any] = {**facts_of(request), "http_status": known.http_status, "provider_code": known.code}
    if known.differences:
        return RefundMismatch(known.text, differences=known.differences, **facts).until(resend_until)
    return OutcomeUnknown(known.text, **facts).until(resend_until)


def _ids(refund: Refund | Known) -> tuple[str, ...]:
    """The provider's ids of a refund, as far as it has given any."""
    if not isinstance(refund, Refund | Accepted):
        return ()
    return tuple(name for name in (refund.refund_id, refund.tracking_id) if name is not None)


def _is_the_same(known: Accepted, refund: Refund) -> bool:
    if known.refund_id is None:
        return known.tracking_id is not None and known.tracking_id == refund.tracking_id
    return known.refund_id == refund.refund_id
