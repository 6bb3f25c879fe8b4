"""Blink: refunds of one card payment that has settled, with an amount or in full."""

import re
from collections.abc import Mapping
from functools import cache, partial
from typing import Any, Final

from refundry import FULL, AuthenticationFailed, Blink, Money, Reason, WireReply
from refundry.sandbox import CREDENTIALS
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
    flag_of,
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
    Call,
    CallbackRecord,
    ContractRecord,
    PaymentRecord,
    ProviderRecord,
    Refusal,
    SandboxRecord,
    StateRecord,
    TokenRecord,
    major_units,
    reply,
    until,
)

ORIGIN: Final = "https://secure.blinkpayment.co.uk"
_TRANSACTIONS: Final = "/api/pay/v1/transactions"

# The state words of the page on refunds and of the glossary of states.
_WORDS: Final = {
    "completed": SUCCEEDED,
    "Accepted": SUCCEEDED,
    "pending": PENDING,
    "Pending Submission": PENDING,
    "Captured": PENDING,
    "Tendered": PENDING,
    "Received": PENDING,
    "Approved": PENDING,
    "Deferred": PENDING,
    "Authorised": PENDING,
    "Authorized": PENDING,
    "Pre-Auth": PENDING,
    "Preauth": PENDING,
    "failed": FAILED,
    "declined": FAILED,
    "Rejected": FAILED,
    "cancelled": FAILED,
    "Canceled": FAILED,
    "voided": FAILED,
    "expired": FAILED,
}
_RESULTS: Final = {SUCCEEDED: DONE, PENDING: IN_PROGRESS, FAILED: REFUSED}
_ALONE: Final = ("completed", "pending", "failed")
"""The words of a reply without `success`. Any other may be the payment's."""


def _plain(word: str) -> str:
    return " ".join(re.split(r"[\s_-]+", word)).strip().lower()


_BY_WORD: Final = {_plain(word): _RESULTS[state] for word, state in _WORDS.items()}


def _proof(_: bytes) -> dict[str, str]:
    return {}


def _callback(facts: Mapping[str, Any], more: Mapping[str, Any]) -> Mapping[str, Any]:
    state = {name: value for name, value in facts.items() if name != "id"}
    return {"transaction_id": facts["id"], **state, **more}


def _token(token: str, seconds: float) -> Mapping[str, Any]:
    return {"access_token": token, "expired_on": until(seconds), "currency": "GBP"}


def _accepting(call: Call) -> dict[str, Any]:
    facts = {"transaction_id": call.payment_id, "refunded_transaction_id": "T-1", "reference": call.reference}
    return {"status": "completed", "success": True, "amount": float(major_units(call.amount)), **facts}


def _in_progress(call: Call) -> dict[str, Any]:
    return {**_accepting(call), "status": "pending"}


def _evidence(call: Call, answer: WireReply, said: dict[str, Any] | None) -> frozenset[str]:
    if said is None:
        return DENIED if answer.status == 401 else UNKNOWN
    success = flag_of(said.get("success"))
    if answer.status == 200:
        return _of_refund(call, said, success)
    word = text_of(said, "status")
    if success or (
        word is not None and _BY_WORD.get(_plain(word), UNKNOWN) <= ACCEPTED
    ):  # a body that contradicts its status
        return UNKNOWN
    if answer.status in (401, 403):
        return DENIED
    if answer.status not in (400, 402, 404, 422):  # 409 conflicts with another request, which may be this refund
        return UNKNOWN
    by_message = "success" not in said and answer.status != 402 and (text_of(said, "message") or text_of(said, "error"))
    return REFUSED if success is False or by_message else UNKNOWN


def _of_refund(call: Call, said: dict[str, Any], success: bool | None) -> frozenset[str]:
    verdict = _verdict(text_of(said, "status"), success)
    differs = any(
        reported not in (None, requested)
        for reported, requested in (
            (id_of(said, "transaction_id"), call.payment_id),
            (id_of(said, "reference"), call.reference),
        )
    )
    if verdict <= ACCEPTED and isinstance(call.amount, Money):
        amount = said.get("amount")
        differs = differs or another_amount((amount, number_of(amount), call.amount.decimal))
    return MISMATCH if differs and verdict != UNKNOWN else verdict


def _verdict(word: str | None, success: bool | None) -> frozenset[str]:
    if word is None:
        return {None: UNKNOWN, True: DONE, False: REFUSED}[success]
    meant = _BY_WORD.get(_plain(word))
    if success is None:
        return meant if meant is not None and _plain(word) in _ALONE else UNKNOWN
    if meant is None:
        return IN_PROGRESS if success else UNKNOWN
    return meant if (meant <= ACCEPTED) is success else UNKNOWN


