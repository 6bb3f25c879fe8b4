"""Callbacks: the refund and the state that each reports, or its other subject."""

import json
from typing import Any, Final

import pytest

from refundry import Money, RefundClient, RefundEvent, RefundStatus, Resend, WebhookRejected, WebhookUnreadable
from tests.facade.callbacks import (
    FAILED,
    KEY,
    PENDING,
    SUCCEEDED,
    WORDS,
    both_kinds,
    news,
    proof,
    receive,
    received,
    receiving,
    with_proof,
)
from tests.facade.support import Kind
from tests.providers import RECORDS, account
from tests.providers.record import PAYMENT, REFUND

# The content of a callback.


@both_kinds
@pytest.mark.parametrize(
    ("provider", "word", "status"),
    [(provider, word, status) for provider, words in WORDS.items() for word, status in words.items()],
)
def test_each_listed_word_is_its_status(kind: Kind, provider: str, word: str, status: RefundStatus) -> None:
    body = news(provider, word)
    event, deviations = received(provider, proof(provider, body), body, kind=kind)
    assert event.status is status
    assert (event.provider, event.refund_id, event.payment_id) == (provider, REFUND, PAYMENT)
    assert (event.authentic, event.raw, deviations) == (True, body, [])


@both_kinds
@with_proof
@pytest.mark.parametrize("word", ["MISPLACED", "SUCCESSFUL", "not success", "refunded", "", 7, None, ["SUCCESS"]])
def test_an_unlisted_word_is_pending_and_reported(kind: Kind, provider: str, word: object) -> None:
    body = news(provider, {} if word is None else word).replace(b"{}", b"null")
    event, deviations = received(provider, proof(provider, body), body, kind=kind)
    assert (event.status, event.refund_id, event.authentic) == (PENDING, REFUND, True)
    assert [pointer for pointer, _ in deviations] == [RECORDS[provider].callbacks.at]


@both_kinds
@with_proof
def test_a_deviation_of_a_callback_names_the_account_and_the_contract_and_no_operation(
    kind: Kind, provider: str
) -> None:
    body = news(provider, "MISPLACED")
    caller_, _ = receiving(kind, provider, name="shop")
    with caller_ as client:
        client.client.webhook("shop", headers=proof(provider, body), body=body)
    (deviation,) = client.deviations
    assert (deviation.provider, deviation.operation, deviation.pointer) == (
        "shop",
        None,
        RECORDS[provider].callbacks.at,
    )
    assert len(bytes.fromhex(deviation.contract)) == 32


def test_a_hook_that_fails_does_not_suppress_an_event(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: object) -> None:
        raise ValueError("broken")

    body = news("paybyrd", "MISPLACED")
    with RefundClient([account("paybyrd", webhook_api_key=KEY)], on_deviation=broken) as client:
        assert client.webhook("paybyrd", headers=proof("paybyrd", body), body=body).status is PENDING
    assert "the hook for ContractDeviation failed" in caplog.text


def unreadable(provider: str, body: bytes) -> list[str]:
    """Return the pointers of the deviations of a callback that is proved and unreadable."""
    caller_, transport = receiving("sync", provider)
    with caller_ as client, pytest.raises(WebhookUnreadable) as raised:
        client.client.webhooks(provider, headers=proof(provider, body), body=body)
    error = raised.value
    assert (error.provider, error.resend, error.raw) == (provider, Resend.NEVER, None)
    assert not isinstance(error, WebhookRejected)
    assert (transport.sent, transport.lookups) == ([], [])
    return [deviation.pointer for deviation in client.deviations]


# Lab4Pay: the form is assumed from a sister product.


def lab4pay(value: object) -> tuple[RefundEvent, list[tuple[str, str]]]:
    """Return the events of a signed callback of Lab4Pay."""
    body = json.dumps(value).encode()
    return received("lab4pay", proof("lab4pay", body), body)


DONE: Final = {"id": REFUND, "linked_transaction_id": PAYMENT, "status": "SUCCESS", "tags": ["refund"]}


@pytest.mark.parametrize(
    "value",
    [
        DONE,
        [DONE],
        {"data": DONE},
        {"data": [DONE]},
        {"event": "transaction.success", "transaction": DONE},
        {"transaction_id": REFUND, "linked_transaction_id": PAYMENT, "status": "SUCCESS"},
    ],
)
def test_the_one_transaction_of_a_callback_of_lab4pay_is_found_in_each_of_its_forms(value: object) -> None:
    event, deviations = lab4pay(value)
    assert (event.refund_id, event.payment_id, event.status) == (REFUND, PAYMENT, SUCCEEDED)
    assert deviations == []


