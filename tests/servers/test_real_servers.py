"""A thousand refunds and their lookups at each third-party server: every report agrees with the record."""

import ssl
from typing import Final

import pytest

from tests.servers.calls import CLIENTS, ONCE, PROVIDERS, differences, wishes
from tests.servers.running import MAKERS, ONLY_PAYBYRD, Setting

REFUNDS: Final = 350
"""The number through each of three clients: each server makes more than a thousand."""

each_client = pytest.mark.parametrize("client", CLIENTS)
each_server = pytest.mark.parametrize("server", MAKERS)


@each_client
@each_server
def test_each_of_many_refunds_has_the_true_outcome(
    server: str, client: str, setting: Setting, trusting: ssl.SSLContext
) -> None:
    wanted = wishes(REFUNDS, ("paybyrd",) if server in ONLY_PAYBYRD else PROVIDERS)
    with MAKERS[server](setting) as url, CLIENTS[client](url, trusting, ONCE) as calls:
        results = calls.ask(wanted)
    assert differences(wanted, results, setting.book) == ""
