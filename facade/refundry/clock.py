"""Time and chance. The core reads both through one object, so that a simulation can stand in for them."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


def _uniform(low: float, high: float) -> float:
    from random import uniform  # slow to import, and only a wait needs it

    return uniform(low, high)


def _boot() -> float:
    """Linux alone has the clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


_boot_ids: list[str] = []


def _boot_id() -> str:
    """Linux alone has it. It stays the same for as long as the process lives."""
    if not _boot_ids:
        try:
            with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123 (pathlib is slow to import)
                _boot_ids.append(file.read().strip())
        except OSError:
            _boot_ids.append("")
    return _boot_ids[0]


class Clock:
    """The clocks of a machine, in seconds, and its randomness.

    `monotonic` measures how long something takes. `boot` counts from the start of the machine, also while it sleeps,
    where the system has such a clock; elsewhere it is `monotonic`. `wall` counts from 1970, and a person may set it
    back. `boot_id` names the start of the machine that `boot` counts from, "" where the system does not say it.
    `uniform` draws a number between two others.
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        boot: Callable[[], float] = _boot,
        wall: Callable[[], float] = time.time,
        uniform: Callable[[float, float], float] = _uniform,
        boot_id: Callable[[], str] = _boot_id,
    ) -> None:
        self.monotonic = monotonic
        self.boot = boot
        self.wall = wall
        self.uniform = uniform
        self.boot_id = boot_id

    def instant(self) -> Instant:
        """The present point in time."""
        return Instant(self.wall(), self.boot(), self.boot_id())


SYSTEM = Clock()
"""The clocks of this machine."""


class Instant:
    """A point in time, as it can be stored: by the wall clock, and by the boot clock of one start of the machine."""

    __slots__ = ("boot", "boot_id", "wall")

    def __init__(self, wall: float, boot: float, boot_id: str) -> None:
        self.wall: float = wall
        self.boot: float = boot
        self.boot_id: str = boot_id

    def plus(self, seconds: float) -> Instant:
        """The point so many seconds later."""
        return Instant(self.wall + seconds, self.boot + seconds, self.boot_id)

    def age(self, now: Instant) -> float:
        """The seconds since then, by the clock that counted more of them; never less than none."""
        by_boot = now.boot - self.boot if now.boot_id == self.boot_id else 0.0
        return max(now.wall - self.wall, by_boot, 0.0)

    def left(self, now: Instant) -> float:
        """The seconds until then, by the clock that leaves fewer. After another start of the machine none is left."""
        return min(self.wall - now.wall, self.boot - now.boot) if now.boot_id == self.boot_id else 0.0


class Moment:
    """A point in time, by two clocks of this machine. It is `age` seconds old at first."""

    __slots__ = ("boot", "clock", "wall")

    def __init__(self, clock: Clock, age: float = 0.0) -> None:
        self.clock: Clock = clock
        self.wall: float = clock.wall() - age
        self.boot: float = clock.boot() - age

    def age(self) -> float:
        """The seconds since then, by the clock that counted more of them: the wall clock may have been set back."""
        return max(self.clock.wall() - self.wall, self.clock.boot() - self.boot)


class Deadline:
    """A wall time at which something ends. It is over once either clock of this machine says so.

    The wall clock may be set back, so the deadline is also kept by the boot clock. Another process reads the boot
    clock again when it unpickles the deadline. Raises ValueError for a time without a time zone.
    """

    __slots__ = ("_boot", "_clock", "moment")

    def __init__(self, moment: datetime, clock: Clock = SYSTEM) -> None:
        self.moment: datetime = in_utc(moment)
        self._clock = clock
        self._boot = clock.boot() + moment.timestamp() - clock.wall()

    def is_over(self) -> bool:
        """Whether the time has come."""
        return self._clock.wall() >= self.moment.timestamp() or self._clock.boot() >= self._boot

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Deadline) and self.moment == other.moment

    def __hash__(self) -> int:
        return hash(self.moment)

    def __copy__(self) -> Deadline:
        return self

    def __deepcopy__(self, _: object) -> Deadline:
        return self

    def __reduce__(self) -> tuple[type[Deadline], tuple[datetime]]:
        return Deadline, (self.moment,)


def utc(wall: float) -> datetime:
    """A wall time as a datetime in UTC."""
    from datetime import UTC, datetime  # only an error or a refund needs it

    return datetime.fromtimestamp(wall, UTC)


def in_utc(moment: datetime) -> datetime:
    """The same time in UTC. Raises ValueError for a time without a time zone."""
    from datetime import UTC

    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone, as datetime.now(UTC) has")
    return moment.astimezone(UTC)
