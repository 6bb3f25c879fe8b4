"""The verdicts as they were last looked at: `verdicts.json`, and why refundry reads less than another parser."""

from __future__ import annotations

import json
from typing import Final

from scripts.files import ROOT
from scripts.wire.cases import CASES, Case
from scripts.wire.peers import READERS, Verdict, keeps

FILE: Final = ROOT / "scripts" / "wire" / "verdicts.json"

_READ: Final = (Verdict.BODY, Verdict.OTHER, Verdict.EMPTY)
_GRAMMAR: Final = "RFC 9112 does not allow it, and what else the sender gets wrong is not known."

STRICTER: Final[dict[str, str]] = {
    "status line": "Only HTTP/1.0 and HTTP/1.1 are read, as RFC 9112 writes them.",
    "header": _GRAMMAR,
    "Content-Length": "Where the length is in doubt, so is the body.",
    "Transfer-Encoding": "With any coding but one `chunked`, readers disagree on where the body ends.",
    "chunk size": _GRAMMAR,
    "chunks": _GRAMMAR,
    "line ends": _GRAMMAR,
    "content coding": "Nothing was asked to be compressed. Part of the body is not the body.",
    "size of the head": "A reply has at most 1 MiB, and its head 64 KiB more.",
    "end of the stream": "The sender did not say that it was done.",
    "body until the end of the stream": "A coding that is not undone leaves its body unread.",
}
"""By area: why refundry does not read a body that another parser reads."""


def measured(case: Case) -> list[str]:
    """Return the verdict of each reader, and whether refundry keeps the connection."""
    return [*(read(case).value for read in READERS.values()), "kept" if keeps(case) else "closed"]


def stored() -> dict[str, dict[str, list[str]]]:
    """Return the verdicts of the file, by area and name."""
    verdicts: dict[str, dict[str, list[str]]] = json.loads(FILE.read_text(encoding="utf-8"))
    return verdicts


def is_stricter(verdicts: list[str]) -> bool:
    """Whether refundry reads no body where another parser reads one."""
    *others, ours, _ = verdicts
    return ours not in _READ and any(other in _READ for other in others)


def write() -> None:
    """Measure every case, and write the file. Its difference is for a person to look at."""
    areas: dict[str, dict[str, list[str]]] = {}
    for case in CASES:
        areas.setdefault(case.area, {})[case.name] = measured(case)
    blocks = []
    for area, cases in areas.items():
        lines = ",\n".join(
            f"    {json.dumps(name)}: {json.dumps(verdicts, ensure_ascii=False)}" for name, verdicts in cases.items()
        )
        blocks.append(f"  {json.dumps(area)}: {{\n{lines}\n  }}")
    FILE.write_text("{\n" + ",\n".join(blocks) + "\n}\n", encoding="utf-8")


def rows() -> list[tuple[str, ...]]:
    """Return the rows of the table: the replies of one area with the same verdicts share a row."""
    made = []
    for area, cases in stored().items():
        shared: dict[tuple[str, ...], list[str]] = {}
        for name, verdicts in cases.items():
            shared.setdefault(tuple(verdicts), []).append(name)
        for row, names in shared.items():
            why = STRICTER[area] if is_stricter([*row]) else ""
            made.append((f"**{area}**: {'; '.join(names)}", *row, why))
    return made


if __name__ == "__main__":
    write()
