"""The snippets of docs/messages.md do what the page says: they run, one after the other, as a reader would run them."""

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "messages.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_the_snippets_of_the_page_run_in_their_order() -> None:
    names: dict[str, Any] = {"__name__": "messages"}
    for block in BLOCKS:
        exec(compile(block, PAGE.name, "exec"), names)
    assert names["reply"].problem is None
    assert len(BLOCKS) >= 8


def test_every_part_of_a_package_that_the_page_lists_is_shown() -> None:
    text = "".join(BLOCKS)
    for shown in (
        "build_request",
        "read_reply",
        "read_strictly",
        "models",
        "schemas",
        "strict",
        "schema(",
        "contract(",
    ):
        assert shown in text
