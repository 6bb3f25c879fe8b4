"""The Pydantic models of the providers' messages: they read what the contract allows and write it back as it was."""

import importlib
import json
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.contracts.providers import PROVIDERS
from tests.generation.cases import CASES, REFUNDS, TOKEN, TOKENS, WITH_BODY, Case, contract_of
from tests.generation.generated_support import contract, make

any_provider = pytest.mark.parametrize("provider", PROVIDERS)
# The secrets of a token's messages are written masked, see below.
any_reply = pytest.mark.parametrize(
    "case", [case for case in CASES if isinstance(case.accepted, dict) and case not in TOKENS], ids=str
)
any_body = pytest.mark.parametrize("case", [case for case in WITH_BODY if case not in TOKENS], ids=str)


def schemas(provider: str) -> ModuleType:
    return importlib.import_module(f"refundry_{provider}.schemas")


def objects(provider: str) -> dict[str, Any]:
    """Return the object schemas of a provider's contract by name."""
    named = contract_of(provider)["components"]["schemas"]
    return {name: schema for name, schema in named.items() if schema.get("type") == "object"}


@any_provider
def test_there_is_a_model_for_every_object_of_the_contract_with_every_field_described(provider: str) -> None:
    module = schemas(provider)
    for name, schema in objects(provider).items():
        fields = getattr(module, name).model_fields
        by_wire_name = {field.alias or python: field for python, field in fields.items()}
        assert set(by_wire_name) == set(schema.get("properties", {})), name
        for wire, value in schema.get("properties", {}).items():
            if "description" in value:
                assert by_wire_name[wire].description == value["description"], (name, wire)


@any_provider
def test_what_is_required_is_required_in_the_models(provider: str) -> None:
    for name, schema in objects(provider).items():
        fields = getattr(schemas(provider), name).model_fields
        required = {field.alias or python for python, field in fields.items() if field.is_required()}
        assert required == set(schema.get("required", ())), name


@any_reply
def test_a_reply_goes_in_and_comes_out_as_it_was_with_fields_that_nobody_described(case: Case) -> None:
    reply = {**case.accepted, "added_later": {"a": [1]}}
    model = getattr(schemas(case.provider), case.reply)
    read = model.model_validate_json(json.dumps(reply))
    assert read.model_dump(mode="json", by_alias=True, exclude_unset=True) == reply
    assert json.loads(read.model_dump_json(by_alias=True, exclude_unset=True)) == reply


@any_body
def test_a_request_can_be_written_with_the_python_names(case: Case) -> None:
    body = getattr(schemas(case.provider), str(case.body_class))(**case.body)
    assert body.model_dump(by_alias=True, exclude_unset=True) == case.call_arguments()["body"].to_dict()


@pytest.mark.parametrize("value", ["12,50", "", None, [1], 12.5, {"a": 1}])
@pytest.mark.parametrize("provider", ["lab4pay", "paybyrd"])
def test_an_amount_that_is_no_whole_number_is_refused(provider: str, value: object) -> None:
    case = next(case for case in REFUNDS if case.provider == provider)
    with pytest.raises(pydantic.ValidationError):
        getattr(schemas(provider), str(case.body_class)).model_validate({"amount": value, "isoAmount": value})


@pytest.mark.parametrize("case", TOKENS, ids=str)
def test_a_secret_is_shown_and_written_masked_and_can_be_read_explicitly(case: Case) -> None:
    module = schemas(case.provider)
    request = getattr(module, str(case.body_class))(**case.body)
    reply = module.TokenResponse.model_validate_json(json.dumps(case.accepted))
    for message in (request, reply):
        assert TOKEN not in f"{message!r} {message} {message.model_dump()} {message.model_dump_json()}"
    assert reply.access_token.get_secret_value() == TOKEN


def test_a_negative_amount_of_a_transaction_is_read() -> None:
    read = schemas("paybyrd").Transaction.model_validate(
        {"amount": "-1.00", "isoAmount": -100, "referencedTransactions": [{}]}
    )
    assert (read.amount, read.iso_amount, len(read.referenced_transactions)) == ("-1.00", -100, 1)


def test_both_generations_of_blinks_reply_are_read() -> None:
    model = schemas("blink").RefundResponse
    newer = model.model_validate({"status": "completed", "amount": 79.1})
    older = model.model_validate({"success": True, "message": "Done", "amount": "79.10"})
    assert (newer.amount, older.amount) == (79.1, "79.10")


@given(minor=st.integers(1, 10**15 - 1))
def test_a_number_of_fifteen_digits_keeps_every_one_in_blinks_amount(minor: int) -> None:
    amount = Decimal(minor).scaleb(-2)
    read = schemas("blink").RefundResponse.model_validate_json(f'{{"amount": {amount}}}')
    assert Decimal(repr(read.amount)) == amount
    assert Decimal(json.loads(read.model_dump_json(exclude_unset=True), parse_float=str)["amount"]) == amount


def test_a_text_with_a_format_of_decimal_is_the_text_that_came(tmp_path: Path) -> None:
    schema = {"Reply": {"type": "object", "properties": {"amount": {"type": "string", "format": "decimal"}}}}
    model = make(contract(schemas=schema), tmp_path).module("schemas").Reply
    assert model.model_validate_json('{"amount": "0.10"}').amount == "0.10"


@any_provider
def test_the_models_carry_no_time_of_their_making(provider: str) -> None:
    source = Path(str(schemas(provider).__file__)).read_text(encoding="utf-8")
    assert "timestamp" not in source
    assert source.startswith("# generated by datamodel-codegen:\n#   filename:  contract.json\n")
