"""Where the parts of an `allOf` say something of the same property, and where no value fits them all."""

from collections.abc import Iterator, Sequence
from typing import Any

from scripts.contracts import remedies
from scripts.contracts.document import Fault
from scripts.contracts.openapi import walk
from scripts.contracts.pointers import child, get
from scripts.contracts.shapes import resolved

# The types of which JSON Schema has one within the other.
_WITHIN = {"integer": "number"}


def declarations(data: Any, pointer: str) -> dict[str, list[str]]:
    """Return each property of an object with the pointer of each of its declarations, in every part of an `allOf`."""
    pointer, schema = resolved(data, pointer)
    found: dict[str, list[str]] = {}
    parts = schema.get("allOf")
    for index in range(len(parts)) if isinstance(parts, list) else ():
        for name, at in declarations(data, child(child(pointer, "allOf"), index)).items():
            found.setdefault(name, []).extend(one for one in at if one not in found.get(name, ()))
    own = schema.get("properties")
    for name in own if isinstance(own, dict) else ():
        found.setdefault(name, []).append(child(child(pointer, "properties"), name))
    return found


def types(data: Any, pointer: str) -> frozenset[str]:
    """Return the types that a schema allows by name; none where it names none. A null is left out."""
    schema = resolved(data, pointer)[1]
    named = schema.get("type")
    found = {*(named if isinstance(named, list) else [named] if isinstance(named, str) else [])} - {"null"}
    if not found and isinstance(schema.get("properties"), dict):
        found = {"object"}
    for key in ("oneOf", "anyOf"):
        if isinstance(parts := schema.get(key), list):
            each = [types(data, child(child(resolved(data, pointer)[0], key), index)) for index in range(len(parts))]
            found = found or (set().union(*each) if all(each) else set())
    if not found and isinstance(parts := schema.get("allOf"), list):
        at = child(resolved(data, pointer)[0], "allOf")
        return common([types(data, child(at, index)) for index in range(len(parts))]) or frozenset()
    return frozenset(found)


def common(named: Sequence[frozenset[str]]) -> frozenset[str] | None:
    """Return the types that all of these allow; None where there is none. An empty set allows every type."""
    shared: frozenset[str] = frozenset()
    for one in filter(None, named):
        both = {each for each in one if not shared or {each, _WITHIN.get(each)} & shared}
        both |= {each for each in shared if {each, _WITHIN.get(each)} & one}
        if not both:
            return None
        shared = frozenset(both)
    return shared


def faults(data: Any) -> Iterator[Fault]:
    """Yield each `allOf` that no value fits, because its parts name different types. References have been checked."""
    for node in walk(data):
        if node.kind != "schema" or not isinstance(node.value.get("allOf"), list):
            continue
        parts = [child(child(node.pointer, "allOf"), index) for index in range(len(node.value["allOf"]))]
        yield from _conflict(data, parts, "the parts of this allOf")
        for name, at in declarations(data, node.pointer).items():
            yield from _conflict(data, at, f"the declarations of the property {name!r}")


def _conflict(data: Any, pointers: Sequence[str], what: str) -> Iterator[Fault]:
    named = [types(data, pointer) for pointer in pointers]
    if common(named) is not None:
        return
    said = ", ".join(
        f"{' or '.join(sorted(each))} at {pointer}" for each, pointer in zip(named, pointers, strict=True) if each
    )
    at = pointers[-1]
    yield Fault(at, f"no value fits {what}: {said}", remedies.remove(data, at))


def merged(data: Any, pointers: Sequence[str]) -> dict[str, Any]:
    """Return one schema for a property that several parts declare, where `faults` found nothing amiss with them."""
    found: dict[str, Any] = {}
    for pointer in pointers:
        schema = get(data, pointer)
        if isinstance(schema, dict):
            found = _both(data, found, schema)
    return found


def _both(data: Any, one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    if not one or one == other:
        return other
    first, second = _whole(data, one), _whole(data, other)
    if not second.keys() - _SAID:
        return one
    if not first.keys() - _SAID:
        return other
    if _is_object(first) and _is_object(second):
        return {"allOf": [one, other]}
    narrow = {**first, **second}
    if "enum" in first and "enum" in second:
        narrow["enum"] = [value for value in first["enum"] if value in second["enum"]] or second["enum"]
    if {first.get("type"), second.get("type")} == {"integer", "number"}:
        narrow["type"] = "integer"
    return narrow


_SAID = frozenset({"description", "title", "example", "examples", "deprecated", "readOnly", "writeOnly"})


def _whole(data: Any, schema: dict[str, Any]) -> dict[str, Any]:
    seen = 0
    while isinstance(reference := schema.get("$ref"), str) and seen < 100:
        schema, seen = get(data, reference.removeprefix("#")) or {}, seen + 1
    return schema


def _is_object(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "object" or bool(schema.keys() & {"properties", "allOf"})
