"""Fourth as a machine of the sandbox."""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from refundry.accounts import Fourth
from refundry.sandbox.entry import Provider
from refundry.sandbox.faults import Fault, Reply, json_reply
from refundry.sandbox.machine import Call, Callback, Machine, SandboxRefund

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass
class FourthMachine(Machine):
    """Refunds of a payment, as the contract describes them."""

    PROVIDER = "fourth"
    STEPS = {"open": "paid"}
    UNDONE = frozenset({"void"})
    SETTLED = "paid"

    def operations(self) -> Mapping[str, Callable[[Call], Reply]]:
        """The operations of the contract."""
        return {"create_refund": self._refund, "get_refund": self._lookup}

    def _refund(self, call: Call) -> Reply:
        payment, amount = self.payments.get(call.path["payment_id"]), call.body["cents"]
        if payment is None:
            return self._error(404, "no_such_payment")
        if amount <= 0:
            return self.invalid("cents")
        if amount > payment.remaining:
            return self._error(422, "too_much" if payment.remaining else "spent")
        state = "open" if payment.pending else "paid"
        refund = SandboxRefund(self.new_id(), payment.payment_id, amount, payment.currency, state)
        self.book(payment, refund)
        return json_reply(200, self._body(refund))

    def _lookup(self, call: Call) -> Reply:
        index = self.refund_index(call.path["refund_id"])
        if index is None:
            return self._error(404, "no_such_payment")
        return json_reply(200, self._body(self.refunds[index]))

    def _body(self, refund: SandboxRefund) -> dict[str, Any]:
        return {
            "refund": refund.refund_id,
            "payment": refund.payment_id,
            "cents": refund.amount,
            "state": refund.state,
        }

    def _error(self, status: int, code: str) -> Reply:
        return json_reply(status, {"problem": code})

    def invalid(self, why: str, /) -> Reply:
        """A request that breaks the contract."""
        return self._error(422, "unfit")

    def unauthorised(self) -> Reply:
        """Missing or wrong credentials."""
        return self._error(401, "bad_key")

    def failed(self) -> Reply:
        """The provider itself fails."""
        return json_reply(500, {})

    def declined(self) -> Reply:
        """The provider declines."""
        return self._error(422, "closed")

    def callback(self, refund: SandboxRefund, forged: bool) -> Callback:
        """The refund as it is now, signed; with a wrong key where it is forged."""
        body = json.dumps(self._body(refund)).encode()
        key = "test-other-key" if forged else _WEBHOOK["webhook_key"]
        return Callback((("Fourth-Signature", hmac.new(key.encode(), body, "sha256").hexdigest()),), body)

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


_WEBHOOK: Final = {"webhook_key": "test-webhook-key"}
IN_SANDBOX: Final = Provider(
    machine=lambda options, _: FourthMachine(options.seed),
    account=lambda api_key, **fields: Fourth(api_key=api_key, **fields),
    credential="test-key-fourth",
    webhook_secrets=_WEBHOOK,
    payments=(("fourth-eur", "EUR", {}), ("fourth-pending", "EUR", {"pending": True})),
)
"""The provider's entry in the table of the sandbox."""
