"""The policy, in one place: from evidence to outcome, and from outcome to whether a refund may be sent again.

A provider's translation gives a Reading: what the reply says of the refund. What no Reading claims is unknown. Nothing
here knows a provider, a socket or a store.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from refundry.errors import (
    AuthenticationFailed,
    InvalidRefund,
    LookupFailed,
    NotSent,
    OutcomeUnknown,
    Reason,
    RefundError,
    RefundInProgress,
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
    from collections.abc import Callable
    from datetime import datetime
    from decimal import Decimal

    from refundry.clock import Clock, Deadline
    from refundry.money import Amount
    from refundry.refund import RefundRequest

    RequestOrRefund = RefundRequest | Refund

Answer = WireReply | SendFailure
"""What an attempt ends with: the reply, or why there is none."""

Difference = tuple[str, str, str]
"""A field in which a reply names another refund: the field, the value asked for, the value reported."""

Read = TypeVar("Read")
Refused = TypeVar("Refused", RefundRejected, AuthenticationFailed)


class Outcome(StrEnum):
    """What a reply says about the refund."""

    SUCCEEDED = "succeeded"
    PENDING = "pending"
    REJECTED = "rejected"
    AUTHENTICATION_FAILED = "authentication failed"
    UNKNOWN = "unknown"


# Nothing changes a reading. Python would make a call for each field of a frozen one.
@dataclass(unsafe_hash=True, slots=True, repr=False)
class Reading:
    """What a provider's reply says, translated. Each field is None where the reply does not say it.

    `amounts` is each amount that the reply reports as refunded, the most reliable first: in major units of `currency`,
    or of the payment's where the reply has none, or as a text where it is there and is no amount that can be read.
    `outcome` needs evidence in the reply, or is UNKNOWN. Only then `why` counts: it says what could not be relied on.
    `resolves_earlier` says that this refusal is the verdict also on an earlier attempt under the same key, whose reply
    was lost. `created_at` is when the provider made the refund's transaction, in UTC. `deviations` are (JSON pointer,
    rule) of all that deviates from the contract and was read nevertheless.
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
    resolves_earlier: bool = False
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


NO_REPLY: Final = NoAnswer("there is no reply")


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
    """The times of one refund, and the clock that they are read by."""

    @property
    def clock(self) -> Clock:
        """The clock of the client."""
        ...

    @property
    def sent_at(self) -> datetime:
        """When the refund was first sent."""
        ...

    @property
    def resend_until(self) -> Deadline | None:
        """Until when the refund may be sent again if its outcome is unknown; None where it may not."""
        ...

    @property
    def same_answer_until(self) -> datetime | None:
        """Until when its reference may bring back a refusal of now; None where the provider stores no answer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsRefused(SendFailure):
    """Nothing was sent, for the provider refused the keys that an access token is fetched with.

    `reply` is the reply that refused them, and `no_token` what it says.
    """

    reply: WireReply
    no_token: NoAnswer


# --- What an HTTP status says by itself. Whatever else a status means is the provider's contract to say.

CREDENTIALS_REFUSED: Final = frozenset({401, 403})
"""The statuses that refuse the credentials of a question. Of a refund, the provider's table says which do."""
_CHECKED_FIRST: Final = 401
"""All three providers check the credentials before they do anything, so this status proves that nothing was executed,
whatever its body holds. A token may then have expired."""
_TEMPORARY: Final = frozenset({408, 429})
_NOT_THERE: Final = 404


def of_status(status: int) -> Outcome:
    """What the status of a reply says of a refund where its body cannot be read."""
    return Outcome.AUTHENTICATION_FAILED if status == _CHECKED_FIRST else Outcome.UNKNOWN


def is_token_refused(answer: Answer, *, denied: bool) -> bool:
    """Whether a new token may be accepted where the provider `denied` the attempt with this one."""
    return denied and isinstance(answer, WireReply) and answer.status == _CHECKED_FIRST


