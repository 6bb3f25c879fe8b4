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

BLINK_WORDS = {
    **dict.fromkeys(("completed", "accepted"), DONE),
    **dict.fromkeys(("pending", "pending submission", "captured", "tendered", "received", "approved"), UNDERWAY),
    **dict.fromkeys(("deferred", "authorised", "authorized", "pre auth", "preauth"), UNDERWAY),
    **dict.fromkeys(("failed", "declined", "rejected", "cancelled", "canceled", "voided", "expired"), REFUSED),
}
"""Blink's words for a transaction, in lower case with blanks: of its refunds page, and of its glossary of states."""
BLINK_WORDS_ALONE = ("completed", "pending", "failed")
"""Those that its reply without `success` may have. Any other may be the payment's."""


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
    if reply.status == 200 and said is not None and _id(said, "transaction_id"):
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
    payment_id = _id(source, "transactionId") if isinstance(source, dict) else None
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
    success = _flag(said.get("success"))
    if reply.status == 200:
        return _blink_refund(call, said, success)
    word = _text(said, "status")
    if success or (word is not None and BLINK_WORDS.get(_plain(word), UNKNOWN) <= ACCEPTED):  # a body denies its status
        return UNKNOWN
    if reply.status in (401, 403):
        return NO_ACCESS
    if reply.status not in (400, 402, 404, 422):  # 409 conflicts with another request, which may be this refund
        return UNKNOWN
    by_message = "success" not in said and reply.status != 402 and (_text(said, "message") or _text(said, "error"))
    return REFUSED if success is False or by_message else UNKNOWN


def _blink_refund(call: Call, said: dict[str, Any], success: bool | None) -> frozenset[str]:
    verdict = _blink_verdict(_text(said, "status"), success)
    differs = any(
        reported not in (None, asked)
        for reported, asked in (
            (_id(said, "transaction_id"), call.payment_id),
            (_id(said, "reference"), call.reference),
        )
    )
    if verdict <= ACCEPTED and isinstance(call.amount, Money):
        amount = said.get("amount")
        differs = differs or _another_amount((amount, _number(amount), call.amount.decimal))
    return MISMATCH if differs and verdict != UNKNOWN else verdict


def _blink_verdict(word: str | None, success: bool | None) -> frozenset[str]:
    if word is None:
        return {None: UNKNOWN, True: DONE, False: REFUSED}[success]
    meant = BLINK_WORDS.get(_plain(word))
    if success is None:
        return meant if meant is not None and _plain(word) in BLINK_WORDS_ALONE else UNKNOWN
    if meant is None:
        return UNDERWAY if success else UNKNOWN
    return meant if (meant <= ACCEPTED) is success else UNKNOWN


def _plain(word: str) -> str:
    return " ".join(re.split(r"[\s_-]+", word)).strip().lower()


def _flag(value: object) -> bool | None:
    """A success, also as programs write it that have no true and false."""
    if isinstance(value, bool):
        return value
    return next((flag for flag, forms in ((True, ("1", "true")), (False, ("0", "false"))) if str(value) in forms), None)


def _object(body: bytes) -> dict[str, Any] | None:
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


def _id(said: dict[str, Any], name: str) -> str | None:
    """An id: a text, or a whole number, whose digits it is. One with more of them than a float holds is none."""
    value = said.get(name)
    if isinstance(value, bool) or (isinstance(value, float) and abs(value) >= 2**53):
        return None
    if isinstance(value, int | float):
        return str(int(value)) if value == int(value) else None
    return _text(said, name)


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
