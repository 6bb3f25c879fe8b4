"""Made-up changes of contracts: the table of them, and how its edits are applied."""

import copy
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.contracts.changes import Change, Report, between, compare
from scripts.contracts.contract import effective, vendored_document
from scripts.contracts.document import Document, load
from scripts.contracts.pointers import keys, resolve
from scripts.contracts.providers import SPECS

ANY = "any"


@dataclass(frozen=True)
class MadeUp:
    """One row of contract_changes.yaml: two contracts, and what is expected of their comparison."""

    name: str
    before: dict[str, Any]
    after: dict[str, Any]
    verdict: str
    back: str
    rules: list[str] | str

    @functools.cached_property
    def changes(self) -> tuple[Change, ...]:
        """What the comparison says."""
        return compare(self.before, self.after)

    @functools.cached_property
    def mirrored(self) -> tuple[Change, ...]:
        """What the comparison says the other way round."""
        return compare(self.after, self.before)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Page:
    """One row of contract_pages.yaml: a vendored contract before and after, and what its report is to say."""

    name: str
    provider: str
    edits: Mapping[str, Any]
    unfit: list[str] | str
    verdict: str
    rules: list[str] | str

    @functools.cached_property
    def report(self) -> Report:
        """The report on the page."""
        return report(self.provider, self.edits)

    def __str__(self) -> str:
        return self.name


def report(provider: str, edits: Mapping[str, Any]) -> Report:
    """Return the report on an edited copy of a provider's vendored contract, through the overlay."""
    before = vendored(provider)
    after = Document(edited(before.data, edits), before.places)
    return between(provider, before, after, overlay(provider))


@functools.cache
def overlay(provider: str) -> Document:
    """Return a provider's overlay. Not to be changed."""
    return load(SPECS / provider / "overlay.yaml")


@functools.cache
def vendored(provider: str) -> Document:
    """Return a provider's own contract. Not to be changed."""
    return vendored_document(provider)


@functools.cache
def contract(provider: str) -> dict[str, Any]:
    """Return a provider's effective contract. Not to be changed."""
    return effective(provider)


@functools.cache
def table() -> tuple[MadeUp, ...]:
    """Return every row of contract_changes.yaml."""
    rows = load(Path(__file__).parent / "contract_changes.yaml").data
    return tuple(_made_up(row) for row in rows)


@functools.cache
def pages() -> tuple[Page, ...]:
    """Return every row of contract_pages.yaml."""
    rows = load(Path(__file__).parent / "contract_pages.yaml").data
    return tuple(Page(row["change"], row["in"], row, row["unfit"], row["verdict"], row["rules"]) for row in rows)


def _made_up(row: Mapping[str, Any]) -> MadeUp:
    before = edited(contract(row["in"]), {"set": row.get("given", {})})
    return MadeUp(row["change"], before, edited(before, row), row["verdict"], row["back"], row["rules"])


def edited(document: dict[str, Any], edits: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a document with the edits of a row: renamed, set, appended and removed, in this order."""
    document = copy.deepcopy(document)
    for pointer, name in edits.get("rename", {}).items():
        parent, key = _parent(document, pointer)
        members = {name if old == key else old: value for old, value in parent.items()}
        parent.clear()
        parent.update(members)
    for pointer, value in edits.get("set", {}).items():
        parent, key = _parent(document, pointer)
        parent[int(key) if isinstance(parent, list) else key] = copy.deepcopy(value)
    for pointer, value in edits.get("append", {}).items():
        resolve(document, pointer).append(copy.deepcopy(value))
    for pointer in edits.get("remove", []):
        parent, key = _parent(document, pointer)
        del parent[int(key) if isinstance(parent, list) else key]
    return document


def _parent(document: Any, pointer: str) -> tuple[Any, str]:
    return resolve(document, pointer.rpartition("/")[0]), keys(pointer)[-1]
