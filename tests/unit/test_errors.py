"""The exceptions: what each class makes certain, and that each survives a pickle with all it says."""

import copy
import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import pytest

import refundry
from refundry import (
    AuthenticationFailed,
    InvalidRefund,
    LookupFailed,
    Money,
    NotSent,
    OutcomeUnknown,
    Reason,
    ReferenceConflict,
    Refund,
    RefundError,
    RefundInProgress,
    RefundMismatch,
    RefundRejected,
    RefundStatus,
    Resend,
    StillPending,
    UnsupportedOperation,
    WebhookRejected,
    WireReply,
)

HOUR: Final = 3600.0
NOW: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
FACTS: Final[dict[str, Any]] = {
    "provider": "blink",
    "reference": "r-1",
    "payment_id": "p-1",
    "amount": Money.of("1.00", "EUR"),
    "retry_after": 2.5,
    "provider_code": "failed",
    "provider_message": "It did not work",
    "raw": WireReply(422, (("x-trace", "7"),), b"the whole body"),
}
KNOWN: Final = Refund("blink", "r-1", RefundStatus.PENDING, refund_id="refund-1")
ERRORS: Final = {
    InvalidRefund: InvalidRefund("text", field="amount", **FACTS),
    UnsupportedOperation: UnsupportedOperation("text", field="amount", **FACTS),
    ReferenceConflict: ReferenceConflict("text", **FACTS),
    RefundInProgress: RefundInProgress("text", **FACTS),
    NotSent: NotSent("text", **FACTS),
    RefundRejected: RefundRejected("text", reason=Reason.DECLINED, **FACTS),
    AuthenticationFailed: AuthenticationFailed("text", **FACTS),
    OutcomeUnknown: OutcomeUnknown("text", **FACTS),
    RefundMismatch: RefundMismatch("text", differences=[("amount", "1.00", "0.99")], **FACTS),
    LookupFailed: LookupFailed("text", refund=KNOWN, temporary=True, **FACTS),
    StillPending: StillPending("text", refund=KNOWN, **FACTS),
    WebhookRejected: WebhookRejected("text", **FACTS),
}

every_error = pytest.mark.parametrize("error", ERRORS.values(), ids=lambda error: type(error).__name__)


@pytest.mark.parametrize(
    ("cls", "resend"),
    [
        (InvalidRefund, Resend.SAFE),
        (UnsupportedOperation, Resend.SAFE),
        (ReferenceConflict, Resend.NEVER),
        (RefundInProgress, Resend.NEVER),
        (NotSent, Resend.SAFE),
        (RefundRejected, Resend.SAFE),
        (AuthenticationFailed, Resend.SAFE),
        (OutcomeUnknown, Resend.NEVER),
        (RefundMismatch, Resend.NEVER),
        (LookupFailed, Resend.NEVER),
        (StillPending, Resend.NEVER),
        (WebhookRejected, Resend.NEVER),
    ],
)
def test_a_class_says_whether_the_refund_may_be_asked_for_again(cls: type[RefundError], resend: Resend) -> None:
    assert ERRORS[cls].resend is resend


@pytest.mark.parametrize(
    ("cls", "base"),
    [
        (InvalidRefund, ValueError),
        (UnsupportedOperation, InvalidRefund),
        (RefundMismatch, OutcomeUnknown),
    ],
)
def test_a_narrower_class_is_caught_as_the_wider_one(cls: type[RefundError], base: type[Exception]) -> None:
    assert isinstance(ERRORS[cls], base)


def test_every_public_exception_is_a_refund_error_and_stands_in_these_tables() -> None:
    public = {value for value in (getattr(refundry, name) for name in refundry.__all__) if isinstance(value, type)}
    assert {cls for cls in public if issubclass(cls, Exception)} == {RefundError, *ERRORS}
    assert all(issubclass(cls, RefundError) for cls in ERRORS)


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (NotSent, OutcomeUnknown),
        (NotSent, RefundRejected),
        (RefundRejected, OutcomeUnknown),
        (OutcomeUnknown, RefundRejected),
        (OutcomeUnknown, NotSent),
        (RefundMismatch, RefundRejected),
        (InvalidRefund, RefundRejected),
        (LookupFailed, OutcomeUnknown),
        (LookupFailed, RefundRejected),
        (LookupFailed, NotSent),
        (StillPending, RefundRejected),
        (AuthenticationFailed, RefundRejected),
        (RefundRejected, AuthenticationFailed),
    ],
)
def test_what_is_certain_is_never_caught_as_something_else(narrow: type[RefundError], wide: type[RefundError]) -> None:
    assert not issubclass(narrow, wide)


@every_error
def test_an_error_carries_the_refund_and_what_the_provider_said(error: RefundError) -> None:
    assert (error.provider, error.reference) == ("blink", "r-1")
    assert (error.payment_id, error.amount, error.retry_after) == ("p-1", Money.of("1.00", "EUR"), 2.5)
    assert (error.http_status, error.provider_code, error.provider_message) == (422, "failed", "It did not work")
    assert error.raw == FACTS["raw"]


@every_error
def test_an_error_survives_a_pickle_and_a_copy_with_all_it_says(error: RefundError) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is type(error)
        assert again.__dict__ == error.__dict__
        assert (str(again), again.args, again.resend) == (str(error), error.args, error.resend)


@every_error
def test_an_error_shows_neither_body_nor_headers(error: RefundError) -> None:
    for text in (str(error), repr(error), repr(error.raw)):
        assert "the whole body" not in text
        assert "x-trace" not in text


