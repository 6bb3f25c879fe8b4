"""Shared by the tests of callbacks: accounts that receive them, callbacks in each provider's form, and their proof."""

import json
from base64 import b64encode
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, Final, TypeVar

import pytest

from refundry import RefundEvent, RefundStatus
from tests.facade.support import KINDS, Caller, Kind, Scripted, accepted, caller
from tests.providers import PROVIDERS, RECORDS, WITH_PROOF, account
from tests.providers.record import REFUND, WEBHOOK_KEY

T = TypeVar("T")
Headers = Mapping[str, str] | Iterable[tuple[str, str]]

SUCCEEDED, PENDING, FAILED = RefundStatus.SUCCEEDED, RefundStatus.PENDING, RefundStatus.FAILED
KEY: Final = WEBHOOK_KEY
USERNAME: Final = "test-username"
PASSWORD: Final = "test:password"
MAX_BYTES: Final = 1024 * 1024

both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)
with_proof = pytest.mark.parametrize("provider", WITH_PROOF)

BASIC: Final[Mapping[str, Any]] = {"webhook_username": USERNAME, "webhook_password": PASSWORD}
SORTED_KEYS: Final[Mapping[str, Any]] = {"webhook_secret_key": KEY, "webhook_signature": "sorted-keys"}


def receiving(kind: Kind, provider: str, **options: Any) -> tuple[Caller, Scripted]:
    """Return a client of an account that can prove its callbacks, and its unused transport."""
    transport = Scripted(accepted(provider))
    return caller(
        kind, account(provider, **{**RECORDS[provider].callbacks.account, "transport": transport, **options})
    ), transport


def receive(provider: str, headers: Headers, body: Any, *, kind: Kind = "sync", **options: Any) -> RefundEvent:
    """Return the event of a callback. Nothing is sent."""
    return received(provider, headers, body, kind=kind, **options)[0]


def received(
    provider: str, headers: Headers, body: Any, *, kind: Kind = "sync", **options: Any
) -> tuple[RefundEvent, list[tuple[str, str]]]:
    """Return the event of a callback, and the pointer and the rule of each deviation."""
    caller_, transport = receiving(kind, provider, **options)
    with caller_ as client:
        event = client.client.webhook(options.get("name", provider), headers=headers, body=body)
    assert (transport.sent, transport.lookups) == ([], [])
    assert [deviation.operation for deviation in client.deviations] == [None] * len(client.deviations)
    return event, [(deviation.pointer, deviation.rule) for deviation in client.deviations]


def basic(username: str = USERNAME, password: str = PASSWORD) -> str:
    """Return the value of the header of HTTP Basic."""
    return f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}"


def proof(provider: str, body: bytes) -> dict[str, str]:
    """Return the headers that prove a callback with this body, where the provider has any."""
    return RECORDS[provider].callbacks.proof(body)


def news(provider: str, word: object = None, *, refund_id: object = REFUND, **more: Any) -> bytes:
    """Return the body of a callback in the provider's form; without a word it has no state."""
    facts = {"id": refund_id} if word is None else {"id": refund_id, "status": word}
    return json.dumps(RECORDS[provider].callbacks.body(facts, more)).encode()


def answer(client: Caller, requested: T | Coroutine[Any, Any, T]) -> T:
    """Return the result of a call of a client of either kind."""
    return client.run(requested) if isinstance(requested, Coroutine) else requested


WORDS: Final[Mapping[str, Mapping[str, RefundStatus]]] = {
    provider: {**RECORDS[provider].states.words, **RECORDS[provider].callbacks.words} for provider in WITH_PROOF
}
"""Return the words of lookups, and their spellings in callbacks."""
