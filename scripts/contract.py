"""The providers' contracts: where they are, what may stand in them, and the effective contract the generators read."""

import argparse
import http
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator

from scripts import overlay
from scripts.document import ContractError, Document, child, keys, load, resolve, short

__all__ = [
    "KINDS",
    "PROVIDERS",
    "SPECS",
    "ContractError",
    "Node",
    "check",
    "effective",
    "effective_document",
    "python_name",
    "reason_phrase",
    "vendored",
    "vendored_document",
    "walk",
]

PROVIDERS: tuple[str, ...] = ("lab4pay", "paybyrd", "blink")
SPECS = Path(__file__).resolve().parent.parent / "specs"

# Every kind of object in an OpenAPI 3.0/3.1 document and the kind of its members: "x" one object, "x[]" a list of
# them, "x{}" a map of them. Member "*" stands for every member. What is not listed holds values, never objects with
# fixed members: examples, defaults, enums, extensions.
_SCHEMA_MEMBERS = {
    **dict.fromkeys(
        ("additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then"),
        "schema",
    ),
    **dict.fromkeys(("unevaluatedItems", "unevaluatedProperties"), "schema"),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), "schema[]"),
    **dict.fromkeys(("$defs", "definitions", "dependentSchemas", "patternProperties", "properties"), "schema{}"),
}
_VALUE_MEMBERS = {"schema": "schema", "content": "media type{}", "examples": "example{}"}
_METHODS = ("delete", "get", "head", "options", "patch", "post", "put", "trace")
KINDS: Mapping[str, Mapping[str, str]] = {
    "document": {
        "info": "info",
        "servers": "server[]",
        "paths": "path{}",
        "webhooks": "path{}",
        "components": "components",
        "tags": "tag[]",
    },
    "info": {},
    "tag": {},
    "server": {"variables": "server variable{}"},
    "server variable": {},
    "path": {"parameters": "parameter[]", "servers": "server[]", **dict.fromkeys(_METHODS, "operation")},
    "operation": {
        "parameters": "parameter[]",
        "requestBody": "request body",
        "responses": "response{}",
        "callbacks": "callback{}",
        "servers": "server[]",
    },
    "callback": {"*": "path"},
    "parameter": _VALUE_MEMBERS,
    "header": _VALUE_MEMBERS,
    "request body": {"content": "media type{}"},
    "response": {"headers": "header{}", "content": "media type{}", "links": "link{}"},
    "media type": {"schema": "schema", "examples": "example{}", "encoding": "encoding{}"},
    "encoding": {"headers": "header{}"},
    "example": {},
    "link": {"server": "server"},
    "schema": _SCHEMA_MEMBERS,
    "security scheme": {"flows": "oauth flows"},
    "oauth flows": {"*": "oauth flow"},
    "oauth flow": {},
    "components": {
        "schemas": "schema{}",
        "responses": "response{}",
        "parameters": "parameter{}",
        "examples": "example{}",
        "requestBodies": "request body{}",
        "headers": "header{}",
        "securitySchemes": "security scheme{}",
        "links": "link{}",
        "callbacks": "callback{}",
        "pathItems": "path{}",
    },
}


@dataclass(frozen=True)
class Node:
    """One object of an OpenAPI document: its JSON Pointer, its kind (a key of KINDS) and its own dict, not a copy."""

    pointer: str
    kind: str
    value: dict[str, Any]

    @property
    def name(self) -> str:
        """The key or index under which the object stands in its parent; the empty string for the document itself."""
        return keys(self.pointer)[-1] if self.pointer else ""


def walk(data: Any, kind: str = "document", pointer: str = "") -> Iterator[Node]:
    """Yield every object of an OpenAPI document, parents first, by the structure of the document and not by key names.

    A property that is called `description` or `example` is a property here, and the value of an example is nobody's
    child. A reference is yielded as the kind that it stands for, and not followed.
    """
    if not isinstance(data, dict):
        return
    yield Node(pointer, kind, data)
    every = KINDS[kind].get("*")
    for key, value in list(data.items()):
        member = KINDS[kind].get(key, None if key.startswith("x-") else every)
        if member is not None:
            for item_pointer, item in _items(value, member, child(pointer, key)):
                yield from walk(item, member.rstrip("[]{}"), item_pointer)


def _items(value: Any, member: str, pointer: str) -> Iterator[tuple[str, Any]]:
    if member.endswith("{}") and isinstance(value, dict):
        extensible = member in ("path{}", "response{}")
        names = [name for name in value if not (extensible and name.startswith("x-"))]
        yield from ((child(pointer, name), value[name]) for name in names)
    elif member.endswith("[]") and isinstance(value, list):
        yield from ((child(pointer, index), item) for index, item in enumerate(value))
    elif not member.endswith(("{}", "[]")):
        yield pointer, value


