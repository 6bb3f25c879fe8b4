"""The exceptions: what each class makes certain, and that each survives a pickle with all it says."""

import copy
import pickle
from typing import Any, Final

import pytest

import refundry
from refundry import (
    AuthenticationFailed,
    InvalidRefund,
    LookupFailed,
    NotSent,
    OutcomeUnknown,
    RateLimited,
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

FACTS: Final[dict[str, Any]] = {
    "provider": "blink",
    "reference": "r-1",
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
    AuthenticationFailed: AuthenticationFailed("text", reason=Reason.OTHER, **FACTS),
    RateLimited: RateLimited("text", reason=Reason.OTHER, retry_after=2.5, **FACTS),
    OutcomeUnknown: OutcomeUnknown("text", **FACTS),
    RefundMismatch: RefundMismatch("text", differences=[("amount", "1.00", "0.99")], **FACTS),
    LookupFailed: LookupFailed("text", refund=KNOWN, temporary=True, retry_after=2.5, **FACTS),
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
        (RateLimited, Resend.SAFE),
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
        (AuthenticationFailed, RefundRejected),
        (RateLimited, RefundRejected),
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
    ],
)
def test_what_is_certain_is_never_caught_as_something_else(narrow: type[RefundError], wide: type[RefundError]) -> None:
    assert not issubclass(narrow, wide)


@every_error
def test_an_error_carries_the_refund_and_what_the_provider_said(error: RefundError) -> None:
    assert (error.provider, error.reference) == ("blink", "r-1")
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


def test_an_error_without_a_reply_has_no_status() -> None:
    assert NotSent("text").http_status is None
    assert (NotSent("text").provider, NotSent("text").raw) == (None, None)


def test_a_class_carries_what_goes_with_it() -> None:
    assert InvalidRefund("text", field="amount").field == "amount"
    assert RefundRejected("text", reason=Reason.NOT_FOUND).reason is Reason.NOT_FOUND
    assert RateLimited("text", reason=Reason.OTHER, retry_after=2.5).retry_after == 2.5
    assert RateLimited("text", reason=Reason.OTHER).retry_after is None
    assert OutcomeUnknown("text", resend=Resend.SAME_REFERENCE).resend is Resend.SAME_REFERENCE
    assert RefundMismatch("text", differences=[("amount", "1", "2")]).differences == (("amount", "1", "2"),)
    failed = LookupFailed("text", refund=KNOWN, temporary=True, retry_after=2.5)
    assert (failed.refund, failed.temporary, failed.retry_after) == (KNOWN, True, 2.5)
    assert StillPending("text", refund=KNOWN).refund == KNOWN
