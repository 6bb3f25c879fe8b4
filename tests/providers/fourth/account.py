"""The account at the made-up provider."""

from typing import Literal

from refundry import Account, AsyncTransport, Transport
from refundry.validation import credential, text_secret


class Fourth(Account):
    """An account by its key. `webhook_key` proves callbacks."""

    HOSTS = {"production": "https://api.fourth.example", "sandbox": "https://sandbox.fourth.example"}
    COUNTS_MINOR_UNITS = True

    def __init__(
        self,
        *,
        key: str,
        webhook_key: str | None = None,
        name: str = "fourth",
        environment: Literal["production", "sandbox"] = "production",
        base_url: str | None = None,
        plain_http_to: str | None = None,
        minor_units: Literal["iso", "hundredths"] | None = None,
        transport: Transport | AsyncTransport | None = None,
    ) -> None:
        super().__init__(
            name=name,
            environment=environment,
            base_url=base_url,
            plain_http_to=plain_http_to,
            transport=transport,
            minor_units=minor_units,
        )
        self.headers = (("X-Fourth-Key", credential(key, "key")),)
        self.webhook_key = None if webhook_key is None else text_secret(webhook_key, "webhook_key")
