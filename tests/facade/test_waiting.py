"""Waits for a final refund: when it is looked up, the failures that a wait survives, and its end."""

import asyncio
import math
import time
from email.utils import formatdate
from typing import Any, Final

import pytest

from refundry import (
    AsyncRefundClient,
    InvalidRefund,
    LookupFailed,
    Refund,
    RefundMismatch,
    RefundStatus,
    Resend,
    Retry,
    StillPending,
    WireReply,
)
from tests.facade.questions import HTML, LOST, UNREACHED, LookupScript, looked_up, pending, second_pending, state
from tests.facade.support import KINDS, Answer, Kind, Scripted, caller, scripted
from tests.providers import PROVIDERS, RECORDS, account, where
from tests.providers.record import ONE_EURO, reply

SUCCEEDED, PENDING, FAILED = RefundStatus.SUCCEEDED, RefundStatus.PENDING, RefundStatus.FAILED

both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)

NOON: Final = 1_700_000_000


def waiting(provider: str = "lab4pay") -> WireReply:
    """Return the state of a pending refund."""
    return state(provider, RECORDS[provider].states.in_progress)


def done(provider: str = "lab4pay") -> WireReply:
    """Return the state of a refund that is done."""
    return state(provider, RECORDS[provider].states.done)


def waited(kind: Kind, transport: Scripted, refund: Refund | None = None, **options: Any) -> Refund:
    """Wait for a refund, by default one at Lab4Pay that is pending."""
    with scripted(kind, "lab4pay", transport) as client:
        return looked_up(client, pending("lab4pay") if refund is None else refund, "wait", **options)


def given_up(kind: Kind, transport: Scripted, **options: Any) -> StillPending:
    """Return the exception of a refund at Lab4Pay that does not become final."""
    with pytest.raises(StillPending) as still:
        waited(kind, transport, **options)
    error = still.value
    assert (error.resend, error.provider, error.reference) == (Resend.NEVER, "lab4pay", "reference-1")
    assert error.refund.status is PENDING
    assert transport.sent == []
    return error


def too_many(*headers: tuple[str, str]) -> WireReply:
    return reply(429, b"{}", headers)


@both_kinds
@every_provider
@pytest.mark.parametrize("status", [SUCCEEDED, FAILED])
def test_a_final_refund_is_returned_unchanged_without_a_lookup(kind: Kind, provider: str, status: RefundStatus) -> None:
    transport = LookupScript(waiting(provider))
    refund = pending(provider, status=status, remaining=7, replayed=True)
    with scripted(kind, provider, transport) as client:
        assert looked_up(client, refund, "wait") == refund
        assert looked_up(client, refund.to_dict(), "wait") == refund
    assert transport.lookups == []


@both_kinds
@every_provider
@pytest.mark.parametrize(("word", "expected"), [("done", SUCCEEDED), ("undone", FAILED)])
def test_a_refund_is_looked_up_until_it_is_final(
    kind: Kind, provider: str, word: str, expected: RefundStatus, pauses: list[float]
) -> None:
    text = getattr(RECORDS[provider].states, word)
    transport = LookupScript(*[waiting(provider)] * 3, state(provider, "MISPLACED"), state(provider, text))
    with scripted(kind, provider, transport) as client:
        outcome = looked_up(client, pending(provider), "wait")
    assert (outcome.status, outcome.provider_code, outcome.replayed) == (expected, text, False)
    assert (len(transport.lookups), len(pauses)) == (5, 4)


@both_kinds
def test_a_wait_starts_with_a_lookup(kind: Kind, pauses: list[float]) -> None:
    assert waited(kind, LookupScript(done())).status is SUCCEEDED
    assert pauses == []


@both_kinds
def test_a_stored_refund_may_be_waited_for(kind: Kind, pauses: list[float]) -> None:
    with scripted(kind, "lab4pay", LookupScript(waiting(), done())) as client:
        assert looked_up(client, pending("lab4pay").to_dict(), "wait").status is SUCCEEDED
    assert len(pauses) == 1


@both_kinds
def test_the_time_between_two_lookups_grows_to_twenty_seconds(kind: Kind, pauses: list[float]) -> None:
    waited(kind, LookupScript(*[waiting()] * 20, done()), timeout=3600.0)
    longest = [min(1.5**number, 20.0) for number in range(20)]
    assert all(one / 2 <= pause <= one for pause, one in zip(pauses, longest, strict=True))


