"""What the packaging tests share: one build of wheel and sdist, and a copy of the tree to make a release in."""

import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from scripts.release import wheel

ROOT: Final = Path(__file__).resolve().parents[2]
# What a release reads and writes.
_PARTS: Final = (
    *("facade", "generated", "specs", "surface", "changes", "requirements", "scripts/release", "scripts/packages"),
    *("pyproject.toml", "README.md", "CHANGELOG.md", ".gitignore", ".gitattributes"),
)


class Built(NamedTuple):
    """A wheel and the sdist beside it."""

    wheel: Path
    sdist: Path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build wheel and sdist from the tree, once for all tests."""
    folder = tmp_path_factory.mktemp("dist")
    wheel.build(ROOT, folder)
    return Built(*wheel.built(folder))


@pytest.fixture
def unpacked(built: Built, tmp_path: Path) -> Path:
    """Unpack the wheel into a folder that can be put on a path."""
    with zipfile.ZipFile(built.wheel) as archive:
        archive.extractall(tmp_path / "site")
    return tmp_path / "site"


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, as a person whose settings are not read."""
    identity = ("-c", "user.name=Tester", "-c", "user.email=tester@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture(scope="session")
def first_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what a release reads, without news fragments, into a git repository with one commit."""
    root = tmp_path_factory.mktemp("first") / "tree"
    root.mkdir()
    ignored = shutil.ignore_patterns("__pycache__")
    for part in _PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, root / part, ignore=ignored)
        else:
            shutil.copy2(source, root / part)
    for fragment in (root / "changes").glob("*/*"):
        fragment.unlink()
    git(root, "init", "--quiet")
    commit(root, "The tree")
    return root


@pytest.fixture
def tree(first_tree: Path, tmp_path: Path) -> Path:
    """Return a clone of the copied tree, which no other test sees."""
    return clone(first_tree, tmp_path / "tree")


def clone(source: Path, target: Path) -> Path:
    """Clone a repository of this machine."""
    git(source, "clone", "--quiet", str(source), str(target))
    return target


def commit(root: Path, message: str) -> None:
    """Commit all that a tree holds."""
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", message)


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that a file holds once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path}: {old!r} stands {text.count(old)} times"
    path.write_text(text.replace(old, new), encoding="utf-8")
