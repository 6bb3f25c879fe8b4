"""Parameters: those that are sent, each with a schema, and with a name that stands in a path."""

import re
from typing import Any

from scripts.contracts import shapes
from scripts.contracts.openapi import identifier, walk
from scripts.contracts.pointers import get
from scripts.contracts.references import target

# The names of a path's parameters that the tool reads.
_READ = re.compile(r"[a-zA-Z_-][a-zA-Z0-9_-]*")


def settle(data: dict[str, Any]) -> None:
    """Leave out the parameters that are not sent, and give those with a media type its schema."""
    for node in list(walk(data)):
        if node.kind in ("operation", "path") and isinstance(node.value.get("parameters"), list):
            kept = [each for each in node.value["parameters"] if shapes.is_sent(data, _whole(data, each))]
            node.value["parameters"] = kept
        elif node.kind == "parameter" and isinstance(content := node.value.pop("content", None), dict):
            schemas = (media.get("schema", {}) for media in content.values())
            node.value["schema"] = next(schemas, {})
        if node.kind == "parameter" and node.value.get("in") == "path" and isinstance(node.value.get("schema"), dict):
            # It stands in every path.
            node.value["schema"].pop("default", None)
    paths = data.get("paths", {})
    for path in list(paths):
        for name in re.findall(r"\{([^}]*)\}", path):
            if not _READ.fullmatch(name):
                path = _rename(data, path, name)


def _whole(data: dict[str, Any], parameter: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = get(data, target(parameter["$ref"])) if "$ref" in parameter else parameter
    return found


def _rename(data: dict[str, Any], path: str, name: str) -> str:
    """Give a parameter of a path another name; return the path. Such a name is not on the wire."""
    item = data["paths"].pop(path)
    path = path.replace(f"{{{name}}}", f"{{{identifier(name)}}}")
    data["paths"][path] = item
    for holder in (item, *(each for each in item.values() if isinstance(each, dict))):
        for index, parameter in enumerate(holder.get("parameters", ())):
            whole = _whole(data, parameter)
            if whole.get("in") == "path" and whole.get("name") == name:
                holder["parameters"][index] = {**whole, "name": identifier(name)}
    return path
