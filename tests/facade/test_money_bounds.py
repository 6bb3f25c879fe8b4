"""Where an order begins, and what is said of an amount with too many digits."""

import pytest

from refundry import FULL, InvalidRefund, Money
from refundry.money import from_plain, to_plain


def test_an_amount_is_neither_less_nor_greater_than_its_equal() -> None:
    one, other = Money.of("1.00", "EUR"), Money.from_minor(100, "EUR")
    assert not one < other
    assert not one > other
    assert one <= other
    assert one >= other


@pytest.mark.parametrize("amount", ["9" * 30, f"{'9' * 36}.99"])
def test_an_amount_that_has_only_too_many_digits_is_refused_as_too_large(amount: str) -> None:
    with pytest.raises(InvalidRefund, match="from 1 to 1000000000000000 minor units"):
        Money.of(amount, "EUR")


def test_an_amount_and_full_are_the_same_after_a_round_trip_through_json_values() -> None:
    assert to_plain(FULL) == "FULL"
    assert from_plain("FULL") is FULL
    assert to_plain(Money.of("1.00", "EUR")) == {"minor_units": 100, "currency": "EUR"}
    assert from_plain({"minor_units": 100, "currency": "EUR"}) == Money.of("1.00", "EUR")
