"""The refund that follows from a known refund and an event, and the state that a client records."""

from dataclasses import replace
from itertools import product
from typing import Any, Final

import pytest

from refundry import (
    Evidence,
    Money,
    OutcomeUnknown,
    Paybyrd,
    Refund,
    RefundEvent,
    RefundStatus,
    SendFailure,
    WireReply,
)
from refundry.outcome import may_follow
from refundry.sandbox import CREDENTIALS, WEBHOOK_SECRETS, Sandbox, SandboxTransport
from refundry.transport.over_httpx import HttpxTransport
from refundry.webhooks import Proof, may_free, refund_after
from tests.facade.callbacks import FAILED, PENDING, SUCCEEDED, answer, both_kinds, every_provider, news, proof, receive
from tests.facade.support import NO_STATE, Answer, Caller, Kind, Scripted, accepted, caller
from tests.providers import PROVIDERS, RECORDS, account
from tests.providers.record import ONE_EURO, PAYMENT, REFUND, reply

# Every pair that follows: the known state, the state of the event, and whether its word undoes a success.
FOLLOWING: Final = {
    (PENDING, SUCCEEDED, False),
    (PENDING, FAILED, False),
    (PENDING, FAILED, True),
    (SUCCEEDED, FAILED, True),
}
REPORTED: Final = [(SUCCEEDED, False), (PENDING, False), (FAILED, False), (FAILED, True)]

KNOWN: Final = Refund("shop", "order-1/1", PENDING, ONE_EURO, REFUND, PAYMENT, 7, raw=WireReply(200, (), b"{}"))
EVENT: Final = RefundEvent("shop", "refund", REFUND, PAYMENT, SUCCEEDED, "signature", "", provider_code="SUCCESS")


def as_event(status: RefundStatus | None, undone: bool = False) -> RefundEvent:
    """Return a signed event of the refund in this state."""
    return replace(EVENT, status=status, undone=undone)


@pytest.mark.parametrize(("known", "outcome"), [*product(RefundStatus, REPORTED)])
def test_a_state_never_moves_backwards(known: RefundStatus, outcome: tuple[RefundStatus, bool]) -> None:
    status, undone = outcome
    follows = (known, status, undone) in FOLLOWING
    assert may_follow(known, status, undone=undone) is follows
    assert as_event(status, undone).supersedes(known) is follows
    updated = refund_after(as_event(status, undone), replace(KNOWN, status=known))
    assert (updated and updated.status) == (status if follows else None)


@pytest.mark.parametrize("outcome", REPORTED)
def test_every_state_of_an_unknown_refund_is_news(outcome: tuple[RefundStatus, bool]) -> None:
    assert as_event(*outcome).supersedes(None)


@pytest.mark.parametrize("known", [None, *RefundStatus])
def test_an_event_without_a_state_is_no_news(known: RefundStatus | None) -> None:
    assert not as_event(None).supersedes(known)
    assert refund_after(as_event(None), KNOWN) is None


@both_kinds
@pytest.mark.parametrize(
    ("words", "stored"),
    [
        (["INITIATED", "SUCCESS", "REVERTED"], [PENDING, SUCCEEDED, FAILED]),
        (["REVERTED", "SUCCESS", "INITIATED"], [FAILED, FAILED, FAILED]),
        (["SUCCESS", "IN_PROGRESS", "INITIATED"], [SUCCEEDED, SUCCEEDED, SUCCEEDED]),
        (["SUCCESS", "FAILED", "EXPIRED"], [SUCCEEDED, SUCCEEDED, SUCCEEDED]),
        (["DECLINED", "SUCCESS", "REVERTED"], [FAILED, FAILED, FAILED]),
        (["IN_PROGRESS", "EXPIRED", "SUCCESS"], [PENDING, FAILED, FAILED]),
    ],
)
def test_the_last_state_is_kept_for_every_order_of_callbacks(
    kind: Kind, words: list[str], stored: list[RefundStatus]
) -> None:
    known: RefundStatus | None = None
    states = []
    for word in words:
        body = news("lab4pay", word)
        event = receive("lab4pay", proof("lab4pay", body), body, kind=kind)
        known = event.status if event.supersedes(known) else known
        states.append(known)
    assert states == stored


