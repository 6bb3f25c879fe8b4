"""Every construct of OpenAPI 3.0 and 3.1: carried, not used, or refused, and what is said of it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from scripts.contracts import remedies
from scripts.contracts.document import Fault
from scripts.contracts.names import listed_parameters
from scripts.contracts.openapi import is_ignored, is_json, json_type, operations, walk
from scripts.contracts.pointers import child, get
from scripts.contracts.references import target


class Treatment(StrEnum):
    """What becomes of a construct."""

    CARRIED = "carried"
    NOT_USED = "not used"
    REFUSED = "refused"


class Construct(NamedTuple):
    """A construct: the kind of object that has it, its member or members, and what becomes of it.

    A member may name a value: `style: label`.
    """

    kind: str
    members: tuple[str, ...]
    treatment: Treatment
    how: str = ""


_CARRIED, _NOT_USED, _REFUSED = Treatment
CONSTRUCTS: tuple[Construct, ...] = (
    Construct("document", ("openapi",), _CARRIED, "3.0 and 3.1"),
    Construct("document", ("openapi: 3.2", "swagger: 2.0"), _REFUSED, "convert it to 3.1 first"),
    Construct("document", ("info", "paths", "components", "security", "tags"), _CARRIED),
    Construct("document", ("servers",), _CARRIED, "each is an environment by `x-environments`"),
    Construct("document", ("webhooks", "externalDocs", "jsonSchemaDialect"), _NOT_USED),
    Construct("info", ("title", "version"), _CARRIED),
    Construct("info", ("description", "termsOfService", "contact", "license", "summary"), _NOT_USED),
    Construct("contact", ("name", "url", "email"), _NOT_USED),
    Construct("license", ("name", "url", "identifier"), _NOT_USED),
    Construct("server", ("url",), _CARRIED),
    Construct("server", ("description", "variables"), _NOT_USED),
    Construct("server variable", ("enum", "default", "description"), _NOT_USED),
    Construct("tag", ("name",), _CARRIED, "the first tag of an operation is its module's folder"),
    Construct("tag", ("description", "externalDocs"), _NOT_USED),
    Construct(
        "components",
        ("schemas", "responses", "parameters", "requestBodies", "securitySchemes", "pathItems"),
        _CARRIED,
        "a name that is no Python name gets one",
    ),
    Construct("components", ("examples", "headers", "links", "callbacks"), _NOT_USED),
    Construct("components", ("names that collide",), _REFUSED, "in Python, or with a name of the generated code"),
    Construct("path", ("$ref", "parameters", "get", "put", "post", "delete", "options"), _CARRIED),
    Construct("path", ("head", "patch", "trace"), _CARRIED),
    Construct("path", ("servers",), _REFUSED, "a request goes to the servers of the document"),
    Construct("path", ("summary", "description"), _NOT_USED),
    Construct("operation", ("operationId",), _CARRIED, "without one, method and path name the function"),
    Construct("operation", ("tags", "summary", "description", "parameters", "requestBody"), _CARRIED),
    Construct("operation", ("responses", "security"), _CARRIED),
    Construct("operation", ("servers",), _REFUSED, "a request goes to the servers of the document"),
    Construct("operation", ("callbacks", "deprecated", "externalDocs"), _NOT_USED),
    Construct("parameter", ("name", "in", "description", "required", "schema"), _CARRIED),
    Construct("parameter", ("content",), _CARRIED, "sent as the text of its JSON"),
    Construct("parameter", ("in: cookie",), _REFUSED, "cookies are not sent"),
    Construct("parameter", ("style: form", "style: simple"), _CARRIED, "with `explode`, and without"),
    Construct("parameter", ("style: spaceDelimited", "style: pipeDelimited", "style: deepObject"), _CARRIED),
    Construct("parameter", ("style: label", "style: matrix"), _REFUSED),
    Construct("parameter", ("style", "explode"), _CARRIED, "as the rows above say"),
    Construct("parameter", ("an array or an object in a path",), _REFUSED),
    Construct(
        "parameter",
        ("the headers Accept, Authorization, Content-Type, and the one of a key",),
        _NOT_USED,
        "as OpenAPI says; the client sends them",
    ),
    Construct("parameter", ("allowReserved", "allowEmptyValue", "deprecated", "example", "examples"), _NOT_USED),
    Construct("request body", ("content", "required"), _CARRIED, "JSON, also with parameters and `+json`"),
    Construct("request body", ("form bodies", "multipart", "no JSON"), _REFUSED),
    Construct("request body", ("an optional body of `get` or `head`",), _NOT_USED, "where it is no JSON"),
    Construct("request body", ("description",), _NOT_USED),
    Construct("media type", ("schema",), _CARRIED, "JSON among several; a body without a schema is any JSON"),
    Construct("media type", ("*/*",), _REFUSED, "the overlay names the type"),
    Construct("media type", ("example", "examples"), _NOT_USED, "they are held to their schema as contradictions"),
    Construct("media type", ("encoding",), _NOT_USED),
    Construct("encoding", ("contentType", "headers", "style", "explode", "allowReserved"), _NOT_USED),
    Construct("response", ("content",), _CARRIED, "JSON is read, text and bytes are given, 204 and 304 have no body"),
    Construct("response", ("description", "headers", "links"), _NOT_USED),
    Construct("header", ("description", "required", "deprecated", "style", "explode"), _NOT_USED),
    Construct("header", ("schema", "content", "example", "examples", "allowReserved", "allowEmptyValue"), _NOT_USED),
    Construct("example", ("summary", "description", "value", "externalValue"), _NOT_USED),
    Construct("link", ("operationRef", "operationId", "parameters", "requestBody", "description"), _NOT_USED),
    Construct("link", ("server",), _NOT_USED),
    Construct("security scheme", ("type", "name", "in", "scheme"), _CARRIED),
    Construct("security scheme", ("type: http",), _CARRIED, "Basic, Bearer, any other word before the token"),
    Construct("security scheme", ("type: apiKey",), _CARRIED, "in a header or the query; several at once"),
    Construct("security scheme", ("in: cookie",), _REFUSED, "where no alternative serves"),
    Construct("security scheme", ("type: oauth2", "type: openIdConnect"), _CARRIED, "as a bearer token"),
    Construct("security scheme", ("type: mutualTLS",), _NOT_USED, "the certificate is the connection's"),
    Construct("security scheme", ("description", "bearerFormat", "flows", "openIdConnectUrl"), _NOT_USED),
    Construct("oauth flows", ("implicit", "password", "clientCredentials", "authorizationCode"), _NOT_USED),
    Construct("oauth flow", ("authorizationUrl", "tokenUrl", "refreshUrl", "scopes"), _NOT_USED),
    Construct("schema", ("$ref",), _CARRIED, "to any schema of the document, beside other keywords in 3.1"),
    Construct("schema", ("a reference to another file", "a circle of references"), _REFUSED, "bundle the files first"),
    Construct("schema", ("$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef"), _REFUSED),
    Construct("schema", ("$defs", "definitions"), _CARRIED),
    Construct("schema", ("$schema", "$vocabulary", "$comment", "$recursiveAnchor"), _NOT_USED),
    Construct("schema", ("type", "required", "items", "additionalProperties"), _CARRIED),
    Construct("schema", ("properties",), _CARRIED, "also without a type: then of an object"),
    Construct("schema", ("enum", "x-extensible-enum"), _CARRIED, "open: an unlisted value is kept"),
    Construct("schema", ("const", "default", "description", "title", "nullable", "prefixItems"), _CARRIED),
    Construct("schema", ("allOf",), _CARRIED),
    Construct("schema", ("allOf that no value fits",), _REFUSED),
    Construct("schema", ("oneOf", "anyOf", "discriminator"), _CARRIED, "by tag where there is one"),
    Construct("schema", ("a discriminator without alternatives",), _NOT_USED, "what a schema adds is kept"),
    Construct("schema", ("readOnly", "writeOnly"), _CARRIED, "not needed, or not there, the other way"),
    Construct("schema", ("format",), _CARRIED, "a text stays the text that came; the validator checks it"),
    Construct("schema", ("format: password",), _CARRIED, "not in a repr"),
    Construct("schema", ("pattern", "minLength", "maxLength", "minimum", "maximum", "multipleOf"), _CARRIED),
    Construct("schema", ("exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems", "uniqueItems"), _CARRIED),
    Construct(
        "schema",
        ("not", "if", "then", "else", "dependentSchemas", "dependentRequired", "dependencies", "propertyNames"),
        _CARRIED,
        "by the JSON Schema validator alone",
    ),
    Construct(
        "schema",
        ("contains", "minContains", "maxContains", "minProperties", "maxProperties", "patternProperties"),
        _CARRIED,
        "by the JSON Schema validator alone",
    ),
    Construct("schema", ("unevaluatedItems", "unevaluatedProperties"), _CARRIED, "by the JSON Schema validator alone"),
    Construct("schema", ("contentEncoding", "contentMediaType", "contentSchema"), _NOT_USED, "the text stays"),
    Construct("schema", ("deprecated", "example", "examples", "externalDocs", "xml"), _NOT_USED),
    Construct("any object", ("x-*",), _NOT_USED),
    Construct("any object", ("a key that makes a tool import code",), _REFUSED, "`customTypePath`, `x-python-*`, ..."),
)

# What is counted of a document: parts that a person might expect to find in the package.
_COUNTED: Mapping[str, tuple[str, ...]] = {
    "document": ("webhooks",),
    "operation": ("callbacks", "deprecated", "externalDocs"),
    "parameter": ("deprecated", "allowReserved", "allowEmptyValue"),
    "response": ("headers", "links"),
    "media type": ("encoding",),
    "schema": ("deprecated", "externalDocs", "xml", "contentEncoding", "contentMediaType"),
}
_NO_BODY = ("form bodies are not sent", "multipart bodies are not sent", "only application/json is sent")


def not_used(data: Any) -> dict[str, int]:
    """Return how often a document has each construct that is kept in its contract.json and is in no code."""
    found: Counter[str] = Counter()
    for node in walk(data):
        for member in _COUNTED.get(node.kind, ()):
            if value := node.value.get(member):
                found[member] += len(value) if member in ("webhooks", "callbacks", "links", "headers") else 1
    return dict(sorted(found.items()))


def faults(data: dict[str, Any]) -> Iterator[Fault]:
    """Yield each construct of a document that is refused, at its cause."""
    for node in walk(data):
        if node.kind == "path" and node.value.get("servers") and not node.pointer.startswith("/webhooks"):
            yield _servers(data, node.pointer, "path")
    for pointer, method, _, operation in operations(data):
        if operation.get("servers"):
            yield _servers(data, pointer, "operation")
        yield from _parameter_faults(data, pointer)
        yield from _body_faults(data, pointer, method, operation)


def _servers(data: Any, pointer: str, what: str) -> Fault:
    at = child(pointer, "servers")
    return Fault(
        at, f"the {what} has servers of its own, and a request goes to the document's", remedies.remove(data, at)
    )


def _parameter_faults(data: Any, pointer: str) -> Iterator[Fault]:
    for holder in (pointer.rpartition("/")[0], pointer):
        for at, value in listed_parameters(data, holder):
            name, place = value["name"], value.get("in")
            if place == "cookie":
                problem = f"the parameter {name!r} is a cookie, and cookies are not sent"
                yield Fault(at, problem, remedies.remove(data, at))
            elif place == "path" and value.get("style", "simple") != "simple":
                problem = f"the parameter {name!r} has the path style {value['style']!r}"
                yield Fault(at, problem, remedies.update(data, at, "{style: simple}, if the provider takes it"))
            elif place == "path" and {"array", "object"} & (kinds := types(data, value.get("schema"))):
                problem = f"the parameter {name!r} is an {min(kinds & {'array', 'object'})} in the path"
                yield Fault(at, problem, remedies.update(data, at, "{schema: {type: string}}"))


def types(data: Any, schema: Any, depth: int = 8) -> set[str]:
    """Return the types that a schema names, or that follow from its keywords, through references and alternatives."""
    if not isinstance(schema, dict) or not depth:
        return set()
    if isinstance(reference := schema.get("$ref"), str):
        return types(data, get(data, target(reference)), depth - 1)
    named = schema.get("type")
    found = {*(named if isinstance(named, list) else [named] if isinstance(named, str) else [])}
    for key in ("allOf", "anyOf", "oneOf"):
        parts = schema.get(key)
        for part in parts if isinstance(parts, list) else ():
            found |= types(data, part, depth - 1)
    return found


def _body_faults(data: Any, pointer: str, method: str, operation: Mapping[str, Any]) -> Iterator[Fault]:
    holders = [(child(pointer, "requestBody"), operation.get("requestBody"))]
    answers = operation.get("responses")
    replies = child(pointer, "responses")
    holders += [(child(replies, key), each) for key, each in answers.items()] if isinstance(answers, dict) else []
    for index, (at, holder) in enumerate(holders):
        if isinstance(holder, dict) and isinstance(reference := holder.get("$ref"), str):
            at, holder = target(reference), get(data, target(reference))
        content = holder.get("content") if isinstance(holder, dict) else None
        if not isinstance(content, dict) or not content or json_type(content):
            continue
        if index == 0 and is_ignored(method, holder):
            continue
        for name in content:
            where = child(child(at, "content"), name)
            named = remedies.update(data, child(at, "content"), "{application/json: ...} with the schema of this one")
            if name.startswith("*") or name == "application/*":
                yield Fault(where, f"{name!r} does not say which type a body has", f"name the type: {named}")
            elif index == 0 and not is_json(name):
                yield Fault(where, f"a request body of type {name!r}", f"only application/json is sent: {named}")
