"""Interrupts a call at one of its lines: in refundry, in a library, or in asyncio."""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


class Broken(BaseException):
    """Replaces KeyboardInterrupt, which would end the test run."""


class Breaker:
    """Raises at one place within a function of a transport, the first time that the place runs.

    A place is a line of a file whose path holds one of `among`. `at` is its number, in the order of running.
    """

    def __init__(self, within: str, at: int | None, among: tuple[str, ...] = ("",)) -> None:
        self._within = within
        self._at = at
        self._among = among
        self._places: set[tuple[str, int]] = set()
        self.has_raised = False

    @property
    def places(self) -> int:
        """The number of places that ran."""
        return len(self._places)

    def run(self, call: Callable[[], T]) -> T:
        """Make the call in a new thread: a break within an `except` may leave its exception to the thread."""
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(self._traced, call).result()

    def _traced(self, call: Callable[[], T]) -> T:
        before, in_threads = sys.gettrace(), threading.gettrace()
        sys.settrace(self._called)
        threading.settrace(self._called)
        try:
            return call()
        finally:
            sys.settrace(before)
            threading.settrace(in_threads)

    def _called(self, frame: FrameType, event: str, arg: object) -> Callable[..., Any] | None:
        if not any(part in frame.f_code.co_filename for part in self._among):
            return None
        above: FrameType | None = frame
        while above is not None and not self._is_it(above):
            above = above.f_back
        return self._line if above is not None else None

    def _is_it(self, frame: FrameType) -> bool:
        return frame.f_code.co_name == self._within and "refundry/transport" in frame.f_code.co_filename

    def _line(self, frame: FrameType, event: str, arg: object) -> Callable[..., Any] | None:
        place = frame.f_code.co_filename, frame.f_lineno
        if event == "line" and place not in self._places:
            self._places.add(place)
            if self.places - 1 == self._at:
                self.has_raised = True
                raise Broken
        return self._line
