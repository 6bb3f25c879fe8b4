"""Lab4Pay Pay-Connect: refunds that a card terminal pays later, to the card that is presented."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, ClassVar, Final

from refundry.capabilities import Capabilities, counted, decimals
from refundry.errors import Reason
from refundry.interruption import pass_through
from refundry.money import Money
from refundry.outcome import CREDENTIALS_REFUSED, Outcome, PaymentState, Reading
from refundry.providers.fields import FieldReader, given, json_value, plain_word
from refundry.providers.signatures import is_signed, no_proof
from refundry.providers.translation import News, TokenTranslation, refund_id_of
from refundry.refund import Operation
from refundry_lab4pay.api.refunds import refund_transaction, refund_unreferenced
from refundry_lab4pay.api.tokens import create_token
from refundry_lab4pay.api.transactions import cancel_transaction, get_transaction_status
from refundry_lab4pay.models import (
    PayConnectTransactionIndependentRefundBody,
    PayConnectTransactionIndependentRefundResponse,
    TokenRequest,
    TokenRequestGrantType,
    TransactionRefundRequest,
    TransactionRefundResponse,
)
from refundry_lab4pay.types import UNSET, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from refundry.accounts import Lab4Pay
    from refundry.providers.translation import GeneratedRequest
    from refundry.refund import Refund, RefundRequest
    from refundry.wire import WireReply

# Statuses: docs.lab4pay.com/api-reference/pay-connect/independent-refund-transaction. Any other, as 500, is unknown.
BY_STATUS: Final[Mapping[int, tuple[Outcome, Reason]]] = {
    200: (Outcome.PENDING, Reason.OTHER),  # "sent to the terminal", never "refunded"
    400: (Outcome.REJECTED, Reason.INVALID),
    401: (Outcome.AUTHENTICATION_FAILED, Reason.OTHER),
}

# Words of a transaction: docs.lab4pay.com/pay-connect/payment-flows, and the events of a sister product. Which words
# are final is inferred: confirm in the sandbox. REVERTED is a refund that was done and then voided.
BY_WORD: Final[Mapping[str, Outcome]] = {
    "INITIATED": Outcome.PENDING,
    "IN_PROGRESS": Outcome.PENDING,
    "SUCCESS": Outcome.SUCCEEDED,
    "FAILED": Outcome.REJECTED,
    "EXPIRED": Outcome.REJECTED,
    "CANCELED": Outcome.REJECTED,
    "DECLINED": Outcome.REJECTED,
    "REVERTED": Outcome.REJECTED,
}
_STATES: Final = {plain_word(word): outcome for word, outcome in BY_WORD.items()}
_REFUNDABLE: Final = "success"

# Stands for the integrator id, which is among the account's credentials and is sent with those.
_SET_WHEN_SENT: Final = "set-when-sent"

# The ways in which JSON "with sorted keys" may be written: Python's default, without blanks, with plain characters.
_SORTED: Final = [
    json.JSONEncoder(sort_keys=True, separators=separators, ensure_ascii=ensure_ascii).encode
    for ensure_ascii in (True, False)
    for separators in ((", ", ": "), (",", ":"))
]


class Lab4PayTranslation(TokenTranslation):
    """Refunds of a payment, and refunds that are tied to none, at one terminal."""

    account: Lab4Pay
    PACKAGE: ClassVar[str] = "refundry_lab4pay"
    ABSENT: ClassVar[object] = UNSET
    UNDOING = frozenset({"reverted"})
    DEFAULT_TOKEN_LIFETIME = 300.0  # undocumented; short, for a token that has expired costs only one more request
    KEYS_REFUSED = CREDENTIALS_REFUSED | {400}  # the contract documents 400 and 500 alone
    void_hint = (
        "refundry does not void payments; the last one that succeeded at a terminal is voided with revert_transaction "
        "of refundry_lab4pay"
    )
    CAPABILITIES: ClassVar[Mapping[Operation, Capabilities]] = {
        operation: Capabilities(
            partial=True,
            full_without_amount=False,
            idempotency_window=None,
            settles="later",
            reports=frozenset({"refund_id"}),
            lookup=frozenset({"refund_id"}),
            absence_proves="nothing",
            cancel=True,
            callbacks="signature",
        )
        for operation in (Operation.REFUND, Operation.REFUND_UNREFERENCED)
    }

    def refund_request(self, request: RefundRequest) -> GeneratedRequest:
        """POST of the amount, as Lab4Pay counts it; without a payment, with the reference too."""
        assert isinstance(request.amount, Money)
        amount = counted(request.amount, self.account)
        if request.payment_id is not None:
            return refund_transaction.build_request(
                request.payment_id,
                body=TransactionRefundRequest(amount=amount),
                x_pay_connect_integrator_id=_SET_WHEN_SENT,
            )
        return refund_unreferenced.build_request(
            body=PayConnectTransactionIndependentRefundBody(amount=amount, client_transaction_id=request.reference),
            x_pay_connect_integrator_id=_SET_WHEN_SENT,
        )

    def parse(self, request: RefundRequest, reply: WireReply) -> Any:
        """The transaction id on 200; on an error any object or an empty body, for none is documented."""
        operation = refund_transaction if request.payment_id is not None else refund_unreferenced
        return operation.read_reply(reply.status, _body(reply))

    def interpret(self, request: RefundRequest, status: int, parsed: Any, reader: FieldReader) -> Reading:
        """By the HTTP status, which is all that Lab4Pay documents. A 200 also has to name the transaction."""
        outcome, reason = BY_STATUS.get(status, (Outcome.UNKNOWN, Reason.OTHER))
        if not isinstance(parsed, PayConnectTransactionIndependentRefundResponse | TransactionRefundResponse):
            return Reading(outcome, reason, why="the provider failed")
        refund_id = reader.id_text(parsed.transaction_id, "/transaction_id")
        if refund_id is None:
            return Reading(why="it names no transaction")
        return Reading(outcome, reason, refund_id=reader.in_path(refund_id, "/transaction_id"))

    def state_request(self, refund: Refund) -> GeneratedRequest:
        """GET of the status of the refund's transaction."""
        return self._status_request(refund_id_of(refund))

    def parse_state(self, reply: WireReply) -> Any:
        """The status on 200; on an error any object or an empty body."""
        return get_transaction_status.read_reply(reply.status, _body(reply))

    def state(self, refund: Refund, parsed: Any, reader: FieldReader) -> Reading:
        """By the word of the transaction. An unlisted or missing word leaves the refund pending."""
        outcome, word = reader.state(parsed.status, "/status", _STATES)
        return Reading(outcome, code=word)

    def refusal(self, parsed: Any, reader: FieldReader) -> tuple[str | None, str | None]:
        """Nothing: no error body is documented."""
        return None, None

    def cancel_request(self, refund: Refund) -> GeneratedRequest:
        """POST without a body. A 200 to it proves nothing."""
        return cancel_transaction.build_request(refund_id_of(refund), x_pay_connect_integrator_id=_SET_WHEN_SENT)

    def payment_request(self, payment_id: str) -> GeneratedRequest | None:
        """GET of the status of the payment."""
        return self._status_request(payment_id)

    def payment_state(self, parsed: Any) -> PaymentState:
        """A word of every listed state except SUCCESS: only a completed payment can be refunded."""
        word = plain_word(getattr(parsed, "status", None))
        if word not in _STATES or word == _REFUNDABLE:
            return PaymentState()
        return PaymentState(word.upper().replace(" ", "_"), Reason.NOT_REFUNDABLE)

    def token_request(self, keys: Mapping[str, str]) -> GeneratedRequest:
        """POST of the client id and secret, without the integrator's header."""
        return create_token.build_request(body=TokenRequest(TokenRequestGrantType.CLIENT_CREDENTIALS, **keys))

    def parse_token(self, reply: WireReply) -> Any:
        """The token on 200; on an error any object or an empty body."""
        return create_token.read_reply(reply.status, _body(reply))

    def token_lifetime(self, parsed: Any, reply: WireReply, reader: FieldReader) -> float | None:
        """`expires_in`, a text or a number. Its unit is not documented; it is read as seconds."""
        lifetime = math.nan
        try:
            lifetime = math.nan if isinstance(parsed.expires_in, bool) else float(parsed.expires_in)
        except (TypeError, ValueError, OverflowError) as error:
            pass_through(error)
        if not math.isnan(lifetime):
            return lifetime
        reader.deviate("/expires_in", "is not a number of seconds, in digits or as a text")
        return None

    def verify_callback(self, headers: Mapping[str, str], body: bytes) -> bool:
        """By the HMAC-SHA256 of the body in the header Signature, in hexadecimal."""
        keys = self.account.webhook_secret_keys
        if not keys:
            raise no_proof(self.account.name, "no webhook_secret_key", "webhook_secret_key")
        shown = headers.get("signature", "")
        forms = [body] if self.account.webhook_signature == "body" else _sorted_forms(body)
        return any(is_signed(form, key, shown) for form in forms for key in keys)

    def read_callback(self, body: bytes, reader: FieldReader) -> list[News] | None:
        """The transactions of the callback: one, an array of them, or either under `data` or `transaction`.

        The form is documented only for a sister product, whose body is an array. A callback that holds anything else is
        not read at all, for nobody would learn of the rest.
        """
        leaves = [*_leaves(json_value(body, read_json), "")]
        for pointer, leaf in leaves:
            if not _is_transaction(leaf):
                reader.deviate(pointer, "is not a transaction with an id and a status")
                return None
        return [_news(leaf, pointer, reader, self.account) for pointer, leaf in leaves]

    def _status_request(self, transaction_id: str) -> GeneratedRequest:
        return get_transaction_status.build_request(transaction_id, x_pay_connect_integrator_id=_SET_WHEN_SENT)


