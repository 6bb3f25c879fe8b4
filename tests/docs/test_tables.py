"""The tables of the documentation agree with the code, and an unusable mark is named."""

from pathlib import Path

import pytest

from scripts.contracts.errors import ContractError
from scripts.documentation import tables

BEGIN = "<!-- The table is printed by `nox -s docs`: states of blink -->"
END = "<!-- The table ends. -->"


def test_every_table_of_the_documentation_agrees_with_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert tables.main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_every_table_is_in_the_documentation() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in tables.pages())
    assert [name for name in tables.TABLES if f"`nox -s docs`: {name} -->" not in text] == []


def test_a_stale_table_is_named_and_rewritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    page.write_text(f"Before.\n\n{BEGIN}\n\n| stale |\n\n{END}\n\nAfter.\n", encoding="utf-8")
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    monkeypatch.setattr(tables, "DOCS", page.parent)
    assert tables.main(["--check"]) == 1
    assert "docs/page.md" in capsys.readouterr().out
    assert "| stale |" in page.read_text(encoding="utf-8")
    assert tables.main([]) == 0
    assert "| `completed` | SUCCEEDED |" in page.read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8").startswith("Before.\n")
    assert page.read_text(encoding="utf-8").endswith("\nAfter.\n")
    assert tables.main(["--check"]) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BEGIN.replace("states of blink", "states of nobody") + f"\n{END}\n", "there is no table 'states of nobody'"),
        (f"first\n{BEGIN}\n", "page.md:2: the table 'states of blink' has no end"),
    ],
)
def test_a_mark_that_cannot_be_used_is_named_with_its_place(text: str, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        tables.printed(text, "page.md")
