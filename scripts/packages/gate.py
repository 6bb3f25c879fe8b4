"""Remembers which packages have passed: imported, compared with their contract, and found the same.

A package that has passed passes again, as long as nothing is different: a byte of the package, the code that compares,
the interpreter, and the versions of what a generated module may import. The record lies in a folder that git ignores,
so a clean checkout, as in CI, knows of no package and verifies each.
"""

import contextlib
import functools
import hashlib
import json
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from scripts.files import ROOT
from scripts.packages.trees import tree
from scripts.packages.verify import INSTALLED

FOLDER = ROOT / ".gate_cache"
"""Has an empty file for each package that has passed, named by the hash of all that it depends on."""
_CODE = ("scripts/contracts", "scripts/packages")
_MOST = 200


def has_passed(package: Path, folder: Path = FOLDER) -> bool:
    """Whether the package in this folder has passed, with everything as it is now."""
    return (folder / _key(package)).is_file()


def record(package: Path, folder: Path = FOLDER) -> None:
    """Remember that the package in this folder has passed. Where nothing can be written, it is verified again."""
    with contextlib.suppress(OSError):
        folder.mkdir(exist_ok=True)
        (folder / _key(package)).touch()
        for old in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)[_MOST:]:
            old.unlink()


def _key(package: Path) -> str:
    files = {name: hashlib.sha256(content).hexdigest() for name, content in tree(package).items()}
    return hashlib.sha256(json.dumps([package.name, files, _surroundings()]).encode()).hexdigest()


@functools.cache
def _surroundings() -> list[object]:
    """Return what a package is imported and compared with: our code, the interpreter, and what may be imported."""
    code = [path for folder in _CODE for path in sorted((ROOT / folder).rglob("*.py"))]
    hashes = {path.relative_to(ROOT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in code}
    return [hashes, [(name, _version(name)) for name in sorted(INSTALLED)], sys.version, sys.flags.optimize]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
