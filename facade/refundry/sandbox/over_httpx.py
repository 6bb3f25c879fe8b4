"""The sandbox as an httpx transport, for tests that need no socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httpx

from refundry.sandbox.contract import Request
from refundry.sandbox.faults import Delivery, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from refundry.sandbox.simulator import Sandbox

_ENDED_EARLY: Final = "peer closed connection without sending complete message body"
_ENDED_IN_HEAD: Final = "peer closed connection without sending a complete response head"
_FAILURES: Final[Mapping[Delivery, tuple[type[httpx.TransportError], str]]] = {
    Delivery.REFUSED: (httpx.ConnectError, "the connection was refused"),
    Delivery.CUT: (httpx.RemoteProtocolError, "the server disconnected without sending a response"),
    Delivery.HANGING: (httpx.ReadTimeout, "the read timed out"),
}


class SandboxTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers requests of httpx.Client, httpx.AsyncClient and the generated clients.

    For the facade, put it into `refundry.transport.over_httpx.HttpxTransport`. The path of a request says which
    provider it is for; the host does not matter. It never waits. A connection that is cut before executing raises
    ConnectError, one that is cut after it RemoteProtocolError, and one that hangs ReadTimeout at once. A slow reply
    comes a byte at a time. An interim reply is left out.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of httpx.Client."""
        return self._answer(request, request.read())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of httpx.AsyncClient."""
        return self._answer(request, await request.aread())

    def _answer(self, request: httpx.Request, body: bytes) -> httpx.Response:
        target = request.url.raw_path.decode("ascii")
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = self._sandbox.handle(Request(request.method, target, headers, body))
        if reply.delivery in _FAILURES:
            kind, text = _FAILURES[reply.delivery]
            raise kind(text, request=request)
        if reply.delivery is Delivery.HALF and not reply.body:
            raise httpx.RemoteProtocolError(_ENDED_IN_HEAD, request=request)
        length = ("Content-Length", str(len(reply.body)))
        return httpx.Response(reply.status, headers=[*reply.headers, length], stream=_Body(reply))


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def __iter__(self) -> Iterator[bytes]:
        body = self._reply.body
        if self._reply.delivery is Delivery.HALF:
            yield body[: len(body) // 2]
            raise httpx.RemoteProtocolError(_ENDED_EARLY)
        step = 1 if self._reply.delivery is Delivery.DRIPPING else max(len(body), 1)
        for start in range(0, len(body), step):
            yield body[start : start + step]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part
