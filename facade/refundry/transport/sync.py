"""The transport of RefundClient: blocking sockets."""

from __future__ import annotations

import select
import socket
import sys
from time import monotonic
from typing import TYPE_CHECKING, Final

from refundry.transport import http11
from refundry.transport.kept import Kept
from refundry.transport.network import Route, Unreachable, nothing_sent, route, told, tunnel_opened

if TYPE_CHECKING:
    import ssl

    from refundry.wire import SendFailure, Timeout, WireReply, WireRequest

_READ_BYTES: Final = 64 * 1024


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
        return not _readable(self._socket)

    def close(self) -> None:
        self._socket.close()


def _readable(connected: socket.socket) -> bool:
    """Whether anything has come, the end of the stream among it."""
    if sys.platform == "win32":
        return bool(select.select([connected], [], [], 0)[0])
    waiting = select.poll()  # select() cannot take a file number above 1023
    waiting.register(connected, select.POLLIN)
    return bool(waiting.poll(0))


def _connected(way: Route, seconds: float) -> socket.socket:
    plain = socket.create_connection(way.address, seconds)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if way.tunnel is not None:
            plain.sendall(way.tunnel)
            head = b""
            while not tunnel_opened(head):
                received = plain.recv(_READ_BYTES)
                head += received
                if not received or len(head) > _READ_BYTES:
                    raise Unreachable("the proxy did not answer")
        return plain if way.tls is None else way.tls.wrap_socket(plain, server_hostname=way.host)
    except BaseException:
        plain.close()
        raise
