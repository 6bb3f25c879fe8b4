"""What a published page would change: the files of specs/ as they would be, and the report of the difference."""

import dataclasses
import hashlib
import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.contracts import contradictions, evidence, ingest, overlay, slices, sources
from scripts.contracts.changes import Report, between, compare
from scripts.contracts.changes.rests import Contracts, project, with_rests
from scripts.contracts.checks import check
from scripts.contracts.document import Document, load, parse
from scripts.contracts.errors import ContractError, local
from scripts.contracts.openapi import operations, walk
from scripts.contracts.pointers import child, get, keys
from scripts.contracts.providers import carried_contract

_WORDS = re.compile(r"[A-Za-z][a-z]+|[A-Z]+(?![a-z])|[0-9]+|[a-z]+")

_DESCRIBED = frozenset({"schema", "parameter", "header"})
NOT_DESCRIBED = "New in the provider's contract, and not described here yet."
"""The description of a new part until a person writes one."""

REMEDIES: Mapping[str, str] = {
    "UNLISTED": "list it in specs/{provider}/contradictions.toml with a decision",
    "STALE": "remove its entry from specs/{provider}/contradictions.toml",
}
"""What to do about a contradiction that is not as it is listed."""


@dataclass(frozen=True)
class Operation:
    """An operation that the contract did not have before: how it is called, and what names its function so far."""

    pointer: str
    method: str
    path: str
    operation_id: str | None

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def name(self) -> str:
        """A name for its function: the provider's own as an identifier, or one made of the method and the path."""
        words = _WORDS.findall(self.operation_id or f"{self.method} {re.sub('{[^}]*}', '', self.path)}")
        return "_".join(words).lower() or self.method


@dataclass(frozen=True)
class Proposal:
    """What a page would change in one provider's folder.

    `files` has the new text of openapi.yaml and source.toml, of used.yaml where operations are chosen, and of
    overlay.yaml where a new operation gets its name or a new part, one of `undescribed`, a description. `outside` says
    in one line what else has changed in openapi.yaml; it is empty where nothing has.
    `report` is None where nothing changed: the page is the same, or its prose alone changed. `reading` is about a
    transcribed contract.
    """

    files: Mapping[Path, str]
    report: Report | None
    same_page: bool
    after: Document
    contract_changed: bool
    new_operations: tuple[Operation, ...] = ()
    undescribed: tuple[str, ...] = ()
    reading: evidence.Reading | None = None
    contradictions: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    outside: str = ""


