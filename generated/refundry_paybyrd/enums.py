"""Enums that are open: a provider adds a value without notice, and a reply that holds it is still to be read"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Any
from weakref import WeakValueDictionary

# One object for a value, as long as somebody holds it. Python has no weak references to numbers.
_unlisted: WeakValueDictionary[tuple[type, str], OpenText] = WeakValueDictionary()


def _described(schema: Any, handler: Any) -> Any:
    """The JSON Schema that Pydantic makes of an enum, with its values as an annotation: it refuses no other one"""
    described = handler(schema)
    enum = handler.resolve_ref_schema(described)
    alone = enum.pop("const", None)
    enum["x-extensible-enum"] = enum.pop("enum", [alone])
    return described


class OpenText(StrEnum):
    """A text. Its members are the values that the contract lists; any other text is a member as well.

    `value` is the text. An unlisted value is not in iteration, is equal to the same text, and can be copied and pickled.
    """

    def __reduce_ex__(self, proto: object) -> tuple[Any, ...]:
        # By value: an unlisted one has no name in the class.
        return type(self), (str(self.value),)

    @classmethod
    def _missing_(cls, value: object) -> OpenText | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return _unlisted.setdefault((cls, value), member)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:
        return _described(schema, handler)


class OpenNumber(IntEnum):
    """A whole number. Its members are the values that the contract lists; any other whole number is a member as well.

    `value` is the number. An unlisted value is not in iteration, is equal to the same number, and can be copied and
    pickled.
    """

    def __reduce_ex__(self, proto: object) -> tuple[Any, ...]:
        return type(self), (int(self.value),)

    @classmethod
    def _missing_(cls, value: object) -> OpenNumber | None:
        if type(value) is not int:
            return None
        member = int.__new__(cls, value)
        member._name_, member._value_ = str(value), value
        return member

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:
        return _described(schema, handler)


__all__ = ["OpenNumber", "OpenText"]
