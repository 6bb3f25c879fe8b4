"""Shared by the tests of lookups: a transport that answers them by a list, and refunds to look up."""

import inspect
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final

from refundry import Evidence, Refund, RefundError, RefundStatus, Retry, SendFailure, Timeout, WireReply, WireRequest
from tests.facade.support import NO_STATE, ONE_EURO, PAYMENT, Answer, Caller, Scripted, reply, scripted
from tests.providers import RECORDS

HTML: Final = b"<html><body>It did not work</body></html>"
BODIES: Final = (b"", b"{}", HTML, b"[]", b"\xff")
"""Bodies without a state."""
HOSTILE_IDS: Final = ("..", ".", "", "a/b", "a?b", "a#b", "a%2fb", "a\\b", "a b", "a\r\nb", "a\0b", "\xe9", "a" * 201)
BRIEFLY: Final = Retry(attempts=3, first_wait=0.001)
"""Retries without waits."""
ORIGIN: Final = "https://gateway.paybyrd.com"
LINK: Final = "/api/v2/transactions?requestId=request-1"
LOST: Final = SendFailure(Evidence.MAYBE_SENT, "the connection broke")
UNREACHED: Final = SendFailure(Evidence.NOT_SENT, "the connection was refused")

SUCCEEDED, PENDING, FAILED = RefundStatus.SUCCEEDED, RefundStatus.PENDING, RefundStatus.FAILED

# The tests of faults take these from here.
DONE: Final = {provider: record.states.done for provider, record in RECORDS.items()}
UNDONE: Final = {provider: record.states.undone for provider, record in RECORDS.items()}
VOID_HINTS: Final = {provider: record.payments.void_hint for provider, record in RECORDS.items() if record.payments}


def second_pending(provider: str) -> WireReply:
    """Return a reply that accepts a second refund of one euro, with another id."""
    first = RECORDS[provider].pending
    return replace(first, body=first.body.replace(b"refund-1", b"refund-2"))


class LookupScript(Scripted):
    """A Scripted with a list of answers for lookups too. The last one repeats; an exception is raised."""

    def __init__(self, *states: Answer | BaseException, answers: Sequence[Answer] = (NO_STATE,)) -> None:
        super().__init__(*answers)
        self._states = list(states)

    def send(self, request: WireRequest, timeout: Timeout) -> Answer:
        """Answer as Scripted does, and a lookup with the next state."""
        if request.method == "GET":
            state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
            if isinstance(state, BaseException):
                self.lookups.append(request)
                raise state
            self._state = state
        return super().send(request, timeout)


def looked_up(client: Caller, known: object, verb: str = "lookup", **options: Any) -> Refund:
    """Call a verb of the client about a refund: `lookup`, `wait` or `cancel`."""
    given = getattr(client.client, verb)(known, **options)
    outcome: Refund = client.run(given) if inspect.iscoroutine(given) else given
    return outcome


def pending(provider: str, **changes: Any) -> Refund:
    """Return a pending refund of one euro of PAYMENT."""
    accepted = Refund(provider, "reference-1", RefundStatus.PENDING, ONE_EURO, refund_id="refund-1", payment_id=PAYMENT)
    return replace(accepted, **changes)


def state(provider: str, word: object = ..., status: int = 200, **more: Any) -> WireReply:
    """Return a reply to a lookup: the transaction with this word for its state, or without one."""
    return RECORDS[provider].states.reply(word, status, **more)


def spelled(word: str) -> str:
    """Return a word in lower case, without separators."""
    return " ".join(re.split(r"[\s_-]+", word)).strip().lower()


def written(moment: datetime) -> str:
    """Return a time as Paybyrd writes it in a transaction."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def dated(body: object, moment: datetime | None = None) -> WireReply:
    """Return a reply with the Date header of this moment, or of now."""
    return reply(200, body, (("date", format_datetime(moment or datetime.now(UTC), usegmt=True)),))


def tracked(*transactions: object) -> WireReply:
    """Return Paybyrd's reply of now to a lookup by requestId."""
    return dated(list(transactions))


def created() -> str:
    """Return a time, as Paybyrd writes it, that fits a refund which a test is about to send."""
    return written(datetime.now(UTC) + timedelta(minutes=1))


def transaction(**changes: Any) -> dict[str, Any]:
    """Return a transaction of Paybyrd: one euro of PAYMENT, refunded just now."""
    own = {"transactionId": "refund-1", "status": "Success", "code": "BYRD200", "isoAmount": -100, "currency": "EUR"}
    return {**own, "referencedTransactions": [{"transactionId": PAYMENT}], "createdDate": created(), **changes}


def accepted_for_later(**changes: Any) -> Refund:
    """Return a refund that Paybyrd has just accepted with 202."""
    return pending("paybyrd", **{"refund_id": None, "tracking_id": LINK, "sent_at": datetime.now(UTC), **changes})


def found(
    provider: str, answer: Answer, refund: Refund | None = None, **options: Any
) -> tuple[Refund | RefundError, list[str]]:
    """Return the outcome of a lookup for its caller, and the pointers of the deviations."""
    with scripted("sync", provider, Scripted(NO_STATE, state=answer), **options) as client:
        outcome: Refund | RefundError
        try:
            outcome = looked_up(client, pending(provider) if refund is None else refund)
        except RefundError as error:
            outcome = error
        return outcome, [deviation.pointer for deviation in client.deviations]


def status_of(provider: str, answer: Answer, refund: Refund | None = None) -> RefundStatus | type[RefundError]:
    """Return the status that a lookup gives, or the class of its exception."""
    outcome, _ = found(provider, answer, refund)
    return outcome.status if isinstance(outcome, Refund) else type(outcome)


def of_payment(client: Caller, provider: str, amount: object = ONE_EURO) -> Refund:
    """Refund an amount of PAYMENT."""
    return client.refund(provider, payment_id=PAYMENT, amount=amount, reference="reference-1")
