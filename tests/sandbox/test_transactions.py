"""A transaction after its start: queried, advanced to its end, cancelled, or voided."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from refundry.sandbox import Fault, Sandbox, Violation
from tests.providers import RECORDS
from tests.sandbox.support import OPERATIONS, Mounted, fits

Mount = Callable[[Sandbox], Mounted]

NOW = 1_000_000_000.25
DATE = "2001-09-09T01:46:40.250Z"
"""Return the time as Paybyrd writes it."""


def status(mounted: Mounted, transaction_id: str) -> str:
    """Return the state of a transaction at Lab4Pay."""
    reply = mounted.ask("lab4pay", "get_transaction_status", transaction_id)
    assert fits("lab4pay", reply)
    answer: str = reply.json()["status"]
    return answer


def refunded(mounted: Mounted, amount: int = 100, payment_id: str = "lab4pay-payment") -> str:
    """Return the id of a new refund of a payment at Lab4Pay."""
    reply = mounted.ask("lab4pay", "refund_transaction", payment_id, json={"amount": amount})
    assert reply.status_code == 200
    assert fits("lab4pay", reply)
    answer: str = reply.json()["transaction_id"]
    return answer


def cancelled(mounted: Mounted, transaction_id: str) -> None:
    """Cancel a transaction at Lab4Pay, which accepts with an empty reply."""
    reply = mounted.ask("lab4pay", "cancel_transaction", transaction_id)
    assert (reply.status_code, reply.content) == (200, b"")


def test_lab4pay_refunds_a_payment_and_subtracts_the_amount_from_its_remainder(mounted: Mounted) -> None:
    refund_id = refunded(mounted, 4_000)
    (refund,) = mounted.sandbox.refunds("lab4pay")
    assert (refund.refund_id, refund.payment_id, refund.amount) == (refund_id, "lab4pay-payment", 4_000)
    assert refund.currency == "EUR"
    assert mounted.sandbox.remaining("lab4pay", "lab4pay-payment") == 6_000
    assert mounted.sandbox.violations == ()


@pytest.mark.parametrize(
    ("payment_id", "amount"),
    [
        ("lab4pay-payment", 10_001),
        ("lab4pay-payment", 0),
        ("lab4pay-payment", -1),
        ("lab4pay-refunded", 1),
        ("none", 1),
    ],
)
def test_lab4pay_refuses_a_refund_that_its_payment_does_not_allow(
    mounted: Mounted, payment_id: str, amount: int
) -> None:
    reply = mounted.ask("lab4pay", "refund_transaction", payment_id, json={"amount": amount})
    assert reply.status_code == 400
    assert fits("lab4pay", reply)
    assert mounted.sandbox.refunds("lab4pay") == ()
    assert mounted.sandbox.violations == ()


@pytest.mark.parametrize("tied", [True, False])
def test_lab4pay_returns_the_state_of_a_refund(mounted: Mounted, tied: bool) -> None:
    refund_id = refunded(mounted) if tied else mounted.post("lab4pay").json()["transaction_id"]
    seen = []
    for _ in range(4):
        seen.append(status(mounted, refund_id))
        mounted.sandbox.advance()
    assert seen == ["INITIATED", "IN_PROGRESS", "SUCCESS", "SUCCESS"]
    assert mounted.sandbox.violations == ()


def test_lab4pay_returns_the_state_of_a_payment_and_refuses_an_unknown_id(mounted: Mounted) -> None:
    assert status(mounted, "lab4pay-payment") == "SUCCESS"
    unknown = mounted.ask("lab4pay", "get_transaction_status", "none")
    assert unknown.status_code == 400
    assert fits("lab4pay", unknown)


def test_a_refund_that_is_not_begun_is_cancelled_at_once_and_its_amount_is_refundable(mounted: Mounted) -> None:
    refund_id = refunded(mounted, 10_000)
    cancelled(mounted, refund_id)
    assert status(mounted, refund_id) == "CANCELED"
    assert mounted.sandbox.remaining("lab4pay", "lab4pay-payment") == 10_000
    mounted.sandbox.advance()
    assert status(mounted, refund_id) == "CANCELED"
    refunded(mounted, 10_000)


@pytest.mark.parametrize(("heed_cancel", "end", "remaining"), [(True, "CANCELED", 10_000), (False, "SUCCESS", 9_900)])
def test_a_cancel_of_a_refund_in_progress_at_the_terminal_is_only_a_signal(
    mount: Mount, heed_cancel: bool, end: str, remaining: int
) -> None:
    mounted = mount(Sandbox(heed_cancel=heed_cancel))
    refund_id, other = refunded(mounted), mounted.post("lab4pay").json()["transaction_id"]
    mounted.sandbox.advance()
    cancelled(mounted, refund_id)
    assert status(mounted, refund_id) == "IN_PROGRESS"
    mounted.sandbox.advance()
    assert (status(mounted, refund_id), status(mounted, other)) == (end, "SUCCESS")
    assert mounted.sandbox.remaining("lab4pay", "lab4pay-payment") == remaining


def test_a_refund_that_was_done_before_the_signal_arrived_stays_done(mounted: Mounted) -> None:
    refund_id = refunded(mounted)
    mounted.sandbox.advance()
    cancelled(mounted, refund_id)
    mounted.sandbox.settle("lab4pay", refund_id, "SUCCESS")
    mounted.sandbox.advance()
    assert status(mounted, refund_id) == "SUCCESS"


def test_a_replaced_payment_gets_back_no_more_than_was_refunded_of_it(mounted: Mounted) -> None:
    refund_id = refunded(mounted)
    mounted.sandbox.add_payment("lab4pay", "lab4pay-payment", 10_000, "EUR")
    cancelled(mounted, refund_id)
    assert mounted.sandbox.remaining("lab4pay", "lab4pay-payment") == 10_000


def test_a_refund_that_is_final_or_unknown_cannot_be_cancelled(mounted: Mounted) -> None:
    done, stopped = refunded(mounted), refunded(mounted)
    cancelled(mounted, stopped)
    mounted.sandbox.advance()
    mounted.sandbox.advance()
    for transaction_id in (done, stopped, "lab4pay-payment", "none"):
        reply = mounted.ask("lab4pay", "cancel_transaction", transaction_id)
        assert reply.status_code == 400
        assert fits("lab4pay", reply)
    assert (status(mounted, done), status(mounted, stopped)) == ("SUCCESS", "CANCELED")


def reverted(mounted: Mounted, payment_id: str = "lab4pay-payment") -> str:
    """Return the id of a new revert, which has only begun."""
    reply = mounted.ask("lab4pay", "revert_transaction", payment_id)
    assert reply.status_code == 200
    assert fits("lab4pay", reply)
    answer = reply.json()
    assert answer["transaction_id"] == payment_id
    operation_id: str = answer["operation_id"]
    return operation_id


def operation(mounted: Mounted, operation_id: str) -> dict[str, str]:
    """Return Lab4Pay's reply about an operation."""
    reply = mounted.ask("lab4pay", "get_transaction_operation", operation_id)
    assert reply.status_code == 200
    assert fits("lab4pay", reply)
    answer: dict[str, str] = reply.json()
    return answer


