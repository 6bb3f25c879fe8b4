"""Properties of every provider's translation: replies to a refund, with any content."""

import json
import pickle
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from refundry import (
    AuthenticationFailed,
    Money,
    Operation,
    OutcomeUnknown,
    Refund,
    RefundClient,
    RefundError,
    RefundMismatch,
    RefundRejected,
    Resend,
    WireReply,
    WireRequest,
)
from tests.facade.canary import assert_hidden, canaried, everything
from tests.facade.support import ONCE, Scripted, deviations, outcome_for_caller, scripted
from tests.providers.cases import ALL, every_record
from tests.providers.record import ONE_EURO, PAYMENT, REFUND, ProviderRecord, Refusal, reply, value_at

HTML = b"<html><body>It did not work</body></html>"
every_refusal = pytest.mark.parametrize(
    ("record", "refusal"),
    [pytest.param(record, one, id=f"{record.name}-{name}") for record in ALL for name, one in record.refusals.items()],
)


def whole(record: ProviderRecord, status: int = 200) -> WireReply:
    return reply(status, record.accepted)


# Requests.


@every_record
def test_a_refund_is_a_post_to_the_providers_host_with_the_credentials_apart(record: ProviderRecord) -> None:
    transport = Scripted(whole(record))
    with scripted("sync", record.name, transport) as client:
        client.ask(record.name)
    (sent,) = transport.sent
    assert (sent.method, sent.url) == ("POST", record.url)
    assert {name: secret.reveal() for name, secret in sent.credentials} == record.proof
    assert not {name.lower() for name in record.proof} & {name.lower() for name, _ in sent.headers}
    assert not any(secret in f"{sent!r} {sent.body!r}" for secret in record.credentials.values())
    keyed = [name for name, _ in sent.headers if name.lower() == "idempotency-key"]
    if record.key_at is None:
        assert len(keyed) == record.deduplicates
    else:
        assert (keyed, type(value_at(json.loads(sent.body), record.key_at))) == ([], str)


@every_record
def test_a_refund_that_is_prepared_is_not_sent_and_shows_no_credential(record: ProviderRecord) -> None:
    transport = Scripted(whole(record))
    with scripted("sync", record.name, transport) as client:
        prepared = client.client.prepare(record.name, payment_id=PAYMENT, amount=ONE_EURO, reference="reference-1")
    assert transport.sent == []
    assert (prepared.method, prepared.url.startswith(record.origin)) == ("POST", True)
    assert not any(secret in repr(prepared) for secret in record.credentials.values())


@every_record
def test_an_amount_is_written_in_the_providers_units(record: ProviderRecord) -> None:
    transport = Scripted(whole(record))
    with scripted("sync", record.name, transport) as client:
        client.ask(record.name)
    amount = value_at(json.loads(transport.sent[0].body), record.contract.amount_at)
    assert (amount, type(amount)) == (1 if record.contract.major_units else 100, int)


# Replies that accept.


@every_record
def test_an_acceptance_is_a_refund_without_deviations(record: ProviderRecord) -> None:
    refund = outcome_for_caller(record.name, whole(record))
    assert isinstance(refund, Refund)
    assert (refund.status, refund.provider, refund.reference) == (record.accepted_as, record.name, "reference-1")
    assert (refund.amount, refund.replayed) == (ONE_EURO, False)
    assert refund.raw == whole(record)
    assert Refund.from_dict(refund.to_dict()) == refund
    assert deviations(record.name, whole(record)) == []


@every_record
def test_an_acceptance_for_later_is_pending_and_has_an_id(record: ProviderRecord) -> None:
    for answer in (record.pending, record.whole_pending):
        refund = outcome_for_caller(record.name, answer)
        assert isinstance(refund, Refund)
        assert (refund.status.name, refund.refund_id) == ("PENDING", REFUND)
        assert deviations(record.name, answer) == []


