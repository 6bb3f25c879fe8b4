"""Every example of a contract is checked by its schema and the generated models; each contradiction is listed."""

import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pydantic
import pytest

from scripts.contracts import contradictions
from scripts.contracts.contract import effective_document, vendored_document
from scripts.contracts.contradictions import (
    Comparison,
    Finding,
    client_findings,
    compare,
    examples,
    pydantic_findings,
    schema_findings,
)
from scripts.contracts.document import Document
from scripts.contracts.errors import ContractError
from scripts.contracts.providers import PROVIDERS
from tests.generation.specs_support import CONTRACT, changed, document

SCHEMA_REF = "              $ref: '#/components/schemas/Return'\n"
IN_BODY = "/paths/~1returns~1{id}/post/requestBody/content/application~1json"


def with_example(example: str) -> Document:
    return changed(SCHEMA_REF, f"{SCHEMA_REF}            example: {example}\n")


class ReturnModel:
    """Reads and writes `cents` and `note` as a generated model does, and nothing else."""

    def __init__(self, cents: int, note: str) -> None:
        self.cents, self.note = cents, note

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "ReturnModel":
        return cls(data["cents"], data["note"].strip())

    def to_dict(self) -> dict[str, Any]:
        return {"cents": self.cents, "note": self.note}


class ReturnSchema(pydantic.BaseModel):
    cents: int
    note: str


MODELS = SimpleNamespace(Return=ReturnModel)
SCHEMAS = SimpleNamespace(Return=ReturnSchema)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_does_not_fit_in_a_committed_contract_is_what_is_listed(provider: str) -> None:
    found = contradictions.find(provider)
    assert compare(found, contradictions.decisions(provider)) == Comparison(frozenset(), frozenset())


def test_paybyrds_two_contradictions_are_found_in_the_contract_itself() -> None:
    assert schema_findings(vendored_document("paybyrd")) == {
        Finding("/components/examples/RefundRequestExample/value/amount", "required", "schema"),
        Finding("/components/examples/RefundTransactionNotFoundExample/value/description", "enum", "schema"),
    }


def test_every_example_of_the_committed_contracts_is_checked() -> None:
    for provider in PROVIDERS:
        contract = vendored_document(provider)
        text = str(contract.data)
        written = len(re.findall(r"'(?:example|value)':", text))
        looked_at = {example.pointer for example in contradictions.examples(contract)}
        assert len(looked_at) + len(contradictions.unused(contract)) == written


@pytest.mark.parametrize(
    ("example", "findings"),
    [
        ("{cents: 1, note: a}", set()),
        ("{cents: 1}", {("/note", "required")}),
        ("{}", {("/cents", "required"), ("/note", "required")}),
        ("{cents: '1', note: 2}", {("/cents", "type"), ("/note", "type")}),
        ("[]", {("", "type")}),
    ],
)
def test_an_example_that_breaks_its_schema_is_found_with_its_pointer_and_rule(
    example: str, findings: set[tuple[str, str]]
) -> None:
    expected = {Finding(f"{IN_BODY}/example{pointer}", rule, "schema") for pointer, rule in findings}
    assert schema_findings(with_example(example)) == expected


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_a_format_is_checked_too(version: str) -> None:
    text = CONTRACT.replace("3.0.3", version).replace(
        "        note:\n          type: string",
        "        note:\n          type: string\n          format: date\n          example: 2026-13-01",
    )
    at = "/components/schemas/Return/properties/note/example"
    assert schema_findings(document(text)) == {Finding(at, "format", "schema")}


@pytest.mark.parametrize(
    ("old", "new", "pointer"),
    [
        (
            "          type: integer",
            "          type: integer\n          example: x",
            "/components/schemas/Return/properties/cents/example",
        ),
        (
            "          schema:\n            type: string",
            "          schema:\n            type: string\n          example: 1",
            "/paths/~1returns~1{id}/post/parameters/0/example",
        ),
        (
            SCHEMA_REF,
            f"{SCHEMA_REF}            examples: {{bad: {{value: {{cents: x, note: a}}}}}}\n",
            f"{IN_BODY}/examples/bad/value/cents",
        ),
        (
            "components:\n",
            "components:\n  headers: {Rest: {schema: {type: integer}, example: x}}\n",
            "/components/headers/Rest/example",
        ),
    ],
)
def test_an_example_is_found_wherever_a_contract_may_have_one(old: str, new: str, pointer: str) -> None:
    assert schema_findings(changed(old, new)) == {Finding(pointer, "type", "schema")}


