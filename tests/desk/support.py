"""Refunds that leave a ledger in a known state, and statements that stand for what time and crashes do to it."""

import json
import sqlite3
from typing import Any

from refundry import (
    Amount,
    Money,
    OutcomeUnknown,
    Refund,
    RefundClient,
    RefundMismatch,
    RefundStatus,
    SendFailure,
    WireRequest,
)
from refundry.wire import Evidence
from tests.facade.support import ONCE, ONE_EURO, PAYMENT, Answer, Scripted, accepted, account, reply
from tests.providers import RECORDS

LOST = SendFailure(Evidence.MAYBE_SENT, "no reply within 30 s")
PENDING = RECORDS["paybyrd"].pending
# A refusal of Paybyrd that executes nothing.
REFUSED = reply(404, {"code": "BYRD901", "description": "Transaction not found"})
ACCEPTED = accepted("paybyrd")
BY = {"by": "the person on call", "reason": "seen at the provider"}


def client(url: str | None, *answers: Any, provider: str = "paybyrd", **options: Any) -> RefundClient:
    """Return a client of one account whose transport gives these answers."""
    made = account(provider, transport=Scripted(*answers or (ACCEPTED,)), **options)
    return RefundClient([made], ledger=url, retry=ONCE)


def sent(one: RefundClient, provider: str = "paybyrd") -> int:
    """Return how many refunds the client has sent."""
    transport = one._core.translation(provider).account.transport
    assert isinstance(transport, Scripted)
    return len(transport.sent)


def refund(
    one: RefundClient,
    reference: str,
    *,
    amount: Amount = ONE_EURO,
    payment: str = PAYMENT,
    provider: str = "paybyrd",
    payment_amount: Money | None = None,
) -> Refund:
    """Refund a payment."""
    return one.refund(provider, payment_id=payment, amount=amount, reference=reference, payment_amount=payment_amount)


def lose(url: str | None, *references: str, provider: str = "paybyrd", **options: Any) -> None:
    """Leave references unknown."""
    with client(url, LOST, provider=provider, **options) as one:
        for reference in references:
            try:
                refund(one, reference, provider=options.get("name", provider))
            except OutcomeUnknown:
                continue
            raise AssertionError("a lost reply leaves the outcome unknown")


def contradict(url: str, reference: str) -> None:
    """Let a person decide that a refund was not executed while its worker sleeps, which then learns that it was."""

    def answer(_: WireRequest) -> Answer:
        end_leases(url)
        with client(url) as other:
            other.ledger.decide("paybyrd", reference, RefundStatus.FAILED, **BY)
        return ACCEPTED

    with client(url, answer) as sleeper:
        try:
            refund(sleeper, reference)
        except RefundMismatch:
            return
    raise AssertionError("what a person decided and what the provider says contradict each other")


def run_sql(url: str, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Run a statement of PostgreSQL, with `%s` for a value; SQLite gets it in its own words."""
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            return connection.execute(statement.replace("refundry.", "").replace("%s", "?"), values).fetchall()
    import psycopg

    with psycopg.connect(url) as database:
        cursor = database.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []


def end_leases(url: str) -> None:
    """Let the time of every lease pass."""
    for account_name, reference, lease_end in run_sql(
        url, "SELECT account, reference, lease_end FROM refundry.refunds WHERE lease_end IS NOT NULL"
    ):
        wall, boot, boot_id = json.loads(lease_end)
        run_sql(
            url,
            "UPDATE refundry.refunds SET lease_end = %s WHERE account = %s AND reference = %s",
            (json.dumps([wall - 10_000, boot - 10_000, boot_id]), account_name, reference),
        )
