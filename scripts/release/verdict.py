"""The verdict on what has changed since the last release, section by section, and which version follows from it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from scripts.contracts import changes
from scripts.contracts.errors import and_more
from scripts.contracts.providers import PROVIDERS, package_name
from scripts.files import ROOT
from scripts.release import baseline, fragments, surface
from scripts.release.compatibility import compare, removed_early
from scripts.release.steps import Step, change_class, gravest, largest_step, next_version, step_of


class Finding(NamedTuple):
    """One thing that changed: its section in the changelog, its class, and a sentence."""

    section: str
    change_class: str
    sentence: str


class Verdict(NamedTuple):
    """What changed, and what follows. `problems` says what keeps the next release from being made."""

    since: str | None
    findings: Sequence[Finding]
    news: Sequence[fragments.Fragment]
    step: Step
    version: str
    problems: Sequence[str]


def verdict(version: str, asked: Step = Step.NONE, root: Path = ROOT) -> Verdict:
    """Return the verdict on the tree, whose version is `version`.

    `asked` is the least step that a person asks for. Before the first release nothing is compared, and the version
    that stands is the next one.
    """
    news = fragments.read(root)
    last = baseline.stored(surface.PACKAGES, root)
    now = surface.surfaces(root)
    if last is None:
        return Verdict(None, [], news, Step.NONE, version, removed_early({}, now[surface.FACADE], version))
    findings = [*_surface(last.surfaces, now), *_contracts(last.contracts, root)]
    classes = [each.change_class for each in findings] + [each.change_class for each in news]
    step = max(largest_step(classes, last.version), asked)
    following = next_version(last.version, step)
    problems = _untold(findings, news, last.version)
    problems += removed_early(last.surfaces.get(surface.FACADE, {}), now[surface.FACADE], following)
    return Verdict(last.version, findings, news, step, following, problems)


def _surface(before: Mapping[str, surface.Surface], after: Mapping[str, surface.Surface]) -> Iterable[Finding]:
    sections = {package_name(provider): provider for provider in PROVIDERS}
    for package, names in after.items():
        section = sections.get(package, fragments.OURS)
        for change in compare(before.get(package, {}), names):
            yield Finding(section, change.change_class, f"{change.sentence} ({change.rule})")


def _contracts(before: Mapping[str, Any], root: Path) -> Iterable[Finding]:
    for provider, contract in before.items():
        for change in changes.compare(contract, baseline.effective(provider, root)):
            yield Finding(provider, change_class(change.effect), f"{change.sentence} ({change.rule})")


def _untold(findings: Sequence[Finding], news: Sequence[fragments.Fragment], version: str) -> list[str]:
    """Return one line for each section whose fragments ask for a smaller step than what changed in it."""
    lines = []
    for section in fragments.SECTIONS:
        told = largest_step([each.change_class for each in news if each.section == section], version)
        graver = [each for each in findings if each.section == section and step_of(each.change_class, version) > told]
        if graver:
            worst = gravest(each.change_class for each in graver)
            first = next(each for each in graver if each.change_class == worst)
            lines.append(
                f"{section}: no fragment says so: {first.sentence}{and_more(graver)}; write "
                f"{fragments.FOLDER}/{section}/NAME.{worst}.md: what changed, and what a service must do"
            )
    return lines
