"""OpenAPI Overlay 1.1, applied strictly: an action that does not fit exactly is an error that names the action."""

import copy
import re
from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jsonpath

from scripts.contracts.document import Document
from scripts.contracts.errors import ContractError, one_line, short
from scripts.contracts.openapi import METHODS, Node, walk
from scripts.contracts.pointers import child, get, resolve

_ACTION_KEYS = frozenset(
    {"target", "description", "update", "remove", "copy", "x-name", "x-reason", "x-source", "x-expect", "x-expect-as"}
)
_REQUIRED_TEXT = ("x-name", "x-reason", "x-source", "target")
_MODIFIERS = ("update", "remove", "copy")
ABSENT = "absent"
# What an object must have one of, so that it says something by itself. An object with none of them only adds to what
# the contract says, and where the contract says nothing it would make up a part that no provider has.
_DEFINING: Mapping[str, frozenset[str]] = {
    "schema": frozenset({"$ref", "type", "allOf", "anyOf", "oneOf", "not", "enum", "const", "x-evidence"}),
    "response": frozenset({"$ref", "content", "headers", "links", "x-evidence"}),
    "path": frozenset({"$ref", *METHODS}),
    "operation": frozenset({"responses"}),
    "request body": frozenset({"$ref", "content"}),
    "media type": frozenset({"schema"}),
    "parameter": frozenset({"$ref", "schema", "content"}),
    "header": frozenset({"$ref", "schema", "content"}),
    "example": frozenset({"$ref", "value"}),
    "security scheme": frozenset({"$ref", "type"}),
}
# With one of these, a schema may require a property that another part of it has.
_PARTS = frozenset({"$ref", "allOf", "anyOf", "oneOf"})
_SOURCE = re.compile(r"ours|([^;()]+ \([ABCD]\))(; [^;()]+ \([ABCD]\))*")


@dataclass(frozen=True)
class Action:
    """One action of an overlay: its target, its modifier with the operand, and what it expects at the target.

    For `remove`, and for an `update` of a plain value or a list, `expect` is the whole value that is there now. For an
    `update` or `copy` into an object, it maps each JSON Pointer, relative to the target, to the value there now. What
    an update writes and `expect` does not name must not be there yet; `absent` says that for all of it.
    """

    name: str
    place: str
    target: str
    modifier: str
    operand: Any
    expect: Any
    expect_as: str | None = None

    def error(self, problem: str, remedy: str) -> ContractError:
        """Return the error to raise when this action does not fit."""
        return ContractError(f"{self.place}: action {self.name!r}: {one_line(problem)}; {remedy}")


class Applied(NamedTuple):
    """A contract with those actions of an overlay that fit it.

    `touched` names each action that was applied, with the JSON Pointers of what it wrote or removed, in the document as
    it was when the action was reached. `unfit` names each action that does not fit, with the error's message. `places`
    gives the "file:line" of every action.
    """

    document: Document
    touched: Mapping[str, tuple[str, ...]]
    unfit: Mapping[str, str]
    places: Mapping[str, str]


def apply(contract: Document, overlay: Document) -> Document:
    """Return `contract` with the actions of `overlay` applied in order; neither argument is changed.

    Beyond the Overlay Specification, each action has `x-name` (unique), `x-reason`, `x-source` and `x-expect`, and
    selects exactly one node. Raises ContractError, with the name and place of every action that matches nothing or
    several nodes, finds another value than it expects, repeats what the contract already says, or adds to a name that
    the contract does not have.
    """
    applied = apply_all(contract, overlay)
    if applied.unfit:
        raise ContractError("\n".join(applied.unfit.values()))
    return applied.document


def apply_all(contract: Document, overlay: Document, without: Container[str] = ()) -> Applied:
    """Return `contract` with each action of `overlay` that fits, and name all that do not; arguments stay unchanged.

    Leaves the actions named in `without` out. An action that does not fit changes nothing, and the later ones are
    applied to what the earlier ones left: one that builds on it does not fit either. Raises ContractError only where
    the overlay itself cannot be read.
    """
    data = copy.deepcopy(contract.data)
    places = dict(contract.places)
    actions = _actions(overlay)
    touched: dict[str, tuple[str, ...]] = {}
    unfit: dict[str, str] = {}
    for action in actions:
        if action.name not in without:
            try:
                data, touched[action.name] = _apply_one(action, data, places)
            except ContractError as error:
                unfit[action.name] = str(error)
    return Applied(Document(data, places), touched, unfit, {action.name: action.place for action in actions})


