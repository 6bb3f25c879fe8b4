"""The policy, in one place: from what is known of an attempt to what the caller is told, and whether to send again.

A provider's translation gives a Reading: what the reply says, in refundry's words. Everything that no Reading claims
is unknown. Nothing here knows a provider.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from refundry.errors import (
    AuthenticationFailed,
    InvalidRefund,
    LookupFailed,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Reason,
    RefundError,
    RefundMismatch,
    RefundRejected,
    Resend,
)
from refundry.money import Money
from refundry.refund import Refund, RefundStatus
from refundry.wire import Evidence, SendFailure, WireReply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from decimal import Decimal
    from typing import Any, Final

    from refundry.refund import RefundRequest


class Outcome(Enum):
    """What a reply says about the refund."""

    SUCCEEDED = "succeeded"
    PENDING = "pending"
    REJECTED = "rejected"
    AUTHENTICATION_FAILED = "authentication failed"
    RATE_LIMITED = "rate limited"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a provider's reply says, translated. Each field is None where the reply does not say it.

    `amounts` is each amount that the reply reports as refunded, the most reliable first: in major units of `currency`,
    or of the payment's where the reply has none, or as a text where it is there and is no amount that can be read.
    `outcome` needs evidence in the reply, or is UNKNOWN; `why` says then what could not be relied on.
    `settles_earlier` says that this refusal is the verdict also on an earlier attempt under the same key, whose reply
    was lost. `created_at` is when the provider made the refund's transaction, in UTC. `departures` are (JSON pointer,
    rule) of all that departs from the contract and was read nevertheless.
    """

    outcome: Outcome = Outcome.UNKNOWN
    reason: Reason = Reason.OTHER
    why: str = ""
    amounts: tuple[Decimal | str, ...] = ()
    currency: str | None = None
    refund_id: str | None = None
    payment_id: str | None = None
    reference: str | None = None
    remaining: int | None = None
    tracking_id: str | None = None
    code: str | None = None
    message: str | None = None
    settles_earlier: bool = False
    created_at: datetime | None = None
    departures: tuple[tuple[str, str], ...] = ()

    @property
    def amount(self) -> Decimal | None:
        """The amount that the reply reports, by the first of its fields that can be read."""
        return next((one for one in self.amounts if not isinstance(one, str)), None)


_ACCEPTED: Final = {Outcome.SUCCEEDED: RefundStatus.SUCCEEDED, Outcome.PENDING: RefundStatus.PENDING}
STATES: Final = {**_ACCEPTED, Outcome.REJECTED: RefundStatus.FAILED}
"""The state of a refund that was asked about, by what the reply says of it."""
_MAY_BE_THE_FIRST: Final = frozenset({Reason.ALREADY_REFUNDED, Reason.EXCEEDS_REMAINING})

# A code is shown in an exception's text only where it cannot be more than a code.
_PLAIN_CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_CERTAIN: Final = frozenset(Outcome) - {Outcome.UNKNOWN}


def of_failure(request: RefundRequest, failure: SendFailure, resend: Resend) -> RefundError:
    """What the caller is told where no reply came. `resend` is what an unknown outcome allows now."""
    facts: dict[str, Any] = {"provider": request.provider, "reference": request.reference}
    if failure.evidence is Evidence.NOT_SENT:
        return NotSent(f"nothing was sent to {request.provider}: {failure.detail}", **facts)
    return OutcomeUnknown(
        f"{request.provider} may have refunded {request.reference!r}: {failure.detail}", resend=resend, **facts
    )


