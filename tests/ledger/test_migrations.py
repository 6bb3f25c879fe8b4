"""The schema from its first version on: one process migrates, others wait, and an old client is told."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from refundry import NotSent, RefundClient
from refundry.clock import SYSTEM
from refundry.errors import LedgerFailed
from refundry.ledger import migrations
from refundry.ledger.changes import Needs
from refundry.ledger.postgres import PostgresStore, conninfo
from refundry.ledger.sqlite import SqliteFile, SqliteStore
from tests.databases.daemon import PASSWORD
from tests.databases.pgbouncer import PgBouncer
from tests.databases.postgres import PostgresServer
from tests.ledger.support import cause_of, client_of, events, refunded, run, state

LEAST: Final = "least_of_the_test"
_ADDS: Final = "ALTER TABLE refundry.refunds ADD COLUMN note TEXT;\n"


def kind_of(url: str) -> str:
    """Return which migrations a URL needs."""
    return "sqlite" if url.startswith("sqlite") else "postgres"


@contextmanager
def transaction(url: str) -> Iterator[Any]:
    """Run the block within a transaction of a store."""
    store: SqliteStore | PostgresStore
    if kind_of(url) == "sqlite":
        store = SqliteStore(SqliteFile(Path(url.removeprefix("sqlite:///"))), SYSTEM, 5.0)
    else:
        store = PostgresStore(conninfo(url), 5.0)
    try:
        store.begin(Needs(), 5.0)
        yield store
        store.write([], [])
    finally:
        store.close()


@pytest.fixture
def folder(tmp_path: Path, ledger_url: str) -> Path:
    """Return a folder with the migrations of today, for further ones."""
    kind = kind_of(ledger_url)
    place = tmp_path / "migrations" / kind
    place.mkdir(parents=True)
    for one in migrations.of(kind):
        (place / f"{one.version:04}.sql").write_text(one.sql, encoding="utf-8")
    return place.parent


def further(folder: Path, url: str, version: int, sql: str) -> None:
    """Add a migration."""
    kind = kind_of(url)
    text = sql if kind == "postgres" else sql.replace("refundry.", "")
    (folder / kind / f"{version:04}.sql").write_text(text, encoding="utf-8")


def migrated(url: str, folder: Path) -> int:
    """Migrate a ledger as a refundry does that has this folder."""
    with transaction(url) as store:
        return migrations.migrate(store, kind_of(url), folder)


def versions(url: str) -> list[tuple[Any, ...]]:
    """Return the versions that a ledger says were made."""
    with transaction(url) as store:
        found: list[tuple[Any, ...]] = store.sql("SELECT version, oldest FROM refundry.versions ORDER BY version")
        return found


def test_the_versions_begin_at_one_and_leave_none_out() -> None:
    for kind in ("sqlite", "postgres"):
        assert [one.version for one in migrations.of(kind)] == [*range(1, len(migrations.of(kind)) + 1)]


def test_both_databases_have_the_same_versions() -> None:
    assert [(one.version, one.oldest) for one in migrations.of("sqlite")] == [
        (one.version, one.oldest) for one in migrations.of("postgres")
    ]


def test_an_old_client_goes_on_beside_a_newer_schema_that_says_it_can(ledger_url: str, folder: Path) -> None:
    running, sent = client_of(ledger_url)
    with running:
        refunded(running, "before")
        further(folder, ledger_url, 2, f"-- oldest client: 1\n{_ADDS}")
        assert migrated(ledger_url, folder) == 2
        refunded(running, "beside")
        with client_of(ledger_url)[0] as started_later:
            assert refunded(started_later, "before").replayed
            assert refunded(started_later, "beside").replayed
    assert len(sent.sent) == 2
    assert versions(ledger_url) == [(1, 1), (2, 1)]


def test_an_old_client_is_refused_beside_a_schema_that_it_cannot_use(ledger_url: str, folder: Path) -> None:
    running, sent = client_of(ledger_url)
    with running:
        refunded(running, "before")
        further(folder, ledger_url, 2, _ADDS)
        further(folder, ledger_url, 3, "-- oldest client: 1\nCREATE INDEX more ON refundry.refunds (note);\n")
        assert migrated(ledger_url, folder) == 3
        said = "is for a refundry that knows version 2 of its schema, and this one knows versions up to 1; upgrade it"
        with pytest.raises(NotSent, match=said) as raised:
            refunded(running, "beside")
        cause_of(raised.value)
        with pytest.raises(LedgerFailed, match=said):
            client_of(ledger_url)
    assert len(sent.sent) == 1


def test_the_walk_from_the_first_version_keeps_every_refund(ledger_url: str, folder: Path) -> None:
    with client_of(ledger_url)[0] as client:
        refunded(client, "of-version-1")
    for version in range(2, 6):
        further(folder, ledger_url, version, f"-- oldest client: 1\n{_ADDS.replace('note', f'note_{version}')}")
        assert migrated(ledger_url, folder) == version
        assert migrated(ledger_url, folder) == version
        with client_of(ledger_url)[0] as client:
            assert refunded(client, "of-version-1").replayed
            assert events(client, "of-version-1") == ["a call reserves it", "its attempt is accepted"]
    assert versions(ledger_url) == [(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]


def test_a_migration_that_fails_changes_nothing(ledger_url: str, folder: Path) -> None:
    client_of(ledger_url)[0].close()
    further(folder, ledger_url, 2, f"{_ADDS}ALTER TABLE refundry.no_such_table ADD COLUMN x TEXT;\n")
    with pytest.raises(LedgerFailed, match="no_such_table"):
        migrated(ledger_url, folder)
    assert versions(ledger_url) == [(1, 1)]
    with transaction(ledger_url) as store, pytest.raises(LedgerFailed, match="note"):
        store.sql("SELECT note FROM refundry.refunds")


_OPEN: Final = """
import os, sys, time
from tests.ledger.support import client_of, refunded
import refundry.core, refundry.ledger.opening, refundry.ledger.sqlite, refundry.ledger.postgres
at, failed = time.monotonic() + 0.5, 0
children = []
for number in range(8):
    child = os.fork()
    if not child:
        time.sleep(at - time.monotonic())
        try:
            with client_of(sys.argv[1])[0] as client:
                refunded(client, f"reference-{number}")
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
        os._exit(0)
    children.append(child)
