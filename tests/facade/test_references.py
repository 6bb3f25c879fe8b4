"""One refund for each reference: the effect of a second call under the same reference, in one client."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from refundry import (
    FULL,
    AuthenticationFailed,
    Evidence,
    Money,
    NotSent,
    OutcomeUnknown,
    ReferenceConflict,
    RefundInProgress,
    RefundMismatch,
    RefundRejected,
    RefundStatus,
    Resend,
    Retry,
    SendFailure,
    WireReply,
    WireRequest,
)
from refundry.clock import SYSTEM
from tests.facade.support import KINDS, ONCE, Kind, Scripted, accepted, caller, scripted
from tests.providers import PROVIDERS, RECORDS, WITHOUT_WINDOW, account
from tests.providers.record import ONE_EURO, PAYMENT, reply

DAY = 24 * 3600.0
KNOWN = DAY - ONCE.deadline - ONCE.longest_wait
"""For how long a lost refund may be resent under its key: the request has to arrive within the day."""
LOST = SendFailure(Evidence.MAYBE_SENT, "the connection broke")
UNREACHABLE = SendFailure(Evidence.NOT_SENT, "the connection was refused")

both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)
without_keys = pytest.mark.parametrize("provider", WITHOUT_WINDOW)


@pytest.fixture(params=["both clocks", "the wall clock alone", "the boot clock alone"])
def clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Clocks that only the test moves. A sleeping machine stops one of them, and an operator may set the other."""
    now = {"wall": 1_800_000_000.0, "boot": 1000.0}
    for name in now:
        monkeypatch.setattr(SYSTEM, name, lambda name=name: now[name])

    def later(seconds: float) -> None:
        if request.param != "the boot clock alone":
            now["wall"] += seconds
        if request.param != "the wall clock alone":
            now["boot"] += seconds

    return later


def key_of(request: WireRequest) -> str:
    return dict(request.headers)["idempotency-key"]


@both_kinds
@every_provider
def test_an_accepted_refund_is_replayed_and_not_sent(kind: Kind, provider: str) -> None:
    transport = Scripted(accepted(provider))
    with scripted(kind, provider, transport) as client:
        first = client.ask(provider)
        second = client.ask(provider)
    assert not first.replayed
    assert second.replayed
    not_recorded = {"remaining": None, "provider_message": None}
    assert second.to_dict() == {**first.to_dict(), **not_recorded, "replayed": True}
    assert second.raw is None
    assert len(transport.sent) == len(client.attempts) == 1


def test_a_pending_refund_is_replayed_and_not_sent() -> None:
    transport = Scripted(reply(202, {"code": "BYRD010"}))
    with scripted("sync", "paybyrd", transport) as client:
        client.ask("paybyrd")
        assert client.ask("paybyrd").status is RefundStatus.PENDING
    assert len(transport.sent) == 1


@pytest.mark.parametrize("answer", [accepted("blink"), RECORDS["blink"].refused, LOST, UNREACHABLE])
@pytest.mark.parametrize(
    "changes",
    [
        {"payment_id": "payment-2"},
        {"amount": Money.of("1.01", "EUR")},
        {"amount": Money.of("1.00", "GBP")},
        {"amount": FULL},
    ],
    ids=str,
)
def test_a_reference_used_for_another_refund_is_a_conflict_and_nothing_is_sent(
    answer: WireReply | SendFailure, changes: dict[str, Any]
) -> None:
    transport = Scripted(answer)
    arguments: dict[str, Any] = {"payment_id": PAYMENT, "amount": ONE_EURO, "reference": "r-1"}
    with scripted("sync", "blink", transport) as client:
        with contextlib.suppress(NotSent, RefundRejected, OutcomeUnknown):
            client.refund("blink", **arguments)
        with pytest.raises(ReferenceConflict) as conflict:
            client.refund("blink", **{**arguments, **changes})
    assert conflict.value.resend is Resend.NEVER
    assert (conflict.value.provider, conflict.value.reference) == ("blink", "r-1")
    assert len(transport.sent) == 1


