"""Lab4Pay: refunds that a card terminal pays out later, to the presented card."""

import hmac
from collections.abc import Mapping
from functools import cache, partial
from hashlib import sha256
from typing import Any, Final

from refundry import AuthenticationFailed, Lab4Pay, Money, Operation, Reason, WireReply
from refundry.sandbox import CREDENTIALS, INTEGRATOR_ID
from scripts.contracts.contract import effective
from tests.providers.evidence import DENIED, IN_PROGRESS, REFUSED, UNKNOWN, id_of
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
    PaymentRecord,
    ProviderRecord,
    Refusal,
    SandboxRecord,
    StateRecord,
    TokenRecord,
    reply,
)

ORIGIN: Final = "https://api-payment.lab4pay.com"
_TRANSACTIONS: Final = "/v1/pay-connect/transactions"
_WORDS: Final = {
    "INITIATED": PENDING,
    "IN_PROGRESS": PENDING,
    "SUCCESS": SUCCEEDED,
    "FAILED": FAILED,
    "EXPIRED": FAILED,
    "CANCELED": FAILED,
    "DECLINED": FAILED,
    "REVERTED": FAILED,
}


def signature(body: bytes, key: str = WEBHOOK_KEY) -> str:
    """Return the signature of a callback."""
    return hmac.new(key.encode(), body, sha256).hexdigest()


def _proof(body: bytes) -> dict[str, str]:
    return {"Signature": signature(body)}


def _callback(facts: Mapping[str, Any], more: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"id": facts["id"], "linked_transaction_id": PAYMENT, **facts, **more}


def _token(token: str, seconds: float) -> Mapping[str, Any]:
    return {"access_token": token, "expires_in": f"{seconds:g}", "token_type": "Bearer", "scope": "default"}


def _accepting(_: Call) -> dict[str, Any]:
    return {"transaction_id": "T-1"}


def _evidence(_: Call, answer: WireReply, said: dict[str, Any] | None) -> frozenset[str]:
    if answer.status == 401:
        return DENIED
    if answer.status == 400:  # no body is documented: an object, or an empty body
        return REFUSED if said is not None or not answer.body else UNKNOWN
    if answer.status == 200 and said is not None and id_of(said, "transaction_id"):
        return IN_PROGRESS  # the terminal has the refund; no reply says more
    return UNKNOWN


RECORD: Final = ProviderRecord(
    name="lab4pay",
    account_class=Lab4Pay,
    credentials={"access_token": "test-key", "integrator_id": "test-integrator"},
    proof={"Authorization": "Bearer test-key", "X-Pay-Connect-Integrator-Id": "test-integrator"},
    origin=ORIGIN,
    operation=Operation.REFUND_UNREFERENCED,
    url=f"{ORIGIN}{_TRANSACTIONS}/refund/",
    counts_minor_units=True,
    has_currency=True,
    accepted={"transaction_id": REFUND},
    accepted_as=PENDING,
    pending=reply(200, {"transaction_id": REFUND}),
    whole={"transaction_id": REFUND},
    whole_pending=reply(200, {"transaction_id": REFUND}),
    refusals={
        "invalid": Refusal(reply(400), reason=Reason.INVALID),
        "the key": Refusal(reply(401), AuthenticationFailed),
    },
    refund_id_at="transaction_id",
    tokens=TokenRecord(
        keys={"client_id": "test-client-id", "client_secret": "test-client-secret"},
        path="/v1/auth/token/",
        status=200,
        described=(200,),
        keys_refused=(400, 401, 403),
        body=_token,
    ),
    states=StateRecord(
        url=f"{ORIGIN}{_TRANSACTIONS}/{REFUND}/status/",
        words=_WORDS,
        listed_at="/components/schemas/TransactionStatusResponse/properties/status/x-extensible-enum",
        unlisted=("CANCELLED", "COMPLETED", "SUCCESSFUL", "PENDING", "SUCCESS.", "NOT_SUCCESS", "FAILED DECLINED"),
        done="SUCCESS",
        undone="DECLINED",
        in_progress="IN_PROGRESS",
        at="/status",
    ),
    payments=PaymentRecord(
        url=f"{ORIGIN}{_TRANSACTIONS}/{PAYMENT}/status/",
        refusal=reply(400),
        unrefundable=tuple(word for word in _WORDS if word != "SUCCESS"),
        void_hint="revert_transaction of refundry_lab4pay",
    ),
    callbacks=CallbackRecord(
        proves="signature",
        account={"webhook_secret_key": WEBHOOK_KEY},
        proof=_proof,
        body=_callback,
        words={"success": SUCCEEDED, "In-Progress": PENDING},
        at="/status",
        noise={"completed_at": "2026-11-22T10:00:00Z", "amount": 100, "tags": ["refund"]},
    ),
    contract=ContractRecord(
        effective=cache(partial(effective, "lab4pay")),
        calls=tuple(
            Call("lab4pay", payment_id, Money.of("1.00", "EUR"), "till-3/9") for payment_id in (None, "T-20260101")
        ),
        payment_ids=("T-20260101", "a:b;c=d,e'(f)*!$&+~@_"),
        accepting=_accepting,
        in_progress=_accepting,
        refusing={"detail": "no"},
        by_status={
            200: "PENDING",
            400: "RefundRejected INVALID",
            401: "AuthenticationFailed",
            500: "OutcomeUnknown",
        },
        amount_at="amount",
        evidence=_evidence,
    ),
    sandbox=SandboxRecord(
        headers={
            "Authorization": f"Bearer {CREDENTIALS['lab4pay']}",
            "X-Pay-Connect-Integrator-Id": INTEGRATOR_ID,
        },
        payment="",
        pending_payment="lab4pay-payment",
        currency="EUR",
        operation="refund_unreferenced",
        body={"amount": 100, "client_transaction_id": "till-1/1"},
        operations={
            "create_token": ("POST", "/v1/auth/token/"),
            "refund_unreferenced": ("POST", f"{_TRANSACTIONS}/refund/"),
            "refund_transaction": ("POST", f"{_TRANSACTIONS}/{{}}/refund/"),
            "get_transaction_status": ("GET", f"{_TRANSACTIONS}/{{}}/status/"),
            "cancel_transaction": ("POST", f"{_TRANSACTIONS}/{{}}/cancel/"),
            "revert_transaction": ("POST", "/v1/pay-connect/transaction-operations/{}/revert/"),
            "get_transaction_operation": ("GET", "/v1/pay-connect/transaction-operations/{}/"),
        },
        refund_id_at="transaction_id",
        steps=2,
        other_requests=frozenset(
            {
                ("POST", "/v1/auth/token/"),
                ("GET", f"{_TRANSACTIONS}/{{}}/status/"),
                ("POST", f"{_TRANSACTIONS}/{{}}/cancel/"),
            }
        ),
    ),
)
