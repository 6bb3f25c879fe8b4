"""What a ledger keeps of a reference, and what a call knows of the reference that it holds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from sys import intern
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from refundry.clock import Deadline, Moment, utc
from refundry.errors import AuthenticationFailed, OutcomeUnknown, RefundInProgress, RefundMismatch, RefundRejected
from refundry.ledger.rules import (
    Accepted,
    Known,
    Sending,
    State,
    Unknown,
    event_of_ending,
    event_of_learning,
    event_of_lease_over,
    step,
)
from refundry.outcome import contradicted, facts_of, not_executed_meanwhile, of_failure
from refundry.refund import Refund, RefundStatus
from refundry.wire import Evidence, Progress, SendFailure

if TYPE_CHECKING:
    from datetime import datetime

    from refundry.clock import Clock, Instant
    from refundry.errors import RefundError
    from refundry.money import Amount
    from refundry.owner import Owner
    from refundry.refund import RefundRequest

INTERRUPTED: Final = "the call was interrupted while it was under way"
"""Why a refund is unknown whose call ended without an outcome."""


@dataclass(slots=True)
class Entry:
    """What is kept of a reference. An entry is replaced, and never changed.

    `failed_ids` are the provider's ids of refunds under this reference that have failed. `attempt` counts the attempts
    that the provider tells apart: it grows once one was refused or has failed, and never after one that was lost.
    `decided_by` names the person by whose word the state is as it is, or by whose word the attempt could begin, None
    where the provider's is. `contradiction` says what contradicts it, None where nothing does. `first_sent` is when an
    attempt was first sent that a person's word has freed, for the next call repeats its idempotency key.
    """

    payment_id: str | None
    amount: Amount
    known: Known
    failed_ids: tuple[str, ...]
    attempt: int
    decided_by: str | None = None
    contradiction: str | None = None
    first_sent: Moment | None = None


class Tried(NamedTuple):
    """How one attempt of a call ended: its outcome, the HTTP status and the provider's id of the request."""

    outcome: str
    http_status: int | None
    request_id: str | None


