"""Why a refund was refused: the state of its payment."""

import inspect
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from refundry import (
    AuthenticationFailed,
    InvalidRefund,
    LookupFailed,
    NotSent,
    Operation,
    OutcomeUnknown,
    Reason,
    RefundError,
    RefundRejected,
    Resend,
    WireReply,
)
from tests.facade.questions import BRIEFLY, HTML, LOST, UNREACHED, LookupScript, of_payment, spelled, state
from tests.facade.support import KINDS, NO_STATE, Answer, Caller, Kind, caller, scripted
from tests.providers import RECORDS, WITH_PAYMENT_STATES, account, payments_of
from tests.providers.record import ONE_EURO, PAYMENT, reply

both_kinds = pytest.mark.parametrize("kind", KINDS)

explaining = pytest.mark.parametrize("provider", WITH_PAYMENT_STATES)


@contextmanager
def refused(
    kind: Kind, provider: str, *answers: Answer | BaseException, refused_with: WireReply | None = None, **options: Any
) -> Iterator[tuple[Caller, RefundRejected, LookupScript]]:
    """Yield the refusal of a refund of PAYMENT, and its client, whose lookups get these answers."""
    transport = LookupScript(
        *answers, answers=[payments_of(provider).refusal if refused_with is None else refused_with]
    )
    made = account(provider, transport=transport)
    with caller(kind, made, **{"retry": BRIEFLY, **options}) as client:
        with pytest.raises(RefundRejected) as raised:
            of_payment(client, provider)
        assert transport.lookups == []
        yield client, raised.value, transport
    assert len(transport.sent) == 1


def explained(client: Caller, refusal: Any) -> RefundRejected:
    """Explain a refusal, with a client of either kind."""
    given: Any = client.client.explain(refusal)
    outcome: RefundRejected = client.run(given) if inspect.iscoroutine(given) else given
    return outcome


@both_kinds
@explaining
def test_a_refusal_for_the_state_of_the_payment_says_so_and_names_the_void(kind: Kind, provider: str) -> None:
    for word in payments_of(provider).unrefundable:
        with refused(kind, provider, state(provider, word)) as (client, refusal, transport):
            before = (refusal.reason, str(refusal))
            outcome = explained(client, refusal)
        assert (type(outcome), outcome.reason, outcome.resend) == (
            RefundRejected,
            Reason.NOT_REFUNDABLE,
            Resend.SAFE,
        ), word
        assert payments_of(provider).void_hint in str(outcome)
        assert "'reference-1': not refundable (HTTP 400); the payment is " in str(outcome)
        assert f"the payment is {spelled(word)}: " in spelled(str(outcome))
        assert (outcome.raw, outcome.http_status) == (payments_of(provider).refusal, 400)
        assert (outcome.provider, outcome.reference, outcome.payment_id, outcome.amount) == (
            *(provider, "reference-1"),
            *(PAYMENT, ONE_EURO),
        )
        assert [(lookup.method, lookup.url) for lookup in transport.lookups] == [("GET", payments_of(provider).url)]
        assert (refusal.reason, str(refusal)) == before == (Reason.INVALID, before[1])


def test_a_state_of_lab4pay_is_written_as_its_contract_writes_it() -> None:
    with refused("sync", "lab4pay", state("lab4pay", "in-progress")) as (client, refusal, _):
        assert "the payment is IN_PROGRESS" in str(explained(client, refusal))


def test_a_refusal_of_a_payment_that_was_refunded_before_says_so() -> None:
    for word in ("Fully refunded", "fully_refunded"):
        with refused("sync", "blink", state("blink", word)) as (client, refusal, _):
            outcome = explained(client, refusal)
        assert outcome.reason is Reason.ALREADY_REFUNDED
        assert "already refunded" in str(outcome)
        assert "the payment is fully refunded" in str(outcome)
        assert payments_of("blink").void_hint not in str(outcome)


@both_kinds
@explaining
def test_a_refusal_of_a_refundable_payment_is_returned_unchanged(kind: Kind, provider: str) -> None:
    words = {"lab4pay": ["SUCCESS", "success"], "blink": ["Accepted", "pending", "completed", "Partially refunded"]}
    for word in (*words[provider], "MISPLACED", "", None, 7):
        with refused(kind, provider, state(provider, word)) as (client, refusal, transport):
            assert explained(client, refusal) is refusal, word
        assert refusal.reason is Reason.INVALID
        assert len(transport.lookups) == 1


