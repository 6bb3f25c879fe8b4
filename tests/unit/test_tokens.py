"""Access tokens: fetched with the keys of an account, used by all of its calls, renewed in time, and never shown."""

import asyncio
import inspect
import json
import logging
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

import pytest

from refundry import (
    Account,
    AsyncRefundClient,
    Attempt,
    AuthenticationFailed,
    Blink,
    ContractDeviation,
    Evidence,
    InvalidRefund,
    Lab4Pay,
    LookupFailed,
    NotSent,
    Operation,
    OutcomeUnknown,
    Refund,
    RefundClient,
    RefundStatus,
    Resend,
    Retry,
    SendFailure,
    Timeout,
    WireReply,
    WireRequest,
)
from tests.unit.canary import everything, forms, shown, watched
from tests.unit.support import (
    KINDS,
    NO_STATE,
    ONCE,
    ONE_EURO,
    PAYMENT,
    Answer,
    Caller,
    Kind,
    Scripted,
    accepted,
    account,
    caller,
    reply,
)

KEYED: Final = ("lab4pay", "blink")
KEYS: Final[dict[str, dict[str, str]]] = {
    "lab4pay": {"client_id": "test-client-id", "client_secret": "test-client-secret"},
    "blink": {"api_key": "test-api-key", "secret_key": "test-secret-key"},
}
TOKEN_PATHS: Final = {"lab4pay": "/v1/auth/token/", "blink": "/api/pay/v1/tokens"}
GRANTED: Final = {"lab4pay": 200, "blink": 201}
REFUND: Final = {"lab4pay": Operation.REFUND_UNREFERENCED, "blink": Operation.REFUND}
DONE: Final = {"lab4pay": reply(200, {"status": "SUCCESS"}), "blink": reply(200, {"data": {"status": "completed"}})}
NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
AT_NOON: Final = (("date", "Thu, 01 Jan 2026 12:00:00 GMT"),)
HOUR: Final = 3600.0
UNAUTHORISED: Final = reply(401, {"success": False, "message": "Unauthorized"})
UNREACHABLE: Final = SendFailure(Evidence.NOT_SENT, "the connection was refused")
LOST: Final = SendFailure(Evidence.MAYBE_SENT, "timed out")
THREE_TIMES: Final = Retry(attempts=3, first_wait=0.001)

Given = Answer | BaseException | Callable[[WireRequest], Answer]

both_kinds = pytest.mark.parametrize("kind", KINDS)
with_keys = pytest.mark.parametrize("provider", KEYED)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A clock of the tokens that goes on only when it is told to."""
    now = [1000.0]
    monkeypatch.setattr("refundry.tokens.monotonic", lambda: now[0])

    def later(seconds: float) -> None:
        now[0] += seconds

    return later


class Parted:
    """A transport of both kinds in two parts: one that gives tokens, and one for everything else."""

    def __init__(self, tokens: Scripted, rest: Scripted) -> None:
        self._tokens = tokens
        self._rest = rest

    def send(self, request: WireRequest, timeout: Timeout) -> Answer:
        """Let the part answer that it is for."""
        part = self._tokens if request.target in TOKEN_PATHS.values() else self._rest
        return part.send(request, timeout)

    async def asend(self, request: WireRequest, timeout: Timeout) -> Answer:
        """As send."""
        return self.send(request, timeout)

    def close(self) -> None:
        """Keep open: it is nobody's own."""

    async def aclose(self) -> None:
        """Keep open: it is nobody's own."""


class Asked(Scripted):
    """Answers a question by what it is, and a POST as a question."""

    def __init__(self, answer: Callable[[WireRequest], Answer]) -> None:
        super().__init__(answer)
        self._answer = answer

    def send(self, request: WireRequest, timeout: Timeout) -> Answer:
        """Record the request and answer it."""
        (self.asked if request.method == "GET" else self.sent).append(request)
        return self._answer(request)


@dataclass
class Shop:
    """A client of one account with keys; what it asked for tokens and for the rest; and all that it attempted."""

    client: Caller
    tokens: Scripted
    rest: Scripted
    attempts: list[Attempt]

    @property
    def bearers(self) -> list[str]:
        """With which token each request but those for tokens came."""
        return [bearer(request) for request in (*self.rest.sent, *self.rest.asked)]

    @property
    def told(self) -> list[tuple[Operation, int | None, str]]:
        """Of each attempt, what it was for, its status and its outcome."""
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
    """Open a shop where tokens and refunds are answered so; by tokens of ever new names and by success without."""
    numbered = [granted(provider, f"test-token-{number}") for number in range(1, 10)]
    at, rest = Scripted(*(tokens or numbered)), Scripted(*(answers or [accepted(provider)]), state=state)
    attempts: list[Attempt] = []
    made = keyed(provider, transport=Parted(at, rest), **(keys or {}))
    with caller(kind, made, **{"on_attempt": attempts.append, **options}) as client:
        yield Shop(client, at, rest, attempts)


def keyed(provider: str, **options: Any) -> Account:
    """Return an account that fetches its tokens, with fake keys."""
    return account(provider, access_token=None, **{**KEYS[provider], **options})


