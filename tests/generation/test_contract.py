"""The committed contracts are usable and described, and a contract that is hostile or unusable is refused."""

import re
import string
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_python_client.strings import snake_case
from openapi_spec_validator import validate
from ruamel.yaml import YAML

from scripts.contracts.__main__ import main
from scripts.contracts.checks import check
from scripts.contracts.contract import effective, effective_document, vendored_document
from scripts.contracts.document import dump, parse
from scripts.contracts.errors import ContractError
from scripts.contracts.evidence import problems as evidence_problems
from scripts.contracts.openapi import python_name, reason_phrase, walk
from scripts.contracts.pointers import resolve
from scripts.contracts.providers import PROVIDERS
from tests.generation.cases import contract_of
from tests.generation.specs_support import CONTRACT, changed, document, specs_with

OPERATIONS = {
    "lab4pay": [
        ("POST", "/v1/pay-connect/transactions/refund/", "refunds", "refund_unreferenced"),
        ("POST", "/v1/auth/token/", "tokens", "create_token"),
        ("POST", "/v1/pay-connect/transactions/{transaction_id}/refund/", "refunds", "refund_transaction"),
        ("GET", "/v1/pay-connect/transactions/{transaction_id}/status/", "transactions", "get_transaction_status"),
        ("POST", "/v1/pay-connect/transactions/{transaction_id}/cancel/", "transactions", "cancel_transaction"),
        (
            *("POST", "/v1/pay-connect/transaction-operations/{transaction_id}/revert/"),
            *("transactions", "revert_transaction"),
        ),
        (
            *("GET", "/v1/pay-connect/transaction-operations/{operation_id}/"),
            *("transactions", "get_transaction_operation"),
        ),
    ],
    "paybyrd": [
        ("POST", "/api/v2/refund/{transactionId}", "refunds", "refund_transaction"),
        ("GET", "/api/v2/transactions/{transactionId}", "transactions", "get_transaction"),
        ("GET", "/api/v2/transactions", "transactions", "list_transactions"),
    ],
    "blink": [
        ("POST", "/api/pay/v1/transactions/{transaction_id}/refunds", "refunds", "refund_transaction"),
        ("POST", "/api/pay/v1/tokens", "tokens", "create_token"),
        ("GET", "/api/pay/v1/transactions/{transaction_id}", "transactions", "get_transaction"),
        ("POST", "/api/pay/v1/transactions/{transaction_id}/cancels", "transactions", "cancel_transaction"),
    ],
}
ERROR_REPLIES = {
    "lab4pay": {"400", "401", "500"},
    "paybyrd": {"400", "401", "403", "404", "5XX"},
    "blink": {"400", "401", "402", "403", "404", "409", "422", "429", "5XX"},
}
DESCRIBED = {"operation", "parameter", "request body", "response", "schema", "server"}

each_provider = pytest.mark.parametrize("provider", PROVIDERS)


def operations(data: dict[str, Any]) -> list[dict[str, Any]]:
    return [node.value for node in walk(data) if node.kind == "operation"]


