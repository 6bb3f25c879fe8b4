"""The generated clients are safe to use alone: each defect of the stock generator, on each operation."""

import asyncio
import copy
import importlib
import inspect
import json
import pickle
import sys
import threading
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import attrs
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.contracts.contract import effective
from scripts.contracts.openapi import walk
from scripts.contracts.providers import PROVIDERS
from tests.generation.generated_support import (
    BY_PATH,
    CASES,
    REFUNDS,
    ROOT,
    TOKEN,
    TOKENS,
    WITH_BODY,
    Case,
    Server,
    case_of,
    contract_of,
    run,
    serving,
)

CALLERS = ("sync_detailed", "sync", "asyncio_detailed", "asyncio")
UNREADABLE = {
    "HTML": b"<html><body>Bad gateway</body></html>",
    "empty": b"",
    "a JSON array": b"[]",
    "an array of pairs": b'[["transaction_id", "x"]]',
    "null": b"null",
    "a JSON string": b'"ok"',
    "cut off": b'{"transaction_id": "t',
    "not UTF-8": b'{"transaction_id": "\xff"}',
    "UTF-16": '{"transaction_id": "t"}'.encode("utf-16"),
    "NaN": b'{"transaction_id": NaN}',
    "an infinity": b'{"transaction_id": -Infinity}',
    "deeply nested": b"[" * 100_000,
    "a number of 5,000 digits": b'{"transaction_id": ' + b"9" * 5_000 + b"}",
}

each_package = pytest.mark.parametrize("case", REFUNDS, ids=str)
any_case = pytest.mark.parametrize("case", CASES, ids=str)
case_with_path = pytest.mark.parametrize("case", BY_PATH, ids=str)
case_with_body = pytest.mark.parametrize("case", WITH_BODY, ids=str)
token_case = pytest.mark.parametrize("case", TOKENS, ids=str)
any_caller = pytest.mark.parametrize("caller", CALLERS)
any_unreadable = pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)


def call(case: Case, caller: str, client: Any, **changes: Any) -> Any:
    """Call the provider with one of the four callers, in a client that is closed afterwards."""
    function = getattr(case.api, caller)
    arguments = case.call_arguments(**changes)
    if caller.startswith("sync"):
        with client:
            return function(client=client, **arguments)

    async def answer() -> Any:
        async with client:
            return await function(client=client, **arguments)

    return asyncio.run(answer())


def unreadable(case: Case, status: int, content: bytes) -> bool:
    """Whether these bytes, one of UNREADABLE, are no reply with this status: an empty array of transactions is one."""
    return case.reads(status) and not (status == 200 and isinstance(case.accepted, list) and content == b"[]")


def plain(reply: Any) -> Any:
    """Return what was read as it would be written."""
    if isinstance(reply, list):
        return [plain(entry) for entry in reply]
    return None if reply is None else reply.to_dict()


def sent(case: Case) -> bytes:
    """Return the accepted reply as bytes."""
    return b"" if case.accepted is None else json.dumps(case.accepted).encode()


def test_the_cases_are_all_operations_of_all_providers() -> None:
    assert [case.provider for case in REFUNDS] == list(PROVIDERS)
    assert {(case.provider, case.tag, case.operation) for case in CASES} == {
        (provider, node.value["tags"][0], node.value["operationId"])
        for provider in PROVIDERS
        for node in walk(contract_of(provider))
        if node.kind == "operation"
    }


# --- what is in a package


@each_package
def test_a_package_holds_its_marker_and_contract_and_nothing_left_over(case: Case) -> None:
    package = ROOT / "generated" / f"refundry_{case.provider}"
    files = {path.name for path in package.iterdir() if path.name != "__pycache__"}
    modules = {"__init__.py", "client.py", "errors.py", "schemas.py", "types.py"}
    assert files == {*modules, "api", "models", "contract.json", "py.typed"}
    assert not [path for path in package.rglob("*") if path.name in (".ruff_cache", "README.md", "pyproject.toml")]


