"""The ledger of the processes of one machine, in a file of SQLite."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from refundry.errors import LedgerFailed
from refundry.interruption import pass_through
from refundry.ledger import migrations
from refundry.ledger.changes import digest
from refundry.ledger.database import Loaded
from refundry.ledger.rows import COLUMNS, HISTORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from refundry.clock import Clock
    from refundry.ledger.changes import Needs, digest
from refundry.ledger.database import Key

# Before 3.51.3 a WAL can be corrupted by two connections that write and checkpoint at once: sqlite.org/wal.html, "The
# WAL-reset bug". The rollback journal that is kept (PERSIST) is durable only with EXTRA, which syncs its folder too.
_WAL_IS_SAFE: Final = (3, 51, 3)
_PRAGMAS: Final = (
    {"journal_mode": "wal", "synchronous": "2"}
    if sqlite3.sqlite_version_info >= _WAL_IS_SAFE
    else {"journal_mode": "persist", "synchronous": "3"}
)
_SECONDS_TO_OPEN: Final = 5.0
_SELECT: Final = f"SELECT {', '.join(COLUMNS)} FROM refunds WHERE account = ? AND "
_BY_REFERENCE: Final = f"{_SELECT} reference = ?"
_BY_ID: Final = f"{_SELECT} refund_id = ? UNION {_SELECT} tracking_id = ?"
_BY_PAYMENT: Final = f"{_SELECT} payment_id = ?"
_ARCHIVED: Final = "SELECT digest, parameters, state FROM archived WHERE digest = ?"
_WRITE: Final = f"REPLACE INTO refunds ({', '.join(COLUMNS)}) VALUES ({', '.join('?' for _ in COLUMNS)})"
_TELL: Final = f"INSERT INTO history ({', '.join(HISTORY)}) VALUES ({', '.join('?' for _ in HISTORY)})"


class SqliteStore:
    """A connection to the file (`database.Store`). It brings the tables to the newest version."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._path = path
        with self._explained():
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
            self._wait(_SECONDS_TO_OPEN)
            for name, value in _PRAGMAS.items():
                self._connection.execute(f"PRAGMA {name}={value}")
                found = self._connection.execute(f"PRAGMA {name}").fetchone()[0]
                if str(found) != value:
                    raise LedgerFailed(f"SQLite keeps {name} at {found} for {path}, and {value} is needed")
            self._connection.execute("BEGIN IMMEDIATE")
            migrations.migrate(self, "sqlite")
            self._connection.execute("COMMIT")

    def begin(self, needs: Needs, seconds: float) -> Loaded:
        """Begin a transaction that keeps every other one from writing, and load rows."""
        execute = self._connection.execute
        with self._explained():
            if self._connection.in_transaction:  # of a call that was interrupted
                self._connection.rollback()
            self._wait(seconds)
            execute("BEGIN IMMEDIATE")
            rows = [row for key in needs.references for row in execute(_BY_REFERENCE, key)]
            for account, one in needs.ids:
                rows += execute(_BY_ID, (account, one, account, one))
            for key in needs.alone_at:
                rows += execute(_BY_PAYMENT, key)
            archived = [row for key in needs.references for row in execute(_ARCHIVED, (digest(*key),))]
            return Loaded(self._clock.instant(), rows, archived)

    def write(self, rows: Sequence[tuple[Any, ...]], lines: Sequence[tuple[Any, ...]]) -> frozenset[Key]:
        """Write rows and lines of the history, and commit."""
        with self._explained():
            self._connection.executemany(_WRITE, rows)
            self._connection.executemany(_TELL, lines)
            self._connection.execute("COMMIT")
        return frozenset()

    def sql(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement within the transaction. A file has no schema, so its name is left out."""
        with self._explained():
            return self._connection.execute(statement.replace("refundry.", ""), values).fetchall()

    def roll_back(self) -> None:
        """End the transaction, and change nothing."""
        with self._explained():
            if self._connection.in_transaction:
                self._connection.rollback()

    def lock_for_migrations(self) -> bool:
        """The transaction keeps every other one out. Whether there is a schema."""
        return self.sql("SELECT 1 FROM sqlite_master WHERE name = 'versions'") != []

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def abandon(self) -> None:
        """Keep the connection of the parent process for ever: to close it would roll the parent's transaction back."""
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._connection))

    def _wait(self, seconds: float) -> None:
        self._connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            pass_through(error)
            raise LedgerFailed(f"the ledger {self._path} could not be read or written: {error}") from error