def test_what_is_not_known_of_an_error_is_none() -> None:
    error = NotSent("text")
    assert {name: value for name, value in vars(error).items() if value is not None} == {}


def test_an_error_whose_reply_was_not_kept_still_says_its_status() -> None:
    assert NotSent("text", http_status=503).http_status == 503
    assert NotSent("text", http_status=503, raw=WireReply(502, (), b"")).http_status == 503


def test_a_class_carries_what_goes_with_it() -> None:
    assert InvalidRefund("text", field="amount").field == "amount"
    assert InvalidRefund("text", field="amount", resend=Resend.NEVER).resend is Resend.NEVER
    assert RefundRejected("text", reason=Reason.NOT_FOUND).reason is Reason.NOT_FOUND
    assert RefundMismatch("text", differences=[("amount", "1", "2")]).differences == (("amount", "1", "2"),)
    failed = LookupFailed("text", refund=KNOWN, temporary=True)
    assert (failed.refund, failed.temporary) == (KNOWN, True)
    assert StillPending("text", refund=KNOWN).refund == KNOWN
    for refused in (
        RefundRejected("text", reason=Reason.OTHER, same_answer_until=NOW),
        AuthenticationFailed("text", same_answer_until=NOW),
    ):
        assert refused.same_answer_until == NOW


class Clocks:
    """The wall clock and the monotonic clock, which go on only when they are told to."""

    def __init__(self) -> None:
        self.wall, self.monotonic = NOW.timestamp(), 1000.0

    def go_on(self, wall: float, monotonic: float) -> None:
        self.wall += wall
        self.monotonic += monotonic


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr("refundry.errors.time", lambda: clocks.wall)
    monkeypatch.setattr("refundry.errors.monotonic", lambda: clocks.monotonic)
    return clocks


def unknown(seconds: float = HOUR) -> OutcomeUnknown:
    return OutcomeUnknown("text", resend_until=NOW + timedelta(seconds=seconds))


def kept(error: RefundError) -> RefundError:
    return RefundError.from_dict(json.loads(json.dumps(error.to_dict())))


def same(error: RefundError) -> RefundError:
    return error


def pickled(error: RefundError) -> RefundError:
    again: RefundError = pickle.loads(pickle.dumps(error))
    return again


WAYS: Final = (same, copy.copy, copy.deepcopy, pickled, kept)
every_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: str(way.__name__))


@every_way
@pytest.mark.parametrize("cls", [OutcomeUnknown, RefundMismatch])
def test_an_unknown_refund_may_be_sent_again_until_its_time_is_over_however_it_was_kept(
    clocks: Clocks, way: Callable[[RefundError], RefundError], cls: type[OutcomeUnknown]
) -> None:
    more = {"differences": [("amount", "1", "2")]} if cls is RefundMismatch else {}
    error = way(cls("text", resend_until=NOW + timedelta(hours=1), **more))
    assert isinstance(error, cls)
    assert error.resend_until == NOW + timedelta(hours=1)
    seen = []
    for seconds in (0, HOUR - 1, 1, 2 * 24 * HOUR):
        clocks.go_on(seconds, seconds)
        seen.append(error.resend)
    assert seen == [Resend.SAME_REFERENCE, Resend.SAME_REFERENCE, Resend.NEVER, Resend.NEVER]


@every_way
def test_a_machine_that_slept_does_not_lengthen_the_time_to_send_again(
    clocks: Clocks, way: Callable[[RefundError], RefundError]
) -> None:
    error = way(unknown())
    clocks.go_on(HOUR, 0.0)
    assert error.resend is Resend.NEVER


@every_way
def test_a_wall_clock_that_was_set_back_does_not_lengthen_the_time_to_send_again(
    clocks: Clocks, way: Callable[[RefundError], RefundError]
) -> None:
    error = way(unknown())
    clocks.go_on(-10 * HOUR, HOUR)
    assert error.resend is Resend.NEVER


@pytest.mark.parametrize("way", [same, copy.copy, copy.deepcopy], ids=lambda way: str(way.__name__))
def test_a_copy_knows_as_its_original_does_that_the_clock_was_set_back(
    clocks: Clocks, way: Callable[[RefundError], RefundError]
) -> None:
    error = unknown()
    clocks.go_on(-10 * HOUR, HOUR)
    assert way(error).resend is Resend.NEVER


@every_way
def test_an_unknown_refund_without_a_time_is_never_sent_again(way: Callable[[RefundError], RefundError]) -> None:
    error = way(OutcomeUnknown("text"))
    assert isinstance(error, OutcomeUnknown)
    assert (error.resend_until, error.resend) == (None, Resend.NEVER)


def test_the_time_to_send_again_can_be_taken_back(clocks: Clocks) -> None:
    error = unknown()
    clocks.go_on(1.0, 1.0)
    assert error.resend is Resend.SAME_REFERENCE
    error.resend_until = None
    assert error.resend is Resend.NEVER


def test_a_time_in_another_zone_is_the_same_moment_in_utc(clocks: Clocks) -> None:
    error = OutcomeUnknown("text", resend_until=(NOW + timedelta(hours=1)).astimezone(timezone(timedelta(hours=-8))))
    assert error.resend_until == NOW + timedelta(hours=1)
    assert error.resend_until.tzinfo is UTC
    clocks.go_on(HOUR - 1, HOUR - 1)
    assert error.resend is Resend.SAME_REFERENCE


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        OutcomeUnknown("text", resend_until=datetime(2026, 1, 1))
