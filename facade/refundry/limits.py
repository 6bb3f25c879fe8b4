"""How long a call may take and how often it may send: Timeout for one attempt, Retry for the whole call.

Whether a refund may be sent again is decided in `outcome`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from refundry.clock import SYSTEM, Clock
from refundry.errors import InvalidRefund
from refundry.wire import WireReply, http_date

_A_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Timeout:
    """How long to wait, in seconds: to connect, for each read and write, and for one attempt as a whole.

    RefundClient cannot bound how long the system takes to look up the address of a host; AsyncRefundClient does.
    Raises InvalidRefund for a value that is not a number of seconds above zero, or is more than a day.
    """

    connect: float = 5.0
    read: float = 30.0
    total: float = 60.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            check_seconds(getattr(self, name), f"the {name} timeout", "timeout")


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a call may send in all, and how long it may take. Retry(attempts=1) never sends again.

    A refund is sent again only where nothing was executed, or where the provider de-duplicates it. A question for a
    state and a fetch of a token change nothing, and are repeated as often. `deadline` bounds the whole call, in
    seconds: its attempts, the waits between them, and the access token. The wait doubles from `first_wait` up to
    `longest_wait`, and a random part of it, up to a half, is left out. A longer Retry-After of the provider is waited
    for, or, where it goes past the deadline, ends the call. Raises InvalidRefund for a value that is not such a number.
    """

    attempts: int = 3
    deadline: float = 120.0
    first_wait: float = 0.5
    longest_wait: float = 20.0

    def __post_init__(self) -> None:
        if type(self.attempts) is not int or not 0 < self.attempts <= 100:
            raise InvalidRefund("the attempts of a retry are an int from 1 to 100", field="retry")
        for name in ("deadline", "first_wait", "longest_wait"):
            check_seconds(getattr(self, name), f"the {name} of a retry", "retry")

    def wait(self, attempt: int, retry_after: float | None, clock: Clock = SYSTEM) -> float:
        """The seconds to wait after this attempt, counted from 1."""
        longest = min(self.first_wait * 2 ** (attempt - 1), self.longest_wait)
        return max(jittered(longest, clock), retry_after or 0.0)


def window_margin(retry: Retry) -> float:
    """What is taken off an idempotency window, so that no attempt which was allowed within it arrives after it."""
    return retry.deadline + retry.longest_wait


def check_seconds(value: Any, what: str, field: str) -> None:
    """Raise InvalidRefund unless this is a number of seconds above zero, and no more than a day."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _A_DAY:
        raise InvalidRefund(f"{what} is a number of seconds above zero, and no more than a day", field=field)


def jittered(wait: float, clock: Clock) -> float:
    """At least half of the wait: callers that failed together do not come back together."""
    return clock.uniform(wait / 2, wait)


def retry_after(reply: WireReply, clock: Clock) -> float | None:
    """The seconds for which the reply asks for no further request, or None. A number or a date (RFC 9110, 10.2.3).

    A date counts from the reply's own Date where it has one, for the two clocks may differ.
    """
    value = (reply.header("retry-after") or "").strip()
    if value.isascii() and value.isdigit():
        return float(min(int(value[:9]), _A_DAY))
    until = http_date(value)
    if until is None:
        return None
    now = http_date(reply.header("date") or "")
    return min(max(until - (clock.wall() if now is None else now), 0.0), float(_A_DAY))
