"""A reference in a ledger that several clients share: its attempts and their keys, replays, conflicts, the window."""

import threading
from pathlib import Path
from typing import Any

import pytest

from refundry import (
    AuthenticationFailed,
    Money,
    NotSent,
    OutcomeUnknown,
    ReferenceConflict,
    Refund,
    RefundInProgress,
    RefundRejected,
    RefundStatus,
    Resend,
)
from tests.facade.ledgers import (
    DAY,
    LOST,
    UNREACHED,
    Clocks,
    during,
    key_of,
    known,
    left_unknown,
    outcome_of,
    result,
    sqlite_url,
    worker,
)
from tests.facade.support import KINDS, NO_STATE, ONCE, Kind, Scripted, accepted, reply, scripted
from tests.providers import PROVIDERS, RECORDS, WITHOUT_WINDOW
from tests.providers.record import ONE_EURO, PAYMENT

both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)
REFUSED = RECORDS["paybyrd"].refused
DENIED = reply(403, {"code": "BYRD403"})
DONE = accepted("paybyrd")
WINDOW = DAY - ONCE.deadline - ONCE.longest_wait


def keys(url: str | None, *answers: Any) -> list[str]:
    """Return the key of the request that each answer answers, each in a client of its own."""
    found = []
    for one in answers:
        transport = Scripted(one)
        with worker("paybyrd", transport, url) as client:
            outcome_of(client, "paybyrd")
        found += [key_of(request) for request in transport.sent]
    return found


def test_the_key_of_the_first_attempt_is_the_one_without_a_ledger(url: str) -> None:
    assert keys(url, DONE) == keys(None, DONE)


@pytest.mark.parametrize("answer", [REFUSED, DENIED, reply(401, b"")], ids=["refused", "denied", "not believed"])
def test_a_refusal_makes_the_next_attempt_for_every_process(url: str, answer: Any) -> None:
    first, second, third = keys(url, answer, answer, DONE)
    assert len({first, second, third}) == 3
    assert first == keys(None, DONE)[0]
    with worker("paybyrd", Scripted(DONE), url) as client:
        assert known(client, "paybyrd").attempt == 3


@pytest.mark.parametrize("answer", [LOST, UNREACHED, reply(503, b"")], ids=["lost", "not sent", "unreadable"])
def test_an_attempt_without_a_verdict_keeps_its_key(url: str, answer: Any) -> None:
    assert len({*keys(url, answer, DONE)}) == 1


