"""The readers of replies, through whole calls: a refund, a lookup, and the fetch of a token.

An input is a byte for the provider, one for the call, one for the HTTP status, a line that is a header's value, and the
body of the reply.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Hashable, Iterator
from typing import Final

from refundry import (
    Account,
    Blink,
    Evidence,
    Lab4Pay,
    Money,
    Paybyrd,
    Refund,
    RefundClient,
    RefundError,
    RefundStatus,
    Retry,
    SendFailure,
    Timeout,
    WireReply,
    WireRequest,
)
from scripts.fuzz import second
from scripts.fuzz.target import Broken, Target, examples, words_of_contracts

PROVIDERS: Final = ("paybyrd", "blink", "lab4pay")
CALLS: Final = ("refund", "lookup", "token")
STATUSES: Final = (200, 201, 202, 204, 302, 400, 401, 402, 403, 404, 408, 409, 410, 422, 425, 429, 500, 502, 503, 520)
_EURO: Final = Money.of("1.00", "EUR")
_KNOWN: Final = "refund-1"
_MOST_CALLS: Final = 200  # of one client, whose ledger keeps every reference
_BODIES: Final = (
    {"code": "BYRD200", "isoAmount": 100, "amount": 1.0, "transactionId": _KNOWN},
    {"code": "BYRD201", "isoAmount": 100, "transactionId": _KNOWN, "sourceTransaction": {"transactionId": "payment-1"}},
    {"code": "BYRD231", "description": "no"},
    {"links": {"href": "/api/v2/transactions?requestId=1"}},
    [{"transactionId": _KNOWN, "status": "Success", "code": "BYRD200", "isoAmount": 100, "currency": "EUR"}],
    {"status": "completed", "amount": 1, "refunded_transaction_id": _KNOWN},
    {"success": True, "message": "done", "status": "pending", "amount": "1.00", "transaction_id": "payment-1"},
    {"success": False, "error": "no"},
    {"data": {"transaction_id": _KNOWN, "status": "Accepted", "amount": 1.0, "currency": "EUR"}},
    {"transaction_id": _KNOWN, "status": "SUCCESS", "amount": 100, "currency": "EUR"},
    {"transaction_id": _KNOWN, "status": "FAILED"},
    {"access_token": "test-token", "expires_in": 60, "expired_on": "2030-01-01T00:00:00Z"},
)


class _Answering:
    """A transport that gives the input as the reply to one kind of call, and nothing to the others."""

    def __init__(self) -> None:
        self.call = ""
        self.reply: WireReply | SendFailure = SendFailure(Evidence.NOT_SENT, "no input")

    def send(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
        """Give the reply to the call of the input."""
        call = "lookup" if request.method == "GET" else "token" if "token" in request.target else "refund"
        if call == self.call:
            return self.reply
        return SendFailure(Evidence.NOT_SENT, "another call")

    def close(self) -> None:
        """Close nothing."""


_TRANSPORT: Final = _Answering()
# By provider: an account that has a token, and one that fetches it.
_ACCOUNTS: Final[dict[str, tuple[Callable[[], Account], Callable[[], Account]]]] = {
    "paybyrd": (lambda: Paybyrd(api_key="test-key"), lambda: Paybyrd(api_key="test-key")),
    "blink": (lambda: Blink(access_token="test-key"), lambda: Blink(api_key="test-key", secret_key="test-secret")),
    "lab4pay": (
        lambda: Lab4Pay(access_token="test-key", integrator_id="test"),
        lambda: Lab4Pay(client_id="test-id", client_secret="test-secret", integrator_id="test"),
    ),
}
_numbers: Final = itertools.count()
_client: RefundClient | None = None


def _clients() -> RefundClient:
    """The client of the next call. It is replaced now and then, for its ledger keeps every reference."""
    global _client
    if _client is None or next(_numbers) % _MOST_CALLS == 0:
        if _client is not None:
            _client.close()
        _client = RefundClient(
            [make() for makes in _ACCOUNTS.values() for make in makes[:1]],
            transport=_TRANSPORT,
            retry=Retry(attempts=1),
        )
    return _client


def _asked(provider: str, call: str) -> Refund | RefundError:
    reference = f"order-{next(_numbers)}"
    try:
        if call == "token":
            with RefundClient([_ACCOUNTS[provider][1]()], transport=_TRANSPORT, retry=Retry(attempts=1)) as client:
                return _refund(client, provider, reference)
        if call == "lookup":
            known = Refund(provider, reference, RefundStatus.PENDING, amount=_EURO, refund_id=_KNOWN)
            return _clients().lookup(known)
        return _refund(_clients(), provider, reference)
    except RefundError as error:
        return error


def _refund(client: RefundClient, provider: str, reference: str) -> Refund:
    if provider == "lab4pay":
        return client.refund_unreferenced(provider, amount=_EURO, reference=reference)
    return client.refund(provider, payment_id="payment-1", amount=_EURO, reference=reference)


def read(data: bytes) -> Hashable:
    """Make the call of the input; return how it ended."""
    choices, rest = data[:3].ljust(3, b"\0"), data[3:]
    provider, call = PROVIDERS[choices[0] % len(PROVIDERS)], CALLS[choices[1] % len(CALLS)]
    status = STATUSES[choices[2] % len(STATUSES)]
    line, _, body = rest.partition(b"\n")
    header = line.decode("latin-1")
    headers = (("requestid", header), ("retry-after", header), ("content-type", "application/json"))
    _TRANSPORT.call, _TRANSPORT.reply = call, WireReply(status, headers, body)
    ended = _asked(provider, call)
    if isinstance(ended, RefundError):
        _ = (str(ended), repr(ended), ended.to_dict())  # none fails
        return (type(ended).__name__, ended.resend, ended.provider_code, str(ended).partition("order-")[0])
    if ended.status is RefundStatus.SUCCEEDED:
        reading = second.may_be_done if call == "refund" else second.may_be_found_done
        if call == "token" or not reading(provider, status, body):
            raise Broken(f"{provider}, {call}: {status} {body!r} was read as done")
    Refund.from_dict(ended.to_dict())
    return (ended.status, ended.refund_id, ended.amount, ended.provider_code)


def seeds() -> Iterator[bytes]:
    """Yield the examples of the contracts, and a body of each form, as replies to each call."""
    for index, provider in enumerate(PROVIDERS):
        bodies = [*examples(provider), *_BODIES]
        for call in range(len(CALLS)):
            for body in bodies:
                yield bytes((index, call, 0)) + b"r-1\n" + json.dumps(body).encode()
        for status in range(len(STATUSES)):
            yield bytes((index, 0, status)) + b"7\n" + json.dumps(_BODIES[0]).encode()


TARGET: Final = Target(read, seeds, words_of_contracts)
