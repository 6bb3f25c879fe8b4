"""The fields of a value as JSON: what `to_dict` writes, and what `from_dict` reads."""

from __future__ import annotations

from collections.abc import Mapping

from refundry.clock import in_utc
from refundry.interruption import pass_through

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Any, Final

    Convert = Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


class Field:
    """How a field stands in JSON: as one of `types`, by `write` and `read`; also as null unless it `is_needed`."""

    def __init__(self, *types: type, write: Convert = _same, read: Convert = _same, is_needed: bool = False) -> None:
        self.types = types
        self.write = write
        self.read = read
        self.is_needed = is_needed


def _moment(text: str) -> datetime:
    from datetime import datetime  # what nobody keeps need not be loaded

    return in_utc(datetime.fromisoformat(text))


TEXT: Final = Field(str)
NEEDED_TEXT: Final = Field(str, is_needed=True)
WHOLE_NUMBER: Final = Field(int)
MOMENT: Final = Field(str, write=lambda moment: moment.isoformat(), read=_moment)


def to_dict(fields: Mapping[str, Field], holder: object) -> dict[str, Any]:
    """The fields of an object as values that JSON can hold."""
    held = {name: getattr(holder, name) for name in fields}
    return {name: None if value is None else fields[name].write(value) for name, value in held.items()}


def from_dict(
    fields: Mapping[str, Field], values: Mapping[str, Any], refusal: Callable[[str, Exception], Exception]
) -> dict[str, Any]:
    """The fields that `to_dict` wrote. One that is missing reads as null.

    Another field is ignored, so that two versions can run side by side. Raises the `refusal` of a field that is unfit,
    made from its name and what is wrong with it.
    """
    read = {}
    for name, field in fields.items():
        try:
            read[name] = _read(field, values.get(name))
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            pass_through(error)
            raise refusal(name, error) from error
    return read


def _read(field: Field, value: Any) -> Any:
    if value is None and not field.is_needed:
        return None
    if not isinstance(value, field.types) or (isinstance(value, bool) and bool not in field.types):
        raise TypeError("it is missing" if value is None else f"it is of type {type(value).__name__}")
    return field.read(value)