def test_a_recorded_state_is_the_refund_as_it_is_now() -> None:
    assert refund_after(EVENT, KNOWN) == replace(KNOWN, status=SUCCEEDED, remaining=None, provider_code="SUCCESS")
    updated = refund_after(EVENT, KNOWN)
    assert updated is not None
    assert updated.raw is None


@pytest.mark.parametrize(
    "other",
    [
        {"provider": "another shop"},
        {"refund_id": "refund-2"},
        {"refund_id": REFUND.upper()},
        {"payment_id": "payment-2"},
        {"amount": Money.of("1.01", "EUR")},
        {"amount": Money.of("1.00", "GBP")},
    ],
)
def test_an_event_of_another_refund_changes_nothing(other: dict[str, Any]) -> None:
    assert refund_after(replace(EVENT, **other), KNOWN) is None


@pytest.mark.parametrize("less", [{"payment_id": None}, {"amount": ONE_EURO}, {"about": "transaction"}])
def test_an_event_with_missing_fields_is_still_recorded(less: dict[str, Any]) -> None:
    updated = refund_after(replace(EVENT, **less), KNOWN)
    assert updated is not None
    assert (updated.payment_id, updated.amount) == (PAYMENT, ONE_EURO)


def test_missing_fields_of_a_refund_are_recorded_with_its_state() -> None:
    updated = refund_after(replace(EVENT, amount=ONE_EURO), replace(KNOWN, amount=None, payment_id=None))
    assert updated is not None
    assert (updated.amount, updated.payment_id) == (ONE_EURO, PAYMENT)


UNNAMED: Final = Refund("shop", "till-1/1", PENDING, ONE_EURO)
ECHOED: Final = replace(EVENT, payment_id=None, reference="till-1/1", amount=ONE_EURO)


@pytest.mark.parametrize("status", RefundStatus)
def test_a_refund_without_an_id_takes_the_state_of_an_event_with_its_reference(status: RefundStatus) -> None:
    """The outcome is unknown: the reply was lost, and the provider echoes the reference."""
    updated = refund_after(replace(ECHOED, status=status), UNNAMED)
    assert updated is not None
    assert (updated.refund_id, updated.status, updated.reference) == (REFUND, status, "till-1/1")


@pytest.mark.parametrize(
    "other",
    [
        {"reference": None},
        {"reference": "till-1/2"},
        {"about": "transaction"},  # a payment may have the same name
        {"amount": Money.of("2.00", "EUR")},
        {"amount": None},
    ],
)
def test_an_event_that_does_not_match_a_refund_without_an_id_changes_nothing(other: dict[str, Any]) -> None:
    assert refund_after(replace(ECHOED, **other), UNNAMED) is None


def test_an_uncertain_id_needs_the_amount_beside_it() -> None:
    named = replace(UNNAMED, refund_id=REFUND)
    assert refund_after(replace(ECHOED, amount=None), named, is_certain=False) is None
    updated = refund_after(replace(ECHOED, status=PENDING), named, is_certain=False)
    assert updated is not None
    assert (updated.status, updated.refund_id) == (PENDING, REFUND)
    assert refund_after(replace(ECHOED, amount=None), named) is not None


def test_a_reference_does_not_replace_a_known_id() -> None:
    assert refund_after(ECHOED, replace(UNNAMED, refund_id="refund-2")) is None


FREEING: Final[dict[Proof, bool]] = {"signature": True, "asked": True, "shared secret": False, "nothing": False}


@pytest.mark.parametrize("status", RefundStatus)
@pytest.mark.parametrize(("proved_by", "frees"), FREEING.items())
def test_a_failure_frees_a_reference_only_with_a_signature_or_a_lookup(
    status: RefundStatus, proved_by: Proof, frees: bool
) -> None:
    assert may_free(replace(EVENT, status=status, proof=proved_by)) is (frees and status is FAILED)


@every_provider
def test_whether_a_failure_frees_a_reference_follows_from_what_the_provider_proves(provider: str) -> None:
    body = news(provider, RECORDS[provider].states.undone)
    assert may_free(receive(provider, proof(provider, body), body)) is (
        RECORDS[provider].callbacks.proves == "signature"
    )


