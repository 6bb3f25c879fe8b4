"""A service that refunds: several workers, one ledger in PostgreSQL, and the callbacks of the providers.

It shows which HTTP answer each outcome becomes. Each status says one thing about the money:

    200, 201  refunded (200: already by an earlier call)     202  accepted, not done yet
    409       another call is sending this reference, or it was used for another refund; this call sent nothing
    422       refused, nothing was executed: change the request, or mend the reason
    502       the refund may have been executed, and nobody knows yet
    503       nothing was executed: post it again later

A caller that got 409 with Retry-After, 502, 503 or no answer at all posts the same body again: the reference is
refunded at most once, whichever worker answers.

    pip install 'refundry[postgres]' fastapi gunicorn uvicorn uvloop
    export REFUNDRY_LEDGER=postgresql://user:password@host/database
    export REFUNDRY_BLINK_API_KEY=… REFUNDRY_BLINK_SECRET_KEY=…
    gunicorn service:app --workers 4 --worker-class uvicorn.workers.UvicornWorker

resolve.py, beside this file, is the job that looks after what is unknown.
"""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from refundry import (
    AsyncRefundClient,
    AuthenticationFailed,
    InvalidRefund,
    LedgerFailed,
    LookupFailed,
    Money,
    NotSent,
    OutcomeUnknown,
    ReferenceConflict,
    Refund,
    RefundError,
    RefundInProgress,
    RefundRejected,
    RefundStatus,
    Retry,
    Timeout,
    WebhookRejected,
    WebhookUnreadable,
)

# How long a caller waits at most. Keep it below the timeout of the proxy in front. A worker that is killed holds its
# reference for twice as long and five seconds.
SECONDS: Final = float(os.environ.get("REFUND_SECONDS", "20"))
# Subclasses need no row: RefundMismatch is an OutcomeUnknown, UnsupportedOperation an InvalidRefund.
STATUS: Final[dict[type[RefundError], int]] = {
    ReferenceConflict: 409,
    RefundInProgress: 409,
    InvalidRefund: 422,
    RefundRejected: 422,
    OutcomeUnknown: 502,
    LookupFailed: 502,
    NotSent: 503,
    AuthenticationFailed: 503,  # our keys: no verdict on this refund
    LedgerFailed: 503,
    WebhookRejected: 403,
    WebhookUnreadable: 500,
}
LATER: Final = (RefundInProgress, NotSent)

logging.basicConfig(format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")
log: Final = logging.getLogger("service")
log.setLevel(logging.INFO)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Make one client for each worker: accounts and ledger come from the environment."""
    async with AsyncRefundClient.from_env(timeout=Timeout(total=SECONDS), retry=Retry(deadline=SECONDS)) as client:
        app.state.client = client
        yield


app: Final = FastAPI(lifespan=lifespan)


def client_of(request: Request) -> AsyncRefundClient:
    """Return the client of this worker."""
    client: AsyncRefundClient = request.app.state.client
    return client


Client = Annotated[AsyncRefundClient, Depends(client_of)]


class Wanted(BaseModel):
    """One refund that a caller wants. Without `payment_id` the amount goes to the card that is presented."""

    provider: str
    reference: str
    amount: str
    currency: str
    payment_id: str | None = None


@app.post("/refunds")
async def refund(wanted: Wanted, client: Client) -> JSONResponse:
    """Refund once under the caller's reference."""
    log.info("%s at %s: %s %s", wanted.reference, wanted.provider, wanted.amount, wanted.currency)
    amount = Money.of(wanted.amount, wanted.currency)
    if wanted.payment_id is None:
        done = await client.refund_unreferenced(wanted.provider, amount=amount, reference=wanted.reference)
    else:
        done = await client.refund(
            wanted.provider, payment_id=wanted.payment_id, amount=amount, reference=wanted.reference
        )
    return answer(done, 200 if done.replayed else 201)


@app.get("/refunds/{provider}/{reference:path}")
async def state(provider: str, reference: str, client: Client) -> JSONResponse:
    """Say what became of a reference. Asks the provider where it has to, and sends no refund.

    A status of "failed" says that nothing was executed under it.
    """
    if await client.ledger.find(provider, reference) is None:
        return JSONResponse({"message": f"no refund {reference!r} at {provider}"}, 404)
    return answer(await client.resolve(provider, reference), 200)


@app.post("/callbacks/{account}")
async def callback(account: str, request: Request, client: Client) -> JSONResponse:
    """Take a provider's callback. Any answer but 200 says that it was not believed, or not recorded."""
    try:
        for claim in client.webhooks(account, headers=request.headers, body=await request.body()):
            event = await client.confirm(claim) if claim.to_be_confirmed else claim
            await client.learn(event)
            log.info("callback of %s about %s %s: %s", account, event.about, event.refund_id, event.status)
    except (LookupFailed, LedgerFailed) as failed:
        log.warning("callback of %s: %s", account, failed)
        return JSONResponse({"message": "not recorded"}, 500)  # so that the provider sends it again
    return JSONResponse({})


@app.exception_handler(RefundError)
async def explain(_: Request, error: RefundError) -> JSONResponse:
    """Answer what is certain about the money, and whether posting the same reference again is safe."""
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    log.log(logging.ERROR if status >= 500 else logging.INFO, "%d %s: %s", status, type(error).__name__, error)
    if not error.recorded:
        log.critical("the ledger does not have this outcome: %s", error.to_dict())
    headers = {"Retry-After": str(int(error.retry_after or 1) + 1)} if isinstance(error, LATER) else None
    return JSONResponse({**error.to_dict(), "resend": error.resend}, status, headers)


def answer(refund: Refund, status: int) -> JSONResponse:
    """Answer with a refund that the provider accepted, or with its state."""
    if not refund.recorded:
        log.critical("the ledger does not have this outcome: %s", refund.to_dict())
    pending = refund.status is RefundStatus.PENDING
    return JSONResponse(refund.to_dict(), 202 if pending else status)