def test_a_revert_voids_the_last_payment_when_its_operation_is_done(mounted: Mounted) -> None:
    operation_id = reverted(mounted)
    seen = []
    for _ in range(4):
        seen.append((operation(mounted, operation_id)["status"], status(mounted, "lab4pay-payment")))
        mounted.sandbox.advance()
    assert seen == [
        ("INITIATED", "SUCCESS"),
        ("IN_PROGRESS", "SUCCESS"),
        ("SUCCESS", "REVERTED"),
        ("SUCCESS", "REVERTED"),
    ]
    assert operation(mounted, operation_id) == {
        "operation_id": operation_id,
        "operation_type": "transaction.revert",
        "transaction_id": "lab4pay-payment",
        "status": "SUCCESS",
    }
    assert mounted.ask("lab4pay", "refund_transaction", "lab4pay-payment", json={"amount": 1}).status_code == 400
    assert mounted.ask("lab4pay", "revert_transaction", "lab4pay-payment").status_code == 400
    assert mounted.sandbox.violations == ()


def test_only_the_last_payment_that_succeeded_and_has_no_refund_can_be_reverted(mounted: Mounted) -> None:
    mounted.sandbox.add_payment("lab4pay", "newer", 500, "EUR")
    for transaction_id in ("lab4pay-payment", "none"):
        assert mounted.ask("lab4pay", "revert_transaction", transaction_id).status_code == 400
    refunded(mounted, payment_id="newer")
    assert mounted.ask("lab4pay", "revert_transaction", "newer").status_code == 400


