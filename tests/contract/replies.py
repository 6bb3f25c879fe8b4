"""Strategies for replies: what the contracts describe, and what they do not."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from hypothesis import strategies as st

from refundry import Money, WireReply
from scripts.contracts.openapi import METHODS
from scripts.contracts.pointers import child, resolve
from tests.providers import RECORDS
from tests.providers.record import Call

MARK = "card 4929 0000 of Jürgen"
"""A text in replies that no person and no log may see."""


def _contract(provider: str) -> Mapping[str, Any]:
    return RECORDS[provider].contract.effective()


@dataclass(frozen=True)
class Case:
    """A call and a reply to it."""

    call: Call
    reply: WireReply


@dataclass(frozen=True)
class Hints:
    """Values that make a reply refer to the call, or to a slightly different one."""

    texts: tuple[str, ...]
    integers: tuple[int, ...]
    numbers: tuple[float, ...]


def hints(call: Call) -> Hints:
    """Return the values for this call."""
    money = call.amount if isinstance(call.amount, Money) else Money.of("1.01", "GBP")
    major = float(money.decimal)
    texts = (call.payment_id or "T-1", call.reference, str(money.decimal), MARK)
    return Hints(texts, (money.minor_units, money.minor_units + 1), (major, major + 1))


@dataclass(frozen=True)
class Described:
    """One status entry of a contract: the statuses that it covers, its schema and its examples.

    `pointer` is the place of the schema in the contract.
    """

    statuses: tuple[int, ...]
    pointer: str
    schema: Mapping[str, Any]
    examples: tuple[Any, ...]


def _operations(provider: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every operation of the effective contract, with its JSON pointer."""
    for path, item in _contract(provider)["paths"].items():
        for method in METHODS:
            if method in item:
                yield child(child("/paths", path), method), item[method]


def operations(provider: str) -> list[str]:
    """Return the operationId of every operation that the effective contract has."""
    return [operation["operationId"] for _, operation in _operations(provider)]


def described(provider: str, operation_id: str | None = None) -> list[Described]:
    """Return every reply with a body that the effective contract describes: to this operation, or to a refund."""
    contract = _contract(provider)
    wanted = operation_id or RECORDS[provider].sandbox.operation
    (responses,) = (
        child(pointer, "responses") for pointer, one in _operations(provider) if one["operationId"] == wanted
    )
    every = {status: child(responses, status) for status in resolve(contract, responses)}
    return [_described(contract, status, at) for status, at in every.items() if "content" in _at(contract, at)[1]]


def _at(contract: Mapping[str, Any], pointer: str) -> tuple[str, Any]:
    """Return the node at the pointer, with any reference followed, and the pointer of that node."""
    node = resolve(contract, pointer)
    return _at(contract, node["$ref"].removeprefix("#")) if "$ref" in node else (pointer, node)


def _described(contract: Mapping[str, Any], status: str, pointer: str) -> Described:
    at, response = _at(contract, pointer)
    media = response["content"]["application/json"]
    examples = (_followed(contract, one) for one in media.get("examples", {}).values())
    first = int(status.replace("X", "0"))
    statuses = tuple(range(first, first + 100)) if status.endswith("XX") else (first,)
    pointer_of_schema = child(child(child(at, "content"), "application/json"), "schema")
    return Described(statuses, pointer_of_schema, media["schema"], tuple(one["value"] for one in examples))


def _followed(contract: Mapping[str, Any], node: Mapping[str, Any]) -> Any:
    """Return the node, or the node that it refers to."""
    return resolve(contract, node["$ref"].removeprefix("#")) if "$ref" in node else node


def members(provider: str) -> list[str]:
    """Return the names that the effective contract gives to anything in the body of a reply to a refund."""
    contract = _contract(provider)
    return sorted({name for one in described(provider) for name in _named(contract, one.schema)})


