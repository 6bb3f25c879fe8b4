"""What may be done to a ledger: each change is a value with a pure `apply`, by the table of `rules`.

Every store runs these very changes, and differs only in where its entries lie. A change that raises has put nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Protocol, TypeVar

from refundry.clock import Moment
from refundry.errors import InvalidRefund, ReferenceConflict, Resend
from refundry.ledger.entry import (
    Entry,
    Reservation,
    accepted,
    ids_of,
    refund_of,
    sending,
    sent_at,
    unknown_again,
    with_ids_of,
)
from refundry.ledger.rules import (
    Accepted,
    Answer,
    Event,
    Known,
    State,
    Unknown,
    event_of_learning,
    event_of_left,
    event_of_reserving,
    state_of,
    step,
)
from refundry.money import FULL, Money
from refundry.outcome import as_refund, facts_of, in_progress, may_follow
from refundry.refund import Refund, RefundStatus
from refundry.wire import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from refundry.clock import Clock, Instant
    from refundry.money import Amount
    from refundry.owner import Owner
    from refundry.refund import RefundRequest

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)

_SAYS: Final = {
    RefundStatus.SUCCEEDED: "succeeded",
    RefundStatus.PENDING: "is pending",
    RefundStatus.FAILED: "failed",
}


class Note(NamedTuple):
    """What the history of a reference says of a change: the event, who made it and why, and the facts for JSON.

    The facts are a function, for a ledger without a history never needs them.
    """

    event: Event
    by: str | None = None
    reason: str | None = None
    facts: Callable[[], dict[str, Any]] | None = None


class Archived(NamedTuple):
    """What is left of a reference that was moved out: a digest of its payment and amount, and its state."""

    parameters: str
    state: State


class Needs(NamedTuple):
    """What a change will look at, so that a database can load it at once: pairs of an account and a name in it.

    `alone_at` are the payments that no other change of this kind may look at meanwhile.
    """

    references: tuple[tuple[str, str], ...] = ()
    ids: tuple[tuple[str, str], ...] = ()
    alone_at: tuple[tuple[str, str], ...] = ()


class View(Protocol):
    """What a change sees of a ledger, while no other change is made."""

    @property
    def clock(self) -> Clock:
        """The clock of the client."""
        ...

    @property
    def counts_attempts(self) -> bool:
        """Whether the number of an attempt is kept for every process that may send another one."""
        ...

    def get(self, account: str, reference: str, owner: Owner | None = None) -> Entry | None:
        """The entry of a reference, with what a call that does not hold the reference knows of it.

        For the `owner` of the reservation that holds it, the entry is as it was before.
        """
        ...

    def holds(self, reservation: Reservation) -> bool:
        """Whether this reservation still holds its reference."""
        ...

    def put(
        self, account: str, reference: str, entry: Entry, note: Note, reservation: Reservation | None = None
    ) -> None:
        """Keep an entry, and the reservation that holds its reference."""
        ...

    def reference_of(self, account: str, refund_id: str) -> str | None:
        """The reference whose refund the provider gave this id to; None where none is known."""
        ...

    def keep_ids(self, account: str, reference: str, ids: Iterable[str]) -> None:
        """Keep which reference the provider's ids belong to."""
        ...

    def archived(self, account: str, reference: str) -> Archived | None:
        """What is left of a reference that was moved out; None where none was."""
        ...

    def of_payment(self, account: str, payment_id: str) -> Sequence[tuple[str, Entry]]:
        """The references of a payment, with their entries as `get` gives them."""
        ...

    def archived_of_payment(self, account: str, payment_id: str) -> Sequence[Amount]:
        """The amounts of the accepted refunds of a payment that were moved out."""
        ...

    def note(self, account: str, reference: str, note: Note) -> None:
        """Add to the history of a reference, which stays as it is."""
        ...


