"""Write the generated packages: one a provider, made from its effective contract and swapped in whole."""

import argparse
import contextlib
import difflib
import gc
import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from scripts.document import ContractError, one_line
from scripts.generators import CONFIGURATION, OVERRIDES, TEMPLATES, package_name

ROOT = Path(__file__).resolve().parent.parent
GENERATED = ROOT / "generated"


@dataclass(frozen=True)
class _Worker:
    """A generator tool in a process of its own: it imports while the contracts are read, and takes job after job."""

    tool: str
    process: "subprocess.Popen[bytes]"
    errors: BinaryIO

    def start(self, provider: str, folder: Path) -> None:
        """Hand over a job; a job is one short line, so that this does not wait for the tool."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{json.dumps([provider, str(folder)])}\n".encode())
        except BrokenPipeError as error:
            raise self._stopped(provider) from error

    def finish(self, provider: str) -> float:
        """Wait for the oldest job, and return the seconds that it took. Raises ContractError when it was refused."""
        assert self.process.stdout is not None
        answer = self.process.stdout.readline()
        if not answer:
            raise self._stopped(provider)
        result = json.loads(answer)
        if "error" in result:
            raise ContractError(result["error"])
        return float(result["seconds"])

    def _stopped(self, provider: str) -> ContractError:
        self.process.wait()
        self.errors.seek(0)
        last = self.errors.read().decode(errors="replace").strip().rpartition("\n")[2]
        return ContractError(
            f"scripts/generators.py:1: {provider}: the generator of the {self.tool} stopped: {one_line(last)}; "
            "install the development requirements, or mend what the message names"
        )


@contextlib.contextmanager
def _worker(tool: str) -> Iterator[_Worker]:
    command = [sys.executable, "-m", "scripts.generators", tool]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, bufsize=0
        ) as process,
    ):
        try:
            yield _Worker(tool, process, errors)
        finally:
            process.kill()


def build(contracts: Iterable[tuple[str, Mapping[str, Any]]], target: Path, say: Callable[[str], None]) -> list[str]:
    """Write the package of every (provider, contract) into the folder `target`; return the providers.

    The two tools run side by side and are started before the first contract is asked for. Raises ContractError when
    a tool refuses a contract or leaves out a part of it.
    """
    with _worker("client") as client, _worker("schemas") as schemas, tempfile.TemporaryDirectory() as name:
        check_overrides()
        folders: dict[str, Path] = {}
        for provider, contract in contracts:
            folder = folders[provider] = Path(name, provider)
            folder.mkdir()
            text = json.dumps(contract, ensure_ascii=False, allow_nan=False, indent=2)
            (folder / "contract.json").write_text(f"{text}\n", encoding="utf-8")
            client.start(provider, folder)
            schemas.start(provider, folder)
        for provider, folder in folders.items():
            say(f"{provider}: client {client.finish(provider):.2f} s, schemas {schemas.finish(provider):.2f} s")
            package = folder / package_name(provider)
            (package / "py.typed").touch()
            for file in ("schemas.py", "contract.json"):
                (folder / file).rename(package / file)
            shutil.move(package, target / package.name)
    _ruff(target)
    return list(folders)


def _ruff(folder: Path) -> None:
    for arguments in CONFIGURATION["ruff"]:
        command = [sys.executable, "-m", "ruff", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ContractError(
                f"scripts/generate.py:1: ruff {arguments[0]}: {one_line(done.stderr or done.stdout)}; "
                "the generated code is not Python: mend the contract or the templates"
            )


def check_overrides(templates: Path = TEMPLATES, upstream: Path | None = None) -> None:
    """Compare each override in the folder `templates` with the hash of the template that it was derived from.

    `upstream` is the folder of the tool's own templates; by default, those of the installed tool. Raises ContractError
    when the tool has another one, or an override is not recorded.
    """
    upstream = upstream or upstream_templates()
    place = "scripts/templates/upstream.toml:1"
    record = tomllib.loads((templates / "upstream.toml").read_text(encoding="utf-8"))
    folder = templates / OVERRIDES.name
    overrides = {path.relative_to(folder).as_posix() for path in folder.rglob("*.jinja")}
    for name in sorted(overrides ^ record["overrides"].keys()):
        raise ContractError(f"{place}: {name}: the override or its record is missing; write both or neither")
    for name in sorted(overrides):
        own = upstream / name
        if not own.is_file() or hashlib.sha256(own.read_bytes()).hexdigest() != record["overrides"][name]["sha256"]:
            raise ContractError(
                f"{place}: {name}: the template of {record['tool']} is not that of {record['version']}; "
                "re-read it, carry its changes into the override, and record its sha256 and the new version"
            )


def upstream_templates() -> Path:
    """Return the folder of the installed openapi-python-client's own templates, without importing it."""
    spec = importlib.util.find_spec("openapi_python_client")
    if spec is None or spec.origin is None:
        raise ContractError(
            "scripts/generate.py:1: openapi-python-client is not installed; install the development requirements"
        )
    return Path(spec.origin).parent / "templates"