def test_two_references_are_two_refunds_of_the_same_payment_and_amount() -> None:
    transport = Scripted(accepted("paybyrd"))
    with scripted("sync", "paybyrd", transport) as client:
        assert not client.ask("paybyrd", reference="r-1").replayed
        assert not client.ask("paybyrd", reference="r-2").replayed
    assert len({key_of(request) for request in transport.sent}) == 2


@both_kinds
def test_two_providers_may_use_the_same_reference(kind: Kind) -> None:
    transports = {provider: Scripted(accepted(provider)) for provider in PROVIDERS}
    accounts = [account(provider, transport=transport) for provider, transport in transports.items()]
    with caller(kind, *accounts) as client:
        assert [client.ask(provider).replayed for provider in PROVIDERS] == [False, False, False]
    assert [len(transport.sent) for transport in transports.values()] == [1, 1, 1]


def test_two_accounts_of_one_provider_may_use_the_same_reference() -> None:
    transport = Scripted(accepted("blink"))
    shops = [account("blink", name=name, transport=transport) for name in ("shop-1", "shop-2")]
    with caller("sync", *shops) as client:
        assert [client.ask(name).provider for name in ("shop-1", "shop-2")] == ["shop-1", "shop-2"]
    assert len(transport.sent) == 2


@every_provider
def test_a_reference_that_another_thread_is_sending_is_in_progress_and_not_sent_twice(provider: str) -> None:
    sending, go_on = threading.Event(), threading.Event()

    def slow(_: WireRequest) -> WireReply:
        sending.set()
        assert go_on.wait(10)
        return accepted(provider)

    transport = Scripted(slow)
    ended: list[RefundStatus] = []
    with scripted("sync", provider, transport) as client:
        thread = threading.Thread(target=lambda: ended.append(client.ask(provider).status))
        thread.start()
        assert sending.wait(10)
        with pytest.raises(RefundInProgress) as error:
            client.ask(provider)
        go_on.set()
        thread.join(10)
        assert client.ask(provider).replayed
    assert error.value.resend is Resend.NEVER
    assert (error.value.provider, error.value.reference) == (provider, "reference-1")
    assert len(ended) == len(transport.sent) == 1


@both_kinds
@without_keys
@pytest.mark.parametrize("answer", [LOST, reply(500), reply(200, b"<html>"), RuntimeError()], ids=repr)
def test_an_unknown_refund_stays_unknown_and_is_never_resent(kind: Kind, provider: str, answer: Any) -> None:
    transport = Scripted(answer, accepted(provider))
    with scripted(kind, provider, transport) as client:
        with pytest.raises(OutcomeUnknown) as first:
            client.ask(provider)
        with pytest.raises(OutcomeUnknown) as second:
            client.ask(provider)
    assert first.value.resend is second.value.resend is Resend.NEVER
    assert second.value is not first.value
    assert str(second.value) == str(first.value)
    assert second.value.to_dict() == {**first.value.to_dict(), "provider_message": None, "retry_after": None}
    assert second.value.raw is None
    assert second.value.__cause__ is None
    assert len(transport.sent) == len(client.attempts) == 1


@both_kinds
@pytest.mark.parametrize("answer", [LOST, reply(500), reply(200, b"<html>"), RuntimeError()], ids=repr)
def test_an_unknown_refund_is_resent_under_the_same_key_while_the_provider_knows_it(
    kind: Kind, answer: Any, clock: Callable[[float], None]
) -> None:
    transport = Scripted(answer, accepted("paybyrd"))
    with scripted(kind, "paybyrd", transport) as client:
        with pytest.raises(OutcomeUnknown) as unknown:
            client.ask("paybyrd")
        clock(KNOWN - 1)
        refund = client.ask("paybyrd")
        assert client.ask("paybyrd").replayed
    assert unknown.value.resend is Resend.SAME_REFERENCE
    assert not refund.replayed
    first, second = transport.sent
    assert first == second