class Change(ABC, Generic[Result]):
    """One change of a ledger, or one question to it.

    A database may apply it again: after a change of another process to the same reference, and where the connection
    broke while it was committed. The second time it gives the same.
    """

    __slots__ = ()

    @property
    def needs(self) -> Needs:
        """What the change will look at: no reference, where it reads whole tables."""
        return Needs()

    @abstractmethod
    def apply(self, view: View) -> Result:
        """Make the change. What it raises is for the caller, and nothing has changed then."""


class Ledger(Protocol):
    """Keeps entries. One that is immediate commits at once; the flows yield the effect Commit for any other.

    Raises LedgerFailed where a change cannot be made, or where that cannot be known within the time.
    """

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

    def close(self) -> None:
        """Hand back what calls have left behind, and close what is open in this process."""
        ...

    async def aclose(self) -> None:
        """As `close`, without holding the event loop."""
        ...

    def hand_back(self, owner: Owner, request: RefundRequest) -> None:
        """Let the reference of an interrupted call go, without making anybody wait."""
        ...


@dataclass(slots=True)
class Reserve(Change[Reservation | Refund]):
    """Reserve a reference for one call, which holds it for as long as it runs, and at most until `lease_end`.

    Gives the accepted refund instead, with `replayed`, where there is one under this reference. Raises
    ReferenceConflict where the reference belongs to another refund, RefundInProgress where another call is sending it,
    OutcomeUnknown where its outcome is unknown and the provider no longer de-duplicates it, and InvalidRefund where all
    refunds of the payment would come to more than `payment_amount`.
    """

    request: RefundRequest
    window: int | None
    margin: float
    owner: Owner
    lease_end: Instant | None = None
    payment_amount: Money | None = None

    @property
    def needs(self) -> Needs:
        """The reference, and the others of its payment."""
        request = self.request
        payment = () if self._payment is None else ((request.provider, self._payment),)
        return Needs(references=((request.provider, request.reference),), alone_at=payment)

    def apply(self, view: View) -> Reservation | Refund:
        """The reservation, or the accepted refund."""
        request = self.request
        entry = view.get(request.provider, request.reference, self.owner)
        known: Known = None
        failed_ids: tuple[str, ...] = ()
        contradiction = decided_by = None
        if entry is not None:
            if (entry.payment_id, entry.amount) != (request.payment_id, request.amount):
                raise ReferenceConflict(
                    f"{request.reference!r} was used for another refund at {request.provider}; give each refund a "
                    "reference of its own",
                    **facts_of(request),
                )
            known, failed_ids = entry.known, entry.failed_ids
            contradiction, decided_by = entry.contradiction, entry.decided_by
            if entry.attempt != 1:
                request = replace(request, attempt=entry.attempt)
        elif (archived := view.archived(request.provider, request.reference)) is not None:
            return _replayed_from_archive(request, archived)
        reservation = Reservation(
            request,
            self.window,
            self.margin,
            view.clock,
            self.owner,
            self.lease_end,
            view.counts_attempts,
            failed_ids,
            contradiction,
            decided_by,
        )
        if isinstance(known, Unknown):
            reservation.first_sent = known.first_sent
            reservation.earlier = unknown_again(request, known, reservation.resend_until)
        elif entry is not None and reservation.may_be_stored(entry.first_sent):
            reservation.key_first_sent = entry.first_sent
        in_window = reservation.earlier is not None and reservation.earlier.resend is not Resend.NEVER
        event = event_of_reserving(in_window=in_window)
        match step(state_of(known), event).answer:
            case Answer.IN_PROGRESS:
                raise in_progress(request)
            case Answer.REPLAY if isinstance(known, Accepted):
                return replace(refund_of(request.provider, request.reference, request.payment_id, known), replayed=True)
            case Answer.STAYS_UNKNOWN if reservation.earlier is not None:
                raise reservation.earlier
        self._check_payment(view)
        reservation.known = sending(known, Progress(), view.clock, reservation.key_first_sent)
        view.put(request.provider, request.reference, reservation.entry(reservation.known), Note(event), reservation)
        return reservation

    @property
    def _payment(self) -> str | None:
        return None if self.payment_amount is None else self.request.payment_id

    def _check_payment(self, view: View) -> None:
        """InvalidRefund where this refund and all others of its payment come to more than was captured."""
        whole, request = self.payment_amount, self.request
        if whole is None or request.payment_id is None:
            return
        counted = [
            refunded_at_most(entry)
            for reference, entry in view.of_payment(request.provider, request.payment_id)
            if reference != request.reference and entry.known is not None
        ]
        counted += view.archived_of_payment(request.provider, request.payment_id)
        others = [one if isinstance(one, Money) else whole for one in counted]  # after FULL, nothing is left
        asked = request.amount if isinstance(request.amount, Money) else whole
        if {whole.currency} != {one.currency for one in (asked, *others)}:
            raise InvalidRefund(
                f"payment_amount is in {whole.currency}, and a refund of the payment is in another currency",
                field="payment_amount",
                **facts_of(request),
            )
        before = sum(one.minor_units for one in others)
        if before + asked.minor_units > whole.minor_units:
            earlier = Money.from_minor(before, whole.currency) if before else f"0 {whole.currency}"
            raise InvalidRefund(
                f"{asked} is more than is left of payment {request.payment_id!r}: {whole} was captured, and {earlier} "
                "was refunded, is being refunded, or may have been",
                field="amount",
                **facts_of(request),
            )


