"""The calls of a walk: the flows that run in production, each at the point to which its inputs have led it.

A flow is a generator, which cannot be copied. So a call is known by its inputs, and the flow runs again from its start
where a walk goes on from it in another way. What an input leads to is computed once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from unittest import mock

from refundry import RefundEvent, RefundStatus, Retry, Secret, Timeout
from refundry.clock import Clock, Instant
from refundry.core import Core
from refundry.errors import LedgerFailed
from refundry.flows.effects import Commit, Send, Sleep
from refundry.ledger.changes import Change, Needs, Record
from refundry.ledger.database import DatabaseView, HandBack, Held, Session
from refundry.ledger.entry import Entry, Reservation
from refundry.wire import Evidence, SendFailure, WireReply
from scripts.model.provider import ACCOUNTS, ASKED, PAYMENT, REFERENCE
from scripts.model.store import OneRow, Row

if TYPE_CHECKING:
    from collections.abc import Generator

    from refundry.owner import Owner
    from refundry.refund import RefundRequest

RETRY: Final = Retry(attempts=1, deadline=10.0, longest_wait=15.0)
TIMEOUT: Final = Timeout(connect=1.0, read=2.0, total=2.0)
_NOON: Final = 1_800_000_000.0
_UPTIME: Final = 1_000.0


Subject = tuple[str, RefundStatus]
"""What a callback says: a refund's id, and its state."""


class Kind(StrEnum):
    """What a call wants."""

    REFUND = "refund"
    RESOLVE = "resolve"
    CALLBACK = "callback"


class At(StrEnum):
    """Where a call is."""

    LEDGER = "waits for the ledger"
    ABOUT_TO_SEND = "is about to write the first byte"
    SENT = "waits for the reply"
    ASKING = "asks the provider"
    OVER = "is over"
    LEFT = "is over, and its process has yet to tell the ledger"


class Heard(StrEnum):
    """How a commit ends for its caller."""

    DONE = "done"
    BROKEN = "durable, and the connection broke: it is made again"
    GIVEN_UP = "durable, and the caller has given up waiting"
    FAILED = "not made"


class Committed(NamedTuple):
    """The input of a commit: the row as it was loaded, where another call has written it since, and as it is now.

    `beside` are the other calls of the same process.
    """

    seconds: int
    set_back: int
    row: Row | None
    loaded: Row | None
    is_stale: bool
    heard: Heard
    beside: tuple[int, ...]


class FirstByte(NamedTuple):
    """The first byte of a request leaves."""

    seconds: int
    set_back: int


class Answered(NamedTuple):
    """A reply, or a failure."""

    seconds: int
    set_back: int
    answer: WireReply | SendFailure


class BrokenOff(NamedTuple):
    """The call is interrupted, and its process lives on."""

    seconds: int
    set_back: int


Input = Committed | FirstByte | Answered | BrokenOff
NO_CONNECTION: Final = SendFailure(Evidence.NOT_SENT, "the connection was refused")
NO_REPLY: Final = SendFailure(Evidence.MAYBE_SENT, "the connection was lost")


class Time:
    """The time of a walk, which every machine shares: all of it passes while the machines sleep.

    So no deadline of a call notices it, and the lease alone has to.
    """

    def __init__(self, *, own_database: bool) -> None:
        self.seconds = 0
        self.set_back = 0
        self._own_database = own_database
        self.clock = Clock(
            monotonic=lambda: 0.0,
            boot=lambda: _UPTIME + self.seconds,
            wall=lambda: _NOON + self.seconds - self.set_back,
            uniform=lambda low, _: low,
            boot_id=lambda: "machine",
        )

    def of_database(self) -> Instant:
        """The time by which the rows are written: of another machine where the database has one."""
        if self._own_database:
            return Instant(_NOON + self.seconds, 5.0 + self.seconds, "database")
        return self.clock.instant()

    def put(self, seconds: int, set_back: int) -> None:
        """Go to a time."""
        self.seconds, self.set_back = seconds, set_back


