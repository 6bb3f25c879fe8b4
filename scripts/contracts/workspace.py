"""A copy of the project in which a change is made and tried, and the move of the result into the project.

The copy holds what git tracks and what is not committed yet, and nothing that is ignored. The move is one journal: the
new files lie beside the project, under `.update/`, and the journal that names them is written last, by a rename. A run
that is killed before leaves the project as it was. A run that is killed after it has begun a move: the next run
finishes the move first. No file is replaced that is not, byte for byte, what the copy was made from: a person who edits
meanwhile loses nothing.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.contracts.errors import ContractError, and_more, one_line
from scripts.contracts.providers import PROVIDERS, package_name

FOLDER = ".update"
"""Where the pages that were fetched, the journal and the files to move stand. Git ignores it."""

_JOURNAL = "journal.json"
# The code of the project, in the order in which Python finds it.
_CODE = ("facade", "generated", ".")
_OURS = ("refundry", *map(package_name, PROVIDERS), "scripts")
# Names the files of the packages that the tests would import.
_WHERE = f"import importlib.util as u; print(*[u.find_spec(name).origin for name in {_OURS!r}], sep='\\n')"


@dataclass(frozen=True)
class Copy:
    """A copy of a project: where it is, and the hash of every file that it was made from, by its path."""

    root: Path
    before: Mapping[str, str]

    def environment(self) -> dict[str, str]:
        """Return the environment in which Python imports the code of the copy, and not that of an installation."""
        path = os.pathsep.join(str(self.root / folder) for folder in _CODE)
        # As in CI: properties are tried with the same cases each time, and the names of failed tests are not cut.
        fixed = {"CI": "1", "COLUMNS": "1000", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONSAFEPATH": "1"}
        return {**os.environ, "PYTHONPATH": path, **fixed}

    def run(self, *arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
        """Run Python in the copy; return what it printed on both streams. Raises ContractError after `seconds`."""
        try:
            return subprocess.run(
                [sys.executable, *arguments],
                cwd=self.root,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            command = " ".join(("python", *arguments[:2]))
            raise ContractError(f"{command}: not done after {seconds:g} s; run it by itself") from error

    def refuse_other_code(self) -> None:
        """Make sure that Python imports the packages of the copy. Raises ContractError with what it would import."""
        found = self.run("-c", _WHERE, seconds=60)
        for line in found.stdout.splitlines():
            if not Path(line).is_relative_to(self.root):
                raise ContractError(f"{one_line(line)}: not the copy's own code; run it in the project's environment")

    def changes(self) -> dict[str, bytes | None]:
        """Return the content of each file that is new or changed in the copy; None for one that is gone."""
        now = _files(self.root)
        changed: dict[str, bytes | None] = dict.fromkeys(self.before.keys() - set(now))
        for path in now:
            content = (self.root / path).read_bytes()
            if self.before.get(path) != _hash(content):
                changed[path] = content
        return changed


@contextmanager
def copied(root: Path) -> Iterator[Copy]:
    """Give a copy of the project at `root`, and remove it at the end.

    Raises ContractError where git does not say which files belong to the project.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        raise ContractError(f"{root}: git says: {one_line(listed.stderr.decode())}; run it in a clone of the project")
    with tempfile.TemporaryDirectory(prefix="refundry-update-") as name:
        target = Path(name).resolve()
        for path in filter(None, map(os.fsdecode, listed.stdout.split(b"\0"))):
            source = root / path
            if source.is_file() and not source.is_symlink():
                (target / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target / path)
        # A repository of its own, so that tests which ask git see the files that they would see in the project.
        for command in (["init", "-q"], ["add", "-A", "-f"]):
            subprocess.run(["git", *command], cwd=target, capture_output=True, check=True)
        yield Copy(target, {path: _hash((target / path).read_bytes()) for path in _files(target)})


