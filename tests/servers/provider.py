"""Paybyrd and Blink as far as a refund needs them, with a record of what they did: one line of JSON for each event.

The provider writes a line before it answers, so that a test can compare the caller's report with the record. The
first word of a payment's id names its plan. `provider.mjs` is the same in Node, for Paybyrd.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Plan:
    """How a refund goes: the reply to it, and the word for each lookup in turn. The last word repeats."""

    status: int
    code: str
    words: tuple[str, ...]
    seconds: float = 0.0


PLANS: Final[Mapping[str, Plan]] = {
    "done": Plan(200, "BYRD200", ("Success",)),
    "later": Plan(202, "BYRD010", ("Processing", "Success")),
    "undone": Plan(202, "BYRD010", ("Processing", "Denied")),
    "refused": Plan(400, "BYRD231", ()),
    "slow": Plan(200, "BYRD200", ("Success",), seconds=0.1),
    "hanging": Plan(200, "BYRD200", ("Success",), seconds=3600),
}
_CODES: Final = {"Success": "BYRD200", "Processing": "BYRD010", "Denied": "BYRD205"}
_BLINK: Final = {"Success": "completed", "Processing": "pending", "Denied": "failed"}
HANGING_KEY: Final = "hanging-key"
"""A Blink account with this api_key waits for ever for its first token."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply, and how many seconds to wait before it is sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    seconds: float = 0.0


