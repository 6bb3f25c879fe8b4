"""What generated code must hold of a contract: the properties of objects, the values of enums, the operations."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.contracts import security
from scripts.contracts.openapi import KINDS, identifier, is_ignored, operations
from scripts.contracts.pointers import child, get, resolve
from scripts.contracts.references import target

# OpenAPI 3: a header parameter of one of these names is ignored.
_IGNORED_HEADERS = frozenset({"accept", "authorization", "content-type"})


@dataclass(frozen=True)
class Property:
    """A property by its name, whether an object must have it, and whether one that it must have may be null."""

    name: str
    required: bool
    nullable: bool = False

    def __str__(self) -> str:
        return f"{self.name}{'' if self.required else '?'}{' or null' if self.nullable else ''}"


Shape = frozenset[Any]
"""The properties of an object, or the values of an enum. It identifies a schema, whatever a generator names it."""


def messages(contract: Mapping[str, Any]) -> Iterator[str]:
    """Yield the pointer of each named schema, and of the schema of each JSON body."""
    yield from (child("/components/schemas", name) for name in contract.get("components", {}).get("schemas", {}))
    for pointer, _, _, operation in operations(contract):
        holders = [child(pointer, "requestBody")] if "requestBody" in operation else []
        holders += [child(child(pointer, "responses"), status) for status in operation.get("responses", {})]
        yield from _bodies(contract, holders)


def _bodies(contract: Mapping[str, Any], holders: Iterable[str]) -> Iterator[str]:
    for holder, value in (resolved(contract, holder) for holder in holders):
        for name, media_type in (value.get("content") or {}).items():
            if name.endswith("json") and "schema" in media_type:
                yield child(child(child(holder, "content"), name), "schema")


def parameters(contract: Mapping[str, Any], pointer: str) -> dict[tuple[str, str], str]:
    """Return the parameters of an operation by place and name, each with its pointer."""
    found = {}
    for holder in (child(pointer.rpartition("/")[0], "parameters"), child(pointer, "parameters")):
        for index in range(len(get(contract, holder) or ())):
            at, value = resolved(contract, child(holder, index))
            found[value["in"], value["name"]] = at
    return found


def parameter_schemas(contract: Mapping[str, Any], pointer: str) -> Iterator[str]:
    """Yield the pointer of the schema of each parameter of an operation that has one of its own."""
    for (place, name), at in parameters(contract, pointer).items():
        if is_sent(contract, {"in": place, "name": name}) and "schema" in resolve(contract, at):
            yield child(at, "schema")


def resolved(contract: Any, pointer: str) -> tuple[str, Any]:
    """Return pointer and value of the object at `pointer`, after following a reference there to its end.

    A schema that is `true` or `false` counts as an empty object.
    """
    while isinstance(value := resolve(contract, pointer), dict) and "$ref" in value:
        pointer = target(value["$ref"])
    return pointer, value if isinstance(value, dict) else {}


def is_sent(contract: Mapping[str, Any], parameter: Mapping[str, Any]) -> bool:
    """Whether an argument of an operation's function gives this parameter.

    The headers that OpenAPI says to ignore are the client's, and so is what proves who sends.
    """
    place, name = parameter.get("in"), str(parameter.get("name"))
    if place == "cookie" or (place == "header" and name.lower() in _IGNORED_HEADERS):
        return False
    keys = {one.on_the_wire[:2] for one in security.credentials(contract)}
    return (place, name.lower()) not in keys


def values_of(schema: Mapping[str, Any]) -> list[Any]:
    """Return the values of an enum of texts or of whole numbers, without null; none for any other schema."""
    listed = schema.get("enum")
    values = [value for value in listed if value is not None] if isinstance(listed, list) else []
    return list(dict.fromkeys(values)) if {type(value) for value in values} in ({str}, {int}) else []


@dataclass(frozen=True)
class Ways:
    """Which schemas of a contract are sent, and which are received, by their pointers."""

    sent: frozenset[str]
    received: frozenset[str]

    @classmethod
    def of(cls, contract: Mapping[str, Any]) -> "Ways":
        """Follow the bodies of a contract down to every schema in them."""
        sent: list[str] = []
        received: list[str] = []
        for pointer, _, _, operation in operations(contract):
            sent += _bodies(contract, [child(pointer, "requestBody")] if "requestBody" in operation else [])
            answers = child(pointer, "responses")
            received += _bodies(contract, [child(answers, status) for status in operation.get("responses", {})])
        return cls(_below(contract, sent), _below(contract, received))

    def optional(self, contract: Mapping[str, Any], pointer: str, named: Mapping[str, str]) -> frozenset[str]:
        """Return the properties that an object may go without, because they go the other way alone."""
        pointer = resolved(contract, pointer)[0]
        marks = [mark for mark, way in (("readOnly", self.sent), ("writeOnly", self.received)) if pointer in way]
        return frozenset(name for name, at in named.items() if any(_is(contract, at, mark) for mark in marks))

    def absent(self, contract: Mapping[str, Any], pointer: str, named: Mapping[str, str]) -> frozenset[str]:
        """Return the properties that an object never has: what declares them is only sent, they are only received."""
        alone = self.sent - self.received
        holders = {name: at.rsplit("/", 2)[0] for name, at in named.items()}
        return frozenset(name for name, at in named.items() if holders[name] in alone and _is(contract, at, "readOnly"))


def _is(contract: Mapping[str, Any], pointer: str, mark: str) -> bool:
    schema = get(contract, pointer)
    return isinstance(schema, dict) and (schema.get(mark) is True or resolved(contract, pointer)[1].get(mark) is True)


def _below(contract: Mapping[str, Any], roots: Iterable[str]) -> frozenset[str]:
    waiting = list(roots)
    seen: set[str] = set()
    while waiting:
        pointer, schema = resolved(contract, waiting.pop())
        if pointer in seen:
            continue
        seen.add(pointer)
        for key, kind in KINDS["schema"].items():
            held, at = schema.get(key), child(pointer, key)
            if kind == "schema" and isinstance(held, dict):
                waiting.append(at)
            elif kind == "schema[]" and isinstance(held, list):
                waiting += [child(at, index) for index in range(len(held))]
            elif kind == "schema{}" and isinstance(held, dict):
                waiting += [child(at, name) for name in held]
    return frozenset(seen)


def wanted(contract: Mapping[str, Any], roots: Iterable[str]) -> Iterator[tuple[str, Shape]]:
    """Yield pointer and shape of each schema, from the roots down, that becomes an enum or a class of its own."""
    waiting = [(root, False) for root in roots]
    seen: set[str] = set()
    ways = Ways.of(contract)
    while waiting:
        pointer, merged = waiting.pop()
        schema = resolve(contract, pointer)
        if pointer in seen or not isinstance(schema, dict):
            continue
        seen.add(pointer)
        if "$ref" in schema:
            waiting.append((target(schema["$ref"]), False))
            continue
        is_class = not (merged or _is_other_name(schema) or is_distributed(contract, pointer))
        if is_class and (shape := _shape(contract, pointer, schema, ways)):
            yield pointer, shape
        waiting += [(child(pointer, key), False) for key in ("items", "additionalProperties") if key in schema]
        for key in ("allOf", "anyOf", "oneOf", "prefixItems"):
            parts = range(len(schema.get(key, ())))
            waiting += [(child(child(pointer, key), index), key == "allOf") for index in parts]
        own = _own(pointer, schema)
        absent = ways.absent(contract, pointer, own)
        waiting += [(at, False) for name, at in own.items() if name not in absent]


def is_distributed(contract: Mapping[str, Any], pointer: str) -> bool:
    """Whether an object has alternatives beside its properties: then it is each of these with the properties."""
    schema = resolve(contract, pointer)
    holders = [(pointer, schema)] if schema.keys() & {"properties", "allOf"} else []
    parts = range(len(schema.get("allOf", ())))
    holders += [resolved(contract, child(child(pointer, "allOf"), index)) for index in parts]
    choices = [(child(at, key), value[key]) for at, value in holders for key in ("oneOf", "anyOf") if key in value]
    return any(properties(contract, child(at, index))[0] for at, each in choices for index in range(len(each)))


def _is_other_name(schema: Mapping[str, Any]) -> bool:
    """Whether a schema only refers to another one: in OpenAPI 3.0, an `allOf` gives a reference its description."""
    parts = schema.get("allOf", ())
    return len(parts) == 1 and "$ref" in parts[0] and not schema.keys() & {"properties", "required", "enum"}


def _shape(contract: Mapping[str, Any], pointer: str, schema: Mapping[str, Any], ways: Ways) -> Shape:
    if values := values_of({"enum": schema.get("enum", schema.get("x-extensible-enum"))}):
        return frozenset(values)
    named, required = properties(contract, pointer)
    optional, absent = ways.optional(contract, pointer, named), ways.absent(contract, pointer, named)
    return frozenset(
        Property(
            name,
            must := name in required - optional and "default" not in resolved(contract, at)[1],
            must and _nullable(contract, at),
        )
        for name, at in named.items()
        if name not in absent
    )


def properties(contract: Mapping[str, Any], pointer: str) -> tuple[dict[str, str], set[str]]:
    """Return the properties of an object, each with its pointer, and the names of the required ones."""
    pointer, schema = resolved(contract, pointer)
    found: dict[str, str] = {}
    required: set[str] = set()
    for index in range(len(schema.get("allOf", ()))):
        of_part, required_by_part = properties(contract, child(child(pointer, "allOf"), index))
        found |= of_part
        required |= required_by_part
    found |= _own(pointer, schema)
    return found, required | {*schema.get("required", ())}


def _own(pointer: str, schema: Mapping[str, Any]) -> dict[str, str]:
    """Return the properties that a schema declares itself, each with its pointer. A text or a number has none."""
    named = schema.get("type", "object")
    is_object = named == "object" or (isinstance(named, list) and "object" in named)
    return {name: child(child(pointer, "properties"), name) for name in schema.get("properties", {}) if is_object}


# A schema with none of these accepts any value, null too.
_NARROWING = frozenset({"allOf", "anyOf", "const", "enum", "items", "oneOf", "properties", "type"})


def _nullable(contract: Mapping[str, Any], pointer: str) -> bool:
    pointer, schema = resolved(contract, pointer)
    if schema.get("nullable") is True or "null" in schema.get("type", ()) or None in schema.get("enum", ()):
        return True
    for key, whether in (("anyOf", any), ("oneOf", any), ("allOf", all)):
        parts = range(len(schema.get(key, ())))
        if parts and whether(_nullable(contract, child(child(pointer, key), index)) for index in parts):
            return True
    return not schema.keys() & _NARROWING


def call(contract: Mapping[str, Any], pointer: str, method: str, path: str) -> str:
    """Return what identifies the function of an operation: method, path and arguments, in Python's names."""
    arguments = {
        identifier(name)
        for place, name in parameters(contract, pointer)
        if is_sent(contract, {"in": place, "name": name})
    }
    if "requestBody" in resolve(contract, pointer):
        body = resolved(contract, child(pointer, "requestBody"))[1]
        arguments |= set() if is_ignored(method, body) else {"body"}
    path = re.sub(r"\{([^}]*)\}", lambda name: f"{{{identifier(name[1])}}}", path)
    return f"{method.upper()} {path} ({', '.join(sorted(arguments))})"