def _actions(overlay: Document) -> list[Action]:
    data = overlay.data
    if not isinstance(data, dict) or not str(data.get("overlay", "")).startswith("1."):
        raise overlay.error("", "not an OpenAPI Overlay 1.x document", "start it with `overlay: 1.1.0`")
    if not isinstance(data.get("actions"), list) or not data["actions"]:
        raise overlay.error("", "it has no actions", "list at least one action")
    actions: list[Action] = []
    for index, raw in enumerate(data["actions"]):
        action = _action(overlay, child("/actions", index), raw)
        if action.name in {earlier.name for earlier in actions}:
            raise action.error("another action has this name", "give each action a name of its own")
        actions.append(action)
    return actions


def _action(overlay: Document, pointer: str, raw: Any) -> Action:
    if not isinstance(raw, dict):
        raise overlay.error(pointer, "an action is not a mapping", "write target, update or remove, and the x- keys")
    named = f"action {raw.get('x-name', '(no x-name)')!r}"
    for key in _REQUIRED_TEXT:
        if not isinstance(raw.get(key), str) or not raw[key].strip():
            raise overlay.error(pointer, f"{named}: {key} is missing or empty", "write it as text")
    if not _SOURCE.fullmatch(raw["x-source"]):
        raise overlay.error(
            pointer, f"{named}: x-source has no sureness", "write `ours`, or addresses each with (A) to (D)"
        )
    if unknown := sorted(set(raw) - _ACTION_KEYS):
        raise overlay.error(child(pointer, unknown[0]), f"{named}: unknown key", "remove it or mend its spelling")
    modifiers = [key for key in _MODIFIERS if key in raw]
    if len(modifiers) != 1 or ("remove" in raw and raw["remove"] is not True):
        raise overlay.error(pointer, f"{named}: it must do one thing", "keep one of update, copy or `remove: true`")
    if ("x-expect" in raw) == ("x-expect-as" in raw):
        problem = "x-expect is missing" if "x-expect" not in raw else "it has x-expect and x-expect-as"
        raise overlay.error(pointer, f"{named}: {problem}", "write the value it finds, or `absent`")
    modifier, expect = modifiers[0], (raw.get("x-expect"), raw.get("x-expect-as"))
    return Action(raw["x-name"], overlay.place(pointer), raw["target"], modifier, raw[modifier], *expect)


def _select(action: Action, query: str, data: Any) -> tuple[str, Any]:
    try:
        matches = list(jsonpath.finditer(query, data, strict=True))
    except jsonpath.JSONPathError as error:
        problem = str(error).splitlines()[0]
        raise action.error(f"{query} is not a JSONPath of RFC 9535: {problem}", "mend the target") from error
    if not matches:
        raise action.error(f"{query} matches nothing", "the contract has changed: mend or drop the action")
    if len(matches) > 1:
        raise action.error(f"{query} matches {len(matches)} nodes", "make the target select one")
    pointer = "".join(child("", part) for part in matches[0].parts)
    return pointer, matches[0].obj


def _apply_one(action: Action, data: Any, places: dict[str, str]) -> tuple[Any, tuple[str, ...]]:
    """Return the data with the action applied, and the pointers of what it wrote or removed. Changes `places`."""
    pointer, found = _select(action, action.target, data)
    if action.expect_as is not None:
        action = replace(action, expect=_select(action, action.expect_as, data)[1], expect_as=None)
    if action.modifier == "remove":
        _expect_whole(action, found)
        return _remove(action, data, pointer, places), (pointer,)
    operand = action.operand if action.modifier == "update" else _select(action, action.operand, data)[1]
    if isinstance(found, dict):
        if not isinstance(operand, dict):
            raise action.error("the target is an object and the value is not", "write an object to merge into it")
        _expect_members(action, found, operand)
        result: Any = _merge(action, found, operand, pointer)
        written = [pointer + each for each in _writes(found, operand)]
    elif isinstance(found, list):
        added = operand if isinstance(operand, list) else [operand]
        if not added or any(_same(entry, present) for entry in added for present in found):
            raise action.error("the contract already holds what it adds", "the action is no longer needed: drop it")
        if action.expect != ABSENT:
            _expect_whole(action, found)
        result = found + copy.deepcopy(added)
        written = [child(pointer, len(found) + index) for index in range(len(added))]
    else:
        if isinstance(operand, dict | list):
            raise action.error("the target is a plain value and the new value is not", "write a plain value")
        if _same(found, operand):
            raise action.error("the contract already says so", "the action is no longer needed: drop it")
        _expect_whole(action, found)
        result = operand
        written = [pointer]
    # A copy, because an action that is refused after all must leave the data as it was.
    changed = _replace(copy.deepcopy(data), pointer, result)
    _refuse_ghosts(action, data, changed, written)
    places.update((each, action.place) for each in written)
    return changed, tuple(written)


