"""Shared by the tests of access tokens: accounts with keys, and a provider that issues tokens."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from refundry import (
    Account,
    Attempt,
    AuthenticationFailed,
    Evidence,
    NotSent,
    Operation,
    Refund,
    RefundError,
    RefundStatus,
    Retry,
    SendFailure,
    Timeout,
    WireReply,
    WireRequest,
)
from tests.facade.support import (
    NO_STATE,
    Answer,
    Caller,
    Kind,
    Scripted,
    accepted,
    caller,
    reply,
)
from tests.providers import RECORDS, WITH_TOKENS, tokens_of

AT_NOON: Final = (("date", "Thu, 01 Jan 2026 12:00:00 GMT"),)
HOUR: Final = 3600.0
UNAUTHORISED: Final = reply(401, {"success": False, "message": "Unauthorized"})
UNREACHABLE: Final = SendFailure(Evidence.NOT_SENT, "the connection was refused")
LOST: Final = SendFailure(Evidence.MAYBE_SENT, "timed out")
THREE_TIMES: Final = Retry(attempts=3, first_wait=0.001)

TOKEN_PATHS: Final = [tokens_of(provider).path for provider in WITH_TOKENS]

Given = Answer | BaseException | Callable[[WireRequest], Answer]


class SplitTransport:
    """A transport of both kinds in two parts: one that issues tokens, and one for everything else."""

    def __init__(self, tokens: Scripted, rest: Scripted) -> None:
        self._tokens = tokens
        self._rest = rest

    def send(self, request: WireRequest, timeout: Timeout) -> Answer:
        """Pass the request to its part."""
        part = self._tokens if request.target in TOKEN_PATHS else self._rest
        return part.send(request, timeout)

    async def asend(self, request: WireRequest, timeout: Timeout) -> Answer:
        """Do the same as `send`."""
        return self.send(request, timeout)

    def close(self) -> None:
        """Stay open: no client owns it."""

    async def aclose(self) -> None:
        """Stay open: no client owns it."""


class Answering(Scripted):
    """A transport that answers each request by a function, lookups too."""

    def __init__(self, answer: Callable[[WireRequest], Answer]) -> None:
        super().__init__(answer)
        self._answer = answer

    def send(self, request: WireRequest, timeout: Timeout) -> Answer:
        """Record the request and answer it."""
        (self.lookups if request.method == "GET" else self.sent).append(request)
        return self._answer(request)


@dataclass
class Shop:
    """A client of one account with keys, its requests for tokens, its other requests, and its attempts."""

    client: Caller
    tokens: Scripted
    rest: Scripted
    attempts: list[Attempt]

    @property
    def bearers(self) -> list[str]:
        """The token of each request, except the requests for tokens."""
        return [bearer(request) for request in (*self.rest.sent, *self.rest.lookups)]

    @property
    def reported(self) -> list[tuple[Operation, int | None, str]]:
        """The operation, the status and the outcome of each attempt."""
        return [(attempt.operation, attempt.status, attempt.outcome) for attempt in self.attempts]


@contextmanager
def shop(
    kind: Kind,
    provider: str,
    *tokens: Given,
    answers: Sequence[Given] = (),
    state: Answer = NO_STATE,
    keys: dict[str, Any] | None = None,
    **options: Any,
) -> Iterator[Shop]:
    """Yield a shop with these answers to its requests. By default each token is new, and each refund is accepted."""
    numbered = [issued(provider, f"test-token-{number}") for number in range(1, 10)]
    at, rest = Scripted(*(tokens or numbered)), Scripted(*(answers or [accepted(provider)]), state=state)
    attempts: list[Attempt] = []
    made = keyed(provider, transport=SplitTransport(at, rest), **(keys or {}))
    with caller(kind, made, **{"on_attempt": attempts.append, **options}) as client:
        yield Shop(client, at, rest, attempts)


def keyed(provider: str, **options: Any) -> Account:
    """Return an account that fetches its tokens, with fake keys."""
    return RECORDS[provider].keyed_account(**options)


def issued(provider: str, token: str = "test-token-1", seconds: float = 1800) -> WireReply:
    """Return a reply that issues a token for so many seconds, in the form that the provider documents."""
    return tokens_of(provider).issued(token, seconds)


def done(provider: str) -> WireReply:
    """Return the state of a refund that is done."""
    states = RECORDS[provider].states
    return states.reply(states.done)


def bearer(request: WireRequest) -> str:
    """Return the token that a request came with."""
    return dict(request.credentials)["Authorization"].reveal().removeprefix("Bearer ")


def called(client: Caller, name: str, *arguments: Any, **named: Any) -> Any:
    """Call a method of the client itself, of either kind."""
    result = getattr(client.client, name)(*arguments, **named)
    return client.run(result) if inspect.iscoroutine(result) else result


def pending(provider: str) -> Refund:
    """Return a refund that can be looked up."""
    return Refund(provider, "reference-1", RefundStatus.PENDING, refund_id="refund-1")


def tokenless(value: str) -> Callable[[str], WireReply]:
    """Return a function that makes a reply whose access_token is this JSON."""
    return lambda provider: reply(tokens_of(provider).status, f'{{"access_token": {value}}}'.encode())


def always(given: Given) -> Callable[[str], Given]:
    return lambda _: given


FAILURES: Final[dict[str, Callable[[str], Given]]] = {
    "no connection": always(UNREACHABLE),
    "no reply": always(LOST),
    "a transport that raises": always(RuntimeError("test-secret")),
    "500": always(reply(500)),
    "502 with a page": always(reply(502, b"<html>Bad gateway</html>")),
    "503": always(reply(503, {"message": "soon"})),
    "520": always(reply(520)),
    "429": always(reply(429)),
    "408": always(reply(408)),
}
PERMANENT_FAILURES: Final[dict[str, Callable[[str], Given]]] = {
    "a certificate that is not trusted": always(SendFailure(Evidence.NOT_SENT, "not trusted", permanent=True)),
    **{f"{status}": always(reply(status, {"message": "no"})) for status in (400, 401, 403, 404, 409, 422)},
    **{f"{status} with a page": always(reply(status, b"<html>no</html>")) for status in (400, 401, 403, 404)},
    "401 without a body": always(reply(401)),
    "401 with a token": always(reply(401, {"access_token": "test-token-1"})),
}
TOKENLESS: Final[dict[str, Callable[[str], Given]]] = {
    "a page": always(reply(200, b"<!DOCTYPE html><html></html>")),
    "nothing": always(reply(200)),
    "half": always(WireReply(200, (), b'{"access_token": "test-tok', complete=False)),
    "a whole that was cut": lambda provider: WireReply(
        tokens_of(provider).status, (), b'{"access_token": "test-token-1"}', complete=False
    ),
    "an array": always(reply(200, b'["test-token-1"]')),
    "a text": always(reply(200, b'"test-token-1"')),
    "no token": lambda provider: reply(tokens_of(provider).status, {"expires_in": "1800"}),
    "a redirect": always(reply(302, b"", (("location", "/login"),))),
    "204": always(reply(204)),
    **{
        f"the token {value}": tokenless(value)
        for value in (
            "null",
            '""',
            "7",
            "true",
            '["test-token-1"]',
            '{"value": "test-token-1"}',
            '"test-token\\nX-Other: 1"',
            '"test token"',
            '" test-token-1"',
            '"test-tokén"',
            '"test-token\\u0000"',
        )
    },
    "a token without an end": tokenless(f'"{"t" * 5000}"'),
}
FAILED: Final = {**FAILURES, **PERMANENT_FAILURES, **TOKENLESS}


def failure_for_caller(provider: str, failure: str) -> type[RefundError]:
    """Return the class of the exception of a refund whose token cannot be fetched."""
    given = FAILED[failure](provider)
    wrong_keys = isinstance(given, WireReply) and given.status in tokens_of(provider).keys_refused
    return AuthenticationFailed if wrong_keys else NotSent
