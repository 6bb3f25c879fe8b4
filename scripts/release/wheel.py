"""Builds wheel and sdist, and checks them: what they hold, and that the same sources make the same bytes anywhere."""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from email.parser import Parser
from pathlib import Path

from scripts.contracts.errors import one_line
from scripts.contracts.providers import PROVIDERS
from scripts.files import ROOT
from scripts.release import sbom
from scripts.release.surface import PACKAGES
from scripts.release.version import current_version

# Another folder is the caller's. `C` is the only locale beside UTF-8 that every machine has.
ELSEWHERE: Mapping[str, str] = {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "PYTHONHASHSEED": "4", "PYTHONUTF8": "0"}
_UMASK = 0o077
_CHECKS: Mapping[str, Sequence[str]] = {
    "check-wheel-contents": ("check_wheel_contents",),
    "twine": ("twine", "check", "--strict"),
}


class BuildFailed(Exception):
    """The build backend refused; the message is what it said."""


def build(source: Path, output: Path, targets: Sequence[str] = ("sdist", "wheel"), *, elsewhere: bool = False) -> None:
    """Build the project at `source` into `output`; `elsewhere` with another umask, time zone, locale and hash seed."""
    command = [sys.executable, "-P", "-m", "hatchling", "build", "-d", str(output.resolve())]
    command += [word for target in targets for word in ("-t", target)]
    # The tree's packages are no part of the build's environment.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command,
        cwd=source,
        env={**environment, **ELSEWHERE} if elsewhere else environment,
        umask=_UMASK if elsewhere else -1,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BuildFailed(f"{' '.join(targets)}: the build failed: {one_line(done.stderr or done.stdout)}")


def built(folder: Path) -> tuple[Path, Path]:
    """Return the one wheel and the one sdist in a folder. Raises BuildFailed where there is another number of them."""
    found = [sorted(folder.glob(pattern)) for pattern in ("*.whl", "*.tar.gz")]
    if [len(files) for files in found] != [1, 1]:
        raise BuildFailed(f"{folder}: it holds not one wheel and one sdist; empty it, and build again")
    return found[0][0], found[1][0]


def wheel_from_sdist(sdist: Path, folder: Path) -> Path:
    """Unpack the sdist into `folder`, build the wheel there as on another machine, and return it."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    build(source, source / "dist", ("wheel",), elsewhere=True)
    (wheel,) = (source / "dist").glob("*.whl")
    return wheel


def problems(wheel: Path, sdist: Path, scratch: Path, root: Path = ROOT) -> list[str]:
    """Return what is wrong with a wheel and its sdist, one line each; none when they are what the tree makes.

    `scratch` is an empty folder to unpack into.
    """
    found = [*_contents(wheel, sdist, root)]
    if wheel_from_sdist(sdist, scratch / "sdist").read_bytes() != wheel.read_bytes():
        found.append(f"{wheel.name}: not the bytes that {sdist.name} makes elsewhere; build both from one tree")
    found += _provenance(wheel, scratch / "wheel")
    for tool, command in _CHECKS.items():
        files = [wheel] if tool == "check-wheel-contents" else [wheel, sdist]
        found += _tool(tool, [*command, *map(str, files)], root)
    return found + _tool("validate-pyproject", ["validate_pyproject", str(root / "pyproject.toml")], root)


def _contents(wheel: Path, sdist: Path, root: Path) -> Iterator[str]:
    version = current_version(root)
    information = f"refundry-{version}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    for name in sorted({name.partition("/")[0] for name in held} - {*PACKAGES, information}):
        yield f"{wheel.name}: {name}: neither a package nor the metadata of version {version}"
    metadata = Parser().parsestr(held.get(f"{information}/METADATA", b"").decode())
    if metadata["Version"] != version:
        yield f"{wheel.name}: it says version {metadata['Version']}, and the tree {version}; build it again"
    for name, content in _expected(root, information).items():
        if held.get(name) != content:
            yield f"{wheel.name}: {name}: {'other than in the tree' if name in held else 'missing'}; build it again"
    with tarfile.open(sdist) as source:
        file = f"refundry-{version}/{sbom.FILE}"
        member = source.extractfile(file) if file in source.getnames() else None
        if member is None or member.read() != (root / sbom.FILE).read_bytes():
            yield f"{sdist.name}: {sbom.FILE}: missing, or other than in the tree; build it again"


def _expected(root: Path, information: str) -> dict[str, bytes]:
    """Return what the wheel must hold of the tree: each source of the four packages and what is carried beside them."""
    folders = [root / "facade" / "refundry", *(root / "generated" / f"refundry_{each}" for each in PROVIDERS)]
    files = {
        f"{folder.name}/{path.relative_to(folder).as_posix()}": path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    carried = {
        "refundry/_sources/CHANGELOG.md": root / "CHANGELOG.md",
        "refundry/_sources/specs/lock.toml": root / "specs" / "lock.toml",
        f"{information}/sboms/{Path(sbom.FILE).name}": root / sbom.FILE,
        **{
            f"refundry/_sources/specs/{provider}/{path.name}": path
            for provider in PROVIDERS
            for path in (root / "specs" / provider).glob("*.*ml")
        },
    }
    return {name: path.read_bytes() for name, path in (files | carried).items()}


def _provenance(wheel: Path, folder: Path) -> list[str]:
    """Let the unpacked wheel verify itself, without the tree's packages in reach."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    code = "import sys; sys.path.insert(0, sys.argv.pop()); from refundry.__main__ import main; sys.exit(main())"
    command = [sys.executable, "-I", "-B", "-c", code, "provenance", "--json", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        return [f"{wheel.name}: provenance: {one_line(done.stderr)}"]
    found = json.loads(done.stdout)
    unlisted = [] if "files" in found["verified"] else ["it does not find its own list of files"]
    return [f"{wheel.name}: provenance: {departure}" for departure in (*found["departures"], *unlisted)]


def _tool(tool: str, arguments: Sequence[str], root: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-P", "-m", *arguments], cwd=root, capture_output=True, text=True, check=False
    )
    return [f"{tool}: {one_line(done.stdout + done.stderr)}"] if done.returncode else []
