"""What the tests of questions share: a transport that answers them by a list, and refunds to ask about."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from refundry import Evidence, Refund, RefundStatus, SendFailure, Timeout, WireReply, WireRequest
from tests.unit.support import NO_STATE, ONE_EURO, PAYMENT, Answer, Caller, Scripted, reply

HTML: Final = b"<html><body>It did not work</body></html>"
LOST: Final = SendFailure(Evidence.MAYBE_SENT, "the connection broke")
UNREACHED: Final = SendFailure(Evidence.NOT_SENT, "the connection was refused")

SUCCEEDED, PENDING, FAILED = RefundStatus.SUCCEEDED, RefundStatus.PENDING, RefundStatus.FAILED

WORDS: Final[Mapping[str, Mapping[str, RefundStatus]]] = {
    "lab4pay": {
        "INITIATED": PENDING,
        "IN_PROGRESS": PENDING,
        "SUCCESS": SUCCEEDED,
        "FAILED": FAILED,
        "EXPIRED": FAILED,
        "CANCELED": FAILED,
        "DECLINED": FAILED,
        "REVERTED": FAILED,
    },
    "paybyrd": {
        "Success": SUCCEEDED,
        "AcquirerSuccess": SUCCEEDED,
        "Processing": PENDING,
        "TemporaryFailed": PENDING,
        "Denied": FAILED,
        "Canceled": FAILED,
        "Error": PENDING,  # alone: it stands for failures that are not known yet too
    },
    "blink": {
        "completed": SUCCEEDED,
        "Accepted": SUCCEEDED,
        "pending": PENDING,
        "Pending Submission": PENDING,
        "Captured": PENDING,
        "Tendered": PENDING,
        "Received": PENDING,
        "Approved": PENDING,
        "Deferred": PENDING,
        "Authorised": PENDING,
        "Authorized": PENDING,
        "Pre-Auth": PENDING,
        "Preauth": PENDING,
        "failed": FAILED,
        "declined": FAILED,
        "Rejected": FAILED,
        "cancelled": FAILED,
        "Canceled": FAILED,
        "voided": FAILED,
        "expired": FAILED,
    },
}
"""What each word of a transaction says about a refund."""
DONE: Final = {"lab4pay": "SUCCESS", "paybyrd": "Success", "blink": "completed"}
UNDONE: Final = {"lab4pay": "DECLINED", "paybyrd": "Denied", "blink": "declined"}
VOIDS: Final = {"lab4pay": "revert_transaction of refundry_lab4pay", "blink": "cancel_transaction of refundry_blink"}

PENDING_REPLIES: Final = {
    "lab4pay": reply(200, {"transaction_id": "refund-1"}),
    "paybyrd": reply(200, {"code": "BYRD201", "isoAmount": 100, "transactionId": "refund-1"}),
    "blink": reply(200, {"status": "pending", "amount": 1, "refunded_transaction_id": "refund-1"}),
}
"""What accepts one euro of PAYMENT, and has not refunded it yet."""


class Questioned(Scripted):
    """A Scripted whose questions are answered by a list, too, whose last answer repeats. One may be an exception."""

    def __init__(self, *states: Answer | BaseException, answers: Sequence[Answer] = (NO_STATE,)) -> None:
        super().__init__(*answers)
        self._states = list(states)

    def send(self, request: WireRequest, timeout: Timeout) -> Answer:
        """As Scripted, the next state being the answer to a question."""
        if request.method == "GET":
            state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
            if isinstance(state, BaseException):
                self.asked.append(request)
                raise state
            self._state = state
        return super().send(request, timeout)


def asked(client: Caller, known: object, verb: str = "lookup", **options: Any) -> Refund:
    """Look a refund up, or do what else can be done about one."""
    given = getattr(client.client, verb)(known, **options)
    told: Refund = client.run(given) if inspect.iscoroutine(given) else given
    return told


def pending(provider: str, **changes: Any) -> Refund:
    """Return a refund of one euro of PAYMENT that the provider has accepted, and has not done yet."""
    accepted = Refund(provider, "reference-1", RefundStatus.PENDING, ONE_EURO, refund_id="refund-1", payment_id=PAYMENT)
    return replace(accepted, **changes)


def state(provider: str, word: object = ..., status: int = 200, **more: Any) -> WireReply:
    """Return a reply to a question: the transaction with this word for its state, or without one."""
    told = {"status": word, **more} if word is not ... else more
    return reply(status, {"data": told} if provider == "blink" else told)
