"""Which account each name of a ledger stands for: a client that means another one is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from refundry.errors import InvalidRefund
from refundry.ledger.changes import Change, Needs, View
from refundry.ledger.database import DatabaseView
from refundry.validation import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterable

    from refundry.accounts import Account


class Named(NamedTuple):
    """What the ledger keeps of an account. `is_loopback`: its requests go to this machine, as a test's do."""

    name: str
    provider: str
    environment: str
    is_loopback: bool


@dataclass(slots=True)
class Register(Change[None]):
    """Keep what the names of a client stand for. InvalidRefund where one stands for something else."""

    accounts: tuple[Named, ...]

    @classmethod
    def of(cls, accounts: Iterable[Account]) -> Register:
        """The accounts of a client."""
        return cls(tuple(_named(account) for account in accounts))

    @property
    def needs(self) -> Needs:
        """No reference."""
        return Needs()

    def apply(self, view: View) -> None:
        """Keep those that are new."""
        assert isinstance(view, DatabaseView)
        for account in self.accounts:
            found = view.sql(
                "SELECT name, provider, environment, is_loopback FROM refundry.accounts WHERE name = ?", (account.name,)
            )
            if not found:
                view.sql(
                    "INSERT INTO refundry.accounts VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    (*account[:3], int(account.is_loopback)),
                )
                continue
            kept = Named(found[0][0], found[0][1], found[0][2], bool(found[0][3]))
            if kept != account:
                raise InvalidRefund(
                    f"{account.name!r} is {_words(account)} here, and {_words(kept)} in the ledger: give this account "
                    "another name=, or this client another ledger",
                    field="name",
                    provider=account.name,
                )


def _named(account: Account) -> Named:
    host = urlsplit(account.origin).hostname or ""
    return Named(account.name, type(account).__name__.lower(), account.environment, is_loopback(host))


def _words(account: Named) -> str:
    at = " on this machine" if account.is_loopback else ""
    return f"{account.provider} ({account.environment}){at}"
