"""Which translation reads for which account. A client loads those of its own accounts, and no others."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from refundry.accounts import Account, Blink, Lab4Pay, Paybyrd
from refundry.errors import InvalidRefund

if TYPE_CHECKING:
    from refundry.providers.translation import Translation

TRANSLATIONS: Final[dict[type[Account], str]] = {
    Lab4Pay: "refundry.providers.lab4pay:Lab4PayTranslation",
    Paybyrd: "refundry.providers.paybyrd:PaybyrdTranslation",
    Blink: "refundry.providers.blink:BlinkTranslation",
}
"""The module and the class of each translation, by the class of the account."""


def translation_of(account: Account) -> Translation:
    """The translation for this account, also where its class derives from one that is listed.

    Raises InvalidRefund for an account of a class that is not.
    """
    for cls in type(account).__mro__:
        if issubclass(cls, Account) and cls in TRANSLATIONS:
            module, name = TRANSLATIONS[cls].split(":")
            translation: Translation = getattr(import_module(module), name)(account)
            return translation
    raise InvalidRefund(f"no translation is registered for {type(account).__name__}", field="providers")
