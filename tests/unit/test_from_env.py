"""Accounts by variables of the environment."""

import pytest

from refundry import AsyncRefundClient, InvalidRefund, Money, RefundClient, Timeout

KEYS = {
    "REFUNDRY_PAYBYRD_API_KEY": "test-key-of-paybyrd",
    "REFUNDRY_BLINK_ACCESS_TOKEN": "test-key-of-blink",
    "REFUNDRY_LAB4PAY_ACCESS_TOKEN": "test-key-of-lab4pay",
    "REFUNDRY_LAB4PAY_INTEGRATOR_ID": "test-integrator",
}
ONE_POUND = Money.of("1.00", "GBP")


@pytest.mark.parametrize("kind", [RefundClient, AsyncRefundClient])
def test_each_provider_that_the_environment_names_is_an_account(kind: type[RefundClient | AsyncRefundClient]) -> None:
    client = kind.from_env({**KEYS, "PATH": "/bin"})
    assert sorted(repr(client).strip("<>").split(" of ")[1].split(", ")) == ["blink", "lab4pay", "paybyrd"]
    request = client.prepare("paybyrd", payment_id="p-1", amount=ONE_POUND, reference="r-1")
    assert [(name, secret.reveal()) for name, secret in request.credentials] == [("x-api-key", "test-key-of-paybyrd")]


def test_a_provider_that_the_environment_does_not_name_is_no_account() -> None:
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


def test_without_an_argument_the_environment_of_the_process_counts(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_a_variable_that_is_missing_unfit_or_unknown_is_named(variables: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidRefund) as refused:
        RefundClient.from_env(variables)
    assert refused.value.field == field
    assert field in str(refused.value)
    assert "test key" not in str(refused.value)
