"""A generated package reads any reply without loss, or says that it is unreadable."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.contracts.providers import PROVIDERS
from tests.generation.cases import (
    CALLERS,
    CASES,
    TOKEN,
    Case,
    Server,
    any_case,
    any_unreadable,
    call,
    case_of,
    contract_of,
    json_values,
    plain,
    sent,
    serving,
    unreadable,
)


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


# Each example is tried on every operation: making one costs more than trying it.


@given(status=st.integers(100, 999), content=st.binary(max_size=200))
def test_any_bytes_under_any_status_are_read_or_unreadable(status: int, content: bytes) -> None:
    for case in CASES:
        try:
            case.api.read_reply(status, content)
        except case.module("errors").UnreadableReply:
            assert case.api.describes(status), case


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
def test_whatever_an_object_holds_nothing_of_it_is_lost(reply: dict[str, Any]) -> None:
    for case in CASES:
        accepted = {**case.accepted, **reply} if isinstance(case.accepted, dict) else reply
        for status, value in ((200, accepted), (200, [reply]), (case.error_status, reply)):
            if isinstance(value, list) == (status == 200 and isinstance(case.accepted, list)) and case.reads(status):
                assert plain(case.api.read_reply(status, json.dumps(value).encode())) == value, case


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
    body = {"access_token": TOKEN, "payment_types": "credit-card", "account": {"a": 1}}
    reply = case.api.read_reply(status, json.dumps(body).encode())
    assert reply.access_token == TOKEN
    assert reply.additional_properties == {"account": {"a": 1}}
    assert reply.to_dict() == body


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
