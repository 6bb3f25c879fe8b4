"""Whatever a database, a role or pgbouncer sets: a commit is durable, and a payment is looked at alone."""

import subprocess
import sys
import threading
from typing import Final

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from refundry import InvalidRefund, Money, NotSent, OutcomeUnknown, Retry, WireReply
from refundry.clock import SYSTEM
from refundry.errors import LedgerFailed
from refundry.ledger.__main__ import main as desk
from refundry.ledger.postgres import bounded_to, conninfo
from tests.databases.pgbouncer import PgBouncer
from tests.databases.postgres import PostgresServer
from tests.facade.support import ONE_EURO, PAYMENT
from tests.ledger.support import client_of, refunded, state, until

_WATCH: Final = """
CREATE TABLE seen (name text);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN INSERT INTO seen VALUES (current_setting('{setting}')); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER watch AFTER INSERT OR UPDATE ON refundry.refunds
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION see();
"""


def _seen(server: PostgresServer, database: str, url: str, setting: str, given: str) -> set[str]:
    """Return what a setting is while the transactions of one refund commit, in a database that has it as given."""
    with server.connect() as admin:
        admin.execute(f"ALTER DATABASE {database} SET {setting} = '{given}'".encode())
    client_of(url)[0].close()
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(_WATCH.format(setting=setting).encode())
    with client_of(url)[0] as client:
        refunded(client)
    with psycopg.connect(url) as admin:
        return {str(name) for (name,) in admin.execute("SELECT name FROM seen")}


@pytest.mark.parametrize(
    ("given", "kept"),
    [("off", "on"), ("local", "on"), ("remote_write", "on"), ("on", "on"), ("remote_apply", "remote_apply")],
)
@pytest.mark.parametrize("through", ["postgres_url", "pgbouncer_url"])
def test_a_commit_is_synchronous_unless_the_database_is_stricter(
    request: pytest.FixtureRequest,
    postgres_server: PostgresServer,
    postgres_database: str,
    through: str,
    given: str,
    kept: str,
) -> None:
    url: str = request.getfixturevalue(through)
    assert _seen(postgres_server, postgres_database, url, "synchronous_commit", given) == {kept}


def test_a_commit_is_not_cut_by_the_time_of_its_statements(
    postgres_server: PostgresServer, postgres_database: str, postgres_url: str
) -> None:
    assert _seen(postgres_server, postgres_database, postgres_url, "statement_timeout", "3s") == {"0"}


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_two_refunds_that_race_for_one_payment_never_exceed_it(
    postgres_url: str, postgres_database: str, isolation: str
) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {postgres_database} SET default_transaction_isolation = '{isolation}'".encode())
    clients = [client_of(postgres_url) for _ in range(4)]
    refused: list[InvalidRefund] = []

    def race(number: int) -> None:
        try:
            clients[number][0].refund(
                "blink",
                payment_id=PAYMENT,
                amount=ONE_EURO,
                reference=f"reference-{number}",
                payment_amount=Money.of("2.00", "EUR"),
            )
        except InvalidRefund as error:
            refused.append(error)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(sent.sent) for _, sent in clients) == 2
    assert [error.field for error in refused] == ["amount"] * 2
    for client, _ in clients:
        client.close()


def test_a_standby_and_a_server_that_does_not_sync_are_refused(
    own_postgres_server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    url = own_postgres_server.url(own_postgres_server.create_database())
    client, sent = client_of(url, retry=Retry(attempts=1, deadline=5.0))
    with client:
        refunded(client, "before")
        for change, said in (({"fsync": "off"}, "has fsync off"), ({}, "is a standby")):
            own_postgres_server.stop()
            own_postgres_server.settings.pop("fsync", None)
            own_postgres_server.settings.update(change)
            own_postgres_server.standby = not change
            own_postgres_server.start()
            with pytest.raises(NotSent, match=said):
                refunded(client)
            with pytest.raises(LedgerFailed, match=said):
                client_of(url)
            assert desk(["check", url]) == 1
            assert said in capsys.readouterr().out
    assert len(sent.sent) == 1


@pytest.mark.parametrize(
    "parameters",
    ["sslmode=verify-full&sslrootcert=/etc/ssl/ca.pem&sslcert=/c.pem&sslkey=/k.pem", "sslmode=require"],
)
def test_what_the_url_says_of_tls_is_kept(parameters: str) -> None:
    given = conninfo_to_dict(bounded_to(conninfo(f"postgresql://user:word@host/database?{parameters}"), 3.5).reveal())
    for parameter in parameters.split("&"):
        name, _, value = parameter.partition("=")
        assert given[name] == value


@pytest.mark.parametrize(
    ("url", "seconds", "bound"),
    [
        ("postgresql://host/d", 120.0, 5),
        ("postgresql://host/d", 3.9, 3),
        ("postgresql://host/d", 0.0, 2),
        ("postgresql://host/d?connect_timeout=60", 30.0, 30),
        ("postgresql://host/d?connect_timeout=0", 30.0, 30),
    ],
)
def test_a_connection_takes_no_longer_than_the_call_may(url: str, seconds: float, bound: int) -> None:
    assert conninfo_to_dict(bounded_to(conninfo(url), seconds).reveal())["connect_timeout"] == str(bound)


def test_a_server_that_has_to_use_tls_and_cannot_is_named(postgres_url: str) -> None:
    with pytest.raises(LedgerFailed, match="SSL was required"):
        client_of(f"{postgres_url}?sslmode=require")


def test_an_encoding_that_the_environment_sets_changes_no_reference(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "latin1")
    with client_of(postgres_url)[0] as client:
        refunded(client, "Rückzahlung-€")
    monkeypatch.delenv("PGCLIENTENCODING")
    with client_of(postgres_url)[0] as client:
        assert state(client, "Rückzahlung-€") == "accepted"


def test_many_clients_share_two_connections_of_pgbouncer(
    postgres_server: PostgresServer, postgres_database: str
) -> None:
    with PgBouncer(postgres_server, pool_size=2) as bouncer:
        url = bouncer.url(postgres_database)
        clients = [client_of(url) for _ in range(24)]

        def work(number: int) -> None:
            for turn in range(5):
                refunded(clients[number][0], f"{number}-{turn}")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(24)]
        for thread in threads:
            thread.start()
        with postgres_server.connect() as admin:
            found = admin.execute(
                "SELECT count(*), (SELECT count(*) FROM pg_prepared_statements) FROM pg_stat_activity "
                "WHERE datname = %s",
                (postgres_database,),
            ).fetchone()
        for thread in threads:
            thread.join()
        assert found is not None
        assert found[0] <= 2
        for client, sent in clients:
            assert len(sent.sent) == 5
            client.close()


