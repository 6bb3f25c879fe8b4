"""The world that refunds happen in, and what refundry promises about it. The model and the simulations share it.

The world knows what no client can know: which refunds the provider has really executed. A promise compares that with
what a caller was told, or with what the ledger says. Each function gives the promise that is broken, or None.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import NamedTuple

from refundry import (
    AuthenticationFailed,
    LedgerFailed,
    NotSent,
    OutcomeUnknown,
    Refund,
    RefundError,
    RefundInProgress,
    RefundRejected,
    RefundStatus,
)
from refundry.ledger.entry import Entry
from refundry.ledger.rules import Accepted, Sending, Unknown


class Execution(NamedTuple):
    """A refund that the provider has executed. One that has `failed` since gave the customer no money."""

    refund_id: str
    minor_units: int
    failed: bool = False


class Said(StrEnum):
    """What a call told its caller about the reference."""

    ACCEPTED = "accepted"
    NOT_EXECUTED = "not executed"
    UNKNOWN = "unknown"
    NOTHING = "nothing"
    """It says nothing of the refund: another call is sending it, or a question got no answer."""


def said(result: Refund | Exception) -> Said:
    """What a result of `refund` or `resolve` says."""
    if isinstance(result, Refund):
        return Said.NOT_EXECUTED if result.status is RefundStatus.FAILED else Said.ACCEPTED
    if isinstance(result, OutcomeUnknown):
        return Said.UNKNOWN
    if isinstance(result, RefundInProgress) or not isinstance(result, RefundError):
        return Said.NOTHING
    if not result.recorded or isinstance(result.__cause__, LedgerFailed):
        return Said.NOTHING  # it is about this call: what became of the reference, only the ledger could have said
    is_no = isinstance(result, NotSent | RefundRejected | AuthenticationFailed)
    return Said.NOT_EXECUTED if is_no else Said.NOTHING


PAID_ONCE = "the customer is paid at most once for a reference, and never more than was asked"
NO_FALSE_SUCCESS = "nothing is told as accepted that the provider did not accept"
NO_FALSE_FAILURE = "nothing that was executed is told as not sent or rejected"
FREE_IS_FREE = "FREE is a reference under which nothing is executed, or can still be"
ACCEPTED_IS_ACCEPTED = "ACCEPTED names a refund that was executed, and none that the ledger knows to have failed"
UNKNOWN_IS_UNKNOWN = "an unknown outcome is one that the ledger does not know"
SENDING_ENDS = "no reference stays SENDING once the lease is over"
ONE_SENDS = "of all calls that reserve a reference, one may send at a time"
CONTRADICTIONS_ARE_LISTED = "what contradicts a person's word, or itself, is listed"


def paid(executions: Iterable[Execution], asked: int) -> str | None:
    """Whether the customer got what was asked at the most."""
    return PAID_ONCE if sum(one.minor_units for one in executions if not one.failed) > asked else None


def told(result: Refund | Exception, executions: Collection[Execution]) -> str | None:
    """Whether a caller was told what is true when it is told."""
    match said(result):
        case Said.ACCEPTED if not executions:
            return NO_FALSE_SUCCESS
        case Said.ACCEPTED if isinstance(result, Refund) and result.refund_id is not None:
            return None if result.refund_id in {one.refund_id for one in executions} else NO_FALSE_SUCCESS
        case Said.NOT_EXECUTED if any(not one.failed for one in executions):
            return NO_FALSE_FAILURE
    return None


def told_unknown(result: Refund | Exception, entry: Entry | None) -> str | None:
    """Whether a caller who was told that the outcome is unknown could not be told better, by the ledger's entry.

    An entry that something contradicts is not known either.
    """
    if said(result) is not Said.UNKNOWN or entry is None or entry.contradiction is not None:
        return None
    return None if isinstance(entry.known, Unknown | Sending) else UNKNOWN_IS_UNKNOWN


def kept(entry: Entry | None, executions: Collection[Execution], *, may_still_be_executed: bool) -> str | None:
    """Whether what the ledger says of a reference is true. None stands for a reference that it does not know.

    `may_still_be_executed`: a request of an earlier call may still arrive at the provider, or still be sent.
    """
    known = None if entry is None else entry.known
    if known is None:
        is_free = all(one.failed for one in executions) and not may_still_be_executed
        return None if is_free else FREE_IS_FREE
    if isinstance(known, Accepted):
        if entry is not None and entry.decided_by is not None:
            return None if executions else ACCEPTED_IS_ACCEPTED
        by_id = {one.refund_id for one in executions}
        failed = set(() if entry is None else entry.failed_ids)
        is_named = known.refund_id is None or (known.refund_id in by_id and known.refund_id not in failed)
        return None if by_id and is_named else ACCEPTED_IS_ACCEPTED
    return None
