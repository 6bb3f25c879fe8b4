"""Writes the generated packages, one a provider, from the effective contracts, and puts each in its place whole."""

import argparse
import datetime
import gc
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruff import find_ruff_bin  # type: ignore[import-untyped]  # it has no types of its own

from scripts.contracts import sources
from scripts.contracts.document import Document
from scripts.contracts.errors import ContractError, exit_code, one_line
from scripts.contracts.providers import PROVIDERS, package_name
from scripts.files import ROOT, swap
from scripts.packages import gate, lock, servers
from scripts.packages.generators import CONFIGURATION, as_text, remedy
from scripts.packages.overrides import check_overrides
from scripts.packages.trees import GENERATED, diff, tree
from scripts.packages.workers import worker


@dataclass(frozen=True)
class Taken(Document):
    """An effective contract, with the vendored one that it was made from and the day that one was taken."""

    vendored: Any
    retrieved: datetime.date


def build(
    contracts: Iterable[tuple[str, Document]],
    target: Path,
    say: Callable[[str], None],
    has_passed: Callable[[Path], bool] = gate.has_passed,
) -> list[str]:
    """Write the package of every (provider, contract) into the folder `target`; return the providers.

    Starts the two tools before it asks for the first contract, and runs them side by side. When all code is formatted,
    each tool imports its half of every package and compares it with the contract; not of a package that `has_passed`.
    Raises ContractError when a tool refuses a contract or leaves out a part of it.
    """
    # The temporary folder is outermost: it can be removed only after the tools that write into it have ended.
    with tempfile.TemporaryDirectory() as name, worker("client") as client, worker("schemas") as schemas:
        tools = (client, schemas)
        check_overrides()
        documents: dict[str, Document] = {}
        for provider, document in contracts:
            documents[provider] = document
            folder = Path(name, provider)
            folder.mkdir()
            (folder / "contract.json").write_text(as_text(document.data), encoding="utf-8")
            if isinstance(document, Taken):
                origin = {"vendored": document.vendored, "retrieved": document.retrieved.isoformat()}
                (folder / "origin.json").write_text(as_text(origin), encoding="utf-8")
            for tool in tools:
                tool.start("generate", provider, folder / "contract.json", folder)
        for provider, document in documents.items():
            took = [tool.finish(provider, document) for tool in tools]
            say(f"{provider}: client {took[0]:.2f} s, schemas {took[1]:.2f} s")
            folder = Path(name, provider)
            package = folder / package_name(provider)
            (package / "py.typed").touch()
            (folder / "schemas.py").rename(package / "schemas.py")
            shutil.move(package, target / package.name)
        _ruff(target, documents)
        waiting = [provider for provider in documents if not has_passed(target / package_name(provider))]
        for provider in waiting:
            for tool in tools:
                tool.start("verify", provider, target / package_name(provider) / "contract.json", target)
        for provider in waiting:
            for tool in tools:
                tool.finish(provider, documents[provider])
            gate.record(target / package_name(provider))
    return list(documents)


def _ruff(folder: Path, documents: Mapping[str, Document]) -> None:
    for arguments in CONFIGURATION["ruff"]:
        command = [find_ruff_bin(), *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            said = one_line(done.stderr or done.stdout)
            for provider, document in documents.items():
                if package_name(provider) in said:
                    raise document.error("", f"{provider}: the generated code is not Python: {said}", remedy(provider))
            place = "scripts/packages/generate.py:1"
            raise ContractError(f"{place}: ruff {arguments[0]}: {said}; mend what the message names")


def _parser(root: Path) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.packages.generate",
        description="Write the generated packages and specs/lock.toml from the contracts in specs/.",
        epilog="Exit codes: 0 done, or nothing differs; 1 --check found a difference; 2 a contract is refused.",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="change nothing: generate into a temporary folder, print what differs from the output folder and the lock",
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="import and compare each package, also one that has passed with the same tools before",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=root / GENERATED.name,
        metavar="DIR",
        help="the folder that holds the packages (default: generated/); only for generated/ itself is the lock "
        "written, or with --check compared",
    )
    parser.add_argument(
        "--provider",
        action="append",
        metavar="P",
        help="only this provider, by the name of its folder in specs/; may be given several times (default: all)",
    )
    return parser


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command on the project at `root`; return its exit code."""
    options = _parser(root).parse_args(arguments)
    return exit_code(lambda: _run(options, root))


def _effective(chosen: Sequence[str] | None, root: Path) -> Iterator[tuple[str, Document]]:
    # Imported while the tools start.
    from scripts.contracts import constructs
    from scripts.contracts.checks import refuse_invalid, refuse_unusable
    from scripts.contracts.contract import overlaid, vendored_document

    specs = root / "specs"
    documents: dict[str, Document] = {}
    for provider in dict.fromkeys(chosen or PROVIDERS):
        vendored = vendored_document(provider, specs)
        document = overlaid(provider, vendored, specs, refuse_unusable)
        source = sources.read(specs / provider)
        servers.check(provider, document, source)
        documents[provider] = document
        if counted := constructs.not_used(document.data):
            said = ", ".join(f"{number} {name}" for name, number in counted.items())
            print(f"{provider}: not used: {said}")
        yield provider, Taken(document.data, document.places, vendored.data, source.retrieved)
    # The tools work meanwhile: what they may not read was refused before, and nothing that they write is kept yet. To
    # import the validators takes as long as a tool does, so a contract that was valid before is not validated again.
    for provider, document in documents.items():
        if not lock.is_valid(provider, root):
            refuse_invalid(document)


def _run(options: argparse.Namespace, root: Path) -> int:
    started = time.perf_counter()
    output: Path = options.output.resolve()
    locked = output == (root / GENERATED.name).resolve()
    with tempfile.TemporaryDirectory() as name:
        fresh = Path(name)
        has_passed = (lambda _: False) if options.verify else gate.has_passed
        providers = build(_effective(options.provider, root), fresh, print, has_passed)
        packages = [package_name(provider) for provider in providers]
        if options.check:
            differences = _compare(fresh, providers, output)
            differences += lock.differences(providers, root) if locked else []
            for difference in differences:
                print(difference)
            print(f"{'DIFFERENT' if differences else 'the same'}: {', '.join(packages)}, {_seconds(started)}")
            return 1 if differences else 0
        if locked:
            # A lock that cannot be read is an error before the first package is replaced.
            lock.recorded(root)
        swap(fresh, packages, output)
    if locked:
        lock.write(providers, root)
    print(f"written: {', '.join(packages)}, {_seconds(started)}")
    return 0


def _compare(fresh: Path, providers: Sequence[str], output: Path) -> list[str]:
    """Print the diff of each package between two folders; return one line for each package that differs."""
    differences = []
    for package in map(package_name, providers):
        if text := diff(tree(output / package), tree(fresh / package), package, package):
            print(text, end="")
            differences.append(f"{package}: differs from its contract")
    return differences


def _seconds(started: float) -> str:
    return f"{time.perf_counter() - started:.2f} s"


if __name__ == "__main__":
    gc.disable()
    sys.exit(main())
