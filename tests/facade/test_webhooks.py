"""Callbacks: which are believed, which are refused, and that none has any other effect."""

import copy
import json
import logging
import pickle
import signal
from base64 import b64encode
from typing import Any, Final

import pytest

from refundry import Account, InvalidRefund, RefundClient, Resend, WebhookRejected
from tests.facade.callbacks import (
    BASIC,
    KEY,
    MAX_BYTES,
    PASSWORD,
    PENDING,
    SORTED_KEYS,
    SUCCEEDED,
    USERNAME,
    Headers,
    basic,
    both_kinds,
    every_provider,
    news,
    proof,
    receive,
    received,
    receiving,
    with_proof,
)
from tests.facade.canary import CANARY, assert_hidden, everything, shown
from tests.facade.support import Kind, caller
from tests.providers import RECORDS, account
from tests.providers.lab4pay import signature
from tests.providers.record import REFUND

# Which callbacks are believed.

LAB4PAY_BODY: Final = b'{"status": "SUCCESS",  "id":"refund-1"}'


@both_kinds
@pytest.mark.parametrize("name", ["Signature", "signature", "SIGNATURE"])
@pytest.mark.parametrize("given", [signature(LAB4PAY_BODY), signature(LAB4PAY_BODY).upper()])
def test_a_callback_of_lab4pay_is_believed_by_the_signature_of_its_exact_bytes(
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
def test_a_body_that_was_lengthened_or_shortened_is_rejected(body: bytes) -> None:
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
def test_with_sorted_keys_the_signature_of_the_sorted_json_is_believed(kind: Kind, signed: bytes) -> None:
    body = json.dumps(UNSORTED, indent=2).encode()
    event = receive("lab4pay", {"Signature": signature(signed)}, body, kind=kind, **SORTED_KEYS)
    assert (event.authentic, event.refund_id, event.status, event.raw) == (True, REFUND, SUCCEEDED, body)
    with pytest.raises(WebhookRejected):
        receive("lab4pay", {"Signature": signature(signed)}, body, kind=kind)


@both_kinds
def test_with_sorted_keys_the_signature_of_the_bytes_is_rejected(kind: Kind) -> None:
    body = json.dumps(UNSORTED).encode()
    with pytest.raises(WebhookRejected):
        receive("lab4pay", {"Signature": signature(body)}, body, kind=kind, **SORTED_KEYS)
    assert receive("lab4pay", {"Signature": signature(SORTED[0])}, SORTED[0], kind=kind, **SORTED_KEYS).authentic


@pytest.mark.parametrize("body", [b"", b"no JSON", b"\xff", b'{"id": NaN}', b"[" * 100_000])
def test_with_sorted_keys_a_body_that_is_not_json_is_rejected(body: bytes) -> None:
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
    {"authorization": basic().replace("Basic ", "Basic !")},
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
        event, deviations = received("blink", headers, body, kind=kind)
        assert (event.authentic, event.status, event.refund_id, event.raw) == (False, None, REFUND, body)
        assert (event.provider, event.payment_id, deviations) == ("blink", None, [])


@pytest.mark.parametrize(("reference", "read"), [("order-1/1", "order-1/1"), ("", None), (7, None), (None, None)])
def test_a_callback_of_blink_names_the_reference_where_it_is_a_text(reference: object, read: str | None) -> None:
    event = receive("blink", {}, json.dumps({"transaction_id": REFUND, "reference": reference}).encode())
    assert event.reference == read


def test_a_form_of_blink_is_read_up_to_16_kib() -> None:
    most = 16 * 1024
    field = f"&transaction_id={REFUND}"
    fits = f"note={'x' * (most - len('note=') - len(field))}{field}".encode()
    assert receive("blink", {}, fits).refund_id == REFUND
    assert receive("blink", {}, b"note=x" + fits[len("note=") :]).refund_id == REFUND[:-1]


@both_kinds
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"status=completed",
        b'{"transaction_id":{}}',
        b'{"transaction_id":true}',
        b'{"transaction_id":7.5}',
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
def test_headers_may_be_a_mapping_or_pairs(kind: Kind, form: Any, provider: str) -> None:
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
def test_only_a_comparison_in_constant_time_checks_a_secret(
    provider: str, options: dict[str, Any], headers: Headers, given: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    def compare_digest(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return given

    monkeypatch.setattr("refundry.providers.signatures.hmac.compare_digest", compare_digest)
    if given:
        assert receive(provider, headers, news(provider, "SUCCESS"), **options).authentic
    else:
        with pytest.raises(WebhookRejected):
            receive(provider, headers, news(provider, "SUCCESS"), **options)
    assert compared


OLD: Final = "test-webhook-key-of-before"
OLD_BASIC: Final = {"previous_webhook_username": "test-old", "previous_webhook_password": OLD}
ROTATIONS: Final[list[tuple[str, dict[str, Any], list[tuple[str, str]]]]] = [
    ("lab4pay", {"previous_webhook_secret_key": OLD}, [("signature", signature(LAB4PAY_BODY, OLD))]),
    (
        "lab4pay",
        {"previous_webhook_secret_key": OLD, "webhook_signature": "sorted-keys"},
        [("signature", signature(b'{"id": "refund-1", "status": "SUCCESS"}', OLD))],
    ),
    ("paybyrd", {"previous_webhook_api_key": OLD}, [("x-api-key", OLD)]),
    ("paybyrd", {**BASIC, **OLD_BASIC}, [("authorization", basic("test-old", OLD))]),
    ("paybyrd", {"webhook_api_key": None, **BASIC, **OLD_BASIC}, [("authorization", basic("test-old", OLD))]),
]


def body_of(provider: str) -> bytes:
    """Return the body of the callbacks during a change of secrets."""
    return LAB4PAY_BODY if provider == "lab4pay" else news(provider, "success")


@both_kinds
@pytest.mark.parametrize(("provider", "options", "headers"), ROTATIONS)
def test_during_a_change_of_secrets_the_previous_one_proves_a_callback_too(
    kind: Kind, provider: str, options: dict[str, Any], headers: Headers
) -> None:
    event = receive(provider, headers, body_of(provider), kind=kind, **options)
    assert (event.authentic, event.refund_id) == (True, REFUND)
    without = {name: value for name, value in options.items() if not name.startswith("previous")}
    with pytest.raises(WebhookRejected):
        receive(provider, headers, body_of(provider), kind=kind, **without)


@both_kinds
@pytest.mark.parametrize(("provider", "options"), [(provider, options) for provider, options, _ in ROTATIONS])
def test_during_a_change_of_secrets_the_new_one_proves_a_callback_and_a_third_does_not(
    kind: Kind, provider: str, options: dict[str, Any]
) -> None:
    body = body_of(provider)
    signed = b'{"id": "refund-1", "status": "SUCCESS"}' if "webhook_signature" in options else body
    new = {"signature": signature(signed), "x-api-key": KEY, "authorization": basic()}
    assert receive(provider, new, body, kind=kind, **options).authentic
    mixed = basic(USERNAME, OLD)
    third = {"signature": signature(signed, "test-third"), "x-api-key": "test-third", "authorization": mixed}
    with pytest.raises(WebhookRejected):
        receive(provider, third, body, kind=kind, **options)


@pytest.mark.parametrize(
    ("provider", "options", "missing"),
    [
        ("lab4pay", {"previous_webhook_secret_key": OLD}, "webhook_secret_key"),
        ("paybyrd", {"previous_webhook_api_key": OLD}, "webhook_api_key"),
        ("paybyrd", OLD_BASIC, "webhook_username"),
        ("paybyrd", {**BASIC, "previous_webhook_username": "test-old"}, "previous_webhook_password"),
        ("paybyrd", {**BASIC, "previous_webhook_password": OLD}, "previous_webhook_username"),
    ],
)
def test_a_previous_secret_without_the_current_one_is_refused_with_what_is_missing(
    provider: str, options: dict[str, Any], missing: str
) -> None:
    with pytest.raises(InvalidRefund, match=missing) as refused:
        account(provider, **options)
    assert refused.value.field == missing


@pytest.mark.parametrize(("provider", "options", "headers"), ROTATIONS)
def test_the_previous_secret_can_come_from_the_environment(
    provider: str, options: dict[str, Any], headers: Headers
) -> None:
    needed = {"lab4pay": {"integrator_id": "test-i", "access_token": "test-key"}, "paybyrd": {"api_key": "test-key"}}
    given = {**needed[provider], **RECORDS[provider].callbacks.account, **options}
    variables = {f"REFUNDRY_{provider}_{name}".upper(): value for name, value in given.items() if value is not None}
    with RefundClient.from_env(variables) as client:
        assert client.webhook(provider, headers=headers, body=body_of(provider)).authentic


@pytest.mark.parametrize("where", ["headers", "reading"])
def test_an_interruption_of_the_reading_of_a_callback_reaches_the_caller(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time limit of a job may raise an exception of any class."""

    class TooLong(ValueError, RecursionError):
        pass

    def limit(*_: object) -> None:
        raise TooLong

    class Headers(dict[str, str]):
        def items(self) -> Any:
            signal.raise_signal(signal.SIGUSR1)
            return super().items()

    def read(*_: object) -> None:
        signal.raise_signal(signal.SIGUSR1)

    headers: dict[str, str] = Headers() if where == "headers" else proof("lab4pay", LAB4PAY_BODY)
    before = signal.signal(signal.SIGUSR1, limit)
    monkeypatch.setattr("refundry.providers.lab4pay.Lab4PayTranslation.read_callback", read)
    try:
        with pytest.raises(TooLong):
            receive("lab4pay", headers, LAB4PAY_BODY)
    finally:
        signal.signal(signal.SIGUSR1, before)


# Calls that are refused.


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
def test_a_body_may_be_any_bytes_like_object(provider: str, form: Any) -> None:
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
def test_a_callback_for_an_unknown_account_is_refused(kind: Kind, provider: Any) -> None:
    caller_, _ = receiving(kind, "paybyrd")
    with caller_ as client, pytest.raises(InvalidRefund) as refused:
        client.client.webhook(provider, headers={"x-api-key": KEY}, body=b"{}")
    assert refused.value.field == "provider"


@both_kinds
def test_the_secret_of_one_account_proves_nothing_to_another(kind: Kind) -> None:
    shops = [account("paybyrd", name=f"shop-{n}", webhook_api_key=f"test-key-of-shop-{n}") for n in (1, 2)]
    headers, body = {"x-api-key": "test-key-of-shop-1"}, news("paybyrd", "success")
    with caller(kind, *shops) as client:
        assert client.client.webhook("shop-1", headers=headers, body=body).provider == "shop-1"
        with pytest.raises(WebhookRejected):
            client.client.webhook("shop-2", headers=headers, body=body)


# A rejected callback leaks nothing.

CANARIED: Final = {
    "id": CANARY,
    "transaction_id": [CANARY],
    "status": CANARY,
    "content": {"status": CANARY, "note": CANARY},
}


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
def test_the_error_of_a_rejected_callback_holds_nothing_of_it_and_no_secret(
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
def test_the_log_and_the_reports_of_a_believed_callback_hold_nothing_of_it_and_no_secret(
    kind: Kind, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = news(provider, CANARY, description=7, tags=[CANARY], code=CANARY, note=CANARY)
    headers = {"signature": signature(body, CANARY), "x-api-key": CANARY}
    caller_, _ = receiving(kind, provider, **dict.fromkeys(RECORDS[provider].callbacks.account, CANARY))
    with caller_ as client:
        event = client.client.webhook(provider, headers=headers, body=body)
    assert event.status is PENDING
    assert client.deviations
    assert_hidden(caplog.text + "".join(shown(deviation) for deviation in client.deviations) + repr(event))
    assert_hidden("".join(repr(record.__dict__) for record in caplog.records))


@both_kinds
@with_proof
@pytest.mark.parametrize("headers", [None, 7, "signature", [("signature",)], {"signature": 7}])
def test_headers_that_are_not_text_are_refused(kind: Kind, provider: str, headers: Any) -> None:
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
