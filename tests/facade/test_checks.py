"""Checks before sending: an unsafe request is refused with its field, and nothing is sent."""

from typing import Any

import pytest

from refundry import FULL, Blink, InvalidRefund, Lab4Pay, Money, Operation, Paybyrd, Resend
from tests.facade.support import KINDS, Kind, Scripted, accepted, scripted
from tests.providers import PROVIDERS, account, where
from tests.providers.record import ONE_EURO

BAD_IDS = [
    "",
    ".",
    "..",
    "...",
    "/",
    "a/b",
    "../refunds",
    "a\\b",
    "%2e%2e",
    "%2E%2E",
    "a%2Fb",
    "%",
    "a b",
    " a",
    "a ",
    "a\r\nX-Header: 1",
    "a\n",
    "a\r",
    "a\t",
    "a\0",
    "a?b=c",
    "a#b",
    '"a"',
    "<a>",
    "{id}",
    "ä",
    "１",  # noqa: RUF001 (a full-width digit is what is tested)
    "\ud800",
    "a" * 201,
    7,
    7.0,
    True,
    b"a",
    ["a"],
]
BAD_REFERENCES = [
    "",
    " ",
    " a",
    "a ",
    "a\r\nb",
    "a\nb",
    "a\r",
    "a\tb",
    "a\0b",
    "a\u2028b",
    "a\u200bb",  # ZERO WIDTH SPACE
    "a\u202eb",  # RIGHT-TO-LEFT OVERRIDE
    "\ud800",
    "a" * 256,
    7,
    None,
    b"a",
]

both_kinds = pytest.mark.parametrize("kind", KINDS)


@both_kinds
@pytest.mark.parametrize("provider", where(lambda record: record.operation is Operation.REFUND))
@pytest.mark.parametrize("payment_id", BAD_IDS, ids=ascii)
def test_a_payment_id_that_could_lead_to_another_path_is_refused_and_nothing_is_sent(
    payment_id: Any, provider: str, kind: Kind
) -> None:
    transport = Scripted(accepted(provider))
    with scripted(kind, provider, transport) as client:
        with pytest.raises(InvalidRefund) as refused:
            client.refund(provider, payment_id=payment_id, amount=ONE_EURO, reference="r-1")
        with pytest.raises(InvalidRefund):
            client.client.prepare(provider, payment_id=payment_id, amount=ONE_EURO, reference="r-1")
    assert refused.value.field == "payment_id"
    assert refused.value.resend is Resend.SAFE
    assert transport.sent == []
    assert client.attempts == []


@both_kinds
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("reference", BAD_REFERENCES, ids=lambda reference: ascii(reference)[:20])
def test_a_reference_that_is_not_printable_is_refused_and_nothing_is_sent(
    reference: Any, provider: str, kind: Kind
) -> None:
    transport = Scripted(accepted(provider))
    with scripted(kind, provider, transport) as client, pytest.raises(InvalidRefund) as refused:
        client.ask(provider, reference=reference)
    assert refused.value.field == "reference"
    assert transport.sent == []


@both_kinds
@pytest.mark.parametrize("amount", [None, 1, 1.0, "1.00", "FULL", True])
def test_an_amount_that_is_neither_money_nor_full_is_refused_and_nothing_is_sent(amount: Any, kind: Kind) -> None:
    transport = Scripted(accepted("blink"))
    with scripted(kind, "blink", transport) as client, pytest.raises(InvalidRefund) as refused:
        client.ask("blink", amount=amount)
    assert refused.value.field == "amount"
    assert transport.sent == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_refusal_before_sending_names_its_provider_and_its_reference(provider: str) -> None:
    with scripted("sync", provider, Scripted(accepted(provider))) as client, pytest.raises(InvalidRefund) as refused:
        client.ask(provider, amount=None, reference="r-1")
    assert (refused.value.provider, refused.value.reference) == (provider, "r-1")