def is_temporary(reply: WireReply) -> bool:
    """Whether the same request may soon get another answer."""
    return reply.status in _TEMPORARY or reply.status >= 500 or not reply.complete


def asked_to_wait(answer: Answer, clock: Clock) -> float | None:
    """The seconds for which the provider asks for no further request, or None."""
    return answer.retry_after if isinstance(answer, SendFailure) else retry_after(answer, clock)


# --- Tables.

_ACCEPTED: Final = {Outcome.SUCCEEDED: RefundStatus.SUCCEEDED, Outcome.PENDING: RefundStatus.PENDING}
STATES: Final = {**_ACCEPTED, Outcome.REJECTED: RefundStatus.FAILED}
"""The state of a refund that was asked about, by what the reply says of it."""
_MOVES: Final = frozenset({(RefundStatus.PENDING, RefundStatus.SUCCEEDED), (RefundStatus.PENDING, RefundStatus.FAILED)})
_UNDOING_MOVE: Final = (RefundStatus.SUCCEEDED, RefundStatus.FAILED)
# Refusals that an earlier refund under the same reference may have caused, in another process.
_MAY_BE_ITS_OWN: Final = (Reason.ALREADY_REFUNDED, Reason.EXCEEDS_REMAINING)
# Both a Date header and a transaction may leave the fractions of a second out.
_CLOCK_GRAIN: Final = 1.0

_CAUSE_UNKNOWN: Final = ", and an earlier success of this very refund may be its cause: find out before anything else"
_WAYS_ON: Final = ": wait until then, or give it up for good and record the one reference that follows it"

# A code is shown in an exception's text only where it cannot be more than a code.
_PLAIN_CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def facts_of(refund: RequestOrRefund) -> dict[str, Any]:
    """What every error says of the refund that it is about."""
    return {name: getattr(refund, name) for name in ("provider", "reference", "payment_id", "amount")}


def read_safely(read: Callable[[WireReply], Read], reply: WireReply, unreadable: Callable[[str], Read]) -> Read:
    """What a reply says. A fault in reading it must not hide that the money may have moved."""
    try:
        return read(reply)
    except Exception as error:  # noqa: BLE001 (see above)
        pass_through(error)
        return unreadable(f"reading the reply failed with {type(error).__name__}")


def _facts(
    refund: RequestOrRefund, answer: Answer, said: Reading | NoAnswer = NO_REPLY, *, clock: Clock
) -> dict[str, Any]:
    """What an error says of the refund and of the answer. `said` is what the answer says, with the provider's words."""
    reply = answer
    if isinstance(answer, CredentialsRefused):
        reply, said = answer.reply, answer.no_token
    return {
        **facts_of(refund),
        "provider_code": said.code,
        "provider_message": said.message,
        "retry_after": asked_to_wait(answer, clock),
        "raw": reply if isinstance(reply, WireReply) else None,
    }


# --- The outcome of an attempt to refund.


def of_no_token(reply: WireReply, no_token: NoAnswer, *, keys_refused: bool, clock: Clock) -> SendFailure:
    """The failure of a refund whose token could not be had by this reply."""
    wait, status = retry_after(reply, clock), f"(HTTP {reply.status})"
    if keys_refused:
        detail = f"no access token: the keys were refused {status}"
        return CredentialsRefused(Evidence.NOT_SENT, detail, True, wait, reply=reply, no_token=no_token)
    permanent = not is_temporary(reply) and reply.status >= 400
    return SendFailure(Evidence.NOT_SENT, f"no access token: {no_token.why} {status}", permanent, wait)


def of_failure(request: RefundRequest, failure: SendFailure, times: Times) -> RefundError:
    """The outcome for the caller of an attempt without a reply."""
    provider, reference, facts = request.provider, request.reference, _facts(request, failure, clock=times.clock)
    error: RefundError
    if isinstance(failure, CredentialsRefused):
        error = AuthenticationFailed(f"nothing was sent to {provider} for {reference!r}: {failure.detail}", **facts)
    elif failure.evidence is Evidence.NOT_SENT:
        error = NotSent(f"nothing was sent to {provider}: {failure.detail}", **facts)
    else:
        text = f"{provider} may have refunded {reference!r}: {failure.detail}"
        error = OutcomeUnknown(text, **facts).until(times.resend_until)
    error.__cause__ = failure.cause
    return error


