"""Paybyrd: refunds of one payment, which it de-duplicates by idempotency key for a day."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from functools import cache, partial
from typing import Any, Final

from refundry import AuthenticationFailed, Money, Paybyrd, Reason, WireReply
from refundry.sandbox import CREDENTIALS
from scripts.contracts.contract import effective
from tests.providers.evidence import (
    ACCEPTED,
    DENIED,
    IN_PROGRESS,
    MISMATCH,
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
    major_units,
    reply,
)

ORIGIN: Final = "https://gateway.paybyrd.com"

# docs.paybyrd.com/api-reference/api-code-reference: the status and the meaning of each code.
_CODES: Final = {
    "BYRD010": (202, "PENDING"),
    "BYRD200": (200, "SUCCEEDED"),
    "BYRD201": (200, "PENDING"),
    "BYRD203": (200, "OutcomeUnknown"),
    "BYRD205": (200, "RefundRejected DECLINED"),
    "BYRD206": (200, "RefundRejected DECLINED"),
    "BYRD207": (200, "PENDING"),
    "BYRD208": (200, "RefundRejected DECLINED"),
    "BYRD230": (400, "RefundRejected ALREADY_REFUNDED"),
    "BYRD231": (400, "RefundRejected EXCEEDS_REMAINING"),
    "BYRD240": (400, "RefundRejected INVALID"),
    "BYRD290": (400, "RefundRejected OTHER"),
    "BYRD291": (400, "RefundRejected OTHER"),
    "BYRD292": (400, "RefundRejected NOT_REFUNDABLE"),
    "BYRD294": (400, "OutcomeUnknown"),
    "BYRD299": (400, "OutcomeUnknown"),
    "BYRD401": (401, "AuthenticationFailed"),
    "BYRD403": (403, "AuthenticationFailed"),
    "BYRD900": (400, "RefundRejected INVALID"),
    "BYRD901": (404, "RefundRejected NOT_FOUND"),
    "BYRD999": (500, "OutcomeUnknown"),
}


def _proof(_: bytes) -> dict[str, str]:
    return {"x-api-key": WEBHOOK_KEY}


def _callback(facts: Mapping[str, Any], more: Mapping[str, Any]) -> Mapping[str, Any]:
    envelope = {name: value for name, value in more.items() if name == "event"}
    rest = {name: value for name, value in more.items() if name != "event"}
    state = {name: value for name, value in facts.items() if name != "id"}
    payment = {"transactionId": PAYMENT, "operationType": "Payment"}
    refund = {"transactionId": facts["id"], "operationType": "Refund", "referencedTransactions": [payment]}
    return {**envelope, "content": {**refund, **state, **rest}}


def _accepting(call: Call) -> dict[str, Any]:
    money = call.amount if isinstance(call.amount, Money) else Money.of("1.01", "GBP")
    source = {"transactionId": call.payment_id, "isoRemainingAmount": 0}
    amounts = {"isoAmount": money.minor_units, "amount": major_units(money)}
    return {"code": "BYRD200", "transactionId": "T-1", "sourceTransaction": source, **amounts}


def _in_progress(call: Call) -> dict[str, Any]:
    return {**_accepting(call), "code": "BYRD201"}


def _evidence(call: Call, answer: WireReply, said: dict[str, Any] | None) -> frozenset[str]:
    code = text_of(said or {}, "code")
    verdict = frozenset({_CODES[code][1].partition(" ")[0]}) if code in _CODES else UNKNOWN
    if said is None:
        return DENIED if answer.status == 401 else UNKNOWN
    match answer.status:
        case 200:
            return MISMATCH if verdict <= ACCEPTED and _differs(call, said) else verdict
        case 202:
            return IN_PROGRESS if code is None or verdict <= ACCEPTED else UNKNOWN
        case 400 | 404:
            return UNKNOWN if verdict <= ACCEPTED else verdict
        case 401 | 403:
            # A code of a success, or one that requires a query first, contradicts the status.
            return UNKNOWN if code in _CODES and verdict <= ACCEPTED | UNKNOWN else DENIED
        case _:
            return UNKNOWN


def _differs(call: Call, said: dict[str, Any]) -> bool:
    source = said.get("sourceTransaction")
    payment_id = id_of(source, "transactionId") if isinstance(source, dict) else None
    minor, major = said.get("isoAmount"), said.get("amount")
    requested = (Decimal(call.amount.minor_units), call.amount.decimal)
    return payment_id not in (None, call.payment_id) or another_amount(
        (minor, number_of(minor, fraction=False), requested[0]), (major, number_of(major), requested[1])
    )


RECORD: Final = ProviderRecord(
    name="paybyrd",
    account_class=Paybyrd,
    credentials={"api_key": "test-key"},
    proof={"x-api-key": "test-key"},
    origin=ORIGIN,
    url=f"{ORIGIN}/api/v2/refund/{PAYMENT}",
    counts_minor_units=True,
    has_currency=False,
    window=timedelta(days=1),
    accepted={"code": "BYRD200", "isoAmount": 100, "transactionId": REFUND},
    accepted_as=SUCCEEDED,
    pending=reply(200, {"code": "BYRD201", "isoAmount": 100, "transactionId": REFUND}),
    whole={
        "code": "BYRD200",
        "description": "A sentence",
        "isoAmount": 100,
        "transactionId": REFUND,
        "sourceTransaction": {"transactionId": PAYMENT, "isoRemainingAmount": 200},
    },
    whole_pending=reply(
        200,
        {
            "code": "BYRD201",
            "description": "A sentence",
            "isoAmount": 100,
            "transactionId": REFUND,
            "sourceTransaction": {"transactionId": PAYMENT, "isoRemainingAmount": 200},
        },
    ),
    refusals={
        "exceeds remaining": Refusal(reply(400, {"code": "BYRD231"}), reason=Reason.EXCEEDS_REMAINING),
        "already refunded": Refusal(reply(400, {"code": "BYRD230"}), reason=Reason.ALREADY_REFUNDED),
        "declined": Refusal(reply(200, {"code": "BYRD205"}), reason=Reason.DECLINED),
        "invalid": Refusal(reply(400, {"code": "BYRD900"}), reason=Reason.INVALID),
        "the key": Refusal(reply(401, {"code": "BYRD401"}), AuthenticationFailed),
        "no right": Refusal(reply(403, {"code": "BYRD403"}), AuthenticationFailed),
    },
    refund_id_at="transactionId",
    reports=frozenset({"amount", "payment_id"}),
    differing={
        "amount": {"code": "BYRD200", "isoAmount": 99},
        "payment_id": {"code": "BYRD200", "sourceTransaction": {"transactionId": "another"}},
    },
    states=StateRecord(
        url=f"{ORIGIN}/api/v2/transactions/{REFUND}",
        words={
            "Success": SUCCEEDED,
            "AcquirerSuccess": SUCCEEDED,
            "Processing": PENDING,
            "TemporaryFailed": PENDING,
            "Denied": FAILED,
            "Canceled": FAILED,
            "Error": PENDING,  # without a final code: it covers failures that are not known yet too
        },
        listed_at="/components/schemas/Transaction/properties/status/x-extensible-enum",
        unlisted=(
            "Cancelled",
            "Refunded",
            "Acquirer Success",
            "AcquirerDenied",
            "Failed",
            "Declined",
            "BYRD200",
            "200",
        ),
        done="Success",
        undone="Denied",
        in_progress="Processing",
        at="/status",
        transaction={"transactionId": REFUND, "code": "BYRD200", "isoAmount": 100},
        other_amount={"isoAmount": -99},
        id_at="/transactionId",
    ),
    callbacks=CallbackRecord(
        proves="shared secret",
        account={"webhook_api_key": WEBHOOK_KEY},
        proof=_proof,
        body=_callback,
        words={"success": SUCCEEDED, "acquirersuccess": SUCCEEDED, "DENIED": FAILED},
        at="/content/status",
        noise={"transactionDate": "2026-11-22", "description": "done", "isoAmount": -100},
    ),
    contract=ContractRecord(
        effective=cache(partial(effective, "paybyrd")),
        calls=tuple(
            Call("paybyrd", "c16ce479-319d-4e7b-a966-7735c34b2cc5", amount, "order-1042/1")
            for amount in (Money.of("1.00", "EUR"), Money.of("79", "JPY"), Money.of("0.001", "KWD"))
        ),
        payment_ids=("c16ce479-319d-4e7b-a966-7735c34b2cc5", "a:b;c=d,e'(f)*!$&+~@_"),
        accepting=_accepting,
        in_progress=_in_progress,
        refusing={"code": "BYRD900", "description": "Invalid input"},
        bodies={202: {"code": "BYRD010", "links": {"href": "/api/v2/transactions?requestId=93ce3e62"}}},
        by_status={
            200: "SUCCEEDED",
            202: "PENDING",
            400: "RefundRejected INVALID",
            401: "AuthenticationFailed",
            403: "AuthenticationFailed",
            404: "RefundRejected INVALID",
            500: "OutcomeUnknown",
        },
        by_code=_CODES,
        codes_at="/components/schemas/PaybyrdCode/x-extensible-enum",
        code_name="code",
        unlisted_codes=((200, "BYRD998"), (400, "byrd230")),
        echoes=(
            lambda minor, _: f'{{"code":"BYRD200","isoAmount":{minor}}}',
            lambda _, major: f'{{"code":"BYRD200","amount":"{major}"}}',
            lambda minor, major: f'{{"code":"BYRD200","isoAmount":{minor},"amount":"{major}"}}',
            lambda minor, major: f'{{"code":"BYRD200","isoAmount":-{minor},"amount":"-{major}"}}',
        ),
        amount_at="isoAmount",
        evidence=_evidence,
    ),
    sandbox=SandboxRecord(
        headers={"x-api-key": CREDENTIALS["paybyrd"]},
        payment="paybyrd-eur",
        pending_payment="paybyrd-pending",
        currency="EUR",
        operation="refund_transaction",
        body={"isoAmount": 100},
        operations={
            "refund_transaction": ("POST", "/api/v2/refund/{}"),
            "get_transaction": ("GET", "/api/v2/transactions/{}"),
            "list_transactions": ("GET", "/api/v2/transactions?requestId={}"),
        },
        refund_id_at="transactionId",
        steps=1,
        traces=True,
        other_requests=frozenset({("GET", "/api/v2/transactions?requestId={}"), ("GET", "/api/v2/transactions/{}")}),
    ),
)
