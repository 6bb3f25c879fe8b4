"""The surface: every public name of the facade and of the generated packages, as a flat table that can be compared.

It is read from the source and not by import, so that it says the same on each Python and with each release of attrs and
pydantic. (`griffe check` is the known tool for this. It does not see the fields of attrs classes, which are most of
what a service uses here.) A release stores one table a package in `surface/`, one name a line.

A name is `module:Class.member`. What stands for it says the kind, and whatever a user's code may rest on: parameters
with their kind, type and default, the type that is returned, fields with type and default, the values of an enum, the
bases of a class.
"""

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from scripts.contracts.providers import PROVIDERS, package_name
from scripts.files import ROOT
from scripts.packages.trees import GENERATED

FACADE = "refundry"
PACKAGES: tuple[str, ...] = (FACADE, *sorted(map(package_name, PROVIDERS)))
# The modules of the facade that the documentation imports from. All others are its own.
_FACADE_MODULES = (
    "refundry",
    "refundry.sandbox",
    "refundry.testing",
    "refundry.transport",
    "refundry.transport.over_httpx",
)
_DEPRECATED = "_DEPRECATED"

Entry = dict[str, Any]
Surface = dict[str, Entry]
"""For each public name what stands for it."""


class _Module(NamedTuple):
    name: str
    is_package: bool
    statements: Sequence[ast.stmt]

    def definitions(self) -> dict[str, ast.stmt]:
        """The statement that defines or imports each name; the last one, as when the module runs."""
        return {name: statement for statement in _flat(self.statements) for name in _bound(statement)}


