"""Properties of every provider at its sandbox and by its contract."""

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
    UnsupportedOperation,
    WebhookRejected,
    WireReply,
    WireRequest,
)
from refundry.sandbox import Fault, Sandbox, SandboxTransport
from refundry.transport.over_httpx import HttpxTransport
from scripts.contracts.pointers import resolve
from tests.contract.evidence import results
from tests.contract.openapi import undocumented_headers, violations
from tests.contract.replies import described, odd_bodies
from tests.contract.support import Script, account, ask, every_call, named, prepared, result_of, verdict_of
from tests.facade.support import ONCE
from tests.providers.cases import every_record
from tests.providers.record import Call, ProviderRecord, reply, with_value

TIMED = (Fault.HANG_BEFORE, Fault.HANG_AFTER, Fault.SLOW_DRIP)
"""The faults that take time: a sandbox within the process neither hangs nor drips."""


class Recorder:
    """A transport to a sandbox that records its requests and replies."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sent: list[WireRequest] = []
        self._inner = HttpxTransport(SandboxTransport(sandbox))

    def send(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
        self.sent.append(request)
        return self._inner.send(request, timeout)

    def close(self) -> None:
        self._inner.close()


def at_sandbox(record: ProviderRecord, sandbox: Sandbox) -> tuple[RefundClient, Recorder]:
    """Return a client of an account that fetches its token, where there are tokens, and its transport."""
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
    sandbox = Sandbox()
    client, recorder = at_sandbox(record, sandbox)
    refund = client.lookup(refunded(record, client, record.sandbox.pending_payment))
    states = [client.lookup(refund).status]
    for _ in range(record.sandbox.steps):
        sandbox.advance()
        states.append(client.lookup(refund).status)
    assert [*dict.fromkeys(states)] == [RefundStatus.PENDING, RefundStatus.SUCCEEDED]
    second = client.lookup(refunded(record, client, record.sandbox.pending_payment, "order-1/2"))
    if client.capabilities(record.name)[Operation.REFUND].cancel:
        assert client.cancel(second).status is RefundStatus.FAILED
    else:
        with pytest.raises(UnsupportedOperation):
            client.cancel(second)
    assert [one.amount for one in sandbox.refunds(record.name)] == [100, 100]
    assert sandbox.violations == ()
    found = [violations(record.contract.effective(), request) for request in recorder.sent]
    assert found == [set()] * len(recorder.sent)
    others = [one for one in recorder.sent if "/refund" not in one.target or one.method == "GET"]
    assert {(one.method, re.sub(r"[0-9a-f-]{36}", "{}", one.target)) for one in others} == record.sandbox.other_requests


@every_record
# A client renews a token that expired, and sends the refund again: tests/sandbox/test_chance_and_time.py.
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in (*TIMED, Fault.TOKEN_EXPIRED)])
def test_a_fault_executes_what_it_says_and_is_never_read_as_a_refusal(record: ProviderRecord, fault: Fault) -> None:
    sandbox = Sandbox()
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
    sandbox = Sandbox()
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
    sandbox = Sandbox()
    recorder = Recorder(sandbox)
    with RefundClient([record.account(transport=recorder)], retry=ONCE) as client, pytest.raises(RefundError) as error:
        refunded(record, client, record.sandbox.payment or record.sandbox.pending_payment)
    assert type(error.value).__name__ == "AuthenticationFailed"
    assert sandbox.refunds(record.name) == ()


# The contract.


@every_record
def test_every_request_fits_the_effective_contract(record: ProviderRecord) -> None:
    contract = record.contract.effective()
    references = set()
    for call in every_call(record.name):
        if call.reference in references and call.amount.__class__ is Money:
            continue  # tests/contract tries every amount of one currency, and every reference
        references.add(call.reference)
        request = prepared(call)
        assert (violations(contract, request), undocumented_headers(contract, request)) == (set(), set())


@every_record
def test_the_hosts_of_an_account_are_the_servers_of_the_contract(record: ProviderRecord) -> None:
    assert set(record.account().HOSTS.values()) == {server["url"] for server in record.contract.effective()["servers"]}


@every_record
def test_every_word_of_the_contract_has_a_state_and_every_code_an_outcome(record: ProviderRecord) -> None:
    contract = record.contract.effective()
    plain = {re.sub(r"[\s_-]+", " ", word).lower() for word in record.states.words}
    listed = resolve(contract, record.states.listed_at)
    assert {re.sub(r"[\s_-]+", " ", word).lower() for word in listed} <= plain
    if record.contract.codes_at:
        assert set(resolve(contract, record.contract.codes_at)) == set(record.contract.by_code)


def verdict(record: ProviderRecord, status: int, body: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the outcome of a reply, and the pointers of its deviations."""
    pointers: list[str] = []
    script = Script(reply(status, body))
    options: Any = {"retry": ONCE, "on_deviation": lambda deviation: pointers.append(deviation.pointer)}
    try:
        result: Refund | RefundError = ask(RefundClient([account(record.name, script)], **options), first(record))
    except RefundError as error:
        result = error
    return verdict_of(result), pointers


