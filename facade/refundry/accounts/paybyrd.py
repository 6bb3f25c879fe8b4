"""The account at Paybyrd."""

from __future__ import annotations

from collections.abc import Mapping

import refundry
from refundry.accounts.account import Account, Servers, in_rotation
from refundry.errors import InvalidRefund
from refundry.later import Later
from refundry.redaction import Secret
from refundry.validation import credential, text_secret

TYPE_CHECKING = False
if not TYPE_CHECKING:
    typing = Later("typing")
if TYPE_CHECKING:
    import typing


class Paybyrd(Account):
    """An account at Paybyrd, with its API key.

    Which host takes the keys of the sandbox is in doubt: the present pages name the one of `environment="sandbox"`; the
    older pages send test keys to the production host, where the key alone decides. Where the sandbox's host refuses a
    test key, set `base_url="https://gateway.paybyrd.com"`.

    It refunds one payment by its transaction id, in full or in part; always with an amount. Paybyrd de-duplicates by
    idempotency key for 24 hours; the key is made from the reference. The account has no `currency`, for each payment
    has its own. `minor_units` says what Paybyrd counts in a currency with other than two decimals (see Account).

    The secret that was set up there proves a callback: `webhook_api_key`, or `webhook_username` and `webhook_password`.
    During a change the secret before it is good too: `previous_webhook_api_key`, or `previous_webhook_username` and
    `previous_webhook_password`.
    """

    HOSTS: typing.ClassVar[Mapping[str, str]] = Servers("refundry_paybyrd")
    COUNTS_MINOR_UNITS: typing.ClassVar[bool] = True

    def __init__(
        self,
        *,
        api_key: str,
        webhook_api_key: str | None = None,
        webhook_username: str | None = None,
        webhook_password: str | None = None,
        previous_webhook_api_key: str | None = None,
        previous_webhook_username: str | None = None,
        previous_webhook_password: str | None = None,
        name: str = "paybyrd",
        environment: typing.Literal["production", "sandbox"] = "production",
        base_url: str | None = None,
        plain_http_to: str | None = None,
        minor_units: typing.Literal["iso", "hundredths"] | None = None,
        transport: refundry.Transport | refundry.AsyncTransport | None = None,
    ) -> None:
        self._set_place(locals())
        self.headers: tuple[tuple[str, Secret], ...] = (("x-api-key", credential(api_key, "api_key")),)
        self.webhook_api_keys: tuple[Secret, ...] = tuple(
            key for (key,) in in_rotation(locals(), credential, "webhook_api_key")
        )
        self.webhook_basics: tuple[tuple[Secret, Secret], ...] = tuple(
            (name, word) for name, word in in_rotation(locals(), _of_basic, "webhook_username", "webhook_password")
        )


def _of_basic(value: object, field: str) -> Secret:
    """A name or a password of HTTP Basic."""
    secret = text_secret(value, field)
    if field.endswith("username") and ":" in secret.reveal():
        raise InvalidRefund(f"{field} has a colon, which HTTP Basic cannot carry", field=field)
    return secret
