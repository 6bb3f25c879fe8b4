"""The layers: in facade/refundry a module imports only modules of lower layers."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

import refundry
from refundry.accounts import KINDS

ROOT: Final = Path(str(refundry.__file__)).parent
# From the top down. Each line is a layer, and imports nothing of the lines above it; within a layer the only rule is
# that there is no import cycle. The modules that every module may use are at the end. Each provider has its own two.
ROOMS: Final = (
    ("__main__", "ledger.__main__"),
    ("pytest_plugin",),
    ("_provenance", "ledger.inspection"),
    ("client",),
    ("core",),
    (
        *("flows.attempts", "flows.calls", "flows.effects", "flows.lookup", "flows.refund", "flows.resolution"),
        *("flows.run", "flows.tokens"),
    ),
    ("ledger.archive",),
    ("ledger.answers", "ledger.accounts", "ledger.opening"),
    ("ledger.sqlite", "ledger.postgres"),
    ("ledger.database",),
    ("ledger.memory", "ledger.rows", "ledger.writer"),
    ("ledger.changes", "ledger.entry", "ledger.rules"),
    ("observe",),
    ("webhooks",),
    ("providers.registry", "providers.replies", "providers.credentials"),
    tuple(f"providers.{one}" for one in KINDS),
    ("providers.paybyrd_codes",),
    ("providers.translation", "providers.signatures", "providers.fields", "providers.idempotency"),
    ("echoes", "outcome"),
    ("environment", "capabilities"),
    tuple(f"accounts.{one}" for one in KINDS),
    ("accounts.account",),
    ("refund",),
    ("money", "validation", "limits"),
    ("errors",),
    ("wire",),
    ("redaction", "clock", "owner", "guard", "interruption", "later", "plain", "departures"),
)
RANKS: Final = {module: rank for rank, room in enumerate(ROOMS) for module in room}
# The packages beside the layers, with the modules that each may use.
BESIDE: Final = {
    "transport": {"guard", "interruption", "limits", "wire"},
    "sandbox": {"accounts", "departures", "errors", "money", "transport", "wire"},
    "testing": {"accounts", "client", "guard", "providers.idempotency", "sandbox", "transport"},
}
# An error carries its refund: its annotations name the type, and `from_dict` loads it when it is called.
NAMED_CIRCLE: Final = {("errors", "refund"), ("errors", "money")}
# The client makes a transport where it gets none; the others only name its type.
USES_TRANSPORT: Final = {"client", "flows.run", "accounts.account", *(f"accounts.{one}" for one in KINDS)}
# The plugin imports it once the fixture is used.
USES_TESTING: Final = {"pytest_plugin"}


def modules() -> Iterator[tuple[str, Path]]:
    """Yield each module of the facade, by its name within it."""
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix("__init__").rstrip(".")
        if name:
            yield name, path


NAMES: Final = dict(modules())


def imported_by(name: str) -> set[str]:
    """Return the modules of the facade that a module imports: at its head, in a function, for its types, or later."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(NAMES[name].read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "refundry":
            base = str(node.module).removeprefix("refundry").lstrip(".")
            found |= {inner if (inner := f"{base}.{one.name}".lstrip(".")) in NAMES else base for one in node.names}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Later":
            assert isinstance(node.args[0], ast.Constant)
            found.add(str(node.args[0].value).removeprefix("refundry."))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "refundry":
            found.add(vars(refundry)["_MODULE_OF"].get(node.attr, ""))
    return {one for one in found if one in NAMES and one != name}


def package_beside(name: str) -> str:
    """Return the package beside the layers that a module is in, or its own name."""
    first = name.split(".")[0]
    return first if first in BESIDE else name


def test_every_module_has_a_layer() -> None:
    in_rooms = {name for name, path in NAMES.items() if path.name != "__init__.py" and package_beside(name) == name}
    assert in_rooms == set(RANKS)


@pytest.mark.parametrize("name", [name for name in NAMES if name in RANKS])
def test_a_module_imports_only_lower_layers(name: str) -> None:
    others = imported_by(name) - {circle for module, circle in NAMED_CIRCLE if module == name}
    above = {other for other in others if RANKS.get(other, len(ROOMS)) < RANKS[name]}
    beside = {package_beside(other) for other in others} & set(BESIDE)
    users = {"transport": USES_TRANSPORT, "testing": USES_TESTING}
    assert {other for other in beside if name not in users.get(other, ())} == set()
    assert above == set()


@pytest.mark.parametrize("name", [name for name in NAMES if package_beside(name) in BESIDE])
def test_a_transport_and_the_sandbox_import_only_their_own_package_and_the_base_modules(name: str) -> None:
    room = package_beside(name)
    others = {package_beside(other) for other in imported_by(name)} - {room}
    assert others <= BESIDE[room]


def test_the_only_import_cycle_is_the_named_one() -> None:
    graph = {name: {other for other in imported_by(name) if (name, other) not in NAMED_CIRCLE} for name in NAMES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(f"these import each other: {' -> '.join(circle.args[1])}")
    assert imported_by("errors") & {"refund", "money"} == {"refund", "money"}
