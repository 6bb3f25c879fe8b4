"""Time that the tests of the facade need not wait for."""

from collections.abc import Callable

import pytest

from refundry.clock import SYSTEM


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses of both kinds of client, in seconds: kept instead of waited for."""
    kept: list[float] = []

    async def keep(seconds: float) -> None:
        kept.append(seconds)

    monkeypatch.setattr("time.sleep", kept.append)
    monkeypatch.setattr("asyncio.sleep", keep)
    return kept


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A clock of the tokens that goes on only when it is told to."""
    now = [1000.0]
    monkeypatch.setattr(SYSTEM, "monotonic", lambda: now[0])

    def later(seconds: float) -> None:
        now[0] += seconds

    return later
