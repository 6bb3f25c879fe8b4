"""Access tokens over real connections: one fetch for all that need it, and what comes of one that fails or hangs."""

import asyncio
import logging
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, Self

import pytest

from refundry import (
    Account,
    AsyncRefundClient,
    Attempt,
    AuthenticationFailed,
    Blink,
    Evidence,
    Lab4Pay,
    LookupFailed,
    Money,
    NotSent,
    Operation,
    Refund,
    RefundClient,
    RefundStatus,
    Resend,
    Retry,
    StillPending,
    Timeout,
    WireReply,
    WireRequest,
)
from refundry.clock import SYSTEM
from refundry.sandbox import INTEGRATOR_ID, TOKEN_CREDENTIALS, Fault, Reply, Request, Sandbox, SandboxServer
from tests.facade.canary import CANARY, assert_hidden, watched
from tests.facade.support import ONCE, PAYMENT, Kind, accepted, caller
from tests.faults.servers import SECONDS, Server, once
from tests.faults.support import AMPLE, SHORT, both_kinds, within

KEYED: Final = ("lab4pay", "blink")
TOKEN_PATHS: Final = ("/v1/auth/token/", "/api/pay/v1/tokens")
REFUND: Final = {"lab4pay": Operation.REFUND_UNREFERENCED, "blink": Operation.REFUND}
CENT: Final = {"lab4pay": Money.of("0.01", "EUR"), "blink": Money.of("0.01", "GBP")}
LIFE: Final = 1800
"""For how many seconds the tokens of the sandbox are good."""
AT_ONCE: Final = {"sync": 50, "async": 500}
CROWDED: Final = Timeout(connect=20, read=20, total=40)
QUICKLY: Final = Retry(attempts=3, first_wait=0.001)

with_keys = pytest.mark.parametrize("provider", KEYED)

# What is called on a client of either kind. An AsyncRefundClient gives something to await.
Call = Callable[[Any], Any]


