"""A provider for the tests of crashes: Blink of the sandbox, over HTTP, and what it has executed of each reference."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from refundry import Account, AsyncRefundClient, Blink, Money, Refund, RefundClient, RefundError, Retry, Timeout
from refundry.sandbox import TOKEN_CREDENTIALS, Reply, Request, Sandbox

PAYMENT = "payment-of-the-shop"
AMOUNT = Money.from_minor(1, "GBP")
NO_TROUBLE = 5.0
"""Seconds that a call takes at most on a busy machine where nothing is wrong."""


class Shop(Sandbox):
    """A sandbox with one large payment.

    `before` and `after` are called around each request for a refund, `token` at one for a token. A refund whose
    reference is `slow` is answered a second after the others.
    """

    def __init__(self) -> None:
        super().__init__()
        self.add_payment("blink", PAYMENT, 10_000_000, "GBP")
        self.before: Callable[[], object] = bool
        self.after: Callable[[], object] = bool
        self.token: Callable[[], object] = bool
        self.slow = ""

    def handle(self, request: Request) -> Reply:
        """Answer a request."""
        is_refund = request.target.endswith("/refunds")
        if is_refund:
            self.before()
        elif request.target.endswith("/tokens"):
            self.token()
        reply = super().handle(request)
        if self.slow and self.slow.encode() in request.body:
            time.sleep(1)
        if is_refund:
            self.after()
        return reply

    def executed(self) -> Counter[str]:
        """Return how often each reference was refunded."""
        return Counter(str(refund.reference) for refund in self.refunds("blink"))


def account(base_url: str) -> Account:
    """Return the account at a shop's address."""
    keys: Any = TOKEN_CREDENTIALS["blink"]
    return Blink(**keys, base_url=base_url)


SECONDS = 2.0
"""The deadline of a call of `client` and `aclient`; their leases are over nine seconds after a reservation."""


def _limits(seconds: float) -> tuple[Timeout, Retry]:
    return Timeout(connect=seconds, read=seconds, total=seconds), Retry(attempts=1, deadline=seconds)


def client(base_url: str, ledger: str, seconds: float = SECONDS) -> RefundClient:
    """Make a client whose calls are short."""
    timeout, retry = _limits(seconds)
    return RefundClient([account(base_url)], ledger=ledger, timeout=timeout, retry=retry)


def aclient(base_url: str, ledger: str, seconds: float = SECONDS) -> AsyncRefundClient:
    """Make a client for an event loop whose calls are short."""
    timeout, retry = _limits(seconds)
    return AsyncRefundClient([account(base_url)], ledger=ledger, timeout=timeout, retry=retry)


def refund(client: RefundClient, reference: str) -> Refund | RefundError:
    """Refund a penny, and return the outcome."""
    try:
        return client.refund("blink", payment_id=PAYMENT, amount=AMOUNT, reference=reference)
    except RefundError as error:
        return error


async def arefund(client: AsyncRefundClient, reference: str) -> Refund | RefundError:
    """Do the same as `refund`."""
    try:
        return await client.refund("blink", payment_id=PAYMENT, amount=AMOUNT, reference=reference)
    except RefundError as error:
        return error


class Outcomes:
    """The outcomes of calls, from any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.by_reference: dict[str, Refund | RefundError] = {}

    def add(self, reference: str, outcome: Refund | RefundError) -> None:
        """Keep one."""
        with self._lock:
            self.by_reference[reference] = outcome

    def count(self, kind: type) -> int:
        """Return how many are of this class."""
        with self._lock:
            return sum(isinstance(one, kind) for one in self.by_reference.values())
