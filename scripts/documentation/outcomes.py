"""The outcome of a refund for every end of its attempts, found by sending one to a provider that is made up.

Each row is the facade's own outcome over httpx, with the default number of retries; tables.py prints the rows into
docs/outcomes.md.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

import httpx

from refundry import (
    Attempt,
    Money,
    Operation,
    Refund,
    RefundClient,
    RefundError,
    Retry,
)
from refundry.transport.over_httpx import HttpxTransport
from tests.providers import RECORDS

PROVIDERS = tuple(RECORDS)
STATUSES = range(100, 600)
_PAYMENT = "payment-1"
_EURO = Money.of("1.00", "EUR")
_PAGE = b"<html><body>The gateway is not available</body></html>"
# As many attempts as by default, without the waits.
_RETRY = Retry(first_wait=1e-6, longest_wait=1e-6)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call for a refund ended: the evidence of the last attempt, the outcome, its resend, the number of sends."""

    evidence: str
    outcome: str
    resend: str
    sends: int


def exceptions() -> list[type[Exception]]:
    """Every exception class that httpx offers, each base before its subclasses."""
    offered = {one for one in vars(httpx).values() if isinstance(one, type) and issubclass(one, Exception)}
    return sorted(offered, key=lambda one: (len(one.__mro__), one.__name__))


def of_exception(provider: str, kind: type[Exception]) -> Ending:
    """The ending of a refund when its httpx transport raises this class."""

    def handler(_: httpx.Request) -> httpx.Response:
        error = kind.__new__(kind)
        error.args = ("made up",)
        raise error

    return _ended(provider, handler)


def of_status(provider: str, status: int, *, page: bool) -> Ending:
    """The ending of a refund whose reply has this status, with a body by the contract or with an HTML page."""
    record = RECORDS[provider]
    reply = record.accepted if status < 400 else record.contract.refusing
    body = _PAGE if page else json.dumps(reply).encode()
    return _ended(provider, lambda _: httpx.Response(status, content=body))


def ranges(provider: str, *, page: bool) -> Iterator[tuple[str, Ending]]:
    """Each range of statuses with one ending, from 100 to 599: "204-399" and the ending."""
    endings = ((status, of_status(provider, status, page=page)) for status in STATUSES)
    for ending, group in groupby(endings, key=lambda one: one[1]):
        statuses = [status for status, _ in group]
        yield str(statuses[0]) if len(statuses) == 1 else f"{statuses[0]}-{statuses[-1]}", ending


def _ended(provider: str, handler: Callable[[httpx.Request], httpx.Response]) -> Ending:
    sends: list[httpx.Request] = []
    attempts: list[Attempt] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":  # a lookup, which this provider does not know
            return httpx.Response(404)
        sends.append(request)
        return handler(request)

    account = RECORDS[provider].account(transport=HttpxTransport(httpx.MockTransport(answer)))
    with RefundClient([account], retry=_RETRY, on_attempt=attempts.append) as client:
        result = _refund(client, provider)
    (last, *_) = [one for one in reversed(attempts) if one.operation is not Operation.LOOKUP]
    resend = "" if isinstance(result, Refund) else result.resend.value
    outcome = result.status.name if isinstance(result, Refund) else type(result).__name__
    return Ending(last.evidence.value, outcome, resend, len(sends))


def _refund(client: RefundClient, provider: str) -> Refund | RefundError:
    try:
        return client.refund(provider, payment_id=_PAYMENT, amount=_EURO, reference="reference-1")
    except RefundError as error:
        return error
