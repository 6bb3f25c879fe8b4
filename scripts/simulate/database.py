"""The database of an episode in memory, as the ledger's transactions need it (`ledger.database.Store`), and its faults.

It has a file's transactions, which keep one another out, or a server's, between whose loading and writing another
worker may commit.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from refundry.errors import LedgerFailed
from refundry.ledger.database import Broken, DatabaseView, Held, Loaded
from refundry.ledger.rows import COLUMNS
from scripts.model import store as of_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from refundry.clock import Clock, Instant
    from refundry.ledger.changes import Needs
    from refundry.ledger.database import Key
    from refundry.ledger.entry import Entry

Row = tuple[Any, ...]
STATE: Final = COLUMNS.index("state")
REFUND_ID: Final = COLUMNS.index("refund_id")
FAILED_IDS: Final = COLUMNS.index("failed_ids")
CONTRADICTION: Final = COLUMNS.index("contradiction")
TOKEN: Final = COLUMNS.index("token")
TRACKING_ID: Final = COLUMNS.index("tracking_id")
_VERSION: Final = COLUMNS.index("version")


class Trouble(StrEnum):
    """How a transaction ends that does not end well."""

    REFUSED = "the database refuses it"
    BROKEN = "the connection breaks before the COMMIT, and is made again"
    REPLY_LOST = "the COMMIT is durable, and the connection breaks before its reply; it is made again"
    AWAY = "the database is away"
    AWAY_AFTER = "the COMMIT is durable, and the database is away before its reply"


class Database:
    """The rows of all workers. `now` is the time by which they are written."""

    def __init__(self, now: Callable[[], Instant]) -> None:
        self.now = now
        self.rows: dict[Key, Row] = {}

    def entry(self, row: Row | None, now: Instant, clock: Clock) -> Entry | None:
        """What a worker that holds nothing sees in a row at this time."""
        if row is None:
            return None
        loaded = Loaded(now, (row,), ())
        return DatabaseView(Connection(self), loaded, clock, Held()).get(row[0], row[1])


class Connection(of_model.InMemory):
    """A connection. `trouble` meets its next transactions; `meanwhile` is what others do before it writes."""

    def __init__(self, database: Database) -> None:
        self.trouble: Trouble | None = None
        self.meanwhile: Callable[[], None] | None = None
        self._database = database

    def begin(self, needs: Needs, seconds: float) -> Loaded:
        """Load what the changes look at."""
        del seconds
        if self.trouble is Trouble.AWAY:
            raise Broken("the database is away")
        rows = self._database.rows
        found = {key: rows[key] for key in needs.references if key in rows}
        for account, name in needs.ids:
            found |= {key: row for key, row in rows.items() if key[0] == account and name in _ids_of(row)}
        return Loaded(self._database.now(), [*found.values()], ())

    def write(self, rows: Sequence[Row], lines: Sequence[Row]) -> frozenset[Key]:
        """Write the rows that nobody else has written since they were loaded."""
        del lines
        if not rows:
            return frozenset()
        trouble = self.trouble
        if trouble is Trouble.REFUSED:
            raise LedgerFailed("the database refuses it")
        if trouble is Trouble.BROKEN:
            self.trouble = None
            raise Broken("the connection was reset")
        if self.meanwhile is not None:
            self.meanwhile()
        kept = self._database.rows
        refused: set[Key] = set()
        for row in rows:
            before = kept.get(row[:2])
            if of_model.checks_versions and (0 if before is None else before[_VERSION]) != row[_VERSION] - 1:
                refused.add(row[:2])
            else:
                kept[row[:2]] = row
        if trouble is Trouble.REPLY_LOST:
            self.trouble = None
            raise Broken("the connection was reset")
        if trouble is Trouble.AWAY_AFTER:
            self.trouble = Trouble.AWAY
            raise Broken("the connection was reset")
        return frozenset(refused)


def _ids_of(row: Row) -> tuple[Any, Any]:
    return row[REFUND_ID], row[TRACKING_ID]