@dataclass(slots=True, eq=False)
class Call:
    """A call at one point. Nothing changes it but the memory of what follows.

    `request` is the key of the request that it sends (None where there is none), and `attempt` what the ledger counts.
    """

    index: int
    number: int
    kind: Kind
    subject: Subject | None
    inputs: tuple[Input, ...]
    at: At
    request: Any = None
    key: str | None = None
    asked: str | None = None
    change: Change[Any] | None = None
    reservation: Reservation | None = None
    result: Any = None
    is_new_result: bool = False
    next: dict[Input, tuple[Call, Row | None, tuple[Row, ...]]] = field(default_factory=dict)


class _Ledger:
    """What the flows see of the ledger: they hand it each commit as an effect, and what they leave behind."""

    is_immediate = False

    def __init__(self) -> None:
        self.left: HandBack | None = None

    def commit(self, change: Change[Any], seconds: float = 0.0) -> None:
        """Only the accounts are registered so."""

    def hand_back(self, owner: Owner, request: RefundRequest) -> None:
        """Keep what the process has to tell the ledger."""
        self.left = HandBack(owner, request.provider, request.reference)


class Calls:
    """Makes calls at one provider, and leads them on."""

    def __init__(self, provider: str, time: Time, *, attempts: int = 1) -> None:
        self.provider = provider
        self.time = time
        self.made: list[Call] = []
        self.ledger = _Ledger()
        retry = Retry(attempts=attempts, deadline=RETRY.deadline, longest_wait=RETRY.longest_wait)
        with mock.patch("refundry.ledger.opening.opened", return_value=self.ledger):
            self._core = Core(
                [ACCOUNTS[provider]], "send", None, TIMEOUT, retry, None, None, time.clock, Secret("sqlite:////model")
            )

    def start(self, number: int, kind: Kind, subject: Subject | None, seconds: int, set_back: int) -> Call:
        """A call up to its first question to the ledger."""
        return self._made(number, kind, subject, (FirstByte(seconds, set_back),))[0]

    def after(self, call: Call, what: Input) -> tuple[Call, Row | None, tuple[Row, ...]]:
        """The call after an input, with the row and the lines of the history that it writes."""
        found = call.next.get(what)
        if found is None:
            found = call.next[what] = self._made(call.number, call.kind, call.subject, (*call.inputs, what))
        return found

    def seen(self, row: Row | None, seconds: int, set_back: int) -> Entry | None:
        """What a process that holds nothing sees of the reference."""
        if row is None:
            return None
        self.time.put(seconds, set_back)
        store = OneRow(self.time.of_database, row, None)
        view = DatabaseView(store, store.begin(Needs(), 0.0), self.time.clock, Held())
        return view.get(self.provider, REFERENCE)

    def commit(self, change: Change[Any], row: Row | None, seconds: int, set_back: int) -> tuple[Any, Row | None]:
        """Make a change that no call makes, and give its result and the row after it."""
        self.time.put(seconds, set_back)
        store = OneRow(self.time.of_database, row, None)
        result = Session(lambda _: store, self.time.clock, Held()).apply([change], 60.0)[0]
        return result, store.row

    def _made(
        self, number: int, kind: Kind, subject: Subject | None, inputs: tuple[Input, ...]
    ) -> tuple[Call, Row | None, tuple[Row, ...]]:
        run = _Run(self, number, kind, subject, inputs[0])
        for what in inputs[1:]:
            run.give(what)
        call = run.call(len(self.made), inputs)
        self.made.append(call)
        return call, run.row, run.lines

    def flow(self, kind: Kind, subject: Subject | None) -> tuple[Generator[Any, Any, Any], Owner | None]:
        """The flow of production."""
        if kind is Kind.REFUND:
            started = self._core.refund(self.provider, PAYMENT, ASKED, REFERENCE)
            return started.flow, started.owner
        if kind is Kind.RESOLVE:
            asked = self._core.resolve(self.provider, REFERENCE)
            return asked.flow, asked.owner
        assert subject is not None
        name, status = subject
        event = RefundEvent(
            self.provider, "refund", name, PAYMENT, status, "signature", f"{name}/{status}", REFERENCE, ASKED
        )
        return self._core.learn(event), None