def _flat(statements: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in statements:
        yield statement
        if isinstance(statement, ast.If):  # `if TYPE_CHECKING:`
            yield from _flat([*statement.body, *statement.orelse])


def _bound(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [statement.name]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.ImportFrom(names=names) | ast.Import(names=names):
            return [alias.asname or alias.name for alias in names]
        case _:
            return []


class _Package:
    """The source of one import package, each module read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self._modules: dict[str, _Module | None] = {}

    def module(self, name: str) -> _Module | None:
        if name not in self._modules:
            self._modules[name] = self._read(name)
        return self._modules[name]

    def _read(self, name: str) -> _Module | None:
        package, *inner = name.split(".")
        if package != self.name:
            return None
        path = self.folder.joinpath(*inner)
        # A stub stands for its module: the facade loads its names late, and only the stub says where from.
        for file in (path / "__init__.pyi", path / "__init__.py", path.with_suffix(".py")):
            if file.is_file():
                tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
                return _Module(name, file.stem == "__init__", tree.body)
        return None

    def public_modules(self) -> list[str]:
        if self.name == FACADE:
            return [*_FACADE_MODULES]
        paths = (path.relative_to(self.folder.parent).with_suffix("") for path in sorted(self.folder.rglob("*.py")))
        names = (".".join(path.parts).removesuffix(".__init__") for path in paths)
        return [name for name in names if not any(part.startswith("_") for part in name.split("."))]

    def origin(self, module: _Module, name: str) -> tuple[_Module, ast.stmt] | None:
        """Follow imports within the package to the module and statement that define a name."""
        statement = module.definitions().get(name)
        if not isinstance(statement, ast.ImportFrom):
            return (module, statement) if statement is not None else None
        target = self.module(_target(module, statement))
        (imported,) = (alias.name for alias in statement.names if (alias.asname or alias.name) == name)
        return self.origin(target, imported) if target is not None else None


def _target(module: _Module, statement: ast.ImportFrom) -> str:
    if not statement.level:
        return statement.module or ""
    parts = module.name.split(".")
    base = parts[: len(parts) - statement.level + module.is_package]
    return ".".join([*base, *([statement.module] if statement.module else [])])


def read(folder: Path) -> Surface:
    """Return the surface of the import package in this folder."""
    package = _Package(folder)
    modules = package.public_modules()
    found: Surface = {}
    for name in modules:
        module = package.module(name)
        if module is None:
            raise ValueError(
                f"{folder}: no module {name}; mend the list of public modules in scripts/release/surface.py"
            )
        found[f"{name}:"] = {"kind": "module"}
        for public in _public(module):
            found |= _name(package, module, public, set(modules))
    if package.name == FACADE:
        found |= {f"{FACADE}:{old}": {"kind": "deprecated", **row} for old, row in deprecated(folder).items()}
    return dict(sorted(found.items()))


def surfaces(root: Path = ROOT) -> dict[str, Surface]:
    """Return the surface of each package of the tree, by import name."""
    folders = {FACADE: root / "facade" / FACADE} | {
        name: root / GENERATED.name / name for name in PACKAGES if name != FACADE
    }
    return {name: read(folder) for name, folder in folders.items()}


def deprecated(folder: Path) -> dict[str, dict[str, str]]:
    """Return the table of deprecated names in the facade's `__init__.py`: old name -> new, since, gone_in."""
    for statement in ast.parse((folder / "__init__.py").read_text(encoding="utf-8")).body:
        if _DEPRECATED in _bound(statement) and isinstance(statement, ast.AnnAssign) and statement.value is not None:
            rows: dict[str, tuple[str, str, str]] = ast.literal_eval(statement.value)
            return {old: dict(zip(("new", "since", "gone_in"), row, strict=True)) for old, row in rows.items()}
    return {}


def dump(surface: Mapping[str, Entry]) -> str:
    """Return the text of a stored surface: JSON with one name a line, so that a diff shows what changed."""
    lines = [f"{json.dumps(name)}: {json.dumps(entry, sort_keys=True)}" for name, entry in sorted(surface.items())]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _public(module: _Module) -> list[str]:
    definitions = module.definitions()
    listed = definitions.get("__all__")
    if isinstance(listed, ast.Assign):
        return [*ast.literal_eval(listed.value)]
    imports = (ast.Import, ast.ImportFrom)
    return [
        name
        for name, statement in definitions.items()
        if not name.startswith("_")
        and not (isinstance(statement, ast.Assign) and _is_type_variable(statement.value))
        and (not isinstance(statement, imports) or _is_reexport(statement, name))
    ]


def _is_type_variable(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func).endswith(("TypeVar", "ParamSpec"))


def _is_reexport(statement: ast.Import | ast.ImportFrom, name: str) -> bool:
    # PEP 484: in a stub `import X as X` is public, and a plain import is not.
    return any(alias.name == alias.asname == name for alias in statement.names)


def _name(package: _Package, module: _Module, name: str, public_modules: set[str]) -> Surface:
    key = f"{module.name}:{name}"
    origin = package.origin(module, name)
    if origin is None:
        return {key: {"kind": "outside"}}  # a name of another library that a package passes on
    home, statement = origin
    if home.name != module.name and home.name in public_modules:
        return {key: {"kind": "alias", "of": f"{home.name}:{_bound(statement)[0]}"}}
    match statement:
        case ast.ClassDef():
            return _class(package, home, statement, key)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return {key: _function(statement, bound=False)}
        case _:
            return {key: _value(statement)}


def _value(statement: ast.stmt) -> Entry:
    match statement:
        case ast.AnnAssign(annotation=annotation):
            return {"kind": "value", "type": _type(annotation)}
        case ast.Assign(value=ast.BinOp() | ast.Subscript() | ast.Name() as value):
            return {"kind": "type", "type": _type(value)}
        case _:
            return {"kind": "value", "type": None}


def _class(package: _Package, module: _Module, statement: ast.ClassDef, key: str) -> Surface:
    bases = [base for base in map(ast.unparse, statement.bases) if not base.startswith("Generic[")]
    members: Surface = {}
    kept = []
    for base in bases:
        # What a private base gives belongs to the class. A public one has entries of its own.
        origin = package.origin(module, base)
        if base.startswith("_") and origin is not None and isinstance(origin[1], ast.ClassDef):
            inherited = _class(package, origin[0], origin[1], key)
            kept += inherited.pop(key)["bases"]
            members |= inherited
        else:
            kept.append(base)
    for name, entry in _members(statement, is_enum=_is_enum(package, module, statement)):
        members[f"{key}.{name}"] = entry
    return {key: {"kind": "class", "bases": kept}, **members}


def _is_enum(package: _Package, module: _Module, statement: ast.ClassDef) -> bool:
    """Whether a class is an enum, by itself or by a base that this package defines."""
    for base in map(ast.unparse, statement.bases):
        origin = package.origin(module, base)
        if base.endswith("Enum"):
            return True
        if origin is not None and isinstance(origin[1], ast.ClassDef) and _is_enum(package, origin[0], origin[1]):
            return True
    return False


def _members(statement: ast.ClassDef, *, is_enum: bool) -> Iterator[tuple[str, Entry]]:
    overloads: dict[str, list[Entry]] = {}
    for member in _flat(statement.body):
        match member:
            case ast.FunctionDef(name="__init__"):
                yield "__init__", _function(member, bound=True)
                yield from _attributes(member)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if not name.startswith("_"):
                entry = _function(member, bound=True)
                decorators = {ast.unparse(decorator) for decorator in member.decorator_list}
                if any(decorator.endswith("overload") for decorator in decorators):
                    overloads.setdefault(name, []).append(entry)
                elif decorators & {"property", "functools.cached_property", "cached_property"}:
                    yield name, {"kind": "attribute", "type": entry["returns"]}
                elif not any(decorator.endswith(".setter") for decorator in decorators):
                    yield name, {**entry, "overloads": overloads[name]} if name in overloads else entry
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield from _field(name, member)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if not name.startswith("_"):
                member_value = {"kind": "member", "value": ast.unparse(value)}
                yield name, member_value if is_enum else {"kind": "attribute", "type": None}
            case _:
                pass


def _field(name: str, member: ast.AnnAssign) -> Iterator[tuple[str, Entry]]:
    annotation, in_annotation = _unwrapped(member.annotation)
    options = in_annotation | _options(member.value)
    # attrs gives the constructor's argument another name than the attribute; that one is public.
    name = options.get("alias", name) if name.startswith("_") else name
    if name.startswith("_") or "ClassVar" in ast.unparse(annotation):
        return
    entry: Entry = {"kind": "field", "type": _type(annotation)}
    if member.value is not None:
        factory = options.get("default", options.get("factory", options.get("default_factory")))
        is_call = _is_field(member.value)
        if factory is not None or not is_call:
            entry["default"] = factory if is_call else ast.unparse(member.value)
    if "alias" in in_annotation:
        entry["alias"] = in_annotation["alias"]  # the name on the wire
    for option in ("init", "kw_only"):
        if option in options:
            entry[option] = options[option]
    yield name, entry


def _is_field(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func).lower().endswith("field")


def _options(value: ast.expr | None) -> dict[str, str]:
    if value is None or not _is_field(value) or not isinstance(value, ast.Call):
        return {}
    return {option.arg: _plain(option.value) for option in value.keywords if option.arg}


def _plain(value: ast.expr) -> str:
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ast.unparse(value)


def _unwrapped(annotation: ast.expr) -> tuple[ast.expr, dict[str, str]]:
    """Return the type within `Annotated[...]`, and the options of a `Field(...)` beside it."""
    match annotation:
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[inner, *metadata])):
            options = {name: value for each in metadata for name, value in _options(each).items()}
            return inner, options
        case _:
            return annotation, {}


