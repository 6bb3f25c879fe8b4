"""Blink Payment (UK) Pay API: refunds of card payments after they have settled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import parse_qsl

from refundry.capabilities import Capabilities
from refundry.errors import Reason
from refundry.money import Money
from refundry.outcome import Outcome, PaymentState, Reading
from refundry.providers.fields import FieldReader, given, json_value, plain_word
from refundry.providers.translation import News, TokenTranslation, refund_id_of
from refundry.refund import Operation
from refundry.wire import http_date
from refundry_blink.api.refunds import refund_transaction
from refundry_blink.api.tokens import create_token
from refundry_blink.api.transactions import get_transaction
from refundry_blink.models import ErrorResponse, RefundResponse, TokenRequest, Transaction
from refundry_blink.models import RefundRequest as Body
from refundry_blink.types import UNSET, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from refundry.providers.translation import GeneratedRequest
    from refundry.refund import Refund, RefundRequest
    from refundry.wire import WireReply

# Words for the state of a transaction, in a refund's reply and in a lookup: from the pages on refunds and on
# transactions, and from the glossary of states (blinkpayment.atlassian.net, 21430544), which is written for payments:
# confirm in the sandbox. A transaction is Accepted once it has settled, and pending before. Words are compared as the
# provider's own shop plugin does: in lower case, with blanks, hyphens and underscores alike.
BY_WORD: Final[Mapping[str, Outcome]] = {
    "completed": Outcome.SUCCEEDED,
    "accepted": Outcome.SUCCEEDED,
    "pending": Outcome.PENDING,
    "pending submission": Outcome.PENDING,
    "received": Outcome.PENDING,
    "approved": Outcome.PENDING,
    "authorised": Outcome.PENDING,
    "authorized": Outcome.PENDING,
    "pre auth": Outcome.PENDING,
    "preauth": Outcome.PENDING,
    "captured": Outcome.PENDING,
    "tendered": Outcome.PENDING,
    "deferred": Outcome.PENDING,
    "failed": Outcome.REJECTED,
    "declined": Outcome.REJECTED,
    "rejected": Outcome.REJECTED,
    "cancelled": Outcome.REJECTED,
    "canceled": Outcome.REJECTED,
    "voided": Outcome.REJECTED,
    "expired": Outcome.REJECTED,
}
_ACCEPTED: Final = (Outcome.SUCCEEDED, Outcome.PENDING)
_BY_FLAG: Final = {True: Outcome.SUCCEEDED, False: Outcome.REJECTED, None: Outcome.UNKNOWN}
UNCONFIRMED: Final = ("reversed", "finished", "referred")
"""Words of the glossary that may or may not be final for a refund: unlisted until that is confirmed."""
ALONE: Final = ("completed", "pending", "failed")
"""The words of a reply without `success` (api-docs.blinkpayment.co.uk, March 2025). Any other word may be the
payment's, as the transaction_id of that reply is."""

# A payment in one of these states cannot be refunded: it can be cancelled, has failed, or is refunded already
# (api-docs.blinkpayment.co.uk/docs/transactions).
PAYMENT_WORDS: Final[Mapping[str, Reason]] = {
    **{word: Reason.NOT_REFUNDABLE for word, state in BY_WORD.items() if state is Outcome.REJECTED},
    **dict.fromkeys(
        ("received", "approved", "pre auth", "preauth", "captured", "tendered", "deferred", *UNCONFIRMED),
        Reason.NOT_REFUNDABLE,
    ),
    "fully refunded": Reason.ALREADY_REFUNDED,
}

# api-docs.blinkpayment.co.uk/docs/errors. 408, 429 and 5xx prove nothing, as in the provider's own plugin. A 409 is a
# conflict with another request, which may be the same refund.
ERROR_BY_STATUS: Final[Mapping[int, tuple[Outcome, Reason]]] = {
    400: (Outcome.REJECTED, Reason.INVALID),
    401: (Outcome.AUTHENTICATION_FAILED, Reason.OTHER),
    402: (Outcome.REJECTED, Reason.DECLINED),
    403: (Outcome.AUTHENTICATION_FAILED, Reason.OTHER),
    404: (Outcome.REJECTED, Reason.NOT_FOUND),
    422: (Outcome.REJECTED, Reason.INVALID),
}
NEEDS_SUCCESS_FALSE: Final = frozenset({402})
"""The statuses whose body refuses only by `success: false`, not by a message."""

