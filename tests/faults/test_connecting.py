"""Failures to connect: nothing was sent, and the refund may be resent."""

import asyncio
import dataclasses
import errno
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from refundry import (
    Evidence,
    NotSent,
    OutcomeUnknown,
    Resend,
    Secret,
    SendFailure,
    Timeout,
    WireReply,
    WireRequest,
    __version__,
)
from refundry.transport.aio import AsyncHttpTransport
from refundry.transport.sync import HttpTransport
from tests.facade.support import ONE_EURO, PROVIDERS, Caller, Kind, account, caller, new_loop
from tests.faults.servers import Peer, Server, answering, once, reply
from tests.faults.support import AMPLE, SHORT, both_kinds, client_of, every_loop, failed, within

Certified = Callable[[str], ssl.SSLContext]


def hold(peer: Peer) -> None:
    peer.hold()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def not_sent(client: Caller, words: str, provider: str = "paybyrd") -> None:
    error = failed(client, provider, NotSent, Resend.SAFE, Evidence.NOT_SENT)
    assert words in str(error)
    assert error.raw is None


@every_loop
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("scheme", ["http://127.0.0.1", "https://localhost"])
def test_a_connection_that_is_refused_sent_nothing(kind: Kind, provider: str, scheme: str) -> None:
    with caller(kind, account(provider, base_url=f"{scheme}:{free_port()}"), timeout=AMPLE) as client:
        not_sent(client, "the connection was refused", provider)


@every_loop
def test_a_refund_with_a_refused_connection_may_be_resent_under_the_same_reference(kind: Kind) -> None:
    port = free_port()
    with caller(kind, account("paybyrd", base_url=f"http://127.0.0.1:{port}"), timeout=AMPLE) as client:
        not_sent(client, "the connection was refused")
        server = Server(answering(), port=port)
        with server:
            assert client.ask("paybyrd").refund_id == "refund-1"
    assert [attempt.evidence for attempt in client.attempts] == [Evidence.NOT_SENT, Evidence.ANSWERED]
    assert len(server.requests) == 1


@every_loop
def test_a_host_without_an_address_sent_nothing(kind: Kind) -> None:
    with caller(kind, account("paybyrd", base_url="https://refunds.invalid"), timeout=AMPLE) as client:
        not_sent(client, "the host's address was not found")


@every_loop
@pytest.mark.parametrize("timeout", [SHORT, Timeout(connect=30, read=30, total=0.4)], ids=["connect", "total"])
def test_a_host_that_does_not_answer_in_tls_is_given_up_in_time(
    kind: Kind, timeout: Timeout, trusting: ssl.SSLContext
) -> None:
    with Server(hold) as server, within(6):
        made = account("paybyrd", base_url=f"https://localhost:{server.port}")
        with caller(kind, made, timeout=timeout, ssl_context=trusting) as client:
            not_sent(client, "timed out")
    assert server.requests == []


