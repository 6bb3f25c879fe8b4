"""RefundClient and AsyncRefundClient: the verbs. Both run the same flows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping

import refundry
from refundry.errors import InvalidRefund
from refundry.later import Later
from refundry.ledger import IN_MEMORY, InMemory, hidden

TYPE_CHECKING = False
if not TYPE_CHECKING:
    datetime, os, ssl, typing = Later("datetime"), Later("os"), Later("ssl"), Later("typing")
    refunds, callbacks = Later("refundry.refund"), Later("refundry.webhooks")
if TYPE_CHECKING:
    import datetime
    import os
    import ssl
    import typing
    from typing import Any, TypeVar

    from refundry import refund as refunds
    from refundry import webhooks as callbacks
    from refundry.accounts import Account
    from refundry.core import Started
    from refundry.flows.effects import Flow
    from refundry.transport import AsyncTransport, Transport

    Result = TypeVar("Result")


class _Client(ABC):
    """What both clients have in common: the verbs that send nothing."""

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
        ledger: str | refundry.Secret | InMemory | None = IN_MEMORY,
    ) -> None:
        ledger = hidden(ledger)
        from refundry.core import Core  # making a client loads what its providers need; importing one loads nothing

        self._core = Core(providers, self._SEND, transport, timeout, retry, on_attempt, on_deviation, ledger=ledger)
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
        of the account "shop_2". REFUNDRY_LEDGER is the client's `ledger`.

        What Kubernetes and Docker set for a service whose name begins with "refundry" is left aside, such as
        REFUNDRY_SERVICE_HOST and REFUNDRY_PAYBYRD_PORT_443_TCP_ADDR. `variables` stand in for os.environ; `options`
        are the client's other arguments. Raises InvalidRefund that names the variable which is missing, empty, unfit
        or unknown, and the one that was probably meant. It shows the value of none.
        """
        from refundry.environment import settings

        if "ledger" in options:
            options["ledger"] = hidden(options["ledger"])
        given = settings(variables)
        del variables  # they hold credentials, which a traceback's variables would show
        if isinstance(given, InvalidRefund):
            raise given
        accounts, ledger = given
        given_options: dict[str, typing.Any] = {**ledger, **options}
        return cls(accounts, **given_options)

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
        """The request of a first attempt: method, url, redacted_headers, body. Nothing is sent.

        Its credentials do not show, no token is fetched, and the reference is not reserved. Leave `payment_id` out for
        a refund that belongs to no payment. Raises what `refund` would raise before sending.
        """
        return self._core.prepare(provider, payment_id, amount, reference)

    def webhook(self, provider: str, *, headers: callbacks.Headers, body: bytes) -> refundry.RefundEvent:
        """The one event of a callback. As `webhooks` otherwise.

        Raises WebhookUnreadable, too, where the callback holds several events, or none.
        """
        from refundry.webhooks import the_one

        return the_one(self.webhooks(provider, headers=headers, body=body), provider)

    def webhooks(self, provider: str, *, headers: callbacks.Headers, body: bytes) -> tuple[refundry.RefundEvent, ...]:
        """All events of a callback, from the headers and the body of its HTTP request as they came. Nothing is sent.

        `provider` is the name of the account: give the callbacks of each account their own address. News of something
        else than a refund is an event too, told apart by `about`.

        Raises WebhookRejected where the callback does not prove that the provider sent it. At Blink nothing can prove
        that: `authentic` is False and `status` None until `confirm` has looked the refund up. Raises WebhookUnreadable
        where an authentic callback cannot be read; InvalidRefund where the account has no secret to verify it with.
        """
        return self._core.events(provider, headers, body)

    def __repr__(self) -> str:
        if not hasattr(self, "_core"):  # a reporter shows the variables of a frame that made none
            return f"<{type(self).__name__} that could not be made>"
        return f"<{type(self).__name__} of {', '.join(self._core.names) or 'no provider'}>"


