"""What happened in an episode: lines that a person reads, and a digest by which two runs are compared."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from refundry import Refund, RefundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scripts.simulate.chance import Order

_VALUES: Final = frozenset({str, int, float, bool, type(None)})
Line = tuple[float, int, str, tuple[Any, ...]]
_CHANGES: Final = {
    "Reserve": "reserves the reference",
    "Record": "records its outcome",
    "Inspect": "reads the entry",
    "InspectArchived": "reads the archive",
    "IsOfAnother": "looks whether the refund is another's",
    "Learn": "records what the provider says",
    "Find": "finds the refund",
}


class Story:
    """The lines of an episode. Number 0 stands for no order."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.counted: Counter[str] = Counter()

    def count(self, what: str) -> None:
        """Count what has no line of its own."""
        self.counted[what] += 1

    def tell(self, now: float, order: Order | None, what: str, *details: object) -> None:
        """Add a line."""
        self.counted[what] += 1
        self.lines.append((now, 0 if order is None else order.number, what, (*map(_plain, details),)))

    def digest(self) -> int:
        """A number that is the same for the same lines."""
        return int.from_bytes(blake2b(repr(self.lines).encode(), digest_size=8).digest(), "big")

    def of(self, order: Order | None) -> list[str]:
        """The sentences about an order, and about what concerns every order; all of them without one."""
        told = [line for line in self.lines if order is None or line[1] in (0, order.number)]
        return [
            f"{now:12.3f} s  {_about(number, order)}{_SENTENCES[what](*details)}" for now, number, what, details in told
        ]


def _plain(detail: object) -> Any:
    """A detail as a value that nothing changes afterwards."""
    kind = type(detail)
    if kind in _VALUES:
        return detail
    if kind is Refund:
        assert isinstance(detail, Refund)
        return f"{detail.status}{', replayed' * detail.replayed}{', not recorded' * (not detail.recorded)}"
    if isinstance(detail, RefundError):
        return f"{kind.__name__}: {detail}"
    if isinstance(detail, str):
        return str(detail)
    return getattr(detail, "name", kind.__name__)


def _about(number: int, order: Order | None) -> str:
    return "" if order is not None or not number else f"order-{number}: "


_SENTENCES: Final[dict[str, Callable[..., str]]] = {
    "begins": lambda call, worker: f"{call} begins in {worker}",
    "ends": lambda call, result: f"{call} ends: {result}",
    "commits": lambda call, change, trouble: (
        f"{call} {_CHANGES.get(change, change)}{'' if trouble is None else f'; {trouble}'}"
    ),
    "sweeps": lambda worker, is_done: f"{worker} writes what nobody waits for{'' if is_done else '; in vain'}",
    "is killed": lambda worker: f"{worker} is killed",
    "is interrupted": lambda call: f"{call} is interrupted; its worker lives on",
    "sleeps": lambda machine, seconds: f"{machine} sleeps for {seconds:.0f} seconds",
    "is set": lambda machine, seconds: f"the wall clock of {machine} is set by {seconds:+.0f} seconds",
    "starts again": lambda machine: f"{machine} starts again",
    "expire": lambda: "every token expires",
    "decides": lambda executed, is_wrong: (
        f"a person decides: {'executed' if executed else 'not executed'}, and is {'wrong' if is_wrong else 'right'}"
    ),
    "is lost": lambda call, _: f"the request of {call} is lost on its way",
    "is late": lambda call, seconds: f"the request of {call} will take {seconds:.1f} seconds",
    "arrives": lambda call, method, fault, status: (
        f"the {method} of {call} arrives, and is answered {status}{'' if fault is None else f' ({fault})'}"
    ),
    "reply lost": lambda call: f"the reply to {call} is lost",
    "executes": lambda call, refund_id: f"the provider has executed {refund_id[:8]} for {call}",
    "settles": lambda refund_id, state: f"the provider ends {refund_id[:8]}: {state}",
}
