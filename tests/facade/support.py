"""Shared by the tests of the facade: accounts, a transport that records, and a client of either kind."""

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal, Self, TypeVar

from refundry import (
    Account,
    AsyncRefundClient,
    Attempt,
    ContractDeviation,
    Operation,
    Refund,
    RefundClient,
    RefundError,
    Retry,
    SendFailure,
    Timeout,
    WireReply,
    WireRequest,
)

# The tests of faults, servers and docs take these from here.
from tests.providers import PROVIDERS as PROVIDERS
from tests.providers import RECORDS
from tests.providers import account as account
from tests.providers.record import ONE_EURO as ONE_EURO
from tests.providers.record import PAYMENT as PAYMENT
from tests.providers.record import reply as reply

ACCEPTED: Final = {provider: record.accepted for provider, record in RECORDS.items()}

T = TypeVar("T")
Answer = WireReply | SendFailure
Kind = Literal["sync", "async", "uvloop"]
"""A RefundClient, an AsyncRefundClient, or an AsyncRefundClient in an event loop of uvloop."""
KINDS: Final[tuple[Kind, ...]] = ("sync", "async")


def accepted(provider: str) -> WireReply:
    """Return a reply that accepts one euro of PAYMENT."""
    return reply(200, RECORDS[provider].accepted)


ONCE: Final = Retry(attempts=1)
"""A Retry of one attempt."""
NO_STATE: Final = WireReply(500, (), b"{}")


class Scripted:
    """A transport of both kinds that records its requests, and answers by a list whose last answer repeats.

    A GET is a lookup: it is recorded in `lookups`, and answered with `state`.
    """

    def __init__(
        self, *answers: Answer | BaseException | Callable[[WireRequest], Answer], state: Answer = NO_STATE
    ) -> None:
        self.sent: list[WireRequest] = []
        self.lookups: list[WireRequest] = []
        self._state = state
        self.timeouts: list[Timeout] = []
        self.closed = False
        self._answers = list(answers)

    def send(self, request: WireRequest, timeout: Timeout) -> Answer:
        """Record the request and return the next answer, or raise it."""
        if request.method == "GET":
            self.lookups.append(request)
            return self._state
        self.sent.append(request)
        self.timeouts.append(timeout)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer(request) if callable(answer) else answer

    async def asend(self, request: WireRequest, timeout: Timeout) -> Answer:
        """Do the same as `send`."""
        return self.send(request, timeout)

    def close(self) -> None:
        """Record that it was closed."""
        self.closed = True

    async def aclose(self) -> None:
        """Record that it was closed."""
        self.closed = True


