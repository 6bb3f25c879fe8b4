"""specs/<provider>/used.yaml: the operations of a contract that source.toml chooses, and all that they refer to.

A provider documents hundreds of operations, and a service uses three. `openapi.yaml` stays whole, as it was published.
The overlay, the generators, the contradictions and the update read the slice alone, and know the whole by its hash.
"""

import copy
import difflib
import hashlib
import itertools
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.contracts import references, sources
from scripts.contracts.document import Document, parse
from scripts.contracts.errors import ContractError
from scripts.contracts.openapi import KINDS, METHODS, Node, walk
from scripts.contracts.pointers import child, get, keys

WHOLE = "openapi.yaml"
FILE = "used.yaml"
HEADER = "Written by `nox -s ingest` from openapi.yaml, never by hand: the operations that source.toml chooses."

_CALL = re.compile(rf"\s*({'|'.join(METHODS)})\s+(/\S*)\s*", re.IGNORECASE)
_MOST_CANDIDATES = 3
_LEAST_LIKE = 0.5
# Of the document's own members, those that say nothing about an operation.
_NOT_OF_AN_OPERATION = re.compile("webhooks|externalDocs|x-.*")
# The group of components that holds each kind of object.
_GROUPS: Mapping[str, str] = {kind.rstrip("{}"): group for group, kind in KINDS["components"].items()}

# Keys that would say nothing in a name.
_NO_WORDS = frozenset({"application/json", "content", "paths", "properties", "responses", "schema", "webhooks"})


class NoneChosen(ContractError):
    """A document that has none of the chosen operations: another provider's, or another page of this one."""


