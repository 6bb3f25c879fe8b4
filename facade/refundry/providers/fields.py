"""Reads single values of a provider's message: it returns what can be used, and collects the deviations."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from typing import TYPE_CHECKING, Any, Final

from refundry.interruption import pass_through
from refundry.money import EXPONENTS, rescaled, scaled
from refundry.outcome import Outcome
from refundry.validation import is_path_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_BETWEEN_WORDS: Final = re.compile(r"[\s_-]+")
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]+")
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,6})?|-?inf")
_MOST_DIGITS: Final = 20
_TOO_LARGE: Final = 10**_MOST_DIGITS
_WIDEST: Final = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])  # it never rounds
_EXACT_IN_A_FLOAT: Final = 2**53  # a whole number below it keeps every digit in a binary float
_LONGEST_SHOWN: Final = 200
_FLAGS: Final[Mapping[int | str, bool]] = {1: True, "1": True, "true": True, 0: False, "0": False, "false": False}


def same_id(one: object, other: object) -> bool:
    """Whether two ids of a provider are present and equal, ignoring case and whether one is a number.

    This is wider than the comparison of a reply with its request: it keeps a payment from being taken for its refund.
    """
    one, other = one if isinstance(one, str) else _digits(one), other if isinstance(other, str) else _digits(other)
    return one is not None and other is not None and one.lower() == other.lower()


def plain_word(word: object) -> str:
    """A provider's word for a state in one spelling: lower case, with a blank for each separator; "" for no text."""
    return _BETWEEN_WORDS.sub(" ", word).strip().lower() if isinstance(word, str) else ""


def json_value(body: bytes, read_json: Callable[[bytes], Any]) -> Any:
    """The value of a body, by the `read_json` of a generated package; None where that cannot read it."""
    try:
        return read_json(body)
    except (ValueError, RecursionError) as error:
        pass_through(error)
        return None


