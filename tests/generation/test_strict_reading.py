"""Strict reading: every departure of a message from its contract, without a value of the message."""

import copy
import importlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from refundry.departures import Departure, Validator, Way
from refundry.sandbox.contract import Contract, Request
from scripts.contracts.pointers import resolve
from scripts.contracts.providers import PROVIDERS
from tests.generation.cases import CASES, UNREADABLE, Case, any_case, contract_of, plain, sent, unreadable
from tests.generation.generated_support import ROOT, contract, make, run

TEXT = {"type": "string"}
SECRET = "s3cret-value"


def strict(provider: str) -> Any:
    return importlib.import_module(f"refundry_{provider}.strict")


def departures(
    schema: dict[str, Any], value: object, version: str = "3.0.3", **schemas: Any
) -> list[tuple[str, str, str]]:
    document = contract(openapi=version, schemas={"Reply": schema, **schemas})
    found = Validator(document, extra="strict").departures("/components/schemas/Reply", value)
    for one in found:
        assert resolve(document, one.rule) is not None
    return [(one.pointer, one.keyword, one.rule) for one in found]


REPLY = "/components/schemas/Reply"
A, LISTED = {"properties": {"a": TEXT}}, {"properties": {"a": {**TEXT, "x-extensible-enum": ["x"]}}}
ONE_EACH = [
    ({"type": "object"}, [], ("", "type", f"{REPLY}/type")),
    ({"required": ["a"]}, {}, ("/a", "required", f"{REPLY}/required")),
    (A, {"a": 5}, ("/a", "type", f"{REPLY}/properties/a/type")),
    (A, {"a": None}, ("/a", "type", f"{REPLY}/properties/a/type")),
    ({"properties": {"a": {**TEXT, "enum": ["x"]}}}, {"a": "y"}, ("/a", "enum", f"{REPLY}/properties/a/enum")),
    (LISTED, {"a": "y"}, ("/a", "x-extensible-enum", f"{REPLY}/properties/a/x-extensible-enum")),
    ({"additionalProperties": False}, {"a": 1}, ("", "additionalProperties", f"{REPLY}/additionalProperties")),
    ({"items": A, "type": "array"}, [{}, {"a": 1}], ("/1/a", "type", f"{REPLY}/items/properties/a/type")),
    ({"properties": {"a/b~": TEXT}}, {"a/b~": 1}, ("/a~1b~0", "type", f"{REPLY}/properties/a~1b~0/type")),
    ({"properties": {"a": {"minimum": 3}}}, {"a": 1}, ("/a", "minimum", f"{REPLY}/properties/a/minimum")),
    ({"properties": {"a": {**TEXT, "format": "uuid"}}}, {"a": "x"}, ("/a", "format", f"{REPLY}/properties/a/format")),
    ({"oneOf": [TEXT, {"type": "number"}]}, [], ("", "oneOf", f"{REPLY}/oneOf")),
]


@pytest.mark.parametrize(("schema", "value", "departure"), ONE_EACH)
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_a_departure_is_named_by_its_place_its_keyword_and_the_place_of_the_rule(
    version: str, schema: dict[str, Any], value: object, departure: tuple[str, str, str]
) -> None:
    assert departures(schema, value, version) == [departure]


def test_the_rule_of_a_referenced_schema_is_named_where_it_stands() -> None:
    reply = {"properties": {"inner": {"$ref": "#/components/schemas/Inner"}}, "required": ["inner"]}
    inner = {"type": "object", "properties": {"deep": {"$ref": "#/components/schemas/Deep"}}}
    found = departures(reply, {"inner": {"deep": 5}}, Inner=inner, Deep=TEXT)
    assert found == [("/inner/deep", "type", "/components/schemas/Deep/type")]


@pytest.mark.parametrize(
    ("way", "missing"), [(Way.REQUEST, ["/pin"]), (Way.REPLY, ["/id"]), (Way.EITHER, [])], ids=lambda one: str(one)
)
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_a_property_that_goes_one_way_alone_is_required_only_there(version: str, way: Way, missing: list[str]) -> None:
    marked = {"id": {**TEXT, "readOnly": True}, "pin": {"$ref": "#/components/schemas/Pin"}}
    schema = {"type": "object", "required": ["id", "pin"], "properties": marked}
    document = contract(openapi=version, schemas={"Reply": schema, "Pin": {**TEXT, "writeOnly": True}})
    found = Validator(document, extra="strict").departures(REPLY, {}, way)
    assert [one.pointer for one in found] == missing


def test_all_departures_are_named_at_once_and_each_once() -> None:
    schema = {"type": "object", "required": ["a", "b", "c"], "properties": {"c": TEXT, "d": TEXT, "e": TEXT}}
    found = departures(schema, {"c": None, "d": 5, "e": "fits"})
    assert sorted(found) == sorted(set(found))
    assert {(pointer, keyword) for pointer, keyword, _ in found} == {
        *(("/a", "required"), ("/b", "required"), ("/c", "type"), ("/d", "type"))
    }


def test_an_unknown_field_departs_only_where_the_contract_forbids_it() -> None:
    assert departures({"type": "object", "properties": {"a": TEXT}}, {"a": "x", "more": 1}) == []


def test_a_format_that_needs_a_further_distribution_is_never_checked() -> None:
    for kind in ("uri", "hostname", "color"):
        assert departures({"properties": {"a": {**TEXT, "format": kind}}}, {"a": "no such thing at all"}) == []


def test_a_null_departs_where_the_contract_does_not_document_it_in_an_optional_field_too() -> None:
    assert departures({"properties": {"a": {**TEXT, "nullable": True}}}, {"a": None}) == []
    assert len(departures({"properties": {"a": TEXT}}, {"a": None})) == 1