@both_kinds
@pytest.mark.parametrize(
    ("value", "refunds"),
    [
        ([DONE, {**DONE, "id": "refund-2"}], [REFUND, "refund-2"]),
        ({"data": [DONE, {**DONE, "id": "refund-2"}, DONE]}, [REFUND, "refund-2", REFUND]),
        ({"data": DONE, "transaction": {**DONE, "id": "refund-2"}}, [REFUND, "refund-2"]),
        ([[DONE], {"data": {**DONE, "id": "refund-2"}}], [REFUND, "refund-2"]),
        ([DONE, {"id": "payment-2", "status": "SUCCESS", "tags": ["charge"]}], [REFUND, None]),
        ([], []),
        ({"data": []}, []),
    ],
)
def test_each_transaction_of_a_callback_of_lab4pay_is_an_event(kind: Kind, value: object, refunds: list[str]) -> None:
    body = json.dumps(value).encode()
    caller_, _ = receiving(kind, "lab4pay")
    with caller_ as client:
        events = client.client.webhooks("lab4pay", headers=proof("lab4pay", body), body=body)
        assert client.deviations == []
    assert [event.refund_id for event in events] == refunds
    assert [event.status for event in events] == [name and SUCCEEDED for name in refunds]
    assert {(event.provider, event.proof, event.raw) for event in events} <= {("lab4pay", "signature", body)}
    assert len({event.identity for event in events}) == len({*refunds})


@both_kinds
@pytest.mark.parametrize(("value", "held"), [([DONE, {**DONE, "id": "refund-2"}], 2), ([], 0)])
def test_a_callback_with_several_events_or_none_is_not_read_as_one(kind: Kind, value: object, held: int) -> None:
    body = json.dumps(value).encode()
    with pytest.raises(WebhookUnreadable, match=rf"{held} events.*webhooks\(") as unreadable:
        receive("lab4pay", proof("lab4pay", body), body, kind=kind)
    assert unreadable.value.provider == "lab4pay"


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"data": None},
        {"data": {}},
        {"id": REFUND},
        {"status": "SUCCESS"},
        "SUCCESS",
        None,
        7,
        [None],
        [DONE, 7],
        [DONE, {"id": "refund-2"}],
        [DONE, {"data": None}],
        [DONE, {**DONE, "id": None}],
        [DONE, {**DONE, "id": ""}],
        [DONE, {**DONE, "id": 7.5}],
        {"event": "transaction.success"},
    ],
)
def test_a_callback_of_lab4pay_with_anything_but_transactions_is_unreadable_and_reported(value: object) -> None:
    assert len(unreadable("lab4pay", json.dumps(value).encode())) == 1


@pytest.mark.parametrize("body", [b"", b"no JSON", b"\xff", b'{"id": NaN, "status": "SUCCESS"}', b"[" * 100_000])
@with_proof
def test_a_proved_callback_that_is_not_json_is_unreadable_and_reported(provider: str, body: bytes) -> None:
    assert unreadable(provider, body) == [""]


@with_proof
def test_an_id_that_is_a_number_is_read_as_its_digits_and_reported(provider: str) -> None:
    body = news(provider, "Success", refund_id=12345678901234567890)
    event, deviations = received(provider, proof(provider, body), body)
    assert (event.refund_id, event.status) == ("12345678901234567890", SUCCEEDED)
    assert [pointer for pointer, _ in deviations] == [{"lab4pay": "/id", "paybyrd": "/content/transactionId"}[provider]]
    as_text = news(provider, "Success", refund_id="12345678901234567890")
    assert receive(provider, proof(provider, as_text), as_text).identity == event.identity


def test_the_id_of_a_payment_that_is_a_number_is_its_digits() -> None:
    assert lab4pay({**DONE, "linked_transaction_id": 77})[0].payment_id == "77"
    content = {"transactionId": REFUND, "operationType": "Refund", "status": "success"}
    body = json.dumps({"content": {**content, "referencedTransactions": [{"transactionId": 77}]}}).encode()
    assert receive("paybyrd", proof("paybyrd", body), body).payment_id == "77"


def test_a_callback_of_blink_may_name_its_transaction_by_a_number() -> None:
    assert receive("blink", {}, b'{"transaction_id":7}').refund_id == "7"


