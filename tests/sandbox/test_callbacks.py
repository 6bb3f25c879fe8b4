"""Callbacks: the callback of each provider about a refund, and its event in the facade."""

import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest

from refundry import ContractDeviation, RefundClient, RefundStatus, WebhookRejected
from refundry.sandbox import WEBHOOK_SECRETS, Callback, Sandbox
from tests.providers import RECORDS, WITH_PROOF
from tests.providers.record import value_at
from tests.sandbox.support import Mounted
from tests.sandbox.support import mounted as mounted_as

STATUSES = {
    ("lab4pay", "INITIATED"): RefundStatus.PENDING,
    ("lab4pay", "IN_PROGRESS"): RefundStatus.PENDING,
    ("lab4pay", "SUCCESS"): RefundStatus.SUCCEEDED,
    ("lab4pay", "FAILED"): RefundStatus.FAILED,
    ("lab4pay", "EXPIRED"): RefundStatus.FAILED,
    ("lab4pay", "CANCELED"): RefundStatus.FAILED,
    ("lab4pay", "DECLINED"): RefundStatus.FAILED,
    ("lab4pay", "MISPLACED"): RefundStatus.PENDING,
    ("paybyrd", "Success"): RefundStatus.SUCCEEDED,
    ("paybyrd", "AcquirerSuccess"): RefundStatus.SUCCEEDED,
    ("paybyrd", "Processing"): RefundStatus.PENDING,
    ("paybyrd", "TemporaryFailed"): RefundStatus.PENDING,
    ("paybyrd", "Denied"): RefundStatus.FAILED,
    ("paybyrd", "Canceled"): RefundStatus.FAILED,
    ("paybyrd", "Error"): RefundStatus.FAILED,
    ("paybyrd", "Misplaced"): RefundStatus.PENDING,
}
UNLISTED = ("MISPLACED", "Misplaced")


@pytest.fixture
def mounted() -> Iterator[Mounted]:
    with mounted_as(Sandbox(), "transport") as transport:
        yield transport


@pytest.fixture
def deviations() -> list[ContractDeviation]:
    return []


@pytest.fixture
def client(mounted: Mounted, deviations: list[ContractDeviation]) -> Iterator[RefundClient]:
    with RefundClient(mounted.accounts(), on_deviation=deviations.append) as client:
        yield client


def refunded(mounted: Mounted, provider: str) -> str:
    """Return the id of a new refund, unreferenced at Lab4Pay."""
    answer: str = value_at(mounted.post(provider).json(), RECORDS[provider].sandbox.refund_id_at)
    return answer


def linked(mounted: Mounted) -> str:
    """Return the id of a new refund of a payment at Lab4Pay."""
    answer: str = mounted.ask("lab4pay", "refund_transaction", "lab4pay-payment", json={"amount": 100}).json()[
        "transaction_id"
    ]
    return answer


def content(callback: Callback) -> dict[str, Any]:
    """Return the body of a callback."""
    answer: dict[str, Any] = json.loads(callback.body)
    return answer


@pytest.mark.parametrize(("provider", "state"), STATUSES)
def test_a_callback_is_believed_and_says_how_far_the_refund_is(
    mounted: Mounted, client: RefundClient, deviations: list[ContractDeviation], provider: str, state: str
) -> None:
    refund_id = refunded(mounted, provider)
    mounted.sandbox.settle(provider, refund_id, state)
    callback = mounted.sandbox.callback(provider, refund_id)
    event = client.webhook(provider, headers=callback.headers, body=callback.body)
    assert (event.provider, event.refund_id, event.authentic) == (provider, refund_id, True)
    assert event.status is STATUSES[provider, state]
    assert event.payment_id == (RECORDS[provider].sandbox.payment or None)
    assert [deviation.operation for deviation in deviations] == [None] * (state in UNLISTED)


@pytest.mark.parametrize("provider", WITH_PROOF)
def test_a_forged_callback_says_the_same_and_is_rejected(mounted: Mounted, client: RefundClient, provider: str) -> None:
    refund_id = refunded(mounted, provider)
    true, forged = (mounted.sandbox.callback(provider, refund_id, forged=forged) for forged in (False, True))
    assert true.body == forged.body
    assert [name for name, _ in true.headers] == [name for name, _ in forged.headers]
    with pytest.raises(WebhookRejected):
        client.webhook(provider, headers=forged.headers, body=forged.body)
    assert client.webhook(provider, headers=true.headers, body=true.body).authentic