def first(record: ProviderRecord) -> Call:
    """Return the simplest call."""
    return record.contract.calls[0]


def described_by(record: ProviderRecord, status: int) -> Mapping[str, Any]:
    """Return a body for a status that the contract describes."""
    if status >= 300:
        return record.contract.refusing
    return record.contract.bodies.get(status, record.contract.accepting(first(record)))


@every_record
def test_every_status_of_the_contract_has_the_outcome_of_the_documents(record: ProviderRecord) -> None:
    statuses = [one.statuses[0] for one in described(record.name)]
    bodiless = {status for status in record.contract.by_status if status not in statuses}
    assert {status: verdict(record, status, described_by(record, status)) for status in [*statuses, *bodiless]} == {
        status: (result, []) for status, result in record.contract.by_status.items()
    }


@every_record
def test_every_code_of_the_contract_has_the_outcome_of_the_documents(record: ProviderRecord) -> None:
    name, rest = record.contract.code_name, record.contract.code_in
    for code, (status, result) in record.contract.by_code.items():
        assert verdict(record, status, with_value(rest, name, code)) == (result, []), code
    for status, code in record.contract.unlisted_codes:
        assert verdict(record, status, with_value(rest, name, code)) == ("OutcomeUnknown", [f"/{name}"]), code


@every_record
def test_a_status_that_the_contract_does_not_describe_is_unknown_and_reported(record: ProviderRecord) -> None:
    known = {status for one in described(record.name) for status in one.statuses} | {*record.contract.by_status}
    for status in set(range(200, 600)) - known:
        for body in (record.contract.refusing, record.contract.accepting(first(record))):
            assert (status, *verdict(record, status, body)) == (status, "OutcomeUnknown", [""])


@every_record
def test_a_truncated_reply_is_unknown_under_every_status_and_body(record: ProviderRecord) -> None:
    for status in record.contract.by_status:
        answer = reply(status, described_by(record, status))
        cut = WireReply(status, (), answer.body, complete=False)
        assert type(result_of(first(record), cut)) is OutcomeUnknown


@every_record
def test_a_member_with_a_value_that_does_not_fit_is_no_evidence(record: ProviderRecord) -> None:
    call = first(record)
    for status in [one.statuses[0] for one in described(record.name)]:
        for body in odd_bodies(record.name, call):
            answer = WireReply(status, (), body)
            assert named(result_of(call, answer)) in results(call, answer), (status, body[:400])


@every_record
def test_a_refund_that_was_not_sent_says_so(record: ProviderRecord) -> None:
    failure = SendFailure(Evidence.NOT_SENT, "the connection was refused")
    assert type(result_of(record.contract.calls[0], failure)) is NotSent
