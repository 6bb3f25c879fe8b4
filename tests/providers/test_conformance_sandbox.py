"""What every provider keeps to at its sandbox and by its contract."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from refundry import (
    Evidence,
    Money,
    NotSent,
    Operation,
    OutcomeUnknown,
    Refund,
    RefundClient,
    RefundError,
    RefundStatus,
    SendFailure,
    Timeout,
    WebhookRejected,
    WireReply,
    WireRequest,
)
from refundry.sandbox import Fault, SandboxTransport
from refundry.transport.over_httpx import HttpxTransport
from scripts.contract import effective
from scripts.document import resolve
from tests.contract.evidence import results
from tests.contract.openapi import undocumented_headers, violations
from tests.contract.replies import odd_bodies
from tests.contract.support import every_call, named, prepared, result_of, told
from tests.facade.support import ONCE
from tests.providers.cases import every_record
from tests.providers.fourth import mounting
from tests.providers.fourth.sandbox import FourthSandbox
from tests.providers.record import ProviderRecord, reply


def contract_of(record: ProviderRecord) -> Mapping[str, Any]:
    """Return the effective contract."""
    return mounting.contract() if record.name == "fourth" else effective(record.name)


class Recorder:
    """A transport to a sandbox that keeps what it carries."""

    def __init__(self, sandbox: FourthSandbox) -> None:
        self.sent: list[WireRequest] = []
        self._inner = HttpxTransport(SandboxTransport(sandbox))

    def send(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
        self.sent.append(request)
        return self._inner.send(request, timeout)

    def close(self) -> None:
        self._inner.close()


def at_sandbox(record: ProviderRecord, sandbox: FourthSandbox) -> tuple[RefundClient, Recorder]:
    """Return a client of an account that fetches its token, where there are tokens, and what it sends."""
    recorder = Recorder(sandbox)
    fixed = {"X-Fourth-Key": "key"}
    made = [one for one in sandbox.accounts(transport=recorder) if one.name == record.name]
    if not made:
        options = {fixed[name]: value for name, value in record.sandbox.headers.items()}
        made = [record.account(transport=recorder, **options, **record.callbacks.account)]
    return RefundClient(made, retry=ONCE), recorder


def refunded(record: ProviderRecord, client: RefundClient, payment: str, reference: str = "order-1/1") -> Refund:
    """Refund one unit of money of a payment."""
    amount = Money.of("1", record.sandbox.currency)
    return client.refund(record.name, payment_id=payment, amount=amount, reference=reference)


# The sandbox.


@every_record
def test_a_refund_is_followed_to_its_end_and_every_request_fits_the_contract(record: ProviderRecord) -> None:
    sandbox = FourthSandbox()
    client, recorder = at_sandbox(record, sandbox)
    refund = refunded(record, client, record.sandbox.pending_payment)
    states = [client.lookup(refund).status]
    for _ in range(record.sandbox.steps):
        sandbox.advance()
        states.append(client.lookup(refund).status)
    assert [*dict.fromkeys(states)] == [RefundStatus.PENDING, RefundStatus.SUCCEEDED]
    assert [one.amount for one in sandbox.refunds(record.name)] == [100]
    assert sandbox.violations == ()
    contract = contract_of(record)
    assert [violations(contract, request) for request in recorder.sent] == [set()] * len(recorder.sent)
    others = {(one.method, re.sub(r"[0-9a-f-]{36}", "{}", one.target)) for one in recorder.sent[1:]}
    assert others & record.sandbox.questions


@every_record
def test_a_refund_that_was_called_off_has_failed(record: ProviderRecord) -> None:
    sandbox = FourthSandbox()
    client, _ = at_sandbox(record, sandbox)
    refund = refunded(record, client, record.sandbox.pending_payment)
    refund = client.lookup(refund)
    if client.capabilities(record.name)[Operation.REFUND].cancel:
        assert client.cancel(refund).status is RefundStatus.FAILED
    else:
        with pytest.raises(RefundError, match="cannot call off"):
            client.cancel(refund)
    assert sandbox.violations == ()


@every_record
@pytest.mark.parametrize("fault", Fault)
def test_a_fault_executes_what_it_says_and_is_never_taken_for_a_refusal(record: ProviderRecord, fault: Fault) -> None:
    if fault in (Fault.HANG_BEFORE, Fault.HANG_AFTER, Fault.SLOW_DRIP):
        pytest.skip("a sandbox in the process neither hangs nor drips")
    sandbox = FourthSandbox()
    client, _ = at_sandbox(record, sandbox)
    operation = record.sandbox.operation.replace("unreferenced", "transaction")  # that of a payment
    sandbox.script(record.name, fault, operation=operation)
    try:
        result: Refund | RefundError = refunded(record, client, record.sandbox.payment or "lab4pay-payment")
    except RefundError as error:
        result = error
    assert len(sandbox.refunds(record.name)) == fault.executes
    assert named(result) in (
        {"RefundRejected"}
        if fault is Fault.DECLINED
        else {"NotSent"}
        if fault is Fault.CUT_BEFORE
        else {record.accepted_as.name, "OutcomeUnknown", "RefundMismatch"}
    )
    assert isinstance(result, Refund) <= fault.executes


@every_record
def test_a_callback_of_the_sandbox_is_believed_and_a_forged_one_is_not(record: ProviderRecord) -> None:
    sandbox = FourthSandbox()
    client, _ = at_sandbox(record, sandbox)
    refund = client.lookup(refunded(record, client, record.sandbox.pending_payment))
    assert refund.refund_id is not None
    for _ in range(record.sandbox.steps):
        sandbox.advance()
    callback = sandbox.callback(record.name, refund.refund_id)
    event = client.webhook(record.name, headers=callback.headers, body=callback.body)
    proven = record.callbacks.proves != "nothing"
    assert (event.refund_id, event.authentic) == (refund.refund_id, proven)
    assert event.status is (RefundStatus.SUCCEEDED if proven else None)
    if proven:
        forged = sandbox.callback(record.name, refund.refund_id, forged=True)
        with pytest.raises(WebhookRejected):
            client.webhook(record.name, headers=forged.headers, body=forged.body)
    else:
        with pytest.raises(ValueError, match="nothing to forge"):
            sandbox.callback(record.name, refund.refund_id, forged=True)


@every_record
def test_wrong_credentials_execute_nothing(record: ProviderRecord) -> None:
    sandbox = FourthSandbox()
    recorder = Recorder(sandbox)
    with RefundClient([record.account(transport=recorder)], retry=ONCE) as client, pytest.raises(RefundError) as error:
        refunded(record, client, record.sandbox.payment or record.sandbox.pending_payment)
    assert type(error.value).__name__ == "AuthenticationFailed"
    assert sandbox.refunds(record.name) == ()


# The contract.


@every_record
def test_every_request_fits_the_effective_contract(record: ProviderRecord) -> None:
    contract = contract_of(record)
    references = set()
    for call in every_call(record.name):
        if call.reference in references and call.amount.__class__ is Money:
            continue  # every amount of one currency, and every reference, is tried in tests/contract
        references.add(call.reference)
        request = prepared(call)
        assert (violations(contract, request), undocumented_headers(contract, request)) == (set(), set())


@every_record
def test_the_hosts_of_an_account_are_the_servers_of_the_contract(record: ProviderRecord) -> None:
    assert set(record.account().HOSTS.values()) == {server["url"] for server in contract_of(record)["servers"]}


@every_record
def test_every_word_of_the_contract_has_a_state_and_every_code_a_verdict(record: ProviderRecord) -> None:
    contract = contract_of(record)
    plain = {re.sub(r"[\s_-]+", " ", word).lower() for word in record.states.words}
    listed = resolve(contract, record.states.listed_at)
    assert {re.sub(r"[\s_-]+", " ", word).lower() for word in listed} <= plain
    if record.contract.codes_at:
        assert set(resolve(contract, record.contract.codes_at)) == set(record.contract.by_code)


@every_record
def test_each_status_and_each_code_comes_to_the_verdict_of_the_documents(record: ProviderRecord) -> None:
    call = record.contract.calls[0]
    for status, verdict in record.contract.by_status.items():
        success = record.contract.bodies.get(status, record.contract.accepting(call))
        answer = reply(status, success if status < 300 else record.contract.refusing)
        assert told(result_of(call, answer)) == verdict, status
        assert type(result_of(call, WireReply(status, (), answer.body, complete=False))) is OutcomeUnknown
    for code, (status, verdict) in record.contract.by_code.items():
        assert told(result_of(call, reply(status, {record.contract.code_name: code}))) == verdict, code
    for status, code in record.contract.unlisted_codes:
        assert type(result_of(call, reply(status, {record.contract.code_name: code}))) is OutcomeUnknown, code


@every_record
def test_a_reply_becomes_nothing_that_it_is_no_evidence_for(record: ProviderRecord) -> None:
    call = record.contract.calls[0]
    names = {*record.contract.accepting(call), *record.contract.refusing}
    for status in (*record.contract.by_status, 202, 409, 503):
        for body in odd_bodies(call, record.contract.refusing, sorted(names)):
            answer = WireReply(status, (), body)
            assert named(result_of(call, answer)) in results(call, answer), (status, body[:400])


@every_record
def test_a_refund_that_was_not_sent_says_so(record: ProviderRecord) -> None:
    failure = SendFailure(Evidence.NOT_SENT, "the connection was refused")
    assert type(result_of(record.contract.calls[0], failure)) is NotSent