def granted(provider: str, token: str = "test-token-1", seconds: float = 1800) -> WireReply:
    """Return a reply that gives a token for so many seconds, in the form that the provider documents."""
    told: dict[str, object] = {"access_token": token}
    if provider == "lab4pay":
        return reply(200, {**told, "expires_in": f"{seconds:g}", "token_type": "Bearer", "scope": "default"})
    expires = (NOON + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return reply(201, {**told, "expired_on": expires, "currency": "GBP"}, AT_NOON)


def bearer(request: WireRequest) -> str:
    """Return the token that a request came with."""
    return dict(request.credentials)["Authorization"].reveal().removeprefix("Bearer ")


def called(client: Caller, name: str, *arguments: Any, **named: Any) -> Any:
    """Call a method of the client itself, of either kind."""
    result = getattr(client.client, name)(*arguments, **named)
    return client.run(result) if inspect.iscoroutine(result) else result


def pending(provider: str) -> Refund:
    """Return a refund that can be asked about."""
    return Refund(provider, "reference-1", RefundStatus.PENDING, refund_id="refund-1")


# One token for all calls.


@both_kinds
@with_keys
def test_the_first_call_fetches_a_token_and_later_ones_use_it(kind: Kind, provider: str) -> None:
    with shop(kind, provider) as it:
        for number in range(4):
            it.client.ask(provider, reference=f"r-{number}")
    assert len(it.tokens.sent) == 1
    assert it.bearers == ["test-token-1"] * 4
    token = (Operation.TOKEN, GRANTED[provider], "OK")
    refund = (REFUND[provider], 200, it.attempts[-1].outcome)
    assert it.told == [token, refund, refund, refund, refund]
    assert [attempt.reference for attempt in it.attempts] == ["r-0", "r-0", "r-1", "r-2", "r-3"]


@both_kinds
def test_nothing_is_fetched_before_it_is_needed(kind: Kind) -> None:
    with shop(kind, "blink") as it:
        with pytest.raises(InvalidRefund):
            it.client.ask("blink", reference="")
        assert it.tokens.sent == []


@with_keys
def test_a_token_is_asked_for_with_the_keys_alone_and_they_do_not_show(provider: str) -> None:
    with shop("sync", provider) as it:
        it.client.ask(provider)
    (request,) = it.tokens.sent
    grant = {"grant_type": "client_credentials"} if provider == "lab4pay" else {}
    assert (request.method, request.target) == ("POST", TOKEN_PATHS[provider])
    assert json.loads(request.body) == {**grant, **KEYS[provider]}
    assert request.redacted_headers == (("Content-Type", "application/json"), ("Accept", "application/json"))
    assert not any(key in shown(request) + f"{request.body!s}" for key in KEYS[provider].values())


@both_kinds
def test_one_token_serves_every_operation_of_lab4pay(kind: Kind) -> None:
    answers = [accepted("lab4pay"), reply(200, {"transaction_id": "refund-2"}), reply(200)]
    with shop(kind, "lab4pay", answers=answers, state=DONE["lab4pay"]) as it:
        refund = it.client.refund_unreferenced("lab4pay", amount=ONE_EURO, reference="r-1")
        it.client.refund("lab4pay", payment_id=PAYMENT, amount=ONE_EURO, reference="r-2")
        assert called(it.client, "cancel", refund).status is RefundStatus.SUCCEEDED
        assert called(it.client, "lookup", refund).status is RefundStatus.SUCCEEDED
        assert called(it.client, "wait", refund).status is RefundStatus.SUCCEEDED
    assert len(it.tokens.sent) == 1
    assert (len(it.rest.sent), len(it.rest.asked)) == (3, 3)
    assert it.bearers == ["test-token-1"] * 6


@both_kinds
def test_one_token_serves_every_operation_of_blink(kind: Kind) -> None:
    with shop(kind, "blink", state=DONE["blink"]) as it:
        it.client.ask("blink")
        assert called(it.client, "lookup", pending("blink")).status is RefundStatus.SUCCEEDED
        assert called(it.client, "wait", pending("blink")).status is RefundStatus.SUCCEEDED
        event = called(it.client, "webhook", "blink", headers={}, body=b'{"transaction_id":"refund-1"}')
        assert called(it.client, "confirm", event).authentic
    assert len(it.tokens.sent) == 1
    assert it.bearers == ["test-token-1"] * 4


@both_kinds
@with_keys
def test_a_question_fetches_the_token_where_it_comes_first(kind: Kind, provider: str) -> None:
    with shop(kind, provider, state=DONE[provider]) as it:
        assert called(it.client, "lookup", pending(provider)).status is RefundStatus.SUCCEEDED
        it.client.ask(provider, reference="r-2")
    assert [attempt.operation for attempt in it.attempts] == [Operation.TOKEN, Operation.LOOKUP, REFUND[provider]]


@both_kinds
@with_keys
def test_two_accounts_have_tokens_of_their_own(kind: Kind, provider: str) -> None:
    tokens = [Scripted(granted(provider, f"test-token-of-shop-{number}")) for number in (1, 2)]
    rest = Scripted(accepted(provider))
    shops = [
        keyed(provider, name=f"shop-{number}", transport=Parted(at, rest)) for number, at in enumerate(tokens, start=1)
    ]
    amount: dict[str, Any] = {"amount": ONE_EURO, "reference": "r-1"}
    with caller(kind, *shops) as client:
        for name in ("shop-1", "shop-2"):
            client.refund(name, payment_id=PAYMENT, **amount)
    assert [len(at.sent) for at in tokens] == [1, 1]
    assert [bearer(request) for request in rest.sent] == ["test-token-of-shop-1", "test-token-of-shop-2"]


@with_keys
def test_two_clients_have_tokens_of_their_own(provider: str) -> None:
    at = Scripted(granted(provider, "test-token-1"), granted(provider, "test-token-2"))
    rest = Scripted(NO_STATE, state=DONE[provider])
    for _ in range(2):
        with caller("sync", keyed(provider, transport=Parted(at, rest))) as client:
            called(client, "lookup", pending(provider))
    assert [bearer(request) for request in rest.asked] == ["test-token-1", "test-token-2"]


@both_kinds
@with_keys
def test_a_refund_that_is_replayed_needs_no_token(kind: Kind, provider: str, clock: Callable[[float], None]) -> None:
    with shop(kind, provider) as it:
        it.client.ask(provider)
        clock(2 * HOUR)
        assert it.client.ask(provider).replayed
    assert len(it.tokens.sent) == 1


# How long it is used.


@both_kinds
@with_keys
@pytest.mark.parametrize("seconds", [1.0, 10.0, 300.0, 1800.0, 3600.0])
def test_a_token_is_renewed_before_it_expires_by_time_alone(
    kind: Kind, provider: str, seconds: float, clock: Callable[[float], None]
) -> None:
    with shop(kind, provider, granted(provider, "test-token-1", seconds), granted(provider, "test-token-2")) as it:
        for number, later in enumerate((seconds / 2, seconds / 2 - 0.01, 0)):
            it.client.ask(provider, reference=f"r-{number}")
            clock(later)
    assert it.bearers == ["test-token-1", "test-token-1", "test-token-2"]
    assert {attempt.status for attempt in it.attempts} == {200, GRANTED[provider]}
    assert len(it.attempts) == 5


@both_kinds
@with_keys
@pytest.mark.parametrize("seconds", [7200, 86_400, 1_800_000])
def test_a_token_is_kept_an_hour_at_the_most(
    kind: Kind, provider: str, seconds: float, clock: Callable[[float], None]
) -> None:
    with shop(kind, provider, granted(provider, "test-token-1", seconds), granted(provider, "test-token-2")) as it:
        for number, later in enumerate((HOUR / 2, HOUR / 2, 0)):
            it.client.ask(provider, reference=f"r-{number}")
            clock(later)
    assert it.bearers == ["test-token-1", "test-token-1", "test-token-2"]


@with_keys
def test_the_life_of_a_token_does_not_begin_later_because_its_reply_was_slow(
    provider: str, clock: Callable[[float], None]
) -> None:
    def slow(_: WireRequest) -> WireReply:
        clock(30)
        return granted(provider, "test-token-1", 100)

    with shop("sync", provider, slow, granted(provider, "test-token-2")) as it:
        it.client.ask(provider, reference="r-1")
        clock(75)
        it.client.ask(provider, reference="r-2")
    assert it.bearers == ["test-token-1", "test-token-2"]


@both_kinds
@with_keys
@pytest.mark.parametrize("failure", [UNREACHABLE, LOST, reply(400), reply(429), reply(500), RuntimeError()], ids=repr)
def test_a_renewal_that_fails_leaves_the_old_token_in_use_while_it_is_good(
    kind: Kind, provider: str, failure: Given, clock: Callable[[float], None]
) -> None:
    with shop(kind, provider, granted(provider, seconds=100), failure) as it:
        it.client.ask(provider, reference="r-1")
        clock(99)
        it.client.ask(provider, reference="r-2")
        clock(2)
        with pytest.raises(NotSent):
            it.client.ask(provider, reference="r-3")
    assert it.bearers == ["test-token-1"] * 2
    assert len(it.tokens.sent) == 3


@both_kinds
@with_keys
def test_a_renewal_that_failed_is_tried_again(kind: Kind, provider: str, clock: Callable[[float], None]) -> None:
    tokens = granted(provider, "test-token-1", 100), UNREACHABLE, granted(provider, "test-token-2")
    with shop(kind, provider, *tokens) as it:
        it.client.ask(provider, reference="r-1")
        clock(99)
        it.client.ask(provider, reference="r-2")
        clock(100)
        it.client.ask(provider, reference="r-3")
    assert it.bearers == ["test-token-1", "test-token-1", "test-token-2"]


@both_kinds
@with_keys
@pytest.mark.parametrize(("failure", "pause"), [(UNREACHABLE, 5), (reply(429, b"", (("retry-after", "8"),)), 8)])
def test_a_renewal_that_failed_is_not_tried_again_by_each_of_the_next_calls(
    kind: Kind, provider: str, failure: Answer, pause: float, clock: Callable[[float], None]
) -> None:
    with shop(kind, provider, granted(provider, seconds=1000), failure, retry=ONCE) as it:
        it.client.ask(provider, reference="r-1")
        clock(945)
        for number in range(3):
            it.client.ask(provider, reference=f"r-2/{number}")
        assert len(it.tokens.sent) == 2
        clock(pause)
        it.client.ask(provider, reference="r-3")
    assert len(it.tokens.sent) == 3
    assert [attempt.outcome for attempt in it.attempts if attempt.operation is Operation.TOKEN] == [
        "OK",
        "NotSent",
        "NotSent",
    ]


@with_keys
def test_a_hook_that_is_told_of_a_token_may_refund_with_it(provider: str) -> None:
    made: list[RefundStatus] = []

    def refund_too(attempt: Attempt) -> None:
        if attempt.operation is Operation.TOKEN:
            made.append(it.client.ask(provider, reference="r-2").status)

    with shop("sync", provider, on_attempt=refund_too, retry=Retry(deadline=5)) as it:
        it.client.ask(provider, reference="r-1")
    assert len(made) == len(it.tokens.sent) == 1
    assert it.bearers == ["test-token-1"] * 2


# What a reply says about the life of its token, read as far as it can be.


def deviation(provider: str, pointer: str) -> tuple[str, Operation, str, str]:
    contract = files(f"refundry_{provider}").joinpath("contract.json").read_bytes()
    return provider, Operation.TOKEN, pointer, sha256(contract).hexdigest()


def assert_told(deviations: list[ContractDeviation], *expected: tuple[str, Operation, str, str]) -> None:
    assert [(one.provider, one.operation, one.pointer, one.contract) for one in deviations] == [*expected]
    assert all(one.rule and "test-" not in one.rule for one in deviations)


def expiring(value: str | None, token: str = "test-token-1") -> WireReply:
    """Return a reply of Lab4Pay whose expires_in is this JSON, or is left out."""
    rest = "" if value is None else f', "expires_in": {value}'
    return reply(200, f'{{"access_token": "{token}"{rest}}}'.encode())


@both_kinds
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ('"100"', 100),
        ("100", 100),
        ("100.5", 100.5),
        ('"100.5"', 100.5),
        ('" 3600 "', HOUR),
        ('"1e3"', 1000),
        ("1E+3", 1000),
        ('"inf"', HOUR),
        ("1e400", HOUR),
        ("9" * 30, HOUR),
        (f'"{"9" * 5000}"', HOUR),
    ],
)
def test_a_life_that_lab4pay_writes_oddly_is_read_as_it_is_meant(
    kind: Kind, value: str, seconds: float, clock: Callable[[float], None]
) -> None:
    with shop(kind, "lab4pay", expiring(value), granted("lab4pay", "test-token-2")) as it:
        for number, later in enumerate((seconds / 2, seconds / 2 - 0.01, 0)):
            it.client.ask("lab4pay", reference=f"r-{number}")
            clock(later)
    assert it.bearers == ["test-token-1", "test-token-1", "test-token-2"]
    assert it.client.deviations == []


