"""The ledger of the processes of one machine, in a file of SQLite."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from refundry.errors import LedgerFailed
from refundry.interruption import pass_through
from refundry.ledger import migrations
from refundry.ledger.changes import digest
from refundry.ledger.database import Loaded
from refundry.ledger.rows import COLUMNS, HISTORY

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path

    from refundry.clock import Clock
    from refundry.ledger.changes import Needs
    from refundry.ledger.database import Key

# Before it, a WAL can be corrupted by two connections that write and checkpoint at once: sqlite.org/wal.html, "The
# WAL-reset bug".
_WAL_IS_SAFE: Final = (3, 51, 3)
_ADVICE: Final = {
    sqlite3.SQLITE_BUSY: "another process has locked it",
    sqlite3.SQLITE_CANTOPEN: "the user of this process has to be able to write the file and its folder",
    sqlite3.SQLITE_READONLY: "the user of this process has to be able to write the file and its folder",
    sqlite3.SQLITE_NOTADB: "give the ledger a file of its own",
}
_SECONDS_BETWEEN_TRIES: Final = 0.01
_SELECT: Final = f"SELECT {', '.join(COLUMNS)} FROM refunds WHERE account = ? AND "
_BY_ID: Final = f"{_SELECT} refund_id = ? UNION {_SELECT} tracking_id = ?"
_BY_PAYMENT: Final = f"{_SELECT} payment_id = ?"
_OLDEST: Final = "SELECT max(oldest) FROM versions"
# sqlite3 lets go of the GIL at each step of a statement, and may wait for it as long as another thread computes: one
# statement for many rows is one step. The numbers of rows are few, so that each statement is prepared once.
_ROWS_OF_A_STATEMENT: Final = (32, 16, 8, 4, 2, 1)


def _placeholders(columns: int, rows: int) -> str:
    return ", ".join([f"({', '.join('?' * columns)})"] * rows)


@cache
def _by_reference(rows: int) -> str:
    # Of `(account, reference) IN (VALUES ...)` SQLite makes a scan of the table; CROSS JOIN keeps the order of the two.
    return (
        f"WITH key (account, name) AS (VALUES {_placeholders(2, rows)}) "
        f"SELECT {', '.join(f'r.{one}' for one in COLUMNS)} "
        "FROM key CROSS JOIN refunds r ON r.account = key.account AND r.reference = key.name"
    )


@cache
def _archived(rows: int) -> str:
    return f"SELECT digest, parameters, state FROM archived WHERE digest IN (VALUES {_placeholders(1, rows)})"


@cache
def _write(rows: int) -> str:
    # Unlike REPLACE, an upsert leaves the indexes alone whose columns do not change.
    return (
        f"INSERT INTO refunds ({', '.join(COLUMNS)}) VALUES {_placeholders(len(COLUMNS), rows)} "
        f"ON CONFLICT (account, reference) DO UPDATE SET {', '.join(f'{one} = excluded.{one}' for one in COLUMNS[2:])}"
    )


@cache
def _tell(rows: int) -> str:
    return f"INSERT INTO history ({', '.join(HISTORY)}) VALUES {_placeholders(len(HISTORY), rows)}"


def pragmas(version: tuple[int, ...]) -> Mapping[str, str]:
    """The settings with which this version of SQLite loses nothing in a power cut.

    A rollback journal that is kept (PERSIST) is durable only with EXTRA, which is 3; 2 is FULL.
    """
    if version >= _WAL_IS_SAFE:
        return {"journal_mode": "wal", "synchronous": "2"}
    return {"journal_mode": "persist", "synchronous": "3"}


class SqliteFile:
    """The file of a client, also over a fork. It has to stay the one that was opened first.

    A file that was deleted can still be written by whoever has it open, and a new one has forgotten every refund.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._first: tuple[int, int] | None = None

    def check(self) -> None:
        """LedgerFailed where the file is not the one that was opened first."""
        try:
            found = self.path.stat()
            now = (found.st_dev, found.st_ino)
        except OSError as error:
            pass_through(error)
            now = None
        if self._first is None:
            self._first = now
        elif now != self._first:
            raise LedgerFailed(
                f"the file of the ledger {self.path} was deleted, moved or replaced while it was in use; put the file "
                "back that has the refunds, and start again"
            )