def test_a_token_or_key_refused_before_sending_makes_the_next_attempt_too(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    with worker("blink", Scripted(reply(401, b"")), url) as client:
        assert isinstance(outcome_of(client, "blink"), AuthenticationFailed)
        assert known(client, "blink").attempt == 2


@pytest.mark.parametrize("answer", [REFUSED, DENIED])
def test_a_refusal_is_no_stored_answer_where_a_ledger_counts_the_attempts(tmp_path: Path, answer: Any) -> None:
    kinds = (RefundRejected, AuthenticationFailed)
    with worker("paybyrd", Scripted(answer), sqlite_url(tmp_path)) as client:
        counted = outcome_of(client, "paybyrd")
    with worker("paybyrd", Scripted(answer), None) as client:
        not_counted = outcome_of(client, "paybyrd")
    assert isinstance(counted, kinds)
    assert isinstance(not_counted, kinds)
    assert counted.same_answer_until is None
    assert not_counted.same_answer_until is not None
    assert "this reference may bring back this answer" not in str(counted)


def test_a_refund_that_has_failed_makes_the_next_attempt(url: str) -> None:
    pending = reply(200, {"code": "BYRD201", "isoAmount": 100, "transactionId": "refund-1"})
    failed = reply(200, {"transactionId": "refund-1", "status": "Denied", "code": "BYRD205"})
    first, second = Scripted(pending, state=failed), Scripted(reply(200, {"code": "BYRD200", "transactionId": "r-2"}))
    with worker("paybyrd", first, url) as client:
        refund = client.ask("paybyrd")
        assert refund.status is RefundStatus.PENDING
        assert result(client, client.client.lookup(refund)).status is RefundStatus.FAILED
    with worker("paybyrd", second, url) as client:
        assert client.ask("paybyrd").refund_id == "r-2"
    assert key_of(first.sent[0]) != key_of(second.sent[0])


def test_the_stored_answer_of_a_failed_refund_is_no_new_refund(url: str) -> None:
    pending = reply(200, {"code": "BYRD201", "isoAmount": 100, "transactionId": "refund-1"})
    failed = reply(200, {"transactionId": "refund-1", "status": "Denied", "code": "BYRD205"})
    with worker("paybyrd", Scripted(pending, state=failed), url) as client:
        result(client, client.client.lookup(client.ask("paybyrd")))
    with worker("paybyrd", Scripted(pending), url) as client:
        again = outcome_of(client, "paybyrd")
        assert isinstance(again, RefundRejected)
        assert "its stored answer" in str(again)
        assert known(client, "paybyrd").state == "free"


@both_kinds
@every_provider
def test_an_accepted_refund_is_replayed_after_a_restart(kind: Kind, provider: str, tmp_path: Path) -> None:
    url, unused = sqlite_url(tmp_path), Scripted(NO_STATE)
    with worker(provider, Scripted(accepted(provider)), url, kind=kind) as client:
        first = client.ask(provider)
    with worker(provider, unused, url, kind=kind) as client:
        second = client.ask(provider)
    kept = {"remaining": None, "provider_message": None, "request_id": None, "replayed": True}
    assert second.to_dict() == {**first.to_dict(), **kept}
    assert unused.sent == []


@both_kinds
@pytest.mark.parametrize("changes", [{"payment_id": "payment-2"}, {"amount": Money.of("1.01", "EUR")}])
@pytest.mark.parametrize("answer", [DONE, REFUSED, LOST, UNREACHED])
def test_another_refund_under_the_same_reference_is_a_conflict_after_a_restart(
    kind: Kind, changes: dict[str, Any], answer: Any, tmp_path: Path
) -> None:
    url, unused = sqlite_url(tmp_path), Scripted(DONE)
    arguments: dict[str, Any] = {"payment_id": PAYMENT, "amount": ONE_EURO, "reference": "reference-1"}
    with worker("paybyrd", Scripted(answer), url, kind=kind) as client:
        outcome_of(client, "paybyrd")
    with worker("paybyrd", unused, url, kind=kind) as client, pytest.raises(ReferenceConflict) as conflict:
        client.refund("paybyrd", **{**arguments, **changes})
    assert conflict.value.resend is Resend.NEVER
    assert unused.sent == []


@every_provider
def test_of_two_clients_at_the_same_moment_exactly_one_sends(provider: str, url: str) -> None:
    gate, results = threading.Barrier(4), []
    slow = threading.Event()
    transports = [Scripted(during(accepted(provider), lambda: slow.wait(5))) for _ in range(4)]

    def call(transport: Scripted) -> None:
        with worker(provider, transport, url) as client:
            gate.wait(10)
            results.append(outcome_of(client, provider))
            slow.set()

    threads = [threading.Thread(target=call, args=(one,)) for one in transports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(len(one.sent) for one in transports) == 1
    assert len(results) == 4
    assert [one.replayed for one in results if isinstance(one, Refund)].count(False) == 1
    assert all(isinstance(one, Refund | RefundInProgress) for one in results)


# The window of a provider that de-duplicates, and clocks that jump.


@both_kinds
def test_another_process_resends_an_unknown_refund_within_the_window_under_the_same_key(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks, url = Clocks(monkeypatch), sqlite_url(tmp_path)
    error = left_unknown("paybyrd", url)
    assert error.resend is Resend.SAME_REFERENCE
    clocks.later(WINDOW - 1)
    transport = Scripted(DONE)
    with worker("paybyrd", transport, url, kind=kind) as client:
        refund = client.ask("paybyrd")
    assert (refund.status, refund.replayed) == (RefundStatus.SUCCEEDED, False)
    assert [key_of(one) for one in transport.sent] == keys(None, DONE)


@pytest.mark.parametrize("clock", ["wall", "boot"])
@pytest.mark.parametrize("back", ["wall", "boot", None])
def test_beyond_the_window_by_either_clock_nothing_is_sent(
    clock: str, back: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks, url = Clocks(monkeypatch), sqlite_url(tmp_path)
    left_unknown("paybyrd", url)
    if back is not None:  # a person sets it back; the other one goes on
        setattr(clocks, back, getattr(clocks, back) - DAY / 24)
    setattr(clocks, clock, getattr(clocks, clock) + WINDOW + DAY / 24 + 1)
    transport = Scripted(DONE)
    with worker("paybyrd", transport, url) as client:
        error = outcome_of(client, "paybyrd")
        assert known(client, "paybyrd").state == "unknown"
    assert type(error) is OutcomeUnknown
    assert error.resend is Resend.NEVER
    assert transport.sent == []


def test_the_window_counts_from_the_first_attempt_of_any_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks, url = Clocks(monkeypatch), sqlite_url(tmp_path)
    left_unknown("paybyrd", url)
    clocks.later(WINDOW - 10)
    left_unknown("paybyrd", url)  # sent again, and lost again
    clocks.later(11)
    transport = Scripted(DONE)
    with worker("paybyrd", transport, url) as client:
        assert isinstance(outcome_of(client, "paybyrd"), OutcomeUnknown)
    assert transport.sent == []


@both_kinds
@pytest.mark.parametrize("provider", WITHOUT_WINDOW)
def test_an_unknown_refund_is_never_resent_where_nothing_de_duplicates_it(kind: Kind, provider: str, url: str) -> None:
    left_unknown(provider, url)
    transport = Scripted(accepted(provider))
    with worker(provider, transport, url, kind=kind) as client:
        error = outcome_of(client, provider)
    assert type(error) is OutcomeUnknown
    assert (error.resend, transport.sent) == (Resend.NEVER, [])


def test_an_attempt_that_was_not_sent_leaves_an_unknown_refund_unknown(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    left_unknown("paybyrd", url)
    with worker("paybyrd", Scripted(UNREACHED), url) as client:
        error = outcome_of(client, "paybyrd")
        assert known(client, "paybyrd").state == "unknown"
    assert type(error) is OutcomeUnknown
    assert not isinstance(error, NotSent)


# What is kept of each attempt.


def test_request_ids_are_returned_and_kept_with_each_attempt(url: str) -> None:
    def answer(status: int, body: object, number: int) -> Any:
        return reply(status, body, (("requestid", f"request-{number}"),))

    with worker("paybyrd", Scripted(answer(400, {"code": "BYRD205"}, 1)), url) as client:
        refused = outcome_of(client, "paybyrd")
    with worker("paybyrd", Scripted(answer(200, {"code": "BYRD200", "isoAmount": 100}, 2)), url) as client:
        refund = client.ask("paybyrd")
        tried = [
            line.facts["tried"]
            for line in result(client, client.client.ledger.history("paybyrd", "reference-1"))
            if "tried" in line.facts
        ]
    assert isinstance(refused, RefundRejected)
    assert (refused.request_id, refund.request_id) == ("request-1", "request-2")
    assert tried == [[["RefundRejected", 400, "request-1"]], [["SUCCEEDED", 200, "request-2"]]]


def test_a_stored_refund_of_an_older_version_is_recorded_and_has_no_request_id() -> None:
    with scripted("sync", "paybyrd", Scripted(DONE)) as client:
        stored = client.ask("paybyrd").to_dict()
    older = {name: value for name, value in stored.items() if name not in ("request_id", "recorded")}
    assert Refund.from_dict(older).recorded
    assert Refund.from_dict(older).request_id is None
    assert Refund.from_dict({**stored, "recorded": False, "request_id": "request-7"}).to_dict() == {
        **stored,
        "recorded": False,
        "request_id": "request-7",
    }
