"""A part of a contract that a generator drops silently is found, because the package is compared with the contract."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scripts.contracts.document import Document
from scripts.contracts.errors import ContractError
from scripts.contracts.providers import package_name
from scripts.packages.generate import build
from scripts.packages.generators import write_client, write_schemas
from scripts.packages.verify import Problem, client_problems, schemas_problems
from tests.generation.generated_support import contract

TEXT = {"type": "string"}
BODY = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Body"}}}}
ID = {"name": "thing_id", "in": "path", "required": True, "schema": TEXT}


def generated(source: Mapping[str, Any], provider: str, folder: Path) -> Path:
    """Generate a package with both tools, as they leave it; return its folder."""
    write_client(provider, source, folder)
    write_schemas(provider, source, folder)
    package = folder / package_name(provider)
    (folder / "schemas.py").rename(package / "schemas.py")
    return package


def problems(source: Mapping[str, Any], provider: str, folder: Path) -> list[Problem]:
    """Return the defects of a generated package, and unload the modules that were imported for it."""
    package = package_name(provider)
    try:
        return client_problems(source, folder, package) + schemas_problems(source, folder, package)
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            del sys.modules[name]


def defects(source: Mapping[str, Any], folder: Path) -> str:
    generated(source, "amiss", folder)
    return "\n".join(f"{pointer}: {problem}" for pointer, problem in problems(source, "amiss", folder))


def replied(required: bool = False, **properties: Any) -> dict[str, Any]:
    return {"Reply": {"type": "object", "properties": properties, **({"required": [*properties]} if required else {})}}


def with_components(source: dict[str, Any], **components: Any) -> dict[str, Any]:
    return {**source, "components": {**source["components"], **components}}


def two_operations(first: str | None, second: str) -> dict[str, Any]:
    source = contract()
    path, item = next(iter(source["paths"].items()))
    other = {**item["post"], "operationId": second}
    named = {key: value for key, value in item["post"].items() if key != "operationId"}
    named |= {"operationId": first} if first else {}
    return {**source, "paths": {path: {"post": named}, "/others/{thing_id}": {"post": other}}}


FAITHFUL: dict[str, dict[str, Any]] = {
    "small": contract(),
    "kinds": contract(
        openapi="3.1.0",
        schemas={
            **replied(
                code={"$ref": "#/components/schemas/Code"},
                inner={"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]},
                either={"oneOf": [{"type": "object", "properties": {"b": TEXT}}, TEXT]},
                map={"type": "object", "additionalProperties": {"type": "object", "properties": {"c": TEXT}}},
                numbers={"type": "array", "items": {"type": "integer", "enum": [1, 2]}},
                anything={},
                class_=TEXT,
            ),
            "Code": {"type": "string", "enum": ["ok", "not ok"]},
            "Long": {
                "allOf": [{"$ref": "#/components/schemas/Reply"}, {"properties": {"d": TEXT}, "required": ["code"]}]
            },
            "Same": {"allOf": [{"$ref": "#/components/schemas/Long"}]},
            "Twin": {"type": "object", "properties": {"amount": {"type": "number"}}},
        },
    ),
    "parameters": contract(
        operation={
            "requestBody": BODY,
            "parameters": [
                ID,
                {"name": "list", "in": "query", "schema": {"type": "string", "enum": ["a", "b"]}},
                {"name": "x-trace", "in": "header", "schema": {"$ref": "#/components/schemas/Trace"}},
            ],
        },
        schemas={"Trace": {"type": "string", "enum": ["on", "off"]}},
    ),
    "nulls": contract(
        schemas={
            **replied(
                required=True,
                text={"type": "string", "nullable": True},
                list={"type": "array", "nullable": True, "items": TEXT},
                why={"$ref": "#/components/schemas/Why"},
                no=TEXT,
            ),
            "Why": {"type": "object", "properties": {"code": TEXT}, "nullable": True},
        }
    ),
}


FAITHFUL |= {
    "a cookie, and a header that OpenAPI says to ignore": with_components(
        contract(
            operation={
                "parameters": [
                    ID,
                    {"$ref": "#/components/parameters/Session"},
                    {"name": "Content-Type", "in": "header", "schema": TEXT},
                ]
            }
        ),
        parameters={"Session": {"name": "session", "in": "cookie", "schema": TEXT}},
    ),
    "a value with a line break": contract(schemas=replied(k={"type": "string", "enum": ["a\n", "b"]})),
    "an object that is written where it is used": contract(
        replies={"200": {"type": "object", "properties": {"inline": TEXT}}}
    ),
    "a requirement beside allOf": contract(
        schemas={
            "Reply": {"allOf": [{"$ref": "#/components/schemas/Part"}], "required": ["id"]},
            "Part": {"type": "object", "properties": {"id": TEXT}},
        }
    ),
    "a format that needs another package": contract(schemas=replied(e={"type": "string", "format": "email"})),
    "a constant that is no literal": contract(openapi="3.1.0", schemas=replied(c={"const": 1.5})),
}


@pytest.mark.parametrize("name", FAITHFUL)
def test_a_package_that_holds_all_of_its_contract_has_nothing_amiss(name: str, tmp_path: Path) -> None:
    assert defects(FAITHFUL[name], tmp_path) == ""


ACT = "/paths/~1things~1{thing_id}/post"
# What the check of a contract refuses, and a tool would lose in silence.
LOST: dict[str, tuple[dict[str, Any], str]] = {
    "two operations of one Python name": (two_operations("act", "Act"), f"{ACT}: no function makes POST /things/"),
}


@pytest.mark.parametrize("kind", LOST)
def test_what_a_generator_loses_is_named_with_its_place(kind: str, tmp_path: Path) -> None:
    source, problem = LOST[kind]
    assert problem in defects(source, tmp_path)


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("models/code.py", 'OK = "ok"', 'OK = "OK"', "models has no enum of 'not ok', 'ok'"),
        ("models/code.py", 'OK = "ok"', 'OK = "ok"\n    MORE = "more"', "Code is enum of 'more', 'not ok', 'ok'"),
        ("models/reply.py", "id: str | Unset = UNSET", "id: str", "models has no object with code?, id?, no"),
        (
            "models/reply.py",
            "id: str | Unset = UNSET",
            "idx: str | Unset = UNSET",
            "models: Reply is object with code?, idx?, no",
        ),
        ("api/refunds/act.py", 'method="POST"', 'method="PUT"', "no function makes POST /things/{thing_id}"),
        ("api/refunds/act.py", "/things/", "/thing/", "which the contract has not"),
        ("schemas.py", "id: str | None = None", "id: str", "schemas.py has no object with code?, id?, no"),
        ("schemas.py", "no: str", "no: str | None", "schemas.py: Reply is object with code?, id?, no or null"),
        ("schemas.py", "OK = 'ok'", "OK = 'OK'", "schemas.py has no enum of 'not ok', 'ok'"),
        ("types.py", "", "import yaml\n", "yaml is no dependency of refundry"),
        ("errors.py", "", "import warnings; warnings.warn('at import')\n", "UserWarning: at import"),
    ],
)
def test_each_part_of_a_package_that_is_not_as_the_contract_says_is_seen(
    file: str, old: str, new: str, problem: str, tmp_path: Path
) -> None:
    schemas = {
        "Reply": {
            "type": "object",
            "properties": {"id": TEXT, "code": {"$ref": "#/components/schemas/Code"}, "no": TEXT},
            "required": ["no"],
        },
        "Code": {"type": "string", "enum": ["ok", "not ok"]},
    }
    source = contract(schemas=schemas)
    changed = generated(source, "amiss", tmp_path) / file
    text = changed.read_text(encoding="utf-8")
    assert old in text
    changed.write_text(text.replace(old, new) if old else text + new, encoding="utf-8")
    assert problem in "\n".join(text for _, text in problems(source, "amiss", tmp_path))


def test_a_build_ends_where_a_package_is_amiss_and_leaves_no_compiled_file(tmp_path: Path) -> None:
    source = Document(two_operations("act", "Act"), {"": "specs/demo/openapi.yaml:1"})
    with pytest.raises(ContractError, match=r"openapi.yaml:1: .*/post: demo: generated amiss: no function makes POST"):
        build([("demo", source)], tmp_path, lambda _: None)
    assert not list(tmp_path.rglob("__pycache__"))
