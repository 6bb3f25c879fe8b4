"""Credentials of a provider and of a proxy over a real connection: no outcome shows them."""

import ssl
import traceback
from collections.abc import Callable
from typing import Final

import pytest

from refundry import NotSent
from tests.facade.canary import CANARY, assert_hidden, canaried, everything, watched
from tests.facade.support import PROVIDERS, Kind, account, caller
from tests.faults.servers import Peer, Script, Server, once, reply
from tests.faults.support import AMPLE, SHORT, every_loop


def echoing(status: str, *, declared: bool = True) -> Script:
    """Return a script that answers with all headers of the request, as a reply or (not declared) as bare text."""

    def script(peer: Peer) -> None:
        request = peer.request()
        assert request is not None
        echo = "\r\n".join(f"{name}: {value}" for name, value in request.headers.items())
        headers = [f"X-{name}: {value}" for name, value in request.headers.items()]
        peer.send(reply(echo.encode(), *headers, status=status) if declared else echo.encode() + b"\r\n\r\n")

    return script


def hold(peer: Peer) -> None:
    peer.request()
    peer.hold()


FAULTS: Final[dict[str, Script]] = {
    "echoes it with 200": echoing("200 OK"),
    "echoes it with 401": echoing("401 Unauthorized"),
    "echoes it with 520": echoing("520 Unknown"),
    "echoes it and nothing else": echoing("", declared=False),
    "closes": once(),
    "closes in the body": once(reply()[:-1]),
    "hangs": hold,
}


@every_loop
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_leaks_no_credential(kind: Kind, provider: str, fault: str, caplog: pytest.LogCaptureFixture) -> None:
    with Server(FAULTS[fault]) as server:
        with caller(kind, canaried(provider, base_url=server.url), timeout=SHORT) as client:
            text = watched(client, provider, caplog)
        assert CANARY in str(server.requests)
    assert_hidden(text)
    assert "Error" in text or "OutcomeUnknown" in text or "AuthenticationFailed" in text


@every_loop
def test_a_failed_handshake_leaks_no_credential(
    kind: Kind, certified: Callable[[str], ssl.SSLContext], caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Server(once(), tls=certified("localhost")) as server,
        caller(kind, canaried("paybyrd", base_url=server.url), timeout=AMPLE) as client,
    ):
        text = watched(client, "paybyrd", caplog)
    assert_hidden(text)
    assert "NotSent" in text


@every_loop
@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_that_refuses_leaks_none_of_its_credentials(
    kind: Kind, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(once(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://user:s3cr3t-word@127.0.0.1:{proxy.port}")
        with caller(kind, account("blink", base_url="https://gateway.example"), timeout=AMPLE) as client:
            with pytest.raises(NotSent) as error:
                client.ask("blink")
            shown = "".join(traceback.TracebackException.from_exception(error.value, capture_locals=True).format())
    for text in (shown, everything(error.value), repr(client.attempts)):
        assert "s3cr3t" not in text
        assert "czNjcjN0" not in text