@each_package
def test_a_package_carries_its_effective_contract(case: Case) -> None:
    text = (ROOT / "generated" / f"refundry_{case.provider}" / "contract.json").read_text(encoding="utf-8")
    assert json.loads(text) == effective(case.provider)


@each_package
def test_a_package_says_what_it_is_and_who_writes_it(case: Case) -> None:
    text = str(importlib.import_module(f"refundry_{case.provider}").__doc__)
    title = effective(case.provider)["info"]["title"]
    assert title in text
    assert "nox -s generate" in text
    assert "do not edit" in text


@each_package
def test_importing_a_package_imports_neither_httpx_nor_pydantic(case: Case) -> None:
    operations = [f".api.{one.tag}.{one.operation}" for one in CASES if one.provider == case.provider]
    names = [f"refundry_{case.provider}{name}" for name in ("", ".models", *operations)]
    code = f"import sys, {', '.join(names)}; print(sorted({{'httpx', 'pydantic', 'ssl'}} & set(sys.modules)))"
    done = run("-c", code, PYTHONPATH=str(ROOT / "generated"))
    assert (done.stdout, done.stderr) == ("[]\n", "")


# --- the client


@each_package
def test_the_default_timeout_is_finite(case: Case) -> None:
    with case.client() as client:
        assert client.get_httpx_client().timeout == httpx.Timeout(30, connect=5, pool=5)


@any_caller
@any_case
def test_a_provider_that_does_not_answer_is_not_waited_for_longer_than_the_timeout(case: Case, caller: str) -> None:
    with serving(Server(hang=threading.Event())) as server, pytest.raises(httpx.ReadTimeout):
        call(case, caller, case.client(server.url).with_timeout(0.05))


@each_package
def test_the_repr_of_a_client_shows_no_secret(case: Case) -> None:
    client = case.client(
        headers={"x-secret": "secret-header"},
        cookies={"session": "secret-cookie"},
        httpx_args={"trust_env": False, "auth": ("user", "secret-password")},
    )
    with client:
        client.get_httpx_client()
        assert "secret" not in repr(client)
        assert TOKEN not in repr(client)


@any_caller
@any_case
def test_the_token_goes_in_the_header_of_the_contract_and_in_no_other(case: Case, caller: str) -> None:
    with serving(Server(content=sent(case))) as server:
        call(case, caller, case.client(server.url))
    (seen,) = server.seen
    credentials = {name: value for name, value in seen.headers.items() if name in ("authorization", "x-api-key")}
    assert credentials == ({} if case.auth is None else dict([case.auth]))


@any_caller
@any_case
def test_a_call_takes_no_client_without_a_token_and_for_a_token_no_client_with_one(case: Case, caller: str) -> None:
    parameters = inspect.signature(getattr(case.api, caller)).parameters
    assert parameters["client"].annotation == ("Client" if case.tag == "tokens" else "AuthenticatedClient")


@each_package
def test_a_client_that_was_set_from_outside_still_authenticates(case: Case) -> None:
    assert case.auth is not None
    name, value = case.auth
    with serving(Server(content=b"{}")) as server:
        client = case.client(server.url)
        client.set_httpx_client(httpx.Client(base_url=server.url, trust_env=False))
        client.set_async_httpx_client(httpx.AsyncClient(base_url=server.url, trust_env=False))
        call(case, "sync_detailed", client)
        call(case, "asyncio_detailed", client)
    assert [seen.headers[name] for seen in server.seen] == [value, value]


