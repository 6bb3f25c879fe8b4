"""The two clients: refusals before sending, the reports to their hooks, and that nothing else is raised."""

import asyncio
import json
import logging
from typing import Any

import pytest

from refundry import (
    FULL,
    AsyncRefundClient,
    Attempt,
    ContractDeviation,
    Evidence,
    InvalidRefund,
    Money,
    NotSent,
    Operation,
    OutcomeUnknown,
    RefundClient,
    RefundError,
    RefundRejected,
    Resend,
    SendFailure,
    Timeout,
    UnsupportedOperation,
    WireReply,
)
from tests.facade.support import KINDS, Kind, Scripted, accepted, caller, scripted
from tests.providers import PROVIDERS, account, where
from tests.providers.record import ONE_EURO, PAYMENT, reply

both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)


@both_kinds
@pytest.mark.parametrize("provider", ["stripe", "Paybyrd", "", None, 7, ["paybyrd"]])
def test_an_unknown_account_is_refused_with_the_names_of_the_known_ones(kind: Kind, provider: Any) -> None:
    with caller(kind, account("paybyrd"), account("blink")) as client:
        with pytest.raises(InvalidRefund, match="paybyrd, blink") as refused:
            client.refund(provider, payment_id=PAYMENT, amount=ONE_EURO, reference="r-1")
        with pytest.raises(InvalidRefund):
            client.client.capabilities(provider)
    assert refused.value.field == "provider"


@both_kinds
def test_a_client_without_accounts_is_refused(kind: Kind) -> None:
    with caller(kind) as client, pytest.raises(InvalidRefund, match="no provider at all"):
        client.ask("blink")


@both_kinds
def test_two_accounts_of_one_name_are_refused(kind: Kind) -> None:
    with pytest.raises(InvalidRefund, match="name=") as refused:
        caller(kind, account("blink"), account("paybyrd", name="blink"))
    assert refused.value.field == "name"


@both_kinds
def test_an_account_is_chosen_by_its_name(kind: Kind) -> None:
    transports = Scripted(accepted("blink")), Scripted(accepted("blink"))
    shops = [account("blink", name=f"shop-{n}", transport=transport) for n, transport in enumerate(transports)]
    with caller(kind, *shops) as client:
        assert client.ask("shop-1").provider == "shop-1"
    assert [len(transport.sent) for transport in transports] == [0, 1]


@both_kinds
def test_a_closed_client_sends_nothing(kind: Kind) -> None:
    transport = Scripted(accepted("blink"))
    with scripted(kind, "blink", transport) as client:
        client.close()
        with pytest.raises(InvalidRefund, match="closed") as refused:
            client.ask("blink")
        with pytest.raises(InvalidRefund, match="closed"):
            client.client.prepare("blink", payment_id=PAYMENT, amount=ONE_EURO, reference="r-1")
    assert refused.value.field == "client"
    assert transport.sent == []


@both_kinds
def test_a_transport_of_the_caller_stays_open(kind: Kind) -> None:
    transport = Scripted(accepted("blink"))
    with scripted(kind, "blink", transport) as client:
        client.ask("blink")
    assert not transport.closed


@pytest.mark.parametrize(("client", "method"), [(RefundClient, "send"), (AsyncRefundClient, "asend")])
def test_a_transport_of_the_wrong_kind_is_refused_at_once(client: Any, method: str) -> None:
    class WrongKind:
        def __init__(self) -> None:
            other = "asend" if method == "send" else "send"
            setattr(self, other, Scripted(accepted("blink")).send)

    with pytest.raises(InvalidRefund, match=rf"{method}\(\)") as refused:
        client([account("blink", transport=WrongKind())])
    assert refused.value.field == "transport"


@both_kinds
@pytest.mark.parametrize(
    ("provider", "arguments", "field"),
    [
        ("paybyrd", {"payment_id": PAYMENT, "amount": FULL}, "amount"),
        ("lab4pay", {"payment_id": PAYMENT, "amount": FULL}, "amount"),
    ],
)
def test_a_missing_capability_is_refused_and_nothing_is_sent(
    kind: Kind, provider: str, arguments: dict[str, Any], field: str
) -> None:
    transport = Scripted(accepted(provider))
    with scripted(kind, provider, transport) as client, pytest.raises(UnsupportedOperation) as refused:
        client.refund(provider, reference="r-1", **arguments)
    assert (refused.value.field, refused.value.provider, refused.value.reference) == (field, provider, "r-1")
    assert refused.value.resend is Resend.SAFE
    assert transport.sent == []


