"""Overlays are applied strictly: each action fits exactly, or is an error with its name and place."""

from typing import Any

import pytest

from scripts.contracts import overlay
from scripts.contracts.contract import vendored_document
from scripts.contracts.document import Document, dump, load, parse
from scripts.contracts.errors import ContractError
from scripts.contracts.providers import PROVIDERS, SPECS
from tests.generation.specs_support import document

SCHEMA = "$.components.schemas.Return"
Action = dict[str, Any]


def action(**changes: Any) -> Action:
    made = {"x-name": "made", "x-reason": "to test", "x-source": "ours", "x-expect": "absent", "target": SCHEMA}
    return made | {key.replace("_", "-"): value for key, value in changes.items()}


def overlay_of(*actions: Any) -> Document:
    data = {"overlay": "1.1.0", "info": {"title": "t", "version": "1"}, "actions": list(actions)}
    return parse(dump(data, "made by a test"), "overlay.yaml")


def applied(*actions: Any) -> Any:
    return overlay.apply(document(), overlay_of(*actions)).data


def refusal(*actions: Any) -> str:
    with pytest.raises(ContractError) as refused:
        overlay.apply(document(), overlay_of(*actions))
    message = str(refused.value)
    assert "\n" not in message
    return message


def test_an_update_merges_into_an_object_and_leaves_the_rest() -> None:
    schema = applied(action(update={"description": "d", "properties": {"cents": {"minimum": 1}}}))["components"][
        "schemas"
    ]
    assert schema["Return"]["description"] == "d"
    assert schema["Return"]["properties"] == {"cents": {"type": "integer", "minimum": 1}, "note": {"type": "string"}}


def test_an_update_replaces_a_plain_value_that_it_expects() -> None:
    target = "$.paths['/returns/{id}'].post.tags[0]"
    data = applied(action(target=target, x_expect="Returns", update="refunds"))
    assert data["paths"]["/returns/{id}"]["post"]["tags"] == ["refunds"]


def test_an_update_of_a_member_replaces_the_value_that_x_expect_names() -> None:
    data = applied(action(target="$.info", x_expect={"/title": "Invented API"}, update={"title": "Ours"}))
    assert data["info"] == {"title": "Ours", "version": "1"}


def test_an_update_of_a_list_adds_to_its_end() -> None:
    servers = [{"url": "https://pay.example.com"}, {"url": "https://sandbox.example.com"}]
    assert applied(action(target="$.servers", update=servers[1:]))["servers"] == servers
    assert applied(action(target="$.servers", update=servers[1]))["servers"] == servers
    assert applied(action(target="$.servers", x_expect=servers[:1], update=servers[1:]))["servers"] == servers
    assert (
        applied(action(target="$", x_expect={"/servers": servers[:1]}, update={"servers": servers[1:]}))["servers"]
        == servers
    )


def test_a_remove_takes_one_entry_out_of_a_list() -> None:
    data = applied(action(target=f"{SCHEMA}.required[?@ == 'note']", x_expect="note", remove=True))
    assert data["components"]["schemas"]["Return"]["required"] == ["cents"]


def test_a_remove_takes_a_member_out_of_an_object() -> None:
    data = applied(action(target=f"{SCHEMA}.properties.note", x_expect={"type": "string"}, remove=True))
    assert data["components"]["schemas"]["Return"]["properties"] == {"cents": {"type": "integer"}}


def test_a_copy_takes_its_value_from_elsewhere_in_the_contract() -> None:
    data = applied(
        action(update={"x-known": []}),
        action(x_name="copied", target=f"{SCHEMA}['x-known']", x_expect=[], copy=f"{SCHEMA}.required"),
    )
    assert data["components"]["schemas"]["Return"]["x-known"] == ["cents", "note"]


def test_actions_are_applied_in_order_each_to_the_result_of_the_one_before() -> None:
    data = applied(
        action(target=f"{SCHEMA}.required", x_expect=["cents", "note"], remove=True),
        action(x_name="again", update={"required": ["note"]}),
    )
    assert data["components"]["schemas"]["Return"]["required"] == ["note"]


