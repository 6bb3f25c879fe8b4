"""Compares a generated package with its contract: imports it, and counts operations, properties and enum values.

The generators lose parts of a contract in silence, each in its own way. Each loss shows as a module that cannot be
imported, or as an operation, property or enum value that is missing, left over or different.
"""

import contextlib
import importlib
import inspect
import re
import sys
import types
import typing
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from scripts.contracts import shapes
from scripts.contracts.errors import short
from scripts.contracts.openapi import identifier, operations
from scripts.contracts.pointers import keys
from scripts.contracts.shapes import Property, Shape
from scripts.packages.prepared import shapes_for_the_tools

# The packages that refundry and its extra `schemas` install. A generated module can rely on no others.
INSTALLED = frozenset(
    {"annotated_types", "anyio", "attr", "attrs", "certifi", "h11", "httpcore", "httpx", "idna", "pydantic"}
    | {"pydantic_core", "sniffio", "typing_extensions", "typing_inspection"}
)
_REQUEST = re.compile(r'\bmethod="(?P<method>[A-Z]+)",\s+path="(?P<path>[^"]*)"')

Problem = tuple[str, str]
"""The JSON Pointer of a part of the contract, and how the package differs from it."""
Shapes = Sequence[tuple[str, Shape]]
"""Shapes, each with its pointer in the contract or its class name in the package."""


def client_problems(contract: Mapping[str, Any], folder: Path, package: str) -> list[Problem]:
    """Return each difference between `folder`/`package`, without its schemas.py, and the contract.

    Imports each module of the package, so it is meant for a process of its own.
    """
    names = [name for name in _modules(folder, package) if name != f"{package}.schemas"]
    modules, problems = _imported(folder, names)
    if problems:
        return problems
    api, models = (
        [module for module in modules if module.__name__.startswith(f"{package}.{part}.")] for part in ("api", "models")
    )
    every = operations(contract)
    parameters = [at for pointer, *_ in every for at in shapes.parameter_schemas(contract, pointer)]
    wanted = shapes.wanted(contract, [*shapes.messages(contract), *parameters])
    found = list(_shapes(models, _attrs_shape))
    as_attrs = [(pointer, _as_attrs(shape)) for pointer, shape in wanted]
    ours = [("", _as_attrs(shape)) for _, shape in shapes_for_the_tools(contract)]
    return _operation_problems(contract, api) + _shape_problems("models", as_attrs, found, ours)


def schemas_problems(contract: Mapping[str, Any], folder: Path, package: str) -> list[Problem]:
    """Return each difference between `folder`/`package`/schemas.py and the contract.

    Imports the module, so it is meant for a process of its own.
    """
    modules, problems = _imported(folder, [f"{package}.schemas"])
    if problems:
        return problems
    wanted, found = shapes.wanted(contract, shapes.messages(contract)), _shapes(modules, _pydantic_shape)
    ours = [("", shape) for _, shape in shapes_for_the_tools(contract)]
    return _shape_problems("schemas.py", list(wanted), list(found), ours)


# --- what is there


def _modules(folder: Path, package: str) -> list[str]:
    files = sorted((folder / package).rglob("*.py"))
    return [".".join(file.relative_to(folder).with_suffix("").parts).removesuffix(".__init__") for file in files]


class _NothingElse(MetaPathFinder):
    """Finds nothing, and refuses a module that is installed here but not where the package is used."""

    def __init__(self, package: str) -> None:
        self._allowed = INSTALLED | sys.stdlib_module_names | {package, "__main__"}

    def allows(self, name: str) -> bool:
        return name.partition(".")[0] in self._allowed

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        del path, target
        if not self.allows(fullname):
            raise ModuleNotFoundError(f"{fullname} is no dependency of refundry", name=fullname)


@contextlib.contextmanager
def _importing(folder: Path, package: str) -> Iterator[None]:
    finder = _NothingElse(package)
    # Modules that this process has loaded would be found without the finder.
    hidden = {name: module for name, module in sys.modules.items() if not finder.allows(name)}
    for name in hidden:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    sys.meta_path.insert(0, finder)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    finally:
        sys.dont_write_bytecode = written
        sys.meta_path.remove(finder)
        sys.path.remove(str(folder))
        sys.modules.update(hidden)


