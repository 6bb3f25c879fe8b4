"""Every piece of Python in the README and the documentation is Python, and imports what there is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTEXT.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")


def snippets() -> Iterator[tuple[str, str]]:
    """Each block of Python with the page that it stands in."""
    for page in PAGES:
        for block in re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
            yield page.name, block


@pytest.mark.parametrize(("page", "snippet"), list(snippets()))
def test_a_snippet_is_python_and_imports_names_that_there_are(page: str, snippet: str) -> None:
    tree = ast.parse(snippet, page)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    for node in imports:
        exec(ast.unparse(node), {})  # an ImportError names what is not there


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_there_are_snippets_to_look_at() -> None:
    assert len({page for page, _ in snippets()}) >= 5
