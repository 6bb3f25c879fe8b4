"""Clocks and pauses for the tests of the facade, so that none waits."""

from collections.abc import Callable

import pytest

from refundry.clock import SYSTEM


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses of both kinds of client, in seconds. They are recorded, and nobody waits."""
    kept: list[float] = []

    async def keep(seconds: float) -> None:
        kept.append(seconds)

    monkeypatch.setattr("time.sleep", kept.append)
    monkeypatch.setattr("asyncio.sleep", keep)
    return kept


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A clock of the tokens that only the test moves."""
    now = [1000.0]
    monkeypatch.setattr(SYSTEM, "monotonic", lambda: now[0])

    def later(seconds: float) -> None:
        now[0] += seconds

    return later
