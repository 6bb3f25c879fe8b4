"""Refunds without a ledger, with one in SQLite and with one in PostgreSQL: by one caller, by threads, and by tasks."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.calls import AT_ONCE, Contender, Sample, Sizes, measure
from benchmarks.processes import Held
from benchmarks.setting import Defect, installed
from refundry import AsyncRefundClient, Money, Paybyrd, RefundClient
from tests.databases.programs import find

WITHOUT = "no ledger"
SQLITE = "SQLite"
SQLITE_IN_MEMORY = "SQLite in memory"
POSTGRES = "PostgreSQL"

ONE = "RefundClient, one caller"
THREADS = f"RefundClient, {AT_ONCE} threads"
TASKS = f"AsyncRefundClient, {AT_ONCE} tasks"

_MEMORY: Final = Path("/dev/shm")
_TICK: Final = 0.005
_SYNCS: Final = 15


@dataclass(frozen=True, slots=True)
class Places:
    """The URL of each ledger, None for none. `remarks` are lines about what lies where, and what is left out."""

    urls: Mapping[str, str | None]
    remarks: Sequence[str]


@dataclass(frozen=True, slots=True)
class Taken:
    """The samples of each ledger by one way of calling, and for how long tasks held their loop."""

    samples: Mapping[tuple[str, str], Sequence[Sample]]
    held: Mapping[str, Sequence[Held]]


@contextmanager
def places() -> Iterator[Places]:
    """The ledgers that can be measured here, each empty. Raises Defect in CI where PostgreSQL is missing."""
    urls: dict[str, str | None] = {WITHOUT: None}
    with ExitStack() as stack:
        disk = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls[SQLITE] = f"sqlite:///{disk}/refunds.db"
        remarks = [f"SQLite and PostgreSQL write to {_described(disk)}."]
        if _MEMORY.is_dir():
            memory = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=_MEMORY)))
            urls[SQLITE_IN_MEMORY] = f"sqlite:///{memory}/refunds.db"
            remarks.append(f"SQLite in memory writes to {_described(memory)}: no power cut spares that one.")
        missing = _missing()
        if missing is None:
            from tests.databases.postgres import PostgresServer

            server = stack.enter_context(PostgresServer(parent=Path(tempfile.gettempdir())))
            urls[POSTGRES] = server.url(server.create_database())
        elif os.environ.get("CI"):
            raise Defect(f"PostgreSQL cannot be measured: {missing}")
        else:
            remarks.append(f"PostgreSQL is left out: {missing}.")
        yield Places(urls, remarks)


def _missing() -> str | None:
    """What is missing for PostgreSQL, and how to get it; None where nothing is."""
    if not installed("psycopg"):
        return "psycopg cannot be imported; install the extra `postgres`"
    if find("initdb") is None or find("postgres") is None:
        return "its server is not installed; `apt-get install postgresql`"
    return None


def _described(folder: Path) -> str:
    """The kind of a folder's file system, and how long it takes to sync: what a commit waits for."""
    named = subprocess.run(["stat", "-f", "-c", "%T", str(folder)], capture_output=True, text=True, check=False)
    taken = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(_SYNCS):
            file.write(bytes(4096))
            began = time.perf_counter()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    return f"{named.stdout.strip() or 'an unknown file system'}, where an fsync takes {median(taken) * 1e3:.2f} ms"


def compare(base_url: str, urls: Mapping[str, str | None], sizes: Sizes, say: Callable[[str], None]) -> Taken:
    """Measure each ledger in each way, interleaved."""
    held: dict[str, list[Held]] = {}
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner())
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        references = (f"bench-{os.getpid()}-{number}" for number in itertools.count())
        found: dict[tuple[str, str], Contender] = {}
        for name, url in urls.items():
            one = _in_threads(stack, None, base_url, url, references)
            many = _in_threads(stack, pool, base_url, url, references)
            tasks = _in_tasks(stack, runner, base_url, url, references, held.setdefault(name, []))
            for way, calls, call in (
                (ONE, sizes.single, one),
                (THREADS, sizes.at_once, many),
                (TASKS, sizes.at_once, tasks),
            ):
                found[name, way] = Contender(f"{name}, {way}", calls, call)
        taken = measure([*found.values()], sizes.rounds, say)
        # The first block, which measure() does not count, connects.
        return Taken(
            {key: taken[contender.name] for key, contender in found.items()},
            {name: values[1:] for name, values in held.items()},
        )


def _account(base_url: str) -> Paybyrd:
    return Paybyrd(api_key="test-key", base_url=base_url)


def _in_threads(
    stack: ExitStack, pool: ThreadPoolExecutor | None, base_url: str, url: str | None, references: Iterator[str]
) -> Callable[[int], None]:
    client = stack.enter_context(RefundClient([_account(base_url)], ledger=url))

    def caller(names: Sequence[str]) -> None:
        for name in names:
            refund = client.refund("paybyrd", payment_id=name, amount=Money.of("1.00", "EUR"), reference=name)
            if refund.amount != Money.of("1.00", "EUR"):
                raise ValueError(f"it reports {refund.amount} as refunded")

    def block(calls: int) -> None:
        names = [*itertools.islice(references, calls)]
        if pool is None:
            return caller(names)
        for _ in pool.map(caller, (names[number::AT_ONCE] for number in range(AT_ONCE))):
            pass
        return None

    return block


def _in_tasks(
    stack: ExitStack,
    runner: asyncio.Runner,
    base_url: str,
    url: str | None,
    references: Iterator[str],
    held: list[Held],
) -> Callable[[int], None]:
    client = AsyncRefundClient([_account(base_url)], ledger=url)
    stack.callback(lambda: runner.run(client.aclose()))
    longest = computed = 0.0

    async def tick() -> None:
        nonlocal longest, computed
        while True:
            began, cpu = time.perf_counter(), time.thread_time()
            await asyncio.sleep(_TICK)
            longest = max(longest, time.perf_counter() - began - _TICK)
            computed = max(computed, time.thread_time() - cpu)

    async def caller(calls: int) -> None:
        for name in itertools.islice(references, calls):
            refund = await client.refund("paybyrd", payment_id=name, amount=Money.of("1.00", "EUR"), reference=name)
            if refund.amount != Money.of("1.00", "EUR"):
                raise ValueError(f"it reports {refund.amount} as refunded")

    async def together(calls: int) -> None:
        ticking = asyncio.create_task(tick())
        await asyncio.gather(*(caller(calls // AT_ONCE) for _ in range(AT_ONCE)))
        ticking.cancel()

    def block(calls: int) -> None:
        nonlocal longest, computed
        longest = computed = 0.0
        runner.run(together(calls))
        held.append(Held(1e3 * longest, 1e3 * computed))

    return block
