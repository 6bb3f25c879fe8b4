"""Keys and tokens: the combinations that an account takes, and that none is ever shown."""

import logging
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest

from refundry import (
    Account,
    AsyncRefundClient,
    Blink,
    InvalidRefund,
    Lab4Pay,
    LookupFailed,
    RefundClient,
    WireReply,
    WireRequest,
)
from tests.facade.canary import everything, forms, shown, watched
from tests.facade.support import KINDS, NO_STATE, Kind
from tests.facade.tokens import LOST, UNREACHABLE, Given, called, issued, keyed, pending, shop
from tests.providers import RECORDS, WITH_TOKENS, tokens_of
from tests.providers.record import ONE_EURO, PAYMENT, reply

both_kinds = pytest.mark.parametrize("kind", KINDS)
with_keys = pytest.mark.parametrize("provider", WITH_TOKENS)


# Secrets.


KEY: Final = "canary+of/the~public=key"
SECRET: Final = "canary+of/the~secret=key"
TOKEN: Final = "canary+of/the~access=token"
OTHER: Final = "canary+of/the~integrator"
CANARIES: Final[dict[str, dict[str, str]]] = {
    provider: {
        **dict(zip(tokens_of(provider).keys, (KEY, SECRET), strict=True)),
        **{name: OTHER for name in RECORDS[provider].credentials if name != "access_token"},
    }
    for provider in WITH_TOKENS
}
ECHOES: Final = (
    '{"access_token": ["TOKEN"], "expires_in": "ECHO", "expired_on": "ECHO", "message": "ECHO", "error": "ECHO"}',
    '{"access_token": "TOKEN\\nECHO", "message": "ECHO"}',
    '{"access_token": "", "token": "TOKEN", "ECHO": "TOKEN"}',
    '{"message": "ECHO", "error": ["TOKEN"]}',
    "<html>ECHO TOKEN</html>",
    '{"access_token": "TOKEN',
    "ECHO",
)


def assert_none_shows(text: str, secrets: Sequence[str] = (KEY, SECRET, TOKEN, OTHER)) -> None:
    assert [form for secret in secrets for form in forms(secret) if form in text] == []


def echo(status: int, body: str) -> Callable[[WireRequest], WireReply]:
    """Return a transport that answers with everything that it was sent, in its headers and its body."""

    def answer(request: WireRequest) -> WireReply:
        sent = [secret.reveal() for _, secret in request.credentials] + [request.body.decode().replace('"', "'")]
        text = " ".join((*sent, KEY, SECRET))
        return WireReply(status, (("x-echo", text), ("retry-after", text)), echoed(body, text))

    return answer


def quoting(_: WireRequest) -> WireReply:
    """Raise as a library does whose message names the header that it cannot send, or the body."""
    try:
        raise ValueError(f"cannot write {SECRET}")
    except ValueError:
        raise RuntimeError(f"{KEY} was not sent", SECRET)  # noqa: B904 (the implicit context is part of the test)


def echoed(body: str, text: str) -> bytes:
    return body.replace("ECHO", text).replace("TOKEN", TOKEN).encode()