def test_a_refund_that_succeeded_after_a_payment_is_the_last_transaction(mounted: Mounted) -> None:
    refund_id = mounted.post("lab4pay").json()["transaction_id"]
    mounted.sandbox.advance()
    mounted.sandbox.advance()
    for transaction_id in (refund_id, "lab4pay-payment"):
        assert mounted.ask("lab4pay", "revert_transaction", transaction_id).status_code == 400


def test_payments_are_reverted_one_at_a_time_and_the_last_one_first(mounted: Mounted) -> None:
    mounted.sandbox.add_payment("lab4pay", "newer", 500, "EUR")
    reverted(mounted, "newer")
    assert mounted.ask("lab4pay", "revert_transaction", "newer").status_code == 400
    mounted.sandbox.advance()
    mounted.sandbox.advance()
    reverted(mounted, "lab4pay-payment")


def test_a_revert_fails_after_a_refund_in_between(mounted: Mounted) -> None:
    operation_id = reverted(mounted)
    refunded(mounted)
    mounted.sandbox.advance()
    mounted.sandbox.advance()
    assert operation(mounted, operation_id)["status"] == "FAILED"
    assert status(mounted, "lab4pay-payment") == "SUCCESS"


def test_a_payment_whose_revert_failed_can_be_reverted_once_none_of_it_is_refunded(
    mounted: Mounted,
) -> None:
    failed = reverted(mounted)
    mounted.sandbox.advance()
    refund_id = refunded(mounted)
    mounted.sandbox.advance()
    assert operation(mounted, failed)["status"] == "FAILED"
    cancelled(mounted, refund_id)
    mounted.sandbox.advance()
    assert status(mounted, refund_id) == "CANCELED"
    second = reverted(mounted)
    assert (second == failed, operation(mounted, second)["status"]) == (False, "INITIATED")


def test_an_operation_that_lab4pay_does_not_know_is_refused(mounted: Mounted) -> None:
    reply = mounted.ask("lab4pay", "get_transaction_operation", "lab4pay-payment")
    assert reply.status_code == 400
    assert fits("lab4pay", reply)


def test_paybyrd_returns_a_payment(mount: Mount) -> None:
    mounted = mount(Sandbox(clock=lambda: NOW))
    reply = mounted.ask("paybyrd", "get_transaction", "paybyrd-kwd")
    assert fits("paybyrd", reply)
    assert reply.json() == {
        "transactionId": "paybyrd-kwd",
        "code": "BYRD200",
        "description": "Operation successfully completed",
        "status": "Success",
        "operationType": "Payment",
        "amount": "10.000",
        "isoAmount": 10_000,
        "currency": "KWD",
        "createdDate": DATE,
    }
    assert reply.headers["RequestId"]


def test_paybyrd_returns_a_refund_with_negative_amounts_and_its_payment(mount: Mount) -> None:
    mounted = mount(Sandbox(clock=lambda: NOW))
    refund_id = mounted.post("paybyrd").json()["transactionId"]
    reply = mounted.ask("paybyrd", "get_transaction", refund_id)
    assert fits("paybyrd", reply)
    assert reply.json() == {
        "transactionId": refund_id,
        "code": "BYRD200",
        "description": "Operation successfully completed",
        "status": "Success",
        "operationType": "Refund",
        "amount": "-1.00",
        "isoAmount": -100,
        "currency": "EUR",
        "createdDate": DATE,
        "referencedTransactions": [{"transactionId": "paybyrd-eur", "operationType": "Payment"}],
    }


