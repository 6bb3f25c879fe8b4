"""What both clients do between a call and a request, and between an answer and what the caller is told."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from refundry import outcome
from refundry.asking import Asking
from refundry.errors import (
    InvalidRefund,
    LookupFailed,
    OutcomeUnknown,
    Reason,
    RefundError,
    RefundRejected,
    Resend,
)
from refundry.money import Money
from refundry.observe import Observer
from refundry.outcome import Outcome, Reading
from refundry.references import References, Taken
from refundry.refund import Operation, Refund, RefundRequest, RefundStatus
from refundry.retry import Retry, retry_after
from refundry.sending import Answer, Sending, Task, Tried, read_safely
from refundry.steps import Steps
from refundry.wire import SendFailure, Timeout, WireReply, WireRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from refundry.accounts import Account
    from refundry.money import Amount
    from refundry.providers.base import Translation
    from refundry.refund import Attempt, ContractDeviation
    from refundry.webhooks import Headers, RefundEvent

    Known = Refund | Mapping[str, Any]

# Why a refund was refused is asked for only where its reason may hide that the payment cannot be refunded, and only
# for so long: the refusal itself is certain.
_VAGUE: Final = frozenset({Reason.INVALID, Reason.OTHER, Reason.DECLINED})
_SECONDS_FOR_A_REASON: Final = 5.0


class Core:
    """The accounts of a client, the references it has used, its tokens and its hooks.

    `send_name` is the method that a transport given to an account has to have.
    """

    def __init__(
        self,
        accounts: Iterable[Account],
        send_name: str,
        timeout: Timeout | None,
        retry: Retry | None,
        on_attempt: Callable[[Attempt], None] | None,
        on_deviation: Callable[[ContractDeviation], None] | None,
    ) -> None:
        self.closed = False
        self._retry = retry if retry is not None else Retry()
        self._observer = Observer(on_attempt, on_deviation)
        self._sending = Sending(timeout if timeout is not None else Timeout(), self._retry, self._observer)
        self._asking = Asking(self._sending, self._retry)
        self._references = References()
        self._translations: dict[str, Translation] = {}
        for account in accounts:
            if account.name in self._translations:
                raise InvalidRefund(f"two providers are named {account.name!r}; give one a name=", field="name")
            if account.transport is not None and not hasattr(account.transport, send_name):
                raise InvalidRefund(
                    f"the transport of {account.name} has no {send_name}(), which this client needs", field="transport"
                )
            self._translations[account.name] = account.translation()

    @property
    def needs_transport(self) -> bool:
        """Whether there is an account without a transport of its own."""
        return any(translation.account.transport is None for translation in self._translations.values())

    @property
    def names(self) -> list[str]:
        """What the accounts are asked for by."""
        return list(self._translations)

    def translation(self, provider: str) -> Translation:
        """How this account's messages read. InvalidRefund where there is none of that name."""
        if self.closed:
            raise InvalidRefund("the client is closed; make a new one", field="client")
        if not isinstance(provider, str) or provider not in self._translations:
            names = ", ".join(self._translations) or "no provider at all"
            raise InvalidRefund(f"there is no provider {provider!r}; this client has {names}", field="provider")
        return self._translations[provider]

    def prepare(self, provider: str, payment_id: str | None, amount: Amount, reference: str) -> WireRequest:
        """The request of a first attempt."""
        translation = self.translation(provider)
        request = RefundRequest(provider, payment_id, amount, reference)
        translation.check(request)
        return translation.wire(translation.refund_request(request), translation.standing or translation.access(None))

    # Asking for money back.

    def refund(self, translation: Translation, payment_id: str | None, amount: Amount, reference: str) -> Steps[Refund]:
        """The steps of one refund: returns it where the provider accepted it, raises a RefundError otherwise.

        A generator that is closed while the request is under way leaves the reference unknown.
        """
        intended = RefundRequest(translation.account.name, payment_id, amount, reference)
        window = translation.check(intended).idempotency_window
        taken = self._references.take(intended, window)
        if isinstance(taken, Refund):
            return taken
        try:
            told = yield from self._refunded(translation, taken)
        finally:
            self._references.release(taken)
        if isinstance(told, Refund):
            return told
        raise told

    def _refunded(self, translation: Translation, taken: Taken) -> Steps[Refund | RefundError]:
        account = translation.account
        # What the first reply that leaves it unknown can be asked about by, and whether nothing was lost before it.
        asked_by, is_first = None, False

        def conclude(answer: Answer) -> Tried[Refund | RefundError]:
            nonlocal asked_by, is_first
            reading = Reading()
            result: Refund | RefundError
            if isinstance(answer, WireReply):
                reading = read_safely(lambda: translation.read(taken.request, answer))
                result = outcome.of_reply(
                    taken.request,
                    answer,
                    reading,
                    currency=account.currency,
                    resend=taken.resend(),
                    retry_after=retry_after(answer) if reading.outcome is Outcome.RATE_LIMITED else None,
                )
                if type(result) is OutcomeUnknown and asked_by is None:
                    asked_by, is_first = translation.tracking_of(answer), taken.ended is None
            else:
                result = outcome.of_failure(taken.request, answer, taken.resend())
            return Tried(answer, reading, result, taken.settle(result))

        def again(last: Tried[Refund | RefundError], before: Tried[Refund | RefundError] | None) -> bool:
            if isinstance(last.answer, SendFailure) and last.answer.lasting:
                return False
            return outcome.worth_another(last.told, last.result) and not _is_replayed(last, before)

        request = taken.request
        task = Task(
            translation,
            request.operation,
            request.reference,
            translation.refund_request(request),
            conclude,
            again,
        )
        deadline = monotonic() + self._retry.deadline
        tried = yield from self._sending.tries(task, deadline, self._retry.attempts)
        if isinstance(tried.told, OutcomeUnknown) and asked_by is not None:
            return (yield from self._found(translation, taken, tried.told, asked_by, is_first, deadline))
        if type(tried.told) is RefundRejected and tried.told.reason in _VAGUE:
            return (yield from self._explained(translation, request, tried.told, deadline))
        return tried.told

    def _found(
        self,
        translation: Translation,
        taken: Taken,
        unknown: OutcomeUnknown,
        asked_by: str,
        is_first: bool,
        deadline: float,
    ) -> Steps[Refund | RefundError]:
        """An unknown refund, settled where the provider knows what became of the request that was to make it."""
        request = taken.request
        refund = Refund(
            provider=request.provider,
            reference=request.reference,
            status=RefundStatus.PENDING,
            amount=request.amount if isinstance(request.amount, Money) else None,
            payment_id=request.payment_id,
            tracking_id=asked_by,
        )
        tried = yield from self._asking.state(translation, refund, deadline, 1)
        told = outcome.settled_by_lookup(unknown, request, tried.told, tried.reading, is_first=is_first)
        if told is unknown or self._references.is_of_another(request.reference, tried.told):
            return unknown
        taken.keep(told)
        return told

    def _explained(
        self, translation: Translation, request: RefundRequest, refused: RefundRejected, deadline: float
    ) -> Steps[RefundRejected]:
        """A refusal, with its reason where that is the state of the payment."""
        question = None if request.payment_id is None else translation.payment_request(request.payment_id)
        if question is None:
            return refused
        refund = Refund(request.provider, request.reference, RefundStatus.FAILED, payment_id=request.payment_id)

        def conclude(answer: Answer) -> Tried[str | LookupFailed | None]:
            reading = Reading()
            if isinstance(answer, WireReply):
                reading = read_safely(lambda: translation.read_payment(answer))
            told: str | LookupFailed | None = reading.code
            if reading.outcome not in outcome.STATES:
                told = outcome.of_no_answer(refund, answer, reading, retry_after=None)
            return Tried(answer, reading, told, told)

        task: Task[str | LookupFailed | None] = Task(
            translation,
            Operation.LOOKUP,
            request.reference,
            question,
            conclude,
            lambda *_: False,
        )
        tried = yield from self._sending.tries(task, min(deadline, monotonic() + _SECONDS_FOR_A_REASON), 1)
        return outcome.explained(refused, tried.told, translation.VOID) if isinstance(tried.told, str) else refused

    # Asking about it.

    def lookup(self, translation: Translation, refund: Refund) -> Steps[Refund]:
        """The steps of asking for the state of a refund."""
        return self._learnt(refund, (yield from self._asking.lookup(translation, refund)))

    def wait(self, translation: Translation, refund: Refund, timeout: float, poll: float) -> Steps[Refund]:
        """The steps of asking for the state of a refund until it is final, or the time is over."""
        return self._learnt(refund, (yield from self._asking.wait(translation, refund, timeout, poll)))

    def cancel(self, translation: Translation, refund: Refund) -> Steps[Refund]:
        """The steps of calling a refund off, and of asking what became of it."""
        return self._learnt(refund, (yield from self._asking.cancel(translation, refund)))

    def confirm(self, event: RefundEvent) -> Steps[RefundEvent]:
        """The steps of asking the provider whether what a callback is about is so."""
        from refundry.webhooks import confirmed  # seldom needed where refunds are sent

        translation = self.translation(event.provider)
        if event.refund_id is None:
            refused = InvalidRefund("the callback names no transaction to ask about", field="refund_id")
            refused.resend, refused.provider = Resend.NEVER, event.provider
            raise refused
        asked = Refund(event.provider, event.refund_id, RefundStatus.PENDING, refund_id=event.refund_id)
        refund = yield from self._asking.lookup(translation, asked)
        return confirmed(translation, event, refund)

    def known(self, known: Known) -> tuple[Translation, Refund]:
        """A refund, and the account that it is of. InvalidRefund, not to be resent, for what is none of this client."""
        try:
            refund = Refund.from_dict(known) if isinstance(known, Mapping) else known
            if not isinstance(refund, Refund):
                raise InvalidRefund(
                    f"give a Refund or what its to_dict() gave, not {type(known).__name__}", field="refund"
                )
            for name in ("refund_id", "payment_id", "tracking_id"):
                if not isinstance(getattr(refund, name), str | None):
                    raise InvalidRefund(f"the {name} of the refund is no text", field=name)
            if not isinstance(refund.status, RefundStatus):
                raise InvalidRefund("the status of the refund is no RefundStatus", field="status")
            return self.translation(refund.provider), refund
        except InvalidRefund as refused:
            refused.resend = Resend.NEVER
            raise

    def _learnt(self, known: Refund, refund: Refund) -> Refund:
        """Keep a state that was asked for. LookupFailed where it is that of another reference's refund."""
        if refund is known:
            return refund
        if self._references.is_of_another(refund.reference, refund):
            raise LookupFailed(
                f"{refund.provider} gave the transaction of another reference for {refund.reference!r}",
                refund=known,
                temporary=False,
                provider=refund.provider,
                reference=refund.reference,
                raw=refund.raw,
            )
        self._references.learn(refund)
        return refund

    # Callbacks.

    def events(self, provider: str, headers: Headers, body: bytes) -> tuple[RefundEvent, ...]:
        """All that a callback says, once it has proved where it comes from."""
        from refundry.webhooks import received  # seldom needed where refunds are sent

        translation = self.translation(provider)
        return received(translation, headers, body, partial(self._observer.deviations, translation, None))

    def learn(self, event: RefundEvent) -> None:
        """Record what a callback says of a refund of this client, where it proves where it comes from."""
        from refundry.webhooks import learnt, may_free  # seldom needed where refunds are sent

        known = self._references.known(event.provider, event.refund_id, event.reference)
        refund = None if known is None else learnt(event, known)
        if refund is not None and (refund.status is not RefundStatus.FAILED or may_free(event)):
            self._references.learn(refund, settles=True)


def _is_replayed(last: Tried[Any], before: Tried[Any] | None) -> bool:
    """Whether the provider has given its stored answer again: the same, and one that it has made itself."""
    if before is None or not isinstance(last.answer, WireReply) or not isinstance(before.answer, WireReply):
        return False
    same = (last.answer.status, last.answer.body) == (before.answer.status, before.answer.body)
    return same and last.reading.code is not None