class FieldReader:
    """Reads single values of a reply: returns what can be used, and collects in `deviations` what the contract forbids.

    `absent` is the value that a generated model has in place of a missing field.
    """

    def __init__(self, absent: object) -> None:
        self._absent = absent
        self.deviations: list[tuple[str, str]] = []

    def deviate(self, pointer: str, rule: str) -> None:
        """Record that the value at this JSON pointer deviates from the contract, by this rule."""
        self.deviations.append((pointer, rule))

    def _unfit(self, value: object, pointer: str, rule: str) -> None:
        """As `deviate`, where the field is present."""
        if value is not self._absent:
            self.deviate(pointer, rule)

    def text(self, value: object, pointer: str) -> str | None:
        """A text that is not empty."""
        if isinstance(value, str) and value:
            return str(value)  # a member of a generated enum is a text, and stays behind here
        self._unfit(value, pointer, "is not a text, or an empty one")
        return None

    def id_text(self, value: object, pointer: str) -> str | None:
        """An id: a text that is not empty, or the digits of a number, as a deviation.

        A number with a fraction is no id, and neither is one whose last digits a JSON reader may have lost.
        """
        digits = _digits(value)
        if digits is None:
            return self.text(value, pointer)
        self.deviate(pointer, "is a number in place of a text")
        return digits

    def moment(self, value: object, pointer: str) -> datetime | None:
        """A date and time of ISO 8601 with its time zone. Without a zone it is a deviation, and None."""
        moment = None
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError as error:
            pass_through(error)
        if moment is not None and moment.tzinfo is not None:
            return moment
        self._unfit(value, pointer, "is not a date and time of ISO 8601" if moment is None else "has no time zone")
        return None

    def flag(self, value: object, pointer: str) -> bool | None:
        """True or False, also as 1, "true" and the like, as a deviation."""
        if isinstance(value, bool):
            return value
        self._unfit(value, pointer, "is neither true nor false")
        return _FLAGS.get(value) if isinstance(value, int | str) else None

    def in_path(self, identifier: str | None, pointer: str) -> str | None:
        """The id, where it can stand in the address of a lookup. Otherwise it is a deviation, and None."""
        if identifier is None or is_path_id(identifier):
            return identifier
        self.deviate(pointer, "cannot stand in an address")
        return None

    def expect_object(self, parsed: Any, name: str) -> None:
        """Record a member that is present and no object, which the generated model keeps as an additional property."""
        if name in parsed.additional_properties:
            self.deviate(f"/{name}", "is not an object")

    def currency(self, value: object, pointer: str) -> str | None:
        """A currency of ISO 4217."""
        code = self.text(value, pointer)
        if code is None or code in EXPONENTS:
            return code
        self.deviate(pointer, "is not a currency of ISO 4217")
        return None

    def state(self, value: object, pointer: str, states: Mapping[str, Outcome]) -> tuple[Outcome, str | None]:
        """What a word for a state means, and the word itself. A missing or unlisted word is pending."""
        word = self.text(value, pointer)
        outcome = states.get(plain_word(word))
        if value is self._absent:
            self.deviate(pointer, "is missing")
        elif word is not None and outcome is None:
            self.deviate(pointer, "is not a word that the contract lists")
        return outcome or Outcome.PENDING, word

    def minor_units(self, value: object, pointer: str, currency: str, decimals: int) -> int | None:
        """A number of zero or more in the currency's own minor units.

        The reply has it as a whole number that counts `decimals` decimals of a major unit.
        """
        if type(value) is not int or not 0 <= value < _TOO_LARGE:
            self._unfit(value, pointer, "is not a whole number")
            return None
        units, rest = rescaled(value, decimals, EXPONENTS[currency])
        if rest:
            self.deviate(pointer, "is not a whole number of minor units")
        return None if rest else units

    def minor_amount(self, value: object, pointer: str, decimals: int, *, signed: bool = False) -> Decimal | str | None:
        """An amount in major units, exact, from a whole number that counts `decimals` decimals of a major unit.

        The sign is left out, for refunds are written with either; `signed` says that the contract has one. A number in
        another form than the contract's is a deviation, and read, so that it can be compared. Anything else is a
        deviation, and given as a text; null and an empty text are None.
        """
        if type(value) is not int:
            self._unfit(value, pointer, "is not a whole number")
            if not isinstance(value, float) and not (isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value)):
                return self._shown(value)
        return self._amount(value, pointer, decimals, signed)

    def major_amount(self, value: object, pointer: str, *, signed: bool = False) -> Decimal | str | None:
        """An amount from a number or a text of major units. As `minor_amount` otherwise."""
        return self._amount(value, pointer, 0, signed)

    def _amount(self, value: object, pointer: str, decimals: int, signed: bool) -> Decimal | str | None:
        if type(value) is int and 0 <= value < _TOO_LARGE:  # as the contracts have it
            return scaled(value, decimals)
        text = repr(value) if type(value) in (int, float) else value
        if not isinstance(text, str) or not _NUMBER.fullmatch(text):
            self._unfit(value, pointer, "is not an amount")
            return self._shown(value)
        amount = Decimal(text)
        too_long = len(text) > _MOST_DIGITS and len(amount.as_tuple().digits) > _MOST_DIGITS
        if too_long or (amount.is_signed() and not signed):
            self.deviate(pointer, "is below zero, or has too many digits")
        return amount.copy_abs().scaleb(-decimals, _WIDEST)

    def _shown(self, value: object) -> str | None:
        """A value in place of an amount, in words; None for no value, null and an empty text."""
        if value in (self._absent, None, ""):
            return None
        if isinstance(value, str):
            return value[:_LONGEST_SHOWN]
        if isinstance(value, bool):
            return str(value).lower()
        return "an array" if isinstance(value, list) else "an object"


def given(*amounts: Decimal | str | None) -> tuple[Decimal | str, ...]:
    """The amounts that are present, for a Reading."""
    return tuple(one for one in amounts if one is not None)


def _digits(value: object) -> str | None:
    """The digits of a whole number that a JSON reader cannot have changed; None for anything else."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_IN_A_FLOAT:
        value = int(value)
    return str(value) if type(value) is int else None