def _files(root: Path) -> list[str]:
    """Return the path of each file below `root`, except git's own and what tools leave behind."""
    found: list[str] = []
    for folder, folders, names in os.walk(root):
        folders[:] = [each for each in folders if each not in (".git", "__pycache__") and not each.endswith("_cache")]
        folders[:] = [each for each in folders if each != ".hypothesis"]
        found += [Path(folder, name).relative_to(root).as_posix() for name in names]
    return found


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the lock of the project for the block. It ends with the process. Raises ContractError when it is taken."""
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ContractError(f"{folder / 'lock'}:1: another update is running; wait until it has ended") from error
        yield


def move_in(root: Path, before: Mapping[str, str], changes: Mapping[str, bytes | None]) -> None:
    """Write `changes` into the project at `root`, where each file is still what `before` says.

    `changes` gives the new content of each file by its path, None for one to remove. Raises ContractError, and writes
    nothing, where a file was changed meanwhile.
    """
    changed = [path for path in sorted(changes) if _now(root / path) != before.get(path)]
    if changed:
        raise ContractError(
            f"{changed[0]}:1: it was changed while the update ran{and_more(changed)}; "
            "nothing was written: run the command again"
        )
    if not changes:
        return
    # Not removed where the move is interrupted: the journal may name what lies there. `finish` removes it at the end.
    stage = Path(tempfile.mkdtemp(prefix="move-", dir=root / FOLDER))
    moves: list[dict[str, str | None]] = []
    for number, (path, content) in enumerate(sorted(changes.items())):
        move: dict[str, str | None] = {"path": path, "before": before.get(path), "after": None, "staged": None}
        if content is not None:
            staged = stage / str(number)
            _write(staged, content)
            if path in before:
                shutil.copymode(root / path, staged)
            move |= {"after": _hash(content), "staged": staged.relative_to(root).as_posix()}
        moves.append(move)
    journal = root / FOLDER / _JOURNAL
    _write(stage / _JOURNAL, json.dumps(moves, indent=1).encode())
    (stage / _JOURNAL).replace(journal)
    _sync(journal.parent)
    finish(root)


def unfinished(root: Path) -> bool:
    """Whether a run was killed while it moved its result into the project at `root`."""
    return (root / FOLDER / _JOURNAL).exists()


def finish(root: Path) -> int:
    """Finish the move that the journal describes, if there is one; return how many files it is about.

    Raises ContractError where a file is neither what it was nor what it is to be: a person has changed it since. Then
    nothing more is moved.
    """
    journal = root / FOLDER / _JOURNAL
    try:
        moves: list[dict[str, str | None]] = json.loads(journal.read_bytes())
    except FileNotFoundError:
        _clear(root)
        return 0
    edited = [
        str(move["path"]) for move in moves if _now(root / str(move["path"])) not in (move["before"], move["after"])
    ]
    if edited:
        remedy = f"put it back (`git checkout -- {edited[0]}`), or remove {FOLDER}/{_JOURNAL} to give the update up"
        raise ContractError(
            f"{edited[0]}:1: it was changed after an update that was cut short had begun to write"
            f"{and_more(edited)}; {remedy}, and run it again"
        )
    for move in moves:
        target = root / str(move["path"])
        if _now(target) == move["after"]:
            continue
        if move["staged"] is None:
            target.unlink()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            (root / move["staged"]).replace(target)
    for folder in {(root / str(move["path"])).parent for move in moves}:
        if folder.is_dir():
            _sync(folder)
            _remove_empty(folder, root)
    journal.unlink()
    _clear(root)
    return len(moves)


def _clear(root: Path) -> None:
    """Remove the files that a run has staged and no journal names."""
    for left in (root / FOLDER).glob("move-*"):
        shutil.rmtree(left)


def _now(path: Path) -> str | None:
    if path.is_symlink() or path.is_dir():
        return "no file"
    return _hash(path.read_bytes()) if path.exists() else None


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
