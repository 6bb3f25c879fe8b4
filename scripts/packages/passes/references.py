"""References in the two forms that both tools follow: to a schema by its name, and alone."""

import copy
from typing import Any

from scripts.contracts.names import class_name as plain_name
from scripts.contracts.openapi import Node, walk
from scripts.contracts.pointers import get, keys
from scripts.contracts.references import target
from scripts.packages.passes.naming import SCHEMAS, class_name, free, schemas_of

_GROUPS = {"parameter": "parameters", "response": "responses", "request body": "requestBodies"}
# What may stand beside a reference and says nothing of the value.
_SAID = frozenset({"description", "title", "summary", "deprecated", "example", "examples", "readOnly", "writeOnly"})


def shorten(data: dict[str, Any]) -> None:
    """Write out the references of paths, and lead each other one to its end in one step."""
    paths = data.get("paths", {})
    for path, item in paths.items():
        if "$ref" in item:
            paths[path] = {**copy.deepcopy(get(data, target(item["$ref"]))), **item}
            del paths[path]["$ref"]
    data.get("components", {}).pop("pathItems", None)
    for node in list(walk(data)):
        if node.kind in _GROUPS and "$ref" in node.value:
            _shorten(data, node, f"/components/{_GROUPS[node.kind]}")


def _shorten(data: dict[str, Any], node: Node, group: str) -> None:
    pointer = target(node.value["$ref"])
    while "$ref" in (value := get(data, pointer)):
        pointer = target(value["$ref"])
    named = pointer.rpartition("/")[0] == group
    node.value.clear()
    node.value.update({"$ref": f"#{pointer}"} if named and not node.pointer.startswith(group) else copy.deepcopy(value))


def name(data: dict[str, Any]) -> None:
    """Give each schema that is referred to a name of its own, one that Python can have."""
    schemas = schemas_of(data)
    targets = [target(node.value["$ref"]) for node in walk(data) if node.kind == "schema" and "$ref" in node.value]
    deep = {each for each in targets if keys(each)[:-1] != ["components", "schemas"]}
    moved: dict[str, str] = {}
    for pointer in sorted(deep, key=lambda one: len(keys(one))):
        now = _now(pointer, moved)
        schema = get(data, now)
        named = free(class_name(data, now), schemas, "Schema")
        schemas[named] = dict(schema)
        schema.clear()
        schema["$ref"] = SCHEMAS + named
        moved[pointer] = f"/components/schemas/{named}"
        if now != pointer:
            moved[now] = moved[pointer]
    # The copy has the members of the schema that moved; a schema that was listed is now a reference itself.
    for node in walk(data):
        if node.kind == "schema" and isinstance(node.value.get("$ref"), str):
            node.value["$ref"] = "#" + _now(target(node.value["$ref"]), moved)
    _rename(data, schemas)


def _now(pointer: str, moved: dict[str, str]) -> str:
    """Return where the schema at a pointer is, after those above it have moved."""
    above = pointer
    while above:
        if above in moved:
            return _now(moved[above] + pointer[len(above) :], {old: new for old, new in moved.items() if old != above})
        above = above.rpartition("/")[0]
    return pointer


def _rename(data: dict[str, Any], schemas: dict[str, Any]) -> None:
    renamed = {old: new for old in schemas if (new := plain_name(old)) != old}
    if not renamed:
        return
    for node in walk(data):
        if node.kind == "schema":
            own = str(node.value.get("$ref", "")).removeprefix(SCHEMAS)
            own = target(own)
            if own in renamed:
                node.value["$ref"] = SCHEMAS + renamed[own]
            if isinstance(mapping := get(node.value, "/discriminator/mapping"), dict):
                for tag, schema in mapping.items():
                    name = str(schema).removeprefix(SCHEMAS)
                    mapping[tag] = SCHEMAS + renamed.get(name, name)
            if "discriminator" in node.value and isinstance(node.value["discriminator"], dict):
                _keep_tags(node.value, {new: old for old, new in renamed.items()})
    items = [(renamed.get(old, old), schema) for old, schema in schemas.items()]
    schemas.clear()
    schemas.update(items)


def _keep_tags(schema: dict[str, Any], old: dict[str, str]) -> None:
    """Map the tags of alternatives that were renamed: without a mapping, the name of a schema is its tag."""
    mapping = schema["discriminator"].setdefault("mapping", {})
    listed = {value.removeprefix(SCHEMAS) for value in mapping.values()}
    for alternative in [*schema.get("oneOf", ()), *schema.get("anyOf", ())]:
        own = str(alternative.get("$ref", "")).removeprefix(SCHEMAS)
        own_new = own
        if own_new in old and own_new not in listed:
            mapping[old[own_new]] = SCHEMAS + own_new


def alone(data: dict[str, Any], *, is_30: bool) -> None:
    """Set each reference apart from what stands beside it: in 3.0 that says nothing, in 3.1 it says more of a value."""
    for node in list(walk(data)):
        if node.kind == "schema" and "$ref" in node.value and len(node.value) > 1:
            reference = {"$ref": node.value.pop("$ref")}
            beside = {key: value for key, value in node.value.items() if key in _SAID or key.startswith("x-")}
            more = {} if is_30 else {key: value for key, value in node.value.items() if key not in beside}
            node.value.clear()
            default = {"default": more.pop("default")} if "default" in more else {}
            node.value.update({"allOf": [reference, *([more] if more else [])], **beside, **default})
