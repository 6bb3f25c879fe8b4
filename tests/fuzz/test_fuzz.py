"""The fuzzer's targets over their seeds and changes of those, without the fuzzer; and that each one bites."""

import logging
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from refundry.errors import Reason
from refundry.outcome import Outcome
from refundry.providers import lab4pay, paybyrd_codes
from refundry.transport import http11
from scripts.contracts import document
from scripts.files import ROOT
from scripts.fuzz import __main__ as command
from scripts.fuzz import target
from scripts.fuzz.target import Broken, Target, run
from scripts.fuzz.targets import TARGETS

CHANGES: Final = 100

every_target = pytest.mark.parametrize("name", TARGETS)


@pytest.fixture(autouse=True)
def _no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "refundry")  # most inputs leave an outcome unknown, each with a warning


def changed(target: Target, seeds: list[bytes], words: list[bytes], choice: random.Random) -> bytes:
    """Return a seed with one to four changes: a byte, a word, a part left out or doubled, the end of another seed."""
    data = bytearray(choice.choice(seeds))
    for _ in range(choice.randint(1, 4)):
        at, to = sorted((choice.randint(0, len(data)), choice.randint(0, len(data))))
        data[at:to] = choice.choice(
            (
                b"",
                bytes(data[at:to] * 2),
                choice.choice(words),
                bytes((choice.randrange(256),)) + data[at + 1 : to],
                choice.choice(seeds)[at:to],
            )
        )
    return bytes(data[: target.longest])


@every_target
def test_every_seed_keeps_the_promises_of_its_target(name: str) -> None:
    seeds = [*TARGETS[name].seeds()]
    verdicts = {run(TARGETS[name], seed) for seed in seeds}
    assert len(verdicts) > len(seeds) // 10
    assert all(len(seed) <= TARGETS[name].longest for seed in seeds)


@every_target
def test_changes_of_the_seeds_keep_the_promises_too(name: str) -> None:
    chosen = TARGETS[name]
    seeds, words, choice = [*chosen.seeds()], sorted(chosen.words()), random.Random(name)
    inputs = {changed(chosen, seeds, words, choice) for _ in range(CHANGES)}
    for data in inputs:
        run(chosen, data)
    assert len(inputs) > CHANGES * 0.9


# That a broken reader is found.


def broken_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """BYRD201, which waits for the shopper, is read as done."""
    done = (Outcome.SUCCEEDED, Reason.OTHER)
    monkeypatch.setitem(paybyrd_codes.BY_STATUS_AND_CODE[200], "BYRD201", done)


def broken_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lab4Pay's FAILED is read as done."""
    monkeypatch.setitem(lab4pay._STATES, "failed", Outcome.SUCCEEDED)


def broken_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every signature is taken for a true one."""
    monkeypatch.setattr(lab4pay, "is_signed", lambda *_: True)


def broken_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal does not say where."""
    monkeypatch.setattr(document._Reader, "_place", lambda *_: "somewhere")


def broken_keeping(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is kept after a 204."""
    monkeypatch.setattr(http11, "_WITHOUT_BODY", frozenset())


@pytest.mark.parametrize(
    ("name", "breaks", "error"),
    [
        ("reply", broken_code, Broken),
        ("reply", broken_word, Broken),
        ("webhook", broken_word, Broken),
        ("webhook", broken_signature, Broken),
        ("ingest", broken_place, Broken),
        ("wire", broken_keeping, Broken),
    ],
)
def test_a_broken_reader_is_found_by_the_seeds(
    name: str, breaks: Callable[[pytest.MonkeyPatch], None], error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def over_seeds() -> None:
        for seed in TARGETS[name].seeds():
            run(TARGETS[name], seed)

    breaks(monkeypatch)
    with pytest.raises(error):
        over_seeds()


def test_a_reader_that_changes_its_mind_is_found() -> None:
    answers = iter(range(9))
    with pytest.raises(Broken, match="gave 0 and then 1"):
        run(Target(lambda _: next(answers), list, list), b"")


def test_a_reader_that_takes_too_long_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "MOST_SECONDS", -1.0)
    with pytest.raises(Broken, match="took more than"):
        run(Target(len, list, list), b"")


# The command.

# As much of atheris as the harness uses: it reads the corpus once, and reports as libFuzzer does.
FUZZER: Final = """
import contextlib, pathlib, sys
def instrument_imports(include):
    assert "refundry" in include and "scripts.fuzz.targets" not in sys.modules
    return contextlib.nullcontext()
def Setup(arguments, once):
    global given
    given = arguments, once
def Fuzz():
    (_, *arguments), once = given
    options = dict(one.lstrip("-").split("=", 1) for one in arguments if one.startswith("-"))
    (corpus,) = (pathlib.Path(one) for one in arguments if not one.startswith("-"))
    assert all(line.startswith('"') for line in open(options["dict"]).read().splitlines())
    inputs = [one.read_bytes() for one in sorted(corpus.iterdir())]
    print(f"#{len(inputs)} INITED cov: 10 ft: 20 corp: 1/1b exec/s: 0 rss: 1Mb", file=sys.stderr)
    for data in inputs:
        once(data)
    print("#99 DONE   cov: 12 ft: 25 corp: 1/1b exec/s: 0 rss: 1Mb", file=sys.stderr)
    if CRASHES:
        path = options["artifact_prefix"] + "crash-0"
        pathlib.Path(path).write_bytes(inputs[0])
        print("Test unit written to " + path, file=sys.stderr)
    print(f"stat::number_of_executed_units: {len(inputs)}", file=sys.stderr)
    sys.exit(77 if CRASHES else 0)
"""


def fuzzed(tmp_path: Path, *arguments: str, crashes: bool = False) -> subprocess.CompletedProcess[str]:
    """Run the command with the small fuzzer in place of atheris."""
    (tmp_path / "atheris.py").write_text(f"CRASHES = {crashes}\n{FUZZER}")
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH", ""))))
    return subprocess.run(
        [sys.executable, "-m", "scripts.fuzz", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@every_target
def test_each_target_runs_under_the_fuzzer_and_its_figures_go_into_a_page(name: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- Printed by `nox -s fuzz`. -->\n<!-- The figures end. -->\n")
    done = fuzzed(tmp_path, "--seconds", "1", "--target", name, "--write", str(page))
    assert done.returncode == 0, done.stderr
    seeds = len([*TARGETS[name].seeds()])
    assert f"{seeds:,} inputs" in done.stdout
    assert "12 branches, 2 of them not reached by the seeds, 0 promises broken" in page.read_text()


def test_an_input_that_breaks_a_promise_is_kept_with_the_line_that_repeats_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = fuzzed(tmp_path, "--seconds", "1", "--target", "wire", crashes=True)
    try:
        assert done.returncode == 1, done.stderr
        assert "1 promises broken" in done.stdout
        line = next(line for line in done.stdout.splitlines() if "repeat it" in line)
        arguments = line.partition("scripts.fuzz ")[2].split()
        assert command.main([*arguments[:-1], str(ROOT / arguments[-1])]) == 0
        assert capsys.readouterr().out.startswith("(200")
    finally:
        (command.FOUND / "wire-crash-0").unlink(missing_ok=True)


def test_without_the_fuzzer_the_command_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found: Any = None
    monkeypatch.setattr("importlib.util.find_spec", lambda _: found)
    assert command.main(["--target", "wire"]) == 2
    assert "nox -s fuzz" in capsys.readouterr().err


def test_a_replay_needs_its_target() -> None:
    with pytest.raises(SystemExit):
        command.main(["--replay", "input"])
