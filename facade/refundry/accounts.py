"""The accounts: where each provider is, and the credentials to it. `providers.registry` knows who reads for which."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import refundry
from refundry.errors import InvalidRefund
from refundry.later import Later
from refundry.money import EXPONENTS
from refundry.redaction import Secret
from refundry.validation import account_name, credential, origin, text_secret

TYPE_CHECKING = False
if not TYPE_CHECKING:
    typing = Later("typing")
if TYPE_CHECKING:
    import typing
    from typing import Final, TypeVar

    Value = TypeVar("Value")

_NO_KEYS: Final[Mapping[str, Secret]] = {}


class Account(ABC):
    """One account at a provider.

    `name` is what a refund is asked for by; it differs between several accounts of one provider. `environment`
    chooses the provider's own host; `base_url` (scheme, host and port; https, or http to this machine) stands in for
    it. `currency` is the account's, where it has one: with it, an amount in another currency is refused before it is
    sent. `minor_units` is what a provider that counts in them counts of a currency whose major unit has not a hundred:
    "iso", the minor units of ISO 4217, or "hundredths" of the major unit. No provider publishes it, so without it such
    an amount is refused before it is sent. `transport` carries the requests instead of the client's own connections.

    `plain_http_to` names the host of `base_url`, and says that plain http may go there: credentials and refunds are
    then readable, and can be changed, on the way. It is for a sandbox in a network of containers. It can be a name
    without a dot (`sandbox`), a name under .internal, .local, .localhost, .test, .home.arpa or .svc, or an address of
    a private network. A provider's own host is never among them, nor is any other name with a dot: whether it leads
    over the Internet cannot be seen from its text.

    It cannot be pickled, for it holds credentials. Raises InvalidRefund, with `field`, for a name, address,
    environment, currency or credential that cannot be used. The text of it shows no value that an account was given:
    a credential may stand in the wrong place.
    """

    HOSTS: typing.ClassVar[Mapping[str, str]]
    COUNTS_MINOR_UNITS: typing.ClassVar[bool] = False
    """Whether the provider takes amounts as whole numbers, so that it matters what it counts."""

    keys: Mapping[str, Secret] = _NO_KEYS
    """The credentials that an access token is fetched with, by the names of the arguments; empty where none is."""
    token: Secret | None = None
    """The access token that was given."""
    headers: tuple[tuple[str, Secret], ...] = ()
    """The credentials that each request carries, except for the token."""

    @abstractmethod
    def __init__(
        self,
        *,
        name: str,
        environment: typing.Literal["production", "sandbox"],
        base_url: str | None,
        plain_http_to: str | None,
        transport: refundry.Transport | refundry.AsyncTransport | None,
        currency: str | None = None,
        minor_units: typing.Literal["iso", "hundredths"] | None = None,
    ) -> None:
        # No value stands in a message: a variable of the environment may hold the secret that belongs in another.
        if environment not in self.HOSTS:
            raise InvalidRefund(f"environment is one of {', '.join(self.HOSTS)}", field="environment")
        if currency is not None and currency not in EXPONENTS:
            raise InvalidRefund("currency is not a currency of ISO 4217", field="currency")
        if minor_units not in (None, "iso", "hundredths"):
            raise InvalidRefund("minor_units is iso or hundredths", field="minor_units")
        self.name = account_name(name)
        self.origin = origin(base_url if base_url is not None else self.HOSTS[environment], plain_http_to)
        self.currency = currency
        self.minor_units = minor_units
        self.transport = transport

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every credential that its requests are sent with. Those that prove a callback are never sent."""
        return _given(self.token, *self.keys.values(), *(secret for _, secret in self.headers))

    @property
    def fetches_token(self) -> bool:
        """Whether an access token has to be fetched with the keys."""
        return bool(self.keys)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} at {self.origin}>"

    def __reduce__(self) -> typing.NoReturn:
        raise TypeError(f"{self!r} holds credentials and is not pickled; make it anew where it is used")


class Lab4Pay(Account):
    """One terminal at Lab4Pay: by the client id and secret of its pairing, or by an access token, and the integrator.

    Refunds a payment of this terminal, all or in parts, or an amount that is tied to no payment; always with an
    amount. An accepted refund is PENDING: the terminal has been told, and nobody has presented a card yet. Nothing is
    de-duplicated, so an unknown outcome can only be found out at the terminal. `currency` is the terminal's. Lab4Pay
    counts in cents: what those are in a currency that has none, `minor_units` has to say (see Account).

    `webhook_secret_key`, of the pairing, proves that a callback is Lab4Pay's. `webhook_signature` says over what that
    is signed: its body as it is, or "sorted-keys", its JSON written anew with the keys in order, which a sample of
    Lab4Pay's does and its text does not. While the terminal is paired anew, `previous_webhook_secret_key` is good too.
    """

    HOSTS = {"production": "https://api-payment.lab4pay.com", "sandbox": "https://api-payment.lab4pay.dev"}
    COUNTS_MINOR_UNITS = True

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
        super().__init__(
            name=name,
            environment=environment,
            base_url=base_url,
            plain_http_to=plain_http_to,
            transport=transport,
            currency=currency,
            minor_units=minor_units,
        )
        self.headers = (("X-Pay-Connect-Integrator-Id", credential(integrator_id, "integrator_id")),)
        self.keys, self.token = _keys_or_token({"client_id": client_id, "client_secret": client_secret}, access_token)
        self.webhook_secret_keys = _in_rotation(
            "webhook_secret_key", text_secret, webhook_secret_key, previous_webhook_secret_key
        )
        if webhook_signature not in ("body", "sorted-keys"):
            raise InvalidRefund("webhook_signature is body or sorted-keys", field="webhook_signature")
        self.webhook_signature = webhook_signature


