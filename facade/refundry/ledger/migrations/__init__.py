"""The numbered migrations of each database, and the walk from one version of the schema to the newest.

A file is named by its version: `sqlite/0001.sql`. Its first line may say `-- oldest client: N`: a client that knows the
versions up to N or later can go on beside it. Without that line only a client that knows the version itself can.
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
_CREATE_VERSIONS: Final = (
    "CREATE TABLE IF NOT EXISTS refundry.versions (version INTEGER NOT NULL, oldest INTEGER NOT NULL)"
)


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


def migrate(connection: Connection, kind: str, folder: Traversable | None = None) -> None:
    """Bring the schema to the newest version. Raises LedgerFailed where a newer client has gone too far ahead."""
    known = of(kind, folder)
    newest, oldest = 0, 0
    if connection.lock_for_migrations():
        newest, oldest = connection.sql("SELECT version, oldest FROM refundry.versions ORDER BY version")[-1]
    if oldest > known[-1].version:
        raise LedgerFailed(
            f"the ledger is of version {newest}, and this refundry knows versions up to {known[-1].version}; upgrade it"
        )
    for migration in known:
        if migration.version > newest:
            for statement in migration.statements:
                connection.sql(statement)
            connection.sql("INSERT INTO refundry.versions VALUES (?, ?)", (migration.version, migration.oldest))


_GRANTS: Final = """\
GRANT USAGE ON SCHEMA refundry TO {role};
GRANT SELECT, INSERT, UPDATE ON refundry.refunds TO {role};
GRANT SELECT, INSERT ON refundry.history, refundry.accounts TO {role};
GRANT SELECT ON refundry.archived, refundry.versions TO {role};
"""


def printed(kind: str, *, role: str = "refundry") -> str:
    """The migrations as a script for a database administrator, with the least grants for a role in PostgreSQL."""
    named = role.replace('"', '""')
    script = "".join(
        f"{one.sql.rstrip()}\nINSERT INTO refundry.versions VALUES ({one.version}, {one.oldest});\n" for one in of(kind)
    )
    if kind == "sqlite":
        return f"BEGIN IMMEDIATE;\n{script.replace('refundry.', '')}COMMIT;\n"
    grants = _GRANTS.format(role=f'"{named}"')
    return f"BEGIN;\n{script}{grants}COMMIT;\n"
