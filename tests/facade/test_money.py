"""Money and FULL: the valid amounts, and that every digit is kept."""

import copy
import decimal
import operator
import pickle
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iso4217 import raw_table

from refundry import FULL, InvalidRefund, Money, Resend
from refundry.money import EXPONENTS, MAX_MINOR_UNITS, RETIRED, Full
from refundry.refund import RefundRequest

currencies = st.sampled_from(sorted(EXPONENTS))
minor_units = st.integers(min_value=1, max_value=MAX_MINOR_UNITS)


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("79.10", "EUR", 7910),
        ("79.1", "EUR", 7910),
        ("79", "EUR", 7900),
        ("0.01", "GBP", 1),
        ("007", "GBP", 700),
        ("1.500", "GBP", 150),
        ("79", "JPY", 79),
        ("79.00", "JPY", 79),
        ("7.910", "KWD", 7910),
        ("0.0001", "CLF", 1),
        (79, "EUR", 7900),
        (79, "KWD", 79000),
        (Decimal("79.10"), "EUR", 7910),
        (Decimal("1E+2"), "EUR", 10000),
        (Decimal("1E+2"), "JPY", 100),
        ("10000000000000.00", "EUR", MAX_MINOR_UNITS),
        (MAX_MINOR_UNITS, "JPY", MAX_MINOR_UNITS),
    ],
)
def test_an_amount_in_major_units_is_counted_in_minor_units(
    amount: str | int | Decimal, currency: str, expected: int
) -> None:
    assert Money.of(amount, currency) == Money.from_minor(expected, currency)


@pytest.mark.parametrize(
    "amount",
    [
        1.0,
        float("nan"),
        True,
        None,
        b"1.00",
        (0, (1,), 0),
        "",
        " 1.00",
        "1.00 ",
        "1.00\n",
        "1_000",
        "+1.00",
        ".50",
        "5.",
        "1,00",
        "1,000.00",
        "1e2",
        "1E+2",
        "0x10",
        "٣",  # ARABIC-INDIC DIGIT THREE
        "1\u066b5",  # with ARABIC DECIMAL SEPARATOR
        "１.００",  # noqa: RUF001 (full-width digits are what is tested)
        "NaN",
        "Infinity",
        "one",
        "1.001",
        "0.001",
        Decimal("1.001"),
        Decimal("1E-3"),
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        Decimal("-Infinity"),
        "0",
        "0.00",
        "-0",
        "-1.00",
        0,
        -1,
        Decimal("0"),
        Decimal("-0.01"),
        "10000000000000.01",
        10**20,
        "9" * 30,
        "9" * 100_000,
        "0." + "1" * 100_000,
        Decimal("1E+999999999"),
        Decimal("1E-999999999"),
        Decimal("-1E+999999999"),
    ],
    ids=lambda amount: ascii(amount)[:30],
)
def test_an_amount_that_is_not_exact_and_above_zero_is_refused(amount: Any) -> None:
    with pytest.raises(InvalidRefund) as refused:
        Money.of(amount, "EUR")
    assert refused.value.field == "amount"
    assert refused.value.resend is Resend.SAFE
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("amount", ["1.5", Decimal("0.1"), "100.01"])
def test_a_currency_without_decimals_takes_no_decimals(amount: str | Decimal) -> None:
    with pytest.raises(InvalidRefund, match="at most 0 decimals"):
        Money.of(amount, "JPY")


@pytest.mark.parametrize("units", [0, -1, 1.0, True, None, "1", Decimal(1), MAX_MINOR_UNITS + 1])
def test_minor_units_that_are_no_int_above_zero_are_refused(units: Any) -> None:
    with pytest.raises(InvalidRefund) as refused:
        Money.from_minor(units, "EUR")
    assert refused.value.field == "amount"


@pytest.mark.parametrize("make", [Money.of, Money.from_minor, Money])
def test_an_int_with_more_digits_than_python_writes_out_is_refused_like_any_other(make: Any) -> None:
    with pytest.raises(InvalidRefund) as refused:
        make(10**5000, "EUR")
    assert refused.value.field == "amount"


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "XXX", "XTS", "XAU", "BTC", "DEM", " EUR", None, 978, ["EUR"]])
@pytest.mark.parametrize("make", [lambda currency: Money.of("1", currency), lambda currency: Money(100, currency)])
def test_a_currency_that_is_not_listed_is_refused(make: Any, currency: Any) -> None:
    with pytest.raises(InvalidRefund) as refused:
        make(currency)
    assert refused.value.field == "currency"


@given(minor_units, currencies)
def test_every_amount_is_the_same_after_being_written_in_major_units(units: int, currency: str) -> None:
    money = Money.from_minor(units, currency)
    assert Money.of(money.decimal, currency) == money
    assert Money.of(str(money.decimal), currency) == money
    assert str(money) == f"{money.decimal} {currency}"
    assert len(str(money.decimal).partition(".")[2]) == EXPONENTS[currency]


@pytest.mark.parametrize(
    "context",
    [decimal.Context(prec=3), decimal.Context(prec=3, traps=[decimal.Inexact]), decimal.Context(Emax=2, Emin=-1)],
    ids=["few digits", "few digits and a trap", "small exponents"],
)
def test_every_digit_is_kept_under_any_decimal_context_of_the_caller(context: decimal.Context) -> None:
    with decimal.localcontext(context):
        money = Money.of("12345678.91", "EUR")
        assert money.minor_units == 1234567891
        assert money.decimal == Decimal("12345678.91")
        assert str(money) == "12345678.91 EUR"


