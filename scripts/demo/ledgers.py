"""A worker that is killed in the middle of a refund, and what the next one says: over a ledger that both share."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from refundry import Money, RefundClient, RefundError, RefundStatus, Retry, Timeout
from scripts.demo.refunds import summary
from scripts.demo.sandboxes import SandboxProcess, sandbox_process

Step = tuple[str, str, str, str]
"""Who, what is done, the expected outcome, the outcome."""

# A short deadline, for the lease of a killed worker lasts a little longer than that.
_TIMEOUT = Timeout(connect=1, read=1, total=1)
_RETRY = Retry(attempts=1, deadline=1)
_SECONDS = 20.0
_ASKED = {"blink": ("blink-gbp", Money.of("12.34", "GBP")), "paybyrd": ("paybyrd-eur", Money.of("1.00", "EUR"))}
_WORKER = """
import sys
from scripts.demo.ledgers import client, refund
from scripts.demo.sandboxes import SandboxProcess
refund(client(SandboxProcess(sys.argv[1]), sys.argv[2]), sys.argv[3])
"""


def client(sandbox: SandboxProcess, ledger: str) -> RefundClient:
    """The client of one worker."""
    return RefundClient(sandbox.accounts(), timeout=_TIMEOUT, retry=_RETRY, ledger=ledger)


def refund(worker: RefundClient, provider: str) -> str:
    """Ask for the one refund at this provider; the outcome in a few words."""
    payment_id, amount = _ASKED[provider]
    try:
        done = worker.refund(provider, payment_id=payment_id, amount=amount, reference=f"demo/{provider}")
    except RefundError as error:
        return summary(error)
    return f"{done.status.name}{', replayed' if done.replayed else ''}"


def killed(sandbox: SandboxProcess, ledger: str, provider: str) -> str:
    """Kill a worker once the provider has its refund, before the reply comes."""
    sandbox.script(provider, "hang_after", operation="refund_transaction")
    command = [sys.executable, "-c", _WORKER, sandbox.base_url, ledger, provider]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as worker:
        deadline = time.monotonic() + _SECONDS
        while not executed(sandbox, provider) and worker.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        worker.kill()
    return "killed, refunded at the provider" if worker.returncode == -signal.SIGKILL else "it ended by itself"


def executed(sandbox: SandboxProcess, provider: str) -> int:
    """How many refunds the provider has executed."""
    return len(sandbox.state()["providers"][provider]["refunds"])


def _steps(sandbox: SandboxProcess, ledger: str) -> Iterator[Step]:
    for provider in _ASKED:
        yield f"{provider}, worker 1", "kill -9", "killed, refunded at the provider", killed(sandbox, ledger, provider)
    with client(sandbox, ledger) as worker:
        for provider in _ASKED:
            yield f"{provider}, worker 2", "asks at once", "RefundInProgress", refund(worker, provider)
        _wait_for_leases(worker)
        yield "blink, worker 2", "once the lease is over", "OutcomeUnknown", refund(worker, "blink")
        yield "paybyrd, worker 2", "once the lease is over", "SUCCEEDED", refund(worker, "paybyrd")
        yield "a person", "has seen it at Blink", "accepted", _decided(worker)
    with client(sandbox, ledger) as worker:
        for provider in _ASKED:
            yield f"{provider}, worker 3", "asks later", "SUCCEEDED, replayed", refund(worker, provider)
            yield f"{provider}", "refunds executed", "1", str(executed(sandbox, provider))


def _wait_for_leases(worker: RefundClient) -> None:
    deadline = time.monotonic() + _SECONDS
    while len(worker.ledger.unresolved()) < len(_ASKED) and time.monotonic() < deadline:
        time.sleep(0.2)


def _decided(worker: RefundClient) -> str:
    decided = worker.ledger.decide(
        "blink", "demo/blink", RefundStatus.SUCCEEDED, by="a person", reason="the portal lists it"
    )
    return decided.state


def ledgers() -> bool:
    """Print each step and its outcome. True when each is the expected one."""
    print("\nA worker is killed in the middle, and the next one takes over (a ledger in SQLite)", flush=True)
    print(f"  {'who':19}{'what':26}outcome")
    right = True
    with sandbox_process() as sandbox, TemporaryDirectory() as folder:
        for who, what, expected, outcome in _steps(sandbox, f"sqlite:///{Path(folder, 'refunds.db')}"):
            wrong = "" if outcome == expected else f"   WRONG: expected {expected}"
            right = right and not wrong
            print(f"  {who:19}{what:26}{outcome}{wrong}", flush=True)
    return right
