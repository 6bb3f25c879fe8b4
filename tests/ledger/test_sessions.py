"""The session of a process with a database: what it does again, when it gives up, and what a transaction sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from refundry import LedgerFailed
from refundry.clock import SYSTEM, Moment
from refundry.ledger.changes import Change, Needs, Note, Record, Reserve, View
from refundry.ledger.database import Broken, DatabaseView, HandBack, Held, Loaded, Session
from refundry.ledger.entry import Entry, Reservation
from refundry.ledger.memory import MemoryLedger
from refundry.ledger.rows import Row
from refundry.ledger.rules import Accepted, Event, Known, Sending, Unknown
from refundry.money import Money
from refundry.owner import Owner
from refundry.refund import RefundRequest, RefundStatus
from refundry.wire import Progress

ONE_EURO = Money.of("1.00", "EUR")
GONE = Broken("the server closed the connection")
REFUSED = LedgerFailed("the database refuses it")
KEY = ("blink", "reference-1")
NOBODY: frozenset[tuple[str, str]] = frozenset()


class Database:
    """A connection that writes by a script: the keys that another process changed meanwhile, or an exception."""

    def __init__(self, *writes: frozenset[tuple[str, str]] | Exception) -> None:
        self._writes = [*writes]
        self.begun: list[Needs] = []
        self.seconds: list[float] = []
        self.rolled_back = self.closed = self.abandoned = 0

    def begin(self, needs: Needs, seconds: float) -> Loaded:
        self.begun.append(needs)
        self.seconds.append(seconds)
        return Loaded(SYSTEM.instant(), (), ())

    def write(self, rows: Sequence[tuple[Any, ...]], lines: Sequence[tuple[Any, ...]]) -> frozenset[tuple[str, str]]:
        outcome = self._writes.pop(0) if len(self._writes) > 1 else self._writes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def sql(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return []

    def roll_back(self) -> None:
        self.rolled_back += 1

    def close(self) -> None:
        self.closed += 1

    def abandon(self) -> None:
        self.abandoned += 1


@dataclass(slots=True)
class Act(Change[int]):
    """A change of a reference that counts how often it was made, and gives this number, or raises."""

    reference: str = "reference-1"
    error: BaseException | None = None
    made: int = 0

    @property
    def needs(self) -> Needs:
        return Needs(references=(("blink", self.reference),))

    def apply(self, view: View) -> int:
        self.made += 1
        if self.error is not None:
            raise self.error
        return self.made


def session(*databases: Database, held: Held | None = None) -> Session:
    """Return a session whose connections are these, one after another."""
    waiting = [*databases]
    return Session(lambda _: waiting.pop(0), SYSTEM, held or Held())


def reservation() -> Reservation:
    """Return the reservation of a call that is over."""
    request = RefundRequest("blink", "payment-1", ONE_EURO, "reference-1")
    made = MemoryLedger(SYSTEM).commit(Reserve(request, None, 0.0, Owner()))
    assert isinstance(made, Reservation)
    return made


def test_changes_are_made_in_one_transaction_and_each_gets_its_result_or_what_it_raised() -> None:
    database, wrong = Database(NOBODY), LookupError("no such refund")
    changes = [Act("reference-2"), Act("reference-1", wrong), Act("reference-3")]
    assert session(database).apply(changes, 5.0) == [1, wrong, 1]
    assert [one.references for one in database.begun] == [tuple(("blink", f"reference-{n}") for n in (1, 2, 3))]
    assert (database.rolled_back, database.closed) == (0, 0)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_transaction_loads_what_each_of_its_changes_needs(number: int) -> None:
    database, references = Database(NOBODY), [f"reference-{n}" for n in range(number)]
    session(database).apply([Act(one) for one in reversed(references)], 5.0)
    assert [one.references for one in database.begun] == [tuple(("blink", one) for one in references)]


def test_a_transaction_has_no_more_seconds_than_are_left() -> None:
    database = Database(NOBODY)
    session(database).apply([Act()], 0.0)
    session(database).apply([Act()], 5.0)
    assert database.seconds == [0.0, pytest.approx(5.0, abs=1.0)]


def test_changes_are_made_again_over_another_connection_where_the_first_one_broke() -> None:
    first, second, change = Database(GONE), Database(NOBODY), Act()
    used = session(first, second)
    assert used.apply([change], 5.0) == [2]
    assert (first.rolled_back, first.closed) == (1, 1)
    assert used.apply([change], 5.0) == [3]
    assert len(second.begun) == 2


@pytest.mark.parametrize("changes", [1, 2])
def test_a_database_that_goes_away_twice_fails(changes: int) -> None:
    databases = [Database(GONE), Database(GONE), Database(NOBODY)]
    with pytest.raises(LedgerFailed, match="the ledger went away: the server closed the connection") as failed:
        session(*databases).apply([Act() for _ in range(changes)], 5.0)
    assert failed.value.__cause__ is GONE
    assert [one.closed for one in databases] == [1, 1, 0]
    assert databases[2].begun == []


def test_a_database_that_goes_away_when_the_time_is_over_fails_at_once() -> None:
    first, second = Database(GONE), Database(NOBODY)
    with pytest.raises(LedgerFailed, match="went away"):
        session(first, second).apply([Act()], 0.0)
    assert second.begun == []


def test_what_another_process_has_changed_meanwhile_is_made_again_and_nothing_else() -> None:
    database = Database(frozenset({("blink", "reference-2")}), NOBODY)
    assert session(database).apply([Act("reference-1"), Act("reference-2"), Act("reference-3")], 5.0) == [1, 2, 1]
    assert database.begun[1] == Needs(references=(("blink", "reference-2"),))


def test_what_other_processes_change_until_the_time_is_over_fails() -> None:
    change = Act()
    with pytest.raises(LedgerFailed, match="did not commit in time: other processes change the same references"):
        session(Database(frozenset({KEY}))).apply([change], 0.0)
    assert change.made == 1


def test_each_change_is_made_alone_where_the_database_refuses_them_together() -> None:
    database = Database(REFUSED, NOBODY, REFUSED, NOBODY)
    assert session(database).apply([Act("reference-1"), Act("reference-2"), Act("reference-3")], 5.0) == [2, REFUSED, 2]
    assert [len(one.references) for one in database.begun] == [3, 1, 1, 1]
    assert database.rolled_back == 2


@pytest.mark.parametrize(("changes", "seconds"), [(1, 5.0), (2, 0.0)], ids=["one change", "no time"])
def test_a_database_that_refuses_one_change_or_leaves_no_time_fails(changes: int, seconds: float) -> None:
    database = Database(REFUSED)
    with pytest.raises(LedgerFailed, match="refuses it"):
        session(database).apply([Act() for _ in range(changes)], seconds)
    assert len(database.begun) == 1


@pytest.mark.parametrize("error", [REFUSED, KeyboardInterrupt()], ids=["the database fails it", "a signal"])
def test_a_transaction_that_does_not_end_is_rolled_back(error: BaseException) -> None:
    database = Database(NOBODY)
    with pytest.raises(type(error)):
        session(database).apply([Act(error=error)], 5.0)
    assert database.rolled_back == 1


def test_a_change_that_finds_the_connection_gone_is_made_again() -> None:
    class Finds(Act):
        __slots__ = ()

        def apply(self, view: View) -> int:
            if Act.apply(self, view) == 1:
                raise GONE
            return self.made

    first, second = Database(NOBODY), Database(NOBODY)
    assert session(first, second).apply([Finds()], 5.0) == [2]
    assert (first.rolled_back, first.closed) == (1, 1)


@pytest.mark.parametrize(
    "ending",
    [Record, lambda one: HandBack(one.owner, *KEY)],
    ids=["its outcome is recorded", "it is handed back"],
)
def test_a_reservation_is_kept_until_its_end_is_committed(ending: Callable[[Reservation], Change[Any]]) -> None:
    held, made = Held(), reservation()
    held.keep(made)
    used = session(Database(REFUSED, NOBODY, REFUSED, NOBODY), held=held)
    assert used.apply([Act("reference-2"), ending(made)], 5.0) == [2, REFUSED]
    assert held.of(made.owner.token) is made
    assert [change.reservation for change in used.left_behind() if isinstance(change, Record)] == [made]
    assert used.apply([ending(made)], 5.0) == [None]
    assert held.of(made.owner.token) is None
    assert used.left_behind() == []


def test_a_session_that_was_closed_connects_again_and_one_of_the_parent_is_only_left() -> None:
    first, second = Database(NOBODY), Database(NOBODY)
    used = session(first, second)
    used.abandon()
    used.close()
    used.apply([Act()], 5.0)
    used.close()
    used.apply([Act()], 5.0)
    used.abandon()
    assert [(one.closed, one.abandoned) for one in (first, second)] == [(1, 0), (0, 1)]


# What a transaction sees.


def view_of(*rows: Row, held: Held | None = None) -> DatabaseView:
    """Return what a change sees of these rows."""
    now = SYSTEM.instant()
    return DatabaseView(Database(NOBODY), Loaded(now, [row.columns(now) for row in rows], ()), SYSTEM, held or Held())


def row(known: Known, reference: str = "reference-1", account: str = "blink", **more: Any) -> Row:
    """Return a row of this state, which was changed three times."""
    columns = {"token": None, "lease_end": None, "version": 3, **more}
    return Row(account, reference, Entry("payment-1", ONE_EURO, known, (), 1), **columns)


def accepted(refund_id: str | None, tracking_id: str | None = None) -> Accepted:
    return Accepted(RefundStatus.PENDING, ONE_EURO, refund_id, tracking_id, None, 1_800_000_000.0)


def unknown(refund_id: str | None = None) -> Unknown:
    return Unknown(Moment(SYSTEM), "the reply was lost", refund_id=refund_id)


NOTE = Note(Event.LATE_UNKNOWN)


def test_a_row_counts_one_change_for_each_transaction() -> None:
    view = view_of(row(unknown()), row(unknown(), "reference-2"), row(unknown(), "reference-3"))
    new = Entry("payment-1", ONE_EURO, unknown(), (), 1)
    for _ in range(2):
        view.put("blink", "reference-1", new, NOTE)
        view.note("blink", "reference-2", NOTE)
        view.put("blink", "reference-4", new, NOTE)
    versions = {reference: changed.version for (_, reference), changed in view.changed.items()}
    assert versions == {"reference-1": 4, "reference-2": 4, "reference-4": 1}
    assert [line.reference for line in view.lines] == ["reference-1", "reference-2", "reference-4"] * 2
    view.note("blink", "reference-1", NOTE)
    assert view.changed["blink", "reference-1"].version == 4


def test_an_id_leads_to_the_reference_of_its_account_and_to_an_accepted_one_before_an_unknown_one() -> None:
    rows = [
        row(accepted("refund-1", "link-1"), account="another"),
        row(unknown("refund-1"), "reference-2"),
        row(accepted("refund-1", "link-1"), "reference-3"),
        row(accepted("refund-2", None), "reference-4"),
        row(unknown("refund-5"), "reference-5"),
        row(unknown(), "reference-6"),
    ]
    view = view_of(*rows)
    found = {one: view.reference_of("blink", one) for one in ("refund-1", "link-1", "refund-2", "refund-5", "refund-6")}
    assert found == {
        "refund-1": "reference-3",
        "link-1": "reference-3",
        "refund-2": "reference-4",
        "refund-5": "reference-5",
        "refund-6": None,
    }


@pytest.mark.parametrize(
    ("seconds", "state"), [(1.0, Sending), (0.0, Unknown), (-1.0, Unknown)], ids=["runs", "ends now", "is over"]
)
@pytest.mark.parametrize("before", [None, unknown("refund-1")], ids=["first", "after an unknown one"])
def test_a_call_of_another_process_sends_until_its_lease_is_over(
    before: Unknown | None, seconds: float, state: type[Known]
) -> None:
    now = SYSTEM.instant()
    sends = row(Sending(Moment(SYSTEM), Progress(), before), token="another", lease_end=now.plus(seconds))
    view = DatabaseView(Database(NOBODY), Loaded(now, [sends.columns(now)], ()), SYSTEM, Held())
    entry = view.get(*KEY)
    assert entry is not None
    assert isinstance(entry.known, state)
    if isinstance(entry.known, Unknown):
        assert entry.known.refund_id == (None if before is None else "refund-1")
    assert view.get("blink", "reference-2") is None


def test_the_call_that_holds_a_reference_sees_what_stood_before_it_and_others_of_its_process_what_it_left() -> None:
    held, made = Held(), reservation()
    held.keep(made)
    before = unknown("refund-1")
    sends = row(Sending(Moment(SYSTEM), Progress(), before), token=made.owner.token, lease_end=SYSTEM.instant().plus(9))
    view = view_of(sends, held=held)
    own, others = view.get(*KEY, made.owner), view.get(*KEY)
    assert own is not None
    assert isinstance(own.known, Unknown)
    assert own.known.refund_id == "refund-1"
    assert others is not None
    assert others.known is None  # the call is over, and had not sent a byte
    assert view.held_by(made.owner) is made
    assert view.held_by(Owner()) is None
