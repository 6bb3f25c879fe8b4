"""An httpx transport as the transport of a client: every failure of httpx, and its evidence."""

import gzip
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

import httpx
import httpx2
import pytest

from refundry import Evidence, NotSent, OutcomeUnknown, RefundError, Resend, Timeout
from refundry.transport.over_httpx import HttpxTransport
from refundry.wire import MAX_REPLY_BYTES
from tests.facade.support import ONE_EURO, Caller, Kind, account, caller
from tests.faults.servers import SUCCESS, Peer, Server, answering, once, reply
from tests.faults.support import AMPLE, SHORT, both_kinds, failed, within

NOTHING_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def every(base: type[Exception]) -> list[type[Exception]]:
    """Return an exception class and all its subclasses."""
    return [base, *(further for direct in base.__subclasses__() for further in every(direct))]


def over(kind: Kind, inner: Any, provider: str = "paybyrd", timeout: Timeout = AMPLE, **options: Any) -> Caller:
    return caller(kind, account(provider, transport=HttpxTransport(inner), **options), timeout=timeout)


def real(kind: Kind, library: Any = httpx) -> Any:
    """Return the transport of httpx itself."""
    return library.HTTPTransport() if kind == "sync" else library.AsyncHTTPTransport()


@both_kinds
@pytest.mark.parametrize("error", every(httpx.TransportError), ids=lambda error: error.__name__)
def test_only_a_failure_that_comes_before_the_first_byte_says_that_nothing_was_sent(
    kind: Kind, error: type[httpx.TransportError]
) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error("the words of httpx", request=request)

    nothing_sent = error in NOTHING_SENT
    cls: type[RefundError] = NotSent if nothing_sent else OutcomeUnknown
    evidence = Evidence.NOT_SENT if nothing_sent else Evidence.MAYBE_SENT
    with over(kind, httpx.MockTransport(fail), "blink") as client:
        outcome = failed(client, "blink", cls, Resend.SAFE if nothing_sent else Resend.NEVER, evidence)
    assert error.__name__ in str(outcome)
    assert "the words of httpx" not in str(outcome)


@both_kinds
@pytest.mark.parametrize("error", [httpx.InvalidURL("x"), httpx.StreamClosed(), RuntimeError("x"), KeyError("x")])
def test_any_other_exception_means_maybe_sent(kind: Kind, error: Exception) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    with over(kind, httpx.MockTransport(fail)) as client:
        failed(client, "paybyrd", OutcomeUnknown, Resend.SAME_REFERENCE, Evidence.MAYBE_SENT)


@both_kinds
def test_the_request_reaches_httpx_as_it_was_prepared(kind: Kind) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b'{"transaction_id":"refund-1"}')

    with over(kind, httpx.MockTransport(answer), "lab4pay", timeout=Timeout(1, 2, 3)) as client:
        client.ask("lab4pay")
        prepared = client.client.prepare("lab4pay", amount=ONE_EURO, reference="reference-1")
    (request,) = seen
    assert (request.method, str(request.url), request.read()) == (prepared.method, prepared.url, prepared.body)
    assert request.headers["authorization"] == "Bearer test-key"
    assert request.headers["x-pay-connect-integrator-id"] == "test-integrator"
    assert request.headers["content-length"] == str(len(prepared.body))
    assert request.headers["accept-encoding"] == "identity"
    assert request.extensions["timeout"] == {"connect": 1, "read": 2, "write": 2, "pool": 1}


@both_kinds
def test_a_redirect_is_not_followed(kind: Kind) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(307, headers={"Location": "/again"})

    with over(kind, httpx.MockTransport(answer)) as client:
        failed(client, "paybyrd", OutcomeUnknown, Resend.SAME_REFERENCE, Evidence.ANSWERED, 307)
    assert len(seen) == 1


