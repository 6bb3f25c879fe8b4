"""The record of Fourth: its documents, read independently of the translation."""

import hmac
from collections.abc import Mapping
from decimal import Decimal
from functools import cache, partial
from types import MappingProxyType
from typing import Any, Final

from refundry import AuthenticationFailed, Fourth, Money, Reason, WireReply
from scripts.contracts.contract import effective
from tests.providers.evidence import (
    ACCEPTED,
    DENIED,
    DONE,
    IN_PROGRESS,
    MISMATCH,
    REFUSED,
    UNKNOWN,
    another_amount,
    id_of,
    number_of,
    text_of,
)
from tests.providers.record import (
    FAILED,
    PAYMENT,
    PENDING,
    REFUND,
    SUCCEEDED,
    WEBHOOK_KEY,
    Call,
    CallbackRecord,
    ContractRecord,
    ProviderRecord,
    Refusal,
    SandboxRecord,
    StateRecord,
    reply,
)

ORIGIN: Final = "https://api.fourth.example"
_STATES: Final[Mapping[str, frozenset[str]]] = {
    "open": IN_PROGRESS,
    "paid": DONE,
    "void": REFUSED,
}


def _body(state: str, more: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    return {"refund": REFUND, "state": state, "cents": 100, **more}


def _error(code: str) -> dict[str, Any]:
    return {"problem": code}


def _accepting(call: Call) -> dict[str, Any]:
    return _body("paid", {"payment": call.payment_id, "cents": call.amount.minor_units})


def _in_progress(call: Call) -> dict[str, Any]:
    return _body("open", {"payment": call.payment_id, "cents": call.amount.minor_units})


def _callback(facts: Mapping[str, Any], more: Mapping[str, Any]) -> Mapping[str, Any]:
    state = {"state": facts["status"]} if "status" in facts else {}
    return {"refund": facts["id"], "payment": PAYMENT, **state, **more}


def _proof(body: bytes) -> dict[str, str]:
    return {"Fourth-Signature": hmac.new(WEBHOOK_KEY.encode(), body, "sha256").hexdigest()}


def _evidence(call: Call, answer: WireReply, said: dict[str, Any] | None) -> frozenset[str]:
    if answer.status == 401:
        return DENIED
    if said is None or answer.status >= 500:
        return UNKNOWN
    if answer.status < 300:
        verdict = _STATES.get(text_of(said, "state") or "", UNKNOWN)
        amount = said.get("cents")
        differs = id_of(said, "payment") not in (None, call.payment_id) or another_amount(
            (amount, number_of(amount, fraction=False), Decimal(call.amount.minor_units))
        )
        return MISMATCH if differs and verdict <= ACCEPTED else verdict
    code = text_of(said, "problem")
    return DENIED if code == "bad_key" else REFUSED if code in _BY_CODE and answer.status in (404, 422) else UNKNOWN


_BY_CODE: Final[Mapping[str, tuple[int, str]]] = {
    "spent": (422, "RefundRejected ALREADY_REFUNDED"),
    "too_much": (422, "RefundRejected EXCEEDS_REMAINING"),
    "closed": (422, "RefundRejected NOT_REFUNDABLE"),
    "unfit": (422, "RefundRejected INVALID"),
    "no_such_payment": (404, "RefundRejected NOT_FOUND"),
    "bad_key": (401, "AuthenticationFailed"),
}
RECORD: Final = ProviderRecord(
    name="fourth",
    account_class=Fourth,
    credentials={"api_key": "test-key"},
    proof={"X-Fourth-Key": "test-key"},
    origin=ORIGIN,
    url=f"{ORIGIN}/v1/payments/{PAYMENT}/refunds",
    counts_minor_units=True,
    has_currency=False,
    accepted=_body("paid"),
    accepted_as=SUCCEEDED,
    pending=reply(200, _body("open")),
    whole=_body("paid", {"payment": PAYMENT}),
    whole_pending=reply(200, _body("open", {"payment": PAYMENT})),
    refusals={
        "exceeds remaining": Refusal(reply(422, _error("too_much")), reason=Reason.EXCEEDS_REMAINING),
        "already refunded": Refusal(reply(422, _error("spent")), reason=Reason.ALREADY_REFUNDED),
        "not found": Refusal(reply(404, _error("no_such_payment")), reason=Reason.NOT_FOUND),
        "declined": Refusal(reply(200, {"state": "void"}), reason=Reason.DECLINED),
        "the key": Refusal(reply(401, _error("bad_key")), AuthenticationFailed),
    },
    refund_id_at="refund",
    reports=frozenset({"amount", "payment_id"}),
    differing={
        "amount": _body("paid", {"cents": 99}),
        "payment_id": _body("paid", {"payment": "another"}),
    },
    states=StateRecord(
        url=f"{ORIGIN}/v1/refunds/{REFUND}",
        words={"open": PENDING, "paid": SUCCEEDED, "void": FAILED},
        listed_at="/components/schemas/State/x-extensible-enum",
        unlisted=("opened", "settled", "voided", "PAID!"),
        done="paid",
        undone="void",
        in_progress="open",
        at="/state",
        transaction={"refund": REFUND, "cents": 100},
        other_amount={"cents": 99},
        id_at="/refund",
    ),
    callbacks=CallbackRecord(
        proves="signature",
        account={"webhook_key": WEBHOOK_KEY},
        proof=_proof,
        body=_callback,
        words={},
        at="/state",
        noise={"note": "again"},
    ),
    contract=ContractRecord(
        effective=cache(partial(effective, "fourth")),
        calls=(Call("fourth", "F-1", Money.of("1.00", "EUR"), "order-1/1"),),
        payment_ids=("F-1",),
        accepting=_accepting,
        in_progress=_in_progress,
        refusing=_error("unfit"),
        by_status={
            200: "SUCCEEDED",
            401: "AuthenticationFailed",
            404: "RefundRejected INVALID",
            422: "RefundRejected INVALID",
            500: "OutcomeUnknown",
        },
        by_code=_BY_CODE,
        codes_at="/components/schemas/Problem/properties/problem/x-extensible-enum",
        code_name="problem",
        unlisted_codes=((422, "other"),),
        echoes=(lambda minor, _: f'{{"state":"paid","cents":{minor}}}',),
        amount_at="cents",
        evidence=_evidence,
    ),
    sandbox=SandboxRecord(
        headers={"X-Fourth-Key": "test-key-fourth"},
        payment="fourth-eur",
        pending_payment="fourth-pending",
        currency="EUR",
        operation="create_refund",
        body={"cents": 100, "reference": "order-1/1"},
        operations={"create_refund": ("POST", "/v1/payments/{}/refunds"), "get_refund": ("GET", "/v1/refunds/{}")},
        refund_id_at="refund",
        steps=1,
        other_requests=frozenset({("GET", "/v1/refunds/{}")}),
    ),
)