class Watched(Sandbox):
    """A sandbox that counts how often it is asked for a token, and can keep one waiting for it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.fetches = 0
        self.asked = threading.Semaphore(0)
        self._held: list[threading.Event] = []
        self._counting = threading.Lock()

    def handle(self, request: Request) -> Reply:
        """Answer, where it is for a token not before it may."""
        if request.target in TOKEN_PATHS:
            with self._counting:
                self.fetches += 1
                go_on = self._held.pop(0) if self._held else None
            self.asked.release()
            if go_on is not None:
                go_on.wait(SECONDS)
        return super().handle(request)

    @contextmanager
    def held(self) -> Iterator[threading.Event]:
        """Keep the next one that asks for a token waiting until the event is set, or the block ends."""
        go_on = threading.Event()
        self._held.append(go_on)
        try:
            yield go_on
        finally:
            go_on.set()

    def was_asked(self, times: int = 1) -> bool:
        """Wait until it was asked for so many more tokens."""
        return all(self.asked.acquire(timeout=SECONDS) for _ in range(times))

    def executed(self, provider: str) -> list[str]:
        """The references of the refunds that were executed, sorted."""
        return sorted(refund.reference or "" for refund in self.refunds(provider))


class Threads:
    """A RefundClient, each of whose calls goes on in a thread of its own."""

    def __init__(self, *accounts: Account, **options: Any) -> None:
        self._client = RefundClient(accounts, **options)
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE["sync"])

    def start(self, call: Call) -> Future[Any]:
        """Begin a call."""
        return self._pool.submit(call, self._client)

    def start_at_once(self, calls: Sequence[Call]) -> list[Future[Any]]:
        """Begin these calls at the same moment."""
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
    """An AsyncRefundClient, whose calls are tasks of an event loop that runs in a thread."""

    def __init__(self, *accounts: Account, **options: Any) -> None:
        self._client = AsyncRefundClient(accounts, **options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def start(self, call: Call) -> Future[Any]:
        """Begin a call."""
        return asyncio.run_coroutine_threadsafe(call(self._client), self._loop)

    def start_at_once(self, calls: Sequence[Call]) -> list[Future[Any]]:
        """Begin these calls in one turn of the event loop."""
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
    """Return a client of this kind whose calls go on beside the test."""
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
    """Return the call that asks about a refund."""
    return lambda client: client.lookup(known)


def pending(provider: str) -> Refund:
    """Return a refund that can be asked about, and that the sandbox does not know."""
    return Refund(provider, "r-0", RefundStatus.PENDING, refund_id="refund-1")


def references(first: int, number: int) -> list[str]:
    return [f"r-{index:04}" for index in range(first, first + number)]


def ended(futures: Sequence[Future[Any]]) -> list[Any]:
    """Wait for calls, and return what they gave."""
    return [future.result(60) for future in futures]


def failure(future: Future[Any]) -> BaseException | None:
    return future.exception(SECONDS)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """The clock of the tokens, which can be put forward."""
    ahead = [0.0]
    monkeypatch.setattr(SYSTEM, "monotonic", lambda: time.monotonic() + ahead[0])

    def later(seconds: float) -> None:
        ahead[0] += seconds

    return later


# One fetch for all.


@both_kinds
@with_keys
def test_all_that_start_at_once_share_one_fetch(kind: Kind, provider: str) -> None:
    sandbox, names = Watched(), references(0, AT_ONCE[kind])
    with SandboxServer(sandbox) as server, calling(kind, keyed(provider, server), timeout=CROWDED) as client:
        refunds = ended(client.start_at_once([refund(provider, name) for name in names]))
    assert [one.reference for one in refunds] == names
    assert sandbox.executed(provider) == names
    assert sandbox.fetches == 1
    assert sandbox.violations == ()


@both_kinds
@with_keys
def test_all_whose_token_has_expired_share_one_renewal_and_each_refund_is_executed_once(
    kind: Kind, provider: str
) -> None:
    sandbox, number = Watched(), AT_ONCE[kind]
    attempts: list[Attempt] = []
    options: dict[str, Any] = {"timeout": CROWDED, "on_attempt": attempts.append}
    with SandboxServer(sandbox) as server, calling(kind, keyed(provider, server), **options) as client:
        for first in (0, number):
            sandbox.expire_tokens()
            ended(client.start_at_once([refund(provider, name) for name in references(first, number)]))
    assert sandbox.executed(provider) == references(0, 2 * number)
    assert sandbox.fetches == 2
    refused = [attempt for attempt in attempts if attempt.status == 401]
    assert refused
    assert {attempt.operation for attempt in refused} == {REFUND[provider]}
    assert len({attempt.reference for attempt in refused}) == len(refused)


@both_kinds
@with_keys
def test_all_that_wait_for_a_fetch_that_fails_for_now_share_the_next_one(kind: Kind, provider: str) -> None:
    sandbox, names = Watched(), references(0, AT_ONCE[kind])
    sandbox.script(provider, Fault.SERVER_ERROR_BEFORE, operation="create_token")
    options: dict[str, Any] = {"timeout": CROWDED, "retry": Retry(first_wait=0.01)}
    with SandboxServer(sandbox) as server, calling(kind, keyed(provider, server), **options) as client:
        ended(client.start_at_once([refund(provider, name) for name in names]))
    assert sandbox.executed(provider) == names
    assert sandbox.fetches == 2


@both_kinds
@with_keys
def test_a_refund_and_a_question_that_start_at_once_share_one_fetch(kind: Kind, provider: str) -> None:
    sandbox = Watched()
    with (
        SandboxServer(sandbox) as server,
        calling(kind, keyed(provider, server)) as client,
        sandbox.held() as go_on,
    ):
        refunded, asked = client.start_at_once([refund(provider, "r-1"), lookup(pending(provider))])
        assert sandbox.was_asked()
        go_on.set()
        assert refunded.result(SECONDS).reference == "r-1"
        assert isinstance(failure(asked), LookupFailed)  # the sandbox does not know that one
    assert sandbox.fetches == 1


@both_kinds
@with_keys
def test_two_accounts_that_start_at_once_fetch_a_token_each(kind: Kind, provider: str) -> None:
    sandbox, names = Watched(), references(0, 10)
    with SandboxServer(sandbox) as server:
        shops = [keyed(provider, server, name=name) for name in ("shop-1", "shop-2")]
        with calling(kind, *shops) as client:
            ended(client.start_at_once([refund(provider, name, name=shop.name) for name in names for shop in shops]))
    assert sandbox.fetches == 2
    assert sandbox.executed(provider) == sorted(names * 2)


# Renewal.


@both_kinds
def test_a_token_of_a_short_life_is_renewed_before_the_provider_refuses_it(kind: Kind) -> None:
    sandbox = Watched(token_seconds=2.0)
    attempts: list[Attempt] = []
    with (
        SandboxServer(sandbox) as server,
        calling(kind, keyed("lab4pay", server), on_attempt=attempts.append) as client,
    ):
        ended([client.start(refund("lab4pay", "r-1"))])
        time.sleep(1.9)
        ended([client.start(refund("lab4pay", "r-2"))])
    assert sandbox.fetches == 2
    assert [attempt.status for attempt in attempts] == [200] * 4


@both_kinds
@with_keys
def test_a_token_is_renewed_by_time_alone(kind: Kind, provider: str, clock: Callable[[float], None]) -> None:
    sandbox = Watched(token_seconds=LIFE)
    attempts: list[Attempt] = []
    with SandboxServer(sandbox) as server, calling(kind, keyed(provider, server), on_attempt=attempts.append) as client:
        for name, later in zip(references(0, 3), (LIFE / 2, LIFE / 2 - 1, 0), strict=True):
            ended([client.start(refund(provider, name))])
            clock(later)
    assert sandbox.fetches == 2
    assert 401 not in [attempt.status for attempt in attempts]


@both_kinds
@with_keys
def test_while_a_renewal_hangs_the_other_calls_go_on_with_the_token_that_is_still_good(
    kind: Kind, provider: str, clock: Callable[[float], None]
) -> None:
    sandbox = Watched(token_seconds=LIFE)
    with (
        SandboxServer(sandbox) as server,
        calling(kind, keyed(provider, server)) as client,
    ):
        ended([client.start(refund(provider, "r-1"))])
        assert sandbox.was_asked()
        clock(LIFE - 20)
        with sandbox.held() as go_on:
            renewing = client.start(refund(provider, "r-2"))
            assert sandbox.was_asked()
            ended([client.start(refund(provider, name)) for name in ("r-3", "r-4", "r-5")])
            assert not renewing.done()
            go_on.set()
            ended([renewing])
    assert sandbox.fetches == 2
    assert sandbox.executed(provider) == ["r-1", "r-2", "r-3", "r-4", "r-5"]


@both_kinds
@with_keys
@pytest.mark.parametrize("fault", [Fault.HANG_BEFORE, Fault.CUT_BEFORE, Fault.SERVER_ERROR_BEFORE, Fault.HTML_200])
def test_a_renewal_that_fails_leaves_the_old_token_in_use(
    kind: Kind, provider: str, fault: Fault, clock: Callable[[float], None]
) -> None:
    sandbox = Watched(token_seconds=LIFE)
    with (
        SandboxServer(sandbox) as server,
        calling(kind, keyed(provider, server), timeout=SHORT, retry=ONCE) as client,
    ):
        ended([client.start(refund(provider, "r-1"))])
        clock(LIFE - 20)
        sandbox.script(provider, fault, operation="create_token")
        ended([client.start(refund(provider, "r-2"))])
    assert sandbox.fetches == 2
    assert sandbox.executed(provider) == ["r-1", "r-2"]


# A fetch that fails.

FAULTS: Final = (
    Fault.DECLINED,
    Fault.TOO_MANY_REQUESTS,
    Fault.SERVER_ERROR_BEFORE,
    Fault.SERVER_ERROR_AFTER,
    Fault.STATUS_520,
    Fault.HTML_200,
    Fault.EMPTY_200,
    Fault.TRUNCATED_JSON,
    Fault.WRONG_SHAPE,
    Fault.NULL_OBJECT,
    Fault.TOO_LARGE,
    Fault.REDIRECT,
    Fault.CUT_BEFORE,
    Fault.CUT_AFTER,
    Fault.CUT_IN_REPLY,
    Fault.HANG_BEFORE,
    Fault.HANG_AFTER,
    Fault.SLOW_DRIP,
)
FOR_NOW: Final = (
    Fault.SERVER_ERROR_BEFORE,
    Fault.STATUS_520,
    Fault.CUT_BEFORE,
    Fault.CUT_IN_REPLY,
    Fault.HANG_BEFORE,
)


@both_kinds
@with_keys
@pytest.mark.parametrize("fault", FAULTS)
def test_a_refund_whose_token_cannot_be_had_is_not_sent_and_may_be_asked_for_again(
    kind: Kind, provider: str, fault: Fault
) -> None:
    sandbox = Watched()
    attempts: list[Attempt] = []
    sandbox.script(provider, fault, operation="create_token")
    options: dict[str, Any] = {"timeout": SHORT, "retry": ONCE, "on_attempt": attempts.append}
    with SandboxServer(sandbox) as server, calling(kind, keyed(provider, server), **options) as client:
        error = failure(client.start(refund(provider, "r-1")))
        # A 401 says that the keys are wrong, and so does a 400 of Lab4Pay, which documents nothing else for it.
        assert isinstance(error, NotSent | AuthenticationFailed)
        assert isinstance(error, AuthenticationFailed) is (error.http_status in (400, 401))
        assert sandbox.refunds(provider) == ()
        assert not ended([client.start(refund(provider, "r-1"))])[0].replayed
    assert (error.resend, error.reference) == (Resend.SAFE, "r-1")
    assert [attempt.operation for attempt in attempts] == [Operation.TOKEN, Operation.TOKEN, REFUND[provider]]
    assert sandbox.executed(provider) == ["r-1"]


@both_kinds
@with_keys
@pytest.mark.parametrize("fault", FOR_NOW)
def test_a_token_that_fails_for_now_is_asked_for_again(kind: Kind, provider: str, fault: Fault) -> None:
    sandbox = Watched()
    sandbox.script(provider, fault, fault, operation="create_token")
    with (
        SandboxServer(sandbox) as server,
        calling(kind, keyed(provider, server), timeout=SHORT, retry=QUICKLY) as client,
    ):
        ended([client.start(refund(provider, "r-1"))])
    assert sandbox.fetches == 3
    assert sandbox.executed(provider) == ["r-1"]


@both_kinds
@with_keys
def test_a_token_is_not_asked_for_again_before_the_time_that_the_provider_names(kind: Kind, provider: str) -> None:
    sandbox = Watched()
    when: list[float] = []
    sandbox.script(provider, Fault.TOO_MANY_REQUESTS, operation="create_token")
    options: dict[str, Any] = {"retry": QUICKLY, "on_attempt": lambda _: when.append(time.monotonic())}
    with SandboxServer(sandbox) as server, calling(kind, keyed(provider, server), **options) as client:
        ended([client.start(refund(provider, "r-1"))])
    refused, granted, _ = when
    assert granted - refused >= 1


@both_kinds
@with_keys
def test_keys_that_are_wrong_are_sent_once_and_no_refund(kind: Kind, provider: str) -> None:
    sandbox = Watched()
    attempts: list[Attempt] = []
    wrong = {"client_secret": "test-wrong"} if provider == "lab4pay" else {"secret_key": "test-wrong"}
    with (
        SandboxServer(sandbox) as server,
        calling(kind, keyed(provider, server, **wrong), on_attempt=attempts.append) as client,
    ):
        error = failure(client.start(refund(provider, "r-1")))
    assert isinstance(error, AuthenticationFailed)
    assert (error.resend, error.http_status) == (Resend.SAFE, 400 if provider == "lab4pay" else 401)
    assert sandbox.fetches == 1
    assert [attempt.operation for attempt in attempts] == [Operation.TOKEN]


@both_kinds
@with_keys
def test_where_nobody_listens_nothing_is_sent_and_the_refund_may_be_asked_for_later(kind: Kind, provider: str) -> None:
    sandbox = Watched()
    attempts: list[Attempt] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    made = keyed(provider, f"http://127.0.0.1:{port}")
    with calling(kind, made, retry=QUICKLY, on_attempt=attempts.append) as client:
        error = failure(client.start(refund(provider, "r-1")))
        with SandboxServer(sandbox, port=port):
            ended([client.start(refund(provider, "r-1"))])
    assert isinstance(error, NotSent)
    assert error.resend is Resend.SAFE
    assert [(one.operation, one.evidence) for one in attempts[:3]] == [(Operation.TOKEN, Evidence.NOT_SENT)] * 3
    assert sandbox.executed(provider) == ["r-1"]


@both_kinds
@with_keys
def test_keys_are_not_sent_where_the_certificate_is_not_trusted(
    kind: Kind, provider: str, certified: Callable[[str], ssl.SSLContext]
) -> None:
    attempts: list[Attempt] = []
    with (
        Server(once(), tls=certified("localhost")) as server,
        calling(kind, keyed(provider, server.url), on_attempt=attempts.append) as client,
    ):
        error = failure(client.start(refund(provider, "r-1")))
    assert isinstance(error, NotSent)
    assert server.requests == []
    assert [(one.operation, one.evidence) for one in attempts] == [(Operation.TOKEN, Evidence.NOT_SENT)]


# A fetch that hangs.


@with_keys
def test_where_the_call_that_fetches_is_cancelled_the_others_fetch_anew_and_its_reference_is_free(
    provider: str,
) -> None:
    sandbox, names = Watched(), references(1, 20)
    with SandboxServer(sandbox) as server, Tasks(keyed(provider, server), timeout=AMPLE) as client, sandbox.held():
        fetching = client.start(refund(provider, "r-0000"))
        assert sandbox.was_asked()
        waiting = client.start_at_once([refund(provider, name) for name in names])
        ended([client.start(lambda _: asyncio.sleep(0.05))])
        assert not any(future.done() for future in waiting)
        assert sandbox.fetches == 1
        assert fetching.cancel()
        ended(waiting)
        with pytest.raises(CancelledError):
            fetching.result(SECONDS)
        assert sandbox.executed(provider) == names
        assert not ended([client.start(refund(provider, "r-0000"))])[0].replayed
    assert sandbox.fetches == 2
    assert sandbox.executed(provider) == ["r-0000", *names]


@with_keys
def test_a_call_that_is_cancelled_while_it_waits_for_the_fetch_of_another_disturbs_nobody(provider: str) -> None:
    sandbox = Watched()
    with (
        SandboxServer(sandbox) as server,
        Tasks(keyed(provider, server), timeout=AMPLE) as client,
        sandbox.held() as go_on,
    ):
        fetching = client.start(refund(provider, "r-1"))
        assert sandbox.was_asked()
        waiting = client.start_at_once([refund(provider, "r-2"), refund(provider, "r-3")])
        ended([client.start(lambda _: asyncio.sleep(0.05))])
        assert waiting[0].cancel()
        go_on.set()
        ended([fetching, waiting[1]])
        ended([client.start(refund(provider, "r-2"))])
    assert sandbox.fetches == 1
    assert sandbox.executed(provider) == ["r-1", "r-2", "r-3"]


class Deaf:
    """A transport of both kinds that waits for an event before it gives a token, and heeds no timeout."""

    def __init__(self, provider: str) -> None:
        self.asked, self.go_on = threading.Event(), threading.Event()
        self.sent: list[WireRequest] = []
        self._provider = provider

    def send(self, request: WireRequest, _: Timeout) -> WireReply:
        """Record the request and answer it."""
        self.sent.append(request)
        if request.target not in TOKEN_PATHS:
            return accepted(self._provider)
        self.asked.set()
        assert self.go_on.wait(SECONDS)
        return WireReply(200, (), b'{"access_token": "test-token"}')

    async def asend(self, request: WireRequest, timeout: Timeout) -> WireReply:
        """As send, in a thread."""
        return await asyncio.to_thread(self.send, request, timeout)


@contextmanager
def hanging(kind: Kind, provider: str, **options: Any) -> Iterator[tuple[Threads | Tasks, Deaf]]:
    """Give a client one of whose calls fetches a token, which hangs until the block ends."""
    transport = Deaf(provider)
    with calling(kind, keyed(provider, "https://provider.invalid", transport=transport), **options) as client:
        fetching = client.start(refund(provider, "r-0"))
        assert transport.asked.wait(SECONDS)
        try:
            yield client, transport
            assert not fetching.done()
        finally:
            transport.go_on.set()
        assert isinstance(failure(fetching), NotSent)


@both_kinds
@with_keys
def test_the_wait_of_a_refund_for_the_fetch_of_another_call_ends_with_the_deadline(kind: Kind, provider: str) -> None:
    with hanging(kind, provider, retry=Retry(deadline=0.3)) as (client, transport), within(15):
        errors = [
            failure(future) for future in client.start_at_once([refund(provider, "r-1"), refund(provider, "r-2")])
        ]
    assert [type(error) for error in errors] == [NotSent, NotSent]
    assert all(isinstance(error, NotSent) and error.resend is Resend.SAFE for error in errors)
    assert len(transport.sent) == 1


@both_kinds
@with_keys
def test_the_wait_of_a_question_for_the_fetch_of_another_call_ends_with_the_deadline(kind: Kind, provider: str) -> None:
    with hanging(kind, provider, retry=Retry(deadline=0.3)) as (client, transport), within(15):
        error = failure(client.start(lookup(pending(provider))))
    assert isinstance(error, LookupFailed)
    assert error.temporary
    assert len(transport.sent) == 1


@both_kinds
@with_keys
def test_a_fetch_that_ends_with_the_deadline_of_its_call_is_not_the_end_for_those_who_have_more_time(
    kind: Kind, provider: str
) -> None:
    sandbox = Watched()
    with (
        SandboxServer(sandbox) as server,
        calling(kind, keyed(provider, server), retry=ONCE) as client,
        sandbox.held(),
    ):
        hurried = client.start(lambda client: client.wait(pending(provider), timeout=0.5))
        assert sandbox.was_asked()
        refunded = client.start(refund(provider, "r-1"))
        assert isinstance(failure(hurried), StillPending)
        assert not ended([refunded])[0].replayed
    assert sandbox.executed(provider) == ["r-1"]


FORKED: Final = """
import os, signal, sys, threading
from refundry import Blink, Lab4Pay, Money, RefundClient, WireReply

