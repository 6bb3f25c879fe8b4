"""The account at Blink."""

from __future__ import annotations

from collections.abc import Mapping

import refundry
from refundry.accounts.account import Account, Servers
from refundry.later import Later

TYPE_CHECKING = False
if not TYPE_CHECKING:
    typing = Later("typing")
if TYPE_CHECKING:
    import typing


class Blink(Account):
    """An account at Blink, with its API key and secret key, or an access token, which lasts half an hour.

    Sandbox and production share one host; the keys decide. It refunds one payment by its transaction id, in part or in
    full. FULL needs no amount, but what it refunds after an earlier part is inferred: an amount is safer. Only card
    payments that have settled can be refunded. Blink de-duplicates nothing. Nothing proves that a callback is Blink's.

    An account can have payments in several currencies, and no refund says which. Give `currency` where all payments are
    in the same: `refund.amount` is then known after FULL too.
    """

    HOSTS: typing.ClassVar[Mapping[str, str]] = Servers("refundry_blink")

    def __init__(
        self,
        *,
        api_key: str | None = None,
        secret_key: str | None = None,
        access_token: str | None = None,
        name: str = "blink",
        environment: typing.Literal["production", "sandbox"] = "production",
        base_url: str | None = None,
        plain_http_to: str | None = None,
        currency: str | None = None,
        transport: refundry.Transport | refundry.AsyncTransport | None = None,
    ) -> None:
        self._set_place(locals())
        self._set_keys_or_token({"api_key": api_key, "secret_key": secret_key}, access_token)
