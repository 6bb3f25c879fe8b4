"""Objects: their parts in one of the two forms that both tools read, and the properties that go one way alone."""

import copy
from collections.abc import Iterator
from typing import Any

from scripts.contracts import merging, shapes
from scripts.contracts.openapi import walk
from scripts.contracts.pointers import child, get, keys
from scripts.contracts.references import target
from scripts.packages.passes.naming import SCHEMAS, class_name, free, schemas_of

# What is said of a schema, and not of its values.
_SAID = ("title", "description", "example", "examples", "deprecated", "readOnly", "writeOnly", "default")
_CHOICES = ("oneOf", "anyOf")
_NULL = {"type": "null"}


def one_way(data: dict[str, Any]) -> None:
    """Require no property that goes the other way alone, and leave it out of an object that is only sent.

    A property that has a default need not be there either: one tool requires it all the same, and one does not.
    """
    ways = shapes.Ways.of(data)
    changes = []
    for node in walk(data):
        if node.kind == "schema" and node.value.keys() & {"properties", "allOf"}:
            named, _ = shapes.properties(data, node.pointer)
            optional, absent = (way(data, node.pointer, named) for way in (ways.optional, ways.absent))
            given = {name for name, at in named.items() if "default" in shapes.resolved(data, at)[1]}
            changes.append((node.value, optional | given, absent))
    for schema, optional, absent in changes:
        for part in (schema, *(part for part in schema.get("allOf", ()) if "$ref" not in part)):
            if isinstance(part.get("required"), list):
                part["required"] = [name for name in part["required"] if name not in optional]
        for name in absent:
            schema.get("properties", {}).pop(name, None)


def settle(data: dict[str, Any]) -> None:
    """Bring each object to properties, or to parts that are objects with different properties."""
    for node in walk(data):
        if node.kind == "schema":
            if node.value.get("additionalProperties") is False:
                # What a provider adds is kept, as everywhere else.
                del node.value["additionalProperties"]
            _settle_defaults(node.value)
            _settle_null(node.value)
    _lift_nulls(data)
    schemas = schemas_of(data)
    waiting = [node.pointer for node in walk(data) if node.kind == "schema"]
    while waiting:
        # Last first: what stands within another comes after it.
        waiting += _combine(data, waiting.pop(), schemas)


def _settle_defaults(schema: dict[str, Any]) -> None:
    """Leave out the defaults that are no plain value. A property that has one need not be sent, whatever it is."""
    for name, part in schema.get("properties", {}).items():
        if "default" in part and not isinstance(part["default"], str | int | float):
            del part["default"]
            if name in schema.get("required", ()):
                schema["required"] = [each for each in schema["required"] if each != name]


# --- nulls


def _settle_null(schema: dict[str, Any]) -> None:
    """Write the `nullable` of OpenAPI 3.0 beside a choice or a reference as one more alternative."""
    if schema.get("nullable") is not True or "type" in schema or "enum" in schema:
        return
    if key := next((key for key in (*_CHOICES, "allOf") if key in schema), None):
        del schema["nullable"]
        if key == "allOf":
            parts = schema.pop("allOf")
            moved = {name: schema.pop(name) for name in ("properties", "required") if name in schema}
            alone = len(parts) == 1 and not moved and "$ref" in parts[0]
            schema["anyOf"] = [parts[0] if alone else {**moved, "allOf": parts}, dict(_NULL)]
        elif not any(part.get("type") == "null" for part in schema[key]):
            schema[key].append(dict(_NULL))


def _lift_nulls(data: dict[str, Any]) -> None:
    """Let a named object be no null itself. Where it is referred to, a null may stand instead."""
    schemas = schemas_of(data)
    for node in list(walk(data)):
        kinds = node.value.get("type") if node.kind == "schema" else None
        named = len(keys(node.pointer)) == 3 and node.pointer.startswith("/components/schemas/")
        null = node.value.get("nullable") is True or (isinstance(kinds, list) and "null" in kinds)
        alone = kinds == "object" or (isinstance(kinds, list) and {*kinds} == {"object", "null"})
        if not named and null and alone and "properties" in node.value:
            # Both tools make a class of a named object alone, and a choice of that and null.
            name = free(class_name(data, node.pointer), schemas, "Object")
            schemas[name] = {**node.value, "type": "object"}
            schemas[name].pop("nullable", None)
            node.value.clear()
            node.value["anyOf"] = [{"$ref": SCHEMAS + name}, dict(_NULL)]
    nullable = set()
    for name, schema in schemas.items():
        kinds = schema.get("type")
        if "enum" in schema or not (schema.keys() & {"properties", "allOf"} or kinds == "object"):
            continue
        if schema.pop("nullable", None) is True:
            nullable.add(SCHEMAS + name)
        elif isinstance(kinds, list) and "null" in kinds and len(kinds) == 2:
            schema["type"] = next(kind for kind in kinds if kind != "null")
            nullable.add(SCHEMAS + name)
    if not nullable:
        return
    for node in list(walk(data)):
        if node.kind != "schema":
            continue
        schema = node.value
        for key in _CHOICES:
            parts = schema.get(key, [])
            if any(part.get("$ref") in nullable for part in parts) and _NULL not in parts:
                parts.append(dict(_NULL))
        parts = schema.get("allOf", ())
        if len(parts) == 1 and parts[0].get("$ref") in nullable and not schema.keys() & {"properties", "required"}:
            schema["anyOf"] = [*schema.pop("allOf"), dict(_NULL)]
        within = node.pointer.rpartition("/")[0].rpartition("/")[2]
        if schema.get("$ref") in nullable and within not in ("allOf", *_CHOICES):
            schema["anyOf"] = [{"$ref": schema.pop("$ref")}, dict(_NULL)]


# --- parts


