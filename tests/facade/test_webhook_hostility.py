"""Callbacks: any body is an event or refused, and nothing unproved is believed."""

import json
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refundry import RefundEvent, WebhookRejected, WebhookUnreadable
from tests.facade.callbacks import BASIC, SORTED_KEYS, WORDS, Headers, every_provider, news, proof, receiving
from tests.providers import PROVIDERS
from tests.providers.record import REFUND

# Hostile callbacks.


def deep(before: bytes, after: bytes, depth: int) -> bytes:
    """Return JSON of this depth."""
    return before * depth + b"1" + after * depth


HOSTILE: Final = [
    b"",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"NaN",
    b'{"status": NaN, "id": Infinity}',
    b'{"id": 1e999, "status": -1e999}',
    b"9" * 5000,
    b"null",
    b'"\\ud800"',
    b'{"content": null}',
    b"a=1&" * 101 + b"transaction_id=refund-1",
    b"transaction_id=%ff%00&status=%",
    b"=&&&===",
    *[
        news(provider, word, refund_id=refund_id)
        for provider in PROVIDERS
        for word, refund_id in [
            ("\ud800", REFUND),
            ("Success", "\ud800"),
            ("\0", "\0"),
            (7, 7),
            ([], {}),
            ("x" * 9999,) * 2,
        ]
    ],
    *[
        form
        for depth in (90, 600, 900, 1400, 2900, 15_000)
        for form in (
            deep(b"[", b"]", depth),
            deep(b'{"data":', b"}", depth),
            deep(b'{"transaction":[', b"]}", depth),
            b'{"transaction_id":"refund-1","status":"completed","note":%b}' % deep(b"[", b"]", depth),
            b'{"event":"transaction.refund.success","content":%b}' % deep(b'{"card":', b"}", depth),
            b'{"event":"transaction.refund.success","content":{"transactionId":"refund-1","referencedTransactions":[%b]}}'
            % deep(b'{"transactionId":"payment-1","referencedTransactions":[', b"]}", depth),
        )
    ],
]


def believed(provider: str, headers: Headers, body: bytes, **options: Any) -> tuple[RefundEvent, ...] | None:
    """Return the events of a callback, or None where it is rejected. Fails on any other exception."""
    caller_, _ = receiving("sync", provider, **options)
    with caller_ as client:
        try:
            events = client.client.webhooks(provider, headers=headers, body=body)
        except WebhookRejected:
            return None
        except WebhookUnreadable:
            events = ()
            assert provider != "blink"
            assert client.deviations
    for event in events:
        assert (event.provider, event.raw, event.authentic) == (provider, body, provider != "blink")
        assert (event.status is not None) == (event.authentic and event.refund_id is not None)
        assert (event.refund_id is not None) == (event.about in ("refund", "transaction"))
    return events


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(
    ("provider", "options"), [("lab4pay", {}), ("lab4pay", SORTED_KEYS), ("paybyrd", {}), ("blink", {})]
)
def test_a_hostile_body_is_an_event_or_rejected(provider: str, options: dict[str, Any], body: bytes) -> None:
    """A body may be hostile although its provider signed it, or although it came with the secret."""
    assert believed(provider, {}, body, **options) is None or provider == "blink"
    events = believed(provider, proof(provider, body), body, **options)
    if provider != "blink" and not options:
        assert events is not None


WORDS_OF_ALL: Final = sorted({word for words in WORDS.values() for word in words})
ANY_TEXT: Final = st.text(st.characters(exclude_categories=()), max_size=20)
NAMES: Final = st.sampled_from(
    [
        "id",
        "transaction_id",
        "linked_transaction_id",
        "status",
        "tags",
        "data",
        "transaction",
        "event",
        "content",
        "transactionId",
        "operationType",
        "referencedTransactions",
        "code",
        "amount",
        "isoAmount",
        "currency",
        "card",
        "description",
    ]
)
VALUES: Final = st.sampled_from(
    [*WORDS_OF_ALL, REFUND, "Refund", "transaction.refund.success", "charge", "BYRD200", "EUR"]
)
ANY_JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | VALUES | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | ANY_TEXT, inner, max_size=6),
    max_leaves=12,
)
ANY_BODY: Final = st.binary(max_size=200) | ANY_JSON.map(lambda value: json.dumps(value).encode())
ANY_NAME: Final = st.sampled_from(["Signature", "signature", "x-api-key", "Authorization", "Content-Type"]) | ANY_TEXT
ANY_VALUE: Final = ANY_TEXT | ANY_TEXT.map(lambda text: f"Basic {text}")
ANY_HEADERS: Final = st.lists(st.tuples(ANY_NAME, ANY_VALUE), max_size=4)


@every_provider
@given(body=ANY_BODY, headers=ANY_HEADERS)
def test_any_body_without_a_proof_is_not_believed(provider: str, body: bytes, headers: list[tuple[str, str]]) -> None:
    events = believed(provider, headers, body, **(BASIC if provider == "paybyrd" else {}))
    assert events is None or provider == "blink"


@pytest.mark.parametrize(
    ("provider", "options"), [("lab4pay", {}), ("lab4pay", SORTED_KEYS), ("paybyrd", {}), ("blink", {})]
)
@given(body=ANY_BODY)
@example(body=json.dumps({"transaction_id": REFUND, "status": "\ud800"}).encode())
def test_any_body_with_a_proof_is_an_event_or_rejected(provider: str, options: dict[str, Any], body: bytes) -> None:
    believed(provider, proof(provider, body), body, **options)
