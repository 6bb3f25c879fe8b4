"""Clients that fetch access tokens from the sandbox, with calls that run beside the test."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, Self

import pytest

from refundry import (
    Account,
    AsyncRefundClient,
    Blink,
    Lab4Pay,
    Money,
    Operation,
    Refund,
    RefundClient,
    RefundStatus,
    Retry,
    Timeout,
)
from refundry.sandbox import INTEGRATOR_ID, TOKEN_CREDENTIALS, Reply, Request, Sandbox, SandboxServer
from tests.facade.support import Kind
from tests.faults.servers import SECONDS
from tests.faults.support import AMPLE

KEYED: Final = ("lab4pay", "blink")
TOKEN_PATHS: Final = ("/v1/auth/token/", "/api/pay/v1/tokens")
REFUND: Final = {"lab4pay": Operation.REFUND_UNREFERENCED, "blink": Operation.REFUND}
CENT: Final = {"lab4pay": Money.of("0.01", "EUR"), "blink": Money.of("0.01", "GBP")}
LIFETIME: Final = 1800
"""The lifetime of the sandbox's tokens in seconds."""
AT_ONCE: Final = {"sync": 32, "async": 128}
CROWDED: Final = Timeout(connect=20, read=20, total=40)
QUICKLY: Final = Retry(attempts=3, first_wait=0.001)

with_keys = pytest.mark.parametrize("provider", KEYED)

# A call on a client of either kind. An AsyncRefundClient returns an awaitable.
Call = Callable[[Any], Any]


class Watched(Sandbox):
    """A sandbox that counts the token fetches, and can delay one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.fetches = 0
        self.fetching = threading.Semaphore(0)
        self._held: list[threading.Event] = []
        self._counting = threading.Lock()

    def handle(self, request: Request) -> Reply:
        """Answer a request. A held token fetch waits first."""
        if request.target in TOKEN_PATHS:
            with self._counting:
                self.fetches += 1
                go_on = self._held.pop(0) if self._held else None
            self.fetching.release()
            if go_on is not None:
                go_on.wait(SECONDS)
        return super().handle(request)

    @contextmanager
    def held(self) -> Iterator[threading.Event]:
        """Delay the next token fetch until the event is set, or the block ends."""
        go_on = threading.Event()
        self._held.append(go_on)
        try:
            yield go_on
        finally:
            go_on.set()

    def was_called(self, times: int = 1) -> bool:
        """Wait for this number of further token fetches."""
        return all(self.fetching.acquire(timeout=SECONDS) for _ in range(times))

    def executed(self, provider: str) -> list[str]:
        """The references of the refunds that were executed, sorted."""
        return sorted(refund.reference or "" for refund in self.refunds(provider))


class Threads:
    """A RefundClient that runs each call in its own thread."""

    def __init__(self, *accounts: Account, **options: Any) -> None:
        self._client = RefundClient(accounts, **options)
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE["sync"])

    def start(self, call: Call) -> Future[Any]:
        """Start a call."""
        return self._pool.submit(call, self._client)

    def start_at_once(self, calls: Sequence[Call]) -> list[Future[Any]]:
        """Start these calls at the same moment."""
        together = threading.Barrier(len(calls), timeout=SECONDS)

        def run(call: Call) -> Any:
            together.wait()
            return call(self._client)

        return [self._pool.submit(run, call) for call in calls]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        self._client.close()


class Tasks:
    """An AsyncRefundClient whose calls are tasks of an event loop in a thread."""

    def __init__(self, *accounts: Account, **options: Any) -> None:
        self._client = AsyncRefundClient(accounts, **options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def start(self, call: Call) -> Future[Any]:
        """Start a call."""
        return asyncio.run_coroutine_threadsafe(call(self._client), self._loop)

    def start_at_once(self, calls: Sequence[Call]) -> list[Future[Any]]:
        """Start these calls in one turn of the event loop."""
        go_on = threading.Event()
        self._loop.call_soon_threadsafe(go_on.wait, SECONDS)
        futures = [self.start(call) for call in calls]
        go_on.set()
        return futures

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()

    async def _close(self) -> None:
        await self._client.aclose()
        await asyncio.sleep(0)


def calling(kind: Kind, *accounts: Account, **options: Any) -> Threads | Tasks:
    """Return a client of this kind that runs its calls beside the test."""
    return (Threads if kind == "sync" else Tasks)(*accounts, **{"timeout": AMPLE, **options})


def keyed(provider: str, server: SandboxServer | str, **options: Any) -> Account:
    """Return an account that fetches its tokens from a server, or at a URL, with the keys of the sandbox."""
    at = server if isinstance(server, str) else server.base_url
    keys: dict[str, Any] = {**TOKEN_CREDENTIALS[provider], "base_url": at, **options}
    return Lab4Pay(integrator_id=INTEGRATOR_ID, **keys) if provider == "lab4pay" else Blink(**keys)


def refund(provider: str, reference: str, *, name: str | None = None) -> Call:
    """Return the call that refunds the least amount under this reference, at the account of this name."""
    what: dict[str, Any] = {"amount": CENT[provider], "reference": reference}
    if provider == "lab4pay":
        return lambda client: client.refund_unreferenced(name or provider, **what)
    return lambda client: client.refund(name or provider, payment_id="blink-gbp", **what)


def lookup(known: Refund) -> Call:
    """Return the call that looks a refund up."""
    return lambda client: client.lookup(known)


def pending(provider: str) -> Refund:
    """Return a refund that can be looked up, and that the sandbox does not know."""
    return Refund(provider, "r-0", RefundStatus.PENDING, refund_id="refund-1")


def references(first: int, number: int) -> list[str]:
    return [f"r-{index:04}" for index in range(first, first + number)]


def ended(futures: Sequence[Future[Any]]) -> list[Any]:
    """Wait for calls, and return their results."""
    return [future.result(60) for future in futures]


def failure(future: Future[Any]) -> BaseException | None:
    return future.exception(SECONDS)
