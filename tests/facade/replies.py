"""Shared by the tests of replies: the outcome of a reply as one name."""

from typing import Final

from refundry import (
    AuthenticationFailed,
    OutcomeUnknown,
    Reason,
    Refund,
    RefundError,
    RefundRejected,
    RefundStatus,
    WireReply,
)
from refundry.outcome import Reading
from refundry.providers.registry import translation_of
from refundry.providers.replies import read_refund
from refundry.refund import RefundRequest
from tests.facade.support import outcome_for_caller
from tests.providers import account
from tests.providers.record import ONE_EURO, PAYMENT, reply

HTML: Final = b"<html><body>It did not work</body></html>"
SUCCEEDED, PENDING = RefundStatus.SUCCEEDED, RefundStatus.PENDING
ALREADY, EXCEEDS = Reason.ALREADY_REFUNDED, Reason.EXCEEDS_REMAINING
UNKNOWN, DENIED = OutcomeUnknown, AuthenticationFailed

Expected = RefundStatus | Reason | type[RefundError]
"""A refund of this status, a refusal for this reason, or an exception of this class."""


def expected_of(result: Refund | RefundError) -> Expected:
    """Return the name of an outcome: a status, a reason, or a class."""
    if isinstance(result, Refund):
        return result.status
    return result.reason if type(result) is RefundRejected else type(result)


def of(provider: str, status: int, body: object) -> Expected:
    """Return the outcome of a refund of one euro that gets this reply."""
    return expected_of(outcome_for_caller(provider, reply(status, body)))


def reading_of(provider: str, answer: WireReply) -> Reading:
    """Return the reading of a reply to a refund of one euro of PAYMENT."""
    request = RefundRequest(provider, PAYMENT, ONE_EURO, "reference-1")
    return read_refund(translation_of(account(provider)), request, answer)
