"""Money, an exact amount in a currency, and FULL, the rest of a payment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import Enum
from functools import total_ordering

from refundry.errors import InvalidRefund
from refundry.interruption import pass_through

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

# ISO 4217, active currencies of list one, by the number of decimals of a major unit.
_CODES_BY_EXPONENT: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY"
    " COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS"
    " INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR"
    " MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP"
    " STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
# Currencies of list three that left list one since 2014: their payments are refunded for years.
_RETIRED_BY_EXPONENT: Final = {0: "BYR", 2: "ANG BGN CUC HRK LTL LVL MRO SLL STD VEF ZWL"}
EXPONENTS: Final[dict[str, int]] = {
    code: exponent
    for table in (_CODES_BY_EXPONENT, _RETIRED_BY_EXPONENT)
    for exponent, codes in table.items()
    for code in codes.split()
}
RETIRED: Final = frozenset(code for codes in _RETIRED_BY_EXPONENT.values() for code in codes.split())
"""The currencies that ISO 4217 has withdrawn, and in which refunds are still possible."""

MAX_MINOR_UNITS: Final = 10**15
"""The largest amount. A JSON number up to it keeps every digit, even in a reader that makes it a binary float."""

# Wide enough for every accepted amount, and for the digits of many that are refused; it never rounds.
_EXACT: Final = Context(prec=40, traps=[Inexact, InvalidOperation])
_PLAIN_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class Full(Enum):
    """The type of FULL, for annotations."""

    FULL = "FULL"

    def __repr__(self) -> str:
        return "FULL"

    __str__ = __repr__


FULL: Final = Full.FULL
"""The rest of the payment, as the provider counts it. It is no amount: the caller need not know it."""


@total_ordering
@dataclass(frozen=True, slots=True, repr=False)
class Money:
    """An amount above zero, in whole minor units of one currency (EUR 79.10 is 7910, JPY 79 is 79, KWD 7.910 is 7910).

    Make it with `Money.of` or `Money.from_minor`. It is frozen and hashable. Within one currency it can be ordered,
    added and subtracted; another currency, or what is no Money, is a TypeError. A sum or difference is an amount too:
    InvalidRefund where it would be zero or less, or too large. There is no Money of zero, so `sum` starts from one of
    the amounts: `sum(rest, start=first)`. The currency is sent to no provider: it is the one in which the caller
    believes the payment to be, and decides how many decimals the amount has.

    Raises InvalidRefund with `field` "amount" or "currency" for zero or less, more than 10**15 minor units, anything
    that is not a whole number of minor units, and a currency that ISO 4217 neither lists nor has withdrawn lately.
    """

    minor_units: int
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.currency, str) or self.currency not in EXPONENTS:
            raise InvalidRefund(
                f"{self.currency!r} is not an ISO 4217 currency; give a code such as 'EUR'", field="currency"
            )
        if type(self.minor_units) is not int:
            raise InvalidRefund(f"minor units are an int, not {type(self.minor_units).__name__}", field="amount")
        if not 0 < self.minor_units <= MAX_MINOR_UNITS:
            raise InvalidRefund(f"an amount is from 1 to {MAX_MINOR_UNITS} minor units", field="amount")

    @classmethod
    def of(cls, amount: str | int | Decimal, currency: str) -> Money:
        """The amount written in major units: `Money.of("79.10", "EUR")`.

        A float is refused, for it has already lost digits; so is a number with more decimals than the currency has,
        unless they are zeros.
        """
        if isinstance(amount, bool) or not isinstance(amount, str | int | Decimal):
            raise InvalidRefund(
                f"an amount is a str, an int or a Decimal, not {type(amount).__name__}; write '1.00'", field="amount"
            )
        if not isinstance(currency, str) or currency not in EXPONENTS:
            return cls(0, currency)  # raises, and says what is wrong with the currency
        try:
            if isinstance(amount, str) and not _PLAIN_NUMBER.fullmatch(amount):
                raise InvalidOperation
            exact = Decimal(amount).quantize(Decimal((0, (1,), -EXPONENTS[currency])), context=_EXACT)
            minor_units = int(exact.scaleb(EXPONENTS[currency], context=_EXACT))
        except (Inexact, InvalidOperation, ValueError) as unfit:
            pass_through(unfit)
            raise InvalidRefund(
                f"that is no amount in {currency}, with at most {EXPONENTS[currency]} decimals and nothing but digits",
                field="amount",
            ) from None
        return cls(minor_units, currency)

    @classmethod
    def from_minor(cls, minor_units: int, currency: str) -> Money:
        """The amount in minor units: `Money.from_minor(7910, "EUR")`."""
        return cls(minor_units, currency)

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, with as many decimals as the currency has."""
        return scaled(self.minor_units, EXPONENTS[self.currency])

    def __add__(self, other: Money) -> Money:
        return Money(self.minor_units + self._units_of(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor_units - self._units_of(other), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor_units < self._units_of(other)

    def _units_of(self, other: object) -> int:
        """The minor units of an amount in the same currency. TypeError for anything else."""
        if not isinstance(other, Money):
            raise TypeError(f"Money is compared, added and subtracted with Money, not with {type(other).__name__}")
        if other.currency != self.currency:
            raise TypeError(f"{self.currency} and {other.currency} have no order and no sum")
        return other.minor_units

    def __str__(self) -> str:
        return f"{self.decimal} {self.currency}"

    def __repr__(self) -> str:
        return f"Money.of('{self.decimal}', '{self.currency}')"


Amount = Money | Full
"""The amount of a refund: exact, or FULL."""


def scaled(units: int, decimals: int) -> Decimal:
    """Units of so many decimals in major units. Exact, whatever the decimal context of the caller."""
    return Decimal(units).scaleb(-decimals, _EXACT)


def rescaled(units: int, decimals: int, wanted: int) -> tuple[int, int]:
    """Units of `decimals` decimals as units of `wanted` decimals: how many, and the rest, which is zero if exact."""
    if decimals == wanted:
        return units, 0
    return divmod(units * int(10**wanted), int(10**decimals))


def to_plain(amount: Amount) -> str | dict[str, str | int]:
    """The amount as a JSON value: {"minor_units": int, "currency": str}, or "FULL"."""
    if isinstance(amount, Full):
        return amount.value
    return {"minor_units": amount.minor_units, "currency": amount.currency}


def from_plain(value: Any) -> Amount:
    """The amount that `to_plain` wrote. Raises ValueError, TypeError or KeyError for what it never writes."""
    return Full(value) if isinstance(value, str) else Money(value["minor_units"], value["currency"])
