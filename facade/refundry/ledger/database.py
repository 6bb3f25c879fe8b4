"""A ledger in a database: the changes of `changes`, with the tokens and leases that keep processes apart."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

from refundry.errors import LedgerFailed
from refundry.interruption import pass_through
from refundry.ledger.changes import Archived, Change, Needs, Record, View, digest
from refundry.ledger.entry import INTERRUPTED
from refundry.ledger.rows import Line, Row, amount_of, from_columns
from refundry.ledger.rules import Accepted, Event, Sending, State, Unknown, state_of, step
from refundry.ledger.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from refundry.clock import Clock, Instant
    from refundry.ledger.changes import Note
    from refundry.ledger.entry import Entry, Reservation
    from refundry.money import Amount
    from refundry.owner import Owner
    from refundry.refund import RefundRequest

Result = TypeVar("Result")
Key = tuple[str, str]
"""An account and a reference."""

SECONDS_TO_WAIT: Final = 10.0
_SECONDS_TO_CLOSE: Final = 5.0


class Broken(Exception):
    """The connection to a database is gone. What was to be committed may have been, or not."""


class Loaded(NamedTuple):
    """What a transaction begins with: the time of the database, and the rows that its changes will look at.

    `archived` has a digest of account and reference, one of what was asked for, and the state.
    """

    now: Instant
    rows: Sequence[tuple[Any, ...]]
    archived: Sequence[tuple[str, str, str]]


class Store(Protocol):
    """A connection to a database, which one thread uses at a time.

    Its methods raise Broken where the connection is gone, and LedgerFailed where the database refuses.
    """

    def begin(self, needs: Needs, seconds: float) -> Loaded:
        """Begin a transaction that waits for others no longer than so many seconds, and load rows."""
        ...

    def write(self, rows: Sequence[tuple[Any, ...]], lines: Sequence[tuple[Any, ...]]) -> frozenset[Key]:
        """Write rows with their lines of the history, and commit.

        Leaves out the rows that another process has changed since they were loaded, and gives their keys.
        """
        ...

    def sql(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement within the transaction, with `?` for each value, and give its rows."""
        ...

    def roll_back(self) -> None:
        """End the transaction, and change nothing."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...

    def abandon(self) -> None:
        """See that this process neither uses nor closes the connection, which is its parent's."""
        ...


class Held:
    """The reservations of this process, by their tokens, until an outcome is recorded."""

    def __init__(self) -> None:
        self._held: dict[str, Reservation] = {}

    def of(self, token: str | None) -> Reservation | None:
        """The reservation with this token, where it is one of this process."""
        held = None if token is None else self._held.get(token)
        return held if held is not None and held.owner.is_here() else None

    def keep(self, reservation: Reservation) -> None:
        """Keep a reservation."""
        self._held[reservation.owner.token] = reservation

    def drop(self, owner: Owner) -> None:
        """Forget the reservation of a call."""
        self._held.pop(owner.token, None)

    def left_behind(self) -> list[Reservation]:
        """The reservations whose call is over without a record of it."""
        return [one for one in [*self._held.values()] if one.owner.is_here() and not one.owner.is_running()]


