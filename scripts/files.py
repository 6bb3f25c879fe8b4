"""Files and folders that are written whole or not at all, and the root of the project that they stand in."""

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# A new file or folder stands beside its place, under a name that begins so, until it is complete.
_SCRATCH = ".scratch-"


def replace_together(contents: Mapping[Path, str]) -> None:
    """Write every file or none: all to temporary files first, then swapped in; a failed swap puts the old ones back.

    Removes what a killed run left beside them. Two runs at the same time are not supported.
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


def swap(fresh: Path, names: Sequence[str], output: Path) -> None:
    """Put the folders `names` of the folder `fresh` in the place of those in `output`, each by a rename.

    Copies all of them beside their places first, so that whatever can fail has failed before the first old one goes.
    Removes what a killed run left there. Two runs at the same time are not supported.
    """
    output.mkdir(parents=True, exist_ok=True)
    _clear(output)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=output) as folder:
        scratch = Path(folder)
        for name in names:
            shutil.copytree(fresh / name, scratch / name)
        for name in names:
            if os.path.lexists(output / name):
                (output / name).rename(scratch / f"{name}.old")
            (scratch / name).rename(output / name)


def _clear(folder: Path) -> None:
    for left in folder.glob(f"{_SCRATCH}*"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()
