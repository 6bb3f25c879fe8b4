"""Blink as a state machine: amounts in major units, and both ages of its reply."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from refundry.errors import InvalidRefund
from refundry.money import Money
from refundry.sandbox.faults import Fault, Reply, json_reply
from refundry.sandbox.machine import Call, Machine, SandboxRefund, in_major_units

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refundry.sandbox.machine import Payment

BlinkReply = Literal["status", "success"]


@dataclass
class BlinkMachine(Machine):
    """Refunds of one payment: `amount` of it where `partial_refund` is true, else all that remains.

    `reply` chooses the age of the reply to a refund that was accepted: "status" with the amount as a number and the
    refund's own id, or the older "success" with the amount as a text. The older one has no word for pending: it
    says success then too.
    """

    PROVIDER = "blink"
    STEPS = {"pending": "completed"}

    reply: BlinkReply = "status"

    def refund(self, call: Call) -> Reply:
        """200 where it was accepted."""
        payment = self.payments.get(call.path["transaction_id"])
        if payment is None:
            return _refused(404, "Transaction not found")
        if not payment.remaining:
            return _refused(400, "The transaction has already been refunded")
        amount = payment.remaining
        if call.body.get("partial_refund", False):
            if "amount" not in call.body:
                return _refused(400, "The amount is required for a partial refund")
            try:
                amount = Money.of(call.body["amount"], payment.currency).minor_units
            except InvalidRefund:
                return _refused(400, "The amount is invalid")
        if amount > payment.remaining:
            return _refused(400, "The amount exceeds the amount that can be refunded")
        reference = call.body.get("reference", f"unique-{payment.payment_id}")
        state = "pending" if payment.pending else "completed"
        refund = SandboxRefund(self.new_id(), payment.payment_id, amount, payment.currency, state, reference)
        self.book(payment, refund)
        return json_reply(200, self._told(payment, refund))

    def invalid(self, why: str, /) -> Reply:
        """400."""
        return _refused(400, why)

    def unauthorised(self) -> Reply:
        """401."""
        return _refused(401, "Unauthorized")

    def failed(self) -> Reply:
        """500."""
        return _refused(500, "Server error")

    def declined(self) -> Reply:
        """402."""
        return _refused(402, "The refund was declined")

    def changes(self, fault: Fault | None, told: Mapping[str, Any], credentials: str) -> Mapping[str, Any]:
        """In the fields that the reply has. It has no object: the field that decides is null, or of no listed word."""
        amount = told.get("amount", 0)
        table: dict[Fault | None, dict[str, Any]] = {
            Fault.UNKNOWN_VALUE: {"status": "misplaced", "success": "perhaps"},
            Fault.NULL_OBJECT: {"status": None, "success": None},
            Fault.WRONG_AMOUNT: {"amount": str(100 * Decimal(amount)) if isinstance(amount, str) else 100 * amount},
            Fault.WRONG_PAYMENT: {"transaction_id": "another-payment"},
        }
        if fault is Fault.ECHO_CREDENTIALS:
            return {"message": credentials}
        return {name: value for name, value in table.get(fault, {}).items() if name in told}

    def _told(self, payment: Payment, refund: SandboxRefund) -> dict[str, Any]:
        written = in_major_units(refund.amount, refund.currency)
        told = {"transaction_id": payment.payment_id, "reference": refund.reference}
        if self.reply == "success":
            return {**told, "success": True, "message": "Refund successful", "amount": str(written)}
        # A binary float keeps every digit of an amount that Money accepts, and is written back as short.
        number = int(written) if written == int(written) else float(written)
        return {**told, "status": refund.state, "amount": number, "refunded_transaction_id": refund.refund_id}


def _refused(status: int, message: str) -> Reply:
    return json_reply(status, {"success": False, "message": message})
