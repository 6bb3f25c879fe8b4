"""Moves ended references out of a ledger into a file, and leaves a digest of each behind.

A batch is in the file, and durable there, before any of it leaves the ledger. So whatever stops an archiving loses
nothing: the next one writes what is left, and a reference that was written and not yet removed a second time.
"""

from __future__ import annotations

import io
import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from refundry.errors import InvalidRefund, LedgerFailed, Resend
from refundry.interruption import pass_through
from refundry.ledger.answers import entry_of, lines_of
from refundry.ledger.changes import Change, View, digest, digest_of_parameters, refunded_at_most
from refundry.ledger.database import SECONDS_TO_WAIT, DatabaseView
from refundry.ledger.rows import COLUMNS, columns_of, encoded
from refundry.ledger.rules import Accepted, State, state_of
from refundry.refund import RefundStatus

if TYPE_CHECKING:
    from collections.abc import Generator

    from refundry.ledger.changes import Ledger
    from refundry.ledger.entry import Entry

_BATCH: Final = 200
_BEGINNING: Final = b'{"provider":'
_CHANGED_AT: Final = COLUMNS.index("changed_at")
_OLD: Final = "FROM refundry.refunds WHERE state IN ('accepted', 'free') AND contradiction IS NULL AND changed_at < ?"


class Ended(NamedTuple):
    """An ended reference as it is archived: where it stands, its line in the file, and what is left behind of it.

    `payment` is a digest of account and payment, and `amount` the columns of its amount, of an accepted one alone.
    """

    account: str
    reference: str
    version: int
    line: str
    parameters: str
    state: str
    payment: str | None
    amount: tuple[int | None, str | None]


class Batch(NamedTuple):
    """Ended references, and the key after which the next ones come; None where there are no more."""

    ended: list[Ended]
    last: tuple[str, str] | None


@dataclass(slots=True)
class Count(Change[int]):
    """How many references last changed before this wall time and may have ended: those that are PENDING among them."""

    before: float

    def apply(self, view: View) -> int:
        """How many."""
        assert isinstance(view, DatabaseView)
        ((count,),) = view.sql(f"SELECT count(*) {_OLD}", (self.before,))
        return int(count)


@dataclass(slots=True)
class Collect(Change[Batch]):
    """Read the next references that have ended, and last changed before this wall time."""

    before: float
    after: tuple[str, str] | None

    def apply(self, view: View) -> Batch:
        """The references with their histories."""
        assert isinstance(view, DatabaseView)
        beyond = "" if self.after is None else " AND (account, reference) > (?, ?)"
        rows = view.sql(
            f"SELECT {', '.join(COLUMNS)} {_OLD}{beyond} ORDER BY account, reference LIMIT {_BATCH}",
            (self.before, *(self.after or ())),
        )
        ended = [found for row in rows if (found := _ended(view, row)) is not None]
        return Batch(ended, (rows[-1][0], rows[-1][1]) if len(rows) == _BATCH else None)


@dataclass(slots=True)
class Remove(Change[int]):
    """Remove the references that are as they were collected, and leave their digests. Gives how many that were."""

    ended: list[Ended]

    def apply(self, view: View) -> int:
        """Remove each one, where its version has not moved."""
        return sum(self._remove(view, one) for one in self.ended)

    def _remove(self, view: View, one: Ended) -> int:
        assert isinstance(view, DatabaseView)
        key = (one.account, one.reference)
        view.sql(
            "DELETE FROM refundry.refunds WHERE account = ? AND reference = ? AND version = ?", (*key, one.version)
        )
        if view.sql("SELECT 1 FROM refundry.refunds WHERE account = ? AND reference = ?", key):
            return 0
        view.sql("DELETE FROM refundry.history WHERE account = ? AND reference = ?", key)
        view.sql(
            "INSERT INTO refundry.archived (digest, parameters, state, payment, minor_units, currency) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET parameters = excluded.parameters, "
            "state = excluded.state, payment = excluded.payment, minor_units = excluded.minor_units, "
            "currency = excluded.currency",
            (digest(*key), one.parameters, one.state, one.payment, *one.amount),
        )
        return 1


