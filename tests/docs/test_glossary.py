"""CONTEXT.md: each word is listed once, is used, and agrees with the code. All prose is present-day English."""

import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Final

import pytest

import refundry
from refundry.outcome import Outcome

# Turns of phrase that slow a present-day reader down. Each is a pattern of whole words, in lower case.
TURNS: Final = (
    "ask(ed|ing)? (for )?again|(came|comes) to nothing|called off|broken? off|breaks? off|whence",
    "is good for|the other of the two|that which|mended|shall|to light|worn",
)
# Words that have no place in a page for users.
NOT_IN_PAGES: Final = (r"heed\w*|sessions?|\.\./shared|(is|was) told|told to",)
# Stricter, for tests and overlays. `Event.LEARNT_FAILED` is a name of the ledger.
NOT_IN_TESTS: Final = (
    "untold|asks again|come to|came to|calls? off|calling off|breaking off|on its way",
    "anew|but for|once more|at the most|good for|taught|teaches",
    r"what (has )?(became|becomes?|came|comes) of|(?<!event\.)learnt",
)
ROOT: Final = Path(__file__).resolve().parents[2]
GLOSSARY: Final = (ROOT / "CONTEXT.md").read_text(encoding="utf-8")
WORDS: Final = dict(re.findall(r"^- \*\*([\w ]+)\*\*(.*?)(?=^- \*\*|^#|\Z)", GLOSSARY, re.DOTALL | re.MULTILINE))
CODE: Final = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "facade" / "refundry").rglob("*.py"))
PAGES: Final = [ROOT / "README.md", ROOT / "CONTEXT.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES: Final = [*sorted((ROOT / "facade").rglob("*.py")), *sorted((ROOT / "scripts").rglob("*.py"))]
# This file has to name the turns.
TESTS: Final = [path for path in sorted((ROOT / "tests").rglob("*.py")) if path.name != Path(__file__).name]
OURS: Final = [
    *sorted((ROOT / "specs").glob("*/overlay.yaml")),
    *sorted((ROOT / "specs").glob("*/contradictions.toml")),
]
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


def read(paths: Iterable[Path]) -> str:
    """Return the text of files in lower case, with the words of a name apart."""
    return "\n".join(path.read_text(encoding="utf-8") for path in paths).replace("_", " ").lower()


def test_every_word_is_used_in_the_code_the_documentation_and_the_tests() -> None:
    texts = {
        "code": read(SOURCES),
        "documentation": read(page for page in PAGES if page.name != "CONTEXT.md"),
        "tests": read(TESTS),
    }
    assert [
        (place, word)
        for place, text in texts.items()
        for word in WORDS
        if not re.search(rf"\b{word.lower()}s?\b", text)
    ] == []


def turns_in(path: Path, *avoided: str, names: bool = True) -> list[str]:
    """Return the lines of a file that have one of these turns of phrase; with `names`, also within a name."""
    text = path.read_text(encoding="utf-8").lower()
    text = text.replace("_", " ") if names else text
    found = re.finditer(rf"(?<!\w)(?:{'|'.join(avoided)})(?!\w)", text)
    lines = text.splitlines()
    return [f"{number}: {lines[number - 1]}" for number in (text.count("\n", 0, one.start()) + 1 for one in found)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_is_written_in_present_day_english(page: Path) -> None:
    assert turns_in(page, *TURNS, *NOT_IN_PAGES) == []


@pytest.mark.parametrize(
    ("files", "avoided", "names"),
    [(SOURCES, TURNS, False), (TESTS, (*TURNS, *NOT_IN_TESTS), True), (OURS, (*TURNS, *NOT_IN_TESTS), True)],
    ids=["sources", "tests", "overlays"],
)
def test_names_and_prose_are_written_in_present_day_english(
    files: list[Path], avoided: tuple[str, ...], names: bool
) -> None:
    assert len(files) >= 6
    found = {path.relative_to(ROOT).as_posix(): turns_in(path, *avoided, names=names) for path in files}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        "def test_a_refund_that_came_to_nothing_is_sent() -> None:",
        "def test_a_refund_may_be_asked_for_again() -> None:",
        '"""A call that is broken off."""',
        "  description: A refund that can be called off.",
        "# What becomes of a refund.",
    ],
)
def test_a_turn_of_phrase_is_found_in_a_name_and_in_prose(line: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(f"first\n{line}\n", encoding="utf-8")
    assert turns_in(tmp_path / "file", *TURNS, *NOT_IN_TESTS) == [f"2: {line.replace('_', ' ').lower()}"]
