"""The output of the generator tools and our templates, and the contracts that they refuse rather than lose a part."""

import contextlib
import copy
import inspect
import json
import pickle
import shutil
import warnings
from pathlib import Path
from typing import Any

import datamodel_code_generator
import pytest

from scripts.contracts.checks import check
from scripts.contracts.document import Document
from scripts.contracts.errors import ContractError
from scripts.packages.generators import secret_names, write_client, write_schemas
from scripts.packages.overrides import TEMPLATES, check_overrides, upstream_templates
from tests.generation.generated_support import Made, contract, make

CODE = {"type": "string", "enum": ["ok", "not ok"]}
OBJECT = {"type": "object", "properties": {"code": {"$ref": "#/components/schemas/Code"}}}
BEARER = {"type": "http", "scheme": "bearer"}
KEY = {"type": "apiKey", "in": "header", "name": "x-key"}


def reply(**properties: Any) -> dict[str, Any]:
    """Return schemas in which the reply has these properties."""
    return {"Reply": {"type": "object", "properties": properties}}


# --- from an inline contract to the behaviour of the package


def test_an_enum_value_that_the_contract_does_not_list_is_kept(tmp_path: Path) -> None:
    made = make(contract(schemas={**reply(code={"$ref": "#/components/schemas/Code"}), "Code": CODE}), tmp_path)
    code = made.read({"code": "brand new"}).code
    kind = made.module("models").Code
    assert isinstance(code, kind)
    assert (code, str(code), f"{code}", code.value) == ("brand new",) * 4
    assert made.read({"code": "brand new"}).to_dict() == {"code": "brand new"}
    assert made.read({"code": "ok"}).code is kind.OK
    assert code not in list(kind)
    assert [member.value for member in kind] == ["ok", "not ok"]


def test_an_enum_value_that_is_not_listed_is_one_object_and_survives_copy_and_pickle(tmp_path: Path) -> None:
    made = make(contract(schemas={**reply(code={"$ref": "#/components/schemas/Code"}), "Code": CODE}), tmp_path)
    kind = made.module("models").Code
    for value in ("brand new", "ok", ""):
        member = kind(value)
        assert kind(value) is member
        assert (copy.copy(member), copy.deepcopy(member)) == (member, member)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(member, protocol)) is member
        assert {member: 1}[value] == 1
        assert member != kind("another")


def test_a_value_of_another_type_is_kept_as_it_came_as_it_is_in_a_field_without_an_enum(tmp_path: Path) -> None:
    made = make(contract(schemas={**reply(code={"$ref": "#/components/schemas/Code"}), "Code": CODE}), tmp_path)
    for value in (None, 5, ["ok"]):
        assert made.read({"code": value}).code == value
        assert made.read({"code": value}).to_dict() == {"code": value}


def test_an_unlisted_enum_value_is_forgotten_with_its_last_user(tmp_path: Path) -> None:
    made = make(contract(schemas={**reply(code={"$ref": "#/components/schemas/Code"}), "Code": CODE}), tmp_path)
    kept = made.read({"code": "kept"}).code
    for number in range(100):
        made.read({"code": f"value {number}"})
    assert list(made.module("enums")._unlisted.values()) == [kept]


@pytest.mark.parametrize("value", [None, "text", 1, [], [["code", "ok"]]])
def test_an_optional_object_that_is_something_else_is_unset_and_kept(tmp_path: Path, value: object) -> None:
    made = make(contract(schemas={**reply(inner=OBJECT), "Code": CODE}), tmp_path)
    read = made.read({"inner": value})
    assert read.inner is made.module("types").UNSET
    assert read.to_dict() == {"inner": value}


