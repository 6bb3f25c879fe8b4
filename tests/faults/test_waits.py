"""Waits for the end of a refund over real connections."""

import time
from dataclasses import replace

import pytest

from refundry import (
    LookupFailed,
    Resend,
    StillPending,
    Timeout,
)
from refundry.sandbox import Sandbox
from tests.facade.questions import DONE, looked_up, pending
from tests.facade.support import Kind
from tests.faults.lookups import (
    SILENT,
    SUCCEEDED,
    UNANSWERED,
    answer,
    at_sandbox,
    every_provider,
    refund_of,
    refusing,
    resets,
)
from tests.faults.servers import Peer, Script, Server, answering, once
from tests.faults.support import both_kinds, client_of, within


@both_kinds
@every_provider
def test_a_wait_survives_failures_between_two_states(kind: Kind, provider: str) -> None:
    waiting = "pending" if provider == "blink" else {"lab4pay": "IN_PROGRESS", "paybyrd": "Processing"}[provider]
    scripts = [
        once(answer(provider, waiting)),
        once(),
        resets,
        refusing("500 Internal Server Error"),
        refusing("404 Not Found"),
        refusing("429 Too Many Requests", "Retry-After: 0"),
        once(answer(provider, waiting)),
        once(answer(provider, DONE[provider])),
    ]
    with Server(*scripts) as server, client_of(kind, server, provider) as client:
        outcome = looked_up(client, pending(provider), "wait", timeout=20, poll=0.01)
    assert outcome.status is SUCCEEDED
    assert server.connections == len(scripts)


@both_kinds
def test_a_retry_after_is_respected_on_the_wire(kind: Kind) -> None:
    arrivals: list[float] = []

    def noting(script: Script) -> Script:
        def recording(peer: Peer) -> None:
            arrivals.append(time.monotonic())
            script(peer)

        return recording

    scripts = refusing("429 Too Many Requests", "Retry-After: 1"), once(answer("lab4pay", "SUCCESS"))
    with Server(*map(noting, scripts)) as server, client_of(kind, server, "lab4pay") as client:
        assert looked_up(client, pending("lab4pay"), "wait", timeout=20, poll=0.01).status is SUCCEEDED
    first, second = arrivals
    assert second - first >= 1.0


@both_kinds
@pytest.mark.parametrize("fault", [*SILENT, "dripping"])
def test_the_timeout_bounds_the_whole_wait_also_where_the_server_hangs(kind: Kind, fault: str) -> None:
    drip = once(*(bytes([byte]) for byte in answer("lab4pay", "SUCCESS")), pause=0.1)
    script = drip if fault == "dripping" else UNANSWERED[fault]
    with (
        Server(script) as server,
        client_of(kind, server, "lab4pay", timeout=Timeout(read=60, total=60)) as client,
        within(12),
        pytest.raises(StillPending) as still,
    ):
        looked_up(client, pending("lab4pay"), "wait", timeout=0.5, poll=0.05)
    assert still.value.refund == pending("lab4pay")
    assert isinstance(still.value.__cause__, LookupFailed)
    assert server.connections == 1


@both_kinds
def test_a_wait_for_an_unreachable_provider_ends_with_the_reason(kind: Kind) -> None:
    with Server(answering()) as server:
        pass
    with client_of(kind, server, "paybyrd") as client, within(12), pytest.raises(StillPending) as still:
        looked_up(client, pending("paybyrd"), "wait", timeout=0.3, poll=0.05)
    assert isinstance(still.value.__cause__, LookupFailed)
    assert "refused" in str(still.value.__cause__)
    assert (still.value.resend, still.value.refund) == (Resend.NEVER, pending("paybyrd"))


@both_kinds
def test_a_wait_that_times_out_has_the_last_state(kind: Kind) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox) as client:
        refund = refund_of(client)
        sandbox.advance()
        with pytest.raises(StillPending) as still:
            looked_up(client, refund, "wait", timeout=1.0, poll=0.02)
    assert still.value.refund == replace(refund, provider_code="IN_PROGRESS")
    assert still.value.__cause__ is None
