"""The in-process guard: one refund for each reference, for the life of a client, over all its threads and tasks."""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Any

from refundry.errors import OutcomeUnknown, ReferenceConflict, RefundInProgress, RefundRejected, Resend
from refundry.outcome import after_unknown, resend_of_unknown
from refundry.refund import Refund, RefundRequest

if TYPE_CHECKING:
    from refundry.errors import RefundError


@dataclass(slots=True)
class _Record:
    """What is known of one reference. `ended` is None while a refund is being sent, and before the first."""

    request: RefundRequest
    idempotency_window: int | None
    first_sent: float
    sending: bool = True
    ended: Refund | OutcomeUnknown | None = None

    def resend(self) -> Resend:
        return resend_of_unknown(self.idempotency_window, monotonic() - self.first_sent)


class References:
    """Which references were used for which refund, and how each ended."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, str], _Record] = {}
        self._lock = threading.Lock()

    def begin(self, request: RefundRequest, idempotency_window: int | None) -> RefundRequest | Refund:
        """Take the reference for one sending: the request to send, with its attempt counted.

        Gives the refund instead, marked as replayed, where one was accepted under this reference. Raises
        ReferenceConflict where it was used for another refund, RefundInProgress where it is being sent, and
        OutcomeUnknown again where that is how it ended and the provider no longer de-duplicates it.
        """
        key = (request.provider, request.reference)
        facts: dict[str, Any] = {"provider": request.provider, "reference": request.reference}
        with self._lock:
            record = self._records.get(key)
            if record is None:
                self._records[key] = _Record(request, idempotency_window, monotonic())
                return request
            if replace(record.request, attempt=request.attempt) != request:
                raise ReferenceConflict(
                    f"{request.reference!r} was used for another refund at {request.provider}; give each refund a "
                    "reference of its own",
                    **facts,
                )
            if record.sending:
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
            record.sending = True
            return record.request

    def resend(self, request: RefundRequest) -> Resend:
        """Whether the refund that is being sent may be sent again if it ends unknown."""
        return self._records[request.provider, request.reference].resend()

    def finish(self, request: RefundRequest, result: Refund | RefundError) -> Refund | RefundError:
        """Give the reference back with what came of the sending. Returns what to tell the caller.

        That is another thing than the result where an earlier sending ended unknown, and this one does not settle it.
        """
        with self._lock:
            record = self._records[request.provider, request.reference]
            record.sending = False
            earlier = record.ended
            told = after_unknown(earlier, result, record.resend()) if isinstance(earlier, OutcomeUnknown) else result
            if told is result:
                record.ended = result if isinstance(result, Refund | OutcomeUnknown) else None
            if isinstance(told, RefundRejected):
                record.request = replace(request, attempt=request.attempt + 1)
            return told
