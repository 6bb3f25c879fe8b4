"""An event of a callback: its identity, and its confirmation by the provider."""

import json
import os
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from refundry import (
    Blink,
    InvalidRefund,
    Lab4Pay,
    LookupFailed,
    Money,
    Operation,
    Paybyrd,
    RefundEvent,
    Resend,
)
from refundry.sandbox import CREDENTIALS, INTEGRATOR_ID, Sandbox, SandboxTransport
from refundry.transport.over_httpx import HttpxTransport
from tests.facade.callbacks import (
    FAILED,
    KEY,
    PENDING,
    SUCCEEDED,
    answer,
    both_kinds,
    every_provider,
    news,
    proof,
    receive,
    receiving,
    with_proof,
)
from tests.facade.canary import CANARY, assert_hidden
from tests.facade.support import Caller, Kind, caller
from tests.providers import RECORDS
from tests.providers.record import PAYMENT

# An event.


def identity(provider: str, body: bytes, **options: Any) -> str:
    """Return the identity of a callback that comes with its proof."""
    return receive(provider, proof(provider, body), body, **options).identity


@both_kinds
@every_provider
def test_a_redelivery_has_the_identity_of_the_first_delivery_whatever_else_has_changed(
    kind: Kind, provider: str
) -> None:
    first, second = news(provider, "Success"), news(provider, "success", **RECORDS[provider].callbacks.noise)
    assert first != second
    assert identity(provider, first, kind=kind) == identity(provider, second, kind=kind)


@both_kinds
@every_provider
def test_a_different_event_has_a_different_identity(kind: Kind, provider: str) -> None:
    first = news(provider, "Success")
    others = [news(provider, "Error"), news(provider, "Success", refund_id="refund-2"), news(provider, "REVERTED")]
    identities = [identity(provider, body, kind=kind) for body in (first, *others)]
    identities.append(identity(provider, first, kind=kind, name="shop"))
    assert len({*identities}) == 5


@every_provider
def test_ids_that_differ_in_case_alone_are_two_refunds(provider: str) -> None:
    one, other = (
        identity(provider, news(provider, "Success", refund_id=name)) for name in ("Bl-2349agb", "BL-2349AGB")
    )
    assert one != other


@pytest.mark.parametrize("code", ["BYRD200", "BYRD201", "BYRD999"])
def test_another_state_under_the_same_code_has_another_identity(code: str) -> None:
    states = ("Processing", "Success", "Denied", "MISPLACED")
    assert len({identity("paybyrd", news("paybyrd", state, code=code)) for state in states}) == len(states)


def test_a_refund_that_is_pending_for_a_contradiction_has_another_identity_than_its_success() -> None:
    contradicted, agreed = (
        news("paybyrd", "Success", code="BYRD200", event=f"transaction.refund.{word}")
        for word in ("pending", "success")
    )
    assert receive("paybyrd", proof("paybyrd", contradicted), contradicted).status is PENDING
    assert receive("paybyrd", proof("paybyrd", agreed), agreed).status is SUCCEEDED
    assert identity("paybyrd", contradicted) != identity("paybyrd", agreed)


@with_proof
def test_each_body_about_no_refund_has_its_own_identity(provider: str) -> None:
    one, other = (
        json.dumps(
            {"id": f"payment-{n}", "status": "SUCCESS", "tags": ["charge"], "content": {"operationType": "Payment"}}
        ).encode()
        for n in (1, 2)
    )
    assert identity(provider, one) == identity(provider, one)
    assert identity(provider, one) != identity(provider, other)


def test_an_identity_is_a_short_text_and_the_same_in_every_process() -> None:
    body = news("blink", "completed")
    code = (
        "from refundry import Blink, RefundClient\n"
        "with RefundClient([Blink(access_token='test-key')]) as client:\n"
        f"    print(client.webhook('blink', headers={{}}, body={body!r}).identity, end='')"
    )
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "7"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True, timeout=30)
    assert run.stdout.decode() == identity("blink", body)
    assert 0 < len(run.stdout) <= 100


@every_provider
def test_an_event_cannot_be_changed_and_does_not_show_the_body(provider: str) -> None:
    body = news(provider, "Success", note=CANARY)
    event = receive(provider, proof(provider, body), body)
    for name in ("refund_id", "status", "proof", "identity"):
        with pytest.raises(FrozenInstanceError):
            setattr(event, name, None)
    assert CANARY.encode() in event.raw
    assert_hidden(repr(event) + str(event))
    assert pickle.loads(pickle.dumps(event)) == event


# Confirming an event.


def at_sandbox(kind: Kind, sandbox: Sandbox) -> Caller:
    """Return a client of the three accounts at a sandbox, with fixed credentials."""
    transport = HttpxTransport(SandboxTransport(sandbox))
    return caller(
        kind,
        Lab4Pay(
            access_token=CREDENTIALS["lab4pay"],
            integrator_id=INTEGRATOR_ID,
            webhook_secret_key=KEY,
            transport=transport,
        ),
        Paybyrd(api_key=CREDENTIALS["paybyrd"], webhook_api_key=KEY, transport=transport),
        Blink(access_token=CREDENTIALS["blink"], transport=transport),
    )


