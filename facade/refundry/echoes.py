"""What is kept of a provider's reply, without the credentials that its server has echoed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from refundry.errors import RefundError
from refundry.interruption import pass_through
from refundry.redaction import SHORTEST_IN_NAME, SHORTEST_IN_TEXT, without
from refundry.refund import Refund
from refundry.wire import SendFailure, WireReply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from refundry.redaction import Secret

Kept = TypeVar("Kept")

# These exceptions write their text from attributes, not from their args.
_TEXTS: Final[dict[type[Exception], tuple[str, ...]]] = {
    OSError: ("strerror", "filename", "filename2"),
    UnicodeError: ("reason",),
}


def redacted(kept: Kept, secrets: Iterable[Secret]) -> Kept:
    """The same value without any of the secrets.

    `kept` is what a call keeps or tells of an answer: the reply, a refund, an exception, a failure to send, or a text.
    Anything else comes back as it is, and so does what holds no secret. An exception is changed in place, with its
    whole chain, for a transport may be anybody's and write anything. A cause that still shows a secret is left out.
    `secrets` are those that the request was sent with, for a server can echo no others.

    Call it once the reply has been read and compared, never before: a secret may equal a word that gives the reply its
    meaning. In headers, body, message and text, "[redacted]" replaces a secret of 8 characters or more, also where JSON
    escapes it. An id or a link that holds a secret of 16 or more is left out, for nothing can be asked by the rest of
    it; in a code the secret is replaced. What the caller gave (reference, payment, amount) stays.
    """
    known = [secret for secret in secrets if len(secret.reveal()) >= SHORTEST_IN_TEXT]
    return cast("Kept", _redacted(kept, known)) if known else kept


def _redacted(kept: Any, known: list[Secret]) -> Any:
    if isinstance(kept, str):
        return without(kept, known)
    if isinstance(kept, WireReply):
        return _reply(kept, known)
    if isinstance(kept, SendFailure):
        detail, cause = without(kept.detail, known), kept.cause
        if cause is not None and any(_shows(error, known) for error in _chain(_redacted(cause, known))):
            cause = None
        return kept if (detail, cause) == (kept.detail, kept.cause) else replace(kept, detail=detail, cause=cause)
    if isinstance(kept, Refund):
        if kept.raw is not None and _is_clean(kept.raw, known):
            return kept  # every other value of the provider comes from this reply
        changed = _changed(kept, known)
        return replace(kept, **changed) if changed else kept
    if isinstance(kept, BaseException):
        for error in _chain(kept):
            changed = _changed(error, known) if isinstance(error, RefundError) else _changed_texts(error, known)
            for name, value in changed.items():
                object.__setattr__(error, name, value)  # also where a class of its own forbids it
    return kept


def _is_clean(reply: WireReply, known: list[Secret]) -> bool:
    """Whether a reply certainly holds no secret. With a backslash it may escape one."""
    if b"\\" in reply.body:
        return False
    whole = "\n".join([reply.body.decode("utf-8", "surrogateescape"), *[value for _, value in reply.headers]])
    return not any(secret.reveal() in whole for secret in known)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, and each exception in its chain or its group."""
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
    except Exception as fault:  # noqa: BLE001 (a foreign exception may fail at being printed)
        pass_through(fault)
        return True
    return without(text, known) != text


def _changed_texts(error: BaseException, known: list[Secret]) -> dict[str, Any]:
    """The texts of a foreign exception that hold a secret, without it."""
    of_its_kind = [name for kind, names in _TEXTS.items() if isinstance(error, kind) for name in names]
    held = {**vars(error), **{name: getattr(error, name, None) for name in of_its_kind}}
    texts = {name: value for name, value in held.items() if isinstance(value, str)}
    changed: dict[str, Any] = {name: made for name, text in texts.items() if (made := without(text, known)) != text}
    args = tuple(without(one, known) if isinstance(one, str) else one for one in error.args)
    return changed if args == error.args else {**changed, "args": args}


def _changed(kept: Refund | RefundError, known: list[Secret]) -> dict[str, Any]:
    """The fields that come from a reply and hold a secret, without it."""
    in_names = [secret for secret in known if len(secret.reveal()) >= SHORTEST_IN_NAME]
    changes: dict[str, Callable[[Any], object]] = {
        "raw": lambda reply: _reply(reply, known),
        "provider_message": lambda text: without(text, known),
        "provider_code": lambda text: without(text, in_names),
        "request_id": lambda name: name if without(name, in_names) == name else None,
        "refund_id": lambda name: name if without(name, in_names) == name else None,
        "tracking_id": lambda name: name if without(name, in_names) == name else None,
        "differences": lambda rows: tuple((name, asked, without(reported, known)) for name, asked, reported in rows),
        "args": lambda texts: tuple(without(text, known) if isinstance(text, str) else text for text in texts),
    }
    held = {name: value for name in changes if (value := getattr(kept, name, None)) is not None}
    return {name: made for name, value in held.items() if (made := changes[name](value)) != value}


def _reply(reply: WireReply, known: list[Secret]) -> WireReply:
    headers = tuple((name, without(value, known)) for name, value in reply.headers)
    body = without(reply.body.decode("utf-8", "surrogateescape"), known).encode("utf-8", "surrogateescape")
    unchanged = headers == reply.headers and body == reply.body
    return reply if unchanged else WireReply(reply.status, headers, body, reply.complete)
