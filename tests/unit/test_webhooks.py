"""Callbacks: which are believed, what each says of which refund, and that none brings anything else about."""

import copy
import hmac
import json
import logging
import os
import pickle
import subprocess
import sys
from base64 import b64encode
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import FrozenInstanceError
from hashlib import sha256
from typing import Any, Final, TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refundry import (
    Account,
    Blink,
    InvalidRefund,
    Lab4Pay,
    LookupFailed,
    Money,
    Paybyrd,
    RefundClient,
    RefundEvent,
    RefundStatus,
    Resend,
    WebhookRejected,
)
from refundry.sandbox import CREDENTIALS, INTEGRATOR_ID, Sandbox, SandboxTransport
from refundry.transport.over_httpx import HttpxTransport
from tests.unit import questions
from tests.unit.canary import CANARY, assert_hidden, everything, shown
from tests.unit.support import KINDS, PAYMENT, PROVIDERS, Caller, Kind, Scripted, accepted, account, caller

T = TypeVar("T")
Headers = Mapping[str, str] | Iterable[tuple[str, str]]

SUCCEEDED, PENDING, FAILED = RefundStatus.SUCCEEDED, RefundStatus.PENDING, RefundStatus.FAILED
REFUND: Final = "refund-1"
KEY: Final = "test-webhook-key"
USERNAME: Final = "test-username"
PASSWORD: Final = "test:password"
MAX_BYTES: Final = 1024 * 1024

both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)
with_proof = pytest.mark.parametrize("provider", ["lab4pay", "paybyrd"])

SECRETS: Final[Mapping[str, Mapping[str, str]]] = {
    "lab4pay": {"webhook_secret_key": KEY},
    "paybyrd": {"webhook_api_key": KEY},
    "blink": {},
}
BASIC: Final[Mapping[str, Any]] = {"webhook_username": USERNAME, "webhook_password": PASSWORD}
SORTED_KEYS: Final[Mapping[str, Any]] = {"webhook_secret_key": KEY, "webhook_signature": "sorted-keys"}


def receiving(kind: Kind, provider: str, **options: Any) -> tuple[Caller, Scripted]:
    """Return a client of an account with the secrets of its callbacks, and its transport, which is to stay idle."""
    transport = Scripted(accepted(provider))
    return caller(kind, account(provider, **{**SECRETS[provider], "transport": transport, **options})), transport


def receive(provider: str, headers: Headers, body: Any, *, kind: Kind = "sync", **options: Any) -> RefundEvent:
    """Return what a client makes of a callback. Nothing is sent for it."""
    return told(provider, headers, body, kind=kind, **options)[0]


def told(
    provider: str, headers: Headers, body: Any, *, kind: Kind = "sync", **options: Any
) -> tuple[RefundEvent, list[tuple[str, str]]]:
    """Return what a client makes of a callback, and pointer and rule of what it tells to depart from the contract."""
    caller_, transport = receiving(kind, provider, **options)
    with caller_ as client:
        event = client.client.webhook(options.get("name", provider), headers=headers, body=body)
    assert (transport.sent, transport.asked) == ([], [])
    assert [deviation.operation for deviation in client.deviations] == [None] * len(client.deviations)
    return event, [(deviation.pointer, deviation.rule) for deviation in client.deviations]


def signature(body: bytes, key: str = KEY) -> str:
    """Return the signature of Lab4Pay."""
    return hmac.new(key.encode(), body, sha256).hexdigest()


def basic(username: str = USERNAME, password: str = PASSWORD) -> str:
    """Return the value of the header of HTTP Basic."""
    return f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}"


def proof(provider: str, body: bytes) -> dict[str, str]:
    """Return the headers by which a callback with this body is believed, where there are such."""
    return {"lab4pay": {"Signature": signature(body)}, "paybyrd": {"x-api-key": KEY}, "blink": {}}[provider]


def news(provider: str, word: object = None, *, refund_id: object = REFUND, **more: Any) -> bytes:
    """Return a callback in the provider's own form; without a word it does not say how far the refund is."""
    state = {} if word is None else {"status": word}
    if provider == "lab4pay":
        return json.dumps({"id": refund_id, "linked_transaction_id": PAYMENT, **state, **more}).encode()
    if provider == "blink":
        return json.dumps({"transaction_id": refund_id, **state, **more}).encode()
    envelope = {"event": more.pop("event")} if "event" in more else {}
    payment = {"transactionId": PAYMENT, "operationType": "Payment"}
    refund = {"transactionId": refund_id, "operationType": "Refund", "referencedTransactions": [payment]}
    return json.dumps({**envelope, "content": {**refund, **state, **more}}).encode()


# Which callbacks are believed.

LAB4PAY_BODY: Final = b'{"status": "SUCCESS",  "id":"refund-1"}'


@both_kinds
@pytest.mark.parametrize("name", ["Signature", "signature", "SIGNATURE"])
@pytest.mark.parametrize("given", [signature(LAB4PAY_BODY), signature(LAB4PAY_BODY).upper()])
def test_a_callback_of_lab4pay_is_believed_by_the_signature_of_its_very_bytes(
    kind: Kind, name: str, given: str
) -> None:
    event = receive("lab4pay", {"Host": "shop.example", name: given}, LAB4PAY_BODY, kind=kind)
    assert (event.authentic, event.refund_id, event.status) == (True, REFUND, SUCCEEDED)


@both_kinds
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Signature": ""},
        {"Signature": signature(LAB4PAY_BODY, "test-webhook-kez")},
        {"Signature": signature(LAB4PAY_BODY)[:-1]},
        {"Signature": signature(LAB4PAY_BODY) + "0"},
        {"Signature": f"sha256={signature(LAB4PAY_BODY)}"},
        {"Signature": b64encode(bytes.fromhex(signature(LAB4PAY_BODY))).decode()},
        {"Signature": f"{signature(LAB4PAY_BODY)}, {signature(LAB4PAY_BODY)}"},
        {"Signature": "ü\ud800"},
        {"X-Signature": signature(LAB4PAY_BODY)},
        {"x-api-key": KEY},
        {"Authorization": f"Bearer {KEY}"},
        {"Signature": signature(LAB4PAY_BODY), "signature": signature(LAB4PAY_BODY)},
        [("Signature", signature(LAB4PAY_BODY)), ("Signature", signature(LAB4PAY_BODY))],
        [("Signature", signature(LAB4PAY_BODY)), ("SIGNATURE", "other")],
    ],
)
def test_a_callback_of_lab4pay_without_its_one_signature_is_rejected(kind: Kind, headers: Headers) -> None:
    with pytest.raises(WebhookRejected):
        receive("lab4pay", headers, LAB4PAY_BODY, kind=kind)


