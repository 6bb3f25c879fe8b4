"""The figures of a run, which are ratios of measurements taken side by side, and the targets for them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Spread:
    """The values of one figure, one for each round: their median, quartiles and extremes."""

    low: float
    first: float
    median: float
    third: float
    high: float
    rounds: int


def spread(values: Sequence[float]) -> Spread:
    """The spread of one or more values. Raises ValueError for none."""
    if not values:
        raise ValueError("there is no spread of no values")
    first, median, third = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [*values] * 3
    return Spread(min(values), first, median, third, max(values), len(values))


def paired(measured: Sequence[float], against: Sequence[float]) -> Spread:
    """The spread of the ratios of two measurements, each within its round, so that a slow round slows down both.

    Raises ValueError where one has more rounds than the other.
    """
    return spread([one / other for one, other in zip(measured, against, strict=True)])


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on the median of a figure."""

    figure: str
    meaning: str
    bound: Literal["at most", "at least"]
    limit: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a target was met. `value` is the median of its figure, None where the figure was left out."""

    target: Target
    value: float | None

    @property
    def met(self) -> bool | None:
        """None where the figure was left out."""
        if self.value is None:
            return None
        return self.value <= self.target.limit if self.target.bound == "at most" else self.value >= self.target.limit

    @property
    def word(self) -> str:
        """The verdict as it is printed."""
        return {True: "met", False: "MISSED", None: "not measured"}[self.met]


TARGETS = (
    Target("sync refund", "CPU of a sync refund, of httpx called by hand", "at most", 0.35),
    Target("refund over floor", "CPU of a sync refund, of the floor", "at most", 3.0),
    Target("new connection", "CPU of a sync refund on a new TLS connection, of httpx", "at most", 0.8),
    Target("loop held", "milliseconds that the loop is held while 64 start cold over TLS", "at most", 50.0),
    Target("lookup among many", "CPU of a lookup with many references known, of one with 10", "at most", 1.1),
    Target("bytes of a reference", "bytes that a reference takes in memory", "at most", 700.0),
    Target("SQLite rate", "refunds a second by 64 tasks with SQLite, of without", "at least", 0.5),
    Target("loop held, SQLite", "milliseconds that 64 tasks with SQLite hold the loop", "at most", 50.0),
    Target("loop held, PostgreSQL", "milliseconds that 64 tasks with PostgreSQL hold it", "at most", 50.0),
    Target("import refundry", "CPU of `import refundry`, of `import httpx`", "at most", 0.05),
    Target("import names", "CPU of importing the names for a refund, of `import httpx`", "at most", 0.2),
    Target("first refund", "time from process start to first refund, of the httpx script", "at most", 0.8),
    Target("async over httpx", "throughput at 64 at once, of httpx.AsyncClient", "at least", 15.0),
    Target("async over aiohttp", "throughput at 64 at once, of bare aiohttp", "at least", 0.9),
    Target("regenerate", "time to write all packages, of one bare generator run", "at most", 1.5),
    Target("slice", "time to generate three operations of 600, of the three alone", "at most", 1.5),
    Target("ingest", "seconds to take in a document of 3 MB with chosen operations", "at most", 30.0),
)


def judge(figures: Mapping[str, Spread], targets: Iterable[Target] = TARGETS) -> list[Verdict]:
    """Hold the figures to the targets."""
    return [Verdict(target, figures[target.figure].median if target.figure in figures else None) for target in targets]


def table(verdicts: Sequence[Verdict]) -> str:
    """The verdicts, one on each line, and a sentence that counts them."""
    width = max(len(verdict.target.meaning) for verdict in verdicts)
    lines = [
        f"{verdict.target.meaning:{width}}  {verdict.target.bound} {verdict.target.limit:6.2f}  "
        f"{'-' if verdict.value is None else f'{verdict.value:z.3f}':>7}  {verdict.word}"
        for verdict in verdicts
    ]
    return "\n".join([*lines, "", _sentence(verdicts)])


def _sentence(verdicts: Sequence[Verdict]) -> str:
    missed = [verdict.target.figure for verdict in verdicts if verdict.met is False]
    absent = [verdict.target.figure for verdict in verdicts if verdict.met is None]
    met = len(verdicts) - len(missed) - len(absent)
    parts = [f"{met} of {len(verdicts)} targets are met."]
    if missed:
        parts.append(f"MISSED: {', '.join(missed)}.")
    if absent:
        parts.append(f"Not measured: {', '.join(absent)}.")
    return " ".join(parts)
