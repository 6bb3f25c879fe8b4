"""The provider of the tests of crashes."""

from collections.abc import Iterator

import pytest

from refundry.sandbox import SandboxServer
from tests.crash.support import Shop


@pytest.fixture
def shop() -> Shop:
    """Make a provider."""
    return Shop()


@pytest.fixture
def shop_url(shop: Shop) -> Iterator[str]:
    """Serve the provider over HTTP."""
    with SandboxServer(shop) as server:
        yield server.base_url
