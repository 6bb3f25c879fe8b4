"""Lab4Pay as a state machine: a terminal that takes refunds, pays them out later, and can stop them."""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final

from refundry.accounts import Lab4Pay
from refundry.sandbox.entry import Provider
from refundry.sandbox.faults import Fault, Reply, json_reply
from refundry.sandbox.machine import Call, Callback, Machine, Payment, SandboxRefund, counted, uncounted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(slots=True)
class _Revert:
    """An operation that voids a payment. Its state is not the payment's."""

    operation_id: str
    payment_id: str
    state: str = "INITIATED"


@dataclass
class Lab4PayMachine(Machine):
    """Refunds of a payment and refunds tied to none, which the terminal of `currency` carries out.

    The terminal counts in `minor_units`. An amount that is no whole number of the currency's own is refused.

    `expires_in` writes the seconds that a token is valid for into the reply; None leaves them out. A cancel of a refund
    that is IN_PROGRESS only signals: at the next step the refund is CANCELED, or it goes on where the terminal does not
    `heed_cancel`. Lab4Pay documents no error body: these have a `message`. It documents no 404
    either: what it does not know is a 400.

    Only the signature of a callback is documented. Its body follows the events of a sister product, for one
    transaction. The tag of a refund is inferred.
    """

    PROVIDER: ClassVar[str] = "lab4pay"
    STEPS: ClassVar[Mapping[str, str]] = {"INITIATED": "IN_PROGRESS", "IN_PROGRESS": "SUCCESS"}
    UNDONE: ClassVar[frozenset[str]] = frozenset({"FAILED", "EXPIRED", "CANCELED", "DECLINED"})
    SETTLED: ClassVar[str] = "SUCCESS"

    integrator_id: str = ""
    webhook_secret_key: str = field(default="", repr=False)
    currency: str = "EUR"
    expires_in: Callable[[float], object] = "{:.0f}".format
    heed_cancel: bool = True
    _reverts: dict[str, _Revert] = field(default_factory=dict, init=False)
    _signalled: set[str] = field(default_factory=set, init=False)
    _succeeded: list[str] = field(default_factory=list, init=False)
    """The transactions that succeeded at the terminal, the most recent one last."""

    def operations(self) -> Mapping[str, Callable[[Call], Reply]]:
        """All of the contract."""
        return {
            "create_token": self._create_token,
            "refund_unreferenced": self._refund_unreferenced,
            "refund_transaction": self._refund_transaction,
            "get_transaction_status": self._get_transaction_status,
            "cancel_transaction": self._cancel_transaction,
            "revert_transaction": self._revert_transaction,
            "get_transaction_operation": self._get_transaction_operation,
        }

    def answer(self, call: Call, work: Callable[[], Reply]) -> Reply:
        """401 for another integrator, otherwise the answer of the work. A token request names no integrator."""
        given = call.headers.get("x-pay-connect-integrator-id")
        return work() if call.operation == "create_token" or given == self.integrator_id else self.unauthorised()

    def add(self, payment: Payment) -> None:
        """Add a payment, which is then the most recent one that succeeded. ValueError for another currency."""
        if payment.currency != self.currency:
            raise ValueError(f"the terminal of lab4pay counts in {self.currency}")
        super().add(payment)
        self._succeeded = [name for name in self._succeeded if name != payment.payment_id] + [payment.payment_id]

    def put(self, index: int, state: str) -> None:
        """Put a refund into a state; SUCCESS makes it the most recent transaction that succeeded."""
        super().put(index, state)
        if state == "SUCCESS":
            self._succeeded.append(self.refunds[index].refund_id)

    def next_state(self, refund: SandboxRefund) -> str:
        """CANCELED after a cancel, where the terminal heeds it."""
        signalled = self.heed_cancel and refund.refund_id in self._signalled and refund.state == "IN_PROGRESS"
        return "CANCELED" if signalled else super().next_state(refund)

    def advance(self) -> None:
        """Move every refund and every revert that is not final one state on."""
        super().advance()
        for revert in self._reverts.values():
            if revert.state in self.STEPS:
                revert.state = self.STEPS[revert.state]
                if revert.state == "SUCCESS":
                    self._void(revert)

    def _void(self, revert: _Revert) -> None:
        payment = self.payments[revert.payment_id]
        if payment.refunded:
            revert.state = "FAILED"
            return
        payment.state = "REVERTED"
        self._succeeded.remove(payment.payment_id)

    def _create_token(self, call: Call) -> Reply:
        """200 with a token. Wrong credentials are a 400: no other refusal is documented."""
        expected = {"grant_type": "client_credentials", **self.token_credentials}
        if any(call.body.get(name) != value for name, value in expected.items()):
            return self.invalid("The credentials are not known")
        lifetime = self.expires_in(self.token_seconds)
        return json_reply(
            200,
            {
                "access_token": self.new_token(call.at),
                **({} if lifetime is None else {"expires_in": lifetime}),
                "token_type": "Bearer",
                "scope": "default",
            },
        )

    def _refund_unreferenced(self, call: Call) -> Reply:
        """200 with the id of the new transaction, which the terminal has yet to carry out."""
        amount = uncounted(int(call.body["amount"]), self.currency, self.minor_units)
        if amount is None or amount <= 0:
            return self.invalid("/amount: not above zero, or not an amount of the terminal's currency")
        reference = call.body.get("client_transaction_id")
        refund = SandboxRefund(self.new_id(), None, amount, self.currency, "INITIATED", reference, created_at=call.at)
        self.refunds.append(refund)
        return json_reply(200, {"transaction_id": refund.refund_id})

    def _refund_transaction(self, call: Call) -> Reply:
        """200 with the id of the new transaction, which the terminal has yet to carry out."""
        amount = uncounted(int(call.body["amount"]), self.currency, self.minor_units)
        payment = self.payments.get(call.path["transaction_id"])
        if payment is None or payment.state != "SUCCESS":
            return self.invalid("There is no such transaction that can be refunded")
        if amount is None or not 0 < amount <= payment.remaining:
            return self.invalid("/amount: not from one to what remains of the transaction")
        refund = SandboxRefund(
            self.new_id(), payment.payment_id, amount, payment.currency, "INITIATED", created_at=call.at
        )
        self.book(payment, refund)
        return json_reply(200, {"transaction_id": refund.refund_id})

    def _get_transaction_status(self, call: Call) -> Reply:
        """200 with the state of a payment or a refund."""
        transaction = self.transaction(call.path["transaction_id"])
        if transaction is None:
            return self.invalid("There is no such transaction")
        return json_reply(200, {"status": transaction.state})

    def _cancel_transaction(self, call: Call) -> Reply:
        """200 without a body: CANCELED where it was INITIATED, signalled where it is IN_PROGRESS. 400 after that."""
        index = self.refund_index(call.path["transaction_id"])
        if index is None or self.refunds[index].state not in self.STEPS:
            return self.invalid("There is no such pending transaction")
        if self.refunds[index].state == "INITIATED":
            self.put(index, "CANCELED")
        else:
            self._signalled.add(self.refunds[index].refund_id)
        return Reply(200, headers=())

    def _revert_transaction(self, call: Call) -> Reply:
        """200 with the id of the operation, for the payment that was the last to succeed and has no refund."""
        payment = self.payments.get(call.path["transaction_id"])
        if payment is None or self._succeeded[-1:] != [payment.payment_id] or payment.refunded:
            return self.invalid("Only the last successful transaction can be reverted")
        if any(one.payment_id == payment.payment_id and one.state in self.STEPS for one in self._reverts.values()):
            return self.invalid("The transaction is being reverted")
        revert = _Revert(self.new_id(), payment.payment_id)
        self._reverts[revert.operation_id] = revert
        return json_reply(200, {"operation_id": revert.operation_id, "transaction_id": payment.payment_id})

    def _get_transaction_operation(self, call: Call) -> Reply:
        """200 with the state of a revert."""
        revert = self._reverts.get(call.path["operation_id"])
        if revert is None:
            return self.invalid("There is no such operation")
        members = {"operation_id": revert.operation_id, "operation_type": "transaction.revert"}
        return json_reply(200, {**members, "transaction_id": revert.payment_id, "status": revert.state})

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

    def callback(self, refund: SandboxRefund, forged: bool) -> Callback:
        """The transaction, signed over its body; a forged one is signed with another key."""
        linked = {} if refund.payment_id is None else {"linked_transaction_id": refund.payment_id}
        members = {
            "id": refund.refund_id,
            **linked,
            "client_transaction_id": refund.reference,
            "amount": counted(refund.amount, refund.currency, self.minor_units),
            "currency": refund.currency,
            "status": refund.state,
            "tags": ["refund"],
        }
        body = json.dumps(members).encode()
        key = f"not-{self.webhook_secret_key}" if forged else self.webhook_secret_key
        signature = hmac.digest(key.encode(), body, "sha256").hex()
        return Callback((("Content-Type", "application/json"), ("Signature", signature)), body)

    def changes(self, fault: Fault | None, members: Mapping[str, Any], credentials: str) -> Mapping[str, Any]:
        """No reply has an amount or a payment. An unlisted status is added, and a token expires at no time."""
        answers = [name for name in ("transaction_id", "status", "access_token") if name in members]
        table: dict[Fault | None, dict[str, Any]] = {
            Fault.UNKNOWN_VALUE: {"status": "MISPLACED", **({"expires_in": "soon"} if "expires_in" in members else {})},
            Fault.NULL_OBJECT: dict.fromkeys(answers),
            Fault.ECHO_CREDENTIALS: {"message": credentials},
        }
        return table.get(fault, {})


INTEGRATOR_ID: Final = "test-integrator-lab4pay"
_WEBHOOK: Final = {"webhook_secret_key": "test-webhook-key-lab4pay"}
IN_SANDBOX: Final = Provider(
    machine=lambda options, keys: Lab4PayMachine(
        options.seed,
        keys,
        options.token_seconds,
        options.minor_units,
        integrator_id=options.integrator_id,
        webhook_secret_key=_WEBHOOK["webhook_secret_key"],
        currency=options.terminal_currency,
        expires_in=options.expires_in,
        heed_cancel=options.heed_cancel,
    ),
    account=Lab4Pay,
    credential="test-key-lab4pay",
    payments=(("lab4pay-refunded", None, {"refunded": 10_000}), ("lab4pay-payment", None, {})),
    token_credentials={"client_id": "test-client-lab4pay", "client_secret": "test-secret-lab4pay"},
    webhook_secrets=_WEBHOOK,
    settings=lambda options: {"integrator_id": options.integrator_id, "minor_units": options.minor_units},
)
"""The provider's entry in the table of the sandbox."""
