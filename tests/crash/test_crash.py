"""Workers that are killed at random moments while they refund: nothing is lost, and nothing executed twice."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.crash import __main__ as command
from scripts.crash.plan import Kind, Setting
from scripts.crash.run import Result, run
from scripts.crash.verdict import Verdict
from tests.crash import broken

REFUNDS = 200


def crashed(tmp_path: Path, ledger: str, *, refunds: int = REFUNDS, **changes: object) -> Result:
    # mypy cannot see which field each of them is.
    setting = Setting("test", ledger, 3, refunds, tmp_path, calls_between_kills=20, **changes)  # type: ignore[arg-type]
    return run(setting, print)


def shown(result: Result) -> str:
    return "\n".join([command.table([result]), *result.verdict.stories])


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_workers_that_are_killed_leave_every_reference_accounted_for(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    ledger = f"sqlite:///{tmp_path}/refunds.db" if database == "sqlite" else request.getfixturevalue("postgres_url")
    result = crashed(tmp_path, ledger)
    figures = result.verdict.figures
    assert result.is_right, shown(result)
    assert (figures["executed twice"], figures["lost"], figures["wrong"]) == (0, 0, 0)
    assert figures["accepted"] + figures["unknown"] + figures["free"] == REFUNDS
    # There was something to find: workers were killed while they had a reference.
    assert result.kills >= 4, shown(result)
    assert figures["unknown"] > 0
    assert figures["accepted"] > REFUNDS / 2


@pytest.mark.parametrize(
    ("client", "says"),
    [
        (broken.without_ledger, r"it was executed [2-9] times"),
        (broken.reservation_is_not_durable, r"it was executed [2-9] times"),
        (broken.end_of_a_lease_frees, r"it was executed [2-9] times"),
        (broken.outcome_is_forgotten, "the ledger has forgotten it"),
    ],
)
def test_a_ledger_that_is_broken_on_purpose_is_found(tmp_path: Path, client: Callable[..., object], says: str) -> None:
    # No event loop: a connection that is kept does not matter here, and a lone caller shows the fault soonest.
    result = crashed(tmp_path, f"sqlite:///{tmp_path}/refunds.db", refunds=60, client=client, kinds=(Kind.THREADS,))
    assert re.search(says, "\n".join(result.verdict.stories)), shown(result)
    assert result.verdict.figures["wrong"] > 0


def test_the_command_prints_the_figures_and_ends_with_1_where_a_reference_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- Printed by `nox -s crash`. -->\n<!-- The figures end. -->\n")
    stories: list[str] = []
    settings: list[Setting] = []

    def instead(setting: Setting, _: object) -> Result:
        settings.append(setting)
        figures = {"accepted": 7, "unknown": 2, "free": 1, "executed twice": 0, "lost": 0, "wrong": len(stories)}
        return Result(setting, Verdict(figures, stories), kills=3, seconds=2.0)

    monkeypatch.setattr(command, "run", instead)
    arguments = ["--refunds", "10", "--workers", "1", "2", "--ledger", "sqlite", "--seed", "5", "--write", str(page)]
    assert command.main(arguments) == 0
    assert [(one.workers, one.refunds, one.seed) for one in settings] == [(1, 10, 5), (2, 10, 5)]
    *_, row = capsys.readouterr().out.splitlines()
    assert row.split() == ["sqlite,", "2", "workers", "10", "3", "7", "2", "1", "0", "0", "0", "5", "2"]
    assert row in page.read_text().splitlines()
    stories.append("order-00001/1 at blink: it was executed 2 times")
    assert command.main(arguments) == 1
    assert "sqlite, 1 worker: references that are wrong: 1.\norder-00001/1 at blink" in capsys.readouterr().out


def test_the_command_says_what_it_does_and_refuses_no_refunds(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["--help"])
    assert ended.value.code == 0
    assert "SIGKILL at random moments" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(SystemExit) as ended:
        command.main(["--refunds", "0"])
    assert ended.value.code == 2
    assert "'0' is not a number from 1" in capsys.readouterr().err
