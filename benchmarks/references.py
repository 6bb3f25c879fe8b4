"""What references cost a client that keeps them in memory: lookups, and bytes. No network takes part."""

from __future__ import annotations

import gc
import itertools
import json
import tracemalloc

from benchmarks.calls import Contender
from refundry import Money, Paybyrd, Refund, RefundClient, RefundStatus, Timeout, WireReply, WireRequest

FEW = "RefundClient.lookup, 10 references known"
MANY = "RefundClient.lookup, many references known"

_HEADERS = (("content-type", "application/json"),)


class _Provider:
    """A transport that accepts each refund with a new id, and reports each as done."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def send(self, request: WireRequest, timeout: Timeout) -> WireReply:
        if request.method == "GET":
            body = {"transactionId": request.target.rpartition("/")[2], "status": "Success", "code": "BYRD200"}
        else:
            body = {"transactionId": f"refund-{next(self._numbers)}", "code": "BYRD200"}
        return WireReply(200, _HEADERS, json.dumps(body).encode())

    def close(self) -> None:
        """Nothing is open."""


def contenders(known: int, lookups: int) -> list[Contender]:
    """One client with ten references, and one with this many."""
    return [_lookups(FEW, 10, lookups), _lookups(MANY, known, lookups)]


def _lookups(name: str, known: int, lookups: int) -> Contender:
    client = RefundClient([Paybyrd(api_key="test-key")], transport=_Provider())
    refunds = [_refund(client, number) for number in range(known)]
    last = itertools.cycle(refunds[-10:])

    def call(calls: int) -> None:
        for _ in range(calls):
            told = client.lookup(next(last))
            if told.status is not RefundStatus.SUCCEEDED:
                raise ValueError(f"a lookup says {told.status}")

    return Contender(name, lookups, call)


def bytes_of_one(known: int) -> float:
    """The bytes that a client takes in memory for each of so many references, with their texts."""
    client = RefundClient([Paybyrd(api_key="test-key")], transport=_Provider())
    _refund(client, 0)  # loads what is loaded on first use
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(1, known + 1):
            _refund(client, number)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / known
    finally:
        tracemalloc.stop()


def _refund(client: RefundClient, number: int) -> Refund:
    amount, reference = Money.of("1.00", "EUR"), f"order-{number}/1"
    return client.refund("paybyrd", payment_id=f"payment-{number}", amount=amount, reference=reference)
