"""The sandbox as the test of a service uses it: served over HTTP, with a ledger of its own."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from refundry.client import AsyncRefundClient, RefundClient
from refundry.providers.idempotency import idempotency_key
from refundry.sandbox import Sandbox, SandboxServer, SandboxTransport
from refundry.transport.over_httpx import HttpxTransport

if TYPE_CHECKING:
    from typing import Self

    from refundry.accounts import Account
    from refundry.transport import AsyncTransport, Transport

# Far more than a reference ever has: a refusal alone begins the next attempt.
_MOST_ATTEMPTS: Final = 100


class RefundSandbox(Sandbox):
    """A Sandbox that is served over HTTP on this machine for as long as its `with` lasts.

    `folder` gets the ledger; without it a temporary folder does. `options` are those of Sandbox.
    """

    def __init__(self, *, folder: Path | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._folder = folder
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @cached_property
    def url(self) -> str:
        """Where the sandbox is served: the base_url of an account. The first use starts the server."""
        return self._open.enter_context(SandboxServer(self)).base_url

    @cached_property
    def ledger(self) -> str:
        """A ledger for the clients of this test, in a file that is empty at the beginning."""
        folder = self._folder or Path(self._open.enter_context(TemporaryDirectory(prefix="refundry-")))
        return f"sqlite:///{folder.resolve() / 'refunds.db'}"

    @property
    def transport(self) -> HttpxTransport:
        """The sandbox without a socket, for either client: `RefundClient(accounts, transport=...)`.

        A lost reply and one that never comes raise at once there, and a connection that is cut before the provider
        refunds counts as one that could not be made.
        """
        return HttpxTransport(SandboxTransport(self))

    def accounts(
        self,
        *,
        base_url: str | None = None,
        plain_http_to: str | None = None,
        transport: Transport | AsyncTransport | None = None,
    ) -> list[Account]:
        """The accounts of all providers: at `url`, unless a base_url or a transport is given."""
        if base_url is None and transport is None:
            base_url = self.url
        return super().accounts(base_url=base_url, plain_http_to=plain_http_to, transport=transport)

    def client(self, **options: Any) -> RefundClient:
        """A client of all accounts with the ledger, which is closed at the end. `options` are its arguments."""
        options.setdefault("ledger", self.ledger)
        client = RefundClient(self.accounts(), **options)
        self._open.callback(client.close)
        return client

    def async_client(self, **options: Any) -> AsyncRefundClient:
        """As `client`, for `async with`: only its own event loop can close it."""
        options.setdefault("ledger", self.ledger)
        return AsyncRefundClient(self.accounts(), **options)

    @property
    def variables(self) -> dict[str, str]:
        """What a service in another process needs in its environment, for `RefundClient.from_env()`."""
        return {**self.environment(base_url=self.url), "REFUNDRY_LEDGER": self.ledger}

    def set_variables(self) -> None:
        """Put `variables` into the environment of this process, in place of every other REFUNDRY_ variable of it.

        At the end the environment is as it was before.
        """
        kept = {name: value for name, value in os.environ.items() if name.startswith("REFUNDRY_")}
        gone = [name for name in kept if not name.startswith("REFUNDRY_TEST_")]
        for name in gone:
            del os.environ[name]
        os.environ.update(self.variables)
        self._open.callback(_restore, {name: kept.get(name) for name in (*self.variables, *gone)})

    def times_refunded(self, provider: str, reference: str) -> int:
        """How often the provider has executed a refund under this reference. More than once is a double refund.

        ValueError where the reference says nothing: Lab4Pay is told none with the refund of a payment. Count
        `refunds("lab4pay")` there.
        """
        refunds = self.refunds(provider)
        keys = {idempotency_key(reference, attempt) for attempt in range(1, _MOST_ATTEMPTS + 1)}
        found = sum(one.reference == reference or one.idempotency_key in keys for one in refunds)
        if not found and any(one.reference is None and one.idempotency_key is None for one in refunds):
            raise ValueError(f'{provider} is told no reference here; count refunds("{provider}") by their payment_id')
        return found


def _restore(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
