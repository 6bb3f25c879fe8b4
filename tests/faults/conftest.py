"""A certificate authority for the tests, and an environment that names no proxy and no certificates."""

import gc
import os
import ssl
import sys
from collections.abc import Callable, Iterator

import pytest
import trustme

from tests.faults.support import Route, Wired


@pytest.fixture(autouse=True)
def _environment_of_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.lower().endswith("_proxy") or name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Return an authority that only a test with `trusting` trusts."""
    return trustme.CA()


@pytest.fixture(scope="session")
def certified(authority: trustme.CA) -> Callable[[str], ssl.SSLContext]:
    """Return a function that makes the TLS context of a server with a certificate of this name."""

    def context(name: str) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(made)
        return made

    return context


@pytest.fixture(scope="session")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """Return the TLS context of a client that trusts the authority."""
    made = ssl.create_default_context()
    authority.configure_trust(made)
    return made


@pytest.fixture
def garbage_ignored() -> Iterator[None]:
    """Silence warnings of a test that interrupts calls at any line: it leaves half-made objects to the collector."""
    before = sys.unraisablehook
    sys.unraisablehook = lambda _: None
    yield
    for _ in range(3):
        gc.collect()
    sys.unraisablehook = before


@pytest.fixture
def route(
    request: pytest.FixtureRequest, certified: Callable[[str], ssl.SSLContext], trusting: ssl.SSLContext
) -> Wired:
    """Return the route of this test, with the TLS contexts of both ends."""
    route: Route = request.param
    return Wired(route, certified("localhost") if route.encryption else None, trusting)
