"""The recipe of a Celery task: processes killed in the middle of a refund, and tasks that are delivered again."""

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from celery import Celery  # type: ignore[import-untyped] # celery has no types

from tests.recipes.running import LEASE, Provider, Recipe, recipe, until
from tests.servers.running import process

_EACH: Final = 6
"""How many refunds each of two providers is asked for."""
# A broker of files, in place of the one that celeryconfig.py of the recipe names. It has no visibility timeout.
_CONFIGURATION: Final = """
broker_url = "filesystem://"
broker_connection_retry_on_startup = True
broker_transport_options = {{
    "data_folder_in": "{folder}/queue", "data_folder_out": "{folder}/queue", "control_folder": "{folder}/control"
}}
result_backend = "file://{folder}/results"
worker_prefetch_multiplier = 1
"""


@dataclass(frozen=True, slots=True)
class _Worker:
    """The running worker, and an application that sends it tasks."""

    app: Celery
    recipe: Recipe
    pid: int

    def kill_children(self) -> None:
        """Kill the processes that run the tasks."""
        for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split():
            os.kill(int(pid), signal.SIGKILL)

    def send(self, provider: str, number: int, amount: str) -> Any:
        """Queue a refund; return its result, which is there later."""
        currency = "GBP" if provider == "blink" else "EUR"
        arguments = (provider, f"{provider}-{number}", amount, currency, f"order/{provider}/{number}")
        return self.app.send_task("tasks.refund", arguments)


@pytest.fixture(scope="module")
def worker(site: Path, provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Worker]:
    """A worker with two processes, by the command that the recipe names itself."""
    folder = tmp_path_factory.mktemp("celery")
    made = recipe("celery_task", folder, site, provider, f"sqlite:///{folder}/refunds.db")
    for name in ("queue", "control", "results"):
        (folder / name).mkdir()
    configuration = folder / "celeryconfig.py"
    configuration.write_text(_CONFIGURATION.format(folder=folder), encoding="utf-8")
    app = Celery("sender")
    settings: dict[str, Any] = {}
    exec(configuration.read_text(encoding="utf-8"), settings)
    app.conf.update({name: value for name, value in settings.items() if not name.startswith("_")})
    log = folder / "worker.log"
    command = [sys.executable, "-P", "-m", "celery", "--workdir", str(folder), "-A", "tasks", "worker"]
    command += ["--concurrency", "2", "--without-gossip", "--without-mingle", "--loglevel", "info"]
    variables = {**made.variables, "RETRY_SECONDS": "1"}
    with process(command, log, variables, lambda: log.exists() and " ready." in log.read_text("utf-8")) as running:
        yield _Worker(app, made, running.pid)
        running.kill()  # in order, it would wait for its queue
        running.wait(20)
    print(log.read_text("utf-8"))


def test_tasks_whose_processes_are_killed_again_and_again_refund_each_reference_at_most_once(
    worker: _Worker, provider: Provider
) -> None:
    wanted = [(name, number) for number in range(_EACH) for name in ("blink", "paybyrd")]
    payments = [f"{name}-{number}" for name, number in wanted]  # those of the first two lose their replies for certain
    provider.every(payments, "slow_drip")
    provider.every(payments[:2], "hang_after")
    results = {f"{name}-{number}": worker.send(name, number, "1.00") for name, number in wanted}
    until(lambda: set(payments[:2]) <= set(_executed(provider)))
    worker.kill_children()
    provider.every(payments[:2], "slow_drip")
    for _ in range(2):
        _until_executed(provider, _executed(provider).total() + 1)
        worker.kill_children()
    outcomes = {payment: result.get(timeout=4 * LEASE, interval=0.05) for payment, result in results.items()}

    said = Counter(outcome.get("status") or outcome["error"] for outcome in outcomes.values())
    assert set(said) == {"succeeded", "OutcomeUnknown"}
    unknown = {payment for payment, outcome in outcomes.items() if outcome.get("error") == "OutcomeUnknown"}
    assert payments[0] in unknown
    assert {name.partition("-")[0] for name in unknown} == {"blink"}  # paybyrd recognises a reference, and ends it
    executed = _executed(provider)
    assert set(executed.values()) == {1}
    assert set(executed) >= set(payments) - unknown
    listed = worker.recipe.python("-c", _UNRESOLVED).stdout.split()
    assert {name.removeprefix("order/").replace("/", "-") for name in listed} == unknown


_UNRESOLVED: Final = """
from refundry import RefundClient
with RefundClient.from_env() as client:
    for entry in client.ledger.unresolved():
        print(entry.reference)
"""


def _until_executed(provider: Provider, least: int) -> None:
    until(lambda: _executed(provider).total() >= least)


def _executed(provider: Provider) -> Counter[str]:
    return provider.executed("blink") + provider.executed("paybyrd")


def test_a_task_that_is_delivered_twice_gets_the_same_refund(worker: _Worker, provider: Provider) -> None:
    first, second = (worker.send("blink", 30, "1.00") for _ in range(2))
    outcomes = [one.get(timeout=20, interval=0.05) for one in (first, second)]
    assert len({outcome["refund_id"] for outcome in outcomes}) == 1
    assert {outcome["replayed"] for outcome in outcomes} == {True, False}
    assert provider.executed("blink")["blink-30"] == 1


def test_a_refusal_and_a_fault_of_the_caller_are_not_retried(worker: _Worker, provider: Provider) -> None:
    provider.every(["blink-31"], "declined")
    refused = worker.send("blink", 31, "1.00")
    unfit = worker.send("blink", 32, "1.005")
    wrong = worker.send("blink", 30, "2.00")
    outcomes = [one.get(timeout=20, interval=0.05) for one in (refused, unfit, wrong)]
    assert [outcome["error"] for outcome in outcomes] == ["RefundRejected", "InvalidRefund", "ReferenceConflict"]
    assert [outcome["resend"] for outcome in outcomes] == ["safe", "safe", "never"]
