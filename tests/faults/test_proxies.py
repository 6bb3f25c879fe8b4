"""The proxy of the environment: used only for https, and a failure at it means that nothing was sent."""

import base64
import ssl
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from refundry import Evidence, NotSent, Resend
from refundry.transport.proxies import is_excepted
from tests.facade.support import Kind, account, caller
from tests.faults.servers import Peer, Script, Server, answering, once
from tests.faults.support import AMPLE, SHORT, client_of, every_loop, failed, within

HOST: Final = "gateway.example"
PASSWORD: Final = "p@ss:word"


@pytest.fixture
def origin(certified: Callable[[str], ssl.SSLContext]) -> Iterator[Server]:
    """Yield a provider under a name that only the proxy can resolve."""
    with Server(answering(), tls=certified(HOST)) as server:
        yield server


def tunnel_to(origin: Server) -> Script:
    """Return a proxy that connects every tunnel to one server."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 Connection established\r\nVia: a\r\n\r\n")
        peer.relay(origin.port)

    return script


@every_loop
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_proxy_of_the_environment_carries_the_refund(
    kind: Kind, variable: str, scheme: str, origin: Server, trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(tunnel_to(origin)) as proxy:
        monkeypatch.setenv(variable, f"{scheme}127.0.0.1:{proxy.port}")
        made = account("paybyrd", base_url=f"https://{HOST}:{origin.port}")
        with caller(kind, made, timeout=AMPLE, ssl_context=trusting) as client:
            references = ("r-1", "r-2")
            assert [client.ask("paybyrd", reference=name).refund_id for name in references] == ["refund-1"] * 2
    (connect,) = proxy.requests
    assert connect.line == f"CONNECT {HOST}:{origin.port} HTTP/1.1"
    assert connect.headers == {"host": f"{HOST}:{origin.port}"}
    assert [request.headers["x-api-key"] for request in origin.requests] == ["test-key"] * 2


@every_loop
def test_a_proxy_gets_its_own_credentials_and_the_provider_does_not(
    kind: Kind, origin: Server, trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(tunnel_to(origin)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:p%40ss%3Aword@127.0.0.1:{proxy.port}")
        made = account("paybyrd", base_url=f"https://{HOST}:{origin.port}")
        with caller(kind, made, timeout=AMPLE, ssl_context=trusting) as client:
            client.ask("paybyrd")
    expected = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
    assert proxy.requests[0].headers["proxy-authorization"] == f"Basic {expected}"
    assert "proxy-authorization" not in origin.requests[0].headers
    assert "test-key" not in str(proxy.requests)


@every_loop
def test_a_host_that_the_environment_excepts_is_reached_without_the_proxy(
    kind: Kind, certified: Callable[[str], ssl.SSLContext], trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(once()) as proxy, Server(answering(), tls=certified("localhost")) as direct:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "other.example, localhost")
        with client_of(kind, direct, ssl_context=trusting) as client:
            assert client.ask("paybyrd").refund_id == "refund-1"
    assert (proxy.connections, len(direct.requests)) == (0, 1)


@every_loop
def test_plain_http_to_this_machine_bypasses_every_proxy(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(once()) as proxy, Server(answering()) as direct:
        for variable in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(variable, proxy.url)
        with client_of(kind, direct) as client:
            assert client.ask("paybyrd").refund_id == "refund-1"
    assert (proxy.connections, len(direct.requests)) == (0, 1)


def refusing(*parts: bytes) -> Script:
    """Return a proxy that answers with these bytes, and leaves the connection open."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(*parts)
        peer.hold()

    return script


