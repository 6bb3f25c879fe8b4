"""What this installation was made from, recomputed offline from what the wheel carries.

The module is private because the function has its name: a public module `refundry.provenance` would hide it.
"""

from __future__ import annotations

import base64
import hashlib
import tomllib
import typing
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import refundry

if typing.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# The entries of specs/lock.toml that are the hash of one file of a contract, with the file.
_FILES: Final[Mapping[str, str]] = {
    "source": "source.toml",
    "contract": "openapi.yaml",
    "used": "used.yaml",
    "overlay": "overlay.yaml",
    "contradictions": "contradictions.toml",
}
_HERE: Final = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Provenance:
    """What this installation was made from. An entry's name is `<provider>/<what>`, or `files` for the installed files.

    `verified` was recomputed just now from the installed bytes, without a network: the vendored contract, the overlay
    and the contradictions, the effective contract, the generated package, and every file by the wheel's own list.
    `recorded` is what the release says and this installation cannot prove: the published page, the templates, the
    tools. `departures` has one sentence for each file or entry that is changed, missing or added; it names it.

    It finds damage and a hand edit. It proves nothing against whoever can also change the recorded hashes: for that,
    compare the wheel with the hash in your own lock. Compiled files in `__pycache__` are not looked at.
    """

    version: str
    verified: dict[str, str]
    recorded: dict[str, str]
    departures: tuple[str, ...]

    @property
    def intact(self) -> bool:
        """Whether nothing departs from what was recorded."""
        return not self.departures

    def to_dict(self) -> dict[str, typing.Any]:
        """All of it, as values that JSON can hold."""
        return {**asdict(self), "departures": [*self.departures]}


def provenance() -> Provenance:
    """Recompute what this installation was made from. Reads files, opens no socket, and imports no provider's package.

    In a source tree the files cannot be compared with a wheel's list; `recorded["files"]` then says so.
    """
    verified: dict[str, str] = {}
    recorded: dict[str, str] = {}
    departures: list[str] = []
    specs = sources() / "specs"
    for provider, entries in _lock(specs / "lock.toml", departures).items():
        recorded |= _source(provider, specs / provider / "source.toml")
        for name, value in entries.items():
            entry = f"{provider}/{name}"
            found = _recomputed(provider, name, specs)
            if found is None:
                recorded[entry] = value
            elif found == value:
                verified[entry] = value
            else:
                departures.append(f"{entry}: changed, missing or added files: it is {found}, and the lock says {value}")
        package = _folder(f"refundry_{provider}")
        if package is not None and f"{provider}/tree" in verified:
            verified[f"{provider}/effective contract"] = sha256((package / "contract.json").read_bytes())
    installed = _installed()
    if installed is None:
        recorded["files"] = "not compared: this is a source tree, or its installer kept no list of the wheel's files"
    else:
        faults = [*_file_faults(installed)]
        departures += faults
        if not faults:
            verified["files"] = f"{len(_listed(installed))} files as the wheel listed them"
    return Provenance(refundry.__version__, verified, recorded, tuple(departures))


def sources() -> Path:
    """Return the folder that has the contracts and the changelog: in the wheel, or the root of the source tree."""
    carried = _HERE / "_sources"
    return carried if carried.is_dir() else _HERE.parents[1]


def _lock(path: Path, departures: list[str]) -> dict[str, dict[str, str]]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        departures.append("refundry/_sources/specs/lock.toml: missing; nothing can be compared with it")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        departures.append("refundry/_sources/specs/lock.toml: changed; it cannot be read")
    return {}


def _source(provider: str, path: Path) -> dict[str, str]:
    try:
        source = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return {}  # named as a departure of its own hash
    return {f"{provider}/{name}": str(source[name]) for name in ("address", "retrieved") if name in source}


def _recomputed(provider: str, name: str, specs: Path) -> str | None:
    """Return the hash of an entry as it is now, "missing" where there is nothing; None for what is only recorded."""
    if name in _FILES:
        path = specs / provider / _FILES[name]
        return sha256(path.read_bytes()) if path.is_file() else "missing"
    if name == "tree":
        package = _folder(f"refundry_{provider}")
        return _tree(package) if package is not None else "missing"
    return None


def _folder(package: str) -> Path | None:
    """Return the folder of an import package, without importing it."""
    spec = find_spec(package)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _tree(package: Path) -> str:
    return tree_hash({name: path.read_bytes() for name, path in _files(package)})


def tree_hash(files: Mapping[str, bytes]) -> str:
    """Return one hash of a tree, as the lock has it: of each file's hash and path, as `sha256sum` writes them."""
    lines = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)]
    return sha256("".join(lines).encode())


def _files(package: Path) -> list[tuple[str, Path]]:
    paths = (path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sorted((path.relative_to(package).as_posix(), path) for path in paths)


def sha256(content: bytes) -> str:
    """Return the hash of some bytes, as the lock has it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _installed() -> Distribution | None:
    """Return the installed distribution that this module belongs to; None in a source tree, or without its list."""
    try:
        found = distribution("refundry")
    except PackageNotFoundError:
        return None
    here = f"{_HERE.name}/{Path(__file__).name}"
    listed = {str(path) for path in found.files or ()}
    return (
        found if here in listed and Path(str(found.locate_file(here))).resolve() == Path(__file__).resolve() else None
    )


def _listed(installed: Distribution) -> dict[str, str]:
    """Return the recorded hash of each file of the wheel by its path, as the wheel wrote it: base64 without padding."""
    return {str(path): path.hash.value for path in installed.files or () if path.hash and path.hash.mode == "sha256"}


def _file_faults(installed: Distribution) -> Iterator[str]:
    listed = _listed(installed)
    for name, recorded in listed.items():
        path = Path(str(installed.locate_file(name)))
        if not path.is_file():
            yield f"{name}: missing"
        elif _urlsafe(path.read_bytes()) != recorded:
            yield f"{name}: changed"
    packages = {name.partition("/")[0] for name in listed if name.startswith("refundry")}
    for package in sorted(filter(str.isidentifier, packages)):
        folder = Path(str(installed.locate_file(package)))
        yield from (f"{package}/{name}: added" for name, _ in _files(folder) if f"{package}/{name}" not in listed)


def _urlsafe(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
