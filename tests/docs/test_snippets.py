"""Each block of Python in the pages compiles, and imports only names that exist; each link leads to a file."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTEXT.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)")


def snippets() -> Iterator[tuple[str, str]]:
    """Yield each block of Python with the name of its page."""
    for page in PAGES:
        for block in re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
            yield page.name, block


# A block that begins with the name of a file can be imported by the blocks after it.
FILES_OF_PAGES = {(page, block.split(".py", 1)[0].removeprefix("# ")) for page, block in snippets()}


@pytest.mark.parametrize(("page", "snippet"), list(snippets()))
def test_a_snippet_is_python_and_imports_names_that_exist(page: str, snippet: str) -> None:
    tree = ast.parse(snippet, page)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    for node in imports:
        if isinstance(node, ast.ImportFrom) and (page, node.module) in FILES_OF_PAGES:
            continue
        exec(ast.unparse(node), {})  # raises ImportError for a name that does not exist


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_leads_to_a_file_and_to_a_heading_in_it(page: Path) -> None:
    for path, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), anchor


def test_the_pages_have_snippets() -> None:
    assert len({page for page, _ in snippets()}) >= 5
