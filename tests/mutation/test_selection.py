"""Which tests a mutant meets."""

from __future__ import annotations

import ast

from scripts.mutation.mutants import Mutant, members, mutants
from scripts.mutation.selection import Coverage, Uses, named, noticing, used

TABLES = "LIMIT = 3\nCODES = {LIMIT: 'x'}\n\ndef unused():\n    return 0\n"
READER = "from tables import CODES as k\n\ndef read(n):\n    return k.get(n)\n\ndef other(n):\n    return n + 1\n"
FILES = {"tables.py": ast.parse(TABLES), "reader.py": ast.parse(READER)}
RAN = Coverage(
    seconds={"slow": 2.0, "quick": 0.1, "other": 0.2},
    ran={"reader.py": {4: frozenset({"slow", "quick"}), 7: frozenset({"other"})}, "tables.py": {}},
)


def met(file: str, source: str, change: str) -> list[str]:
    """The tests that a mutant meets."""
    (mutant,) = (one for one in _all(file, source) if one.change == change)
    return noticing(mutant.place, file, RAN, Uses(FILES))


def _all(file: str, source: str) -> list[Mutant]:
    return mutants(file, source, members(FILES.values()))


def test_a_line_of_a_function_meets_the_tests_that_run_it() -> None:
    assert met("reader.py", READER, "n + 1 -> n - 1") == ["other"]


def test_of_tests_that_run_as_much_of_other_files_the_quickest_comes_first() -> None:
    assert met("reader.py", READER, "return k.get(n) -> return None") == ["quick", "slow"]


def test_a_test_that_runs_little_besides_the_file_comes_before_a_quicker_one_that_runs_much() -> None:
    ran = {"reader.py": RAN.ran["reader.py"], "elsewhere.py": {1: frozenset({"quick"}), 2: frozenset({"quick"})}}
    tests = Coverage(RAN.seconds, ran)
    assert tests.closest_first({"quick", "slow"}, "reader.py") == ["slow", "quick"]
    assert tests.closest_first({"quick", "slow"}, "elsewhere.py") == ["quick", "slow"]


THREE = frozenset({"a.py::1", "a.py::2", "b.py::1"})
SECONDS = {"a.py::1": 0.1, "a.py::2": 0.2, "b.py::1": 0.3, "idle.py::1": 0.1}


def test_the_first_test_of_each_file_comes_before_the_second_of_any() -> None:
    tests = Coverage(SECONDS, {"reader.py": {4: THREE}, "elsewhere.py": {1: THREE, 2: THREE}})
    assert tests.closest_first(THREE, "reader.py") == ["a.py::1", "b.py::1", "a.py::2"]


def test_the_tests_of_a_file_that_run_mostly_the_module_come_together() -> None:
    tests = Coverage(SECONDS, {"reader.py": {4: THREE}})
    assert tests.closest_first(THREE, "reader.py") == ["a.py::1", "a.py::2", "b.py::1"]


def test_the_tests_of_a_file_with_the_name_of_the_module_come_together() -> None:
    seconds = {"test_reader.py::1": 0.1, "test_reader.py::2": 0.2, "b.py::1": 0.1, "idle.py::1": 0.1}
    three = frozenset([*seconds][:3])
    tests = Coverage(seconds, {"reader.py": {4: three}, "elsewhere.py": {1: three, 2: three}})
    assert tests.closest_first(three, "reader.py") == ["b.py::1", "test_reader.py::1", "test_reader.py::2"]


def test_what_every_test_runs_takes_none_further_from_the_module() -> None:
    plugin = {line: frozenset(SECONDS) for line in (1, 2, 3)}
    tests = Coverage(SECONDS, {"reader.py": {4: THREE}, "plugin.py": plugin})
    assert tests.closest_first(THREE, "reader.py") == ["a.py::1", "a.py::2", "b.py::1"]


def test_a_table_meets_the_tests_that_run_a_line_which_uses_it_in_another_file_and_by_another_name() -> None:
    assert met("tables.py", TABLES, "'x' -> 'XXx'") == ["quick", "slow"]


def test_a_table_meets_the_tests_of_a_file_that_names_it_first_though_they_run_no_line() -> None:
    (mutant,) = (one for one in _all("tables.py", TABLES) if one.change == "'x' -> 'XXx'")
    named = {"tests.py": used(ast.parse("from tables import CODES\nassert CODES\n")), "others.py": frozenset({"LIMIT"})}
    ran = {**RAN.ran, "elsewhere.py": {1: frozenset({"tests.py::reads"})}}
    tests = Coverage({**RAN.seconds, "tests.py::reads": 9.0, "others.py::reads": 0.1}, ran, named)
    assert noticing(mutant.place, "tables.py", tests, Uses(FILES)) == ["tests.py::reads", "quick", "slow"]


def test_a_table_meets_the_tests_of_a_file_with_the_text_that_changes_before_all_others() -> None:
    (mutant,) = (one for one in _all("tables.py", TABLES) if one.change == "'x' -> 'XXx'")
    names = {"names.py": used(ast.parse("assert CODES\n")), "texts.py": used(ast.parse("assert read() == 'x'\n"))}
    tests = Coverage({**RAN.seconds, "names.py::reads": 0.1, "texts.py::reads": 9.0}, RAN.ran, names)
    fit = noticing(mutant.place, "tables.py", tests, Uses(FILES))
    assert fit == ["texts.py::reads", "names.py::reads", "quick", "slow"]


def test_a_test_of_a_line_with_the_name_comes_before_one_of_another_name_for_it() -> None:
    plain = "from tables import CODES\n\ndef plain(n):\n    return CODES[n]\n"
    tests = Coverage({**RAN.seconds, "plain": 9.0}, {**RAN.ran, "plain.py": {4: frozenset({"plain"})}})
    (mutant,) = (one for one in _all("tables.py", TABLES) if one.change == "'x' -> 'XXx'")
    uses = Uses({**FILES, "plain.py": ast.parse(plain)})
    assert noticing(mutant.place, "tables.py", tests, uses) == ["plain", "quick", "slow"]


def test_a_test_is_named_by_a_word_of_what_changes_or_of_its_name_where_few_tests_are() -> None:
    (mutant,) = (one for one in _all("a.py", "WORDS = {'voided': 1, 'paid': 2}\n") if "without 'voided'" in str(one))
    many = [f"tests.py::test_it[{number}]" for number in range(300)]
    tests = [*many, "tests.py::test_it[Voided]"]
    assert mutant.words == {"voided", "words"}
    assert named(tests, mutant.words) == ["tests.py::test_it[Voided]"]
    assert named(tests, {"test_it"}) == []


def test_what_only_a_table_uses_meets_the_tests_of_the_table() -> None:
    assert met("tables.py", TABLES, "3 -> 4") == ["quick", "slow"]


def test_a_line_that_no_test_runs_meets_none() -> None:
    assert met("tables.py", TABLES, "return 0 -> return None") == []