@both_kinds
@pytest.mark.parametrize("value", ['"0"', "0", "-0.0", '"-5"', "-5", "-1e400"])
def test_a_token_that_is_good_for_no_time_is_used_for_one_call(kind: Kind, value: str) -> None:
    with shop(kind, "lab4pay", expiring(value), expiring(value, "test-token-2")) as it:
        for number in range(2):
            it.client.ask("lab4pay", reference=f"r-{number}")
    assert it.bearers == ["test-token-1", "test-token-2"]


@both_kinds
@pytest.mark.parametrize(
    "value", [None, "null", "true", "false", '""', '"3600s"', '"NaN"', '"soon"', "[]", "{}", "[3600]", "9" * 400]
)
def test_a_life_that_cannot_be_read_at_lab4pay_is_told_and_the_token_used_for_a_while(
    kind: Kind, value: str | None, clock: Callable[[float], None]
) -> None:
    with shop(kind, "lab4pay", expiring(value), granted("lab4pay", "test-token-2")) as it:
        for number, later in enumerate((0, HOUR, 0)):
            it.client.ask("lab4pay", reference=f"r-{number}")
            clock(later)
    assert it.bearers == ["test-token-1", "test-token-1", "test-token-2"]
    assert_told(it.client.deviations, deviation("lab4pay", "/expires_in"))


