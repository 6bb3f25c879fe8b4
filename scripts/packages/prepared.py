"""The contract as the two generator tools get it, so that both make the same of it.

Each tool names enums, members and alternatives in its own way, and neither knows `x-extensible-enum`. So all of them
get a name before the tools read them.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.contracts import references
from scripts.contracts.openapi import python_name, walk
from scripts.contracts.pointers import child, keys, resolve
from scripts.contracts.shapes import properties, resolved

_SCHEMAS = "#/components/schemas/"
OPEN = "x-extensible-enum"
"""The keyword of an enum that a provider adds values to."""
# What is said of an enum at one place, and not of the enum.
_OF_THE_PLACE = ("description", "default", "example", "deprecated")
UNLISTED = "UnlistedAlternative"
"""The name of the schema that takes an object whose tag the contract does not list."""
_UNLISTED = {
    "type": "object",
    "description": "An object that is none of the alternatives that the contract lists. It is kept as it came.",
    "additionalProperties": True,
}


@dataclass(frozen=True)
class Prepared:
    """A contract for the tools, and the names of the enums that tell alternatives apart.

    Every other enum is open: a value that it does not list is read all the same.
    """

    contract: dict[str, Any]
    closed: frozenset[str]


def prepared(contract: Mapping[str, Any]) -> Prepared:
    """Return the contract for the tools. The argument is not changed.

    - `x-extensible-enum` is `enum`, and each enum of texts or whole numbers is a schema of its own, with named members.
    - A `discriminator` is an enum of one property of each alternative. Alternatives that are told apart by an enum have
      one more, which takes an object with an unlisted tag.
    """
    data = _with_enums(contract)
    names = _hoist(data, data["components"]["schemas"], _tags(data))
    return Prepared(data, names)


def telling_apart(contract: Mapping[str, Any]) -> frozenset[str]:
    """Return the pointers of the schemas whose enum tells alternatives apart."""
    return frozenset(_tags(_with_enums(contract)))


def _with_enums(contract: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of the contract in which each open enum is an `enum`."""
    # Through text, so that no two places share a part, and each can be changed by itself.
    data: dict[str, Any] = json.loads(json.dumps(contract))
    data.setdefault("components", {}).setdefault("schemas", {})
    for node in walk(data):
        if node.kind == "schema" and isinstance(node.value.get(OPEN), list):
            listed = node.value.pop(OPEN)
            node.value.setdefault("enum", listed)
    return data


# --- enums


def values_of(schema: Mapping[str, Any]) -> list[Any]:
    """Return the values of an enum of texts or of whole numbers, without null; none for any other schema."""
    listed = schema.get("enum")
    values = [value for value in listed if value is not None] if isinstance(listed, list) else []
    return values if {type(value) for value in values} in ({str}, {int}) else []


def _hoist(data: dict[str, Any], schemas: dict[str, Any], tags: set[str]) -> frozenset[str]:
    """Give each enum a schema of its own. Return the names of those at the pointers `tags`, which are closed."""
    named = {name: schema for name, schema in schemas.items() if isinstance(schema, dict) and values_of(schema)}
    nullable = {name for name, schema in named.items() if _takes_null(schema)}
    names = {child("/components/schemas", name): name for name in named}
    for node in list(walk(data)):
        if node.kind != "schema":
            continue
        reference = str(node.value.get("$ref", ""))
        if reference.removeprefix(_SCHEMAS) in nullable:
            _refer(node.value, reference, {}, null=True)
        elif values_of(node.value) and node.pointer not in names:
            name = names[node.pointer] = _free(_class_name(data, node.pointer), schemas)
            schemas[name] = _enum(node.value)
            here = {key: node.value[key] for key in _OF_THE_PLACE if key in node.value}
            _refer(node.value, _SCHEMAS + name, here, null=_takes_null(node.value))
    for name, schema in named.items():
        schemas[name] = _enum(schema)
    return frozenset(name for pointer, name in names.items() if pointer in tags)


def _takes_null(enum: Mapping[str, Any]) -> bool:
    return enum.get("nullable") is True or None in enum["enum"] or "null" in enum.get("type", ())


def _enum(schema: Mapping[str, Any]) -> dict[str, Any]:
    values = values_of(schema)
    return {
        "type": "string" if isinstance(values[0], str) else "integer",
        "enum": values,
        "x-enum-varnames": member_names(values),
        **({"description": schema["description"]} if "description" in schema else {}),
    }


