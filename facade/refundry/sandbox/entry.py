"""What the sandbox knows of a provider: its machine, its account, and what they start with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from refundry.accounts import Account
    from refundry.sandbox.machine import Machine, MinorUnits

BlinkReply = Literal["status", "success"]
"""The newer form of Blink's reply, or the older."""


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
