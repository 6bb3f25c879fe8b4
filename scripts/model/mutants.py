"""Each rule broken in turn: a walk has to find it, or the reason why it cannot be found stands here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Final, cast
from unittest import mock

from refundry.ledger import rules
from refundry.ledger.changes import Record, Reserve
from refundry.ledger.database import DatabaseView
from refundry.ledger.entry import Reservation
from refundry.ledger.rules import Answer, Event, State, Step, Unknown
from scripts.model import store
from scripts.model.walk import Found, Scope, Walk

Cell = tuple[State, Event]
THE_CODE_ITSELF: Final = "the code itself refuses it"


@dataclass(frozen=True)
class Mutant:
    """A rule that is broken. `where` is the scope in which it matters first; "" where that is not known."""

    name: str
    broken: AbstractContextManager[Any]
    cell: Cell | None = None
    where: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a walk says of a mutant."""

    mutant: Mutant
    scope: str = ""
    found: Found | None = None
    by: str = ""


_TABLE: Final = cast("dict[State, dict[Event, Step]]", rules.TABLE)


class _Counting(dict[Event, Step]):
    """A row of the table that notes which of its cells are read."""

    def __init__(self, row: Mapping[Event, Step]) -> None:
        super().__init__(row)
        self.read: set[Event] = set()

    def __getitem__(self, event: Event) -> Step:
        self.read.add(event)
        return super().__getitem__(event)


def cells_read(scope: Scope) -> set[Cell]:
    """The cells of the table that a walk reads."""
    rows = {state: _Counting(row) for state, row in _TABLE.items()}
    with mock.patch.dict(_TABLE, rows):
        Walk(scope).run()
    return {(state, event) for state, row in rows.items() for event in row.read}


def _effect(here: State, event: Event, step: Step) -> object:
    """What the code reads of a step. The rest of it is for the page alone."""
    if event in (Event.RESERVED, Event.RESERVED_IN_WINDOW):
        return step.answer  # what is sent becomes SENDING
    if event in (Event.LATE_ACCEPTED, Event.LATE_UNKNOWN, Event.LATE_NOT_EXECUTED):
        return step.answer is Answer.RECORD, step.answer is Answer.RECORD and step.state is not here
    if event in (Event.LEARNT_ACCEPTED, Event.LEARNT_FAILED):
        return step.answer is Answer.IGNORE, step.answer is not Answer.IGNORE and step.state is State.ACCEPTED
    if event in (Event.DECIDED_EXECUTED, Event.DECIDED_NOT_EXECUTED):
        return step.answer is Answer.REFUSE
    return step.state


