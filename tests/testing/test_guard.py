"""No test run gives real money back: what the guard refuses, where, and what it lets through."""

import subprocess
import sys
from pathlib import Path

import pytest

from refundry import guard
from tests.testing.conftest import Run

SENTENCE = "a test run asked for a connection to {}, which is not this machine, and nothing was sent"
HELPERS = """
    import asyncio
    import httpx
    import pytest
    from refundry import AsyncRefundClient, Blink, Money, NotSent, Paybyrd, RefundClient
    from refundry.transport.over_httpx import HttpxTransport

    ARGUMENTS = {"payment_id": "p", "amount": Money.of("1.00", "EUR"), "reference": "order/1"}
    REAL = "https://gateway.paybyrd.com"

    def refund(**options):
        with RefundClient([Paybyrd(api_key="made-up", **options)]) as client:
            return client.refund("paybyrd", **ARGUMENTS)

    async def arefund(**options):
        async with AsyncRefundClient([Paybyrd(api_key="made-up", **options)]) as client:
            return await client.refund("paybyrd", **ARGUMENTS)
"""


def test_a_test_that_asks_for_a_real_refund_fails_with_one_sentence_whatever_its_code_made_of_it(run: Run) -> None:
    ran = run(
        {
            "helpers.py": HELPERS,
            "test_service.py": """
            import subprocess, sys, threading
            from unittest import TestCase
            from helpers import *

            def swallowed(send):
                try:
                    send()
                except Exception:
                    pass

            def test_sync():
                refund()

            def test_async():
                asyncio.run(arefund())

            def test_uvloop():
                import uvloop
                uvloop.run(arefund())

            def test_expected_not_sent():
                with pytest.raises(NotSent, match="was|not this machine"):
                    refund()

            def test_swallowed():
                swallowed(refund)

            def test_swallowed_in_a_thread():
                thread = threading.Thread(target=swallowed, args=(refund,))
                thread.start()
                thread.join()

            @pytest.mark.xfail
            def test_expected_to_fail():
                refund()

            def test_other_host():
                refund(base_url="https://refunds.example")

            def test_token():
                with RefundClient([Blink(api_key="a", secret_key="b")]) as client:
                    client.refund("blink", **ARGUMENTS)

            def test_environment_cleared(monkeypatch):
                for name in ("REFUNDRY_TEST_HOSTS", "REFUNDRY_TEST_REPORT"):
                    monkeypatch.delenv(name)
                refund()

            def test_httpx_transport():
                refund(transport=HttpxTransport(httpx.HTTPTransport()))

            def test_httpx_transport_async():
                asyncio.run(arefund(transport=HttpxTransport(httpx.AsyncHTTPTransport())))

            def test_httpx2_transport():
                import httpx2
                refund(transport=HttpxTransport(httpx2.HTTPTransport()))

            def test_httpx_transport_to_other_host():
                refund(base_url="https://refunds.example", transport=HttpxTransport(httpx.HTTPTransport()))

            def test_httpx_client():
                with httpx.Client() as client, pytest.raises(httpx.ConnectError):
                    client.post(REAL)

            def test_httpx_client_through_a_proxy():
                with httpx.Client(proxy="http://127.0.0.1:9") as client, pytest.raises(httpx.ConnectError):
                    client.post(REAL)

            def test_httpx_async_client():
                async def post():
                    async with httpx.AsyncClient() as client:
                        await client.post(REAL)
                asyncio.run(post())

            def test_generated_client():
                from refundry_paybyrd import AuthenticatedClient
                from refundry_paybyrd.api.refunds import refund_transaction
                from refundry_paybyrd.models import RefundRequest
                client = AuthenticatedClient(base_url=REAL, token="made-up")
                refund_transaction.sync("p", client=client, body=RefundRequest(iso_amount=100))

            @pytest.fixture
            def refunded_before():
                swallowed(refund)

            def test_fixture(refunded_before):
                raise AssertionError("a test whose fixture failed does not run")

            def test_child_process():
                program = "import helpers; helpers.refund()"
                subprocess.run([sys.executable, "-c", program], stderr=subprocess.DEVNULL)

            def test_child_process_over_httpx():
                program = (
                    "import helpers, httpx; "
                    "helpers.refund(transport=helpers.HttpxTransport(httpx.HTTPTransport()))"
                )
                subprocess.run([sys.executable, "-c", program], stderr=subprocess.DEVNULL)

            class InUnittest(TestCase):
                def test_in_unittest(self):
                    swallowed(refund)
            """,
        }
    )
    outcomes = ran.outcomes()
    assert len(outcomes) == 22, ran.text
    assert set(outcomes.values()) == {"FAILED", "ERROR"}, ran.text
    assert outcomes["test_fixture"] == "ERROR"
    for host in ("gateway.paybyrd.com", "refunds.example", "secure.blinkpayment.co.uk"):
        assert SENTENCE.format(host) in ran.text
    assert "Traceback" not in ran.text
    assert "helpers.py" not in ran.text