def of_reply(
    request: RefundRequest,
    reply: WireReply,
    reading: Reading,
    *,
    currency: str | None,
    times: Times,
    request_id: str | None = None,
) -> Refund | RefundError:
    """The outcome of an attempt with a reply: the refund where it was accepted, the exception to raise otherwise.

    `currency` is the account's, for the amount of a refund that was requested as FULL. `request_id` is the provider's
    id of the request.
    """
    differences = () if reading.outcome is Outcome.UNKNOWN else compare(request, reading)
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
            request_id=request_id,
            raw=reply,
        )
    facts: dict[str, Any] = {**_facts(request, reply, reading, clock=times.clock), "request_id": request_id}
    if differences:
        return _mismatch(differences, facts).until(times.resend_until)
    provider, reference, words = request.provider, repr(request.reference), _words(reply, reading)
    match reading.outcome:
        case Outcome.REJECTED:
            text = f"{provider} refused {reference}: {reading.reason.value} {words}"
            return _refused(RefundRejected, text, times, reason=reading.reason, **facts)
        case Outcome.AUTHENTICATION_FAILED:
            text = f"{provider} refused the credentials for {reference} {words}"
            return _refused(AuthenticationFailed, text, times, **facts)
        case _:
            text = f"{provider} may have refunded {reference} {words}" + (f": {reading.why}" if reading.why else "")
            return OutcomeUnknown(text, **facts).until(times.resend_until)


def after_unknown(
    earlier: OutcomeUnknown, attempt_outcome: Refund | RefundError, *, resolves_earlier: bool, times: Times
) -> Refund | RefundError:
    """The outcome for the caller of an attempt that followed an unknown one.

    Proof that the second attempt executed nothing proves nothing about the first. The provider's verdict on the same
    idempotency key does, unless the first attempt may still be worked on or may have caused the refusal itself:
    `resolves_earlier` says so.
    """
    if isinstance(attempt_outcome, Refund | OutcomeUnknown):
        return attempt_outcome
    if type(attempt_outcome) is RefundRejected and resolves_earlier:
        return attempt_outcome
    unknown = copy.copy(earlier)
    unknown.until(times.resend_until)
    unknown.retry_after = attempt_outcome.retry_after
    unknown.args = (f"{earlier}; sent again: {attempt_outcome}",)
    return unknown


def contradicted(
    request: RefundRequest, contradiction: str, outcome_for_caller: Refund | RefundError
) -> RefundMismatch:
    """The outcome for the caller where the ledger learns late what it cannot bring together. A person has to look."""
    found = outcome_for_caller.status.value if isinstance(outcome_for_caller, Refund) else str(outcome_for_caller)
    text = f"{request.provider} and the ledger contradict each other about {request.reference!r}: {contradiction}"
    return RefundMismatch(text, differences=(("outcome", contradiction, found),), **facts_of(request))


def not_executed_meanwhile(request: RefundRequest) -> RefundRejected:
    """The outcome for the caller of a lost attempt, where the ledger has learnt that it executed nothing."""
    text = f"{request.provider} executed nothing for {request.reference!r}, as another call has learnt meanwhile"
    return RefundRejected(text, reason=Reason.OTHER, **facts_of(request))


def not_recorded(outcome_for_caller: Refund | RefundError) -> Refund | RefundError:
    """The same outcome, which the ledger could not be told."""
    if isinstance(outcome_for_caller, Refund):
        return replace(outcome_for_caller, recorded=False)
    outcome_for_caller.recorded = False
    return outcome_for_caller


