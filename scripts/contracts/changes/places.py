"""Says in plain words where in a contract a JSON Pointer leads, and what a value is."""

import json
from collections.abc import Iterator
from typing import Any

from scripts.contracts.changes.spots import ABSENT
from scripts.contracts.errors import short
from scripts.contracts.openapi import METHODS
from scripts.contracts.pointers import child, get, keys

_TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "an object with fields",
    "string": "text",
}
_SHARED = {
    "callbacks": "shared callback",
    "examples": "shared example",
    "headers": "shared header",
    "links": "shared link",
    "parameters": "shared parameter",
    "requestBodies": "shared request body",
    "responses": "shared reply",
    "schemas": "class",
    "securitySchemes": "credential",
}


def span(text: str) -> str:
    """Return a provider's text as one code span of Markdown; nothing in it can end the span."""
    plain = "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text)
    return "`" + plain.replace("`", "'") + "`"


def code(text: object) -> str:
    """Return a provider's text as a code span of one line, cut to the length of a quotation."""
    return span(short(str(text)))


def plain(word: object) -> str:
    """Return a word by its letters and digits alone, so that two spellings of it are the same."""
    return "".join(filter(str.isalnum, str(word))).lower()


def value(data: Any) -> str:
    """Return a value as a person reads it."""
    if data is ABSENT or data is None:
        return "nothing"
    return code(data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, sort_keys=True))


def types(names: list[str]) -> str:
    """Return the names of JSON types in plain words."""
    return " or ".join(_TYPES.get(name, code(name)) for name in names) or "anything"


def operation_name(document: Any, pointer: str) -> str:
    """Return what an operation is called: its operationId, or its method and path."""
    *_, path, method = keys(pointer)
    name = get(document, child(pointer, "operationId"))
    return code(name if isinstance(name, str) else f"{method.upper()} {path}")


def place(document: Any, pointer: str) -> str:
    """Return where a pointer leads, as the subject of a sentence, without an article."""
    head, *rest = keys(pointer) or [""]
    if head == "servers":
        return "list of addresses" if len(rest) != 1 else "entry in the list of addresses"
    if head == "components" and len(rest) > 1:
        group, name, *inner = rest
        kind = _SHARED.get(group, group)
        start, owner = child(child("/components", group), name), f"{kind} {code(name)}"
        owner = code(name) if inner and group == "schemas" else owner
    elif head in ("paths", "webhooks") and rest:
        path, *inner = rest
        start, owner = child(f"/{head}", path), f"address {code(path)}"
        if inner and inner[0] in METHODS:
            start = child(start, method := inner.pop(0))
            name, request = operation_name(document, start), code(f"{method.upper()} {path}")
            owner = f"{'' if inner else 'operation '}{name}{'' if name == request else f' ({request})'}"
    else:
        return {"info": "heading of the page", "openapi": "page", "security": "whole API"}.get(head, "page as a whole")
    return " of ".join([*reversed(list(_parts(document, start, inner))), owner])


_NAMED = {"callbacks": "callback", "content": "content", "headers": "header", "responses": "reply"}


def _parts(document: Any, start: str, inner: list[str]) -> Iterator[str]:
    """Yield the parts that a pointer passes through, outermost first; a field's own fields are written with dots."""
    pointer, fields, waiting = start, "", iter(inner)
    for key in waiting:
        pointer = child(pointer, key)
        if key in _FIELDS:
            name = _FIELDS[key] or next(waiting, "")
            pointer = pointer if _FIELDS[key] else child(pointer, name)
            fields += f".{name}" if fields and key != "items" else name
        elif part := _part(document, pointer, key, waiting):
            pointer, words = part
            yield from (each for each in (fields and f"field {code(fields)}", words) if each)
            fields = ""
    if fields:
        yield f"field {code(fields)}"


# The key of a field, and how the field is written where the contract gives it no name.
_FIELDS = {"properties": "", "items": "[]", "additionalProperties": "*"}


def _part(document: Any, pointer: str, key: str, waiting: Iterator[str]) -> tuple[str, str] | None:
    """Return the pointer of the part that starts with `key`, and its words; None for a keyword that is no part."""
    if key == "requestBody":
        return pointer, "request body"
    if key not in _NAMED and key not in ("allOf", "anyOf", "oneOf", "parameters"):
        return None
    name = next(waiting, "")
    pointer = child(pointer, name)
    if key == "parameters":
        value = get(document, pointer)
        known = isinstance(value, dict) and "name" in value
        return pointer, f"{value.get('in')} parameter {code(value['name'])}" if known else "parameter"
    if key in _NAMED:
        return pointer, "" if (key, name) == ("content", "application/json") else f"{_NAMED[key]} {code(name)}"
    return pointer, f"form {int(name) + 1}" if name.isdecimal() else "forms"
