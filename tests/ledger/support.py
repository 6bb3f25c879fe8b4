"""Shared by the tests of the ledgers: a client with one, and the processes around it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg

from refundry import NotSent, Refund, RefundError, Retry, WireReply
from refundry.errors import LedgerFailed
from tests.facade.support import Caller, Kind, Scripted, accepted, account, caller
from tests.servers.running import ROOT, environment

SECONDS: Final = 30.0
"""The longest that another process may take."""
SHORT: Final = Retry(attempts=1, deadline=1.0)
"""A call that may take a second."""
ACCEPTED: Final[WireReply] = accepted("blink")

_HOLD: Final = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""


def client_of(url: str, *answers: Any, kind: Kind = "sync", **options: Any) -> tuple[Caller, Scripted]:
    """Return a client of Blink, which does not de-duplicate, and the transport that records what it sends."""
    transport = Scripted(*(answers or (ACCEPTED,)))
    return caller(kind, account("blink", transport=transport), **{"ledger": url, **options}), transport


def refunded(client: Caller, reference: str = "reference-1") -> Refund:
    """Refund one euro."""
    return client.ask("blink", reference=reference)


def state(client: Caller, reference: str = "reference-1") -> str | None:
    """Return the state of a reference in the ledger; None where it does not know the reference."""
    ledger: Any = client.client.ledger
    found = ledger.find("blink", reference)
    entry = found if client.__class__.__name__ == "SyncCaller" else client.run(found)
    return None if entry is None else str(entry.state)


def events(client: Caller, reference: str = "reference-1") -> list[str]:
    """Return what the history says of a reference, to a client that needs no event loop."""
    ledger: Any = client.client.ledger
    return [line.event for line in ledger.history("blink", reference)]


def cause_of(error: RefundError) -> LedgerFailed:
    """Return why the ledger kept a refund from being sent."""
    assert isinstance(error, NotSent)
    assert isinstance(error.__cause__, LedgerFailed)
    return error.__cause__


def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something holds. Fails the test where it does not."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not hold in time"
        time.sleep(0.02)


@contextmanager
def running(script: str, *arguments: str, before: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """Run a Python script in a process of its own, which is killed at the end of the block.

    `before` is the command that runs it.
    """
    process = subprocess.Popen(
        [*before, sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)


def run(script: str, *arguments: str, before: tuple[str, ...] = ()) -> str:
    """Run a Python script to its end, and return what it printed. Fails the test where it fails."""
    with running(script, *arguments, before=before) as process:
        output, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, errors
    return output


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let another process hold the file of a ledger within the block."""
    with running(_HOLD, str(path)) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield


@contextmanager
def closed_to_others(url: str, path: Path) -> Iterator[None]:
    """Keep every other connection out of a ledger within the block. `path` is its file, where it is one."""
    if url.startswith("sqlite"):
        with locked(path):
            yield
    else:
        with psycopg.connect(url, prepare_threshold=None) as connection:
            connection.execute("LOCK TABLE refundry.refunds IN ACCESS EXCLUSIVE MODE")
            yield
