"""What each provider can do, and which refunds that refuses before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from refundry.errors import InvalidRefund, UnsupportedOperation
from refundry.money import EXPONENTS, FULL, MAX_MINOR_UNITS, Money, rescaled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refundry.accounts import Account
    from refundry.refund import Operation, RefundRequest

_HUNDREDTHS: Final = 2  # decimals of a major unit


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one provider can do in one operation, and what it says of the refunds. What is not listed, it cannot do.

    `partial`: less than the whole payment may be refunded. `full_without_amount`: FULL may be asked for.
    `idempotency_window`: for how many seconds the provider answers the same idempotency key with its first answer
    instead of refunding again; None where it de-duplicates nothing. `settles`: "now" where the reply may say that the
    refund is done, "later" where it never does. `reports`: what the provider says of a refund that it accepted.
    `lookup`: by which ids of a refund the provider gives its state; empty where it gives none. `absence_proves`: what
    it proves of a refund that the provider knows none of these ids. `cancel`: whether a pending refund can be called
    off. `callbacks`: what proves that a callback comes from the provider: a signature over its body, a secret that is
    sent with it, or nothing.
    """

    partial: bool
    full_without_amount: bool
    idempotency_window: int | None
    settles: Literal["now", "later"]
    reports: frozenset[Literal["amount", "refund_id", "payment_id", "reference", "remaining"]]
    lookup: frozenset[Literal["refund_id", "tracking_id"]]
    absence_proves: Literal["nothing", "not executed"]
    cancel: bool
    callbacks: Literal["signature", "shared secret", "nothing"]

    def __post_init__(self) -> None:
        if self.idempotency_window is not None and self.idempotency_window <= 0:
            raise ValueError("an idempotency window is above zero; None where there is none")


def check(request: RefundRequest, account: Account, able: Mapping[Operation, Capabilities]) -> Capabilities:
    """The capabilities of the operation that the request asks for, out of those that the provider has (`able`).

    Raises UnsupportedOperation for what the provider cannot do. Raises InvalidRefund for a currency that is not the
    account's, and for an amount that the provider cannot count.
    """
    try:
        capabilities, amount = able.get(request.operation), request.amount
        if capabilities is None:
            has = " or ".join(operation.value for operation in able)
            raise UnsupportedOperation(
                f"{account.name} has no {request.operation.value}; it has {has}", field="payment_id"
            )
        if amount is FULL:
            if not capabilities.full_without_amount:
                raise UnsupportedOperation(
                    f"{account.name} needs an amount; give Money in place of FULL", field="amount"
                )
        elif account.currency not in (None, amount.currency):
            raise InvalidRefund(
                f"{account.name} is an account in {account.currency}, and the amount is {amount}", field="amount"
            )
        elif account.COUNTS_MINOR_UNITS:
            counted(amount, account)
    except InvalidRefund as refused:
        refused.provider, refused.reference = request.provider, request.reference
        raise
    return capabilities


def decimals(currency: str, account: Account) -> int | None:
    """How many decimals of a major unit the provider counts in this currency; None where nobody has said it."""
    if EXPONENTS[currency] == _HUNDREDTHS or account.minor_units == "hundredths":
        return _HUNDREDTHS
    return EXPONENTS[currency] if account.minor_units == "iso" else None


def counted(amount: Money, account: Account) -> int:
    """The amount as the whole number that the provider counts.

    Raises InvalidRefund where it is no whole number, is too large, or where nobody has said what the provider counts.
    """
    currency, name = amount.currency, account.name
    places = decimals(currency, account)
    if places is None:
        raise InvalidRefund(
            f"{currency} has {EXPONENTS[currency]} decimals, and whether {name} counts it by ISO 4217 or in "
            'hundredths is not published: ask there, and make the account with minor_units="iso" or "hundredths"',
            field="minor_units",
        )
    units, rest = rescaled(amount.minor_units, EXPONENTS[currency], places)
    if rest or units > MAX_MINOR_UNITS:
        raise InvalidRefund(
            f"{name} counts {currency} in hundredths, and {amount} is no whole number of them up to {MAX_MINOR_UNITS}",
            field="amount",
        )
    return units
