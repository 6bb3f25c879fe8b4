"""The names of a contract that become names in Python: which cannot, and which would become the same."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from scripts.contracts import remedies
from scripts.contracts.document import Fault
from scripts.contracts.errors import short
from scripts.contracts.openapi import METHODS, Node, identifier, operations, python_name, walk
from scripts.contracts.pointers import child, get

# Names that the generated code uses itself: methods and locals of a model, arguments and locals of an operation's
# functions, and what a generated module imports. The generators rename Python's keywords, so those are not listed.
_MODEL_NAMES = frozenset(
    {"additional_keys", "additional_properties", "cast", "cls", "d", "field_dict", "from_dict", "has_listed"}
    | {"pass_through", "prop", "prop_dict", "prop_name", "src_dict", "to_dict", "to_multipart"}
)
_PARAMETER_NAMES = frozenset(
    {"body", "client", "content", "cookies", "errors", "headers", "json_body", "kwargs", "method", "params", "path"}
    | {"path_segment", "problem", "quote", "request", "response", "status_code", "styles", "types", "url"}
    | {"write_json"}
)
_CLASS_NAMES = frozenset(
    {"Any", "AuthenticatedClient", "BaseModel", "BinaryIO", "Client", "ConfigDict", "Enum", "Field", "Generator"}
    | {"Literal", "Mapping", "Request", "Response", "RootModel", "T", "TYPE_CHECKING", "TextIO", "TypeVar"}
    | {"UNSET", "UUID", "Unset"}
)
# A name that only stands on the wire is any text that no place of generated code reads as something else.
_WIRE_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\"'`\\]+")
_COMPONENT_NAME = re.compile(r"[A-Za-z0-9._-]*[A-Za-z0-9][A-Za-z0-9._-]*")
# Literal text and {parameters}; no dot segments, and no character that starts a query or a fragment.
_PATH = re.compile(r"(/(?!\.{1,2}(/|$))([A-Za-z0-9._~:@!$&()*+,;=-]|\{[A-Za-z0-9_@$.~-]+\})*)+")

Named = list[tuple[str, str]]
"""Names, each after the JSON Pointer of what has it."""


def class_name(name: str) -> str:
    """Return the name of a schema where it is one of Python's, and one made of its words where it is not."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        return name
    words = [word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", name)]
    made = "".join(words)
    return made if made[:1].isalpha() else f"Model{made}"


def faults(data: dict[str, Any]) -> Iterator[Fault]:
    """Yield each name of a contract that no Python name can be made of, or that is not the only one of its kind."""
    for node in walk(data):
        if node.kind == "schema":
            properties = _named(child(node.pointer, "properties"), node.value.get("properties"))
            yield from _clashes(data, properties, "property", _MODEL_NAMES, identifier)
        elif node.kind == "path":
            for method in METHODS:
                yield from _clashes(data, _parameters(data, node, method), "parameter", _PARAMETER_NAMES, identifier)
        elif node.kind == "components":
            for group in node.value:
                for pointer, name in _named(child(node.pointer, group), node.value.get(group)):
                    if not (_COMPONENT_NAME if group == "schemas" else _WIRE_NAME).fullmatch(name):
                        yield _unreadable(data, pointer, name)
            schemas = _named(child(node.pointer, "schemas"), node.value.get("schemas"))
            yield from _clashes(data, schemas, "schema", _CLASS_NAMES, class_name)
            yield from _clashes(data, schemas, "schema", frozenset(), lambda name: python_name(class_name(name)))
    yield from _operation_faults(data)
    yield from _path_faults(data)


def _named(pointer: str, members: object) -> Named:
    return [(child(pointer, name), name) for name in members] if isinstance(members, dict) else []


def _parameters(data: dict[str, Any], path: Node, method: str) -> Named:
    """Return pointer and name of each parameter of an operation; its own replace those of the path."""
    parameters: dict[tuple[str, str], tuple[str, str]] = {}
    for holder in (path.pointer, child(path.pointer, method)):
        for pointer, value in listed_parameters(data, holder):
            parameters[value["name"], str(value.get("in"))] = (pointer, value["name"])
    return list(parameters.values())


def listed_parameters(data: Any, holder: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each parameter that the path or operation at `holder` lists: where it is listed, and what it is."""
    listed = get(data, child(holder, "parameters"))
    for index in range(len(listed)) if isinstance(listed, list) else ():
        pointer = child(child(holder, "parameters"), index)
        value = listed[index]
        if isinstance(value, dict) and isinstance(value.get("$ref"), str):
            value = get(data, value["$ref"].removeprefix("#"))
        if isinstance(value, dict) and isinstance(value.get("name"), str):
            yield pointer, value


def _unreadable(data: Any, pointer: str, name: object) -> Fault:
    problem = f"the name {short(repr(name))} is empty, or holds a quote, a backslash or a control character"
    return Fault(pointer, problem, remedies.remove(data, pointer))


def _clashes(
    data: Any, named: Named, what: str, reserved: frozenset[str], as_python: Callable[[str], str]
) -> Iterator[Fault]:
    used: dict[str, str] = {}
    for pointer, name in named:
        mend = remedies.remove(data, pointer)
        if not _WIRE_NAME.fullmatch(name):
            yield _unreadable(data, pointer, name)
        elif name == "$ref":
            yield Fault(pointer, f"the {what} name '$ref' is one that every tool reads as a reference", mend)
        elif as_python(name) in reserved:
            yield Fault(pointer, f"the {what} name {name!r} is one that the generated code uses itself", mend)
        elif (other := used.get(as_python(name))) is not None:
            problem = f"the {what} names {other!r} and {name!r} are both {as_python(name)!r} in Python"
            yield Fault(pointer, problem, mend)
        else:
            used[as_python(name)] = name


def _operation_faults(data: dict[str, Any]) -> Iterator[Fault]:
    used: dict[tuple[str, str], str] = {}
    for pointer, method, path, operation in operations(data):
        at, named = child(pointer, "operationId"), operation.get("operationId")
        # Where the provider gives no name, the generator makes one of method and path.
        name = re.sub(r"[{}]", "", f"{method}{path.replace('/', '_')}").removesuffix("_") if named is None else named
        if not (isinstance(name, str) and _WIRE_NAME.fullmatch(name) and re.search("[A-Za-z]", name)):
            yield _unreadable(data, at, named)
            continue
        tags = operation.get("tags")
        tag = str(tags[0]) if isinstance(tags, list) and tags else "default"
        key = (python_name(tag), identifier(name))
        said = f"{method.upper()} {path}" + ("" if named is None else f" ({name!r})")
        if (other := used.setdefault(key, said)) is not said:
            problem = f"the operations {other} and {said} are both {key[1]!r} under the tag {tag!r} in Python"
            where = at if named is not None else pointer
            yield Fault(where, problem, remedies.update(data, pointer, "{operationId: another name}"))


def _path_faults(data: dict[str, Any]) -> Iterator[Fault]:
    for pointer, path in _named("/paths", data.get("paths")):
        if not path.startswith("x-") and not _PATH.fullmatch(path):
            yield Fault(pointer, f"{short(repr(path))} is not a plain path", remedies.remove(data, pointer))
    for pointer, _, path, _ in operations(data):
        if not _PATH.fullmatch(path):
            continue
        listed = [
            value
            for holder in (pointer.rpartition("/")[0], pointer)
            for _, value in listed_parameters(data, holder)
            if value.get("in") == "path"
        ]
        declared, wanted = {value["name"] for value in listed}, re.findall(r"\{([^}]*)\}", path)
        for name in _once(wanted):
            if name not in declared:
                what = f"{{parameters: [{{name: {name}, in: path, required: true, schema: {{type: string}}}}]}}"
                yield Fault(
                    pointer,
                    f"the path has {{{name}}}, and no parameter says what it is",
                    remedies.update(data, pointer, what),
                )
        for name in sorted(declared - {*wanted}):
            at = child(pointer, "parameters")
            yield Fault(at, f"the path has no {{{name}}} for the parameter {name!r}", remedies.OVERLAY)


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
