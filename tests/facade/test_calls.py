"""Calls in isolation: the meaning of an answer for each, without a flow, a transport or a moving clock."""

import pytest

from refundry import (
    AuthenticationFailed,
    Evidence,
    LookupFailed,
    NotSent,
    OutcomeUnknown,
    Refund,
    RefundStatus,
    SendFailure,
)
from refundry.clock import SYSTEM
from refundry.errors import Reason
from refundry.flows.calls import Call
from refundry.flows.lookup import CancelCall, PaymentCall, StateCall
from refundry.flows.refund import RefundCall
from refundry.flows.tokens import Fetch, TokenCache, TokenCall
from refundry.ledger.changes import Decide, Reserve
from refundry.ledger.entry import Reservation
from refundry.ledger.memory import MemoryLedger
from refundry.owner import Owner
from refundry.providers.credentials import IssuedToken
from refundry.providers.registry import translation_of
from refundry.providers.translation import TokenTranslation, Translation
from refundry.refund import RefundRequest
from refundry.wire import Progress
from tests.providers import PROVIDERS, RECORDS, account, tokens_of
from tests.providers.record import ONE_EURO, PAYMENT, REFUND, reply

LOST = SendFailure(Evidence.MAYBE_SENT, "the reply was lost")
NOTHING_LEFT = SendFailure(Evidence.NOT_SENT, "the connection was refused")
every_provider = pytest.mark.parametrize("provider", PROVIDERS)


def translation(provider: str) -> Translation:
    return translation_of(account(provider))


def reserved(ledger: MemoryLedger, provider: str, window: int | None) -> Reservation:
    request = RefundRequest(provider, PAYMENT, ONE_EURO, "reference-1")
    reservation = ledger.commit(Reserve(request, window, 0.0, Owner()))
    assert isinstance(reservation, Reservation)
    return reservation


def decided(*, executed: bool) -> Decide:
    return Decide("blink", "reference-1", executed=executed, by="a person", reason="the dashboard")


def refund_call(provider: str, window: int | None = None) -> RefundCall:
    ledger = MemoryLedger(SYSTEM)
    return RefundCall(translation(provider), reserved(ledger, provider, window))


def known(provider: str) -> Refund:
    return Refund(provider, "reference-1", RefundStatus.PENDING, refund_id=REFUND, payment_id=PAYMENT)


@every_provider
def test_a_refund_call_concludes_the_same_from_the_same_answer_and_records_nothing_by_it(provider: str) -> None:
    call = refund_call(provider)
    call.begin(Progress())
    accepted = reply(200, RECORDS[provider].accepted)
    first, second = call.conclude(accepted, ()), call.conclude(accepted, ())
    assert isinstance(first.attempt_outcome, Refund)
    assert first.attempt_outcome == second.attempt_outcome
    assert first.outcome_for_caller is first.attempt_outcome
    lost = call.conclude(LOST, ())
    assert type(lost.outcome_for_caller) is OutcomeUnknown
    assert type(call.conclude(NOTHING_LEFT, ()).outcome_for_caller) is NotSent


@every_provider
def test_a_refund_call_after_a_lost_attempt_reports_the_lost_attempt(provider: str) -> None:
    call = refund_call(provider)
    call.begin(Progress())
    call.record(call.conclude(LOST, ()))
    conclusion = call.conclude(NOTHING_LEFT, ())
    assert type(conclusion.attempt_outcome) is NotSent
    assert type(conclusion.outcome_for_caller) is OutcomeUnknown
    assert "the reply was lost" in str(conclusion.outcome_for_caller)


@every_provider
def test_a_refund_call_says_whether_a_new_token_may_help_and_whether_it_may_be_retried(provider: str) -> None:
    call = refund_call(provider)
    denied = call.conclude(reply(401, b""), ())
    assert (type(denied.outcome_for_caller), denied.credentials_refused) == (AuthenticationFailed, True)
    assert not call.may_retry(denied, None)
    unsent = call.conclude(NOTHING_LEFT, ())
    assert (unsent.credentials_refused, call.may_retry(unsent, None)) == (False, True)
    assert not call.may_retry(
        call.conclude(LOST, ()), None
    )  # without a window the provider does not recognise the second attempt


def test_an_attempt_that_the_provider_recognises_may_follow_a_lost_one() -> None:
    call = refund_call("paybyrd", window=3600)
    call.begin(Progress())
    lost = call.conclude(LOST, ())
    call.record(lost)
    assert call.may_retry(lost, None)


@every_provider
def test_a_state_call_concludes_with_the_refund_or_with_the_reason_for_no_answer(provider: str) -> None:
    made = translation(provider)
    call = StateCall(made, known(provider), made.state_request(known(provider)), SYSTEM)
    failed = call.conclude(LOST, ())
    assert isinstance(failed.outcome_for_caller, LookupFailed)
    assert call.may_retry(failed, None)
    denied = call.conclude(reply(403, b""), ())
    assert isinstance(denied.outcome_for_caller, LookupFailed)
    assert not call.may_retry(denied, None)


@pytest.mark.parametrize(
    ("answer", "may_have_effect"),
    [(LOST, True), (NOTHING_LEFT, False), (reply(401, b""), False), (reply(200, b""), True)],
)
def test_a_cancel_call_remembers_whether_the_provider_may_have_cancelled(
    answer: SendFailure, may_have_effect: bool
) -> None:
    made = translation("lab4pay")
    call = CancelCall(made, known("lab4pay"), made.cancel_request(known("lab4pay")), SYSTEM)
    call.record(call.conclude(answer, ()))
    assert call.may_have_effect is may_have_effect


def test_a_payment_call_concludes_with_the_state_that_explains_a_refusal() -> None:
    made = translation("blink")
    request = made.payment_request(PAYMENT)
    assert request is not None
    call = PaymentCall(made, known("blink"), request, SYSTEM)
    captured = call.conclude(reply(200, {"data": {"transaction_id": PAYMENT, "status": "Captured"}}), ())
    assert (captured.payment.word, captured.payment.reason) == ("captured", Reason.NOT_REFUNDABLE)
    assert isinstance(call.conclude(reply(500, b""), ()).outcome_for_caller, LookupFailed)


def test_a_token_call_concludes_with_the_token_and_ends_its_fetch_only_when_it_is_recorded() -> None:
    made, tokens, owner = translation_of(RECORDS["blink"].keyed_account()), TokenCache(SYSTEM), Owner()
    assert isinstance(made, TokenTranslation)
    with owner.lock:
        fetch = tokens.acquire(owner)
        assert isinstance(fetch, Fetch)
        call = TokenCall(made, "reference-1", tokens, fetch, SYSTEM.monotonic() + 60, SYSTEM)
        conclusion = call.conclude(tokens_of("blink").issued("test-token", 600.0), ())
        assert isinstance(conclusion.attempt_outcome, IssuedToken)
        assert not fetch.future.done()
        call.record(conclusion)
        assert fetch.future.result(0) is call.credentials
    assert isinstance(call.conclude(NOTHING_LEFT, ()).attempt_outcome, SendFailure)
    assert not call.may_retry(conclusion, None)


@pytest.mark.parametrize("call", [RefundCall, StateCall, CancelCall, PaymentCall, TokenCall])
def test_every_call_says_what_an_answer_means_and_whether_it_may_be_retried(call: type[Call[object]]) -> None:
    assert not getattr(call, "__abstractmethods__", None)
    assert issubclass(call, Call)
