"""A run: measures the tests once, then tries each mutant, and writes down what became of it."""

from __future__ import annotations

import ast
import hashlib
import json
import shutil
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import Any, Final

from scripts.mutation import children
from scripts.mutation.children import Child, Exchanged, Project
from scripts.mutation.mutants import Mutant, members, mutants
from scripts.mutation.selection import Coverage, Uses, file_of, named, noticing, used

_NOTHING_RAN: Final = 5
_SECONDS_FOR_ALL_TESTS: Final = 3600
_SECONDS_TO_COLLECT: Final = 120
_TIMES_AS_SLOW: Final = 20
_PAUSE: Final = 0.02
_FILES_FIRST: Final = 3

Finders = dict[str, Counter[str]]
"""How many mutants of each file each test has found."""


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: `by` is the test that found it, and empty where it has survived.

    `digest` is that of the module which it was made of.
    """

    mutant: str
    digest: str
    by: str
    tests: int
    seconds: float

    @property
    def survived(self) -> bool:
        """Whether no test has found it."""
        return not self.by


class Run:
    """The mutants of some modules, and what is known of them."""

    def __init__(self, project: Project, modules: Sequence[str], seconds_each: float) -> None:
        self._project, self._seconds_each = project, seconds_each
        self._results = project.folder / "results.jsonl"
        self._measured = project.folder / "measured.json"
        self._number = 0
        # Tests that pass over the modules as they are also in a child, and those that do not.
        self._trusted, self._unfit = set[str](), set[str]()
        paths = sorted(project.path("").rglob("*.py"))
        trees = {str(path.relative_to(project.path(""))): ast.parse(path.read_bytes()) for path in paths}
        self._uses, every = Uses(trees), members(trees.values())
        self._digests, self.mutants = dict[str, str](), list[Mutant]()
        for module in modules:
            file = f"{module.replace('.', '/')}.py"
            source = project.path(file).read_text(encoding="utf-8")
            self._digests[file] = hashlib.sha256(source.encode()).hexdigest()[:16]
            self.mutants += mutants(file, source, every)

    def known(self) -> dict[str, Verdict]:
        """What the file of results says of mutants of these modules as they are now."""
        lines = self._results.read_text(encoding="utf-8").splitlines() if self._results.exists() else ()
        every = (Verdict(**json.loads(line)) for line in lines)
        digests = {str(one): self._digests[one.file] for one in self.mutants}
        return {one.mutant: one for one in every if digests.get(one.mutant) == one.digest}

    def all(self, processes: int, known: Mapping[str, Verdict], *, measure: bool) -> dict[str, Verdict]:
        """Try each mutant of which nothing is known. SystemExit where the tests fail over the modules as they are."""
        self._project.folder.mkdir(exist_ok=True)
        (self._project.folder / ".gitignore").write_text("*\n", encoding="utf-8")
        self._forget_all_but(known)
        _tell("importing what the tests import")
        imported = self._alone(children.collect(self._project), _SECONDS_TO_COLLECT)
        children.import_libraries((*imported, *self._project.libraries))
        tests = None if measure else self._tests()
        if tests is None:
            self._measure()
            tests = self._tests()
            assert tests is not None
        verdicts, left = {**known}, [one for one in self.mutants if str(one) not in known]
        self._trusted.update(one.by for one in known.values())
        with self._results.open("a", encoding="utf-8") as results:
            finders: Finders = defaultdict(Counter)
            for one in known.values():
                finders[one.mutant.partition(":")[0]][one.by] += 1
            for number, verdict in enumerate(self._tried(left, tests, processes, finders), 1):
                verdicts[verdict.mutant] = verdict
                results.write(f"{json.dumps(asdict(verdict))}\n")
                results.flush()
                if verdict.survived:
                    _tell(f"survived: {verdict.mutant} ({verdict.tests} tests, {verdict.seconds:.0f} s)")
                if number % 50 == 0:
                    _tell(f"{number} of {len(left)}")
        return verdicts

    def _forget_all_but(self, known: Mapping[str, Verdict]) -> None:
        """Keep what is known, and the verdicts of other modules."""
        lines = self._results.read_text(encoding="utf-8").splitlines(keepends=True) if self._results.exists() else []
        others = [one for one in lines if json.loads(one)["mutant"].partition(":")[0] not in self._digests]
        kept = [f"{json.dumps(asdict(one))}\n" for one in known.values()]
        self._results.write_text("".join((*others, *kept)), encoding="utf-8")

    def _alone(self, work: Any, seconds: float) -> Any:
        folder = self._project.folder / "children" / "alone"
        shutil.rmtree(folder, ignore_errors=True)
        child = children.start(work, None, folder, seconds)
        try:
            while not (ended := children.ended(child))[0]:
                time.sleep(_PAUSE)
        finally:
            child.kill()
        if ended[1] is None:
            raise SystemExit(f"error: pytest did not end; its output is in {folder / 'output'}")
        return ended[1]

    def _measure(self) -> None:
        _tell("measuring which lines each test runs")
        found = self._alone(children.measure(self._project), _SECONDS_FOR_ALL_TESTS)
        if found["failed"] or found["code"]:
            output = self._project.folder / "children" / "alone" / "output"
            names = ", ".join(found["failed"]) or "collecting them"
            raise SystemExit(f"error: these fail over the modules as they are: {names}; their output is in {output}")
        self._measured.write_text(json.dumps({**found, "tests": self._project.tests}), encoding="utf-8")

    def _tests(self) -> Coverage | None:
        """What was measured of these tests; None where it was not, or of others."""
        found = json.loads(self._measured.read_text(encoding="utf-8")) if self._measured.exists() else {}
        if found.get("tests") != [*self._project.tests]:
            return None
        names = [*found["seconds"]]
        ran = {
            file: {int(line): frozenset(names[one] for one in ran) for line, ran in lines.items()}
            for file, lines in found["ran"].items()
        }
        root = self._project.root
        files = {file: used(ast.parse((root / file).read_bytes())) for file in dict.fromkeys(map(file_of, names))}
        return Coverage(found["seconds"], ran, files)

    def _tried(self, left: Iterable[Mutant], tests: Coverage, processes: int, finders: Finders) -> Iterator[Verdict]:
        waiting = iter(left)
        running: list[Child] = []
        try:
            while True:
                while len(running) < processes and (mutant := next(waiting, None)) is not None:
                    if chosen := self._chosen(mutant, tests, finders[mutant.file]):
                        trial = _Trial(mutant, _in_two(chosen), time.monotonic(), len(chosen))
                        running.append(self._started(trial, tests))
                    else:
                        yield self._verdict(mutant, "", 0, 0.0)
                if not running:
                    return
                time.sleep(_PAUSE)
                for child in [*running]:
                    has_ended, result = children.ended(child)
                    if has_ended:
                        running.remove(child)
                        shutil.rmtree(child.folder, ignore_errors=True)
                        trial = child.subject
                        by = _found_by(trial.mutant, result)
                        following = self._following(trial, by)
                        if following is not None and following.batches:
                            running.append(self._started(following, tests))
                        else:
                            by = (trial.accused or by) if following is None else ""
                            finders[trial.mutant.file][by] += 1
                            yield self._verdict(trial.mutant, by, trial.tests, time.monotonic() - trial.began)
        finally:
            for child in running:
                child.kill()

    def _chosen(self, mutant: Mutant, tests: Coverage, finders: Mapping[str, int]) -> list[str]:
        """Its tests, for a third of the time each: by name, by how many mutants of the file they found, the closest."""
        fit = [test for test in noticing(mutant.place, mutant.file, tests, self._uses) if test not in self._unfit]
        found = sorted((test for test in fit if test in finders), key=lambda test: -finders[test])
        chosen, seconds = dict[str, None](), 0.0
        for share, some in enumerate((named(fit, mutant.words), found, fit), 1):
            for test in some:
                if test not in chosen and seconds + tests.seconds[test] <= self._seconds_each * share / 3:
                    chosen[test] = None
                    seconds += tests.seconds[test]
        return [*chosen] or fit[:1]

    def _following(self, trial: _Trial, by: str) -> _Trial | None:
        """The trial that follows one in which this failed; None where there is a verdict on the mutant."""
        if not trial.accused:
            if not by:
                return replace(trial, batches=trial.batches[1:]) if trial.batches[1:] else None
            is_test = by in trial.batches[0]
            return replace(trial, accused=by) if is_test and by not in self._trusted else None
        if not by:
            self._trusted.add(trial.accused)
            return None
        unfit = by if by in trial.batches[0] else trial.accused
        _tell(f"left out: {unfit}, which fails in a child also over the modules as they are")
        self._unfit.add(unfit)
        batches = [[test for test in batch if test not in self._unfit] for batch in trial.batches]
        return replace(trial, batches=[batch for batch in batches if batch], accused="")

    def _started(self, trial: _Trial, tests: Coverage) -> Child:
        mutant = trial.mutant
        path = self._project.path(mutant.file)
        batch = trial.batches[0]
        if trial.accused:
            code, batch = compile(mutant.module, path, "exec"), batch[: batch.index(trial.accused) + 1]
        else:
            code = mutant.compiled(path)
        exchanged = Exchanged(self._project.module(mutant.file), path, code)
        seconds = {test: tests.seconds[test] for test in batch}
        self._number += 1
        folder = self._project.folder / "children" / str(self._number)
        shutil.rmtree(folder, ignore_errors=True)
        limit = _SECONDS_TO_COLLECT + _TIMES_AS_SLOW * sum(seconds.values())
        return children.start(children.try_out(self._project, exchanged, seconds), trial, folder, limit)

    def _verdict(self, mutant: Mutant, by: str, tests: int, seconds: float) -> Verdict:
        return Verdict(str(mutant), self._digests[mutant.file], by, tests, round(seconds, 2))


@dataclass(frozen=True)
class _Trial:
    """A mutant with the tests that it has not met yet, in batches.

    `accused` is the first test that failed in the first batch, where the batch is tried up to it over the module as it
    is: a test that fails there too has found nothing.
    """

    mutant: Mutant
    batches: Sequence[Sequence[str]]
    began: float
    tests: int
    accused: str = ""


def _in_two(tests: Sequence[str]) -> list[list[str]]:
    """The tests of the first few files, then the others: to collect many files takes longer than most tests do.

    Those of a file are together, for a fixture of theirs may be made once in a process.
    """
    by_file: dict[str, list[str]] = {}
    for test in tests:
        by_file.setdefault(file_of(test), []).append(test)
    files = [*by_file.values()]
    batches = [[*chain.from_iterable(some)] for some in (files[:_FILES_FIRST], files[_FILES_FIRST:])]
    return [batch for batch in batches if batch]


def _found_by(mutant: Mutant, result: Any) -> str:
    """The test that found a mutant, by the result of a child; empty where none did."""
    if result is None:
        return "the time limit"
    if not result["is_in_place"]:
        problem = "the tests ran over the module as it is, for something else loads it"
        raise SystemExit(f"error: {mutant}: {problem}; see that tests import it as any module")
    if result["code"] == _NOTHING_RAN:
        raise SystemExit(f"error: none of its tests can be found for {mutant}; measure anew, without --continue")
    return "" if result["code"] == 0 else result["failed"] or "the import of the tests"


def _tell(sentence: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {sentence}", file=sys.stderr, flush=True)