def test_each_of_the_examples_of_a_newer_schema_is_checked() -> None:
    contract = changed(
        "          type: integer",
        "          type: integer\n          examples: [1, x]",
        CONTRACT.replace("3.0.3", "3.1.0"),
    )
    at = "/components/schemas/Return/properties/cents/examples/1"
    assert schema_findings(contract) == {Finding(at, "type", "schema")}


def test_an_example_that_nothing_uses_is_named_and_breaks_nothing() -> None:
    contract = changed("components:\n", "components:\n  examples: {Lost: {value: 1}}\n")
    assert schema_findings(contract) == set()
    assert contradictions.unused(contract) == ["/components/examples/Lost"]


@pytest.mark.parametrize(
    ("example", "rule"),
    [
        ("{cents: 1, note: a}", None),
        ("{cents: 1, note: 'a '}", "round trip"),
        ("{cents: 1, note: a, more: 1}", "round trip"),
        ("{cents: 1}", "KeyError"),
        ("{cents: 1, note: 2}", "AttributeError"),
        ("3", "TypeError"),
    ],
)
def test_an_example_that_changes_in_a_round_trip_through_the_client_is_found(example: str, rule: str | None) -> None:
    expected = {Finding(f"{IN_BODY}/example", rule, "client")} if rule else set()
    assert client_findings(with_example(example), MODELS) == expected


def test_an_example_that_the_pydantic_models_refuse_is_found() -> None:
    assert pydantic_findings(with_example("{cents: 1, note: a}"), SCHEMAS) == set()
    assert pydantic_findings(with_example("{cents: x}"), SCHEMAS) == {
        Finding(f"{IN_BODY}/example/cents", "int_parsing", "pydantic"),
        Finding(f"{IN_BODY}/example/note", "missing", "pydantic"),
    }


ONE, TWO, THREE = (Finding(f"/{name}", "type", "schema") for name in ("one", "two", "three"))
LATER = Finding("/one", "unread", "facade")


@pytest.mark.parametrize(
    ("found", "listed", "unlisted", "stale"),
    [
        ({ONE, TWO}, {ONE, TWO}, set(), set()),
        ({ONE, TWO}, {ONE}, {TWO}, set()),
        ({ONE}, {ONE, THREE}, set(), {THREE}),
        ({ONE}, {ONE, LATER}, set(), set()),
    ],
)
def test_an_unlisted_contradiction_and_a_stale_one_both_differ(
    found: set[Finding], listed: set[Finding], unlisted: set[Finding], stale: set[Finding]
) -> None:
    assert compare(found, listed) == Comparison(frozenset(unlisted), frozenset(stale))


def test_a_layer_that_others_run_is_compared_on_request() -> None:
    assert compare(set(), {ONE, LATER}, frozenset({"facade"})) == Comparison(frozenset(), frozenset({LATER}))


ENTRY = 'pointer = "/a"\nrule = "type"\nlayer = "schema"\ndecision = "The example is right."\n'


def listed_in(folder: Path, text: str) -> set[Finding]:
    (folder / "paybyrd").mkdir()
    (folder / "paybyrd" / "contradictions.toml").write_text(text, encoding="utf-8")
    return set(contradictions.decisions("paybyrd", folder))


def test_a_provider_without_a_list_has_no_contradictions(tmp_path: Path) -> None:
    assert contradictions.decisions("paybyrd", tmp_path) == {}


