"""Callbacks of the providers: whether one comes from its provider, and what it says of which refund."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal

from refundry.errors import InvalidRefund, WebhookRejected, WebhookUnreadable
from refundry.interruption import pass_through
from refundry.money import Money
from refundry.outcome import STATES, may_follow, money_of
from refundry.providers.fields import FieldReader, plain_word
from refundry.providers.translation import About
from refundry.refund import Refund, RefundStatus
from refundry.validation import is_path_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from refundry.outcome import Reading
    from refundry.providers.translation import News, Translation

Headers = Mapping[str, str] | Iterable[tuple[str, str] | tuple[bytes, bytes]]
"""The headers of a callback, as any server has them."""

Proof = Literal["signature", "shared secret", "asked", "nothing"]
"""What makes an event believed. "asked": the provider gave this state itself, when it was asked."""

MAX_CALLBACK_BYTES: Final = 1024 * 1024
"""The size of a body that is read at the most. A callback is a few kilobytes."""

_MAYBE_A_REFUND: Final[tuple[About, ...]] = ("refund", "transaction")


@dataclass(frozen=True, slots=True)
class RefundEvent:
    """What a callback says of one refund, or that it is about something else.

    `provider` is the name of the account. `about` says what the event is about: a refund; a transaction that may be a
    refund or a payment, for Lab4Pay and Blink tell of both in the same form; a payment, an order or something else,
    which teaches nothing of a refund. `refund_id` is the provider's id of the refund or transaction, None for the
    others. Match it with the refunds that you keep. `payment_id` is the refunded payment's, where it is told.

    `proof` says what makes the event believed, and `authentic` that there is such a proof. A signature is over the
    whole body. A shared secret proves who sent the callback, and not that nobody changed it on the way. What is
    `to_be_confirmed` is not acted on before `confirm` has asked.

    `status` is how far the refund is, `provider_code` the provider's word for it, and `amount` what is refunded, where
    it is told with its currency. The three are None unless the event is authentic. `undone` says that the refund was
    done before, and no longer is. `reference` is the caller's own, where the provider echoes it. In an event that is
    not authentic it is a claim, as the ids are.

    `identity` is the same for every delivery of the same news, and for no other news: keep it to recognise a replay.
    `raw` is the whole body as it came, also where it holds several events. It may hold personal data, and is in no
    repr.
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
        """Whether it is proved that the provider says so."""
        return self.proof != "nothing"

    @property
    def to_be_confirmed(self) -> bool:
        """Whether the provider is to be asked (`confirm`) before anybody acts on it.

        Where nothing proves it; and where a refund FAILED by a shared secret alone, for who has seen one callback can
        make up the next, and the one who is told so pays again.
        """
        if self.refund_id is None:
            return False
        return not self.authentic or (self.status is RefundStatus.FAILED and self.proof == "shared secret")

    def supersedes(self, known: RefundStatus | None) -> bool:
        """Whether this is newer than a status that is known already, in whatever order the callbacks came.

        `known` is the status that was kept of the same refund, None where nothing was. False for an event without a
        status, and for one that says the same again. A PENDING refund becomes SUCCEEDED or FAILED; one that SUCCEEDED
        becomes FAILED only by a word that undoes it (`undone`); one that FAILED stays so.
        """

        if self.status is None:
            return False
        return known is None or may_follow(known, self.status, undone=self.undone)


def received(
    translation: Translation,
    headers: Headers,
    body: bytes,
    tell: Callable[[tuple[tuple[str, str], ...]], None],
) -> tuple[RefundEvent, ...]:
    """All events of a callback; none where it is read and tells of nothing.

    `tell` is given (JSON pointer, rule) of what in it departs from the contract, where something does.
    Raises WebhookRejected for a callback that does not prove where it comes from, or that cannot be one;
    WebhookUnreadable for one that proves it, and cannot be read; InvalidRefund for an account without what would prove
    it, and for a body that is not bytes.
    """

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
        proved = translation.verify_callback(_by_name(headers), body)
    except InvalidRefund as refused:
        refused.provider = name
        raise
    if proved is False:
        raise WebhookRejected(f"a callback for {name} does not prove that it comes from there", provider=name)
    reader = FieldReader(translation.ABSENT)
    try:
        told = translation.read_callback(body, reader)
    except RecursionError as error:
        pass_through(error)
        reader.deviate("", "is nested too deeply to be read")
        told = None
    if told is not None and not all(_is_named(one, reader) for one in told):
        told = None
    if proved is None and not told:
        raise WebhookRejected(f"a callback for {name} names no transaction", provider=name)
    if reader.deviations:
        tell(tuple(reader.deviations))
    if told is None:
        why = reader.deviations[-1][1] if reader.deviations else "its form is not known"
        raise WebhookUnreadable(f"a callback for {name} is proved, and cannot be read: it {why}", provider=name)
    return tuple(_event(translation, one, body, index, proved=bool(proved)) for index, one in enumerate(told))