@pytest.mark.parametrize(
    ("fields", "about", "reference"),
    [
        ({"linked_transaction_id": PAYMENT}, "refund", None),
        ({"linked_transaction_id": PAYMENT, "client_transaction_id": "order-1/1"}, "refund", None),
        ({"tags": ["refund"], "client_transaction_id": "till-1/1"}, "refund", "till-1/1"),
        ({"tags": ["refund"], "client_transaction_id": None}, "refund", None),
        ({"client_transaction_id": "till-1/1"}, "transaction", "till-1/1"),
        ({"client_transaction_id": "till-1/1", "tags": ["charge"]}, "payment", None),
    ],
)
def test_lab4pay_echoes_the_reference_of_an_unreferenced_refund(
    fields: dict[str, Any], about: str, reference: str | None
) -> None:
    event, deviations = lab4pay({"id": REFUND, "status": "SUCCESS", **fields})
    assert (event.about, event.reference, deviations) == (about, reference, [])


def test_only_a_reference_that_is_text_is_read() -> None:
    event, deviations = lab4pay({"id": REFUND, "status": "SUCCESS", "tags": ["refund"], "client_transaction_id": 7})
    assert (event.reference, [pointer for pointer, _ in deviations]) == (None, ["/client_transaction_id"])


@pytest.mark.parametrize(
    ("word", "undone"), [("REVERTED", True), ("reverted", True), ("FAILED", False), ("SUCCESS", False)]
)
def test_reverted_alone_undoes_a_refund_that_was_done(word: str, undone: bool) -> None:
    event, _ = lab4pay({**DONE, "status": word})
    assert (event.provider_code, event.undone) == (word, undone)


@pytest.mark.parametrize("linked", [{}, {"linked_transaction_id": None}])
@pytest.mark.parametrize("tags", [["charge"], ["card", "charge"]])
def test_a_charge_that_is_linked_to_no_payment_is_no_refund(linked: dict[str, Any], tags: list[str]) -> None:
    event, deviations = lab4pay({"id": "payment-2", "status": "SUCCESS", "tags": tags, **linked})
    assert event.about == "payment"
    assert (event.refund_id, event.payment_id, event.status, event.authentic) == (None, None, None, True)
    assert deviations == []


@pytest.mark.parametrize("tags", [None, [], "charge", {"charge": 1}, [["charge"]], [7]])
def test_without_the_tag_of_a_charge_an_unlinked_transaction_may_be_a_refund(tags: object) -> None:
    event, _ = lab4pay({"id": REFUND, "status": "SUCCESS", "tags": tags, "linked_transaction_id": None})
    assert (event.refund_id, event.payment_id, event.status) == (REFUND, None, SUCCEEDED)


# Paybyrd: an envelope that names its event, and the transaction under `content`.


FAMILIES: Final = {
    **{f"transaction.{one}.success": "payment" for one in ("payment", "capture", "preauth")},
    **{f"transaction.payment.{one}": "payment" for one in ("pending", "failed", "error", "canceled")},
    **{f"order.{one}": "order" for one in ("created", "pending", "paid", "refunded", "canceled", "expired")},
    **{f"order.refund.{one}": "order" for one in ("success", "failed")},
    "order.partialrefunded": "order",
    "Order.Refunded": "order",
    "chargeback.won": "other",
    "chargeback.created": "other",
}


@both_kinds
@pytest.mark.parametrize(("name", "about"), FAMILIES.items())
@pytest.mark.parametrize("stored", [{}, {"operationType": "Payment", "referencedTransactions": None}])
def test_an_event_of_another_family_is_believed_and_says_what_it_is_about(
    kind: Kind, name: str, about: str, stored: dict[str, Any]
) -> None:
    body = news("paybyrd", "success", event=name, **stored)
    event, deviations = received("paybyrd", proof("paybyrd", body), body, kind=kind)
    assert (event.about, event.refund_id, event.payment_id, event.status) == (about, None, None, None)
    assert (event.authentic, deviations) == (True, [])


@pytest.mark.parametrize("content", [b"null", b"[]", b'"{}"', b"7", b"{}", None])
@pytest.mark.parametrize(("name", "about"), {"order.paid": "order", "chargeback.won": "other"}.items())
def test_an_event_of_another_family_needs_no_content(name: str, about: str, content: bytes | None) -> None:
    more = b"" if content is None else b', "content": %b' % content
    body = b'{"event": "%b"%b}' % (name.encode(), more)
    event, deviations = received("paybyrd", proof("paybyrd", body), body)
    assert (event.about, event.authentic, deviations) == (about, True, [])


