"""A database of one row, as the transactions of a walk need it (`ledger.database.Store`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from refundry.errors import LedgerFailed
from refundry.ledger.database import Broken, Loaded
from refundry.ledger.rows import COLUMNS, HISTORY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from refundry.clock import Instant
    from refundry.ledger.changes import Needs
    from refundry.ledger.database import Key

Row = tuple[Any, ...]
_VERSION: Final = COLUMNS.index("version")
_CHANGED_AT: Final = COLUMNS.index("changed_at")
EVENT: Final = HISTORY.index("event")
FACTS: Final = HISTORY.index("facts")

checks_versions = True
"""Whether a row that was changed since it was loaded is left out. A mutant says no."""


class InMemory:
    """What a connection to rows in memory has nothing to do for."""

    def sql(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """No change of a walk or an episode asks in SQL."""
        raise NotImplementedError(statement, values)

    def roll_back(self) -> None:
        """Nothing was changed."""

    def close(self) -> None:
        """Nothing is open."""

    def abandon(self) -> None:
        """No process forks."""


class OneRow(InMemory):
    """A connection to a database of one row.

    `loaded` is the row as it was when the transaction began, where that is not `current`. `breaks` says that the first
    COMMIT is durable, and that the connection is gone before it is answered. `fails` says that nothing can be written.
    """

    def __init__(
        self,
        now: Callable[[], Instant],
        current: Row | None,
        loaded: Row | None,
        *,
        is_stale: bool = False,
        breaks: bool = False,
        fails: bool = False,
    ) -> None:
        self.row = current
        self.lines: list[Row] = []
        self._now = now
        self._loaded = loaded
        self._is_stale = is_stale
        self._breaks = breaks
        self._fails = fails
        self._writes_stale = False

    def begin(self, needs: Needs, seconds: float) -> Loaded:
        """The row: the first time as it was when the transaction began."""
        del needs, seconds
        row, self._writes_stale = (self._loaded if self._is_stale else self.row), self._is_stale
        self._is_stale = False
        return Loaded(self._now(), () if row is None else (row,), ())

    def write(self, rows: Sequence[Row], lines: Sequence[Row]) -> frozenset[Key]:
        """Write the row, unless another one has written it since it was loaded."""
        if self._fails and rows:
            raise LedgerFailed("the database is away")
        if rows and self._writes_stale and checks_versions:
            return frozenset((row[0], row[1]) for row in rows)
        for row in rows:
            columns = [*row]
            # Which of two versions is newer is all that a version says, and a walk knows that by itself.
            columns[_VERSION], columns[_CHANGED_AT] = 1, 0.0
            self.row = tuple(columns)
        self.lines += lines
        if self._breaks and rows:
            self._breaks = False
            raise Broken("the connection was reset")
        return frozenset()
