"""The ledger of a client that is given none: references in memory, for the life of the client, over all its threads.

A reference is held by its call from the reservation until an outcome is recorded. So a call that is interrupted leaves
it unknown by writing nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from refundry.ledger.rules import Unknown
from refundry.owner import Guarded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from refundry.clock import Clock
    from refundry.ledger.changes import Archived, Change, Note
    from refundry.ledger.entry import Entry, Reservation
    from refundry.ledger.rules import State
    from refundry.money import Amount
    from refundry.owner import Owner
    from refundry.refund import RefundRequest

Result = TypeVar("Result")


class MemoryLedger(Guarded):
    """The references of a client, by account. Another process, or another client, knows nothing of them.

    An attempt has no number, for no other process could know it. There is no history.
    """

    is_immediate = True
    counts_attempts = False

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        # By account: its entries, the reservations that no outcome has ended, and whose the provider's ids are.
        self._entries: dict[str, dict[str, Entry]] = {}
        self._held: dict[str, dict[str, Reservation]] = {}
        self._references: dict[str, dict[str, str]] = {}
        # By account and payment, from the first question about a payment on: seldom anybody asks one.
        self._payments: dict[tuple[str, str | None], list[str]] | None = None

    def commit(self, change: Change[Result], seconds: float = 0.0) -> Result:
        """Make a change, at once. Raises what the change raises; then nothing has changed."""
        with self._lock:
            return change.apply(self)

    async def acommit(self, change: Change[Result], seconds: float = 0.0) -> Result:
        """As `commit`."""
        return self.commit(change, seconds)

    def hand_back(self, owner: Owner, request: RefundRequest) -> None:
        """Nothing has to be done: `get` looks whether the call still runs."""

    def close(self) -> None:
        """Nothing has to be done."""

    async def aclose(self) -> None:
        """Nothing has to be done."""

    # What a change sees (`changes.View`).

    def get(self, account: str, reference: str, owner: Owner | None = None) -> Entry | None:
        """The entry of a reference, with what a call that does not hold the reference knows of it."""
        entry = self._entries.get(account, {}).get(reference)
        held = self._held.get(account, {}).get(reference)
        return entry if entry is None or held is None else replace(entry, known=held.to_others())

    def holds(self, reservation: Reservation) -> bool:
        """Whether this reservation still holds its reference."""
        request = reservation.request
        return self._held.get(request.provider, {}).get(request.reference) is reservation

    def put(
        self, account: str, reference: str, entry: Entry, note: Note, reservation: Reservation | None = None
    ) -> None:
        """Keep an entry, and the reservation that holds its reference."""
        entries = self._entries.setdefault(account, {})
        held = self._held.setdefault(account, {})
        if self._payments is not None and reference not in entries:
            self._payments.setdefault((account, entry.payment_id), []).append(reference)
        if reservation is not None:
            # Before the entry: an interruption between the two must leave no entry SENDING that nobody holds.
            held[reference] = reservation
        entries[reference] = entry
        if isinstance(entry.known, Unknown) and entry.known.refund_id is not None:
            self._references.setdefault(account, {}).setdefault(entry.known.refund_id, reference)
        if reservation is None:
            held.pop(reference, None)

    def reference_of(self, account: str, refund_id: str) -> str | None:
        """The reference whose refund the provider gave this id to; None where none is known."""
        return self._references.get(account, {}).get(refund_id)

    def keep_ids(self, account: str, reference: str, ids: Iterable[str]) -> None:
        """Keep which reference the provider's ids belong to."""
        references = self._references.setdefault(account, {})
        for one in ids:
            references[one] = reference

    def archived(self, account: str, reference: str) -> Archived | None:
        """None is ever moved out."""
        return None

    def of_payment(self, account: str, payment_id: str) -> list[tuple[str, Entry]]:
        """The references of a payment, with their entries."""
        if self._payments is None:
            payments: dict[tuple[str, str | None], list[str]] = {}
            for name, entries in self._entries.items():
                for reference, entry in entries.items():
                    payments.setdefault((name, entry.payment_id), []).append(reference)
            self._payments = payments
        found = ((one, self.get(account, one)) for one in self._payments.get((account, payment_id), ()))
        return [(reference, entry) for reference, entry in found if entry is not None]

    def archived_of_payment(self, account: str, payment_id: str) -> list[Amount]:
        """None is ever moved out."""
        return []

    def in_states(self, account: str | None, states: frozenset[State]) -> Iterator[tuple[str, str, Entry]]:
        """The references in one of these states, of one account or of all, with their entries."""
        from refundry.ledger.rules import state_of

        for name in self._entries if account is None else (account,):
            for reference in self._entries.get(name, {}):
                entry = self.get(name, reference)
                if entry is not None and (state_of(entry.known) in states or entry.contradiction is not None):
                    yield name, reference, entry

    def note(self, account: str, reference: str, note: Note) -> None:
        """There is no history."""
