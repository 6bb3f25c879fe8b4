"""Requests that break a contract: the answer to each, and its violations."""

import sys
from typing import Any

import pytest

from refundry.sandbox import CREDENTIALS, Request, Sandbox, Violation
from refundry.sandbox.contract import Contract
from tests.providers import PROVIDERS, RECORDS
from tests.sandbox.support import Mounted, read_contract

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("provider", "options", "where", "rule"),
    [
        ("paybyrd", {"json": {}}, "/isoAmount", "required"),
        ("paybyrd", {"json": {"amount": "1.00"}}, "/isoAmount", "required"),
        ("paybyrd", {"json": {"isoAmount": "100"}}, "/isoAmount", "type"),
        ("paybyrd", {"json": {"isoAmount": 2**63}}, "/isoAmount", "format"),
        ("paybyrd", {"json": {"isoAmount": 1.0}}, "/isoAmount", "type"),
        ("paybyrd", {"json": {"isoAmount": 100, "amount": 1}}, "/amount", "type"),
        ("paybyrd", {"json": [1]}, "", "type"),
        ("blink", {"json": {"partial_refund": "yes"}}, "/partial_refund", "type"),
        ("blink", {"json": {"partial_refund": True, "amount": "1.00"}}, "/amount", "type"),
        ("blink", {"json": {"reference": None}}, "/reference", "type"),
        ("lab4pay", {"json": {}}, "/amount", "required"),
        ("lab4pay", {"json": {"amount": 1.5}}, "/amount", "type"),
        ("lab4pay", {"content": b""}, "", "required"),
        ("lab4pay", {"content": b'{"amount": 1}'}, "", "content type not in the contract"),
        (
            "lab4pay",
            {"content": b"amount=1", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
            "",
            "content type not in the contract",
        ),
        ("lab4pay", {"content": b'{"amount": 1', "headers": JSON}, "", "not JSON"),
        ("lab4pay", {"content": b'{"amount": NaN}', "headers": JSON}, "", "not JSON"),
        ("lab4pay", {"content": b"\xff", "headers": JSON}, "", "not JSON"),
        ("lab4pay", {"content": '{"amount": 1}'.encode("utf-16"), "headers": JSON}, "", "not JSON"),
        ("lab4pay", {"content": b"[" * 100_000, "headers": JSON}, "", "not JSON"),
        ("lab4pay", {"content": b'{"amount": %b}' % (b"9" * 5000), "headers": JSON}, "", "not JSON"),
    ],
)
def test_a_body_that_breaks_the_contract_is_a_400_and_counted_without_its_values(
    mounted: Mounted, provider: str, options: dict[str, Any], where: str, rule: str
) -> None:
    reply = mounted.post(provider, **options)
    assert reply.status_code == 400
    assert mounted.sandbox.violations == (Violation(provider, where, rule),)
    assert mounted.sandbox.refunds(provider) == ()


def test_the_answer_is_in_the_form_of_the_provider(mounted: Mounted) -> None:
    body = {"isoAmount": "", "amount": ""}
    answer = {provider: mounted.post(provider, json=body).json() for provider in PROVIDERS}
    assert answer["paybyrd"] == {"code": "BYRD900", "description": "Invalid input"}
    assert answer["lab4pay"] == {"message": "/amount: type"}
    assert answer["blink"] == {"success": False, "message": "/amount: type"}


def test_every_violation_of_a_request_is_counted(mounted: Mounted) -> None:
    path = "/v1/pay-connect/transactions/refund/"
    authorization = {"Authorization": RECORDS["lab4pay"].sandbox.headers["Authorization"]}
    assert mounted.http.post(path, headers=authorization, json={"amount": "1"}).status_code == 400
    assert mounted.sandbox.violations == (
        Violation("lab4pay", "header X-Pay-Connect-Integrator-Id", "required"),
        Violation("lab4pay", "/amount", "type"),
    )


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json ;charset=utf-8"]
)
def test_a_content_type_may_have_parameters_and_any_case(mounted: Mounted, content_type: str) -> None:
    reply = mounted.post("paybyrd", content=b'{"isoAmount": 1}', headers={"Content-Type": content_type})
    assert reply.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1/pay-connect/transactions/refund",
        "/api/v2/refund/",
        "/api/v2/refund/a/b",
        "/api/pay/v1/transactions//refunds",
    ],
)
def test_a_path_outside_the_contracts_is_a_404_and_counted(mounted: Mounted, path: str) -> None:
    assert mounted.http.post(path, headers=RECORDS["paybyrd"].sandbox.headers, json={"isoAmount": 1}).status_code == 404
    assert mounted.sandbox.violations == (Violation(None, "path", "not in a contract"),)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_method_outside_the_contracts_is_a_405_and_counted(mounted: Mounted, method: str) -> None:
    assert (
        mounted.http.request(
            method, "/api/v2/refund/paybyrd-eur", headers=RECORDS["paybyrd"].sandbox.headers
        ).status_code
        == 405
    )
    assert mounted.sandbox.violations == (Violation("paybyrd", "method", "not in the contract"),)