@pytest.mark.parametrize(
    ("state", "code", "remaining"),
    [
        ("AcquirerSuccess", "BYRD200", 9_900),
        ("Processing", "BYRD201", 9_900),
        ("TemporaryFailed", "BYRD203", 9_900),
        ("Misplaced", "BYRD203", 9_900),
        ("Denied", "BYRD205", 10_000),
        ("Canceled", "BYRD208", 10_000),
        ("Error", "BYRD290", 10_000),
    ],
)
def test_paybyrd_returns_the_state_of_a_refund_with_its_code(
    mounted: Mounted, state: str, code: str, remaining: int
) -> None:
    refund_id = mounted.post("paybyrd").json()["transactionId"]
    mounted.sandbox.settle("paybyrd", refund_id, state)
    reply = mounted.ask("paybyrd", "get_transaction", refund_id)
    assert fits("paybyrd", reply)
    assert (reply.status_code, reply.json()["status"], reply.json()["code"]) == (200, state, code)
    assert mounted.sandbox.remaining("paybyrd", "paybyrd-eur") == remaining


def test_paybyrd_does_not_know_a_transaction_by_another_id(mounted: Mounted) -> None:
    reply = mounted.ask("paybyrd", "get_transaction", "none")
    assert (reply.status_code, reply.json()["code"]) == (404, "BYRD901")
    assert fits("paybyrd", reply)


def test_the_link_of_a_202_of_paybyrd_leads_only_to_its_refund(mounted: Mounted) -> None:
    accepted = [mounted.post("paybyrd", "paybyrd-pending", json={"isoAmount": amount}).json() for amount in (100, 200)]
    mounted.post("paybyrd")
    for state, code in (("Processing", "BYRD201"), ("Success", "BYRD200")):
        for answer, amount in zip(accepted, (-100, -200), strict=True):
            reply = mounted.http.get(answer["links"]["href"], headers=RECORDS["paybyrd"].sandbox.headers)
            assert reply.status_code == 200
            assert fits("paybyrd", reply)
            (transaction,) = reply.json()
            assert (transaction["status"], transaction["code"]) == (state, code)
            assert (transaction["isoAmount"], transaction["operationType"]) == (amount, "Refund")
            same = mounted.ask("paybyrd", "get_transaction", transaction["transactionId"])
            assert same.json() == transaction
        mounted.sandbox.advance()
    assert mounted.sandbox.violations == ()


def found(mounted: Mounted, reply: httpx.Response) -> list[str]:
    """Return the ids of the refunds that Paybyrd finds by the RequestId of a reply."""
    answer = mounted.ask("paybyrd", "list_transactions", reply.headers["RequestId"])
    assert answer.status_code == 200
    assert fits("paybyrd", answer)
    return [transaction["transactionId"] for transaction in answer.json()]


@pytest.mark.parametrize("payment_id", ["paybyrd-eur", "paybyrd-pending"])
def test_the_request_id_of_a_reply_of_paybyrd_finds_only_its_own_refund(mounted: Mounted, payment_id: str) -> None:
    replies = [mounted.post("paybyrd", payment_id, json={"isoAmount": amount}) for amount in (100, 200)]
    assert [found(mounted, reply) for reply in replies] == [
        [refund.refund_id] for refund in mounted.sandbox.refunds("paybyrd")
    ]
    assert mounted.sandbox.violations == ()


def test_the_request_id_of_a_202_of_paybyrd_is_in_its_link(mounted: Mounted) -> None:
    reply = mounted.post("paybyrd", "paybyrd-pending")
    assert reply.json()["links"]["href"] == f"/api/v2/transactions?requestId={reply.headers['RequestId']}"


def test_a_stored_answer_of_paybyrd_keeps_the_request_id_that_finds_its_refund(mounted: Mounted) -> None:
    first, second = (mounted.post("paybyrd", headers={"idempotency-key": "key-1"}) for _ in range(2))
    (refund,) = mounted.sandbox.refunds("paybyrd")
    assert found(mounted, first) == found(mounted, second) == [refund.refund_id]


