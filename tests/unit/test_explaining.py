"""Why a refund was refused, asked of the payment."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from refundry import (
    AuthenticationFailed,
    OutcomeUnknown,
    Reason,
    RefundError,
    RefundRejected,
    Resend,
    Timeout,
    WireReply,
    WireRequest,
)
from tests.unit.questions import (
    BODIES,
    BRIEFLY,
    LOST,
    PENDING_REPLIES,
    UNREACHED,
    VOIDS,
    WORDS,
    Questioned,
    of_payment,
    spelled,
    state,
)
from tests.unit.support import (
    KINDS,
    PAYMENT,
    PROVIDERS,
    Answer,
    Kind,
    account,
    caller,
    reply,
    scripted,
)

both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)


# Why a refund was refused.


REFUSALS: Final[Mapping[str, WireReply]] = {
    "lab4pay": reply(400),
    "blink": reply(400, {"success": False, "message": "It cannot be refunded"}),
}
UNREFUNDABLE: Final = {
    "lab4pay": [word for word in WORDS["lab4pay"] if word != "SUCCESS"],
    "blink": [
        *("Captured", "Received", "Approved", "Deferred", "Tendered", "Pre-Auth", "Preauth", "Referred", "Reversed"),
        *("Rejected", "Finished", "Canceled", "cancelled", "voided", "declined", "failed", "expired"),
    ],
}
PAYMENTS: Final = {
    "lab4pay": f"https://api-payment.lab4pay.com/v1/pay-connect/transactions/{PAYMENT}/status/",
    "blink": f"https://secure.blinkpayment.co.uk/api/pay/v1/transactions/{PAYMENT}",
}
explaining = pytest.mark.parametrize("provider", sorted(VOIDS))


def refusal(
    provider: str, answer: Answer | BaseException, refused_with: WireReply | None = None, kind: Kind = "sync"
) -> tuple[RefundRejected, Questioned]:
    """Return what is told of a refusal, where the question for the payment's state gets this answer."""
    transport = Questioned(answer, answers=[REFUSALS[provider] if refused_with is None else refused_with])
    made = account(provider, transport=transport)
    with caller(kind, made, retry=BRIEFLY) as client, pytest.raises(RefundRejected) as refused:
        of_payment(client, provider)
    assert len(transport.sent) == 1
    assert refused.value.resend is Resend.SAFE
    return refused.value, transport


@both_kinds
@explaining
def test_a_refusal_for_the_state_of_the_payment_says_so_and_names_the_void(kind: Kind, provider: str) -> None:
    for word in UNREFUNDABLE[provider]:
        error, transport = refusal(provider, state(provider, word), kind=kind)
        assert (type(error), error.reason) == (RefundRejected, Reason.NOT_REFUNDABLE), word
        assert VOIDS[provider] in str(error)
        assert spelled(word) in spelled(str(error))
        assert (error.raw, error.http_status) == (REFUSALS[provider], 400)
        assert [(question.method, question.url) for question in transport.asked] == [("GET", PAYMENTS[provider])]


def test_a_refusal_of_a_payment_that_was_refunded_before_says_so() -> None:
    for word in ("Fully refunded", "fully_refunded"):
        error, _ = refusal("blink", state("blink", word))
        assert error.reason is Reason.ALREADY_REFUNDED
        assert "already refunded" in str(error)
        assert "the payment is fully refunded" in str(error)
        assert VOIDS["blink"] not in str(error)


@explaining
def test_a_refusal_of_a_payment_that_can_be_refunded_stays_as_it_was(provider: str) -> None:
    words = {"lab4pay": ["SUCCESS", "success"], "blink": ["Accepted", "pending", "completed", "Partially refunded"]}
    for word in (*words[provider], "MISPLACED", "", None, 7):
        error, transport = refusal(provider, state(provider, word))
        assert error.reason is Reason.INVALID, word
        assert VOIDS[provider] not in str(error)
        assert len(transport.asked) == 1


