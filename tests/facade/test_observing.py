"""The hooks, the log and the spans: their reports, that these hold no secret, and that they change nothing."""

import contextlib
import hashlib
import logging
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Final

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import SpanKind, StatusCode

from refundry import Evidence, NotSent, Operation, OutcomeUnknown, RefundError, RefundStatus, Retry, SendFailure
from tests.facade.canary import CANARY, INTEGRATOR, assert_hidden, canaried
from tests.facade.support import KINDS, ONCE, Kind, Scripted, accepted, caller, scripted
from tests.providers import PROVIDERS, account
from tests.providers.record import reply

LOST: Final = SendFailure(Evidence.MAYBE_SENT, "the connection broke")
NOTHING_LEFT: Final = SendFailure(Evidence.NOT_SENT, "the connection was refused")

both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)


class Finished(SpanProcessor):
    """Keeps the spans that end during a test of these, and no others."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] | None = None

    def on_end(self, span: ReadableSpan) -> None:
        """Keep a span."""
        if self.spans is not None:
            self.spans.append(span)


@pytest.fixture(scope="session")
def finished() -> Finished:
    """Watches the spans of this process, which can set its tracer provider only once."""
    watching, provider = Finished(), TracerProvider()
    provider.add_span_processor(watching)
    trace.set_tracer_provider(provider)
    return watching


@pytest.fixture
def spans(finished: Finished) -> Iterator[list[ReadableSpan]]:
    """The spans of one test, in the order in which they end."""
    finished.spans = []
    yield finished.spans
    finished.spans = None


@every_provider
def test_a_deviation_names_the_contract_that_the_reply_was_read_by(provider: str) -> None:
    contract = files(f"refundry_{provider}").joinpath("contract.json").read_bytes()
    transport = Scripted(reply(200, {"transaction_id": [], "code": [], "status": []}))
    with scripted("sync", provider, transport) as client, pytest.raises(OutcomeUnknown):
        client.ask(provider)
    assert {deviation.contract for deviation in client.deviations} == {hashlib.sha256(contract).hexdigest()}
    assert {deviation.provider for deviation in client.deviations} == {provider}


@both_kinds
def test_an_unknown_outcome_is_logged_as_a_warning_and_all_else_at_debug_level(
    kind: Kind, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for answer in (accepted("blink"), LOST, NOTHING_LEFT, reply(422, {"success": False, "message": "no"})):
        made = account("blink", transport=Scripted(answer))
        with caller(kind, made) as client, contextlib.suppress(RefundError):
            client.ask("blink")
    outcome = [(record.levelno, record.getMessage()) for record in caplog.records if record.name == "refundry"]
    assert [level for level, _ in outcome if level == logging.WARNING] == [logging.WARNING]
    (warning,) = [text for level, text in outcome if level == logging.WARNING]
    assert "OutcomeUnknown" in warning
    assert "'reference-1'" in warning
    debugged = " ".join(text for level, text in outcome if level == logging.DEBUG)
    assert all(word in debugged for word in ("SUCCEEDED", "NotSent", "RefundRejected", "HTTP status 422"))


def test_a_deviation_is_logged_with_its_place_and_without_its_value(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    transport = Scripted(reply(200, {"status": "teleported"}))
    with scripted("sync", "blink", transport) as client, pytest.raises(OutcomeUnknown):
        client.ask("blink")
    assert "/status is not a word that the contract lists" in caplog.text
    assert "teleported" not in caplog.text


def test_nothing_is_printed_where_logging_is_not_configured() -> None:
    code = """
from refundry import Evidence, Lab4Pay, Money, OutcomeUnknown, RefundClient, SendFailure
class Lost:
    def send(self, request, timeout):
        return SendFailure(Evidence.MAYBE_SENT, "the connection broke")
account = Lab4Pay(access_token="test-key", integrator_id="test-integrator", transport=Lost())
with RefundClient([account]) as client:
    try:
        client.refund_unreferenced("lab4pay", amount=Money.of("1.00", "EUR"), reference="r-1")
    except OutcomeUnknown:
        print("unknown")
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert (run.stdout, run.stderr) == ("unknown\n", "")