def ending(expired_on: object, headers: tuple[tuple[str, str], ...] = AT_NOON) -> WireReply:
    """Return a reply of Blink whose token ends at this time, which is left out where it is an Ellipsis."""
    told = {} if expired_on is ... else {"expired_on": expired_on}
    return reply(201, {"access_token": "test-token-1", **told}, headers)


@both_kinds
@pytest.mark.parametrize(
    ("expired_on", "seconds"),
    [
        ("2026-01-01T12:30:00Z", 1800),
        ("2026-01-01T12:30:00.000000Z", 1800),
        ("2026-01-01T13:30:00+01:00", 1800),
        ("2026-01-01 12:30:00+00:00", 1800),
        ("20260101T123000Z", 1800),
        ("2026-01-01T12:00:10Z", 10),
        ("9999-12-31T23:59:59-23:59", HOUR),
    ],
)
def test_the_end_of_a_token_of_blink_counts_from_the_date_of_its_reply(
    kind: Kind, expired_on: str, seconds: float, clock: Callable[[float], None]
) -> None:
    with shop(kind, "blink", ending(expired_on), granted("blink", "test-token-2")) as it:
        for number, later in enumerate((seconds / 2, seconds / 2 - 0.01, 0)):
            it.client.ask("blink", reference=f"r-{number}")
            clock(later)
    assert it.bearers == ["test-token-1", "test-token-1", "test-token-2"]
    assert it.client.deviations == []


@both_kinds
@pytest.mark.parametrize("expired_on", ["2026-01-01T12:00:00Z", "2025-12-31T00:00:00Z", "0001-01-01T00:00:00+23:59"])
def test_a_token_of_blink_that_has_ended_is_used_for_one_call(kind: Kind, expired_on: str) -> None:
    with shop(kind, "blink", ending(expired_on), granted("blink", "test-token-2")) as it:
        for number in range(2):
            it.client.ask("blink", reference=f"r-{number}")
    assert it.bearers == ["test-token-1", "test-token-2"]


@both_kinds
@pytest.mark.parametrize(
    "expired_on",
    [
        ...,
        None,
        True,
        1800,
        1767270600,
        1e300,
        "",
        "soon",
        "1800",
        "Thu, 01 Jan 2026 12:30:00 GMT",
        "2026-13-01T12:30:00Z",
        "2026-01-01T12:30:00",
        "2026-01-01",
        [],
        {},
    ],
    ids=repr,
)
def test_an_end_that_cannot_be_read_at_blink_is_told_and_the_token_used_for_a_while(
    kind: Kind, expired_on: object, clock: Callable[[float], None]
) -> None:
    with shop(kind, "blink", ending(expired_on), granted("blink", "test-token-2")) as it:
        for number, later in enumerate((0, HOUR, 0)):
            it.client.ask("blink", reference=f"r-{number}")
            clock(later)
    assert it.bearers == ["test-token-1", "test-token-1", "test-token-2"]
    assert_told(it.client.deviations, deviation("blink", "/expired_on"))


@both_kinds
@pytest.mark.parametrize("date", ["", "soon", "Thu, 99 Jan 2026 12:00:00 GMT", "2026-01-01T12:00:00Z", None])
def test_without_a_date_of_its_reply_a_token_of_blink_is_used_for_a_while(
    kind: Kind, date: str | None, clock: Callable[[float], None]
) -> None:
    headers = () if date is None else (("date", date),)
    with shop(kind, "blink", ending("2026-01-01T12:30:00Z", headers), granted("blink", "test-token-2")) as it:
        for number, later in enumerate((0, HOUR, 0)):
            it.client.ask("blink", reference=f"r-{number}")
            clock(later)
    assert it.bearers == ["test-token-1", "test-token-1", "test-token-2"]


# A fetch that fails.