@pytest.mark.parametrize("place", range(len(LAB4PAY_BODY)))
def test_a_body_that_differs_from_what_was_signed_in_one_byte_is_rejected(place: int) -> None:
    body = bytearray(LAB4PAY_BODY)
    body[place] ^= 1
    with pytest.raises(WebhookRejected):
        receive("lab4pay", {"Signature": signature(LAB4PAY_BODY)}, bytes(body))


@pytest.mark.parametrize("body", [LAB4PAY_BODY + b"\n", b" " + LAB4PAY_BODY, LAB4PAY_BODY[:-1], b""])
def test_a_body_that_was_made_longer_or_shorter_is_rejected(body: bytes) -> None:
    with pytest.raises(WebhookRejected):
        receive("lab4pay", {"Signature": signature(LAB4PAY_BODY)}, body)


UNSORTED: Final = {"status": "SUCCESS", "id": REFUND, "currency": "€", "data": {"b": 1, "a": [1.5, None]}}
SORTED: Final = [
    json.dumps(UNSORTED, sort_keys=True).encode(),
    json.dumps(UNSORTED, sort_keys=True, separators=(",", ":")).encode(),
    json.dumps(UNSORTED, sort_keys=True, ensure_ascii=False).encode(),
    json.dumps(UNSORTED, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(),
]


@both_kinds
@pytest.mark.parametrize("signed", SORTED)
def test_the_signature_of_the_json_with_sorted_keys_counts_where_that_was_chosen(kind: Kind, signed: bytes) -> None:
    body = json.dumps(UNSORTED, indent=2).encode()
    event = receive("lab4pay", {"Signature": signature(signed)}, body, kind=kind, **SORTED_KEYS)
    assert (event.authentic, event.refund_id, event.status, event.raw) == (True, REFUND, SUCCEEDED, body)
    with pytest.raises(WebhookRejected):
        receive("lab4pay", {"Signature": signature(signed)}, body, kind=kind)


@both_kinds
def test_where_sorted_keys_were_chosen_the_signature_of_the_bytes_counts_no_more(kind: Kind) -> None:
    body = json.dumps(UNSORTED).encode()
    with pytest.raises(WebhookRejected):
        receive("lab4pay", {"Signature": signature(body)}, body, kind=kind, **SORTED_KEYS)
    assert receive("lab4pay", {"Signature": signature(SORTED[0])}, SORTED[0], kind=kind, **SORTED_KEYS).authentic


@pytest.mark.parametrize("body", [b"", b"no JSON", b"\xff", b'{"id": NaN}', b"[" * 100_000])
def test_where_sorted_keys_were_chosen_a_body_that_is_no_json_is_rejected(body: bytes) -> None:
    with pytest.raises(WebhookRejected):
        receive("lab4pay", {"Signature": signature(body)}, body, **SORTED_KEYS)


@both_kinds
@pytest.mark.parametrize(
    ("options", "headers"),
    [
        ({}, {"X-Api-Key": KEY}),
        ({}, [("host", "shop.example"), ("x-api-key", KEY)]),
        ({"webhook_api_key": None, **BASIC}, {"AUTHORIZATION": basic()}),
        ({"webhook_api_key": None, **BASIC}, {"authorization": basic().replace("Basic", "basic")}),
        (
            {"webhook_api_key": None, "webhook_username": "ü", "webhook_password": "ß"},
            {"authorization": basic("ü", "ß")},
        ),
        (BASIC, {"x-api-key": KEY}),
        (BASIC, {"authorization": basic()}),
        (BASIC, {"x-api-key": "test-other", "authorization": basic()}),
        (BASIC, {"x-api-key": KEY, "authorization": "Bearer other"}),
    ],
)
def test_a_callback_of_paybyrd_is_believed_by_the_secret_that_was_set_up_for_it(
    kind: Kind, options: dict[str, Any], headers: Headers
) -> None:
    event = receive("paybyrd", headers, news("paybyrd", "success"), kind=kind, **options)
    assert (event.authentic, event.refund_id, event.status) == (True, REFUND, SUCCEEDED)


NO_KEYS: Final[list[Headers]] = [
    {},
    {"x-api-key": ""},
    {"x-api-key": "test-webhook-kez"},
    {"x-api-key": KEY[:-1]},
    {"x-api-key": KEY + KEY},
    {"x-api-key": f"{KEY}, {KEY}"},
    {"x-api-key": KEY.upper()},
    {"x-api-key": "test-key"},  # the account's own
    {"x-api-key": "ü\ud800"},
    {"api-key": KEY},
    {"authorization": f"Bearer {KEY}"},
    [("x-api-key", KEY), ("x-api-key", KEY)],
    {"x-api-key": KEY, "X-API-Key": "other"},
]
NO_BASICS: Final[list[Headers]] = [
    {},
    {"authorization": ""},
    {"authorization": "Basic"},
    {"authorization": "Basic "},
    {"authorization": basic(password="other")},
    {"authorization": basic(username="other")},
    {"authorization": basic().rstrip("=")[:-1]},
    {"authorization": basic()[len("Basic ") :]},
    {"authorization": basic().replace("Basic", "Bearer")},
    {"authorization": f"Basic {USERNAME}:{PASSWORD}"},
    {"authorization": f"Basic {b64encode(USERNAME.encode()).decode()}"},
    {"authorization": "Basic !!!!"},
    {"authorization": "Basic ü\ud800"},
    {"authorization": f"Basic {b64encode(bytes([255])).decode()}"},
    {"www-authenticate": basic()},
    {"x-api-key": PASSWORD},
    [("authorization", basic()), ("authorization", basic())],
]


@both_kinds
@pytest.mark.parametrize(
    ("options", "headers"),
    [
        *[({}, headers) for headers in [*NO_KEYS, {"authorization": basic()}]],
        *[({"webhook_api_key": None, **BASIC}, headers) for headers in [*NO_BASICS, {"x-api-key": KEY}]],
        *[(BASIC, headers) for headers in [*NO_KEYS, *NO_BASICS]],
    ],
)
def test_a_callback_of_paybyrd_without_that_secret_is_rejected(
    kind: Kind, options: dict[str, Any], headers: Headers
) -> None:
    with pytest.raises(WebhookRejected):
        receive("paybyrd", headers, news("paybyrd", "success"), kind=kind, **options)


@both_kinds
@pytest.mark.parametrize("word", ["completed", "failed", "declined", "elsewhere", None])
@pytest.mark.parametrize("headers", [{}, {"x-api-key": KEY}, {"authorization": basic()}, {"signature": "0" * 64}])
def test_a_callback_of_blink_is_never_believed_but_names_its_transaction(
    kind: Kind, word: str | None, headers: Headers
) -> None:
    fields = {"transaction_id": REFUND, "note": "a b"} if word is None else {"transaction_id": REFUND, "status": word}
    form = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
    for body in (json.dumps(fields).encode(), b"\xef\xbb\xbf" + json.dumps(fields).encode(), form):
        event, deviations = told("blink", headers, body, kind=kind)
        assert (event.authentic, event.status, event.refund_id, event.raw) == (False, None, REFUND, body)
        assert (event.provider, event.payment_id, deviations) == ("blink", None, [])


@both_kinds
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"status=completed",
        b'{"transaction_id":7}',
        b'{"transaction_id":"a/b"}',
        b"\xff\xfe",
    ],
)
def test_a_callback_of_blink_that_names_no_transaction_is_rejected(kind: Kind, body: bytes) -> None:
    caller_, _ = receiving(kind, "blink")
    with caller_ as client, pytest.raises(WebhookRejected):
        client.client.webhook("blink", headers={}, body=body)
    assert client.deviations == []


