"""Clocks and pauses for the tests of the facade, so that no test waits, and empty ledgers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from refundry.clock import SYSTEM
from tests.facade.ledgers import sqlite_url


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the pauses of both kinds of client, in seconds, in place of waiting."""
    recorded: list[float] = []

    async def keep(seconds: float) -> None:
        recorded.append(seconds)

    monkeypatch.setattr("time.sleep", recorded.append)
    monkeypatch.setattr("asyncio.sleep", keep)
    return recorded


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Replace the clock of the tokens by one that only the test moves."""
    now = [1000.0]
    monkeypatch.setattr(SYSTEM, "monotonic", lambda: now[0])

    def later(seconds: float) -> None:
        now[0] += seconds

    return later


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty ledger of each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    given: str = request.getfixturevalue("postgres_url")
    return given
