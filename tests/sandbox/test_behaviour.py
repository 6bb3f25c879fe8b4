"""The answers of each provider of the sandbox, and the refunds that it records."""

import json
from collections.abc import Callable
from decimal import Decimal
from inspect import signature
from typing import Any

import httpx
import pytest

from refundry import FULL, InvalidRefund, Money, RefundClient, RefundStatus
from refundry.sandbox import CREDENTIALS, Fault, Sandbox, SandboxTransport
from tests.providers import PROVIDERS, RECORDS
from tests.sandbox.support import Mounted, fits

Mount = Callable[[Sandbox], Mounted]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_accepted_refund_is_answered_as_the_contract_says_and_is_recorded(mounted: Mounted, provider: str) -> None:
    reply = mounted.post(provider)
    assert reply.status_code == 200
    assert fits(provider, reply)
    (refund,) = mounted.sandbox.refunds(provider)
    assert (refund.amount, refund.payment_id) == (100, RECORDS[provider].sandbox.payment or None)
    assert mounted.sandbox.violations == ()


def test_paybyrd_returns_the_refund_and_the_remainder_of_its_payment(mounted: Mounted) -> None:
    mounted.post("paybyrd", json={"isoAmount": 50})
    answer = mounted.post("paybyrd", json={"isoAmount": 100}).json()
    assert (answer["code"], answer["amount"], answer["isoAmount"]) == ("BYRD200", "1.00", 100)
    assert answer["transactionId"] == mounted.sandbox.refunds("paybyrd")[1].refund_id
    assert answer["sourceTransaction"] == {
        "amount": "100.00",
        "isoAmount": 10_000,
        "refundedAmount": "1.50",
        "isoRefundedAmount": 150,
        "remainingAmount": "98.50",
        "isoRemainingAmount": 9_850,
        "transactionId": "paybyrd-eur",
    }


@pytest.mark.parametrize(
    ("payment_id", "written"), [("paybyrd-eur", "1.00"), ("paybyrd-jpy", "100"), ("paybyrd-kwd", "0.100")]
)
def test_paybyrd_writes_an_amount_with_the_decimals_of_its_currency(
    mounted: Mounted, payment_id: str, written: str
) -> None:
    assert mounted.post("paybyrd", payment_id).json()["amount"] == written


@pytest.mark.parametrize(
    ("payment_id", "amount", "minor_units"),
    [("blink-gbp", "79.1", 7910), ("blink-gbp", "0.01", 1), ("blink-jpy", "79", 79), ("blink-kwd", "1.001", 1001)],
)
def test_blink_counts_an_amount_in_major_units_exactly(
    mounted: Mounted, payment_id: str, amount: str, minor_units: int
) -> None:
    body = f'{{"partial_refund": true, "amount": {amount}}}'
    reply = mounted.post("blink", payment_id, content=body, headers={"Content-Type": "application/json"})
    assert json.loads(reply.text, parse_float=Decimal)["amount"] == Decimal(amount)
    assert [refund.amount for refund in mounted.sandbox.refunds("blink")] == [minor_units]


@pytest.mark.parametrize("amount", ["0.001", "0", "-1", "1e400", "1e-9", "1.0000000000000000000000000000001"])
def test_blink_refuses_an_amount_that_its_currency_does_not_have(mounted: Mounted, amount: str) -> None:
    body = f'{{"partial_refund": true, "amount": {amount}}}'
    reply = mounted.post("blink", content=body, headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["success"]) == (400, False)
    assert mounted.sandbox.refunds("blink") == ()
    assert mounted.sandbox.violations == ()


