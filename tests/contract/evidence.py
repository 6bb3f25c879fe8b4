"""What a reply is evidence for, by the providers' documents alone: written without a look at the facade's tables."""

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

from refundry import Money, WireReply
from tests.contract.support import Call

UNKNOWN = frozenset({"OutcomeUnknown"})
MISMATCH = frozenset({"RefundMismatch"})
DONE = frozenset({"SUCCEEDED"})
UNDERWAY = frozenset({"PENDING"})
REFUSED = frozenset({"RefundRejected"})
NO_ACCESS = frozenset({"AuthenticationFailed"})
ACCEPTED = DONE | UNDERWAY

PAYBYRD_CODES = {
    "BYRD010": UNDERWAY,
    "BYRD200": DONE,
    "BYRD201": UNDERWAY,
    "BYRD203": UNKNOWN,
    "BYRD205": REFUSED,
    "BYRD206": REFUSED,
    "BYRD207": UNDERWAY,
    "BYRD208": REFUSED,
    "BYRD230": REFUSED,
    "BYRD231": REFUSED,
    "BYRD240": REFUSED,
    "BYRD290": REFUSED,
    "BYRD291": REFUSED,
    "BYRD292": REFUSED,
    "BYRD294": UNKNOWN,
    "BYRD299": UNKNOWN,
    "BYRD401": NO_ACCESS,
    "BYRD403": NO_ACCESS,
    "BYRD900": REFUSED,
    "BYRD901": REFUSED,
    "BYRD999": UNKNOWN,
}
"""Paybyrd's codes: docs.paybyrd.com/api-reference/api-code-reference. Unknown are those that ask to query first."""

BLINK_WORDS = {"completed": DONE, "pending": UNDERWAY, "failed": REFUSED}


def results(call: Call, reply: WireReply) -> frozenset[str]:
    """Return what a client may make of this reply to this call; several where the documents leave a choice.

    A name of a refund's status stands for a Refund, any other for the exception of that name.
    """
    if not reply.complete:
        return UNKNOWN
    said = _object(reply.body)
    return {"lab4pay": _lab4pay, "paybyrd": _paybyrd, "blink": _blink}[call.provider](call, reply, said)


def _lab4pay(_: Call, reply: WireReply, said: dict[str, Any] | None) -> frozenset[str]:
    if reply.status == 401:
        return NO_ACCESS
    if reply.status == 400:  # no body is documented: an object, or nothing at all
        return REFUSED if said is not None or not reply.body else UNKNOWN
    if reply.status == 200 and said is not None and _text(said, "transaction_id"):
        return UNDERWAY  # told to the terminal, and never more than that
    return UNKNOWN


def _paybyrd(call: Call, reply: WireReply, said: dict[str, Any] | None) -> frozenset[str]:
    code = _text(said or {}, "code")
    verdict = PAYBYRD_CODES.get(code or "", UNKNOWN)
    if said is None:
        return NO_ACCESS if reply.status == 401 else UNKNOWN
    match reply.status:
        case 200:
            return MISMATCH if verdict <= ACCEPTED and _paybyrd_differs(call, said) else verdict
        case 202:
            return UNDERWAY if code is None or verdict <= ACCEPTED else UNKNOWN
        case 400 | 404:
            return UNKNOWN if verdict <= ACCEPTED else verdict
        case 401 | 403:
            # A code that says that it was done, or that asks to query first, contradicts the status.
            return UNKNOWN if code in PAYBYRD_CODES and verdict <= ACCEPTED | UNKNOWN else NO_ACCESS
        case _:
            return UNKNOWN


def _paybyrd_differs(call: Call, said: dict[str, Any]) -> bool:
    source = said.get("sourceTransaction")
    payment_id = _text(source, "transactionId") if isinstance(source, dict) else None
    minor, major = said.get("isoAmount"), said.get("amount")
    asked = (Decimal(call.amount.minor_units), call.amount.decimal)
    return payment_id not in (None, call.payment_id) or _another_amount(
        (minor, _number(minor, fraction=False), asked[0]), (major, _number(major), asked[1])
    )


def _another_amount(*amounts: tuple[object, Decimal | None, Decimal]) -> bool:
    """Whether amounts, each with what is read of it and what was asked for, tell of another than was asked for.

    One that is there and cannot be read does too, where no other can.
    """
    read = [(number, asked) for _, number, asked in amounts if number is not None]
    if read:
        return any(number != asked for number, asked in read)
    return any(value not in (None, "") for value, _, _ in amounts)


def _blink(call: Call, reply: WireReply, said: dict[str, Any] | None) -> frozenset[str]:
    if said is None:
        return NO_ACCESS if reply.status == 401 else UNKNOWN
    success = said.get("success") if isinstance(said.get("success"), bool) else None
    if reply.status == 200:
        return _blink_refund(call, said, success)
    word = _text(said, "status")
    if success or (word is not None and _verdict(word) <= ACCEPTED):  # a body that denies its status
        return UNKNOWN
    if reply.status in (401, 403):
        return NO_ACCESS
    if reply.status not in (400, 402, 404, 409, 422):
        return UNKNOWN
    said_no = success is False or ("success" not in said and (_text(said, "message") or _text(said, "error")))
    return REFUSED if said_no else UNKNOWN


def _blink_refund(call: Call, said: dict[str, Any], success: bool | None) -> frozenset[str]:
    word = _text(said, "status")
    by_word = None if word is None else _verdict(word)
    by_flag = {None: None, True: DONE, False: REFUSED}[success]
    verdict = by_word or by_flag or UNKNOWN
    if by_word is not None and by_flag is not None and by_word != by_flag and (by_word, by_flag) != (UNDERWAY, DONE):
        return UNKNOWN
    differs = any(
        reported not in (None, asked)
        for reported, asked in (
            (_text(said, "transaction_id"), call.payment_id),
            (_text(said, "reference"), call.reference),
        )
    )
    if verdict <= ACCEPTED and isinstance(call.amount, Money):
        amount = said.get("amount")
        differs = differs or _another_amount((amount, _number(amount), call.amount.decimal))
    return MISMATCH if differs and verdict != UNKNOWN else verdict


def _verdict(word: str) -> frozenset[str]:
    return BLINK_WORDS.get(" ".join(re.split(r"[\s_-]+", word)).strip().lower(), UNKNOWN)


def _object(body: bytes) -> dict[str, Any] | None:
    """The body as a JSON object, or None where it is not one. Of a name that stands twice, the last counts."""
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_no_json)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_json(name: str) -> NoReturn:
    raise ValueError(name)


def _text(said: dict[str, Any], name: str) -> str | None:
    value = said.get(name)
    return value if isinstance(value, str) and value else None


def _number(value: object, *, fraction: bool = True) -> Decimal | None:
    """A reported amount, as a number or as a text, without its sign: refunds may be shown below zero."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(value if isinstance(value, int) else repr(value)).copy_abs()
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?" if fraction else r"-?[0-9]+", value):
        return Decimal(value).copy_abs()
    return None
