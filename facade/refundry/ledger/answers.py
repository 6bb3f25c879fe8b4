"""What a ledger answers when it is asked, in the caller's words."""

from __future__ import annotations

import json

# Not only for a type checker: the annotations of the public classes have to resolve at run time.
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import dropwhile
from typing import TYPE_CHECKING, Any, Final

from refundry.clock import utc
from refundry.ledger.changes import Change, Needs, View
from refundry.ledger.database import DatabaseView
from refundry.ledger.entry import refund_of, resend_until
from refundry.ledger.memory import MemoryLedger
from refundry.ledger.rows import COLUMNS
from refundry.ledger.rules import Accepted, Event, Sending, State, Unknown, state_of
from refundry.limits import window_margin
from refundry.money import Amount, to_plain
from refundry.refund import Operation, Refund

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from refundry.capabilities import Capabilities
    from refundry.clock import Clock
    from refundry.ledger.entry import Entry
    from refundry.limits import Retry

SafeFor = Callable[[str, str | None], float | None]
"""For how many seconds after its first attempt the same reference is safe to send again: by account and payment.

None where it never is."""


def safe_seconds(capabilities: Mapping[Operation, Capabilities], payment_id: str | None, retry: Retry) -> float | None:
    """For how long a provider certainly de-duplicates a refund that a call with this `retry` sends again."""
    operation = Operation.REFUND_UNREFERENCED if payment_id is None else Operation.REFUND
    capable = capabilities.get(operation)
    window = None if capable is None else capable.idempotency_window
    return None if window is None else window - window_margin(retry)


UNRESOLVED: Final = frozenset({State.UNKNOWN})
"""The states that call for somebody: `client.ledger.unresolved()` adds what is contradicted."""

_PAGE: Final = 500
_CHANGED_AT: Final = COLUMNS.index("changed_at")
_SELECT: Final = f"SELECT {', '.join(COLUMNS)} FROM refundry.refunds WHERE"
# What happens to an account stands in the history of each of its references, under this one.
OF_THE_ACCOUNT: Final = ""
RENAMED: Final = "RENAMED"
_OTHER_EVENTS: Final = {RENAMED: "its account is renamed"}


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What the ledger knows of one reference.

    `state` is "free" (nothing was executed under it), "sending" (a call holds it now), "accepted" or "unknown".
    `provider` is the name of the account. `amount` is what was asked for. `refund` is the accepted refund, None in
    every other state. `attempt` counts the attempts that the provider tells apart.

    `first_sent` is when the attempt that may have been executed was first sent (UTC), None where none may have been.
    `resend_until` is until when the same reference is safe to send again if it is unknown (UTC), None where it never
    is. `why` says why it is unknown, `http_status` and `provider_code` what the provider answered, and `tracking_id` is
    what the provider gave to ask by: `client.resolve` asks by it.

    `decided_by` names the person by whose word the state is as it is, or was when the present attempt began.
    `contradiction` says what contradicts the state, and calls for a person; None where nothing does. `changed_at`
    is when the entry last changed (UTC, by the clock of the database), None without a database. `is_archived` says
    that the rest stands in a file which `archive` wrote: then only provider, reference and state are known here.
    """

    provider: str
    reference: str
    state: str
    payment_id: str | None
    amount: Amount | None
    attempt: int
    refund: Refund | None = None
    first_sent: datetime | None = None
    resend_until: datetime | None = None
    why: str | None = None
    http_status: int | None = None
    provider_code: str | None = None
    tracking_id: str | None = None
    decided_by: str | None = None
    contradiction: str | None = None
    changed_at: datetime | None = None
    is_archived: bool = False

    def to_dict(self) -> dict[str, Any]:
        """All of it, as values that JSON can hold. Times are ISO 8601 in UTC."""
        return {
            "provider": self.provider,
            "reference": self.reference,
            "state": self.state,
            "payment_id": self.payment_id,
            "amount": None if self.amount is None else to_plain(self.amount),
            "attempt": self.attempt,
            "refund": None if self.refund is None else self.refund.to_dict(),
            "first_sent": _written(self.first_sent),
            "resend_until": _written(self.resend_until),
            "why": self.why,
            "http_status": self.http_status,
            "provider_code": self.provider_code,
            "tracking_id": self.tracking_id,
            "decided_by": self.decided_by,
            "contradiction": self.contradiction,
            "changed_at": _written(self.changed_at),
            "is_archived": self.is_archived,
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

    @property
    def request_ids(self) -> tuple[str, ...]:
        """The provider's ids of the requests that the event is about, for its support."""
        return tuple(request_id for _, _, request_id in self.facts.get("tried", ()) if request_id is not None)

    def to_dict(self) -> dict[str, Any]:
        """All of it, as values that JSON can hold."""
        return {**asdict(self), "at": self.at.isoformat(), "request_ids": [*self.request_ids]}


