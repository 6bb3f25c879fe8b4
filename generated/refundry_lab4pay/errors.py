"""Contains shared errors types that can be raised from API functions"""

from __future__ import annotations

import signal
from functools import partial
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refundry.departures import Departure

# What reading a reply can raise. AttributeError: uuid.UUID() of a number.
READ_ERRORS = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


class AmbiguousJson(ValueError):
    """A key that stands twice in an object with two values: some readers take the first, others the last"""


_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (UnicodeDecodeError, "the body is not UTF-8"),
    (JSONDecodeError, "the body is not JSON"),
    (AmbiguousJson, "a key stands twice in an object of the body, with two values"),
    (RecursionError, "the body is nested too deeply"),
    (KeyError, "a required field is missing"),
    (Exception, "the body has not the shape that the contract describes"),
)


def pass_through(error: BaseException) -> None:
    """Raise the error again where a signal handler raised it: a time limit is no fault of the reply"""
    # What the module wraps, for the wrapper writes out a handler that is none of its enums.
    handler_of: Any = getattr(signal.getsignal, "__wrapped__", signal.getsignal)
    codes = set()
    for number in range(1, signal.NSIG):
        handler: Any = handler_of(number)
        while isinstance(handler, partial):
            handler = handler.func
        called = type(handler).__call__ if callable(handler) else None
        codes |= {
            getattr(getattr(one, "__func__", one), "__code__", None)
            for one in (handler, called)
        }
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code in codes:
            raise error
        traceback = traceback.tb_next


class UnexpectedStatus(Exception):
    """Raised by `sync` and `asyncio` on a status the contract does not describe, if Client.raise_on_unexpected_status

    Neither its str nor its repr shows the reply, which may hold personal data; `content` does. It says nothing about
    whether the request was executed.
    """

    def __init__(self, status_code: int, content: bytes) -> None:
        self.status_code = status_code
        self.content = content
        super().__init__(
            f"the contract does not describe status {status_code} ({len(content)} bytes)"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.status_code, self.content)


class UnreadableReply(ValueError):
    """A reply whose status the contract describes, and whose body cannot be read as it describes

    A ValueError, so that who reads replies need not know this module; not to be taken for one of `build_request`.
    Neither its str nor its repr shows the reply, which may hold personal data; `content` does. It says nothing about
    whether the request was executed.
    """

    def __init__(self, status_code: int, content: bytes, reason: str) -> None:
        self.status_code = status_code
        self.content = content
        self.reason = reason
        super().__init__(
            f"the reply with status {status_code} cannot be read: {reason} ({len(content)} bytes)"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.status_code, self.content, self.reason)

    @classmethod
    def because(
        cls, status_code: int, content: bytes, error: Exception
    ) -> UnreadableReply:
        """Name the reason by the type of the error alone: its message may quote the reply"""
        return cls(
            status_code,
            content,
            next(reason for kind, reason in _REASONS if isinstance(error, kind)),
        )

    @classmethod
    def undecodable(cls, status_code: int) -> UnreadableReply:
        """A body that its Content-Encoding header describes wrongly: its bytes are lost"""
        return cls(status_code, b"", "the body does not have its content encoding")


class DepartsFromContract(ValueError):
    """A message that the contract does not allow as it stands, with each departure from it

    Only strict reading raises it. Neither a departure nor the text of this error shows a value of the message. It says
    nothing about whether the request was executed.
    """

    def __init__(self, departures: tuple[Departure, ...]) -> None:
        self.departures = departures
        listed = "; ".join(
            f"{one.pointer or 'the whole'}: {one.keyword} ({one.rule})"
            for one in departures
        )
        super().__init__(
            f"the message departs from the contract in {len(departures)} places: {listed}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.departures,)


__all__ = [
    "AmbiguousJson",
    "DepartsFromContract",
    "READ_ERRORS",
    "UnexpectedStatus",
    "UnreadableReply",
    "pass_through",
]
