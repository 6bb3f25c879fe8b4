"""The providers of the sandbox. A further one is its machine, and one entry in this table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from refundry.accounts import Blink, Lab4Pay, Paybyrd
from refundry.sandbox.blink import BlinkMachine, BlinkReply
from refundry.sandbox.lab4pay import Lab4PayMachine
from refundry.sandbox.paybyrd import PaybyrdMachine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from refundry.accounts import Account
    from refundry.sandbox.machine import Machine, MinorUnits

INTEGRATOR_ID: Final = "test-integrator-lab4pay"


@dataclass(frozen=True, slots=True)
class Options:
    """The arguments of a `Sandbox` that its machines and accounts depend on."""

    seed: str
    token_seconds: float
    expires_in: Callable[[float], object]
    integrator_id: str
    blink_reply: BlinkReply
    terminal_currency: str
    heed_cancel: bool
    minor_units: MinorUnits


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider: its machine, its account, and what they start with.

    `machine` takes the options and the keys that a token is given for. `account` takes the credentials and the fields
    of `settings` by name. `credential` is always good. An account has `token_credentials` where there are any, and the
    credential as `api_key` otherwise. `webhook_secrets` prove a callback. `payments` are an id, a currency (None: the
    terminal's), and the fields in which the payment is unlike others.
    """

    machine: Callable[[Options, Mapping[str, str]], Machine]
    account: Callable[..., Account]
    credential: str
    payments: tuple[tuple[str, str | None, Mapping[str, Any]], ...]
    token_credentials: Mapping[str, str] = field(default_factory=dict)
    webhook_secrets: Mapping[str, str] = field(default_factory=dict)
    settings: Callable[[Options], Mapping[str, Any]] = lambda _: {}


_LAB4PAY_WEBHOOK: Final = {"webhook_secret_key": "test-webhook-key-lab4pay"}
_PAYBYRD_WEBHOOK: Final = {"webhook_api_key": "test-webhook-key-paybyrd"}

PROVIDERS: Final[dict[str, Provider]] = {
    "lab4pay": Provider(
        machine=lambda options, keys: Lab4PayMachine(
            options.seed,
            keys,
            options.token_seconds,
            options.minor_units,
            integrator_id=options.integrator_id,
            webhook_secret_key=_LAB4PAY_WEBHOOK["webhook_secret_key"],
            currency=options.terminal_currency,
            expires_in=options.expires_in,
            heed_cancel=options.heed_cancel,
        ),
        account=Lab4Pay,
        credential="test-key-lab4pay",
        payments=(("lab4pay-refunded", None, {"refunded": 10_000}), ("lab4pay-payment", None, {})),
        token_credentials={"client_id": "test-client-lab4pay", "client_secret": "test-secret-lab4pay"},
        webhook_secrets=_LAB4PAY_WEBHOOK,
        settings=lambda options: {"integrator_id": options.integrator_id, "minor_units": options.minor_units},
    ),
    "paybyrd": Provider(
        machine=lambda options, _: PaybyrdMachine(
            options.seed, minor_units=options.minor_units, webhook_api_key=_PAYBYRD_WEBHOOK["webhook_api_key"]
        ),
        account=Paybyrd,
        credential="test-key-paybyrd",
        payments=(
            ("paybyrd-eur", "EUR", {}),
            ("paybyrd-jpy", "JPY", {}),
            ("paybyrd-kwd", "KWD", {}),
            ("paybyrd-pending", "EUR", {"pending": True}),
            ("paybyrd-refunded", "EUR", {"refunded": 10_000}),
        ),
        webhook_secrets=_PAYBYRD_WEBHOOK,
        settings=lambda options: {"minor_units": options.minor_units},
    ),
    "blink": Provider(
        machine=lambda options, keys: BlinkMachine(
            options.seed, keys, options.token_seconds, reply=options.blink_reply
        ),
        account=Blink,
        credential="test-key-blink",
        payments=(
            ("blink-gbp", "GBP", {}),
            ("blink-jpy", "JPY", {}),
            ("blink-kwd", "KWD", {}),
            ("blink-pending", "GBP", {"pending": True}),
            ("blink-refunded", "GBP", {"refunded": 10_000}),
            ("blink-captured", "GBP", {"settled": False}),
        ),
        token_credentials={"api_key": "test-api-key-blink", "secret_key": "test-secret-key-blink"},
    ),
}

CREDENTIALS: Final[Mapping[str, str]] = {name: provider.credential for name, provider in PROVIDERS.items()}
TOKEN_CREDENTIALS: Final[Mapping[str, Mapping[str, str]]] = {
    name: provider.token_credentials for name, provider in PROVIDERS.items() if provider.token_credentials
}
WEBHOOK_SECRETS: Final[Mapping[str, Mapping[str, str]]] = {
    name: provider.webhook_secrets for name, provider in PROVIDERS.items() if provider.webhook_secrets
}
