"""Strict reading: whether a message is all that the contract allows, beside the lenient models. Needs `refundry[strict]`"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from . import errors
from .contracts import contract
from .types import read_json

if TYPE_CHECKING:
    from refundry.departures import Departure, Validator


def departures(name: str, value: Any) -> tuple[Departure, ...]:
    """Return each departure of a decoded message from the schema of this name in the contract; none where it fits

    An enum value that the contract does not list is one. A field that it does not list is one only where it forbids
    others. A missing field that is only sent or only received is none: a name does not say which way a message goes.

    Raises:
        ImportError: If the extra `strict` of refundry is not installed.
        ValueError: If the contract has no schema of this name.
    """
    validator = _validator()
    if name not in validator.document["components"]["schemas"]:
        raise ValueError(f"the contract has no schema {name!r}")
    return validator.departures(f"/components/schemas/{name}", value)


def check(name: str, value: Any) -> None:
    """Check a decoded message against the schema of this name in the contract

    Raises:
        errors.DepartsFromContract: If it departs from it, with all departures.
        ImportError: If the extra `strict` of refundry is not installed.
        ValueError: If the contract has no schema of this name. DepartsFromContract is one, too: catch it first.
    """
    if found := departures(name, value):
        raise errors.DepartsFromContract(found)


def check_reply(operation: str, status_code: int, content: bytes) -> None:
    """Check the body of a reply to the operation at this JSON pointer of the contract, as `read_strictly` does

    Raises:
        errors.DepartsFromContract: If it departs from the contract, with all departures.
        errors.UnreadableReply: If it is no JSON where the contract describes JSON.
        ImportError: If the extra `strict` of refundry is not installed.
    """
    try:
        found = _validator().departures_of_reply(
            operation, status_code, content, read_json
        )
    except errors.READ_ERRORS as error:
        errors.pass_through(error)
        problem = errors.UnreadableReply.because(status_code, content, error)
    else:
        if found:
            raise errors.DepartsFromContract(found)
        return
    # Raised here, so that it does not hold the error, which holds the body.
    raise problem


@cache
def _validator() -> Validator:
    from refundry.departures import Validator

    return Validator(contract(), extra="strict")


__all__ = ["check", "check_reply", "departures"]
