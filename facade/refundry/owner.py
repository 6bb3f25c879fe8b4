"""What calls have in hand, over threads, forks, and whatever ends a call."""

from __future__ import annotations

import os
import threading
from weakref import WeakSet


class Owner:
    """The call that has a reference or the fetch of a token in hand.

    It runs within `with owner.lock:`, and that alone says that it runs. However a call ends, the lock is open again;
    nothing has to be written that an interruption could prevent.
    """

    __slots__ = ("_process", "_token", "lock")

    def __init__(self) -> None:
        self.lock: threading.Lock = threading.Lock()
        self._process = os.getpid()
        self._token: str | None = None

    @property
    def token(self) -> str:
        """Identifies the call among those of every process."""
        if self._token is None:
            self._token = os.urandom(16).hex()
        return self._token

    def is_running(self) -> bool:
        """Whether the call is under way in this process."""
        return self.is_here() and self.lock.locked()

    def was_running_at_fork(self) -> bool:
        """Whether the call was under way in the parent when this process was forked from it."""
        return not self.is_here() and self.lock.locked()

    def is_here(self) -> bool:
        """Whether it is a call of this process."""
        return self._process == os.getpid()


class Guarded:
    """Has a lock that a fork does not leave held: in the child it is another one, which is open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _guarded.add(self)

    def _before_fork(self) -> None:
        """Called in the thread that forks, before it does."""

    def _after_fork(self) -> None:
        """Called in the same thread of the parent afterwards."""

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()


_guarded: WeakSet[Guarded] = WeakSet()


def _before_fork() -> None:
    for one in [*_guarded]:
        one._before_fork()


def _after_fork() -> None:
    for one in [*_guarded]:
        one._after_fork()


def _renew_locks() -> None:
    for one in _guarded:
        one._renew_lock()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_renew_locks)