@pytest.mark.parametrize(
    ("fault", "executed"),
    [
        (Fault.SERVER_ERROR_AFTER, True),
        (Fault.TRUNCATED_JSON, True),
        (Fault.SERVER_ERROR_BEFORE, False),
        (Fault.DECLINED, False),
    ],
)
def test_the_request_id_of_a_faulty_reply_of_paybyrd_finds_the_refund_if_there_is_one(
    mounted: Mounted, fault: Fault, executed: bool
) -> None:
    mounted.sandbox.script("paybyrd", fault)
    reply = mounted.post("paybyrd")
    refunds = [refund.refund_id for refund in mounted.sandbox.refunds("paybyrd")]
    assert found(mounted, reply) == refunds
    assert len(refunds) == executed


def test_every_answer_of_paybyrd_has_its_own_request_id(mounted: Mounted) -> None:
    replies = [
        mounted.post("paybyrd"),
        mounted.post("paybyrd", "none"),
        mounted.post("paybyrd", json={}),
        mounted.post("paybyrd", headers={"x-api-key": "wrong"}),
        mounted.ask("paybyrd", "get_transaction", "paybyrd-eur"),
        mounted.ask("paybyrd", "list_transactions", "none"),
    ]
    assert len({reply.headers["RequestId"] for reply in replies}) == len(replies)
    assert [found(mounted, reply) for reply in replies[1:]] == [[]] * 5


@pytest.mark.parametrize("request_id", ["none", "", "paybyrd-eur"])
def test_a_request_that_paybyrd_does_not_know_is_an_empty_array(mounted: Mounted, request_id: str) -> None:
    mounted.post("paybyrd")
    reply = mounted.ask("paybyrd", "list_transactions", request_id)
    assert (reply.status_code, reply.json()) == (200, [])
    assert fits("paybyrd", reply)


def test_a_key_of_a_refund_does_not_answer_a_query(mounted: Mounted) -> None:
    headers = {"idempotency-key": "key-1"}
    refund_id = mounted.post("paybyrd", headers=headers).json()["transactionId"]
    assert mounted.ask("paybyrd", "get_transaction", refund_id, headers=headers).json()["operationType"] == "Refund"


@pytest.mark.parametrize(("age", "amounts"), [("status", (100, 79.1)), ("success", ("100.00", "79.10"))])
def test_blink_returns_a_payment_and_a_refund_in_its_envelope(mount: Mount, age: Any, amounts: tuple[Any, Any]) -> None:
    mounted = mount(Sandbox(blink_reply=age))
    mounted.post("blink", json={"partial_refund": True, "amount": 79.1})
    refund_id = mounted.sandbox.refunds("blink")[0].refund_id
    answer = []
    for name in ("blink-gbp", refund_id):
        reply = mounted.ask("blink", "get_transaction", name)
        assert fits("blink", reply)
        assert set(reply.json()) == {"data"}
        answer.append(reply.json()["data"])
    common = ("transaction_id", "status", "amount", "currency")
    assert [tuple(one[name] for name in common) for one in answer] == [
        ("blink-gbp", "Accepted", amounts[0], "GBP"),
        (refund_id, "completed", amounts[1], "GBP"),
    ]


def test_blink_returns_a_refund_as_pending_until_it_is_done(mounted: Mounted) -> None:
    refund_id = mounted.post("blink", "blink-pending").json()["refunded_transaction_id"]
    seen = []
    for _ in range(2):
        seen.append(mounted.ask("blink", "get_transaction", refund_id).json()["data"]["status"])
        mounted.sandbox.advance()
    assert seen == ["pending", "completed"]


@pytest.mark.parametrize("operation_id", ["get_transaction", "cancel_transaction"])
def test_blink_does_not_know_a_transaction_by_another_id(mounted: Mounted, operation_id: str) -> None:
    reply = mounted.ask("blink", operation_id, "none")
    assert (reply.status_code, reply.json()["success"]) == (404, False)
    assert fits("blink", reply)