def reply(data: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = resolve(data, response["$ref"][1:]) if "$ref" in response else response
    return found


@each_provider
def test_a_committed_contract_is_valid_openapi_with_and_without_its_overlay(provider: str) -> None:
    validate(vendored_document(provider).data)
    validate(contract_of(provider))


@each_provider
def test_the_operations_of_an_effective_contract_have_stable_names_under_the_tags_of_what_they_are_for(
    provider: str,
) -> None:
    found = [
        (method.upper(), path, *one["tags"], one["operationId"])
        for path, item in contract_of(provider)["paths"].items()
        for method, one in item.items()
    ]
    assert found == OPERATIONS[provider]


@each_provider
def test_only_a_cancellation_may_go_without_the_body_that_it_has(provider: str) -> None:
    for one in operations(contract_of(provider)):
        required = one.get("requestBody", {"required": True})["required"]
        assert required == ((provider, one["operationId"]) != ("blink", "cancel_transaction"))


@each_provider
def test_every_operation_but_the_token_needs_a_credential(provider: str) -> None:
    data = contract_of(provider)
    assert data["security"]
    for one in operations(data):
        assert ("security" in one) == (one["operationId"] == "create_token")
        assert not one.get("security")


@each_provider
def test_every_part_that_an_overlay_adds_names_its_source_and_the_grade_of_that_source(provider: str) -> None:
    document = effective_document(provider)
    added = [pointer for pointer, place in document.places.items() if "overlay.yaml:" in place]
    assert added
    assert [problem for problem in evidence_problems(document) if "overlay.yaml:" in problem.partition(": ")[0]] == []


def test_what_lab4pay_does_not_document_of_a_transactions_state_is_left_open() -> None:
    schema = contract_of("lab4pay")["components"]["schemas"]["TransactionStatusResponse"]
    assert (set(schema["properties"]), schema["additionalProperties"], "required" in schema) == (
        {"status"},
        True,
        False,
    )
    assert any(text.endswith("(D)") for text in schema["properties"]["status"]["x-evidence"])
    assert "enum" not in schema["properties"]["status"]


@pytest.mark.parametrize(("provider", "name"), [("paybyrd", "Transaction"), ("blink", "Transaction")])
def test_no_field_of_a_transaction_is_required(provider: str, name: str) -> None:
    schema = contract_of(provider)["components"]["schemas"][name]
    assert {"status", "amount", "currency"} <= set(schema["properties"])
    assert ("required" in schema, schema["additionalProperties"]) == (False, True)


@each_provider
def test_the_servers_of_an_effective_contract_are_https_hosts_without_a_path(provider: str) -> None:
    for server in contract_of(provider)["servers"]:
        url = urlsplit(server["url"])
        assert (url.scheme, url.path, url.query, url.username) == ("https", "", "", None)
        assert "{" not in url.netloc


@each_provider
def test_every_part_of_an_effective_contract_has_a_description_that_is_a_sentence(provider: str) -> None:
    data = contract_of(provider)
    named = {"parameter", "header"}
    for node in walk(data):
        parent = resolve(data, node.pointer.rpartition("/")[0])
        own_schema = node.kind == "schema" and node.name == "schema" and "name" in parent
        if node.kind in DESCRIBED | named and "$ref" not in node.value and not own_schema:
            description = node.value.get("description", "")
            assert len(description) > 1, node.pointer
            assert node.kind == "response" or description.endswith("."), node.pointer


@each_provider
def test_every_amount_says_its_units(provider: str) -> None:
    amounts = [
        node
        for node in walk(contract_of(provider))
        if node.kind == "schema" and "/properties/" in node.pointer and "amount" in node.name.lower()
    ]
    assert amounts
    for node in amounts:
        assert re.search(r"minor units|major units", node.value["description"]), node.pointer


@each_provider
def test_every_error_reply_has_a_schema_so_that_its_body_is_kept(provider: str) -> None:
    data = contract_of(provider)
    for one in operations(data):
        errors = {status: reply(data, found) for status, found in one["responses"].items() if status[0] != "2"}
        unknown = {"401"} if (provider, one["operationId"]) == ("lab4pay", "create_token") else set()
        assert set(errors) == ERROR_REPLIES[provider] - unknown
        for response in errors.values():
            schema = response["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorResponse"}


def test_paybyrd_takes_a_refund_without_the_deprecated_amount() -> None:
    assert vendored_document("paybyrd").data["components"]["schemas"]["RefundRequest"]["required"] == [
        "amount",
        "isoAmount",
    ]
    assert contract_of("paybyrd")["components"]["schemas"]["RefundRequest"]["required"] == ["isoAmount"]


@pytest.mark.parametrize("name", ["PaybyrdCode", "PaybyrdDescription"])
def test_a_value_that_paybyrd_does_not_list_can_be_carried_and_the_list_is_kept(name: str) -> None:
    opened = contract_of("paybyrd")["components"]["schemas"][name]
    assert "enum" not in opened
    assert opened["x-extensible-enum"] == vendored_document("paybyrd").data["components"]["schemas"][name]["enum"]


def test_paybyrd_has_the_idempotency_key_and_the_sandbox() -> None:
    data = contract_of("paybyrd")
    header = operations(data)[0]["parameters"][1]
    assert (header["name"], header["in"], header["required"]) == ("idempotency-key", "header", False)
    assert [server["url"] for server in data["servers"]] == [
        "https://gateway.paybyrd.com",
        "https://gatewaysandbox.paybyrd.com",
    ]


def test_both_generations_of_blinks_reply_are_in_its_contract_and_no_field_is_required() -> None:
    reply = contract_of("blink")["components"]["schemas"]["RefundResponse"]
    assert set(reply["properties"]) == {
        *("transaction_id", "refunded_transaction_id", "amount", "status", "reference", "success", "message")
    }
    forms = [(form["type"], form.get("format")) for form in reply["properties"]["amount"]["oneOf"]]
    assert forms == [("number", "float"), ("string", None)]
    assert "required" not in reply


def refusal(text_or_document: Any) -> str:
    with pytest.raises(ContractError) as refused:
        check(text_or_document)
    message = str(refused.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("key", ["customTypePath", "customBasePath", "x-python-type", "x-python-import"])
@pytest.mark.parametrize(
    "at", ["        cents:\n          ", "    Return:\n      ", "      operationId: give-back\n      "]
)
def test_a_key_that_makes_a_generator_import_code_is_refused_with_file_line_and_key(key: str, at: str) -> None:
    hostile = changed(at, f"{at}{key}: os.system\n{' ' * (len(at) - at.rindex(chr(10)) - 1)}")
    line = CONTRACT[: CONTRACT.index(at) + len(at)].count("\n") + 1
    message = refusal(hostile)
    assert message.startswith(f"openapi.yaml:{line}: ")
    assert f"/{key}: this key makes a generator import code" in message


@pytest.mark.parametrize(
    "reference",
    ["https://evil.example.com/a.yaml", "other.yaml#/Return", "file:///etc/passwd", "//evil.example.com/x", "''", "[]"],
)
def test_a_reference_that_leaves_the_contract_is_refused_before_anything_follows_it(reference: str) -> None:
    hostile = changed("$ref: '#/components/schemas/Return'", f"$ref: {reference}")
    assert refusal(hostile).startswith("openapi.yaml:23: /paths/~1returns~1{id}/post/requestBody/content/")


@pytest.mark.parametrize("key", ["$id", "$anchor", "$schema", "$dynamicRef", "$dynamicAnchor", "$recursiveRef"])
def test_a_key_that_can_point_outside_the_contract_is_refused(key: str) -> None:
    hostile = changed("          type: integer", f"          type: integer\n          {key}: https://evil.example.com/")
    assert f"/cents/{key}: this key can point outside the contract" in refusal(hostile)


@pytest.mark.parametrize(
    "name",
    [
        *("d", "cls", "cast", "prop", "prop_name", "field_dict", "fieldDict", "to_dict", "toDict", "from_dict"),
        *("additional_properties", "additionalProperties", "additional_keys", "src_dict"),
    ],
)
def test_a_property_name_that_breaks_the_generated_models_is_refused(name: str) -> None:
    message = refusal(changed("        note:", f"        {name}:"))
    assert message.startswith(f"openapi.yaml:39: /components/schemas/Return/properties/{name}: ")
    assert repr(name) in message


@pytest.mark.parametrize("name", ["''", '\'x"""\'', "it's", "a`b", "'a\\n'", "'$ref'"])
def test_a_property_name_that_generated_code_could_misread_is_refused(name: str) -> None:
    assert refusal(changed("        note:", f"        {name}:")).startswith("openapi.yaml:39: ")


@pytest.mark.parametrize(
    "name",
    [
        *("class", "id", "type", "self", "description", "example", "model_config", "X-Note", "a.b", "_x", "a--b"),
        *("'a b'", "1st", "é", "_links", "filter[status]", "'@type'", "201Created"),
    ],
)
def test_a_property_name_that_the_generators_can_carry_is_accepted(name: str) -> None:
    check(changed("        note:", f"        {name}:"))


@pytest.mark.parametrize(
    ("one", "other"), [("isoAmount", "iso_amount"), ("IsoAmount", "isoAmount"), ("iso-amount", "iso.amount")]
)
def test_two_properties_that_become_one_in_python_are_refused_and_both_are_named(one: str, other: str) -> None:
    colliding = changed("        cents:", f"        {one}:").data
    colliding["components"]["schemas"]["Return"]["properties"][other] = {"type": "string"}
    message = refusal(parse(dump(colliding, "colliding"), "openapi.yaml"))
    assert f"{one!r} and {other!r} are both 'iso_amount' in Python" in message


@pytest.mark.parametrize("name", ["body", "client", "headers", "params", "url", "statusCode"])
def test_a_parameter_name_that_breaks_the_generated_functions_is_refused(name: str) -> None:
    hostile = changed("- name: id", f"- name: {name}", CONTRACT.replace("{id}", f"{{{name}}}"))
    assert f"parameters/0: the parameter name {name!r} is one that the generated code uses itself" in refusal(hostile)


@pytest.mark.parametrize(
    "shared",
    [
        "    parameters:\n      - {name: ID, in: query, schema: {type: string}}\n",
        "    parameters:\n      - $ref: '#/components/parameters/Shared'\n",
    ],
)
def test_a_parameter_of_the_path_that_collides_with_one_of_the_operation_is_refused(shared: str) -> None:
    text = CONTRACT.replace("    post:\n", f"{shared}    post:\n") + (
        "  parameters:\n    Shared: {name: ID, in: query, schema: {type: string}}\n"
    )
    assert "the parameter names 'ID' and 'id' are both 'id' in Python" in refusal(document(text))


def test_two_parameters_of_one_name_in_two_places_are_refused() -> None:
    other = "      parameters:\n        - {name: id, in: query, schema: {type: string}}\n"
    message = refusal(changed("      parameters:\n", other))
    assert message.startswith("openapi.yaml:15: ")
    assert "the parameter names 'id' and 'id' are both 'id' in Python" in message


def test_an_operation_may_replace_a_parameter_of_its_path() -> None:
    shared = "    parameters:\n      - {name: id, in: path, required: true, schema: {type: string}}\n    post:\n"
    check(changed("    post:\n", shared))


@pytest.mark.parametrize("name", ["Unset", "Any", "BaseModel", "Response", "UUID", "'Re turn'", "'Return;'", "'..'"])
def test_a_schema_name_that_the_generators_cannot_carry_is_refused(name: str) -> None:
    hostile = changed(
        "    Return:", f"    {name}:", CONTRACT.replace("schemas/Return'", f"schemas/{name.strip(chr(39))}'")
    )
    assert refusal(hostile).startswith("openapi.yaml:31: /components/schemas/")


@pytest.mark.parametrize("name", ["''", "'a\"b'", "'a\\b'", "12", "'12'", "[]"])
def test_an_operation_name_that_no_function_can_have_is_refused(name: str) -> None:
    assert refusal(changed("operationId: give-back", f"operationId: {name}")).startswith("openapi.yaml:10: ")


@pytest.mark.parametrize(
    "path",
    ["returns", "/a/../b", "/.", "/{id.__class__[x]}", "/{}", "/a{", "'/\"quoted'", "/a?b=c", "/a b", "//é", "/%2e"],
)
def test_a_path_that_is_not_plain_is_refused(path: str) -> None:
    message = refusal(changed("  /returns/{id}:", f"  {path}:"))
    assert message.startswith("openapi.yaml:8: /paths/")
    assert "is not a plain path" in message


@pytest.mark.parametrize("content_type", ["multipart/form-data", "application/x-www-form-urlencoded", "text/json"])
def test_a_request_body_that_is_not_json_is_refused(content_type: str) -> None:
    message = refusal(changed("application/json", content_type))
    assert message.startswith("openapi.yaml:21: ")
    assert "only application/json is sent" in message


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("openapi: 3.0.3", "openapi: 2.0.0", "openapi.yaml:1: /openapi: "),
        ("openapi: 3.0.3", "swagger: '2.0'", "openapi.yaml:1: document: "),
        ("openapi: 3.0.3", "openapi: 3.2.0", "openapi.yaml:1: /openapi: "),
        ("          description: Not Found", "          summary: Not Found", "openapi.yaml:27: "),
        ("          required: true", "          required: 1", "openapi.yaml:16: "),
        ("          type: integer", "          type: money", "openapi.yaml:38: "),
        ("'#/components/schemas/Return'", "'#/components/schemas/Gone'", "openapi.yaml:23: "),
    ],
)
def test_an_invalid_openapi_document_is_refused_in_one_line_at_its_place(old: str, new: str, place: str) -> None:
    assert refusal(changed(old, new)).startswith(place)