class _Run:
    """One run of a flow."""

    def __init__(self, calls: Calls, number: int, kind: Kind, subject: Subject | None, first: Input) -> None:
        self.row: Row | None = None
        self.lines: tuple[Row, ...] = ()
        self._calls = calls
        self._about = number, kind, subject
        self._held = Held()
        self._left: Change[Any] | None = None
        self._effect: Any = None
        self._result: Any = None
        self._is_new_result = False
        self._is_sent = False
        self._calls.time.put(first.seconds, first.set_back)
        self._calls.ledger.left = None
        self._flow, owner = calls.flow(kind, subject)
        if owner is not None:
            owner._token = f"call-{number}"
            owner.lock.acquire()
        self._owner = owner
        self._go_on(None)

    def give(self, what: Input) -> None:
        """Give the flow its next input."""
        self.row, self.lines, self._is_new_result = None, (), False
        self._calls.time.put(what.seconds, what.set_back)
        match what:
            case FirstByte():
                self._effect.request.progress.evidence = Evidence.MAYBE_SENT
                self._is_sent = True
            case Answered():
                self._go_on(what.answer)
            case BrokenOff():
                self._flow.close()
                self._end(None)
            case Committed():
                self._commit(what)

    def call(self, index: int, inputs: tuple[Input, ...]) -> Call:
        """The call at its present point."""
        effect = self._effect
        call = Call(index, *self._about, inputs, self._at(), result=self._result, is_new_result=self._is_new_result)
        call.reservation = self._own()
        if isinstance(effect, Send):
            if effect.request.method == "POST":
                headers = {name.lower(): value for name, value in effect.request.headers}
                call.key = headers.get("idempotency-key")
            else:
                call.asked = effect.request.target
        call.change = self._left or (effect.change if isinstance(effect, Commit) else None)
        return call

    def _at(self) -> At:
        if isinstance(self._effect, Commit):
            return At.LEDGER
        if isinstance(self._effect, Send):
            if self._effect.request.method != "POST":
                return At.ASKING
            return At.SENT if self._is_sent else At.ABOUT_TO_SEND
        return At.OVER if self._left is None else At.LEFT

    def _commit(self, what: Committed) -> None:
        own, held = self._own(), Held()
        beside = [self._calls.made[index].reservation for index in what.beside]
        for one in (own, *beside):
            if one is not None:
                held.keep(one)
        self._held = held
        fails = what.heard is Heard.FAILED
        store = OneRow(
            self._calls.time.of_database,
            what.row,
            what.loaded,
            is_stale=what.is_stale,
            breaks=what.heard is Heard.BROKEN,
            fails=fails,
        )
        session = Session(lambda _: store, self._calls.time.clock, held)
        change = self._left or self._effect.change
        try:
            result = session.apply([change], 60.0)[0]
        except LedgerFailed as failed:
            result = failed
        self.row, self.lines = store.row, tuple(store.lines)
        if self._left is not None:
            self._left = self._left if fails else None
            return
        self._go_on(LedgerFailed("the ledger did not answer in time") if what.heard is Heard.GIVEN_UP else result)

    def _go_on(self, value: Any) -> None:
        self._is_sent = False
        try:
            self._effect = self._flow.send(value)
            while isinstance(self._effect, Sleep):
                self._effect = self._flow.send(None)
        except StopIteration as finished:
            self._end(finished.value)
        except Exception as error:  # noqa: BLE001 (what the caller is told)
            self._end(error)

    def _end(self, result: Any) -> None:
        """Note what the caller is told, and what its process has yet to tell the ledger."""
        self._effect, self._result, self._is_new_result = None, result, True
        if self._owner is not None:
            self._owner.lock.release()
        left, self._calls.ledger.left = self._calls.ledger.left, None
        own = self._own()
        self._left = None if own is None else left or Record(own)

    def _own(self) -> Reservation | None:
        """The reservation of the call, until an outcome is recorded."""
        return None if self._owner is None else self._held.of(self._owner.token)
