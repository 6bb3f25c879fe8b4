"""The records of the providers. The suites are parametrised over them.

A provider about which something is still to be decided has none yet: tests/providers/test_kit.py names each decision.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from refundry import Account
from refundry.accounts import KINDS
from scripts.new_provider.decisions import open_decisions
from tests.providers.record import PaymentRecord, ProviderRecord, TokenRecord

RECORDS: Final[dict[str, ProviderRecord]] = {
    name: import_module(f"tests.providers.{name}").RECORD for name in KINDS if not open_decisions(name)
}
PROVIDERS: Final = tuple(RECORDS)


def where(holds: Callable[[ProviderRecord], object]) -> tuple[str, ...]:
    """Return the providers whose record fulfils a condition."""
    return tuple(name for name, record in RECORDS.items() if holds(record))


WITH_TOKENS: Final = where(lambda record: record.tokens)
"""The providers whose accounts can fetch access tokens."""
WITH_PROOF: Final = where(lambda record: record.callbacks.account)
"""The providers that prove their callbacks."""
WITH_PAYMENT_STATES: Final = where(lambda record: record.payments)
"""The providers with a lookup of the reason why a payment cannot be refunded."""
WITHOUT_WINDOW: Final = where(lambda record: not record.deduplicates)
"""The providers that do not de-duplicate."""


def account(provider: str, **options: Any) -> Account:
    """Return an account at a provider, with fixed fake credentials."""
    return RECORDS[provider].account(**options)


def tokens_of(provider: str) -> TokenRecord:
    """Return how a provider issues access tokens."""
    record = RECORDS[provider].tokens
    assert record is not None
    return record


def payments_of(provider: str) -> PaymentRecord:
    """Return how a provider's lookup of a payment's state works."""
    record = RECORDS[provider].payments
    assert record is not None
    return record
