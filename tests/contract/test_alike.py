"""RefundClient and AsyncRefundClient behave alike over one list of scenarios."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest

import refundry
from refundry import (
    Account,
    AsyncRefundClient,
    Attempt,
    ContractDeviation,
    LedgerFailed,
    LookupFailed,
    Operation,
    Refund,
    RefundClient,
    RefundError,
    StillPending,
    WebhookRejected,
    WebhookUnreadable,
)
from tests.contract.replies import MARK
from tests.contract.scenarios import SCENARIOS, Scenario
from tests.contract.support import CREDENTIALS, ONCE, Script, aask, account, ask, check_pickle, named, plain, verdict_of
from tests.providers import PROVIDERS
from tests.providers.record import Call

Result = Refund | RefundError
Event = TypeVar("Event")


@dataclass
class Run:
    """The run of a scenario: the results, the requests, and the reports to the hooks."""

    script: Script
    accounts: list[Account]
    hooks_fail: bool
    results: list[Result] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    deviations: list[ContractDeviation] = field(default_factory=list)

    def keep(self, events: list[Event]) -> Callable[[Event], None]:
        """Return a hook that keeps its reports."""

        def hook(event: Event) -> None:
            events.append(event)
            if self.hooks_fail:
                raise RuntimeError("the hook is broken")

        return hook

    def options(self) -> dict[str, Any]:
        """The client's other arguments: one attempt for each call, and the hooks. Reports of lookups are dropped."""
        keep = self.keep(self.attempts)

        def on_attempt(attempt: Attempt) -> None:
            if attempt.operation in (Operation.REFUND, Operation.REFUND_UNREFERENCED):
                keep(attempt)

        return {"retry": ONCE, "on_attempt": on_attempt, "on_deviation": self.keep(self.deviations)}

    def seen(self) -> dict[str, Any]:
        """Return the run as values that can be compared, without durations."""
        return {
            "results": [facts(result) for result in self.results],
            "sent": [plain(request) for request in self.script.sent],
            "attempts": [replace(attempt, seconds=0.0) for attempt in self.attempts],
            "deviations": self.deviations,
        }


TIMES = ("sent_at", "resend_until", "same_answer_until")
"""The fields of a result that are times, each counted from the moment of sending."""


def facts(result: Result) -> tuple[Any, ...]:
    if isinstance(result, Refund):
        return "refund", replace(result, sent_at=None), result.raw
    values = result.to_dict()
    given = {name: values.pop(name) is not None for name in TIMES if name in values}
    # The text of a refusal says until which minute the provider repeats it.
    values["message"] = re.sub(r"until [-0-9]+ [0-9:]+ UTC", "until then", values["message"])
    return type(result), result.resend, values, given, result.raw


def started(scenario: Scenario) -> Run:
    """Return an empty run with its accounts."""
    script = Script(*scenario.answers)
    currencies = scenario.currencies or {}
    accounts = [account(provider, script, currency=currencies.get(provider)) for provider in PROVIDERS]
    return Run(script, accounts, scenario.hooks_fail)


def run_sync(scenario: Scenario) -> Run:
    run = started(scenario)
    client = RefundClient(run.accounts, **run.options())

    def make(call: Call) -> None:
        try:
            run.results.append(ask(client, call))
        except RefundError as error:
            run.results.append(error)

    run.script.during = make
    with client:
        for call in scenario.calls:
            make(call)
    return run


async def run_async(scenario: Scenario) -> Run:
    run = started(scenario)
    client = AsyncRefundClient(run.accounts, **run.options())

    async def make(call: Call) -> None:
        try:
            run.results.append(await aask(client, call))
        except RefundError as error:
            run.results.append(error)

    run.script.aduring = make
    async with client:
        for call in scenario.calls:
            await make(call)
    return run


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_both_clients_send_and_report_the_same(scenario: Scenario) -> None:
    plain_run, awaited_run = run_sync(scenario), asyncio.run(run_async(scenario))
    assert plain_run.seen() == awaited_run.seen()
    assert tuple(map(verdict_of, plain_run.results)) == scenario.results
    assert plain_run.script.answers == awaited_run.script.answers == []


def test_the_scenarios_cover_every_outcome_of_a_call() -> None:
    public = {getattr(refundry, name) for name in refundry.__all__}
    errors = {one for one in public if isinstance(one, type) and issubclass(one, RefundError)}
    results = {result.partition(" ")[0] for scenario in SCENARIOS.values() for result in scenario.results}
    # RefundError is the base of the others. Questions and callbacks raise the rest, and refunds do not.
    never = {RefundError, LedgerFailed, LookupFailed, StillPending, WebhookRejected, WebhookUnreadable}
    assert results == {"SUCCEEDED", "PENDING"} | {error.__name__ for error in errors - never}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_each_sent_request_is_reported_as_an_attempt_with_its_outcome(scenario: Scenario) -> None:
    run = run_sync(scenario)
    assert len(run.attempts) == len(run.script.sent) == len(scenario.answers)
    assert Counter(attempt.outcome for attempt in run.attempts) <= Counter(map(named, run.results))


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_every_exception_can_be_pickled_and_shows_no_credential_and_nothing_of_a_body(scenario: Scenario) -> None:
    for error in run_sync(scenario).results:
        if isinstance(error, RefundError):
            check_pickle(error)
            assert not any(secret in f"{error}\n{error!r}" for secret in (*CREDENTIALS, MARK))


def test_a_replay_says_so_and_keeps_the_ids_of_the_refund() -> None:
    for provider in PROVIDERS:
        first, second = run_sync(SCENARIOS[f"{provider}: second call after an acceptance"]).results
        assert isinstance(first, Refund)
        # The remainder of the payment and the message are not recorded.
        assert second == replace(first, replayed=True, remaining=None, provider_message=None)


def test_paybyrd_gets_the_same_key_after_every_outcome() -> None:
    def keys(name: str) -> list[str]:
        sent = run_sync(SCENARIOS[f"paybyrd: {name}"]).script.sent
        return [dict(request.headers)["idempotency-key"] for request in sent]

    first, second = keys("second call after a lost reply")
    refused, retried = keys("second call after a refusal")
    unsent, resent = keys("second call after nothing was sent")
    assert first == second == refused == retried == unsent == resent
