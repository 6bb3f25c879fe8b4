"""Compares two effective contracts of a provider, and says in plain words what the difference can break.

`compare` is pure: two JSON trees in, the changes out. `between` takes two vendored contracts and the overlay, names the
actions that do not fit the newer one, and says what of the project rests on each change. `render_markdown` and
`as_json` write the result.
"""

from scripts.contracts.changes.compare import Change, Where, compare, gravest
from scripts.contracts.changes.report import Report, as_data, as_json, between, render_markdown
from scripts.contracts.changes.rules import RULES, Effect, Rule

__all__ = [
    "RULES",
    "Change",
    "Effect",
    "Report",
    "Rule",
    "Where",
    "as_data",
    "as_json",
    "between",
    "compare",
    "gravest",
    "render_markdown",
]
