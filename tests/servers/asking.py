"""Many refunds and the questions about them, asked through each kind of client; what was told beside what was done."""

import asyncio
import ssl
import uuid
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import uvloop

from refundry import (
    Account,
    AsyncRefundClient,
    Blink,
    Money,
    Paybyrd,
    Refund,
    RefundClient,
    RefundError,
    RefundRejected,
    RefundStatus,
    Retry,
)
from tests.servers.provider import PLANS, plan_of, read_book

THREADS: Final = 8
AT_ONCE: Final = 64
PROVIDERS: Final = ("paybyrd", "blink")
_MIX: Final = ("done", "later", "undone", "done", "refused")
_QUESTIONS: Final = {plan: len(PLANS[plan].words) for plan in PLANS}
_STATES: Final = {"Success": RefundStatus.SUCCEEDED, "Processing": RefundStatus.PENDING, "Denied": RefundStatus.FAILED}


@dataclass(frozen=True, slots=True)
class Wish:
    """One refund to ask for."""

    provider: str
    payment_id: str
    amount: Money
    reference: str

    @property
    def arguments(self) -> dict[str, Any]:
        """What `refund` takes beside the provider."""
        return {"payment_id": self.payment_id, "amount": self.amount, "reference": self.reference}

    @property
    def questions(self) -> int:
        """How often it is asked about, once it is accepted."""
        return _QUESTIONS[plan_of(self.payment_id)]


def wish(plan: str, number: int, provider: str = "paybyrd") -> Wish:
    """Return a refund that goes by a plan; no other has its payment and its reference."""
    currency = "GBP" if provider == "blink" else "EUR"
    name = uuid.uuid4()
    return Wish(provider, f"{plan}-{name}", Money.from_minor(100 + number, currency), f"order-{name}/{number}")