def test_the_text_of_money_shows_amount_and_currency() -> None:
    money = Money.of("79.1", "EUR")
    assert (money.minor_units, money.currency, money.decimal) == (7910, "EUR", Decimal("79.10"))
    assert str(money) == "79.10 EUR"
    assert repr(money) == "Money.of('79.10', 'EUR')"
    assert str(Money.of("79", "JPY")) == "79 JPY"


def test_equal_amounts_are_one_key_and_other_currencies_another() -> None:
    assert {Money.of("1", "EUR"): "euro"}[Money.from_minor(100, "EUR")] == "euro"
    assert Money.from_minor(100, "EUR") != Money.from_minor(100, "GBP")
    assert Money.from_minor(100, "EUR") not in list[object]([100, "1.00 EUR", 1.0])


def test_money_is_ordered_within_its_currency() -> None:
    small, large = Money.of("0.99", "EUR"), Money.of("1.00", "EUR")
    assert small < large
    assert large > small
    assert small <= large
    assert small <= Money.of("0.99", "EUR")
    assert large >= small
    assert not small > large
    assert not large <= small
    assert sorted([large, small]) == [small, large]


@pytest.mark.parametrize("other", [Money.of("1", "GBP"), 1, "1.00 EUR", FULL])
@pytest.mark.parametrize("comparison", ["__lt__", "__le__", "__gt__", "__ge__"])
def test_money_has_no_order_against_anything_else(comparison: str, other: object) -> None:
    with pytest.raises(TypeError):
        getattr(Money.of("1", "EUR"), comparison)(other)


@given(minor_units, minor_units, currencies)
def test_amounts_of_one_currency_are_added_and_subtracted_in_minor_units(one: int, two: int, currency: str) -> None:
    for operation in (operator.add, operator.sub):
        units = operation(one, two)
        if 0 < units <= MAX_MINOR_UNITS:
            made = operation(Money.from_minor(one, currency), Money.from_minor(two, currency))
            assert made == Money.from_minor(units, currency)
        else:
            with pytest.raises(InvalidRefund) as refused:
                operation(Money.from_minor(one, currency), Money.from_minor(two, currency))
            assert refused.value.field == "amount"


@pytest.mark.parametrize("operation", [operator.add, operator.sub])
@pytest.mark.parametrize("other", [Money.of("1", "GBP"), 1, 0, 1.5, "1", Decimal(1), FULL, None, True])
def test_money_is_added_and_subtracted_only_within_its_currency(operation: Any, other: Any) -> None:
    for pair in ((Money.of("5", "EUR"), other), (other, Money.of("5", "EUR"))):
        with pytest.raises(TypeError):
            operation(*pair)


def test_a_sum_starts_with_an_amount_because_zero_is_not_money() -> None:
    first, *rest = [Money.of("1.00", "EUR"), Money.of("2.50", "EUR"), Money.of("0.01", "EUR")]
    assert sum(rest, start=first) == Money.of("3.51", "EUR")
    amounts: list[Any] = [first, *rest]
    with pytest.raises(TypeError):
        sum(amounts)


def test_adding_to_an_amount_does_not_change_it() -> None:
    amount = first = Money.of("1.00", "EUR")
    amount += Money.of("0.50", "EUR")
    assert (amount, first) == (Money.of("1.50", "EUR"), Money.of("1.00", "EUR"))


def test_money_cannot_be_changed() -> None:
    money: Any = Money.of("1", "EUR")
    with pytest.raises(AttributeError):
        money.minor_units = 2
    with pytest.raises((AttributeError, TypeError)):
        money.note = "more"
    assert money == Money.of("1", "EUR")


@pytest.mark.parametrize("value", [Money.of("79.10", "EUR"), FULL, RefundRequest("blink", "p-1", FULL, "r-1")])
@pytest.mark.parametrize("second", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_copy_and_a_pickle_are_equal_to_the_value(second: Any, value: object) -> None:
    assert second(value) == value


def test_full_is_one_value_of_its_own() -> None:
    for second in (copy.copy(FULL), copy.deepcopy(FULL), pickle.loads(pickle.dumps(FULL)), Full("FULL")):
        assert second is FULL
    assert repr(FULL) == "FULL"
    assert FULL not in list[object]([None, 0, "FULL", Money.of("1", "EUR")])


def test_the_exponents_are_those_of_an_independent_table() -> None:
    listed = {
        code: int(str(row["CcyMnrUnts"])) for code, row in raw_table.items() if str(row["CcyMnrUnts"]).isdecimal()
    }
    assert listed == {code: exponent for code, exponent in EXPONENTS.items() if code not in RETIRED}
    assert RETIRED.isdisjoint(listed)


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [
        *((code, 2) for code in ("ANG", "BGN", "CUC", "HRK", "LTL", "LVL", "MRO", "SLL", "STD", "VEF", "ZWL")),
        ("BYR", 0),
    ],
)
def test_a_recently_retired_currency_is_still_read(currency: str, decimals: int) -> None:
    assert currency in RETIRED
    assert Money.of("7", currency).minor_units == 7 * 10**decimals
