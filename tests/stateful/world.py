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
from refundry.ledger.rules import Accepted, State, Unknown, state_of


class Execution(NamedTuple):
    """A refund that the provider has executed. One that has `failed` since gave the customer no money."""

    refund_id: str
    minor_units: int
    failed: bool = False


class Kept(NamedTuple):
    """What the ledger says of a reference. `failed_ids` are the refunds that it knows to have failed."""

    state: State = State.FREE
    refund_id: str | None = None
    is_contradicted: bool = False
    failed_ids: tuple[str, ...] = ()

    @classmethod
    def of(cls, entry: Entry | None) -> Kept:
        """What an entry says; that the reference is FREE where there is none."""
        if entry is None:
            return cls()
        refund_id = getattr(entry.known, "refund_id", None)
        return cls(state_of(entry.known), refund_id, entry.contradiction is not None, entry.failed_ids)


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
        return Said.NOTHING  # it is about this call: only the ledger could have said more of the reference
    is_no = isinstance(result, NotSent | RefundRejected | AuthenticationFailed)
    return Said.NOT_EXECUTED if is_no else Said.NOTHING


PAID_ONCE = "the customer is paid at most once for a reference, and never more than was asked"
NO_FALSE_SUCCESS = "nothing is told as accepted that the provider did not accept"
NO_FALSE_FAILURE = "nothing that was executed is told as not sent or rejected"
FREE_IS_FREE = "FREE is a reference under which nothing is executed, or can still be"
ACCEPTED_IS_ACCEPTED = "ACCEPTED names a refund that was executed, and none that the ledger knows to have failed"
IN_PROGRESS_IS_HELD = "a call is told to wait only while the ledger says that another one holds the reference"
UNKNOWN_IS_UNKNOWN = "an unknown outcome is one that the ledger does not know"
SENDING_ENDS = "no reference stays SENDING once the lease is over"
ONE_SENDS = "of all calls that reserve a reference, one may send at a time"
NEWS_IS_KEPT = (
    "the ledger keeps what a call, a lookup, a callback or a person says of a refund that it does not know better"
)
WORDS_ARE_ABOUT_UNKNOWN = "a person decides only what is unknown or contradicted"
NO_OTHER_ERROR = "a call raises nothing but a RefundError"
CONTRADICTIONS_ARE_LISTED = "what contradicts a person's word, or itself, is listed"
FORGERIES_ARE_REFUSED = "a callback that the provider did not send is refused"
CONTRACTS_ARE_KEPT = "no request breaks the contract of its provider"
NONE_IS_LOST = "a refund that is delivered again until the provider is sound is executed in the end, and ACCEPTED"


def paid(executions: Iterable[Execution], asked: int) -> str | None:
    """Whether the customer got no more than was asked."""
    return PAID_ONCE if sum(one.minor_units for one in executions if not one.failed) > asked else None


def told(result: Refund | Exception, executions: Collection[Execution]) -> str | None:
    """Whether a caller was told what is true when it is told. A state with an id is that refund's own."""
    if isinstance(result, Exception) and not isinstance(result, RefundError):
        return NO_OTHER_ERROR
    match said(result):
        case Said.ACCEPTED if not executions:
            return NO_FALSE_SUCCESS
        case Said.ACCEPTED if isinstance(result, Refund) and result.refund_id is not None:
            return None if result.refund_id in {one.refund_id for one in executions} else NO_FALSE_SUCCESS
        case Said.NOT_EXECUTED:
            name = result.refund_id if isinstance(result, Refund) else None
            if any(not one.failed and name in (None, one.refund_id) for one in executions):
                return NO_FALSE_FAILURE
    return None


def told_unknown(result: Refund | Exception, kept: Kept) -> str | None:
    """Whether a caller who was told that the outcome is unknown, or to wait, could not be told better by the ledger.

    What something contradicts is not known either.
    """
    if isinstance(result, RefundInProgress):
        return None if kept.state is State.SENDING else IN_PROGRESS_IS_HELD
    is_better_known = kept.state in (State.FREE, State.ACCEPTED) and not kept.is_contradicted
    return UNKNOWN_IS_UNKNOWN if said(result) is Said.UNKNOWN and is_better_known else None


def true(kept: Kept, executions: Collection[Execution], *, may_still_be_executed: bool) -> str | None:
    """Whether what the ledger says of a reference is true.

    `may_still_be_executed`: a request of an earlier call may still arrive at the provider, or still be sent.
    """
    if kept.state is State.FREE:
        is_free = all(one.failed for one in executions) and not may_still_be_executed
        return None if is_free else FREE_IS_FREE
    if kept.state is not State.ACCEPTED:
        return None
    is_named = kept.refund_id is None or kept.refund_id in {one.refund_id for one in executions}
    has_failed = kept.refund_id is not None and kept.refund_id in kept.failed_ids
    return None if executions and is_named and not has_failed else ACCEPTED_IS_ACCEPTED


def lost_news(news: Refund, before: Entry | None, after: Entry | None) -> str | None:
    """Whether the ledger keeps news of an unknown refund, or of the very refund that was accepted."""
    if before is None or after is None or not {news.refund_id, news.tracking_id}.isdisjoint(before.failed_ids):
        return None
    is_own = isinstance(before.known, Accepted) and before.known.refund_id == news.refund_id
    if isinstance(before.known, Unknown) and before.decided_by is not None:
        named = {before.known.refund_id, before.known.tracking_id} - {None}
        if news.status is not RefundStatus.SUCCEEDED and named.isdisjoint({news.refund_id, news.tracking_id}):
            return None  # it may be of an attempt before the person's word
    if news.status is RefundStatus.FAILED:
        # The provider may undo what was done only by a word of its own.
        was_pending = isinstance(before.known, Unknown) or (
            isinstance(before.known, Accepted) and is_own and before.known.status is RefundStatus.PENDING
        )
        # Another refund that was or may have been executed under the same reference may take its place.
        is_kept = after.known is None or news.refund_id in after.failed_ids
        return NEWS_IS_KEPT if was_pending and not is_kept else None
    is_new = isinstance(before.known, Unknown) or is_own
    is_kept = isinstance(after.known, Accepted) and after.known.refund_id == news.refund_id
    if is_own and isinstance(before.known, Accepted) and news.status is RefundStatus.SUCCEEDED:
        is_kept = is_kept and isinstance(after.known, Accepted) and after.known.status is RefundStatus.SUCCEEDED
    return NEWS_IS_KEPT if is_new and not is_kept else None


def lost(kept: Kept, executions: Collection[Execution]) -> str | None:
    """Whether a refund is executed and ACCEPTED once it was delivered again until the provider was sound.

    Without the provider's id of the refund nobody may learn that it has failed since. There is none where a person says
    that it was executed, and where a reply has none.
    """
    is_paid = kept.refund_id is None or any(not one.failed for one in executions)
    return None if is_paid and kept.state is State.ACCEPTED else NONE_IS_LOST
