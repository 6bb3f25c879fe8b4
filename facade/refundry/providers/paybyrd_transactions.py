"""What a transaction of Paybyrd says of the refund that it is taken to be, in a reply and in a callback."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from refundry.capabilities import decimals
from refundry.errors import Reason
from refundry.outcome import Outcome, Reading
from refundry.providers import paybyrd_codes as codes
from refundry.providers.fields import FieldReader, given, same_id
from refundry_paybyrd.types import UNSET

if TYPE_CHECKING:
    from refundry.accounts import Account
    from refundry.refund import Refund
    from refundry_paybyrd.models import RefundResponse, Transaction

# .NET writes the year 1 for a time that was never set.
_FIRST_YEAR, _LAST_YEAR = 2000, 9000


def transaction(account: Account, refund: Refund, parsed: Transaction, reader: FieldReader, at: str) -> Reading:
    """What the transaction at the JSON pointer `at` says of this refund."""
    outcome, word = reader.state(parsed.status, f"{at}/status", codes.STATES)
    code = reader.text(parsed.code, f"{at}/code")
    if word is not None and outcome is not Outcome.PENDING and not codes.is_final(outcome, word, code):
        outcome = Outcome.PENDING
        # That an Error is not known yet is documented for these codes.
        if code is not None and not (codes.needs_a_code(word) and code in codes.QUERY_FIRST):
            reader.deviate(f"{at}/code", "does not go with the status")
    currency = reader.currency(parsed.currency, f"{at}/currency")
    known = currency or (refund.amount.currency if refund.amount else None)
    places = None if known is None else decimals(known, account)
    return Reading(
        outcome,
        codes.REFUSED[code][1] if code in codes.REFUSED else Reason.OTHER,
        amounts=amounts(parsed, places, reader, at, signed=True),
        currency=currency,
        refund_id=reader.id_text(parsed.transaction_id, f"{at}/transactionId"),
        payment_id=_payment_of(refund, parsed, reader, at),
        code=word if code is None else code,
        message=reader.text(parsed.description, f"{at}/description"),
        created_at=_created_at(parsed, reader, at),
    )


def the_refund_among(account: Account, refund: Refund, parsed: list[Transaction], reader: FieldReader) -> Reading:
    """What the one transaction says that is this refund; PENDING where there is none but the payment.

    The contract does not say what an array holds before the refund's transaction exists.
    """
    candidates = [(i, one) for i, one in enumerate(parsed) if not same_id(one.transaction_id, refund.payment_id)]
    if not candidates:
        return Reading(Outcome.PENDING)
    readers = [FieldReader(UNSET) for _ in candidates]
    readings = [
        askable_transaction(account, refund, one, own, f"/{index}")
        for (index, one), own in zip(candidates, readers, strict=True)
    ]
    fitting = [
        (reading, own)
        for reading, own in zip(readings, readers, strict=True)
        if len(candidates) == 1 or _is_of(refund, reading)
    ]
    if len(fitting) != 1:
        return Reading(why="it gave several transactions, and not one that is this refund")
    reading, own = fitting[0]
    reader.deviations += own.deviations
    return reading


def askable_transaction(account: Account, refund: Refund, parsed: Transaction, reader: FieldReader, at: str) -> Reading:
    """As `transaction`, without an id that is new for the refund and by which it could not be asked about."""
    reading = transaction(account, refund, parsed, reader, at)
    if refund.refund_id is not None:
        return reading
    return replace(reading, refund_id=reader.in_path(reading.refund_id, f"{at}/transactionId"))


def amounts(
    parsed: RefundResponse | Transaction, places: int | None, reader: FieldReader, at: str = "", *, signed: bool = False
) -> tuple[Decimal | str, ...]:
    """The amount that Paybyrd counts, where it is known how many decimals it has, and the deprecated major amount."""
    minor = None if places is None else reader.minor_amount(parsed.iso_amount, f"{at}/isoAmount", places, signed=signed)
    major = reader.major_amount(parsed.amount, f"{at}/amount", signed=signed)
    if isinstance(minor, Decimal) and isinstance(major, Decimal) and minor != major:
        reader.deviate(f"{at}/amount", "differs from isoAmount")
    return given(minor, major)


def _created_at(parsed: Transaction, reader: FieldReader, at: str) -> datetime | None:
    """When Paybyrd made the transaction, in UTC; None for a time before there was a Paybyrd."""
    moment = reader.moment(parsed.created_date, f"{at}/createdDate")
    if moment is None or _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        return moment and moment.astimezone(UTC)
    reader.deviate(f"{at}/createdDate", "is no time at which it can have been made")
    return None


def _payment_of(refund: Refund, parsed: Transaction, reader: FieldReader, at: str) -> str | None:
    """The payment among the transactions that this one refers to: the refund's own, or else the first."""
    if not isinstance(parsed.referenced_transactions, list):
        return None
    names = [
        reader.id_text(one.transaction_id, f"{at}/referencedTransactions/{index}/transactionId")
        for index, one in enumerate(parsed.referenced_transactions)
    ]
    there = [name for name in names if name is not None]
    same = [name for name in there if same_id(name, refund.payment_id)]
    return next(iter(same or there), None)


def _is_of(refund: Refund, reading: Reading) -> bool:
    """Whether a transaction says that it is of this payment, and of this amount where that is known."""
    amount = refund.amount.decimal if refund.amount else reading.amount
    return same_id(reading.payment_id, refund.payment_id) and amount == reading.amount
