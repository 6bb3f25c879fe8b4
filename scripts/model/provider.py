"""The provider of the model: what it has executed, what it keeps under a key, and what it replies. All of it values."""

from __future__ import annotations

import json
from enum import StrEnum
from functools import cache
from typing import Final, NamedTuple

from refundry import Account, Blink, Money, Paybyrd, WireReply
from tests.stateful.world import Execution

ASKED: Final = Money.of("1.00", "EUR")
PAYMENT: Final = "payment-1"
REFERENCE: Final = "order-1"
SECONDS_KEPT: Final = 24 * 3600
"""For how long a provider that de-duplicates remembers a key, from the arrival of its first request on."""

ACCOUNTS: Final[dict[str, Account]] = {
    "paybyrd": Paybyrd(api_key="test-key"),
    "blink": Blink(access_token="test-token"),
}


class Verdict(StrEnum):
    """What the provider does with a request that is no repetition."""

    DONE = "done"
    PENDING = "pending"
    REFUSED = "refused"
    FAILED = "failed"
    """A pending refund may end so."""


class Provider(NamedTuple):
    """What the provider knows: its refunds with their states, and its answers by key with the time of the first."""

    refunds: tuple[tuple[str, Verdict], ...] = ()
    kept: tuple[tuple[str, int, Verdict, str], ...] = ()

    def executions(self) -> tuple[Execution, ...]:
        """The refunds that were executed."""
        return tuple(Execution(name, ASKED.minor_units, state is Verdict.FAILED) for name, state in self.refunds)

    def answer(self, key: str | None, at: int, verdict: Verdict) -> tuple[Provider, Verdict, str]:
        """The provider after a request, with its verdict and the id of the refund that it is about."""
        stored = self.stored(key, at)
        if stored is not None:
            return self, *stored
        name = f"refund-{len(self.refunds) + 1}"
        executed = () if verdict is Verdict.REFUSED else ((name, verdict),)
        kept = tuple(one for one in self.kept if one[0] != key)
        if key is not None:
            kept = (*kept, (key, at, verdict, name))
        return Provider((*self.refunds, *executed), kept), verdict, name

    def stored(self, key: str | None, at: int) -> tuple[Verdict, str] | None:
        """The answer that is kept under a key; None where the next request under it is worked on."""
        found = (one for one in self.kept if one[0] == key and at - one[1] < SECONDS_KEPT)
        return next(((verdict, name) for _, _, verdict, name in found), None)

    def end(self, name: str, state: Verdict) -> Provider:
        """The provider once a pending refund has come to an end."""
        return self._replace(refunds=tuple((one, state if one == name else was) for one, was in self.refunds))

    def state(self, name: str) -> Verdict | None:
        """The present state of a refund; None for one that it does not know."""
        return dict(self.refunds).get(name)


@cache
def reply(provider: str, verdict: Verdict, name: str) -> WireReply:
    """The reply to a refund."""
    if provider == "blink":
        if verdict is Verdict.REFUSED:
            return _json(402, {"success": False, "message": "The refund was declined"})
        status = "completed" if verdict is Verdict.DONE else "pending"
        amount = {"transaction_id": PAYMENT, "reference": REFERENCE, "amount": 1}
        return _json(200, {**amount, "status": status, "refunded_transaction_id": name})
    if verdict is Verdict.REFUSED:
        return _json(400, {"code": "BYRD205", "description": "Operation rejected"})
    source = {"transactionId": PAYMENT, "isoRemainingAmount": 0}
    code = "BYRD200" if verdict is Verdict.DONE else "BYRD201"
    amount = {"isoAmount": 100, "amount": "1.00"}
    return _json(200, {**amount, "code": code, "transactionId": name, "sourceTransaction": source})


@cache
def state_reply(provider: str, state: Verdict, name: str) -> WireReply:
    """The reply to a question about a refund."""
    if provider == "blink":
        word = {Verdict.DONE: "completed", Verdict.PENDING: "pending", Verdict.FAILED: "failed"}[state]
        amount = {"amount": 1, "currency": "EUR"}
        return _json(200, {"data": {**amount, "transaction_id": name, "status": word, "message": word}})
    word, code = {
        Verdict.DONE: ("Success", "BYRD200"),
        Verdict.PENDING: ("Processing", "BYRD201"),
        Verdict.FAILED: ("Denied", "BYRD205"),
    }[state]
    referenced = {"referencedTransactions": [{"transactionId": PAYMENT}]}
    amount = {"isoAmount": -100, "amount": "-1.00", "currency": "EUR"}
    return _json(200, {**amount, **referenced, "transactionId": name, "status": word, "code": code})


def _json(status: int, fields: object) -> WireReply:
    return WireReply(status, (("content-type", "application/json"),), json.dumps(fields).encode())