def propose(
    root: Path,
    provider: str,
    page: bytes,
    name: str,
    *,
    names: Mapping[str, str] | None = None,
    accept: bool = False,
    other_page: bool = False,
    say: ingest.Say = ingest.in_silence,
) -> Proposal:
    """Return what the page, called `name` in messages, would change in the project at `root`; write nothing.

    `names` gives the function of a new operation its name, by "METHOD /path". `accept` says that the new and changed
    sentences of a transcribed page were read. `other_page` takes a page that documents none of the operations that the
    contract has. Raises WrongPage for a page that is not the one asked for, and ContractError for one that cannot be
    used.
    """
    folder = root / "specs" / provider
    source = sources.read(folder)
    transcribed = source.kind == "transcribed"
    reading = _reading(folder, page, name, source, accept) if transcribed else None
    if reading is not None and (reading.changed or reading.new):
        contract = load(folder / slices.WHOLE)
        return Proposal({}, None, False, contract, False, reading=reading)
    files = ingest.contents(folder, page, name, transcribed=transcribed, accept=accept, say=say)
    vendored = folder / (slices.FILE if source.operations else slices.WHOLE)
    after = parse(files[vendored], str(vendored))
    before = _vendored_before(root, provider)
    if not (transcribed or other_page):
        _refuse_other_operations(before, after, name, provider)
    ours = load(folder / "overlay.yaml")
    applied = overlay.apply_all(after, ours)
    old = _effective_before(root, provider)
    fresh = tuple(_new_operations(old, applied))
    undescribed = () if applied.unfit else tuple(_undescribed(old, applied.document.data))
    addition = "".join(_naming(each, names.get(str(each), each.name)) for each in fresh) if names is not None else ""
    addition += "".join(_describing(applied.document.data, each) for each in undescribed)
    if addition:
        files[folder / "overlay.yaml"] = (folder / "overlay.yaml").read_text(encoding="utf-8").rstrip("\n") + addition
        ours = parse(files[folder / "overlay.yaml"], str(folder / "overlay.yaml"))
        applied = overlay.apply_all(after, ours)
    contract_changed = any(_text(path) != files[path] for path in {folder / slices.WHOLE, vendored})
    outside = ""
    if source.operations:
        place = f"specs/{provider}/{slices.WHOLE}"
        outside = slices.outside(_committed(root, place), files[folder / slices.WHOLE], place, (before, after))
    same_page = f'page_sha256 = "{source.page_sha256}"' in files[folder / sources.FILE]
    if not applied.unfit and _without_evidence(applied.document.data) == _without_evidence(_generated(root, provider)):
        # Where a sentence stands is no part of the contract: its line may move, and nothing else follows.
        return Proposal(files if contract_changed else {}, None, same_page, after, contract_changed, outside=outside)
    if applied.unfit or old is None:
        report = between(provider, before, after, ours, root)
    else:
        # The overlay may have been corrected for the new page, and no longer fit the old one. Services have the
        # contract that the package was generated from.
        both = (old, applied.document.data)
        of = project(provider, root, Contracts(before, ours, applied.touched, both))
        report = Report(provider, with_rests(compare(*both), of), {})
    report = dataclasses.replace(report, unfit={each: local(text, root) for each, text in report.unfit.items()})
    listed = contradictions.decisions(provider, root / "specs")
    difference = contradictions.compare(contradictions.schema_findings(after), listed, frozenset({"schema"}))
    return Proposal(
        files,
        report,
        same_page,
        applied.document,
        contract_changed,
        fresh,
        undescribed,
        reading,
        tuple(
            f"{state}: {finding.layer}: {finding.pointer}: {finding.rule}; {REMEDIES[state].format(provider=provider)}"
            for state, findings in (("UNLISTED", difference.unlisted), ("STALE", difference.stale))
            for finding in sorted(findings)
        ),
        tuple(contradictions.unused(after)),
        outside,
    )


def refusal(proposal: Proposal) -> str:
    """Return why the effective contract cannot be used; the empty text where it can."""
    try:
        check(proposal.after)
    except ContractError as error:
        return str(error)
    return ""


def _reading(folder: Path, page: bytes, name: str, source: sources.Source, accept: bool) -> evidence.Reading:
    text = ingest.page_text(page, name)
    ingest.refuse_foreign(folder, text, name)
    reading = evidence.read(load(folder / slices.WHOLE), text, frozenset(source.other_lines), accept)
    if not reading.found:
        problem = "none of the sentences that the contract rests on is there"
        raise ingest.WrongPage(f"{name}:1: page: {problem}; take the page at {source.fetch or source.address}")
    return reading


def _vendored_before(root: Path, provider: str) -> Document:
    """Return the vendored contract as it is committed: what services have is not what a run before has left."""
    whole, used = (f"specs/{provider}/{name}" for name in (slices.WHOLE, slices.FILE))
    has_used = _shown(root, used) or (_shown(root, whole) is None and (root / used).is_file())
    place = used if has_used else whole
    return parse(_committed(root, place), place)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _effective_before(root: Path, provider: str) -> Any:
    """Return the effective contract that the committed package was made from; None where there is none."""
    text = _committed(root, carried_contract(provider))
    return json.loads(text) if text else None


def _generated(root: Path, provider: str) -> Any:
    """Return the effective contract that the package in the project was made from; None where there is none."""
    path = root / carried_contract(provider)
    return json.loads(path.read_bytes()) if path.is_file() else None


def _committed(root: Path, path: str) -> str:
    """Return a file as the last commit has it, or else as the project has it; empty where neither has it."""
    shown = _shown(root, path)
    return _text(root / path) if shown is None else shown


