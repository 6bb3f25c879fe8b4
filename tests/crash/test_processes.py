"""Processes that share a ledger: forked, spawned, patched by gevent, and one in which no thread can start."""

import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from tests.crash.support import NO_TROUBLE, Shop
from tests.servers.running import ROOT, environment

CHILDREN: Final = 4
REFERENCES: Final = 15

FORK: Final = """
import json, os, signal, sys, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads is what is tried
from tests.crash.support import client, refund

base_url, ledger, children, references = *sys.argv[1:3], *map(int, sys.argv[3:])


def names(outcomes):
    return sorted({type(one).__name__ for one in outcomes})


with client(base_url, ledger, 30) as refunding:
    told = {"before": names(refund(refunding, f"before-{number}") for number in range(5))}
    # A thread of the parent refunds while it forks, so that some children are forked within a commit.
    ended, busy = threading.Event(), []

    def loop():
        number = 0
        while not ended.is_set():
            busy.append(refund(refunding, f"beside-{number}"))
            number += 1
            time.sleep(0.02)

    beside = threading.Thread(target=loop)
    beside.start()
    pids = []
    for _ in range(children):
        pid = os.fork()
        if not pid:
            signal.alarm(100)
            outcomes = [refund(refunding, f"shared-{number}") for number in range(references)]
            allowed = {"Refund", "RefundInProgress"}
            others = [repr(one) for one in outcomes if type(one).__name__ not in allowed]
            print(*others, file=sys.stderr, flush=True)
            refunding.close()
            os._exit(len(others) > 0)
        pids.append(pid)
    told["children"] = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    ended.set()
    beside.join()
    told["beside"] = names(busy)
    told["after"] = names(refund(refunding, f"after-{number}") for number in range(5))
print(json.dumps(told))
"""

SPAWN: Final = """
import json, multiprocessing, sys
from tests.crash.support import client, refund


def child(base_url, ledger, references, results):
    with client(base_url, ledger, 30) as refunding:
        results.put([type(refund(refunding, f"shared-{number}")).__name__ for number in range(references)])


if __name__ == "__main__":
    base_url, ledger, how, children, references = *sys.argv[1:4], *map(int, sys.argv[4:])
    context = multiprocessing.get_context(how)
    results = context.Queue()
    with client(base_url, ledger, 30) as refunding:
        first = type(refund(refunding, "before-0")).__name__
        running = [
            context.Process(target=child, args=(base_url, ledger, references, results)) for _ in range(children)
        ]
        for one in running:
            one.start()
        told = [results.get(timeout=90) for _ in running]
        for one in running:
            one.join()
        last = type(refund(refunding, "after-0")).__name__
    print(json.dumps([first, last, sorted({name for one in told for name in one})]))
"""

GEVENT: Final = """
from gevent import monkey
monkey.patch_all()
import json, sys, time
import gevent
from gevent.pool import Pool
from tests.crash.support import client, refund

base_url, ledger, references = *sys.argv[1:3], int(sys.argv[3])
longest = 0.0


def watch():
    global longest
    while True:
        began = time.monotonic()
        gevent.sleep(0.01)
        longest = max(longest, time.monotonic() - began)


with client(base_url, ledger, 30) as refunding:
    watching = gevent.spawn(watch)
    wanted = [f"shared-{number % references}" for number in range(3 * references)]
    outcomes = Pool(20).map(lambda one: type(refund(refunding, one)).__name__, wanted)
    hanging = "not yet"
    try:
        with gevent.Timeout(0.2):
            refund(refunding, "hangs")
    except gevent.Timeout:
        hanging = "Timeout"
    after = type(refund(refunding, "after-0")).__name__
    again = type(refund(refunding, "hangs")).__name__
    watching.kill()
print(json.dumps([sorted(set(outcomes)), hanging, after, again, longest]))
"""