class Caller(ABC):
    """A client of either kind, with the attempts and the deviations that its hooks got. Its calls need no `await`."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.deviations: list[ContractDeviation] = []

    def _keep(self, attempt: Attempt) -> None:
        """Keep the attempts of refunds, not those of lookups."""
        if attempt.operation in (Operation.REFUND, Operation.REFUND_UNREFERENCED):
            self.attempts.append(attempt)

    @property
    @abstractmethod
    def client(self) -> RefundClient | AsyncRefundClient:
        """The client itself."""

    @abstractmethod
    def refund(self, provider: str, **arguments: Any) -> Refund:
        """Refund a payment."""

    @abstractmethod
    def refund_unreferenced(self, provider: str, **arguments: Any) -> Refund:
        """Make an unreferenced refund."""

    @abstractmethod
    def pause(self, seconds: float) -> None:
        """Wait for some seconds while the event loop runs."""

    @abstractmethod
    def run(self, call: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the event loop of the client's calls."""

    @abstractmethod
    def close(self) -> None:
        """Close the client."""

    def ask(self, provider: str, *, amount: object = ONE_EURO, reference: str = "reference-1") -> Refund:
        """Refund by the operation that the provider has: a refund of PAYMENT, or an unreferenced one."""
        if provider in RECORDS and RECORDS[provider].operation is Operation.REFUND_UNREFERENCED:
            return self.refund_unreferenced(provider, amount=amount, reference=reference)
        return self.refund(provider, payment_id=PAYMENT, amount=amount, reference=reference)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SyncCaller(Caller):
    """A RefundClient."""

    def __init__(self, *accounts: Account, **options: Any) -> None:
        super().__init__()
        hooks = {"on_attempt": self._keep, "on_deviation": self.deviations.append, "retry": ONCE}
        self._client = RefundClient(accounts, **{**hooks, **options})

    @property
    def client(self) -> RefundClient:
        """The client itself."""
        return self._client

    def refund(self, provider: str, **arguments: Any) -> Refund:
        """Refund a payment."""
        return self._client.refund(provider, **arguments)

    def refund_unreferenced(self, provider: str, **arguments: Any) -> Refund:
        """Make an unreferenced refund."""
        return self._client.refund_unreferenced(provider, **arguments)

    def pause(self, seconds: float) -> None:
        """Wait for some seconds."""
        time.sleep(seconds)

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in a new event loop."""
        return asyncio.run(call)

    def close(self) -> None:
        """Close the client."""
        self._client.close()


class AsyncCaller(Caller):
    """An AsyncRefundClient, in its own event loop, which runs during each call."""

    def __init__(
        self, *accounts: Account, new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None, **options: Any
    ) -> None:
        super().__init__()
        hooks = {"on_attempt": self._keep, "on_deviation": self.deviations.append, "retry": ONCE}
        self._client = AsyncRefundClient(accounts, **{**hooks, **options})
        self._runner = asyncio.Runner(loop_factory=new_loop)

    @property
    def client(self) -> AsyncRefundClient:
        """The client itself."""
        return self._client

    def refund(self, provider: str, **arguments: Any) -> Refund:
        """Refund a payment."""
        return self.run(self._client.refund(provider, **arguments))

    def refund_unreferenced(self, provider: str, **arguments: Any) -> Refund:
        """Make an unreferenced refund."""
        return self.run(self._client.refund_unreferenced(provider, **arguments))

    def pause(self, seconds: float) -> None:
        """Wait for some seconds while the event loop runs."""
        self.run(asyncio.sleep(seconds))

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the event loop of this client."""
        return self._runner.run(call)

    def close(self) -> None:
        """Close the client."""
        self.run(self._client.aclose())

    def __exit__(self, *_: object) -> None:
        self.close()
        self._runner.close()


def caller(kind: Kind, *accounts: Account, **options: Any) -> Caller:
    """Return a client of this kind for these accounts."""
    if kind == "sync":
        return SyncCaller(*accounts, **options)
    return AsyncCaller(*accounts, new_loop=new_loop(kind), **options)


def new_loop(kind: Kind) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return the factory of an event loop of this kind."""
    if kind == "uvloop":
        import uvloop  # imported only by the tests that use it

        return uvloop.new_event_loop
    return asyncio.new_event_loop


def scripted(kind: Kind, provider: str, transport: Scripted, **options: Any) -> Caller:
    """Return a client of this kind for one account that sends through the transport."""
    return caller(kind, account(provider, transport=transport, **options))


def outcome_for_caller(
    provider: str, answer: Answer, *, amount: object = ONE_EURO, **options: Any
) -> Refund | RefundError:
    """Return the outcome for the caller of a refund of one euro with this answer: the refund, or the exception."""
    with scripted("sync", provider, Scripted(answer), **options) as client:
        try:
            return client.ask(provider, amount=amount)
        except RefundError as error:
            return error


def deviations(provider: str, answer: WireReply) -> list[tuple[str, str]]:
    """Return the pointer and the rule of each deviation in a reply."""
    with scripted("sync", provider, Scripted(answer)) as client:
        with contextlib.suppress(RefundError):
            client.ask(provider)
        return [(deviation.pointer, deviation.rule) for deviation in client.deviations]
