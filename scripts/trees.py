"""Files and folders that are written whole or not at all, and what of them is not as it should be."""

import difflib
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

# What a run has not put in its place yet stands beside it, under a name that begins so. A killed run leaves it there.
_SCRATCH = ".scratch-"


def _clear(folder: Path) -> None:
    for left in folder.glob(f"{_SCRATCH}*"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()


def replace_together(contents: Mapping[Path, str]) -> None:
    """Write every file or none: all to temporary files first, then swapped in; a failed swap puts the old ones back.

    What a killed run has left beside them is removed. Two runs at once are not meant.
    """
    staged: dict[Path, Path] = {}
    old: dict[Path, Path] = {}
    done: list[Path] = []
    try:
        for path, text in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.parent not in {other.parent for other in staged}:
                _clear(path.parent)
            staged[path] = _stage(path, text.encode())
            if path.exists():
                old[path] = _stage(path, path.read_bytes())
        for path, temporary in staged.items():
            temporary.replace(path)
            done.append(path)
    except OSError:
        for path in done:
            old[path].replace(path) if path in old else path.unlink()
        raise
    finally:
        for temporary in (*staged.values(), *old.values()):
            temporary.unlink(missing_ok=True)


def _stage(path: Path, content: bytes) -> Path:
    with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=_SCRATCH, delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(content)
            file.flush()
        except OSError:
            temporary.unlink()
            raise
    temporary.chmod(0o644)
    return temporary


def swap(fresh: Path, packages: Sequence[str], output: Path) -> None:
    """Put the `packages` of the folder `fresh` in the place of those in `output`, each by a rename.

    All are copied beside their places first, so that what can fail has failed before the first old one goes. What a
    killed run has left there is removed. Two runs at once are not meant.
    """
    output.mkdir(parents=True, exist_ok=True)
    _clear(output)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=output) as name:
        scratch = Path(name)
        for package in packages:
            shutil.copytree(fresh / package, scratch / package)
        for package in packages:
            if os.path.lexists(output / package):
                (output / package).rename(scratch / f"{package}.old")
            (scratch / package).rename(output / package)


def tree(package: Path) -> dict[str, bytes]:
    """Return every file of a package by its path in it, sorted; the interpreter's `__pycache__` is not part of it.

    What git would keep otherwise than as a plain file, a symbolic link or an executable file, has a first line that
    says so in place of, or before, its content: it is another tree.
    """
    paths = [package] if package.is_symlink() else sorted(package.rglob("*"))
    files = ((path, _content(path)) for path in paths if "__pycache__" not in path.parts)
    return {path.relative_to(package).as_posix(): content for path, content in files if content is not None}


def _content(path: Path) -> bytes | None:
    if path.is_symlink():
        return f"(a symbolic link to {path.readlink()})\n".encode()
    if path.is_dir():
        return None
    if not path.is_file():
        return b"(neither a file nor a folder)\n"
    return (b"(executable)\n" if path.stat().st_mode & 0o111 else b"") + path.read_bytes()


def strays(folder: Path, expected: Iterable[str]) -> list[str]:
    """Return what stands in a folder and is not expected there, by name, sorted; a folder without a file is nothing."""
    names = {path.name for path in folder.glob("*") if path.is_symlink() or not path.is_dir() or tree(path)}
    return sorted(names - set(expected))


def diff(old: Mapping[str, bytes], new: Mapping[str, bytes], old_name: str, new_name: str) -> str:
    """Return the unified diff of two trees; the empty string when they have the same bytes."""
    lines: list[str] = []
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before != after:
            changes = difflib.unified_diff(
                (before or b"").decode(errors="backslashreplace").splitlines(),
                (after or b"").decode(errors="backslashreplace").splitlines(),
                f"{old_name}/{name}" if before is not None else "/dev/null",
                f"{new_name}/{name}" if after is not None else "/dev/null",
                lineterm="",
            )
            lines += list(changes) or [f"{new_name}/{name}: the line ends differ, or an empty file came or went"]
    return "".join(f"{line}\n" for line in lines)
