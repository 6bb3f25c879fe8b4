"""Of a document, the operations that are chosen are used, with all that they refer to, and nothing else is."""

import copy
import re
from typing import Any

import pytest

from scripts.contracts import slices
from scripts.contracts.checks import check
from scripts.contracts.document import Document
from scripts.contracts.errors import ContractError
from scripts.contracts.pointers import get
from tests.generation.documents import CHOSEN, platform


def sliced(data: Any, *chosen: str) -> Any:
    """Return the slice of a document with the chosen operations, which leaves the document as it was."""
    before = copy.deepcopy(data)
    found = slices.slice_of(Document(data, {"": "page.yaml:1"}), dict.fromkeys(chosen, "source.toml:3"))
    assert data == before
    return found.data


def refusal(data: Any, *chosen: str) -> str:
    with pytest.raises(ContractError) as raised:
        sliced(data, *chosen)
    return str(raised.value)


def document(paths: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths, **others}


def answering(schema: dict[str, Any], **others: Any) -> dict[str, Any]:
    """Return an operation whose reply has a schema."""
    reply = {"description": "OK", "content": {"application/json": {"schema": schema}}}
    return {"responses": {"200": reply}, **others}


def to(pointer: str) -> dict[str, str]:
    return {"$ref": f"#{pointer}"}


def test_three_operations_of_six_hundred_are_what_the_three_are_alone() -> None:
    whole, alone = platform(600), platform(0)
    assert len(whole["paths"]) > 150
    found = sliced(whole, *CHOSEN)
    assert found == alone
    assert [*found] == [*alone]
    assert [*found["components"]["schemas"]] == [*alone["components"]["schemas"]]


def test_what_could_not_be_used_and_is_not_chosen_is_no_part_of_the_slice() -> None:
    whole = platform(8)
    with pytest.raises(ContractError):
        check(Document(whole, {"": "page.yaml:1"}))
    check(Document(sliced(whole, *CHOSEN), {"": "page.yaml:1"}))


def test_one_operation_leaves_out_the_components_of_the_others() -> None:
    found = sliced(platform(4), "cancelRefund")
    assert [*found["paths"]] == ["/v1/refunds/{refund_id}/cancel"]
    components = found["components"]
    assert "requestBodies" not in components
    assert "parameters" not in components
    assert "RefundOrder" not in components["schemas"]
    assert {"Refund", "Entity", "Owner", "Card", "Account", "Id"} <= components["schemas"].keys()


@pytest.mark.parametrize("entry", ["GET /v1/refunds/{refund_id}", "get /v1/refunds/{refund_id}", "getRefund"])
def test_an_operation_is_chosen_by_method_and_path_or_by_its_id(entry: str) -> None:
    found = sliced(platform(4), entry)
    assert {path: [*item] for path, item in found["paths"].items()} == {
        "/v1/refunds/{refund_id}": ["parameters", "get"]
    }


def test_of_a_path_the_chosen_operations_and_what_is_beside_them_stay() -> None:
    item = {"x-kept": 1, "parameters": [], "get": answering({}), "delete": answering({}), "servers": []}
    assert sliced(document({"/a": item, "/b": item}), "DELETE /a")["paths"] == {
        "/a": {"x-kept": 1, "parameters": [], "delete": answering({}), "servers": []}
    }


@pytest.mark.parametrize(
    ("entry", "nearest"),
    [
        ("POST /v1/refunds/{refund_id}", "GET /v1/refunds/{refund_id}, POST /v1/refunds/{refund_id}/cancel"),
        ("getRefunds", "getRefund"),
        ("GETREFUND", "getRefund"),
        ("POST /V1/Payments/{payment_id}/Refunds", "POST /v1/payments/{payment_id}/refunds"),
    ],
)
def test_a_choice_that_matches_nothing_is_named_with_the_nearest(entry: str, nearest: str) -> None:
    message = refusal(platform(400), "getRefund", entry)
    assert message.startswith(f"source.toml:3: operations: {entry!r} is not in the document; the nearest are {nearest}")
    assert "\n" not in message