@pytest.mark.parametrize("name", ["refund.success", "success", "payout.created", "transaction.release.success"])
@pytest.mark.parametrize(("kind_of", "about"), {"Payment": "payment", "Release": "other", "": "other"}.items())
def test_an_event_of_an_unlisted_family_has_the_subject_of_its_transaction_and_is_reported(
    name: str, kind_of: str, about: str
) -> None:
    body = news("paybyrd", "success", event=name, operationType=kind_of)
    event, deviations = received("paybyrd", proof("paybyrd", body), body)
    assert (event.about, event.status, [pointer for pointer, _ in deviations]) == (about, None, ["/event"])


@pytest.mark.parametrize("name", ["refund.success", "success", "transaction.release.success"])
def test_a_refund_under_an_unlisted_event_name_is_pending_and_reported(name: str) -> None:
    body = news("paybyrd", "success", event=name, code="BYRD200")
    event, deviations = received("paybyrd", proof("paybyrd", body), body)
    assert (event.about, event.refund_id, event.status) == ("refund", REFUND, PENDING)
    assert event.provider_code == "success"
    assert [pointer for pointer, _ in deviations] == ["/event"]


@pytest.mark.parametrize("more", [{}, {"orderRef": "order-1", "status": "refunded"}])
def test_without_the_name_of_an_event_a_content_with_an_order_id_alone_is_an_order(more: dict[str, Any]) -> None:
    body = json.dumps({"content": {"orderId": "o-1", **more}}).encode()
    event, deviations = received("paybyrd", proof("paybyrd", body), body)
    assert (event.about, event.status, event.authentic, deviations) == ("order", None, True, [])


def test_an_order_that_names_a_transaction_does_not_say_what_it_is_about() -> None:
    body = json.dumps({"content": {"orderId": "o-1", "transactionId": REFUND}}).encode()
    assert unreadable("paybyrd", body) == [""]


BY_EVENT: Final = {"pending": PENDING, "success": SUCCEEDED, "failed": FAILED, "error": FAILED, "canceled": FAILED}
# With a code of a final failure, Error is a final failure too.
FINAL_ERROR: Final = {"code": "BYRD290"}
WITH_ITS_CODE: Final = {**WORDS["paybyrd"], "Error": FAILED}


@both_kinds
@pytest.mark.parametrize(("word", "status"), {**BY_EVENT, "error": PENDING}.items())
@pytest.mark.parametrize("name", ["transaction.refund.{}", "Transaction.Refund.{}"])
def test_the_event_says_how_far_the_refund_is_where_its_transaction_does_not(
    kind: Kind, word: str, status: RefundStatus, name: str
) -> None:
    body = news("paybyrd", event=name.format(word), operationType="")
    event, deviations = received("paybyrd", proof("paybyrd", body), body, kind=kind)
    assert (event.refund_id, event.payment_id, event.status) == (REFUND, PAYMENT, status)
    assert deviations == []


@pytest.mark.parametrize(
    ("word", "state"),
    [(word, state) for word, status in BY_EVENT.items() for state, is_so in WITH_ITS_CODE.items() if is_so is status],
)
def test_an_event_and_a_transaction_that_say_the_same_are_believed(word: str, state: str) -> None:
    body = news("paybyrd", state, event=f"transaction.refund.{word}", **(FINAL_ERROR if state == "Error" else {}))
    event, deviations = received("paybyrd", proof("paybyrd", body), body)
    assert (event.refund_id, event.status, deviations) == (REFUND, BY_EVENT[word], [])


@both_kinds
@pytest.mark.parametrize(
    ("word", "state"),
    [
        (word, state)
        for word, status in BY_EVENT.items()
        for state, is_so in WITH_ITS_CODE.items()
        if is_so is not status
    ],
)
def test_an_event_and_a_transaction_that_contradict_each_other_are_pending_and_reported(
    kind: Kind, word: str, state: str
) -> None:
    body = news("paybyrd", state, event=f"transaction.refund.{word}", **(FINAL_ERROR if state == "Error" else {}))
    event, deviations = received("paybyrd", proof("paybyrd", body), body, kind=kind)
    assert (event.refund_id, event.status) == (REFUND, PENDING)
    assert [pointer for pointer, _ in deviations] == ["/content/status"]


@pytest.mark.parametrize(("state", "code"), [("Success", "BYRD205"), ("Success", "BYRD203"), ("Denied", "BYRD200")])
def test_a_code_that_contradicts_the_state_is_pending_and_reported(state: str, code: str) -> None:
    body = news("paybyrd", state, code=code)
    event, deviations = received("paybyrd", proof("paybyrd", body), body)
    assert (event.refund_id, event.status) == (REFUND, PENDING)
    assert [pointer for pointer, _ in deviations] == ["/content/code"]


