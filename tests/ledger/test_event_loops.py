"""AsyncRefundClient never holds its event loop, however slow the ledger is."""

import asyncio
import time
from pathlib import Path
from typing import Any, Final

import pytest

from refundry import AsyncRefundClient, NotSent, Retry
from tests.facade.support import ONE_EURO, PAYMENT, Kind, Scripted, account, new_loop
from tests.ledger.support import ACCEPTED, closed_to_others

LOCKED_SECONDS: Final = 2.0
LONGEST: Final = 0.5
"""No wait for a database is so short, and no pause of a busy machine so long."""

every_loop = pytest.mark.parametrize("kind", ["async", "uvloop"])


class Gaps:
    """Measures the longest time for which the event loop ran nothing else, as a context manager."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def _measure(self) -> None:
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0.005)
            now = time.perf_counter()
            self.longest, before = max(self.longest, now - before - 0.005), now

    async def __aenter__(self) -> "Gaps":
        self._task = asyncio.create_task(self._measure())
        await asyncio.sleep(0.02)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()


async def _refunds(client: AsyncRefundClient, count: int) -> list[Any]:
    return await asyncio.gather(
        *(
            client.refund("blink", payment_id=PAYMENT, amount=ONE_EURO, reference=f"reference-{number}")
            for number in range(count)
        ),
        return_exceptions=True,
    )


@every_loop
def test_the_loop_runs_on_while_another_process_holds_the_ledger(
    ledger_url: str, tmp_path: Path, kind: Kind, record_property: Any
) -> None:
    async def main() -> tuple[list[Any], float]:
        transport = Scripted(ACCEPTED)
        async with AsyncRefundClient([account("blink", transport=transport)], ledger=ledger_url) as client:
            await _refunds(client, 1)
            async with Gaps() as gaps:
                with closed_to_others(ledger_url, tmp_path / "refunds.db"):
                    waiting = asyncio.create_task(_refunds(client, 20))
                    await asyncio.sleep(LOCKED_SECONDS)
                    assert not waiting.done()
                    assert len(transport.sent) == 1
                ended = await waiting
            return ended, gaps.longest

    with asyncio.Runner(loop_factory=new_loop(kind)) as runner:
        ended, longest = runner.run(main())
    assert [one for one in ended if isinstance(one, BaseException)] == []
    record_property("longest", longest)
    print(f"the longest callback took {longest * 1000:.1f} ms")
    assert longest < LONGEST


@every_loop
def test_a_call_that_is_cancelled_while_the_ledger_is_held_ends_at_once(
    ledger_url: str, tmp_path: Path, kind: Kind
) -> None:
    async def main() -> float:
        transport = Scripted(ACCEPTED)
        async with AsyncRefundClient([account("blink", transport=transport)], ledger=ledger_url) as client:
            with closed_to_others(ledger_url, tmp_path / "refunds.db"):
                waiting = asyncio.create_task(_refunds(client, 1))
                await asyncio.sleep(0.3)
                began = time.perf_counter()
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                took = time.perf_counter() - began
            assert transport.sent == []
            while isinstance((await _refunds(client, 1))[0], Exception):
                await asyncio.sleep(0.1)  # the reservation is being handed back
            assert len(transport.sent) == 1
        return took

    with asyncio.Runner(loop_factory=new_loop(kind)) as runner:
        assert runner.run(asyncio.wait_for(main(), 30)) < LONGEST


@every_loop
def test_each_of_many_calls_ends_by_its_own_deadline(ledger_url: str, tmp_path: Path, kind: Kind) -> None:
    async def main() -> None:
        transport = Scripted(ACCEPTED)
        retry = Retry(attempts=1, deadline=0.7)
        async with AsyncRefundClient([account("blink", transport=transport)], ledger=ledger_url, retry=retry) as client:
            with closed_to_others(ledger_url, tmp_path / "refunds.db"):
                began = time.perf_counter()
                ended = await _refunds(client, 30)
                assert time.perf_counter() - began < 3
            assert {type(one) for one in ended} == {NotSent}
            assert transport.sent == []

    with asyncio.Runner(loop_factory=new_loop(kind)) as runner:
        runner.run(main())
