"""The report of a changed page: what changed, what does not fit any more, and what rests on it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scripts.contracts import overlay as overlays
from scripts.contracts.changes.compare import Change, compare, gravest
from scripts.contracts.changes.places import span
from scripts.contracts.changes.rests import Contracts, project, with_rests
from scripts.contracts.changes.rules import Effect
from scripts.contracts.document import Document
from scripts.files import ROOT

_HEADINGS: Mapping[Effect, tuple[str, str]] = {
    Effect.CREDENTIALS: ("Where requests and credentials go", "Nothing is sent there until a person has looked at it."),
    Effect.BREAKS_REQUEST: ("What we send", "A request that was right may now be refused, or mean something else."),
    Effect.BREAKS_REPLY: ("What we read", "A reply may now hold what its reader does not expect."),
    Effect.BREAKS_NAME: (
        "What a service imports",
        "A name in the generated package is gone, or stands for something else.",
    ),
    Effect.ADDS: ("What is new", "What a service has still works."),
    Effect.NOTHING: ("What changes nothing", "Nothing that a service sends, reads or imports is touched."),
}
_MOST_USES = 6
_BUILDS_ON_ANOTHER = "it builds on an action that does not fit"


@dataclass(frozen=True)
class Report:
    """What changed in one provider's contract.

    `unfit` names every action of the overlay that does not fit the newer page, with the reason. The two contracts were
    compared without them, on both sides.
    """

    provider: str
    changes: tuple[Change, ...]
    unfit: Mapping[str, str]

    @property
    def effect(self) -> Effect:
        """The gravest effect of all changes."""
        return gravest(self.changes)


def between(provider: str, before: Document, after: Document, overlay: Document, root: Path = ROOT) -> Report:
    """Compare two vendored contracts of a provider, each with the overlay's actions that fit both.

    `root` is the project whose overlay, contradictions, verdict tables and documentation are looked through. Raises
    ContractError where the overlay or the list of contradictions cannot be read.
    """
    unfit: dict[str, str] = {}
    while True:
        old, new = (overlays.apply_all(document, overlay, unfit.keys()) for document in (before, after))
        failing = {**dict.fromkeys(old.unfit, _BUILDS_ON_ANOTHER), **new.unfit}
        if not failing:
            break
        unfit |= {name: problem.replace(f"{root}/", "") for name, problem in failing.items()}
    both = (old.document.data, new.document.data)
    of = project(provider, root, Contracts(before, overlay, old.touched, both))
    return Report(provider, with_rests(compare(*both), of), unfit)


def render_markdown(report: Report, step: str | None = None) -> str:
    """Return the report as Markdown, the same for the same changes; `step` is the version step that follows.

    What concerns credentials stands in the first lines.
    """
    return "\n".join([*_lines(report, step), ""])


def _lines(report: Report, step: str | None) -> Iterator[str]:
    for change in report.changes:
        if change.effect is Effect.CREDENTIALS:
            yield from (f"**credentials:** {change.sentence}", "")
    yield from (f"# {report.provider}: what changed in the contract", "")
    if not report.changes:
        yield "Nothing changed."
    else:
        count = len(report.changes)
        meaning = _HEADINGS[report.effect][1]
        yield f"{count} change{'s' if count > 1 else ''}. The gravest: **{report.effect.value}**. {meaning}"
    if step is not None:
        yield f"The version step that follows: **{step}**."
    if report.unfit:
        yield from ("", "## The overlay does not fit the new page", "")
        yield "These actions do not fit. The two contracts were compared without them, on both sides."
        yield from ("", *(f"- `{name}`: {span(problem)}" for name, problem in report.unfit.items()))
    for effect, (heading, meaning) in _HEADINGS.items():
        changes = [change for change in report.changes if change.effect is effect]
        if changes:
            yield from ("", f"## {heading}", "", f"Class `{effect.value}`. {meaning}", "")
        for change in changes:
            yield f"- {change.sentence} [`{change.rule}`]"
            if change.where.uses:
                uses, more = change.where.uses[:_MOST_USES], len(change.where.uses) - _MOST_USES
                yield f"  - Where: {', '.join(uses)}{f', and {more} more' if more > 0 else ''}."
            yield from (f"  - {remark}" for remark in change.remarks)
            if change.rests:
                yield f"  - Rests on it: {'; '.join(change.rests)}."


def as_json(report: Report, step: str | None = None) -> str:
    """Return the report as JSON, the same for the same changes; `step` is the version step that follows."""
    return json.dumps(as_data(report, step), indent=2, sort_keys=True) + "\n"


def as_data(report: Report, step: str | None = None) -> dict[str, Any]:
    """Return the report as values that JSON can hold; `step` is the version step that follows."""
    changes = [
        {**asdict(change), "effect": change.effect.value, "where": change.where._asdict()} for change in report.changes
    ]
    return {
        "provider": report.provider,
        "effect": report.effect.value,
        "step": step,
        "unfit": dict(report.unfit),
        "changes": changes,
    }
