"""What a changed surface does to those who use the names: a table of rules, and the comparison of two surfaces.

Each rule has an id and a class of `scripts.release.steps`. Where it cannot be known whether a change breaks anybody, it
counts as one that does: a type that changed, other than a parameter that takes more or a result that is one of fewer.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from scripts.release.steps import parts
from scripts.release.surface import Entry, Surface

RULES: Mapping[str, str] = {
    "name-removed": "breaks-name",
    "kind-changed": "breaks-name",
    "base-removed": "breaks-name",
    "type-changed": "breaks-name",
    "wire-name-changed": "breaks-name",
    "default-changed": "breaks-name",
    "default-removed": "breaks-name",
    "required-field-added": "breaks-name",
    "value-changed": "breaks-name",
    "alias-moved": "breaks-name",
    "constructor-changed": "breaks-name",
    "async-changed": "breaks-name",
    "result-widened": "breaks-name",
    "overloads-changed": "breaks-name",
    "parameter-removed": "breaks-name",
    "parameter-moved": "breaks-name",
    "parameter-kind-changed": "breaks-name",
    "required-parameter-added": "breaks-name",
    "name-deprecated": "deprecates",
    "name-added": "adds",
    "base-added": "adds",
    "default-added": "adds",
    "result-narrowed": "adds",
    "parameter-added": "adds",
    "parameter-widened": "adds",
}
"""The class of each rule."""


class SurfaceChange(NamedTuple):
    """One difference between two surfaces."""

    rule: str
    name: str
    sentence: str

    @property
    def change_class(self) -> str:
        """The class of the change, a key of `steps.TABLE`."""
        return RULES[self.rule]


def compare(before: Surface, after: Surface) -> list[SurfaceChange]:
    """Return the changes from one surface to another, by name. A member of a class that came or went is not named."""
    return [change for name in sorted(before.keys() | after.keys()) for change in _name(name, before, after)]


def removed_early(before: Surface, after: Surface, version: str) -> list[str]:
    """Return one line for each name of the facade that `version` may not take away yet, or still holds too long.

    A name of ours goes in the version that its deprecation named, and an earlier release must have held that.
    """
    lines = []
    for name, entry in before.items():
        package, _, public = name.partition(":")
        if package != "refundry" or not public or "." in public or name in after:
            continue
        if entry["kind"] != "deprecated":
            lines.append(f"{name}: no release deprecates it; put it into _DEPRECATED, and remove it in a later version")
        elif parts(version) < parts(entry["gone_in"]):
            lines.append(f"{name}: it was promised until {entry['gone_in']}; put it back, or release that version")
    for name, entry in after.items():
        if entry["kind"] == "deprecated" and parts(version) >= parts(entry["gone_in"]):
            lines.append(f"{name}: its deprecation says that it is gone in {entry['gone_in']}; remove the row")
    return lines


def _name(name: str, before: Surface, after: Surface) -> Iterator[SurfaceChange]:
    old, new = before.get(name), after.get(name)
    owner = _owner(name)
    if old is None and new is not None:
        if new["kind"] == "field" and owner in before and "default" not in new and "init" not in new:
            yield SurfaceChange("required-field-added", name, f"{name} is new, and must be given")
        elif _holds(before, owner):
            yield SurfaceChange("name-added", name, f"{name} is new")
    elif new is None and old is not None:
        if _holds(after, owner):
            yield SurfaceChange("name-removed", name, f"{name} is gone")
    elif old is not None and new is not None and old != new:
        yield from _entry(name, old, new)


def _owner(name: str) -> str | None:
    """Return the class that a member belongs to, or the module of a public name; None for a module."""
    module, _, public = name.partition(":")
    if not public:
        return None
    return f"{module}:{public.rpartition('.')[0]}"


def _holds(surface: Surface, owner: str | None) -> bool:
    """Whether the owner is there, so that a name of it can come or go by itself."""
    return owner is None or (owner in surface and surface[owner]["kind"] in ("class", "module"))


def _entry(name: str, old: Entry, new: Entry) -> Iterator[SurfaceChange]:
    if new["kind"] == "deprecated":
        if old["kind"] != "deprecated":
            sentence = f"{name} is deprecated: use {new['new']}; it goes in {new['gone_in']}"
            yield SurfaceChange("name-deprecated", name, sentence)
        return
    if old["kind"] != new["kind"]:
        yield SurfaceChange("kind-changed", name, f"{name} was a {old['kind']} and is a {new['kind']}")
        return
    yield from _BY_KIND.get(new["kind"], _typed)(name, old, new)


def _class(name: str, old: Entry, new: Entry) -> Iterator[SurfaceChange]:
    for base in old["bases"]:
        if base not in new["bases"]:
            yield SurfaceChange("base-removed", name, f"{name} is no {base} any more")
    for base in new["bases"]:
        if base not in old["bases"]:
            yield SurfaceChange("base-added", name, f"{name} is a {base} too")


def _alias(name: str, old: Entry, new: Entry) -> Iterator[SurfaceChange]:
    yield SurfaceChange("alias-moved", name, f"{name} was {old['of']} and is {new['of']}")


def _member(name: str, old: Entry, new: Entry) -> Iterator[SurfaceChange]:
    yield SurfaceChange("value-changed", name, f"{name} was {old['value']} and is {new['value']}")


def _typed(name: str, old: Entry, new: Entry) -> Iterator[SurfaceChange]:
    if old.get("type") != new.get("type"):
        yield SurfaceChange("type-changed", name, f"{name} was {old['type']} and is {new['type']}")
    if old.get("alias") != new.get("alias"):
        sentence = f"{name} was {old.get('alias')} on the wire and is {new.get('alias')}"
        yield SurfaceChange("wire-name-changed", name, sentence)
    if any(old.get(option) != new.get(option) for option in ("init", "kw_only")):
        yield SurfaceChange("constructor-changed", name, f"{name} is given to the constructor in another way")
    yield from _default(name, old, new)


def _default(name: str, old: Entry, new: Entry) -> Iterator[SurfaceChange]:
    had, has = "default" in old, "default" in new
    if had and not has:
        yield SurfaceChange("default-removed", name, f"{name} must be given now")
    elif has and not had:
        yield SurfaceChange("default-added", name, f"{name} may be left out now")
    elif had and old["default"] != new["default"]:
        sentence = f"{name} was {old['default']} where it is left out and is {new['default']}"
        yield SurfaceChange("default-changed", name, sentence)


def _function(name: str, old: Entry, new: Entry) -> Iterator[SurfaceChange]:
    if old["async"] != new["async"]:
        yield SurfaceChange("async-changed", name, f"{name} is {'a coroutine' if new['async'] else 'no coroutine'} now")
    if old.get("overloads") != new.get("overloads"):
        yield SurfaceChange("overloads-changed", name, f"{name} has other overloads")
    if old["returns"] != new["returns"]:
        narrowed = _alternatives(new["returns"]) < _alternatives(old["returns"])
        rule = "result-narrowed" if narrowed else "result-widened"
        yield SurfaceChange(rule, name, f"{name} returned {old['returns']} and returns {new['returns']}")
    yield from _parameters(name, old, new)


def _parameters(name: str, old: Entry, new: Entry) -> Iterator[SurfaceChange]:
    before = {each["name"]: each for each in old["parameters"]}
    after = {each["name"]: each for each in new["parameters"]}
    for parameter in sorted(before.keys() - after.keys()):
        yield SurfaceChange("parameter-removed", name, f"{name} takes no {parameter} any more")
    for parameter in sorted(after.keys() - before.keys()):
        required = "default" not in after[parameter] and not after[parameter]["kind"].startswith("var-")
        rule = "required-parameter-added" if required else "parameter-added"
        yield SurfaceChange(rule, name, f"{name} {'needs' if required else 'takes'} {parameter}")
    for parameter in (each for each in before if each in after):
        yield from _parameter(f"{name}({parameter})", before[parameter], after[parameter])
    if _positions(after)[: len(_positions(before))] != _positions(before) and before.keys() <= after.keys():
        yield SurfaceChange("parameter-moved", name, f"{name} takes its positional arguments in another order")


def _positions(parameters: Mapping[str, Entry]) -> list[str]:
    return [name for name, each in parameters.items() if each["kind"] in ("positional", "any")]


def _parameter(name: str, old: Entry, new: Entry) -> Iterator[SurfaceChange]:
    if old["kind"] != new["kind"]:
        rule = "parameter-widened" if new["kind"] == "any" else "parameter-kind-changed"
        yield SurfaceChange(rule, name, f"{name} was {old['kind']} and is {new['kind']}")
    if old["type"] != new["type"]:
        widened = _alternatives(old["type"]) < _alternatives(new["type"])
        rule = "parameter-widened" if widened else "type-changed"
        yield SurfaceChange(rule, name, f"{name} was {old['type']} and is {new['type']}")
    yield from _default(name, old, new)


def _alternatives(annotation: str | None) -> frozenset[str]:
    """Return the alternatives of a union as text; one for any other type, none where there is no annotation."""

    def split(node: ast.expr) -> Iterator[str]:
        match node:
            case ast.BinOp(op=ast.BitOr(), left=left, right=right):
                yield from split(left)
                yield from split(right)
            case _:
                yield ast.unparse(node)

    return frozenset(split(ast.parse(annotation, mode="eval").body)) if annotation else frozenset()


_BY_KIND: Mapping[str, Callable[[str, Entry, Entry], Iterator[SurfaceChange]]] = {
    "class": _class,
    "alias": _alias,
    "member": _member,
    "function": _function,
}
