"""Write the generated packages: one a provider, made from its effective contract and swapped in whole."""

import argparse
import contextlib
import gc
import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from scripts.document import ContractError, Document, exit_code, one_line
from scripts.generators import CONFIGURATION, GENERATED, OVERRIDES, ROOT, TEMPLATES, package_name, remedy
from scripts.trees import diff, swap, tree

LONGEST_SECONDS = 300.0
"""How long a tool may take for one job. The largest contracts take a tenth of it."""


@dataclass(frozen=True)
class _Worker:
    """A generator tool in a process of its own: it imports while the contracts are read, and takes job after job."""

    tool: str
    process: "subprocess.Popen[bytes]"
    errors: BinaryIO

    def start(self, task: str, provider: str, contract: Path, folder: Path) -> None:
        """Hand over a job; a job is one short line, so that this does not wait for the tool."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{json.dumps([task, provider, str(contract), str(folder)])}\n".encode())
        except BrokenPipeError as error:
            raise self._stopped(provider) from error

    def finish(self, provider: str, document: Document) -> float:
        """Wait for the oldest job, and return the seconds that it took. Raises ContractError when it was refused."""
        assert self.process.stdout is not None
        late = threading.Event()
        timer = threading.Timer(LONGEST_SECONDS, self._give_up, [late])
        timer.start()
        try:
            answer = self.process.stdout.readline()
        finally:
            timer.cancel()
        if late.is_set():
            problem = f"{provider}: the generator of the {self.tool} did not end within {LONGEST_SECONDS:g} s"
            raise document.error("", problem, remedy(provider))
        if not answer:
            raise self._stopped(provider)
        result = json.loads(answer)
        if "problem" in result:
            raise document.error(result["pointer"], result["problem"], remedy(provider))
        if "broken" in result:
            raise OSError(f"{provider}: the generator of the {self.tool}: {result['broken']}")
        return float(result["seconds"])

    def _give_up(self, late: threading.Event) -> None:
        late.set()
        self.process.kill()

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


def build(contracts: Iterable[tuple[str, Document]], target: Path, say: Callable[[str], None]) -> list[str]:
    """Write the package of every (provider, contract) into the folder `target`; return the providers.

    The two tools run side by side and are started before the first contract is asked for; in the end each imports its
    half of all packages, and compares it with the contract. Raises ContractError when a tool refuses a contract or
    leaves out a part of it.
    """
    # The folder is the outermost: it can be removed only when no tool writes into it any more.
    with tempfile.TemporaryDirectory() as name, _worker("client") as client, _worker("schemas") as schemas:
        workers = (client, schemas)
        check_overrides()
        documents: dict[str, Document] = {}
        for provider, document in contracts:
            documents[provider] = document
            folder = Path(name, provider)
            folder.mkdir()
            text = json.dumps(document.data, ensure_ascii=False, allow_nan=False, indent=2)
            (folder / "contract.json").write_text(f"{text}\n", encoding="utf-8")
            for worker in workers:
                worker.start("generate", provider, folder / "contract.json", folder)
        for provider, document in documents.items():
            took = [worker.finish(provider, document) for worker in workers]
            say(f"{provider}: client {took[0]:.2f} s, schemas {took[1]:.2f} s")
            folder = Path(name, provider)
            package = folder / package_name(provider)
            (package / "py.typed").touch()
            for file in ("schemas.py", "contract.json"):
                (folder / file).rename(package / file)
            shutil.move(package, target / package.name)
        _ruff(target, documents)
        for provider in documents:
            for worker in workers:
                worker.start("verify", provider, target / package_name(provider) / "contract.json", target)
        for provider, document in documents.items():
            for worker in workers:
                worker.finish(provider, document)
    return list(documents)


def _ruff(folder: Path, documents: Mapping[str, Document]) -> None:
    for arguments in CONFIGURATION["ruff"]:
        command = [sys.executable, "-m", "ruff", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            said = one_line(done.stderr or done.stdout)
            for provider, document in documents.items():
                if package_name(provider) in said:
                    raise document.error("", f"{provider}: the generated code is not Python: {said}", remedy(provider))
            raise ContractError(f"scripts/generate.py:1: ruff {arguments[0]}: {said}; mend what the message names")


def check_overrides(templates: Path = TEMPLATES, upstream: Path | None = None) -> None:
    """Compare each override in the folder `templates` with the hash of the template that it was derived from.

    `upstream` is the folder of the tool's own templates; by default, those of the installed tool. Raises ContractError
    when the tool has another one, or an override is not recorded.
    """
    upstream = upstream or upstream_templates()
    place = "scripts/templates/upstream.toml:1"
    try:
        record = tomllib.loads((templates / "upstream.toml").read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ContractError(f"{place}: {one_line(error)}; restore the file") from error
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
    return exit_code(lambda: _run(options))


def _effective(chosen: Sequence[str] | None) -> Iterator[tuple[str, Document]]:
    # Imported when the tools are already starting: the validator of the contracts takes its time, too.
    from scripts.contract import PROVIDERS, effective_document

    for provider in dict.fromkeys(chosen or PROVIDERS):
        yield provider, effective_document(provider)


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
        if output == GENERATED:
            # A lock that cannot be read is an error before the first package goes.
            lock.recorded()
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
