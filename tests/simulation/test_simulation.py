"""Simulated refunds hold every promise; a seed decides all that happens, and each failure can be had again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Final

import pytest

from refundry.ledger.rules import TABLE, Answer, Event, State, Step
from scripts.model.mutants import Mutant
from scripts.simulate import mutants
from scripts.simulate.__main__ import main
from scripts.simulate.run import Failure, Simulation, simulate
from tests.generation.generated_support import ROOT
from tests.stateful import world

REFUNDS: Final = 20_000
QUICK: Final = {
    "the intent before the first byte": 1_000,
    "a lease that is over leaves it unknown": 2_000,
    "a lost attempt is not counted": 3_000,
    "the look at the token before an outcome is written": 3_000,
    "UNKNOWN + RESERVED -> FREE, send": 2_000,
    "ACCEPTED + RESERVED -> FREE, send": 2_000,
}
"""Broken rules, and within how many refunds of seed 0 each is found."""


def test_twenty_thousand_refunds_hold_every_promise() -> None:
    calls, failures, happened = 0, list[Failure](), set[str]()
    for totals in simulate(0, REFUNDS, os.cpu_count() or 1):
        calls += totals.calls
        failures += totals.failures
        happened |= totals.happened.keys()
    assert not failures, "\n".join(map(str, failures[:3]))
    assert calls >= REFUNDS
    assert happened >= {"is killed", "is interrupted", "sleeps", "is set", "starts again", "is late", "decides"}


def test_the_same_seed_gives_the_same_whatever_the_number_of_processes() -> None:
    one, two = ([totals.digest for totals in simulate(7, 100, processes)] for processes in (1, 2))
    assert one == two
    assert one[0] != Simulation(8).run(range(50)).digest


@pytest.mark.parametrize("hash_seed", ["0", "1", "4711"])
def test_the_same_seed_gives_the_same_in_a_process_with_other_hashes(hash_seed: str) -> None:
    code = "from scripts.simulate.run import Simulation; print(Simulation(3).run(range(12)).digest)"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    assert int(told.stdout) == Simulation(3).run(range(12)).digest


def test_an_episode_gives_the_same_alone_as_among_others() -> None:
    simulation = Simulation(0)
    among_others = [simulation.run([number]).digest for number in (0, 1, 2)]
    assert Simulation(0).run([2]).digest == among_others[2]
    assert sum(among_others) % 2**64 == simulation.run([2, 0, 1]).digest


def by_name(name: str) -> Mutant:
    (found,) = (one for one in mutants.every() if one.name == name)
    return found


@pytest.mark.parametrize("name", QUICK)
def test_a_rule_that_is_broken_is_found(name: str) -> None:
    failure, called = mutants.first_failure(by_name(name), 0, QUICK[name])
    assert failure is not None, called


def test_a_failure_is_a_story_and_its_episode_gives_it_again() -> None:
    mutant = by_name("UNKNOWN + RESERVED -> FREE, send")
    failure, _ = mutants.first_failure(mutant, 0, REFUNDS)
    assert failure is not None
    assert failure.promise in (world.PAID_ONCE, world.FREE_IS_FREE, world.NO_FALSE_FAILURE)
    assert re.search(r"the provider has executed \w+ for refund \d+", "\n".join(failure.story))
    with mutant.broken:
        again, _ = Simulation(0).story(failure.episode)
    assert again == failure
    sound, _ = Simulation(0).story(failure.episode)
    assert sound is None


def test_the_command_prints_the_seed_and_how_to_have_a_failure_again(capsys: pytest.CaptureFixture[str]) -> None:
    with by_name("the intent before the first byte").broken:
        failure = Simulation(5).run(range(10), stops=True).failures[0]
        assert main(["--seed", "5", "--episode", str(failure.episode)]) == 1
    printed = capsys.readouterr().out
    assert f"BROKEN in episode {failure.episode} (refund {failure.refund}) of seed 5" in printed
    assert main(["--seed", "5", "--episode", "0"]) == 0
    assert "begins in worker" in capsys.readouterr().out


def test_the_table_is_whole_again_after_a_mutant() -> None:
    mutants.first_failure(by_name("ACCEPTED + RESERVED -> FREE, send"), 0, 100)
    assert TABLE[State.ACCEPTED][Event.RESERVED] == Step(State.ACCEPTED, Answer.REPLAY)
