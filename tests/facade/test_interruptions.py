"""A call that is interrupted at any line: never executed twice, never free after a byte, never wedged."""

import ast
import asyncio
import gc
import inspect
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, NamedTuple

import pytest

from refundry import (
    Account,
    AsyncRefundClient,
    Evidence,
    OutcomeUnknown,
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
from tests.facade.support import KINDS, Kind
from tests.providers import PROVIDERS, RECORDS, tokens_of
from tests.providers.record import ONE_EURO, PAYMENT, REFUND, reply

SENDING: Final = ("send", "asend")
# The facade and the generated packages.
OURS: Final = tuple(
    str(Path(str(import_module(name).__file__)).parent)
    for name in ("refundry", *(f"refundry_{provider}" for provider in PROVIDERS))
)


class Provider:
    """A transport that reports when it begins to write, to a provider that records its requests."""

    tells_progress = True

    def __init__(self, provider: str) -> None:
        self._record = RECORDS[provider]
        self._token_path = self._record.tokens.path if self._record.tokens else None
        self._refunds: list[WireRequest] = []
        self.executed: list[str] = []

    def send(self, request: WireRequest, timeout: Timeout) -> WireReply:
        """Answer at once."""
        is_token = request.target == self._token_path
        if not is_token:
            self._refunds.append(request)
        request.progress.evidence = Evidence.MAYBE_SENT
        if not is_token:
            self._execute(request)
        if is_token:
            return reply(200, tokens_of(self._record.name).body("test-token", 300))
        if request.method == "GET":
            return self._state(is_list="?" in request.target)
        return reply(200, self._record.accepted)

    def _state(self, *, is_list: bool) -> WireReply:
        states = self._record.states
        answer = states.reply(states.done, **states.transaction)
        return replace(answer, body=b"[%b]" % answer.body) if is_list else answer

    async def asend(self, request: WireRequest, timeout: Timeout) -> WireReply:
        """Do the same as `send`, in two turns of the event loop."""
        await asyncio.sleep(0)
        answer = self.send(request, timeout)
        await asyncio.sleep(0)
        return answer

    @property
    def has_begun(self) -> bool:
        """Return whether a byte of a refund may have been sent."""
        return any(request.progress.evidence is not Evidence.NOT_SENT for request in self._refunds)

    def _execute(self, request: WireRequest) -> None:
        key = dict(request.headers).get("idempotency-key", str(len(self.executed)))
        if key not in self.executed:
            self.executed.append(key)

    def close(self) -> None:
        """Do nothing: nothing is open."""

    async def aclose(self) -> None:
        """Do nothing: nothing is open."""


class Interrupted(BaseException):
    """Replaces KeyboardInterrupt, which would end the test run."""


class TimeLimit(ConnectionError, ValueError):
    """Exceptions of a signal handler, of classes that a call handles where its own code raises them."""


Refunding = Callable[[str], Refund]


def account_of(provider: str) -> Account:
    """Return an account that fetches a token for its refund, where the provider issues tokens."""
    record = RECORDS[provider]
    return record.keyed_account() if record.tokens else record.account()


@contextmanager
def refunding(kind: Kind, provider: str, transport: Provider) -> Iterator[Refunding]:
    """Yield a function that refunds one euro under a reference, with one client that fetches its token."""
    options: dict[str, Any] = {"transport": transport, "retry": Retry(attempts=2, first_wait=0.001, longest_wait=1)}
    if kind == "sync":
        with RefundClient([account_of(provider)], **options) as client:
            yield lambda reference: client.refund(provider, payment_id=PAYMENT, amount=ONE_EURO, reference=reference)
        return
    with asyncio.Runner() as runner:
        asynchronous = AsyncRefundClient([account_of(provider)], **options)

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


class Line(NamedTuple):
    """One line of a call's sequence: its code object, its number, and how often it ran before."""

    code: CodeType
    number: int
    before: int


class _Tracer:
    """Sees the lines of our packages, and of the transport of this test, that a call runs through.

    It does not see a line between the body of a `with` and its exit. CPython runs no signal handler there, for it looks
    for one only when a function begins, after a call, and where a loop goes back.
    """

    def __init__(self) -> None:
        self._last: dict[FrameType, int] = {}

    def __call__(self, frame: FrameType, event: str, argument: object) -> Any:
        """Trace the frames of the code that is seen."""
        return self._local if self.is_traced(frame.f_code) and not _shows(frame) else None

    def is_traced(self, code: CodeType) -> bool:
        """Return whether the lines of this code are traced."""
        return is_ours(code)

    def _local(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            last, line = self._last.get(frame, 0), frame.f_lineno
            self._last[frame] = line
            if not any(line in head and last in body for head, body in blocks(frame.f_code.co_filename)):
                self.see(frame.f_code, line)
        return self._local

    def see(self, code: CodeType, number: int) -> None:
        """Handle a line."""
        raise NotImplementedError


class Recorder(_Tracer):
    """Records the lines of a call in sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Line] = []
        self._counts: Counter[tuple[CodeType, int]] = Counter()

    def see(self, code: CodeType, number: int) -> None:
        """Record it."""
        self.lines.append(Line(code, number, self._counts[code, number]))
        self._counts[code, number] += 1


class Interrupter(_Tracer):
    """Interrupts a call at one line. It is fast because it traces only the code of that line."""

    def __init__(self, line: Line, interrupt: Callable[[], None]) -> None:
        super().__init__()
        self._line = line
        self._left = line.before
        self._interrupt = interrupt
        self.reached = False

    def is_traced(self, code: CodeType) -> bool:
        """Return whether the line is in this code."""
        return code is self._line.code and not self.reached

    def see(self, code: CodeType, number: int) -> None:
        """Interrupt the call at the line."""
        if number != self._line.number or self.reached:
            return
        if self._left:
            self._left -= 1
            return
        self.reached = True
        self._interrupt()


@cache
def is_ours(code: CodeType) -> bool:
    """Return whether this code is in our packages, or in the transport of this test."""
    return code.co_filename.startswith(OURS) or (code.co_filename == __file__ and code.co_name in SENDING)


def _shows(frame: FrameType | None) -> bool:
    """Return whether a frame is of a repr: asyncio formats the result of a finished call, and may fail there."""
    while frame is not None and frame.f_code.co_filename.startswith(OURS):
        if frame.f_code.co_name == "__repr__":
            return True
        frame = frame.f_back
    return False


def traced(call: Callable[[], object], tracer: _Tracer) -> BaseException | None:
    """Return the exception of a call while it was traced."""
    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        call()
    except BaseException as raised:  # noqa: BLE001 (the test examines any exception)
        return raised
    finally:
        sys.settrace(before)
    return None


def sequence(call: Callable[[], object]) -> list[Line]:
    """Return the lines that a call runs without an interruption."""
    recorder = Recorder()
    assert traced(call, recorder) is None
    return recorder.lines


def outcome_of_next_call(refund: Refunding) -> Refund | OutcomeUnknown:
    """Return the outcome of the same reference in a call without an interruption."""
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
    """Restore the signal, and keep the garbage collector from closing objects of one call during another."""
    before = signal.getsignal(signal.SIGUSR1)
    gc.disable()
    yield
    gc.enable()
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("how", [throw, signalled], ids=["no Exception", "an Exception of a signal handler"])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_refund_interrupted_at_any_line_is_executed_once_and_blocks_nothing(
    kind: Kind, provider: str, how: Callable[[list[BaseException]], Callable[[], None]]
) -> None:
    unknown, free = 0, 0
    lines = refund_lines(kind, provider)
    for line in lines:
        transport, raised = Provider(provider), list[BaseException]()
        with refunding(kind, provider, transport) as refund:
            interrupter = Interrupter(line, how(raised))
            error = traced(partial(refund, "reference-1"), interrupter)
            assert interrupter.reached, f"{line}: not reached a second time"
            assert error is raised[0], f"{line}: {error!r}"
            began = transport.has_begun
            outcome = outcome_of_next_call(refund)
            if isinstance(outcome, OutcomeUnknown):
                assert (began, outcome.resend) == (True, Resend.NEVER), line
                unknown += 1
            else:
                assert outcome.refund_id in (REFUND, None), line
                free += not began
            assert len(transport.executed) <= 1, line
            assert refund("reference-2").refund_id in (REFUND, None), f"{line}: wedged"
    assert len(lines) > 100
    assert free > 10
    assert (unknown > 10) is not RECORDS[provider].deduplicates


@cache
def refund_lines(kind: Kind, provider: str) -> list[Line]:
    """Return the lines of a refund that fetches its token, after all its imports."""
    found: list[Line] = []
    for _ in range(2):
        with refunding(kind, provider, Provider(provider)) as refund:
            found = sequence(partial(refund, "reference-1"))
    return found


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_exception_of_a_signal_handler_at_any_line_of_a_lookup_reaches_the_caller(provider: str) -> None:
    known = Refund(provider, "reference-1", RefundStatus.PENDING, refund_id=REFUND, payment_id=PAYMENT)
    if provider == "paybyrd":  # its reply is then an array, where the contract also allows an object
        known = replace(known, refund_id=None, tracking_id="/api/v2/transactions?requestId=request-1")

    def client() -> RefundClient:
        return RefundClient([account_of(provider)], transport=Provider(provider))

    lines: list[Line] = []
    for _ in range(2):
        with client() as asking:
            lines = sequence(partial(asking.lookup, known))
    for line in lines:
        raised = list[BaseException]()
        with client() as asking:
            interrupter = Interrupter(line, signalled(raised))
            error = traced(partial(asking.lookup, known), interrupter)
            assert interrupter.reached, f"{line}: not reached a second time"
            assert error is raised[0], f"{line}: {error!r}"
            assert asking.lookup(known).provider == provider, f"{line}: wedged"
    assert len(lines) > 100


def with_frames_left(frames: int, refund: Refunding) -> BaseException | Refund:
    """Return the outcome of a refund on a stack with room for so many more frames."""
    depth = len(inspect.stack(context=0))

    def deeper(levels: int) -> Refund:
        return deeper(levels - 1) if levels > 0 else refund("reference-1")

    try:
        return deeper(sys.getrecursionlimit() - depth - frames)
    except Exception as raised:  # noqa: BLE001 (the test examines any exception)
        return raised


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("kind", ["sync"])
def test_a_refund_on_a_full_stack_is_executed_once_and_reported_correctly(kind: Kind, provider: str) -> None:
    outcomes: set[type] = set()
    for frames in range(1, 150):
        transport = Provider(provider)
        with refunding(kind, provider, transport) as refund:
            first = with_frames_left(frames, refund)
            outcomes.add(type(first))
            began = transport.has_begun
            if began:
                assert isinstance(first, RefundError | Refund), f"{frames} frames: {first!r}"
            second = outcome_of_next_call(refund)
            assert isinstance(second, Refund) or began, f"{frames} frames: {second!r}"
            assert len(transport.executed) <= 1, f"{frames} frames"
    assert {Refund, RecursionError} < outcomes
