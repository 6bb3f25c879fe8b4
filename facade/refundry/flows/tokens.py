"""The access token of one account: one fetch however many calls need it, renewed before the token expires."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from refundry import outcome
from refundry.echoes import redacted
from refundry.flows.calls import Call, Conclusion
from refundry.outcome import NoAnswer
from refundry.owner import Guarded, Owner
from refundry.providers.credentials import IssuedToken, token_keys
from refundry.providers.replies import read_token
from refundry.refund import Operation
from refundry.wire import Evidence, SendFailure

if TYPE_CHECKING:
    from refundry.clock import Clock
    from refundry.outcome import Answer
    from refundry.providers.credentials import Credentials
    from refundry.providers.translation import TokenTranslation
    from refundry.redaction import Secret

# A token is renewed when a tenth of its life is left, and not earlier than a minute before its end.
_MARGIN: Final = 0.1
_LONGEST_MARGIN: Final = 60.0
_SECONDS_BEFORE_ANOTHER: Final = 5.0
LONGEST_LIFE: Final = 3600.0
"""The seconds that a token is kept at most. A provider that documents no unit may mean another one than seconds."""


@dataclass(slots=True, eq=False)
class Fetch:
    """A fetch of a token that is under way since `began`. Its owner does it, and the other calls wait for the future.

    The future gives the credentials with the new token, a failure, or None where the owner was interrupted. An
    interruption may prevent even that, so a call that waits looks now and then whether the owner is still running.
    """

    owner: Owner
    began: float
    future: Future[Credentials | SendFailure | None] = field(default_factory=Future)

    def __post_init__(self) -> None:
        self.future.set_running_or_notify_cancel()  # so that a call which gives up waiting cancels it for no other

    def is_owner(self, owner: Owner) -> bool:
        """Whether this call does the fetch."""
        return self.owner is owner


class TokenCache(Guarded):
    """The token of an account, for any number of threads or tasks. It fetches nothing itself."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._credentials: Credentials | None = None
        self._fresh_until = self._expires_at = 0.0
        self._fetch: Fetch | None = None

    def acquire(self, owner: Owner) -> Credentials | Fetch:
        """The credentials with the token, or the fetch to do (where this call is its owner) or to wait for.

        While a token that has not expired is being renewed, the other calls go on with it.
        """
        now = self._clock.monotonic()
        with self._lock:
            fetch = self._fetch
            if fetch is not None and not fetch.owner.is_running():
                fetch = None
            if self._credentials is not None and now < (self._expires_at if fetch else self._fresh_until):
                return self._credentials
            if fetch is None:
                fetch = self._fetch = Fetch(owner, now)
            return fetch

    def complete(self, fetch: Fetch, fetched: IssuedToken | SendFailure | None) -> Credentials | SendFailure | None:
        """End a fetch with its token or its failure; with None where it was interrupted.

        Returns what the calls go on with: the previous token where it has not expired and could not be renewed. The
        life of a token counts from the beginning of its fetch.
        """
        now = self._clock.monotonic()
        usable: Credentials | SendFailure | None
        with self._lock:
            if isinstance(fetched, IssuedToken):
                usable = self._credentials = fetched.credentials
                life = min(fetched.lifetime, LONGEST_LIFE)
                self._expires_at = fetch.began + life
                self._fresh_until = self._expires_at - min(_MARGIN * life, _LONGEST_MARGIN)
            elif self._credentials is not None and now < self._expires_at:
                usable = self._credentials
                if fetched is not None:  # so that not each of the next calls tries to renew it
                    pause = max(_SECONDS_BEFORE_ANOTHER, fetched.retry_after or 0.0)
                    self._fresh_until = min(now + pause, self._expires_at)
            else:
                usable = fetched
            if self._fetch is fetch:
                self._fetch = None
        if not fetch.future.done():  # an interruption may come after the fetch has ended
            fetch.future.set_result(usable)
        return usable

    def discard(self, credentials: Credentials) -> None:
        """Forget this token, which the provider has refused. A token that was fetched since stays."""
        with self._lock:
            if self._credentials is credentials:
                self._credentials = None


class TokenCall(Call[IssuedToken | SendFailure]):
    """A fetch of a token. Once recorded, `credentials` is what the calls go on with: a token, or why there is none."""

    def __init__(
        self,
        translation: TokenTranslation,
        reference: str,
        tokens: TokenCache,
        fetch: Fetch,
        deadline: float,
        clock: Clock,
    ) -> None:
        request = translation.token_request(token_keys(translation.account))
        super().__init__(translation, Operation.TOKEN, reference, request)
        self._translation = translation
        self.credentials: Credentials | SendFailure
        self._tokens = tokens
        self._fetch = fetch
        self._deadline = deadline
        self._clock = clock

    def conclude(self, answer: Answer, secrets: tuple[Secret, ...]) -> Conclusion[IssuedToken | SendFailure]:
        """The new token, or why there is none. Nothing of the refund has been sent either way."""
        if isinstance(answer, SendFailure):
            failure = replace(answer, evidence=Evidence.NOT_SENT, detail=f"no access token: {answer.detail}")
            return Conclusion(answer, failure, failure)
        token = outcome.read_safely(lambda reply: read_token(self._translation, reply), answer, NoAnswer)
        if isinstance(token, IssuedToken):
            return Conclusion(answer, token, token, deviations=token.deviations)
        shown = replace(token, code=redacted(token.code, secrets), message=redacted(token.message, secrets))
        refused = answer.status in self._translation.KEYS_REFUSED
        failure = outcome.of_no_token(redacted(answer, secrets), shown, keys_refused=refused, clock=self._clock)
        return Conclusion(answer, failure, failure, deviations=token.deviations)

    def may_retry(self, last: object, previous: object) -> bool:
        """Never: the call that needs the token may be sent once more, and fetches one then."""
        return False

    def record(self, conclusion: Conclusion[IssuedToken | SendFailure]) -> None:
        """End the fetch, before a hook learns of it: the hook may need a token itself."""
        fetched = conclusion.attempt_outcome
        # A failure for lack of time is the caller's own, and no reason for the waiting calls to give up.
        out_of_time = isinstance(fetched, SendFailure) and self._clock.monotonic() >= self._deadline
        usable = self._tokens.complete(self._fetch, None if out_of_time else fetched)
        if usable is None:
            usable = fetched.credentials if isinstance(fetched, IssuedToken) else fetched
        self.credentials = usable
