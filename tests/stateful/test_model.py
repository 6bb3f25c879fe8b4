"""The walk of two workers through every state, the rules that it finds broken, and the stories it has told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from refundry import NotSent, OutcomeUnknown, Refund, RefundInProgress, RefundMismatch, RefundStatus
from refundry.ledger.rules import TABLE, Event, State
from scripts.model import mutants
from scripts.model.scopes import TWO_WORKERS
from scripts.model.walk import Scope, Walk
from tests.stateful import world

A_RESERVES = "worker A calls refund(), and asks the ledger for the reference"
B_RESERVES = "worker B calls refund(), and asks the ledger for the reference"
A_SENDS = "worker A writes the first byte of the refund"
B_SENDS = "worker B writes the first byte of the refund"
A_IS_EXECUTED = "the request of worker A arrives; the provider works on it: done (refund-1)"
A_IS_PENDING = "the request of worker A arrives; the provider works on it: pending (refund-1)"
A_RECORDS = "worker A records its outcome"
LEASE_OVER = "every machine sleeps for 18 seconds: the leases are over"
SCOPE = Scope("a story", "blink", words=1, callbacks=1, pending=True)


@pytest.mark.parametrize("scope", TWO_WORKERS, ids=lambda one: one.name)
def test_every_promise_holds_in_every_state_of_two_workers(scope: Scope) -> None:
    found = Walk(scope).run()
    print(f"{found.states:,} states, {found.edges:,} edges")
    assert found.broken is None, "\n".join((found.broken or "", *found.story))
    assert found.is_whole
    assert found.states > 1_000


@pytest.mark.parametrize("mutant", [*mutants.of_code()], ids=lambda one: one.name)
def test_a_rule_that_the_code_leaves_out_is_found(mutant: mutants.Mutant) -> None:
    verdict = mutants.tried(mutant, [one for one in TWO_WORKERS if one.name == mutant.where])
    assert verdict.by, mutant.name


def test_a_broken_cell_of_the_table_is_found_and_told_as_a_story() -> None:
    (mutant,) = (one for one in mutants.of_table() if one.name == "UNKNOWN + RESERVED -> FREE, send")
    verdict = mutants.tried(mutant, TWO_WORKERS[:1])
    assert verdict.found is not None
    assert verdict.by in (world.PAID_ONCE, world.FREE_IS_FREE)
    assert verdict.found.story[0].startswith(A_RESERVES)


def test_news_of_a_failure_that_the_ledger_ignores_are_found_though_nothing_names_the_unknown_refund() -> None:
    cell = (State.UNKNOWN, Event.LEARNT_FAILED)
    (mutant,) = (one for one in mutants.of_table() if one.cell == cell and one.name.endswith("-> FREE, ignore"))
    scopes = [one for one in TWO_WORKERS if one.name == "no de-duplication, callbacks and questions"]
    assert mutants.tried(mutant, scopes).by == world.NEWS_IS_KEPT


def test_the_table_is_whole_again_after_the_mutants() -> None:
    before = {state: dict(row) for state, row in TABLE.items()}
    for mutant in mutants.of_table():
        with mutant.broken:
            assert {state: dict(row) for state, row in TABLE.items()} != before
    assert {state: dict(row) for state, row in TABLE.items()} == before


# What the walk has found once.


def test_a_call_whose_reply_comes_late_is_told_what_a_person_has_decided_meanwhile() -> None:
    walk = Walk(SCOPE)
    story = [A_RESERVES, A_SENDS, "worker A gets no reply", A_IS_EXECUTED, LEASE_OVER]
    _, broken, told = walk.follow([*story, "a person decides: executed, and is right", A_RECORDS])
    assert broken is None
    assert isinstance(told, Refund)
    assert (told.status, told.replayed) == (RefundStatus.SUCCEEDED, True)


def test_a_call_that_slept_without_sending_does_not_say_not_sent_of_a_reference_that_another_one_sends() -> None:
    walk = Walk(Scope("a story", "paybyrd"))
    story = [A_RESERVES, "worker A cannot connect: no byte left", LEASE_OVER, B_RESERVES, B_SENDS]
    _, broken, told = walk.follow([*story, A_RECORDS])
    assert broken is None
    assert isinstance(told, RefundInProgress)
    _, broken, told = walk.follow([*story, "worker B gets no reply", "worker B records its outcome", A_RECORDS])
    assert broken is None
    assert isinstance(told, OutcomeUnknown)


def test_a_late_acceptance_of_a_refund_that_has_failed_since_leaves_the_reference_free() -> None:
    walk = Walk(SCOPE)
    story = [A_RESERVES, A_SENDS, A_IS_PENDING, "worker A gets the reply: pending (refund-1)"]
    failed = ["the provider ends refund-1: failed", "worker B gets a callback: refund-1 is failed", LEASE_OVER]
    state, broken, _ = walk.follow([*story, *failed, "worker B records its answer", A_RECORDS])
    assert broken is None
    entry = walk.entry(state.row, state.seconds, state.set_back)
    assert entry is not None
    assert (entry.known, entry.attempt, entry.failed_ids) == (None, 2, ("refund-1",))


def test_what_contradicts_a_person_is_listed_also_while_another_call_holds_the_reference() -> None:
    walk = Walk(replace(SCOPE, wrong=True))
    story = [A_RESERVES, A_SENDS, A_IS_EXECUTED, "worker A gets the reply: done (refund-1)", LEASE_OVER]
    wrong = ["a person decides: not executed, and is wrong", B_RESERVES, A_RECORDS]
    state, broken, told = walk.follow([*story, *wrong])
    assert broken is None
    assert isinstance(told, RefundMismatch)
    entry = walk.entry(state.row, state.seconds, state.set_back)
    assert entry is not None
    assert entry.contradiction == "the operator decided that it was not executed, and the provider accepted it"


def test_a_refund_after_a_person_has_rightly_said_no_contradicts_nobody() -> None:
    walk = Walk(SCOPE)
    story = [
        A_RESERVES,
        "the process of worker A is killed",
        LEASE_OVER,
        "a person decides: not executed, and is right",
    ]
    sent = [B_RESERVES, B_SENDS, A_IS_EXECUTED.replace("A", "B", 1)]
    state, broken, told = walk.follow(
        [*story, *sent, "worker B gets the reply: done (refund-1)", "worker B records its outcome"]
    )
    assert (broken, type(told)) == (None, Refund)
    entry = walk.entry(state.row, state.seconds, state.set_back)
    assert entry is not None
    assert (entry.contradiction, entry.decided_by) == (None, None)


def test_a_call_that_could_not_connect_says_so() -> None:
    _, broken, told = Walk(SCOPE).follow([A_RESERVES, "worker A cannot connect: no byte left", A_RECORDS])
    assert (broken, type(told)) == (None, NotSent)


def test_a_false_statement_about_the_world_breaks_its_promise() -> None:
    done = world.Execution("refund-1", 100)
    assert world.paid((done, done._replace(refund_id="refund-2")), 100) == world.PAID_ONCE
    assert world.told(NotSent("nothing was sent"), (done,)) == world.NO_FALSE_FAILURE
    assert world.told(Refund("blink", "order-1", RefundStatus.SUCCEEDED), ()) == world.NO_FALSE_SUCCESS
    assert world.told(ValueError("anything"), ()) == world.NO_OTHER_ERROR
    assert world.true(world.Kept(), (done,), may_still_be_executed=False) == world.FREE_IS_FREE
    accepted = world.Kept(State.ACCEPTED, "refund-1")
    assert world.true(accepted, (), may_still_be_executed=False) == world.ACCEPTED_IS_ACCEPTED
    assert world.told_unknown(OutcomeUnknown("no reply"), accepted) == world.UNKNOWN_IS_UNKNOWN
