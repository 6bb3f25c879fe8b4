"""What goes to each provider, and what each of its replies is taken to mean."""

import decimal
import json
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundry import (
    FULL,
    AuthenticationFailed,
    Money,
    OutcomeUnknown,
    Reason,
    Refund,
    RefundError,
    RefundMismatch,
    RefundRejected,
    RefundRequest,
    RefundStatus,
    Resend,
    WireReply,
)
from refundry.outcome import Reading
from tests.unit.support import (
    ACCEPTED,
    ONE_EURO,
    PAYMENT,
    PROVIDERS,
    Scripted,
    account,
    deviations,
    reply,
    scripted,
    told,
)

HTML: Final = b"<html><body>It did not work</body></html>"
SUCCEEDED, PENDING = RefundStatus.SUCCEEDED, RefundStatus.PENDING
ALREADY, EXCEEDS = Reason.ALREADY_REFUNDED, Reason.EXCEEDS_REMAINING
UNKNOWN, ACCESS = OutcomeUnknown, AuthenticationFailed

Expected = RefundStatus | Reason | type[RefundError]
"""A refund of this status, a refusal for this reason, or an exception of this class."""


def expected_of(result: Refund | RefundError) -> Expected:
    if isinstance(result, Refund):
        return result.status
    return result.reason if type(result) is RefundRejected else type(result)


def of(provider: str, status: int, body: object) -> Expected:
    return expected_of(told(provider, reply(status, body)))


# Requests.


def test_a_refund_at_lab4pay_is_a_post_of_minor_units_and_the_reference() -> None:
    transport = Scripted(reply(200, ACCEPTED["lab4pay"]))
    with scripted("sync", "lab4pay", transport) as client:
        client.ask("lab4pay", reference="till-3/9")
    (sent,) = transport.sent
    assert (sent.method, sent.url) == ("POST", "https://api-payment.lab4pay.com/v1/pay-connect/transactions/refund/")
    assert json.loads(sent.body) == {"amount": 100, "client_transaction_id": "till-3/9"}
    assert {name.lower(): value for name, value in sent.headers} == {
        "accept": "application/json",
        "content-type": "application/json",
    }
    assert [(name, secret.reveal()) for name, secret in sent.credentials] == [
        ("Authorization", "Bearer test-key"),
        ("X-Pay-Connect-Integrator-Id", "test-integrator"),
    ]


def test_a_refund_at_paybyrd_is_a_post_of_minor_units_under_an_idempotency_key() -> None:
    transport = Scripted(reply(200, ACCEPTED["paybyrd"]))
    with scripted("sync", "paybyrd", transport) as client:
        client.ask("paybyrd")
    (sent,) = transport.sent
    assert (sent.method, sent.url) == ("POST", f"https://gateway.paybyrd.com/api/v2/refund/{PAYMENT}")
    assert json.loads(sent.body) == {"isoAmount": 100}
    assert {name.lower() for name, _ in sent.headers} == {"accept", "content-type", "idempotency-key"}
    assert [(name, secret.reveal()) for name, secret in sent.credentials] == [("x-api-key", "test-key")]


@pytest.mark.parametrize(
    ("amount", "body"),
    [
        (ONE_EURO, {"partial_refund": True, "amount": 1, "reference": "reference-1"}),
        (Money.of("79.10", "GBP"), {"partial_refund": True, "amount": 79.1, "reference": "reference-1"}),
        (FULL, {"partial_refund": False, "reference": "reference-1"}),
    ],
)
def test_a_refund_at_blink_is_a_post_of_major_units_or_of_no_amount_for_full(amount: Any, body: Any) -> None:
    transport = Scripted(reply(200, {"status": "pending"}))
    with scripted("sync", "blink", transport) as client:
        client.ask("blink", amount=amount)
    (sent,) = transport.sent
    assert sent.method == "POST"
    assert sent.url == f"https://secure.blinkpayment.co.uk/api/pay/v1/transactions/{PAYMENT}/refunds"
    assert json.loads(sent.body) == body
    assert [(name, secret.reveal()) for name, secret in sent.credentials] == [("Authorization", "Bearer test-key")]


