"""Properties of every provider's translation: lookups, callbacks and access tokens."""

import json
from typing import Any

import pytest

from refundry import (
    AuthenticationFailed,
    InvalidRefund,
    LookupFailed,
    NotSent,
    Operation,
    Refund,
    RefundMismatch,
    RefundStatus,
    UnsupportedOperation,
    WebhookRejected,
)
from tests.facade.questions import found, looked_up, pending, second_pending
from tests.facade.support import NO_STATE, Scripted, scripted
from tests.facade.tokens import bearer, shop
from tests.providers.cases import ALL, client_of, every_record
from tests.providers.record import PAYMENT, REFUND, ProviderRecord, reply

with_proof = pytest.mark.parametrize(
    "record", [record for record in ALL if record.callbacks.account], ids=lambda record: record.name
)
with_tokens = pytest.mark.parametrize("record", [record for record in ALL if record.tokens], ids=lambda one: one.name)


# Lookups.


@every_record
def test_a_lookup_is_a_get_of_the_refunds_own_transaction(record: ProviderRecord) -> None:
    transport = Scripted(NO_STATE, state=record.states.reply(record.states.done))
    with scripted("sync", record.name, transport) as client:
        refund = looked_up(client, pending(record.name))
    (lookup,) = transport.lookups
    assert (refund.status, transport.sent) == (RefundStatus.SUCCEEDED, [])
    assert (lookup.method, lookup.url, lookup.body) == ("GET", record.states.url, b"")
    assert {name: secret.reveal() for name, secret in lookup.credentials} == record.proof


@every_record
def test_every_word_for_a_state_means_what_the_record_says(record: ProviderRecord) -> None:
    for word, status in record.states.words.items():
        refund, deviations = found(record.name, record.states.reply(word))
        assert isinstance(refund, Refund)
        assert (refund.status, refund.provider_code, deviations) == (status, word, []), word
    assert {*record.states.words.values()} == {*RefundStatus}


@every_record
def test_an_unlisted_word_is_pending_and_reported(record: ProviderRecord) -> None:
    words: tuple[object, ...] = (*record.states.unlisted, "", " ", "\u0130N_PROGRESS", "\uff33uccess")
    for word in (*words, None, True, 7, 1.5, [], ["SUCCESS"], {}, {"status": "Success"}, ...):
        refund, deviations = found(record.name, record.states.reply(word))
        assert isinstance(refund, Refund)
        assert (refund.status, deviations) == (RefundStatus.PENDING, [record.states.at]), word


@every_record
def test_a_whole_transaction_is_read_without_deviations(record: ProviderRecord) -> None:
    states = record.states
    refund, deviations = found(record.name, states.reply(states.done, **states.transaction))
    assert isinstance(refund, Refund)
    assert (refund.status, refund.refund_id, deviations) == (RefundStatus.SUCCEEDED, REFUND, [])


@pytest.mark.parametrize("record", [record for record in ALL if record.states.id_at], ids=lambda one: one.name)
def test_the_state_of_another_refund_is_a_mismatch(record: ProviderRecord) -> None:
    name = str(record.states.id_at).rpartition("/")[2]
    other: dict[str, Any] = {name: "refund-2"}
    mismatch, _ = found(record.name, record.states.reply(record.states.done, **other))
    assert isinstance(mismatch, RefundMismatch)
    assert mismatch.differences == (("refund_id", REFUND, "refund-2"),)


@every_record
def test_an_error_gives_no_state_whatever_it_says(record: ProviderRecord) -> None:
    saying = [record.states.reply(word).body for word in record.states.words]
    bodies = [b"", b"{}", b"[]", b"\xff", b"<html>", b'{"success": true, "code": "BYRD200"}', *saying]
    for status in range(400, 600):  # each status with some bodies, and each body with the statuses that differ
        some = bodies if status in (400, 401, 403, 404, 429, 500) else [b"{}", bodies[status % len(bodies)]]
        for body in some:
            failed, _ = found(record.name, reply(status, body))
            assert type(failed) is LookupFailed, (status, body)
            assert (failed.refund, failed.http_status) == (pending(record.name), status)
            assert failed.temporary is (status not in (401, 403)), (status, body)


@every_record
def test_a_refund_without_a_valid_id_is_not_looked_up(record: ProviderRecord) -> None:
    transport = Scripted(NO_STATE, state=record.states.reply(record.states.done))
    with scripted("sync", record.name, transport) as client:
        with pytest.raises(UnsupportedOperation):
            looked_up(client, pending(record.name, refund_id=None))
        for unfit in ("..", "", "a/b", "a?b", "a%2fb", "a\r\nb", "\xe9", "a" * 201):
            with pytest.raises(InvalidRefund):
                looked_up(client, pending(record.name, refund_id=unfit))
    assert transport.lookups == transport.sent == []


