"""The ledger of a client that is given none: references in memory, for the life of the client, over all its threads.

A reference is held by its call from the reservation until an outcome is recorded. So a call that is interrupted leaves
it unknown by writing nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from refundry.owner import Guarded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from refundry.clock import Clock
    from refundry.ledger.changes import Change
    from refundry.ledger.entry import Entry, Reservation

Result = TypeVar("Result")


class MemoryLedger(Guarded):
    """The references of a client, by account. Another process, or another client, knows nothing of them."""

    is_immediate = True

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        # By account: its entries, the reservations that no outcome has ended, and whose the provider's ids are.
        self._entries: dict[str, dict[str, Entry]] = {}
        self._held: dict[str, dict[str, Reservation]] = {}
        self._references: dict[str, dict[str, str]] = {}

    def commit(self, change: Change[Result], seconds: float = 0.0) -> Result:
        """Make a change, at once. Raises what the change raises; then nothing has changed."""
        with self._lock:
            return change.apply(self)

    async def acommit(self, change: Change[Result], seconds: float = 0.0) -> Result:
        """As `commit`."""
        return self.commit(change, seconds)

    # What a change sees (`changes.View`).

    def get(self, account: str, reference: str) -> Entry | None:
        """The entry of a reference, with what a call that does not hold the reference knows of it."""
        entry = self._entries.get(account, {}).get(reference)
        held = self._held.get(account, {}).get(reference)
        return entry if entry is None or held is None else replace(entry, known=held.to_others())

    def put(self, account: str, reference: str, entry: Entry, reservation: Reservation | None = None) -> None:
        """Keep an entry, and the reservation that holds its reference."""
        entries = self._entries.setdefault(account, {})
        held = self._held.setdefault(account, {})
        if reservation is not None:
            # Before the entry: an interruption between the two must leave no entry SENDING that nobody holds.
            held[reference] = reservation
        entries[reference] = entry
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