@dataclass(slots=True)
class Record(Change["Entry | None"]):
    """Record what the call that holds a reference knows of it, and let the reference go.

    Where the call no longer holds it, for its lease was over and somebody else came between, its outcome is late. Gives
    the entry as it is after a late outcome, None where the outcome was in time.
    """

    reservation: Reservation

    @property
    def owner(self) -> Owner:
        """The call."""
        return self.reservation.owner

    @property
    def needs(self) -> Needs:
        """The reference."""
        request = self.reservation.request
        return Needs(references=((request.provider, request.reference),))

    def apply(self, view: View) -> Entry | None:
        """Put the entry as the call leaves it."""
        reservation, request = self.reservation, self.reservation.request
        left = reservation.left()
        if view.holds(reservation):
            note = Note(event_of_left(left, in_time=True), facts=lambda: facts_of_ending(reservation, left))
            view.keep_ids(request.provider, request.reference, ids_of(left))
            view.put(request.provider, request.reference, reservation.entry(left), note)
            return None
        entry = view.get(request.provider, request.reference)
        if entry is None:
            return None
        if not {*ids_of(left)}.isdisjoint(entry.failed_ids):
            left = None  # accepted once, and known to have failed since
        return self._late(view, entry, left)

    def _late(self, view: View, entry: Entry, left: Known) -> Entry:
        request, event = self.reservation.request, event_of_left(left, in_time=False)
        known = entry.known
        next_state, answer = step(state_of(known), event)
        if isinstance(left, Unknown) and entry.attempt > request.attempt:
            next_state, answer = state_of(known), Answer.IGNORE  # the provider has said since how that attempt ended
        contradiction = _contradiction(entry, self.reservation, left) or entry.contradiction
        note = Note(event, reason=contradiction, facts=lambda: facts_of_ending(self.reservation, left))
        after = replace(entry, contradiction=contradiction)
        if answer is Answer.RECORD and (next_state is not state_of(known) or entry.decided_by is not None):
            view.keep_ids(request.provider, request.reference, ids_of(left))
            if isinstance(left, Accepted) and _is_beside(entry, self.reservation, left):
                left = replace(left, others=("",))
            after = replace(after, known=left, decided_by=None)
        elif isinstance(known, Accepted) and isinstance(left, Accepted) and _is_another(known, self.reservation, left):
            name = next(iter(ids_of(left)), "")
            if name not in known.others:
                after = replace(after, known=replace(known, others=(*known.others, name)))
            view.keep_ids(request.provider, request.reference, ids_of(left))
        elif isinstance(known, Unknown) and isinstance(left, Unknown) and entry.attempt == request.attempt:
            after = replace(after, known=known if known.tracking_id or known.refund_id else with_ids_of(left, known))
        if after != entry:
            view.put(request.provider, request.reference, after, note)
        elif self.reservation.tried:
            view.note(request.provider, request.reference, note)
        return after