NO_THREADS: Final = """
import asyncio, json, sys, threading
from tests.crash.support import aclient, arefund, client, refund

base_url, ledger = sys.argv[1:]
started = []


def start(self):
    started.append(self.name)
    raise RuntimeError("can't start new thread")


threading.Thread.start = start
with client(base_url, ledger, 30) as refunding:
    in_thread = [refund(refunding, f"shared-{number}") for number in range(10)]


async def main():
    refunding = aclient(base_url, ledger, 30)
    found = await asyncio.gather(*(arefund(refunding, f"task-{number}") for number in range(10)))
    await refunding._own.aclose()
    refunding._core.ledger.close()
    return found


# asyncio.run would start a thread to end those of the loop's executor.
loop = asyncio.new_event_loop()
in_tasks = loop.run_until_complete(main())
loop.close()
with client(base_url, ledger, 30) as refunding:
    again = [refund(refunding, f"task-{number}") for number in range(10)]
names = [sorted({type(one).__name__ for one in outcomes}) for outcomes in (in_thread, in_tasks, again)]
print(json.dumps([*names, sorted(set(started))]))
"""


@pytest.fixture(params=["sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name an empty ledger."""
    url: str = (
        f"sqlite:///{tmp_path}/refunds.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    )
    return url


def ran(script: str, *arguments: object, as_file: Path | None = None) -> Any:
    """Run a script in a process of its own, and return what it prints."""
    if as_file is None:
        command = [sys.executable, "-c", script]
    else:
        as_file.write_text(script)
        command = [sys.executable, str(as_file)]
    done = subprocess.run(
        [*command, *map(str, arguments)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    print(done.stderr)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def names_in(executed: Counter[str], kind: str) -> int:
    return sum(name.startswith(kind) for name in executed)


def assert_intact(ledger: str) -> None:
    if ledger.startswith("sqlite"):
        with sqlite3.connect(ledger.removeprefix("sqlite:///")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_children_that_share_the_client_of_their_parent_refund_each_reference_once(
    ledger: str, shop: Shop, shop_url: str
) -> None:
    told = ran(FORK, shop_url, ledger, CHILDREN, REFERENCES)
    executed = shop.executed()
    assert told["before"] == told["beside"] == told["after"] == ["Refund"]
    assert told["children"] == [0] * CHILDREN
    assert max(executed.values()) == 1
    assert names_in(executed, "shared") == REFERENCES
    assert names_in(executed, "after") == 5
    assert_intact(ledger)


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_processes_of_multiprocessing_refund_each_reference_once(
    ledger: str, shop: Shop, shop_url: str, how: str, tmp_path: Path
) -> None:
    first, last, others = ran(SPAWN, shop_url, ledger, how, CHILDREN, REFERENCES, as_file=tmp_path / "spawning.py")
    executed = shop.executed()
    assert first == last == "Refund"
    assert set(others) <= {"Refund", "RefundInProgress"}
    assert max(executed.values()) == 1
    assert names_in(executed, "shared") == REFERENCES
    assert_intact(ledger)


def test_greenlets_refund_each_reference_once_and_a_time_limit_of_gevent_leaves_no_lock(
    ledger: str, shop: Shop, shop_url: str
) -> None:
    shop.slow = "hangs"
    others, hanging, after, again, longest = ran(GEVENT, shop_url, ledger, REFERENCES)
    executed = shop.executed()
    assert set(others) <= {"Refund", "RefundInProgress"}
    assert (hanging, after, again) == ("Timeout", "Refund", "OutcomeUnknown")
    assert longest < NO_TROUBLE  # no greenlet holds the others until its deadline
    assert max(executed.values()) == 1
    assert names_in(executed, "shared") == REFERENCES


def test_where_no_thread_can_start_a_call_commits_by_itself(ledger: str, shop: Shop, shop_url: str) -> None:
    in_thread, in_tasks, again, started = ran(NO_THREADS, shop_url, ledger)
    executed = shop.executed()
    assert in_thread == ["Refund"]
    # asyncio looks addresses up in a thread of its own, so nothing was sent there.
    assert in_tasks == ["NotSent"]
    assert again == ["Refund"]
    assert "refundry ledger" in started
    assert max(executed.values()) == 1
    assert (names_in(executed, "shared"), names_in(executed, "task")) == (10, 10)
