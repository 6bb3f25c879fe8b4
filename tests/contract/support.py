"""The calls that the contract tests make, the accounts they make them at, and a transport that answers by script."""

import pickle
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from refundry import (
    FULL,
    Account,
    AsyncRefundClient,
    Money,
    Operation,
    Refund,
    RefundClient,
    RefundError,
    RefundRejected,
    Retry,
    SendFailure,
    Timeout,
    WireReply,
    WireRequest,
)
from tests.providers import RECORDS
from tests.providers.record import Call

CREDENTIALS = tuple({secret for record in RECORDS.values() for secret in record.credentials.values()})
"""Every credential of the accounts here. None may show in anything that a caller gets."""

REFERENCES = ("order-1042/1", "Rückerstattung №7", "返金-3 {}", '🧾 "a" \\ <b>', "r" * 255)
AMOUNTS = tuple(
    Money.from_minor(minor_units, currency)
    for currency, minor_units in product(("GBP", "EUR", "JPY", "KWD"), (1, 7910, 10**15))
)


@dataclass(frozen=True)
class Meanwhile:
    """The answer to a request, during which another call is made."""

    call: Call
    answer: WireReply | SendFailure


NO_STATE = WireReply(500, (), b"{}")
ONCE = Retry(attempts=1)


class Script:
    """A transport for both clients: records the requests, and gives the answers in turn. An exception is raised."""

    def __init__(self, *answers: WireReply | SendFailure | Exception | Meanwhile) -> None:
        self.answers = list(answers)
        self.sent: list[WireRequest] = []
        self.during: Callable[[Call], None] | None = None
        self.aduring: Callable[[Call], Awaitable[None]] | None = None

    def send(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
        answer = self._take(request, timeout)
        if isinstance(answer, Meanwhile):
            assert self.during is not None
            self.during(answer.call)
            return answer.answer
        return answer

    async def asend(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
        answer = self._take(request, timeout)
        if isinstance(answer, Meanwhile):
            assert self.aduring is not None
            await self.aduring(answer.call)
            return answer.answer
        return answer

    def _take(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure | Meanwhile:
        if request.method == "GET":  # a lookup of the reason of a refusal, which the script does not answer
            return NO_STATE
        assert timeout == Timeout()
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        raise AssertionError("a transport that was given is not the client's to close")

    async def aclose(self) -> None:
        raise AssertionError("a transport that was given is not the client's to close")


def account(
    provider: str,
    transport: Script | None = None,
    *,
    environment: Literal["production", "sandbox"] = "production",
    currency: str | None = None,
) -> Account:
    """Return an account at the provider, under the provider's name, with a currency where the account has one.

    An account that counts in minor units counts the minor units of ISO 4217.
    """
    record = RECORDS[provider]
    options: dict[str, Any] = {"environment": environment, "transport": transport}
    if record.has_currency:
        options["currency"] = currency
    if record.counts_minor_units:
        options["minor_units"] = "iso"
    return record.account(**options)


def ask(client: RefundClient, call: Call) -> Refund:
    """Make the call."""
    if call.payment_id is None:
        return client.refund_unreferenced(call.provider, amount=call.amount, reference=call.reference)
    return client.refund(call.provider, payment_id=call.payment_id, amount=call.amount, reference=call.reference)


async def aask(client: AsyncRefundClient, call: Call) -> Refund:
    """Make the call, with await."""
    if call.payment_id is None:
        return await client.refund_unreferenced(call.provider, amount=call.amount, reference=call.reference)
    return await client.refund(call.provider, payment_id=call.payment_id, amount=call.amount, reference=call.reference)


def prepared(call: Call) -> WireRequest:
    """Return the request that a new client would send for this call."""
    client = RefundClient([account(call.provider)])
    return client.prepare(call.provider, payment_id=call.payment_id, amount=call.amount, reference=call.reference)


def result_of(call: Call, reply: WireReply | SendFailure, *, currency: str | None = None) -> Refund | RefundError:
    """Return the outcome of a call that gets this answer. It sends exactly one request."""
    script = Script(reply)
    client = RefundClient([account(call.provider, script, currency=currency)], retry=ONCE)
    try:
        return ask(client, call)
    except RefundError as error:
        return error
    finally:
        assert len(script.sent) == 1


def named(result: Refund | RefundError) -> str:
    """Return a result in one word: the name of the refund's status, or of the exception's class."""
    return result.status.name if isinstance(result, Refund) else type(result).__name__


def verdict_of(result: Refund | RefundError) -> str:
    """Return a result as `named` does, with the reason of a refusal."""
    reason = f" {result.reason.name}" if type(result) is RefundRejected else ""
    return named(result) + reason


def check_pickle(error: RefundError) -> None:
    """Fail where an exception changes in a pickle, or where the pickle holds a credential."""
    pickled = pickle.dumps(error)
    second = pickle.loads(pickled)
    assert type(second) is type(error)
    assert (second.args, vars(second), str(second)) == (error.args, vars(error), str(error))
    assert second.resend is error.resend
    assert not any(credential.encode() in pickled for credential in CREDENTIALS)


def every_call(provider: str) -> Iterator[Call]:
    """Yield each kind of request that the facade can make at this provider, by its capabilities."""
    for operation, able in RefundClient([account(provider)]).capabilities(provider).items():
        amounts = (*AMOUNTS, FULL) if able.full_without_amount else AMOUNTS
        payment_ids = (None,) if operation is Operation.REFUND_UNREFERENCED else RECORDS[provider].contract.payment_ids
        for payment_id, amount, reference in product(payment_ids, amounts, REFERENCES):
            yield Call(provider, payment_id, amount, reference)


def plain(request: WireRequest) -> tuple[str, str, tuple[tuple[str, str], ...], tuple[tuple[str, str], ...], bytes]:
    """Return a request as values that can be compared, with its credentials."""
    revealed = tuple((name, secret.reveal()) for name, secret in request.credentials)
    return request.method, request.url, request.headers, revealed, request.body
