"""Secrets: the type that does not show, and the text without them. It imports nothing of refundry but `later`."""

from __future__ import annotations

import re

from refundry.later import Later

TYPE_CHECKING = False
if not TYPE_CHECKING:
    typing = Later("typing")
if TYPE_CHECKING:
    import typing
    from collections.abc import Iterable
    from typing import Final

REDACTED: Final = "[redacted]"
SHORTEST_IN_TEXT: Final = 8
"""A shorter secret guards nothing, and is part of many words."""
SHORTEST_IN_NAME: Final = 16
"""In an id, a link or a code, a shorter secret may be a word of the address or of the contract, and stays."""

# JSON may write any character by its number, and puts a backslash before these three; JSON within JSON does so at each
# level. The levels are tried from the innermost outwards, so that the text around the secret stays JSON.
# The patterns are texts, for importing the names of a refund should compile none; `re` keeps them once they are used.
_BY_NUMBER: Final = r"\\{1,8}u00([2-7][0-9a-fA-F])"
_MARKS: Final = '\\"/'
_ESCAPED: Final = r'([\\"/])'
_LEVELS: Final = (3, 2, 1, 0)


class Secret:
    """A credential that does not show: not in a repr, not in a format, not in a pickle. `reveal()` gives its text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The credential itself."""
        return self._text

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> typing.NoReturn:
        raise TypeError("a credential is not pickled; make the account where it is used")


def without(text: str, secrets: Iterable[Secret]) -> str:
    """The text with "[redacted]" in place of each secret, also where JSON escapes the secret."""
    secrets = [*secrets]
    for secret in secrets:
        text, _ = _replaced(secret, text)
    spelled_out = re.sub(_BY_NUMBER, _spelled_out, text) if "\\u00" in text else text
    if spelled_out == text:
        return text
    for secret in secrets:
        spelled_out, count = _replaced(secret, spelled_out)
        text = spelled_out if count else text
    return text


def _replaced(secret: Secret, text: str) -> tuple[str, int]:
    """The text without the secret, plain or escaped by JSON, and how often it was replaced."""
    if "\\" not in text or not any(mark in secret.reveal() for mark in _MARKS):
        return text.replace(secret.reveal(), REDACTED), text.count(secret.reveal())
    count = 0
    for level in _LEVELS:
        text, more = re.subn(_pattern(secret, level), REDACTED, text)
        count += more
    return text, count


def _pattern(secret: Secret, level: int) -> str:
    """The pattern of the secret within so many levels of JSON."""
    by_number = rf"\\{{{2 ** max(level - 1, 0)}}}u00"
    escaped = {
        "\\": rf"(?:\\{{{2**level}}}|{by_number}5[cC])",
        '"': rf'(?:\\{{{2**level - 1}}}"|{by_number}22)',
        "/": rf"(?:\\{{0,{2**level - 1}}}/|{by_number}2[fF])",
    }
    return "".join(escaped.get(part) or re.escape(part) for part in re.split(_ESCAPED, secret.reveal()))


def _spelled_out(found: re.Match[str]) -> str:
    """The character itself, except for a mark: `_pattern` finds a mark by its number."""
    character = chr(int(found[1], 16))
    return found[0] if character in _MARKS else character
