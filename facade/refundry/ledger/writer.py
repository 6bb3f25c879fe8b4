"""Commits the changes of a process to a database: those that wait together, in one transaction."""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from refundry.interruption import pass_through

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from refundry.ledger.changes import Change

Result = TypeVar("Result")

_MOST_AT_ONCE: Final = 256


class NotCommitted(Exception):
    """A change was not made, or may not have been: `maybe` says which. Its cause says why."""

    def __init__(self, text: str, *, maybe: bool = False) -> None:
        super().__init__(text)
        self.maybe = maybe


class Database(Protocol):
    """A connection to a database, which one thread uses at a time."""

    def apply(self, changes: Sequence[Change[Any]], seconds: float) -> list[Any]:
        """Make changes in one transaction. Gives for each its result, or the exception that it raised.

        Raises NotCommitted where none was made, or where that is not known.
        """
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class _Ticket(Future[Any]):
    """A change that waits to be committed within so many seconds."""

    def __init__(self, change: Change[Any], seconds: float) -> None:
        super().__init__()
        self.change = change
        self.seconds = seconds


class Writer:
    """Commits changes for any number of threads and event loops. Each process has its own connection and thread.

    A caller that is alone commits in its own thread. A forked child neither uses nor closes what its parent opened.
    """

    def __init__(self, connect: Callable[[], Database]) -> None:
        self._connect = connect
        self._processes: dict[int, _Process] = {}

    def commit(self, change: Change[Result], seconds: float) -> Result:
        """Make a change durable within so many seconds, and give its result. Raises NotCommitted otherwise."""
        process = self._own()
        ticket = _Ticket(change, seconds)
        if process.is_idle():
            process.commit([ticket])
        else:
            process.queue(ticket)
        try:
            result: Result = ticket.result(seconds)
        except TimeoutError as late:
            pass_through(late)
            raise _given_up(ticket) from None
        return result

    async def acommit(self, change: Change[Result], seconds: float) -> Result:
        """As `commit`, in the writer's thread."""
        import asyncio

        ticket = _Ticket(change, seconds)
        self._own().queue(ticket)
        try:
            async with asyncio.timeout(seconds):
                result: Result = await asyncio.wrap_future(ticket)
        except TimeoutError as late:
            pass_through(late)
            raise _given_up(ticket) from None
        return result

    def close(self) -> None:
        """Commit what waits, and close the connection of this process."""
        process = self._processes.pop(os.getpid(), None)
        if process is not None:
            process.close()

    def _own(self) -> _Process:
        pid = os.getpid()
        return self._processes.get(pid) or self._processes.setdefault(pid, _Process(self._connect))


class _Process:
    """What one process has of a writer."""

    def __init__(self, connect: Callable[[], Database]) -> None:
        self._connect = connect
        self._database: Database | None = None
        self._busy = threading.Lock()
        self._waiting: deque[_Ticket] = deque()
        self._arrived = threading.Semaphore(0)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = False

    def is_idle(self) -> bool:
        """Whether nobody else commits or waits."""
        return not self._waiting and not self._busy.locked()

    def queue(self, ticket: _Ticket) -> None:
        """Leave a change to the writer's thread; commit it here where no thread can start."""
        self._waiting.append(ticket)
        if self._has_thread():
            self._arrived.release()
        else:
            self._commit_waiting()

    def commit(self, tickets: Sequence[_Ticket]) -> None:
        """Commit changes in one transaction, and complete their tickets."""
        with self._busy:
            tickets = [ticket for ticket in tickets if ticket.set_running_or_notify_cancel()]
            if not tickets:
                return
            try:
                if self._database is None:
                    self._database = self._connect()
                seconds = min(ticket.seconds for ticket in tickets)
                results = self._database.apply([ticket.change for ticket in tickets], seconds)
            except Exception as error:  # noqa: BLE001 (each caller raises it)
                pass_through(error)
                results = [error] * len(tickets)
            for ticket, result in zip(tickets, results, strict=True):
                if isinstance(result, Exception):
                    ticket.set_exception(result)
                else:
                    ticket.set_result(result)

    def close(self) -> None:
        self._closing = True
        self._arrived.release()
        if self._thread is not None:
            self._thread.join()
        self._commit_waiting()
        with self._busy:
            if self._database is not None:
                self._database.close()

    def _has_thread(self) -> bool:
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    thread = threading.Thread(target=self._work, name="refundry ledger", daemon=True)
                    try:
                        thread.start()
                    except RuntimeError as error:  # the machine has no thread left
                        pass_through(error)
                        return False
                    self._thread = thread
        return True

    def _work(self) -> None:
        while not self._closing:
            self._arrived.acquire()
            self._commit_waiting()

    def _commit_waiting(self) -> None:
        while self._waiting:
            batch = []
            while self._waiting and len(batch) < _MOST_AT_ONCE:
                try:
                    batch.append(self._waiting.popleft())
                except IndexError as error:  # another thread took the last one
                    pass_through(error)
                    break
            self.commit(batch)


def _given_up(ticket: _Ticket) -> NotCommitted:
    maybe = not ticket.cancel()
    return NotCommitted("the ledger did not answer in time", maybe=maybe)