def test_the_contract_that_is_given_stays_as_it_is() -> None:
    contract, before = document(), document().data
    overlay.apply(contract, overlay_of(action(update={"description": "d"})))
    assert contract.data == before


@pytest.mark.parametrize(
    "target",
    ["$.components.schemas.Gone", "$.paths['/returns'].post", f"{SCHEMA}.required[?@ == 'gone']", "$.servers[1]"],
)
def test_an_action_that_matches_nothing_is_an_error_with_its_name_and_place(target: str) -> None:
    message = refusal(
        action(x_name="first", update={"x-first": 1}), action(x_name="lost", target=target, update={"x-a": 1})
    )
    assert message.startswith("overlay.yaml:14: action 'lost': ")
    assert "matches nothing" in message


def test_an_action_that_matches_several_nodes_is_an_error() -> None:
    message = refusal(action(target=f"{SCHEMA}.properties.*", update={"x-a": 1}))
    assert message.startswith("overlay.yaml:7: action 'made': ")
    assert "matches 2 nodes" in message


@pytest.mark.parametrize(
    "target", ["components.schemas", "$.paths./returns", "$['info", "$.info[", "$.servers[?@.url = 1]"]
)
def test_a_target_that_is_no_jsonpath_is_an_error(target: str) -> None:
    assert "is not a JSONPath of RFC 9535" in refusal(action(target=target, update={"x-a": 1}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"target": "$.info.title", "x_expect": "Other API", "update": "Ours"},
            "it expects 'Other API' and finds 'Invented API'",
        ),
        (
            {"target": "$.info", "x_expect": {"/title": "Other API"}, "update": {"title": "Ours"}},
            "it expects 'Other API' at /title and finds 'Invented API'",
        ),
        ({"x_expect": {"/gone": 1}, "update": {"x-a": 1}}, "it expects 1 at /gone and finds nothing"),
        ({"update": {"type": "array"}}, "it expects nothing at /type and finds 'object'"),
        ({"update": {"properties": {"cents": {"type": "number"}}}}, "it expects nothing at /properties/cents/type"),
        ({"update": {"required": ["more"]}}, "it expects nothing at /required and finds ['cents', 'note']"),
        ({"target": f"{SCHEMA}.required", "x_expect": ["note"], "remove": True}, "it expects ['note'] and finds"),
        ({"target": f"{SCHEMA}.required", "x_expect": ["note"], "update": ["more"]}, "it expects ['note'] and finds"),
        ({"target": "$.info.version", "x_expect": 1, "update": "2"}, "it expects 1 and finds '1'"),
        (
            {"target": "$.paths.*.post.parameters[0].required", "x_expect": 1, "update": False},
            "it expects 1 and finds True",
        ),
        (
            {"target": f"{SCHEMA}.required[?@ == 'note']", "x_expect": "absent", "remove": True},
            "it expects 'absent' and finds 'note'",
        ),
    ],
)
def test_an_action_that_finds_something_else_is_an_error(changes: Action, message: str) -> None:
    refused = refusal(action(**changes))
    assert refused.startswith("overlay.yaml:7: action 'made': ")
    assert message in refused


@pytest.mark.parametrize(
    "changes",
    [
        {"target": "$.info", "x_expect": {"/title": "Old API"}, "update": {"title": "Invented API"}},
        {"target": "$.info.title", "x_expect": "Old API", "update": "Invented API"},
        {"update": {"properties": {"cents": {"type": "integer"}}}},
        {"update": {"x-new": 1, "type": "object"}},
        {"target": "$.servers", "update": [{"url": "https://pay.example.com"}]},
        {"target": f"{SCHEMA}.required", "update": "note"},
        {"update": {}},
        {"target": f"{SCHEMA}.required", "update": []},
    ],
)
def test_an_action_that_is_no_longer_needed_is_an_error(changes: Action) -> None:
    refused = refusal(action(**changes))
    assert refused.startswith("overlay.yaml:7: action 'made': ")
    assert "the action is no longer needed" in refused


def test_an_action_that_is_given_twice_is_an_error() -> None:
    once = action(update={"description": "d"})
    assert "'again': the contract already says so at /description" in refusal(once, once | {"x-name": "again"})


