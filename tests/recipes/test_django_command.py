"""The recipe of a Django command: killed in the middle, and run again."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.recipes.running import LEASE, Provider, Recipe, recipe, until
from tests.servers.running import environment


@pytest.fixture
def project(site: Path, provider: Provider, tmp_path: Path) -> Recipe:
    """The project, with an empty table."""
    made = recipe("django_command", tmp_path, site, provider, f"sqlite:///{tmp_path}/refunds.db")
    made.python("manage.py", "migrate", "--run-syncdb")
    return made


def _intend(project: Recipe, *rows: tuple[str, str, str, str]) -> None:
    """Write rows of reference, provider, payment and amount."""
    fields = [
        {
            "reference": reference,
            "provider": provider,
            "payment_id": payment_id,
            "amount": amount,
            "currency": "EUR" if provider == "paybyrd" else "GBP",
        }
        for reference, provider, payment_id, amount in rows
    ]
    objects = [{"model": "refunds.intendedrefund", "fields": one} for one in fields]
    fixture = project.folder / "rows.json"
    fixture.write_text(json.dumps(objects), encoding="utf-8")
    project.python("manage.py", "loaddata", str(fixture))


def _rows(project: Recipe) -> dict[str, tuple[str, dict[str, Any]]]:
    """State and outcome of each row, by its reference."""
    with closing(sqlite3.connect(project.folder / "shop.sqlite3")) as database:
        rows = database.execute("SELECT reference, state, outcome FROM refunds_intendedrefund").fetchall()
    return {reference: (state, json.loads(outcome)) for reference, state, outcome in rows}


def test_a_command_that_is_killed_in_the_middle_and_run_again_refunds_each_row_once(
    project: Recipe, provider: Provider
) -> None:
    payments = [f"blink-{number}" for number in range(4)]
    _intend(project, *((f"order/{payment}", "blink", payment, "1.00") for payment in payments))
    provider.every(payments, "slow_drip")
    with subprocess.Popen(
        [sys.executable, "manage.py", "refund"],
        cwd=project.folder,
        env=environment(**project.variables),
        stdout=subprocess.DEVNULL,
    ) as running:
        until(lambda: sum(provider.executed("blink").values()) >= 2)
        running.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    (lost,) = provider.refunds("blink")[-1:]
    second = project.python("manage.py", "refund", fails=True)
    assert "1 refunds are open or unknown" in second.stderr
    state, outcome = _rows(project)[f"order/{lost['payment_id']}"]
    assert (state, outcome["error"]) == ("open", "RefundInProgress")
    time.sleep(max(0.0, killed + LEASE - time.monotonic()))
    project.python("manage.py", "refund", fails=True)
    rows = _rows(project)
    state, outcome = rows.pop(f"order/{lost['payment_id']}")
    assert (state, outcome["error"], outcome["resend"]) == ("unknown", "OutcomeUnknown", "never")
    assert {state for state, _ in rows.values()} == {"succeeded"}
    assert provider.executed("blink") == dict.fromkeys(payments, 1)


def test_each_outcome_has_its_state_and_a_pending_refund_is_looked_up_by_the_next_run(
    project: Recipe, provider: Provider
) -> None:
    _intend(
        project,
        ("order/pending", "paybyrd", "paybyrd-pending", "1.00"),
        ("order/refused", "blink", "blink-refunded", "1.00"),
        ("order/unfit", "blink", "blink-9", "1.005"),
    )
    project.python("manage.py", "refund", fails=True)
    assert {name: state for name, (state, _) in _rows(project).items()} == {
        "order/pending": "pending",
        "order/refused": "refused",
        "order/unfit": "open",
    }
    provider.control("advance")
    project.python("manage.py", "refund", fails=True)
    assert _rows(project)["order/pending"][0] == "succeeded"
    assert provider.executed("paybyrd")["paybyrd-pending"] == 1
