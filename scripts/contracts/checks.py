"""What a contract must not hold. A contract is untrusted input: it is checked before any tool reads it."""

import re
from collections.abc import Callable, Iterator
from typing import Any, Literal

from scripts.contracts import references
from scripts.contracts.document import Document
from scripts.contracts.errors import REFUSED, short
from scripts.contracts.openapi import KINDS, METHODS, Node, python_name, walk
from scripts.contracts.pointers import child, get, members

# Keys with which a contract reaches outside itself. The generators and validators heed them wherever they stand.
_REFUSED_KEYS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"customTypePath|customBasePath|x-python-.*|x-datamodel-code-generator-.*"),
        "this key makes a generator import code",
    ),
    (re.compile(r"patternProperties"), "the generated models cannot carry properties that are named by a pattern"),
    (
        re.compile(r"\$id|\$schema|\$dynamicRef|\$recursiveRef|externalValue|operationRef|jsonSchemaDialect"),
        "this key can point outside the contract",
    ),
)

# Names that the generated code uses itself: methods and locals of a model, arguments and locals of an operation's
# functions, and what a generated module imports. The generators rename Python's keywords, so those are not listed.
_MODEL_NAMES = frozenset(
    {"additional_keys", "additional_properties", "cast", "cls", "d", "field_dict", "from_dict", "prop", "prop_dict"}
    | {"prop_name", "src_dict", "to_dict", "to_multipart"}
)
_PARAMETER_NAMES = frozenset(
    {"body", "client", "content", "cookies", "errors", "headers", "json_body", "kwargs", "method", "params", "path"}
    | {"path_segment", "problem", "quote", "request", "response", "status_code", "types", "url", "write_json"}
)
_SCHEMA_NAMES = frozenset(
    {"Any", "AuthenticatedClient", "BaseModel", "BinaryIO", "Client", "ConfigDict", "Field", "Generator", "Mapping"}
    | {"Request", "Response", "RootModel", "T", "TYPE_CHECKING", "TextIO", "TypeVar", "UNSET", "Unset"}
)
_WIRE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_.][A-Za-z0-9]+)*")
_COMPONENT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# Literal text and {parameters}; no dot segments, and no character that generated code would have to quote.
_PATH = re.compile(r"(/(?!\.{1,2}(/|$))([A-Za-z0-9._~:@-]|\{[A-Za-z][A-Za-z0-9_.-]*\})*)+")


def check(document: Document) -> None:
    """Refuse a contract that is hostile, that the generators cannot turn into usable code, or that is not OpenAPI.

    Raises ContractError with file, line and key.
    """
    refuse_hostile(document)
    refuse_invalid(document)


def refuse_hostile(document: Document) -> None:
    """Refuse a contract that no tool may read.

    A contract is untrusted input: nothing in it may make a tool import code or read another file or address, and no
    name in it may break or shadow a part of the generated models. Raises ContractError with file, line and key.
    """
    if not isinstance(document.data, dict):
        raise document.error("", "the contract is not a mapping", "take the page again")
    for rule in (_refuse_keys, references.check, _refuse_names, _refuse_paths, _refuse_content_types):
        rule(document)


def _refuse_keys(document: Document) -> None:
    for pointer, key, _ in members(document.data):
        for pattern, problem in _REFUSED_KEYS:
            if pattern.fullmatch(key):
                raise document.error(pointer, problem, REFUSED)


def _refuse_names(document: Document) -> None:
    for node in walk(document.data):
        if node.kind == "schema":
            properties = _named(child(node.pointer, "properties"), node.value.get("properties"))
            _refuse_clashes(document, properties, "property", _MODEL_NAMES)
        elif node.kind == "path":
            for method in METHODS:
                _refuse_clashes(document, _parameters(document, node, method), "parameter", _PARAMETER_NAMES)
        elif node.kind == "operation" and "operationId" in node.value:
            _refuse_other_than(document, child(node.pointer, "operationId"), node.value["operationId"], _WIRE_NAME)
        elif node.kind == "components":
            for group in KINDS["components"]:
                for pointer, name in _named(child(node.pointer, group), node.value.get(group)):
                    _refuse_other_than(document, pointer, name, _COMPONENT_NAME)
            schemas = _named(child(node.pointer, "schemas"), node.value.get("schemas"))
            _refuse_clashes(document, schemas, "schema", _SCHEMA_NAMES, lambda name: name)
            _refuse_clashes(document, schemas, "schema", frozenset())


