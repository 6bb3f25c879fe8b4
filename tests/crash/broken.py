"""Clients whose ledger is broken on purpose, for workers: each fault has to be found."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from refundry import AsyncRefundClient, RefundClient
from refundry.clock import Moment
from refundry.ledger import database, sqlite
from refundry.ledger.changes import Record
from refundry.ledger.database import Key
from refundry.ledger.rows import COLUMNS
from refundry.ledger.rules import Sending, State, Unknown
from scripts.crash.plan import RETRY, TIMEOUT, Client, Kind, accounts, client_of

_STATE = COLUMNS.index("state")


def without_ledger(_: str, base_url: str, kind: Kind) -> Client:
    """Return a client that keeps its references in its own memory."""
    make = AsyncRefundClient if kind.is_async else RefundClient
    return make(accounts(base_url), timeout=TIMEOUT, retry=RETRY, ledger=None)


def reservation_is_not_durable(ledger: str, base_url: str, kind: Kind) -> Client:
    """Return a client whose reservations are in no file."""
    whole = sqlite.SqliteStore.write

    def write(self: sqlite.SqliteStore, rows: Sequence[tuple[Any, ...]], lines: Any) -> frozenset[Key]:
        return whole(self, [row for row in rows if row[_STATE] != State.SENDING], lines)

    sqlite.SqliteStore.write = write  # type: ignore[method-assign] # in a process that ends with this test
    return client_of(ledger, base_url, kind)


def end_of_a_lease_frees(ledger: str, base_url: str, kind: Kind) -> Client:
    """Return a client for which the reference of a worker that is gone is free."""
    seen = database.DatabaseView._seen

    def free(self: database.DatabaseView, row: Any, owner: Any = None) -> Any:
        entry = seen(self, row, owner)
        was_sending = isinstance(row.entry.known, Sending)
        return replace(entry, known=None) if was_sending and isinstance(entry.known, Unknown) else entry

    database.DatabaseView._seen = free  # type: ignore[method-assign] # as above
    return client_of(ledger, base_url, kind)


def outcome_is_forgotten(ledger: str, base_url: str, kind: Kind) -> Client:
    """Return a client that tells its caller the outcome, and writes down that none is known."""

    def apply(self: Record, view: Any) -> Any:
        self.reservation.known = Unknown(Moment(view.clock), "forgotten")
        return whole(self, view)

    whole: Any = Record.apply
    Record.apply = apply  # type: ignore[method-assign] # as above
    return client_of(ledger, base_url, kind)
