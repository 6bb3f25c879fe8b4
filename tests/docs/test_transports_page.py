"""The examples of docs/transports.md, each run as a reader would run it, and the contract that the page describes."""

import asyncio
import os
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, get_type_hints

import hypercorn.asyncio
import pytest
import trustme
from hypercorn.config import Config

from refundry import (
    Evidence,
    NotSent,
    OutcomeUnknown,
    RefundClient,
    RefundRejected,
    RefundStatus,
    SendFailure,
    Timeout,
    Transport,
    WireReply,
    WireRequest,
)
from refundry.wire import MAX_REPLY_BYTES
from tests.facade.support import ONCE, ONE_EURO, PAYMENT, accepted, account, reply
from tests.faults.servers import SUCCESS, Peer, Server, answering

PAGE: Final = (Path(__file__).resolve().parents[2] / "docs" / "transports.md").read_text(encoding="utf-8")
SECONDS: Final = 10.0
LOST: Final = SendFailure(Evidence.MAYBE_SENT, "the connection broke")
UNREACHABLE: Final = SendFailure(Evidence.NOT_SENT, "the connection was refused")


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """Run each example of the page and return every name in it. The first example sends nothing."""
    names: dict[str, Any] = {}
    for code in re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
        example: dict[str, Any] = {}
        exec(compile(code.replace("…", "test-key"), "docs/transports.md", "exec"), example)
        names = example | names  # a later example imports the `Transport` that an earlier one defines
    return names


@pytest.fixture(autouse=True)
def _environment_of_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.lower().endswith("_proxy") or name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return an authority that only these tests trust."""
    return trustme.CA()


@pytest.fixture(scope="module")
def trust(authority: trustme.CA) -> ssl.SSLContext:
    """Return the TLS context of a client that trusts the authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA) -> trustme.LeafCert:
    """Return the certificate of every server of these tests."""
    return authority.issue_cert("127.0.0.1", "localhost", "gateway.example")


@pytest.fixture
def tls(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return the TLS context of a server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def refund(transport: Transport, provider: str = "paybyrd", **options: Any) -> Any:
    """Refund one euro by this transport, with no second attempt."""
    with RefundClient([account(provider, transport=transport, **options)], retry=ONCE) as client:
        return client.refund(provider, payment_id=PAYMENT, amount=ONE_EURO, reference="order-1/1")


# What httpx can do.


def test_the_proxy_example_sends_a_refund_through_a_proxy_that_is_reached_over_tls(
    page: dict[str, Any], trust: ssl.SSLContext, tls: ssl.SSLContext
) -> None:
    with Server(answering(), tls=tls) as provider:

        def tunnel(peer: Peer) -> None:
            peer.request()
            peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            peer.relay(provider.port)

        with Server(tunnel, tls=tls) as proxy:
            transport = page["over_proxy"](f"https://127.0.0.1:{proxy.port}", trust)
            assert refund(transport, base_url="https://gateway.example").refund_id == "refund-1"
            transport.close()
    assert [request.line for request in proxy.requests] == ["CONNECT gateway.example:443 HTTP/1.1"]
    assert [request.headers["x-api-key"] for request in provider.requests] == ["test-key"]


@contextmanager
def http2(files: Path, versions: list[str]) -> Iterator[str]:
    """Run a provider behind hypercorn that records the HTTP version of each request; yield its address."""
    over = threading.Event()

    async def provider(scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["type"] != "http":
            return
        versions.append(scope["http_version"])
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": SUCCESS})

    async def stopped() -> None:
        await asyncio.to_thread(over.wait, 6 * SECONDS)

    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listening.detach()}"]  # hypercorn closes it
    config.certfile = config.keyfile = str(files)
    config.loglevel = "error"
    serving = hypercorn.asyncio.serve(provider, config, shutdown_trigger=stopped, mode="asgi")
    thread = threading.Thread(target=asyncio.run, args=(serving,))
    thread.start()
    try:
        yield f"https://127.0.0.1:{port}"
    finally:
        over.set()
        thread.join(SECONDS)
    assert not thread.is_alive()


def test_the_http2_example_sends_a_refund_over_http2(
    page: dict[str, Any], trust: ssl.SSLContext, certificate: trustme.LeafCert, tmp_path: Path
) -> None:
    files = tmp_path / "server.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(files)
    versions: list[str] = []
    with http2(files, versions) as base_url:
        transport = page["over_http2"](trust)
        assert refund(transport, base_url=base_url).refund_id == "refund-1"
        transport.close()
    assert versions == ["2"]


# The contract.


def test_the_methods_of_the_contract_are_those_of_the_public_type(page: dict[str, Any]) -> None:
    shown = page["Transport"]
    assert shown is not Transport
    for name in ("send", "close"):
        assert get_type_hints(getattr(shown, name)) == get_type_hints(getattr(Transport, name))
    assert {name for name in vars(shown) if not name.startswith("_")} == {"send", "close"}


def test_the_limit_of_a_reply_is_the_one_that_the_page_gives() -> None:
    assert "`refundry.wire.MAX_REPLY_BYTES`** (1 MiB)" in PAGE
    assert MAX_REPLY_BYTES == 1024 * 1024


@pytest.mark.parametrize(("reports", "error"), [(False, OutcomeUnknown), (True, NotSent)])
def test_an_exception_before_the_first_byte_is_not_sent_where_the_transport_reports_its_progress(
    reports: bool, error: type[Exception]
) -> None:
    class Raising:
        tells_progress = reports

        def send(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
            raise RuntimeError

        def close(self) -> None:
            pass

    with pytest.raises(error) as raised:
        refund(Raising())
    assert isinstance(raised.value.__cause__, RuntimeError)


# The two transports.


def test_the_recording_example_keeps_each_request_and_no_credential(page: dict[str, Any]) -> None:
    recording = page["Recording"](page["Scripted"](accepted("paybyrd"), LOST, UNREACHABLE))
    assert refund(recording).status is RefundStatus.SUCCEEDED
    with pytest.raises(OutcomeUnknown):
        refund(recording)
    with pytest.raises(NotSent):
        refund(recording)
    start = "POST https://gateway.paybyrd.com/"
    assert [line.startswith(start) for line in recording.lines] == [True] * 3
    assert [line.rpartition(": ")[2] for line in recording.lines] == ["HTTP 200", "maybe sent", "not sent"]
    assert "test-key" not in repr(vars(recording) | {"inner": None})


def test_the_recording_example_reports_the_progress_of_the_inner_transport(page: dict[str, Any]) -> None:
    assert page["Recording"](page["Scripted"]()).tells_progress is False
    assert page["Recording"](page["over_http2"](ssl.create_default_context())).tells_progress is True


def test_the_example_for_a_test_answers_in_turn_and_keeps_the_requests(page: dict[str, Any]) -> None:
    scripted = page["Scripted"](reply(400, {"code": "BYRD900", "description": "no"}), accepted("paybyrd"))
    with RefundClient([account("paybyrd", transport=scripted)], retry=ONCE) as client:
        with pytest.raises(RefundRejected):
            client.refund("paybyrd", payment_id=PAYMENT, amount=ONE_EURO, reference="order-1/1")
        refunded = client.refund("paybyrd", payment_id=PAYMENT, amount=ONE_EURO, reference="order-1/1")
    assert refunded.refund_id == "refund-1"
    assert [request.method for request in scripted.requests] == ["POST", "POST"]
    assert scripted.answers == []
