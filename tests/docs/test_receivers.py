"""The receivers of docs/callbacks.md, each in a real server, with its accounts at a sandbox."""

import hmac
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import uvicorn
from werkzeug.serving import make_server

from refundry import Blink, Money, Paybyrd, Refund, RefundClient, RefundEvent, RefundStatus
from refundry.sandbox import CREDENTIALS, INTEGRATOR_ID, Sandbox, SandboxServer
from tests.facade.support import PROVIDERS, account

PAGE: Final = (Path(__file__).resolve().parents[2] / "docs" / "callbacks.md").read_text(encoding="utf-8")
SECONDS: Final = 10.0
LAB4PAY_KEY: Final = "test-webhook-secret-key"
PAYBYRD_KEY: Final = "test-webhook-api-key"
NAMES: Final = [status.name for status in RefundStatus]
SUCCEEDED, PENDING, FAILED = RefundStatus.SUCCEEDED, RefundStatus.PENDING, RefundStatus.FAILED

Serving = Callable[[Any], AbstractContextManager[str]]


@contextmanager
def by_uvicorn(app: Any) -> Iterator[str]:
    """Serve an app of FastAPI and yield its address."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + SECONDS
        while not server.started and thread.is_alive() and time.monotonic() < until:
            time.sleep(0.005)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(SECONDS)
    assert not thread.is_alive()


@contextmanager
def by_werkzeug(app: Any) -> Iterator[str]:
    """Serve an app of Flask and yield its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(SECONDS)
        server.server_close()
    assert not thread.is_alive()


SERVERS: Final[dict[str, Serving]] = {"fastapi": by_uvicorn, "flask": by_werkzeug}


@dataclass
class Receiver:
    """A running receiver, the states that it stored, and the sandbox that it calls."""

    url: str
    names: dict[str, Any] = field(repr=False)
    sandbox: Sandbox
    sandbox_url: str

    @property
    def states(self) -> dict[tuple[str, str], RefundStatus]:
        """Return the stored states, by account and transaction."""
        states: dict[tuple[str, str], RefundStatus] = self.names["states"]
        return states

    def post(self, path: str, body: bytes, headers: Any = ()) -> int:
        """Send it a callback; return the status of its answer."""
        url = f"{self.url}/callbacks/{path}"
        return httpx.post(url, content=body, headers=headers, trust_env=False, timeout=SECONDS).status_code

    def signed(self, body: bytes) -> int:
        """Send it a callback as Lab4Pay does."""
        return self.post("lab4pay", body, {"Signature": signature(body)})

    def keyed(self, body: bytes) -> int:
        """Send it a callback as Paybyrd does."""
        return self.post("paybyrd", body, {"x-api-key": PAYBYRD_KEY})

    def refunded_at_paybyrd(self, state: str) -> str:
        """Refund a euro that ends in this state at the sandbox; return the id of the refund."""
        paybyrd = Paybyrd(api_key=CREDENTIALS["paybyrd"], base_url=self.sandbox_url)
        with RefundClient([paybyrd]) as client:
            amount = Money.of("1.00", "EUR")
            refund = client.refund("paybyrd", payment_id="paybyrd-eur", amount=amount, reference="order-1/1")
        assert refund.refund_id is not None
        self.sandbox.settle("paybyrd", refund.refund_id, state)
        return refund.refund_id

    def refund_by_its_own_client(self) -> Refund:
        """Refund a euro at a terminal with the client of the receiver, always under the same reference."""
        requested: dict[str, Any] = {"amount": Money.of("1.00", "EUR"), "reference": "till-1/1"}
        if "client" in self.names:
            refund: Refund = self.names["client"].refund_unreferenced("lab4pay", **requested)
            return refund
        app = self.names["app"]

        async def refunded() -> dict[str, Any]:
            refund: Refund = await app.state.client.refund_unreferenced("lab4pay", **requested)
            return refund.to_dict()

        app.add_api_route(
            "/refunds", refunded, methods=["POST"]
        )  # the client of the receiver belongs to the loop of the server
        return Refund.from_dict(httpx.post(f"{self.url}/refunds", trust_env=False, timeout=SECONDS).json())

    def refunded_at_blink(self) -> str:
        """Refund a pound that stays pending at the sandbox; return the id of the refund."""
        blink = Blink(access_token=CREDENTIALS["blink"], base_url=self.sandbox_url)
        with RefundClient([blink]) as client:
            amount = Money.of("1.00", "GBP")
            refund = client.refund("blink", payment_id="blink-pending", amount=amount, reference="order-1/1")
        assert refund.refund_id is not None
        return refund.refund_id


