"""What became of a reference, as a flow: from the ledger, and from the provider where the ledger cannot say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from refundry import outcome
from refundry.clock import utc
from refundry.errors import InvalidRefund, LedgerFailed, LookupFailed, Resend
from refundry.flows.effects import committed
from refundry.interruption import pass_through
from refundry.ledger.changes import Inspect, InspectArchived, IsOfAnother, Learn
from refundry.ledger.entry import refund_of, resend_until, unknown_again
from refundry.ledger.rules import Accepted, Sending, State, Unknown
from refundry.limits import window_margin
from refundry.refund import Refund, RefundRequest, RefundStatus
from refundry.wire import WireReply

if TYPE_CHECKING:
    from refundry.clock import Clock
    from refundry.flows.effects import Flow
    from refundry.flows.lookup import Lookups
    from refundry.ledger.changes import Change, Ledger
    from refundry.limits import Retry
    from refundry.owner import Owner
    from refundry.providers.translation import Translation

Result = TypeVar("Result")


class Resolutions:
    """The questions about a reference, as flows. None of them sends a refund."""

    def __init__(self, lookups: Lookups, ledger: Ledger, retry: Retry, clock: Clock) -> None:
        self._lookups = lookups
        self._ledger = ledger
        self._retry = retry
        self._clock = clock

    def resolve(self, owner: Owner, translation: Translation, reference: str) -> Flow[Refund]:
        """The refund as it is now. Raises OutcomeUnknown where that cannot be known."""
        provider = translation.account.name
        deadline = self._clock.monotonic() + self._retry.deadline
        entry = yield from self._committed(Inspect(provider, reference), deadline)
        if entry is None:
            archived = yield from self._committed(InspectArchived(provider, reference), deadline)
            if archived is not None:
                return _archived(provider, reference, archived.state)
            raise InvalidRefund(
                f"the ledger knows no refund {reference!r} at {provider}",
                field="reference",
                resend=Resend.NEVER,
                provider=provider,
                reference=reference,
            )
        request = RefundRequest(provider, entry.payment_id, entry.amount, reference, entry.attempt)
        match entry.known:
            case Accepted() as known:
                refund = refund_of(provider, reference, entry.payment_id, known)
                return (yield from self._looked_up(owner, translation, refund))
            case Unknown() as known:
                return (yield from self._asked(owner, translation, request, known, deadline))
            case Sending():
                raise outcome.in_progress(request)
            case None:
                return outcome.as_refund(request, RefundStatus.FAILED)

    def _looked_up(self, owner: Owner, translation: Translation, refund: Refund) -> Flow[Refund]:
        """An accepted refund in its present state, where it is not final yet."""
        if refund.status is not RefundStatus.PENDING or (refund.refund_id is None and refund.tracking_id is None):
            return refund
        found = yield from self._lookups.lookup(owner, translation, refund)
        return (yield from self.recorded(refund, found))

    def _asked(
        self, owner: Owner, translation: Translation, request: RefundRequest, known: Unknown, deadline: float
    ) -> Flow[Refund]:
        """The state of an unknown refund, by what the provider gave to ask by."""
        able = translation.CAPABILITIES[request.operation]
        until = resend_until(known.first_sent, able.idempotency_window, window_margin(self._retry), self._clock)
        unknown = unknown_again(request, known, until)
        by_tracking = known.tracking_id is not None and "tracking_id" in able.lookup
        if not by_tracking and (known.refund_id is None or "refund_id" not in able.lookup):
            raise unknown
        refund = outcome.as_refund(
            request,
            RefundStatus.PENDING,
            refund_id=None if by_tracking else known.refund_id,
            tracking_id=known.tracking_id if by_tracking else None,
            sent_at=utc(known.first_sent.wall),
        )
        state = yield from self._lookups.state(owner, translation, refund, deadline, self._retry.attempts)
        found = state.outcome_for_caller
        proves_absence = able.absence_proves == "not executed" and known.is_first
        if proves_absence and outcome.is_absent(state.answer, found):
            failed = replace(refund, status=RefundStatus.FAILED)
            return (yield from self.recorded(refund, failed, of_unknown=True))
        if isinstance(found, LookupFailed):
            raise found
        if not outcome.resolves(found, state.reading, is_first=known.is_first):
            raise unknown
        assert isinstance(state.answer, WireReply)
        if not by_tracking and not outcome.is_created_since(
            state.reading.created_at, state.answer, refund.sent_at, self._clock
        ):
            raise unknown
        assert isinstance(found, Refund)
        if (yield from self._committed(IsOfAnother(found), deadline)):
            raise unknown
        return (yield from self.recorded(refund, found, of_unknown=True))

    def recorded(self, known: Refund, found: Refund, *, of_unknown: bool = False) -> Flow[Refund]:
        """A state that the provider gave, once the ledger has it or has failed to take it.

        Raises LookupFailed for the state of another reference's refund.
        """
        try:
            is_of_it = yield from committed(self._ledger, Learn(found, of_unknown=of_unknown), self._retry.deadline)
        except LedgerFailed as failed:
            pass_through(failed)
            return replace(found, recorded=False)
        if not is_of_it:
            raise LookupFailed(
                f"{found.provider} gave the transaction of another reference for {found.reference!r}",
                refund=known,
                temporary=False,
                provider=found.provider,
                reference=found.reference,
                raw=found.raw,
            )
        return found

    def _committed(self, change: Change[Result], deadline: float) -> Flow[Result]:
        return committed(self._ledger, change, deadline - self._clock.monotonic())


def _archived(provider: str, reference: str, state: State) -> Refund:
    """What the ledger still says of an archived reference: the file has the rest."""
    status = RefundStatus.SUCCEEDED if state is State.ACCEPTED else RefundStatus.FAILED
    return Refund(provider, reference, status, replayed=True)
