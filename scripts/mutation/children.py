"""Runs pytest in a forked process, over the facade as it is or with one module exchanged.

The parent imports neither the facade nor a test, so that a child imports both anew; what others made is imported once.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import CodeType
from typing import Any, Final

import pytest

from scripts.mutation.selection import file_of

# The plugins of pytest are imported before it starts, and that is a warning.
_QUIET: Final = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
# pytest rewrites the assertions of a package that has a plugin, and then loads its modules itself.
_OPTIONS: Final = ("-q", "--no-header", "-p", "no:cacheprovider", "--capture=sys", "--assert=plain", *_QUIET)
# What a trial leaves out: tracebacks, for only the name of the test counts, and two collections of all garbage.
_IN_A_TRIAL: Final = ("-x", "--tb=no", "-p", "no:unraisableexception", "-p", "no:threadexception")
_TIMES_AS_SLOW: Final = 20


@dataclass(frozen=True)
class Project:
    """A package, the tests that are run over it, and a folder for what they write.

    `left_out` names the tests that are not run, as pytest's `-k` does. `libraries` are modules of the project that
    import nothing of the package. `patience` is how many seconds a test may take over a mutant, besides many times the
    seconds that it took before.
    """

    root: Path
    sources: Path
    package: str
    tests: Sequence[str]
    folder: Path
    left_out: str = ""
    libraries: Sequence[str] = ()
    patience: float = 20.0

    def module(self, file: str) -> str:
        """The name of the module in a file of the package."""
        name = ".".join((self.package, *Path(file).with_suffix("").parts))
        return name.removesuffix(".__init__")

    def path(self, file: str) -> Path:
        """Where a file of the package stands."""
        return self.sources / self.package / file


@dataclass(frozen=True)
class Exchanged(MetaPathFinder):
    """Gives one module other code."""

    module: str
    path: Path
    code: CodeType

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        """The module as Python finds it, with the other code."""
        if fullname != self.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None or spec.origin is None or not Path(spec.origin).samefile(self.path):
            raise ImportError(f"{fullname} is not imported from {self.path}, which is mutated: install it with pip -e")
        vars(spec.loader)["get_code"] = lambda _: self.code
        return spec

    @property
    def is_in_place(self) -> bool:
        """Whether the module has this code, where it was imported."""
        found = sys.modules.get(self.module)
        return found is None or "get_code" in vars(found.__loader__)


@dataclass(eq=False)
class Chosen:
    """A plugin for pytest: runs these tests in this order, and notes the first that fails.

    A test that takes far longer than the seconds that it took before ends the process.
    """

    seconds: Mapping[str, float]
    patience: float
    failed: str = ""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave the other tests out."""
        found = {item.nodeid: item for item in items}
        items[:] = [found[test] for test in self.seconds if test in found]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Limit the time of a test, also where it never comes back to Python."""
        faulthandler.dump_traceback_later(self.patience + _TIMES_AS_SLOW * self.seconds[nodeid], exit=True, file=2)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test ended."""
        if report.failed:
            self.failed = self.failed or report.nodeid


@dataclass(eq=False)
class Measured:
    """A plugin for pytest: notes which lines of the package each test runs, and its seconds of a processor."""

    project: Project
    seconds: dict[str, float] = field(default_factory=dict)
    ran: dict[str, dict[int, list[int]]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        import coverage  # a child that tries a mutant does not need it

        self._coverage = coverage.Coverage(data_file=None, config_file=False, source_pkgs=[self.project.package])
        self._coverage.start()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Note the lines that run for this test, and its time."""
        self._coverage.switch_context(item.nodeid)
        began = time.process_time()
        yield
        self.seconds[item.nodeid] = round(time.process_time() - began, 4)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that fails over the package as it is."""
        if report.failed:
            self.failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Read what was measured."""
        self._coverage.stop()
        data, numbers = self._coverage.get_data(), {test: number for number, test in enumerate(self.seconds)}
        folder = self.project.path("").resolve()
        for path in data.measured_files():
            if not Path(path).resolve().is_relative_to(folder):
                continue  # a test has added a module to the package
            file = str(Path(path).resolve().relative_to(folder))
            self.ran[file] = {
                line: [numbers[test] for test in tests if test] for line, tests in data.contexts_by_lineno(path).items()
            }


@dataclass(eq=False)
class Child:
    """A forked process, with what it was started for."""

    subject: Any
    pid: int
    folder: Path
    ends_at: float
    began: float = field(default_factory=time.monotonic)

    def kill(self) -> None:
        """End the process and what it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def import_libraries(names: Iterable[str]) -> None:
    """Import what others have made, so that each child finds it there."""
    for name in names:
        with suppress(Exception):  # what does not import here does not in a child
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


def start(work: Callable[[Path], object], subject: Any, folder: Path, seconds: float) -> Child:
    """Do this work in a forked process. Its result is JSON in the file `result` of the folder."""
    folder.mkdir(parents=True)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setsid()
            with (folder / "output").open("wb") as output, Path(os.devnull).open() as nothing:
                os.dup2(nothing.fileno(), 0)
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
            result = work(folder)
            (folder / "result").write_text(json.dumps(result), encoding="utf-8")
            code = 0
        except BaseException:  # noqa: BLE001 (the process ends below, whatever it was)
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return Child(subject, pid, folder, time.monotonic() + seconds)


def ended(child: Child) -> tuple[bool, Any]:
    """Whether a process has ended or run out of time, and its result: None if it has none."""
    pid, _ = os.waitpid(child.pid, os.WNOHANG)
    if pid == 0 and time.monotonic() < child.ends_at:
        return False, None
    child.kill()
    if pid == 0:
        os.waitpid(child.pid, 0)
    file = child.folder / "result"
    result = json.loads(file.read_text(encoding="utf-8")) if pid and file.exists() else None
    return True, result


def collect(project: Project) -> Callable[[Path], object]:
    """The work of the run that only looks which modules of others the tests import."""

    def work(folder: Path) -> object:
        _pytest(project, folder, project.tests, [], "--collect-only")
        files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
        return [name for name, file in files.items() if file and not Path(file).is_relative_to(project.root)]

    return work


def measure(project: Project) -> Callable[[Path], object]:
    """The work of the run that measures: all tests over the package as it is."""

    def work(folder: Path) -> object:
        measured = Measured(project)
        without = ("-k", f"not ({project.left_out})") if project.left_out else ()
        code = _pytest(project, folder, project.tests, [measured], *without)
        return {"code": code, "seconds": measured.seconds, "ran": measured.ran, "failed": sorted(measured.failed)}

    return work


def try_out(project: Project, exchanged: Exchanged, seconds: Mapping[str, float]) -> Callable[[Path], object]:
    """The work of a child that tries a mutant with these tests, in this order."""

    def work(folder: Path) -> object:
        sys.meta_path.insert(0, exchanged)
        chosen = Chosen(seconds, project.patience)
        files = dict.fromkeys(map(file_of, seconds))
        code = _pytest(project, folder, [*files], [chosen], *_IN_A_TRIAL)
        return {"code": code, "failed": chosen.failed, "is_in_place": exchanged.is_in_place}

    return work


def _pytest(project: Project, folder: Path, tests: Sequence[str], plugins: list[object], *options: str) -> int:
    os.chdir(project.root)
    os.environ["CI"] = "true"  # so that a property test uses the same examples each time
    sys.path[:0] = [str(project.sources)]
    return int(pytest.main([*_OPTIONS, *options, f"--basetemp={folder / 'tmp'}", *tests], plugins=plugins))
