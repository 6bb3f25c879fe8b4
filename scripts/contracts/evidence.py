"""What each part of a transcribed contract rests on: `x-evidence`, and the sentences of the page that it names.

A provider that publishes no OpenAPI publishes sentences. Each node of the contract that is written from them names the
line, a short hash of the sentence that stands there, and the field in it: `page line 27 (5f0c3a91): amount`. The hash
finds the sentence again when the page grows above it, and shows when its words have changed. The sentence itself is the
provider's, and is kept nowhere.
"""

import hashlib
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from scripts.contracts.document import Document
from scripts.contracts.openapi import walk
from scripts.contracts.pointers import child

_LINE = re.compile(r"(?P<prefix>page line (?P<line>[1-9][0-9]*)(?: \((?P<hash>[0-9a-f]{8})\))?: )(?P<field>\S.*)")
_PREFIX = re.compile(r"page line [1-9][0-9]*(?: \([0-9a-f]{8}\))?: ")
_ELSEWHERE = re.compile(r"[a-z0-9.-]+\.[a-z]{2,}\b[^()]* \([ABCD]\)")
_KINDS = frozenset(
    {"info", "operation", "parameter", "request body", "response", "schema", "security scheme", "server"}
)
# Left out of a sentence before it is hashed: tags, whose ids change with each publication, and a sample token.
_TAG = re.compile(r"<[^<>]*>")
_TOKEN = re.compile(r"\b(Bearer)\s+\S+", re.IGNORECASE)
_FRONT_MATTER = "---"


@dataclass(frozen=True)
class Reading:
    """What a page says of the evidence of a contract.

    `prefixes` maps the beginning of each evidence of the page as it stands in the contract to the one that is right
    now. `changed` has one line for each evidence whose sentence changed or is gone. `unclaimed` maps the number of each
    line of prose that no evidence names to the hash of its sentence, and `new` has the numbers of those that the page
    did not have before.
    """

    prefixes: Mapping[str, str]
    changed: Sequence[str]
    unclaimed: Mapping[int, str]
    new: Sequence[int]
    found: int
    """How many evidences were found on the page."""

    def moved(self, contract: str) -> str:
        """Return the text of the contract with the number and the hash of each evidence as they are now."""
        return _PREFIX.sub(lambda match: self.prefixes.get(match[0], match[0]), contract)


def sentence_hash(line: str) -> str:
    """Return a short hash of what a line of a page says; the empty string for a line that says nothing."""
    text = " ".join(_TOKEN.sub(r"\1", _TAG.sub(" ", line)).split())
    return hashlib.sha256(text.encode()).hexdigest()[:8] if re.search(r"\w", text) else ""


def problems(document: Document) -> list[str]:
    """Return one line for each node of a contract without evidence, or with evidence of another form; none when right.

    Evidence is `x-evidence`, one text or a list of texts, each "page line N (hash): field" or "address (sureness)",
    with sureness A to D. A hash that is missing is added when the page is taken in.
    """
    return list(_problems(document))


def _problems(document: Document) -> Iterator[str]:
    for pointer, place, text in _evidence(document):
        if not text:
            yield f"{place}: {pointer}: no x-evidence; name the line of the page that documents it"
        elif not (_LINE.fullmatch(text) or _ELSEWHERE.fullmatch(text)):
            yield f"{place}: {pointer}: evidence {text!r}; write `page line N: field` or `address (A)`"


def _evidence(document: Document) -> Iterator[tuple[str, str, str]]:
    """Yield pointer, place and text of each evidence; of a node that needs some and has none, the empty text."""
    for node in walk(document.data):
        shows = node.kind == "media type" and node.value.keys() & {"example", "examples"}
        if not (node.kind in _KINDS or shows) or "$ref" in node.value:
            continue
        at = child(node.pointer, "x-evidence")
        evidence = node.value.get("x-evidence")
        if not isinstance(evidence, list):
            yield node.pointer, document.place(at), "" if evidence is None else str(evidence)
        elif not evidence:
            yield node.pointer, document.place(at), ""
        else:
            yield from ((node.pointer, document.place(child(at, i)), str(text)) for i, text in enumerate(evidence))


def read(document: Document, page: str, known: Container[str], accept: bool = False) -> Reading:
    """Find the sentence of each evidence on a page.

    `known` has the hashes of the lines that the page had before and that no evidence names. Evidence without a hash is
    taken to be right where its line has its field. With `accept`, evidence whose sentence changed moves to the one new
    line that has its field.
    """
    lines = page.split("\n")
    hashes = _hashes(lines)
    evidence = [
        (pointer, place, match) for pointer, place, text in _evidence(document) if (match := _LINE.fullmatch(text))
    ]
    claims = {match["hash"] for _, _, match in evidence if match["hash"]}
    fresh = [number for number, each in hashes.items() if each not in claims and each not in known]
    prefixes: dict[str, str] = {}
    changed: list[str] = []
    claimed: set[int] = set()
    found = 0
    for pointer, place, match in evidence:
        number = _find(match, lines, hashes)
        now = [n for n in fresh if match["field"] in lines[n - 1]]
        found += number is not None
        if number is None and accept and len(now) == 1:
            number = now[0]
        if number is None:
            changed.append(f"{place}: {pointer}: {_changed(match, now, lines)}")
        else:
            claimed.add(number)
            prefixes[match["prefix"]] = f"page line {number} ({sentence_hash(lines[number - 1])}): "
    unclaimed = {number: each for number, each in hashes.items() if number not in claimed}
    new = [number for number, each in unclaimed.items() if each not in known and each not in claims]
    return Reading(prefixes, changed, unclaimed, [] if accept else new, found)


def _hashes(lines: Sequence[str]) -> dict[int, str]:
    """Return the hash of each line of prose by its number; not of front matter, which has the day of publication."""
    first = 0
    if lines[0].strip() == _FRONT_MATTER and _FRONT_MATTER in (rest := [line.strip() for line in lines[1:]]):
        first = rest.index(_FRONT_MATTER) + 2
    return {number: each for number, line in enumerate(lines, 1) if number > first and (each := sentence_hash(line))}


def _find(match: re.Match[str], lines: Sequence[str], hashes: Mapping[int, str]) -> int | None:
    number = int(match["line"])
    if match["hash"] is None:
        return number if number <= len(lines) and match["field"] in lines[number - 1] else None
    same = [n for n, each in hashes.items() if each == match["hash"] and match["field"] in lines[n - 1]]
    return min(same, key=lambda n: abs(n - number), default=None)


def _changed(match: re.Match[str], now: Sequence[int], lines: Sequence[str]) -> str:
    field, number = match["field"], match["line"]
    if match["hash"] is None:
        return f"line {number} of the page has no {field!r}; mend the number"
    where = now or [n for n, line in enumerate(lines, 1) if field in line]
    stands = f"{field!r} stands in line {', '.join(map(str, where[:5]))} now" if where else f"no line has {field!r} now"
    remedy = f"mend the contract where it follows, and write `page line {where[0] if where else 'N'}: {field}`"
    return f"the sentence of line {number} has changed or is gone; {stands}: {remedy}"
