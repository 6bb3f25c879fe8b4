"""How long an access token is used, by the lifetime in its reply."""

from collections.abc import Callable
from hashlib import sha256
from importlib.resources import files

import pytest

from refundry import (
    Attempt,
    AuthenticationFailed,
    ContractDeviation,
    NotSent,
    Operation,
    RefundStatus,
    Retry,
    WireReply,
    WireRequest,
)
from tests.facade.support import KINDS, ONCE, Answer, Kind
from tests.facade.tokens import AT_NOON, HOUR, LOST, UNREACHABLE, Given, issued, shop
from tests.providers import WITH_TOKENS, tokens_of
from tests.providers.record import reply

both_kinds = pytest.mark.parametrize("kind", KINDS)
with_keys = pytest.mark.parametrize("provider", WITH_TOKENS)


# The time of use.


@both_kinds
@with_keys
@pytest.mark.parametrize("seconds", [1.0, 10.0, 300.0, 1800.0, 3600.0])
def test_a_token_is_renewed_before_it_expires(
    kind: Kind, provider: str, seconds: float, clock: Callable[[float], None]
) -> None:
    with shop(kind, provider, issued(provider, "test-token-1", seconds), issued(provider, "test-token-2")) as it:
        for number, later in enumerate((seconds / 2, seconds / 2 - 0.01, 0)):
            it.client.ask(provider, reference=f"r-{number}")
            clock(later)
    assert it.bearers == ["test-token-1", "test-token-1", "test-token-2"]
    assert {attempt.status for attempt in it.attempts} == {200, tokens_of(provider).status}
    assert len(it.attempts) == 5


@both_kinds
@with_keys
@pytest.mark.parametrize("seconds", [7200, 86_400, 1_800_000])
def test_a_token_is_cached_for_an_hour_at_most(
    kind: Kind, provider: str, seconds: float, clock: Callable[[float], None]
) -> None:
    with shop(kind, provider, issued(provider, "test-token-1", seconds), issued(provider, "test-token-2")) as it:
        for number, later in enumerate((HOUR / 2, HOUR / 2, 0)):
            it.client.ask(provider, reference=f"r-{number}")
            clock(later)
    assert it.bearers == ["test-token-1", "test-token-1", "test-token-2"]


@with_keys
def test_the_lifetime_of_a_token_does_not_start_later_after_a_slow_reply(
    provider: str, clock: Callable[[float], None]
) -> None:
    def slow(_: WireRequest) -> WireReply:
        clock(30)
        return issued(provider, "test-token-1", 100)

    with shop("sync", provider, slow, issued(provider, "test-token-2")) as it:
        it.client.ask(provider, reference="r-1")
        clock(75)
        it.client.ask(provider, reference="r-2")
    assert it.bearers == ["test-token-1", "test-token-2"]


@both_kinds
@with_keys
@pytest.mark.parametrize(
    "failure", [UNREACHABLE, LOST, *map(reply, (400, 401, 403, 404, 429, 500)), RuntimeError()], ids=repr
)
def test_a_failed_renewal_leaves_the_old_token_in_use_while_it_is_valid(
    kind: Kind, provider: str, failure: Given, clock: Callable[[float], None]
) -> None:
    with shop(kind, provider, issued(provider, seconds=100), failure) as it:
        it.client.ask(provider, reference="r-1")
        clock(99)
        it.client.ask(provider, reference="r-2")
        clock(2)
        wrong_keys = isinstance(failure, WireReply) and failure.status in tokens_of(provider).keys_refused
        with pytest.raises(AuthenticationFailed if wrong_keys else NotSent):
            it.client.ask(provider, reference="r-3")
    assert it.bearers == ["test-token-1"] * 2
    assert len(it.tokens.sent) == 3


@both_kinds
@with_keys
def test_a_failed_renewal_is_retried_later(kind: Kind, provider: str, clock: Callable[[float], None]) -> None:
    tokens = issued(provider, "test-token-1", 100), UNREACHABLE, issued(provider, "test-token-2")
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
def test_a_failed_renewal_is_not_retried_by_every_following_call(
    kind: Kind, provider: str, failure: Answer, pause: float, clock: Callable[[float], None]
) -> None:
    with shop(kind, provider, issued(provider, seconds=1000), failure, retry=ONCE) as it:
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
def test_a_hook_that_gets_a_token_attempt_may_refund_with_that_token(provider: str) -> None:
    made: list[RefundStatus] = []

    def refund_too(attempt: Attempt) -> None:
        if attempt.operation is Operation.TOKEN:
            made.append(it.client.ask(provider, reference="r-2").status)

    with shop("sync", provider, on_attempt=refund_too, retry=Retry(deadline=5)) as it:
        it.client.ask(provider, reference="r-1")
    assert len(made) == len(it.tokens.sent) == 1
    assert it.bearers == ["test-token-1"] * 2


# The lifetime in a reply, in every form that can be read.