def tokenless(value: str) -> Callable[[str], WireReply]:
    """Return what makes a reply whose access_token is this JSON."""
    return lambda provider: reply(GRANTED[provider], f'{{"access_token": {value}}}'.encode())


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
LASTING_FAILURES: Final[dict[str, Callable[[str], Given]]] = {
    "a certificate that is not trusted": always(SendFailure(Evidence.NOT_SENT, "not trusted", lasting=True)),
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
        GRANTED[provider], (), b'{"access_token": "test-token-1"}', complete=False
    ),
    "an array": always(reply(200, b'["test-token-1"]')),
    "a text": always(reply(200, b'"test-token-1"')),
    "no token": lambda provider: reply(GRANTED[provider], {"expires_in": "1800"}),
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
FAILED: Final = {**FAILURES, **LASTING_FAILURES, **TOKENLESS}


@both_kinds
@with_keys
@pytest.mark.parametrize("failure", FAILED)
def test_a_refund_whose_token_cannot_be_had_is_not_sent_and_may_be_asked_for_again(
    kind: Kind, provider: str, failure: str
) -> None:
    with shop(kind, provider, FAILED[failure](provider), granted(provider)) as it:
        with pytest.raises(NotSent) as error:
            it.client.ask(provider)
        assert it.rest.sent == []
        assert not it.client.ask(provider).replayed
    assert (type(error.value), error.value.resend) == (NotSent, Resend.SAFE)
    assert (error.value.provider, error.value.reference) == (provider, "reference-1")
    assert error.value.__cause__ is error.value.__context__ is None
    assert [attempt.operation for attempt in it.attempts] == [Operation.TOKEN, Operation.TOKEN, REFUND[provider]]
    assert it.attempts[0].outcome == "NotSent"
    assert it.bearers == ["test-token-1"]


@with_keys
@pytest.mark.parametrize("failure", FAILED)
def test_a_failure_to_get_a_token_says_what_it_was(provider: str, failure: str) -> None:
    with (
        shop("sync", provider, FAILED[failure](provider)) as it,
        pytest.raises(NotSent, match=": no access token: ") as error,
    ):
        it.client.ask(provider)
    reason = str(error.value).partition(": no access token: ")[2]
    assert reason.partition("(HTTP")[0].strip()
    assert it.attempts[0].status is None or f"(HTTP {it.attempts[0].status})" in reason


@both_kinds
@with_keys
@pytest.mark.parametrize("failure", FAILURES)
def test_a_token_that_fails_for_now_is_asked_for_again(kind: Kind, provider: str, failure: str) -> None:
    given = FAILURES[failure](provider)
    with shop(kind, provider, given, given, granted(provider), retry=THREE_TIMES) as it:
        assert not it.client.ask(provider).replayed
    assert [attempt.operation for attempt in it.attempts] == [Operation.TOKEN] * 3 + [REFUND[provider]]
    assert len(it.rest.sent) == 1


@both_kinds
@with_keys
@pytest.mark.parametrize("failure", FAILURES)
def test_a_token_is_asked_for_as_often_as_the_retry_says(kind: Kind, provider: str, failure: str) -> None:
    with shop(kind, provider, FAILURES[failure](provider), retry=THREE_TIMES) as it, pytest.raises(NotSent) as error:
        it.client.ask(provider)
    assert error.value.resend is Resend.SAFE
    assert (len(it.tokens.sent), it.rest.sent) == (3, [])


@both_kinds
@with_keys
@pytest.mark.parametrize("failure", LASTING_FAILURES)
def test_a_token_that_is_refused_is_not_asked_for_again(kind: Kind, provider: str, failure: str) -> None:
    with (
        shop(kind, provider, LASTING_FAILURES[failure](provider), granted(provider), retry=THREE_TIMES) as it,
        pytest.raises(NotSent) as error,
    ):
        it.client.ask(provider)
    assert error.value.resend is Resend.SAFE
    assert (len(it.tokens.sent), it.rest.sent) == (1, [])


RETRY_AFTER: Final = {
    "seconds": (("retry-after", "7"),),
    "a date": (("retry-after", "Thu, 01 Jan 2026 12:00:07 GMT"), *AT_NOON),
}


@both_kinds
@with_keys
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", RETRY_AFTER)
def test_a_token_is_not_asked_for_again_before_the_time_that_the_provider_names(
    kind: Kind, provider: str, status: int, form: str, pauses: list[float]
) -> None:
    busy = reply(status, {"message": "too many"}, RETRY_AFTER[form])
    with shop(kind, provider, busy, granted(provider), retry=THREE_TIMES) as it:
        it.client.ask(provider)
    assert pauses == [7.0]
    assert len(it.tokens.sent) == 2


@both_kinds
@with_keys
def test_a_token_is_not_asked_for_again_where_the_time_that_is_named_is_past_the_deadline(
    kind: Kind, provider: str, pauses: list[float]
) -> None:
    busy = reply(429, {"message": "too many"}, (("retry-after", "3600"),))
    with shop(kind, provider, busy, granted(provider), retry=THREE_TIMES) as it, pytest.raises(NotSent):
        it.client.ask(provider)
    assert pauses == []
    assert (len(it.tokens.sent), it.rest.sent) == (1, [])


@both_kinds
@with_keys
@pytest.mark.parametrize(("failure", "temporary"), [("no connection", True), ("500", True), ("400", False)])
def test_a_question_whose_token_cannot_be_had_says_nothing_about_the_refund(
    kind: Kind, provider: str, failure: str, temporary: bool
) -> None:
    with (
        shop(kind, provider, FAILED[failure](provider), state=DONE[provider]) as it,
        pytest.raises(LookupFailed, match="no access token") as error,
    ):
        called(it.client, "lookup", pending(provider))
    assert (error.value.temporary, error.value.resend) == (temporary, Resend.NEVER)
    assert error.value.refund == pending(provider)
    assert it.rest.asked == []


@both_kinds
@with_keys
def test_a_fetch_that_is_broken_off_leaves_the_reference_free(kind: Kind, provider: str) -> None:
    with shop(kind, provider, asyncio.CancelledError(), granted(provider)) as it:
        with pytest.raises(asyncio.CancelledError):
            it.client.ask(provider)
        assert it.rest.sent == []
        assert not it.client.ask(provider).replayed
    assert len(it.tokens.sent) == 2


