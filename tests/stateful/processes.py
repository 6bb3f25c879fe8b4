"""Processes that share a ledger, in one: each has a client of its own, and may be killed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from unittest import mock

from refundry import AsyncRefundClient, RefundClient, Retry
from refundry.clock import SYSTEM
from refundry.sandbox import Request, Sandbox
from refundry.sandbox.faults import Delivery
from refundry.wire import Evidence, SendFailure, WireReply, WireRequest

Result = TypeVar("Result")

_EVIDENCE = {
    Delivery.REFUSED: Evidence.NOT_SENT,
    Delivery.CUT: Evidence.MAYBE_SENT,
    Delivery.HANGING: Evidence.MAYBE_SENT,
}


class Killed(BaseException):
    """The process is killed, or the call is interrupted."""


@dataclass
class Line:
    """The transport of a process: the sandbox, without a socket. `cut` is when the next refund on it is killed."""

    sandbox: Sandbox
    cut: str | None = None
    tells_progress: bool = True

    def send(self, request: WireRequest, timeout: object) -> WireReply | SendFailure:
        """Send a request."""
        del timeout
        cut = self.cut if request.method == "POST" and "tokens" not in request.target else None
        if cut is not None:
            self.cut = None
        if cut == "before the first byte":
            raise Killed
        request.progress.evidence = Evidence.MAYBE_SENT
        if cut == "before it arrives":
            raise Killed
        secret = ((name, one.reveal()) for name, one in request.credentials)
        headers = {name.lower(): value for name, value in (*request.headers, *secret)}
        reply = self.sandbox.handle(Request(request.method, request.target, headers, request.body))
        if cut == "before the reply":
            raise Killed
        if reply.delivery in _EVIDENCE:
            return SendFailure(_EVIDENCE[reply.delivery], reply.delivery.value)
        body = reply.body[: len(reply.body) // 2] if reply.delivery is Delivery.HALF else reply.body
        headers_of_reply = tuple((name.lower(), value) for name, value in reply.headers)
        return WireReply(reply.status, headers_of_reply, body, complete=reply.delivery is not Delivery.HALF)

    async def asend(self, request: WireRequest, timeout: object) -> WireReply | SendFailure:
        """Send a request."""
        return self.send(request, timeout)


@dataclass
class Process:
    """A process with a client. `ask` calls a method of the client, whichever kind it is."""

    sandbox: Sandbox
    ledger: str | None
    is_async: bool
    line: Line = field(init=False)
    client: Any = field(init=False)
    _runner: asyncio.Runner | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.line = Line(self.sandbox)
        accounts = [one for one in self.sandbox.accounts() if one.name != "lab4pay"]
        options: dict[str, Any] = {"ledger": self.ledger, "transport": self.line}
        options["retry"] = Retry(attempts=2, deadline=10.0, first_wait=0.001, longest_wait=0.002)
        if self.is_async:
            self._runner = asyncio.Runner()
            self.client = AsyncRefundClient(accounts, **options)
        else:
            self.client = RefundClient(accounts, **options)

    def ask(self, method: str, *arguments: Any, **named: Any) -> Any:
        """Call a method: `ledger.find` is one of the client's ledger."""
        found: Callable[..., Any] = self.client
        for name in method.split("."):
            found = getattr(found, name)
        if self._runner is None:
            return found(*arguments, **named)

        async def asked() -> Any:
            return await found(*arguments, **named)

        return self._runner.run(asked())

    def kill(self) -> None:
        """See that nothing of the process reaches the ledger any more. Say so before the call that kills it."""
        self.client._core.ledger.hand_back = lambda *_: None

    def close(self) -> None:
        """End in order."""
        self.ask("aclose" if self.is_async else "close")
        if self._runner is not None:
            self._runner.close()


@dataclass
class Sleep:
    """By how many seconds the clocks of the machine are ahead: it has slept."""

    seconds: float = 0.0


@contextmanager
def sleeping() -> Iterator[Sleep]:
    """Let the machine sleep when the test says so. What measures how long a call takes notices nothing."""
    sleep, wall, boot = Sleep(), SYSTEM.wall, SYSTEM.boot

    def later_wall() -> float:
        return wall() + sleep.seconds

    def later_boot() -> float:
        return boot() + sleep.seconds

    with mock.patch.multiple(SYSTEM, wall=later_wall, boot=later_boot):
        yield sleep


def now() -> float:
    """The wall time of the machine."""
    return SYSTEM.wall()
