"""What redaction removes from a reply, and what it keeps."""

import copy
import json
import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundry import (
    LookupFailed,
    NotSent,
    OutcomeUnknown,
    Refund,
    RefundError,
    RefundMismatch,
    RefundStatus,
    Secret,
    SendFailure,
)
from refundry.echoes import redacted
from refundry.redaction import REDACTED
from refundry.wire import Evidence
from tests.facade.canary import CANARY, assert_hidden, everything
from tests.facade.support import Scripted, caller
from tests.providers import account
from tests.providers.record import ONE_EURO, PAYMENT, reply

SECRETS: Final = [Secret(CANARY), Secret("short")]


def plain(text: str) -> str:
    """Return a text as JSON, as most libraries write it."""
    return json.dumps(text)


def by_number(text: str) -> str:
    """Return a text as JSON, with each character as an escape of its number."""
    return '"' + "".join(f"\\u{ord(one):04X}" for one in text) + '"'


def with_slashes(text: str) -> str:
    """Return a text as JSON, with each slash escaped."""
    return json.dumps(text).replace("/", "\\/")


def within_json(text: str) -> str:
    """Return a text as JSON within JSON."""
    return with_slashes(by_number(text)[:9] + with_slashes(text))


AS_JSON: Final = [plain, by_number, with_slashes, within_json, lambda text: json.dumps(json.dumps(json.dumps(text)))]
AWKWARD: Final = [
    CANARY,
    'test"key\\of/the~shop',
    '"quoted-test-key"',
    "\\test-key\\",
    "test-key-\\\\\\\\",
    '\\"\\"\\"test-key',
    "C:\\u0041\\test-key",
    "test.key*(of)[the]+shop$^",
    "tëst-key-öf-some-length",
]


@pytest.mark.parametrize("secret", AWKWARD)
@pytest.mark.parametrize("write", AS_JSON)
def test_a_credential_is_found_as_plain_text_and_as_escaped_json(secret: str, write: Any) -> None:
    written = write(secret) if secret.isascii() else json.dumps(secret, ensure_ascii=False)
    for body in (secret, f'{{"message":"a \\n b","detail":{written},"more":"\\u0041"}}'):
        redacted_value = redacted(
            reply(400, body.encode(), (("x-echo", f"Bearer {secret}"), ("x-json", body))), [Secret(secret)]
        )
        text = redacted_value.body.decode() + repr(redacted_value.headers)
        assert (secret in text, written[1:-1] in text, text.count(REDACTED)) == (False, False, 3)
        if body is not secret:
            assert json.loads(redacted_value.body)["more"] == "A"


@given(secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40), data=st.data())
def test_json_escapes_hide_no_credential(secret: str, data: st.DataObject) -> None:
    write = data.draw(st.sampled_from(AS_JSON[:3]))
    body = f'{{"message":{write(secret)}}}'
    redacted_value = redacted(reply(200, body.encode()), [Secret(secret)])
    assert secret not in str(json.loads(redacted_value.body)["message"])


@pytest.mark.parametrize(
    "text",
    ["", "done", '{"a":"\\u0041\\/"}', "short", "\\" * 1000, "canary+of/the~key", '{"raw":"caf\\u00e9"}', "C:\\dir\\"],
)
def test_a_value_without_a_credential_is_not_changed(text: str) -> None:
    body = reply(200, text.encode(), (("x-a", text),))
    refund = Refund("shop", "r-1", RefundStatus.PENDING, refund_id=text or None, provider_message=text, raw=body)
    assert redacted(text, SECRETS) == text
    assert redacted(body, SECRETS) is body
    assert redacted(refund, SECRETS) is refund


@pytest.mark.parametrize("body", [b"\xff\xfe" + CANARY.encode() + b"\xff", b"\x80" * 99])
def test_bytes_that_are_not_text_are_not_changed(body: bytes) -> None:
    assert redacted(reply(200, body), SECRETS).body == body.replace(CANARY.encode(), REDACTED.encode())


@pytest.mark.parametrize("value", [None, 7, b"bytes", SendFailure(Evidence.NOT_SENT, "no"), SECRETS[0]])
def test_a_value_that_is_not_part_of_a_reply_is_returned_unchanged(value: object) -> None:
    assert redacted(value, SECRETS) is value


def echoing_refund(text: str) -> Refund:
    """Return a refund with this text in every field of the reply and as its reference."""
    raw = reply(200, text.encode(), (("x-echo", text),))
    state = RefundStatus.SUCCEEDED
    return Refund("shop", text, state, ONE_EURO, text, text, 7, text, text, text, raw=raw)


def test_a_refund_has_its_reply_redacted_and_its_arguments_unchanged() -> None:
    refund = redacted(echoing_refund(CANARY), SECRETS)
    assert (refund.reference, refund.payment_id, refund.amount, refund.remaining) == (CANARY, CANARY, ONE_EURO, 7)
    assert (refund.refund_id, refund.tracking_id) == (None, None)
    assert (refund.provider_code, refund.provider_message) == (REDACTED, REDACTED)
    assert refund.raw == reply(200, REDACTED.encode(), (("x-echo", REDACTED),))