def test_a_contract_that_is_no_mapping_is_refused() -> None:
    assert refusal(parse("- 1\n", "openapi.yaml")).startswith("openapi.yaml:1: document: the contract is not a mapping")


def test_what_an_overlay_brings_in_is_refused_with_the_place_of_the_overlay(tmp_path: Path) -> None:
    specs = specs_with(
        tmp_path,
        "overlay: 1.1.0\ninfo: {title: t, version: '1'}\nactions:\n"
        "  - x-name: bad\n    x-reason: r\n    x-source: ours\n    x-expect: absent\n"
        "    target: $.components.schemas.Return.properties\n    update: {to_dict: {type: string}}\n",
    )
    with pytest.raises(ContractError, match=rf"^{re.escape(str(specs))}/paybyrd/overlay.yaml:4: /components/.*to_dict"):
        effective("paybyrd", specs)


@pytest.mark.parametrize(("provider", "message"), [("stripe", "no such provider"), ("blink", "cannot be read")])
def test_a_provider_without_a_contract_is_an_error(provider: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=message):
        effective(provider, tmp_path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("190:20:30", "190:20:30"),
        ("2026-11-22", "2026-11-22"),
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("'012'", "012"),
        ("~", None),
        ("", None),
        ("True", True),
        ("=", "="),
        (">-\n  folded\n  line", "folded line"),
        ("'two\n\n  lines'", "two\nlines"),
    ],
)
def test_yaml_is_read_as_yaml_1_2_says(text: str, value: object) -> None:
    read = parse(f"key: {text}\n", "a.yaml").data["key"]
    assert (read, type(read)) == (value, type(value))