print([os.waitpid(child, 0)[1] for child in children])
"""


def test_eight_processes_that_open_a_new_ledger_at_once_make_it_once(ledger_url: str) -> None:
    assert run(_OPEN, ledger_url) == "[0, 0, 0, 0, 0, 0, 0, 0]\n"
    assert versions(ledger_url) == [(1, 1)]
    with client_of(ledger_url)[0] as client:
        assert [state(client, f"reference-{number}") for number in range(8)] == ["accepted"] * 8


@pytest.fixture
def least(postgres_server: PostgresServer, postgres_database: str) -> Iterator[str]:
    """Make a role that may do nothing yet, and yield the URL of this test's database for it."""
    with postgres_server.connect() as admin:
        admin.execute(f"CREATE ROLE {LEAST} LOGIN PASSWORD '{PASSWORD}'".encode())
    yield postgres_server.url(postgres_database, user=LEAST)
    with postgres_server.connect(postgres_database) as admin:
        admin.execute(f"DROP OWNED BY {LEAST}; DROP ROLE {LEAST}".encode())


def test_a_role_with_the_printed_grants_works_and_cannot_do_more(
    postgres_server: PostgresServer, postgres_database: str, postgres_url: str, least: str, tmp_path: Path
) -> None:
    with pytest.raises(LedgerFailed, match=r"permission denied.*print-sql postgres"):
        client_of(least)
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(migrations.printed("postgres", role=LEAST).encode())
    with PgBouncer(postgres_server, users={LEAST: PASSWORD}) as bouncer:
        for url in (least, bouncer.url(postgres_database, user=LEAST)):
            client, _ = client_of(url)
            with client:
                reference = f"reference-{url[-30:]}"
                refunded(client, reference)
                assert refunded(client, reference).replayed
                assert events(client, reference) == ["a call reserves it", "its attempt is accepted"]
                assert isinstance(client.client, RefundClient)
                assert client.client.ledger.unresolved() == []
    with psycopg.connect(least, autocommit=True) as role:
        for statement in (
            "DELETE FROM refundry.refunds",
            "DELETE FROM refundry.history",
            "UPDATE refundry.history SET reason = 'another'",
            "UPDATE refundry.accounts SET provider = 'another'",
            "INSERT INTO refundry.versions VALUES (9, 9)",
            "INSERT INTO refundry.archived VALUES ('d', 'p', 'free')",
            "TRUNCATE refundry.refunds",
            "CREATE TABLE refundry.another ()",
            "DROP TABLE refundry.refunds",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                role.execute(statement.encode())
    place = tmp_path / "migrations" / "postgres"
    place.mkdir(parents=True)
    for one in migrations.of("postgres"):
        (place / f"{one.version:04}.sql").write_text(one.sql, encoding="utf-8")
    (place / "0002.sql").write_text(_ADDS, encoding="utf-8")
    with pytest.raises(LedgerFailed, match="print-sql postgres"):
        migrated(least, place.parent)
    with psycopg.connect(postgres_url, autocommit=True) as admin:  # which an administrator does instead
        admin.execute(migrations.printed("postgres", after=1, role=LEAST, folder=place.parent).encode())
        made = admin.execute("SELECT version, oldest FROM refundry.versions ORDER BY version").fetchall()
    assert made == [(1, 1), (2, 2)]


def test_the_printed_schema_of_sqlite_is_the_one_that_a_client_makes(tmp_path: Path) -> None:
    client_of(f"sqlite:///{tmp_path}/made.db")[0].close()
    schemas = []
    for name in ("made.db", "printed.db"):
        connection = sqlite3.connect(tmp_path / name)
        if name == "printed.db":
            connection.executescript(migrations.printed("sqlite"))
        schemas.append(connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall())
        schemas.append(connection.execute("SELECT * FROM versions").fetchall())
        connection.close()
    assert schemas[:2] == schemas[2:]
    with client_of(f"sqlite:///{tmp_path}/printed.db")[0] as client:
        refunded(client)


def test_a_role_is_quoted() -> None:
    assert 'TO "it""s;a--role";' in migrations.printed("postgres", role='it"s;a--role')
