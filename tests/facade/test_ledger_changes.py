"""The changes of a ledger one at a time, in memory: the entry that each leaves, without a flow or a transport."""

import asyncio
from dataclasses import replace
from hashlib import sha256

import pytest

from refundry import FULL, Evidence, Refund, RefundStatus, SendFailure
from refundry.clock import SYSTEM
from refundry.flows.refund import RefundCall
from refundry.ledger.changes import Decide, Find, Inspect, Learn, Record, Reserve, digest_of_parameters
from refundry.ledger.entry import Reservation
from refundry.ledger.memory import MemoryLedger
from refundry.ledger.rules import State, state_of
from refundry.owner import Owner
from refundry.providers.registry import translation_of
from refundry.refund import RefundRequest
from refundry.wire import Progress, WireReply
from tests.providers import account
from tests.providers.record import ONE_EURO, PAYMENT, REFUND, reply

LOST = SendFailure(Evidence.MAYBE_SENT, "the reply was lost")
Ids = tuple[str | None, str | None]
NO_IDS: Ids = (None, None)
REQUEST = RefundRequest("blink", PAYMENT, ONE_EURO, "reference-1")


def sent(
    ledger: MemoryLedger, answer: SendFailure | WireReply, ids: tuple[str | None, str | None] = (None, None)
) -> None:
    """Send reference-1, and record this answer; an unreadable one gave these ids: of the request, and of the refund."""
    reservation = ledger.commit(Reserve(REQUEST, None, 0.0, Owner()))
    assert isinstance(reservation, Reservation)
    call = RefundCall(translation_of(account("blink")), reservation)
    call.begin(Progress())
    call.record(call.conclude(answer, ()))
    reservation.note_ids(*ids, is_first=True)
    ledger.commit(Record(reservation))


def decided(*, executed: bool) -> Decide:
    """A person's word on reference-1."""
    return Decide("blink", "reference-1", executed=executed, by="a person", reason="the dashboard")


def test_a_person_decides_what_is_unknown_and_nothing_else() -> None:
    ledger = MemoryLedger(SYSTEM)
    with pytest.raises(LookupError, match="the ledger knows no refund 'reference-1' at blink"):
        ledger.commit(decided(executed=True))
    for executed in (True, False):
        sent(ledger, LOST)
        ledger.commit(decided(executed=not executed))
    replay = ledger.commit(Reserve(REQUEST, None, 0.0, Owner()))
    assert isinstance(replay, Refund)
    assert (replay.status, replay.replayed) == (RefundStatus.SUCCEEDED, True)
    with pytest.raises(LookupError, match="is accepted; a person decides what is unknown, and nothing else"):
        ledger.commit(decided(executed=False))


@pytest.mark.parametrize(
    ("ids", "status", "after"),
    [
        (NO_IDS, RefundStatus.FAILED, State.UNKNOWN),
        (NO_IDS, RefundStatus.PENDING, State.UNKNOWN),
        (NO_IDS, RefundStatus.SUCCEEDED, State.ACCEPTED),
        (("link-2", "refund-2"), RefundStatus.FAILED, State.UNKNOWN),
        ((None, REFUND), RefundStatus.FAILED, State.FREE),
        (("link-1", None), RefundStatus.FAILED, State.FREE),
    ],
    ids=["failed", "pending", "succeeded", "failed, of another id", "failed, of its id", "failed, of its link"],
)
def test_after_a_persons_word_only_a_success_ends_a_lost_attempt_and_a_failure_of_its_own_id_frees_it(
    ids: Ids, status: RefundStatus, after: State
) -> None:
    ledger = MemoryLedger(SYSTEM)
    sent(ledger, LOST)
    ledger.commit(decided(executed=False))
    sent(ledger, LOST, ids)
    named = Refund("blink", "reference-1", status, amount=ONE_EURO, refund_id=REFUND, payment_id=PAYMENT)
    assert ledger.commit(Learn(replace(named, tracking_id="link-1"), of_unknown=True))
    entry = ledger.commit(Inspect("blink", "reference-1"))
    assert entry is not None
    assert entry.contradiction is None
    assert state_of(entry.known) is after


