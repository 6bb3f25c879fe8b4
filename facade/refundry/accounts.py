"""The accounts: where each provider is, and the credentials to it. How its messages read is in `providers`."""

from __future__ import annotations

from abc import ABC, abstractmethod

from refundry.checks import Secret, credential, is_path_id, origin
from refundry.errors import InvalidRefund
from refundry.money import EXPONENTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import ClassVar, Literal, NoReturn

    from refundry.providers.base import Translation
    from refundry.transport import AsyncTransport, Transport

    Environment = Literal["production", "sandbox"]
    WebhookSignature = Literal["body", "sorted-keys"]


class Account(ABC):
    """One account at a provider.

    `name` is what a refund is asked for by; it differs between several accounts of one provider. `environment`
    chooses the provider's own host; `base_url` (scheme, host and port; https, or http to this machine) stands in for
    it. `currency` is the account's, where it has one: with it, an amount in another currency is refused before it is
    sent. `transport` carries the requests instead of the client's own connections.

    `plain_http_to` names the host of `base_url`, and says that plain http may go there: credentials and refunds are
    then readable, and can be changed, on the way. It is for a sandbox in a network of containers. It can be a name
    without a dot (`sandbox`), a name under .internal, .local, .localhost, .test, .home.arpa or .svc, or an address of
    a private network. A provider's own host is never among them, nor is any other name with a dot: whether it leads
    over the Internet cannot be seen from its text.

    It cannot be pickled, for it holds credentials. Raises InvalidRefund, with `field`, for a name, address,
    environment, currency or credential that cannot be used; it shows no value.
    """

    HOSTS: ClassVar[Mapping[str, str]]

    def __init__(
        self,
        *,
        name: str,
        environment: Environment,
        base_url: str | None,
        plain_http_to: str | None,
        transport: Transport | AsyncTransport | None,
        currency: str | None = None,
    ) -> None:
        # No value stands in a message: a variable of the environment may hold the secret that belongs in another.
        if environment not in self.HOSTS:
            raise InvalidRefund(f"environment is not one of {', '.join(self.HOSTS)}", field="environment")
        if currency is not None and currency not in EXPONENTS:
            raise InvalidRefund("currency is not an ISO 4217 code, such as 'EUR'", field="currency")
        if not (isinstance(name, str) and is_path_id(name)):
            raise InvalidRefund(
                "name has not 1 to 200 characters without blanks, slashes, percent signs and line breaks", field="name"
            )
        self.name = name
        self.origin = origin(base_url if base_url is not None else self.HOSTS[environment], plain_http_to)
        self.currency = currency
        self.transport = transport

    @property
    @abstractmethod
    def secrets(self) -> tuple[Secret, ...]:
        """Every credential of this account."""

    @property
    def headers(self) -> tuple[tuple[str, Secret], ...]:
        """What each request carries besides the token."""
        return ()

    @property
    def fetches_token(self) -> bool:
        """Whether an access token has to be fetched with the account's other credentials."""
        return False

    @abstractmethod
    def translation(self) -> Translation:
        """How this provider's messages read, for this account."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} at {self.origin}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} holds credentials and is not pickled; make it anew where it is used")


class TokenAccount(Account):
    """An account whose requests carry an access token: the one that was given, or one that is fetched with its keys."""

    keys: Mapping[str, Secret]
    token: Secret | None

    @property
    def fetches_token(self) -> bool:
        """Whether it was given its keys."""
        return self.token is None


class Lab4Pay(TokenAccount):
    """One terminal at Lab4Pay: by the client id and secret of its pairing, or by an access token, and the integrator.

    Refunds a payment of this terminal, all or in parts, or an amount that is tied to no payment; always with an
    amount. An accepted refund is PENDING: the terminal has been told, and nobody has presented a card yet. Nothing is
    de-duplicated, so an unknown outcome can only be found out at the terminal. `currency` is the terminal's.

    `webhook_secret_key`, of the pairing, proves that a callback is Lab4Pay's. `webhook_signature` says over what that
    is signed: its body as it is, or "sorted-keys", its JSON written anew with the keys in order, which a sample of
    Lab4Pay's does and its text does not.
    """

    HOSTS = {"production": "https://api-payment.lab4pay.com", "sandbox": "https://api-payment.lab4pay.dev"}

    def __init__(
        self,
        *,
        integrator_id: str,
        client_id: str | None = None,
        client_secret: str | None = None,
        access_token: str | None = None,
        webhook_secret_key: str | None = None,
        webhook_signature: WebhookSignature = "body",
        name: str = "lab4pay",
        environment: Environment = "production",
        base_url: str | None = None,
        plain_http_to: str | None = None,
        currency: str | None = None,
        transport: Transport | AsyncTransport | None = None,
    ) -> None:
        super().__init__(
            name=name,
            environment=environment,
            base_url=base_url,
            plain_http_to=plain_http_to,
            transport=transport,
            currency=currency,
        )
        self.integrator_id = credential(integrator_id, "integrator_id")
        self.keys, self.token = _keys_or_token({"client_id": client_id, "client_secret": client_secret}, access_token)
        self.webhook_secret_key = _text_secret(webhook_secret_key, "webhook_secret_key")
        if webhook_signature not in ("body", "sorted-keys"):
            raise InvalidRefund("webhook_signature is not one of body, sorted-keys", field="webhook_signature")
        self.webhook_signature: WebhookSignature = webhook_signature

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The token or the client id and secret, the integrator id, and the secret of the callbacks."""
        return _given(self.token, *self.keys.values(), self.integrator_id, self.webhook_secret_key)

    @property
    def headers(self) -> tuple[tuple[str, Secret], ...]:
        """The integrator id."""
        return (("X-Pay-Connect-Integrator-Id", self.integrator_id),)

    def translation(self) -> Translation:
        """See `providers.lab4pay`."""
        from refundry.providers.lab4pay import Lab4PayTranslation

        return Lab4PayTranslation(self)