@every_record
def test_a_recorded_failure_frees_the_reference(record: ProviderRecord) -> None:
    transport = Scripted(record.pending, second_pending(record.name), state=record.states.reply(record.states.undone))
    with scripted("sync", record.name, transport) as client:
        assert looked_up(client, client.ask(record.name)).status is RefundStatus.FAILED
        assert not client.ask(record.name).replayed
    assert len(transport.sent) == 2


# Callbacks.


@with_proof
def test_a_callback_with_its_proof_is_believed_and_says_how_far_the_refund_is(record: ProviderRecord) -> None:
    client = client_of(record, Scripted(NO_STATE), **record.callbacks.account)
    for word, status in {**record.states.words, **record.callbacks.words}.items():
        body = json.dumps(record.callbacks.body({"id": REFUND, "status": word}, {})).encode()
        event = client.webhook(record.name, headers=record.callbacks.proof(body), body=body)
        assert (event.authentic, event.refund_id, event.payment_id, event.status) == (True, REFUND, PAYMENT, status)


@with_proof
def test_a_callback_with_a_wrong_proof_or_none_is_rejected(record: ProviderRecord) -> None:
    client = client_of(record, Scripted(NO_STATE), **record.callbacks.account)
    body = json.dumps(record.callbacks.body({"id": REFUND, "status": record.states.done}, {})).encode()
    proof = record.callbacks.proof(body)
    for headers in ({}, dict.fromkeys(proof, ""), dict.fromkeys(proof, "0" * 64)):
        with pytest.raises(WebhookRejected):
            client.webhook(record.name, headers=headers, body=body)
    if record.callbacks.proves == "signature":
        with pytest.raises(WebhookRejected):
            client.webhook(record.name, headers=proof, body=body + b" ")


@every_record
def test_a_callback_is_not_believed_by_an_account_that_cannot_prove_it(record: ProviderRecord) -> None:
    client = client_of(record, Scripted(NO_STATE))
    body = json.dumps(record.callbacks.body({"id": REFUND, "status": record.states.done}, {})).encode()
    if record.callbacks.proves == "nothing":
        event = client.webhook(record.name, headers={}, body=body)
        assert (event.authentic, event.status, event.refund_id) == (False, None, REFUND)
    else:
        with pytest.raises(InvalidRefund) as refused:
            client.webhook(record.name, headers=record.callbacks.proof(body), body=body)
        assert refused.value.field in record.callbacks.account


@every_record
def test_a_redelivery_has_the_identity_of_the_first_delivery(record: ProviderRecord) -> None:
    client = client_of(record, Scripted(NO_STATE), **record.callbacks.account)
    identities = []
    for word, more in (
        (record.states.done, {}),
        (record.states.done, record.callbacks.noise),
        (record.states.undone, {}),
    ):
        body = json.dumps(record.callbacks.body({"id": REFUND, "status": word}, more)).encode()
        identities.append(client.webhook(record.name, headers=record.callbacks.proof(body), body=body).identity)
    assert identities[0] == identities[1] != identities[2]


# Tokens.


@with_tokens
def test_a_token_is_fetched_once_with_the_keys_and_sent_with_each_refund(record: ProviderRecord) -> None:
    assert record.tokens is not None
    with shop("sync", record.name) as it:
        for number in range(2):
            it.client.ask(record.name, reference=f"reference-{number}")
    (request,) = it.tokens.sent
    assert request.target == record.tokens.path
    assert set(record.tokens.keys.values()) <= set(json.loads(bytes(request.body)).values())
    assert [attempt.operation for attempt in it.attempts] == [Operation.TOKEN, *[record.operation] * 2]
    assert [bearer(sent) for sent in it.rest.sent] == ["test-token-1"] * 2


@with_tokens
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503, 520])
def test_a_refund_without_a_token_is_not_sent(record: ProviderRecord, status: int) -> None:
    assert record.tokens is not None
    expected = AuthenticationFailed if status in record.tokens.keys_refused else NotSent
    for body in (b"{}", b"<html>"):
        with shop("sync", record.name, reply(status, body)) as it, pytest.raises(expected) as failed:
            it.client.ask(record.name)
        assert type(failed.value) is expected
        assert it.rest.sent == []