@both_kinds
def test_a_longer_poll_is_respected(kind: Kind, pauses: list[float]) -> None:
    waited(kind, LookupScript(*[waiting()] * 10, done()), timeout=3600.0, poll=60)
    assert len(pauses) == 10
    assert all(30.0 <= pause <= 60.0 for pause in pauses)


@both_kinds
def test_two_waits_have_different_pauses(kind: Kind, pauses: list[float]) -> None:
    for _ in range(2):
        waited(kind, LookupScript(*[waiting()] * 10, done()), timeout=3600.0)
    assert pauses[:10] != pauses[10:]


# The failures that a wait survives.


@both_kinds
@every_provider
def test_a_temporary_failure_of_a_lookup_does_not_end_the_wait(kind: Kind, provider: str, pauses: list[float]) -> None:
    passing: list[Answer | BaseException] = [
        LOST,
        UNREACHED,
        RuntimeError("odd"),
        reply(500),
        reply(503, HTML),
        reply(404, b"{}"),
        reply(408),
        too_many(),
        reply(200, HTML),
        reply(302),
        WireReply(200, (), done(provider).body, complete=False),
    ]
    transport = LookupScript(*passing, waiting(provider), *passing, done(provider))
    with scripted(kind, provider, transport) as client:
        assert looked_up(client, pending(provider), "wait").status is SUCCEEDED
    assert len(transport.lookups) == len(pauses) + 1 == 2 * len(passing) + 2


@both_kinds
def test_a_lookup_of_a_wait_is_not_retried_by_itself(kind: Kind, pauses: list[float]) -> None:
    transport = LookupScript(LOST, done())
    made = account("lab4pay", transport=transport)
    with caller(kind, made, retry=Retry(attempts=5, first_wait=20.0)) as client:
        looked_up(client, pending("lab4pay"), "wait", poll=1)
    assert len(pauses) == 1
    assert pauses[0] <= 1.0


@both_kinds
@every_provider
@pytest.mark.parametrize("answer", [reply(401, b"{}"), reply(401, HTML)])
def test_a_refusal_of_the_credentials_ends_the_wait(
    kind: Kind, provider: str, answer: WireReply, pauses: list[float]
) -> None:
    transport = LookupScript(waiting(provider), answer, done(provider))
    with scripted(kind, provider, transport) as client, pytest.raises(LookupFailed) as failed:
        looked_up(client, pending(provider), "wait")
    assert not failed.value.temporary
    assert failed.value.refund.provider_code == RECORDS[provider].states.in_progress
    assert len(pauses) == 1


@both_kinds
@pytest.mark.parametrize("provider", where(lambda record: "amount" in record.reports))
def test_a_mismatch_ends_the_wait(kind: Kind, provider: str, pauses: list[float]) -> None:
    wrong = RECORDS[provider].states.other_amount
    transport = LookupScript(
        waiting(provider), state(provider, RECORDS[provider].states.undone, **wrong), done(provider)
    )
    with scripted(kind, provider, transport) as client, pytest.raises(RefundMismatch) as mismatch:
        looked_up(client, pending(provider), "wait")
    assert mismatch.value.resend is Resend.NEVER
    assert len(pauses) == 1


# The waits that the provider requests.


@both_kinds
@every_provider
@pytest.mark.parametrize("status", [404, 429, 503])
def test_a_retry_after_in_seconds_is_honoured(kind: Kind, provider: str, status: int, pauses: list[float]) -> None:
    asking = reply(status, b"{}", (("retry-after", "30"),))
    with scripted(kind, provider, LookupScript(asking, waiting(provider), done(provider))) as client:
        assert looked_up(client, pending(provider), "wait").status is SUCCEEDED
    first, second = pauses
    assert first == 30.0
    assert second <= 1.5


@both_kinds
def test_a_retry_after_as_a_date_is_honoured_by_the_clock_of_the_server(kind: Kind, pauses: list[float]) -> None:
    date, until = formatdate(NOON, usegmt=True), formatdate(NOON + 30, usegmt=True)
    waited(kind, LookupScript(too_many(("date", date), ("retry-after", until)), done()))
    assert pauses == [30.0]


