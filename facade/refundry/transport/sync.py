"""The transport of RefundClient, over blocking sockets."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import ssl
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from refundry.interruption import pass_through
from refundry.transport import http11
from refundry.transport.network import STAGGER, Trust, by_turns, has_input, route, within
from refundry.transport.pool import ConnectionPool
from refundry.transport.proxies import tunnel_opened, with_more
from refundry.wire import Evidence, SecretBytes

if TYPE_CHECKING:
    from refundry.limits import Timeout
    from refundry.wire import SendFailure, WireReply, WireRequest

_READ_BYTES: Final = 64 * 1024
_IN_PROGRESS: Final = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)


class HttpTransport:
    """Sends requests over HTTP/1.1 on connections that it keeps. Threads may share it, and a fork may use it.

    `ssl_context` says which certificates to trust. Without it they come from SSL_CERT_FILE and SSL_CERT_DIR, or else
    from certifi. HTTPS_PROXY or ALL_PROXY names the proxy for https, unless NO_PROXY names the host.
    """

    tells_progress = True

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        self._trust = Trust(ssl_context)
        self._pool: ConnectionPool[_Connection] = ConnectionPool()

    def send(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
        """Send it once, over a kept connection where one is open."""
        request.progress.evidence = Evidence.NOT_SENT
        deadline = monotonic() + timeout.total
        reply = http11.Reply()
        connection: _Connection | None = None
        try:
            connection = self._pool.take(request.origin)
            if connection is None:
                connection = _connected(request.origin, self._trust, monotonic() + within(timeout.connect, deadline))
            connection.write(request, within(timeout.read, deadline))
            while not reply.receive(connection.read(within(timeout.read, deadline))):
                pass
            done, connection = connection, None  # once it is in the pool, another thread may have it
            self._pool.put(request.origin, done, reply.seconds_to_keep())
            return reply.answer()
        except BaseException as error:  # noqa: BLE001 (outcome_of_error raises what interrupted the call)
            return http11.outcome_of_error(error, request, reply)
        finally:
            if connection is not None:
                connection.close()

    def close(self) -> None:
        """Close the kept connections. One in use is closed after its reply."""
        self._pool.close()


class _Connection:
    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._seconds = connected.gettimeout()

    def write(self, request: WireRequest, seconds: float) -> None:
        self._within(seconds)
        self._socket.sendall(http11.request_bytes(request))

    def read(self, seconds: float) -> bytes:
        self._within(seconds)
        return SecretBytes(self._socket.recv(_READ_BYTES))

    def _within(self, seconds: float) -> None:
        if seconds != self._seconds:  # each change is a call to the system
            self._socket.settimeout(seconds)
            self._seconds = seconds

    def is_open(self) -> bool:
        pending = self._socket.pending() if isinstance(self._socket, ssl.SSLSocket) else 0
        return not pending and (not has_input(self._socket.fileno()) or self._is_for_tls())

    def _is_for_tls(self) -> bool:
        """Whether TLS alone has sent something, such as a session ticket. Reads that."""
        try:
            self._within(0)
            self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError) as error:
            pass_through(error)
            return True
        except OSError as error:
            pass_through(error)
        return False

    def close(self) -> None:
        self._socket.close()


def _connected(origin: str, trust: Trust, deadline: float) -> _Connection:
    way = route(origin)
    tls = trust.context() if way.encrypted else None
    connected = _first_to_answer(way.address, deadline)
    try:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if way.tunnel is not None:
            _open_tunnel(connected, way.tunnel, deadline)
        connected.settimeout(within(inf, deadline))
        if tls is not None:
            connected = tls.wrap_socket(connected, server_hostname=way.host)
        connection = _Connection(connected)
        if not connection.is_open():
            raise ConnectionResetError
        return connection
    except BaseException:
        connected.close()
        raise


def _first_to_answer(address: tuple[str, int], deadline: float) -> socket.socket:
    """A connection to the address that answers first. Raises the last error where no address answers."""
    left = by_turns(socket.getaddrinfo(*address, type=socket.SOCK_STREAM))
    failed = OSError()
    with selectors.DefaultSelector() as connecting:
        try:
            while left or connecting.get_map():
                if left:
                    try:
                        started = _started(*left.pop(0))
                        connecting.register(started, selectors.EVENT_WRITE, started)
                    except OSError as error:
                        pass_through(error)
                        failed = error
                        continue
                for key, _ in connecting.select(within(STAGGER if left else inf, deadline)):
                    answered: socket.socket = key.data
                    connecting.unregister(answered)
                    refused = answered.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if not refused:
                        return answered
                    answered.close()
                    failed = OSError(refused, os.strerror(refused))
        finally:
            for key in [*connecting.get_map().values()]:
                key.data.close()
    raise failed


def _started(family: int, kind: int, protocol: int, _: str, address: Any) -> socket.socket:
    started = socket.socket(family, kind, protocol)
    started.setblocking(False)
    refused = started.connect_ex(address)
    if refused not in _IN_PROGRESS:
        started.close()
        raise OSError(refused, os.strerror(refused))
    return started


def _open_tunnel(connected: socket.socket, request: SecretBytes, deadline: float) -> None:
    connected.settimeout(within(inf, deadline))
    connected.sendall(request)
    answer = b""
    while not tunnel_opened(answer):
        connected.settimeout(within(inf, deadline))
        answer = with_more(answer, connected.recv(_READ_BYTES))
