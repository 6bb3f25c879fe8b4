"""What a ledger answers when it is asked, in the caller's words."""

from __future__ import annotations

import json

# Not only for a type checker: the annotations of the public classes have to resolve at run time.
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from refundry.clock import utc
from refundry.ledger.changes import Change, Needs, View
from refundry.ledger.database import DatabaseView
from refundry.ledger.entry import refund_of
from refundry.ledger.memory import MemoryLedger
from refundry.ledger.rows import COLUMNS
from refundry.ledger.rules import Accepted, Event, Sending, State, Unknown, state_of
from refundry.money import Amount, to_plain
from refundry.refund import Refund

if TYPE_CHECKING:
    from collections.abc import Iterable

    from refundry.ledger.entry import Entry

_UNRESOLVED: Final = frozenset({State.SENDING, State.UNKNOWN})


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What the ledger knows of one reference.

    `state` is "free" (nothing was executed under it), "sending" (a call holds it now), "accepted" or "unknown".
    `provider` is the name of the account. `amount` is what was asked for. `refund` is the accepted refund, None in
    every other state. `attempt` counts the attempts that the provider tells apart. `first_sent` is when the attempt
    that may have been executed was first sent (UTC), None where none may have been. `why` says why it is unknown.
    `decided_by` names the person by whose word the state is as it is. `contradiction` says what contradicts the state,
    and calls for a person; None where nothing does.
    """

    provider: str
    reference: str
    state: str
    payment_id: str | None
    amount: Amount
    attempt: int
    refund: Refund | None = None
    first_sent: datetime | None = None
    why: str | None = None
    decided_by: str | None = None
    contradiction: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """All of it, as values that JSON can hold."""
        return {
            "provider": self.provider,
            "reference": self.reference,
            "state": self.state,
            "payment_id": self.payment_id,
            "amount": to_plain(self.amount),
            "attempt": self.attempt,
            "refund": None if self.refund is None else self.refund.to_dict(),
            "first_sent": None if self.first_sent is None else self.first_sent.isoformat(),
            "why": self.why,
            "decided_by": self.decided_by,
            "contradiction": self.contradiction,
        }


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One change of a reference: when (UTC), what happened, and the state after it.

    `event` is in words. `by` and `reason` are a person's. `facts` are those of the event: the status, the provider's
    code and ids, and for an attempt of a call its outcome, HTTP status and request id under "tried".
    """

    at: datetime
    event: str
    state: str
    attempt: int
    by: str | None = None
    reason: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """All of it, as values that JSON can hold."""
        return {**asdict(self), "at": self.at.isoformat()}


def entry_of(account: str, reference: str, entry: Entry) -> LedgerEntry:
    """An entry in the caller's words."""
    known = entry.known
    first_sent = utc(known.first_sent.wall) if isinstance(known, Unknown | Sending) else None
    return LedgerEntry(
        account,
        reference,
        state_of(known).value,
        entry.payment_id,
        entry.amount,
        entry.attempt,
        refund=refund_of(account, reference, entry.payment_id, known) if isinstance(known, Accepted) else None,
        first_sent=first_sent,
        why=known.text if isinstance(known, Unknown) else None,
        decided_by=entry.decided_by,
        contradiction=entry.contradiction,
    )


@dataclass(slots=True)
class Unresolved(Change[list[LedgerEntry]]):
    """The references that are unknown or contradicted, of one account or of all, the oldest change first.

    `sending` adds those that a call holds now.
    """

    account: str | None
    sending: bool = False
    most: int = 1000

    @property
    def needs(self) -> Needs:
        """No reference: it reads the table."""
        return Needs()

    def apply(self, view: View) -> list[LedgerEntry]:
        """The entries."""
        found = (entry_of(*one) for one in self._all(view))
        return [
            one
            for one in found
            if one.state == State.UNKNOWN or one.contradiction or (self.sending and one.state == State.SENDING)
        ][: self.most]

    def _all(self, view: View) -> Iterable[tuple[str, str, Entry]]:
        if isinstance(view, MemoryLedger):
            yield from view.in_states(self.account, _UNRESOLVED)
            return
        assert isinstance(view, DatabaseView)
        statement = (
            f"SELECT {', '.join(COLUMNS)} FROM refundry.refunds "
            "WHERE (state IN ('sending', 'unknown') OR contradiction IS NOT NULL)"
        )
        values = () if self.account is None else (self.account,)
        of_account = "" if self.account is None else " AND account = ?"
        for columns in view.sql(f"{statement}{of_account} ORDER BY changed_at", values):
            row, entry = view.entry_of(columns)
            yield row.account, row.reference, entry


@dataclass(slots=True)
class History(Change[list[HistoryLine]]):
    """What happened to a reference, in its order. A ledger in memory keeps none."""

    account: str
    reference: str

    @property
    def needs(self) -> Needs:
        """No reference: it reads the other table."""
        return Needs()

    def apply(self, view: View) -> list[HistoryLine]:
        """The lines."""
        if not isinstance(view, DatabaseView):
            return []
        rows = view.sql(
            "SELECT at, event, state, attempt, decided_by, reason, facts FROM refundry.history "
            "WHERE account = ? AND reference = ? ORDER BY number",
            (self.account, self.reference),
        )
        return [
            HistoryLine(utc(at), _words(event), state, attempt, by, reason, {} if facts is None else json.loads(facts))
            for at, event, state, attempt, by, reason, facts in rows
        ]


def _words(event: str) -> str:
    """An event in words; its name where a newer version has written it."""
    return Event[event].value if event in Event.__members__ else event