# RFC 9110 phrases where the table of Python's older releases still has those of RFC 7231.
_PHRASES = {
    **{str(status.value): status.phrase for status in http.HTTPStatus},
    "413": "Content Too Large",
    "414": "URI Too Long",
    "416": "Range Not Satisfiable",
    "422": "Unprocessable Content",
    "default": "Default",
}
_CLASSES = {"1": "Informational", "2": "Successful", "3": "Redirection", "4": "Client Error", "5": "Server Error"}


def reason_phrase(status: str) -> str:
    """Return the standard phrase of a response key: "404", "5XX", "default". An unregistered status has its class's."""
    return _PHRASES.get(status, _CLASSES.get(status[:1], "Default"))


# Keys that reach outside the contract, whoever writes them and wherever: as the generators and validators read them.
_REFUSED_KEYS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"customTypePath|customBasePath|x-python-.*|x-datamodel-code-generator-.*"),
        "this key makes a generator import code",
    ),
    (
        re.compile(r"\$id|\$schema|\$dynamicRef|\$recursiveRef|externalValue|operationRef|jsonSchemaDialect"),
        "this key can point outside the contract",
    ),
)

# Names that the generated code uses itself: methods and locals of a model, arguments and locals of an operation's
# functions, and what a generated module imports. The generators rename Python's own words, so those are not here.
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
# Literal text and {parameters}; no dot segments, nothing that is quoted or formatted in generated code.
_PATH = re.compile(r"(/(?!\.{1,2}(/|$))([A-Za-z0-9._~:@-]|\{[A-Za-z][A-Za-z0-9_.-]*\})*)+")
_VALIDATORS = {"3.0": OpenAPIV30SpecValidator, "3.1": OpenAPIV31SpecValidator}


def python_name(wire_name: str) -> str:
    """Return the attribute name that the generated model gives to a wire name: `isoAmount` becomes `iso_amount`."""
    words = " ".join(re.split("([A-Z]?[a-z]+)", wire_name)) if wire_name.lower() != wire_name else wire_name
    return "_".join(re.findall(r"[^\s._-]+", words)).lower()


def check(document: Document) -> None:
    """Refuse a contract that is hostile, that the generators cannot turn into usable code, or that is not OpenAPI.

    A contract is untrusted input: nothing in it may make a tool import code or read another file or address, and no
    name in it may break or shadow a part of the generated models. Raises ContractError with file, line and key.
    """
    if not isinstance(document.data, dict):
        raise document.error("", "the contract is not a mapping", "take the page again")
    for rule in (_refuse_keys, _refuse_names, _refuse_paths, _refuse_content_types, _refuse_invalid):
        rule(document)


def _refuse_keys(document: Document) -> None:
    for pointer, key, value in _members(document.data, ""):
        for pattern, problem in _REFUSED_KEYS:
            if pattern.fullmatch(key):
                raise document.error(pointer, problem, _REFUSED)
        if key == "$ref" and not (isinstance(value, str) and value.startswith("#/")):
            raise document.error(pointer, "the reference leaves the contract", "only references to #/... are followed")
        if key == "$ref" and _get(document.data, unquote(value[1:])) is None:
            raise document.error(pointer, f"the reference {short(repr(value))} leads to nothing", _REFUSED)


