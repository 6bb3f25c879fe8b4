"""The README's table of providers agrees with the code, and its handler distinguishes each exception."""

import ast
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from refundry import (
    AuthenticationFailed,
    NotSent,
    Operation,
    OutcomeUnknown,
    Reason,
    Refund,
    RefundClient,
    RefundError,
    RefundMismatch,
    RefundRejected,
)
from tests.providers import PROVIDERS, account

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def row(begins_with: str) -> dict[str, str]:
    """Return the cells of a row of the table of providers, by provider."""
    (line,) = (line for line in README.splitlines() if line.startswith(f"| {begins_with}"))
    return dict(zip(PROVIDERS, (cell.strip() for cell in line.split("|")[2:5]), strict=True))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_table_of_providers_says_what_their_capabilities_say(provider: str) -> None:
    with RefundClient([account(provider)]) as client:
        table = client.capabilities(provider)
    able = [*table.values()][-1]
    assert row("`refund` ")[provider] == ("yes" if Operation.REFUND in table else "no")
    assert row("`refund_unreferenced` ")[provider] == ("yes" if Operation.REFUND_UNREFERENCED in table else "no")
    assert row("`cancel` ")[provider] == ("yes" if able.cancel else "no")
    assert row("what proves a callback")[provider].removeprefix("a ") == able.callbacks
    assert "`tracking_id`" not in row("`lookup` and")[provider] or "tracking_id" in able.lookup
    assert row("an amount, or")[provider] == ("amount or `FULL`" if able.full_without_amount else "amount")
    hours = able.idempotency_window and able.idempotency_window // 3600
    assert row("de-duplicates")[provider] == (f"for {hours} hours" if hours else "no")
    assert ("`SUCCEEDED`" in row("an accepted refund is")[provider]) == (able.settles == "now")


def handlers() -> Iterator[CodeType]:
    """Yield the README's handler with its clauses in each possible order."""
    (code,) = (part.partition("```")[0] for part in README.split("```python\n")[1:] if "except RefundRejected" in part)
    imports, handler = ast.parse(code).body
    assert isinstance(handler, ast.Try)
    for clauses in itertools.permutations(handler.handlers):
        handler.handlers = [*clauses]
        yield compile(ast.Module([imports, handler], []), "README.md", "exec")


def done_by(handler: CodeType, error: RefundError) -> list[str]:
    """Return the names of the functions that the handler calls for this exception."""

    class Client:
        def refund(self, *_: object, **__: object) -> Refund:
            raise error

    did: list[str] = []
    names: dict[str, Any] = {"client": Client(), "payment": "p-1", "amount": "1.00", "reference": "r-1"}
    for name in ("retry_later", "retry_when_the_keys_are_fixed", "tell_the_customer", "ask_a_person"):
        names[name] = lambda *_, name=name: did.append(name)
    exec(handler, names)
    return did


LATER = datetime.now(UTC) + timedelta(hours=1)


@pytest.mark.parametrize(
    ("error", "done"),
    [
        (NotSent("text"), "retry_later"),
        (AuthenticationFailed("text"), "retry_when_the_keys_are_fixed"),
        (RefundRejected("text", reason=Reason.DECLINED), "tell_the_customer"),
        (OutcomeUnknown("text", resend_until=LATER), "retry_later"),
        (OutcomeUnknown("text"), "ask_a_person"),
        (RefundMismatch("text", differences=[], resend_until=LATER), "retry_later"),
        (RefundMismatch("text", differences=[]), "ask_a_person"),
    ],
)
def test_the_handler_does_the_same_for_every_order_of_its_clauses(error: RefundError, done: str) -> None:
    assert [done_by(handler, error) for handler in handlers()] == [[done]] * 24


@pytest.mark.parametrize("name", ["payment_id", "amount", "retry_after", "raw", "http_status", "provider_message"])
def test_every_error_carries_the_fields_that_the_readme_lists(name: str) -> None:
    assert f"`{name}`" in README.partition("All are `RefundError`")[2].partition("```python")[0]
    assert hasattr(RefundError("text"), name)