@each_package
def test_making_a_client_from_a_client_changes_neither_the_first_nor_the_dictionaries_it_was_given(case: Case) -> None:
    headers, cookies = {"x-first": "1"}, {"first": "1"}
    with case.client(headers=headers, cookies=cookies) as first:
        timeout = first.get_httpx_client().timeout
        others = [
            first.with_headers({"x-second": "2"}),
            first.with_cookies({"second": "2"}),
            first.with_timeout(httpx.Timeout(1)),
        ]
        with others[0] as other:
            assert {"x-first", "x-second"} <= set(other.get_httpx_client().headers)
        with others[1] as other:
            assert dict(other.get_httpx_client().cookies) == {"first": "1", "second": "2"}
        with others[2] as other:
            assert other.get_httpx_client().timeout == httpx.Timeout(1)
        http = first.get_httpx_client()
        assert "x-second" not in http.headers
        assert dict(http.cookies) == {"first": "1"}
        assert http.timeout == timeout
    assert (headers, cookies) == ({"x-first": "1"}, {"first": "1"})


@any_caller
@token_case
def test_no_repr_on_the_way_to_a_token_shows_a_secret(case: Case, caller: str) -> None:
    reply = {**case.accepted, "refresh_token": f"{TOKEN}-2"}
    with serving(Server(content=json.dumps(reply).encode())) as server:
        answer = call(case, caller, case.client(server.url))
    body = case.call_arguments()["body"]
    for shown in (body, case.api.build_request(body=body), answer):
        assert TOKEN not in repr(shown)
    parsed = answer.parsed if caller.endswith("_detailed") else answer
    assert parsed.access_token == TOKEN
    assert "access_token" in parsed.to_dict()


@any_case
def test_the_repr_of_a_reply_shows_its_status_and_not_its_bytes(case: Case) -> None:
    with serving(Server(status=418, content=b"personal-data")) as server:
        response = call(case, "sync_detailed", case.client(server.url))
    assert response.content == b"personal-data"
    assert "418" in repr(response)
    assert "personal-data" not in repr(response)


# --- building a request


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


@pytest.mark.parametrize("value", ["a/b", "../..", "%2e%2e", "%2F", "a?b=c", "a#b", "\r\nx: y", "é ☃", "...", "a;b"])
@case_with_path
def test_a_path_parameter_stays_one_segment_up_to_the_server(case: Case, value: str) -> None:
    request = case.api.build_request(**case.call_arguments(**{str(case.path_parameter): value}))
    with serving(Server(content=b"{}")) as server:
        call(case, "sync_detailed", case.client(server.url), **{str(case.path_parameter): value})
    assert server.seen[0].path == request.path
    assert [unquote(part) for part in request.path.split("/")] == [
        value if part == case.arguments[str(case.path_parameter)] else part for part in case.path.split("/")
    ]


@given(value=st.text())
@case_with_path
def test_any_other_path_parameter_comes_back_from_its_segment(case: Case, value: str) -> None:
    try:
        path = case.api.build_request(**case.call_arguments(**{str(case.path_parameter): value})).path
    except ValueError:
        assert value in ("", ".", "..") or any("\ud800" <= character <= "\udfff" for character in value)
        return
    prefix, suffix = case.path.split(case.arguments[str(case.path_parameter)])
    assert path.startswith(prefix)
    assert unquote(path.removeprefix(prefix).removesuffix(suffix)) == value
    assert urlsplit(f"https://provider.invalid{path}").path == path


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
).filter(lambda value: "\\ud" not in json.dumps(value))


@given(amount=st.integers(1, 10**15), more=st.dictionaries(st.text(max_size=8), json_values, max_size=3))
@case_with_body
def test_a_body_comes_back_from_its_bytes(case: Case, amount: int, more: dict[str, Any]) -> None:
    known = case.call_arguments()["body"].to_dict()
    body = type(case.call_arguments()["body"]).from_dict({**more, **known, "amount": amount, "isoAmount": amount})
    content = case.api.build_request(**case.call_arguments(body=body)).content
    assert json.loads(content) == body.to_dict()
    assert type(body).from_dict(json.loads(content)) == body


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


# --- reading a reply


