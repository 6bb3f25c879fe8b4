"""Whatever a provider replies, the facade says no more than the reply is evidence for, and says it in its own types."""

import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refundry import (
    AuthenticationFailed,
    Money,
    OutcomeUnknown,
    Refund,
    RefundError,
    RefundMismatch,
    RefundRejected,
    Resend,
    WireReply,
)
from scripts.contracts.contract import effective
from scripts.contracts.providers import PROVIDERS
from tests.contract.evidence import results
from tests.contract.openapi import schema_errors
from tests.contract.replies import (
    CALLS,
    MARK,
    Case,
    bodies,
    described,
    documented,
    hints,
    odd_bodies,
    operations,
    undocumented,
)
from tests.contract.support import CREDENTIALS, Call, check_pickle, named, result_of

RESULTS = {
    "lab4pay": {"PENDING", "RefundRejected", "AuthenticationFailed", "OutcomeUnknown"},
    "paybyrd": {"SUCCEEDED", "PENDING", "RefundRejected", "AuthenticationFailed", "OutcomeUnknown", "RefundMismatch"},
    "blink": {"SUCCEEDED", "PENDING", "RefundRejected", "AuthenticationFailed", "OutcomeUnknown", "RefundMismatch"},
}
"""All that can become of a refund that was answered. Lab4Pay never says that it is done, nor what was asked of it."""

RESEND: dict[type[RefundError], Callable[[str], Resend]] = {
    RefundRejected: lambda _: Resend.SAFE,
    AuthenticationFailed: lambda _: Resend.SAFE,
    OutcomeUnknown: lambda provider: Resend.SAME_REFERENCE if provider == "paybyrd" else Resend.NEVER,
    RefundMismatch: lambda provider: Resend.SAME_REFERENCE if provider == "paybyrd" else Resend.NEVER,
}
"""The exceptions that a reply can lead to, and whether the refund may be sent again after each."""


def check_refund(refund: Refund, call: Call, reply: WireReply) -> None:
    body = json.loads(reply.body.decode("utf-8-sig"))
    refund_id = {"lab4pay": "transaction_id", "paybyrd": "transactionId", "blink": "refunded_transaction_id"}
    told = body.get(refund_id[call.provider])
    assert (refund.provider, refund.reference, refund.payment_id) == (call.provider, call.reference, call.payment_id)
    assert refund.amount == (call.amount if isinstance(call.amount, Money) else None)
    digits = (
        str(int(told)) if isinstance(told, int | float) and not isinstance(told, bool) and _is_exact(told) else told
    )
    is_id = isinstance(digits, str) and re.fullmatch(r"(?!\.+\Z)[!$&'()*+,\-.0-9:;=@A-Z_a-z~]{1,200}", digits)
    is_other = isinstance(digits, str) and digits.lower() != (call.payment_id or "").lower()
    assert refund.refund_id == (digits if is_id and is_other and reply.status == 200 else None)
    assert not refund.replayed
    assert refund.raw == reply
    assert Refund.from_dict(refund.to_dict()) == refund


def _is_exact(number: float) -> bool:
    return isinstance(number, int) or (abs(number) < 2**53 and number.is_integer())


def check_error(error: RefundError, call: Call, reply: WireReply) -> None:
    assert error.resend is RESEND[type(error)](call.provider)
    assert (error.provider, error.reference) == (call.provider, call.reference)
    assert error.raw == reply
    assert error.http_status == reply.status
    check_texts(error, reply.body)
    check_pickle(error)


def check_texts(error: RefundError, body: bytes) -> None:
    """Neither the body nor what stands in it is shown, but for the values that a mismatch is there to name."""
    texts = f"{error}\n{error!r}"
    named_values = [value for _, _, value in error.differences] if isinstance(error, RefundMismatch) else []
    assert MARK in named_values or MARK not in texts
    whole = body.decode("utf-8", "replace")
    assert len(whole) < 24 or whole not in texts
    assert not any(credential in texts for credential in CREDENTIALS)


def checked(call: Call, reply: WireReply) -> str:
    """Make the call, hold what becomes of it against the reply, and return its name."""
    result = result_of(call, reply)
    assert named(result) in results(call, reply), repr(result)
    if isinstance(result, Refund):
        check_refund(result, call, reply)
    else:
        check_error(result, call, reply)
    return named(result)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_reply_becomes_what_it_is_evidence_for_and_nothing_else(provider: str) -> None:
    cases = 1_050
    seen: list[str] = []
    for kind in (documented, undocumented):

        @settings(max_examples=cases, deadline=None)
        @given(kind(provider))
        def check(case: Case) -> None:
            seen.append(checked(case.call, case.reply))

        check()
    assert len(seen) >= 2 * cases
    assert set(seen) == RESULTS[provider]


@pytest.mark.parametrize(("provider", "operation_id"), [(one, name) for one in PROVIDERS for name in operations(one)])
def test_the_bodies_that_are_made_for_a_contract_fit_its_schemas(provider: str, operation_id: str) -> None:
    contract = effective(provider)
    call = CALLS[provider][0]

    replies = described(provider, operation_id)
    assert replies

    @settings(max_examples=50, deadline=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        for one in replies:
            body = data.draw(bodies(contract, one.schema, hints(call)))
            assert set(schema_errors(contract, one.pointer, body)) == set()

    check()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_member_with_a_value_that_does_not_fit_is_no_evidence(provider: str) -> None:
    call = CALLS[provider][0]
    replies = [
        WireReply(one.statuses[0], (), body) for one in described(provider) for body in odd_bodies(provider, call)
    ]
    became = [(reply, named(result_of(call, reply))) for reply in replies]
    wrong = [(reply.status, reply.body[:400], result) for reply, result in became if result not in results(call, reply)]
    assert wrong == []
