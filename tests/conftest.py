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

# Hosts that no network knows: the tests lead them to this machine, or expect that nothing answers.
MADE_UP_HOSTS = ("gateway.example", "refunds.example", "refunds.invalid", "refundry", "sandbox")


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of refundry's own plugin, which is not there where refundry was installed before it."""
    config.addinivalue_line("markers", "refund_hosts(*hosts): hosts besides this machine that refundry may reach")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the guard of refundry's own plugin pass the made-up hosts."""
    for item in items:
        item.add_marker(pytest.mark.refund_hosts(*MADE_UP_HOSTS))
