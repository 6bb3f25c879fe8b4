"""The recipe of a script: a file of refunds, killed in the middle, and run again."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from tests.recipes.running import CALL, LEASE, Provider, Recipe, recipe, until
from tests.servers.running import environment

_HEAD: Final = "reference,provider,payment_id,amount,currency"


@pytest.fixture
def script(site: Path, provider: Provider, tmp_path: Path) -> Recipe:
    """The script, in an empty folder."""
    return recipe("script_sqlite.py", tmp_path, site, provider)


def _arguments(script: Recipe, *rows: str) -> list[str]:
    file = script.folder / "refunds.csv"
    file.write_text("\n".join([_HEAD, *rows, ""]), encoding="utf-8")
    return ["script_sqlite.py", str(file), "--ledger", str(script.folder / "refunds.db"), "--seconds", str(CALL)]


def test_a_script_that_is_killed_in_the_middle_and_run_again_refunds_each_row_once(
    script: Recipe, provider: Provider
) -> None:
    payments = [f"blink-{number}" for number in range(20)]
    arguments = _arguments(script, *(f"order/{payment},blink,{payment},1.00,GBP" for payment in payments))
    provider.every(payments, "slow_drip")
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=script.folder,
        env=environment(**script.variables),
        stdout=subprocess.DEVNULL,
    ) as running:
        until(lambda: sum(provider.executed("blink").values()) >= 10)
        running.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    second = script.python(*arguments, fails=True).stdout
    assert " in progress" in second
    time.sleep(max(0.0, killed + LEASE - time.monotonic()))
    third = script.python(*arguments, fails=True)
    assert third.returncode == 1
    *table, sum_ = third.stdout.splitlines()
    words = [line[46:].split()[0] for line in table]
    assert len(table) == 20
    assert set(words) == {"succeeded", "UNKNOWN"}
    assert sum_ == f"{words.count('succeeded')} succeeded, {words.count('UNKNOWN')} UNKNOWN"
    executed = provider.executed("blink")
    assert set(executed.values()) == {1}
    # What is unknown was executed, or was killed before it was sent.
    assert {name for name, word in zip(payments, words, strict=True) if word == "succeeded"} <= set(executed)


def test_a_script_whose_refunds_are_all_accepted_ends_with_0_each_time(script: Recipe, provider: Provider) -> None:
    arguments = _arguments(script, "order/30,blink,blink-30,1.00,GBP", "order/31,paybyrd,paybyrd-31,2.50,EUR")
    first, second = (script.python(*arguments).stdout for _ in range(2))
    assert first == second
    assert first.splitlines()[-1] == "2 succeeded"
    assert (provider.executed("blink")["blink-30"], provider.executed("paybyrd")["paybyrd-31"]) == (1, 1)


def test_the_table_says_what_to_do_about_each_outcome(script: Recipe, provider: Provider) -> None:
    provider.every(["paybyrd-33"], "hang_after")
    provider.every(["blink-34"], "cut_after")
    arguments = _arguments(
        script,
        "order/32,blink,blink-refunded,1.00,GBP",
        "order/33,paybyrd,paybyrd-33,1.00,EUR",
        "order/34,blink,blink-34,1.00,GBP",
        "order/35,blink,blink-35,one,GBP",
        "order/36,nobody,blink-36,1.00,GBP",
        "order/37,blink",
    )
    table = script.python(*arguments, fails=True).stdout.splitlines()
    for line, word, to_do in zip(
        table[:-1],
        ("refused", "UNKNOWN", "UNKNOWN", "not sent", "not sent", "not sent"),
        ("tell the customer", "run again soon", "ask the provider", "mend the row", "mend the row", "mend the row"),
        strict=True,
    ):
        assert word in line
        assert to_do in line


def test_a_file_or_an_environment_that_is_unfit_starts_nothing(script: Recipe) -> None:
    arguments = _arguments(script)
    (script.folder / "refunds.csv").write_text("reference;amount\n", encoding="utf-8")
    unfit = script.python(*arguments, fails=True)
    assert (unfit.returncode, unfit.stdout) == (2, "")
    assert "the first line names the columns" in unfit.stderr


def test_no_exception_of_a_call_is_without_a_row(script: Recipe) -> None:
    code = """
import refundry, script_sqlite
known = {kind for kind in vars(refundry.errors).values()
         if isinstance(kind, type) and issubclass(kind, refundry.RefundError)}
of_questions = {"RefundError", "StillPending", "LookupFailed", "LedgerFailed", "WebhookRejected", "WebhookUnreadable"}
print(sorted({kind.__name__ for kind in known if not set(script_sqlite.TO_DO) & set(kind.__mro__)} ^ of_questions))
"""
    assert script.python("-c", code).stdout == "[]\n"
