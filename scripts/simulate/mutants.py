"""Each rule broken in turn, as scripts/model breaks them: an episode has to find it within so many refunds."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final, NamedTuple

from scripts.model.mutants import HARMLESS, Mutant, of_code, of_table
from scripts.simulate.run import Failure, Simulation, spare_the_collector

_AT_ONCE: Final = 25


class Verdict(NamedTuple):
    """What a mutant's name is, what the simulation says of it, and whether it ought to have been found."""

    name: str
    says: str
    is_missed: bool


def every() -> list[Mutant]:
    """All of them."""
    return [*of_code(), *of_table()]


def first_failure(mutant: Mutant, seed: int, refunds: int) -> tuple[Failure | None, int]:
    """The first episode that finds a mutant within so many refunds, and after how many of them."""
    simulation, called, first = Simulation(seed), 0, 0
    with mutant.broken:
        while called < refunds:
            totals = simulation.run(range(first, first + _AT_ONCE), stops=True)
            called += totals.calls
            first += _AT_ONCE
            if totals.failures:
                return totals.failures[0], called
    return None, called


def all_tried(seed: int, refunds: int, processes: int) -> Iterator[Verdict]:
    """Every mutant in turn, over several processes."""
    tasks = [(index, seed, refunds) for index in range(len(every()))]
    with ProcessPoolExecutor(processes, get_context("spawn"), spare_the_collector) as pool:
        yield from pool.map(_tried, tasks)


def _tried(task: tuple[int, int, int]) -> Verdict:
    index, seed, refunds = task
    mutant = every()[index]
    reason = HARMLESS.get(mutant.name)
    if reason is not None:
        return Verdict(mutant.name, f"not tried, for it cannot be found: {reason}", False)
    failure, called = first_failure(mutant, seed, refunds)
    if failure is not None:
        return Verdict(mutant.name, f"found after {called:,} refunds: {failure.promise}", False)
    return Verdict(mutant.name, "NOT FOUND", True)
