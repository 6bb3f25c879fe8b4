"""What may be done to a ledger: each change is a value with a pure `apply`, by the table of `rules`.

Every store runs these very changes, and differs only in where its entries lie. A change that raises has put nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from refundry.errors import ReferenceConflict, RefundInProgress, Resend
from refundry.ledger.entry import (
    Entry,
    Reservation,
    accepted,
    ids_of,
    refund_of,
    sending,
    sent_at,
    unknown_again,
)
from refundry.ledger.rules import (
    Accepted,
    Answer,
    Event,
    State,
    Unknown,
    event_of_learning,
    event_of_reserving,
    state_of,
    step,
)
from refundry.money import Money
from refundry.outcome import facts_of, may_follow
from refundry.refund import Refund, RefundStatus
from refundry.wire import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from refundry.clock import Clock
    from refundry.owner import Owner
    from refundry.refund import RefundRequest

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class View(Protocol):
    """What a change sees of a ledger, while no other change is made."""

    @property
    def clock(self) -> Clock:
        """The time of the ledger."""
        ...

    def get(self, account: str, reference: str) -> Entry | None:
        """The entry of a reference, with what a call that does not hold the reference knows of it."""
        ...

    def put(self, account: str, reference: str, entry: Entry, reservation: Reservation | None = None) -> None:
        """Keep an entry, and the reservation that holds its reference."""
        ...

    def reference_of(self, account: str, refund_id: str) -> str | None:
        """The reference whose refund the provider gave this id to; None where none is known."""
        ...

    def keep_ids(self, account: str, reference: str, ids: Iterable[str]) -> None:
        """Keep which reference the provider's ids belong to."""
        ...


class Change(ABC, Generic[Result]):
    """One change of a ledger, or one question to it."""

    @abstractmethod
    def apply(self, view: View) -> Result:
        """Make the change. What it raises is for the caller, and nothing has changed then."""


class Ledger(Protocol):
    """Keeps entries. One that is immediate commits at once; the flows yield the effect Commit for any other."""

    @property
    def is_immediate(self) -> bool:
        """Whether `commit` neither waits nor fails."""
        ...

    def commit(self, change: Change[Result], seconds: float = 0.0) -> Result:
        """Make a change durable, and give its result, within so many seconds."""
        ...

    async def acommit(self, change: Change[Result], seconds: float = 0.0) -> Result:
        """As `commit`, without holding the event loop."""
        ...


@dataclass(slots=True)
class Reserve(Change[Reservation | Refund]):
    """Reserve a reference for one call, which holds it for as long as it runs.

    Gives the accepted refund instead, with `replayed`, where there is one under this reference. Raises
    ReferenceConflict where the reference belongs to another refund, RefundInProgress where another call is sending it,
    and OutcomeUnknown where its outcome is unknown and the provider no longer de-duplicates it.
    """

    request: RefundRequest
    window: int | None
    margin: float
    owner: Owner

    def apply(self, view: View) -> Reservation | Refund:
        """The reservation, or the accepted refund."""
        request = self.request
        reservation = Reservation(request, self.window, self.margin, view.clock, self.owner)
        entry = view.get(request.provider, request.reference)
        known = None
        if entry is not None:
            if (entry.payment_id, entry.amount) != (request.payment_id, request.amount):
                raise ReferenceConflict(
                    f"{request.reference!r} was used for another refund at {request.provider}; give each refund a "
                    "reference of its own",
                    **facts_of(request),
                )
            known = entry.known
            reservation.failed_ids = entry.failed_ids
        if isinstance(known, Unknown):
            reservation.first_sent = known.first_sent
            reservation.earlier = unknown_again(request, known, reservation.resend_until)
        in_window = reservation.earlier is not None and reservation.earlier.resend is not Resend.NEVER
        match step(state_of(known), event_of_reserving(in_window=in_window)).answer:
            case Answer.IN_PROGRESS:
                raise RefundInProgress(
                    f"{request.reference!r} is being sent to {request.provider} now; wait for that call",
                    **facts_of(request),
                )
            case Answer.REPLAY if isinstance(known, Accepted):
                return replace(refund_of(request.provider, request.reference, request.payment_id, known), replayed=True)
            case Answer.STAYS_UNKNOWN if reservation.earlier is not None:
                raise reservation.earlier
        reservation.known = sending(known, Progress(), view.clock)
        view.put(request.provider, request.reference, reservation.entry(reservation.known), reservation)
        return reservation