@every_record
def test_an_acceptance_is_replayed_under_its_reference_and_not_resent(record: ProviderRecord) -> None:
    transport = Scripted(whole(record))
    with scripted("sync", record.name, transport) as client:
        first, second = client.ask(record.name), client.ask(record.name)
    assert (first.status, second.status, second.replayed) == (record.accepted_as, record.accepted_as, True)
    assert len(transport.sent) == 1


@pytest.mark.parametrize(
    ("record", "name"),
    [pytest.param(record, name, id=f"{record.name}-{name}") for record in ALL for name in sorted(record.differing)],
)
def test_a_reply_with_another_value_than_the_request_is_a_mismatch(record: ProviderRecord, name: str) -> None:
    mismatch = outcome_for_caller(record.name, reply(200, record.differing[name]))
    assert isinstance(mismatch, RefundMismatch)
    assert [difference[0] for difference in mismatch.differences] == [name]
    assert mismatch.resend is (Resend.SAME_REFERENCE if record.deduplicates else Resend.NEVER)


# Replies that refuse.


@every_refusal
def test_a_refusal_has_its_own_exception_and_may_be_resent(record: ProviderRecord, refusal: Refusal) -> None:
    error = outcome_for_caller(record.name, refusal.answer)
    assert type(error) is refusal.raises
    assert isinstance(error, RefundRejected | AuthenticationFailed)
    assert getattr(error, "reason", None) is refusal.reason
    assert (error.resend, error.http_status, error.raw) == (Resend.SAFE, refusal.answer.status, refusal.answer)
    assert (error.provider, error.reference, error.amount) == (record.name, "reference-1", ONE_EURO)
    assert deviations(record.name, refusal.answer) == []


@every_refusal
def test_a_refusal_can_be_pickled_and_stored_as_json(record: ProviderRecord, refusal: Refusal) -> None:
    error = outcome_for_caller(record.name, refusal.answer)
    assert isinstance(error, RefundError)
    second = pickle.loads(pickle.dumps(error))
    assert (type(second), second.args, vars(second)) == (type(error), error.args, vars(error))
    stored = RefundError.from_dict(json.loads(json.dumps(error.to_dict())))
    assert (type(stored), str(stored), stored.resend) == (type(error), str(error), error.resend)


@every_refusal
def test_a_refused_reference_is_free(record: ProviderRecord, refusal: Refusal) -> None:
    transport = Scripted(refusal.answer, whole(record))
    with scripted("sync", record.name, transport) as client:
        with pytest.raises(refusal.raises):
            client.ask(record.name)
        assert not client.ask(record.name).replayed
    assert len(transport.sent) == 2


# Replies that say nothing.


@every_record
@pytest.mark.parametrize("status", [200, 400, 403, 404, 500, 502, 503, 504])
def test_an_unreadable_reply_is_unknown_under_every_status(record: ProviderRecord, status: int) -> None:
    unreadable = (HTML, b"[]", b"null", b'"refunded"', b"7", b"{", b"\xff", b"NaN", b"[" * 50_000)
    for body in (*unreadable, b'{"a":' + b"9" * 5_000):
        result = outcome_for_caller(record.name, reply(status, body))
        assert type(result) is OutcomeUnknown
        assert result.raw is not None
        assert (result.http_status, result.raw.body) == (status, body)
        assert [pointer for pointer, _ in deviations(record.name, reply(status, body))] == [""]


@every_record
@pytest.mark.parametrize("status", [100, 101, 201, 204, 206, 302, 304, 307, 308, 405, 408, 410, 418, 429, 520, 599])
def test_a_status_that_no_contract_describes_is_unknown(record: ProviderRecord, status: int) -> None:
    assert type(outcome_for_caller(record.name, whole(record, status))) is OutcomeUnknown


@every_record
def test_an_empty_acceptance_is_unknown(record: ProviderRecord) -> None:
    for body in (b"", b"{}"):
        assert type(outcome_for_caller(record.name, reply(200, body))) is OutcomeUnknown