PAGE: Final = b"Content-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>"
REFUSING: Final[dict[str, Script]] = {
    "403": refusing(b"HTTP/1.1 403 Forbidden\r\n\r\n"),
    "407 in HTTP/1.0": refusing(b"HTTP/1.0 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n"),
    "502 with a page": refusing(b"HTTP/1.1 502 Bad Gateway\r\n" + PAGE),
    "403 with a page, and closed": once(b"HTTP/1.1 403 Forbidden\r\n" + PAGE),
    "in another protocol": refusing(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"),
    "in one word": refusing(b"HTTP/1.1\r\n\r\n"),
}


@every_loop
@pytest.mark.parametrize("answer", REFUSING)
def test_a_proxy_that_refuses_sent_nothing(kind: Kind, answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(REFUSING[answer]) as proxy, within(6):
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:s3cr3t@127.0.0.1:{proxy.port}")
        with caller(kind, account("paybyrd", base_url=f"https://{HOST}"), timeout=AMPLE) as client:
            error = failed(client, "paybyrd", NotSent, Resend.SAFE, Evidence.NOT_SENT)
    assert "the proxy did not let the connection through" in str(error)
    assert "s3cr3t" not in f"{error!r}{error.__dict__}"
    assert [request.line for request in proxy.requests] == [f"CONNECT {HOST}:443 HTTP/1.1"]


@every_loop
@pytest.mark.parametrize(
    "parts",
    [(), (b"HTTP/1.1 200 OK\r\nVia: ",), (b"HTTP/1.1 200 OK\r\n", *([b"X-Header: " + b"x" * 8192 + b"\r\n"] * 9))],
    ids=["no answer", "half an answer", "an answer without an end"],
)
def test_a_proxy_that_does_not_answer_sent_nothing(
    kind: Kind, parts: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(once(*parts)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with caller(kind, account("paybyrd", base_url=f"https://{HOST}"), timeout=AMPLE) as client:
            error = failed(client, "paybyrd", NotSent, Resend.SAFE, Evidence.NOT_SENT)
    assert "the proxy did not answer" in str(error)


@every_loop
@pytest.mark.parametrize(
    "script",
    [refusing(), once(*[b"HTTP/1.1 200 OK\r\n", *[b"x"] * 30], pause=0.1)],
    ids=["hangs", "answers slowly"],
)
def test_a_proxy_that_takes_too_long_is_given_up_in_time(
    kind: Kind, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(script) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with caller(kind, account("paybyrd", base_url=f"https://{HOST}"), timeout=SHORT) as client, within(6):
            error = failed(client, "paybyrd", NotSent, Resend.SAFE, Evidence.NOT_SENT)
    assert "timed out" in str(error)


@every_loop
@pytest.mark.parametrize("address", ["127.0.0.1:1", "proxy.invalid:3128"])
def test_an_unreachable_proxy_sent_nothing(kind: Kind, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{address}")
    with caller(kind, account("paybyrd", base_url=f"https://{HOST}"), timeout=AMPLE) as client:
        failed(client, "paybyrd", NotSent, Resend.SAFE, Evidence.NOT_SENT)


@every_loop
@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks4", "https"])
def test_an_unsupported_kind_of_proxy_sent_nothing_and_is_named(
    kind: Kind, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://user:s3cr3t@proxy.example:1080")
    with caller(kind, account("paybyrd", base_url=f"https://{HOST}"), timeout=AMPLE) as client:
        error = failed(client, "paybyrd", NotSent, Resend.SAFE, Evidence.NOT_SENT)
    assert f"'{scheme}'" in str(error)
    assert "transport" in str(error)
    assert "s3cr3t" not in f"{error!r}{error.__dict__}"


@every_loop
@pytest.mark.parametrize("address", ["http://:3128", "http://proxy.example:port", "http://[::1"])
def test_a_proxy_with_an_invalid_address_sent_nothing_and_is_named(
    kind: Kind, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    with caller(kind, account("paybyrd", base_url=f"https://{HOST}"), timeout=AMPLE) as client:
        error = failed(client, "paybyrd", NotSent, Resend.SAFE, Evidence.NOT_SENT)
    assert "proxy" in str(error)


EXCEPTED: Final = [
    ("*", True),
    ("example.com", True),
    ("EXAMPLE.com", True),
    ("api.example.com", True),
    (".example.com", True),
    ("*.example.com", True),
    ("other.test, example.com", True),
    ("other.test example.com", True),
    (" , other.test ,, example.com , ", True),
    ("example.com.", True),
    ("example.com:443", True),
    ("https://example.com", True),
    ("all://example.com", True),
    ("", False),
    (",", False),
    (".", False),
    ("ample.com", False),
    ("example", False),
    ("com.", True),
    ("v2.api.example.com", False),
    ("*.api.example.com", False),
    ("example.com:8443", False),
    ("http://example.com", False),
    ("10.0.0.0/8", False),
    ("[::1]", False),
]
ADDRESSES: Final = [
    ("10.1.2.3", "10.1.2.3", True),
    ("10.1.2.3", "10.0.0.0/8", True),
    ("10.1.2.3", "10.1.2.9/8", True),
    ("10.1.2.3", "10.1.2.3:443", True),
    ("10.1.2.3", "*", True),
    ("10.1.2.3", "192.168.0.0/16", False),
    ("10.1.2.3", "2.3", False),
    ("10.1.2.3", ".3", False),
    ("10.1.2.3", "10.1.2.3:80", False),
    ("10.1.2.3", "fd00::/8", False),
    ("10.1.2.3", "10.0.0.0/99", False),
    ("::1", "[::1]", True),
    ("::1", "::1", True),
    ("::1", "[::1]:443", True),
    ("::1", "0:0:0:0:0:0:0:1", True),
    ("fd00::7", "fd00::/8", True),
    ("::1", "[::1]:80", False),
    ("::1", "::2", False),
]


@pytest.mark.parametrize(
    ("host", "no_proxy", "excepted"), [*(("api.example.com", *case) for case in EXCEPTED), *ADDRESSES]
)
def test_no_proxy_is_read_in_the_forms_that_other_clients_read(host: str, no_proxy: str, excepted: bool) -> None:
    assert is_excepted(host, 443, no_proxy) is excepted


def test_no_proxy_for_subdomains_does_not_cover_the_domain_itself() -> None:
    excepted = {
        entry: is_excepted("example.com", 443, entry) for entry in ("example.com", ".example.com", "*.example.com")
    }
    assert excepted == {"example.com": True, ".example.com": True, "*.example.com": False}


@every_loop
def test_every_address_of_a_proxy_is_tried(
    kind: Kind, origin: Server, trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    # localhost also has an IPv6 address, where nothing listens.
    with Server(tunnel_to(origin)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://localhost:{proxy.port}")
        made = account("paybyrd", base_url=f"https://{HOST}:{origin.port}")
        with caller(kind, made, timeout=AMPLE, ssl_context=trusting) as client:
            assert client.ask("paybyrd").refund_id == "refund-1"
