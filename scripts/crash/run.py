"""Runs workers, kills them at random moments and starts them again, until each reference has ended."""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

from refundry import LedgerEntry, RefundClient
from scripts.crash import provider, worker
from scripts.crash.deliveries import Deliveries
from scripts.crash.plan import Book, Kind, Setting, Wish, accounts, wishes
from scripts.crash.verdict import Verdict, judge

_SECONDS_TO_END: Final = 30.0
_SECONDS_BETWEEN_LOOKS: Final = 0.02
_SECONDS_BETWEEN_REPORTS: Final = 5.0
_LONGEST_CALL: Final = 0.05
"""After its last answer a worker is killed within so many seconds: at any moment of a call."""
# Its children begin with all modules loaded, so that a worker refunds a few milliseconds after its start. They open
# their own ledger: the process that they are forked from has none.
_PROCESSES: Final = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["scripts.crash.provider", "scripts.crash.worker", "psycopg", "sqlite3"])


class Stuck(Exception):
    """No reference has ended for too long, or a worker ended by itself."""


@dataclass(frozen=True, slots=True)
class Result:
    """A run: its verdict, how many workers were killed, how long it took, and how many references it had."""

    setting: Setting
    verdict: Verdict
    kills: int
    seconds: float

    @property
    def is_right(self) -> bool:
        """Whether every reference is accounted for."""
        return not self.verdict.stories


def run(setting: Setting, say: Callable[[str], None]) -> Result:
    """Refund, kill, and account for each reference. Raises Stuck where the run does not end."""
    wanted = wishes(setting.refunds, setting.seed)
    deliveries = Deliveries(wanted, setting.seed)
    started = time.monotonic()
    with _serving(wanted) as (base_url, books):
        # Making the first client makes the tables, so that no worker is killed while nothing else can go on.
        RefundClient(accounts(base_url), ledger=setting.ledger).close()
        kills = _Workers(setting, base_url, deliveries, say).run()
        seconds = time.monotonic() - started
        executed = books()
    with RefundClient(accounts(base_url), ledger=setting.ledger) as client:
        entries: dict[str, LedgerEntry | None] = {
            wish.reference: client.ledger.find(wish.provider, wish.reference) for wish in wanted
        }
    calls = [call for path in sorted(setting.folder.glob("told-*")) for call in worker.read_log(path)]
    return Result(setting, judge(wanted, executed, entries, calls), kills, seconds)


@contextmanager
def _serving(wanted: Sequence[Wish]) -> Iterator[tuple[str, Callable[[], dict[str, Book]]]]:
    """Run the providers within the block. Yields their address, and what ends them and gives what they have done."""
    with _started(provider.serve, wanted) as (_, connection):
        base_url = connection.recv()

        def books() -> dict[str, Book]:
            connection.send(None)
            found: dict[str, Book] = connection.recv()
            return found

        yield base_url, books


@contextmanager
def _started(target: Callable[..., None], *arguments: Any) -> Iterator[tuple[Any, Connection]]:
    """Run a process within the block, and kill it where it has not ended by then."""
    here, there = _PROCESSES.Pipe()
    process = _PROCESSES.Process(target=target, args=(*arguments, there))
    process.start()
    there.close()
    try:
        yield process, here
    finally:
        here.close()
        process.join(1.0)
        if process.exitcode is None:
            process.kill()
            process.join(_SECONDS_TO_END)


