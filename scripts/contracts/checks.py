"""What a contract must not hold. A contract is untrusted input: it is checked before any tool reads it.

Safety is checked of the vendored contract, before anything reads it. Whether a package can be made of it is checked of
the effective one, so that an overlay mends what it is for.
"""

import re
from collections.abc import Iterator
from typing import Any

from scripts.contracts import constructs, merging, names, references, remedies, security
from scripts.contracts.document import Document, Fault
from scripts.contracts.errors import REFUSED, short
from scripts.contracts.openapi import walk
from scripts.contracts.pointers import child, get, keys, members

# Keys with which a contract reaches outside itself. The generators heed the first ones wherever they stand, and the
# validators the others in a schema.
_IMPORTS = re.compile(r"customTypePath|customBasePath|x-python-.*|x-datamodel-code-generator-.*")
_BASES = ("$id", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$anchor")
_READ = re.compile(r"3\.[01](\.|$)")
_DIALECTS = frozenset(
    {"https://json-schema.org/draft/2020-12/schema", "https://spec.openapis.org/oas/3.1/dialect/base"}
)


def check(document: Document) -> None:
    """Refuse a contract that is hostile, that the generators cannot turn into usable code, or that is not OpenAPI.

    Raises ContractError with a line for each fault: file, line, key, and what mends it. Causes come first.
    """
    hostile = list(_hostile(document.data))
    document.refuse([*hostile, *_unusable(document.data, valid=not hostile)])


def refuse_hostile(document: Document) -> None:
    """Refuse a contract that no tool may read.

    A contract is untrusted input: nothing in it may make a tool import code or read another file or address. Raises
    ContractError with file, line and key of each fault.
    """
    document.refuse(_hostile(document.data))


def refuse_unusable(document: Document) -> None:
    """Refuse a contract that is hostile, or that no package can be made of.

    Whether it is valid OpenAPI is a question to `refuse_invalid`: the validators are asked here only where something
    else is amiss, to name all faults at once. Raises ContractError with file, line and key of each fault.
    """
    if any(_hostile(document.data)) or any(_unusable(document.data, valid=False)):
        check(document)


def refuse_invalid(document: Document) -> None:
    """Refuse a contract that is not OpenAPI 3.0 or 3.1. Raises ContractError with file, line and key of each fault.

    Imports the validators, which takes longer than the check.
    """
    document.refuse(_invalid(document.data))


def _hostile(data: Any) -> Iterator[Fault]:
    if not isinstance(data, dict):
        yield Fault("", "the contract is not a mapping", "take the page again")
        return
    if (fault := _version(data)) is not None:
        yield fault
        return
    for pointer, key, _ in members(data):
        if _IMPORTS.fullmatch(key):
            yield Fault(pointer, "this key makes a generator import code", REFUSED)
    for node in walk(data):
        for key in _BASES if node.kind == "schema" else ():
            if key in node.value:
                yield Fault(child(node.pointer, key), "this key can point outside the contract", REFUSED)
        for key in ("$schema", "jsonSchemaDialect"):
            if key in node.value and node.kind in ("schema", "document") and node.value[key] not in _DIALECTS:
                yield Fault(child(node.pointer, key), "this key can point outside the contract", REFUSED)
    yield from references.outside(data)


def _unusable(data: Any, *, valid: bool) -> Iterator[Fault]:
    """Yield what keeps a package from being made, causes first; with `valid`, what is no valid OpenAPI as well."""
    if not isinstance(data, dict):
        return
    if str(data.get("openapi")).startswith("3.") and not _READ.match(str(data["openapi"])):
        mend = remedies.update(data, "/openapi", "3.1.1") + ", if it uses nothing newer"
        yield Fault("/openapi", f"it is OpenAPI {short(str(data['openapi']))}, not OpenAPI 3.0 or 3.1", mend)
        return
    if _version(data) is not None:
        return
    found = list(references.broken(data))
    lost = bool(found)
    for rule in (names.faults, constructs.faults, security.faults):
        found += rule(data)
    if not lost:
        found += merging.faults(data)
    yield from found
    if valid and not lost:
        # What stands in, or holds, a place that is amiss already is a consequence.
        for fault in _invalid(data):
            if not any(_related(fault.pointer, each.pointer) for each in found):
                yield fault


def _related(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _version(data: dict[str, Any]) -> Fault | None:
    """Return what is amiss with a document that no overlay makes OpenAPI 3 of."""
    if str(data.get("openapi", "")).startswith("3."):
        return None
    if "swagger" in data:
        return Fault("", "it is Swagger 2.0, not OpenAPI 3.0 or 3.1", "convert it first, and take the result")
    return Fault("/openapi" if "openapi" in data else "", "not OpenAPI 3.0 or 3.1", "take the page again")


def _invalid(data: Any) -> Iterator[Fault]:
    from scripts.contracts import validation

    mend = "take the page again, or mend it in overlay.yaml"
    if not isinstance(data, dict) or (version := validation.version(data)) is None:
        yield Fault("", "not OpenAPI 3.0 or 3.1", "take the page again")
        return
    found: dict[str, Fault] = {}
    try:
        for pointer, error in _errors(data):
            while error.context:
                # "None of these fits" says little. Of the reasons, the one deepest in the document says most.
                error = max(error.context, key=lambda reason: len(reason.absolute_path))
            pointer += "".join(child("", part) for part in error.absolute_path)
            if pointer and keys(pointer)[0] not in data:
                # The validators also check each schema by itself, and then say where in the schema the error is.
                holders = (node.pointer for node in walk(data) if get(node.value, pointer) == error.instance)
                pointer = next(holders, "") + pointer
            # Of a value that breaks several rules, the first says enough.
            key = pointer or error.message
            found.setdefault(key, Fault(pointer, f"not valid OpenAPI {version}: {short(error.message)}", mend))
    except Exception as stopped:  # noqa: BLE001 - RecursionError, KeyError, a library's own: a validator raises anything
        problem = f"the validator stopped: {type(stopped).__name__}: {short(str(stopped))}"
        found.setdefault("", Fault("", problem, REFUSED))
    placed = [fault for fault in found.values() if not fault.pointer or keys(fault.pointer)[0] in data]
    yield from placed or found.values()


def _errors(data: Any) -> Iterator[tuple[str, Any]]:
    """Yield each error of a validator, and the pointer that its path starts from."""
    from scripts.contracts import validation

    yield from (("", error) for error in validation.document_errors(data))
    for node in walk(data):
        if node.kind == "schema" and "default" in node.value:
            for error in validation.value_errors(data, node.pointer, node.value["default"]):
                yield child(node.pointer, "default"), error
