"""A ledger in a file that another process uses, that cannot be written, or that is not the one it was."""

import os
import re
import shutil
import signal
import sqlite3
import time
from pathlib import Path
from typing import Final

import pytest

from refundry import NotSent
from refundry.errors import LedgerFailed
from refundry.ledger.sqlite import pragmas
from tests.ledger.support import SHORT, cause_of, client_of, events, locked, refunded, run, running, state

WITH_WAL: Final = (3, 51, 3)
# Root may write every file, unless it gives that up.
AS_A_USER: Final = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner") if os.geteuid() == 0 else ()
_REFUND: Final = """
import sys
from refundry import RefundError
from tests.ledger.support import client_of, refunded
try:
    with client_of(sys.argv[1])[0] as client:
        print(refunded(client, "reference-2").status)
except RefundError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file that is not there yet."""
    return tmp_path / "refunds.db"


@pytest.mark.parametrize("version", [(3, 31, 0), (3, 51, 2)])
def test_an_old_sqlite_keeps_a_rollback_journal_and_syncs_its_folder(version: tuple[int, int, int]) -> None:
    assert pragmas(version) == {"journal_mode": "persist", "synchronous": "3"}


@pytest.mark.parametrize("version", [(3, 51, 3), (3, 52, 0), (4, 0, 0)])
def test_a_new_sqlite_keeps_a_wal_and_syncs_each_commit(version: tuple[int, int, int]) -> None:
    assert pragmas(version) == {"journal_mode": "wal", "synchronous": "2"}


