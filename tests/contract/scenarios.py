"""Scenarios for both clients: calls, their answers, and the outcome of each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from refundry import FULL, Evidence, Money, SendFailure, WireReply
from tests.contract.replies import MARK, accepting
from tests.contract.support import Meanwhile
from tests.providers import RECORDS
from tests.providers.record import Call

Answer = WireReply | SendFailure | Exception | Meanwhile


@dataclass(frozen=True)
class Scenario:
    """Calls to one client, the answers to its requests, and the results, as `support.named_with_reason` names them.

    The result of a call that is made during another one comes before the result of that one.
    """

    name: str
    calls: tuple[Call, ...]
    answers: tuple[Answer, ...]
    results: tuple[str, ...]
    currencies: Mapping[str, str | None] | None = None
    hooks_fail: bool = False


FIRST = {provider: record.contract.calls[0] for provider, record in RECORDS.items()}
LAB4PAY, PAYBYRD, BLINK = FIRST["lab4pay"], FIRST["paybyrd"], FIRST["blink"]
LAB4PAY_PAYMENT = RECORDS["lab4pay"].contract.calls[1]
BLINK_FULL = Call("blink", BLINK.payment_id, FULL, "order-78/1")
NOT_SENT = SendFailure(Evidence.NOT_SENT, "the connection was refused")
LOST = SendFailure(Evidence.MAYBE_SENT, "the connection was closed")


def reply(status: int, body: Any, *headers: tuple[str, str], complete: bool = True) -> WireReply:
    """Return a reply with a body of JSON, or of these bytes."""
    return WireReply(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode(), complete)


def other(call: Call, **changes: Any) -> Call:
    """Return the call with some of its values changed."""
    return Call(**{**vars(call), **changes})


def one(name: str, call: Call, answer: Answer, result: str, **more: Any) -> Scenario:
    """Return a scenario of one call with one answer."""
    return Scenario(name, (call,), (answer,), (result,), **more)


def refusing(provider: str) -> WireReply:
    """Return a reply that refuses the call, with a message where the provider has one."""
    words = {name: MARK for name in RECORDS[provider].contract.refusing if name in ("description", "detail", "message")}
    return reply(400, {**RECORDS[provider].contract.refusing, **words})


OK = {provider: reply(200, accepting(call)) for provider, call in FIRST.items()}
NO = {provider: refusing(provider) for provider in RECORDS}
UNKNOWN = {provider: reply(500, record.contract.refusing) for provider, record in RECORDS.items()}
ACCEPTED = {provider: record.accepted_as.name for provider, record in RECORDS.items()}


def of_every_provider(call: Call) -> list[Scenario]:
    """Return the scenarios that every provider has."""
    key = call.provider
    accepted, refused, unknown = ACCEPTED[key], RECORDS[key].contract.by_status[400], "OutcomeUnknown"
    html = reply(200, f"<html>{MARK}</html>".encode(), ("content-type", "text/html"))
    return [
        one("accepted", call, OK[key], accepted),
        one("refused", call, NO[key], refused),
        one("unknown", call, UNKNOWN[key], unknown),
        one("bad credentials", call, reply(401, {}), "AuthenticationFailed"),
        one("bad credentials, not JSON", call, reply(401, b"<html>"), "AuthenticationFailed"),
        one("nothing sent", call, NOT_SENT, "NotSent"),
        one("lost", call, LOST, unknown),
        one("the transport raises", call, ValueError(MARK), unknown),
        one("an unfamiliar status", call, reply(520, b""), unknown),
        one("HTML", call, html, unknown),
        one("nothing", call, reply(200, b""), unknown),
        one("an array", call, reply(200, [accepting(call)]), unknown),
        one("too deep", call, reply(200, b"[" * 100_000), unknown),
        one("cut off", call, reply(200, accepting(call), complete=False), unknown),
        one("a redirect", call, reply(302, b"", ("location", "https://refunds.example/")), unknown),
        one("the hooks fail", call, OK[key], accepted, hooks_fail=True),
        Scenario("second call after an acceptance", (call, call), (OK[key],), (accepted, accepted)),
        Scenario("second call after a refusal", (call, call), (NO[key], OK[key]), (refused, accepted)),
        Scenario("second call after nothing was sent", (call, call), (NOT_SENT, OK[key]), ("NotSent", accepted)),
        Scenario(
            "second call after a lost reply",
            (call, call),
            (LOST, OK[key]) if RECORDS[key].deduplicates else (LOST,),
            (unknown, accepted if RECORDS[key].deduplicates else unknown),
        ),
        Scenario(
            "the reference of another refund",
            (call, other(call, amount=Money.from_minor(1, call.amount.currency))),
            (OK[key],),
            (accepted, "ReferenceConflict"),
        ),
        Scenario("twice at once", (call,), (Meanwhile(call, OK[key]),), ("RefundInProgress", accepted)),
        Scenario(
            "two refunds at once",
            (call,),
            (Meanwhile(other(call, reference="another"), NO[key]), LOST),
            (unknown, refused),
        ),
        Scenario("a float", (other(call, amount=1.0),), (), ("InvalidRefund",)),
        Scenario("no reference", (other(call, reference=""),), (), ("InvalidRefund",)),
        Scenario("a line break", (other(call, reference="a\r\nb"),), (), ("InvalidRefund",)),
    ]


OF_SOME_PROVIDERS = [
    Scenario("no such provider", (other(PAYBYRD, provider="nobody"),), (), ("InvalidRefund",)),
    one("a payment at Lab4Pay", LAB4PAY_PAYMENT, OK["lab4pay"], "PENDING"),
    one("a payment at Lab4Pay is refused", LAB4PAY_PAYMENT, reply(400, {"detail": MARK}), "RefundRejected INVALID"),
    Scenario("FULL at Lab4Pay", (other(LAB4PAY_PAYMENT, amount=FULL),), (), ("UnsupportedOperation",)),
    Scenario("no payment at Paybyrd", (other(PAYBYRD, payment_id=None),), (), ("UnsupportedOperation",)),
    Scenario("no payment at Blink", (other(BLINK, payment_id=None),), (), ("UnsupportedOperation",)),
    Scenario("FULL without a payment", (other(LAB4PAY, amount=FULL),), (), ("InvalidRefund",)),
    Scenario("FULL at Paybyrd", (other(PAYBYRD, amount=FULL),), (), ("UnsupportedOperation",)),
    Scenario("an id that leads elsewhere", (other(PAYBYRD, payment_id=".."),), (), ("InvalidRefund",)),
    Scenario("another currency", (BLINK,), (), ("InvalidRefund",), currencies={"blink": "EUR"}),
    one("Lab4Pay names no transaction", LAB4PAY, reply(200, {"transaction_id": ""}), "OutcomeUnknown"),
    one("Paybyrd is at it", PAYBYRD, reply(202, {"code": "BYRD010", "links": {"href": "/api/v2/x?y=1"}}), "PENDING"),
    one("Paybyrd is at it, links null", PAYBYRD, reply(202, {"code": "BYRD010", "links": None}), "PENDING"),
    one("Paybyrd has no source", PAYBYRD, reply(200, {"code": "BYRD200", "sourceTransaction": None}), "SUCCEEDED"),
    one("Paybyrd has refunded it", PAYBYRD, reply(400, {"code": "BYRD230"}), "RefundRejected ALREADY_REFUNDED"),
    one("Paybyrd finds nothing", PAYBYRD, reply(404, {"code": "BYRD901"}), "RefundRejected NOT_FOUND"),
    one(
        "Paybyrd refuses more than is left",
        PAYBYRD,
        reply(400, {"code": "BYRD231", "description": MARK}, ("requestid", "1")),
        "RefundRejected EXCEEDS_REMAINING",
    ),
    one("Paybyrd declines", PAYBYRD, reply(200, {"code": "BYRD205"}), "RefundRejected DECLINED"),
    one("Paybyrd allows it not", PAYBYRD, reply(403, {"code": "BYRD403"}), "AuthenticationFailed"),
    one("Paybyrd says a new code", PAYBYRD, reply(200, {"code": "BYRD777"}), "OutcomeUnknown"),
    one("Paybyrd reports less", PAYBYRD, reply(200, {"code": "BYRD200", "isoAmount": 99}), "RefundMismatch"),
    one("Paybyrd's amounts differ", PAYBYRD, reply(200, {**accepting(PAYBYRD), "amount": "2.00"}), "RefundMismatch"),
    one(
        "Paybyrd names another payment",
        PAYBYRD,
        reply(200, {**accepting(PAYBYRD), "sourceTransaction": {"transactionId": "another"}}),
        "RefundMismatch",
    ),
    Scenario(
        "Paybyrd gets a second call after a mismatch",
        (PAYBYRD, PAYBYRD),
        (reply(200, {"code": "BYRD200", "isoAmount": 99}), OK["paybyrd"]),
        ("RefundMismatch", "SUCCEEDED"),
    ),
    one("Lab4Pay refuses without a body", LAB4PAY, reply(400, b""), "RefundRejected INVALID"),
    one("Blink refuses", BLINK, reply(422, {"success": False, "error": MARK}), "RefundRejected INVALID"),
    one("Blink wants a pause", BLINK, reply(429, {"message": "slow down"}, ("retry-after", "3")), "OutcomeUnknown"),
    one("Blink, older reply", BLINK, reply(200, {"success": True, "message": "ok", "amount": "1.01"}), "SUCCEEDED"),
    one("Blink refuses, older", BLINK, reply(200, {"success": False, "message": MARK}), "RefundRejected DECLINED"),
    one("Blink is at it", BLINK, reply(200, {"status": "Pending", "success": True}), "PENDING"),
    one("Blink contradicts itself", BLINK, reply(200, {"status": "failed", "success": True}), "OutcomeUnknown"),
    one("Blink fails and says yes", BLINK, reply(400, {"success": True}), "OutcomeUnknown"),
    one("Blink says a new word", BLINK, reply(200, {"status": "reversed"}), "OutcomeUnknown"),
    one("Blink names another reference", BLINK, reply(200, {**accepting(BLINK), "reference": "x"}), "RefundMismatch"),
    one("Blink reports more", BLINK, reply(200, {**accepting(BLINK), "amount": "1.02"}), "RefundMismatch"),
    one("Blink, all of it", BLINK_FULL, reply(200, {"success": True, "amount": "79.10"}), "SUCCEEDED"),
    one(
        "Blink, all of it, with a currency",
        BLINK_FULL,
        reply(200, {"success": True, "amount": "79.10"}),
        "SUCCEEDED",
        currencies={"blink": "GBP"},
    ),
    Scenario("every provider", tuple(FIRST.values()), tuple(OK.values()), tuple(ACCEPTED.values())),
]

_ALL = [*(one for call in FIRST.values() for one in of_every_provider(call)), *OF_SOME_PROVIDERS]
SCENARIOS = {f"{scenario.calls[0].provider}: {scenario.name}": scenario for scenario in _ALL}
assert len(SCENARIOS) == len(_ALL), "two scenarios have one name"
