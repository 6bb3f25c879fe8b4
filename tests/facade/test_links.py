"""A refund accepted with only a link: where the link leads, and which transaction is the refund."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundry import (
    InvalidRefund,
    LookupFailed,
    OutcomeUnknown,
    Refund,
    RefundError,
    RefundMismatch,
    RefundRejected,
    RefundStatus,
    Resend,
    UnsupportedOperation,
    WireReply,
)
from tests.facade.questions import (
    BRIEFLY,
    HTML,
    LINK,
    LOST,
    ORIGIN,
    PENDING,
    SUCCEEDED,
    LookupScript,
    accepted_for_later,
    created,
    dated,
    found,
    looked_up,
    of_payment,
    pending,
    state,
    status_of,
    tracked,
    transaction,
    written,
)
from tests.facade.support import KINDS, NO_STATE, Answer, Kind, Scripted, caller, scripted
from tests.providers import PROVIDERS, RECORDS, account
from tests.providers.record import PAYMENT, reply, with_value

both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)


# The transactions of a 202.


@pytest.mark.parametrize("kind", KINDS)
def test_a_202_is_followed_by_its_link(kind: Kind) -> None:
    body = {"code": "BYRD010", "links": {"href": LINK, "rel": "transactions", "type": "GET"}}
    transport = LookupScript(tracked(transaction()), answers=[reply(202, body)])
    with scripted(kind, "paybyrd", transport) as client:
        refund = client.ask("paybyrd")
        outcome = looked_up(client, refund)
    assert (refund.status, refund.refund_id, refund.tracking_id) == (PENDING, None, LINK)
    assert (outcome.status, outcome.refund_id, outcome.tracking_id) == (SUCCEEDED, "refund-1", LINK)
    assert [request.url for request in transport.lookups] == [ORIGIN + LINK]


def test_a_replay_of_a_202_has_its_link() -> None:
    body = {"code": "BYRD010", "links": {"href": LINK, "rel": "transactions", "type": "GET"}}
    with scripted("sync", "paybyrd", Scripted(reply(202, body))) as client:
        first, again = client.ask("paybyrd"), client.ask("paybyrd")
    assert (first.tracking_id, again.tracking_id, again.replayed) == (LINK, LINK, True)


def test_a_refund_with_a_known_id_is_looked_up_by_that_id() -> None:
    transport = Scripted(NO_STATE, state=state("paybyrd", "Success"))
    with scripted("sync", "paybyrd", transport) as client:
        looked_up(client, pending("paybyrd", tracking_id=LINK))
    assert [request.url for request in transport.lookups] == [f"{ORIGIN}/api/v2/transactions/refund-1"]


def test_no_transaction_yet_is_pending() -> None:
    outcome, deviations = found("paybyrd", tracked(), accepted_for_later())
    assert isinstance(outcome, Refund)
    assert (outcome.status, outcome.refund_id, deviations) == (PENDING, None, [])


@pytest.mark.parametrize("word", RECORDS["paybyrd"].states.words)
def test_one_transaction_is_the_refund(word: str) -> None:
    for outcome in ({"status": word, "createdDate": created()}, transaction(status=word, code=None)):
        for answer in (tracked(outcome), dated(outcome)):
            assert status_of("paybyrd", answer, accepted_for_later()) is RECORDS["paybyrd"].states.words[word]


@pytest.mark.parametrize("word", RECORDS["paybyrd"].states.words)
def test_of_several_transactions_the_one_of_this_payment_and_amount_is_the_refund(word: str) -> None:
    others = [
        transaction(transactionId="refund-2", isoAmount=-99),
        transaction(transactionId="refund-3", referencedTransactions=[{"transactionId": "payment-2"}]),
        transaction(transactionId="refund-4", referencedTransactions=[]),
        {"transactionId": PAYMENT, "status": "Success", "operationType": "Payment", "isoAmount": 100},
        {},
    ]
    matching = transaction(status=word, code=None)
    for place in range(len(others) + 1):
        outcome, deviations = found(
            "paybyrd", tracked(*others[:place], matching, *others[place:]), accepted_for_later()
        )
        assert isinstance(outcome, Refund)
        assert (outcome.status, outcome.refund_id) == (RECORDS["paybyrd"].states.words[word], "refund-1")
        assert deviations == [f"/{place}/code"]


@pytest.mark.parametrize(
    "transactions",
    [
        (transaction(), transaction(transactionId="refund-2")),
        (transaction(status="Denied"), transaction(transactionId="refund-2", status="Denied")),
        (transaction(), transaction(), transaction()),
        (transaction(isoAmount=-99), transaction(isoAmount=-101)),
        ({}, {}),
        ({"status": "Success"}, {"status": "Denied"}),
    ],
)
def test_several_transactions_of_which_none_is_the_refund_give_no_state(transactions: Any) -> None:
    refund = accepted_for_later()
    outcome, _ = found("paybyrd", tracked(*transactions), refund)
    assert type(outcome) is LookupFailed
    assert (outcome.resend, outcome.refund) == (Resend.NEVER, refund)


@pytest.mark.parametrize("answer", [tracked(1), tracked(transaction(), None), tracked([]), tracked("Success")])
def test_a_list_without_transactions_gives_no_state(answer: WireReply) -> None:
    assert status_of("paybyrd", answer, accepted_for_later()) is LookupFailed


@pytest.mark.parametrize("word", RECORDS["paybyrd"].states.words)
@pytest.mark.parametrize("link", [LINK, f"/api/v2/transactions/{PAYMENT}"])
def test_a_payment_is_never_mistaken_for_its_refund(word: str, link: str) -> None:
    payment = {"transactionId": PAYMENT, "status": word, "operationType": "Payment", "isoAmount": 100}
    for answer in (tracked(payment), reply(200, payment)):
        assert status_of("paybyrd", answer, accepted_for_later(tracking_id=link)) in (PENDING, LookupFailed)


@every_provider
def test_a_refund_id_equal_to_the_payment_id_says_nothing_about_the_refund(provider: str) -> None:
    record = RECORDS[provider]
    accepting = with_value(json.loads(record.pending.body), record.refund_id_at, PAYMENT)
    settled = "Accepted" if provider == "blink" else RECORDS[provider].states.done
    transport = LookupScript(state(provider, settled), answers=[reply(200, accepting)])
    outcome: RefundStatus | type[RefundError]
    with scripted("sync", provider, transport) as client:
        try:
            outcome = looked_up(client, of_payment(client, provider)).status
        except RefundError as error:
            outcome = type(error)
    assert outcome in (PENDING, LookupFailed, OutcomeUnknown, RefundMismatch, UnsupportedOperation)


# The link of a 202.


HOSTILE_LINKS: Final = (
    "",
    "/",
    "/api/v2/transactions",
    "/api/v2/transactions/",
    "/api/v2/transactions?",
    "/api/v2/transactions?requestId=",
    f"{LINK}&requestId=request-2",
    f"{LINK}&acquirerCustomId=a",
    f"{LINK}#fragment",
    f"{LINK}\r\nX-Header: a",
    f"{LINK}\n",
    f" {LINK}",
    f"{LINK}%26a=b",
    "/api/v2/transactions?acquirerCustomId=a",
    "/api/v2/transactions?requestid=request-1",
    "/api/v2/transactions//request-1",
    "/api/v2/transactions/..",
    "/api/v2/transactions/../refund/payment-1",
    "/api/v2/transactions/..%2frefund%2fpayment-1",
    "/api/v2/transactions/%2e%2e/refund/payment-1",
    "/api/v2/transactions/a;b",
    "/api/v2/refund/payment-1",
    "/api/v2/refund/../transactions?requestId=request-1",
    "/api/v1/transactions?requestId=request-1",
    "/API/V2/TRANSACTIONS?requestId=request-1",
    "api/v2/transactions?requestId=request-1",
    f"/{LINK}",
    f"//gateway.paybyrd.com{LINK}",
    f"//evil.example{LINK}",
    f"\\\\evil.example{LINK}",
    f"https://evil.example{LINK}",
    f"http://evil@gateway.paybyrd.com{LINK}",
    f"https://evil@gateway.paybyrd.com{LINK}",
    f"https://gateway.paybyrd.com@evil.example{LINK}",
    f"https://gateway.paybyrd.com.evil.example{LINK}",
    f"https://gatewaysandbox.paybyrd.com{LINK}",
    f"http://gateway.paybyrd.com{LINK}",
    f"https://gateway.paybyrd.com:8443{LINK}",
    f"{ORIGIN}{ORIGIN}{LINK}",
    f"javascript:{LINK}",
    f"/api/v2/transactions/{'a' * 201}",
    "/api/v2/transactions/\xe9",
    "/api/v2/transactions/\u0661",
)
GOOD_LINKS: Final = {
    LINK: LINK,
    ORIGIN + LINK: LINK,
    "/api/v2/transactions/refund-1": "/api/v2/transactions/refund-1",
    f"{ORIGIN}/api/v2/transactions/refund-1": "/api/v2/transactions/refund-1",
}


@both_kinds
@pytest.mark.parametrize("link", GOOD_LINKS)
def test_a_link_to_the_transactions_of_the_same_host_is_followed(kind: Kind, link: str) -> None:
    transport = Scripted(NO_STATE, state=tracked())
    with scripted(kind, "paybyrd", transport) as client:
        assert looked_up(client, accepted_for_later(tracking_id=link)).status is PENDING
    assert [lookup.url for lookup in transport.lookups] == [ORIGIN + GOOD_LINKS[link]]


@both_kinds
@pytest.mark.parametrize("verb", ["lookup", "wait"])
def test_a_link_that_leads_elsewhere_is_refused_and_nothing_is_sent(kind: Kind, verb: str) -> None:
    for link in HOSTILE_LINKS:
        transport = Scripted(NO_STATE, state=tracked())
        with scripted(kind, "paybyrd", transport) as client, pytest.raises(InvalidRefund) as refused:
            looked_up(client, accepted_for_later(tracking_id=link), verb)
        error = refused.value
        assert (type(error), error.field, error.resend) == (InvalidRefund, "tracking_id", Resend.NEVER), link
        assert (error.provider, error.reference) == ("paybyrd", "reference-1")
        assert transport.lookups == transport.sent == []


pieces = st.sampled_from(
    [
        *GOOD_LINKS,
        ORIGIN,
        "/api/v2/transactions",
        "?requestId=",
        "/",
        "..",
        "%2f",
        "&a=b",
        "#",
        "@evil.example",
        "a",
        "\n",
    ]
)


@given(st.text() | st.lists(pieces, max_size=5).map("".join))
def test_no_link_leads_out_of_the_transactions(link: str) -> None:
    transport = Scripted(NO_STATE, state=tracked())
    refund = accepted_for_later(tracking_id=link)
    within = re.fullmatch(rf"({ORIGIN})?(/api/v2/transactions(\?requestId=|/)[0-9A-Za-z-]{{1,200}})", link)
    with scripted("sync", "paybyrd", transport) as client:
        if within is None:
            with pytest.raises(InvalidRefund):
                looked_up(client, refund)
        else:
            assert looked_up(client, refund).status is PENDING
    assert [lookup.url for lookup in transport.lookups] == ([] if within is None else [ORIGIN + within[2]])


@both_kinds
def test_a_202_whose_link_leads_elsewhere_is_pending_without_a_link_and_reported(kind: Kind) -> None:
    for link in HOSTILE_LINKS:
        transport = Scripted(reply(202, {"code": "BYRD010", "links": {"href": link}}), state=tracked())
        with scripted(kind, "paybyrd", transport) as client:
            outcome = client.ask("paybyrd")
            assert (outcome.status, outcome.tracking_id) == (PENDING, None), link
            assert [deviation.pointer for deviation in client.deviations] == ["/links/href"], link
            with pytest.raises(UnsupportedOperation):
                looked_up(client, outcome)
        assert transport.lookups == []


# An unknown refund at Paybyrd that a lookup resolves.


STORED: Final = reply(500, {"code": "BYRD999"}, (("requestid", "request-1"),))
DENIED: Final = tracked(transaction(status="Denied", code="BYRD205"))


def refunded(*answers: Answer, answer: Answer, times: int = 1) -> tuple[Refund | RefundError, LookupScript]:
    """Return the outcome of a refund at Paybyrd with these answers, and with this answer to a lookup."""
    transport = LookupScript(answer, answers=answers)
    outcome: Refund | RefundError | None = None
    with caller("sync", account("paybyrd", transport=transport), retry=BRIEFLY) as client:
        for _ in range(times):
            try:
                outcome = client.ask("paybyrd")
            except RefundError as error:
                outcome = error
    assert outcome is not None
    return outcome, transport


@pytest.mark.parametrize("code", ["BYRD230", "BYRD231"])
def test_a_transaction_that_the_first_attempt_may_have_caused_resolves_nothing(code: str) -> None:
    outcome, _ = refunded(LOST, STORED, answer=tracked(transaction(status="Denied", code=code)))
    assert type(outcome) is OutcomeUnknown
    assert outcome.resend is Resend.SAME_REFERENCE


def test_a_transaction_of_a_later_attempt_does_not_resolve_an_earlier_lost_attempt() -> None:
    outcome, transport = refunded(LOST, STORED, answer=DENIED)
    assert type(outcome) is OutcomeUnknown
    assert outcome.resend is Resend.SAME_REFERENCE
    assert len({dict(request.headers)["idempotency-key"] for request in transport.sent}) == 1


def test_a_transaction_of_a_later_call_does_not_resolve_an_earlier_lost_call() -> None:
    outcome, transport = refunded(LOST, LOST, LOST, STORED, answer=DENIED, times=2)
    assert type(outcome) is OutcomeUnknown
    assert outcome.resend is Resend.SAME_REFERENCE
    assert len({dict(request.headers)["idempotency-key"] for request in transport.sent}) == 1


@pytest.mark.parametrize(
    "answer",
    [
        tracked(),
        tracked({"status": "Denied"}),
        tracked(transaction(status="Denied", transactionId=None)),
        tracked(transaction(status="Denied", isoAmount=None)),
        tracked(transaction(status="Denied", referencedTransactions=None)),
        tracked(transaction(status="Denied", isoAmount=-99)),
        tracked(transaction(status="Denied"), transaction(transactionId="refund-2", status="Denied")),
        tracked(transaction(status="Denied", currency="GBP")),
        reply(200, HTML),
        reply(404, {"code": "BYRD901"}),
        LOST,
    ],
)
def test_an_unknown_refund_stays_unknown_where_no_transaction_identifies_it(answer: Answer) -> None:
    outcome, _ = refunded(STORED, answer=answer)
    assert type(outcome) is OutcomeUnknown
    assert outcome.resend is Resend.SAME_REFERENCE


# Only a transaction that was created after the sending can be the refund.

TIMES: Final = {
    # By how many seconds the provider's clock is ahead, and how long after the sending it dates the transaction.
    "made since": (0, 5, True),
    "made since, by a clock that is ahead": (3600, 5, True),
    "made since, by a clock that is behind": (-3600, 5, True),
    "made since, by the clock of another day": (-100_000, 5, True),
    "made a minute before": (0, -60, False),
    "made a minute before, by a clock that is ahead": (3600, -60, False),
    "made a minute before, by a clock that is behind": (-3600, -60, False),
    "made yesterday": (0, -86_400, False),
    "made yesterday, by a clock that is a day ahead": (86_400, -86_400, False),
    "made yesterday, by a clock that is behind": (-100_000, -86_400, False),
}
WITHOUT_TIME: Final[Mapping[str, tuple[dict[str, Any], tuple[tuple[str, str], ...] | None]]] = {
    "no time at which it was made": ({"createdDate": None}, None),
    "a time without its zone": ({"createdDate": "2999-01-01T00:00:00"}, None),
    "a time that is none": ({"createdDate": "tomorrow"}, None),
    "no Date": ({}, ()),
    "a Date that is none": ({}, (("date", "tomorrow"),)),
    "neither": ({"createdDate": None}, ()),
}
both_words = pytest.mark.parametrize("word", ["Success", "Denied"])


def by_clock(word: str, ahead: float, after: float) -> WireReply:
    """Return the list with a refund equal to the requested one, created so long after now, by such a clock."""
    clock = datetime.now(UTC) + timedelta(seconds=ahead)
    made = written(clock + timedelta(seconds=after))
    return dated([transaction(status=word, code=None, createdDate=made)], clock)


def without_time(word: str, case: str) -> WireReply:
    """Return the list with a refund equal to the requested one, where one of the times is missing."""
    changes, headers = WITHOUT_TIME[case]
    answer = tracked(transaction(status=word, code=None, **changes))
    return answer if headers is None else replace(answer, headers=headers)


def assert_as_it_was(outcome: Refund | RefundError) -> None:
    assert isinstance(outcome, Refund)
    assert (outcome.status, outcome.refund_id, outcome.tracking_id) == (PENDING, None, LINK)


@both_words
@pytest.mark.parametrize("case", TIMES)
def test_a_refund_accepted_with_a_link_is_resolved_by_a_later_transaction(word: str, case: str) -> None:
    ahead, after, resolves = TIMES[case]
    outcome, _ = found("paybyrd", by_clock(word, ahead, after), accepted_for_later())
    if resolves:
        assert isinstance(outcome, Refund)
        assert (outcome.status, outcome.refund_id) == (RECORDS["paybyrd"].states.words[word], "refund-1")
    else:
        assert_as_it_was(outcome)


@both_words
@pytest.mark.parametrize("case", WITHOUT_TIME)
def test_a_refund_accepted_with_a_link_stays_pending_where_a_time_is_missing(word: str, case: str) -> None:
    outcome, _ = found("paybyrd", without_time(word, case), accepted_for_later())
    assert_as_it_was(outcome)


@both_words
def test_a_refund_accepted_with_a_link_stays_pending_where_its_sending_time_is_missing(word: str) -> None:
    outcome, _ = found("paybyrd", tracked(transaction(status=word, code=None)), accepted_for_later(sent_at=None))
    assert_as_it_was(outcome)


@both_words
def test_a_transaction_without_an_id_resolves_no_earlier_refund(word: str) -> None:
    made = written(datetime.now(UTC) - timedelta(days=1))
    for changes in ({"createdDate": made}, {"createdDate": None}):
        outcome, _ = found("paybyrd", tracked({"status": word, **changes}), accepted_for_later())
        assert_as_it_was(outcome)


def test_a_stored_refund_keeps_its_sending_time_for_a_lookup_in_another_process() -> None:
    accepting = reply(202, {"code": "BYRD010", "links": {"href": LINK}})
    with scripted("sync", "paybyrd", Scripted(accepting)) as client:
        stored = json.dumps(client.ask("paybyrd").to_dict())
    for after, status in ((-60, PENDING), (60, SUCCEEDED)):
        transport = Scripted(NO_STATE, state=by_clock("Success", 0, after))
        with scripted("sync", "paybyrd", transport) as client:
            assert looked_up(client, json.loads(stored)).status is status


@both_kinds
def test_the_failure_of_an_equal_refund_of_yesterday_frees_no_reference(kind: Kind) -> None:
    accepting = reply(202, {"code": "BYRD010", "links": {"href": LINK}})
    transport = LookupScript(by_clock("Denied", 0, -86_400), answers=[accepting])
    with scripted(kind, "paybyrd", transport) as client:
        assert_as_it_was(looked_up(client, client.ask("paybyrd")))
        assert client.ask("paybyrd").replayed
    assert len(transport.sent) == 1


@both_words
@pytest.mark.parametrize("case", TIMES)
def test_an_unknown_refund_is_resolved_by_a_later_transaction(word: str, case: str) -> None:
    ahead, after, resolves = TIMES[case]
    outcome, _ = refunded(STORED, answer=by_clock(word, ahead, after))
    assert type(outcome) is ((Refund if word == "Success" else RefundRejected) if resolves else OutcomeUnknown)
    if isinstance(outcome, Refund):
        assert (outcome.status, outcome.refund_id) == (SUCCEEDED, "refund-1")


@both_words
@pytest.mark.parametrize("case", WITHOUT_TIME)
def test_an_unknown_refund_stays_unknown_where_a_time_is_missing(word: str, case: str) -> None:
    outcome, _ = refunded(STORED, answer=without_time(word, case))
    assert type(outcome) is OutcomeUnknown
    assert outcome.resend is Resend.SAME_REFERENCE