# --- the generated packages


@any_case
def test_a_reply_that_keeps_to_its_contract_is_read_as_by_the_lenient_reader(case: Case) -> None:
    read = case.api.read_strictly(200, sent(case))
    assert plain(read) == plain(case.api.read_reply(200, sent(case)))


@pytest.mark.parametrize("case", [case for case in CASES if isinstance(case.accepted, dict)], ids=str)
def test_a_reply_that_departs_raises_with_every_departure_and_shows_no_value(case: Case) -> None:
    wrong = {name: {"a": SECRET} if isinstance(value, list) else [SECRET] for name, value in case.accepted.items()}
    with pytest.raises(case.module("errors").DepartsFromContract) as raised:
        case.api.read_strictly(200, json.dumps({**wrong, "added_later": SECRET}).encode())
    error = raised.value
    assert {one.pointer for one in error.departures} == {f"/{name}" for name in case.accepted}
    for one in error.departures:
        assert resolve(contract_of(case.provider), one.rule) is not None
        assert f"{one.pointer}: {one.keyword} ({one.rule})" in str(error)
    assert SECRET not in f"{error} {error!r} {error.args} {error.departures}"
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert (type(other), str(other), other.departures) == (type(error), str(error), error.departures)


@any_case
@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_unreadable_or_departs_and_nothing_else(case: Case, content: bytes) -> None:
    errors = case.module("errors")
    if unreadable(case, 200, content):
        with pytest.raises((errors.UnreadableReply, errors.DepartsFromContract)):
            case.api.read_strictly(200, content)
    else:
        case.api.read_strictly(200, content)


@any_case
def test_a_status_that_the_contract_does_not_describe_departs(case: Case) -> None:
    with pytest.raises(case.module("errors").DepartsFromContract) as raised:
        case.api.read_strictly(299, b"{}")
    (departure,) = raised.value.departures
    assert (departure.pointer, departure.keyword) == ("", "responses")


def test_a_value_that_an_open_enum_does_not_list_departs_and_is_read_all_the_same() -> None:
    content = {"code": "BYRD777", "description": "Operation successfully completed"}
    (departure,) = strict("paybyrd").departures("RefundResponse", content)
    rule = "/components/schemas/PaybyrdCode/x-extensible-enum"
    assert departure == Departure("/code", "x-extensible-enum", rule)
    module = importlib.import_module("refundry_paybyrd.api.refunds.refund_transaction")
    assert module.read_reply(200, json.dumps(content).encode()).code == "BYRD777"


def test_a_message_is_checked_by_the_name_of_its_schema() -> None:
    strict("blink").check("RefundRequest", {"partial_refund": True, "amount": 1.5})
    with pytest.raises(importlib.import_module("refundry_blink.errors").DepartsFromContract):
        strict("blink").check("RefundRequest", {"partial_refund": "yes"})
    for call in (strict("blink").check, strict("blink").departures):
        with pytest.raises(ValueError, match="the contract has no schema 'Refund'"):
            call("Refund", {})


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_sandbox_finds_the_same_departures_in_a_request(provider: str) -> None:
    case = next(case for case in CASES if case.provider == provider and case.body_class and case.tag == "refunds")
    for broken in ({}, {"amount": "x", "isoAmount": 1.5}, {"amount": None, "reference": 5, "isoAmount": [1]}):
        headers = {"content-type": "application/json", **{name.lower(): value for name, value in case.headers.items()}}
        checked = Contract.shipped(provider).check(Request("POST", case.path, headers, json.dumps(broken).encode()))
        assert checked is not None
        by_name = strict(provider).departures(str(case.body_class), broken)
        assert [(one.where, one.rule) for one in checked[1]] == [(one.pointer, one.keyword) for one in by_name]


def test_a_reply_of_a_range_a_default_and_a_reference_is_found(tmp_path: Path) -> None:
    replies = {"4XX": {"type": "integer"}, "default": {"$ref": "#/components/schemas/Reply"}, "204": None}
    made = make(contract(replies=replies), tmp_path)
    assert made.api.read_strictly(404, b"1") == 1
    assert made.api.read_strictly(500, b"{}").to_dict() == {}
    assert made.api.read_strictly(204, b"<html>") is None
    for status, content in ((404, b'"x"'), (500, b'{"id": 5}')):
        with pytest.raises(made.module("errors").DepartsFromContract):
            made.api.read_strictly(status, content)


# --- a package without an extra

HIDDEN = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
try:
    {statement}
except ImportError as error:
    print(error)
"""


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("module", "statement", "extra"),
    [
        ("pydantic", "import refundry_{provider}.schemas", "schemas"),
        (
            "openapi_schema_validator",
            "from refundry_{provider} import strict; strict.check('ErrorResponse', 1)",
            "strict",
        ),
    ],
)
def test_a_package_without_an_extra_says_which_one_it_needs(
    provider: str, module: str, statement: str, extra: str
) -> None:
    code = HIDDEN.format(names={module}, statement=statement.format(provider=provider))
    done = run("-c", code, PYTHONPATH=f"{ROOT / 'generated'}:{ROOT / 'facade'}")
    assert done.stderr == ""
    assert done.stdout.strip().endswith(f"install it: pip install 'refundry[{extra}]'")


def test_an_extra_that_is_broken_in_itself_is_not_called_missing(tmp_path: Path) -> None:
    (tmp_path / "pydantic.py").write_text("import no_such_module\n")
    code = "import refundry_blink.schemas"
    done = run("-c", code, PYTHONPATH=f"{tmp_path}:{ROOT / 'generated'}")
    assert "ModuleNotFoundError: No module named 'no_such_module'" in done.stderr
    assert "pip install" not in done.stderr
