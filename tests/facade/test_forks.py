"""What a forked process knows about its parent's calls: a worker of gunicorn with --preload, or of multiprocessing."""

import json
import os
import subprocess
import sys
from typing import Final

import pytest

from tests.providers import PROVIDERS, RECORDS, WITH_TOKENS

SCRIPT: Final = '''
import json, os, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads is what is tried
from refundry import *
from refundry.accounts import KINDS

PROVIDER, HOW = sys.argv[1:3]
FACTS = json.loads(sys.argv[3])
AMOUNT = Money.of("1.00", "EUR")
reached, go_on, parent = threading.Event(), threading.Event(), os.getpid()


def stop():
    if os.getpid() == parent and not reached.is_set():
        reached.set()
        go_on.wait(20)


class Blocking:
    """A transport that stops the first call of the parent, at the chosen place."""

    tells_progress = True
    refunds = 0

    def send(self, request, timeout):
        is_token = request.target == FACTS["token path"]
        if HOW == "token" and is_token or HOW == "connecting" and not is_token:
            stop()
        request.progress.evidence = Evidence.MAYBE_SENT
        self.refunds += not is_token
        if HOW == "sent" and not is_token:
            stop()
        return WireReply(200, (), json.dumps(FACTS["token" if is_token else "accepted"]).encode())

    def close(self):
        pass


class Slow(str):
    """A reference that stops where it is looked up, which is where the client holds its lock."""

    def __hash__(self):
        if HOW == "lock":
            stop()
        return str.__hash__(self)


transport = Blocking()
retry = Retry(attempts=1, deadline=5, longest_wait=1)
client = RefundClient([KINDS[PROVIDER](**FACTS["account"])], transport=transport, retry=retry)


def outcome(reference):
    try:
        return client.refund(PROVIDER, payment_id="payment-1", amount=AMOUNT, reference=reference).status.name
    except RefundError as error:
        return type(error).__name__ + " " + error.resend.name


thread = threading.Thread(target=lambda: outcome(Slow("reference-1")))
thread.start()
assert reached.wait(20)
reader, writer = os.pipe()
child = os.fork()
if not child:
    transport.refunds = 0
    in_child = [outcome("reference-1"), transport.refunds, outcome("reference-2"), transport.refunds]
    os.write(writer, json.dumps(in_child).encode())
    os._exit(0)
os.close(writer)
print(os.read(reader, 10_000).decode())
os.waitpid(child, 0)
go_on.set()
thread.join(20)
print(json.dumps([outcome("reference-1"), transport.refunds]))
'''


def facts(provider: str) -> dict[str, object]:
    """Return the facts about a provider for the script, which imports no tests because that takes long."""
    record = RECORDS[provider]
    if record.tokens is None:
        return {"account": record.credentials, "accepted": record.accepted, "token path": None}
    others = {name: value for name, value in record.credentials.items() if name != "access_token"}
    return {
        "account": {**others, **record.tokens.keys},
        "accepted": record.accepted,
        "token path": record.tokens.path,
        "token": record.tokens.body("test-token", 300),
    }


def lines_of(provider: str, how: str) -> list[list[object]]:
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, provider, how, json.dumps(facts(provider))],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


STOPS: Final = [
    *(("token", provider) for provider in WITH_TOKENS),
    *((how, provider) for how in ("connecting", "sent") for provider in PROVIDERS),
]
"""The place of the parent's call at the fork."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize(("how", "provider"), STOPS)
def test_only_a_reference_in_progress_at_the_fork_is_unknown_in_the_child(provider: str, how: str) -> None:
    in_child, in_parent = lines_of(provider, how)
    done = RECORDS[provider].accepted_as.name
    # Free would pay twice. A provider that de-duplicates knows the key, whoever sends it.
    unknown = ["SUCCEEDED", 1, done, 2] if RECORDS[provider].deduplicates else ["OutcomeUnknown NEVER", 0, done, 1]
    assert in_child == unknown
    assert in_parent == [done, 1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_lock_that_was_held_at_the_fork_is_open_in_the_child(provider: str) -> None:
    done = RECORDS[provider].accepted_as.name
    in_child, in_parent = lines_of(provider, "lock")
    assert in_child == [done, 1, done, 2]
    assert in_parent == [done, 1]
