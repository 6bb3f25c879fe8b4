"""The accounts: where each provider is, and the credentials to it. How its messages read is in `providers`."""

from __future__ import annotations

from abc import ABC, abstractmethod

from refundry.checks import Secret, credential, origin, path_id
from refundry.errors import InvalidRefund
from refundry.money import EXPONENTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, ClassVar, Final, Literal, NoReturn

    from refundry.providers.base import Translation
    from refundry.transport import AsyncTransport, Transport

    Environment = Literal["production", "sandbox"]


class Account(ABC):
    """One account at a provider.

    `name` is what a refund is asked for by; it differs between several accounts of one provider. `environment`
    chooses the provider's own host; `base_url` (scheme, host and port; https, or http to this machine) stands in for
    it. `currency` is the account's, where it has one: with it, an amount in another currency is refused before it is
    sent. `transport` carries the requests instead of the client's own connections.

    It cannot be pickled, for it holds credentials. Raises InvalidRefund, with `field`, for a name, address,
    environment, currency or credential that cannot be used.
    """

    HOSTS: ClassVar[Mapping[str, str]]

    def __init__(
        self,
        *,
        name: str,
        environment: Environment,
        base_url: str | None,
        transport: Transport | AsyncTransport | None,
        currency: str | None = None,
    ) -> None:
        if environment not in self.HOSTS:
            raise InvalidRefund(
                f"environment is one of {', '.join(self.HOSTS)}, not {environment!r}", field="environment"
            )
        if currency is not None and currency not in EXPONENTS:
            raise InvalidRefund(f"{currency!r} is not an ISO 4217 currency", field="currency")
        self.name = path_id(name, "name")
        self.origin = origin(base_url if base_url is not None else self.HOSTS[environment])
        self.currency = currency
        self.transport = transport

    @property
    @abstractmethod
    def secrets(self) -> tuple[Secret, ...]:
        """Every credential of this account."""

    @abstractmethod
    def translation(self) -> Translation:
        """How this provider's messages read, for this account."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} at {self.origin}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} holds credentials and is not pickled; make it anew where it is used")


class Lab4Pay(Account):
    """One terminal at Lab4Pay, by its bearer token and the id of the integrator.

    Refunds an amount that is tied to no payment. An accepted refund is PENDING: the terminal has been told, and
    nobody has presented a card yet. The token decides which terminal it is. Nothing is de-duplicated, so an unknown
    outcome can only be found out at the terminal. `currency` is the terminal's.
    """

    HOSTS = {"production": "https://api-payment.lab4pay.com", "sandbox": "https://api-payment.lab4pay.dev"}

    def __init__(
        self,
        *,
        access_token: str,
        integrator_id: str,
        name: str = "lab4pay",
        environment: Environment = "production",
        base_url: str | None = None,
        currency: str | None = None,
        transport: Transport | AsyncTransport | None = None,
    ) -> None:
        super().__init__(name=name, environment=environment, base_url=base_url, transport=transport, currency=currency)
        self.access_token = credential(access_token, "access_token")
        self.integrator_id = credential(integrator_id, "integrator_id")

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The bearer token and the integrator id."""
        return (self.access_token, self.integrator_id)

    def translation(self) -> Translation:
        """See `providers.lab4pay`."""
        from refundry.providers.lab4pay import Lab4PayTranslation

        return Lab4PayTranslation(self)


