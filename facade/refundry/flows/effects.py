"""What a flow asks of its driver: to send, to sleep, or to wait for another call.

A flow is a generator. It yields effects and is sent their results, and it does no I/O, so a thread and an event loop
drive the very same flows (`flows.run`).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

    from refundry.ledger.changes import Change, Ledger
    from refundry.limits import Timeout
    from refundry.wire import WireRequest


@dataclass(slots=True)
class Send:
    """Send this request. Its result is a WireReply or a SendFailure."""

    request: WireRequest
    timeout: Timeout


@dataclass(slots=True)
class Sleep:
    """Sleep for so many seconds. Its result is None."""

    seconds: float


@dataclass(slots=True)
class WaitFor:
    """Wait for a future that another call completes. Its result is the future's, or None after so many seconds."""

    future: Future[Any]
    seconds: float


@dataclass(slots=True)
class Commit:
    """Make a change of a ledger that is not immediate. Its result is the change's, or the exception instead of one."""

    ledger: Ledger
    change: Change[Any]
    seconds: float


Effect = Send | Sleep | WaitFor | Commit
Result = TypeVar("Result")
Flow = Generator[Effect, Any, Result]


def committed(ledger: Ledger, change: Change[Result], seconds: float) -> Flow[Result]:
    """Make a change of the ledger within so many seconds. Gives what the change gives, and raises what it raises."""
    if ledger.is_immediate:
        return ledger.commit(change)
    result = yield Commit(ledger, change, seconds)
    if isinstance(result, Exception):
        raise result
    committed_result: Result = result
    return committed_result