@both_kinds
@with_keys
@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 403, 429, 500])
@pytest.mark.parametrize("body", ECHOES)
def test_a_refund_without_a_token_leaks_no_secret(
    kind: Kind, provider: str, status: int, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with shop(kind, provider, echo(status, body), keys=CANARIES[provider]) as it:
        text = watched(it.client, provider, caplog) + "".join(shown(attempt) for attempt in it.attempts)
    if status in tokens_of(provider).keys_refused:
        # Only the keys are removed from the reply: the rest of it is not a token of the caller.
        assert_none_shows(text, (KEY, SECRET, OTHER))
        assert "[redacted]" in text
    else:
        assert_none_shows(text)
    assert ("AuthenticationFailed" if status in tokens_of(provider).keys_refused else "NotSent") in text
    assert it.rest.sent == []


@both_kinds
@with_keys
@pytest.mark.parametrize("failure", [UNREACHABLE, LOST, quoting], ids=["not sent", "lost", "raised"])
def test_a_failed_token_fetch_leaks_no_secret(
    kind: Kind, provider: str, failure: Given, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with shop(kind, provider, failure, keys=CANARIES[provider]) as it:
        text = watched(it.client, provider, caplog)
    assert_none_shows(text)
    assert "NotSent" in text


@both_kinds
@with_keys
@pytest.mark.parametrize("status", [200, 400, 401, 500])
@pytest.mark.parametrize(
    "body",
    [
        '{"success": true, "message": "ECHO", "transaction_id": "TOKEN", "amount": "1.00", "error": "TOKEN"}',
        '{"success": false, "status": "TOKEN", "message": "ECHO TOKEN"}',
        '{"success": false, "message": "canary+of\\/the~access\\u003dtoken", "transaction_id": "refund-1"}',
        "<html>TOKEN</html>",
    ],
)
def test_a_reply_that_echoes_the_fetched_token_leaks_none(
    kind: Kind, provider: str, status: int, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = [issued(provider, TOKEN)]
    with shop(kind, provider, *tokens, answers=[echo(status, body)], keys=CANARIES[provider]) as it:
        text = watched(it.client, provider, caplog) + "".join(shown(attempt) for attempt in it.attempts)
    assert it.bearers[0] == TOKEN
    assert_none_shows(text)
    assert "[redacted]" in text


@both_kinds
@with_keys
def test_a_failed_lookup_leaks_no_secret(kind: Kind, provider: str) -> None:
    for tokens, state in (([echo(400, ECHOES[3])], NO_STATE), ([issued(provider, TOKEN)], reply(500, TOKEN.encode()))):
        with (
            shop(kind, provider, *tokens, state=state, keys=CANARIES[provider]) as it,
            pytest.raises(LookupFailed) as error,
        ):
            called(it.client, "lookup", pending(provider))
        # Except for the keys, the error of a refused token fetch has its reply unchanged.
        secrets = (KEY, SECRET, OTHER) if error.value.http_status == 400 else (KEY, SECRET, TOKEN, OTHER)
        lines = traceback.TracebackException.from_exception(error.value, capture_locals=True).format()
        frames = "".join(line for line in lines if "/refundry/" in line.partition("\n")[0])
        assert_none_shows(everything(error.value) + frames, secrets)
        assert "translation = " in frames


# Accounts with keys.


def make(provider: str, **arguments: Any) -> Account:
    """Return an account with only these arguments and an integrator id."""
    if provider == "lab4pay":
        return Lab4Pay(integrator_id="test-integrator", **arguments)
    return Blink(**arguments)


@with_keys
def test_an_account_takes_its_keys_or_a_token(provider: str) -> None:
    first, second = tokens_of(provider).keys
    make(provider, **tokens_of(provider).keys)
    make(provider, access_token="test-token")
    for arguments, field in (
        ({}, first),
        ({first: "test-key"}, second),
        ({second: "test-key"}, first),
        ({"access_token": "test-token", first: "test-key"}, first),
        ({"access_token": "test-token", second: "test-key"}, second),
        ({"access_token": "test-token", **tokens_of(provider).keys}, first),
        ({"access_token": ""}, "access_token"),
        ({first: "", second: "test-key"}, first),
        ({first: "test-key", second: ""}, second),
    ):
        with pytest.raises(InvalidRefund, match="access_token" if len(arguments) != 2 else field) as refused:
            make(provider, **arguments)
        assert refused.value.field == field
        assert field in str(refused.value)


@with_keys
@pytest.mark.parametrize("bad", [f"{SECRET}\n", f"{SECRET} {SECRET}", f"{SECRET}ä", SECRET.encode(), [SECRET]])
def test_a_refused_key_is_named_and_not_shown(provider: str, bad: Any) -> None:
    for field in tokens_of(provider).keys:
        with pytest.raises(InvalidRefund, match=field) as refused:
            make(provider, **{**tokens_of(provider).keys, field: bad})
        assert refused.value.field == field
        assert_none_shows(everything(refused.value))


@with_keys
def test_an_account_with_keys_does_not_show_them(provider: str) -> None:
    made = keyed(provider, **CANARIES[provider])
    assert_none_shows(shown(made) + "".join(shown(secret) for secret in made.secrets))
    assert {secret.reveal() for secret in made.secrets} == {*CANARIES[provider].values()}


@pytest.mark.parametrize("client_class", [RefundClient, AsyncRefundClient])
@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({"BLINK_API_KEY": "test-key"}, "BLINK_SECRET_KEY"),
        ({"BLINK_SECRET_KEY": "test-key"}, "BLINK_API_KEY"),
        ({"BLINK_CURRENCY": "GBP"}, "BLINK_API_KEY"),
        ({"BLINK_ACCESS_TOKEN": "test-token", "BLINK_SECRET_KEY": "test-key"}, "BLINK_SECRET_KEY"),
        ({"BLINK_API_KEY": "test key", "BLINK_SECRET_KEY": "test-key"}, "BLINK_API_KEY"),
        ({"LAB4PAY_CLIENT_ID": "test-id", "LAB4PAY_CLIENT_SECRET": "test-secret"}, "LAB4PAY_INTEGRATOR_ID"),
        ({"LAB4PAY_CLIENT_ID": "test-id", "LAB4PAY_INTEGRATOR_ID": "test-integrator"}, "LAB4PAY_CLIENT_SECRET"),
        (
            {"LAB4PAY_ACCESS_TOKEN": "t", "LAB4PAY_CLIENT_ID": "test-id", "LAB4PAY_INTEGRATOR_ID": "test-integrator"},
            "LAB4PAY_CLIENT_ID",
        ),
    ],
)
def test_a_key_that_the_environment_lacks_is_named_by_its_variable(
    client_class: type[RefundClient | AsyncRefundClient], variables: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidRefund, match=f"REFUNDRY_{field}") as refused:
        client_class.from_env({f"REFUNDRY_{name}": value for name, value in variables.items()})
    assert refused.value.field == f"REFUNDRY_{field}"
    assert "test key" not in everything(refused.value)


@pytest.mark.parametrize("client_class", [RefundClient, AsyncRefundClient])
def test_the_environment_can_name_keys(client_class: type[RefundClient | AsyncRefundClient]) -> None:
    variables = {
        f"REFUNDRY_{provider}_{name}".upper(): value
        for provider in WITH_TOKENS
        for name, value in CANARIES[provider].items()
    }
    client = client_class.from_env(variables)
    for provider, payment_id in (("lab4pay", None), ("blink", PAYMENT)):
        request = client.prepare(provider, payment_id=payment_id, amount=ONE_EURO, reference="r-1")
        assert_none_shows(shown(request) + repr(request.redacted_headers))


@both_kinds
@with_keys
def test_preparing_a_refund_fetches_nothing_and_shows_no_secret(kind: Kind, provider: str) -> None:
    payment_id = None if provider == "lab4pay" else PAYMENT
    with shop(kind, provider, issued(provider, TOKEN), keys=CANARIES[provider]) as it:
        before = it.client.client.prepare(provider, payment_id=payment_id, amount=ONE_EURO, reference="r-1")
        assert (it.tokens.sent, it.rest.sent, it.attempts) == ([], [], [])
        it.client.ask(provider, reference="r-1")
        after = it.client.client.prepare(provider, payment_id=payment_id, amount=ONE_EURO, reference="r-1")
    (sent,) = it.rest.sent
    hidden = ["Authorization", *(["X-Pay-Connect-Integrator-Id"] if provider == "lab4pay" else [])]
    for request in (before, after):
        assert (request.method, request.url, request.body) == (sent.method, sent.url, sent.body)
        assert request.redacted_headers == sent.redacted_headers
        assert [name for name, value in request.redacted_headers if value == "[redacted]"] == hidden
        assert_none_shows(shown(request) + f"{request.url}{request.headers}{request.redacted_headers}{request.body!r}")
    assert len(it.tokens.sent) == 1