@dataclass(slots=True)
class Reservation:
    """A reference while one call holds it, with the times of its refund (`outcome.Times`).

    `window` is for how many seconds the provider de-duplicates, None where it does not. `margin` is subtracted from
    it, so that no attempt which was allowed within the window arrives after it. `lease_end` is when every other
    process will take the reference for unknown, None where no other process knows it. `counts_attempts` says that
    the ledger keeps the number of the attempt for every process. `decided_by` is the person whose word stood when the
    call began, and `key_first_sent` is when the key was first sent before that word. `known` is what the call knows of
    the reference. `earlier` is the outcome of the first attempt that left the refund unknown, None once a later one has
    resolved it. `tried` is how each attempt ended, and `refused` says that the last one was refused.
    """

    request: RefundRequest
    window: int | None
    margin: float
    clock: Clock
    owner: Owner
    lease_end: Instant | None
    counts_attempts: bool
    failed_ids: tuple[str, ...]
    contradiction: str | None
    decided_by: str | None
    key_first_sent: Moment | None = None
    known: Known = None
    first_sent: Moment | None = None
    earlier: OutcomeUnknown | None = None
    tried: list[Tried] = field(default_factory=list)
    refused: bool = False

    def has_time_for(self, seconds: float) -> bool:
        """Whether an attempt of so many seconds ends while the reference is still held: the machine may have slept."""
        return self.lease_end is None or self.lease_end.left(self.clock.instant()) >= seconds

    def begin(self, progress: Progress) -> None:
        """Note that an attempt is about to be handed to the transport."""
        begun = self.known = sending(self.known, progress, self.clock, self.key_first_sent)
        self.first_sent = begun.first_sent

    @property
    def is_first(self) -> bool:
        """Whether no attempt before the present one may have executed the refund."""
        return _left_unknown(self.known) is None

    @property
    def sent_at(self) -> datetime:
        """When the refund was first sent (UTC)."""
        return utc(self._first_sent.wall)

    @property
    def resend_until(self) -> Deadline | None:
        """When sending again stops being safe if the refund is unknown now; None where it never is."""
        return resend_until(self.first_sent, self.window, self.margin, self.clock)

    def may_be_stored(self, first_sent: Moment | None) -> bool:
        """Whether the provider may still keep an answer under a key that was first sent then.

        A later request under the key may have been the first to arrive, up to a window later.
        """
        if first_sent is None or self.window is None:
            return False
        return first_sent.age() < 2 * self.window + self.margin

    @property
    def same_answer_until(self) -> datetime | None:
        """Until when this reference may bring back a refusal of now; None where the next attempt has another key."""
        stored = self.window is not None and not self.counts_attempts
        return _in_seconds(self.window or 0, self.clock).moment if stored else None

    def record_attempt(self, outcome_for_caller: Refund | RefundError, *, is_about_an_earlier_one: bool) -> None:
        """Note how an attempt ended, by what the caller learns of the refund after it.

        `is_about_an_earlier_one`: an earlier attempt left the refund unknown, and this one did not resolve it.
        """
        if is_about_an_earlier_one:
            self.known = _left_unknown(self.known)
            return
        self.refused = isinstance(outcome_for_caller, RefundRejected | AuthenticationFailed)
        state = step(State.SENDING, event_of_ending(outcome_for_caller)).state
        self.earlier = outcome_for_caller if isinstance(outcome_for_caller, OutcomeUnknown) else None
        self.known = self._known(state, outcome_for_caller)

    def record_lookup(self, outcome_for_caller: Refund | RefundError) -> None:
        """Note what a lookup resolved the unknown refund to: the accepted refund, or that it was not executed."""
        self.refused = isinstance(outcome_for_caller, RefundRejected)
        status = outcome_for_caller.status if isinstance(outcome_for_caller, Refund) else RefundStatus.FAILED
        state = step(State.UNKNOWN, event_of_learning(status)).state
        self.known = self._known(state, outcome_for_caller)

    def after_fault(self, error: Exception) -> Refund | RefundError:
        """The outcome for the caller where refundry itself failed after the reservation. The reference keeps to it."""
        known = self.known
        if isinstance(known, Accepted):
            return refund_of(self.request.provider, self.request.reference, self.request.payment_id, known)
        evidence = known.progress.evidence if isinstance(known, Sending) else Evidence.NOT_SENT
        before = _left_unknown(known)
        outcome_for_caller: RefundError
        if before is not None and evidence is Evidence.NOT_SENT:
            outcome_for_caller = unknown_again(self.request, before, self.resend_until)
        else:
            failure = SendFailure(evidence, f"the call failed with {type(error).__name__}", cause=error)
            outcome_for_caller = of_failure(self.request, failure, self)
        self.record_attempt(outcome_for_caller, is_about_an_earlier_one=False)
        return outcome_for_caller

    def after_late(self, entry: Entry, outcome_for_caller: Refund | RefundError) -> Refund | RefundError:
        """The outcome for the caller of a call whose lease was over, and which found this entry in place of its own.

        The caller learns what the ledger knows where that is more, or where another call may have refunded meanwhile.
        """
        request, known = self.request, entry.known
        if entry.contradiction is not None:
            return contradicted(request, entry.contradiction, outcome_for_caller)
        if isinstance(outcome_for_caller, Refund):
            return outcome_for_caller
        if known is None:
            is_unknown = isinstance(outcome_for_caller, OutcomeUnknown)
            return not_executed_meanwhile(request) if is_unknown else outcome_for_caller
        if isinstance(known, Accepted):
            return replace(refund_of(request.provider, request.reference, request.payment_id, known), replayed=True)
        if isinstance(outcome_for_caller, OutcomeUnknown):
            return outcome_for_caller
        if isinstance(known, Sending):
            text = f"{request.reference!r} is being sent to {request.provider} by another call now; wait for that call"
            return RefundInProgress(text, **facts_of(request))
        return unknown_again(request, known, resend_until(known.first_sent, self.window, self.margin, self.clock))

    def to_others(self) -> Known:
        """What a call that does not hold the reference knows of it: its own call may be over without an outcome."""
        if not self.owner.is_running():
            return self.left(was_copied=self.owner.was_running_at_fork())
        return self.known if isinstance(self.known, Sending) else Sending(Moment(self.clock), Progress(), None)

    def left(self, *, was_copied: bool = False) -> Known:
        """What the call leaves known of the reference once it is over, with or without an outcome.

        `was_copied`: a fork copied the reservation, so the call may have gone on in the parent.
        """
        known = self.known
        if was_copied and known is None:  # between two attempts of the parent, which may have sent the second since
            known = Sending(Moment(self.clock), Progress(), None)
        if not isinstance(known, Sending):
            return known
        if step(State.SENDING, event_of_lease_over(known, was_copied=was_copied)).state is State.FREE:
            return None
        return known.before or Unknown(known.first_sent, INTERRUPTED)

    def note_ids(self, tracking_id: str | None, refund_id: str | None, *, is_first: bool) -> None:
        """Keep what a reply gave to look an unknown refund up by, also for another process. The first reply counts."""
        if isinstance(self.known, Unknown) and self.known.tracking_id is None and self.known.refund_id is None:
            self.known = replace(self.known, tracking_id=tracking_id, refund_id=refund_id, is_first=is_first)

    def entry(self, known: Known) -> Entry:
        """The entry of the reference, with what is known of it."""
        request = self.request
        is_next = self.counts_attempts and self.refused and known is None
        return Entry(
            request.payment_id,
            request.amount,
            known,
            self.failed_ids,
            request.attempt + is_next,
            # Until the provider accepts one: a call from before the word may still say that the word was wrong.
            None if isinstance(known, Accepted) else self.decided_by,
            self.contradiction,
            self.key_first_sent if known is None and not is_next else None,
        )

    @property
    def _first_sent(self) -> Moment:
        return self.first_sent or Moment(self.clock)

    def _known(self, state: State, outcome_for_caller: Refund | RefundError) -> Known:
        if state is State.ACCEPTED and isinstance(outcome_for_caller, Refund):
            return accepted(outcome_for_caller, self._first_sent.wall)
        if state is State.UNKNOWN and isinstance(outcome_for_caller, OutcomeUnknown):
            return with_ids_of(_left_unknown(self.known), _unknown(outcome_for_caller, self._first_sent))
        return None


