"""The requests to each provider, and the meaning of each of its replies."""

import decimal
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundry import (
    FULL,
    Money,
    OutcomeUnknown,
    Reason,
    Refund,
    RefundMismatch,
)
from refundry.providers.credentials import Credentials, wire_request
from refundry.providers.idempotency import idempotency_key
from refundry_paybyrd.api.transactions import get_transaction
from tests.facade.replies import ALREADY, DENIED, EXCEEDS, PENDING, SUCCEEDED, UNKNOWN, Expected, of, reading_of
from tests.facade.support import Scripted, deviations, outcome_for_caller, scripted
from tests.providers import PROVIDERS, RECORDS, account, where
from tests.providers.record import ONE_EURO, PAYMENT, reply

# Requests.


def test_a_refund_at_lab4pay_is_a_post_of_minor_units_and_the_reference() -> None:
    transport = Scripted(reply(200, RECORDS["lab4pay"].accepted))
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
    transport = Scripted(reply(200, RECORDS["paybyrd"].accepted))
    with scripted("sync", "paybyrd", transport) as client:
        client.ask("paybyrd")
    (sent,) = transport.sent
    assert (sent.method, sent.url) == ("POST", f"https://gateway.paybyrd.com/api/v2/refund/{PAYMENT}")
    assert json.loads(sent.body) == {"isoAmount": 100}
    assert "isoAmount" in repr(sent.body)  # only the request for a token has a body that is not shown
    assert {name.lower() for name, _ in sent.headers} == {"accept", "content-type", "idempotency-key"}
    assert [(name, secret.reveal()) for name, secret in sent.credentials] == [("x-api-key", "test-key")]


@pytest.mark.parametrize(
    ("attempt", "key"),
    [
        (1, "0445f18a-e46e-4580-be8b-877395543f36"),
        (2, "2c49a84d-2fef-463b-a612-171fea845d4e"),
        (3, "d39f2d7f-a1aa-412e-942d-a24b089eb35c"),
    ],
)
def test_the_idempotency_key_of_an_attempt_is_the_same_in_every_version(attempt: int, key: str) -> None:
    assert idempotency_key("order-1042/1", attempt) == key


def test_a_query_is_written_as_a_generated_client_writes_it() -> None:
    params: dict[str, Any] = {
        "ids": ["a b", "c&d"],
        "expand": True,
        "final": False,
        "size": 5,
        "at": "2026-11-26T10:00:00+00:00",
    }
    generated = get_transaction.build_request(PAYMENT)
    generated.params.update(params)
    sent = wire_request(generated, account("paybyrd"), Credentials((), ()))
    query = sent.target.partition("?")[2]
    assert parse_qsl(query) == parse_qsl(str(httpx.QueryParams(params)))


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
    """Return the amount as the sent JSON writes it."""
    transport = Scripted(reply(500))
    options = {} if provider == "blink" else {"minor_units": "iso"}
    with scripted("sync", provider, transport, **options) as client, pytest.raises(OutcomeUnknown):
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
def test_an_amount_is_sent_in_the_units_of_each_provider(amount: Money, minor: str, major: str) -> None:
    assert [written(provider, amount) for provider in PROVIDERS] == [minor, minor, major]


@given(st.integers(1, 10**15), st.sampled_from(["JPY", "EUR", "KWD", "CLF"]))
def test_every_digit_of_an_amount_is_sent(units: int, currency: str) -> None:
    amount = Money.from_minor(units, currency)
    assert written("lab4pay", amount) == written("paybyrd", amount) == str(units)
    assert Decimal(written("blink", amount)) == amount.decimal


def test_every_digit_is_sent_under_any_decimal_context_of_the_caller() -> None:
    with decimal.localcontext(decimal.Context(prec=3)):
        assert written("blink", Money.of("12345678.91", "EUR")) == "12345678.91"


@pytest.mark.parametrize("provider", where(lambda record: "amount" in record.reports))
def test_every_digit_is_read_under_any_decimal_context_of_the_caller(provider: str) -> None:
    amount = Money.of("12345678.91", "EUR")
    echo = RECORDS[provider].contract.echoes[0](1234567892, "12345678.92").encode()
    with decimal.localcontext(decimal.Context(prec=3, traps=[decimal.Inexact])):
        result = outcome_for_caller(provider, reply(200, echo), amount=amount)
    assert isinstance(result, RefundMismatch)
    assert result.differences == (("amount", "12345678.91", "12345678.92"),)


