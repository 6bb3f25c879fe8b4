"""What an event of a callback teaches of a refund that is known: which states follow which, and what frees it."""

from dataclasses import replace
from itertools import product
from typing import Any, Final

import pytest

from refundry import Money, Refund, RefundEvent, RefundStatus, WireReply
from refundry.outcome import may_follow
from refundry.webhooks import Proof, learnt, may_free
from tests.unit.callbacks import FAILED, PENDING, REFUND, SUCCEEDED, both_kinds, news, proof, receive
from tests.unit.support import ONE_EURO, PAYMENT, Kind

# All that follows: (what is known, what is told, whether its word undoes what was done).
FOLLOWING: Final = {
    (PENDING, SUCCEEDED, False),
    (PENDING, FAILED, False),
    (PENDING, FAILED, True),
    (SUCCEEDED, FAILED, True),
}
TOLD: Final = [(SUCCEEDED, False), (PENDING, False), (FAILED, False), (FAILED, True)]

KNOWN: Final = Refund("shop", "order-1/1", PENDING, ONE_EURO, REFUND, PAYMENT, 7, raw=WireReply(200, (), b"{}"))
EVENT: Final = RefundEvent("shop", "refund", REFUND, PAYMENT, SUCCEEDED, "signature", "", provider_code="SUCCESS")


def as_event(status: RefundStatus | None, undone: bool = False) -> RefundEvent:
    """Return a signed event of the refund in this state."""
    return replace(EVENT, status=status, undone=undone)


@pytest.mark.parametrize(("known", "told"), [*product(RefundStatus, TOLD)])
def test_a_state_never_moves_backwards(known: RefundStatus, told: tuple[RefundStatus, bool]) -> None:
    status, undone = told
    follows = (known, status, undone) in FOLLOWING
    assert may_follow(known, status, undone=undone) is follows
    assert as_event(status, undone).supersedes(known) is follows
    taught = learnt(as_event(status, undone), replace(KNOWN, status=known))
    assert (taught and taught.status) == (status if follows else None)


@pytest.mark.parametrize("told", TOLD)
def test_of_a_refund_that_nothing_is_known_of_every_state_is_news(told: tuple[RefundStatus, bool]) -> None:
    assert as_event(*told).supersedes(None)


@pytest.mark.parametrize("known", [None, *RefundStatus])
def test_an_event_without_a_state_is_no_news(known: RefundStatus | None) -> None:
    assert not as_event(None).supersedes(known)
    assert learnt(as_event(None), KNOWN) is None


@both_kinds
@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["INITIATED", "SUCCESS", "REVERTED"], [PENDING, SUCCEEDED, FAILED]),
        (["REVERTED", "SUCCESS", "INITIATED"], [FAILED, FAILED, FAILED]),
        (["SUCCESS", "IN_PROGRESS", "INITIATED"], [SUCCEEDED, SUCCEEDED, SUCCEEDED]),
        (["SUCCESS", "FAILED", "EXPIRED"], [SUCCEEDED, SUCCEEDED, SUCCEEDED]),
        (["DECLINED", "SUCCESS", "REVERTED"], [FAILED, FAILED, FAILED]),
        (["IN_PROGRESS", "EXPIRED", "SUCCESS"], [PENDING, FAILED, FAILED]),
    ],
)
def test_in_whatever_order_callbacks_come_the_last_news_is_kept(
    kind: Kind, words: list[str], kept: list[RefundStatus]
) -> None:
    known: RefundStatus | None = None
    states = []
    for word in words:
        body = news("lab4pay", word)
        event = receive("lab4pay", proof("lab4pay", body), body, kind=kind)
        known = event.status if event.supersedes(known) else known
        states.append(known)
    assert states == kept


def test_what_is_learnt_is_the_refund_as_it_is_now() -> None:
    assert learnt(EVENT, KNOWN) == replace(KNOWN, status=SUCCEEDED, remaining=None, provider_code="SUCCESS")
    taught = learnt(EVENT, KNOWN)
    assert taught is not None
    assert taught.raw is None


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
def test_an_event_of_another_refund_teaches_nothing(other: dict[str, Any]) -> None:
    assert learnt(replace(EVENT, **other), KNOWN) is None


@pytest.mark.parametrize("less", [{"payment_id": None}, {"amount": ONE_EURO}, {"about": "transaction"}])
def test_what_an_event_does_not_say_does_not_keep_it_from_teaching(less: dict[str, Any]) -> None:
    taught = learnt(replace(EVENT, **less), KNOWN)
    assert taught is not None
    assert (taught.payment_id, taught.amount) == (PAYMENT, ONE_EURO)


def test_what_was_not_known_of_a_refund_is_learnt_with_its_state() -> None:
    taught = learnt(replace(EVENT, amount=ONE_EURO), replace(KNOWN, amount=None, payment_id=None))
    assert taught is not None
    assert (taught.amount, taught.payment_id) == (ONE_EURO, PAYMENT)


UNNAMED: Final = Refund("shop", "till-1/1", PENDING, ONE_EURO)
ECHOED: Final = replace(EVENT, payment_id=None, reference="till-1/1")


@pytest.mark.parametrize("status", RefundStatus)
def test_a_refund_without_an_id_is_taught_by_its_own_reference(status: RefundStatus) -> None:
    """As one is whose outcome is unknown: its reply was lost, and the provider echoes the reference."""
    taught = learnt(replace(ECHOED, status=status), UNNAMED)
    assert taught is not None
    assert (taught.refund_id, taught.status, taught.reference) == (REFUND, status, "till-1/1")


@pytest.mark.parametrize(
    "other",
    [
        {"reference": None},
        {"reference": "till-1/2"},
        {"about": "transaction"},  # a payment may have been given the same name
        {"amount": Money.of("2.00", "EUR")},
    ],
)
def test_a_refund_without_an_id_is_taught_by_nothing_else(other: dict[str, Any]) -> None:
    assert learnt(replace(ECHOED, **other), UNNAMED) is None


def test_a_reference_does_not_stand_in_for_an_id_that_is_known() -> None:
    assert learnt(ECHOED, replace(UNNAMED, refund_id="refund-2")) is None


FREEING: Final[dict[Proof, bool]] = {"signature": True, "asked": True, "shared secret": False, "nothing": False}


@pytest.mark.parametrize("status", RefundStatus)
@pytest.mark.parametrize(("proved_by", "frees"), FREEING.items())
def test_a_failure_frees_a_reference_only_by_a_signature_or_by_asking(
    status: RefundStatus, proved_by: Proof, frees: bool
) -> None:
    assert may_free(replace(EVENT, status=status, proof=proved_by)) is (frees and status is FAILED)


@pytest.mark.parametrize(("provider", "frees"), {"lab4pay": True, "paybyrd": False, "blink": False}.items())
def test_whether_a_failure_frees_a_reference_follows_from_what_the_provider_proves(provider: str, frees: bool) -> None:
    word = {"lab4pay": "FAILED", "paybyrd": "Denied", "blink": "failed"}[provider]
    body = news(provider, word)
    assert may_free(receive(provider, proof(provider, body), body)) is frees