def written(provider: str, amount: Money) -> str:
    """Return the amount as it stands in the JSON that is sent."""
    transport = Scripted(reply(500))
    with scripted("sync", provider, transport) as client, pytest.raises(OutcomeUnknown):
        client.ask(provider, amount=amount)
    body = json.loads(transport.sent[0].body, parse_float=str, parse_int=str)
    return str(body["isoAmount" if provider == "paybyrd" else "amount"])


@pytest.mark.parametrize(
    ("amount", "minor", "major"),
    [
        (Money.of("79.10", "GBP"), "7910", "79.1"),
        (Money.of("79", "JPY"), "79", "79"),
        (Money.of("7.910", "KWD"), "7910", "7.91"),
        (Money.of("0.0001", "CLF"), "1", "0.0001"),
        (Money.from_minor(10**15, "JPY"), str(10**15), str(10**15)),
        (Money.from_minor(10**15 - 1, "EUR"), str(10**15 - 1), "9999999999999.99"),
    ],
    ids=str,
)
def test_an_amount_goes_out_in_the_units_of_each_provider(amount: Money, minor: str, major: str) -> None:
    assert [written(provider, amount) for provider in PROVIDERS] == [minor, minor, major]


@given(st.integers(1, 10**15), st.sampled_from(["JPY", "EUR", "KWD", "CLF"]))
def test_every_digit_of_an_amount_goes_out(units: int, currency: str) -> None:
    amount = Money.from_minor(units, currency)
    assert written("lab4pay", amount) == written("paybyrd", amount) == str(units)
    assert Decimal(written("blink", amount)) == amount.decimal


def test_every_digit_goes_out_whatever_the_decimal_context_of_the_caller() -> None:
    with decimal.localcontext(decimal.Context(prec=3)):
        assert written("blink", Money.of("12345678.91", "EUR")) == "12345678.91"


@pytest.mark.parametrize("provider", ["paybyrd", "blink"])
def test_every_digit_comes_back_whatever_the_decimal_context_of_the_caller(provider: str) -> None:
    amount = Money.of("12345678.91", "EUR")
    body = {"paybyrd": {"code": "BYRD200", "isoAmount": 1234567892}, "blink": {"success": True, "amount": 12345678.92}}
    with decimal.localcontext(decimal.Context(prec=3, traps=[decimal.Inexact])):
        result = told(provider, reply(200, body[provider]), amount=amount)
    assert isinstance(result, RefundMismatch)
    assert result.differences == (("amount", "12345678.91", "12345678.92"),)


# Replies, at every provider.


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("status", [200, 400, 403, 404, 500, 502, 503, 504])
@pytest.mark.parametrize(
    "body", [HTML, b"[]", b"null", b'"refunded"', b"7", b"{", b"\xff", b"NaN", b"[" * 50_000, b'{"a":' + b"9" * 5_000]
)
def test_a_reply_that_cannot_be_read_is_unknown_whatever_its_status(provider: str, status: int, body: bytes) -> None:
    result = told(provider, reply(status, body))
    assert type(result) is OutcomeUnknown
    assert result.raw is not None
    assert (result.http_status, result.raw.body) == (status, body)
    assert [pointer for pointer, _ in deviations(provider, reply(status, body))] == [""]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("status", [100, 101, 201, 204, 206, 302, 304, 307, 308, 405, 408, 410, 418, 429, 520, 599])
def test_a_status_that_no_contract_describes_is_unknown(provider: str, status: int) -> None:
    assert of(provider, status, ACCEPTED[provider]) is OutcomeUnknown


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_empty_acceptance_is_unknown(provider: str) -> None:
    assert of(provider, 200, b"") is of(provider, 200, {}) is OutcomeUnknown


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("body", [HTML, b"", b"{}", b"[]", b"\xff"])
def test_401_is_a_refusal_of_the_credentials_whatever_its_body(provider: str, body: bytes) -> None:
    result = told(provider, reply(401, body))
    assert type(result) is AuthenticationFailed
    assert (result.resend, result.http_status) == (Resend.SAFE, 401)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("status", [200, 400, 401])
