"""What is known of each reference, and where it is kept: in memory, in a file of SQLite, or in PostgreSQL."""

from __future__ import annotations

from enum import Enum

from refundry.redaction import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


class InMemory(Enum):
    """The type of IN_MEMORY, for annotations."""

    IN_MEMORY = "in memory"


IN_MEMORY: Final = InMemory.IN_MEMORY
"""Where a client keeps its references whose caller says nothing of a ledger. None is the same, without the warning."""


def hidden(ledger: str | Secret | InMemory | None) -> Secret | InMemory | None:
    """The ledger that a client was given; its URL, which may hold a password, as a Secret."""
    return Secret(ledger) if isinstance(ledger, str) else ledger
