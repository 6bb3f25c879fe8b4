"""A call that an exception of a signal handler ends at any moment: what is certain stays certain, and nothing hangs."""

import json
import subprocess
import sys
from typing import Final

import pytest

from tests.servers.running import ROOT, environment

MOMENTS: Final = 170
"""For each of six ways: a thousand in all."""
SCRIPT: Final = '''
import json, os, random, signal, sys, time
from refundry import *
from tests.crash.support import AMOUNT, PAYMENT, SECONDS

ledger, how, moments = sys.argv[1], sys.argv[2], int(sys.argv[3])
chance = random.Random(how)


class SoftTimeLimitExceeded(Exception):
    """As Celery raises it."""


class Ended(SystemExit):
    """As a handler of SIGTERM raises it."""


KINDS = {"limit": SoftTimeLimitExceeded, "terminate": Ended, "keyboard": KeyboardInterrupt}
SIGNALS = {"limit": signal.SIGALRM, "terminate": signal.SIGTERM, "keyboard": signal.SIGINT}
RAISED = KINDS[how]


def on_alarm(*_):
    if SIGNALS[how] is not signal.SIGALRM:
        signal.raise_signal(SIGNALS[how])
    else:
        interrupt()


def interrupt(*_):
    raise RAISED


class Provider:
    """Executes at once, after it has said that a byte may have left."""

    tells_progress = True

    def __init__(self):
        self.executed, self.requests = {}, {}

    def send(self, request, timeout):
        reference = json.loads(request.body)["reference"]
        self.requests[reference] = request
        request.progress.evidence = Evidence.MAYBE_SENT
        self.executed[reference] = self.executed.get(reference, 0) + 1
        body = {"success": True, "status": "completed", "amount": 0.01, "transaction_id": PAYMENT}
        return WireReply(200, (), json.dumps({**body, "refund_id": f"id-{reference}", "reference": reference}).encode())

    def close(self):
        pass


signal.signal(signal.SIGALRM, on_alarm)
if SIGNALS[how] is not signal.SIGALRM:
    signal.signal(SIGNALS[how], interrupt)
provider = Provider()
client = RefundClient(
    [Blink(access_token="test-token", currency="GBP")], transport=provider, ledger=ledger,
    timeout=Timeout(total=SECONDS), retry=Retry(attempts=1, deadline=SECONDS),
)


def refund(reference):
    try:
        return client.refund("blink", payment_id=PAYMENT, amount=AMOUNT, reference=reference)
    except RefundError as error:
        return error


def usual():
    began = time.monotonic()
    assert isinstance(refund(f"usual-{random.random()}"), Refund)
    return time.monotonic() - began


longest = sorted(usual() for _ in range(20))[15]
report = {"interrupted": 0, "ended": 0, "states": {}, "problems": [], "slowest": 0.0}
for number in range(moments):
    reference, outcome = f"order-{number}", None
    try:
        signal.setitimer(signal.ITIMER_REAL, max(chance.uniform(0, longest), 1e-6))
        outcome = refund(reference)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except RAISED:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    report["ended" if outcome is not None else "interrupted"] += 1
    began = time.monotonic()
    after = refund(f"after-{number}")
    report["slowest"] = max(report["slowest"], time.monotonic() - began)
    if not isinstance(after, Refund):
        report["problems"].append(f"the call after {reference}: {after!r}")
    until = time.monotonic() + 2 * SECONDS  # an interrupted call makes nobody wait, so the ledger has it later
    while True:
        entry = client.ledger.find("blink", reference)
        state = "free" if entry is None else entry.state
        if state != "sending" or time.monotonic() > until:
            break
        time.sleep(0.001)
    executed = provider.executed.get(reference, 0)
    request = provider.requests.get(reference)
    has_left = request is not None and request.progress.evidence is not Evidence.NOT_SENT
    if outcome is None:
        name = f"{state}, {'a byte had left' if has_left else 'no byte had left'}"
        report["states"][name] = report["states"].get(name, 0) + 1
        allowed = ("unknown", "accepted") if executed else ("unknown",) if has_left else ("free",)
    elif isinstance(outcome, Refund):
        allowed = ("accepted",)
    else:
        allowed = ("unknown",) if executed else ("free",)
    if state not in allowed:
        report["problems"].append(f"{reference}: {state}, executed {executed} times, {outcome!r}")
    if state == "free" and not isinstance(again := refund(reference), Refund):
        report["problems"].append(f"{reference} was free: {again!r}")
if max(provider.executed.values()) > 1:
    report["problems"].append("executed twice")
client.close()
print(json.dumps(report))
'''


@pytest.mark.parametrize("how", ["limit", "terminate", "keyboard"])
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_call_that_is_interrupted_at_any_moment_leaves_what_is_certain_and_no_lock(
    tmp_path_factory: pytest.TempPathFactory, database: str, how: str, request: pytest.FixtureRequest
) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    ledger = f"sqlite:///{folder}/refunds.db" if database == "sqlite" else request.getfixturevalue("postgres_url")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, ledger, how, str(MOMENTS)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout)
    assert report["problems"] == []
    assert report["interrupted"] > MOMENTS / 10, report
    # Moments before, between and after are among them.
    assert report["states"]["free, no byte had left"] > 0, report
    assert sum(count for name, count in report["states"].items() if "a byte had left" in name) > 0, report
