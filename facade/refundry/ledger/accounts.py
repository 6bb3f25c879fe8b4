"""Which account each name of a ledger stands for: a client that means another one is refused. And a change of name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from refundry.accounts import KINDS
from refundry.errors import InvalidRefund
from refundry.ledger.answers import OF_THE_ACCOUNT, RENAMED
from refundry.ledger.changes import Change, Needs, View
from refundry.ledger.database import DatabaseView
from refundry.ledger.rows import COLUMNS
from refundry.ledger.rules import State, state_of
from refundry.validation import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterable

    from refundry.accounts import Account

# No payment can have it, so that a change which needs it is alone among the changes of the accounts.
_ALONE: Final = Needs(alone_at=(("", "accounts"),))
# What stands for the provider of a name that was given up; its environment is the new name.
_GIVEN_UP: Final = "renamed"
_SELECT: Final = "SELECT name, provider, environment, is_loopback FROM refundry.accounts"
_INSERT: Final = "INSERT INTO refundry.accounts (name, provider, environment, is_loopback) VALUES (?, ?, ?, ?)"


class Named(NamedTuple):
    """What the ledger keeps of an account. `is_loopback`: its requests go to this machine, as a test's do."""

    name: str
    provider: str
    environment: str
    is_loopback: bool

    @property
    def new_name(self) -> str | None:
        """The name that the account has now, where this one was given up."""
        return self.environment if self.provider == _GIVEN_UP else None

    def __str__(self) -> str:
        if self.new_name is not None:
            return f"an old name of {self.new_name!r}"
        return f"{self.provider} ({self.environment}){' on this machine' if self.is_loopback else ''}"


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
        return _ALONE

    def apply(self, view: View) -> None:
        """Keep those that are new, once all others are as they were."""
        kept = {one.name: one for one in named(view)}
        for account in self.accounts:
            found = kept.get(account.name, account)
            if found.new_name is not None:
                raise InvalidRefund(
                    f"{account.name!r} is {found} in the ledger: give this account name={found.new_name!r}",
                    field="name",
                    provider=account.name,
                )
            if found != account:
                raise InvalidRefund(
                    f"{account.name!r} is {account} here, and {found} in the ledger: give this account another name=, "
                    "or this client another ledger",
                    field="name",
                    provider=account.name,
                )
        for account in self.accounts:
            if account.name not in kept:
                _sql(view, _INSERT, (*account[:3], int(account.is_loopback)))


@dataclass(slots=True)
class ListAccounts(Change[list[Named]]):
    """What each name of the ledger stands for, names that were given up among them."""

    def apply(self, view: View) -> list[Named]:
        """The accounts, by name."""
        return sorted(named(view))


class Renaming(NamedTuple):
    """What a change of name is about: how many references move."""

    account: Named
    new_name: str
    references: int


@dataclass(slots=True)
class Rename(Change[Renaming]):
    """Give an account another name, in every table. The old name is kept, so that a client which has it is refused.

    Raises LookupError where the ledger has no such account, where the new name is another account's or has references
    of the same names, and while a call holds a reference of the account. With `dry` it changes nothing.
    """

    old: str
    new: str
    by: str | None = None
    dry: bool = False

    @property
    def needs(self) -> Needs:
        """No reference: it changes whole tables."""
        return _ALONE

    def apply(self, view: View) -> Renaming:
        """Move the account."""
        assert isinstance(view, DatabaseView)
        account = self._checked(view)
        is_done = account.new_name == self.new
        now = self.new if is_done else self.old
        ((references,),) = view.sql("SELECT count(*) FROM refundry.refunds WHERE account = ?", (now,))
        renaming = Renaming(account, self.new, int(references))
        if self.dry or is_done:
            return renaming
        names = (self.new, self.old)
        view.sql("UPDATE refundry.refunds SET account = ?, version = version + 1 WHERE account = ?", names)
        view.sql("UPDATE refundry.history SET account = ? WHERE account = ?", names)
        view.sql("DELETE FROM refundry.accounts WHERE name IN (?, ?)", names)
        view.sql(_INSERT, (self.new, *account[1:3], int(account.is_loopback)))
        view.sql(_INSERT, (self.old, _GIVEN_UP, self.new, 0))
        facts = json.dumps({"from": self.old, "to": self.new})
        view.sql(
            "INSERT INTO refundry.history (account, reference, at, event, state, attempt, decided_by, reason, facts) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (self.new, OF_THE_ACCOUNT, view.now.wall, RENAMED, "", 1, self.by, None, facts),
        )
        return renaming

    def _checked(self, view: DatabaseView) -> Named:
        kept = {one.name: one for one in named(view)}
        account, there = kept.get(self.old), kept.get(self.new)
        if account is None:
            raise LookupError(f"the ledger has no account {self.old!r}; it has {', '.join(sorted(kept)) or 'none'}")
        if account.new_name == self.new:
            return account
        if account.new_name is not None:
            raise LookupError(f"{self.old!r} is {account}: rename that one")
        if self.old == self.new:
            raise LookupError(f"the account is named {self.old!r} already")
        is_old_name_of_it = there is not None and there.new_name == self.old
        if there is not None and there != account._replace(name=self.new) and not is_old_name_of_it:
            raise LookupError(f"{self.new!r} is {there} in the ledger, and {self.old!r} is {account}: two accounts")
        if view.sql("SELECT 1 FROM refundry.archived LIMIT 1"):
            raise LookupError(
                "the ledger has archived references, of which it keeps a digest made with the account's name: under "
                "another name they could be sent again. Keep the name"
            )
        both = view.sql(
            "SELECT a.reference FROM refundry.refunds a JOIN refundry.refunds b ON a.reference = b.reference "
            "WHERE a.account = ? AND b.account = ? ORDER BY a.reference LIMIT 1",
            (self.old, self.new),
        )
        if both:
            raise LookupError(f"{self.old!r} and {self.new!r} both have a reference {both[0][0]!r}")
        columns = f"SELECT {', '.join(COLUMNS)} FROM refundry.refunds WHERE account = ? AND state = 'sending'"
        for row in view.sql(columns, (self.old,)):
            _, entry = view.entry_of(row)
            if state_of(entry.known) is State.SENDING:
                raise LookupError(f"a call is sending {row[1]!r} at {self.old!r} now; stop the clients of this account")
        return account


def named(view: View) -> list[Named]:
    """What each name of the ledger stands for."""
    rows = _sql(view, _SELECT, ())
    return [Named(name, kind, environment, bool(is_loopback)) for name, kind, environment, is_loopback in rows]


def _sql(view: View, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    assert isinstance(view, DatabaseView)
    return view.sql(statement, values)


def _named(account: Account) -> Named:
    kind = next((name for name, cls in KINDS.items() if isinstance(account, cls)), type(account).__name__.lower())
    return Named(account.name, kind, account.environment, is_loopback(urlsplit(account.origin).hostname or ""))
