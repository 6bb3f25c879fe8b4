"""The providers of the sandbox. A further one is its machine, with its entry, and one line in this table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from refundry.sandbox import blink, lab4pay, paybyrd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refundry.sandbox.entry import Provider

PROVIDERS: Final[dict[str, Provider]] = {
    "lab4pay": lab4pay.IN_SANDBOX,
    "paybyrd": paybyrd.IN_SANDBOX,
    "blink": blink.IN_SANDBOX,
}

CREDENTIALS: Final[Mapping[str, str]] = {name: provider.credential for name, provider in PROVIDERS.items()}
TOKEN_CREDENTIALS: Final[Mapping[str, Mapping[str, str]]] = {
    name: provider.token_credentials for name, provider in PROVIDERS.items() if provider.token_credentials
}
WEBHOOK_SECRETS: Final[Mapping[str, Mapping[str, str]]] = {
    name: provider.webhook_secrets for name, provider in PROVIDERS.items() if provider.webhook_secrets
}