@pytest.mark.parametrize(
    ("options", "reference"), [({}, "unique-blink-captured"), ({"json": {"reference": "order-9/1"}}, "order-9/1")]
)
def test_blink_voids_a_payment_that_is_captured_and_no_refund_follows(
    mounted: Mounted, options: dict[str, Any], reference: str
) -> None:
    assert mounted.ask("blink", "get_transaction", "blink-captured").json()["data"]["status"] == "Captured"
    reply = mounted.ask("blink", "cancel_transaction", "blink-captured", **options)
    assert fits("blink", reply)
    assert reply.json() == {
        "success": True,
        "message": "Cancel successful",
        "amount": "100.00",
        "reference": reference,
        "transaction_id": "blink-captured",
    }
    assert mounted.ask("blink", "get_transaction", "blink-captured").json()["data"]["status"] == "voided"
    assert mounted.ask("blink", "cancel_transaction", "blink-captured").status_code == 400
    assert mounted.post("blink", "blink-captured").status_code == 400
    assert mounted.sandbox.refunds("blink") == ()
    assert mounted.sandbox.violations == ()


def test_blink_refunds_no_payment_that_is_captured_and_cancels_none_that_is_settled(mounted: Mounted) -> None:
    for reply in (mounted.post("blink", "blink-captured"), mounted.ask("blink", "cancel_transaction", "blink-gbp")):
        assert (reply.status_code, reply.json()["success"]) == (400, False)
        assert fits("blink", reply)
    assert mounted.sandbox.refunds("blink") == ()
    assert mounted.post("blink").status_code == 200


def test_a_payment_that_is_not_settled_can_be_added_at_blink_alone(mounted: Mounted) -> None:
    mounted.sandbox.add_payment("blink", "fresh", 500, "USD", settled=False)
    assert mounted.ask("blink", "cancel_transaction", "fresh").json()["amount"] == "5.00"
    for provider in ("lab4pay", "paybyrd"):
        with pytest.raises(ValueError, match=f"{provider} does not tell payments that are not settled apart"):
            mounted.sandbox.add_payment(provider, "fresh", 500, "EUR", settled=False)


@pytest.mark.parametrize(
    ("provider", "state"), [("lab4pay", "DECLINED"), ("lab4pay", "MISPLACED"), ("blink", "failed"), ("blink", "odd")]
)
def test_a_refund_can_be_put_into_any_state_and_stays_there(mounted: Mounted, provider: str, state: str) -> None:
    refund_id = refunded(mounted) if provider == "lab4pay" else mounted.post("blink").json()["refunded_transaction_id"]
    mounted.sandbox.settle(provider, refund_id, state)
    mounted.sandbox.advance()
    assert [refund.state for refund in mounted.sandbox.refunds(provider)] == [state]
    failed_since = state in ("DECLINED", "failed")
    payment_id = RECORDS[provider].sandbox.payment or RECORDS[provider].sandbox.pending_payment
    assert mounted.sandbox.remaining(provider, payment_id) == (10_000 if failed_since else 9_900)


def test_a_refund_that_is_unknown_or_has_failed_changes_no_state(mounted: Mounted) -> None:
    with pytest.raises(ValueError, match="lab4pay has no such refund"):
        mounted.sandbox.settle("lab4pay", "none", "SUCCESS")
    refund_id = refunded(mounted)
    mounted.sandbox.settle("lab4pay", refund_id, "EXPIRED")
    with pytest.raises(ValueError, match="has failed, which is final"):
        mounted.sandbox.settle("lab4pay", refund_id, "SUCCESS")
    assert status(mounted, refund_id) == "EXPIRED"


SECURED = [one for one in OPERATIONS if one[1] != "create_token"]


@pytest.mark.parametrize(("provider", "operation_id"), SECURED)
def test_without_a_credential_nothing_is_returned_or_executed(
    mounted: Mounted, provider: str, operation_id: str
) -> None:
    method, path = RECORDS[provider].sandbox.operations[operation_id]
    fixed = {k: v for k, v in RECORDS[provider].sandbox.headers.items() if k == "X-Pay-Connect-Integrator-Id"}
    reply = mounted.http.request(method, path.format("paybyrd-eur"), headers=fixed)
    assert reply.status_code == 401
    assert fits(provider, reply)


