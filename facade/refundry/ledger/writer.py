"""Commits the changes of a process to a database: those that wait together, in one transaction."""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from refundry.errors import LedgerFailed
from refundry.interruption import pass_through
from refundry.owner import Guarded

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from refundry.ledger.changes import Change

Result = TypeVar("Result")

_MOST_AT_ONCE: Final = 64
_SECONDS_FOR_NOBODY: Final = 5.0
_SECONDS_BETWEEN_TRIES: Final = 1.0


class Session(Protocol):
    """A connection to a database, which one thread uses at a time."""

    def apply(self, changes: Sequence[Change[Any]], seconds: float) -> list[Any]:
        """Make changes in one transaction. Gives for each its result, or the exception that it raised.

        Raises LedgerFailed where none was made, or where that is not known.
        """
        ...

    def left_behind(self) -> list[Change[Any]]:
        """The changes that no caller will make."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...

    def abandon(self) -> None:
        """Never touch the connection again: it is the one of a parent process."""
        ...


class _Ticket:
    """A change that waits to be committed within so many seconds, and what came of it.

    `is_over` says that nobody waits for it any longer: one that no transaction has taken by then is left out.
    """

    __slots__ = ("change", "end", "future", "is_over", "lock", "outcome")

    def __init__(self, change: Change[Any], seconds: float) -> None:
        self.change = change
        self.end = time.monotonic() + seconds
        self.lock: threading.Lock | None = None
        self.future: asyncio.Future[None] | None = None
        self.is_over = False
        self.outcome: Any = _NONE

    @property
    def result(self) -> Any:
        """The result of the change. Raises what the change or the database raised, and LedgerFailed before either."""
        if self.outcome is _NONE:
            raise LedgerFailed("the ledger did not answer in time")
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


_NONE: Final = object()


def _complete(tickets: Sequence[_Ticket], outcomes: Sequence[Any]) -> None:
    """Wake up who waits: each thread, and each event loop once."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for ticket, outcome in zip(tickets, outcomes, strict=True):
        ticket.outcome = outcome
        if ticket.lock is not None:
            ticket.lock.release()
        elif ticket.future is not None:
            loops.setdefault(ticket.future.get_loop(), []).append(ticket.future)
    for loop, futures in loops.items():
        try:
            loop.call_soon_threadsafe(_wake, futures)
        except RuntimeError as closed:  # the loop has ended, and with it every task that waited
            pass_through(closed)


