"""Outcomes that arrive after the lease of their call: the state that they leave, and their lines of the history."""

from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from refundry import (
    HistoryLine,
    OutcomeUnknown,
    Refund,
    RefundInProgress,
    RefundMismatch,
    RefundStatus,
    Resend,
    Retry,
)
from refundry.limits import window_margin
from tests.facade.ledgers import (
    DAY,
    LEASE,
    LOST,
    UNREACHED,
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
from tests.facade.questions import transaction
from tests.facade.support import Caller, Scripted, accepted, reply
from tests.facade.test_ledger_callbacks import learn
from tests.facade.test_ledger_two_refunds import fail, pending
from tests.providers import RECORDS
from tests.providers.record import PAYMENT

SUCCEEDED, FAILED = RefundStatus.SUCCEEDED, RefundStatus.FAILED
REFUSED = RECORDS["blink"].refused
UNNAMED = reply(200, {"success": True, "status": "pending"})


def history(client: Caller, provider: str = "blink") -> list[HistoryLine]:
    """Return the history of reference-1."""
    return result(client, client.client.ledger.history(provider, "reference-1"))


def late(
    url: str, clocks: Clocks, answer: Any, act: Callable[[], object], provider: str = "blink", after: float = 1.0
) -> Any:
    """Return the outcome of a call that gets this answer after its lease, within which something else happens."""

    def meanwhile() -> None:
        clocks.later(LEASE + after)
        act()

    with worker(provider, Scripted(during(answer, meanwhile)), url) as client:
        return outcome_of(client, provider)


def denied(url: str, *answers: Any) -> Callable[[], None]:
    """Return an act: a person decides that nothing was executed, and another call gets each of these answers."""

    def act() -> None:
        with worker("blink", Scripted(REFUSED), url) as other:
            decide(other, FAILED, "blink")
        for one in answers:
            with worker("blink", Scripted(one), url) as other:
                outcome_of(other, "blink")

    return act


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    """The clocks of the machine."""
    return Clocks(monkeypatch)


def test_a_late_acceptance_alone_is_free_for_the_next_attempt_once_it_has_failed(
    tmp_path: Path, clocks: Clocks
) -> None:
    url = sqlite_url(tmp_path)
    assert isinstance(late(url, clocks, pending("refund-1"), denied(url)), RefundMismatch)
    with worker("blink", Scripted(REFUSED), url) as client:
        entry = known(client, "blink")
    assert (entry.state, entry.decided_by) == ("accepted", None)
    fail(url, "refund-1")
    with worker("blink", Scripted(REFUSED), url) as client:
        assert known(client, "blink").state == "free"


def test_a_late_loss_after_a_persons_word_makes_the_reference_unknown_again(tmp_path: Path, clocks: Clocks) -> None:
    url = sqlite_url(tmp_path)
    assert isinstance(late(url, clocks, LOST, denied(url)), OutcomeUnknown)
    with worker("blink", Scripted(REFUSED), url) as client:
        entry = known(client, "blink")
    assert (entry.state, entry.decided_by) == ("unknown", None)


def test_a_late_refusal_adds_no_refund_to_the_one_that_was_accepted_meanwhile(tmp_path: Path, clocks: Clocks) -> None:
    url = sqlite_url(tmp_path)
    late(url, clocks, REFUSED, denied(url, pending("refund-2")))
    with worker("blink", Scripted(REFUSED), url) as client:
        assert unresolved(client) == []
    fail(url, "refund-2")
    with worker("blink", Scripted(REFUSED), url) as client:
        assert known(client, "blink").state == "free"


@pytest.mark.parametrize("seconds", [0.0, 1.0], ids=["as the lease ended", "after the lease"])
def test_a_late_acceptance_without_an_id_leaves_the_outcome_unknown_when_the_other_refund_has_failed(
    seconds: float, tmp_path: Path, clocks: Clocks
) -> None:
    url = sqlite_url(tmp_path)
    assert isinstance(late(url, clocks, UNNAMED, denied(url, pending("refund-2")), after=seconds), RefundMismatch)
    fail(url, "refund-2")
    with worker("blink", Scripted(REFUSED), url) as client:
        assert known(client, "blink").state == "unknown"


def test_a_late_acceptance_of_a_refund_that_is_known_to_have_failed_does_not_hold_the_reference(
    tmp_path: Path, clocks: Clocks
) -> None:
    url = sqlite_url(tmp_path)

    def reported() -> None:
        with worker("lab4pay", Scripted(REFUSED), url) as other:
            learn(other, "FAILED")

    assert isinstance(late(url, clocks, accepted("lab4pay"), reported, "lab4pay"), Refund)
    with worker("lab4pay", Scripted(REFUSED), url) as client:
        assert (known(client, "lab4pay").state, unresolved(client)) == ("free", [])


@pytest.mark.parametrize("known_by", ["a callback with the same id", "a person's word"])
def test_a_late_acceptance_of_the_refund_that_is_known_already_is_no_second_one(
    known_by: str, tmp_path: Path, clocks: Clocks
) -> None:
    url = sqlite_url(tmp_path)

    def told() -> None:
        with worker("lab4pay", Scripted(REFUSED), url) as other:
            if known_by == "a person's word":
                decide(other, SUCCEEDED, "lab4pay")
            else:
                learn(other, "SUCCESS")

    assert isinstance(late(url, clocks, accepted("lab4pay"), told, "lab4pay"), Refund)
    with worker("lab4pay", Scripted(REFUSED), url) as client:
        assert (known(client, "lab4pay").state, unresolved(client)) == ("accepted", [])


def test_of_two_unreadable_replies_the_first_that_was_recorded_gives_what_to_ask_by(
    tmp_path: Path, clocks: Clocks
) -> None:
    url = sqlite_url(tmp_path)

    def unreadable(request_id: str) -> Any:
        return reply(500, b"", (("requestid", request_id),))

    def resent() -> None:
        with worker("paybyrd", Scripted(unreadable("request-2")), url) as other:
            outcome_of(other, "paybyrd")

    late(url, clocks, unreadable("request-1"), resent, "paybyrd")
    asked = Scripted(REFUSED)
    with worker("paybyrd", asked, url) as client, pytest.raises(Exception, match="could not be asked"):
        result(client, client.client.resolve("paybyrd", "reference-1"))
    assert [one.url.partition("?")[2] for one in asked.lookups] == ["requestId=request-2"]


def test_a_word_that_stood_when_a_call_began_is_not_contradicted_by_its_acceptance(
    tmp_path: Path, clocks: Clocks
) -> None:
    url = sqlite_url(tmp_path)

    def refused() -> None:
        with worker("paybyrd", Scripted(reply(400, {"code": "BYRD205"})), url) as other:
            outcome_of(other, "paybyrd")
            assert known(other, "paybyrd").attempt == 2

    left_unknown("paybyrd", url)
    with worker("paybyrd", Scripted(REFUSED), url) as client:
        decide(client, FAILED, "paybyrd")
    assert isinstance(late(url, clocks, accepted("paybyrd"), refused, "paybyrd"), Refund)
    with worker("paybyrd", Scripted(REFUSED), url) as client:
        assert (known(client, "paybyrd").state, unresolved(client)) == ("accepted", [])


@pytest.mark.parametrize(("seconds", "is_sent"), [(0.0, True), (DAY, False)], ids=["at once", "after its window"])
def test_a_late_acceptance_leaves_open_whether_the_attempt_after_it_was_executed(
    seconds: float, is_sent: bool, tmp_path: Path, clocks: Clocks
) -> None:
    url = sqlite_url(tmp_path)

    def refused_and_lost() -> None:
        for answer in (reply(400, {"code": "BYRD205"}), LOST):
            with worker("paybyrd", Scripted(answer), url) as other:
                outcome_of(other, "paybyrd")
        with worker("paybyrd", Scripted(REFUSED), url) as other:
            entry = known(other, "paybyrd")
        assert (entry.state, entry.attempt) == ("unknown", 2)

    first, second = (reply(200, {"code": "BYRD201", "isoAmount": 100, "transactionId": f"refund-{n}"}) for n in (1, 2))
    found = late(url, clocks, first, refused_and_lost, "paybyrd")
    assert isinstance(found, Refund)
    denied_since = reply(200, transaction(status="Denied", code="BYRD205"))
    clocks.later(seconds)
    transport = Scripted(second, state=denied_since)
    with worker("paybyrd", transport, url) as client:
        assert result(client, client.client.lookup(found)).status is FAILED
        assert known(client, "paybyrd").state == "unknown"
        assert isinstance(outcome_of(client, "paybyrd"), Refund) is is_sent
    assert len(transport.sent) == is_sent


def test_a_late_call_that_sent_nothing_says_that_another_one_is_sending(tmp_path: Path, clocks: Clocks) -> None:
    url, is_sending, may_end = sqlite_url(tmp_path), Event(), Event()

    def wait() -> None:
        is_sending.set()
        assert may_end.wait(10)

    def send() -> None:
        with worker("paybyrd", Scripted(during(accepted("paybyrd"), wait)), url) as other:
            assert isinstance(outcome_of(other, "paybyrd"), Refund)

    def meanwhile() -> None:
        sending.start()
        assert is_sending.wait(10)

    sending = Thread(target=send)
    found = late(url, clocks, UNREACHED, meanwhile, "paybyrd")
    may_end.set()
    sending.join(10)
    assert isinstance(found, RefundInProgress)
    assert (found.provider, found.reference, found.payment_id) == ("paybyrd", "reference-1", PAYMENT)


def test_a_late_call_that_sent_nothing_says_what_another_one_left_unknown(tmp_path: Path, clocks: Clocks) -> None:
    url = sqlite_url(tmp_path)
    found = late(url, clocks, UNREACHED, lambda: left_unknown("paybyrd", url), "paybyrd")
    assert isinstance(found, OutcomeUnknown)
    assert (found.provider, found.reference, found.resend) == ("paybyrd", "reference-1", Resend.SAME_REFERENCE)
    assert found.resend_until is not None
    left = found.resend_until.timestamp() - clocks.wall
    assert left == DAY - window_margin(Retry()) - LEASE - 1.0


# What the history says.


def test_the_history_tells_an_outcome_in_time_from_a_late_one(tmp_path: Path, clocks: Clocks) -> None:
    url = sqlite_url(tmp_path)
    late(url, clocks, pending("refund-1"), denied(url, pending("refund-2")))
    with worker("blink", Scripted(REFUSED), url) as client:
        lines = history(client)
        contradiction = known(client, "blink").contradiction
    said = [(one.event, one.reason, one.facts.get("refund_id"), len(one.facts.get("tried", ()))) for one in lines]
    assert said == [
        ("a call reserves it", None, None, 0),
        ("a person decides that it was not executed", "the dashboard", None, 0),
        ("a call reserves it", None, None, 0),
        ("its attempt is accepted", None, "refund-2", 1),
        ("an attempt that no longer holds it is accepted", contradiction, "refund-1", 1),
    ]
    assert "accepted it twice: as refund-2 and as refund-1" in str(contradiction)
    tried = [["PENDING", 200, None]]
    outcome = {"status": "pending", "refund_id": "refund-2", "code": "pending"}
    assert lines[3].facts == {"attempt": 1, "tried": tried, **outcome}


def test_the_history_lists_a_late_loss_that_changes_nothing(tmp_path: Path, clocks: Clocks) -> None:
    url = sqlite_url(tmp_path)

    def confirmed() -> None:
        with worker("blink", Scripted(REFUSED), url) as other:
            decide(other, SUCCEEDED, "blink")

    late(url, clocks, LOST, confirmed)
    with worker("blink", Scripted(REFUSED), url) as client:
        last = history(client)[-1]
        assert known(client, "blink").state == "accepted"
    assert (last.event, last.state) == ("an attempt that no longer holds it ends unknown", "accepted")
    assert [outcome for outcome, *_ in last.facts["tried"]] == ["OutcomeUnknown"]
    assert "the connection broke" in last.facts["why"]
