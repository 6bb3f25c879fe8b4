"""PostgreSQL, pgbouncer and a small disk, for the tests in every folder: tests/conftest.py names this plugin.

A server is started when the first test asks for it. Where its program is missing, that test is skipped with the name of
Debian's package; in CI it fails. psycopg is imported only then.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.databases.disk import SmallDisk

if TYPE_CHECKING:
    from tests.databases.daemon import Daemon
    from tests.databases.pgbouncer import PgBouncer
    from tests.databases.postgres import PostgresServer

_MEGABYTE = 2**20


@pytest.fixture(scope="session")
def postgres_server() -> Iterator["PostgresServer"]:
    """Run a PostgreSQL server for all tests of this run. A test that stops or kills one uses `own_postgres_server`."""
    from tests.databases.postgres import PostgresServer

    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def pgbouncer(postgres_server: "PostgresServer") -> Iterator["PgBouncer"]:
    """Run pgbouncer in transaction mode in front of `postgres_server`, for all tests of this run."""
    from tests.databases.pgbouncer import PgBouncer

    with PgBouncer(postgres_server) as bouncer:
        yield bouncer


@pytest.fixture
def own_postgres_server() -> Iterator["PostgresServer"]:
    """Run a PostgreSQL server for this test alone, which may stop it, kill it, and start it again."""
    from tests.databases.postgres import PostgresServer

    with PostgresServer() as server, _showing_the_log(server):
        yield server


@pytest.fixture
def postgres_database(postgres_server: "PostgresServer") -> Iterator[str]:
    """Make an empty database for this test, and yield its name."""
    name = postgres_server.create_database()
    with _showing_the_log(postgres_server):
        yield name
    postgres_server.drop_database(name)


@pytest.fixture
def postgres_url(postgres_server: "PostgresServer", postgres_database: str) -> str:
    """The URL of an empty database of this test."""
    return postgres_server.url(postgres_database)


@pytest.fixture
def pgbouncer_url(pgbouncer: "PgBouncer", postgres_database: str) -> Iterator[str]:
    """The URL of the same database, through pgbouncer in transaction mode."""
    with _showing_the_log(pgbouncer):
        yield pgbouncer.url(postgres_database)


@pytest.fixture
def small_disk(tmp_path: Path) -> SmallDisk:
    """A file system of one megabyte, for a script in a process of its own."""
    folder = tmp_path / "small-disk"
    folder.mkdir()
    return SmallDisk(folder, _MEGABYTE)


@contextmanager
def _showing_the_log(daemon: "Daemon") -> Iterator[None]:
    """Print what a server has logged within the block. pytest shows it where the test fails."""
    before = daemon.log.stat().st_size
    yield
    with daemon.log.open("rb") as log:
        log.seek(before)
        print(log.read().decode(errors="replace"))
