"""Access tokens over real connections: a fetch that fails, hangs, or is interrupted."""

import asyncio
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any, Final

import pytest

from refundry import (
    Attempt,
    AuthenticationFailed,
    Evidence,
    LookupFailed,
    NotSent,
    Operation,
    Resend,
    Retry,
    StillPending,
    Timeout,
    WireReply,
    WireRequest,
)
from refundry.sandbox import Fault, SandboxServer
from tests.facade.support import ONCE, Kind, accepted
from tests.faults.servers import SECONDS, Server, once
from tests.faults.support import AMPLE, SHORT, both_kinds, within
from tests.faults.tokens import (
    QUICKLY,
    REFUND,
    TOKEN_PATHS,
    Tasks,
    Threads,
    Watched,
    calling,
    ended,
    failure,
    keyed,
    lookup,
    pending,
    references,
    refund,
    with_keys,
)

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
TEMPORARY: Final = (
    Fault.SERVER_ERROR_BEFORE,
    Fault.STATUS_520,
    Fault.CUT_BEFORE,
    Fault.CUT_IN_REPLY,
    Fault.HANG_BEFORE,
)


@both_kinds
@with_keys
@pytest.mark.parametrize("fault", FAULTS)
def test_a_refund_without_a_token_is_not_sent_and_may_be_resent(kind: Kind, provider: str, fault: Fault) -> None:
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
@pytest.mark.parametrize("fault", TEMPORARY)
def test_a_temporary_failure_of_a_token_fetch_is_retried(kind: Kind, provider: str, fault: Fault) -> None:
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
def test_a_token_fetch_is_not_retried_before_the_time_that_the_provider_names(kind: Kind, provider: str) -> None:
    sandbox = Watched()
    when: list[float] = []
    sandbox.script(provider, Fault.TOO_MANY_REQUESTS, operation="create_token")
    options: dict[str, Any] = {"retry": QUICKLY, "on_attempt": lambda _: when.append(time.monotonic())}
    with SandboxServer(sandbox) as server, calling(kind, keyed(provider, server), **options) as client:
        ended([client.start(refund(provider, "r-1"))])
    refused, issued, _ = when
    assert issued - refused >= 1


@both_kinds
@with_keys
def test_wrong_keys_are_sent_once_and_no_refund_follows(kind: Kind, provider: str) -> None:
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
def test_without_a_listener_nothing_is_sent_and_the_refund_may_be_resent_later(kind: Kind, provider: str) -> None:
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
def test_keys_are_not_sent_to_an_untrusted_certificate(
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
def test_a_cancelled_fetch_frees_its_reference_and_the_waiting_calls_fetch_themselves(
    provider: str,
) -> None:
    sandbox, names = Watched(), references(1, 20)
    with SandboxServer(sandbox) as server, Tasks(keyed(provider, server), timeout=AMPLE) as client, sandbox.held():
        fetching = client.start(refund(provider, "r-0000"))
        assert sandbox.was_called()
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
def test_a_call_cancelled_while_it_waits_for_the_fetch_of_another_disturbs_no_other(provider: str) -> None:
    sandbox = Watched()
    with (
        SandboxServer(sandbox) as server,
        Tasks(keyed(provider, server), timeout=AMPLE) as client,
        sandbox.held() as go_on,
    ):
        fetching = client.start(refund(provider, "r-1"))
        assert sandbox.was_called()
        waiting = client.start_at_once([refund(provider, "r-2"), refund(provider, "r-3")])
        ended([client.start(lambda _: asyncio.sleep(0.05))])
        assert waiting[0].cancel()
        go_on.set()
        ended([fetching, waiting[1]])
        ended([client.start(refund(provider, "r-2"))])
    assert sandbox.fetches == 1
    assert sandbox.executed(provider) == ["r-1", "r-2", "r-3"]


class Deaf:
    """A transport of both kinds that waits for an event before it issues a token, and ignores the timeout."""

    def __init__(self, provider: str) -> None:
        self.fetching, self.go_on = threading.Event(), threading.Event()
        self.sent: list[WireRequest] = []
        self._provider = provider

    def send(self, request: WireRequest, _: Timeout) -> WireReply:
        """Record the request and answer it."""
        self.sent.append(request)
        if request.target not in TOKEN_PATHS:
            return accepted(self._provider)
        self.fetching.set()
        assert self.go_on.wait(SECONDS)
        return WireReply(200, (), b'{"access_token": "test-token"}')

    async def asend(self, request: WireRequest, timeout: Timeout) -> WireReply:
        """Run `send` in a thread."""
        return await asyncio.to_thread(self.send, request, timeout)


@contextmanager
def hanging(kind: Kind, provider: str, **options: Any) -> Iterator[tuple[Threads | Tasks, Deaf]]:
    """Yield a client with a call whose token fetch hangs until the block ends."""
    transport = Deaf(provider)
    with calling(kind, keyed(provider, "https://provider.invalid", transport=transport), **options) as client:
        fetching = client.start(refund(provider, "r-0"))
        assert transport.fetching.wait(SECONDS)
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
def test_the_wait_of_a_lookup_for_the_fetch_of_another_call_ends_with_the_deadline(kind: Kind, provider: str) -> None:
    with hanging(kind, provider, retry=Retry(deadline=0.3)) as (client, transport), within(15):
        error = failure(client.start(lookup(pending(provider))))
    assert isinstance(error, LookupFailed)
    assert error.temporary
    assert len(transport.sent) == 1


@both_kinds
@with_keys
def test_a_fetch_that_ends_with_the_deadline_of_its_call_does_not_end_calls_with_more_time(
    kind: Kind, provider: str
) -> None:
    sandbox = Watched()
    with (
        SandboxServer(sandbox) as server,
        calling(kind, keyed(provider, server), retry=ONCE) as client,
        sandbox.held(),
    ):
        hurried = client.start(lambda client: client.wait(pending(provider), timeout=0.5))
        assert sandbox.was_called()
        refunded = client.start(refund(provider, "r-1"))
        assert isinstance(failure(hurried), StillPending)
        assert not ended([refunded])[0].replayed
    assert sandbox.executed(provider) == ["r-1"]


FORKED: Final = """
import os, signal, sys, threading
from refundry import Blink, Lab4Pay, Money, RefundClient, WireReply

parent = os.getpid()
fetching, go_on = threading.Event(), threading.Event()

class Provider:
    def send(self, request, timeout):
        if request.target not in ("/v1/auth/token/", "/api/pay/v1/tokens"):
            return WireReply(200, (), b'{"transaction_id": "payment-1", "success": true}')
        if os.getpid() == parent:
            fetching.set()
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
assert fetching.wait(20)
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
