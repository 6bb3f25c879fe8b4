"""After any exception before the first byte is written, nothing was sent."""

import asyncio
import os
import selectors
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import httpx
import httpx2
import pytest
import trio

from refundry import Evidence, SendFailure, Timeout, WireReply, WireRequest
from refundry.transport import network
from refundry.transport.aio import AsyncHttpTransport
from refundry.transport.over_httpx import HttpxTransport
from refundry.transport.sync import HttpTransport
from tests.facade.support import Kind, new_loop
from tests.faults.servers import Server, answering, once, reply
from tests.faults.support import AMPLE, EVERY_COMBINATION, both_kinds, every_loop, within


def sent(kind: Kind, request: WireRequest, timeout: Timeout = AMPLE, ssl_context: Any = None) -> object:
    """Send over refundry's own transport of this kind."""
    if kind == "sync":
        transport = HttpTransport(ssl_context)
        try:
            answer: object = transport.send(request, timeout)
            return answer
        finally:
            transport.close()
    return with_async(kind, lambda: AsyncHttpTransport(ssl_context), request, timeout)


def with_async(kind: Kind, make: Callable[[], Any], request: WireRequest, timeout: Timeout) -> Any:
    async def send() -> Any:
        transport = make()
        try:
            return await transport.asend(request, timeout)
        finally:
            await transport.aclose()

    with asyncio.Runner(loop_factory=new_loop(kind)) as runner:
        return runner.run(send())


def assert_nothing_sent(answer: object, request: WireRequest, cause: type[BaseException]) -> SendFailure:
    assert isinstance(answer, SendFailure)
    assert (answer.evidence, request.progress.evidence) == (Evidence.NOT_SENT, Evidence.NOT_SENT)
    assert isinstance(answer.cause, cause)
    return answer


def fresh(origin: str = "https://refunds.example") -> WireRequest:
    return WireRequest("POST", origin, "/", (), (), b"{}")


BROKEN: Final[dict[str, tuple[object, str, BaseException]]] = {
    "a resolver that is no resolver": (socket, "getaddrinfo", RuntimeError("no resolver")),
    "a host that no name can be": (socket, "getaddrinfo", UnicodeError("label too long")),
    "too many open files": (socket, "socket", OSError(24, "too many open files")),
    "no memory": (socket, "getaddrinfo", MemoryError()),
    "a deep stack": (socket, "getaddrinfo", RecursionError()),
    "certificates that cannot be read": (ssl, "create_default_context", ValueError("no certificates")),
    "a thread that cannot be started": (threading.Thread, "start", RuntimeError("can't start new thread")),
}


