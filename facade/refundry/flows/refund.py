"""A refund as a flow: reserve the reference, send, record, and look up what a reply left unknown."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from refundry import outcome
from refundry.capabilities import check
from refundry.echoes import redacted
from refundry.errors import LedgerFailed, NotSent, OutcomeUnknown, RefundError
from refundry.flows.calls import Call, Conclusion
from refundry.flows.effects import committed
from refundry.interruption import pass_through
from refundry.ledger.changes import IsOfAnother, Record, Reserve
from refundry.ledger.entry import Tried
from refundry.ledger.rules import Unknown
from refundry.limits import window_margin
from refundry.money import Money
from refundry.outcome import Reading
from refundry.providers.replies import read_refund
from refundry.refund import Refund, RefundStatus
from refundry.wire import SendFailure, WireReply

if TYPE_CHECKING:
    from refundry.clock import Clock
    from refundry.flows.attempts import Attempts
    from refundry.flows.effects import Flow
    from refundry.flows.lookup import Lookups
    from refundry.ledger.changes import Change, Ledger
    from refundry.ledger.entry import Reservation
    from refundry.limits import Retry, Timeout
    from refundry.outcome import Answer
    from refundry.owner import Owner
    from refundry.providers.translation import Translation
    from refundry.redaction import Secret
    from refundry.refund import RefundRequest
    from refundry.wire import Progress

Outcome = Refund | RefundError
Result = TypeVar("Result")

_FRAMES_OF_A_CALL: Final = 100
# A lease outlasts the call by more than the grain of the clocks of a machine and of a database.
_SECONDS_OF_GRACE: Final = 5.0
# An outcome is still written where the call has used up its time.
_SECONDS_TO_RECORD: Final = 2.0


@dataclass(slots=True)
class RefundConclusion(Conclusion[Outcome]):
    """A conclusion with the provider's id of the refund, where a reply names it that leaves the outcome unknown."""

    refund_id: str | None = None


class RefundCall(Call[Outcome]):
    """The attempts to refund under one reservation."""

    def __init__(self, translation: Translation, reservation: Reservation) -> None:
        request = reservation.request
        super().__init__(translation, request.operation, request.reference, translation.refund_request(request))
        self._reservation = reservation

    def conclude(self, answer: Answer, secrets: tuple[Secret, ...]) -> RefundConclusion:
        """The outcome of the attempt, and what the caller learns where an earlier attempt was unknown."""
        reservation = self._reservation
        request = reservation.request
        attempt_outcome: Outcome
        if isinstance(answer, SendFailure):
            reading = Reading()
            attempt_outcome = outcome.of_failure(request, answer, reservation)
        else:
            reading = outcome.read_safely(
                lambda reply: read_refund(self.translation, request, reply), answer, lambda why: Reading(why=why)
            )
            currency = self.translation.account.currency
            attempt_outcome = redacted(
                outcome.of_reply(
                    request,
                    answer,
                    reading,
                    currency=currency,
                    times=reservation,
                    request_id=self.translation.request_id_of(answer),
                ),
                secrets,
            )
        if isinstance(attempt_outcome, Refund) and outcome.names_one_of(reservation.failed_ids, attempt_outcome):
            attempt_outcome = outcome.stored_answer_of_failed(request, attempt_outcome, reservation)
        outcome_for_caller = attempt_outcome
        if reservation.earlier is not None:
            outcome_for_caller = outcome.after_unknown(
                reservation.earlier, attempt_outcome, resolves_earlier=reading.resolves_earlier, times=reservation
            )
        refused = outcome.is_token_refused(answer, denied=reading.outcome is outcome.Outcome.AUTHENTICATION_FAILED)
        named = reading.refund_id if outcome.may_be_named(request, attempt_outcome, reading) else None
        return RefundConclusion(answer, attempt_outcome, outcome_for_caller, refused, reading.deviations, named)

    def may_retry(self, last: Conclusion[Outcome], previous: Conclusion[Outcome] | None) -> bool:
        """By the policy; not where the provider gave its stored answer once more."""
        if not outcome.may_retry(last.answer, last.attempt_outcome, last.outcome_for_caller):
            return False
        return previous is None or not outcome.is_stored_answer(last.answer, previous.answer, last.attempt_outcome)

    def has_time_for(self, seconds: float) -> bool:
        """Whether the reference is held for so long."""
        return self._reservation.has_time_for(seconds)

    def begin(self, progress: Progress) -> None:
        """Record that the reference is being sent."""
        self._reservation.begin(progress)

    def record(self, conclusion: Conclusion[Outcome]) -> None:
        """Note how the attempt ended."""
        reservation, outcome_for_caller = self._reservation, conclusion.outcome_for_caller
        tracking_id, is_first = None, reservation.is_first
        if isinstance(conclusion.answer, WireReply) and type(conclusion.attempt_outcome) is OutcomeUnknown:
            tracking_id = self.translation.tracking_of(conclusion.answer)
        if reservation.counts_attempts:  # a ledger in memory has no history
            reservation.tried.append(_tried(conclusion.attempt_outcome))
        is_about_an_earlier_one = outcome_for_caller is not conclusion.attempt_outcome
        reservation.record_attempt(outcome_for_caller, is_about_an_earlier_one=is_about_an_earlier_one)
        assert isinstance(conclusion, RefundConclusion)
        reservation.note_ids(tracking_id, conclusion.refund_id, is_first=is_first)


