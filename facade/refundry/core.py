"""What both clients do between a call and a request, and between an answer and what the caller is told."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from refundry import outcome
from refundry.capabilities import check
from refundry.echoes import redacted
from refundry.errors import (
    InvalidRefund,
    LookupFailed,
    NotSent,
    OutcomeUnknown,
    RefundError,
    RefundRejected,
    Resend,
)
from refundry.flows.attempts import Answer, Call, Conclusion, Secrets, Sending, refuses_credentials
from refundry.flows.effects import Flow
from refundry.flows.lookup import Asking
from refundry.interruption import pass_through
from refundry.ledger.memory import MemoryLedger, Reservation
from refundry.limits import Retry
from refundry.money import Money
from refundry.observe import Observer
from refundry.outcome import Reading
from refundry.owner import Owner
from refundry.providers.credentials import shown_credentials, wire_request
from refundry.providers.registry import translation_of
from refundry.providers.replies import read_refund
from refundry.refund import Refund, RefundRequest, RefundStatus
from refundry.wire import SendFailure, Timeout, WireReply, WireRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from refundry.accounts import Account
    from refundry.money import Amount
    from refundry.providers.translation import Translation
    from refundry.refund import Attempt, ContractDeviation, Known
    from refundry.webhooks import Headers, RefundEvent


class Core:
    """The accounts of a client, the references it has used, its tokens and its hooks.

    `send_name` is the method that a transport given to an account has to have.
    """

    def __init__(
        self,
        accounts: Iterable[Account],
        send_name: str,
        transport: object,
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
        self._references = MemoryLedger()
        self._translations: dict[str, Translation] = {}
        for account in accounts:
            if account.name in self._translations:
                raise InvalidRefund(f"two providers are named {account.name!r}; give one a name=", field="name")
            _check_transport(account.transport, send_name, f"the transport of {account.name}")
            self._translations[account.name] = translation_of(account)
        _check_transport(transport, send_name, "the transport")

    @property
    def needs_transport(self) -> bool:
        """Whether there is an account without a transport of its own."""
        return any(translation.account.transport is None for translation in self._translations.values())

    @property
    def names(self) -> list[str]:
        """What the accounts are asked for by."""
        return list(self._translations)

    def translation(self, provider: object) -> Translation:
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
        account = translation.account
        check(request, account, translation.CAPABILITIES)
        return wire_request(translation.refund_request(request), account, shown_credentials(account))

    @staticmethod
    def owner() -> Owner:
        """What one call has in hand belongs to."""
        return Owner()

    # Asking for money back.

    def refund(
        self, owner: Owner, translation: Translation, payment_id: str | None, amount: Amount, reference: str
    ) -> Flow[Refund]:
        """The steps of one refund: returns it where the provider accepted it, raises a RefundError otherwise.

        A generator that is closed while the request is under way leaves the reference unknown.
        """
        intended = RefundRequest(translation.account.name, payment_id, amount, reference)
        try:
            _need_room()
        except RecursionError as full:
            pass_through(full)
            raise NotSent("nothing was sent: the stack is full", **outcome.facts_of(intended)) from full
        window = check(intended, translation.account, translation.CAPABILITIES).idempotency_window
        taken = self._references.take(intended, window, self._retry.deadline + self._retry.longest_wait, owner)
        if isinstance(taken, Refund):
            return taken
        try:
            told = yield from self._refunded(owner, translation, taken)
        except RefundError:
            raise
        except Exception as error:  # noqa: BLE001 (a fault of ours, or a full stack, must not hide that money moved)
            pass_through(error)
            told = taken.broken_by(error)
        self._references.release(taken)
        if isinstance(told, Refund):
            return told
        raise told

    def _refunded(self, owner: Owner, translation: Translation, taken: Reservation) -> Flow[Refund | RefundError]:
        account, request = translation.account, taken.request
        # What the first reply that leaves it unknown can be asked about by, and whether nothing was lost before it.
        asked_by, is_first, link = None, False, None

        def read(reply: WireReply) -> Reading:
            nonlocal link
            link = translation.tracking_of(reply)
            return read_refund(translation, request, reply)

        def conclude(answer: Answer, reading: Reading, secrets: Secrets) -> Conclusion[Refund | RefundError]:
            nonlocal asked_by, is_first
            result: Refund | RefundError
            if isinstance(answer, WireReply):
                result = outcome.of_reply(request, answer, reading, currency=account.currency, times=taken)
                result = redacted(result, secrets)
                if type(result) is OutcomeUnknown and asked_by is None:
                    asked_by, is_first = link, taken.is_first
            else:
                result = outcome.of_failure(request, answer, taken)
            told = taken.record_attempt(result, reading)
            if isinstance(told, Refund):
                self._references.keep_ids(told)
            return Conclusion(answer, reading, result, told, refuses_credentials(reading))

        def again(last: Conclusion[Refund | RefundError], before: Conclusion[Refund | RefundError] | None) -> bool:
            if isinstance(last.answer, SendFailure) and last.answer.permanent:
                return False
            return outcome.may_retry(last.told, last.result) and not _is_replayed(last, before)

        task = Call(
            owner,
            translation,
            request.operation,
            request.reference,
            translation.refund_request(request),
            read,
            conclude,
            again,
            taken.before_sending,
        )
        deadline = monotonic() + self._retry.deadline
        tried = yield from self._sending.send_with_retries(task, deadline, self._retry.attempts)
        if isinstance(tried.told, OutcomeUnknown) and asked_by is not None:
            return (yield from self._found(owner, translation, taken, tried.told, asked_by, is_first, deadline))
        return tried.told

    def _found(
        self,
        owner: Owner,
        translation: Translation,
        taken: Reservation,
        unknown: OutcomeUnknown,
        asked_by: str,
        is_first: bool,
        deadline: float,
    ) -> Flow[Refund | RefundError]:
        """An unknown refund, settled where the provider knows what became of the request that was to make it."""
        request = taken.request
        refund = Refund(
            provider=request.provider,
            reference=request.reference,
            status=RefundStatus.PENDING,
            amount=request.amount if isinstance(request.amount, Money) else None,
            payment_id=request.payment_id,
            tracking_id=asked_by,
            sent_at=taken.sent_at,
        )
        tried = yield from self._asking.state(owner, translation, refund, deadline, 1)
        told = outcome.settled_by_lookup(unknown, request, tried.told, tried.reading, is_first=is_first, times=taken)
        if told is unknown or self._references.is_of_another(request.reference, tried.told):
            return unknown
        taken.record_outcome(told)
        if isinstance(told, Refund):
            self._references.keep_ids(told)
        return told

    # Asking about it.

    def lookup(self, owner: Owner, translation: Translation, refund: Refund) -> Flow[Refund]:
        """The steps of asking for the state of a refund."""
        return self._learnt(refund, (yield from self._asking.lookup(owner, translation, refund)))

    def wait(self, owner: Owner, translation: Translation, refund: Refund, timeout: float, poll: float) -> Flow[Refund]:
        """The steps of asking for the state of a refund until it is final, or the time is over."""
        return self._learnt(refund, (yield from self._asking.wait(owner, translation, refund, timeout, poll)))

    def cancel(self, owner: Owner, translation: Translation, refund: Refund) -> Flow[Refund]:
        """The steps of calling a refund off, and of asking what became of it."""
        return self._learnt(refund, (yield from self._asking.cancel(owner, translation, refund)))

    def confirm(self, owner: Owner, translation: Translation, event: RefundEvent) -> Flow[RefundEvent]:
        """The steps of asking the provider whether what a callback is about is so."""
        from refundry.webhooks import confirmed  # seldom needed where refunds are sent

        if event.refund_id is None:
            refused = InvalidRefund("the callback names no transaction to ask about", field="refund_id")
            refused.resend, refused.provider = Resend.NEVER, event.provider
            raise refused
        asked = Refund(event.provider, event.refund_id, RefundStatus.PENDING, refund_id=event.refund_id)
        refund = yield from self._asking.lookup(owner, translation, asked)
        return confirmed(translation, event, refund)

    def explain(self, owner: Owner, translation: Translation, refused: RefundRejected) -> Flow[RefundRejected]:
        """The steps of asking for the state of the payment that a refusal is about."""
        question = None if refused.payment_id is None else translation.payment_request(refused.payment_id)
        if question is None or refused.provider is None:
            return refused
        refund = Refund(refused.provider, refused.reference or "", RefundStatus.FAILED, payment_id=refused.payment_id)
        payment = yield from self._asking.payment(owner, translation, refund, question)
        return outcome.explained(refused, payment, translation.void_hint)

    def refused(self, refused: RefundRejected) -> Translation:
        """The account that a refusal is of. InvalidRefund, not to be resent, for what is no refusal."""
        if isinstance(refused, RefundRejected):
            return self.translation(refused.provider)
        raise InvalidRefund(
            f"give a RefundRejected, not {type(refused).__name__}", field="refused", resend=Resend.NEVER
        )

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
        self._references.record_state(refund)
        return refund

    # Callbacks.

    def learn(self, event: RefundEvent) -> None:
        """Record what a callback says of a refund of this client, where it proves where it comes from."""
        from refundry.webhooks import learnt, may_free

        known = self._references.known(event.provider, event.refund_id, event.reference)
        refund = None if known is None else learnt(event, known)
        if refund is not None:
            self._references.record_state(refund, may_free=may_free(event), undone=event.undone, of_unknown=True)

    def events(self, provider: str, headers: Headers, body: bytes) -> tuple[RefundEvent, ...]:
        """All that a callback says, once it has proved where it comes from."""
        from refundry.webhooks import received  # seldom needed where refunds are sent

        translation = self.translation(provider)
        return received(translation, headers, body, partial(self._observer.deviations, translation, None))


def _need_room(levels: int = 64) -> None:
    """Raise RecursionError now, and not once the request has left, where the stack has no room for a whole call."""
    if levels:
        _need_room(levels - 1)


def _check_transport(transport: object, send_name: str, what: str) -> None:
    if transport is not None and not hasattr(transport, send_name):
        raise InvalidRefund(f"{what} has no {send_name}(), which this client needs", field="transport")


def _is_replayed(last: Conclusion[Any], before: Conclusion[Any] | None) -> bool:
    """Whether the provider has given its stored answer again: the same, and one that it has made itself."""
    if before is None or not isinstance(last.answer, WireReply) or not isinstance(before.answer, WireReply):
        return False
    same = (last.answer.status, last.answer.body) == (before.answer.status, before.answer.body)
    return same and last.reading.code is not None