def test_a_key_is_always_text_as_in_json() -> None:
    assert parse("200: a\nno: b\nnull: c\n2026-11-22: d\n", "a.yaml").data == {
        "200": "a",
        "no": "b",
        "null": "c",
        "2026-11-22": "d",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "a.yaml:3: /a: the key is written twice"),
        ("a: {b: 1, b: 1}\n", "a.yaml:1: /a/b: the key is written twice"),
        ("a: &x [1]\nb: *x\n", "a.yaml:2: /b: an alias repeats a value"),
        ("a: 1\nb:\n  <<: {c: 1}\n", "a.yaml:3: /b/<<: merge keys are not part of YAML 1.2"),
        ("a: !!python/object/apply:os.system [id]\n", "a.yaml:1: /a: the tag "),
        ("a: !!str 5\n", "a.yaml:1: /a: the tag "),
        ("a: 1\n---\nb: 2\n", "a.yaml:2: document: a second document begins here"),
        ("", "a.yaml:1: document: it is empty"),
        ("a: .nan\n", "a.yaml:1: /a: .nan is a number that JSON does not have"),
        ("a: -.inf\n", "a.yaml:1: /a: -.inf is a number that JSON does not have"),
        ("a: 1e999\n", "a.yaml:1: /a: 1e999 is a number that JSON does not have"),
        (f"a: {'9' * 5000}\n", "a.yaml:1: /a: 99999"),
        ("? [a]\n: b\n", "a.yaml:1: document: a key is not plain text"),
        ("a: [1\nb: 2\n", "a.yaml:2: broken YAML: "),
        ("a:\n\t- 1\n", "a.yaml:2: broken YAML: "),
        ("a: \x07\n", "a.yaml:1: broken YAML: "),
        ("[" * 5000, "a.yaml:1: /0/0/"),
    ],
)
def test_yaml_that_is_broken_or_could_surprise_is_refused_in_one_line_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ContractError) as refused:
        parse(text, "a.yaml")
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    # Characters that YAML can hold: the printable ones of its section 5.1, less the line separators that it folds.
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co", "Zl", "Zp"]) | st.just("\n")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(string.printable[:95], min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(json_values.filter(lambda value: not (isinstance(value, dict) and "<<" in value)))
def test_written_yaml_is_read_as_the_same_here_and_by_another_reader(value: Any) -> None:
    written = dump({"key": value}, "made by a test")
    assert written.startswith("# made by a test\n")
    assert parse(written, "a.yaml").data == {"key": value}
    assert written == dump(parse(written, "a.yaml").data, "made by a test")


