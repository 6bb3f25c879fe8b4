"""Small servers on this machine that follow a script for each connection, and record the requests."""

import contextlib
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

SECONDS: Final = 10.0
"""The longest that any server waits for anything."""

_MOST_RECORDS: Final = 40

SUCCESS: Final = b'{"code":"BYRD200","isoAmount":100,"transactionId":"refund-1"}'
"""A body of Paybyrd that says one unit of money was refunded."""


def reply(body: bytes = SUCCESS, *headers: str, status: str = "200 OK", version: str = "HTTP/1.1") -> bytes:
    """Return a reply of declared length."""
    lines = [f"{version} {status}", "Content-Type: application/json", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def head(*headers: str, status: str = "200 OK", version: str = "HTTP/1.1") -> bytes:
    """Return the head of a reply, without any header but these."""
    return "\r\n".join([f"{version} {status}", *headers, "", ""]).encode()


@dataclass(frozen=True)
class Received:
    """One request: its first line, its headers with names in lower case, its body, and which connection it came on."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: int


class Peer:
    """The server's end of one connection."""

    def __init__(self, server: "Server", connected: socket.socket, number: int) -> None:
        self.number = number
        self._server = server
        self._socket = connected
        self._buffer = b""

    def request(self) -> Received | None:
        """Read one request and record it. None where the client closed the connection instead."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._more():
                return None
        start, _, rest = self._buffer.partition(b"\r\n\r\n")
        line, *fields = start.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        length = int(headers.get("content-length", "0"))
        while len(rest) < length:
            if not self._more():
                return None
            rest = self._buffer.partition(b"\r\n\r\n")[2]
        self._buffer = rest[length:]
        received = Received(line, headers, rest[:length], self.number)
        self._server.received(received)
        return received

    def _more(self) -> bool:
        data = self._socket.recv(65536)
        self._buffer += data
        return bool(data)

    def send(self, *parts: bytes, pause: float = 0) -> None:
        """Send each part, with a pause after each. Where the client has closed, the rest is dropped."""
        with contextlib.suppress(OSError):
            for part in parts:
                if self._server.records:
                    self._send_in_records(part)
                else:
                    self._socket.sendall(part)
                if pause and self._server.stopping.wait(pause):
                    return

    def _send_in_records(self, part: bytes) -> None:
        """Send lines each in a TLS record of its own, held back by the system until they can arrive at once."""
        lines = part.splitlines(keepends=True)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        for piece in (*lines[:_MOST_RECORDS], b"".join(lines[_MOST_RECORDS:])):
            half = len(piece) // 2
            for data in (piece[:half], piece[half:]):
                if data:
                    self._socket.sendall(data)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)

    def wait(self) -> None:
        """Wait until bytes have arrived."""
        select.select([self._socket], [], [], SECONDS)

    def reset(self, after: float = 0) -> None:
        """Abort the connection after a time, so that the client gets an RST."""
        self._server.stopping.wait(after)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self) -> None:
        """Close the connection, even where another thread waits on it."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):  # a client that is interrupted within the library may close its file twice
            self._socket.close()

    def hold(self) -> None:
        """Wait until the client closes the connection, or the server stops."""
        with contextlib.suppress(OSError):
            while not self._server.stopping.is_set():
                readable, _, _ = select.select([self._socket], [], [], 0.02)
                if readable and not self._socket.recv(65536):
                    return

    def secure(self, context: ssl.SSLContext) -> None:
        """Start TLS on the connection."""
        self._socket = context.wrap_socket(self._socket, server_side=True)

    def relay(self, port: int) -> None:
        """Relay all bytes, both ways, to a port of this machine."""
        with socket.create_connection(("127.0.0.1", port), SECONDS) as other, contextlib.suppress(OSError):
            ends: dict[socket.socket, socket.socket] = {self._socket: other, other: self._socket}
            while not self._server.stopping.is_set():
                decrypted = [end for end in ends if isinstance(end, ssl.SSLSocket) and end.pending()]
                for end in decrypted or select.select([*ends], [], [], 0.02)[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)


Script = Callable[[Peer], None]


class Server:
    """Listens on a port, and runs the next script for each connection. The last script repeats.

    With `records`, each line that it sends is in two TLS records of its own.
    `requests` are the complete ones, `connections` counts the accepted ones, `failures` are the server's own.
    """

    def __init__(
        self, *scripts: Script, tls: ssl.SSLContext | None = None, port: int = 0, records: bool = False
    ) -> None:
        self.records = records
        self.requests: list[Received] = []
        self.connections = 0
        self.failures: list[Exception] = []
        self.stopping = threading.Event()
        self.arrived = threading.Event()
        self._scripts = list(scripts)
        self._tls = tls
        self._serving: list[tuple[Peer, threading.Thread]] = []
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port: int = self._listening.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept)

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"https://localhost:{self.port}" if self._tls else f"http://127.0.0.1:{self.port}"

    def received(self, request: Received) -> None:
        """Record a request."""
        with self._lock:
            self.requests.append(request)
        self.arrived.set()

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._accepting.join(SECONDS)
        for peer, thread in self._serving:
            peer.close()
            thread.join(SECONDS)
        self._listening.close()
        assert not any(thread.is_alive() for thread in (self._accepting, *(thread for _, thread in self._serving)))
        assert self.failures == []

    def _accept(self) -> None:
        while not self.stopping.is_set():
            if not select.select([self._listening], [], [], 0.02)[0]:
                continue
            connected, _ = self._listening.accept()
            connected.settimeout(SECONDS)
            self.connections += 1
            script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
            peer = Peer(self, connected, self.connections)
            thread = threading.Thread(target=self._serve, args=(script, peer))
            self._serving.append((peer, thread))
            thread.start()

    def _serve(self, script: Script, peer: Peer) -> None:
        try:
            if self._tls is not None:
                peer.secure(self._tls)
            script(peer)
        except OSError:  # the client disconnected, which it may
            pass
        except Exception as error:  # noqa: BLE001 (a thread cannot raise: the server raises it when it stops)
            self.failures.append(error)
        finally:
            peer.close()


def answering(*replies: bytes, pause: float = 0) -> Script:
    """Return a script that answers every request on a connection with these parts."""

    def script(peer: Peer) -> None:
        while peer.request() is not None:
            peer.send(*(replies or (reply(),)), pause=pause)

    return script


def once(*parts: bytes, pause: float = 0) -> Script:
    """Return a script that answers one request with these parts, and closes the connection."""

    def script(peer: Peer) -> None:
        if peer.request() is not None:
            peer.send(*parts, pause=pause)

    return script