def test_a_list_is_read(tmp_path: Path) -> None:
    assert listed_in(tmp_path, f"[[contradiction]]\n{ENTRY}") == {Finding("/a", "type", "schema")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[contradiction]\n", "not TOML"),
        (f"[[contradiction]]\n{ENTRY}[[contradiction]]\n{ENTRY}", "entry 2: /a is listed twice"),
        ("[[contradiction]]\n" + ENTRY.replace("schema", "weather"), "entry 1: layer 'weather'"),
        ("[[contradiction]]\n" + ENTRY.replace("The example is right.", " "), "entry 1: it needs "),
        ("[[contradiction]]\n" + ENTRY.replace("decision", "decided"), "entry 1: it needs "),
        ("[[contradiction]]\n" + ENTRY.replace('"type"', "1"), "entry 1: it needs "),
    ],
)
def test_a_list_that_says_too_little_is_an_error_in_one_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=rf"contradictions.toml:1: {message}") as refused:
        listed_in(tmp_path, text)
    assert "\n" not in str(refused.value)


def test_the_command_prints_each_contradiction_with_our_decision(capsys: pytest.CaptureFixture[str]) -> None:
    assert contradictions.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["blink: none", "lab4pay: none"]
    assert lines[2].startswith(
        "paybyrd: listed: schema: /components/examples/RefundRequestExample/value/amount: required: "
    )
    assert "refundry sends `isoAmount` alone" in lines[2]


@pytest.mark.parametrize(
    ("found", "state"), [({ONE}, "UNLISTED: schema: /one: type: "), (set(), "STALE: schema: /components/examples/")]
)
def test_the_command_exits_with_1_when_something_is_unlisted_or_stale(
    found: set[Finding], state: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(contradictions, "find", lambda _: found)
    assert contradictions.main(["paybyrd"]) == 1
    assert f"paybyrd: {state}" in capsys.readouterr().out


def test_the_command_exits_with_2_and_one_line_when_nothing_can_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert contradictions.main(["stripe"]) == 2
    assert re.fullmatch(r"error: \S+:1: stripe: no such provider; .*\n", capsys.readouterr().err)


def test_a_package_that_is_not_installed_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "refundry_paybyrd.models", None)
    with pytest.raises(ContractError, match=r"openapi.yaml:\d+: refundry_paybyrd.models is not installed; install"):
        contradictions.find("paybyrd")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_example_contradicts_a_contract_with_its_overlay(provider: str) -> None:
    document = effective_document(provider)
    models, schemas = (importlib.import_module(f"refundry_{provider}.{name}") for name in ("models", "schemas"))
    assert schema_findings(document) == set()
    assert client_findings(document, models) == set()
    assert pydantic_findings(document, schemas) == set()


def test_paybyrds_documented_transaction_is_read_by_both_models_with_its_types() -> None:
    document = effective_document("paybyrd")
    values = [example.value for example in examples(document) if example.pointer.startswith("/paths/~1api~1v2~1trans")]
    assert len(values) == 1
    client = importlib.import_module("refundry_paybyrd.models").Transaction.from_dict(values[0])
    written = importlib.import_module("refundry_paybyrd.schemas").Transaction.model_validate(values[0])
    for read in (client, written):
        assert (read.person_id, read.index, read.attempt, read.created_date) == (1042, 1, 1, values[0]["createdDate"])
        assert (read.card.expires_at, read.card.country_code, read.card.is_payer_traveling) == ("12/25", "PRT", False)
        assert [(one.operation_type, one.iso_amount) for one in read.referenced_transactions] == [("Payment", 300)]
    assert client.to_dict() == values[0]
    assert written.model_dump(mode="json", by_alias=True, exclude_unset=True) == values[0]


def test_blinks_address_may_be_null() -> None:
    value = {"customer_address": None, "customer_postcode": None}
    client = importlib.import_module("refundry_blink.models").Transaction.from_dict(value)
    assert (client.customer_address, client.customer_postcode, client.to_dict()) == (None, None, value)
    written = importlib.import_module("refundry_blink.schemas").Transaction.model_validate(value)
    assert written.model_dump(exclude_unset=True) == value


def test_a_validator_that_stops_at_an_example_is_one_line_with_its_place() -> None:
    schema = {"allOf": [{"$ref": "#/components/schemas/A"}], "example": 1}
    loop = {"openapi": "3.0.3", "components": {"schemas": {"A": schema}}}
    with pytest.raises(
        ContractError, match=r"^a.yaml:1: /components/schemas/A/example: the validator stopped: [^\n]*$"
    ):
        schema_findings(Document(loop, {"": "a.yaml:1"}))