class Paybyrd(Account):
    """An account at Paybyrd, by its API key.

    Which host takes the keys of the sandbox is in doubt: the present pages name the one of `environment="sandbox"`, the
    older ones send test keys to the production host, where the key alone decides. Where the sandbox's host refuses a
    test key, set the other with `base_url="https://gateway.paybyrd.com"`.

    Refunds one payment by its transaction id, all or in parts; always with an amount. Paybyrd de-duplicates by
    idempotency key for 24 hours; the key is made from the reference. It has no `currency`: that is the payment's. What
    it counts in a currency with other than two decimals, `minor_units` has to say (see Account).

    A callback is proved by what was set up for it there: `webhook_api_key`, or `webhook_username` and
    `webhook_password`. While that is changed, what it was before is good too: `previous_webhook_api_key`, or
    `previous_webhook_username` and `previous_webhook_password`.
    """

    HOSTS = {"production": "https://gateway.paybyrd.com", "sandbox": "https://gatewaysandbox.paybyrd.com"}
    COUNTS_MINOR_UNITS = True

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
        super().__init__(
            name=name,
            environment=environment,
            base_url=base_url,
            plain_http_to=plain_http_to,
            transport=transport,
            minor_units=minor_units,
        )
        self.headers = (("x-api-key", credential(api_key, "api_key")),)
        self.webhook_api_keys = _in_rotation("webhook_api_key", credential, webhook_api_key, previous_webhook_api_key)
        self.webhook_basics = _given(
            _basic("webhook", webhook_username, webhook_password),
            _basic("previous_webhook", previous_webhook_username, previous_webhook_password),
        )
        if webhook_username is None and previous_webhook_username is not None:
            raise InvalidRefund("webhook_username is missing, beside the one before it", field="webhook_username")


class Blink(Account):
    """An account at Blink: by its API key and secret key, or by an access token, which is good for half an hour.

    Sandbox and production share one host; the keys decide. Refunds one payment by its transaction id, in parts or in
    full; FULL needs no amount, but what it refunds after an earlier part is inferred: an amount is the safer. Only card
    payments that have settled can be refunded. Nothing is de-duplicated. Nothing proves that a callback is Blink's.

    An account can have payments in several currencies, and no refund says which. `currency` is for one whose payments
    are all in the same: with it, `refund.amount` is known also after FULL.
    """

    HOSTS = {"production": "https://secure.blinkpayment.co.uk", "sandbox": "https://secure.blinkpayment.co.uk"}

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
        super().__init__(
            name=name,
            environment=environment,
            base_url=base_url,
            plain_http_to=plain_http_to,
            transport=transport,
            currency=currency,
        )
        self.keys, self.token = _keys_or_token({"api_key": api_key, "secret_key": secret_key}, access_token)


KINDS: Final[dict[str, type[Account]]] = {"lab4pay": Lab4Pay, "paybyrd": Paybyrd, "blink": Blink}
"""The class of account of each provider, by the provider's name."""


def _keys_or_token(keys: Mapping[str, str | None], access_token: str | None) -> tuple[dict[str, Secret], Secret | None]:
    """The keys that tokens are fetched with, or the token: one of the two, and whole."""
    names = " and ".join(keys)
    if access_token is not None:
        for name, value in keys.items():
            if value is not None:
                raise InvalidRefund(f"give either access_token or {names}, not both", field=name)
        return {}, credential(access_token, "access_token")
    for name, value in keys.items():
        if value is None:
            raise InvalidRefund(f"{name} is missing; give {names}, or access_token", field=name)
    return {name: credential(value, name) for name, value in keys.items()}, None


def _in_rotation(
    field: str, checked: Callable[[object, str], Secret], now: object, previous: object
) -> tuple[Secret, ...]:
    """The secrets that prove a callback: the one of now, and the one before it while the provider still uses that."""
    if now is None and previous is not None:
        raise InvalidRefund(f"{field} is missing, beside the one before it", field=field)
    given = ((field, now), (f"previous_{field}", previous))
    return tuple(checked(value, name) for name, value in given if value is not None)


def _basic(what: str, username: object, password: object) -> tuple[Secret, Secret] | None:
    """A name and a password as HTTP Basic has them; None where neither is given."""
    fields = {f"{what}_username": username, f"{what}_password": password}
    if username is None and password is None:
        return None
    for field, value in fields.items():
        if value is None:
            raise InvalidRefund(f"{field} is missing, beside the other of the two", field=field)
    name, secret = (text_secret(value, field) for field, value in fields.items())
    if ":" in name.reveal():
        raise InvalidRefund(f"{what}_username has a colon, which HTTP Basic cannot carry", field=f"{what}_username")
    return name, secret


def _given(*values: Value | None) -> tuple[Value, ...]:
    return tuple(value for value in values if value is not None)
