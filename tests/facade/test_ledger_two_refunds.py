"""Two refunds under one reference: a person let the second be sent, and the first was accepted late."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refundry import InvalidRefund, Money, OutcomeUnknown, Refund, RefundMismatch, RefundStatus
from tests.facade.ledgers import (
    LEASE,
    LOST,
    Clocks,
    decide,
    during,
    known,
    outcome_of,
    result,
    sqlite_url,
    unresolved,
    worker,
)
from tests.facade.support import Caller, Scripted, reply
from tests.providers import RECORDS
from tests.providers.record import ONE_EURO, PAYMENT

SUCCEEDED, PENDING, FAILED = RefundStatus.SUCCEEDED, RefundStatus.PENDING, RefundStatus.FAILED
BLINK = RECORDS["blink"]


def pending(refund_id: str) -> Any:
    """Return the acceptance of a refund that has yet to settle."""
    return reply(200, {"success": True, "status": "pending", "refunded_transaction_id": refund_id})


def send_twice(url: str, clocks: Clocks, second: Any, then: Callable[[Caller], object] = lambda _: None) -> Any:
    """Send, let a person deny it over the lease, send again, and accept the first late; return its outcome."""

    def meanwhile() -> None:
        clocks.later(LEASE + 1)
        with worker("blink", Scripted(second), url) as other:
            decide(other, FAILED, "blink")
            outcome_of(other, "blink")
            then(other)

    with worker("blink", Scripted(during(pending("refund-1"), meanwhile)), url) as client:
        return outcome_of(client, "blink")


def ask(url: str, refund_id: str, state: str, status: RefundStatus) -> None:
    """Ask about a refund, which is in this state."""
    said = BLINK.states.reply(state, **{**BLINK.states.transaction, "transaction_id": refund_id})
    with worker("blink", Scripted(LOST, state=said), url) as client:
        asked = Refund("blink", "reference-1", PENDING, refund_id=refund_id, payment_id=PAYMENT)
        assert result(client, client.client.lookup(asked)).status is status


def fail(url: str, refund_id: str) -> None:
    """Ask about a refund, which has failed."""
    ask(url, refund_id, "failed", FAILED)


@pytest.mark.parametrize("order", [("refund-1", "refund-2"), ("refund-2", "refund-1")], ids=["late first", "late last"])
def test_a_reference_with_two_accepted_refunds_is_free_once_both_have_failed(
    order: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, unused = sqlite_url(tmp_path), Scripted(pending("refund-3"))
    assert isinstance(send_twice(url, Clocks(monkeypatch), pending("refund-2")), RefundMismatch)
    fail(url, order[0])
    with worker("blink", unused, url) as client:
        still = client.ask("blink")
        assert (still.status, still.refund_id, still.replayed) == (PENDING, order[1], True)
        assert "accepted it twice" in str(unresolved(client)[0].contradiction)
    assert unused.sent == []
    fail(url, order[1])
    with worker("blink", unused, url) as client:
        assert known(client, "blink").state == "free"


def test_a_lookup_that_finds_one_of_two_refunds_pending_does_not_forget_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, unused = sqlite_url(tmp_path), Scripted(pending("refund-3"))
    send_twice(url, Clocks(monkeypatch), pending("refund-2"))
    ask(url, "refund-2", "pending", PENDING)
    fail(url, "refund-2")
    with worker("blink", unused, url) as client:
        assert client.ask("blink").refund_id == "refund-1"
    assert unused.sent == []


@pytest.mark.parametrize("failed", ["refund-1", "refund-2"])
def test_a_person_who_confirms_one_of_two_refunds_frees_nothing_when_the_other_fails(
    failed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, unused = sqlite_url(tmp_path), Scripted(pending("refund-3"))
    send_twice(url, Clocks(monkeypatch), pending("refund-2"))
    with worker("blink", unused, url) as client:
        decide(client, SUCCEEDED, "blink")
        assert unresolved(client) == []
    fail(url, failed)
    with worker("blink", unused, url) as client:
        assert client.ask("blink").replayed
    assert unused.sent == []


def confirmed(client: Caller) -> None:
    """A person finds the second refund, whose reply was lost."""
    decide(client, SUCCEEDED, "blink")


@pytest.mark.parametrize("then", [lambda _: None, confirmed], ids=["nobody has looked", "a person has seen the second"])
def test_a_late_acceptance_that_fails_leaves_the_outcome_of_the_second_refund_unknown(
    then: Callable[[Caller], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, unused = sqlite_url(tmp_path), Scripted(pending("refund-3"))
    send_twice(url, Clocks(monkeypatch), LOST, then)
    fail(url, "refund-1")
    with worker("blink", unused, url) as client:
        outcome = outcome_of(client, "blink")
        assert type(outcome) is OutcomeUnknown
        assert "another one may have been executed" in str(outcome)
        assert known(client, "blink").state == "unknown"
    assert unused.sent == []


def test_two_accepted_refunds_count_twice_within_the_amount_of_the_payment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, captured = sqlite_url(tmp_path), Money.of("2.50", "EUR")
    send_twice(url, Clocks(monkeypatch), pending("refund-2"))
    asked = {"payment_id": PAYMENT, "amount": ONE_EURO, "payment_amount": captured}
    client = worker("blink", Scripted(pending("refund-3")), url)
    with client, pytest.raises(InvalidRefund, match=r"2\.00 EUR was refunded"):
        client.refund("blink", reference="reference-2", **asked)