def in_progress(request: RefundRequest) -> RefundInProgress:
    """The refusal of a call while another one sends the same reference."""
    text = f"{request.reference!r} is being sent to {request.provider} now; wait for that call"
    return RefundInProgress(text, **facts_of(request))


def as_refund(request: RefundRequest, status: RefundStatus, **known: Any) -> Refund:
    """The refund that was requested, in this status, with what is known beside the request. After FULL, no amount."""
    amount = request.amount if isinstance(request.amount, Money) else None
    return Refund(request.provider, request.reference, status, amount, payment_id=request.payment_id, **known)


def names_one_of(ids: tuple[str, ...], refund: Refund) -> bool:
    """Whether the provider gave the refund one of these ids."""
    return bool(ids) and not {refund.refund_id, refund.tracking_id}.isdisjoint(ids)


def stored_answer_of_failed(request: RefundRequest, accepted: Refund, times: Times) -> RefundRejected:
    """The outcome of an acceptance that names a refund of this reference which has failed since."""
    text = f"{request.provider} gave its stored answer for {request.reference!r}, about the refund that has failed"
    return _failed(text, request, accepted, times, Reason.OTHER)


def resolve_by_lookup(
    unknown: OutcomeUnknown,
    request: RefundRequest,
    found: Refund | RefundError,
    reading: Reading,
    *,
    is_first: bool,
    times: Times,
) -> Refund | RefundError:
    """The outcome for the caller once an unknown refund was looked up by what its reply gave to ask by.

    Only a transaction that names itself as this refund resolves it: of this payment and amount, and created since the
    refund was first sent. One that failed resolves it only where no attempt before that reply was lost (`is_first`).
    """
    if not resolves(found, reading, is_first=is_first) or not isinstance(found, Refund):
        return unknown
    if found.status is RefundStatus.FAILED:
        text = f"{request.provider} has not carried out {request.reference!r}"
        return _failed(text, request, found, times, reading.reason)
    return found


def may_be_named(request: RefundRequest, attempt_outcome: Refund | RefundError, reading: Reading) -> bool:
    """Whether a reply that leaves the outcome unknown may name the refund, so that it can be looked up by that id.

    Not where the reply is about another payment or reference; a lookup tells another amount.
    """
    if not isinstance(attempt_outcome, OutcomeUnknown):
        return False
    return all(name == "amount" for name, _, _ in compare(request, reading))


def resolves(found: Refund | RefundError, reading: Reading, *, is_first: bool) -> bool:
    """Whether a lookup of an unknown refund tells its outcome, as `resolve_by_lookup` says."""
    if not isinstance(found, Refund) or found.refund_id is None or None in (reading.payment_id, reading.amount):
        return False
    return is_first or found.status is not RefundStatus.FAILED


def _refused(kind: type[Refused], text: str, times: Times, **facts: Any) -> Refused:
    """A refusal, with the ways on where the provider has stored it."""
    until = times.same_answer_until
    if until is not None:
        text = f"{text}; this reference may bring back this answer until {until:%Y-%m-%d %H:%M} UTC"
        text += _CAUSE_UNKNOWN if facts.get("reason") in _MAY_BE_ITS_OWN else _WAYS_ON
    return kind(text, same_answer_until=until, **facts)


def _failed(text: str, request: RefundRequest, refund: Refund, times: Times, reason: Reason) -> RefundRejected:
    """The refusal of a request whose refund is known to have failed."""
    words = {"provider_code": refund.provider_code, "provider_message": refund.provider_message, "raw": refund.raw}
    return _refused(RefundRejected, text, times, reason=reason, **facts_of(request), **words)


# --- The outcome of a question: a lookup, a cancel, the state of a payment.


def of_state(
    refund: Refund, answer: Answer, reading: Reading, *, currency: str | None, clock: Clock
) -> Refund | RefundError:
    """The outcome of a lookup: the refund in its present state, or the exception to raise.

    `currency` is the account's, for the amount of a refund whose amount is not known yet.
    """
    if isinstance(answer, SendFailure) or reading.outcome not in STATES:
        return of_no_answer(refund, answer, reading, clock=clock)
    if differences := _state_differences(refund, reading):
        return _mismatch(differences, _facts(refund, answer, reading, clock=clock))
    # Found by a link alone: a list that does not look at the link gives older refunds that are equal to this one.
    if refund.refund_id is None and not is_created_since(reading.created_at, answer, refund.sent_at, clock):
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


