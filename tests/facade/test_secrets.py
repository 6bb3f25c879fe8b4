"""A canary for each credential: nothing that is shown, logged, pickled or raised contains it."""

import copy
import inspect
import logging
import pickle
import traceback
from typing import Any, Final

import pytest

from refundry import (
    FULL,
    Account,
    AsyncRefundClient,
    Evidence,
    InvalidRefund,
    Money,
    Refund,
    RefundClient,
    RefundError,
    RefundEvent,
    RefundStatus,
    Secret,
    SendFailure,
    Timeout,
    WireReply,
    WireRequest,
    accounts,
)
from tests.facade.canary import CANARY, INTEGRATOR, assert_hidden, canaried, everything, shown, watched
from tests.facade.support import KINDS, Kind, Scripted, caller
from tests.providers import PROVIDERS, RECORDS, account
from tests.providers.record import ONE_EURO, PAYMENT


class Echo(Scripted):
    """Answers with every credential of the request in each header and in each field of the body."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(self._echo)
        self._status = status
        self._body = body

    def _echo(self, request: WireRequest) -> WireReply:
        text = " ".join(secret.reveal() for _, secret in request.credentials)
        headers = (("x-echo", text), ("www-authenticate", text), *((n, s.reveal()) for n, s in request.credentials))
        return WireReply(self._status, headers, self._body.replace("ECHO", text).encode())


class LookupEcho(Echo):
    """Echoes the credentials of a lookup too."""

    def send(self, request: WireRequest, timeout: Timeout) -> WireReply:
        """Answer with the credentials."""
        return self._echo(request)


ECHOED: Final = (
    '{"success":true,"code":"BYRD200","description":"ECHO","message":"ECHO","transaction_id":"ECHO","amount":"1.00"}',
    '{"success":true,"status":"ECHO","code":"ECHO","amount":"ECHO","isoAmount":"ECHO","message":"ECHO"}',
    '{"success":true,"status":"completed","amount":1,"isoAmount":100,"code":"BYRD200","reference":"ECHO"}',
    '{"code":"BYRD200","transactionId":"ECHO","sourceTransaction":{"transactionId":"ECHO"},"links":{"href":"ECHO"}}',
    '{"success":false,"message":"ECHO","error":"ECHO","code":"BYRD230","description":"ECHO","detail":"ECHO"}',
    "<html>ECHO</html>",
    "ECHO",
    '{"message":"ECHO',
)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_account_and_its_credentials_do_not_show(provider: str) -> None:
    made = canaried(provider)
    assert_hidden(shown(made))
    assert [secret.reveal() for secret in made.secrets] == ([CANARY, INTEGRATOR] if provider == "lab4pay" else [CANARY])
    for secret in made.secrets:
        assert_hidden(shown(secret))


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("second", [pickle.dumps, copy.copy, copy.deepcopy])
def test_an_account_and_its_credentials_are_neither_pickled_nor_copied(provider: str, second: Any) -> None:
    made = canaried(provider)
    for value in (made, *made.secrets):
        with pytest.raises(TypeError):
            second(value)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_object_that_contains_credentials_is_not_pickled(provider: str) -> None:
    payment = None if provider == "lab4pay" else PAYMENT
    with RefundClient([canaried(provider)]) as client:
        prepared = client.prepare(provider, payment_id=payment, amount=ONE_EURO, reference="r-1")
        for value in (client, prepared, AsyncRefundClient([canaried(provider)])):
            with pytest.raises(TypeError):
                pickle.dumps(value)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("amount", [ONE_EURO, FULL])
def test_a_prepared_request_and_the_clients_do_not_show_credentials(provider: str, amount: Money) -> None:
    payment = None if provider == "lab4pay" else PAYMENT
    for client in (RefundClient([canaried(provider)]), AsyncRefundClient([canaried(provider)])):
        assert_hidden(shown(client))
        if provider == "blink" or amount is ONE_EURO:
            prepared = client.prepare(provider, payment_id=payment, amount=amount, reference="r-1")
            assert_hidden(shown(prepared))
            assert_hidden(f"{prepared.url}{prepared.headers}{prepared.body!r}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("status", [200, 202, 302, 400, 401, 403, 404, 422, 429, 500, 520])
def test_a_server_that_echoes_the_credentials_leaks_none(
    kind: Kind, provider: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    for body in ECHOED:
        with caller(kind, canaried(provider, transport=Echo(status, body))) as client:
            text = watched(client, provider, caplog)
        assert_hidden(text)
        assert "[redacted]" in text


@pytest.mark.parametrize("escaped", ["canary+of\\/the~key==", "\\u0063anary+of/the~key\\u003D="])
@pytest.mark.parametrize("provider", ["paybyrd", "blink"])
def test_a_server_that_echoes_the_credentials_in_escaped_json_leaks_none(
    provider: str, escaped: str, caplog: pytest.LogCaptureFixture
) -> None:
    body = '{"success":false,"message":"ECHO","code":"BYRD230","description":"ECHO"}'.replace("ECHO", escaped)
    transport = Scripted(WireReply(400, (), body.encode()))
    with caller("sync", canaried(provider, transport=transport)) as client:
        text = watched(client, provider, caplog)
    assert_hidden(text)
    assert escaped not in text


class Leaky:
    """A transport whose exceptions name the credentials."""

    def send(self, request: WireRequest, _: object) -> WireReply | SendFailure:
        """Raise."""
        raise RuntimeError(" ".join(secret.reveal() for _, secret in request.credentials))

    async def asend(self, request: WireRequest, timeout: object) -> WireReply | SendFailure:
        """Raise."""
        return self.send(request, timeout)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_exception_of_a_transport_leaks_no_credential(
    kind: Kind, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caller(kind, canaried(provider, transport=Leaky())) as client:
        text = watched(client, provider, caplog)
    assert_hidden(text)
    assert "RuntimeError" in text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("evidence", [Evidence.NOT_SENT, Evidence.MAYBE_SENT])
def test_a_failure_to_send_does_not_show_credentials(
    kind: Kind, provider: str, evidence: Evidence, caplog: pytest.LogCaptureFixture
) -> None:
    with caller(kind, canaried(provider, transport=Scripted(SendFailure(evidence, "the network failed")))) as client:
        first, second = watched(client, provider, caplog), watched(client, provider, caplog)
    assert_hidden(first + second)
    assert "the network failed" in first


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_refusal_before_sending_does_not_show_credentials(
    kind: Kind, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caller(kind, canaried(provider, transport=Scripted(SendFailure(Evidence.NOT_SENT, "x")))) as client:
        with pytest.raises(InvalidRefund) as refused:
            client.ask(provider, reference="")
        assert_hidden(everything(refused.value))
        lines = traceback.TracebackException.from_exception(refused.value, capture_locals=True).format()
        assert_hidden("".join(lines) + caplog.text)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_hook_that_fails_does_not_log_credentials(
    kind: Kind, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(event: object) -> None:
        raise ValueError(repr(event))

    caplog.set_level(logging.DEBUG)
    made = canaried(provider, transport=Echo(200, ECHOED[1]))
    with caller(kind, made, on_attempt=broken, on_deviation=broken) as client:
        text = watched(client, provider, caplog)
    assert "the hook for Attempt failed" in text
    assert_hidden(text)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("verb", ["lookup", "wait", "cancel", "confirm"])
@pytest.mark.parametrize("status", [200, 401, 500])
def test_the_result_of_a_lookup_does_not_show_credentials(
    kind: Kind, provider: str, verb: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    refund = Refund(provider, "r-1", RefundStatus.PENDING, ONE_EURO, refund_id="refund-1", payment_id=PAYMENT)
    event = RefundEvent(provider, "refund", "refund-1", None, None, "nothing", identity="")
    echo = LookupEcho(
        status, '{"status":"ECHO","data":{"status":"ECHO"},"code":"ECHO","message":"ECHO","error":"ECHO"}'
    )
    with caller(kind, canaried(provider, transport=echo)) as client:
        options = {"timeout": 0.3, "poll": 0.1} if verb == "wait" else {}
        given = getattr(client.client, verb)
        try:
            outcome = given(event if verb == "confirm" else refund, **options)
            text = shown(client.run(outcome) if kind == "async" else outcome)
        except RefundError as error:
            lines = traceback.TracebackException.from_exception(error, capture_locals=True).format()
            text = everything(error) + "".join(lines)
        text += "".join(shown(one) for one in (*client.attempts, *client.deviations)) + caplog.text
    assert_hidden(text)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("end", ["\n", " ", "\r\nX: 1", "ä"])
def test_a_refused_credential_does_not_show(provider: str, end: str) -> None:
    field = "api_key" if provider == "paybyrd" else "access_token"
    with pytest.raises(InvalidRefund) as refused:
        account(provider, **{field: CANARY + end})
    assert_hidden(everything(refused.value) + "".join(traceback.format_exception(refused.value)))


# The arguments of the accounts that are credentials, each with the other arguments that it needs.
BASIC: Final = {"webhook_username": "test-shop", "webhook_password": "test-password"}
CREDENTIALS: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("lab4pay", "integrator_id"): {},
    ("lab4pay", "access_token"): {},
    ("lab4pay", "client_id"): {"access_token": None, "client_secret": "test-key"},
    ("lab4pay", "client_secret"): {"access_token": None, "client_id": "test-key"},
    ("lab4pay", "webhook_secret_key"): {},
    ("lab4pay", "previous_webhook_secret_key"): {"webhook_secret_key": "test-key"},
    ("paybyrd", "api_key"): {},
    ("paybyrd", "webhook_api_key"): {},
    ("paybyrd", "previous_webhook_api_key"): {"webhook_api_key": "test-key"},
    ("paybyrd", "webhook_username"): BASIC,
    ("paybyrd", "webhook_password"): BASIC,
    ("paybyrd", "previous_webhook_username"): {**BASIC, "previous_webhook_password": "test-key"},
    ("paybyrd", "previous_webhook_password"): {**BASIC, "previous_webhook_username": "test-shop"},
    ("blink", "access_token"): {},
    ("blink", "api_key"): {"access_token": None, "secret_key": "test-key"},
    ("blink", "secret_key"): {"access_token": None, "api_key": "test-key"},
}
NO_CREDENTIALS: Final = [
    "",
    " ",
    *[f"{CANARY}{end}" for end in (" ", "\n", "\u00a0", "\0", "\ud800", "\udfff", "\r\nX: 1")],
    *[f"{start}{CANARY}" for start in (" ", "\t", "\ufeff", "\ud83d")],
]


@pytest.mark.parametrize(("provider", "kind"), accounts.KINDS.items())
def test_the_tables_of_this_file_name_each_argument_of_an_account(provider: str, kind: type[Account]) -> None:
    named = {field for name, field in CREDENTIALS if name == provider}
    named |= {field for name, field, _ in UNFIT if name == provider}
    assert named == {*inspect.signature(kind).parameters} - {"transport"}


@pytest.mark.parametrize("value", NO_CREDENTIALS)
@pytest.mark.parametrize(("provider", "field"), CREDENTIALS)
def test_an_impossible_credential_is_refused_when_the_account_is_made(provider: str, field: str, value: str) -> None:
    with pytest.raises(InvalidRefund) as refused:
        account(provider, **{**CREDENTIALS[provider, field], field: value})
    assert refused.value.field == field
    assert field in str(refused.value)
    assert_hidden(everything(refused.value) + "".join(traceback.format_exception(refused.value)))


@pytest.mark.parametrize("value", ["test pass word", 'test"key', "test\\key", "tëst", "🔑"])
@pytest.mark.parametrize("field", ["webhook_username", "webhook_password"])
def test_a_credential_outside_the_headers_may_be_any_printable_text(field: str, value: str) -> None:
    assert account("paybyrd", **{**BASIC, field: value})


# Arguments that are not credentials, but may hold one by mistake.
UNFIT: Final[list[tuple[str, str, str]]] = [
    *[
        (provider, field, value)
        for provider in PROVIDERS
        for field, value in (
            ("name", f"/{CANARY}"),
            ("environment", CANARY),
            ("base_url", CANARY),
            ("base_url", f"http://{CANARY.translate({ord(one): None for one in '+/~='})}.example"),
            ("base_url", f"https://shop:{CANARY}@refunds.example"),
            ("plain_http_to", CANARY),
        )
    ],
    *[(provider, "minor_units", CANARY) for provider in ("lab4pay", "paybyrd")],
    *[(provider, "currency", CANARY) for provider in ("lab4pay", "blink")],
    ("lab4pay", "webhook_signature", CANARY),
    ("paybyrd", "webhook_username", f"{CANARY}:"),
]


@pytest.mark.parametrize(("provider", "field", "value"), UNFIT)
def test_an_error_about_an_argument_of_an_account_does_not_show_its_value(
    provider: str, field: str, value: str
) -> None:
    options = {**CREDENTIALS.get((provider, field), {}), field: value}
    with pytest.raises(InvalidRefund) as refused:
        account(provider, **options)
    assert refused.value.field == field
    text = everything(refused.value) + "".join(traceback.format_exception(refused.value))
    assert_hidden(text)
    assert "canary" not in text


@pytest.mark.parametrize(("provider", "field", "value"), UNFIT)
def test_a_reporter_can_show_the_variables_of_a_refused_account(provider: str, field: str, value: str) -> None:
    options = {**CREDENTIALS.get((provider, field), {}), field: value}
    with pytest.raises(InvalidRefund) as refused:
        account(provider, **options)
    frames = traceback.StackSummary.extract(
        traceback.walk_tb(refused.value.__traceback__), lookup_lines=False, capture_locals=True
    )
    held = {frame.name: frame.locals["self"] for frame in frames if frame.locals and "self" in frame.locals}
    assert held["__init__"].startswith(f"<{RECORDS[provider].account_class.__name__} ")


@pytest.mark.parametrize(("provider", "field", "value"), UNFIT)
def test_an_error_about_a_variable_does_not_show_its_value(provider: str, field: str, value: str) -> None:
    needed = {"lab4pay": {"integrator_id": "test-i", "access_token": "test-key"}, "paybyrd": {"api_key": "test-key"}}
    given = {**needed.get(provider, {"access_token": "test-key"}), **CREDENTIALS.get((provider, field), {})}
    variables = {f"REFUNDRY_{provider}_{name}".upper(): text for name, text in {**given, field: value}.items()}
    with pytest.raises(InvalidRefund) as refused:
        RefundClient.from_env(variables)
    assert refused.value.field == f"REFUNDRY_{provider}_{field}".upper()
    text = everything(refused.value) + "".join(traceback.format_exception(refused.value))
    assert_hidden(text)
    assert "canary" not in text


def test_a_secret_gives_its_text_only_on_request() -> None:
    secret = Secret(CANARY)
    assert secret.reveal() == CANARY
    assert repr(secret) == str(secret) == f"{secret}" == "<secret>"
    assert not hasattr(secret, "__dict__")
