"""Tells an interruption of a call from an error of the network.

A signal handler may raise any exception at any line: the time limits of Celery and rq are Exceptions, and the
TimeoutError of an alarm is an OSError. The code of the handler in the traceback identifies it.
"""

from __future__ import annotations

from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType


def pass_through(error: BaseException) -> None:
    """Raise the interruption, where the error is one or has one in its chain. Return otherwise.

    Every `except` within a call does this first, whatever it catches.
    """
    found = interruption(error)
    if found is not None:
        raise found


def interruption(error: BaseException) -> BaseException | None:
    """The exception that interrupted the call: the error itself or one in its chain; None for an error of the call.

    An interruption is no Exception (KeyboardInterrupt, cancellation), or has the code of a signal handler in its
    traceback.
    """
    if not isinstance(error, Exception):
        return error
    handlers = _handlers()
    for one in chain(error):
        if not isinstance(one, Exception) and not _ends_a_wait(one):
            return one
        if any(frame.f_code in handlers for frame in _frames(one)):
            return one
    return None


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and each exception in its chain or of its group that was raised within the same call.

    The chain also holds an exception that the caller was handling when it made the call. It is left out: its traceback
    shares no frame with the error's, which ends at the call.
    """
    waiting, seen, frames = [error], {id(error)}, set[int]()
    while waiting:
        one = waiting.pop()
        yield one
        frames.update(id(frame) for frame in _frames(one))
        context = one.__context__
        within = context is not None and any(id(frame) in frames for frame in _frames(context))
        inner = one.exceptions if isinstance(one, BaseExceptionGroup) else ()  # of a task group
        for other in (one.__cause__, context if within else None, *inner):
            if other is not None and id(other) not in seen:
                seen.add(id(other))
                waiting.append(other)


def _frames(error: BaseException) -> Iterator[FrameType]:
    traceback = error.__traceback__
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def _ends_a_wait(error: BaseException) -> bool:
    """Whether asyncio raises it within its time-outs, and turns it into a TimeoutError."""
    from asyncio import CancelledError

    return isinstance(error, CancelledError | GeneratorExit)


def _handlers() -> frozenset[CodeType]:
    import signal  # seldom needed

    # The function within the wrapper: the wrapper looks each handler up in an enum, and formats one that is not in it,
    # which may be a task of asyncio with its result.
    handler_of: Callable[[int], object] = getattr(signal.getsignal, "__wrapped__", signal.getsignal)
    return frozenset(code for number in range(1, signal.NSIG) for code in _codes(handler_of(number)))


def _codes(handler: object) -> Iterator[CodeType]:
    while isinstance(handler, partial):
        handler = handler.func
    called = type(handler).__call__ if callable(handler) else None  # of an object that is no function
    for one in (handler, called):
        code = getattr(getattr(one, "__func__", one), "__code__", None)
        if code is not None:
            yield code
