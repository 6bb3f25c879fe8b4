"""A contract is untrusted input: it cannot make a tool fetch a URL, loop for ever, or fail without a message."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from scripts.contracts import validation
from scripts.contracts.checks import check
from scripts.contracts.contradictions import schema_findings
from scripts.contracts.document import Document, parse
from scripts.contracts.errors import ContractError
from tests.generation.generated_support import contract, run
from tests.generation.specs_support import document


def checked(openapi: str = "3.1.0", **schemas: Any) -> None:
    """Check a contract that has these schemas."""
    check(parse(json.dumps(contract(openapi=openapi, schemas=schemas)), "openapi.yaml"))


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


@contextmanager
def server() -> Iterator[tuple[str, list[str]]]:
    """A loopback server that answers with a schema; its address, and the requested paths."""
    requested: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requested.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"type": "object"}')

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}/schema", requested
        finally:
            listening.shutdown()
            thread.join()


def discriminated(target: object) -> dict[str, Any]:
    """Return a schema whose default and example make a validator follow the mapping of its discriminator."""
    return {
        "oneOf": [ref("Reply")],
        "discriminator": {"propertyName": "id", "mapping": {"a": target}},
        "default": {"id": "a"},
        "example": {"id": "a"},
    }


def outcome(ask: Callable[[], object]) -> str:
    """Return the result or the exception of a call as text."""
    try:
        return repr(ask())
    except Exception as error:  # noqa: BLE001 - a library may raise anything: the test is that it fetched nothing
        return repr(error)


# --- fetches


@pytest.mark.parametrize("target", ["Reply", "#/components/schemas/Reply"])
def test_a_discriminator_may_name_a_schema_of_the_contract(target: str) -> None:
    checked(
        "3.0.3", Either={"oneOf": [ref("Reply")], "discriminator": {"propertyName": "id", "mapping": {"a": target}}}
    )


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:9/a",
        "file:///etc/hostname",
        "/etc/hostname",
        "./other.yaml",
        "other.yaml",
        "Missing",
        "#/components/schemas/Missing",
        "#/components/responses/Reply",
        "http://127.0.0.1:9/#/components/schemas/Reply",
        "",
        5,
        None,
    ],
)
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_a_discriminator_that_names_anything_else_is_refused_with_its_place(version: str, target: object) -> None:
    problem = r"openapi.yaml:1: /components/schemas/Either/discriminator/mapping/a: .* is no schema of the contract"
    with pytest.raises(ContractError, match=problem):
        checked(version, Either=discriminated(target))


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_the_validators_retrieve_nothing_even_from_a_contract_that_was_not_checked(
    version: str, tmp_path: Path
) -> None:
    local = tmp_path / "schema.json"
    local.write_text('{"type": "object", "const": "content of a local file"}')
    with server() as (address, requested):
        for target in (address, local.as_uri(), str(local), "schema.json"):
            for schema in (discriminated(target), {"$ref": target, "default": {}, "example": {}}):
                data = contract(openapi=version, schemas={"Either": schema})
                for ask in (
                    lambda data=data: list(validation.document_errors(data)),
                    lambda data=data: list(validation.value_errors(data, "/components/schemas/Either", {"id": "a"})),
                    lambda data=data: schema_findings(Document(data, {"": "openapi.yaml:1"})),
                ):
                    assert "content of a local file" not in outcome(ask)
        assert requested == []


def test_taking_a_hostile_page_fetches_nothing_and_is_one_line(tmp_path: Path) -> None:
    with server() as (address, requested):
        data = contract(schemas={"Either": discriminated(address)})
        (tmp_path / "page.md").write_text(f"```yaml\n{json.dumps(data, indent=1)}\n```\n")
        done = run(
            *("-m", "scripts.contracts.ingest", "paybyrd", str(tmp_path / "page.md"), "--specs", str(tmp_path)),
            *("--address", "https://docs.example.com/a"),
        )
        assert (done.returncode, done.stdout, requested) == (2, "", [])
    assert "discriminator/mapping/a" in done.stderr
    assert done.stderr.count("\n") == 1


# --- endless work


@pytest.mark.parametrize(
    ("schemas", "path"),
    [
        ({"A": ref("A")}, "A -> A"),
        ({"A": ref("B"), "B": ref("C"), "C": ref("A")}, "A -> B -> C -> A"),
        ({"A": {"allOf": [ref("A")]}}, "A -> A/allOf/0 -> A"),
        ({"A": {"oneOf": [{"type": "string"}, ref("B")]}, "B": {"not": ref("A")}}, "A -> A/oneOf/1 -> B -> B/not -> A"),
        ({"A": {"anyOf": [{"if": ref("A")}]}}, "A -> A/anyOf/0 -> A/anyOf/0/if -> A"),
    ],
)
def test_a_schema_that_is_defined_by_itself_is_refused_and_the_cycle_is_named(
    schemas: dict[str, Any], path: str
) -> None:
    named = " -> ".join(f"/components/schemas/{one}" for one in path.split(" -> "))
    problem = f"openapi.yaml:1: /components/schemas/A: it is defined by itself: {named}; "
    with pytest.raises(ContractError) as refused:
        checked(**schemas)
    assert str(refused.value).startswith(problem[:200])


@pytest.mark.parametrize("group", ["parameters", "responses", "examples", "requestBodies", "headers", "links"])
def test_any_other_reference_to_itself_is_refused_too(group: str) -> None:
    data = contract()
    data["components"][group] = {"One": {"$ref": f"#/components/{group}/One"}}
    with pytest.raises(ContractError, match=rf"/components/{group}/One: it is defined by itself"):
        check(parse(json.dumps(data), "openapi.yaml"))


def test_a_schema_that_contains_others_of_its_type_is_not_defined_by_itself() -> None:
    checked(
        Node={"type": "object", "properties": {"next": ref("Node"), "all": {"type": "array", "items": ref("Node")}}}
    )


def test_schemas_that_double_at_each_level_are_refused() -> None:
    levels: dict[str, Any] = {
        f"L{level}": {"allOf": [ref(f"L{level + 1}"), ref(f"L{level + 1}")]} for level in range(40)
    }
    with pytest.raises(ContractError, match="more than 10000 schemas say something about this one value"):
        checked(**levels, L40={"type": "object"})


def test_any_failure_of_a_validator_is_one_line() -> None:
    tree: dict[str, Any] = {"Tree": {"type": "array", "items": ref("Tree")}, "Body": {"allOf": [ref("Tree")]}}
    with pytest.raises(
        ContractError, match=r"^openapi.yaml:1: document: the validator stopped: RecursionError: [^\n]*$"
    ):
        checked("3.0.3", **tree)


BACKTRACKS = r"^(a+)+$"


def test_a_pattern_that_would_backtrack_for_ever_is_tried_within_a_time_limit() -> None:
    # In a separate process, with a time limit: a check that does not end fails the test.
    contracts = {
        f"{version} {keyword}": contract(
            openapi=version, schemas={"Code": {"type": "string", "pattern": BACKTRACKS, keyword: "a" * 60 + "!"}}
        )
        for version in ("3.0.3", "3.1.0")
        for keyword in ("default", "example")
    }
    code = """
