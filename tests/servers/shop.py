"""A service as gunicorn runs it with `--preload`: one client, made and used before the workers are forked.

URL is the provider's address, TRUSTED a file with the certificate to trust, HANGING a payment whose refund is
in progress while the workers are forked, and also the reference of that refund. LEDGER is the client's ledger.
"""

import os
import ssl
import threading
import time
from typing import Any, Final

from flask import Flask, request

from refundry import Blink, Money, Paybyrd, Refund, RefundClient, RefundError

app: Final = Flask(__name__)
_URL: Final = os.environ["URL"]
_client: Final = RefundClient(
    [
        Paybyrd(api_key="test-key", base_url=_URL),
        Blink(api_key="test-key", secret_key="test-secret", base_url=_URL),
    ],
    ssl_context=ssl.create_default_context(cafile=os.environ["TRUSTED"]),
    ledger=os.environ.get("LEDGER"),
)


@app.post("/refunds")
def refund() -> dict[str, Any]:
    """Request a refund; return its outcome, and the process."""
    return _refunded(request.get_json())


@app.post("/lookups")
def lookup() -> dict[str, Any]:
    """Look up a refund that any worker has made."""
    try:
        return {"worker": os.getpid(), "refund": _client.lookup(request.get_json()).to_dict()}
    except RefundError as error:
        return {"worker": os.getpid(), "error": type(error).__name__, "text": str(error)}


def _refunded(requested: dict[str, Any]) -> dict[str, Any]:
    amount = Money.from_minor(requested["minor_units"], requested["currency"])
    try:
        accepted = _client.refund(
            requested["provider"], payment_id=requested["payment_id"], amount=amount, reference=requested["reference"]
        )
    except RefundError as error:
        return {"worker": os.getpid(), "error": type(error).__name__, "text": str(error)}
    assert isinstance(accepted, Refund)
    return {"worker": os.getpid(), "refund": accepted.to_dict()}


def _before_the_fork() -> None:
    """Leave an idle connection, a token and a refund in progress in the process that forks the workers."""
    hanging = os.environ["HANGING"]
    one = {"provider": "blink", "minor_units": 100, "currency": "GBP"}
    assert "refund" in _refunded({**one, "payment_id": f"done-{hanging}", "reference": f"before-{hanging}"})
    in_progress = {**one, "payment_id": hanging, "reference": hanging}
    threading.Thread(target=_refunded, args=(in_progress,), daemon=True).start()
    time.sleep(0.5)  # the refund has been sent by then, and is answered in an hour


_before_the_fork()
