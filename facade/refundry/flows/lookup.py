"""Questions as flows: the state of a refund, once or until it is final; its cancellation; the state of a payment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from refundry import outcome
from refundry.echoes import redacted
from refundry.errors import InvalidRefund, LookupFailed, RefundError, RefundRejected, Resend, StillPending
from refundry.flows.calls import Call, Conclusion
from refundry.flows.effects import Flow, Sleep
from refundry.limits import check_seconds, jittered
from refundry.outcome import NO_REPLY, NoAnswer, Outcome, PaymentState, Reading
from refundry.providers.replies import read_payment, read_state
from refundry.refund import Operation, Refund, RefundStatus
from refundry.wire import SendFailure

if TYPE_CHECKING:
    from refundry.clock import Clock
    from refundry.flows.attempts import Attempts
    from refundry.limits import Retry
    from refundry.outcome import Answer
    from refundry.owner import Owner
    from refundry.providers.translation import GeneratedRequest, Translation
    from refundry.redaction import Secret

State = Refund | RefundError
Answered = TypeVar("Answered")

_NOTHING: Final = Reading()
_NO_STATE: Final = PaymentState()
_NOT_TAKEN: Final = NoAnswer("it did not take the cancel")
_LONGEST_POLL: Final = 20.0
_POLL_GROWS_BY: Final = 1.5


@dataclass(slots=True)
class StateConclusion(Conclusion[State]):
    """A conclusion with what the reply says of the refund."""

    reading: Reading = _NOTHING


@dataclass(slots=True)
class PaymentConclusion(Conclusion[LookupFailed | None]):
    """A conclusion with the state of the payment."""

    payment: PaymentState = _NO_STATE


class _Question(Call[Answered]):
    """A call about a refund that asks for no money."""

    OPERATION: ClassVar[Operation] = Operation.LOOKUP

    def __init__(self, translation: Translation, refund: Refund, request: GeneratedRequest, clock: Clock) -> None:
        super().__init__(translation, self.OPERATION, refund.reference, request)
        self._refund = refund
        self._clock = clock

    def may_retry(self, last: Conclusion[Answered], previous: object) -> bool:
        """Where another answer may come soon."""
        return outcome.may_repeat(last.answer, last.outcome_for_caller)


class StateCall(_Question[State]):
    """A lookup. Its outcome is the refund in its present state, or why there is no answer."""

    def conclude(self, answer: Answer, secrets: tuple[Secret, ...]) -> StateConclusion:
        """By the provider's word for the state, once the reply was compared with the refund."""
        reading = _NOTHING
        if not isinstance(answer, SendFailure):
            reading = outcome.read_safely(
                lambda reply: read_state(self.translation, self._refund, reply), answer, lambda why: Reading(why=why)
            )
        currency = self.translation.account.currency
        state = outcome.of_state(self._refund, answer, reading, currency=currency, clock=self._clock)
        state = redacted(state, secrets)
        refused = outcome.is_token_refused(answer, denied=reading.outcome is Outcome.AUTHENTICATION_FAILED)
        return StateConclusion(answer, state, state, refused, reading.deviations, reading)


class CancelCall(_Question[LookupFailed | None]):
    """A request to cancel a refund. Its answer proves nothing, so a lookup follows it.

    `may_have_effect` says that an attempt may have reached the provider.
    """

    OPERATION: ClassVar[Operation] = Operation.CANCEL
    may_have_effect: bool = False

    def conclude(self, answer: Answer, secrets: tuple[Secret, ...]) -> Conclusion[LookupFailed | None]:
        """LookupFailed where the provider did not take the request."""
        failed = None
        if outcome.has_no_effect(answer) or isinstance(answer, SendFailure) or outcome.is_temporary(answer):
            failed = outcome.of_no_answer(self._refund, answer, _NOT_TAKEN, clock=self._clock)
            failed = redacted(failed, secrets)
        return Conclusion(answer, failed, failed, outcome.is_token_refused(answer, denied=True))

    def record(self, conclusion: Conclusion[LookupFailed | None]) -> None:
        """Note whether the provider may have cancelled the refund."""
        if not outcome.has_no_effect(conclusion.answer):
            self.may_have_effect = True


class PaymentCall(_Question[LookupFailed | None]):
    """A lookup of the payment that a refusal is about."""

    def conclude(self, answer: Answer, secrets: tuple[Secret, ...]) -> PaymentConclusion:
        """LookupFailed where the reply gives no state."""
        payment: PaymentState | NoAnswer = NO_REPLY
        if not isinstance(answer, SendFailure):
            payment = outcome.read_safely(lambda reply: read_payment(self.translation, reply), answer, NoAnswer)
        if isinstance(payment, PaymentState):
            return PaymentConclusion(answer, None, None, deviations=payment.deviations, payment=payment)
        failed = outcome.of_no_answer(self._refund, answer, payment, clock=self._clock)
        failed = redacted(failed, secrets)
        refused = outcome.is_token_refused(answer, denied=True)
        return PaymentConclusion(answer, failed, failed, refused, payment.deviations)


