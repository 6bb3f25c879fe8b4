"""What goes wrong by chance, what is executed later, expired tokens, skewed clocks, and callbacks that are sent."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from refundry import Money, OutcomeUnknown, RefundClient
from refundry.sandbox import Fault, Receiver, Sandbox, SandboxServer
from refundry.sandbox.__main__ import main
from tests.providers import PROVIDERS, RECORDS, WITH_TOKENS
from tests.sandbox.support import Mounted, mounted, outcome

Mount = Callable[[Sandbox], Mounted]


def control(served: Mounted, name: str, **order: Any) -> tuple[int, dict[str, Any]]:
    """Call a control path."""
    reply = served.http.post(f"/_sandbox/{name}", json=order)
    return reply.status_code, reply.json()


@pytest.fixture
def served() -> Iterator[Mounted]:
    with mounted(Sandbox(), "server", callback_hosts=["receiver"]) as served:
        yield served


def statuses(sandbox: Sandbox, calls: int) -> list[int]:
    """Return the status of each of these calls for a refund at Paybyrd."""
    with mounted(sandbox, "transport") as there:
        return [there.post("paybyrd").status_code for _ in range(calls)]


def with_rates(seed: str) -> Sandbox:
    sandbox = Sandbox(seed=seed)
    sandbox.at_rate("paybyrd", Fault.STATUS_520, 0.2)
    sandbox.at_rate("paybyrd", Fault.TOO_MANY_REQUESTS, 0.3)
    return sandbox


def test_a_rate_is_the_part_of_the_calls_that_meet_the_fault_and_the_seed_says_which() -> None:
    first = statuses(with_rates("a"), 400)
    assert 40 < first.count(520) < 120
    assert 80 < first.count(429) < 160
    assert first == statuses(with_rates("a"), 400)
    assert first != statuses(with_rates("b"), 400)


def test_a_reset_and_a_clearing_end_the_rates(mounted: Mounted) -> None:
    for end in (mounted.sandbox.reset, mounted.sandbox.clear_faults, lambda: mounted.sandbox.clear_faults("paybyrd")):
        mounted.sandbox.at_rate("paybyrd", Fault.STATUS_520, 1.0)
        assert mounted.post("paybyrd").status_code == 520
        end()
        assert mounted.post("paybyrd").status_code == 200


def test_what_a_script_says_comes_before_what_a_rate_says(mounted: Mounted) -> None:
    mounted.sandbox.at_rate("paybyrd", Fault.STATUS_520, 1.0)
    mounted.sandbox.script("paybyrd", Fault.TOO_MANY_REQUESTS)
    assert [mounted.post("paybyrd").status_code for _ in range(2)] == [429, 520]


@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_a_rate_of_any_call_spares_the_token_and_a_rate_of_an_operation_meets_it(
    mounted: Mounted, provider: str
) -> None:
    mounted.sandbox.at_rate(provider, Fault.STATUS_520, 1.0)
    assert mounted.token(provider).is_success
    mounted.sandbox.at_rate(provider, Fault.STATUS_520, 1.0, operation="create_token")
    assert mounted.token(provider).status_code == 520


@pytest.mark.parametrize("rate", [-0.1, 1.1, 0.7, float("nan")])
def test_rates_beyond_all_calls_are_refused(rate: float) -> None:
    sandbox = Sandbox()
    sandbox.at_rate("blink", Fault.CUT_AFTER, 0.5)
    with pytest.raises(ValueError, match="from 0 to 1"):
        sandbox.at_rate("blink", Fault.STATUS_520, rate)


def test_rates_are_set_over_http(served: Mounted) -> None:
    assert control(served, "rate", provider="paybyrd", fault="status_520", rate=1) == (200, {})
    assert served.post("paybyrd").status_code == 520
    for order in ({"provider": "paybyrd", "fault": None, "rate": 1}, {"provider": "paybyrd", "fault": "status_520"}):
        assert control(served, "rate", **order)[0] == 400
    wrong = {"provider": "paybyrd", "fault": "status_520", "rate": True}
    assert control(served, "rate", **wrong)[0] == 400


@pytest.mark.parametrize("value", ["blink", "blink:cut:0.1", "blink:cut_after:often", "blink:cut_after:2"])
def test_the_command_refuses_a_rate_that_is_none(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--fault", value, "--port", "0"])
    assert ended.value.code == 2
    assert "--fault" in capsys.readouterr().err


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_refund_that_was_cut_while_it_was_executed_appears_later(mounted: Mounted, provider: str) -> None:
    mounted.sandbox.script(provider, Fault.CUT_WHILE, operation=RECORDS[provider].sandbox.operation)
    assert outcome(lambda: mounted.refund(provider, reference="order-1/1", sync=True)) == "OutcomeUnknown"
    assert mounted.sandbox.refunds(provider) == ()
    mounted.sandbox.advance()
    assert [refund.amount for refund in mounted.sandbox.refunds(provider)] == [100]
    mounted.sandbox.advance()
    assert len(mounted.sandbox.refunds(provider)) == 1


def test_a_request_that_comes_again_under_its_key_is_in_progress_and_then_answered(mounted: Mounted) -> None:
    mounted.sandbox.script("paybyrd", None, Fault.IN_PROGRESS)
    key = {"idempotency-key": "order-1"}
    first, second, third = (mounted.post("paybyrd", headers=key) for _ in range(3))
    assert (first.status_code, second.status_code, third.status_code) == (200, 409, 200)
    assert third.content == first.content
    assert len(mounted.sandbox.refunds("paybyrd")) == 1


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_a_token_that_expires_with_the_call_is_renewed_and_the_refund_executed_once(
    mounted: Mounted, provider: str, sync: bool
) -> None:
    mounted.sandbox.script(provider, Fault.TOKEN_EXPIRED, operation=RECORDS[provider].sandbox.operation)
    assert mounted.refund(provider, reference="order-1/1", sync=sync).status.name == RECORDS[provider].accepted_as.name
    assert len(mounted.sandbox.refunds(provider)) == 1
    assert not Fault.TOKEN_EXPIRED.executes


def test_a_key_that_is_refused_as_an_expired_token_is_executes_nothing(mounted: Mounted) -> None:
    mounted.sandbox.script("paybyrd", Fault.TOKEN_EXPIRED)
    assert outcome(lambda: mounted.refund("paybyrd", reference="order-1/1", sync=True)) == "AuthenticationFailed"
    assert mounted.sandbox.refunds("paybyrd") == ()


def test_a_second_reply_to_one_request_is_never_taken_for_the_reply_to_the_next(mounted: Mounted) -> None:
    mounted.sandbox.script("paybyrd", Fault.DUPLICATE_REPLY)
    with RefundClient(mounted.accounts()) as client:
        for number, cents in ((1, 100), (2, 250)):
            amount = Money.from_minor(cents, "EUR")
            refund = client.refund("paybyrd", payment_id="paybyrd-eur", amount=amount, reference=f"order-{number}/1")
            assert refund.amount == amount
    assert [refund.amount for refund in mounted.sandbox.refunds("paybyrd")] == [100, 250]


@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_a_clock_that_is_ahead_ends_tokens_and_dates_replies(served: Mounted, provider: str) -> None:
    before = parsedate_to_datetime(served.post(provider).headers["date"])
    token = served.token(provider).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert served.post(provider, headers=bearer).is_success
    assert control(served, "clock", ahead=7200) == (200, {})
    assert served.post(provider, headers=bearer).status_code == 401
    assert (parsedate_to_datetime(served.post(provider).headers["date"]) - before).total_seconds() >= 7200
    assert control(served, "clock", ahead="soon")[0] == 400


def test_a_payment_is_added_over_http(served: Mounted) -> None:
    order = {"provider": "paybyrd", "payment_id": "mine", "amount_minor": 2500, "currency": "EUR"}
    assert control(served, "payment", **order) == (200, {})
    assert served.post("paybyrd", "mine").is_success
    assert served.sandbox.remaining("paybyrd", "mine") == 2400
    wrong: tuple[dict[str, Any], ...] = ({"amount_minor": True}, {"currency": "XXQ"}, {"provider": "x"}, {"more": 1})
    for part in wrong:
        status, answer = control(served, "payment", **{**order, **part})
        assert (status, [*answer]) == (400, ["error"])


@contextmanager
def receiving(answers: int = 204, on_callback: Callable[[], None] = lambda: None) -> Iterator[tuple[str, list[Any]]]:
    """Serve a receiver of callbacks: its address, and the headers and bodies that have come."""
    came: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append((dict(self.headers), json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            on_callback()
            self.send_response(answers)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/callbacks?a=1", came
        finally:
            server.shutdown()
            thread.join()


def refunded(served: Mounted) -> str:
    served.post("paybyrd")
    return served.sandbox.refunds("paybyrd")[-1].refund_id


def test_a_callback_is_sent_at_once_twice_and_forged(served: Mounted) -> None:
    refund_id = refunded(served)
    with receiving(202) as (url, came), RefundClient(served.accounts()) as client:
        order = {"provider": "paybyrd", "refund_id": refund_id, "to": url}
        assert control(served, "send", **order, times=2) == (200, {"statuses": [202, 202]})
        assert control(served, "send", **order, forged=True) == (200, {"statuses": [202]})
        (headers, body), again, (forged, _) = came
        assert (headers, body) == again
        event = client.webhook("paybyrd", headers=headers, body=json.dumps(body).encode())
        assert event.refund_id == refund_id
        assert forged["x-api-key"] != headers["x-api-key"]


def test_a_callback_is_sent_late(served: Mounted) -> None:
    arrived = threading.Event()
    with receiving(on_callback=arrived.set) as (url, came):
        order = {"provider": "paybyrd", "refund_id": refunded(served), "to": url, "after": 0.3}
        assert control(served, "send", **order) == (200, {"statuses": []})
        assert came == []
        assert arrived.wait(10)


def test_a_callback_comes_before_the_reply_to_its_refund_even_if_that_is_lost(served: Mounted) -> None:
    with receiving() as (url, came):
        assert control(served, "send", provider="paybyrd", to=url)[0] == 200
        served.sandbox.script("paybyrd", Fault.CUT_AFTER)
        with pytest.raises(OutcomeUnknown):
            served.refund("paybyrd", reference="order-1/1", sync=True)
        (refund,) = served.sandbox.refunds("paybyrd")
        assert [body["content"]["transactionId"] for _, body in came] == [refund.refund_id]
        served.post("paybyrd")
        assert len(came) == 1


@pytest.mark.parametrize(
    "order",
    [
        {"to": "http://shop.example/callbacks"},
        {"to": "https://127.0.0.1/"},
        {"to": "http://user@127.0.0.1/"},
        {"to": "http://127.0.0.1/a b"},
        {"times": 0},
        {"times": 11},
        {"after": -1},
        {"after": True},
        {"forged": 1},
        {"refund_id": None, "forged": True},
        {"more": 1},
    ],
)
def test_a_callback_to_elsewhere_and_one_that_makes_no_sense_are_refused(
    served: Mounted, order: dict[str, Any]
) -> None:
    given = {"provider": "paybyrd", "refund_id": refunded(served), "to": "http://127.0.0.1:9/", **order}
    status, answer = control(served, "send", **given)
    assert (status, [*answer]) == (400, ["error"])


def test_a_named_host_gets_callbacks_and_one_that_does_not_answer_is_no_error(served: Mounted) -> None:
    assert Receiver.of("http://receiver:8000", ["receiver"]) == Receiver("receiver", 8000, "/")
    order = {"provider": "paybyrd", "refund_id": refunded(served), "to": "http://127.0.0.1:9/"}
    assert control(served, "send", **order) == (200, {"statuses": [None]})


def test_a_callback_host_that_is_no_name_is_refused() -> None:
    with pytest.raises(ValueError, match="not a host name alone"):
        SandboxServer(Sandbox(), callback_hosts=["http://receiver"])
