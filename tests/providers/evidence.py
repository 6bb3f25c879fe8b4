"""Reads a reply as evidence. Shared by the records, and independent of the facade's readers."""

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

UNKNOWN = frozenset({"OutcomeUnknown"})
MISMATCH = frozenset({"RefundMismatch"})
DONE = frozenset({"SUCCEEDED"})
IN_PROGRESS = frozenset({"PENDING"})
REFUSED = frozenset({"RefundRejected"})
DENIED = frozenset({"AuthenticationFailed"})
ACCEPTED = DONE | IN_PROGRESS


def another_amount(*amounts: tuple[object, Decimal | None, Decimal]) -> bool:
    """Return whether reported amounts contradict the requested ones. Each pair: the amount read, the amount requested.

    An unreadable amount contradicts too, where no readable one is beside it.
    """
    read = [(number, requested) for _, number, requested in amounts if number is not None]
    if read:
        return any(number != requested for number, requested in read)
    return any(value not in (None, "") for value, _, _ in amounts)


def flag_of(value: object) -> bool | None:
    """Return the success flag, also in the forms of programs without booleans."""
    if isinstance(value, bool):
        return value
    return next((flag for flag, forms in ((True, ("1", "true")), (False, ("0", "false"))) if str(value) in forms), None)


def body_of(body: bytes) -> dict[str, Any] | None:
    """Return the body as a JSON object, or None where it is not one, or has two values under one name."""
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_no_json, object_pairs_hook=_named_once)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_json(name: str) -> NoReturn:
    raise ValueError(name)


def _named_once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in members:
        if json.dumps(values.setdefault(name, value), sort_keys=True) != json.dumps(value, sort_keys=True):
            raise ValueError(name)
    return values


def id_of(said: dict[str, Any], name: str) -> str | None:
    """Return an id: a text, or the digits of a whole number. A number with more digits than a float holds is no id."""
    value = said.get(name)
    if isinstance(value, bool) or (isinstance(value, float) and abs(value) >= 2**53):
        return None
    if isinstance(value, int | float):
        return str(int(value)) if value == int(value) else None
    return text_of(said, name)


def text_of(said: dict[str, Any], name: str) -> str | None:
    value = said.get(name)
    return value if isinstance(value, str) and value else None


def word_of(said: dict[str, Any], name: str) -> str:
    """Return a word for a state in one spelling: lower case, a blank for each separator; "" for no text."""
    return re.sub(r"[\s_-]+", " ", text_of(said, name) or "").strip().lower()


def number_of(value: object, *, fraction: bool = True) -> Decimal | None:
    """Return a reported amount, a number or a text, without its sign: refunds may be shown as negative amounts."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(value if isinstance(value, int) else repr(value)).copy_abs()
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?" if fraction else r"-?[0-9]+", value):
        return Decimal(value).copy_abs()
    return None
