"""An enum takes values that its contract does not list, and still tells the alternatives of a union apart."""

import copy
import json
import pickle
from enum import Enum
from pathlib import Path
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.packages.exported import definitions
from scripts.packages.passes.enums import member_names
from scripts.packages.prepared import prepared
from tests.generation.generated_support import Made, contract, make

TEXT = {"type": "string"}
VERSIONS = ("3.0.3", "3.1.0")
any_version = pytest.mark.parametrize("version", VERSIONS)


def nullable(version: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that takes null too, as this version of OpenAPI writes it."""
    return {**schema, "nullable": True} if version == "3.0.3" else {**schema, "type": [schema["type"], "null"]}


def every_place(version: str) -> dict[str, Any]:
    """Return a contract whose reply has an enum in each place where one can stand."""
    properties = {
        "named": {"$ref": "#/components/schemas/Code"},
        "inline": {"type": "string", "x-extensible-enum": ["a", "AcquirerSuccess"], "description": "Said here."},
        "maybe": nullable(version, {"type": "string", "enum": ["x", "y"]}),
        "null_listed": nullable(version, {"type": "string", "enum": ["q", None]}),
        "named_maybe": {"$ref": "#/components/schemas/Maybe"},
        "number": {"type": "integer", "enum": [1, -2]},
        "number_maybe": nullable(version, {"type": "integer", "x-extensible-enum": [3]}),
        "entries": {"type": "array", "items": {"type": "string", "enum": ["l"]}},
        "entries_maybe": {"type": "array", "items": nullable(version, {"type": "string", "enum": ["l"]})},
        "numbers": {"type": "array", "items": {"type": "integer", "enum": [5]}},
        "by_name": {"type": "object", "additionalProperties": {"type": "string", "enum": ["m"]}},
    }
    schemas = {
        "Reply": {"type": "object", "properties": properties, "required": ["number_maybe"]},
        "Code": {"type": "string", "enum": ["ok", "not ok", "3D", ""], "description": "The result."},
        "Maybe": nullable(version, {"type": "string", "enum": ["n", None]}),
    }
    return contract(openapi=version, schemas=schemas)


UNLISTED = {
    "named": "brand new",
    "inline": "zz",
    "maybe": "neither",
    "null_listed": "w",
    "named_maybe": "o",
    "number": 9,
    "number_maybe": 0,
    "entries": ["l", "new"],
    "entries_maybe": [None, "new", "l"],
    "numbers": [5, 6],
    "by_name": {"a": "m", "b": "new"},
}
NULLS = {"maybe": None, "null_listed": None, "named_maybe": None, "number_maybe": None, "entries_maybe": [None]}


@pytest.fixture(scope="module", params=VERSIONS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(every_place(request.param), tmp_path_factory.mktemp("every_place"))


@pytest.mark.parametrize("reply", [UNLISTED, NULLS], ids=["unlisted", "nulls"])
def test_a_value_that_is_not_listed_and_a_documented_null_pass_both_forms_in_every_place(
    made: Made, reply: dict[str, Any]
) -> None:
    value = {"number_maybe": 3, **reply}
    assert made.read(value).to_dict() == value
    model = made.module("schemas").Reply
    read = model.model_validate_json(json.dumps(value))
    assert read.model_dump(mode="json", exclude_unset=True) == value
    assert json.loads(read.model_dump_json(exclude_unset=True)) == value
    assert model.model_validate(value) == read


def test_the_enums_of_both_forms_have_the_same_names_and_values(made: Made) -> None:
    models, schemas = made.module("models"), made.module("schemas")
    enums = {name: value for name, value in vars(schemas).items() if isinstance(value, type) and list_members(value)}
    assert set(enums) >= {"Code", "Maybe", "ReplyInline", "ReplyNumber", "ReplyEntriesItem", "ReplyByNameValue"}
    for name, enum in enums.items():
        assert list_members(enum) == list_members(getattr(models, name)), name
    assert list_members(models.Code) == {"OK": "ok", "NOT_OK": "not ok", "VALUE_3_D": "3D", "EMPTY": ""}
    assert list_members(models.ReplyInline) == {"A": "a", "ACQUIRER_SUCCESS": "AcquirerSuccess"}
    assert list_members(models.ReplyNumber) == {"VALUE_1": 1, "VALUE_NEGATIVE_2": -2}


def list_members(enum: type) -> dict[str, Any]:
    return {name: member.value for name, member in enum.__members__.items()} if issubclass(enum, Enum) else {}


def test_a_listed_value_is_the_member_and_an_unlisted_one_is_none_of_them(made: Made) -> None:
    for form in (made.module("models"), made.module("schemas")):
        assert form.Code("ok") is form.Code.OK
        assert form.Code("new") == "new"
        assert form.ReplyNumber(1) is form.ReplyNumber.VALUE_1
        assert form.ReplyNumber(9) == 9
        assert [str(member) for member in form.Code] == ["ok", "not ok", "3D", ""]
        assert list(form.ReplyNumber) == [1, -2]


def test_an_unlisted_number_survives_copying_and_pickling_and_is_a_number(made: Made) -> None:
    for form in (made.module("models"), made.module("schemas")):
        number = form.ReplyNumber(9)
        for other in (copy.copy(number), copy.deepcopy(number), pickle.loads(pickle.dumps(number))):
            assert (type(other), other, other.value, other.name) == (type(number), 9, 9, "9")
        assert {number: 1}[9] == 1
        assert json.dumps([number, form.ReplyNumber.VALUE_1]) == "[9, 1]"


def test_a_number_enum_makes_no_member_of_true_or_of_a_fraction(made: Made) -> None:
    for value in (True, 1.5, "1", None):
        read = made.read({"number_maybe": None, "number": value})
        for kept in (read.number, read.to_dict()["number"]):
            assert (kept, type(kept)) == (value, type(value))


def test_what_is_no_text_is_refused_by_the_strict_models_of_pydantic(made: Made) -> None:
    for value in (5, ["ok"], {"a": 1}):
        with pytest.raises(pydantic.ValidationError):
            made.module("schemas").Reply.model_validate({"number_maybe": None, "named": value})


def test_the_json_schema_of_the_models_lists_the_values_as_an_annotation_and_closes_nothing(made: Made) -> None:
    for mode in ("validation", "serialization"):
        exported = made.module("schemas").Reply.model_json_schema(mode=mode)
        assert exported["$defs"]["Code"]["x-extensible-enum"] == ["ok", "not ok", "3D", ""]
        assert exported["$defs"]["ReplyEntriesItem"]["x-extensible-enum"] == ["l"]
        assert not [key for key in keys_of(exported) if key in ("enum", "const")]


@any_version
def test_the_exported_schemas_list_the_values_as_an_annotation_and_close_nothing(version: str) -> None:
    exported = definitions(every_place(version))
    assert not [key for key in keys_of(exported) if key == "enum"]
    properties = exported["Reply"]["properties"]
    assert exported["Code"]["x-extensible-enum"] == ["ok", "not ok", "3D", ""]
    assert properties["number"] == {"type": "integer", "x-extensible-enum": [1, -2]}
    assert properties["entries"]["items"] == {"type": "string", "x-extensible-enum": ["l"]}
    assert properties["maybe"] == {"type": ["string", "null"], "x-extensible-enum": ["x", "y"]}


def keys_of(data: Any) -> list[str]:
    if isinstance(data, list):
        return [key for part in data for key in keys_of(part)]
    return [key for name, part in data.items() for key in (name, *keys_of(part))] if isinstance(data, dict) else []


def test_an_enum_without_a_type_still_takes_its_own_type_alone() -> None:
    schemas = {"Reply": {"enum": ["a", None]}, "Body": {"enum": [1, 2]}}
    exported = definitions(contract(openapi="3.1.0", schemas=schemas))
    assert (exported["Reply"]["type"], exported["Body"]["type"]) == (["string", "null"], "integer")


@given(values=st.lists(st.text(min_size=0, max_size=12) | st.integers(-50, 50), unique_by=repr))
def test_each_value_has_a_name_of_its_own_that_python_takes(values: list[str | int]) -> None:
    names = member_names(values)
    assert len(set(names)) == len(values)
    assert all(name.isidentifier() and name.isascii() and name == name.upper() for name in names)


def test_two_values_of_one_name_are_two_members_in_both_forms(tmp_path: Path) -> None:
    values = ["PARTLY_DONE", "Partly Done", "partly-done", "PARTLY_DONE_2", "BYRD010", "a1B2", "name", "mro", "é"]
    made = make(contract(schemas={"Reply": {"type": "object", "properties": {"k": {"enum": values}}}}), tmp_path)
    for form in (made.module("models"), made.module("schemas")):
        assert [member.value for member in form.ReplyK] == values
        assert list(form.ReplyK.__members__) == member_names(values)


HOSTILE = ['"""', "\\", '"', "'", "{{ 1 }}", "{% x %}", '\\"""', "ends with \\"]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_value_and_no_description_of_an_enum_leaves_its_quotes(tmp_path: Path, text: str) -> None:
    enum = {"type": "string", "enum": [text, f"x{text}x"], "description": f"About {text}"}
    made = make(contract(schemas={"Reply": {"type": "object", "properties": {"k": enum}}}), tmp_path)
    for form in (made.module("models"), made.module("schemas")):
        assert [member.value for member in form.ReplyK] == [text, f"x{text}x"]


def test_a_default_is_the_member_in_both_forms(tmp_path: Path) -> None:
    body = {"type": "object", "properties": {"kind": {"type": "string", "enum": ["d", "e"], "default": "e"}}}
    made = make(contract(schemas={"Body": body}), tmp_path)
    assert made.module("models").Body().kind is made.module("models").BodyKind.E
    assert made.module("schemas").Body().kind is made.module("schemas").BodyKind.E


def test_an_enum_of_a_parameter_is_open_and_goes_as_its_text(tmp_path: Path) -> None:
    parameters = [
        {"name": "thing_id", "in": "path", "required": True, "schema": TEXT},
        {"name": "sort", "in": "query", "description": "In which order.", "schema": {"type": "string", "enum": ["up"]}},
        {"name": "x-mode", "in": "header", "schema": {"$ref": "#/components/schemas/Mode"}},
    ]
    schemas = {"Mode": {"type": "string", "enum": ["fast"]}}
    made = make(contract(schemas=schemas, operation={"parameters": parameters}), tmp_path)
    models = made.module("models")
    request = made.api.build_request("t", body=models.Body(), sort=models.ActSort("down"), x_mode=models.Mode.FAST)
    assert (request.params, request.headers["x-mode"]) == ({"sort": "down"}, "fast")
    assert "sort (ActSort | Unset): In which order." in str(made.api.build_request.__doc__)


def test_the_contract_that_was_given_is_not_changed() -> None:
    source = every_place("3.0.3")
    before = copy.deepcopy(source)
    prepared(source)
    definitions(source)
    assert source == before
