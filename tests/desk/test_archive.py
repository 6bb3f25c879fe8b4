"""What `archive` moves out, what it leaves, and what a moved reference does."""

import asyncio
import contextlib
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from refundry import (
    FULL,
    Amount,
    AsyncRefundClient,
    InvalidRefund,
    LedgerFailed,
    Money,
    OutcomeUnknown,
    ReferenceConflict,
    RefundError,
    RefundRejected,
    RefundStatus,
)
from refundry.ledger import archive as archiving
from tests.desk.support import ACCEPTED, BY, LOST, PENDING, REFUSED, client, contradict, lose, refund, run_sql, sent
from tests.facade.support import ONE_EURO, PAYMENT, Scripted, accepted, account


def now() -> datetime:
    """Return a time that is after every change which a test has made."""
    return datetime.now(UTC) + timedelta(minutes=5)


def read(path: Path) -> list[dict[str, Any]]:
    """Return the lines of an archive."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def keys(url: str) -> set[tuple[str, str]]:
    """Return the references that are in the ledger."""
    return {(one[0], one[1]) for one in run_sql(url, "SELECT account, reference FROM refundry.refunds")}


def test_what_has_ended_moves_and_what_has_not_stays(url: str, tmp_path: Path) -> None:
    contradict(url, "contradicted")
    with client(url, ACCEPTED, PENDING, REFUSED, LOST) as one:
        refund(one, "done")
        assert refund(one, "pending").status is RefundStatus.PENDING
        with pytest.raises(RefundRejected):
            refund(one, "refused")
        with pytest.raises(OutcomeUnknown):
            refund(one, "lost")
        history = [line.to_dict() for line in one.ledger.history("paybyrd", "done")]
        assert one.ledger.archive(before=now(), to=tmp_path / "old.jsonl") == 2
    assert keys(url) == {("paybyrd", one) for one in ("contradicted", "pending", "lost")}
    done, refused = read(tmp_path / "old.jsonl")
    assert (done["reference"], done["state"], done["payment_id"]) == ("done", "accepted", PAYMENT)
    assert done["refund"]["refund_id"] == "refund-1"
    assert done["history"] == history
    assert (refused["reference"], refused["state"]) == ("refused", "free")
    assert run_sql(url, "SELECT count(*) FROM refundry.history WHERE reference IN ('done', 'refused')") == [(0,)]


def test_what_changed_later_stays(url: str, tmp_path: Path) -> None:
    with client(url) as one:
        refund(one, "r-1")
        assert one.ledger.archive(before=datetime.now(UTC) - timedelta(hours=1), to=tmp_path / "old.jsonl") == 0
    assert keys(url) == {("paybyrd", "r-1")}


def test_an_archived_refund_is_replayed_and_never_sent(url: str, tmp_path: Path) -> None:
    with client(url) as one:
        refund(one, "r-1")
        one.ledger.archive(before=now(), to=tmp_path / "old.jsonl")
    with client(url) as other:
        replayed = refund(other, "r-1")
        assert (replayed.status, replayed.replayed) == (RefundStatus.SUCCEEDED, True)
        with pytest.raises(ReferenceConflict):
            refund(other, "r-1", amount=Money.of("2.00", "EUR"))
        with pytest.raises(ReferenceConflict):
            refund(other, "r-1", payment="another-payment")
        assert sent(other) == 0


@pytest.mark.parametrize(
    ("provider", "amount", "too_much"),
    [("paybyrd", Money.of("1.00", "EUR"), "0.51"), ("blink", FULL, "0.01")],
    ids=["a part", "all of it"],
)
def test_an_archived_refund_still_counts_against_its_payment(
    url: str, tmp_path: Path, provider: str, amount: Amount, too_much: str
) -> None:
    captured = Money.of("1.50", "EUR")
    answer = accepted(provider)
    with client(url, answer, provider=provider) as one:
        refund(one, "r-1", amount=amount, provider=provider)
        one.ledger.archive(before=now(), to=tmp_path / "old.jsonl")
    with client(url, answer, provider=provider) as other:
        with pytest.raises(InvalidRefund, match="is more than is left of payment"):
            refund(other, "r-2", amount=Money.of(too_much, "EUR"), provider=provider, payment_amount=captured)
        assert sent(other, provider) == 0


def test_an_archived_refund_counts_nothing_against_another_payment(url: str, tmp_path: Path) -> None:
    with client(url) as one:
        refund(one, "r-1")
        one.ledger.archive(before=now(), to=tmp_path / "old.jsonl")
        assert refund(one, "r-2", payment="another-payment", payment_amount=Money.of("1.00", "EUR")).refund_id


def test_an_archived_refusal_counts_nothing(url: str, tmp_path: Path) -> None:
    captured = Money.of("1.00", "EUR")
    with client(url, REFUSED) as one:
        with pytest.raises(RefundRejected):
            refund(one, "r-1", payment_amount=captured)
        one.ledger.archive(before=now(), to=tmp_path / "old.jsonl")
    with client(url) as other:
        assert refund(other, "r-2", payment_amount=captured).status is RefundStatus.SUCCEEDED


def test_an_archived_refusal_is_refused_and_never_sent(url: str, tmp_path: Path) -> None:
    with client(url, REFUSED) as one:
        with pytest.raises(RefundRejected):
            refund(one, "r-1")
        one.ledger.archive(before=now(), to=tmp_path / "old.jsonl")
    with client(url) as other:
        with pytest.raises(InvalidRefund, match="is archived: nothing was executed under it"):
            refund(other, "r-1")
        assert sent(other) == 0


@pytest.mark.parametrize(
    ("answer", "amount", "kind", "field"),
    [(ACCEPTED, Money.of("2.00", "EUR"), ReferenceConflict, None), (REFUSED, ONE_EURO, InvalidRefund, "reference")],
    ids=["another amount", "refused"],
)
def test_the_error_about_an_archived_reference_names_the_refund(
    file_url: str, tmp_path: Path, answer: Any, amount: Money, kind: type[RefundError], field: str | None
) -> None:
    with client(file_url, answer) as one:
        with contextlib.suppress(RefundRejected):
            refund(one, "r-1")
        one.ledger.archive(before=now(), to=tmp_path / "old.jsonl")
        with pytest.raises(kind) as error:
            refund(one, "r-1", amount=amount)
    assert (error.value.provider, error.value.reference, error.value.payment_id) == ("paybyrd", "r-1", PAYMENT)
    assert (error.value.amount, getattr(error.value, "field", None)) == (amount, field)


def test_the_digests_of_an_archive_are_those_of_earlier_versions(file_url: str, tmp_path: Path) -> None:
    with client(file_url, accepted("blink"), provider="blink") as one:
        refund(one, "r-1", provider="blink")
        refund(one, "r-2", provider="blink", amount=FULL)
        one.ledger.archive(before=now(), to=tmp_path / "old.jsonl")
    expected = {("blink\nr-1", f"{PAYMENT}\n100\nEUR"), ("blink\nr-2", PAYMENT)}
    digests = {tuple(sha256(text.encode()).hexdigest() for text in texts) for texts in expected}
    assert {*run_sql(file_url, "SELECT digest, parameters FROM refundry.archived")} == digests


@pytest.mark.parametrize(
    ("answer", "state", "status"),
    [(ACCEPTED, "accepted", RefundStatus.SUCCEEDED), (REFUSED, "free", RefundStatus.FAILED)],
    ids=["accepted", "refused"],
)
def test_every_question_about_an_archived_reference_has_an_answer(
    url: str, tmp_path: Path, answer: Any, state: str, status: RefundStatus
) -> None:
    with client(url, answer) as one:
        try:
            kept = refund(one, "r-1")
        except RefundRejected:
            kept = None
        one.ledger.archive(before=now(), to=tmp_path / "old.jsonl")
        found = one.ledger.find("paybyrd", "r-1")
        assert found is not None
        assert (found.state, found.is_archived, found.payment_id, found.amount) == (state, True, None, None)
        assert json.loads(json.dumps(found.to_dict()))["is_archived"] is True
        assert one.ledger.history("paybyrd", "r-1") == []
        assert one.ledger.unresolved() == []
        resolved = one.resolve("paybyrd", "r-1")
        assert (resolved.status, resolved.replayed) == (status, True)
        with pytest.raises(InvalidRefund, match="the ledger has archived the refund 'r-1'"):
            one.ledger.decide("paybyrd", "r-1", RefundStatus.FAILED, **BY)
        if kept is not None:
            assert one.wait(kept) == kept


def test_more_references_than_a_batch_move(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiving, "_BATCH", 3)
    references = [f"r-{number:02}" for number in range(10)]
    with client(url) as one:
        for reference in references:
            refund(one, reference)
        assert one.ledger.archive(before=now(), to=tmp_path / "old.jsonl") == 10
    assert [line["reference"] for line in read(tmp_path / "old.jsonl")] == references
    assert keys(url) == set()


def test_a_reference_that_changes_while_it_is_written_stays(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client(url) as one:
        refund(one, "r-1")
        refund(one, "r-2")
        append = archiving._append

        def change(*arguments: Any) -> None:
            append(*arguments)
            run_sql(url, "UPDATE refundry.refunds SET version = version + 1 WHERE reference = 'r-1'")

        monkeypatch.setattr(archiving, "_append", change)
        assert one.ledger.archive(before=now(), to=tmp_path / "old.jsonl") == 1
    assert keys(url) == {("paybyrd", "r-1")}
    assert run_sql(url, "SELECT count(*) FROM refundry.archived") == [(1,)]
    assert run_sql(url, "SELECT count(*) FROM refundry.history WHERE reference = 'r-1'") == [(2,)]


CRASH = """
import os, sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from refundry.ledger import archive as archiving
from refundry import Paybyrd, RefundClient

