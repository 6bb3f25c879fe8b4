"""The share of each part of refundry in the time of a call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from cProfile import Profile
from typing import Final

# The first part that has a piece of a file's path is the part of that file.
_PARTS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("transport", ("/refundry/transport/", "/refundry/wire.py")),
    ("reading and writing messages", ("/refundry/providers/", "/refundry_paybyrd/", "/json/")),
    ("ledger", ("/refundry/ledger/", "/refundry/owner.py", "/refundry/clock.py")),
    ("policy and flow", ("/refundry/",)),
    ("event loop", ("/asyncio/",)),
)
_REST: Final = "the rest"


def part_of(path: str) -> str:
    """The part that a file belongs to."""
    path = path.replace("\\", "/")
    return next((part for part, pieces in _PARTS if any(piece in path for piece in pieces)), _REST)


def shares(call: Callable[[int], None], calls: int) -> dict[str, float]:
    """The share of each part in the time of the calls, the largest first.

    The time within a function of C, a system call among them, counts for the part that calls it. The profiler slows
    down small functions more than large ones, so the shares are rough.
    """
    profile = Profile(builtins=False)
    profile.runcall(call, calls)
    spent: defaultdict[str, float] = defaultdict(float)
    for entry in profile.getstats():
        if not isinstance(entry.code, str):
            spent[part_of(entry.code.co_filename)] += entry.inlinetime
    whole = sum(spent.values())
    return {part: seconds / whole for part, seconds in sorted(spent.items(), key=lambda item: -item[1])}


def in_words(parts: Mapping[str, float]) -> str:
    """The shares in one line."""
    return ", ".join(f"{part} {share:.0%}" for part, share in parts.items())
