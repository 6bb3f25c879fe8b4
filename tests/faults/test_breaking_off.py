"""Calls that time out while writing, and calls that are interrupted between two attempts."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from refundry import (
    AsyncRefundClient,
    Attempt,
    Evidence,
    OutcomeUnknown,
    RefundClient,
    RefundStatus,
    Resend,
    Retry,
    SendFailure,
    Timeout,
    WireReply,
    WireRequest,
)
from refundry.transport.aio import AsyncHttpTransport
from refundry.transport.sync import HttpTransport
from tests.facade.support import ONE_EURO, PAYMENT, Kind, account, new_loop
from tests.faults.servers import Server, answering, once, reply
from tests.faults.support import AMPLE, every_loop, within

LATER = Retry(first_wait=30, longest_wait=30)
"""A wait between two attempts that is far longer than a test."""


@contextmanager
def deaf() -> Iterator[str]:
    """Yield the origin of a server that accepts one connection and never reads from it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepted: list[socket.socket] = []
        accepting = threading.Thread(target=lambda: accepted.append(listening.accept()[0]))
        accepting.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            accepting.join(10)
            for connected in accepted:
                connected.close()


def sent(kind: Kind, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
    """Send over refundry's own transport of this kind."""
    if kind == "sync":
        transport = HttpTransport()
        try:
            return transport.send(request, timeout)
        finally:
            transport.close()

    async def send() -> WireReply | SendFailure:
        transport = AsyncHttpTransport()
        try:
            return await transport.asend(request, timeout)
        finally:
            await transport.aclose()

    with asyncio.Runner(loop_factory=new_loop(kind)) as runner:
        return runner.run(send())


@every_loop
@pytest.mark.parametrize("timeout", [Timeout(connect=5, read=0.3, total=8), Timeout(connect=5, read=8, total=0.3)])
def test_a_request_that_cannot_be_written_in_time_may_have_been_sent(kind: Kind, timeout: Timeout) -> None:
    with deaf() as origin, within(20):
        request = WireRequest("POST", origin, "/", (), (), b"x" * 20_000_000)
        answer = sent(kind, request, timeout)
    assert answer == SendFailure(Evidence.MAYBE_SENT, "timed out")


async def cancelled_while_waiting(client: AsyncRefundClient, provider: str, attempts: list[Attempt]) -> None:
    """Start a refund, and cancel it after its first attempt, while it waits for the next one."""
    call = asyncio.create_task(
        client.refund(provider, payment_id=PAYMENT, amount=ONE_EURO, reference="r-1"), name="the call"
    )
    async with asyncio.timeout(10):
        while not attempts:
            await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


def test_a_call_cancelled_before_a_retry_stays_unknown_where_an_attempt_was_lost() -> None:
    attempts: list[Attempt] = []

    async def run(server: Server) -> None:
        made = account("paybyrd", base_url=server.url)
        async with AsyncRefundClient([made], timeout=AMPLE, retry=LATER, on_attempt=attempts.append) as client:
            await cancelled_while_waiting(client, "paybyrd", attempts)
            refund = await client.refund("paybyrd", payment_id=PAYMENT, amount=ONE_EURO, reference="r-1")
            assert refund.status is RefundStatus.SUCCEEDED

    with Server(once(), answering()) as server:
        asyncio.run(run(server))
    assert [attempt.outcome for attempt in attempts] == ["OutcomeUnknown", "SUCCEEDED"]
    first, second = (request.headers["idempotency-key"] for request in server.requests)
    assert first == second


def test_a_call_cancelled_before_a_retry_leaves_the_reference_free_where_nothing_was_sent() -> None:
    attempts: list[Attempt] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]

    async def run() -> RefundStatus:
        made = account("blink", base_url=f"http://127.0.0.1:{port}")
        async with AsyncRefundClient([made], timeout=AMPLE, retry=LATER, on_attempt=attempts.append) as client:
            await cancelled_while_waiting(client, "blink", attempts)
            with Server(answering(reply(b'{"status":"completed","amount":1}')), port=port) as server:
                refund = await client.refund("blink", payment_id=PAYMENT, amount=ONE_EURO, reference="r-1")
                assert len(server.requests) == 1
        return refund.status

    assert asyncio.run(run()) is RefundStatus.SUCCEEDED
    assert [attempt.outcome for attempt in attempts] == ["NotSent", "SUCCEEDED"]


class Interrupted(BaseException):
    """Replaces KeyboardInterrupt, which would end the test run."""


@pytest.mark.parametrize(("provider", "resend"), [("blink", Resend.NEVER), ("lab4pay", Resend.NEVER)])
def test_a_thread_that_is_interrupted_after_sending_leaves_the_reference_unknown(provider: str, resend: Resend) -> None:
    attempts: list[Attempt] = []

    class Interrupting:
        """A transport that is interrupted while it waits for the reply."""

        def send(self, request: WireRequest, timeout: Timeout) -> SendFailure:
            raise Interrupted

        def close(self) -> None:
            """Do nothing: nothing is open."""

    made = account(provider, transport=Interrupting())
    with RefundClient([made], on_attempt=attempts.append) as client:
        with pytest.raises(Interrupted):
            client.refund(provider, payment_id=PAYMENT, amount=ONE_EURO, reference="r-1")
        with pytest.raises(OutcomeUnknown) as unknown:
            client.refund(provider, payment_id=PAYMENT, amount=ONE_EURO, reference="r-1")
    assert unknown.value.resend is resend
    assert [(attempt.evidence, attempt.outcome) for attempt in attempts] == [(Evidence.MAYBE_SENT, "OutcomeUnknown")]