_MOST_FORM_BYTES: Final = 16 * 1024  # of a callback that nothing proves


class BlinkTranslation(TokenTranslation):
    """Refunds of one payment, by its transaction id."""

    PACKAGE: ClassVar[str] = "refundry_blink"
    ABSENT: ClassVar[object] = UNSET
    TOKEN_STATUSES: ClassVar[Sequence[int]] = (200, 201)
    DEFAULT_TOKEN_LIFETIME = 1800.0  # api-docs.blinkpayment.co.uk/apidocs/tokens
    void_hint = (
        "refundry does not void payments; one that has not settled is voided with cancel_transaction of refundry_blink"
    )
    CAPABILITIES: ClassVar[Mapping[Operation, Capabilities]] = {
        Operation.REFUND: Capabilities(
            partial=True,
            full_without_amount=True,
            idempotency_window=None,
            settles="now",
            reports=frozenset({"amount", "refund_id", "payment_id", "reference"}),
            lookup=frozenset({"refund_id"}),
            absence_proves="nothing",
            cancel=False,
            callbacks="nothing",
        )
    }

    def refund_request(self, request: RefundRequest) -> GeneratedRequest:
        """POST with the amount as a number of major units, or without one for FULL."""
        assert request.payment_id is not None
        if isinstance(request.amount, Money):
            # A binary float keeps every digit of an amount that Money accepts, and writes no more of them.
            amount = request.amount.decimal
            number = int(amount) if amount == int(amount) else float(amount)
            body = Body(partial_refund=True, amount=number, reference=request.reference)
        else:
            body = Body(partial_refund=False, reference=request.reference)
        return refund_transaction.build_request(request.payment_id, body=body)

    def parse(self, request: RefundRequest, reply: WireReply) -> RefundResponse | ErrorResponse | None:
        """The refund on 200, the error body on every other documented status."""
        return refund_transaction.read_reply(reply.status, reply.body)

    def interpret(self, request: RefundRequest, status: int, parsed: Any, reader: FieldReader) -> Reading:
        """By `status` and `success` on 200, by the HTTP status on an error; unknown where these contradict the body."""
        message = reader.text(parsed.message, "/message")
        success = reader.flag(parsed.success, "/success")
        if isinstance(parsed, RefundResponse):
            return _of_refund(parsed, reader, success, message)
        outcome, reason = ERROR_BY_STATUS.get(status, (Outcome.UNKNOWN, Reason.OTHER))
        message = message or reader.text(parsed.error, "/error")
        by_message = parsed.success is UNSET and message is not None and status not in NEEDS_SUCCESS_FALSE
        refused = success is False or by_message
        accepted = success or BY_WORD.get(plain_word(parsed.additional_properties.get("status"))) in _ACCEPTED
        if accepted or (outcome is Outcome.REJECTED and not refused):
            outcome, reason = Outcome.UNKNOWN, Reason.OTHER
        return Reading(outcome, reason, "its status and body do not say whether it was refunded", message=message)

    def state_request(self, refund: Refund) -> GeneratedRequest:
        """GET of the refund's own transaction. The payment's does not say what was refunded of it."""
        refund_id = refund_id_of(refund, ", as the older replies do not; the provider's portal shows it")
        return get_transaction.build_request(refund_id)

    def parse_state(self, reply: WireReply) -> Any:
        """The transaction in its envelope on 200, the error body on every other documented status."""
        return get_transaction.read_reply(reply.status, reply.body)

    def state(self, refund: Refund, parsed: Any, reader: FieldReader) -> Reading:
        """By the word of the transaction. An unlisted or missing word leaves the refund pending."""
        transaction = parsed.data
        if not isinstance(transaction, Transaction):
            reader.deviate("/data", "is not an object")
            return Reading(why="it gave no transaction")
        outcome, word = reader.state(transaction.status, "/data/status", BY_WORD)
        return Reading(
            outcome,
            amounts=given(reader.major_amount(transaction.amount, "/data/amount")),
            currency=reader.currency(transaction.currency, "/data/currency"),
            refund_id=reader.id_text(transaction.transaction_id, "/data/transaction_id"),
            code=word,
            message=reader.text(transaction.message, "/data/message"),
        )

    def refusal(self, parsed: Any, reader: FieldReader) -> tuple[str | None, str | None]:
        """The message, or the error."""
        return None, reader.text(parsed.message, "/message") or reader.text(parsed.error, "/error")

    def payment_request(self, payment_id: str) -> GeneratedRequest | None:
        """GET of the payment."""
        return get_transaction.build_request(payment_id)

    def payment_state(self, parsed: Any) -> PaymentState:
        """The word of a payment that has not settled, never will, or is refunded already."""
        word = plain_word(getattr(getattr(parsed, "data", None), "status", None))
        return PaymentState(word, PAYMENT_WORDS[word]) if word in PAYMENT_WORDS else PaymentState()

    def token_request(self, keys: Mapping[str, str]) -> GeneratedRequest:
        """POST of the two keys."""
        return create_token.build_request(body=TokenRequest(api_key=keys["api_key"], secret_key=keys["secret_key"]))

    def parse_token(self, reply: WireReply) -> Any:
        """The token on 200 and 201, the error body on every other documented status."""
        return create_token.read_reply(reply.status, reply.body)

    def token_lifetime(self, parsed: Any, reply: WireReply, reader: FieldReader) -> float | None:
        """From the reply's own Date to `expired_on`, independent of the clock of this machine; None without a Date."""
        expires = reader.moment(parsed.expired_on, "/expired_on")
        if expires is None:
            if parsed.expired_on is UNSET:
                reader.deviate("/expired_on", "is missing")
            return None
        now = http_date(reply.header("date") or "")
        return None if now is None else expires.timestamp() - now

    def verify_callback(self, headers: Mapping[str, str], body: bytes) -> None:
        """None: the provider signs nothing, and sends no secret."""
        return

    def read_callback(self, body: bytes, reader: FieldReader) -> tuple[News, ...]:
        """The transaction that the callback names, in JSON or as a form. A payment's looks like a refund's."""
        fields = json_value(body, read_json)
        if not isinstance(fields, dict):
            fields = dict(parse_qsl(body[:_MOST_FORM_BYTES].decode("utf-8", "replace")))
        word, reference = fields.get("status"), fields.get("reference")
        reading = Reading(
            refund_id=reader.id_text(fields.get("transaction_id", UNSET), "/transaction_id"),
            reference=reference if isinstance(reference, str) and reference else None,
            code=word if isinstance(word, str) else None,
        )
        return (News("transaction", reading),)