@dataclass(slots=True)
class Learn(Change[bool]):
    """Record the state of a refund that a lookup or a callback gave. A state never moves backwards.

    FAILED frees the reference only with `may_free`: the source of the state has to be believed so far. Where the
    provider has accepted further refunds under the reference, it is free once all of them have failed. `undone` says
    that the provider may have undone a refund which was done, as it says when it is asked. `of_unknown` says that the
    provider names this reference, so that the refund may be the one whose reply was lost. After a person's word it may
    also be an earlier one: then only a success counts, unless the unknown attempt's own reply gave the id.

    Gives False, and records nothing, where the provider gave the ids of this refund to the refund of another reference,
    and both are known.
    """

    refund: Refund
    of_unknown: bool
    may_free: bool = True
    undone: bool = True

    @property
    def needs(self) -> Needs:
        """The reference, and those that the ids belong to."""
        return _needs_of(self.refund)

    def apply(self, view: View) -> bool:
        """Whether the refund is of this reference."""
        refund = self.refund
        entry = view.get(refund.provider, refund.reference)
        if entry is None:
            return True
        if _is_of_another(view, refund):
            return False
        known, event = entry.known, event_of_learning(refund.status)
        if entry.decided_by is not None and self.of_unknown:
            if not isinstance(known, Unknown):
                self._after_a_word(view, entry)
                return True
            # A word was about the attempts before it, and the one that is unknown came after. Any of them may be meant.
            if refund.status is not RefundStatus.SUCCEEDED and not _is_named(known, refund):
                return True
        next_state, answer = step(state_of(known), event)
        if answer is Answer.IGNORE:
            return True
        is_own = _is_the_same(known, refund) if isinstance(known, Accepted) else self.of_unknown
        if not (is_own or (next_state is State.FREE and _is_among_others(known, refund))):
            return True
        if not {*ids_of(refund)}.isdisjoint(entry.failed_ids):  # old news of an earlier attempt
            return True
        before = known.status if isinstance(known, Accepted) and is_own else RefundStatus.PENDING
        if refund.status is not before and not may_follow(before, refund.status, undone=self.undone):
            return True
        note = Note(event, facts=lambda: {"status": refund.status.value, "code": refund.provider_code})
        view.keep_ids(refund.provider, refund.reference, ids_of(refund))
        if next_state is State.ACCEPTED:
            others = known.others if isinstance(known, Accepted) else ()
            changed = replace(entry, known=accepted(refund, sent_at(known), others), decided_by=None)
            if changed != entry:
                view.put(refund.provider, refund.reference, changed, note)
        elif self.may_free:
            failed_ids = (*{*entry.failed_ids, *ids_of(refund), *(ids_of(known) if is_own else ())},)
            still = _left_of(known, refund, view.clock)
            attempt = entry.attempt + (still is None and view.counts_attempts)
            changed = replace(entry, known=still, failed_ids=failed_ids, attempt=attempt)
            view.put(refund.provider, refund.reference, changed, note)
        return True

    def _after_a_word(self, view: View, entry: Entry) -> None:
        """Record what the provider says after a person has decided: its acceptance counts, and a failure is listed."""
        refund, known = self.refund, entry.known
        if state_of(known) is State.SENDING or not {*entry.failed_ids}.isdisjoint(ids_of(refund)):
            return
        has_failed = refund.status is RefundStatus.FAILED
        if has_failed and (known is None or not self.may_free):
            return
        if refund.status is RefundStatus.PENDING and known is not None:
            return  # the person knows more
        said = f"{entry.decided_by} decided that it was {'not ' if known is None else ''}executed"
        contradiction = f"{said}, and the provider says that it {_SAYS[refund.status]}"
        event = event_of_learning(refund.status)
        if has_failed:
            changed = replace(entry, contradiction=contradiction)
        elif known is None:
            event = Event.LATE_ACCEPTED
            now = accepted(refund, view.clock.wall())
            changed = replace(entry, known=now, decided_by=None, contradiction=contradiction)
        else:
            changed = replace(entry, known=accepted(refund, sent_at(known)), decided_by=None)
        view.keep_ids(refund.provider, refund.reference, ids_of(changed.known))
        if changed != entry:
            learnt = {"status": refund.status.value, "code": refund.provider_code}
            note = Note(event, reason=changed.contradiction, facts=lambda: learnt)
            view.put(refund.provider, refund.reference, changed, note)