@pytest.mark.parametrize(
    ("status", "proved_by", "refund_id", "looked_up_first"),
    [
        (FAILED, "shared secret", REFUND, True),
        (FAILED, "signature", REFUND, False),
        (FAILED, "asked", REFUND, False),
        (SUCCEEDED, "shared secret", REFUND, False),
        (PENDING, "shared secret", REFUND, False),
        (None, "nothing", REFUND, True),
        (None, "nothing", None, False),
        (None, "shared secret", None, False),
    ],
)
def test_an_unproved_event_and_a_failure_with_a_shared_secret_need_a_confirmation(
    status: RefundStatus | None, proved_by: Proof, refund_id: str | None, looked_up_first: bool
) -> None:
    assert replace(EVENT, status=status, proof=proved_by, refund_id=refund_id).to_be_confirmed is looked_up_first


# The states that a client records.

LOST: Final = SendFailure(Evidence.MAYBE_SENT, "the network failed")


def learning(kind: Kind, provider: str, *answers: Answer, state: Answer = NO_STATE) -> tuple[Caller, Scripted]:
    """Return a client of an account with the secrets of its callbacks, and its transport."""
    transport = Scripted(*answers, state=state)
    return caller(kind, account(provider, **RECORDS[provider].callbacks.account, transport=transport)), transport


def event_for_caller(client: Caller, provider: str, word: str, **more: Any) -> RefundEvent:
    """Return the event of a callback."""
    body = news(provider, word, **more)
    return client.client.webhook(provider, headers=proof(provider, body), body=body)


def learn(client: Caller, event: RefundEvent) -> None:
    """Let a client of either kind record an event."""
    answer(client, client.client.learn(event))


def confirmed(client: Caller, event: RefundEvent) -> RefundEvent:
    """Return the event after the provider has confirmed it."""
    return answer(client, client.client.confirm(event))


UNLINKED: Final = {"linked_transaction_id": None, "client_transaction_id": "reference-1", "tags": ["refund"]}
ECHO: Final = {**UNLINKED, "amount": 100, "currency": "EUR"}


@both_kinds
def test_a_client_replays_a_recorded_state_under_the_same_reference(kind: Kind) -> None:
    it, transport = learning(kind, "lab4pay", accepted("lab4pay"))
    with it as client:
        assert client.ask("lab4pay").status is PENDING
        for word in ("SUCCESS", "SUCCESS", "IN_PROGRESS", "FAILED"):
            learn(client, event_for_caller(client, "lab4pay", word, **UNLINKED))
            second = client.ask("lab4pay")
            assert (second.status, second.replayed, second.refund_id) == (SUCCEEDED, True, REFUND)
            assert (second.reference, second.amount, second.provider_code) == ("reference-1", ONE_EURO, "SUCCESS")
    assert (len(transport.sent), transport.lookups) == (1, [])


@both_kinds
@pytest.mark.parametrize("words", [["FAILED"], ["DECLINED"], ["SUCCESS", "REVERTED"], ["REVERTED", "SUCCESS"]])
def test_a_signed_failure_frees_the_reference_for_good(kind: Kind, words: list[str]) -> None:
    it, transport = learning(kind, "lab4pay", accepted("lab4pay"), reply(200, {"transaction_id": "refund-2"}))
    with it as client:
        client.ask("lab4pay")
        for word in words:
            learn(client, event_for_caller(client, "lab4pay", word, **UNLINKED))
        second = client.ask("lab4pay")
        assert (second.replayed, second.refund_id) == (False, "refund-2")
        learn(
            client, event_for_caller(client, "lab4pay", "FAILED", **UNLINKED)
        )  # the callback of the first state, delivered late
        assert client.ask("lab4pay").replayed
    assert len(transport.sent) == 2


@both_kinds
def test_a_failure_with_a_shared_secret_frees_nothing_before_a_lookup(kind: Kind) -> None:
    content = {"transactionId": REFUND, "operationType": "Refund", "isoAmount": -100, "currency": "EUR"}
    done = reply(200, {**content, "status": "Success", "code": "BYRD200"})
    it, transport = learning(kind, "paybyrd", accepted("paybyrd"), state=done)
    with it as client:
        assert client.ask("paybyrd").status is SUCCEEDED
        claim = event_for_caller(client, "paybyrd", "Denied")
        assert (claim.status, claim.to_be_confirmed) == (FAILED, True)
        learn(client, claim)
        learn(client, confirmed(client, claim))
        assert client.ask("paybyrd").replayed
    assert (len(transport.sent), len(transport.lookups)) == (1, 1)


