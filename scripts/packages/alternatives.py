"""In which order the generated client tries the alternatives of a union, and which enums must hold a listed value.

Takes the objects of openapi-python-client's parser, which its templates are given.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from scripts.contracts.openapi import python_name
from scripts.packages.passes.tags import UNLISTED

Tags = dict[str, list[str]]
"""The properties of an alternative that must hold one of these values, as Python code, where they are there."""


def in_order(models: Iterable[Any], closed: frozenset[str], union: Any) -> list[tuple[Any, Tags]]:
    """Return the alternatives of a union in the order in which they are tried, each with its tags.

    First come those whose enums all hold a listed value. Then those in which an enum that is open holds another one;
    `closed` names the enums that tell alternatives apart. An object with an unlisted tag comes last. The alternatives
    of a union are copies without their properties; `models` are the objects with them.
    """
    names = frozenset(map(python_name, closed))
    whole = {_class(model): model for model in models}
    objects = [whole.get(_class(one), one) for one in union.inner_properties]
    if sum(hasattr(one, "required_properties") for one in objects) < 2:
        return [(one, {}) for one in union.inner_properties]
    enums = [
        (one, {name: (values, kind) for name, values, kind in _enums(model)})
        for one, model in zip(union.inner_properties, objects, strict=True)
    ]
    listed = [(one, {name: values for name, (values, _) in its.items()}) for one, its in enums]
    also_unlisted = [
        (one, {name: values for name, (values, kind) in its.items() if kind in names})
        for one, its in enums
        if any(kind not in names for _, kind in its.values())
    ]
    last = [(one, tags) for one, tags in listed if _class(one) == python_name(UNLISTED)]
    return [one for one in listed if one not in last] + also_unlisted + last


def _enums(alternative: Any) -> Iterator[tuple[str, list[str], str]]:
    """Yield each property of an object that is an enum: its name, its values as Python code, the enum's name."""
    for name in ("required_properties", "optional_properties"):
        for part in getattr(alternative, name, None) or ():
            inner = getattr(part, "inner_properties", [part])
            enums = [one for one in inner if hasattr(one, "value_type")]
            null = ["None"] if len(inner) == 2 and type(inner[0]).__name__ == "NoneProperty" else []
            if len(enums) == 1 and len(inner) == len(enums) + len(null):
                # The tool keeps texts as they stand between quotes.
                values = [f'"{value}"' if isinstance(value, str) else str(value) for value in enums[0].values.values()]
                yield part.name, values + null, _class(enums[0])


def _class(part: Any) -> str:
    return python_name(str(part.class_info.name)) if hasattr(part, "class_info") else ""