def resend_until(first_sent: Moment | None, window: float | None, margin: float, clock: Clock) -> Deadline | None:
    """When sending a refund again stops being safe that was first sent then; None where it never is."""
    if window is None or first_sent is None:
        return None
    return _in_seconds(window - margin - first_sent.age(), clock)


def _in_seconds(seconds: float, clock: Clock) -> Deadline:
    return Deadline(utc(clock.wall() + seconds), clock)


def refund_of(provider: str, reference: str, payment_id: str | None, known: Accepted) -> Refund:
    """The accepted refund, as far as it is kept."""
    return Refund(
        provider=provider,
        reference=reference,
        status=known.status,
        amount=known.amount,
        refund_id=known.refund_id,
        payment_id=payment_id,
        tracking_id=known.tracking_id,
        provider_code=known.code,
        sent_at=utc(known.sent_at),
    )


def ids_of(refund: Refund | Known) -> tuple[str, ...]:
    """The provider's ids of a refund, as far as it has given any."""
    if not isinstance(refund, Refund | Accepted):
        return ()
    return tuple(name for name in (refund.refund_id, refund.tracking_id) if name is not None)


def _left_unknown(known: Known) -> Unknown | None:
    """What attempts before the present one left unknown; None where they left nothing so."""
    if isinstance(known, Sending):
        return known.before
    return known if isinstance(known, Unknown) else None


def with_ids_of(earlier: Unknown | None, later: Unknown) -> Unknown:
    """What is known of an unknown refund later, with what an earlier reply gave to ask by."""
    if earlier is None or (earlier.tracking_id is None and earlier.refund_id is None):
        return later
    return replace(later, tracking_id=earlier.tracking_id, refund_id=earlier.refund_id, is_first=earlier.is_first)


def sending(known: Known, progress: Progress, clock: Clock, key_first_sent: Moment | None = None) -> Sending:
    """The knowledge of an attempt that begins, over what is known before it."""
    before = _left_unknown(known)
    first_sent = key_first_sent or Moment(clock) if before is None else before.first_sent
    return Sending(first_sent, progress, before)


def sent_at(known: Known) -> float:
    """The wall time of the first attempt."""
    if isinstance(known, Accepted):
        return known.sent_at
    return 0.0 if known is None else known.first_sent.wall


def accepted(refund: Refund, sent_at: float, others: tuple[str, ...] = ()) -> Accepted:
    """What is kept of an accepted refund."""
    code = _interned(refund.provider_code)
    return Accepted(refund.status, refund.amount, refund.refund_id, refund.tracking_id, code, sent_at, others)


def _interned(code: str | None) -> str | None:
    """A provider has few codes, and each reply brings a copy of one."""
    return None if code is None else intern(code)


def _unknown(outcome: OutcomeUnknown, first_sent: Moment) -> Unknown:
    differences = outcome.differences if isinstance(outcome, RefundMismatch) else ()
    return Unknown(first_sent, str(outcome), outcome.http_status, outcome.provider_code, differences)


def unknown_again(request: RefundRequest, known: Unknown, resend_until: Deadline | None) -> OutcomeUnknown:
    """The error of a call that finds the outcome unknown."""
    facts: dict[str, Any] = {**facts_of(request), "http_status": known.http_status, "provider_code": known.code}
    if known.differences:
        return RefundMismatch(known.text, differences=known.differences, **facts).until(resend_until)
    return OutcomeUnknown(known.text, **facts).until(resend_until)