# Lab4Pay.


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"transaction_id": "refund-1"}, PENDING),
        (200, {"transaction_id": "refund-1", "status": "SUCCESS", "more": None}, PENDING),
        (200, {"transaction_id": ""}, UNKNOWN),
        (200, {"transaction_id": None}, UNKNOWN),
        (200, {"transaction_id": 7}, PENDING),
        (200, {"transaction_id": True}, UNKNOWN),
        (200, {"id": "refund-1"}, UNKNOWN),
        (400, b"", Reason.INVALID),
        (400, {}, Reason.INVALID),
        (400, {"detail": "amount"}, Reason.INVALID),
        (401, b"", DENIED),
        (401, {"detail": "token"}, DENIED),
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
    result = outcome_for_caller("lab4pay", reply(200, {"transaction_id": "refund-1"}))
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
    "BYRD205": (Reason.DECLINED, UNKNOWN, Reason.DECLINED, DENIED),
    "BYRD206": (Reason.DECLINED, UNKNOWN, Reason.DECLINED, DENIED),
    "BYRD208": (Reason.DECLINED, UNKNOWN, Reason.DECLINED, DENIED),
    "BYRD230": (ALREADY, UNKNOWN, ALREADY, DENIED),
    "BYRD231": (EXCEEDS, UNKNOWN, EXCEEDS, DENIED),
    "BYRD240": (Reason.INVALID, UNKNOWN, Reason.INVALID, DENIED),
    "BYRD290": (Reason.OTHER, UNKNOWN, Reason.OTHER, DENIED),
    "BYRD291": (Reason.OTHER, UNKNOWN, Reason.OTHER, DENIED),
    "BYRD292": (Reason.NOT_REFUNDABLE, UNKNOWN, Reason.NOT_REFUNDABLE, DENIED),
    "BYRD401": (DENIED, UNKNOWN, DENIED, DENIED),
    "BYRD403": (DENIED, UNKNOWN, DENIED, DENIED),
    "BYRD900": (Reason.INVALID, UNKNOWN, Reason.INVALID, DENIED),
    "BYRD901": (Reason.NOT_FOUND, UNKNOWN, Reason.NOT_FOUND, DENIED),
    # A code that the contract does not list, and no code.
    "BYRD777": (UNKNOWN, UNKNOWN, UNKNOWN, DENIED),
    "byrd200": (UNKNOWN, UNKNOWN, UNKNOWN, DENIED),
    "BYRD200 ": (UNKNOWN, UNKNOWN, UNKNOWN, DENIED),
    "": (UNKNOWN, PENDING, UNKNOWN, DENIED),
    None: (UNKNOWN, PENDING, UNKNOWN, DENIED),
}
COLUMNS: Final = {200: 0, 202: 1, 400: 2, 404: 2, 401: 3, 403: 3}


@pytest.mark.parametrize("status", COLUMNS)
@pytest.mark.parametrize("code", BY_CODE)
def test_a_reply_of_paybyrd_means(code: str | None, status: int) -> None:
    body = {} if code is None else {"code": code, "description": "A sentence"}
    assert of("paybyrd", status, body) is BY_CODE[code][COLUMNS[status]]


@pytest.mark.parametrize("status", COLUMNS)
@pytest.mark.parametrize("code", BY_CODE)
def test_three_refusals_of_paybyrd_resolve_an_earlier_attempt_too(code: str | None, status: int) -> None:
    refused = isinstance(BY_CODE[code][COLUMNS[status]], Reason)
    resolves = refused and code in ("BYRD205", "BYRD208", "BYRD901")
    assert reading_of("paybyrd", reply(status, {"code": code})).resolves_earlier is resolves


@pytest.mark.parametrize("status", [500, 502, 503, 520, 599, 201, 409, 422, 429])
@pytest.mark.parametrize("code", BY_CODE)
def test_any_other_status_of_paybyrd_is_unknown_with_every_code(code: str | None, status: int) -> None:
    assert of("paybyrd", status, {"code": code}) is OutcomeUnknown


def test_every_code_of_the_contract_is_in_the_table() -> None:
    listed = {"BYRD200", "BYRD010"}
    for code in (f"BYRD{number:03}" for number in range(1000)):
        reported = deviations("paybyrd", reply(400, {"code": code}))
        if not reported:
            listed.add(code)
    assert listed == {code for code in BY_CODE if code and code not in ("BYRD777", "byrd200", "BYRD200 ")}


def test_a_success_at_paybyrd_has_every_field_of_the_reply() -> None:
    body = {
        "isoAmount": 100,
        "amount": "1.00",
        "code": "BYRD200",
        "description": "A sentence",
        "sourceTransaction": {"isoAmount": 300, "isoRemainingAmount": 200, "transactionId": PAYMENT},
        "transactionId": "refund-1",
    }
    result = outcome_for_caller("paybyrd", reply(200, body))
    assert isinstance(result, Refund)
    assert result.sent_at is not None
    assert replace(result, sent_at=None).to_dict() == {
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
        "sent_at": None,
        "request_id": None,
        "recorded": True,
    }
    assert deviations("paybyrd", reply(200, body)) == []


