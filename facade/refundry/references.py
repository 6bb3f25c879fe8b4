"""The in-process guard: one refund for each reference, for the life of a client, over all its threads and tasks."""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Any

from refundry.errors import OutcomeUnknown, ReferenceConflict, RefundInProgress, RefundRejected, Resend
from refundry.money import Money
from refundry.outcome import after_unknown, resend_of_unknown
from refundry.refund import Refund, RefundRequest, RefundStatus

if TYPE_CHECKING:
    from refundry.errors import RefundError


@dataclass(slots=True)
class Taken:
    """A reference while one call has it, and what is known of it between calls.

    `request` is what to send, with its attempt counted. `ended` is None before the first sending, and after one that
    came to nothing.
    """

    request: RefundRequest
    idempotency_window: int | None
    first_sent: float
    taken: bool = True
    ended: Refund | OutcomeUnknown | None = None

    def resend(self) -> Resend:
        """Whether the refund may be sent again if it ends unknown now."""
        return resend_of_unknown(self.idempotency_window, monotonic() - self.first_sent)

    def settle(self, result: Refund | RefundError) -> Refund | RefundError:
        """Keep what came of a sending. Returns what to tell the caller.

        That is another thing than the result where an earlier sending ended unknown, and this one does not settle it.
        """
        earlier = self.ended
        told = after_unknown(earlier, result, self.resend()) if isinstance(earlier, OutcomeUnknown) else result
        if told is result:
            self.keep(result)
        return told

    def keep(self, told: Refund | RefundError) -> None:
        """Keep this as the end of it: what the caller is told, where nothing came between."""
        self.ended = told if isinstance(told, Refund | OutcomeUnknown) else None
        if isinstance(told, RefundRejected):
            self.request = replace(self.request, attempt=self.request.attempt + 1)


class References:
    """Which references were used for which refund, and how each ended."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, str], Taken] = {}
        self._lock = threading.Lock()

    def take(self, request: RefundRequest, idempotency_window: int | None) -> Taken | Refund:
        """Take the reference for one call, which has to give it back with `release`.

        Gives the refund instead, marked as replayed, where one was accepted under this reference. Raises
        ReferenceConflict where it was used for another refund, RefundInProgress where it is being sent, and
        OutcomeUnknown again where that is how it ended and the provider no longer de-duplicates it.
        """
        key = (request.provider, request.reference)
        facts: dict[str, Any] = {"provider": request.provider, "reference": request.reference}
        with self._lock:
            record = self._records.get(key)
            if record is None:
                record = self._records[key] = Taken(request, idempotency_window, monotonic())
                return record
            if replace(record.request, attempt=request.attempt) != request:
                raise ReferenceConflict(
                    f"{request.reference!r} was used for another refund at {request.provider}; give each refund a "
                    "reference of its own",
                    **facts,
                )
            if record.taken:
                raise RefundInProgress(
                    f"{request.reference!r} is being sent to {request.provider} now; wait for that call", **facts
                )
            if isinstance(record.ended, Refund):
                return replace(record.ended, replayed=True)
            if record.ended is None:
                record.first_sent = monotonic()
            elif record.resend() is Resend.NEVER:
                again = copy.copy(record.ended)
                again.resend = Resend.NEVER
                raise again
            record.taken = True
            return record

    def release(self, taken: Taken) -> None:
        """Give a reference back."""
        with self._lock:
            taken.taken = False

    def is_of_another(self, reference: str, refund: Refund | RefundError) -> bool:
        """Whether the provider gave the ids of this refund to the refund of another reference, both known here."""
        if not isinstance(refund, Refund) or (refund.provider, reference) not in self._records:
            return False
        ids = {refund.refund_id, refund.tracking_id} - {None}
        with self._lock:
            records = [*self._records.values()]
        return any(
            record.request.reference != reference
            and record.request.provider == refund.provider
            and isinstance(record.ended, Refund)
            and not ids.isdisjoint((record.ended.refund_id, record.ended.tracking_id))
            for record in records
        )

    def known(self, provider: str, refund_id: str | None, reference: str | None) -> Refund | None:
        """What is kept of the refund with this id, or of one without an id under this reference; None without either.

        One whose outcome is unknown is pending here.
        """
        with self._lock:
            records = [*self._records.values()]
            by_reference = self._records.get((provider, reference or ""))
        for record in records:
            ended = record.ended
            if record.request.provider == provider and isinstance(ended, Refund) and ended.refund_id == refund_id:
                return ended
        if by_reference is None or by_reference.ended is None:
            return None
        if isinstance(by_reference.ended, Refund):
            return by_reference.ended
        request = by_reference.request
        amount = request.amount if isinstance(request.amount, Money) else None
        return Refund(provider, request.reference, RefundStatus.PENDING, amount, payment_id=request.payment_id)

    def learn(self, refund: Refund, *, settles: bool = False) -> None:
        """Keep the state of a refund that was asked about. One that came to nothing may be asked for again.

        `settles` says that the refund is the one of its reference also where the outcome of that was unknown.
        """
        with self._lock:
            record = self._records.get((refund.provider, refund.reference))
            if record is None or record.taken or record.ended is None:
                return
            if settles or (isinstance(record.ended, Refund) and _is_the_same(record.ended, refund)):
                record.ended = None if refund.status is RefundStatus.FAILED else refund
                if record.ended is None:
                    record.request = replace(record.request, attempt=record.request.attempt + 1)


def _is_the_same(known: Refund, asked: Refund) -> bool:
    if known.refund_id is None:
        return known.tracking_id is not None and known.tracking_id == asked.tracking_id
    return known.refund_id == asked.refund_id