def test_the_signature_of_lab4pay_is_over_the_body_that_it_comes_with(mounted: Mounted, client: RefundClient) -> None:
    first, second = (mounted.sandbox.callback("lab4pay", refunded(mounted, "lab4pay")) for _ in range(2))
    with pytest.raises(WebhookRejected):
        client.webhook("lab4pay", headers=first.headers, body=second.body)
    key = WEBHOOK_SECRETS["lab4pay"]["webhook_secret_key"]
    signature = hmac.new(key.encode(), first.body, "sha256").hexdigest()
    assert first.headers == (("Content-Type", "application/json"), ("Signature", signature))


def test_lab4pay_reports_a_refund_with_the_payment_that_it_is_linked_to(mounted: Mounted, client: RefundClient) -> None:
    refund_id = linked(mounted)
    callback = mounted.sandbox.callback("lab4pay", refund_id)
    assert content(callback) == {
        "id": refund_id,
        "linked_transaction_id": "lab4pay-payment",
        "client_transaction_id": None,
        "amount": 100,
        "currency": "EUR",
        "status": "INITIATED",
        "tags": ["refund"],
    }
    event = client.webhook("lab4pay", headers=callback.headers, body=callback.body)
    assert (event.refund_id, event.payment_id) == (refund_id, "lab4pay-payment")


def test_lab4pay_reports_an_unreferenced_refund_with_the_reference_of_the_caller(
    mounted: Mounted,
) -> None:
    answer = content(mounted.sandbox.callback("lab4pay", refunded(mounted, "lab4pay")))
    assert "linked_transaction_id" not in answer
    assert answer["client_transaction_id"] == "till-1/1"


@pytest.mark.parametrize(
    ("state", "event"),
    [
        ("Success", "success"),
        ("AcquirerSuccess", "success"),
        ("Processing", "pending"),
        ("TemporaryFailed", "pending"),
        ("Misplaced", "pending"),
        ("Denied", "failed"),
        ("Error", "error"),
        ("Canceled", "canceled"),
    ],
)
def test_paybyrd_reports_the_event_and_the_transaction_as_a_query_does(
    mounted: Mounted, state: str, event: str
) -> None:
    refund_id = refunded(mounted, "paybyrd")
    mounted.sandbox.settle("paybyrd", refund_id, state)
    callback = mounted.sandbox.callback("paybyrd", refund_id)
    assert content(callback) == {
        "event": f"transaction.refund.{event}",
        "content": mounted.ask("paybyrd", "get_transaction", refund_id).json(),
    }
    key = WEBHOOK_SECRETS["paybyrd"]["webhook_api_key"]
    assert callback.headers == (("Content-Type", "application/json"), ("x-api-key", key))


def test_blink_proves_nothing_and_the_facade_confirms_before_it_believes(
    mounted: Mounted, client: RefundClient
) -> None:
    refund_id = refunded(mounted, "blink")
    callback = mounted.sandbox.callback("blink", refund_id)
    assert callback.headers == (("Content-Type", "application/json"),)
    assert content(callback) == {
        "transaction_id": refund_id,
        "status": "completed",
        "note": "The transaction is completed",
        "merchant_data": {},
    }
    event = client.webhook("blink", headers=callback.headers, body=callback.body)
    assert (event.refund_id, event.status, event.authentic) == (refund_id, None, False)
    mounted.sandbox.settle("blink", refund_id, "failed")
    confirmed = client.confirm(event)
    assert (confirmed.refund_id, confirmed.status, confirmed.authentic) == (refund_id, RefundStatus.FAILED, True)
    assert mounted.sandbox.violations == ()


@pytest.mark.parametrize("provider", RECORDS)
def test_the_same_state_has_the_same_identity_and_the_next_state_has_another(
    mounted: Mounted, client: RefundClient, provider: str
) -> None:
    def identity() -> str:
        callback = mounted.sandbox.callback(provider, refund_id)
        return client.webhook(provider, headers=callback.headers, body=callback.body).identity

    refund_id = refunded(mounted, provider)
    first, second = identity(), identity()
    mounted.sandbox.settle(provider, refund_id, RECORDS[provider].states.undone)
    assert first == second != identity()


def test_a_callback_that_cannot_be_made_is_an_error_that_says_why(mounted: Mounted) -> None:
    refund_id = refunded(mounted, "blink")
    with pytest.raises(ValueError, match="nothing to forge"):
        mounted.sandbox.callback("blink", refund_id, forged=True)
    with pytest.raises(ValueError, match="paybyrd has no such refund"):
        mounted.sandbox.callback("paybyrd", refund_id)
    with pytest.raises(ValueError, match="there is no provider 'nobody'"):
        mounted.sandbox.callback("nobody", refund_id)
