"""Schemas that are alike are validated once, and the faults of a document are those that the library finds."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_path import SchemaPath
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator

from scripts.contracts import validation
from scripts.contracts.openapi import walk
from scripts.contracts.pointers import get
from tests.generation.documents import platform
from tests.generation.generated_support import contract

LIBRARY = {"3.0.3": OpenAPIV30SpecValidator, "3.1.0": OpenAPIV31SpecValidator}
SPOILT: tuple[Any, ...] = (
    7,
    "odd",
    None,
    True,
    ["x", "x"],
    {"type": "odd"},
    {"$ref": 5},
    {"minimum": "a"},
    [{"type": 7}],
    {"items": []},
)


def whole() -> dict[str, Any]:
    """Return a valid document with objects of many kinds."""
    data = platform(0)
    for schema in data["components"]["schemas"].values():
        schema["x-mark"] = {"properties": {"type": 5}}
    return data


def spoilt(version: str) -> Iterator[dict[str, Any]]:
    """Yield documents with one part that is something else."""
    chance = random.Random(11)
    data = {**whole(), "openapi": version}
    nodes = [node.pointer for node in walk(data) if node.value and node.kind in ("schema", "parameter", "media type")]
    for pointer in chance.sample(nodes, 24):
        changed = copy.deepcopy(data)
        members = get(changed, pointer)
        members[chance.choice([*members])] = chance.choice(SPOILT)
        yield changed


def said(errors: Iterator[Any]) -> list[tuple[list[object], str]]:
    return [([*error.absolute_path], str(error.message)) for error in errors]


def outcome(errors: Iterator[Any]) -> object:
    """Return the faults, or the name of what the library raises."""
    try:
        return said(errors)
    except Exception as error:  # noqa: BLE001 - the library raises anything
        return type(error).__name__


@pytest.mark.parametrize("version", LIBRARY)
def test_the_faults_of_a_spoilt_document_are_those_of_the_library(version: str) -> None:
    faulty = 0
    for data in spoilt(version):
        found = outcome(validation.document_errors(data))
        assert found == outcome(iter(LIBRARY[version](SchemaPath.from_dict(data)).iter_errors()))
        faulty += found != []
    assert faulty > 8


@pytest.mark.parametrize("version", LIBRARY)
def test_a_valid_document_has_no_fault(version: str) -> None:
    assert said(validation.document_errors({**whole(), "openapi": version})) == []


@pytest.mark.parametrize("version", LIBRARY)
def test_a_fault_is_found_in_each_of_many_schemas_that_are_alike(version: str) -> None:
    schemas = {f"Part{number}": {"type": "object", "properties": {"a": {"type": "string"}}} for number in range(50)}
    assert said(validation.document_errors(contract(openapi=version, schemas=schemas))) == []
    one = json.loads(json.dumps(schemas))
    one["Part49"]["properties"]["a"]["type"] = "odd"
    assert said(validation.document_errors(contract(openapi=version, schemas=one))) != []
