"""What a package gives of its contract: the documents, and each message as JSON Schema that needs nothing else."""

import functools
import hashlib
import importlib
import json
import random
from collections.abc import Iterator
from datetime import date
from typing import Any

import openapi_schema_validator
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types of its own

from scripts.contracts.contract import effective_document, vendored_document
from scripts.contracts.contradictions import examples
from scripts.contracts.pointers import keys, resolve
from scripts.contracts.providers import PROVIDERS
from scripts.contracts.sources import read
from scripts.packages.exported import definitions
from tests.generation.cases import CASES, contract_of
from tests.generation.generated_support import ROOT, contract

any_provider = pytest.mark.parametrize("provider", PROVIDERS)
FORMATS = openapi_schema_validator.oas30_format_checker


def package(provider: str) -> Any:
    return importlib.import_module(f"refundry_{provider}")


@functools.cache
def documented(provider: str) -> tuple[tuple[str, Any], ...]:
    """Return every documented example of a message that has a name in the contract, and those of our own cases."""
    cases = [case for case in CASES if case.provider == provider]
    found = [(case.reply, case.accepted) for case in cases if isinstance(case.accepted, dict)]
    found += [(case.body_class, case.call_arguments()["body"].to_dict()) for case in cases if case.body_class]
    for example in examples(effective_document(provider)):
        schema = resolve(contract_of(provider), example.schema)
        path = keys(str(schema.get("$ref", example.schema)).removeprefix("#"))
        if path[:2] == ["components", "schemas"] and len(path) == 3:
            found.append((path[2], example.value))
    return tuple(found)


def openapi(document: Any, name: str) -> Any:
    """Return the OpenAPI validator of a named schema: openapi-schema-validator's own, with nothing of ours."""
    is_30 = document["openapi"].startswith("3.0.")
    kind = openapi_schema_validator.OAS30Validator if is_30 else openapi_schema_validator.OAS31Validator
    formats = FORMATS if is_30 else openapi_schema_validator.oas31_format_checker
    return kind({**document, "$ref": f"#/components/schemas/{name}"}, format_checker=formats)


def json_schema(schema: Any) -> Any:
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


# --- mutations

VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    5,
    -7,
    1.5,
    2**63,
    -(2**63) - 1,
    1.5e-7,
    "",
    "x",
    "2026-11-22",
    [],
    [None],
    {},
    {"a": 1},
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(part, (*path, key))


def mutated(value: Any, dice: random.Random) -> Any:
    """Return a value with one place replaced, removed, or given a field that nobody described."""
    copy = json.loads(json.dumps(value))
    path = dice.choice([*places(copy)])
    if not path:
        return dice.choice(VALUES) if dice.random() < 0.3 or not isinstance(copy, dict) else {**copy, "added_later": 1}
    holder = functools.reduce(lambda part, key: part[key], path[:-1], copy)
    if dice.random() < 0.25:
        del holder[path[-1]]
    else:
        holder[path[-1]] = dice.choice(VALUES)
    return mutated(copy, dice) if dice.random() < 0.3 else copy


@any_provider
def test_every_example_and_a_hundred_mutations_of_each_get_the_verdict_of_the_openapi_validator(provider: str) -> None:
    dice = random.Random(provider)
    verdicts = {True: 0, False: 0}
    assert documented(provider)
    for name, example in documented(provider):
        exported, ours = json_schema(package(provider).schema(name)), openapi(package(provider).contract(), name)
        assert exported.is_valid(example), (name, example)
        for value in (mutated(example, dice) for _ in range(100)):
            assert exported.is_valid(value) == ours.is_valid(value), (name, value)
            verdicts[ours.is_valid(value)] += 1
    assert min(verdicts.values()) >= sum(verdicts.values()) // 5, "the mutations break hardly anything, or everything"


def test_the_fraction_of_a_whole_number_is_the_one_thing_that_the_schema_does_not_see() -> None:
    written_out = {"isoAmount": 100.0}
    assert json_schema(package("paybyrd").schema("RefundRequest")).is_valid(written_out)
    assert not openapi(package("paybyrd").contract(), "RefundRequest").is_valid(written_out)


ODD = {
    "a null beside a type": {
        "type": "object",
        "nullable": True,
        "properties": {"a": {"type": "string", "nullable": True}},
    },
    "a null without a type": {
        "properties": {"a": {"nullable": True, "allOf": [{"$ref": "#/components/schemas/Body"}]}}
    },
    "bounds of 3.0": {
        "properties": {
            "a": {"type": "number", "minimum": 1, "exclusiveMinimum": True, "maximum": 5, "exclusiveMaximum": False}
        }
    },
    "a range by its format": {"properties": {"a": {"type": "integer", "format": "int32", "minimum": -3}}},
    "a reference with something beside it": {
        "properties": {"a": {"$ref": "#/components/schemas/Body", "type": "string"}}
    },
    "no other fields": {"type": "object", "additionalProperties": False, "properties": {"a": {"type": "string"}}},
    "a map": {"type": "object", "additionalProperties": {"type": "integer"}},
    "alternatives": {"properties": {"a": {"oneOf": [{"type": "string"}, {"type": "number"}]}}},
}


