"""Which tests can notice a mutant, as far as one run of all of them shows."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Final

from scripts.mutation.mutants import Place, bound, header

Lines = frozenset[tuple[str, int]]

_MOSTLY: Final = 0.5
_NEARLY_EVERY: Final = 0.95
_FEW: Final = 200


@dataclass(frozen=True)
class Coverage:
    """The tests of one run: how many seconds each took, and which of them ran each line of a file.

    `names` are those that each file of tests uses, and its texts.
    """

    seconds: Mapping[str, float]
    ran: Mapping[str, Mapping[int, frozenset[str]]]
    names: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def of_names(self, names: frozenset[str]) -> set[str]:
        """The tests of files that use one of these names or texts: a test may read a table and run no line."""
        files = {file for file, used in self.names.items() if not used.isdisjoint(names)}
        return {test for test in self.seconds if file_of(test) in files}

    def of_lines(self, lines: Iterable[tuple[str, int]]) -> set[str]:
        """The tests that ran one of these lines."""
        return {test for file, line in lines for test in self.ran.get(file, {}).get(line, ())}

    def closest_first(self, tests: Iterable[str], file: str) -> list[str]:
        """These tests in the order in which they are tried: those first that run little besides this file.

        After those that run mostly this file, or are in a file of its name, the first of each file of tests come before
        the second of any: such tests of one file are much alike.
        """
        own, all_lines, name = self._lines_run[file], self._lines_run[""], Path(file).stem

        def share(test: str) -> float:
            return own[test] / all_lines[test] if all_lines[test] else 1.0

        numbers: Counter[str] = Counter()
        numbered = list[tuple[int, str]]()
        for test in sorted(tests, key=lambda test: (-share(test), self.seconds[test], test)):
            where = file_of(test)
            numbered.append((numbers[where], test))
            numbers[where] += share(test) < _MOSTLY and name not in where.rpartition("/")[2]
        return [test for _, test in sorted(numbered, key=lambda one: one[0])]

    @cached_property
    def _lines_run(self) -> Mapping[str, Counter[str]]:
        """How many lines of each file each test runs; of all files under "".

        What nearly every test runs is left out, such as the hooks of a plugin: it says nothing of a test.
        """
        found: dict[str, Counter[str]] = defaultdict(Counter)
        most = _NEARLY_EVERY * len(self.seconds)
        for file, lines in self.ran.items():
            for tests in lines.values():
                found[file].update(tests if len(tests) <= most else ())
            found[""].update(found[file])
        return found


class Uses:
    """Which lines of functions depend on a name that a module or a class binds."""

    def __init__(self, modules: Mapping[str, ast.Module]) -> None:
        self._lines: dict[str, set[tuple[str, int]]] = defaultdict(set)
        self._binds: dict[str, set[str]] = defaultdict(set)
        for file, module in modules.items():
            self._read(file, module.body, frozenset(), inside=False)

    def direct(self, names: Iterable[str]) -> Lines:
        """The lines that use one of these names."""
        return frozenset(line for name in names for line in self._lines[name])

    def of(self, names: Iterable[str]) -> Lines:
        """The lines that use one of these names, or a name that is bound with the help of one."""
        found, waiting = set[str](), [*names]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self._binds[name]
        return self.direct(found)

    def _read(self, file: str, body: Iterable[ast.stmt], binds: frozenset[str], *, inside: bool) -> None:
        for statement in body:
            is_function = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
            names = binds if inside else binds | bound(statement)
            for node in _own(statement):
                name = _used(node)
                if inside:
                    self._lines[name].update((file, line) for line in header(statement))
                elif name:
                    self._binds[name] |= names - {name}
            within = frozenset() if is_function else names if isinstance(statement, ast.ClassDef) else binds
            for nested in ("body", "orelse", "finalbody"):
                self._read(file, getattr(statement, nested, ()), within, inside=inside or is_function)
            for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
                self._read(file, part.body, within, inside=inside or is_function)


def noticing(place: Place, file: str, tests: Coverage, uses: Uses) -> list[str]:
    """The tests that run this place of a file, or that use what it binds.

    Those of files with the text that changes come first, then those of files that name it, those that run a line with
    its name, and those of other names.
    """
    if not place.names:
        return tests.closest_first(tests.of_lines((file, line) for line in place.lines), file)
    lines = (uses.direct(place.names), uses.of(place.names))
    groups = (tests.of_names(place.texts), tests.of_names(place.names), *map(tests.of_lines, lines))
    return [*dict.fromkeys(chain.from_iterable(tests.closest_first(group, file) for group in groups))]


def named(tests: Sequence[str], words: Iterable[str]) -> list[str]:
    """Those of these tests whose names have one of these words, as far as few tests have it."""
    found = [[test for test in tests if word in test.lower()] for word in words]
    few = sorted((some for some in found if len(some) <= _FEW), key=len)
    return [*dict.fromkeys(chain.from_iterable(few))]


def file_of(test: str) -> str:
    """The file of a test."""
    return test.partition("::")[0]


def used(module: ast.Module) -> frozenset[str]:
    """The names that a module uses, and its texts."""
    texts = {node.value for node in ast.walk(module) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return frozenset(filter(None, {*map(_used, ast.walk(module)), *texts}))


def _own(statement: ast.stmt) -> Iterable[ast.AST]:
    """The nodes of a statement without its annotations, and without those of the statements within it."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        yield node
        types = (getattr(node, "annotation", None), getattr(node, "returns", None))
        children = (child for child in ast.iter_child_nodes(node) if child not in types)
        waiting += [child for child in children if not isinstance(child, ast.stmt)]


def _used(node: ast.AST) -> str:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else node.name if isinstance(node, ast.alias) else ""
