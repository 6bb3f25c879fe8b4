"""Takes a provider's published page into specs/: extracts the contract, leaves out the prose, records the source."""

import argparse
import datetime
import difflib
import hashlib
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.contracts import evidence, slices, sources
from scripts.contracts.checks import refuse_hostile
from scripts.contracts.document import Document, dump, load, parse
from scripts.contracts.errors import ContractError, exit_code, one_line
from scripts.contracts.openapi import reason_phrase, walk
from scripts.contracts.pointers import keys
from scripts.contracts.providers import PROVIDERS, SPECS
from scripts.files import replace_together

HEADER = "Written by `nox -s ingest` from the provider's page, never by hand. Human prose is left out."

# The members that are left out of each kind of object. The name of the API, its version, licence, contact and terms
# are facts, and so are examples, defaults and enums: they stay as they are.
PROSE: Mapping[str, frozenset[str]] = {
    "document": frozenset({"externalDocs"}),
    "info": frozenset({"description", "summary"}),
    "tag": frozenset({"description", "externalDocs", "summary"}),
    "operation": frozenset({"description", "externalDocs", "summary"}),
    "path": frozenset({"description", "summary"}),
    "response": frozenset({"description", "summary"}),
    "example": frozenset({"description", "summary"}),
    "schema": frozenset({"$comment", "description", "externalDocs", "title"}),
    **dict.fromkeys(
        ("header", "link", "parameter", "request body", "security scheme", "server", "server variable"),
        frozenset({"description", "summary"}),
    ),
}
_PROSE_EXTENSION = re.compile(
    r"x-(.*-)?(code-?samples?|description|display-?name|docs?|documentation|logo|markdown|notes?|readme|summary|title)",
    re.IGNORECASE,
)
# The description of a server is data when it only names the server's environment.
_ENVIRONMENTS = frozenset(
    {"demo", "dev", "development", "integration", "live", "preprod", "preproduction", "prod", "production", "qa"}
    | {"sandbox", "stage", "staging", "test", "testing", "uat"}
)
_BESIDE_ENVIRONMENTS = frozenset({"api", "environment", "host", "server", "system", "the", "url"})
_FENCE = re.compile(r"(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})(?P<info>.*)")
# Matched line by line, and possessive: a page of blanks costs no more than reading it.
# From this size on, in characters, each step is said: together they take more than a second.
_LARGE = 300_000
_KEY = re.compile(r"""["']?[A-Za-z][\w-]*+["']?[ \t]*+:""")
_SAYS_OPENAPI = re.compile(r"""["']?(openapi|swagger)["']?[ \t]*+:""")
_OPENAPI_LINE = re.compile(r"""(['"]?openapi['"]?|[ \t]*+\{?+[ \t]*+"openapi")[ \t]*+:""")


class WrongPage(ContractError):
    """A page that is not the one that was asked for: HTML, without OpenAPI, or another provider's."""


def extract(page: str, name: str) -> tuple[str, int]:
    """Return the page's one OpenAPI block, without its fence and indentation, and the line it starts on.

    A page that is OpenAPI as a whole is its own block. Raises WrongPage when the page is HTML or holds no OpenAPI
    block, and ContractError when it holds more than one, or one that is not closed.
    """
    if re.match(r"\s*<(!doctype|html|\?xml)", page, re.IGNORECASE):
        problem = "it is HTML, perhaps an error page or a sign-in"
        raise WrongPage(f"{name}:1: page: {problem}; take the Markdown page")
    if _is_whole(page):
        return page, 1
    blocks = [(block, line) for block, line in _fenced(page, name) if any(map(_OPENAPI_LINE.match, block.split("\n")))]
    if not blocks:
        remedy = "check that this is the page of the operation; add --transcribed where the contract is written by hand"
        raise WrongPage(f"{name}:1: page: no OpenAPI block; {remedy}")
    if len(blocks) > 1:
        raise ContractError(f"{name}:{blocks[1][1]}: page: a second OpenAPI block; keep one")
    return blocks[0]


def _is_whole(page: str) -> bool:
    """Whether a page is an OpenAPI document as a whole: JSON, or YAML in which a line at the left says so."""
    lines = [line for line in page.split("\n") if line.strip() and not line.startswith(("#", "%"))]
    first = next((line for line in lines if not line.startswith("---")), "")
    if first.lstrip().startswith("{"):
        return True
    # A page has fences at the left, or a head between two lines of dashes. A document of YAML has neither.
    if not _KEY.match(first) or any(_FENCE.match(line) for line in lines if not line[0].isspace()):
        return False
    return sum(line.startswith("---") for line in lines) < 2 and any(map(_SAYS_OPENAPI.match, lines))