def _members(data: Any, pointer: str) -> Iterator[tuple[str, str, Any]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield child(pointer, key), key, value
            yield from _members(value, child(pointer, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _members(value, child(pointer, index))


def _refuse_names(document: Document) -> None:
    for node in walk(document.data):
        if node.kind == "schema":
            properties = _named(child(node.pointer, "properties"), node.value.get("properties"))
            _usable(document, properties, "property", _MODEL_NAMES)
        elif node.kind == "path":
            for method in _METHODS:
                _usable(document, _parameters(document, node, method), "parameter", _PARAMETER_NAMES)
        elif node.kind == "operation" and "operationId" in node.value:
            _identifier(document, child(node.pointer, "operationId"), node.value["operationId"], _WIRE_NAME)
        elif node.kind == "components":
            for group in KINDS["components"]:
                for pointer, name in _named(child(node.pointer, group), node.value.get(group)):
                    _identifier(document, pointer, name, _COMPONENT_NAME)
            schemas = _named(child(node.pointer, "schemas"), node.value.get("schemas"))
            _usable(document, schemas, "schema", _SCHEMA_NAMES, lambda name: name)
            _usable(document, schemas, "schema", frozenset())


def _named(pointer: str, members: object) -> list[tuple[str, str]]:
    return [(child(pointer, name), name) for name in members] if isinstance(members, dict) else []


def _parameters(document: Document, path: Node, method: str) -> list[tuple[str, str]]:
    """Return pointer and name of each parameter of an operation. It replaces one of its path by name and place."""
    parameters: dict[tuple[str, str], tuple[str, str]] = {}
    for holder in (path.pointer, child(path.pointer, method)):
        for node in walk(_get(document.data, holder), "operation", holder):
            if node.kind == "parameter" and node.pointer.startswith(child(holder, "parameters")):
                value = _get(document.data, str(node.value.get("$ref", "#" + node.pointer))[1:])
                if isinstance(value, dict) and isinstance(value.get("name"), str):
                    parameters[value["name"], str(value.get("in"))] = (node.pointer, value["name"])
    return list(parameters.values())


def _get(data: Any, pointer: str) -> Any:
    try:
        return resolve(data, pointer)
    except KeyError:
        return None


_REFUSED = "the contract is refused as it stands"


def _identifier(document: Document, pointer: str, name: object, pattern: re.Pattern[str]) -> None:
    if not (isinstance(name, str) and pattern.fullmatch(name)):
        raise document.error(pointer, f"the name {short(repr(name))} is not a plain identifier", _REFUSED)


def _usable(
    document: Document,
    named: list[tuple[str, str]],
    what: Literal["property", "parameter", "schema"],
    reserved: frozenset[str],
    as_python: Callable[[str], str] = python_name,
) -> None:
    taken: dict[str, str] = {}
    for pointer, name in named:
        _identifier(document, pointer, name, _WIRE_NAME)
        if as_python(name) in reserved:
            raise document.error(
                pointer, f"the {what} name {name!r} is one that the generated code uses itself", _REFUSED
            )
        if (other := taken.get(as_python(name))) is not None:
            problem = f"the {what} names {other!r} and {name!r} are both {as_python(name)!r} in Python"
            raise document.error(pointer, problem, _REFUSED)
        taken[as_python(name)] = name


def _refuse_paths(document: Document) -> None:
    for pointer, path in _named("/paths", document.data.get("paths")):
        if not path.startswith("x-") and not _PATH.fullmatch(path):
            raise document.error(pointer, f"{short(repr(path))} is not a plain path", _REFUSED)


def _refuse_content_types(document: Document) -> None:
    for node in walk(document.data):
        if node.kind == "request body":
            for name in node.value.get("content") or ():
                if name != "application/json":
                    pointer = child(child(node.pointer, "content"), name)
                    raise document.error(pointer, f"a request body of type {name!r}", "only application/json is sent")


def _refuse_invalid(document: Document) -> None:
    version = ".".join(str(document.data.get("openapi", "")).split(".")[:2])
    if version not in _VALIDATORS:
        raise document.error(
            "/openapi" if "openapi" in document.data else "", "not OpenAPI 3.0 or 3.1", "take the page again"
        )
    error = next(iter(_VALIDATORS[version](document.data).iter_errors()), None)
    while error is not None and error.context:
        # "None of these fits" says little: of the reasons, the one found deepest in the document says most.
        error = max(error.context, key=lambda reason: len(reason.absolute_path))
    if error is not None:
        pointer = "".join(child("", part) for part in error.absolute_path)
        raise document.error(
            pointer, f"not valid OpenAPI {version}: {short(error.message)}", "take the page again, or mend the overlay"
        )


def vendored_document(provider: str, specs: Path = SPECS) -> Document:
    """Return the provider's own contract, checked, with the place of each part."""
    if provider not in PROVIDERS:
        raise ContractError(f"{specs}:1: {provider}: no such provider; use one of {', '.join(PROVIDERS)}")
    document = load(specs / provider / "openapi.yaml")
    check(document)
    return document


def effective_document(provider: str, specs: Path = SPECS) -> Document:
    """Return the contract with our overlay applied, checked again, with the place of each part."""
    document = overlay.apply(vendored_document(provider, specs), load(specs / provider / "overlay.yaml"))
    check(document)
    return document


def vendored(provider: str, specs: Path = SPECS) -> dict[str, Any]:
    """Return the provider's own contract as plain data. Raises ContractError when it is missing or refused."""
    data: dict[str, Any] = vendored_document(provider, specs).data
    return data


def effective(provider: str, specs: Path = SPECS) -> dict[str, Any]:
    """Return what the generators read: the provider's contract with our overlay applied, as plain data.

    Raises ContractError when the contract or the overlay is missing or refused, and when an action does not fit.
    """
    data: dict[str, Any] = effective_document(provider, specs).data
    return data


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.contract",
        description="Check the vendored contracts, and that each overlay still fits its contract exactly.",
        epilog="Exit code: 0 all fit; 2 one does not.",
    )
    parser.add_argument("provider", nargs="*", default=PROVIDERS, help="default: all")
    try:
        for provider in parser.parse_args(argv).provider:
            effective_document(provider)
            print(f"{provider}: the contract is usable and the overlay fits it")
    except ContractError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