@pytest.mark.parametrize(("version", "mode"), [((3, 51, 2), "delete"), (WITH_WAL, "wal")])
def test_the_file_is_set_up_by_the_version(
    monkeypatch: pytest.MonkeyPatch, sqlite_url: str, path: Path, version: tuple[int, int, int], mode: str
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    with client_of(sqlite_url)[0] as client:
        refunded(client)
        with sqlite3.connect(path) as another:  # the file itself only says whether it has a WAL
            assert another.execute("PRAGMA journal_mode").fetchone() == (mode,)
        another.close()
        assert path.with_name("refunds.db-journal").exists() is (mode == "delete")


def test_a_setting_that_sqlite_does_not_take_is_refused(monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> None:
    monkeypatch.setattr("refundry.ledger.sqlite.pragmas", lambda _: {"journal_mode": "wal", "synchronous": "7"})
    with pytest.raises(LedgerFailed, match="SQLite keeps synchronous at"):
        client_of(sqlite_url)


def test_processes_with_two_versions_of_sqlite_do_not_go_on_beside_each_other(
    monkeypatch: pytest.MonkeyPatch, sqlite_url: str
) -> None:
    old, sent = client_of(sqlite_url)
    with old:
        monkeypatch.setattr(sqlite3, "sqlite_version_info", WITH_WAL)
        with client_of(sqlite_url)[0] as new:
            refunded(new, "of-the-new-one")
            with pytest.raises(NotSent, match="another version of SQLite has set journal_mode to wal"):
                refunded(old, "of-the-old-one")
    assert sent.sent == []


@pytest.mark.usefixtures("short_opening")
def test_an_old_sqlite_does_not_open_a_wal_that_another_process_uses(
    monkeypatch: pytest.MonkeyPatch, sqlite_url: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "sqlite_version_info", WITH_WAL)
        new = client_of(sqlite_url)[0]
    with new:
        refunded(new)
        with pytest.raises(LedgerFailed, match=r"SQLite keeps journal_mode at wal for .*, and persist is needed"):
            client_of(sqlite_url)
    with client_of(sqlite_url)[0] as alone:  # and turns it back once it is alone
        assert state(alone) == "accepted"


def test_a_call_waits_for_a_lock_no_longer_than_its_deadline(sqlite_url: str, path: Path) -> None:
    client, sent = client_of(sqlite_url, retry=SHORT)
    with client:
        with locked(path):
            began = time.monotonic()
            with pytest.raises(NotSent, match="another process has locked it") as raised:
                refunded(client)
            assert 0.9 <= time.monotonic() - began < 3
            cause_of(raised.value)
        assert refunded(client).replayed is False
    assert len(sent.sent) == 1


@pytest.mark.usefixtures("short_opening")
def test_a_client_whose_file_is_locked_fails_in_bounded_time(sqlite_url: str, path: Path) -> None:
    client_of(sqlite_url)[0].close()
    with locked(path):
        began = time.monotonic()
        with pytest.raises(LedgerFailed, match="another process has locked it"):
            client_of(sqlite_url)
        assert time.monotonic() - began < 4


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(sqlite_url: str, path: Path) -> None:
    path.write_bytes(b"not a database at all, and long enough to be read as the header of one" * 30)
    before = path.read_bytes()
    with pytest.raises(LedgerFailed, match="file is not a database; give the ledger a file of its own"):
        client_of(sqlite_url)
    assert path.read_bytes() == before


def test_the_database_of_an_application_is_refused_and_left_as_it_is(sqlite_url: str, path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE orders (number INTEGER)")
    connection.close()
    with pytest.raises(LedgerFailed, match="holds the tables of another application"):
        client_of(sqlite_url)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("orders",)]
    connection.close()


@pytest.mark.parametrize("in_its_place", ["nothing", "a new ledger", "a copy"])
@pytest.mark.parametrize("version", [(3, 40, 1), WITH_WAL])
def test_a_file_that_is_replaced_in_use_is_noticed_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, sqlite_url: str, path: Path, in_its_place: str, version: tuple[int, int, int]
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    client, sent = client_of(sqlite_url)
    with client:
        refunded(client, "before")
        copy = path.with_name("copy")
        shutil.copy(path, copy)
        path.unlink()
        if in_its_place == "a new ledger":
            client_of(sqlite_url)[0].close()
        elif in_its_place == "a copy":
            copy.rename(path)
        for reference in ("before", "after", "after"):
            with pytest.raises(NotSent, match="was deleted, moved or replaced while it was in use") as raised:
                refunded(client, reference)
            cause_of(raised.value)
        assert path.exists() is (in_its_place != "nothing")
    assert len(sent.sent) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_worker_does_not_begin_a_new_file_where_its_parents_is_gone(sqlite_url: str, path: Path) -> None:
    script = """
import os, pathlib, sys
from refundry import NotSent
from tests.ledger.support import client_of, refunded
client, sent = client_of(sys.argv[1])
refunded(client, "before")
pathlib.Path(sys.argv[2]).unlink()
child = os.fork()
if not child:
    try:
        refunded(client, "before")
    except NotSent as error:
        print(len(sent.sent), error, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
    assert "was deleted, moved or replaced" in run(script, sqlite_url, str(path))
    assert not path.exists()


@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "said"),
    [
        (0o555, 0o644, "could not be read or written: .*; the user of this process has to be able to write"),
        (0o755, 0o444, "could not be read or written: .*; the user of this process has to be able to write"),
        (0o755, 0o000, "could not be read or written: .*; the user of this process has to be able to write"),
        (0o000, 0o644, "could not be read or written: .*; the user of this process has to be able to write"),
    ],
)
def test_a_file_or_a_folder_that_may_not_be_written_is_refused(
    tmp_path: Path, folder_mode: int, file_mode: int, said: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "refunds.db"
    with client_of(f"sqlite:///{path}")[0] as client:
        refunded(client)
    path.with_name("refunds.db-journal").unlink(missing_ok=True)
    path.chmod(file_mode)
    folder.chmod(folder_mode)
    try:
        printed = run(_REFUND, f"sqlite:///{path}", before=AS_A_USER)
    finally:
        folder.chmod(0o755)
    assert re.match(f"LedgerFailed .*{said}", printed), printed
    path.chmod(0o644)
    with client_of(f"sqlite:///{path}")[0] as client:
        assert state(client, "reference-1") == "accepted"
        assert state(client, "reference-2") is None


def test_what_was_committed_is_there_after_a_kill_in_the_middle_of_a_commit(sqlite_url: str, path: Path) -> None:
    with client_of(sqlite_url)[0] as client:
        refunded(client, "durable")
    script = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode=persist")
connection.execute("PRAGMA cache_size=1")  # so that half of the transaction is in the file when it is killed
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE refunds SET state = 'free', token = NULL")
for number in range(2000):
    values = (f"digest-{number}" * 20, "parameters", "free")
    connection.execute("INSERT INTO archived (digest, parameters, state) VALUES (?, ?, ?)", values)
os.kill(os.getpid(), signal.SIGKILL)
"""
    before = path.stat().st_size
    with running(script, str(path)) as process:
        assert process.wait(30) == -signal.SIGKILL
    assert path.stat().st_size > before  # half of it is there, and its journal is hot
    assert path.with_name("refunds.db-journal").read_bytes()[:4] != bytes(4)
    client, sent = client_of(sqlite_url)
    with client:
        assert refunded(client, "durable").replayed
        assert events(client, "durable") == ["a call reserves it", "its attempt is accepted"]
    assert sent.sent == []
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM archived").fetchone() == (0,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
