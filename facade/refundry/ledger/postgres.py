"""The ledger of the processes of many machines, in PostgreSQL, directly or behind pgbouncer.

Each transaction is two messages of the simple protocol, so that no server has to remember a statement or a setting for
the next one: what begins it and loads, then what writes and commits.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from refundry.clock import Instant
from refundry.errors import InvalidRefund, LedgerFailed
from refundry.interruption import pass_through
from refundry.ledger import migrations
from refundry.ledger.changes import digest
from refundry.ledger.database import Broken, Loaded
from refundry.ledger.rows import COLUMNS, HISTORY

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo
except ImportError as missing:  # the extra is not installed
    raise InvalidRefund(
        "a ledger in PostgreSQL needs psycopg: pip install 'refundry[postgres]'", field="ledger"
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from refundry.ledger.changes import Needs
    from refundry.ledger.database import Key

# A server that is gone ends a wait by these where the caller's URL says nothing else: libpq, 34.1.2.
_BOUNDS: Final = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "application_name": "refundry",
}
_SECONDS_TO_OPEN: Final = 10.0
_LEAST_MILLISECONDS: Final = 1  # none would mean for ever
# A setting that is stricter stays: postgresql.org/docs/15/runtime-config-wal.html, synchronous_commit.
_BEGIN: Final = """
BEGIN;
SELECT set_config('synchronous_commit', 'on', true)
  WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply');
SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true),
  set_config('idle_in_transaction_session_timeout', '60000', true)"""
_LOCK: Final = "SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key"
_NOW: Final = "SELECT extract(epoch FROM clock_timestamp())::double precision"
_R: Final = ", ".join(f"r.{name}" for name in COLUMNS)
_KEYS: Final = "unnest(%s::text[], %s::text[]) AS key (account, name)"
_BY_REFERENCE: Final = f"""
SELECT {_R} FROM {_KEYS} JOIN refundry.refunds r ON r.account = key.account AND r.reference = key.name"""
_BY_ID: Final = f"""
SELECT {_R} FROM {_KEYS} JOIN refundry.refunds r ON r.account = key.account AND r.refund_id = key.name UNION
SELECT {_R} FROM {_KEYS} JOIN refundry.refunds r ON r.account = key.account AND r.tracking_id = key.name"""
_BY_PAYMENT: Final = f"""
SELECT {_R} FROM {_KEYS} JOIN refundry.refunds r ON r.account = key.account AND r.payment_id = key.name"""
_ARCHIVED: Final = "SELECT digest, parameters, state FROM refundry.archived WHERE digest = ANY(%s::text[])"
_TYPES: Final = {
    "attempt": "integer",
    "minor_units": "bigint",
    "version": "integer",
    "changed_at": "float8",
    "at": "float8",
}


def _unnested(columns: Sequence[str]) -> str:
    return ", ".join(f"%s::{_TYPES.get(name, 'text')}[]" for name in columns)


# A commit that waits for a standby is not cut short: what it has not reached would count as done.
_WRITE: Final = f"""
SELECT set_config('statement_timeout', '0', true);
WITH written AS (
  INSERT INTO refundry.refunds AS r ({", ".join(COLUMNS)})
  SELECT * FROM unnest({_unnested(COLUMNS)}) AS n ({", ".join(COLUMNS)}) ORDER BY account, reference
  ON CONFLICT (account, reference) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in COLUMNS[2:])}
  WHERE r.version = excluded.version - 1
  RETURNING r.account, r.reference
), told AS (
  INSERT INTO refundry.history ({", ".join(HISTORY)})
  SELECT {", ".join(f"line.{name}" for name in HISTORY)}
  FROM unnest({_unnested(HISTORY)}) WITH ORDINALITY AS line ({", ".join(HISTORY)}, number)
  JOIN written USING (account, reference) ORDER BY line.number
)
SELECT account, reference FROM written"""
_MIGRATING: Final = int(digest("refundry migrations")[:15], 16)
_GONE: Final = ("08", "40", "57P", "25006")
"""The beginnings of SQLSTATEs after which another connection may do: the server is gone, is a standby now, or ended a
deadlock by ending this transaction."""

_IDLE: Final = psycopg.pq.TransactionStatus.IDLE
_of_parents: list[object] = []


def conninfo(url: str) -> str:
    """The URL for libpq, with bounds for a server that is gone. InvalidRefund, without the URL, for an unfit one."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:
        raise InvalidRefund(
            "ledger is no URL of PostgreSQL, such as postgresql://user:password@host/database", field="ledger"
        ) from None
    return make_conninfo(**{**_BOUNDS, **{name: str(value) for name, value in given.items() if value is not None}})


