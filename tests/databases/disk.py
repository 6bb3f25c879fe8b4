"""A file system that is soon full."""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tests.databases.programs import missing
from tests.servers.running import ROOT, environment

_SECONDS: Final = 60.0
_GRACE: Final = 10.0
# $1 is the folder, $2 the size, and the rest is what runs in it. The file system is seen by this process and its
# children alone, and goes with the last of them.
_MOUNT: Final = 'folder=$1 size=$2; shift 2; mount -t tmpfs -o "size=$size,mode=1777" tmpfs "$folder" && exec "$@"'
_AS_BEFORE: Final = ("setpriv", f"--reuid={os.geteuid()}", f"--regid={os.getegid()}", "--clear-groups")


@dataclass(frozen=True, slots=True)
class Way:
    """How a process gets file systems of its own, and what makes it run as the same user again."""

    before: tuple[str, ...]
    afterwards: tuple[str, ...] = ()


WAYS: Final = (
    Way(("unshare", "--mount")),  # for root
    Way(("unshare", "--user", "--map-root-user", "--mount")),  # where a user may make namespaces
    Way(("sudo", "--non-interactive", "unshare", "--mount"), _AS_BEFORE),  # as on a runner of GitHub's
)


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A file system of `size` bytes at `folder`, which only what `run` runs can see."""

    folder: Path
    size: int

    def run(self, script: str, *arguments: str, seconds: float = _SECONDS) -> subprocess.CompletedProcess[str]:
        """Run a Python script, with the folder as its first argument. The file system begins empty, and ends with it.

        Returns its exit code, which is no 0 after `seconds` either, and both of its outputs.
        """
        return _run(_way(), self, sys.executable, "-c", script, str(self.folder), *arguments, seconds=seconds)


def _run(way: Way, disk: SmallDisk, *command: str, seconds: float) -> subprocess.CompletedProcess[str]:
    # sudo hands on neither PATH nor PYTHONPATH, and its child cannot be killed from here.
    kept = [f"{name}={value}" for name, value in environment().items() if name.startswith(("PATH", "PYTHON"))]
    bounded = ["env", *kept, "timeout", "--signal=KILL", str(seconds), *command]
    mounting = ["sh", "-c", _MOUNT, "sh", str(disk.folder), str(disk.size)]
    return subprocess.run(
        [*way.before, *mounting, *way.afterwards, *bounded],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds + _GRACE,
        check=False,
    )


@cache
def _way() -> Way:
    """Return the first way that works here. Skips the test where none does; in CI, fails it."""
    problems: list[str] = []
    for way in WAYS:
        if (problem := why_not(way)) is None:
            return way
        problems.append(f"{' '.join(way.before)}: {problem}")
    return missing(f"no small file system can be mounted here; run the tests as root. Tried: {'; '.join(problems)}")


def why_not(way: Way) -> str | None:
    """Return why a way does not work here; None where it does."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = _run(way, SmallDisk(Path(folder), 2**20), "true", seconds=_GRACE)
        except (FileNotFoundError, subprocess.TimeoutExpired) as error:
            return str(error)
    return done.stderr.strip() or f"exit code {done.returncode}" if done.returncode else None
