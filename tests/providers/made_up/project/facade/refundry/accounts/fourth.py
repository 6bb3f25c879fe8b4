"""The account at Fourth."""

from __future__ import annotations

from collections.abc import Mapping

import refundry
from refundry.accounts.account import Account, Servers
from refundry.later import Later
from refundry.redaction import Secret
from refundry.validation import credential, text_secret

TYPE_CHECKING = False
if not TYPE_CHECKING:
    typing = Later("typing")
if TYPE_CHECKING:
    import typing


class Fourth(Account):
    """An account at Fourth.

    It refunds one payment by its id, in full or in part, always with an amount. It de-duplicates nothing. `webhook_key`
    proves a callback.
    """

    HOSTS: typing.ClassVar[Mapping[str, str]] = Servers("refundry_fourth")
    COUNTS_MINOR_UNITS: typing.ClassVar[bool] = True

    def __init__(
        self,
        *,
        api_key: str,
        webhook_key: str | None = None,
        name: str = "fourth",
        environment: typing.Literal["production", "sandbox"] = "production",
        base_url: str | None = None,
        plain_http_to: str | None = None,
        minor_units: typing.Literal["iso", "hundredths"] | None = None,
        transport: refundry.Transport | refundry.AsyncTransport | None = None,
    ) -> None:
        self._set_place(locals())
        self.headers: tuple[tuple[str, Secret], ...] = (("X-Fourth-Key", credential(api_key, "api_key")),)
        self.webhook_key = None if webhook_key is None else text_secret(webhook_key, "webhook_key")