@pytest.mark.parametrize(
    "payment_id", ["c16ce479-319d-4e7b-a966-7735c34b2cc5", "BL-2349AGB", "a", "a" * 200, ".a", "a..b", "a=b&c;d,e:f@g"]
)
def test_an_id_in_the_form_of_a_provider_is_sent_as_one_segment(payment_id: str) -> None:
    transport = Scripted(accepted("paybyrd"))
    with scripted("sync", "paybyrd", transport) as client:
        client.refund("paybyrd", payment_id=payment_id, amount=ONE_EURO, reference="r-1")
    assert transport.sent[0].target.startswith("/api/v2/refund/")
    assert transport.sent[0].target.count("/") == 4


@pytest.mark.parametrize(
    "reference", ["order-1042/1", "till 3", "a" * 255, "Bestellung №7, Größe", "订单", "%2e%2e", "🙂"]
)
def test_a_printable_reference_is_sent_unchanged(reference: str) -> None:
    transport = Scripted(accepted("blink"))
    with scripted("sync", "blink", transport) as client:
        assert client.ask("blink", reference=reference).reference == reference
    assert f'"reference":"{reference}"'.encode() in transport.sent[0].body


@pytest.mark.parametrize("secret", ["", "s3cr3t\r\nX: 1", "s3cr3t\n", "s3cr3t ", "s3cr3t\0", "s3cr3tä", "s3cr3t" * 700])
@pytest.mark.parametrize(
    ("provider", "field"),
    [
        ("paybyrd", "api_key"),
        ("blink", "access_token"),
        ("lab4pay", "access_token"),
        ("lab4pay", "integrator_id"),
    ],
)
def test_a_credential_that_is_unfit_for_a_header_is_refused_without_showing_it(
    provider: str, field: str, secret: str
) -> None:
    with pytest.raises(InvalidRefund) as refused:
        account(provider, **{field: secret})
    assert refused.value.field == field
    assert "s3cr3t" not in f"{refused.value!s}{refused.value!r}{refused.value.__dict__}"


@pytest.mark.parametrize("secret", [None, 7, b"test-key"])
def test_a_credential_that_is_not_text_is_refused(secret: Any) -> None:
    with pytest.raises(InvalidRefund) as refused:
        Paybyrd(api_key=secret)
    assert refused.value.field == "api_key"


