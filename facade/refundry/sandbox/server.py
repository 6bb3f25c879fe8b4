"""The sandbox as an HTTP server: one port for all three providers, whose paths differ.

It is the server of Python's standard library, a thread for each connection: it needs no package, lets a handler write
the bytes of a broken reply itself and cut its own connection, and is fast enough for tests. It is on loopback, and no
server for a network that others are in.

A page in a browser on the same machine can reach it all the same, by its address or by a name that was made to lead
there (DNS rebinding). So it answers no call that a browser sends for a page, and none to a name that it has not.
"""

from __future__ import annotations

import re
import socket
import threading
from http.client import responses
from http.server import BaseHTTPRequestHandler
from ipaddress import IPv4Address
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING, Any, Final

from refundry.sandbox.contract import Request
from refundry.sandbox.control import PREFIX, control
from refundry.sandbox.faults import Delivery, Reply, json_reply

if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import Message
    from typing import Self

    from refundry.sandbox.simulator import Sandbox

_MAX_REQUEST_BYTES: Final = 1024 * 1024
_LENGTH: Final = re.compile(r"[0-9]+")
_MAX_DIGITS: Final = 20
_LAST: Final = ("Connection", "close")
HOST_NAME: Final = re.compile(r"[0-9a-z._-]+|[0-9a-f:.]+")
_HOST: Final = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<name>[^:]*))(?::[0-9]*)?")
_OWN_NAMES: Final = ("localhost", "127.0.0.1", "::1")
_SECONDS_TO_STOP: Final = 5.0
_INTERIM: Final = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"


class SandboxServer:
    """Serves a sandbox over HTTP/1.1 for as long as its `with` lasts, or from `start` to `close`.

    `host` is an IPv4 address of this machine's loopback, `port` 0 takes any that is free. With `allow_remote`, which is
    meant for a network of containers, `host` may be any address of this machine, "0.0.0.0" for all of them: whoever
    reaches it can ask and script everything. `base_url` is where this machine reaches it.

    A call is answered where its Host is localhost, the address that it came to, or one of `host_names`, on any port.
    One with another Host, and one that a browser sends for a page (it has an Origin, or a Sec-Fetch-Site other than
    "none"), is refused with 403 and a `message`, and meets nothing of the sandbox.

    Callbacks are sent to this machine, and to `callback_hosts`.

    `drip_seconds` is the pause between two bytes of a slow reply. A reply that hangs lasts until the client goes or the
    server closes. To the client a connection that is cut before executing looks as one that is cut after it: the server
    has to read the request to know which fault it meets. Raises ValueError for a host that is not loopback without
    `allow_remote` and for a host name that is none, OSError for a host or a port that cannot be had.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        allow_remote: bool = False,
        host_names: Iterable[str] = (),
        drip_seconds: float = 0.05,
        callback_hosts: Iterable[str] = (),
    ) -> None:
        if not (IPv4Address(host).is_loopback or allow_remote):
            raise ValueError(
                f"{host} is not an address of the loopback, such as 127.0.0.1, and allow_remote is not given"
            )
        names = [name.lower() for name in host_names]
        receivers = frozenset(name.lower() for name in callback_hosts)
        for name in (*names, *receivers):
            if not HOST_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a host name alone, such as sandbox")
        self._server = _Server((host, port), sandbox, frozenset((*_OWN_NAMES, *names)), drip_seconds, receivers)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        reached_at = "127.0.0.1" if IPv4Address(host).is_unspecified else host
        self.base_url: str = f"http://{reached_at}:{self._server.socket.getsockname()[1]}"

    def start(self) -> None:
        """Begin to answer. It already listens."""
        self._thread.start()

    def close(self) -> None:
        """Stop. Replies that hang or drip end at once, and every connection is closed."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.drop_connections()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        sandbox: Sandbox,
        host_names: frozenset[str],
        drip_seconds: float,
        callback_hosts: frozenset[str],
    ) -> None:
        self.callback_hosts = callback_hosts
        self.sandbox = sandbox
        self.host_names = host_names
        self.drip_seconds = drip_seconds
        self.closing = threading.Event()
        self._connections: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._changed:
            self._connections.discard(request)
            self._changed.notify_all()

    def drop_connections(self) -> None:
        """End every connection, and wait for its thread."""
        self.closing.set()
        with self._changed:
            for connection in self._connections:
                _end(connection)
            self._changed.wait_for(lambda: not self._connections, _SECONDS_TO_STOP)


