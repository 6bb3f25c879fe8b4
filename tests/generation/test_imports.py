"""The parts of scripts/ import one another downward: files, contracts, packages; then what uses them."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.generation.generated_support import ROOT

# The parts that each part of scripts/ may import.
ALLOWED = {
    "files": set(),
    "arguments": set(),
    "contracts": {"files"},
    "packages": {"files", "contracts"},
    "documentation": {"files", "contracts", "wire"},
    "wire": {"files"},
    "fuzz": {"files", "contracts", "documentation", "wire"},
    "demo": {"packages"},
    "new_provider": {"files", "contracts", "release"},
    "release": {"files", "contracts", "packages"},
    "smoke": {"files", "contracts"},
    "review": {"files", "contracts"},
    "ci": {"files"},
    "model": {"documentation"},
    "crash": {"arguments", "documentation"},
    "mutation": {"files", "documentation"},
    "simulate": {"arguments", "documentation", "model"},
}
# The command that takes a page in writes the news of it: it stands above the release, and nothing imports it.
COMMAND = "scripts.contracts.update"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "scripts").rglob("*.py")
}


def imports(path: Path) -> Iterator[str]:
    """Yield each module of scripts/ that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            of_module = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else str(node.module) for name in of_module]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] == "scripts")


def part(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"scripts"}))
def test_a_module_imports_its_own_part_and_those_below_it_alone(module: str) -> None:
    imported = {part(name) for name in imports(MODULES[module])}
    above = {"release"} if module == COMMAND else set()
    assert imported <= ALLOWED[part(module)] | {part(module)} | above


def test_no_module_imports_the_command_that_stands_above_the_release() -> None:
    assert COMMAND in MODULES
    assert not [module for module, path in MODULES.items() if COMMAND in imports(path)]


def test_no_module_of_scripts_imports_itself_by_way_of_others() -> None:
    assert sum(len(list(imports(path))) for path in MODULES.values()) > 50
    # Raises CycleError, which names the cycle.
    TopologicalSorter({module: set(imports(path)) for module, path in MODULES.items()}).prepare()
