"""The made-up provider as a machine of the sandbox."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from refundry.sandbox import Fault
from refundry.sandbox.entry import Provider
from refundry.sandbox.faults import Reply, json_reply
from refundry.sandbox.machine import Call, Callback, Machine, SandboxRefund
from tests.providers.fourth.account import Fourth
from tests.providers.fourth.record import KEY, signature
from tests.providers.record import WEBHOOK_KEY


@dataclass
class FourthMachine(Machine):
    """Refunds of a payment in minor units."""

    PROVIDER = "fourth"
    STEPS = {"open": "paid"}
    UNDONE = frozenset({"void"})
    SETTLED = "paid"

    def operations(self) -> Mapping[str, Callable[[Call], Reply]]:
        """The operations of the contract."""
        return {"refund_payment": self._refund_payment, "get_refund": self._get_refund}

    def _refund_payment(self, call: Call) -> Reply:
        payment = self.payments.get(call.path["payment_id"])
        if payment is None:
            return _refused(404, "no_such_payment")
        amount = call.body["cents"]
        if amount <= 0:
            return self.invalid("cents")
        if amount > payment.remaining:
            return _refused(422, "too_much" if payment.remaining else "spent")
        state = "open" if payment.pending else "paid"
        refund = SandboxRefund(self.new_id(), payment.payment_id, amount, payment.currency, state)
        self.book(payment, refund)
        return json_reply(200, _body(refund))

    def _get_refund(self, call: Call) -> Reply:
        index = self.refund_index(call.path["refund_id"])
        return _refused(404, "no_such_payment") if index is None else json_reply(200, _body(self.refunds[index]))

    def invalid(self, why: str, /) -> Reply:
        """Status 422."""
        return json_reply(422, {"problem": "unfit", "words": why})

    def unauthorised(self) -> Reply:
        """Status 401."""
        return _refused(401, "bad_key")

    def failed(self) -> Reply:
        """Status 500."""
        return json_reply(500, {})

    def declined(self) -> Reply:
        """Status 422."""
        return _refused(422, "closed")

    def callback(self, refund: SandboxRefund, forged: bool) -> Callback:
        """The refund, signed, with a wrong key where it is forged."""
        body = json.dumps(_body(refund)).encode()
        proof = signature(body, "test-other-key") if forged else signature(body)
        return Callback((("Fourth-Signature", proof),), body)

    def changes(self, fault: Fault | None, members: Mapping[str, Any], credentials: str) -> Mapping[str, Any]:
        """The reply with the fault in its own fields."""
        table: dict[Fault | None, dict[str, Any]] = {
            Fault.UNKNOWN_VALUE: {"state": "misplaced"},
            Fault.NULL_OBJECT: {"state": None},
            Fault.WRONG_AMOUNT: {"cents": 100 * members.get("cents", 0)},
            Fault.WRONG_PAYMENT: {"payment": "another-payment"},
            Fault.ECHO_CREDENTIALS: {"words": credentials},
        }
        return {name: value for name, value in table.get(fault, {}).items() if name in members or name == "words"}


IN_SANDBOX = Provider(
    machine=lambda options, _: FourthMachine(options.seed),
    account=lambda api_key, **fields: Fourth(key=api_key, **fields),
    credential=KEY,
    webhook_secrets={"webhook_key": WEBHOOK_KEY},
    payments=(("fourth-eur", "EUR", {}), ("fourth-pending", "EUR", {"pending": True})),
)
"""The provider's entry in the table of the sandbox."""


def _body(refund: SandboxRefund) -> dict[str, Any]:
    return {"refund": refund.refund_id, "payment": refund.payment_id, "cents": refund.amount, "state": refund.state}


def _refused(status: int, problem: str) -> Reply:
    return json_reply(status, {"problem": problem})
