"""The in-process guard: one refund for each reference, for the life of a client, over all its threads and tasks.

What is known of a reference is one value, written at once. It says "sending" from before a request is handed to the
transport until an outcome is recorded, so a call that is broken off leaves the reference unknown by writing nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from refundry import clock
from refundry.errors import OutcomeUnknown, ReferenceConflict, RefundInProgress, RefundMismatch, Resend
from refundry.money import Money
from refundry.outcome import after_unknown, facts_of, may_follow, of_failure, stored_answer_of_failed
from refundry.owner import Guarded, Owner
from refundry.refund import Refund, RefundStatus
from refundry.wire import Evidence, SendFailure

if TYPE_CHECKING:
    from datetime import datetime

    from refundry.errors import RefundError
    from refundry.money import Amount
    from refundry.outcome import Reading
    from refundry.refund import RefundRequest
    from refundry.wire import Progress

_BROKEN_OFF: Final = "the call was broken off while it was under way"


@dataclass(slots=True)
class Accepted:
    """The provider accepted it. As little of the refund as a replay gives: a client may keep a million of these."""

    status: RefundStatus
    amount: Money | None
    refund_id: str | None
    tracking_id: str | None
    code: str | None
    sent_at: float


@dataclass(slots=True)
class Unknown:
    """It may have been executed: why that is not known, and when it was first sent."""

    first_sent: clock.Moment
    text: str
    http_status: int | None = None
    code: str | None = None
    differences: tuple[tuple[str, str, str], ...] = ()


@dataclass(slots=True)
class Sending:
    """A request is with the transport. `before` is what was known before, None where nothing had been executed."""

    first_sent: clock.Moment
    progress: Progress
    before: Unknown | None


@dataclass(slots=True)
class Record:
    """What is known of a reference. `known` is None while it is free: never sent, or nothing was executed.

    `owner` is the call that has it, or had it last. `failed_ids` are those that the provider gave to refunds under this
    reference which have failed since.
    """

    payment_id: str | None
    amount: Amount
    owner: Owner | None = None
    known: Accepted | Unknown | Sending | None = None
    failed_ids: tuple[str | None, ...] = ()


@dataclass(slots=True)
class Reservation:
    """A reference while one call has it.

    `window` is for how many seconds the provider de-duplicates, None where it does not. `margin` is how many of them
    are left out, so that no request that was allowed within them arrives after them. `earlier` is what was told of the
    first attempt that left the outcome unknown, while nothing has settled it.
    """

    request: RefundRequest
    window: int | None
    margin: float
    record: Record
    first_sent: clock.Moment | None = None
    earlier: OutcomeUnknown | None = None

    def before_sending(self, progress: Progress) -> None:
        """Record that a request is about to be handed to the transport."""
        before = self.record.known
        if not isinstance(before, Unknown):
            self.first_sent = clock.now()
            self.record.known = Sending(self.first_sent, progress, None)
        else:
            self.first_sent = before.first_sent
            self.record.known = Sending(self.first_sent, progress, before)

    @property
    def is_first(self) -> bool:
        """Whether no sending before the one under way, or the last one, may have executed the refund."""
        known = self.record.known
        return not isinstance(known, Unknown) and (not isinstance(known, Sending) or known.before is None)

    @property
    def sent_at(self) -> datetime:
        """When the request was first sent."""
        return clock.utc(self._first_sent.wall)

    @property
    def resend_until(self) -> datetime | None:
        """Until when the refund may be sent again if it is unknown now; None where never."""
        if self.window is None or self.first_sent is None:
            return None
        return clock.in_seconds(self.window - self.margin - self.first_sent.seconds_ago())

    @property
    def same_answer_until(self) -> datetime | None:
        """Until when this reference may bring back a refusal of now; None where the provider stores no answers."""
        return None if self.window is None else clock.in_seconds(self.window)

    def record_attempt(self, result: Refund | RefundError, reading: Reading) -> Refund | RefundError:
        """Record what an attempt ended as. Returns what the caller is told after it.

        That is another thing than the result where an earlier attempt ended unknown, and this one does not settle it.
        """
        if isinstance(result, Refund) and not {*self.record.failed_ids}.isdisjoint(_ids(result)):
            result = stored_answer_of_failed(self.request, result, self)
        told = result if self.earlier is None else after_unknown(self.earlier, result, reading, self)
        known = self.record.known
        if told is result:
            self.record_outcome(told)
            self.earlier = told if isinstance(told, OutcomeUnknown) else None
        elif isinstance(known, Sending):
            self.record.known = known.before
        return told

    def record_outcome(self, told: Refund | RefundError) -> None:
        """Record what the caller is told, which is what is known."""
        if isinstance(told, Refund):
            self.record.known = _accepted(told, self._first_sent.wall)
        elif isinstance(told, OutcomeUnknown):
            self.record.known = _as_unknown(told, self._first_sent)
        else:
            self.record.known = None

    def broken_by(self, error: Exception) -> Refund | RefundError:
        """What the caller is told where the call itself failed, after whatever was recorded."""
        known = self.record.known
        if isinstance(known, Accepted):
            return _refund(self.request.provider, self.request.reference, self.record, known)
        evidence = known.progress.evidence if isinstance(known, Sending) else Evidence.NOT_SENT
        failure = SendFailure(evidence, f"the call failed with {type(error).__name__}", cause=error)
        told = of_failure(self.request, failure, self)
        before = known.before if isinstance(known, Sending) else known
        if before is not None and evidence is Evidence.NOT_SENT:
            told = _unknown_again(self.request, before, self.resend_until)
        self.record_outcome(told)
        return told

    @property
    def _first_sent(self) -> clock.Moment:
        return self.first_sent or clock.now()


class MemoryLedger(Guarded):
    """Which references were used for which refund, and how each ended."""

    def __init__(self) -> None:
        super().__init__()
        # By account: its references, and the references that the provider's ids belong to.
        self._records: dict[str, dict[str, Record]] = {}
        self._by_id: dict[str, dict[str, str]] = {}

    def take(self, request: RefundRequest, window: int | None, margin: float, owner: Owner) -> Reservation | Refund:
        """Take the reference for one call, which has it for as long as it runs.

        Gives the refund instead, marked as replayed, where one was accepted under this reference. Raises
        ReferenceConflict where it was used for another refund, RefundInProgress where it is being sent, and
        OutcomeUnknown again where that is how it ended and the provider no longer de-duplicates it.
        """
        with self._lock:
            records = self._records.setdefault(request.provider, {})
            record = records.get(request.reference)
            if record is None:
                record = records[request.reference] = Record(request.payment_id, request.amount, owner)
                return Reservation(request, window, margin, record)
            if (record.payment_id, record.amount) != (request.payment_id, request.amount):
                raise ReferenceConflict(
                    f"{request.reference!r} was used for another refund at {request.provider}; give each refund a "
                    "reference of its own",
                    **facts_of(request),
                )
            if record.owner is not None and record.owner.is_running():
                raise RefundInProgress(
                    f"{request.reference!r} is being sent to {request.provider} now; wait for that call",
                    **facts_of(request),
                )
            known = record.known = _after_its_call(record)
            if isinstance(known, Accepted):
                return replace(_refund(request.provider, request.reference, record, known), replayed=True)
            taken = Reservation(request, window, margin, record)
            if isinstance(known, Unknown):
                taken.first_sent = known.first_sent
                taken.earlier = _unknown_again(request, known, taken.resend_until)
                if taken.earlier.resend is Resend.NEVER:
                    raise taken.earlier
            record.owner = owner
            return taken

    def release(self, taken: Reservation) -> None:
        """Forget the call that had the reference. One that is not forgotten only takes up memory."""
        taken.record.owner = None

    def keep_ids(self, refund: Refund) -> None:
        """Keep which reference the provider's ids belong to."""
        by_id = self._by_id.setdefault(refund.provider, {})
        for name in _ids(refund):
            if name is not None:
                by_id[name] = refund.reference

    def is_of_another(self, reference: str, refund: Refund | RefundError) -> bool:
        """Whether the provider gave the ids of this refund to the refund of another reference, both known here."""
        if not isinstance(refund, Refund) or reference not in self._records.get(refund.provider, ()):
            return False
        by_id = self._by_id.get(refund.provider, {})
        return any(by_id.get(name, reference) != reference for name in _ids(refund) if name is not None)

    def known(self, provider: str, refund_id: str | None, reference: str | None) -> Refund | None:
        """What is known of the refund with this id of the provider, or else of this reference; None where nothing is.

        One whose outcome is unknown is PENDING, without an id.
        """
        found = self._by_id.get(provider, {}).get(refund_id or "", reference or "")
        record = self._records.get(provider, {}).get(found)
        if record is None:
            return None
        known = record.known
        if isinstance(known, Accepted):
            return _refund(provider, found, record, known)
        if known is None:
            return None
        amount = record.amount if isinstance(record.amount, Money) else None
        return Refund(provider, found, RefundStatus.PENDING, amount=amount, payment_id=record.payment_id)

    def record_state(
        self, refund: Refund, *, may_free: bool = True, undone: bool = True, of_unknown: bool = False
    ) -> None:
        """Record the state of a refund that was learnt, unless it is being sent. States never move backwards.

        One that has failed may be asked for again, where `may_free` says that the source of the state is believed so
        far. `undone` says that a refund which was done may have been undone since, as the provider says when asked.
        `of_unknown` says that the provider names this reference, so it may be the refund whose reply was lost.
        """
        with self._lock:
            record = self._records.get(refund.provider, {}).get(refund.reference)
            if record is None or (record.owner is not None and record.owner.is_running()):
                return
            known = record.known = _after_its_call(record)
            if known is None or not (_is_the_same(known, refund) if isinstance(known, Accepted) else of_unknown):
                return
            before = known.status if isinstance(known, Accepted) else RefundStatus.PENDING
            if refund.status is not before and not may_follow(before, refund.status, undone=undone):
                return
            self.keep_ids(refund)
            if refund.status is not RefundStatus.FAILED:
                sent_at = known.sent_at if isinstance(known, Accepted) else known.first_sent.wall
                record.known = _accepted(refund, sent_at)
            elif may_free:
                ids = (*_ids(refund), *((known.refund_id, known.tracking_id) if isinstance(known, Accepted) else ()))
                record.failed_ids = (*{*record.failed_ids, *ids} - {None},)
                record.known = None


