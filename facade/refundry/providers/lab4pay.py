"""Lab4Pay Pay-Connect: refunds that a card terminal pays out, later, to the card that is presented."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from refundry.checks import Secret
from refundry.errors import Reason
from refundry.money import Money
from refundry.outcome import Outcome, Reading
from refundry.providers.base import Reader, Translation
from refundry.refund import Capabilities, Operation
from refundry_lab4pay.api.refunds import refund_unreferenced
from refundry_lab4pay.models import (
    PayConnectTransactionIndependentRefundBody as Body,
)
from refundry_lab4pay.models import (
    PayConnectTransactionIndependentRefundResponse as Accepted,
)
from refundry_lab4pay.types import UNSET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refundry.accounts import Lab4Pay
    from refundry.refund import RefundRequest
    from refundry.wire import WireReply, WireRequest

# Statuses: docs.lab4pay.com/api-reference/pay-connect/independent-refund-transaction. 500 and all others are unknown.
_BY_STATUS: Final[Mapping[int, tuple[Outcome, Reason]]] = {
    200: (Outcome.PENDING, Reason.OTHER),  # "sent to the terminal", never "refunded"
    400: (Outcome.REJECTED, Reason.INVALID),
    401: (Outcome.AUTHENTICATION_FAILED, Reason.OTHER),
}


class Lab4PayTranslation(Translation):
    """Refunds that are tied to no payment."""

    ABSENT = UNSET
    CAPABILITIES = {
        Operation.REFUND_UNREFERENCED: Capabilities(
            partial=True,
            full_without_amount=False,
            idempotency_window=None,
            settles="later",
            reports=frozenset({"refund_id"}),
        )
    }

    def __init__(self, account: Lab4Pay) -> None:
        super().__init__(account)
        self._integrator_id = account.integrator_id
        self._authorization = Secret(f"Bearer {account.access_token.reveal()}")

    def build(self, request: RefundRequest) -> WireRequest:
        """POST of the amount, in minor units, with the reference as client_transaction_id."""
        assert isinstance(request.amount, Money)
        generated = refund_unreferenced.build_request(
            body=Body(amount=request.amount.minor_units, client_transaction_id=request.reference),
            x_pay_connect_integrator_id=self._integrator_id.reveal(),
        )
        return self.wire(
            generated, ("Authorization", self._authorization), ("X-Pay-Connect-Integrator-Id", self._integrator_id)
        )

    def parse(self, reply: WireReply) -> Any:
        """The transaction id on 200; for an error whatever object came, or nothing, for no body is documented."""
        body = reply.body if reply.body or reply.status == 200 else b"{}"
        return refund_unreferenced.read_reply(reply.status, body)

    def interpret(self, request: RefundRequest, status: int, parsed: Any, reader: Reader) -> Reading:
        """By the HTTP status alone: it is all that Lab4Pay documents. A 200 has to name the transaction too."""
        outcome, reason = _BY_STATUS.get(status, (Outcome.UNKNOWN, Reason.OTHER))
        if not isinstance(parsed, Accepted):
            return Reading(outcome, reason, why="the provider failed" if outcome is Outcome.UNKNOWN else "")
        refund_id = reader.text(parsed.transaction_id, "/transaction_id")
        if refund_id is None:
            return Reading(why="it names no transaction")
        return Reading(outcome, reason, refund_id=refund_id)
