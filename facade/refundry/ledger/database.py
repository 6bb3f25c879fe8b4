"""A ledger in a database: the changes of `changes`, with the leases and tokens that keep processes apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from uuid import uuid4

from refundry.ledger.entry import INTERRUPTED
from refundry.ledger.rows import Lease, Row, from_columns, to_columns
from refundry.ledger.rules import Sending, Unknown
from refundry.ledger.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from refundry.clock import Clock
    from refundry.ledger.changes import Change
    from refundry.ledger.entry import Entry, Reservation

Result = TypeVar("Result")


class Transaction(Protocol):
    """An open transaction of a database."""

    def select(self, account: str, reference: str) -> tuple[Any, ...] | None:
        """The columns of a reference, locked until the end of the transaction."""
        ...

    def reference_of(self, account: str, refund_id: str) -> str | None:
        """The reference whose refund has this id."""
        ...

    def write(self, columns: tuple[Any, ...]) -> None:
        """Write the columns of a reference, and a line of its history."""
        ...


class Held:
    """The reservations of this process, by account and reference, with the token that each has in the database."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], tuple[str, Reservation]] = {}

    def of(self, account: str, reference: str, token: str | None) -> Reservation | None:
        """The reservation of this process that has this token."""
        held = self._held.get((account, reference))
        return None if held is None or held[0] != token else held[1]

    def token_of(self, reservation: Reservation) -> str | None:
        """The token of a reservation."""
        held = self._held.get((reservation.request.provider, reservation.request.reference))
        return held[0] if held is not None and held[1] is reservation else None

    def keep(self, account: str, reference: str, token: str, reservation: Reservation) -> None:
        """Keep a reservation until its reference is put without one."""
        self._held[account, reference] = (token, reservation)

    def drop(self, account: str, reference: str) -> None:
        """Forget the reservation of a reference."""
        self._held.pop((account, reference), None)


class DatabaseView:
    """What a change sees of a database within one transaction (`changes.View`)."""

    def __init__(self, transaction: Transaction, clock: Clock, held: Held, seconds: float) -> None:
        self.clock = clock
        self._transaction = transaction
        self._held = held
        self._seconds = seconds

    def get(self, account: str, reference: str) -> Entry | None:
        """The entry of a reference, with what a call that does not hold the reference knows of it."""
        row = self._row(account, reference)
        if row is None or not isinstance(row.entry.known, Sending):
            return None if row is None else row.entry
        held = self._held.of(account, reference, row.token)
        if held is not None:
            return replace(row.entry, known=held.to_others())
        if row.lease is not None and row.lease.left(self.clock) > 0:
            return row.entry
        # A process that is gone may have sent it. Only that process could know that no byte had left.
        known = row.entry.known
        return replace(row.entry, known=known.before or Unknown(known.first_sent, INTERRUPTED))

    def put(self, account: str, reference: str, entry: Entry, reservation: Reservation | None = None) -> None:
        """Write an entry, and the lease of the reservation that holds its reference."""
        token = lease = None
        if reservation is None:
            self._held.drop(account, reference)
        else:
            token, clock = uuid4().hex, self.clock
            lease = Lease(clock.wall() + self._seconds, clock.boot() + self._seconds, clock.boot_id())
            self._held.keep(account, reference, token, reservation)
        self._transaction.write(to_columns(account, reference, entry, token, lease))

    def holds(self, reservation: Reservation) -> bool:
        """Whether the reference is still that of this reservation."""
        row = self._row(reservation.request.provider, reservation.request.reference)
        return row is not None and row.token is not None and row.token == self._held.token_of(reservation)

    def reference_of(self, account: str, refund_id: str) -> str | None:
        """The reference whose refund the provider gave this id to; None where none is known."""
        return self._transaction.reference_of(account, refund_id)

    def keep_ids(self, account: str, reference: str, ids: Iterable[str]) -> None:
        """The ids stand in the row."""

    def _row(self, account: str, reference: str) -> Row | None:
        columns = self._transaction.select(account, reference)
        return None if columns is None else from_columns(columns, self.clock)


class DatabaseLedger:
    """The references of every process that uses the database."""

    is_immediate = False

    def __init__(
        self, connect: Callable[[Callable[[Transaction], DatabaseView]], Database], clock: Clock, seconds: float
    ) -> None:
        self._held = Held()
        self._writer = Writer(
            lambda: connect(lambda transaction: DatabaseView(transaction, clock, self._held, seconds))
        )

    def commit(self, change: Change[Result], seconds: float) -> Result:
        """Make a change durable within so many seconds. Raises NotCommitted otherwise."""
        return self._writer.commit(change, seconds)

    async def acommit(self, change: Change[Result], seconds: float) -> Result:
        """As `commit`, without holding the event loop."""
        return await self._writer.acommit(change, seconds)

    def close(self) -> None:
        """Commit what waits, and close the connection of this process."""
        self._writer.close()
