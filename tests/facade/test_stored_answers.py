"""What is recorded of a reference, and returned later: a replay, a stored refusal, a failed refund."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from refundry import AuthenticationFailed, OutcomeUnknown, Reason, Refund, RefundRejected, Resend, WireReply
from tests.facade.questions import (
    FAILED,
    LINK,
    LOST,
    PENDING,
    SUCCEEDED,
    LookupScript,
    looked_up,
    second_pending,
    state,
    tracked,
    transaction,
)
from tests.facade.support import KINDS, Answer, Kind, Scripted, scripted
from tests.providers import PROVIDERS, RECORDS
from tests.providers.record import reply

both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)

# A replay.


def whole(provider: str, *, done: bool) -> WireReply:
    """Return an acceptance of the first refund with every field that the provider can send."""
    record = RECORDS[provider]
    answer = reply(200, record.whole) if done else record.whole_pending
    return replace(answer, headers=(("x-name", "a value"),))


@both_kinds
@every_provider
@pytest.mark.parametrize("done", [True, False])
def test_a_replay_has_what_a_lookup_needs_and_no_reply(kind: Kind, provider: str, done: bool) -> None:
    with scripted(kind, provider, Scripted(whole(provider, done=done))) as client:
        first = client.ask(provider)
        second = client.ask(provider)
    assert first.raw == whole(provider, done=done)
    assert (second.raw, second.provider_message, second.remaining, second.replayed) == (None, None, None, True)
    for name in ("provider", "reference", "status", "amount", "refund_id", "payment_id", "tracking_id"):
        assert getattr(second, name) == getattr(first, name)
    assert (second.provider_code, second.sent_at) == (first.provider_code, first.sent_at)
    assert Refund.from_dict(second.to_dict()) == second


@both_kinds
@every_provider
def test_a_replay_of_a_recorded_state_holds_no_reply(kind: Kind, provider: str) -> None:
    answer = state(provider, RECORDS[provider].states.done, message="A sentence", description="A sentence")
    transport = LookupScript(answer, answers=[RECORDS[provider].pending])
    with scripted(kind, provider, transport) as client:
        refund = client.ask(provider)
        recorded = looked_up(client, refund)
        second = client.ask(provider)
    assert recorded.raw == answer
    assert (second.status, second.replayed, second.sent_at) == (SUCCEEDED, True, refund.sent_at)
    assert (second.raw, second.provider_message, second.remaining) == (None, None, None)


@every_provider
def test_a_refund_says_when_it_was_sent(provider: str) -> None:
    before = datetime.now(UTC)
    with scripted("sync", provider, Scripted(RECORDS[provider].pending)) as client:
        sent_at = client.ask(provider).sent_at
    assert sent_at is not None
    assert before <= sent_at <= datetime.now(UTC)
    assert sent_at.utcoffset() == timedelta(0)


def test_a_resent_refund_says_when_it_was_first_sent() -> None:
    clock: list[datetime] = []

    def lose(_: object) -> Answer:
        clock.append(datetime.now(UTC))
        return LOST

    before = datetime.now(UTC)
    with scripted("sync", "paybyrd", Scripted(lose, LOST, RECORDS["paybyrd"].pending)) as client:
        for _ in range(2):
            with pytest.raises(OutcomeUnknown):
                client.ask("paybyrd")
        sent_at = client.ask("paybyrd").sent_at
    assert sent_at is not None
    assert before <= sent_at <= clock[0]


# A refusal that the provider has stored.

ROWS: Final = [(provider, case) for provider, record in RECORDS.items() for case in record.refusals]


@both_kinds
@pytest.mark.parametrize(("provider", "case"), ROWS)
def test_a_refusal_says_until_when_its_reference_gets_the_same_answer(kind: Kind, provider: str, case: str) -> None:
    refusal = RECORDS[provider].refusals[case]
    answer, cls = refusal.answer, refusal.raises
    window = RECORDS[provider].window
    with scripted(kind, provider, Scripted(answer)) as client:
        for _ in range(2):  # counted from each answer: a process cannot know whether its request is the first
            before = datetime.now(UTC)
            with pytest.raises(cls) as refused:
                client.ask(provider)
            error: Any = refused.value
            until = error.same_answer_until
            assert (type(refused.value), refused.value.resend) == (cls, Resend.SAFE)
            if window is None:
                assert until is None
                assert "this reference" not in str(refused.value)
            else:
                assert until is not None
                assert before + window <= until <= datetime.now(UTC) + window
                assert f"until {until:%Y-%m-%d %H:%M} UTC" in str(refused.value)


@pytest.mark.parametrize("case", RECORDS["paybyrd"].refusals)
def test_another_reference_is_not_advised_where_an_earlier_success_may_be_the_cause(case: str) -> None:
    refusal = RECORDS["paybyrd"].refusals[case]
    answer, cls = refusal.answer, refusal.raises
    with scripted("sync", "paybyrd", Scripted(answer)) as client, pytest.raises(cls) as refused:
        client.ask("paybyrd")
    its_own = case in ("already refunded", "exceeds remaining")
    assert ("give it up for good" in str(refused.value)) is not its_own
    assert ("an earlier success of this very refund" in str(refused.value)) is its_own


@pytest.mark.parametrize("case", RECORDS["paybyrd"].refusals)
def test_a_refused_reference_is_resent_under_the_same_key(case: str) -> None:
    transport = Scripted(RECORDS["paybyrd"].refusals[case].answer, RECORDS["paybyrd"].pending)
    with scripted("sync", "paybyrd", transport) as client:
        with pytest.raises((RefundRejected, AuthenticationFailed)):
            client.ask("paybyrd")
        assert not client.ask("paybyrd").replayed
    first, second = transport.sent
    assert (first.headers, first.body) == (second.headers, second.body)
    assert "idempotency-key" in dict(first.headers)


# After a refund that has failed.

LATER: Final = reply(202, {"code": "BYRD010", "links": {"href": LINK}})
SECOND_LATER: Final = reply(202, {"code": "BYRD010", "links": {"href": LINK.replace("-1", "-2")}})


def undone(provider: str) -> WireReply:
    """Return the state of a refund that has failed."""
    return state(provider, RECORDS[provider].states.undone)


def undone_by_link(_: str) -> WireReply:
    """Return the list with a refund that has failed."""
    return tracked(transaction(status="Denied", code="BYRD205"))


FAILURES: Final[dict[str, tuple[str, WireReply, Callable[[str], WireReply], WireReply, WireReply]]] = {
    # The provider, the acceptance of the refund, its failure, the stored answer, and the acceptance of a second refund.
    **{
        f"an id at {provider}{variant}": (provider, RECORDS[provider].pending, undone, stored, second_pending(provider))
        for provider in PROVIDERS
        for variant, stored in (
            ("", RECORDS[provider].pending),
            (" in another reply", whole(provider, done=False)),
            (" that is done", whole(provider, done=True)),
        )
    },
    "a link": ("paybyrd", LATER, undone_by_link, LATER, SECOND_LATER),
    "the id that a link led to": (
        *("paybyrd", LATER, undone_by_link),
        *(RECORDS["paybyrd"].pending, second_pending("paybyrd")),
    ),
}


@both_kinds
@pytest.mark.parametrize("case", FAILURES)
def test_an_acceptance_with_the_id_of_a_failed_refund_is_not_a_new_refund(kind: Kind, case: str) -> None:
    provider, accepting, failure, stored, second = FAILURES[case]
    transport = LookupScript(failure(provider), answers=[accepting, stored, stored, second])
    window = RECORDS[provider].window
    with scripted(kind, provider, transport) as client:
        assert looked_up(client, client.ask(provider)).status is FAILED
        for _ in range(2):
            before = datetime.now(UTC)
            with pytest.raises(RefundRejected, match="stored answer") as refused:
                client.ask(provider)
            error = refused.value
            assert (type(error), error.reason, error.resend) == (RefundRejected, Reason.OTHER, Resend.SAFE)
            assert (error.raw, error.provider, error.reference) == (stored, provider, "reference-1")
            until = error.same_answer_until
            assert (until is None) if window is None else (until is not None and until >= before + window)
        repeated = client.ask(provider)
        assert (repeated.status, repeated.replayed) == (PENDING, False)
        assert client.ask(provider).replayed
    assert len(transport.sent) == 4


@both_kinds
@every_provider
def test_each_failed_refund_of_a_reference_is_remembered(kind: Kind, provider: str) -> None:
    first, second = RECORDS[provider].pending, second_pending(provider)
    transport = LookupScript(undone(provider), answers=[first, second, first, second])
    with scripted(kind, provider, transport) as client:
        for refund_id in ("refund-1", "refund-2"):
            refund = client.ask(provider)
            assert refund.refund_id == refund_id
            assert looked_up(client, refund).status is FAILED
        for _ in range(2):
            with pytest.raises(RefundRejected, match="stored answer"):
                client.ask(provider)
    assert len(transport.sent) == 4


@both_kinds
@every_provider
def test_a_failure_under_one_reference_says_nothing_about_another(kind: Kind, provider: str) -> None:
    answers = [RECORDS[provider].pending, second_pending(provider)]
    transport = LookupScript(undone(provider), answers=answers)
    with scripted(kind, provider, transport) as client:
        assert looked_up(client, client.ask(provider)).status is FAILED
        assert client.ask(provider, reference="reference-2").status is PENDING
        assert client.ask(provider, reference="reference-2").replayed
