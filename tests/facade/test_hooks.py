"""Hooks and logging: the objects that are refused as hooks, and that no exception of theirs changes an outcome."""

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from refundry import (
    AsyncRefundClient,
    InvalidRefund,
    LookupFailed,
    NotSent,
    OutcomeUnknown,
    RefundClient,
    RefundError,
    RefundRejected,
    RefundStatus,
    Resend,
)
from tests.facade.questions import LOST, UNREACHED, LookupScript, looked_up, pending, state
from tests.facade.support import KINDS, Answer, Kind, Scripted, caller
from tests.providers import PROVIDERS, RECORDS, account
from tests.providers.record import reply

both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)


class Timelimit(Exception):
    """An exception of the caller's own."""


RAISED: Final[dict[str, Callable[[], BaseException]]] = {
    **{
        kind.__name__: kind
        for kind in (
            *(Exception, ValueError, RuntimeError, AssertionError, StopIteration, StopAsyncIteration, LookupError),
            *(OSError, TimeoutError, ConnectionResetError, BrokenPipeError, RecursionError, MemoryError, EOFError),
            *(AttributeError, TypeError, NotImplementedError, BufferError, SyntaxError, Timelimit),
        )
    },
    "NotSent": lambda: NotSent("text"),
    "OutcomeUnknown": lambda: OutcomeUnknown("text"),
    "ExceptionGroup": lambda: ExceptionGroup("text", [ValueError()]),
    "UnicodeDecodeError": lambda: UnicodeDecodeError("utf-8", b"x", 0, 1, "text"),
}
ANSWERS: Final[dict[str, tuple[Answer, type[RefundError] | None]]] = {
    # Each reply has a deviation from the contract.
    "accepted": (reply(200, {"success": True, "amount": "1.00", "message": None}), None),
    "refused": (reply(422, {"success": False, "message": None}), RefundRejected),
    "unknown": (reply(418, {}), OutcomeUnknown),
    "not sent": (UNREACHED, NotSent),
    "lost": (LOST, OutcomeUnknown),
}


class Raising(logging.Handler):
    """A handler of the log that raises. As a filter it raises too."""

    def __init__(self, make: Callable[[], BaseException]) -> None:
        super().__init__()
        self._make = make
        self.called = 0

    def handle(self, record: logging.LogRecord) -> bool:
        """Raise."""
        self.called += 1
        raise self._make()


@contextmanager
def logging_by(place: str, raising: Raising) -> Iterator[None]:
    """Send every log record of refundry to a handler that raises."""
    log, handler, level = logging.getLogger("refundry"), logging.StreamHandler(), logging.getLogger("refundry").level
    log.setLevel(logging.DEBUG)
    if place == "a filter of the logger":
        log.addFilter(raising.handle)
    elif place == "a filter of a handler":
        handler.addFilter(raising.handle)
        log.addHandler(handler)
    else:
        log.addHandler(raising)
    try:
        yield
    finally:
        log.setLevel(level)
        log.removeFilter(raising.handle)
        log.removeHandler(handler)
        log.removeHandler(raising)


def outcome_for_caller(kind: Kind, answer: Answer, **options: Any) -> tuple[str, int]:
    """Return the outcome of a refund at Blink with this answer, and how often two calls send it."""
    transport = Scripted(answer)
    with caller(kind, account("blink", transport=transport), **options) as client:
        results: list[str] = []
        for _ in range(2):
            try:
                results.append(repr(client.ask("blink")).partition(", sent_at=")[0])
            except RefundError as error:
                results.append(f"{type(error).__name__}: {error}")
        assert results[0] == results[1] or "sent again" in results[1]
        return results[0], len(transport.sent)


@both_kinds
@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("raised", RAISED)
def test_a_hook_that_raises_any_exception_changes_nothing(kind: Kind, answer: str, raised: str) -> None:
    calls: list[object] = []

    def broken(event: object) -> None:
        calls.append(event)
        raise RAISED[raised]()

    given, outcome = ANSWERS[answer]
    text, sent = outcome_for_caller(kind, given, on_attempt=broken, on_deviation=broken)
    assert (text, sent) == outcome_for_caller(kind, given)
    assert text.startswith("Refund(" if outcome is None else f"{outcome.__name__}: ")
    assert len(calls) >= sent