url, path, where = sys.argv[1:]
append = archiving._append
def crash(file, lines):
    append(file, lines if where == "after" else lines[:-7])
    os._exit(9)
archiving._append = crash
client = RefundClient([Paybyrd(api_key="test-key")], ledger=url)
client.ledger.archive(before=datetime.now(UTC) + timedelta(minutes=5), to=path)
"""


@pytest.mark.parametrize("where", ["after", "within"])
def test_a_crash_between_file_and_ledger_loses_nothing_and_the_next_run_completes_it(
    url: str, tmp_path: Path, where: str
) -> None:
    path = tmp_path / "old.jsonl"
    references = {f"r-{number}" for number in range(3)}
    with client(url) as one:
        for reference in sorted(references):
            refund(one, reference)
    crashed = subprocess.run([sys.executable, "-c", CRASH, url, str(path), where], check=False, timeout=60)
    assert crashed.returncode == 9
    assert keys(url) == {("paybyrd", reference) for reference in references}
    with client(url) as one:
        assert one.ledger.archive(before=now(), to=path) == 3
    lines = read(path)
    assert {line["reference"] for line in lines} == references
    assert len({(line["reference"], line["version"]) for line in lines}) == 3
    assert len(lines) == (6 if where == "after" else 5)
    assert keys(url) == set()


@pytest.mark.parametrize("content", [b"a,b,c\n1,2,3\n", b"SQLite format 3\0", b'{"pro', b"\n"])
def test_a_file_that_is_something_else_is_not_touched(file_url: str, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes(content)
    with client(file_url) as one:
        refund(one, "r-1")
        if content == b'{"pro':  # what a crash within the very first line leaves
            assert one.ledger.archive(before=now(), to=path) == 1
            assert len(read(path)) == 1
            return
        with pytest.raises(InvalidRefund, match=r"mine\.txt is there, and is no archive of a ledger"):
            one.ledger.archive(before=now(), to=path)
    assert path.read_bytes() == content
    assert keys(file_url) == {("paybyrd", "r-1")}


def test_a_file_that_cannot_be_written_leaves_the_ledger_as_it_was(file_url: str, tmp_path: Path) -> None:
    with client(file_url) as one:
        refund(one, "r-1")
        with pytest.raises(LedgerFailed, match="could not be written: No such file or directory; what is not in it"):
            one.ledger.archive(before=now(), to=tmp_path / "nowhere" / "old.jsonl")
        with pytest.raises(LedgerFailed, match="Is a directory"):
            one.ledger.archive(before=now(), to=tmp_path)
    assert keys(file_url) == {("paybyrd", "r-1")}


def test_the_file_is_for_its_owner_alone(file_url: str, tmp_path: Path) -> None:
    with client(file_url) as one:
        refund(one, "r-1")
        one.ledger.archive(before=now(), to=tmp_path / "old.jsonl")
    assert (tmp_path / "old.jsonl").stat().st_mode & 0o777 == 0o600


def test_two_runs_do_not_write_one_file(file_url: str, tmp_path: Path) -> None:
    import fcntl

    path = tmp_path / "old.jsonl"
    with path.open("ab") as other, client(file_url) as one:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(LedgerFailed, match="another archiving writes"):
            one.ledger.archive(before=now(), to=path)


def test_a_time_without_a_zone_is_refused(file_url: str, tmp_path: Path) -> None:
    with client(file_url) as one, pytest.raises(InvalidRefund, match="with a time zone"):
        one.ledger.archive(before=datetime(2026, 1, 1), to=tmp_path / "old.jsonl")


def test_a_ledger_in_memory_has_nothing_to_archive(tmp_path: Path) -> None:
    with client(None) as one, pytest.raises(InvalidRefund, match="in memory has nothing to archive"):
        one.ledger.archive(before=now(), to=tmp_path / "old.jsonl")
    assert not (tmp_path / "old.jsonl").exists()


def test_the_client_for_event_loops_archives_without_holding_its_loop(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client(url) as one:
        refund(one, "r-1")
    append, loop_went_on = archiving._append, []

    async def main() -> int:
        loop = asyncio.get_running_loop()

        def wait(*arguments: Any) -> None:
            future = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop)
            future.result(10)
            loop_went_on.append(True)
            append(*arguments)

        monkeypatch.setattr(archiving, "_append", wait)
        async with AsyncRefundClient([account("paybyrd", transport=Scripted(ACCEPTED))], ledger=url) as aclient:
            return await aclient.ledger.archive(before=now(), to=tmp_path / "old.jsonl")

    assert asyncio.run(main()) == 1
    assert loop_went_on == [True]


def test_unknown_references_are_never_archived_however_old(url: str, tmp_path: Path) -> None:
    lose(url, "r-1")
    run_sql(url, "UPDATE refundry.refunds SET changed_at = 0")
    with client(url) as one:
        assert one.ledger.archive(before=now(), to=tmp_path / "old.jsonl") == 0
        assert [entry.reference for entry in one.ledger.unresolved()] == ["r-1"]
