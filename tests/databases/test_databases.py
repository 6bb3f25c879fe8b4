"""The databases that the tests run: what is committed stays after a crash, and pgbouncer shares connections."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psycopg
import pytest

from tests.databases import programs
from tests.databases.pgbouncer import PgBouncer
from tests.databases.postgres import PostgresServer


def one(connection: psycopg.Connection, query: str) -> object:
    """Return the only value of the only row."""
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


@pytest.fixture
def narrow(postgres_server: PostgresServer) -> Iterator[PgBouncer]:
    """pgbouncer with one connection to each database."""
    with PgBouncer(postgres_server, pool_size=1) as bouncer:
        yield bouncer


def test_a_committed_row_is_there_after_the_server_is_killed_and_started_again(
    own_postgres_server: PostgresServer,
) -> None:
    name = own_postgres_server.create_database()
    url = own_postgres_server.url(name)
    with own_postgres_server.connect(name) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
        own_postgres_server.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    own_postgres_server.start()
    with psycopg.connect(url) as connection:
        assert one(connection, "SELECT value FROM kept") == 7
    assert "not properly shut down" in own_postgres_server.log.read_text()


def test_a_kill_leaves_no_process_of_the_server(own_postgres_server: PostgresServer) -> None:
    folder = str(own_postgres_server.folder)

    def running() -> list[str]:
        found = []
        for path in Path("/proc").glob("[0-9]*/cwd"):
            with suppress(OSError):  # it has ended, or is another user's
                found.append(str(path.readlink()))
        return [where for where in found if where.startswith(folder)]

    with own_postgres_server.connect():
        assert len(running()) > 3
        own_postgres_server.kill()
    assert running() == []


def test_a_server_that_was_killed_leaves_no_folder_and_no_shared_memory() -> None:
    def segments() -> set[int]:
        lines = Path("/proc/sysvipc/shm").read_text(encoding="utf-8").splitlines()[1:]
        return {int(line.split()[1]) for line in lines}

    with PostgresServer() as server:
        server.kill()
        assert server.shared_memory() in segments()
        left = server.shared_memory()
    assert left not in segments()
    assert not server.folder.exists()


def test_a_frozen_server_answers_nothing_and_goes_on_where_it_was(own_postgres_server: PostgresServer) -> None:
    answered = threading.Event()

    def ask() -> None:
        connection.execute("SELECT 1")
        answered.set()

    with own_postgres_server.connect() as connection:
        asking = threading.Thread(target=ask)
        with own_postgres_server.frozen():
            asking.start()
            assert not answered.wait(0.5)
        assert answered.wait(10)
        asking.join()


def test_a_stopped_server_starts_again_with_other_settings_and_as_a_standby(
    own_postgres_server: PostgresServer,
) -> None:
    with own_postgres_server.connect() as connection:
        assert (one(connection, "SHOW fsync"), one(connection, "SELECT pg_is_in_recovery()")) == ("on", False)
    own_postgres_server.stop()
    own_postgres_server.settings["fsync"] = "off"
    own_postgres_server.standby = True
    own_postgres_server.start()
    with own_postgres_server.connect() as connection:
        assert (one(connection, "SHOW fsync"), one(connection, "SELECT pg_is_in_recovery()")) == ("off", True)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("CREATE TABLE refused ()")


def test_a_server_that_cannot_start_shows_its_log() -> None:
    with (
        pytest.raises(RuntimeError, match=r'did not start: .*parameter "fsync" requires a Boolean value'),
        PostgresServer({"fsync": "perhaps"}),
    ):
        pytest.fail("it started")


def test_only_loopback_and_the_right_password_reach_the_server(postgres_server: PostgresServer) -> None:
    with postgres_server.connect() as connection:
        assert one(connection, "SHOW listen_addresses") == "127.0.0.1"
        assert one(connection, "SHOW unix_socket_directories") == ""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres_server.url(password="another"))


def test_each_test_has_a_database_of_its_own(postgres_server: PostgresServer, postgres_url: str) -> None:
    other = postgres_server.create_database()
    with psycopg.connect(postgres_url) as connection, postgres_server.connect(other) as beside:
        connection.execute("CREATE TABLE here ()")
        connection.commit()
        assert one(beside, "SELECT to_regclass('here')::text") is None
    postgres_server.drop_database(other)


def test_pgbouncer_gives_a_connection_to_the_server_to_whoever_has_a_transaction(
    narrow: PgBouncer, postgres_database: str
) -> None:
    url = narrow.url(postgres_database)
    with ExitStack() as stack:
        first, second = (stack.enter_context(psycopg.connect(url, prepare_threshold=None)) for _ in range(2))
        backends = set()
        for connection in (first, second, first):
            backends.add(one(connection, "SELECT pg_backend_pid()"))
            connection.commit()
        assert len(backends) == 1
        first.execute("SELECT 1")  # its transaction holds the only connection
        waits = threading.Thread(target=second.execute, args=("SELECT 1",))
        waits.start()
        time.sleep(0.3)
        assert waits.is_alive()
        first.commit()
        waits.join(10)
        assert not waits.is_alive()


def test_both_urls_of_a_test_lead_to_one_database(postgres_url: str, pgbouncer_url: str) -> None:
    with psycopg.connect(postgres_url) as direct, psycopg.connect(pgbouncer_url) as pooled:
        direct.execute("CREATE TABLE shared AS SELECT 3 AS value")
        direct.commit()
        assert one(pooled, "SELECT value FROM shared") == 3
        assert direct.info.port != pooled.info.port


@pytest.mark.parametrize(("ci", "raised"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_a_missing_program_skips_the_test_and_in_ci_fails_it(
    monkeypatch: pytest.MonkeyPatch, ci: str, raised: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(raised, match=re.escape("no-such-program is not installed: `apt-get install its-package`")):
        programs.program("no-such-program", "its-package")
