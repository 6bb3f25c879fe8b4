"""PostgreSQL goes away, answers late, or its answer is lost: what is certain about the money stays certain."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import psycopg
import pytest

from refundry import NotSent, OutcomeUnknown, RefundClient, RefundRejected, Retry, WireReply, WireRequest
from refundry.errors import LedgerFailed
from tests.databases.postgres import PostgresServer
from tests.facade.support import Caller, account
from tests.ledger.proxy import Proxy
from tests.ledger.support import ACCEPTED, SHORT, cause_of, client_of, events, refunded, state, until
from tests.providers import RECORDS

PATIENT = Retry(attempts=1, deadline=10.0)


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[Proxy]:
    """Run a proxy in front of the database of this test."""
    with Proxy(postgres_url) as proxy:
        yield proxy


def test_a_lost_reply_to_the_commit_of_a_reservation_costs_the_caller_nothing(proxy: Proxy) -> None:
    client, sent = client_of(proxy.url, retry=PATIENT)
    with client:
        proxy.swallow = b"COMMIT"
        assert not refunded(client).replayed
        assert proxy.swallowed == 1
        assert len(sent.sent) == 1
        assert refunded(client).replayed
        assert len(sent.sent) == 1
        assert state(client) == "accepted"


def test_a_lost_reply_to_the_commit_of_an_outcome_leaves_one_outcome(proxy: Proxy) -> None:
    def answer(_: WireRequest) -> WireReply:
        proxy.swallow = b"COMMIT"
        return ACCEPTED

    client, sent = client_of(proxy.url, answer, retry=PATIENT)
    with client:
        refund = refunded(client)
        assert (refund.recorded, proxy.swallowed) == (True, 1)
        assert refunded(client).replayed
        assert events(client)[:2] == ["a call reserves it", "its attempt is accepted"]
    assert len(sent.sent) == 1


def test_a_lost_reply_to_a_refusal_counts_one_attempt(proxy: Proxy) -> None:
    def answer(_: WireRequest) -> WireReply:
        proxy.swallow = b"COMMIT"
        return RECORDS["blink"].refused

    client, _ = client_of(proxy.url, answer, retry=PATIENT)
    with client:
        with pytest.raises(RefundRejected):
            refunded(client)
        assert proxy.swallowed == 1
        assert isinstance(client.client, RefundClient)
        entry = client.client.ledger.find("blink", "reference-1")
        assert entry is not None
        assert (entry.state, entry.attempt) == ("free", 2)


def test_a_connection_that_was_closed_while_it_was_idle_costs_the_caller_nothing(proxy: Proxy) -> None:
    client, sent = client_of(proxy.url)
    with client:
        refunded(client, "first")
        proxy.cut()
        refunded(client, "second")
    assert len(sent.sent) == 2


def test_a_backend_that_was_terminated_costs_the_caller_nothing(
    postgres_server: PostgresServer, postgres_database: str, postgres_url: str
) -> None:
    client, sent = client_of(postgres_url)
    with client, postgres_server.connect() as admin:
        for number in range(3):
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'refundry' "
                "AND datname = %s",
                (postgres_database,),
            )
            refunded(client, f"reference-{number}")
    assert len(sent.sent) == 3


def test_a_server_that_stops_answering_ends_the_call_by_its_deadline_and_the_next_one_goes_on(proxy: Proxy) -> None:
    client, sent = client_of(proxy.url, retry=SHORT)
    with client:
        refunded(client, "before")
        proxy.deaf.set()
        began = time.monotonic()
        with pytest.raises(NotSent) as raised:
            refunded(client)
        assert time.monotonic() - began < 3
        cause_of(raised.value)
        assert len(sent.sent) == 1
        connections = proxy.connected
        until(lambda: proxy.connected > connections, 15)  # the writer's thread gave the old one up
        proxy.deaf.clear()
        proxy.cut()
        until(lambda: _goes_on(client), 15)
    assert len(sent.sent) == 2


def _goes_on(client: Caller, reference: str = "reference-1") -> bool:
    try:
        refunded(client, reference)
    except NotSent:
        return False
    return True


@pytest.mark.parametrize("accepts", [True, False])
def test_a_client_fails_in_bounded_time_where_the_server_does_not_answer(accepts: bool) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=4) as server:
        url = f"postgresql://user:hidden-word@127.0.0.1:{server.getsockname()[1]}/database"
        if not accepts:
            server.close()
        began = time.monotonic()
        with pytest.raises(LedgerFailed, match="could not be reached") as raised:
            client_of(url)
        assert time.monotonic() - began < 12
        assert "hidden-word" not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: url.rpartition("/")[0] + "/no_such_database", 'database "no_such_database" does not exist'),
        (lambda url: "postgresql://user:hidden-word@no-such-host.invalid/database", "failed to resolve host"),
    ],
)
def test_what_cannot_be_reached_is_named_without_a_password(
    postgres_url: str, change: Callable[[str], str], said: str
) -> None:
    with pytest.raises(LedgerFailed, match=said) as raised:
        client_of(change(postgres_url))
    assert "hidden-word" not in str(raised.value)


def test_a_wrong_password_is_in_no_text_and_in_no_frame_of_ours(postgres_server: PostgresServer) -> None:
    url = postgres_server.url(password="hidden-word-of-the-test")
    with pytest.raises(LedgerFailed, match="password authentication failed") as raised:
        client_of(url)
    error: BaseException | None = raised.value
    while error is not None:
        assert "hidden-word" not in f"{error!r} {error}"
        traceback = error.__traceback__
        while traceback is not None:
            if "/refundry/ledger/" in traceback.tb_frame.f_code.co_filename.replace("\\", "/"):
                shown = {name: repr(value) for name, value in traceback.tb_frame.f_locals.items()}
                assert not [name for name, value in shown.items() if "hidden-word" in value], traceback.tb_frame.f_code
            if "psycopg" in traceback.tb_frame.f_code.co_filename:
                pytest.fail(f"a frame of psycopg is shown: {traceback.tb_frame.f_code.co_name}")
            traceback = traceback.tb_next
        error = error.__cause__ or error.__context__


def test_a_server_that_is_gone_before_sending_sends_nothing_and_after_it_the_outcome_stands(
    own_postgres_server: PostgresServer,
) -> None:
    url = own_postgres_server.url(own_postgres_server.create_database())

    def answer(_: WireRequest) -> WireReply:
        own_postgres_server.kill()
        return ACCEPTED

    client, sent = client_of(url, answer, retry=Retry(attempts=1, deadline=5.0))
    with client:
        refund = refunded(client, "gone-after")
        assert not refund.recorded
        with pytest.raises(NotSent, match="nothing was sent to blink") as raised:
            refunded(client, "gone-before")
        cause_of(raised.value)
        own_postgres_server.start()
        until(lambda: _row(url, "gone-after") == "accepted")  # the writer's thread has written it meanwhile
        until(lambda: _row(url, "gone-before") in (None, "free"))
        assert refunded(client, "gone-after").replayed
    assert len(sent.sent) == 1


def _row(url: str, reference: str) -> str | None:
    with psycopg.connect(url, connect_timeout=5) as connection:
        row = connection.execute("SELECT state FROM refundry.refunds WHERE reference = %s", (reference,)).fetchone()
    return None if row is None else str(row[0])


def test_an_unknown_outcome_that_could_not_be_written_is_written_at_close(own_postgres_server: PostgresServer) -> None:
    url = own_postgres_server.url(own_postgres_server.create_database())

    def answer(_: WireRequest) -> WireReply:
        own_postgres_server.stop()
        return WireReply(500, (), b"")

    client, _ = client_of(url, answer, retry=Retry(attempts=1, deadline=5.0))
    with pytest.raises(OutcomeUnknown) as raised:
        refunded(client)
    assert not raised.value.recorded
    own_postgres_server.start()
    client.close()
    assert _row(url, "reference-1") == "unknown"


def test_a_lock_of_another_transaction_is_waited_for_no_longer_than_the_deadline(postgres_url: str) -> None:
    client, sent = client_of(postgres_url, retry=SHORT)
    with client:
        with psycopg.connect(postgres_url) as other:
            other.execute("LOCK TABLE refundry.refunds IN ACCESS EXCLUSIVE MODE")
            began = time.monotonic()
            with pytest.raises(NotSent) as raised:
                refunded(client)
            assert time.monotonic() - began < 3
            cause_of(raised.value)
        until(lambda: _goes_on(client))
    assert len(sent.sent) == 1


def test_a_commit_that_waits_for_a_standby_is_not_cut_and_its_reference_is_handed_back(
    own_postgres_server: PostgresServer,
) -> None:
    url = own_postgres_server.url(own_postgres_server.create_database())
    client, sent = client_of(url, retry=SHORT)
    with client, own_postgres_server.connect() as admin:
        refunded(client, "before")
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        admin.execute("SELECT pg_reload_conf()")
        time.sleep(0.5)
        with pytest.raises(NotSent):
            refunded(client, "waits")
        assert "canceling wait for synchronous replication" not in own_postgres_server.log.read_text()
        admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
        admin.execute("SELECT pg_reload_conf()")
        until(lambda: _row(url, "waits") == "free")
        refunded(client, "waits")
        assert "statement timeout" not in own_postgres_server.log.read_text()
    assert len(sent.sent) == 2


def test_many_threads_go_on_over_a_restart_of_the_server(own_postgres_server: PostgresServer) -> None:
    url = own_postgres_server.url(own_postgres_server.create_database())
    client, sent = client_of(url, retry=Retry(attempts=1, deadline=5.0))
    done: list[str] = []

    def work(number: int) -> None:
        for turn in range(20):
            reference = f"{number}-{turn}"
            until(partial(_goes_on, client, reference), 30)
            done.append(reference)

    with client:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        until(lambda: len(done) > 20, 30)
        own_postgres_server.kill()
        own_postgres_server.start()
        for thread in threads:
            thread.join(60)
        assert len(done) == len(set(done)) == 160
    assert len(sent.sent) == 160


def test_the_provider_is_asked_for_nothing_where_the_ledger_does_not_open() -> None:
    with pytest.raises(LedgerFailed):
        RefundClient([account("blink")], ledger="postgresql://user:word@127.0.0.1:1/database")
