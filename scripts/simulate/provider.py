"""The providers of an episode: the machines of the sandbox, which are asked without a socket."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from refundry.sandbox import Request, Sandbox
from refundry.sandbox.blink import BlinkMachine
from refundry.sandbox.faults import Delivery
from refundry.sandbox.lab4pay import Lab4PayMachine
from refundry.sandbox.paybyrd import PaybyrdMachine
from refundry.wire import Evidence, SendFailure, WireReply
from scripts.simulate.machines import NOON
from tests.stateful.world import Execution

if TYPE_CHECKING:
    from refundry.accounts import Account
    from refundry.sandbox import Fault, SandboxRefund
    from refundry.sandbox.contract import Contract, Violation
    from refundry.sandbox.faults import Reply
    from refundry.sandbox.machine import Call, Callback, Machine
    from refundry.wire import WireRequest
    from scripts.simulate.chance import Order
    from scripts.simulate.machines import Schedule

ASKED: Final = 100
CAPTURED: Final = 10_000
CURRENCY: Final = "EUR"
SECONDS_KEPT: Final = 24 * 3600
"""For how long Paybyrd keeps its answer under a key."""
_MACHINES: Final[tuple[type[Machine], ...]] = (Lab4PayMachine, PaybyrdMachine, BlinkMachine)
UNDONE: Final = frozenset[str]().union(*(machine.UNDONE for machine in _MACHINES))
_ENDS: Final = {
    "paybyrd": ("Success", "Denied"),
    "blink": ("completed", "failed"),
    "lab4pay": ("SUCCESS", "FAILED"),
}
PENDING: Final = frozenset(state for machine in _MACHINES for state in machine.STEPS)
_CREDENTIALS: Final = ("authorization", "x-api-key")


class _Remembered:
    """A contract that is looked at once for each different request: the requests of all episodes are few and alike."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._seen: dict[Any, tuple[Call, list[Violation]] | None] = {}
        self.credential = contract.credential
        self.is_open = contract.is_open

    def check(self, request: Request) -> tuple[Call, list[Violation]] | None:
        """As the contract's own. A credential is no part of it."""
        headers = [(name, value) for name, value in request.headers.items() if name not in _CREDENTIALS]
        key = (request.method, request.target, request.body, *headers)
        if key not in self._seen:
            self._seen[key] = self._contract.check(request)
        return self._seen[key]


class Providers:
    """The three providers. One object serves the episodes of a process, one after the other: contracts load slowly."""

    def __init__(self) -> None:
        self._schedule: Schedule | None = None
        self._sandbox = Sandbox(clock=lambda: NOON if self._schedule is None else self._schedule.wall())
        sandbox: Any = self._sandbox
        # The payments that a sandbox starts with are none of an episode's.
        sandbox._providers = {name: replace(one, payments=()) for name, one in sandbox._providers.items()}
        sandbox._contracts = {name: _Remembered(one) for name, one in sandbox._contracts.items()}
        self.accounts: list[Account] = self._sandbox.accounts()
        self._machines: dict[str, Machine] = {}

    def begin(self, schedule: Schedule, skew: float, orders: list[Order]) -> None:
        """Begin an episode, of which nothing is known yet."""
        self._schedule = schedule
        self._sandbox.reset()
        self._machines = self._sandbox._machines
        self._sandbox.skew(skew)
        for order in orders:
            self._sandbox.add_payment(order.provider, order.payment_id, CAPTURED, CURRENCY, pending=order.pending)

    def handle(self, provider: str, request: WireRequest, fault: Fault | None) -> Reply:
        """Answer a request that has arrived."""
        if fault is not None:
            self._sandbox.script(provider, fault)
        secret = ((name, one.reveal()) for name, one in request.credentials)
        headers = {name.lower(): value for name, value in (*request.headers, *secret)}
        reply = self._sandbox.handle(Request(request.method, request.target, headers, request.body))
        if fault is not None:
            self._sandbox.clear_faults(provider)
        return reply

    def refunds(self, order: Order) -> list[SandboxRefund]:
        """The refunds of an order that were executed."""
        payment_id = order.payment_id
        return [one for one in self._machines[order.provider].refunds if one.payment_id == payment_id]

    def executions(self, order: Order) -> tuple[Execution, ...]:
        """The same, as the promises look at them."""
        payment_id = order.payment_id
        return tuple(
            [
                Execution(one.refund_id, one.amount, one.state in UNDONE)
                for one in self._machines[order.provider].refunds
                if one.payment_id == payment_id
            ]
        )

    def would_execute(self, order: Order, key: str | None, seconds: float = 0.0) -> bool:
        """Whether a request under this key that arrives in so many seconds is worked on, and gets no stored answer."""
        if key is None:
            return True
        machine: Any = self._machines[order.provider]
        kept = machine._kept.get(key)
        return kept is None or self._sandbox._clock() + self._sandbox._ahead + seconds - kept[0] >= SECONDS_KEPT

    def settle(self, order: Order, refund_id: str, *, fails: bool) -> str | None:
        """End a pending refund; None where it has ended."""
        for one in self.refunds(order):
            if one.refund_id == refund_id and one.state in PENDING:
                state = _ENDS[order.provider][fails]
                self._sandbox.settle(order.provider, refund_id, state)
                return state
        return None

    def callback(self, provider: str, refund_id: str, *, forged: bool = False) -> Callback:
        """What is sent about a refund in its present state."""
        return self._sandbox.callback(provider, refund_id, forged=forged)

    def expire_tokens(self) -> None:
        """Expire every token."""
        self._sandbox.expire_tokens()

    @property
    def violations(self) -> tuple[Violation, ...]:
        """The rules of the contracts that requests broke."""
        return self._sandbox.violations


CUT: Final = SendFailure(Evidence.MAYBE_SENT, "the connection was lost")
NO_CONNECTION: Final = SendFailure(Evidence.NOT_SENT, "the connection was refused")
TIMED_OUT: Final = SendFailure(Evidence.MAYBE_SENT, "timed out")


def arrived(reply: Reply) -> WireReply | SendFailure | None:
    """A reply as its caller gets it; None where none comes."""
    if reply.delivery is Delivery.HANGING:
        return None
    if reply.delivery in (Delivery.REFUSED, Delivery.CUT):
        return CUT
    is_whole = reply.delivery is not Delivery.HALF
    body = reply.body if is_whole else reply.body[: len(reply.body) // 2]
    headers = tuple((name.lower(), value) for name, value in reply.headers)
    return WireReply(reply.status, headers, body, complete=is_whole)