@both_kinds
@pytest.mark.parametrize("form", [dict, list, tuple, iter])
@with_proof
def test_headers_come_as_a_mapping_or_as_pairs(kind: Kind, form: Any, provider: str) -> None:
    body = news(provider, "Success")
    headers = proof(provider, body)
    assert receive(provider, form(headers if form is dict else headers.items()), body, kind=kind).authentic


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize(
    ("provider", "options", "headers"),
    [
        ("lab4pay", {}, {"signature": signature(LAB4PAY_BODY)}),
        ("lab4pay", {}, {"signature": "0" * 64}),
        ("lab4pay", {}, {}),
        ("lab4pay", SORTED_KEYS, {"signature": "0" * 64}),
        ("paybyrd", {}, {"x-api-key": KEY}),
        ("paybyrd", {}, {"x-api-key": "test-other"}),
        ("paybyrd", {}, {}),
        ("paybyrd", {"webhook_api_key": None, **BASIC}, {"authorization": basic()}),
        ("paybyrd", {"webhook_api_key": None, **BASIC}, {"authorization": "Basic !!!!"}),
        ("paybyrd", BASIC, {"x-api-key": KEY}),
        ("paybyrd", BASIC, {"x-api-key": "test-other", "authorization": basic("other")}),
    ],
)
def test_a_comparison_in_constant_time_alone_decides_whether_a_secret_is_right(
    provider: str, options: dict[str, Any], headers: Headers, given: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    def compare_digest(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return given

    monkeypatch.setattr("refundry.webhooks.hmac.compare_digest", compare_digest)
    if given:
        assert receive(provider, headers, LAB4PAY_BODY, **options).authentic
    else:
        with pytest.raises(WebhookRejected):
            receive(provider, headers, LAB4PAY_BODY, **options)
    assert compared


# What is refused here.


@both_kinds
@pytest.mark.parametrize(
    ("made", "field"),
    [
        (account("lab4pay"), "webhook_secret_key"),
        (account("lab4pay", webhook_signature="sorted-keys"), "webhook_secret_key"),
        (account("paybyrd"), "webhook_api_key"),
    ],
)
def test_an_account_without_the_secret_of_its_callbacks_believes_none_and_says_what_is_missing(
    kind: Kind, made: Account, field: str
) -> None:
    with caller(kind, made) as client, pytest.raises(InvalidRefund, match=field) as refused:
        client.client.webhook(made.name, headers={"signature": "", "x-api-key": ""}, body=b"{}")
    assert refused.value.field == field


@pytest.mark.parametrize(("given", "missing"), [("username", "password"), ("password", "username")])
def test_half_of_the_secret_of_basic_is_refused_with_what_is_missing(given: str, missing: str) -> None:
    with pytest.raises(InvalidRefund) as refused:
        account("paybyrd", **{f"webhook_{given}": "test-half"})
    assert refused.value.field == f"webhook_{missing}"


@both_kinds
@every_provider
@pytest.mark.parametrize("body", ["{}", None, 7, {"id": REFUND}, [1]])
def test_a_body_that_is_not_bytes_is_refused(kind: Kind, provider: str, body: object) -> None:
    with pytest.raises(InvalidRefund, match="bytes") as refused:
        receive(provider, {"Signature": signature(b"{}"), "x-api-key": KEY}, body, kind=kind)
    assert refused.value.field == "body"


@every_provider
@pytest.mark.parametrize("form", [bytearray, memoryview])
def test_a_body_may_be_what_holds_bytes(provider: str, form: Any) -> None:
    body = news(provider, "Success")
    event = receive(provider, proof(provider, body), form(body))
    assert (type(event.raw), event.raw) == (bytes, body)


@both_kinds
@every_provider
def test_a_callback_of_more_than_a_mebibyte_is_rejected(kind: Kind, provider: str) -> None:
    largest = news(provider, "Success", note="").replace(b'"note": ""', b'"note": "%b"' % (b"x" * MAX_BYTES))
    largest = largest.replace(b"x" * (len(largest) - MAX_BYTES), b"", 1)
    assert len(largest) == MAX_BYTES
    assert receive(provider, proof(provider, largest), largest, kind=kind).refund_id == REFUND
    larger = largest.replace(b"x", b"xx", 1)
    with pytest.raises(WebhookRejected):
        receive(provider, proof(provider, larger), larger, kind=kind)


@both_kinds
@pytest.mark.parametrize("provider", ["stripe", "", None])
def test_a_callback_for_an_account_that_is_not_there_is_refused(kind: Kind, provider: Any) -> None:
    caller_, _ = receiving(kind, "paybyrd")
    with caller_ as client, pytest.raises(InvalidRefund) as refused:
        client.client.webhook(provider, headers={"x-api-key": KEY}, body=b"{}")
    assert refused.value.field == "provider"


@both_kinds
def test_the_secret_of_one_account_proves_nothing_to_another(kind: Kind) -> None:
    shops = [account("paybyrd", name=f"shop-{n}", webhook_api_key=f"test-key-of-shop-{n}") for n in (1, 2)]
    headers = {"x-api-key": "test-key-of-shop-1"}
    with caller(kind, *shops) as client:
        assert client.client.webhook("shop-1", headers=headers, body=b"{}").provider == "shop-1"
        with pytest.raises(WebhookRejected):
            client.client.webhook("shop-2", headers=headers, body=b"{}")


# What is rejected gives nothing away.

CANARIED: Final = {"id": CANARY, "transaction_id": 7, "status": CANARY, "content": {"status": CANARY, "note": CANARY}}


@both_kinds
@pytest.mark.parametrize(
    ("provider", "options", "size"),
    [
        ("lab4pay", {"webhook_secret_key": CANARY}, 0),
        ("lab4pay", {**SORTED_KEYS, "webhook_secret_key": CANARY}, 0),
        ("lab4pay", {"webhook_secret_key": CANARY}, MAX_BYTES),
        ("paybyrd", {"webhook_api_key": CANARY}, 0),
        ("paybyrd", {"webhook_username": CANARY, "webhook_password": CANARY}, 0),
        ("blink", {}, 0),
        ("blink", {}, MAX_BYTES),
    ],
)
def test_what_is_said_of_a_rejected_callback_holds_nothing_of_it_and_no_secret(
    kind: Kind, provider: str, options: dict[str, Any], size: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = json.dumps(CANARIED).encode() + b" " * size
    caller_, _ = receiving(kind, provider, **options)
    headers = {"signature": CANARY, "x-api-key": CANARY + CANARY, "authorization": f"Basic {CANARY}"}
    with caller_ as client:
        caplog.clear()
        with pytest.raises(WebhookRejected) as rejected:
            client.client.webhook(provider, headers=headers, body=body)
    error = rejected.value
    assert (error.provider, error.reference, error.raw, error.http_status) == (provider, None, None, None)
    assert (error.provider_code, error.provider_message) == (None, None)
    assert error.__cause__ is error.__context__ is None
    assert_hidden(everything(error))
    assert error.resend is Resend.NEVER
    assert ([record for record in caplog.records if record.name.startswith("refundry")], client.deviations) == ([], [])


def test_a_rejected_callback_can_be_pickled_and_copied() -> None:
    with pytest.raises(WebhookRejected) as rejected:
        receive("lab4pay", {}, LAB4PAY_BODY)
    for error in (pickle.loads(pickle.dumps(rejected.value)), copy.deepcopy(rejected.value)):
        assert (type(error), error.args) == (WebhookRejected, rejected.value.args)
        assert (error.provider, error.resend) == ("lab4pay", Resend.NEVER)


@both_kinds
@with_proof
def test_what_is_logged_and_told_of_a_believed_callback_holds_nothing_of_it_and_no_secret(
    kind: Kind, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = news(provider, CANARY, description=7, tags=[CANARY], code=CANARY, note=CANARY)
    headers = {"signature": signature(body, CANARY), "x-api-key": CANARY}
    caller_, _ = receiving(kind, provider, **dict.fromkeys(SECRETS[provider], CANARY))
    with caller_ as client:
        event = client.client.webhook(provider, headers=headers, body=body)
    assert event.status is PENDING
    assert client.deviations
    assert_hidden(caplog.text + "".join(shown(deviation) for deviation in client.deviations) + repr(event))
    assert_hidden("".join(repr(record.__dict__) for record in caplog.records))


# What a callback says.

# As the providers are asked, and in the spellings that callbacks come in.
WORDS: Final[Mapping[str, Mapping[str, RefundStatus]]] = {
    "lab4pay": {**questions.WORDS["lab4pay"], "success": SUCCEEDED, "In-Progress": PENDING},
    "paybyrd": {
        **questions.WORDS["paybyrd"],
        "success": SUCCEEDED,
        "acquirersuccess": SUCCEEDED,
        "DENIED": FAILED,
    },
}
AT: Final = {"lab4pay": "/status", "paybyrd": "/content/status"}


@both_kinds
@pytest.mark.parametrize(
    ("provider", "word", "status"),
    [(provider, word, status) for provider, words in WORDS.items() for word, status in words.items()],
)
def test_each_listed_word_is_its_status(kind: Kind, provider: str, word: str, status: RefundStatus) -> None:
    body = news(provider, word)
    event, deviations = told(provider, proof(provider, body), body, kind=kind)
    assert event.status is status
    assert (event.provider, event.refund_id, event.payment_id) == (provider, REFUND, PAYMENT)
    assert (event.authentic, event.raw, deviations) == (True, body, [])


@both_kinds
@with_proof
@pytest.mark.parametrize("word", ["MISPLACED", "SUCCESSFUL", "not success", "refunded", "", 7, None, ["SUCCESS"]])
def test_a_word_that_is_not_listed_is_pending_and_told(kind: Kind, provider: str, word: object) -> None:
    body = news(provider, {} if word is None else word).replace(b"{}", b"null")
    event, deviations = told(provider, proof(provider, body), body, kind=kind)
    assert (event.status, event.refund_id, event.authentic) == (PENDING, REFUND, True)
    assert [pointer for pointer, _ in deviations] == [AT[provider]]


@both_kinds
@with_proof
def test_what_is_told_names_the_account_and_the_contract_and_no_operation(kind: Kind, provider: str) -> None:
    body = news(provider, "MISPLACED")
    caller_, _ = receiving(kind, provider, name="shop")
    with caller_ as client:
        client.client.webhook("shop", headers=proof(provider, body), body=body)
    (deviation,) = client.deviations
    assert (deviation.provider, deviation.operation, deviation.pointer) == ("shop", None, AT[provider])
    assert len(bytes.fromhex(deviation.contract)) == 32


def test_a_hook_that_fails_does_not_keep_an_event_back(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: object) -> None:
        raise ValueError("broken")

    body = news("paybyrd", "MISPLACED")
    with RefundClient([account("paybyrd", webhook_api_key=KEY)], on_deviation=broken) as client:
        assert client.webhook("paybyrd", headers=proof("paybyrd", body), body=body).status is PENDING
    assert "the hook for ContractDeviation failed" in caplog.text


# Lab4Pay: its form is taken from a sister product.


def lab4pay(value: object) -> tuple[RefundEvent, list[tuple[str, str]]]:
    """Return what is made of a signed callback of Lab4Pay."""
    body = json.dumps(value).encode()
    return told("lab4pay", proof("lab4pay", body), body)


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


@pytest.mark.parametrize(
    "value",
    [
        [DONE, {**DONE, "id": "refund-2"}],
        {"data": [DONE, DONE]},
        {"data": DONE, "transaction": DONE},
        [],
        {},
        {"data": None},
        {"id": REFUND},
        {"status": "SUCCESS"},
        "SUCCESS",
        None,
        7,
    ],
)
def test_a_callback_of_lab4pay_that_does_not_hold_one_transaction_is_about_none_and_told(value: object) -> None:
    event, deviations = lab4pay(value)
    assert (event.refund_id, event.payment_id, event.status, event.authentic) == (None, None, None, True)
    assert [pointer for pointer, _ in deviations] == [""]


@pytest.mark.parametrize("linked", [{}, {"linked_transaction_id": None}])
@pytest.mark.parametrize("tags", [["charge"], ["card", "charge"]])
def test_a_charge_that_is_linked_to_no_payment_is_no_refund(linked: dict[str, Any], tags: list[str]) -> None:
    event, deviations = lab4pay({"id": "payment-2", "status": "SUCCESS", "tags": tags, **linked})
    assert (event.refund_id, event.payment_id, event.status, event.authentic) == (None, None, None, True)
    assert deviations == []


@pytest.mark.parametrize("tags", [None, [], "charge", {"charge": 1}, [["charge"]], [7]])
def test_without_the_tag_of_a_charge_an_unlinked_transaction_may_be_a_refund(tags: object) -> None:
    event, _ = lab4pay({"id": REFUND, "status": "SUCCESS", "tags": tags, "linked_transaction_id": None})
    assert (event.refund_id, event.payment_id, event.status) == (REFUND, None, SUCCEEDED)


# Paybyrd: an envelope that names its event, and the transaction under `content`.


@both_kinds
@pytest.mark.parametrize(
    "name",
    [
        *[f"transaction.{one}.success" for one in ("payment", "capture", "preauth")],
        *[f"transaction.payment.{one}" for one in ("pending", "failed", "error", "canceled")],
        *[f"order.{one}" for one in ("created", "pending", "paid", "refunded", "canceled", "expired")],
        "order.refund.success",
        "chargeback.won",
        "chargeback.created",
        "transaction.refund",
        "transaction.refund.success.again",
        "refund.success",
        "success",
    ],
)
@pytest.mark.parametrize("kept", [{}, {"operationType": "Payment", "referencedTransactions": None}])
def test_an_event_of_another_family_is_believed_and_is_about_no_refund(
    kind: Kind, name: str, kept: dict[str, Any]
) -> None:
    body = news("paybyrd", "success", event=name, **kept)
    event, deviations = told("paybyrd", proof("paybyrd", body), body, kind=kind)
    assert (event.refund_id, event.payment_id, event.status, event.authentic) == (None, None, None, True)
    assert deviations == []


BY_EVENT: Final = {"pending": PENDING, "success": SUCCEEDED, "failed": FAILED, "error": FAILED, "canceled": FAILED}
# With a code that says that the failure is final, Error means so too.
FINAL_ERROR: Final = {"code": "BYRD290"}
WITH_ITS_CODE: Final = {**WORDS["paybyrd"], "Error": FAILED}


@both_kinds
@pytest.mark.parametrize(("word", "status"), {**BY_EVENT, "error": PENDING}.items())
@pytest.mark.parametrize("name", ["transaction.refund.{}", "Transaction.Refund.{}"])
def test_the_event_says_how_far_the_refund_is_where_its_transaction_does_not(
    kind: Kind, word: str, status: RefundStatus, name: str
) -> None:
    body = news("paybyrd", event=name.format(word), operationType="")
    event, deviations = told("paybyrd", proof("paybyrd", body), body, kind=kind)
    assert (event.refund_id, event.payment_id, event.status) == (REFUND, PAYMENT, status)
    assert deviations == []


@pytest.mark.parametrize(
    ("word", "state"),
    [(word, state) for word, status in BY_EVENT.items() for state, is_so in WITH_ITS_CODE.items() if is_so is status],
)
def test_an_event_and_a_transaction_that_say_the_same_are_believed(word: str, state: str) -> None:
    body = news("paybyrd", state, event=f"transaction.refund.{word}", **(FINAL_ERROR if state == "Error" else {}))
    event, deviations = told("paybyrd", proof("paybyrd", body), body)
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
def test_an_event_and_a_transaction_that_contradict_each_other_are_pending_and_told(
    kind: Kind, word: str, state: str
) -> None:
    body = news("paybyrd", state, event=f"transaction.refund.{word}", **(FINAL_ERROR if state == "Error" else {}))
    event, deviations = told("paybyrd", proof("paybyrd", body), body, kind=kind)
    assert (event.refund_id, event.status) == (REFUND, PENDING)
    assert [pointer for pointer, _ in deviations] == ["/content/status"]


@pytest.mark.parametrize(("state", "code"), [("Success", "BYRD205"), ("Success", "BYRD203"), ("Denied", "BYRD200")])
def test_a_code_that_contradicts_the_state_is_pending_and_told(state: str, code: str) -> None:
    body = news("paybyrd", state, code=code)
    event, deviations = told("paybyrd", proof("paybyrd", body), body)
    assert (event.refund_id, event.status) == (REFUND, PENDING)
    assert [pointer for pointer, _ in deviations] == ["/content/code"]


@pytest.mark.parametrize("state", ["Success", "Denied", None])
def test_an_event_of_a_refund_that_is_not_listed_is_pending_and_told(state: str | None) -> None:
    body = news("paybyrd", state, event="transaction.refund.misplaced")
    event, deviations = told("paybyrd", proof("paybyrd", body), body)
    assert (event.refund_id, event.status) == (REFUND, PENDING)
    assert [pointer for pointer, _ in deviations] == ["/event"]


@pytest.mark.parametrize("name", [7, {"name": "transaction.refund.success"}, ["transaction.refund.success"]])
def test_an_event_that_is_not_named_by_a_text_is_told(name: object) -> None:
    body = news("paybyrd", "Success", event=name)
    _, deviations = told("paybyrd", proof("paybyrd", body), body)
    assert [pointer for pointer, _ in deviations] == ["/event"]


@pytest.mark.parametrize("kind_of", ["Refund", "refund", "REFUND"])
def test_without_the_name_of_an_event_the_kind_of_the_transaction_says_that_it_is_a_refund(kind_of: str) -> None:
    body = news("paybyrd", "Success", operationType=kind_of)
    assert receive("paybyrd", proof("paybyrd", body), body).refund_id == REFUND


@pytest.mark.parametrize("kind_of", ["Payment", "Capture", "", None, 7])
def test_without_the_name_of_an_event_a_transaction_of_another_kind_is_no_refund(kind_of: object) -> None:
    body = news("paybyrd", "Success", operationType=kind_of)
    event = receive("paybyrd", proof("paybyrd", body), body)
    assert (event.refund_id, event.status, event.authentic) == (None, None, True)


@pytest.mark.parametrize("content", [b"null", b"[]", b'"{}"', b"7", None])
def test_a_callback_of_paybyrd_without_a_content_is_about_no_refund_and_told(content: bytes | None) -> None:
    body = b"{}" if content is None else b'{"event": "transaction.refund.success", "content": %b}' % content
    event, deviations = told("paybyrd", proof("paybyrd", body), body)
    assert (event.refund_id, event.status, event.authentic) == (None, None, True)
    assert [pointer for pointer, _ in deviations] == [""]


@with_proof
@pytest.mark.parametrize("refund_id", ["a/b", "../x", "..", "a b", "a%2fb", "x" * 201, "\ud800"])
def test_an_id_that_could_lead_elsewhere_is_none_and_told(provider: str, refund_id: str) -> None:
    body = news(provider, "Success", refund_id=refund_id)
    event, deviations = told(provider, proof(provider, body), body)
    assert (event.refund_id, event.status, event.authentic) == (None, None, True)
    assert len(deviations) == 1


# Hostile callbacks.


def deep(before: bytes, after: bytes, depth: int) -> bytes:
    """Return JSON that is nested so deep."""
    return before * depth + b"1" + after * depth


HOSTILE: Final = [
    b"",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"NaN",
    b'{"status": NaN, "id": Infinity}',
    b'{"id": 1e999, "status": -1e999}',
    b"9" * 5000,
    b"null",
    b'"\\ud800"',
    b'{"content": null}',
    b"a=1&" * 101 + b"transaction_id=refund-1",
    b"transaction_id=%ff%00&status=%",
    b"=&&&===",
    *[
        news(provider, word, refund_id=refund_id)
        for provider in PROVIDERS
        for word, refund_id in [
            ("\ud800", REFUND),
            ("Success", "\ud800"),
            ("\0", "\0"),
            (7, 7),
            ([], {}),
            ("x" * 9999,) * 2,
        ]
    ],
    *[
        form
        for depth in (90, 600, 900, 1400, 2900, 15_000)
        for form in (
            deep(b"[", b"]", depth),
            deep(b'{"data":', b"}", depth),
            deep(b'{"transaction":[', b"]}", depth),
            b'{"transaction_id":"refund-1","status":"completed","note":%b}' % deep(b"[", b"]", depth),
            b'{"event":"transaction.refund.success","content":%b}' % deep(b'{"card":', b"}", depth),
            b'{"event":"transaction.refund.success","content":{"transactionId":"refund-1","referencedTransactions":[%b]}}'
            % deep(b'{"transactionId":"payment-1","referencedTransactions":[', b"]}", depth),
        )
    ],
]


def believed(provider: str, headers: Headers, body: bytes, **options: Any) -> RefundEvent | None:
    """Return the event of a callback, None where it is rejected. It raises nothing else, and believes too little."""
    try:
        event = receive(provider, headers, body, **options)
    except WebhookRejected:
        return None
    assert (event.provider, event.raw, event.authentic) == (provider, body, provider != "blink")
    assert (event.status is not None) == (event.authentic and event.refund_id is not None)
    return event


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(
    ("provider", "options"), [("lab4pay", {}), ("lab4pay", SORTED_KEYS), ("paybyrd", {}), ("blink", {})]
)
def test_a_hostile_body_is_an_event_or_rejected(provider: str, options: dict[str, Any], body: bytes) -> None:
    """Also one that its provider has signed, or that came with its secret."""
    assert believed(provider, {}, body, **options) is None or provider == "blink"
    event = believed(provider, proof(provider, body), body, **options)
    if provider != "blink" and not options:
        assert event is not None


WORDS_OF_ALL: Final = sorted({word for words in WORDS.values() for word in words})
ANY_TEXT: Final = st.text(st.characters(exclude_categories=()), max_size=20)
NAMES: Final = st.sampled_from(
    [
        "id",
        "transaction_id",
        "linked_transaction_id",
        "status",
        "tags",
        "data",
        "transaction",
        "event",
        "content",
        "transactionId",
        "operationType",
        "referencedTransactions",
        "code",
        "amount",
        "isoAmount",
        "currency",
        "card",
        "description",
    ]
)
VALUES: Final = st.sampled_from(
    [*WORDS_OF_ALL, REFUND, "Refund", "transaction.refund.success", "charge", "BYRD200", "EUR"]
)
ANY_JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | VALUES | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | ANY_TEXT, inner, max_size=6),
    max_leaves=12,
)
ANY_BODY: Final = st.binary(max_size=200) | ANY_JSON.map(lambda value: json.dumps(value).encode())
ANY_NAME: Final = st.sampled_from(["Signature", "signature", "x-api-key", "Authorization", "Content-Type"]) | ANY_TEXT
ANY_VALUE: Final = ANY_TEXT | ANY_TEXT.map(lambda text: f"Basic {text}")
ANY_HEADERS: Final = st.lists(st.tuples(ANY_NAME, ANY_VALUE), max_size=4)


@every_provider
@given(body=ANY_BODY, headers=ANY_HEADERS)
def test_whatever_comes_without_a_proof_is_not_believed(
    provider: str, body: bytes, headers: list[tuple[str, str]]
) -> None:
    event = believed(provider, headers, body, **(BASIC if provider == "paybyrd" else {}))
    assert event is None or provider == "blink"


@pytest.mark.parametrize(
    ("provider", "options"), [("lab4pay", {}), ("lab4pay", SORTED_KEYS), ("paybyrd", {}), ("blink", {})]
)
@given(body=ANY_BODY)
@example(body=json.dumps({"transaction_id": REFUND, "status": "\ud800"}).encode())
def test_whatever_comes_with_a_proof_is_an_event_or_rejected(
    provider: str, options: dict[str, Any], body: bytes
) -> None:
    believed(provider, proof(provider, body), body, **options)


# An event.


def identity(provider: str, body: bytes, **options: Any) -> str:
    """Return the identity of a callback that comes with its proof."""
    return receive(provider, proof(provider, body), body, **options).identity


NOISE: Final[Mapping[str, Mapping[str, Any]]] = {
    "lab4pay": {"completed_at": "2026-11-22T10:00:00Z", "amount": 100, "tags": ["refund"]},
    "paybyrd": {"transactionDate": "2026-11-22", "description": "done", "isoAmount": -100},
    "blink": {"note": "again", "merchant_data": {"order": "1"}, "event_type": "refund"},
}


@both_kinds
@every_provider
def test_a_redelivery_has_the_identity_of_the_first_whatever_else_has_changed(kind: Kind, provider: str) -> None:
    first, again = news(provider, "Success"), news(provider, "success", **NOISE[provider])
    assert first != again
    assert identity(provider, first, kind=kind) == identity(provider, again, kind=kind)


@both_kinds
@every_provider
def test_other_news_have_another_identity(kind: Kind, provider: str) -> None:
    first = news(provider, "Success")
    others = [news(provider, "Error"), news(provider, "Success", refund_id="refund-2"), news(provider, "REVERTED")]
    identities = [identity(provider, body, kind=kind) for body in (first, *others)]
    identities.append(identity(provider, first, kind=kind, name="shop"))
    assert len({*identities}) == 5


@every_provider
def test_ids_that_differ_in_case_alone_are_two_refunds(provider: str) -> None:
    one, other = (
        identity(provider, news(provider, "Success", refund_id=name)) for name in ("Bl-2349agb", "BL-2349AGB")
    )
    assert one != other


@pytest.mark.parametrize("code", ["BYRD200", "BYRD201", "BYRD999"])
def test_another_state_under_the_same_code_is_other_news(code: str) -> None:
    states = ("Processing", "Success", "Denied", "MISPLACED")
    assert len({identity("paybyrd", news("paybyrd", state, code=code)) for state in states}) == len(states)


def test_a_refund_that_is_pending_for_a_contradiction_is_other_news_than_its_success() -> None:
    contradicted, agreed = (
        news("paybyrd", "Success", code="BYRD200", event=f"transaction.refund.{word}")
        for word in ("pending", "success")
    )
    assert receive("paybyrd", proof("paybyrd", contradicted), contradicted).status is PENDING
    assert receive("paybyrd", proof("paybyrd", agreed), agreed).status is SUCCEEDED
    assert identity("paybyrd", contradicted) != identity("paybyrd", agreed)


@with_proof
def test_of_what_is_about_no_refund_each_body_is_other_news(provider: str) -> None:
    one, other = b'{"content": {"n": 1}}', b'{"content": {"n": 2}}'
    assert identity(provider, one) == identity(provider, one)
    assert identity(provider, one) != identity(provider, other)


def test_an_identity_is_a_short_text_and_the_same_in_every_process() -> None:
    body = news("blink", "completed")
    code = (
        "from refundry import Blink, RefundClient\n"
        "with RefundClient([Blink(access_token='test-key')]) as client:\n"
        f"    print(client.webhook('blink', headers={{}}, body={body!r}).identity, end='')"
    )
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "7"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True, timeout=30)
    assert run.stdout.decode() == identity("blink", body)
    assert 0 < len(run.stdout) <= 100


@every_provider
def test_an_event_cannot_be_changed_and_does_not_show_the_body(provider: str) -> None:
    body = news(provider, "Success", note=CANARY)
    event = receive(provider, proof(provider, body), body)
    for name in ("refund_id", "status", "authentic", "identity"):
        with pytest.raises(FrozenInstanceError):
            setattr(event, name, None)
    assert CANARY.encode() in event.raw
    assert_hidden(repr(event) + str(event))
    assert pickle.loads(pickle.dumps(event)) == event


# Asking the provider whether it is so.

PAYMENTS: Final = {"paybyrd": "paybyrd-eur", "blink": "blink-gbp"}
STEPS: Final = {"lab4pay": 2, "paybyrd": 1, "blink": 1}
UNDONE: Final = {"lab4pay": "DECLINED", "paybyrd": "Denied", "blink": "declined"}


def at_sandbox(kind: Kind, sandbox: Sandbox) -> Caller:
    """Return a client of the three accounts at a sandbox, by static credentials."""
    transport = HttpxTransport(SandboxTransport(sandbox))
    return caller(
        kind,
        Lab4Pay(
            access_token=CREDENTIALS["lab4pay"],
            integrator_id=INTEGRATOR_ID,
            webhook_secret_key=KEY,
            transport=transport,
        ),
        Paybyrd(api_key=CREDENTIALS["paybyrd"], webhook_api_key=KEY, transport=transport),
        Blink(access_token=CREDENTIALS["blink"], transport=transport),
    )


def answer(client: Caller, asked: T | Coroutine[Any, Any, T]) -> T:
    """Return what a call of a client of either kind gives."""
    return client.run(asked) if isinstance(asked, Coroutine) else asked


def refunded(client: Caller, provider: str, *, pending: bool) -> str:
    """Refund one unit of money; return the provider's id of the refund."""
    amount = Money.of("1.00", "GBP" if provider == "blink" else "EUR")
    if provider == "lab4pay":
        refund = client.refund_unreferenced(provider, amount=amount, reference="r-1")
    else:
        payment = f"{provider}-pending" if pending else PAYMENTS[provider]
        refund = client.refund(provider, payment_id=payment, amount=amount, reference="r-1")
    if refund.refund_id is None:  # Paybyrd's 202 has only a link
        refund = answer(client, client.client.lookup(refund))
    assert refund.refund_id is not None
    return refund.refund_id


def confirmed(client: Caller, event: RefundEvent) -> RefundEvent:
    """Return the event after the provider was asked about it."""
    return answer(client, client.client.confirm(event))


def event_of(client: Caller, provider: str, word: str, refund_id: str) -> RefundEvent:
    """Return the event of a callback about this refund."""
    body = news(provider, word, refund_id=refund_id)
    return client.client.webhook(provider, headers=proof(provider, body), body=body)


@both_kinds
@every_provider
def test_a_confirmed_event_has_the_state_that_the_provider_gives(kind: Kind, provider: str) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox) as client:
        refund_id = refunded(client, provider, pending=True)
        event = event_of(client, provider, "Success" if provider != "blink" else "completed", refund_id)
        states = [confirmed(client, event).status]
        for _ in range(STEPS[provider]):
            sandbox.advance()
        done = confirmed(client, event)
        states.append(done.status)
        assert states == [PENDING, SUCCEEDED]
        assert (done.provider, done.refund_id, done.authentic, done.raw) == (provider, refund_id, True, event.raw)


