"""The readers of callbacks. A callback that is believed has a proof that a second computation finds, too.

An input is a byte for the account, one that says whether the proof is a true one, a line that is the proof otherwise,
and the body.
"""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Hashable, Iterator
from typing import Final

from refundry import Account, Blink, Lab4Pay, Paybyrd, RefundClient, RefundStatus, WebhookRejected, WebhookUnreadable
from scripts.fuzz import second
from scripts.fuzz.target import Broken, Target, words_of_contracts

_KEY: Final = "test-webhook-key"
_NAME: Final = "test-name"
_ACCOUNTS: Final[tuple[tuple[Account, str], ...]] = (
    (Lab4Pay(access_token="test-key", integrator_id="test", webhook_secret_key=_KEY, name="body"), "signature"),
    (
        Lab4Pay(
            access_token="test-key",
            integrator_id="test",
            webhook_secret_key=_KEY,
            webhook_signature="sorted-keys",
            name="sorted",
        ),
        "signature",
    ),
    (Paybyrd(api_key="test-key", webhook_api_key=_KEY, name="key"), "x-api-key"),
    (
        Paybyrd(api_key="test-key", webhook_username=_NAME, webhook_password=_KEY, name="basic"),
        "authorization",
    ),
    (Blink(access_token="test-key", name="blink"), "x-nothing"),
)
_CLIENT: Final = RefundClient([account for account, _ in _ACCOUNTS])
_BODIES: Final = (
    {"id": "refund-1", "status": "SUCCESS", "amount": 100, "currency": "EUR", "tags": {"reference": "order-1"}},
    [{"id": "refund-1", "status": "FAILED"}, {"id": "refund-2", "status": "INITIATED"}],
    {"data": [{"transaction_id": "refund-1", "status": "SUCCESS"}]},
    {
        "event": "transaction.refund.success",
        "content": {
            "transactionId": "refund-1",
            "operationType": "Refund",
            "status": "Success",
            "code": "BYRD200",
            "isoAmount": -100,
            "currency": "EUR",
            "referencedTransactions": [{"transactionId": "payment-1"}],
        },
    },
    {"event": "order.paid", "content": {"orderId": "1"}},
    {"transaction_id": "refund-1", "status": "completed", "reference": "order-1"},
)


def _forms(body: bytes) -> list[bytes]:
    """The forms of a body with sorted keys."""
    value = second.value_of(body)
    try:
        return [
            json.dumps(value, sort_keys=True, ensure_ascii=plain, separators=separators).encode()
            for plain in (True, False)
            for separators in ((", ", ": "), (",", ":"))
        ]
    except (ValueError, RecursionError):
        return []


def _signed(message: bytes) -> str:
    return hmac.digest(_KEY.encode(), message, "sha256").hex()


def true_proof(name: str, body: bytes) -> str:
    """Return the proof of this body for an account."""
    basic = b64encode(f"{_NAME}:{_KEY}".encode()).decode()
    signed = {"body": [body], "sorted": _forms(body)}.get(name)
    return {"key": _KEY, "basic": f"Basic {basic}"}.get(name, "") if signed is None else _signed((signed or [body])[0])


def _is_proof(name: str, given: str, body: bytes) -> bool:
    given = given.strip()
    if name == "key":
        return given == _KEY
    if name == "basic":
        scheme, _, encoded = given.partition(" ")
        try:
            return scheme.lower() == "basic" and b64decode(encoded.strip()) == f"{_NAME}:{_KEY}".encode()
        except ValueError:
            return False
    return given.lower() in [_signed(one) for one in ([body] if name == "body" else _forms(body))]


def read(data: bytes) -> Hashable:
    """Receive the callback of the input; return what is believed of it."""
    choices, rest = data[:2].ljust(2, b"\0"), data[2:]
    account, header = _ACCOUNTS[choices[0] % len(_ACCOUNTS)]
    name, provider = account.name, type(account).__name__.lower()
    line, _, body = rest.partition(b"\n")
    given = line.decode("latin-1") if choices[1] % 2 else true_proof(name, body)
    try:
        events = _CLIENT.webhooks(name, headers=[(header, given)], body=body)
    except WebhookRejected:
        if name != "blink" and name != "sorted" and not choices[1] % 2:
            raise Broken(f"{name}: a true proof of {body!r} was refused") from None
        return "rejected"
    except WebhookUnreadable as error:
        events, verdict = (), str(error)
    else:
        verdict = ""
    if name != "blink" and not _is_proof(name, given, body):
        raise Broken(f"{name}: {given!r} was taken for a proof of {body!r}")
    for event in events:
        if event.authentic is (name == "blink") or (event.status is not None and not event.authentic):
            raise Broken(f"{name}: an event of {body!r} is believed without a proof, or not believed with one")
        if event.status is RefundStatus.SUCCEEDED and not second.may_be_found_done(provider, 200, body):
            raise Broken(f"{name}: {body!r} was read as done")
        _ = (str(event), repr(event))  # neither fails
    return (verdict, *((one.about, one.refund_id, one.status, one.amount, one.identity) for one in events))


def seeds() -> Iterator[bytes]:
    """Yield a callback of each form to each account, with its own proof and with another's."""
    for index, (account, _) in enumerate(_ACCOUNTS):
        for one in _BODIES:
            body = json.dumps(one, sort_keys=True).encode()
            yield bytes((index, 0)) + b"\n" + body
            yield bytes((index, 1)) + true_proof(account.name, body).encode() + b"\n" + body
        yield bytes((index, 1)) + _signed(b"another body").encode() + b"\n" + json.dumps(_BODIES[0]).encode()
        yield bytes((index, 0)) + b"\n" + b"transaction_id=refund-1&status=completed"


def words() -> set[bytes]:
    """Return the words of the contracts, and those of callbacks alone."""
    more = ("event", "content", "transaction.refund.success", "operationType", "Refund", "data", "transaction", "tags")
    return words_of_contracts() | {f'"{one}"'.encode() for one in more}


TARGET: Final = Target(read, seeds, words)
