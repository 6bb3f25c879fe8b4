"""The recipe of a service: workers of gunicorn, a ledger in PostgreSQL, callbacks, and the job beside it."""

import os
import re
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from tests.recipes.running import LEASE, Provider, Recipe, recipe, until
from tests.servers.running import listening

if TYPE_CHECKING:
    from tests.databases.postgres import PostgresServer

_WORKERS: Final = 4


@dataclass(frozen=True, slots=True)
class _Service:
    """The running service."""

    url: str
    log: Path
    recipe: Recipe

    def post(self, payment_id: str | None, reference: str, provider: str = "blink", **other: str) -> httpx.Response:
        """Ask for a refund of one unit over a connection of its own, so that any worker may answer."""
        currency = "GBP" if provider == "blink" else "EUR"
        body = {"provider": provider, "reference": reference, "amount": "1.00", "currency": currency, **other}
        return httpx.post(f"{self.url}/refunds", json={**body, "payment_id": payment_id}, timeout=20)

    def workers(self, reference: str) -> Counter[int]:
        """The workers that were asked to refund under a reference."""
        log = self.log.read_text(encoding="utf-8", errors="replace")
        return Counter(int(pid) for pid in re.findall(rf" (\d+) INFO service: {re.escape(reference)} at ", log))


@pytest.fixture(scope="module")
def service(
    postgres_server: "PostgresServer", site: Path, provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[_Service]:
    """The service, by the command that it names itself."""
    database = postgres_server.create_database()
    folder = tmp_path_factory.mktemp("service")
    made = recipe("fastapi_service", folder, site, provider, postgres_server.url(database))
    command = [sys.executable, "-P", "-m", "gunicorn", "service:app", "--workers", str(_WORKERS)]
    command += ["--worker-class", "uvicorn.workers.UvicornWorker", "--chdir", str(folder)]
    log = folder / "service.log"
    with listening(lambda port: [*command, "--bind", f"127.0.0.1:{port}"], log, **made.variables) as port:
        until(lambda: log.read_text(encoding="utf-8").count("Application startup complete") == _WORKERS)
        yield _Service(f"http://127.0.0.1:{port}", log, made)
    postgres_server.drop_database(database)


def test_one_reference_that_is_posted_forty_times_at_once_is_refunded_once(
    service: _Service, provider: Provider
) -> None:
    provider.every(["blink-0"], "slow_drip")
    with ThreadPoolExecutor(40) as threads:
        answers = [*threads.map(lambda _: service.post("blink-0", "order/0"), range(40))]
    statuses = Counter(one.status_code for one in answers)
    assert statuses[201] == 1
    assert set(statuses) <= {200, 201, 409}
    assert all(one.json()["error"] == "RefundInProgress" for one in answers if one.status_code == 409)
    assert len(service.workers("order/0")) > 1
    (refund,) = provider.refunds("blink", "blink-0")
    again = service.post("blink-0", "order/0")
    assert (again.status_code, again.json()["refund_id"]) == (200, refund["refund_id"])
    assert again.json()["replayed"] is True


def test_a_worker_that_is_killed_in_the_middle_leaves_its_reference_unknown_and_never_refunds_twice(
    service: _Service, provider: Provider
) -> None:
    provider.every(["blink-1"], "hang_after")
    lost: list[object] = []

    def post() -> None:
        with pytest.raises(httpx.RemoteProtocolError) as broken:
            service.post("blink-1", "order/1")
        lost.append(broken.value)

    first = threading.Thread(target=post)
    first.start()
    until(lambda: provider.refunds("blink", "blink-1"))
    (worker,) = service.workers("order/1")
    os.kill(worker, signal.SIGKILL)
    killed = time.monotonic()
    first.join(20)
    assert lost
    provider.every(["blink-1"], "interim_reply")  # the provider would answer again
    seen: list[tuple[int, str]] = []
    while True:
        assert time.monotonic() < killed + LEASE + 5
        reply = service.post("blink-1", "order/1")
        seen.append((reply.status_code, reply.json()["error"]))
        if reply.status_code != 409:
            break
        time.sleep(0.5)
    assert set(seen[:-1]) == {(409, "RefundInProgress")}
    assert seen[-1] == (502, "OutcomeUnknown")
    assert reply.json()["resend"] == "never"
    assert len(provider.refunds("blink", "blink-1")) == 1
    other = service.post("blink-2", "order/2")
    assert other.status_code == 201


def test_a_callback_ends_what_is_unknown(service: _Service, provider: Provider) -> None:
    provider.control("script", provider="lab4pay", faults=["cut_after"])
    unknown = service.post(None, "till/1", "lab4pay")
    assert (unknown.status_code, unknown.json()["error"]) == (502, "OutcomeUnknown")
    (refund,) = provider.refunds("lab4pay")
    named = {"provider": "lab4pay", "refund_id": refund["refund_id"]}
    provider.control("settle", **named, state="SUCCESS")
    forged = _delivered(service, provider.control("callback", **named, forged=True))
    assert forged.status_code == 403
    assert service.post(None, "till/1", "lab4pay").status_code == 502
    delivered = _delivered(service, provider.control("callback", **named))
    assert delivered.status_code == 200, delivered.text
    state = httpx.get(f"{service.url}/refunds/lab4pay/till/1")
    assert (state.status_code, state.json()["status"]) == (200, "succeeded")
    again = service.post(None, "till/1", "lab4pay")
    assert (again.status_code, again.json()["replayed"]) == (200, True)
    assert len(provider.refunds("lab4pay")) == 1


def _delivered(service: _Service, callback: dict[str, Any]) -> httpx.Response:
    return httpx.post(f"{service.url}/callbacks/lab4pay", headers=callback["headers"], content=callback["body"])


def test_the_job_ends_what_can_be_ended_and_lists_what_needs_a_person(service: _Service, provider: Provider) -> None:
    provider.every(["paybyrd-3"], "hang_after")
    provider.every(["blink-3"], "cut_after")
    lost = [service.post("paybyrd-3", "order/3", "paybyrd"), service.post("blink-3", "order/4")]
    assert [one.status_code for one in lost] == [502, 502]
    assert [one.json()["resend"] for one in lost] == ["same reference", "never"]
    provider.every(["paybyrd-3", "blink-3"], "interim_reply")
    job = service.recipe.python("resolve.py", fails=True)
    assert job.returncode == 1
    lines = {line.partition(": ")[0]: line.partition(": ")[2] for line in job.stdout.splitlines()}
    assert lines["paybyrd order/3"] == "succeeded"
    assert lines["blink order/4"].startswith("NEEDS A PERSON: OutcomeUnknown")
    assert provider.executed("paybyrd")["paybyrd-3"] == 1
    assert provider.executed("blink")["blink-3"] == 1
    assert service.post("paybyrd-3", "order/3", "paybyrd").status_code == 200


def test_each_other_outcome_has_its_status(service: _Service, provider: Provider) -> None:
    assert service.post("paybyrd-pending", "order/5", "paybyrd").status_code == 202
    conflict = service.post("paybyrd-pending", "order/5", "paybyrd", amount="2.00")
    assert (conflict.status_code, conflict.json()["error"]) == (409, "ReferenceConflict")
    refused = service.post("paybyrd-refunded", "order/6", "paybyrd")
    assert (refused.status_code, refused.json()["reason"]) == (422, "already refunded")
    unfit = service.post("blink-5", "order/7", amount="1.005")
    assert (unfit.status_code, unfit.json()["field"]) == (422, "amount")
    assert httpx.get(f"{service.url}/refunds/blink/order/8").status_code == 404
    assert provider.executed("blink")["blink-5"] == 0


def test_no_exception_of_a_call_is_without_a_status(service: _Service) -> None:
    code = """
import refundry, service
known = {kind for kind in vars(refundry.errors).values()
         if isinstance(kind, type) and issubclass(kind, refundry.RefundError)}
known -= {refundry.RefundError, refundry.StillPending}  # the base; raised by wait alone
print(sorted(kind.__name__ for kind in known if not set(service.STATUS) & set(kind.__mro__)), len(known) > 10)
"""
    assert service.recipe.python("-c", code).stdout == "[] True\n"
