"""Calls that fail or are interrupted at any line: the traceback and its variables show no credential."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest

from refundry import Secret, SendFailure, Timeout, WireReply, WireRequest
from refundry.transport.aio import AsyncHttpTransport
from refundry.transport.over_httpx import HttpxTransport
from refundry.transport.sync import HttpTransport
from refundry.wire import SecretBytes
from tests.facade.canary import CANARY, assert_hidden
from tests.facade.support import new_loop
from tests.faults.breaking import Breaker, Broken
from tests.faults.reporters import reported
from tests.faults.servers import Peer, Server, answering, once
from tests.faults.support import AMPLE, EVERY_COMBINATION, SHORT
from tests.faults.test_proxies import tunnel_to

KINDS: Final = ("sync", "async", "sync-httpx", "async-httpx", *(["uvloop"] if EVERY_COMBINATION else []))
PROXY: Final = "http://user:canary%2Bof%2Fthe~key%3D%3D@127.0.0.1"
OWN: Final = ("refundry/transport",)
"""A call is interrupted at every line of these,"""
OTHERS: Final = ("ssl.py", "asyncio/selector_events.py", "asyncio/sslproto.py", "httpx/", "httpcore/", "h11/", "anyio/")
"""and at as many lines of these as MOST, evenly over the whole of it."""
MOST: Final = 40


def request_to(origin: str) -> WireRequest:
    return WireRequest(
        "POST",
        origin,
        "/",
        (("Content-Type", "application/json"),),
        (("X-API-Key", Secret(CANARY)), ("Authorization", Secret(f"Bearer {CANARY}"))),
        SecretBytes(b'{"client_secret":"%b","more":"%b"}' % (CANARY.encode(), b"x" * 200)),
    )


def sent(kind: str, request: WireRequest, trusting: ssl.SSLContext, timeout: Timeout = AMPLE) -> object:
    """Send over a new transport of this kind."""
    if kind == "sync":
        return closing(HttpTransport(trusting), request, timeout)
    if kind == "sync-httpx":
        # Not closed: an interrupted call may have left httpcore's lock held.
        return HttpxTransport(httpx.HTTPTransport(verify=trusting)).send(request, timeout)
    with asyncio.Runner(loop_factory=new_loop("uvloop" if kind == "uvloop" else "async")) as runner:
        made: Any = AsyncHttpTransport(trusting)
        if kind == "async-httpx":
            made = HttpxTransport(httpx.AsyncHTTPTransport(verify=trusting))
        return runner.run(aclosing(made, request, timeout))


def closing(transport: Any, request: WireRequest, timeout: Timeout) -> object:
    try:
        return transport.send(request, timeout)
    finally:
        transport.close()


async def aclosing(transport: Any, request: WireRequest, timeout: Timeout) -> object:
    try:
        return await transport.asend(request, timeout)
    finally:
        await transport.aclose()


def assert_nothing_shows(error: BaseException) -> None:
    report = reported(error)
    assert "request = " in report["traceback"]  # the variables of its callers
    for text in report.values():
        assert_hidden(text)
        assert "canary" not in text


def hold(peer: Peer) -> None:
    peer.request()
    peer.hold()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.usefixtures("garbage_ignored")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("script", [once(), once(b"SSH-2.0\r\n\r\n"), hold], ids=["closed", "not HTTP", "hangs"])
def test_the_cause_of_a_failure_shows_no_credential(
    kind: str,
    script: Callable[[Peer], None],
    certified: Callable[[str], ssl.SSLContext],
    trusting: ssl.SSLContext,
) -> None:
    with Server(script, tls=certified("localhost")) as server:
        answer = sent(kind, request_to(server.url), trusting, SHORT)
    assert isinstance(answer, SendFailure)
    if answer.cause is not None:
        assert_nothing_shows(answer.cause)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.usefixtures("garbage_ignored")
@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_call_shows_no_credential(
    kind: str,
    certified: Callable[[str], ssl.SSLContext],
    trusting: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    within = {"sync": "send", "sync-httpx": "fetch"}.get(kind, "asend")

    def broken_at(place: int | None, among: tuple[str, ...]) -> Breaker:
        breaker = Breaker(within, place, among)
        try:
            assert isinstance(breaker.run(lambda: sent(kind, request_to(origin.url), trusting)), WireReply)
        except (Broken, BaseExceptionGroup) as error:  # anyio raises it as a group
            assert_nothing_shows(error)
        return breaker

    with Server(answering(), tls=certified("localhost")) as origin, Server(tunnel_to(origin)) as proxy:
        monkeypatch.setenv(
            "HTTPS_PROXY", f"{PROXY}:{proxy.port}"
        )  # the credentials of the token call are in the variables too
        sent(kind, request_to(origin.url), trusting)
        own = broken_at(None, OWN).places
        others = broken_at(None, OTHERS).places
        broken = [broken_at(place, OWN).has_raised for place in range(own)]
        broken += [broken_at(place, OTHERS).has_raised for place in range(0, others, max(others // MOST, 1))]
    assert sum(broken) > len(broken) * 0.8
    assert len(broken) > MOST
