"""Bodies and replies: one media type each, none where HTTP has none, and a name for each object in them."""

from collections.abc import Iterator
from typing import Any

from scripts.contracts import security, shapes
from scripts.contracts.openapi import is_ignored, is_json, json_type, operations, python_name, walk
from scripts.contracts.pointers import child, get, keys
from scripts.packages.passes.naming import SCHEMAS, class_name, free, schemas_of

# RFC 9110: a reply with one of these statuses has no content.
_EMPTY = ("1", "204", "205", "304")
_WITHIN = ("items", "additionalProperties")
_PARTS = ("oneOf", "anyOf", "prefixItems")


def choose(data: dict[str, Any]) -> None:
    """Leave each body the media type that is used, and each operation the security that it has."""
    for node in walk(data):
        if node.kind == "response":
            _choose(node.value)
            for key in ("headers", "links"):
                node.value.pop(key, None)
        elif node.kind == "request body" and (used := json_type(node.value.get("content"))):
            node.value["content"] = {used: {"schema": {}, **node.value["content"][used]}}
    for pointer, method, _, operation in operations(data):
        if "requestBody" in operation and is_ignored(method, shapes.resolved(data, child(pointer, "requestBody"))[1]):
            del operation["requestBody"]
        answers = operation.setdefault("responses", {})
        for status in answers:
            if status.startswith(_EMPTY) or method == "head":
                answers[status] = {"description": ""}
        needed = security.needed(data, operation)
        # The tool asks only whether there is any.
        operation["security"] = [{"a credential of the client": []}] if needed else []


def _choose(reply: dict[str, Any]) -> None:
    content = reply.pop("content", None)
    if not isinstance(content, dict):
        return
    if used := json_type(content):
        reply["content"] = {used: content[used]}
    elif text := next((name for name in content if name.startswith("text/")), None):
        reply["content"] = {text: {"schema": {"type": "string"}}}
    # Other bytes are in the response as they came.


def name_objects(data: dict[str, Any]) -> None:
    """Give each object that is written in a body, and each that is an alternative, a name.

    One of the tools makes classes of named schemas alone. The other reads an alternative twice, and then finds the
    objects in it there already.
    """
    schemas = schemas_of(data)
    for node in list(walk(data)):
        named = keys(node.pointer)[:2] == ["components", "schemas"]
        if node.kind == "media type" and is_json(node.name) and not named and "schema" in node.value:
            for pointer in list(_objects(data, child(node.pointer, "schema"))):
                _move(data, pointer, schemas)
    for node in reversed(list(walk(data))):
        if node.kind == "schema" and node.name.isdecimal() and keys(node.pointer)[-2] in ("oneOf", "anyOf"):
            for pointer in list(_objects(data, node.pointer)):
                _move(data, pointer, schemas)
    taken = {python_name(name) for name in schemas}
    for node in reversed(list(walk(data))):
        path = keys(node.pointer)
        inline = node.kind == "schema" and len(path) > 3 and path[-2] != "allOf" and _is_object(node.value)
        if inline and python_name(class_name(data, node.pointer)) in taken:
            # One of the tools would give it the name of another.
            _move(data, node.pointer, schemas)


def _move(data: dict[str, Any], pointer: str, schemas: dict[str, Any]) -> None:
    schema = get(data, pointer)
    name = free(class_name(data, pointer), schemas, "Object")
    schemas[name] = dict(schema)
    schema.clear()
    schema["$ref"] = SCHEMAS + name


def _is_object(schema: dict[str, Any]) -> bool:
    return "properties" in schema or schema.get("type") == "object"


def _objects(data: dict[str, Any], pointer: str) -> Iterator[str]:
    """Yield the pointer of each object of a body that has no name, outermost first and no deeper."""
    schema = get(data, pointer)
    if not isinstance(schema, dict):
        return
    if "properties" in schema or "allOf" in schema:
        yield pointer
        return
    for key in _WITHIN:
        yield from _objects(data, child(pointer, key))
    for key in _PARTS:
        for index in range(len(schema.get(key, ()))):
            yield from _objects(data, child(child(pointer, key), index))