WORDS: Final = ["transactions", "requestId", "completed", "BYRD-200", "refund-1"]


@pytest.mark.parametrize("word", WORDS)
def test_a_credential_that_is_a_word_damages_no_id_no_link_and_no_code(word: str) -> None:
    link = "/api/v2/transactions?requestId=refund-1"
    code = "BYRD-200" if word.startswith("BYRD") else "completed"
    message = f"{word} as it should"
    refund = Refund("shop", "r-1", RefundStatus.PENDING, None, "refund-1", PAYMENT, None, link, code, message)
    redacted_value = redacted(refund, [Secret(word)])
    assert (redacted_value.refund_id, redacted_value.tracking_id, redacted_value.provider_code) == (
        "refund-1",
        link,
        code,
    )
    assert redacted_value.provider_message == f"{REDACTED} as it should"


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("field", ["webhook_username", "webhook_password", "webhook_api_key"])
def test_a_secret_of_the_callbacks_that_is_a_word_damages_nothing_of_a_reply(field: str, word: str) -> None:
    link = {"code": "BYRD010", "description": word, "links": {"href": "/api/v2/transactions?requestId=refund-1"}}
    basic = {"webhook_username": "test-shop", "webhook_password": "test-password"}
    options = {**(basic if field in basic else {}), field: word}
    made = account("paybyrd", **options, transport=Scripted(reply(202, link)))
    with caller("sync", made) as client:
        refund = client.refund("paybyrd", payment_id=PAYMENT, amount=ONE_EURO, reference="r-1")
    assert refund.tracking_id == "/api/v2/transactions?requestId=refund-1"
    assert (refund.status, refund.provider_code, refund.provider_message) == (RefundStatus.PENDING, "BYRD010", word)


ERRORS: Final[dict[type[RefundError], dict[str, Any]]] = {
    OutcomeUnknown: {},
    RefundMismatch: {"differences": [("refund_id", "refund-1", CANARY)]},
    LookupFailed: {"refund": Refund("shop", "r-1", RefundStatus.PENDING), "temporary": True},
}


@pytest.mark.parametrize("kind", ERRORS)
def test_a_redacted_exception_holds_no_credential(kind: type[RefundError]) -> None:
    facts: dict[str, Any] = {"provider": "shop", "provider_code": CANARY, "provider_message": f"no {CANARY}"}
    error = kind(f"refused: {CANARY}", raw=reply(400, CANARY.encode()), **facts, **ERRORS[kind])
    redacted_value = redacted(error, SECRETS)
    assert redacted_value is error
    assert str(redacted_value) == f"refused: {REDACTED}"
    assert (redacted_value.provider_code, redacted_value.provider_message, redacted_value.http_status) == (
        REDACTED,
        f"no {REDACTED}",
        400,
    )
    lines = traceback.TracebackException.from_exception(redacted_value).format()
    assert_hidden(everything(redacted_value) + "".join(lines) + repr(vars(redacted_value)))
    assert type(pickle.loads(pickle.dumps(redacted_value))) is kind
    assert str(copy.copy(redacted_value)) == str(redacted_value)


def test_an_exception_without_a_reply_is_not_changed() -> None:
    error = NotSent("nothing was sent", provider="shop")
    assert vars(redacted(error, SECRETS)) == vars(NotSent("nothing was sent", provider="shop"))


class OfATransport(Exception):
    """An exception with its text in an attribute."""

    def __init__(self, request: str) -> None:
        super().__init__("the transport failed", 7, request)
        self.request = request
        self.number = 7


@dataclass(frozen=True)
class Frozen(Exception):
    """An exception that cannot be changed."""

    request: str


FOREIGN: Final[list[Callable[[str], Exception]]] = [
    RuntimeError,
    KeyError,
    OfATransport,
    Frozen,
    lambda text: OSError(111, text, f"/{text}"),
    lambda text: UnicodeDecodeError("utf-8", b"", 0, 1, text),
    lambda text: NotSent(text, provider="shop"),
]


@pytest.mark.parametrize("made", FOREIGN)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_the_causes_of_a_redacted_exception_hold_no_credential(made: Callable[[str], Exception], depth: int) -> None:
    redacted_value = last = NotSent("nothing was sent", provider="shop")
    cause = made(f"no {CANARY}")
    for _ in range(depth):
        last.__context__ = last = NotSent("between")
    last.__cause__ = cause
    object.__setattr__(cause, "__context__", redacted_value)  # a chain may have a cycle
    assert redacted(redacted_value, SECRETS) is redacted_value
    text = "".join(traceback.format_exception(redacted_value)) + repr(vars(cause)) + repr(cause) + str(cause)
    assert_hidden(text)
    assert REDACTED in text


def test_the_search_stays_fast_with_any_number_of_backslashes() -> None:
    secret = Secret("\\" * 60 + '"' * 60)
    body = reply(200, b"\\" * 20_000 + b'"' * 59)
    assert redacted(body, [secret]) is body