def test_every_action_that_does_not_fit_is_named_and_those_that_fit_are_applied() -> None:
    lost = action(x_name="lost", target="$.components.schemas.Gone", update={"x-a": 1})
    described = action(update={"description": "d"})
    late = action(x_name="late", target="$.info.title", x_expect="Other", update="Ours")
    with pytest.raises(ContractError) as refused:
        overlay.apply(document(), overlay_of(lost, described, late))
    first, second = str(refused.value).split("\n")
    assert first.startswith("overlay.yaml:7: action 'lost': ")
    assert second.startswith("overlay.yaml:21: action 'late': ")
    applied_all = overlay.apply_all(document(), overlay_of(lost, described, late))
    assert [*applied_all.unfit] == ["lost", "late"]
    assert applied_all.touched == {"made": ("/components/schemas/Return/description",)}
    assert applied_all.document.data["components"]["schemas"]["Return"]["description"] == "d"


def test_an_action_can_be_left_out() -> None:
    applied_all = overlay.apply_all(document(), overlay_of(action(update={"description": "d"})), without={"made"})
    assert (applied_all.document.data, applied_all.unfit, applied_all.touched) == (document().data, {}, {})


@pytest.mark.parametrize(
    ("target", "update", "problem"),
    [
        (SCHEMA, {"properties": {"gone": {"description": "d"}}}, "no schema 'gone' at /components/schemas/Return/prop"),
        (SCHEMA, {"properties": {"gone": {"properties": {"a": {"description": "d"}}}}}, "no schema 'gone'"),
        ("$.components", {"schemas": {"Gone": {"description": "d"}}}, "no schema 'Gone' at /components/schemas/Gone"),
        ("$.components", {"responses": {"Gone": {"description": "d"}}}, "no response 'Gone'"),
        ("$.paths.*.post.responses", {"202": {"description": "d"}}, "no response '202'"),
        (
            "$.paths.*.post.responses['200']",
            {"content": {"text/plain": {"example": "a"}}},
            "no media type 'text/plain'",
        ),
        ("$.paths", {"/gone": {"description": "d"}}, "no path '/gone'"),
        ("$.paths['/returns/{id}']", {"get": {"operationId": "look"}}, "no operation 'get'"),
        ("$.paths.*.post.parameters", [{"description": "d"}], "no parameter '1'"),
        ("$.components", {"securitySchemes": {"key": {"description": "d"}}}, "no security scheme 'key'"),
    ],
)
def test_an_update_that_only_describes_a_name_that_the_contract_does_not_have_is_an_error(
    target: str, update: Any, problem: str
) -> None:
    refused = refusal(action(target=target, update=update))
    assert refused.startswith("overlay.yaml:7: action 'made': the contract has ")
    assert problem in refused


def test_an_update_that_defines_a_name_adds_it_with_parts_that_say_little() -> None:
    more = {"type": "object", "properties": {"some": {"description": "Its type is not documented."}}}
    data = applied(action(update={"properties": {"more": more}}))
    assert data["components"]["schemas"]["Return"]["properties"]["more"] == more


def test_an_update_that_requires_a_property_that_the_contract_does_not_have_is_an_error() -> None:
    one = action(target=f"{SCHEMA}.required", update=["gone"])
    assert "it requires 'gone', and the contract has no such property at /components/schemas/Return" in refusal(one)


def test_a_value_can_be_expected_to_be_that_of_another_place() -> None:
    bare = action(x_name="dropped", target=f"{SCHEMA}.required", x_expect_as=f"{SCHEMA}['x-known']", remove=True)
    del bare["x-expect"]
    known, copied = (
        action(update={"x-known": []}),
        action(x_name="copied", target=f"{SCHEMA}['x-known']", x_expect=[], copy=f"{SCHEMA}.required"),
    )
    assert "required" not in applied(known, copied, bare)["components"]["schemas"]["Return"]
    assert "it expects [] and finds ['cents', 'note']" in refusal(known, bare)
    assert "it has x-expect and x-expect-as" in refusal(known, bare | {"x-expect": []})


def test_two_actions_of_one_name_are_an_error() -> None:
    message = refusal(action(update={"x-a": 1}), action(update={"x-b": 1}))
    assert message.startswith("overlay.yaml:14: action 'made': another action has this name")