@pytest.mark.parametrize("value", [None, "text", 1, [], [["code", "ok"]]])
def test_a_required_object_that_is_something_else_makes_the_reply_unreadable(tmp_path: Path, value: object) -> None:
    schema = {"Reply": {**reply(inner=OBJECT)["Reply"], "required": ["inner"]}, "Code": CODE}
    made = make(contract(schemas=schema), tmp_path)
    assert made.read({"inner": {"code": "ok"}}).to_dict() == {"inner": {"code": "ok"}}
    with pytest.raises(made.module("errors").UnreadableReply, match="has not the shape"):
        made.read({"inner": value})


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "array", "items": {"type": "string"}}, ["a"], {"a": 1}),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Reply"}}, [], {}),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Reply"}}, [], [1]),
        ({"type": "string"}, "a", 1),
        ({"type": "string", "format": "date"}, "tomorrow", 5),
        ({"type": "string", "format": "uuid"}, "no UUID", 5),
        ({"type": "integer"}, 1, "1"),
        ({"type": "number"}, 1.5, None),
        ({"type": "boolean"}, True, 0),
    ],
)
def test_a_reply_of_any_schema_is_read_or_unreadable(tmp_path: Path, schema: Any, good: object, bad: object) -> None:
    made = make(contract(replies={"200": schema}), tmp_path)
    if good is not None:
        assert made.read(good) == good
    with pytest.raises(made.module("errors").UnreadableReply):
        made.read(bad)


EVERY_KIND = {
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "date-time"},
    "uuid": {"type": "string", "format": "uuid"},
    "code": {"$ref": "#/components/schemas/Code"},
    "const": {"const": "a"},
    "codes": {"type": "array", "items": {"$ref": "#/components/schemas/Code"}},
    "inner": OBJECT,
    "list": {"type": "array", "items": OBJECT},
    "either": {"oneOf": [{"type": "string", "format": "uuid"}, {"type": "string", "format": "date"}, OBJECT]},
}


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory: pytest.TempPathFactory) -> Made:
    schemas = {**reply(**EVERY_KIND), "Code": CODE}
    return make(contract(openapi="3.1.0", schemas=schemas), tmp_path_factory.mktemp("every_kind"))


@pytest.mark.parametrize("value", [None, True, 5, 1.5, "text", "", [], [5], [None], [["a", 1]], {}, {"code": 5}])
@pytest.mark.parametrize("name", EVERY_KIND)
def test_a_property_of_any_kind_with_any_value_is_read_or_unreadable(
    every_kind: Made, name: str, value: object
) -> None:
    with contextlib.suppress(every_kind.module("errors").UnreadableReply):
        assert every_kind.read({name: value}).to_dict() == {name: value}


@pytest.mark.parametrize("value", [None, "text", "", 1, {}, {"a": 1}])
def test_an_optional_array_that_is_something_else_is_unset_and_kept(every_kind: Made, value: object) -> None:
    for name in ("codes", "list"):
        read = every_kind.read({name: value})
        assert getattr(read, name if name == "codes" else "list_") is every_kind.module("types").UNSET
        assert read.to_dict() == {name: value}


@pytest.mark.parametrize("value", [None, "text", "", 1, {}, {"a": 1}])
def test_a_required_array_that_is_something_else_makes_the_reply_unreadable(tmp_path: Path, value: object) -> None:
    required = {**reply(list=EVERY_KIND["list"])["Reply"], "required": ["list"]}
    made = make(contract(schemas={"Reply": required, "Code": CODE}), tmp_path)
    assert made.read({"list": [{"code": "ok"}]}).to_dict() == {"list": [{"code": "ok"}]}
    with pytest.raises(made.module("errors").UnreadableReply, match="has not the shape"):
        made.read({"list": value})


@pytest.mark.parametrize("value", [[1], [{"code": "ok"}, None], ["text"], [[]], [[["code", "ok"]]]])
def test_an_optional_array_with_an_entry_of_another_type_is_unset_and_kept_whole(
    every_kind: Made, value: object
) -> None:
    read = every_kind.read({"list": value})
    assert read.list_ is every_kind.module("types").UNSET
    assert read.to_dict() == {"list": value}


SECRET = {"type": "string", "format": "password"}