_BY_A_WORD: Final = "a late outcome finds a reference FREE only after a person's word, and then RECORD alone decides"
_IS_SENT: Final = "the code finds no refund to give back, or no unknown to raise, and goes on to send"
_NO_NEWS: Final = "a callback finds no refund of a FREE reference"
_FAILED_IDS: Final = "news of an earlier attempt names a refund that has failed, which is left out before the table"
_SAME_AGAIN: Final = "one unknown takes the place of another, first sent at the same time"
_NOT_KEPT: Final = "what executed nothing leaves nothing that could be kept"
_TOO_CAREFUL: Final = (
    "a call that is interrupted before the first byte leaves it unknown: no promise, but a question more"
)
_WORD_STANDS: Final = "a person has said that nothing was executed, and what is unknown does not contradict it"
_ANOTHER_ACCEPTANCE: Final = "one acceptance stands in place of another, and two refunds are listed all the same"
_A_QUESTION_MORE: Final = "what is under way, or was executed by a person's word, is unknown: a question more"
_SENDS_LESS: Final = "what may be sent again stays unknown: no promise, but a question more"
HARMLESS: Final = {
    "FREE + RESERVED -> FREE, replay": _IS_SENT,
    "FREE + RESERVED -> FREE, stays unknown": _IS_SENT,
    "FREE + LATE_ACCEPTED -> FREE, record": _BY_A_WORD,
    "FREE + LATE_UNKNOWN -> FREE, record": _BY_A_WORD,
    "FREE + LATE_UNKNOWN -> FREE, ignore": _WORD_STANDS,
    "FREE + LATE_NOT_EXECUTED -> FREE, record": _NOT_KEPT,
    "FREE + LATE_NOT_EXECUTED -> SENDING, record": _NOT_KEPT,
    "FREE + LEARNT_ACCEPTED -> FREE, record": _NO_NEWS,
    "FREE + LEARNT_FAILED -> ACCEPTED, record": _NO_NEWS,
    "FREE + LEARNT_ACCEPTED -> ACCEPTED, record": _NO_NEWS,
    "FREE + LEARNT_FAILED -> FREE, record": _NO_NEWS,
    "SENDING + ENDED_NOT_EXECUTED -> ACCEPTED, record": _NOT_KEPT,
    "SENDING + ENDED_NOT_EXECUTED -> SENDING, record": _NOT_KEPT,
    "SENDING + ENDED_NOT_EXECUTED -> UNKNOWN, record": _NOT_KEPT,
    "SENDING + LEARNT_ACCEPTED -> ACCEPTED, record": _FAILED_IDS,
    "SENDING + LEARNT_ACCEPTED -> FREE, record": _FAILED_IDS,
    "SENDING + LEARNT_FAILED -> FREE, record": _FAILED_IDS,
    "SENDING + LEARNT_FAILED -> ACCEPTED, record": _FAILED_IDS,
    "SENDING + LATE_UNKNOWN -> SENDING, record": _A_QUESTION_MORE,
    "ACCEPTED + LATE_UNKNOWN -> ACCEPTED, record": _A_QUESTION_MORE,
    "ACCEPTED + LATE_ACCEPTED -> FREE, record": _ANOTHER_ACCEPTANCE,
    "ACCEPTED + LATE_ACCEPTED -> FREE, ignore": _ANOTHER_ACCEPTANCE,
    "UNKNOWN + LATE_UNKNOWN -> FREE, record": _SAME_AGAIN,
    "UNKNOWN + RESERVED_IN_WINDOW -> FREE, stays unknown": _SENDS_LESS,
    "UNKNOWN + LATE_UNKNOWN -> UNKNOWN, record": _SAME_AGAIN,
    "UNKNOWN + RESERVED_IN_WINDOW -> FREE, replay": _IS_SENT,
    "SENDING + LEASE_OVER_UNSENT -> UNKNOWN, record": _TOO_CAREFUL,
    "SENDING + LEASE_OVER_UNSENT -> ACCEPTED, record": _TOO_CAREFUL,
    "SENDING + LEASE_OVER_UNSENT -> SENDING, record": _TOO_CAREFUL,
}
"""Why no walk finds them."""


def of_table() -> Iterator[Mutant]:
    """Each cell with each other step that the code can tell from it: any state, any answer to an event of this kind."""
    for state, row in _TABLE.items():
        for event, right in [*row.items()]:
            seen = {_effect(state, event, right)}
            for wrong in (Step(after, answer) for after in State for answer in _answers(event)):
                effect = _effect(state, event, wrong)
                if effect not in seen:
                    seen.add(effect)
                    name = f"{state.name} + {event.name} -> {wrong.state.name}, {wrong.answer.value}"
                    yield Mutant(name, mock.patch.dict(row, {event: wrong}), (state, event))


def _answers(event: Event) -> list[Answer]:
    """The answers to events of this kind: those whose names begin alike."""
    alike = [step.answer for row in _TABLE.values() for one, step in row.items() if _kind(one) == _kind(event)]
    return [answer for answer in Answer if answer in alike]


def _kind(event: Event) -> str:
    return event.name.partition("_")[0]


_reserve, _entry, _seen, _put = Reserve.apply, Reservation.entry, DatabaseView._seen, DatabaseView.put


