"""The transport of AsyncRefundClient: connections of an asyncio event loop, whichever loop that is."""

from __future__ import annotations

import asyncio
import socket
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec
from weakref import WeakKeyDictionary

from refundry.interruption import pass_through
from refundry.transport import http11
from refundry.transport.hiding import clear_variables
from refundry.transport.http11 import Unsendable
from refundry.transport.network import STAGGER, Trust, by_turns, has_input, nothing_sent, route, told, within
from refundry.transport.pool import ConnectionPool
from refundry.transport.proxies import tunnel_opened, with_more
from refundry.wire import Evidence, SecretBytes

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from refundry.limits import Timeout
from refundry.wire import SendFailure, WireReply, WireRequest

Arguments = ParamSpec("Arguments")

_READ_BYTES: Final = 64 * 1024
_HANDSHAKES_AT_ONCE: Final = 8  # with one host


class AsyncHttpTransport:
    """As HttpTransport, for the tasks of one event loop."""

    tells_progress = True

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        self._trust = Trust(ssl_context)
        self._kept: ConnectionPool[_Connection] = ConnectionPool()
        # A loop that is in the middle of many handshakes at once is held by all of them in one turn.
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Semaphore]] = WeakKeyDictionary()

    async def asend(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
        """Send it once, over a kept connection where one is still good."""
        request.progress.evidence = Evidence.NOT_SENT
        deadline = monotonic() + timeout.total
        reply = http11.Reply()
        connection: _Connection | None = None
        try:
            loop = _running_loop()
            connection = await self._kept_one(request.origin)
            if connection is None:
                gates = self._gates.setdefault(loop, {})
                gate = gates.setdefault(request.origin, asyncio.Semaphore(_HANDSHAKES_AT_ONCE))
                async with asyncio.timeout(within(inf, deadline)) as limit, gate:
                    # While this call waited for its turn, another one may have come to its end.
                    connection = await self._kept_one(request.origin)
                    if connection is None:
                        limit.reschedule(loop.time() + within(timeout.connect, deadline))
                        connection = await _connected(loop, request.origin, self._trust)
                        if not await connection.is_silent():
                            raise ConnectionResetError
            within(timeout.read, deadline)
            connection.write(request)
            while not reply.take(await connection.read(within(timeout.read, deadline))):
                pass
            self._kept.put(request.origin, connection, reply.seconds_to_keep() if connection.rest() else 0.0)
            connection = None
            return reply.answer()
        except BaseException as error:  # noqa: BLE001 (pass_through raises all that is not the network's)
            clear_variables(error)
            pass_through(error)
            if request.progress.evidence is Evidence.NOT_SENT:
                return nothing_sent(error)
            reply.fail(told(error), error)
            return reply.answer()
        finally:
            if connection is not None:
                connection.close()

    async def _kept_one(self, origin: str) -> _Connection | None:
        """A kept connection that can be used, or None. Those that cannot are closed."""
        connection = self._kept.take(origin)
        while connection is not None and not await connection.is_silent():
            connection.close()
            connection = self._kept.take(origin)
        return connection

    async def aclose(self) -> None:
        """Close the kept connections; one that is in use is closed after its reply."""
        self._kept.close()
        await asyncio.sleep(0)  # the loop closes them


def _forwarding(
    callback: Callable[Concatenate[_Connection, Arguments], None],
) -> Callable[Concatenate[_Connection, Arguments], None]:
    """A callback whose exception reaches the call that waits. A loop would log it, and the call would wait on."""

    def forwarding(connection: _Connection, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            callback(connection, *args, **kwargs)
        except BaseException as error:
            connection.end(error)
            if not isinstance(error, Exception):
                raise

    return forwarding


class _Connection(asyncio.Protocol):
    """One connection. Only what comes after a request was written is taken; whatever comes before closes it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None  # each loop has a class of its own
        self._file = -1
        self._asked = False
        self._received = bytearray()
        self._ended = False
        self._error: BaseException | None = None
        self._more: asyncio.Future[None] | None = None
        # One timer for many reads: where it goes off before the deadline of the last one, it is set anew.
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0

    @_forwarding
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._file = transport.get_extra_info("socket").fileno()

    @_forwarding
    def data_received(self, data: bytes) -> None:
        if self._asked:
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
    def _at_time(self) -> None:
        self._timer = None
        if self._more is None or self._more.done():
            return
        if self._loop.time() < self._deadline:
            self._set_timer()
        else:
            self._more.set_exception(TimeoutError())

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._at_time)

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    def end(self, error: BaseException | None) -> None:
        """Nothing more comes: the stream has ended, or for this reason."""
        self._ended = True
        self._error = self._error or error
        self._wake()

    def write(self, request: WireRequest) -> None:
        if self._ended:
            raise ConnectionResetError
        self._asked = True
        self._transport.write(http11.begun(request))

    async def read(self, seconds: float) -> bytes:
        if not self._received and not self._ended:
            self._more = self._loop.create_future()
            self._deadline = self._loop.time() + seconds
            if self._timer is None or self._timer.when() > self._deadline:
                self._set_timer()
            await self._more
        if self._error is not None:
            pass_through(self._error)
        if self._error is not None and not self._received:
            raise self._error
        data = SecretBytes(self._received)
        self._received.clear()
        return data

    def rest(self) -> bool:
        """Take nothing more until the next request. False where it cannot be used for another one."""
        self._asked = False
        return self.is_open() and not self._received

    def is_open(self) -> bool:
        # uvloop closes the file of a connection some turns before it says that the connection is lost. By then another
        # connection may have its number.
        return not self._ended and not self._transport.is_closing()

    async def is_silent(self) -> bool:
        """Whether it can be used: it is open in this loop, and nothing has come on it unasked."""
        if self._loop is not asyncio.get_running_loop():
            return False
        # The loop may have been busy. It takes what is there: something unasked, or a session ticket of TLS.
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
    name = way.host if way.encrypted else None
    _, connection = await loop.create_connection(_Connection, sock=plain, ssl=tls, server_hostname=name)
    return connection


async def _first_to_answer(loop: asyncio.AbstractEventLoop, address: tuple[str, int]) -> socket.socket:
    """A connection to the address of a host that answers first. Raises the last error where none does."""
    left = by_turns(await loop.getaddrinfo(*address, type=socket.SOCK_STREAM))
    failed: BaseException | None = None
    under_way: set[asyncio.Task[socket.socket]] = set()
    try:
        while left or under_way:
            if left:
                under_way.add(loop.create_task(_begun(loop, *left.pop(0))))
            ended, _ = await asyncio.wait(
                under_way, timeout=STAGGER if left else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in ended:
                under_way.discard(task)
                failed = task.exception()
                if failed is None:
                    return task.result()
                pass_through(failed)
    finally:
        for task in under_way:
            if not task.cancel() and not task.cancelled() and task.exception() is None:
                task.result().close()
    raise failed or OSError()


async def _begun(
    loop: asyncio.AbstractEventLoop, family: int, kind: int, protocol: int, _: str, address: Any
) -> socket.socket:
    begun = socket.socket(family, kind, protocol)
    try:
        begun.setblocking(False)
        await loop.sock_connect(begun, address)
    except BaseException:
        begun.close()
        raise
    return begun


async def _open_tunnel(loop: asyncio.AbstractEventLoop, plain: socket.socket, request: SecretBytes) -> None:
    await loop.sock_sendall(plain, request)
    answer = b""
    while not tunnel_opened(answer):
        answer = with_more(answer, await loop.sock_recv(plain, _READ_BYTES))
