"""The transport of AsyncRefundClient, over an event loop of asyncio or uvloop."""

from __future__ import annotations

import asyncio
import socket
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec
from weakref import WeakKeyDictionary

from refundry.interruption import pass_through
from refundry.transport import http11
from refundry.transport.failures import Unsendable
from refundry.transport.network import STAGGER, Trust, by_turns, has_input, route, within
from refundry.transport.pool import ConnectionPool
from refundry.transport.proxies import tunnel_opened, with_more
from refundry.wire import Evidence, SecretBytes

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from refundry.limits import Timeout
    from refundry.wire import SendFailure, WireReply, WireRequest

Arguments = ParamSpec("Arguments")

_READ_BYTES: Final = 16 * 1024
_HANDSHAKES_AT_ONCE: Final = 8  # with one host


class AsyncHttpTransport:
    """HttpTransport for the tasks of an event loop."""

    tells_progress = True

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        self._trust = Trust(ssl_context)
        self._pool: ConnectionPool[_Connection] = ConnectionPool()
        # Many handshakes at once hold the loop: it does a step of each in one turn.
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Semaphore]] = WeakKeyDictionary()

    async def asend(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
        """Send it once, over a kept connection where one is open."""
        request.progress.evidence = Evidence.NOT_SENT
        deadline = monotonic() + timeout.total
        reply = http11.Reply()
        connection: _Connection | None = None
        try:
            loop = _running_loop()
            connection = await self._reusable(request.origin)
            if connection is None:
                gates = self._gates.setdefault(loop, {})
                gate = gates.setdefault(request.origin, asyncio.Semaphore(_HANDSHAKES_AT_ONCE))
                async with asyncio.timeout(within(inf, deadline)) as limit, gate:
                    # While this call waited for its turn, another call may have freed its connection.
                    connection = await self._reusable(request.origin)
                    if connection is None:
                        limit.reschedule(loop.time() + within(timeout.connect, deadline))
                        connection = await _connected(loop, request.origin, self._trust)
                        if not await connection.is_silent():
                            raise ConnectionResetError
            within(timeout.read, deadline)
            connection.write(request)
            while not reply.receive(await connection.read(within(timeout.read, deadline))):
                pass
            self._pool.put(request.origin, connection, reply.seconds_to_keep() if connection.stop_reading() else 0.0)
            connection = None
            return reply.answer()
        except BaseException as error:  # noqa: BLE001 (outcome_of_error raises what interrupted the call)
            return http11.outcome_of_error(error, request, reply)
        finally:
            if connection is not None:
                connection.close()

    async def _reusable(self, origin: str) -> _Connection | None:
        """A kept connection that can carry a request, or None. It closes the others that it finds."""
        connection = self._pool.take(origin)
        while connection is not None and not await connection.is_silent():
            connection.close()
            connection = self._pool.take(origin)
        return connection

    async def aclose(self) -> None:
        """Close the kept connections. One in use is closed after its reply."""
        self._pool.close()
        await asyncio.sleep(0)  # the loop closes them in its next turn


def _forwarding(
    callback: Callable[Concatenate[_Connection, Arguments], None],
) -> Callable[Concatenate[_Connection, Arguments], None]:
    """A callback whose exception ends the call that waits. The loop would log it, and the call would go on waiting."""

    def forwarding(connection: _Connection, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            callback(connection, *args, **kwargs)
        except BaseException as error:
            connection.end(error)
            if not isinstance(error, Exception):
                raise

    return forwarding


class _Connection(asyncio.Protocol):
    """One connection. It reads only after a request was written: what comes before that closes it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None  # each loop has a class of its own
        self._file = -1
        self._awaits_reply = False
        self._received = bytearray()
        self._ended = False
        self._error: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None
        # One timer serves many reads: where it fires before the deadline of the last read, it is set again.
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0

    @_forwarding
    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._file = transport.get_extra_info("socket").fileno()
        if hasattr(transport, "max_size"):  # asyncio allocates 256 KiB for each read, which costs a third of it
            transport.max_size = _READ_BYTES

    @_forwarding
    def data_received(self, data: bytes) -> None:
        if self._awaits_reply:
            self._received += data
            self._wake()
        else:
            self.close()

    @_forwarding
    def eof_received(self) -> None:
        self.end(None)

    @_forwarding
    def connection_lost(self, exc: Exception | None) -> None:
        self.end(exc)

    @_forwarding
    def _on_timer(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() < self._deadline:
            self._set_timer()
        else:
            self._waiter.set_exception(TimeoutError())

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._on_timer)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def end(self, error: BaseException | None) -> None:
        """Nothing more comes, because of this error, or of the end of the stream."""
        self._ended = True
        self._error = self._error or error
        self._wake()

    def write(self, request: WireRequest) -> None:
        if self._ended:
            raise ConnectionResetError
        self._awaits_reply = True
        self._transport.write(http11.request_bytes(request))

    async def read(self, seconds: float) -> bytes:
        if not self._received and not self._ended:
            self._waiter = self._loop.create_future()
            self._deadline = self._loop.time() + seconds
            if self._timer is None or self._timer.when() > self._deadline:
                self._set_timer()
            await self._waiter
        if self._error is not None:
            pass_through(self._error)
        if self._error is not None and not self._received:
            raise self._error
        data = SecretBytes(self._received)
        self._received.clear()
        return data

    def stop_reading(self) -> bool:
        """Read nothing until the next request. False where the connection cannot carry another one."""
        self._awaits_reply = False
        return self.is_open() and not self._received

    def is_open(self) -> bool:
        # uvloop closes the file some turns before it calls connection_lost. By then its number may be another's.
        return not self._ended and not self._transport.is_closing()

    async def is_silent(self) -> bool:
        """Whether it can carry a request: it belongs to this loop, is open, and has received nothing unasked."""
        if self._loop is not asyncio.get_running_loop():
            return False
        # The loop may have been busy. Now it reads what is there: something unasked, or a session ticket of TLS.
        while self.is_open() and has_input(self._file):
            await asyncio.sleep(0)
        return self.is_open()

    def close(self) -> None:
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is None or self._loop.is_closed():
            return
        if self._loop is asyncio.get_running_loop():
            self._transport.abort()
        else:
            self._loop.call_soon_threadsafe(self._transport.abort)


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError as error:
        pass_through(error)
    raise Unsendable(
        "the connections of AsyncRefundClient need asyncio or uvloop; elsewhere, as under trio, give the provider a "
        "transport, such as HttpxTransport(httpx.AsyncHTTPTransport())"
    )


async def _connected(loop: asyncio.AbstractEventLoop, origin: str, trust: Trust) -> _Connection:
    way = route(origin)
    tls = trust.known if way.encrypted else None
    if way.encrypted and tls is None:
        tls = await loop.run_in_executor(None, trust.context)
    plain = await _first_to_answer(loop, way.address)
    try:
        if way.tunnel is not None:
            await _open_tunnel(loop, plain, way.tunnel)
    except BaseException:
        plain.close()
        raise
    # From here on the loop owns the socket, also where this fails: it may have closed its file already.
    name = way.host if way.encrypted else None
    _, connection = await loop.create_connection(_Connection, sock=plain, ssl=tls, server_hostname=name)
    return connection


async def _first_to_answer(loop: asyncio.AbstractEventLoop, address: tuple[str, int]) -> socket.socket:
    """A connection to the address that answers first. Raises the last error where no address answers."""
    left = by_turns(await loop.getaddrinfo(*address, type=socket.SOCK_STREAM))
    failed: BaseException | None = None
    connecting: set[asyncio.Task[socket.socket]] = set()
    try:
        while left or connecting:
            if left:
                connecting.add(loop.create_task(_started(loop, *left.pop(0))))
            ended, _ = await asyncio.wait(
                connecting, timeout=STAGGER if left else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in ended:
                connecting.discard(task)
                failed = task.exception()
                if failed is None:
                    return task.result()
                pass_through(failed)
    finally:
        for task in connecting:
            if not task.cancel() and not task.cancelled() and task.exception() is None:
                task.result().close()
    raise failed or OSError()


async def _started(
    loop: asyncio.AbstractEventLoop, family: int, kind: int, protocol: int, _: str, address: Any
) -> socket.socket:
    started = socket.socket(family, kind, protocol)
    try:
        started.setblocking(False)
        await loop.sock_connect(started, address)
    except BaseException:
        started.close()
        raise
    return started


async def _open_tunnel(loop: asyncio.AbstractEventLoop, plain: socket.socket, request: SecretBytes) -> None:
    await loop.sock_sendall(plain, request)
    answer = b""
    while not tunnel_opened(answer):
        answer = with_more(answer, await loop.sock_recv(plain, _READ_BYTES))
