"""Says what a branch changes in the effective contracts: `python -m scripts.review COMMIT`.

The contracts are those that the generated packages carry, as of the commit and as they are now. `nox -s update` says
the same of a page before it is taken in.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.contracts.changes import Report, as_data, compare, gravest, render_markdown
from scripts.contracts.providers import PROVIDERS, carried_contract
from scripts.files import ROOT, replace_together


class Refused(Exception):
    """The contracts of the commit cannot be read; one line says why."""


def reports(commit: str, root: Path = ROOT) -> list[Report]:
    """Return what changed since the commit, for each provider that it had. Raises Refused for an unknown commit."""
    _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}")
    found = []
    for provider in PROVIDERS:
        path = carried_contract(provider)
        if _git(root, "ls-tree", "--name-only", commit, path):
            before = json.loads(_git(root, "show", f"{commit}:{path}"))
            after = json.loads((root / path).read_text(encoding="utf-8"))
            found.append(Report(provider, compare(before, after), {}))
    return found


def breaks(found: Sequence[Report]) -> bool:
    """Whether a change can break a request, a reply, a name, or where credentials go."""
    return gravest(change for report in found for change in report.changes).breaks


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"git {' '.join(arguments)}: {done.stderr.strip() or 'no such commit; fetch it first'}")
    return done.stdout


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.review",
        description="Say what changed in the effective contracts since a commit, and what that can break.",
        epilog="Exit codes: 0 nothing breaks; 1 something does; 2 wrong usage, or an unknown commit.",
    )
    parser.add_argument("commit", help="for instance origin/main")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report there, and as JSON beside it")
    options = parser.parse_args(arguments)
    try:
        found = reports(options.commit, root)
    except Refused as refused:
        print(f"error: {refused}", file=sys.stderr)
        return 2
    text = "\n".join(render_markdown(report) for report in found)
    print(text)
    if options.report is not None:
        written = json.dumps({report.provider: as_data(report) for report in found}, indent=2, sort_keys=True) + "\n"
        replace_together({options.report: text, options.report.with_suffix(".json"): written})
    return 1 if breaks(found) else 0


if __name__ == "__main__":
    sys.exit(main())