class RefundClient(_Client):
    """Refunds payments through its accounts. Threads may share it. Close it, or use it in a `with`.

    `providers` are the accounts, each with a name of its own. `timeout` bounds each attempt; `retry` says how often and
    for how long a call may try. `ssl_context` replaces the certificates to trust. `transport` carries the requests of
    every account that has none of its own. `on_attempt` is called after each attempt, `on_deviation` for each deviation
    of a reply from its contract; what they raise is logged and goes no further.

    A reference belongs to one refund, for the life of the client. A repeated call returns an accepted refund as
    `replayed`, and does not send an unknown one again, except to a provider that de-duplicates it. The client keeps
    nothing over a restart, and shares nothing with other clients, unless it has a ledger.

    `ledger` is the URL of a database that keeps the references over restarts, and for every process that uses it:
    `sqlite:////path/of/refunds.db` on one machine, `postgresql://…` for many. Making the client opens it. Raises
    InvalidRefund for a URL that is unfit, and for an account whose name is another account's in the ledger;
    LedgerFailed where the ledger cannot be opened. Without it the references are in the memory of the client. None says
    that this is enough, and leaves out the warning of a client that is used in another process.
    """

    _SEND = "send"

    def refund(
        self,
        provider: str,
        *,
        payment_id: str,
        amount: refundry.Amount,
        reference: str,
        payment_amount: refundry.Money | None = None,
    ) -> refundry.Refund:
        """Refund a payment: an amount of it, or FULL.

        `payment_amount` is what was captured of the payment. With it, a refund is refused before anything is sent where
        all refunds of the payment that are done, under way or unknown would come to more; FULL counts as all of it.

        Returns only a refund that the provider accepted, SUCCEEDED or PENDING. Raises a RefundError otherwise: its
        class says what is certain, and its `resend` whether sending the same refund again is safe.
        """
        return self._run(self._core.refund(provider, _required(payment_id), amount, reference, payment_amount))

    def refund_unreferenced(self, provider: str, *, amount: refundry.Money, reference: str) -> refundry.Refund:
        """Refund an amount that belongs to no payment, to the card that is presented. As `refund` otherwise."""
        return self._run(self._core.refund(provider, None, amount, reference))

    def resolve(self, provider: str, reference: str) -> refundry.Refund:
        """Find out what became of a reference. Only asks, and never sends a refund.

        Returns the refund as it is now: a pending one is looked up, an unknown one by what the provider has given to
        ask by, and the answer is recorded. FAILED: nothing was executed under the reference. Raises OutcomeUnknown
        where it stays unknown, RefundInProgress where a call is sending it now, InvalidRefund where the ledger does not
        know the reference, LookupFailed where the provider could not be asked, and LedgerFailed.
        """
        return self._run(self._core.resolve(provider, reference))

    @property
    def ledger(self) -> RefundLedger:
        """What is known of each reference."""
        return RefundLedger(self)

    def lookup(self, refund: refunds.Known) -> refundry.Refund:
        """Ask the provider for the state of a refund: SUCCEEDED, PENDING or FAILED.

        `refund` is a Refund, or its `to_dict()`, also in another process. A word that the contract does not list leaves
        the refund PENDING. Raises LookupFailed where the provider could not be asked or gave no state, which says
        nothing about the refund; RefundMismatch where it reports another amount or payment; UnsupportedOperation where
        the refund has no id to ask by.
        """
        return self._run(self._core.lookup(refund))

    def wait(self, refund: refunds.Known, *, timeout: float = 120.0, poll: float = 1.0) -> refundry.Refund:
        """Look the refund up until it is final, SUCCEEDED or FAILED. A final one is returned as it is.

        `timeout` and `poll` are in seconds. The time between two lookups grows from `poll` to 20 seconds; a longer
        Retry-After is honoured. A lookup that fails for a temporary reason is repeated. Raises StillPending, with the
        last known state, after the timeout, and what `lookup` raises for any other reason.
        """
        return self._run(self._core.wait(refund, timeout, poll))

    def cancel(self, refund: refunds.Known) -> refundry.Refund:
        """Cancel a pending refund, then look its state up and return it.

        FAILED: it was cancelled, or failed. SUCCEEDED: the cancellation came too late. PENDING: the terminal has not
        decided. Raises UnsupportedOperation where the capabilities do not say `cancel`, LookupFailed where the
        cancellation was not sent or was refused, and what `lookup` raises.
        """
        return self._run(self._core.cancel(refund))

    def confirm(self, event: refundry.RefundEvent) -> refundry.RefundEvent:
        """Look up the refund that a callback names. Returns the event with the provider's present state.

        Raises InvalidRefund for an event without refund_id, and what `lookup` raises.
        """
        return self._run(self._core.confirm(event))

    def explain(self, refused: refundry.RefundRejected) -> refundry.RefundRejected:
        """Look up why a payment cannot be refunded. Returns the refusal, with the reason NOT_REFUNDABLE and a way on.

        Lab4Pay and Blink are asked for the state of the payment. The refusal is returned as it is where that state
        does not explain it, and at a provider that has no such question. Raises LookupFailed where the provider could
        not be asked; the refusal still holds.
        """
        return self._run(self._core.explain(refused))

    def learn(self, event: refundry.RefundEvent) -> None:
        """Record the state that a callback gives, so that a later call with the same reference starts from it.

        An event that is not authentic changes nothing. FAILED frees a reference only where the provider was asked
        (`confirm`) or the body is signed; a shared secret does not free one. Sends nothing.
        """
        self._ask(self._core.learn(event))

    def _ask(self, flow: Flow[Result]) -> Result:
        from refundry.flows.run import run

        return run(flow, None)

    def _run(self, started: Started[Result]) -> Result:
        from refundry.flows.run import run

        with started.owner.lock:
            return run(started.flow, self._transport(started.account))

    def _make_transport(self, ssl_context: ssl.SSLContext | None) -> Transport:
        from refundry.transport.sync import HttpTransport

        return HttpTransport(ssl_context)

    def close(self) -> None:
        """Close the connections that the client made, and the ledger. A transport that was given stays open."""
        self._core.closed = True
        if self._own is not None:
            self._own.close()
        self._core.ledger.close()

    def __enter__(self) -> typing.Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncRefundClient(_Client):
    """As RefundClient, with `await`, for the tasks of one event loop."""

    _SEND = "asend"

    async def refund(
        self,
        provider: str,
        *,
        payment_id: str,
        amount: refundry.Amount,
        reference: str,
        payment_amount: refundry.Money | None = None,
    ) -> refundry.Refund:
        """As RefundClient.refund. A call that is cancelled while it is under way leaves the reference unknown."""
        return await self._run(self._core.refund(provider, _required(payment_id), amount, reference, payment_amount))

    async def refund_unreferenced(self, provider: str, *, amount: refundry.Money, reference: str) -> refundry.Refund:
        """As RefundClient.refund_unreferenced."""
        return await self._run(self._core.refund(provider, None, amount, reference))

    async def resolve(self, provider: str, reference: str) -> refundry.Refund:
        """As RefundClient.resolve."""
        return await self._run(self._core.resolve(provider, reference))

    @property
    def ledger(self) -> AsyncRefundLedger:
        """What is known of each reference."""
        return AsyncRefundLedger(self)

    async def lookup(self, refund: refunds.Known) -> refundry.Refund:
        """As RefundClient.lookup."""
        return await self._run(self._core.lookup(refund))

    async def wait(self, refund: refunds.Known, *, timeout: float = 120.0, poll: float = 1.0) -> refundry.Refund:
        """As RefundClient.wait."""
        return await self._run(self._core.wait(refund, timeout, poll))

    async def cancel(self, refund: refunds.Known) -> refundry.Refund:
        """As RefundClient.cancel."""
        return await self._run(self._core.cancel(refund))

    async def confirm(self, event: refundry.RefundEvent) -> refundry.RefundEvent:
        """As RefundClient.confirm."""
        return await self._run(self._core.confirm(event))

    async def explain(self, refused: refundry.RefundRejected) -> refundry.RefundRejected:
        """As RefundClient.explain."""
        return await self._run(self._core.explain(refused))

    async def learn(self, event: refundry.RefundEvent) -> None:
        """As RefundClient.learn."""
        await self._ask(self._core.learn(event))

    async def _ask(self, flow: Flow[Result]) -> Result:
        from refundry.flows.run import arun

        return await arun(flow, None)

    async def _run(self, started: Started[Result]) -> Result:
        from refundry.flows.run import arun

        with started.owner.lock:
            return await arun(started.flow, self._transport(started.account))

    def _make_transport(self, ssl_context: ssl.SSLContext | None) -> AsyncTransport:
        from refundry.transport.aio import AsyncHttpTransport

        return AsyncHttpTransport(ssl_context)

    async def aclose(self) -> None:
        """Close the connections that the client made, and the ledger. A transport that was given stays open."""
        self._core.closed = True
        if self._own is not None:
            await self._own.aclose()
        await self._core.ledger.aclose()

    async def __aenter__(self) -> typing.Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class RefundLedger:
    """What a client's ledger knows of each reference. Each method raises LedgerFailed where it cannot answer."""

    def __init__(self, client: RefundClient) -> None:
        self._client = client

    def find(self, provider: str, reference: str) -> refundry.LedgerEntry | None:
        """What is known of a reference; None where nothing is."""
        return self._client._ask(self._client._core.find(provider, reference))

    def unresolved(self, provider: str | None = None, *, most: int = 1000) -> list[refundry.LedgerEntry]:
        """The references whose outcome is unknown, or that something contradicts, of one account or of all."""
        return self._client._ask(self._client._core.unresolved(provider, most))

    def history(self, provider: str, reference: str) -> list[refundry.HistoryLine]:
        """What happened to a reference, in its order. Without a database there is no history."""
        return self._client._ask(self._client._core.history(provider, reference))

    def decide(
        self, provider: str, reference: str, outcome: refundry.RefundStatus, *, by: str, reason: str
    ) -> refundry.LedgerEntry:
        """Record a person's word on a refund whose outcome is unknown: SUCCEEDED, or FAILED where nothing was executed.

        `by` names the person, and `reason` says what they have seen; both stay in the history. A word overwrites
        nothing: raises InvalidRefund for a reference that is not unknown. Where a contradiction stands, a word that
        agrees with the state ends it. After FAILED the same reference may be sent again.
        """
        return self._client._ask(self._client._core.decide(provider, reference, outcome, by, reason))

    def archive(self, *, before: datetime.datetime, to: str | os.PathLike[str]) -> int:
        """Move the references that have ended out of the ledger, and into a file. Returns how many it moved.

        One has ended that SUCCEEDED, or under which nothing was executed; what is PENDING, unknown, being sent or
        contradicted stays. It moves where it last changed before `before`, which has a time zone. The file gets one
        line of JSON for each, with its history; an archive that is there is continued. Each batch is durable in the
        file before the ledger lets it go, so an interrupted run loses nothing: the next one goes on, and a
        reference may stand in the file twice, with the same "version".

        The ledger keeps a digest. Requested again, an archived reference is replayed, or refused where nothing was
        executed under it; it is never sent. Choose `before` so that no refund of the payments is asked for any more:
        the sums of `payment_amount` and callbacks about an archived refund find nothing of it.

        Raises InvalidRefund for a file that is something else, and without a database; LedgerFailed where the file or
        the ledger cannot be written.
        """
        return self._client._core.archive(before, to)


