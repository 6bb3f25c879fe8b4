"""Entries as the rows of a database, and back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from refundry.clock import Instant, Moment
from refundry.ledger.entry import Entry
from refundry.ledger.rules import Accepted, Known, Sending, State, Unknown, state_of
from refundry.money import FULL, Money
from refundry.refund import RefundStatus
from refundry.wire import Progress

if TYPE_CHECKING:
    from refundry.clock import Clock
    from refundry.ledger.changes import Note
    from refundry.money import Amount

COLUMNS: Final = (
    *("account", "reference", "payment_id", "minor_units", "currency", "state", "attempt", "refund_id", "tracking_id"),
    *("known", "failed_ids", "decided_by", "contradiction", "token", "lease_end", "changed_at", "version"),
)
"""The columns of the table `refunds`. `known`, `failed_ids` and `lease_end` are JSON. An amount without a currency is
FULL. `changed_at` is in seconds since 1970. `version` counts the changes of the row."""

HISTORY: Final = ("account", "reference", "at", "event", "state", "attempt", "decided_by", "reason", "facts")
"""The columns of the table `history`, apart from its number. `facts` is JSON."""


@dataclass(slots=True)
class Row:
    """A row as it lies in the database, with the token and the end of the lease of the call that holds it."""

    account: str
    reference: str
    entry: Entry
    token: str | None
    lease_end: Instant | None
    version: int

    def columns(self, now: Instant) -> tuple[Any, ...]:
        """The values of the row, in the order of COLUMNS."""
        entry = self.entry
        known = entry.known
        refund_id = known.refund_id if isinstance(known, Accepted | Unknown) else None
        tracking_id = known.tracking_id if isinstance(known, Accepted) else None
        return (
            self.account,
            self.reference,
            entry.payment_id,
            *columns_of(entry.amount),
            state_of(known).value,
            entry.attempt,
            refund_id,
            tracking_id,
            _facts_of_free(entry, now) if known is None else encoded(_facts(known, now)),
            encoded(entry.failed_ids) if entry.failed_ids else _NO_IDS,
            entry.decided_by,
            entry.contradiction,
            self.token,
            None if self.lease_end is None else encoded(_of_instant(self.lease_end)),
            now.wall,
            self.version,
        )


class Line(NamedTuple):
    """A line of the history."""

    account: str
    reference: str
    state: State
    attempt: int
    note: Note

    def columns(self, now: Instant) -> tuple[Any, ...]:
        """The values of the line, in the order of HISTORY."""
        note = self.note
        facts = None if note.facts is None else encoded(note.facts())
        return (
            self.account,
            self.reference,
            now.wall,
            note.event.name,
            self.state.value,
            self.attempt,
            note.by,
            note.reason,
            facts,
        )


def from_columns(columns: tuple[Any, ...], now: Instant, clock: Clock) -> Row:
    """The row that `Row.columns` gave the values of, in this process or in another one.

    `now` is the time of the database, and `clock` that of the client, by which the row's times go on.
    """
    account, reference, payment_id, minor_units, currency, state, attempt, refund_id, tracking_id, *rest = columns
    stored, failed_ids, decided_by, contradiction, token, lease, _, version = rest
    facts = json.loads(stored)
    known: Known = None
    first_sent: Moment | None = None
    match State(state):
        case State.FREE if "first_sent" in facts:
            first_sent = _moment(facts["first_sent"], now, clock)
        case State.SENDING:
            before = facts["before"] and _unknown(facts["before"], now, clock)
            known = Sending(_moment(facts["first_sent"], now, clock), Progress(), before)
        case State.ACCEPTED:
            amount = facts["amount"] and Money.from_minor(*facts["amount"])
            status = RefundStatus(facts["status"])
            others = tuple(facts.get("others", ()))
            known = Accepted(status, amount, refund_id, tracking_id, facts["code"], facts["sent_at"], others)
        case State.UNKNOWN:
            known = _unknown(facts, now, clock)
    entry = Entry(
        payment_id,
        amount_of(minor_units, currency),
        known,
        () if failed_ids == _NO_IDS else tuple(json.loads(failed_ids)),
        attempt,
        decided_by,
        contradiction,
        first_sent,
    )
    lease_end = None if lease is None else Instant(*json.loads(lease))
    return Row(account, reference, entry, token, lease_end, version)


def columns_of(amount: Amount) -> tuple[int | None, str | None]:
    """The minor units and the currency of an amount; neither for FULL."""
    return (amount.minor_units, amount.currency) if isinstance(amount, Money) else (None, None)


def amount_of(minor_units: int | None, currency: str | None) -> Amount:
    """The amount that `columns_of` gave the values of."""
    return FULL if minor_units is None or currency is None else Money.from_minor(minor_units, currency)


encoded: Final = json.JSONEncoder(separators=(",", ":")).encode
"""JSON without spaces."""
# What most rows have.
_NO_FACTS: Final = encoded({})
_NO_IDS: Final = encoded(())


def _facts(known: Known, now: Instant) -> dict[str, Any]:
    match known:
        case Accepted():
            amount = known.amount and [known.amount.minor_units, known.amount.currency]
            facts = {"status": known.status.value, "amount": amount, "code": known.code, "sent_at": known.sent_at}
            return {**facts, "others": known.others} if known.others else facts
        case Unknown():
            return _facts_of_unknown(known, now)
        case Sending():
            before = known.before and _facts_of_unknown(known.before, now)
            return {"first_sent": _of_moment(known.first_sent, now), "before": before}
        case None:
            return {}


def _facts_of_free(entry: Entry, now: Instant) -> str:
    return _NO_FACTS if entry.first_sent is None else encoded({"first_sent": _of_moment(entry.first_sent, now)})


def _facts_of_unknown(known: Unknown, now: Instant) -> dict[str, Any]:
    return {
        "first_sent": _of_moment(known.first_sent, now),
        "why": known.text,
        "http_status": known.http_status,
        "code": known.code,
        "differences": known.differences,
        "tracking_id": known.tracking_id,
        "refund_id": known.refund_id,
        "is_first": known.is_first,
    }


def _unknown(facts: dict[str, Any], now: Instant, clock: Clock) -> Unknown:
    return Unknown(
        _moment(facts["first_sent"], now, clock),
        facts["why"],
        facts["http_status"],
        facts["code"],
        tuple((name, requested, reported) for name, requested, reported in facts["differences"]),
        facts["tracking_id"],
        facts["refund_id"],
        facts["is_first"],
    )


def _of_instant(instant: Instant) -> list[Any]:
    return [instant.wall, instant.boot, instant.boot_id]


def _of_moment(moment: Moment, now: Instant) -> list[Any]:
    """A moment of the client's clock, as the clock of the database has it."""
    return _of_instant(now.plus(-moment.age()))


def _moment(values: list[Any], now: Instant, clock: Clock) -> Moment:
    return Moment(clock, Instant(*values).age(now))
