"""Holds the references of a contract: each leads to a part of it, and none leads back to itself."""

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any
from urllib.parse import unquote

from scripts.contracts import remedies
from scripts.contracts.document import Fault
from scripts.contracts.errors import short
from scripts.contracts.openapi import walk
from scripts.contracts.pointers import child, get

_SCHEMAS = "#/components/schemas/"
# The most schemas that may describe one value. The most in a provider's contract is a few hundred. Each level that
# names the next one twice doubles the number, and the work of a validator or a generator with it.
_MOST_IN_ONE_PLACE = 10_000
_BUNDLE = "bundle all files into one document first (`redocly bundle`, or the like), and take that one"


def target(reference: str) -> str:
    """Return the JSON Pointer that a reference inside a document, `#/...`, stands for."""
    return unquote(reference.removeprefix("#"))


def outside(data: Any) -> Iterator[Fault]:
    """Yield each reference that leaves the contract. A reference in an example is a value, and is not followed."""
    for pointer, value in _references(data):
        if not (isinstance(value, str) and value.startswith("#/")):
            yield Fault(pointer, f"the reference {short(repr(value))} leaves the contract", _BUNDLE)
    for pointer, value in _mapped(data):
        if not isinstance(value, str) or re.search("[/:]", value.removeprefix(_SCHEMAS)):
            problem = f"{short(repr(value))} is no schema of the contract"
            yield Fault(pointer, problem, f"name one in {_SCHEMAS}, or {_BUNDLE}")


def broken(data: Any) -> Iterator[Fault]:
    """Yield each reference inside the contract that leads to nothing, and each circle of references."""
    lost = False
    for pointer, value in _references(data):
        if isinstance(value, str) and value.startswith("#/") and get(data, target(value)) is None:
            lost = True
            what = remedies.update(data, pointer.rpartition("/")[0], "another reference")
            yield Fault(pointer, f"the reference {short(repr(value))} leads to nothing", what)
    schemas = get(data, "/components/schemas")
    for pointer, value in _mapped(data):
        name = value.removeprefix(_SCHEMAS) if isinstance(value, str) else "/"
        if not re.search("[/:]", name) and name not in (schemas or ()):
            yield Fault(pointer, f"{short(repr(value))} is no schema of the contract", remedies.remove(data, pointer))
    if not lost:
        yield from _endless(data)


def _references(data: Any) -> Iterator[tuple[str, object]]:
    return ((child(node.pointer, "$ref"), node.value["$ref"]) for node in walk(data) if "$ref" in node.value)


def _mapped(data: Any) -> Iterator[tuple[str, object]]:
    """Yield each schema that a discriminator names. The validators follow whatever stands there."""
    for node in walk(data):
        mapping = get(node.value, "/discriminator/mapping") if node.kind == "schema" else None
        if isinstance(mapping, dict):
            at = child(child(node.pointer, "discriminator"), "mapping")
            yield from ((child(at, name), schema) for name, schema in mapping.items())


def _endless(data: Any) -> Iterator[Fault]:
    graph = _in_place(data)
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        yield _circle(data, error.args[1])
        return
    weights: dict[str, int] = {}
    for pointer in order:
        weights[pointer] = 1 + sum(weights[below] for below in graph.get(pointer, ()))
        if weights[pointer] > _MOST_IN_ONE_PLACE:
            problem = f"more than {_MOST_IN_ONE_PLACE} schemas say something about this one value"
            yield Fault(pointer, problem, remedies.remove(data, pointer))
            return


def _circle(data: Any, cycle: list[str]) -> Fault:
    # The sorter names each schema after those it depends on, and closes the circle. Readers expect the other order.
    circle = cycle[:0:-1]
    start = circle.index(min(circle))
    circle = [*circle[start:], *circle[:start]]
    path = " -> ".join([*circle, circle[0]])
    return Fault(circle[0], f"it is defined by itself: {short(path)}", remedies.remove(data, circle[0]))


def _in_place(data: Any) -> dict[str, list[str]]:
    """Return, for each reference and each schema, the other schemas that describe the same value."""
    waiting = [node.pointer for node in walk(data) if "$ref" in node.value or node.kind == "schema"]
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