class Refunds:
    """The refunds of a client, as flows."""

    def __init__(
        self, attempts: Attempts, lookups: Lookups, ledger: Ledger, timeout: Timeout, retry: Retry, clock: Clock
    ) -> None:
        self._attempts = attempts
        self._lookups = lookups
        self._ledger = ledger
        self._timeout = timeout
        self._retry = retry
        self._clock = clock

    def refund(
        self, owner: Owner, translation: Translation, request: RefundRequest, payment_amount: Money | None = None
    ) -> Flow[Refund]:
        """Refund once under a reference. Returns what the provider accepted, and raises a RefundError otherwise.

        A flow that is closed while an attempt is under way leaves the reference unknown.
        """
        if not _has_room():
            raise NotSent("nothing was sent: the stack is full", **outcome.facts_of(request))
        window = check(request, translation.account, translation.CAPABILITIES).idempotency_window
        deadline = self._clock.monotonic() + self._retry.deadline
        lease_end = None  # no other process knows a reference that is in memory
        if not self._ledger.is_immediate:
            lease = self._retry.deadline + self._timeout.total + _SECONDS_OF_GRACE
            lease_end = self._clock.instant().plus(lease)
        reserve = Reserve(request, window, window_margin(self._retry), owner, lease_end, payment_amount)
        try:
            reservation = yield from self._reserved(reserve, deadline)
            if isinstance(reservation, Refund):
                return reservation
            outcome_for_caller = yield from self._settled(owner, translation, reservation, deadline)
        except BaseException as error:
            if not isinstance(error, RefundError) or isinstance(error, NotSent):
                self._ledger.hand_back(owner, request)
            raise
        if isinstance(outcome_for_caller, Refund):
            return outcome_for_caller
        raise outcome_for_caller

    def _reserved(self, reserve: Reserve, deadline: float) -> Flow[Reservation | Refund]:
        """The reservation, or the refund that was accepted before. NotSent where the ledger fails, however it does."""
        try:
            return (yield from committed(self._ledger, reserve, deadline - self._clock.monotonic()))
        except Exception as failed:
            pass_through(failed)
            if isinstance(failed, RefundError) and not isinstance(failed, LedgerFailed):
                raise
            why = failed if isinstance(failed, LedgerFailed) else f"the ledger failed with {type(failed).__name__}"
            text = f"nothing was sent to {reserve.request.provider}: {why}"
            raise NotSent(text, **outcome.facts_of(reserve.request)) from failed

    def _settled(
        self, owner: Owner, translation: Translation, reservation: Reservation, deadline: float
    ) -> Flow[Outcome]:
        """The outcome for the caller, once the ledger has it or has failed to take it."""
        try:
            outcome_for_caller = yield from self._send(owner, translation, reservation, deadline)
        except Exception as error:  # noqa: BLE001 (a fault of ours, or a full stack, must not hide that money moved)
            pass_through(error)
            outcome_for_caller = reservation.after_fault(error)
        try:
            entry = yield from self._committed(Record(reservation), deadline)
        except Exception as failed:  # noqa: BLE001 (whatever the ledger fails with must not hide the outcome)
            pass_through(failed)
            self._ledger.hand_back(owner, reservation.request)  # the writer's thread writes it as soon as it can
            return outcome.not_recorded(outcome_for_caller)
        return outcome_for_caller if entry is None else reservation.after_late(entry, outcome_for_caller)

    def _committed(self, change: Change[Result], deadline: float) -> Flow[Result]:
        return committed(self._ledger, change, max(deadline - self._clock.monotonic(), _SECONDS_TO_RECORD))

    def _send(self, owner: Owner, translation: Translation, reservation: Reservation, deadline: float) -> Flow[Outcome]:
        call = RefundCall(translation, reservation)
        last = yield from self._attempts.send_with_retries(owner, call, deadline, self._retry.attempts)
        unknown, known = last.outcome_for_caller, reservation.known
        if isinstance(unknown, OutcomeUnknown) and isinstance(known, Unknown) and known.tracking_id is not None:
            return (yield from self._resolve(owner, translation, reservation, unknown, known, deadline))
        return unknown

    def _resolve(
        self,
        owner: Owner,
        translation: Translation,
        reservation: Reservation,
        unknown: OutcomeUnknown,
        known: Unknown,
        deadline: float,
    ) -> Flow[Outcome]:
        """Look up an unknown refund once, by what its reply gave to ask by."""
        request = reservation.request
        refund = outcome.as_refund(
            request, RefundStatus.PENDING, tracking_id=known.tracking_id, sent_at=reservation.sent_at
        )
        state = yield from self._lookups.state(owner, translation, refund, deadline, 1)
        resolved = outcome.resolve_by_lookup(
            unknown, request, state.outcome_for_caller, state.reading, is_first=known.is_first, times=reservation
        )
        if resolved is unknown:
            return unknown
        if isinstance(resolved, Refund) and (yield from self._committed(IsOfAnother(resolved), deadline)):
            return unknown
        reservation.record_lookup(resolved)
        return resolved


def _tried(attempt_outcome: Outcome) -> Tried:
    if isinstance(attempt_outcome, Refund):
        status = None if attempt_outcome.raw is None else attempt_outcome.raw.status
        return Tried(attempt_outcome.status.name, status, attempt_outcome.request_id)
    return Tried(type(attempt_outcome).__name__, attempt_outcome.http_status, attempt_outcome.request_id)


def _has_room() -> bool:
    """Whether the stack has room for a whole call. A call that has not must end before anything is sent."""
    try:
        sys._getframe(sys.getrecursionlimit() - _FRAMES_OF_A_CALL)
    except ValueError as shallow:  # there is no frame so far up
        if shallow.__traceback__ is not None and shallow.__traceback__.tb_next is not None:
            raise  # a signal handler raised it, in a frame of its own
        return True
    return False
