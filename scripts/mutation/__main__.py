"""Tries every mutant, and holds the survivors to the list of those that may survive."""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from scripts.documentation import figures
from scripts.mutation import scope
from scripts.mutation.children import Project
from scripts.mutation.run import Run, Verdict

SURVIVORS: Final = Path(__file__).with_name("survivors.toml")
LEAST_KILLED: Final = 0.9


def main(
    arguments: Sequence[str] | None = None,
    project: Project = scope.PROJECT,
    modules: Sequence[str] = scope.MODULES,
    survivors: Path = SURVIVORS,
) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.mutation",
        description="Change one thing at a time in the modules that decide about money, and see that a test fails. "
        "Each mutant meets the tests that run its line, or that use the table which it is in; first those that run "
        "little besides its module.",
        epilog=f"Exit codes: 0 {LEAST_KILLED:.0%} are killed, and the survivors are those of survivors.toml; 1 not so; "
        "2 wrong usage. Verdicts are in .mutation/results.jsonl, with the test that found each mutant.",
    )
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as money or ledger.rules; all by default")
    parser.add_argument("--continue", action="store_true", dest="goes_on", help="keep the verdicts of an earlier run")
    parser.add_argument("--survivors", action="store_true", help="keep them, and try its survivors with new tests")
    parser.add_argument("--processes", type=int, default=2, help="mutants that are tried at once")
    parser.add_argument("--seconds-each", type=float, default=20.0, help="of its tests, in seconds of a processor")
    parser.add_argument(
        "--tests",
        action="append",
        metavar="PATH",
        help="tests to try, such as one file that is being written; repeat it",
    )
    figures.add_argument(parser)
    options = parser.parse_args(arguments)
    if unknown := {*options.modules} - {*modules}:
        parser.error(f"not mutated: {', '.join(sorted(unknown))}; choose from {', '.join(modules)}")
    if options.tests:
        project = replace(project, tests=tuple(options.tests))
    run = Run(project, options.modules or modules, options.seconds_each)
    known = run.known() if options.goes_on or options.survivors else {}
    if options.survivors:
        known = {name: one for name, one in known.items() if not one.survived}
    verdicts = run.all(options.processes, known, measure=not options.goes_on)
    files = [f"{module.replace('.', '/')}.py" for module in options.modules or modules]
    table = _table(files, verdicts)
    print(table)
    if options.write:
        figures.write(options.write, "nox -s mutation", f"```text\n{table}\n```")
    return 0 if _is_accounted_for(verdicts, _listed(survivors), files) and _killed(verdicts) >= LEAST_KILLED else 1


def _listed(path: Path) -> dict[str, str]:
    """The mutants that may survive, each with its reason."""
    listed: dict[str, str] = {}
    for group in tomllib.loads(path.read_text(encoding="utf-8")).get("group", ()):
        if not group["reason"].strip():
            raise SystemExit(f"error: {path}: a group has no reason")
        for mutant in group["mutants"]:
            if mutant in listed:
                raise SystemExit(f"error: {path}: listed twice: {mutant}")
            listed[mutant] = group["reason"]
    return listed


def _is_accounted_for(verdicts: Mapping[str, Verdict], listed: Mapping[str, str], files: Sequence[str]) -> bool:
    """Whether the survivors are those that are listed. Says which are not."""
    survived = {name for name, one in verdicts.items() if one.survived}
    faults = [f"SURVIVED, and is not listed: {name}" for name in sorted(survived - listed.keys())]
    for name in sorted(name for name in listed.keys() - survived if name.partition(":")[0] in files):
        found = verdicts.get(name)
        faults.append(f"LISTED, but found by {found.by}: {name}" if found else f"LISTED, but no longer made: {name}")
    print("\n".join(faults) or "Each survivor is listed with its reason.")
    return not faults


def _killed(verdicts: Mapping[str, Verdict]) -> float:
    return sum(not one.survived for one in verdicts.values()) / max(1, len(verdicts))


def _table(files: Sequence[str], verdicts: Mapping[str, Verdict]) -> str:
    """How many mutants of each file were killed, and the seconds of their trials."""
    rows = []
    for name, chosen in [*((file, (file,)) for file in files), ("all", tuple(files))]:
        some = {key: one for key, one in verdicts.items() if key.partition(":")[0] in chosen}
        survived = sum(one.survived for one in some.values())
        seconds = sum(one.seconds for one in some.values())
        counts = f"{len(some):8,} {len(some) - survived:8,} {survived:10,} {_killed(some):8.1%} {seconds:9,.0f}"
        rows.append(f"{name:26} {counts}")
    names = f"{'mutants':>8} {'killed':>8} {'survived':>10} {'killed':>8} {'seconds':>9}"
    return "\n".join((f"{'module':26} {names}", *rows))


if __name__ == "__main__":
    sys.exit(main())