@pytest.mark.parametrize(
    ("base_url", "origin"),
    [
        ("https://refunds.example", "https://refunds.example"),
        ("https://refunds.example/", "https://refunds.example"),
        ("HTTPS://Refunds.Example", "https://refunds.example"),
        ("https://refunds.example:8443", "https://refunds.example:8443"),
        ("https://refunds.example:65535/", "https://refunds.example:65535"),
        ("https://192.0.2.7", "https://192.0.2.7"),
        ("https://[2001:db8::7]", "https://[2001:db8::7]"),
        ("https://[2001:db8::7]:8443", "https://[2001:db8::7]:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.8.9.10", "http://127.8.9.10"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_base_url_is_https_or_points_to_this_machine(provider: str, base_url: str, origin: str) -> None:
    transport = Scripted(accepted(provider))
    with scripted("sync", provider, transport, base_url=base_url) as client:
        client.ask(provider)
    assert transport.sent[0].origin == origin
    assert transport.sent[0].url.startswith(f"{origin}/")


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "refunds.example",
        "//refunds.example",
        "https://",
        "https:///path",
        "https://:8443",
        "http://refunds.example",
        "http://192.0.2.7",
        "http://127.0.0.1.refunds.example",
        "http://127.0.0.1@refunds.example",
        "http://0.0.0.0",
        "http://localhost.refunds.example",
        "http://127.999.1.1",
        "ftp://refunds.example",
        "file:///refunds",
        "ws://localhost",
        "https://refunds.example/api",
        "https://refunds.example//",
        "https://refunds.example?a=b",
        "https://refunds.example#a",
        "https://refunds.example:99999",
        "https://refunds.example:-1",
        "https://refunds.example:0",
        "https://refunds.example:https",
        "https://user@refunds.example",
        "https://[::1",
        "https://[refunds]",
        "https://refunds.example\r\nX: 1",
        "https://refunds.example\n",
        " https://refunds.example",
        "https://refunds example",
        "https://refunds.example ",
        "https://refunds\\example",
        "https://refunds%00.example",
        "https://<refunds>.example",
        'https://"refunds".example',
        "https://größe.example",
        None.__class__,
        7,
        b"https://refunds.example",
    ],
    ids=ascii,
)
def test_any_other_base_url_is_refused(base_url: Any) -> None:
    with pytest.raises(InvalidRefund) as refused:
        Blink(access_token="test-key", base_url=base_url)
    assert refused.value.field == "base_url"


@pytest.mark.parametrize("base_url", ["https://user:s3cr3t@refunds.example", "http://s3cr3t@127.0.0.1/x"])
def test_a_password_in_a_base_url_is_not_shown(base_url: str) -> None:
    with pytest.raises(InvalidRefund) as refused:
        Blink(access_token="test-key", base_url=base_url)
    assert "s3cr3t" not in f"{refused.value!s}{refused.value!r}"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": "a\r\nb"}, "name"),
        ({"name": 7}, "name"),
        ({"environment": "staging"}, "environment"),
        ({"environment": None}, "environment"),
    ],
)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_account_that_cannot_be_used_is_refused_with_its_field(
    provider: str, options: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRefund) as refused:
        account(provider, **options)
    assert refused.value.field == field


@pytest.mark.parametrize("currency", ["eur", "XXX", "", 978])
@pytest.mark.parametrize("provider", where(lambda record: record.has_currency))
def test_an_account_in_an_unlisted_currency_is_refused(provider: str, currency: Any) -> None:
    with pytest.raises(InvalidRefund) as refused:
        account(provider, currency=currency)
    assert refused.value.field == "currency"


@pytest.mark.parametrize(
    ("provider", "environment", "origin"),
    [
        ("lab4pay", "production", "https://api-payment.lab4pay.com"),
        ("lab4pay", "sandbox", "https://api-payment.lab4pay.dev"),
        ("paybyrd", "production", "https://gateway.paybyrd.com"),
        ("paybyrd", "sandbox", "https://gatewaysandbox.paybyrd.com"),
        ("blink", "production", "https://secure.blinkpayment.co.uk"),
        ("blink", "sandbox", "https://secure.blinkpayment.co.uk"),
    ],
)
def test_an_environment_is_the_providers_own_host(provider: str, environment: str, origin: str) -> None:
    transport = Scripted(accepted(provider))
    with scripted("sync", provider, transport, environment=environment) as client:
        client.ask(provider)
    assert transport.sent[0].origin == origin


def test_a_base_url_replaces_the_host_of_the_environment() -> None:
    made = Lab4Pay(
        access_token="test-key", integrator_id="test", environment="sandbox", base_url="https://refunds.example"
    )
    assert made.origin == "https://refunds.example"


def test_full_where_there_is_no_payment_is_refused() -> None:
    amount: Any = FULL
    with scripted("sync", "lab4pay", Scripted(accepted("lab4pay"))) as client, pytest.raises(InvalidRefund) as refused:
        client.refund_unreferenced("lab4pay", amount=amount, reference="r-1")
    assert refused.value.field == "amount"


def test_money_in_another_currency_than_the_accounts_is_refused() -> None:
    transport = Scripted(accepted("blink"))
    with scripted("sync", "blink", transport, currency="GBP") as client, pytest.raises(InvalidRefund) as refused:
        client.ask("blink", amount=Money.of("1.00", "EUR"))
    assert (refused.value.field, refused.value.provider, refused.value.reference) == ("amount", "blink", "reference-1")
    assert transport.sent == []