def test_every_choice_that_does_not_fit_is_named_in_one_run() -> None:
    twice = document({"/a": {"get": {"operationId": "same"}, "put": {"operationId": "same"}, "post": {}}})
    lines = refusal(twice, "post /a", "same", "zzz", "POST /a").split("\n")
    assert [re.sub("source.toml:3: operations: ", "", line) for line in lines] == [
        "'same' is the name of several: GET /a, PUT /a; write one of these",
        "'zzz' is not in the document; none of its 3 operations has such a name: write a method and a path, or an "
        "operationId",
        "'POST /a' is POST /a, which is listed already; keep one",
    ]


def test_a_document_with_none_of_the_chosen_operations_is_another_one() -> None:
    with pytest.raises(slices.NoneChosen):
        sliced(platform(4), "POST /v2/refunds", "GET /v2/refunds")


def test_a_scheme_of_the_whole_document_stays_where_a_chosen_operation_inherits_it() -> None:
    schemes = {"all": {"type": "http", "scheme": "bearer"}, "own": {"type": "apiKey", "in": "header", "name": "k"}}
    paths = {"/a": {"get": answering({}, security=[{"own": []}]), "put": answering({})}}
    data = document(paths, security=[{"all": []}], components={"securitySchemes": schemes})
    own = sliced(data, "GET /a")
    assert "security" not in own
    assert own["components"]["securitySchemes"] == {"own": schemes["own"]}
    both = sliced(data, "GET /a", "PUT /a")
    assert both["security"] == [{"all": []}]
    assert both["components"]["securitySchemes"] == schemes


def test_schemas_that_hold_one_another_come_whole_and_once() -> None:
    schemas = {
        "A": {"properties": {"b": to("/components/schemas/B")}},
        "B": {"items": {"allOf": [to("/components/schemas/A")]}},
        "C": {"not": to("/components/schemas/A")},
    }
    data = document({"/a": {"get": answering(to("/components/schemas/A"))}}, components={"schemas": schemas})
    assert sliced(data, "GET /a")["components"]["schemas"] == {"A": schemas["A"], "B": schemas["B"]}


def test_a_discriminator_brings_what_its_mapping_names_by_name_and_by_reference() -> None:
    schemas = {
        "Base": {"discriminator": {"propertyName": "k", "mapping": {"a": "A", "b": "#/components/schemas/B"}}},
        **{name: {"allOf": [to("/components/schemas/Base")]} for name in "ABC"},
    }
    data = document({"/a": {"get": answering(to("/components/schemas/Base"))}}, components={"schemas": schemas})
    assert [*sliced(data, "GET /a")["components"]["schemas"]] == ["Base", "A", "B"]


def test_a_reference_into_a_component_brings_the_whole_component() -> None:
    schemas = {"Whole": {"properties": {"part": to("/components/schemas/Other")}}, "Other": {}, "Third": {}}
    inside = answering(to("/components/schemas/Whole/properties/part"))
    found = sliced(document({"/a": {"get": inside}}, components={"schemas": schemas}), "GET /a")
    assert found["components"]["schemas"] == {"Whole": schemas["Whole"], "Other": {}}


def test_a_part_of_an_operation_that_is_not_chosen_becomes_a_component() -> None:
    own = "/paths/~1own/get/responses/200/content/application~1json/schema"
    other = "/paths/~1other~1{id}/get/responses/200/content/application~1json/schema"
    paths = {
        "/own": {"get": answering({"properties": {"it": to(other), "again": {"items": to(other)}, "me": to(own)}})},
        "/other/{id}": {"get": answering({"properties": {"me": to(other), "b": to("/components/schemas/B")}})},
    }
    data = document(paths, components={"schemas": {"OtherIdGet200": {}, "B": {"type": "string"}}})
    found = sliced(data, "GET /own")
    assert [*found["paths"]] == ["/own"]
    made = to("/components/schemas/OtherIdGet2002")
    assert get(found, own) == {"properties": {"it": made, "again": {"items": made}, "me": to(own)}}
    assert found["components"]["schemas"] == {
        "OtherIdGet2002": {"properties": {"me": made, "b": to("/components/schemas/B")}},
        "B": {"type": "string"},
    }