@both_kinds
def test_a_retry_after_as_a_date_is_honoured_without_a_clock_of_the_server(kind: Kind, pauses: list[float]) -> None:
    until = math.ceil(time.time()) + 30
    waited(kind, LookupScript(too_many(("retry-after", formatdate(until, usegmt=True))), done()))
    assert until - time.time() <= pauses[0] <= 31.0


@both_kinds
def test_a_shorter_retry_after_than_the_poll_changes_nothing(kind: Kind, pauses: list[float]) -> None:
    past = formatdate(NOON, usegmt=True)
    transport = LookupScript(too_many(("retry-after", "0")), too_many(("retry-after", past)), done())
    waited(kind, transport, poll=10.0)
    assert all(5.0 <= pause <= 15.0 for pause in pauses)


@both_kinds
@pytest.mark.parametrize(
    "headers",
    [
        (("retry-after", "121"),),
        (("date", formatdate(NOON, usegmt=True)), ("retry-after", formatdate(NOON + 3600, usegmt=True))),
        (("retry-after", "9" * 30),),
    ],
)
def test_a_retry_after_past_the_end_ends_the_wait_without_an_early_lookup(
    kind: Kind, headers: tuple[tuple[str, str], ...], pauses: list[float]
) -> None:
    transport = LookupScript(waiting(), too_many(*headers), done())
    error = given_up(kind, transport)
    assert error.refund.provider_code == "IN_PROGRESS"
    assert isinstance(error.__cause__, LookupFailed)
    assert error.__cause__.retry_after is not None
    assert error.__cause__.retry_after > 120
    assert (len(transport.lookups), len(pauses)) == (2, 1)


@both_kinds
def test_a_wait_lasts_two_minutes_by_default(kind: Kind, pauses: list[float]) -> None:
    asking = too_many(("retry-after", "110"))
    waited(kind, LookupScript(asking, done()))
    given_up(kind, LookupScript(asking, done()), timeout=100.0)
    waited(kind, LookupScript(asking, done()), timeout=200)
    assert pauses == [110.0, 110.0]


# The end of a wait.


@both_kinds
def test_a_refund_that_is_not_final_in_time_is_still_pending_with_its_last_state(kind: Kind) -> None:
    last = state("lab4pay", "IN_PROGRESS", more="last")
    transport = LookupScript(state("lab4pay", "INITIATED"), last)
    error = given_up(kind, transport, timeout=0.5, poll=0.02)
    assert error.refund == pending("lab4pay", provider_code="IN_PROGRESS")
    assert (error.raw, error.refund.raw, error.provider_code) == (last, last, "IN_PROGRESS")
    assert error.__cause__ is None
    assert error.__suppress_context__
    assert len(transport.lookups) > 2


@both_kinds
@pytest.mark.parametrize("answer", [LOST, UNREACHED, reply(503, HTML), reply(404, b"{}")], ids=repr)
def test_a_failed_last_lookup_is_the_cause_of_still_pending(kind: Kind, answer: Answer) -> None:
    error = given_up(kind, LookupScript(waiting(), answer), timeout=0.5, poll=0.02)
    assert error.refund.provider_code == "IN_PROGRESS"
    assert isinstance(error.__cause__, LookupFailed)
    assert error.__cause__.refund == error.refund
    assert error.__cause__.http_status == (answer.status if isinstance(answer, WireReply) else None)


@both_kinds
def test_a_failure_before_an_answer_is_not_the_cause(kind: Kind) -> None:
    assert given_up(kind, LookupScript(LOST, reply(500), waiting()), timeout=0.5, poll=0.02).__cause__ is None


@both_kinds
@pytest.mark.parametrize("poll", [0.05, 0.8, 60.0])
def test_a_wait_does_not_end_long_before_its_time(kind: Kind, poll: float) -> None:
    began = time.monotonic()
    given_up(kind, LookupScript(waiting()), timeout=0.8, poll=poll)
    assert time.monotonic() - began >= 0.6