def test_blink_needs_an_amount_for_a_part_and_none_for_the_whole(mounted: Mounted) -> None:
    refused = mounted.post("blink", json={"partial_refund": True})
    assert (refused.status_code, refused.json()["success"]) == (400, False)
    whole = mounted.post("blink", json={})
    assert (whole.json()["amount"], whole.json()["reference"]) == (100, "unique-blink-gbp")
    assert mounted.sandbox.remaining("blink", "blink-gbp") == 0


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        ("status", {"status": "completed", "amount": 79.1}),
        ("success", {"success": True, "message": "Refund successful", "amount": "79.10"}),
    ],
)
def test_blink_answers_with_the_chosen_generation_of_replies(mount: Mount, reply: Any, body: dict[str, Any]) -> None:
    mounted = mount(Sandbox(blink_reply=reply))
    answer = mounted.post("blink", json={"partial_refund": True, "amount": 79.1, "reference": "order-7/1"})
    fields = answer.json()
    assert fits("blink", answer)
    (refund,) = mounted.sandbox.refunds("blink")
    common = {"transaction_id": "blink-gbp", "reference": "order-7/1"}
    new = {"refunded_transaction_id": refund.refund_id} if reply == "status" else {}
    assert fields == {**common, **body, **new}


@pytest.mark.parametrize(("provider", "parts"), [("paybyrd", ("isoAmount", 4000, 6000)), ("blink", ("amount", 40, 60))])
def test_parts_are_refunded_until_nothing_remains_and_then_no_more(
    mounted: Mounted, provider: str, parts: tuple[str, int, int]
) -> None:
    name, first, rest = parts
    statuses = []
    for amount in (first, rest + 1, rest, 1):
        reply = mounted.post(provider, json={"partial_refund": True, name: amount})
        assert fits(provider, reply)
        statuses.append(reply.status_code)
    assert statuses == [200, 400, 200, 400]
    assert [refund.amount for refund in mounted.sandbox.refunds(provider)] == [4000, 6000]
    assert mounted.sandbox.remaining(provider, RECORDS[provider].sandbox.payment) == 0


@pytest.mark.parametrize(
    ("payment_id", "body", "status", "code"),
    [
        ("paybyrd-refunded", {"isoAmount": 1}, 400, "BYRD230"),
        ("paybyrd-eur", {"isoAmount": 10_001}, 400, "BYRD231"),
        ("paybyrd-eur", {"isoAmount": 0}, 400, "BYRD900"),
        ("paybyrd-none", {"isoAmount": 1}, 404, "BYRD901"),
    ],
)
def test_paybyrd_refuses_with_its_code(
    mounted: Mounted, payment_id: str, body: dict[str, Any], status: int, code: str
) -> None:
    reply = mounted.post("paybyrd", payment_id, json=body)
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert fits("paybyrd", reply)
    assert mounted.sandbox.refunds("paybyrd") == ()


@pytest.mark.parametrize(
    ("payment_id", "status", "words"),
    [("blink-refunded", 400, "already"), ("blink-none", 404, "not found")],
)
def test_blink_refuses_with_a_message(mounted: Mounted, payment_id: str, status: int, words: str) -> None:
    reply = mounted.post("blink", payment_id)
    assert (reply.status_code, reply.json()["success"]) == (status, False)
    assert words in reply.json()["message"]
    assert mounted.sandbox.refunds("blink") == ()


def test_lab4pay_refuses_an_amount_that_is_not_above_zero(mounted: Mounted) -> None:
    assert mounted.post("lab4pay", json={"amount": 0}).status_code == 400
    assert mounted.sandbox.refunds("lab4pay") == ()


def test_paybyrd_answers_202_with_a_link_and_is_done_after_one_step(mounted: Mounted) -> None:
    reply = mounted.post("paybyrd", "paybyrd-pending")
    answer = reply.json()
    assert (reply.status_code, answer["code"]) == (202, "BYRD010")
    assert fits("paybyrd", reply)
    assert answer["links"]["href"].startswith("/api/v2/transactions?requestId=")
    assert {name: answer["links"][name] for name in ("rel", "type")} == {"rel": "transactions", "type": "GET"}
    assert "transactionId" not in answer
    assert [refund.state for refund in mounted.sandbox.refunds("paybyrd")] == ["Processing"]
    mounted.sandbox.advance()
    assert [refund.state for refund in mounted.sandbox.refunds("paybyrd")] == ["Success"]


