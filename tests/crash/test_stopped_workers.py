"""A worker that stands still past the end of its lease, as under SIGSTOP or on a machine that sleeps, and goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from refundry import OutcomeUnknown, Refund, RefundClient, RefundError, RefundInProgress
from tests.crash.support import Shop, client, refund
from tests.servers.running import ROOT, environment

LONGEST_LEASE: Final = 15.0
SECONDS_TO_START: Final = 60.0
SCRIPT: Final = """
import json, os, signal, sys, time
from refundry import Refund
from refundry.clock import SYSTEM
from refundry.ledger.changes import Reserve
from refundry.ledger.database import DatabaseLedger
from tests.crash.support import client, refund

base_url, ledger, how = sys.argv[1:]
commit, slept = DatabaseLedger.commit, 0.0


def stopping(self, change, seconds=10.0):
    global slept
    result = commit(self, change, seconds)
    if isinstance(change, Reserve):
        began = time.monotonic()
        os.kill(os.getpid(), signal.SIGSTOP)
        slept = time.monotonic() - began
    return result


if how == "sleeps":
    # On a machine that sleeps the monotonic clock stands still, and the deadline of the call does not come.
    DatabaseLedger.commit = stopping
    SYSTEM.monotonic = lambda: time.monotonic() - slept
with client(base_url, ledger) as refunding:
    outcome = refund(refunding, "reference")
    facts = [type(outcome).__name__, outcome.recorded, str(outcome)]
    entry = refunding.ledger.find("blink", "reference")
    print(json.dumps([*facts, entry.state]))
"""


@contextmanager
def worker(shop_url: str, ledger: str, how: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, shop_url, ledger, how],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until_it_stands_still(process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < until
        time.sleep(0.01)


def after_the_lease(refunding: RefundClient) -> Refund | RefundError:
    """Return what another worker is told, once the lease is over. Until then it is told to wait."""
    until = time.monotonic() + LONGEST_LEASE
    outcome = refund(refunding, "reference")
    assert isinstance(outcome, RefundInProgress)
    while isinstance(outcome, RefundInProgress):
        assert time.monotonic() < until
        time.sleep(0.1)
        outcome = refund(refunding, "reference")
    return outcome


def goes_on(process: subprocess.Popen[str]) -> Any:
    os.kill(process.pid, signal.SIGCONT)
    output, _ = process.communicate(timeout=30)
    return json.loads(output)


@pytest.mark.parametrize("how", ["fetches a token", "sleeps"])
def test_a_worker_that_stands_still_between_reservation_and_sending_sends_nothing(
    tmp_path: Path, shop: Shop, shop_url: str, how: str
) -> None:
    ledger = f"sqlite:///{tmp_path}/refunds.db"
    with client(shop_url, ledger) as refunding, worker(shop_url, ledger, how) as process:
        if how == "fetches a token":
            shop.token = lambda: os.kill(process.pid, signal.SIGSTOP)
        wait_until_it_stands_still(process)
        shop.token = bool
        unknown = after_the_lease(refunding)
        # For all that this worker knows, the other one has sent it.
        assert isinstance(unknown, OutcomeUnknown)
        kind, recorded, text, state = goes_on(process)
        assert (kind, recorded, state) == ("NotSent", True, "free"), text
        assert ("the machine slept" in text) is (how == "sleeps")
        assert shop.executed() == {}
        assert isinstance(refund(refunding, "reference"), Refund)
    assert shop.executed() == {"reference": 1}


def test_a_worker_that_stands_still_after_sending_records_its_late_outcome(
    tmp_path: Path, shop: Shop, shop_url: str
) -> None:
    ledger = f"sqlite:///{tmp_path}/refunds.db"
    with client(shop_url, ledger) as refunding, worker(shop_url, ledger, "waits for its reply") as process:
        shop.after = lambda: os.kill(process.pid, signal.SIGSTOP)
        wait_until_it_stands_still(process)
        assert isinstance(after_the_lease(refunding), OutcomeUnknown)
        kind, recorded, _, state = goes_on(process)
        assert (kind, recorded, state) == ("Refund", True, "accepted")
        replayed = refund(refunding, "reference")
        assert isinstance(replayed, Refund)
        assert replayed.replayed
    assert shop.executed() == {"reference": 1}
