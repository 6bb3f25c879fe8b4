"""Breaks a call off at one line of it, wherever that is: in refundry, in a library, or in asyncio."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

import refundry.transport

TRANSPORTS: Final = str(Path(str(refundry.transport.__file__)).parent)


class Broken(BaseException):
    """Stands for KeyboardInterrupt, which would end the test run."""


class Breaker:
    """Raises at the line number `at` within a transport's function of this name; counts the lines until then.

    A server of a test may have a function of the same name, in a thread that begins meanwhile.
    """

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
        while above is not None and not self._is_entered_by(above.f_code):
            above = above.f_back
        return self._line if above is not None else None

    def _is_entered_by(self, code: CodeType) -> bool:
        return code.co_name == self._within and code.co_filename.startswith(TRANSPORTS)

    def _line(self, frame: FrameType, event: str, arg: object) -> Callable[..., Any] | None:
        if event == "line":
            if self.lines == self._at:
                self.lines += 1
                self.has_raised = True
                raise Broken
            self.lines += 1
        return self._line
