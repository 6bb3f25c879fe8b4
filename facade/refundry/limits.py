"""When to send again, and how long to wait before it. Whether it is safe is not decided here, but in `outcome`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from refundry.errors import InvalidRefund
from refundry.wire import SECONDS_OF_A_DAY, WireReply, http_date


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a call may send in all, and how long it may take. Retry(attempts=1) never sends again.

    A refund is sent again only where nothing was executed, or the provider de-duplicates it; what is only asked, such
    as a state or a token, is asked again as often. `deadline` bounds the whole call, in seconds: its attempts, the
    waits between them, and the access token. The wait doubles from `first_wait` up to `longest_wait`, and a random
    part of it, up to a half, is left out. A longer Retry-After of the provider is waited for, or, where it goes past
    the deadline, not sent again. Raises InvalidRefund for what is no such number.
    """

    attempts: int = 3
    deadline: float = 120.0
    first_wait: float = 0.5
    longest_wait: float = 20.0

    def __post_init__(self) -> None:
        if type(self.attempts) is not int or not 0 < self.attempts <= 100:
            raise InvalidRefund("the attempts of a retry are an int from 1 to 100", field="retry")
        for name in ("deadline", "first_wait", "longest_wait"):
            seconds(getattr(self, name), f"the {name} of a retry", "retry")

    def wait(self, attempt: int, retry_after: float | None) -> float:
        """For how many seconds to wait after this attempt, counted from 1."""
        return max(jittered(min(self.first_wait * 2 ** (attempt - 1), self.longest_wait)), retry_after or 0.0)


def seconds(value: Any, what: str, field: str) -> None:
    """Raise InvalidRefund unless this is a number of seconds above zero, and no more than a day."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= SECONDS_OF_A_DAY:
        raise InvalidRefund(f"{what} is a number of seconds above zero, and no more than a day", field=field)


def jittered(wait: float) -> float:
    """At least half of the wait, so that those who failed together do not come back together."""
    from random import uniform  # slow to import, and only needed once something has failed

    return uniform(wait / 2, wait)


def retry_after(reply: WireReply) -> float | None:
    """For how many seconds the reply asks not to be sent to, or None. In seconds or as a date (RFC 9110, 10.2.3).

    A date counts from the reply's own Date where it has one, for the two clocks may differ.
    """
    value = (reply.header("retry-after") or "").strip()
    if value.isascii() and value.isdigit():
        return float(min(int(value[:9]), SECONDS_OF_A_DAY))
    until = http_date(value)
    if until is None:
        return None
    now = http_date(reply.header("date") or "")
    if now is None:
        from time import time

        now = time()
    return min(max(until - now, 0.0), float(SECONDS_OF_A_DAY))
