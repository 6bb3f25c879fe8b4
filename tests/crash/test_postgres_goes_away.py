"""A server of PostgreSQL that is killed under load and started again, or that answers nothing for a while."""

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from refundry import NotSent, Refund, RefundClient, RefundError
from tests.crash.support import NO_TROUBLE, SECONDS, Outcomes, Shop, aclient, arefund, client, refund
from tests.databases.postgres import PostgresServer

RECORDING = 2.0
"""For how long a call tries to record its outcome after its deadline (flows/refund.py)."""
CLOSING = 5.0
"""How long a client waits for its ledger when it is closed (ledger/database.py)."""


@pytest.fixture
def url(own_postgres_server: PostgresServer) -> str:
    return own_postgres_server.url(own_postgres_server.create_database())


class Load:
    """Threads and tasks that refund without a pause, each time under a new reference."""

    def __init__(self, shop_url: str, ledger: str) -> None:
        self.sync, self.tasks = Outcomes(), Outcomes()
        self._end = threading.Event()
        self._numbers = itertools.count()
        self._refunding = client(shop_url, ledger)
        self._threads = [threading.Thread(target=self._refund) for _ in range(3)]
        self._threads.append(threading.Thread(target=lambda: asyncio.run(self._arefund(shop_url, ledger))))

    def _references(self, kind: str) -> Iterator[str]:
        while not self._end.is_set():
            yield f"{kind}-{next(self._numbers)}"

    def _refund(self) -> None:
        for reference in self._references("thread"):
            self.sync.add(reference, refund(self._refunding, reference))

    async def _arefund(self, shop_url: str, ledger: str) -> None:
        async def one() -> None:
            for reference in self._references("task"):
                self.tasks.add(reference, await arefund(refunding, reference))

        async with aclient(shop_url, ledger) as refunding:
            await asyncio.gather(*(one() for _ in range(4)))

    def wait_for_more(self, kind: type) -> None:
        """Return when both clients have had ten more outcomes of this class."""
        before = [one.count(kind) for one in (self.sync, self.tasks)]
        until = time.monotonic() + 30
        while any(one.count(kind) < count + 10 for one, count in zip((self.sync, self.tasks), before, strict=True)):
            assert time.monotonic() < until, f"no more {kind.__name__}: {self.sync.by_reference}"
            assert all(thread.is_alive() for thread in self._threads)
            time.sleep(0.02)

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(30)
        self._refunding.close()


def test_a_server_that_is_killed_under_load_loses_nothing_and_clients_go_on_by_themselves(
    shop: Shop, shop_url: str, url: str, own_postgres_server: PostgresServer
) -> None:
    with Load(shop_url, url) as load:
        for _ in range(3):
            load.wait_for_more(Refund)
            own_postgres_server.kill()
            load.wait_for_more(NotSent)
            own_postgres_server.start()
        load.wait_for_more(Refund)
    outcomes = {**load.sync.by_reference, **load.tasks.by_reference}
    executed = shop.executed()
    assert max(executed.values()) == 1
    with client(shop_url, url) as refunding:
        for reference, outcome in outcomes.items():
            entry = refunding.ledger.find("blink", reference)
            state = "free" if entry is None else entry.state
            match outcome:
                case Refund(recorded=True):
                    assert (executed[reference], state) == (1, "accepted")
                case Refund(recorded=False):
                    # The outcome is in no ledger, or its COMMIT was lost; the reservation is there.
                    assert (executed[reference], state) in [(1, "sending"), (1, "unknown"), (1, "accepted")]
                case NotSent():
                    assert (executed[reference], state) in [(0, "free"), (0, "sending")]
                case _:
                    raise AssertionError(f"{reference}: {outcome!r}")
        left = [name for name, outcome in outcomes.items() if isinstance(outcome, NotSent)]
        again = [refund(refunding, reference) for reference in left]
    assert len(left) >= 30
    # Whatever was not sent is free, so that the same reference goes on: no lease of a lost call is left behind.
    assert [one for one in again if not isinstance(one, Refund)] == []
    assert max(shop.executed().values()) == 1


