"""The units of Lab4Pay and Paybyrd: the currency's own minor units, or always hundredths."""

import json
from decimal import Decimal
from typing import Any, Literal

import pytest

from refundry import ContractDeviation, Money, RefundClient, RefundStatus
from refundry.sandbox import Fault, Sandbox
from tests.providers import where
from tests.sandbox.support import Mounted, fits
from tests.sandbox.support import mounted as mounted_as

Counts = Literal["iso", "hundredths"]

# The form of an amount in minor units on the wire, as a number and as a text.
WRITTEN: list[tuple[Counts, str, int, int, str]] = [
    ("iso", "EUR", 1230, 1230, "12.30"),
    ("iso", "JPY", 500, 500, "500"),
    ("iso", "KWD", 1235, 1235, "1.235"),
    ("iso", "UYW", 12345, 12345, "1.2345"),
    ("hundredths", "EUR", 1230, 1230, "12.30"),
    ("hundredths", "JPY", 500, 50_000, "500.00"),
    ("hundredths", "KWD", 1230, 123, "1.23"),
    ("hundredths", "UYW", 12300, 123, "1.23"),
]


def agree(answer: dict[str, Any], decimals: int) -> bool:
    """Return whether the text and the number of each amount of Paybyrd agree."""
    pairs = {"amount": "isoAmount", "refundedAmount": "isoRefundedAmount", "remainingAmount": "isoRemainingAmount"}
    said = [(answer[text], answer[number]) for text, number in pairs.items() if text in answer or number in answer]
    return all(Decimal(text).scaleb(decimals) == units for text, units in said) and {
        len(text.partition(".")[2]) for text, _ in said
    } == {decimals}


@pytest.mark.parametrize(("counts", "currency", "minor_units", "units", "text"), WRITTEN)
def test_paybyrd_writes_an_amount_as_it_counts_and_its_two_forms_agree(
    counts: Counts, currency: str, minor_units: int, units: int, text: str
) -> None:
    sandbox = Sandbox(minor_units=counts)
    sandbox.add_payment("paybyrd", "payment", 1_000_000, currency, refunded=10_000)
    decimals = len(text.partition(".")[2])
    with mounted_as(sandbox, "transport") as mounted:
        reply = mounted.post("paybyrd", "payment", json={"isoAmount": units})
        answer = reply.json()
        requested = mounted.ask("paybyrd", "get_transaction", answer["transactionId"])
        listed = mounted.ask("paybyrd", "list_transactions", reply.headers["RequestId"])
        payment = mounted.ask("paybyrd", "get_transaction", "payment")
    assert (answer["isoAmount"], answer["amount"]) == (units, text)
    assert (requested.json()["isoAmount"], requested.json()["amount"]) == (-units, f"-{text}")
    event = json.loads(sandbox.callback("paybyrd", answer["transactionId"]).body)
    everything = [
        answer,
        answer["sourceTransaction"],
        requested.json(),
        *listed.json(),
        payment.json(),
        event["content"],
    ]
    assert [agree(one, decimals) for one in everything] == [True] * 6
    assert all(fits("paybyrd", one) for one in (reply, requested, listed, payment))
    assert [refund.amount for refund in sandbox.refunds("paybyrd")] == [minor_units]
    assert sandbox.remaining("paybyrd", "payment") == 990_000 - minor_units


@pytest.mark.parametrize(("counts", "currency", "minor_units"), [row[:3] for row in WRITTEN])
def test_the_facade_counts_as_its_sandbox_does(counts: Counts, currency: str, minor_units: int) -> None:
    amount = Money.from_minor(minor_units, currency)
    sandbox = Sandbox(minor_units=counts, terminal_currency=currency)
    sandbox.add_payment("paybyrd", "payment", 1_000_000, currency)
    deviations: list[ContractDeviation] = []
    with (
        mounted_as(sandbox, "transport") as mounted,
        RefundClient(mounted.accounts(), on_deviation=deviations.append) as client,
    ):
        refund = client.refund("paybyrd", payment_id="payment", amount=amount, reference="order-1/1")
        assert client.lookup(refund).status is RefundStatus.SUCCEEDED
        client.refund_unreferenced("lab4pay", amount=amount, reference="till-1/1")
    assert refund.remaining == 1_000_000 - minor_units
    assert [one.amount for name in ("paybyrd", "lab4pay") for one in sandbox.refunds(name)] == [minor_units] * 2
    assert deviations == []