def test_news_without_an_id_say_nothing_of_a_refund_that_was_accepted_without_one() -> None:
    ledger = MemoryLedger(SYSTEM)
    sent(ledger, reply(200, {"success": True, "status": "pending"}))
    news = Refund("blink", "reference-1", RefundStatus.FAILED, amount=ONE_EURO, payment_id=PAYMENT)
    assert ledger.commit(Learn(news, of_unknown=True))
    entry = ledger.commit(Inspect("blink", "reference-1"))
    assert entry is not None
    assert state_of(entry.known) is State.ACCEPTED


def test_a_refund_that_is_done_may_be_undone_as_a_lookup_says_it_and_not_as_every_callback_does() -> None:
    ledger = MemoryLedger(SYSTEM)
    sent(ledger, reply(200, {"success": True, "status": "completed", "refunded_transaction_id": REFUND}))
    news = Refund("blink", "reference-1", RefundStatus.FAILED, amount=ONE_EURO, refund_id=REFUND, payment_id=PAYMENT)
    for learn, after in (
        (Learn(news, of_unknown=True, undone=False), State.ACCEPTED),
        (Learn(news, of_unknown=True), State.FREE),
    ):
        assert ledger.commit(learn)
        entry = ledger.commit(Inspect("blink", "reference-1"))
        assert entry is not None
        assert state_of(entry.known) is after


def test_an_unknown_refund_is_found_as_pending_with_what_was_asked_for() -> None:
    ledger = MemoryLedger(SYSTEM)
    sent(ledger, LOST)
    found = ledger.commit(Find("blink", None, "reference-1"))
    assert found is not None
    asked = Refund("blink", "reference-1", RefundStatus.PENDING, amount=ONE_EURO, payment_id=PAYMENT)
    assert (found.refund, found.is_certain) == (asked, False)


def test_an_unknown_refund_is_found_by_the_id_that_its_reply_gave() -> None:
    ledger = MemoryLedger(SYSTEM)
    sent(ledger, LOST, (None, REFUND))
    found = ledger.commit(Find("blink", REFUND, None))
    assert found is not None
    assert (found.refund.reference, found.refund.refund_id, found.is_certain) == ("reference-1", REFUND, False)
    assert ledger.commit(Find("blink", "refund-2", None)) is None
    assert ledger.commit(Find("blink", None, None)) is None


def test_a_reference_stands_once_in_its_payment_also_where_it_came_after_the_first_question() -> None:
    ledger = MemoryLedger(SYSTEM)
    assert ledger.of_payment("blink", PAYMENT) == []
    sent(ledger, LOST)
    ledger.commit(decided(executed=True))
    assert [reference for reference, _ in ledger.of_payment("blink", PAYMENT)] == ["reference-1"]
    assert ledger.of_payment("blink", "payment-2") == []


def test_what_calls_for_somebody_is_unknown_or_contradicted() -> None:
    ledger = MemoryLedger(SYSTEM)
    unknown = frozenset({State.UNKNOWN})
    sent(ledger, LOST)
    assert [(account, reference) for account, reference, _ in ledger.in_states(None, unknown)] == [
        ("blink", "reference-1")
    ]
    ledger.commit(decided(executed=True))
    assert [*ledger.in_states("blink", unknown)] == []
    news = Refund("blink", "reference-1", RefundStatus.FAILED, amount=ONE_EURO, refund_id=REFUND, payment_id=PAYMENT)
    ledger.commit(Learn(news, of_unknown=True))
    assert [entry.contradiction for _, _, entry in ledger.in_states("blink", unknown)] == [
        "a person decided that it was executed, and the provider says that it failed"
    ]
    assert [*ledger.in_states("paybyrd", unknown)] == []


def test_a_change_is_made_the_same_within_an_event_loop() -> None:
    ledger = MemoryLedger(SYSTEM)
    sent(ledger, LOST)
    inspect = Inspect("blink", "reference-1")
    assert asyncio.run(ledger.acommit(inspect)) == ledger.commit(inspect)


def test_the_digest_of_an_archived_refund_is_the_one_that_databases_have_stored() -> None:
    assert digest_of_parameters(PAYMENT, ONE_EURO) == sha256(f"{PAYMENT}\n100\nEUR".encode()).hexdigest()
    assert digest_of_parameters(None, FULL) == sha256(b"").hexdigest()
