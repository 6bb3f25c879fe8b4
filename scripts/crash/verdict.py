"""Compares, reference by reference, what was refunded with what the ledger says and what the workers were told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from refundry import LedgerEntry
from refundry.sandbox import Fault
from scripts.crash.plan import DEDUPLICATING, TIMEOUT, Book, CallLine, Fate, Wish

# The sandbox notes when a request has come, and the wall clock of the machine may be adjusted between two processes.
_GRAIN: Final = 0.005


@dataclass(slots=True)
class Case:
    """All that is known of one reference."""

    wish: Wish
    book: Book
    entry: LedgerEntry | None
    calls: list[CallLine] = field(default_factory=list)

    @property
    def state(self) -> str:
        """Its state in the ledger."""
        return "missing" if self.entry is None else self.entry.state

    @property
    def executed(self) -> int:
        """How often money was given back."""
        return len(self.book.executed)

    @property
    def explains_unknown(self) -> bool:
        """Whether a worker was killed while it had the reference, a reply was lost, or a call ran out of time."""
        return self.wish.fate.cuts or any(
            call.told is None or call.ended is None or call.ended - call.began >= TIMEOUT.total for call in self.calls
        )

    @property
    def attempts(self) -> int:
        """The most attempts that the provider tells apart: only one that it declined may be followed by another.

        A worker that was killed has not said what its attempt ended as.
        """
        declines = self.wish.fate.fault is Fault.DECLINED
        return 1 + declines * sum(call.told is None or call.told.outcome == "RefundRejected" for call in self.calls)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The figures of a run, and a story for each reference that is wrong."""

    figures: Mapping[str, int]
    stories: Sequence[str]


def judge(
    wishes: Iterable[Wish],
    books: Mapping[str, Book],
    entries: Mapping[str, LedgerEntry | None],
    calls: Iterable[CallLine],
) -> Verdict:
    """Account for every reference."""
    cases = {wish.reference: Case(wish, books[wish.payment_id], entries.get(wish.reference)) for wish in wishes}
    for call in calls:
        cases[call.reference].calls.append(call)
    figures = Counter({"accepted": 0, "unknown": 0, "free": 0, "executed twice": 0, "lost": 0, "wrong": 0})
    stories: list[str] = []
    for case in cases.values():
        problems = wrong(case)
        figures[case.state] += 1
        figures["executed twice"] += case.executed > 1
        figures["lost"] += is_lost(case)
        figures["wrong"] += bool(problems)
        if problems:
            stories.append(story(case, problems))
    return Verdict(figures, stories)


def is_lost(case: Case) -> bool:
    """Whether money moved that the ledger says nothing of, or did not move where it says so."""
    return case.state not in {0: ("free", "unknown")}.get(case.executed, ("accepted", "unknown"))


def wrong(case: Case) -> list[str]:
    """What is wrong with a reference; nothing where all agree."""
    wish, state = case.wish, case.state
    told = [call.told for call in case.calls if call.told is not None]
    problems = {
        f"it was executed {case.executed} times": case.executed > 1,
        f"the ledger says {state}, and it was executed {case.executed} times": is_lost(case),
        f"the ledger ends with {state}": state not in ("accepted", "unknown", "free"),
        "it is unknown, and no worker was killed, no reply lost and no time over": (
            state == "unknown" and not case.explains_unknown
        ),
        "it is unknown, and the provider would have known its key again": (
            state == "unknown" and wish.provider in DEDUPLICATING
        ),
        "a caller learnt that it was accepted, and it was not executed": (
            not case.executed and any(one.is_accepted for one in told)
        ),
        "a caller learnt that it was accepted, and the ledger has forgotten it": (
            state != "accepted" and any(one.is_accepted and one.recorded for one in told)
        ),
        "it was free at the end, and its provider would not have declined it": (
            state == "free" and wish.fate is not Fate.ALWAYS_DECLINED
        ),
        "it was executed by no call that was killed, or whose caller learnt so or that it is unknown": not all(
            any(_may_have(call, at) for call in case.calls) for at in case.book.executed
        ),
        f"{case.book.arrived} requests arrived, and the provider knows none again": (
            wish.provider not in DEDUPLICATING and case.book.arrived > case.attempts
        ),
        f"it was sent under {len(case.book.keys)} keys": len(case.book.keys) > case.attempts,
    }
    return [text for text, holds in problems.items() if holds]


def _may_have(call: CallLine, at: float) -> bool:
    """Whether this call may have executed the refund then: a request arrives after a worker was killed, too."""
    return call.began - _GRAIN <= at and (call.told is None or call.told.may_have_sent)


def story(case: Case, problems: Sequence[str]) -> str:
    """What happened to a reference, in the order of time."""
    wish = case.wish
    lines: list[tuple[float, str]] = [(at, "the provider executed it") for at in case.book.executed]
    for call in case.calls:
        lines.append((call.began, "a worker began a call"))
        if call.told is not None and call.ended is not None:
            replayed = ", replayed" if call.told.replayed else ""
            since = call.ended - call.began
            told = f"{call.told.outcome}{replayed} {call.told.text}".strip()
            lines.append((call.ended, f"the call of {since:.3f} s before was told {told}"))
        else:
            lines.append((call.began, "... and was killed before it was told anything"))
    written = [f"    {datetime.fromtimestamp(at, UTC):%H:%M:%S.%f} {text}" for at, text in sorted(lines)]
    head = f"{wish.reference} at {wish.provider} ({wish.fate.name.lower().replace('_', ' ')}): {'; '.join(problems)}"
    return "\n".join([head, *written, f"    The ledger says {case.state}."])