@both_kinds
def test_a_failure_that_the_provider_confirms_frees_the_reference(kind: Kind) -> None:
    failed_since = reply(200, {"status": "FAILED"})
    second = reply(200, {"transaction_id": "refund-2"})
    it, transport = learning(kind, "lab4pay", accepted("lab4pay"), second, state=failed_since)
    with it as client:
        client.ask("lab4pay")
        event = confirmed(client, event_for_caller(client, "lab4pay", "SUCCESS", **UNLINKED))
        learn(client, event)
        assert (event.proof, event.status) == ("asked", FAILED)
        assert not client.ask("lab4pay").replayed
    assert len(transport.sent) == 2


@both_kinds
@pytest.mark.parametrize("word", ["SUCCESS", "IN_PROGRESS"])
def test_a_refund_whose_reply_is_lost_is_resolved_by_an_event_with_its_reference(kind: Kind, word: str) -> None:
    it, transport = learning(kind, "lab4pay", LOST)
    with it as client:
        with pytest.raises(OutcomeUnknown):
            client.ask("lab4pay")
        for other in (
            UNLINKED,  # of any amount
            {**ECHO, "amount": 101},
            {**ECHO, "currency": "GBP"},
            {**ECHO, "client_transaction_id": "reference-2"},
            {**ECHO, "tags": []},  # a payment may have the same name
            {"linked_transaction_id": PAYMENT},
        ):
            learn(client, event_for_caller(client, "lab4pay", word, **other))
            with pytest.raises(OutcomeUnknown):
                client.ask("lab4pay")
        learn(client, event_for_caller(client, "lab4pay", word, **ECHO))
        found = client.ask("lab4pay")
        assert (found.replayed, found.refund_id, found.amount) == (True, REFUND, ONE_EURO)
        assert found.status is (SUCCEEDED if word == "SUCCESS" else PENDING)
    assert len(transport.sent) == 1


@both_kinds
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_client_records_nothing_about_a_refund_that_it_did_not_send(kind: Kind, provider: str) -> None:
    it, transport = learning(kind, provider, accepted(provider))
    with it as client:
        learn(client, event_for_caller(client, provider, "FAILED", refund_id="refund-2"))
        refund = client.ask(provider)
        learn(client, event_for_caller(client, provider, "FAILED", refund_id="refund-2"))
        assert client.ask(provider) == replace(refund, replayed=True)
    assert (len(transport.sent), transport.lookups) == (1, [])


@both_kinds
def test_the_row_of_a_refund_accepted_with_only_a_link_is_found_by_a_lookup_of_each(kind: Kind) -> None:
    """The case in docs/callbacks.md: two equal parts of one payment, and a callback about the second."""
    sandbox = Sandbox()
    shop = Paybyrd(
        api_key=CREDENTIALS["paybyrd"],
        webhook_api_key=WEBHOOK_SECRETS["paybyrd"]["webhook_api_key"],
        transport=HttpxTransport(SandboxTransport(sandbox)),
    )
    with caller(kind, shop) as client:
        rows = [
            client.refund("paybyrd", payment_id="paybyrd-pending", amount=ONE_EURO, reference=f"order-1/{part}")
            for part in (1, 2)
        ]
        assert [(row.refund_id, row.status, bool(row.tracking_id)) for row in rows] == [(None, PENDING, True)] * 2

        second = answer(client, client.client.lookup(rows[1]))
        assert second.refund_id is not None
        callback = sandbox.callback("paybyrd", second.refund_id)
        (event,) = client.client.webhooks("paybyrd", headers=callback.headers, body=callback.body)
        fitting = [row for row in rows if (row.payment_id, row.amount) == (event.payment_id, event.amount)]
        found = [row for row in fitting if answer(client, client.client.lookup(row)).refund_id == event.refund_id]
    assert (len(fitting), found) == (2, [rows[1]])
