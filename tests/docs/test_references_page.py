"""The table in docs/references.md for a service of several workers, run as a reader would run it."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refundry import Evidence, Money, NotSent, OutcomeUnknown, Refund, RefundClient, RefundRejected, SendFailure
from tests.facade.support import ONCE, PAYMENT, Scripted, account, reply

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "references.md").read_text(encoding="utf-8")
(CODE,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)

EURO = Money.of("1.00", "EUR")
DONE = reply(200, {"status": "completed", "refunded_transaction_id": "refund-1"})
LOST = SendFailure(Evidence.MAYBE_SENT, "the connection broke")
UNREACHABLE = SendFailure(Evidence.NOT_SENT, "the connection was refused")
REFUSED = reply(400, {"success": False, "message": "no"})

Ask = Callable[[Scripted, Money], Refund]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Refund one reference by the function of the page, each time in a new client, as a new process would."""
    page: dict[str, Any] = {}
    exec(CODE, page)
    database = sqlite3.connect(tmp_path / "refunds.db")
    database.execute(page["TABLE"])

    def refund(transport: Scripted, amount: Money) -> Refund:
        with RefundClient([account("blink", transport=transport)], retry=ONCE) as client:
            refunded: Refund = page["refund_once"](client, database, PAYMENT, amount, "order-1/1")
            return refunded

    return refund


def test_a_refund_that_was_accepted_is_not_sent_by_another_process(ask: Ask) -> None:
    transport = Scripted(DONE)
    assert ask(transport, EURO).refund_id == "refund-1"
    with pytest.raises(LookupError):
        ask(transport, EURO)
    assert len(transport.sent) == 1


def test_a_refund_whose_outcome_is_unknown_is_not_sent_by_another_process(ask: Ask) -> None:
    transport = Scripted(LOST, DONE)
    with pytest.raises(OutcomeUnknown):
        ask(transport, EURO)
    with pytest.raises(LookupError):
        ask(transport, EURO)
    assert len(transport.sent) == 1


def test_a_refund_that_was_not_executed_may_be_sent_by_another_process(ask: Ask) -> None:
    transport = Scripted(UNREACHABLE, REFUSED, DONE)
    with pytest.raises(NotSent):
        ask(transport, EURO)
    with pytest.raises(RefundRejected):
        ask(transport, EURO)
    assert ask(transport, EURO).refund_id == "refund-1"
    assert len(transport.sent) == 3


def test_a_reference_is_not_used_for_another_refund(ask: Ask) -> None:
    transport = Scripted(UNREACHABLE, DONE)
    with pytest.raises(NotSent):
        ask(transport, EURO)
    with pytest.raises(LookupError):
        ask(transport, Money.of("2.00", "EUR"))
    assert len(transport.sent) == 1


KILLED = """
import os, signal, sqlite3, sys

page = {}
exec(sys.argv[1], page)
from refundry import Blink, Money, RefundClient


class Killing:
    def send(self, request, timeout):
        os.kill(os.getpid(), signal.SIGKILL)

    def close(self):
        pass


database = sqlite3.connect(sys.argv[2])
database.execute(page["TABLE"])
client = RefundClient([Blink(access_token="test-key")], transport=Killing())
page["refund_once"](client, database, "payment-1", Money.of("1.00", "EUR"), "order-1/1")
"""


def test_a_refund_whose_process_was_killed_is_not_sent_by_another(ask: Ask, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", KILLED, CODE, str(tmp_path / "refunds.db")],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
        check=False,
    )
    assert run.returncode == -signal.SIGKILL
    transport = Scripted(DONE)
    with pytest.raises(LookupError):
        ask(transport, EURO)
    assert transport.sent == []
