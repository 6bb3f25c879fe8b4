"""Enums: each a schema of its own, with a name for each value, so that both tools make the same class of it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.contracts.openapi import walk
from scripts.contracts.pointers import child
from scripts.contracts.shapes import values_of
from scripts.packages.passes.naming import SCHEMAS, class_name, free

OPEN = "x-extensible-enum"
"""The keyword of an enum that a provider adds values to."""
# What is said of an enum at one place, and not of the enum.
_OF_THE_PLACE = ("description", "default", "example", "deprecated", "readOnly", "writeOnly")


def write(data: dict[str, Any]) -> None:
    """Write each open enum as an `enum`."""
    for node in walk(data):
        if node.kind == "schema" and isinstance(node.value.get(OPEN), list):
            listed = node.value.pop(OPEN)
            node.value.setdefault("enum", listed)


def hoist(data: dict[str, Any], schemas: dict[str, Any], tags: set[str]) -> frozenset[str]:
    """Give each enum a schema of its own. Return the names of those at the pointers `tags`, which are closed."""
    named = {name: schema for name, schema in schemas.items() if isinstance(schema, dict) and values_of(schema)}
    nullable = {name for name, schema in named.items() if _takes_null(schema)}
    names = {child("/components/schemas", name): name for name in named}
    for node in list(walk(data)):
        if node.kind != "schema":
            continue
        reference = str(node.value.get("$ref", ""))
        if reference.removeprefix(SCHEMAS) in nullable:
            _refer(node.value, reference, {}, null=True)
        elif values_of(node.value) and node.pointer not in names:
            name = names[node.pointer] = free(class_name(data, node.pointer), schemas)
            schemas[name] = _enum(node.value)
            here = {key: node.value[key] for key in _OF_THE_PLACE if key in node.value}
            _refer(node.value, SCHEMAS + name, here, null=_takes_null(node.value))
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
