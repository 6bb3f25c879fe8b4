"""Checks a request against an OpenAPI document. The schemas are checked by openapi-schema-validator."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from openapi_schema_validator import OAS30Validator, OAS31Validator, oas30_format_checker, oas31_format_checker

from refundry import WireRequest
from scripts.contracts.pointers import child, resolve

_VALIDATORS = {
    "3.0": (OAS30Validator, oas30_format_checker),
    "3.1": (OAS31Validator, oas31_format_checker),
}
_MADE: dict[tuple[int, str], tuple[Mapping[str, Any], Any]] = {}
_NOT_PARAMETERS = frozenset({"accept", "content-type"})


@dataclass(frozen=True)
class Violation:
    """Where a request breaks the contract: the part of it, the JSON Pointer or name in that part, and the rule."""

    part: str
    where: str
    rule: str


def violations(contract: Mapping[str, Any], request: WireRequest) -> set[Violation]:
    """Return each violation of the contract by the request; its host is not checked.

    A path of the contract is matched segment by segment. A parameter is held against its schema as the text that it
    is, so one whose schema wants another type is a violation too.
    """
    path, _, query = request.target.partition("?")
    found = _operation(contract, path, request.method)
    if isinstance(found, Violation):
        return {found}
    operation, segments = found
    values = {"path": segments, "query": dict(parse_qsl(query, keep_blank_values=True)), "header": _headers(request)}
    return {
        *_of_parameters(contract, operation, values),
        *_of_body(contract, operation, request),
        *_of_security(contract, operation, values["header"]),
    }


def undocumented_headers(contract: Mapping[str, Any], request: WireRequest) -> set[str]:
    """Return the names of the headers that the contract knows neither as parameters nor as credentials."""
    found = _operation(contract, request.target.partition("?")[0], request.method)
    assert not isinstance(found, Violation)
    known = {one["name"].lower() for one in found[0]["parameters"] if one["in"] == "header"}
    schemes = contract["components"]["securitySchemes"].values()
    known.update("authorization" if _is_token(scheme) else scheme.get("name", "").lower() for scheme in schemes)
    return set(_headers(request)) - known - _NOT_PARAMETERS


def schema_errors(contract: Mapping[str, Any], pointer: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield (JSON Pointer into the value, keyword) for each violation of the schema at `pointer`."""
    for error in _validator(contract, pointer).iter_errors(value):
        at = "".join(child("", part) for part in error.absolute_path)
        if error.validator == "required":
            yield from ((child(at, name), "required") for name in error.validator_value if name not in error.instance)
        else:
            yield at, str(error.validator)


def _validator(contract: Mapping[str, Any], pointer: str) -> Any:
    """Return the validator of the schema at the pointer, made once for a contract."""
    key = (id(contract), pointer)
    if key not in _MADE:
        validator_class, formats = _VALIDATORS[contract["openapi"][:3]]
        # The reference is resolved inside the whole contract; as a schema, the rest of the contract says nothing.
        schema = {**contract, "$ref": f"#{quote(pointer, safe='/~')}"}
        _MADE[key] = (contract, validator_class(schema, format_checker=formats))
    return _MADE[key][1]


def _operation(
    contract: Mapping[str, Any], path: str, method: str
) -> tuple[dict[str, Any], dict[str, str]] | Violation:
    """Return the operation, its pointer, all its parameters, and the values of the parameters in the path."""
    for template, item in contract["paths"].items():
        names = re.findall(r"\{(.+?)\}", template)
        literal = (re.escape(part) for part in re.split(r"\{.+?\}", template))
        match = re.fullmatch("([^/]+)".join(literal), path)
        if match is not None:
            if method.lower() not in item:
                return Violation("method", method, "undocumented")
            operation = item[method.lower()]
            pointer = child(child("/paths", template), method.lower())
            parameters = [
                {**parameter, "pointer": f"{at}/parameters/{index}"}
                for at, holder in ((child("/paths", template), item), (pointer, operation))
                for index, parameter in enumerate(holder.get("parameters", ()))
            ]
            segments = dict(zip(names, map(unquote, match.groups()), strict=True))
            return {**operation, "pointer": pointer, "parameters": parameters}, segments
    return Violation("path", path, "undocumented")


def _headers(request: WireRequest) -> dict[str, str]:
    credentials = [(name, secret.reveal()) for name, secret in request.credentials]
    sent = [(name.lower(), value) for name, value in (*request.headers, *credentials)]
    headers = dict(sent)
    assert len(headers) == len(sent), "a header is sent twice"
    return headers


def _of_parameters(
    contract: Mapping[str, Any], operation: Mapping[str, Any], values: Mapping[str, Mapping[str, str]]
) -> Iterator[Violation]:
    for parameter in operation["parameters"]:
        place, name = parameter["in"], parameter["name"]
        value = values[place].get(name.lower() if place == "header" else name)
        if value is not None:
            errors = schema_errors(contract, f"{parameter['pointer']}/schema", value)
            yield from (Violation(place, name, rule) for _, rule in errors)
        elif parameter.get("required"):
            yield Violation(place, name, "required")
    known = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"}
    yield from (Violation("query", name, "undocumented") for name in values["query"] if name not in known)


def _of_body(contract: Mapping[str, Any], operation: Mapping[str, Any], request: WireRequest) -> Iterator[Violation]:
    described = operation.get("requestBody", {"content": {}})
    if not request.body:
        if described.get("required"):
            yield Violation("body", "", "required")
        return
    content_type = _headers(request).get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in described["content"]:
        yield Violation("content type", content_type, "undocumented")
        return
    try:
        body = json.loads(request.body)
    except ValueError:
        yield Violation("body", "", "not JSON")
        return
    pointer = child(f"{operation['pointer']}/requestBody/content", content_type)
    assert "schema" in resolve(contract, pointer)
    yield from (Violation("body", at, rule) for at, rule in schema_errors(contract, f"{pointer}/schema", body))


def _of_security(
    contract: Mapping[str, Any], operation: Mapping[str, Any], headers: Mapping[str, str]
) -> Iterator[Violation]:
    schemes = contract["components"]["securitySchemes"]
    alternatives = operation.get("security", contract.get("security", []))
    proven = (all(_proves(schemes[name], headers) for name in alternative) for alternative in alternatives)
    if alternatives and not any(proven):
        yield Violation("security", " or ".join(" and ".join(alternative) for alternative in alternatives), "required")


def _is_token(scheme: Mapping[str, Any]) -> bool:
    """Return whether the scheme is a header Authorization. The access token of oauth2 and openIdConnect is one."""
    return scheme["type"] in ("http", "oauth2", "openIdConnect")


def _proves(scheme: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
    if _is_token(scheme) and scheme.get("scheme", "bearer") == "bearer":
        return re.fullmatch(r"Bearer \S+", headers.get("authorization", "")) is not None
    assert (scheme["type"], scheme["in"]) == ("apiKey", "header"), f"no way to check {scheme}"
    return bool(headers.get(scheme["name"].lower()))
