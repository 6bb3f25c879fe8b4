"""What may happen to a reference: four states, the events that meet them, and where each event leads. Pure.

Every store of a ledger keeps these rules. docs/references.md is printed from the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from refundry.errors import OutcomeUnknown
from refundry.refund import Refund, RefundStatus
from refundry.wire import Evidence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refundry.clock import Moment
    from refundry.errors import RefundError
    from refundry.money import Money
    from refundry.wire import Progress


class State(StrEnum):
    """What is known of a reference."""

    FREE = "free"
    """No refund was executed under it: it was never sent, or its last attempt executed nothing."""
    SENDING = "sending"
    """A call has reserved it, and may be sending the refund."""
    ACCEPTED = "accepted"
    """The provider accepted the refund: it SUCCEEDED or is PENDING."""
    UNKNOWN = "unknown"
    """The refund may have been executed."""


class Event(StrEnum):
    """What happens to a reference."""

    RESERVED = "a call reserves it"
    RESERVED_IN_WINDOW = "a call reserves it while the provider de-duplicates it"
    ENDED_ACCEPTED = "its attempt is accepted"
    ENDED_UNKNOWN = "its attempt ends unknown"
    ENDED_NOT_EXECUTED = "its attempt executes nothing"
    LATE_ACCEPTED = "an attempt that no longer holds it is accepted"
    LATE_UNKNOWN = "an attempt that no longer holds it ends unknown"
    LATE_NOT_EXECUTED = "an attempt that no longer holds it executes nothing"
    LEASE_OVER = "its call ends without an outcome, after the first byte"
    LEASE_OVER_UNSENT = "its call ends without an outcome, before the first byte"
    LEARNT_ACCEPTED = "a lookup or a callback says that it is pending or done"
    LEARNT_FAILED = "a lookup or a callback says that it failed"
    DECIDED_EXECUTED = "a person decides that it was executed"
    DECIDED_NOT_EXECUTED = "a person decides that it was not executed"


class Answer(StrEnum):
    """What the caller or the store does about an event."""

    SEND = "send"
    """Send the refund."""
    REPLAY = "replay"
    """Return the accepted refund, and send nothing."""
    IN_PROGRESS = "in progress"
    """Raise RefundInProgress, and send nothing."""
    STAYS_UNKNOWN = "stays unknown"
    """Raise OutcomeUnknown, and send nothing."""
    RECORD = "record"
    """Write the event down."""
    IGNORE = "ignore"
    """Change nothing. What is known already weighs more."""
    REFUSE = "refuse"
    """Raise, for a person may only decide what is unknown."""


class Step(NamedTuple):
    """The state after an event, and what is done about the event."""

    state: State
    answer: Answer


_S, _E, _A = State, Event, Answer

TABLE: Final[Mapping[State, Mapping[Event, Step]]] = {
    _S.FREE: {
        _E.RESERVED: Step(_S.SENDING, _A.SEND),
        _E.LATE_ACCEPTED: Step(_S.ACCEPTED, _A.RECORD),  # after a person's word, or another attempt: the money did move
        _E.LATE_UNKNOWN: Step(_S.UNKNOWN, _A.RECORD),
        _E.LATE_NOT_EXECUTED: Step(_S.FREE, _A.IGNORE),
        _E.LEARNT_ACCEPTED: Step(_S.FREE, _A.IGNORE),  # nothing is under way that the news could be about
        _E.LEARNT_FAILED: Step(_S.FREE, _A.IGNORE),
        _E.DECIDED_EXECUTED: Step(_S.FREE, _A.REFUSE),
        _E.DECIDED_NOT_EXECUTED: Step(_S.FREE, _A.REFUSE),
    },
    _S.SENDING: {
        _E.RESERVED: Step(_S.SENDING, _A.IN_PROGRESS),
        _E.ENDED_ACCEPTED: Step(_S.ACCEPTED, _A.RECORD),
        _E.ENDED_UNKNOWN: Step(_S.UNKNOWN, _A.RECORD),
        _E.ENDED_NOT_EXECUTED: Step(_S.FREE, _A.RECORD),
        _E.LATE_ACCEPTED: Step(_S.ACCEPTED, _A.RECORD),  # so that no end of the attempt that holds it frees it
        _E.LATE_UNKNOWN: Step(_S.SENDING, _A.IGNORE),  # it was unknown when the attempt that holds it began
        _E.LATE_NOT_EXECUTED: Step(_S.SENDING, _A.IGNORE),  # says nothing of the attempt that holds it
        _E.LEASE_OVER: Step(_S.UNKNOWN, _A.RECORD),
        _E.LEASE_OVER_UNSENT: Step(_S.FREE, _A.RECORD),
        _E.LEARNT_ACCEPTED: Step(_S.SENDING, _A.IGNORE),  # the state may be an earlier attempt's
        _E.LEARNT_FAILED: Step(_S.SENDING, _A.IGNORE),
        _E.DECIDED_EXECUTED: Step(_S.SENDING, _A.REFUSE),
        _E.DECIDED_NOT_EXECUTED: Step(_S.SENDING, _A.REFUSE),
    },
    _S.ACCEPTED: {
        _E.RESERVED: Step(_S.ACCEPTED, _A.REPLAY),
        _E.LATE_ACCEPTED: Step(_S.ACCEPTED, _A.RECORD),
        _E.LATE_UNKNOWN: Step(_S.ACCEPTED, _A.IGNORE),
        _E.LATE_NOT_EXECUTED: Step(_S.ACCEPTED, _A.IGNORE),
        _E.LEARNT_ACCEPTED: Step(_S.ACCEPTED, _A.RECORD),
        _E.LEARNT_FAILED: Step(_S.FREE, _A.RECORD),
        _E.DECIDED_EXECUTED: Step(_S.ACCEPTED, _A.REFUSE),
        _E.DECIDED_NOT_EXECUTED: Step(_S.ACCEPTED, _A.REFUSE),
    },
    _S.UNKNOWN: {
        _E.RESERVED: Step(_S.UNKNOWN, _A.STAYS_UNKNOWN),
        _E.RESERVED_IN_WINDOW: Step(_S.SENDING, _A.SEND),
        _E.LATE_ACCEPTED: Step(_S.ACCEPTED, _A.RECORD),
        _E.LATE_UNKNOWN: Step(_S.UNKNOWN, _A.IGNORE),
        _E.LATE_NOT_EXECUTED: Step(_S.UNKNOWN, _A.IGNORE),  # says nothing of the attempt that left it unknown
        _E.LEARNT_ACCEPTED: Step(_S.ACCEPTED, _A.RECORD),
        _E.LEARNT_FAILED: Step(_S.FREE, _A.RECORD),
        _E.DECIDED_EXECUTED: Step(_S.ACCEPTED, _A.RECORD),
        _E.DECIDED_NOT_EXECUTED: Step(_S.FREE, _A.RECORD),
    },
}
"""The events that a reference can meet in each state.