@any_case
def test_a_reply_is_read_as_the_model_of_its_status(case: Case) -> None:
    reply = case.api.read_reply(200, sent(case))
    assert type(reply).__name__ == case.reply
    assert plain(reply) == case.accepted
    error = case.api.read_reply(case.error_status, b'{"message": "no"}')
    assert type(error).__name__ == "ErrorResponse"
    assert error.to_dict() == {"message": "no"}


@any_unreadable
@any_case
def test_a_reply_that_cannot_be_read_raises_unreadable_reply_alone(case: Case, content: bytes) -> None:
    for status in (status for status in (200, case.error_status) if unreadable(case, status, content)):
        with pytest.raises(case.module("errors").UnreadableReply) as raised:
            case.api.read_reply(status, content)
        assert (raised.value.status_code, raised.value.content) == (status, content)
        assert raised.value.__context__ is None


@pytest.mark.parametrize("status", [100, 204, 302, 418, 499, 700])
@any_case
def test_a_status_that_the_contract_does_not_describe_is_not_read(case: Case, status: int) -> None:
    assert not case.api.describes(status)
    assert case.api.read_reply(status, b"<html>") is None


@any_case
def test_the_described_statuses_are_those_of_the_contract(case: Case) -> None:
    keys = set(case.described["responses"])
    for status in range(100, 600):
        assert case.api.describes(status) == bool({str(status), f"{status // 100}XX"} & keys), status


@given(status=st.integers(100, 999), content=st.binary(max_size=200))
@any_case
def test_any_bytes_under_any_status_are_read_or_unreadable(case: Case, status: int, content: bytes) -> None:
    try:
        case.api.read_reply(status, content)
    except case.module("errors").UnreadableReply:
        assert case.api.describes(status)


wire_names = st.sampled_from(
    sorted(
        {
            name
            for provider in PROVIDERS
            for schema in contract_of(provider)["components"]["schemas"].values()
            for name in schema.get("properties", ())
        }
    )
)


@given(reply=st.dictionaries(wire_names | st.text(max_size=8), json_values, max_size=6))
@any_case
def test_whatever_an_object_holds_nothing_of_it_is_lost(case: Case, reply: dict[str, Any]) -> None:
    accepted = {**case.accepted, **reply} if isinstance(case.accepted, dict) else reply
    for status, value in ((200, accepted), (200, [reply]), (case.error_status, reply)):
        if isinstance(value, list) == (status == 200 and isinstance(case.accepted, list)) and case.reads(status):
            assert plain(case.api.read_reply(status, json.dumps(value).encode())) == value


@pytest.mark.parametrize("value", [None, "text", 1, [], [["isoAmount", 1]], False])
def test_something_else_where_an_object_should_be_is_unset_and_kept(value: object) -> None:
    case = case_of("paybyrd", "refund_transaction")
    reply = case.api.read_reply(200, json.dumps({"code": "BYRD200", "sourceTransaction": value}).encode())
    assert reply.source_transaction is case.module("types").UNSET
    assert reply.additional_properties == {"sourceTransaction": value}
    assert reply.to_dict() == {"code": "BYRD200", "sourceTransaction": value}


def test_a_code_and_a_description_that_the_contract_does_not_list_are_carried() -> None:
    case = case_of("paybyrd", "refund_transaction")
    reply = case.api.read_reply(404, b'{"code": "BYRD999999", "description": "Transaction not found"}')
    assert (reply.code, reply.description) == ("BYRD999999", "Transaction not found")


@pytest.mark.parametrize("content", [b"", b"{}", b"<html>", b"[" * 100_000, b"\xff"])
def test_a_reply_that_is_described_without_content_is_none_and_never_unreadable(content: bytes) -> None:
    case = case_of("lab4pay", "cancel_transaction")
    assert case.api.describes(200)
    assert case.api.read_reply(200, content) is None
    with serving(Server(content=content)) as server:
        replies = {caller: call(case, caller, case.client(server.url)) for caller in CALLERS}
    assert (replies["sync"], replies["asyncio"]) == (None, None)
    for caller in ("sync_detailed", "asyncio_detailed"):
        assert (replies[caller].parsed, replies[caller].problem, replies[caller].content) == (None, None, content)


