"""A ledger for each database, and for PostgreSQL behind pgbouncer too."""

from pathlib import Path

import pytest

from refundry.ledger.database import DatabaseLedger


@pytest.fixture(params=["sqlite", "postgres", "pgbouncer"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty ledger of this test."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/refunds.db"
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a file that is not there yet."""
    return f"sqlite:///{tmp_path}/refunds.db"


@pytest.fixture
def short_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a client one second to open its ledger, in place of ten."""
    monkeypatch.setattr(DatabaseLedger.commit, "__defaults__", (1.0,))