class Paybyrd(Account):
    """An account at Paybyrd, by its API key. Sandbox keys belong to `environment="sandbox"`.

    Refunds one payment by its transaction id, all or in parts; always with an amount. Paybyrd de-duplicates by
    idempotency key for 24 hours; the key is made from the reference. It has no `currency`: that is the payment's.

    A callback is proved by what was set up for it there: `webhook_api_key`, or `webhook_username` and
    `webhook_password`.
    """

    HOSTS = {"production": "https://gateway.paybyrd.com", "sandbox": "https://gatewaysandbox.paybyrd.com"}

    def __init__(
        self,
        *,
        api_key: str,
        webhook_api_key: str | None = None,
        webhook_username: str | None = None,
        webhook_password: str | None = None,
        name: str = "paybyrd",
        environment: Environment = "production",
        base_url: str | None = None,
        plain_http_to: str | None = None,
        transport: Transport | AsyncTransport | None = None,
    ) -> None:
        super().__init__(
            name=name, environment=environment, base_url=base_url, plain_http_to=plain_http_to, transport=transport
        )
        self.api_key = credential(api_key, "api_key")
        self.webhook_api_key = None if webhook_api_key is None else credential(webhook_api_key, "webhook_api_key")
        self.webhook_username = _text_secret(webhook_username, "webhook_username")
        self.webhook_password = _text_secret(webhook_password, "webhook_password")
        for field, one, other in (
            ("webhook_password", self.webhook_password, self.webhook_username),
            ("webhook_username", self.webhook_username, self.webhook_password),
        ):
            if one is None and other is not None:
                raise InvalidRefund(f"{field} is missing, beside the other of the two", field=field)
        if self.webhook_username is not None and ":" in self.webhook_username.reveal():
            raise InvalidRefund("webhook_username has a colon, which HTTP Basic cannot carry", field="webhook_username")

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The API key, and the secrets of the callbacks."""
        return _given(self.api_key, self.webhook_api_key, self.webhook_username, self.webhook_password)

    @property
    def headers(self) -> tuple[tuple[str, Secret], ...]:
        """The API key."""
        return (("x-api-key", self.api_key),)

    def translation(self) -> Translation:
        """See `providers.paybyrd`."""
        from refundry.providers.paybyrd import PaybyrdTranslation

        return PaybyrdTranslation(self)


class Blink(TokenAccount):
    """An account at Blink: by its API key and secret key, or by an access token, which is good for half an hour.

    Sandbox and production share one host; the keys decide. Refunds one payment by its transaction id, in parts or in
    full; FULL needs no amount. Only card payments that have settled can be refunded. Nothing is de-duplicated. With
    `currency`, the account's, `refund.amount` is known also after FULL. Nothing proves that a callback is Blink's.
    """

    HOSTS = {"production": "https://secure.blinkpayment.co.uk", "sandbox": "https://secure.blinkpayment.co.uk"}

    def __init__(
        self,
        *,
        api_key: str | None = None,
        secret_key: str | None = None,
        access_token: str | None = None,
        name: str = "blink",
        environment: Environment = "production",
        base_url: str | None = None,
        plain_http_to: str | None = None,
        currency: str | None = None,
        transport: Transport | AsyncTransport | None = None,
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

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The token, or the two keys."""
        return _given(self.token, *self.keys.values())

    def translation(self) -> Translation:
        """See `providers.blink`."""
        from refundry.providers.blink import BlinkTranslation

        return BlinkTranslation(self)


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


def _text_secret(value: object, field: str) -> Secret | None:
    """A secret that stands in no header of ours: any text that is not empty."""
    if value is None:
        return None
    if isinstance(value, str) and value:
        return Secret(value)
    raise InvalidRefund(f"{field} is a text that is not empty", field=field)


def _given(*secrets: Secret | None) -> tuple[Secret, ...]:
    return tuple(secret for secret in secrets if secret is not None)