@explaining
@pytest.mark.parametrize(
    ("answer", "temporary", "times"),
    [
        (LOST, True, 3),
        (UNREACHED, True, 3),
        (replace(UNREACHED, permanent=True), False, 1),
        (RuntimeError("odd"), True, 3),
        *((reply(status, body), True, 1) for status in (302, 404, 422) for body in (b"", b"{}", HTML)),
        *((reply(status, body), False, 1) for status in (401, 403) for body in (b"", b"{}", HTML)),
        *((reply(status, body), True, 3) for status in (408, 429, 500, 503) for body in (b"", b"{}", HTML)),
        *((reply(200, body), True, 1) for body in (b"", b"[]", b"\xff", HTML)),
        (WireReply(200, (), b'{"status": "REVERTED", "data": {"status": "voided"}}', complete=False), True, 3),
    ],
    ids=repr,
)
def test_a_payment_that_cannot_be_looked_up_says_nothing_about_the_refusal(
    provider: str, answer: Answer | BaseException, temporary: bool, times: int
) -> None:
    with refused("sync", provider, answer) as (client, refusal, transport):
        before = (refusal.reason, str(refusal), refusal.raw)
        with pytest.raises(LookupFailed) as failed:
            explained(client, refusal)
    error = failed.value
    assert (error.temporary, error.resend, len(transport.lookups)) == (temporary, Resend.NEVER, times)
    assert (error.provider, error.reference, error.payment_id) == (provider, "reference-1", PAYMENT)
    assert (refusal.reason, str(refusal), refusal.raw) == before


@explaining
def test_a_status_other_than_200_explains_nothing(provider: str) -> None:
    for status in (201, 202, 400, 404):
        with refused("sync", provider, state(provider, payments_of(provider).unrefundable[0], status)) as (
            client,
            refusal,
            _,
        ):
            with pytest.raises(LookupFailed):
                explained(client, refusal)
            assert refusal.reason is Reason.INVALID


@both_kinds
@explaining
def test_a_lookup_of_a_payment_is_retried_until_there_is_an_answer(kind: Kind, provider: str) -> None:
    answers = LOST, reply(503), state(provider, payments_of(provider).unrefundable[0])
    with refused(kind, provider, *answers) as (client, refusal, transport):
        assert explained(client, refusal).reason is Reason.NOT_REFUNDABLE
    assert len(transport.lookups) == 3


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"success": False}),
        (402, {"success": False}),
        (422, {"success": False}),
        (200, {"success": False}),
        (200, {"status": "failed"}),
    ],
)
def test_each_refusal_of_blink_can_be_explained(status: int, body: Any) -> None:
    answer = state("blink", "Captured")
    with refused("sync", "blink", answer, refused_with=reply(status, body)) as (client, refusal, _):
        outcome = explained(client, refusal)
    assert (outcome.reason, outcome.http_status) == (Reason.NOT_REFUNDABLE, status)


@explaining
@pytest.mark.parametrize("name", ["invalid", "invalid-shop", "other"])
def test_the_reason_is_in_a_field_of_its_own_for_every_account_name(provider: str, name: str) -> None:
    answers = [payments_of(provider).refusal]
    transport = LookupScript(state(provider, payments_of(provider).unrefundable[0]), answers=answers)
    with scripted("sync", provider, transport, name=name) as client, pytest.raises(RefundRejected) as raised:
        client.refund(name, payment_id=PAYMENT, amount=ONE_EURO, reference="invalid")
    with scripted("sync", provider, transport, name=name) as client:
        assert f"{name} refused 'invalid': not refundable (HTTP 400)" in str(explained(client, raised.value))


@both_kinds
@explaining
def test_a_stored_refusal_can_be_explained_in_another_process(kind: Kind, provider: str) -> None:
    with refused(kind, provider, NO_STATE) as (_, refusal, _):
        stored = json.dumps(refusal.to_dict())
    transport = LookupScript(state(provider, payments_of(provider).unrefundable[0]))
    with scripted(kind, provider, transport) as client:
        outcome = explained(client, RefundError.from_dict(json.loads(stored)))
    assert (outcome.reason, outcome.http_status, outcome.raw) == (Reason.NOT_REFUNDABLE, 400, None)
    assert payments_of(provider).void_hint in str(outcome)


