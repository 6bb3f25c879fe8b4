"""Names what of the project was written with the older contract in mind, for each change."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from scripts.contracts import contradictions
from scripts.contracts.changes.compare import Change
from scripts.contracts.changes.places import code, plain
from scripts.contracts.document import Document
from scripts.contracts.pointers import child, get, keys, members
from scripts.contracts.references import target

_MOST_LINES = 8


class Table(NamedTuple):
    """A table in the code of a provider: its file and line, its name, and the words and statuses in it."""

    place: str
    name: str
    words: frozenset[str]


@dataclass(frozen=True)
class Project:
    """What may rest on a contract: overlay actions and contradictions by pointer, verdict tables, documentation.

    `documents` are the two effective contracts, where the values of a changed field are looked up.
    """

    documents: tuple[Any, Any]
    pointers: Mapping[str, frozenset[str]]
    tables: tuple[Table, ...]
    page: str
    lines: tuple[str, ...]


class Contracts(NamedTuple):
    """What is compared, and with what: the vendored contract before, the overlay, and both effective contracts.

    `touched` names what each action of the overlay wrote into the older contract.
    """

    before: Document
    overlay: Document
    touched: Mapping[str, tuple[str, ...]]
    effective: tuple[Any, Any]


def project(provider: str, root: Path, contracts: Contracts) -> Project:
    """Read what may rest on a provider's contract. A file that is not there counts as empty."""
    page = f"docs/{provider}.md"
    text = (root / page).read_text(encoding="utf-8") if (root / page).is_file() else ""
    pointers = {**dict(_actions(provider, contracts)), **dict(_contradictions(provider, root, contracts.before))}
    return Project(contracts.effective, pointers, tuple(_tables(provider, root)), page, tuple(text.splitlines()))


def with_rests(changes: Iterable[Change], of: Project) -> tuple[Change, ...]:
    """Return the changes, each with what rests on it, and with a remark on each new word that no table knows."""
    found = []
    for change in changes:
        changed, known = _words(change, of.documents)
        rests = (*_pointed(change, of), *_tabled(changed | known, of), *_documented(change, changed, of))
        found.append(replace(change, rests=rests, remarks=(*change.remarks, *_not_known(change, changed, known, of))))
    return tuple(found)


def _pointed(change: Change, of: Project) -> Iterator[str]:
    where = change.where
    for name, pointers in of.pointers.items():
        for pointer in pointers:
            if _related(pointer, where.pointer) or where.node in (pointer, pointer.rpartition("/")[0]):
                yield name
                break


def _tabled(words: set[str], of: Project) -> Iterator[str]:
    known = set(map(plain, words))
    yield from (f"verdict table `{table.name}` ({table.place})" for table in of.tables if table.words & known)


def _not_known(change: Change, changed: set[str], known: set[str], of: Project) -> Iterator[str]:
    """Yield a remark on each new value of a field whose other values stand in a verdict table."""
    values = set(map(plain, known))
    files = sorted({table.place.rpartition(":")[0] for table in of.tables if table.words & values})
    listed = frozenset().union(*(table.words for table in of.tables))
    if files and change.rule.endswith("-added"):
        unknown = sorted(word for word in changed if plain(word) not in listed)
        yield from (f"No verdict table knows {code(word)}: open {', '.join(files)}." for word in unknown)


def _documented(change: Change, changed: set[str], of: Project) -> Iterator[str]:
    words = {word for word in (*changed, *_names(change, of.documents)) if word}
    pattern = re.compile("|".join(rf"(?<![\w.-]){re.escape(word)}(?![\w-])" for word in sorted(words)) or r"(?!)")
    found = [str(number) for number, line in enumerate(of.lines, start=1) if pattern.search(line)]
    if found:
        more = f" and {len(found) - _MOST_LINES} more" if len(found) > _MOST_LINES else ""
        yield f"documentation ({of.page}, line {', '.join(found[:_MOST_LINES])}{more})"


