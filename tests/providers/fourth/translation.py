"""The translation of the made-up provider, on the package that the tests generate from its contract."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from refundry.capabilities import Capabilities, counted, decimals
from refundry.errors import Reason
from refundry.money import Money
from refundry.outcome import Outcome, Reading
from refundry.providers.fields import FieldReader, given, json_value
from refundry.providers.signatures import is_signed, no_proof
from refundry.providers.translation import GeneratedRequest, News, Translation, refund_id_of
from refundry.refund import Operation
from tests.providers.fourth.account import Fourth

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from refundry.refund import Refund, RefundRequest
    from refundry.wire import WireReply

_models, _types = import_module("refundry_fourth.models"), import_module("refundry_fourth.types")
_refund_payment = import_module("refundry_fourth.api.refunds.refund_payment")
_get_refund = import_module("refundry_fourth.api.refunds.get_refund")

BY_STATE: Final[Mapping[str, Outcome]] = {
    "open": Outcome.PENDING,
    "paid": Outcome.SUCCEEDED,
    "void": Outcome.REJECTED,
}
BY_PROBLEM: Final[Mapping[str, tuple[Outcome, Reason]]] = {
    "spent": (Outcome.REJECTED, Reason.ALREADY_REFUNDED),
    "too_much": (Outcome.REJECTED, Reason.EXCEEDS_REMAINING),
    "closed": (Outcome.REJECTED, Reason.NOT_REFUNDABLE),
    "unfit": (Outcome.REJECTED, Reason.INVALID),
    "no_such_payment": (Outcome.REJECTED, Reason.NOT_FOUND),
    "bad_key": (Outcome.AUTHENTICATION_FAILED, Reason.OTHER),
}


class FourthTranslation(Translation):
    """Refunds of one payment, with an amount in minor units."""

    PACKAGE = "refundry_fourth"
    ABSENT = _types.UNSET
    CAPABILITIES = {
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

    def __init__(self, account: Fourth) -> None:
        super().__init__(account)
        self._fourth = account

    def refund_request(self, request: RefundRequest) -> GeneratedRequest:
        """POST of the amount and the reference."""
        assert isinstance(request.amount, Money)
        body = _models.NewRefund(cents=counted(request.amount, self.account), reference=request.reference)
        built: GeneratedRequest = _refund_payment.build_request(request.payment_id, body=body)
        return built

    def parse(self, request: RefundRequest, reply: WireReply) -> Any:
        """The refund on 200, the problem on every other described status."""
        return _refund_payment.read_reply(reply.status, reply.body)

    def interpret(self, request: RefundRequest, status: int, parsed: Any, reader: FieldReader) -> Reading:
        """Read the state on 200, the problem otherwise."""
        if isinstance(parsed, _models.Refund):
            currency = request.amount.currency if isinstance(request.amount, Money) else None
            return self._of_refund(parsed, reader, None if currency is None else decimals(currency, self.account))
        code, message = self.refusal(parsed, reader)
        outcome, reason = BY_PROBLEM.get(code or "", (Outcome.UNKNOWN, Reason.OTHER))
        if status == 401:
            outcome, reason = Outcome.AUTHENTICATION_FAILED, Reason.OTHER
        elif status >= 500:
            outcome, reason = Outcome.UNKNOWN, Reason.OTHER
        why = "its problem does not say whether it was refunded" if outcome is Outcome.UNKNOWN else ""
        return Reading(outcome, reason, why, code=code, message=message)

    def state_request(self, refund: Refund) -> GeneratedRequest:
        """GET of the refund."""
        built: GeneratedRequest = _get_refund.build_request(refund_id_of(refund))
        return built

    def parse_state(self, reply: WireReply) -> Any:
        """The refund on 200, the problem on every other described status."""
        return _get_refund.read_reply(reply.status, reply.body)

    def state(self, refund: Refund, parsed: Any, reader: FieldReader) -> Reading:
        """Read the state."""
        places = None if refund.amount is None else decimals(refund.amount.currency, self.account)
        reading = self._of_refund(parsed, reader, places)
        if reading.outcome is Outcome.UNKNOWN:  # an accepted refund without a listed state is pending
            return Reading(Outcome.PENDING, code=reading.code)
        return reading

    def refusal(self, parsed: Any, reader: FieldReader) -> tuple[str | None, str | None]:
        """The code and the message of the problem."""
        code = reader.text(parsed.problem, "/problem")
        if code is not None and code not in BY_PROBLEM:
            reader.deviate("/problem", "is not a problem that the contract lists")
        return code, reader.text(parsed.words, "/words")

    def verify_callback(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Check the HMAC-SHA256 of the body."""
        if self._fourth.webhook_key is None:
            raise no_proof(self.account.name, "no webhook_key", "webhook_key")
        return is_signed(body, self._fourth.webhook_key, headers.get("fourth-signature", ""))

    def read_callback(self, body: bytes, reader: FieldReader) -> Sequence[News] | None:
        """The refund of the callback."""
        body_object = json_value(body, _types.read_json)
        if not isinstance(body_object, dict):
            reader.deviate("", "is not an object")
            return None
        outcome, word = reader.state(body_object.get("state", self.ABSENT), "/state", BY_STATE)
        reading = Reading(
            outcome,
            refund_id=reader.id_text(body_object.get("refund", self.ABSENT), "/refund"),
            payment_id=reader.id_text(body_object.get("payment", self.ABSENT), "/payment"),
            code=word,
        )
        return (News("refund", reading),)

    def _of_refund(self, parsed: Any, reader: FieldReader, places: int | None) -> Reading:
        outcome, word = reader.state(parsed.state, "/state", BY_STATE)
        if word not in BY_STATE:
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
