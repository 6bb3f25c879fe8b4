"""Names for schemas that a contract leaves without one."""

import re
from collections.abc import Mapping
from typing import Any

from scripts.contracts.openapi import python_name
from scripts.contracts.pointers import child, keys, resolve

SCHEMAS = "#/components/schemas/"


def schemas_of(data: dict[str, Any]) -> dict[str, Any]:
    """Return the named schemas of a document, which may be added to."""
    schemas: dict[str, Any] = data.setdefault("components", {}).setdefault("schemas", {})
    return schemas


def class_name(data: Mapping[str, Any], pointer: str) -> str:
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
        if key in ("properties", "$defs", "definitions") and rest:
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


def free(name: str, schemas: Mapping[str, Any], kind: str = "Enum") -> str:
    """Return the name, or one with `kind` and a number after it where a schema has it in Python already."""
    used = {python_name(other) for other in schemas}
    name = name if name[:1].isalpha() else f"{kind}{name}"
    candidates = (name, f"{name}{kind}", *(f"{name}{kind}{number}" for number in range(2, len(schemas) + 3)))
    return next(candidate for candidate in candidates if python_name(candidate) not in used)
