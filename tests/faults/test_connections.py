"""Idle connections: reused where this is safe, and never where a request could be lost."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from refundry import (
    AsyncRefundClient,
    Attempt,
    Evidence,
    NotSent,
    OutcomeUnknown,
    RefundClient,
    Resend,
    SendFailure,
    WireReply,
    WireRequest,
)
from refundry.transport import aio, sync
from refundry.transport.sync import HttpTransport
from tests.facade.support import ONE_EURO, PAYMENT, Caller, Kind, account, caller
from tests.faults.servers import SUCCESS, Peer, Script, Server, answering, head, once, reply
from tests.faults.support import AMPLE, SHORT, Wired, every_loop, every_route, failed


def two_refunds(route: Wired, server: Server, pause: float = 0.1, **options: Any) -> list[int]:
    """Refund twice, with a pause between, and return the connection of each request."""
    with route.client(server, **options) as client:
        for reference in ("r-1", "r-2"):
            assert client.ask("paybyrd", reference=reference).refund_id == "refund-1"
            client.pause(pause)
    assert [attempt.evidence for attempt in client.attempts] == [Evidence.ANSWERED] * 2
    return [request.connection for request in server.requests]


@every_route
@pytest.mark.parametrize(
    "script",
    [
        answering(reply()),
        answering(head("Transfer-Encoding: chunked") + b"%x\r\n%b\r\n0\r\n\r\n" % (len(SUCCESS), SUCCESS)),
        answering(head(status="103 Early Hints") + reply()),
        answering(reply(SUCCESS, "Connection: keep-alive", version="HTTP/1.0")),
    ],
    ids=["with a length", "in chunks", "after an interim reply", "in HTTP/1.0 that says so"],
)
def test_two_refunds_share_one_connection(route: Wired, script: Script) -> None:
    with route.server(script) as server:
        assert two_refunds(route, server) == [1, 1]


@every_route
@pytest.mark.parametrize(
    "script",
    [
        once(reply()),
        answering(reply(SUCCESS, "Connection: close")),
        answering(reply(SUCCESS, "connection: Close")),
        answering(reply(version="HTTP/1.0")),
        once(head() + SUCCESS),
        answering(reply() + b"garbage"),
        answering(reply() + reply()),
        answering(reply() + head(status="103 Early Hints")),
        answering(reply(), b"garbage"),
        answering(reply(), reply(), pause=0.02),
    ],
    ids=[
        "closed by the server",
        "that the server will close",
        "that the server will close, in other letters",
        "of HTTP/1.0",
        "of a reply without a length",
        "with garbage after the reply",
        "with a second reply",
        "with an interim reply after the reply",
        "with garbage in a part of its own",
        "with a second reply later",
    ],
)
def test_a_broken_connection_is_not_reused(route: Wired, script: Script) -> None:
    with route.server(script) as server:
        assert two_refunds(route, server) == [1, 2]


def test_a_connection_closed_while_the_event_loop_was_busy_is_not_reused() -> None:
    async def refunded_twice(server: Server) -> None:
        async with AsyncRefundClient([account("blink", base_url=server.url)], timeout=AMPLE) as client:
            for reference in ("r-1", "r-2"):
                refund = await client.refund("blink", payment_id=PAYMENT, amount=ONE_EURO, reference=reference)
                assert refund.amount == ONE_EURO
                time.sleep(0.1)

    with Server(once(reply(b'{"success":true}'))) as server:
        asyncio.run(refunded_twice(server))
    assert [request.connection for request in server.requests] == [1, 2]


def test_a_connection_of_another_event_loop_is_not_reused() -> None:
    async def refunded(reference: str) -> bool:
        refund = await client.refund("paybyrd", payment_id=PAYMENT, amount=ONE_EURO, reference=reference)
        return refund.replayed

    with Server(answering()) as server, asyncio.Runner() as one, asyncio.Runner() as other:
        client = AsyncRefundClient([account("paybyrd", base_url=server.url)], timeout=SHORT)
        assert [loop.run(refunded(f"r-{number}")) for number, loop in enumerate((one, other, other))] == [False] * 3
        other.run(client.aclose())
        for loop in (one, other):
            loop.run(asyncio.sleep(0))
    assert [request.connection for request in server.requests] == [1, 2, 2]


@every_route
def test_a_connection_is_not_reused_after_an_unreadable_reply(route: Wired) -> None:
    def late(peer: Peer) -> None:
        peer.request()
        peer.send(reply()[:-1])
        peer.hold()

    with route.server(late, answering()) as server, route.client(server, timeout=SHORT) as client:
        with pytest.raises(OutcomeUnknown):
            client.ask("paybyrd")
        assert client.ask("paybyrd").refund_id == "refund-1"
    assert [request.connection for request in server.requests] == [1, 2]


@every_route
def test_a_connection_that_idled_too_long_is_not_reused(route: Wired, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("refundry.transport.pool.monotonic", lambda: now[0])
    with route.server(answering()) as server, route.client(server) as client:
        for reference, seconds in (("r-1", 3.0), ("r-2", 5.0), ("r-3", 0.0)):
            client.ask("paybyrd", reference=reference)
            now[0] += seconds
    assert [request.connection for request in server.requests] == [1, 1, 2]


@every_route
@pytest.mark.parametrize(
    ("said", "connections"),
    [
        ("timeout=2", [1, 1, 2]),
        ("timeout=2, max=100", [1, 1, 2]),
        ("max=100, Timeout = 2", [1, 1, 2]),
        ("timeout=1", [1, 2, 3]),
        ("timeout=0", [1, 2, 3]),
        ("timeout=60", [1, 1, 1]),
        ("timeout=soon", [1, 1, 1]),
        ("max=100", [1, 1, 1]),
    ],
)
def test_a_connection_is_kept_for_less_time_than_the_server_says(
    route: Wired, said: str, connections: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("refundry.transport.pool.monotonic", lambda: now[0])
    with route.server(answering(reply(SUCCESS, f"Keep-Alive: {said}"))) as server, route.client(server) as client:
        for reference, seconds in (("r-1", 0.5), ("r-2", 1.5), ("r-3", 0.0)):
            client.ask("paybyrd", reference=reference)
            now[0] += seconds
    assert [request.connection for request in server.requests] == connections


def slow_after_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all bytes that the host sends at once arrive before the client and its event loop continue."""
    made, is_silent = sync._Connection.__init__, aio._Connection.is_silent

    def slow_connection(self: sync._Connection, connected: socket.socket) -> None:
        made(self, connected)
        time.sleep(0.1)

    async def slow_request(self: aio._Connection) -> bool:
        await asyncio.sleep(0)  # uvloop writes the end of the handshake with its next turn
        time.sleep(0.1)
        return await is_silent(self)

    monkeypatch.setattr(sync._Connection, "__init__", slow_connection)
    monkeypatch.setattr(aio._Connection, "is_silent", slow_request)


