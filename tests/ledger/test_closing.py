"""A ledger that is closed while calls are under way."""

import asyncio
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from refundry import AsyncRefundClient, RefundClient
from refundry.wire import WireReply, WireRequest
from tests.facade.support import ONE_EURO, PAYMENT, Scripted, accepted, account

_SECONDS = 20.0


def open_files(folder: Path) -> list[str]:
    """The files of a folder that this process has open, where the system says so."""
    links = []
    for one in Path("/proc/self/fd").glob("*"):
        with suppress(OSError):  # another thread has closed it
            links.append(one.readlink())
    return [str(link) for link in links if link.is_relative_to(folder)]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system does not say which files are open")
def test_a_client_that_is_closed_has_no_file_of_its_ledger_open(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "transport": Scripted(accepted("blink")),
        "ledger": f"sqlite:///{tmp_path / 'refunds.db'}",
    }
    refund: dict[str, Any] = {"payment_id": PAYMENT, "amount": ONE_EURO}
    with RefundClient([account("blink")], **options) as client:
        client.refund("blink", reference="order-1", **refund)
        assert open_files(tmp_path)
    assert open_files(tmp_path) == []

    async def scenario() -> None:
        async with AsyncRefundClient([account("blink")], **options) as client:
            await client.refund("blink", reference="order-2", **refund)
            assert open_files(tmp_path)

    asyncio.run(scenario())
    assert open_files(tmp_path) == []


def test_an_outcome_that_comes_after_the_client_is_closed_is_recorded_at_once(tmp_path: Path) -> None:
    sent, closed = threading.Event(), threading.Event()

    def answer(_: WireRequest) -> WireReply:
        sent.set()
        assert closed.wait(_SECONDS)
        return accepted("blink")

    ledger = f"sqlite:///{tmp_path / 'refunds.db'}"
    client = RefundClient([account("blink")], transport=Scripted(answer), ledger=ledger)
    recorded: list[bool] = []

    def refund() -> None:
        done = client.refund("blink", payment_id=PAYMENT, amount=ONE_EURO, reference="order-1")
        recorded.append(done.recorded)

    calls = threading.Thread(target=refund)
    calls.start()
    assert sent.wait(_SECONDS)
    # Others at the same time, so that the writer's thread runs and ends.
    others = [
        threading.Thread(target=lambda number=number: client.ledger.find("blink", f"order-{number}"))
        for number in range(8)
    ]
    for one in others:
        one.start()
    for one in others:
        one.join(_SECONDS)
    client.close()
    closed.set()
    calls.join(_SECONDS)
    assert recorded == [True]
    assert open_files(tmp_path) == []
    with RefundClient([account("blink")], transport=Scripted(accepted("blink")), ledger=ledger) as another:
        entry = another.ledger.find("blink", "order-1")
        assert entry is not None
        assert entry.state == "accepted"
