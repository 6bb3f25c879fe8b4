"""The meaning of each reply of Blink to a refund."""

from typing import Any, Final

import pytest

from refundry import FULL, Money, OutcomeUnknown, Reason, Refund, RefundMismatch, RefundRejected, RefundStatus, Resend
from tests.facade.replies import DENIED, HTML, PENDING, SUCCEEDED, UNKNOWN, Expected, of
from tests.facade.support import deviations, outcome_for_caller
from tests.providers.record import ONE_EURO, PAYMENT, reply


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # The newer reply.
        ({"status": "completed"}, SUCCEEDED),
        ({"status": "Completed"}, SUCCEEDED),
        ({"status": "pending"}, PENDING),
        ({"status": "PENDING"}, PENDING),
        ({"status": "failed"}, Reason.DECLINED),
        ({"status": "Failed"}, Reason.DECLINED),
        ({"status": "complete"}, UNKNOWN),
        ({"status": "not completed"}, UNKNOWN),
        ({"status": "refunded"}, UNKNOWN),
        ({"status": ""}, UNKNOWN),
        ({"status": None}, UNKNOWN),
        ({"status": True}, UNKNOWN),
        # The older reply.
        ({"success": True}, SUCCEEDED),
        ({"success": False}, Reason.DECLINED),
        ({"success": None}, UNKNOWN),
        # Fields of both, which agree or not.
        ({"status": "refunded", "success": True}, PENDING),
        ({"status": "refunded", "success": False}, UNKNOWN),
        ({"status": "completed", "success": None}, SUCCEEDED),
        ({"status": "captured", "success": None}, UNKNOWN),
        ({"message": "Refunded"}, UNKNOWN),
    ],
)
def test_a_reply_of_blink_means(body: object, expected: Expected) -> None:
    assert of("blink", 200, body) is expected


# What each word means with `success` true and with `success` false. Without it only three words mean anything.

ACCEPTING: Final = {
    **dict.fromkeys(("completed", "accepted"), SUCCEEDED),
    **dict.fromkeys(("pending", "pending submission", "captured", "tendered", "received", "approved"), PENDING),
    **dict.fromkeys(("deferred", "authorised", "authorized", "pre auth", "preauth"), PENDING),
}
REFUSING: Final = ("failed", "declined", "rejected", "cancelled", "canceled", "voided", "expired")
UNLISTED: Final = ("reversed", "finished", "referred", "refunded", "settled", "paid", "successful", "fully refunded")
TRUE, FALSE = (True, 1, "1", "true"), (False, 0, "0", "false")


@pytest.mark.parametrize("success", TRUE, ids=repr)
@pytest.mark.parametrize("word", [*ACCEPTING, *REFUSING, *UNLISTED])
def test_the_weaker_of_success_and_word_counts_in_a_reply_of_blink(word: str, success: object) -> None:
    body = {"status": word, "success": success}
    assert of("blink", 200, body) is (ACCEPTING | dict.fromkeys(REFUSING, UNKNOWN)).get(word, PENDING)
    reported = [] if success is True else ["/success"]
    assert [pointer for pointer, _ in deviations("blink", reply(200, body))] == reported + ["/status"] * (
        word in UNLISTED
    )


@pytest.mark.parametrize("success", FALSE, ids=repr)
@pytest.mark.parametrize("word", [*ACCEPTING, *REFUSING, *UNLISTED])
def test_a_failure_of_blink_is_a_refusal_only_where_its_word_agrees(word: str, success: object) -> None:
    assert of("blink", 200, {"status": word, "success": success}) is (Reason.DECLINED if word in REFUSING else UNKNOWN)


@pytest.mark.parametrize("word", [*ACCEPTING, *REFUSING, *UNLISTED])
def test_a_word_of_blink_without_success_may_be_the_payments(word: str) -> None:
    known = {"completed": SUCCEEDED, "pending": PENDING, "failed": Reason.DECLINED}
    assert of("blink", 200, {"status": word}) is known.get(word, UNKNOWN)
    assert [pointer for pointer, _ in deviations("blink", reply(200, {"status": word}))] == (
        [] if word in known else ["/status"]
    )