@pytest.mark.parametrize("value", [3600, "3600", 3600.5, "", None, True, [], {}, "soon", -1])
def test_any_shape_of_a_lifetime_leaves_the_token_readable(value: object) -> None:
    case = case_of("lab4pay", "create_token")
    reply = case.api.read_reply(200, json.dumps({"access_token": TOKEN, "expires_in": value}).encode())
    assert (reply.access_token, reply.expires_in) == (TOKEN, value)
    assert type(reply.expires_in) is type(value)
    assert reply.token_type is case.module("types").UNSET


@pytest.mark.parametrize("status", [200, 201])
def test_a_token_of_blink_is_read_under_both_statuses_with_what_the_account_adds(status: int) -> None:
    case = case_of("blink", "create_token")
    told = {"access_token": TOKEN, "payment_types": "credit-card", "account": {"a": 1}}
    reply = case.api.read_reply(status, json.dumps(told).encode())
    assert reply.access_token == TOKEN
    assert reply.additional_properties == {"account": {"a": 1}}
    assert reply.to_dict() == told


@pytest.mark.parametrize("value", [{}, {"status": "success"}, {"data": [], "total": 0}, {"code": "BYRD901"}])
def test_one_object_in_place_of_a_list_of_transactions_is_read_as_a_transaction(value: dict[str, Any]) -> None:
    case = case_of("paybyrd", "list_transactions")
    reply = case.api.read_reply(200, json.dumps(value).encode())
    assert type(reply).__name__ == "Transaction"
    assert reply.to_dict() == value


@pytest.mark.parametrize("value", [None, "text", 1, {}, [1], ["p-1"], [{"transactionId": "p-1"}, None]])
def test_referenced_transactions_of_another_shape_leave_the_transaction_readable(value: object) -> None:
    case = case_of("paybyrd", "get_transaction")
    sent_reply = {"status": "Success", "isoAmount": -100, "referencedTransactions": value}
    reply = case.api.read_reply(200, json.dumps(sent_reply).encode())
    assert (reply.status, reply.iso_amount) == ("Success", -100)
    assert reply.referenced_transactions is case.module("types").UNSET
    assert reply.to_dict() == sent_reply


@pytest.mark.parametrize("value", [None, [], "text", 1])
def test_an_envelope_of_blink_that_holds_no_transaction_is_unset_and_kept(value: object) -> None:
    case = case_of("blink", "get_transaction")
    reply = case.api.read_reply(200, json.dumps({"data": value}).encode())
    assert reply.data is case.module("types").UNSET
    assert reply.to_dict() == {"data": value}


def test_a_required_field_that_is_missing_is_named_as_the_reason() -> None:
    case = case_of("lab4pay", "refund_unreferenced")
    with pytest.raises(case.module("errors").UnreadableReply, match="a required field is missing"):
        case.api.read_reply(200, b"{}")


# --- the four callers


@any_case
def test_the_four_callers_read_the_same_reply(case: Case) -> None:
    with serving(Server(content=sent(case), headers={"RequestId": "r-9"})) as server:
        replies = {caller: call(case, caller, case.client(server.url)) for caller in CALLERS}
    for caller in ("sync_detailed", "asyncio_detailed"):
        assert type(replies[caller].status_code) is int
        assert replies[caller].headers["requestid"] == "r-9"
        assert replies[caller].content == sent(case)
        assert replies[caller].problem is None
    assert replies["sync_detailed"].parsed == replies["asyncio_detailed"].parsed == replies["sync"]
    assert replies["sync"] == replies["asyncio"]
    assert plain(replies["sync"]) == case.accepted


