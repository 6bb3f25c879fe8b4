"""The programs of PostgreSQL and pgbouncer."""

import os
import shutil
from pathlib import Path
from typing import Final, NoReturn

import pytest

_OUTSIDE_PATH: Final = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def find(name: str) -> str | None:
    """Return the path of a program of Debian's; None where it is missing."""
    # Debian keeps the programs of a PostgreSQL server in a folder for each version.
    versions = sorted(Path("/usr/lib/postgresql").glob("[0-9]*/bin"), key=lambda path: -int(path.parent.name))
    folders = [os.environ.get("PATH", os.defpath), *map(str, versions), *_OUTSIDE_PATH]
    return shutil.which(name, path=os.pathsep.join(folders))


def program(name: str, package: str) -> str:
    """Return the path of a program of Debian's. Where it is missing, skips the test; in CI, fails it."""
    found = find(name)
    if found is None:
        missing(f"{name} is not installed: `apt-get install {package}`")
    return found


def missing(reason: str) -> NoReturn:
    """Skip the test; in CI, where everything has to be there, fail it."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
