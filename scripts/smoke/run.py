"""The calls of a smoke run: one smallest refund, its lookup, and one refusal."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from refundry import (
    Account,
    ContractDeviation,
    Money,
    Refund,
    RefundClient,
    RefundError,
    RefundRejected,
    Retry,
    UnsupportedOperation,
)
from scripts.smoke.accounts import Refused, shares_its_host
from scripts.smoke.exchanges import Exchange, Recorder

AT_MOST = Decimal("1.00")
"""What is refunded at the most where nothing but the keys tells a test from money."""


@dataclass(frozen=True)
class Plan:
    """The smallest refund that a provider's sandbox accepts. `unreferenced`: without a payment it is one of those."""

    amount: str
    currency: str
    unreferenced: bool


PLANS = {
    "lab4pay": Plan("0.01", "EUR", unreferenced=True),
    "paybyrd": Plan("31.00", "EUR", unreferenced=False),  # a test key denies less: docs/paybyrd.md
    "blink": Plan("0.01", "GBP", unreferenced=False),
}


@dataclass
class Run:
    """What a run did: each call with what it came to, the exchanges behind them, and what the facade reported."""

    calls: list[tuple[str, str, bool]] = field(default_factory=list)
    """Each call, its outcome, and whether that is the expected one."""
    exchanges: list[Exchange] = field(default_factory=list)
    deviations: list[ContractDeviation] = field(default_factory=list)


def amount_for(account: Account, provider: str, amount: str | None, currency: str | None) -> Money:
    """Return the amount to refund: the given one, or the provider's smallest in the account's currency."""
    plan = PLANS[provider]
    return Money.of(amount or plan.amount, currency or account.currency or plan.currency)


def check(account: Account, provider: str, payment: str | None, amount: Money) -> None:
    """Raise Refused for a refund without the payment that it needs, and for too much where it may be money."""
    if payment is None and not PLANS[provider].unreferenced:
        raise Refused(f"make a payment in the sandbox of {provider}, and give its id with --payment")
    if shares_its_host(account) and amount.decimal > AT_MOST:
        raise Refused(
            f"{account.origin} serves production too: refund at most {AT_MOST}, of a payment that you made for this"
        )


def run(account: Account, payment: str | None, amount: Money, recorder: Recorder) -> Run:
    """Make the calls. A call that fails is part of what the run found, and the next one is made all the same."""
    done = Run(exchanges=recorder.exchanges)
    reference = f"smoke/{uuid.uuid4()}"
    with RefundClient(
        [account], transport=recorder, retry=Retry(attempts=1), on_deviation=done.deviations.append
    ) as client:
        name = account.name
        if payment is None:
            refund = _call(done, "refund", lambda: client.refund_unreferenced(name, amount=amount, reference=reference))
        else:
            refund = _call(
                done,
                "refund",
                lambda: client.refund(name, payment_id=payment, amount=amount, reference=reference),
            )
        if refund is not None:
            _call(done, "lookup", lambda: client.lookup(refund))
        nobody = str(uuid.uuid4())
        _call(
            done,
            "refund of a payment that nobody made",
            lambda: client.refund(name, payment_id=nobody, amount=amount, reference=f"{reference}/refusal"),
            refused=True,
        )
    return done


def _call(done: Run, what: str, call: Callable[[], Refund], *, refused: bool = False) -> Refund | None:
    try:
        refund = call()
    except RefundRejected as rejected:
        done.calls.append((what, f"RefundRejected: {rejected.reason.value}, HTTP {rejected.http_status}", refused))
    except UnsupportedOperation:
        done.calls.append((what, "there is no id to look it up by", False))
    except RefundError as error:
        status = f", HTTP {error.http_status}" if error.http_status else ""
        done.calls.append((what, f"{type(error).__name__}{status}", False))
    else:
        done.calls.append((what, refund.status.name, not refused))
        return refund
    return None
