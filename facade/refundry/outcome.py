"""The policy, in one place: from what is known of an attempt to what the caller is told, and whether to send again.

A provider's translation gives a Reading: what the reply says, in refundry's words. Everything that no Reading claims
is unknown. Nothing here knows a provider.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from time import time
from typing import TYPE_CHECKING, Protocol

from refundry.errors import (
    AuthenticationFailed,
    InvalidRefund,
    LookupFailed,
    NotSent,
    OutcomeUnknown,
    Reason,
    RefundError,
    RefundMismatch,
    RefundRejected,
    Resend,
)
from refundry.interruption import pass_through
from refundry.limits import retry_after
from refundry.money import Money
from refundry.refund import Refund, RefundStatus
from refundry.wire import Evidence, SendFailure, WireReply, http_date

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from decimal import Decimal
    from typing import Any, Final

    from refundry.refund import RefundRequest


class Outcome(StrEnum):
    """What a reply says about the refund."""

    SUCCEEDED = "succeeded"
    PENDING = "pending"
    REJECTED = "rejected"
    AUTHENTICATION_FAILED = "authentication failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, repr=False)
class Reading:
    """What a provider's reply says, translated. Each field is None where the reply does not say it.

    `amounts` is each amount that the reply reports as refunded, the most reliable first: in major units of `currency`,
    or of the payment's where the reply has none, or as a text where it is there and is no amount that can be read.
    `outcome` needs evidence in the reply, or is UNKNOWN; `why` says then what could not be relied on.
    `settles_earlier` says that this refusal is the verdict also on an earlier attempt under the same key, whose reply
    was lost. `created_at` is when the provider made the refund's transaction, in UTC. `deviations` are (JSON pointer,
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
    deviations: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        """The outcome alone: the rest may hold what a provider has echoed, and a traceback may show its variables."""
        return f"<Reading {self.outcome.name}>"

    @property
    def amount(self) -> Decimal | None:
        """The amount that the reply reports, by the first of its fields that can be read."""
        return next((one for one in self.amounts if not isinstance(one, str)), None)


@dataclass(frozen=True, slots=True, repr=False)
class NoAnswer:
    """A reply without what was asked for: an access token, or the state of a payment. It says nothing of a refund.

    `why` says in words what is missing; `code` and `message` are the provider's own. `deviations` as in a Reading.
    """

    why: str
    code: str | None = None
    message: str | None = None
    deviations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PaymentState:
    """The state of a payment, as far as it explains a refusal.

    `word` is the provider's word for a state in which the payment cannot be refunded, and `reason` the reason that this
    is. Both are None for every other state.
    """

    word: str | None = None
    reason: Reason | None = None
    deviations: tuple[tuple[str, str], ...] = ()


class Times(Protocol):
    """The times of one refund, by the clock of this process, and what follows from them."""

    @property
    def sent_at(self) -> datetime:
        """When it was first sent."""
        ...

    @property
    def resend_until(self) -> datetime | None:
        """Until when it may be sent again if its outcome is unknown; None where it may not."""
        ...

    @property
    def same_answer_until(self) -> datetime | None:
        """Until when its reference may bring back a refusal of now; None where the provider stores no answer."""
        ...


@dataclass(frozen=True, slots=True)
class CredentialsRefused(SendFailure):
    """Nothing was sent, for the provider refused the keys that an access token is fetched with, by this reply."""

    reply: WireReply | None = None
    code: str | None = None
    message: str | None = None


