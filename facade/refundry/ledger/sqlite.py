"""The ledger of the processes of one machine, in a file of SQLite."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from refundry.interruption import pass_through
from refundry.ledger.rows import COLUMNS
from refundry.ledger.writer import NotCommitted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from refundry.ledger.changes import Change, View
    from refundry.ledger.database import Transaction

# Before 3.51.3 a WAL can be corrupted by two connections that write and checkpoint at once. The rollback journal that
# is kept (PERSIST) is durable only with EXTRA, which syncs its folder too.
_WAL_IS_SAFE: Final = (3, 51, 3)
_PRAGMAS: Final = (
    {"journal_mode": "wal", "synchronous": "2"}
    if sqlite3.sqlite_version_info >= _WAL_IS_SAFE
    else {"journal_mode": "persist", "synchronous": "3"}
)
_SCHEMA: Final = f"""
CREATE TABLE refunds ({", ".join(COLUMNS)}, PRIMARY KEY (account, reference)) WITHOUT ROWID;
CREATE INDEX refunds_by_id ON refunds (account, refund_id) WHERE refund_id IS NOT NULL;
CREATE INDEX refunds_by_tracking_id ON refunds (account, tracking_id) WHERE tracking_id IS NOT NULL;
CREATE INDEX refunds_by_payment ON refunds (account, payment_id);
"""
_SELECT: Final = f"SELECT {', '.join(COLUMNS)} FROM refunds WHERE account = ? AND reference = ?"
_BY_ID: Final = "SELECT reference FROM refunds WHERE account = :account AND :id IN (refund_id, tracking_id)"
_WRITE: Final = f"REPLACE INTO refunds VALUES ({', '.join('?' for _ in COLUMNS)})"


class Sqlite:
    """A connection to the file, which makes the tables where there are none."""

    def __init__(self, path: Path, view: Callable[[Transaction], View]) -> None:
        self._view = view
        self._wrote = False
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
        for name, value in _PRAGMAS.items():
            self._connection.execute(f"PRAGMA {name}={value}")
            found = self._connection.execute(f"PRAGMA {name}").fetchone()[0]
            if str(found) != value:
                raise NotCommitted(f"SQLite keeps {name} at {found} for {path}, and {value} is needed")
        self._wait(5.0)
        with self._transaction():
            if not self._connection.execute("PRAGMA user_version").fetchone()[0]:
                for statement in _SCHEMA.split(";"):
                    self._connection.execute(statement)
                self._connection.execute("PRAGMA user_version = 1")

    def apply(self, changes: Sequence[Change[Any]], seconds: float) -> list[Any]:
        """Make changes in one transaction."""
        results: list[Any] = []
        try:
            self._wait(seconds)
            with self._transaction():
                view = self._view(self)
                for change in changes:
                    self._wrote = False
                    try:
                        results.append(change.apply(view))
                    except Exception as error:
                        pass_through(error)
                        if self._wrote:
                            raise
                        results.append(error)
        except sqlite3.Error as error:
            raise NotCommitted(f"SQLite: {error}") from error
        return results

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._connection.in_transaction:  # of a call that was interrupted
            self._connection.rollback()
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise

    def _wait(self, seconds: float) -> None:
        self._connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")

    # What a view does with the transaction.

    def select(self, account: str, reference: str) -> tuple[Any, ...] | None:
        """The columns of a reference."""
        found: tuple[Any, ...] | None = self._connection.execute(_SELECT, (account, reference)).fetchone()
        return found

    def reference_of(self, account: str, refund_id: str) -> str | None:
        """The reference whose refund has this id."""
        found = self._connection.execute(_BY_ID, {"account": account, "id": refund_id}).fetchone()
        return None if found is None else found[0]

    def write(self, columns: tuple[Any, ...]) -> None:
        """Write the columns of a reference, and a line of its history."""
        self._wrote = True
        self._connection.execute(_WRITE, columns)
