"""The record of the made-up provider."""

import hmac
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

from refundry import AuthenticationFailed, Money, Reason, WireReply
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
from tests.providers.fourth.account import Fourth
from tests.providers.fourth.contract import contract
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

KEY: Final = "test-key-fourth"
ORIGIN: Final = "https://api.fourth.example"
_STATES: Final = {"open": IN_PROGRESS, "paid": DONE, "void": REFUSED}
_PROBLEMS: Final = ("spent", "too_much", "closed", "unfit", "no_such_payment")


def signature(body: bytes, key: str = WEBHOOK_KEY) -> str:
    """Return the signature of a callback."""
    return hmac.new(key.encode(), body, sha256).hexdigest()


def _proof(body: bytes) -> dict[str, str]:
    return {"Fourth-Signature": signature(body)}


def _callback(facts: Mapping[str, Any], more: Mapping[str, Any]) -> Mapping[str, Any]:
    state = {"state": facts["status"]} if "status" in facts else {}
    return {"refund": facts["id"], "payment": PAYMENT, **state, **more}


def _accepting(call: Call) -> dict[str, Any]:
    return {"refund": "T-1", "payment": call.payment_id, "cents": call.amount.minor_units, "state": "paid"}


def _in_progress(call: Call) -> dict[str, Any]:
    return {**_accepting(call), "state": "open"}


def _evidence(call: Call, answer: WireReply, said: dict[str, Any] | None) -> frozenset[str]:
    if answer.status == 401:
        return DENIED
    if said is None:
        return UNKNOWN
    if answer.status == 200:
        verdict = _STATES.get(text_of(said, "state") or "", UNKNOWN)
        cents = said.get("cents")
        differs = id_of(said, "payment") not in (None, call.payment_id) or another_amount(
            (cents, number_of(cents, fraction=False), Decimal(call.amount.minor_units))
        )
        return MISMATCH if differs and verdict <= ACCEPTED else verdict
    if answer.status not in (404, 422):
        return UNKNOWN
    problem = text_of(said, "problem")
    return REFUSED if problem in _PROBLEMS else DENIED if problem == "bad_key" else UNKNOWN


RECORD: Final = ProviderRecord(
    name="fourth",
    account_class=Fourth,
    credentials={"key": "test-key"},
    proof={"X-Fourth-Key": "test-key"},
    origin=ORIGIN,
    url=f"{ORIGIN}/v1/payments/{PAYMENT}/refunds",
    counts_minor_units=True,
    has_currency=False,
    accepted={"refund": REFUND, "state": "paid", "cents": 100},
    accepted_as=SUCCEEDED,
    pending=reply(200, {"refund": REFUND, "state": "open", "cents": 100}),
    whole={"refund": REFUND, "payment": PAYMENT, "state": "paid", "cents": 100},
    whole_pending=reply(200, {"refund": REFUND, "payment": PAYMENT, "state": "open", "cents": 100}),
    refusals={
        "exceeds remaining": Refusal(reply(422, {"problem": "too_much"}), reason=Reason.EXCEEDS_REMAINING),
        "already refunded": Refusal(reply(422, {"problem": "spent"}), reason=Reason.ALREADY_REFUNDED),
        "not found": Refusal(reply(404, {"problem": "no_such_payment"}), reason=Reason.NOT_FOUND),
        "declined": Refusal(reply(200, {"state": "void"}), reason=Reason.DECLINED),
        "the key": Refusal(reply(401, {"problem": "bad_key"}), AuthenticationFailed),
    },
    refund_id_at="refund",
    reports=frozenset({"amount", "payment_id"}),
    differing={
        "amount": {"refund": REFUND, "state": "paid", "cents": 99},
        "payment_id": {"refund": REFUND, "state": "paid", "payment": "another"},
    },
    states=StateRecord(
        url=f"{ORIGIN}/v1/refunds/{REFUND}",
        words={"open": PENDING, "paid": SUCCEEDED, "void": FAILED},
        listed_at="/components/schemas/Refund/properties/state/x-extensible-enum",
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
        effective=contract,
        calls=(Call("fourth", "F-1", Money.of("1.00", "EUR"), "order-1/1"),),
        payment_ids=("F-1",),
        accepting=_accepting,
        in_progress=_in_progress,
        refusing={"problem": "unfit"},
        by_status={
            200: "SUCCEEDED",
            401: "AuthenticationFailed",
            404: "RefundRejected INVALID",
            422: "RefundRejected INVALID",
            500: "OutcomeUnknown",
        },
        by_code={
            "spent": (422, "RefundRejected ALREADY_REFUNDED"),
            "too_much": (422, "RefundRejected EXCEEDS_REMAINING"),
            "closed": (422, "RefundRejected NOT_REFUNDABLE"),
            "unfit": (422, "RefundRejected INVALID"),
            "no_such_payment": (404, "RefundRejected NOT_FOUND"),
            "bad_key": (401, "AuthenticationFailed"),
        },
        codes_at="/components/schemas/Problem/properties/problem/x-extensible-enum",
        code_name="problem",
        unlisted_codes=((422, "other"),),
        echoes=(lambda minor, _: f'{{"state":"paid","cents":{minor}}}',),
        amount_at="cents",
        evidence=_evidence,
    ),
    sandbox=SandboxRecord(
        headers={"X-Fourth-Key": KEY},
        payment="fourth-eur",
        pending_payment="fourth-pending",
        currency="EUR",
        operation="refund_payment",
        body={"cents": 100, "reference": "order-1/1"},
        operations={
            "refund_payment": ("POST", "/v1/payments/{}/refunds"),
            "get_refund": ("GET", "/v1/refunds/{}"),
        },
        refund_id_at="refund",
        steps=1,
        other_requests=frozenset({("GET", "/v1/refunds/{}")}),
    ),
)
