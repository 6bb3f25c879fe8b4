"""CONTEXT.md: each word is listed once, is used, and agrees with the code. All prose is present-day English."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Final

import pytest

import refundry
from refundry.outcome import Outcome

# Turns of phrase that slow a present-day reader down, and words that do not belong in a page.
TURNS: Final = (
    r"(ask|asked|asking) (for )?again|(is|was) told|told to|(came|comes) to nothing|called off|broken? off|breaks? off"
    r"|whence|is good for|the other of the two|that which|mended|\bshall\b"
)
IN_SOURCES: Final = re.compile(TURNS, re.IGNORECASE)
IN_PAGES: Final = re.compile(rf"{TURNS}|heed|\bsessions?\b|\.\./shared", re.IGNORECASE)
ROOT: Final = Path(__file__).resolve().parents[2]
GLOSSARY: Final = (ROOT / "CONTEXT.md").read_text(encoding="utf-8")
WORDS: Final = dict(re.findall(r"^- \*\*([\w ]+)\*\*(.*?)(?=^- \*\*|^#|\Z)", GLOSSARY, re.DOTALL | re.MULTILINE))
CODE: Final = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "facade" / "refundry").rglob("*.py"))
PAGES: Final = [ROOT / "README.md", ROOT / "CONTEXT.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES: Final = [*sorted((ROOT / "facade").rglob("*.py")), *sorted((ROOT / "scripts").rglob("*.py"))]
MOST_SENTENCES: Final = 3


def test_each_word_is_listed_once_and_explained_in_a_few_sentences() -> None:
    assert len(re.findall(r"^- \*\*", GLOSSARY, re.MULTILINE)) == len(WORDS) >= 20
    assert [
        word for word, text in WORDS.items() if not 0 < len(re.findall(r"\.(?=\s|$)", text)) <= MOST_SENTENCES
    ] == []


@pytest.mark.parametrize(
    ("word", "enum"),
    [
        ("Evidence", refundry.Evidence),
        ("Refund", refundry.RefundStatus),
        ("Resend", refundry.Resend),
        ("Outcome", Outcome),
    ],
)
def test_the_members_that_a_word_lists_are_those_of_its_enum(word: str, enum: type[StrEnum]) -> None:
    assert {*re.findall(r"`([A-Z_]+)`", WORDS[word])} == {member.name for member in enum}


def test_every_type_that_a_word_names_is_in_the_code() -> None:
    heads = [text.partition(":")[0] for text in WORDS.values()]
    types = {name for head in heads for name in re.findall(r"`(\w+)`", head)}
    assert len(types) >= 20
    assert [
        name for name in sorted(types) if not re.search(rf"^(?:class )?{name}\b(?:[(:]| = )", CODE, re.MULTILINE)
    ] == []


def turns_in(path: Path, avoided: re.Pattern[str]) -> list[str]:
    """Return the lines of a file that have a turn of phrase to avoid."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [f"{number}: {line}" for number, line in enumerate(lines, 1) if avoided.search(line)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_is_written_in_present_day_english(page: Path) -> None:
    assert turns_in(page, IN_PAGES) == []


def test_docstrings_and_comments_are_written_in_present_day_english() -> None:
    assert {path.name: lines for path in SOURCES if (lines := turns_in(path, IN_SOURCES))} == {}