@both_kinds
@with_keys
def test_the_token_is_used_as_it_came_also_where_it_holds_a_key(kind: Kind, provider: str) -> None:
    token = f"{next(iter(KEYS[provider].values()))}:test-token"
    with shop(kind, provider, granted(provider, token)) as it:
        it.client.ask(provider)
    assert it.bearers == [token]


# A token that the provider refuses.


@both_kinds
@with_keys
@pytest.mark.parametrize("retry", [ONCE, THREE_TIMES], ids=["once", "three times"])
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"success": false, "message": "expired"}'])
def test_a_token_that_is_refused_is_renewed_once_and_the_refund_sent_again(
    kind: Kind, provider: str, retry: Retry, body: bytes
) -> None:
    with shop(kind, provider, answers=[reply(401, body), accepted(provider)], retry=retry) as it:
        refund = it.client.ask(provider)
        assert it.client.ask(provider, reference="r-2").refund_id == refund.refund_id
    token, refused = (Operation.TOKEN, GRANTED[provider], "OK"), (REFUND[provider], 401, "AuthenticationFailed")
    sent = (REFUND[provider], 200, refund.status.name)
    assert it.told == [token, refused, token, sent, sent]
    assert it.bearers == ["test-token-1", "test-token-2", "test-token-2"]
    first, second, _ = it.rest.sent
    assert (first.target, first.body) == (second.target, second.body)


@both_kinds
@with_keys
@pytest.mark.parametrize("retry", [ONCE, THREE_TIMES], ids=["once", "three times"])
def test_a_refund_that_is_refused_with_a_new_token_too_is_not_sent_a_third_time(
    kind: Kind, provider: str, retry: Retry
) -> None:
    with shop(kind, provider, answers=[UNAUTHORISED, UNAUTHORISED, accepted(provider)], retry=retry) as it:
        with pytest.raises(AuthenticationFailed) as error:
            it.client.ask(provider)
        assert (error.value.resend, error.value.http_status) == (Resend.SAFE, 401)
        assert (len(it.tokens.sent), len(it.rest.sent)) == (2, 2)
        assert not it.client.ask(provider).replayed
    assert len(it.rest.sent) == 3


@both_kinds
@pytest.mark.parametrize(
    "answer",
    [
        reply(401, {"success": True}),
        reply(401, {"status": "completed"}),
        reply(401, {"success": True, "message": "Unauthorized"}),
        WireReply(401, (), b'{"success": false', complete=False),
    ],
)
def test_a_refusal_of_the_token_that_does_not_prove_itself_is_unknown_and_not_sent_again(
    kind: Kind, answer: WireReply
) -> None:
    with shop(kind, "blink", answers=[answer, accepted("blink")], retry=THREE_TIMES) as it:
        for _ in range(2):
            with pytest.raises(OutcomeUnknown) as unknown:
                it.client.ask("blink")
            assert unknown.value.resend is Resend.NEVER
    assert (len(it.tokens.sent), len(it.rest.sent)) == (1, 1)


@both_kinds
def test_what_the_credentials_do_not_allow_is_not_tried_with_a_new_token(kind: Kind) -> None:
    forbidden = reply(403, {"success": False, "message": "Forbidden"})
    with shop(kind, "blink", answers=[forbidden, accepted("blink")]) as it, pytest.raises(AuthenticationFailed):
        it.client.ask("blink")
    assert (len(it.tokens.sent), len(it.rest.sent)) == (1, 1)


@both_kinds
@with_keys
@pytest.mark.parametrize("retry", [ONCE, THREE_TIMES], ids=["once", "three times"])
def test_a_token_that_was_given_is_never_renewed(kind: Kind, provider: str, retry: Retry) -> None:
    transport = Scripted(UNAUTHORISED, accepted(provider), state=UNAUTHORISED)
    with caller(kind, account(provider, transport=transport), retry=retry) as client:
        with pytest.raises(AuthenticationFailed) as error:
            client.ask(provider)
        with pytest.raises(LookupFailed):
            called(client, "lookup", pending(provider))
    assert error.value.resend is Resend.SAFE
    assert [bearer(request) for request in (*transport.sent, *transport.asked)] == ["test-key"] * 2
    assert all(request.target not in TOKEN_PATHS.values() for request in transport.sent)


@both_kinds
@with_keys
@pytest.mark.parametrize("failure", ["no connection", "no reply", "500", "400", "a page"])
def test_a_refund_whose_token_was_refused_and_cannot_be_renewed_is_not_sent(
    kind: Kind, provider: str, failure: str
) -> None:
    tokens = granted(provider), FAILED[failure](provider), granted(provider, "test-token-3")
    with shop(kind, provider, *tokens, answers=[UNAUTHORISED, accepted(provider)]) as it:
        with pytest.raises(NotSent) as error:
            it.client.ask(provider)
        assert error.value.resend is Resend.SAFE
        assert not it.client.ask(provider).replayed
    assert it.bearers == ["test-token-1", "test-token-3"]


@both_kinds
@with_keys
def test_a_renewal_after_a_refusal_that_fails_for_now_is_tried_again(kind: Kind, provider: str) -> None:
    tokens = granted(provider), UNREACHABLE, reply(500), granted(provider, "test-token-4")
    answers = [UNAUTHORISED, accepted(provider)]
    with shop(kind, provider, *tokens, answers=answers, retry=THREE_TIMES) as it:
        it.client.ask(provider)
    assert it.bearers == ["test-token-1", "test-token-4"]


