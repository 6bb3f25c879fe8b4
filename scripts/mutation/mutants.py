"""The mutants of a module: each small change of its syntax tree that a test has to notice.

A table is mutated as a function is: an entry that is left out, another member of an enumeration, another number. Left
alone are annotations, decorators, imports, and prose: a text with a space in it is for a person.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType
from typing import Any, Final

Members = Mapping[str, Sequence[str]]
"""The members of each enumeration, by the name of its class or an alias of it."""

_COMPARISONS: Final[Mapping[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
_OPERATORS: Final[Mapping[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
}
_PAIRS: Final = (("any", "all"), ("min", "max"), ("lower", "upper"), ("startswith", "endswith"))
_OTHER_NAME: Final = {name: other for pair in _PAIRS for name, other in (pair, pair[::-1])}
_UNTOUCHED: Final = {"annotation", "returns", "decorator_list", "bases", "format_spec"}
_FOR_TYPES: Final = {"TypeVar", "cast"}
_ENUMERATIONS: Final = {"Enum", "StrEnum", "IntEnum"}
_TYPE_CHECKING: Final = "TYPE_CHECKING"
_LOAD: Final = ast.Load()
_LONGEST: Final = 100
_WORD: Final = re.compile(r"\w{4,}")


@dataclass(frozen=True)
class Place:
    """Where a part of a module stands.

    `lines` are the lines that run when it does. Outside of every function `names` are what its statement binds: whoever
    uses one of them depends on it. `texts` are the texts that change there.
    """

    scope: tuple[str, ...] = ()
    lines: range = range(0)
    names: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Mutant:
    """One change of a module: `old` becomes `new` in a field of `parent`. Its text names it, also after lines move."""

    file: str
    change: str
    place: Place
    module: ast.Module
    parent: ast.AST
    field: str
    index: int | None
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.file}: {'.'.join(self.place.scope) or 'module'}: {self.change}"

    @property
    def words(self) -> frozenset[str]:
        """The words of what changes and of its name, in lower case: a test of it may have one in its own name."""
        changed = self.change.removeprefix("without ").partition(" -> ")[0].partition(" in ")[0]
        name = " ".join(self.place.scope[-1:]).replace("_", " ")
        return frozenset(_WORD.findall(f"{changed} {name}".lower()))

    def compiled(self, path: Path) -> CodeType:
        """The module with this change."""
        self._put(self.new)
        try:
            return compile(self.module, path, "exec")
        finally:
            self._put(self.old)

    def _put(self, node: Any) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def members(modules: Iterable[ast.Module]) -> dict[str, list[str]]:
    """The members of each enumeration that these modules define, by the name of its class."""
    return {
        node.name: [
            target.id
            for one in node.body
            if isinstance(one, ast.Assign)
            for target in one.targets
            if isinstance(target, ast.Name) and target.id.isupper()
        ]
        for module in modules
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef) and any(_name(base) in _ENUMERATIONS for base in node.bases)
    }


def mutants(file: str, source: str, members: Members) -> list[Mutant]:
    """Each mutant of a module, in the order of its lines. Two of one text are told apart by a number."""
    module = ast.parse(source)
    aliases = {
        alias.id: members[_name(named)]
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple)
        for alias, named in zip(node.targets[0].elts, node.value.elts, strict=True)
        if isinstance(alias, ast.Name) and _name(named) in members
    }
    found = list(_Finder(file, module, {**members, **aliases}).all())
    seen: Counter[str] = Counter()
    for number, mutant in enumerate(found):
        seen[str(mutant)] += 1
        if seen[str(mutant)] > 1:
            found[number] = replace(mutant, change=f"{mutant.change} ({seen[str(mutant)]})")
    return found


def bound(statement: ast.stmt) -> frozenset[str]:
    """The names that a statement binds where it stands."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return frozenset({statement.name})
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return frozenset(one.asname or one.name for one in statement.names)
    stored = (node for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    return frozenset(node.id for node in stored)


def header(statement: ast.AST) -> range:
    """The lines of a statement, without those of the statements within it."""
    first, last = getattr(statement, "lineno", 0), getattr(statement, "end_lineno", 0)
    body = getattr(statement, "body", None) or getattr(statement, "cases", None)
    if isinstance(body, list) and body:
        begins = getattr(body[0], "lineno", None) or body[0].pattern.lineno
        last = max(first, begins - 1)
    return range(first, last + 1)


class _Finder:
    """Walks over a module and finds its mutants."""

    def __init__(self, file: str, module: ast.Module, members: Members) -> None:
        self._file, self._module, self._members = file, module, members

    def all(self) -> Iterator[Mutant]:
        for index, statement in enumerate(self._module.body):
            yield from self._of_statement(self._module, "body", index, statement, Place())

    def _mutant(
        self, place: Place, parent: ast.AST, field: str, index: int | None, old: Any, new: Any, change: str = ""
    ) -> Mutant:
        if isinstance(new, ast.AST):
            ast.copy_location(new, old)
            ast.fix_missing_locations(new)
        if place.names and isinstance(old, ast.Constant) and isinstance(old.value, str):
            place = replace(place, texts=frozenset({old.value}))
        change = change or f"{_text(old)} -> {_text(new)}"
        return Mutant(self._file, change, place, self._module, parent, field, index, old, new)

    def _of_statement(
        self, parent: ast.AST, field: str, index: int | None, statement: ast.stmt, place: Place
    ) -> Iterator[Mutant]:
        if isinstance(statement, ast.Import | ast.ImportFrom | ast.Global | ast.Nonlocal | ast.Assert):
            return
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):  # a docstring
            return
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from self._of_function(statement, place)
            return
        if isinstance(statement, ast.ClassDef):
            inner = Place((*place.scope, statement.name), names=frozenset({*place.names, statement.name}))
            yield from self._of_body(statement, "body", inner)
            return
        if isinstance(statement, ast.If) and _name(statement.test) == _TYPE_CHECKING:
            return
        if isinstance(statement, ast.Assign) and _name(statement.targets[0]) == _TYPE_CHECKING:
            return
        inside = bool(place.lines)
        names = frozenset() if inside else place.names | bound(statement)
        named = () if inside else tuple(sorted(bound(statement)))[:1]
        here = Place((*place.scope, *named), header(statement), names)
        for new in _other_statements(statement):
            yield self._mutant(here, parent, field, index, statement, new)
        yield from self._of_fields(statement, here, outer=place)

    def _of_function(self, function: ast.FunctionDef | ast.AsyncFunctionDef, place: Place) -> Iterator[Mutant]:
        whole = range(function.body[0].lineno, (function.end_lineno or 0) + 1)
        inner = Place((*place.scope, function.name), whole)
        for field in ("defaults", "kw_defaults"):
            for index, default in enumerate(getattr(function.args, field)):
                if default is not None:
                    yield from self._of_expression(function.args, field, index, default, inner)
        yield from self._of_body(function, "body", inner)

    def _of_body(self, parent: ast.AST, field: str, place: Place) -> Iterator[Mutant]:
        for index, statement in enumerate(getattr(parent, field)):
            yield from self._of_statement(parent, field, index, statement, place)

    def _of_fields(self, node: ast.AST, place: Place, outer: Place | None = None) -> Iterator[Mutant]:
        for field, value in ast.iter_fields(node):
            if field in _UNTOUCHED:
                continue
            for index, child in enumerate(value if isinstance(value, list) else [value]):
                at = index if isinstance(value, list) else None
                if isinstance(child, ast.stmt):
                    yield from self._of_statement(node, field, at, child, outer or place)
                elif isinstance(child, ast.expr):
                    yield from self._of_expression(node, field, at, child, place)
                elif isinstance(child, ast.match_case):
                    lines = range(child.pattern.lineno, child.body[0].lineno)
                    yield from self._of_fields(child, replace(place, lines=lines), outer or place)
                elif isinstance(child, ast.AST):
                    yield from self._of_fields(child, place, outer or place)

    def _of_expression(
        self, parent: ast.AST, field: str, index: int | None, node: ast.expr, place: Place
    ) -> Iterator[Mutant]:
        if isinstance(node, ast.Call) and _name(node.func) in _FOR_TYPES:
            return
        is_alias = isinstance(node, ast.Subscript) or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr))
        if is_alias and place.names:  # of types
            return
        for new in self._other_expressions(node):
            yield self._mutant(place, parent, field, index, node, new)
        if field in ("test", "guard", "ifs") and not isinstance(node, ast.Compare | ast.BoolOp | ast.UnaryOp):
            yield self._mutant(place, parent, field, index, node, ast.UnaryOp(ast.Not(), node))
        if not isinstance(node, ast.Tuple) or place.names or isinstance(parent, ast.Compare):
            for new, what in _with_less(node):
                change = f"without {what} in {_text(node)}"
                yield self._mutant(place, parent, field, index, node, new, change)
        if isinstance(node, ast.JoinedStr) and any(_is_prose(one) for one in node.values):
            for number, value in enumerate(node.values):
                if not _is_text(value):
                    yield from self._of_expression(node, "values", number, value, place)
        else:
            yield from self._of_fields(node, place)

    def _other_expressions(self, node: ast.expr) -> Iterator[ast.expr]:
        match node:
            case ast.Compare():
                for index, operator in enumerate(node.ops):
                    other = _COMPARISONS[type(operator)]()
                    yield ast.Compare(node.left, [*node.ops[:index], other, *node.ops[index + 1 :]], node.comparators)
            case ast.BoolOp():
                yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
            case ast.UnaryOp(op=ast.Not() | ast.USub()):
                yield node.operand
            case ast.BinOp(op=ast.BitOr() | ast.BitAnd()):
                yield node.left
                yield node.right
            case ast.BinOp() if type(node.op) in _OPERATORS:
                yield ast.BinOp(node.left, _OPERATORS[type(node.op)](), node.right)
            case ast.Constant(value=bool(value)):
                yield ast.Constant(not value)
            case ast.Constant(value=int(value) | float(value)):
                yield ast.Constant(value + 1)
            case ast.Constant(value=str(value)) if " " not in value:
                yield ast.Constant(f"XX{value}")
            case ast.Constant(value=bytes(value)):
                yield ast.Constant(b"XX" + value)
            case ast.Attribute(value=ast.Name(id=name), attr=attr) if attr in self._members.get(name, ()):
                every = self._members[name]
                if len(every) > 1:
                    yield ast.Attribute(node.value, every[(every.index(attr) + 1) % len(every)], node.ctx)
            case ast.Attribute(attr=attr) if attr in _OTHER_NAME:
                yield ast.Attribute(node.value, _OTHER_NAME[attr], node.ctx)
            case ast.Name(id=name) if name in _OTHER_NAME:
                yield ast.Name(_OTHER_NAME[name], node.ctx)


