"""What a run asks for, and what its processes say of it: plain values that are pickled from one to the other."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final, NamedTuple

from refundry import Account, AsyncRefundClient, Blink, Lab4Pay, Money, Paybyrd, RefundClient, Retry, Timeout
from refundry.sandbox import CREDENTIALS, INTEGRATOR_ID, TOKEN_CREDENTIALS, Fault

TIMEOUT: Final = Timeout(connect=2.0, read=2.0, total=2.0)
RETRY: Final = Retry(attempts=2, deadline=2.0, first_wait=0.05, longest_wait=0.1)
"""Short, for a lease outlasts the deadline and one attempt: with these it is over after nine seconds."""
AMOUNT: Final = 100
CURRENCIES: Final = {"paybyrd": "EUR", "lab4pay": "EUR", "blink": "GBP"}
DEDUPLICATING: Final = frozenset({"paybyrd"})
"""The providers that know an attempt again by its key."""

Client = RefundClient | AsyncRefundClient


class Fate(Enum):
    """What the first request for a refund meets at its provider; with ALWAYS_DECLINED, each one."""

    HONEST = None
    REPLY_LOST = Fault.CUT_AFTER
    NOT_EXECUTED = Fault.CUT_BEFORE
    DECLINED_ONCE = Fault.DECLINED
    ALWAYS_DECLINED = "declined"

    @property
    def fault(self) -> Fault | None:
        """The fault of the sandbox."""
        return Fault.DECLINED if self is Fate.ALWAYS_DECLINED else self.value

    @property
    def cuts(self) -> bool:
        """Whether a reply is lost."""
        return self in (Fate.REPLY_LOST, Fate.NOT_EXECUTED)


_CHANCES: Final = {
    Fate.HONEST: 88,
    Fate.REPLY_LOST: 3,
    Fate.NOT_EXECUTED: 3,
    Fate.DECLINED_ONCE: 3,
    Fate.ALWAYS_DECLINED: 3,
}


class Wish(NamedTuple):
    """A refund that is intended, of a payment of its own, which is a hundred times the amount."""

    reference: str
    provider: str
    payment_id: str
    fate: Fate

    @property
    def amount(self) -> Money:
        """What is to be refunded."""
        return Money.from_minor(AMOUNT, CURRENCIES[self.provider])


def wishes(count: int, seed: int) -> list[Wish]:
    """So many refunds at the three providers in turn."""
    chance = random.Random(f"fates/{seed}")
    fates = chance.choices([*_CHANCES], [*_CHANCES.values()], k=count)
    providers = [*CURRENCIES]
    return [
        Wish(f"order-{number:05}/1", providers[number % len(providers)], f"payment-{number:05}", fate)
        for number, fate in enumerate(fates)
    ]


class Kind(Enum):
    """How a worker makes its calls: their number at once, and whether in an event loop."""

    SYNC = "sync"
    THREADS = "threads"
    ASYNCIO = "asyncio"
    UVLOOP = "uvloop"

    @property
    def is_async(self) -> bool:
        """Whether it has an event loop."""
        return self in (Kind.ASYNCIO, Kind.UVLOOP)

    @property
    def at_once(self) -> int:
        """How many calls it makes at once."""
        return {Kind.SYNC: 1, Kind.THREADS: 4}.get(self, 8)


def accounts(base_url: str) -> list[Account]:
    """The accounts of the three providers at a sandbox's address."""
    keys: Mapping[str, Mapping[str, Any]] = TOKEN_CREDENTIALS
    return [
        Paybyrd(api_key=CREDENTIALS["paybyrd"], base_url=base_url),
        Lab4Pay(**keys["lab4pay"], integrator_id=INTEGRATOR_ID, base_url=base_url),
        Blink(**keys["blink"], base_url=base_url),
    ]


def client_of(ledger: str, base_url: str, kind: Kind) -> Client:
    """The client of a worker."""
    make = AsyncRefundClient if kind.is_async else RefundClient
    return make(accounts(base_url), timeout=TIMEOUT, retry=RETRY, ledger=ledger)


@dataclass(frozen=True, slots=True)
class Setting:
    """One run: where the ledger is, how many workers share it, and how often one is killed.

    `calls_between_kills` is the mean for one worker: by calls, so that a slow machine gets as far as a fast one.
    `client` makes a worker's client; a test gives one that is broken. `folder` takes the files in which the workers log
    what they were told.
    """

    name: str
    ledger: str
    workers: int
    refunds: int
    folder: Path
    seed: int = 0
    calls_between_kills: float = 40.0
    seconds_without_progress: float = 60.0
    kinds: tuple[Kind, ...] = tuple(Kind)
    client: Callable[[str, str, Kind], Client] = client_of


class Told(NamedTuple):
    """What a call told its caller: the status of the refund, or the class of the exception."""

    outcome: str
    resend: str | None = None
    replayed: bool = False
    recorded: bool = True
    text: str = ""

    @property
    def is_accepted(self) -> bool:
        """Whether the caller learnt that the refund was accepted."""
        return self.outcome in ("SUCCEEDED", "PENDING")

    @property
    def may_have_sent(self) -> bool:
        """Whether the refund may have been executed by this very call."""
        return (self.is_accepted and not self.replayed) or self.outcome in ("OutcomeUnknown", "RefundMismatch")


@dataclass(slots=True)
class CallLine:
    """A call as a worker's log has it, in seconds since 1970. `told` is None where the worker was killed before."""

    reference: str
    began: float
    ended: float | None = None
    told: Told | None = None


@dataclass(slots=True)
class Book:
    """What the provider knows of a payment: when it was refunded, how many requests for it came, and their keys."""

    executed: list[float] = field(default_factory=list)
    arrived: int = 0
    keys: set[str] = field(default_factory=set)