class PostgresStore:
    """A connection to the database (`database.Store`). It brings the schema to the newest version where it may."""

    def __init__(self, url: str) -> None:
        with self._explained():
            self._connection = psycopg.connect(
                url, autocommit=True, prepare_threshold=None, cursor_factory=psycopg.ClientCursor
            )
            try:
                self._check()
                self._run(_BEGIN, [str(int(_SECONDS_TO_OPEN * 1000))] * 2)
                migrations.migrate(self, "postgres")
                self._run("COMMIT")
            except BaseException:
                self._connection.close()
                raise

    def _check(self) -> None:
        ((standby, fsync),) = self._run("SELECT pg_is_in_recovery(), current_setting('fsync')")[-1]
        if standby:
            raise LedgerFailed("the ledger's server is a standby, which takes no writes; give the primary's address")
        if fsync != "on":
            raise LedgerFailed("the ledger's server has fsync off: a power cut would lose refunds; turn it on")

    def begin(self, needs: Needs, seconds: float) -> Loaded:
        """Begin a transaction, and load rows. A payment that a change looks at alone is locked first."""
        wait = str(max(int(seconds * 1000), _LEAST_MILLISECONDS))
        parts: list[tuple[str, list[Any]]] = [(_BEGIN, [wait, wait])]
        if needs.alone_at:
            parts.append((_LOCK, [sorted(_lock_of(*one) for one in needs.alone_at)]))
        at = len(parts)
        for statement, keys, times in (
            (_BY_REFERENCE, needs.references, 1),
            (_BY_ID, needs.ids, 2),
            (_BY_PAYMENT, needs.alone_at, 1),
        ):
            if keys:
                parts.append((statement, [list(one) for one in zip(*keys, strict=True)] * times))
        parts.append((_ARCHIVED, [[digest(*key) for key in needs.references]]))
        parts.append((_NOW, []))
        with self._explained():
            *loaded, archived, ((now,),) = self._run(
                ";".join(statement for statement, _ in parts), [value for _, values in parts for value in values]
            )[-(len(parts) - at) :]
        rows = {row[:2]: row for part in loaded for row in part}
        return Loaded(Instant(now, now, "postgresql"), [*rows.values()], archived)

    def write(self, rows: Sequence[tuple[Any, ...]], lines: Sequence[tuple[Any, ...]]) -> frozenset[Key]:
        """Write the rows that nobody has changed since, with their lines, and commit."""
        with self._explained():
            if not rows:
                self._run("COMMIT")
                return frozenset()
            columns = [list(one) for one in zip(*rows, strict=True)]
            of_lines = [list(one) for one in zip(*lines, strict=True)] or [[] for _ in HISTORY]
            written = self._run(f"{_WRITE};COMMIT", [*columns, *of_lines])[-2]
        return frozenset(row[:2] for row in rows) - frozenset(written)

    def sql(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement within the transaction, and give its rows."""
        with self._explained():
            return self._run(statement.replace("?", "%s"), values)[-1]

    def roll_back(self) -> None:
        """End the transaction, and change nothing."""
        if self._connection.closed or self._connection.info.transaction_status == _IDLE:
            return
        with self._explained():
            self._run("ROLLBACK")

    def lock_for_migrations(self) -> bool:
        """Keep every other migration out, and say whether there is a schema."""
        self.sql("SELECT pg_advisory_xact_lock(?)", (_MIGRATING,))
        return self.sql("SELECT to_regclass('refundry.versions') IS NOT NULL") == [(True,)]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def abandon(self) -> None:
        """psycopg closes no connection of another process; it would warn of one that nobody keeps."""
        _of_parents.append(self._connection)

    def _run(self, statements: str, values: Sequence[Any] = ()) -> list[list[tuple[Any, ...]]]:
        """The rows of each of the statements, which go to the server together."""
        with self._connection.cursor() as cursor:
            cursor.execute(statements.encode(), values or None)
            found = [cursor.fetchall() if cursor.description else []]
            while cursor.nextset():
                found.append(cursor.fetchall() if cursor.description else [])
            return found

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except psycopg.errors.InsufficientPrivilege as error:
            pass_through(error)
            raise LedgerFailed(
                f"the ledger's user may not do this: {_text(error)}; `python -m refundry.ledger print-sql postgresql` "
                "prints what a database administrator runs"
            ) from error
        except psycopg.Error as error:
            pass_through(error)
            state = error.sqlstate or ""
            if state.startswith(_GONE) or (hasattr(self, "_connection") and self._connection.closed):
                raise Broken(_text(error)) from error
            raise LedgerFailed(f"the ledger's server could not be used: {_text(error)}") from error


def _lock_of(account: str, payment_id: str) -> int:
    """The number of a payment's lock: 60 bits of a digest."""
    return int(digest(account, payment_id)[:15], 16)


def _text(error: psycopg.Error) -> str:
    """The first line of a message of the server, which shows no password."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
