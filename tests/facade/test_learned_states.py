"""The states that a client records from lookups, and what a reference allows afterwards."""

import contextlib
from dataclasses import replace

import pytest

from refundry import (
    LookupFailed,
    RefundMismatch,
)
from tests.facade.questions import (
    FAILED,
    HTML,
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
from tests.facade.support import KINDS, Answer, Kind, scripted
from tests.providers import PROVIDERS, RECORDS, where
from tests.providers.record import reply

both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)


# The states of lookups.


@both_kinds
@every_provider
def test_a_refund_that_a_lookup_finds_done_is_replayed_as_done(kind: Kind, provider: str) -> None:
    transport = LookupScript(state(provider, RECORDS[provider].states.done), answers=[RECORDS[provider].pending])
    with scripted(kind, provider, transport) as client:
        refund = client.ask(provider)
        assert refund.status is PENDING
        assert looked_up(client, refund).status is SUCCEEDED
        second = client.ask(provider)
    assert (second.status, second.replayed) == (SUCCEEDED, True)
    assert len(transport.sent) == 1


@both_kinds
@every_provider
def test_a_failed_refund_may_be_resent(kind: Kind, provider: str) -> None:
    answers = [RECORDS[provider].pending, second_pending(provider)]
    transport = LookupScript(state(provider, RECORDS[provider].states.undone), answers=answers)
    with scripted(kind, provider, transport) as client:
        assert looked_up(client, client.ask(provider)).status is FAILED
        repeated = client.ask(provider)
        assert (repeated.status, repeated.replayed, repeated.refund_id) == (PENDING, False, "refund-2")
        assert client.ask(provider).replayed
    first, second = transport.sent
    # One key for a reference for good, so that no other process can send it under a second one.
    assert (first.headers, first.body) == (second.headers, second.body)


@both_kinds
def test_a_failed_202_may_be_resent_under_its_key(kind: Kind) -> None:
    accepting = [reply(202, {"links": {"href": LINK}}), reply(202, {"links": {"href": LINK.replace("-1", "-2")}})]
    transport = LookupScript(tracked(transaction(status="Denied", code="BYRD205")), answers=accepting)
    with scripted(kind, "paybyrd", transport) as client:
        refund = client.ask("paybyrd")
        assert looked_up(client, refund).status is FAILED
        second = client.ask("paybyrd")
        assert (second.replayed, second.tracking_id) == (False, LINK.replace("-1", "-2"))
        # A lookup of the first says nothing about the second.
        assert looked_up(client, refund).status is FAILED
        assert client.ask("paybyrd").replayed
    assert len({dict(request.headers)["idempotency-key"] for request in transport.sent}) == 1


@both_kinds
@every_provider
@pytest.mark.parametrize("word", ["done", "undone"])
def test_the_state_of_another_refund_changes_nothing(kind: Kind, provider: str, word: str) -> None:
    transport = LookupScript(
        state(provider, getattr(RECORDS[provider].states, word)), answers=[RECORDS[provider].pending]
    )
    with scripted(kind, provider, transport) as client:
        refund = client.ask(provider)
        for other in (replace(refund, refund_id="refund-2"), replace(refund, reference="reference-2")):
            looked_up(client, other)
        second = client.ask(provider)
    assert (second.status, second.replayed, len(transport.sent)) == (PENDING, True, 1)


@both_kinds
@every_provider
def test_a_state_recorded_by_another_client_changes_nothing(kind: Kind, provider: str) -> None:
    transport = LookupScript(state(provider, RECORDS[provider].states.undone), answers=[RECORDS[provider].pending])
    with scripted(kind, provider, transport) as client, scripted(kind, provider, transport) as other:
        assert looked_up(other, client.ask(provider)).status is FAILED
        second = client.ask(provider)
    assert (second.status, second.replayed, len(transport.sent)) == (PENDING, True, 1)


@both_kinds
@every_provider
@pytest.mark.parametrize(
    "answer", [LOST, reply(404, b"{}"), reply(200, HTML), reply(200, {"status": "MISPLACED", "data": {}})]
)
def test_an_answer_that_is_not_final_changes_nothing(kind: Kind, provider: str, answer: Answer) -> None:
    transport = LookupScript(answer, answers=[RECORDS[provider].pending])
    with scripted(kind, provider, transport) as client:
        refund = client.ask(provider)
        with contextlib.suppress(LookupFailed):
            assert looked_up(client, refund).status is PENDING
        second = client.ask(provider)
    assert (second.status, second.replayed, len(transport.sent)) == (PENDING, True, 1)


@pytest.mark.parametrize("provider", where(lambda record: "amount" in record.reports))
def test_a_mismatch_changes_nothing(provider: str) -> None:
    wrong = RECORDS[provider].states.other_amount
    transport = LookupScript(
        state(provider, RECORDS[provider].states.undone, **wrong), answers=[RECORDS[provider].pending]
    )
    with scripted("sync", provider, transport) as client:
        with pytest.raises(RefundMismatch):
            looked_up(client, client.ask(provider))
        assert client.ask(provider).replayed
    assert len(transport.sent) == 1


@both_kinds
@pytest.mark.parametrize("verb", ["wait", "cancel"])
def test_a_state_that_the_caller_sets_frees_no_reference(kind: Kind, verb: str) -> None:
    transport = LookupScript(state("lab4pay", "INITIATED"), answers=[RECORDS["lab4pay"].pending])
    with scripted(kind, "lab4pay", transport) as client:
        claimed = replace(client.ask("lab4pay"), status=FAILED)
        assert looked_up(client, claimed, verb) == claimed
        assert transport.lookups == []
        assert client.ask("lab4pay").replayed
    assert len(transport.sent) == 1


@both_kinds
@pytest.mark.parametrize("word", ["Success", "Denied"])
def test_the_transaction_of_one_reference_is_not_mistaken_for_the_transaction_of_another(kind: Kind, word: str) -> None:
    accepting = [RECORDS["paybyrd"].pending, reply(202, {"links": {"href": LINK}})]
    transport = LookupScript(tracked(transaction(status=word, code=None)), answers=accepting)
    with scripted(kind, "paybyrd", transport) as client:
        client.ask("paybyrd", reference="reference-1")
        refund = client.ask("paybyrd", reference="reference-2")
        with contextlib.suppress(LookupFailed, RefundMismatch):
            assert looked_up(client, refund).status is PENDING
        second = client.ask("paybyrd", reference="reference-2")
    assert (second.status, second.replayed, len(transport.sent)) == (PENDING, True, 2)