def test_a_reply_that_ended_early_is_unknown_whatever_it_says(provider: str, status: int) -> None:
    whole = reply(status, ACCEPTED[provider])
    result = told(provider, WireReply(whole.status, whole.headers, whole.body, complete=False))
    assert type(result) is OutcomeUnknown
    assert "ended early" in str(result)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_is_unknown_may_be_asked_for_again_only_where_the_provider_knows_keys(provider: str) -> None:
    result = told(provider, reply(500, b""))
    assert isinstance(result, OutcomeUnknown)
    assert result.resend is (Resend.SAME_REFERENCE if provider == "paybyrd" else Resend.NEVER)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_reply_as_the_contract_has_it_is_told_without_deviations(provider: str) -> None:
    assert deviations(provider, reply(200, ACCEPTED[provider])) == []


# Lab4Pay.


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"transaction_id": "refund-1"}, PENDING),
        (200, {"transaction_id": "refund-1", "status": "SUCCESS", "more": None}, PENDING),
        (200, {"transaction_id": ""}, UNKNOWN),
        (200, {"transaction_id": None}, UNKNOWN),
        (200, {"transaction_id": 7}, UNKNOWN),
        (200, {"id": "refund-1"}, UNKNOWN),
        (400, b"", Reason.INVALID),
        (400, {}, Reason.INVALID),
        (400, {"detail": "amount"}, Reason.INVALID),
        (401, b"", ACCESS),
        (401, {"detail": "token"}, ACCESS),
        (403, {}, UNKNOWN),
        (404, {}, UNKNOWN),
        (409, {}, UNKNOWN),
        (500, b"", UNKNOWN),
        (500, {}, UNKNOWN),
        (503, {}, UNKNOWN),
    ],
)
def test_a_reply_of_lab4pay_means(status: int, body: object, expected: Expected) -> None:
    assert of("lab4pay", status, body) is expected


def test_an_acceptance_by_lab4pay_names_the_new_transaction() -> None:
    result = told("lab4pay", reply(200, {"transaction_id": "refund-1"}))
    assert isinstance(result, Refund)
    assert (result.refund_id, result.payment_id, result.amount) == ("refund-1", None, ONE_EURO)


# Paybyrd. Columns: what a code means with each HTTP status.