def _with_less(node: ast.expr) -> Iterator[tuple[ast.expr, str]]:
    """The expression without one of its entries, elements or named arguments, and the text of what is left out."""
    match node:
        case ast.Dict(keys, values):
            for index, (key, value) in enumerate(zip(keys, values, strict=True)):
                what = f"{_text(key)}: {_text(value)}" if key else f"**{_text(value)}"
                yield ast.Dict(_without(keys, index), _without(values, index)), what
        case ast.Set(elements):
            for index, element in enumerate(elements):
                yield ast.Set(_without(elements, index) or [ast.Starred(ast.Tuple([], _LOAD), _LOAD)]), _text(element)
        case ast.List(elements, ast.Load()) | ast.Tuple(elements, ast.Load()):
            for index, element in enumerate(elements):
                yield type(node)(_without(elements, index), _LOAD), _text(element)
        case ast.Call(function, arguments, keywords):
            for index, keyword in enumerate(keywords):
                what = f"{keyword.arg}={_text(keyword.value)}" if keyword.arg else f"**{_text(keyword.value)}"
                yield ast.Call(function, arguments, _without(keywords, index)), what


def _other_statements(statement: ast.stmt) -> Iterator[ast.stmt]:
    match statement:
        case ast.Return(value=ast.Constant(value=None | bool())) | ast.Return(value=None):
            pass
        case ast.Return():
            yield ast.Return(ast.Constant(None))
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()
        case ast.Expr() | ast.AugAssign() | ast.Delete() | ast.Raise():
            yield ast.Pass()
        case ast.Assign(targets=targets) if not any(isinstance(one, ast.Name | ast.Tuple) for one in targets):
            yield ast.Pass()


def _without(elements: Sequence[Any], index: int) -> list[Any]:
    return [*elements[:index], *elements[index + 1 :]]


def _is_prose(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and " " in str(node.value)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _text(node: ast.AST) -> str:
    """The source of a part of a module, on one line, and cut in the middle where it is long."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 2 :]}"
