"""A Celery task that refunds: what it retries, what it never retries, and why a killed worker costs nothing.

The broker delivers a task again when its worker dies (acks_late), and so it may run twice. The ledger makes that
harmless: the second run gets the refund of the first one, or hears that it is under way or unknown.

    pip install refundry celery
    export REFUNDRY_LEDGER=sqlite:////var/lib/shop/refunds.db   # or postgresql://…, for workers on several machines
    export REFUNDRY_BLINK_API_KEY=… REFUNDRY_BLINK_SECRET_KEY=…
    celery -A tasks worker
    python -c 'import tasks; tasks.refund.delay("blink", "BL-2349AGB", "10.00", "GBP", "order-77/1")'

The broker is named in celeryconfig.py. Where it is Redis or SQS, set its visibility timeout above the countdowns below.
"""

import os
from functools import cache
from typing import Any, Final

from celery import Celery, Task
from celery.utils.log import get_task_logger

from refundry import Money, NotSent, OutcomeUnknown, RefundClient, RefundError, RefundInProgress, Resend, Retry, Timeout

SECONDS: Final = float(os.environ.get("REFUND_SECONDS", "20"))
"""The deadline of a call. A worker that is killed holds its reference for twice as long and five seconds."""
WAIT: Final = float(os.environ.get("RETRY_SECONDS", "30"))

app: Final = Celery("tasks", config_source="celeryconfig")
log: Final = get_task_logger(__name__)


@cache
def client() -> RefundClient:
    """Return the client of this process. It is made at the first task, so after the worker has forked."""
    return RefundClient.from_env(timeout=Timeout(total=SECONDS), retry=Retry(deadline=SECONDS))


@app.task(
    bind=True,
    acks_late=True,
    reject_on_worker_lost=True,  # without it, a task whose process was killed is acknowledged, and lost
    max_retries=100,
    soft_time_limit=3 * SECONDS,  # never reached: SECONDS bounds the call
)
def refund(task: Task, provider: str, payment_id: str, amount: str, currency: str, reference: str) -> dict[str, Any]:
    """Refund once. Returns the refund as JSON, or the error that no retry can mend, with what is certain in it."""
    try:
        done = client().refund(provider, payment_id=payment_id, amount=Money.of(amount, currency), reference=reference)
    except (NotSent, RefundInProgress) as later:
        # Nothing was executed by this run. Where another run is under way, or died, its outcome is known after a while.
        raise task.retry(exc=later, countdown=max(WAIT, later.retry_after or 0)) from None
    except OutcomeUnknown as unknown:
        if unknown.resend is Resend.SAME_REFERENCE:  # the provider recognises the reference, and refunds it once
            raise task.retry(exc=unknown, countdown=WAIT) from None
        log.error("a person has to look: %s", unknown)  # never again under another reference
        return unknown.to_dict()
    except RefundError as error:
        # RefundRejected: tell the customer. AuthenticationFailed: mend the keys, then queue it again.
        # InvalidRefund, ReferenceConflict: a fault of the program that queued it. A retry changes none of them.
        log.error("not refunded: %s", error)
        return error.to_dict()
    if not done.recorded:
        log.critical("the ledger does not have this outcome: %s", done.to_dict())
    return done.to_dict()