@dataclass(slots=True)
class IsOfAnother(Change[bool]):
    """Whether the provider gave the ids of this refund to the refund of another reference, and both are known."""

    refund: Refund

    @property
    def needs(self) -> Needs:
        """The reference, and those that the ids belong to."""
        return _needs_of(self.refund)

    def apply(self, view: View) -> bool:
        """Whether it is."""
        return view.get(self.refund.provider, self.refund.reference) is not None and _is_of_another(view, self.refund)


@dataclass(slots=True)
class Decide(Change[None]):
    """Record a person's word on a refund whose outcome is unknown, or that something contradicts.

    Raises LookupError for any other, and for a reference that the ledger does not know. A contradiction only ends with
    a word that agrees with the state, for a word overwrites nothing.
    """

    account: str
    reference: str
    executed: bool
    by: str
    reason: str

    @property
    def needs(self) -> Needs:
        """The reference."""
        return Needs(references=((self.account, self.reference),))

    def apply(self, view: View) -> None:
        """Put the entry as the person decides."""
        entry = view.get(self.account, self.reference)
        if entry is None:
            is_archived = view.archived(self.account, self.reference) is not None
            what = "has archived the refund" if is_archived else "knows no refund"
            raise LookupError(f"the ledger {what} {self.reference!r} at {self.account}")
        event = Event.DECIDED_EXECUTED if self.executed else Event.DECIDED_NOT_EXECUTED
        note = Note(event, by=self.by, reason=self.reason)
        known = entry.known
        state, answer = step(state_of(known), event)
        if answer is not Answer.REFUSE:
            amount = entry.amount if isinstance(entry.amount, Money) else None
            said = Accepted(RefundStatus.SUCCEEDED, amount, None, None, None, sent_at(known))
            decided = replace(entry, known=said, decided_by=self.by)
            if not self.executed:  # the next call has the same key, whose window began with this attempt
                first_sent = known.first_sent if isinstance(known, Unknown) else None
                decided = replace(decided, known=None, first_sent=first_sent)
            view.put(self.account, self.reference, decided, note)
        elif entry.contradiction is not None and self.executed is (state is State.ACCEPTED):
            view.put(self.account, self.reference, replace(entry, contradiction=None), note)
        elif entry.decided_by != self.by or self.executed is not (state is State.ACCEPTED):
            raise LookupError(
                f"{self.reference!r} at {self.account} is {state.value}; a person decides what is unknown, and nothing "
                "else"
            )


class Found(NamedTuple):
    """A refund as far as it is kept. `is_certain`: the provider has accepted it."""

    refund: Refund
    is_certain: bool


