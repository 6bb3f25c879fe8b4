"""Who may call the server: this machine and configured names, and no page in a browser."""

import asyncio
import errno
import os
import signal
import socket
import socketserver
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from refundry import Account, AsyncRefundClient, Money, RefundClient, RefundError, RefundStatus
from refundry.sandbox import CREDENTIALS, Fault, Sandbox, SandboxServer
from refundry.sandbox.__main__ import main
from tests.providers import RECORDS
from tests.sandbox.support import Mounted
from tests.sandbox.support import mounted as mounted_as

PATHS = [("POST", "/api/v2/refund/paybyrd-eur"), ("POST", "/_sandbox/reset"), ("GET", "/_sandbox/state")]
BODY = b'{"isoAmount": 100}'


@pytest.fixture
def mounted() -> Iterator[Mounted]:
    with mounted_as(Sandbox(), "server", host_names=["sandbox", "Other.test"]) as server:
        yield server


def called(mounted: Mounted, method: str, path: str, *lines: str, times: int = 1) -> list[httpx.Response]:
    """Return the answer to a call with only these header lines."""
    url = httpx.URL(mounted.base_url or "")
    head = [f"{method} {path} HTTP/1.1", f"x-api-key: {CREDENTIALS['paybyrd']}", "Content-Type: application/json"]
    head += [f"Content-Length: {len(BODY)}", *lines, "", ""]
    replies = []
    with socket.create_connection((url.host, url.port or 0), 5) as connection, connection.makefile("rb") as reader:
        for _ in range(times):
            connection.sendall("\r\n".join(head).encode("latin-1") + BODY)
            status = int(reader.readline().split()[1])
            headers = dict(line.decode().rstrip().split(": ", 1) for line in iter(reader.readline, b"\r\n"))
            body = reader.read(int(headers["Content-Length"]))
            replies.append(httpx.Response(status, headers=headers, content=body))
    return replies


FOREIGN = [
    "attacker.example",
    "attacker.example:8787",
    "localhost.attacker.example",
    "127.0.0.1.attacker.example",
    "127.0.0.1@attacker.example",
    "attacker.example#localhost",
    "sandbox.attacker.example",
    "xsandbox",
    "0.0.0.0",
    "127.0.0.2",
    "[::2]:80",
    "[::1",
    "localhost:80:80",
    "",
]


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize("host", FOREIGN)
def test_a_call_with_a_foreign_host_is_refused_and_changes_nothing(
    mounted: Mounted, host: str, method: str, path: str
) -> None:
    mounted.sandbox.script("paybyrd", Fault.STATUS_520)
    refused = called(mounted, method, path, f"Host: {host}", times=2)
    for reply in refused:
        assert reply.status_code == 403
        assert set(reply.json()) == {"message"}
        answer = reply.json()["message"]
        assert "it is called 127.0.0.1, ::1, localhost, other.test, sandbox. Start it with --host-name NAME" in answer
    assert mounted.sandbox.refunds("paybyrd") == ()
    assert mounted.sandbox.violations == ()
    assert mounted.sandbox.state()["providers"]["paybyrd"]["script"] == ["status_520"]


@pytest.mark.parametrize("lines", [(), ("Host: localhost", "Host: localhost"), ("Host: localhost", "Host: a.example")])
def test_a_call_without_a_host_or_with_two_is_refused(mounted: Mounted, lines: tuple[str, ...]) -> None:
    (reply,) = called(mounted, *PATHS[0], *lines)
    assert reply.status_code == 403
    assert mounted.sandbox.refunds("paybyrd") == ()


@pytest.mark.parametrize(
    "host",
    ["localhost", "LocalHost:1", "127.0.0.1", "127.0.0.1:9", "[::1]:80", "localhost.", "sandbox:8787", "OTHER.test"],
)
def test_a_call_to_this_machine_or_to_a_configured_name_is_answered(mounted: Mounted, host: str) -> None:
    (reply,) = called(mounted, *PATHS[0], f"Host: {host}")
    assert reply.json()["code"] == "BYRD200"


def test_the_address_of_a_call_is_a_name_of_the_sandbox() -> None:
    with SandboxServer(Sandbox(), host="127.0.0.2") as server:
        assert server.base_url.startswith("http://127.0.0.2:")
        assert httpx.get(f"{server.base_url}/_sandbox/state", trust_env=False).status_code == 200


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize(
    "line",
    [
        "Origin: https://attacker.example",
        "Origin: http://localhost",
        "origin: null",
        "Origin:",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "sec-fetch-site: same-origin",
    ],
)
def test_a_call_of_a_web_page_is_refused_and_changes_nothing(
    mounted: Mounted, line: str, method: str, path: str
) -> None:
    mounted.post("paybyrd")
    (reply,) = called(mounted, method, path, "Host: localhost", line)
    assert (reply.status_code, reply.json()["message"].startswith("the sandbox answers no web page")) == (403, True)
    assert "access-control-allow-origin" not in reply.headers
    assert len(mounted.sandbox.refunds("paybyrd")) == 1


def test_the_preflight_of_a_web_page_is_refused(mounted: Mounted) -> None:
    reply = mounted.http.options("/_sandbox/script", headers={"Origin": "https://attacker.example"})
    assert reply.status_code == 403
    assert not any(name.startswith("access-control") for name in reply.headers)


def test_a_person_may_look_at_the_state_in_a_browser(mounted: Mounted) -> None:
    assert mounted.http.get("/_sandbox/state", headers={"Sec-Fetch-Site": "none"}).json()["violations"] == []


