"""From a thing to get from a provider to the answers: tokens, attempts, and the waits between them.

What it is for, and whether it may be sent again, is the task's to say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from refundry.echoes import redacted
from refundry.flows.effects import Flow, Send, Sleep, WaitFor
from refundry.flows.tokens import Fetch, TokenCache
from refundry.interruption import pass_through
from refundry.limits import retry_after
from refundry.outcome import CredentialsRefused, NoAnswer, Outcome, PaymentState, Reading
from refundry.providers.credentials import (
    Credentials,
    IssuedToken,
    fixed_credentials,
    token_credentials,
    token_keys,
    wire_request,
)
from refundry.providers.replies import read_token
from refundry.providers.translation import TokenTranslation
from refundry.redaction import Secret
from refundry.refund import Operation
from refundry.wire import Evidence, SendFailure, Timeout, WireReply

if TYPE_CHECKING:
    from collections.abc import Callable

    from refundry.limits import Retry
    from refundry.observe import Observer
    from refundry.owner import Owner
    from refundry.providers.translation import GeneratedRequest, Translation
    from refundry.wire import Progress

Answer = WireReply | SendFailure
Secrets = tuple[Secret, ...]
Said = Reading | NoAnswer | PaymentState | IssuedToken
"""What a reply says: of a refund, or of what else was asked for."""
Result = TypeVar("Result")

_TOO_LATE: Final = SendFailure(Evidence.NOT_SENT, "the deadline of the call has passed")
# The call that fetches a token tells those that wait for it when it is broken off, unless that is prevented too.
_SECONDS_BETWEEN_LOOKS: Final = 0.5


@dataclass(slots=True)
class Conclusion(Generic[Result]):
    """What came of one request: the answer to it, what that says, and what is told of it."""

    answer: Answer
    reading: Any
    result: Result
    told: Result
    credentials_refused: bool = False


@dataclass(slots=True)
class Call(Generic[Result]):
    """One thing to get from a provider: what to ask for, and what to make of the answer.

    `read` says what a reply holds, `conclude` what that comes to; it takes every credential of the request out of what
    is kept of it. `again` decides by what was tried last, and by the one before it, whether to send once more. `begin`
    is told of each request just before it is handed to the transport.
    """

    owner: Owner
    translation: Translation
    operation: Operation
    reference: str
    request: GeneratedRequest
    read: Callable[[WireReply], Said]
    conclude: Callable[[Answer, Any, Secrets], Conclusion[Result]]
    again: Callable[[Conclusion[Result], Conclusion[Result] | None], bool]
    begin: Callable[[Progress], None] = lambda _: None


class Sending:
    """Sends tasks for the accounts of a client, and keeps their tokens."""

    def __init__(self, timeout: Timeout, retry: Retry, observer: Observer) -> None:
        self._timeout = timeout
        self._retry = retry
        self._observer = observer
        self._tokens: dict[str, TokenCache] = {}

    def send_with_retries(self, task: Call[Result], deadline: float, attempts: int) -> Flow[Conclusion[Result]]:
        """Send what is to be sent, and again where that is allowed and there is time for it."""
        translation = task.translation
        before: Conclusion[Result] | None = None
        number, renewed = 1, False
        fixed = fixed_credentials(translation.account)
        while True:
            access: Credentials | SendFailure | None = fixed
            if access is None:
                access = yield from self._token(task.owner, translation, task.reference, deadline)
            if isinstance(access, SendFailure):
                last = task.conclude(access, Reading(), ())
            else:
                last = yield from self.send_once(task, access, deadline)
                refused = last.credentials_refused and _is_unauthorised(last.answer)
                if fixed is None and refused and not renewed:
                    # Nothing was executed, and the token may only have expired: with a new one it is sent again.
                    renewed = True
                    self._tokens_of(translation).discard(access)
                    continue
            if number >= attempts or not task.again(last, before):
                return last
            wait = self._retry.wait(number, asked_to_wait(last.answer))
            if monotonic() + wait >= deadline:
                return last
            yield Sleep(wait)
            if not task.again(last, before):  # a machine may have slept meanwhile, longer than the provider remembers
                return last
            before, number = last, number + 1

    def send_once(self, task: Call[Result], access: Credentials, deadline: float) -> Flow[Conclusion[Result]]:
        """Send one attempt."""
        started = monotonic()
        left = deadline - started
        if left <= 0:
            return task.conclude(_TOO_LATE, Reading(), ())
        timeout = self._timeout if left >= self._timeout.total else replace(self._timeout, total=left)
        request = wire_request(task.request, task.translation.account, access)
        task.begin(request.progress)
        try:
            answer: Answer = yield Send(request, timeout)
        except GeneratorExit:
            # Nothing is decided here, for this may be prevented: what is broken off is known by the lack of an outcome.
            self._observer.broken_off(
                task.translation, task.reference, task.operation, request.progress.evidence, monotonic() - started
            )
            raise
        if isinstance(answer, SendFailure):
            answer = redacted(answer, access.secrets)
        reading = read_safely(task.read, answer) if isinstance(answer, WireReply) else Reading()
        tried = task.conclude(answer, reading, access.secrets)
        self._observer.attempt(
            task.translation, task.reference, task.operation, answer, monotonic() - started, tried.told
        )
        if tried.reading.deviations:
            self._observer.deviations(task.translation, task.operation, tried.reading.deviations)
        return tried

    def _token(
        self, owner: Owner, translation: Translation, reference: str, deadline: float
    ) -> Flow[Credentials | SendFailure]:
        """The access to use: the one that is kept, or a new one, fetched once for all that wait for it."""
        assert isinstance(translation, TokenTranslation)
        tokens = self._tokens_of(translation)
        while (left := deadline - monotonic()) > 0:
            found = tokens.take(owner)
            if not isinstance(found, Fetch):
                return found
            if found.owner is owner:
                task = _token_task(translation, reference, tokens, found, deadline)
                try:
                    return (yield from self.send_once(task, token_credentials(translation.account), deadline)).result
                except BaseException:
                    tokens.give(found, None)
                    raise
            got: Credentials | SendFailure | None = yield WaitFor(found.future, min(left, _SECONDS_BETWEEN_LOOKS))
            if got is not None:
                return got
        return _TOO_LATE

    def _tokens_of(self, translation: Translation) -> TokenCache:
        return self._tokens.setdefault(translation.account.name, TokenCache())


def read_safely(read: Callable[[WireReply], Said], reply: WireReply) -> Said:
    """What a reply says. A fault in reading it must not hide that the money may have moved."""
    try:
        return read(reply)
    except Exception as error:  # noqa: BLE001 (see above)
        pass_through(error)
        return Reading(why=f"reading the reply failed with {type(error).__name__}")


def asked_to_wait(answer: Answer) -> float | None:
    """For how many seconds the answer asks not to be sent to, or None."""
    return answer.retry_after if isinstance(answer, SendFailure) else retry_after(answer)


def is_temporary(reply: WireReply) -> bool:
    """Whether another request may get another answer soon."""
    return reply.status in (408, 429) or reply.status >= 500 or not reply.complete


def _token_task(
    translation: TokenTranslation, reference: str, tokens: TokenCache, fetch: Fetch, deadline: float
) -> Call[Credentials | SendFailure]:
    """The task of a fetch. It ends the fetch with its answer, before any hook is told and may need a token itself.

    What is told of it is how it went, its result what to go on with: an older token, where a renewal failed.
    """

    def conclude(
        answer: Answer, reading: IssuedToken | NoAnswer, secrets: Secrets
    ) -> Conclusion[Credentials | SendFailure]:
        came: IssuedToken | SendFailure
        if isinstance(answer, SendFailure):
            came = replace(answer, evidence=Evidence.NOT_SENT, detail=f"no access token: {answer.detail}")
        else:
            came = reading if isinstance(reading, IssuedToken) else _no_token(translation, answer, reading, secrets)
        # What had no more time here is not the end for those that wait for it.
        own = isinstance(came, SendFailure) and monotonic() >= deadline
        got = tokens.give(fetch, None if own else came)
        told = came.credentials if isinstance(came, IssuedToken) else came
        return Conclusion(answer, reading, got if got is not None else told, told)

    return Call(
        fetch.owner,
        translation,
        Operation.TOKEN,
        reference,
        translation.token_request(token_keys(translation.account)),
        lambda reply: read_token(translation, reply),
        conclude,
        lambda *_: False,
    )


def _no_token(translation: TokenTranslation, answer: WireReply, reading: NoAnswer, secrets: Secrets) -> SendFailure:
    """Why a reply gives no token. One that says the keys are wrong is told with the reply."""
    if answer.status not in translation.KEYS_REFUSED:
        return SendFailure(
            Evidence.NOT_SENT,
            f"no access token: {reading.why} (HTTP {answer.status})",
            permanent=not is_temporary(answer) and answer.status >= 400,
            retry_after=asked_to_wait(answer),
        )
    return CredentialsRefused(
        Evidence.NOT_SENT,
        f"no access token: the keys were refused (HTTP {answer.status})",
        permanent=True,
        retry_after=asked_to_wait(answer),
        reply=redacted(answer, secrets),
        code=redacted(reading.code, secrets),
        message=redacted(reading.message, secrets),
    )


def refuses_credentials(reading: Reading) -> bool:
    """Whether a reply says of a refund that the credentials were refused."""
    return reading.outcome is Outcome.AUTHENTICATION_FAILED


def _is_unauthorised(answer: Answer) -> bool:
    return isinstance(answer, WireReply) and answer.status == 401