def test_what_never_leaves_this_machine_and_what_is_none_of_refundrys_passes(run: Run) -> None:
    ran = run(
        {
            "helpers.py": HELPERS,
            "pytest.ini": "[pytest]\nrefund_hosts = sandbox refunds.example\naddopts = --strict-markers\n",
            "test_service.py": """
            from helpers import *

            def no_host():
                # Nothing listens: what is allowed goes as far as the network.
                import socket
                with socket.socket() as taken:
                    taken.bind(("127.0.0.1", 0))
                    return taken.getsockname()[1]

            def test_mocked():
                answer = {"code": "BYRD200", "isoAmount": 100, "transactionId": "r"}
                transport = HttpxTransport(httpx.MockTransport(lambda request: httpx.Response(200, json=answer)))
                assert refund(transport=transport).refund_id == "r"

            def test_pool_mocked_as_respx_does(monkeypatch):
                import httpcore
                def mocked(pool, request):
                    return httpcore.Response(500, content=b"mocked")
                monkeypatch.setattr(httpcore.ConnectionPool, "handle_request", mocked)
                with httpx.Client() as client:
                    assert client.post(REAL).content == b"mocked"

            def test_loopback():
                for host in ("localhost", "127.0.0.1", "[::1]"):
                    with pytest.raises(NotSent) as raised:
                        refund(base_url=f"http://{host}:{no_host()}")
                    assert "test run" not in str(raised.value)

            def test_another_host_by_httpx_alone():
                with httpx.Client() as client, pytest.raises(httpx.ConnectError) as raised:
                    client.get("http://nothing.invalid")
                assert "test run" not in str(raised.value)

            def resolved(monkeypatch, send, **options):
                import socket
                asked = set()
                def getaddrinfo(host, *rest, **others):
                    asked.add(host)
                    raise socket.gaierror
                monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
                with pytest.raises(NotSent):
                    send(**options)
                return asked

            def test_named_by_the_setting(monkeypatch):
                assert resolved(monkeypatch, refund, base_url="https://refunds.example") == {"refunds.example"}
                plain = {"base_url": "http://sandbox:8787", "plain_http_to": "sandbox"}
                assert resolved(monkeypatch, refund, **plain) == {"sandbox"}

            @pytest.mark.refund_hosts("paybyrd-sandbox")
            def test_sandbox_of_the_provider(monkeypatch):
                assert resolved(monkeypatch, refund, environment="sandbox") == {"gatewaysandbox.paybyrd.com"}

            @pytest.mark.xfail(strict=True)
            def test_the_marker_holds_for_its_test_alone(monkeypatch):
                assert resolved(monkeypatch, refund, environment="sandbox") != set()
            """,
        }
    )
    outcomes = ran.outcomes()
    assert outcomes.pop("test_the_marker_holds_for_its_test_alone") == "FAILED"
    assert set(outcomes.values()) == {"PASSED"}, ran.text
    assert len(outcomes) == 6


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("gateway.paybyrd.com", "gateway.paybyrd.com is a provider's production"),
        ("API-Payment.Lab4Pay.com.", "api-payment.lab4pay.com is a provider's production"),
        ("blink-sandbox", "blink has one host for its sandbox and for real refunds"),
    ],
)
def test_the_host_of_real_refunds_is_allowed_by_no_setting_and_no_marker(run: Run, host: str, why: str) -> None:
    test = f"""
        import pytest
        @pytest.mark.refund_hosts("{host}")
        def test_it():
            raise AssertionError
    """
    by_marker = run({"test_service.py": test})
    assert by_marker.outcomes() == {"test_it": "ERROR"}
    assert why in by_marker.text
    by_setting = run({"test_service.py": "def test_it(): pass"}, "-o", f"refund_hosts={host}")
    assert by_setting.code == pytest.ExitCode.USAGE_ERROR
    assert why in by_setting.text
    assert "Traceback" not in by_setting.text


def test_a_refusal_after_the_last_test_fails_the_run(run: Run) -> None:
    ran = run(
        {
            "helpers.py": HELPERS,
            "conftest.py": """
                def pytest_sessionfinish(session):
                    import helpers
                    try:
                        helpers.refund()
                    except helpers.NotSent:
                        pass
            """,
            "test_service.py": "def test_it(): pass",
        }
    )
    assert ran.outcomes() == {"test_it": "PASSED"}
    assert ran.code == pytest.ExitCode.TESTS_FAILED
    assert SENTENCE.format("gateway.paybyrd.com") in ran.text


