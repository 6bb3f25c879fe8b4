"""docs/house.md: every file that it names exists, and every module of the facade is named."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
FACADE: Final = ROOT / "facade" / "refundry"
PAGE: Final = (ROOT / "docs" / "house.md").read_text(encoding="utf-8")
INDENT: Final = 2
# Each has one line in the tree: a reader rarely looks for its modules first.
CLOSED_ROOMS: Final = ("transport", "sandbox")


def part(heading: str) -> str:
    """Return the text under a heading of the page."""
    return PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def tree() -> Iterator[Path]:
    """Yield each file and folder of the page's tree."""
    rooms = [ROOT]
    for line in part("The tree").partition("```\n")[2].partition("```")[0].splitlines():
        depth = (len(line) - len(line.lstrip())) // INDENT
        rooms = rooms[: depth + 1]
        for name in line.split():
            if not name.endswith(("/", ".py")):
                break
            yield rooms[-1] / name
            if name.endswith("/"):
                rooms.append(rooms[-1] / name)


def named(text: str, root: Path) -> set[Path]:
    """Return each file and folder that a text names, for Paybyrd."""
    names = re.findall(r"`([\w/<>]+(?:\.(?:py|md|toml)|/))`", text)
    return {root / name.replace("<provider>", "paybyrd") for name in names}


def first_cells(heading: str) -> str:
    """Return the first cell of each row of the table under a heading."""
    return "\n".join(re.findall(r"^\| (.*?) \|", part(heading), re.MULTILINE))


@pytest.mark.parametrize(
    "paths",
    [
        {*tree()},
        named(part("Where to change"), FACADE) - {FACADE / "facade/refundry/", FACADE / "CHANGELOG.md"},
        named(part("The way of a refund"), FACADE),
        named(first_cells("A new provider"), ROOT),
    ],
    ids=["tree", "where to change", "way", "new provider"],
)
def test_every_file_that_the_page_names_exists(paths: set[Path]) -> None:
    assert len(paths) > 5
    assert sorted(path for path in paths if not path.exists()) == []


def test_every_module_of_the_facade_is_in_the_tree() -> None:
    modules = {path for path in FACADE.rglob("*.py") if path.parent.name not in CLOSED_ROOMS}
    missing = modules - {*tree()}
    assert {path for path in missing if path.name != "__init__.py"} == set()


def test_each_name_in_a_table_is_in_the_file_beside_it() -> None:
    rows = re.findall(r"\| `(\w+(?:/\w+)*\.py)`: (.*?) \|$", part("Where to change"), re.MULTILINE)
    found = [(file, name) for file, text in rows for name in re.findall(r"`(\w+)`", text)]
    assert found
    assert [(file, name) for file, name in found if name not in (FACADE / file).read_text(encoding="utf-8")] == []


@pytest.mark.parametrize(
    ("question", "file", "name"),
    [
        ("what a code of Paybyrd means", "providers/paybyrd_codes.py", "BY_STATUS_AND_CODE"),
        ("what HTTP 429", "outcome.py", "_TEMPORARY"),
        ("how long a wait", "limits.py", "Retry"),
        ("in a log", "redaction.py", "REDACTED"),
        ("what is logged", "observe.py", "LOG"),
        ("what a reference may do after a refusal", "ledger/rules.py", "TABLE"),
    ],
)
def test_a_newcomer_finds_where_to_change(question: str, file: str, name: str) -> None:
    (row,) = (line for line in part("Where to change").splitlines() if question in line)
    assert f"`{file}`" in row
    assert re.search(rf"^(?:class )?{name}\b", (FACADE / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_the_readme_leads_to_the_page_and_to_the_words() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(docs/house.md)" in readme
    assert "(CONTEXT.md)" in readme