@pytest.mark.parametrize("success", [*TRUE, *FALSE], ids=repr)
def test_a_success_of_blink_is_read_in_every_form_and_an_undocumented_form_is_a_deviation(success: object) -> None:
    reported = [] if isinstance(success, bool) else ["/success"]
    yes = success in TRUE
    assert of("blink", 200, {"success": success}) is (SUCCEEDED if yes else Reason.DECLINED)
    assert [pointer for pointer, _ in deviations("blink", reply(200, {"success": success}))] == reported
    for status in (400, 402, 404, 422):
        answer = reply(status, {"success": success, "message": "It did not work"})
        assert type(outcome_for_caller("blink", answer)) is (OutcomeUnknown if yes else RefundRejected)
        assert [pointer for pointer, _ in deviations("blink", answer)] == reported


@pytest.mark.parametrize("success", ["yes", "no", "True", "TRUE", "", 2, -1, 1.0, 0.0, [], {}], ids=repr)
def test_an_unreadable_success_of_blink_says_nothing(success: object) -> None:
    assert of("blink", 200, {"success": success}) is UNKNOWN
    assert of("blink", 400, {"success": success, "message": "no"}) is UNKNOWN


@pytest.mark.parametrize("status", ["completed", "COMPLETED", " completed ", "completed_", "-completed"])
def test_case_and_separators_of_a_status_of_blink_do_not_matter(status: str) -> None:
    assert of("blink", 200, {"status": status}) is RefundStatus.SUCCEEDED


ERRORS: Final[dict[int, Expected]] = {
    400: Reason.INVALID,
    401: DENIED,
    402: Reason.DECLINED,
    403: DENIED,
    404: Reason.NOT_FOUND,
    409: UNKNOWN,  # it conflicts with another request, which may be this refund
    422: Reason.INVALID,
    408: UNKNOWN,
    429: UNKNOWN,
    500: UNKNOWN,
    502: UNKNOWN,
    503: UNKNOWN,
    520: UNKNOWN,
}


@pytest.mark.parametrize("status", ERRORS)
@pytest.mark.parametrize(
    "body",
    [
        {"success": False},
        {"success": False, "message": "no"},
        {"success": False, "error": "no"},
        {"message": "no"},
        {"error": "no"},
    ],
)
def test_an_error_of_blink_with_a_refusal_means(status: int, body: dict[str, Any]) -> None:
    by_message_alone = "success" not in body
    assert of("blink", status, body) is (UNKNOWN if status == 402 and by_message_alone else ERRORS[status])


@pytest.mark.parametrize("status", [400, 402, 404, 409, 422])
@pytest.mark.parametrize("body", [b"", HTML, b"[]", b'"no"', b"null", [{"success": False}]])
def test_an_error_of_blink_that_is_not_an_object_is_unknown(status: int, body: object) -> None:
    assert of("blink", status, body) is OutcomeUnknown


@pytest.mark.parametrize("status", [400, 402, 404, 409, 422])
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"success": None},
        {"success": None, "message": "no"},
        {"success": True},
        {"message": ""},
        {"message": ["no"]},
        {"message": {"amount": "no"}},
        {"error": True},
        {"errors": ["no"]},
        {"success": False, "status": "completed"},
        {"success": False, "status": "Pending Submission"},
        {"message": "no", "status": "accepted"},
    ],
)
def test_an_error_of_blink_without_a_refusal_is_unknown(status: int, body: object) -> None:
    assert of("blink", status, body) is OutcomeUnknown


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 422])
def test_an_error_of_blink_that_says_it_succeeded_is_unknown(status: int) -> None:
    assert of("blink", status, {"success": True, "message": "Refunded"}) is OutcomeUnknown


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"success": False, "message": "It did not work"}),
        (200, {"success": False, "error": "It did not work"}),
        (422, {"success": False, "message": "It did not work"}),
        (422, {"success": False, "error": "It did not work"}),
        (422, {"message": "It did not work", "error": "E-1"}),
    ],
)
def test_a_refusal_by_blink_carries_its_message(status: int, body: object) -> None:
    result = outcome_for_caller("blink", reply(status, body))
    assert isinstance(result, RefundRejected)
    assert result.provider_message == "It did not work"