@every_route
@pytest.mark.parametrize("parts", [(reply(),), (b"x",), ()], ids=["a reply", "garbage", "the end"])
def test_bytes_before_the_request_are_not_a_reply(
    route: Wired, parts: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def speaking_first(peer: Peer) -> None:
        peer.send(*parts)
        if parts:
            peer.hold()

    slow_after_connecting(monkeypatch)
    with route.server(speaking_first) as server, route.client(server) as client:
        failed(client, "paybyrd", NotSent, Resend.SAFE, Evidence.NOT_SENT)
    assert server.requests == []


@every_route
def test_a_new_tls_connection_is_usable_after_any_message_of_tls_itself(
    route: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_after_connecting(monkeypatch)  # the session tickets of TLS 1.3 have arrived
    with route.server(answering()) as server:
        assert two_refunds(route, server, pause=0) == [1, 1]


@every_route
def test_each_origin_has_its_own_connections(route: Wired) -> None:
    with route.server(answering()) as one, route.server(answering()) as other:
        for server in (one, other):
            assert two_refunds(route, server) == [1, 1]


@every_route
def test_closing_the_client_closes_its_connections(route: Wired) -> None:
    closed = threading.Event()

    def script(peer: Peer) -> None:
        answering()(peer)
        closed.set()

    with route.server(script) as server, route.client(server) as client:
        client.ask("paybyrd")
        assert not closed.wait(0.1)
        client.close()
        client.pause(0)
        assert closed.wait(5)


def test_a_client_closed_during_a_refund_closes_the_connection_after_it() -> None:
    go_on, closed = threading.Event(), threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        go_on.wait(5)
        peer.send(reply())
        peer.hold()
        closed.set()

    with Server(script) as server:
        client = RefundClient([account("paybyrd", base_url=server.url)], timeout=AMPLE)
        thread = threading.Thread(target=refund, args=(client, "r-1"))
        thread.start()
        assert server.arrived.wait(5)
        client.close()
        go_on.set()
        thread.join(5)
        assert closed.wait(2)


def waiting_to_be_closed(server: Server) -> int:
    """Return the number of connections that the server has closed and the client has not."""
    lines = Path("/proc/self/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    close_wait, port = "08", f"{server.port:04X}"
    return sum(field[2].endswith(f":{port}") and field[3] == close_wait for field in fields)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the states of connections from /proc")
@every_loop
def test_idle_connections_that_the_server_closed_are_closed_without_a_call_to_it(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("refundry.transport.pool._SECONDS_BETWEEN_SWEEPS", 0)
    together = threading.Barrier(12, timeout=5)

    def script(peer: Peer) -> None:
        peer.request()
        together.wait()
        peer.send(reply())

    with Server(script) as server, Server(answering()) as other:
        made = (account("paybyrd", base_url=server.url), account("paybyrd", name="other", base_url=other.url))
        with caller(kind, *made, timeout=AMPLE) as client:
            many_at_once(client, 12)
            client.pause(0.1)
            client.refund("other", payment_id=PAYMENT, amount=ONE_EURO, reference="r-1")
            assert waiting_to_be_closed(server) == 0


def many_at_once(client: Caller, number: int) -> None:
    """Make this number of refunds at the same time."""
    made = client.client
    names = [f"many-{one}" for one in range(number)]
    if isinstance(made, RefundClient):
        with ThreadPoolExecutor(number) as pool:
            list(pool.map(lambda name: refund(made, name), names))
        return

    async def all_of_them() -> None:
        requested = (made.refund("paybyrd", payment_id=PAYMENT, amount=ONE_EURO, reference=name) for name in names)
        await asyncio.gather(*requested)

    client.run(all_of_them())


def test_closing_a_transport_while_many_use_it_neither_raises_nor_leaves_a_connection_open() -> None:
    with Server(answering()) as server:
        transport = HttpTransport()
        stop = threading.Event()
        failures: list[BaseException] = []

        def work(number: int) -> None:
            try:
                while not stop.is_set():
                    origin = server.url.replace("127.0.0.1", f"127.0.0.{number + 1}")
                    request = WireRequest("POST", origin, "/", (), (), b"{}")
                    assert isinstance(transport.send(request, AMPLE), WireReply | SendFailure)
                    transport.close()
            except BaseException as error:  # noqa: BLE001 (a thread cannot raise)
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        stop.set()
        for thread in threads:
            thread.join(10)
        assert failures == []
        time.sleep(0.1)
        assert all(not thread.is_alive() for _, thread in server._serving)


def test_the_pool_keeps_a_limited_number_of_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refundry.transport.pool._MOST_KEPT", 1)
    together = threading.Barrier(3, timeout=5)
    ended = threading.Semaphore(0)

    def script(peer: Peer) -> None:
        peer.request()
        together.wait()
        peer.send(reply())
        peer.hold()
        ended.release()

    with Server(script) as server, RefundClient([account("paybyrd", base_url=server.url)], timeout=AMPLE) as client:
        threads = [threading.Thread(target=refund, args=(client, f"r-{number}")) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
        assert [ended.acquire(timeout=5), ended.acquire(timeout=5), ended.acquire(timeout=0.1)] == [True, True, False]


def refund(client: RefundClient, reference: str) -> None:
    client.refund("paybyrd", payment_id=PAYMENT, amount=ONE_EURO, reference=reference)


def test_fifty_threads_over_one_client_send_each_refund_once() -> None:
    references = [f"r-{number}" for number in range(200)]
    left = iter(references)
    failures: list[BaseException] = []

    def work(client: RefundClient) -> None:
        try:
            for reference in left:
                refund(client, reference)
        except BaseException as error:
            failures.append(error)
            raise

    with (
        Server(answering()) as server,
        RefundClient([account("paybyrd", base_url=server.url)], timeout=AMPLE) as client,
    ):
        threads = [threading.Thread(target=work, args=(client,)) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert failures == []
    assert len(server.requests) == len({request.headers["idempotency-key"] for request in server.requests}) == 200
    assert server.connections <= 50


def test_sixty_four_tasks_over_one_client_send_each_refund_once() -> None:
    attempts: list[Attempt] = []

    async def all_at_once(server: Server) -> None:
        made = account("paybyrd", base_url=server.url)
        async with AsyncRefundClient([made], timeout=AMPLE, on_attempt=attempts.append) as client:
            calls = [
                client.refund("paybyrd", payment_id=PAYMENT, amount=ONE_EURO, reference=f"r-{number % 64}")
                for number in range(64)
            ]
            refunds = await asyncio.gather(*calls)
            second = await client.refund("paybyrd", payment_id=PAYMENT, amount=ONE_EURO, reference="r-63")
            assert [refund.replayed for refund in (*refunds, second)] == [False] * 64 + [True]

    with Server(answering()) as server:
        asyncio.run(all_at_once(server))
    assert len(server.requests) == len({request.headers["idempotency-key"] for request in server.requests}) == 64
    assert [attempt.evidence for attempt in attempts] == [Evidence.ANSWERED] * 64


@pytest.mark.parametrize(("provider", "resend"), [("blink", Resend.NEVER), ("paybyrd", Resend.SAME_REFERENCE)])
def test_a_call_cancelled_after_sending_leaves_the_reference_unknown(provider: str, resend: Resend) -> None:
    attempts: list[Attempt] = []

    def held(peer: Peer) -> None:
        peer.request()
        peer.hold()

    async def cancelled(server: Server) -> None:
        made = account(provider, base_url=server.url)
        async with AsyncRefundClient([made], timeout=AMPLE, on_attempt=attempts.append) as client:

            async def ask() -> object:
                return await client.refund(provider, payment_id=PAYMENT, amount=ONE_EURO, reference="r-1")

            call = asyncio.create_task(ask())
            assert await asyncio.to_thread(server.arrived.wait, 5)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            if resend is Resend.NEVER:
                with pytest.raises(OutcomeUnknown) as unknown:
                    await ask()
                assert unknown.value.resend is resend
            else:
                await ask()

    with Server(held, answering()) as server:
        asyncio.run(cancelled(server))
    assert (attempts[0].evidence, attempts[0].outcome) == (Evidence.MAYBE_SENT, "OutcomeUnknown")
    keys = [request.headers.get("idempotency-key") for request in server.requests]
    assert keys == ([None] if resend is Resend.NEVER else [keys[0]] * 2)


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new process, where every warning is an error."""
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


FORKED = """
import os, sys
from refundry import Money, Paybyrd, RefundClient

def refund(reference):
    client.refund("paybyrd", payment_id="payment-1", amount=Money.of("1.00", "EUR"), reference=reference)

client = RefundClient([Paybyrd(api_key="test-key", base_url=sys.argv[1])])
refund("before")
child = os.fork()
if child == 0:
    refund("child-1")
    refund("child-2")
    client.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
refund("after")
client.close()
"""


def test_a_forked_process_does_not_use_the_connections_of_its_parent() -> None:
    with Server(answering()) as server:
        run = run_python(FORKED, server.url)
    assert (run.returncode, run.stderr) == (0, "")
    assert [request.connection for request in server.requests] == [1, 2, 2, 1]


AT_ONCE = """
import sys, threading
from refundry import Money, Paybyrd, RefundClient

together = threading.Barrier(16)

def refund(number):
    together.wait()
    client.refund("paybyrd", payment_id="payment-1", amount=Money.of("1.00", "EUR"), reference=f"r-{number}")

client = RefundClient([Paybyrd(api_key="test-key", base_url=sys.argv[1])])
threads = [threading.Thread(target=refund, args=(number,)) for number in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
client.close()
"""


def test_a_client_with_simultaneous_first_refunds_closes_all_its_connections() -> None:
    with Server(answering()) as server:
        run = run_python(AT_ONCE, server.url)
    assert (run.returncode, run.stderr) == (0, "")
    assert len(server.requests) == 16