def test_an_unknown_refund_is_not_resent_once_the_provider_has_forgotten_its_key(
    clock: Callable[[float], None],
) -> None:
    transport = Scripted(LOST)
    with scripted("sync", "paybyrd", transport) as client:
        with pytest.raises(OutcomeUnknown):
            client.ask("paybyrd")
        clock(KNOWN)
        with pytest.raises(OutcomeUnknown) as late:
            client.ask("paybyrd")
    assert late.value.resend is Resend.NEVER
    assert len(transport.sent) == 1


def test_the_day_of_a_key_begins_when_it_was_first_sent(clock: Callable[[float], None]) -> None:
    transport = Scripted(UNREACHABLE, LOST, LOST)
    with scripted("sync", "paybyrd", transport) as client:
        with pytest.raises(NotSent):
            client.ask("paybyrd")
        clock(DAY)
        for expected in (Resend.SAME_REFERENCE, Resend.SAME_REFERENCE, Resend.NEVER):
            with pytest.raises(OutcomeUnknown) as unknown:
                client.ask("paybyrd")
            assert unknown.value.resend is expected
            clock(DAY / 2)
    assert len(transport.sent) == 3


def test_a_refund_whose_reply_comes_after_the_day_of_its_key_may_not_be_resent(
    clock: Callable[[float], None],
) -> None:
    def slow(_: WireRequest) -> SendFailure:
        clock(DAY)
        return LOST

    with scripted("sync", "paybyrd", Scripted(slow)) as client, pytest.raises(OutcomeUnknown) as unknown:
        client.ask("paybyrd")
    assert unknown.value.resend is Resend.NEVER


def test_a_mismatch_is_recorded_like_any_unknown_refund() -> None:
    transport = Scripted(reply(200, {"status": "completed", "amount": 2}), accepted("blink"))
    with scripted("sync", "blink", transport) as client:
        for _ in range(2):
            with pytest.raises(RefundMismatch) as mismatch:
                client.ask("blink")
            assert mismatch.value.differences == (("amount", "1.00", "2"),)
    assert len(transport.sent) == 1


@both_kinds
@every_provider
def test_a_refused_refund_may_be_resent(kind: Kind, provider: str) -> None:
    transport = Scripted(RECORDS[provider].refused, accepted(provider))
    with scripted(kind, provider, transport) as client:
        with pytest.raises(RefundRejected):
            client.ask(provider)
        assert not client.ask(provider).replayed
    assert client.attempts[0].outcome == "RefundRejected"
    assert len(transport.sent) == 2


@pytest.mark.parametrize("answer", [RECORDS["paybyrd"].refused, reply(401), reply(403, {"code": "BYRD403"})], ids=repr)
def test_a_refund_after_a_refusal_keeps_its_key_because_another_process_knows_no_other(answer: WireReply) -> None:
    transport = Scripted(answer, answer, LOST, accepted("paybyrd"))
    with scripted("sync", "paybyrd", transport) as client:
        refused = (RefundRejected, AuthenticationFailed)
        for expected in (refused, refused, OutcomeUnknown):
            with pytest.raises(expected):
                client.ask("paybyrd")
        client.ask("paybyrd")
    assert len({key_of(request) for request in transport.sent}) == 1


@pytest.mark.parametrize("answer", [RECORDS["paybyrd"].refused, reply(401), reply(403, {"code": "BYRD403"})], ids=repr)
def test_a_stored_refusal_says_until_when_it_is_repeated(answer: WireReply) -> None:
    with scripted("sync", "paybyrd", Scripted(answer)) as client:
        before = datetime.now(UTC)
        with pytest.raises((RefundRejected, AuthenticationFailed)) as refused:
            client.ask("paybyrd")
        after = datetime.now(UTC)
    assert isinstance(refused.value, RefundRejected | AuthenticationFailed)
    until = refused.value.same_answer_until
    assert until is not None
    assert before <= until - timedelta(seconds=DAY) <= after
    assert f"{until:%Y-%m-%d %H:%M} UTC" in str(refused.value)


