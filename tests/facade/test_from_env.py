"""Accounts from variables of the environment."""

import inspect
import traceback
from typing import Any

import pytest

from refundry import AsyncRefundClient, Blink, InvalidRefund, Lab4Pay, Money, Paybyrd, RefundClient, Timeout
from refundry.accounts import KINDS
from refundry.providers.registry import TRANSLATIONS
from tests.providers import PROVIDERS

KEYS = {
    "REFUNDRY_PAYBYRD_API_KEY": "test-key-of-paybyrd",
    "REFUNDRY_BLINK_ACCESS_TOKEN": "test-key-of-blink",
    "REFUNDRY_LAB4PAY_ACCESS_TOKEN": "test-key-of-lab4pay",
    "REFUNDRY_LAB4PAY_INTEGRATOR_ID": "test-integrator",
}
ONE_POUND = Money.of("1.00", "GBP")


@pytest.mark.parametrize("kind", [RefundClient, AsyncRefundClient])
def test_each_provider_with_variables_gets_an_account(kind: type[RefundClient | AsyncRefundClient]) -> None:
    client = kind.from_env({**KEYS, "PATH": "/bin"})
    assert sorted(repr(client).strip("<>").split(" of ")[1].split(", ")) == sorted(PROVIDERS)
    request = client.prepare("paybyrd", payment_id="p-1", amount=ONE_POUND, reference="r-1")
    assert [(name, secret.reveal()) for name, secret in request.credentials] == [("x-api-key", "test-key-of-paybyrd")]


def test_a_provider_without_variables_gets_no_account() -> None:
    with RefundClient.from_env({"REFUNDRY_PAYBYRD_API_KEY": "test-key"}) as client:
        assert repr(client) == "<RefundClient of paybyrd>"


def test_every_argument_of_an_account_has_a_variable() -> None:
    variables = {
        "REFUNDRY_BLINK_ACCESS_TOKEN": "test-key",
        "REFUNDRY_BLINK_NAME": "shop",
        "REFUNDRY_BLINK_BASE_URL": "http://127.0.0.1:8787",
        "REFUNDRY_BLINK_CURRENCY": "GBP",
        "REFUNDRY_BLINK_ENVIRONMENT": "sandbox",
    }
    with RefundClient.from_env(variables) as client:
        request = client.prepare("shop", payment_id="p-1", amount=ONE_POUND, reference="r-1")
        assert request.url == "http://127.0.0.1:8787/api/pay/v1/transactions/p-1/refunds"
        with pytest.raises(InvalidRefund):
            client.prepare("shop", payment_id="p-1", amount=Money.of("1.00", "EUR"), reference="r-1")


def test_without_an_argument_the_environment_of_the_process_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFUNDRY_PAYBYRD_API_KEY", "test-key")
    with RefundClient.from_env(timeout=Timeout(read=1)) as client:
        assert repr(client) == "<RefundClient of paybyrd>"


@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({}, "REFUNDRY_"),
        ({"HOME": "/"}, "REFUNDRY_"),
        ({"REFUNDRY_PAYPAL_KEY": "test-key"}, "REFUNDRY_PAYPAL_KEY"),
        ({"REFUNDRY_PAYBYRD_SECRET": "test-key"}, "REFUNDRY_PAYBYRD_SECRET"),
        ({"REFUNDRY_PAYBYRD_TRANSPORT": "tor"}, "REFUNDRY_PAYBYRD_TRANSPORT"),
        ({"REFUNDRY_LAB4PAY_ACCESS_TOKEN": "test-key"}, "REFUNDRY_LAB4PAY_INTEGRATOR_ID"),
        ({"REFUNDRY_BLINK_CURRENCY": "GBP"}, "REFUNDRY_BLINK_API_KEY"),
        ({"REFUNDRY_BLINK_API_KEY": "test-key"}, "REFUNDRY_BLINK_SECRET_KEY"),
        ({**KEYS, "REFUNDRY_BLINK_SECRET_KEY": "test-key"}, "REFUNDRY_BLINK_SECRET_KEY"),
        ({**KEYS, "REFUNDRY_PAYBYRD_WEBHOOK_USERNAME": "shop"}, "REFUNDRY_PAYBYRD_WEBHOOK_PASSWORD"),
        ({**KEYS, "REFUNDRY_PAYBYRD_WEBHOOK_PASSWORD": "test-key"}, "REFUNDRY_PAYBYRD_WEBHOOK_USERNAME"),
        (
            {
                **KEYS,
                "REFUNDRY_PAYBYRD_WEBHOOK_USERNAME": "a:b",
                "REFUNDRY_PAYBYRD_WEBHOOK_PASSWORD": "test-key",
            },
            "REFUNDRY_PAYBYRD_WEBHOOK_USERNAME",
        ),
        ({**KEYS, "REFUNDRY_LAB4PAY_WEBHOOK_SIGNATURE": "md5"}, "REFUNDRY_LAB4PAY_WEBHOOK_SIGNATURE"),
        ({**KEYS, "REFUNDRY_LAB4PAY_WEBHOOK_SECRET_KEY": ""}, "REFUNDRY_LAB4PAY_WEBHOOK_SECRET_KEY"),
        ({**KEYS, "REFUNDRY_BLINK_CURRENCY": "pound"}, "REFUNDRY_BLINK_CURRENCY"),
        ({**KEYS, "REFUNDRY_BLINK_BASE_URL": "http://refunds.example"}, "REFUNDRY_BLINK_BASE_URL"),
        ({**KEYS, "REFUNDRY_PAYBYRD_API_KEY": "test key"}, "REFUNDRY_PAYBYRD_API_KEY"),
    ],
)
def test_a_missing_invalid_or_unknown_variable_is_named(variables: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidRefund) as refused:
        RefundClient.from_env(variables)
    assert refused.value.field == field
    assert field in str(refused.value)
    assert "test key" not in str(refused.value)