def _counts_a_lost_one(self: Reservation, known: Any) -> Any:
    entry = _entry(self, known)
    return replace(entry, attempt=entry.attempt + 1) if isinstance(known, Unknown) else entry


def _frees_after_the_lease(self: DatabaseView, row: Any, owner: Any = None) -> Any:
    entry = _seen(self, row, owner)
    was_lost = isinstance(row.entry.known, rules.Sending) and isinstance(entry.known, Unknown)
    return replace(entry, known=None) if was_lost else entry


def _writes_no_intent(self: DatabaseView, *arguments: Any, reservation: Any = None) -> None:
    reservation = arguments[4] if len(arguments) > 4 else reservation
    if reservation is None:
        _put(self, *arguments)
    else:
        self._held.keep(reservation)


def of_code() -> Iterator[Mutant]:
    """What is left out of the code."""
    patch = mock.patch.object
    yield Mutant(
        "the look at the lease before a send",
        patch(Reservation, "has_time_for", lambda *_: True),
        where="a window, a database of its own",
    )
    holds = patch(DatabaseView, "holds", lambda self, one: (one.request.provider, one.request.reference) in self._rows)
    yield Mutant(
        "the look at the token before an outcome is written", holds, where="no de-duplication, a person who is wrong"
    )
    yield Mutant(
        "the look at the version of a row",
        patch(store, "checks_versions", False),
        where="no de-duplication, a database of its own",
    )
    no_margin = patch(Reserve, "apply", lambda self, view: _reserve(replace(self, margin=0.0), view))
    yield Mutant("the margin of the window", no_margin, where="a window that ends")
    yield Mutant(
        "a lost attempt is not counted",
        patch(Reservation, "entry", _counts_a_lost_one),
        where="a window, a database of its own",
    )
    yield Mutant(
        "a lease that is over leaves it unknown",
        patch(DatabaseView, "_seen", _frees_after_the_lease),
        where="no de-duplication, a database of its own",
    )
    yield Mutant(
        "the intent before the first byte",
        patch(DatabaseView, "put", _writes_no_intent),
        where="no de-duplication, a database of its own",
    )
    yield Mutant(
        "the progress of the attempt",
        patch(Reservation, "begin", lambda *_: None),
        where="no de-duplication, one process",
    )
    own_alone = patch(Reservation, "after_late", lambda _, __, own: own)
    where = "no de-duplication, a person who is wrong"
    yield Mutant("what the ledger knows, after a late outcome", own_alone, where=where)
    yield Mutant("a late outcome", patch(Record, "_late", lambda _, __, entry, ___: entry), where=where)


_FEW_STATES: Final = 2_000


def tried(mutant: Mutant, scopes: Sequence[Scope]) -> Verdict:
    """What the first walk that finds the mutant says. Most are found near the start of some walk, so that is first."""
    named = [one for one in scopes if one.name == mutant.where]
    for scope, most in [
        *((one, None) for one in named),
        *((one, _FEW_STATES) for one in scopes),
        *((one, None) for one in scopes),
    ]:
        try:
            with mutant.broken:
                found = Walk(scope).run(most)
        except (AssertionError, LookupError, ValueError, TypeError, AttributeError) as refused:
            return Verdict(mutant, scope.name, by=f"{THE_CODE_ITSELF}: {type(refused).__name__}")
        if found.broken is not None:
            return Verdict(mutant, scope.name, found, found.broken)
    return Verdict(mutant)


def all_tried(mutants: Iterable[Mutant], scopes: Sequence[Scope], read: Mapping[str, set[Cell]]) -> Iterator[Verdict]:
    """Each mutant, in the scopes that read its cell: a cell that none reads changes nothing."""
    for mutant in mutants:
        yield tried(mutant, [one for one in scopes if mutant.cell is None or mutant.cell in read[one.name]])


def smallest_first(scopes: Iterable[Scope]) -> list[Scope]:
    """Scopes in the order of how long their walks take, about."""
    return sorted(scopes, key=lambda one: (one.pending, one.refunds, one.attempts))