parent = os.getpid()
asked, go_on = threading.Event(), threading.Event()

class Provider:
    def send(self, request, timeout):
        if request.target not in ("/v1/auth/token/", "/api/pay/v1/tokens"):
            return WireReply(200, (), b'{"transaction_id": "payment-1", "success": true}')
        if os.getpid() == parent:
            asked.set()
            assert go_on.wait(20)
        return WireReply(200, (), b'{"access_token": "test-token"}')

accounts = [
    Lab4Pay(client_id="test-id", client_secret="test-secret", integrator_id="test-integrator", transport=Provider()),
    Blink(api_key="test-key", secret_key="test-secret", transport=Provider()),
]
client = RefundClient(accounts)

def refund(reference):
    client.refund(sys.argv[1], payment_id="payment-1", amount=Money.of("1.00", "EUR"), reference=reference)
    ended.append(reference)

ended = []
threads = [threading.Thread(target=refund, args=(reference,)) for reference in ("fetches", "waits")]
threads[0].start()
assert asked.wait(20)
threads[1].start()
child = os.fork()
if child == 0:
    signal.alarm(10)
    code = 1
    try:
        refund("of the child")
        refund("of the child, again")
        code = 0
    finally:
        os._exit(code)
assert os.waitpid(child, 0)[1] == 0
assert ended == []
go_on.set()
for thread in threads:
    thread.join(20)
