"""`payment_amount`: the refunds of a payment never exceed what was captured."""

import contextlib
import threading
from typing import Any

import pytest

from refundry import FULL, InvalidRefund, Money, OutcomeUnknown, Refund, RefundClient
from tests.facade.ledgers import LOST, UNREACHED, during, outcome_of, sqlite_url, worker
from tests.facade.support import Caller, Scripted, reply
from tests.providers import RECORDS
from tests.providers.record import PAYMENT

CAPTURED = Money.of("3.00", "EUR")
DONE = reply(200, {"success": True, "status": "completed"})
REFUSED = RECORDS["blink"].refused


def euros(text: str) -> Money:
    return Money.of(text, "EUR")


def refund(client: Caller, amount: object, reference: str, captured: object = CAPTURED) -> Refund:
    return client.refund("blink", payment_id=PAYMENT, amount=amount, reference=reference, payment_amount=captured)


def refused(client: Caller, amount: object, reference: str, captured: object = CAPTURED) -> InvalidRefund:
    with pytest.raises(InvalidRefund) as error:
        refund(client, amount, reference, captured)
    return error.value


@pytest.fixture(params=[True, False], ids=["with a ledger", "in memory"])
def ledger(request: pytest.FixtureRequest, tmp_path: Any) -> str | None:
    """The URL of an empty ledger, or None."""
    return sqlite_url(tmp_path) if request.param else None


def test_accepted_unknown_and_sending_refunds_count(ledger: str | None) -> None:
    seen: list[InvalidRefund] = []

    def meanwhile() -> None:
        seen.append(refused(client, euros("0.01"), "order/5"))

    transport = Scripted(DONE, LOST, UNREACHED, REFUSED, during(DONE, meanwhile))
    with worker("blink", transport, ledger) as client:
        refund(client, euros("1.00"), "order/1")
        for reference in ("order/2", "order/3", "order/4"):  # lost, not sent, refused
            with pytest.raises(Exception, match="blink"):
                refund(client, euros("1.00"), reference)
        error = refused(client, euros("1.01"), "order/6")
        refund(client, euros("1.00"), "order/3")
        assert refund(client, euros("1.00"), "order/1").replayed
    assert error.field == "amount"
    assert "3.00 EUR was captured, and 2.00 EUR was refunded" in str(error)
    assert [one.field for one in seen] == ["amount"]
    assert len(transport.sent) == 5


@pytest.mark.parametrize("answer", [DONE, LOST], ids=["accepted", "unknown"])
def test_a_full_refund_leaves_nothing(answer: Any, ledger: str | None) -> None:
    transport = Scripted(answer, DONE)
    with worker("blink", transport, ledger) as client:
        with contextlib.suppress(OutcomeUnknown):
            refund(client, FULL, "order/1")
        assert refused(client, euros("0.01"), "order/2").field == "amount"
        assert refused(client, FULL, "order/3").field == "amount"
    assert len(transport.sent) == 1


def test_a_full_refund_needs_a_payment_of_which_nothing_was_refunded(ledger: str | None) -> None:
    transport = Scripted(DONE)
    with worker("blink", transport, ledger) as client:
        refund(client, euros("0.01"), "order/1")
        assert refused(client, FULL, "order/2").field == "amount"
    assert len(transport.sent) == 1


def test_another_currency_is_refused(ledger: str | None) -> None:
    transport = Scripted(DONE)
    with worker("blink", transport, ledger) as client:
        assert refused(client, Money.of("1.00", "GBP"), "order/1").field == "payment_amount"
        refund(client, euros("1.00"), "order/2")
        assert refused(client, Money.of("1.00", "GBP"), "order/3", Money.of("9.00", "GBP")).field == "payment_amount"
        assert refused(client, euros("1.00"), "order/4", "3.00").field == "payment_amount"
    assert len(transport.sent) == 1


def test_another_payment_does_not_count(ledger: str | None) -> None:
    with worker("blink", Scripted(DONE), ledger) as client:
        client.refund("blink", payment_id="payment-2", amount=CAPTURED, reference="order/1")
        assert not refund(client, CAPTURED, "order/2").replayed


def test_a_refund_without_payment_amount_counts_for_the_next_one(ledger: str | None) -> None:
    with worker("blink", Scripted(DONE), ledger) as client:
        client.refund("blink", payment_id=PAYMENT, amount=CAPTURED, reference="order/1")
        assert refused(client, euros("0.01"), "order/2").field == "amount"


def test_a_resend_of_an_unknown_refund_is_not_counted_twice(ledger: str | None) -> None:
    transport = Scripted(LOST, reply(200, {"code": "BYRD200"}))
    arguments: dict[str, Any] = {"payment_id": PAYMENT, "amount": CAPTURED, "payment_amount": CAPTURED}
    with worker("paybyrd", transport, ledger) as client:
        with pytest.raises(Exception, match="may have refunded"):
            client.refund("paybyrd", reference="order/1", **arguments)
        assert not client.refund("paybyrd", reference="order/1", **arguments).replayed
    assert len(transport.sent) == 2


def test_of_references_that_race_for_one_payment_only_as_many_are_sent_as_it_pays(url: str) -> None:
    count, gate = 6, threading.Barrier(6)
    transports = [Scripted(DONE) for _ in range(count)]
    outcomes: list[object] = []

    def call(number: int) -> None:
        with worker("blink", transports[number], url) as client:
            gate.wait(20)
            try:
                outcomes.append(refund(client, euros("1.00"), f"order/{number}"))
            except InvalidRefund as error:
                outcomes.append(error.field)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(outcomes) == count
    assert outcomes.count("amount") == 3
    assert sum(len(one.sent) for one in transports) == 3


def test_a_replay_is_returned_whatever_the_payment_amount(url: str) -> None:
    with worker("blink", Scripted(DONE), url) as client:
        refund(client, CAPTURED, "order/1")
        assert isinstance(client.client, RefundClient)
        assert refund(client, CAPTURED, "order/1", euros("0.01")).replayed
        assert isinstance(outcome_of(client, "blink"), Refund)  # without payment_amount nothing is compared


@pytest.mark.parametrize("captured", [euros("0.50"), Money.of("3.00", "GBP")], ids=["too little", "another currency"])
def test_a_refusal_names_the_refund_that_it_is_about(captured: Money, ledger: str | None) -> None:
    with worker("blink", Scripted(DONE), ledger) as client:
        error = refused(client, euros("1.00"), "order/1", captured)
    assert (error.provider, error.reference, error.payment_id, error.amount) == (
        *("blink", "order/1"),
        *(PAYMENT, euros("1.00")),
    )