def is_created_since(created_at: datetime | None, reply: WireReply, sent_at: datetime | None, clock: Clock) -> bool:
    """Whether a transaction was created after a refund was sent. False where either time is not known.

    The Date of the reply, which has just come, tells how far the provider's clock is ahead of this one.
    """
    date = http_date(reply.header("date") or "")
    if created_at is None or sent_at is None or date is None:
        return False
    ahead = date - clock.wall()
    return created_at.timestamp() - ahead >= sent_at.timestamp() - _CLOCK_GRAIN


def of_no_answer(refund: Refund, answer: Answer, said: Reading | NoAnswer, *, clock: Clock) -> LookupFailed:
    """The outcome of a question that got no reliable answer. `said` is what its reply says."""
    if isinstance(answer, SendFailure):
        why, temporary = answer.detail, not answer.permanent
    else:
        temporary = answer.status not in CREDENTIALS_REFUSED
        why = f"{said.why if temporary else 'it refused the credentials'} {_words(answer, said)}"
    text = f"{refund.provider} could not be asked about {refund.reference!r}: {why}"
    return LookupFailed(text, refund=refund, temporary=temporary, **_facts(refund, answer, said, clock=clock))


def is_absent(answer: Answer, found: Refund | RefundError) -> bool:
    """Whether a provider that was asked about a refund knows none: a 404, or an answer that names no transaction."""
    if not isinstance(answer, WireReply) or not answer.complete:
        return False
    return answer.status == _NOT_THERE or (isinstance(found, Refund) and found.refund_id is None)


def has_no_effect(answer: Answer) -> bool:
    """Whether a request to cancel certainly changed nothing."""
    if isinstance(answer, SendFailure):
        return answer.evidence is Evidence.NOT_SENT
    return answer.status in CREDENTIALS_REFUSED


def explained(refused: RefundRejected, payment: PaymentState, void_hint: str) -> RefundRejected:
    """A refusal with the state of its payment as the reason. It is the same where the state does not explain it.

    `void_hint` says what the provider has for a payment that cannot be refunded.
    """
    if payment.reason is None:
        return refused
    explained_refusal = copy.copy(refused)
    explained_refusal.reason = payment.reason
    # The first place where the reason can stand is the right one: an account name cannot hold what is around it.
    text = str(refused).replace(f": {refused.reason.value} (", f": {payment.reason.value} (", 1)
    hint = f": {void_hint}" if payment.reason is Reason.NOT_REFUNDABLE else ""
    explained_refusal.args = (f"{text}; the payment is {payment.word}{hint}",)
    return explained_refusal


# --- What may follow: another attempt, another question, another status.


def may_retry(answer: Answer, attempt_outcome: Refund | RefundError, outcome_for_caller: Refund | RefundError) -> bool:
    """Whether a refund may be sent again within the same call.

    Only where the last attempt executed nothing without a refusal, or where the provider de-duplicates; and not where
    the provider answered with another refund (RefundMismatch), for it would again.
    """
    if isinstance(answer, SendFailure) and answer.permanent:
        return False
    if isinstance(outcome_for_caller, Refund) or outcome_for_caller.resend is Resend.NEVER:
        return False
    return type(attempt_outcome) in (NotSent, OutcomeUnknown)


def is_stored_answer(last: Answer, previous: Answer, attempt_outcome: Refund | RefundError) -> bool:
    """Whether the provider gave the answer that it has stored under the key: the same reply twice, with its own code.

    A third attempt would bring it too, so the refund is looked up instead.
    """
    if not isinstance(last, WireReply) or not isinstance(previous, WireReply):
        return False
    return (last.status, last.body) == (previous.status, previous.body) and attempt_outcome.provider_code is not None