def _body(reply: WireReply) -> bytes:
    """The body, with an empty object in place of an error's empty body: the generated package reads JSON alone."""
    return reply.body if reply.body or reply.status == 200 else b"{}"


def _sorted_forms(body: bytes) -> list[bytes]:
    value = json_value(body, read_json)
    try:
        return [] if value is None else [encode(value).encode() for encode in _SORTED]
    except (UnicodeEncodeError, RecursionError) as unfit:  # half of a surrogate pair, or nested too deeply
        pass_through(unfit)
        return []


def _leaves(value: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    """The JSON pointer and the value of each thing in a callback, without the arrays and objects around it."""
    wrapped: list[tuple[str | int, Any]] | None = None
    if isinstance(value, list):
        wrapped = [*enumerate(value)]
    elif isinstance(value, dict) and not _is_transaction(value):
        wrapped = [(name, value[name]) for name in ("data", "transaction") if name in value] or None
    if wrapped is None:
        yield pointer, value
        return
    for name, inner in wrapped:
        yield from _leaves(inner, f"{pointer}/{name}")


def _is_transaction(value: Any) -> bool:
    return isinstance(value, dict) and "status" in value and ("id" in value or "transaction_id" in value)


def _news(transaction: Mapping[str, Any], pointer: str, reader: FieldReader, account: Lab4Pay) -> News:
    """What a transaction says. A charge that is linked to no other transaction is a payment."""
    linked = transaction.get("linked_transaction_id")
    tags = transaction.get("tags")
    tags = tags if isinstance(tags, list) else []
    if linked is None and "charge" in tags:
        return News("payment", Reading())
    name = "id" if "id" in transaction else "transaction_id"
    outcome, word = reader.state(transaction["status"], f"{pointer}/status", _STATES)
    # Only an unreferenced refund is sent with the reference. Beside a link the field holds another one.
    reference = transaction.get("client_transaction_id") if linked is None else None
    currency = reader.currency(transaction.get("currency", UNSET), f"{pointer}/currency") or account.currency
    places = None if currency is None else decimals(currency, account)
    cents = transaction.get("amount", UNSET)
    amount = None if places is None else reader.minor_amount(cents, f"{pointer}/amount", places)
    reading = Reading(
        outcome,
        amounts=given(amount),
        currency=currency,
        refund_id=reader.id_text(transaction[name], f"{pointer}/{name}"),
        payment_id=None if linked is None else reader.id_text(linked, f"{pointer}/linked_transaction_id"),
        reference=None if reference is None else reader.text(reference, f"{pointer}/client_transaction_id"),
        code=word,
    )
    return News("transaction" if linked is None and "refund" not in tags else "refund", reading)
