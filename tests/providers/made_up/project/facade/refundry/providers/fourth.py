"""Fourth: POST /v1/payments/{payment_id}/refunds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from refundry.accounts import Fourth
from refundry.capabilities import Capabilities, counted, decimals
from refundry.errors import Reason
from refundry.money import Money
from refundry.outcome import CREDENTIALS_REFUSED, Outcome, Reading
from refundry.providers.fields import FieldReader, given, json_value
from refundry.providers.signatures import is_signed, no_proof
from refundry.providers.translation import GeneratedRequest, News, Translation, refund_id_of
from refundry.refund import Operation
from refundry_fourth.api.refunds import create_refund, get_refund
from refundry_fourth.models import NewRefund
from refundry_fourth.types import UNSET, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from refundry.refund import Refund, RefundRequest
    from refundry.wire import WireReply

BY_WORD: Final[Mapping[str, Outcome]] = {
    "open": Outcome.PENDING,
    "paid": Outcome.SUCCEEDED,
    "void": Outcome.REJECTED,
}
BY_CODE: Final[Mapping[str, tuple[Outcome, Reason]]] = {
    "spent": (Outcome.REJECTED, Reason.ALREADY_REFUNDED),
    "too_much": (Outcome.REJECTED, Reason.EXCEEDS_REMAINING),
    "closed": (Outcome.REJECTED, Reason.NOT_REFUNDABLE),
    "unfit": (Outcome.REJECTED, Reason.INVALID),
    "no_such_payment": (Outcome.REJECTED, Reason.NOT_FOUND),
    "bad_key": (Outcome.AUTHENTICATION_FAILED, Reason.OTHER),
}


class FourthTranslation(Translation):
    """Refunds of one payment, by its id at the provider."""

    PACKAGE: ClassVar[str] = "refundry_fourth"
    ABSENT: ClassVar[object] = UNSET
    CAPABILITIES: ClassVar[Mapping[Operation, Capabilities]] = {
        Operation.REFUND: Capabilities(
            partial=True,
            full_without_amount=False,
            idempotency_window=None,
            settles="now",
            reports=frozenset({"amount", "refund_id", "payment_id"}),
            lookup=frozenset({"refund_id"}),
            absence_proves="nothing",
            cancel=False,
            callbacks="signature",
        )
    }

    def refund_request(self, request: RefundRequest) -> GeneratedRequest:
        """POST /v1/payments/{payment_id}/refunds."""
        assert request.payment_id is not None
        assert isinstance(request.amount, Money)
        body = NewRefund(cents=counted(request.amount, self.account), reference=request.reference)
        return create_refund.build_request(request.payment_id, body=body)

    def parse(self, request: RefundRequest, reply: WireReply) -> Any:
        """The refund on success, the error on every other described status."""
        return create_refund.read_reply(reply.status, reply.body)

    def interpret(self, request: RefundRequest, status: int, parsed: Any, reader: FieldReader) -> Reading:
        """By the state of the refund on success, by the code of the error otherwise."""
        if status < 300:
            currency = request.amount.currency if isinstance(request.amount, Money) else None
            return self._of_refund(parsed, reader, None if currency is None else decimals(currency, self.account))
        code, message = self.refusal(parsed, reader)
        outcome, reason = BY_CODE.get(code or "", (Outcome.UNKNOWN, Reason.OTHER))
        if status in CREDENTIALS_REFUSED:
            outcome, reason = Outcome.AUTHENTICATION_FAILED, Reason.OTHER
        elif status >= 500:
            outcome, reason = Outcome.UNKNOWN, Reason.OTHER
        why = "its status and code do not say whether it was refunded" if outcome is Outcome.UNKNOWN else ""
        return Reading(outcome, reason, why, code=code, message=message)

    def state_request(self, refund: Refund) -> GeneratedRequest:
        """GET /v1/refunds/{refund_id}."""
        return get_refund.build_request(refund_id_of(refund))

    def parse_state(self, reply: WireReply) -> Any:
        """The refund on success, the error on every other described status."""
        return get_refund.read_reply(reply.status, reply.body)

    def state(self, refund: Refund, parsed: Any, reader: FieldReader) -> Reading:
        """By the state of the refund. An accepted refund whose state is not listed is pending."""
        places = None if refund.amount is None else decimals(refund.amount.currency, self.account)
        reading = self._of_refund(parsed, reader, places)
        return Reading(Outcome.PENDING, code=reading.code) if reading.outcome is Outcome.UNKNOWN else reading

    def refusal(self, parsed: Any, reader: FieldReader) -> tuple[str | None, str | None]:
        """The code and the message of an error."""
        code = reader.text(parsed.problem, "/problem")
        if code is not None and code not in BY_CODE:
            reader.deviate("/problem", "is not a problem that the contract lists")
        return code, reader.text(parsed.words, "/words")

    def verify_callback(self, headers: Mapping[str, str], body: bytes) -> bool | None:
        """By the HMAC-SHA256 of the body."""
        assert isinstance(self.account, Fourth)
        if self.account.webhook_key is None:
            raise no_proof(self.account.name, "no webhook_key", "webhook_key")
        return is_signed(body, self.account.webhook_key, headers.get("fourth-signature", ""))

    def read_callback(self, body: bytes, reader: FieldReader) -> Sequence[News] | None:
        """The events of a callback."""
        said = json_value(body, read_json)
        if not isinstance(said, dict):
            reader.deviate("", "is not an object")
            return None
        outcome, word = reader.state(said.get("state", UNSET), "/state", BY_WORD)
        reading = Reading(
            outcome,
            refund_id=reader.id_text(said.get("refund", UNSET), "/refund"),
            payment_id=reader.id_text(said.get("payment", UNSET), "/payment"),
            code=word,
        )
        return (News("refund", reading),)

    def _of_refund(self, parsed: Any, reader: FieldReader, places: int | None) -> Reading:
        outcome, word = reader.state(parsed.state, "/state", BY_WORD)
        if word not in BY_WORD:
            outcome = Outcome.UNKNOWN
        amount = None if places is None else reader.minor_amount(parsed.cents, "/cents", places)
        return Reading(
            outcome,
            Reason.DECLINED,
            why="its state is not listed" if outcome is Outcome.UNKNOWN else "",
            amounts=given(amount),
            refund_id=reader.in_path(reader.id_text(parsed.refund, "/refund"), "/refund"),
            payment_id=reader.id_text(parsed.payment, "/payment"),
            code=word,
        )
