"""The structure of an OpenAPI document: its kinds of objects, a walk over them, phrases of statuses, Python names."""

import http
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.contracts.pointers import child, get, keys

# Every kind of object in an OpenAPI 3.0/3.1 document, and the kind of its members: "x" one object, "x[]" a list of
# them, "x{}" a map of them. Member "*" stands for every member. A member that is not listed holds a value, never an
# object with fixed members: an example, a default, an enum, an extension.
_SCHEMA_MEMBERS = {
    **dict.fromkeys(
        ("additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then"),
        "schema",
    ),
    **dict.fromkeys(("unevaluatedItems", "unevaluatedProperties"), "schema"),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), "schema[]"),
    **dict.fromkeys(("$defs", "definitions", "dependentSchemas", "patternProperties", "properties"), "schema{}"),
}
_VALUE_MEMBERS = {"schema": "schema", "content": "media type{}", "examples": "example{}"}
METHODS = ("delete", "get", "head", "options", "patch", "post", "put", "trace")
KINDS: Mapping[str, Mapping[str, str]] = {
    "document": {
        "info": "info",
        "servers": "server[]",
        "paths": "path{}",
        "webhooks": "path{}",
        "components": "components",
        "tags": "tag[]",
    },
    "info": {"contact": "contact", "license": "license"},
    "contact": {},
    "license": {},
    "tag": {},
    "server": {"variables": "server variable{}"},
    "server variable": {},
    "path": {"parameters": "parameter[]", "servers": "server[]", **dict.fromkeys(METHODS, "operation")},
    "operation": {
        "parameters": "parameter[]",
        "requestBody": "request body",
        "responses": "response{}",
        "callbacks": "callback{}",
        "servers": "server[]",
    },
    "callback": {"*": "path"},
    "parameter": _VALUE_MEMBERS,
    "header": _VALUE_MEMBERS,
    "request body": {"content": "media type{}"},
    "response": {"headers": "header{}", "content": "media type{}", "links": "link{}"},
    "media type": {"schema": "schema", "examples": "example{}", "encoding": "encoding{}"},
    "encoding": {"headers": "header{}"},
    "example": {},
    "link": {"server": "server"},
    "schema": _SCHEMA_MEMBERS,
    "security scheme": {"flows": "oauth flows"},
    "oauth flows": {"*": "oauth flow"},
    "oauth flow": {},
    "components": {
        "schemas": "schema{}",
        "responses": "response{}",
        "parameters": "parameter{}",
        "examples": "example{}",
        "requestBodies": "request body{}",
        "headers": "header{}",
        "securitySchemes": "security scheme{}",
        "links": "link{}",
        "callbacks": "callback{}",
        "pathItems": "path{}",
    },
}


@dataclass(frozen=True)
class Node:
    """One object of an OpenAPI document: its JSON Pointer, its kind (a key of KINDS) and its own dict, not a copy."""

    pointer: str
    kind: str
    value: dict[str, Any]

    @property
    def name(self) -> str:
        """The key or index under which the object stands in its parent; the empty string for the document itself."""
        return keys(self.pointer)[-1] if self.pointer else ""


def walk(data: Any, kind: str = "document", pointer: str = "") -> Iterator[Node]:
    """Yield every object of an OpenAPI document, parents first, by the structure of the document and not by key names.

    A property called `description` or `example` is a property, and the value of an example is not walked into. A
    reference is yielded as an object of the kind that it stands for, and is not followed.
    """
    if not isinstance(data, dict):
        return
    yield Node(pointer, kind, data)
    every = KINDS[kind].get("*")
    for key, value in list(data.items()):
        member = KINDS[kind].get(key, None if key.startswith("x-") else every)
        if member is not None:
            for item_pointer, item in _items(value, member, child(pointer, key)):
                yield from walk(item, member.rstrip("[]{}"), item_pointer)


def _items(value: Any, member: str, pointer: str) -> Iterator[tuple[str, Any]]:
    if member.endswith("{}") and isinstance(value, dict):
        extensible = member in ("path{}", "response{}")
        names = [name for name in value if not (extensible and name.startswith("x-"))]
        yield from ((child(pointer, name), value[name]) for name in names)
    elif member.endswith("[]") and isinstance(value, list):
        yield from ((child(pointer, index), item) for index, item in enumerate(value))
    elif not member.endswith(("{}", "[]")):
        yield pointer, value


def operations(data: Mapping[str, Any]) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Yield pointer, method in lower case, path and object of every operation of a document.

    Follows the reference of a path to its one level: the pointer is where the operation stands.
    """
    for path, item in _members(data.get("paths")).items():
        at = child("/paths", path)
        if isinstance(item, dict) and isinstance(reference := item.get("$ref"), str) and reference.startswith("#/"):
            at, item = reference[1:], get(data, reference[1:])
        for method in METHODS:
            if isinstance(operation := _members(item).get(method), dict):
                yield child(at, method), method, path, operation


def _members(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def is_json(media_type: str) -> bool:
    """Whether a media type is JSON, with or without parameters: `application/json; charset=utf-8`, `.../hal+json`."""
    name = _bare(media_type)
    return name == "application/json" or name.endswith("+json")


def json_type(content: object) -> str | None:
    """Return which media type of a body is used: JSON, plain before one with parameters before one built on it."""
    names = [name for name in _members(content) if is_json(name)]
    return min(names, key=lambda name: (name != "application/json", _bare(name) != "application/json"), default=None)


def is_ignored(method: str, body: object) -> bool:
    """Whether nothing is sent of a body, because requests of its method have none: OpenAPI 3.0, "Operation Object".

    It is not ignored where it is JSON, or required.
    """
    held = _members(body)
    return method in ("get", "head") and held.get("required") is not True and json_type(held.get("content")) is None


def _bare(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()


# The phrases of RFC 9110, where older releases of Python still have those of RFC 7231.
_PHRASES = {
    **{str(status.value): status.phrase for status in http.HTTPStatus},
    "413": "Content Too Large",
    "414": "URI Too Long",
    "416": "Range Not Satisfiable",
    "422": "Unprocessable Content",
    "default": "Default",
}
_CLASSES = {"1": "Informational", "2": "Successful", "3": "Redirection", "4": "Client Error", "5": "Server Error"}


def reason_phrase(status: str) -> str:
    """Return the standard phrase of a response key: "404", "5XX", "default". An unregistered status has its class's."""
    return _PHRASES.get(status, _CLASSES.get(status[:1], "Default"))


def python_name(wire_name: str) -> str:
    """Return a wire name as the words of a Python name: `isoAmount` becomes `iso_amount`, `@type` becomes `type`."""
    kept = "".join(filter(_kept, wire_name))
    words = " ".join(re.split("([A-Z]?[a-z]+)", kept)) if kept.lower() != kept else kept
    return "_".join(re.findall(r"[^\s._-]+", words)).lower()


def identifier(wire_name: str) -> str:
    """Return the name that generated code gives to a wire name: `_id` becomes `field_id`, `1st` becomes `field_1st`.

    Without the underscore that sets a name apart from one of Python's own (`type_`).
    """
    name = python_name(wire_name)
    hidden = "".join(filter(_kept, wire_name)).startswith("_")
    return name if name.isidentifier() and not hidden else f"field_{name}".rstrip("_")


def _kept(sign: str) -> bool:
    return sign.isidentifier() or sign.isdecimal() or sign in " ._-"
