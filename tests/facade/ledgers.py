"""Shared by the tests of a ledger in a database: clients that use the same one, as several processes do."""

import sqlite3
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from refundry import (
    Evidence,
    LedgerEntry,
    OutcomeUnknown,
    Refund,
    RefundError,
    RefundStatus,
    Retry,
    SendFailure,
    WireRequest,
)
from refundry.clock import SYSTEM
from tests.facade.support import Caller, Kind, Scripted, caller
from tests.providers import RECORDS, account

T = TypeVar("T")

LOST: Final = SendFailure(Evidence.MAYBE_SENT, "the connection broke")
UNREACHED: Final = SendFailure(Evidence.NOT_SENT, "the connection was refused")
DAY: Final = 24 * 3600.0
LEASE: Final = Retry().deadline + 60.0 + 5.0
"""For how many seconds a call holds its reference at most: its deadline, one more attempt, and the grace."""


def sqlite_url(folder: Path) -> str:
    """The URL of a ledger in a folder."""
    return f"sqlite:///{folder / 'refunds.db'}"


def worker(provider: str, transport: object, url: str | None, *, kind: Kind = "sync", **options: Any) -> Caller:
    """Return a client with a ledger, as another process would make it. Its callbacks can be proved."""
    made = account(provider, **RECORDS[provider].callbacks.account, transport=transport)
    return caller(kind, made, ledger=url, **options)


def result(client: Caller, requested: T | Coroutine[Any, Any, T]) -> T:
    """Return the result of a call of a client of either kind."""
    return client.run(requested) if isinstance(requested, Coroutine) else requested


def outcome_of(client: Caller, provider: str, **options: Any) -> Refund | RefundError:
    """Return the refund of one euro that a client makes, or the exception that it raises."""
    try:
        return client.ask(provider, **options)
    except RefundError as error:
        return error


def left_unknown(provider: str, url: str | None, *, answer: Any = LOST) -> OutcomeUnknown:
    """Leave reference-1 unknown, in a client of its own."""
    with worker(provider, Scripted(answer), url) as client:
        error = outcome_of(client, provider)
    assert isinstance(error, OutcomeUnknown)
    return error


def known(client: Caller, provider: str, reference: str = "reference-1") -> LedgerEntry:
    """Return the entry of a reference."""
    found = result(client, client.client.ledger.find(provider, reference))
    assert found is not None
    return found


def unresolved(client: Caller) -> list[LedgerEntry]:
    """Return what calls for somebody."""
    return result(client, client.client.ledger.unresolved())


def key_of(request: WireRequest) -> str:
    """Return the idempotency key of a request."""
    return dict(request.headers)["idempotency-key"]


def crash_copy(folder: Path, into: Path) -> str:
    """Copy a ledger as it is on the disk now, and return the URL of the copy: a worker that holds a reference died."""
    into.mkdir(exist_ok=True)
    source, target = sqlite3.connect(folder / "refunds.db"), sqlite3.connect(into / "refunds.db")
    source.backup(target)
    source.close()
    target.close()
    return sqlite_url(into)


class Clocks:
    """The clocks of the machine, which only the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall, self.boot = 1_800_000_000.0, 1000.0
        monkeypatch.setattr(SYSTEM, "wall", lambda: self.wall)
        monkeypatch.setattr(SYSTEM, "boot", lambda: self.boot)

    def later(self, seconds: float) -> None:
        """Let some seconds pass."""
        self.wall += seconds
        self.boot += seconds


def during(answer: Any, act: Callable[[], object]) -> Callable[[WireRequest], Any]:
    """Return the answer of a transport that does something else while the refund is under way."""

    def respond(_: WireRequest) -> Any:
        act()
        return answer

    return respond


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep everybody else from writing to a ledger."""
    connection = sqlite3.connect(folder / "refunds.db", isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def decide(client: Caller, outcome: RefundStatus, provider: str) -> None:
    """Record the word of a person on reference-1."""
    decided = client.client.ledger.decide(provider, "reference-1", outcome, by="a person", reason="the dashboard")
    result(client, decided)