def test_pgbouncer_that_was_started_again_costs_the_caller_nothing(
    postgres_server: PostgresServer, postgres_database: str
) -> None:
    with PgBouncer(postgres_server) as bouncer:
        client, sent = client_of(bouncer.url(postgres_database))
        with client:
            refunded(client, "before")
            bouncer.stop()
            bouncer.start()
            refunded(client, "after")
        assert len(sent.sent) == 2


def test_nothing_that_a_session_has_set_is_left_behind_in_pgbouncer(pgbouncer_url: str) -> None:
    with client_of(pgbouncer_url)[0] as client:
        refunded(client)
    names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
    with psycopg.connect(pgbouncer_url, autocommit=True, prepare_threshold=None) as other:
        for name in names:
            assert other.execute(f"SHOW {name}".encode()).fetchone() == ("0",)
        assert other.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)


_OVERLAPPING: Final = """
import sys, threading
from refundry import RefundInProgress
from tests.ledger.support import client_of, refunded
client, sent = client_of(sys.argv[1])
names = [f"reference-{number}" for number in range(120)]
if sys.argv[2] == "backwards":
    names.reverse()
failed = []
def work(names):
    for name in names:
        try:
            refunded(client, name)
        except RefundInProgress:
            pass
        except Exception as error:
            failed.append(repr(error))
threads = [threading.Thread(target=work, args=(names[start::16],)) for start in range(16)]
sys.stdin.readline()
for thread in threads: thread.start()
for thread in threads: thread.join()
client.close()
print(len(sent.sent), failed)
"""


def test_two_processes_with_overlapping_batches_do_not_stop_each_other(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    before = postgres_server.log.read_text().count("deadlock detected")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _OVERLAPPING, postgres_url, way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for way in ("forwards", "backwards")
    ]
    outputs = []
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        output, _ = process.communicate(timeout=90)
        outputs.append(output.split(maxsplit=1))
    assert [failed.strip() for _, failed in outputs] == ["[]", "[]"]
    assert sum(int(sent) for sent, _ in outputs) == 120
    assert postgres_server.log.read_text().count("deadlock detected") == before
    with psycopg.connect(postgres_url) as connection:
        rows = connection.execute("SELECT state, count(*) FROM refundry.refunds GROUP BY state").fetchall()
    assert rows == [("accepted", 120)]


def test_leases_and_times_are_the_databases(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wall = SYSTEM.wall
    monkeypatch.setattr(SYSTEM, "wall", lambda: wall() + 86_400 * 400)
    with client_of(postgres_url)[0] as client:
        refunded(client)
    with psycopg.connect(postgres_url) as connection:
        row = connection.execute(
            "SELECT changed_at - extract(epoch FROM now())::float8, (SELECT max(at) - extract(epoch FROM now())::float8"
            " FROM refundry.history) FROM refundry.refunds"
        ).fetchone()
    assert row is not None
    assert all(abs(seconds) < 60 for seconds in row)


def test_a_lease_of_a_client_whose_clock_is_wrong_ends_for_others_when_it_should(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending, go_on = threading.Event(), threading.Event()

    def answer(_: object) -> object:
        sending.set()
        go_on.wait(30)
        return WireReply(500, (), b"")

    def refund() -> None:
        with pytest.raises(OutcomeUnknown):
            refunded(slow)

    wall = SYSTEM.wall
    monkeypatch.setattr(SYSTEM, "wall", lambda: wall() - 86_400 * 400)
    slow, _ = client_of(postgres_url, answer)
    thread = threading.Thread(target=refund)
    thread.start()
    assert sending.wait(10)
    monkeypatch.setattr(SYSTEM, "wall", wall)
    with client_of(postgres_url)[0] as other:
        assert state(other) == "sending"
    go_on.set()
    thread.join()
    slow.close()
    with client_of(postgres_url)[0] as other:
        until(lambda: state(other) == "unknown")