CREDENTIALS_REFUSED: Final = frozenset({401, 403})
"""The HTTP statuses that refuse the credentials of a request which is no refund. Of a refund, the provider's table says
whether nothing was executed."""
_ACCEPTED: Final = {Outcome.SUCCEEDED: RefundStatus.SUCCEEDED, Outcome.PENDING: RefundStatus.PENDING}
STATES: Final = {**_ACCEPTED, Outcome.REJECTED: RefundStatus.FAILED}
"""The state of a refund that was asked about, by what the reply says of it."""
_FOLLOWED_BY: Final = {
    RefundStatus.PENDING: frozenset({RefundStatus.SUCCEEDED, RefundStatus.FAILED}),
    RefundStatus.SUCCEEDED: frozenset[RefundStatus](),
    RefundStatus.FAILED: frozenset[RefundStatus](),
}
# Refusals that an earlier refund under the same reference may have caused, in another process.
_MAY_BE_ITS_OWN: Final = (Reason.ALREADY_REFUNDED, Reason.EXCEEDS_REMAINING)
# Both a Date header and a transaction may leave the fractions of a second out.
_CLOCK_GRAIN: Final = 1.0

# A code is shown in an exception's text only where it cannot be more than a code.
_PLAIN_CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_CERTAIN: Final = frozenset(Outcome) - {Outcome.UNKNOWN}


def facts_of(refund: RefundRequest | Refund) -> dict[str, Any]:
    """What every error says of the refund that it is about."""
    return {name: getattr(refund, name) for name in ("provider", "reference", "payment_id", "amount")}


def of_failure(request: RefundRequest, failure: SendFailure, times: Times) -> RefundError:
    """What the caller is told where no reply to the refund came."""
    facts: dict[str, Any] = {**facts_of(request), "retry_after": failure.retry_after}
    error: RefundError
    if isinstance(failure, CredentialsRefused):
        text = f"nothing was sent to {request.provider} for {request.reference!r}: {failure.detail}"
        return AuthenticationFailed(text, **facts, **_said(failure))
    if failure.evidence is Evidence.NOT_SENT:
        error = NotSent(f"nothing was sent to {request.provider}: {failure.detail}", **facts)
    else:
        text = f"{request.provider} may have refunded {request.reference!r}: {failure.detail}"
        error = OutcomeUnknown(text, resend_until=times.resend_until, **facts)
    error.__cause__ = failure.cause
    return error


def _said(refused: CredentialsRefused) -> dict[str, Any]:
    return {"raw": refused.reply, "provider_code": refused.code, "provider_message": refused.message}


def of_reply(
    request: RefundRequest, reply: WireReply, reading: Reading, *, currency: str | None, times: Times
) -> Refund | RefundError:
    """What the caller is told about a reply: the refund where it was accepted, the exception to raise otherwise.

    `currency` is the account's, for the amount of a refund that was asked for as FULL.
    """
    differences = compare(request, reading) if reading.outcome in _CERTAIN else ()
    if reading.outcome in _ACCEPTED and not differences:
        return Refund(
            provider=request.provider,
            reference=request.reference,
            status=_ACCEPTED[reading.outcome],
            amount=request.amount if isinstance(request.amount, Money) else money_of(reading.amount, currency),
            refund_id=reading.refund_id,
            payment_id=request.payment_id,
            remaining=reading.remaining,
            tracking_id=reading.tracking_id,
            provider_code=reading.code,
            provider_message=reading.message,
            sent_at=times.sent_at,
            raw=reply,
        )
    facts: dict[str, Any] = {
        **facts_of(request),
        "provider_code": reading.code,
        "provider_message": reading.message,
        "retry_after": retry_after(reply),
        "raw": reply,
    }
    if differences:
        return _mismatch(differences, times.resend_until, facts)
    words = f"(HTTP {reply.status}{_words(reading)})"
    what = repr(request.reference)
    match reading.outcome:
        case Outcome.REJECTED:
            text = f"{request.provider} refused {what}: {reading.reason.value} {words}"
            return RefundRejected(
                _with_ways_on(text, times, reading.reason),
                reason=reading.reason,
                same_answer_until=times.same_answer_until,
                **facts,
            )
        case Outcome.AUTHENTICATION_FAILED:
            text = f"{request.provider} refused the credentials for {what} {words}"
            return AuthenticationFailed(_with_ways_on(text, times), same_answer_until=times.same_answer_until, **facts)
        case _:
            text = f"{request.provider} may have refunded {what} {words}" + (f": {reading.why}" if reading.why else "")
            return OutcomeUnknown(text, resend_until=times.resend_until, **facts)