FIELDS = {
    f"{provider}_{field.upper()}"
    for provider, kind in (("LAB4PAY", Lab4Pay), ("PAYBYRD", Paybyrd), ("BLINK", Blink))
    for field in inspect.signature(kind).parameters
    if field != "transport"
}


def refused(variables: dict[str, str]) -> InvalidRefund:
    """Return the exception of an environment that cannot be used."""
    with pytest.raises(InvalidRefund) as error:
        RefundClient.from_env(variables)
    return error.value


def names(variables: dict[str, str]) -> str:
    """Return the names of the accounts."""
    with RefundClient.from_env(variables) as client:
        return repr(client).removeprefix("<RefundClient of ").removesuffix(">")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("PAYBYRD_APIKEY", "PAYBYRD_API_KEY"),
        ("PAYBIRD_API_KEY", "PAYBYRD_API_KEY"),
        ("PAY_BYRD_API_KEY", "PAYBYRD_API_KEY"),
        ("paybyrd_api_key", "PAYBYRD_API_KEY"),
        ("PAYBYRD__API_KEY", "PAYBYRD_API_KEY"),
        ("PAYBYRD__API__KEY", "PAYBYRD_API_KEY"),
        ("PAYBYRD-API-KEY", "PAYBYRD_API_KEY"),
        ("PAYBYRD_API_KEYS", "PAYBYRD_API_KEY"),
        ("PAYBYRD_KEY", "PAYBYRD_API_KEY"),
        ("PAYBYRD_ENV", "PAYBYRD_ENVIRONMENT"),
        ("BLINK_URL", "BLINK_BASE_URL"),
        ("BLINK_SECRET", "BLINK_SECRET_KEY"),
        ("LAB4PAY_SECRET", "LAB4PAY_CLIENT_SECRET"),
        ("LAB_4_PAY_CLIENT_ID", "LAB4PAY_CLIENT_ID"),
        ("PAYBYRD_SHOP2_API_KEY", "PAYBYRD__SHOP2__API_KEY"),
        ("PAYBYRD_SHOP_2_WEBHOOK_API_KEY", "PAYBYRD__SHOP_2__WEBHOOK_API_KEY"),
        ("PAYBYRD__SHOP2__APIKEY", "PAYBYRD__SHOP2__API_KEY"),
        ("PAYBYRD__shop2__API_KEY", "PAYBYRD__SHOP2__API_KEY"),
        ("PAYBYRD__SHOP__2__API_KEY", "PAYBYRD__SHOP_2__API_KEY"),
        ("PAYBIRD__SHOP2__API_KEY", "PAYBYRD__SHOP2__API_KEY"),
    ],
)
def test_an_error_about_a_near_miss_suggests_the_right_name(written: str, meant: str) -> None:
    error = refused({**KEYS, f"REFUNDRY_{written}": "test-key"})
    assert error.field == f"REFUNDRY_{written}"
    assert str(error) == f"no account takes REFUNDRY_{written}; did you mean REFUNDRY_{meant}?"


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_a_variable_with_a_missing_letter_is_found(field: str) -> None:
    for index in range(len(field)):
        written = f"REFUNDRY_{field[:index]}{field[index + 1 :]}"
        assert f"did you mean REFUNDRY_{field}?" in str(refused({written: "test-key"})), written


