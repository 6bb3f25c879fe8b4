"""The way to a host: its route, its addresses, and the certificates to trust."""

from __future__ import annotations

import os
import select
import ssl
from dataclasses import dataclass
from itertools import chain, zip_longest
from threading import Lock
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

from refundry.guard import refusal
from refundry.transport.failures import Unsendable
from refundry.transport.proxies import tunnel
from refundry.wire import SecretBytes

STAGGER: Final = 0.25
"""Seconds to wait for one address before the next one is tried as well (RFC 8305, section 5)."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# Reading the certificates takes far less. The lock of a thread that was interrupted may never be released.
_LONGEST_READING: Final = 2.0


@dataclass(frozen=True, slots=True)
class Route:
    """Where to connect, and how.

    `address` is the proxy's where there is a proxy. `host` is the name that the certificate must have. `tunnel` is the
    CONNECT request for the proxy; None without one.
    """

    address: tuple[str, int]
    host: str
    encrypted: bool
    tunnel: SecretBytes | None


def route(origin: str) -> Route:
    """The route to an origin. Plain http is for this machine alone, and uses no proxy.

    Raises Unsendable for a proxy that cannot be used, and in a test run for another machine.
    """
    parts = urlsplit(origin)
    host = parts.hostname or ""
    refused = refusal(host)
    if refused is not None:
        raise Unsendable(refused)
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    if parts.scheme == "http":
        return Route((host, port), host, False, None)
    proxy_address, request = tunnel(host, port) or ((host, port), None)
    return Route(proxy_address, host, True, request)


class Trust:
    """The certificates that a transport trusts. Each process reads them once, for its first connection over TLS.

    `given` replaces them. Without it they come from SSL_CERT_FILE and SSL_CERT_DIR, or else from certifi.
    """

    def __init__(self, given: ssl.SSLContext | None) -> None:
        self._given = given
        # One for each process: a fork copies a lock in its state, held or not.
        self._read: dict[int, ssl.SSLContext] = {}
        self._locks: dict[int, Lock] = {}

    @property
    def known(self) -> ssl.SSLContext | None:
        """The context if it exists already, or else None. Raises Unsendable where `given` is no context of a client."""
        given = self._given
        if given is None:
            return self._read.get(os.getpid())
        if not isinstance(given, ssl.SSLContext) or given.protocol is ssl.PROTOCOL_TLS_SERVER:
            raise Unsendable("ssl_context is no ssl.SSLContext of a client, such as ssl.create_default_context()")
        return given

    def context(self) -> ssl.SSLContext:
        """The context. It is made on the first call, which takes some 20 ms."""
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
    """The addresses of getaddrinfo, the two families by turns, its first family first (RFC 8305, section 4)."""
    first = [one for one in found if one[0] == found[0][0]]
    others = [one for one in found if one[0] != found[0][0]]
    return [one for one in chain(*zip_longest(first, others)) if one is not None]


def has_input(file: int) -> bool:
    """Whether a socket can be read: bytes have come, or the end of the stream."""
    if not hasattr(select, "poll"):
        return bool(select.select([file], [], [], 0)[0])
    waiting = select.poll()  # select() cannot take a file number above 1023
    waiting.register(file, select.POLLIN)
    return bool(waiting.poll(0))


def within(seconds: float, deadline: float) -> float:
    """The seconds, or fewer where the deadline comes first. Raises TimeoutError after the deadline."""
    left = min(seconds, deadline - monotonic())
    if left <= 0:
        raise TimeoutError
    return left
