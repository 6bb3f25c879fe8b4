"""Shared by the fault tests: the routes from a client to a server, and the checks of a failed refund."""

import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest

from refundry import Evidence, RefundError, Resend, Timeout
from refundry.transport.over_httpx import HttpxTransport
from tests.facade.support import KINDS, Caller, Kind, account, caller
from tests.faults.servers import Script, Server

SHORT: Final = Timeout(connect=0.6, read=0.6, total=1.2)
AMPLE: Final = Timeout(connect=5, read=5, total=8)

# Combinations of transport, loop and TLS are the same for every Python: only the oldest one tries them all.
EVERY_COMBINATION: Final = sys.version_info[:2] == (3, 11)

LOOPS: Final[tuple[Kind, ...]] = (*KINDS, "uvloop") if EVERY_COMBINATION else KINDS

both_kinds = pytest.mark.parametrize("kind", KINDS)
every_loop = pytest.mark.parametrize("kind", LOOPS)


@dataclass(frozen=True)
class Route:
    """How a refund reaches a server: the client, and the connection.

    `encryption` is "" for plain http, "tls", or "records": TLS with a record for each line that the server sends, all
    of them arriving at once. `over_httpx` is for the transport of httpx instead of refundry's own.
    """

    kind: Kind
    encryption: str = ""
    over_httpx: bool = False

    def __str__(self) -> str:
        over = "-httpx" if self.over_httpx else ""
        return f"{self.kind}{over}-{self.encryption or 'plain'}"


ROUTES: Final[tuple[Route, ...]] = tuple(
    Route(kind, encryption) for kind in LOOPS for encryption in (("", "tls", "records") if EVERY_COMBINATION else ("",))
)
"""The routes over refundry's own transports."""
READING_ROUTES: Final[tuple[Route, ...]] = tuple(route for route in ROUTES if route.encryption != "tls")
"""The routes on which the bytes of a reply arrive differently. A reply in one TLS record arrives as in plain http."""
HTTPX_ROUTES: Final[tuple[Route, ...]] = tuple(Route(kind, over_httpx=True) for kind in KINDS if EVERY_COMBINATION)
"""The routes over the transport of httpx, which has its own TLS."""

every_route = pytest.mark.parametrize("route", ROUTES, ids=str, indirect=True)
every_reading_route = pytest.mark.parametrize("route", READING_ROUTES, ids=str, indirect=True)
every_reading_route_and_httpx = pytest.mark.parametrize(
    "route", [*READING_ROUTES, *HTTPX_ROUTES], ids=str, indirect=True
)


@dataclass(frozen=True)
class Wired:
    """A route, with the TLS contexts of both ends."""

    route: Route
    tls: ssl.SSLContext | None
    trusting: ssl.SSLContext

    @property
    def kind(self) -> Kind:
        """Return the kind of client."""
        return self.route.kind

    def server(self, *scripts: Script) -> Server:
        """Return a server at the end of this route."""
        return Server(*scripts, tls=self.tls, records=self.route.encryption == "records")

    @contextmanager
    def client(
        self, server: Server, provider: str = "paybyrd", timeout: Timeout = AMPLE, **options: Any
    ) -> Iterator[Caller]:
        """Yield a client of one account at a server."""
        if not self.route.over_httpx:
            with client_of(self.kind, server, provider, timeout, ssl_context=self.trusting, **options) as client:
                yield client
            return
        inner = (httpx.HTTPTransport if self.kind == "sync" else httpx.AsyncHTTPTransport)(verify=self.trusting)
        made = account(provider, base_url=server.url, transport=HttpxTransport(inner))
        with caller(self.kind, made, timeout=timeout, **options) as client:
            try:
                yield client
            finally:
                if isinstance(inner, httpx.HTTPTransport):
                    inner.close()
                else:
                    client.run(inner.aclose())


def client_of(
    kind: Kind, server: Server, provider: str = "paybyrd", timeout: Timeout = AMPLE, **options: Any
) -> Caller:
    """Return a client of one account at a server."""
    return caller(kind, account(provider, base_url=server.url), timeout=timeout, **options)


def failed(
    client: Caller,
    provider: str,
    cls: type[RefundError],
    resend: Resend,
    evidence: Evidence,
    status: int | None = None,
) -> RefundError:
    """Refund one euro. Fail unless the call raises exactly this; return the exception."""
    with pytest.raises(RefundError) as raised:
        client.ask(provider)
    error = raised.value
    assert (type(error), error.resend, error.http_status) == (cls, resend, status)
    attempt = client.attempts[-1]
    assert (attempt.evidence, attempt.status, attempt.outcome) == (evidence, status, cls.__name__)
    assert error.__context__ in (None, error.__cause__)
    return error


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail where the block takes longer."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds
