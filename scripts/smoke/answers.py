"""Answers to what the page of a provider asks to confirm in its sandbox, from what a run saw. They show no value.

Each list stands in docs/<provider>.md. A run answers what one refund, its lookup and a refusal can answer; the report
says of every other point that this run does not.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from scripts.files import ROOT
from scripts.smoke.exchanges import Exchange

Answer = Callable[[Sequence[Exchange]], str | None]
_HEADING = "## Confirm in the provider's sandbox"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,60}")
_WORD = re.compile(r"[A-Za-z][A-Za-z _-]{0,40}")
_TYPES = {dict: "object", list: "array", str: "text", bool: "boolean", int: "number", float: "number"}


def points(provider: str) -> list[str]:
    """Return the points of the provider's list, each on one line."""
    page = (ROOT / "docs" / f"{provider}.md").read_text(encoding="utf-8")
    section = page.partition(_HEADING)[2].partition("\n## ")[0]
    return [" ".join(point.split()) for point in re.findall(r"^- (.+(?:\n  .+)*)", section, re.MULTILINE)]


def answers(provider: str, exchanges: Sequence[Exchange]) -> list[tuple[str, str | None]]:
    """Return each point with its answer, or None where this run does not answer it."""
    table = ANSWERS[provider]
    found = []
    for point in points(provider):
        answer = next((table[begins] for begins in table if point.startswith(begins)), None)
        found.append((point, answer(exchanges) if answer else None))
    return found


def _fields_of(*operations: str, refusals: bool = False) -> Answer:
    """The fields of the first reply of these operations, with their types."""

    def answer(exchanges: Sequence[Exchange]) -> str | None:
        for exchange in _of(exchanges, operations):
            if isinstance(exchange.body, dict) and (exchange.status is not None and exchange.status >= 400) == refusals:
                return f"HTTP {exchange.status}: {_typed(exchange.body)}"
        return None

    return answer


def _word_of(field: str, *operations: str) -> Answer:
    """The words that this field had, by operation."""

    def answer(exchanges: Sequence[Exchange]) -> str | None:
        found = [
            f"{exchange.operation} {_shown(exchange.body[field])}"
            for exchange in _of(exchanges, operations)
            if isinstance(exchange.body, dict) and field in exchange.body
        ]
        return "; ".join(found) or None

    return answer


def _host(exchanges: Sequence[Exchange]) -> str | None:
    statuses = [exchange.status for exchange in exchanges if exchange.status is not None]
    if not statuses:
        return None
    return "this host took the keys" if not {401, 403} & {*statuses} else "this host refused the keys"


def _expires_in(exchanges: Sequence[Exchange]) -> str | None:
    for exchange in _of(exchanges, ("create_token",)):
        value = exchange.body.get("expires_in") if isinstance(exchange.body, dict) else None
        try:
            seconds = float(str(value))
        except ValueError:
            return f"it was no number: {_TYPES.get(type(value), 'null')}"
        return f"{_TYPES[type(value)]} {seconds:.0f}: read as seconds, {seconds / 60:.0f} minutes"
    return None


def _expired_on(exchanges: Sequence[Exchange]) -> str | None:
    for exchange in _of(exchanges, ("create_token",)):
        text = exchange.body.get("expired_on") if isinstance(exchange.body, dict) else None
        try:
            moment = datetime.fromisoformat(str(text))
        except ValueError:
            return f"HTTP {exchange.status}; expired_on is no time of ISO 8601"
        zone = "no zone" if moment.tzinfo is None else "a zone"
        ahead = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.now(UTC)
        minutes = ahead.total_seconds() / 60
        return f"HTTP {exchange.status}; expired_on has {zone}; read as UTC, it is {minutes:.0f} minutes ahead"
    return None


def _lists_its_payment(exchanges: Sequence[Exchange]) -> str | None:
    for exchange in _of(exchanges, ("get_transaction",)):
        if isinstance(exchange.body, dict):
            listed = exchange.body.get("referencedTransactions")
            return f"yes, {len(listed)}" if isinstance(listed, list) and listed else "no"
    return None


def _kind_of_list(exchanges: Sequence[Exchange]) -> str | None:
    for exchange in _of(exchanges, ("list_transactions",)):
        return f"HTTP {exchange.status}: {_TYPES.get(type(exchange.body), 'nothing')}"
    return None


def _looked_up_at_once(exchanges: Sequence[Exchange]) -> str | None:
    for exchange in _of(exchanges, ("refund_transaction",)):
        if isinstance(exchange.body, dict) and exchange.status == 200:
            has = "refunded_transaction_id" in exchange.body
            asked = [one.status for one in _of(exchanges, ("get_transaction",))]
            looked_up = f"its lookup gave HTTP {asked[0]}" if asked else "it was not looked up"
            return f"{'it has one' if has else 'it has none'}; {looked_up}"
    return None


def _of(exchanges: Sequence[Exchange], operations: Sequence[str]) -> list[Exchange]:
    return [exchange for exchange in exchanges if exchange.operation in operations]


def _typed(body: Mapping[str, Any]) -> str:
    names = (name if _NAME.fullmatch(name) else "a field" for name in body)
    typed = [f"{name} {_TYPES.get(type(value), 'null')}" for name, value in zip(names, body.values(), strict=True)]
    return ", ".join(typed) or "no field"


def _shown(value: object) -> str:
    """A word as it is, and of anything else the type."""
    return f'"{value}"' if isinstance(value, str) and _WORD.fullmatch(value) else _TYPES.get(type(value), "null")


ANSWERS: Mapping[str, Mapping[str, Answer]] = {
    "lab4pay": {
        "The reply to a lookup": _fields_of("get_transaction_status"),
        "The unit of `expires_in`": _expires_in,
        "That `api-payment.lab4pay.dev`": _host,
    },
    "paybyrd": {
        "What the query by `requestId` replies": _kind_of_list,
        "Which host takes a test key": _host,
        "The final states of a refund": _word_of("status", "get_transaction"),
        "That the transaction of a refund lists": _lists_its_payment,
    },
    "blink": {
        "The words for a refund": _word_of("status", "refund_transaction", "get_transaction"),
        "That every new reply has": _looked_up_at_once,
        "The bodies of refusals": _fields_of("refund_transaction", refusals=True),
        "Whether a token's reply is 200 or 201": _expired_on,
    },
}
"""By provider and the beginning of a point: what answers it."""
