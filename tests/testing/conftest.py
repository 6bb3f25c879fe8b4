"""A service's tests as they run at a user's: by pytest, in a process of their own, with the wheel installed."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from scripts.release import wheel

ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 120


@dataclass(frozen=True)
class Ran:
    """What a run of pytest printed, and how it ended."""

    code: int
    text: str

    def outcomes(self) -> dict[str, str]:
        """Return how each test ended, by its name."""
        lines = [line.split() for line in self.text.splitlines()]
        words = ("PASSED", "FAILED", "ERROR", "SKIPPED", "XFAIL", "XPASS")
        return {
            line[0].rpartition("::")[2]: line[1]
            for line in lines
            if len(line) > 1 and line[1] in words and "::" in line[0]
        }


Run = Callable[..., Ran]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the wheel, once for all tests: a folder of installed distributions, with its entry points."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel.build(ROOT, folder, ("wheel",))
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def run(site: Path, tmp_path: Path) -> Run:
    """Write files into a folder, run a command there as a user would, and return what it said."""

    def ran(
        files: Mapping[str, str], *arguments: str, command: tuple[str, ...] = ("pytest", "-v"), **variables: str
    ) -> Ran:
        for name, text in files.items():
            (tmp_path / name).write_text(dedent(text), encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("REFUNDRY_", "PYTEST_"))}
        done = subprocess.run(
            [sys.executable, "-m", *command, *arguments],
            cwd=tmp_path,
            env={**kept, "PYTHONPATH": str(site), "COLUMNS": "400", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        return Ran(done.returncode, done.stdout)

    return ran
