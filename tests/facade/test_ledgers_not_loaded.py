"""What a program without a ledger does not load: the databases of one."""

import subprocess
import sys
from pathlib import Path

import pytest

_SEEN = """
import sys
found = [name for name in sys.modules if name in ("sqlite3", "_sqlite3", "psycopg", "uuid")
    or name.startswith(("psycopg.", "refundry.ledger.")) and name not in {kept}]
sys.exit(f"these were loaded: {{found}}" if found else 0)
"""
_IMPORT = "import refundry"
_NAMES = "from refundry import AsyncRefundClient, Money, Paybyrd, RefundClient, WireReply"
_REFUND = """
class Provider:
    def send(self, request, timeout):
        return WireReply(200, (("content-type", "application/json"),), b'{"transactionId": "r", "code": "BYRD200"}')
    def close(self):
        pass

client = RefundClient([Paybyrd(api_key="test-key")], transport=Provider())
amount = Money.of("1.00", "EUR")
assert client.refund("paybyrd", payment_id="p", amount=amount, reference="order-1/1").refund_id == "r"
"""
_RULES = {f"refundry.ledger.{name}" for name in ("changes", "entry", "memory", "rules")}


@pytest.mark.parametrize(
    ("program", "kept"),
    [(_IMPORT, set()), (_NAMES, set()), (f"{_NAMES}\n{_REFUND}", _RULES)],
    ids=["import refundry", "import its names", "refund without a ledger"],
)
def test_a_program_without_a_ledger_loads_no_database(program: str, kept: set[str]) -> None:
    done = _run(program, kept)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_program_with_a_ledger_in_sqlite_is_found_to_load_one(tmp_path: Path) -> None:
    program = f"{_NAMES}\nRefundClient([Paybyrd(api_key='k')], ledger='sqlite:///{tmp_path}/refunds.db').close()"
    done = _run(program, _RULES)
    assert done.returncode == 1
    assert "'sqlite3'" in done.stderr


def _run(program: str, kept: set[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program + _SEEN.format(kept=kept or "()")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