def entry_of(
    account: str,
    reference: str,
    entry: Entry,
    clock: Clock,
    safe_for: SafeFor | None = None,
    changed_at: float | None = None,
) -> LedgerEntry:
    """An entry in the caller's words."""
    known = entry.known
    unknown = known if isinstance(known, Unknown) else None
    window = safe_for(account, entry.payment_id) if safe_for is not None and unknown is not None else None
    until = resend_until(unknown.first_sent, window, 0.0, clock) if unknown is not None else None
    return LedgerEntry(
        account,
        reference,
        state_of(known).value,
        entry.payment_id,
        entry.amount,
        entry.attempt,
        refund=refund_of(account, reference, entry.payment_id, known) if isinstance(known, Accepted) else None,
        first_sent=utc(known.first_sent.wall) if isinstance(known, Unknown | Sending) else None,
        resend_until=None if until is None else until.moment,
        why=None if unknown is None else unknown.text,
        http_status=None if unknown is None else unknown.http_status,
        provider_code=known.code if isinstance(known, Unknown | Accepted) else None,
        tracking_id=known.tracking_id if isinstance(known, Unknown | Accepted) else None,
        decided_by=entry.decided_by,
        contradiction=entry.contradiction,
        changed_at=None if changed_at is None else utc(changed_at),
    )


@dataclass(slots=True)
class Found(Change["LedgerEntry | None"]):
    """What is known of a reference, also where it was archived; None where nothing is."""

    account: str
    reference: str
    safe_for: SafeFor | None = None

    @property
    def needs(self) -> Needs:
        """The reference."""
        return Needs(references=((self.account, self.reference),))

    def apply(self, view: View) -> LedgerEntry | None:
        """The entry."""
        account, reference = self.account, self.reference
        entry = view.get(account, reference)
        if entry is not None:
            changed_at = _changed_at(view, account, reference) if isinstance(view, DatabaseView) else None
            return entry_of(account, reference, entry, view.clock, self.safe_for, changed_at)
        archived = view.archived(account, reference)
        if archived is None:
            return None
        return LedgerEntry(account, reference, archived.state.value, None, None, 1, is_archived=True)


def _changed_at(view: DatabaseView, account: str, reference: str) -> float:
    statement = "SELECT changed_at FROM refundry.refunds WHERE account = ? AND reference = ?"
    ((changed_at,),) = view.sql(statement, (account, reference))
    return float(changed_at)


@dataclass(slots=True)
class Listed(Change[list[LedgerEntry]]):
    """The references that are in one of these states, of one account or of all, the oldest change first.

    `contradicted` adds those that something contradicts, whatever their state. At most `most` are given.
    """

    account: str | None
    states: frozenset[State] = UNRESOLVED
    contradicted: bool = True
    most: int = 1000
    safe_for: SafeFor | None = None

    def apply(self, view: View) -> list[LedgerEntry]:
        """The entries."""
        found: list[LedgerEntry] = []
        for account, reference, entry, changed_at in self._all(view):
            if state_of(entry.known) in self.states or (self.contradicted and entry.contradiction is not None):
                if len(found) == self.most:
                    break
                found.append(entry_of(account, reference, entry, view.clock, self.safe_for, changed_at))
        return found

    def _all(self, view: View) -> Iterator[tuple[str, str, Entry, float | None]]:
        if isinstance(view, MemoryLedger):
            for account, reference, entry in view.in_states(self.account, self.states):
                yield account, reference, entry, None
            return
        assert isinstance(view, DatabaseView)
        for columns in self._rows(view):
            row, entry = view.entry_of(columns)
            yield row.account, row.reference, entry, columns[_CHANGED_AT]

    def _rows(self, view: DatabaseView) -> Iterator[tuple[Any, ...]]:
        # A reference that is sending reads as unknown once its lease is over.
        stored = {*self.states, *({State.SENDING} if State.UNKNOWN in self.states else ())}
        states = f"state IN ({', '.join(repr(state.value) for state in sorted(stored))})"
        where = f"({states}{' OR contradiction IS NOT NULL' if self.contradicted else ''})"
        values: tuple[Any, ...] = ()
        if self.account is not None:
            where, values = f"{where} AND account = ?", (self.account,)
        order = "changed_at, account, reference"
        after: tuple[Any, ...] = ()
        while True:
            beyond = f" AND ({order}) > (?, ?, ?)" if after else ""
            statement = f"{_SELECT} {where}{beyond} ORDER BY {order} LIMIT {_PAGE}"
            page = view.sql(statement, (*values, *after))
            yield from page
            if len(page) < _PAGE:
                return
            after = (page[-1][_CHANGED_AT], *page[-1][:2])


@dataclass(slots=True)
class History(Change[list[HistoryLine]]):
    """What happened to a reference, in its order. A ledger in memory keeps none."""

    account: str
    reference: str

    def apply(self, view: View) -> list[HistoryLine]:
        """The lines."""
        return [*lines_of(view, self.account, self.reference)] if isinstance(view, DatabaseView) else []


def lines_of(view: DatabaseView, account: str, reference: str) -> Iterable[HistoryLine]:
    """The lines of a reference, and those of its account from the reference's first line on."""
    rows = view.sql(
        "SELECT reference, at, event, state, attempt, decided_by, reason, facts FROM refundry.history "
        f"WHERE account = ? AND reference IN (?, '{OF_THE_ACCOUNT}') ORDER BY number",
        (account, reference),
    )
    return _lines(dropwhile(lambda row: row[0] == OF_THE_ACCOUNT, rows))


def _lines(rows: Iterable[Sequence[Any]]) -> Iterator[HistoryLine]:
    last: tuple[str, int] = ("", 1)
    for reference, at, event, state, attempt, by, reason, facts in rows:
        if reference != OF_THE_ACCOUNT:
            last = (state, attempt)
        yield HistoryLine(utc(at), _words(event), *last, by, reason, {} if facts is None else json.loads(facts))


def _words(event: str) -> str:
    """An event in words; its name where a newer version has written it."""
    return Event[event].value if event in Event.__members__ else _OTHER_EVENTS.get(event, event)


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