@both_kinds  # uvloop resolves names without Python
@pytest.mark.parametrize("broken", [ConnectionResetError(), OSError(errno.ENETUNREACH, "no route")])
def test_a_network_that_fails_while_connecting_sent_nothing(
    kind: Kind, broken: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise broken

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with caller(kind, account("paybyrd", base_url="https://refunds.example"), timeout=AMPLE) as client:
        not_sent(client, "the connection broke" if isinstance(broken, ConnectionError) else "the network failed")


@every_loop
def test_a_certificate_of_an_unknown_authority_is_not_trusted(kind: Kind, certified: Certified) -> None:
    with Server(answering(), tls=certified("localhost")) as server, client_of(kind, server) as client:
        not_sent(client, "the host's certificate is not trusted")
    assert server.requests == []


@every_loop
def test_a_certificate_of_another_host_is_not_trusted(
    kind: Kind, certified: Certified, trusting: ssl.SSLContext
) -> None:
    with (
        Server(answering(), tls=certified("other.example")) as server,
        client_of(kind, server, ssl_context=trusting) as client,
    ):
        not_sent(client, "the host's certificate is not trusted")
    assert server.requests == []


@every_loop
def test_a_host_that_does_not_speak_tls_sent_nothing(kind: Kind, trusting: ssl.SSLContext) -> None:
    def plain(peer: Peer) -> None:
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        peer.hold()

    with Server(plain) as server:
        made = account("paybyrd", base_url=f"https://localhost:{server.port}")
        with caller(kind, made, timeout=AMPLE, ssl_context=trusting) as client:
            not_sent(client, "the encryption failed")
    assert server.requests == []


@every_loop
def test_a_host_that_closes_during_tls_sent_nothing(kind: Kind, trusting: ssl.SSLContext) -> None:
    with Server(lambda _: None) as server:
        made = account("paybyrd", base_url=f"https://localhost:{server.port}")
        with caller(kind, made, timeout=AMPLE, ssl_context=trusting) as client:
            failed(client, "paybyrd", NotSent, Resend.SAFE, Evidence.NOT_SENT)
    assert server.requests == []


@every_loop
def test_an_authority_is_trusted_that_the_ssl_context_names(
    kind: Kind, certified: Certified, trusting: ssl.SSLContext
) -> None:
    with (
        Server(answering(), tls=certified("localhost")) as server,
        client_of(kind, server, ssl_context=trusting) as client,
    ):
        assert [client.ask("paybyrd", reference=name).refund_id for name in ("r-1", "r-2")] == ["refund-1", "refund-1"]
    assert (len(server.requests), server.connections) == (2, 1)


@every_loop
def test_an_authority_is_trusted_that_the_environment_names(
    kind: Kind, certified: Certified, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "authorities.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with Server(answering(), tls=certified("localhost")) as server, client_of(kind, server) as client:
        assert client.ask("paybyrd").refund_id == "refund-1"
    assert len(server.requests) == 1


@every_loop
def test_missing_certificates_of_the_environment_sent_nothing(
    kind: Kind, certified: Certified, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with Server(answering(), tls=certified("localhost")) as server, client_of(kind, server) as client:
        failed(client, "paybyrd", NotSent, Resend.SAFE, Evidence.NOT_SENT)
    assert (server.requests, server.connections) == ([], 0)


@every_loop
def test_a_connection_that_breaks_under_tls_after_the_request_is_unknown(
    kind: Kind, certified: Certified, trusting: ssl.SSLContext
) -> None:
    with (
        Server(once(), tls=certified("localhost")) as server,
        client_of(kind, server, "blink", ssl_context=trusting) as client,
    ):
        failed(client, "blink", OutcomeUnknown, Resend.NEVER, Evidence.MAYBE_SENT)
    assert len(server.requests) == 1


@every_loop
@pytest.mark.parametrize(
    "changes",
    [
        {"target": "/a HTTP/1.1\r\nX-Header: 1"},
        {"target": "/a\n"},
        {"headers": (("X-Header", "a\rb"),)},
        {"headers": (("X-Header", "a\0b"),)},
        {"headers": (("X-Header\r\nX-Other", "a"),)},
        {"headers": (("X-Header", "ä"),)},
        {"credentials": (("X-Key", Secret("test\r\nX-Header: 1")),)},
    ],
    ids=ascii,
)
def test_a_request_with_a_line_break_in_its_head_is_not_sent(kind: Kind, changes: dict[str, Any]) -> None:
    request = WireRequest("POST", "", "/a", (), (), b"{}")
    with Server(answering()) as server:
        broken = dataclasses.replace(request, **{"origin": server.url, **changes})
        answer = sent(kind, broken)
        assert isinstance(sent(kind, dataclasses.replace(request, origin=server.url)), WireReply)
    assert answer == SendFailure(Evidence.NOT_SENT, "HTTP cannot carry the request", permanent=True)
    assert [received.line for received in server.requests] == ["POST /a HTTP/1.1"]


def sent(kind: Kind, request: WireRequest) -> WireReply | SendFailure:
    """Send a request over the transport that a client of this kind makes for itself."""
    if kind == "sync":
        transport = HttpTransport()
        answer = transport.send(request, AMPLE)
        transport.close()
        return answer

    async def asent() -> WireReply | SendFailure:
        transport = AsyncHttpTransport()
        answer = await transport.asend(request, AMPLE)
        await transport.aclose()
        return answer

    with asyncio.Runner(loop_factory=new_loop(kind)) as runner:
        return runner.run(asent())


@every_loop
def test_the_request_arrives_as_it_was_prepared(kind: Kind) -> None:
    with (
        Server(answering(reply(b'{"transaction_id":"refund-1"}'))) as server,
        client_of(kind, server, "lab4pay") as client,
    ):
        client.ask("lab4pay", reference="till-3/é")
        prepared = client.client.prepare("lab4pay", amount=ONE_EURO, reference="till-3/é")
    received = server.requests[0]
    assert received.line == f"POST {prepared.target} HTTP/1.1"
    assert received.body == prepared.body
    assert received.headers == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": f"refundry/{__version__}",
        "accept-encoding": "identity",
        "accept": "application/json",
        "content-type": "application/json",
        "content-length": str(len(prepared.body)),
        "authorization": "Bearer test-key",
        "x-pay-connect-integrator-id": "test-integrator",
    }
