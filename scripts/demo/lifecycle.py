"""Refunds followed from their acceptance to their end, and callbacks, signed and forged: the state at each step."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from refundry import AsyncRefundClient, Money, Refund, RefundClient, RefundEvent, WebhookRejected
from scripts.demo.sandboxes import SandboxProcess, sandbox_process

Step = tuple[str, str, str, str]
"""The provider, what is done, the expected outcome, the outcome."""

EUR = Money.of("1.00", "EUR")
GBP = Money.of("12.34", "GBP")
_SECONDS = 10.0


class Lifecycle:
    """The steps over one client of either kind; `done` returns the result of a call of it."""

    def __init__(
        self, client: RefundClient | AsyncRefundClient, done: Callable[[Any], Any], sandbox: SandboxProcess
    ) -> None:
        self._client = client
        self._done = done
        self._sandbox = sandbox

    def by_default(self) -> Iterator[Step]:
        """Steps at a sandbox with its default settings."""
        yield from self._terminal()
        yield from self._cancelled()
        yield from self._followed("paybyrd", "paybyrd-pending", EUR, "accepted with a 202")
        yield from self._followed("blink", "blink-pending", GBP, "accepted, status and a number")

    def with_older_reply(self) -> Iterator[Step]:
        """A step at a sandbox that gives Blink's older reply."""
        refund = self._refund("blink", "blink-gbp", GBP, "lifecycle/older")
        yield "blink", "accepted, success and a text", "SUCCEEDED, 12.34 GBP, no id", _summary(refund)

    def _terminal(self) -> Iterator[Step]:
        refund = self._refund("lab4pay", "lab4pay-payment", EUR, "lifecycle/terminal")
        yield "lab4pay", "sent to the terminal", "PENDING", _state(refund)
        self._sandbox.advance()
        refund = self._done(self._client.lookup(refund.to_dict()))
        yield "lab4pay", "a card is presented; looked up", "PENDING IN_PROGRESS", _state(refund)
        self._sandbox.advance()
        refund = self._done(self._client.wait(refund, timeout=_SECONDS))
        yield "lab4pay", "waited for until it is final", "SUCCEEDED SUCCESS", _state(refund)
        yield from self._callbacks("lab4pay", refund)

    def _cancelled(self) -> Iterator[Step]:
        accepted = self._client.refund_unreferenced("lab4pay", amount=EUR, reference="lifecycle/cancelled")
        refund = self._done(self._client.cancel(self._done(accepted)))
        yield "lab4pay", "cancelled before a card came", "FAILED CANCELED", _state(refund)

    def _followed(self, provider: str, payment_id: str, amount: Money, story: str) -> Iterator[Step]:
        refund = self._refund(provider, payment_id, amount, "lifecycle/followed")
        yield provider, story, "PENDING", refund.status.name
        pending = self._done(self._client.lookup(refund))
        yield provider, "looked up", "PENDING, with an id", f"{pending.status.name}, {_id(pending)}"
        self._sandbox.advance()
        refund = self._done(self._client.wait(refund, timeout=_SECONDS))
        yield provider, "waited for until it is final", f"SUCCEEDED, {amount}, with an id", _summary(refund)
        yield from self._callbacks(provider, refund)

    def _callbacks(self, provider: str, refund: Refund) -> Iterator[Step]:
        assert refund.refund_id is not None
        headers, body = self._sandbox.callback(provider, refund.refund_id)
        event = self._client.webhook(provider, headers=headers, body=body)
        if not event.authentic:
            yield provider, "a callback without a proof", "not authentic, no state", _event(event)
            confirmed = self._done(self._client.confirm(event))
            yield provider, "confirmed by a lookup", "authentic, SUCCEEDED", _event(confirmed)
            return
        yield provider, "a signed callback", "authentic, SUCCEEDED", _event(event)
        headers, body = self._sandbox.callback(provider, refund.refund_id, forged=True)
        try:
            outcome = _event(self._client.webhook(provider, headers=headers, body=body))
        except WebhookRejected as rejected:
            outcome = type(rejected).__name__
        yield provider, "a forged callback", "WebhookRejected", outcome

    def _refund(self, provider: str, payment_id: str, amount: Money, reference: str) -> Refund:
        call = self._client.refund(provider, payment_id=payment_id, amount=amount, reference=reference)
        refund: Refund = self._done(call)
        return refund


def _state(refund: Refund) -> str:
    return f"{refund.status.name} {refund.provider_code or ''}".strip()


def _id(refund: Refund) -> str:
    return "with an id" if refund.refund_id else "no id"


def _summary(refund: Refund) -> str:
    return f"{refund.status.name}, {refund.amount}, {_id(refund)}"


def _event(event: RefundEvent) -> str:
    state = event.status.name if event.status else "no state"
    return f"{'authentic' if event.authentic else 'not authentic'}, {state}"


def lifecycles(sync: bool) -> bool:
    """Print each step and its outcome. True when each is the expected one and no contract was broken."""
    print(f"\nFollowed to the end, with {'RefundClient' if sync else 'AsyncRefundClient'}", flush=True)
    print(f"  {'provider':9}{'step':36}outcome")
    by_default = _shown(sync, (), Lifecycle.by_default)
    right = _shown(sync, ("--blink-reply", "success"), Lifecycle.with_older_reply) and by_default
    print("  No contract was broken." if right else "  A step or a contract was broken.")
    return right


def _shown(sync: bool, arguments: tuple[str, ...], steps: Callable[[Lifecycle], Iterator[Step]]) -> bool:
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
        for provider, story, expected, outcome in steps(Lifecycle(client, done, sandbox)):
            wrong = "" if outcome == expected else f"   WRONG: expected {expected}"
            right = right and not wrong
            print(f"  {provider:9}{story:36}{outcome}{wrong}")
        return right and not sandbox.state()["violations"]


def _itself(result: Any) -> Any:
    return result
