"""Replies over a real connection: each form of HTTP, and each failure with its outcome."""

import gzip
import json
import zlib
from typing import Final

import pytest

from refundry import Evidence, OutcomeUnknown, RefundStatus, Resend
from refundry.wire import MAX_REPLY_BYTES
from tests.facade.support import ACCEPTED, PROVIDERS
from tests.faults.servers import SUCCESS, Peer, Script, answering, head, once, reply
from tests.faults.support import AMPLE, SHORT, Wired, every_reading_route, every_reading_route_and_httpx, failed, within

CHUNKED: Final = "Transfer-Encoding: chunked"
MEGABYTE: Final = b" " * MAX_REPLY_BYTES


def closes_unread(peer: Peer) -> None:
    """Close the connection when a request arrives, without reading it."""
    peer.wait()


def resets_soon(peer: Peer) -> None:
    peer.reset(after=0.05)


def hangs(*parts: bytes) -> Script:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(*parts)
        peer.hold()

    return script


def resets(*parts: bytes) -> Script:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(*parts)
        peer.reset(after=0.05)

    return script


NO_REPLY: Final[dict[str, Script]] = {
    "closed after the request": once(),
    "reset after the request": resets(),
    "closed in the status line": once(b"HTTP/1.1 2"),
    "closed in the head": once(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "reset in the head": resets(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "closed after an interim reply": once(head(status="100 Continue")),
    "not HTTP": once(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "a body without a head": once(SUCCESS),
    "HTTP/0.9": once(reply(version="HTTP/0.9")),
    "HTTP/2.0": once(reply(version="HTTP/2.0")),
    "HTTP/2": once(reply(version="HTTP/2")),
    "HTTP/2.0 after an interim reply": once(head(status="100 Continue") + reply(version="HTTP/2.0")),
    "RTSP": once(reply(version="RTSP/1.0")),
    "ICE": once(reply(version="ICE/1.0")),
    "a head of lines that are no headers": once(b"HTTP/1.1 200 OK\r\n\x00\x01\x02\r\n\r\n"),
    "a length that is no number": once(head("Content-Length: many")),
    "a length below zero": once(head("Content-Length: -1")),
    "two lengths": once(head("Content-Length: 1", "Content-Length: 2") + b"ab"),
    "a length and chunks": once(head("Content-Length: 61", CHUNKED) + b"3d\r\n" + SUCCESS + b"\r\n0\r\n\r\n"),
    "a head without an end": once(b"HTTP/1.1 200 OK\r\n", *([b"X-Header: " + b"x" * 65536 + b"\r\n"] * 40)),
    "interim replies without an end": once(*([head("X-Header: " + "x" * 8192, status="103 Early Hints")] * 400)),
}


@every_reading_route
@pytest.mark.parametrize("fault", NO_REPLY)
def test_a_request_without_a_readable_reply_is_unknown(route: Wired, fault: str) -> None:
    with route.server(NO_REPLY[fault]) as server, route.client(server) as client:
        error = failed(client, "paybyrd", OutcomeUnknown, Resend.SAME_REFERENCE, Evidence.MAYBE_SENT)
    assert error.raw is None
    assert len(server.requests) == 1


@every_reading_route
@pytest.mark.parametrize("script", [closes_unread, resets_soon])
def test_a_connection_closed_before_the_request_was_read_is_unknown(route: Wired, script: Script) -> None:
    with route.server(script) as server, route.client(server) as client:
        failed(client, "paybyrd", OutcomeUnknown, Resend.SAME_REFERENCE, Evidence.MAYBE_SENT)
    assert server.requests == []
    assert server.connections == 1


PART: Final[dict[str, Script]] = {
    "closed in the body": once(reply()[:-1]),
    "closed before the body": once(reply()[: -len(SUCCESS)]),
    "reset in the body": resets(reply()[:-1]),
    "closed in a chunk": once(head(CHUNKED) + b"3d\r\n" + SUCCESS),
    "closed before the last chunk": once(head(CHUNKED) + b"%x\r\n%b\r\n" % (len(SUCCESS), SUCCESS)),
    "a chunk size that is no number": once(head(CHUNKED) + b"many\r\n" + SUCCESS),
    "a chunk that is longer than it says": once(head(CHUNKED) + b"1\r\n" + SUCCESS + b"\r\n0\r\n\r\n"),
}


@every_reading_route_and_httpx
@pytest.mark.parametrize("fault", PART)
def test_a_truncated_reply_is_unknown_after_any_number_of_bytes(route: Wired, fault: str) -> None:
    with route.server(PART[fault]) as server, route.client(server) as client:
        error = failed(client, "paybyrd", OutcomeUnknown, Resend.SAME_REFERENCE, Evidence.ANSWERED, 200)
    assert error.raw is not None
    assert not error.raw.complete
    assert "ended early" in str(error)
    assert len(server.requests) == 1


@every_reading_route_and_httpx
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_refund_whose_reply_is_lost_may_be_resent_only_where_the_provider_knows_keys(
    route: Wired, provider: str
) -> None:
    knows_keys = provider == "paybyrd"
    resend = Resend.SAME_REFERENCE if knows_keys else Resend.NEVER
    with (
        route.server(once(), answering(reply(json.dumps(ACCEPTED[provider]).encode()))) as server,
        route.client(server, provider) as client,
    ):
        failed(client, provider, OutcomeUnknown, resend, Evidence.MAYBE_SENT)
        if knows_keys:
            assert client.ask(provider).refund_id == "refund-1"
            first, second = server.requests
            assert (first.body, first.headers) == (second.body, second.headers)
        else:
            failed(client, provider, OutcomeUnknown, resend, Evidence.MAYBE_SENT)
            assert len(client.attempts) == len(server.requests) == 1


@every_reading_route_and_httpx
@pytest.mark.parametrize(
    ("script", "evidence", "status"),
    [
        (hangs(), Evidence.MAYBE_SENT, None),
        (hangs(b"HTTP/1.1 200 OK\r\n"), Evidence.MAYBE_SENT, None),
        (hangs(head(status="100 Continue")), Evidence.MAYBE_SENT, None),
        (hangs(reply()[:-1]), Evidence.ANSWERED, 200),
        (hangs(head() + SUCCESS), Evidence.ANSWERED, 200),
        (once(*[bytes([byte]) for byte in reply(b" " * 200)], pause=0.05), Evidence.MAYBE_SENT, None),
        (once(reply(SUCCESS + MEGABYTE)[:200], *[b" "] * 200, pause=0.05), Evidence.ANSWERED, 200),
    ],
    ids=["no byte", "in the head", "after an interim reply", "in the body", "no length", "slow head", "slow body"],
)
def test_a_server_that_takes_too_long_is_given_up_in_time(
    route: Wired, script: Script, evidence: Evidence, status: int | None
) -> None:
    with route.server(script) as server, route.client(server, timeout=SHORT) as client, within(3 * SHORT.total):
        error = failed(client, "paybyrd", OutcomeUnknown, Resend.SAME_REFERENCE, evidence, status)
        assert "timed out" in str(error) or "Timeout" in str(error) or status is not None
    assert len(server.requests) == 1


TOO_LONG: Final[dict[str, bytes]] = {
    "with a length": reply(SUCCESS + MEGABYTE),
    "in chunks": head(CHUNKED) + b"%x\r\n%b\r\n0\r\n\r\n" % (len(SUCCESS + MEGABYTE), SUCCESS + MEGABYTE),
    "in many small chunks": head(CHUNKED) + b"1\r\n \r\n" * (MAX_REPLY_BYTES // 4) + b"0\r\n\r\n",
    "until it is closed": head() + SUCCESS + MEGABYTE,
    "without an end": head("Content-Length: 99999999999") + SUCCESS + MEGABYTE * 8,
    "of zeros compressed": reply(gzip.compress(MEGABYTE * 64, 1), "Content-Encoding: gzip"),
}


@every_reading_route
@pytest.mark.parametrize("form", TOO_LONG)
def test_a_reply_over_one_mebibyte_is_cut_off_and_unknown(route: Wired, form: str) -> None:
    with route.server(once(TOO_LONG[form])) as server, route.client(server) as client:
        error = failed(client, "paybyrd", OutcomeUnknown, Resend.SAME_REFERENCE, Evidence.ANSWERED, 200)
    assert error.raw is not None
    assert len(error.raw.body) <= MAX_REPLY_BYTES
    assert not error.raw.complete
    assert len(server.requests) == 1


DEFLATED: Final = zlib.compress(SUCCESS)
READABLE: Final[dict[str, Script]] = {
    "with a length": answering(reply()),
    "byte by byte": answering(*[bytes([byte]) for byte in reply()]),
    "in chunks": answering(
        head(CHUNKED) + b"a\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (SUCCESS[:10], len(SUCCESS) - 10, SUCCESS[10:])
    ),
    "in chunks with extensions and trailers": answering(
        head(CHUNKED) + b"%x;a=b\r\n%b\r\n0\r\nX-Trailer: 1\r\n\r\n" % (len(SUCCESS), SUCCESS)
    ),
    "until it is closed": once(head() + SUCCESS),
    "in HTTP/1.0 until it is closed": once(head(version="HTTP/1.0") + SUCCESS),
    "in HTTP/1.0 with a length": once(reply(version="HTTP/1.0")),
    "after 103": answering(head("Link: </a>", status="103 Early Hints") + reply()),
    "after 103 in a part of its own": answering(head(status="103 Early Hints"), reply(), pause=0.02),
    "after 100": answering(head(status="100 Continue") + reply()),
    "after 102 and 103": answering(head(status="102 Processing") + head(status="103 Early Hints") + reply()),
    "compressed unasked by gzip": answering(reply(gzip.compress(SUCCESS), "Content-Encoding: gzip")),
    "compressed unasked by GZIP": answering(reply(gzip.compress(SUCCESS), "content-encoding:  GZIP ")),
    "compressed unasked by deflate": answering(reply(DEFLATED, "Content-Encoding: deflate")),
    "compressed and in chunks": answering(
        head(CHUNKED, "Content-Encoding: deflate") + b"%x\r\n%b\r\n0\r\n\r\n" % (len(DEFLATED), DEFLATED)
    ),
    "of exactly one mebibyte": answering(reply(SUCCESS.ljust(MAX_REPLY_BYTES))),
    "of one mebibyte compressed": answering(
        reply(gzip.compress(SUCCESS.ljust(MAX_REPLY_BYTES)), "Content-Encoding: gzip")
    ),
    "with a reason of its own": answering(reply(status="200 Refunded it is")),
    "without a reason": answering(reply(status="200")),
    "with another content type": answering(reply(SUCCESS, "Content-Type: text/html")),
    "with headers in other scripts": answering(reply(SUCCESS, "X-Header: \xe4\xf6")),
}


@every_reading_route_and_httpx
@pytest.mark.parametrize("form", READABLE)
def test_a_reply_is_read_in_every_form_that_http_has(route: Wired, form: str) -> None:
    with route.server(READABLE[form]) as server, route.client(server) as client:
        refund = client.ask("paybyrd")
    assert (refund.status, refund.refund_id) == (RefundStatus.SUCCEEDED, "refund-1")
    assert refund.raw is not None
    assert (refund.raw.body.rstrip(), refund.raw.complete) == (SUCCESS, True)
    assert [(attempt.evidence, attempt.status) for attempt in client.attempts] == [(Evidence.ANSWERED, 200)]
    assert len(server.requests) == 1


@every_reading_route_and_httpx
@pytest.mark.parametrize(
    "encoded",
    [
        (SUCCESS, "gzip"),
        (gzip.compress(SUCCESS)[:-9], "gzip"),
        (b"\0" * 40, "deflate"),
        (SUCCESS[::-1], "br"),
        (gzip.compress(gzip.compress(SUCCESS)), "gzip, gzip"),
    ],
)
def test_a_reply_that_does_not_decompress_is_unknown(route: Wired, encoded: tuple[bytes, str]) -> None:
    body, encoding = encoded
    script = answering(reply(body, f"Content-Encoding: {encoding}"))
    with route.server(script) as server, route.client(server) as client:
        failed(client, "paybyrd", OutcomeUnknown, Resend.SAME_REFERENCE, Evidence.ANSWERED, 200)
    assert len(server.requests) == 1


@every_reading_route_and_httpx
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_an_empty_body_is_empty_in_every_encoding(route: Wired, encoding: str) -> None:
    with route.server(answering(reply(b"", f"Content-Encoding: {encoding}"))) as server, route.client(server) as client:
        error = failed(client, "paybyrd", OutcomeUnknown, Resend.SAME_REFERENCE, Evidence.ANSWERED, 200)
    assert error.raw is not None
    assert (error.raw.body, error.raw.complete) == (b"", True)


@every_reading_route
@pytest.mark.parametrize("name", ["Content-Encoding", "X-Trailer"])
def test_a_trailer_is_no_header(route: Wired, name: str) -> None:
    chunks = b"%x\r\n%b\r\n0\r\n%b: gzip\r\n\r\n" % (len(SUCCESS), SUCCESS, name.encode())
    with route.server(answering(head(CHUNKED) + chunks)) as server, route.client(server) as client:
        refund = client.ask("paybyrd")
    assert refund.raw is not None
    assert refund.raw.header(name.lower()) is None


@every_reading_route_and_httpx
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(route: Wired, status: int) -> None:
    with route.server(answering(reply(SUCCESS, "Location: /again", status=f"{status} Elsewhere"))) as server:
        with route.client(server) as client:
            error = failed(client, "paybyrd", OutcomeUnknown, Resend.SAME_REFERENCE, Evidence.ANSWERED, status)
        assert error.raw is not None
        assert error.raw.header("location") == "/again"
    assert len(server.requests) == 1


@every_reading_route_and_httpx
@pytest.mark.parametrize(
    ("parts", "status"),
    [
        (head(status="204 No Content"), 204),
        (head(status="304 Not Modified"), 304),
        (reply(b"", status="520 Unknown"), 520),
        (reply(b"<html></html>", status="500 Internal Server Error"), 500),
        (reply(b"<html></html>"), 200),
        (reply(b""), 200),
        (reply(status="999 Beyond"), 999),
    ],
)
def test_a_reply_that_proves_nothing_is_unknown(route: Wired, parts: bytes, status: int) -> None:
    with route.server(answering(parts)) as server, route.client(server, timeout=AMPLE) as client:
        failed(client, "paybyrd", OutcomeUnknown, Resend.SAME_REFERENCE, Evidence.ANSWERED, status)
    assert len(server.requests) == 1


@every_reading_route
def test_a_change_of_protocol_proves_nothing(route: Wired) -> None:
    switched = head("Connection: Upgrade", "Upgrade: websocket", status="101 Switching Protocols")
    with route.server(answering(switched)) as server, route.client(server) as client:
        failed(client, "paybyrd", OutcomeUnknown, Resend.SAME_REFERENCE, Evidence.ANSWERED, 101)


@every_reading_route
def test_bytes_after_a_reply_change_nothing_of_it(route: Wired) -> None:
    for trailing in (b"garbage", reply(b"{}", "X-Second: 1"), head("X-Second: 1", status="103 Early Hints")):
        with route.server(answering(reply(SUCCESS, "X-First: 1") + trailing)) as server, route.client(server) as client:
            refund = client.ask("paybyrd")
        assert refund.raw is not None
        assert refund.raw.body == SUCCESS
        assert (refund.raw.header("x-first"), refund.raw.header("x-second")) == ("1", None)
