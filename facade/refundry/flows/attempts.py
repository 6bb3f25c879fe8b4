"""From a call to its answer: credentials, attempts, and the waits between them.

A call says what it asks for, what an answer means for it, and whether another attempt may follow.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from refundry import outcome
from refundry.echoes import redacted
from refundry.flows.effects import Flow, Send, Sleep, WaitFor
from refundry.flows.tokens import Fetch, TokenCache, TokenCall
from refundry.providers.credentials import fixed_credentials, token_credentials, wire_request
from refundry.providers.translation import TokenTranslation
from refundry.wire import Evidence, SendFailure

if TYPE_CHECKING:
    from refundry.clock import Clock
    from refundry.flows.calls import Call, Conclusion
    from refundry.limits import Retry, Timeout
    from refundry.observe import Observer
    from refundry.outcome import Answer
    from refundry.owner import Owner
    from refundry.providers.credentials import Credentials
    from refundry.providers.translation import Translation
    from refundry.redaction import Secret

Result = TypeVar("Result")

_TOO_LATE: Final = SendFailure(Evidence.NOT_SENT, "the deadline of the call has passed")
_LEASE_OVER: Final = SendFailure(
    Evidence.NOT_SENT, "the machine slept, or its clock was set, and another process may have the reference now", True
)
# The call that fetches a token tells the others when it is interrupted, unless the interruption prevents even that.
_SECONDS_BETWEEN_LOOKS: Final = 0.5


class Attempts:
    """Sends the calls of a client, and keeps the tokens of its accounts."""

    def __init__(self, timeout: Timeout, retry: Retry, observer: Observer, clock: Clock) -> None:
        self._timeout = timeout
        self._retry = retry
        self._observer = observer
        self._clock = clock
        self._fixed: dict[str, Credentials | None] = {}
        self._tokens: dict[str, TokenCache] = {}

    def send_with_retries(
        self, owner: Owner, call: Call[Result], deadline: float, attempts: int
    ) -> Flow[Conclusion[Result]]:
        """Send a call, and send it again where that is allowed and the deadline leaves time for it."""
        translation = call.translation
        account = translation.account
        if account.name not in self._fixed:
            self._fixed[account.name] = fixed_credentials(account)
        fixed = self._fixed[account.name]
        previous: Conclusion[Result] | None = None
        number, renewed = 1, False
        while True:
            credentials = fixed or (yield from self._token(owner, translation, call.reference, deadline))
            if isinstance(credentials, SendFailure):
                last = self._conclude(call, credentials, ())
            else:
                last = yield from self.send_once(call, credentials, deadline)
                if last.credentials_refused and fixed is None and not renewed:
                    # Nothing was executed, and the token may only have expired: a new one is tried once.
                    renewed = True
                    self._tokens_of(translation).discard(credentials)
                    continue
            if number >= attempts or not call.may_retry(last, previous):
                return last
            wait = self._retry.wait(number, outcome.asked_to_wait(last.answer, self._clock), self._clock)
            if self._clock.monotonic() + wait >= deadline:
                return last
            yield Sleep(wait)
            if not call.may_retry(last, previous):  # the machine may have slept past the provider's window
                return last
            previous, number = last, number + 1

    def send_once(self, call: Call[Result], credentials: Credentials, deadline: float) -> Flow[Conclusion[Result]]:
        """Send one attempt of a call, and record how it ended."""
        clock, observer = self._clock.monotonic, self._observer
        started = clock()
        left = deadline - started
        if left <= 0:
            return self._conclude(call, _TOO_LATE, ())
        timeout = self._timeout if left >= self._timeout.total else replace(self._timeout, total=left)
        if not call.has_time_for(timeout.total):
            return self._conclude(call, _LEASE_OVER, ())
        request = wire_request(call.request, call.translation.account, credentials)
        call.begin(request.progress)
        try:
            answer: Answer = yield Send(request, timeout)
        except GeneratorExit:
            # Nothing is decided here, for an interruption may prevent it: the lack of an outcome says enough.
            evidence = request.progress.evidence
            observer.interrupted(call.translation, call.reference, call.operation, evidence, clock() - started)
            raise
        if isinstance(answer, SendFailure):
            answer = redacted(answer, credentials.secrets)
        conclusion = self._conclude(call, answer, credentials.secrets)
        seconds, outcome_for_caller = clock() - started, conclusion.outcome_for_caller
        observer.attempt(call.translation, call.reference, call.operation, answer, seconds, outcome_for_caller)
        if conclusion.deviations:
            observer.deviations(call.translation, call.operation, conclusion.deviations)
        return conclusion

    @staticmethod
    def _conclude(call: Call[Result], answer: Answer, secrets: tuple[Secret, ...]) -> Conclusion[Result]:
        conclusion = call.conclude(answer, secrets)
        call.record(conclusion)
        return conclusion

    def _token(
        self, owner: Owner, translation: Translation, reference: str, deadline: float
    ) -> Flow[Credentials | SendFailure]:
        """The credentials with the cached token, or with a new one that one call fetches for all that wait for it."""
        assert isinstance(translation, TokenTranslation)
        tokens = self._tokens_of(translation)
        while (left := deadline - self._clock.monotonic()) > 0:
            found = tokens.acquire(owner)
            if not isinstance(found, Fetch):
                return found
            if found.is_owner(owner):
                call = TokenCall(translation, reference, tokens, found, deadline, self._clock)
                try:
                    yield from self.send_once(call, token_credentials(translation.account), deadline)
                    return call.credentials
                except BaseException:
                    tokens.complete(found, None)
                    raise
            completed: Credentials | SendFailure | None = yield WaitFor(found.future, min(left, _SECONDS_BETWEEN_LOOKS))
            if completed is not None:
                return completed
        return _TOO_LATE

    def _tokens_of(self, translation: Translation) -> TokenCache:
        name = translation.account.name
        return self._tokens.get(name) or self._tokens.setdefault(name, TokenCache(self._clock))
