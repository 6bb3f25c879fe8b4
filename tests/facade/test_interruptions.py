"""A call that is interrupted at any line: never executed twice, never free after a byte, never wedged."""

import ast
import asyncio
import gc
import inspect
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from types import FrameType
from typing import Any, Final

import pytest

import refundry
import refundry_blink
import refundry_lab4pay
import refundry_paybyrd
from refundry import (
    AsyncRefundClient,
    Blink,
    Evidence,
    Lab4Pay,
    OutcomeUnknown,
    Paybyrd,
    Refund,
    RefundClient,
    RefundError,
    RefundStatus,
    Resend,
    Retry,
    Timeout,
    WireReply,
    WireRequest,
)
from tests.facade.support import ACCEPTED, ONE_EURO, PAYMENT, Kind

PACKAGES: Final = (refundry_blink, refundry_lab4pay, refundry_paybyrd)
SENDING: Final = ("send", "asend")
# The facade and the generated packages.
OURS: Final = tuple(str(Path(str(one.__file__)).parent) for one in (refundry, *PACKAGES))
TOKEN: Final = {
    "lab4pay": {"access_token": "test-token", "expires_in": "300"},
    "blink": {"access_token": "test-token", "expired_on": "2030-01-01T00:00:00Z"},
}
TRANSACTION: Final = {
    "lab4pay": {"status": "SUCCESS"},
    "paybyrd": [{"transactionId": "refund-1", "status": "Success", "code": "BYRD200", "isoAmount": 100}],
    "blink": {"data": {"transaction_id": "refund-1", "status": "completed", "amount": 1}},
}


class Provider:
    """A transport that says when it begins to write, in front of a provider that keeps what it was asked for."""

    tells_progress = True

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._refunds: list[WireRequest] = []
        self.executed: list[str] = []

    def send(self, request: WireRequest, timeout: Timeout) -> WireReply:
        """Answer at once."""
        is_token = b"secret" in bytes(request.body)
        if not is_token:
            self._refunds.append(request)
        request.progress.evidence = Evidence.MAYBE_SENT
        if not is_token:
            self._execute(request)
        body: Any = TOKEN[self._provider] if is_token else ACCEPTED[self._provider]
        if request.method == "GET":
            body = TRANSACTION[self._provider]
        return WireReply(200, (), json.dumps(body).encode())

    async def asend(self, request: WireRequest, timeout: Timeout) -> WireReply:
        """As send, in two steps of the event loop."""
        await asyncio.sleep(0)
        answer = self.send(request, timeout)
        await asyncio.sleep(0)
        return answer

    @property
    def has_begun(self) -> bool:
        """Whether a byte of a refund may have left."""
        return any(request.progress.evidence is not Evidence.NOT_SENT for request in self._refunds)

    def _execute(self, request: WireRequest) -> None:
        key = dict(request.headers).get("idempotency-key", str(len(self.executed)))
        if key not in self.executed:
            self.executed.append(key)

    def close(self) -> None:
        """Nothing is open."""

    async def aclose(self) -> None:
        """Nothing is open."""


class Interrupted(BaseException):
    """As KeyboardInterrupt, which would end the test run."""


class TimeLimit(ConnectionError, ValueError):
    """What a signal handler raises, of classes that a call handles where they are its own."""


Refunding = Callable[[str], Refund]
ACCOUNTS: Final[dict[str, Callable[[], Any]]] = {
    "lab4pay": lambda: Lab4Pay(client_id="test-client", client_secret="test-secret", integrator_id="test"),
    "paybyrd": lambda: Paybyrd(api_key="test-key"),
    "blink": lambda: Blink(api_key="test-key", secret_key="test-secret"),
}


@contextmanager
def refunding(kind: Kind, provider: str, transport: Provider) -> Iterator[Refunding]:
    """Give a function that refunds one euro under a reference, by one client that fetches its token."""
    options: dict[str, Any] = {"transport": transport, "retry": Retry(attempts=2, first_wait=0.001, longest_wait=1)}
    if kind == "sync":
        with RefundClient([ACCOUNTS[provider]()], **options) as client:
            yield lambda reference: client.refund(provider, payment_id=PAYMENT, amount=ONE_EURO, reference=reference)
        return
    with asyncio.Runner() as runner:
        asynchronous = AsyncRefundClient([ACCOUNTS[provider]()], **options)

        def refund(reference: str) -> Refund:
            asking = asynchronous.refund(provider, payment_id=PAYMENT, amount=ONE_EURO, reference=reference)
            return runner.run(asking)

        yield refund


@cache
def blocks(name: str) -> tuple[tuple[range, range], ...]:
    """Return the lines of each `with`, and of its body, in a file."""
    nodes = ast.walk(ast.parse(Path(name).read_text()))
    return tuple(
        (range(node.lineno, node.body[0].lineno), range(node.body[0].lineno, (node.end_lineno or 0) + 1))
        for node in nodes
        if isinstance(node, ast.With | ast.AsyncWith)
    )


class Tracer:
    """Interrupts at the line of that number, counted over our packages and the transport of this test.

    It does not interrupt between the body of a `with` and its exit. CPython runs no signal handler there, for it looks
    for one only when a function begins, after a call, and where a loop goes back.
    """

    def __init__(self, line: int, interrupt: Callable[[], None]) -> None:
        self._left = line
        self._interrupt = interrupt
        self._last: dict[FrameType, int] = {}

    def __call__(self, frame: FrameType, event: str, argument: object) -> Any:
        """Trace the frames that count."""
        name, function = frame.f_code.co_filename, frame.f_code.co_name
        if not (name.startswith(OURS) or (name == __file__ and function in SENDING)) or _shows(frame):
            return None
        if event == "line":
            last, line = self._last.get(frame, 0), frame.f_lineno
            self._last[frame] = line
            if not any(line in head and last in body for head, body in blocks(name)):
                self._left -= 1
                if self._left == 0:
                    self._interrupt()
        return self

    def reached(self) -> bool:
        """Whether there was such a line."""
        return self._left <= 0


