"""Runs the steps that a change has to pass, two at a time: `python -m scripts.ci`, which is what `nox -s ci` runs.

It needs nox alone. Each step is a session of the noxfile, with its output in .ci/NAME.log.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.files import ROOT

GROUPS: Final[tuple[tuple[str, ...], ...]] = (
    ("demo",),
    ("tests",),  # three processes by itself; its time limits want room
    ("lint", "workflows", "generate -- --check", "release -- --check", "wheel"),
    ("tests-3.12", "tests-3.13"),
    ("bench -- --quick",),  # beside nothing that would disturb it
)
"""Sessions with their arguments. Those of one group may run side by side; a group begins when the one before ended."""

_AT_A_TIME: Final = 2
_SECONDS_FOR_ALL: Final = 40 * 60
_SECONDS_TO_STOP: Final = 20
_SUMMARY: Final = re.compile(r"^.*\d+ passed.* in \d.*$", re.MULTILINE)


@dataclass
class Step:
    """One session that runs, in a process group of its own."""

    name: str
    log: Path
    process: subprocess.Popen[bytes]
    began: float

    def stop(self) -> None:
        """End it and what it has started: as Ctrl-C does, and by force where that does not end it in time."""
        for number in (signal.SIGINT, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_SECONDS_TO_STOP)


def names() -> list[str]:
    """Return the name of each step, in the order in which they begin."""
    return [command.split()[0] for group in GROUPS for command in group]


def run(groups: Sequence[Sequence[str]], nox: Sequence[str], logs: Path, seconds: float = _SECONDS_FOR_ALL) -> bool:
    """Run the steps, with this command for nox. Returns whether all passed; shows the log of each that did not.

    No step begins after one has failed. All together may take `seconds`.
    """
    deadline = time.monotonic() + seconds
    failed: list[Step] = []
    for group in groups:
        waiting = list(group)
        running: list[Step] = []
        try:
            while running or (waiting and not failed):
                while waiting and not failed and len(running) < _AT_A_TIME:
                    running.append(_started(waiting.pop(0), nox, logs))
                time.sleep(0.1)
                if time.monotonic() > deadline:
                    print(f"Not done after {seconds:.0f} s: {', '.join(step.name for step in running)}", flush=True)
                    failed += running
                    break
                for step in [step for step in running if step.process.poll() is not None]:
                    running.remove(step)
                    failed += [step] if _ended(step) else []
        finally:
            for step in running:
                step.stop()
    for step in failed:
        print(f"\n{step.name} did not pass:\n{step.log.read_text(encoding='utf-8', errors='replace')}", flush=True)
    return not failed


def _started(command: str, nox: Sequence[str], logs: Path) -> Step:
    name, *arguments = command.split()
    log = logs / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*nox, "-s", name, *arguments],
            cwd=ROOT,
            env={**os.environ, "CI": "true"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Step(name, log, process, time.monotonic())


def _ended(step: Step) -> int:
    code = step.process.wait()
    took = time.monotonic() - step.began
    print(f"{step.name:12} {'failed' if code else 'passed'} after {took:.0f} s", flush=True)
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.ci",
        description="Run the steps that a change has to pass, two at a time, each into .ci/NAME.log.",
        epilog="Exit codes: 0 all passed; 1 one did not; 2 wrong usage.",
    )
    parser.add_argument(
        "--without", nargs="+", default=[], choices=names(), metavar="STEP", help="steps that have passed already"
    )
    parser.add_argument("--list", action="store_true", help="print the steps, and run none")
    options = parser.parse_args(arguments)
    groups = [[one for one in group if one.split()[0] not in options.without] for group in GROUPS]
    if options.list:
        print("\n".join(f"nox -s {one}" for group in groups for one in group))
        return 0
    logs = ROOT / ".ci"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that the steps are ended, too
    passed = run(groups, (sys.executable, "-m", "nox"), logs)
    for log in sorted(logs.glob("tests*.log")):
        for line in _SUMMARY.findall(log.read_text(encoding="utf-8", errors="replace")):
            print(f"{log.stem:12} {line}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
