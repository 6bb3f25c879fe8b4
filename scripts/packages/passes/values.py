"""Plain values: a text is the text that came, and what neither tool can say of a value is left to the validator."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from pydantic_core import SchemaError, SchemaValidator, core_schema

from scripts.contracts.openapi import KINDS, walk
from scripts.contracts.shapes import values_of

# What only says which values are allowed, and no tool makes code of.
_FOR_THE_VALIDATOR = (
    *("not", "if", "then", "else", "contains", "minContains", "maxContains", "propertyNames", "patternProperties"),
    *("dependentSchemas", "dependentRequired", "dependencies", "unevaluatedItems", "unevaluatedProperties"),
    *("minProperties", "maxProperties", "contentMediaType", "contentEncoding", "contentSchema", "xml"),
    *("externalDocs", "$comment", "$schema", "$vocabulary", "$recursiveAnchor"),
)
# The formats of numbers that the tools have a type for, and the mark of a secret.
_KEPT_FORMATS = frozenset({"double", "float", "int32", "int64", "password"})
_TEXT_FORMATS = frozenset({"password"})
_SAYS_WHAT = frozenset({"type", "$ref", "properties", "allOf", "oneOf", "anyOf", "enum", "const"})
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def settle(data: dict[str, Any]) -> None:
    """Bring each schema to the keywords that both tools read alike."""
    for node in list(walk(data)):
        _without_booleans(node.kind, node.value)
    for node in list(walk(data)):
        if node.kind == "schema":
            schema = node.value
            for key in _FOR_THE_VALIDATOR:
                schema.pop(key, None)
            if schema.get("format") not in (_TEXT_FORMATS if _holds(schema, "string") else _KEPT_FORMATS):
                schema.pop("format", None)
            if schema.get("format") in _TEXT_FORMATS:
                # What hides a secret checks no pattern.
                schema.pop("pattern", None)
            if "pattern" in schema and not _is_tried(str(schema["pattern"])):
                del schema["pattern"]
            _settle_listed(schema)
            if not schema.keys() & _SAYS_WHAT:
                _say_by_parts(schema)
            if "type" in schema and not _holds(schema, "object"):
                for key in ("properties", "required", "additionalProperties"):
                    schema.pop(key, None)
            if _holds(schema, "array") and not schema.keys() & {"items", "prefixItems"}:
                schema["items"] = {}
            for key in ("example", "examples"):
                if refers(schema.get(key)):
                    del schema[key]


def _without_booleans(kind: str, value: dict[str, Any]) -> None:
    """Write `true` and `false`, as which JSON Schema allows anything or nothing, as schemas that say nothing."""
    for key, member in KINDS[kind].items():
        held = value.get(key)
        if member == "schema" and isinstance(held, bool) and key != "additionalProperties":
            value[key] = {}
        elif member == "schema[]" and isinstance(held, list):
            value[key] = [{} if isinstance(each, bool) else each for each in held]
        elif member == "schema{}" and isinstance(held, dict):
            value[key] = {name: {} if isinstance(each, bool) else each for name, each in held.items()}


@cache
def _is_tried(pattern: str) -> bool:
    """Whether the engine of the generated models runs a pattern. It looks around and refers back nowhere."""
    try:
        SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
    except SchemaError:
        return False
    return True


def _settle_listed(schema: dict[str, Any]) -> None:
    """Keep the values that become names or literals, texts and whole numbers. Of all others, keep the type."""
    if "const" in schema and type(schema["const"]) not in (str, int):
        _say_type(schema, [schema.pop("const")])
    if isinstance(listed := schema.get("enum"), list) and not values_of(schema):
        del schema["enum"]
        _say_type(schema, listed)
        if "default" in schema and not isinstance(schema["default"], str | int | float):
            del schema["default"]


def _say_type(schema: dict[str, Any], values: Iterable[object]) -> None:
    kinds = {_TYPES.get(type(value), "null") for value in values}
    if "type" in schema or schema.keys() & {"allOf", "anyOf", "oneOf"}:
        return
    others = sorted(kinds - {"null"})
    if others == ["integer", "number"]:
        others = ["number"]
    if len(others) == 1:
        schema["type"] = others[0]
        if "null" in kinds:
            schema["nullable"] = True
    elif not others:
        schema["type"] = "null"


def _say_by_parts(schema: dict[str, Any]) -> None:
    """Say the type where only the parts of the values are described, as is understood where there are properties."""
    for key, kind in (("additionalProperties", "object"), ("items", "array")):
        if isinstance(schema.get(key), dict):
            schema["type"] = kind


def _holds(schema: dict[str, Any], kind: str) -> bool:
    named = schema.get("type")
    return named == kind or (isinstance(named, list) and kind in named)


def refers(value: object) -> bool:
    """Whether a value holds a member `$ref`, which a tool would follow."""
    if isinstance(value, dict):
        return "$ref" in value or any(map(refers, value.values()))
    return isinstance(value, list) and any(map(refers, value))