def _end(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # the client was faster
        return


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:  # the client has gone
            self.close_connection = True

    @property
    def http_server(self) -> _Server:
        assert isinstance(self.server, _Server)
        return self.server

    def do_any(self) -> None:
        body = self._body()
        if isinstance(body, Reply):
            self.close_connection = True
            self._deliver(body)
            return
        here: str = self.connection.getsockname()[0]
        why = _why_refused(self.headers, self.http_server.host_names | {here})
        if why is not None:
            self._deliver(json_reply(403, {"message": why}))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body)
        if self.path.startswith(PREFIX):
            self._deliver(control(self.http_server.sandbox, request, self.http_server.callback_hosts))
        else:
            self._deliver(self.http_server.sandbox.handle(request))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_any  # noqa: N815 (http.server finds them so)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a header or a path may hold a secret."""

    def _body(self) -> bytes | Reply:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers:
            return json_reply(411, {"message": "the sandbox needs a Content-Length"}, _LAST)
        if not _LENGTH.fullmatch(length):
            return json_reply(400, {"message": "the Content-Length is not a number"}, _LAST)
        if len(length) > _MAX_DIGITS or int(length) > _MAX_REQUEST_BYTES:
            return json_reply(413, {"message": "the body is above 1 MiB"}, _LAST)
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionError("the client has gone in the middle of its request")
        return body

    def _deliver(self, reply: Reply) -> None:
        whole = _head(reply) + reply.body
        match reply.delivery:
            case Delivery.REFUSED | Delivery.CUT:
                self.close_connection = True
            case Delivery.HANGING:
                # Until the client goes, or the server shuts the connection down.
                self.connection.makefile("rb", 0).read()
                self.close_connection = True
            case Delivery.HALF:
                cut_off = (len(reply.body or whole) + 1) // 2
                self.wfile.write(whole[: len(whole) - cut_off])
                self.close_connection = True
            case Delivery.DRIPPING:
                for byte in whole:
                    self.wfile.write(bytes([byte]))
                    if self.http_server.closing.wait(self.http_server.drip_seconds):
                        break
            case Delivery.AFTER_INTERIM:
                self.wfile.write(_INTERIM + whole)
            case Delivery.TWICE:
                self.wfile.write(whole + whole)
            case _:
                self.wfile.write(whole)


def _why_refused(headers: Message, names: frozenset[str]) -> str | None:
    """Why a call with these headers is refused, or None. A page can neither leave these headers out nor choose them."""
    if "Origin" in headers or headers.get("Sec-Fetch-Site", "none") != "none":
        return "the sandbox answers no web page: the call has an Origin or a Sec-Fetch-Site header"
    given = headers.get_all("Host", [])
    host = _HOST.fullmatch(given[0].strip().lower()) if len(given) == 1 else None
    name = "" if host is None else host["v6"] or host["name"] or ""
    if name.removesuffix(".") in names:
        return None
    known = ", ".join(sorted(names))
    return (
        f"the sandbox is not called {name[:60]!r}, which is the Host of the call; it is called {known}. "
        "Start it with --host-name NAME, or with SandboxServer(host_names=[NAME]), to add a name"
    )


def _head(reply: Reply) -> bytes:
    lines = [
        f"HTTP/1.1 {reply.status} {responses.get(reply.status, '')}",
        *(f"{name}: {value}" for name, value in reply.headers),
        f"Content-Length: {len(reply.body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
