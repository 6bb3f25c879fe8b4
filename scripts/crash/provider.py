"""The providers, in a process of their own: the sandbox behind HTTP, which loses some replies."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Final

from refundry.sandbox import Reply, Request, Sandbox, SandboxServer
from scripts.crash.plan import AMOUNT, CURRENCIES, Book, Fate, Wish

# So that some workers are killed while their request is on its way, some while the reply is.
_LONGEST_DELAY: Final = 0.01


class RecordingSandbox(Sandbox):
    """A sandbox with a payment for each wish. It takes a moment before and after each request, and counts them."""

    def __init__(self, wishes: Sequence[Wish]) -> None:
        super().__init__()
        self._wishes = {wish.payment_id: wish for wish in wishes}
        self._books = {wish.payment_id: Book() for wish in wishes}
        self._counting = threading.Lock()
        for wish in wishes:
            self.add_payment(wish.provider, wish.payment_id, 100 * AMOUNT, CURRENCIES[wish.provider])
            self.on_payment(wish.payment_id, wish.fate.fault)

    def handle(self, request: Request) -> Reply:
        """Answer a request, by the fate of its payment."""
        named = [part for part in request.target.split("/") if part in self._wishes]
        wish = self._wishes[named[0]] if named and request.method == "POST" else None
        time.sleep(random.uniform(0, _LONGEST_DELAY))
        if wish is not None:
            with self._counting:
                book = self._books[wish.payment_id]
                book.arrived += 1
                book.keys |= {request.headers.get("idempotency-key", "")} - {""}
        reply = super().handle(request)
        if wish is not None and wish.fate is not Fate.ALWAYS_DECLINED:
            self.on_payment(wish.payment_id, None)
        time.sleep(random.uniform(0, _LONGEST_DELAY))
        return reply

    def books(self) -> dict[str, Book]:
        """What was refunded of each payment."""
        for provider in CURRENCIES:
            for refund in self.refunds(provider):
                self._books[refund.payment_id or ""].executed.append(refund.created_at)
        return self._books


def serve(wishes: Sequence[Wish], connection: Connection) -> None:
    """Serve until the connection asks for the books: sends the address first, the books last."""
    sandbox = RecordingSandbox(wishes)
    with SandboxServer(sandbox) as server:
        connection.send(server.base_url)
        connection.recv()
        time.sleep(4 * _LONGEST_DELAY)  # for what the last worker that was killed had sent
        connection.send(sandbox.books())
