"""A deviation of a lookup's reply, or of a callback, is reported with the place of the value."""

import json
from typing import Any

import pytest

from tests.facade.callbacks import proof, receiving
from tests.facade.questions import DONE, found, state
from tests.providers.record import PAYMENT, REFUND, reply


@pytest.mark.parametrize(
    ("provider", "fields", "pointers"),
    [
        ("blink", {"amount": "one"}, ["/data/amount"]),
        ("blink", {"amount": -1}, ["/data/amount"]),
        ("blink", {"currency": "euros"}, ["/data/currency"]),
        ("blink", {"message": ["no"]}, ["/data/message"]),
        ("paybyrd", {"isoAmount": "100"}, ["/isoAmount"]),
        ("paybyrd", {"amount": "one"}, ["/amount"]),
        ("paybyrd", {"currency": "euros"}, ["/currency"]),
        ("paybyrd", {"code": 200}, ["/code"]),
        ("paybyrd", {"description": ["no"]}, ["/description"]),
        (
            "paybyrd",
            {"referencedTransactions": [{"transactionId": PAYMENT}, {"transactionId": 7}]},
            ["/referencedTransactions/1/transactionId"],
        ),
    ],
)
def test_a_value_of_a_state_that_deviates_is_reported_with_its_place(
    provider: str, fields: dict[str, Any], pointers: list[str]
) -> None:
    assert found(provider, state(provider, DONE[provider], **fields))[1] == pointers


@pytest.mark.parametrize(
    ("provider", "body", "pointers"),
    [
        ("blink", {"message": ["no"], "error": 7}, ["/message", "/error"]),
        ("blink", {"message": "No", "error": 7}, []),
        ("paybyrd", {"code": 7, "message": ["no"]}, ["/code", "/message"]),
    ],
)
def test_a_value_of_an_error_that_deviates_is_reported_with_its_place(
    provider: str, body: dict[str, Any], pointers: list[str]
) -> None:
    assert found(provider, reply(404, body))[1] == pointers


OF_LAB4PAY = {"id": REFUND, "linked_transaction_id": PAYMENT, "status": "SUCCESS", "tags": ["refund"]}


@pytest.mark.parametrize(
    ("provider", "body", "pointers"),
    [
        ("lab4pay", {**OF_LAB4PAY, "currency": "euros"}, ["/currency"]),
        ("lab4pay", {"data": [OF_LAB4PAY, {**OF_LAB4PAY, "currency": "euros"}]}, ["/data/1/currency"]),
        ("lab4pay", {**OF_LAB4PAY, "currency": "EUR", "amount": "one"}, ["/amount"]),
        ("lab4pay", {**OF_LAB4PAY, "currency": "EUR", "amount": -100}, ["/amount"]),
        ("lab4pay", {**OF_LAB4PAY, "linked_transaction_id": 7}, ["/linked_transaction_id"]),
        ("blink", {"transaction_id": 7, "status": "completed"}, ["/transaction_id"]),
    ],
)
def test_a_value_of_a_callback_that_deviates_is_reported_with_its_place(
    provider: str, body: dict[str, Any], pointers: list[str]
) -> None:
    sent = json.dumps(body).encode()
    with receiving("sync", provider)[0] as client:
        client.client.webhooks(provider, headers=proof(provider, sent), body=sent)
        assert [one.pointer for one in client.deviations] == pointers