assert sorted(ended) == ["fetches", "waits"]
"""


@with_keys
def test_a_process_forked_while_a_token_is_fetched_fetches_its_own(provider: str) -> None:
    # From 3.12 on, Python warns of every fork of a process that has threads.
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", FORKED, provider]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stderr) == (0, "")


# Secrets, and the environment.


@both_kinds
@with_keys
def test_a_token_server_that_echoes_the_keys_brings_none_to_light(
    kind: Kind, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sandbox = Watched()
    sandbox.script(provider, Fault.ECHO_CREDENTIALS, operation="create_token")
    keys = dict.fromkeys(TOKEN_CREDENTIALS[provider], CANARY)
    with SandboxServer(sandbox) as server, caller(kind, keyed(provider, server, **keys), timeout=AMPLE) as client:
        text = watched(client, provider, caplog)
    assert sandbox.fetches == 1
    assert_hidden(text)
    assert "AuthenticationFailed" in text


@both_kinds
@with_keys
def test_a_token_that_was_fetched_does_not_come_to_light_where_the_provider_echoes_it(
    kind: Kind, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sandbox = Watched()
    sandbox.add_payment("blink", PAYMENT, 10_000, "EUR")
    sandbox.script(provider, Fault.ECHO_CREDENTIALS)
    with SandboxServer(sandbox) as server, caller(kind, keyed(provider, server), timeout=AMPLE) as client:
        text = watched(client, provider, caplog)
    assert len(sandbox.refunds(provider)) == 1
    assert "Bearer [redacted]" in text
    assert "test-token-" not in text


@pytest.mark.parametrize("provider", KEYED)
def test_the_environment_names_the_keys_that_tokens_are_fetched_with(provider: str) -> None:
    sandbox = Watched()
    integrator = {"integrator_id": INTEGRATOR_ID} if provider == "lab4pay" else {}
    with SandboxServer(sandbox) as server:
        fields = {**TOKEN_CREDENTIALS[provider], **integrator, "base_url": server.base_url}
        variables = {f"REFUNDRY_{provider}_{name}".upper(): value for name, value in fields.items()}
        with RefundClient.from_env(variables) as client:
            for name in ("r-1", "r-2"):
                refund(provider, name)(client)
    assert sandbox.fetches == 1
    assert sandbox.executed(provider) == ["r-1", "r-2"]
