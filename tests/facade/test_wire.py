"""Requests and replies as plain values: what their repr shows, and what redaction removes from a reply."""

import pickle
from typing import Any

import pytest

from refundry import InvalidRefund, Secret, SendFailure, Timeout, WireReply, WireRequest
from refundry.wire import Evidence

SECRET = Secret("test-key-of-some-length")


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), True, None, "5"])
@pytest.mark.parametrize("name", ["connect", "read", "total"])
def test_an_invalid_timeout_is_refused(name: str, seconds: Any) -> None:
    with pytest.raises(InvalidRefund, match=name) as refused:
        Timeout(**{name: seconds})
    assert refused.value.field == "timeout"


def test_a_timeout_is_finite_by_default() -> None:
    timeout = Timeout()
    assert 0 < timeout.connect <= timeout.read <= timeout.total < 3600
    assert Timeout(1, 2.5, 3) == Timeout(connect=1, read=2.5, total=3)


def test_a_request_shows_everything_but_its_credentials() -> None:
    request = WireRequest("POST", "https://refunds.example", "/a?b=c", (("X-A", "b"),), (("X-Key", SECRET),), b"{}")
    assert request.url == "https://refunds.example/a?b=c"
    assert "X-Key" in repr(request)
    assert SECRET.reveal() not in repr(request) + str(request)


def test_a_header_is_found_by_its_name_in_lower_case() -> None:
    reply = WireReply(200, (("a", "1"), ("b", "2"), ("a", "3")), b"")
    assert (reply.header("a"), reply.header("b"), reply.header("c")) == ("1", "2", None)


@pytest.mark.parametrize(("complete", "shown"), [(True, "<WireReply 200, 9 bytes>"), (False, "9 bytes, incomplete>")])
def test_a_reply_shows_its_status_and_its_size_alone(complete: bool, shown: str) -> None:
    reply = WireReply(200, (("x-a", "personal"),), b"personal!", complete)
    assert shown in repr(reply)
    assert "personal" not in repr(reply) + str(reply)


@pytest.mark.parametrize("value", [WireReply(200, (), b"{}"), SendFailure(Evidence.NOT_SENT, "no"), Timeout(1, 2, 3)])
def test_a_value_survives_a_pickle(value: object) -> None:
    assert pickle.loads(pickle.dumps(value)) == value
