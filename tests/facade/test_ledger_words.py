"""A person's word that nothing was executed: its key keeps its window, and callbacks may be about earlier attempts."""

from pathlib import Path
from typing import Any

import pytest

from refundry import NotSent, OutcomeUnknown, Refund, RefundStatus, Resend, Retry
from refundry.limits import window_margin
from tests.facade.ledgers import (
    DAY,
    LEASE,
    LOST,
    UNREACHED,
    Clocks,
    decide,
    during,
    key_of,
    known,
    left_unknown,
    outcome_of,
    result,
    sqlite_url,
    worker,
)
from tests.facade.questions import transaction
from tests.facade.support import NO_STATE, ONCE, Scripted, accepted, reply
from tests.facade.test_ledger_callbacks import learn

WINDOW = DAY - window_margin(Retry())
FORGOTTEN = 2 * DAY + window_margin(Retry())
DONE = accepted("paybyrd")


def sent(url: str, answer: Any) -> tuple[Any, list[str]]:
    """Return the outcome of one attempt, and the keys that it was sent under."""
    transport = Scripted(answer)
    with worker("paybyrd", transport, url, retry=ONCE) as client:
        return outcome_of(client, "paybyrd"), [key_of(one) for one in transport.sent]


def deny(url: str) -> None:
    """A person finds that nothing was executed."""
    with worker("paybyrd", Scripted(LOST), url) as client:
        decide(client, RefundStatus.FAILED, "paybyrd")


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    """The clocks of the machine."""
    return Clocks(monkeypatch)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of a ledger."""
    return sqlite_url(tmp_path)


@pytest.mark.parametrize("between", [[], [UNREACHED]], ids=["at once", "after a call that sent nothing"])
def test_the_window_of_a_key_goes_on_over_a_persons_word(between: list[Any], url: str, clocks: Clocks) -> None:
    _, first = sent(url, LOST)
    clocks.later(WINDOW - 10)
    deny(url)
    for answer in between:
        assert isinstance(sent(url, answer)[0], NotSent)
    again, second = sent(url, LOST)
    assert isinstance(again, OutcomeUnknown)
    assert (again.resend, second) == (Resend.SAME_REFERENCE, first)
    clocks.later(11)
    beyond, third = sent(url, DONE)
    assert isinstance(beyond, OutcomeUnknown)
    assert (beyond.resend, third) == (Resend.NEVER, [])


@pytest.mark.parametrize("seconds", [DAY, FORGOTTEN - 1.0])
def test_a_key_that_the_provider_may_have_forgotten_is_sent_once_after_a_persons_word(
    seconds: float, url: str, clocks: Clocks
) -> None:
    _, first = sent(url, LOST)
    clocks.later(seconds)
    deny(url)
    again, second = sent(url, LOST)
    assert isinstance(again, OutcomeUnknown)
    assert (again.resend, second) == (Resend.NEVER, first)
    assert sent(url, DONE)[1] == []


def test_a_key_that_the_provider_has_forgotten_begins_a_window_of_its_own(url: str, clocks: Clocks) -> None:
    sent(url, LOST)
    deny(url)
    clocks.later(FORGOTTEN)
    again, keys = sent(url, LOST)
    assert isinstance(again, OutcomeUnknown)
    assert again.resend is Resend.SAME_REFERENCE
    clocks.later(WINDOW - 1)
    assert sent(url, DONE)[1] == keys


def test_a_late_acceptance_after_a_persons_word_leaves_open_whether_the_attempt_beside_it_was_executed(
    url: str, clocks: Clocks
) -> None:
    """A clock that was set restarts the window, and the provider may have answered from before the word."""
    sent(url, LOST)
    deny(url)
    clocks.later(FORGOTTEN)

    def beside() -> None:
        clocks.later(LEASE + 1)
        assert isinstance(sent(url, LOST)[0], OutcomeUnknown)

    pending = reply(200, {"code": "BYRD201", "isoAmount": 100, "transactionId": "refund-1"})
    found, _ = sent(url, during(pending, beside))
    assert isinstance(found, Refund)
    denied = reply(200, transaction(status="Denied", code="BYRD205"))
    with worker("paybyrd", Scripted(LOST, state=denied), url) as client:
        assert result(client, client.client.lookup(found)).status is RefundStatus.FAILED
        assert known(client, "paybyrd").state == "unknown"


@pytest.mark.parametrize("words", [["FAILED"], ["IN_PROGRESS", "FAILED"]], ids=" and ".join)
def test_a_callback_of_an_attempt_before_a_persons_word_does_not_free_the_one_after_it(
    words: list[str], url: str
) -> None:
    left_unknown("lab4pay", url)
    with worker("lab4pay", Scripted(NO_STATE), url) as client:
        decide(client, RefundStatus.FAILED, "lab4pay")
    left_unknown("lab4pay", url)  # this one may have been executed
    with worker("lab4pay", Scripted(NO_STATE), url) as client:
        for one in words:
            learn(client, one)
        assert known(client, "lab4pay").state == "unknown"
        learn(client, "SUCCESS", refund_id="refund-2")
        assert client.ask("lab4pay").refund_id == "refund-2"
