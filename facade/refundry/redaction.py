"""What is kept of a provider's reply, without the credentials that its server has echoed."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from refundry.errors import RefundError
from refundry.interruption import pass_through
from refundry.refund import Refund
from refundry.wire import SendFailure, WireReply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from refundry.checks import Secret

Told = TypeVar("Told")

REDACTED: Final = "[redacted]"
SHORTEST_IN_TEXT: Final = 8
"""A shorter credential guards nothing, and is a part of many a word."""
SHORTEST_IN_NAME: Final = 16
"""In an id, a link or a code, what is shorter may be a word of the address or of the contract, and is kept."""

# JSON writes any character by its number where it likes to, and puts a backslash before these three; JSON within JSON
# does so again. From the innermost of so many levels outwards, what is left around the credential stays JSON.
_BY_NUMBER: Final = re.compile(r"\\{1,8}u00([2-7][0-9a-fA-F])")
_MARKS: Final = '\\"/'
_ESCAPED: Final = re.compile(r'([\\"/])')
_LEVELS: Final = (3, 2, 1, 0)


def redacted(told: Told, secrets: Iterable[Secret]) -> Told:
    """The same, with every credential that stands in it taken out.

    `told` is what is kept or told of a reply, or of the lack of one: the reply itself, a refund, an exception, a
    failure to send, or a text of it. Anything else comes back as it is, and so does what holds no credential. An
    exception is changed in place, also one of a transport or a library, whose words may quote a header; where that is
    of no use, it is left out. `secrets` are those that the request went out with, for no others can be echoed.

    Call it once the reply has been read and compared, never before: a credential may be a word by which the reply
    means something else. In headers, body, message and text, "[redacted]" stands for a credential of 8 characters or
    more, also as JSON writes it. An id or a link that holds one of 16 or more is left out, for nothing can be asked by
    the rest of it; in a code it is replaced. What the caller gave (reference, payment, amount) is not touched.
    """
    known = [secret for secret in secrets if len(secret.reveal()) >= SHORTEST_IN_TEXT]
    return cast("Told", _redacted(told, known)) if known else told


def _redacted(told: object, known: list[Secret]) -> object:
    if isinstance(told, str):
        return _without(told, known)
    if isinstance(told, WireReply):
        return _reply(told, known)
    if isinstance(told, SendFailure):
        detail, cause = _without(told.detail, known), _cause(told.cause, known)
        same = detail == told.detail and cause is told.cause
        return told if same else replace(told, detail=detail, cause=cause)
    if isinstance(told, Refund):
        changed = _changed(told, known)
        return replace(told, **changed) if changed else told
    if isinstance(told, RefundError):
        for name, value in _changed(told, known).items():
            setattr(told, name, value)
    return told


def _changed(told: Refund | RefundError, known: list[Secret]) -> dict[str, Any]:
    """The fields that come from a reply and hold a credential, without it."""
    in_names = [secret for secret in known if len(secret.reveal()) >= SHORTEST_IN_NAME]
    changes: dict[str, Callable[[Any], object]] = {
        "raw": lambda reply: _reply(reply, known),
        "provider_message": lambda text: _without(text, known),
        "provider_code": lambda text: _without(text, in_names),
        "refund_id": lambda name: name if _without(name, in_names) == name else None,
        "tracking_id": lambda name: name if _without(name, in_names) == name else None,
        "differences": lambda rows: tuple((name, asked, _without(said, known)) for name, asked, said in rows),
        "args": lambda texts: tuple(_without(text, known) if isinstance(text, str) else text for text in texts),
    }
    held = {name: value for name in changes if (value := getattr(told, name, None)) is not None}
    return {name: made for name, value in held.items() if (made := changes[name](value)) != value}


def _cause(cause: BaseException | None, known: list[Secret]) -> BaseException | None:
    """The exception with its words redacted, and those of all that led to it; None where they show a credential yet."""
    if cause is None:
        return None
    try:
        chain = [*_chain(cause)]
        for error in chain:
            if _shows(error, known):
                error.args = tuple(_without(text, known) if isinstance(text, str) else text for text in error.args)
        return None if any(_shows(error, known) for error in chain) else cause
    except Exception as error:  # noqa: BLE001 (a foreign exception may fail at being printed)
        pass_through(error)
        return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that a traceback shows with it."""
    found, left = {id(error)}, [error]
    while left:
        yield (one := left.pop())
        inner = one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        more = [each for each in (one.__cause__, one.__context__, *inner) if each is not None and id(each) not in found]
        found.update(map(id, more))
        left += more


def _shows(error: BaseException, known: list[Secret]) -> bool:
    text = "\n".join((str(error), repr(error), *getattr(error, "__notes__", ())))
    return _without(text, known) != text


def _reply(reply: WireReply, known: list[Secret]) -> WireReply:
    headers = tuple((name, _without(value, known)) for name, value in reply.headers)
    body = _without(reply.body.decode("utf-8", "surrogateescape"), known).encode("utf-8", "surrogateescape")
    unchanged = headers == reply.headers and body == reply.body
    return reply if unchanged else WireReply(reply.status, headers, body, reply.complete)


def _without(text: str, known: list[Secret]) -> str:
    for secret in known:
        text, _ = _replaced(secret, text)
    spelled_out = _BY_NUMBER.sub(_spelled_out, text) if "\\u00" in text else text
    if spelled_out == text:
        return text
    for secret in known:
        spelled_out, count = _replaced(secret, spelled_out)
        text = spelled_out if count else text
    return text


def _replaced(secret: Secret, text: str) -> tuple[str, int]:
    """The text without the credential, as it is and as JSON escapes it; and in how many places it stood."""
    if "\\" not in text or not any(mark in secret.reveal() for mark in _MARKS):
        return text.replace(secret.reveal(), REDACTED), text.count(secret.reveal())
    count = 0
    for level in _LEVELS:
        text, more = re.subn(_pattern(secret, level), REDACTED, text)
        count += more
    return text, count


def _pattern(secret: Secret, level: int) -> str:
    """The credential within so many levels of JSON."""
    by_number = rf"\\{{{2 ** max(level - 1, 0)}}}u00"
    escaped = {
        "\\": rf"(?:\\{{{2**level}}}|{by_number}5[cC])",
        '"': rf'(?:\\{{{2**level - 1}}}"|{by_number}22)',
        "/": rf"(?:\\{{0,{2**level - 1}}}/|{by_number}2[fF])",
    }
    return "".join(escaped.get(part) or re.escape(part) for part in _ESCAPED.split(secret.reveal()))


def _spelled_out(found: re.Match[str]) -> str:
    """The character itself, but for those that the pattern knows by their number."""
    character = chr(int(found[1], 16))
    return found[0] if character in _MARKS else character
