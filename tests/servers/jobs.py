"""Refunds as the jobs of Celery. FOLDER holds its queue and its results, URL and TRUSTED are as in `shop`."""

import os
import ssl
import time
from pathlib import Path
from typing import Any, Final

from celery import Celery  # type: ignore[import-untyped] # celery has no types

from refundry import Blink, Money, Paybyrd, Refund, RefundClient, Retry, Timeout
from tests.servers.provider import HANGING_KEY

REFUND: Final = "refund"
_SECONDS: Final = 6.0
"""The deadline of a refund that nothing interrupts."""


def queue(folder: Path) -> Celery:
    """Return the application whose queue and results are in a folder."""
    for name in ("queue", "control", "results"):
        (folder / name).mkdir(exist_ok=True)
    app = Celery("jobs", broker="filesystem://", backend=f"file://{folder / 'results'}")
    app.conf.broker_transport_options = {
        "data_folder_in": str(folder / "queue"),
        "data_folder_out": str(folder / "queue"),
        "control_folder": str(folder / "control"),
    }
    app.conf.broker_connection_retry_on_startup = True
    return app


def _worker() -> Celery:
    app = queue(Path(os.environ["FOLDER"]))
    at: Final[dict[str, Any]] = {"secret_key": "test-secret", "base_url": os.environ["URL"]}
    client = RefundClient(
        [
            Paybyrd(api_key="test-key", base_url=os.environ["URL"]),
            Blink(api_key="test-key", **at),
            Blink(name="slow-token", api_key=HANGING_KEY, **at),
        ],
        ssl_context=ssl.create_default_context(cafile=os.environ["TRUSTED"]),
        timeout=Timeout(total=_SECONDS),
        retry=Retry(deadline=_SECONDS),
    )

    def refund(provider: str, payment_id: str, reference: str) -> dict[str, Any]:
        """Refund one unit of money. Return what the job saw, its process, and the seconds that it took."""
        began = time.monotonic()
        amount = Money.of("1.00", "EUR" if provider == "paybyrd" else "GBP")
        try:
            outcome: object = client.refund(provider, payment_id=payment_id, amount=amount, reference=reference)
        except Exception as error:  # noqa: BLE001 (the test examines any exception of a job)
            outcome = error
        seen = outcome.status.name if isinstance(outcome, Refund) else type(outcome).__name__
        return {"worker": os.getpid(), "seen": seen, "text": str(outcome), "seconds": time.monotonic() - began}

    app.task(name=REFUND)(refund)
    return app


if "FOLDER" in os.environ:
    app = _worker()