class Provider:
    """Answers requests. The existing record is from before a restart of the provider."""

    def __init__(self, book: Path) -> None:
        self._book = os.open(book, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._lock = threading.Lock()
        self._refunds: dict[str, dict[str, Any]] = {}  # by each id that a lookup can use
        self._by_key: dict[str, dict[str, Any]] = {}
        self._lookups: dict[str, itertools.count[int]] = {}
        self._has_hung = False
        for line in read_book(book):
            self._recall(line)

    def answer(self, method: str, target: str, key: str | None, body: bytes) -> Answer:
        """Answer one request; `target` is its path with the query, `key` its idempotency key."""
        with self._lock:
            for pattern, does in _ROUTES:
                found = re.fullmatch(pattern, f"{method} {target}")
                if found is not None:
                    answer: Answer = does(self, found[1] if found.re.groups else "", key, body)
                    return answer
        return _json_answer(404, {"code": "BYRD901"})

    def _write(self, line: Mapping[str, Any]) -> None:
        os.write(self._book, f"{json.dumps(line)}\n".encode())

    def _recall(self, line: Mapping[str, Any]) -> None:
        if line["did"] == "refund":
            refund = dict(line)
            self._by_key[refund["key"]] = self._refunds[refund["id"]] = self._refunds[refund["request"]] = refund

    def _executed(self, payment: str, key: str, units: int) -> dict[str, Any]:
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        made = {"id": str(uuid.uuid4()), "request": str(uuid.uuid4()), "payment": payment}
        line = {"did": "refund", "key": key, "units": units, "at": at, **made}
        self._write(line)
        self._recall(line)
        return line

    def _word(self, refund: Mapping[str, Any]) -> str:
        words = PLANS[plan_of(refund["payment"])].words
        number = next(self._lookups.setdefault(refund["id"], itertools.count()))
        word = words[min(number, len(words) - 1)]
        self._write({"did": "answered", "payment": refund["payment"], "word": word})
        return word

    def _paybyrd_refund(self, payment: str, key: str | None, body: bytes) -> Answer:
        self._write({"did": "arrived", "payment": payment, "key": key})
        plan = PLANS[plan_of(payment)]
        if plan.status == 400:
            return _json_answer(400, {"code": plan.code}, ("RequestId", str(uuid.uuid4())))
        assert key is not None
        refund = self._by_key.get(key) or self._executed(payment, key, json.loads(body)["isoAmount"])
        named = ("RequestId", refund["request"])
        if plan.status == 202:
            href = f"/api/v2/transactions?requestId={refund['request']}"
            return _json_answer(202, {"code": plan.code, "links": {"href": href, "rel": "transactions"}}, named)
        source = {"transactionId": refund["payment"], "isoRemainingAmount": 0}
        amounts = {"isoAmount": refund["units"], "amount": _major(refund["units"])}
        fields = {"code": plan.code, "transactionId": refund["id"], **amounts, "sourceTransaction": source}
        return _json_answer(200, fields, named, seconds=plan.seconds)

    def _paybyrd_transaction(self, refund_id: str, _: str | None, __: bytes) -> Answer:
        refund = self._refunds.get(refund_id)
        return (
            _json_answer(404, {"code": "BYRD901"}) if refund is None else _json_answer(200, self._transaction(refund))
        )

    def _paybyrd_query(self, request_id: str, _: str | None, __: bytes) -> Answer:
        refund = self._refunds.get(request_id)
        return _json_answer(200, [] if refund is None else [self._transaction(refund)])

    def _transaction(self, refund: Mapping[str, Any]) -> dict[str, Any]:
        word = self._word(refund)
        return {
            "transactionId": refund["id"],
            "status": word,
            "code": _CODES[word],
            "operationType": "Refund",
            "currency": "EUR",
            "isoAmount": -refund["units"],
            "amount": _major(-refund["units"]),
            "createdDate": refund["at"],
            "referencedTransactions": [{"transactionId": refund["payment"]}],
        }

    def _blink_token(self, _: str, __: str | None, body: bytes) -> Answer:
        hangs = json.loads(body)["api_key"] == HANGING_KEY and not self._has_hung
        self._has_hung |= hangs
        expires = datetime.now(UTC) + timedelta(minutes=30)
        fields = {"access_token": f"test-token-{uuid.uuid4()}", "expired_on": expires.isoformat(), "currency": "GBP"}
        return _json_answer(201, fields, seconds=3600 if hangs else 0)

    def _blink_refund(self, payment: str, _: str | None, body: bytes) -> Answer:
        requested = json.loads(body)
        reference = requested["reference"]
        self._write({"did": "arrived", "payment": payment, "key": reference})
        plan = PLANS[plan_of(payment)]
        if plan.status == 400:
            return _json_answer(400, {"success": False, "message": "The amount exceeds what is left"})
        # Nothing is de-duplicated: what arrives twice is refunded twice.
        refund = self._executed(payment, reference, int(Decimal(str(requested["amount"])) * 100))
        fields = {
            "transaction_id": refund["payment"],
            "refunded_transaction_id": refund["id"],
            "reference": reference,
            "amount": refund["units"] / 100,
            "status": "completed" if plan.status == 200 else "pending",
        }
        return _json_answer(200, fields, seconds=plan.seconds)

    def _blink_transaction(self, refund_id: str, _: str | None, __: bytes) -> Answer:
        refund = self._refunds.get(refund_id)
        if refund is None:
            return _json_answer(404, {"success": False, "message": "Transaction not found"})
        fields = {"transaction_id": refund["id"], "amount": refund["units"] / 100, "currency": "GBP"}
        return _json_answer(200, {"data": {**fields, "status": _BLINK[self._word(refund)]}})


_NAME: Final = r"([0-9A-Za-z-]+)"
_ROUTES: Final = (
    (f"POST /api/v2/refund/{_NAME}", Provider._paybyrd_refund),
    (f"GET /api/v2/transactions/{_NAME}", Provider._paybyrd_transaction),
    (rf"GET /api/v2/transactions\?requestId={_NAME}", Provider._paybyrd_query),
    ("POST /api/pay/v1/tokens", Provider._blink_token),
    (f"POST /api/pay/v1/transactions/{_NAME}/refunds", Provider._blink_refund),
    (f"GET /api/pay/v1/transactions/{_NAME}", Provider._blink_transaction),
)


def plan_of(payment: str) -> str:
    """Return the name of the plan that a payment's id begins with."""
    return payment.partition("-")[0]


def read_book(book: Path) -> list[dict[str, Any]]:
    """Return the provider's record so far, without a line that it is still writing."""
    *lines, _ = book.read_text(encoding="utf-8").split("\n") if book.exists() else [""]
    return [json.loads(line) for line in lines]


def _major(units: int) -> str:
    return str(Decimal(units).scaleb(-2))


def _json_answer(status: int, fields: object, *headers: tuple[str, str], seconds: float = 0.0) -> Answer:
    named = (("Content-Type", "application/json"), *headers)
    return Answer(status, named, json.dumps(fields).encode(), seconds)


def body_in_parts(answer: Answer, number: int) -> tuple[int | None, list[bytes]]:
    """Return the length to declare, None for a chunked reply, and the parts of the body: in turn, by a number."""
    half = len(answer.body) // 2
    whole, parts = [answer.body], [answer.body[:half], answer.body[half:]]
    return ((len(answer.body), whole), (len(answer.body), parts), (None, parts))[number % 3]
