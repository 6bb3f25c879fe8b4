"""An exception of a signal handler, of any class and at any place, ends the call, and nothing half-read is used."""

import asyncio
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Final

import pytest

from refundry import Evidence, WireReply, WireRequest
from refundry.transport import aio, http11
from refundry.transport.aio import AsyncHttpTransport
from refundry.transport.sync import HttpTransport
from tests.facade.support import Kind, new_loop
from tests.faults.breaking import Breaker, Broken
from tests.faults.servers import Peer, Script, Server, answering, once, reply
from tests.faults.support import AMPLE, SHORT, both_kinds, every_loop, within


class TimeLimit(Exception):
    """The exception of a worker's time limit."""


RAISED: Final = [TimeLimit(), TimeoutError(), ConnectionResetError(), ValueError(), Broken()]


@pytest.fixture(params=RAISED, ids=type)
def handled(request: pytest.FixtureRequest) -> Iterator[BaseException]:
    """The exception of the handler of SIGUSR1."""
    raised: BaseException = request.param

    def handler(*_: object) -> None:
        raise raised

    before = signal.signal(signal.SIGUSR1, handler)
    yield raised
    signal.signal(signal.SIGUSR1, before)


def interrupt(*_: object, **__: object) -> Any:
    signal.raise_signal(signal.SIGUSR1)


def interrupting(name: str) -> Callable[..., Any]:
    """Return a replacement of a function that is interrupted, with the parser's signature where the parser calls it."""
    return http11._keeping_error(interrupt) if name.startswith("on_") else interrupt


PLACES: Final[dict[str, tuple[object, str, Evidence]]] = {
    "building the request": (http11, "SecretBytes", Evidence.NOT_SENT),
    "a header of the reply": (http11.Reply, "on_header", Evidence.MAYBE_SENT),
    "the end of the head": (http11.Reply, "on_headers_complete", Evidence.MAYBE_SENT),
    "the end of the reply": (http11.Reply, "on_message_complete", Evidence.MAYBE_SENT),
    "taking the received bytes": (http11.Reply, "receive", Evidence.MAYBE_SENT),
    "the reply as a value": (http11, "decompressed", Evidence.MAYBE_SENT),
}


ANSWERING: Final = answering(reply(b"{}"))


@every_loop
@pytest.mark.parametrize("place", PLACES)
def test_an_exception_of_a_signal_handler_reaches_the_caller(
    kind: Kind, place: str, handled: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, name, evidence = PLACES[place]
    assert_passes_through(kind, owner, name, evidence, handled, monkeypatch)


@pytest.mark.parametrize("name", ["getaddrinfo", "create_default_context"])
def test_an_exception_of_a_signal_handler_while_connecting_reaches_the_caller(
    name: str, handled: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In a thread, as with an event loop, no signal is handled.
    owner = socket if name == "getaddrinfo" else ssl
    assert_passes_through("sync", owner, name, Evidence.NOT_SENT, handled, monkeypatch)


@pytest.mark.parametrize("kind", ["async"])
@pytest.mark.parametrize("name", ["data_received", "eof_received"])
def test_an_exception_of_a_signal_handler_in_the_event_loop_reaches_the_call(
    kind: Kind, name: str, handled: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aio._Connection, name, aio._forwarding(interrupt))
    script = once() if name == "eof_received" else answering()
    assert_passes_through(kind, None, name, Evidence.MAYBE_SENT, handled, monkeypatch, script)


def assert_passes_through(
    kind: Kind,
    owner: object,
    name: str,
    evidence: Evidence,
    handled: BaseException,
    monkeypatch: pytest.MonkeyPatch,
    script: Script = ANSWERING,
) -> None:
    with Server(script) as server, within(12):
        origin = server.url.replace("http://127.0.0.1", "https://localhost") if owner is ssl else server.url
        request = WireRequest("POST", origin, "/", (), (), b"{}")
        if owner is not None:
            monkeypatch.setattr(owner, name, interrupting(name))
        try:
            raise LookupError("what the caller is handling meanwhile")
        except LookupError:
            with pytest.raises(type(handled)) as raised:
                send(kind, request)
    assert raised.value is handled
    assert request.progress.evidence is evidence
    handled.__traceback__ = handled.__context__ = handled.__cause__ = None


def send(kind: Kind, request: WireRequest) -> object:
    if kind == "sync":
        transport = HttpTransport()
        try:
            return transport.send(request, AMPLE)
        finally:
            transport.close()

    async def asend() -> object:
        asynchronous = AsyncHttpTransport()
        try:
            return await asynchronous.asend(request, AMPLE)
        finally:
            await asynchronous.aclose()

    with asyncio.Runner(loop_factory=new_loop(kind)) as runner:
        return runner.run(asend())


def numbered(peer: Peer) -> None:
    """Answer each request with its own body, in two parts."""
    while (request := peer.request()) is not None:
        whole = reply(request.body)
        peer.send(whole[:-3], whole[-3:])


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.usefixtures("garbage_ignored")
@both_kinds
def test_an_interrupted_call_leaves_no_reply_for_the_next_one(
    kind: Kind, certified: Callable[[str], ssl.SSLContext], trusting: ssl.SSLContext
) -> None:
    outcomes: list[tuple[bool, object]] = []
    with Server(numbered, tls=certified("localhost")) as server, asyncio.Runner() as runner:
        transport: Any = HttpTransport(trusting) if kind == "sync" else AsyncHttpTransport(trusting)

        def ask(body: bytes) -> object:
            request = WireRequest("POST", server.url, "/", (), (), body)
            if kind == "sync":
                return transport.send(request, SHORT)
            return runner.run(transport.asend(request, SHORT))

        within, among = "send" if kind == "sync" else "asend", ("refundry/transport", "ssl.py", "asyncio")
        counting = Breaker(within, None, among)
        ask(b'"first"')
        counting.run(lambda: ask(b'"counted"'))
        for place in range(counting.places):
            breaker = Breaker(within, place, among)
            with suppress(Broken):
                breaker.run(partial(ask, b'"broken %d"' % place))
            answer = ask(b'"after %d"' % place)
            assert isinstance(answer, WireReply)
            outcomes.append((breaker.has_raised, answer.body == b'"after %d"' % place))
        if kind == "sync":
            transport.close()
        else:
            runner.run(transport.aclose())
    assert all(right for _, right in outcomes)
    assert sum(raised for raised, _ in outcomes) > len(outcomes) // 2
