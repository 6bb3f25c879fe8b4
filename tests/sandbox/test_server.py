"""The HTTP server: its control paths, its limits, its shutdown, and its command."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from refundry import RefundClient, RefundEvent, WebhookRejected
from refundry.sandbox import (
    CREDENTIALS,
    INTEGRATOR_ID,
    TOKEN_CREDENTIALS,
    WEBHOOK_SECRETS,
    Fault,
    Sandbox,
    SandboxServer,
)
from refundry.sandbox.__main__ import main
from tests.providers import RECORDS, WITH_PROOF
from tests.providers.record import value_at
from tests.sandbox.support import Mounted
from tests.sandbox.support import mounted as mounted_as

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "facade"), str(ROOT / "generated")])}


@pytest.fixture
def mounted() -> Iterator[Mounted]:
    with mounted_as(Sandbox(), "server") as server:
        yield server


def raw(mounted: Mounted, request: bytes, *, until: bytes = b"") -> bytes:
    """Send some bytes and return the answer, up to the end of the connection or this text."""
    url = httpx.URL(mounted.base_url or "")
    seen = b""
    with socket.create_connection((url.host, url.port or 0), 5) as connection:
        connection.sendall(request)
        while (part := connection.recv(65536)) and not (until and until in seen + part):
            seen += part
        return seen + part


def test_faults_are_scripted_over_http(mounted: Mounted) -> None:
    reply = mounted.http.post("/_sandbox/script", json={"provider": "paybyrd", "faults": ["status_520", None]})
    assert (reply.status_code, reply.json()) == (200, {"queued": 2})
    assert [mounted.post("paybyrd").status_code for _ in range(2)] == [520, 200]


def test_a_fault_of_a_payment_is_set_and_removed_over_http(mounted: Mounted) -> None:
    for fault, status in (("status_520", 520), (None, 200)):
        body = {"payment_id": "paybyrd-eur", "faults": [fault]}
        assert mounted.http.post("/_sandbox/script", json=body).status_code == 200
        assert mounted.post("paybyrd").status_code == status


def test_the_state_is_shown_over_http_without_a_credential(mounted: Mounted) -> None:
    mounted.sandbox.script("blink", Fault.HTML_200, None)
    mounted.post("paybyrd")
    mounted.post("lab4pay", json={})
    reply = mounted.http.get("/_sandbox/state?now")
    state = reply.json()
    (refund,) = mounted.sandbox.refunds("paybyrd")
    assert state["providers"]["paybyrd"]["payments"][0] == {
        "payment_id": "paybyrd-eur",
        "captured": 10_000,
        "currency": "EUR",
        "refunded": 100,
        "pending": False,
        "state": "Success",
        "created_at": pytest.approx(time.time(), abs=60),
        "remaining": 9_900,
    }
    assert state["providers"]["paybyrd"]["refunds"][0]["refund_id"] == refund.refund_id
    assert state["providers"]["blink"]["script"] == ["html_200", None]
    assert state["violations"] == [{"provider": "lab4pay", "where": "/amount", "rule": "required"}]
    assert not any(secret in reply.text for secret in (*CREDENTIALS.values(), INTEGRATOR_ID))


def test_a_script_of_one_operation_is_set_over_http_and_seen_in_the_state(mounted: Mounted) -> None:
    order = {"provider": "blink", "operation": "create_token", "faults": ["status_520"]}
    assert mounted.http.post("/_sandbox/script", json=order).json() == {"queued": 1}
    state = mounted.http.get("/_sandbox/state").json()["providers"]["blink"]
    assert (state["script"], state["scripts"]) == ([], {"create_token": ["status_520"]})
    assert mounted.post("blink").status_code == 200
    assert mounted.token("blink").status_code == 520
    assert mounted.http.get("/_sandbox/state").json()["providers"]["blink"]["scripts"] == {}


def test_a_refund_is_put_into_a_state_over_http(mounted: Mounted) -> None:
    refund_id = mounted.post("lab4pay").json()["transaction_id"]
    order = {"provider": "lab4pay", "refund_id": refund_id, "state": "DECLINED"}
    assert mounted.http.post("/_sandbox/settle", json=order).json() == {}
    assert mounted.sandbox.refunds("lab4pay")[0].state == "DECLINED"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b"[]", "give an object"),
        (b'{"provider": "lab4pay"}', "give an object"),
        (b'{"provider": "lab4pay", "refund_id": "none", "state": "FAILED"}', "no such refund"),
        (b'{"provider": "nobody", "refund_id": "none", "state": "FAILED"}', "there is no provider 'nobody'"),
    ],
)
def test_an_impossible_state_of_a_refund_is_a_400_that_says_why(mounted: Mounted, body: bytes, words: str) -> None:
    reply = mounted.http.post("/_sandbox/settle", content=body)
    assert (reply.status_code, words in reply.json()["error"]) == (400, True)


@pytest.mark.parametrize("provider", WITH_PROOF)
def test_callbacks_are_made_over_http_and_are_believed_unless_they_are_forged(mounted: Mounted, provider: str) -> None:
    refund_id = value_at(mounted.post(provider).json(), RECORDS[provider].sandbox.refund_id_at)

    def event(**more: bool) -> RefundEvent:
        order = {"provider": provider, "refund_id": refund_id, **more}
        reply = mounted.http.post("/_sandbox/callback", json=order)
        assert (reply.status_code, set(reply.json())) == (200, {"headers", "body"})
        answer = reply.json()
        with RefundClient(mounted.accounts()) as client:
            return client.webhook(provider, headers=answer["headers"], body=answer["body"].encode())

    assert event() == event(forged=False)
    assert (event().refund_id, event().authentic) == (refund_id, True)
    with pytest.raises(WebhookRejected):
        event(forged=True)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b"[]", "give an object"),
        (b'{"provider": "blink"}', "give an object"),
        (b'{"provider": "blink", "refund_id": "none", "state": "failed"}', "give an object"),
        (b'{"provider": "blink", "refund_id": "none", "forged": "no"}', "true or false"),
        (b'{"provider": "blink", "refund_id": "none"}', "no such refund"),
        (b'{"provider": "nobody", "refund_id": "none"}', "there is no provider 'nobody'"),
    ],
)
def test_a_callback_that_cannot_be_made_is_a_400_that_says_why(mounted: Mounted, body: bytes, words: str) -> None:
    reply = mounted.http.post("/_sandbox/callback", content=body)
    assert (reply.status_code, words in reply.json()["error"]) == (400, True)


def test_tokens_are_expired_over_http(mounted: Mounted) -> None:
    headers = {"Authorization": f"Bearer {mounted.token('blink').json()['access_token']}"}
    assert mounted.post("blink", headers=headers).status_code == 200
    assert mounted.http.post("/_sandbox/expire").json() == {}
    assert mounted.post("blink", headers=headers).status_code == 401


def test_time_passes_over_http(mounted: Mounted) -> None:
    mounted.post("lab4pay")
    assert mounted.http.post("/_sandbox/advance").json() == {}
    assert mounted.sandbox.refunds("lab4pay")[0].state == "IN_PROGRESS"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "give an object"),
        (b"{}", "give an object"),
        (b'{"provider": "paybyrd"}', "give an object"),
        (b'{"provider": "paybyrd", "faults": "status_520"}', "give an object"),
        (b'{"provider": "paybyrd", "payment_id": "x", "faults": []}', "give an object"),
        (b'{"provider": "nobody", "faults": []}', "there is no provider 'nobody'"),
        (b'{"provider": "paybyrd", "faults": ["cut"]}', "there are declined, "),
        (b'{"provider": "paybyrd", "faults": [{}]}', "there are declined, "),
        (b'{"payment_id": "paybyrd-eur", "faults": []}', "takes one fault"),
        (b'{"payment_id": "paybyrd-eur", "operation": "get_transaction", "faults": [null]}', "give an object"),
        (b'{"provider": "paybyrd", "operation": "create_token", "faults": []}', "there are refund_transaction, "),
    ],
)
def test_a_command_that_cannot_be_executed_is_a_400_that_says_why(mounted: Mounted, body: bytes, words: str) -> None:
    reply = mounted.http.post("/_sandbox/script", content=body)
    assert reply.status_code == 400
    assert words in reply.json()["error"]
    assert mounted.post("paybyrd").status_code == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "script"), ("POST", "state"), ("GET", "nothing")])
def test_an_unknown_control_path_is_a_404_that_names_the_known_ones(mounted: Mounted, method: str, path: str) -> None:
    reply = mounted.http.request(method, f"/_sandbox/{path}")
    assert reply.status_code == 404
    assert "GET /_sandbox/state" in reply.json()["error"]
    assert mounted.sandbox.violations == ()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Transfer-Encoding: chunked", b"411"),
        (b"Content-Length: -1", b"400"),
        (b"Content-Length: \xb2", b"400"),
        (b"Content-Length: 1048577", b"413"),
        (b"Content-Length: " + b"9" * 5000, b"413"),
    ],
)
def test_a_request_of_unknown_length_is_refused_and_the_connection_closed(
    mounted: Mounted, head: bytes, status: bytes
) -> None:
    reply = raw(mounted, b"POST /api/v2/refund/paybyrd-eur HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 " + status)
    assert b"Connection: close" in reply
    assert mounted.sandbox.refunds("paybyrd") == ()


def test_a_request_that_ends_early_is_not_executed(mounted: Mounted) -> None:
    url = httpx.URL(mounted.base_url or "")
    head = f"POST /api/v2/refund/paybyrd-eur HTTP/1.1\r\nHost: x\r\nx-api-key: {CREDENTIALS['paybyrd']}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 20\r\n\r\n"
    with socket.create_connection((url.host, url.port or 0), 5) as connection:
        connection.sendall(head.encode() + b'{"isoAmount": 1}')
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""
    assert mounted.sandbox.refunds("paybyrd") == ()
    assert mounted.sandbox.violations == ()


def test_an_interim_reply_comes_before_the_reply(mounted: Mounted) -> None:
    mounted.sandbox.script("paybyrd", Fault.INTERIM_REPLY)
    head = f"POST /api/v2/refund/paybyrd-eur HTTP/1.1\r\nHost: localhost\r\nx-api-key: {CREDENTIALS['paybyrd']}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 16\r\n\r\n"
    seen = raw(mounted, head.encode() + b'{"isoAmount": 1}', until=b"BYRD200")
    assert seen.startswith(b"HTTP/1.1 103 ")
    assert b"\r\n\r\nHTTP/1.1 200 OK\r\n" in seen


def test_a_connection_is_kept_for_the_next_request(mounted: Mounted) -> None:
    first, second = mounted.post("blink"), mounted.post("paybyrd")
    ports = {reply.extensions["network_stream"].get_extra_info("client_addr")[1] for reply in (first, second)}
    assert len(ports) == 1


def test_simultaneous_refunds_refund_no_more_than_the_payment(mounted: Mounted) -> None:
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: mounted.post("paybyrd", json={"isoAmount": 1000}).status_code, range(32)))
    assert sorted(replies) == [200] * 10 + [400] * 22
    assert len(mounted.sandbox.refunds("paybyrd")) == 10
    assert len({refund.refund_id for refund in mounted.sandbox.refunds("paybyrd")}) == 10


@pytest.mark.parametrize("fault", [Fault.HANG_BEFORE, Fault.HANG_AFTER, Fault.SLOW_DRIP])
def test_a_hanging_or_dripping_reply_ends_when_the_server_closes(fault: Fault) -> None:
    sandbox = Sandbox()
    sandbox.script("lab4pay", fault)
    seen: list[type[Exception]] = []

    def ask(mounted: Mounted) -> None:
        try:
            mounted.post("lab4pay")
        except httpx.TransportError as error:
            seen.append(type(error))

    with SandboxServer(sandbox, drip_seconds=60) as server:
        http = httpx.Client(base_url=server.base_url, trust_env=False, timeout=20)
        caller = threading.Thread(target=ask, args=(Mounted(sandbox, "server", http, server.base_url),))
        caller.start()
        while sandbox.state()["providers"]["lab4pay"]["script"]:
            time.sleep(0.01)
        started = time.monotonic()
    caller.join()
    http.close()
    assert time.monotonic() - started < 3
    assert seen == [httpx.RemoteProtocolError]


def test_a_hang_ends_when_the_client_disconnects(mounted: Mounted) -> None:
    threads = threading.active_count()
    mounted.sandbox.script("lab4pay", Fault.HANG_BEFORE)
    with pytest.raises(httpx.ReadTimeout):
        mounted.post("lab4pay", timeout=0.1)
    deadline = time.monotonic() + 3
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == threads


def test_a_client_that_disconnects_in_the_middle_of_a_reply_does_no_harm(
    mounted: Mounted, capfd: pytest.CaptureFixture[str]
) -> None:
    mounted.sandbox.script("lab4pay", Fault.SLOW_DRIP)
    with pytest.raises(httpx.ReadTimeout):
        mounted.post("lab4pay", timeout=0.01)
    assert mounted.post("lab4pay").status_code == 200
    assert capfd.readouterr().err == ""


def test_a_closed_server_cannot_be_reached() -> None:
    with SandboxServer(Sandbox()) as server:
        assert httpx.get(f"{server.base_url}/_sandbox/state", trust_env=False).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.base_url}/_sandbox/state", trust_env=False)


def test_a_server_that_was_never_started_can_be_closed() -> None:
    server = SandboxServer(Sandbox())
    server.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.base_url, trust_env=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "localhost", "::1"])
def test_a_host_that_is_not_loopback_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match=host):
        SandboxServer(Sandbox(), host=host)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "65536"], "'65536' is not a port"),
        (["--port", "-1"], "'-1' is not a port"),
        (["--port", "web"], "'web' is not a port"),
        (["--host", "0.0.0.0"], "'0.0.0.0' is not an IPv4 loopback address"),
        (["--host", "sandbox.invalid"], "'sandbox.invalid' is not an IPv4 loopback address"),
        (["--blink-reply", "none"], "invalid choice: 'none'"),
        (["--verbose"], "unrecognized arguments: --verbose"),
    ],
)
def test_the_command_refuses_invalid_arguments_with_one_line_and_code_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    answer = capsys.readouterr()
    assert ended.value.code == 2
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    assert words in answer.err
    assert answer.err.count("\n") == 1


def test_the_command_says_that_its_port_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with SandboxServer(Sandbox()) as server:
        port = httpx.URL(server.base_url).port
        assert main(["--port", str(port)]) == 2
    answer = capsys.readouterr()
    assert answer.err == f"error: --port {port}: Address already in use; choose another, 0 takes a free one\n"
    assert answer.out == ""


def test_the_command_says_what_to_install_where_the_extra_is_missing() -> None:
    code = "import sys; sys.modules['openapi_schema_validator'] = None; from refundry.sandbox.__main__ import main; "
    command = [sys.executable, "-c", f"{code}sys.exit(main(['--port', '0']))"]
    run = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=20, check=False)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("error: ")
    assert run.stderr.endswith("pip install 'refundry[sandbox]'\n")


def test_the_help_lists_every_fault_every_payment_and_every_control_path(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    answer = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(fault.value in answer and fault.meaning in answer for fault in Fault)
    books = Sandbox().state()["providers"].values()
    assert all(f"  {payment['payment_id']} " in answer for book in books for payment in book["payments"])
    names = ("POST /_sandbox/script", "POST /_sandbox/advance", "POST /_sandbox/callback", "GET  /_sandbox/state")
    assert all(name in answer for name in names)


def test_the_command_restores_the_signal_handlers_when_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    stop = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM))
    stop.start()
    try:
        assert main(["--port", "0", "--host", "localhost", "--blink-reply", "success"]) == 0
    finally:
        stop.join()
    assert signal.getsignal(signal.SIGTERM) is before
    assert capsys.readouterr().out.endswith("The sandbox has stopped.\n")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_stopped(stop: signal.Signals) -> None:
    command = [sys.executable, "-W", "error", "-m", "refundry.sandbox", "--port", "0"]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        try:
            assert run.stdout is not None
            lines = [run.stdout.readline() for _ in range(8)]
            base_url = lines[0].split("listens at ")[1].split(". ")[0]
            state: Any = json.loads(httpx.get(f"{base_url}/_sandbox/state", trust_env=False).text)
            os.kill(run.pid, stop)
            rest, errors = run.communicate(timeout=10)
        finally:
            if run.poll() is None:
                os.kill(run.pid, signal.SIGKILL)
    assert (run.returncode, rest, errors) == (0, "The sandbox has stopped.\n", "")
    answer = "".join(lines)
    named = [*TOKEN_CREDENTIALS.values(), *WEBHOOK_SECRETS.values(), {"integrator_id": INTEGRATOR_ID}]
    named += [{"access_token": CREDENTIALS[provider]} for provider in ("lab4pay", "blink")]
    named += [{"api_key": CREDENTIALS["paybyrd"]}]
    assert all(f"{name}={value}" in answer for credentials in named for name, value in credentials.items())
    ids = [payment["payment_id"] for provider in state["providers"].values() for payment in provider["payments"]]
    assert len(ids) == 13
    assert all(payment_id in answer for payment_id in ids)
