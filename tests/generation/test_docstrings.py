"""What a generated function says of itself, and which header parameters it takes."""

import inspect
from pathlib import Path
from typing import Any

import pytest

from scripts.contracts.pointers import resolve
from scripts.contracts.shapes import parameters
from tests.generation.cases import CALLERS, CASES, Case, any_case, contract_of
from tests.generation.generated_support import contract, make

ID = {"name": "thing_id", "in": "path", "required": True, "schema": {"type": "string"}}
FUNCTIONS = ("build_request", *CALLERS)


def said(function: Any) -> str:
    """Return a docstring as one line."""
    return " ".join(str(inspect.getdoc(function)).split())


@any_case
def test_the_first_line_is_the_summary_of_the_operation(case: Case) -> None:
    for name in FUNCTIONS:
        assert str(inspect.getdoc(getattr(case.api, name))).splitlines()[0] == case.described["summary"]


@any_case
def test_each_parameter_is_described_as_in_the_contract(case: Case) -> None:
    contract = contract_of(case.provider)
    pointer = next(
        f"/paths/{path.replace('/', '~1')}/{method}"
        for path, item in contract["paths"].items()
        for method, operation in item.items()
        if isinstance(operation, dict) and operation.get("operationId") == case.operation
    )
    for at in parameters(contract, pointer).values():
        description = resolve(contract, at)["description"]
        for name in FUNCTIONS:
            assert " ".join(description.split()) in said(getattr(case.api, name))


def test_an_operation_without_a_summary_begins_with_its_method_and_path(tmp_path: Path) -> None:
    made = make(contract(), tmp_path)
    for name in FUNCTIONS:
        assert str(inspect.getdoc(getattr(made.api, name))).splitlines()[0] == "POST /things/{thing_id}"


def test_a_parameter_whose_schema_is_a_reference_is_described_by_its_own_words(tmp_path: Path) -> None:
    mode = {
        "name": "mode",
        "in": "query",
        "description": "Said of the parameter.",
        "schema": {"$ref": "#/components/schemas/M"},
    }
    schemas = {"M": {"type": "string", "description": "Said of the schema."}}
    made = make(contract(operation={"parameters": [ID, mode]}, schemas=schemas), tmp_path)
    assert "mode (str | Unset): Said of the parameter." in said(made.api.build_request)


HEADERS = [(case, name) for case in CASES for name in case.headers]


@pytest.mark.parametrize(
    "value",
    ["", " ", "s3cret ", " s3cret", "s3cret\r\nx: y", "s3cret\n", "a\rb", "a\x00b", "a\x7f", "\x85", "a\u2028b"],
)
@pytest.mark.parametrize(("case", "name"), HEADERS, ids=str)
def test_a_header_parameter_that_is_empty_or_leaves_its_line_is_refused(case: Case, name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must not be empty") as raised:
        case.api.build_request(**case.call_arguments(**{name.lower().replace("-", "_"): value}))
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(("case", "name"), HEADERS, ids=str)
def test_any_other_header_parameter_goes_as_it_is(case: Case, name: str) -> None:
    for value in ("a", "order-1/1", "a b", "a,b;c=d", '"quoted"'):
        request = case.api.build_request(**case.call_arguments(**{name.lower().replace("-", "_"): value}))
        assert request.headers[name] == value
