"""The states of a reference: the table, and the properties that hold for every sequence of events."""

import itertools

import pytest

from refundry import OutcomeUnknown, Refund, RefundRejected, RefundStatus
from refundry.clock import SYSTEM, Moment
from refundry.errors import Reason
from refundry.ledger.rules import (
    TABLE,
    Accepted,
    Answer,
    Event,
    Known,
    Sending,
    State,
    Unknown,
    event_of_ending,
    event_of_learning,
    event_of_lease_over,
    event_of_left,
    event_of_reserving,
    state_of,
    step,
)
from refundry.wire import Evidence, Progress

PAIRS = [(state, event) for state, steps in TABLE.items() for event in steps]
REFUND = Refund("blink", "reference-1", RefundStatus.PENDING)


ENDS = {event for event in Event if event.name.startswith(("ENDED", "LEASE_OVER"))}


def test_the_words_for_a_state_are_those_that_databases_and_services_have_stored() -> None:
    assert [*State] == ["free", "sending", "accepted", "unknown"]


MEANS = {
    **dict.fromkeys(
        (Event.ENDED_ACCEPTED, Event.LATE_ACCEPTED, Event.LEARNT_ACCEPTED, Event.DECIDED_EXECUTED), State.ACCEPTED
    ),
    **dict.fromkeys((Event.ENDED_UNKNOWN, Event.LATE_UNKNOWN, Event.LEASE_OVER), State.UNKNOWN),
    **dict.fromkeys(
        (Event.ENDED_NOT_EXECUTED, Event.LEARNT_FAILED, Event.LEASE_OVER_UNSENT, Event.DECIDED_NOT_EXECUTED), State.FREE
    ),
}
"""The state that each event leaves where it is recorded."""


@pytest.mark.parametrize(("state", "event"), PAIRS)
def test_what_is_recorded_leaves_the_state_that_it_means_and_what_is_sent_is_sending(
    state: State, event: Event
) -> None:
    after, answer = step(state, event)
    if answer is Answer.RECORD:
        assert after is MEANS[event]
    else:
        assert after is (State.SENDING if answer is Answer.SEND else state)


def test_a_reference_can_meet_each_event_but_those_that_need_another_state() -> None:
    missing = {*itertools.product(State, Event)} - {*PAIRS}
    not_sending = {(state, event) for state in State if state is not State.SENDING for event in ENDS}
    not_unknown = {(state, Event.RESERVED_IN_WINDOW) for state in State if state is not State.UNKNOWN}
    assert missing == not_sending | not_unknown


def test_a_pair_that_is_not_listed_is_an_error_that_names_it() -> None:
    with pytest.raises(LookupError, match="no step for FREE and ENDED_ACCEPTED"):
        step(State.FREE, Event.ENDED_ACCEPTED)


@pytest.mark.parametrize(("state", "event"), PAIRS)
def test_only_a_reservation_sends_and_only_where_nothing_can_be_executed_twice(state: State, event: Event) -> None:
    sends = step(state, event).answer is Answer.SEND
    assert sends is ((state, event) in {(State.FREE, Event.RESERVED), (State.UNKNOWN, Event.RESERVED_IN_WINDOW)})


@pytest.mark.parametrize(("state", "event"), PAIRS)
def test_a_reference_is_freed_only_by_proof_that_nothing_was_executed(state: State, event: Event) -> None:
    frees = state is not State.FREE and step(state, event).state is State.FREE
    assert frees is (
        (state is State.SENDING and event in (Event.ENDED_NOT_EXECUTED, Event.LEASE_OVER_UNSENT))
        or (state in (State.ACCEPTED, State.UNKNOWN) and event is Event.LEARNT_FAILED)
        or (state is State.UNKNOWN and event is Event.DECIDED_NOT_EXECUTED)
    )


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", [Event.DECIDED_EXECUTED, Event.DECIDED_NOT_EXECUTED])
def test_a_person_decides_only_what_is_unknown(state: State, event: Event) -> None:
    assert (step(state, event).answer is Answer.RECORD) is (state is State.UNKNOWN)


@pytest.mark.parametrize(("state", "event"), PAIRS)
def test_only_a_persons_word_is_refused(state: State, event: Event) -> None:
    is_word = event in (Event.DECIDED_EXECUTED, Event.DECIDED_NOT_EXECUTED)
    assert (step(state, event).answer is Answer.REFUSE) is (is_word and state is not State.UNKNOWN)


@pytest.mark.parametrize("event", [event for event in Event if event.name.startswith("LATE")])
def test_an_attempt_that_ends_late_never_undoes_an_acceptance(event: Event) -> None:
    assert step(State.ACCEPTED, event).state is State.ACCEPTED


def sending(evidence: Evidence, before: Unknown | None = None) -> Sending:
    progress = Progress()
    progress.evidence = evidence
    return Sending(Moment(SYSTEM), progress, before)


UNKNOWN = Unknown(Moment(SYSTEM), "the reply was lost")


@pytest.mark.parametrize(
    ("known", "state"),
    [
        (None, State.FREE),
        (sending(Evidence.NOT_SENT), State.SENDING),
        (Accepted(RefundStatus.PENDING, None, None, None, None, 0.0), State.ACCEPTED),
        (UNKNOWN, State.UNKNOWN),
    ],
)
def test_a_stored_reference_has_one_state(known: Known, state: State) -> None:
    assert state_of(known) is state


@pytest.mark.parametrize(
    ("known", "was_copied", "state"),
    [
        (sending(Evidence.NOT_SENT), False, State.FREE),
        (sending(Evidence.NOT_SENT), True, State.UNKNOWN),
        (sending(Evidence.NOT_SENT, UNKNOWN), False, State.UNKNOWN),
        (sending(Evidence.MAYBE_SENT), False, State.UNKNOWN),
        (sending(Evidence.MAYBE_SENT), True, State.UNKNOWN),
    ],
)
def test_a_call_that_ended_without_an_outcome_frees_its_reference_only_before_the_first_byte(
    known: Known, was_copied: bool, state: State
) -> None:
    assert step(State.SENDING, event_of_lease_over(known, was_copied=was_copied)).state is state


def test_each_event_of_a_call_has_its_name() -> None:
    assert event_of_reserving(in_window=True) is Event.RESERVED_IN_WINDOW
    assert event_of_reserving(in_window=False) is Event.RESERVED
    assert event_of_ending(REFUND) is Event.ENDED_ACCEPTED
    assert event_of_ending(OutcomeUnknown("lost")) is Event.ENDED_UNKNOWN
    assert event_of_ending(RefundRejected("no", reason=Reason.OTHER)) is Event.ENDED_NOT_EXECUTED
    assert event_of_learning(RefundStatus.FAILED) is Event.LEARNT_FAILED
    assert event_of_learning(RefundStatus.SUCCEEDED) is Event.LEARNT_ACCEPTED
    assert event_of_learning(RefundStatus.PENDING) is Event.LEARNT_ACCEPTED
    assert event_of_left(None, in_time=True) is Event.ENDED_NOT_EXECUTED
    assert event_of_left(UNKNOWN, in_time=True) is Event.ENDED_UNKNOWN
    assert event_of_left(UNKNOWN, in_time=False) is Event.LATE_UNKNOWN