class Lookups:
    """The questions of a client, as flows. Each belongs to the call that owns it."""

    def __init__(self, attempts: Attempts, retry: Retry, clock: Clock) -> None:
        self._attempts = attempts
        self._retry = retry
        self._clock = clock

    def lookup(self, owner: Owner, translation: Translation, refund: Refund) -> Flow[Refund]:
        """The state of a refund. Raises LookupFailed without an answer, RefundMismatch where another is reported."""
        last = yield from self.state(owner, translation, refund, self._deadline(), self._retry.attempts)
        return _refund_or_raise(last.outcome_for_caller)

    def wait(self, owner: Owner, translation: Translation, refund: Refund, timeout: float, poll: float) -> Flow[Refund]:
        """The state of a refund once it is final. Raises StillPending after `timeout` seconds."""
        try:
            check_seconds(timeout, "timeout", "timeout")
            check_seconds(poll, "poll", "poll")
        except InvalidRefund as refused:
            raise about(refund, refused) from None
        now = self._clock.monotonic
        deadline = now() + timeout
        failure: LookupFailed | None = None
        pause = poll
        while refund.status is RefundStatus.PENDING:
            last = yield from self.state(owner, translation, refund, deadline, 1)
            state, left = last.outcome_for_caller, deadline - now()
            not_before = outcome.asked_to_wait(last.answer, self._clock) or 0.0
            if isinstance(state, LookupFailed) and (state.temporary or left <= 0):
                failure = state
            else:
                refund, failure = _refund_or_raise(state), None
            if refund.status is RefundStatus.PENDING:
                if left <= max(min(poll, timeout / 10), not_before):
                    raise _still_pending(refund, timeout) from failure
                # Shorter towards the end, so that the last answer is a late one.
                yield Sleep(max(min(jittered(pause, self._clock), left / 2), not_before))
                pause = min(pause * _POLL_GROWS_BY, max(_LONGEST_POLL, poll))
                if now() >= deadline:  # a sleep may last longer than it was set to
                    raise _still_pending(refund, timeout) from failure
        return refund

    def cancel(self, owner: Owner, translation: Translation, refund: Refund) -> Flow[Refund]:
        """The state of a refund after a request to cancel it. Raises LookupFailed where that had no effect."""
        try:
            request = translation.cancel_request(refund)
        except InvalidRefund as refused:
            raise about(refund, refused) from None
        if refund.status is not RefundStatus.PENDING:
            return refund
        call = CancelCall(translation, refund, request, self._clock)
        deadline = self._deadline()
        last = yield from self._attempts.send_with_retries(owner, call, deadline, self._retry.attempts)
        if last.outcome_for_caller is not None and not call.may_have_effect:
            raise last.outcome_for_caller
        state = yield from self.state(owner, translation, refund, deadline, self._retry.attempts)
        return _refund_or_raise(state.outcome_for_caller)

    def state(
        self, owner: Owner, translation: Translation, refund: Refund, deadline: float, attempts: int
    ) -> Flow[StateConclusion]:
        """The conclusion of a lookup. Raises InvalidRefund where the refund has no id to ask by."""
        try:
            request = translation.state_request(refund)
        except InvalidRefund as refused:
            raise about(refund, refused) from None
        call = StateCall(translation, refund, request, self._clock)
        last = yield from self._attempts.send_with_retries(owner, call, deadline, attempts)
        assert isinstance(last, StateConclusion)
        return last

    def explain(self, owner: Owner, translation: Translation, refused: RefundRejected) -> Flow[RefundRejected]:
        """The refusal, with the state of its payment as the reason where the provider gives one that says why."""
        request = None if refused.payment_id is None else translation.payment_request(refused.payment_id)
        if request is None or refused.provider is None:
            return refused
        refund = Refund(refused.provider, refused.reference or "", RefundStatus.FAILED, payment_id=refused.payment_id)
        call = PaymentCall(translation, refund, request, self._clock)
        last = yield from self._attempts.send_with_retries(owner, call, self._deadline(), self._retry.attempts)
        if last.outcome_for_caller is not None:
            raise last.outcome_for_caller
        assert isinstance(last, PaymentConclusion)
        return outcome.explained(refused, last.payment, translation.void_hint)

    def _deadline(self) -> float:
        return self._clock.monotonic() + self._retry.deadline


def about(refund: Refund, refused: InvalidRefund) -> InvalidRefund:
    """An argument that was refused in a question: the refund that it is about stays as it was."""
    refused.resend = Resend.NEVER
    refused.provider, refused.reference = refund.provider, refund.reference
    return refused


def _refund_or_raise(state: State) -> Refund:
    if isinstance(state, Refund):
        return state
    raise state


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
