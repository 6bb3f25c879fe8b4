"""Connections that are kept open between requests."""

from __future__ import annotations

import os
from time import monotonic
from typing import Final, Generic, Protocol, TypeVar

from refundry.interruption import pass_through

# A request on a connection that the server is closing ends as unknown, and a new connection costs a fraction of a
# second. So this is less than the five seconds after which many servers close.
_SECONDS_KEPT: Final = 4.0
_SECONDS_BETWEEN_SWEEPS: Final = 1.0
_MOST_KEPT: Final = 100


class Keepable(Protocol):
    """A connection that a pool can keep."""

    def is_open(self) -> bool:
        """Whether it can carry a request, as far as this is known without waiting."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


Connection = TypeVar("Connection", bound=Keepable)
Stack = list[tuple[float, Connection]]


class ConnectionPool(Generic[Connection]):
    """A stack of connections for each origin, the last used on top. Any number of threads may use it; it has no lock.

    Each process has its own stacks: a connection that a fork has copied belongs to the parent.
    """

    def __init__(self) -> None:
        self._closed = False
        self._swept = 0.0
        self._stacks: dict[int, dict[str, Stack[Connection]]] = {}

    def take(self, origin: str) -> Connection | None:
        """A connection that is open and whose time is not over, or None. It closes the others that it finds."""
        now = monotonic()
        stacks = self._own()
        if now - self._swept >= _SECONDS_BETWEEN_SWEEPS:
            self._swept = now
            _sweep(stacks, now)
        stack = stacks.get(origin, [])
        while (found := _popped(stack, -1)) is not None:
            until, connection = found
            if now < until and connection.is_open():
                return connection
            connection.close()
        return None

    def put(self, origin: str, connection: Connection, seconds: float) -> None:
        """Keep a connection for so many seconds at most. Close it for zero seconds, or where enough are kept."""
        stack = self._own().setdefault(origin, [])
        if seconds <= 0 or len(stack) >= _MOST_KEPT:
            connection.close()
            return
        stack.append((monotonic() + min(seconds, _SECONDS_KEPT), connection))
        if self._closed:  # read last: another thread may be closing the pool
            self.close()

    def close(self) -> None:
        """Close every connection, and keep none from now on."""
        self._closed = True
        for stack in [*self._own().values()]:
            while (found := _popped(stack, -1)) is not None:
                found[1].close()

    def _own(self) -> dict[str, Stack[Connection]]:
        return self._stacks.setdefault(os.getpid(), {})


def _sweep(stacks: dict[str, Stack[Connection]], now: float) -> None:
    """Close the connections of every origin whose time is over, or that the other side has closed."""
    for stack in [*stacks.values()]:
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
    except IndexError as error:  # another thread took the last one
        pass_through(error)
        return None