def _related(one: str, other: str) -> bool:
    """Whether one of two pointers leads to the same as the other, or into it."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _actions(provider: str, contracts: Contracts) -> Iterator[tuple[str, frozenset[str]]]:
    for index, action in enumerate(contracts.overlay.data["actions"]):
        pointers = set(contracts.touched.get(action["x-name"], ()))
        for pointer in list(pointers):
            # What an action says of the list of required fields, it says of the field.
            if keys(pointer)[-2:-1] == ["required"] and isinstance(action.get("x-expect"), str):
                pointers.add(child(child(pointer.rsplit("/", 2)[0], "properties"), action["x-expect"]))
        pointers |= {target(value) for _, key, value in members(action) if key == "$ref" and isinstance(value, str)}
        line = contracts.overlay.place(child("/actions", index)).rpartition(":")[2]
        yield f"overlay action `{action['x-name']}` (specs/{provider}/overlay.yaml:{line})", frozenset(pointers)


def _contradictions(provider: str, root: Path, before: Document) -> Iterator[tuple[str, frozenset[str]]]:
    listed = contradictions.decisions(provider, root / "specs")
    examples = contradictions.examples(before) if listed else []
    for finding in sorted(listed):
        pointers = {finding.pointer}
        for example in examples:
            if _related(example.pointer, finding.pointer):
                pointers |= _described(before.data, example.schema, keys(finding.pointer.removeprefix(example.pointer)))
        name = f"contradiction `{finding.rule}` at {finding.pointer} (specs/{provider}/contradictions.toml)"
        yield name, frozenset(pointers)


def _described(document: Any, schema: str, names: list[str]) -> set[str]:
    """Return the pointers of the schemas that describe the value at the end of `names`."""
    for name in names:
        ends = [child(child(at, "properties"), name) for at in _followed(document, schema)]
        schema = next((at for at in ends if get(document, at) is not None), schema)
    return set(_followed(document, schema))


def _followed(document: Any, pointer: str) -> list[str]:
    steps = [pointer]
    while isinstance(schema := get(document, steps[-1]), dict) and isinstance(schema.get("$ref"), str):
        steps.append(target(schema["$ref"]))
        if steps[-1] in steps[:-1]:
            break
    return steps


def _tables(provider: str, root: Path) -> Iterator[Table]:
    for path in sorted((root / "facade/refundry/providers").glob(f"{provider}*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                name = node.targets[0] if isinstance(node, ast.Assign) else node.target
                constants = (each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant))
                words = frozenset(plain(each) for each in constants if _is_word(each))
                if isinstance(name, ast.Name) and name.id.isupper():
                    yield Table(f"{path.relative_to(root).as_posix()}:{name.lineno}", name.id, words)


def _is_word(constant: object) -> bool:
    return isinstance(constant, str) or (type(constant) is int and 100 <= constant <= 599)


def _words(change: Change, documents: tuple[Any, Any]) -> tuple[set[str], set[str]]:
    """Return the words that a change brings or takes, and those that its field is known to have."""
    changed: set[str] = set()
    if "enum" in change.rule or "const" in change.rule:
        sides = (side if isinstance(side, list) else [side] for side in (change.before, change.after))
        changed = {each for side in sides for each in side if isinstance(each, str)}
    elif "-status-" in change.rule:
        changed = {keys(change.where.pointer)[-1]}
    known: set[str] = set()
    for document in documents:
        for at in _followed(document, change.where.node):
            lists = (get(document, child(at, word)) for word in ("enum", "x-extensible-enum"))
            known |= {each for values in lists for each in values or () if isinstance(each, str)}
    return changed, known


_NAMING = frozenset({"headers", "properties", "responses", "schemas"})


def _names(change: Change, documents: tuple[Any, Any]) -> Iterator[str]:
    """Yield what the documentation may call the changed thing: its name, its path, or its host."""
    for value in (change.before, change.after):
        if isinstance(value, str) and "://" in value:
            yield value.partition("://")[2]
    parts = keys(change.where.node)
    if parts[-2:-1] and parts[-2] in _NAMING:
        yield parts[-1]
    if parts[:1] == ["paths"] and len(parts) in (2, 3):
        yield parts[1]
    for document in documents:
        names = (get(document, child(change.where.node, key)) for key in ("name", "operationId"))
        yield from (name for name in names if isinstance(name, str))
