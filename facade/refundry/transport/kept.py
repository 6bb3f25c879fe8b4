"""The connections that are kept between refunds."""

from __future__ import annotations

import os
import select
import sys
from time import monotonic
from typing import Final, Generic, Protocol, TypeVar

# A request that meets a connection which the server is closing ends in an outcome that nobody knows, and a new
# connection costs a fraction of a second: so a little less than the five seconds after which many servers close.
_SECONDS_KEPT: Final = 4.0
_MOST_KEPT: Final = 100


class Keepable(Protocol):
    """A connection that can be kept."""

    def is_good(self) -> bool:
        """Whether it is open, and nothing has come unasked."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


Connection = TypeVar("Connection", bound=Keepable)


class Kept(Generic[Connection]):
    """A stack of connections for each origin and process, the last used on top. For any number of threads.

    By process, for a connection that a fork has copied belongs to the parent.
    """

    def __init__(self) -> None:
        self._closed = False
        self._stacks: dict[tuple[int, str], list[tuple[float, Connection]]] = {}

    def take(self, origin: str) -> Connection | None:
        """A connection that is still good, or None. Those that are not are closed."""
        stack = self._stacks.get((os.getpid(), origin), [])
        while stack:
            try:
                since, connection = stack.pop()
            except IndexError:  # another thread took the last one
                break
            if monotonic() - since < _SECONDS_KEPT and connection.is_good():
                return connection
            connection.close()
        return None

    def put(self, origin: str, connection: Connection) -> bool:
        """Keep a connection. False where there are enough already, or none is kept any more."""
        stack = self._stacks.setdefault((os.getpid(), origin), [])
        if self._closed or len(stack) >= _MOST_KEPT:
            return False
        stack.append((monotonic(), connection))
        return True

    def close(self) -> None:
        """Close all that are kept, and keep none from now on."""
        self._closed = True
        for stack in self._stacks.values():
            while stack:
                stack.pop()[1].close()


def has_input(file_number: int) -> bool:
    """Whether anything has come on a socket, the end of the stream among it."""
    if sys.platform == "win32":
        return bool(select.select([file_number], [], [], 0)[0])
    waiting = select.poll()  # select() cannot take a file number above 1023
    waiting.register(file_number, select.POLLIN)
    return bool(waiting.poll(0))