@both_kinds
@every_provider
def test_a_confirmed_event_may_deny_what_the_callback_says(kind: Kind, provider: str) -> None:
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox) as client:
        refund_id = refunded(client, provider, pending=False)
        sandbox.settle(provider, refund_id, UNDONE[provider])
        event = confirmed(client, event_of(client, provider, "Success", refund_id))
        assert (event.status, event.authentic) == (FAILED, True)


@both_kinds
def test_a_confirmed_event_has_the_payment_that_the_provider_gives(kind: Kind) -> None:
    with at_sandbox(kind, Sandbox()) as client:
        refund_id = refunded(client, "paybyrd", pending=False)
        event = event_of(client, "paybyrd", "Success", refund_id)
        assert (event.payment_id, confirmed(client, event).payment_id) == (PAYMENT, PAYMENTS["paybyrd"])


@both_kinds
@every_provider
def test_an_event_about_what_the_provider_does_not_know_cannot_be_confirmed(kind: Kind, provider: str) -> None:
    with at_sandbox(kind, Sandbox()) as client:
        with pytest.raises(LookupFailed) as failed:
            confirmed(client, event_of(client, provider, "Success", "not-there"))
        assert (failed.value.provider, failed.value.resend) == (provider, Resend.NEVER)


@both_kinds
@with_proof
def test_an_event_about_no_refund_cannot_be_confirmed(kind: Kind, provider: str) -> None:
    caller_, transport = receiving(kind, provider)
    with caller_ as client:
        event = client.client.webhook(provider, headers=proof(provider, b"{}"), body=b"{}")
        with pytest.raises(InvalidRefund) as refused:
            confirmed(client, event)
    assert refused.value.field == "refund_id"
    assert (transport.sent, transport.asked) == ([], [])


