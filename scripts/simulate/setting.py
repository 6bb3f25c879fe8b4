"""What the parts of an episode see of it: what there is, and what they may let happen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from scripts.simulate.chance import Chance, Luck, Plan
from scripts.simulate.database import Database
from scripts.simulate.machines import Machine, Schedule

if TYPE_CHECKING:
    from refundry.ledger.entry import Entry
    from refundry.sandbox.machine import Callback
    from scripts.simulate.chance import Order
    from scripts.simulate.provider import Providers
    from scripts.simulate.story import Story
    from scripts.simulate.worker import Call, Kind, Worker


class Setting(ABC):
    """What there is in an episode. `is_calm`: nothing goes wrong any more."""

    def __init__(self, providers: Providers, seed: int, number: int, story: Story) -> None:
        self.chance = chance = Chance(seed, number)
        self.plan = plan = Plan(chance)
        self.schedule = schedule = Schedule()
        self.story = story
        self.providers = providers
        self.machines = [Machine(one, schedule, chance) for one in range(1, plan.machines + 1)]
        self.database = Database(schedule.of_server if plan.has_server else self.machines[0].clock.instant)
        self.workers: list[Worker] = []
        self.is_calm = False
        providers.begin(schedule, plan.skew, plan.orders)

    def luck(self, luck: Luck) -> bool:
        """Whether something goes wrong now."""
        return not self.is_calm and self.chance.happens(self.plan.rates[luck])

    def entry(self, order: Order) -> Entry | None:
        """What a process that holds nothing sees of a reference."""
        row = self.database.rows.get((order.provider, order.reference))
        return self.database.entry(row, self.database.now(), self.machines[0].clock)

    def later(self, what: Any, *arguments: Any, order: Order) -> None:
        """Let something happen about an order: at once, soon, after a lease, or when a window ends."""
        self.schedule.after(self.plan.gap(self.chance, order, self.schedule.now), None, what, *arguments)

    @abstractmethod
    def start(self, kind: Kind, order: Order, callback: Callback | None = None) -> None:
        """Let some worker begin a call."""

    @abstractmethod
    def step(self, call: Call, turn: int, value: Any) -> None:
        """Give the flow of a call its next input, unless that is no longer waited for."""

    @abstractmethod
    def sleep(self, call: Call) -> None:
        """Let the machine of a call sleep."""

    @abstractmethod
    def may_execute(self, order: Order) -> bool:
        """Whether a request that has left, or that is about to, may still execute a refund of the order."""
