"""A worker of Celery whose soft time limit interrupts a refund."""

import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from celery import Celery  # type: ignore[import-untyped] # celery has no types

from tests.servers.calls import deeds
from tests.servers.jobs import REFUND, queue
from tests.servers.running import MAKERS, Setting, process

_LIMIT: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Jobs:
    """The queue of a running worker, and the record of the provider."""

    app: Celery
    book: Path

    def refund(self, provider: str, payment_id: str, reference: str, limit: float | None = None) -> dict[str, Any]:
        """Let the worker make a refund within a soft time limit; return what the job saw."""
        sent = self.app.send_task(REFUND, (provider, payment_id, reference), soft_time_limit=limit)
        seen: dict[str, Any] = sent.get(timeout=30, interval=0.05)
        return seen


@pytest.fixture(scope="module")
def jobs(module_setting: Setting, trusted: Path) -> Iterator[_Jobs]:
    """A worker with one process for jobs."""
    folder = module_setting.folder
    app = queue(folder)
    command = [sys.executable, "-m", "celery", "-A", "tests.servers.jobs", "worker", "--loglevel", "info"]
    command += ["--pool", "prefork", "--concurrency", "1", "--without-gossip", "--without-mingle"]
    log = folder / "worker.log"
    with MAKERS["uvicorn-h11"](module_setting) as url:
        variables = {"FOLDER": str(folder), "URL": url, "TRUSTED": str(trusted)}
        with process(command, log, variables, lambda: log.exists() and " ready." in log.read_text("utf-8", "replace")):
            yield _Jobs(app, module_setting.book)


def _payment(plan: str) -> tuple[str, str]:
    name = uuid.uuid4()
    return f"{plan}-{name}", f"order-{name}"


def test_a_time_limit_that_interrupts_a_refund_reaches_the_job_and_leaves_the_reference_unknown(jobs: _Jobs) -> None:
    payment, reference = _payment("hanging")
    interrupted = jobs.refund("blink", payment, reference, limit=_LIMIT)
    assert interrupted["seen"] == "SoftTimeLimitExceeded"
    assert interrupted["seconds"] < _LIMIT + 1
    second = jobs.refund("blink", payment, reference)
    assert (second["seen"], second["worker"]) == ("OutcomeUnknown", interrupted["worker"])
    assert deeds(jobs.book)[payment].arrived == 1
    other = jobs.refund("blink", *_payment("done"))
    assert (other["seen"], other["worker"]) == ("SUCCEEDED", interrupted["worker"])


def test_a_refund_that_the_provider_de_duplicates_is_resent_under_its_own_key(jobs: _Jobs) -> None:
    payment, reference = _payment("hanging")
    for _ in range(2):
        interrupted = jobs.refund("paybyrd", payment, reference, limit=_LIMIT)
        assert interrupted["seen"] == "SoftTimeLimitExceeded"
        assert interrupted["seconds"] < _LIMIT + 1
    did = deeds(jobs.book)[payment]
    assert (did.arrived, len(did.refunds)) == (2, 1)


def test_a_time_limit_that_interrupts_the_token_call_leaves_the_reference_free(jobs: _Jobs) -> None:
    payment, reference = _payment("done")
    interrupted = jobs.refund("slow-token", payment, reference, limit=_LIMIT)
    assert interrupted["seen"] == "SoftTimeLimitExceeded"
    assert interrupted["seconds"] < _LIMIT + 1
    assert deeds(jobs.book)[payment].arrived == 0
    second = jobs.refund("slow-token", payment, reference)
    assert (second["seen"], second["worker"]) == ("SUCCEEDED", interrupted["worker"])
    assert deeds(jobs.book)[payment].arrived == 1