@pytest.mark.parametrize("operation_id", [name for provider, name in SECURED if provider == "lab4pay"])
def test_lab4pay_requires_its_integrator_in_every_call(mounted: Mounted, operation_id: str) -> None:
    method, path = RECORDS["lab4pay"].sandbox.operations[operation_id]
    body: dict[str, Any] = {"json": {"amount": 1}} if operation_id == "refund_transaction" else {}
    headers = {"Authorization": RECORDS["lab4pay"].sandbox.headers["Authorization"]}
    assert mounted.http.request(method, path.format("x"), headers=headers, **body).status_code == 400
    another = {"X-Pay-Connect-Integrator-Id": "another"}
    assert mounted.ask("lab4pay", operation_id, "x", headers=another, **body).status_code == 401
    assert mounted.sandbox.violations == (Violation("lab4pay", "header X-Pay-Connect-Integrator-Id", "required"),)


def test_a_list_of_transactions_is_queried_by_a_request_id(mounted: Mounted) -> None:
    reply = mounted.http.get("/api/v2/transactions", headers=RECORDS["paybyrd"].sandbox.headers)
    assert (reply.status_code, reply.json()["code"]) == (400, "BYRD900")
    assert mounted.sandbox.violations == (Violation("paybyrd", "query requestId", "required"),)


@pytest.mark.parametrize(
    ("fault", "changed"),
    [
        (Fault.UNKNOWN_VALUE, {"status": "Misplaced", "code": "BYRD777"}),
        (Fault.WRONG_AMOUNT, {"isoAmount": -10_000}),
        (
            Fault.WRONG_PAYMENT,
            {"referencedTransactions": [{"transactionId": "another-payment", "operationType": "Payment"}]},
        ),
        (Fault.NULL_OBJECT, {"referencedTransactions": None}),
    ],
)
def test_a_fault_changes_each_transaction_in_a_list_of_paybyrd(
    mounted: Mounted, fault: Fault, changed: dict[str, Any]
) -> None:
    href = mounted.post("paybyrd", "paybyrd-pending").json()["links"]["href"]
    mounted.sandbox.script("paybyrd", fault)
    (answer,) = mounted.http.get(href, headers=RECORDS["paybyrd"].sandbox.headers).json()
    assert {name: answer[name] for name in changed} == changed


@pytest.mark.parametrize(
    ("fault", "changed"),
    [
        (Fault.UNKNOWN_VALUE, {"status": "misplaced"}),
        (Fault.WRONG_AMOUNT, {"amount": 10_000}),
        (Fault.WRONG_PAYMENT, {"transaction_id": "another-payment"}),
    ],
)
def test_a_fault_changes_the_transaction_in_the_envelope_of_blink(
    mounted: Mounted, fault: Fault, changed: dict[str, Any]
) -> None:
    mounted.sandbox.script("blink", fault, Fault.NULL_OBJECT)
    answer = mounted.ask("blink", "get_transaction", "blink-gbp").json()
    assert {name: answer["data"][name] for name in changed} == changed
    assert set(answer) == {"data"}
    assert mounted.ask("blink", "get_transaction", "blink-gbp").json() == {"data": None}


@pytest.mark.parametrize("fault", [Fault.UNKNOWN_VALUE, Fault.NULL_OBJECT, Fault.ECHO_CREDENTIALS])
def test_a_fault_finds_nothing_to_change_in_a_reply_without_a_body(mounted: Mounted, fault: Fault) -> None:
    refund_id = refunded(mounted)
    mounted.sandbox.script("lab4pay", fault)
    cancelled(mounted, refund_id)
    assert status(mounted, refund_id) == "CANCELED"


def test_a_fault_says_whether_a_cancel_was_executed(mounted: Mounted) -> None:
    before, after = refunded(mounted), refunded(mounted)
    mounted.sandbox.script(
        "lab4pay", Fault.SERVER_ERROR_BEFORE, Fault.SERVER_ERROR_AFTER, operation="cancel_transaction"
    )
    for transaction_id in (before, after):
        assert mounted.ask("lab4pay", "cancel_transaction", transaction_id).status_code == 500
    assert (status(mounted, before), status(mounted, after)) == ("INITIATED", "CANCELED")