A call ends in time only while it is SENDING, and a provider is asked to de-duplicate only what is UNKNOWN.
"""


def step(state: State, event: Event) -> Step:
    """Where an event leads from a state. Raises LookupError for a pair that the table does not list."""
    try:
        return TABLE[state][event]
    except KeyError:
        raise LookupError(f"ledger/rules.py lists no step for {state.name} and {event.name}") from None


# What a store keeps of a reference in each state. FREE keeps nothing.


@dataclass(slots=True)
class Accepted:
    """The accepted refund, with no more of it than a replay gives: a client may keep a million of these.

    `sent_at` is the wall time of its first attempt. `others` are further refunds that the provider has or may have
    executed under the same reference: the id of one that it accepted, "" for one that is not known by an id. A person's
    word let them be sent.
    """

    status: RefundStatus
    amount: Money | None
    refund_id: str | None
    tracking_id: str | None
    code: str | None
    sent_at: float
    others: tuple[str, ...] = ()


@dataclass(slots=True)
class Unknown:
    """Why the outcome is unknown, and when the refund was first sent.

    `tracking_id` and `refund_id` are what a reply gave to ask by, and `is_first` says that no attempt before that reply
    was lost.
    """

    first_sent: Moment
    text: str
    http_status: int | None = None
    code: str | None = None
    differences: tuple[tuple[str, str, str], ...] = ()
    tracking_id: str | None = None
    refund_id: str | None = None
    is_first: bool = False


@dataclass(slots=True)
class Sending:
    """An attempt, from its reservation on. `before` is what an earlier attempt left unknown, None where none did."""

    first_sent: Moment
    progress: Progress
    before: Unknown | None


Known = Accepted | Unknown | Sending | None
"""What is known of a reference; None while it is FREE."""

_STATE_OF: Final[Mapping[type, State]] = {
    type(None): State.FREE,
    Sending: State.SENDING,
    Accepted: State.ACCEPTED,
    Unknown: State.UNKNOWN,
}


def state_of(known: Known) -> State:
    """The state that this knowledge is of."""
    return _STATE_OF[type(known)]


def event_of_reserving(*, in_window: bool) -> Event:
    """`in_window`: the provider certainly still de-duplicates the first attempt."""
    return Event.RESERVED_IN_WINDOW if in_window else Event.RESERVED


def event_of_ending(outcome_for_caller: Refund | RefundError) -> Event:
    """The event of an attempt that ended with this outcome for the caller."""
    if isinstance(outcome_for_caller, Refund):
        return Event.ENDED_ACCEPTED
    return Event.ENDED_UNKNOWN if isinstance(outcome_for_caller, OutcomeUnknown) else Event.ENDED_NOT_EXECUTED


_IN_TIME: Final = {
    State.ACCEPTED: Event.ENDED_ACCEPTED,
    State.UNKNOWN: Event.ENDED_UNKNOWN,
    State.FREE: Event.ENDED_NOT_EXECUTED,
}
_LATE: Final = {
    State.ACCEPTED: Event.LATE_ACCEPTED,
    State.UNKNOWN: Event.LATE_UNKNOWN,
    State.FREE: Event.LATE_NOT_EXECUTED,
}


def event_of_left(left: Known, *, in_time: bool) -> Event:
    """The event of a call that left this known of its reference. `in_time`: it still held the reference."""
    return (_IN_TIME if in_time else _LATE)[state_of(left)]


def event_of_lease_over(known: Known, *, was_copied: bool) -> Event:
    """The event of a call that ended without an outcome.

    `was_copied`: a fork copied the reservation, so the call may have gone on in the parent.
    """
    unsent = isinstance(known, Sending) and known.before is None and known.progress.evidence is Evidence.NOT_SENT
    return Event.LEASE_OVER_UNSENT if unsent and not was_copied else Event.LEASE_OVER


def event_of_learning(status: RefundStatus) -> Event:
    """The event of a state that a lookup or a callback gave."""
    return Event.LEARNT_FAILED if status is RefundStatus.FAILED else Event.LEARNT_ACCEPTED