@both_kinds
@pytest.mark.parametrize("body", [{"code": "BYRD900"}, {"code": "BYRD205"}, {"code": "BYRD230"}])
def test_a_refusal_is_returned_unchanged_where_the_provider_has_no_lookup_of_payments(kind: Kind, body: Any) -> None:
    answer = state("paybyrd", "Success")
    with refused(kind, "paybyrd", answer, refused_with=reply(400, body)) as (client, refusal, transport):
        assert explained(client, refusal) is refusal
    assert transport.lookups == []


@both_kinds
def test_a_refusal_without_a_payment_is_returned_unchanged(kind: Kind) -> None:
    transport = LookupScript(state("lab4pay", "REVERTED"), answers=[reply(400)])
    with scripted(kind, "lab4pay", transport) as client:
        with pytest.raises(RefundRejected) as refusal:
            client.ask("lab4pay")
        assert explained(client, refusal.value) is refusal.value
    assert refusal.value.reason is Reason.INVALID
    assert transport.lookups == []


@both_kinds
@explaining
def test_only_a_refusal_is_explained(kind: Kind, provider: str) -> None:
    transport = LookupScript(state(provider, "REVERTED"))
    facts: dict[str, Any] = {"provider": provider, "reference": "reference-1", "payment_id": PAYMENT}
    with scripted(kind, provider, transport) as client:
        for other in (NotSent("text", **facts), OutcomeUnknown("text", **facts), AuthenticationFailed("text", **facts)):
            with pytest.raises(InvalidRefund) as error:
                explained(client, other)
            assert error.value.field == "refused"
        for none in (None, "refused", ValueError()):
            with pytest.raises(InvalidRefund) as error:
                explained(client, none)
            assert (error.value.field, error.value.resend) == ("refused", Resend.NEVER)
    assert transport.lookups == transport.sent == []


@both_kinds
@pytest.mark.parametrize(
    ("provider", "answer", "outcome"),
    [
        ("lab4pay", reply(400), RefundRejected),
        ("lab4pay", reply(401), AuthenticationFailed),
        ("lab4pay", reply(403), OutcomeUnknown),
        ("lab4pay", reply(404), OutcomeUnknown),
        ("lab4pay", reply(500), OutcomeUnknown),
        ("lab4pay", LOST, OutcomeUnknown),
        ("blink", reply(400, {"success": False}), RefundRejected),
        ("blink", reply(401), AuthenticationFailed),
        ("blink", reply(404, {"success": False}), RefundRejected),
        ("blink", reply(409, {"success": False}), OutcomeUnknown),
        ("blink", reply(429, {"success": False}), OutcomeUnknown),
        ("blink", reply(500, {"success": False}), OutcomeUnknown),
        ("paybyrd", reply(400, {"code": "BYRD900"}), RefundRejected),
        ("paybyrd", reply(400, {"code": "BYRD205"}), RefundRejected),
    ],
)
def test_a_failed_refund_looks_nothing_up_by_itself(
    kind: Kind, provider: str, answer: Answer, outcome: type[RefundError]
) -> None:
    transport = LookupScript(state(provider, "REVERTED"), answers=[answer])
    with scripted(kind, provider, transport) as client, pytest.raises(RefundError) as raised:
        of_payment(client, provider)
    assert type(raised.value) is outcome
    assert transport.lookups == []


@both_kinds
@explaining
def test_a_lookup_of_a_reason_is_reported_with_its_reference(kind: Kind, provider: str) -> None:
    result: list[tuple[Operation, int | None, str]] = []
    word = payments_of(provider).unrefundable[0]
    hook: dict[str, Any] = {"on_attempt": lambda one: result.append((one.operation, one.status, one.outcome))}
    with refused(kind, provider, state(provider, word), reply(404), **hook) as (client, refusal, _):
        explained(client, refusal)
        with pytest.raises(LookupFailed):
            explained(client, refusal)
    assert result == [
        (Operation.REFUND, 400, "RefundRejected"),
        (Operation.LOOKUP, 200, "OK"),
        (Operation.LOOKUP, 404, "LookupFailed"),
    ]


@both_kinds
@explaining
def test_a_refund_refused_for_the_state_of_its_payment_may_be_resent(kind: Kind, provider: str) -> None:
    states = [state(provider, payments_of(provider).unrefundable[0])]
    transport = LookupScript(*states, answers=[payments_of(provider).refusal, RECORDS[provider].pending])
    with scripted(kind, provider, transport) as client:
        with pytest.raises(RefundRejected) as refusal:
            of_payment(client, provider)
        explained(client, refusal.value)
        assert not of_payment(client, provider).replayed
    assert len(transport.sent) == 2
