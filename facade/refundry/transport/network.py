"""The way to a host: its address, the certificates to trust, and the proxy that the environment names."""

from __future__ import annotations

import os
import socket
import ssl
import sys
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from refundry.wire import Evidence, SendFailure

_MAX_ANSWER_BYTES: Final = 64 * 1024
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_WORDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (TimeoutError, "timed out"),
    (ConnectionRefusedError, "the connection was refused"),
    (ConnectionError, "the connection broke"),
    (socket.gaierror, "the host's address was not found"),
    (ssl.SSLCertVerificationError, "the host's certificate is not trusted"),
    (ssl.SSLError, "the encryption failed"),
    (OSError, "the network failed"),
    (ValueError, "HTTP cannot carry the request"),
)


class Unreachable(Exception):
    """There is no way to the host, for a reason that trying again does not mend. Nothing was sent."""


# ValueError: HTTP cannot carry the request.
_LASTING: Final = (Unreachable, ssl.SSLCertVerificationError, ValueError)


@dataclass(frozen=True, slots=True)
class Route:
    """Where to connect to. `tls` is None for plain http; `tunnel` is what a proxy is asked with, None without one.

    `address` is the proxy's where there is one; `host` is the name that the certificate has to have.
    """

    address: tuple[str, int]
    host: str
    tls: ssl.SSLContext | None
    tunnel: bytes | None


def route(origin: str, ssl_context: ssl.SSLContext | None) -> Route:
    """The way to an origin. Plain http is only for this machine, and goes past every proxy.

    `ssl_context` stands in for the certificates of SSL_CERT_FILE and SSL_CERT_DIR, and of certifi without them.
    Raises Unreachable for a proxy that cannot be used.
    """
    parts = urlsplit(origin)
    host = parts.hostname or ""
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    if parts.scheme == "http":
        return Route((host, port), host, None, None)
    tls = ssl_context if ssl_context is not None else _trusted()
    proxy = _proxy(host)
    if proxy is None:
        return Route((host, port), host, tls, None)
    parts, proxy_address = _http_proxy(proxy)
    authority = f"{f'[{host}]' if ':' in host else host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if parts.username is not None:
        lines.append(f"Proxy-Authorization: Basic {_basic(parts.username, parts.password or '')}")
    return Route(proxy_address, host, tls, "\r\n".join([*lines, "", ""]).encode())


def tunnel_opened(answer: bytes) -> bool:
    """Whether a proxy's answer to CONNECT is whole. Raises Unreachable where it does not let the connection through.

    Nothing may follow it: the host speaks after this side does.
    """
    head, end, rest = answer.partition(b"\r\n\r\n")
    if not end:
        if len(answer) > _MAX_ANSWER_BYTES:
            raise Unreachable("the proxy did not answer")
        return False
    version, _, status = head.split(b"\r\n", 1)[0].partition(b" ")
    if not version.startswith(b"HTTP/1.") or not status.startswith(b"2") or rest:
        raise Unreachable("the proxy did not let the connection through")
    return True


def nothing_sent(error: Exception) -> SendFailure:
    """What is told of an error that came before the first byte of the request."""
    detail = str(error) if isinstance(error, Unreachable) else told(error)
    return SendFailure(Evidence.NOT_SENT, detail, lasting=isinstance(error, _LASTING))


def told(error: Exception) -> str:
    """An error in words of our own: those of the library may quote a part of what was sent."""
    return next(words for kind, words in _WORDS if isinstance(error, kind))


def _http_proxy(proxy: str) -> tuple[SplitResult, tuple[str, int]]:
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        address = (parts.hostname or "", parts.port or 80)
    except ValueError:
        parts, address = urlsplit("http:"), ("", 80)
    if parts.scheme != "http":
        raise Unreachable(
            f"the environment names a proxy of the kind {parts.scheme!r}; name an http:// one, or give the provider "
            "a transport"
        )
    if not address[0]:
        raise Unreachable("the environment names a proxy whose address is none, such as http://proxy.example:3128")
    return parts, address


def _basic(user: str, password: str) -> str:
    from base64 import b64encode

    return b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()


def _trusted() -> ssl.SSLContext:
    if "SSL_CERT_FILE" in os.environ or "SSL_CERT_DIR" in os.environ:
        return ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"), capath=os.environ.get("SSL_CERT_DIR"))
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _proxy(host: str) -> str | None:
    if sys.platform not in ("win32", "darwin") and not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    from urllib.request import getproxies, proxy_bypass  # slow to import, and seldom needed

    proxies = getproxies()
    address = proxies.get("https") or proxies.get("all")
    return None if address is None or proxy_bypass(host) else address