def of_reply(
    request: RefundRequest,
    reply: WireReply,
    reading: Reading,
    *,
    currency: str | None,
    resend: Resend,
    retry_after: float | None = None,
) -> Refund | RefundError:
    """What the caller is told about a reply: the refund where it was accepted, the exception to raise otherwise.

    `currency` is the account's, for the amount of a refund that was asked for as FULL. `retry_after` is for how many
    seconds the reply asks not to be sent to.
    """
    facts: dict[str, Any] = {
        "provider": request.provider,
        "reference": request.reference,
        "provider_code": reading.code,
        "provider_message": reading.message,
        "raw": reply,
    }
    if reading.outcome in _CERTAIN and (differences := compare(request, reading)):
        return _mismatch(differences, resend, facts)
    if reading.outcome in _ACCEPTED:
        return Refund(
            provider=request.provider,
            reference=request.reference,
            status=_ACCEPTED[reading.outcome],
            amount=request.amount if isinstance(request.amount, Money) else _money(reading.amount, currency),
            refund_id=reading.refund_id,
            payment_id=request.payment_id,
            remaining=reading.remaining,
            tracking_id=reading.tracking_id,
            provider_code=reading.code,
            provider_message=reading.message,
            raw=reply,
        )
    words = f"(HTTP {reply.status}{_words(reading)})"
    what = repr(request.reference)
    match reading.outcome:
        case Outcome.REJECTED:
            text = f"{request.provider} refused {what}: {reading.reason.value} {words}"
            return RefundRejected(text, reason=reading.reason, **facts)
        case Outcome.AUTHENTICATION_FAILED:
            text = f"{request.provider} refused the credentials for {what} {words}"
            return AuthenticationFailed(text, reason=Reason.OTHER, **facts)
        case Outcome.RATE_LIMITED:
            text = f"{request.provider} has too many requests to take {what} {words}"
            return RateLimited(text, reason=Reason.OTHER, retry_after=retry_after, **facts)
        case _:
            text = f"{request.provider} may have refunded {what} {words}" + (f": {reading.why}" if reading.why else "")
            return OutcomeUnknown(text, resend=resend, **facts)


def of_state(
    refund: Refund,
    answer: WireReply | SendFailure,
    reading: Reading,
    *,
    currency: str | None,
    retry_after: float | None,
) -> Refund | RefundError:
    """What the caller is told of a refund that was asked about: its state now, or the exception to raise.

    `currency` is the account's, for the amount of a refund whose amount is not known yet.
    """
    if isinstance(answer, SendFailure) or reading.outcome not in STATES:
        return of_no_answer(refund, answer, reading, retry_after=retry_after)
    facts: dict[str, Any] = {
        "provider": refund.provider,
        "reference": refund.reference,
        "provider_code": reading.code,
        "provider_message": reading.message,
        "raw": answer,
    }
    if differences := _state_differences(refund, reading):
        return _mismatch(differences, Resend.NEVER, facts)
    return replace(
        refund,
        status=STATES[reading.outcome],
        amount=refund.amount or _money(reading.amount, reading.currency or currency),
        refund_id=refund.refund_id or reading.refund_id,
        payment_id=refund.payment_id or reading.payment_id,
        remaining=None,
        provider_code=reading.code,
        provider_message=reading.message,
        replayed=False,
        raw=answer,
    )


def of_no_answer(
    refund: Refund, answer: WireReply | SendFailure, reading: Reading, *, retry_after: float | None
) -> LookupFailed:
    """What the caller is told of a question about a refund that got no answer which can be relied on."""
    facts: dict[str, Any] = {"refund": refund, "provider": refund.provider, "reference": refund.reference}
    what = f"{refund.provider} could not be asked about {refund.reference!r}"
    if isinstance(answer, SendFailure):
        temporary = not answer.lasting
        return LookupFailed(f"{what}: {answer.detail}", temporary=temporary, retry_after=answer.retry_after, **facts)
    denied = answer.status in (401, 403)
    why = "it refused the credentials" if denied else reading.why
    return LookupFailed(
        f"{what}: {why} (HTTP {answer.status}{_words(reading)})",
        temporary=not denied,
        retry_after=retry_after,
        provider_code=reading.code,
        provider_message=reading.message,
        raw=answer,
        **facts,
    )


def worth_another(told: Refund | RefundError, result: Refund | RefundError) -> bool:
    """Whether a refund is sent again without being asked for again.

    `result` is what came of the last attempt, `told` what is known after it. Only where nothing was executed by it and
    the provider has not said no, or where the provider de-duplicates; and not where it has answered with another
    refund than the one that was asked for, for it would again.
    """
    return (
        not isinstance(told, Refund)
        and told.resend is not Resend.NEVER
        and type(result) in (NotSent, RateLimited, OutcomeUnknown)
    )


def settled_by_lookup(
    unknown: OutcomeUnknown, request: RefundRequest, found: Refund | RefundError, reading: Reading, *, is_first: bool
) -> Refund | RefundError:
    """What the caller is told when an unknown refund was asked about by what its reply had to go by.

    It is settled only by a transaction that says itself that it is this refund: of this payment and this amount. One
    that came to nothing settles it only where nothing had been lost before that reply (`is_first`).
    """
    if not isinstance(found, Refund) or reading.refund_id is None or None in (reading.payment_id, reading.amount):
        return unknown
    if found.status is not RefundStatus.FAILED:
        return found
    if not is_first:
        return unknown
    return RefundRejected(
        f"{request.provider} has not carried out {request.reference!r}",
        reason=reading.reason,
        provider=request.provider,
        reference=request.reference,
        provider_code=found.provider_code,
        provider_message=found.provider_message,
        raw=found.raw,
    )


