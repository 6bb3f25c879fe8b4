"""The facade reads every reply example of a contract; each finding is listed beside the contract."""

import json
from pathlib import Path
from typing import Any

import pytest

from refundry import ContractDeviation, RefundClient, RefundError, RefundMismatch, WireReply
from scripts.contracts import contradictions
from scripts.contracts.contract import vendored_document
from scripts.contracts.contradictions import Comparison, Finding, compare
from scripts.contracts.document import Document, parse
from scripts.contracts.pointers import keys
from tests.contract.support import ONCE, Script, account, ask, named
from tests.providers import PROVIDERS, RECORDS

FACADE = frozenset({"facade"})
PAYBYRD = Path(vendored_document("paybyrd").place("").rpartition(":")[0])


def examples(document: Document) -> list[tuple[int, str, Any]]:
    """Return each example of a reply: its status, the pointer to its value, and the value."""
    found = [(keys(one.schema), one) for one in contradictions.examples(document)]
    return [
        (int(path[path.index("responses") + 1]), one.pointer, one.value) for path, one in found if "responses" in path
    ]


def facade_findings(provider: str, document: Document) -> set[Finding]:
    """Return the places of the facade's findings in an example: the whole of it, or a value in it."""
    found: set[Finding] = set()
    for status, pointer, value in examples(document):
        call = RECORDS[provider].contract.calls[0]
        deviations: list[ContractDeviation] = []
        script = Script(WireReply(status, (), json.dumps(value).encode()))
        try:
            ask(RefundClient([account(provider, script)], retry=ONCE, on_deviation=deviations.append), call)
        except RefundError as error:
            found |= set(_faults(error, pointer))
        found |= {Finding(pointer + one.pointer, one.rule, "facade") for one in deviations}
    return found


def _faults(error: RefundError, pointer: str) -> list[Finding]:
    if isinstance(error, RefundMismatch):
        return [Finding(pointer, f"{name} differs", "facade") for name, _, _ in error.differences]
    return [Finding(pointer, "OutcomeUnknown", "facade")] if named(error) == "OutcomeUnknown" else []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_findings_of_the_facade_in_the_examples_are_the_listed_ones(provider: str) -> None:
    found = facade_findings(provider, vendored_document(provider))
    assert compare(found, contradictions.decisions(provider), FACADE) == Comparison(frozenset(), frozenset())


def test_each_reply_example_of_paybyrd_is_checked_and_no_other_contract_has_any() -> None:
    looked_at = {provider: examples(vendored_document(provider)) for provider in PROVIDERS}
    assert [(status, keys(pointer)[-2]) for status, pointer, _ in looked_at["paybyrd"]] == [
        (200, "RefundResponseExample"),
        (202, "AcceptedResponseExample"),
        (400, "PaymentAlreadyRefundedExample"),
        (404, "RefundTransactionNotFoundExample"),
    ]
    assert looked_at["lab4pay"] == looked_at["blink"] == []


@pytest.mark.parametrize(
    ("old", "new", "example", "rule"),
    [
        ("        code: BYRD200\n", "        code: BYRD203\n", "RefundResponseExample/value", "OutcomeUnknown"),
        ("        code: BYRD010\n", "        code: BYRD230\n", "AcceptedResponseExample/value", "OutcomeUnknown"),
        ("        isoAmount: 100\n        amount", "        isoAmount: 101\n        amount", None, "amount differs"),
        (
            "          transactionId: c16ce479-319d-4e7b-a966-7735c34b2cc5\n",
            "          transactionId: another\n",
            None,
            "payment_id differs",
        ),
    ],
)
def test_an_example_that_the_facade_does_not_read_as_its_status_says_is_found(
    old: str, new: str, example: str | None, rule: str
) -> None:
    text = PAYBYRD.read_text(encoding="utf-8")
    assert text.count(old) == 1
    found = facade_findings("paybyrd", parse(text.replace(old, new), "openapi.yaml"))
    pointer = f"/components/examples/{example or 'RefundResponseExample/value'}"
    assert Finding(pointer, rule, "facade") in found


def test_a_value_that_the_facade_reads_as_a_deviation_is_found_at_its_place() -> None:
    old = "          isoRemainingAmount: 200\n          transactionId"
    text = PAYBYRD.read_text(encoding="utf-8")
    assert text.count(old) == 1
    found = facade_findings("paybyrd", parse(text.replace("200\n          tr", "x\n          tr"), "openapi.yaml"))
    at = "/components/examples/RefundResponseExample/value/sourceTransaction/isoRemainingAmount"
    assert found == {Finding(at, "is not a whole number", "facade")}


def test_a_listed_finding_that_no_longer_occurs_is_named() -> None:
    gone = Finding("/components/examples/RefundResponseExample/value/code", "OutcomeUnknown", "facade")
    found = facade_findings("paybyrd", vendored_document("paybyrd"))
    assert compare(found, {gone}, FACADE) == Comparison(frozenset(), frozenset({gone}))
