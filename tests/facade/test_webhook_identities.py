"""The identity of an event is what a service has stored: it stays the same in every version of refundry."""

from hashlib import sha256

import pytest

from tests.facade.callbacks import news, proof, receive


@pytest.mark.parametrize(
    ("provider", "word", "state"),
    [
        ("paybyrd", "Success", "succeeded"),
        ("paybyrd", "Processing", "pending"),
        ("paybyrd", "Denied", "rejected"),
        ("blink", "Refunded", "unknown"),  # nothing proves a callback of Blink, and it says no state by itself
    ],
)
def test_an_identity_is_the_hash_of_the_account_the_transaction_its_state_and_its_code(
    provider: str, word: str, state: str
) -> None:
    body = news(provider, word, refund_id="R-1")
    event = receive(provider, proof(provider, body), body)
    said = f"{provider}\nR-1\n{state}\n{word.lower()}"
    assert event.identity == sha256(said.encode()).hexdigest()