def _refuse_ghosts(action: Action, before: Any, after: Any, written: list[str]) -> None:
    """Refuse what only describes a name that the contract does not have, such as a property that was renamed."""
    new = {each for each in written if not _get(before, each)}
    for node in walk(after):
        defining = _DEFINING.get(node.kind)
        if defining and _topmost(node, new, before) and not defining & node.value.keys():
            problem = (
                f"the contract has no {node.kind} {node.name!r} at {node.pointer}, and the action does not define one"
            )
            raise action.error(problem, "the contract has changed: mend or drop the action")
        if node.kind == "schema" and "properties" in node.value and not _PARTS & node.value.keys():
            for name in _required(after, node.pointer) - _required(before, node.pointer):
                if name not in node.value["properties"]:
                    problem = f"it requires {name!r}, and the contract has no such property at {node.pointer}"
                    raise action.error(problem, "the contract has changed: mend or drop the action")


def _required(data: Any, schema: str) -> set[str]:
    names = get(data, child(schema, "required"))
    return {*names} if isinstance(names, list) else set()


def _topmost(node: Node, new: Collection[str], before: Any) -> bool:
    """Whether a node was added by itself or in a map of names, and not as a part of another node that was added."""
    if not any(f"{node.pointer}/".startswith(f"{each}/") for each in new):
        return False
    parent = node.pointer.rpartition("/")[0]
    return bool(_get(before, parent)) or parent in new


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)


def _expect_whole(action: Action, found: Any) -> None:
    if not _same(found, action.expect):
        raise action.error(
            f"it expects {short(repr(action.expect))} and finds {short(repr(found))}",
            "the contract has changed: mend or drop the action",
        )


def _expect_members(action: Action, found: dict[str, Any], operand: dict[str, Any]) -> None:
    expected: Mapping[str, Any] = {} if action.expect == ABSENT else action.expect
    if not isinstance(expected, dict) or not all(key.startswith("/") for key in expected):
        raise action.error("x-expect is neither `absent` nor a map from pointer to value", "write one of the two")
    for pointer, new in _writes(found, operand).items():
        if _same(_get(found, pointer), (new,)):
            raise action.error(f"the contract already says so at {pointer}", "the action is no longer needed: drop it")
        if (old := _get(found, pointer)) and not any(f"{pointer}/".startswith(f"{known}/") for known in expected):
            raise action.error(
                f"it expects nothing at {pointer} and finds {short(repr(old[0]))}", "name that value in x-expect"
            )
    for pointer, value in expected.items():
        actual = _get(found, pointer)
        if not _same(actual, (value,)):
            finds = short(repr(actual[0])) if actual else "nothing"
            raise action.error(
                f"it expects {short(repr(value))} at {pointer} and finds {finds}",
                "the contract has changed: mend or drop the action",
            )
    if not _writes(found, operand):
        raise action.error("it changes nothing", "the action is no longer needed: drop it")


def _get(data: Any, pointer: str) -> tuple[Any, ...]:
    try:
        return (resolve(data, pointer),)
    except KeyError:
        return ()


def _writes(found: dict[str, Any], operand: dict[str, Any]) -> dict[str, Any]:
    return dict(_write_items(found, operand, ""))


def _write_items(found: dict[str, Any], operand: dict[str, Any], pointer: str) -> Iterator[tuple[str, Any]]:
    for key, value in operand.items():
        at = child(pointer, key)
        if isinstance(value, dict) and isinstance(found.get(key), dict):
            yield from _write_items(found[key], value, at)
        else:
            yield at, value


def _merge(action: Action, found: dict[str, Any], operand: dict[str, Any], pointer: str) -> dict[str, Any]:
    merged = dict(found)
    for key, value in operand.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = _merge(action, old, value, child(pointer, key))
        elif isinstance(old, list) and isinstance(value, list):
            merged[key] = old + copy.deepcopy(value)
        elif isinstance(old, dict | list) or (key in merged and isinstance(value, dict | list)):
            raise action.error(f"{child(pointer, key)} cannot be merged: the kinds differ", "remove it first")
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def _replace(data: Any, pointer: str, value: Any) -> Any:
    if not pointer:
        return value
    head, _, last = pointer.rpartition("/")
    parent = resolve(data, head)
    key = last.replace("~1", "/").replace("~0", "~")
    parent[int(key) if isinstance(parent, list) else key] = value
    return data


def _remove(action: Action, data: Any, pointer: str, places: dict[str, str]) -> Any:
    if not pointer:
        raise action.error("it would remove the whole document", "select a part of it")
    head, _, last = pointer.rpartition("/")
    parent = resolve(data, head)
    key = last.replace("~1", "/").replace("~0", "~")
    del parent[int(key) if isinstance(parent, list) else key]
    # The entries after a removed one move up, so their places are wrong: the list keeps its own place alone.
    stale = f"{head}/" if isinstance(parent, list) else f"{pointer}/"
    for known in [known for known in places if known == pointer or known.startswith(stale)]:
        del places[known]
    return data
