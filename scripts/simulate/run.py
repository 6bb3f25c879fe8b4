"""Many episodes, over as many processes as there are cores. What comes out depends on the seed alone."""

from __future__ import annotations

import gc
import logging
import time
import traceback
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, islice
from multiprocessing import get_context
from typing import Final

from scripts.simulate.chance import ORDERS
from scripts.simulate.ending import finish
from scripts.simulate.episode import Episode
from scripts.simulate.machines import Stuck
from scripts.simulate.promises import PromiseBroken
from scripts.simulate.provider import Providers
from scripts.simulate.story import Story
from scripts.simulate.worker import simulated

_AT_ONCE: Final = 50
_UNEXPECTED: Final = "no code raises what nobody expects"


@dataclass(frozen=True)
class Failure:
    """An episode in which a promise breaks."""

    seed: int
    episode: int
    refund: int
    promise: str
    story: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = "\n".join(self.story)
        return f"BROKEN in episode {self.episode} (refund {self.refund}) of seed {self.seed}: {self.promise}\n{lines}"


@dataclass
class Totals:
    """What came of some episodes. `digest` is the same whatever the order in which they ran.

    `calls` are those of refund(), and `happened` counts what befell them.
    """

    episodes: int = 0
    calls: int = 0
    digest: int = 0
    cpu_seconds: float = 0.0
    happened: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    @property
    def references(self) -> int:
        """How many refunds somebody intended."""
        return self.episodes * ORDERS

    def broken(self, promise: str) -> int:
        """How many failures are about this promise."""
        return sum(failure.promise == promise for failure in self.failures)

    def add(self, other: Totals) -> None:
        """Add those of other episodes."""
        self.episodes += other.episodes
        self.calls += other.calls
        self.digest = (self.digest + other.digest) % 2**64
        self.cpu_seconds += other.cpu_seconds
        self.happened += other.happened
        self.failures += other.failures


class Simulation:
    """Runs episodes in this process, one after the other."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._providers = Providers()

    def run(self, numbers: Sequence[int], *, stops: bool = False) -> Totals:
        """Run these episodes. `stops` at the first failure."""
        totals, began = Totals(), time.process_time()
        with _quiet(), simulated():
            for number in numbers:
                self._one(number, totals)
                if stops and totals.failures:
                    break
        totals.cpu_seconds = time.process_time() - began
        return totals

    def story(self, number: int) -> tuple[Failure | None, tuple[str, ...]]:
        """The failure of an episode, if it has one, and all that happens in it."""
        story = Story()
        with _quiet(), simulated():
            failure = self._failure(number, story, Totals())
        return failure, tuple(story.of(None))

    def _one(self, number: int, totals: Totals) -> None:
        story = Story()
        failure = self._failure(number, story, totals)
        totals.episodes += 1
        totals.digest = (totals.digest + story.digest()) % 2**64
        totals.happened.update(story.counted)
        if failure is not None:
            totals.failures.append(failure)

    def _failure(self, number: int, story: Story, totals: Totals) -> Failure | None:
        episode = Episode(self._providers, self.seed, number, story)
        first = number * ORDERS
        try:
            episode.run()
            finish(episode)
        except PromiseBroken as broken:
            told = tuple(story.of(broken.order))
            why = () if broken.__cause__ is None else (f"{type(broken.__cause__).__name__}: {broken.__cause__}",)
            refund = first + broken.order.number
            return Failure(self.seed, number, refund, broken.promise, (*told, *why))
        except Stuck as stuck:
            return Failure(self.seed, number, first + 1, str(stuck), tuple(story.of(None)))
        except Exception as error:  # noqa: BLE001 (the seed and the episode of it must not get lost)
            told = (*story.of(None), *traceback.format_exception(error))
            return Failure(self.seed, number, first + 1, f"{_UNEXPECTED}: {type(error).__name__}", told)
        finally:
            totals.calls += episode.refund_calls
        return None


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what refundry logs: an episode has more deviations than anybody reads."""
    log = logging.getLogger("refundry")
    before = log.disabled
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = before


def spare_the_collector() -> None:
    """Let the garbage collector of this process run seldom: at its own pace it takes an eighth of the time."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def simulate(seed: int, refunds: int, processes: int) -> Iterator[Totals]:
    """Run episodes until so many refunds are called for. Gives the totals of each part, in its order."""
    parts = (range(first, first + _AT_ONCE) for first in count(0, _AT_ONCE))
    called = 0
    with ProcessPoolExecutor(processes, get_context("spawn"), _prepare, (seed,)) as pool:
        running = deque(pool.submit(_run, part) for part in islice(parts, 2 * processes))
        while called < refunds:
            totals = running.popleft().result()
            called += totals.calls
            running.append(pool.submit(_run, next(parts)))
            yield totals
        pool.shutdown(cancel_futures=True)


_simulations: list[Simulation] = []


def _prepare(seed: int) -> None:
    _simulations.append(Simulation(seed))
    spare_the_collector()


def _run(part: range) -> Totals:
    return _simulations[0].run(part)
