"""`python -m refundry.ledger`: what each command prints, asks, changes and refuses, and its exit code."""

import io
import json
import os
import pty
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from refundry import RefundStatus, WireReply
from refundry.ledger.__main__ import main
from tests.desk.support import ACCEPTED, PENDING, client, contradict, end_leases, lose, refund, run_sql, sent
from tests.facade.support import PAYMENT, Answer

DECIDE = ["--by", "the person on call", "--reason", "the dashboard shows it"]


class Terminal(io.StringIO):
    """An input that somebody sits at."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def json_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """Return what a command prints as JSON."""
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_list_shows_what_calls_for_somebody_oldest_first(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    lose(url, "r-2")
    lose(url, "r-1", provider="blink")
    contradict(url, "r-3")
    with client(url) as one:
        refund(one, "done")
    assert main(["list", url]) == 0
    text = capsys.readouterr().out
    entries = text.split("\n\n")
    assert [entry.split("\n")[0] for entry in entries[:3]] == ["paybyrd  r-2", "blink  r-1", "paybyrd  r-3"]
    assert f"1.00 EUR of payment {PAYMENT}, attempt 1, first sent {datetime.now(UTC):%Y-%m-%d}" in entries[0]
    assert "why       paybyrd may have refunded 'r-2': no reply within 30 s" in entries[0]
    assert "next      refund it again under this very reference before" in entries[0]
    assert "next      look for it at the provider, by payment, amount and time; then decide blink r-1" in entries[1]
    assert "AGAINST   the person on call decided that it was not executed, and the provider accepted it" in entries[2]
    assert entries[3] == "3 references unresolved\n"
    assert "done" not in text


def test_list_chooses_by_state_account_and_number(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    lose(url, "lost")
    lose(url, "elsewhere", provider="blink")
    with client(url, ACCEPTED, PENDING) as one:
        refund(one, "done")
        refund(one, "pending")

    def references(*arguments: str) -> list[str]:
        return [entry["reference"] for entry in json_of(capsys, "list", url, *arguments)["entries"]]

    assert references() == ["lost", "elsewhere"]
    assert references("--account", "blink") == ["elsewhere"]
    assert references("--state", "accepted") == ["done", "pending"]
    assert references("--state", "sending") == []
    assert references("--all") == ["lost", "elsewhere", "done", "pending"]
    assert references("--all", "--account", "paybyrd", "--limit", "2") == ["lost", "done"]
    assert json_of(capsys, "list", url, "--limit", "1")["has_more"] is True
    entry = json_of(capsys, "list", url)["entries"][0]
    assert entry["next"].startswith("refund it again")
    assert 0 <= entry["age_seconds"] < 120


def test_a_reference_that_a_worker_holds_is_sending_until_its_lease_is_over(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    states = []

    def meanwhile(_: object) -> Answer:
        states.append(json_of(capsys, "show", "paybyrd", "r-1", url)["entry"]["state"])
        assert main(["check", url]) == 0
        capsys.readouterr()
        end_leases(url)
        states.append(json_of(capsys, "show", "paybyrd", "r-1", url)["entry"]["state"])
        assert main(["check", url]) == 1
        assert "their process is gone, and they are unknown" in capsys.readouterr().out
        return ACCEPTED

    with client(url, meanwhile) as one:
        refund(one, "r-1")
    assert states == ["sending", "unknown"]


def test_show_has_the_history_with_the_request_ids(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer = WireReply(200, (("requestid", "0af7651916cd43dd"),), ACCEPTED.body)
    with client(url, answer) as one:
        refund(one, "r-1")
    assert main(["show", "paybyrd", "r-1", url]) == 0
    text = capsys.readouterr().out
    assert "accepted (succeeded) for" in text
    assert (
        "its attempt is accepted -> accepted, attempt 1\n    SUCCEEDED, HTTP 200, request id 0af7651916cd43dd" in text
    )
    found = json_of(capsys, "show", "paybyrd", "r-1", url)
    assert found["history"][-1]["request_ids"] == ["0af7651916cd43dd"]


def test_show_of_a_reference_that_is_not_there_names_the_accounts(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    lose(url, "r-1")
    assert main(["show", "paypal", "r-1", url]) == 1
    assert "there is no reference 'r-1' at 'paypal'; the ledger has the accounts paybyrd" in capsys.readouterr().err


@pytest.mark.parametrize(("outcome", "state", "refunds"), [("executed", "accepted", 0), ("not-executed", "free", 1)])
def test_decide_records_a_persons_word(
    url: str, outcome: str, state: str, refunds: int, capsys: pytest.CaptureFixture[str]
) -> None:
    lose(url, "r-1")
    assert main(["decide", "paybyrd", "r-1", outcome, *DECIDE, "--yes", url]) == 0
    told = capsys.readouterr()
    assert f"Decided: 'r-1' at paybyrd is {state}" in told.out
    assert f"the person on call decides: {outcome}, because: the dashboard shows it" in told.err
    with client(url) as one:
        assert one.ledger.history("paybyrd", "r-1")[-1].by == "the person on call"
        refund(one, "r-1")
        assert sent(one) == refunds


@pytest.mark.parametrize(("answer", "code"), [("yes\n", 0), ("y\n", 1), ("\n", 1), ("", 1)])
def test_decide_asks_and_changes_nothing_without_a_yes(
    file_url: str, answer: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lose(file_url, "r-1")
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert main(["decide", "paybyrd", "r-1", "not-executed", *DECIDE, file_url]) == code
    told = capsys.readouterr().err
    assert "the refund IS SENT" in told
    assert ("error: nothing was changed" in told) == (code == 1)
    with client(file_url) as one:
        assert len(one.ledger.unresolved()) == (1 if code else 0)


@pytest.mark.parametrize(
    "arguments",
    [
        ["decide", "paybyrd", "r-1", "executed", *DECIDE],
        ["rename", "paybyrd", "shop"],
        ["archive", "--before", "2999-01-01", "--to", "old.jsonl"],
    ],
    ids=["decide", "rename", "archive"],
)
def test_nothing_is_changed_where_nobody_can_be_asked(
    file_url: str,
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lose(file_url, "r-1")
    with client(file_url) as one:
        refund(one, "done")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    before = run_sql(file_url, "SELECT * FROM refundry.refunds")
    assert main([*arguments, file_url]) == 1
    assert "the input is no terminal; nothing was changed. --yes agrees beforehand" in capsys.readouterr().err
    assert run_sql(file_url, "SELECT * FROM refundry.refunds") == before
    assert not Path("old.jsonl").exists()


def test_decide_refuses_what_is_certain(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with client(url) as one:
        refund(one, "r-1")
    assert main(["decide", "paybyrd", "r-1", "not-executed", *DECIDE, "--yes", url]) == 1
    assert "'r-1' at paybyrd is accepted (succeeded); a person decides what is unknown" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["--by", "--reason"])
def test_decide_needs_a_name_and_a_reason(file_url: str, missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    lose(file_url, "r-1")
    at = DECIDE.index(missing)
    with pytest.raises(SystemExit) as ended:
        main(["decide", "paybyrd", "r-1", "executed", *DECIDE[:at], *DECIDE[at + 2 :], "--yes", file_url])
    assert ended.value.code == 2
    assert f"required: {missing}" in capsys.readouterr().err
    empty = [*DECIDE[: at + 1], " ", *DECIDE[at + 2 :]]
    assert main(["decide", "paybyrd", "r-1", "executed", *empty, "--yes", file_url]) == 1


def test_a_word_that_agrees_ends_a_contradiction(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    contradict(url, "r-1")
    assert main(["check", url]) == 1
    assert "find out what is so at the provider: run list" in capsys.readouterr().out
    assert main(["decide", "paybyrd", "r-1", "executed", *DECIDE, "--yes", url]) == 0
    assert main(["check", url]) == 0


def test_check_says_how_the_ledger_is_set(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    lose(url, "r-1")
    assert main(["check", url]) == 0
    assert capsys.readouterr().out.endswith("nothing is wrong\n")
    facts = {fact["name"]: fact["value"] for fact in json_of(capsys, "check", url)["facts"]}
    assert facts["accounts"] == "paybyrd is paybyrd (production)"
    assert (facts["references"], facts["contradictions"]) == ("1 unknown", "0")
    if url.startswith("sqlite"):
        assert facts["integrity_check"] == "ok"
        assert (facts["journal_mode"], facts["synchronous"]) in [("persist", "extra"), ("wal", "full")]
    else:
        assert (facts["fsync"], facts["synchronous_commit"]) == ("on", "on")
        assert facts["lacking grants"] == "none"


def test_check_finds_a_damaged_file(file_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    lose(file_url, *(f"r-{number}" for number in range(20)))
    path = Path(file_url.removeprefix("sqlite:///"))
    with sqlite3.connect(path) as connection:
        ((root,), (size,)) = (
            connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'history_by_reference'").fetchone(),
            connection.execute("PRAGMA page_size").fetchone(),
        )
    content = bytearray(path.read_bytes())
    content[(root - 1) * size + 8 : root * size] = bytes(size - 8)
    path.write_bytes(content)
    assert main(["check", file_url]) == 1
    assert "it is damaged" in capsys.readouterr().out


def test_check_does_not_keep_refunds_waiting_for_longer_than_it_may(
    file_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("refundry.ledger.inspection._STEPS_BETWEEN_LOOKS", 1)
    lose(file_url, *(f"r-{number}" for number in range(20)))
    assert main(["check", "--seconds", "0", file_url]) == 0
    assert "not finished in 0 s" in capsys.readouterr().out


def test_check_finds_references_that_a_client_wrote_under_a_name_that_was_given_up(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with client(url, name="old") as still_running:
        assert main(["rename", "old", "new", "--yes", url]) == 0
        refund(still_running, "r-1", provider="old")
    assert main(["check", url]) == 1
    assert "a client wrote them under a name that the ledger does not know any more" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["list"], ["check"], ["show", "paybyrd", "r-1"], ["rename", "a", "b", "--yes"]])
def test_no_command_makes_a_ledger(
    url: str, arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, url]) == 2
    assert "a client makes it, and this command does not" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []
    if not url.startswith("sqlite"):
        assert run_sql(url, "SELECT to_regclass('refundry.versions') IS NULL") == [(True,)]


def test_no_command_touches_a_file_that_is_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (one)")
    before = path.read_bytes()
    assert main(["list", f"sqlite:///{path}"]) == 2
    assert "is no ledger, or cannot be read: no such table" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_archive_moves_what_has_ended(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with client(url) as one:
        refund(one, "r-1")
    path = str(tmp_path / "old.jsonl")
    assert main(["archive", "--before", "2000-01-01", "--to", path, "--yes", url]) == 0
    assert "Archived: 0 references now in" in capsys.readouterr().out
    assert main(["archive", "--before", "2999-01-01T00:00+01:00", "--to", path, "--yes", url]) == 0
    told = capsys.readouterr()
    assert "At most 1 reference last changed before 2998-12-31 23:00:00 UTC" in told.err
    assert "Archived: 1 reference now in" in told.out
    assert main(["show", "paybyrd", "r-1", url]) == 0
    assert "accepted, archived" in capsys.readouterr().out


def test_print_sql_makes_a_ledger_that_a_client_takes(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    kind = "sqlite" if url.startswith("sqlite") else "postgresql"
    role = "refundry_desk_role"
    assert main(["print-sql", kind, "--role", role]) == 0
    script = capsys.readouterr().out
    if kind == "sqlite":
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            connection.executescript(script)
    else:
        assert f'TO "{role}"' in script
        run_sql(url, f"DROP ROLE IF EXISTS {role}")
        run_sql(url, f"CREATE ROLE {role}")
        run_sql(url, script)
    with client(url) as one:
        assert refund(one, "r-1").status is RefundStatus.SUCCEEDED
    assert main(["check", url]) == 0
    if kind == "postgresql":
        run_sql(url, f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["lst"],
        ["list", "--limit", "0"],
        ["list", "--all", "--state", "free"],
        ["archive", "--before", "yesterday", "--to", "x"],
        ["print-sql", "postgresql://shop:canary-7@h/d"],
        ["list", "postgresql://shop:canary-7@h/d", "postgresql://shop:canary-7@h/d"],
    ],
)
def test_unfit_arguments_are_one_line_without_a_password(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert told.startswith("error: ")
    assert told.endswith("--help tells more\n")
    assert "canary" not in told


@pytest.mark.parametrize("command", ["list", "show", "decide", "check", "rename", "archive", "print-sql"])
def test_each_command_has_help_with_an_example_and_the_exit_codes(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"  python -m refundry.ledger {command} " in text + " "
    assert "exit codes:" in text


def test_in_a_shell_the_variable_names_the_ledger_and_a_terminal_is_asked(file_url: str) -> None:
    lose(file_url, "r-1")
    command = [sys.executable, "-m", "refundry.ledger"]
    environment = {**os.environ, "REFUNDRY_LEDGER": file_url}
    listed = subprocess.run(
        [*command, "list", "--json"], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert [entry["reference"] for entry in json.loads(listed.stdout)["entries"]] == ["r-1"]
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "wb", buffering=0) as keyboard, os.fdopen(theirs, "rb") as terminal:
        keyboard.write(b"yes\n")
        decided = subprocess.run(
            [*command, "decide", "paybyrd", "r-1", "executed", *DECIDE],
            env=environment,
            stdin=terminal,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    assert "Type yes to go on" in decided.stderr
    assert decided.stdout == "Decided: 'r-1' at paybyrd is accepted (succeeded).\n"
