"""Entries as the rows of a database, and back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from refundry.clock import Moment
from refundry.ledger.entry import Entry
from refundry.ledger.rules import Accepted, Known, Sending, State, Unknown, state_of
from refundry.money import FULL, Money
from refundry.refund import RefundStatus
from refundry.wire import Progress

if TYPE_CHECKING:
    from refundry.clock import Clock

COLUMNS: Final = (
    *("account", "reference", "payment_id", "minor_units", "currency", "state", "attempt"),
    *("refund_id", "tracking_id", "known", "failed_ids", "token", "lease"),
)
"""The columns of the table `refunds`. `known` and `failed_ids` are JSON. An amount without a currency is FULL."""


@dataclass(slots=True)
class Row:
    """A row as it lies in the database, with the lease of the call that sends its refund."""

    entry: Entry
    token: str | None
    lease: Lease | None


@dataclass(slots=True)
class Lease:
    """When a call has to be over, by the wall clock, and by the boot clock of one start of the machine."""

    wall: float
    boot: float
    boot_id: str

    def left(self, clock: Clock) -> float:
        """The seconds until then, by the clock that leaves fewer of them. A machine that started anew has none left."""
        if self.boot_id != clock.boot_id():
            return 0.0
        return min(self.wall - clock.wall(), self.boot - clock.boot())


def to_columns(account: str, reference: str, entry: Entry, token: str | None, lease: Lease | None) -> tuple[Any, ...]:
    """The values of a row, in the order of COLUMNS."""
    known, amount = entry.known, entry.amount
    minor_units, currency = (amount.minor_units, amount.currency) if isinstance(amount, Money) else (None, None)
    refund_id, tracking_id = (known.refund_id, known.tracking_id) if isinstance(known, Accepted) else (None, None)
    return (
        *(account, reference, entry.payment_id, minor_units, currency, state_of(known).value, entry.attempt),
        *(refund_id, tracking_id, json.dumps(_facts(known)), json.dumps(entry.failed_ids)),
        *(token, None if lease is None else json.dumps([lease.wall, lease.boot, lease.boot_id])),
    )


def from_columns(columns: tuple[Any, ...], clock: Clock) -> Row:
    """The row that `to_columns` gave the values of, in this process or in another one."""
    row = dict(zip(COLUMNS, columns, strict=True))
    facts = json.loads(row["known"])
    known: Known = None
    match State(row["state"]):
        case State.SENDING:
            before = facts["before"]
            known = Sending(_moment(facts["first_sent"], clock), Progress(), before and _unknown(before, clock))
        case State.ACCEPTED:
            amount = facts["amount"] and Money.from_minor(*facts["amount"])
            known = Accepted(
                RefundStatus(facts["status"]), amount, row["refund_id"], row["tracking_id"], facts["code"], facts["at"]
            )
        case State.UNKNOWN:
            known = _unknown(facts, clock)
    amount = FULL if row["currency"] is None else Money.from_minor(row["minor_units"], row["currency"])
    entry = Entry(row["payment_id"], amount, known, tuple(json.loads(row["failed_ids"])), row["attempt"])
    return Row(entry, row["token"], None if row["lease"] is None else Lease(*json.loads(row["lease"])))


def _facts(known: Known) -> dict[str, Any]:
    match known:
        case Accepted():
            amount = known.amount and [known.amount.minor_units, known.amount.currency]
            return {"status": known.status.value, "amount": amount, "code": known.code, "at": known.sent_at}
        case Unknown():
            return _facts_of_unknown(known)
        case Sending():
            before = known.before and _facts_of_unknown(known.before)
            return {"first_sent": _of_moment(known.first_sent), "before": before}
        case None:
            return {}


def _facts_of_unknown(known: Unknown) -> dict[str, Any]:
    return {
        "first_sent": _of_moment(known.first_sent),
        "text": known.text,
        "http_status": known.http_status,
        "code": known.code,
        "differences": known.differences,
    }


def _unknown(facts: dict[str, Any], clock: Clock) -> Unknown:
    differences = tuple((name, requested, reported) for name, requested, reported in facts["differences"])
    first_sent = _moment(facts["first_sent"], clock)
    return Unknown(first_sent, facts["text"], facts["http_status"], facts["code"], differences)


def _of_moment(moment: Moment) -> list[Any]:
    return [moment.wall, moment.boot, moment.clock.boot_id()]


def _moment(values: list[Any], clock: Clock) -> Moment:
    """A moment of this start of the machine has its boot time; one of an earlier start is measured by the wall clock."""
    wall, boot, boot_id = values
    moment = Moment(clock)
    moment.boot = boot if boot_id == clock.boot_id() else moment.boot - (moment.wall - wall)
    moment.wall = wall
    return moment
