"""The schemas of a contract as JSON Schema 2020-12: without any keyword of OpenAPI's own that says what is allowed."""

from collections.abc import Mapping
from typing import Any

from scripts.contracts.openapi import KINDS
from scripts.contracts.pointers import child
from scripts.contracts.shapes import values_of
from scripts.packages.passes.enums import OPEN
from scripts.packages.prepared import telling_apart

_COMPONENTS = "#/components/schemas/"
# Keywords that are OpenAPI's alone. What they say that JSON Schema can say is said in its words.
_DROPPED = frozenset({"discriminator", "example", "externalDocs", "nullable", "xml"})
# The registered formats that are a range of numbers (OpenAPI 3.0, data types).
_RANGES: Mapping[str, tuple[int, int]] = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}


def definitions(contract: Mapping[str, Any]) -> dict[str, Any]:
    """Return each named schema of a contract, to stand in the `$defs` of a JSON Schema.

    An enum keeps its values as the annotation `x-extensible-enum`, since a provider adds to them. Where it tells
    alternatives apart it stays an enum. Examples are the standard's, and other extensions are left out.
    """
    is_30 = str(contract.get("openapi", "")).startswith("3.0.")
    closed = telling_apart(contract)
    schemas = contract.get("components", {}).get("schemas", {})
    return {
        name: _schema(schema, child("/components/schemas", name), is_30, closed) for name, schema in schemas.items()
    }


def _schema(schema: Any, pointer: str, is_30: bool, closed: frozenset[str]) -> Any:
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _DROPPED or (key.startswith("x-") and key != OPEN):
            continue
        made[key] = _member(key, value, child(pointer, key), is_30, closed)
    if "example" in schema:
        made.setdefault("examples", [schema["example"]])
    if is_30:
        _in_words_of_2020(made, schema)
    if (values := values_of(made)) and pointer not in closed:
        made[OPEN] = made.pop("enum")
        # The list said which type is allowed, where nothing else did.
        own = "string" if isinstance(values[0], str) else "integer"
        made.setdefault("type", [own, "null"] if None in made[OPEN] else own)
    return made


def _member(key: str, value: Any, pointer: str, is_30: bool, closed: frozenset[str]) -> Any:
    if key == "$ref":
        return str(value).replace(_COMPONENTS, "#/$defs/")
    kind = KINDS["schema"].get(key)
    if kind == "schema":
        return _schema(value, pointer, is_30, closed)
    if kind == "schema[]":
        return [_schema(part, child(pointer, index), is_30, closed) for index, part in enumerate(value)]
    if kind == "schema{}":
        return {name: _schema(part, child(pointer, name), is_30, closed) for name, part in value.items()}
    return value


def _in_words_of_2020(made: dict[str, Any], schema: Mapping[str, Any]) -> None:
    for bound in ("Minimum", "Maximum"):
        if made.pop(f"exclusive{bound}", None) is True:
            made[f"exclusive{bound}"] = made.pop(bound.lower())
    # `nullable` has a meaning only beside a type.
    if schema.get("nullable") is True and isinstance(schema.get("type"), str):
        made["type"] = [schema["type"], "null"]
    if schema.get("type") == "integer" and schema.get("format") in _RANGES:
        least, most = _RANGES[schema["format"]]
        made["minimum"] = max(least, made.get("minimum", least))
        made["maximum"] = min(most, made.get("maximum", most))
