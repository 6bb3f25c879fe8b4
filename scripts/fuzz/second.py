"""A second, simple reading of a provider's message: whether it can mean that money was refunded.

It is apart from the readers of production, and uses nothing of them. The words are those of the providers' pages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

DONE: Final[Mapping[str, frozenset[str]]] = {
    "lab4pay": frozenset({"success"}),
    "paybyrd": frozenset({"success", "acquirersuccess"}),
    "blink": frozenset({"completed", "accepted"}),
}
"""The words for a refund that is done, in lower case."""

_YES: Final = (True, 1, "1", "true", "True", "TRUE", "yes")


def value_of(body: bytes) -> Any:
    """Return the JSON of a body; None where it has none."""
    try:
        return json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


def is_done_word(provider: str, word: object) -> bool:
    """Whether a word says that a refund is done."""
    return isinstance(word, str) and re.sub(r"[\s_-]+", " ", word).strip().lower() in DONE[provider]


def may_be_done(provider: str, status: int, body: bytes) -> bool:
    """Whether the reply to a refund can mean that the refund is done."""
    said = value_of(body)
    if status != 200 or not isinstance(said, dict) or provider == "lab4pay":
        return False
    if provider == "paybyrd":
        return bool(said.get("code") == "BYRD200")
    success, word = said.get("success"), said.get("status")
    if success is not None and success not in _YES:
        return False
    return is_done_word(provider, word) or (success in _YES and not (isinstance(word, str) and word))


def may_be_found_done(provider: str, status: int, body: bytes) -> bool:
    """Whether the reply to a lookup, or a callback, can mean that a refund is done."""
    return status == 200 and any(is_done_word(provider, text) for text in _texts(value_of(body)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        yield value.rpartition(".")[2]  # of an event
    elif isinstance(value, dict | list):
        for one in [*value.values()] if isinstance(value, dict) else value:
            yield from _texts(one)