def _wake(futures: Sequence[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


class Writer(Guarded):
    """Commits changes for any number of threads and event loops. Each process has its own connection and thread.

    A caller that is alone commits in its own thread where `is_quick` says that the connection waits no longer than it
    may. A forked child neither uses nor closes what its parent opened.
    """

    def __init__(self, connect: Callable[[], Session], *, is_quick: bool) -> None:
        self._connect = connect
        self._is_quick = is_quick
        self._is_closed = False
        self._process: _Process | None = None
        super().__init__()  # from here on a fork in another thread finds it

    def commit(self, change: Change[Result], seconds: float) -> Result:
        """Make a change durable within so many seconds, and give its result. Raises LedgerFailed otherwise."""
        ticket = _Ticket(change, seconds)
        process = self._own()
        if not (self._is_quick and process.commit_alone(ticket)):
            lock = ticket.lock = threading.Lock()
            lock.acquire()
            try:
                process.queue(ticket)
                lock.acquire(timeout=max(ticket.end - time.monotonic(), 0.0))
            finally:
                ticket.is_over = True
        result: Result = ticket.result
        return result

    async def acommit(self, change: Change[Result], seconds: float) -> Result:
        """As `commit`, in the writer's thread."""
        import asyncio

        loop = asyncio.get_running_loop()
        ticket = _Ticket(change, seconds)
        future = ticket.future = loop.create_future()
        timer = loop.call_later(seconds, _wake, (future,))
        try:
            self._own().queue(ticket)
            await future
        finally:
            timer.cancel()
            ticket.is_over = True
        result: Result = ticket.result
        return result

    def post(self, change: Change[Any]) -> None:
        """Commit a change that nobody waits for."""
        self._own().queue(_Ticket(change, _SECONDS_FOR_NOBODY), may_wait=False)

    def close(self, seconds: float) -> None:
        """Commit what waits and what was left behind, and close the connection of this process.

        A later change has a connection of its own, which is closed after it.
        """
        with self._lock:
            self._is_closed = True
            process, self._process = self._process, None
        if process is not None:
            process.close(seconds)

    def _own(self) -> _Process:
        with self._lock:
            if self._process is None:
                self._process = _Process(self._connect(), keeps_open=not self._is_closed)
            return self._process

    def _before_fork(self) -> None:
        # SQLite has locks of its own in each process. One that a commit holds at a fork stays held in the child, where
        # no file of SQLite could be opened then.
        if self._is_quick and self._process is not None:
            self._process.pause()

    def _after_fork(self) -> None:
        if self._process is not None:
            self._process.resume()

    def _renew_lock(self) -> None:
        super()._renew_lock()
        process, self._process = self._process, None
        if process is not None:
            process.abandon()


class _Process:
    """What one process has of a writer. `keeps_open` says that the connection stays open between two commits."""

    def __init__(self, session: Session, *, keeps_open: bool) -> None:
        self._session = session
        self._keeps_open = keeps_open
        self._busy = threading.Lock()
        self._paused_by: int | None = None
        self._waiting: SimpleQueue[_Ticket | None] = SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._has_ended = False

    def commit_alone(self, ticket: _Ticket) -> bool:
        """Commit a change in the caller's thread, where nobody else commits or waits. False where somebody does."""
        if self._busy.locked() or not self._waiting.empty():
            return False
        with self._busy:
            self._commit([ticket])
            self._release()
        return True

    def queue(self, ticket: _Ticket, *, may_wait: bool = True) -> None:
        """Leave a change to the writer's thread. Where no thread can start, commit it here if the caller may wait."""
        self._waiting.put(ticket)
        if not self._has_thread() and may_wait:
            with self._busy:
                self._commit_waiting()
                self._release()

    def close(self, seconds: float) -> None:
        """Commit what waits and what was left behind, and close the connection: later, where a commit hangs."""
        if self._thread is None:
            self._end()
        else:
            self._waiting.put(None)
            self._thread.join(seconds)

    def _end(self) -> None:
        self._has_ended = True  # before the last look at what waits: a later caller commits by itself
        self._keeps_open = False
        with self._busy:
            self._commit_waiting()
            self._sweep()
            self._release()

    def pause(self) -> None:
        """Wait for the present commit, and let none begin until this thread says `resume`."""
        if self._busy.acquire(timeout=_SECONDS_FOR_NOBODY):
            self._paused_by = threading.get_ident()

    def resume(self) -> None:
        """Let commits begin again, where this thread has paused them."""
        if self._paused_by == threading.get_ident():
            self._paused_by = None
            self._busy.release()

    def abandon(self) -> None:
        """Leave all of it to the parent process."""
        self._session.abandon()

    def _has_thread(self) -> bool:
        if self._has_ended:
            return False
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    thread = threading.Thread(target=self._work, name="refundry ledger", daemon=True)
                    try:
                        thread.start()
                    except RuntimeError as error:  # the machine has no thread left, or the interpreter ends
                        pass_through(error)
                        return False
                    self._thread = thread
        return True

    def _work(self) -> None:
        """The writer's thread: commits whatever waits, until None comes."""
        has_failed = False
        while True:
            try:
                first = self._waiting.get(timeout=_SECONDS_BETWEEN_TRIES if has_failed else None)
            except Empty:
                first = None
                batch: list[_Ticket] = []
            else:
                if first is None:
                    return self._end()
                batch = self._batch((first,))
            with self._busy:
                if batch:
                    self._commit(batch)
                has_failed = not self._sweep()
                self._release()

    def _release(self) -> None:
        if not self._keeps_open:
            self._session.close()

    def _commit_waiting(self) -> None:
        while batch := self._batch(()):
            self._commit(batch)

    def _batch(self, first: Sequence[_Ticket]) -> list[_Ticket]:
        batch = [*first]
        while len(batch) < _MOST_AT_ONCE:
            try:
                ticket = self._waiting.get_nowait()
            except Empty:
                break
            if ticket is None:
                self._waiting.put(None)
                break
            batch.append(ticket)
        return batch

    def _commit(self, tickets: Sequence[_Ticket]) -> None:
        """Commit changes in one transaction, and complete their tickets."""
        tickets = [ticket for ticket in tickets if not ticket.is_over]
        if not tickets:
            return
        # The most patient caller decides how long the database may take: the others leave by themselves.
        seconds = max(ticket.end for ticket in tickets) - time.monotonic()
        try:
            results = self._session.apply([ticket.change for ticket in tickets], max(seconds, 0.0))
        except Exception as error:  # noqa: BLE001 (each caller raises it)
            pass_through(error)
            results = [error] * len(tickets)
        _complete(tickets, results)

    def _sweep(self) -> bool:
        """Make the changes that no caller will make. False where they have to be tried again."""
        changes = self._session.left_behind()
        if not changes:
            return True
        try:
            self._session.apply(changes, _SECONDS_FOR_NOBODY)
        except Exception as error:  # noqa: BLE001 (nobody waits for it; the lease ends by itself)
            pass_through(error)
            return False
        return True