def timed(refunding: RefundClient, reference: str) -> tuple[Refund | RefundError, float]:
    began = time.monotonic()
    return refund(refunding, reference), time.monotonic() - began


def test_a_server_that_answers_nothing_holds_a_call_no_longer_than_its_deadline(
    shop: Shop, shop_url: str, url: str, own_postgres_server: PostgresServer
) -> None:
    with client(shop_url, url) as refunding:
        assert isinstance(refund(refunding, "before"), Refund)
        with own_postgres_server.frozen():
            for reference in ("first", "second"):
                outcome, seconds = timed(refunding, reference)
                assert isinstance(outcome, NotSent)
                assert isinstance(outcome.__cause__, Exception)
                assert SECONDS * 0.9 < seconds < SECONDS + 1
        outcome, _ = timed(refunding, "first")
        assert isinstance(outcome, Refund)
    assert shop.executed() == {"before": 1, "first": 1}


def test_a_server_that_stops_between_sending_and_recording_leaves_the_outcome_to_the_caller(
    shop: Shop, shop_url: str, url: str, own_postgres_server: PostgresServer
) -> None:
    with ExitStack() as frozen, client(shop_url, url) as refunding:
        shop.after = lambda: frozen.enter_context(own_postgres_server.frozen())
        outcome, seconds = timed(refunding, "reference")
        shop.after = bool
        assert isinstance(outcome, Refund)
        assert not outcome.recorded
        assert seconds < SECONDS + RECORDING + 1
        frozen.close()
        # The client has the outcome still, and records it when it can.
        until = time.monotonic() + NO_TROUBLE
        while (entry := refunding.ledger.find("blink", "reference")) is None or entry.state != "accepted":
            assert time.monotonic() < until, entry
            time.sleep(0.05)
        again = refund(refunding, "reference")
        assert isinstance(again, Refund)
        assert again.replayed
    assert shop.executed() == {"reference": 1}


def test_a_server_that_answers_nothing_never_holds_the_event_loop(
    shop: Shop, shop_url: str, url: str, own_postgres_server: PostgresServer
) -> None:
    async def main() -> tuple[list[Refund | RefundError], float, float, Refund | RefundError]:
        longest = 0.0

        async def watch() -> None:
            nonlocal longest
            while True:
                before = time.monotonic()
                await asyncio.sleep(0.01)
                longest = max(longest, time.monotonic() - before)

        async with aclient(shop_url, url) as refunding:
            await arefund(refunding, "before")
            watching = asyncio.create_task(watch())
            with own_postgres_server.frozen():
                began = time.monotonic()
                outcomes = await asyncio.gather(*(arefund(refunding, f"task-{number}") for number in range(30)))
                seconds = time.monotonic() - began
            watching.cancel()
            return outcomes, seconds, longest, await arefund(refunding, "task-0")

    outcomes, seconds, longest, afterwards = asyncio.run(main())
    assert {type(one) for one in outcomes} == {NotSent}
    assert seconds < SECONDS + 1
    assert longest < 0.5
    assert isinstance(afterwards, Refund)
    assert shop.executed() == {"before": 1, "task-0": 1}


def test_a_client_is_closed_in_bounded_time_while_the_server_answers_nothing(
    shop: Shop, shop_url: str, url: str, own_postgres_server: PostgresServer
) -> None:
    refunding = client(shop_url, url)
    assert isinstance(refund(refunding, "before"), Refund)
    with own_postgres_server.frozen():
        assert isinstance(refund(refunding, "reference"), NotSent)
        began = time.monotonic()
        refunding.close()
        assert time.monotonic() - began < CLOSING + 1
    # The thread that the server held ends by itself, with its connection.
    until = time.monotonic() + NO_TROUBLE
    while any(thread.name == "refundry ledger" for thread in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.05)
    with own_postgres_server.connect() as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'refundry'"
        ).fetchone() == (0,)
    with client(shop_url, url) as another:
        assert isinstance(refund(another, "another"), Refund)
    assert shop.executed() == {"before": 1, "another": 1}
