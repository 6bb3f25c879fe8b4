"""The account at Lab4Pay."""

from __future__ import annotations

from collections.abc import Mapping

import refundry
from refundry.accounts.account import Account, Servers, in_rotation
from refundry.later import Later
from refundry.redaction import Secret
from refundry.validation import credential, one_of, text_secret

TYPE_CHECKING = False
if not TYPE_CHECKING:
    typing = Later("typing")
if TYPE_CHECKING:
    import typing


class Lab4Pay(Account):
    """One terminal at Lab4Pay, with the client id and secret of its pairing or an access token, and the integrator id.

    It refunds a payment of this terminal, in full or in part, or an amount that is tied to no payment; always with an
    amount. An accepted refund is PENDING: the terminal has the request, and nobody has presented a card yet. Lab4Pay
    de-duplicates nothing, so an unknown outcome can only be found out at the terminal. `currency` is the terminal's.
    Lab4Pay counts in cents: `minor_units` says what those are in a currency without cents (see Account).

    `webhook_secret_key`, of the pairing, proves that a callback is Lab4Pay's. `webhook_signature` says what is signed:
    "body", the body as it is, or "sorted-keys", its JSON with the keys in order. Lab4Pay's text says the first, and a
    sample of Lab4Pay's code does the second. During a new pairing, `previous_webhook_secret_key` is good too.
    """

    HOSTS: typing.ClassVar[Mapping[str, str]] = Servers("refundry_lab4pay")
    COUNTS_MINOR_UNITS: typing.ClassVar[bool] = True

    def __init__(
        self,
        *,
        integrator_id: str,
        client_id: str | None = None,
        client_secret: str | None = None,
        access_token: str | None = None,
        webhook_secret_key: str | None = None,
        previous_webhook_secret_key: str | None = None,
        webhook_signature: typing.Literal["body", "sorted-keys"] = "body",
        name: str = "lab4pay",
        environment: typing.Literal["production", "sandbox"] = "production",
        base_url: str | None = None,
        plain_http_to: str | None = None,
        currency: str | None = None,
        minor_units: typing.Literal["iso", "hundredths"] | None = None,
        transport: refundry.Transport | refundry.AsyncTransport | None = None,
    ) -> None:
        self._set_place(locals())
        self.headers: tuple[tuple[str, Secret], ...] = (
            ("X-Pay-Connect-Integrator-Id", credential(integrator_id, "integrator_id")),
        )
        self._set_keys_or_token({"client_id": client_id, "client_secret": client_secret}, access_token)
        self.webhook_secret_keys: tuple[Secret, ...] = tuple(
            key for (key,) in in_rotation(locals(), text_secret, "webhook_secret_key")
        )
        one_of(webhook_signature, "webhook_signature", ("body", "sorted-keys"))
        self.webhook_signature = webhook_signature
