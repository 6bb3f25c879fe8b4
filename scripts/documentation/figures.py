"""Writes what a command has measured into a page, between marks, so that no figure of a page is typed."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_BEGIN: Final = "<!-- Printed by `{}`. -->"
_END: Final = "<!-- The figures end. -->"


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Give a command the option that writes its figures into a page."""
    parser.add_argument(
        "--write", type=Path, metavar="PAGE", help="also write the figures into this page, between the command's marks"
    )


def write(page: Path, command: str, figures: str) -> None:
    """Replace the figures of a command in a page. SystemExit, which names the marks, where the page has none."""
    text = page.read_text(encoding="utf-8")
    begin = _BEGIN.format(command)
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(_END)
    if not found or not ended:
        raise SystemExit(f"error: {page} has no place for these figures; put {begin} and {_END} where they go")
    day = datetime.now(UTC).date().isoformat()
    page.write_text(f"{before}{begin}\n\n{figures.strip()}\n\nOn {day}.\n\n{_END}{after}", encoding="utf-8")
