"""Walks every interleaving of two or three calls, and breaks each rule in turn."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from scripts.documentation import figures
from scripts.model import mutants
from scripts.model.scopes import AT_LENGTH, THREE_WORKERS, TWO_WORKERS
from scripts.model.walk import Found, Scope, Walk


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the walks; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.model",
        description="Walk breadth first over all that calls for one reference can meet: lost replies, crashes, "
        "leases that end, callbacks, faults of the ledger, a person's word. The calls are the flows of production, and "
        "every promise is looked at in every state.",
        epilog="Exit codes: 0 no promise breaks, and each broken rule is found; 1 otherwise.",
    )
    parser.add_argument("--workers", type=int, choices=(2, 3), default=2, help="calls that are under way at once")
    parser.add_argument("--most", type=int, default=200_000, help="states of a walk of three workers at the most")
    parser.add_argument("--long", action="store_true", help="walk the larger scopes too")
    parser.add_argument("--mutants", action="store_true", help="break each rule in turn, in place of the walks")
    figures.add_argument(parser)
    options = parser.parse_args(arguments)
    if options.mutants:
        return 0 if _mutants() else 1
    scopes = THREE_WORKERS if options.workers == 3 else (*TWO_WORKERS, *(AT_LENGTH if options.long else ()))
    most = options.most if options.workers == 3 or options.long else None
    walked = [_walked(scope, most) for scope in scopes]
    if options.write:
        lines = "\n".join(line for _, line in walked)
        figures.write(options.write, "nox -s model", f"```\n{lines}\n```")
    return 0 if all(held for held, _ in walked) else 1


def _walked(scope: Scope, most: int | None) -> tuple[bool, str]:
    began = time.monotonic()
    found = Walk(scope).run(most)
    extent = "all of them" if found.is_whole else f"all within {found.depth - 1} steps"
    if found.broken is not None:
        extent = "until a promise broke"
    seconds = time.monotonic() - began
    line = f"{scope.name}: {found.states:,} states, {found.edges:,} edges, {extent}"
    print(f"{line}, {seconds:.0f} s", flush=True)
    _tell(found)
    return found.broken is None, line


def _tell(found: Found) -> None:
    if found.broken is not None:
        print(f"BROKEN: {found.broken}")
        for number, sentence in enumerate(found.story, 1):
            print(f"  {number}. {sentence}")


def _mutants() -> bool:
    scopes = mutants.smallest_first((*TWO_WORKERS, THREE_WORKERS[0]))
    read = {one.name: mutants.cells_read(one) for one in scopes}
    every = set().union(*read.values())
    missed = 0
    for verdict in mutants.all_tried((*mutants.of_code(), *mutants.of_table()), scopes, read):
        mutant = verdict.mutant
        if mutant.cell is not None and mutant.cell not in every:
            answer = "no call reads this cell"
        elif verdict.by:
            steps = "" if verdict.found is None else f", in {len(verdict.found.story)} steps"
            answer = f"found: {verdict.by} ({verdict.scope}{steps})"
        elif mutant.name in mutants.HARMLESS:
            answer = f"cannot be found: {mutants.HARMLESS[mutant.name]}"
        else:
            answer = "NOT FOUND"
            missed += 1
        print(f"{mutant.name}: {answer}", flush=True)
    print(f"{missed} were not found")
    return missed == 0


if __name__ == "__main__":
    sys.exit(main())
