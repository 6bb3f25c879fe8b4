"""What a ledger keeps of a state that was learned: its line of the history, the ids, and a person's word beside it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from refundry import FULL, Amount, HistoryLine, OutcomeUnknown, RefundRejected, RefundStatus, Timeout, WireRequest
from tests.facade.callbacks import news, proof
from tests.facade.ledgers import (
    LOST,
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
from tests.facade.questions import LINK, tracked, transaction
from tests.facade.support import NO_STATE, ONE_EURO, Caller, Scripted, accepted, reply
from tests.facade.test_ledger_callbacks import learn
from tests.providers.record import REFUND

SUCCEEDED, PENDING, FAILED = RefundStatus.SUCCEEDED, RefundStatus.PENDING, RefundStatus.FAILED
UNREADABLE = reply(500, b"", (("requestid", "request-1"),))


def last(client: Caller, provider: str = "lab4pay") -> HistoryLine:
    """Return the last line of the history of reference-1."""
    return result(client, client.client.ledger.history(provider, "reference-1"))[-1]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of an empty ledger."""
    return sqlite_url(tmp_path)


def decided(url: str, word: RefundStatus) -> Caller:
    """Return a client of Lab4Pay, after a person has decided on a refund whose reply was lost."""
    left_unknown("lab4pay", url)
    client = worker("lab4pay", Scripted(NO_STATE), url)
    decide(client, word, "lab4pay")
    return client


def test_the_history_has_the_status_and_the_code_of_a_state_that_was_learned(url: str) -> None:
    left_unknown("lab4pay", url)
    with worker("lab4pay", Scripted(NO_STATE), url) as client:
        learn(client, "SUCCESS")
        line = last(client)
    assert line.event == "a lookup or a callback says that it is pending or done"
    assert line.facts == {"status": "succeeded", "code": "SUCCESS"}


def test_the_history_has_what_the_provider_says_against_a_persons_word(url: str) -> None:
    with decided(url, FAILED) as client:
        learn(client, "SUCCESS")
        line, entry = last(client), known(client, "lab4pay")
    assert line.event == "an attempt that no longer holds it is accepted"
    assert line.facts == {"status": "succeeded", "code": "SUCCESS"}
    assert line.reason == entry.contradiction
    assert line.reason == "a person decided that it was not executed, and the provider says that it succeeded"
    assert entry.decided_by is None


def test_a_pending_refund_after_a_persons_word_that_nothing_was_executed_is_listed(url: str) -> None:
    with decided(url, FAILED) as client:
        learn(client, "IN_PROGRESS")
        entry = known(client, "lab4pay")
    assert entry.state == "accepted"
    assert (entry.contradiction or "").endswith("and the provider says that it is pending")


def test_the_failure_of_an_earlier_attempt_says_nothing_against_a_persons_word(url: str) -> None:
    with worker("lab4pay", Scripted(accepted("lab4pay")), url) as client:
        client.ask("lab4pay")
        learn(client, "FAILED")
    with decided(url, SUCCEEDED) as client:
        learn(client, "FAILED")  # of the first attempt, delivered again
        learn(client, "SUCCESS")
        entry = known(client, "lab4pay")
        assert (unresolved(client), entry.decided_by) == ([], "a person")
        assert client.ask("lab4pay").refund_id is None


def test_an_acceptance_ends_a_word_that_was_about_an_earlier_attempt(url: str) -> None:
    decided(url, FAILED).close()
    left_unknown("lab4pay", url)
    with worker("lab4pay", Scripted(NO_STATE), url) as client:
        learn(client, "SUCCESS")
        entry = known(client, "lab4pay")
    assert (entry.state, entry.decided_by, entry.contradiction) == ("accepted", None, None)


def test_a_person_may_decide_while_the_provider_is_asked(url: str) -> None:
    left_unknown("paybyrd", url, answer=UNREADABLE)

    def decide_meanwhile() -> Any:
        with worker("paybyrd", Scripted(NO_STATE), url) as other:
            decide(other, SUCCEEDED, "paybyrd")
        return tracked(transaction())

    class Asked(Scripted):
        def send(self, request: WireRequest, timeout: Timeout) -> Any:
            return decide_meanwhile()

    with worker("paybyrd", Asked(NO_STATE), url) as client:
        assert result(client, client.client.resolve("paybyrd", "reference-1")).status is SUCCEEDED
        entry = known(client, "paybyrd")
    assert (entry.state, entry.decided_by) == ("accepted", None)


