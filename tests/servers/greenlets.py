"""A process patched by gevent: refunds in many greenlets, and one that a gevent.Timeout interrupts.

Reads {"url", "trusted", "wanted": [[provider, payment, minor units, reference], ...], "hanging": payment} as JSON, and
prints the reports: {"reports": [...], "seen": ..., "second": ..., "seconds": ...}.
"""

from gevent import monkey  # type: ignore[import-untyped] # gevent has no types

monkey.patch_all()

# E402 from here on: gevent does not patch a module that was imported before.
import json  # noqa: E402
import ssl  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from typing import Any, Final  # noqa: E402

import gevent  # noqa: E402
from gevent.pool import Pool  # type: ignore[import-untyped] # noqa: E402

from refundry import Blink, Money, Paybyrd, Refund, RefundClient, RefundError  # noqa: E402

_AT_ONCE: Final = 50
_LIMIT: Final = 0.5


def main() -> None:
    """Make the refunds that stdin names, and print the reports."""
    requested = json.load(sys.stdin)
    client = RefundClient(
        [
            Paybyrd(api_key="test-key", base_url=requested["url"]),
            Blink(api_key="test-key", secret_key="test-secret", base_url=requested["url"]),
        ],
        ssl_context=ssl.create_default_context(cafile=requested["trusted"]),
    )

    def refund(provider: str, payment: str, minor_units: int, reference: str) -> Refund:
        amount = Money.from_minor(minor_units, "EUR" if provider == "paybyrd" else "GBP")
        return client.refund(provider, payment_id=payment, amount=amount, reference=reference)

    def refunded(one: list[Any]) -> Any:
        try:
            return refund(*one).to_dict()
        except RefundError as error:
            return f"{type(error).__name__}: {error}"

    results = Pool(_AT_ONCE).map(refunded, requested["wanted"])
    hanging = ["blink", requested["hanging"], 100, requested["hanging"]]
    seen, began = "nothing", time.monotonic()
    try:
        with gevent.Timeout(_LIMIT):
            seen = refunded(hanging)
    except gevent.Timeout:
        seen = "Timeout"
    seconds = time.monotonic() - began
    print(json.dumps({"reports": results, "seen": seen, "second": refunded(hanging), "seconds": seconds}))


main()
