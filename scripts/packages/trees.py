"""The generated packages as trees of files: the files of a tree, strays beside it, the difference of two."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

from scripts.files import ROOT

GENERATED = ROOT / "generated"


def tree(package: Path) -> dict[str, bytes]:
    """Return every file of a package by its path in it, sorted, without the interpreter's `__pycache__`.

    Git keeps a symbolic link and an executable file in another way than a plain file. So they are marked with a first
    line that says what they are, and make another tree.
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
    """Return the unexpected names in a folder, sorted. A folder without a file does not count."""
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
