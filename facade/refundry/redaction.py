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

    from refundry.validation import Secret

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

# What these write their text of, instead of their args.
_TEXTS: Final[dict[type[Exception], tuple[str, ...]]] = {
    OSError: ("strerror", "filename", "filename2"),
    UnicodeError: ("reason",),
}


def redacted(told: Told, secrets: Iterable[Secret]) -> Told:
    """The same, with every credential that stands in it taken out.

    `told` is what is kept or told of a reply, or of the lack of one: the reply itself, a refund, an exception, a
    failure to send, or a text of it. Anything else comes back as it is, and so does what holds no credential. An
    exception is changed in place, with all that stands in its chain: a transport may be anybody's, and its words too.
    The cause of a failure that shows one even so is left out. `secrets` are those that the request went out with, for
    no others can be echoed.

    Call it once the reply has been read and compared, never before: a credential may be a word by which the reply
    means something else. In headers, body, message and text, "[redacted]" stands for a credential of 8 characters or
    more, also as JSON writes it. An id or a link that holds one of 16 or more is left out, for nothing can be asked by
    the rest of it; in a code it is replaced. What the caller gave (reference, payment, amount) is not touched.
    """
    known = [secret for secret in secrets if len(secret.reveal()) >= SHORTEST_IN_TEXT]
    return cast("Told", _redacted(told, known)) if known else told


def _redacted(told: Any, known: list[Secret]) -> Any:
    if isinstance(told, str):
        return _without(told, known)
    if isinstance(told, WireReply):
        return _reply(told, known)
    if isinstance(told, SendFailure):
        detail, cause = _without(told.detail, known), told.cause
        if cause is not None and any(_shows(error, known) for error in _chain(_redacted(cause, known))):
            cause = None
        return told if (detail, cause) == (told.detail, told.cause) else replace(told, detail=detail, cause=cause)
    if isinstance(told, Refund):
        if told.raw is not None and _is_clean(told.raw, known):
            return told  # all else that it holds of the provider's comes from there
        changed = _changed(told, known)
        return replace(told, **changed) if changed else told
    if isinstance(told, BaseException):
        for error in _chain(told):
            changed = _changed(error, known) if isinstance(error, RefundError) else _changed_texts(error, known)
            for name, value in changed.items():
                object.__setattr__(error, name, value)  # also where a class of its own forbids it
    return told


def _is_clean(reply: WireReply, known: list[Secret]) -> bool:
    """Whether a reply certainly holds no credential. It may escape one where it has a backslash."""
    if b"\\" in reply.body:
        return False
    texts = [secret.reveal() for secret in known]
    return not any(text.encode() in reply.body or any(text in value for _, value in reply.headers) for text in texts)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, and each one behind it."""
    waiting, seen = [error], {id(error)}
    while waiting:
        one = waiting.pop()
        yield one
        inner = one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        for other in (one.__cause__, one.__context__, *inner):
            if other is not None and id(other) not in seen:
                seen.add(id(other))
                waiting.append(other)


def _shows(error: BaseException, known: list[Secret]) -> bool:
    try:
        text = "\n".join((str(error), repr(error), *getattr(error, "__notes__", ())))
    except Exception as fault:  # noqa: BLE001 (an exception of anybody's may fail at being printed)
        pass_through(fault)
        return True
    return _without(text, known) != text


def _changed_texts(error: BaseException, known: list[Secret]) -> dict[str, Any]:
    """The texts of an exception of anybody's that hold a credential, without it."""
    of_its_kind = [name for kind, names in _TEXTS.items() if isinstance(error, kind) for name in names]
    held = {**vars(error), **{name: getattr(error, name, None) for name in of_its_kind}}
    texts = {name: value for name, value in held.items() if isinstance(value, str)}
    changed: dict[str, Any] = {name: made for name, text in texts.items() if (made := _without(text, known)) != text}
    args = tuple(_without(one, known) if isinstance(one, str) else one for one in error.args)
    return changed if args == error.args else {**changed, "args": args}


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