def test_a_path_that_is_a_reference_is_found_and_keeps_the_chosen_operation() -> None:
    item = {"parameters": [to("/components/parameters/P")], "get": answering({}), "put": answering({})}
    components = {"pathItems": {"Item": item}, "parameters": {"P": {"name": "p", "in": "query"}, "Q": {}}}
    found = sliced(document({"/a": to("/components/pathItems/Item")}, components=components), "PUT /a")
    assert found["paths"] == {"/a": to("/components/pathItems/Item")}
    assert found["components"]["pathItems"] == {"Item": {"parameters": item["parameters"], "put": item["put"]}}
    assert [*found["components"]["parameters"]] == ["P"]


@pytest.mark.parametrize("loop", ["/paths/~1a", "/paths/~1b"])
def test_paths_that_refer_to_each_other_for_ever_have_no_operation(loop: str) -> None:
    data = document({"/a": to(loop), "/b": to("/paths/~1a"), "/c": {"get": answering({})}})
    assert sliced(data, "GET /c")["paths"] == {"/c": {"get": answering({})}}
    assert "is not in the document" in refusal(data, "GET /a")


def test_examples_and_extensions_are_values_and_refer_to_nothing() -> None:
    held = {"example": to("/components/schemas/B"), "x-more": to("/components/schemas/B"), "enum": [to("/x")]}
    data = document({"/a": {"get": answering(held)}}, components={"schemas": {"B": {}}})
    assert "components" not in sliced(data, "GET /a")


def test_callbacks_and_links_of_a_chosen_operation_bring_what_they_refer_to() -> None:
    callback = {"{$request.body#/url}": {"post": answering(to("/components/schemas/News"))}}
    operation = answering({}, callbacks={"news": to("/components/callbacks/News")})
    operation["responses"]["200"]["links"] = {"next": to("/components/links/Next")}
    components = {
        "callbacks": {"News": callback, "Other": {}},
        "links": {"Next": {"operationId": "next"}, "Other": {}},
        "schemas": {"News": {"type": "object"}, "Other": {}},
    }
    found = sliced(document({"/a": {"get": operation}}, components=components), "GET /a")
    assert {group: [*named] for group, named in found["components"].items()} == {
        "callbacks": ["News"],
        "links": ["Next"],
        "schemas": ["News"],
    }


def test_a_reference_that_leads_nowhere_stays_for_the_check_that_names_it() -> None:
    gone = to("/components/schemas/Gone")
    found = Document(sliced(document({"/a": {"get": answering(gone)}}), "GET /a"), {"": "page.yaml:1"})
    with pytest.raises(ContractError, match="'#/components/schemas/Gone' leads to nothing"):
        check(found)


@pytest.mark.parametrize(
    "odd",
    [
        {"tags": 1, "security": 1, "components": []},
        {"tags": [1, {"name": 1}], "security": [1, {}], "components": {"schemas": [], "x-own": {"A": 1}}},
        {"components": {"schemas": {"A": {"discriminator": {"mapping": [1]}}}}, "webhooks": 1},
    ],
)
def test_a_document_of_another_form_is_left_to_the_check(odd: dict[str, Any]) -> None:
    operation = answering(to("/components/schemas/A"), tags=2, security={"a": 1})
    assert sliced(document({"/a": {"get": operation}, "/b": 1}, **odd), "GET /a")["paths"] == {"/a": {"get": operation}}


def test_a_place_in_the_slice_is_that_in_the_document() -> None:
    places = {"": "page.yaml:1", "/paths/~1b": "page.yaml:7", "/components/schemas/A": "page.yaml:9"}
    moved = answering({"allOf": [to("/components/schemas/A"), to("/paths/~1b/get/responses/200")]})
    data = document({"/a": {"get": moved}, "/b": {"get": answering({})}}, components={"schemas": {"A": {}}})
    found = slices.slice_of(Document(data, places), {"GET /a": "source.toml:1"})
    assert found.place("/components/schemas/A") == "page.yaml:9"
    assert found.place("/components/schemas/BGet200") == "page.yaml:7"
