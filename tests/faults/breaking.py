"""Breaks a call off at one line of it, wherever that is: in refundry, in a library, or in asyncio."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Broken(BaseException):
    """Stands for KeyboardInterrupt, which would end the test run."""


class Breaker:
    """Raises at the line number `at` that is run within a function of this name; counts the lines until then."""

    def __init__(self, within: str, at: int | None) -> None:
        self._within = within
        self._at = at
        self.lines = 0
        self.has_raised = False

    @contextmanager
    def __call__(self) -> Iterator[None]:
        before = sys.gettrace()
        sys.settrace(self._called)
        threading.settrace(self._called)
        try:
            yield
        finally:
            sys.settrace(before)
            threading.settrace(before)

    def _called(self, frame: FrameType, event: str, arg: object) -> Callable[..., Any] | None:
        above: FrameType | None = frame
        while above is not None and above.f_code.co_name != self._within:
            above = above.f_back
        return self._line if above is not None else None

    def _line(self, frame: FrameType, event: str, arg: object) -> Callable[..., Any] | None:
        if event == "line":
            if self.lines == self._at:
                self.lines += 1
                self.has_raised = True
                raise Broken
            self.lines += 1
        return self._line