class DatabaseView:
    """What a change sees of a database within one transaction (`changes.View`)."""

    counts_attempts = True

    def __init__(self, store: Store, loaded: Loaded, clock: Clock, held: Held) -> None:
        self.clock = clock
        self.now: Instant = loaded.now
        self.changed: dict[Key, Row] = {}
        self.lines: list[Line] = []
        self._store = store
        self._held = held
        self._rows: dict[Key, Row] = {}
        self._archived = {digest: Archived(parameters, State(state)) for digest, parameters, state in loaded.archived}
        for columns in loaded.rows:
            self._row_of(columns)

    # As `changes.View` has them.

    def get(self, account: str, reference: str, owner: Owner | None = None) -> Entry | None:
        """The entry of a reference, with what a call that does not hold the reference knows of it."""
        row = self._rows.get((account, reference))
        return None if row is None else self._seen(row, owner)

    def holds(self, reservation: Reservation) -> bool:
        """Whether this reservation still holds its reference."""
        row = self._rows.get((reservation.request.provider, reservation.request.reference))
        return row is not None and row.token == reservation.owner.token

    def put(
        self, account: str, reference: str, entry: Entry, note: Note, reservation: Reservation | None = None
    ) -> None:
        """Keep an entry, and the reservation that holds its reference until the end of its lease."""
        before = self._rows.get((account, reference))
        token = lease_end = None
        if reservation is not None:
            assert reservation.lease_end is not None
            token = reservation.owner.token
            lease_end = self.now.plus(reservation.lease_end.left(self.clock.instant()))
            self._held.keep(reservation)
        version = 1 if before is None else before.version + ((account, reference) not in self.changed)
        row = Row(account, reference, entry, token, lease_end, version)
        self._rows[account, reference] = self.changed[account, reference] = row
        self.note(account, reference, note)

    def reference_of(self, account: str, refund_id: str) -> str | None:
        """The reference whose refund the provider gave this id to; None where none is known."""
        said_by_unknown = None
        for row in self._rows.values():
            known = row.entry.known
            if row.account != account:
                continue
            if isinstance(known, Accepted) and refund_id in (known.refund_id, known.tracking_id):
                return row.reference
            if isinstance(known, Unknown) and refund_id == known.refund_id:
                said_by_unknown = row.reference
        return said_by_unknown

    def keep_ids(self, account: str, reference: str, ids: Iterable[str]) -> None:
        """The ids stand in the row."""

    def archived(self, account: str, reference: str) -> Archived | None:
        """What is left of a reference that was moved out."""
        return self._archived.get(digest(account, reference)) if self._archived else None

    def of_payment(self, account: str, payment_id: str) -> list[tuple[str, Entry]]:
        """The references of a payment, with their entries."""
        return [
            (row.reference, self._seen(row))
            for row in self._rows.values()
            if (row.account, row.entry.payment_id) == (account, payment_id)
        ]

    def archived_of_payment(self, account: str, payment_id: str) -> list[Amount]:
        """The amounts of the accepted refunds of a payment that were moved out.

        They are read after the rows of the payment. So one that is moved out meanwhile counts twice, and never not.
        """
        statement = "SELECT minor_units, currency FROM refundry.archived WHERE payment = ?"
        rows = self.sql(statement, (digest(account, payment_id),))
        return [amount_of(minor_units, currency) for minor_units, currency in rows]

    def note(self, account: str, reference: str, note: Note) -> None:
        """Add to the history of a reference."""
        row = self._rows[account, reference]
        if (account, reference) not in self.changed:  # so that the line and the row are of one version
            row = replace(row, version=row.version + 1)
            self._rows[account, reference] = self.changed[account, reference] = row
        self.lines.append(Line(account, reference, state_of(row.entry.known), row.entry.attempt, note))

    # Beyond it, for questions that only a database answers.

    def sql(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement within the transaction."""
        return self._store.sql(statement, values)

    def entry_of(self, columns: tuple[Any, ...]) -> tuple[Row, Entry]:
        """A row of the table, and its entry as `get` gives it."""
        row = self._row_of(columns)
        return row, self._seen(row)

    def held_by(self, owner: Owner) -> Reservation | None:
        """The reservation of a call of this process."""
        return self._held.of(owner.token)

    def _row_of(self, columns: tuple[Any, ...]) -> Row:
        row = from_columns(columns, self.now, self.clock)
        return self._rows.setdefault((row.account, row.reference), row)

    def _seen(self, row: Row, owner: Owner | None = None) -> Entry:
        """The entry of a row. A lease that is over, or a call of this process that is, has left something known."""
        entry = row.entry
        known = entry.known
        if not isinstance(known, Sending):
            return entry
        if owner is not None and row.token == owner.token:
            return replace(entry, known=known.before)
        held = self._held.of(row.token)
        if held is not None:
            return replace(entry, known=held.to_others())
        if row.lease_end is not None and row.lease_end.left(self.now) > 0:
            return entry
        # Only the process that is gone could know that no byte had left.
        over = step(State.SENDING, Event.LEASE_OVER).state
        assert over is State.UNKNOWN
        return replace(entry, known=known.before or Unknown(known.first_sent, INTERRUPTED))


class Session:
    """The connection of one process, made on first use and made again where it broke."""

    def __init__(self, connect: Callable[[float], Store], clock: Clock, held: Held) -> None:
        self._connect = connect
        self._clock = clock
        self._held = held
        self._store: Store | None = None

    def left_behind(self) -> list[Change[Any]]:
        """The records that no call will make."""
        return [Record(one) for one in self._held.left_behind()]

    def apply(self, changes: Sequence[Change[Any]], seconds: float) -> list[Any]:
        """Make changes in one transaction. Gives for each its result, or the exception that it raised.

        Where the database refuses them, each is made alone, so that one whose data is unfit fails no other. Raises
        LedgerFailed where none was made, or where that is not known.
        """
        end = time.monotonic() + seconds
        try:
            results = self._together(changes, end)
        except LedgerFailed as failed:
            pass_through(failed)
            if len(changes) == 1 or self._store is None or time.monotonic() >= end:
                raise
            results = [self._alone(change, end) for change in changes]
        for change, result in zip(changes, results, strict=True):
            if isinstance(change, Record | HandBack) and not isinstance(result, LedgerFailed):
                self._held.drop(change.owner)
        return results

    def _alone(self, change: Change[Any], end: float) -> Any:
        try:
            return self._together([change], end)[0]
        except LedgerFailed as failed:
            pass_through(failed)
            return failed

    def _together(self, changes: Sequence[Change[Any]], end: float) -> list[Any]:
        results: dict[int, Any] = {}
        waiting = [*enumerate(changes)]
        has_broken = False
        while waiting:
            try:
                refused = self._once(waiting, results, max(end - time.monotonic(), 0.0))
            except Broken as broken:
                pass_through(broken)
                self.close()
                if has_broken or time.monotonic() >= end:
                    raise LedgerFailed(f"the ledger went away: {broken}") from broken
                has_broken = True
                continue
            waiting = [(index, one) for index, one in waiting if not refused.isdisjoint(one.needs.references)]
            if waiting and time.monotonic() >= end:
                raise LedgerFailed("the ledger did not commit in time: other processes change the same references")
        return [results[index] for index in range(len(changes))]

    def _once(
        self, waiting: Sequence[tuple[int, Change[Any]]], results: dict[int, Any], seconds: float
    ) -> frozenset[Key]:
        store = self._store
        if store is None:
            store = self._store = self._connect(seconds)
        try:
            loaded = store.begin(_needs_of([change for _, change in waiting]), seconds)
            view = DatabaseView(store, loaded, self._clock, self._held)
            for index, change in waiting:
                try:
                    results[index] = change.apply(view)
                except Exception as error:
                    pass_through(error)
                    if isinstance(error, Broken | LedgerFailed):
                        raise
                    results[index] = error
            rows = [row.columns(view.now) for _, row in sorted(view.changed.items())]
            return store.write(rows, [line.columns(view.now) for line in view.lines])
        except BaseException:
            store.roll_back()
            raise

    def close(self) -> None:
        """Close the connection. The next change makes another one."""
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def abandon(self) -> None:
        """Leave the connection to the parent process."""
        if self._store is not None:
            self._store.abandon()


@dataclass(slots=True)
class HandBack(Change[None]):
    """Let the reference of an interrupted call go, also where its reservation was just being committed."""

    owner: Owner
    account: str
    reference: str

    @property
    def needs(self) -> Needs:
        """The reference."""
        return Needs(references=((self.account, self.reference),))

    def apply(self, view: View) -> None:
        """Record what the call has left."""
        assert isinstance(view, DatabaseView)
        reservation = view.held_by(self.owner)
        if reservation is not None:
            Record(reservation).apply(view)


class DatabaseLedger:
    """The references of every process that uses the database (`changes.Ledger`).

    `connect` makes a connection within so many seconds. `is_quick` says that no wait within the connection is longer
    than it may be.
    """

    is_immediate = False

    def __init__(self, connect: Callable[[float], Store], clock: Clock, *, is_quick: bool) -> None:
        held = Held()
        self._writer = Writer(lambda: Session(connect, clock, held), is_quick=is_quick)

    def commit(self, change: Change[Result], seconds: float = SECONDS_TO_WAIT) -> Result:
        """Make a change durable within so many seconds. Raises LedgerFailed otherwise."""
        return self._writer.commit(change, seconds)

    async def acommit(self, change: Change[Result], seconds: float = SECONDS_TO_WAIT) -> Result:
        """As `commit`, without holding the event loop."""
        return await self._writer.acommit(change, seconds)

    def hand_back(self, owner: Owner, request: RefundRequest) -> None:
        """Let the reference of an interrupted call go, without making anybody wait."""
        self._writer.post(HandBack(owner, request.provider, request.reference))

    def close(self) -> None:
        """Hand back what calls have left behind, and close the connection of this process."""
        self._writer.close(_SECONDS_TO_CLOSE)

    async def aclose(self) -> None:
        """As `close`, in a thread of its own."""
        import asyncio

        await asyncio.to_thread(self.close)


def _needs_of(changes: Sequence[Change[Any]]) -> Needs:
    if len(changes) == 1:
        return changes[0].needs
    references, ids, alone_at = zip(*(change.needs for change in changes), strict=True)
    return Needs(_united(references), _united(ids), _united(alone_at))


def _united(parts: Iterable[tuple[Key, ...]]) -> tuple[Key, ...]:
    """All of them once, in one order for every process."""
    return tuple(sorted(set(chain.from_iterable(parts))))
