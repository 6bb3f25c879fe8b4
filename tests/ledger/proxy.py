"""A proxy between a client and PostgreSQL, which loses what it is told to lose."""

import socket
import threading
from contextlib import suppress
from typing import Final, Self
from urllib.parse import urlsplit, urlunsplit

_SIZE: Final = 65536


class Proxy:
    """A TCP proxy in front of the server of a URL, as a context manager.

    Once `swallow` is set to a text that a client will send, the reply to it is lost: the proxy closes both ends when
    the server has answered. Each text is lost once. `deaf` keeps everything from the server, and closes nothing.
    """

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.swallow: bytes | None = None
        self.swallowed = 0
        self.connected = 0
        self.deaf = threading.Event()

    @property
    def url(self) -> str:
        """The URL of the same database, through the proxy."""
        user = self._parts.netloc.rpartition("@")[0]
        return urlunsplit(self._parts._replace(netloc=f"{user}@127.0.0.1:{self._listener.getsockname()[1]}"))

    def cut(self) -> None:
        """Close every connection, as a firewall does with idle ones."""
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self.connected += 1
        assert self._parts.hostname is not None
        with (
            suppress(OSError),
            client,
            socket.create_connection((self._parts.hostname, self._parts.port or 0)) as server,
        ):
            self._open += [client, server]
            losing = threading.Event()
            back = threading.Thread(target=self._answers, args=(server, client, losing), daemon=True)
            back.start()
            while sent := client.recv(_SIZE):
                if self.swallow is not None and self.swallow in sent:
                    self.swallow = None
                    losing.set()
                server.sendall(sent)
        with suppress(OSError):
            client.close()

    def _answers(self, server: socket.socket, client: socket.socket, losing: threading.Event) -> None:
        with suppress(OSError):
            while answer := server.recv(_SIZE):
                if losing.is_set():
                    self.swallowed += 1
                    break
                if not self.deaf.is_set():
                    client.sendall(answer)
            client.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