@without_keys
def test_a_refusal_that_no_provider_stores_has_no_end(provider: str) -> None:
    with (
        scripted("sync", provider, Scripted(RECORDS[provider].refused)) as client,
        pytest.raises(RefundRejected) as refused,
    ):
        client.ask(provider)
    assert refused.value.same_answer_until is None
    assert "UTC" not in str(refused.value)


@both_kinds
@every_provider
def test_a_refund_that_was_not_sent_may_be_resent_unchanged(kind: Kind, provider: str) -> None:
    transport = Scripted(UNREACHABLE, UNREACHABLE, accepted(provider))
    with scripted(kind, provider, transport) as client:
        for _ in range(2):
            with pytest.raises(NotSent) as not_sent:
                client.ask(provider)
            assert not_sent.value.resend is Resend.SAFE
        client.ask(provider)
    first, second, third = transport.sent
    assert first == second == third


def test_a_key_is_made_from_the_reference_in_the_form_of_a_random_uuid() -> None:
    # Pinned: a release that makes another key of the same reference refunds twice where a resend crosses the release.
    pinned = "0445f18a-e46e-4580-be8b-877395543f36"
    transport = Scripted(accepted("paybyrd"))
    with scripted("sync", "paybyrd", transport) as client:
        prepared = client.client.prepare("paybyrd", payment_id=PAYMENT, amount=ONE_EURO, reference="order-1042/1")
        client.ask("paybyrd", reference="order-1042/1")
    assert key_of(transport.sent[0]) == key_of(prepared) == pinned
    assert uuid.UUID(pinned).version == 4


@pytest.mark.parametrize("answer", [UNREACHABLE, reply(401)], ids=["not sent", "credentials refused"])
def test_an_attempt_that_executed_nothing_does_not_make_an_unknown_refund_safe(
    answer: WireReply | SendFailure,
) -> None:
    transport = Scripted(LOST, answer, accepted("paybyrd"))
    with scripted("sync", "paybyrd", transport) as client:
        with pytest.raises(OutcomeUnknown):
            client.ask("paybyrd")
        with pytest.raises((OutcomeUnknown, NotSent, AuthenticationFailed)) as second:
            client.ask("paybyrd")
        client.ask("paybyrd")
    assert second.value.resend is Resend.SAME_REFERENCE
    assert len({key_of(request) for request in transport.sent}) == 1


def test_an_unknown_refund_stays_unknown_after_an_unsent_attempt(clock: Callable[[float], None]) -> None:
    transport = Scripted(LOST, UNREACHABLE)
    with scripted("sync", "paybyrd", transport) as client:
        with pytest.raises(OutcomeUnknown):
            client.ask("paybyrd")
        with pytest.raises((OutcomeUnknown, NotSent)):
            client.ask("paybyrd")
        clock(DAY)
        with pytest.raises(OutcomeUnknown) as late:
            client.ask("paybyrd")
    assert late.value.resend is Resend.NEVER
    assert len(transport.sent) == 2


@pytest.mark.parametrize("code", ["BYRD901", "BYRD205", "BYRD208"])
def test_a_refusal_of_the_same_key_by_the_provider_resolves_an_unknown_refund(code: str) -> None:
    transport = Scripted(LOST, reply(400, {"code": code}), accepted("paybyrd"))
    with scripted("sync", "paybyrd", transport) as client:
        with pytest.raises(OutcomeUnknown):
            client.ask("paybyrd")
        with pytest.raises(RefundRejected) as refused:
            client.ask("paybyrd")
        client.ask("paybyrd")
    assert refused.value.resend is Resend.SAFE
    assert len({key_of(request) for request in transport.sent}) == 1


@pytest.mark.parametrize("code", ["BYRD206", "BYRD230", "BYRD231", "BYRD240", "BYRD290", "BYRD292", "BYRD900"])
def test_a_refusal_that_the_lost_refund_may_have_caused_or_delayed_leaves_it_unknown(code: str) -> None:
    transport = Scripted(LOST, reply(400, {"code": code}), accepted("paybyrd"))
    with scripted("sync", "paybyrd", transport) as client:
        for _ in range(2):
            with pytest.raises(OutcomeUnknown) as unknown:
                client.ask("paybyrd")
            assert unknown.value.resend is Resend.SAME_REFERENCE
        client.ask("paybyrd")
    assert [attempt.outcome for attempt in client.attempts] == ["OutcomeUnknown", "OutcomeUnknown", "SUCCEEDED"]
    assert len({key_of(request) for request in transport.sent}) == 1