class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that arrives in parts, and may fail after them."""

    def __init__(self, parts: Iterator[bytes], error: Exception | None = None) -> None:
        self._parts = parts
        self._error = error
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield from self._parts
        if self._error is not None:
            raise self._error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part

    def close(self) -> None:
        """Record the close."""
        self.closed = True

    async def aclose(self) -> None:
        """Record the close."""
        self.closed = True


@both_kinds
@pytest.mark.parametrize("error", [httpx.ReadError("x"), httpx.RemoteProtocolError("x"), httpx.ReadTimeout("x")])
def test_a_truncated_body_is_unknown_and_kept_in_raw(kind: Kind, error: Exception) -> None:
    stream = Stream(iter([SUCCESS]), error)
    with over(kind, httpx.MockTransport(lambda _: httpx.Response(200, stream=stream))) as client:
        outcome = failed(client, "paybyrd", OutcomeUnknown, Resend.SAME_REFERENCE, Evidence.ANSWERED, 200)
    assert outcome.raw is not None
    assert (outcome.raw.body, outcome.raw.complete) == (SUCCESS, False)


@both_kinds
def test_a_body_over_one_mebibyte_is_cut_off_and_unknown(kind: Kind) -> None:
    read: list[bytes] = []

    def endless() -> Iterator[bytes]:
        while True:
            read.append(b" " * 65536)
            yield read[-1]

    stream = Stream(endless())
    with over(kind, httpx.MockTransport(lambda _: httpx.Response(200, stream=stream))) as client:
        outcome = failed(client, "paybyrd", OutcomeUnknown, Resend.SAME_REFERENCE, Evidence.ANSWERED, 200)
    assert outcome.raw is not None
    assert (len(outcome.raw.body), outcome.raw.complete) == (MAX_REPLY_BYTES, False)
    assert len(read) == MAX_REPLY_BYTES // 65536 + 1
    assert stream.closed


@both_kinds
@pytest.mark.parametrize(
    ("body", "complete"),
    [(gzip.compress(SUCCESS), True), (gzip.compress(SUCCESS)[:-9], False), (gzip.compress(b" " * 2**26, 1), False)],
    ids=["whole", "cut", "too long"],
)
def test_a_compressed_body_is_read_within_bounds(kind: Kind, body: bytes, complete: bool) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Stream(iter([body])))

    with over(kind, httpx.MockTransport(answer)) as client:
        if complete:
            assert client.ask("paybyrd").refund_id == "refund-1"
        else:
            outcome = failed(client, "paybyrd", OutcomeUnknown, Resend.SAME_REFERENCE, Evidence.ANSWERED, 200)
            assert outcome.raw is not None
            assert len(outcome.raw.body) <= MAX_REPLY_BYTES


@both_kinds
def test_a_refund_over_the_transport_of_httpx_itself(kind: Kind) -> None:
    inner = real(kind)
    with Server(answering()) as server, over(kind, inner, base_url=server.url) as client:
        refund = client.ask("paybyrd")
        assert client.ask("paybyrd", reference="r-2").refund_id == "refund-1"
        close(kind, client, inner)
    assert refund.refund_id == "refund-1"
    assert refund.raw is not None
    assert (refund.raw.body, refund.raw.complete) == (SUCCESS, True)
    assert refund.raw.header("content-type") == "application/json"
    assert (len(server.requests), server.connections) == (2, 1)


def close(kind: Kind, client: Caller, inner: Any) -> None:
    """Close the httpx transport through the transport that wraps it."""
    wrapped = HttpxTransport(inner)
    if kind == "sync":
        wrapped.close()
    else:
        client.run(wrapped.aclose())


def hold(peer: Peer) -> None:
    peer.request()
    peer.hold()


@both_kinds
@pytest.mark.parametrize(
    ("script", "evidence", "status"),
    [
        (once(), Evidence.MAYBE_SENT, None),
        (hold, Evidence.MAYBE_SENT, None),
        (once(b"not HTTP\r\n\r\n"), Evidence.MAYBE_SENT, None),
        (once(reply()[:-1]), Evidence.ANSWERED, 200),
        (once(reply(SUCCESS + b" " * 200)[:200], *[b" "] * 60, pause=0.05), Evidence.ANSWERED, 200),
        (once(*[bytes([byte]) for byte in reply(b" " * 200)], pause=0.05), Evidence.MAYBE_SENT, None),
    ],
    ids=["closed", "hangs", "not HTTP", "cut", "slow", "slow head"],
)
def test_a_failure_under_the_transport_of_httpx_itself_is_unknown(
    kind: Kind, script: Callable[[Peer], None], evidence: Evidence, status: int | None
) -> None:
    inner = real(kind)
    with Server(script) as server, over(kind, inner, timeout=SHORT, base_url=server.url) as client:
        with within(6):
            failed(client, "paybyrd", OutcomeUnknown, Resend.SAME_REFERENCE, evidence, status)
        close(kind, client, inner)
    assert len(server.requests) == 1


@both_kinds
def test_a_transport_of_httpx2_carries_a_refund_and_its_failures_say_the_same(kind: Kind) -> None:
    for script, evidence in ((once(), Evidence.MAYBE_SENT), (answering(), None)):
        inner = real(kind, httpx2)
        with Server(script) as server, over(kind, inner, base_url=server.url) as client:
            if evidence is None:
                assert client.ask("paybyrd").refund_id == "refund-1"
            else:
                failed(client, "paybyrd", OutcomeUnknown, Resend.SAME_REFERENCE, evidence)
            close(kind, client, inner)
    inner = real(kind, httpx2)
    with over(kind, inner, base_url="http://127.0.0.1:1") as client:
        failed(client, "paybyrd", NotSent, Resend.SAFE, Evidence.NOT_SENT)
        close(kind, client, inner)
    with over(kind, httpx2.MockTransport(lambda _: httpx2.Response(200, content=SUCCESS))) as client:
        assert client.ask("paybyrd").refund_id == "refund-1"


@both_kinds
def test_a_refused_connection_under_the_transport_of_httpx_itself_sent_nothing(kind: Kind) -> None:
    inner = real(kind)
    with over(kind, inner, base_url="http://127.0.0.1:1") as client:
        failed(client, "paybyrd", NotSent, Resend.SAFE, Evidence.NOT_SENT)
        close(kind, client, inner)
