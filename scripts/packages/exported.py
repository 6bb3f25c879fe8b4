"""The schemas of a contract as JSON Schema 2020-12: without any keyword of OpenAPI's own that says what is allowed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.contracts import shapes
from scripts.contracts.openapi import KINDS, walk
from scripts.contracts.pointers import child, get
from scripts.contracts.references import target
from scripts.contracts.shapes import Ways, values_of
from scripts.packages.passes.enums import OPEN
from scripts.packages.passes.naming import class_name, free
from scripts.packages.passes.tags import tags_of
from scripts.packages.passes.values import refers
from scripts.packages.prepared import telling_apart

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
    named = {child("/components/schemas", name): name for name in schemas}
    for node in walk(contract):
        if node.kind == "schema" and isinstance(reference := node.value.get("$ref"), str):
            at = target(reference)
            if at not in named:
                named[at] = free(class_name(contract, at), dict.fromkeys(named.values()), "Schema")
    ways = Ways.of(contract)
    return {
        name: _schema(get(contract, at), at, _Context(contract, is_30, closed, named, ways))
        for at, name in named.items()
    }


@dataclass(frozen=True)
class _Context:
    """What a schema is written with: its contract, the pointers of closed enums, and the name of each definition."""

    contract: Mapping[str, Any]
    is_30: bool
    closed: frozenset[str]
    named: Mapping[str, str]
    ways: Ways


def _schema(schema: Any, pointer: str, context: _Context) -> Any:
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _DROPPED or (key.startswith("x-") and key != OPEN):
            continue
        made[key] = _member(key, value, child(pointer, key), context)
    if refers(made.get("examples")):
        # A reader would follow it.
        del made["examples"]
    if "example" in schema and not refers(schema["example"]):
        made.setdefault("examples", [schema["example"]])
    if isinstance(discriminator := schema.get("discriminator"), dict):
        _say_tags(made, schema, discriminator)
    if isinstance(made.get("required"), list):
        properties = shapes.properties(context.contract, pointer)[0]
        optional = context.ways.optional(context.contract, pointer, properties)
        made["required"] = [name for name in made["required"] if name not in optional]
    if context.is_30:
        _in_words_of_2020(made, schema)
    if (values := values_of(made)) and pointer not in context.closed:
        made[OPEN] = made.pop("enum")
        # The list said which type is allowed, where nothing else did.
        own = "string" if isinstance(values[0], str) else "integer"
        made.setdefault("type", [own, "null"] if None in made[OPEN] else own)
    return made


def _say_tags(made: dict[str, Any], schema: Mapping[str, Any], discriminator: Mapping[str, Any]) -> None:
    """Say of each alternative which values its tag has: JSON Schema knows no discriminator."""
    for choice in ("oneOf", "anyOf"):
        for index, alternative in enumerate(schema.get(choice, ())):
            if isinstance(reference := alternative.get("$ref"), str):
                tag = {"enum": tags_of(discriminator, reference)}
                said = {"properties": {str(discriminator.get("propertyName")): tag}}
                made[choice][index] = {"allOf": [made[choice][index], said]}


def _member(key: str, value: Any, pointer: str, context: _Context) -> Any:
    if key == "$ref":
        return f"#/$defs/{context.named[target(str(value))]}"
    kind = KINDS["schema"].get(key)
    if kind == "schema":
        return _schema(value, pointer, context)
    if kind == "schema[]":
        return [_schema(part, child(pointer, index), context) for index, part in enumerate(value)]
    if kind == "schema{}":
        return {name: _schema(part, child(pointer, name), context) for name, part in value.items()}
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
