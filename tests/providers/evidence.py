"""How a reply is read as evidence: shared by the records, and written without a look at the facade's readers."""

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

UNKNOWN = frozenset({"OutcomeUnknown"})
MISMATCH = frozenset({"RefundMismatch"})
DONE = frozenset({"SUCCEEDED"})
UNDER_WAY = frozenset({"PENDING"})
REFUSED = frozenset({"RefundRejected"})
NO_ACCESS = frozenset({"AuthenticationFailed"})
ACCEPTED = DONE | UNDER_WAY


def another_amount(*amounts: tuple[object, Decimal | None, Decimal]) -> bool:
    """Whether amounts, each with what is read of it and what was asked for, tell of another than was asked for.

    One that is there and cannot be read does too, where no other can.
    """
    read = [(number, asked) for _, number, asked in amounts if number is not None]
    if read:
        return any(number != asked for number, asked in read)
    return any(value not in (None, "") for value, _, _ in amounts)


def flag_of(value: object) -> bool | None:
    """A success, also as programs write it that have no true and false."""
    if isinstance(value, bool):
        return value
    return next((flag for flag, forms in ((True, ("1", "true")), (False, ("0", "false"))) if str(value) in forms), None)


def body_of(body: bytes) -> dict[str, Any] | None:
    """The body as a JSON object, or None where it is not one, or has two values under one name."""
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
    """An id: a text, or a whole number, whose digits it is. One with more of them than a float holds is none."""
    value = said.get(name)
    if isinstance(value, bool) or (isinstance(value, float) and abs(value) >= 2**53):
        return None
    if isinstance(value, int | float):
        return str(int(value)) if value == int(value) else None
    return text_of(said, name)


def text_of(said: dict[str, Any], name: str) -> str | None:
    value = said.get(name)
    return value if isinstance(value, str) and value else None


def number_of(value: object, *, fraction: bool = True) -> Decimal | None:
    """A reported amount, as a number or as a text, without its sign: refunds may be shown below zero."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(value if isinstance(value, int) else repr(value)).copy_abs()
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?" if fraction else r"-?[0-9]+", value):
        return Decimal(value).copy_abs()
    return None
