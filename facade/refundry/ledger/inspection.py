"""Opens a ledger that is there, and says what is right and wrong with it: for `python -m refundry.ledger`."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from refundry.accounts import KINDS
from refundry.clock import SYSTEM
from refundry.errors import InvalidRefund, LedgerFailed
from refundry.interruption import pass_through
from refundry.ledger import migrations
from refundry.ledger.accounts import named
from refundry.ledger.answers import safe_seconds
from refundry.ledger.changes import Change, Needs, View
from refundry.ledger.database import DatabaseView
from refundry.ledger.opening import opened, sqlite_path
from refundry.ledger.rows import COLUMNS
from refundry.ledger.rules import State, state_of
from refundry.limits import Retry
from refundry.providers.registry import TRANSLATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from refundry.capabilities import Capabilities
    from refundry.ledger.accounts import Named
    from refundry.ledger.answers import SafeFor
    from refundry.ledger.database import DatabaseLedger
    from refundry.redaction import Secret
    from refundry.refund import Operation

FOLDER_OF: Final = {"sqlite": "sqlite", "postgresql": "postgres", "postgres": "postgres"}
"""The folder of the migrations, by the scheme of a URL."""

_VERSIONS: Final = "SELECT max(version) FROM refundry.versions"
_STEPS_BETWEEN_LOOKS: Final = 10_000  # virtual machine instructions of SQLite: about a millisecond
_SYNCHRONOUS: Final = {0: "off", 1: "normal", 2: "full", 3: "extra"}
_NEEDED: Final = {
    "refunds": ("SELECT", "INSERT", "UPDATE"),
    "history": ("SELECT", "INSERT"),
    "accounts": ("SELECT", "INSERT"),
    "archived": ("SELECT",),
    "versions": ("SELECT",),
}


class Fact(NamedTuple):
    """One thing that is so of a ledger. `what_to_do` is None where it is as it should be."""

    name: str
    value: str
    what_to_do: str | None = None


def scheme_of(url: Secret) -> str:
    """The scheme of a ledger's URL. InvalidRefund, which shows nothing of it, for another URL."""
    try:
        scheme = urlsplit(url.reveal()).scheme
    except ValueError:
        scheme = ""
    if scheme not in FOLDER_OF:
        raise InvalidRefund(
            "this is no URL of a ledger; there are sqlite:////var/lib/shop/refunds.db and "
            "postgresql://user:password@host/database",
            field="ledger",
        )
    return scheme


def existing(url: Secret) -> DatabaseLedger:
    """The ledger of a URL, which is there already and of the version that this refundry makes.

    Raises LedgerFailed otherwise: a command that reads must neither make a ledger nor change one.
    """
    folder = FOLDER_OF[scheme_of(url)]
    found = _version_of_file(sqlite_path(url.reveal())) if folder == "sqlite" else _version_of_server(url)
    newest = migrations.of(folder)[-1].version
    if found < newest:
        raise LedgerFailed(
            f"the ledger is of version {found}, and this refundry is for version {newest}: start a client of it, which "
            "brings the ledger there, or run what print-sql prints"
        )
    return opened(url.reveal(), SYSTEM)


def _version_of_file(path: Path) -> int:
    if not path.is_file():
        raise LedgerFailed(f"there is no ledger {path}: a client makes it, and this command does not")
    connection = None
    try:
        # Not read-only: what a crash has left has to be rolled back first.
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=5.0)
        ((version,),) = connection.execute(_VERSIONS.replace("refundry.", "")).fetchall()
    except sqlite3.Error as error:
        pass_through(error)
        raise LedgerFailed(f"{path} is no ledger, or cannot be read: {error}") from error
    finally:
        if connection is not None:
            connection.close()
    return int(version or 0)


def _version_of_server(url: Secret) -> int:
    import_module("refundry.ledger.postgres")  # says which extra is missing
    import psycopg

    failed = None
    try:
        with psycopg.connect(url.reveal(), connect_timeout=5, autocommit=True, prepare_threshold=None) as connection:
            there = connection.execute("SELECT to_regclass('refundry.versions') IS NOT NULL").fetchone()
            if there != (True,):
                name = connection.info.dbname
                raise LedgerFailed(f"the database {name!r} has no ledger: a client makes it, and this command does not")
            row = connection.execute(_VERSIONS).fetchone()
            return int(row[0] or 0) if row else 0
    except psycopg.Error as error:
        pass_through(error)
        failed = str(error).strip().partition("\n")[0] or type(error).__name__
    raise LedgerFailed(f"the ledger's server could not be used: {failed}")


def safe_for(accounts: Iterable[Named]) -> SafeFor:
    """For how long a reference is safe to send again, as a client with the usual Retry knows it."""
    kinds = {account.name: account.provider for account in accounts}

    def of(account: str, payment_id: str | None) -> float | None:
        able = capabilities_of(kinds.get(account, ""))
        return safe_seconds(able, payment_id, Retry())

    return of


def capabilities_of(kind: str) -> Mapping[Operation, Capabilities]:
    """What a provider can do; nothing for one that is not known here."""
    if kind not in KINDS:
        return {}
    module, name = TRANSLATIONS[KINDS[kind]].split(":")
    able: Mapping[Operation, Capabilities] = getattr(import_module(module), name).CAPABILITIES
    return able


