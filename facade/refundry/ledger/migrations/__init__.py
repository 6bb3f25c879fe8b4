"""The numbered migrations of each database, and the walk from one version of the schema to the newest.

A file is named by its version: `sqlite/0001.sql`. Its first line may say `-- oldest client: N`: a client that knows the
versions up to N or later can go on beside it. Without that line only a client that knows the version itself can. A
semicolon ends a statement, and stands nowhere else.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from refundry.errors import LedgerFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.resources.abc import Traversable

_OLDEST: Final = re.compile(r"-- oldest client: ([0-9]+)$", re.MULTILINE)
LOCK: Final = 0x726566756E647279
"""The number of the advisory lock that keeps the migrations of PostgreSQL apart: "refundry" in ASCII."""
_GRANTS: Final = """\
-- What the role of the services needs, and no more.
GRANT USAGE ON SCHEMA refundry TO {role};
GRANT SELECT, INSERT, UPDATE ON refundry.refunds TO {role};
GRANT SELECT, INSERT ON refundry.history, refundry.accounts TO {role};
GRANT SELECT ON refundry.archived, refundry.versions TO {role};
"""


class Migration(NamedTuple):
    """One step of the schema: to this version, which clients that know `oldest` can go on with."""

    version: int
    oldest: int
    sql: str

    @property
    def statements(self) -> list[str]:
        """The statements, without comments."""
        lines = (line for line in self.sql.splitlines() if not line.startswith("--"))
        return [one.strip() for one in "\n".join(lines).split(";") if one.strip()]

    @property
    def note(self) -> str:
        """The statement that notes that it was made."""
        return f"INSERT INTO refundry.versions (version, oldest) VALUES ({self.version}, {self.oldest})"


class Connection(Protocol):
    """What a migration needs of a store, within a transaction."""

    def lock_for_migrations(self) -> bool:
        """Keep every other migration out until the end of the transaction, and say whether there is a schema."""
        ...

    def sql(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement, with `?` for each value, and give its rows."""
        ...


def of(kind: str, folder: Traversable | None = None) -> list[Migration]:
    """The migrations of a kind of database, in their order."""
    found = []
    for file in ((folder or files(__name__)) / kind).iterdir():
        if file.name.endswith(".sql"):
            sql, version = file.read_text(encoding="utf-8"), int(file.name.removesuffix(".sql"))
            oldest = _OLDEST.search(sql)
            found.append(Migration(version, int(oldest[1]) if oldest else version, sql))
    return sorted(found)


def migrate(connection: Connection, kind: str, folder: Traversable | None = None) -> int:
    """Bring the schema to the newest version, and give the newest that is known here. LedgerFailed as `check` says."""
    known = of(kind, folder)
    newest = known[-1].version
    found = 0
    if connection.lock_for_migrations():
        found, oldest = connection.sql("SELECT max(version), max(oldest) FROM refundry.versions")[0]
        check(oldest, newest)
    for migration in known:
        if migration.version > found:
            for statement in (*migration.statements, migration.note):
                connection.sql(statement)
    return newest


def check(oldest: int, newest: int) -> None:
    """LedgerFailed where the schema is for clients that know `oldest` or later, and this one knows up to `newest`."""
    if oldest > newest:
        raise LedgerFailed(
            f"the ledger is for a refundry that knows version {oldest} of its schema, and this one knows versions up "
            f"to {newest}; upgrade it"
        )


def printed(kind: str, *, after: int = 0, role: str = "refundry", folder: Traversable | None = None) -> str:
    """The migrations after a version as a script for a database administrator.

    For PostgreSQL it ends with the least grants for the role of the services. That role cannot migrate, archive or
    rename. Migrations that a client makes meanwhile wait for the script, and the script for them.
    """
    migrations = "".join(f"{one.sql.rstrip()}\n{one.note};\n" for one in of(kind, folder) if one.version > after)
    if kind == "sqlite":
        return f"BEGIN IMMEDIATE;\n{migrations.replace('refundry.', '')}COMMIT;\n"
    quoted = role.replace('"', '""')
    grants = _GRANTS.format(role=f'"{quoted}"')
    return f"BEGIN;\nSELECT pg_advisory_xact_lock({LOCK});\n{migrations}{grants}COMMIT;\n"
