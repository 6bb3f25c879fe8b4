"""A refund that was accepted by a link alone: where the link leads, and which transaction is the refund."""

import re
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
    RefundStatus,
    Resend,
    UnsupportedOperation,
    WireReply,
)
from tests.unit.questions import (
    DONE,
    LINK,
    ORIGIN,
    PENDING,
    SUCCEEDED,
    WORDS,
    Questioned,
    accepted_for_later,
    asked,
    found,
    of_payment,
    pending,
    state,
    status_of,
    tracked,
    transaction,
)
from tests.unit.support import (
    KINDS,
    NO_STATE,
    PAYMENT,
    PROVIDERS,
    Kind,
    Scripted,
    reply,
    scripted,
)

both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)


# The transactions of a 202.


@pytest.mark.parametrize("kind", KINDS)
def test_a_202_is_followed_by_its_link(kind: Kind) -> None:
    body = {"code": "BYRD010", "links": {"href": LINK, "rel": "transactions", "type": "GET"}}
    transport = Questioned(tracked(transaction()), answers=[reply(202, body)])
    with scripted(kind, "paybyrd", transport) as client:
        refund = client.ask("paybyrd")
        told = asked(client, refund)
    assert (refund.status, refund.refund_id, refund.tracking_id) == (PENDING, None, LINK)
    assert (told.status, told.refund_id, told.tracking_id) == (SUCCEEDED, "refund-1", LINK)
    assert [request.url for request in transport.asked] == [ORIGIN + LINK]


def test_a_refund_whose_id_is_known_is_asked_for_by_that() -> None:
    transport = Scripted(NO_STATE, state=state("paybyrd", "Success"))
    with scripted("sync", "paybyrd", transport) as client:
        asked(client, pending("paybyrd", tracking_id=LINK))
    assert [request.url for request in transport.asked] == [f"{ORIGIN}/api/v2/transactions/refund-1"]


def test_no_transaction_yet_is_pending() -> None:
    told, departures = found("paybyrd", tracked(), accepted_for_later())
    assert isinstance(told, Refund)
    assert (told.status, told.refund_id, departures) == (PENDING, None, [])


@pytest.mark.parametrize("word", WORDS["paybyrd"])
def test_one_transaction_is_the_refund(word: str) -> None:
    for answer in (tracked({"status": word}), reply(200, {"status": word})):
        assert status_of("paybyrd", answer, accepted_for_later()) is WORDS["paybyrd"][word]


@pytest.mark.parametrize("word", WORDS["paybyrd"])
def test_of_several_transactions_the_one_of_this_payment_and_amount_is_the_refund(word: str) -> None:
    others = [
        transaction(transactionId="refund-2", isoAmount=-99),
        transaction(transactionId="refund-3", referencedTransactions=[{"transactionId": "payment-2"}]),
        transaction(transactionId="refund-4", referencedTransactions=[]),
        {"transactionId": PAYMENT, "status": "Success", "operationType": "Payment", "isoAmount": 100},
        {},
    ]
    mine = transaction(status=word, code=None)
    for place in range(len(others) + 1):
        told, departures = found("paybyrd", tracked(*others[:place], mine, *others[place:]), accepted_for_later())
        assert isinstance(told, Refund)
        assert (told.status, told.refund_id) == (WORDS["paybyrd"][word], "refund-1")
        assert departures == [f"/{place}/code"]


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
def test_several_transactions_of_which_not_one_is_the_refund_are_no_state(transactions: Any) -> None:
    told, _ = found("paybyrd", tracked(*transactions), accepted_for_later())
    assert type(told) is LookupFailed
    assert (told.resend, told.refund) == (Resend.NEVER, accepted_for_later())


@pytest.mark.parametrize("answer", [tracked(1), tracked(transaction(), None), tracked([]), tracked("Success")])
def test_a_list_of_what_is_no_transaction_is_no_state(answer: WireReply) -> None:
    assert status_of("paybyrd", answer, accepted_for_later()) is LookupFailed


@pytest.mark.parametrize("word", WORDS["paybyrd"])
@pytest.mark.parametrize("link", [LINK, f"/api/v2/transactions/{PAYMENT}"])
def test_the_payment_itself_is_never_taken_for_its_refund(word: str, link: str) -> None:
    payment = {"transactionId": PAYMENT, "status": word, "operationType": "Payment", "isoAmount": 100}
    for answer in (tracked(payment), reply(200, payment)):
        assert status_of("paybyrd", answer, accepted_for_later(tracking_id=link)) in (PENDING, LookupFailed)


@every_provider
def test_a_refund_id_that_is_the_payments_own_says_nothing_of_the_refund(provider: str) -> None:
    accepting = {
        "lab4pay": {"transaction_id": PAYMENT},
        "paybyrd": {"code": "BYRD201", "isoAmount": 100, "transactionId": PAYMENT},
        "blink": {"status": "pending", "amount": 1, "refunded_transaction_id": PAYMENT},
    }
    settled = "Accepted" if provider == "blink" else DONE[provider]
    transport = Questioned(state(provider, settled), answers=[reply(200, accepting[provider])])
    told: RefundStatus | type[RefundError]
    with scripted("sync", provider, transport) as client:
        try:
            told = asked(client, of_payment(client, provider)).status
        except RefundError as error:
            told = type(error)
    assert told in (PENDING, LookupFailed, OutcomeUnknown, RefundMismatch, UnsupportedOperation)


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
        assert asked(client, accepted_for_later(tracking_id=link)).status is PENDING
    assert [question.url for question in transport.asked] == [ORIGIN + GOOD_LINKS[link]]


@both_kinds
@pytest.mark.parametrize("verb", ["lookup", "wait"])
def test_a_link_that_leads_elsewhere_is_refused_and_nothing_is_asked(kind: Kind, verb: str) -> None:
    for link in HOSTILE_LINKS:
        transport = Scripted(NO_STATE, state=tracked())
        with scripted(kind, "paybyrd", transport) as client, pytest.raises(InvalidRefund) as refused:
            asked(client, accepted_for_later(tracking_id=link), verb)
        error = refused.value
        assert (type(error), error.field, error.resend) == (InvalidRefund, "tracking_id", Resend.NEVER), link
        assert (error.provider, error.reference) == ("paybyrd", "reference-1")
        assert transport.asked == transport.sent == []


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
def test_no_link_at_all_leads_out_of_the_transactions(link: str) -> None:
    transport = Scripted(NO_STATE, state=tracked())
    refund = accepted_for_later(tracking_id=link)
    within = re.fullmatch(rf"({ORIGIN})?(/api/v2/transactions(\?requestId=|/)[0-9A-Za-z-]{{1,200}})", link)
    with scripted("sync", "paybyrd", transport) as client:
        if within is None:
            with pytest.raises(InvalidRefund):
                asked(client, refund)
        else:
            assert asked(client, refund).status is PENDING
    assert [question.url for question in transport.asked] == ([] if within is None else [ORIGIN + within[2]])


@both_kinds
def test_a_202_whose_link_leads_elsewhere_is_pending_without_it_and_told(kind: Kind) -> None:
    for link in HOSTILE_LINKS:
        transport = Scripted(reply(202, {"code": "BYRD010", "links": {"href": link}}), state=tracked())
        with scripted(kind, "paybyrd", transport) as client:
            told = client.ask("paybyrd")
            assert (told.status, told.tracking_id) == (PENDING, None), link
            assert [deviation.pointer for deviation in client.deviations] == ["/links/href"], link
            with pytest.raises(UnsupportedOperation):
                asked(client, told)
        assert transport.asked == []
