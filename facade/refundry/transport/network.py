"""The way to a host: its addresses, the certificates to trust, and what is told where there is no way."""

from __future__ import annotations

import os
import select
import socket
import ssl
from dataclasses import dataclass
from itertools import chain, zip_longest
from threading import Lock
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

from refundry.transport.http11 import Unsendable
from refundry.transport.proxies import tunnel
from refundry.wire import Evidence, SecretBytes, SendFailure

STAGGER: Final = 0.25
"""After how many seconds without an answer the next address is tried too (RFC 8305, section 5)."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# Far more than reading the certificates takes. A lock whose thread was interrupted may never be released.
_LONGEST_READING: Final = 2.0

_WORDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (TimeoutError, "timed out"),
    (ConnectionRefusedError, "the connection was refused"),
    (ConnectionError, "the connection broke"),
    (socket.gaierror, "the host's address was not found"),
    (ssl.SSLCertVerificationError, "the host's certificate is not trusted"),
    (ssl.SSLError, "the encryption failed"),
    (OSError, "the network failed"),
)


@dataclass(frozen=True, slots=True)
class Route:
    """Where to connect to. `tunnel` is what a proxy is asked with, None without one.

    `address` is the proxy's where there is one; `host` is the name that the certificate has to have.
    """

    address: tuple[str, int]
    host: str
    encrypted: bool
    tunnel: SecretBytes | None


def route(origin: str) -> Route:
    """The way to an origin. Plain http is only for this machine, and goes past every proxy.

    Raises Unsendable for a proxy that cannot be used.
    """
    parts = urlsplit(origin)
    host = parts.hostname or ""
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    if parts.scheme == "http":
        return Route((host, port), host, False, None)
    proxy_address, request = tunnel(host, port) or ((host, port), None)
    return Route(proxy_address, host, True, request)


class Trust:
    """The certificates that a transport trusts. They are read once in each process, when they are first needed.

    `given` stands in for the certificates of SSL_CERT_FILE and SSL_CERT_DIR, and of certifi without them.
    """

    def __init__(self, given: ssl.SSLContext | None) -> None:
        self._given = given
        # By process: a fork copies a lock as it is, held or not.
        self._read: dict[int, ssl.SSLContext] = {}
        self._locks: dict[int, Lock] = {}

    @property
    def known(self) -> ssl.SSLContext | None:
        """The context where it is given or was made already. Raises Unsendable for one that is none for a client."""
        given = self._given
        if given is None:
            return self._read.get(os.getpid())
        if not isinstance(given, ssl.SSLContext) or given.protocol is ssl.PROTOCOL_TLS_SERVER:
            raise Unsendable("ssl_context is no ssl.SSLContext of a client, such as ssl.create_default_context()")
        return given

    def context(self) -> ssl.SSLContext:
        """The context. Making it takes some 20 ms."""
        known = self.known
        if known is not None:
            return known
        lock = self._locks.setdefault(os.getpid(), Lock())
        locked = lock.acquire(timeout=_LONGEST_READING)
        try:
            known = self.known
            if known is None:
                known = self._read[os.getpid()] = _trusted()
            return known
        finally:
            if locked:
                lock.release()


def _trusted() -> ssl.SSLContext:
    if "SSL_CERT_FILE" in os.environ or "SSL_CERT_DIR" in os.environ:
        return ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"), capath=os.environ.get("SSL_CERT_DIR"))
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def by_turns(found: list[Any]) -> list[Any]:
    """What getaddrinfo found, the two families by turns, beginning with the first one's (RFC 8305, section 4)."""
    first = [one for one in found if one[0] == found[0][0]]
    others = [one for one in found if one[0] != found[0][0]]
    return [one for one in chain(*zip_longest(first, others)) if one is not None]


def has_input(file: int) -> bool:
    """Whether anything has come on a socket, the end of the stream among it."""
    if not hasattr(select, "poll"):
        return bool(select.select([file], [], [], 0)[0])
    waiting = select.poll()  # select() cannot take a file number above 1023
    waiting.register(file, select.POLLIN)
    return bool(waiting.poll(0))


def within(seconds: float, deadline: float) -> float:
    """The seconds, or what is left until the deadline. Raises TimeoutError where nothing is left."""
    left = min(seconds, deadline - monotonic())
    if left <= 0:
        raise TimeoutError
    return left


def nothing_sent(error: BaseException) -> SendFailure:
    """What is told of an error that came before the first byte of the request."""
    permanent = isinstance(error, Unsendable | ssl.SSLCertVerificationError)
    return SendFailure(Evidence.NOT_SENT, told(error), permanent, cause=error)


def told(error: BaseException) -> str:
    """An error in words of our own: those of the library may quote a part of what was sent."""
    if isinstance(error, Unsendable):
        return str(error)
    return next((words for kind, words in _WORDS if isinstance(error, kind)), f"failed with {type(error).__name__}")