def _attributes(constructor: ast.FunctionDef) -> Iterator[tuple[str, Entry]]:
    arguments = [*constructor.args.posonlyargs, *constructor.args.args, *constructor.args.kwonlyargs]
    types = {argument.arg: argument.annotation for argument in arguments}
    for node in ast.walk(constructor):
        match node:
            case ast.AnnAssign(target=ast.Attribute(value=ast.Name(id="self"), attr=name), annotation=annotation):
                found: ast.expr | None = annotation
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=ast.Name(id=given)):
                found = types.get(given)
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)]):
                found = None
            case _:
                continue
        if not name.startswith("_"):
            yield name, {"kind": "attribute", "type": _type(found)}


def _function(statement: ast.FunctionDef | ast.AsyncFunctionDef, *, bound: bool) -> Entry:
    arguments = statement.args
    static = any(ast.unparse(decorator) == "staticmethod" for decorator in statement.decorator_list)
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + [*arguments.defaults]
    only = len(arguments.posonlyargs)
    parameters = [
        _parameter(argument, "positional" if number < only else "any", default)
        for number, (argument, default) in enumerate(zip(positional, defaults, strict=True))
    ][1 if bound and not static else 0 :]
    if arguments.vararg:
        parameters.append(_parameter(arguments.vararg, "var-positional", None))
    parameters += [
        _parameter(argument, "keyword", default)
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    if arguments.kwarg:
        parameters.append(_parameter(arguments.kwarg, "var-keyword", None))
    is_async = isinstance(statement, ast.AsyncFunctionDef)
    return {"kind": "function", "async": is_async, "parameters": parameters, "returns": _type(statement.returns)}


def _parameter(argument: ast.arg, kind: str, default: ast.expr | None) -> Entry:
    entry: Entry = {"name": argument.arg, "kind": kind, "type": _type(argument.annotation)}
    return entry if default is None else {**entry, "default": ast.unparse(default)}


def _type(annotation: ast.expr | None) -> str | None:
    """Return a type as text, without what documents it and without the module that it is reached through."""
    if annotation is None:
        return None
    inner = _unwrapped(annotation)[0]
    if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
        inner = ast.parse(inner.value, mode="eval").body
    return ast.unparse(_Short().visit(inner))


class _Short(ast.NodeTransformer):
    """`datetime.datetime` and `datetime` are one type, and so are `Annotated[int, ...]` and `int`."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return ast.Name(node.attr)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        inner = _unwrapped(node)[0]
        self.generic_visit(inner)
        return inner
