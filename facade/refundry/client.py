"""RefundClient and AsyncRefundClient: two thin senders around the same core."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping

import refundry
from refundry.errors import InvalidRefund
from refundry.interruption import pass_through
from refundry.later import Later

TYPE_CHECKING = False
if not TYPE_CHECKING:
    ssl, typing = Later("ssl"), Later("typing")
    refunds, callbacks = Later("refundry.refund"), Later("refundry.webhooks")
if TYPE_CHECKING:
    import ssl
    import typing
    from typing import Any, TypeVar

    from refundry import refund as refunds
    from refundry import webhooks as callbacks
    from refundry.accounts import Account
    from refundry.flows.effects import Effect, Flow
    from refundry.money import Amount
    from refundry.owner import Owner
    from refundry.providers.translation import Translation
    from refundry.refund import Refund
    from refundry.transport import AsyncTransport, Transport
    from refundry.wire import SendFailure, WireReply, WireRequest

    Ask = Callable[[Owner, Translation, Refund], Flow[Refund]]
    Result = TypeVar("Result")


class _Client(ABC):
    """What needs no sending."""

    _SEND: str

    def __init__(
        self,
        providers: Iterable[refundry.Account],
        *,
        timeout: refundry.Timeout | None = None,
        retry: refundry.Retry | None = None,
        ssl_context: ssl.SSLContext | None = None,
        transport: refundry.Transport | refundry.AsyncTransport | None = None,
        on_attempt: Callable[[refundry.Attempt], None] | None = None,
        on_deviation: Callable[[refundry.ContractDeviation], None] | None = None,
    ) -> None:
        from refundry.core import Core  # making a client loads what its providers need; importing one loads nothing

        self._core = Core(providers, self._SEND, transport, timeout, retry, on_attempt, on_deviation)
        self._own: Any = None
        if transport is None and self._core.needs_transport:
            self._own = self._make_transport(ssl_context)
        self._shared: Any = self._own if transport is None else transport

    @classmethod
    def from_env(cls, variables: Mapping[str, str] | None = None, **options: typing.Any) -> typing.Self:
        """A client of the accounts that the environment names: REFUNDRY_<PROVIDER>_<FIELD>.

        A field is an argument of the account: REFUNDRY_PAYBYRD_API_KEY, REFUNDRY_BLINK_SECRET_KEY,
        REFUNDRY_LAB4PAY_ENVIRONMENT and the like; all but `transport` can be given. For several accounts of one
        provider, each has its name between two double underscores: REFUNDRY_PAYBYRD__SHOP_2__API_KEY is the `api_key`
        of the account "shop_2".

        What Kubernetes and Docker set for a service whose name begins with "refundry" is left aside, such as
        REFUNDRY_SERVICE_HOST and REFUNDRY_PAYBYRD_PORT_443_TCP_ADDR. `variables` stand in for os.environ; `options`
        are the client's other arguments. Raises InvalidRefund that names the variable which is missing, empty, unfit
        or unknown, and the one that was probably meant. It shows the value of none.
        """
        import os

        from refundry.environment import from_environment

        return cls(from_environment(os.environ if variables is None else variables), **options)

    @abstractmethod
    def _make_transport(self, ssl_context: ssl.SSLContext | None) -> object:
        """The transport for the accounts that bring none."""

    def _transport(self, account: Account) -> Any:  # making the client has looked that it can send
        return self._shared if account.transport is None else account.transport

    def capabilities(self, provider: str) -> Mapping[refundry.Operation, refundry.Capabilities]:
        """What this provider can do, by operation. An operation that is not there, it does not have."""
        return self._core.translation(provider).CAPABILITIES

    def prepare(
        self, provider: str, *, payment_id: str | None = None, amount: refundry.Amount, reference: str
    ) -> refundry.WireRequest:
        """The request that would be sent for a first attempt: method, url, redacted_headers, body. Nothing is sent.

        Its credentials do not show; a token that would have to be fetched is not. The reference is not taken.
        `payment_id` is left out for a refund that is tied to no payment. Raises what the refund would raise before
        sending.
        """
        return self._core.prepare(provider, payment_id, amount, reference)

    def webhook(self, provider: str, *, headers: callbacks.Headers, body: bytes) -> refundry.RefundEvent:
        """The one event of a callback. As `webhooks` otherwise.

        Raises WebhookUnreadable, too, where the callback holds several events, or none.
        """
        from refundry.webhooks import the_one

        return the_one(self.webhooks(provider, headers=headers, body=body), provider)

    def webhooks(self, provider: str, *, headers: callbacks.Headers, body: bytes) -> tuple[refundry.RefundEvent, ...]:
        """All that a callback says, from the headers and the body of its HTTP request as they came. Nothing is sent.

        `provider` is the name of the account that it is for: give each its own address. What a callback says of
        something else than a refund is an event too, by its `about`.

        Raises WebhookRejected where it does not prove that the provider sent it, which at Blink nothing can: there
        `authentic` is False and `status` None until `confirm` has asked. Raises WebhookUnreadable where it proves that,
        and cannot be read; InvalidRefund where the account has not been given what proves it.
        """
        return self._core.events(provider, headers, body)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {', '.join(self._core.names) or 'no provider'}>"


class RefundClient(_Client):
    """Gives money back through its providers. May be used by many threads. Close it, or use it in a `with`.

    `providers` are the accounts, each under a name of its own. `timeout` bounds each attempt, `retry` says how often
    and for how long a call may try. `ssl_context` stands in for the certificates to trust. `on_attempt` is called
    after each attempt to send, `on_deviation` for each thing in a reply that its contract does not allow; what they
    raise is logged and goes no further.

    A reference is used for one refund, for the life of the client: asked for again, an accepted refund is returned as
    `replayed`, and one whose outcome is unknown is not sent again, except to a provider that de-duplicates it. This
    is not kept over a restart, nor shared between clients.
    """

    _SEND = "send"

    def refund(self, provider: str, *, payment_id: str, amount: refundry.Amount, reference: str) -> refundry.Refund:
        """Refund a payment: an amount of it, or FULL.

        Returns only what the provider accepted, SUCCEEDED or PENDING. Raises a RefundError otherwise; its class says
        what is certain, and its `resend` whether asking again is safe.
        """
        return self._refund(provider, _required(payment_id), amount, reference)

    def refund_unreferenced(self, provider: str, *, amount: refundry.Money, reference: str) -> refundry.Refund:
        """Refund an amount that is tied to no payment, to the card that is presented. As `refund` otherwise."""
        return self._refund(provider, None, amount, reference)

    def _refund(self, provider: str, payment_id: str | None, amount: Amount, reference: str) -> Refund:
        translation = self._core.translation(provider)
        return self._driven(
            translation, lambda owner: self._core.refund(owner, translation, payment_id, amount, reference)
        )

    def lookup(self, refund: refunds.Known) -> refundry.Refund:
        """Ask the provider for the state of a refund: SUCCEEDED, PENDING or FAILED.

        `refund` is one that was returned, or what its `to_dict` gave, also in another process. A word for its state
        that the contract does not list leaves it PENDING. Raises LookupFailed where the provider could not be asked or
        gave no state, which says nothing about the refund; RefundMismatch where it reports another amount or payment;
        UnsupportedOperation where the refund has no id that this provider can be asked by.
        """
        return self._about(refund, self._core.lookup)

    def wait(self, refund: refunds.Known, *, timeout: float = 120.0, poll: float = 1.0) -> refundry.Refund:
        """Ask until the refund is final, SUCCEEDED or FAILED. One that is final already is returned as it is.

        `timeout` and `poll` are in seconds; from `poll` on, the time between two questions grows to 20 seconds, and a
        longer Retry-After is honoured. A question that fails for the moment is asked again. Raises StillPending, with
        the last known state, after the timeout, and what `lookup` raises where asking again is of no use.
        """
        return self._about(
            refund, lambda owner, translation, known: self._core.wait(owner, translation, known, timeout, poll)
        )

    def cancel(self, refund: refunds.Known) -> refundry.Refund:
        """Ask for a refund that is on its way to be called off, then for its state, which is what is returned.

        FAILED says that it was called off (or failed), SUCCEEDED that it was too late, PENDING that the terminal has
        yet to decide. Only where the capabilities say `cancel`, UnsupportedOperation elsewhere. Raises LookupFailed
        where the cancel was not sent or was refused, and what `lookup` raises.
        """
        return self._about(refund, self._core.cancel)

    def confirm(self, event: refundry.RefundEvent) -> refundry.RefundEvent:
        """Ask the provider about what a callback is about: the event with the state that the provider gives.

        Raises InvalidRefund for an event without refund_id, and what `lookup` raises.
        """
        translation = self._core.translation(event.provider)
        return self._driven(translation, lambda owner: self._core.confirm(owner, translation, event))

    def explain(self, refused: refundry.RefundRejected) -> refundry.RefundRejected:
        """Ask why a payment cannot be refunded: the refusal, with the reason NOT_REFUNDABLE and what to do about it.

        It asks for the state of the payment, at Lab4Pay and Blink. The refusal comes back as it is where that state
        does not explain it, and at a provider that is not asked. Raises LookupFailed where the provider could not be
        asked, which says nothing about the refusal: it still holds.
        """
        translation = self._core.refused(refused)
        return self._driven(translation, lambda owner: self._core.explain(owner, translation, refused))

    def learn(self, event: refundry.RefundEvent) -> None:
        """Let the client know what a callback says, so that a later call with the same reference starts from there.

        Only what proves where it comes from is believed. FAILED frees a reference only where the provider was asked
        (`confirm`) or the body is signed; a shared secret does not free one. Sends nothing.
        """
        self._core.learn(event)

    def _about(self, refund: refunds.Known, ask: Ask) -> Refund:
        translation, known = self._core.known(refund)
        return self._driven(translation, lambda owner: ask(owner, translation, known))

    def _driven(self, translation: Translation, flow: Callable[[Owner], Flow[Result]]) -> Result:
        transport: Transport = self._transport(translation.account)
        owner = self._core.owner()
        with owner.lock:
            steps = flow(owner)
            try:
                step = next(steps)
                while True:
                    step = steps.send(_done(transport, step))
            except StopIteration as finished:
                result: Result = finished.value
                return result
            finally:
                steps.close()

    def _make_transport(self, ssl_context: ssl.SSLContext | None) -> Transport:
        from refundry.transport.sync import HttpTransport

        return HttpTransport(ssl_context)

    def close(self) -> None:
        """Close the connections that the client made. A transport that was given stays open."""
        self._core.closed = True
        if self._own is not None:
            self._own.close()

    def __enter__(self) -> typing.Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncRefundClient(_Client):
    """As RefundClient, with `await`, for the tasks of one event loop."""

    _SEND = "asend"

    async def refund(
        self, provider: str, *, payment_id: str, amount: refundry.Amount, reference: str
    ) -> refundry.Refund:
        """As RefundClient.refund. A call that is cancelled while it is under way leaves the reference unknown."""
        return await self._refund(provider, _required(payment_id), amount, reference)

    async def refund_unreferenced(self, provider: str, *, amount: refundry.Money, reference: str) -> refundry.Refund:
        """As RefundClient.refund_unreferenced."""
        return await self._refund(provider, None, amount, reference)

    async def _refund(self, provider: str, payment_id: str | None, amount: Amount, reference: str) -> Refund:
        translation = self._core.translation(provider)
        return await self._driven(
            translation, lambda owner: self._core.refund(owner, translation, payment_id, amount, reference)
        )

    async def lookup(self, refund: refunds.Known) -> refundry.Refund:
        """As RefundClient.lookup."""
        return await self._about(refund, self._core.lookup)

    async def wait(self, refund: refunds.Known, *, timeout: float = 120.0, poll: float = 1.0) -> refundry.Refund:
        """As RefundClient.wait."""
        return await self._about(
            refund, lambda owner, translation, known: self._core.wait(owner, translation, known, timeout, poll)
        )

    async def cancel(self, refund: refunds.Known) -> refundry.Refund:
        """As RefundClient.cancel."""
        return await self._about(refund, self._core.cancel)

    async def confirm(self, event: refundry.RefundEvent) -> refundry.RefundEvent:
        """As RefundClient.confirm."""
        translation = self._core.translation(event.provider)
        return await self._driven(translation, lambda owner: self._core.confirm(owner, translation, event))

    async def explain(self, refused: refundry.RefundRejected) -> refundry.RefundRejected:
        """As RefundClient.explain."""
        translation = self._core.refused(refused)
        return await self._driven(translation, lambda owner: self._core.explain(owner, translation, refused))

    async def learn(self, event: refundry.RefundEvent) -> None:
        """As RefundClient.learn."""
        self._core.learn(event)

    async def _about(self, refund: refunds.Known, ask: Ask) -> Refund:
        translation, known = self._core.known(refund)
        return await self._driven(translation, lambda owner: ask(owner, translation, known))

    async def _driven(self, translation: Translation, flow: Callable[[Owner], Flow[Result]]) -> Result:
        transport: AsyncTransport = self._transport(translation.account)
        owner = self._core.owner()
        with owner.lock:
            steps = flow(owner)
            try:
                step = next(steps)
                while True:
                    step = steps.send(await _adone(transport, step))
            except StopIteration as finished:
                result: Result = finished.value
                return result
            finally:
                steps.close()

    def _make_transport(self, ssl_context: ssl.SSLContext | None) -> AsyncTransport:
        from refundry.transport.aio import AsyncHttpTransport

        return AsyncHttpTransport(ssl_context)

    async def aclose(self) -> None:
        """Close the connections that the client made. A transport that was given stays open."""
        self._core.closed = True
        if self._own is not None:
            await self._own.aclose()

    async def __aenter__(self) -> typing.Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _required(payment_id: str | None) -> str:
    if payment_id is None:
        raise InvalidRefund(
            "refund needs a payment_id; for money that is tied to no payment there is refund_unreferenced",
            field="payment_id",
        )
    return payment_id


def _done(transport: Transport, step: Effect) -> object:
    from refundry.flows.effects import Send, Sleep

    if isinstance(step, Send):
        try:
            _hand_over(step.request, transport)
            return _answer(transport.send(step.request, step.timeout))
        except Exception as error:  # noqa: BLE001 (whatever a transport raises, the caller is told what is known)
            return _raised(error, step.request)
    if isinstance(step, Sleep):
        time.sleep(step.seconds)
        return None
    try:
        return step.future.result(step.seconds)
    except TimeoutError as late:
        pass_through(late)
        return None


async def _adone(transport: AsyncTransport, step: Effect) -> object:
    from refundry.flows.effects import Send, Sleep

    if isinstance(step, Send):
        try:
            _hand_over(step.request, transport)
            return _answer(await transport.asend(step.request, step.timeout))
        except Exception as error:  # noqa: BLE001 (as above)
            return _raised(error, step.request)
    import asyncio

    if isinstance(step, Sleep):
        await asyncio.sleep(step.seconds)
        return None
    try:
        async with asyncio.timeout(step.seconds):
            return await asyncio.wrap_future(step.future)
    except TimeoutError as late:
        pass_through(late)
        return None


def _hand_over(request: WireRequest, transport: object) -> None:
    """Count the request as maybe sent from now on, unless its transport says when it begins to write."""
    if not getattr(transport, "tells_progress", False):
        from refundry.wire import Evidence

        request.progress.evidence = Evidence.MAYBE_SENT


def _answer(given: object) -> WireReply | SendFailure:
    from refundry.wire import Evidence, SendFailure, WireReply

    if isinstance(given, WireReply | SendFailure) and given.is_well_formed():
        return given
    return SendFailure(Evidence.MAYBE_SENT, f"the transport gave back an unfit {type(given).__name__}")


def _raised(error: Exception, request: WireRequest) -> SendFailure:
    """What is known where a transport raised, unless that is what interrupted the call."""
    from refundry.wire import SendFailure

    pass_through(error)
    return SendFailure(request.progress.evidence, f"the transport raised {type(error).__name__}", cause=error)
