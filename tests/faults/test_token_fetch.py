"""Access tokens over real connections: one fetch for all calls that need one, and its renewal."""

import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from refundry import (
    Attempt,
    LookupFailed,
    RefundClient,
    Retry,
)
from refundry.clock import SYSTEM
from refundry.sandbox import INTEGRATOR_ID, TOKEN_CREDENTIALS, Fault, SandboxServer
from tests.facade.canary import CANARY, assert_hidden, watched
from tests.facade.support import ONCE, PAYMENT, Kind, caller
from tests.faults.servers import SECONDS
from tests.faults.support import AMPLE, SHORT, both_kinds
from tests.faults.tokens import (
    AT_ONCE,
    CROWDED,
    KEYED,
    LIFETIME,
    REFUND,
    Watched,
    calling,
    ended,
    failure,
    keyed,
    lookup,
    pending,
    references,
    refund,
    with_keys,
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock of the tokens forward."""
    ahead = [0.0]
    monkeypatch.setattr(SYSTEM, "monotonic", lambda: time.monotonic() + ahead[0])

    def later(seconds: float) -> None:
        ahead[0] += seconds

    return later


# One fetch for all calls.


@both_kinds
@with_keys
def test_calls_that_start_together_share_one_fetch(kind: Kind, provider: str) -> None:
    sandbox, names = Watched(), references(0, AT_ONCE[kind])
    with SandboxServer(sandbox) as server, calling(kind, keyed(provider, server), timeout=CROWDED) as client:
        refunds = ended(client.start_at_once([refund(provider, name) for name in names]))
    assert [one.reference for one in refunds] == names
    assert sandbox.executed(provider) == names
    assert sandbox.fetches == 1
    assert sandbox.violations == ()


@both_kinds
@with_keys
def test_calls_with_an_expired_token_share_one_renewal_and_each_refund_is_executed_once(
    kind: Kind, provider: str
) -> None:
    sandbox, number = Watched(), AT_ONCE[kind]
    attempts: list[Attempt] = []
    options: dict[str, Any] = {"timeout": CROWDED, "on_attempt": attempts.append}
    with SandboxServer(sandbox) as server, calling(kind, keyed(provider, server), **options) as client:
        for first in (0, number):
            sandbox.expire_tokens()
            ended(client.start_at_once([refund(provider, name) for name in references(first, number)]))
    assert sandbox.executed(provider) == references(0, 2 * number)
    assert sandbox.fetches == 2
    refused = [attempt for attempt in attempts if attempt.status == 401]
    assert refused
    assert {attempt.operation for attempt in refused} == {REFUND[provider]}
    assert len({attempt.reference for attempt in refused}) == len(refused)


@both_kinds
@with_keys
def test_calls_that_wait_for_a_temporarily_failed_fetch_share_the_next_one(kind: Kind, provider: str) -> None:
    sandbox, names = Watched(), references(0, AT_ONCE[kind])
    sandbox.script(provider, Fault.SERVER_ERROR_BEFORE, operation="create_token")
    options: dict[str, Any] = {"timeout": CROWDED, "retry": Retry(first_wait=0.01)}
    with SandboxServer(sandbox) as server, calling(kind, keyed(provider, server), **options) as client:
        ended(client.start_at_once([refund(provider, name) for name in names]))
    assert sandbox.executed(provider) == names
    assert sandbox.fetches == 2


@both_kinds
@with_keys
def test_a_refund_and_a_lookup_that_start_together_share_one_fetch(kind: Kind, provider: str) -> None:
    sandbox = Watched()
    with (
        SandboxServer(sandbox) as server,
        calling(kind, keyed(provider, server)) as client,
        sandbox.held() as go_on,
    ):
        refunded, requested = client.start_at_once([refund(provider, "r-1"), lookup(pending(provider))])
        assert sandbox.was_called()
        go_on.set()
        assert refunded.result(SECONDS).reference == "r-1"
        assert isinstance(failure(requested), LookupFailed)  # the sandbox does not know that refund
    assert sandbox.fetches == 1


@both_kinds
@with_keys
def test_two_accounts_that_start_together_fetch_one_token_each(kind: Kind, provider: str) -> None:
    sandbox, names = Watched(), references(0, 10)
    with SandboxServer(sandbox) as server:
        shops = [keyed(provider, server, name=name) for name in ("shop-1", "shop-2")]
        with calling(kind, *shops) as client:
            ended(client.start_at_once([refund(provider, name, name=shop.name) for name in names for shop in shops]))
    assert sandbox.fetches == 2
    assert sandbox.executed(provider) == sorted(names * 2)


# Renewal.


@both_kinds
def test_a_token_with_a_short_lifetime_is_renewed_before_the_provider_refuses_it(kind: Kind) -> None:
    sandbox = Watched(token_seconds=2.0)
    attempts: list[Attempt] = []
    with (
        SandboxServer(sandbox) as server,
        calling(kind, keyed("lab4pay", server), on_attempt=attempts.append) as client,
    ):
        ended([client.start(refund("lab4pay", "r-1"))])
        time.sleep(1.9)
        ended([client.start(refund("lab4pay", "r-2"))])
    assert sandbox.fetches == 2
    assert [attempt.status for attempt in attempts] == [200] * 4


@both_kinds
@with_keys
def test_a_token_is_renewed_before_its_expiry(kind: Kind, provider: str, clock: Callable[[float], None]) -> None:
    sandbox = Watched(token_seconds=LIFETIME)
    attempts: list[Attempt] = []
    with SandboxServer(sandbox) as server, calling(kind, keyed(provider, server), on_attempt=attempts.append) as client:
        for name, later in zip(references(0, 3), (LIFETIME / 2, LIFETIME / 2 - 1, 0), strict=True):
            ended([client.start(refund(provider, name))])
            clock(later)
    assert sandbox.fetches == 2
    assert 401 not in [attempt.status for attempt in attempts]


@both_kinds
@with_keys
def test_other_calls_use_the_valid_token_while_a_renewal_hangs(
    kind: Kind, provider: str, clock: Callable[[float], None]
) -> None:
    sandbox = Watched(token_seconds=LIFETIME)
    with (
        SandboxServer(sandbox) as server,
        calling(kind, keyed(provider, server)) as client,
    ):
        ended([client.start(refund(provider, "r-1"))])
        assert sandbox.was_called()
        clock(LIFETIME - 20)
        with sandbox.held() as go_on:
            renewing = client.start(refund(provider, "r-2"))
            assert sandbox.was_called()
            ended([client.start(refund(provider, name)) for name in ("r-3", "r-4", "r-5")])
            assert not renewing.done()
            go_on.set()
            ended([renewing])
    assert sandbox.fetches == 2
    assert sandbox.executed(provider) == ["r-1", "r-2", "r-3", "r-4", "r-5"]


@both_kinds
@with_keys
@pytest.mark.parametrize("fault", [Fault.HANG_BEFORE, Fault.CUT_BEFORE, Fault.SERVER_ERROR_BEFORE, Fault.HTML_200])
def test_a_failed_renewal_leaves_the_old_token_in_use(
    kind: Kind, provider: str, fault: Fault, clock: Callable[[float], None]
) -> None:
    sandbox = Watched(token_seconds=LIFETIME)
    with (
        SandboxServer(sandbox) as server,
        calling(kind, keyed(provider, server), timeout=SHORT, retry=ONCE) as client,
    ):
        ended([client.start(refund(provider, "r-1"))])
        clock(LIFETIME - 20)
        sandbox.script(provider, fault, operation="create_token")
        ended([client.start(refund(provider, "r-2"))])
    assert sandbox.fetches == 2
    assert sandbox.executed(provider) == ["r-1", "r-2"]


# Secrets, and the environment.


@both_kinds
@with_keys
def test_a_token_server_that_echoes_the_keys_leaks_none(
    kind: Kind, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sandbox = Watched()
    sandbox.script(provider, Fault.ECHO_CREDENTIALS, operation="create_token")
    keys = dict.fromkeys(TOKEN_CREDENTIALS[provider], CANARY)
    with SandboxServer(sandbox) as server, caller(kind, keyed(provider, server, **keys), timeout=AMPLE) as client:
        text = watched(client, provider, caplog)
    assert sandbox.fetches == 1
    assert_hidden(text)
    assert "AuthenticationFailed" in text


@both_kinds
@with_keys
def test_a_fetched_token_is_not_leaked_where_the_provider_echoes_it(
    kind: Kind, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sandbox = Watched()
    sandbox.add_payment("blink", PAYMENT, 10_000, "EUR")
    sandbox.script(provider, Fault.ECHO_CREDENTIALS)
    with SandboxServer(sandbox) as server, caller(kind, keyed(provider, server), timeout=AMPLE) as client:
        text = watched(client, provider, caplog)
    assert len(sandbox.refunds(provider)) == 1
    assert "Bearer [redacted]" in text
    assert "test-token-" not in text


@pytest.mark.parametrize("provider", KEYED)
def test_the_environment_names_the_keys_for_the_token_fetch(provider: str) -> None:
    sandbox = Watched()
    integrator = {"integrator_id": INTEGRATOR_ID} if provider == "lab4pay" else {}
    with SandboxServer(sandbox) as server:
        fields = {**TOKEN_CREDENTIALS[provider], **integrator, "base_url": server.base_url}
        variables = {f"REFUNDRY_{provider}_{name}".upper(): value for name, value in fields.items()}
        with RefundClient.from_env(variables) as client:
            for name in ("r-1", "r-2"):
                refund(provider, name)(client)
    assert sandbox.fetches == 1
    assert sandbox.executed(provider) == ["r-1", "r-2"]