def swap(fresh: Path, packages: Sequence[str], output: Path) -> None:
    """Put the `packages` of the folder `fresh` in the place of those in `output`, each by a rename.

    All are copied beside their places first, so that what can fail has failed before the first old one goes.
    """
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".swap-", dir=output) as name:
        scratch = Path(name)
        for package in packages:
            shutil.copytree(fresh / package, scratch / package)
        for package in packages:
            if (output / package).exists():
                (output / package).rename(scratch / f"{package}.old")
            (scratch / package).rename(output / package)


def tree(package: Path) -> dict[str, bytes]:
    """Return every file of a package by its path in it, sorted; the interpreter's `__pycache__` is not part of it."""
    return {
        path.relative_to(package).as_posix(): path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.generate",
        description="Write the generated packages and specs/lock.toml from the contracts in specs/.",
        epilog="Exit codes: 0 done, or nothing differs; 1 --check found a difference; 2 a contract is refused.",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="change nothing: generate into a temporary folder, print what differs from the output folder and the lock",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=GENERATED,
        metavar="DIR",
        help="the folder that holds the packages (default: generated/); the lock is about generated/ alone, "
        "and is neither written nor read for another one",
    )
    parser.add_argument(
        "--provider",
        action="append",
        metavar="P",
        help="only this provider, by the name of its folder in specs/; may be given several times (default: all)",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except ContractError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _effective(chosen: Sequence[str] | None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    # Imported when the tools are already starting: the validator of the contracts takes its time, too.
    from scripts.contract import PROVIDERS, effective

    for provider in dict.fromkeys(chosen or PROVIDERS):
        yield provider, effective(provider)


def _run(options: argparse.Namespace) -> int:
    started = time.perf_counter()
    output: Path = options.output.resolve()
    with tempfile.TemporaryDirectory() as name:
        fresh = Path(name)
        providers = build(_effective(options.provider), fresh, print)
        packages = [package_name(provider) for provider in providers]
        from scripts import lock

        if options.check:
            found = [diff(tree(output / package), tree(fresh / package), package, package) for package in packages]
            print("".join(found), end="")
            differences = [
                f"{package}: differs from its contract" for package, text in zip(packages, found, strict=True) if text
            ]
            if output == GENERATED:
                differences += lock.differences(providers)
            for difference in differences:
                print(difference)
            print(f"{'DIFFERENT' if differences else 'the same'}: {', '.join(packages)}, {_seconds(started)}")
            return 1 if differences else 0
        swap(fresh, packages, output)
    if output == GENERATED:
        lock.write(providers)
    print(f"written: {', '.join(packages)}, {_seconds(started)}")
    return 0


def _seconds(started: float) -> str:
    return f"{time.perf_counter() - started:.2f} s"


if __name__ == "__main__":
    gc.disable()
    sys.exit(main())