def _after_its_call(record: Record) -> Accepted | Unknown | None:
    """What is known of a reference that no call of this process has."""
    known, owner = record.known, record.owner
    copied = owner is not None and owner.was_running_at_fork()
    if not isinstance(known, Sending):
        # The parent may have sent it since.
        return Unknown(clock.now(), _BROKEN_OFF) if copied and known is None else known
    if known.progress.evidence is Evidence.NOT_SENT and not copied:
        return known.before
    return known.before or Unknown(known.first_sent, _BROKEN_OFF)


def _accepted(refund: Refund, sent_at: float) -> Accepted:
    return Accepted(
        refund.status, refund.amount, refund.refund_id, refund.tracking_id, _interned(refund.provider_code), sent_at
    )


def _interned(code: str | None) -> str | None:
    """A provider has few codes, and each reply brings a copy of one."""
    from sys import intern

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
        sent_at=clock.utc(known.sent_at),
    )


def _as_unknown(told: OutcomeUnknown, first_sent: clock.Moment) -> Unknown:
    differences = told.differences if isinstance(told, RefundMismatch) else ()
    return Unknown(first_sent, str(told), told.http_status, told.provider_code, differences)


def _unknown_again(request: RefundRequest, known: Unknown, resend_until: datetime | None) -> OutcomeUnknown:
    facts: dict[str, Any] = facts_of(request) | {
        "http_status": known.http_status,
        "provider_code": known.code,
        "resend_until": resend_until,
    }
    if known.differences:
        return RefundMismatch(known.text, differences=known.differences, **facts)
    return OutcomeUnknown(known.text, **facts)


def _ids(refund: Refund) -> tuple[str | None, str | None]:
    return refund.refund_id, refund.tracking_id


def _is_the_same(known: Accepted, refund: Refund) -> bool:
    if known.refund_id is None:
        return known.tracking_id is not None and known.tracking_id == refund.tracking_id
    return known.refund_id == refund.refund_id