def test_blink_says_pending_until_the_next_step(mounted: Mounted) -> None:
    assert mounted.post("blink", "blink-pending").json()["status"] == "pending"
    mounted.sandbox.advance()
    assert [refund.state for refund in mounted.sandbox.refunds("blink")] == ["completed"]


def test_the_terminal_of_lab4pay_is_done_after_two_steps(mounted: Mounted) -> None:
    mounted.post("lab4pay")
    states = []
    for _ in range(4):
        states.append(mounted.sandbox.refunds("lab4pay")[0].state)
        mounted.sandbox.advance()
    assert states == ["INITIATED", "IN_PROGRESS", "SUCCESS", "SUCCESS"]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("authorization", [{}, {"x-api-key": "wrong", "Authorization": "Bearer wrong"}])
def test_missing_and_wrong_credentials_are_unauthorised_and_no_violation(
    mounted: Mounted, provider: str, authorization: dict[str, str]
) -> None:
    fixed = {k: v for k, v in RECORDS[provider].sandbox.headers.items() if k == "X-Pay-Connect-Integrator-Id"}
    path = RECORDS[provider].sandbox.path.format(RECORDS[provider].sandbox.payment)
    reply = mounted.http.post(path, headers={**fixed, **authorization}, json=RECORDS[provider].sandbox.body)
    assert reply.status_code == 401
    assert fits(provider, reply)
    assert mounted.sandbox.refunds(provider) == ()
    assert mounted.sandbox.violations == ()


def test_a_scheme_other_than_bearer_is_unauthorised(mounted: Mounted) -> None:
    reply = mounted.post("blink", headers={"Authorization": f"Basic {CREDENTIALS['blink']}"})
    assert reply.status_code == 401


def test_another_integrator_is_unauthorised(mounted: Mounted) -> None:
    assert mounted.post("lab4pay", headers={"X-Pay-Connect-Integrator-Id": "another"}).status_code == 401
    assert mounted.sandbox.refunds("lab4pay") == ()


def test_credentials_and_the_terminal_can_be_chosen(mount: Mount) -> None:
    sandbox = Sandbox(
        credentials={"lab4pay": "test-key-two"}, integrator_id="test-integrator-two", terminal_currency="JPY"
    )
    mounted = mount(sandbox)
    assert mounted.post("lab4pay").status_code == 401
    headers = {"Authorization": "Bearer test-key-two", "X-Pay-Connect-Integrator-Id": "test-integrator-two"}
    assert mounted.post("lab4pay", headers=headers).status_code == 200
    assert mounted.post("paybyrd").status_code == 200
    assert [refund.currency for refund in sandbox.refunds("lab4pay")] == ["JPY"]


def test_a_key_that_paybyrd_knows_gets_the_same_answer_and_refunds_once(mounted: Mounted) -> None:
    headers = {"idempotency-key": "key-1"}
    first = mounted.post("paybyrd", headers=headers)
    second = mounted.post("paybyrd", headers=headers)
    another_body = mounted.post("paybyrd", headers=headers, json={"isoAmount": 200})
    assert first.content == second.content == another_body.content
    assert first.headers["RequestId"] == second.headers["RequestId"] == another_body.headers["RequestId"]
    assert [refund.idempotency_key for refund in mounted.sandbox.refunds("paybyrd")] == ["key-1"]


def test_a_second_request_with_another_key_or_none_refunds_twice(mounted: Mounted) -> None:
    for headers in ({"idempotency-key": "key-1"}, {"idempotency-key": "key-2"}, {}, {}):
        assert mounted.post("paybyrd", headers=headers).status_code == 200
    assert len(mounted.sandbox.refunds("paybyrd")) == 4