@dataclass(slots=True)
class Find(Change["Found | None"]):
    """The refund with this id of the provider, or else of this reference; None where nothing is known of it.

    A refund whose outcome is unknown, or that a person has decided, is given as PENDING. It has an id where it was
    found by one that an unreadable reply gave it.
    """

    account: str
    refund_id: str | None
    reference: str | None

    @property
    def needs(self) -> Needs:
        """The id, and the reference."""
        return Needs(
            () if self.reference is None else ((self.account, self.reference),),
            () if self.refund_id is None else ((self.account, self.refund_id),),
        )

    def apply(self, view: View) -> Found | None:
        """The refund."""
        by_id = None if self.refund_id is None else view.reference_of(self.account, self.refund_id)
        reference = by_id or self.reference or ""
        entry = view.get(self.account, reference)
        if entry is None or (entry.known is None and entry.decided_by is None):
            return None
        known = entry.known
        if isinstance(known, Accepted) and entry.decided_by is None:
            return Found(refund_of(self.account, reference, entry.payment_id, known), is_certain=True)
        amount = entry.amount if isinstance(entry.amount, Money) else None
        # A reply that contradicts what was asked for proves nothing by its id.
        named = self.refund_id if by_id and isinstance(known, Unknown) and not known.differences else None
        refund = Refund(
            self.account,
            reference,
            RefundStatus.PENDING,
            amount=amount,
            refund_id=named,
            payment_id=entry.payment_id,
        )
        return Found(refund, is_certain=False)


@dataclass(slots=True)
class Inspect(Change["Entry | None"]):
    """The entry of a reference; None where the ledger does not know it."""

    account: str
    reference: str

    @property
    def needs(self) -> Needs:
        """The reference."""
        return Needs(references=((self.account, self.reference),))

    def apply(self, view: View) -> Entry | None:
        """The entry."""
        return view.get(self.account, self.reference)


@dataclass(slots=True)
class InspectArchived(Change["Archived | None"]):
    """What is left of a reference that was moved out; None where none was."""

    account: str
    reference: str

    @property
    def needs(self) -> Needs:
        """The reference."""
        return Needs(references=((self.account, self.reference),))

    def apply(self, view: View) -> Archived | None:
        """Its state, and the digest of what it asked for."""
        return view.archived(self.account, self.reference)


def digest(*texts: str | None) -> str:
    """A digest of texts that hold no line break."""
    return sha256("\n".join("" if one is None else one for one in texts).encode()).hexdigest()


def digest_of_parameters(payment_id: str | None, amount: Amount) -> str:
    """A digest of what a reference asks for."""
    return digest(payment_id, *((str(amount.minor_units), amount.currency) if isinstance(amount, Money) else ()))


def _replayed_from_archive(request: RefundRequest, archived: Archived) -> Refund:
    """The refund of an archived reference, without what the archive has of it. Nothing is ever sent under it."""
    facts = facts_of(request)
    if archived.parameters != digest_of_parameters(request.payment_id, request.amount):
        raise ReferenceConflict(
            f"{request.reference!r} was used for another refund at {request.provider}, and is archived; give each "
            "refund a reference of its own",
            **facts,
        )
    if archived.state is not State.ACCEPTED:
        raise InvalidRefund(
            f"{request.reference!r} is archived: nothing was executed under it at {request.provider}; give this "
            "refund a new reference",
            field="reference",
            **facts,
        )
    return as_refund(request, RefundStatus.SUCCEEDED, replayed=True)


def _needs_of(refund: Refund) -> Needs:
    return Needs(((refund.provider, refund.reference),), tuple((refund.provider, one) for one in ids_of(refund)))


def facts_of_ending(reservation: Reservation, left: Known) -> dict[str, Any]:
    """What the history says of a call that has ended."""
    facts: dict[str, Any] = {"attempt": reservation.request.attempt, "tried": [*map(list, reservation.tried)]}
    if isinstance(left, Accepted):
        facts |= {"status": left.status.value, "refund_id": left.refund_id, "code": left.code}
    elif left is not None:
        facts["why"] = left.text if isinstance(left, Unknown) else ""
    return facts


