"""Refunds followed to their end, and callbacks, signed and forged: what is known at each step."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from refundry import AsyncRefundClient, Money, Refund, RefundClient, RefundEvent, WebhookRejected
from scripts.demo.sandboxes import SandboxProcess, sandbox_process

Effect = tuple[str, str, str, str]
"""A step: the provider, what is done, what has to come of it, what came of it."""

EUR = Money.of("1.00", "EUR")
GBP = Money.of("12.34", "GBP")
_SECONDS = 10.0


class Lives:
    """The steps over one client of either kind; `done` gives the result of a call of it."""

    def __init__(
        self, client: RefundClient | AsyncRefundClient, done: Callable[[Any], Any], sandbox: SandboxProcess
    ) -> None:
        self._client = client
        self._done = done
        self._sandbox = sandbox

    def newer(self) -> Iterator[Effect]:
        """All that the sandbox does by default."""
        yield from self._terminal()
        yield from self._cancelled()
        yield from self._followed("paybyrd", "paybyrd-pending", EUR, "accepted with a 202")
        yield from self._followed("blink", "blink-pending", GBP, "accepted, status and a number")

    def older(self) -> Iterator[Effect]:
        """Blink's older reply."""
        refund = self._refund("blink", "blink-gbp", GBP, "life/older")
        yield "blink", "accepted, success and a text", "SUCCEEDED, 12.34 GBP, no id", _told(refund)

    def _terminal(self) -> Iterator[Effect]:
        refund = self._refund("lab4pay", "lab4pay-payment", EUR, "life/terminal")
        yield "lab4pay", "sent to the terminal", "PENDING", _state(refund)
        self._sandbox.advance()
        refund = self._done(self._client.lookup(refund.to_dict()))
        yield "lab4pay", "a card is presented; asked again", "PENDING IN_PROGRESS", _state(refund)
        self._sandbox.advance()
        refund = self._done(self._client.wait(refund, timeout=_SECONDS))
        yield "lab4pay", "waited for to the end", "SUCCEEDED SUCCESS", _state(refund)
        yield from self._callbacks("lab4pay", refund)

    def _cancelled(self) -> Iterator[Effect]:
        asked = self._client.refund_unreferenced("lab4pay", amount=EUR, reference="life/cancelled")
        refund = self._done(self._client.cancel(self._done(asked)))
        yield "lab4pay", "called off before a card came", "FAILED CANCELED", _state(refund)

    def _followed(self, provider: str, payment_id: str, amount: Money, story: str) -> Iterator[Effect]:
        refund = self._refund(provider, payment_id, amount, "life/followed")
        yield provider, story, "PENDING", refund.status.name
        pending = self._done(self._client.lookup(refund))
        yield provider, "asked again", "PENDING, with an id", f"{pending.status.name}, {_id(pending)}"
        self._sandbox.advance()
        refund = self._done(self._client.wait(refund, timeout=_SECONDS))
        yield provider, "waited for to the end", f"SUCCEEDED, {amount}, with an id", _told(refund)
        yield from self._callbacks(provider, refund)

    def _callbacks(self, provider: str, refund: Refund) -> Iterator[Effect]:
        assert refund.refund_id is not None
        headers, body = self._sandbox.callback(provider, refund.refund_id)
        event = self._client.webhook(provider, headers=headers, body=body)
        if not event.authentic:
            yield provider, "a callback, which nothing proves", "not authentic, no state", _event(event)
            confirmed = self._done(self._client.confirm(event))
            yield provider, "confirmed by asking", "authentic, SUCCEEDED", _event(confirmed)
            return
        yield provider, "a callback that proves itself", "authentic, SUCCEEDED", _event(event)
        headers, body = self._sandbox.callback(provider, refund.refund_id, forged=True)
        try:
            came = _event(self._client.webhook(provider, headers=headers, body=body))
        except WebhookRejected as rejected:
            came = type(rejected).__name__
        yield provider, "a forged callback", "WebhookRejected", came

    def _refund(self, provider: str, payment_id: str, amount: Money, reference: str) -> Refund:
        asked = self._client.refund(provider, payment_id=payment_id, amount=amount, reference=reference)
        refund: Refund = self._done(asked)
        return refund


def _state(refund: Refund) -> str:
    return f"{refund.status.name} {refund.provider_code or ''}".strip()


def _id(refund: Refund) -> str:
    return "with an id" if refund.refund_id else "no id"


def _told(refund: Refund) -> str:
    return f"{refund.status.name}, {refund.amount}, {_id(refund)}"


def _event(event: RefundEvent) -> str:
    state = event.status.name if event.status else "no state"
    return f"{'authentic' if event.authentic else 'not authentic'}, {state}"


def lives(sync: bool) -> bool:
    """Show each step and what came of it. True where all came to what they have to, and no contract was broken."""
    print(f"\nTo the end, with {'RefundClient' if sync else 'AsyncRefundClient'}", flush=True)
    print(f"  {'provider':9}{'what is done':36}what came of it")
    right = _shown(sync, (), Lives.newer) & _shown(sync, ("--blink-reply", "success"), Lives.older)
    print("  No contract was broken." if right else "  Something is not as it has to be.")
    return right


def _shown(sync: bool, arguments: tuple[str, ...], steps: Callable[[Lives], Iterator[Effect]]) -> bool:
    right = True
    with ExitStack() as stack:
        sandbox = stack.enter_context(sandbox_process(arguments))
        done: Callable[[Any], Any] = _itself
        client: RefundClient | AsyncRefundClient
        if sync:
            client = stack.enter_context(RefundClient(sandbox.accounts()))
        else:
            runner = stack.enter_context(asyncio.Runner())
            client = another = AsyncRefundClient(sandbox.accounts())
            stack.callback(lambda: runner.run(another.aclose()))
            done = runner.run
        for provider, story, expected, came in steps(Lives(client, done, sandbox)):
            wrong = "" if came == expected else f"   WRONG: expected {expected}"
            right = right and not wrong
            print(f"  {provider:9}{story:36}{came}{wrong}")
        return right and not sandbox.state()["violations"]


def _itself(result: Any) -> Any:
    return result
