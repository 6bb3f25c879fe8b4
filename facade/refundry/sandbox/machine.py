"""What the provider machines have in common: payments, refunds, tokens, and ids that the seed repeats."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from refundry.money import EXPONENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from refundry.sandbox.faults import Fault, Reply

MinorUnits = Literal["iso", "hundredths"]
"""What a provider counts in: the minor units of ISO 4217, or hundredths, whatever decimals the currency has."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that fits the contract. Header names are in lower case, numbers of the body are exact.

    `operation` is the contract's operationId. `at` is when the call arrives, in seconds of the sandbox's clock.
    """

    operation: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    at: float = 0.0


@dataclass(slots=True)
class Payment:
    """A captured payment. Amounts are in minor units. `pending` makes its refunds wait for `Sandbox.advance`.

    `state` is in the provider's own word, `created_at` in seconds of the sandbox's clock.
    """

    payment_id: str
    captured: int
    currency: str
    refunded: int = 0
    pending: bool = False
    state: str = ""
    created_at: float = 0.0

    @property
    def remaining(self) -> int:
        """What can still be refunded."""
        return self.captured - self.refunded


@dataclass(frozen=True, slots=True)
class SandboxRefund:
    """A refund that was executed: the provider has taken the amount (in minor units) from what can be refunded.

    `state` is in the provider's own word; in a state of UNDONE the amount can be refunded again. `payment_id` is None
    where the refund is tied to no payment. `request_id` is Paybyrd's id of the request that made the refund.
    `created_at` is in seconds of the sandbox's clock.
    """

    refund_id: str
    payment_id: str | None
    amount: int
    currency: str
    state: str
    reference: str | None = None
    idempotency_key: str | None = None
    request_id: str | None = None
    created_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Callback:
    """A provider's HTTP request about a refund: its headers and its body."""

    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass
class Machine(ABC):
    """One provider: its records and its answers. It has no socket, no clock and no randomness."""

    PROVIDER: ClassVar[str]
    STEPS: ClassVar[Mapping[str, str]]
    """The state that follows each state of a refund that is not final."""
    UNDONE: ClassVar[frozenset[str]]
    """The final states of a refund that failed or was cancelled."""
    SETTLED: ClassVar[str]
    """The state of a payment that can be refunded."""
    UNSETTLED: ClassVar[str | None] = None
    """The state of a payment that can only be voided yet, at a provider that tells them apart."""

    seed: str
    token_credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    token_seconds: float = 1800.0
    minor_units: MinorUnits = "iso"
    payments: dict[str, Payment] = field(default_factory=dict, init=False)
    refunds: list[SandboxRefund] = field(default_factory=list, init=False)
    _tokens: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """Until when each token is good."""
    request_id: str = field(default="", init=False)
    """The id of the call that is being answered."""
    _ids: int = field(default=0, init=False)

    def begin(self) -> None:
        """Give the call an id, before anything else."""
        self.request_id = self.new_id()

    def answer(self, call: Call, work: Callable[[], Reply]) -> Reply:
        """The answer to a call: that of the work."""
        return work()

    @abstractmethod
    def operations(self) -> Mapping[str, Callable[[Call], Reply]]:
        """The functions that carry out the operations of the contract, by operationId."""

    @abstractmethod
    def invalid(self, why: str, /) -> Reply:
        """The answer to a request that breaks the contract."""

    @abstractmethod
    def unauthorised(self) -> Reply:
        """The answer to missing or wrong credentials."""

    @abstractmethod
    def failed(self) -> Reply:
        """The answer where the provider itself fails."""

    @abstractmethod
    def declined(self) -> Reply:
        """The answer where the provider declines."""

    @abstractmethod
    def callback(self, refund: SandboxRefund, forged: bool) -> Callback:
        """What is sent about a refund in its present state. One that is forged does not prove where it comes from.

        ValueError for a forged one of a provider whose callbacks prove nothing.
        """

    @abstractmethod
    def changes(self, fault: Fault | None, members: Mapping[str, Any], credentials: str) -> Mapping[str, Any]:
        """The fields of a reply that a fault changes; none where the reply has no such field."""

    def add(self, payment: Payment) -> None:
        """Add a payment, or replace the one of this id."""
        self.payments[payment.payment_id] = payment

    def book(self, payment: Payment, refund: SandboxRefund) -> None:
        """Execute a refund of a payment."""
        payment.refunded += refund.amount
        self.refunds.append(refund)

    def put(self, index: int, state: str) -> None:
        """Put the refund at this place into a state. A state of UNDONE gives the amount back to its payment."""
        refund = self.refunds[index]
        self.refunds[index] = replace(refund, state=state)
        payment = self.payments.get(refund.payment_id or "")
        if state in self.UNDONE and payment is not None:
            payment.refunded = max(payment.refunded - refund.amount, 0)  # the payment may have been replaced since

    def next_state(self, refund: SandboxRefund) -> str:
        """The state of a refund a step on."""
        return self.STEPS.get(refund.state, refund.state)

    def advance(self) -> None:
        """Move every refund that is not final one state on."""
        for index, refund in enumerate(self.refunds):
            if (state := self.next_state(refund)) != refund.state:
                self.put(index, state)

    def refund_index(self, refund_id: str) -> int | None:
        """The place of a refund, or None."""
        return next((index for index, refund in enumerate(self.refunds) if refund.refund_id == refund_id), None)

    def transaction(self, transaction_id: str) -> Payment | SandboxRefund | None:
        """The payment or the refund of this id."""
        index = self.refund_index(transaction_id)
        return self.payments.get(transaction_id) if index is None else self.refunds[index]

    def new_id(self) -> str:
        """The next id: a UUID that depends on the seed, the provider and how many there were before."""
        self._ids += 1
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.seed}/{self.PROVIDER}/{self._ids}"))

    def new_token(self, at: float) -> str:
        """A token that lasts `token_seconds` from this time on."""
        token = f"test-token-{self.new_id()}"
        self._tokens[token] = at + self.token_seconds
        return token

    def knows(self, token: str | None, at: float) -> bool:
        """Whether this token was given and is good at this time."""
        return token in self._tokens and at < self._tokens[token]

    def forget_tokens(self) -> None:
        """End every token that was given."""
        self._tokens.clear()


def counted(minor_units: int, currency: str, counts: MinorUnits) -> int:
    """An amount as a provider with these minor units writes it. ValueError where it is no whole number of those."""
    units = _scaled(minor_units, _decimals(currency, counts) - EXPONENTS[currency])
    if units is None:
        raise ValueError(f"an amount in {currency} is not a whole number of hundredths")
    return units


def uncounted(units: int, currency: str, counts: MinorUnits) -> int | None:
    """The minor units of an amount that a provider with these minor units reads; None where they are not whole."""
    return _scaled(units, EXPONENTS[currency] - _decimals(currency, counts))


def in_major_units(minor_units: int, currency: str, counts: MinorUnits = "iso") -> Decimal:
    """An amount in major units, with as many decimals as it is counted with."""
    return Decimal(counted(minor_units, currency, counts)).scaleb(-_decimals(currency, counts))


def _decimals(currency: str, counts: MinorUnits) -> int:
    return EXPONENTS[currency] if counts == "iso" else 2


def _scaled(units: int, tens: int) -> int | None:
    """So many powers of ten more, or less; None where that is not whole."""
    if tens >= 0:
        return units * int(10**tens)
    whole, rest = divmod(units, int(10**-tens))
    return None if rest else whole


def written_time(seconds: float, precision: str) -> str:
    """A time of the sandbox's clock in ISO 8601, in UTC with a Z; `precision` is the timespec of isoformat."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=precision).replace("+00:00", "Z")