@pytest.mark.parametrize(
    ("written", "there_are"),
    [
        ("REFUNDRY_PAYPAL_KEY", "REFUNDRY_LAB4PAY_ with INTEGRATOR_ID, "),
        ("REFUNDRY_LOG_LEVEL", "REFUNDRY_PAYBYRD_ with API_KEY, "),
        ("REFUNDRY_BLINK_INTEGRATOR_ID", "there are REFUNDRY_BLINK_ with API_KEY, SECRET_KEY, "),
    ],
)
def test_an_error_about_an_unknown_variable_lists_the_known_ones(written: str, there_are: str) -> None:
    outcome = str(refused({**KEYS, written: "test-key"}))
    assert there_are in outcome
    assert "did you mean" not in outcome


@pytest.mark.parametrize("written", ["refundry_paybyrd_api_key", "REFUNDY_PAYBYRD_API_KEY", "REFUNDRYPAYBYRD_API_KEY"])
def test_a_misspelt_prefix_is_found_where_the_environment_has_no_account(written: str) -> None:
    assert "did you mean REFUNDRY_PAYBYRD_API_KEY?" in str(refused({"HOME": "/", written: "test-key"}))


SERVICES = ("REFUNDRY", "REFUNDRY_PAYBYRD", "REFUNDRY_SANDBOX", "REFUNDRY_API_V2", "REFUNDRY_BLINK__EU")
OF_KUBERNETES = {
    "SERVICE_HOST": "10.0.0.7",
    "SERVICE_PORT": "443",
    "SERVICE_PORT_HTTPS_WEB": "443",
    "PORT": "tcp://10.0.0.7:443",
    "PORT_443_TCP": "tcp://10.0.0.7:443",
    "PORT_443_TCP_PROTO": "tcp",
    "PORT_443_TCP_PORT": "443",
    "PORT_443_TCP_ADDR": "10.0.0.7",
    "PORT_53_UDP_ADDR": "10.0.0.7",
    "PORT_9_SCTP_PORT": "9",
}
OF_DOCKER = {
    "PORT": "tcp://172.17.0.5:8787",
    "PORT_8787_TCP": "tcp://172.17.0.5:8787",
    "PORT_8787_TCP_PORT_START": "tcp://172.17.0.5:8787",
    "NAME": "/shop/refundry",
    "ENV_PATH": "/bin",
    "ENV_REFUNDRY_PAYBYRD_API_KEY": "",
}


@pytest.mark.parametrize("beside", [OF_KUBERNETES, OF_DOCKER])
@pytest.mark.parametrize("service", SERVICES)
def test_variables_of_a_service_of_the_same_name_are_ignored(service: str, beside: dict[str, str]) -> None:
    others = {f"{service}_{name}": value for name, value in beside.items()}
    assert names({**KEYS, **others}) == "paybyrd, blink, lab4pay"
    assert "names no account" in str(refused(others))


def test_no_variable_of_an_account_looks_like_a_variable_of_a_service() -> None:
    for field in FIELDS:
        assert "names no account" not in str(refused({f"REFUNDRY_{field}": "", "REFUNDRY_PAYBYRD_PORT": "443"}))


def test_a_name_variable_beside_a_port_variable_of_kubernetes_belongs_to_the_account() -> None:
    named = {**KEYS, "REFUNDRY_PAYBYRD_NAME": "shop", "REFUNDRY_PAYBYRD_PORT": "tcp://10.0.0.7:443"}
    assert names(named) == "shop, blink, lab4pay"
    assert refused({**named, "REFUNDRY_PAYBYRD_ENVIRONMENT_": "sandbox"}).field == "REFUNDRY_PAYBYRD_ENVIRONMENT_"


@pytest.mark.parametrize("value", ["", " ", "\n"])
@pytest.mark.parametrize("field", sorted(FIELDS))
def test_an_error_about_an_empty_value_says_that_it_is_empty(field: str, value: str) -> None:
    error = refused({f"REFUNDRY_{field}": value})
    assert (error.field, "is empty" in str(error)) == (f"REFUNDRY_{field}", True)