def code_with(framework: str) -> str:
    """Return the one block of Python on the page that is written for this framework."""
    (code,) = (code for code in blocks() if f"from {framework} import" in code)
    return code


def blocks() -> list[str]:
    """Return the blocks of Python on the page."""
    return re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture(params=SERVERS)
def receiver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Each receiver of the page, its accounts from the environment."""
    framework: str = request.param
    with ExitStack() as stack:
        sandbox = Sandbox()
        sandbox_url = stack.enter_context(SandboxServer(sandbox)).base_url
        for name in [*os.environ]:
            if name.startswith("REFUNDRY_") or name.lower().endswith("_proxy"):
                monkeypatch.delenv(name)
        for name, value in {
            "LAB4PAY_ACCESS_TOKEN": CREDENTIALS["lab4pay"],
            "LAB4PAY_INTEGRATOR_ID": INTEGRATOR_ID,
            "LAB4PAY_WEBHOOK_SECRET_KEY": LAB4PAY_KEY,
            "LAB4PAY_BASE_URL": sandbox_url,
            "PAYBYRD_API_KEY": CREDENTIALS["paybyrd"],
            "PAYBYRD_WEBHOOK_API_KEY": PAYBYRD_KEY,
            "PAYBYRD_BASE_URL": sandbox_url,
            "BLINK_ACCESS_TOKEN": CREDENTIALS["blink"],
            "BLINK_BASE_URL": sandbox_url,
        }.items():
            monkeypatch.setenv(f"REFUNDRY_{name}", value)
        names: dict[str, Any] = {"__name__": "receiver"}
        exec(compile(code_with(framework), "docs/callbacks.md", "exec"), names)
        if "client" in names:  # one for the lifetime of the process, which ends here
            stack.callback(names["client"].close)
        url = stack.enter_context(SERVERS[framework](names["app"]))
        yield Receiver(url, names, sandbox, sandbox_url)


def signature(body: bytes, key: str = LAB4PAY_KEY) -> str:
    """Return the signature of Lab4Pay."""
    return hmac.new(key.encode(), body, sha256).hexdigest()


def of_lab4pay(word: str = "SUCCESS", refund_id: str = "refund-1", **more: object) -> bytes:
    """Return a callback of Lab4Pay."""
    return json.dumps([{"id": refund_id, "linked_transaction_id": "payment-1", "status": word, **more}]).encode()


def of_paybyrd(word: str = "success", refund_id: str = "refund-1", **more: object) -> bytes:
    """Return a callback of Paybyrd."""
    content = {"transactionId": refund_id, "operationType": "Refund", **more}
    return json.dumps({"event": f"transaction.refund.{word}", "content": content}).encode()


def test_the_page_has_one_receiver_for_each_framework_and_no_other_code_that_could_rot() -> None:
    assert len(blocks()) == len(SERVERS)
    assert {code_with(framework) for framework in SERVERS} == {*blocks()}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_page_names_the_proof_that_the_capabilities_name(provider: str) -> None:
    (row,) = (line for line in PAGE.splitlines() if line.startswith("| proof |"))
    said: dict[str, str] = dict(zip(PROVIDERS, (cell.strip() for cell in row.split("|")[2:5]), strict=True))
    with RefundClient([account(provider)]) as client:
        proofs = {able.callbacks for able in client.capabilities(provider).values()}
    assert {said[provider]} == proofs


def rows(heading: str) -> dict[str, list[str]]:
    """Return the table under a heading of the page: the cells of each row by its first cell."""
    table = re.search(rf"^{re.escape(heading)}\n(?:.*\n)*?\|(?:[- |]+)\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert table is not None
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines()]
    return {first.strip("`"): rest for first, *rest in cells}


def test_the_page_names_each_field_of_an_event() -> None:
    properties = {name for name, value in vars(RefundEvent).items() if isinstance(value, property)}
    assert {*rows("## What an event says")} == {one.name for one in fields(RefundEvent)} | properties


def test_the_page_says_which_state_follows_which() -> None:
    event = RefundEvent("shop", "refund", "refund-1", None, None, "signature", "")
    table = rows("## The latest state, not the latest delivery")
    assert [*table] == ["nothing", *(status.name for status in (PENDING, SUCCEEDED, FAILED))]
    for status in RefundStatus:
        named = {re.sub("`", "", one) for one in re.findall("`[A-Z]+`", table[status.name][0])} & {*NAMES}
        may = [one for one in RefundStatus if replace(event, status=one, undone=one is FAILED).supersedes(status)]
        assert named == {one.name for one in may}


def test_a_proved_callback_is_stored(receiver: Receiver) -> None:
    assert receiver.signed(of_lab4pay()) == 200
    assert receiver.signed(of_lab4pay("FAILED", "refund-2")) == 200
    assert receiver.keyed(of_paybyrd()) == 200
    stored = {("lab4pay", "refund-1"): SUCCEEDED, ("lab4pay", "refund-2"): FAILED, ("paybyrd", "refund-1"): SUCCEEDED}
    assert receiver.states == stored


def test_every_transaction_of_a_body_is_stored(receiver: Receiver) -> None:
    news = [*json.loads(of_lab4pay()), *json.loads(of_lab4pay("DECLINED", "refund-2"))]
    assert receiver.signed(json.dumps(news).encode()) == 200
    assert receiver.states == {("lab4pay", "refund-1"): SUCCEEDED, ("lab4pay", "refund-2"): FAILED}


def test_a_failure_with_a_shared_secret_counts_once_the_provider_confirms_it(receiver: Receiver) -> None:
    refund_id = receiver.refunded_at_paybyrd("Denied")
    assert receiver.keyed(of_paybyrd("failed", refund_id)) == 200
    assert receiver.states == {("paybyrd", refund_id): FAILED}


def test_an_invented_failure_is_not_stored(receiver: Receiver) -> None:
    refund_id = receiver.refunded_at_paybyrd("Success")
    assert receiver.keyed(of_paybyrd("failed", refund_id)) == 200
    assert receiver.states == {("paybyrd", refund_id): SUCCEEDED}
    assert receiver.keyed(of_paybyrd("failed", "not-there")) == 500
    assert [*receiver.states] == [("paybyrd", refund_id)]


def test_a_forged_callback_is_forbidden_and_not_stored(receiver: Receiver) -> None:
    body = of_lab4pay()
    for headers in (
        {},
        {"Signature": ""},
        {"Signature": signature(body, "test-other-key")},
        {"Signature": signature(of_lab4pay("FAILED"))},
        [("Signature", signature(body)), ("Signature", signature(body))],
    ):
        assert receiver.post("lab4pay", body, headers) == 403
    for headers in ({}, {"x-api-key": "test-other-key"}, {"x-api-key": CREDENTIALS["paybyrd"]}):
        assert receiver.post("paybyrd", of_paybyrd(), headers) == 403
    assert receiver.post("paybyrd", body, {"Signature": signature(body)}) == 403
    assert receiver.post("blink", b"status=completed") == 403
    assert receiver.states == {}


def test_the_raw_body_is_what_is_checked(receiver: Receiver) -> None:
    body = b'[ {"status":"SUCCESS",\r\n"id" : "refund-1", "linked_transaction_id": null, "note": "\xe2\x82\xac"}]\n'
    assert receiver.signed(body) == 200
    assert receiver.states == {("lab4pay", "refund-1"): SUCCEEDED}
    assert receiver.post("lab4pay", json.dumps(json.loads(body)).encode(), {"Signature": signature(body)}) == 403


def test_a_replay_is_answered_and_changes_nothing(receiver: Receiver) -> None:
    for word, stored in (("SUCCESS", SUCCEEDED), ("REVERTED", FAILED), ("SUCCESS", FAILED), ("REVERTED", FAILED)):
        assert receiver.signed(of_lab4pay(word)) == receiver.keyed(of_paybyrd()) == 200
        assert receiver.states == {("lab4pay", "refund-1"): stored, ("paybyrd", "refund-1"): SUCCEEDED}


@pytest.mark.parametrize(
    ("words", "stored"),
    [
        (["INITIATED", "SUCCESS", "IN_PROGRESS", "REVERTED"], [PENDING, SUCCEEDED, SUCCEEDED, FAILED]),
        (["REVERTED", "SUCCESS", "INITIATED"], [FAILED, FAILED, FAILED]),
        (["SUCCESS", "FAILED"], [SUCCEEDED, SUCCEEDED]),
        (["EXPIRED", "SUCCESS"], [FAILED, FAILED]),
    ],
)
def test_a_late_callback_does_not_overwrite_a_newer_state(
    receiver: Receiver, words: list[str], stored: list[RefundStatus]
) -> None:
    states = []
    for word in words:
        assert receiver.signed(of_lab4pay(word)) == 200
        states.append(receiver.states["lab4pay", "refund-1"])
    assert states == stored


def test_an_event_about_something_else_is_answered_and_not_stored(receiver: Receiver) -> None:
    paid = {"event": "transaction.payment.success", "content": {"transactionId": "payment-1", "status": "success"}}
    refunded = {"event": "order.refunded", "content": {"orderId": "order-1", "status": "refunded"}}
    for other in (paid, refunded, {"event": "chargeback.won"}):
        assert receiver.keyed(json.dumps(other).encode()) == 200
    assert receiver.signed(b"[]") == 200
    assert receiver.signed(b'[{"id": "payment-1", "status": "SUCCESS", "tags": ["charge"]}]') == 200
    assert receiver.states == {}


def test_a_proved_callback_that_is_unreadable_asks_for_a_redelivery(receiver: Receiver) -> None:
    for body in (b"", b"{}", b"no JSON", b'[{"id": "refund-1"}]', b'[{"id": "a/b", "status": "SUCCESS"}]'):
        assert receiver.signed(body) == 500
    for body in (b"", b"{}", b'{"event": "transaction.refund.success"}', of_paybyrd(refund_id="")):
        assert receiver.keyed(body) == 500
    assert receiver.states == {}


@pytest.mark.parametrize("form", ["json", "form"])
def test_the_lookup_at_blink_counts_and_not_the_claim_of_the_callback(receiver: Receiver, form: str) -> None:
    refund_id = receiver.refunded_at_blink()
    body = f"transaction_id={refund_id}&status=completed".encode()
    if form == "json":
        body = json.dumps({"transaction_id": refund_id, "status": "completed"}).encode()
    assert receiver.post("blink", body) == 200
    assert receiver.states == {("blink", refund_id): PENDING}
    receiver.sandbox.advance()
    assert receiver.post("blink", body) == 200
    assert receiver.states == {("blink", refund_id): SUCCEEDED}


def test_a_replay_of_blink_changes_nothing_whatever_it_claims(receiver: Receiver) -> None:
    refund_id = receiver.refunded_at_blink()
    for word in ("pending", "completed", "anything"):
        assert receiver.post("blink", json.dumps({"transaction_id": refund_id, "status": word}).encode()) == 200
        assert receiver.states == {("blink", refund_id): PENDING}


def test_a_callback_that_blink_does_not_confirm_is_an_error_and_not_stored(receiver: Receiver) -> None:
    assert receiver.post("blink", b"transaction_id=not-there&status=completed") == 500
    assert receiver.states == {}


def test_the_client_of_a_receiver_records_the_state_of_a_callback(receiver: Receiver) -> None:
    refund = receiver.refund_by_its_own_client()
    assert (refund.status, refund.replayed) == (PENDING, False)
    assert refund.refund_id is not None
    assert receiver.signed(of_lab4pay("SUCCESS", refund.refund_id, linked_transaction_id=None)) == 200
    second = receiver.refund_by_its_own_client()
    assert (second.refund_id, second.status, second.replayed) == (refund.refund_id, SUCCEEDED, True)
    assert receiver.signed(of_lab4pay("REVERTED", refund.refund_id, linked_transaction_id=None)) == 200
    other = receiver.refund_by_its_own_client()
    assert other.refund_id != refund.refund_id
    assert (other.status, other.replayed) == (PENDING, False)


@pytest.mark.parametrize("path", ["stripe", "", "LAB4PAY", "lab4pay/more"])
def test_a_callback_for_another_account_has_no_address(receiver: Receiver, path: str) -> None:
    assert receiver.post(path, of_lab4pay(), {"Signature": signature(of_lab4pay())}) in (404, 422)
    assert receiver.states == {}
