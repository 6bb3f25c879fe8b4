"""A reference whose call ends late, never, or is interrupted: leases, late outcomes, and the hand back of a process."""

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from refundry import (
    NotSent,
    OutcomeUnknown,
    Refund,
    RefundInProgress,
    RefundMismatch,
    RefundRejected,
    RefundStatus,
    Resend,
    Retry,
)
from tests.facade.ledgers import (
    LEASE,
    LOST,
    UNREACHED,
    Clocks,
    crash_copy,
    decide,
    during,
    known,
    locked,
    outcome_of,
    result,
    sqlite_url,
    unresolved,
    until,
    worker,
)
from tests.facade.support import KINDS, ONCE, Kind, Scripted, accepted, reply
from tests.providers import PROVIDERS, RECORDS
from tests.providers.record import ONE_EURO, PAYMENT

SUCCEEDED, FAILED = RefundStatus.SUCCEEDED, RefundStatus.FAILED
both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)
DONE = accepted("blink")
REFUSED = RECORDS["blink"].refused


@every_provider
def test_the_reference_of_a_worker_that_died_becomes_unknown_when_its_lease_ends_and_is_never_free(
    provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks, copies = Clocks(monkeypatch), []
    answer = during(accepted(provider), lambda: copies.append(crash_copy(tmp_path, tmp_path / "copy")))
    with worker(provider, Scripted(answer), sqlite_url(tmp_path)) as client:
        client.ask(provider)
    unused = Scripted(accepted(provider))
    (url,) = copies
    with worker(provider, unused, url) as client:
        assert known(client, provider).state == "sending"
        clocks.later(LEASE - 1)
        assert isinstance(outcome_of(client, provider), RefundInProgress)
        clocks.later(2)
        assert [one.state for one in unresolved(client)] == ["unknown"]
        clocks.later(7 * 24 * 3600.0)
        assert type(outcome_of(client, provider)) is OutcomeUnknown
    assert unused.sent == []


@both_kinds
def test_an_outcome_that_comes_after_the_lease_is_recorded(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks, url, seen = Clocks(monkeypatch), sqlite_url(tmp_path), []

    def meanwhile() -> None:
        clocks.later(LEASE + 1)
        with worker("blink", Scripted(DONE), url) as other:
            seen.append(type(outcome_of(other, "blink")))

    with worker("blink", Scripted(during(DONE, meanwhile)), url, kind=kind) as client:
        assert client.ask("blink").status is SUCCEEDED
    assert seen == [OutcomeUnknown]
    with worker("blink", Scripted(DONE), url) as other:
        assert other.ask("blink").replayed
        assert unresolved(other) == []


def after_a_word(
    word: RefundStatus, answer: Any, folder: Path, clocks: Clocks, *then: Any, provider: str = "blink"
) -> tuple[Any, list[Any]]:
    """Return the outcome of a call over whose lease a person decides, and those of the calls that follow the word."""
    url, after = sqlite_url(folder), []

    def meanwhile() -> None:
        clocks.later(LEASE + 1)
        answers: tuple[Any, ...] = (None, *then)
        for one in answers:
            with worker(provider, Scripted(one), url) as other:
                if one is None:
                    decide(other, word, provider)
                else:
                    after.append(outcome_of(other, provider))

    with worker(provider, Scripted(during(answer, meanwhile)), url) as client:
        return outcome_of(client, provider), after


@pytest.mark.parametrize(
    ("word", "answer", "state", "said"),
    [
        (FAILED, DONE, "accepted", "a person decided that it was not executed, and the provider accepted it"),
        (SUCCEEDED, REFUSED, "accepted", "a person decided that it was executed, and the provider executed nothing"),
    ],
)
def test_a_late_outcome_that_contradicts_a_persons_word_is_raised_and_listed(
    word: RefundStatus, answer: Any, state: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome, _ = after_a_word(word, answer, tmp_path, Clocks(monkeypatch))
    assert isinstance(outcome, RefundMismatch)
    assert said in str(outcome)
    unused = Scripted(DONE)
    with worker("blink", unused, sqlite_url(tmp_path)) as client:
        (listed,) = unresolved(client)
        assert (listed.state, listed.contradiction) == (state, said)
        assert client.ask("blink").replayed
        decide(client, SUCCEEDED, "blink")  # which agrees with the state
        assert unresolved(client) == []
        events = [line.event for line in result(client, client.client.ledger.history("blink", "reference-1"))]
    assert sum("decides" in one for one in events) == 2
    assert unused.sent == []


@pytest.mark.parametrize(("word", "answer"), [(SUCCEEDED, DONE), (FAILED, REFUSED)])
def test_a_late_outcome_that_agrees_with_a_persons_word_is_returned(
    word: RefundStatus, answer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome, _ = after_a_word(word, answer, tmp_path, Clocks(monkeypatch))
    assert isinstance(outcome, Refund if word is SUCCEEDED else RefundRejected)
    with worker("blink", Scripted(DONE), sqlite_url(tmp_path)) as client:
        assert unresolved(client) == []


@pytest.mark.parametrize("ids", [("refund-1", "refund-2"), (None, None), ("refund-1", None)])
def test_two_acceptances_under_one_reference_are_raised_and_listed(
    ids: tuple[str | None, str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"success": True, "status": "completed"}
    first, second = (reply(200, {**body, **({"refunded_transaction_id": one} if one else {})}) for one in ids)
    outcome, (following,) = after_a_word(FAILED, first, tmp_path, Clocks(monkeypatch), second)
    assert isinstance(following, Refund)
    assert isinstance(outcome, RefundMismatch)
    with worker("blink", Scripted(DONE), sqlite_url(tmp_path)) as client:
        (listed,) = unresolved(client)
        assert "accepted it twice" in (listed.contradiction or "")


@pytest.mark.parametrize("following", [REFUSED, UNREACHED], ids=["refused", "not sent"])
def test_a_persons_word_is_contradicted_also_after_an_attempt_that_executed_nothing(
    following: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome, (second,) = after_a_word(FAILED, DONE, tmp_path, Clocks(monkeypatch), following)
    assert isinstance(second, RefundRejected | NotSent)
    assert isinstance(outcome, RefundMismatch)
    with worker("blink", Scripted(DONE), sqlite_url(tmp_path)) as client:
        (listed,) = unresolved(client)
        assert (listed.state, listed.contradiction is None) == ("accepted", False)


@pytest.mark.parametrize(("word", "answer"), [(FAILED, DONE), (SUCCEEDED, REFUSED)])
def test_a_second_word_of_the_same_person_is_contradicted_too(
    word: RefundStatus, answer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks = Clocks(monkeypatch)
    with worker("blink", Scripted(LOST), sqlite_url(tmp_path)) as client:
        outcome_of(client, "blink")
        decide(client, FAILED, "blink")
    outcome, _ = after_a_word(word, answer, tmp_path, clocks)
    assert isinstance(outcome, RefundMismatch)


def test_a_late_loss_says_nothing_after_the_providers_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clocks, url, seen = Clocks(monkeypatch), sqlite_url(tmp_path), []

    def meanwhile() -> None:
        clocks.later(LEASE + 1)
        with worker("paybyrd", Scripted(reply(400, {"code": "BYRD205"})), url) as other:
            seen.append(type(outcome_of(other, "paybyrd")))  # under the same key: the verdict on both attempts
            assert known(other, "paybyrd").state == "free"

    with worker("paybyrd", Scripted(during(LOST, meanwhile)), url) as client:
        late = outcome_of(client, "paybyrd")
        assert isinstance(late, RefundRejected)
        assert late.resend is Resend.SAFE
        entry = known(client, "paybyrd")
    assert seen == [RefundRejected]
    assert (entry.state, entry.attempt) == ("free", 2)


def test_a_late_loss_says_nothing_after_an_acceptance_and_its_caller_gets_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome, _ = after_a_word(SUCCEEDED, LOST, tmp_path, Clocks(monkeypatch))
    assert isinstance(outcome, Refund)
    assert (outcome.status, outcome.replayed) == (SUCCEEDED, True)
    with worker("blink", Scripted(DONE), sqlite_url(tmp_path)) as client:
        assert client.ask("blink").replayed
        assert unresolved(client) == []


def test_a_late_unknown_reply_still_gives_what_to_ask_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clocks, url = Clocks(monkeypatch), sqlite_url(tmp_path)

    def meanwhile() -> None:
        clocks.later(LEASE + 1)
        with worker("paybyrd", Scripted(UNREACHED), url) as other:
            outcome_of(other, "paybyrd")

    unreadable = reply(500, b"", (("requestid", "request-1"),))
    with worker("paybyrd", Scripted(during(unreadable, meanwhile)), url) as client:
        assert isinstance(outcome_of(client, "paybyrd"), OutcomeUnknown)
    asked = Scripted(DONE)
    with worker("paybyrd", asked, url) as client, pytest.raises(Exception, match="could not be asked"):
        result(client, client.client.resolve("paybyrd", "reference-1"))
    assert [one.url.partition("?")[2] for one in asked.lookups] == ["requestId=request-1"]


def test_a_worker_that_slept_over_its_lease_sends_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks(monkeypatch)
    transport = Scripted(during(UNREACHED, lambda: clocks.later(LEASE)), DONE)
    retry = Retry(attempts=3, first_wait=0.001)
    with worker("blink", transport, sqlite_url(tmp_path), retry=retry) as client:
        error = outcome_of(client, "blink")
    assert isinstance(error, NotSent)
    assert "the machine slept" in str(error)
    assert len(transport.sent) == 1


# Calls that are interrupted, and processes that end.


def interrupted(folder: Path, kind: Kind, *, token: bool) -> None:
    """Interrupt a call in the fetch of its token, or while its refund is under way."""
    made: dict[str, Any] = {"kind": kind}
    if token:
        keyed = RECORDS["blink"].keyed_account(transport=Scripted(KeyboardInterrupt()))
        from tests.facade.support import caller

        client = caller(kind, keyed, ledger=sqlite_url(folder))
    else:
        client = worker("blink", Scripted(KeyboardInterrupt()), sqlite_url(folder), **made)
    with client, pytest.raises(KeyboardInterrupt):
        client.ask("blink")


@both_kinds
@pytest.mark.parametrize(("token", "state"), [(True, "free"), (False, "unknown")])
def test_a_process_hands_back_what_an_interrupted_call_held(
    kind: Kind, token: bool, state: str, tmp_path: Path
) -> None:
    interrupted(tmp_path, kind, token=token)
    transport = Scripted(DONE)
    with worker("blink", transport, sqlite_url(tmp_path)) as other:
        assert (known(other, "blink").state, known(other, "blink").attempt) == (state, 1)
        outcome = outcome_of(other, "blink")
    assert isinstance(outcome, Refund if token else OutcomeUnknown)
    assert len(transport.sent) == (1 if token else 0)


@pytest.mark.parametrize("state", ["free", "unknown"])
def test_an_interrupted_call_lets_its_reference_go_at_once_while_its_process_goes_on(state: str, url: str) -> None:
    if state == "free":
        transport = Scripted(KeyboardInterrupt())
        transport.tells_progress = True  # type: ignore[attr-defined]  # and it was interrupted before the first byte
    else:
        transport = Scripted(KeyboardInterrupt())
    with worker("blink", transport, url) as client, worker("blink", Scripted(DONE), url) as other:
        with pytest.raises(KeyboardInterrupt):
            client.ask("blink")
        until(lambda: known(other, "blink").state == state)
        assert known(other, "blink").attempt == 1


def test_a_cancelled_task_does_not_wait_for_the_ledger_and_leaves_its_reference_free(tmp_path: Path) -> None:
    url, transport = sqlite_url(tmp_path), Scripted(DONE)

    with worker("blink", transport, url, kind="async") as client:

        async def cancelled() -> float:
            call = client.client.refund("blink", payment_id=PAYMENT, amount=ONE_EURO, reference="reference-1")
            assert asyncio.iscoroutine(call)
            task = asyncio.create_task(call)
            await asyncio.sleep(0.2)
            started = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return time.monotonic() - started

        with locked(tmp_path):  # the reservation waits for it
            took = client.run(cancelled())
        assert client.ask("blink").status is SUCCEEDED
    assert took < 1
    assert len(transport.sent) == 1


def test_a_reference_that_could_not_be_handed_back_is_handed_back_when_the_client_is_closed(tmp_path: Path) -> None:
    url, free = sqlite_url(tmp_path), threading.Event()

    def keep_locked() -> None:
        with locked(tmp_path):
            started.set()
            free.wait(30)

    started, thread = threading.Event(), threading.Thread(target=keep_locked)

    def lock(_: object) -> Any:
        thread.start()
        started.wait(10)
        raise KeyboardInterrupt

    client = worker("blink", Scripted(lock), url)
    with pytest.raises(KeyboardInterrupt):
        client.ask("blink")
    free.set()
    thread.join()
    client.close()
    with worker("blink", Scripted(DONE), url) as other:
        assert known(other, "blink").state == "unknown"


@pytest.mark.parametrize("answer", [DONE, REFUSED])
def test_an_outcome_that_the_ledger_cannot_take_is_returned_all_the_same_and_recorded_later(
    answer: Any, tmp_path: Path
) -> None:
    url, free, started = sqlite_url(tmp_path), threading.Event(), threading.Event()

    def keep_locked() -> None:
        with locked(tmp_path):
            started.set()
            free.wait(30)

    thread = threading.Thread(target=keep_locked)

    def lock() -> None:
        thread.start()
        started.wait(10)

    client = worker("blink", Scripted(during(answer, lock)), url, retry=Retry(attempts=1, deadline=1.0))
    outcome = outcome_of(client, "blink")
    free.set()
    thread.join()
    assert isinstance(outcome, Refund | RefundRejected)
    assert outcome.recorded is False
    assert outcome.to_dict()["recorded"] is False
    client.close()
    with worker("blink", Scripted(DONE), url) as other:
        assert known(other, "blink").state == ("accepted" if answer is DONE else "free")


def test_nothing_is_sent_where_the_ledger_cannot_take_the_reservation(tmp_path: Path) -> None:
    transport = Scripted(DONE)
    with worker("blink", transport, sqlite_url(tmp_path), retry=Retry(attempts=1, deadline=0.3)) as client:
        with locked(tmp_path):
            error = outcome_of(client, "blink")
        assert isinstance(error, NotSent)
        assert client.ask("blink").status is SUCCEEDED
    assert len(transport.sent) == 1
    assert ONCE.attempts == 1
