"""A request of a generated package fits the contract, and reaches the server unchanged."""

import json
import unicodedata
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.generation.cases import (
    BY_PATH,
    WITH_BODY,
    Case,
    Server,
    any_caller,
    any_case,
    call,
    case_of,
    case_with_body,
    case_with_path,
    json_values,
    sent,
    serving,
)


@any_case
def test_a_request_is_what_the_contract_says(case: Case) -> None:
    request = case.api.build_request(**case.call_arguments())
    assert (request.method, request.path, request.params) == (case.method, case.path, case.params)
    if case.body_class is None:
        assert (request.headers, request.content) == (case.headers, None)
    else:
        assert request.headers == {**case.headers, "Content-Type": "application/json"}
        assert json.loads(request.content) == case.call_arguments()["body"].to_dict()


@any_case
def test_a_request_cannot_be_changed(case: Case) -> None:
    request = case.api.build_request(**case.call_arguments())
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        request.path = "/elsewhere"


@any_caller
@any_case
def test_the_server_sees_the_request_that_was_built(case: Case, caller: str) -> None:
    request = case.api.build_request(**case.call_arguments())
    with serving(Server(content=sent(case))) as server:
        call(case, caller, case.client(server.url))
    (seen,) = server.seen
    path, _, query = seen.path.partition("?")
    assert (seen.method, path, seen.body) == (request.method, request.path, request.content or b"")
    assert dict(parse_qsl(query, strict_parsing=bool(query))) == request.params
    assert {name.lower(): value for name, value in request.headers.items()}.items() <= seen.headers.items()
    assert ("content-type" in seen.headers) == (request.content is not None)


@any_caller
@pytest.mark.parametrize("value", ["a b", "a&requestId=b", "a=b", "a#b", "../..", "%2e", "é ☃", "+", "\r\nx: y"])
def test_a_query_parameter_stays_one_value_up_to_the_server(caller: str, value: str) -> None:
    case = case_of("paybyrd", "list_transactions")
    assert case.api.build_request(request_id=value).params == {"requestId": value}
    with serving(Server(content=b"[]")) as server:
        call(case, caller, case.client(server.url), request_id=value)
    path, _, query = server.seen[0].path.partition("?")
    assert (path, parse_qsl(query)) == (case.path, [("requestId", value)])


def test_a_cancellation_at_blink_can_go_without_a_body() -> None:
    case = case_of("blink", "cancel_transaction")
    request = case.api.build_request("BL-1")
    assert (request.headers, request.content) == ({}, None)
    with serving(Server(content=sent(case))) as server, case.client(server.url) as client:
        assert case.api.sync("BL-1", client=client).success is True
    assert (server.seen[0].body, "content-type" in server.seen[0].headers) == (b"", False)


@pytest.mark.parametrize("value", ["", ".", ".."])
@case_with_path
def test_a_path_parameter_that_would_move_the_request_is_refused(case: Case, value: str) -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        case.api.build_request(**case.call_arguments(**{str(case.path_parameter): value}))


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\n", "\x00", "a\x7f", "\x85", "\u2028"])
@case_with_path
def test_a_path_parameter_with_a_line_break_or_another_control_character_is_refused(case: Case, value: str) -> None:
    with pytest.raises(ValueError, match="must not hold a control character"):
        case.api.build_request(**case.call_arguments(**{str(case.path_parameter): value}))


@pytest.mark.parametrize("value", ["a/b", "../..", "%2e%2e", "%2F", "a?b=c", "a#b", "é ☃", "...", "a;b"])
@case_with_path
def test_a_path_parameter_stays_one_segment_up_to_the_server(case: Case, value: str) -> None:
    request = case.api.build_request(**case.call_arguments(**{str(case.path_parameter): value}))
    with serving(Server(content=b"{}")) as server:
        call(case, "sync_detailed", case.client(server.url), **{str(case.path_parameter): value})
    assert server.seen[0].path == request.path
    assert [unquote(part) for part in request.path.split("/")] == [
        value if part == case.arguments[str(case.path_parameter)] else part for part in case.path.split("/")
    ]


# Each example is tried on every operation: making one costs more than trying it.


def cannot_be_sent(character: str) -> bool:
    """Whether a character is half of a pair, a control character, or parts two lines."""
    return unicodedata.category(character) in ("Cs", "Cc", "Zl", "Zp")


@given(value=st.text())
def test_any_other_path_parameter_comes_back_from_its_segment(value: str) -> None:
    for case in BY_PATH:
        try:
            path = case.api.build_request(**case.call_arguments(**{str(case.path_parameter): value})).path
        except ValueError:
            assert value in ("", ".", "..") or any(map(cannot_be_sent, value)), case
            continue
        prefix, suffix = case.path.split(case.arguments[str(case.path_parameter)])
        assert path.startswith(prefix), case
        assert unquote(path.removeprefix(prefix).removesuffix(suffix)) == value, case
        assert urlsplit(f"https://provider.invalid{path}").path == path, case


@given(amount=st.integers(1, 10**15), more=st.dictionaries(st.text(max_size=8), json_values, max_size=3))
def test_a_body_comes_back_from_its_bytes(amount: int, more: dict[str, Any]) -> None:
    for case in WITH_BODY:
        known = case.call_arguments()["body"].to_dict()
        body = type(case.call_arguments()["body"]).from_dict({**more, **known, "amount": amount, "isoAmount": amount})
        content = case.api.build_request(**case.call_arguments(body=body)).content
        assert json.loads(content) == body.to_dict(), case
        assert type(body).from_dict(json.loads(content)) == body, case


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), "\ud800"])
@case_with_body
def test_a_body_that_json_cannot_carry_is_refused(case: Case, value: object) -> None:
    body = case.call_arguments()["body"]
    body["more"] = value
    with pytest.raises(ValueError, match=r"JSON compliant|surrogates"):
        case.api.build_request(**case.call_arguments(body=body))


@case_with_body
def test_a_body_is_compact_utf_8(case: Case) -> None:
    body = case.call_arguments()["body"]
    body["more"] = ["é"]
    content = case.api.build_request(**case.call_arguments(body=body)).content
    assert '"more":["é"]'.encode() in content
    assert b" " not in content
