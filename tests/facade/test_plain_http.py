"""Plain http to a host that the caller names for it: a sandbox in a network of containers, never a provider."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from refundry import Account, Blink, InvalidRefund, Lab4Pay, Paybyrd, RefundClient
from tests.providers import PROVIDERS, account

PROVIDERS_OWN = sorted({urlsplit(url).netloc for kind in (Lab4Pay, Paybyrd, Blink) for url in kind.HOSTS.values()})


@pytest.mark.parametrize(
    ("base_url", "host", "origin"),
    [
        ("http://sandbox:8787", "sandbox", "http://sandbox:8787"),
        ("http://Sandbox", "SANDBOX", "http://sandbox"),
        ("http://refundry_sandbox:8787/", "refundry_sandbox", "http://refundry_sandbox:8787"),
        ("http://sandbox.shop.svc", "sandbox.shop.svc", "http://sandbox.shop.svc"),
        ("http://sandbox.shop.svc.cluster.local", "sandbox.shop.svc.cluster.local", None),
        ("http://host.docker.internal:8787", "host.docker.internal", None),
        ("http://sandbox.test", "sandbox.test", None),
        ("http://sandbox.localhost", "sandbox.localhost", None),
        ("http://sandbox.home.arpa", "sandbox.home.arpa", None),
        ("http://10.1.2.3:8787", "10.1.2.3", None),
        ("http://172.31.0.1", "172.31.0.1", None),
        ("http://192.168.1.7", "192.168.1.7", None),
        ("http://[fd00::7]:8787", "fd00::7", None),
        ("http://127.0.0.1:8787", "127.0.0.1", None),
        ("https://sandbox:8787", "sandbox", None),
    ],
)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_plain_http_goes_to_a_host_of_a_private_network_that_is_named_for_it(
    provider: str, base_url: str, host: str, origin: str | None
) -> None:
    assert account(provider, base_url=base_url, plain_http_to=host).origin == (origin or base_url)


def test_the_environment_can_name_the_host() -> None:
    variables = {
        "REFUNDRY_PAYBYRD_API_KEY": "test-key",
        "REFUNDRY_PAYBYRD_BASE_URL": "http://sandbox:8787",
        "REFUNDRY_PAYBYRD_PLAIN_HTTP_TO": "sandbox",
    }
    with RefundClient.from_env(variables) as client:
        assert repr(client) == "<RefundClient of paybyrd>"
    del variables["REFUNDRY_PAYBYRD_PLAIN_HTTP_TO"]
    with pytest.raises(InvalidRefund, match=r"REFUNDRY_PAYBYRD_BASE_URL: .* that plain_http_to names"):
        RefundClient.from_env(variables)


@pytest.mark.parametrize(
    "host",
    [
        *PROVIDERS_OWN,
        *(f"{host}." for host in PROVIDERS_OWN),
        "refunds.example",
        "sandbox.localhost.example",
        "sandbox.internal.",
        "internal.example",
        "8.8.8.8",
        "192.0.2.7",
        "172.32.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "2001:db8::7",
        "::ffff:8.8.8.8",
        # A resolver reads each of these as 8.8.8.8.
        "134744072",
        "0x08080808",
        "8.8.2056",
        "010.8.8.8",
        "sandbox.0x8",
    ],
)
@pytest.mark.parametrize("kind", [Lab4Pay, Paybyrd, Blink])
def test_a_public_host_is_refused(kind: type[Account], host: str) -> None:
    written = f"[{host}]" if ":" in host else host
    with pytest.raises(InvalidRefund, match="may be on the Internet") as refused:
        account(kind.__name__.lower(), base_url=f"http://{written}", plain_http_to=host)
    assert refused.value.field == "plain_http_to"


@pytest.mark.parametrize(
    "value",
    ["", "http://sandbox", "sandbox:8787", "sandbox/", "*", "sand box", "sandbox\n", "größe", 7, True, ["sandbox"]],
)
def test_anything_but_a_host_name_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRefund, match="not a host name alone") as refused:
        account("blink", base_url="http://sandbox:8787", plain_http_to=value)
    assert refused.value.field == "plain_http_to"


@pytest.mark.parametrize("base_url", ["http://other:8787", "http://sandbox.test", "https://other", None])
def test_another_host_than_the_one_of_the_base_url_is_refused(base_url: str | None) -> None:
    with pytest.raises(InvalidRefund, match="another host") as refused:
        account("blink", base_url=base_url, plain_http_to="sandbox")
    assert refused.value.field == "plain_http_to"


def test_any_other_scheme_is_refused() -> None:
    with pytest.raises(InvalidRefund, match="not https") as refused:
        account("blink", base_url="ftp://sandbox", plain_http_to="sandbox")
    assert refused.value.field == "base_url"


def test_a_private_host_that_is_not_named_is_refused() -> None:
    with pytest.raises(InvalidRefund, match="plain_http_to") as refused:
        account("blink", base_url="http://sandbox:8787")
    assert refused.value.field == "base_url"
