"""The proxy that the environment names, the hosts that NO_PROXY names, and the tunnel through a proxy (CONNECT)."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, unquote, urlsplit

from refundry.interruption import pass_through
from refundry.transport.failures import Unsendable
from refundry.wire import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address, IPv6Address

_MAX_ANSWER_BYTES: Final = 64 * 1024
_NAMES: Final = ("https_proxy", "all_proxy")


def tunnel(host: str, port: int) -> tuple[tuple[str, int], SecretBytes] | None:
    """The address of the proxy for this host, and the CONNECT request for it; None without a proxy.

    Raises Unsendable for a proxy that cannot be used.
    """
    proxy = _proxy(host, port)
    if not proxy:
        return None
    parts, address = _http_proxy(proxy)
    authority = f"{f'[{host}]' if ':' in host else host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if parts.username is not None:
        lines.append(f"Proxy-Authorization: Basic {_basic(parts.username, parts.password or '')}")
    return address, SecretBytes("\r\n".join([*lines, "", ""]).encode())


def tunnel_opened(answer: bytes) -> bool:
    """Whether the proxy has opened the tunnel; False while its answer is incomplete.

    Raises Unsendable where the proxy refuses. Nothing may follow the answer: in TLS the client speaks first.
    """
    head, end, rest = answer.partition(b"\r\n\r\n")
    if not end:
        if len(answer) > _MAX_ANSWER_BYTES:
            raise Unsendable("the proxy did not answer")
        return False
    version, _, status = head.split(b"\r\n", 1)[0].partition(b" ")
    if not version.startswith(b"HTTP/1.") or not status.startswith(b"2") or rest:
        raise Unsendable("the proxy did not let the connection through")
    return True


def with_more(answer: bytes, received: bytes) -> bytes:
    """The answer with the bytes received. Raises Unsendable for b"": the proxy has closed the connection."""
    if not received:
        raise Unsendable("the proxy did not answer")
    return answer + received


def is_excepted(host: str, port: int, no_proxy: str) -> bool:
    """Whether NO_PROXY names this host and port. Commas or blanks separate its entries:

    `example.com` or `.example.com` for a domain and its subdomains, `*.example.com` for the subdomains alone, `*` for
    every host, an address, or a network (`10.0.0.0/8`). An entry with a port (`[::1]:8443`) or a scheme is for these
    alone.
    """
    return any(
        _names(entry, host.lower().rstrip("."), port) for entry in re.split(r"[,\s]+", no_proxy.lower()) if entry
    )


def _names(entry: str, host: str, port: int) -> bool:
    scheme, _, rest = entry.rpartition("://")
    if rest.startswith("["):
        name, _, its_port = rest[1:].partition("]")
    elif rest.count(":") == 1:
        name, _, its_port = rest.partition(":")
    else:  # no port, or an address of IPv6
        name, its_port = rest, ""
    if scheme not in ("", "https", "all") or its_port.removeprefix(":") not in ("", str(port)):
        return False
    if name == "*":
        return True
    address = _address(host)
    if address is not None:
        return _is_within(address, name)
    below = name.startswith("*.")
    name = name.lstrip("*.").rstrip(".")
    return bool(name) and (host.endswith(f".{name}") or (host == name and not below))


def _address(host: str) -> IPv4Address | IPv6Address | None:
    from ipaddress import ip_address  # slow to import, and seldom needed

    try:
        return ip_address(host)
    except ValueError as error:
        pass_through(error)
        return None


def _is_within(address: IPv4Address | IPv6Address, network: str) -> bool:
    from ipaddress import ip_network

    try:
        return address in ip_network(network, strict=False)
    except ValueError as error:
        pass_through(error)
        return False


def _proxy(host: str, port: int) -> str:
    proxy = next((found for name in _NAMES if (found := _variable(os.environ, name))), "")
    if proxy or sys.platform not in ("win32", "darwin"):
        return "" if is_excepted(host, port, _variable(os.environ, "no_proxy")) else proxy
    from urllib.request import getproxies, proxy_bypass  # what the settings of the system name

    return "" if proxy_bypass(host) else getproxies().get("https", "")


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name, environment.get(name.upper(), "")).strip()


def _http_proxy(proxy: str) -> tuple[SplitResult, tuple[str, int]]:
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        address = (parts.hostname or "", parts.port or 80)
    except ValueError as error:
        pass_through(error)
        parts, address = urlsplit("http:"), ("", 80)
    if parts.scheme != "http":
        raise Unsendable(
            f"the environment names a proxy of the kind {parts.scheme!r}; name an http:// one, or give the provider "
            "a transport"
        )
    if not address[0]:
        raise Unsendable("the environment names a proxy whose address is none, such as http://proxy.example:3128")
    return parts, address


def _basic(user: str, password: str) -> str:
    from base64 import b64encode

    return b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