BY_CODE: Final[dict[str | None, tuple[Expected, Expected, Expected, Expected]]] = {
    # code:     200, 202, 400 and 404, 401 and 403
    "BYRD200": (SUCCEEDED, PENDING, UNKNOWN, UNKNOWN),
    "BYRD010": (PENDING, PENDING, UNKNOWN, UNKNOWN),
    "BYRD201": (PENDING, PENDING, UNKNOWN, UNKNOWN),
    "BYRD207": (PENDING, PENDING, UNKNOWN, UNKNOWN),
    "BYRD203": (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    "BYRD294": (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    "BYRD299": (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    "BYRD999": (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    "BYRD205": (Reason.DECLINED, UNKNOWN, Reason.DECLINED, ACCESS),
    "BYRD206": (Reason.DECLINED, UNKNOWN, Reason.DECLINED, ACCESS),
    "BYRD208": (Reason.DECLINED, UNKNOWN, Reason.DECLINED, ACCESS),
    "BYRD230": (ALREADY, UNKNOWN, ALREADY, ACCESS),
    "BYRD231": (EXCEEDS, UNKNOWN, EXCEEDS, ACCESS),
    "BYRD240": (Reason.INVALID, UNKNOWN, Reason.INVALID, ACCESS),
    "BYRD290": (Reason.OTHER, UNKNOWN, Reason.OTHER, ACCESS),
    "BYRD291": (Reason.OTHER, UNKNOWN, Reason.OTHER, ACCESS),
    "BYRD292": (Reason.NOT_REFUNDABLE, UNKNOWN, Reason.NOT_REFUNDABLE, ACCESS),
    "BYRD401": (ACCESS, UNKNOWN, ACCESS, ACCESS),
    "BYRD403": (ACCESS, UNKNOWN, ACCESS, ACCESS),
    "BYRD900": (Reason.INVALID, UNKNOWN, Reason.INVALID, ACCESS),
    "BYRD901": (Reason.NOT_FOUND, UNKNOWN, Reason.NOT_FOUND, ACCESS),
    # What the contract does not list, and no code at all.
    "BYRD777": (UNKNOWN, UNKNOWN, UNKNOWN, ACCESS),
    "byrd200": (UNKNOWN, UNKNOWN, UNKNOWN, ACCESS),
    "BYRD200 ": (UNKNOWN, UNKNOWN, UNKNOWN, ACCESS),
    "": (UNKNOWN, PENDING, UNKNOWN, ACCESS),
    None: (UNKNOWN, PENDING, UNKNOWN, ACCESS),
}
COLUMNS: Final = {200: 0, 202: 1, 400: 2, 404: 2, 401: 3, 403: 3}


@pytest.mark.parametrize("status", COLUMNS)
@pytest.mark.parametrize("code", BY_CODE)
def test_a_reply_of_paybyrd_means(code: str | None, status: int) -> None:
    body = {} if code is None else {"code": code, "description": "A sentence"}
    assert of("paybyrd", status, body) is BY_CODE[code][COLUMNS[status]]


def paybyrd_reading(answer: WireReply) -> Reading:
    """Return what Paybyrd's reply to one euro of PAYMENT is read as."""
    request = RefundRequest("paybyrd", PAYMENT, ONE_EURO, "reference-1")
    return account("paybyrd").translation().read(request, answer)


@pytest.mark.parametrize("status", COLUMNS)
@pytest.mark.parametrize("code", BY_CODE)
def test_three_refusals_of_paybyrd_settle_an_earlier_attempt_too(code: str | None, status: int) -> None:
    refused = isinstance(BY_CODE[code][COLUMNS[status]], Reason)
    settles = refused and code in ("BYRD205", "BYRD208", "BYRD901")
    assert paybyrd_reading(reply(status, {"code": code})).settles_earlier is settles


@pytest.mark.parametrize("status", [500, 502, 503, 520, 599, 201, 409, 422, 429])
@pytest.mark.parametrize("code", BY_CODE)
def test_any_other_status_of_paybyrd_is_unknown_whatever_its_code(code: str | None, status: int) -> None:
    assert of("paybyrd", status, {"code": code}) is OutcomeUnknown


def test_every_code_of_the_contract_stands_in_the_table() -> None:
    listed = {"BYRD200", "BYRD010"}
    for code in (f"BYRD{number:03}" for number in range(1000)):
        told_of = deviations("paybyrd", reply(400, {"code": code}))
        if not told_of:
            listed.add(code)
    assert listed == {code for code in BY_CODE if code and code not in ("BYRD777", "byrd200", "BYRD200 ")}


def test_a_success_at_paybyrd_says_all_that_the_reply_says() -> None:
    body = {
        "isoAmount": 100,
        "amount": "1.00",
        "code": "BYRD200",
        "description": "A sentence",
        "sourceTransaction": {"isoAmount": 300, "isoRemainingAmount": 200, "transactionId": PAYMENT},
        "transactionId": "refund-1",
    }
    result = told("paybyrd", reply(200, body))
    assert isinstance(result, Refund)
    assert result.to_dict() == {
        "provider": "paybyrd",
        "reference": "reference-1",
        "status": "succeeded",
        "amount": {"minor_units": 100, "currency": "EUR"},
        "refund_id": "refund-1",
        "payment_id": PAYMENT,
        "remaining": 200,
        "tracking_id": None,
        "provider_code": "BYRD200",
        "provider_message": "A sentence",
        "replayed": False,
    }
    assert deviations("paybyrd", reply(200, body)) == []


def test_a_remainder_below_zero_is_not_told_as_money_that_is_left() -> None:
    body = {"code": "BYRD200", "sourceTransaction": {"isoRemainingAmount": -200}}
    result = told("paybyrd", reply(200, body))
    assert isinstance(result, Refund)
    assert result.remaining is None
    assert [pointer for pointer, _ in deviations("paybyrd", reply(200, body))] == [
        "/sourceTransaction/isoRemainingAmount"
    ]


LINK = "/api/v2/transactions?requestId=93ce3e62-82b9-4570-8248-45915e794fd0"


def test_an_acceptance_for_later_at_paybyrd_says_where_to_ask() -> None:
    body = {"code": "BYRD010", "description": "A sentence", "links": {"href": LINK, "rel": "a", "type": "GET"}}
    result = told("paybyrd", reply(202, body))
    assert isinstance(result, Refund)
    assert (result.status, result.tracking_id, result.refund_id) == (PENDING, LINK, None)
    assert (result.provider_code, result.provider_message) == ("BYRD010", "A sentence")
    assert deviations("paybyrd", reply(202, body)) == []


@pytest.mark.parametrize("links", [None, [], "x", {}, {"href": None}])
def test_an_acceptance_for_later_at_paybyrd_needs_no_link(links: object) -> None:
    result = told("paybyrd", reply(202, {"code": "BYRD010", "links": links}))
    assert isinstance(result, Refund)
    assert result.tracking_id is None


@pytest.mark.parametrize(
    ("body", "difference"),
    [
        ({"isoAmount": 99}, ("amount", "1.00", "0.99")),
        ({"amount": "0.99"}, ("amount", "1.00", "0.99")),
        ({"isoAmount": 0}, ("amount", "1.00", "0.00")),
        ({"isoAmount": 10**20}, ("amount", "1.00", f"{10**18}.00")),
        # Two amounts that contradict each other, whichever of them is the right one.
        ({"isoAmount": 100, "amount": "0.99"}, ("amount", "1.00", "0.99")),
        ({"isoAmount": 100, "amount": "100"}, ("amount", "1.00", "100")),
        ({"isoAmount": 99, "amount": "1.00"}, ("amount", "1.00", "0.99")),
        # An amount that cannot be read, where no other can.
        ({"amount": "1.034,45"}, ("amount", "1.00", "1.034,45")),
        ({"amount": "1,00"}, ("amount", "1.00", "1,00")),
        ({"amount": "one euro"}, ("amount", "1.00", "one euro")),
        ({"amount": True}, ("amount", "1.00", "true")),
        ({"amount": []}, ("amount", "1.00", "an array")),
        ({"isoAmount": True}, ("amount", "1.00", "true")),
        ({"isoAmount": "1.00"}, ("amount", "1.00", "1.00")),
        ({"isoAmount": {}}, ("amount", "1.00", "an object")),
        ({"isoAmount": "one", "amount": "0.99"}, ("amount", "1.00", "0.99")),
        ({"isoAmount": None, "amount": "one"}, ("amount", "1.00", "one")),
        ({"sourceTransaction": {"transactionId": "payment-2"}}, ("payment_id", PAYMENT, "payment-2")),
    ],
)
@pytest.mark.parametrize("code", ["BYRD200", "BYRD201"])
def test_a_success_of_another_refund_at_paybyrd_is_a_mismatch(code: str, body: Any, difference: Any) -> None:
    result = told("paybyrd", reply(200, {"code": code, **body}))
    assert isinstance(result, RefundMismatch)
    assert result.differences == (difference,)


def test_the_id_of_a_payment_is_the_same_in_capital_letters_where_it_is_a_uuid() -> None:
    uuid = "c16ce479-319d-4e7b-a966-7735c34b2cc5"
    for asked, reported in ((uuid.upper(), uuid), (uuid, uuid.upper()), (uuid, uuid)):
        body = {"code": "BYRD200", "sourceTransaction": {"transactionId": reported}}
        with scripted("sync", "paybyrd", Scripted(reply(200, body))) as client:
            assert client.refund("paybyrd", payment_id=asked, amount=ONE_EURO, reference="r-1").payment_id == asked
    result = told("blink", reply(200, {"success": True, "transaction_id": PAYMENT.upper()}))
    assert isinstance(result, RefundMismatch)


@pytest.mark.parametrize(
    ("amount", "body"),
    [
        (Money.of("100", "JPY"), {"isoAmount": 100, "amount": "100"}),
        (Money.of("0.100", "KWD"), {"isoAmount": 100, "amount": "0.1"}),
        (Money.of("1.00", "GBP"), {"amount": "1.00"}),
        (Money.of("1.00", "GBP"), {"amount": "1"}),
        (Money.of("1.00", "GBP"), {"isoAmount": -100, "amount": "-1.00"}),
        (Money.of("1.00", "GBP"), {"isoAmount": "100"}),
        (Money.of("1.00", "GBP"), {"isoAmount": 100, "amount": "1,00"}),
        (Money.of("1.00", "GBP"), {"isoAmount": 100.0}),
        (Money.of("1.00", "GBP"), {"isoAmount": "one", "amount": "1.00"}),
        (Money.of("1.00", "GBP"), {"isoAmount": 100, "amount": True}),
        (Money.of("1.00", "GBP"), {"isoAmount": None, "amount": None}),
        (Money.of("1.00", "GBP"), {"isoAmount": None, "amount": ""}),
        (Money.of("1.00", "GBP"), {}),
    ],
)
def test_an_amount_at_paybyrd_is_read_in_whatever_form_it_comes(amount: Money, body: Any) -> None:
    result = told("paybyrd", reply(200, {"code": "BYRD200", **body}), amount=amount)
    assert isinstance(result, Refund)
    assert result.amount == amount


@pytest.mark.parametrize("units", [1.0, 99.5, "99", -99, 1e300, 99])
def test_an_amount_at_paybyrd_that_is_another_is_a_mismatch_in_whatever_form_it_comes(units: object) -> None:
    result = told("paybyrd", reply(200, {"code": "BYRD200", "isoAmount": units, "amount": "1.00"}))
    assert isinstance(result, RefundMismatch)
    assert [(name, asked) for name, asked, _ in result.differences] == [("amount", "1.00")]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"code": 200}, ["/code"]),
        ({"code": None}, ["/code"]),
        ({"code": ""}, ["/code"]),
        ({"code": "BYRD777"}, ["/code"]),
        ({"code": "BYRD200", "description": 7}, ["/description"]),
        ({"code": "BYRD200", "isoAmount": "100"}, ["/isoAmount"]),
        ({"code": "BYRD200", "isoAmount": -100}, ["/isoAmount"]),
        ({"code": "BYRD200", "isoAmount": None}, ["/isoAmount"]),
        ({"code": "BYRD200", "isoAmount": True}, ["/isoAmount"]),
        ({"code": "BYRD200", "isoAmount": 1.0}, ["/isoAmount"]),
        ({"code": "BYRD200", "amount": "1,00"}, ["/amount"]),
        ({"code": "BYRD200", "amount": "-1.00"}, ["/amount"]),
        ({"code": "BYRD200", "amount": None}, ["/amount"]),
        ({"code": "BYRD200", "isoAmount": 100, "amount": "2.00"}, ["/amount"]),
        ({"code": "BYRD200", "transactionId": 7}, ["/transactionId"]),
        ({"code": "BYRD200", "sourceTransaction": {"transactionId": 7}}, ["/sourceTransaction/transactionId"]),
        (
            {"code": "BYRD200", "sourceTransaction": {"isoRemainingAmount": "1"}},
            ["/sourceTransaction/isoRemainingAmount"],
        ),
        ({"code": "BYRD200", "sourceTransaction": None}, ["/sourceTransaction"]),
        ({"code": "BYRD200", "sourceTransaction": []}, ["/sourceTransaction"]),
    ],
)
def test_what_departs_from_the_contract_of_paybyrd_is_told_with_its_place(body: Any, pointers: list[str]) -> None:
    assert [pointer for pointer, _ in deviations("paybyrd", reply(200, body))] == pointers


