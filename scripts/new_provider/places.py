"""The places of the project that list every provider: one line more in each.

A provider is looked for by its folder in specs/ and its kind of account; these are the places that cannot look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from scripts.contracts.errors import ContractError

Edit = Callable[[str, Mapping[str, str]], str]
"""The text of a file with a provider added, by its `name` and `class_name`."""


def _before(pattern: str, line: str) -> Edit:
    """Insert a line before the first place that a pattern finds."""

    def edit(text: str, names: Mapping[str, str]) -> str:
        found = re.search(pattern, text, re.MULTILINE)
        if found is None:
            raise LookupError(pattern)
        added = line.format(**names)
        return f"{text[: found.start()]}{added}{text[found.start() :]}"

    return edit


def _in_order(pattern: str, line: str) -> Edit:
    """Insert a line among those that a pattern finds, so that they stay in order."""

    def edit(text: str, names: Mapping[str, str]) -> str:
        added = line.format(**names)
        there = [*re.finditer(pattern, text, re.MULTILINE)]
        if not there:
            raise LookupError(pattern)
        later = next((one.start() for one in there if one.group() > added), None)
        place = there[-1].end() if later is None else later
        return f"{text[:place]}{added}{text[place:]}"

    return edit


def _all(*edits: Edit) -> Edit:
    def edit(text: str, names: Mapping[str, str]) -> str:
        for one in edits:
            text = one(text, names)
        return text

    return edit


def _public_name(text: str, names: Mapping[str, str]) -> str:
    """Add the account's class to the names of refundry, in order."""
    found = re.search(r'^        "accounts": "(.*)",$', text, re.MULTILINE)
    if found is None:
        raise LookupError("accounts")
    listed = " ".join(sorted({*found[1].split(), names["class_name"]}))
    return f"{text[: found.start(1)]}{listed}{text[found.end(1) :]}"


def _matrix(text: str, names: Mapping[str, str]) -> str:
    """Add the provider to each list of providers of a workflow."""
    added, count = re.subn(r"^( +provider: \[.*)\]$", rf"\1, {names['name']}]", text, flags=re.MULTILINE)
    if not count:
        raise LookupError("provider")
    return added


PLACES: Mapping[str, Edit] = {
    "facade/refundry/accounts/__init__.py": _all(
        _in_order(
            r"^from refundry\.accounts\.(?!account ).*\n",
            "from refundry.accounts.{name} import {class_name} as {class_name}\n",
        ),
        _before(r'^\}\n"""The class of the accounts', '    "{name}": {class_name},\n'),
    ),
    "facade/refundry/providers/registry.py": _all(
        _before(r"^from refundry\.errors", "from refundry.accounts.{name} import {class_name}\n"),
        _before(
            r'^\}\n"""The module and the class',
            '    {class_name}: "refundry.providers.{name}:{class_name}Translation",\n',
        ),
    ),
    "facade/refundry/sandbox/providers.py": _all(
        _before(r"^if TYPE_CHECKING", "from refundry.sandbox import {name}\n"),
        _before(r"^\}\n\nCREDENTIALS", '    "{name}": {name}.IN_SANDBOX,\n'),
    ),
    "facade/refundry/__init__.py": _public_name,
    "facade/refundry/__init__.pyi": _in_order(
        r"^from refundry\.accounts import .*\n", "from refundry.accounts import {class_name} as {class_name}\n"
    ),
    "pyproject.toml": _all(
        _in_order(r'^    "generated/refundry_\w+",\n', '    "generated/refundry_{name}",\n'),
        _before(
            r"^\[\[tool\.towncrier\.type\]\]", '[[tool.towncrier.section]]\nname = "{class_name}"\npath = "{name}"\n\n'
        ),
    ),
    ".github/workflows/update.yml": _matrix,
    "docs/README.md": _before(r" \| one page a provider", ", [{name}.md]({name}.md)"),
    "docs/house.md": _all(
        _before(r"^    lab4pay\.py  blink\.py  paybyrd\.py  paybyrd_codes\.py", "    {name}.py\n"),
        _before(r"^    lab4pay\.py  paybyrd\.py  blink\.py$", "    {name}.py\n"),
    ),
}
"""What is added to each file, by its path from the root."""


def edited(root: Path, name: str, class_name: str) -> dict[str, str]:
    """Return the new text of each place. Raises ContractError, with the file, for one that has no place for it."""
    names = {"name": name, "class_name": class_name}
    return {path: _edited(root, path, edit, names) for path, edit in PLACES.items()}


def _edited(root: Path, path: str, edit: Edit, names: Mapping[str, str]) -> str:
    try:
        return edit((root / path).read_text(encoding="utf-8"), names)
    except (OSError, LookupError) as error:
        problem = f"there is no place for {names['name']} in it ({error})"
        raise ContractError(f"{path}:1: {problem}; put the list back into the form that was committed") from error
