"""What the accounts of all providers have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module

import refundry
from refundry.errors import InvalidRefund
from refundry.later import Later
from refundry.money import EXPONENTS
from refundry.redaction import Secret
from refundry.validation import account_name, credential, one_of, origin

TYPE_CHECKING = False
if not TYPE_CHECKING:
    typing = Later("typing")
if TYPE_CHECKING:
    import typing
    from typing import Final


# The arguments that accounts have in common. None of them is a secret.
_PLACE: Final = ("name", "environment", "base_url", "plain_http_to", "transport", "currency", "minor_units")


class Servers(Mapping[str, str]):
    """The servers of a generated package by environment. The package is imported on the first use."""

    def __init__(self, package: str) -> None:
        self._package = package

    def _read(self) -> dict[str, str]:
        servers: dict[str, str] = import_module(self._package).SERVERS
        return servers

    def __getitem__(self, environment: str) -> str:
        return self._read()[environment]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


class Account(ABC):
    """One account at a provider.

    `name` is the provider that the client's calls take; give several accounts of one provider different names.
    `environment` chooses the provider's own host; `base_url` (scheme, host and port; https, or http to this machine)
    replaces it. `currency` is the account's, where it has one: an amount in another currency is then refused before
    anything is sent. `minor_units` says what a provider that counts in minor units counts in a currency with other than
    two decimals: "iso", the minor units of ISO 4217, or "hundredths" of the major unit. No provider publishes it, so
    without it such an amount is refused before anything is sent. `transport` carries the requests in place of the
    client's own connections.

    `plain_http_to` names the host of `base_url`, and allows plain http to it: anybody on the way can then read and
    change the credentials and the refunds. It is for a sandbox in a network of containers. The host is a name without a
    dot (`sandbox`), a name under .internal, .local, .localhost, .test, .home.arpa or .svc, or an address of a private
    network. Any other name with a dot is refused, as a provider's own host is: its text does not show whether it leads
    over the Internet.

    An account cannot be pickled, for it holds credentials. Raises InvalidRefund, with `field`, for a name, address,
    environment, currency or credential that cannot be used. Its message shows no value that was given, for a credential
    may stand in the wrong argument.
    """

    HOSTS: typing.ClassVar[Mapping[str, str]]
    COUNTS_MINOR_UNITS: typing.ClassVar[bool] = False
    """Whether the provider takes amounts as whole numbers of minor units."""

    # Also of an account that its constructor refuses: an error reporter shows it.
    name: str = ""
    origin: str = ""
    keys: Mapping[str, Secret] = {}
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
        self._set_place(locals())

    def _set_place(self, given: Mapping[str, typing.Any]) -> None:
        """Check and keep what accounts have in common, out of all the arguments of a constructor."""
        # An error reporter may show the variables of this frame. A message shows no value either: a variable of the
        # environment may hold the secret of another one.
        given = {name: given[name] for name in _PLACE if name in given}
        one_of(given["environment"], "environment", self.HOSTS)
        self.currency: str | None = given.get("currency")
        if self.currency is not None and self.currency not in EXPONENTS:
            raise InvalidRefund("currency is not a currency of ISO 4217", field="currency")
        one_of(given.get("minor_units"), "minor_units", ("iso", "hundredths", None))
        self.environment: str = given["environment"]
        base_url = self.HOSTS[given["environment"]] if given["base_url"] is None else given["base_url"]
        self.name = account_name(given["name"])
        self.origin = origin(base_url, given["plain_http_to"])
        self.minor_units: typing.Literal["iso", "hundredths"] | None = given.get("minor_units")
        self.transport: refundry.Transport | refundry.AsyncTransport | None = given["transport"]

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every credential that a request is sent with. Those that prove a callback are never sent."""
        token = () if self.token is None else (self.token,)
        return (*token, *self.keys.values(), *(secret for _, secret in self.headers))

    @property
    def fetches_token(self) -> bool:
        """Whether an access token has to be fetched with the keys."""
        return bool(self.keys)

    def _set_keys_or_token(self, keys: Mapping[str, str | None], access_token: str | None) -> None:
        """Keep the keys that tokens are fetched with, or the token. InvalidRefund for both, or for some of the keys."""
        names = " and ".join(keys)
        if access_token is not None:
            for name, value in keys.items():
                if value is not None:
                    raise InvalidRefund(f"give either access_token or {names}, not both", field=name)
            self.token = credential(access_token, "access_token")
        else:
            for name, value in keys.items():
                if value is None:
                    raise InvalidRefund(f"{name} is missing; give {names}, or access_token", field=name)
            self.keys = {name: credential(value, name) for name, value in keys.items()}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} at {self.origin}>"

    def __reduce__(self) -> typing.NoReturn:
        raise TypeError(f"{self!r} holds credentials and is not pickled; make another one where it is used")


def in_rotation(
    given: Mapping[str, object], checked: Callable[[object, str], Secret], *fields: str
) -> Iterator[tuple[Secret, ...]]:
    """The secrets of these fields, which prove a callback together, and the previous ones while they are used too.

    InvalidRefund for some of the fields, and for the previous secrets without the present ones.
    """
    previous = tuple(f"previous_{field}" for field in fields)
    given = {field: given[field] for field in fields + previous}  # as in _set_place
    for group, needed_by in ((fields, fields + previous), (previous, previous)):
        if all(given[field] is None for field in needed_by):
            return
        for field in group:
            if given[field] is None:
                raise InvalidRefund(f"{field} is missing, beside the others that prove a callback", field=field)
        yield tuple(checked(given[field], field) for field in group)