@both_kinds
@pytest.mark.parametrize("what", BROKEN)
def test_a_call_that_fails_before_its_first_byte_has_sent_nothing(
    kind: Kind, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, name, error = BROKEN[what]
    if kind == "sync" and owner is threading.Thread:
        name, owner = "DefaultSelector", selectors  # no thread is needed, but the selector of the loop is

    def fail(*_: object, **__: object) -> None:
        raise error

    request = fresh("https://127.0.0.1:9")
    with asyncio.Runner() as runner, monkeypatch.context() as patched:
        loop = runner.get_loop()  # made while sockets are available
        patched.setattr(owner, name, fail)
        if kind == "sync":
            answer = HttpTransport().send(request, AMPLE)
        else:
            answer = loop.run_until_complete(AsyncHttpTransport().asend(request, AMPLE))
    failure = assert_nothing_sent(answer, request, type(error))
    assert str(error) not in failure.detail or not str(error)


@both_kinds
@pytest.mark.parametrize(
    "given", ["", object(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)], ids=["text", "object", "server"]
)
def test_an_ssl_context_for_servers_has_sent_nothing(kind: Kind, given: object) -> None:
    with Server(lambda peer: peer.hold()) as server:
        request = fresh(f"https://127.0.0.1:{server.port}")
        failure = assert_nothing_sent(sent(kind, request, ssl_context=given), request, Exception)
    assert "ssl_context is no ssl.SSLContext of a client" in failure.detail


def test_an_event_loop_whose_threads_have_ended_has_sent_nothing() -> None:
    async def send() -> object:
        await asyncio.get_running_loop().shutdown_default_executor()
        return await AsyncHttpTransport().asend(request, AMPLE)

    request = fresh()
    assert_nothing_sent(asyncio.run(send()), request, RuntimeError)


def test_under_another_event_loop_nothing_was_sent_and_the_error_says_what_to_do() -> None:
    async def send() -> object:
        return await AsyncHttpTransport().asend(request, AMPLE)

    request = fresh()
    failure = assert_nothing_sent(trio.run(send), request, Exception)
    assert "asyncio" in failure.detail
    assert "HttpxTransport" in failure.detail
    assert failure.permanent


def test_the_transport_of_httpx_carries_a_request_under_trio_within_the_total_time() -> None:
    async def send(timeout: Timeout) -> object:
        async with httpx.AsyncHTTPTransport() as inner:
            return await HttpxTransport(inner).asend(fresh(server.url), timeout)

    with Server(answering(), once(*[b"H"] * 100, pause=0.05)) as server, within(12):
        assert isinstance(trio.run(send, AMPLE), WireReply)
        answer = trio.run(send, Timeout(connect=5, read=5, total=0.5))
    assert answer == SendFailure(Evidence.MAYBE_SENT, "timed out")


@pytest.mark.parametrize("library", [httpx, httpx2])
@both_kinds
def test_a_transport_of_the_wrong_kind_has_sent_nothing_and_is_named(kind: Kind, library: Any) -> None:
    request = fresh()
    if kind == "sync":
        answer = HttpxTransport(library.AsyncHTTPTransport()).send(request, AMPLE)
    else:
        answer = with_async(kind, lambda: _Closing(library.HTTPTransport()), request, AMPLE)
    failure = assert_nothing_sent(answer, request, Exception)
    named = {
        "sync": "AsyncHTTPTransport, which is for AsyncRefundClient and not for RefundClient",
        "async": "HTTPTransport, which is for RefundClient and not for AsyncRefundClient",
    }
    assert named[kind] in failure.detail
    assert failure.permanent


class _Closing(HttpxTransport):
    async def aclose(self) -> None:
        self.close()


@both_kinds
def test_an_object_that_is_not_a_transport_has_sent_nothing(kind: Kind) -> None:
    request = fresh()
    with httpx.Client() as client:
        transport = HttpxTransport(client)
        answer = transport.send(request, AMPLE) if kind == "sync" else asyncio.run(_asend(transport, request))
    assert "Client, which is no transport" in assert_nothing_sent(answer, request, Exception).detail


async def _asend(transport: HttpxTransport, request: WireRequest) -> object:
    return await transport.asend(request, AMPLE)


def test_a_transport_of_httpx_whose_thread_cannot_be_started_has_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    request = fresh()
    with httpx.HTTPTransport() as inner:
        assert_nothing_sent(HttpxTransport(inner).send(request, AMPLE), request, RuntimeError)


@every_loop
def test_a_timeout_while_connecting_has_sent_nothing(
    kind: Kind, certified: Callable[[str], ssl.SSLContext], trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    for module in ("network", "sync", "aio"):
        monkeypatch.setattr(f"refundry.transport.{module}.monotonic", lambda: now[0])

    class Slow(network.Trust):
        """Reading the certificates takes 100 seconds."""

        def context(self) -> ssl.SSLContext:
            now[0] += 100
            return trusting

    for module in ("sync", "aio"):
        monkeypatch.setattr(f"refundry.transport.{module}.Trust", Slow)
    with Server(answering(), tls=certified("localhost")) as server:
        request = fresh(server.url)
        assert assert_nothing_sent(sent(kind, request), request, TimeoutError).detail == "timed out"
    assert server.requests == []


@contextmanager
def full() -> Iterator[int]:
    """Yield the port of an address that never answers: its queue is full, so the system drops connections."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port: int = listening.getsockname()[1]
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        time.sleep(0.05)
        yield port


def resolving_to(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """Let every host have these ports of this machine as its addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port)) for port in ports]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue refuses rather than drops")