@pytest.mark.parametrize(("seconds", "refunds"), [(24 * 3600 - 1, 1), (24 * 3600, 2)])
def test_paybyrd_knows_a_key_for_24_hours_by_the_given_clock(mount: Mount, seconds: float, refunds: int) -> None:
    now = [0.0]
    mounted = mount(Sandbox(clock=lambda: now[0]))
    for now[0] in (0.0, seconds):
        mounted.post("paybyrd", headers={"idempotency-key": "key-1"})
    assert len(mounted.sandbox.refunds("paybyrd")) == refunds


def test_paybyrd_stores_a_refusal_under_its_key_but_no_wrong_credential_and_no_invalid_request(
    mounted: Mounted,
) -> None:
    headers = {"idempotency-key": "key-1"}
    assert mounted.post("paybyrd", headers={**headers, "x-api-key": "wrong"}).status_code == 401
    assert mounted.post("paybyrd", headers=headers, json={"isoAmount": "1"}).status_code == 400
    refused = mounted.post("paybyrd", "paybyrd-none", headers=headers)
    assert refused.json()["code"] == "BYRD901"
    assert mounted.post("paybyrd", headers=headers).content == refused.content
    assert mounted.sandbox.refunds("paybyrd") == ()


FAULTS = [None, Fault.DECLINED, Fault.TOO_MANY_REQUESTS, Fault.STATUS_520, Fault.HTML_200, Fault.EMPTY_200]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_reply_has_one_date_from_the_given_clock(mount: Mount, provider: str) -> None:
    now = [1_000_000_000.9]
    mounted = mount(Sandbox(clock=lambda: now[0]))
    mounted.sandbox.script(provider, *FAULTS)
    replies = [mounted.post(provider) for _ in FAULTS]
    replies += [
        mounted.post(provider, json={}),
        mounted.http.get("/nothing"),
        mounted.http.post(RECORDS[provider].sandbox.path.format("x")),
    ]
    assert {tuple(reply.headers.get_list("date")) for reply in replies} == {("Sun, 09 Sep 2001 01:46:40 GMT",)}
    now[0] += 1
    assert mounted.post(provider).headers["date"] == "Sun, 09 Sep 2001 01:46:41 GMT"


def test_a_stored_answer_of_paybyrd_has_the_date_on_which_it_is_repeated(mount: Mount) -> None:
    now = [0.0]
    mounted = mount(Sandbox(clock=lambda: now[0]))
    dates = []
    for now[0] in (0.0, 60.0):
        dates.append(mounted.post("paybyrd", headers={"idempotency-key": "key-1"}).headers["date"])
    assert dates == ["Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 01 Jan 1970 00:01:00 GMT"]


def test_the_same_seed_and_calls_give_the_same_ids_and_another_seed_others(mount: Mount) -> None:
    def ids(seed: str) -> list[str]:
        mounted = mount(Sandbox(seed=seed))
        for provider in PROVIDERS:
            mounted.post(provider)
        return [mounted.sandbox.refunds(provider)[0].refund_id for provider in PROVIDERS]

    assert ids("one") == ids("one")
    assert len({*ids("one"), *ids("two")}) == 6


def test_a_payment_can_be_added_and_refunded(mounted: Mounted) -> None:
    mounted.sandbox.add_payment("blink", "blink-usd", 5_000, "USD", refunded=1_000, pending=True)
    assert mounted.sandbox.remaining("blink", "blink-usd") == 4_000
    assert mounted.post("blink", "blink-usd", json={}).json()["amount"] == 40
    assert [refund.state for refund in mounted.sandbox.refunds("blink")] == ["pending"]


@pytest.mark.parametrize(
    ("provider", "amount", "currency", "refunded"),
    [
        ("nobody", 1, "EUR", 0),
        ("lab4pay", 1, "GBP", 0),
        ("paybyrd", 0, "EUR", 0),
        ("paybyrd", 1, "EURO", 0),
        ("paybyrd", 1, "EUR", 2),
        ("paybyrd", 1, "EUR", -1),
    ],
)
def test_an_impossible_payment_is_refused(provider: str, amount: int, currency: str, refunded: int) -> None:
    with pytest.raises(ValueError, match=r"\w+") as refusal:
        Sandbox().add_payment(provider, "payment", amount, currency, refunded=refunded)
    assert isinstance(refusal.value, InvalidRefund) == (provider == "paybyrd" and refunded == 0)


