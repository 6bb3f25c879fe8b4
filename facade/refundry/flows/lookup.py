"""Asking about a refund that was asked for before: its state, until it is final, and that it be called off."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from refundry import outcome
from refundry.echoes import redacted
from refundry.errors import InvalidRefund, LookupFailed, RefundError, Resend, StillPending
from refundry.flows.attempts import Answer, Call, Conclusion, Secrets, asked_to_wait, is_temporary, refuses_credentials
from refundry.flows.effects import Flow, Sleep
from refundry.limits import jittered, seconds
from refundry.outcome import NoAnswer, Outcome, PaymentState, Reading
from refundry.providers.replies import read_payment, read_state
from refundry.refund import Operation, Refund, RefundStatus
from refundry.wire import Evidence, SendFailure, WireReply

if TYPE_CHECKING:
    from refundry.flows.attempts import Sending
    from refundry.limits import Retry
    from refundry.owner import Owner
    from refundry.providers.translation import GeneratedRequest, Translation

State = Refund | RefundError

_LONGEST_POLL: Final = 20.0
_POLL_GROWS_BY: Final = 1.5


class Asking:
    """The questions about a refund, as steps. Each is asked for the call that owns it."""

    def __init__(self, sending: Sending, retry: Retry) -> None:
        self._sending = sending
        self._retry = retry

    def lookup(self, owner: Owner, translation: Translation, refund: Refund) -> Flow[Refund]:
        """The state of a refund, asked for until there is an answer."""
        deadline = monotonic() + self._retry.deadline
        tried = yield from self.state(owner, translation, refund, deadline, self._retry.attempts)
        return _returned(tried.told)

    def wait(self, owner: Owner, translation: Translation, refund: Refund, timeout: float, poll: float) -> Flow[Refund]:
        """The state of a refund, asked for until it is final or the time is over."""
        try:
            seconds(timeout, "timeout", "timeout")
            seconds(poll, "poll", "poll")
        except InvalidRefund as refused:
            raise about(refund, refused) from None
        deadline = monotonic() + timeout
        failure: LookupFailed | None = None
        pause = poll
        while refund.status is RefundStatus.PENDING:
            tried = yield from self.state(owner, translation, refund, deadline, 1)
            left = deadline - monotonic()
            not_before = asked_to_wait(tried.answer) or 0.0
            if isinstance(tried.told, LookupFailed) and (tried.told.temporary or left <= 0):
                failure = tried.told
            else:
                refund, failure = _returned(tried.told), None
            if refund.status is RefundStatus.PENDING:
                if left <= max(min(poll, timeout / 10), not_before):
                    raise _still_pending(refund, timeout) from failure
                # Ever shorter towards the end, so that the last answer is a late one.
                yield Sleep(max(min(jittered(pause), left / 2), not_before))
                pause = min(pause * _POLL_GROWS_BY, max(_LONGEST_POLL, poll))
                if monotonic() >= deadline:  # a pause may last longer than was asked for
                    raise _still_pending(refund, timeout) from failure
        return refund

    def cancel(self, owner: Owner, translation: Translation, refund: Refund) -> Flow[Refund]:
        """The state of a refund after asking for it to be called off."""
        try:
            request = translation.cancel_request(refund)
        except InvalidRefund as refused:
            raise about(refund, refused) from None
        if refund.status is not RefundStatus.PENDING:
            return refund

        may_have_left = False

        def read(reply: WireReply) -> Reading:
            # A reply proves nothing, be it yes or no: what became of it is asked for afterwards.
            denied = _is_without_effect(reply)
            said = Outcome.AUTHENTICATION_FAILED if denied else Outcome.UNKNOWN
            return Reading(said, why="it did not take the cancel")

        def conclude(answer: Answer, reading: Reading, secrets: Secrets) -> Conclusion[LookupFailed | None]:
            nonlocal may_have_left
            without_effect = _is_without_effect(answer)
            may_have_left = may_have_left or not without_effect
            failed = without_effect or isinstance(answer, SendFailure) or is_temporary(answer)
            told = outcome.of_no_answer(refund, answer, reading, retry_after=asked_to_wait(answer)) if failed else None
            told = redacted(told, secrets)
            return Conclusion(answer, reading, told, told, refuses_credentials(reading))

        task = Call(owner, translation, Operation.CANCEL, refund.reference, request, read, conclude, _may_answer_later)
        deadline = monotonic() + self._retry.deadline
        tried = yield from self._sending.send_with_retries(task, deadline, self._retry.attempts)
        if tried.told is not None and not may_have_left:
            raise tried.told
        state = yield from self.state(owner, translation, refund, deadline, self._retry.attempts)
        return _returned(state.told)

    def state(
        self, owner: Owner, translation: Translation, refund: Refund, deadline: float, attempts: int
    ) -> Flow[Conclusion[State]]:
        """What came of asking for the state. InvalidRefund where the refund has nothing to be asked about by."""
        try:
            request = translation.state_request(refund)
        except InvalidRefund as refused:
            raise about(refund, refused) from None

        def conclude(answer: Answer, reading: Reading, secrets: Secrets) -> Conclusion[State]:
            told = outcome.of_state(
                refund, answer, reading, currency=translation.account.currency, retry_after=asked_to_wait(answer)
            )
            told = redacted(told, secrets)
            return Conclusion(answer, reading, told, told, refuses_credentials(reading))

        task = Call(
            owner,
            translation,
            Operation.LOOKUP,
            refund.reference,
            request,
            lambda reply: read_state(translation, refund, reply),
            conclude,
            _may_answer_later,
        )
        return (yield from self._sending.send_with_retries(task, deadline, attempts))

    def payment(
        self, owner: Owner, translation: Translation, refund: Refund, request: GeneratedRequest
    ) -> Flow[PaymentState]:
        """What a payment says of why it cannot be refunded. Raises LookupFailed where the provider gave no answer."""

        def conclude(
            answer: Answer, reading: PaymentState | NoAnswer, secrets: Secrets
        ) -> Conclusion[LookupFailed | None]:
            told = None
            if not isinstance(reading, PaymentState):
                told = outcome.of_no_answer(refund, answer, reading, retry_after=asked_to_wait(answer))
            told = redacted(told, secrets)
            return Conclusion(answer, reading, told, told, credentials_refused=told is not None)

        task = Call(
            owner,
            translation,
            Operation.LOOKUP,
            refund.reference,
            request,
            lambda reply: read_payment(translation, reply),
            conclude,
            _may_answer_later,
        )
        deadline = monotonic() + self._retry.deadline
        tried = yield from self._sending.send_with_retries(task, deadline, self._retry.attempts)
        if tried.told is not None:
            raise tried.told
        payment: PaymentState = tried.reading
        return payment


def about(refund: Refund, refused: InvalidRefund) -> InvalidRefund:
    """What is refused of a refund that was asked for before: that refund is as it was."""
    refused.resend = Resend.NEVER
    refused.provider, refused.reference = refund.provider, refund.reference
    return refused


def _returned(told: State) -> Refund:
    if isinstance(told, Refund):
        return told
    raise told


def _still_pending(refund: Refund, timeout: float) -> StillPending:
    return StillPending(
        f"{refund.reference!r} at {refund.provider} is not final after {timeout:g} seconds",
        refund=refund,
        provider=refund.provider,
        reference=refund.reference,
        provider_code=refund.provider_code,
        provider_message=refund.provider_message,
        raw=refund.raw,
    )


def _may_answer_later(last: Conclusion[Any], _: object) -> bool:
    if isinstance(last.answer, WireReply) and not is_temporary(last.answer):
        return False
    return isinstance(last.told, LookupFailed) and last.told.temporary


def _is_without_effect(answer: Answer) -> bool:
    if isinstance(answer, SendFailure):
        return answer.evidence is Evidence.NOT_SENT
    return answer.status in (401, 403)
