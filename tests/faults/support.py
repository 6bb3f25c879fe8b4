"""What the fault tests share: a refund at a server, and all that has to hold of one that failed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from refundry import Evidence, RefundError, Resend, Timeout
from tests.faults.servers import Server
from tests.unit.support import KINDS, Caller, Kind, account, caller

SHORT: Final = Timeout(connect=0.4, read=0.4, total=0.8)
AMPLE: Final = Timeout(connect=5, read=5, total=8)

both_kinds = pytest.mark.parametrize("kind", KINDS)


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
    """Refund one euro, which has to fail so; return the exception."""
    with pytest.raises(RefundError) as raised:
        client.ask(provider)
    error = raised.value
    assert (type(error), error.resend, error.http_status) == (cls, resend, status)
    attempt = client.attempts[-1]
    assert (attempt.evidence, attempt.status, attempt.outcome) == (evidence, status, cls.__name__)
    assert error.__context__ is error.__cause__
    return error


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail where the block takes longer."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds
