"""Refunds at Lab4Pay that a terminal executes: of a transaction, and cancelled."""

import json
from dataclasses import replace
from typing import Final

import pytest

from refundry import (
    FULL,
    InvalidRefund,
    LookupFailed,
    RefundError,
    RefundStatus,
    Resend,
    UnsupportedOperation,
)
from tests.facade.questions import (
    BRIEFLY,
    FAILED,
    HOSTILE_IDS,
    HTML,
    LOST,
    PENDING,
    SUCCEEDED,
    UNREACHED,
    LookupScript,
    looked_up,
    of_payment,
    pending,
    second_pending,
    state,
)
from tests.facade.support import KINDS, NO_STATE, Answer, Kind, Scripted, caller, scripted
from tests.providers import PROVIDERS, RECORDS, account, where
from tests.providers.record import ONE_EURO, PAYMENT, reply

both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)


# A refund of a transaction at Lab4Pay.


LAB4PAY_REFUND: Final = f"https://api-payment.lab4pay.com/v1/pay-connect/transactions/{PAYMENT}/refund/"


@both_kinds
def test_a_refund_of_a_transaction_at_lab4pay_posts_minor_units_to_that_transaction(kind: Kind) -> None:
    transport = Scripted(reply(200, {"transaction_id": "refund-1"}))
    with scripted(kind, "lab4pay", transport) as client:
        prepared = client.client.prepare("lab4pay", payment_id=PAYMENT, amount=ONE_EURO, reference="reference-1")
        outcome = of_payment(client, "lab4pay")
        assert client.deviations == []
    (sent,) = transport.sent
    assert (sent.method, sent.url, json.loads(sent.body)) == ("POST", LAB4PAY_REFUND, {"amount": 100})
    assert (prepared.url, prepared.body) == (sent.url, sent.body)
    assert {name.lower() for name, _ in sent.headers} == {"accept", "content-type"}
    assert [(name, secret.reveal()) for name, secret in sent.credentials] == [
        ("Authorization", "Bearer test-key"),
        ("X-Pay-Connect-Integrator-Id", "test-integrator"),
    ]
    assert (outcome.status, outcome.refund_id, outcome.payment_id, outcome.amount) == (
        PENDING,
        "refund-1",
        PAYMENT,
        ONE_EURO,
    )


@both_kinds
def test_full_at_lab4pay_is_refused_and_nothing_is_sent(kind: Kind) -> None:
    transport = Scripted(reply(200, {"transaction_id": "refund-1"}))
    with scripted(kind, "lab4pay", transport) as client, pytest.raises(UnsupportedOperation) as refused:
        of_payment(client, "lab4pay", FULL)
    assert (refused.value.field, refused.value.resend) == ("amount", Resend.SAFE)
    assert transport.lookups == transport.sent == []


@pytest.mark.parametrize("payment_id", HOSTILE_IDS)
def test_a_payment_id_that_leads_to_another_path_is_refused_and_nothing_is_sent(payment_id: str) -> None:
    transport = Scripted(reply(200, {"transaction_id": "refund-1"}))
    with scripted("sync", "lab4pay", transport) as client, pytest.raises(InvalidRefund) as refused:
        client.refund("lab4pay", payment_id=payment_id, amount=ONE_EURO, reference="reference-1")
    assert refused.value.field == "payment_id"
    assert transport.lookups == transport.sent == []


@both_kinds
def test_both_operations_of_lab4pay_share_one_set_of_references(kind: Kind) -> None:
    transport = Scripted(reply(200, {"transaction_id": "refund-1"}))
    with scripted(kind, "lab4pay", transport) as client:
        of_payment(client, "lab4pay")
        with pytest.raises(RefundError) as refused:
            client.refund_unreferenced("lab4pay", amount=ONE_EURO, reference="reference-1")
    assert refused.value.resend is Resend.NEVER
    assert len(transport.sent) == 1


# Cancelling a refund.


@both_kinds
@pytest.mark.parametrize("provider", where(lambda record: not record.cancels))
def test_a_refund_cannot_be_cancelled_where_the_capabilities_say_so(kind: Kind, provider: str) -> None:
    transport = Scripted(NO_STATE, state=state(provider, RECORDS[provider].states.done))
    with scripted(kind, provider, transport) as client:
        assert not any(one.cancel for one in client.client.capabilities(provider).values())
        for status in (PENDING, SUCCEEDED):
            with pytest.raises(UnsupportedOperation) as refused:
                looked_up(client, pending(provider, status=status), "cancel")
            error = refused.value
            assert (error.field, error.resend) == ("provider", Resend.NEVER)
            assert (error.provider, error.reference) == (provider, "reference-1")
    assert transport.lookups == transport.sent == []


@both_kinds
def test_a_cancelled_refund_is_looked_up_afterwards(kind: Kind) -> None:
    transport = LookupScript(state("lab4pay", "CANCELED"), answers=[reply(200)])
    with scripted(kind, "lab4pay", transport) as client:
        assert all(one.cancel for one in client.client.capabilities("lab4pay").values())
        assert looked_up(client, pending("lab4pay"), "cancel").status is FAILED
    (sent,) = transport.sent
    base = "https://api-payment.lab4pay.com/v1/pay-connect/transactions/refund-1"
    assert (sent.method, sent.url, sent.body) == ("POST", f"{base}/cancel/", b"")
    assert [lookup.url for lookup in transport.lookups] == [f"{base}/status/"]


@both_kinds
def test_a_cancel_proves_nothing_by_its_reply(kind: Kind) -> None:
    said = b'{"status": "CANCELED"}'
    for status in (200, 201, 202, 204, 302, 400, 404, 409, 422):
        transport = LookupScript(state("lab4pay", "SUCCESS"), answers=[reply(status, said)])
        with scripted(kind, "lab4pay", transport) as client:
            assert looked_up(client, pending("lab4pay"), "cancel").status is SUCCEEDED, status
        assert len(transport.sent) == len(transport.lookups) == 1


@both_kinds
@pytest.mark.parametrize("answer", [LOST, reply(408), reply(429), reply(500), reply(503, HTML)], ids=repr)
def test_a_cancel_that_may_not_have_arrived_is_retried(kind: Kind, answer: Answer) -> None:
    transport = LookupScript(state("lab4pay", "CANCELED"), answers=[answer, answer, reply(200)])
    with caller(kind, account("lab4pay", transport=transport), retry=BRIEFLY) as client:
        assert looked_up(client, pending("lab4pay"), "cancel").status is FAILED
    assert (len(transport.sent), len(transport.lookups)) == (3, 1)


@both_kinds
@pytest.mark.parametrize(
    ("answer", "temporary"),
    [(UNREACHED, True), (replace(UNREACHED, permanent=True), False), (reply(401), False), (reply(403), False)],
    ids=repr,
)
def test_a_cancel_without_effect_is_reported_and_no_lookup_follows(kind: Kind, answer: Answer, temporary: bool) -> None:
    transport = LookupScript(state("lab4pay", "SUCCESS"), answers=[answer])
    with scripted(kind, "lab4pay", transport) as client, pytest.raises(LookupFailed) as failed:
        looked_up(client, pending("lab4pay"), "cancel")
    error = failed.value
    assert (error.refund, error.resend, error.temporary) == (pending("lab4pay"), Resend.NEVER, temporary)
    assert transport.lookups == []


@both_kinds
@pytest.mark.parametrize(("first", "second"), [(LOST, UNREACHED), (reply(500), UNREACHED), (LOST, reply(401))])
def test_a_cancel_that_may_have_been_sent_is_looked_up_after_any_retry(
    kind: Kind, first: Answer, second: Answer
) -> None:
    transport = LookupScript(state("lab4pay", "CANCELED"), answers=[first, second])
    with caller(kind, account("lab4pay", transport=transport), retry=BRIEFLY) as client:
        assert looked_up(client, pending("lab4pay"), "cancel").status is FAILED


@both_kinds
@pytest.mark.parametrize("status", [SUCCEEDED, FAILED])
def test_a_final_refund_is_not_cancelled(kind: Kind, status: RefundStatus) -> None:
    transport = LookupScript(state("lab4pay", "INITIATED"), answers=[reply(200)])
    refund = pending("lab4pay", status=status)
    with scripted(kind, "lab4pay", transport) as client:
        assert looked_up(client, refund, "cancel") == refund
    assert transport.lookups == transport.sent == []


@both_kinds
def test_a_refund_whose_id_leads_to_another_path_is_not_cancelled(kind: Kind) -> None:
    for refund_id in (None, *HOSTILE_IDS):
        transport = LookupScript(state("lab4pay", "CANCELED"), answers=[reply(200)])
        with scripted(kind, "lab4pay", transport) as client, pytest.raises(InvalidRefund) as refused:
            looked_up(client, pending("lab4pay", refund_id=refund_id), "cancel")
        assert (refused.value.field, refused.value.resend) == ("refund_id", Resend.NEVER)
        assert transport.lookups == transport.sent == []


@both_kinds
def test_a_cancelled_refund_may_be_resent(kind: Kind) -> None:
    answers = [RECORDS["lab4pay"].pending, reply(200), second_pending("lab4pay")]
    transport = LookupScript(state("lab4pay", "CANCELED"), answers=answers)
    with scripted(kind, "lab4pay", transport) as client:
        assert looked_up(client, client.ask("lab4pay"), "cancel").status is FAILED
        assert not client.ask("lab4pay").replayed
    assert len(transport.sent) == 3
