"""Scripted faults: the outcome for the caller, and the refunds that were executed."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from refundry import OutcomeUnknown, Resend, Retry
from refundry.sandbox import CREDENTIALS, INTEGRATOR_ID, Fault, Sandbox
from tests.providers import PROVIDERS, RECORDS, WITHOUT_WINDOW, where
from tests.sandbox.support import Mounted, outcome
from tests.sandbox.support import mounted as mounted_as

# Whether a refund that would have been accepted is executed: an independent copy, written by hand.
EXECUTED = {
    Fault.DECLINED: False,
    Fault.TOO_MANY_REQUESTS: False,
    Fault.SERVER_ERROR_BEFORE: False,
    Fault.SERVER_ERROR_AFTER: True,
    Fault.STATUS_520: True,
    Fault.HTML_200: True,
    Fault.EMPTY_200: True,
    Fault.TRUNCATED_JSON: True,
    Fault.WRONG_SHAPE: True,
    Fault.UNKNOWN_VALUE: True,
    Fault.NULL_OBJECT: True,
    Fault.WRONG_AMOUNT: True,
    Fault.WRONG_PAYMENT: True,
    Fault.WHOLE_LIST: True,
    Fault.TOO_LARGE: True,
    Fault.ECHO_CREDENTIALS: True,
    Fault.REDIRECT: False,
    Fault.CUT_BEFORE: False,
    Fault.CUT_AFTER: True,
    Fault.CUT_IN_REPLY: True,
    Fault.HANG_BEFORE: False,
    Fault.HANG_AFTER: True,
    Fault.SLOW_DRIP: True,
    Fault.INTERIM_REPLY: True,
    Fault.CUT_WHILE: False,
    Fault.DUPLICATE_REPLY: True,
    Fault.IN_PROGRESS: False,
    Fault.TOKEN_EXPIRED: False,
}
# A client renews a token that expired, and sends the refund again: see test_chance_and_time.py.
TOLD = [fault for fault in EXECUTED if fault is not Fault.TOKEN_EXPIRED]
ACCEPTED = {provider: record.accepted_as.name for provider, record in RECORDS.items()}
UNKNOWN = dict.fromkeys(PROVIDERS, "OutcomeUnknown")
# An unreliable reply that still has the RequestId for a lookup at Paybyrd.
TRACED = {provider: "SUCCEEDED" if record.sandbox.traces else "OutcomeUnknown" for provider, record in RECORDS.items()}
REFUSED = dict.fromkeys(PROVIDERS, "RefundRejected")


def compared(name: str) -> dict[str, str]:
    """Return the outcome of a reply that reports another value than the request had."""
    return {
        provider: "RefundMismatch" if name in record.reports else record.accepted_as.name
        for provider, record in RECORDS.items()
    }


# The outcome of each in one attempt. Over a server, a cut before the execution looks like one after it.
OUTCOMES = {
    **dict.fromkeys(EXECUTED, UNKNOWN),
    Fault.DECLINED: REFUSED,
    Fault.SERVER_ERROR_AFTER: TRACED,
    Fault.TRUNCATED_JSON: TRACED,
    Fault.WRONG_SHAPE: TRACED,
    Fault.TOO_LARGE: TRACED,
    Fault.CUT_IN_REPLY: TRACED,
    Fault.UNKNOWN_VALUE: {**TRACED, "lab4pay": "PENDING"},  # Lab4Pay's reply has no value that could be unknown
    Fault.NULL_OBJECT: TRACED,
    Fault.WRONG_AMOUNT: compared("amount"),
    Fault.WRONG_PAYMENT: compared("payment_id"),
    Fault.WHOLE_LIST: ACCEPTED,
    Fault.ECHO_CREDENTIALS: ACCEPTED,
    Fault.INTERIM_REPLY: ACCEPTED,
    Fault.DUPLICATE_REPLY: ACCEPTED,
}
ONLY_IN_PROCESS = {Fault.CUT_BEFORE: dict.fromkeys(PROVIDERS, "NotSent"), Fault.SLOW_DRIP: ACCEPTED}


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fault", TOLD)
def test_each_fault_leads_the_facade_to_its_outcome_and_executes_what_it_says(
    mounted: Mounted, fault: Fault, provider: str, sync: bool
) -> None:
    mounted.sandbox.script(provider, fault, operation=RECORDS[provider].sandbox.operation)
    answer = outcome(lambda: mounted.refund(provider, reference="order-1/1", sync=sync))
    expected = {**OUTCOMES, **(ONLY_IN_PROCESS if mounted.kind == "transport" else {})}[fault]
    assert answer == expected[provider]
    assert fault.executes == EXECUTED[fault]
    assert [refund.amount for refund in mounted.sandbox.refunds(provider)] == [100] * EXECUTED[fault]
    assert mounted.sandbox.violations == ()


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("fault", "status", "content_type", "body"),
    [
        (Fault.STATUS_520, 520, "text/html; charset=utf-8", b"<!DOCTYPE html>"),
        (Fault.HTML_200, 200, "text/html; charset=utf-8", b"<!DOCTYPE html>"),
        (Fault.EMPTY_200, 200, "application/json", b""),
        (Fault.WRONG_SHAPE, 200, "application/json", b"[{"),
        (Fault.TRUNCATED_JSON, 200, "application/json", b"{"),
        (Fault.SERVER_ERROR_BEFORE, 500, "application/json", b"{"),
        (Fault.SERVER_ERROR_AFTER, 500, "application/json", b"{"),
        (Fault.TOO_MANY_REQUESTS, 429, "application/json", b"{"),
        (Fault.INTERIM_REPLY, 200, "application/json", b"{"),
    ],
)
def test_a_faulty_reply_has_its_status_its_type_and_the_length_that_it_says(
    mounted: Mounted, provider: str, fault: Fault, status: int, content_type: str, body: bytes
) -> None:
    mounted.sandbox.script(provider, fault)
    reply = mounted.post(provider)
    assert (reply.status_code, reply.headers["content-type"]) == (status, content_type)
    assert reply.content.startswith(body)
    assert len(reply.content) == int(reply.headers["content-length"])


@pytest.mark.parametrize(
    ("provider", "fault", "changed"),
    [
        ("paybyrd", Fault.UNKNOWN_VALUE, {"code": "BYRD777"}),
        ("paybyrd", Fault.NULL_OBJECT, {"sourceTransaction": None}),
        ("paybyrd", Fault.WRONG_AMOUNT, {"isoAmount": 10_000}),
        ("blink", Fault.UNKNOWN_VALUE, {"status": "misplaced"}),
        ("blink", Fault.NULL_OBJECT, {"status": None}),
        ("blink", Fault.WRONG_AMOUNT, {"amount": 100}),
        ("blink", Fault.WRONG_PAYMENT, {"transaction_id": "another-payment"}),
        ("lab4pay", Fault.UNKNOWN_VALUE, {"status": "MISPLACED"}),
        ("lab4pay", Fault.NULL_OBJECT, {"transaction_id": None}),
    ],
)
def test_a_fault_changes_its_own_fields(mounted: Mounted, provider: str, fault: Fault, changed: dict[str, Any]) -> None:
    mounted.sandbox.script(provider, fault)
    answer = mounted.post(provider).json()
    assert {name: answer[name] for name in changed} == changed


def test_a_wrong_payment_at_paybyrd_leaves_the_balance_as_it_is(mounted: Mounted) -> None:
    mounted.sandbox.script("paybyrd", Fault.WRONG_PAYMENT)
    source = mounted.post("paybyrd").json()["sourceTransaction"]
    assert (source["transactionId"], source["isoRemainingAmount"]) == ("another-payment", 9_900)


def test_a_fault_changes_the_fields_of_the_older_reply_of_blink(mount: Callable[[Sandbox], Mounted]) -> None:
    mounted = mount(Sandbox(blink_reply="success"))
    mounted.sandbox.script("blink", Fault.UNKNOWN_VALUE, Fault.NULL_OBJECT, Fault.WRONG_AMOUNT)
    unknown, null, wrong = (mounted.post("blink").json() for _ in range(3))
    assert (unknown["success"], null["success"], wrong["amount"]) == ("perhaps", None, "100.00")
    assert "status" not in unknown


@pytest.mark.parametrize("fault", [Fault.UNKNOWN_VALUE, Fault.NULL_OBJECT, Fault.WRONG_AMOUNT, Fault.WRONG_PAYMENT])
@pytest.mark.parametrize("provider", where(lambda record: record.sandbox.payment))
def test_a_refusal_gets_no_fields_that_it_does_not_have(mounted: Mounted, provider: str, fault: Fault) -> None:
    honest = set(mounted.post(provider, "none").json())
    mounted.sandbox.script(provider, fault)
    assert set(mounted.post(provider, "none").json()) == honest


@pytest.mark.parametrize("provider", PROVIDERS)
def test_echoed_credentials_are_in_the_reply_and_not_in_the_outcome(mounted: Mounted, provider: str) -> None:
    faults = (Fault.ECHO_CREDENTIALS, Fault.ECHO_CREDENTIALS)
    mounted.sandbox.script(provider, *faults, operation=RECORDS[provider].sandbox.operation)
    others = [INTEGRATOR_ID] if provider == "lab4pay" else []
    echoed = mounted.post(provider).text
    assert all(secret in echoed for secret in (CREDENTIALS[provider], *others))
    refund = mounted.refund(provider, reference="order-1/1", sync=True)
    assert refund.raw is not None
    # At the two others the facade has fetched a token, which starts with this text.
    secrets = [CREDENTIALS["paybyrd"]] if provider == "paybyrd" else ["test-token-", *others]
    assert not any(secret.encode() in refund.raw.body for secret in secrets)
    assert refund.raw.body.count(b"[redacted]") == len(secrets)


def test_an_oversized_reply_is_one_byte_above_the_limit_and_still_json(mounted: Mounted) -> None:
    mounted.sandbox.script("paybyrd", Fault.TOO_LARGE)
    reply = mounted.post("paybyrd")
    assert len(reply.content) == 1024 * 1024 + 1
    assert reply.json()["code"] == "BYRD200"


def test_only_a_client_that_follows_the_redirect_refunds(mounted: Mounted) -> None:
    mounted.sandbox.script("paybyrd", Fault.REDIRECT, Fault.REDIRECT)
    assert mounted.post("paybyrd").status_code == 307
    assert mounted.sandbox.refunds("paybyrd") == ()
    mounted.sandbox.script("paybyrd", None)
    assert [reply.status_code for reply in mounted.post("paybyrd", follow_redirects=True).history] == [307]
    assert len(mounted.sandbox.refunds("paybyrd")) == 1


@pytest.mark.parametrize(
    ("fault", "in_process", "over_a_server"),
    [
        (Fault.CUT_BEFORE, httpx.ConnectError, httpx.RemoteProtocolError),
        (Fault.CUT_AFTER, httpx.RemoteProtocolError, httpx.RemoteProtocolError),
        (Fault.CUT_IN_REPLY, httpx.RemoteProtocolError, httpx.RemoteProtocolError),
        (Fault.HANG_BEFORE, httpx.ReadTimeout, httpx.ReadTimeout),
        (Fault.HANG_AFTER, httpx.ReadTimeout, httpx.ReadTimeout),
    ],
)
def test_a_connection_that_fails_raises_what_httpx_raises(
    mounted: Mounted, fault: Fault, in_process: type[Exception], over_a_server: type[Exception]
) -> None:
    mounted.sandbox.script("blink", fault)
    with pytest.raises(httpx.TransportError) as failure:
        mounted.post("blink", timeout=0.2)
    assert type(failure.value) is (in_process if mounted.kind == "transport" else over_a_server)
    assert mounted.post("blink").status_code == 200


def test_a_truncated_reply_has_its_status_and_half_its_body(mounted: Mounted) -> None:
    mounted.sandbox.script("blink", Fault.CUT_IN_REPLY)
    blink = RECORDS["blink"].sandbox
    with mounted.http.stream("POST", blink.path.format(blink.payment), headers=blink.headers, json={}) as reply:
        parts = reply.iter_raw()
        body = next(parts)
        with pytest.raises(httpx.RemoteProtocolError):
            next(parts)
    assert reply.status_code == 200
    assert len(body) == int(reply.headers["content-length"]) // 2


def test_a_slow_reply_is_complete_in_the_end() -> None:
    with mounted_as(Sandbox(), "server", drip_seconds=0.001) as mounted:
        mounted.sandbox.script("lab4pay", Fault.SLOW_DRIP)
        started = time.monotonic()
        assert mounted.post("lab4pay").status_code == 200
        assert time.monotonic() - started > 0.1


def test_a_script_applies_in_order_and_only_to_its_provider(mounted: Mounted) -> None:
    mounted.sandbox.script("paybyrd", None, Fault.STATUS_520)
    mounted.sandbox.script("paybyrd", Fault.HTML_200)
    assert mounted.post("blink").json()["status"] == "completed"
    seen = [mounted.post("paybyrd") for _ in range(4)]
    assert [reply.status_code for reply in seen] == [200, 520, 200, 200]
    assert [reply.content[:1] for reply in seen] == [b"{", b"<", b"<", b"{"]


def test_a_fault_of_a_payment_applies_to_each_call_about_it_until_it_is_removed(mounted: Mounted) -> None:
    mounted.sandbox.on_payment("paybyrd-eur", Fault.STATUS_520)
    mounted.sandbox.script("paybyrd", Fault.SERVER_ERROR_BEFORE)
    assert [mounted.post("paybyrd").status_code for _ in range(3)] == [500, 520, 520]
    assert mounted.post("paybyrd", "paybyrd-jpy").status_code == 200
    mounted.sandbox.on_payment("paybyrd-eur", None)
    assert mounted.post("paybyrd").status_code == 200


def test_a_fault_does_not_accept_a_wrong_credential_or_an_invalid_request(mounted: Mounted) -> None:
    mounted.sandbox.script("paybyrd", Fault.WRONG_SHAPE, Fault.SERVER_ERROR_AFTER)
    assert mounted.post("paybyrd", headers={"x-api-key": "wrong"}).status_code == 401
    assert mounted.post("paybyrd", json={}).status_code == 400
    assert mounted.sandbox.refunds("paybyrd") == ()


# The key stores the provider's own answer, a refusal and a 500 too, but not a fault on the way back.
STORED = {Fault.DECLINED: "RefundRejected", Fault.SERVER_ERROR_BEFORE: "OutcomeUnknown"}


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("fault", TOLD)
def test_resending_to_paybyrd_under_the_same_reference_never_refunds_twice(
    mounted: Mounted, fault: Fault, sync: bool
) -> None:
    mounted.sandbox.script("paybyrd", fault)
    outcome(lambda: mounted.refund("paybyrd", reference="order-1/1", sync=sync))
    second = outcome(lambda: mounted.refund("paybyrd", reference="order-1/1", sync=sync))
    assert second == STORED.get(fault, "SUCCEEDED")
    assert len(mounted.sandbox.refunds("paybyrd")) == (fault not in STORED)


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("fault", TOLD)
def test_one_call_retries_at_paybyrd_until_the_outcome_is_known_and_refunds_once(
    mounted: Mounted, fault: Fault, sync: bool
) -> None:
    mounted.sandbox.script("paybyrd", fault)
    retry = Retry(first_wait=0.01)
    answer = outcome(lambda: mounted.refund("paybyrd", reference="order-1/1", sync=sync, retry=retry))
    mismatched = fault in (Fault.WRONG_AMOUNT, Fault.WRONG_PAYMENT)
    assert answer == ("RefundMismatch" if mismatched else STORED.get(fault, "SUCCEEDED"))
    assert len(mounted.sandbox.refunds("paybyrd")) == (fault not in STORED)


@pytest.mark.parametrize("provider", WITHOUT_WINDOW)
@pytest.mark.parametrize("fault", TOLD)
def test_one_call_to_a_provider_without_de_duplication_retries_only_what_was_not_sent(
    mounted: Mounted, provider: str, fault: Fault
) -> None:
    mounted.sandbox.script(provider, fault, operation=RECORDS[provider].sandbox.operation)
    answer = outcome(lambda: mounted.refund(provider, reference="order-1/1", sync=True, retry=Retry(first_wait=0.01)))
    not_sent = fault is Fault.CUT_BEFORE and mounted.kind == "transport"
    expected = {**OUTCOMES, **(ONLY_IN_PROCESS if mounted.kind == "transport" else {}), Fault.CUT_BEFORE: UNKNOWN}[
        fault
    ]
    assert answer == (ACCEPTED if not_sent else expected)[provider]
    assert len(mounted.sandbox.refunds(provider)) == (EXECUTED[fault] or not_sent)


def test_resending_to_blink_from_another_client_refunds_twice(mounted: Mounted) -> None:
    mounted.sandbox.script("blink", Fault.CUT_AFTER, operation="refund_transaction")
    with pytest.raises(OutcomeUnknown) as lost:
        mounted.refund("blink", reference="order-1/1", sync=True)
    assert lost.value.resend is Resend.NEVER
    mounted.refund("blink", reference="order-1/1", sync=True)
    assert [refund.reference for refund in mounted.sandbox.refunds("blink")] == ["order-1/1", "order-1/1"]


def test_each_fault_says_what_it_means_in_one_line() -> None:
    meanings = [fault.meaning for fault in Fault]
    assert len(set(meanings)) == len(Fault)
    assert all(0 < len(meaning) < 80 and "\n" not in meaning for meaning in meanings)
