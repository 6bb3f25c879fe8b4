"""Lab4Pay as a state machine: a terminal that takes every refund and pays it out later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from refundry.sandbox.faults import Fault, Reply, json_reply
from refundry.sandbox.machine import Call, Machine, SandboxRefund

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class Lab4PayMachine(Machine):
    """Refunds tied to no payment. Lab4Pay documents no error body: these have a `message`."""

    PROVIDER = "lab4pay"
    STEPS = {"INITIATED": "IN_PROGRESS", "IN_PROGRESS": "SUCCESS"}

    integrator_id: str = ""
    currency: str = "EUR"

    def refund(self, call: Call) -> Reply:
        """200 with the id of the new transaction, which the terminal has yet to carry out."""
        if call.headers["x-pay-connect-integrator-id"] != self.integrator_id:
            return self.unauthorised()
        amount = int(call.body["amount"])
        if amount <= 0:
            return self.invalid("/amount: not above zero")
        reference = call.body.get("client_transaction_id")
        refund = SandboxRefund(self.new_id(), None, amount, self.currency, "INITIATED", reference)
        self.refunds.append(refund)
        return json_reply(200, {"transaction_id": refund.refund_id})

    def invalid(self, why: str, /) -> Reply:
        """400."""
        return json_reply(400, {"message": why})

    def unauthorised(self) -> Reply:
        """401."""
        return json_reply(401, {"message": "Unauthorized"})

    def failed(self) -> Reply:
        """500."""
        return json_reply(500, {"message": "Internal server error"})

    def declined(self) -> Reply:
        """400: it has no answer of its own for this."""
        return self.invalid("The terminal takes no refund now")

    def changes(self, fault: Fault | None, told: Mapping[str, Any], credentials: str) -> Mapping[str, Any]:
        """The reply has no code, amount or payment: an unlisted status is added, for the rest there is nothing."""
        table: dict[Fault | None, dict[str, Any]] = {
            Fault.UNKNOWN_VALUE: {"status": "MISPLACED"},
            Fault.NULL_OBJECT: {"transaction_id": None} if "transaction_id" in told else {},
            Fault.ECHO_CREDENTIALS: {"message": credentials},
        }
        return table.get(fault, {})