class AsyncRefundLedger:
    """As RefundLedger, with `await`."""

    def __init__(self, client: AsyncRefundClient) -> None:
        self._client = client

    async def find(self, provider: str, reference: str) -> refundry.LedgerEntry | None:
        """As RefundLedger.find."""
        return await self._client._ask(self._client._core.find(provider, reference))

    async def unresolved(self, provider: str | None = None, *, most: int = 1000) -> list[refundry.LedgerEntry]:
        """As RefundLedger.unresolved."""
        return await self._client._ask(self._client._core.unresolved(provider, most))

    async def history(self, provider: str, reference: str) -> list[refundry.HistoryLine]:
        """As RefundLedger.history."""
        return await self._client._ask(self._client._core.history(provider, reference))

    async def decide(
        self, provider: str, reference: str, outcome: refundry.RefundStatus, *, by: str, reason: str
    ) -> refundry.LedgerEntry:
        """As RefundLedger.decide."""
        return await self._client._ask(self._client._core.decide(provider, reference, outcome, by, reason))

    async def archive(self, *, before: datetime.datetime, to: str | os.PathLike[str]) -> int:
        """As RefundLedger.archive, in a thread of its own."""
        import asyncio

        return await asyncio.to_thread(self._client._core.archive, before, to)


def _required(payment_id: str | None) -> str:
    if payment_id is None:
        raise InvalidRefund(
            "refund needs a payment_id; for money that is tied to no payment there is refund_unreferenced",
            field="payment_id",
        )
    return payment_id
