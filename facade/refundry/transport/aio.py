"""The transport of AsyncRefundClient: connections of an asyncio event loop."""

from __future__ import annotations

import asyncio
import socket
from time import monotonic
from typing import TYPE_CHECKING, Final

from refundry.transport import http11
from refundry.transport.kept import Kept, has_input
from refundry.transport.network import Route, Unreachable, nothing_sent, route, told, tunnel_opened
from refundry.wire import MAX_REPLY_BYTES

if TYPE_CHECKING:
    import ssl

    from refundry.wire import SendFailure, Timeout, WireReply, WireRequest

_READ_BYTES: Final = 64 * 1024
# Each connection keeps one; without it, the event loop makes one of 256 KiB for each read.
_BUFFER_BYTES: Final = 16 * 1024


class AsyncHttpTransport:
    """As HttpTransport, for the tasks of one event loop."""

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        self._ssl_context = ssl_context
        self._kept: Kept[_Connection] = Kept()

    async def asend(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
        """Send it once, over a kept connection where one is still good."""
        deadline = monotonic() + timeout.total
        try:
            data = http11.outgoing(request)
            connection = self._kept.take(request.origin)
            if connection is None:
                async with asyncio.timeout(min(timeout.connect, timeout.total)):
                    connection = await _connected(route(request.origin, self._ssl_context))
        except (OSError, ValueError, Unreachable) as error:
            return nothing_sent(error)
        reply = http11.Reply()
        keep = False
        try:
            connection.write(data)
            while not reply.take(await connection.read(min(timeout.read, deadline - monotonic()))):
                pass
            keep = reply.reusable()
        except OSError as error:
            reply.failure = told(error)
        finally:
            if not (keep and self._kept.put(request.origin, connection)):
                connection.close()
        return reply.answer()

    async def aclose(self) -> None:
        """Close the kept connections."""
        self._kept.close()


class _Connection(asyncio.BufferedProtocol):
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray(_BUFFER_BYTES)
        self._received = bytearray()
        self._ended = False
        self._more: asyncio.Future[None] | None = None
        # One timer for many reads: where it goes off before the deadline of the last one, it is set anew.
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._received += memoryview(self._buffer)[:nbytes]
        if len(self._received) > MAX_REPLY_BYTES and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    def write(self, data: bytes) -> None:
        if self._transport is None or self._ended:
            raise ConnectionResetError
        self._transport.write(data)

    async def read(self, seconds: float) -> bytes:
        if not self._received and not self._ended:
            if seconds <= 0:
                raise TimeoutError
            self._more = self._loop.create_future()
            self._deadline = self._loop.time() + seconds
            if self._timer is None or self._timer.when() > self._deadline:
                self._set_timer()
            await self._more
        data = bytes(self._received)
        self._received.clear()
        if self._transport is not None and not self._transport.is_reading() and not self._ended:
            self._transport.resume_reading()
        return data

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._at_time)

    def _at_time(self) -> None:
        self._timer = None
        if self._more is None or self._more.done():
            return
        if self._loop.time() < self._deadline:
            self._set_timer()
        else:
            self._more.set_exception(TimeoutError())

    def is_good(self) -> bool:
        if self._transport is None or self._transport.is_closing() or self._received:
            return False
        # Asked of the system, for a busy event loop has not seen yet what has come.
        connected = self._transport.get_extra_info("socket")
        return self._loop is asyncio.get_running_loop() and not has_input(connected.fileno())

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None and not self._loop.is_closed():
            self._transport.abort()


async def _connected(way: Route) -> _Connection:
    loop = asyncio.get_running_loop()
    name = None if way.tls is None else way.host
    if way.tunnel is None:
        _, connection = await loop.create_connection(_Connection, *way.address, ssl=way.tls, server_hostname=name)
        return connection
    plain = await _tunnelled(loop, way, way.tunnel)
    _, connection = await loop.create_connection(_Connection, sock=plain, ssl=way.tls, server_hostname=name)
    return connection


async def _tunnelled(loop: asyncio.AbstractEventLoop, way: Route, tunnel: bytes) -> socket.socket:
    found = await loop.getaddrinfo(*way.address, type=socket.SOCK_STREAM)
    family, kind, protocol, _, address = found[0]
    plain = socket.socket(family, kind, protocol)
    try:
        plain.setblocking(False)
        await loop.sock_connect(plain, address)
        await _open_tunnel(loop, plain, tunnel)
    except BaseException:
        plain.close()
        raise
    return plain


async def _open_tunnel(loop: asyncio.AbstractEventLoop, plain: socket.socket, request: bytes) -> None:
    await loop.sock_sendall(plain, request)
    answer = b""
    try:
        while not tunnel_opened(answer):
            received = await loop.sock_recv(plain, _READ_BYTES)
            answer += received
            if not received:
                raise ConnectionResetError
    except ConnectionError:
        raise Unreachable("the proxy did not answer") from None
