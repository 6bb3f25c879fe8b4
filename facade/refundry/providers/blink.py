"""Blink Payment (UK) Pay API: refunds of card payments after they have settled."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from refundry.checks import Secret
from refundry.errors import Reason
from refundry.money import Money
from refundry.outcome import Outcome, Reading
from refundry.providers.base import Reader, Translation
from refundry.refund import Capabilities, Operation
from refundry_blink.api.refunds import refund_transaction
from refundry_blink.models import ErrorResponse, RefundResponse
from refundry_blink.models import RefundRequest as Body
from refundry_blink.types import UNSET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refundry.accounts import Blink
    from refundry.refund import RefundRequest
    from refundry.wire import WireReply, WireRequest

# The two ages of the reply: `status` (api-docs.blinkpayment.co.uk, March 2025) and `success` (the older pages). Words
# are compared as the provider's own shop plugin does: in lower case, with blanks, hyphens and underscores alike.
_BY_WORD: Final[Mapping[str, Outcome]] = {
    "completed": Outcome.SUCCEEDED,
    "pending": Outcome.PENDING,
    "failed": Outcome.REJECTED,
}
_ACCEPTED: Final = (Outcome.SUCCEEDED, Outcome.PENDING)
_BY_FLAG: Final[Mapping[bool, Outcome]] = {True: Outcome.SUCCEEDED, False: Outcome.REJECTED}
_BETWEEN_WORDS: Final = re.compile(r"[\s_-]+")

# api-docs.blinkpayment.co.uk/docs/errors. 408, 429 and 5xx prove nothing: so the provider's plugin treats them too.
_ERROR_BY_STATUS: Final[Mapping[int, tuple[Outcome, Reason]]] = {
    400: (Outcome.REJECTED, Reason.INVALID),
    401: (Outcome.AUTHENTICATION_FAILED, Reason.OTHER),
    402: (Outcome.REJECTED, Reason.DECLINED),
    403: (Outcome.AUTHENTICATION_FAILED, Reason.OTHER),
    404: (Outcome.REJECTED, Reason.NOT_FOUND),
    409: (Outcome.REJECTED, Reason.OTHER),
    422: (Outcome.REJECTED, Reason.INVALID),
}


class BlinkTranslation(Translation):
    """Refunds of one payment, by its transaction id."""

    ABSENT = UNSET
    CAPABILITIES = {
        Operation.REFUND: Capabilities(
            partial=True,
            full_without_amount=True,
            idempotency_window=None,
            settles="now",
            reports=frozenset({"amount", "refund_id", "payment_id", "reference"}),
        )
    }

    def __init__(self, account: Blink) -> None:
        super().__init__(account)
        self._authorization = Secret(f"Bearer {account.access_token.reveal()}")

    def build(self, request: RefundRequest) -> WireRequest:
        """POST with the amount as a number of major units, or without one for FULL."""
        assert request.payment_id is not None
        if isinstance(request.amount, Money):
            # Exact: a binary float keeps every digit of an amount that Money accepts, and is written back as short.
            amount = request.amount.decimal
            number = int(amount) if amount == int(amount) else float(amount)
            body = Body(partial_refund=True, amount=number, reference=request.reference)
        else:
            body = Body(partial_refund=False, reference=request.reference)
        generated = refund_transaction.build_request(request.payment_id, body=body)
        return self.wire(generated, ("Authorization", self._authorization))

    def parse(self, reply: WireReply) -> RefundResponse | ErrorResponse | None:
        """The refund on 200, the error body on every other documented status."""
        return refund_transaction.read_reply(reply.status, reply.body)

    def interpret(self, request: RefundRequest, status: int, parsed: Any, reader: Reader) -> Reading:
        """By `status` and `success` on 200, by the HTTP status on an error; where two contradict, unknown."""
        message = reader.text(parsed.message, "/message")
        success = reader.flag(parsed.success, "/success")
        if isinstance(parsed, RefundResponse):
            return _of_refund(parsed, reader, success, message)
        outcome, reason = _ERROR_BY_STATUS.get(status, (Outcome.UNKNOWN, Reason.OTHER))
        message = message or reader.text(parsed.error, "/error")
        said_no = success is False or (parsed.success is UNSET and message is not None)
        word = parsed.additional_properties.get("status")
        said_yes = success or (isinstance(word, str) and _BY_WORD.get(_plain(word)) in _ACCEPTED)
        if said_yes or (outcome is Outcome.REJECTED and not said_no):
            outcome, reason = Outcome.UNKNOWN, Reason.OTHER
        why = "its status and body do not say whether it was refunded" if outcome is Outcome.UNKNOWN else ""
        return Reading(outcome, reason, why, message=message)


def _of_refund(parsed: RefundResponse, reader: Reader, success: bool | None, message: str | None) -> Reading:
    # The provider's plugin reads `error` too, where there is no `message`.
    message = message or reader.text(parsed.additional_properties.get("error", UNSET), "/error")
    word = reader.text(parsed.status, "/status")
    if word is not None and _plain(word) not in _BY_WORD:
        reader.note("/status", "is not a word that the contract lists")
    outcome = _agreed(word, success)
    return Reading(
        outcome,
        Reason.DECLINED,
        why="its body does not say whether it was refunded" if outcome is Outcome.UNKNOWN else "",
        amount=reader.major_amount(parsed.amount, "/amount"),
        refund_id=reader.text(parsed.refunded_transaction_id, "/refunded_transaction_id"),
        payment_id=reader.text(parsed.transaction_id, "/transaction_id"),
        reference=reader.text(parsed.reference, "/reference"),
        code=word,
        message=message,
    )


def _plain(word: str) -> str:
    return _BETWEEN_WORDS.sub(" ", word).strip().lower()


def _agreed(word: str | None, success: bool | None) -> Outcome:
    """What `status` and `success` say together: unknown where neither says anything, or one denies the other."""
    by_word = None if word is None else _BY_WORD.get(_plain(word), Outcome.UNKNOWN)
    by_flag = None if success is None else _BY_FLAG[success]
    if by_word is None or by_flag is None:
        return by_word or by_flag or Outcome.UNKNOWN
    if by_word is Outcome.PENDING and by_flag is Outcome.SUCCEEDED:
        return Outcome.PENDING  # accepted, and not done yet
    return by_word if by_word is by_flag else Outcome.UNKNOWN