@both_kinds
@pytest.mark.parametrize("provider", where(lambda record: record.operation is Operation.REFUND))
def test_a_refund_without_a_payment_is_refused_where_the_provider_needs_one(kind: Kind, provider: str) -> None:
    transport = Scripted(accepted(provider))
    with scripted(kind, provider, transport) as client:
        with pytest.raises(UnsupportedOperation) as unsupported:
            client.refund_unreferenced(provider, amount=ONE_EURO, reference="r-1")
        with pytest.raises(InvalidRefund, match="refund_unreferenced") as missing:
            client.refund(provider, payment_id=None, amount=ONE_EURO, reference="r-1")
    assert unsupported.value.field == missing.value.field == "payment_id"
    assert transport.sent == []


@both_kinds
def test_a_refusal_before_sending_leaves_the_reference_free(kind: Kind) -> None:
    transport = Scripted(accepted("blink"))
    with scripted(kind, "blink", transport, currency="EUR") as client:
        with pytest.raises(InvalidRefund):
            client.ask("blink", amount=Money.of("1.00", "GBP"))
        assert not client.ask("blink", amount=Money.of("1.00", "EUR")).replayed


@both_kinds
@every_provider
def test_a_prepared_request_is_the_request_that_is_sent(kind: Kind, provider: str) -> None:
    transport = Scripted(accepted(provider))
    payment_id = None if provider == "lab4pay" else PAYMENT
    with scripted(kind, provider, transport) as client:
        prepared = client.client.prepare(provider, payment_id=payment_id, amount=ONE_EURO, reference="reference-1")
        assert transport.sent == []
        client.ask(provider)
    (sent,) = transport.sent
    assert (prepared.method, prepared.url, prepared.headers) == (sent.method, sent.url, sent.headers)
    assert json.loads(prepared.body) == json.loads(sent.body)
    assert [name for name, _ in prepared.credentials] == [name for name, _ in sent.credentials]


@pytest.mark.parametrize(
    ("provider", "operations", "expected"),
    [
        (
            "lab4pay",
            [Operation.REFUND, Operation.REFUND_UNREFERENCED],
            (True, False, None, "later", {"refund_id"}, True, "signature"),
        ),
        (
            "paybyrd",
            [Operation.REFUND],
            (True, False, 24 * 3600, "now", {"refund_id", "tracking_id"}, False, "shared secret"),
        ),
        ("blink", [Operation.REFUND], (True, True, None, "now", {"refund_id"}, False, "nothing")),
    ],
)
def test_the_capabilities_say_what_a_provider_can_do(provider: str, operations: list[Operation], expected: Any) -> None:
    with scripted("sync", provider, Scripted(accepted(provider))) as client:
        capabilities = client.client.capabilities(provider)
    assert list(capabilities) == operations
    for can in capabilities.values():
        says = (can.partial, can.full_without_amount, can.idempotency_window, can.settles)
        assert (*says, can.lookup, can.cancel, can.callbacks) == expected
        assert can.absence_proves == "nothing"


@every_provider
def test_a_provider_reports_what_its_capabilities_say(provider: str) -> None:
    body: dict[str, Any] = {
        "transaction_id": PAYMENT if provider == "blink" else "refund-1",
        "code": "BYRD200",
        "isoAmount": 100,
        "transactionId": "refund-1",
        "sourceTransaction": {"transactionId": PAYMENT, "isoRemainingAmount": 0},
        "status": "completed",
        "amount": "1.00",
        "refunded_transaction_id": "refund-1",
        "reference": "reference-1",
    }
    wrong: dict[str, dict[str, Any]] = {
        "amount": {"isoAmount": 1, "amount": "0.01"},
        "payment_id": {"transaction_id": "other", "sourceTransaction": {"transactionId": "other"}},
        "reference": {"reference": "other"},
    }
    with scripted("sync", provider, Scripted(reply(200, body))) as client:
        refund = client.ask(provider)
        capabilities = [*client.client.capabilities(provider).values()][-1]
    reported = {name for name in ("refund_id", "remaining") if getattr(refund, name) is not None}
    for name, changes in wrong.items():
        with scripted("sync", provider, Scripted(reply(200, {**body, **changes}))) as client:
            try:
                client.ask(provider)
            except OutcomeUnknown:
                reported.add(name)
    assert reported == capabilities.reports


