"""The facade has a verdict on every status and every code that the contracts list, and it is that of the documents."""

import json
from typing import Any

import pytest

from refundry import ContractDeviation, RefundClient, RefundError, WireReply
from scripts.contracts.contract import effective
from scripts.contracts.providers import PROVIDERS
from tests.contract.replies import CALLS, accepting, described
from tests.contract.support import ONCE, Script, account, ask, result_of, told

# docs.paybyrd.com/api-reference/api-code-reference: what each code comes to where it may come.
BY_CODE = {
    "BYRD010": (202, "PENDING"),
    "BYRD200": (200, "SUCCEEDED"),
    "BYRD201": (200, "PENDING"),
    "BYRD203": (200, "OutcomeUnknown"),
    "BYRD205": (200, "RefundRejected DECLINED"),
    "BYRD206": (200, "RefundRejected DECLINED"),
    "BYRD207": (200, "PENDING"),
    "BYRD208": (200, "RefundRejected DECLINED"),
    "BYRD230": (400, "RefundRejected ALREADY_REFUNDED"),
    "BYRD231": (400, "RefundRejected EXCEEDS_REMAINING"),
    "BYRD240": (400, "RefundRejected INVALID"),
    "BYRD290": (400, "RefundRejected OTHER"),
    "BYRD291": (400, "RefundRejected OTHER"),
    "BYRD292": (400, "RefundRejected NOT_REFUNDABLE"),
    "BYRD294": (400, "OutcomeUnknown"),
    "BYRD299": (400, "OutcomeUnknown"),
    "BYRD401": (401, "AuthenticationFailed"),
    "BYRD403": (403, "AuthenticationFailed"),
    "BYRD900": (400, "RefundRejected INVALID"),
    "BYRD901": (404, "RefundRejected NOT_FOUND"),
    "BYRD999": (500, "OutcomeUnknown"),
}
# api-docs.blinkpayment.co.uk/refund-transactions
BY_WORD = {"completed": "SUCCEEDED", "pending": "PENDING", "failed": "RefundRejected DECLINED"}

REFUSING: dict[str, dict[str, Any]] = {
    "lab4pay": {"detail": "no"},
    "paybyrd": {"code": "BYRD900", "description": "Invalid input"},
    "blink": {"success": False, "message": "no"},
}
ACCEPTING = {202: {"code": "BYRD010", "links": {"href": "/api/v2/transactions?requestId=93ce3e62"}}}
# What each status that a contract describes comes to, with a body that accepts or refuses as the status does.
BY_STATUS = {
    "lab4pay": {200: "PENDING", 400: "RefundRejected INVALID", 401: "AuthenticationFailed", 500: "OutcomeUnknown"},
    "paybyrd": {
        200: "SUCCEEDED",
        202: "PENDING",
        400: "RefundRejected INVALID",
        401: "AuthenticationFailed",
        403: "AuthenticationFailed",
        404: "RefundRejected INVALID",
        500: "OutcomeUnknown",
    },
    "blink": {
        200: "SUCCEEDED",
        400: "RefundRejected INVALID",
        401: "AuthenticationFailed",
        402: "RefundRejected DECLINED",
        403: "AuthenticationFailed",
        404: "RefundRejected NOT_FOUND",
        409: "OutcomeUnknown",
        422: "RefundRejected INVALID",
        429: "OutcomeUnknown",
        500: "OutcomeUnknown",
    },
}


def verdict(provider: str, status: int, body: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    """Return what the reply becomes, and what is told of it as a departure from the contract."""
    call = CALLS[provider][0]
    deviations: list[ContractDeviation] = []
    script = Script(WireReply(status, (), json.dumps(body).encode()))
    client = RefundClient([account(provider, script)], retry=ONCE, on_deviation=deviations.append)
    try:
        result: Any = ask(client, call)
    except RefundError as error:
        result = error
    return told(result), [(deviation.pointer, deviation.rule) for deviation in deviations]


def body_for(provider: str, status: int) -> dict[str, Any]:
    if status >= 300:
        return REFUSING[provider]
    return ACCEPTING.get(status, accepting(CALLS[provider][0]))


def test_every_code_that_paybyrds_contract_lists_has_the_verdict_of_the_documents() -> None:
    listed = effective("paybyrd")["components"]["schemas"]["PaybyrdCode"]["x-extensible-enum"]
    verdicts = {code: (status, *verdict("paybyrd", status, {"code": code})) for code, (status, _) in BY_CODE.items()}
    assert verdicts == {code: (*BY_CODE[code], []) for code in listed}


def test_every_word_that_blinks_contract_lists_has_the_verdict_of_the_documents() -> None:
    listed = effective("blink")["components"]["schemas"]["RefundResponse"]["properties"]["status"]["x-extensible-enum"]
    assert {word: verdict("blink", 200, {"status": word}) for word in BY_WORD} == {
        word: (BY_WORD[word], []) for word in listed
    }


@pytest.mark.parametrize(
    ("provider", "status", "body", "pointer"),
    [
        ("paybyrd", 200, {"code": "BYRD998"}, "/code"),
        ("paybyrd", 400, {"code": "byrd230"}, "/code"),
        ("blink", 200, {"status": "refunded"}, "/status"),
    ],
)
def test_a_value_that_the_contract_does_not_list_is_unknown_and_told(
    provider: str, status: int, body: dict[str, Any], pointer: str
) -> None:
    result, deviations = verdict(provider, status, body)
    assert result == "OutcomeUnknown"
    assert [where for where, _ in deviations] == [pointer]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_status_that_the_contract_describes_has_a_verdict(provider: str) -> None:
    statuses = [one.statuses[0] for one in described(provider)]
    assert {status: verdict(provider, status, body_for(provider, status)) for status in statuses} == {
        status: (result, []) for status, result in BY_STATUS[provider].items()
    }


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_status_that_the_contract_does_not_describe_is_unknown_and_told(provider: str) -> None:
    known = {status for one in described(provider) for status in one.statuses}
    for status in set(range(200, 600)) - known:
        for body in (REFUSING[provider], accepting(CALLS[provider][0])):
            result, deviations = verdict(provider, status, body)
            assert (status, result, [where for where, _ in deviations]) == (status, "OutcomeUnknown", [""])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_reply_that_was_cut_off_is_unknown_whatever_its_status_and_body(provider: str) -> None:
    for one in described(provider):
        body = json.dumps(body_for(provider, one.statuses[0])).encode()
        reply = WireReply(one.statuses[0], (), body, complete=False)
        assert told(result_of(CALLS[provider][0], reply)) == "OutcomeUnknown"
