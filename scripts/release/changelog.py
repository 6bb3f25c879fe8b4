"""CHANGELOG.md: towncrier puts each release into it, from the news fragments."""

import datetime
import re
import subprocess
import sys
from pathlib import Path

from scripts.contracts.errors import one_line
from scripts.files import ROOT

FILE = "CHANGELOG.md"
MARKER = "<!-- Releases stand below, the latest first. -->"
_HEADING = re.compile(r"^## (?P<version>\S+?)(?:, not released| \((?P<date>\d{4}-\d{2}-\d{2})\))$", re.MULTILINE)
# What was written before there were fragments becomes a section of the first release.
_FIRST = "### Up to the first release"


def latest(root: Path = ROOT) -> tuple[str, str | None]:
    """Return the version and date of the uppermost section; no date while it is not released.

    Raises ValueError where the file has no marker or no section below it.
    """
    _, marker, below = (root / FILE).read_text(encoding="utf-8").partition(MARKER)
    found = _HEADING.search(below)
    if not marker or found is None:
        raise ValueError(f"{FILE}: no line {MARKER!r} with a version below it; restore it")
    return found["version"], found["date"]


def build(version: str, date: datetime.date, root: Path = ROOT) -> None:
    """Let towncrier write the section of a version, and remove the fragments.

    Raises ValueError with what towncrier said where it refuses.
    """
    path = root / FILE
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace(f"\n## {version}, not released\n", f"\n{_FIRST}\n"), encoding="utf-8")
    command = [sys.executable, "-m", "towncrier", "build", "--yes", "--version", version, "--date", date.isoformat()]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        path.write_text(before, encoding="utf-8")
        raise ValueError(f"{FILE}: towncrier: {one_line(done.stderr or done.stdout)}")
