"""For any reply of a provider, the facade claims only what the reply proves, in its own types."""

import json
import re

import pytest
from hypothesis import assume, given, settings
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
from tests.contract.evidence import results
from tests.contract.openapi import schema_errors
from tests.contract.replies import (
    MARK,
    Case,
    bodies,
    described,
    documented,
    hints,
    operations,
    undocumented,
)
from tests.contract.support import CREDENTIALS, check_pickle, named, result_of
from tests.providers import PROVIDERS, RECORDS
from tests.providers.record import Call, value_at


def possible(provider: str) -> set[str]:
    """Return every outcome of a refund that was answered."""
    record = RECORDS[provider]
    verdicts = [*record.contract.by_status.values(), *(verdict for _, verdict in record.contract.by_code.values())]
    mismatch = {"RefundMismatch"} if record.reports else set()
    return {verdict.partition(" ")[0] for verdict in verdicts} | mismatch


def resend(error: RefundError, provider: str) -> Resend:
    """Return whether the refund may be resent after the exception of a reply."""
    if type(error) in (RefundRejected, AuthenticationFailed):
        return Resend.SAFE
    assert type(error) in (OutcomeUnknown, RefundMismatch)
    return Resend.SAME_REFERENCE if RECORDS[provider].deduplicates else Resend.NEVER


def check_refund(refund: Refund, call: Call, reply: WireReply) -> None:
    body = json.loads(reply.body.decode("utf-8-sig"))
    named_with_reason = value_at(body, RECORDS[call.provider].refund_id_at)
    assert (refund.provider, refund.reference, refund.payment_id) == (call.provider, call.reference, call.payment_id)
    assert refund.amount == (call.amount if isinstance(call.amount, Money) else None)
    digits = (
        str(int(named_with_reason))
        if isinstance(named_with_reason, int | float)
        and not isinstance(named_with_reason, bool)
        and _is_exact(named_with_reason)
        else named_with_reason
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
    assert error.resend is resend(error, call.provider)
    assert (error.provider, error.reference) == (call.provider, call.reference)
    assert error.raw == reply
    assert error.http_status == reply.status
    check_texts(error, reply.body)
    check_pickle(error)


def check_texts(error: RefundError, body: bytes) -> None:
    """Fail where the body or a value in it shows, except the values that a mismatch names."""
    texts = f"{error}\n{error!r}"
    named_values = [value for _, _, value in error.differences] if isinstance(error, RefundMismatch) else []
    assert MARK in named_values or MARK not in texts
    whole = body.decode("utf-8", "replace")
    assert len(whole) < 24 or whole not in texts
    assert not any(credential in texts for credential in CREDENTIALS)


def checked(call: Call, reply: WireReply) -> str:
    """Make the call, check its outcome against the reply, and return its name."""
    result = result_of(call, reply)
    assert named(result) in results(call, reply), repr(result)
    if isinstance(result, Refund):
        check_refund(result, call, reply)
    else:
        check_error(result, call, reply)
    return named(result)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_reply_has_exactly_the_outcome_that_it_proves(provider: str) -> None:
    cases = 300
    seen: list[str] = []
    for kind in (documented, undocumented):

        @settings(max_examples=cases, deadline=None)
        @given(kind(provider))
        def check(case: Case) -> None:
            # An echoed credential is redacted, which other tests try. Hypothesis finds the credentials in the sources.
            assume(not any(credential.encode() in case.reply.body for credential in CREDENTIALS))
            seen.append(checked(case.call, case.reply))

        check()
    assert len(seen) >= 2 * cases
    assert set(seen) == possible(provider)


@pytest.mark.parametrize(("provider", "operation_id"), [(one, name) for one in PROVIDERS for name in operations(one)])
def test_the_bodies_that_are_made_for_a_contract_fit_its_schemas(provider: str, operation_id: str) -> None:
    contract = RECORDS[provider].contract.effective()
    call = RECORDS[provider].contract.calls[0]

    replies = described(provider, operation_id)
    assert replies

    @settings(max_examples=25, deadline=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        for one in replies:
            body = data.draw(bodies(contract, one.schema, hints(call)))
            assert set(schema_errors(contract, one.pointer, body)) == set()

    check()