def test_the_refunds_of_an_unknown_provider_are_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'nobody'; there are lab4pay, paybyrd, blink"):
        Sandbox().refunds("nobody")


def test_the_facade_refunds_at_all_three_and_breaks_no_contract(mounted: Mounted) -> None:
    with RefundClient(mounted.accounts()) as client:
        paybyrd = client.refund(
            "paybyrd", payment_id="paybyrd-kwd", amount=Money.of("1.234", "KWD"), reference="order-1/1"
        )
        later = client.refund(
            "paybyrd", payment_id="paybyrd-pending", amount=Money.of("1.00", "EUR"), reference="order-2/1"
        )
        blink = client.refund("blink", payment_id="blink-jpy", amount=FULL, reference="order-3/1")
        terminal = client.refund_unreferenced("lab4pay", amount=Money.of("5.00", "EUR"), reference="till-1/1")
        linked = client.refund(
            "lab4pay", payment_id="lab4pay-payment", amount=Money.of("2.50", "EUR"), reference="till-1/2"
        )
    assert (paybyrd.status, paybyrd.remaining) == (RefundStatus.SUCCEEDED, 8766)
    assert (later.status, blink.status, terminal.status, linked.status) == (
        RefundStatus.PENDING,
        RefundStatus.SUCCEEDED,
        RefundStatus.PENDING,
        RefundStatus.PENDING,
    )
    executed = [refund for provider in PROVIDERS for refund in mounted.sandbox.refunds(provider)]
    assert [(refund.amount, refund.reference) for refund in executed] == [
        (500, "till-1/1"),
        (250, None),
        (1234, None),
        (100, None),
        (10_000, "order-3/1"),
    ]
    assert mounted.sandbox.violations == ()


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("reply", ["status", "success"])
def test_the_facade_reads_both_generations_of_blinks_reply(mount: Mount, reply: Any, sync: bool) -> None:
    mounted = mount(Sandbox(blink_reply=reply))
    refund = mounted.refund("blink", reference="order-1/1", sync=sync)
    assert (refund.status, refund.amount) == (RefundStatus.SUCCEEDED, Money.of("1.00", "GBP"))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_generated_clients_reach_the_sandbox_over_its_transport(provider: str) -> None:
    from importlib import import_module

    package = f"refundry_{provider}"
    operation = import_module(f"{package}.api.refunds.{RECORDS[provider].sandbox.operation}")
    sandbox = Sandbox()
    prefix = {"prefix": "", "auth_header_name": "x-api-key"} if provider == "paybyrd" else {}
    client = import_module(package).AuthenticatedClient(
        base_url="https://sandbox.invalid", token=CREDENTIALS[provider], **prefix
    )
    # The annotation is a text: the class is among the names of its module.
    parameters = signature(operation.sync_detailed).parameters
    body = vars(operation)[str(parameters["body"].annotation)]
    arguments: dict[str, Any] = {"body": body.from_dict(RECORDS[provider].sandbox.body), "client": client}
    if provider == "lab4pay":
        arguments["x_pay_connect_integrator_id"] = RECORDS["lab4pay"].sandbox.headers["X-Pay-Connect-Integrator-Id"]
    elif "{}" in RECORDS[provider].sandbox.path:
        (name,) = (one for one, it in parameters.items() if it.kind is it.POSITIONAL_OR_KEYWORD)
        arguments[name] = RECORDS[provider].sandbox.payment
    with httpx.Client(transport=SandboxTransport(sandbox), base_url="https://sandbox.invalid") as http:
        client.set_httpx_client(http)
        assert operation.sync_detailed(**arguments).status_code == 200
    assert len(sandbox.refunds(provider)) == 1
    assert sandbox.violations == ()