@both_kinds
@every_provider
def test_each_attempt_is_a_span_below_the_callers_own(kind: Kind, provider: str, spans: list[ReadableSpan]) -> None:
    transport = Scripted(NOTHING_LEFT, accepted(provider))
    made = account(provider, transport=transport, base_url="https://refunds.example:8443")
    retry = Retry(first_wait=0.001, longest_wait=0.001)
    with caller(kind, made, retry=retry) as client, trace.get_tracer("a test").start_as_current_span("outer") as outer:
        client.ask(provider)
    *outcome, _ = spans
    operation = "refund_unreferenced" if provider == "lab4pay" else "refund"
    assert [span.name for span in outcome] == [f"refundry {operation}"] * 2
    assert [span.kind for span in outcome] == [SpanKind.CLIENT] * 2
    assert all(span.parent and span.parent.span_id == outer.get_span_context().span_id for span in outcome)
    assert [span.status.status_code for span in outcome] == [StatusCode.ERROR, StatusCode.UNSET]
    common = {
        "refundry.provider": provider,
        "refundry.operation": operation,
        "refundry.reference": "reference-1",
        "server.address": "refunds.example",
        "server.port": 8443,
    }
    status = "PENDING" if provider == "lab4pay" else "SUCCEEDED"
    answered = {"refundry.evidence": "answered", "refundry.outcome": status, "http.response.status_code": 200}
    assert [dict(span.attributes or {}) for span in outcome] == [
        {**common, "refundry.evidence": "not sent", "refundry.outcome": "NotSent"},
        {**common, **answered},
    ]


def test_a_span_lasts_as_long_as_its_attempt(spans: list[ReadableSpan]) -> None:
    attempts: list[Any] = []
    made = account("blink", transport=Scripted(accepted("blink")))
    with caller("sync", made, on_attempt=attempts.append) as client:
        client.ask("blink")
    (span,) = spans
    assert span.end_time is not None
    assert span.start_time is not None
    assert span.end_time - span.start_time == int(attempts[0].seconds * 1e9)


@every_provider
def test_neither_spans_nor_log_hold_a_secret_or_anything_of_a_body(
    provider: str, spans: list[ReadableSpan], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = {"success": False, "message": f"{CANARY} of Jane", "code": "BYRD900", "description": f"Jane {INTEGRATOR}"}
    for answer in (reply(400, body), reply(200, body), LOST):
        made = canaried(provider, transport=Scripted(answer, state=reply(200, {"status": "Jane", "data": body})))
        with caller("sync", made, retry=ONCE) as client, pytest.raises(RefundError):
            client.ask(provider)
    text = "".join(f"{span.name}{span.attributes}{span.events}{span.status}" for span in spans)
    assert len(spans) >= 3
    assert_hidden(text + caplog.text)
    assert "Jane" not in text + caplog.text


def test_a_tracer_that_fails_changes_no_outcome(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(trace, "get_tracer", broken)
    with scripted("sync", "blink", Scripted(accepted("blink"))) as client:
        assert client.ask("blink").status is RefundStatus.SUCCEEDED
    assert len(client.attempts) == 1
    assert "the hook for Attempt failed" in caplog.text


@both_kinds
def test_a_refusal_is_one_attempt_and_no_lookup_follows(kind: Kind) -> None:
    attempts: list[Any] = []
    refused = reply(422, {"success": False, "message": "no"})
    made = account("blink", transport=Scripted(refused))
    with caller(kind, made, on_attempt=attempts.append) as client, pytest.raises(RefundError):
        client.ask("blink")
    assert [(one.operation, one.status, one.reference) for one in attempts] == [
        (Operation.REFUND, 422, "reference-1"),
    ]


def test_a_refund_that_was_not_sent_says_so_in_its_attempt() -> None:
    with scripted("sync", "paybyrd", Scripted(NOTHING_LEFT)) as client, pytest.raises(NotSent):
        client.ask("paybyrd")
    (attempt,) = client.attempts
    assert (attempt.evidence, attempt.status, attempt.outcome) == (Evidence.NOT_SENT, None, "NotSent")