@both_kinds
def test_the_timeout_of_the_client_bounds_each_attempt(kind: Kind) -> None:
    transport = Scripted(accepted("blink"))
    with caller(kind, account("blink", transport=transport), timeout=Timeout(1, 2, 3)) as client:
        client.ask("blink", reference="r-1")
    with scripted(kind, "blink", transport) as client:
        client.ask("blink", reference="r-1")
    assert transport.timeouts == [Timeout(1, 2, 3), Timeout()]


@both_kinds
@pytest.mark.parametrize(
    ("answer", "evidence", "status", "outcome"),
    [
        (reply(200, {"success": True}), Evidence.ANSWERED, 200, "SUCCEEDED"),
        (reply(200, {"status": "pending"}), Evidence.ANSWERED, 200, "PENDING"),
        (reply(422, {"success": False}), Evidence.ANSWERED, 422, "RefundRejected"),
        (reply(401), Evidence.ANSWERED, 401, "AuthenticationFailed"),
        (reply(500), Evidence.ANSWERED, 500, "OutcomeUnknown"),
        (reply(200, {"success": True, "amount": 2}), Evidence.ANSWERED, 200, "RefundMismatch"),
        (SendFailure(Evidence.NOT_SENT, "no"), Evidence.NOT_SENT, None, "NotSent"),
        (SendFailure(Evidence.MAYBE_SENT, "no"), Evidence.MAYBE_SENT, None, "OutcomeUnknown"),
        (KeyError("x"), Evidence.MAYBE_SENT, None, "OutcomeUnknown"),
    ],
    ids=repr,
)
def test_each_attempt_is_reported_with_its_evidence_and_its_outcome(
    kind: Kind, answer: Any, evidence: Evidence, status: int | None, outcome: str
) -> None:
    with scripted(kind, "blink", Scripted(answer)) as client:
        try:
            result = client.ask("blink").status.name
        except RefundError as error:
            result = type(error).__name__
    (attempt,) = client.attempts
    assert result == outcome
    assert (attempt.provider, attempt.reference, attempt.operation) == ("blink", "reference-1", Operation.REFUND)
    assert (attempt.evidence, attempt.status, attempt.outcome) == (evidence, status, outcome)
    assert 0 <= attempt.seconds < 5


@both_kinds
@every_provider
@pytest.mark.parametrize("error", [ValueError("x"), OSError(), TimeoutError(), AssertionError(), StopIteration()])
def test_a_refund_is_unknown_after_any_exception_of_its_transport(kind: Kind, provider: str, error: Exception) -> None:
    with scripted(kind, provider, Scripted(error)) as client, pytest.raises(OutcomeUnknown) as unknown:
        client.ask(provider)
    if not isinstance(error, StopIteration):  # a coroutine turns that one into a RuntimeError
        assert type(error).__name__ in str(unknown.value)
    assert [attempt.evidence for attempt in client.attempts] == [Evidence.MAYBE_SENT]


@both_kinds
@pytest.mark.parametrize("answer", [None, b"{}", (200, b"{}")])
def test_a_refund_is_unknown_after_any_wrong_type_from_its_transport(kind: Kind, answer: Any) -> None:
    transport = Scripted(lambda _: answer)
    with scripted(kind, "blink", transport) as client:
        for _ in range(2):
            with pytest.raises(OutcomeUnknown) as unknown:
                client.ask("blink")
            assert unknown.value.resend is Resend.NEVER
    assert len(transport.sent) == 1


