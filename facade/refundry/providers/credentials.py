"""Credentials: what proves to a provider who sends a request, and the wire request that carries them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from refundry.redaction import Secret
from refundry.wire import SecretBytes, WireRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refundry.accounts import Account
    from refundry.providers.translation import GeneratedRequest

_NO_TOKEN_YET: Final = Secret("the-token-is-fetched-when-this-is-sent")


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """The headers that prove who sends a request; with `in_body`, the body proves it.

    `secrets` are all that must not show, wherever the provider echoes them.
    """

    headers: tuple[tuple[str, Secret], ...]
    secrets: tuple[Secret, ...]
    in_body: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class IssuedToken:
    """The credentials with a new access token, and the lifetime of the token in seconds."""

    credentials: Credentials
    lifetime: float
    deviations: tuple[tuple[str, str], ...] = ()


def fixed_credentials(account: Account) -> Credentials | None:
    """The credentials that are always good; None where the account has to fetch a token."""
    return None if account.fetches_token else with_token(account, account.token)


def with_token(account: Account, token: Secret | None) -> Credentials:
    """The credentials with this access token, in the Authorization header, beside the account's own headers."""
    if token is None:
        return Credentials(account.headers, account.secrets)
    bearer = ("Authorization", Secret(f"Bearer {token.reveal()}"))
    return Credentials((bearer, *account.headers), (token, *account.secrets))


def shown_credentials(account: Account) -> Credentials:
    """The credentials of a request that is only looked at, with a blank in place of a token that is not fetched."""
    return fixed_credentials(account) or with_token(account, _NO_TOKEN_YET)


def token_credentials(account: Account) -> Credentials:
    """The credentials of the request for a token, which holds the account's keys in its body."""
    return Credentials((), account.secrets, in_body=True)


def token_keys(account: Account) -> dict[str, str]:
    """The keys that a token is fetched with, revealed, by the names of the account's arguments."""
    return {name: secret.reveal() for name, secret in account.keys.items()}


def wire_request(generated: GeneratedRequest, account: Account, credentials: Credentials) -> WireRequest:
    """The generated request as it is sent, to the account's host and with these credentials.

    A header of the generated request that is also among the credentials is left out, so that it does not show.
    """
    hidden = [name.lower() for name, _ in credentials.headers]
    shown = [(name, value) for name, value in generated.headers.items() if name.lower() not in hidden]
    body = generated.content or b""
    return WireRequest(
        method=generated.method,
        origin=account.origin,
        target=f"{generated.path}?{_query(generated.params)}" if generated.params else generated.path,
        headers=(*shown, ("Accept", "application/json")),
        credentials=credentials.headers,
        body=SecretBytes(body) if credentials.in_body else body,
    )


def _query(params: Mapping[str, Any]) -> str:
    """The query as httpx writes it: an array is a pair for each of its values, and a boolean is in lower case."""
    values = {name: value if isinstance(value, list) else [value] for name, value in params.items()}
    return urlencode([(name, _text(one)) for name, many in values.items() for one in many])


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
