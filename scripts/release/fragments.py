"""News fragments: one file for each change, from which towncrier makes the changelog of a release.

    changes/<provider or refundry>/<name>.<class>.md

The folder is the section of the changelog: `blink`, `lab4pay`, `paybyrd`, or `refundry` for our own names. The class is
one of `scripts.release.steps.TABLE`, and decides the step of the version. The text is Markdown: what changed, and what
a service that uses the package must do. The name keeps two files apart: for a change of a contract it is the first
digits of the new contract's hash, so that a change which is taken in twice is written once. The last paragraph of such
a fragment names both contracts by their hashes.

towncrier does the rest, because each change then has a file of its own, and two branches never meet in one changelog.
For a change of our own: `towncrier create --section refundry --content "TEXT" NAME.adds.md`.
"""

import enum
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from scripts.contracts.providers import PROVIDERS
from scripts.files import ROOT, replace_together
from scripts.release.steps import TABLE, change_class

FOLDER = "changes"
OURS = "refundry"
SECTIONS = (OURS, *sorted(PROVIDERS))
_DIGITS = 12
_HASHES = re.compile(r"^Contract: (?P<before>[0-9a-f]{12}|none) -> (?P<after>[0-9a-f]{12})\.$", re.MULTILINE)


class Fragment(NamedTuple):
    """A news fragment as it stands in the folder."""

    path: Path
    section: str
    change_class: str
    text: str

    @property
    def contract(self) -> str | None:
        """The first digits of the hash of the contract that the change led to; None for another change."""
        found = _HASHES.search(self.text)
        return found["after"] if found else None


def write(
    provider: str, effect: enum.Enum | str, hashes: tuple[str | None, str], sentence: str, root: Path = ROOT
) -> Path:
    """Write the fragment of a provider's changed contract, and return its path.

    `effect` is the gravest of all effects, by name or as an enum member. `hashes` are those of the vendored contract
    before and after, as hexadecimal sha256 with or without `sha256:`; None stands for no contract before. `sentence` is
    Markdown: what changed and what a consumer must do. Replaces the fragment that an earlier run wrote for the same
    contract, also under another class. Raises ValueError for an unknown provider or class and for what is no hash.
    """
    if provider not in PROVIDERS:
        raise ValueError(f"{provider}: no such provider; use one of {', '.join(PROVIDERS)}")
    before, after = (_digits(each) if each is not None else "none" for each in hashes)
    folder = root / FOLDER / provider
    path = folder / f"{after}.{change_class(effect)}.md"
    for stale in folder.glob(f"{after}.*.md"):
        if stale != path:
            stale.unlink()
    replace_together({path: f"{sentence.strip()}\n\nContract: {before} -> {after}.\n"})
    return path


def _digits(sha256: str) -> str:
    digits = sha256.removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise ValueError(f"{sha256!r} is no sha256; give 64 hexadecimal digits, with or without `sha256:`")
    return digits[:_DIGITS]


def read(root: Path = ROOT) -> list[Fragment]:
    """Return all fragments, by section and name. Raises ValueError for a file that towncrier would leave out."""
    return list(_read(root / FOLDER))


def _read(folder: Path) -> Iterator[Fragment]:
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or path.parent == folder:
            continue
        parts = path.name.split(".")
        place = path.relative_to(folder.parent).as_posix()
        if path.parent.parent != folder or path.parent.name not in SECTIONS:
            raise ValueError(f"{place}: not in the folder of a section; use {FOLDER}/ and one of {', '.join(SECTIONS)}")
        if len(parts) != 3 or parts[1] not in TABLE or parts[2] != "md":
            raise ValueError(f"{place}: name it NAME.CLASS.md, with a class of {', '.join(TABLE)}")
        text = path.read_text(encoding="utf-8").strip()
        if not text:
            raise ValueError(f"{place}: it is empty; say what changed, and what a consumer must do")
        yield Fragment(path, path.parent.name, parts[1], text)