def refunded(client: Caller, provider: str, *, pending: bool) -> str:
    """Refund one unit of money; return the provider's id of the refund."""
    record = RECORDS[provider]
    amount = Money.of("1.00", record.sandbox.currency)
    if record.operation is Operation.REFUND_UNREFERENCED:
        refund = client.refund_unreferenced(provider, amount=amount, reference="r-1")
    else:
        payment = record.sandbox.pending_payment if pending else record.sandbox.payment
        refund = client.refund(provider, payment_id=payment, amount=amount, reference="r-1")
    if refund.refund_id is None:  # Paybyrd's 202 has only a link
        refund = answer(client, client.client.lookup(refund))
    assert refund.refund_id is not None
    return refund.refund_id


def confirmed(client: Caller, event: RefundEvent) -> RefundEvent:
    """Return the event after the provider has confirmed it."""
    return answer(client, client.client.confirm(event))


def event_of(client: Caller, provider: str, word: str, refund_id: str) -> RefundEvent:
    """Return the event of a callback about this refund."""
    body = news(provider, word, refund_id=refund_id)
    return client.client.webhook(provider, headers=proof(provider, body), body=body)


@both_kinds
@every_provider
def test_a_confirmed_event_has_the_state_that_the_provider_gives(kind: Kind, provider: str) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox) as client:
        refund_id = refunded(client, provider, pending=True)
        event = event_of(client, provider, RECORDS[provider].states.done, refund_id)
        states = [confirmed(client, event).status]
        for _ in range(RECORDS[provider].sandbox.steps):
            sandbox.advance()
        done = confirmed(client, event)
        states.append(done.status)
        assert states == [PENDING, SUCCEEDED]
        assert (done.provider, done.refund_id, done.proof, done.raw) == (provider, refund_id, "asked", event.raw)
        assert done.authentic


@both_kinds
@every_provider
def test_a_confirmed_event_may_deny_what_the_callback_says(kind: Kind, provider: str) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox) as client:
        refund_id = refunded(client, provider, pending=False)
        sandbox.settle(provider, refund_id, RECORDS[provider].states.undone)
        event = confirmed(client, event_of(client, provider, "Success", refund_id))
        assert (event.status, event.authentic) == (FAILED, True)


@both_kinds
def test_a_confirmed_event_has_the_payment_that_the_provider_gives(kind: Kind) -> None:
    with at_sandbox(kind, Sandbox()) as client:
        refund_id = refunded(client, "paybyrd", pending=False)
        event = event_of(client, "paybyrd", "Success", refund_id)
        assert (event.payment_id, confirmed(client, event).payment_id) == (PAYMENT, RECORDS["paybyrd"].sandbox.payment)


@both_kinds
@every_provider
def test_an_event_about_an_unknown_transaction_cannot_be_confirmed(kind: Kind, provider: str) -> None:
    with at_sandbox(kind, Sandbox()) as client:
        with pytest.raises(LookupFailed) as failed:
            confirmed(client, event_of(client, provider, "Success", "not-there"))
        assert (failed.value.provider, failed.value.resend) == (provider, Resend.NEVER)


@both_kinds
@with_proof
def test_an_event_about_no_refund_cannot_be_confirmed(kind: Kind, provider: str) -> None:
    caller_, transport = receiving(kind, provider)
    body = b'{"id": "payment-1", "status": "SUCCESS", "tags": ["charge"], "event": "order.refunded"}'
    with caller_ as client:
        event = client.client.webhook(provider, headers=proof(provider, body), body=body)
        with pytest.raises(InvalidRefund) as refused:
            confirmed(client, event)
    assert refused.value.field == "refund_id"
    assert (transport.sent, transport.lookups) == ([], [])


@both_kinds
def test_an_event_of_an_account_outside_the_client_cannot_be_confirmed(kind: Kind) -> None:
    event = receive("blink", {}, news("blink", "completed"), name="shop")
    with at_sandbox(kind, Sandbox()) as client:
        with pytest.raises(InvalidRefund) as refused:
            confirmed(client, event)
        assert refused.value.field == "provider"


@both_kinds
def test_an_unproved_callback_does_not_use_up_the_identity_of_a_later_event(kind: Kind) -> None:
    """Anyone who knows the address can claim anything. The state counts that the provider confirms."""
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox) as client:
        refund_id = refunded(client, "blink", pending=True)
        claims = [event_of(client, "blink", word, refund_id) for word in ("completed", "pending", "anything")]
        before = {confirmed(client, claim).identity for claim in claims}
        sandbox.advance()
        after = {confirmed(client, claim).identity for claim in claims}
    assert (len(before), len(after)) == (1, 1)
    assert before != after
