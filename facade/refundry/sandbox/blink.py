"""Blink as a state machine: amounts in major units, and both ages of its reply."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final

from refundry.accounts import Blink
from refundry.money import Money
from refundry.sandbox.entry import BlinkReply, Provider
from refundry.sandbox.faults import Fault, Reply, json_reply
from refundry.sandbox.machine import Call, Callback, Machine, Payment, SandboxRefund, in_major_units, written_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass
class BlinkMachine(Machine):
    """Refunds of one settled payment: `amount` of it where `partial_refund` is true, else all that remains.

    A payment that is Captured has not settled yet: a cancel voids it, and a refund of it is refused.

    `reply` chooses the age of the reply to a refund that was accepted: "status" with the amount as a number and the
    refund's own id, or the older "success" with the amount as a text. The older one has no word for pending: it
    says success then too. A query writes its amount in the same age, and says a refund's state in both.

    Callbacks about a refund are inferred from those about payments, the only ones that are documented.
    """

    PROVIDER: ClassVar[str] = "blink"
    STEPS: ClassVar[Mapping[str, str]] = {"pending": "completed"}
    UNDONE: ClassVar[frozenset[str]] = frozenset({"failed", "declined", "cancelled", "expired"})
    SETTLED: ClassVar[str] = "Accepted"
    UNSETTLED: ClassVar[str | None] = "Captured"

    reply: BlinkReply = "status"

    def operations(self) -> Mapping[str, Callable[[Call], Reply]]:
        """All of the contract."""
        return {
            "create_token": self._create_token,
            "refund_transaction": self._refund_transaction,
            "get_transaction": self._get_transaction,
            "cancel_transaction": self._cancel_transaction,
        }

    def _create_token(self, call: Call) -> Reply:
        """201 with a token and when it expires, by the sandbox's clock. 401 for keys that are wrong."""
        if any(call.body.get(name) != value for name, value in self.token_credentials.items()):
            return self.unauthorised()
        return json_reply(
            201,
            {
                "access_token": self.new_token(call.at),
                "expired_on": written_time(call.at + self.token_seconds, "microseconds"),
                "payment_types": ["credit-card", "direct-debit", "open-banking"],
                "currency": "GBP",
                "send_blink_receipt": call.body.get("send_blink_receipt", True),
            },
        )

    def _refund_transaction(self, call: Call) -> Reply:
        """200 where it was accepted."""
        payment = self.payments.get(call.path["transaction_id"])
        if payment is None:
            return _refused(404, "Transaction not found")
        if payment.state != self.SETTLED:
            return _refused(400, f"The transaction is {payment.state} and cannot be refunded")
        if not payment.remaining:
            return _refused(400, "The transaction has already been refunded")
        amount = payment.remaining
        if call.body.get("partial_refund", False):
            if "amount" not in call.body:
                return _refused(400, "The amount is required for a partial refund")
            try:
                amount = Money.of(call.body["amount"], payment.currency).minor_units
            except ValueError:  # as InvalidRefund is
                return _refused(400, "The amount is invalid")
        if amount > payment.remaining:
            return _refused(400, "The amount exceeds the amount that can be refunded")
        reference = _reference(call, payment)
        state = "pending" if payment.pending else "completed"
        refund = SandboxRefund(
            self.new_id(), payment.payment_id, amount, payment.currency, state, reference, created_at=call.at
        )
        self.book(payment, refund)
        return json_reply(200, self._answer(payment, refund))

    def _get_transaction(self, call: Call) -> Reply:
        """200 with a payment or a refund as it is now, in its envelope."""
        one = self.transaction(call.path["transaction_id"])
        if one is None:
            return _refused(404, "Transaction not found")
        name, minor_units = (one.payment_id, one.captured) if isinstance(one, Payment) else (one.refund_id, one.amount)
        members = {
            "transaction_id": name,
            "status": one.state,
            "message": f"The transaction is {one.state}",
            "amount": self._written(minor_units, one.currency),
            "currency": one.currency,
        }
        return json_reply(200, {"data": members})

    def _cancel_transaction(self, call: Call) -> Reply:
        """200 where the payment was not settled, and is now voided; 400 where it is too late for that."""
        payment = self.payments.get(call.path["transaction_id"])
        if payment is None:
            return _refused(404, "Transaction not found")
        if payment.state != self.UNSETTLED:
            return _refused(400, f"The transaction is {payment.state} and cannot be cancelled")
        payment.state = "voided"
        members = {"success": True, "message": "Cancel successful", "reference": _reference(call, payment)}
        amount = str(in_major_units(payment.captured, payment.currency))
        return json_reply(200, {**members, "amount": amount, "transaction_id": payment.payment_id})

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

    def callback(self, refund: SandboxRefund, forged: bool) -> Callback:
        """The transaction, without any proof."""
        if forged:
            raise ValueError("nothing proves a callback of blink, so that there is nothing to forge")
        note = f"The transaction is {refund.state}"
        members = {"transaction_id": refund.refund_id, "status": refund.state, "note": note, "merchant_data": {}}
        return Callback((("Content-Type", "application/json"),), json.dumps(members).encode())

    def changes(self, fault: Fault | None, members: Mapping[str, Any], credentials: str) -> Mapping[str, Any]:
        """In the fields that the reply, or the transaction in its envelope, has. A null stands in for what decides."""
        if "data" in members and fault is not Fault.NULL_OBJECT:
            return {"data": {**members["data"], **self.changes(fault, members["data"], credentials)}}
        amount = members.get("amount", 0)
        table: dict[Fault | None, dict[str, Any]] = {
            Fault.UNKNOWN_VALUE: {"status": "misplaced", "success": "perhaps", "expired_on": "soon"},
            Fault.NULL_OBJECT: dict.fromkeys(("status", "success", "data", "access_token")),
            Fault.WRONG_AMOUNT: {"amount": str(100 * Decimal(amount)) if isinstance(amount, str) else 100 * amount},
            Fault.WRONG_PAYMENT: {"transaction_id": "another-payment"},
        }
        if fault is Fault.ECHO_CREDENTIALS:
            return {"message": credentials}
        return {name: value for name, value in table.get(fault, {}).items() if name in members}

    def _answer(self, payment: Payment, refund: SandboxRefund) -> dict[str, Any]:
        amount = self._written(refund.amount, refund.currency)
        members = {"transaction_id": payment.payment_id, "reference": refund.reference, "amount": amount}
        if self.reply == "success":
            return {**members, "success": True, "message": "Refund successful"}
        return {**members, "status": refund.state, "refunded_transaction_id": refund.refund_id}

    def _written(self, minor_units: int, currency: str) -> str | int | float:
        written = in_major_units(minor_units, currency)
        if self.reply == "success":
            return str(written)
        # A binary float keeps every digit of an amount that Money accepts, and is written back as short.
        return int(written) if written == int(written) else float(written)


def _reference(call: Call, payment: Payment) -> Any:
    """The caller's reference, or the payment's where none is given."""
    return call.body.get("reference", f"unique-{payment.payment_id}")


def _refused(status: int, message: str) -> Reply:
    return json_reply(status, {"success": False, "message": message})


IN_SANDBOX: Final = Provider(
    machine=lambda options, keys: BlinkMachine(options.seed, keys, options.token_seconds, reply=options.blink_reply),
    account=Blink,
    credential="test-key-blink",
    payments=(
        ("blink-gbp", "GBP", {}),
        ("blink-jpy", "JPY", {}),
        ("blink-kwd", "KWD", {}),
        ("blink-pending", "GBP", {"pending": True}),
        ("blink-refunded", "GBP", {"refunded": 10_000}),
        ("blink-captured", "GBP", {"settled": False}),
    ),
    token_credentials={"api_key": "test-api-key-blink", "secret_key": "test-secret-key-blink"},
)
"""The provider's entry in the table of the sandbox."""