def _shows(frame: FrameType | None) -> bool:
    """Whether a frame is of a repr: asyncio writes the result of a call out once it is over, and may fail in that."""
    while frame is not None and frame.f_code.co_filename.startswith(OURS):
        if frame.f_code.co_name == "__repr__":
            return True
        frame = frame.f_back
    return False


def interrupted_at(line: int, refund: Refunding, interrupt: Callable[[], None]) -> tuple[BaseException | None, bool]:
    """Return what the refund raised when it was interrupted at the line, and whether there was such a line."""
    tracer = Tracer(line, interrupt)
    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        refund("reference-1")
    except BaseException as raised:  # noqa: BLE001 (what was raised is what the test looks at)
        return raised, tracer.reached()
    finally:
        sys.settrace(before)
    return None, tracer.reached()


def told_again(refund: Refunding) -> Refund | OutcomeUnknown:
    """Return what is told of the same reference in a call that nothing interrupts."""
    try:
        return refund("reference-1")
    except OutcomeUnknown as unknown:
        return unknown


def throw(raised: list[BaseException]) -> Callable[[], None]:
    def interrupt() -> None:
        raised.append(Interrupted())
        raise raised[-1]

    return interrupt


def signalled(raised: list[BaseException]) -> Callable[[], None]:
    def handler(*_: object) -> None:
        raised.append(TimeLimit())
        raise raised[-1]

    signal.signal(signal.SIGUSR1, handler)
    return lambda: signal.raise_signal(signal.SIGUSR1)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave the signal as it was, and let the collector not close what one call has left at a line of another."""
    before = signal.getsignal(signal.SIGUSR1)
    gc.disable()
    yield
    gc.enable()
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("how", [throw, signalled], ids=["no Exception", "an Exception of a signal handler"])
@pytest.mark.parametrize("provider", ["lab4pay", "paybyrd", "blink"])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_refund_interrupted_at_any_line_is_executed_once_and_blocks_nothing(
    kind: Kind, provider: str, how: Callable[[list[BaseException]], Callable[[], None]]
) -> None:
    line, reached, unknown, free = 0, True, 0, 0
    while reached:
        line += 1
        transport, raised = Provider(provider), list[BaseException]()
        with refunding(kind, provider, transport) as refund:
            error, reached = interrupted_at(line, refund, how(raised))
            where = f"line {line}"
            if reached:
                assert error is raised[0], f"{where}: {error!r}"
            began = transport.has_begun
            told = told_again(refund)
            if isinstance(told, OutcomeUnknown):
                assert (began, told.resend) == (True, Resend.NEVER), where
                unknown += 1
            else:
                assert told.refund_id in ("refund-1", None), where
                free += not began
            assert len(transport.executed) <= 1, where
            assert refund("reference-2").refund_id in ("refund-1", None), f"{where}: wedged"
    assert line > 100
    assert free > 10
    assert (unknown > 10) is (provider != "paybyrd")


def _lookup(client: RefundClient, known: Refund, _: str) -> Refund:
    return client.lookup(known)


@pytest.mark.parametrize("provider", ["lab4pay", "paybyrd", "blink"])
def test_what_a_signal_handler_raises_at_any_line_of_a_lookup_passes_through(provider: str) -> None:
    known = Refund(provider, "reference-1", RefundStatus.PENDING, refund_id="refund-1", payment_id=PAYMENT)
    if provider == "paybyrd":  # its reply is then an array, where the contract also allows an object
        known = replace(known, refund_id=None, tracking_id="/api/v2/transactions?requestId=request-1")
    line, reached = 0, True
    while reached:
        line += 1
        raised = list[BaseException]()
        with RefundClient([ACCOUNTS[provider]()], transport=Provider(provider)) as client:
            lookup: Refunding = partial(_lookup, client, known)
            error, reached = interrupted_at(line, lookup, signalled(raised))
            if reached:
                assert error is raised[0], f"line {line}: {error!r}"
            assert client.lookup(known).provider == provider, f"line {line}: wedged"
    assert line > 100


def with_frames_left(frames: int, refund: Refunding) -> BaseException | Refund:
    """Return what is told of a refund that is asked for where the stack has room for so many frames more."""
    depth = len(inspect.stack(context=0))

    def deeper(levels: int) -> Refund:
        return deeper(levels - 1) if levels > 0 else refund("reference-1")

    try:
        return deeper(sys.getrecursionlimit() - depth - frames)
    except Exception as raised:  # noqa: BLE001 (what was raised is what the test looks at)
        return raised


@pytest.mark.parametrize("provider", ["lab4pay", "paybyrd", "blink"])
@pytest.mark.parametrize("kind", ["sync"])
def test_a_refund_on_a_full_stack_is_executed_once_and_told_as_what_it_is(kind: Kind, provider: str) -> None:
    told_of: set[type] = set()
    for frames in range(1, 150):
        transport = Provider(provider)
        with refunding(kind, provider, transport) as refund:
            first = with_frames_left(frames, refund)
            told_of.add(type(first))
            began = transport.has_begun
            if began:
                assert isinstance(first, RefundError | Refund), f"{frames} frames: {first!r}"
            again = told_again(refund)
            assert isinstance(again, Refund) or began, f"{frames} frames: {again!r}"
            assert len(transport.executed) <= 1, f"{frames} frames"
    assert {Refund, RecursionError} < told_of