def test_a_remainder_below_zero_is_left_out() -> None:
    body = {"code": "BYRD200", "sourceTransaction": {"isoRemainingAmount": -200}}
    result = outcome_for_caller("paybyrd", reply(200, body))
    assert isinstance(result, Refund)
    assert result.remaining is None
    assert [pointer for pointer, _ in deviations("paybyrd", reply(200, body))] == [
        "/sourceTransaction/isoRemainingAmount"
    ]


LINK = "/api/v2/transactions?requestId=93ce3e62-82b9-4570-8248-45915e794fd0"


def test_a_202_of_paybyrd_has_the_link_for_a_lookup() -> None:
    body = {"code": "BYRD010", "description": "A sentence", "links": {"href": LINK, "rel": "a", "type": "GET"}}
    result = outcome_for_caller("paybyrd", reply(202, body))
    assert isinstance(result, Refund)
    assert (result.status, result.tracking_id, result.refund_id) == (PENDING, LINK, None)
    assert (result.provider_code, result.provider_message) == ("BYRD010", "A sentence")
    assert deviations("paybyrd", reply(202, body)) == []


@pytest.mark.parametrize("links", [None, [], "x", {}, {"href": None}])
def test_a_202_of_paybyrd_needs_no_link(links: object) -> None:
    result = outcome_for_caller("paybyrd", reply(202, {"code": "BYRD010", "links": links}))
    assert isinstance(result, Refund)
    assert result.tracking_id is None


@pytest.mark.parametrize(
    ("body", "difference"),
    [
        ({"isoAmount": 99}, ("amount", "1.00", "0.99")),
        ({"amount": "0.99"}, ("amount", "1.00", "0.99")),
        ({"isoAmount": 0}, ("amount", "1.00", "0.00")),
        ({"isoAmount": 10**20}, ("amount", "1.00", f"{10**18}.00")),
        # Two amounts that contradict each other; either may be the right one.
        ({"isoAmount": 100, "amount": "0.99"}, ("amount", "1.00", "0.99")),
        ({"isoAmount": 100, "amount": "100"}, ("amount", "1.00", "100")),
        ({"isoAmount": 99, "amount": "1.00"}, ("amount", "1.00", "0.99")),
        # An unreadable amount, without a readable one beside it.
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
    result = outcome_for_caller("paybyrd", reply(200, {"code": code, **body}))
    assert isinstance(result, RefundMismatch)
    assert result.differences == (difference,)


def test_the_id_of_a_payment_is_the_same_in_capital_letters_where_it_is_a_uuid() -> None:
    uuid = "c16ce479-319d-4e7b-a966-7735c34b2cc5"
    for requested, reported in ((uuid.upper(), uuid), (uuid, uuid.upper()), (uuid, uuid)):
        body = {"code": "BYRD200", "sourceTransaction": {"transactionId": reported}}
        with scripted("sync", "paybyrd", Scripted(reply(200, body))) as client:
            assert (
                client.refund("paybyrd", payment_id=requested, amount=ONE_EURO, reference="r-1").payment_id == requested
            )
    result = outcome_for_caller("blink", reply(200, {"success": True, "transaction_id": PAYMENT.upper()}))
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
def test_an_amount_at_paybyrd_is_read_in_every_form(amount: Money, body: Any) -> None:
    result = outcome_for_caller("paybyrd", reply(200, {"code": "BYRD200", **body}), amount=amount, minor_units="iso")
    assert isinstance(result, Refund)
    assert result.amount == amount


@pytest.mark.parametrize("units", [1.0, 99.5, "99", -99, 1e300, 99])
def test_a_different_amount_at_paybyrd_is_a_mismatch_in_every_form(units: object) -> None:
    result = outcome_for_caller("paybyrd", reply(200, {"code": "BYRD200", "isoAmount": units, "amount": "1.00"}))
    assert isinstance(result, RefundMismatch)
    assert [(name, requested) for name, requested, _ in result.differences] == [("amount", "1.00")]


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
def test_a_deviation_from_the_contract_of_paybyrd_is_reported_with_its_place(body: Any, pointers: list[str]) -> None:
    assert [pointer for pointer, _ in deviations("paybyrd", reply(200, body))] == pointers


def test_an_invalid_link_is_reported_with_its_place() -> None:
    for links, pointer in (({"href": 7}, "/links/href"), (None, "/links"), ("x", "/links")):
        assert [place for place, _ in deviations("paybyrd", reply(202, {"code": "BYRD010", "links": links}))] == [
            pointer
        ]


# The report of a deviation.


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_deviation_holds_no_value_of_the_reply(provider: str) -> None:
    body = {"code": "4111111111111111", "transaction_id": ["4111111111111111"], "status": "4111111111111111"}
    answer = reply(200, {**body, "amount": "4111111111111111x"})
    reported = deviations(provider, answer)
    assert reported
    assert "4111" not in str(reported)
