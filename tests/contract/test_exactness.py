"""Every amount is sent and read without a wrong digit."""

import json
import re
from decimal import ROUND_UP, Context, Decimal, Inexact, Rounded, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refundry import FULL, InvalidRefund, Money, Refund, RefundMismatch, WireReply
from tests.contract.support import prepared, result_of
from tests.providers import PROVIDERS, RECORDS
from tests.providers.record import Call, value_at

EXPONENTS = {"JPY": 0, "EUR": 2, "GBP": 2, "KWD": 3, "CLF": 4}
LARGEST = 10**15
BOUNDARIES = (
    *(1, 9, 10, 11, 99, 100, 101, 999, 1000, 1001, 9_999, 10_000, 10_001, 7910, 2**31 - 1, 2**31, 2**32, 2**53 // 10),
    *(2**49 - 1, 2**49, 2**49 + 1, 123_456_789_012_345, 999_999_999_999_999, 10**14, 10**15 - 10, LARGEST),
)


def written(minor_units: int, exponent: int) -> str:
    """Return the amount in major units, made by moving digits."""
    digits = str(minor_units).rjust(exponent + 1, "0")
    return f"{digits[:-exponent]}.{digits[-exponent:]}" if exponent else digits


def sent_minor_units(body: bytes, provider: str, exponent: int) -> int:
    """Return the amount in a request's body, which has no more decimals than its currency."""
    said: dict[str, Any] = json.loads(body, parse_float=Decimal, parse_int=int)
    record = RECORDS[provider].contract
    if record.major_units:
        number = re.search(rb'"amount":([0-9]+)(?:\.([0-9]+))?[,}]', body)
        assert number is not None
        assert len(number[2] or b"") <= exponent
        assert said["partial_refund"] is True
        return int(number[1] + (number[2] or b"").ljust(exponent, b"0"))
    amount = value_at(said, record.amount_at)
    assert type(amount) is int
    return amount


def check(provider: str, minor_units: int, currency: str) -> None:
    exponent = EXPONENTS[currency]
    call = Call(
        provider, RECORDS[provider].contract.payment_ids[0], Money.from_minor(minor_units, currency), "order-1042/1"
    )
    assert sent_minor_units(prepared(call).body, provider, exponent) == minor_units
    assert Money.of(written(minor_units, exponent), currency) == call.amount
    assert str(call.amount) == f"{written(minor_units, exponent)} {currency}"
    for echo in RECORDS[provider].contract.echoes:
        same = result_of(call, WireReply(200, (), echo(minor_units, written(minor_units, exponent)).encode()))
        assert isinstance(same, Refund)
        assert same.amount is not None
        assert (same.amount.minor_units, same.amount.currency) == (minor_units, currency)
        for other in (minor_units - 1, minor_units + 1):
            differs = result_of(call, WireReply(200, (), echo(other, written(other, exponent)).encode()))
            assert isinstance(differs, RefundMismatch)
            ((name, requested, reported),) = differs.differences
            assert (name, Decimal(requested), Decimal(reported)) == (
                "amount",
                Decimal(written(minor_units, exponent)),
                Decimal(written(other, exponent)),
            )


def check_full(minor_units: int, currency: str) -> None:
    call = Call("blink", "BL-2349AGB", FULL, "order-77/1")
    for echo in RECORDS["blink"].contract.echoes:
        reply = WireReply(200, (), echo(minor_units, written(minor_units, EXPONENTS[currency])).encode())
        refund = result_of(call, reply, currency=currency)
        assert isinstance(refund, Refund)
        assert refund.amount is not None
        assert (refund.amount.minor_units, refund.amount.currency) == (minor_units, currency)


@pytest.mark.parametrize("currency", EXPONENTS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_amounts_at_the_edges_are_exact(provider: str, currency: str) -> None:
    for minor_units in BOUNDARIES:
        check(provider, minor_units, currency)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_amount_is_exact_on_the_wire_and_back(provider: str) -> None:
    @settings(max_examples=100, deadline=None)
    @given(st.integers(1, LARGEST), st.sampled_from(sorted(EXPONENTS)))
    def every(minor_units: int, currency: str) -> None:
        check(provider, minor_units, currency)

    every()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, LARGEST) | st.sampled_from(BOUNDARIES), st.sampled_from(sorted(EXPONENTS)))
def test_the_amount_that_blink_reports_after_full_is_exact(minor_units: int, currency: str) -> None:
    check_full(minor_units, currency)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "context",
    [
        Context(prec=3),
        Context(prec=6, rounding=ROUND_UP),
        Context(prec=6, traps=[Inexact]),
        Context(prec=9, traps=[Rounded]),
    ],
    ids=["three-digits", "six-digits-up", "six-digits-and-inexact-raises", "nine-digits-and-rounded-raises"],
)
def test_amounts_are_exact_under_any_decimal_context_of_the_caller(provider: str, context: Context) -> None:
    with localcontext(context):
        for currency in EXPONENTS:
            for minor_units in (1, 100, 123_456_789, LARGEST - 1, LARGEST):
                check(provider, minor_units, currency)
                if provider == "blink":
                    check_full(minor_units, currency)


@pytest.mark.parametrize("minor_units", [0, -1, LARGEST + 1, 2**53 - 1, 2**53, 2**53 + 1, 10**16])
@pytest.mark.parametrize("currency", EXPONENTS)
def test_an_amount_that_is_out_of_bounds_never_becomes_money(minor_units: int, currency: str) -> None:
    with pytest.raises(InvalidRefund) as minor:
        Money.from_minor(minor_units, currency)
    with pytest.raises(InvalidRefund) as major:
        Money.of(written(minor_units, EXPONENTS[currency]) if minor_units > 0 else minor_units, currency)
    assert (minor.value.field, major.value.field) == ("amount", "amount")
