"""What a person has to decide about a provider: each place is marked with a sentence in the provider's own files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from scripts.files import ROOT

MARK = "DECIDE:"
"""Begins the sentence, in a comment or in the text of an exception. The place is decided when the mark is gone."""

# The files of a provider that a person writes.
OWN = (
    "specs/{}/source.toml",
    "specs/{}/overlay.yaml",
    "facade/refundry/accounts/{}.py",
    "facade/refundry/providers/{}.py",
    "facade/refundry/sandbox/{}.py",
    "tests/providers/{}.py",
    "docs/{}.md",
)
_SENTENCE = re.compile(rf"{MARK} *(.*?) *(?:\"\)?|-->)?$")


class Decision(NamedTuple):
    """A decision that is due: where it is taken, and what is to be decided."""

    path: str
    line: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.sentence}"


def own_files(provider: str) -> tuple[str, ...]:
    """Return the paths of the provider's own files, from the root of the project."""
    return tuple(path.format(provider) for path in OWN)


def open_decisions(provider: str, root: Path = ROOT) -> list[Decision]:
    """Return what is still to be decided about a provider, in the order of the files; none for one that is whole."""
    return [decision for path in own_files(provider) for decision in _in_file(root, path)]


def _in_file(root: Path, path: str) -> Iterator[Decision]:
    file = root / path
    lines = file.read_text(encoding="utf-8").split("\n") if file.is_file() else []
    for number, line in enumerate(lines, start=1):
        if found := _SENTENCE.search(line):
            yield Decision(path, number, found[1])
