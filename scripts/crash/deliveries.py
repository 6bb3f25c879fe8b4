"""A queue that delivers each reference at least twice, and again until its outcome is final."""

from __future__ import annotations

import heapq
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from scripts.crash.plan import Fate, Told, Wish

TELLINGS: Final = 2
"""How many deliveries of a reference have to end with its final outcome."""
_DISTANCE: Final = 40
_SECONDS_BEFORE_ANY_OTHER: Final = 0.3
_SECONDS_BEFORE_AGAIN: Final = {"RefundInProgress": 2.0}
"""By what a delivery has ended with: after a worker was killed, its lease has to be waited for."""


class Deliveries:
    """The deliveries to come. Workers' threads share it.

    Each reference is in it twice from the beginning, and so close together that two workers often have it at once.
    """

    def __init__(self, wishes: Sequence[Wish], seed: int) -> None:
        chance = random.Random(f"deliveries/{seed}")
        self._lock = threading.Lock()
        self._tellings: Counter[str] = Counter()
        self._left = len(wishes)
        self._numbers = itertools.count()
        first = [(float(place), wish) for place, wish in enumerate(wishes)]
        again = [(place + chance.uniform(0, _DISTANCE), wish) for place, wish in first]
        # By when it may be taken: all of these at once, in their order.
        self._heap = [(0.0, next(self._numbers), wish) for _, wish in sorted([*first, *again], key=lambda one: one[0])]
        self.progressed_at = time.monotonic()

    @property
    def left(self) -> int:
        """How many references have not ended."""
        return self._left

    @property
    def has_new(self) -> bool:
        """Whether a reference waits that no worker has had yet."""
        with self._lock:
            return bool(self._heap) and self._heap[0][0] == 0.0

    def take(self, most: int) -> list[Wish]:
        """References whose time has come."""
        with self._lock:
            now, taken = time.monotonic(), list[Wish]()
            while len(taken) < most and self._heap and self._heap[0][0] <= now:
                taken.append(heapq.heappop(self._heap)[2])
            return taken

    def give_back(self, wishes: Iterable[Wish], after: float = _SECONDS_BEFORE_ANY_OTHER) -> None:
        """Deliver these again, for their worker has not said what became of them, or nothing final."""
        with self._lock:
            for wish in wishes:
                heapq.heappush(self._heap, (time.monotonic() + after, next(self._numbers), wish))

    def told(self, wish: Wish, told: Told) -> None:
        """Take what a delivery has ended with."""
        with self._lock:
            has_ended = self._tellings[wish.reference] >= TELLINGS
            if not has_ended and is_final(wish, told):
                self._tellings[wish.reference] += 1
                self.progressed_at = time.monotonic()
                has_ended = self._tellings[wish.reference] >= TELLINGS
                self._left -= has_ended
        if not has_ended:
            self.give_back([wish], _SECONDS_BEFORE_AGAIN.get(told.outcome, _SECONDS_BEFORE_ANY_OTHER))


def is_final(wish: Wish, told: Told) -> bool:
    """Whether the same call would end the same way from now on."""
    if told.outcome == "RefundRejected":
        return wish.fate is Fate.ALWAYS_DECLINED
    return told.is_accepted or (told.outcome == "OutcomeUnknown" and told.resend == "NEVER")
