"""Callbacks with a ledger: which of them end an unknown outcome in any process, and which change nothing."""

from pathlib import Path
from typing import Any, Final

import pytest

from refundry import OutcomeUnknown, Refund, RefundEvent, RefundStatus, WebhookRejected
from tests.facade.callbacks import news, proof
from tests.facade.ledgers import (
    LOST,
    Clocks,
    decide,
    during,
    known,
    left_unknown,
    outcome_of,
    result,
    sqlite_url,
    unresolved,
    worker,
)
from tests.facade.support import KINDS, NO_STATE, Caller, Kind, Scripted, accepted, reply
from tests.providers.record import ONE_EURO, PAYMENT, REFUND

SUCCEEDED, PENDING, FAILED = RefundStatus.SUCCEEDED, RefundStatus.PENDING, RefundStatus.FAILED
both_kinds = pytest.mark.parametrize("kind", KINDS)
ECHO: Final = {
    "linked_transaction_id": None,
    "client_transaction_id": "reference-1",
    "tags": ["refund"],
    "amount": 100,
    "currency": "EUR",
}
UNECHOED: Final[dict[str, dict[str, Any]]] = {
    "without an amount": {"amount": None},
    "of another amount": {"amount": 101},
    "of another currency": {"currency": "GBP"},
    "of a charge": {"tags": ["charge"]},
    "of what may be a payment": {"tags": []},
    "of another reference": {"client_transaction_id": "reference-2"},
    "of a refund of a payment": {"linked_transaction_id": PAYMENT},
}


def event_of(client: Caller, word: str, provider: str = "lab4pay", **more: Any) -> RefundEvent:
    body = news(provider, word, **{**ECHO, **more})
    return client.client.webhook(provider, headers=proof(provider, body), body=body)


def learn(client: Caller, word: str, **more: Any) -> None:
    result(client, client.client.learn(event_of(client, word, **more)))


@both_kinds
@pytest.mark.parametrize(("word", "status"), [("SUCCESS", SUCCEEDED), ("IN_PROGRESS", PENDING)])
def test_an_echo_ends_an_unknown_outcome_in_every_process(
    kind: Kind, word: str, status: RefundStatus, tmp_path: Path
) -> None:
    url, unused = sqlite_url(tmp_path), Scripted(NO_STATE)
    left_unknown("lab4pay", url)
    with worker("lab4pay", unused, url, kind=kind) as receiver:
        learn(receiver, word)
    with worker("lab4pay", unused, url, kind=kind) as client:
        refund = client.ask("lab4pay")
    assert (refund.replayed, refund.status, refund.refund_id) == (True, status, REFUND)
    assert unused.sent == []


def test_an_echo_ends_an_unknown_outcome_in_postgresql(postgres_url: str) -> None:
    left_unknown("lab4pay", postgres_url)
    with worker("lab4pay", Scripted(NO_STATE), postgres_url) as client:
        learn(client, "SUCCESS")
        assert client.ask("lab4pay").replayed


