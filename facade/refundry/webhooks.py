"""Callbacks: whether one comes from its provider, and what it says of which refund."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal

from refundry.errors import InvalidRefund, WebhookRejected, WebhookUnreadable
from refundry.interruption import pass_through
from refundry.money import Money
from refundry.outcome import STATES, Reading, may_follow, money_of
from refundry.providers.fields import FieldReader, plain_word
from refundry.providers.translation import About
from refundry.refund import Refund, RefundStatus
from refundry.validation import is_path_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from refundry.providers.translation import News, Translation

Headers = Mapping[str, str] | Iterable[tuple[str, str] | tuple[bytes, bytes]]
"""The headers of a callback, as any server has them."""

Proof = Literal["signature", "shared secret", "asked", "nothing"]
"""What proves an event. "asked": a lookup gave the state that it has now."""

MAX_CALLBACK_BYTES: Final = 1024 * 1024
"""The largest body that is read. A callback has a few kilobytes."""

_MAYBE_A_REFUND: Final[tuple[About, ...]] = ("refund", "transaction")


@dataclass(frozen=True, slots=True)
class RefundEvent:
    """What a callback says of one refund, or that it is about something else.

    `provider` is the name of the account. `about` says what the event is about: a refund; a transaction that may be a
    refund or a payment, for Lab4Pay and Blink report both in the same form; a payment, an order or something else,
    which says nothing of a refund. `refund_id` is the provider's id of the refund or transaction, None for the others.
    Match it with the refunds that you keep. `payment_id` is the refunded payment's, where the callback names it.

    `proof` says what proves the event, and `authentic` that something does. A signature is over the whole body. A
    shared secret proves who sent the callback, and not that nobody changed it on the way. Where `to_be_confirmed` is
    True, act on the event only after `confirm`.

    `status` is how far the refund is, `provider_code` the provider's word for it, and `amount` what is refunded, where
    the callback has it with its currency. The three are None unless the event is authentic. `undone` says that the
    refund was done, and no longer is. `reference` is the caller's own, where the provider echoes it. In an event that
    is not authentic it is a claim, as the ids are.

    `identity` is the same for every delivery of the same event, and differs for every other event: keep it to recognise
    a replay. `raw` is the whole body as it came, also where it holds several events. It may hold personal data, and is
    in no repr.
    """

    provider: str
    about: About
    refund_id: str | None
    payment_id: str | None
    status: RefundStatus | None
    proof: Proof
    identity: str
    reference: str | None = None
    amount: Money | None = None
    provider_code: str | None = field(default=None, repr=False)
    undone: bool = False
    raw: bytes = field(default=b"", repr=False, metadata={"exclude": True})  # by Pydantic, as in Refund

    @property
    def authentic(self) -> bool:
        """Whether something proves that the provider says so."""
        return self.proof != "nothing"

    @property
    def to_be_confirmed(self) -> bool:
        """Whether to `confirm` the event before anybody acts on it.

        True where nothing proves the event, and where only a shared secret proves that a refund FAILED: whoever has
        seen one callback can make up the next, and a refund that is believed to have failed is paid again.
        """
        is_doubtful = self.status is RefundStatus.FAILED and self.proof == "shared secret"
        return self.refund_id is not None and (is_doubtful or not self.authentic)

    def supersedes(self, known: RefundStatus | None) -> bool:
        """Whether this is newer than a known status, in whatever order the callbacks come.

        `known` is the status that you keep of the same refund, None where you keep none. False for an event without a
        status, and for one with the same status. A PENDING refund becomes SUCCEEDED or FAILED; a SUCCEEDED refund
        becomes FAILED only by a word that undoes it (`undone`); a FAILED refund stays FAILED.
        """
        return self.status is not None and (known is None or may_follow(known, self.status, undone=self.undone))


def received(
    translation: Translation,
    headers: Headers,
    body: bytes,
    tell: Callable[[tuple[tuple[str, str], ...]], None],
) -> tuple[RefundEvent, ...]:
    """The events of a callback; none where it can be read and reports nothing.

    `tell` receives the deviations, as (JSON pointer, rule), where there are any. Raises WebhookRejected for a callback
    that does not prove where it comes from, or that cannot be one; WebhookUnreadable for one that is proved and cannot
    be read; InvalidRefund for an account without the secret that would prove it, and for a body that is not bytes.
    """
    name = translation.account.name
    if not isinstance(body, bytes | bytearray | memoryview):
        text = f"body is the bytes of the request as they came, not {type(body).__name__}: a signature is over those"
        raise InvalidRefund(text, field="body", provider=name)
    body = bytes(body)
    if len(body) > MAX_CALLBACK_BYTES:
        raise WebhookRejected(f"a callback for {name} is too large to be one", provider=name)
    try:
        proved = translation.verify_callback(_by_name(headers), body)
    except InvalidRefund as refused:
        refused.provider = name
        raise
    if proved is False:
        raise WebhookRejected(f"a callback for {name} does not prove that it comes from there", provider=name)
    reader = FieldReader(translation.ABSENT)
    try:
        news = translation.read_callback(body, reader)
    except RecursionError as error:
        pass_through(error)
        reader.deviate("", "is nested too deeply to be read")
        news = None
    if not all(_is_named(one, reader) for one in news or ()):
        news = None
    if proved is None and not news:
        raise WebhookRejected(f"a callback for {name} names no transaction", provider=name)
    if reader.deviations:
        tell(tuple(reader.deviations))
    if news is None:
        why = reader.deviations[-1][1] if reader.deviations else "its form is not known"
        raise WebhookUnreadable(f"a callback for {name} is proved, and cannot be read: it {why}", provider=name)
    return tuple(_event(translation, one, body, index, proved=bool(proved)) for index, one in enumerate(news))


def the_one(events: tuple[RefundEvent, ...], provider: str) -> RefundEvent:
    """The event of a callback that holds one. WebhookUnreadable where it holds several, or none."""
    if len(events) == 1:
        return events[0]
    raise WebhookUnreadable(
        f"a callback for {provider} holds {len(events)} events, and not one; webhooks(...) gives all of them",
        provider=provider,
    )


def confirmed(translation: Translation, event: RefundEvent, refund: Refund) -> RefundEvent:
    """The event with the state that a lookup gave.

    Its identity is made of this state, so that an unproved callback cannot use up the identity of a true event. The
    reference that an unproved callback claims is left out, for no lookup confirms one.
    """
    return replace(
        event,
        payment_id=refund.payment_id or event.payment_id,
        status=refund.status,
        proof="asked",
        identity=_identity(event.provider, event.refund_id or event.raw, refund.status.value),
        reference=event.reference if event.authentic else None,
        amount=refund.amount or event.amount,
        provider_code=refund.provider_code,
        undone=_is_undone(translation, refund.status, refund.provider_code),
    )


def refund_after(event: RefundEvent, known: Refund, *, is_certain: bool = True) -> Refund | None:
    """The refund after this event; None where the event says nothing new of it.

    `known` is the refund as recorded, and `is_certain` says that the provider has accepted it. It has no refund_id
    where it was accepted with a link only, and mostly none where its outcome is unknown. A refund with a refund_id is
    changed by an event with this id. A refund without one is changed by an event with its reference, and only by one
    about a refund: a payment may have the same reference. An event with another payment or another amount changes
    nothing; nor does one without an amount where the amount is known, and the reference or an uncertain reply is all
    that leads to the refund.
    """
    if event.status is None or event.provider != known.provider:
        return None
    if known.refund_id is None:
        fits = event.about == "refund" and event.reference == known.reference
    else:
        fits = event.refund_id == known.refund_id
    both = ((event.payment_id, known.payment_id), (event.amount, known.amount))
    if not fits or any(None not in pair and pair[0] != pair[1] for pair in both):
        return None
    is_named = is_certain and known.refund_id is not None
    if not is_named and event.amount is None and known.amount is not None:
        return None
    is_found = not is_named and event.status is known.status
    if not (is_found or event.supersedes(known.status)):
        return None
    return replace(
        known,
        status=event.status,
        amount=known.amount or event.amount,
        refund_id=event.refund_id,
        payment_id=known.payment_id or event.payment_id,
        remaining=None,
        provider_code=event.provider_code,
        provider_message=None,
        replayed=False,
        raw=None,
    )


def may_free(event: RefundEvent) -> bool:
    """Whether the reference of the refund may be used again after this event: the refund FAILED, beyond doubt."""
    return event.status is RefundStatus.FAILED and not event.to_be_confirmed


def _by_name(headers: Headers) -> dict[str, str]:
    """The headers by name in lower case, without those that come twice: they prove nothing."""
    found: dict[str, list[str]] = {}
    items = getattr(headers, "items", None)  # the headers of http.server have items, and are no Mapping
    try:
        pairs: Iterable[Any] = headers if items is None else items()
        for name, value in pairs:
            found.setdefault(_text(name).lower(), []).append(_text(value).strip())
    except (AttributeError, TypeError, ValueError) as error:
        pass_through(error)
        raise InvalidRefund("headers are the names and values of the request, as texts", field="headers") from None
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def _text(value: Any) -> Any:
    """A name or a value as a text; ASGI gives bytes."""
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _is_named(one: News, reader: FieldReader) -> bool:
    """Whether the event has the id of its refund, or is about something else."""
    refund_id = one.reading.refund_id
    if refund_id is None:
        return one.about not in _MAYBE_A_REFUND
    if not is_path_id(refund_id):
        reader.deviate("", "names its transaction by what cannot be an id")
        return False
    return True


def _event(translation: Translation, one: News, body: bytes, index: int, *, proved: bool) -> RefundEvent:
    name, claimed = translation.account.name, one.reading
    if claimed.refund_id is None:  # one body may hold several events about no refund
        identity = _identity(name, body, str(index))
    else:
        identity = _identity(name, claimed.refund_id, claimed.outcome.value, claimed.code or "")
    reading = claimed if proved else Reading()
    status = STATES.get(reading.outcome)
    return RefundEvent(
        provider=name,
        about=one.about,
        refund_id=claimed.refund_id,
        payment_id=claimed.payment_id,
        status=status,
        # The same for each operation of a provider.
        proof=next(iter(translation.CAPABILITIES.values())).callbacks if proved else "nothing",
        identity=identity,
        reference=claimed.reference,
        # The refunded amount, where the callback has one, or several that are equal.
        amount=money_of(reading.amount, reading.currency) if len({*reading.amounts}) == 1 else None,
        provider_code=reading.code,
        undone=_is_undone(translation, status, reading.code),
        raw=body,
    )


def _is_undone(translation: Translation, status: RefundStatus | None, word: str | None) -> bool:
    return status is RefundStatus.FAILED and word is not None and plain_word(word) in translation.UNDOING


def _identity(provider: str, about: str | bytes, *state: str) -> str:
    """A hash of a transaction and its state, for no provider documents an id of a callback; or of a whole body."""
    said = "\n".join(one.lower() for one in state).encode("utf-8", "surrogatepass")
    if isinstance(about, str):
        about = about.encode("utf-8", "surrogatepass")
    return sha256(b"%b\n%b\n%b" % (provider.encode(), about, said)).hexdigest()
