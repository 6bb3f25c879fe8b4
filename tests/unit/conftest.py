"""Time that the tests of the facade need not wait for."""

import pytest


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses of both kinds of client, in seconds: kept instead of waited for."""
    kept: list[float] = []

    async def keep(seconds: float) -> None:
        kept.append(seconds)

    monkeypatch.setattr("time.sleep", kept.append)
    monkeypatch.setattr("asyncio.sleep", keep)
    return kept