def deviation(provider: str, pointer: str) -> tuple[str, Operation, str, str]:
    contract = files(f"refundry_{provider}").joinpath("contract.json").read_bytes()
    return provider, Operation.TOKEN, pointer, sha256(contract).hexdigest()


def assert_reported(deviations: list[ContractDeviation], *expected: tuple[str, Operation, str, str]) -> None:
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
def test_a_lifetime_in_an_odd_form_of_lab4pay_is_read(
    kind: Kind, value: str, seconds: float, clock: Callable[[float], None]
) -> None:
    with shop(kind, "lab4pay", expiring(value), issued("lab4pay", "test-token-2")) as it:
        for number, later in enumerate((seconds / 2, seconds / 2 - 0.01, 0)):
            it.client.ask("lab4pay", reference=f"r-{number}")
            clock(later)
    assert it.bearers == ["test-token-1", "test-token-1", "test-token-2"]
    assert it.client.deviations == []


@both_kinds
@pytest.mark.parametrize("value", ['"0"', "0", "-0.0", '"-5"', "-5", "-1e400"])
def test_a_token_with_a_lifetime_of_zero_is_used_for_one_call(kind: Kind, value: str) -> None:
    with shop(kind, "lab4pay", expiring(value), expiring(value, "test-token-2")) as it:
        for number in range(2):
            it.client.ask("lab4pay", reference=f"r-{number}")
    assert it.bearers == ["test-token-1", "test-token-2"]


@both_kinds
@pytest.mark.parametrize(
    "value", [None, "null", "true", "false", '""', '"3600s"', '"NaN"', '"soon"', "[]", "{}", "[3600]", "9" * 400]
)
def test_an_unreadable_lifetime_at_lab4pay_is_reported_and_the_token_used_for_a_default_time(
    kind: Kind, value: str | None, clock: Callable[[float], None]
) -> None:
    with shop(kind, "lab4pay", expiring(value), issued("lab4pay", "test-token-2")) as it:
        for number, later in enumerate((0, HOUR, 0)):
            it.client.ask("lab4pay", reference=f"r-{number}")
            clock(later)
    assert it.bearers == ["test-token-1", "test-token-1", "test-token-2"]
    assert_reported(it.client.deviations, deviation("lab4pay", "/expires_in"))


def ending(expired_on: object, headers: tuple[tuple[str, str], ...] = AT_NOON) -> WireReply:
    """Return a reply of Blink whose token expires at this time, which an Ellipsis leaves out."""
    fields = {} if expired_on is ... else {"expired_on": expired_on}
    return reply(201, {"access_token": "test-token-1", **fields}, headers)


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
        ("9999-12-31T23:59:59Z", HOUR),
    ],
)
def test_the_expiry_of_a_token_of_blink_counts_from_the_date_of_its_reply(
    kind: Kind, expired_on: str, seconds: float, clock: Callable[[float], None]
) -> None:
    with shop(kind, "blink", ending(expired_on), issued("blink", "test-token-2")) as it:
        for number, later in enumerate((seconds / 2, seconds / 2 - 0.01, 0)):
            it.client.ask("blink", reference=f"r-{number}")
            clock(later)
    assert it.bearers == ["test-token-1", "test-token-1", "test-token-2"]
    assert it.client.deviations == []


@both_kinds
@pytest.mark.parametrize("expired_on", ["2026-01-01T12:00:00Z", "2025-12-31T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_an_expired_token_of_blink_is_used_for_one_call(kind: Kind, expired_on: str) -> None:
    with shop(kind, "blink", ending(expired_on), issued("blink", "test-token-2")) as it:
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
def test_an_unreadable_expiry_at_blink_is_reported_and_the_token_used_for_a_default_time(
    kind: Kind, expired_on: object, clock: Callable[[float], None]
) -> None:
    with shop(kind, "blink", ending(expired_on), issued("blink", "test-token-2")) as it:
        for number, later in enumerate((0, HOUR, 0)):
            it.client.ask("blink", reference=f"r-{number}")
            clock(later)
    assert it.bearers == ["test-token-1", "test-token-1", "test-token-2"]
    assert_reported(it.client.deviations, deviation("blink", "/expired_on"))


@both_kinds
@pytest.mark.parametrize("date", ["", "soon", "Thu, 99 Jan 2026 12:00:00 GMT", "2026-01-01T12:00:00Z", None])
def test_a_token_of_blink_without_a_date_of_its_reply_is_used_for_a_default_time(
    kind: Kind, date: str | None, clock: Callable[[float], None]
) -> None:
    headers = () if date is None else (("date", date),)
    with shop(kind, "blink", ending("2026-01-01T12:30:00Z", headers), issued("blink", "test-token-2")) as it:
        for number, later in enumerate((0, HOUR, 0)):
            it.client.ask("blink", reference=f"r-{number}")
            clock(later)
    assert it.bearers == ["test-token-1", "test-token-1", "test-token-2"]
