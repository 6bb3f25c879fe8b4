"""JSON Pointers (RFC 6901) into plain data: make one, follow one, walk all members, say it as a JSONPath (RFC 9535)."""

import json
import re
from collections.abc import Iterator
from typing import Any


def child(pointer: str, key: str | int) -> str:
    """Return the JSON Pointer of the member `key` of the value at `pointer`."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def keys(pointer: str) -> list[str]:
    """Return the member names that a JSON Pointer walks through, outermost first."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def jsonpath(data: Any, pointer: str) -> str:
    """Return the JSONPath that selects the value at `pointer` of `data`, as the target of an overlay's action."""
    path = "$"
    for key in keys(pointer):
        if isinstance(data, list):
            path += f"[{key}]"
            data = data[int(key)] if key.isdecimal() and int(key) < len(data) else None
        else:
            plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key)
            path += f".{key}" if plain else f"[{json.dumps(key, ensure_ascii=False)}]"
            data = data.get(key) if isinstance(data, dict) else None
    return path


def resolve(data: Any, pointer: str) -> Any:
    """Return the value at `pointer`. Raises KeyError when there is none."""
    for key in keys(pointer):
        if isinstance(data, dict) and key in data:
            data = data[key]
        elif isinstance(data, list) and key.isdecimal() and int(key) < len(data):
            data = data[int(key)]
        else:
            raise KeyError(pointer)
    return data


def get(data: Any, pointer: str) -> Any:
    """Return the value at `pointer`, or None when there is none."""
    try:
        return resolve(data, pointer)
    except KeyError:
        return None


def members(data: Any, pointer: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield pointer, key and value of every member of every object in plain data, at every depth."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield child(pointer, key), key, value
            yield from members(value, child(pointer, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from members(value, child(pointer, index))