@pytest.mark.parametrize("key", ["x-name", "x-reason", "x-source", "target"])
@pytest.mark.parametrize("value", [None, "", " ", 1])
def test_an_action_without_one_of_its_texts_is_an_error(key: str, value: object) -> None:
    assert f"{key} is missing or empty" in refusal(action(update={"x-a": 1}) | {key: value})


@pytest.mark.parametrize(
    "source", ["somewhere", "docs.example.com/page", "docs.example.com/page (E)", "ours (A", "a (A), b"]
)
def test_an_action_whose_source_has_no_sureness_is_an_error(source: str) -> None:
    assert "x-source has no sureness" in refusal(action(x_source=source, update={"x-a": 1}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "it must do one thing"),
        ({"update": {"x-a": 1}, "remove": True}, "it must do one thing"),
        ({"remove": False}, "it must do one thing"),
        ({"update": {"x-a": 1}, "updates": {}}, "unknown key"),
        ({"update": 1}, "the target is an object and the value is not"),
        ({"update": {"x-a": 1}, "x_expect": ["x-a"]}, "x-expect is neither `absent` nor a map"),
        ({"update": {"x-a": 1}, "x_expect": {"x-a": 1}}, "x-expect is neither `absent` nor a map"),
        ({"target": "$.info.title", "x_expect": "Invented API", "update": {"a": 1}}, "the target is a plain value"),
        ({"update": {"required": 1}, "x_expect": {"/required": ["cents", "note"]}}, "cannot be merged"),
        ({"update": {"type": ["object"]}, "x_expect": {"/type": "object"}}, "cannot be merged"),
        ({"target": "$", "x_expect": document().data, "remove": True}, "it would remove the whole document"),
    ],
)
def test_an_action_that_makes_no_sense_is_an_error_with_its_name(changes: Action, message: str) -> None:
    refused = refusal(action(**changes))
    assert "action 'made'" in refused
    assert message in refused


def test_an_action_without_an_expectation_is_an_error() -> None:
    bare = action(update={"x-a": 1})
    del bare["x-expect"]
    assert "x-expect is missing" in refusal(bare)


def test_an_action_that_is_no_mapping_is_an_error() -> None:
    assert "/actions/0: an action is not a mapping" in refusal("remove everything")


@pytest.mark.parametrize("text", ["openapi: 3.1.0\n", "overlay: 2.0.0\nactions: []\n", "- 1\n"])
def test_a_document_that_is_no_overlay_is_an_error(text: str) -> None:
    with pytest.raises(ContractError, match=r"^overlay.yaml:1: document: not an OpenAPI Overlay 1.x document"):
        overlay.apply(document(), parse(text, "overlay.yaml"))


def test_an_overlay_without_actions_is_an_error() -> None:
    with pytest.raises(ContractError, match="it has no actions"):
        overlay.apply(document(), parse("overlay: 1.1.0\nactions: []\n", "overlay.yaml"))


def test_what_an_action_writes_has_the_place_of_the_action() -> None:
    result = overlay.apply(document(), overlay_of(action(update={"properties": {"more": {"type": "string"}}})))
    assert result.place("/components/schemas/Return/properties/more/type") == "overlay.yaml:7"
    assert result.place("/components/schemas/Return/properties/note/type") == "openapi.yaml:40"


def test_after_a_remove_no_entry_has_the_place_of_another() -> None:
    result = overlay.apply(
        document(), overlay_of(action(target=f"{SCHEMA}.required[?@ == 'cents']", x_expect="cents", remove=True))
    )
    assert result.place("/components/schemas/Return/required/0") == "openapi.yaml:33"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_action_of_a_committed_overlay_is_needed(provider: str) -> None:
    ours = load(SPECS / provider / "overlay.yaml")
    vendored = vendored_document(provider)
    whole = overlay.apply(vendored, ours).data
    for index in range(len(ours.data["actions"])):
        rest = [other for number, other in enumerate(ours.data["actions"]) if number != index]
        try:
            without = overlay.apply(vendored, Document(ours.data | {"actions": rest}, ours.places)).data
        except ContractError:
            continue
        assert without != whole, ours.data["actions"][index]["x-name"]
