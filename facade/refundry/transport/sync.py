"""The transport of RefundClient: blocking sockets."""

from __future__ import annotations

import socket
from time import monotonic
from typing import TYPE_CHECKING, Final

from refundry.transport import http11
from refundry.transport.kept import Kept, has_input
from refundry.transport.network import Route, Unreachable, nothing_sent, route, told, tunnel_opened

if TYPE_CHECKING:
    import ssl

    from refundry.wire import SendFailure, Timeout, WireReply, WireRequest

_READ_BYTES: Final = 64 * 1024
_SHORTEST_WAIT: Final = 0.001  # zero would be no wait at all, but another mode of the socket


class HttpTransport:
    """Sends over connections that it keeps. May be used by many threads, and after a fork.

    `ssl_context` stands in for the certificates of certifi, or of SSL_CERT_FILE and SSL_CERT_DIR where they are set.
    The proxy for https is that of HTTPS_PROXY or ALL_PROXY, unless NO_PROXY names the host.
    """

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        self._ssl_context = ssl_context
        self._kept: Kept[_Connection] = Kept()

    def send(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
        """Send it once, over a kept connection where one is still good."""
        deadline = monotonic() + timeout.total
        try:
            data = http11.outgoing(request)
            connection = self._kept.take(request.origin)
            if connection is None:
                way = route(request.origin, self._ssl_context)
                connection = _Connection(_connected(way, min(timeout.connect, timeout.total)))
        except (OSError, ValueError, Unreachable) as error:
            return nothing_sent(error)
        reply = http11.Reply()
        keep = False
        try:
            connection.write(data, min(timeout.read, deadline - monotonic()))
            while not reply.take(connection.read(min(timeout.read, deadline - monotonic()))):
                pass
            keep = reply.reusable()
        except OSError as error:
            reply.failure = told(error)
        finally:
            if not (keep and self._kept.put(request.origin, connection)):
                connection.close()
        return reply.answer()

    def close(self) -> None:
        """Close the kept connections."""
        self._kept.close()


class _Connection:
    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._seconds = connected.gettimeout()

    def write(self, data: bytes, seconds: float) -> None:
        self._within(seconds)
        self._socket.sendall(data)

    def read(self, seconds: float) -> bytes:
        self._within(seconds)
        return self._socket.recv(_READ_BYTES)

    def _within(self, seconds: float) -> None:
        if seconds <= 0:
            raise TimeoutError
        if seconds != self._seconds:  # each change is a call to the system
            self._socket.settimeout(seconds)
            self._seconds = seconds

    def is_good(self) -> bool:
        return not has_input(self._socket.fileno())

    def close(self) -> None:
        self._socket.close()


def _connected(way: Route, seconds: float) -> socket.socket:
    deadline = monotonic() + seconds
    plain = socket.create_connection(way.address, seconds)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if way.tunnel is not None:
            _open_tunnel(plain, way.tunnel, deadline)
        return plain if way.tls is None else way.tls.wrap_socket(plain, server_hostname=way.host)
    except BaseException:
        plain.close()
        raise


def _open_tunnel(plain: socket.socket, request: bytes, deadline: float) -> None:
    plain.sendall(request)
    answer = b""
    try:
        while not tunnel_opened(answer):
            plain.settimeout(max(deadline - monotonic(), _SHORTEST_WAIT))
            received = plain.recv(_READ_BYTES)
            answer += received
            if not received:
                raise ConnectionResetError
    except ConnectionError:
        raise Unreachable("the proxy did not answer") from None