class _Workers:
    """The workers of a run. Each has a thread here that feeds it, kills it, and starts the next one in its place."""

    def __init__(self, setting: Setting, base_url: str, deliveries: Deliveries, say: Callable[[str], None]) -> None:
        self._setting = setting
        self._base_url = base_url
        self._deliveries = deliveries
        self._say = say
        self._failed = threading.Event()
        self._kills = [0] * setting.workers

    def run(self) -> int:
        """Run until each reference has ended. Gives the number of kills."""
        with ThreadPoolExecutor(self._setting.workers) as pool:
            running = [pool.submit(self._place, place) for place in range(self._setting.workers)]
            started, said = time.monotonic(), time.monotonic()
            while self._deliveries.left and not self._failed.is_set():
                self._failed.wait(0.1)
                now = time.monotonic()
                if now - self._deliveries.progressed_at > self._setting.seconds_without_progress:
                    self._failed.set()
                if now - said > _SECONDS_BETWEEN_REPORTS:
                    said = now
                    ended = self._setting.refunds - self._deliveries.left
                    self._say(
                        f"  {self._setting.name}: {ended:,} of {self._setting.refunds:,} references have ended, "
                        f"{sum(self._kills)} workers were killed, {now - started:.0f} s"
                    )
            for one in running:
                one.result()
        if self._deliveries.left:
            raise Stuck(
                f"{self._setting.name}: no reference has ended for {self._setting.seconds_without_progress:.0f} s, and "
                f"{self._deliveries.left} have not"
            )
        return sum(self._kills)

    def _place(self, place: int) -> None:
        """Run one worker after the other."""
        chance = random.Random(f"kills/{self._setting.seed}/{place}")
        kinds, number = self._setting.kinds, place
        try:
            while self._deliveries.left and not self._failed.is_set():
                self._one(place, number, kinds[number % len(kinds)], chance)
                number += 1
        except BaseException:
            self._failed.set()
            raise

    def _one(self, place: int, number: int, kind: Kind, chance: random.Random) -> None:
        """Run one worker until it is killed, or until all is done."""
        log = self._setting.folder / f"told-{place}-{number}.jsonl"
        outstanding: list[Wish] = []
        left = chance.expovariate(1 / self._setting.calls_between_kills)
        with _started(worker.work, self._setting, kind, self._base_url, log) as (process, connection):
            try:
                if not connection.poll(_SECONDS_TO_END):
                    raise Stuck(f"{self._setting.name}: worker {number} ({kind.value}) did not start")
                connection.recv()
                while self._deliveries.left and not self._failed.is_set():
                    # Once no reference is new, some wait for a lease: a kill then would only begin further leases.
                    if left <= 0 and self._deliveries.has_new:
                        time.sleep(chance.uniform(0, _LONGEST_CALL))
                        self._kills[place] += 1
                        process.kill()
                        process.join(_SECONDS_TO_END)
                        with suppress(EOFError, ConnectionError):  # what it has said before
                            self._take_answers(connection, outstanding)
                        return
                    for wish in self._deliveries.take(kind.at_once - len(outstanding)):
                        outstanding.append(wish)
                        connection.send(wish)
                    if connection.poll(_SECONDS_BETWEEN_LOOKS):
                        left -= self._take_answers(connection, outstanding)
                connection.send(None)
                self._take_the_last(process, connection, outstanding)
            except (EOFError, OSError) as gone:
                process.join(_SECONDS_TO_END)
                raise Stuck(
                    f"{self._setting.name}: worker {number} ({kind.value}) ended by itself, with exit code "
                    f"{process.exitcode}; what it printed says why"
                ) from gone
            finally:
                self._deliveries.give_back(outstanding)

    def _take_answers(self, connection: Connection, outstanding: list[Wish]) -> int:
        """Take what a worker has said so far. Gives how many answers it were."""
        count = 0
        while connection.poll(0):
            wish, told = connection.recv()
            outstanding.remove(wish)
            self._deliveries.told(wish, told)
            count += 1
        return count

    def _take_the_last(self, process: Any, connection: Connection, outstanding: list[Wish]) -> None:
        """Take what a worker says while it ends in order."""
        until = time.monotonic() + _SECONDS_TO_END
        with suppress(EOFError, ConnectionError):
            while process.exitcode is None and time.monotonic() < until:
                self._take_answers(connection, outstanding)
                process.join(_SECONDS_BETWEEN_LOOKS)
        process.join(_SECONDS_TO_END)
        if process.exitcode != 0:
            raise Stuck(f"{self._setting.name}: a worker that should end has the exit code {process.exitcode}")