def _fenced(page: str, name: str) -> Iterator[tuple[str, int]]:
    lines = iter(enumerate(page.split("\n"), start=1))
    for number, line in lines:
        opening = _FENCE.fullmatch(line)
        if opening is None or (opening["fence"][0] == "`" and "`" in opening["info"]):
            continue
        body: list[str] = []
        for _, inner in lines:
            if _closes(opening, inner):
                break
            body.append(inner.removeprefix(opening["indent"]))
        else:
            raise ContractError(f"{name}:{number}: page: this fenced block is not closed; take the whole page")
        yield "".join(f"{text}\n" for text in body), number + 1


def _closes(opening: re.Match[str], line: str) -> bool:
    # CommonMark, "Fenced code blocks": the same character, at least as many, at most three spaces further in.
    closing = _FENCE.fullmatch(line)
    return (
        closing is not None
        and closing["fence"].startswith(opening["fence"])
        and not closing["info"].strip()
        and len(closing["indent"]) <= len(opening["indent"]) + 3
    )


def without_prose(data: dict[str, Any]) -> dict[str, Any]:
    """Return the contract without human prose: the same paths, names, types, examples and codes, in the same order.

    By the structure of the document: a property called `description` is a property and stays. A response keeps the
    standard reason phrase of its status as its description, because OpenAPI requires one.
    """
    data = json.loads(json.dumps(data))
    for node in walk(data):
        if node.kind == "response" and "$ref" not in node.value:
            status = keys(node.pointer)[-1] if not node.pointer.startswith("/components/") else "default"
            members = {"description": "", **node.value}
            members["description"] = reason_phrase(status)
            node.value.clear()
            node.value.update(members)
            dropped = PROSE["response"] - {"description"}
        else:
            dropped = PROSE.get(node.kind, frozenset())
            if node.kind == "server" and _names_environment(node.value.get("description")):
                dropped -= {"description"}
        for key in list(node.value):
            if key in dropped or _PROSE_EXTENSION.fullmatch(key):
                del node.value[key]
        if node.kind == "oauth flow" and isinstance(node.value.get("scopes"), dict):
            node.value["scopes"] = dict.fromkeys(node.value["scopes"], "")
    return data


def _names_environment(description: object) -> bool:
    words = set(re.findall(r"\w+", str(description).lower()))
    return bool(words & _ENVIRONMENTS) and words <= _ENVIRONMENTS | _BESIDE_ENVIRONMENTS


Say = Callable[[str], None]
"""Is given a line on the progress of a large document."""


