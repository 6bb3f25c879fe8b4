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


Effect = Send | Sleep | WaitFor
Result = TypeVar("Result")
Flow = Generator[Effect, Any, Result]