@linux
@both_kinds
@pytest.mark.parametrize(
    "timeout", [Timeout(connect=1, total=9), Timeout(connect=9, total=1)], ids=["connect", "total"]
)
def test_four_addresses_that_do_not_answer_take_no_more_time_than_one(
    kind: Kind, timeout: Timeout, monkeypatch: pytest.MonkeyPatch
) -> None:
    with full() as port, within(3.5):
        resolving_to(monkeypatch, *[port] * 4)
        request = fresh("http://localhost")
        assert assert_nothing_sent(sent(kind, request, timeout), request, TimeoutError).detail == "timed out"


@linux
@both_kinds
def test_the_other_addresses_are_tried_beside_one_that_does_not_answer(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(answering()) as server, full() as port, within(4):
        resolving_to(monkeypatch, port, port, 1, server.port)
        assert isinstance(sent(kind, fresh("http://localhost")), WireReply)
    assert len(server.requests) == 1


def test_the_addresses_of_two_families_take_turns() -> None:
    v6, v4 = socket.AF_INET6, socket.AF_INET
    assert network.by_turns([(v6, 1), (v6, 2), (v6, 3), (v4, 4)]) == [(v6, 1), (v4, 4), (v6, 2), (v6, 3)]
    assert network.by_turns([(v4, 1), (v6, 2), (v6, 3)]) == [(v4, 1), (v6, 2), (v6, 3)]
    assert network.by_turns([]) == []


@every_loop
def test_the_certificates_are_read_once_for_all_connections(
    kind: Kind, certified: Callable[[str], ssl.SSLContext], trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[object] = []

    def reading(**options: object) -> ssl.SSLContext:
        read.append(options)
        time.sleep(0.05)
        return trusting

    monkeypatch.setattr(ssl, "create_default_context", reading)
    with Server(answering(reply(b"{}", "Connection: close")), tls=certified("localhost")) as server:
        if kind == "sync":
            transport = HttpTransport()
            threads = [threading.Thread(target=transport.send, args=(fresh(server.url), AMPLE)) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(10)
        else:

            async def all_at_once() -> None:
                asynchronous = AsyncHttpTransport()
                await asyncio.gather(*(asynchronous.asend(fresh(server.url), AMPLE) for _ in range(8)))

            with asyncio.Runner(loop_factory=new_loop(kind)) as runner:
                runner.run(all_at_once())
    assert len(server.requests) == 8
    assert len(read) == 1


def test_reading_the_certificates_does_not_hold_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    held_by: list[int] = []
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: held_by.append(threading.get_ident()))
    asyncio.run(_asend_own(fresh("https://127.0.0.1:9")))
    assert held_by != []
    assert threading.get_ident() not in held_by


async def _asend_own(request: WireRequest) -> object:
    return await AsyncHttpTransport().asend(request, AMPLE)


def test_a_lock_that_another_thread_held_at_a_fork_does_not_block_the_child() -> None:
    code = """
import os, sys, threading
from refundry.transport.network import Trust
trust = Trust(None)
trust._locks[os.getpid()] = lock = threading.Lock()
lock.acquire()
child = os.fork()
if child == 0:
    trust.context()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, timeout=1.5 + 8, check=False
    )
    assert run.returncode == 0


ENVIRONMENT: Final = {"PYTHONPATH": os.pathsep.join(sys.path)}

OPTIMISED: Final = """
import asyncio, sys
from refundry import AsyncRefundClient, Money, Paybyrd, RefundClient

if __debug__:
    sys.exit("not optimised")
account = Paybyrd(api_key="test-key", base_url=sys.argv[1])
arguments = dict(payment_id="payment-1", amount=Money.of("1.00", "EUR"))

async def refunded(reference):
    async with AsyncRefundClient([account]) as client:
        return (await client.refund("paybyrd", reference=reference, **arguments)).status.name

with RefundClient([account]) as client:
    print(client.refund("paybyrd", reference="r-1", **arguments).status.name)
print(asyncio.run(refunded("r-2")))
if "uvloop" in sys.argv:
    import uvloop
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(runner.run(refunded("r-3")))
"""


def test_nothing_depends_on_an_assertion() -> None:
    loops = ["uvloop"] if EVERY_COMBINATION else []
    with Server(answering()) as server:
        run = subprocess.run(
            [sys.executable, "-O", "-c", OPTIMISED, server.url, *loops],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert (run.stdout.split(), run.stderr) == (["SUCCEEDED"] * (2 + len(loops)), "")
