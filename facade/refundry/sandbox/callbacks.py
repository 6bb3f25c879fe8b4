"""Sends callbacks as a provider does: to this machine, or to a host that was named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection

    from refundry.sandbox.machine import Callback

_SECONDS: Final = 10.0
_TARGET: Final = re.compile(r"/[!-~]*")


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where callbacks are sent to: plain http, to this machine or to one of the named hosts.

    Raises ValueError for any other address: a callback holds the secret that proves it.
    """

    host: str
    port: int
    target: str

    @classmethod
    def of(cls, url: str, hosts: Collection[str] = ()) -> Receiver:
        """The receiver at a URL."""
        parts = urlsplit(url)
        host, target = parts.hostname or "", parts.path or "/"
        target = f"{target}?{parts.query}" if parts.query else target
        if parts.scheme != "http" or parts.username is not None or not _TARGET.fullmatch(target):
            raise ValueError(f"{url[:100]!r} is no address for callbacks, such as http://127.0.0.1:8000/callbacks")
        if not (_is_here(host) or host in hosts):
            raise ValueError(
                f"{host[:60]!r} is not this machine; start the sandbox with --callback-host NAME, or with "
                "SandboxServer(callback_hosts=[NAME]), to send callbacks to it"
            )
        return cls(host, parts.port or 80, target)

    def deliver(self, callback: Callback) -> int | None:
        """Send it once. The HTTP status of the answer, or None where none came."""
        connection = HTTPConnection(self.host, self.port, timeout=_SECONDS)
        try:
            connection.request("POST", self.target, callback.body, dict(callback.headers))
            return connection.getresponse().status
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
