"""The clients of the generated packages are safe to use alone: timeouts, secrets, headers, and the four callers."""

import inspect
import json
import threading

import httpx
import pytest

from tests.generation.cases import (
    CALLERS,
    TOKEN,
    Case,
    Server,
    any_caller,
    any_case,
    any_unreadable,
    call,
    each_package,
    plain,
    sent,
    serving,
    token_case,
    unreadable,
)

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
def test_an_undescribed_status_is_raised_by_default(case: Case, caller: str) -> None:
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
