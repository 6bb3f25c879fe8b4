"""A state that is recorded while its reference is SENDING: it neither frees the reference nor decides the outcome."""

import json
import threading
from collections.abc import Callable
from typing import Final

import pytest

from refundry import (
    Evidence,
    OutcomeUnknown,
    Refund,
    RefundClient,
    RefundInProgress,
    RefundStatus,
    Resend,
    Timeout,
    WireReply,
    WireRequest,
)
from tests.facade.support import ONCE
from tests.providers import RECORDS
from tests.providers.record import ONE_EURO, REFUND, reply

LAB4PAY: Final = RECORDS["lab4pay"]
REFERENCE: Final = "reference-1"
NEWS: Final = json.dumps({"id": REFUND, "status": "FAILED", "client_transaction_id": REFERENCE, "tags": ["refund"]})


class Interruption(BaseException):
    """Replaces KeyboardInterrupt, which would end the test run."""


class Meanwhile:
    """A transport that lets another thread record a state, before or after a byte of a refund is written."""

    tells_progress = True

    def __init__(self, begun: Evidence, ends: Callable[[], WireReply]) -> None:
        self.learn: Callable[[], object] = lambda: None
        self.begun = begun
        self.ends = ends
        self.sent = 0

    def send(self, request: WireRequest, timeout: Timeout) -> WireReply:
        """Answer a lookup. During the first refund, let the state be recorded, then end as the test says."""
        if request.method == "GET":
            return LAB4PAY.states.reply(LAB4PAY.states.undone)
        self.sent += 1
        request.progress.evidence = self.begun
        thread = threading.Thread(target=self.learn)
        thread.start()
        thread.join()
        request.progress.evidence = Evidence.MAYBE_SENT
        return self.ends()

    def close(self) -> None:
        """Do nothing: nothing is open."""


def interrupted() -> WireReply:
    raise Interruption


def recorded_from_a_callback(client: RefundClient) -> None:
    body = NEWS.encode()
    event = client.webhook("lab4pay", headers=LAB4PAY.callbacks.proof(body), body=body)
    assert (event.status, event.reference) == (RefundStatus.FAILED, REFERENCE)
    client.learn(event)


def recorded_from_a_lookup(client: RefundClient) -> None:
    known = Refund("lab4pay", REFERENCE, RefundStatus.PENDING, amount=ONE_EURO, refund_id=REFUND)
    assert client.lookup(known).status is RefundStatus.FAILED


def ask(client: RefundClient) -> Refund:
    return client.refund_unreferenced("lab4pay", amount=ONE_EURO, reference=REFERENCE)


by_all_means = pytest.mark.parametrize("learn", [recorded_from_a_callback, recorded_from_a_lookup])
at_any_time = pytest.mark.parametrize("begun", [Evidence.NOT_SENT, Evidence.MAYBE_SENT])


@by_all_means
@at_any_time
def test_an_interrupted_refund_is_not_resent_because_a_state_was_recorded_meanwhile(
    begun: Evidence, learn: Callable[[RefundClient], None]
) -> None:
    transport = Meanwhile(begun, interrupted)
    with RefundClient([LAB4PAY.account(transport=transport, **LAB4PAY.callbacks.account)], retry=ONCE) as client:
        transport.learn = lambda: learn(client)
        with pytest.raises(Interruption):
            ask(client)
        with pytest.raises(OutcomeUnknown) as unknown:
            ask(client)
    assert (unknown.value.resend, transport.sent) == (Resend.NEVER, 1)


@by_all_means
@at_any_time
def test_a_reference_stays_in_progress_for_every_recorded_state_and_ends_as_its_reply_says(
    begun: Evidence, learn: Callable[[RefundClient], None]
) -> None:
    transport = Meanwhile(begun, lambda: reply(200, LAB4PAY.accepted))
    with RefundClient([LAB4PAY.account(transport=transport, **LAB4PAY.callbacks.account)], retry=ONCE) as client:
        seen: list[str] = []

        def learn_and_ask() -> None:
            learn(client)
            try:
                seen.append(f"sent again: {ask(client)!r}")
            except RefundInProgress:
                seen.append("in progress")

        transport.learn = learn_and_ask
        first = ask(client)
        second = ask(client)
    assert seen == ["in progress"]
    assert (first.status, first.replayed, second.status, second.replayed) == (
        *(RefundStatus.PENDING, False),
        *(RefundStatus.PENDING, True),
    )
    assert transport.sent == 1
