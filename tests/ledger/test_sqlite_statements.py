"""The statements of a ledger in SQLite: many rows in few steps, and never a scan of a table."""

import sqlite3
from pathlib import Path

import pytest

from refundry import Money, RefundStatus
from refundry.clock import SYSTEM
from refundry.ledger.changes import Inspect, Record, Reserve
from refundry.ledger.database import DatabaseLedger
from refundry.ledger.entry import Reservation
from refundry.ledger.opening import opened
from refundry.ledger.rules import Accepted
from refundry.owner import Owner
from refundry.refund import Refund, RefundRequest
from refundry.wire import Progress

AMOUNT = Money.of("1.00", "EUR")


def refunded(ledger: DatabaseLedger, reference: str) -> None:
    owner = Owner()
    with owner.lock:
        lease_end = SYSTEM.instant().plus(60)
        reservation = ledger.commit(Reserve(RefundRequest("blink", "p", AMOUNT, reference), None, 0, owner, lease_end))
        assert isinstance(reservation, Reservation)
        reservation.begin(Progress())
        done = Refund("blink", reference, RefundStatus.SUCCEEDED, amount=AMOUNT, refund_id=f"id-{reference}")
        reservation.record_attempt(done, is_about_an_earlier_one=False)
        assert ledger.commit(Record(reservation)) is None


def plans(path: Path, statements: list[str]) -> list[str]:
    connection = sqlite3.connect(path)
    asked = [one for one in statements if one.startswith(("SELECT", "WITH"))]
    found = [row[3] for one in asked for row in connection.execute(f"EXPLAIN QUERY PLAN {one}")]
    connection.close()
    return found


@pytest.mark.parametrize("known", [0, 1, 45, 64])
def test_a_batch_of_any_size_is_loaded_and_written_whole(tmp_path: Path, known: int) -> None:
    path = tmp_path / "refunds.db"
    ledger = opened(f"sqlite:///{path}", SYSTEM)
    session = ledger._writer._connect()
    names = [f"order-{number}" for number in range(64)]
    for name in names[:known]:
        refunded(ledger, name)
    entries = session.apply([Inspect("blink", name) for name in names], 5)
    assert [entry is not None and isinstance(entry.known, Accepted) for entry in entries] == [
        number < known for number in range(64)
    ]
    owners = [Owner() for _ in names]
    end = SYSTEM.instant().plus(60)
    changes = [
        Reserve(RefundRequest("blink", "p", AMOUNT, f"next-{name}"), None, 0, owner, end)
        for name, owner in zip(names, owners, strict=True)
    ]
    reservations = session.apply(changes, 5)
    assert [one.request.reference for one in reservations] == [f"next-{name}" for name in names]
    session.close()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM refunds").fetchone() == (64 + known,)
    assert connection.execute("SELECT count(*) FROM history").fetchone() == (64 + 2 * known,)
    connection.close()
    ledger.close()  # after the counting: it hands back what is still reserved


def test_no_statement_of_a_refund_scans_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    statements: list[str] = []

    class Traced(sqlite3.Connection):
        def __init__(self, *given: object, **options: object) -> None:
            super().__init__(*given, **options)  # type: ignore[arg-type]  # what connect() passes on
            self.set_trace_callback(statements.append)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *given, **options: connect(*given, factory=Traced, **options))
    ledger = opened(f"sqlite:///{tmp_path / 'refunds.db'}", SYSTEM)
    refunded(ledger, "order-0")
    statements.clear()
    refunded(ledger, "order-1")
    ledger.close()
    monkeypatch.undo()
    found = plans(tmp_path / "refunds.db", statements)
    assert any("SEARCH r USING PRIMARY KEY" in plan for plan in found)
    assert not [
        plan for plan in found if plan.startswith("SCAN") and "CONSTANT ROW" not in plan and plan not in ALLOWED
    ]


ALLOWED = {"SCAN key", "SCAN versions"}
"""The values that a statement brings along, and a table of a few rows."""
