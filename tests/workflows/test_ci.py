"""The list of steps: how they are run, and that everything which runs them runs this list."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts import ci

ROOT = Path(__file__).resolve().parents[2]
FAKE_NOX = """
import pathlib, sys, time
name, folder = sys.argv[2], pathlib.Path(__file__).parent
(folder / f"{name}.began").write_text(" ".join(sys.argv[3:]))
if name == "slow":
    time.sleep(60)
if name.startswith("meets"):
    other = folder / ("meets-b.began" if name == "meets-a" else "meets-a.began")
    for _ in range(200):
        if other.exists():
            break
        time.sleep(0.05)
    else:
        sys.exit("the other did not run beside this one")
print(f"what {name} says")
sys.exit(name == "wrong")
"""


@pytest.fixture
def nox(tmp_path: Path) -> tuple[str, str]:
    script = tmp_path / "nox.py"
    script.write_text(FAKE_NOX, encoding="utf-8")
    return sys.executable, str(script)


def began(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.began")}


def test_the_steps_of_a_group_run_two_at_a_time(tmp_path: Path, nox: tuple[str, str]) -> None:
    assert ci.run([["meets-a", "meets-b", "third -- --check"]], nox, tmp_path)
    assert (tmp_path / "third.began").read_text(encoding="utf-8") == "-- --check"
    assert (tmp_path / "third.log").read_text(encoding="utf-8") == "what third says\n"


def test_a_step_that_fails_shows_its_log_and_lets_no_other_begin(
    tmp_path: Path, nox: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert not ci.run([["wrong"], ["never"]], nox, tmp_path)
    assert began(tmp_path) == {"wrong"}
    assert "wrong did not pass:\nwhat wrong says\n" in capsys.readouterr().out


def test_a_step_that_takes_too_long_is_ended_and_named(
    tmp_path: Path, nox: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    start = time.monotonic()
    assert not ci.run([["slow"]], nox, tmp_path, seconds=1)
    assert time.monotonic() - start < 30
    assert "slow did not pass:" in capsys.readouterr().out


def test_each_step_is_a_session_of_the_noxfile() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "nox", "-f", str(ROOT / "noxfile.py"), "--list"],
        capture_output=True,
        text=True,
        check=True,
    )
    sessions = set(re.findall(r"^[*-] (\S+)", listed.stdout, re.MULTILINE))
    assert set(ci.names()) <= sessions
    assert {"tests-3.12", "tests-3.13"} <= set(ci.names())


def test_smoke_is_no_step_for_it_asks_a_provider() -> None:
    assert "smoke" not in ci.names()


@pytest.mark.parametrize("file", [".ci/run", ".github/workflows/ci.yml"])
def test_the_check_of_a_checkout_and_the_workflow_run_this_list_and_install_the_same_packages(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert re.search(r"nox -s ci\b", text)
    assert re.search(r"^ *(?:run: )?\.ci/packages$", text, re.MULTILINE)


def test_the_first_commands_of_the_readme_are_those_that_the_check_of_a_checkout_runs() -> None:
    pattern = r"^python3 -m pip install --quiet 'nox\[uv\]' && python3 -m nox -s (\w+)$"
    commands = re.findall(pattern, (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert commands == ["demo", "tests"]
    assert set(commands) <= set(ci.names())


def test_each_package_of_debian_is_named_with_its_program() -> None:
    lines = (ROOT / ".ci/packages.txt").read_text(encoding="utf-8").splitlines()
    named = dict(line.split() for line in lines if not line.startswith("#"))
    assert {"nginx", "haproxy", "initdb", "pgbouncer"} <= set(named)
    assert all(named.values())


def test_the_list_is_printed_as_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert ci.main(["--list", "--without", "demo", "tests"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "nox -s demo" not in printed
    assert "nox -s generate -- --check" in printed