@both_kinds
@pytest.mark.parametrize("place", ["a handler", "a filter of a handler", "a filter of the logger"])
@pytest.mark.parametrize("raised", RAISED)
def test_a_log_that_raises_any_exception_changes_nothing(kind: Kind, place: str, raised: str) -> None:
    raising = Raising(RAISED[raised])
    for given, _ in ANSWERS.values():
        before = outcome_for_caller(kind, given)
        with logging_by(place, raising):
            assert outcome_for_caller(kind, given) == before
            assert outcome_for_caller(kind, given, on_attempt=_broken, on_deviation=_broken) == before
    assert raising.called > len(ANSWERS)


def _broken(_: object) -> None:
    raise Timelimit


@both_kinds
@every_provider
@pytest.mark.parametrize("raised", ["ValueError", "TimeoutError", "OutcomeUnknown", "MemoryError"])
def test_a_hook_or_a_log_that_raises_changes_nothing_in_a_lookup(kind: Kind, provider: str, raised: str) -> None:
    def broken(_: object) -> None:
        raise RAISED[raised]()

    with logging_by("a handler", Raising(RAISED[raised])):
        made = account(provider, transport=LookupScript(state(provider, RECORDS[provider].states.done), LOST))
        with caller(kind, made, on_attempt=broken, on_deviation=broken) as client:
            assert looked_up(client, pending(provider)).status is RefundStatus.SUCCEEDED
            with pytest.raises(LookupFailed):
                looked_up(client, pending(provider))


@both_kinds
@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_an_interruption_of_a_hook_ends_the_call_and_the_outcome_is_recorded(
    kind: Kind, interrupt: type[BaseException]
) -> None:
    interrupts: list[type[BaseException]] = []

    def interrupted(_: object) -> None:
        if interrupts:
            raise interrupts.pop()

    for answer, outcome in ANSWERS.values():
        transport = Scripted(answer)
        with caller(kind, account("blink", transport=transport), on_attempt=interrupted) as client:
            interrupts.append(interrupt)
            with pytest.raises(interrupt):
                client.ask("blink")
            if outcome is None:
                assert client.ask("blink").replayed
                assert len(transport.sent) == 1
            else:
                with pytest.raises(outcome) as second:
                    client.ask("blink")
                assert len(transport.sent) == (2 if second.value.resend is Resend.SAFE else 1)


def _silent(_: object) -> None:
    return None


async def _awaited(_: object) -> None:
    raise AssertionError("nobody awaits this")


async def _yielding(_: object) -> AsyncIterator[None]:
    yield None


class _Called:
    async def __call__(self, _: object) -> None:
        raise AssertionError("nobody awaits this")

    async def method(self, _: object) -> None:
        raise AssertionError("nobody awaits this")


@functools.wraps(_awaited)
def _wrapped(event: object) -> object:
    return _awaited(event)


ASYNC_HOOKS: Final[dict[str, Any]] = {
    "a function": _awaited,
    "a generator": _yielding,
    "a method": _Called().method,
    "an object that is called": _Called(),
    "what was decorated": _wrapped,
    "a part of it": functools.partial(_awaited),
}


@pytest.mark.parametrize("client", [RefundClient, AsyncRefundClient])
@pytest.mark.parametrize("name", ["on_attempt", "on_deviation"])
@pytest.mark.parametrize("hook", ASYNC_HOOKS)
def test_an_async_hook_is_refused_when_the_client_is_made(client: Any, name: str, hook: str) -> None:
    with pytest.raises(InvalidRefund, match=f"{name} is an async function") as refused:
        client([account("blink")], **{name: ASYNC_HOOKS[hook]})
    assert (refused.value.field, refused.value.resend) == (name, Resend.SAFE)


@pytest.mark.parametrize("client", [RefundClient, AsyncRefundClient])
@pytest.mark.parametrize("hook", [print, [].append, lambda _: None, _silent, functools.partial(print), str])
def test_a_callable_hook_is_accepted(client: Any, hook: Any) -> None:
    assert client([account("blink", transport=Scripted(LOST))], on_attempt=hook, on_deviation=hook)
