"""What both clients do between a call and a request, and between an answer and what the caller is told.

The steps of a refund are a generator that yields what to send and is sent what came of it. They do no I/O, so that a
thread and an event loop drive the very same ones.
"""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from refundry import outcome
from refundry.errors import InvalidRefund
from refundry.outcome import Reading
from refundry.references import References
from refundry.refund import Attempt, Deviation, Refund, RefundRequest
from refundry.wire import Evidence, SendFailure, Timeout, WireReply, WireRequest, redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from refundry.accounts import Account
    from refundry.errors import RefundError
    from refundry.money import Amount
    from refundry.providers.base import Translation

    Steps = Generator[WireRequest, WireReply | SendFailure, Refund]

Event = TypeVar("Event")

_BROKEN_OFF = SendFailure(Evidence.MAYBE_SENT, "the call was broken off while it was under way")


class Core:
    """The accounts of a client, the references it has used, and its hooks.

    `send_name` is the method that a transport given to an account has to have.
    """

    def __init__(
        self,
        accounts: Iterable[Account],
        send_name: str,
        timeout: Timeout | None,
        on_attempt: Callable[[Attempt], None] | None,
        on_deviation: Callable[[Deviation], None] | None,
    ) -> None:
        self.timeout = timeout if timeout is not None else Timeout()
        self.closed = False
        self._on_attempt = _harmless(on_attempt)
        self._on_deviation = _harmless(on_deviation)
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
        return translation.build(request)

    def refund(self, translation: Translation, payment_id: str | None, amount: Amount, reference: str) -> Steps:
        """The steps of one refund: returns it where the provider accepted it, raises a RefundError otherwise.

        A generator that is closed while the request is under way leaves the reference unknown.
        """
        account = translation.account
        intended = RefundRequest(account.name, payment_id, amount, reference)
        window = translation.check(intended).idempotency_window
        request = self._references.begin(intended, window)
        if isinstance(request, Refund):
            return request
        started = monotonic()
        answer: WireReply | SendFailure = _BROKEN_OFF
        reading = Reading()
        try:
            answer = yield translation.build(request)
            if isinstance(answer, WireReply):
                answer = redacted(answer, account.secrets)
                reading = _read(translation, request, answer)
        finally:
            resend = self._references.resend(request)
            result: Refund | RefundError
            if isinstance(answer, WireReply):
                result = outcome.of_reply(request, answer, reading, currency=account.currency, resend=resend)
            else:
                result = outcome.of_failure(request, answer, resend)
            result = self._references.finish(request, result)
            if self._on_attempt is not None:
                self._on_attempt(_attempt(request, answer, monotonic() - started, result))
        if self._on_deviation is not None:
            for pointer, rule in reading.departures:
                self._on_deviation(Deviation(account.name, request.operation, pointer, rule))
        if isinstance(result, Refund):
            return result
        raise result


def _read(translation: Translation, request: RefundRequest, reply: WireReply) -> Reading:
    try:
        return translation.read(request, reply)
    except Exception as error:  # noqa: BLE001 (a fault in reading must not hide that the money may have moved)
        return Reading(why=f"reading the reply failed with {type(error).__name__}")


def _attempt(
    request: RefundRequest, answer: WireReply | SendFailure, seconds: float, result: Refund | RefundError
) -> Attempt:
    return Attempt(
        provider=request.provider,
        reference=request.reference,
        operation=request.operation,
        evidence=Evidence.ANSWERED if isinstance(answer, WireReply) else answer.evidence,
        status=answer.status if isinstance(answer, WireReply) else None,
        seconds=seconds,
        outcome=result.status.name if isinstance(result, Refund) else type(result).__name__,
    )


def _harmless(hook: Callable[[Event], None] | None) -> Callable[[Event], None] | None:
    """The hook, such that what it raises cannot stand in for the outcome of a refund."""
    if hook is None:
        return None

    def call(event: Event) -> None:
        try:
            hook(event)
        except Exception:  # a fault in an observer must not hide what became of the money
            logging.getLogger("refundry").exception("the hook for %s failed", type(event).__name__)

    return call
