"""Paybyrd Gateway: refunds of card and local payments, most of them at once, some accepted for later."""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Any, Final

from refundry.errors import Reason
from refundry.money import Money
from refundry.outcome import Outcome, Reading
from refundry.providers.base import Reader, Translation
from refundry.refund import Capabilities, Operation
from refundry_paybyrd.api.refunds import refund_transaction
from refundry_paybyrd.models import (
    AcceptedLinkResponse,
    AcceptedResponse,
    ErrorResponse,
    RefundResponse,
    RefundSourceTransactionResponse,
)
from refundry_paybyrd.models import (
    RefundRequest as Body,
)
from refundry_paybyrd.types import UNSET

if TYPE_CHECKING:
    from refundry.accounts import Paybyrd
    from refundry.refund import RefundRequest
    from refundry.wire import WireReply, WireRequest

_Verdicts = dict[str | None, tuple[Outcome, Reason]]

# Codes and their meaning: docs.paybyrd.com/api-reference/api-code-reference. What is not listed here is unknown.
_UNDERWAY: Final = (Outcome.PENDING, Reason.OTHER)
_NO_ACCESS: Final = (Outcome.AUTHENTICATION_FAILED, Reason.OTHER)
_UNKNOWN: Final = (Outcome.UNKNOWN, Reason.OTHER)

_ACCEPTED: Final[_Verdicts] = {
    "BYRD200": (Outcome.SUCCEEDED, Reason.OTHER),
    "BYRD010": _UNDERWAY,
    "BYRD201": _UNDERWAY,  # waiting for the shopper
    "BYRD207": _UNDERWAY,  # waiting for a redirect
}
_REFUSED: Final[_Verdicts] = {
    "BYRD205": (Outcome.REJECTED, Reason.DECLINED),  # by the acquirer
    "BYRD206": (Outcome.REJECTED, Reason.DECLINED),  # by a velocity rule
    "BYRD208": (Outcome.REJECTED, Reason.DECLINED),  # cancelled by the shopper
    "BYRD230": (Outcome.REJECTED, Reason.ALREADY_REFUNDED),
    "BYRD231": (Outcome.REJECTED, Reason.EXCEEDS_REMAINING),
    "BYRD240": (Outcome.REJECTED, Reason.INVALID),  # token expired
    "BYRD290": (Outcome.REJECTED, Reason.OTHER),  # failed before it was processed
    "BYRD291": (Outcome.REJECTED, Reason.OTHER),  # failed while it was made ready for the acquirer
    "BYRD292": (Outcome.REJECTED, Reason.NOT_REFUNDABLE),  # no payment method for it
    "BYRD401": _NO_ACCESS,
    "BYRD403": _NO_ACCESS,
    "BYRD900": (Outcome.REJECTED, Reason.INVALID),
    "BYRD901": (Outcome.REJECTED, Reason.NOT_FOUND),
}
_QUERY_FIRST: Final = dict.fromkeys(("BYRD203", "BYRD294", "BYRD299", "BYRD999"), _UNKNOWN)

_BY_STATUS_AND_CODE: Final[dict[int, _Verdicts]] = {
    200: {**_ACCEPTED, **_REFUSED},
    # The weaker of two is believed where a 202 comes with a code that says done.
    202: dict.fromkeys((None, *_ACCEPTED), _UNDERWAY),
    400: _REFUSED,
    401: dict.fromkeys((*_ACCEPTED, *_QUERY_FIRST), _UNKNOWN),
    403: dict.fromkeys((*_ACCEPTED, *_QUERY_FIRST), _UNKNOWN),
    404: _REFUSED,
}
_BY_STATUS: Final = {401: _NO_ACCESS, 403: _NO_ACCESS}


class PaybyrdTranslation(Translation):
    """Refunds of one payment, by its transaction id."""

    ABSENT = UNSET
    CAPABILITIES = {
        Operation.REFUND: Capabilities(
            partial=True,
            full_without_amount=False,
            idempotency_window=24 * 3600,
            settles="now",
            reports=frozenset({"amount", "refund_id", "payment_id", "remaining"}),
        )
    }

    def __init__(self, account: Paybyrd) -> None:
        super().__init__(account)
        self._api_key = account.api_key

    def build(self, request: RefundRequest) -> WireRequest:
        """POST of isoAmount, in minor units, with the idempotency key."""
        assert request.payment_id is not None
        assert isinstance(request.amount, Money)
        generated = refund_transaction.build_request(
            request.payment_id,
            body=Body(iso_amount=request.amount.minor_units),
            idempotency_key=idempotency_key(request.reference, request.attempt),
        )
        return self.wire(generated, ("x-api-key", self._api_key))

    def parse(self, reply: WireReply) -> RefundResponse | AcceptedResponse | ErrorResponse | None:
        """The answer on 200, the acceptance on 202, the error body on every other documented status."""
        return refund_transaction.read_reply(reply.status, reply.body)

    def interpret(self, request: RefundRequest, status: int, parsed: Any, reader: Reader) -> Reading:
        """By HTTP status and Paybyrd code; where the two contradict each other, unknown."""
        code = reader.text(parsed.code, "/code")
        if code is not None and not (code in _ACCEPTED or code in _REFUSED or code in _QUERY_FIRST):
            reader.note("/code", "is not a code that the contract lists")
        verdict = _BY_STATUS_AND_CODE.get(status, {}).get(code, _BY_STATUS.get(status, _UNKNOWN))
        message = reader.text(parsed.description, "/description")
        said = _said(parsed, request, reader) if verdict in _ACCEPTED.values() else {}
        why = "its status and code do not say whether it was refunded" if verdict is _UNKNOWN else ""
        return Reading(*verdict, why, code=code, message=message, **said)


def idempotency_key(reference: str, attempt: int) -> str:
    """The key that Paybyrd de-duplicates by: the same for the same reference, in every process.

    In the form of a random UUID, which the provider advises. A later attempt has another key: the provider replays
    the stored answer to a key for 24 hours, also a refusal whose cause was mended since.
    """
    name = reference if attempt == 1 else f"{reference}\n{attempt}"
    return str(uuid.UUID(bytes=hashlib.sha256(f"refundry\n{name}".encode()).digest()[:16], version=4))


def _said(parsed: RefundResponse | AcceptedResponse, request: RefundRequest, reader: Reader) -> dict[str, Any]:
    """What an acceptance says about the refund, as fields of a Reading."""
    if isinstance(parsed, AcceptedResponse):
        reader.expect_object(parsed, "links")
        link = parsed.links if isinstance(parsed.links, AcceptedLinkResponse) else None
        return {"tracking_id": reader.text(link.href, "/links/href") if link else None}
    assert isinstance(request.amount, Money)
    amount = reader.minor_amount(parsed.iso_amount, "/isoAmount", request.amount.currency)
    written = reader.major_amount(parsed.amount, "/amount")
    amount = written if amount is None else amount
    if written is not None and written != amount:
        # isoAmount is what the provider asks to use; that the older field differs is only told.
        reader.note("/amount", "differs from isoAmount")
    said: dict[str, Any] = {"amount": amount, "refund_id": reader.text(parsed.transaction_id, "/transactionId")}
    reader.expect_object(parsed, "sourceTransaction")
    source = parsed.source_transaction
    if isinstance(source, RefundSourceTransactionResponse):
        said["payment_id"] = reader.text(source.transaction_id, "/sourceTransaction/transactionId")
        said["remaining"] = reader.whole(source.iso_remaining_amount, "/sourceTransaction/isoRemainingAmount")
    return said
