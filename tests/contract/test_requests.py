"""Every request of the facade fits the contracts, vendored and effective."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from refundry import (
    AsyncRefundClient,
    Evidence,
    NotSent,
    RefundClient,
    SendFailure,
    WireRequest,
)
from scripts.contracts import contradictions
from scripts.contracts.contract import effective, vendored_document
from scripts.contracts.pointers import child, keys, resolve
from tests.contract.openapi import Violation, undocumented_headers, violations
from tests.contract.support import ONCE, Script, aask, account, ask, every_call, plain, prepared
from tests.providers import PROVIDERS, RECORDS
from tests.providers.record import Call

REFUSED = SendFailure(Evidence.NOT_SENT, "the connection was refused")


def broken(contract: Mapping[str, Any], provider: str) -> dict[Call, set[Violation]]:
    """Return the calls whose requests break the contract, each with its violations."""
    found = {call: violations(contract, prepared(call)) for call in every_call(provider)}
    assert found
    return {call: these for call, these in found.items() if these}


def listed(provider: str) -> set[Violation]:
    """Return the violations that follow from the listed contradictions in examples of request bodies."""
    document = vendored_document(provider)
    examples = [one.pointer for one in contradictions.examples(document) if "requestBody" in keys(one.schema)]
    return {
        Violation("body", finding.pointer.removeprefix(example), finding.rule)
        for finding in contradictions.decisions(provider)
        for example in examples
        if finding.layer == "schema" and finding.pointer.startswith(example)
    }


def added(call: Call) -> bool:
    """Return whether the overlay added the operation."""
    return call.provider == "lab4pay" and call.payment_id is not None


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_request_fits_the_effective_contract(provider: str) -> None:
    assert broken(RECORDS[provider].contract.effective(), provider) == {}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_request_deviates_from_the_vendored_contract_exactly_where_that_contradicts_itself(provider: str) -> None:
    foreseen = listed(provider)
    expected = {call: foreseen for call in every_call(provider) if foreseen and not added(call)}
    departing = {
        call: these for call, these in broken(vendored_document(provider).data, provider).items() if not added(call)
    }
    assert departing == expected


def test_the_only_expected_deviation_is_that_paybyrd_gets_no_deprecated_amount() -> None:
    departing = {provider: found for provider in PROVIDERS if (found := listed(provider))}
    assert departing == {"paybyrd": {Violation("body", "/amount", "required")}}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_header_is_sent_that_the_effective_contract_does_not_know(provider: str) -> None:
    contract = RECORDS[provider].contract.effective()
    assert {name for call in every_call(provider) for name in undocumented_headers(contract, prepared(call))} == set()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_both_clients_send_what_they_prepared(provider: str) -> None:
    async def sent_async(call: Call) -> WireRequest:
        script = Script(REFUSED)
        with pytest.raises(NotSent):
            await aask(AsyncRefundClient([account(provider, script)], retry=ONCE), call)
        return script.sent[0]

    for call in every_call(provider):
        script = Script(REFUSED)
        with pytest.raises(NotSent):
            ask(RefundClient([account(provider, script)], retry=ONCE), call)
        assert plain(script.sent[0]) == plain(prepared(call)) == plain(asyncio.run(sent_async(call)))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_environment_selects_the_server_of_a_request(provider: str) -> None:
    call = next(every_call(provider))
    for environment in ("production", "sandbox"):
        script = Script(REFUSED)
        chosen = account(provider, script, environment=environment)
        with pytest.raises(NotSent):
            ask(RefundClient([chosen], retry=ONCE), call)
        assert script.sent[0].origin == chosen.HOSTS[environment]


@pytest.mark.parametrize("provider", ["paybyrd", "blink"])
def test_a_request_example_of_the_contract_is_what_the_facade_sends_for_that_amount(provider: str) -> None:
    document = vendored_document(provider)
    examples = [one.value for one in contradictions.examples(document) if "requestBody" in keys(one.schema)]
    calls = {"paybyrd": {"isoAmount": 100}, "blink": {"partial_refund": True, "amount": 1}}
    assert examples == [calls[provider]]
    call = next(call for call in every_call(provider) if str(call.amount) == "79.10 GBP")
    sent = json.loads(prepared(replace(call, amount=replace(call.amount, minor_units=100))).body)
    assert sent == {**examples[0], **({"reference": call.reference} if provider == "blink" else {})}


def without(name: str, request: WireRequest) -> WireRequest:
    rest = tuple(header for header in request.headers if header[0].lower() != name)
    proven = tuple(header for header in request.credentials if header[0].lower() != name)
    assert len(rest) + len(proven) == len(request.headers) + len(request.credentials) - 1
    return replace(request, headers=rest, credentials=proven)


@pytest.mark.parametrize(
    ("provider", "change", "expected"),
    [
        ("paybyrd", lambda r: replace(r, target="/api/v2/refund/a/b"), ("path", "/api/v2/refund/a/b", "undocumented")),
        ("paybyrd", lambda r: replace(r, target="/api/v2/refund/"), ("path", "/api/v2/refund/", "undocumented")),
        ("lab4pay", lambda r: replace(r, target=r.target[:-1]), ("path", None, "undocumented")),
        ("blink", lambda r: replace(r, method="PUT"), ("method", "PUT", "undocumented")),
        ("blink", lambda r: replace(r, target=r.target + "?full=1"), ("query", "full", "undocumented")),
        (
            "lab4pay",
            lambda r: without("x-pay-connect-integrator-id", r),
            ("header", "X-Pay-Connect-Integrator-Id", "required"),
        ),
        ("lab4pay", lambda r: without("authorization", r), ("security", "bearerAuth", "required")),
        ("paybyrd", lambda r: without("x-api-key", r), ("security", "authByApiKey", "required")),
        ("blink", lambda r: without("content-type", r), ("content type", "", "undocumented")),
        ("blink", lambda r: replace(r, body=b""), ("body", "", "required")),
        ("blink", lambda r: replace(r, body=b"amount=1"), ("body", "", "not JSON")),
        ("blink", lambda r: replace(r, body=b"[]"), ("body", "", "type")),
        ("blink", lambda r: replace(r, body=b'{"amount":"1.00"}'), ("body", "/amount", "type")),
        ("blink", lambda r: replace(r, body=b'{"partial_refund":1}'), ("body", "/partial_refund", "type")),
        ("lab4pay", lambda r: replace(r, body=b'{"amount":1.5}'), ("body", "/amount", "type")),
        ("lab4pay", lambda r: replace(r, body=b"{}"), ("body", "/amount", "required")),
        ("paybyrd", lambda r: replace(r, body=b'{"amount":"1.00"}'), ("body", "/isoAmount", "required")),
        ("paybyrd", lambda r: replace(r, body=b'{"isoAmount":"100"}'), ("body", "/isoAmount", "type")),
        ("paybyrd", lambda r: replace(r, body=b'{"isoAmount":9223372036854775808}'), ("body", "/isoAmount", "format")),
    ],
)
def test_a_request_that_breaks_the_contract_is_found(
    provider: str, change: Any, expected: tuple[str, str | None, str]
) -> None:
    request = change(prepared(next(every_call(provider))))
    part, where, rule = expected
    assert violations(RECORDS[provider].contract.effective(), request) == {
        Violation(part, request.target if where is None else where, rule)
    }


@pytest.mark.parametrize("place", ["path", "header"])
def test_a_parameter_that_does_not_fit_its_schema_is_found(place: str) -> None:
    contract = effective("paybyrd")
    operation = resolve(contract, child("/paths", "/api/v2/refund/{transactionId}") + "/post")
    parameter = next(one for one in operation["parameters"] if one["in"] == place)
    parameter["schema"] = {"type": "string", "maxLength": 3}
    found = violations(contract, prepared(next(every_call("paybyrd"))))
    assert found == {Violation(place, parameter["name"], "maxLength")}


def test_a_header_that_the_contract_does_not_know_is_found() -> None:
    request = prepared(next(every_call("paybyrd")))
    assert undocumented_headers(vendored_document("paybyrd").data, request) == {"idempotency-key"}


@pytest.mark.parametrize(
    ("provider", "method", "target", "body", "found"),
    [
        (
            "lab4pay",
            "POST",
            "/v1/auth/token/",
            {"grant_type": "client_credentials", "client_id": "test-client", "client_secret": "test-key"},
            set(),
        ),
        ("blink", "POST", "/api/pay/v1/tokens", {"api_key": "test-key", "secret_key": "test-key"}, set()),
        ("blink", "GET", "/api/pay/v1/transactions/T-1", None, {Violation("security", "bearerAuth", "required")}),
    ],
)
def test_a_credential_is_required_except_where_an_operation_takes_none(
    provider: str, method: str, target: str, body: dict[str, str] | None, found: set[Violation]
) -> None:
    headers = (("Content-Type", "application/json"),) if body else ()
    content = json.dumps(body).encode() if body else b""
    request = WireRequest(method, "https://refunds.example", target, headers, (), content)
    assert violations(RECORDS[provider].contract.effective(), request) == found