def _combine(data: dict[str, Any], pointer: str, schemas: dict[str, Any]) -> Iterator[str]:
    """Settle the parts of one schema; yield the pointers of the schemas that this makes."""
    schema = get(data, pointer)
    if not isinstance(schema, dict):
        return
    if "allOf" in schema and not _is_object(data, pointer):
        _merge_plain(data, schema)
        return
    choice = next((key for key in _CHOICES if key in schema), None)
    if choice and schema.keys() & {"properties", "allOf"}:
        yield from _distribute(data, pointer, schema, choice, schemas)
        return
    if "allOf" not in schema:
        return
    schema["allOf"] = list(_flat(schema["allOf"]))
    for part in schema["allOf"]:
        if "$ref" not in part and part.keys() & {"properties", "required"}:
            part.setdefault("type", "object")
            if "properties" not in part:
                # The schema tool passes over a part that only requires.
                declared = merging.declarations(data, pointer)
                required = [name for name in part["required"] if name in declared]
                part["properties"] = {name: copy.deepcopy(get(data, declared[name][0])) for name in required}
    for index, part in enumerate(schema["allOf"]):
        whole = _whole(data, part)
        if any(key in whole for key in _CHOICES):
            key = next(key for key in _CHOICES if key in whole)
            rest = [one for number, one in enumerate(schema["allOf"]) if number != index]
            beside = {name: value for name, value in whole.items() if name not in (*_SAID, key, "discriminator")}
            schema["allOf"] = [*rest, *([copy.deepcopy(beside)] if beside.keys() - {"type"} else [])]
            schema[key] = copy.deepcopy(whole[key])
            if "discriminator" in whole:
                schema["discriminator"] = copy.deepcopy(whole["discriminator"])
            yield from _distribute(data, pointer, schema, key, schemas)
            return
    declared = merging.declarations(data, pointer)
    if any(len(at) > 1 and any(get(data, one) != get(data, at[0]) for one in at) for at in declared.values()):
        required = sorted(shapes.properties(data, pointer)[1])
        properties = {name: copy.deepcopy(merging.merged(data, at)) for name, at in declared.items()}
        said = {key: schema[key] for key in _SAID if key in schema}
        schema.clear()
        schema |= {"type": "object", "properties": properties, **({"required": required} if required else {}), **said}
        yield from (child(child(pointer, "properties"), name) for name in properties)
    elif len(schema["allOf"]) == 1:
        # The client takes an allOf of one reference for another name of it, whatever stands beside it.
        own = {key: schema.pop(key) for key in ("properties", "required", "additionalProperties") if key in schema}
        if any(own.values()):
            schema["allOf"].append({"type": "object", **own})


def _flat(parts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the parts of an allOf, with those of an allOf within it: one of the tools reads no deeper."""
    for part in parts:
        if "allOf" not in part or part.keys() & {"$ref", *_CHOICES}:
            yield part
            continue
        yield from _flat(part["allOf"])
        own = {key: value for key, value in part.items() if key not in ("allOf", *_SAID)}
        if any(own.get(key) for key in ("properties", "required")):
            yield own


def _whole(data: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = get(data, target(schema["$ref"]))
    return schema


def _is_object(data: dict[str, Any], pointer: str) -> bool:
    return "object" in merging.types(data, pointer) or bool(merging.declarations(data, pointer))


def _merge_plain(data: dict[str, Any], schema: dict[str, Any]) -> None:
    """Write an allOf of texts, numbers or arrays as one of them, with what the others say."""
    parts = schema["allOf"]
    if len(parts) == 1 and "$ref" in parts[0] and not schema.keys() - {"allOf", *_SAID}:
        return
    one: dict[str, Any] = {}
    for index in range(len(parts)):
        one = _with(data, one, parts[index])
    own = {key: value for key, value in schema.items() if key != "allOf"}
    schema.clear()
    schema |= {**one, **own}


def _with(data: dict[str, Any], one: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    whole = _whole(data, part)
    while len(whole.get("allOf", ())) == 1:
        whole = _whole(data, whole["allOf"][0])
    return {**one, **copy.deepcopy({key: value for key, value in whole.items() if key not in ("title", "description")})}


def _distribute(
    data: dict[str, Any], pointer: str, schema: dict[str, Any], choice: str, schemas: dict[str, Any]
) -> Iterator[str]:
    """Write what stands beside alternatives into each of them: the client reads alternatives or properties."""
    alternatives = schema.pop(choice)
    at = [child(child(pointer, choice), index) for index in range(len(alternatives))]
    schema[choice] = alternatives
    if not any(shapes.properties(data, one)[0] for one in at):
        # They only say what is required together, which is the validator's.
        del schema[choice]
        schema.pop("discriminator", None)
        yield pointer
        return
    own = {key: schema.pop(key) for key in ("type", "properties", "required", "additionalProperties") if key in schema}
    base = [*schema.pop("allOf", ()), *([own] if own.keys() - {"type"} else [])]
    mapping = schema.get("discriminator", {}).setdefault("mapping", {}) if "discriminator" in schema else {}
    made = []
    for index, alternative in enumerate(alternatives):
        if alternative == _NULL:
            made.append(alternative)
            continue
        old = str(alternative.get("$ref", "")).removeprefix(SCHEMAS)
        name = free(class_name(data, pointer) + (old or str(index)), schemas, "Object")
        schemas[name] = {"allOf": [*copy.deepcopy(base), alternative]}
        tags = [tag for tag, named in mapping.items() if named in (old, SCHEMAS + old)]
        if "discriminator" in schema and old:
            mapping |= dict.fromkeys(tags or [old], SCHEMAS + name)
        made.append({"$ref": SCHEMAS + name})
        yield f"/components/schemas/{name}"
    schema[choice] = made