import json, sys
from scripts.contracts import checks, contradictions, document, errors
for name, contract in json.loads(sys.argv[1]).items():
    data = document.parse(json.dumps(contract), "openapi.yaml")
    try:
        checks.check(data)
        found = contradictions.schema_findings(data)
    except errors.ContractError as error:
        found = error
    print(json.dumps([name, str(found)]))
"""
    done = run("-c", code, json.dumps(contracts))
    assert done.returncode == 0, done.stderr
    found = dict(json.loads(line) for line in done.stdout.splitlines())
    assert found.keys() == contracts.keys()
    for name, text in found.items():
        assert f"/components/schemas/Code/{name.split()[1]}" in text


@pytest.mark.parametrize(
    ("pattern", "value", "problem"),
    [
        (BACKTRACKS, "aaa", None),
        (BACKTRACKS, "ab", "does not match"),
        ("b", "abc", None),
        (r"^\d{4}$", "12345", "does not match"),
        ("^(?!x)", "y", "cannot be tried"),
        (r"(a)\1", "aa", "cannot be tried"),
        ("(((a{1000}){1000}){1000})", "a", "cannot be tried"),
        ("a", "a" * 20_000, "cannot be tried"),
        ("a", None, "is not of type 'string'"),
    ],
)
def test_a_pattern_is_tried_where_that_takes_a_bounded_time_and_else_said_not_to_be(
    pattern: str, value: object, problem: str | None
) -> None:
    data = contract(openapi="3.1.0", schemas={"Code": {"type": "string", "pattern": pattern}})
    errors = [error.message for error in validation.value_errors(data, "/components/schemas/Code", value)]
    assert len(errors) == (problem is not None)
    assert all(problem in error for error in errors if problem)


@pytest.mark.parametrize(
    ("value", "problem"),
    [({"a" * 60: 1}, None), ({"a" * 60: "1"}, "is not of type"), ({"a" * 60 + "!": 1}, "is an additional property")],
)
def test_properties_named_by_a_pattern_are_tried_within_a_time_limit(value: object, problem: str | None) -> None:
    by_pattern = {
        "type": "object",
        "patternProperties": {BACKTRACKS: {"type": "integer"}},
        "additionalProperties": False,
    }
    data = contract(openapi="3.1.0", schemas={"Map": by_pattern})
    check(parse(json.dumps(data), "openapi.yaml"))
    errors = [error.message for error in validation.value_errors(data, "/components/schemas/Map", value)]
    assert [problem in error for error in errors if problem] == [True] * (problem is not None)
    assert problem or not errors


def test_a_page_of_blanks_is_read_as_fast_as_any_other(tmp_path: Path) -> None:
    pages = []
    for number, blank in enumerate((" ", "\t", "\n", " \n", "\n\t ")):
        for name, text in (("alone", "{}"), ("fence", "```\n{}\n```\n"), ("before", "```\n{}{{x\n```\n")):
            page = tmp_path / f"{name}-{number}.md"
            page.write_text(text.replace("{}", blank * 100_000))
            pages.append(page)
    # In a separate process, with a time limit: a pattern that goes back at each blank takes hours.
    code = """
