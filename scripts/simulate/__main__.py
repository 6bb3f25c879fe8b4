"""`python -m scripts.simulate`: refunds by the million under bad luck, and each rule broken in turn."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from typing import Final

from scripts.arguments import whole_number
from scripts.documentation import figures
from scripts.simulate import mutants
from scripts.simulate.run import Simulation, Totals, simulate
from tests.stateful import world

_STORIES: Final = 5
_SECONDS_BETWEEN_NEWS: Final = 15.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    if options.episode is not None:
        return _replay(options.seed, options.episode)
    if options.mutants:
        return _mutants(options)
    began = time.monotonic()
    totals = _run(options)
    lines = _table(totals, options, time.monotonic() - began)
    print(lines)
    if options.write is not None:
        figures.write(options.write, "nox -s simulate", f"```text\n{lines}\n```")
    for failure in totals.failures[:_STORIES]:
        print(f"\n{failure}\nAgain: python -m scripts.simulate --seed {failure.seed} --episode {failure.episode}")
    return 1 if totals.failures else 0


def _run(options: argparse.Namespace) -> Totals:
    totals, said_at = Totals(), time.monotonic()
    for part in simulate(options.seed, options.refunds, options.workers):
        totals.add(part)
        if time.monotonic() - said_at > _SECONDS_BETWEEN_NEWS:
            said_at = time.monotonic()
            print(f"{totals.calls:,} refunds, {len(totals.failures)} broken promises ...", file=sys.stderr, flush=True)
    return totals


def _table(totals: Totals, options: argparse.Namespace, seconds: float) -> str:
    happened = totals.happened
    twice, lost = totals.broken(world.PAID_ONCE), totals.broken(world.NONE_IS_LOST)
    rows = [
        ("seed", f"{options.seed}"),
        ("refunds", f"{totals.calls:,}, each a call of refund()"),
        ("references", f"{totals.references:,}, each delivered {totals.calls / totals.references:.1f} times"),
        ("episodes", f"{totals.episodes:,}"),
        ("executed", f"{happened['executes']:,}, of which {happened['ends failed']:,} failed afterwards"),
        ("bad luck", ", ".join(f"{happened[what]:,} {said}" for what, said in _LUCK.items())),
        ("executed twice", f"{twice:,}"),
        ("lost", f"{lost:,}"),
        ("other broken promises", f"{len(totals.failures) - twice - lost:,}"),
        ("digest", f"{totals.digest:016x}"),
        ("time", f"{seconds:.0f} s over {options.workers} processes, {totals.cpu_seconds:.0f} s of CPU"),
        ("CPU for a refund", f"{totals.cpu_seconds / totals.calls * 1000:.2f} ms"),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {value}" for name, value in rows)


_LUCK: Final = {
    "meets a fault": "provider's faults",
    "is lost": "lost requests",
    "is late": "late requests",
    "reply lost": "lost replies",
    "ledger in trouble": "faults of the ledger",
    "is killed": "killed workers",
    "is interrupted": "interrupted calls",
    "sleeps": "machines asleep",
    "is set": "clocks set",
    "starts again": "machines started again",
    "decides": "words of a person",
}


def _replay(seed: int, episode: int) -> int:
    failure, story = Simulation(seed).story(episode)
    print("\n".join(story) if failure is None else failure)
    return 0 if failure is None else 1


def _mutants(options: argparse.Namespace) -> int:
    missed = 0
    for name, verdict, is_missed in mutants.all_tried(options.seed, options.refunds, options.workers):
        missed += is_missed
        print(f"{name}: {verdict}", flush=True)
    print(f"{missed} were not found")
    return 1 if missed else 0


_count = whole_number(1_000_000_000)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.simulate",
        description="Refund under a virtual clock, with the flows and the ledger's changes of production at the "
        "sandbox. One seed decides the order of all that happens, and what goes wrong: lost and late requests, faults "
        "of provider and ledger, killed workers, machines that sleep or start again, clocks that are set, callbacks, "
        "questions, a person's word. Every promise is looked at whenever something happens.",
        epilog="Exit codes: 0 every promise holds, or each broken rule is found; 1 otherwise. What comes out depends "
        "on the seed and the number of refunds alone, and not on the number of processes.",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of every choice (default: 0)")
    parser.add_argument(
        "--refunds", type=_count, default=20_000, metavar="N", help="calls of refund() at the least (default: 20000)"
    )
    parser.add_argument(
        "--workers", type=_count, default=os.cpu_count() or 1, metavar="N", help="processes (default: as many as cores)"
    )
    parser.add_argument(
        "--episode", type=int, metavar="N", help="run this episode alone, and tell all that happens in it"
    )
    parser.add_argument(
        "--mutants", action="store_true", help="break each rule in turn: each has to be found within so many refunds"
    )
    figures.add_argument(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