@pytest.mark.parametrize("required", [[], ["key"]])
@pytest.mark.parametrize("secret", [SECRET, {"$ref": "#/components/schemas/Secret"}])
def test_a_field_that_the_contract_marks_as_a_secret_is_in_no_repr_and_is_carried(
    tmp_path: Path, secret: dict[str, Any], required: list[str]
) -> None:
    body = {"type": "object", "properties": {"key": secret, "name": {"type": "string"}}}
    schemas = {"Body": {**body, **({"required": required} if required else {})}, "Secret": SECRET}
    made = make(contract(schemas=schemas), tmp_path)
    sent = made.module("models").Body.from_dict({"key": "hidden", "name": "shown", "more": "hidden"})
    request = made.api.build_request("t-1", body=sent)
    for shown in (repr(sent), repr(request)):
        assert "hidden" not in shown
    assert "shown" in repr(sent)
    assert sent.key == "hidden"
    assert json.loads(request.content) == {"key": "hidden", "name": "shown", "more": "hidden"}
    written = made.module("schemas").Body(key="hidden", name="shown")
    assert "hidden" not in f"{written!r} {written}"
    assert written.key.get_secret_value() == "hidden"


def test_a_model_without_a_secret_shows_all_of_its_fields(tmp_path: Path) -> None:
    made = make(contract(schemas={**reply(id={"type": "string"}), "Secret": SECRET}), tmp_path)
    assert secret_names(contract(schemas={"Secret": SECRET})) == frozenset()
    assert repr(made.read({"id": "a", "more": "b"})) == "Reply(id='a', additional_properties={'more': 'b'})"


def test_an_operation_without_security_takes_a_client_without_a_token(tmp_path: Path) -> None:
    source = contract(security=[{"token": []}], operation={"security": []})
    source["components"]["securitySchemes"] = {"token": BEARER}
    made = make(source, tmp_path)
    for caller in ("sync_detailed", "sync", "asyncio_detailed", "asyncio"):
        assert inspect.signature(getattr(made.api, caller)).parameters["client"].annotation == "Client"


def test_a_range_of_statuses_comes_after_the_exact_ones(tmp_path: Path) -> None:
    replies = {"5XX": {"type": "integer"}, "503": {"type": "string"}, "204": None}
    made = make(contract(replies=replies), tmp_path)
    assert (made.read("down", 503), made.read(1, 500), made.read(1, 599)) == ("down", 1, 1)
    assert [status for status in range(100, 700) if made.api.describes(status)] == [204, *range(500, 600)]
    assert made.api.read_reply(204, b"<html>") is None


def test_a_default_reply_describes_every_status(tmp_path: Path) -> None:
    made = make(contract(replies={"default": {"type": "integer"}}), tmp_path)
    assert made.api.describes(799)
    assert made.read(1, 520) == 1


def test_a_body_that_is_not_required_can_be_left_out(tmp_path: Path) -> None:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Body"}}}
    made = make(contract(operation={"requestBody": {"content": content}}), tmp_path)
    request = made.api.build_request("t-1")
    assert (request.content, request.headers) == (None, {})
    request = made.api.build_request("t-1", body=made.module("models").Body(amount=1.5))
    assert (request.content, request.headers) == (b'{"amount":1.5}', {"Content-Type": "application/json"})


def test_query_and_header_parameters_go_where_the_contract_says(tmp_path: Path) -> None:
    parameters = [
        {"name": "thing_id", "in": "path", "required": True, "schema": {"type": "string"}},
        {"name": "page", "in": "query", "required": True, "schema": {"type": "integer"}},
        {"name": "sort", "in": "query", "schema": {"type": "string"}},
        {"name": "x-trace", "in": "header", "schema": {"type": "string"}},
    ]
    made = make(contract(operation={"parameters": parameters, "requestBody": None}), tmp_path)
    request = made.api.build_request("a b", page=2, x_trace="t")
    assert (request.path, request.params, request.headers) == ("/things/a%20b", {"page": 2}, {"x-trace": "t"})


@pytest.mark.parametrize(
    ("schemes", "security", "header"),
    [
        ({"key": KEY}, [{"key": []}], ("x-key", "")),
        ({"token": BEARER}, [{"token": []}], ("Authorization", "Bearer")),
        ({"key": KEY, "token": BEARER}, [{"key": []}], ("x-key", "")),
        ({}, [], ("Authorization", "Bearer")),
    ],
)
def test_the_client_authenticates_as_the_contract_says(
    tmp_path: Path, schemes: dict[str, Any], security: list[Any], header: tuple[str, str]
) -> None:
    source = contract(security=security)
    source["components"]["securitySchemes"] = schemes
    made = make(source, tmp_path)
    client = made.module("client").AuthenticatedClient(base_url="https://provider.invalid", token="test-key")
    name, prefix = header
    assert client.auth_headers() == {name: f"{prefix} test-key".strip()}
    assert made.module("client").Client(base_url="https://provider.invalid").auth_headers() == {}
    assert client.raise_on_unexpected_status


