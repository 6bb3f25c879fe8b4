"""`nox -s mutation`, over a package of one module: what it kills, what it reports, and what it fails on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
MODULE: Final = "LEAST = 5\n\n\ndef is_enough(units):\n    return units >= LEAST\n"
NOT_THE_BOUND: Final = "sample.py: is_enough: units >= LEAST -> units > LEAST"
ANOTHER_LEAST: Final = "sample.py: LEAST: 5 -> 6"
BEFORE: Final = "def test_bound():\n    from small.sample import is_enough\n"
WHOLE: Final = f"{BEFORE}    assert [is_enough(n) for n in (4, 5)] == [0, 1]\n"
WITHOUT_THE_BOUND: Final = WHOLE.replace("(4, 5)] == [0, 1]", "(4, 6)] == [0, 1]")
COMMAND: Final = """
import sys
from pathlib import Path
from scripts.mutation.__main__ import main
from scripts.mutation.children import Project
root = Path(sys.argv[1])
project = Project(root=root, sources=root, package="small", tests=("tests",), folder=root / "found", patience=1)
sys.exit(main(sys.argv[2:], project, ("sample",), root / "survivors.toml"))
"""


class Sample:
    """A package with one module and one test, in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "small").mkdir()
        (root / "small" / "__init__.py").touch()
        (root / "tests").mkdir()
        (root / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        self.write(MODULE, WHOLE)

    def write(self, module: str, test: str, survivors: str = "") -> None:
        """Write the module, its test, and the list of survivors."""
        (self.root / "small" / "sample.py").write_text(module, encoding="utf-8")
        (self.root / "tests" / "test_sample.py").write_text(test, encoding="utf-8")
        (self.root / "survivors.toml").write_text(survivors, encoding="utf-8")

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run the command: its exit code, and what it prints."""
        ran = subprocess.run(
            [sys.executable, "-c", COMMAND, self.root, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # they take most of the time
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return ran.returncode, f"{ran.stdout}{ran.stderr}"


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """A sample whose test finds every mutant."""
    return Sample(tmp_path)


def listing(*mutants: str, reason: str = "for this test") -> str:
    """A list of survivors."""
    return f"[[group]]\nreason = {reason!r}\nmutants = {[*mutants]!r}\n"


def test_each_mutant_of_a_function_and_of_a_constant_is_killed_by_a_test_that_sees_it(sample: Sample) -> None:
    code, said = sample.run()
    assert code == 0, said
    assert "sample.py                         3        3          0   100.0%" in said


def test_a_survivor_is_named_and_fails_the_command_until_it_is_listed(sample: Sample) -> None:
    sample.write(MODULE, WITHOUT_THE_BOUND)
    code, said = sample.run()
    assert code == 1
    assert f"SURVIVED, and is not listed: {NOT_THE_BOUND}" in said


def test_a_listed_survivor_passes_where_enough_others_are_killed(sample: Sample) -> None:
    more = "".join(f"\n\ndef plus_{n}(units):\n    return units + {n}\n" for n in range(1, 9))
    test = "".join(f"    from small.sample import plus_{n}\n    assert plus_{n}(1) == {n + 1}\n" for n in range(1, 9))
    sample.write(f"{MODULE}{more}", f"{WITHOUT_THE_BOUND}{test}", listing(NOT_THE_BOUND, ANOTHER_LEAST))
    code, said = sample.run()
    assert code == 0, said
    assert "Each survivor is listed with its reason." in said


def test_a_listed_mutant_that_a_test_finds_fails_the_command(sample: Sample) -> None:
    sample.write(MODULE, WHOLE, listing(NOT_THE_BOUND))
    code, said = sample.run()
    assert code == 1
    assert f"LISTED, but found by tests/test_sample.py::test_bound: {NOT_THE_BOUND}" in said


def test_a_listed_mutant_that_is_no_longer_made_fails_the_command(sample: Sample) -> None:
    sample.write(MODULE, WHOLE, listing("sample.py: gone: 1 -> 2"))
    code, said = sample.run()
    assert code == 1
    assert "LISTED, but no longer made: sample.py: gone: 1 -> 2" in said


def test_a_listed_mutant_without_a_reason_is_refused(sample: Sample) -> None:
    sample.write(MODULE, WHOLE, listing(NOT_THE_BOUND, reason=" "))
    code, said = sample.run()
    assert code == 1
    assert "a group has no reason" in said


def test_too_few_killed_mutants_fail_the_command_though_each_survivor_is_listed(sample: Sample) -> None:
    sample.write(MODULE, WITHOUT_THE_BOUND, listing(NOT_THE_BOUND, ANOTHER_LEAST))
    code, said = sample.run()
    assert code == 1
    assert "33.3%" in said


def test_a_mutant_whose_code_never_ends_is_killed_by_the_time_limit(sample: Sample) -> None:
    module = "def countdown(n):\n    while n > 0:\n        n -= 1\n    return n\n"
    sample.write(module, "def test_it():\n    from small.sample import countdown\n    assert countdown(3) == 0\n")
    _, said = sample.run()
    found = (sample.root / "found" / "results.jsonl").read_text(encoding="utf-8")
    assert '"mutant": "sample.py: countdown: n -= 1 -> pass", ' in found, said
    (line,) = (line for line in found.splitlines() if "n -= 1 -> pass" in line)
    assert '"by": "the time limit"' in line


def test_tests_that_fail_over_the_module_as_it_is_are_named_and_nothing_is_mutated(sample: Sample) -> None:
    sample.write(MODULE, WHOLE.replace("[0, 1]", "[1, 0]"))
    code, said = sample.run()
    assert code == 1
    assert "these fail over the modules as they are: tests/test_sample.py::test_bound" in said


def test_a_test_that_fails_alone_finds_nothing_and_is_named(sample: Sample) -> None:
    before = "ran = []\n\ndef test_before():\n    ran.append(1)\n\n"
    alone = (
        f"def test_alone():\n    assert ran\n{WHOLE.partition(chr(10))[2].partition(chr(10))[0]}\n    is_enough(5)\n"
    )
    sample.write(MODULE, f"{before}{alone}")
    code, said = sample.run()
    assert code == 1
    assert "left out: tests/test_sample.py::test_alone, which fails in a child" in said
    assert "sample.py                         3        0          3     0.0%" in said


def test_a_package_whose_assertions_pytest_rewrites_is_mutated_all_the_same(sample: Sample) -> None:
    rewriting = "import pytest\n\npytest.register_assert_rewrite('small')\n"
    (sample.root / "tests" / "conftest.py").write_text(rewriting, encoding="utf-8")
    code, said = sample.run()
    assert code == 0, said


def test_a_module_that_the_tests_load_by_themselves_ends_the_run(sample: Sample) -> None:
    loading = (
        "import sys\nfrom importlib import util\n\n"
        "spec = util.spec_from_file_location('small.sample', 'small/sample.py')\n"
        "module = sys.modules['small.sample'] = util.module_from_spec(spec)\nspec.loader.exec_module(module)\n"
    )
    (sample.root / "tests" / "conftest.py").write_text(loading, encoding="utf-8")
    code, said = sample.run()
    assert code == 1, said
    assert "the tests ran over the module as it is" in said


def test_a_module_that_a_test_adds_to_the_package_is_passed_over(sample: Sample) -> None:
    (sample.root / "added.py").write_text("VALUE = 1\n", encoding="utf-8")
    added = (
        "from importlib import util\n\ndef test_added():\n"
        "    spec = util.spec_from_file_location('small.added', 'added.py')\n"
        "    module = util.module_from_spec(spec)\n    spec.loader.exec_module(module)\n    assert module.VALUE\n\n"
    )
    sample.write(MODULE, added + WHOLE)
    code, said = sample.run()
    assert code == 0, said


def test_a_run_that_is_continued_tries_only_what_it_has_no_verdict_of(sample: Sample) -> None:
    sample.run()
    results = sample.root / "found" / "results.jsonl"
    first, *rest = results.read_text(encoding="utf-8").splitlines(keepends=True)
    results.write_text("".join(rest), encoding="utf-8")
    code, said = sample.run("--continue")
    assert code == 0, said
    written = results.read_text(encoding="utf-8").splitlines(keepends=True)
    assert written[:-1] == rest
    assert written[-1].partition('"by"')[0] == first.partition('"by"')[0]


def test_a_module_that_is_not_mutated_is_no_argument(sample: Sample) -> None:
    code, said = sample.run("another")
    assert code == 2
    assert "not mutated: another; choose from sample" in said
