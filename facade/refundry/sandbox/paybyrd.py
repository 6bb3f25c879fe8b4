"""Paybyrd as a state machine: balances, codes, and the answers it replays by idempotency key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from refundry.sandbox.faults import Fault, Reply, json_reply
from refundry.sandbox.machine import Call, Machine, SandboxRefund, in_major_units

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SECONDS_KEPT: Final = 24 * 3600
_WORDS: Final = {
    "BYRD205": (400, "Operation rejected"),
    "BYRD230": (400, "Payment already refunded"),
    "BYRD231": (400, "The refund amount exceeds the remaining balance of the original payment"),
    "BYRD401": (401, "Resource access unauthorized"),
    "BYRD900": (400, "Invalid input"),
    "BYRD901": (404, "Transaction not found"),
    "BYRD999": (500, "Operation failed"),
}


@dataclass
class PaybyrdMachine(Machine):
    """Refunds of one payment, by isoAmount; the older field `amount` is not looked at.

    A key of an `idempotency-key` header is kept for 24 hours with the first answer, a 500 too, and answers every call
    that comes with it; a refusal of credentials and of a request that breaks the contract is not kept. What Paybyrd
    does with another payment or amount under a key that it knows is not documented: here it gets the first answer
    too, for the documentation speaks of the key alone.
    """

    PROVIDER = "paybyrd"
    STEPS = {"Processing": "Success"}

    _kept: dict[str, tuple[float, Reply]] = field(default_factory=dict, init=False)

    def answer(self, call: Call, now: float, work: Callable[[], Reply]) -> Reply:
        """The answer kept under the key of this call, or what the work gives."""
        key = call.headers.get("idempotency-key")
        if key is None:
            return work()
        kept = self._kept.get(key)
        if kept is None or now - kept[0] >= _SECONDS_KEPT:
            kept = self._kept[key] = (now, work())
        return kept[1]

    def refund(self, call: Call) -> Reply:
        """200 with the balance, or 202 where the refund is done later."""
        payment = self.payments.get(call.path["transactionId"])
        if payment is None:
            return self._refused("BYRD901")
        amount = call.body["isoAmount"]
        if amount <= 0:
            return self._refused("BYRD900")
        if amount > payment.remaining:
            return self._refused("BYRD231" if payment.remaining else "BYRD230")
        state = "Processing" if payment.pending else "Success"
        key = call.headers.get("idempotency-key")
        refund = SandboxRefund(self.new_id(), payment.payment_id, amount, payment.currency, state, idempotency_key=key)
        self.book(payment, refund)
        if payment.pending:
            href = f"/api/v2/transactions?requestId={self.new_id()}"
            links = {"href": href, "rel": "transactions", "type": "GET"}
            return self._told(202, "BYRD010", "Request accepted", links=links)
        amounts = {"": payment.captured, "refunded": payment.refunded, "remaining": payment.remaining}
        source = {
            name: value for kind, units in amounts.items() for name, value in _both(kind, units, payment.currency)
        }
        source["transactionId"] = payment.payment_id
        return self._told(
            200,
            "BYRD200",
            "Operation successfully completed",
            **dict(_both("", amount, payment.currency)),
            transactionId=refund.refund_id,
            sourceTransaction=source,
        )

    def invalid(self, _: str, /) -> Reply:
        """400 BYRD900. It does not say what is wrong: neither does Paybyrd."""
        return self._refused("BYRD900")

    def unauthorised(self) -> Reply:
        """401 BYRD401."""
        return self._refused("BYRD401")

    def failed(self) -> Reply:
        """500 BYRD999."""
        return self._refused("BYRD999")

    def declined(self) -> Reply:
        """400 BYRD205."""
        return self._refused("BYRD205")

    def changes(self, fault: Fault | None, told: Mapping[str, Any], credentials: str) -> Mapping[str, Any]:
        """In the fields that the reply has."""
        source = {**told.get("sourceTransaction", {}), "transactionId": "another-payment"}
        table: dict[Fault | None, dict[str, Any]] = {
            Fault.UNKNOWN_VALUE: {"code": "BYRD777"},
            Fault.NULL_OBJECT: {"sourceTransaction": None, "links": None},
            Fault.WRONG_AMOUNT: {"isoAmount": 100 * told.get("isoAmount", 0), "amount": "1000000.00"},
            Fault.WRONG_PAYMENT: {"sourceTransaction": source},
            Fault.ECHO_CREDENTIALS: {"description": credentials},
        }
        return {name: value for name, value in table.get(fault, {}).items() if name in told}

    def _refused(self, code: str) -> Reply:
        status, description = _WORDS[code]
        return self._told(status, code, description)

    def _told(self, status: int, code: str, description: str, **fields: Any) -> Reply:
        return json_reply(status, {"code": code, "description": description, **fields}, ("RequestId", self.new_id()))


def _both(kind: str, minor_units: int, currency: str) -> tuple[tuple[str, Any], ...]:
    """An amount in both of Paybyrd's forms: `refundedAmount` as a text, `isoRefundedAmount` in minor units."""
    name = f"{kind}Amount" if kind else "amount"
    return (name, str(in_major_units(minor_units, currency))), (f"iso{name[0].upper()}{name[1:]}", minor_units)