def refunded_at_most(entry: Entry) -> Amount:
    """The most that a refund may have taken of its payment, with those that were accepted beside it."""
    known = entry.known
    if not isinstance(known, Accepted):
        return entry.amount
    if known.amount is None:
        return FULL
    return Money.from_minor(known.amount.minor_units * (1 + len(known.others)), known.amount.currency)


def _contradiction(entry: Entry, reservation: Reservation, left: Known) -> str | None:
    """What of an entry a late outcome contradicts: a person's word, or another refund under the same reference.

    A word that stood when the call began is about the calls before it.
    """
    known = entry.known
    is_of_now = isinstance(known, Accepted) or (known is None and entry.attempt == reservation.request.attempt)
    is_about_it = entry.decided_by is not None and (is_of_now or entry.decided_by != reservation.decided_by)
    if is_about_it and isinstance(left, Accepted) is not isinstance(known, Accepted):
        if left is not None and not isinstance(left, Accepted):
            return None
        said = "was executed" if isinstance(known, Accepted) else "was not executed"
        found = "accepted it" if isinstance(left, Accepted) else "executed nothing"
        return f"{entry.decided_by} decided that it {said}, and the provider {found}"
    if isinstance(known, Accepted) and isinstance(left, Accepted) and _is_another(known, reservation, left):
        before, now = ids_of(known), ids_of(left)
        by = f"as {before[0]} and as {now[0]}" if before and now else "by this call, and by one that followed its lease"
        return f"the provider accepted it twice: {by}"
    return None


def _is_another(known: Accepted, reservation: Reservation, left: Accepted) -> bool:
    """Whether a late acceptance is of another refund than the accepted one."""
    before, now = ids_of(known), ids_of(left)
    if before and now:
        return {*before}.isdisjoint(now)
    end = reservation.lease_end
    # One that was sent after this call's lease is another one, where the provider de-duplicates nothing.
    return reservation.window is None and end is not None and known.sent_at >= end.wall


def _is_beside(entry: Entry, reservation: Reservation, left: Accepted) -> bool:
    """Whether another attempt may have been executed beside a late acceptance.

    One that the provider tells apart may, and so may one after a person's word: under the same idempotency key the
    provider may answer the first with what it stored before that word, forget the key, and execute the next.
    """
    known = entry.known
    if isinstance(known, Accepted):
        return _is_another(known, reservation, left)
    is_next = entry.attempt != reservation.request.attempt
    return known is not None and (is_next or entry.decided_by is not None)


def _is_of_another(view: View, refund: Refund) -> bool:
    return any(view.reference_of(refund.provider, one) not in (None, refund.reference) for one in ids_of(refund))


def _is_the_same(known: Accepted, refund: Refund) -> bool:
    if known.refund_id is None:
        return known.tracking_id is not None and known.tracking_id == refund.tracking_id
    return known.refund_id == refund.refund_id


def _is_named(known: Unknown, refund: Refund) -> bool:
    """Whether this is the refund whose id the reply gave that left the outcome unknown."""
    return not {known.refund_id, known.tracking_id}.isdisjoint(ids_of(refund))


def _is_among_others(known: Known, refund: Refund) -> bool:
    """Whether this is a further refund that the provider accepted under the same reference."""
    return isinstance(known, Accepted) and not {*ids_of(refund)}.isdisjoint(known.others)


def _left_of(known: Known, failed: Refund, clock: Clock) -> Accepted | Unknown | None:
    """What is left of a reference once this refund has failed: a further one, if the provider may have executed one."""
    if not isinstance(known, Accepted) or not known.others:
        return None
    others = [one for one in known.others if one not in ids_of(failed)]
    if not _is_the_same(known, failed):
        return replace(known, others=(*others,))
    first = next(filter(None, others), None)
    if first is not None:
        others.remove(first)
        return Accepted(RefundStatus.PENDING, known.amount, first, None, None, known.sent_at, (*others,))
    first_sent = Moment(clock, max(clock.wall() - known.sent_at, 0.0))
    return Unknown(first_sent, "one refund under this reference has failed, and another one may have been executed")
