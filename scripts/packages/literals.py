"""Texts of a contract as Python literals. The client's tool escapes a default twice, and drops control characters.

Takes the objects of openapi-python-client's parser before its templates are given them.
"""

import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scripts.contracts.openapi import python_name
from scripts.contracts.shapes import values_of


def make_exact(parsed: Any, schemas: Mapping[str, Any]) -> None:
    """Give each default, each constant and each value of an enum the literal of its own text.

    `schemas` are the named schemas that the tool was given; it names the class of an enum after one of them.
    """
    listed = {python_name(name): values_of(schema) for name, schema in schemas.items() if isinstance(schema, dict)}
    for enum in parsed.enums:
        values = listed.get(python_name(str(enum.class_info.name)), [])
        if len(values) == len(enum.values) and all(isinstance(value, str) for value in values):
            # In place: every property of the enum has the same mapping.
            enum.values.update(zip(enum.values, map(_quoted, values), strict=True))
    for part in _every(parsed):
        for name in ("default", "value"):
            held: Any = getattr(part, name, None)
            raw = getattr(held, "raw_value", None)
            if isinstance(raw, str) and not hasattr(part, "value_type"):
                setattr(part, name, type(held)(python_code=type(held.python_code)(f'"{_quoted(raw)}"'), raw_value=raw))


def _every(parsed: Any) -> Iterator[Any]:
    """Yield each property of the models and each parameter of the operations, with those within them."""
    seen: set[int] = set()
    waiting = [part for model in parsed.models for part in _properties(model)]
    for collection in parsed.endpoint_collections_by_tag.values():
        for endpoint in collection.endpoints:
            waiting += endpoint.list_all_parameters()
            waiting += [response.prop for response in endpoint.responses]
    while waiting:
        part = waiting.pop()
        if id(part) not in seen:
            seen.add(id(part))
            yield part
            waiting += _properties(part)
            waiting += getattr(part, "inner_properties", None) or ()
            waiting += filter(None, [getattr(part, "inner_property", None)])


def _properties(model: Any) -> Iterable[Any]:
    for name in ("required_properties", "optional_properties"):
        yield from getattr(model, name, None) or ()


def _quoted(text: str) -> str:
    """Return what stands between double quotes in a literal of this text, without any character that is not seen."""
    return "".join(map(_seen, json.dumps(text, ensure_ascii=False)[1:-1]))


def _seen(sign: str) -> str:
    if unicodedata.category(sign)[0] != "C" and unicodedata.category(sign) not in ("Zl", "Zp"):
        return sign
    return f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}"