@every_record
@pytest.mark.parametrize("body", [HTML, b"", b"{}", b"[]", b"\xff"])
def test_401_is_a_refusal_of_the_credentials_with_any_body(record: ProviderRecord, body: bytes) -> None:
    result = outcome_for_caller(record.name, reply(401, body))
    assert type(result) is AuthenticationFailed
    assert (result.resend, result.http_status) == (Resend.SAFE, 401)


@every_record
@pytest.mark.parametrize("status", [200, 400, 401])
def test_a_truncated_reply_is_unknown_whatever_it_says(record: ProviderRecord, status: int) -> None:
    result = outcome_for_caller(record.name, WireReply(status, (), whole(record).body, complete=False))
    assert type(result) is OutcomeUnknown
    assert "ended early" in str(result)


@every_record
def test_an_unknown_refund_may_be_resent_only_where_the_provider_de_duplicates(record: ProviderRecord) -> None:
    transport = Scripted(reply(500), whole(record))
    with scripted("sync", record.name, transport) as client:
        with pytest.raises(OutcomeUnknown) as unknown:
            client.ask(record.name)
        assert unknown.value.resend is (Resend.SAME_REFERENCE if record.deduplicates else Resend.NEVER)
        if record.deduplicates:
            assert client.ask(record.name).status is record.accepted_as
        else:
            with pytest.raises(OutcomeUnknown):
                client.ask(record.name)
    assert len(transport.sent) == 1 + record.deduplicates


# Secrets.


def echo(status: int, body: Mapping[str, Any], request: WireRequest) -> WireReply:
    """Answer with the credentials of the request, in a header and in the body."""
    sent = " ".join(secret.reveal() for _, secret in request.credentials)
    return WireReply(status, (("x-echo", sent),), json.dumps({**body, "note": sent}).encode())


@every_record
def test_no_credential_shows_in_a_refund_or_an_error_where_the_provider_echoes_it(
    record: ProviderRecord,
) -> None:
    for status, body in ((200, record.accepted), (400, record.contract.refusing), (401, {}), (500, {})):
        transport = Scripted(partial(echo, status, body))
        with RefundClient([canaried(record.name, transport=transport)], retry=ONCE) as client:
            try:
                result: Any = client.refund(record.name, payment_id=PAYMENT, amount=ONE_EURO, reference="reference-1")
            except RefundError as error:
                result = error
        assert_hidden(everything(result))
        assert_hidden(repr(client))


@every_record
def test_an_account_shows_no_credential_and_is_not_pickled(record: ProviderRecord) -> None:
    account = canaried(record.name)
    assert_hidden(f"{account} {account!r}")
    with pytest.raises(TypeError, match="credentials"):
        pickle.dumps(account)


# Capabilities.


@every_record
def test_the_capabilities_of_a_provider_are_those_of_its_record(record: ProviderRecord) -> None:
    capabilities = RefundClient([record.account()]).capabilities(record.name)
    assert record.operation in capabilities
    for able in capabilities.values():
        window = None if record.window is None else int(record.window.total_seconds())
        assert able.idempotency_window == window
        assert able.callbacks == record.callbacks.proves
        assert able.reports & {"amount", "payment_id", "reference"} == record.reports
        assert (able.settles == "later") is (record.accepted_as.name == "PENDING")
        assert able.cancel is record.cancels


@every_record
def test_a_missing_capability_is_refused_before_anything_is_sent(record: ProviderRecord) -> None:
    transport = Scripted(whole(record))
    capabilities = RefundClient([record.account()]).capabilities(record.name)
    with scripted("sync", record.name, transport) as client:
        if Operation.REFUND_UNREFERENCED not in capabilities:
            with pytest.raises(RefundError) as refused:
                client.refund_unreferenced(record.name, amount=ONE_EURO, reference="reference-1")
            assert refused.value.resend is Resend.SAFE
        for amount in (0, 1.5, "1.00", None, Money):
            with pytest.raises(RefundError):
                client.ask(record.name, amount=amount)
    assert transport.sent == []
