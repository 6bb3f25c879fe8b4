"""Many refunds and their lookups through each kind of client, compared with the provider's own record."""

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
_LOOKUPS: Final = {plan: len(PLANS[plan].words) for plan in PLANS}
_STATES: Final = {"Success": RefundStatus.SUCCEEDED, "Processing": RefundStatus.PENDING, "Denied": RefundStatus.FAILED}


@dataclass(frozen=True, slots=True)
class Wish:
    """One refund to request."""

    provider: str
    payment_id: str
    amount: Money
    reference: str

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `refund` beside the provider."""
        return {"payment_id": self.payment_id, "amount": self.amount, "reference": self.reference}

    @property
    def lookups(self) -> int:
        """The number of lookups once it is accepted."""
        return _LOOKUPS[plan_of(self.payment_id)]


def wish(plan: str, number: int, provider: str = "paybyrd") -> Wish:
    """Return a refund that follows a plan, with a payment and a reference of its own."""
    currency = "GBP" if provider == "blink" else "EUR"
    name = uuid.uuid4()
    return Wish(provider, f"{plan}-{name}", Money.from_minor(100 + number, currency), f"order-{name}/{number}")


def wishes(count: int, providers: Sequence[str] = ("paybyrd",)) -> list[Wish]:
    """Return refunds of every plan that answers at once, each with a different amount."""
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


Report = Refund | RefundError
Result = tuple[Report, ...]
"""The reports of a client about one refund: first of its request, then of each lookup."""


class Calls(ABC):
    """Sends refunds and lookups to a server through one client. Close it, or use it in a `with`."""

    @abstractmethod
    def ask(self, wanted: Sequence[Wish], *, lookups: bool = True) -> list[Result]:
        """Request all refunds, many at once, and look up each accepted one unless `lookups` is False."""

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

    def ask(self, wanted: Sequence[Wish], *, lookups: bool = True) -> list[Result]:
        """Do the same as Calls.ask."""
        with ThreadPoolExecutor(THREADS) as threads:
            return [*threads.map(lambda one: self._one(one, lookups), wanted)]

    def _one(self, wanted: Wish, lookups: bool) -> Result:
        reported: list[Report] = []
        try:
            reported.append(self._client.refund(wanted.provider, **wanted.arguments))
            for _ in range(wanted.lookups if lookups else 0):
                reported.append(self._client.lookup(_known(reported)))
        except RefundError as error:
            reported.append(error)
        return tuple(reported)

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

    def ask(self, wanted: Sequence[Wish], *, lookups: bool = True) -> list[Result]:
        """Do the same as Calls.ask."""
        return self._runner.run(self._all(wanted, lookups))

    async def _all(self, wanted: Sequence[Wish], lookups: bool) -> list[Result]:
        results: list[Result] = [()] * len(wanted)
        left = iter(enumerate(wanted))

        async def work() -> None:
            for place, one in left:
                results[place] = await self._one(one, lookups)

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        return results

    async def _one(self, wanted: Wish, lookups: bool) -> Result:
        reported: list[Report] = []
        try:
            reported.append(await self._client.refund(wanted.provider, **wanted.arguments))
            for _ in range(wanted.lookups if lookups else 0):
                reported.append(await self._client.lookup(_known(reported)))
        except RefundError as error:
            reported.append(error)
        return tuple(reported)

    def close(self) -> None:
        """Close the client and its loop."""
        self._runner.run(self._client.aclose())
        self._runner.close()


class TasksOfUvloop(Tasks):
    """AsyncRefundClient, shared by 64 tasks of an event loop of uvloop's."""

    def __init__(self, base_url: str, trusting: ssl.SSLContext, retry: Retry) -> None:
        super().__init__(base_url, trusting, retry, uvloop.new_event_loop)


ONCE: Final = Retry(attempts=1)
"""No retries: a retry would hide a failure of the first attempt."""
CLIENTS: Final[Mapping[str, Callable[[str, ssl.SSLContext, Retry], Calls]]] = {
    "threads": Threads,
    "asyncio": Tasks,
    "uvloop": TasksOfUvloop,
}


def _known(reported: Sequence[Report]) -> Refund:
    known = reported[-1]
    assert isinstance(known, Refund)
    return known


# The reports beside the record: one step for the request and one for each lookup.

Step = tuple[str, str | None, int | None, str | None]
"""A state or the name of an exception, the payment, the amount in minor units, and the refund's id."""


@dataclass(frozen=True, slots=True)
class Deeds:
    """The provider's record of one payment: the number of requests, each refund, each word for a state."""

    arrived: int
    refunds: tuple[Mapping[str, Any], ...]
    words: tuple[str, ...]


def deeds(book: Path) -> Mapping[str, Deeds]:
    """Return the provider's record, by payment."""
    by_payment: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in read_book(book):
        by_payment[line.get("payment", "")].append(line)
    return defaultdict(
        lambda: Deeds(0, (), ()),
        {
            payment: Deeds(
                sum(line["did"] == "arrived" for line in lines),
                tuple(line for line in lines if line["did"] == "refund"),
                tuple(line["word"] for line in lines if line["did"] == "answered"),
            )
            for payment, lines in by_payment.items()
        },
    )


def steps_reported(result: Result) -> list[Step]:
    """Return what the client reported of one refund."""
    return [_step_reported(one) for one in result]


def _step_reported(one: Report) -> Step:
    if isinstance(one, Refund):
        units = None if one.amount is None else one.amount.minor_units
        return one.status.name, one.payment_id, units, one.refund_id
    if isinstance(one, RefundRejected):
        return f"RefundRejected {one.reason.name}", None, None, None
    return f"{type(one).__name__}: {one}", None, None, None


def steps_done(wanted: Wish, did: Deeds) -> list[Step]:
    """Return the provider's record of one refund that was requested once."""
    plan = PLANS[plan_of(wanted.payment_id)]
    if plan.status == 400:
        reason = {"paybyrd": "EXCEEDS_REMAINING", "blink": "INVALID"}[wanted.provider]
        return [(f"RefundRejected {reason}", None, None, None)] if not did.refunds else []
    if len(did.refunds) != 1:
        return []
    (refund,) = did.refunds
    first = RefundStatus.SUCCEEDED if plan.status == 200 else RefundStatus.PENDING
    # A refund that Paybyrd accepts with 202 has only the id of its request.
    refund_id = None if plan.status == 202 and wanted.provider == "paybyrd" else refund["id"]
    return [
        (first.name, refund["payment"], refund["units"], refund_id),
        *((_STATES[word].name, refund["payment"], refund["units"], refund["id"]) for word in did.words),
    ]


def differences(wanted: Sequence[Wish], results: Sequence[Result], book: Path) -> str:
    """Return the differences between the reports and the record, in words."""
    did = deeds(book)
    wrong = []
    for one, result in zip(wanted, results, strict=True):
        reported, done, arrived = (
            steps_reported(result),
            steps_done(one, did[one.payment_id]),
            did[one.payment_id].arrived,
        )
        if reported != done or arrived != 1:
            wrong.append((reported, done, arrived))
    if not wrong:
        return ""
    kinds = Counter(f"{reported[-1][0].partition(':')[0]}, arrived {arrived} times" for reported, _, arrived in wrong)
    first = "".join(
        f"\n  reported {reported}\n  done {done}, arrived {arrived} times" for reported, done, arrived in wrong[:3]
    )
    return f"{len(wrong)} of {len(wanted)}: {dict(kinds)}{first}"