@pytest.mark.parametrize("state", ["Success", "Denied", None])
@pytest.mark.parametrize("name", ["misplaced", "success.again", ""])
def test_an_unlisted_event_of_a_refund_is_pending_and_reported(state: str | None, name: str) -> None:
    body = news("paybyrd", state, event=f"transaction.refund.{name}".rstrip("."))
    event, deviations = received("paybyrd", proof("paybyrd", body), body)
    assert (event.refund_id, event.status) == (REFUND, PENDING)
    assert [pointer for pointer, _ in deviations] == ["/event"]


@pytest.mark.parametrize("name", [7, {"name": "transaction.refund.success"}, ["transaction.refund.success"]])
def test_an_event_whose_name_is_not_text_is_reported(name: object) -> None:
    body = news("paybyrd", "Success", event=name)
    _, deviations = received("paybyrd", proof("paybyrd", body), body)
    assert [pointer for pointer, _ in deviations] == ["/event"]


@pytest.mark.parametrize("kind_of", ["Refund", "refund", "REFUND"])
def test_without_the_name_of_an_event_the_kind_of_the_transaction_says_that_it_is_a_refund(kind_of: str) -> None:
    body = news("paybyrd", "Success", operationType=kind_of)
    assert receive("paybyrd", proof("paybyrd", body), body).refund_id == REFUND


KINDS_OF: Final = {"Payment": "payment", "Capture": "payment", "PREAUTH": "payment", "Release": "other"}


@pytest.mark.parametrize(("kind_of", "about"), KINDS_OF.items())
def test_without_the_name_of_an_event_a_transaction_of_another_kind_is_no_refund(kind_of: str, about: str) -> None:
    body = news("paybyrd", "Success", operationType=kind_of)
    event = receive("paybyrd", proof("paybyrd", body), body)
    assert (event.about, event.refund_id, event.status, event.authentic) == (about, None, None, True)


@pytest.mark.parametrize("kind_of", ["", None, 7, "PartialRefund", "Refund reversal"])
def test_without_the_name_of_an_event_a_transaction_that_may_be_a_refund_is_unreadable_and_reported(
    kind_of: object,
) -> None:
    assert unreadable("paybyrd", news("paybyrd", "Success", operationType=kind_of)) == [""]


@pytest.mark.parametrize("content", [b"null", b"[]", b'"{}"', b"7", None])
def test_a_refund_of_paybyrd_without_a_content_is_unreadable_and_reported(content: bytes | None) -> None:
    more = b"" if content is None else b', "content": %b' % content
    assert unreadable("paybyrd", b'{"event": "transaction.refund.success"%b}' % more) == [""]


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b'"x"', b"null", b'{"content": {}}', b'{"content": {"status": "Success"}}']
)
def test_a_callback_of_paybyrd_without_a_subject_is_unreadable_and_reported(body: bytes) -> None:
    assert unreadable("paybyrd", body) == [""]


@pytest.mark.parametrize("refund_id", [None, {}, "", 7.5, ["refund-1"]])
def test_a_refund_without_an_id_is_unreadable_and_reported(refund_id: object) -> None:
    body = news("paybyrd", "Success", event="transaction.refund.success", refund_id=refund_id)
    assert unreadable("paybyrd", body) == ["/content/transactionId"]
    without = json.dumps({"event": "transaction.refund.success", "content": {"status": "Success"}}).encode()
    assert unreadable("paybyrd", without) == ["/content/transactionId"]


@pytest.mark.parametrize(
    ("more", "amount"),
    [
        ({"isoAmount": -100, "currency": "EUR"}, Money.of("1.00", "EUR")),
        ({"isoAmount": 100, "amount": "1.00", "currency": "GBP"}, Money.of("1.00", "GBP")),
        ({"isoAmount": -100}, None),
        ({"currency": "EUR"}, None),
        ({"isoAmount": 0, "currency": "EUR"}, None),
        ({}, None),
    ],
)
def test_a_refund_of_paybyrd_says_its_amount_where_it_says_its_currency(
    more: dict[str, Any], amount: Money | None
) -> None:
    body = news("paybyrd", "Success", **more)
    assert receive("paybyrd", proof("paybyrd", body), body).amount == amount


@with_proof
@pytest.mark.parametrize("refund_id", ["a/b", "../x", "..", "a b", "a%2fb", "x" * 201, "\ud800"])
def test_a_refund_with_an_id_that_could_lead_to_another_path_is_unreadable_and_reported(
    provider: str, refund_id: str
) -> None:
    assert len(unreadable(provider, news(provider, "Success", refund_id=refund_id))) == 1
