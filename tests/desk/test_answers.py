"""What a ledger answers: find, unresolved, history, decide; in memory, in SQLite and in PostgreSQL."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from refundry import FULL, InvalidRefund, LedgerEntry, OutcomeUnknown, RefundStatus, WireReply
from tests.desk.support import ACCEPTED, BY, LOST, client, contradict, lose, refund, sent
from tests.facade.support import ONE_EURO, PAYMENT


def test_nothing_is_known_of_a_reference_that_was_never_used(any_url: str | None) -> None:
    with client(any_url) as one:
        assert one.ledger.find("paybyrd", "r-1") is None
        assert one.ledger.unresolved() == []
        assert one.ledger.history("paybyrd", "r-1") == []


def test_an_accepted_refund_is_found_with_its_ids(any_url: str | None) -> None:
    with client(any_url) as one:
        refund(one, "r-1")
        entry = one.ledger.find("paybyrd", "r-1")
    assert entry is not None
    assert (entry.state, entry.payment_id, entry.amount, entry.attempt) == ("accepted", PAYMENT, ONE_EURO, 1)
    assert entry.refund is not None
    assert entry.refund.refund_id == "refund-1"
    assert (entry.why, entry.resend_until, entry.first_sent, entry.contradiction) == (None, None, None, None)


def test_an_unknown_refund_says_why_and_until_when_it_may_be_sent_again(any_url: str | None) -> None:
    with client(any_url, LOST) as one:
        with pytest.raises(OutcomeUnknown) as unknown:
            refund(one, "r-1")
        entry = one.ledger.find("paybyrd", "r-1")
        assert [found.reference for found in one.ledger.unresolved()] == ["r-1"]
    assert entry is not None
    assert entry.state == "unknown"
    assert entry.why == str(unknown.value)
    assert entry.first_sent is not None
    assert entry.resend_until is not None
    assert unknown.value.resend_until is not None
    assert abs(entry.resend_until - unknown.value.resend_until) < timedelta(seconds=2)


def test_where_the_provider_does_not_de_duplicate_it_may_never_be_sent_again(any_url: str | None) -> None:
    with client(any_url, LOST, provider="blink") as one:
        with pytest.raises(OutcomeUnknown):
            refund(one, "r-1", provider="blink", amount=FULL)
        (entry,) = one.ledger.unresolved("blink")
    assert (entry.resend_until, entry.amount) == (None, FULL)


def test_an_entry_and_its_history_are_json(url: str) -> None:
    with client(url, ACCEPTED, LOST) as one:
        refund(one, "r-1")
        with pytest.raises(OutcomeUnknown):
            refund(one, "r-2")
        for reference in ("r-1", "r-2"):
            entry = one.ledger.find("paybyrd", reference)
            assert entry is not None
            written = json.loads(json.dumps(entry.to_dict()))
            assert {*written} == {*LedgerEntry.__slots__}
            lines = json.loads(json.dumps([line.to_dict() for line in one.ledger.history("paybyrd", reference)]))
            assert [line["state"] for line in lines] == ["sending", written["state"]]


def test_the_history_has_the_request_ids_of_each_attempt(url: str) -> None:
    request_id = "0af7651916cd43dd8448eb211c80319c"
    with client(url, WireReply(200, (("requestid", request_id),), ACCEPTED.body)) as one:
        assert refund(one, "r-1").request_id == request_id
        reserved, ended = one.ledger.history("paybyrd", "r-1")
    assert (reserved.request_ids, ended.request_ids) == ((), (request_id,))
    assert ended.facts["tried"] == [["SUCCEEDED", 200, request_id]]
    assert ended.to_dict()["request_ids"] == [request_id]


def test_the_oldest_change_is_listed_first_and_no_more_than_asked_for(url: str) -> None:
    lose(url, "r-3", "r-1", "r-2")
    with client(url) as one:
        assert [entry.reference for entry in one.ledger.unresolved()] == ["r-3", "r-1", "r-2"]
        assert [entry.reference for entry in one.ledger.unresolved("paybyrd", most=2)] == ["r-3", "r-1"]


def test_more_than_a_page_of_unknown_references_are_listed_once_each(file_url: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("refundry.ledger.answers._PAGE", 3)
    references = [f"r-{number}" for number in range(10)]
    lose(file_url, *references)
    with client(file_url) as one:
        assert [entry.reference for entry in one.ledger.unresolved()] == references
        assert len(one.ledger.unresolved(most=7)) == 7


@pytest.mark.parametrize("most", [0, -1, True, 1.5])
def test_a_limit_that_is_no_number_is_refused(file_url: str, most: Any) -> None:
    with client(file_url) as one, pytest.raises(InvalidRefund, match="most is a whole number above zero"):
        one.ledger.unresolved(most=most)


def test_an_entry_says_when_it_last_changed(url: str) -> None:
    lose(url, "r-1")
    with client(url) as one:
        (entry,) = one.ledger.unresolved()
    assert entry.changed_at is not None
    assert abs(datetime.now(UTC) - entry.changed_at) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("outcome", "state", "refunds"), [(RefundStatus.SUCCEEDED, "accepted", 0), (RefundStatus.FAILED, "free", 1)]
)
def test_a_persons_word_ends_an_unknown(any_url: str | None, outcome: RefundStatus, state: str, refunds: int) -> None:
    with client(any_url, LOST, ACCEPTED) as one:
        with pytest.raises(OutcomeUnknown):
            refund(one, "r-1")
        entry = one.ledger.decide("paybyrd", "r-1", outcome, **BY)
        assert (entry.state, entry.decided_by) == (state, BY["by"])
        assert one.ledger.unresolved() == []
        refund(one, "r-1")
        assert sent(one) == 1 + refunds


def test_a_persons_word_is_on_record(url: str) -> None:
    lose(url, "r-1")
    with client(url) as one:
        one.ledger.decide("paybyrd", "r-1", RefundStatus.SUCCEEDED, **BY)
        line = one.ledger.history("paybyrd", "r-1")[-1]
    assert (line.by, line.reason, line.event) == (*BY.values(), "a person decides that it was executed")


def test_a_persons_word_overwrites_nothing(any_url: str | None) -> None:
    with client(any_url) as one:
        refund(one, "r-1")
        before = one.ledger.find("paybyrd", "r-1")
        for outcome in (RefundStatus.SUCCEEDED, RefundStatus.FAILED):
            with pytest.raises(InvalidRefund, match="is accepted; a person decides what is unknown"):
                one.ledger.decide("paybyrd", "r-1", outcome, **BY)
        with pytest.raises(InvalidRefund, match="knows no refund 'r-2'"):
            one.ledger.decide("paybyrd", "r-2", RefundStatus.FAILED, **BY)
        assert one.ledger.find("paybyrd", "r-1") == before


@pytest.mark.parametrize("missing", ["by", "reason"])
def test_a_word_without_a_name_or_a_reason_is_refused(file_url: str, missing: str) -> None:
    lose(file_url, "r-1")
    with client(file_url) as one, pytest.raises(InvalidRefund, match=f"{missing} is missing"):
        one.ledger.decide("paybyrd", "r-1", RefundStatus.SUCCEEDED, **{**BY, missing: " "})


def test_a_contradiction_is_listed_until_a_person_agrees_with_the_state(url: str) -> None:
    contradict(url, "r-1")
    with client(url) as one:
        (entry,) = one.ledger.unresolved()
        assert entry.state == "accepted"
        assert entry.contradiction is not None
        assert "decided that it was not executed, and the provider accepted it" in entry.contradiction
        with pytest.raises(InvalidRefund, match="is accepted"):
            one.ledger.decide("paybyrd", "r-1", RefundStatus.FAILED, **BY)
        one.ledger.decide("paybyrd", "r-1", RefundStatus.SUCCEEDED, **BY)
        assert one.ledger.unresolved() == []
