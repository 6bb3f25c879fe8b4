"""The ledger of the processes of many machines, in PostgreSQL, directly or behind pgbouncer.

Each transaction is two messages of the simple protocol, so that no server has to remember a statement or a setting for
the next one: what begins it and loads, then what writes and commits.
"""

from __future__ import annotations

import math
import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from refundry.clock import Instant
from refundry.errors import InvalidRefund, LedgerFailed
from refundry.interruption import pass_through
from refundry.ledger import migrations
from refundry.ledger.changes import digest
from refundry.ledger.database import Broken, Loaded
from refundry.ledger.rows import COLUMNS, HISTORY
from refundry.redaction import Secret

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo
except ImportError as _missing:  # the extra is not installed
    raise InvalidRefund(
        "a ledger in PostgreSQL needs psycopg: pip install 'refundry[postgres]'", field="ledger"
    ) from _missing

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from psycopg.abc import PQGen

    from refundry.ledger.changes import Needs
    from refundry.ledger.database import Key

Result = TypeVar("Result")

# A server that is gone ends a wait by these where the caller's URL says nothing else: libpq, 34.1.2.
_BOUNDS: Final = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "application_name": "refundry",
}
_NUMBERS: Final = ("port", "connect_timeout")  # libpq reads them late
_LEAST_MILLISECONDS: Final = 1  # none would mean for ever
_LEAST_SECONDS_TO_CONNECT: Final = 2  # as in libpq
# A server ends a wait by itself, and says why. After these seconds more it is taken for gone.
_SECONDS_OF_GRACE: Final = 1.0
# A commit may wait for a standby. It goes on in the server when this process no longer waits for it.
_SECONDS_TO_COMMIT: Final = 60.0
# A setting that is stricter stays: postgresql.org/docs/15/runtime-config-wal.html, synchronous_commit. After a lock the
# next statement has to see what its last holder has committed, whatever isolation the user has by default.
_BEGIN: Final = """
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT set_config('synchronous_commit', 'on', true)
  WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply');
SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true),
  set_config('idle_in_transaction_session_timeout', '60000', true)"""
_LOCK: Final = "SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key"
_NOW: Final = """
SELECT extract(epoch FROM clock_timestamp())::double precision, (SELECT max(oldest) FROM refundry.versions)"""
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
_GONE: Final = ("08", "40", "57P", "25006")
"""The beginnings of SQLSTATEs after which another connection may do: the server is gone, is a standby now, or ended a
deadlock by ending this transaction."""

_IDLE: Final = psycopg.pq.TransactionStatus.IDLE
_of_parents: list[object] = []


def conninfo(url: str) -> Secret:
    """The URL for libpq, with bounds for a server that is gone. InvalidRefund, without the URL, for an unfit one."""
    given = _read(url)
    if given is None or not all(re.fullmatch("[0-9,]*", given.get(name, "")) for name in _NUMBERS):
        raise InvalidRefund(
            "ledger is no URL of PostgreSQL, such as postgresql://user:password@host/database", field="ledger"
        )
    return Secret(make_conninfo(**{**_BOUNDS, **given, "client_encoding": "utf8"}))


def _read(url: str) -> dict[str, str] | None:
    try:
        return {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.Error as error:  # its text may show a part of the password
        pass_through(error)
        return None


class _Unanswered(psycopg.OperationalError):
    """The server is there, and does not answer."""


class _Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that waits for the server no longer than until `end`, by the monotonic clock."""

    end: float = math.inf

    def wait(self, gen: PQGen[Result], *args: Any, **kwargs: Any) -> Result:
        """Wait for what the server answers. psycopg wakes the generator several times a second."""
        return super().wait(self._bounded(gen), *args, **kwargs)

    def _bounded(self, gen: PQGen[Result]) -> PQGen[Result]:
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if time.monotonic() > self.end:
                    raise _Unanswered("the server did not answer in time")
                wanted = gen.send(ready)
        except StopIteration as finished:
            result: Result = finished.value
            return result


class PostgresStore:
    """A connection to the database (`database.Store`). It brings the schema to the newest version where it may."""

    def __init__(self, url: Secret, seconds: float) -> None:
        self._connection = _connected(url, seconds)
        try:
            with self._explained(seconds):
                self._check()
                self._run(_BEGIN, [_milliseconds(seconds)] * 2)
                self._knows = migrations.migrate(self, "postgres")
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
        parts: list[tuple[str, list[Any]]] = [(_BEGIN, [_milliseconds(seconds)] * 2)]
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
        with self._explained(seconds):
            *loaded, archived, ((now, oldest),) = self._run(
                ";".join(statement for statement, _ in parts), [value for _, values in parts for value in values]
            )[-(len(parts) - at) :]
        migrations.check(oldest, self._knows)
        rows = {row[:2]: row for part in loaded for row in part}
        return Loaded(Instant(now, now, "postgresql"), [*rows.values()], archived)

    def write(self, rows: Sequence[tuple[Any, ...]], lines: Sequence[tuple[Any, ...]]) -> frozenset[Key]:
        """Write the rows that nobody has changed since, with their lines, and commit."""
        with self._explained(_SECONDS_TO_COMMIT):
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
        self.sql("SELECT pg_advisory_xact_lock(?)", (migrations.LOCK,))
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
    def _explained(self, seconds: float | None = None) -> Generator[None, None, None]:
        """Bound the waits within by so many seconds where they are given, and give errors as Broken or LedgerFailed."""
        if seconds is not None:
            self._connection.end = time.monotonic() + seconds + _SECONDS_OF_GRACE
        try:
            yield
        except psycopg.errors.InsufficientPrivilege as error:
            pass_through(error)
            raise LedgerFailed(
                f"the ledger's user may not do this: {_text(error)}; `python -m refundry.ledger print-sql postgresql` "
                "prints what a database administrator runs"
            ) from error
        except (psycopg.Error, UnicodeError) as error:
            pass_through(error)
            if isinstance(error, _Unanswered):
                self._connection.close()
            if self._connection.closed or (getattr(error, "sqlstate", None) or "").startswith(_GONE):
                raise Broken(_text(error)) from error
            raise LedgerFailed(f"the ledger's server could not be used: {_text(error)}") from error


def _connected(url: Secret, seconds: float) -> _Connection:
    try:
        return _Connection.connect(
            bounded_to(url, seconds).reveal(),
            autocommit=True,
            prepare_threshold=None,
            cursor_factory=psycopg.ClientCursor,
        )
    except (psycopg.Error, UnicodeError) as error:
        pass_through(error)
        # The frames of psycopg hold the password.
        raise LedgerFailed(f"the ledger's server could not be reached: {_text(error)}") from error.with_traceback(None)


def bounded_to(url: Secret, seconds: float) -> Secret:
    """The URL with no more than these seconds for each address of the server."""
    given = conninfo_to_dict(url.reveal())
    longest = int(given["connect_timeout"] or 0) or math.inf  # 0 means for ever
    given["connect_timeout"] = max(int(min(longest, seconds)), _LEAST_SECONDS_TO_CONNECT)
    return Secret(make_conninfo("", **given))


def _milliseconds(seconds: float) -> str:
    return str(max(int(seconds * 1000), _LEAST_MILLISECONDS))


def _lock_of(account: str, payment_id: str) -> int:
    """The number of a payment's lock: 60 bits of a digest."""
    return int(digest(account, payment_id)[:15], 16)


def _text(error: Exception) -> str:
    """The first line of a message of the server, which shows no password."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