def test_the_error_of_an_unknown_refund_does_not_grow_with_each_attempt() -> None:
    transport = Scripted(LOST, UNREACHABLE)
    lengths = []
    with scripted("sync", "paybyrd", transport) as client:
        for _ in range(20):
            with pytest.raises(OutcomeUnknown) as unknown:
                client.ask("paybyrd")
            lengths.append(len(str(unknown.value)))
    assert lengths[-1] <= 2 * lengths[1]


def test_preparing_a_refund_does_not_reserve_its_reference() -> None:
    transport = Scripted(accepted("blink"))
    with scripted("sync", "blink", transport) as client:
        other = Money.of("2.00", "EUR")
        client.client.prepare("blink", payment_id="payment-2", amount=other, reference="reference-1")
        assert not client.ask("blink").replayed
    assert json.loads(transport.sent[0].body)["amount"] == 1


def test_a_day_is_measured_by_the_wall_clock_where_the_machine_slept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def asleep(_: WireRequest) -> SendFailure:
        now[0] += DAY
        return LOST

    now = [1_800_000_000.0]
    monkeypatch.setattr(SYSTEM, "wall", lambda: now[0])
    transport = Scripted(asleep)
    retry = Retry(attempts=3, first_wait=0.001)
    with (
        caller("sync", account("paybyrd", transport=transport), retry=retry) as client,
        pytest.raises(OutcomeUnknown) as unknown,
    ):
        client.ask("paybyrd")
    assert unknown.value.resend is Resend.NEVER
    assert len(transport.sent) == 1


def test_whether_to_retry_is_decided_after_each_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_800_000_000.0]
    monkeypatch.setattr(SYSTEM, "wall", lambda: now[0])

    def sleep(_: float) -> None:
        now[0] += DAY

    monkeypatch.setattr("time.sleep", sleep)
    transport = Scripted(LOST)
    with (
        caller("sync", account("paybyrd", transport=transport), retry=Retry(attempts=3)) as client,
        pytest.raises(OutcomeUnknown) as unknown,
    ):
        client.ask("paybyrd")
    assert unknown.value.resend is Resend.NEVER
    assert len(transport.sent) == 1


MEASURING = """
import gc, sys, tracemalloc, uuid
from refundry import Money, RefundClient
from tests.facade.support import account, reply

COUNT = 2_000


class Answering:
    def send(self, request, timeout):
        refund_id = str(uuid.uuid4())
        said = {"transaction_id": refund_id} if "pay-connect" in request.target else {"status": "completed"}
        names = ("transactionId", "refunded_transaction_id")
        return reply(200, {"code": "BYRD200", **said, **dict.fromkeys(names, refund_id)})

    def close(self):
        pass


client = RefundClient([account(sys.argv[1], transport=Answering())])


def refund(number):
    payment, amount = str(uuid.uuid4()), Money.from_minor(1000 + number, "EUR")
    assert client.refund(sys.argv[1], payment_id=payment, amount=amount, reference=f"order-{number}/1").refund_id


for number in range(COUNT):  # what is loaded once, and the first tables
    refund(number)
gc.collect()
tracemalloc.start()
for number in range(COUNT, 2 * COUNT):
    refund(number)
gc.collect()
print(tracemalloc.get_traced_memory()[0] / COUNT)
"""


@every_provider
def test_a_recorded_reference_takes_at_most_700_bytes_with_two_ids(provider: str) -> None:
    path = os.pathsep.join(sys.path)
    run = subprocess.run(
        [sys.executable, "-c", MEASURING, provider],
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert 200 < float(run.stdout) <= 700