def the_one(events: tuple[RefundEvent, ...], provider: str) -> RefundEvent:
    """The event of a callback that holds one. WebhookUnreadable where it holds several, or none."""
    if len(events) == 1:
        return events[0]
    raise WebhookUnreadable(
        f"a callback for {provider} holds {len(events)} events, and not one; webhooks(...) gives all of them",
        provider=provider,
    )


def confirmed(translation: Translation, event: RefundEvent, refund: Refund) -> RefundEvent:
    """The event with the state that the provider gave when it was asked.

    Its identity is that of this state: what an unproved callback claims must not use up that of the true news. Neither
    is the reference kept that it claims, for no provider gives one when it is asked.
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


def learnt(event: RefundEvent, known: Refund) -> Refund | None:
    """The refund as it is after this event; None where the event says nothing new of it.

    `known` is what is kept of the refund, without refund_id where it was accepted by a link alone, or where its outcome
    is not known. One with a refund_id is taught by an event of this id. One without is taught by its reference alone,
    and only by what says that it is a refund: a payment may have been given the same name. An event of another payment
    or another amount teaches nothing.
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
    is_found = known.refund_id is None and event.status is known.status
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
    """Whether its reference may be used again after this event: a refund that came to nothing, beyond doubt."""
    return event.status is RefundStatus.FAILED and not event.to_be_confirmed


def _by_name(headers: Headers) -> dict[str, str]:
    """Headers by name in lower case. One that comes twice proves nothing, and is left out."""
    found: dict[str, list[str]] = {}
    items = getattr(headers, "items", None)  # not only a Mapping has them: so do the headers of http.server
    try:
        pairs: Iterable[Any] = headers if items is None else items()
        for name, value in pairs:
            found.setdefault(_text(name).lower(), []).append(_text(value).strip())
    except (AttributeError, TypeError, ValueError) as error:
        pass_through(error)
        raise InvalidRefund("headers are the names and values of the request, as texts", field="headers") from None
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def _text(value: Any) -> Any:
    """A name or a value as a text, also where a server gives the bytes of it, as ASGI does."""
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _is_named(one: News, reader: FieldReader) -> bool:
    """Whether it has the id of the refund that it is about, or is about something else."""
    if one.about not in _MAYBE_A_REFUND:
        return True
    refund_id = one.reading.refund_id
    if refund_id is not None and not is_path_id(refund_id):
        reader.deviate("", "names its transaction by what cannot be an id")
        return False
    return refund_id is not None


def _event(translation: Translation, one: News, body: bytes, index: int, *, proved: bool) -> RefundEvent:

    name, reading = translation.account.name, one.reading
    refund_id = reading.refund_id if one.about in _MAYBE_A_REFUND else None
    if refund_id is None:
        # What is about no refund may be told of in the same body several times.
        identity = _identity(name, body, str(index))
        return RefundEvent(name, one.about, None, None, None, _proof(translation, proved=proved), identity, raw=body)
    status = STATES.get(reading.outcome) if proved else None
    return RefundEvent(
        provider=name,
        about=one.about,
        refund_id=refund_id,
        payment_id=reading.payment_id,
        status=status,
        proof=_proof(translation, proved=proved),
        identity=_identity(name, refund_id, reading.outcome.value, reading.code or ""),
        reference=reading.reference,
        amount=_amount(reading) if proved else None,
        provider_code=reading.code if proved else None,
        undone=_is_undone(translation, status, reading.code),
        raw=body,
    )


def _proof(translation: Translation, *, proved: bool) -> Proof:
    """What the provider proves its callbacks by, which is the same for each of its operations."""
    return next(iter(translation.CAPABILITIES.values())).callbacks if proved else "nothing"


def _is_undone(translation: Translation, status: RefundStatus | None, word: str | None) -> bool:
    return status is RefundStatus.FAILED and word is not None and plain_word(word) in translation.UNDOING


def _amount(reading: Reading) -> Money | None:
    """What is refunded, where the callback says it once, or twice the same."""

    return money_of(reading.amount, reading.currency) if len({*reading.amounts}) == 1 else None


def _identity(provider: str, about: str | bytes, *state: str) -> str:
    """By transaction and state, for no provider documents an id or a time of a callback; else by the whole body."""
    said = "\n".join(one.lower() for one in state).encode("utf-8", "surrogatepass")
    if isinstance(about, str):
        about = about.encode("utf-8", "surrogatepass")
    return sha256(b"%b\n%b\n%b" % (provider.encode(), about, said)).hexdigest()