@both_kinds
@with_keys
def test_a_question_whose_token_is_refused_is_asked_again_with_a_new_one(kind: Kind, provider: str) -> None:
    def state(request: WireRequest) -> Answer:
        return UNAUTHORISED if bearer(request) == "test-token-1" else DONE[provider]

    tokens = Scripted(granted(provider, "test-token-1"), granted(provider, "test-token-2"))
    made = keyed(provider, transport=Parted(tokens, Asked(state)))
    attempts: list[Attempt] = []
    with caller(kind, made, on_attempt=attempts.append) as client:
        assert called(client, "lookup", pending(provider)).status is RefundStatus.SUCCEEDED
        assert called(client, "lookup", pending(provider)).status is RefundStatus.SUCCEEDED
    token, asked = (Operation.TOKEN, GRANTED[provider]), (Operation.LOOKUP, 200)
    expected = [token, (Operation.LOOKUP, 401), token, asked, asked]
    assert [(attempt.operation, attempt.status) for attempt in attempts] == expected


@both_kinds
@with_keys
def test_a_question_that_is_refused_with_a_new_token_too_is_not_asked_a_third_time(kind: Kind, provider: str) -> None:
    with shop(kind, provider, state=UNAUTHORISED, retry=THREE_TIMES) as it, pytest.raises(LookupFailed) as error:
        called(it.client, "lookup", pending(provider))
    assert (error.value.http_status, error.value.temporary) == (401, False)
    assert it.bearers == ["test-token-1", "test-token-2"]


@both_kinds
def test_a_cancel_whose_token_is_refused_is_sent_again_with_a_new_one(kind: Kind) -> None:
    with shop(kind, "lab4pay", answers=[UNAUTHORISED, reply(200)], state=DONE["lab4pay"]) as it:
        assert called(it.client, "cancel", pending("lab4pay")).status is RefundStatus.SUCCEEDED
    assert it.bearers == ["test-token-1", "test-token-2", "test-token-2"]
    cancel = [attempt.status for attempt in it.attempts if attempt.operation is Operation.CANCEL]
    assert cancel == [401, 200]


# Secrets.

KEY: Final = "canary+of/the~public=key"
SECRET: Final = "canary+of/the~secret=key"
TOKEN: Final = "canary+of/the~access=token"
OTHER: Final = "canary+of/the~integrator"
CANARIES: Final[dict[str, dict[str, str]]] = {
    "lab4pay": {"client_id": KEY, "client_secret": SECRET, "integrator_id": OTHER},
    "blink": {"api_key": KEY, "secret_key": SECRET},
}
ECHOES: Final = (
    '{"access_token": ["TOKEN"], "expires_in": "ECHO", "expired_on": "ECHO", "message": "ECHO", "error": "ECHO"}',
    '{"access_token": "TOKEN\\nECHO", "message": "ECHO"}',
    '{"access_token": "", "token": "TOKEN", "ECHO": "TOKEN"}',
    '{"message": "ECHO", "error": ["TOKEN"]}',
    "<html>ECHO TOKEN</html>",
    '{"access_token": "TOKEN',
    "ECHO",
)


def assert_none_shows(text: str) -> None:
    assert [form for secret in (KEY, SECRET, TOKEN, OTHER) for form in forms(secret) if form in text] == []


def echo(status: int, body: str) -> Callable[[WireRequest], WireReply]:
    """Return what answers with all that it was sent, in its headers and its body."""

    def answer(request: WireRequest) -> WireReply:
        sent = [secret.reveal() for _, secret in request.credentials] + [request.body.decode().replace('"', "'")]
        text = " ".join((*sent, KEY, SECRET))
        return WireReply(status, (("x-echo", text), ("retry-after", text)), echoed(body, text))

    return answer


def echoed(body: str, text: str) -> bytes:
    return body.replace("ECHO", text).replace("TOKEN", TOKEN).encode()


