"""What the steps of a call ask of the client that drives them: to send, to wait, or to wait for another call.

The steps are generators. They do no I/O, so that a thread and an event loop drive the very same ones.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

    from refundry.wire import Timeout, WireRequest


@dataclass(slots=True)
class Send:
    """Send this request. Is answered with a WireReply or a SendFailure."""

    request: WireRequest
    timeout: Timeout


@dataclass(slots=True)
class Sleep:
    """Wait for so many seconds."""

    seconds: float


@dataclass(slots=True)
class WaitFor:
    """Wait for what another call is about to learn. Is answered with that, or with None after so many seconds."""

    future: Future[Any]
    seconds: float


Effect = Send | Sleep | WaitFor
Result = TypeVar("Result")
Flow = Generator[Effect, Any, Result]
