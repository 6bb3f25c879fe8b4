"""The facade has a verdict on every status and every code that the contracts list, and it is that of the documents."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from refundry import ContractDeviation, RefundClient, RefundError, WireReply
from scripts.contract import effective
from scripts.document import resolve
from tests.contract.replies import accepting, described
from tests.contract.support import ONCE, Script, account, ask, result_of, told
from tests.providers import PROVIDERS, RECORDS


def verdict(provider: str, status: int, body: Mapping[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    """Return what the reply becomes, and what is told of it as a departure from the contract."""
    call = RECORDS[provider].contract.calls[0]
    deviations: list[ContractDeviation] = []
    script = Script(WireReply(status, (), json.dumps(body).encode()))
    client = RefundClient([account(provider, script)], retry=ONCE, on_deviation=deviations.append)
    try:
        result: Any = ask(client, call)
    except RefundError as error:
        result = error
    return told(result), [(deviation.pointer, deviation.rule) for deviation in deviations]


def body_for(provider: str, status: int) -> Mapping[str, Any]:
    """Return a body that goes with the status."""
    contract = RECORDS[provider].contract
    if status >= 300:
        return contract.refusing
    return contract.bodies.get(status, accepting(contract.calls[0]))


@pytest.mark.parametrize("provider", [name for name, record in RECORDS.items() if record.contract.codes_at])
def test_every_code_that_the_contract_lists_has_the_verdict_of_the_documents(provider: str) -> None:
    record = RECORDS[provider].contract
    assert record.codes_at is not None
    listed = resolve(effective(provider), record.codes_at)
    verdicts = {
        code: (status, *verdict(provider, status, {record.code_name: code}))
        for code, (status, _) in record.by_code.items()
    }
    assert verdicts == {code: (*record.by_code[code], []) for code in listed}


@pytest.mark.parametrize(
    ("provider", "status", "code"),
    [(name, *one) for name, record in RECORDS.items() for one in record.contract.unlisted_codes],
)
def test_a_code_that_the_contract_does_not_list_is_unknown_and_told(provider: str, status: int, code: str) -> None:
    name = RECORDS[provider].contract.code_name
    result, deviations = verdict(provider, status, {name: code})
    assert result == "OutcomeUnknown"
    assert [where for where, _ in deviations] == [f"/{name}"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_status_that_the_contract_describes_has_a_verdict(provider: str) -> None:
    statuses = [one.statuses[0] for one in described(provider)]
    assert {status: verdict(provider, status, body_for(provider, status)) for status in statuses} == {
        status: (result, []) for status, result in RECORDS[provider].contract.by_status.items()
    }


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_status_that_the_contract_does_not_describe_is_unknown_and_told(provider: str) -> None:
    known = {status for one in described(provider) for status in one.statuses}
    for status in set(range(200, 600)) - known:
        for body in (RECORDS[provider].contract.refusing, accepting(RECORDS[provider].contract.calls[0])):
            result, deviations = verdict(provider, status, body)
            assert (status, result, [where for where, _ in deviations]) == (status, "OutcomeUnknown", [""])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_reply_that_was_cut_off_is_unknown_whatever_its_status_and_body(provider: str) -> None:
    for one in described(provider):
        body = json.dumps(body_for(provider, one.statuses[0])).encode()
        reply = WireReply(one.statuses[0], (), body, complete=False)
        assert told(result_of(RECORDS[provider].contract.calls[0], reply)) == "OutcomeUnknown"