@dataclass(frozen=True)
class _Operation:
    """An operation: how it is called, where it stands, and where its path item stands, which may be a component."""

    path: str
    method: str
    holder: str
    value: Mapping[str, Any]

    @property
    def call(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def names(self) -> set[str]:
        return {self.call, str(self.value.get("operationId", self.call))}


def vendored(folder: Path) -> Path:
    """Return the file with the contract that is used: used.yaml where operations are chosen, else openapi.yaml.

    Raises ContractError when used.yaml is not the one that ingest made from the openapi.yaml beside it.
    """
    used, record = folder / FILE, sources.recorded(folder)
    if "operations" not in record:
        if used.exists():
            problem = f"{sources.FILE} chooses no operations"
            raise ContractError(f"{used}:1: document: {problem}; list them there, or remove {FILE}")
        return folder / WHOLE
    again = f"run `nox -s ingest -- {folder.name}`"
    if not used.is_file():
        raise ContractError(f"{used}:1: document: operations are chosen, and there is no {FILE}; {again}")
    if _sha256(folder / WHOLE) != record.get("contract_sha256"):
        problem = f"the {WHOLE} beside it is not the one that was taken from the page"
        raise ContractError(f"{used}:1: document: {problem}; run `nox -s ingest -- {folder.name} PAGE`")
    if _sha256(used) != record.get("used_sha256"):
        problem = f"it is not what was made from {WHOLE}, as after an edit by hand"
        raise ContractError(f"{used}:1: document: {problem}; write corrections into overlay.yaml, and {again}")
    return used


def refuse_other_choice(document: Document, folder: Path) -> None:
    """Refuse a used.yaml that has other operations than source.toml chooses. Raises ContractError."""
    entries = sources.operations(folder)
    there = _operations(document.data) if entries else []
    listed: set[str] = set()
    for entry, place in entries.items():
        found = _found(there, entry)
        if not found:
            problem = f"operations: {entry!r} is not in {FILE}"
            raise ContractError(f"{place}: {problem}; run `nox -s ingest -- {folder.name}`")
        listed |= {operation.call for operation in found}
    for operation in there:
        if operation.call not in listed:
            problem = f"operations: {operation.call} is in {FILE}, and is not listed"
            raise ContractError(f"{folder / sources.FILE}:1: {problem}; run `nox -s ingest -- {folder.name}`")


def slice_of(document: Document, entries: Mapping[str, str]) -> Document:
    """Return the part of a document that the chosen operations need, in the order of the document.

    `entries` has the place of each choice: a method and a path, or an operationId. With an operation come the members
    of its path, its security, and each component that any of them refers to, at any depth. What they refer to outside
    of the components and of the chosen operations becomes a component. Raises ContractError with a line for each
    choice that the document does not have, and the nearest that it has.
    """
    chosen = _chosen(document.data, entries)
    data = _skeleton(document.data, chosen)
    kept, moved = _reached(document.data, data, chosen)
    data |= _components(document.data, kept, chosen)
    places = dict(document.places)
    for pointer, target in moved.items():
        group, name = keys(target)[1:]
        data.setdefault("components", {}).setdefault(group, {})[name] = _value(document.data, pointer, chosen)
        places[target] = document.place(pointer)
    # A copy, because a reference that is mended here must stay as it is in the document.
    data = copy.deepcopy(data)
    for holder, key, pointer in [each for node in walk(data) for each in _references(node)]:
        if pointer in moved:
            holder[key] = f"#{moved[pointer]}"
    return Document(data, places)


def outside(before: str, after: str, place: str, used: Iterable[Document]) -> str:
    """Return in one line what differs between two texts of openapi.yaml and is in no slice of `used`.

    It is empty where nothing differs, or where one of the texts is: there is nothing to compare. What stands beside the
    operations of a path counts as one of them.
    """
    if before in ("", after):
        return ""
    old, new = (_parts(parse(text, place).data) for text in (before, after))
    inside = {part for each in used for part in _parts(each.data)}
    changed = [part for part in old.keys() | new.keys() if part not in inside and old.get(part) != new.get(part)]
    count = sum(part[0] == "paths" for part in changed)
    said = f"outside of the chosen operations, {count} operations and {len(changed) - count} components have changed"
    return said if changed else ""


def _parts(data: Any) -> dict[tuple[str, str, str], Any]:
    found: dict[tuple[str, str, str], Any] = {}
    for path, item in (data.get("paths") or {}).items():
        if isinstance(item, dict):
            found |= {("paths", path, method): item[method] for method in METHODS if method in item}
            if beside := {key: value for key, value in item.items() if key not in METHODS}:
                found["paths", path, ""] = beside
    for group, named in (data.get("components") or {}).items():
        if isinstance(named, dict):
            found |= {("components", group, name): value for name, value in named.items()}
    return found


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


# --- the choice


def _operations(data: Any) -> list[_Operation]:
    """Return every operation of a document, also those of a path that is a reference."""
    found: list[_Operation] = []
    paths = get(data, "/paths")
    for path in paths if isinstance(paths, dict) else ():
        holder = _holder(data, child("/paths", path))
        item = get(data, holder)
        own = ((method, item.get(method)) for method in METHODS) if isinstance(item, dict) else ()
        found += [_Operation(path, method, holder, value) for method, value in own if isinstance(value, dict)]
    return found


def _holder(data: Any, pointer: str) -> str:
    """Return where the path item stands that is found at a pointer, after following references."""
    seen: set[str] = set()
    while pointer not in seen and isinstance(item := get(data, pointer), dict) and _is_inside(item.get("$ref")):
        seen.add(pointer)
        pointer = references.target(item["$ref"])
    return pointer


def _is_inside(reference: object) -> bool:
    return isinstance(reference, str) and reference.startswith("#/")


def _found(there: Iterable[_Operation], entry: str) -> list[_Operation]:
    name = _name(entry)
    return [operation for operation in there if name in operation.names]


def _name(entry: str) -> str:
    call = _CALL.fullmatch(entry)
    return f"{call[1].upper()} {call[2]}" if call else entry


def _chosen(data: Any, entries: Mapping[str, str]) -> list[_Operation]:
    there = _operations(data)
    chosen: list[_Operation] = []
    problems: list[str] = []
    for entry, place in entries.items():
        found = _found(there, entry)
        again = [operation.call for operation in found if operation in chosen]
        if not found:
            problems.append(f"{place}: operations: {entry!r} is not in the document; {_nearest(there, entry)}")
        elif len(found) > 1:
            calls = ", ".join(operation.call for operation in found)
            problems.append(f"{place}: operations: {entry!r} is the name of several: {calls}; write one of these")
        elif again:
            problems.append(f"{place}: operations: {entry!r} is {again[0]}, which is listed already; keep one")
        else:
            chosen += found
    if problems:
        raise (ContractError if chosen else NoneChosen)("\n".join(problems))
    return chosen


def _nearest(there: Sequence[_Operation], entry: str) -> str:
    """Return what to write instead of an entry: the operations whose names are most like it."""
    names = {name.lower(): name for operation in there for name in sorted(operation.names, reverse=True)}
    near = difflib.get_close_matches(_name(entry).lower(), names, _MOST_CANDIDATES, _LEAST_LIKE)
    if near:
        return f"the nearest are {', '.join(names[each] for each in near)}"
    return f"none of its {len(there)} operations has such a name: write a method and a path, or an operationId"


# --- the slice


def _value(data: Any, pointer: str, chosen: Iterable[_Operation]) -> Any:
    """Return the value at a pointer; of a path item with chosen operations, without the others."""
    value, methods = get(data, pointer), {operation.method for operation in chosen if operation.holder == pointer}
    if not methods:
        return value
    return {key: part for key, part in value.items() if key not in METHODS or key in methods}


def _skeleton(data: Mapping[str, Any], chosen: Sequence[_Operation]) -> dict[str, Any]:
    """Return the document's own members, and the paths of the chosen operations."""
    paths = {each.path for each in chosen}
    tags = {str(tag) for each in chosen if isinstance(named := each.value.get("tags"), list) for tag in named}
    made = {key: value for key, value in data.items() if not _NOT_OF_AN_OPERATION.fullmatch(key)}
    made["paths"] = {path: _value(data, child("/paths", path), chosen) for path in data["paths"] if path in paths}
    if isinstance(data.get("tags"), list):
        made["tags"] = [tag for tag in data["tags"] if isinstance(tag, dict) and str(tag.get("name")) in tags]
    inherits = any("security" not in each.value for each in chosen)
    # Without what no chosen operation has: a scheme that nothing uses, and an empty list of tags.
    unused = {"components", *(() if inherits else ("security",)), *(() if made.get("tags") else ("tags",))}
    return {key: value for key, value in made.items() if key not in unused}


def _reached(
    data: Any, skeleton: Mapping[str, Any], chosen: Sequence[_Operation]
) -> tuple[set[tuple[str, str]], dict[str, str]]:
    """Return group and name of each component that the skeleton needs, and of each other part its pointer as one."""
    kept: set[tuple[str, str]] = set()
    moved: dict[str, str] = {}
    waiting = [*walk(skeleton)]
    while waiting:
        node = waiting.pop()
        for _, _, pointer in _references(node):
            path, kind = keys(pointer), node.kind
            if path[:1] == ["components"] and len(path) > 2:
                pointer = child(child("/components", path[1]), path[2])
                kind = KINDS["components"].get(path[1], kind).rstrip("{}")
                is_new = (path[1], path[2]) not in kept and get(data, pointer) is not None
                kept |= {(path[1], path[2])}
            else:
                is_new = pointer not in moved and get(skeleton, pointer) is None and get(data, pointer) is not None
                if is_new:
                    moved[pointer] = _free(data, kind, path, moved.values())
            if is_new:
                waiting += walk(_value(data, pointer, chosen), kind, pointer)
    return kept, moved


def _references(node: Node) -> list[tuple[dict[str, Any], str, str]]:
    """Return what an object refers to within the document: where that is said, as a dict and a key, and a pointer."""
    value = node.value
    found: list[tuple[dict[str, Any], str, str]] = []
    if _is_inside(value.get("$ref")):
        found.append((value, "$ref", references.target(value["$ref"])))
    mapping = get(value, "/discriminator/mapping") if node.kind == "schema" else None
    mapping = mapping if isinstance(mapping, dict) else {}
    for tag, named in mapping.items():
        at = references.target(named) if _is_inside(named) else child("/components/schemas", str(named))
        found.append((mapping, tag, at))
    if node.kind in ("document", "operation") and isinstance(value.get("security"), list):
        options = [option for option in value["security"] if isinstance(option, dict)]
        found += [(each, name, child("/components/securitySchemes", name)) for each in options for name in each]
    return found


def _components(data: Any, kept: Collection[tuple[str, str]], chosen: Sequence[_Operation]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    groups = get(data, "/components")
    for group, named in groups.items() if isinstance(groups, dict) else ():
        for name in named if isinstance(named, dict) else ():
            if (group, name) in kept:
                pointer = child(child("/components", group), name)
                made.setdefault(group, {})[name] = _value(data, pointer, chosen)
    return {"components": made} if made else {}


def _free(data: Any, kind: str, path: Sequence[str], taken: Iterable[str]) -> str:
    """Return the pointer of a component for a part of another operation, with a name that says where it stands."""
    group = child("/components", _GROUPS.get(kind, "schemas"))
    words = [word for key in path if key not in _NO_WORDS for word in re.findall("[A-Za-z0-9]+", key)]
    name = "".join(word[:1].upper() + word[1:] for word in words)
    used = {*(get(data, group) or {}), *(keys(each)[-1] for each in taken)}
    numbers = (f"{name}{number}" for number in itertools.count(2))
    return child(group, next(free for free in itertools.chain([name], numbers) if free not in used))
