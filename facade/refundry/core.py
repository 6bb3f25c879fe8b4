"""The accounts of a client, and what both clients do with them: each verb becomes a flow, or an answer without one."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from refundry.capabilities import check
from refundry.clock import SYSTEM, Clock
from refundry.errors import InvalidRefund, RefundRejected, Resend
from refundry.flows.attempts import Attempts
from refundry.flows.effects import committed
from refundry.flows.lookup import Lookups
from refundry.flows.refund import Refunds
from refundry.flows.resolution import Resolutions
from refundry.interruption import pass_through
from refundry.ledger import IN_MEMORY, InMemory
from refundry.ledger.changes import Decide, Find, Learn
from refundry.ledger.memory import MemoryLedger
from refundry.limits import Retry, Timeout
from refundry.money import Money
from refundry.observe import Observer
from refundry.outcome import facts_of
from refundry.owner import Owner
from refundry.providers.credentials import shown_credentials, wire_request
from refundry.providers.registry import translation_of
from refundry.redaction import Secret
from refundry.refund import Refund, RefundRequest, RefundStatus
from refundry.validation import reference_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from refundry.accounts import Account
    from refundry.flows.effects import Flow
    from refundry.ledger.answers import HistoryLine, LedgerEntry
    from refundry.ledger.changes import Change, Ledger
    from refundry.money import Amount
    from refundry.providers.translation import Translation
    from refundry.refund import Attempt, ContractDeviation, Known
    from refundry.webhooks import Headers, RefundEvent
    from refundry.wire import WireRequest

Result = TypeVar("Result")

_LOG: Final = logging.getLogger("refundry")


class Started(NamedTuple, Generic[Result]):
    """A flow that has not run yet: the account that it sends with, and the owner of what it will hold."""

    account: Account
    owner: Owner
    flow: Flow[Result]


class Core:
    """The accounts of a client, its ledger, its tokens and its hooks.

    `send_name` is the method that a given transport needs. A flow that a method starts raises what its docstring says.
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
        clock: Clock = SYSTEM,
        ledger: Secret | InMemory | None = None,
    ) -> None:
        self.closed = False
        self._retry = retry = Retry() if retry is None else retry
        self._observer = Observer(on_attempt, on_deviation)
        self.ledger: Ledger = _opened(ledger, clock)
        # The process of a client whose ledger is in its memory; None where the caller knows what that means.
        self._only_process = os.getpid() if ledger is IN_MEMORY else None
        timeout = Timeout() if timeout is None else timeout
        attempts = Attempts(timeout, retry, self._observer, clock)
        self._lookups = Lookups(attempts, retry, clock)
        self._refunds = Refunds(attempts, self._lookups, self.ledger, timeout, retry, clock)
        self._resolutions = Resolutions(self._lookups, self.ledger, retry, clock)
        self._translations: dict[str, Translation] = {}
        for account in accounts:
            if account.name in self._translations:
                raise InvalidRefund(f"two providers are named {account.name!r}; give one a name=", field="name")
            _check_transport(account.transport, send_name, f"the transport of {account.name}")
            self._translations[account.name] = translation_of(account)
        _check_transport(transport, send_name, "the transport")
        if not self.ledger.is_immediate:
            from refundry.ledger.accounts import Register

            self.ledger.commit(Register.of(one.account for one in self._translations.values()))

    @property
    def needs_transport(self) -> bool:
        """Whether an account has no transport of its own."""
        return any(translation.account.transport is None for translation in self._translations.values())

    @property
    def names(self) -> list[str]:
        """The names of the accounts."""
        return list(self._translations)

    def translation(self, provider: object) -> Translation:
        """The translation of the account with this name. InvalidRefund where there is none."""
        if self.closed:
            raise InvalidRefund("the client is closed; make a new one", field="client")
        if not isinstance(provider, str) or provider not in self._translations:
            names = ", ".join(self._translations) or "no provider at all"
            raise InvalidRefund(f"there is no provider {provider!r}; this client has {names}", field="provider")
        return self._translations[provider]

    # Refunds.

    def prepare(self, provider: str, payment_id: str | None, amount: Amount, reference: str) -> WireRequest:
        """The request of a first attempt."""
        translation = self.translation(provider)
        request = RefundRequest(provider, payment_id, amount, reference)
        account = translation.account
        check(request, account, translation.CAPABILITIES)
        return wire_request(translation.refund_request(request), account, shown_credentials(account))

    def refund(
        self,
        provider: str,
        payment_id: str | None,
        amount: Amount,
        reference: str,
        payment_amount: Money | None = None,
    ) -> Started[Refund]:
        """A refund; of no payment where `payment_id` is None."""
        translation, owner = self.translation(provider), Owner()
        request = RefundRequest(translation.account.name, payment_id, amount, reference)
        if payment_amount is not None and not isinstance(payment_amount, Money):
            raise InvalidRefund(
                f"payment_amount is Money, not {type(payment_amount).__name__}: what was captured of the payment",
                field="payment_amount",
                **facts_of(request),
            )
        self._warn_in_another_process()
        flow = self._refunds.refund(owner, translation, request, payment_amount)
        return Started(translation.account, owner, flow)

    def _warn_in_another_process(self) -> None:
        if self._only_process is not None and self._only_process != os.getpid():
            self._only_process = None
            _LOG.warning(
                "this client was made in another process, and has no ledger: each process may refund the same "
                "reference once. Give it ledger='sqlite:///...' or ledger='postgresql://...', or ledger=None where "
                "no two processes get the same reference"
            )

    # Questions.

    def resolve(self, provider: str, reference: str) -> Started[Refund]:
        """What became of a reference. The answer is recorded."""
        translation, owner = self.translation(provider), Owner()
        resolution = self._resolutions.resolve(owner, translation, reference_text(reference))
        return Started(translation.account, owner, resolution)

    def lookup(self, refund: Known) -> Started[Refund]:
        """A lookup, whose state is recorded."""
        return self._question(refund, self._lookups.lookup)

    def wait(self, refund: Known, timeout: float, poll: float) -> Started[Refund]:
        """Lookups until the refund is final or the time is over. The last state is recorded."""
        return self._question(refund, partial(self._lookups.wait, timeout=timeout, poll=poll))

    def cancel(self, refund: Known) -> Started[Refund]:
        """A cancellation and the lookup after it, whose state is recorded."""
        return self._question(refund, self._lookups.cancel)

    def confirm(self, event: RefundEvent) -> Started[RefundEvent]:
        """A lookup of the refund that a callback names."""
        translation, owner = self.translation(event.provider), Owner()
        if event.refund_id is None:
            refused = InvalidRefund("the callback names no transaction to ask about", field="refund_id")
            refused.resend, refused.provider = Resend.NEVER, event.provider
            raise refused
        named = Refund(event.provider, event.refund_id, RefundStatus.PENDING, refund_id=event.refund_id)
        lookup = self._lookups.lookup(owner, translation, named)
        return Started(translation.account, owner, _confirmed(translation, event, lookup))

    def explain(self, refused: RefundRejected) -> Started[RefundRejected]:
        """A lookup of the payment that a refusal is about."""
        if not isinstance(refused, RefundRejected):
            raise InvalidRefund(
                f"give a RefundRejected, not {type(refused).__name__}", field="refused", resend=Resend.NEVER
            )
        translation, owner = self.translation(refused.provider), Owner()
        return Started(translation.account, owner, self._lookups.explain(owner, translation, refused))

    def _question(self, refund: Known, ask: Callable[[Owner, Translation, Refund], Flow[Refund]]) -> Started[Refund]:
        translation, known = self._known(refund)
        owner = Owner()
        return Started(translation.account, owner, self._recorded(known, ask(owner, translation, known)))

    def _known(self, known: Known) -> tuple[Translation, Refund]:
        """The refund that a question is about, with its translation. InvalidRefund, whose `resend` is NEVER, else."""
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

    def _recorded(self, known: Refund, flow: Flow[Refund]) -> Flow[Refund]:
        """A question whose state is recorded. Raises LookupFailed for the state of another reference's refund."""
        refund = yield from flow
        if refund is known:
            return refund
        return (yield from self._resolutions.recorded(known, refund))

    # What the ledger knows.

    def find(self, provider: str, reference: str) -> Flow[LedgerEntry | None]:
        """What is known of a reference; None where nothing is."""
        return self._found(self.translation(provider).account.name, reference_text(reference))

    def unresolved(self, provider: str | None, most: int) -> Flow[list[LedgerEntry]]:
        """The references that are unknown or contradicted."""
        from refundry.ledger.answers import Listed

        name = None if provider is None else self.translation(provider).account.name
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise InvalidRefund("most is a whole number above zero", field="most")
        return self._committed(Listed(name, most=most, safe_for=self._safe_for))

    def history(self, provider: str, reference: str) -> Flow[list[HistoryLine]]:
        """What happened to a reference."""
        from refundry.ledger.answers import History

        return self._committed(History(self.translation(provider).account.name, reference_text(reference)))

    def decide(self, provider: str, reference: str, outcome: RefundStatus, by: str, reason: str) -> Flow[LedgerEntry]:
        """Record a person's word."""
        name = self.translation(provider).account.name
        if outcome not in (RefundStatus.SUCCEEDED, RefundStatus.FAILED):
            raise InvalidRefund(
                "outcome is RefundStatus.SUCCEEDED, or FAILED where nothing was executed", field="outcome"
            )
        for field, value in (("by", by), ("reason", reason)):
            if not isinstance(value, str) or not value.strip():
                raise InvalidRefund(f"{field} is missing: the history says who decided, and why", field=field)
        executed = outcome is RefundStatus.SUCCEEDED
        return self._decided(Decide(name, reference_text(reference), executed, by.strip(), reason.strip()))

    def archive(self, before: datetime, to: str | os.PathLike[str]) -> int:
        """Move ended references to a file, by the calling thread."""
        from refundry.ledger.archive import archive

        return archive(self.ledger, before, to)

    def _committed(self, change: Change[Result]) -> Flow[Result]:
        return committed(self.ledger, change, self._retry.deadline)

    def _found(self, account: str, reference: str) -> Flow[LedgerEntry | None]:
        from refundry.ledger.answers import Found

        return self._committed(Found(account, reference, self._safe_for))

    def _safe_for(self, account: str, payment_id: str | None) -> float | None:
        """For how long after its first attempt a reference is safe to send again (`answers.SafeFor`)."""
        from refundry.ledger.answers import safe_seconds

        if account not in self._translations:  # another client's
            return None
        return safe_seconds(self._translations[account].CAPABILITIES, payment_id, self._retry)

    def _decided(self, decide: Decide) -> Flow[LedgerEntry]:
        try:
            yield from self._committed(decide)
        except LookupError as refused:
            pass_through(refused)
            raise InvalidRefund(
                str(refused),
                field="reference",
                resend=Resend.NEVER,
                provider=decide.account,
                reference=decide.reference,
            ) from None
        decided = yield from self._found(decide.account, decide.reference)
        assert decided is not None
        return decided

    # Callbacks.

    def events(self, provider: str, headers: Headers, body: bytes) -> tuple[RefundEvent, ...]:
        """All events of a callback that proves where it comes from."""
        from refundry.webhooks import received  # a service that refunds may receive no callback

        translation = self.translation(provider)
        return received(translation, headers, body, partial(self._observer.deviations, translation, None))

    def learn(self, event: RefundEvent) -> Flow[None]:
        """Record the state that a callback gives of a refund of this client, where it proves where it comes from."""
        from refundry.webhooks import may_free, refund_after

        find = Find(event.provider, event.refund_id, event.reference)
        found = yield from committed(self.ledger, find, self._retry.deadline)
        refund = None if found is None else refund_after(event, found.refund, is_certain=found.is_certain)
        if refund is not None:
            learn = Learn(refund, may_free=may_free(event), undone=event.undone, of_unknown=True)
            yield from committed(self.ledger, learn, self._retry.deadline)


def _confirmed(translation: Translation, event: RefundEvent, lookup: Flow[Refund]) -> Flow[RefundEvent]:
    from refundry.webhooks import confirmed

    return confirmed(translation, event, (yield from lookup))


def _opened(ledger: Secret | InMemory | None, clock: Clock) -> Ledger:
    if ledger is None or ledger is IN_MEMORY:
        return MemoryLedger(clock)
    from refundry.ledger.opening import opened  # a client without one loads no database

    try:
        return opened(ledger.reveal() if isinstance(ledger, Secret) else ledger, clock)
    except InvalidRefund as error:
        refused = error
    raise refused.with_traceback(None)  # the frames beyond have the password among their variables


def _check_transport(transport: object, send_name: str, what: str) -> None:
    if transport is not None and not hasattr(transport, send_name):
        raise InvalidRefund(f"{what} has no {send_name}(), which this client needs", field="transport")