@pytest.mark.parametrize("name", ["", "http://sandbox", "sandbox:8787", "*", "sand box", "sandbox/", "größe"])
def test_an_invalid_host_name_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match="is not a host name alone, such as sandbox"):
        SandboxServer(Sandbox(), host_names=[name])


@pytest.fixture
def asked_to_bind(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the addresses that servers are asked to bind. In fact each listens on loopback only."""
    requested: list[Any] = []
    bind = socketserver.TCPServer.server_bind

    def bind_to_loopback(server: socketserver.TCPServer) -> None:
        requested.append(server.server_address)
        server.server_address = ("127.0.0.1", server.server_address[1])
        bind(server)

    monkeypatch.setattr(socketserver.TCPServer, "server_bind", bind_to_loopback)
    return requested


@pytest.mark.parametrize(("host", "base_url"), [("0.0.0.0", "http://127.0.0.1:"), ("10.0.0.7", "http://10.0.0.7:")])
def test_the_server_listens_elsewhere_only_with_an_explicit_argument(
    asked_to_bind: list[Any], host: str, base_url: str
) -> None:
    with pytest.raises(ValueError, match="allow_remote is not given"):
        SandboxServer(Sandbox(), host=host)
    assert asked_to_bind == []
    with SandboxServer(Sandbox(), host=host, allow_remote=True) as server:
        assert server.base_url.startswith(base_url)
    assert asked_to_bind == [(host, 0)]


def test_a_remote_host_must_be_an_address_too() -> None:
    with pytest.raises(ValueError, match="sandbox"):
        SandboxServer(Sandbox(), host="sandbox", allow_remote=True)


def test_the_command_listens_elsewhere_and_says_how_accounts_reach_it(
    asked_to_bind: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    stop = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM))
    stop.start()
    names = ["--host-name", "sandbox", "--host-name", "FD00::7"]
    try:
        assert main(["--port", "0", "--host", "0.0.0.0", "--allow-remote", *names, "--minor-units", "hundredths"]) == 0
    finally:
        stop.join()
    assert asked_to_bind == [("0.0.0.0", 0)]
    first, second, third = capsys.readouterr().out.splitlines()[:3]
    port = first.split("listens at http://127.0.0.1:")[1].split(".")[0]
    assert second == f"  Elsewhere, accounts take base_url=http://sandbox:{port} plain_http_to=sandbox"
    assert third == f"  Elsewhere, accounts take base_url=http://[fd00::7]:{port} plain_http_to=fd00::7"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "others are taken with --allow-remote"),
        (["--host", "sandbox.invalid", "--allow-remote"], "'sandbox.invalid' is not an IPv4"),
        (["--host-name", "http://sandbox"], "'http://sandbox' is not a host name alone, such as sandbox"),
        (["--minor-units", "cents"], "invalid choice: 'cents'"),
    ],
)
def test_the_command_names_an_invalid_argument_in_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    answer = capsys.readouterr()
    assert (ended.value.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert words in answer.err


def test_the_command_says_that_an_address_is_not_of_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", "192.0.2.1", "--allow-remote", "--port", "0"]) == 2
    why = os.strerror(errno.EADDRNOTAVAIL)
    assert capsys.readouterr().err == f"error: --host 192.0.2.1: {why}; give an address of this machine\n"


def test_the_help_says_how_the_sandbox_is_reached_from_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    answer = capsys.readouterr().out
    options = ("--allow-remote", "--host-name NAME", "--minor-units {iso,hundredths}")
    assert all(name in answer for name in (*options, "POST /_sandbox/clear", "POST /_sandbox/reset", "whole_list"))


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the resolved names. Each resolves to this machine, as names in a network of containers do."""
    names: list[str] = []
    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        names.append(host)
        return resolve("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return names


def accounts(mounted: Mounted, name: str) -> list[Account]:
    url = f"http://{name}:{httpx.URL(mounted.base_url or '').port}"
    return mounted.sandbox.accounts(base_url=url, plain_http_to=name)


@pytest.mark.parametrize("provider", ["paybyrd", "blink"])
def test_accounts_reach_the_sandbox_in_a_network_of_containers(
    mounted: Mounted, resolved: list[str], provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    arguments: dict[str, Any] = {"payment_id": RECORDS[provider].sandbox.payment, "amount": Money.of("1.00", "GBP")}

    async def refund() -> RefundStatus:
        async with AsyncRefundClient(accounts(mounted, "sandbox")) as client:
            return (await client.refund(provider, reference="order-1/1", **arguments)).status

    with RefundClient(accounts(mounted, "sandbox")) as client:
        assert client.refund(provider, reference="order-1/2", **arguments).status is RefundStatus.SUCCEEDED
    assert asyncio.run(refund()) is RefundStatus.SUCCEEDED
    assert set(resolved) == {"sandbox"}
    assert len(mounted.sandbox.refunds(provider)) == 2


@pytest.mark.usefixtures("resolved")
def test_a_call_by_an_unknown_name_gets_an_error_that_says_so(mounted: Mounted) -> None:
    with RefundClient(accounts(mounted, "refundry")) as client, pytest.raises(RefundError) as refused:
        client.refund("paybyrd", payment_id="paybyrd-eur", amount=Money.of("1.00", "EUR"), reference="order-1/1")
    assert refused.value.raw is not None
    assert b"not called 'refundry', which is the Host of the call" in refused.value.raw.body
    assert mounted.sandbox.refunds("paybyrd") == ()