def _named(contract: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    schema = _followed(contract, schema)
    for name, one in schema.get("properties", {}).items():
        yield name
        yield from _named(contract, one)
    # Of the transactions that a transaction refers to, no further name is needed.
    items = _followed(contract, schema.get("items", {}))
    yield from (name for name in items.get("properties", {}))


def bodies(contract: Mapping[str, Any], schema: Mapping[str, Any], given: Hints) -> st.SearchStrategy[Any]:
    """Values that fit the schema. Supports the keywords that the contracts use, and fails on any other."""
    schema = _followed(contract, schema)
    unknown = {key for key in schema if not key.startswith("x-")} - _UNDERSTOOD
    assert not unknown, f"no way to generate {unknown}"
    if "oneOf" in schema:
        return st.one_of([bodies(contract, one, given) for one in schema["oneOf"]])
    if "type" not in schema:
        return _ANYTHING
    if schema["type"] == "object":
        return _objects(contract, schema, given)
    if schema["type"] == "array":
        # A transaction refers to others: the items of an array are made when they are needed.
        return st.lists(st.deferred(lambda: bodies(contract, schema["items"], given)), max_size=1)
    simple: dict[str, st.SearchStrategy[Any]] = {
        "string": _TEXTS.get(schema.get("format", ""), _texts(schema, given)),
        "integer": st.sampled_from(given.integers) | st.integers(-(2**63), 2**63 - 1),
        "number": st.sampled_from(given.numbers) | st.floats(allow_nan=False, allow_infinity=False),
        "boolean": st.booleans(),
        "null": st.none(),
    }
    kinds = [simple[kind] for kind in (schema["type"] if isinstance(schema["type"], list) else [schema["type"]])]
    if "x-extensible-enum" in schema:
        kinds.append(st.sampled_from(schema["x-extensible-enum"]))
    if "example" in schema:
        kinds.append(st.just(schema["example"]))
    return st.one_of(kinds)


def _texts(schema: Mapping[str, Any], given: Hints) -> st.SearchStrategy[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    fitting = [text for text in given.texts if least <= len(text) <= (len(text) if most is None else most)]
    made = st.text(min_size=least, max_size=least + 12 if most is None else min(most, least + 12))
    return st.sampled_from(fitting) | made if fitting else made


_SAYS_NOTHING_OF_THE_VALUE = {"title", "description", "deprecated", "default", "example"}
_TEXTS: Mapping[str, st.SearchStrategy[str]] = {
    "date": st.dates().map(str),
    "date-time": st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
    "email": st.emails(),
    "uuid": st.uuids().map(str),
}
# Any other `format` is int64, which the integers respect, float, or a name that JSON Schema does not know.
_UNDERSTOOD = {
    "type",
    "minLength",
    "maxLength",
    "properties",
    "required",
    "additionalProperties",
    "format",
    "items",
    "oneOf",
} | _SAYS_NOTHING_OF_THE_VALUE


def _objects(contract: Mapping[str, Any], schema: Mapping[str, Any], given: Hints) -> st.SearchStrategy[Any]:
    assert schema.get("additionalProperties", True) is True
    members = {name: bodies(contract, one, given) for name, one in schema.get("properties", {}).items()}
    names = st.text(max_size=6).filter(lambda name: name not in members)
    required = {name: members[name] for name in schema.get("required", ())}
    optional = {name: one for name, one in members.items() if name not in required}
    return st.builds(
        lambda more, body: {**more, **body},
        st.dictionaries(names, _ANYTHING, max_size=2),
        st.fixed_dictionaries(required, optional=optional),
    )


_ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


def written(value: Any) -> bytes:
    """Return the value as JSON."""
    return json.dumps(value).encode()


_HEADERS = st.sampled_from(
    [
        (("content-type", "application/json"),),
        (("content-type", "application/json; charset=utf-8"), ("requestid", "93ce3e62")),
        (),
    ]
)


def accepting(call: Call) -> dict[str, Any]:
    """A body that, with status 200, accepts this call."""
    return RECORDS[call.provider].contract.accepting(call)


def in_progress(call: Call) -> dict[str, Any]:
    """A body that, with status 200, accepts this call and leaves it pending."""
    return RECORDS[call.provider].contract.in_progress(call)


def refusing(provider: str) -> dict[str, Any]:
    """A body that, with an error status, refuses any call, and that holds a text no person and no log may see."""
    return {**RECORDS[provider].contract.refusing, "description": MARK, "message": MARK}


def documented(provider: str) -> st.SearchStrategy[Case]:
    """Every status that the effective contract describes, with its examples and with bodies that fit its schema."""
    contract = _contract(provider)
    return st.one_of(
        [
            st.builds(Case, st.just(call), st.builds(WireReply, st.sampled_from(one.statuses), _HEADERS, body))
            for call in RECORDS[provider].contract.calls
            for one in _mostly_success(provider)
            for body in [fitting(contract, one, call).map(written)]
        ]
    )


def _mostly_success(provider: str) -> list[Described]:
    """Every described reply; a reply of a success three times, because it says the most."""
    every = described(provider)
    success = [one for one in every if one.statuses[0] < 300]
    return [*every, *success, *success]


def fitting(contract: Mapping[str, Any], one: Described, call: Call) -> st.SearchStrategy[Any]:
    """Bodies that fit a described reply: its examples, values of its schema, and what accepts or refuses this call.

    Every schema here is open: it allows members that it does not name.
    """
    made = bodies(contract, one.schema, hints(call))
    certain = st.builds(
        _with_some,
        st.sampled_from([accepting(call), in_progress(call), refusing(call.provider)]),
        made,
        st.integers(0, 6),
    )
    return st.one_of(made, certain, *map(st.just, one.examples))


def _with_some(body: dict[str, Any], other: dict[str, Any], first: int) -> dict[str, Any]:
    """The first body with up to two members of the second."""
    return {**body, **dict(list(other.items())[first : first + 2])}


ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 100.0, 200.0, 100.5, 1e300, 10**20, 10**41, 10**4000, "", " ", "100", "1,01", "0"),
    *("1" + "0" * 40, "1.01" + "0" * 40 + "1", "NaN", "Infinity", "\x00", "\ud800", "BYRD200 ", "byrd200", "COMPLETED"),
    *([], {}, [[]], {"code": "BYRD200"}, ["BYRD200"], [True], "true", "Completed", "pending_submission", MARK),
)
_TOO_DEEP = b"[" * 100_000
_NOT_JSON = (
    *(b"", b" ", b"\n", b"\x00", b"OK", b"{", b"}", b"{]", b"'success'", b"{'success': true}", b'{"success": true,}'),
    f"<html><body><h1>502 Bad Gateway</h1>{MARK}</body></html>".encode(),
    *(_TOO_DEEP, b'{"a":' * 100_000, b'{"code":"BYRD200","success":true,"transaction_id":"T-1","a":' + _TOO_DEEP),
    *(b'{"code":"BYRD200","isoAmount":NaN}', b'{"success":true,"amount":NaN}', b'{"success":true,"amount":-Infinity}'),
    *(b'{"code":"BYRD200","isoAmount":' + b"1" * 5000 + b"}", b"success=1&status=completed", b"BYRD200"),
    *(
        b'{"success":true,"amount":1e400}',
        b'{"code":"BYRD200","isoAmount":1e400}',
        b'{"code":"BYRD200","amount":1e400}',
    ),
)
_OTHER_HEADERS = _HEADERS | st.sampled_from(
    [
        *((("content-type", kind),) for kind in ("text/html", "text/plain", "application/xml", "nonsense")),
        (("retry-after", "soon"), ("content-type", "application/json"), ("content-type", "text/html")),
        (("retry-after", "-1"), ("content-length", "3"), ("location", "https://refunds.example/")),
    ]
)


