"""Which calls a scripted fault applies to, and how scripts, faults and all state are reset."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from refundry import Money, OutcomeUnknown, RefundClient
from refundry.sandbox import Fault, Sandbox
from tests.providers import PROVIDERS, RECORDS, WITH_TOKENS
from tests.sandbox.support import OPERATIONS, Mounted, fits, outcome
from tests.sandbox.support import mounted as mounted_as

Mount = Callable[[Sandbox], Mounted]


def order(mounted: Mounted, name: str, **arguments: str) -> None:
    """Call a control path over HTTP, or its function where there is no server."""
    if mounted.kind == "transport":
        {"clear": mounted.sandbox.clear_faults, "reset": mounted.sandbox.reset}[name](**arguments)
    else:
        body = json.dumps(arguments) if arguments else None
        reply = mounted.http.post(f"/_sandbox/{name}", content=body)
        assert (reply.status_code, reply.json()) == (200, {})


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_a_scripted_fault_meets_the_refund_and_not_the_token_call_before_it(
    mounted: Mounted, provider: str, sync: bool
) -> None:
    mounted.sandbox.script(provider, Fault.CUT_AFTER)
    assert outcome(lambda: mounted.refund(provider, reference="order-1/1", sync=sync)) == "OutcomeUnknown"
    assert len(mounted.sandbox.refunds(provider)) == 1
    assert mounted.sandbox.state()["providers"][provider]["script"] == []


@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_calls_for_a_token_leave_the_queue_of_any_call_as_it_is(mounted: Mounted, provider: str) -> None:
    mounted.sandbox.script(provider, Fault.STATUS_520, None, Fault.HTML_200)
    seen = []
    for _ in range(3):
        assert mounted.token(provider).is_success
        seen.append(mounted.post(provider))
    assert [reply.status_code for reply in seen] == [520, 200, 200]
    assert [reply.content[:1] for reply in seen] == [b"<", b"{", b"<"]


@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_a_call_with_an_expired_token_leaves_the_fault_to_the_refund_after_it(mounted: Mounted, provider: str) -> None:
    payment = RECORDS[provider].sandbox.payment or RECORDS[provider].sandbox.pending_payment
    arguments: dict[str, Any] = {"payment_id": payment, "amount": Money.of("1.00", RECORDS[provider].sandbox.currency)}
    with RefundClient(mounted.accounts()) as client:
        client.refund(provider, reference="order-1/1", **arguments)
        mounted.sandbox.reset()
        mounted.sandbox.script(provider, Fault.CUT_AFTER)
        with pytest.raises(OutcomeUnknown):
            client.refund(provider, reference="order-1/2", **arguments)
    assert len(mounted.sandbox.refunds(provider)) == 1


def test_a_call_with_a_wrong_credential_meets_no_fault(mounted: Mounted) -> None:
    mounted.sandbox.script("paybyrd", Fault.CUT_AFTER)
    mounted.sandbox.on_payment("paybyrd-eur", Fault.STATUS_520)
    assert mounted.post("paybyrd", headers={"x-api-key": "wrong"}).json()["code"] == "BYRD401"
    with pytest.raises(httpx.RemoteProtocolError):
        mounted.post("paybyrd")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_faults_can_be_cleared_at_one_provider_or_at_all(mounted: Mounted, provider: str) -> None:
    others = [name for name in PROVIDERS if name != provider]
    for name in PROVIDERS:
        mounted.sandbox.script(name, *[Fault.STATUS_520] * 3)
        mounted.sandbox.script(name, *[Fault.HTML_200] * 3, operation=RECORDS[name].sandbox.operation)
    order(mounted, "clear", provider=provider)
    assert mounted.post(provider).text.startswith("{")
    assert [mounted.post(name).text.startswith("<") for name in others] == [True] * len(others)
    order(mounted, "clear")
    assert [mounted.post(name).text.startswith("{") for name in PROVIDERS] == [True] * len(PROVIDERS)
    books = mounted.sandbox.state()["providers"]
    assert [(books[name]["script"], books[name]["scripts"]) for name in PROVIDERS] == [([], {})] * len(PROVIDERS)


def test_a_fault_of_a_payment_ends_when_all_are_cleared_and_not_with_those_of_one_provider(mounted: Mounted) -> None:
    mounted.sandbox.on_payment("paybyrd-eur", Fault.STATUS_520)
    order(mounted, "clear", provider="paybyrd")
    assert mounted.post("paybyrd").status_code == 520
    order(mounted, "clear")
    assert mounted.post("paybyrd").status_code == 200


def test_clearing_keeps_the_executed_refunds(mounted: Mounted) -> None:
    mounted.post("paybyrd")
    order(mounted, "clear")
    assert mounted.sandbox.remaining("paybyrd", "paybyrd-eur") == 9_900


def test_the_faults_of_an_unknown_provider_cannot_be_cleared() -> None:
    with pytest.raises(ValueError, match="there is no provider 'nobody'"):
        Sandbox().clear_faults("nobody")


def test_a_reset_restores_the_initial_state(mount: Mount) -> None:
    now = [1_000_000_000.0]
    sandbox = Sandbox(clock=lambda: now[0])
    mounted = mount(sandbox)
    beginning = sandbox.state()

    def used() -> list[Any]:
        answer = [mounted.post(name, headers={"idempotency-key": "key-1"}).json() for name in PROVIDERS]
        return [
            *answer,
            mounted.token("blink").json(),
            mounted.ask("paybyrd", "list_transactions", "none").headers["RequestId"],
        ]

    first = used()
    fetched = {"Authorization": f"Bearer {first[3]['access_token']}"}
    assert mounted.post("blink", headers=fetched).status_code == 200
    sandbox.add_payment("paybyrd", "more", 500, "EUR")
    sandbox.script("blink", Fault.STATUS_520)
    sandbox.script("blink", Fault.STATUS_520, operation="create_token")
    sandbox.on_payment("paybyrd-eur", Fault.STATUS_520)
    mounted.post("lab4pay", json={})
    assert mounted.ask("lab4pay", "revert_transaction", "lab4pay-payment").status_code == 200
    order(mounted, "reset")
    assert sandbox.state() == beginning
    assert sandbox.violations == ()
    assert mounted.post("blink", headers=fetched).status_code == 401
    order(mounted, "reset")
    assert used() == first
    assert mounted.ask("lab4pay", "revert_transaction", "lab4pay-payment").status_code == 200


@pytest.mark.parametrize(("provider", "payment_id"), [("lab4pay", "lab4pay-payment"), ("blink", "blink-gbp")])
def test_a_client_works_after_a_reset(mounted: Mounted, provider: str, payment_id: str) -> None:
    arguments: dict[str, Any] = {
        "payment_id": payment_id,
        "amount": Money.of("1.00", RECORDS[provider].sandbox.currency),
    }
    with RefundClient(mounted.accounts()) as client:
        before = client.refund(provider, reference="order-1/1", **arguments)
        mounted.sandbox.reset()
        after = client.refund(provider, reference="order-1/2", **arguments)
    assert after.status is before.status
    assert len(mounted.sandbox.refunds(provider)) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b"[]", "give an object"),
        (b"null", "give an object"),
        (b'{"provider": "nobody"}', "there is no provider 'nobody'"),
        (b'{"provider": "paybyrd", "operation": "refund_transaction"}', "give an object of a provider alone"),
    ],
)
def test_an_impossible_clearing_is_a_400_that_says_why_and_clears_nothing(body: bytes, words: str) -> None:
    with mounted_as(Sandbox(), "server") as mounted:
        mounted.sandbox.script("paybyrd", Fault.STATUS_520)
        reply = mounted.http.post("/_sandbox/clear", content=body)
        assert (reply.status_code, words in reply.json()["error"]) == (400, True)
        assert mounted.post("paybyrd").status_code == 520


def test_a_list_that_ignores_the_request_gives_every_transaction_of_the_account(mounted: Mounted) -> None:
    replies = [mounted.post("paybyrd", payment_id) for payment_id in ("paybyrd-eur", "paybyrd-pending")]
    mounted.sandbox.script("paybyrd", Fault.WHOLE_LIST, operation="list_transactions")
    answer = mounted.ask("paybyrd", "list_transactions", replies[0].headers["RequestId"])
    assert fits("paybyrd", answer)
    books = mounted.sandbox.state()["providers"]["paybyrd"]
    ids = [payment["payment_id"] for payment in books["payments"]] + [one["refund_id"] for one in books["refunds"]]
    assert [transaction["transactionId"] for transaction in answer.json()] == ids
    (own,) = mounted.ask("paybyrd", "list_transactions", replies[0].headers["RequestId"]).json()
    assert own["transactionId"] == replies[0].json()["transactionId"]
    assert mounted.sandbox.violations == ()


def test_a_transaction_of_paybyrd_says_when_it_was_made_by_the_clock_of_every_reply(mount: Mount) -> None:
    now = [1_000_000_000.5]
    mounted = mount(Sandbox(clock=lambda: now[0]))
    now[0] += 3600
    refund_id = mounted.post("paybyrd").json()["transactionId"]
    now[0] += 60
    replies = {name: mounted.ask("paybyrd", "get_transaction", name) for name in ("paybyrd-eur", refund_id)}
    made = {name: datetime.fromisoformat(reply.json()["createdDate"]) for name, reply in replies.items()}
    assert all(reply.json()["createdDate"].endswith("Z") for reply in replies.values())
    assert made["paybyrd-eur"] == datetime.fromtimestamp(1_000_000_000.5, UTC)
    assert made[refund_id] - made["paybyrd-eur"] == timedelta(hours=1)
    dated = parsedate_to_datetime(replies[refund_id].headers["Date"])
    assert dated.replace(microsecond=500_000) - made[refund_id] == timedelta(minutes=1)
    assert all(fits("paybyrd", reply) for reply in replies.values())


def test_a_reply_without_a_body_is_truncated_too(mounted: Mounted) -> None:
    refund_id = mounted.post("lab4pay").json()[RECORDS["lab4pay"].sandbox.refund_id_at]
    mounted.sandbox.script("lab4pay", Fault.CUT_IN_REPLY)
    with pytest.raises(httpx.RemoteProtocolError):
        mounted.ask("lab4pay", "cancel_transaction", refund_id)
    assert mounted.sandbox.refunds("lab4pay")[0].state == "CANCELED"


@pytest.mark.parametrize(
    ("provider", "operation"), [*OPERATIONS, *((name, record.sandbox.operation) for name, record in RECORDS.items())]
)
def test_no_truncated_reply_of_any_operation_is_complete(mounted: Mounted, provider: str, operation: str) -> None:
    sandbox = RECORDS[provider].sandbox
    about = sandbox.payment or sandbox.pending_payment
    requested: dict[str, Callable[[], httpx.Response]] = {
        "create_token": lambda: mounted.token(provider),
        RECORDS[provider].sandbox.operation: lambda: mounted.post(provider),
    }
    body: dict[str, Any] = {"json": {"amount": 100}} if operation == "refund_transaction" else {}
    mounted.sandbox.script(provider, Fault.CUT_IN_REPLY, operation=operation)
    with pytest.raises(httpx.RemoteProtocolError):
        requested.get(operation, lambda: mounted.ask(provider, operation, about, **body))()