def in_silence(_: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Published:
    """What a published page gives: the text of openapi.yaml, that of used.yaml, and the sha256 of the OpenAPI block.

    `used` is None where no operations are chosen.
    """

    contract: str
    used: str | None
    block_sha256: str


def published(page: bytes, name: str, chosen: Mapping[str, str] | None = None, say: Say = in_silence) -> Published:
    """Return what a published page gives. `chosen` has the operations that are used, and where each is chosen.

    The block is hashed as UTF-8 text without its fence and indentation, with line feeds. With chosen operations, these
    and what they refer to are checked: nothing reads the rest. Raises ContractError when the page or what is used of
    the contract in it cannot be used, and WrongPage when it has none of the chosen operations.
    """
    block, line = extract(page_text(page, name), name)
    step = _Steps(say if len(block) > _LARGE else in_silence)
    document = parse(block, name, line)
    step(f"read {len(block) / 1e6:.1f} MB")
    used = _used(document, chosen) if chosen else None
    refuse_hostile(used or document)
    step("checked the chosen operations" if used else "checked the contract")
    contract = dump(without_prose(document.data), HEADER)
    text = dump(without_prose(used.data), slices.HEADER) if used else None
    step("left out the prose")
    return Published(contract, text, _sha256(block.encode()))


def _used(document: Document, chosen: Mapping[str, str]) -> Document:
    try:
        return slices.slice_of(document, chosen)
    except slices.NoneChosen as error:
        raise WrongPage(str(error)) from error


class _Steps:
    """Says that a step is done, and how long it took."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._began = time.monotonic()

    def __call__(self, done: str) -> None:
        now = time.monotonic()
        self._say(f"{done}: {now - self._began:.1f} s")
        self._began = now


def page_text(page: bytes, name: str) -> str:
    """Return a page as text with line feeds. Raises ContractError when it is not UTF-8."""
    try:
        return page.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise ContractError(f"{name}:1: page: it is not UTF-8 text; take the Markdown page") from error


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def contents_of(arguments: argparse.Namespace) -> dict[Path, str]:
    """Return the files that the command is to write, with their contents; write nothing.

    Raises ContractError when the page, the contract or its evidence cannot be used.
    """
    folder = arguments.specs / arguments.provider
    if arguments.page is None:
        return chosen_again(folder)
    name = str(arguments.page)
    return contents(
        folder,
        read_page(arguments.page),
        name,
        transcribed=arguments.transcribed,
        address=arguments.address,
        retrieved=arguments.retrieved,
        published_sha256=arguments.published_sha256,
        say=lambda done: print(f"{arguments.provider}: {done}", file=sys.stderr, flush=True),
    )


def read_page(path: Path) -> bytes:
    """Return the content of a saved page. Raises ContractError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ContractError(f"{path}:1: page: {one_line(error.strerror)}; give the path of the saved page") from error


def contents(
    folder: Path,
    page: bytes,
    name: str,
    *,
    transcribed: bool,
    address: str | None = None,
    retrieved: datetime.date | None = None,
    published_sha256: str | None = None,
    accept: bool = False,
    say: Say = in_silence,
) -> dict[Path, str]:
    """Return openapi.yaml and source.toml of the provider whose `folder` it is, as they follow from a page.

    Where source.toml chooses operations, used.yaml is one of them. `accept` takes a new or changed sentence of a
    transcribed page to be read: see `evidence.read`. Raises WrongPage, or ContractError when the page, the contract or
    its evidence cannot be used.
    """
    recorded = sources.recorded(folder)
    address = address or recorded.get("address")
    if address is None:
        raise ContractError(f"{folder / sources.FILE}:1: no address is on record; give --address")
    text = page_text(page, name)
    refuse_foreign(folder, text, name)
    page_sha256 = published_sha256 or _sha256(page)
    same_page = recorded.get("page_sha256") == page_sha256
    chosen = sources.operations(folder)
    block_sha256: str | None = None
    others: list[str] = []
    if transcribed:
        document = load(folder / slices.WHOLE)
        used = _used(document, chosen) if chosen else None
        refuse_hostile(used or document)
        reading = evidence.read(document, text, (), accept)
        if problems := [*evidence.problems(document), *reading.changed]:
            raise ContractError("\n".join(problems))
        contract = reading.moved((folder / slices.WHOLE).read_text(encoding="utf-8"))
        others = sorted(set(reading.unclaimed.values()))
        used_text = _transcribed_used(contract, folder, chosen) if chosen else None
    else:
        found = published(page, name, chosen, say)
        contract, used_text, block_sha256 = found.contract, found.used, found.block_sha256
    source = sources.text(
        folder,
        {
            "address": address,
            "retrieved": retrieved or (recorded.get("retrieved") if same_page else None) or datetime.date.today(),
            "kind": "transcribed" if transcribed else "published",
            "page_sha256": page_sha256,
            "block_sha256": block_sha256,
            "contract_sha256": _sha256(contract.encode()),
            "used_sha256": _sha256(used_text.encode()) if used_text is not None else None,
            "other_lines": others,
        },
    )
    used_file = {folder / slices.FILE: used_text} if used_text is not None else {}
    return {folder / slices.WHOLE: contract, **used_file, folder / sources.FILE: source}


def _transcribed_used(contract: str, folder: Path, chosen: Mapping[str, str]) -> str:
    return dump(_used(parse(contract, str(folder / slices.WHOLE)), chosen).data, slices.HEADER)


def chosen_again(folder: Path) -> dict[Path, str]:
    """Return used.yaml and source.toml as they follow from the openapi.yaml that was taken before.

    Raises ContractError when no operations are chosen, or openapi.yaml is not as it was taken from its page.
    """
    chosen, source = sources.operations(folder), sources.read(folder)
    place = f"{folder / sources.FILE}:1"
    if not chosen:
        raise ContractError(f"{place}: operations: none are chosen, so nothing follows without a page; give the page")
    whole = folder / slices.WHOLE
    document = load(whole)
    if _sha256(whole.read_bytes()) != source.contract_sha256:
        raise ContractError(f"{whole}:1: document: it is not what was taken from the page; give the page")
    used = _used(document, chosen)
    refuse_hostile(used)
    text = dump(used.data if source.kind == "transcribed" else without_prose(used.data), slices.HEADER)
    record = {**sources.recorded(folder), "used_sha256": _sha256(text.encode())}
    taken = {key: record.get(key) for key in sources.INGESTED}
    return {folder / slices.FILE: text, folder / sources.FILE: sources.text(folder, taken)}


def refuse_foreign(folder: Path, text: str, name: str) -> None:
    """Refuse the page of another provider: one that names hosts of another, and none of the provider's own.

    Raises WrongPage. The hosts are those that each source.toml beside `folder` names.
    """
    if any(host in text for host in sources.known_hosts(folder)):
        return
    for other in PROVIDERS:
        theirs = (host for host in sorted(sources.known_hosts(folder.parent / other)) if host in text)
        if other != folder.name and (host := next(theirs, None)):
            problem = f"it is a page of {other}: it names {host}, and no host of {folder.name}"
            raise WrongPage(f"{name}:1: page: {problem}; give the page of {folder.name}")


def differences(contents: Mapping[Path, str]) -> str:
    """Return a unified diff from the files on disk to `contents`; empty when they are the same.

    A file of more than 300,000 characters is one line with a count, and so is openapi.yaml where operations are chosen:
    a person reads what is used of it.
    """
    chosen = next((path for path in contents if path.name == slices.FILE), None)
    whole = [path for path in contents if chosen is not None and path.name == slices.WHOLE]
    return "".join([*(_lines_of_difference(contents, whole)), *(_outside(path, contents) for path in whole)])


def _lines_of_difference(contents: Mapping[Path, str], without: Container[Path]) -> Iterator[str]:
    for path, text in contents.items():
        name, old = f"{path.parent.name}/{path.name}", _text(path)
        if path in without or text == old:
            continue
        if max(len(text), len(old)) > _LARGE:
            # Nobody reads that many lines, and to find the fewest that differ takes half a minute for 3 MB.
            lines = [Counter(each.splitlines()) for each in (old, text)]
            gone, new = (lines[0] - lines[1]).total(), (lines[1] - lines[0]).total()
            yield f"{name}: {new} lines are new and {gone} are gone\n"
        else:
            yield from difflib.unified_diff(
                old.splitlines(keepends=True), text.splitlines(keepends=True), f"{name} (vendored)", f"{name} (page)"
            )


def _outside(whole: Path, contents: Mapping[Path, str]) -> str:
    used = whole.parent / slices.FILE
    texts = [text for text in (_text(used), contents[used]) if text]
    said = slices.outside(_text(whole), contents[whole], str(whole), [parse(text, str(used)) for text in texts])
    return f"{said}\n" if said else ""


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _address(text: str) -> str:
    if not sources.ADDRESS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a full https address of a page")
    return text


def _sha256_text(text: str) -> str:
    if not sources.SHA256.fullmatch(text):
        raise argparse.ArgumentTypeError("write the sha256 as 64 lower-case hexadecimal digits")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.contracts.ingest",
        description=(
            "Take a provider's published documentation page into specs/<provider>/: write openapi.yaml (the page's "
            "OpenAPI block without human prose) and source.toml (where it comes from); where source.toml chooses "
            "operations, used.yaml (these, and what they refer to) too. All of them are written or none."
        ),
        epilog="Exit code: 0 done or no difference; 1 --check found a difference; 2 the page cannot be used.",
    )
    parser.add_argument("provider", choices=PROVIDERS)
    parser.add_argument(
        "page",
        type=Path,
        nargs="?",
        help="the saved page: Markdown, or OpenAPI as YAML or JSON; without it, used.yaml is written again, with the "
        "operations that source.toml chooses",
    )
    parser.add_argument("--address", type=_address, help="where the page was taken from; default: the one on record")
    parser.add_argument(
        "--retrieved",
        type=datetime.date.fromisoformat,
        metavar="YYYY-MM-DD",
        help="when it was taken; default: the date on record when the page is the same, else today",
    )
    parser.add_argument(
        "--specs", type=Path, default=SPECS, metavar="DIR", help="folder of the contracts; default: specs"
    )
    parser.add_argument(
        "--transcribed",
        action="store_true",
        help="the page has no OpenAPI: openapi.yaml is written by hand; find each sentence that it rests on, "
        "write its line and hash into openapi.yaml, and source.toml",
    )
    parser.add_argument(
        "--published-sha256",
        type=_sha256_text,
        metavar="HEX",
        help="hash of the page as published, when the saved copy was altered (a sample token blanked)",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; show what the page would change")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    arguments = _parser().parse_args(argv)
    return exit_code(lambda: _run(arguments), "nothing was written")


def _run(arguments: argparse.Namespace) -> int:
    contents = contents_of(arguments)
    changed = differences(contents)
    if arguments.check:
        print(changed or f"{arguments.provider}: the page is the one that is vendored", end="" if changed else "\n")
        return 1 if changed else 0
    replace_together(contents)
    print(changed or f"{arguments.provider}: nothing changed", end="" if changed else "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