class SqliteStore:
    """A connection to the file (`database.Store`). It brings the tables to the newest version."""

    def __init__(self, file: SqliteFile, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._file = file
        file.check()
        with self._explained():
            self._connection = sqlite3.connect(file.path, isolation_level=None, check_same_thread=False, timeout=0)
        try:
            file.check()
            self._set_up(time.monotonic() + seconds)
        except BaseException:
            self._connection.close()
            raise

    def _set_up(self, end: float) -> None:
        settings = pragmas(sqlite3.sqlite_version_info)
        self._journal_mode = settings["journal_mode"]
        with self._explained():
            for name, value in settings.items():
                self._set(name, value, end)
                found = self._value_of(name)
                if found != value:
                    raise LedgerFailed(
                        f"SQLite keeps {name} at {found} for {self._file.path}, and {value} is needed; a process with "
                        "another version of SQLite may be using it"
                    )
            self._wait(end - time.monotonic())
            self._connection.execute("BEGIN IMMEDIATE")
            self._knows = migrations.migrate(self, "sqlite")
            self._connection.execute(f"PRAGMA user_version={self._knows}")  # shows that it may be written
            self._connection.execute("COMMIT")

    def _set(self, name: str, value: str, end: float) -> None:
        """Set a pragma, if no other connection prevents it until then: SQLite does not wait here."""
        while True:
            try:
                self._connection.execute(f"PRAGMA {name}={value}")
            except sqlite3.OperationalError as error:
                pass_through(error)
                if _code_of(error) != sqlite3.SQLITE_BUSY:
                    raise
                if time.monotonic() >= end:
                    return
                time.sleep(_SECONDS_BETWEEN_TRIES)
            else:
                return

    def _value_of(self, pragma: str) -> str:
        return str(self._connection.execute(f"PRAGMA {pragma}").fetchone()[0])

    def begin(self, needs: Needs, seconds: float) -> Loaded:
        """Begin a transaction that keeps every other one from writing, and load rows."""
        execute = self._connection.execute
        with self._explained():
            if self._connection.in_transaction:  # of a call that was interrupted
                self._connection.rollback()
            self._wait(seconds)
            execute("BEGIN IMMEDIATE")
            self._check()
            rows = self._in_few(_by_reference, needs.references)
            for account, one in needs.ids:
                rows += execute(_BY_ID, (account, one, account, one))
            for key in needs.alone_at:
                rows += execute(_BY_PAYMENT, key)
            known = {row[:2] for row in rows}
            missing = [key for key in needs.references if key not in known]
            archived = self._in_few(_archived, [(digest(*key),) for key in missing])
            return Loaded(self._clock.instant(), rows, archived)

    def _check(self) -> None:
        """LedgerFailed where other processes have changed the file so that this one must not go on."""
        self._file.check()
        migrations.check(self._connection.execute(_OLDEST).fetchone()[0], self._knows)
        mode = self._value_of("journal_mode")
        if mode != self._journal_mode:
            raise LedgerFailed(
                f"a process with another version of SQLite has set journal_mode to {mode} for {self._file.path}, and "
                f"{self._journal_mode} is needed; run all processes with one version"
            )

    def write(self, rows: Sequence[tuple[Any, ...]], lines: Sequence[tuple[Any, ...]]) -> frozenset[Key]:
        """Write rows and lines of the history, and commit."""
        with self._explained():
            self._in_few(_write, rows)
            self._in_few(_tell, lines)
            self._connection.execute("COMMIT")
        return frozenset()

    def _in_few(self, statement_of: Callable[[int], str], values: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Run a statement for all of these values in few steps, and give its rows."""
        found: list[tuple[Any, ...]] = []
        at = 0
        for size in _ROWS_OF_A_STATEMENT:
            while len(values) - at >= size:
                flat = [*chain.from_iterable(values[at : at + size])]
                found += self._connection.execute(statement_of(size), flat).fetchall()
                at += size
        return found

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
        tables = {name for (name,) in self.sql("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables and not tables >= {"versions", "refunds"}:
            raise LedgerFailed(
                f"{self._file.path} holds the tables of another application; give the ledger a file of its own"
            )
        return tables != set()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def abandon(self) -> None:
        """Keep the connection of the parent process for ever: to close it would roll the parent's transaction back."""
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._connection))

    def _wait(self, seconds: float) -> None:
        self._connection.execute(f"PRAGMA busy_timeout = {max(int(seconds * 1000), 0)}")

    @contextmanager
    def _explained(self) -> Generator[None, None, None]:
        try:
            yield
        except (sqlite3.Error, UnicodeError, OverflowError) as error:
            pass_through(error)
            self._file.check()
            advice = _ADVICE.get(_code_of(error))
            text = f"the ledger {self._file.path} could not be read or written: {error}"
            raise LedgerFailed(f"{text}; {advice}" if advice else text) from error


def _code_of(error: Exception) -> int:
    """The primary result code: sqlite.org/rescode.html."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