def test_a_link_that_is_not_one_is_told_with_its_place() -> None:
    for links, pointer in (({"href": 7}, "/links/href"), (None, "/links"), ("x", "/links")):
        assert [place for place, _ in deviations("paybyrd", reply(202, {"code": "BYRD010", "links": links}))] == [
            pointer
        ]


# Blink.


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
        ({"status": "pending submission"}, UNKNOWN),
        ({"status": "accepted"}, UNKNOWN),
        ({"status": "refunded"}, UNKNOWN),
        ({"status": ""}, UNKNOWN),
        ({"status": None}, UNKNOWN),
        ({"status": True}, UNKNOWN),
        # The older reply.
        ({"success": True}, SUCCEEDED),
        ({"success": False}, Reason.DECLINED),
        ({"success": "true"}, UNKNOWN),
        ({"success": 1}, UNKNOWN),
        ({"success": None}, UNKNOWN),
        # Both, agreeing or not.
        ({"status": "completed", "success": True}, SUCCEEDED),
        ({"status": "pending", "success": True}, PENDING),
        ({"status": "failed", "success": False}, Reason.DECLINED),
        ({"status": "completed", "success": False}, UNKNOWN),
        ({"status": "pending", "success": False}, UNKNOWN),
        ({"status": "failed", "success": True}, UNKNOWN),
        ({"status": "refunded", "success": True}, UNKNOWN),
        ({"status": "declined", "success": False}, UNKNOWN),
        ({"message": "Refunded"}, UNKNOWN),
    ],
)
def test_a_reply_of_blink_means(body: object, expected: Expected) -> None:
    assert of("blink", 200, body) is expected


