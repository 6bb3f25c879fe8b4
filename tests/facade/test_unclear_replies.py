"""What is said of a reply that leaves it open whether the money was given, and of one that gives no state."""

from typing import Any

import pytest

from refundry import LookupFailed, OutcomeUnknown, UnsupportedOperation, WireReply
from tests.facade.questions import found, pending, state, tracked, transaction
from tests.facade.support import outcome_for_caller
from tests.providers.record import PAYMENT, reply


@pytest.mark.parametrize(
    ("provider", "answer", "why"),
    [
        ("blink", reply(200, {"message": "Hello"}), "its body does not say whether it was refunded"),
        ("blink", reply(409, {"success": False}), "its status and body do not say whether it was refunded"),
        ("blink", reply(400, {"success": True}), "its status and body do not say whether it was refunded"),
        ("paybyrd", reply(200, {"code": "BYRD999"}), "its status and code do not say whether it was refunded"),
        ("blink", reply(418, {}), "status 418 is not in the contract"),
        ("lab4pay", reply(500, {}), "the provider failed"),
        ("lab4pay", reply(200, {"transaction_id": ""}), "it names no transaction"),
    ],
)
def test_an_unknown_outcome_names_what_the_reply_lacks(provider: str, answer: WireReply, why: str) -> None:
    outcome = outcome_for_caller(provider, answer)
    assert isinstance(outcome, OutcomeUnknown)
    assert str(outcome).endswith(f"): {why}")


SEVERAL: Any = [transaction(transactionId=name, isoAmount=-100) for name in ("refund-1", "refund-2")]


@pytest.mark.parametrize(
    ("provider", "answer", "why"),
    [
        ("blink", reply(200, {"data": None}), "it gave no transaction"),
        ("blink", state("blink", "completed", transaction_id=PAYMENT), "it gave the payment, and not its refund"),
        ("paybyrd", tracked(*SEVERAL), "it gave several transactions, and not one that is this refund"),
        ("blink", reply(404, {"message": "No"}), "it gave no state"),
    ],
)
def test_a_lookup_that_fails_names_what_the_reply_lacks(provider: str, answer: WireReply, why: str) -> None:
    asked = pending(provider, refund_id=None, tracking_id="/api/v2/transactions?requestId=r", amount=None)
    outcome, _ = found(provider, answer, asked if provider == "paybyrd" else pending(provider))
    assert isinstance(outcome, LookupFailed)
    assert f": {why} (HTTP {answer.status}" in str(outcome)


@pytest.mark.parametrize(
    ("provider", "advice"),
    [
        ("lab4pay", ""),
        ("paybyrd", ", nor a tracking_id"),
        ("blink", ", as the older replies do not; the provider's portal shows it"),
    ],
)
def test_a_refund_without_an_id_is_refused_with_what_can_be_done(provider: str, advice: str) -> None:
    outcome, _ = found(provider, state(provider), pending(provider, refund_id=None))
    assert isinstance(outcome, UnsupportedOperation)
    assert str(outcome) == f"{provider} is asked about a refund by its refund_id, and this one has none{advice}"