@dataclass(slots=True)
class Record(Change[None]):
    """Record what the call that holds a reference knows of it, and let the reference go."""

    reservation: Reservation

    def apply(self, view: View) -> None:
        """Put the entry as the call leaves it."""
        request, left = self.reservation.request, self.reservation.left()
        view.keep_ids(request.provider, request.reference, ids_of(left))
        view.put(request.provider, request.reference, self.reservation.entry(left))


@dataclass(slots=True)
class Learn(Change[bool]):
    """Record the state of a refund that a lookup or a callback gave. A state never moves backwards.

    FAILED frees the reference only with `may_free`: the source of the state has to be believed so far. `undone` says
    that the provider may have undone a refund which was done, as it says when it is asked. `of_unknown` says that the
    provider names this reference, so that the refund may be the one whose reply was lost.

    Gives False, and records nothing, where the provider gave the ids of this refund to the refund of another reference,
    and both are known.
    """

    refund: Refund
    may_free: bool = True
    undone: bool = True
    of_unknown: bool = False

    def apply(self, view: View) -> bool:
        """Whether the refund is of this reference."""
        refund = self.refund
        entry = view.get(refund.provider, refund.reference)
        if entry is None:
            return True
        if _is_of_another(view, refund):
            return False
        known = entry.known
        next_state, answer = step(state_of(known), event_of_learning(refund.status))
        if answer is Answer.IGNORE:
            return True
        if not (_is_the_same(known, refund) if isinstance(known, Accepted) else self.of_unknown):
            return True
        before = known.status if isinstance(known, Accepted) else RefundStatus.PENDING
        if refund.status is not before and not may_follow(before, refund.status, undone=self.undone):
            return True
        view.keep_ids(refund.provider, refund.reference, ids_of(refund))
        if next_state is State.ACCEPTED:
            changed = replace(entry, known=accepted(refund, sent_at(known)))
            view.put(refund.provider, refund.reference, changed)
        elif self.may_free:
            failed_ids = (*{*entry.failed_ids, *ids_of(refund), *ids_of(known)},)
            view.put(refund.provider, refund.reference, replace(entry, known=None, failed_ids=failed_ids))
        return True


@dataclass(slots=True)
class IsOfAnother(Change[bool]):
    """Whether the provider gave the ids of this refund to the refund of another reference, and both are known."""

    refund: Refund

    def apply(self, view: View) -> bool:
        """Whether it is."""
        return view.get(self.refund.provider, self.refund.reference) is not None and _is_of_another(view, self.refund)


@dataclass(slots=True)
class Decide(Change[None]):
    """Record a person's word on a refund whose outcome is unknown. LookupError where it is not unknown."""

    account: str
    reference: str
    executed: bool

    def apply(self, view: View) -> None:
        """Put the entry as the person decides."""
        entry = view.get(self.account, self.reference)
        known = None if entry is None else entry.known
        event = Event.DECIDED_EXECUTED if self.executed else Event.DECIDED_NOT_EXECUTED
        next_state, answer = step(state_of(known), event)
        if entry is None or answer is Answer.REFUSE:
            raise LookupError(
                f"{self.reference!r} at {self.account} is {next_state.value}, and only unknown is decided"
            )
        amount = entry.amount if isinstance(entry.amount, Money) else None
        decided = Accepted(RefundStatus.SUCCEEDED, amount, None, None, None, sent_at(known)) if self.executed else None
        view.put(self.account, self.reference, replace(entry, known=decided))


@dataclass(slots=True)
class Find(Change["Refund | None"]):
    """The refund with this id of the provider, or else of this reference; None where nothing is known of it.

    A refund whose outcome is unknown is given as PENDING, without an id.
    """

    account: str
    refund_id: str | None
    reference: str | None

    def apply(self, view: View) -> Refund | None:
        """The refund, as far as it is kept."""
        by_id = None if self.refund_id is None else view.reference_of(self.account, self.refund_id)
        reference = by_id or self.reference or ""
        entry = view.get(self.account, reference)
        if entry is None or entry.known is None:
            return None
        if isinstance(entry.known, Accepted):
            return refund_of(self.account, reference, entry.payment_id, entry.known)
        amount = entry.amount if isinstance(entry.amount, Money) else None
        return Refund(self.account, reference, RefundStatus.PENDING, amount=amount, payment_id=entry.payment_id)


def _is_of_another(view: View, refund: Refund) -> bool:
    return any(view.reference_of(refund.provider, one) not in (None, refund.reference) for one in ids_of(refund))


def _is_the_same(known: Accepted, refund: Refund) -> bool:
    if known.refund_id is None:
        return known.tracking_id is not None and known.tracking_id == refund.tracking_id
    return known.refund_id == refund.refund_id
