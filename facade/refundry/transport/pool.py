"""The connections that are kept between refunds."""

from __future__ import annotations

import os
from time import monotonic
from typing import Final, Generic, Protocol, TypeVar

from refundry.interruption import pass_through

# A request that meets a connection which the server is closing ends in an outcome that nobody knows, and a new
# connection costs a fraction of a second: so a little less than the five seconds after which many servers close.
_SECONDS_KEPT: Final = 4.0
_SECONDS_BETWEEN_SWEEPS: Final = 1.0
_MOST_KEPT: Final = 100


class Keepable(Protocol):
    """A connection that can be kept."""

    def is_open(self) -> bool:
        """Whether the other side has neither closed it nor sent anything unasked, as far as this costs no wait."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


Connection = TypeVar("Connection", bound=Keepable)
Stack = list[tuple[float, Connection]]


class ConnectionPool(Generic[Connection]):
    """A stack of connections for each origin, the last used on top. For any number of threads, without a lock.

    Each process has stacks of its own: a connection that a fork has copied belongs to the parent.
    """

    def __init__(self) -> None:
        self._closed = False
        self._swept = 0.0
        self._stacks: dict[int, dict[str, Stack[Connection]]] = {}

    def take(self, origin: str) -> Connection | None:
        """A connection whose time is not over, or None. Whether anything has come on it is for the caller to look."""
        self._sweep()
        stack = self._own().get(origin, [])
        while (found := _popped(stack, -1)) is not None:
            until, connection = found
            if monotonic() < until:
                return connection
            connection.close()
        return None

    def put(self, origin: str, connection: Connection, seconds: float) -> None:
        """Keep a connection for so many seconds at the most; close it where it is not to be kept."""
        stack = self._own().setdefault(origin, [])
        if seconds <= 0 or len(stack) >= _MOST_KEPT:
            connection.close()
            return
        stack.append((monotonic() + min(seconds, _SECONDS_KEPT), connection))
        if self._closed:  # looked at last, for another thread may be closing
            self.close()

    def close(self) -> None:
        """Close all that are kept, and keep none from now on."""
        self._closed = True
        for stack in [*self._own().values()]:
            while (found := _popped(stack, -1)) is not None:
                found[1].close()

    def _own(self) -> dict[str, Stack[Connection]]:
        return self._stacks.setdefault(os.getpid(), {})

    def _sweep(self) -> None:
        """Close what has been kept for too long or was closed by the other side, whatever its origin."""
        now = monotonic()
        if now - self._swept < _SECONDS_BETWEEN_SWEEPS:
            return
        self._swept = now
        for stack in [*self._own().values()]:
            good: Stack[Connection] = []
            for _ in range(len(stack)):
                found = _popped(stack, 0)
                if found is not None and now < found[0] and found[1].is_open():
                    good.append(found)
                elif found is not None:
                    found[1].close()
            stack[:0] = good


def _popped(stack: Stack[Connection], index: int) -> tuple[float, Connection] | None:
    if not stack:
        return None
    try:
        return stack.pop(index)
    except IndexError as error:  # there is none, or another thread took it
        pass_through(error)
        return None