def _named(pointer: str, members: object) -> list[tuple[str, str]]:
    return [(child(pointer, name), name) for name in members] if isinstance(members, dict) else []


def _parameters(document: Document, path: Node, method: str) -> list[tuple[str, str]]:
    """Return pointer and name of each parameter of an operation; its own replace those of the path."""
    parameters: dict[tuple[str, str], tuple[str, str]] = {}
    for holder in (path.pointer, child(path.pointer, method)):
        for node in walk(get(document.data, holder), "operation", holder):
            if node.kind == "parameter" and node.pointer.startswith(child(holder, "parameters")):
                value = get(document.data, str(node.value.get("$ref", "#" + node.pointer))[1:])
                if isinstance(value, dict) and isinstance(value.get("name"), str):
                    parameters[value["name"], str(value.get("in"))] = (node.pointer, value["name"])
    return list(parameters.values())


def _refuse_other_than(document: Document, pointer: str, name: object, pattern: re.Pattern[str]) -> None:
    if not (isinstance(name, str) and pattern.fullmatch(name)):
        raise document.error(pointer, f"the name {short(repr(name))} is not a plain identifier", REFUSED)


def _refuse_clashes(
    document: Document,
    named: list[tuple[str, str]],
    what: Literal["property", "parameter", "schema"],
    reserved: frozenset[str],
    as_python: Callable[[str], str] = python_name,
) -> None:
    used: dict[str, str] = {}
    for pointer, name in named:
        _refuse_other_than(document, pointer, name, _WIRE_NAME)
        if as_python(name) in reserved:
            raise document.error(
                pointer, f"the {what} name {name!r} is one that the generated code uses itself", REFUSED
            )
        if (other := used.get(as_python(name))) is not None:
            problem = f"the {what} names {other!r} and {name!r} are both {as_python(name)!r} in Python"
            raise document.error(pointer, problem, REFUSED)
        used[as_python(name)] = name


def _refuse_paths(document: Document) -> None:
    for pointer, path in _named("/paths", document.data.get("paths")):
        if not path.startswith("x-") and not _PATH.fullmatch(path):
            raise document.error(pointer, f"{short(repr(path))} is not a plain path", REFUSED)


def _refuse_content_types(document: Document) -> None:
    for node in walk(document.data):
        if node.kind == "request body":
            for name in node.value.get("content") or ():
                if name != "application/json":
                    pointer = child(child(node.pointer, "content"), name)
                    raise document.error(pointer, f"a request body of type {name!r}", "only application/json is sent")


def refuse_invalid(document: Document) -> None:
    """Refuse a contract that is not OpenAPI 3.0 or 3.1. Raises ContractError with file, line and key.

    Imports the validators, which takes longer than the check.
    """
    from scripts.contracts import validation

    version = validation.version(document.data)
    if version is None:
        raise document.error(
            "/openapi" if "openapi" in document.data else "", "not OpenAPI 3.0 or 3.1", "take the page again"
        )
    try:
        pointer, error = next(_invalid(document.data), ("", None))
    except Exception as stopped:
        # A validator raises whatever its code meets in a strange contract: RecursionError, KeyError, a library's own.
        problem = f"the validator stopped: {type(stopped).__name__}: {short(str(stopped))}"
        raise document.error("", problem, REFUSED) from stopped
    while error is not None and error.context:
        # "None of these fits" says little. Of the reasons, the one deepest in the document says most.
        error = max(error.context, key=lambda reason: len(reason.absolute_path))
    if error is not None:
        pointer += "".join(child("", part) for part in error.absolute_path)
        raise document.error(
            pointer, f"not valid OpenAPI {version}: {short(error.message)}", "take the page again, or mend the overlay"
        )


def _invalid(data: Any) -> Iterator[tuple[str, Any]]:
    """Yield each error of a validator, and the pointer that its path starts from."""
    from scripts.contracts import validation

    yield from (("", error) for error in validation.document_errors(data))
    for node in walk(data):
        if node.kind == "schema" and "default" in node.value:
            for error in validation.value_errors(data, node.pointer, node.value["default"]):
                yield child(node.pointer, "default"), error