def test_a_written_document_means_the_same_to_an_ordinary_yaml_reader() -> None:
    for provider in PROVIDERS:
        data = vendored_document(provider).data
        assert YAML(typ="safe", pure=True).load(dump(data, "copy")) == data


wire_names = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,8}([-_.][A-Za-z0-9]{1,8}){0,2}", fullmatch=True)


@given(wire_names)
def test_a_wire_name_becomes_the_same_python_name_here_as_in_the_generator(name: str) -> None:
    assert python_name(name) == snake_case(name)


@pytest.mark.parametrize(
    ("status", "phrase"),
    [
        ("200", "OK"),
        ("404", "Not Found"),
        ("413", "Content Too Large"),
        ("422", "Unprocessable Content"),
        ("520", "Server Error"),
        ("4XX", "Client Error"),
        ("default", "Default"),
    ],
)
def test_a_response_has_the_standard_phrase_of_its_status_on_every_python(status: str, phrase: str) -> None:
    assert reason_phrase(status) == phrase


def test_the_command_says_that_every_overlay_fits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == list(PROVIDERS)


def test_the_command_exits_with_2_and_one_line_when_something_does_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stripe"]) == 2
    assert re.fullmatch(r"error: \S+:1: stripe: no such provider; .*\n", capsys.readouterr().err)
