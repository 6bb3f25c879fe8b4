"""Several workers of gunicorn that share a client made before the fork."""

import sys
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from refundry import Refund
from tests.servers.calls import PROVIDERS, Result, Wish, deeds, differences, wish
from tests.servers.running import MAKERS, Setting, listening

_WORKERS: Final = 3
_CALLERS: Final = 12


@dataclass(frozen=True, slots=True)
class _Shop:
    """The running service, the record of the provider, and the reference in progress at the fork."""

    client: httpx.Client
    book: Path
    hanging: str

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        reply: dict[str, Any] = self.client.post(path, json=body).raise_for_status().json()
        return reply

    def refund(self, wanted: Wish) -> dict[str, Any]:
        """The report of one worker about a refund."""
        amount = {"minor_units": wanted.amount.minor_units, "currency": wanted.amount.currency}
        named = {"provider": wanted.provider, "payment_id": wanted.payment_id, "reference": wanted.reference}
        return self.post("/refunds", {**amount, **named})

    def refund_all(self, wanted: Sequence[Wish]) -> list[dict[str, Any]]:
        """The reports of the workers about many refunds at once."""
        with ThreadPoolExecutor(_CALLERS) as threads:
            return [*threads.map(self.refund, wanted)]


@pytest.fixture(scope="module")
def shop(module_setting: Setting, trusted: Path) -> Iterator[_Shop]:
    """The service, in front of a provider."""
    with _shop(module_setting, trusted) as running:
        yield running


@contextmanager
def _shop(setting: Setting, trusted: Path, **variables: str) -> Iterator[_Shop]:
    hanging = f"hanging-{uuid.uuid4()}"
    command = [sys.executable, "-m", "gunicorn", "tests.servers.shop:app", "--preload", "--log-level", "warning"]
    command += ["--workers", str(_WORKERS), "--threads", "4", "--worker-tmp-dir", str(setting.folder)]
    with (
        MAKERS["uvicorn-h11"](setting) as url,
        listening(
            lambda port: [*command, "--bind", f"127.0.0.1:{port}"],
            setting.folder / "shop.log",
            URL=url,
            TRUSTED=str(trusted),
            HANGING=hanging,
            **variables,
        ) as port,
        # Any free worker serves each request: no connection is kept. The header sees to it, for a pool that keeps none
        # may close a connection that another thread has just been given (httpcore 1.0).
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Connection": "close"}, timeout=20) as client,
    ):
        yield _Shop(client, setting.book, hanging)


@pytest.fixture(params=["sqlite", "postgresql"])
def shop_with_ledger(request: pytest.FixtureRequest, setting: Setting, trusted: Path) -> Iterator[_Shop]:
    """The service with a ledger, which the process that forks the workers has used before."""
    is_file = request.param == "sqlite"
    ledger = f"sqlite:///{setting.folder / 'refunds.db'}" if is_file else request.getfixturevalue("postgres_url")
    with _shop(setting, trusted, LEDGER=ledger) as running:
        yield running


def test_each_worker_gets_the_true_outcome(shop: _Shop) -> None:
    plans = ("done", "later", "undone")
    wanted = [wish(plans[number % 3], number, PROVIDERS[number % 2]) for number in range(180)]
    outcome = shop.refund_all(wanted)
    answers = [[one] for one in outcome]
    for number in range(2):  # any worker may look up a refund of any other
        requested = [
            place for place, one in enumerate(wanted) if one.lookups > number and "refund" in answers[place][-1]
        ]
        with ThreadPoolExecutor(_CALLERS) as threads:
            for place, answer in zip(
                requested,
                threads.map(lambda at: shop.post("/lookups", answers[at][-1]["refund"]), requested),
                strict=True,
            ):
                answers[place].append(answer)
    assert [one["text"] for several in answers for one in several if "error" in one] == []
    results: list[Result] = [tuple(Refund.from_dict(one["refund"]) for one in several) for several in answers]
    assert differences(wanted, results, shop.book) == ""
    assert len({one["worker"] for several in answers for one in several}) > 1


def test_no_worker_sends_a_reference_twice_for_many_simultaneous_calls(shop: _Shop) -> None:
    wanted = [wish("slow", number) for number in range(4)]
    requested = [one for one in wanted for _ in range(_CALLERS * 2)]
    outcome = shop.refund_all(requested)
    by_payment: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for one, answer in zip(requested, outcome, strict=True):
        by_payment[one.payment_id].append(answer)
    for payment, answers in by_payment.items():
        errors = {one["error"] for one in answers if "error" in one}
        assert errors <= {"RefundInProgress"}
        fresh = Counter(one["worker"] for one in answers if "refund" in one and not one["refund"]["replayed"])
        assert set(fresh.values()) == {1}
        did = deeds(shop.book)[payment]
        assert did.arrived == len(fresh)
        assert {one["refund"]["refund_id"] for one in answers if "refund" in one} == {did.refunds[0]["id"]}
        assert len(did.refunds) == 1


def test_a_refund_in_progress_at_the_fork_is_unknown_in_each_worker(shop: _Shop) -> None:
    requested = Wish("blink", shop.hanging, wish("done", 0, "blink").amount, shop.hanging)
    answers = shop.refund_all([requested] * _CALLERS * 3)
    assert len({one["worker"] for one in answers}) > 1
    assert {one.get("error") for one in answers} == {"OutcomeUnknown"}
    assert deeds(shop.book)[shop.hanging].arrived == 1


def test_with_a_ledger_all_workers_send_a_reference_once_between_them(shop_with_ledger: _Shop) -> None:
    wanted = [wish("slow", number) for number in range(4)]
    requested = [one for one in wanted for _ in range(_CALLERS * 2)]
    answers = shop_with_ledger.refund_all(requested)
    assert len({one["worker"] for one in answers}) > 1
    assert {one["error"] for one in answers if "error" in one} <= {"RefundInProgress"}
    fresh = [one for one in answers if "refund" in one and not one["refund"]["replayed"]]
    assert len(fresh) == len(wanted)
    for one in wanted:
        did = deeds(shop_with_ledger.book)[one.payment_id]
        assert (did.arrived, len(did.refunds)) == (1, 1)
    # The process that forks the workers still waits for the reply to this one.
    hanging = shop_with_ledger.hanging
    in_progress = Wish("blink", hanging, wish("done", 0, "blink").amount, hanging)
    answers = shop_with_ledger.refund_all([in_progress] * _CALLERS)
    assert {one.get("error") for one in answers} == {"RefundInProgress"}
    assert deeds(shop_with_ledger.book)[hanging].arrived == 1
