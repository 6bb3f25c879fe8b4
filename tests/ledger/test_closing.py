"""A ledger that is closed while calls are under way."""

import threading
from contextlib import suppress
from pathlib import Path

from refundry import RefundClient
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
