"""What a ledger could not take at once: the caller gets it all the same, and it is written later."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from refundry import NotSent, OutcomeUnknown, Refund, RefundClient, Retry, WireReply
from refundry.errors import LedgerFailed
from tests.databases.disk import SmallDisk
from tests.facade.support import KINDS, Kind
from tests.ledger.support import ACCEPTED, cause_of, client_of, closed_to_others, refunded, state, until

SOON: Final = Retry(attempts=1, deadline=1.0)
UNREADABLE: Final = WireReply(500, (), b"")


class Closing:
    """Answers a refund, and keeps others out of the ledger from then on."""

    def __init__(self, url: str, tmp_path: Path, answer: WireReply) -> None:
        self._held = closed_to_others(url, tmp_path / "refunds.db")
        self._answer = answer

    def __call__(self, _: object) -> WireReply:
        """Keep the others out, and answer."""
        self._held.__enter__()
        return self._answer

    def open(self) -> None:
        """Let the others in again."""
        self._held.__exit__(None, None, None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("answer", "kept"), [(ACCEPTED, "accepted"), (UNREADABLE, "unknown")])
def test_an_outcome_that_could_not_be_written_is_written_as_soon_as_it_can_be(
    ledger_url: str, tmp_path: Path, kind: Kind, answer: WireReply, kept: str
) -> None:
    closing = Closing(ledger_url, tmp_path, answer)
    client, sent = client_of(ledger_url, closing, kind=kind, retry=SOON)
    with client:
        began = time.monotonic()
        outcome: Refund | OutcomeUnknown
        try:
            outcome = refunded(client)
        except OutcomeUnknown as unknown:
            outcome = unknown
        assert time.monotonic() - began < 5
        assert outcome.recorded is False
        closing.open()
        with client_of(ledger_url)[0] as other:
            until(lambda: state(other) == kept)
    assert len(sent.sent) == 1


def test_an_outcome_that_could_not_be_written_is_written_at_close(ledger_url: str, tmp_path: Path) -> None:
    closing = Closing(ledger_url, tmp_path, ACCEPTED)
    client, _ = client_of(ledger_url, closing, retry=SOON)
    assert refunded(client).recorded is False
    threading.Timer(0.5, closing.open).start()
    client.close()
    with client_of(ledger_url)[0] as other:
        assert state(other) == "accepted"


def test_the_process_that_could_not_write_an_outcome_knows_it_meanwhile(ledger_url: str, tmp_path: Path) -> None:
    closing = Closing(ledger_url, tmp_path, ACCEPTED)
    client, sent = client_of(ledger_url, closing, retry=SOON)
    with client:
        refunded(client)
        with pytest.raises(NotSent) as raised:  # it cannot read either, and sends nothing
            refunded(client)
        cause_of(raised.value)
        closing.open()
        assert refunded(client).replayed
    assert len(sent.sent) == 1


def test_no_answer_of_the_ledger_outlasts_the_deadline_of_the_call(ledger_url: str, tmp_path: Path) -> None:
    client, sent = client_of(ledger_url, retry=SOON)
    ledger = client.client.ledger
    with client:
        with closed_to_others(ledger_url, tmp_path / "refunds.db"):
            questions: tuple[Callable[[], Any], ...] = (
                lambda: ledger.find("blink", "reference-1"),
                lambda: ledger.unresolved(),
                lambda: client.client.resolve("blink", "reference-1"),
            )
            for ask in questions:
                began = time.monotonic()
                with pytest.raises(LedgerFailed):
                    ask()
                assert time.monotonic() - began < 4
        assert isinstance(client.client, RefundClient)
        assert state(client) is None
    assert sent.sent == []


_FILL: Final = """
import pathlib, sys
from refundry import NotSent
from refundry.errors import LedgerFailed
from tests.ledger.support import ACCEPTED, client_of, refunded, state
folder = pathlib.Path(sys.argv[1])
url = f"sqlite:///{folder}/refunds.db"
filler = folder / "filler"

def fill(_=None):
    with filler.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            return ACCEPTED

client, sent = client_of(url)
with client:
    refunded(client, "before")
    fill()
    refused = 0
    for number in range(200):
        try:
            refunded(client, f"full-{number}")
        except NotSent as error:
            assert isinstance(error.__cause__, LedgerFailed) and "full" in str(error), error
            refused += 1
    assert refused, "the disk was not full"
    assert len(sent.sent) == 201 - refused
    assert state(client, "before") == "accepted"
    filler.unlink()
    refunded(client, "after")
    assert refunded(client, "before").replayed
for answer in (fill,):
    client, sent = client_of(url, answer)
    lost = []
    for number in range(200):
        refund = refunded(client, f"late-{number}")
        if not refund.recorded:
            lost.append(refund.reference)
            break
        filler.unlink()
    assert lost, "each outcome was written all the same"
    filler.unlink()
    client.close()
    with client_of(url)[0] as other:
        assert [state(other, one) for one in lost] == ["accepted"] * len(lost)
print("done")
"""


def test_a_full_disk_sends_nothing_and_loses_no_outcome(small_disk: SmallDisk) -> None:
    done = small_disk.run(_FILL)
    assert done.stdout == "done\n", done.stderr