RECORD: Final = ProviderRecord(
    name="blink",
    account_class=Blink,
    credentials={"access_token": "test-key"},
    proof={"Authorization": "Bearer test-key"},
    origin=ORIGIN,
    url=f"{ORIGIN}{_TRANSACTIONS}/{PAYMENT}/refunds",
    counts_minor_units=False,
    has_currency=True,
    accepted={"status": "completed", "amount": 1, "transaction_id": PAYMENT},
    accepted_as=SUCCEEDED,
    pending=reply(200, {"status": "pending", "amount": 1, "refunded_transaction_id": REFUND}),
    whole={
        "status": "completed",
        "message": "A sentence",
        "amount": 1,
        "transaction_id": PAYMENT,
        "refunded_transaction_id": REFUND,
    },
    whole_pending=reply(
        200,
        {
            "status": "pending",
            "message": "A sentence",
            "amount": 1,
            "transaction_id": PAYMENT,
            "refunded_transaction_id": REFUND,
        },
    ),
    refusals={
        "invalid": Refusal(reply(400, {"success": False, "message": "no"}), reason=Reason.INVALID),
        "declined": Refusal(reply(200, {"success": False}), reason=Reason.DECLINED),
        "not found": Refusal(reply(404, {"success": False, "error": "no"}), reason=Reason.NOT_FOUND),
        "the key": Refusal(reply(401, {"success": False}), AuthenticationFailed),
        "no right": Refusal(reply(403, {"success": False}), AuthenticationFailed),
    },
    refund_id_at="refunded_transaction_id",
    reports=frozenset({"amount", "payment_id", "reference"}),
    differing={
        "amount": {"success": True, "amount": 0.99},
        "payment_id": {"success": True, "transaction_id": "another"},
        "reference": {"success": True, "reference": "another"},
    },
    tokens=TokenRecord(
        keys={"api_key": "test-api-key", "secret_key": "test-secret-key"},
        path="/api/pay/v1/tokens",
        status=201,
        described=(200, 201),
        keys_refused=(401, 403),
        body=_token,
    ),
    states=StateRecord(
        url=f"{ORIGIN}{_TRANSACTIONS}/{REFUND}",
        words=_WORDS,
        listed_at="/components/schemas/Transaction/properties/status/x-extensible-enum",
        unlisted=("settled", "Success", "reversed", "Finished", "Referred", "Pending%20Submission", "Fully refunded"),
        done="completed",
        undone="declined",
        in_progress="Captured",
        at="/data/status",
        transaction={"transaction_id": REFUND, "amount": 1},
        other_amount={"amount": 0.99},
        id_at="/data/transaction_id",
    ),
    payments=PaymentRecord(
        url=f"{ORIGIN}{_TRANSACTIONS}/{PAYMENT}",
        refusal=reply(400, {"success": False, "message": "It cannot be refunded"}),
        unrefundable=(
            *("Captured", "Received", "Approved", "Deferred", "Tendered", "Pre-Auth", "Preauth", "Referred"),
            *("Reversed", "Rejected", "Finished", "Canceled", "cancelled", "voided", "declined", "failed", "expired"),
        ),
        void_hint="cancel_transaction of refundry_blink",
    ),
    callbacks=CallbackRecord(
        proves="nothing",
        account={},
        proof=_proof,
        body=_callback,
        words={},
        at=None,
        noise={"note": "again", "merchant_data": {"order": "1"}, "event_type": "refund"},
    ),
    contract=ContractRecord(
        effective=cache(partial(effective, "blink")),
        calls=tuple(
            Call("blink", "BL-2349AGB", amount, "order-77/1")
            for amount in (Money.of("1.01", "GBP"), Money.of("79", "JPY"), Money.of("0.001", "KWD"), FULL)
        ),
        payment_ids=("BL-2349AGB", "a:b;c=d,e'(f)*!$&+~@_"),
        accepting=_accepting,
        in_progress=_in_progress,
        refusing={"success": False, "message": "no"},
        by_status={
            200: "SUCCEEDED",
            400: "RefundRejected INVALID",
            401: "AuthenticationFailed",
            402: "RefundRejected DECLINED",
            403: "AuthenticationFailed",
            404: "RefundRejected NOT_FOUND",
            409: "OutcomeUnknown",
            422: "RefundRejected INVALID",
            429: "OutcomeUnknown",
            500: "OutcomeUnknown",
        },
        # api-docs.blinkpayment.co.uk/refund-transactions
        by_code={
            "completed": (200, "SUCCEEDED"),
            "pending": (200, "PENDING"),
            "failed": (200, "RefundRejected DECLINED"),
        },
        codes_at="/components/schemas/RefundResponse/properties/status/x-extensible-enum",
        code_name="status",
        unlisted_codes=((200, "refunded"),),
        echoes=(
            lambda _, major: f'{{"status":"completed","amount":{major}}}',
            lambda _, major: f'{{"success":true,"message":"ok","amount":"{major}"}}',
        ),
        amount_at="amount",
        major_units=True,
        evidence=_evidence,
    ),
    sandbox=SandboxRecord(
        headers={"Authorization": f"Bearer {CREDENTIALS['blink']}"},
        payment="blink-gbp",
        pending_payment="blink-pending",
        currency="GBP",
        operation="refund_transaction",
        body={"partial_refund": True, "amount": 1, "reference": "order-1/1"},
        operations={
            "create_token": ("POST", "/api/pay/v1/tokens"),
            "refund_transaction": ("POST", f"{_TRANSACTIONS}/{{}}/refunds"),
            "get_transaction": ("GET", f"{_TRANSACTIONS}/{{}}"),
            "cancel_transaction": ("POST", f"{_TRANSACTIONS}/{{}}/cancels"),
        },
        refund_id_at="refunded_transaction_id",
        steps=1,
        other_requests=frozenset({("POST", "/api/pay/v1/tokens"), ("GET", f"{_TRANSACTIONS}/{{}}")}),
    ),
)
