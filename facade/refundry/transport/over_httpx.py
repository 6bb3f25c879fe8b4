"""An httpx transport as a transport of refundry: for httpx's test transports, SOCKS proxies, and the like."""

from __future__ import annotations

from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import httpx

from refundry.transport.http11 import decompressed
from refundry.wire import MAX_REPLY_BYTES, USER_AGENT, Evidence, SendFailure, WireReply, WireRequest

if TYPE_CHECKING:
    from refundry.wire import Timeout

# The only ones that come before the first byte. A read or write that failed or timed out, a protocol error, a refusing
# proxy: each may come after it.
_NOTHING_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class HttpxTransport:
    """Carries requests over an httpx transport: `Paybyrd(..., transport=HttpxTransport(httpx.MockTransport(handler)))`.

    `inner` is an httpx.BaseTransport for RefundClient, an httpx.AsyncBaseTransport for AsyncRefundClient, or both.
    What it raises besides httpx's own transport errors is taken as maybe sent.
    """

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def send(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
        """Send it once."""
        deadline = monotonic() + timeout.total
        try:
            response: httpx.Response = self._inner.handle_request(_outgoing(request, timeout))
        except httpx.TransportError as error:
            return _failure(error)
        body = bytearray()
        complete = False
        with suppress(httpx.TransportError):
            try:
                assert isinstance(response.stream, httpx.SyncByteStream)
                for chunk in response.stream:
                    body += chunk
                    if len(body) > MAX_REPLY_BYTES or monotonic() > deadline:
                        break
                else:
                    complete = True
            finally:
                response.close()
        return _answer(response, body, complete)

    async def asend(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
        """Send it once."""
        deadline = monotonic() + timeout.total
        try:
            response: httpx.Response = await self._inner.handle_async_request(_outgoing(request, timeout))
        except httpx.TransportError as error:
            return _failure(error)
        body = bytearray()
        complete = False
        with suppress(httpx.TransportError):
            try:
                assert isinstance(response.stream, httpx.AsyncByteStream)
                async for chunk in response.stream:
                    body += chunk
                    if len(body) > MAX_REPLY_BYTES or monotonic() > deadline:
                        break
                else:
                    complete = True
            finally:
                await response.aclose()
        return _answer(response, body, complete)

    def close(self) -> None:
        """Close the httpx transport."""
        self._inner.close()

    async def aclose(self) -> None:
        """Close the httpx transport."""
        await self._inner.aclose()


def _outgoing(request: WireRequest, timeout: Timeout) -> httpx.Request:
    return httpx.Request(
        request.method,
        request.url,
        headers=[
            ("User-Agent", USER_AGENT),
            ("Accept-Encoding", "identity"),
            *request.headers,
            *((name, secret.reveal()) for name, secret in request.credentials),
        ],
        content=request.body,
        extensions={
            "timeout": {
                "connect": timeout.connect,
                "read": timeout.read,
                "write": timeout.read,
                "pool": timeout.connect,
            }
        },
    )


def _failure(error: httpx.TransportError) -> SendFailure:
    evidence = Evidence.NOT_SENT if isinstance(error, _NOTHING_SENT) else Evidence.MAYBE_SENT
    return SendFailure(evidence, type(error).__name__)


def _answer(response: httpx.Response, body: bytearray, complete: bool) -> WireReply:
    headers = tuple((name.lower(), value) for name, value in response.headers.multi_items())
    reply = WireReply(response.status_code, headers, bytes(body[:MAX_REPLY_BYTES]), complete)
    return decompressed(reply) if reply.header("content-encoding") else reply