import sys
from scripts.contracts.ingest import main
folder, *pages = sys.argv[1:]
for page in pages:
    print(main(["paybyrd", page, "--specs", folder, "--address", "https://docs.example.com/a"]))
"""
    done = run("-c", code, str(tmp_path), *map(str, pages))
    assert done.stdout.split() == ["2"] * len(pages)
    for page, line in zip(pages, done.stderr.splitlines(), strict=True):
        assert line.startswith(f"error: {page}:1: page: no OpenAPI block; ")


# --- errors that would come later, without a place


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ('enum: ["\\uD800"]', "/enum/0"),
        ('enum: ["\\uDC00\\uD800"]', "/enum/0"),
        ('a: {"x\\uD800": 1}', "/a"),
    ],
)
def test_half_a_surrogate_pair_is_refused_with_its_place(text: str, pointer: str) -> None:
    with pytest.raises(ContractError, match=rf"openapi.yaml:1: {pointer}: half of a surrogate pair in .* is no text"):
        document(text)


def test_a_whole_surrogate_pair_is_one_character_as_in_json() -> None:
    assert document('a: "\\uD83D\\uDCB6 \U0001f4b6"').data == {"a": "\U0001f4b6 \U0001f4b6"}


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_a_default_that_does_not_fit_is_refused_with_its_own_place(version: str) -> None:
    schema = {"type": "object", "properties": {"kind": {"type": "string", "enum": ["a"], "default": "b"}}}
    with pytest.raises(ContractError, match=r"/components/schemas/Reply/properties/kind/default: not valid OpenAPI"):
        checked(version, Reply=schema)