def _with_ways_on(text: str, times: Times, reason: Reason = Reason.OTHER) -> str:
    """A refusal, with what can be done where the provider has stored it."""
    until = times.same_answer_until
    if until is None:
        return text
    stored = f"{text}; this reference may bring back this answer until {until:%Y-%m-%d %H:%M} UTC"
    if reason in _MAY_BE_ITS_OWN:
        return f"{stored}, and an earlier success of this very refund may be its cause: find out before anything else"
    return f"{stored}: wait until then, or give it up for good and record the one reference that follows it"


def stored_answer_of_failed(request: RefundRequest, accepted: Refund, times: Times) -> RefundRejected:
    """What the caller is told of an acceptance that names a refund of this reference which has failed since."""
    text = f"{request.provider} gave its stored answer for {request.reference!r}, about the refund that has failed"
    return RefundRejected(
        _with_ways_on(text, times),
        reason=Reason.OTHER,
        same_answer_until=times.same_answer_until,
        provider_code=accepted.provider_code,
        provider_message=accepted.provider_message,
        raw=accepted.raw,
        **facts_of(request),
    )


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
        **facts_of(refund),
        "provider_code": reading.code,
        "provider_message": reading.message,
        "retry_after": retry_after,
        "raw": answer,
    }
    if differences := _state_differences(refund, reading):
        return _mismatch(differences, None, facts)
    # Found by a link alone: a list that does not look at the link gives older refunds that are equal to this one.
    if refund.refund_id is None and not is_created_since(reading.created_at, answer, refund.sent_at):
        return replace(refund, replayed=False, raw=answer)
    return replace(
        refund,
        status=STATES[reading.outcome],
        amount=refund.amount or money_of(reading.amount, reading.currency or currency),
        refund_id=refund.refund_id or reading.refund_id,
        payment_id=refund.payment_id or reading.payment_id,
        remaining=None,
        provider_code=reading.code,
        provider_message=reading.message,
        replayed=False,
        raw=answer,
    )


def of_no_answer(
    refund: Refund, answer: WireReply | SendFailure, reading: Reading | NoAnswer, *, retry_after: float | None
) -> LookupFailed:
    """What the caller is told of a question about a refund that got no answer which can be relied on."""
    facts: dict[str, Any] = {**facts_of(refund), "refund": refund}
    what = f"{refund.provider} could not be asked about {refund.reference!r}"
    if isinstance(answer, SendFailure):
        temporary = not answer.permanent
        said = _said(answer) if isinstance(answer, CredentialsRefused) else {}
        return LookupFailed(
            f"{what}: {answer.detail}", temporary=temporary, retry_after=answer.retry_after, **facts, **said
        )
    denied = answer.status in CREDENTIALS_REFUSED
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


def may_follow(known: RefundStatus, told: RefundStatus, *, undone: bool) -> bool:
    """Whether what is told of a refund is newer than what is known of it. A state never moves backwards.

    `undone` says that the provider's word for it undoes a refund that was done.
    """
    if undone and (known, told) == (RefundStatus.SUCCEEDED, RefundStatus.FAILED):
        return True
    return told in _FOLLOWED_BY[known]


def may_retry(told: Refund | RefundError, result: Refund | RefundError) -> bool:
    """Whether a refund is sent again without being asked for again.

    `result` is what came of the last attempt, `told` what is known after it. Only where nothing was executed by it and
    the provider has not said no, or where the provider de-duplicates; and not where it has answered with another
    refund than the one that was asked for, for it would again.
    """
    return (
        not isinstance(told, Refund) and told.resend is not Resend.NEVER and type(result) in (NotSent, OutcomeUnknown)
    )


