"""Each construct of other providers' documents: carried alike by client, schemas.py, validator and wire, or refused."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types of its own

from refundry.departures import Validator
from scripts.contracts.checks import check, refuse_hostile
from scripts.contracts.document import Document, load
from scripts.contracts.errors import ContractError
from scripts.contracts.providers import package_name
from scripts.packages.generate import build
from tests.generation.generated_support import ROOT

FOLDER = ROOT / "tests" / "generation" / "constructs"
MOST_REFUSED = 0.4
"""How many of the documents may be refused."""
REFERENCE = "#/components/schemas/Reply"
ACT = "/paths/~1things~1{thing_id}"
Cases = Mapping[str, Mapping[str, Any]]


def cases(name: str) -> Cases:
    found: Cases = load(FOLDER / name).data
    return found


REPLIES, OPERATIONS, REFUSED = cases("replies.yaml"), cases("operations.yaml"), cases("refused.yaml")
CARRIED = {**REPLIES, **OPERATIONS}
PROVIDERS = {name: f"case{number}" for number, name in enumerate(CARRIED)}


def document(case: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of a case: one operation, with what the case says of it."""
    object_ = {"type": "object", "properties": case.get("properties", {"id": {"type": "string"}})}
    object_ |= {"required": case["required"]} if "required" in case else {}
    own = {"name": "thing_id", "in": "path", "required": True, "schema": case.get("path", {"type": "string"})}
    answers = case.get("replies", {"200": {"application/json": {"$ref": REFERENCE}}})
    operation: dict[str, Any] = {
        "operationId": "act",
        "tags": ["refunds"],
        "parameters": case.get("parameters", []) if "faults" in case and "parameters" in case else [own],
        **({} if answers is None else {"responses": {key: reply(each) for key, each in answers.items()}}),
        **case.get("operation", {}),
    }
    if "faults" not in case:
        operation["parameters"] += case.get("parameters", [])
    if "body" in case:
        content = {case.get("type", "application/json"): {"schema": case["body"]}}
        operation["requestBody"] = {"required": True, "content": content}
    return {
        "openapi": case.get("openapi", "3.0.3"),
        "info": {"title": "Demo API", "version": "1"},
        **({"security": case["security"]} if "security" in case else {}),
        "paths": {"/things/{thing_id}": {case.get("method", "post"): operation}, **case.get("paths", {})},
        "components": {
            "schemas": {"Reply": case.get("reply", {**object_, **case.get("more", {})}), **case.get("schemas", {})},
            **({"securitySchemes": case["securitySchemes"]} if "securitySchemes" in case else {}),
            **case.get("components", {}),
        },
    }


