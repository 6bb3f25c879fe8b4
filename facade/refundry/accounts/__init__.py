"""The accounts: where each provider is, and the credentials to it. Plain data: a translation reads for each."""

from __future__ import annotations

from refundry.accounts.account import Account as Account
from refundry.accounts.blink import Blink as Blink
from refundry.accounts.lab4pay import Lab4Pay as Lab4Pay
from refundry.accounts.paybyrd import Paybyrd as Paybyrd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

KINDS: Final[dict[str, type[Account]]] = {
    "lab4pay": Lab4Pay,
    "paybyrd": Paybyrd,
    "blink": Blink,
}
"""The class of the accounts of each provider, by the provider's name."""
