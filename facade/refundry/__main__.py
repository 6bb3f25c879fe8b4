"""`python -m refundry`: what this installation was made from, and what changed for whom."""

from __future__ import annotations

import argparse
import json
import sys
import typing

from refundry._provenance import provenance, sources

if typing.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 1 where a file or an entry is not as it was recorded."""
    parser = argparse.ArgumentParser(prog="python -m refundry", description="About this installation. Works offline.")
    commands = parser.add_subparsers(dest="command", required=True)
    origin = commands.add_parser(
        "provenance",
        help="what this installation was made from, recomputed",
        epilog="Exit code: 0 all is as recorded; 1 a file or an entry is changed, missing or added.",
    )
    origin.add_argument("--json", action="store_true", help="print it as JSON")
    changes = commands.add_parser("changelog", help="what changed in each version")
    changes.add_argument("section", nargs="?", help="only of this provider, or only of refundry's own names")
    options = parser.parse_args(arguments)
    if options.command == "changelog":
        return _changelog(options.section)
    return _provenance(as_json=options.json)


def _provenance(*, as_json: bool) -> int:
    found = provenance()
    if as_json:
        print(json.dumps(found.to_dict(), indent=2))
    else:
        print(f"refundry {found.version}")
        for word, entries in (("verified", found.verified), ("recorded", found.recorded)):
            for name, value in entries.items():
                print(f"{word}  {name:<34}  {value}")
        for sentence in found.departures:
            print(f"DEPARTS   {sentence}")
    return 0 if found.intact else 1


def _changelog(section: str | None) -> int:
    path = sources() / "CHANGELOG.md"
    if not path.is_file():
        print(f"error: {path}: missing; install the wheel again", file=sys.stderr)
        return 1
    lines = path.read_text(encoding="utf-8").splitlines()
    print("\n".join(lines if section is None else _of(section, lines)))
    return 0


def _of(section: str, lines: Sequence[str]) -> Iterator[str]:
    """Yield the heading of each version, and what stands below it in one section."""
    inside = False
    for line in lines:
        if line.startswith("## "):
            inside = False
            yield line
        elif line.startswith("### "):
            inside = line.removeprefix("### ").casefold() == section.casefold()
        elif inside:
            yield line


if __name__ == "__main__":
    sys.exit(main())