def may_repeat(answer: Answer, outcome_for_caller: object) -> bool:
    """Whether a question may be repeated: another answer may come soon."""
    if isinstance(answer, WireReply) and not is_temporary(answer):
        return False
    return isinstance(outcome_for_caller, LookupFailed) and outcome_for_caller.temporary


def may_follow(known: RefundStatus, new: RefundStatus, *, undone: bool) -> bool:
    """Whether a status is newer than the known one. A status never moves backwards.

    `undone`: the provider's word for the new status undoes a refund that was done.
    """
    return (known, new) in _MOVES or (undone and (known, new) == _UNDOING_MOVE)


# --- Whether a reply is about this refund, and what of it stands in a text.


def compare(request: RefundRequest, reading: Reading) -> tuple[Difference, ...]:
    """The fields in which a reply names another refund than the requested one.

    A field that the reply does not have is not compared, nor is the amount or the currency of a refusal. After FULL the
    amounts of the reply are compared with each other only.
    """
    accepted, asked = reading.outcome in _ACCEPTED, request.amount
    return _differing(
        *(_amounts(asked, reading) if accepted else ()),
        ("currency", asked.currency if accepted and isinstance(asked, Money) else None, reading.currency),
        ("payment_id", request.payment_id, reading.payment_id),
        ("reference", request.reference, reading.reference),
    )


def _state_differences(refund: Refund, reading: Reading) -> tuple[Difference, ...]:
    return _differing(
        *_amounts(refund.amount, reading),
        ("currency", refund.amount and refund.amount.currency, reading.currency),
        ("payment_id", refund.payment_id, reading.payment_id),
        ("refund_id", refund.refund_id, reading.refund_id),
    )


def _amounts(amount: Amount | None, reading: Reading) -> list[tuple[str, Decimal | None, Decimal | str]]:
    """Each amount of a reply beside the amount asked for; after FULL, beside the first.

    An amount that cannot be read differs from any other. It is compared only where no amount can be read.
    """
    asked = amount.decimal if isinstance(amount, Money) else reading.amount
    read = [one for one in reading.amounts if not isinstance(one, str)]
    return [("amount", asked, one) for one in read or reading.amounts]


def _differing(*pairs: tuple[str, object, object]) -> tuple[Difference, ...]:
    """The pairs that differ, apart from the case of a UUID. Each value that was reported comes once."""
    differing: dict[tuple[str, object], Difference] = {}
    for name, asked, reported in pairs:
        if asked is None or reported is None or asked == reported:
            continue
        if _uuid_in_lower_case(asked) != _uuid_in_lower_case(reported):
            differing.setdefault((name, reported), (name, str(asked), str(reported)))
    return tuple(differing.values())


def _uuid_in_lower_case(value: object) -> object:
    return value.lower() if isinstance(value, str) and _UUID.fullmatch(value) else value


def _mismatch(differences: tuple[Difference, ...], facts: dict[str, Any]) -> RefundMismatch:
    named = ", ".join(f"{name} {reported[:60]!r} instead of {asked!r}" for name, asked, reported in differences)
    text = f"{facts['provider']} reports {named} for {facts['reference']!r}"
    return RefundMismatch(text, differences=differences, **facts)


def money_of(amount: Decimal | None, currency: str | None) -> Money | None:
    """A reported amount in major units as Money; None where a part of it is not known, or no refund can have it."""
    if amount is None or currency is None:
        return None
    try:
        return Money.of(amount, currency)
    except InvalidRefund as unfit:  # the reply's amount is none that could be refunded
        pass_through(unfit)
        return None


def _words(reply: WireReply, said: Reading | NoAnswer) -> str:
    """The status of a reply and its code, for an exception's text."""
    code = f", {said.code}" if said.code and _PLAIN_CODE.fullmatch(said.code) else ""
    return f"(HTTP {reply.status}{code})"