@pytest.mark.parametrize("status", ["completed", "COMPLETED", " completed ", "completed_", "-completed"])
def test_case_and_separators_of_a_status_of_blink_do_not_matter(status: str) -> None:
    assert of("blink", 200, {"status": status}) is RefundStatus.SUCCEEDED


ERRORS: Final[dict[int, Expected]] = {
    400: Reason.INVALID,
    401: ACCESS,
    402: Reason.DECLINED,
    403: ACCESS,
    404: Reason.NOT_FOUND,
    409: Reason.OTHER,
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
def test_an_error_of_blink_that_says_no_means(status: int, body: object) -> None:
    assert of("blink", status, body) is ERRORS[status]


@pytest.mark.parametrize("status", [400, 402, 404, 409, 422])
@pytest.mark.parametrize("body", [{}, {"success": None}, {"message": ""}, {"errors": ["no"]}, {"success": True}])
def test_an_error_of_blink_that_does_not_say_no_is_unknown(status: int, body: object) -> None:
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
    result = told("blink", reply(status, body))
    assert isinstance(result, RefundRejected)
    assert result.provider_message == "It did not work"


@pytest.mark.parametrize("amount", [1, 1.0, "1", "1.00", "1.0", -1, "-1.00", "1e0"])
@pytest.mark.parametrize("verdict", [{"success": True, "message": "Refunded"}, {"status": "completed"}])
def test_both_ages_of_the_reply_of_blink_say_the_same(verdict: dict[str, Any], amount: object) -> None:
    body = {
        **verdict,
        "amount": amount,
        "transaction_id": PAYMENT,
        "refunded_transaction_id": "refund-1",
        "reference": "reference-1",
    }
    result = told("blink", reply(200, body))
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
    result = told("blink", reply(200, {**verdict, **body}))
    assert isinstance(result, RefundMismatch)
    assert result.differences == (difference,)
    assert result.resend is Resend.NEVER


def test_an_amount_beyond_every_number_is_a_mismatch() -> None:
    result = told("blink", reply(200, b'{"success":true,"amount":1e999}'))
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
    result = told("blink", answer, amount=FULL, currency=currency)
    assert isinstance(result, Refund)
    assert result.amount == amount


@pytest.mark.parametrize(
    ("status", "body", "pointers"),
    [
        (200, {"status": "refunded"}, ["/status"]),
        (200, {"status": 7}, ["/status"]),
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
def test_what_departs_from_the_contract_of_blink_is_told_with_its_place(
    status: int, body: object, pointers: list[str]
) -> None:
    assert [pointer for pointer, _ in deviations("blink", reply(status, body))] == pointers


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_deviation_holds_no_value_of_the_reply(provider: str) -> None:
    body = {"code": "4111111111111111", "transaction_id": ["4111111111111111"], "status": "4111111111111111"}
    answer = reply(200, {**body, "amount": "4111111111111111x"})
    noted = deviations(provider, answer)
    assert noted
    assert "4111" not in str(noted)
