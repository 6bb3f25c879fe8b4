"""Alternatives that a tag tells apart: the tag of each is an enum of one property, and one more takes the others."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts.contracts import references
from scripts.contracts.openapi import walk
from scripts.contracts.pointers import child, resolve
from scripts.contracts.shapes import properties, resolved
from scripts.packages.passes.naming import SCHEMAS

UNLISTED = "UnlistedAlternative"
"""The name of the schema that takes an object whose tag the contract does not list."""
_UNLISTED = {
    "type": "object",
    "description": "An object that is none of the alternatives that the contract lists. It is kept as it came.",
    "additionalProperties": True,
}


def write(data: dict[str, Any]) -> set[str]:
    """Return the pointers of the schemas whose enum tells alternatives apart, and add the alternative for the others.

    A property tells alternatives apart where two of them list different values for it, or a discriminator names it.
    """
    tags: set[str] = set()
    for node in list(walk(data)):
        if node.kind == "schema" and not node.value.keys() & {"oneOf", "anyOf"}:
            # It only says that other schemas extend this one. One tool would take one of them for a tag that none has.
            node.value.pop("discriminator", None)
        for keyword in ("oneOf", "anyOf"):
            if node.kind == "schema" and isinstance(node.value.get(keyword), list):
                at = [child(child(node.pointer, keyword), index) for index in range(len(node.value[keyword]))]
                discriminator = node.value.pop("discriminator", None)
                if isinstance(discriminator, dict):
                    _discriminate(data, at, discriminator)
                found = set(_telling(data, at))
                if found:
                    tags |= found
                    node.value[keyword].append({"$ref": SCHEMAS + UNLISTED})
    if tags:
        data["components"]["schemas"][UNLISTED] = dict(_UNLISTED)
    return tags


def _telling(data: Mapping[str, Any], alternatives: Sequence[str]) -> Iterator[str]:
    listed: dict[str, list[tuple[str, frozenset[Any]]]] = {}
    for alternative in alternatives:
        for name, at in properties(data, alternative)[0].items():
            pointer, schema = _named(data, at)
            values = schema.get("enum", [schema["const"]] if "const" in schema else None)
            if isinstance(values, list):
                listed.setdefault(name, []).append((pointer, frozenset(map(repr, values))))
    for found in listed.values():
        if len({values for _, values in found}) > 1:
            yield from (pointer for pointer, _ in found)


def _named(data: Mapping[str, Any], pointer: str) -> tuple[str, Mapping[str, Any]]:
    """Return pointer and value of a schema, after following references, also one that is alone in an allOf."""
    pointer, schema = resolved(data, pointer)
    while len(schema.get("allOf", ())) == 1 and "enum" not in schema:
        pointer, schema = resolved(data, child(child(pointer, "allOf"), 0))
    return pointer, schema


def tags_of(discriminator: Mapping[str, Any], reference: str) -> list[str]:
    """Return the tags of an alternative: those of the mapping, and its name where the mapping has none."""
    own = reference.removeprefix(SCHEMAS)
    mapping = discriminator.get("mapping") or {}
    return [tag for tag, schema in mapping.items() if schema in (own, reference)] or [own]


def _discriminate(data: dict[str, Any], alternatives: Sequence[str], discriminator: Mapping[str, Any]) -> None:
    """Write the tags of each alternative into it, as the enum of a property."""
    name = discriminator.get("propertyName")
    for alternative in alternatives:
        reference = resolve(data, alternative).get("$ref")
        if not isinstance(reference, str) or not isinstance(name, str):
            continue
        values = tags_of(discriminator, reference)
        inherited = properties(data, alternative)[0].get(name)
        said = _named(data, inherited)[1].get("description") if inherited else None
        tag = {"type": "string", "enum": values, **({"description": said} if said else {})}
        schema = resolve(data, references.target(reference))
        parts = schema.get("allOf", [])
        holder = next((part for part in (schema, *parts) if "properties" in part), None)
        if holder is not None:
            holder["properties"][name] = tag
        elif parts:
            parts.append({"type": "object", "properties": {name: tag}})
        else:
            schema["properties"] = {name: tag}