def test_the_transaction_of_an_attempt_that_has_failed_does_not_end_the_next_one(url: str) -> None:
    pending = reply(200, {"code": "BYRD201", "isoAmount": 100, "transactionId": "refund-1"})
    denied = transaction(status="Denied", code="BYRD205")
    with worker("paybyrd", Scripted(pending, state=reply(200, denied)), url) as client:
        assert result(client, client.client.lookup(client.ask("paybyrd"))).status is FAILED
    left_unknown("paybyrd", url, answer=UNREADABLE)
    with worker("paybyrd", Scripted(NO_STATE, state=tracked(denied)), url) as client:
        assert result(client, client.client.resolve("paybyrd", "reference-1")).status is FAILED
        assert known(client, "paybyrd").state == "unknown"


def test_every_id_of_a_refund_that_has_failed_is_old_news_for_the_next_attempt(url: str) -> None:
    later = reply(202, {"links": {"href": LINK}})
    with worker("paybyrd", Scripted(later, state=tracked(transaction(status="Processing", code=None))), url) as client:
        refund = result(client, client.client.lookup(client.ask("paybyrd")))
    assert (refund.refund_id, refund.tracking_id) == ("refund-1", LINK)
    denied = reply(200, transaction(status="Denied", code="BYRD205"))
    with worker("paybyrd", Scripted(later, state=denied), url) as client:
        by_id = replace(refund, tracking_id=None)
        assert result(client, client.client.lookup(by_id)).status is FAILED
        with pytest.raises(RefundRejected, match="its stored answer"):
            client.ask("paybyrd")
        assert known(client, "paybyrd").state == "free"


@pytest.mark.parametrize("ledger", [True, False], ids=["with a ledger", "in memory"])
def test_a_callback_that_names_the_id_alone_is_recorded_once_a_lookup_has_given_that_id(url: str, ledger: bool) -> None:
    state = tracked(transaction(status="Processing", code=None))
    transport = Scripted(reply(202, {"links": {"href": LINK}}), state=state)
    with worker("paybyrd", transport, url if ledger else None) as client:
        assert result(client, client.client.lookup(client.ask("paybyrd"))).refund_id == "refund-1"
        body = news("paybyrd", "Success", refund_id="refund-1", isoAmount=-100, currency="EUR", operationType="Refund")
        event = client.client.webhook("paybyrd", headers=proof("paybyrd", body), body=body)
        assert event.reference is None
        result(client, client.client.learn(event))
        assert client.ask("paybyrd").status is SUCCEEDED


@pytest.mark.parametrize("ledger", [True, False], ids=["with a ledger", "in memory"])
def test_a_callback_that_names_the_id_alone_is_recorded_where_the_reply_gave_that_id(url: str, ledger: bool) -> None:
    pending = reply(200, {"code": "BYRD201", "isoAmount": 100, "transactionId": "refund-1"})
    with worker("paybyrd", Scripted(pending), url if ledger else None) as client:
        assert client.ask("paybyrd").status is PENDING
        body = news("paybyrd", "Success", refund_id="refund-1", isoAmount=-100, currency="EUR", operationType="Refund")
        event = client.client.webhook("paybyrd", headers=proof("paybyrd", body), body=body)
        assert event.reference is None
        result(client, client.client.learn(event))
        assert client.ask("paybyrd").status is SUCCEEDED


def test_a_callback_that_names_the_id_alone_is_recorded_once_the_provider_has_contradicted_a_persons_word() -> None:
    with worker("lab4pay", Scripted(LOST), None) as client:
        outcome_of(client, "lab4pay")
        decide(client, FAILED, "lab4pay")
        learn(client, "IN_PROGRESS")
        body = news("lab4pay", "SUCCESS", refund_id=REFUND, tags=["refund"], amount=100, currency="EUR")
        event = client.client.webhook("lab4pay", headers=proof("lab4pay", body), body=body)
        assert event.reference is None
        result(client, client.client.learn(event))
        assert client.ask("lab4pay").status is SUCCEEDED


def test_news_while_a_call_is_sending_after_a_persons_word_change_nothing(url: str) -> None:
    decided(url, FAILED).close()

    def meanwhile() -> None:
        with worker("lab4pay", Scripted(NO_STATE), url) as other:
            learn(other, "SUCCESS", refund_id="refund-2")
            assert known(other, "lab4pay").state == "sending"

    with worker("lab4pay", Scripted(during(accepted("lab4pay"), meanwhile)), url) as client:
        assert client.ask("lab4pay").refund_id == REFUND
        assert unresolved(client) == []


@pytest.mark.parametrize("amount", [ONE_EURO, FULL], ids=["a part", "all of it"])
def test_a_refund_that_a_person_has_confirmed_has_the_amount_that_was_asked_for(url: str, amount: Amount) -> None:
    with worker("blink", Scripted(LOST), url) as client:
        with pytest.raises(OutcomeUnknown):
            client.ask("blink", amount=amount)
        decide(client, SUCCEEDED, "blink")
        assert client.ask("blink", amount=amount).amount == (None if amount is FULL else ONE_EURO)