@both_kinds
def test_each_lookup_gets_no_more_time_than_is_left(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    transport = LookupScript(waiting())
    answer = transport.send

    def send(request: Any, timeout: Any) -> Answer:
        given.append(timeout.total)
        return answer(request, timeout)

    monkeypatch.setattr(transport, "send", send)
    given_up(kind, transport, timeout=0.5, poll=0.02)
    assert len(given) > 2
    assert given == sorted(given, reverse=True)
    assert 0 < given[-1] < given[0] <= 0.5


@both_kinds
@pytest.mark.parametrize("name", ["timeout", "poll"])
@pytest.mark.parametrize("value", [0, -1, 0.0, math.nan, math.inf, 86_401, "1", None, True, [1]])
def test_an_invalid_time_is_refused_and_nothing_is_sent(kind: Kind, name: str, value: object) -> None:
    transport = LookupScript(done())
    for refund in (pending("lab4pay"), pending("lab4pay", status=SUCCEEDED)):
        with pytest.raises(InvalidRefund) as refused:
            waited(kind, transport, refund, **{name: value})
        assert refused.value.field == name
    assert transport.lookups == transport.sent == []


@both_kinds
@pytest.mark.parametrize("name", ["timeout", "poll"])
def test_an_invalid_time_says_nothing_about_the_refund(kind: Kind, name: str) -> None:
    options: dict[str, Any] = {name: 0}
    with pytest.raises(InvalidRefund) as refused:
        waited(kind, LookupScript(done()), **options)
    error = refused.value
    assert (error.resend, error.provider, error.reference) == (Resend.NEVER, "lab4pay", "reference-1")


# The states that a wait records.


@both_kinds
@every_provider
def test_a_refund_that_was_waited_for_is_replayed_as_done(kind: Kind, provider: str, pauses: list[float]) -> None:
    transport = LookupScript(waiting(provider), done(provider), answers=[RECORDS[provider].pending])
    with scripted(kind, provider, transport) as client:
        assert looked_up(client, client.ask(provider), "wait").status is SUCCEEDED
        second = client.ask(provider)
    assert (second.status, second.replayed, len(transport.sent), len(pauses)) == (SUCCEEDED, True, 1, 1)


@both_kinds
@every_provider
def test_a_refund_that_failed_during_a_wait_may_be_resent(kind: Kind, provider: str, pauses: list[float]) -> None:
    answers = [RECORDS[provider].pending, second_pending(provider)]
    transport = LookupScript(waiting(provider), state(provider, RECORDS[provider].states.undone), answers=answers)
    with scripted(kind, provider, transport) as client:
        assert looked_up(client, client.ask(provider), "wait").status is FAILED
        assert not client.ask(provider).replayed
    assert (len(transport.sent), len(pauses)) == (2, 1)


@both_kinds
def test_a_refund_that_is_still_pending_is_not_resent(kind: Kind) -> None:
    transport = LookupScript(waiting(), answers=[RECORDS["lab4pay"].pending])
    with scripted(kind, "lab4pay", transport) as client:
        refund = client.ask("lab4pay")
        with pytest.raises(StillPending):
            looked_up(client, refund, "wait", timeout=0.1, poll=0.02)
        second = client.ask("lab4pay")
    assert (second.status, second.replayed, len(transport.sent)) == (PENDING, True, 1)


# Simultaneous waits.


def test_the_tasks_of_one_client_wait_for_many_refunds() -> None:
    async def wait_for_all() -> list[Refund]:
        transport = LookupScript(*[waiting()] * 50, done())
        async with AsyncRefundClient([account("lab4pay", transport=transport)]) as client:
            waits = [client.wait(pending("lab4pay", reference=f"reference-{n}"), poll=0.01) for n in range(50)]
            return await asyncio.gather(*waits)

    assert {refund.status for refund in asyncio.run(wait_for_all())} == {SUCCEEDED}


def test_a_cancelled_wait_ends_at_once_and_leaves_the_refund_unchanged() -> None:
    transport = LookupScript(waiting(), answers=[RECORDS["lab4pay"].pending])

    async def cancelled() -> Refund:
        async with AsyncRefundClient([account("lab4pay", transport=transport)]) as client:
            refund = await client.refund_unreferenced("lab4pay", amount=ONE_EURO, reference="r-1")
            task = asyncio.create_task(client.wait(refund))
            while not transport.lookups:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await client.refund_unreferenced("lab4pay", amount=ONE_EURO, reference="r-1")

    second = asyncio.run(cancelled())
    assert (second.status, second.replayed, len(transport.sent)) == (PENDING, True, 1)
