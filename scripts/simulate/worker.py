"""A worker: a process with the core of a client, its connection to the ledger, and the calls that run in it."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from unittest import mock

from refundry import Money, RefundError, Retry, Secret, Timeout, WebhookRejected
from refundry.core import Core
from refundry.errors import LedgerFailed
from refundry.ledger.changes import Record
from refundry.ledger.database import HandBack, Held, Session
from scripts.simulate.database import Connection
from scripts.simulate.provider import ASKED, CURRENCY

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from refundry import Account
    from refundry.ledger.changes import Change
    from refundry.ledger.entry import Reservation
    from refundry.owner import Owner
    from refundry.refund import RefundRequest
    from refundry.sandbox.machine import Callback
    from scripts.simulate.chance import Order
    from scripts.simulate.database import Database
    from scripts.simulate.machines import Machine
    from tests.stateful.world import Execution

RETRY: Final = Retry(attempts=2, deadline=10.0, longest_wait=15.0)
TIMEOUT: Final = Timeout(connect=1.0, read=2.0, total=2.0)
SECONDS_OF_A_LEASE: Final = RETRY.deadline + TIMEOUT.total + 5.0
AMOUNT: Final = Money.from_minor(ASKED, CURRENCY)
_SECONDS: Final = 3600.0
"""For how long a transaction may take by the real clock, which no episode looks at."""


class Kind(StrEnum):
    """What a call wants."""

    REFUND = "refund"
    RESOLVE = "resolve"
    CALLBACK = "callback"


class Recorded(NamedTuple):
    """A call, by its number, whose reservation was recorded without it."""

    number: int
    reservation: Reservation


class Call:
    """A call that is under way. `turn` counts the inputs of its flow: what was meant for an earlier one is too late.

    `key` is the idempotency key of its last request, `holds_until` the end of its lease. `seen` is the row of the
    reference, its time and the executed refunds, as they were at the call's last commit.
    """

    __slots__ = (
        *("about_to_send", "effect", "flow", "holds_until", "is_over", "key", "kind", "name", "number", "order"),
        *("owner", "result", "seen", "turn", "worker"),
    )

    def __init__(self, number: int, kind: Kind, order: Order, worker: Worker) -> None:
        self.number = number
        self.name = f"{kind} {number}"
        self.kind = kind
        self.order = order
        self.worker = worker
        self.turn = 0
        self.effect: Any = None
        self.about_to_send = False
        self.key: str | None = None
        self.holds_until = 0.0
        self.is_over = False
        self.result: Any = None
        self.seen: tuple[Any, Any, tuple[Execution, ...]] | None = None
        self.owner: Owner | None = None
        self.flow: Generator[Any, Any, Any]

    def let_go(self) -> None:
        """Open the lock that says that it runs."""
        self.is_over = True
        if self.owner is not None:
            self.owner.lock.release()
            self.owner = None


class Worker:
    """A process. It is the ledger of its core: what that commits at once waits for no transaction, and is forgotten."""

    is_immediate = False

    def __init__(self, name: str, machine: Machine, database: Database, accounts: Sequence[Account]) -> None:
        self.name = name
        self.machine = machine
        self.is_alive = True
        self.calls: list[Call] = []
        self.waiting: list[Call] = []
        """The calls whose change waits for the next transaction, which begins at `writes_at`."""
        self.writes_at = 0.0
        self.held = Held()
        self.connection = Connection(database)
        self.sweep_soon: Callable[[], None] | None = None
        """What is called where `sweep` has something to do."""
        self._session = Session(lambda _: self.connection, machine.clock, self.held)
        self._posted: list[Change[Any]] = []
        _being_made.append(self)
        url = Secret("sqlite:////simulated.db")
        self.core = Core(accounts, "send", None, TIMEOUT, RETRY, None, None, machine.clock, url)
        _being_made.pop()

    # As `ledger.changes.Ledger` has them.

    def commit(self, change: Change[Any], seconds: float = 0.0) -> None:
        """Only the accounts are registered so."""

    def hand_back(self, owner: Owner, request: RefundRequest) -> None:
        """Let the reference go in a transaction soon."""
        if self.is_alive:
            self._posted.append(HandBack(owner, request.provider, request.reference))
            if self.sweep_soon is not None:
                self.sweep_soon()

    # Transactions.

    def make(self, changes: Sequence[Change[Any]]) -> list[Any]:
        """Make changes in one transaction; the exceptions in place of the results where they fail."""
        try:
            return self._session.apply(changes, _SECONDS)
        except LedgerFailed as failed:
            return [failed] * len(changes)
        finally:
            self.connection.trouble = None

    def sweep(self) -> list[Recorded] | None:
        """Make the changes that no caller waits for. Gives the calls that they recorded; None where they failed."""
        posted, self._posted = self._posted, []
        changes = [*posted, *self._session.left_behind()]
        if not changes:
            return []
        owners = [one.owner for one in changes if isinstance(one, HandBack | Record)]
        held = [self.held.of(owner.token) for owner in owners]
        if any(isinstance(one, LedgerFailed) for one in self.make(changes)):
            return None
        return [Recorded(int(one.owner.token.rpartition("-")[2]), one) for one in held if one is not None]

    # Calls.

    def begin(self, call: Call, callback: Callback | None) -> None:
        """Give a call its flow, which has not run yet."""
        self.calls.append(call)
        order = call.order
        if callback is not None:
            call.flow = self._callback(order.provider, callback)
            return
        if call.kind is Kind.REFUND:
            started = self.core.refund(order.provider, order.payment_id, AMOUNT, order.reference)
        else:
            started = self.core.resolve(order.provider, order.reference)
        call.owner, call.flow = started.owner, started.flow
        call.owner._token = f"call-{call.number}"
        call.owner.lock.acquire()

    def _callback(self, provider: str, callback: Callback) -> Generator[Any, Any, Any]:
        """What a service does with a callback."""
        for event in self.core.events(provider, callback.headers, callback.body):
            if event.to_be_confirmed:
                started = self.core.confirm(event)
                with started.owner.lock:
                    event = yield from started.flow
            yield from self.core.learn(event)

    def is_forged(self, provider: str, callback: Callback) -> bool:
        """Whether a callback is refused as a forged one."""
        with suppress(WebhookRejected):
            self.core.events(provider, callback.headers, callback.body)
            return False
        return True

    def break_off(self, call: Call) -> None:
        """Interrupt a call, whose process lives on, or dies with it."""
        if call.is_over:
            return
        if call in self.waiting:
            self.waiting.remove(call)
        self.calls.remove(call)
        with suppress(RefundError):
            call.flow.close()
        call.let_go()

    def kill(self) -> None:
        """Kill the process: what it held is gone, and the ledger hears nothing of it any more."""
        self.is_alive = False
        for call in [*self.calls]:
            self.break_off(call)


_being_made: list[Worker] = []


def _of_maker(*_: object) -> Worker:
    return _being_made[-1]


@contextmanager
def simulated() -> Iterator[None]:
    """Let a core that is made meanwhile have the worker that makes it as its ledger.

    No signal interrupts a call here: an episode breaks calls off by itself. To look for handlers of signals at each
    exception would take a tenth of the time.
    """
    with (
        mock.patch("refundry.ledger.opening.opened", _of_maker),
        mock.patch("refundry.interruption._handlers", frozenset),
    ):
        yield