@explaining
@pytest.mark.parametrize(
    "answer",
    [
        LOST,
        UNREACHED,
        replace(UNREACHED, lasting=True),
        RuntimeError("odd"),
        *(reply(status, body) for status in (200, 302, 401, 403, 404, 429, 500, 503) for body in BODIES),
        reply(429, b"{}", (("retry-after", "0"),)),
    ],
    ids=repr,
)
def test_a_refusal_stays_as_it_was_where_the_payment_cannot_be_asked_about(
    provider: str, answer: Answer | BaseException
) -> None:
    error, transport = refusal(provider, answer)
    alone, _ = refusal(provider, state(provider, "MISPLACED"))
    assert (type(error), error.reason, str(error)) == (RefundRejected, Reason.INVALID, str(alone))
    assert error.raw == REFUSALS[provider]
    assert error.__cause__ is error.__context__ is None
    assert len(transport.asked) == 1


@explaining
def test_a_refusal_stays_as_it_was_where_another_status_than_200_has_the_word(provider: str) -> None:
    for status in (201, 202, 400, 404, 500):
        error, _ = refusal(provider, state(provider, UNREFUNDABLE[provider][0], status))
        assert error.reason is Reason.INVALID
    error, _ = refusal(provider, replace(state(provider, UNREFUNDABLE[provider][0]), complete=False))
    assert error.reason is Reason.INVALID


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
def test_a_refusal_at_blink_that_may_be_for_the_state_of_the_payment_is_asked_about(status: int, body: Any) -> None:
    error, transport = refusal("blink", state("blink", "Captured"), reply(status, body))
    assert error.reason is Reason.NOT_REFUNDABLE
    assert len(transport.asked) == 1


@pytest.mark.parametrize(
    ("provider", "answer", "told"),
    [
        ("lab4pay", reply(401), AuthenticationFailed),
        ("lab4pay", reply(403), OutcomeUnknown),
        ("lab4pay", reply(404), OutcomeUnknown),
        ("lab4pay", reply(500), OutcomeUnknown),
        ("lab4pay", LOST, OutcomeUnknown),
        ("blink", reply(401), AuthenticationFailed),
        ("blink", reply(404, {"success": False}), RefundRejected),
        ("blink", reply(409, {"success": False}), OutcomeUnknown),
        ("blink", reply(429, {"success": False}), OutcomeUnknown),
        ("blink", reply(500, {"success": False}), OutcomeUnknown),
        ("paybyrd", reply(400, {"code": "BYRD900"}), RefundRejected),
        ("paybyrd", reply(400, {"code": "BYRD205"}), RefundRejected),
    ],
)
def test_nothing_is_asked_where_the_state_of_the_payment_is_not_the_reason(
    provider: str, answer: Answer, told: type[RefundError]
) -> None:
    transport = Questioned(state(provider, "REVERTED"), answers=[answer])
    with scripted("sync", provider, transport) as client, pytest.raises(RefundError) as raised:
        of_payment(client, provider)
    assert type(raised.value) is told
    assert transport.asked == []


@both_kinds
def test_a_refusal_that_is_tied_to_no_payment_is_not_asked_about(kind: Kind) -> None:
    transport = Questioned(state("lab4pay", "REVERTED"), answers=[reply(400)])
    with scripted(kind, "lab4pay", transport) as client, pytest.raises(RefundRejected) as refused:
        client.ask("lab4pay")
    assert refused.value.reason is Reason.INVALID
    assert transport.asked == []


@explaining
def test_a_certain_refusal_is_not_kept_back_for_long_by_asking_for_its_reason(provider: str) -> None:
    given: list[float] = []

    class Timed(Questioned):
        def send(self, request: WireRequest, timeout: Timeout) -> Answer:
            given.append(timeout.total)
            return super().send(request, timeout)

    transport = Timed(LOST, answers=[REFUSALS[provider]])
    with scripted("sync", provider, transport) as client, pytest.raises(RefundRejected):
        of_payment(client, provider)
    of_refund, of_question = given
    assert of_question <= 5.0 < of_refund


@both_kinds
@explaining
def test_a_refund_that_was_refused_for_the_payments_state_may_be_asked_for_again(kind: Kind, provider: str) -> None:
    states = [state(provider, UNREFUNDABLE[provider][0])]
    transport = Questioned(*states, answers=[REFUSALS[provider], PENDING_REPLIES[provider]])
    with scripted(kind, provider, transport) as client:
        with pytest.raises(RefundRejected):
            of_payment(client, provider)
        assert not of_payment(client, provider).replayed
    assert len(transport.sent) == 2
