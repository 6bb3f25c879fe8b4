"""A smoke run: what it sends, what it refuses to send, and what its report says and keeps to itself."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from refundry.sandbox import CREDENTIALS, INTEGRATOR_ID, TOKEN_CREDENTIALS, Fault, Reply, Request, Sandbox
from scripts.release.tls import served
from scripts.smoke import answers
from scripts.smoke.__main__ import main

PROVIDERS = ("lab4pay", "paybyrd", "blink")
PAYMENT = {"lab4pay": [], "paybyrd": ["--payment", "paybyrd-eur"], "blink": ["--payment", "blink-gbp"]}
KEYS = {
    name: {"integrator_id": INTEGRATOR_ID, **TOKEN_CREDENTIALS["lab4pay"]}
    if name == "lab4pay"
    else TOKEN_CREDENTIALS.get(name, {"api_key": CREDENTIALS[name]})
    for name in PROVIDERS
}
REFUND = {"lab4pay": 1, "paybyrd": 3100, "blink": 1}
"""The smallest refund, in minor units."""


class Recording(Sandbox):
    """A sandbox that keeps the method of each request."""

    def __init__(self) -> None:
        super().__init__()
        self.methods: list[str] = []

    def handle(self, request: Request) -> Reply:
        self.methods.append(request.method)
        return super().handle(request)


@pytest.fixture
def sandbox() -> Recording:
    return Recording()


@pytest.fixture
def address(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with served(sandbox, tmp_path) as (url, trusted):
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        yield url


def variables(provider: str, address: str | None = None, **fields: str) -> dict[str, str]:
    given = {**KEYS[provider], **({"base_url": address} if address else {}), **fields}
    return {f"REFUNDRY_{provider}_{name}".upper(): value for name, value in given.items()}


def ran(provider: str, *arguments: str, given: dict[str, str]) -> int:
    return main([provider, *arguments], {**given, "REFUNDRY_SERVICE_HOST": "10.0.0.1", "HOME": "/"})


@pytest.mark.parametrize("provider", PROVIDERS)
def test_it_makes_one_smallest_refund_looks_it_up_and_has_one_refused(
    provider: str, sandbox: Sandbox, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = ran(provider, *PAYMENT[provider], given=variables(provider, address))
    report = capsys.readouterr().out
    assert code == 0, report
    assert [refund.amount for refund in sandbox.refunds(provider)] == [REFUND[provider]]
    assert [line.split(" | ")[0] for line in report.splitlines() if "as expected" in line] == [
        "| refund",
        "| lookup",
        "| refund of a payment that nobody made",
    ]
    assert "## Departures: 0" in report
    assert not sandbox.violations


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_report_holds_no_credential_and_no_token_even_where_the_provider_echoes_them(
    provider: str, sandbox: Sandbox, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    operation = "refund_unreferenced" if provider == "lab4pay" else "refund_transaction"
    sandbox.script(provider, Fault.ECHO_CREDENTIALS, operation=operation)
    file = tmp_path / "report.md"
    ran(provider, *PAYMENT[provider], "--report", str(file), given=variables(provider, address))
    printed = capsys.readouterr()
    assert file.read_text(encoding="utf-8") == printed.out
    for text in (printed.out, printed.err):
        assert "test-token-" not in text
        assert not [secret for secret in KEYS[provider].values() if secret in text]


@pytest.mark.parametrize(
    ("provider", "fault", "pointer", "keyword"),
    [
        ("paybyrd", Fault.UNKNOWN_VALUE, "/code", "x-extensible-enum"),
        ("paybyrd", Fault.NULL_OBJECT, "/sourceTransaction", "type"),
        ("paybyrd", Fault.HTML_200, "/", "not JSON"),
        ("blink", Fault.STATUS_520, "/", "not JSON"),
    ],
)
def test_each_departure_from_the_contract_is_reported_with_its_rule_and_fails_the_run(
    provider: str, fault: Fault, pointer: str, keyword: str, sandbox: Sandbox, address: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    sandbox.script(provider, fault)
    assert ran(provider, *PAYMENT[provider], given=variables(provider, address)) == 1
    report = capsys.readouterr().out
    assert f"- refund_transaction: `{pointer}` breaks `{keyword}`, the rule at `/" in report


@pytest.mark.parametrize(
    ("provider", "fault", "outcome", "refusal"),
    [
        ("paybyrd", Fault.WRONG_AMOUNT, "RefundMismatch, HTTP 200", "not found, HTTP 404"),
        ("blink", Fault.SERVER_ERROR_AFTER, "OutcomeUnknown, HTTP 500", "not found, HTTP 404"),
    ],
)
def test_a_refund_that_does_not_succeed_fails_the_run_which_goes_on_to_the_refusal(
    provider: str, fault: Fault, outcome: str, refusal: str, sandbox: Sandbox, address: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    sandbox.script(provider, fault)
    assert ran(provider, *PAYMENT[provider], given=variables(provider, address)) == 1
    report = capsys.readouterr().out
    assert f"| refund | {outcome} | **not as expected** |" in report
    assert f"| refund of a payment that nobody made | RefundRejected: {refusal} | as expected |" in report


def test_a_departure_that_is_a_listed_contradiction_of_the_contract_is_named_as_such_and_fails_nothing(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran("paybyrd", *PAYMENT["paybyrd"], given=variables("paybyrd", address)) == 0
    report = capsys.readouterr().out
    assert re.search("- refund_transaction: `/description` breaks .* listed in contradictions.toml", report)


@pytest.mark.parametrize(
    ("provider", "given", "arguments", "why"),
    [
        ("paybyrd", {}, ["--payment", "p"], "https://gateway.paybyrd.com is not the sandbox of paybyrd"),
        ("lab4pay", {"environment": "production"}, [], "https://api-payment.lab4pay.com is not the sandbox"),
        ("paybyrd", {"environment": "sandbox", "base_url": "https://gateway.paybyrd.com"}, ["--payment", "p"], "not"),
        ("paybyrd", {"base_url": "https://gateway.paybyrd.com:8443"}, ["--payment", "p"], "is not the sandbox"),
        ("paybyrd", {"base_url": "https://pay.example.com"}, ["--payment", "p"], "is not the sandbox"),
        ("paybyrd", {"environment": "sandbox"}, [], "give its id with --payment"),
        ("blink", {"environment": "sandbox"}, ["--amount", "0.50"], "give its id with --payment"),
        ("blink", {"environment": "sandbox"}, ["--payment", "p", "--amount", "1.01"], "at most 1.00"),
        ("blink", {}, ["--payment", "p", "--amount", "100"], "at most 1.00"),
        ("paybyrd", {"environment": "sandbox"}, ["--payment", "p", "--amount", "nothing"], "amount"),
        ("paybyrd", {"api_ky": "test-key"}, ["--payment", "p"], "REFUNDRY_PAYBYRD_API_KEY"),
    ],
)  # fmt: skip
def test_it_refuses_before_anything_is_sent(
    provider: str,
    given: dict[str, str],
    arguments: list[str],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("it connected"))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("it looked up a host"))
    assert ran(provider, *arguments, given=variables(provider, **given)) == 2
    printed = capsys.readouterr()
    assert why in printed.err
    assert printed.out == ""
    assert not [secret for secret in KEYS[provider].values() if secret in printed.err]


def test_without_an_account_it_says_which_variables_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["blink", "--payment", "p"], {}) == 2
    assert "REFUNDRY_BLINK_ with API_KEY" in capsys.readouterr().err


def test_of_several_accounts_one_has_to_be_named(
    sandbox: Sandbox, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    both = {
        f"REFUNDRY_PAYBYRD__{name}__{field}": value
        for name in ("SHOP", "TILL")
        for field, value in (("API_KEY", CREDENTIALS["paybyrd"]), ("BASE_URL", address))
    }
    assert main(["paybyrd", *PAYMENT["paybyrd"]], both) == 2
    assert "accounts shop, till: choose one with --account" in capsys.readouterr().err
    assert main(["paybyrd", *PAYMENT["paybyrd"], "--account", "till"], both) == 0
    assert len(sandbox.refunds("paybyrd")) == 1


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_report_answers_every_point_of_the_page_that_such_a_run_can_answer(
    provider: str, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    points = answers.points(provider)
    for begins in answers.ANSWERS[provider]:
        assert [point for point in points if point.startswith(begins)] != [], begins
    ran(provider, *PAYMENT[provider], given=variables(provider, address))
    report = capsys.readouterr().out
    for point in points:
        assert f"\n- {point} **" in report
    answered = report.partition("## To confirm")[2].count("**") // 2 - report.count("Not answered by this run.")
    of_a_pending_one = {"paybyrd": 1}.get(provider, 0)  # the query by requestId
    assert answered == len(answers.ANSWERS[provider]) - of_a_pending_one


def test_a_refund_that_is_done_later_is_looked_up_by_its_request(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran("paybyrd", "--payment", "paybyrd-pending", given=variables("paybyrd", address)) == 0
    report = capsys.readouterr().out
    assert "What the query by `requestId` replies: an array, an object, or nothing yet. **HTTP 200: array**" in report


def test_it_asks_for_nothing_but_tokens_the_two_refunds_and_the_lookup(address: str, sandbox: Recording) -> None:
    ran("blink", *PAYMENT["blink"], given=variables("blink", address))
    assert sandbox.methods == ["POST", "POST", "GET", "POST"]