@pytest.mark.parametrize("kind", ODD)
def test_each_word_of_openapi_3_0_means_the_same_in_the_words_of_json_schema(kind: str) -> None:
    document = contract(schemas={"Reply": ODD[kind]})
    defs = definitions(document)
    exported = json_schema({"$ref": "#/$defs/Reply", "$defs": defs})
    ours = openapi(document, "Reply")
    tried = [*VALUES, *({"a": value} for value in (*VALUES, 1, 3, -3, -4, 5.5, 2**31, {"amount": 1}, {"amount": "x"}))]
    assert [exported.is_valid(value) for value in tried] == [ours.is_valid(value) for value in tried]
    assert not {"nullable", "example", "discriminator"} & {*words(defs)}


def words(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for part in schema:
            yield from words(part)
    elif isinstance(schema, dict):
        for key, part in schema.items():
            yield key
            yield from words(part)


@any_provider
def test_a_schema_needs_no_other_document_and_its_id_holds_the_hash_of_the_contract(provider: str) -> None:
    for name in contract_of(provider)["components"]["schemas"]:
        schema = package(provider).schema(name)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema["$id"] == f"urn:refundry:{provider}:{name}:sha256:{package(provider).CONTRACT.sha256}"
        assert name in schema["$defs"]
        references = {part["$ref"] for part in objects(schema) if isinstance(part.get("$ref"), str)}
        assert references == {f"#/$defs/{needed}" for needed in schema["$defs"]}
        assert json.loads(json.dumps(schema)) == schema
        Draft202012Validator.check_schema(schema)


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(part)


@any_provider
def test_a_schema_keeps_descriptions_and_the_values_of_an_open_enum(provider: str) -> None:
    for name, own in contract_of(provider)["components"]["schemas"].items():
        exported = package(provider).schema(name)["$defs"][name]
        for field, described in own.get("properties", {}).items():
            for kept in ("description", "x-extensible-enum"):
                if "$ref" not in described:
                    assert exported["properties"][field].get(kept) == described.get(kept), (name, field)


def test_a_name_that_the_contract_has_not_is_named_with_those_that_it_has() -> None:
    with pytest.raises(ValueError, match="no schema 'Refund'; it has AcceptedLinkResponse, "):
        package("paybyrd").schema("Refund")


@any_provider
def test_a_package_gives_the_effective_and_the_vendored_contract(provider: str) -> None:
    assert package(provider).contract() == contract_of(provider)
    assert package(provider).contract("vendored") == vendored_document(provider).data
    with pytest.raises(ValueError, match="neither 'effective' nor 'vendored'"):
        package(provider).contract("published")


@any_provider
def test_each_call_gives_a_document_of_its_own(provider: str) -> None:
    package(provider).contract()["openapi"] = "changed"
    package(provider).schema("ErrorResponse")["$defs"].clear()
    assert package(provider).contract() == contract_of(provider)
    assert package(provider).schema("ErrorResponse")["$defs"]


@any_provider
def test_the_record_of_the_contract_is_that_of_the_files_in_the_package_and_of_its_page(provider: str) -> None:
    record, folder = package(provider).CONTRACT, ROOT / "generated" / f"refundry_{provider}"
    assert record.sha256 == hashlib.sha256((folder / "contract.json").read_bytes()).hexdigest()
    assert record.vendored_sha256 == hashlib.sha256((folder / "vendored.json").read_bytes()).hexdigest()
    assert record.version == str(contract_of(provider)["info"]["version"])
    assert record.retrieved == read(ROOT / "specs" / provider).retrieved
    assert isinstance(record.retrieved, date)


@any_provider
def test_every_documented_example_goes_through_both_forms(provider: str) -> None:
    models, schemas = (importlib.import_module(f"refundry_{provider}.{form}") for form in ("models", "schemas"))
    seen = set()
    for name, example in documented(provider):
        if isinstance(example, dict):
            seen.add(name)
            assert getattr(models, name).from_dict(example).to_dict() == example, name
            read = getattr(schemas, name).model_validate_json(json.dumps(example))
            assert read.model_dump(mode="json", by_alias=True, exclude_unset=True) == unmasked(read, example), name
        elif isinstance(example, str) and hasattr(schemas, name):
            assert getattr(models, name)(example) == getattr(schemas, name)(example) == example
    assert seen


def unmasked(read: Any, example: dict[str, Any]) -> dict[str, Any]:
    """Return the example as Pydantic writes it, which masks a secret."""
    secrets = {
        field.alias or name
        for name, field in type(read).model_fields.items()
        if hasattr(getattr(read, name), "get_secret_value")
    }
    return {name: "**********" if name in secrets else value for name, value in example.items()}