def verdict(word: str | None, success: bool | None) -> Outcome:
    """What a reply of 200 says by `status` and `success`; either may be missing."""
    if word is None:
        return _BY_FLAG[success]
    word = plain_word(word)
    if success is None:
        return BY_WORD[word] if word in ALONE else Outcome.UNKNOWN
    by_word = BY_WORD.get(word, Outcome.PENDING if success else Outcome.UNKNOWN)
    # Where both accept, the weaker is believed; where they contradict each other, neither is.
    return by_word if (by_word in _ACCEPTED) is success else Outcome.UNKNOWN


def _of_refund(parsed: RefundResponse, reader: FieldReader, success: bool | None, message: str | None) -> Reading:
    # The provider's plugin reads `error` too, where there is no `message`.
    message = message or reader.text(parsed.additional_properties.get("error", UNSET), "/error")
    word = reader.text(parsed.status, "/status")
    if word is not None and plain_word(word) not in (ALONE if success is None else BY_WORD):
        reader.deviate("/status", "is not a word that the contract lists")
    outcome = verdict(word, success)
    refund_id = reader.id_text(parsed.refunded_transaction_id, "/refunded_transaction_id")
    return Reading(
        outcome,
        Reason.DECLINED,
        why="its body does not say whether it was refunded",
        amounts=given(reader.major_amount(parsed.amount, "/amount")),
        refund_id=reader.in_path(refund_id, "/refunded_transaction_id"),
        payment_id=reader.id_text(parsed.transaction_id, "/transaction_id"),
        reference=reader.id_text(parsed.reference, "/reference"),
        code=word,
        message=message,
    )
