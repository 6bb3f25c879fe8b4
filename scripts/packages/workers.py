"""The generator tools as processes of their own, and the one line a job that passes between them and the build."""

import contextlib
import gc
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from scripts.contracts.errors import ContractError, one_line, short
from scripts.contracts.providers import package_name
from scripts.files import ROOT
from scripts.packages import verify
from scripts.packages.generators import Refused, named_in, remedy, write_client, write_schemas

if TYPE_CHECKING:
    from scripts.contracts.document import Document

LONGEST_SECONDS = 300.0
"""The time limit of one job. The largest contracts take a tenth of it."""


@dataclass(frozen=True)
class Worker:
    """A generator tool in a process of its own. It imports while the contracts are read, and does job after job."""

    tool: str
    process: "subprocess.Popen[bytes]"
    errors: BinaryIO

    def start(self, task: str, provider: str, contract: Path, folder: Path) -> None:
        """Hand over a job. A job is one short line, which a pipe takes at once."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{json.dumps([task, provider, str(contract), str(folder)])}\n".encode())
        except BrokenPipeError as error:
            raise self._stopped(provider) from error

    def finish(self, provider: str, document: "Document") -> float:
        """Wait for the oldest job; return the seconds that it took. Raises ContractError when the tool refused it."""
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
        problem = f"{provider}: the generator of the {self.tool} stopped: {one_line(last)}"
        mend = "install the development requirements, or mend what the message names"
        return ContractError(f"scripts/packages/generators.py:1: {problem}; {mend}")


@contextlib.contextmanager
def worker(tool: str) -> Iterator[Worker]:
    """Start the process of a tool, "client" or "schemas", and end it with the block."""
    command = [sys.executable, "-m", "scripts.packages.workers", tool]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, bufsize=0
        ) as process,
    ):
        try:
            yield Worker(tool, process, errors)
        finally:
            process.kill()


# --- the process of a tool


_Task = Callable[[str, Mapping[str, Any], Path], None]


def _verified(problems: Callable[[Mapping[str, Any], Path, str], list[verify.Problem]]) -> _Task:
    def task(provider: str, contract: Mapping[str, Any], folder: Path) -> None:
        found = problems(contract, folder, package_name(provider))
        for pointer, problem in found:
            more = f" (and {len(found) - 1} more)" if found[1:] else ""
            raise Refused(provider, f"generated amiss: {problem}{more}", pointer)

    return task


# Each process first writes its half of every package. When all code has its final form, it verifies that half: it has
# loaded already what the generated code imports.
TASKS: Mapping[str, Mapping[str, _Task]] = {
    "client": {"generate": write_client, "verify": _verified(verify.client_problems)},
    "schemas": {"generate": write_schemas, "verify": _verified(verify.schemas_problems)},
}
_IMPORTS = {
    "client": ("openapi_python_client.config",),
    "schemas": ("datamodel_code_generator.parser.openapi", "datamodel_code_generator.config"),
}


def serve(tool: str) -> None:
    """Do each job of standard input, one JSON line [task, provider, path of the contract, folder], and answer each.

    The answer is one JSON line: {"seconds": ...}; {"problem": ..., "pointer": ...} when the contract is refused;
    {"broken": ...} when the fault is not the contract's.
    """
    # The process is short-lived and makes few cycles: the collector would take a tenth of its time.
    gc.disable()
    for module in _IMPORTS[tool]:
        import_module(module)
    for line in sys.stdin:
        task, provider, contract, folder = json.loads(line)
        print(json.dumps(_answer(TASKS[tool][task], provider, Path(contract), Path(folder))), flush=True)


def _answer(task: _Task, provider: str, path: Path, folder: Path) -> dict[str, object]:
    started = time.perf_counter()
    contract: dict[str, Any] = {}
    try:
        contract = json.loads(path.read_text(encoding="utf-8"))
        task(provider, contract, folder)
    except Refused as refused:
        return {"problem": refused.problem, "pointer": refused.pointer}
    except OSError as error:
        return {"broken": one_line(error)}
    except Exception as error:  # noqa: BLE001 - a tool raises whatever its code happens to meet in a strange contract
        problem = f"the tool stopped: {type(error).__name__}: {short(str(error))}"
        return {"problem": f"{provider}: {problem}", "pointer": named_in(contract, problem)}
    return {"seconds": time.perf_counter() - started}


if __name__ == "__main__":
    serve(sys.argv[1])