def test_each_of_two_accounts_of_one_provider_has_its_own_name() -> None:
    variables = {
        "REFUNDRY_PAYBYRD_API_KEY": "test-key-1",
        "REFUNDRY_PAYBYRD__SHOP_2__API_KEY": "test-key-2",
        "REFUNDRY_PAYBYRD__SHOP_2__ENVIRONMENT": "sandbox",
        "REFUNDRY_PAYBYRD__3__API_KEY": "test-key-3",
        "REFUNDRY_PAYBYRD__3__NAME": "Lisbon",
        "REFUNDRY_LAB4PAY__TILL__ACCESS_TOKEN": "test-key-4",
        "REFUNDRY_LAB4PAY__TILL__INTEGRATOR_ID": "test-integrator",
    }
    assert names(variables) == "paybyrd, shop_2, Lisbon, till"
    with RefundClient.from_env(variables) as client:
        sent = {
            name: client.prepare(name, payment_id="p-1", amount=ONE_POUND, reference="r-1")
            for name in ("paybyrd", "shop_2", "Lisbon")
        }
    keys = {name: request.credentials[0][1].reveal() for name, request in sent.items()}
    assert keys == {"paybyrd": "test-key-1", "shop_2": "test-key-2", "Lisbon": "test-key-3"}
    assert sent["shop_2"].origin == "https://gatewaysandbox.paybyrd.com"
    assert sent["Lisbon"].origin == sent["paybyrd"].origin == "https://gateway.paybyrd.com"


@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({"REFUNDRY_BLINK__EU__API_KEY": "test-key"}, "REFUNDRY_BLINK__EU__SECRET_KEY"),
        ({"REFUNDRY_LAB4PAY__TILL__ACCESS_TOKEN": "test-key"}, "REFUNDRY_LAB4PAY__TILL__INTEGRATOR_ID"),
        ({"REFUNDRY_PAYBYRD__SHOP__API_KEY": "test key"}, "REFUNDRY_PAYBYRD__SHOP__API_KEY"),
        ({f"REFUNDRY_PAYBYRD__{'S' * 201}__API_KEY": "test-key"}, f"REFUNDRY_PAYBYRD__{'S' * 201}__NAME"),
        ({**KEYS, "REFUNDRY_PAYBYRD__BLINK__API_KEY": "test-key"}, "REFUNDRY_PAYBYRD__BLINK__NAME"),
        ({**KEYS, "REFUNDRY_PAYBYRD_NAME": "blink"}, "REFUNDRY_BLINK_NAME"),
    ],
)
def test_an_error_names_the_variable_of_the_wrong_account(variables: dict[str, str], field: str) -> None:
    error = refused(variables)
    assert error.field == field
    assert str(error).startswith(f"{field}: ") or f"{field} is missing" in str(error)


CANARIES = (
    "c4n4ry",
    "c4n4ry é",
    "c4n4ry\udcff:",
    "http://c4n4ry",
    "https://c4n4ry/path",
    "http://c4n4ry.example",
    "c4n4ry:8000",
    "/c4n4ry",
)


@pytest.mark.parametrize("value", CANARIES)
@pytest.mark.parametrize("field", sorted(FIELDS))
def test_no_value_of_a_variable_is_shown_in_an_error(field: str, value: str) -> None:
    provider = field.partition("_")[0]
    given = {name: text for name, text in KEYS.items() if name.startswith(f"REFUNDRY_{provider}_")}
    variables: Any = {**given, f"REFUNDRY_{field}": value, f"REFUNDRY_{provider}__TWIN__NAME": provider.lower()}
    error = refused(variables)  # the twin has no credentials
    outcome = "".join(traceback.format_exception(error))
    assert "c4n4ry" not in f"{outcome}{error!r}{error.__dict__}{error.__context__!r}"


class PaybyrdV3(Paybyrd):
    """An account at another version of the same provider."""

    def __init__(self, *, api_key: str, name: str = "paybyrd_v3") -> None:
        super().__init__(api_key=api_key, name=name)


def test_the_name_of_a_provider_may_begin_with_that_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "paybyrd_v3", PaybyrdV3)
    translations: dict[Any, str] = {**TRANSLATIONS, PaybyrdV3: TRANSLATIONS[Paybyrd]}
    monkeypatch.setattr("refundry.providers.registry.TRANSLATIONS", translations)
    both = {"REFUNDRY_PAYBYRD_V3_API_KEY": "test-key", "REFUNDRY_PAYBYRD_API_KEY": "test-key"}
    assert names(both) == "paybyrd_v3, paybyrd"
    assert names({"REFUNDRY_PAYBYRD_V3__SHOP__API_KEY": "test-key"}) == "shop"
    error = refused({"REFUNDRY_PAYBYRD_V3_SECRET": "test-key"})
    assert "there are REFUNDRY_PAYBYRD_V3_ with API_KEY" in str(error)
