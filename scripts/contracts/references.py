"""Holds the references of a contract: each leads to a part of it, and none leads back to itself."""

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any
from urllib.parse import unquote

from scripts.contracts.document import Document
from scripts.contracts.errors import REFUSED, ContractError, short
from scripts.contracts.openapi import walk
from scripts.contracts.pointers import child, get, keys, members

_SCHEMAS = "#/components/schemas/"
# The most schemas that may describe one value. The most in a provider's contract is a few hundred. Each level that
# names the next one twice doubles the number, and the work of a validator or a generator with it.
_MOST_IN_ONE_PLACE = 10_000


def target(reference: str) -> str:
    """Return the JSON Pointer that a reference inside a document, `#/...`, stands for."""
    return unquote(reference.removeprefix("#"))


def check(document: Document) -> None:
    """Refuse a reference that leaves the contract, leads to nothing, or never ends. Raises ContractError."""
    for pointer, key, value in members(document.data):
        if key == "$ref":
            _refuse_outside(document, pointer, value)
        elif key == "mapping" and keys(pointer)[-2:-1] == ["discriminator"] and isinstance(value, dict):
            for name, schema in value.items():
                _refuse_unmapped(document, child(pointer, name), schema)
    _refuse_endless(document)


def _refuse_outside(document: Document, pointer: str, value: object) -> None:
    if not (isinstance(value, str) and value.startswith("#/")):
        raise document.error(pointer, "the reference leaves the contract", "only references to #/... are followed")
    if get(document.data, target(value)) is None:
        raise document.error(pointer, f"the reference {short(repr(value))} leads to nothing", REFUSED)


def _refuse_unmapped(document: Document, pointer: str, value: object) -> None:
    # OpenAPI allows a name or a reference. The validators follow anything else too: a file, an address.
    schemas = get(document.data, "/components/schemas")
    named = value.removeprefix(_SCHEMAS) if isinstance(value, str) else None
    if not isinstance(schemas, dict) or named not in schemas:
        raise document.error(pointer, f"{short(repr(value))} is no schema of the contract", f"name one in {_SCHEMAS}")


def _refuse_endless(document: Document) -> None:
    graph = _in_place(document.data)
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise _endless(document, error.args[1]) from error
    weights: dict[str, int] = {}
    for pointer in order:
        weights[pointer] = 1 + sum(weights[below] for below in graph.get(pointer, ()))
        if weights[pointer] > _MOST_IN_ONE_PLACE:
            problem = f"more than {_MOST_IN_ONE_PLACE} schemas say something about this one value"
            raise document.error(pointer, problem, REFUSED)


def _endless(document: Document, cycle: list[str]) -> ContractError:
    # The sorter names each schema after those it depends on, and closes the circle. Readers expect the other order.
    circle = cycle[:0:-1]
    start = circle.index(min(circle))
    circle = [*circle[start:], *circle[:start]]
    path = " -> ".join([*circle, circle[0]])
    return document.error(circle[0], f"it is defined by itself: {short(path)}", REFUSED)


def _in_place(data: Any) -> dict[str, list[str]]:
    """Return, for each reference and each schema, the other schemas that describe the same value."""
    waiting = [pointer.rpartition("/")[0] for pointer, key, _ in members(data) if key == "$ref"]
    waiting += [node.pointer for node in walk(data) if node.kind == "schema"]
    graph: dict[str, list[str]] = {}
    while waiting:
        pointer = waiting.pop()
        if pointer not in graph:
            graph[pointer] = list(_parts(pointer, get(data, pointer)))
            waiting += graph[pointer]
    return graph


def _parts(pointer: str, value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield target(value["$ref"])
        for key in ("allOf", "anyOf", "oneOf"):
            if isinstance(value.get(key), list):
                yield from (child(child(pointer, key), index) for index in range(len(value[key])))
        yield from (child(pointer, key) for key in ("not", "if", "then", "else") if key in value)
