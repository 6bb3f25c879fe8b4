"""The records of decisions: each has its four parts and is in the list, and the price that it names is right."""

import ast
import io
import re
import tokenize
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "docs" / "decisions"
RECORDS: Final = sorted(FOLDER.glob("[0-9]*.md"))
PARTS: Final = ["Context", "Decision", "Price", "Way out"]
NO_CODE: Final = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE),
    *(tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
}


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_record_has_its_four_parts_and_is_in_the_list(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == PARTS
    assert text.startswith(f"# {record.name[:4]}: ")
    assert f"[{record.name[:4]}]({record.name})" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_records_are_numbered_without_a_gap() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == [*range(1, len(RECORDS) + 1)]
    assert len(RECORDS) >= 5


def lines_of_code(path: Path) -> int:
    """Count the lines of a module without blanks, comments and docstrings."""
    text = path.read_text(encoding="utf-8")
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            docstrings.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    code = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(code - docstrings)


def test_the_transport_has_the_number_of_lines_that_its_record_names() -> None:
    (named,) = re.findall(r"about (\d+) of code", (FOLDER / "0002-own-transport.md").read_text(encoding="utf-8"))
    modules = [path for path in (ROOT / "facade/refundry/transport").glob("*.py") if path.name != "over_httpx.py"]
    assert sum(map(lines_of_code, modules)) == pytest.approx(int(named), rel=0.1)