@both_kinds
def test_a_fault_in_reading_a_reply_leaves_the_refund_unknown(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise LookupError("what the reply holds")

    monkeypatch.setattr("refundry.providers.blink.BlinkTranslation.interpret", broken)
    transport = Scripted(accepted("blink"))
    with scripted(kind, "blink", transport) as client:
        for _ in range(2):
            with pytest.raises(OutcomeUnknown, match="LookupError") as unknown:
                client.ask("blink")
            assert "what the reply holds" not in str(unknown.value)
            assert (unknown.value.resend, unknown.value.http_status) == (Resend.NEVER, 200)
    assert len(transport.sent) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_call_leaves_the_reference_unknown(error: type[BaseException]) -> None:
    transport = Scripted(error(), accepted("blink"))
    with scripted("sync", "blink", transport) as client:
        with pytest.raises(error):
            client.ask("blink")
        with pytest.raises(OutcomeUnknown, match="interrupted") as unknown:
            client.ask("blink")
    assert unknown.value.resend is Resend.NEVER
    assert [(attempt.evidence, attempt.outcome) for attempt in client.attempts] == [
        (Evidence.MAYBE_SENT, "OutcomeUnknown")
    ]
    assert len(transport.sent) == 1


def test_a_call_that_is_cancelled_is_cancelled_and_leaves_the_reference_unknown() -> None:
    class Hanging(Scripted):
        async def asend(self, request: Any, timeout: Any) -> WireReply | SendFailure:
            self.sent.append(request)
            await asyncio.sleep(60)
            return accepted("blink")

    transport, attempts = Hanging(accepted("blink")), list[Attempt]()

    async def cancelled() -> None:
        client = AsyncRefundClient([account("blink", transport=transport)], on_attempt=attempts.append)
        call = asyncio.create_task(client.refund("blink", payment_id=PAYMENT, amount=ONE_EURO, reference="r-1"))
        while not transport.sent:
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        with pytest.raises(OutcomeUnknown) as unknown:
            await client.refund("blink", payment_id=PAYMENT, amount=ONE_EURO, reference="r-1")
        assert unknown.value.resend is Resend.NEVER

    asyncio.run(cancelled())
    assert len(transport.sent) == 1
    assert [attempt.evidence for attempt in attempts] == [Evidence.MAYBE_SENT]


@both_kinds
@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (reply(200, {"success": True, "amount": "1.00", "message": None}), None),
        (reply(422, {"success": False, "message": None}), RefundRejected),
        (reply(418, {}), OutcomeUnknown),
        (SendFailure(Evidence.NOT_SENT, "no"), NotSent),
    ],
    ids=repr,
)
def test_a_hook_that_raises_is_logged_and_changes_no_outcome(
    kind: Kind, answer: Any, outcome: type[RefundError] | None, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(event: Attempt | ContractDeviation) -> None:
        raise ZeroDivisionError(type(event).__name__)

    transport = Scripted(answer)
    with caller(kind, account("blink", transport=transport), on_attempt=broken, on_deviation=broken) as client:
        if outcome is None:
            assert client.ask("blink").amount == ONE_EURO
        else:
            with pytest.raises(outcome):
                client.ask("blink")
    assert {record.name for record in caplog.records} == {"refundry"}
    unknown = {logging.WARNING} if outcome is OutcomeUnknown else set()
    assert {record.levelno for record in caplog.records} == {logging.ERROR, *unknown}
    assert "ZeroDivisionError: Attempt" in caplog.text
    assert ("ZeroDivisionError: ContractDeviation" in caplog.text) is isinstance(answer, WireReply)


@both_kinds
def test_without_hooks_nothing_is_reported_and_nothing_is_logged(kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    transport = Scripted(reply(200, {"success": True, "message": None}))
    with caller(kind, account("blink", transport=transport), on_attempt=None, on_deviation=None) as client:
        assert client.ask("blink").amount == ONE_EURO
    assert (client.attempts, client.deviations, caplog.records) == ([], [], [])


@both_kinds
def test_a_deviation_names_the_provider_and_the_operation(kind: Kind) -> None:
    with scripted(kind, "lab4pay", Scripted(reply(200, {"transaction_id": []})), name="till") as client:
        with pytest.raises(OutcomeUnknown):
            client.refund_unreferenced("till", amount=ONE_EURO, reference="r-1")
        (deviation,) = client.deviations
    assert (deviation.provider, deviation.operation) == ("till", Operation.REFUND_UNREFERENCED)
    assert (deviation.pointer, deviation.rule) == ("/transaction_id", "is not a text, or an empty one")


@both_kinds
def test_the_repr_of_a_client_names_its_accounts(kind: Kind) -> None:
    with caller(kind, account("paybyrd"), account("blink", name="shop-1")) as client:
        assert repr(client.client) == f"<{type(client.client).__name__} of paybyrd, shop-1>"
    with caller(kind) as client:
        assert repr(client.client) == f"<{type(client.client).__name__} of no provider>"
