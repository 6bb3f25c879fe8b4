"""Callbacks of the providers: whether one comes from its provider, and what it says of which refund."""

from __future__ import annotations

import hmac
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from refundry.checks import Secret, is_path_id
from refundry.errors import InvalidRefund, WebhookRejected
from refundry.refund import Refund, RefundStatus

if TYPE_CHECKING:
    from refundry.providers.base import Translation

Headers = Mapping[str, str] | Iterable[tuple[str, str] | tuple[bytes, bytes]]
"""The headers of a callback, as any server has them."""

MAX_CALLBACK_BYTES: Final = 1024 * 1024
"""The size of a body that is read at the most. A callback is a few kilobytes."""


@dataclass(frozen=True, slots=True)
class RefundEvent:
    """What a callback says.

    `provider` is the name of the account, `refund_id` the provider's id of the transaction that it is about: None
    where it is about something else than a refund, or does not say which. Match it with the refunds that you keep, for
    Lab4Pay and Blink tell of payments in the same form. `payment_id` is the refunded payment's, where it is told.

    `status` is how far the refund is; None unless the callback proves where it comes from, or the provider was asked
    (`confirm`). `authentic` says that one of the two is so. With a shared secret instead of a signature, it proves who
    sent the callback, and not that nobody changed it on the way.

    `identity` is the same for every delivery of the same news, and for no other news: keep it to recognise a replay.
    `raw` is the body as it came. It may hold personal data, and is in no repr.
    """

    provider: str
    refund_id: str | None
    payment_id: str | None
    status: RefundStatus | None
    authentic: bool
    identity: str
    raw: bytes = field(repr=False)


def received(
    translation: Translation, headers: Headers, body: bytes
) -> tuple[RefundEvent, tuple[tuple[str, str], ...]]:
    """The event, and (JSON pointer, rule) of what in it departs from the contract.

    Raises WebhookRejected for a callback that does not prove where it comes from, or that cannot be one; InvalidRefund
    for an account without what would prove it, and for a body that is not bytes.
    """
    from refundry.outcome import STATES, Reading
    from refundry.providers.reader import Reader

    name = translation.account.name
    if not isinstance(body, bytes | bytearray | memoryview):
        raise InvalidRefund(
            f"body is the bytes of the request as they came, not {type(body).__name__}: a signature is over those",
            field="body",
            provider=name,
        )
    body = bytes(body)
    if len(body) > MAX_CALLBACK_BYTES:
        raise WebhookRejected(f"a callback for {name} is too large to be one", provider=name)
    try:
        proved = translation.authentic(_by_name(headers), body)
    except InvalidRefund as refused:
        refused.provider = name
        raise
    if proved is False:
        raise WebhookRejected(f"a callback for {name} does not prove that it comes from there", provider=name)
    reader = Reader(translation.ABSENT)
    try:
        reading = translation.read_callback(body, reader)
    except RecursionError:
        reader.note("", "is nested too deeply to be read")
        reading = Reading()
    refund_id = reading.refund_id
    if refund_id is not None and not is_path_id(refund_id):
        reader.note("", "names its transaction by what cannot be an id")
        refund_id = None
    if proved is None and refund_id is None:
        raise WebhookRejected(f"a callback for {name} names no transaction", provider=name)
    event = RefundEvent(
        provider=name,
        refund_id=refund_id,
        payment_id=reading.payment_id,
        status=STATES.get(reading.outcome) if proved and refund_id is not None else None,
        authentic=bool(proved),
        identity=_identity(name, body if refund_id is None else refund_id, reading.outcome.value, reading.code or ""),
        raw=body,
    )
    return event, tuple(reader.departures)


def confirmed(event: RefundEvent, refund: Refund) -> RefundEvent:
    """The event with the state that the provider gave when it was asked.

    Its identity is that of this state: what an unproved callback claims must not use up that of the true news.
    """
    return replace(
        event,
        payment_id=refund.payment_id or event.payment_id,
        status=refund.status,
        authentic=True,
        identity=_identity(event.provider, event.refund_id or event.raw, refund.status.value),
    )


def is_signed(message: bytes, key: Secret, given: str) -> bool:
    """Whether this is the HMAC-SHA256 of the message, in hexadecimal. A wrong one takes as long as the right."""
    expected = hmac.new(key.reveal().encode(), message, sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), given.strip().lower().encode("utf-8", "replace"))


def is_same(given: str, secret: Secret) -> bool:
    """Whether this is the secret. A wrong one takes as long as the right."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), secret.reveal().encode())


def is_basic(given: str, username: Secret, password: Secret) -> bool:
    """Whether this header is that name and password, as HTTP Basic has them."""
    scheme, _, encoded = given.partition(" ")
    try:
        text = b64decode(encoded.strip(), validate=True)
    except ValueError:
        text = b""
    expected = f"{username.reveal()}:{password.reveal()}".encode()
    return hmac.compare_digest(text, expected) and scheme.lower() == "basic"


def _by_name(headers: Headers) -> dict[str, str]:
    """Headers by name in lower case. One that comes twice proves nothing, and is left out."""
    found: dict[str, list[str]] = {}
    items = getattr(headers, "items", None)  # not only a Mapping has them: so do the headers of http.server
    try:
        pairs: Iterable[Any] = headers if items is None else items()
        for name, value in pairs:
            found.setdefault(_text(name).lower(), []).append(_text(value).strip())
    except (AttributeError, TypeError, ValueError):
        raise InvalidRefund("headers are the names and values of the request, as texts", field="headers") from None
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def _text(value: Any) -> Any:
    """A name or a value as a text, also where a server gives the bytes of it, as ASGI does."""
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _identity(provider: str, about: str | bytes, *state: str) -> str:
    """By transaction and state, for no provider documents an id or a time of a callback; else by the whole body."""
    if isinstance(about, str):
        about = "\n".join((about, *(one.lower() for one in state))).encode("utf-8", "surrogatepass")
    return sha256(b"%b\n%b" % (provider.encode(), about)).hexdigest()
