"""Checks requests against a provider's contract, the OpenAPI document of its generated package.

The check of a body is the one of strict reading, `refundry.departures`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import parse_qsl, unquote

from refundry.departures import Validator, Way, pointer
from refundry.sandbox.machine import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from refundry.departures import Departure

    Check = Callable[[Any], tuple[Departure, ...]]

_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request. `target` is its path and query, percent-encoded; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule of a contract that a request broke, and where. It holds no value of the request.

    `provider` is None where no provider has the path. `where` is a JSON pointer into the body ("" for all of it), or
    "path", "method", or "path", "query" or "header" with the name of a parameter. `rule` is the schema's keyword, or
    what else was broken.
    """

    provider: str | None
    where: str
    rule: str


class Contract:
    """The contract of one provider, from an OpenAPI document of version 3.0 or 3.1 with JSON bodies and no cookies.

    Raises ImportError where the validator is not installed.
    """

    def __init__(self, provider: str, document: Mapping[str, Any]) -> None:
        self.provider = provider
        self._document = document
        validator = Validator(document, extra="sandbox")
        self._open = {
            operation["operationId"]
            for item in document["paths"].values()
            for method, operation in item.items()
            if method in _METHODS and operation.get("security") == []
        }
        self._paths = [
            (*_pattern(template), _Operation.all_of(template, item, validator))
            for template, item in document["paths"].items()
        ]

    @classmethod
    def shipped(cls, provider: str) -> Contract:
        """The contract in the provider's generated package."""
        return cls(provider, json.loads(files(f"refundry_{provider}").joinpath("contract.json").read_text("utf-8")))

    def credential(self, headers: Mapping[str, str]) -> str | None:
        """The credential in the headers, by the contract's security scheme."""
        scheme = next(iter(self._document["components"]["securitySchemes"].values()))
        if scheme["type"] == "apiKey":
            return headers.get(scheme["name"].lower())
        kind, _, credential = headers.get("authorization", "").partition(" ")
        return credential if kind.lower() == "bearer" else None

    def is_open(self, call: Call) -> bool:
        """Whether the operation of this call takes no credential."""
        return call.operation in self._open

    def check(self, request: Request) -> tuple[Call, list[Violation]] | None:
        """The request as a call, and where it breaks the contract; None where the contract has no such path.

        The body of a call that breaks it is an empty object. Its operation is the operationId, "" where the path has
        not the method or the contract gives no name.
        """
        path, _, query = request.target.partition("?")
        for pattern, names, operations in self._paths:
            if found := pattern.fullmatch(path):
                parameters = dict(zip(names, map(unquote, found.groups()), strict=True))
                operation = operations.get(request.method)
                body, broken = (
                    operation.read(request, parameters) if operation else ({}, [("method", "not in the contract")])
                )
                violations = [Violation(self.provider, where, rule) for where, rule in broken]
                name = operation.name if operation else ""
                asked = dict(parse_qsl(query, keep_blank_values=True))
                return Call(name, parameters, asked, request.headers, {} if violations else body), violations
        return None


@dataclass(frozen=True, slots=True)
class _Operation:
    name: str
    parameters: tuple[tuple[Mapping[str, Any], Check], ...]
    body_required: bool
    body: Mapping[str, Check]

    @classmethod
    def all_of(cls, path: str, item: Mapping[str, Any], validator: Validator) -> dict[str, _Operation]:
        """The operations of a path, by method."""

        def checks(*keys: object) -> Check:
            return partial(validator.departures, pointer("paths", path, *keys, "schema"), way=Way.REQUEST)

        operations = {}
        for method in _METHODS:
            if method in item:
                parameters = [
                    (parameter, checks(*holder, "parameters", index))
                    for holder, of in (((), item), ((method,), item[method]))
                    for index, parameter in enumerate(of.get("parameters", ()))
                ]
                body = item[method].get("requestBody", {})
                operations[method.upper()] = cls(
                    item[method].get("operationId", ""),
                    tuple(parameters),
                    body.get("required", False),
                    {kind: checks(method, "requestBody", "content", kind) for kind in body.get("content", {})},
                )
        return operations

    def read(self, request: Request, path: Mapping[str, str]) -> tuple[Any, list[tuple[str, str]]]:
        """The body, and (where, rule) of all that breaks the contract."""
        query = dict(parse_qsl(request.target.partition("?")[2], keep_blank_values=True))
        broken: list[tuple[str, str]] = []
        for parameter, check in self.parameters:
            place, name = parameter["in"], parameter["name"]
            given = {"path": path, "query": query, "header": request.headers}[place]
            value = given.get(name.lower() if place == "header" else name)
            if value is not None:
                broken += [(f"{place} {name}", rule) for rule in _broken(value, check)]
            elif parameter.get("required"):
                broken.append((f"{place} {name}", "required"))
        body, broken_in_body = self._read_body(request)
        return body, broken + broken_in_body

    def _read_body(self, request: Request) -> tuple[Any, list[tuple[str, str]]]:
        if not request.body:
            return {}, [("", "required")] if self.body_required else []
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in self.body:
            return {}, [("", "content type not in the contract")]
        try:
            # Read twice: the validator knows binary floats alone, and an amount must not pass through one.
            text = request.body.decode("utf-8")
            value = json.loads(text, parse_constant=_no_constant)
            exact = json.loads(text, parse_float=Decimal)
        except (ValueError, RecursionError):
            return {}, [("", "not JSON")]
        return exact, [(one.pointer, one.keyword) for one in self.body[media_type](value)]


def _pattern(template: str) -> tuple[re.Pattern[str], list[str]]:
    """The pattern of a path, and the names of its parameters."""
    parts = re.split(r"\{(.+?)\}", template)
    return re.compile("([^/]+)".join(re.escape(part) for part in parts[::2])), parts[1::2]


def _broken(text: str, check: Check) -> list[str]:
    """The rules that a parameter breaks, as a string and as the JSON of another type; none if it fits as either."""
    as_text = [one.keyword for one in check(text)]
    try:
        as_json = [one.keyword for one in check(json.loads(text, parse_constant=_no_constant))]
    except ValueError:
        return as_text
    return as_json if as_text else []


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