@dataclass(slots=True)
class Examine(Change[list[Fact]]):
    """Say what is so of a ledger of this scheme. It changes nothing."""

    scheme: str

    @property
    def needs(self) -> Needs:
        """No reference: it reads the tables."""
        return Needs()

    def apply(self, view: View) -> list[Fact]:
        """The facts."""
        assert isinstance(view, DatabaseView)
        settings = _of_sqlite if FOLDER_OF[self.scheme] == "sqlite" else _of_postgres
        return [*settings(view), *_of_tables(view)]


def _of_sqlite(view: DatabaseView) -> Iterator[Fact]:
    yield Fact("SQLite", sqlite3.sqlite_version)
    ((journal,),) = view.sql("PRAGMA journal_mode")
    safe = ("wal", "persist", "delete", "truncate")
    yield Fact("journal_mode", journal, None if journal in safe else "make a client: it sets a journal that is durable")
    ((synchronous,),) = view.sql("PRAGMA synchronous")
    least = 2 if journal == "wal" else 3
    what_to_do = None if synchronous >= least else f"make a client: it sets synchronous to {_SYNCHRONOUS[least]}"
    yield Fact("synchronous", _SYNCHRONOUS.get(synchronous, str(synchronous)), what_to_do)


def _of_postgres(view: DatabaseView) -> Iterator[Fact]:
    names = ("server_version", "fsync", "full_page_writes", "synchronous_commit", "synchronous_standby_names")
    for name in names:
        ((value,),) = view.sql("SELECT current_setting(?)", (name,))
        must_be = {
            "full_page_writes": ("on",),
            "synchronous_commit": ("on", "remote_apply"),
        }.get(name, (value,))
        yield Fact(name, value or "(none)", None if value in must_be else f"set {name} to {must_be[0]}")
    lacking = [
        f"{privilege} on refundry.{table}"
        for table, privileges in _NEEDED.items()
        for privilege in privileges
        if view.sql("SELECT has_table_privilege(?, ?)", (f"refundry.{table}", privilege)) != [(True,)]
    ]
    what_to_do = "grant it: print-sql postgresql prints how" if lacking else None
    yield Fact("lacking grants", ", ".join(lacking) or "none", what_to_do)
    may_archive = view.sql(
        "SELECT has_table_privilege('refundry.refunds', 'DELETE') AND has_table_privilege('refundry.history', 'DELETE')"
    ) == [(True,)]
    yield Fact("may archive", "yes" if may_archive else "no, archive as the owner of the tables")


def _of_tables(view: DatabaseView) -> Iterator[Fact]:
    versions = view.sql("SELECT version, oldest FROM refundry.versions ORDER BY version")
    yield Fact("version", f"{versions[-1][0]}, for clients that know {max(one[1] for one in versions)} or later")
    accounts = sorted(named(view))
    yield Fact("accounts", "; ".join(f"{account.name} is {account}" for account in accounts) or "none")
    strangers = view.sql(
        "SELECT DISTINCT account FROM refundry.refunds WHERE account NOT IN (SELECT name FROM refundry.accounts)"
    ) + [(account.name,) for account in accounts if account.new_name is not None and _has_references(view, account)]
    if strangers:
        yield Fact(
            "references without an account",
            ", ".join(repr(name) for (name,) in strangers),
            "a client wrote them under a name that the ledger does not know any more: stop it, and rename its account",
        )
    counts = {
        str(state): int(count)
        for state, count in view.sql("SELECT state, count(*) FROM refundry.refunds GROUP BY state")
    }
    yield Fact("references", ", ".join(f"{counts[state]} {state}" for state in sorted(counts)) or "none")
    ((archived,),) = view.sql("SELECT count(*) FROM refundry.archived")
    yield Fact("archived", str(archived))
    rows = view.sql(f"SELECT {', '.join(COLUMNS)} FROM refundry.refunds WHERE state = 'sending'")
    over = sum(state_of(view.entry_of(row)[1].known) is not State.SENDING for row in rows)
    yield Fact(
        "leases that are over",
        str(over),
        "their process is gone, and they are unknown: run list, and client.resolve for each" if over else None,
    )
    ((contradicted,),) = view.sql("SELECT count(*) FROM refundry.refunds WHERE contradiction IS NOT NULL")
    yield Fact(
        "contradictions", str(contradicted), "find out what is so at the provider: run list" if contradicted else None
    )


def _has_references(view: DatabaseView, account: Named) -> bool:
    return view.sql("SELECT 1 FROM refundry.refunds WHERE account = ? LIMIT 1", (account.name,)) != []


def integrity(url: Secret, seconds: float) -> Fact:
    """Whether a file of SQLite is whole. It keeps writers waiting, so it gives up after so many seconds."""
    path, name = sqlite_path(url.reveal()), "integrity_check"
    end = time.monotonic() + seconds
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=5.0)
    try:
        connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS_BETWEEN_LOOKS)
        found: list[Any] = [row[0] for row in connection.execute("PRAGMA integrity_check(10)")]
    except sqlite3.OperationalError as error:
        pass_through(error)
        if time.monotonic() > end:
            return Fact(name, f"not finished in {seconds:g} s; give it more --seconds when no refund is made")
        return Fact(name, str(error), "no check was made: see why the file cannot be read")
    except sqlite3.DatabaseError as error:
        pass_through(error)
        found = [str(error)]
    finally:
        connection.close()
    damaged = "stop every client, and keep a copy of the file before anything else: it is damaged"
    return Fact(name, "; ".join(found), None if found == ["ok"] else damaged)