def _shown(root: Path, path: str) -> str | None:
    """Return a file as the last commit has it; None where it has none."""
    shown = subprocess.run(["git", "show", f"HEAD:./{path}"], cwd=root, capture_output=True, check=False)
    return shown.stdout.decode() if shown.returncode == 0 else None


def contract_hash_before(root: Path, provider: str) -> str | None:
    """Return the sha256 of the vendored contract as it is committed; None where there is none."""
    text = _committed(root, f"specs/{provider}/{slices.WHOLE}")
    return hashlib.sha256(text.encode()).hexdigest() if text else None


def _without_evidence(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _without_evidence(value) for key, value in data.items() if key != "x-evidence"}
    return [_without_evidence(value) for value in data] if isinstance(data, list) else data


def _refuse_other_operations(before: Document, after: Document, name: str, provider: str) -> None:
    old, new = ({*_calls(document.data)} for document in (before, after))
    if old and new and not old & new:
        problem = f"it documents none of the operations of {provider}'s contract, but {', '.join(sorted(new))}"
        remedy = "give the right page; where these replace the old ones, add --other-page"
        raise ingest.WrongPage(f"{name}:1: page: {problem}; {remedy}")


def _calls(data: Any) -> list[str]:
    return [f"{method.upper()} {path}" for _, method, path, _ in operations(data)]


def _new_operations(old: Any, applied: overlay.Applied) -> list[Operation]:
    """Return the operations that were not there before and that no action of the overlay names."""
    known = {*_calls(old)} if old is not None else set()
    named = {pointer for pointers in applied.touched.values() for pointer in pointers}
    found = [
        Operation(pointer, method, path, get(applied.document.data, f"{pointer}/operationId"))
        for pointer, method, path, _ in operations(applied.document.data)
        if not any(f"{pointer}/operationId".startswith(each) for each in named)
    ]
    return [each for each in found if str(each) not in known]


def _undescribed(old: Any, new: Any) -> list[str]:
    """Return the fields, schemas, parameters and headers that are new and have no description yet.

    The page's own text is not kept, so a new part has none unless the overlay gives it one.
    """
    if old is None:
        return []
    known = {node.pointer for node in walk(old)}
    return [
        node.pointer
        for node in walk(new)
        if node.kind in _DESCRIBED
        and node.pointer not in known
        and not {"$ref", "description"} & node.value.keys()
        and not (node.name == "schema" and "name" in get(new, node.pointer.rpartition("/")[0]))  # of a parameter
    ]


def _describing(data: Any, pointer: str) -> str:
    target, at = "$", ""
    for key in keys(pointer):
        target += f"[{key}]" if isinstance(get(data, at), list) else f"[{json.dumps(key, ensure_ascii=False)}]"
        at = child(at, key)
    lines = [
        f"- x-name: describe{re.sub('[^a-z0-9]+', '-', pointer.lower()).rstrip('-')}",
        "  x-reason: It is new at the provider, and nobody has described it in our words yet.",
        "  x-source: ours",
        f"  target: {json.dumps(target, ensure_ascii=False)}",
        "  x-expect: absent",
        "  update:",
        f"    description: {NOT_DESCRIBED}",
    ]
    return "\n\n" + "\n".join(f"  {line}" for line in lines) + "\n"


def _naming(operation: Operation, name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        raise ContractError(f"--name: {name!r} is no name of a function; write it as `cancel_transaction`")
    target = f"$.paths['{operation.path}'].{operation.method}"
    lines = [
        f"- x-name: operation-id-{name.replace('_', '-')}",
        "  x-reason: The generated module and functions need a name that is an identifier and stays.",
        "  x-source: ours",
    ]
    if operation.operation_id is None:
        lines += [f"  target: {target}", "  x-expect: absent", "  update:", f"    operationId: {name}"]
    elif operation.operation_id == name:
        return ""
    else:
        expected = json.dumps(operation.operation_id)
        lines += [f"  target: {target}.operationId", f"  x-expect: {expected}", f"  update: {name}"]
    return "\n\n" + "\n".join(f"  {line}" for line in lines) + "\n"