@both_kinds
def test_an_event_of_an_account_that_this_client_has_not_cannot_be_confirmed(kind: Kind) -> None:
    event = receive("blink", {}, news("blink", "completed"), name="shop")
    with at_sandbox(kind, Sandbox()) as client:
        with pytest.raises(InvalidRefund) as refused:
            confirmed(client, event)
        assert refused.value.field == "provider"


@both_kinds
def test_what_an_unproved_callback_claims_does_not_use_up_the_identity_of_the_news_to_come(kind: Kind) -> None:
    """Whoever knows the address can claim anything. The news is what the provider says when it is asked."""
    sandbox = Sandbox()
    with at_sandbox(kind, sandbox) as client:
        refund_id = refunded(client, "blink", pending=True)
        claims = [event_of(client, "blink", word, refund_id) for word in ("completed", "pending", "anything")]
        before = {confirmed(client, claim).identity for claim in claims}
        sandbox.advance()
        after = {confirmed(client, claim).identity for claim in claims}
    assert (len(before), len(after)) == (1, 1)
    assert before != after


@both_kinds
@with_proof
@pytest.mark.parametrize("headers", [None, 7, "signature", [("signature",)], {"signature": 7}])
def test_headers_that_are_no_texts_are_refused_as_such(kind: Kind, provider: str, headers: Any) -> None:
    caller_, _ = receiving(kind, provider)
    with caller_ as client, pytest.raises(InvalidRefund) as refused:
        client.client.webhook(provider, headers=headers, body=b"{}")
    assert (refused.value.field, refused.value.provider) == ("headers", provider)


@with_proof
def test_headers_may_be_the_bytes_that_an_asgi_server_gives(provider: str) -> None:
    body = news(provider, {"lab4pay": "SUCCESS", "paybyrd": "Success"}[provider])
    proved = [(name.lower().encode(), value.encode()) for name, value in proof(provider, body).items()]
    caller_, _ = receiving("sync", provider)
    with caller_ as client:
        event = client.client.webhook(provider, headers=proved, body=body)
    assert (event.authentic, event.status) == (True, SUCCEEDED)
