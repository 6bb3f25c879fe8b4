"""The one source of every choice of an episode, and what an episode is made of. The same seed chooses the same."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeVar

from refundry.sandbox import Fault

Item = TypeVar("Item")

ORDERS: Final = 4
"""How many refunds an episode has: references, each of which is delivered again and again."""
_PROVIDERS: Final = ("paybyrd", "paybyrd", "blink", "blink", "lab4pay")
_DEDUPLICATING: Final = ("paybyrd",)
_A_DAY: Final = 24 * 3600.0


class Luck(StrEnum):
    """What may go wrong, each with a rate of its own in each episode."""

    UNCONNECTED = "the connection is refused"
    LOST_REQUEST = "a request is lost"
    LATE_REQUEST = "a request arrives late"
    LOST_REPLY = "a reply is lost"
    FAULT = "the provider misbehaves"
    LEDGER = "the ledger misbehaves"
    SLOW_LEDGER = "the ledger is slow"
    KILL = "a worker is killed"
    INTERRUPT = "a call is interrupted"
    SLEEP = "a machine sleeps"
    JUMP = "a wall clock is set"
    REBOOT = "a machine starts again"
    EXPIRE = "every token expires"


_MOST: Final = {
    Luck.UNCONNECTED: 0.15,
    Luck.LOST_REQUEST: 0.2,
    Luck.LATE_REQUEST: 0.25,
    Luck.LOST_REPLY: 0.6,
    Luck.FAULT: 0.6,
    Luck.LEDGER: 0.25,
    Luck.SLOW_LEDGER: 0.15,
    Luck.KILL: 0.06,
    Luck.INTERRUPT: 0.06,
    Luck.SLEEP: 0.16,
    Luck.JUMP: 0.05,
    Luck.REBOOT: 0.03,
    Luck.EXPIRE: 0.02,
}
FAULTS: Final = (
    Fault.DECLINED,
    Fault.DECLINED,
    Fault.TOO_MANY_REQUESTS,
    Fault.SERVER_ERROR_BEFORE,
    Fault.SERVER_ERROR_AFTER,
    Fault.STATUS_520,
    Fault.EMPTY_200,
    Fault.TRUNCATED_JSON,
    Fault.WRONG_SHAPE,
    Fault.UNKNOWN_VALUE,
    Fault.NULL_OBJECT,
    Fault.WRONG_AMOUNT,
    Fault.WRONG_PAYMENT,
    Fault.REDIRECT,
    Fault.CUT_BEFORE,
    Fault.CUT_AFTER,
    Fault.CUT_IN_REPLY,
    Fault.HANG_BEFORE,
    Fault.HANG_AFTER,
    Fault.SLOW_DRIP,
    Fault.DUPLICATE_REPLY,
    Fault.IN_PROGRESS,
    Fault.TOKEN_EXPIRED,
)


class Chance:
    """Draws. Everything of an episode that might be another way comes from here."""

    def __init__(self, seed: int, episode: int) -> None:
        source = random.Random(f"{seed}/{episode}")
        self.draw = source.random
        """A number from 0 to 1."""

    def happens(self, rate: float) -> bool:
        """Whether what happens so often happens now."""
        return self.draw() < rate

    def between(self, low: float, high: float) -> float:
        """A number between two others."""
        return low + (high - low) * self.draw()

    def among(self, items: Sequence[Item]) -> Item:
        """One of them."""
        return items[int(self.draw() * len(items))]


@dataclass(slots=True, eq=False)
class Order:
    """One refund that somebody intends, and what the world knows of it beyond the provider.

    `accepted` are the provider's ids that a call or an answer has told the ledger of. `denied` counts the calls that
    had begun when a person said, wrongly, that nothing was executed; -1 where none did, or it is unknown again since.
    """

    number: int
    provider: str
    pending: bool
    deliveries: int = 0
    first_sent: float | None = None
    accepted: set[str] = field(default_factory=set)
    is_wrong: bool = False
    denied: int = -1

    @property
    def reference(self) -> str:
        """The caller's name for it."""
        return f"order-{self.number}"

    @property
    def payment_id(self) -> str:
        """The payment, of which this is the only refund."""
        return f"payment-{self.number}"


class Plan:
    """What an episode is made of: how many machines and workers there are, and how much luck they have.

    About half of what may go wrong never does in one episode, so that what is left meets itself more often.
    """

    def __init__(self, chance: Chance) -> None:
        # One machine sleeps over its lease with the reply in hand, and another one sends again, and gets none.
        self.has_sleeper = chance.happens(0.15)
        self.has_server = self.has_sleeper or chance.happens(0.5)
        self.machines = 2 if self.has_sleeper or (self.has_server and chance.happens(0.7)) else 1
        self.workers = max(self.machines, 1 + int(chance.draw() * 3))
        self.rates = {luck: chance.between(0.0, most) if chance.happens(0.5) else 0.0 for luck, most in _MOST.items()}
        # A machine that starts again goes by its wall clock alone, which then has to be right.
        self.rates[Luck.JUMP if chance.happens(0.5) else Luck.REBOOT] = 0.0
        self.has_wrong_person = chance.happens(0.25)
        self.outlasts_window = chance.happens(0.3)
        if self.outlasts_window:  # what a window is for
            self.rates |= {luck: _MOST[luck] for luck in (Luck.LOST_REPLY, Luck.LATE_REQUEST)}
        if self.has_sleeper:
            self.rates |= {Luck.SLEEP: _MOST[Luck.SLEEP], Luck.LOST_REPLY: 0.7}
        self.skew = chance.between(-40.0, 40.0) if chance.happens(0.2) else 0.0
        self.callbacks = chance.between(0.0, 0.7)
        providers = [chance.among(_DEDUPLICATING if self.has_sleeper else _PROVIDERS) for _ in range(ORDERS)]
        self.orders = [
            Order(number, provider, chance.happens(0.45)) for number, provider in enumerate(providers, start=1)
        ]

    def gap(self, chance: Chance, order: Order, now: float) -> float:
        """The seconds from one thing that happens to an order to the next: about none, a call, a lease, or a window."""
        kind = chance.draw()
        if kind < 0.35:
            return chance.between(0.0, 0.05)
        if kind < 0.6:
            return chance.between(0.0, 4.0)
        if kind < 0.7 or not self.outlasts_window:
            return chance.between(8.0, 45.0)
        # Where the provider forgets a key.
        end = (now if order.first_sent is None else order.first_sent) + _A_DAY + chance.between(-20.0, 3.0)
        return max(end - now, 0.0)
