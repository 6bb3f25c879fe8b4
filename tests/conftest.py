"""Assertion rewriting of the shared helpers, the databases, and the number of examples of a property test."""

import os

import pytest
from hypothesis import settings

pytest_plugins = ["tests.databases.fixtures"]
pytest.register_assert_rewrite(
    "tests.facade.canary", "tests.facade.questions", "tests.facade.support", "tests.faults.support"
)

# In CI a property test uses the same examples each time, so that a failure there comes from the change.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of refundry's own plugin, which is not there where refundry is not installed with it."""
    config.addinivalue_line("markers", "refund_hosts(*hosts): hosts besides this machine that refundry may reach")