def _refer(schema: dict[str, Any], reference: str, here: Mapping[str, Any], null: bool) -> None:
    """Turn a schema into a reference, with what is said at this place alone, in the one form that both tools read."""
    schema.clear()
    schema |= {"anyOf": [{"$ref": reference}, {"type": "null"}]} if null else {"allOf": [{"$ref": reference}]}
    schema |= here


def member_names(values: Sequence[str | int]) -> list[str]:
    """Return a name for each value of an enum, in capitals: `AcquirerSuccess` is ACQUIRER_SUCCESS.

    Two values of one name are told apart by a number.
    """
    names: list[str] = []
    for name in map(_member_name, values):
        others = (f"{name}_{number}" for number in range(2, len(values) + 2))
        names.append(next(free for free in (name, *others) if free not in names))
    return names


def _member_name(value: str | int) -> str:
    if isinstance(value, int):
        return f"VALUE_{value}" if value >= 0 else f"VALUE_NEGATIVE_{-value}"
    # As both tools part words: before a capital after a small letter, and between a digit and a letter after it.
    parted = re.sub(r"[a-z](?=[A-Z])|[0-9](?=[A-Za-z])", r"\g<0>_", value)
    name = re.sub(r"[^A-Za-z0-9]+", "_", parted).strip("_").upper()
    if not name:
        return "VALUE" if value else "EMPTY"
    return name if name[0].isalpha() else f"VALUE_{name}"


def _class_name(data: Mapping[str, Any], pointer: str) -> str:
    """Return a name for the schema at a pointer: of what holds it and of the properties that lead to it."""
    path = keys(pointer)
    if path[:2] == ["components", "schemas"]:
        words, rest = [path[2]], path[3:]
    elif path[:1] == ["paths"]:
        operation = data["paths"][path[1]].get(path[2], {}) if len(path) > 3 else {}
        words, rest = [str(operation.get("operationId", f"{path[2]} {path[1]}"))], path[3:]
    else:
        words, rest = [path[2]], path[3:]
    at = pointer[: len(pointer) - sum(len(child("", key)) for key in rest)]
    while rest:
        key, rest = rest[0], rest[1:]
        at = child(at, key)
        if key == "properties" and rest:
            words.append(rest[0])
            at, rest = child(at, rest[0]), rest[1:]
        elif key == "parameters" and rest:
            at, rest = child(at, rest[0]), rest[1:]
            words.append(str(resolve(data, at).get("name", "")))
        elif key == "responses" and rest:
            words.append(f"response {rest[0]}")
            at, rest = child(at, rest[0]), rest[1:]
        elif key in ("items", "additionalProperties"):
            words.append("item" if key == "items" else "value")
        elif key == "requestBody":
            words.append("body")
        elif key in ("oneOf", "anyOf", "allOf", "prefixItems") and rest:
            words.append(rest[0] if key != "allOf" else "")
            at, rest = child(at, rest[0]), rest[1:]
    return "".join(word[:1].upper() + word[1:] for text in words for word in re.findall(r"[A-Za-z0-9]+", text))


def _free(name: str, schemas: Mapping[str, Any]) -> str:
    used = {python_name(other) for other in schemas}
    candidates = (name, f"{name}Enum", *(f"{name}Enum{number}" for number in range(2, len(schemas) + 3)))
    return next(candidate for candidate in candidates if python_name(candidate) not in used)


# --- alternatives


def _tags(data: dict[str, Any]) -> set[str]:
    """Return the pointers of the schemas whose enum tells alternatives apart, and add the alternative for the others.

    A property tells alternatives apart where two of them list different values for it, or a discriminator names it.
    """
    tags: set[str] = set()
    for node in list(walk(data)):
        for keyword in ("oneOf", "anyOf"):
            if node.kind == "schema" and isinstance(node.value.get(keyword), list):
                at = [child(child(node.pointer, keyword), index) for index in range(len(node.value[keyword]))]
                discriminator = node.value.pop("discriminator", None)
                if isinstance(discriminator, dict):
                    _discriminate(data, at, discriminator)
                found = set(_telling(data, at))
                if found:
                    tags |= found
                    node.value[keyword].append({"$ref": _SCHEMAS + UNLISTED})
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


def _discriminate(data: dict[str, Any], alternatives: Sequence[str], discriminator: Mapping[str, Any]) -> None:
    """Write the tags of each alternative into it, as the enum of a property."""
    name = discriminator.get("propertyName")
    mapping = discriminator.get("mapping") or {}
    for alternative in alternatives:
        reference = resolve(data, alternative).get("$ref")
        if not isinstance(reference, str) or not isinstance(name, str):
            continue
        own = reference.removeprefix(_SCHEMAS)
        values = [tag for tag, schema in mapping.items() if schema in (own, reference)] or [own]
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