def test_a_run_within_a_run_leaves_the_guard_of_the_outer_one(run: Run) -> None:
    ran = run(
        {
            "helpers.py": HELPERS,
            "inner.py": "def test_inner(): pass",
            "test_service.py": """
                from helpers import *

                def test_outer():
                    assert pytest.main(["-q", "inner.py"]) == 0
                    with pytest.raises(NotSent):
                        refund()
            """,
        }
    )
    assert ran.outcomes() == {"test_outer": "FAILED"}
    assert SENTENCE.format("gateway.paybyrd.com") in ran.text


def test_under_xdist_each_worker_has_the_guard_and_each_test_a_sandbox_of_its_own(run: Run) -> None:
    ran = run(
        {
            "helpers.py": HELPERS,
            "test_service.py": """
                from helpers import *

                @pytest.mark.parametrize("number", range(6))
                def test_in_the_sandbox(refund_sandbox, number):
                    with refund_sandbox.client() as client:
                        client.refund("paybyrd", **{**ARGUMENTS, "payment_id": "paybyrd-eur"})
                    assert refund_sandbox.times_refunded("paybyrd", "order/1") == 1

                def test_real():
                    with pytest.raises(NotSent):
                        refund()
            """,
        },
        "-n",
        "2",
    )
    assert "6 passed" in ran.text
    assert "1 failed" in ran.text
    assert SENTENCE.format("gateway.paybyrd.com") in ran.text


def test_in_unittest_the_guard_is_a_context(run: Run) -> None:
    ran = run(
        {
            "helpers.py": HELPERS,
            "test_service.py": """
                import unittest
                from helpers import *
                from refundry.testing import no_real_refunds

                class Refunds(unittest.TestCase):
                    def setUp(self):
                        self.enterContext(no_real_refunds("refunds.example"))

                    def test_real(self):
                        with self.assertRaises(NotSent):
                            refund()

                    def test_nothing(self):
                        pass
            """,
        },
        command=("unittest", "-v"),
    )
    assert "test_nothing (test_service.Refunds.test_nothing) ... ok" in ran.text
    assert "FAILED (failures=1)" in ran.text
    assert f"AssertionError: {SENTENCE.format('gateway.paybyrd.com')}" in ran.text


def test_loading_the_plugin_loads_nothing_but_pytest(site: Path) -> None:
    program = (
        "import sys, pytest; before = set(sys.modules); import refundry.pytest_plugin; "
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(site)}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "['refundry', 'refundry.pytest_plugin']\n"


def test_a_run_that_refunds_nothing_loads_no_http_and_no_provider(run: Run) -> None:
    ran = run(
        {
            "test_service.py": """
                import sys

                def test_it():
                    loaded = {name for name in sys.modules if name.startswith("refundry")}
                    assert loaded == {
                        "refundry", "refundry.guard", "refundry.interruption", "refundry.pytest_plugin"
                    }
                    assert not {"httpx", "httpcore", "ssl", "attr"} & set(sys.modules)
            """
        },
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
        PYTEST_PLUGINS="refundry.pytest_plugin",
    )
    assert ran.outcomes() == {"test_it": "PASSED"}, ran.text


def test_without_the_extra_the_fixture_is_refused_in_one_sentence_and_every_other_test_runs(run: Run) -> None:
    ran = run(
        {
            "conftest.py": "import sys; sys.modules['openapi_schema_validator'] = None",
            "test_service.py": """
                def test_it(): pass
                def test_with_the_fixture(refund_sandbox): pass
            """,
        }
    )
    assert ran.outcomes() == {"test_it": "PASSED", "test_with_the_fixture": "ERROR"}
    assert "the fixture refund_sandbox needs the extra: pip install 'refundry[testing]'" in ran.text
    assert "Traceback" not in ran.text


def test_a_service_that_reads_its_accounts_from_the_environment_starts_under_the_guard(run: Run) -> None:
    ran = run(
        {
            "test_service.py": """
                from refundry import RefundClient

                def test_it(monkeypatch):
                    monkeypatch.setenv("REFUNDRY_PAYBYRD_API_KEY", "made-up")
                    RefundClient.from_env().close()
            """
        }
    )
    assert ran.outcomes() == {"test_it": "PASSED"}, ran.text


def test_without_a_guard_nothing_is_refused() -> None:
    before = guard.current()
    guard.put_on(None)
    try:
        assert guard.current() is None
        assert guard.refusal("gateway.paybyrd.com") is None
    finally:
        guard.put_on(before)


def test_a_report_that_is_gone_does_not_hide_the_refusal(tmp_path: Path) -> None:
    before = guard.current()
    guard.put_on(guard.Guard(frozenset(), str(tmp_path / "gone")))
    try:
        assert guard.refusal("Gateway.Paybyrd.com.") == guard.refusal("gateway.paybyrd.com")
    finally:
        guard.put_on(before)