def explained(refused: RefundRejected, payment: Reading, void: str) -> RefundRejected:
    """A refusal whose reason is the payment's state: it cannot be refunded, or not yet, or has been.

    `void` says what else can be done with one that cannot be refunded.
    """
    told = copy.copy(refused)
    told.reason = payment.reason
    text = str(refused).replace(refused.reason.value, told.reason.value, 1)
    instead = f": {void}" if told.reason is Reason.NOT_REFUNDABLE else ""
    told.args = (f"{text}; the payment is {payment.code}{instead}",)
    return told


def after_unknown(earlier: OutcomeUnknown, result: Refund | RefundError, resend: Resend) -> Refund | RefundError:
    """What the caller is told when a refund whose outcome was unknown was sent again.

    What proves that nothing was executed this time proves nothing about the first time, unless it is the provider's
    own verdict on the same idempotency key; and not even that where the first may be the cause of the refusal.
    """
    if isinstance(result, Refund | OutcomeUnknown):
        return result
    if type(result) is RefundRejected and result.reason not in _MAY_BE_THE_FIRST:
        return result
    told = copy.copy(earlier)
    told.resend = resend
    told.args = (f"{earlier}; sent again: {result}",)
    return told


def resend_of_unknown(idempotency_window: int | None, seconds_since_first_sent: float) -> Resend:
    """Whether an unknown refund may be asked for again: only while the provider still knows its idempotency key."""
    if idempotency_window is not None and seconds_since_first_sent < idempotency_window:
        return Resend.SAME_REFERENCE
    return Resend.NEVER


def compare(request: RefundRequest, reading: Reading) -> tuple[tuple[str, str, str], ...]:
    """The fields in which the reply speaks of another refund: name, what was asked, what is reported.

    What the reply does not say is not compared, and neither is the amount of a refusal. After FULL the amounts of the
    reply are compared with each other alone.
    """
    asked = request.amount.decimal if isinstance(request.amount, Money) else None
    return _differing(
        *(_amounts(asked, reading) if reading.outcome in _ACCEPTED else ()),
        ("payment_id", _uuid_in_lower_case(request.payment_id), _uuid_in_lower_case(reading.payment_id)),
        ("reference", request.reference, reading.reference),
    )


def _state_differences(refund: Refund, reading: Reading) -> tuple[tuple[str, str, str], ...]:
    return _differing(
        *_amounts(refund.amount.decimal if refund.amount else None, reading),
        ("currency", refund.amount and refund.amount.currency, reading.currency),
        ("payment_id", _uuid_in_lower_case(refund.payment_id), _uuid_in_lower_case(reading.payment_id)),
        ("refund_id", _uuid_in_lower_case(refund.refund_id), _uuid_in_lower_case(reading.refund_id)),
    )


def _amounts(asked: Decimal | None, reading: Reading) -> Iterator[tuple[str, Decimal | None, Decimal | str]]:
    """Each amount of a reply beside the one asked for; where none was, beside the first.

    One that is there and cannot be read differs from any, but is only looked at where no other can be read.
    """
    read = dict.fromkeys(one for one in reading.amounts if not isinstance(one, str))
    for one in read or reading.amounts:
        yield "amount", reading.amount if asked is None else asked, one


def _differing(*pairs: tuple[str, object, object]) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (name, str(asked), str(reported))
        for name, asked, reported in pairs
        if asked is not None and reported is not None and asked != reported
    )


def _mismatch(
    differences: tuple[tuple[str, str, str], ...], resend: Resend, facts: Mapping[str, Any]
) -> RefundMismatch:
    told = ", ".join(f"{name} {reported[:60]!r} instead of {asked!r}" for name, asked, reported in differences)
    text = f"{facts['provider']} reports {told} for {facts['reference']!r}"
    return RefundMismatch(text, differences=differences, resend=resend, **facts)


def _money(amount: Decimal | None, currency: str | None) -> Money | None:
    if amount is None or currency is None:
        return None
    try:
        return Money.of(amount, currency)
    except InvalidRefund:  # the reply's amount is none that could be refunded
        return None


def _uuid_in_lower_case(name: str | None) -> str | None:
    return name.lower() if name and _UUID.fullmatch(name) else name


def _words(reading: Reading) -> str:
    return f", {reading.code}" if reading.code and _PLAIN_CODE.fullmatch(reading.code) else ""