@pytest.mark.parametrize("amount", [1, 1.0, "1", "1.00", "1.0", -1, "-1.00", "1e0"])
@pytest.mark.parametrize("verdict", [{"success": True, "message": "Refunded"}, {"status": "completed"}])
def test_the_older_and_the_newer_reply_of_blink_are_read_alike(verdict: dict[str, Any], amount: object) -> None:
    body = {
        **verdict,
        "amount": amount,
        "transaction_id": PAYMENT,
        "refunded_transaction_id": "refund-1",
        "reference": "reference-1",
    }
    result = outcome_for_caller("blink", reply(200, body))
    assert isinstance(result, Refund)
    assert (result.status, result.amount, result.refund_id) == (SUCCEEDED, ONE_EURO, "refund-1")
    assert (result.provider_code, result.provider_message) == (verdict.get("status"), verdict.get("message"))


@pytest.mark.parametrize(
    ("body", "difference"),
    [
        ({"amount": 0.99}, ("amount", "1.00", "0.99")),
        ({"amount": "2.00"}, ("amount", "1.00", "2.00")),
        ({"amount": 0}, ("amount", "1.00", "0")),
        ({"amount": 1e300}, ("amount", "1.00", "1E+300")),
        ({"amount": "1.034,45"}, ("amount", "1.00", "1.034,45")),
        ({"amount": "one"}, ("amount", "1.00", "one")),
        ({"amount": True}, ("amount", "1.00", "true")),
        ({"amount": [1]}, ("amount", "1.00", "an array")),
        ({"amount": {}}, ("amount", "1.00", "an object")),
        ({"transaction_id": "payment-2"}, ("payment_id", PAYMENT, "payment-2")),
        ({"reference": "another"}, ("reference", "reference-1", "another")),
    ],
)
@pytest.mark.parametrize("verdict", [{"success": True}, {"status": "completed"}, {"status": "pending"}])
def test_an_acceptance_of_another_refund_by_blink_is_a_mismatch(verdict: Any, body: Any, difference: Any) -> None:
    result = outcome_for_caller("blink", reply(200, {**verdict, **body}))
    assert isinstance(result, RefundMismatch)
    assert result.differences == (difference,)
    assert result.resend is Resend.NEVER


def test_an_infinite_amount_is_a_mismatch() -> None:
    result = outcome_for_caller("blink", reply(200, b'{"success":true,"amount":1e999}'))
    assert isinstance(result, RefundMismatch)
    assert result.differences == (("amount", "1.00", "Infinity"),)


@pytest.mark.parametrize(
    ("currency", "amount"),
    [(None, None), ("GBP", Money.of("79.10", "GBP")), ("KWD", Money.of("79.100", "KWD")), ("JPY", None)],
)
@pytest.mark.parametrize("written_as", [79.1, "79.10"])
def test_the_amount_after_full_is_the_replys_where_the_currency_is_known(
    written_as: object, currency: str | None, amount: Money | None
) -> None:
    answer = reply(200, {"success": True, "amount": written_as})
    result = outcome_for_caller("blink", answer, amount=FULL, currency=currency)
    assert isinstance(result, Refund)
    assert result.amount == amount


@pytest.mark.parametrize(
    ("status", "body", "pointers"),
    [
        (200, {"status": "refunded"}, ["/status"]),
        (200, {"status": 7}, ["/status"]),
        (200, {"success": False, "error": 7}, ["/error"]),
        (200, {"success": "yes"}, ["/success"]),
        (200, {"success": True, "message": None}, ["/message"]),
        (200, {"success": True, "amount": True}, ["/amount"]),
        (200, {"success": True, "amount": "one"}, ["/amount"]),
        (200, {"success": True, "amount": "1,00"}, ["/amount"]),
        (200, {"success": True, "amount": -1}, ["/amount"]),
        (200, {"success": True, "amount": None}, ["/amount"]),
        (200, {"success": True, "amount": {}}, ["/amount"]),
        (200, {"success": True, "amount": "9" * 50}, ["/amount"]),
        (200, {"success": True, "transaction_id": 7}, ["/transaction_id"]),
        (200, {"success": True, "refunded_transaction_id": ""}, ["/refunded_transaction_id"]),
        (200, {"success": True, "reference": None}, ["/reference"]),
        (422, {"success": 0, "message": "no"}, ["/success"]),
        (422, {"success": False, "message": ["no"], "error": {}}, ["/message", "/error"]),
        (418, {}, [""]),
    ],
)
def test_a_deviation_from_the_contract_of_blink_is_reported_with_its_place(
    status: int, body: object, pointers: list[str]
) -> None:
    assert [pointer for pointer, _ in deviations("blink", reply(status, body))] == pointers