def reply(content: Mapping[str, Any]) -> dict[str, Any]:
    media = {kind: {} if schema is None else {"schema": schema} for kind, schema in content.items()}
    return {"description": "Reply", **({"content": media} if media else {})}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The packages of all cases that are carried, made in one build, which compares each with its contract."""
    folder = tmp_path_factory.mktemp("constructs")
    documents = []
    for name, provider in PROVIDERS.items():
        documents.append((provider, Document(document(CARRIED[name]), {"": f"specs/{provider}/openapi.yaml:1"})))
        check(documents[-1][1])
    build(documents, folder, lambda _: None)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


def module(name: str, part: str) -> Any:
    return importlib.import_module(f"{package_name(PROVIDERS[name])}.{part}")


# --- carried


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("name", REPLIES)
def test_client_schemas_and_validator_agree_on_a_reply(name: str) -> None:
    case, act = REPLIES[name], module(name, "api.refunds.act")
    contracts, schemas, errors, strict = (module(name, part) for part in ("contracts", "schemas", "errors", "strict"))
    validator, exported = Validator(contracts.contract(), "strict"), Draft202012Validator(contracts.schema("Reply"))
    for fits, value in [(True, each) for each in case["fits"]] + [(False, each) for each in case.get("departs", [])]:
        read = act.read_reply(200, json.dumps(value).encode())
        assert read.to_dict() == value
        model = schemas.Reply.model_validate_json(json.dumps(value))
        if "hides" not in case:
            assert json.loads(model.model_dump_json(by_alias=True, exclude_unset=True)) == value
        assert (validator.departures("/components/schemas/Reply", value) == ()) is fits
        if "x-extensible-enum" not in json.dumps(contracts.schema("Reply")):
            assert exported.is_valid(value) is fits
        for shown in (repr(read), repr(model)):
            assert case.get("hides", "nothing is hidden") not in shown
    for value in case.get("kept", []):
        assert act.read_reply(200, json.dumps(value).encode()).to_dict() == value
    for value in case.get("unreadable", []):
        with pytest.raises(errors.UnreadableReply):
            act.read_reply(200, json.dumps(value).encode())
    for value in (*case.get("kept", []), *case.get("unreadable", [])):
        with pytest.raises(ValueError, match="validation error"):
            schemas.Reply.model_validate_json(json.dumps(value))
        with pytest.raises(errors.DepartsFromContract):
            strict.check_reply(f"{ACT}/post", 200, json.dumps(value).encode())
    for value, kind in zip(case["fits"], case.get("kinds", []), strict="kinds" in case):
        assert type(act.read_reply(200, json.dumps(value).encode())).__name__ == kind
        assert type(schemas.Reply.model_validate_json(json.dumps(value)).root).__name__ == kind


SENDING = [name for name in OPERATIONS if "call" in OPERATIONS[name]]
READING = [name for name in OPERATIONS if "reads" in OPERATIONS[name]]


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("name", SENDING)
def test_what_is_called_is_on_the_wire_as_the_contract_says(name: str) -> None:
    case, act, client = OPERATIONS[name], module(name, "api.refunds.act"), module(name, "client")
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={})

    arguments = {"thing_id": "t1", **{key: argument(name, value) for key, value in case["call"].items()}}
    assert case.get("hides", "nothing is hidden") not in repr(act.build_request(**arguments))
    made = client.AuthenticatedClient("https://provider.invalid", token="t0ken", **case.get("credentials", {}))
    with httpx.Client(base_url="https://provider.invalid", transport=httpx.MockTransport(answer)) as transport:
        act.sync_detailed(client=made.set_httpx_client(transport), **arguments)
    (request,) = sent
    expected = case["sends"]
    assert request.url.raw_path.partition(b"?")[0].decode() == expected.get("path", "/things/t1")
    assert [list(pair) for pair in parse_qsl(request.url.query.decode())] == expected.get("query", [])
    for header, value in expected.get("headers", {}).items():
        assert request.headers.get_list(header) == [value]
    if "body" in expected:
        assert json.loads(request.content) == expected["body"]


def argument(name: str, value: Any) -> Any:
    """Return an argument of a call. An object is named by its model: {Model: {...}}."""
    if isinstance(value, dict):
        ((model, members),) = value.items()
        return getattr(module(name, "models"), model).from_dict(members)
    return value


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("name", READING)
def test_a_reply_of_an_operation_is_read(name: str) -> None:
    case, act, strict = OPERATIONS[name], module(name, "api.refunds.act"), module(name, "strict")
    for status, content, expected in case["reads"]:
        read = act.read_reply(status, content.encode())
        assert (read.to_dict() if hasattr(read, "to_dict") else read) == expected
        if act.describes(status):
            strict.check_reply(f"{ACT}/{case.get('method', 'post')}", status, content.encode())
    for model in case.get("models", []):
        assert hasattr(module(name, "schemas"), model)
        assert hasattr(module(name, "models"), model)


def test_every_package_is_clean_under_strict_type_checking(packages: Path) -> None:
    names = [package_name(provider) for provider in PROVIDERS.values()]
    environment = {**os.environ, "MYPYPATH": os.pathsep.join([str(packages), str(ROOT / "facade")])}
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(packages / "cache"), *names]
    done = subprocess.run(command, cwd=packages, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


# --- refused


@pytest.mark.parametrize("name", REFUSED)
def test_a_document_is_refused_with_the_place_of_each_cause_and_what_mends_it(name: str) -> None:
    with pytest.raises(ContractError) as refused:
        check(Document(document(REFUSED[name]), {"": "openapi.yaml:1"}))
    lines = str(refused.value).split("\n")
    for line, fault in zip(lines, REFUSED[name]["faults"], strict=True):
        assert line.startswith(f"openapi.yaml:1: {fault}")
        assert "; " in line.removeprefix(fault)


def test_at_most_twenty_faults_are_named_and_the_others_are_counted() -> None:
    names = [name for number in range(30) for name in (f"x-{number}", f"x.{number}")]
    schemas = {"Reply": {"type": "object", "properties": {name: {} for name in names}}}
    with pytest.raises(ContractError) as refused:
        check(Document(document({"schemas": schemas}), {"": "openapi.yaml:1"}))
    lines = str(refused.value).split("\n")
    assert len(lines) == 21
    assert lines[-1] == "openapi.yaml:1: document: 10 more faults; mend these, and run it again"


def test_what_an_overlay_can_mend_is_no_question_of_safety() -> None:
    unsafe = {"a reference to another file"}
    for name, case in REFUSED.items():
        if name not in unsafe:
            refuse_hostile(Document(document(case), {"": "openapi.yaml:1"}))


def test_few_of_the_documents_are_refused() -> None:
    refused = len(REFUSED)
    every = refused + len(CARRIED)
    print(f"{refused} of {every} documents are refused")
    assert refused <= MOST_REFUSED * every
    assert not {*CARRIED} & {*REFUSED}
    assert len({json.dumps(document(case)) for case in CARRIED.values()}) == len(CARRIED)