def test_a_payment_id_is_decoded_and_excludes_the_query(mounted: Mounted) -> None:
    mounted.sandbox.add_payment("paybyrd", "a/b ü", 100, "EUR")
    assert mounted.post("paybyrd", "a%2Fb%20%C3%BC?x=1").status_code == 200
    assert [refund.payment_id for refund in mounted.sandbox.refunds("paybyrd")] == ["a/b ü"]


def document(version: str) -> dict[str, Any]:
    return {
        "openapi": version,
        "paths": {
            "/v1/{kind}.{number}/{kind}": {
                "parameters": [
                    {"in": "path", "name": "number", "required": True, "schema": {"type": "integer"}},
                    {"in": "query", "name": "dry", "schema": {"type": "boolean"}},
                ],
                "get": {
                    "parameters": [
                        {"in": "header", "name": "X-Count", "schema": {"type": "integer", "maximum": 3}},
                        {"in": "header", "name": "X-Kind", "required": True, "schema": {"$ref": "#/components/x"}},
                    ],
                },
                "post": {"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}},
            }
        },
        "components": {"x": {"type": "string"}},
    }


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
@pytest.mark.parametrize(
    ("target", "headers", "broken"),
    [
        ("/v1/a.7/b", {"x-kind": "k", "x-count": "3"}, []),
        ("/v1/a.7/b?dry=true", {"x-kind": "k"}, []),
        ("/v1/a.seven/b", {"x-kind": "k"}, [("path number", "type")]),
        ("/v1/a.7/b?dry=1", {"x-kind": "k"}, [("query dry", "type")]),
        ("/v1/a.7/b?dry=", {"x-kind": "k"}, [("query dry", "type")]),
        ("/v1/a.7/b", {"x-kind": "k", "x-count": "4"}, [("header X-Count", "maximum")]),
        ("/v1/a.7/b", {"x-count": "3"}, [("header X-Kind", "required")]),
    ],
)
def test_parameters_are_checked_as_values_of_their_type(
    version: str, target: str, headers: dict[str, str], broken: list[tuple[str, str]]
) -> None:
    contract = Contract("any", document(version))
    checked = contract.check(Request("GET", target, headers))
    assert checked is not None
    call, violations = checked
    assert [(violation.where, violation.rule) for violation in violations] == broken
    assert call.body == {}


def test_a_body_may_be_left_out_where_it_is_not_required() -> None:
    checked = Contract("any", document("3.1.0")).check(Request("POST", "/v1/a.7/b", {}))
    assert checked is not None
    assert checked[1] == []


def test_a_path_is_matched_literally_and_not_as_a_pattern() -> None:
    assert Contract("any", document("3.1.0")).check(Request("GET", "/v1/a-7/b", {})) is None


def test_without_the_extra_the_sandbox_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openapi_schema_validator", None)
    monkeypatch.setattr(Contract, "shipped", read_contract)
    with pytest.raises(ImportError, match=r"pip install 'refundry\[sandbox\]'"):
        Sandbox()


def test_no_violation_holds_a_value_or_a_credential(mounted: Mounted) -> None:
    mounted.post("paybyrd", json={"isoAmount": "canary-value"})
    mounted.http.post("/canary-path", headers=RECORDS["paybyrd"].sandbox.headers)
    answer = repr(mounted.sandbox.violations)
    assert "canary" not in answer
    assert CREDENTIALS["paybyrd"] not in answer
