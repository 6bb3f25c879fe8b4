"""Virtual time: one schedule for the world, and machines whose clocks go by it."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Final

from refundry.clock import Clock, Instant

if TYPE_CHECKING:
    from collections.abc import Callable

    from scripts.simulate.chance import Chance

NOON: Final = 1_800_000_000.0
_MOST_EVENTS: Final = 20_000
_LEAST_SECONDS: Final = 1e-6
"""A shorter wait might not move the clock at all: adding it to the time may change no digit."""


class Stuck(Exception):
    """An episode does not end."""


class Schedule:
    """What is to happen, by its time in seconds. Nothing happens by itself, and nothing at the same moment."""

    def __init__(self) -> None:
        self.now = 0.0
        self._waiting: list[tuple[float, int, Machine | None, Callable[..., None], tuple[Any, ...]]] = []
        self._number = 0

    def after(self, seconds: float, machine: Machine | None, what: Callable[..., None], *arguments: Any) -> None:
        """Let it happen so many seconds from now: later where the machine sleeps then, for nothing runs on it."""
        self._number += 1
        at = self.now + (max(seconds, _LEAST_SECONDS) if seconds > 0.0 else 0.0)
        heappush(self._waiting, (at, self._number, machine, what, arguments))

    def run(self) -> None:
        """Let everything happen. Raises Stuck where it does not end."""
        waiting = self._waiting
        while waiting:
            at, _, machine, what, arguments = heappop(waiting)
            if machine is not None and machine.asleep_until > at:
                self._number += 1
                heappush(waiting, (machine.asleep_until, self._number, machine, what, arguments))
                continue
            self.now = at
            if self._number > _MOST_EVENTS:
                raise Stuck(f"more than {_MOST_EVENTS} events")
            what(*arguments)

    def wall(self) -> float:
        """The right time, in seconds since 1970."""
        return NOON + self.now

    def of_server(self) -> Instant:
        """The time of a database server, which has a clock of its own and no other one beside it."""
        return Instant(NOON + self.now, NOON + self.now, "server")


class Machine:
    """A machine with its clocks. While it sleeps, `monotonic` stands still, and nothing runs on it."""

    def __init__(self, number: int, schedule: Schedule, chance: Chance) -> None:
        self.name = f"machine {number}"
        self.asleep_until = 0.0
        self.ahead = chance.between(-2.0, 2.0)
        """By how much its wall clock is wrong."""
        self._schedule = schedule
        self._slept = 0.0
        self._started = -chance.between(100.0, 100_000.0)
        self._starts = 1
        self.clock = Clock(
            monotonic=lambda: schedule.now - self._slept,
            boot=lambda: schedule.now - self._started,
            wall=lambda: NOON + schedule.now + self.ahead,
            uniform=chance.between,
            boot_id=lambda: f"machine {number}, start {self._starts}",
        )

    def sleep(self, seconds: float) -> None:
        """Sleep from now on."""
        self.asleep_until = self._schedule.now + seconds
        self._slept += seconds

    def start_again(self, seconds: float) -> None:
        """Start again, which takes so many seconds. All that ran on it is gone."""
        self._starts += 1
        self._started = self.asleep_until = self._schedule.now + seconds