def archive(ledger: Ledger, before: datetime, to: str | os.PathLike[str]) -> int:
    """Move what ended before this time to a file (`RefundLedger.archive`). Gives how many references."""
    if ledger.is_immediate:
        raise InvalidRefund(
            "a ledger in memory has nothing to archive: give the client a ledger=", field="ledger", resend=Resend.NEVER
        )
    if not isinstance(before, datetime) or before.tzinfo is None:
        raise InvalidRefund(
            "before is a datetime with a time zone, as datetime.now(UTC) has", field="before", resend=Resend.NEVER
        )
    count, last = 0, None
    with _file(Path(to)) as file:
        while True:
            batch = ledger.commit(Collect(before.timestamp(), last), SECONDS_TO_WAIT)
            if batch.ended:
                _append(file, "".join(f"{one.line}\n" for one in batch.ended).encode())
                count += ledger.commit(Remove(batch.ended), SECONDS_TO_WAIT)
            if batch.last is None:
                return count
            last = batch.last


def _ended(view: DatabaseView, columns: tuple[Any, ...]) -> Ended | None:
    row, entry = view.entry_of(columns)
    if not _has_ended(entry):
        return None
    known = entry_of(row.account, row.reference, entry, view.clock, changed_at=columns[_CHANGED_AT])
    history = [line.to_dict() for line in lines_of(view, row.account, row.reference)]
    line = encoded({**known.to_dict(), "version": row.version, "failed_ids": entry.failed_ids, "history": history})
    parameters = digest_of_parameters(entry.payment_id, entry.amount)
    is_accepted = isinstance(entry.known, Accepted) and entry.payment_id is not None
    return Ended(
        row.account,
        row.reference,
        row.version,
        line,
        parameters,
        state_of(entry.known).value,
        digest(row.account, entry.payment_id) if is_accepted else None,
        columns_of(refunded_at_most(entry)) if is_accepted else (None, None),
    )


def _has_ended(entry: Entry) -> bool:
    if entry.contradiction is not None:
        return False
    if isinstance(entry.known, Accepted):
        return entry.known.status is RefundStatus.SUCCEEDED
    return state_of(entry.known) is State.FREE


@contextmanager
def _file(path: Path) -> Generator[io.FileIO, None, None]:
    """The file, open for appending by this process alone. An unfinished line of an earlier archiving is cut away."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        with io.FileIO(descriptor, "r+") as file:
            _lock(file, path)
            _continue(file, path)
            _sync_folder(path)
            yield file
    except OSError as error:
        pass_through(error)
        raise LedgerFailed(
            f"the archive {path} could not be written: {error.strerror or error}; what is not in it is still in the "
            "ledger. Run it again"
        ) from error


def _lock(file: io.FileIO, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LedgerFailed(f"another archiving writes {path} now; wait for it, or give another file") from None


def _continue(file: io.FileIO, path: Path) -> None:
    """Go to the end of an archive. InvalidRefund for a file that is something else."""
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    beginning = file.read(len(_BEGINNING))
    if beginning != _BEGINNING[: len(beginning)] or (end and not beginning):
        raise InvalidRefund(
            f"{path} is there, and is no archive of a ledger: give another file", field="to", resend=Resend.NEVER
        )
    at, found = end, -1
    while at and found < 0:  # from the end backwards, to the last line break
        start = max(at - 65536, 0)
        file.seek(start)
        found = file.read(at - start).rfind(b"\n")
        at = start if found < 0 else start + found + 1
    file.truncate(at)
    file.seek(0, os.SEEK_END)


def _append(file: io.FileIO, lines: bytes) -> None:
    """Write lines, and make them durable."""
    rest = memoryview(lines)
    while rest:
        rest = rest[file.write(rest) :]
    os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    """Make the name of the file durable, where the system can."""
    if os.name == "posix":
        descriptor = os.open(path.absolute().parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