def _imported(folder: Path, names: Sequence[str]) -> tuple[list[ModuleType], list[Problem]]:
    modules = []
    with _importing(folder, names[0].partition(".")[0]):
        for name in names:
            try:
                modules.append(importlib.import_module(name))
            except Exception as error:  # noqa: BLE001 - generated code raises SyntaxError, NameError, Pydantic's own
                return [], [("", f"{name} cannot be imported: {type(error).__name__}: {short(str(error))}")]
    return modules, []


def _shapes(modules: Iterable[ModuleType], of_model: Any) -> Iterator[tuple[str, Shape]]:
    for module in modules:
        for name, value in vars(module).items():
            if isinstance(value, type) and value.__module__ == module.__name__:
                shape = frozenset(member.value for member in value) if issubclass(value, Enum) else of_model(value)
                if shape:
                    yield name, shape


def _attrs_shape(model: type) -> Shape:
    import attrs

    fields = attrs.fields(model) if attrs.has(model) else ()
    named = (field for field in fields if field.name != "additional_properties")
    return frozenset(Property(field.name.removesuffix("_"), field.default is attrs.NOTHING) for field in named)


def _as_attrs(shape: Shape) -> Shape:
    """Return a shape as an attrs model has it: with Python names, and without what may be null."""
    return frozenset(
        Property(identifier(part.name), part.required) if isinstance(part, Property) else part for part in shape
    )


def _pydantic_shape(model: type) -> Shape:
    fields: Mapping[str, Any] = getattr(model, "model_fields", {})
    return frozenset(
        Property(field.alias or name, field.is_required(), field.is_required() and _takes_none(field.annotation))
        for name, field in fields.items()
        if name != "root"
    )


def _takes_none(annotation: Any) -> bool:
    if typing.get_origin(annotation) in (typing.Annotated, typing.Union, types.UnionType):
        return any(_takes_none(part) for part in typing.get_args(annotation))
    return annotation in (Any, types.NoneType)


# --- the comparison


def _shape_problems(where: str, wanted: Shapes, found: Shapes, also: Shapes) -> list[Problem]:
    there = Counter(shape for _, shape in found)
    # A named schema has a class of its own. Others may share a class, or have one for each operation that uses them.
    named = Counter(shape for pointer, shape in wanted if keys(pointer)[:-1] == ["components", "schemas"])
    problems: list[Problem] = []
    for pointer, shape in wanted:
        if not there[shape]:
            problems.append((pointer, f"{where} has no {_described(shape)}"))
        elif there[shape] < named[shape]:
            problems.append((pointer, f"{where} has not {named[shape]} times {_described(shape)}"))
    problems += [(at, f"{where} has no {_described(shape)}") for at, shape in also if not problems and not there[shape]]
    known = {shape for _, shape in (*also, *wanted)}
    return problems + [
        ("", f"{where}: {name} is {_described(shape)}, which the contract has not")
        for name, shape in found
        if shape not in known
    ]


def _described(shape: Shape) -> str:
    if all(isinstance(part, Property) for part in shape):
        return f"object with {short(', '.join(sorted(map(str, shape))))}"
    return f"enum of {short(', '.join(sorted(map(repr, shape))))}"


def _operation_problems(contract: Mapping[str, Any], modules: Iterable[ModuleType]) -> list[Problem]:
    wanted = {at: shapes.call(contract, at, method, path) for at, method, path, _ in operations(contract)}
    there = {built for module in modules if (built := _built(module))}
    unknown = sorted(there - {*wanted.values()})
    lacking = [(pointer, f"no function makes {call}") for pointer, call in wanted.items() if call not in there]
    return lacking + [("", f"a function makes {call}, which the contract has not") for call in unknown]


def _built(module: ModuleType) -> str | None:
    request = _REQUEST.search(inspect.getsource(module))
    if request is None:
        return None
    arguments = sorted(name.removesuffix("_") for name in inspect.signature(vars(module)["build_request"]).parameters)
    return f"{request['method']} {request['path'].replace('_}', '}')} ({', '.join(arguments)})"
