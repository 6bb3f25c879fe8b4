"""Data that a database refuses fails the change that it belongs to, and no other one of its transaction."""

import contextlib
import json
import threading
from typing import Any, Final

import psycopg
import pytest

from refundry import NotSent, OutcomeUnknown, Refund, RefundClient, RefundEvent, RefundStatus, Retry, WireReply
from refundry.errors import LedgerFailed
from tests.ledger.support import ACCEPTED, cause_of, client_of, refunded, state

PATIENT: Final = Retry(attempts=1, deadline=5.0)

_REFUSE: Final = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN RAISE check_violation USING MESSAGE = 'this row is refused'; END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON refundry.refunds
  FOR EACH ROW WHEN (new.reference LIKE 'unfit%') EXECUTE FUNCTION refuse();
"""


def _concurrently(client: Any, references: list[str]) -> dict[str, Refund | NotSent]:
    ended: dict[str, Refund | NotSent] = {}

    def work(reference: str) -> None:
        try:
            ended[reference] = refunded(client, reference)
        except NotSent as error:
            ended[reference] = error

    threads = [threading.Thread(target=work, args=(reference,)) for reference in references]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return ended


@pytest.mark.parametrize("through", ["postgres_url", "pgbouncer_url"])
def test_a_row_that_the_database_refuses_fails_no_other_of_its_transaction(
    request: pytest.FixtureRequest, postgres_url: str, through: str
) -> None:
    client, sent = client_of(request.getfixturevalue(through), retry=Retry(attempts=1, deadline=20.0))
    with client:
        with psycopg.connect(postgres_url, autocommit=True) as admin:
            admin.execute(_REFUSE)
        with psycopg.connect(postgres_url) as other:  # so that all of them wait for one transaction
            other.execute("LOCK TABLE refundry.refunds IN ACCESS EXCLUSIVE MODE")
            threading.Timer(1.0, other.rollback).start()
            fit = [f"reference-{number}" for number in range(20)]
            ended = _concurrently(client, [*fit[:10], "unfit-1", *fit[10:], "unfit-2"])
        for reference in ("unfit-1", "unfit-2"):
            failed = ended.pop(reference)
            assert isinstance(failed, NotSent)
            assert "this row is refused" in str(cause_of(failed))
        assert all(isinstance(refund, Refund) and refund.recorded for refund in ended.values())
    assert len(sent.sent) == len(ended) == 20


@pytest.mark.parametrize("odd", ["\0", "\ud800", "a\0b", "x" * 20_000, "\U0001f4b6", "it's; -- \\"])
@pytest.mark.parametrize("field", ["refunded_transaction_id", "status"])
def test_odd_text_of_the_provider_hides_no_outcome(ledger_url: str, field: str, odd: str) -> None:
    body = {**json.loads(ACCEPTED.body), field: odd}
    client, sent = client_of(ledger_url, WireReply(200, (), json.dumps(body).encode()), retry=PATIENT)
    with client:
        if field == "status":
            with pytest.raises(OutcomeUnknown) as raised:
                refunded(client)
            assert raised.value.recorded
        else:
            refund = refunded(client)
            assert (refund.recorded, refunded(client).replayed) == (True, True)
        with client_of(ledger_url)[0] as other:
            assert state(other) == ("unknown" if field == "status" else "accepted")
    assert len(sent.sent) == 1


@pytest.mark.parametrize("odd", ["a\0b", "\ud800"])
def test_a_question_with_an_odd_id_fails_no_refund_beside_it(ledger_url: str, odd: str) -> None:
    client, sent = client_of(ledger_url, retry=PATIENT)
    with client:
        assert isinstance(client.client, RefundClient)
        event = RefundEvent(
            provider="blink",
            about="refund",
            refund_id=odd,
            payment_id=None,
            status=RefundStatus.SUCCEEDED,
            proof="signature",
            identity="event-1",
            reference="reference-1",
        )
        for _ in range(3):
            with contextlib.suppress(LedgerFailed):
                client.client.learn(event)
        assert refunded(client).recorded
    assert len(sent.sent) == 1


@pytest.mark.parametrize("odd", ["\0", "\ud800"])
def test_an_odd_word_of_a_person_is_a_typed_error(ledger_url: str, odd: str) -> None:
    client, _ = client_of(ledger_url, WireReply(500, (), b""))
    with client:
        with pytest.raises(OutcomeUnknown):
            refunded(client)
        assert isinstance(client.client, RefundClient)
        try:
            client.client.ledger.decide("blink", "reference-1", RefundStatus.FAILED, by=f"Ada{odd}", reason="seen")
        except LedgerFailed:
            assert state(client) == "unknown"
        else:
            assert state(client) == "free"
