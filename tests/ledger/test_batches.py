"""The writer of a ledger: what waits together is committed together, and who leaves is left out."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from refundry import LedgerFailed
from refundry.ledger.changes import Change, Needs, View
from refundry.ledger.writer import Writer


@dataclass(slots=True)
class Numbered(Change[int]):
    """A change that gives its number, or fails."""

    number: int
    fails: bool = False

    @property
    def needs(self) -> Needs:
        return Needs()

    def apply(self, view: View) -> int:
        raise NotImplementedError


class Gated:
    """A connection whose commits wait for a gate."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun = threading.Event()
        self.batches: list[list[int]] = []
        self.ends = False

    def apply(self, changes: Sequence[Change[Any]], seconds: float) -> list[Any]:
        assert all(isinstance(change, Numbered) for change in changes)
        self.begun.set()
        self.gate.wait(5)
        numbered: list[Any] = [*changes]
        self.batches.append([one.number for one in numbered])
        if self.ends:
            raise LedgerFailed("the database went away")
        return [LookupError(f"{one.number}") if one.fails else one.number for one in numbered]

    def left_behind(self) -> list[Change[Any]]:
        return []

    def close(self) -> None:
        pass

    def abandon(self) -> None:
        pass

    @property
    def committed(self) -> list[int]:
        return [number for batch in self.batches for number in batch]


async def begun(session: Gated) -> None:
    """Wait until the writer's thread has taken its first batch."""
    assert await asyncio.to_thread(session.begun.wait, 5)


def test_what_waits_while_a_commit_runs_is_committed_in_one_transaction_and_each_gets_its_own_result() -> None:
    session = Gated()
    writer = Writer(lambda: session, is_quick=False)

    async def main() -> list[Any]:
        first = asyncio.create_task(writer.acommit(Numbered(0), 5))
        await begun(session)
        others = [asyncio.create_task(writer.acommit(Numbered(one, fails=one == 3), 5)) for one in range(1, 6)]
        await asyncio.sleep(0)
        session.gate.set()
        return await asyncio.gather(first, *others, return_exceptions=True)

    results = asyncio.run(main())
    writer.close(5)
    assert session.batches == [[0], [1, 2, 3, 4, 5]]
    assert [type(one) if isinstance(one, Exception) else one for one in results] == [0, 1, 2, LookupError, 4, 5]


def test_the_loop_is_woken_up_once_for_all_of_its_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Gated()
    writer = Writer(lambda: session, is_quick=False)
    woken: list[object] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        first = asyncio.create_task(writer.acommit(Numbered(0), 5))
        await begun(session)
        wake = loop.call_soon_threadsafe

        def counted(*given: Any, **options: Any) -> asyncio.Handle:
            woken.append(given)
            return wake(*given, **options)

        monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
        others = [asyncio.create_task(writer.acommit(Numbered(one), 5)) for one in range(1, 41)]
        await asyncio.sleep(0)
        session.gate.set()
        assert await asyncio.gather(first, *others) == [*range(41)]
        assert len(woken) == 2

    asyncio.run(main())
    writer.close(5)
    assert [len(batch) for batch in session.batches] == [1, 40]


def test_a_task_that_is_cancelled_before_its_change_is_taken_commits_nothing() -> None:
    session = Gated()
    writer = Writer(lambda: session, is_quick=False)

    async def main() -> None:
        first = asyncio.create_task(writer.acommit(Numbered(0), 5))
        await begun(session)
        left, stays = (asyncio.create_task(writer.acommit(Numbered(one), 5)) for one in (1, 2))
        await asyncio.sleep(0)
        left.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left
        session.gate.set()
        assert [await first, await stays] == [0, 2]

    asyncio.run(main())
    writer.close(5)
    assert session.committed == [0, 2]


def test_a_task_that_is_cancelled_while_its_change_is_committed_leaves_the_others_alone() -> None:
    session = Gated()
    writer = Writer(lambda: session, is_quick=False)

    async def main() -> int:
        first = asyncio.create_task(writer.acommit(Numbered(0), 5))
        await begun(session)
        second, third = (asyncio.create_task(writer.acommit(Numbered(one), 5)) for one in (1, 2))
        await asyncio.sleep(0)
        first.cancel()
        session.gate.set()
        assert await second == 1
        return await third

    assert asyncio.run(main()) == 2
    writer.close(5)
    assert session.committed == [0, 1, 2]


def in_thread(writer: Writer) -> None:
    writer.commit(Numbered(0), 0.05)


def in_task(writer: Writer) -> None:
    asyncio.run(writer.acommit(Numbered(0), 0.05))


@pytest.mark.parametrize("commit", [in_thread, in_task])
def test_a_caller_waits_no_longer_than_it_may_for_a_database_that_hangs(commit: Callable[[Writer], None]) -> None:
    session = Gated()
    writer = Writer(lambda: session, is_quick=False)
    began = time.monotonic()
    with pytest.raises(LedgerFailed, match="in time"):
        commit(writer)
    assert time.monotonic() - began < 4
    session.gate.set()
    writer.close(5)


def test_a_loop_that_ends_before_its_change_is_committed_does_not_end_the_writer() -> None:
    session = Gated()
    writer = Writer(lambda: session, is_quick=False)

    async def leave() -> None:
        asyncio.get_running_loop().call_later(0.05, asyncio.get_running_loop().stop)
        await writer.acommit(Numbered(0), 5)

    loop = asyncio.new_event_loop()
    task = loop.create_task(leave())
    loop.run_forever()
    loop.close()
    session.gate.set()
    assert writer.commit(Numbered(1), 5) == 1
    writer.close(5)
    assert session.committed == [0, 1]
    assert not task.done()
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio would log it: nothing runs it any more


def test_every_caller_learns_that_the_database_went_away() -> None:
    session = Gated()
    session.ends = True
    session.gate.set()
    writer = Writer(lambda: session, is_quick=False)

    async def main() -> list[Any]:
        changes = [asyncio.create_task(writer.acommit(Numbered(one), 5)) for one in range(3)]
        return await asyncio.gather(*changes, return_exceptions=True)

    assert [type(one) for one in asyncio.run(main())] == [LedgerFailed] * 3
    with pytest.raises(LedgerFailed, match="went away"):
        writer.commit(Numbered(3), 5)
    writer.close(5)
