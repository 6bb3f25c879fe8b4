"""Clocks and pauses for the tests of the facade, so that no test waits."""

from collections.abc import Callable

import pytest

from refundry.clock import SYSTEM


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