def wishes(count: int, providers: Sequence[str] = ("paybyrd",)) -> list[Wish]:
    """Return refunds of every plan that is answered at once, each of another amount."""
    return [
        wish(_MIX[number % len(_MIX)], number, providers[number // len(_MIX) % len(providers)])
        for number in range(count)
    ]


def accounts(base_url: str) -> list[Account]:
    """Return the accounts at a server."""
    return [
        Paybyrd(api_key="test-key", base_url=base_url),
        Blink(api_key="test-key", secret_key="test-secret", base_url=base_url),
    ]


Told = Refund | RefundError
Result = tuple[Told, ...]
"""What was told of one refund: first of the request, then of each question."""


class Calls(ABC):
    """Asks at a server through one client. Close it, or use it in a `with`."""

    @abstractmethod
    def ask(self, wanted: Sequence[Wish], *, questions: bool = True) -> list[Result]:
        """Ask for all of them, many at once, and, unless told otherwise, about each that is accepted."""

    @abstractmethod
    def close(self) -> None:
        """Close the client."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Threads(Calls):
    """RefundClient, shared by several threads."""

    def __init__(self, base_url: str, trusting: ssl.SSLContext, retry: Retry) -> None:
        self._client = RefundClient(accounts(base_url), ssl_context=trusting, retry=retry)

    def ask(self, wanted: Sequence[Wish], *, questions: bool = True) -> list[Result]:
        """As Calls.ask."""
        with ThreadPoolExecutor(THREADS) as threads:
            return [*threads.map(lambda one: self._one(one, questions), wanted)]

    def _one(self, wanted: Wish, questions: bool) -> Result:
        told: list[Told] = []
        try:
            told.append(self._client.refund(wanted.provider, **wanted.arguments))
            for _ in range(wanted.questions if questions else 0):
                told.append(self._client.lookup(_known(told)))
        except RefundError as error:
            told.append(error)
        return tuple(told)

    def close(self) -> None:
        """Close the client."""
        self._client.close()


class Tasks(Calls):
    """AsyncRefundClient, shared by 64 tasks of an event loop of asyncio's."""

    def __init__(
        self,
        base_url: str,
        trusting: ssl.SSLContext,
        retry: Retry,
        make_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    ) -> None:
        self._runner = asyncio.Runner(loop_factory=make_loop)
        self._client = AsyncRefundClient(accounts(base_url), ssl_context=trusting, retry=retry)

    def ask(self, wanted: Sequence[Wish], *, questions: bool = True) -> list[Result]:
        """As Calls.ask."""
        return self._runner.run(self._all(wanted, questions))

    async def _all(self, wanted: Sequence[Wish], questions: bool) -> list[Result]:
        results: list[Result] = [()] * len(wanted)
        left = iter(enumerate(wanted))

        async def work() -> None:
            for place, one in left:
                results[place] = await self._one(one, questions)

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        return results

    async def _one(self, wanted: Wish, questions: bool) -> Result:
        told: list[Told] = []
        try:
            told.append(await self._client.refund(wanted.provider, **wanted.arguments))
            for _ in range(wanted.questions if questions else 0):
                told.append(await self._client.lookup(_known(told)))
        except RefundError as error:
            told.append(error)
        return tuple(told)

    def close(self) -> None:
        """Close the client and its loop."""
        self._runner.run(self._client.aclose())
        self._runner.close()


class TasksOfUvloop(Tasks):
    """AsyncRefundClient, shared by 64 tasks of an event loop of uvloop's."""

    def __init__(self, base_url: str, trusting: ssl.SSLContext, retry: Retry) -> None:
        super().__init__(base_url, trusting, retry, uvloop.new_event_loop)


ONCE: Final = Retry(attempts=1)
"""Nothing is sent again, which would hide that it went wrong the first time."""
CLIENTS: Final[Mapping[str, Callable[[str, ssl.SSLContext, Retry], Calls]]] = {
    "threads": Threads,
    "asyncio": Tasks,
    "uvloop": TasksOfUvloop,
}


def _known(told: Sequence[Told]) -> Refund:
    known = told[-1]
    assert isinstance(known, Refund)
    return known


# What was told, beside what the provider did: one step for the request and one for each question.

Step = tuple[str, str | None, int | None, str | None]
"""A state or the name of an exception, the payment, the amount in minor units, and the refund's id."""


@dataclass(frozen=True, slots=True)
class Deeds:
    """What a provider did about one payment: how often it was asked, each refund that it made, each word it told."""

    arrived: int
    refunds: tuple[Mapping[str, Any], ...]
    words: tuple[str, ...]


def deeds(book: Path) -> Mapping[str, Deeds]:
    """Return what a provider did, by payment."""
    by_payment: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in read_book(book):
        by_payment[line.get("payment", "")].append(line)
    return defaultdict(
        lambda: Deeds(0, (), ()),
        {
            payment: Deeds(
                sum(line["did"] == "arrived" for line in lines),
                tuple(line for line in lines if line["did"] == "refund"),
                tuple(line["word"] for line in lines if line["did"] == "told"),
            )
            for payment, lines in by_payment.items()
        },
    )


def steps_told(result: Result) -> list[Step]:
    """Return what was told of one refund."""
    return [_step_told(one) for one in result]


def _step_told(one: Told) -> Step:
    if isinstance(one, Refund):
        units = None if one.amount is None else one.amount.minor_units
        return one.status.name, one.payment_id, units, one.refund_id
    if isinstance(one, RefundRejected):
        return f"RefundRejected {one.reason.name}", None, None, None
    return f"{type(one).__name__}: {one}", None, None, None


def steps_done(wanted: Wish, did: Deeds) -> list[Step]:
    """Return what the provider did about one refund that it was asked for once."""
    plan = PLANS[plan_of(wanted.payment_id)]
    if plan.status == 400:
        reason = {"paybyrd": "EXCEEDS_REMAINING", "blink": "INVALID"}[wanted.provider]
        return [(f"RefundRejected {reason}", None, None, None)] if not did.refunds else []
    if len(did.refunds) != 1:
        return []
    (refund,) = did.refunds
    first = RefundStatus.SUCCEEDED if plan.status == 200 else RefundStatus.PENDING
    # What Paybyrd accepts for later has no id yet but that of the request.
    refund_id = None if plan.status == 202 and wanted.provider == "paybyrd" else refund["id"]
    return [
        (first.name, refund["payment"], refund["units"], refund_id),
        *((_STATES[word].name, refund["payment"], refund["units"], refund["id"]) for word in did.words),
    ]


def differences(wanted: Sequence[Wish], results: Sequence[Result], book: Path) -> str:
    """Return how what was told differs from what was done, in words; nothing where all is the same."""
    did = deeds(book)
    wrong = []
    for one, result in zip(wanted, results, strict=True):
        told, done, arrived = steps_told(result), steps_done(one, did[one.payment_id]), did[one.payment_id].arrived
        if told != done or arrived != 1:
            wrong.append((told, done, arrived))
    if not wrong:
        return ""
    kinds = Counter(f"{told[-1][0].partition(':')[0]}, arrived {arrived} times" for told, _, arrived in wrong)
    first = "".join(f"\n  told {told}\n  done {done}, arrived {arrived} times" for told, done, arrived in wrong[:3])
    return f"{len(wrong)} of {len(wanted)}: {dict(kinds)}{first}"
