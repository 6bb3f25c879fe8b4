"""Which translation reads for which account, and that an account without one is refused."""

import subprocess
import sys

import pytest

from refundry import Account, InvalidRefund, Paybyrd, RefundClient
from refundry.accounts import KINDS
from refundry.providers.registry import TRANSLATIONS, translation_of
from tests.facade.support import Scripted, accepted, account


class Unregistered(Account):
    """An account at a provider that refundry does not know."""

    HOSTS = {"production": "https://refunds.example"}

    def __init__(self) -> None:
        super().__init__(
            name="unregistered", environment="production", base_url=None, plain_http_to=None, transport=None
        )


class OurPaybyrd(Paybyrd):
    """A service's own class of account."""


def test_each_type_of_account_has_its_own_translation() -> None:
    assert {*TRANSLATIONS} == {*KINDS.values()}
    assert len({*TRANSLATIONS.values()}) == len(KINDS)
    for kind, cls in KINDS.items():
        made = account(kind)
        assert type(made) is cls
        assert translation_of(made).account is made
        assert translation_of(made).PACKAGE.removeprefix("refundry_") == kind


def test_an_account_without_a_translation_is_refused_by_the_client() -> None:
    with pytest.raises(InvalidRefund, match="no translation is registered for Unregistered") as refused:
        RefundClient([Unregistered()])
    assert refused.value.field == "providers"


def test_a_subclass_of_an_account_is_read_as_that_account() -> None:
    transport = Scripted(accepted("paybyrd"))
    with RefundClient([OurPaybyrd(api_key="test-key", transport=transport)]) as client:
        assert client.capabilities("paybyrd") == translation_of(account("paybyrd")).CAPABILITIES


def test_the_base_modules_load_nothing_else_of_the_package() -> None:
    code = "import sys, refundry.redaction; print(*sorted(one for one in sys.modules if one.startswith('refundry.')))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=30)
    assert run.stdout.split() == ["refundry.later", "refundry.redaction"]
