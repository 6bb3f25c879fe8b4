"""Data that a database refuses fails the change that it belongs to, and no other one of its transaction."""

import json
import threading
from typing import Any, Final

import psycopg
import pytest

from refundry import NotSent, Refund, RefundClient, RefundStatus, Retry, WireReply, WireRequest
from refundry.errors import LedgerFailed
from tests.ledger.support import cause_of, client_of, refunded, state, until

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


@pytest.mark.parametrize("odd", ["\0", "\ud800", "a\0b", "\udfff\0", "x" * 20_000, "\U0001f4b6"])
def test_an_odd_id_of_the_provider_hides_no_outcome(ledger_url: str, odd: str) -> None:
    def answer(_: WireRequest) -> WireReply:
        body = {"success": True, "message": "refunded", "amount": "1.00", "refund_transaction_id": odd}
        return WireReply(200, (), json.dumps({**json.loads(_accepted()), **body}).encode())

    client, sent = client_of(ledger_url, answer, retry=Retry(attempts=1, deadline=5.0))
    with client:
        refund = refunded(client)
        assert refund.status is RefundStatus.SUCCEEDED
        refunded(client, "another")
        assert len(sent.sent) == 2
        assert refunded(client).replayed
        if refund.recorded:
            with client_of(ledger_url)[0] as other:
                until(lambda: state(other) == "accepted")


def _accepted() -> bytes:
    from tests.ledger.support import ACCEPTED

    return ACCEPTED.body


@pytest.mark.parametrize("odd", ["\0", "\ud800"])
def test_an_odd_word_of_a_person_is_a_typed_error(ledger_url: str, odd: str) -> None:
    client, _ = client_of(ledger_url, WireReply(500, (), b""))
    with client:
        with pytest.raises(Exception, match="blink"):
            refunded(client)
        assert isinstance(client.client, RefundClient)
        try:
            client.client.ledger.decide("blink", "reference-1", RefundStatus.FAILED, by=f"Ada{odd}", reason="seen")
        except LedgerFailed:
            assert state(client) == "unknown"
        else:
            assert state(client) == "free"