@pytest.mark.parametrize("status", [200, 404, 520, 599, 799])
@any_unreadable
@any_case
def test_the_detailed_callers_never_raise_because_of_what_a_reply_holds(
    case: Case, content: bytes, status: int
) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=content)

    client = case.client().set_httpx_client(
        httpx.Client(transport=httpx.MockTransport(answer), base_url="https://provider.invalid")
    )
    response = call(case, "sync_detailed", client)
    assert (type(response.status_code), response.status_code, response.content) == (int, status, content)
    assert not response.parsed
    assert (response.problem is not None) == unreadable(case, status, content)


@any_caller
@any_case
def test_an_unreadable_reply_is_raised_by_the_plain_callers_and_returned_by_the_detailed_ones(
    case: Case, caller: str
) -> None:
    unreadable = case.module("errors").UnreadableReply
    with serving(Server(status=case.error_status, content=b"<html>")) as server:
        if caller.endswith("_detailed"):
            response = call(case, caller, case.client(server.url))
            assert isinstance(response.problem, unreadable)
            assert response.content == b"<html>"
            assert response.problem.__traceback__ is None
        else:
            with pytest.raises(unreadable):
                call(case, caller, case.client(server.url))


@pytest.mark.parametrize("caller", ["sync", "asyncio"])
@any_case
def test_an_undescribed_status_is_raised_unless_the_client_says_otherwise(case: Case, caller: str) -> None:
    with serving(Server(status=418, content=b"{}")) as server:
        with pytest.raises(case.module("errors").UnexpectedStatus) as raised:
            call(case, caller, case.client(server.url))
        assert (raised.value.status_code, raised.value.content) == (418, b"{}")
        assert call(case, caller, case.client(server.url, raise_on_unexpected_status=False)) is None


@any_caller
@any_case
def test_a_body_without_its_content_encoding_is_a_problem_and_no_other_exception(case: Case, caller: str) -> None:
    unreadable = case.module("errors").UnreadableReply
    with serving(Server(content=b"not gzip", headers={"Content-Encoding": "gzip"})) as server:
        if caller.endswith("_detailed"):
            assert isinstance(call(case, caller, case.client(server.url)).problem, unreadable)
        else:
            with pytest.raises(unreadable, match="content encoding"):
                call(case, caller, case.client(server.url))


# --- errors and UNSET


@each_package
def test_errors_survive_pickling_and_copying_and_do_not_print_the_reply(case: Case) -> None:
    errors = case.module("errors")
    content = b'{"card": "personal-data"}'
    for error in (errors.UnreadableReply(502, content, "the body is not JSON"), errors.UnexpectedStatus(502, content)):
        assert "personal-data" not in f"{error} {error!r} {error.args}"
        assert "502" in str(error)
        for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
            assert type(other) is type(error)
            assert str(other) == str(error)
            assert vars(other) == vars(error)


@each_package
def test_unset_stays_the_one_unset_through_copy_deepcopy_and_pickle(case: Case) -> None:
    unset = case.module("types").UNSET
    assert copy.copy(unset) is unset
    assert copy.deepcopy(unset) is unset
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(unset, protocol)) is unset
    assert not unset
    assert repr(unset) == "UNSET"


@case_with_body
def test_a_model_with_unset_fields_is_the_same_after_copying(case: Case) -> None:
    body = case.call_arguments()["body"]
    written = body.to_dict()
    for other in (copy.deepcopy(body), pickle.loads(pickle.dumps(body))):
        assert other == body
        assert other.to_dict() == body.to_dict() == written


def test_the_packages_share_no_module() -> None:
    assert {name.partition(".")[0] for name in sys.modules if name.startswith("refundry_")} >= {
        f"refundry_{case.provider}" for case in CASES
    }
    assert len({id(case.module("types").UNSET) for case in CASES}) == len(PROVIDERS)
