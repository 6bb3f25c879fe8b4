"""What the tests of callbacks share: accounts that receive them, callbacks in each provider's form, and their proof."""

import hmac
import json
from base64 import b64encode
from collections.abc import Coroutine, Iterable, Mapping
from hashlib import sha256
from typing import Any, Final, TypeVar

import pytest

from refundry import RefundEvent, RefundStatus
from tests.facade import questions
from tests.facade.support import KINDS, PAYMENT, PROVIDERS, Caller, Kind, Scripted, accepted, account, caller

T = TypeVar("T")
Headers = Mapping[str, str] | Iterable[tuple[str, str]]

SUCCEEDED, PENDING, FAILED = RefundStatus.SUCCEEDED, RefundStatus.PENDING, RefundStatus.FAILED
REFUND: Final = "refund-1"
KEY: Final = "test-webhook-key"
USERNAME: Final = "test-username"
PASSWORD: Final = "test:password"
MAX_BYTES: Final = 1024 * 1024

both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)
with_proof = pytest.mark.parametrize("provider", ["lab4pay", "paybyrd"])

SECRETS: Final[Mapping[str, Mapping[str, str]]] = {
    "lab4pay": {"webhook_secret_key": KEY},
    "paybyrd": {"webhook_api_key": KEY},
    "blink": {},
}
BASIC: Final[Mapping[str, Any]] = {"webhook_username": USERNAME, "webhook_password": PASSWORD}
SORTED_KEYS: Final[Mapping[str, Any]] = {"webhook_secret_key": KEY, "webhook_signature": "sorted-keys"}


def receiving(kind: Kind, provider: str, **options: Any) -> tuple[Caller, Scripted]:
    """Return a client of an account with the secrets of its callbacks, and its transport, which is to stay idle."""
    transport = Scripted(accepted(provider))
    return caller(kind, account(provider, **{**SECRETS[provider], "transport": transport, **options})), transport


def receive(provider: str, headers: Headers, body: Any, *, kind: Kind = "sync", **options: Any) -> RefundEvent:
    """Return what a client makes of a callback. Nothing is sent for it."""
    return told(provider, headers, body, kind=kind, **options)[0]


def told(
    provider: str, headers: Headers, body: Any, *, kind: Kind = "sync", **options: Any
) -> tuple[RefundEvent, list[tuple[str, str]]]:
    """Return what a client makes of a callback, and pointer and rule of what it tells to depart from the contract."""
    caller_, transport = receiving(kind, provider, **options)
    with caller_ as client:
        event = client.client.webhook(options.get("name", provider), headers=headers, body=body)
    assert (transport.sent, transport.asked) == ([], [])
    assert [deviation.operation for deviation in client.deviations] == [None] * len(client.deviations)
    return event, [(deviation.pointer, deviation.rule) for deviation in client.deviations]


def signature(body: bytes, key: str = KEY) -> str:
    """Return the signature of Lab4Pay."""
    return hmac.new(key.encode(), body, sha256).hexdigest()


def basic(username: str = USERNAME, password: str = PASSWORD) -> str:
    """Return the value of the header of HTTP Basic."""
    return f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}"


def proof(provider: str, body: bytes) -> dict[str, str]:
    """Return the headers by which a callback with this body is believed, where there are such."""
    return {"lab4pay": {"Signature": signature(body)}, "paybyrd": {"x-api-key": KEY}, "blink": {}}[provider]


def news(provider: str, word: object = None, *, refund_id: object = REFUND, **more: Any) -> bytes:
    """Return a callback in the provider's own form; without a word it does not say how far the refund is."""
    state = {} if word is None else {"status": word}
    if provider == "lab4pay":
        return json.dumps({"id": refund_id, "linked_transaction_id": PAYMENT, **state, **more}).encode()
    if provider == "blink":
        return json.dumps({"transaction_id": refund_id, **state, **more}).encode()
    envelope = {"event": more.pop("event")} if "event" in more else {}
    payment = {"transactionId": PAYMENT, "operationType": "Payment"}
    refund = {"transactionId": refund_id, "operationType": "Refund", "referencedTransactions": [payment]}
    return json.dumps({**envelope, "content": {**refund, **state, **more}}).encode()


def answer(client: Caller, asked: T | Coroutine[Any, Any, T]) -> T:
    """Return what a call of a client of either kind gives."""
    return client.run(asked) if isinstance(asked, Coroutine) else asked


# As the providers are asked, and in the spellings that callbacks come in.
WORDS: Final[Mapping[str, Mapping[str, RefundStatus]]] = {
    "lab4pay": {**questions.WORDS["lab4pay"], "success": SUCCEEDED, "In-Progress": PENDING},
    "paybyrd": {
        **questions.WORDS["paybyrd"],
        "success": SUCCEEDED,
        "acquirersuccess": SUCCEEDED,
        "DENIED": FAILED,
    },
}
