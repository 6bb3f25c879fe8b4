"""Paybyrd as a state machine: balances, codes, and the answers it replays by idempotency key."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final

from refundry.accounts import Paybyrd
from refundry.sandbox.entry import Provider
from refundry.sandbox.faults import Fault, Reply, json_reply
from refundry.sandbox.machine import (
    Call,
    Callback,
    Machine,
    Payment,
    SandboxRefund,
    counted,
    in_major_units,
    uncounted,
    written_time,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SECONDS_KEPT: Final = 24 * 3600
_WORDS: Final = {
    "BYRD200": (200, "Operation successfully completed"),
    "BYRD201": (200, "Payment being processed. Waiting for shopper"),
    "BYRD203": (
        200,
        "An error occurred while processing the payment. Please query the transaction to confirm its status",
    ),
    "BYRD205": (400, "Operation rejected"),
    "BYRD208": (200, "Payment canceled by the shopper"),
    "BYRD230": (400, "Payment already refunded"),
    "BYRD231": (400, "The refund amount exceeds the remaining balance of the original payment"),
    "BYRD290": (
        400,
        "An error occurred while pre processing the transaction. Please review your request and try again",
    ),
    "BYRD401": (401, "Resource access unauthorized"),
    "BYRD900": (400, "Invalid input"),
    "BYRD901": (404, "Transaction not found"),
    "BYRD999": (500, "Operation failed"),
}
# The code of a transaction in each state. In any other state it has the code of a pending one.
_CODES: Final = {
    "Success": "BYRD200",
    "AcquirerSuccess": "BYRD200",
    "Processing": "BYRD201",
    "TemporaryFailed": "BYRD203",
    "Denied": "BYRD205",
    "Canceled": "BYRD208",
    "Error": "BYRD290",
}
# The last part of the name of the event for each state. Any other state has the event of a pending one.
_EVENTS: Final = {
    "Success": "success",
    "AcquirerSuccess": "success",
    "Denied": "failed",
    "Canceled": "canceled",
    "Error": "error",
}


@dataclass
class PaybyrdMachine(Machine):
    """Refunds of one payment, by isoAmount, which counts in `minor_units`; the older field `amount` is ignored.

    An amount that is no whole number of the currency's own minor units is refused as invalid. Each reply has its
    amounts both as isoAmount and as a text, with as many decimals as isoAmount counts.

    A key of an `idempotency-key` header is kept for 24 hours with the first answer, a 500 too, and answers every call
    that comes with it; a refusal of credentials and of a request that breaks the contract is not kept. What Paybyrd
    does with another payment or amount under a key that it knows is not documented: here it gets the first answer
    too, for the documentation speaks of the key alone.

    A query gives a refund with amounts below zero, and its payment among its referencedTransactions.

    Every answer has a RequestId, and by that of the answer to a refund the query finds the refund, at once: it is the
    requestId in the link of a 202, and an answer that is kept under a key keeps it. One that no refund came of finds
    nothing, as an empty array. All this is inferred: Paybyrd documents neither that the two ids are one, nor what the
    query answers.

    Of a callback the events are documented, and the secret that comes with it. That the event stands beside the
    content, and that the content is the transaction as a query tells it, is inferred.
    """

    PROVIDER: ClassVar[str] = "paybyrd"
    STEPS: ClassVar[Mapping[str, str]] = {"Processing": "Success"}
    UNDONE: ClassVar[frozenset[str]] = frozenset({"Denied", "Canceled", "Error"})
    SETTLED: ClassVar[str] = "Success"

    webhook_api_key: str = field(default="", repr=False)
    _kept: dict[str, tuple[float, Reply]] = field(default_factory=dict, init=False)

    def answer(self, call: Call, work: Callable[[], Reply]) -> Reply:
        """The answer stored under the key of this call, or the answer of the work."""
        key = call.headers.get("idempotency-key")
        if key is None or call.operation != "refund_transaction":
            return work()
        kept = self._kept.get(key)
        if kept is None or call.at - kept[0] >= _SECONDS_KEPT:
            kept = self._kept[key] = (call.at, work())
        return kept[1]

    def operations(self) -> Mapping[str, Callable[[Call], Reply]]:
        """All of the contract."""
        return {
            "refund_transaction": self._refund_transaction,
            "get_transaction": self._get_transaction,
            "list_transactions": self._list_transactions,
        }

    def _refund_transaction(self, call: Call) -> Reply:
        """200 with the balance, or 202 where the refund is done later."""
        payment = self.payments.get(call.path["transactionId"])
        if payment is None:
            return self._refused("BYRD901")
        amount = uncounted(call.body["isoAmount"], payment.currency, self.minor_units)
        if amount is None or amount <= 0:
            return self._refused("BYRD900")
        if amount > payment.remaining:
            return self._refused("BYRD231" if payment.remaining else "BYRD230")
        state = "Processing" if payment.pending else "Success"
        key = call.headers.get("idempotency-key")
        refund = SandboxRefund(
            self.new_id(),
            payment.payment_id,
            amount,
            payment.currency,
            state,
            idempotency_key=key,
            request_id=self.request_id,
            created_at=call.at,
        )
        self.book(payment, refund)
        if payment.pending:
            href = f"/api/v2/transactions?requestId={refund.request_id}"
            links = {"href": href, "rel": "transactions", "type": "GET"}
            return self._answer(202, {"code": "BYRD010", "description": "Request accepted", "links": links})
        amounts = {"": payment.captured, "refunded": payment.refunded, "remaining": payment.remaining}
        source = {
            name: value for kind, units in amounts.items() for name, value in self._both(kind, units, payment.currency)
        }
        source["transactionId"] = payment.payment_id
        amounts_of_refund = dict(self._both("", amount, payment.currency))
        members = {**_with_words("BYRD200"), **amounts_of_refund, "transactionId": refund.refund_id}
        return self._answer(200, {**members, "sourceTransaction": source})

    def _get_transaction(self, call: Call) -> Reply:
        """200 with a payment or a refund as it is now."""
        transaction = self.transaction(call.path["transactionId"])
        return self._refused("BYRD901") if transaction is None else self._answer(200, self._transaction(transaction))

    def _list_transactions(self, call: Call) -> Reply:
        """200 with an array of the refund that came of a request, or of nothing; of all where no request is named."""
        found: list[Payment | SandboxRefund] = [*self.payments.values(), *self.refunds]
        if "requestId" in call.query:
            found = [refund for refund in self.refunds if refund.request_id == call.query["requestId"]]
        return self._answer(200, [self._transaction(one) for one in found])

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

    def callback(self, refund: SandboxRefund, forged: bool) -> Callback:
        """The event of its state, with the key that was set up for callbacks; a forged one has another key."""
        event = f"transaction.refund.{_EVENTS.get(refund.state, 'pending')}"
        key = f"not-{self.webhook_api_key}" if forged else self.webhook_api_key
        body = json.dumps({"event": event, "content": self._transaction(refund)}).encode()
        return Callback((("Content-Type", "application/json"), ("x-api-key", key)), body)

    def changes(self, fault: Fault | None, members: Mapping[str, Any], credentials: str) -> Mapping[str, Any]:
        """In the fields that the reply, or the transaction in it, has."""
        referenced = [{**one, "transactionId": "another-payment"} for one in members.get("referencedTransactions", ())]
        source = {**members.get("sourceTransaction", {}), "transactionId": "another-payment"}
        table: dict[Fault | None, dict[str, Any]] = {
            Fault.UNKNOWN_VALUE: {"code": "BYRD777", "status": "Misplaced"},
            Fault.NULL_OBJECT: {"sourceTransaction": None, "links": None, "referencedTransactions": None},
            Fault.WRONG_AMOUNT: {
                "isoAmount": 100 * members.get("isoAmount", 0),
                "amount": str(100 * Decimal(members.get("amount", 0))),
            },
            Fault.WRONG_PAYMENT: {"sourceTransaction": source, "referencedTransactions": referenced},
            Fault.ECHO_CREDENTIALS: {"description": credentials},
        }
        return {name: value for name, value in table.get(fault, {}).items() if name in members}

    def _refused(self, code: str) -> Reply:
        return self._answer(_WORDS[code][0], _with_words(code))

    def _answer(self, status: int, value: object) -> Reply:
        return json_reply(status, value, ("RequestId", self.request_id))

    def _transaction(self, one: Payment | SandboxRefund) -> dict[str, Any]:
        """A payment, or a refund with amounts below zero, in the form of a query's reply."""
        if isinstance(one, Payment):
            own: dict[str, Any] = {"transactionId": one.payment_id, "operationType": "Payment"}
            minor_units = one.captured
        else:
            referenced = [{"transactionId": one.payment_id, "operationType": "Payment"}]
            own = {"transactionId": one.refund_id, "operationType": "Refund", "referencedTransactions": referenced}
            minor_units = -one.amount
        members = {
            "status": one.state,
            "currency": one.currency,
            "createdDate": written_time(one.created_at, "milliseconds"),
        }
        amounts = dict(self._both("", minor_units, one.currency))
        return {**_with_words(_CODES.get(one.state, "BYRD203")), **members, **amounts, **own}

    def _both(self, kind: str, minor_units: int, currency: str) -> tuple[tuple[str, Any], ...]:
        """An amount in both of Paybyrd's forms: `refundedAmount` as a text, `isoRefundedAmount` as it counts."""
        name = f"{kind}Amount" if kind else "amount"
        text = str(in_major_units(minor_units, currency, self.minor_units))
        return (name, text), (f"iso{name[0].upper()}{name[1:]}", counted(minor_units, currency, self.minor_units))


def _with_words(code: str) -> dict[str, Any]:
    return {"code": code, "description": _WORDS[code][1]}


_WEBHOOK: Final = {"webhook_api_key": "test-webhook-key-paybyrd"}
IN_SANDBOX: Final = Provider(
    machine=lambda options, _: PaybyrdMachine(
        options.seed, minor_units=options.minor_units, webhook_api_key=_WEBHOOK["webhook_api_key"]
    ),
    account=Paybyrd,
    credential="test-key-paybyrd",
    payments=(
        ("paybyrd-eur", "EUR", {}),
        ("paybyrd-jpy", "JPY", {}),
        ("paybyrd-kwd", "KWD", {}),
        ("paybyrd-pending", "EUR", {"pending": True}),
        ("paybyrd-refunded", "EUR", {"refunded": 10_000}),
    ),
    webhook_secrets=_WEBHOOK,
    settings=lambda options: {"minor_units": options.minor_units},
)
"""The provider's entry in the table of the sandbox."""