def settled_by_lookup(
    unknown: OutcomeUnknown,
    request: RefundRequest,
    found: Refund | RefundError,
    reading: Reading,
    *,
    is_first: bool,
    times: Times,
) -> Refund | RefundError:
    """What the caller is told when an unknown refund was asked about by what its reply had to go by.

    It is settled only by a transaction that says itself that it is this refund: of this payment and this amount, and
    created since it was first sent. One that came to nothing settles it only where nothing had been lost before that
    reply (`is_first`).
    """
    if not isinstance(found, Refund) or found.refund_id is None or None in (reading.payment_id, reading.amount):
        return unknown
    if found.status is not RefundStatus.FAILED:
        return found
    if not is_first:
        return unknown
    text = f"{request.provider} has not carried out {request.reference!r}"
    return RefundRejected(
        _with_ways_on(text, times, reading.reason),
        reason=reading.reason,
        same_answer_until=times.same_answer_until,
        **facts_of(request),
        provider_code=found.provider_code,
        provider_message=found.provider_message,
        raw=found.raw,
    )


def is_created_since(created_at: datetime | None, reply: WireReply, sent_at: datetime | None) -> bool:
    """Whether a transaction was created after a refund was sent. False where either time is not known.

    Between the provider's clock and this one stands the Date of the reply, which has just come.
    """
    date = http_date(reply.header("date") or "")
    if created_at is None or sent_at is None or date is None:
        return False
    ahead = date - time()
    return created_at.timestamp() - ahead >= sent_at.timestamp() - _CLOCK_GRAIN


def explained(refused: RefundRejected, payment: PaymentState, void: str) -> RefundRejected:
    """A refusal whose reason is the payment's state: it cannot be refunded, or not yet, or has been.

    It comes back as it is where the state does not explain it. `void` says what else can be done with a payment that
    cannot be refunded.
    """
    if payment.reason is None:
        return refused
    told = copy.copy(refused)
    told.reason = payment.reason
    # The first place where the reason could stand is its own: the name of the account cannot hold what is around it.
    text = str(refused).replace(f": {refused.reason.value} (", f": {told.reason.value} (", 1)
    instead = f": {void}" if told.reason is Reason.NOT_REFUNDABLE else ""
    told.args = (f"{text}; the payment is {payment.word}{instead}",)
    return told


def after_unknown(
    earlier: OutcomeUnknown, result: Refund | RefundError, reading: Reading, times: Times
) -> Refund | RefundError:
    """What the caller is told when a refund whose outcome was unknown was sent again.

    What proves that nothing was executed this time proves nothing about the first time, unless it is the provider's
    own verdict on the same idempotency key. A refusal is none while the first may still be worked on, nor where the
    first may be the cause of it.
    """
    if isinstance(result, Refund | OutcomeUnknown) or (type(result) is RefundRejected and reading.settles_earlier):
        return result
    told = copy.copy(earlier)
    told.resend_until = times.resend_until
    told.retry_after = result.retry_after
    told.args = (f"{earlier}; sent again: {result}",)
    return told


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
    differences: tuple[tuple[str, str, str], ...], resend_until: datetime | None, facts: Mapping[str, Any]
) -> RefundMismatch:
    told = ", ".join(f"{name} {reported[:60]!r} instead of {asked!r}" for name, asked, reported in differences)
    text = f"{facts['provider']} reports {told} for {facts['reference']!r}"
    return RefundMismatch(text, differences=differences, resend_until=resend_until, **facts)


def money_of(amount: Decimal | None, currency: str | None) -> Money | None:
    """A reported amount in major units as Money; None where a part of it is not known, or no refund can have it."""
    if amount is None or currency is None:
        return None
    try:
        return Money.of(amount, currency)
    except InvalidRefund as unfit:  # the reply's amount is none that could be refunded
        pass_through(unfit)
        return None


def _uuid_in_lower_case(name: str | None) -> str | None:
    return name.lower() if name and _UUID.fullmatch(name) else name


def _words(reading: Reading | NoAnswer) -> str:
    return f", {reading.code}" if reading.code and _PLAIN_CODE.fullmatch(reading.code) else ""