def test_a_signed_failure_frees_the_reference_for_the_next_attempt(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    left_unknown("lab4pay", url)
    with worker("lab4pay", Scripted(reply(200, {"transaction_id": "refund-2"})), url) as client:
        learn(client, "DECLINED")
        assert known(client, "lab4pay").state == "free"
        assert client.ask("lab4pay").refund_id == "refund-2"


@pytest.mark.parametrize("word", ["SUCCESS", "FAILED"])
@pytest.mark.parametrize("changes", UNECHOED.values(), ids=UNECHOED)
def test_an_echo_that_may_be_about_something_else_ends_nothing(
    changes: dict[str, Any], word: str, tmp_path: Path
) -> None:
    url, unused = sqlite_url(tmp_path), Scripted(NO_STATE)
    left_unknown("lab4pay", url)
    with worker("lab4pay", unused, url) as client:
        learn(client, word, **changes)
        assert isinstance(outcome_of(client, "lab4pay"), OutcomeUnknown)
    assert unused.sent == []


@pytest.mark.parametrize("word", ["SUCCESS", "FAILED", "IN_PROGRESS"])
def test_news_of_an_attempt_that_has_failed_does_not_end_the_next_one(word: str, url: str) -> None:
    with worker("lab4pay", Scripted(accepted("lab4pay")), url) as client:
        assert client.ask("lab4pay").refund_id == REFUND
        learn(client, "FAILED")
    left_unknown("lab4pay", url)
    with worker("lab4pay", Scripted(NO_STATE), url) as client:
        learn(client, word)  # of the first attempt, delivered late
        assert known(client, "lab4pay").state == "unknown"
        learn(client, "SUCCESS", refund_id="refund-2")
        assert client.ask("lab4pay").refund_id == "refund-2"


def test_a_forged_callback_changes_nothing(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    left_unknown("lab4pay", url)
    with worker("lab4pay", Scripted(NO_STATE), url) as client:
        body = news("lab4pay", "SUCCESS", **ECHO)
        with pytest.raises(WebhookRejected):
            client.client.webhook("lab4pay", headers={"Signature": "0" * 64}, body=body)
        assert known(client, "lab4pay").state == "unknown"
    left_unknown("blink", url)
    with worker("blink", Scripted(NO_STATE), url) as client:
        body = news("blink", "Refunded", reference="reference-1", amount="1.00")
        event = client.client.webhook("blink", headers={}, body=body)
        assert not event.authentic
        result(client, client.client.learn(event))
        assert known(client, "blink").state == "unknown"


def test_a_callback_by_the_id_that_an_unreadable_reply_named_ends_the_unknown_once_it_is_confirmed(url: str) -> None:
    unreadable = reply(200, {"success": True, "status": "failed", "refunded_transaction_id": REFUND})
    left_unknown("blink", url, answer=unreadable)
    state = {"transaction_id": REFUND, "status": "Refunded", "amount": "1.00", "currency": "EUR"}
    with worker("blink", Scripted(NO_STATE, state=reply(200, {"data": state})), url) as client:
        event = client.client.webhook("blink", headers={}, body=news("blink", "Refunded"))
        confirmed = result(client, client.client.confirm(event))
        result(client, client.client.learn(confirmed))
        refund = outcome_of(client, "blink")
    assert isinstance(refund, Refund)
    assert (refund.replayed, refund.refund_id) == (True, REFUND)


def test_a_shared_secret_does_not_end_an_unknown_whose_reply_named_another_amount(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    left_unknown("paybyrd", url, answer=reply(200, {"code": "BYRD200", "isoAmount": 99, "transactionId": REFUND}))
    with worker("paybyrd", Scripted(NO_STATE), url) as client:
        body = news("paybyrd", "Success", isoAmount=-100, currency="EUR", operationType="Refund")
        event = client.client.webhook("paybyrd", headers=proof("paybyrd", body), body=body)
        assert (event.status, event.refund_id, event.amount) == (SUCCEEDED, REFUND, ONE_EURO)
        result(client, client.client.learn(event))
        assert known(client, "paybyrd").state == "unknown"


def test_a_callback_changes_nothing_while_a_call_is_sending(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)

    def meanwhile() -> None:
        with worker("lab4pay", Scripted(NO_STATE), url) as other:
            learn(other, "FAILED")
            assert known(other, "lab4pay").state == "sending"

    with worker("lab4pay", Scripted(during(accepted("lab4pay"), meanwhile)), url) as client:
        assert client.ask("lab4pay").status is PENDING


def test_an_ended_unknown_is_never_less_certain_later(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    left_unknown("lab4pay", url)
    with worker("lab4pay", Scripted(NO_STATE, state=reply(200, {"status": "IN_PROGRESS"})), url) as client:
        learn(client, "SUCCESS")
        learn(client, "IN_PROGRESS")
        refund = client.ask("lab4pay")
        result(client, client.client.lookup(refund))
        assert client.ask("lab4pay").status is SUCCEEDED
        assert known(client, "lab4pay").state == "accepted"


# After the word of a person.


def test_an_acceptance_after_a_persons_word_counts_and_the_contradiction_is_listed(url: str) -> None:
    left_unknown("lab4pay", url)
    unused = Scripted(NO_STATE)
    with worker("lab4pay", unused, url) as client:
        decide(client, FAILED, "lab4pay")
        learn(client, "FAILED")
        assert (known(client, "lab4pay").state, unresolved(client)) == ("free", [])
        learn(client, "SUCCESS", refund_id="refund-2")
        (listed,) = unresolved(client)
        assert client.ask("lab4pay").replayed
    assert listed.contradiction == "a person decided that it was not executed, and the provider says that it succeeded"
    assert unused.sent == []


def test_a_failure_after_a_persons_word_is_listed_and_overwrites_nothing(url: str) -> None:
    left_unknown("lab4pay", url)
    with worker("lab4pay", Scripted(NO_STATE), url) as client:
        decide(client, SUCCEEDED, "lab4pay")
        learn(client, "IN_PROGRESS")
        assert client.ask("lab4pay").status is SUCCEEDED
        learn(client, "FAILED")
        (listed,) = unresolved(client)
        assert client.ask("lab4pay").replayed
    assert (listed.state, listed.decided_by) == ("accepted", "a person")
    assert "decided that it was executed, and the provider says that it failed" in (listed.contradiction or "")


def test_a_success_after_a_persons_word_adds_the_providers_id(url: str) -> None:
    left_unknown("lab4pay", url)
    with worker("lab4pay", Scripted(NO_STATE), url) as client:
        decide(client, SUCCEEDED, "lab4pay")
        learn(client, "SUCCESS")
        assert client.ask("lab4pay").refund_id == REFUND
        assert (unresolved(client), known(client, "lab4pay").decided_by) == ([], None)


@both_kinds
def test_a_call_whose_reply_is_lost_after_its_lease_returns_the_refund_that_a_callback_reported(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks, url = Clocks(monkeypatch), sqlite_url(tmp_path)

    def meanwhile() -> None:
        clocks.later(200)
        with worker("lab4pay", Scripted(NO_STATE), url) as other:
            learn(other, "SUCCESS")
            assert other.ask("lab4pay").refund_id == REFUND

    with worker("lab4pay", Scripted(during(LOST, meanwhile)), url, kind=kind) as client:
        refund = client.ask("lab4pay")
        assert (refund.refund_id, refund.replayed) == (REFUND, True)
        assert client.ask("lab4pay").replayed