@pytest.mark.parametrize(("counts", "currency", "minor_units", "units"), [row[:4] for row in WRITTEN])
@pytest.mark.parametrize("tied", [True, False])
def test_lab4pay_counts_as_its_terminal_does(
    tied: bool, counts: Counts, currency: str, minor_units: int, units: int
) -> None:
    sandbox = Sandbox(minor_units=counts, terminal_currency=currency)
    sandbox.add_payment("lab4pay", "payment", 1_000_000, currency)
    with mounted_as(sandbox, "transport") as mounted:
        if tied:
            reply = mounted.ask("lab4pay", "refund_transaction", "payment", json={"amount": units})
        else:
            reply = mounted.post("lab4pay", json={"amount": units})
        assert reply.status_code == 200
    (refund,) = sandbox.refunds("lab4pay")
    assert (refund.amount, refund.currency) == (minor_units, currency)
    assert json.loads(sandbox.callback("lab4pay", refund.refund_id).body)["amount"] == units
    assert sandbox.remaining("lab4pay", "payment") == 1_000_000 - minor_units * tied


@pytest.fixture
def in_hundredths() -> Sandbox:
    return Sandbox(minor_units="hundredths", terminal_currency="JPY")


def test_hundredths_that_are_not_an_amount_of_the_currency_are_refused(in_hundredths: Sandbox) -> None:
    with mounted_as(in_hundredths, "transport") as mounted:
        refused = [
            mounted.post("paybyrd", "paybyrd-jpy", json={"isoAmount": 12_345}),
            mounted.post("lab4pay", json={"amount": 12_345}),
            mounted.ask("lab4pay", "refund_transaction", "lab4pay-payment", json={"amount": 12_345}),
        ]
    assert [reply.status_code for reply in refused] == [400, 400, 400]
    assert refused[0].json()["code"] == "BYRD900"
    assert in_hundredths.refunds("paybyrd") == in_hundredths.refunds("lab4pay") == ()
    assert in_hundredths.violations == ()


def test_a_wrong_guess_of_the_unit_refunds_a_hundredth_and_is_a_mismatch(in_hundredths: Sandbox) -> None:
    with mounted_as(in_hundredths, "transport") as mounted:
        answer = mounted.post("paybyrd", "paybyrd-jpy", json={"isoAmount": 500}).json()
    assert (answer["isoAmount"], answer["amount"]) == (500, "5.00")
    assert [refund.amount for refund in in_hundredths.refunds("paybyrd")] == [5]


@pytest.mark.parametrize(("amount", "refunded"), [(1_235, 0), (1_230, 5)])
def test_a_payment_that_hundredths_cannot_count_is_refused(in_hundredths: Sandbox, amount: int, refunded: int) -> None:
    with pytest.raises(ValueError, match="an amount in KWD is not a whole number of hundredths"):
        in_hundredths.add_payment("paybyrd", "payment", amount, "KWD", refunded=refunded)
    in_hundredths.add_payment("blink", "payment", amount, "KWD", refunded=refunded)
    assert in_hundredths.remaining("blink", "payment") == amount - refunded


def test_blink_counts_in_major_units_whatever_the_others_count_in(in_hundredths: Sandbox) -> None:
    with mounted_as(in_hundredths, "transport") as mounted:
        reply = mounted.post("blink", "blink-kwd", json={"partial_refund": True, "amount": 1.235})
    assert reply.json()["amount"] == 1.235
    assert [refund.amount for refund in in_hundredths.refunds("blink")] == [1_235]


def test_a_wrong_amount_is_wrong_in_both_of_its_forms(mounted: Mounted) -> None:
    mounted.sandbox.script("paybyrd", Fault.WRONG_AMOUNT)
    answer = mounted.post("paybyrd").json()
    assert (answer["isoAmount"], answer["amount"]) == (10_000, "100.00")


def test_another_way_to_count_is_an_error() -> None:
    other: Any = "cents"
    with pytest.raises(ValueError, match="one of iso, hundredths"):
        Sandbox(minor_units=other)


@pytest.mark.parametrize(("counts", "currency", "minor_units"), [row[:3] for row in WRITTEN])
@pytest.mark.parametrize("provider", where(lambda record: record.counts_minor_units))
def test_the_accounts_of_a_sandbox_count_as_it_does(
    provider: str, counts: Counts, currency: str, minor_units: int
) -> None:
    sandbox = Sandbox(minor_units=counts, terminal_currency=currency)
    sandbox.add_payment(provider, "payment", 1_000_000, currency)
    amount = Money.from_minor(minor_units, currency)
    with mounted_as(sandbox, "transport") as mounted, RefundClient(mounted.accounts()) as client:
        assert client.refund(provider, payment_id="payment", amount=amount, reference="order-1/1").amount == amount
    assert [refund.amount for refund in sandbox.refunds(provider)] == [minor_units]
    assert sandbox.remaining(provider, "payment") == 1_000_000 - minor_units
    assert sandbox.violations == ()
