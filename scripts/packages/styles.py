"""How each parameter of a contract is written on the wire, as a call of the generated module `styles`."""

import json
from collections.abc import Mapping
from typing import Any

from scripts.contracts import shapes
from scripts.contracts.constructs import types
from scripts.contracts.openapi import identifier, operations
from scripts.contracts.pointers import get

_DELIMITERS = {"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
_DATES = frozenset({"date", "date-time", "time"})
# Every call that this module makes begins so.
MODULE = "styles."


def is_used(contract: Mapping[str, Any]) -> bool:
    """Whether a package needs the module."""
    return any(
        written(contract, pointer, place, name, "value") != "value"
        for pointer, *_ in operations(contract)
        for place, name in shapes.parameters(contract, pointer)
        if shapes.is_sent(contract, {"in": place, "name": name})
    )


def written(contract: Mapping[str, Any], operation: str, place: str, name: str, value: str) -> str:
    """Return the Python expression of a parameter as it is sent, where `value` is the one of its plain data.

    It is `value` itself where httpx writes the plain data in the form that the contract says.
    """
    at = _parameter(contract, operation, place, name)
    parameter = get(contract, at) if at else None
    if not isinstance(parameter, dict):
        return value
    if "content" in parameter:
        return f"{MODULE}as_json({value})"
    schema = parameter.get("schema")
    kinds, formats = types(contract, schema), _formats(contract, schema)
    style = parameter.get("style", "form" if place == "query" else "simple")
    explode = parameter.get("explode", style == "form")
    called = json.dumps(str(parameter["name"]))
    if "object" in kinds and style == "deepObject":
        return f"{MODULE}members({called}, {value})"
    if kinds & {"array", "object"} and (
        place == "header" or not explode or style in ("spaceDelimited", "pipeDelimited")
    ):
        if explode and place == "query":
            # As one parameter for each part, which is what `form` says.
            return value
        between = ', "="' if place == "header" and explode and "object" in kinds else ""
        return f"{MODULE}joined({called}, {value}, {_DELIMITERS.get(style, ',')!r}{between})"
    if "password" in formats:
        return f"{MODULE}hidden({value})"
    dates = bool(formats & _DATES)
    plain = not kinds & {"array", "object"}
    return f"{MODULE}text({value})" if plain and (dates or (place == "path" and "boolean" in kinds)) else value


def hides_path(contract: Mapping[str, Any], operation: str) -> bool:
    """Whether the path of an operation has a secret in it."""
    found = shapes.parameters(contract, operation).items()
    return any(
        place == "path" and "password" in _formats(contract, get(contract, at).get("schema"))
        for (place, _), at in found
    )


def _parameter(contract: Mapping[str, Any], operation: str, place: str, name: str) -> str | None:
    found = shapes.parameters(contract, operation)
    if (place, name) in found:
        return found[place, name]
    # The name of a parameter in a path may be another one for the tools.
    return next(
        (at for (where, own), at in found.items() if where == place == "path" and identifier(own) == name), None
    )


def _formats(contract: Mapping[str, Any], schema: Any, depth: int = 8) -> set[str]:
    if not isinstance(schema, dict) or not depth:
        return set()
    if isinstance(reference := schema.get("$ref"), str):
        return _formats(contract, get(contract, reference.removeprefix("#")), depth - 1)
    parts = [part for key in ("allOf", "anyOf", "oneOf") for part in schema.get(key, ())]
    found = {str(schema["format"])} if "format" in schema else set()
    return found.union(*(_formats(contract, part, depth - 1) for part in [*parts, schema.get("items")]))
