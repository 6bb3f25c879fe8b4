"""What the three provider machines have in common: payments, executed refunds, ids that repeat with the seed."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from refundry.money import EXPONENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from refundry.sandbox.faults import Fault, Reply


@dataclass(frozen=True, slots=True)
class Call:
    """A request that fits the contract. Header names are in lower case, numbers of the body are exact."""

    path: Mapping[str, str]
    headers: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(slots=True)
class Payment:
    """A captured payment. Amounts are in minor units. `pending` makes its refunds wait for `Sandbox.advance`."""

    payment_id: str
    captured: int
    currency: str
    refunded: int = 0
    pending: bool = False

    @property
    def remaining(self) -> int:
        """What can still be refunded."""
        return self.captured - self.refunded


@dataclass(frozen=True, slots=True)
class SandboxRefund:
    """A refund that was executed: the provider has taken the amount (in minor units) from what can be refunded.

    `state` is in the provider's own word. `payment_id` is None where the refund is tied to no payment.
    """

    refund_id: str
    payment_id: str | None
    amount: int
    currency: str
    state: str
    reference: str | None = None
    idempotency_key: str | None = None


@dataclass
class Machine(ABC):
    """One provider: its books, and what it answers. It knows no socket and no clock, and nothing is random."""

    PROVIDER: ClassVar[str]
    STEPS: ClassVar[Mapping[str, str]]
    """The state that follows each state that is not final."""

    seed: str
    payments: dict[str, Payment] = field(default_factory=dict)
    refunds: list[SandboxRefund] = field(default_factory=list)
    _ids: int = field(default=0, init=False)

    def answer(self, call: Call, now: float, work: Callable[[], Reply]) -> Reply:
        """What is answered to a call at this time, in seconds: what the work gives."""
        return work()

    @abstractmethod
    def refund(self, call: Call) -> Reply:
        """Refund, if the books allow it."""

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
    def changes(self, fault: Fault | None, told: Mapping[str, Any], credentials: str) -> Mapping[str, Any]:
        """What a fault changes in the fields of a reply; nothing where the reply has no such field."""

    def advance(self) -> None:
        """Move every refund that is not final one state on."""
        self.refunds = [replace(refund, state=self.STEPS.get(refund.state, refund.state)) for refund in self.refunds]

    def new_id(self) -> str:
        """The next id: a UUID that depends on the seed, the provider and how many there were before."""
        self._ids += 1
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.seed}/{self.PROVIDER}/{self._ids}"))

    def book(self, payment: Payment, refund: SandboxRefund) -> None:
        """Execute a refund of a payment."""
        payment.refunded += refund.amount
        self.refunds.append(refund)


def in_major_units(minor_units: int, currency: str) -> Decimal:
    """An amount in major units, with as many decimals as the currency has."""
    return Decimal(minor_units).scaleb(-EXPONENTS[currency])