@both_kinds
@with_keys
@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 403, 429, 500])
@pytest.mark.parametrize("body", ECHOES)
def test_a_token_that_cannot_be_had_brings_no_secret_to_light(
    kind: Kind, provider: str, status: int, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with shop(kind, provider, echo(status, body), keys=CANARIES[provider]) as it:
        text = watched(it.client, provider, caplog) + "".join(shown(attempt) for attempt in it.attempts)
    assert_none_shows(text)
    assert "NotSent" in text
    assert it.rest.sent == []


@both_kinds
@with_keys
@pytest.mark.parametrize("failure", [UNREACHABLE, LOST, RuntimeError(f"{SECRET} {TOKEN}")], ids=repr)
def test_a_fetch_that_fails_brings_no_secret_to_light(
    kind: Kind, provider: str, failure: Given, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with shop(kind, provider, failure, keys=CANARIES[provider]) as it:
        text = watched(it.client, provider, caplog)
    assert_none_shows(text)
    assert "NotSent" in text


@both_kinds
@with_keys
@pytest.mark.parametrize("status", [200, 400, 401, 500])
@pytest.mark.parametrize(
    "body",
    [
        '{"success": true, "message": "ECHO", "transaction_id": "TOKEN", "amount": "1.00", "error": "TOKEN"}',
        '{"success": false, "status": "TOKEN", "message": "ECHO TOKEN"}',
        '{"success": false, "message": "canary+of\\/the~access\\u003dtoken", "transaction_id": "refund-1"}',
        "<html>TOKEN</html>",
    ],
)
def test_a_token_that_was_fetched_does_not_come_to_light_where_a_refund_is_answered_with_it(
    kind: Kind, provider: str, status: int, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = [granted(provider, TOKEN)]
    with shop(kind, provider, *tokens, answers=[echo(status, body)], keys=CANARIES[provider]) as it:
        text = watched(it.client, provider, caplog) + "".join(shown(attempt) for attempt in it.attempts)
    assert it.bearers[0] == TOKEN
    assert_none_shows(text)
    assert "[redacted]" in text


@both_kinds
@with_keys
def test_a_question_that_fails_brings_no_secret_to_light(kind: Kind, provider: str) -> None:
    for tokens, state in (([echo(400, ECHOES[3])], NO_STATE), ([granted(provider, TOKEN)], reply(500, TOKEN.encode()))):
        with (
            shop(kind, provider, *tokens, state=state, keys=CANARIES[provider]) as it,
            pytest.raises(LookupFailed) as error,
        ):
            called(it.client, "lookup", pending(provider))
        lines = traceback.TracebackException.from_exception(error.value, capture_locals=True).format()
        frames = "".join(line for line in lines if "/refundry/" in line)
        assert_none_shows(everything(error.value) + frames)
        assert "translation = " in frames


# Accounts with keys.


def make(provider: str, **arguments: Any) -> Account:
    """Make an account of these arguments alone, but for the integrator id."""
    if provider == "lab4pay":
        return Lab4Pay(integrator_id="test-integrator", **arguments)
    return Blink(**arguments)


@with_keys
def test_an_account_takes_its_keys_or_a_token(provider: str) -> None:
    first, second = KEYS[provider]
    make(provider, **KEYS[provider])
    make(provider, access_token="test-token")
    for arguments, field in (
        ({}, first),
        ({first: "test-key"}, second),
        ({second: "test-key"}, first),
        ({"access_token": "test-token", first: "test-key"}, first),
        ({"access_token": "test-token", second: "test-key"}, second),
        ({"access_token": "test-token", **KEYS[provider]}, first),
        ({"access_token": ""}, "access_token"),
        ({first: "", second: "test-key"}, first),
        ({first: "test-key", second: ""}, second),
    ):
        with pytest.raises(InvalidRefund, match="access_token" if len(arguments) != 2 else field) as refused:
            make(provider, **arguments)
        assert refused.value.field == field
        assert field in str(refused.value)


@with_keys
@pytest.mark.parametrize("bad", [f"{SECRET}\n", f"{SECRET} {SECRET}", f"{SECRET}ä", SECRET.encode(), [SECRET]])
def test_a_key_that_is_refused_is_named_and_not_shown(provider: str, bad: Any) -> None:
    for field in KEYS[provider]:
        with pytest.raises(InvalidRefund, match=field) as refused:
            make(provider, **{**KEYS[provider], field: bad})
        assert refused.value.field == field
        assert_none_shows(everything(refused.value))


@with_keys
def test_an_account_with_keys_does_not_show_them(provider: str) -> None:
    made = keyed(provider, **CANARIES[provider])
    assert_none_shows(shown(made) + "".join(shown(secret) for secret in made.secrets))
    assert {secret.reveal() for secret in made.secrets} == {*CANARIES[provider].values()}


@pytest.mark.parametrize("client_class", [RefundClient, AsyncRefundClient])
@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({"BLINK_API_KEY": "test-key"}, "BLINK_SECRET_KEY"),
        ({"BLINK_SECRET_KEY": "test-key"}, "BLINK_API_KEY"),
        ({"BLINK_CURRENCY": "GBP"}, "BLINK_API_KEY"),
        ({"BLINK_ACCESS_TOKEN": "test-token", "BLINK_SECRET_KEY": "test-key"}, "BLINK_SECRET_KEY"),
        ({"BLINK_API_KEY": "test key", "BLINK_SECRET_KEY": "test-key"}, "BLINK_API_KEY"),
        ({"LAB4PAY_CLIENT_ID": "test-id", "LAB4PAY_CLIENT_SECRET": "test-secret"}, "LAB4PAY_INTEGRATOR_ID"),
        ({"LAB4PAY_CLIENT_ID": "test-id", "LAB4PAY_INTEGRATOR_ID": "test-integrator"}, "LAB4PAY_CLIENT_SECRET"),
        (
            {"LAB4PAY_ACCESS_TOKEN": "t", "LAB4PAY_CLIENT_ID": "test-id", "LAB4PAY_INTEGRATOR_ID": "test-integrator"},
            "LAB4PAY_CLIENT_ID",
        ),
    ],
)
def test_a_key_that_the_environment_lacks_is_named_by_its_variable(
    client_class: type[RefundClient | AsyncRefundClient], variables: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidRefund, match=f"REFUNDRY_{field}") as refused:
        client_class.from_env({f"REFUNDRY_{name}": value for name, value in variables.items()})
    assert refused.value.field == f"REFUNDRY_{field}"
    assert "test key" not in everything(refused.value)


@pytest.mark.parametrize("client_class", [RefundClient, AsyncRefundClient])
def test_the_environment_can_name_keys(client_class: type[RefundClient | AsyncRefundClient]) -> None:
    variables = {
        f"REFUNDRY_{provider}_{name}".upper(): value for provider in KEYED for name, value in CANARIES[provider].items()
    }
    client = client_class.from_env(variables)
    for provider, payment_id in (("lab4pay", None), ("blink", PAYMENT)):
        request = client.prepare(provider, payment_id=payment_id, amount=ONE_EURO, reference="r-1")
        assert_none_shows(shown(request) + repr(request.redacted_headers))


@both_kinds
@with_keys
def test_preparing_a_refund_fetches_nothing_and_shows_no_secret(kind: Kind, provider: str) -> None:
    payment_id = None if provider == "lab4pay" else PAYMENT
    with shop(kind, provider, granted(provider, TOKEN), keys=CANARIES[provider]) as it:
        before = it.client.client.prepare(provider, payment_id=payment_id, amount=ONE_EURO, reference="r-1")
        assert (it.tokens.sent, it.rest.sent, it.attempts) == ([], [], [])
        it.client.ask(provider, reference="r-1")
        after = it.client.client.prepare(provider, payment_id=payment_id, amount=ONE_EURO, reference="r-1")
    (sent,) = it.rest.sent
    hidden = ["Authorization", *(["X-Pay-Connect-Integrator-Id"] if provider == "lab4pay" else [])]
    for request in (before, after):
        assert (request.method, request.url, request.body) == (sent.method, sent.url, sent.body)
        assert request.redacted_headers == sent.redacted_headers
        assert [name for name, value in request.redacted_headers if value == "[redacted]"] == hidden
        assert_none_shows(shown(request) + f"{request.url}{request.headers}{request.redacted_headers}{request.body!r}")
    assert len(it.tokens.sent) == 1
