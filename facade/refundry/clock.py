"""Points in time, as a process has to measure them that waits on a clock which is not its own."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic, time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time, on the wall clock (seconds since 1970) and on the monotonic clock of this machine."""

    wall: float
    monotonic: float

    def seconds_ago(self) -> float:
        """For how many seconds it is past at the least favourable reading, the larger of both clocks.

        The monotonic clock stands still while a machine sleeps, and the wall clock may be set back.
        """
        return max(time() - self.wall, monotonic() - self.monotonic)


def now() -> Moment:
    """This moment."""
    return Moment(time(), monotonic())


def in_seconds(seconds: float) -> datetime:
    """The wall time so many seconds from now, in UTC."""
    return utc(time() + seconds)


def utc(wall: float) -> datetime:
    """A wall time as a datetime in UTC."""
    from datetime import UTC, datetime  # only needed where a time is told

    return datetime.fromtimestamp(wall, UTC)
