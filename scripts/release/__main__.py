"""Makes a release, or checks that all agree: `python -m scripts.release auto`, `python -m scripts.release --check`."""

import argparse
import datetime
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.contracts.errors import ContractError, and_more
from scripts.contracts.providers import PROVIDERS
from scripts.files import ROOT, replace_together
from scripts.packages import lock
from scripts.release import baseline, changelog, fragments, sbom, surface, wheel
from scripts.release.steps import Step, table
from scripts.release.verdict import Verdict, verdict
from scripts.release.version import FILE, current_version, with_version

_STEPS = {"auto": Step.NONE, "patch": Step.PATCH, "minor": Step.MINOR, "major": Step.MAJOR}
_SBOM = "sbom"


class Refused(Exception):
    """The release cannot be made, or something does not agree; one line for each cause."""


def make(asked: Step, date: datetime.date, root: Path = ROOT) -> str:
    """Make the next release in the tree, commit nothing, and return its version. Raises Refused, with nothing written.

    Writes the version, the changelog, the surface and the bill of materials, and removes the news fragments.
    """
    if changed := _uncommitted(root):
        raise Refused(
            f"{changed[0]}: not committed{and_more(changed)}; commit or remove it, and make the release again"
        )
    found = verdict(current_version(root), asked, root)
    _print(found)
    problems = [*found.problems, *lock.differences(PROVIDERS, root), *_stale(root)]
    if found.since is not None and found.step is Step.NONE:
        problems.append("nothing has changed that needs a release; `patch` makes one all the same")
    if problems:
        raise Refused("\n".join(problems))
    surfaces = surface.surfaces(root)
    changelog.build(found.version, date, root)
    source = (root / FILE).read_text(encoding="utf-8")
    replace_together(
        {root / FILE: with_version(source, found.version), **baseline.contents(found.version, surfaces, root)}
    )
    sbom.write(root)
    return found.version


def check(root: Path = ROOT, dist: Path | None = None, tag: str | None = None) -> None:
    """Raise Refused unless version, changelog, surface, locks and wheel agree.

    `dist` holds a wheel and an sdist; without it, both are built. With `tag`, the tree must be that release exactly.
    """
    problems = disagreements(root, tag)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        if dist is None:
            dist = scratch / "dist"
            wheel.build(root, dist)
        problems += wheel.problems(*wheel.built(dist), scratch, root)
    if problems:
        raise Refused("\n".join(problems))


def disagreements(root: Path = ROOT, tag: str | None = None) -> list[str]:
    """Return one line for each thing of the tree that does not agree with another; the wheel is not looked at."""
    version = current_version(root)
    found = verdict(version, root=root)
    _print(found)
    exactly = [] if tag is None else _not_exactly(found, version, tag)
    agreed = _disagreements(found, version, root)
    return [*found.problems, *agreed, *exactly, *lock.differences(PROVIDERS, root), *_stale(root)]


def _disagreements(found: Verdict, version: str, root: Path) -> list[str]:
    written, date = changelog.latest(root)
    lines = []
    if written != version:
        lines.append(f"{changelog.FILE}: its uppermost version is {written}, and {FILE} says {version}; mend one")
    if (date is None) != (found.since is None):
        state = "not released" if date is None else f"released on {date}"
        stored = "no release" if found.since is None else f"release {found.since}"
        lines.append(f"{changelog.FILE}: it says {state}, and {baseline.FOLDER}/ has {stored}; mend one")
    if found.since not in (None, version):
        lines.append(
            f"{FILE}: it says {version}, and {baseline.FOLDER}/ has release {found.since}; make releases alone"
        )
    return lines


def _not_exactly(found: Verdict, version: str, tag: str) -> list[str]:
    lines = [f"the tag is {tag}, and the version {version}: tag v{version}"] if tag != f"v{version}" else []
    if found.since is None:
        lines.append(f"{baseline.FOLDER}/ has no release; run `nox -s release -- auto` first")
    left = [each.path.name for each in found.news] + [each.sentence for each in found.findings]
    return lines + ([f"{left[0]}: it is not in release {version}{and_more(left)}; make the next one"] if left else [])


def _stale(root: Path) -> list[str]:
    problem = sbom.stale(root)
    return [problem] if problem else []


def _uncommitted(root: Path) -> list[str]:
    done = subprocess.run(["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, check=False)
    return [line[3:] for line in done.stdout.splitlines()]


def _print(found: Verdict) -> None:
    if found.since is None:
        print(f"nothing is released yet; {found.version} will be the first release, and nothing is compared before it")
        return
    for finding in found.findings:
        print(f"{finding.section}: {finding.change_class}: {finding.sentence}")
    for fragment in found.news:
        print(
            f"{fragment.section}: {fragment.change_class}: {fragments.FOLDER}/{fragment.section}/{fragment.path.name}"
        )
    if found.step:
        print(f"since {found.since}: a {found.step.name.lower()} step, so {found.version} is next")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.release",
        description="Make the next release in the tree, or check that all that a release consists of agrees.",
        epilog=f"{table()}\nExit code: 0 done, or all agree; 1 something does not agree; 2 wrong usage.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    todo = parser.add_mutually_exclusive_group(required=True)
    todo.add_argument(
        "step",
        nargs="?",
        choices=[*_STEPS, _SBOM],
        help="auto takes the step that follows from what changed; patch, minor and major ask for at least that step; "
        "sbom only writes the bill of materials, after the lock has moved",
    )
    todo.add_argument("--check", action="store_true", help="write nothing; say what does not agree")
    parser.add_argument("--tag", help="with --check: the tree must be the release of this tag, and nothing more")
    parser.add_argument("--dist", type=Path, help="with --check: the folder of a built wheel and sdist")
    parser.add_argument(
        "--date",
        type=datetime.date.fromisoformat,
        default=datetime.datetime.now(datetime.UTC).date(),
        metavar="YYYY-MM-DD",
        help="the date of the release; default: today, in UTC",
    )
    return parser


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command on the project at `root`; return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.check:
            check(root, options.dist, options.tag)
            print(f"version {current_version(root)}, changelog, surface, locks and wheel agree")
            return 0
        if options.step == _SBOM:
            sbom.write(root)
            return 0
        version = make(_STEPS[options.step], options.date, root)
    except (Refused, ValueError, ContractError, sbom.StaleLock, wheel.BuildFailed, OSError) as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        return 1
    print(f"""
Read the changes with `git diff HEAD`, then:

git add --all {FILE} {changelog.FILE} {fragments.FOLDER} {baseline.FOLDER}
git commit -m "Release {version}"
git tag -a v{version} -m "refundry {version}"
nox -s release -- --check --tag v{version}
git push --atomic origin HEAD v{version}

To go back instead: git reset --hard && git clean -dfq {baseline.FOLDER}""")
    return 0


if __name__ == "__main__":
    sys.exit(main())