def undocumented(provider: str) -> st.SearchStrategy[Case]:
    """Any status from 200 to 599 with bodies that may or may not fit the contract, complete or truncated."""
    statuses = [one.statuses[0] for one in _mostly_success(provider)]
    status = st.sampled_from(statuses) | st.integers(200, 599)
    complete = st.sampled_from([True] * 9 + [False])
    return st.one_of(
        [
            st.builds(Case, st.just(call), st.builds(WireReply, status, _OTHER_HEADERS, body, complete))
            for call in RECORDS[provider].contract.calls
            for body in [_unfitting(provider, call)]
        ]
    )


def _unfitting(provider: str, call: Call) -> st.SearchStrategy[bytes]:
    contract = _contract(provider)
    fit = st.one_of([fitting(contract, one, call) for one in _mostly_success(provider)])
    odd = st.dictionaries(st.sampled_from(members(provider)), st.sampled_from(ODD_VALUES), min_size=1, max_size=2)
    return st.one_of(
        fit.map(written),
        st.builds(with_odd, fit, odd).map(written),
        st.builds(with_odd, st.sampled_from([accepting(call), in_progress(call), refusing(call.provider)]), odd).map(
            written
        ),
        st.builds(lambda first, then: written(first)[:-1] + b", " + written(then)[1:], fit, fit),
        st.builds(lambda whole, length: written(whole)[:length], fit, st.integers(0, 400)),
        st.builds(_encoded, fit, st.sampled_from(["utf-8-sig", "utf-16", "utf-32-be", "cp1252"])),
        st.sampled_from(_NOT_JSON),
        _ANYTHING.map(written),
        st.lists(fit, max_size=2).map(written),
        st.binary(max_size=40),
    )


def odd_bodies(provider: str, call: Call) -> Iterator[bytes]:
    """Yield an accepting and a refusing body for this call, with each odd value in each place."""
    for body, name, value in product((accepting(call), refusing(provider)), members(provider), ODD_VALUES):
        yield written(with_odd(body, {name: value}))


def with_odd(body: dict[str, Any], odd: dict[str, Any]) -> dict[str, Any]:
    """The body with odd values in its own members, and in place of those of the objects within it, at any depth."""
    return {**{name: _with_odd_within(value, odd) for name, value in body.items()}, **odd}


def _with_odd_within(value: Any, odd: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_with_odd_within(one, odd) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: odd[name] if name in odd else _with_odd_within(one, odd) for name, one in value.items()}


def _encoded(body: dict[str, Any], encoding: str) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode(encoding, "replace")