@pytest.mark.parametrize(
    ("schemes", "security", "problem"),
    [
        ({"key": {**KEY, "in": "cookie"}}, [{"key": []}], "the key 'key' is a cookie, and cookies are not sent"),
        ({}, [{"unknown": []}], "the key 'unknown' is not described"),
        ({"key": {**KEY, "name": 'x" %}{{ 1 }}'}}, [{"key": []}], "no plain name"),
        (
            {"basic": {"type": "http", "scheme": "basic"}, "token": BEARER},
            [{"basic": [], "token": []}],
            "no one set of keys serves this operation",
        ),
    ],
)
def test_a_way_to_authenticate_that_the_client_cannot_follow_is_refused(
    schemes: dict[str, Any], security: list[Any], problem: str
) -> None:
    source = contract(security=security)
    source["components"]["securitySchemes"] = schemes
    with pytest.raises(ContractError, match=problem):
        check(Document(source, {"": "openapi.yaml:1"}))


# --- parts that the tools would drop silently


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        (contract(operation={"requestBody": {"content": {"text/csv": {"schema": {"type": "string"}}}}}), "text/csv"),
        (contract(replies={"2x0": {"type": "string"}}), "2x0"),
        (contract(operation={"parameters": []}), "Path parameters do not match"),
        (contract(openapi="2.0"), "OpenAPI"),
    ],
)
def test_what_the_client_tool_would_leave_out_is_an_error_that_names_it(
    tmp_path: Path, source: dict[str, Any], detail: str
) -> None:
    with pytest.raises(ContractError, match=rf"specs/demo/openapi.yaml:1: \S+: demo: .*{detail}.*; mend it"):
        write_client("demo", source, tmp_path)


def test_what_the_schema_tool_would_leave_out_is_an_error_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def generate(*_: object, **__: object) -> str:
        warnings.warn("no type for Reply", UserWarning, stacklevel=1)
        return ""

    monkeypatch.setattr(datamodel_code_generator, "generate", generate)
    problem = r"specs/demo/openapi.yaml:1: /components/schemas/Reply: demo: datamodel-code-generator: no type for Reply"
    with pytest.raises(ContractError, match=problem):
        write_schemas("demo", contract(), tmp_path)
    assert not (tmp_path / "schemas.py").exists()


# --- the templates


def test_every_override_was_derived_from_the_template_of_the_installed_tool() -> None:
    check_overrides()


def test_a_template_that_changed_upstream_is_an_error_that_says_to_review_it(tmp_path: Path) -> None:
    for tool, name in (("openapi_python_client", "types.py.jinja"), ("datamodel_code_generator", "Enum.jinja2")):
        shutil.copytree(upstream_templates(tool), tmp_path / tool)
        with (tmp_path / tool / name).open("a") as template:
            template.write("\n")
        with pytest.raises(ContractError, match=rf"upstream.toml:1: {name}: .*; re-read it"):
            check_overrides(upstream={tool: tmp_path / tool})


@pytest.mark.parametrize("name", ["setup.py.jinja", "types.py.jinja"])
def test_an_override_without_a_record_and_a_record_without_an_override_are_errors(tmp_path: Path, name: str) -> None:
    templates = tmp_path / "templates"
    shutil.copytree(TEMPLATES, templates)
    override = templates / "openapi_python_client" / name
    if override.exists():
        override.unlink()
    else:
        override.write_text("")
    with pytest.raises(ContractError, match=rf"{name}: the override or its record is missing"):
        check_overrides(templates)


def test_a_record_of_the_templates_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    shutil.copytree(TEMPLATES, tmp_path / "templates")
    (tmp_path / "templates" / "upstream.toml").write_text("[overrides\n")
    with pytest.raises(ContractError, match=r"^scripts/packages/templates/upstream.toml:1: [^\n]*; restore the file$"):
        check_overrides(tmp_path / "templates")
