"""The providers of the tests in this folder: those of the package, and the made-up one."""

from typing import Final

import pytest

from refundry import RefundClient
from tests.facade.support import ONCE, Scripted
from tests.providers import RECORDS
from tests.providers.made_up.mounting import made_up
from tests.providers.record import ProviderRecord

ALL: Final = (*RECORDS.values(), made_up().record)
every_record = pytest.mark.parametrize("record", ALL, ids=lambda record: record.name)


def client_of(record: ProviderRecord, transport: Scripted, **options: object) -> RefundClient:
    """Return a client of one account with fixed credentials, which sends each request once."""
    return RefundClient([record.account(transport=transport, **options)], retry=ONCE)
