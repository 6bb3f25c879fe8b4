"""Fuzzes the targets one after the other, and replays an input."""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.documentation import figures
from scripts.files import ROOT
from scripts.fuzz.target import Target, run
from scripts.fuzz.targets import TARGETS

FOUND: Final = ROOT / "build" / "fuzz"
_EXECUTIONS: Final = re.compile(r"^stat::number_of_executed_units:\s*(\d+)", re.MULTILINE)
_FEATURES: Final = re.compile(r" cov: (\d+) ft: (\d+)")
_INPUT: Final = re.compile(r"Test unit written to (\S+)")
_SECONDS_TO_BEGIN: Final = 600


@dataclass(frozen=True)
class Ran:
    """What one run of a target did."""

    name: str
    executions: int
    seconds: float
    covered_at_first: int
    covered: int
    found: tuple[str, ...]

    def line(self) -> str:
        """Return the figures."""
        new = self.covered - self.covered_at_first
        return (
            f"{self.name:8} {self.executions:>9,} inputs in {self.seconds:,.0f} s, {self.covered:,} branches, "
            f"{new:,} of them not reached by the seeds, {len(self.found)} promises broken"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.fuzz",
        description="Search for an input that breaks a promise of a reader, guided by the branches that each reaches: "
        "replies of providers, callbacks, pages with a contract, HTTP. A found input is written to build/fuzz.",
        epilog="Exit codes: 0 no promise broke; 1 one did, with a line that repeats it; 2 atheris is missing.",
    )
    parser.add_argument("--seconds", type=int, default=60, help="how long each target runs; default: 60")
    parser.add_argument("--target", choices=TARGETS, action="append", help="this target alone; may be given again")
    parser.add_argument(
        "--replay", type=Path, metavar="FILE", help="read this one input of the --target, without atheris"
    )
    figures.add_argument(parser)
    options = parser.parse_args(arguments)
    names = options.target or [*TARGETS]
    if options.replay:
        if len(names) != 1:
            parser.error("--replay needs the one --target that the input is for")
        print(run(TARGETS[names[0]], options.replay.read_bytes()))
        return 0
    if importlib.util.find_spec("atheris") is None:
        print("error: atheris is missing; run `nox -s fuzz`, or install requirements/fuzz.txt", file=sys.stderr)
        return 2
    runs = [_ran(name, TARGETS[name], options.seconds) for name in names]
    if options.write:
        lines = "\n".join(one.line() for one in runs)
        figures.write(options.write, "nox -s fuzz", f"```\n{lines}\n```")
    return 1 if any(one.found for one in runs) else 0


def _ran(name: str, target: Target, seconds: int) -> Ran:
    began = time.monotonic()
    FOUND.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        for number, seed in enumerate(target.seeds()):
            (corpus / f"{number:05}").write_bytes(seed)
        words = Path(folder, "words")
        words.write_text("".join(f"{_quoted(word)}\n" for word in sorted(target.words())), encoding="ascii")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "scripts.fuzz.run", name, str(corpus), f"-dict={words}"),
                *(f"-max_total_time={seconds}", f"-max_len={target.longest}", f"-artifact_prefix={FOUND / name}-"),
                *(
                    "-timeout=300",
                    "-report_slow_units=300",
                    "-rss_limit_mb=1024",
                    "-print_final_stats=1",
                    "-verbosity=1",
                ),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds + _SECONDS_TO_BEGIN,
            check=False,
        )
    output = done.stdout + done.stderr
    features = [int(covered) for covered, _ in _FEATURES.findall(output)]
    executions = _EXECUTIONS.search(output)
    found = tuple(dict.fromkeys(_INPUT.findall(output)))
    if not features or (done.returncode and not found):
        print(output[-4000:], file=sys.stderr)
        raise SystemExit(f"error: {name} did not run to its end; the output above says why")
    # The first line counts the seeds that the fuzzer has read to the end.
    seeded = re.search(r"INITED cov: (\d+)", output)
    first = int(seeded[1]) if seeded else features[0]
    count = int(executions[1]) if executions else 0
    result = Ran(name, count, time.monotonic() - began, first, features[-1], found)
    print(result.line(), flush=True)
    for path in found:
        print(output[: output.find("Test unit written")][-3000:])
        print(
            f"  repeat it: python -m scripts.fuzz --target {name} --replay {Path(path).relative_to(ROOT)}", flush=True
        )
    return result


def _quoted(word: bytes) -> str:
    """A word as libFuzzer's dictionaries write it."""
    return '"' + "".join(chr(one) if 32 <= one < 127 and one not in b'"\\' else f"\\x{one:02x}" for one in word) + '"'


if __name__ == "__main__":
    sys.exit(main())
