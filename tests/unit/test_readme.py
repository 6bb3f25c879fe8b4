"""What the README says of each provider is what the code says."""

from pathlib import Path

import pytest

from refundry import Operation, RefundClient
from tests.unit.support import PROVIDERS, account

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def row(begins_with: str) -> dict[str, str]:
    """Return the row of the table of providers that begins so, by provider."""
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