class Paybyrd(Account):
    """An account at Paybyrd, by its API key. Sandbox keys belong to `environment="sandbox"`.

    Refunds one payment by its transaction id, all or in parts; always with an amount. Paybyrd de-duplicates by
    idempotency key for 24 hours; the key is made from the reference. It has no `currency`: that is the payment's.
    """

    HOSTS = {"production": "https://gateway.paybyrd.com", "sandbox": "https://gatewaysandbox.paybyrd.com"}

    def __init__(
        self,
        *,
        api_key: str,
        name: str = "paybyrd",
        environment: Environment = "production",
        base_url: str | None = None,
        transport: Transport | AsyncTransport | None = None,
    ) -> None:
        super().__init__(name=name, environment=environment, base_url=base_url, transport=transport)
        self.api_key = credential(api_key, "api_key")

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The API key."""
        return (self.api_key,)

    def translation(self) -> Translation:
        """See `providers.paybyrd`."""
        from refundry.providers.paybyrd import PaybyrdTranslation

        return PaybyrdTranslation(self)


class Blink(Account):
    """An account at Blink, by its bearer token. Sandbox and production share one host; the token decides.

    Refunds one payment by its transaction id, in parts or in full; FULL needs no amount. Only card payments that have
    settled can be refunded. Nothing is de-duplicated. With `currency`, the account's, `refund.amount` is known also
    after FULL.
    """

    HOSTS = {"production": "https://secure.blinkpayment.co.uk", "sandbox": "https://secure.blinkpayment.co.uk"}

    def __init__(
        self,
        *,
        access_token: str,
        name: str = "blink",
        environment: Environment = "production",
        base_url: str | None = None,
        currency: str | None = None,
        transport: Transport | AsyncTransport | None = None,
    ) -> None:
        super().__init__(name=name, environment=environment, base_url=base_url, transport=transport, currency=currency)
        self.access_token = credential(access_token, "access_token")

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The bearer token."""
        return (self.access_token,)

    def translation(self) -> Translation:
        """See `providers.blink`."""
        from refundry.providers.blink import BlinkTranslation

        return BlinkTranslation(self)


_KINDS: Final[Mapping[str, Callable[..., Account]]] = {"LAB4PAY": Lab4Pay, "PAYBYRD": Paybyrd, "BLINK": Blink}


def from_environment(variables: Mapping[str, str]) -> list[Account]:
    """An account for each provider that variables REFUNDRY_<PROVIDER>_<FIELD> name, such as REFUNDRY_PAYBYRD_API_KEY.

    The fields are the arguments of the account, but for `transport`. Raises InvalidRefund, with the variable as
    `field`, for one that no account takes, one that is missing or unfit, and where there is none at all.
    """
    given: dict[str, dict[str, str]] = {}
    for variable, value in variables.items():
        provider, _, field = variable.removeprefix("REFUNDRY_").partition("_")
        if variable.startswith("REFUNDRY_"):
            if provider not in _KINDS or field.lower() not in _fields(_KINDS[provider]):
                raise InvalidRefund(f"no account takes {variable}; there are {_variables()}", field=variable)
            given.setdefault(provider, {})[field.lower()] = value
    if not given:
        raise InvalidRefund(f"the environment names no account; set some of {_variables()}", field="REFUNDRY_")
    return [_named_by(provider, fields) for provider, fields in given.items()]


def _named_by(provider: str, fields: Mapping[str, Any]) -> Account:
    kind = _KINDS[provider]
    for name, required in _fields(kind).items():
        if required and name not in fields:
            variable = f"REFUNDRY_{provider}_{name.upper()}"
            raise InvalidRefund(f"{variable} is missing, beside the others of {provider}", field=variable)
    try:
        return kind(**fields)
    except InvalidRefund as refused:
        variable = f"REFUNDRY_{provider}_{refused.field.upper()}"
        raise InvalidRefund(f"{variable}: {refused}", field=variable) from None


def _fields(kind: Callable[..., Account]) -> dict[str, bool]:
    """The arguments of an account that a text can give, and whether it needs them."""
    from inspect import Parameter, signature  # slow to import, and only needed here

    parameters = signature(kind).parameters
    return {name: one.default is Parameter.empty for name, one in parameters.items() if name != "transport"}


def _variables() -> str:
    names = (f"REFUNDRY_{provider}_{name.upper()}" for provider, kind in _KINDS.items() for name in _fields(kind))
    return ", ".join(names)
