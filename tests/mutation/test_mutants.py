"""The mutants of a piece of code: what is changed, and what is left alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from scripts.mutation.mutants import members, mutants

COLOURS = "from enum import Enum\nclass Colour(Enum):\n    RED = 1\n    BLUE = 2\n"


def changes(source: str, enumerations: str = "") -> list[str]:
    """What each mutant of a source changes."""
    return [one.change for one in mutants("a.py", source, members([ast.parse(enumerations)]))]


def in_function(line: str) -> str:
    """A function with one line."""
    return f"def f(a, b):\n    {line}\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pass; a == b", ["a == b -> pass", "a == b -> a != b"]),
        ("pass; a is not b", ["a is not b -> pass", "a is not b -> a is b"]),
        ("pass; a < b", ["a < b -> pass", "a < b -> a <= b"]),
        ("c = a in b", ["a in b -> a not in b"]),
        ("c = a and b", ["a and b -> a or b"]),
        ("c = not a", ["not a -> a"]),
        ("c = a - b", ["a - b -> a + b"]),
        ("c = a | b", ["a | b -> a", "a | b -> b"]),
        ("c = 2", ["2 -> 3"]),
        ("c = True", ["True -> False"]),
        ("c = 'word'", ["'word' -> 'XXword'"]),
        ("return a", ["return a -> return None"]),
        ("raise a", ["raise a -> pass"]),
        ("a.c = b", ["a.c = b -> pass"]),
        ("a += b", ["a += b -> pass"]),
        ("c = a.lower()", ["a.lower -> a.upper"]),
        ("c = any(a)", ["any -> all"]),
        ("c = a(b, d=b)", ["without d=b in a(b, d=b)"]),
        ("c = {a: b}", ["without a: b in {a: b}"]),
        ("c = [a]", ["without a in [a]"]),
        ("c = b in (a,)", ["b in (a,) -> b not in (a,)", "without a in (a,)"]),
        ("c = b if a else 0", ["a -> not a", "0 -> 1"]),
        ("c = [d for d in a if d]", ["d -> not d"]),
    ],
)
def test_each_kind_of_code_has_its_mutants(line: str, expected: list[str]) -> None:
    assert changes(in_function(line)) == expected


@pytest.mark.parametrize(
    "source",
    [
        'def f():\n    """Two."""\n',
        "def f(a: 'int | None' = None) -> 'str':\n    pass\n",
        "@decorated(True)\nclass A:\n    b: int\n",
        "import a\nfrom b import c as d\n",
        "A = int | str\nC = tuple[int, str]\nB = TypeVar('B')\n",
        "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    A = 1\n",
        "def f(a):\n    b = f'prose with {a}'\n",
        "def f():\n    b = 'prose of a message'\n",
        "def f():\n    return None\n",
    ],
)
def test_what_no_test_can_be_held_to_is_left_alone(source: str) -> None:
    assert changes(source) == []


def test_a_member_of_an_enumeration_becomes_the_next_one_also_by_an_alias() -> None:
    source = "_C, _D = Colour, dict\nA = Colour.RED\nB = _C.BLUE\n"
    found = changes(source, COLOURS)
    assert "Colour.RED -> Colour.BLUE" in found
    assert "_C.BLUE -> _C.RED" in found


def test_a_table_loses_each_entry_and_has_each_value_changed() -> None:
    assert changes("A = {'x': Colour.RED}\n", COLOURS) == [
        "without 'x': Colour.RED in {'x': Colour.RED}",
        "'x' -> 'XXx'",
        "Colour.RED -> Colour.BLUE",
    ]


def test_a_mutant_is_named_by_its_scope_and_a_second_one_of_the_same_text_by_a_number() -> None:
    source = "class A:\n    def f(self):\n        a = 1\n        b = 1\n"
    assert [str(one) for one in mutants("a.py", source, {})] == ["a.py: A.f: 1 -> 2", "a.py: A.f: 1 -> 2 (2)"]


def test_the_code_of_each_mutant_has_its_change_alone() -> None:
    source = "a = 1\nb = 2\n"
    results = []
    for mutant in mutants("a.py", source, {}):
        found: dict[str, int] = {}
        exec(mutant.compiled(Path("a.py")), found)  # the code of the two lines above
        results.append((found["a"], found["b"]))
    assert results == [(2, 2), (1, 3)]
