"""A ledger in each kind of database."""

from pathlib import Path

import pytest


def _url(request: pytest.FixtureRequest, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("REFUNDRY_LEDGER", raising=False)
    found: str = f"sqlite:///{tmp_path}/refunds.db" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of a ledger that nobody has made yet, in SQLite and in PostgreSQL. No variable names another."""
    return _url(request, request.param, tmp_path, monkeypatch)


@pytest.fixture
def file_url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of a ledger in SQLite, for what does not depend on the kind of database."""
    return _url(request, "sqlite", tmp_path, monkeypatch)


@pytest.fixture(params=[None, "sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """Return None for the ledger in memory, and the URL of each kind of database."""
    return None if request.param is None else _url(request, request.param, tmp_path, monkeypatch)
