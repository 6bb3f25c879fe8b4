"""Asking what became of a refund: what each word means, what is not believed, and what is never asked or followed."""

import contextlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from refundry import (
    FULL,
    AuthenticationFailed,
    InvalidRefund,
    LookupFailed,
    Money,
    Operation,
    OutcomeUnknown,
    Reason,
    Refund,
    RefundError,
    RefundMismatch,
    RefundRejected,
    RefundStatus,
    Resend,
    Retry,
    Timeout,
    UnsupportedOperation,
    WireReply,
    WireRequest,
)
from scripts.contract import effective
from tests.unit.questions import (
    DONE,
    HTML,
    LOST,
    PENDING_REPLIES,
    UNDONE,
    UNREACHED,
    VOIDS,
    WORDS,
    Questioned,
    asked,
    pending,
    state,
)
from tests.unit.support import (
    KINDS,
    NO_STATE,
    ONE_EURO,
    PAYMENT,
    PROVIDERS,
    Answer,
    Caller,
    Kind,
    Scripted,
    account,
    caller,
    reply,
    scripted,
)

SUCCEEDED, PENDING, FAILED = RefundStatus.SUCCEEDED, RefundStatus.PENDING, RefundStatus.FAILED

both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)

BRIEFLY: Final = Retry(attempts=3, first_wait=0.001)
"""Retries that cost a test no time."""
ORIGIN: Final = "https://gateway.paybyrd.com"
LINK: Final = "/api/v2/transactions?requestId=request-1"

WORD_AT: Final = {"lab4pay": "/status", "paybyrd": "/status", "blink": "/data/status"}
"""Where the word stands in the reply."""


def tracked(*transactions: object) -> WireReply:
    """Return Paybyrd's reply to a question by requestId."""
    return reply(200, list(transactions))


def transaction(**changes: Any) -> dict[str, Any]:
    """Return a transaction of Paybyrd that says of itself that it is one euro refunded of PAYMENT."""
    own = {"transactionId": "refund-1", "status": "Success", "code": "BYRD200", "isoAmount": -100, "currency": "EUR"}
    return {**own, "referencedTransactions": [{"transactionId": PAYMENT}], **changes}


def found(
    provider: str, answer: Answer, refund: Refund | None = None, **options: Any
) -> tuple[Refund | RefundError, list[str]]:
    """Return what a caller is told of a refund that was asked about, and the pointers of what departs."""
    with scripted("sync", provider, Scripted(NO_STATE, state=answer), **options) as client:
        told: Refund | RefundError
        try:
            told = asked(client, pending(provider) if refund is None else refund)
        except RefundError as error:
            told = error
        return told, [deviation.pointer for deviation in client.deviations]


def status_of(provider: str, answer: Answer, refund: Refund | None = None) -> RefundStatus | type[RefundError]:
    told, _ = found(provider, answer, refund)
    return told.status if isinstance(told, Refund) else type(told)


# Words.


def listed(provider: str) -> list[str]:
    """Return the words that the contract lists for the state of a transaction."""
    schema = "TransactionStatusResponse" if provider == "lab4pay" else "Transaction"
    words = effective(provider)["components"]["schemas"][schema]["properties"]["status"]["x-extensible-enum"]
    assert all(isinstance(word, str) for word in words)
    return [*words]


def spelled(word: str) -> str:
    """Return a word without what its spellings differ in."""
    return " ".join(re.split(r"[\s_-]+", word)).strip().lower()


@every_provider
def test_every_word_of_the_contract_has_a_state(provider: str) -> None:
    assert {spelled(word) for word in listed(provider)} <= {spelled(word) for word in WORDS[provider]}


@both_kinds
@pytest.mark.parametrize(("provider", "word"), [(provider, word) for provider in PROVIDERS for word in WORDS[provider]])
def test_a_word_means_the_same_in_any_case_and_with_any_separators(kind: Kind, provider: str, word: str) -> None:
    separated = [re.sub(r"[\s_-]", between, word) for between in (" ", "_", "-", "  ", "\t", "_-_")]
    for spelling in (word, word.lower(), word.upper(), word.swapcase(), f" {word}\n", *separated):
        transport = Scripted(NO_STATE, state=state(provider, spelling))
        with scripted(kind, provider, transport) as client:
            told = asked(client, pending(provider))
            assert (told.status, told.provider_code) == (WORDS[provider][word], spelling)
            assert client.deviations == []
        assert (len(transport.asked), transport.sent) == (1, [])


UNLISTED: Final = {
    "lab4pay": ["CANCELLED", "COMPLETED", "SUCCESSFUL", "PENDING", "SUCCESS.", "NOT_SUCCESS", "FAILED DECLINED"],
    "paybyrd": ["Cancelled", "Refunded", "Acquirer Success", "AcquirerDenied", "Failed", "Declined", "BYRD200", "200"],
    "blink": ["settled", "Success", "reversed", "Finished", "Referred", "Pending%20Submission", "Fully refunded"],
}


@every_provider
def test_a_word_that_is_not_listed_is_pending_and_told(provider: str) -> None:
    for word in [*UNLISTED[provider], "", " ", "\u0130N_PROGRESS", "\uff33uccess"]:
        told, departures = found(provider, state(provider, word))
        assert isinstance(told, Refund)
        assert (told.status, departures) == (PENDING, [WORD_AT[provider]]), word


near_misses = st.sampled_from(sorted(word for words in WORDS.values() for word in words)).flatmap(
    lambda word: st.sampled_from([word[1:], word[:-1], word * 2, f"{word}s", f"Not {word}", f"{word}\0", word[::-1]])
)


@every_provider
@given(word=st.text() | near_misses)
def test_any_text_that_is_no_listed_word_is_never_a_final_state(provider: str, word: str) -> None:
    assume(spelled(word) not in [spelled(one) for one in WORDS[provider]])
    told, departures = found(provider, state(provider, word))
    assert isinstance(told, Refund)
    assert (told.status, departures) == (PENDING, [WORD_AT[provider]])


@every_provider
@pytest.mark.parametrize("word", [None, True, 7, 1.5, [], ["SUCCESS"], {}, {"status": "Success"}])
def test_a_word_that_is_no_text_is_pending_and_told(provider: str, word: object) -> None:
    told, departures = found(provider, state(provider, word))
    assert isinstance(told, Refund)
    assert (told.status, departures) == (PENDING, [WORD_AT[provider]])


@every_provider
def test_a_reply_without_a_word_is_pending_and_told(provider: str) -> None:
    told, departures = found(provider, state(provider))
    assert isinstance(told, Refund)
    assert (told.status, departures) == (PENDING, [WORD_AT[provider]])


def test_what_departs_is_told_of_the_question() -> None:
    with scripted("sync", "lab4pay", Scripted(NO_STATE, state=state("lab4pay", "MISPLACED"))) as client:
        asked(client, pending("lab4pay"))
    (deviation,) = client.deviations
    assert (deviation.provider, deviation.operation) == ("lab4pay", Operation.LOOKUP)
    assert "MISPLACED" not in deviation.rule


# Codes and amounts at Paybyrd.

QUERY_FIRST: Final = ("BYRD203", "BYRD294", "BYRD299", "BYRD999")
UNDERWAY: Final = ("BYRD010", "BYRD201", "BYRD207")
REFUSED: Final = ("BYRD205", "BYRD206", "BYRD208", "BYRD230", "BYRD231", "BYRD240", "BYRD290", "BYRD291", "BYRD292")
ERRORS: Final = ("BYRD401", "BYRD403", "BYRD900", "BYRD901")


@pytest.mark.parametrize(
    ("words", "codes", "expected"),
    [
        (("Success", "AcquirerSuccess"), ("BYRD200",), SUCCEEDED),
        (("Denied", "Canceled", "Error"), REFUSED, FAILED),
        (("Processing", "TemporaryFailed"), ("BYRD200", *UNDERWAY, *QUERY_FIRST, *REFUSED), PENDING),
    ],
)
def test_a_code_that_goes_with_the_word_changes_nothing(
    words: Sequence[str], codes: Sequence[str], expected: RefundStatus
) -> None:
    for word in words:
        for code in codes:
            told, departures = found("paybyrd", state("paybyrd", word, code=code))
            assert isinstance(told, Refund)
            assert (told.status, told.provider_code, departures) == (expected, code, []), (word, code)


@pytest.mark.parametrize("word", ["Error", *(word for word, meant in WORDS["paybyrd"].items() if meant is not PENDING)])
@pytest.mark.parametrize("code", QUERY_FIRST)
def test_a_final_word_with_a_code_that_leaves_it_open_is_pending(word: str, code: str) -> None:
    assert status_of("paybyrd", state("paybyrd", word, code=code)) is PENDING


@pytest.mark.parametrize("word", [word for word, meant in WORDS["paybyrd"].items() if meant is not PENDING])
@pytest.mark.parametrize("code", UNDERWAY)
def test_a_final_word_with_the_code_of_a_refund_on_its_way_is_pending(word: str, code: str) -> None:
    told, departures = found("paybyrd", state("paybyrd", word, code=code))
    assert isinstance(told, Refund)
    assert (told.status, departures) == (PENDING, ["/code"])


@pytest.mark.parametrize(
    ("word", "code"),
    [(word, code) for word in ("Success", "AcquirerSuccess") for code in (*REFUSED, *ERRORS)]
    + [(word, "BYRD200") for word in ("Denied", "Canceled", "Error")],
)
def test_a_final_word_with_a_code_that_denies_it_is_pending_and_told(word: str, code: str) -> None:
    told, departures = found("paybyrd", state("paybyrd", word, code=code))
    assert isinstance(told, Refund)
    assert (told.status, departures) == (PENDING, ["/code"])


@pytest.mark.parametrize("word", ["Denied", "Canceled", "Error"])
@pytest.mark.parametrize("code", ["BYRD777", "BYRD", "byrd999", "BYRD203 "])
def test_a_code_that_is_not_listed_proves_no_failure(word: str, code: str) -> None:
    told, departures = found("paybyrd", state("paybyrd", word, code=code))
    assert isinstance(told, Refund)
    assert (told.status, departures) == (PENDING, ["/code"])


@pytest.mark.parametrize(
    "amounts",
    [
        {"isoAmount": -100, "amount": "-1.00"},
        {"isoAmount": 100, "amount": "1.00"},
        {"isoAmount": -100},
        {"amount": "-1.00"},
        {"amount": "-1"},
        {},
    ],
)
@pytest.mark.parametrize("currency", [{"currency": "EUR"}, {}])
def test_an_amount_below_zero_is_the_same_amount(amounts: Any, currency: Any) -> None:
    told, departures = found("paybyrd", state("paybyrd", "Success", **amounts, **currency))
    assert isinstance(told, Refund)
    assert (told.status, told.amount, departures) == (SUCCEEDED, ONE_EURO, [])


@pytest.mark.parametrize(
    "amounts",
    [
        {"isoAmount": -101},
        {"isoAmount": 99, "amount": "1.00"},
        {"isoAmount": -100, "amount": "-1.01"},
        {"amount": "-1.01"},
        {"amount": "1.034,45"},
        {"isoAmount": True},
    ],
)
@pytest.mark.parametrize("word", WORDS["paybyrd"])
def test_an_amount_of_another_size_is_a_mismatch_whatever_the_word(word: str, amounts: Any) -> None:
    assert status_of("paybyrd", state("paybyrd", word, **amounts)) is RefundMismatch


def test_a_state_that_contradicts_itself_is_a_mismatch_also_where_no_amount_was_asked_for() -> None:
    answer = state("paybyrd", "Success", isoAmount=-100, amount="-2.00", currency="EUR")
    told, departures = found("paybyrd", answer, pending("paybyrd", amount=None))
    assert isinstance(told, RefundMismatch)
    assert (told.differences, departures) == ((("amount", "1.00", "2.00"),), ["/amount"])
    assert "1.00" in str(told)
    assert "2.00" in str(told)


NOON: Final = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-26T12:00:00Z", NOON),
        ("2026-11-26T12:00:00.1234567Z", NOON.replace(microsecond=123456)),
        ("2026-11-26T14:00:00+02:00", NOON),
        ("2026-11-26 07:00:00-05:00", NOON),
        (None, None),
        ("", None),
        ("2026-11-26T12:00:00", None),
        ("2026-11-26", None),
        ("Thu, 26 Nov 2026 12:00:00 GMT", None),
        ("yesterday", None),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("9" * 5000, None),
        (1764158400, None),
        (True, None),
        (["2026-11-26T12:00:00Z"], None),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_the_time_at_which_a_refund_was_made_is_read_in_utc(value: object, moment: datetime | None) -> None:
    translation = account("paybyrd").translation()
    for answer, at in ((state("paybyrd", "Success", createdDate=value), ""), (tracked({"createdDate": value}), "/0")):
        reading = translation.read_state(pending("paybyrd", tracking_id=LINK), answer)
        noted = f"{at}/createdDate" in [pointer for pointer, _ in reading.departures]
        assert (reading.created_at, noted) == (moment, moment is None)
        assert reading.created_at is None or reading.created_at.tzinfo is UTC


def test_an_amount_is_read_in_the_units_of_the_currency_that_the_reply_names() -> None:
    yen = pending("paybyrd", amount=Money.of("100", "JPY"))
    currencies: list[dict[str, Any]] = [{"currency": "JPY"}, {}]
    for currency in currencies:
        answer = state("paybyrd", "Success", isoAmount=-100, **currency)
        told, _ = found("paybyrd", answer, yen, minor_units="iso")
        assert isinstance(told, Refund)
    unknown = pending("paybyrd", amount=None)
    answer = state("paybyrd", "Success", isoAmount=-100, currency="KWD")
    told, _ = found("paybyrd", answer, unknown, minor_units="iso")
    assert isinstance(told, Refund)
    assert told.amount == Money.of("0.100", "KWD")


# The transactions of a 202.


def accepted_for_later(**changes: Any) -> Refund:
    """Return a refund that Paybyrd has answered with 202."""
    return pending("paybyrd", **{"refund_id": None, "tracking_id": LINK, **changes})


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


# What is returned.


@both_kinds
def test_a_state_at_lab4pay_is_told_with_all_that_is_known(kind: Kind) -> None:
    answer = state("lab4pay", "In-Progress", more=7)
    with scripted(kind, "lab4pay", Scripted(NO_STATE, state=answer)) as client:
        told = asked(client, pending("lab4pay", remaining=7, replayed=True, provider_message="A sentence"))
    assert told == pending("lab4pay", provider_code="In-Progress")
    assert told.raw == answer


@both_kinds
def test_a_state_at_paybyrd_is_told_with_all_that_is_known(kind: Kind) -> None:
    answer = tracked(transaction(description="A sentence", amount="-1.00"))
    known = Refund("paybyrd", "reference-1", PENDING, tracking_id=LINK, remaining=7, replayed=True)
    with scripted(kind, "paybyrd", Scripted(NO_STATE, state=answer)) as client:
        told = asked(client, known)
    assert told.to_dict() == {
        "provider": "paybyrd",
        "reference": "reference-1",
        "status": "succeeded",
        "amount": {"minor_units": 100, "currency": "EUR"},
        "refund_id": "refund-1",
        "payment_id": PAYMENT,
        "remaining": None,
        "tracking_id": LINK,
        "provider_code": "BYRD200",
        "provider_message": "A sentence",
        "replayed": False,
    }
    assert told.raw == answer


@both_kinds
def test_a_state_at_blink_is_told_with_all_that_is_known(kind: Kind) -> None:
    answer = state("blink", "Completed", transaction_id="refund-1", message="A sentence", amount="1.00", currency="EUR")
    with scripted(kind, "blink", Scripted(NO_STATE, state=answer)) as client:
        told = asked(client, pending("blink", replayed=True))
    expected = pending("blink", status=SUCCEEDED, provider_code="Completed", provider_message="A sentence")
    assert told == expected
    assert told.raw == answer


@pytest.mark.parametrize("amount", [12.5, "12.50", "12.5"])
@pytest.mark.parametrize(
    ("currency", "account_currency", "expected"),
    [
        ("GBP", None, Money.of("12.50", "GBP")),
        ("GBP", "GBP", Money.of("12.50", "GBP")),
        (..., "GBP", Money.of("12.50", "GBP")),
        (..., None, None),
        ("JPY", None, None),
    ],
)
def test_the_amount_of_full_at_blink_is_what_the_state_reports(
    amount: object, currency: object, account_currency: str | None, expected: Money | None
) -> None:
    more: dict[str, Any] = {} if currency is ... else {"currency": currency}
    whole = pending("blink", amount=None)
    told, _ = found("blink", state("blink", "completed", amount=amount, **more), whole, currency=account_currency)
    assert isinstance(told, Refund)
    assert told.amount == expected


@both_kinds
def test_full_at_blink_has_its_amount_once_it_was_asked_about(kind: Kind) -> None:
    accepting = reply(200, {"status": "pending", "refunded_transaction_id": "refund-1"})
    transport = Questioned(state("blink", "completed", amount=12.5, currency="GBP"), answers=[accepting])
    with scripted(kind, "blink", transport) as client:
        refund = client.ask("blink", amount=FULL)
        told = asked(client, refund)
        again = client.ask("blink", amount=FULL)
    assert (refund.amount, told.amount, again.amount) == (None, Money.of("12.50", "GBP"), Money.of("12.50", "GBP"))


@pytest.mark.parametrize(
    ("provider", "changes", "difference"),
    [
        ("paybyrd", {"isoAmount": -99, "currency": "EUR"}, ("amount", "1.00", "0.99")),
        ("paybyrd", {"amount": "1.01"}, ("amount", "1.00", "1.01")),
        ("paybyrd", {"isoAmount": -100, "currency": "GBP"}, ("currency", "EUR", "GBP")),
        ("paybyrd", {"transactionId": "refund-2"}, ("refund_id", "refund-1", "refund-2")),
        (
            "paybyrd",
            {"referencedTransactions": [{"transactionId": "payment-2"}]},
            ("payment_id", PAYMENT, "payment-2"),
        ),
        ("blink", {"amount": 1.01}, ("amount", "1.00", "1.01")),
        ("blink", {"amount": "10"}, ("amount", "1.00", "10")),
        ("blink", {"currency": "GBP"}, ("currency", "EUR", "GBP")),
        ("blink", {"transaction_id": "refund-2"}, ("refund_id", "refund-1", "refund-2")),
    ],
)
@pytest.mark.parametrize("words", [DONE, UNDONE], ids=["done", "undone"])
def test_the_state_of_another_refund_is_a_mismatch_that_names_both_values(
    provider: str, changes: dict[str, Any], difference: tuple[str, str, str], words: Mapping[str, str]
) -> None:
    answer = state(provider, words[provider], **changes)
    told, _ = found(provider, answer)
    assert type(told) is RefundMismatch
    assert (told.differences, told.resend) == ((difference,), Resend.NEVER)
    assert all(value in str(told) for value in difference)
    assert (told.provider, told.reference, told.raw) == (provider, "reference-1", answer)


def test_a_uuid_is_the_same_in_capital_letters() -> None:
    uuid = "c16ce479-319d-4e7b-a966-7735c34b2cc5"
    refund = pending("paybyrd", refund_id=uuid, payment_id=uuid.replace("c", "a"))
    referenced = [{"transactionId": "payment-2"}, {"transactionId": uuid.replace("c", "a").upper()}]
    answer = state("paybyrd", "Success", transactionId=uuid.upper(), referencedTransactions=referenced)
    told, _ = found("paybyrd", answer, refund)
    assert isinstance(told, Refund)
    assert (told.refund_id, told.payment_id) == (refund.refund_id, refund.payment_id)


# What is asked.

QUESTIONS: Final = {
    "lab4pay": "https://api-payment.lab4pay.com/v1/pay-connect/transactions/refund-1/status/",
    "paybyrd": f"{ORIGIN}/api/v2/transactions/refund-1",
    "blink": "https://secure.blinkpayment.co.uk/api/pay/v1/transactions/refund-1",
}


@both_kinds
@every_provider
def test_a_question_is_a_get_of_the_refunds_own_transaction(kind: Kind, provider: str) -> None:
    transport = Scripted(NO_STATE, state=state(provider, DONE[provider]))
    with scripted(kind, provider, transport) as client:
        asked(client, pending(provider))
    (question,) = transport.asked
    assert (question.method, question.url, question.body) == ("GET", QUESTIONS[provider], b"")
    secrets = {name: secret.reveal() for name, secret in question.credentials}
    assert (
        secrets
        == {
            "lab4pay": {"Authorization": "Bearer test-key", "X-Pay-Connect-Integrator-Id": "test-integrator"},
            "paybyrd": {"x-api-key": "test-key"},
            "blink": {"Authorization": "Bearer test-key"},
        }[provider]
    )
    assert not any(name.lower() in ("authorization", "idempotency-key") for name, _ in question.headers)


@both_kinds
@every_provider
def test_a_refund_may_be_asked_about_by_what_was_kept_of_it_in_another_client(kind: Kind, provider: str) -> None:
    with scripted(kind, provider, Scripted(PENDING_REPLIES[provider])) as client:
        kept = json.dumps(client.ask(provider).to_dict())
    transport = Scripted(NO_STATE, state=state(provider, DONE[provider]))
    with scripted(kind, provider, transport) as client:
        told = asked(client, json.loads(kept))
        assert told == asked(client, Refund.from_dict(json.loads(kept)))
    assert (told.provider, told.reference, told.status) == (provider, "reference-1", SUCCEEDED)
    assert [question.url for question in transport.asked] == [QUESTIONS[provider]] * 2


def without(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda values: {key: value for key, value in values.items() if key != name}


def having(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda values: {**values, **changes}


VERBS: Final = ("lookup", "wait", "cancel")


@both_kinds
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("change", "field"),
    [
        (without("provider"), "provider"),
        (without("reference"), "reference"),
        (without("status"), "status"),
        (having(provider="stripe"), "provider"),
        (having(provider=["lab4pay"]), "provider"),
        (having(provider=None), "provider"),
        (having(reference=7), "reference"),
        (having(status="done"), "status"),
        (having(status=[]), "status"),
        (having(amount="1.00"), "amount"),
        (having(amount={}), "amount"),
        (having(amount={"minor_units": "100", "currency": "EUR"}), "amount"),
        (having(amount={"minor_units": 0, "currency": "EUR"}), "amount"),
        (having(refund_id=7), "refund_id"),
        (having(payment_id=["payment-1"]), "payment_id"),
        (having(tracking_id={}), "tracking_id"),
        (having(remaining="7"), "remaining"),
        (having(replayed=None), "replayed"),
        (having(raw=None), "raw"),
    ],
)
def test_what_is_kept_of_a_refund_and_is_unfit_is_refused_and_nothing_is_asked(
    kind: Kind, verb: str, change: Callable[[dict[str, Any]], dict[str, Any]], field: str
) -> None:
    transport = Scripted(NO_STATE, state=state("lab4pay", "SUCCESS"))
    with scripted(kind, "lab4pay", transport) as client, pytest.raises(InvalidRefund) as refused:
        asked(client, change(pending("lab4pay").to_dict()), verb)
    assert (refused.value.field, refused.value.resend) == (field, Resend.NEVER)
    assert transport.asked == transport.sent == []


@both_kinds
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("known", [None, "refund-1", 7, [], object(), Refund])
def test_what_is_no_refund_is_refused(kind: Kind, verb: str, known: object) -> None:
    transport = Scripted(NO_STATE, state=state("lab4pay", "SUCCESS"))
    with scripted(kind, "lab4pay", transport) as client, pytest.raises(InvalidRefund) as refused:
        asked(client, known, verb)
    assert (refused.value.field, refused.value.resend) == ("refund", Resend.NEVER)
    assert transport.asked == transport.sent == []


@both_kinds
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("field", "value"), [("refund_id", 7), ("tracking_id", b"x"), ("payment_id", []), ("status", "pending")]
)
def test_a_refund_that_was_made_by_hand_of_what_does_not_fit_is_refused(
    kind: Kind, verb: str, field: str, value: Any
) -> None:
    transport = Scripted(NO_STATE)
    with scripted(kind, "lab4pay", transport) as client, pytest.raises(InvalidRefund) as refused:
        asked(client, pending("lab4pay", **{field: value}), verb)
    assert (refused.value.field, refused.value.resend) == (field, Resend.NEVER)
    assert transport.asked == transport.sent == []


@pytest.mark.parametrize("provider", ["paybyrd", "blink"])
@pytest.mark.parametrize("currency", ["POUND", "gbp", "", 7, None])
def test_a_currency_that_is_none_is_told_and_not_compared(provider: str, currency: object) -> None:
    told, departures = found(provider, state(provider, DONE[provider], currency=currency))
    assert isinstance(told, Refund)
    assert told.status is SUCCEEDED
    assert departures == ["/data/currency" if provider == "blink" else "/currency"]


@pytest.mark.parametrize("known", [{1: 2, "note": 3}, {None: 1, "note": 3}])
def test_what_is_no_refund_is_refused_whatever_its_keys(known: object) -> None:
    with scripted("sync", "lab4pay", Scripted(NO_STATE)) as client, pytest.raises(InvalidRefund) as refused:
        asked(client, known)
    assert refused.value.resend is Resend.NEVER


@both_kinds
@pytest.mark.parametrize("verb", VERBS)
def test_a_closed_client_asks_nothing(kind: Kind, verb: str) -> None:
    transport = Scripted(NO_STATE, state=state("lab4pay", "SUCCESS"))
    with scripted(kind, "lab4pay", transport) as client:
        client.close()
        with pytest.raises(InvalidRefund, match="closed") as refused:
            asked(client, pending("lab4pay"), verb)
    assert refused.value.resend is Resend.NEVER
    assert transport.asked == transport.sent == []


@both_kinds
@every_provider
@pytest.mark.parametrize("verb", ["lookup", "wait"])
def test_a_refund_without_an_id_cannot_be_asked_about(kind: Kind, provider: str, verb: str) -> None:
    transport = Scripted(NO_STATE, state=state(provider, DONE[provider]))
    with scripted(kind, provider, transport) as client, pytest.raises(UnsupportedOperation) as refused:
        asked(client, pending(provider, refund_id=None), verb)
    error = refused.value
    assert (error.field, error.resend) == ("refund_id", Resend.NEVER)
    assert (error.provider, error.reference) == (provider, "reference-1")
    assert transport.asked == transport.sent == []


HOSTILE_IDS: Final = ("..", ".", "", "a/b", "a?b", "a#b", "a%2fb", "a\\b", "a b", "a\r\nb", "a\0b", "\xe9", "a" * 201)


@both_kinds
@every_provider
@pytest.mark.parametrize("verb", ["lookup", "wait"])
def test_an_id_that_leads_elsewhere_is_refused_and_nothing_is_asked(kind: Kind, provider: str, verb: str) -> None:
    for refund_id in HOSTILE_IDS:
        transport = Scripted(NO_STATE, state=state(provider, DONE[provider]))
        with scripted(kind, provider, transport) as client, pytest.raises(InvalidRefund) as refused:
            asked(client, pending(provider, refund_id=refund_id), verb)
        error = refused.value
        assert (type(error), error.field, error.resend) == (InvalidRefund, "refund_id", Resend.NEVER)
        assert (error.provider, error.reference) == (provider, "reference-1")
        assert transport.asked == transport.sent == []


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


# What is no answer.

BODIES: Final = (b"", b"{}", HTML, b"[]", b"\xff")


def failing(provider: str, answer: Answer | BaseException, **options: Any) -> tuple[LookupFailed, Questioned]:
    """Return the exception of a question that gets this answer whenever it is asked, and how it was asked."""
    transport = Questioned(answer)
    refund = pending(provider, remaining=7, provider_code="BYRD010")
    with caller("sync", account(provider, transport=transport), retry=BRIEFLY, **options) as client:
        with pytest.raises(LookupFailed) as failed:
            asked(client, refund)
        error = failed.value
    assert error.refund == refund
    assert error.resend is Resend.NEVER
    assert (error.provider, error.reference) == (provider, "reference-1")
    assert error.__cause__ is error.__context__ is None
    assert transport.sent == []
    return error, transport


@every_provider
def test_an_error_is_no_state_whatever_it_says(provider: str) -> None:
    saying = [state(provider, word).body for word in WORDS[provider]]
    for status in range(400, 600):
        for body in (*BODIES, b'{"success": true, "code": "BYRD200", "message": "Refunded"}', *saying):
            told, _ = found(provider, reply(status, body))
            assert type(told) is LookupFailed, (status, body)
            assert (told.refund, told.http_status, told.resend) == (pending(provider), status, Resend.NEVER)


@every_provider
def test_only_the_credentials_are_no_matter_of_time(provider: str) -> None:
    for status in range(400, 600):
        for body in (b"{}", HTML, b""):
            told, _ = found(provider, reply(status, body))
            assert isinstance(told, LookupFailed)
            assert told.temporary is (status not in (401, 403)), (status, body)


@every_provider
def test_a_question_is_asked_again_where_another_answer_may_come(provider: str) -> None:
    for status in range(400, 600):
        error, transport = failing(provider, reply(status, b"{}"))
        assert error.http_status == status
        assert len(transport.asked) == (3 if status in (408, 429) or status >= 500 else 1), status


@every_provider
@pytest.mark.parametrize("status", [100, 101, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308])
def test_any_other_status_than_200_is_no_state_and_not_followed(provider: str, status: int) -> None:
    body = state(provider, DONE[provider]).body
    error, transport = failing(provider, WireReply(status, (("location", "https://evil.example/"),), body))
    assert (error.http_status, len(transport.asked)) == (status, 1)


@every_provider
@pytest.mark.parametrize("body", [*BODIES[:1], *BODIES[2:], b"null", b'"SUCCESS"', b"{", b"NaN", b"[" * 50_000])
def test_a_body_that_cannot_be_read_is_no_state(provider: str, body: bytes) -> None:
    if (provider, body) == ("paybyrd", b"[]"):
        return  # there it is a list of no transaction
    error, transport = failing(provider, reply(200, body))
    assert (error.http_status, error.temporary, len(transport.asked)) == (200, True, 1)


@pytest.mark.parametrize("data", [None, [], "completed", 7, [{"status": "completed"}]])
def test_an_envelope_of_blink_without_a_transaction_is_no_state(data: object) -> None:
    for body in ({"data": data}, {"data": data, "status": "completed"}, {"status": "completed"}):
        told, departures = found("blink", reply(200, body))
        assert type(told) is LookupFailed
        assert departures == ["/data"]


@every_provider
def test_a_reply_that_ended_early_is_no_state_and_asked_for_again(provider: str) -> None:
    whole = state(provider, DONE[provider])
    error, transport = failing(provider, replace(whole, complete=False))
    assert (error.temporary, len(transport.asked)) == (True, 3)
    assert "ended early" in str(error)


@every_provider
@pytest.mark.parametrize(
    ("answer", "temporary", "times"),
    [
        (LOST, True, 3),
        (UNREACHED, True, 3),
        (replace(UNREACHED, lasting=True), False, 1),
        (RuntimeError("odd"), True, 3),
    ],
    ids=["lost", "not sent", "never sent", "raised"],
)
def test_no_reply_is_no_state(provider: str, answer: Answer | BaseException, temporary: bool, times: int) -> None:
    error, transport = failing(provider, answer)
    assert (error.http_status, error.raw, error.temporary) == (None, None, temporary)
    assert len(transport.asked) == times


@both_kinds
@every_provider
def test_a_question_is_asked_until_there_is_an_answer(kind: Kind, provider: str) -> None:
    for answer in (LOST, UNREACHED, reply(408), reply(429), reply(500), reply(503, HTML), RuntimeError("odd")):
        transport = Questioned(answer, answer, state(provider, DONE[provider]))
        with caller(kind, account(provider, transport=transport), retry=BRIEFLY) as client:
            assert asked(client, pending(provider)).status is SUCCEEDED
        first, second, third = transport.asked
        assert first == second == third


@both_kinds
def test_a_question_is_asked_as_often_as_the_retries_say(kind: Kind) -> None:
    for attempts in (1, 2, 5):
        transport = Questioned(LOST)
        retry = Retry(attempts=attempts, first_wait=0.001)
        with (
            caller(kind, account("blink", transport=transport), retry=retry) as client,
            pytest.raises(LookupFailed),
        ):
            asked(client, pending("blink"))
        assert len(transport.asked) == attempts


@every_provider
@pytest.mark.parametrize("status", [200, 401, 404, 429, 503])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ((), None),
        ((("retry-after", "3600"),), 3600.0),
        (
            (("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("retry-after", "Sun, 06 Nov 1994 09:49:37 GMT")),
            3600.0,
        ),
        ((("retry-after", "soon"),), None),
    ],
)
def test_what_is_no_answer_says_for_how_long_to_wait(
    provider: str, status: int, headers: tuple[tuple[str, str], ...], seconds: float | None
) -> None:
    error, transport = failing(provider, reply(status, HTML, headers))
    assert error.retry_after == seconds
    # An hour is past the deadline of the call.
    assert len(transport.asked) == (3 if seconds is None and status in (429, 503) else 1)


def test_what_is_no_answer_holds_what_the_provider_said() -> None:
    answer = reply(404, {"code": "BYRD901", "description": "Transaction not found"})
    error, _ = failing("paybyrd", answer)
    assert (error.provider_code, error.provider_message, error.raw) == ("BYRD901", "Transaction not found", answer)
    assert "BYRD901" in str(error)
    error, _ = failing("blink", reply(404, {"error": "No such transaction"}))
    assert (error.provider_code, error.provider_message) == (None, "No such transaction")
    assert "No such transaction" not in str(error)


# What a client learns by asking.


@both_kinds
@every_provider
def test_a_refund_that_was_found_to_be_done_is_replayed_as_done(kind: Kind, provider: str) -> None:
    transport = Questioned(state(provider, DONE[provider]), answers=[PENDING_REPLIES[provider]])
    with scripted(kind, provider, transport) as client:
        refund = client.ask(provider)
        assert refund.status is PENDING
        assert asked(client, refund).status is SUCCEEDED
        again = client.ask(provider)
    assert (again.status, again.replayed) == (SUCCEEDED, True)
    assert len(transport.sent) == 1


@both_kinds
@every_provider
def test_a_refund_that_came_to_nothing_may_be_asked_for_again(kind: Kind, provider: str) -> None:
    transport = Questioned(state(provider, UNDONE[provider]), answers=[PENDING_REPLIES[provider]])
    with scripted(kind, provider, transport) as client:
        assert asked(client, client.ask(provider)).status is FAILED
        again = client.ask(provider)
        assert (again.status, again.replayed) == (PENDING, False)
        assert client.ask(provider).replayed
    first, second = transport.sent
    keys = [dict(request.headers).get("idempotency-key") for request in (first, second)]
    assert (keys[0] != keys[1]) is (provider == "paybyrd")
    assert first.body == second.body


@both_kinds
def test_a_202_that_came_to_nothing_may_be_asked_for_again_under_another_key(kind: Kind) -> None:
    accepting = [reply(202, {"links": {"href": LINK}}), reply(202, {"links": {"href": LINK.replace("-1", "-2")}})]
    transport = Questioned(tracked(transaction(status="Denied", code="BYRD205")), answers=accepting)
    with scripted(kind, "paybyrd", transport) as client:
        refund = client.ask("paybyrd")
        assert asked(client, refund).status is FAILED
        again = client.ask("paybyrd")
        assert (again.replayed, again.tracking_id) == (False, LINK.replace("-1", "-2"))
        # What is asked about the first says nothing of the second.
        assert asked(client, refund).status is FAILED
        assert client.ask("paybyrd").replayed
    assert len({dict(request.headers)["idempotency-key"] for request in transport.sent}) == 2


@both_kinds
@every_provider
@pytest.mark.parametrize("words", [DONE, UNDONE], ids=["done", "undone"])
def test_what_becomes_of_another_refund_changes_nothing(kind: Kind, provider: str, words: Mapping[str, str]) -> None:
    transport = Questioned(state(provider, words[provider]), answers=[PENDING_REPLIES[provider]])
    with scripted(kind, provider, transport) as client:
        refund = client.ask(provider)
        for other in (replace(refund, refund_id="refund-2"), replace(refund, reference="reference-2")):
            asked(client, other)
        again = client.ask(provider)
    assert (again.status, again.replayed, len(transport.sent)) == (PENDING, True, 1)


@both_kinds
@every_provider
def test_what_another_client_learns_changes_nothing(kind: Kind, provider: str) -> None:
    transport = Questioned(state(provider, UNDONE[provider]), answers=[PENDING_REPLIES[provider]])
    with scripted(kind, provider, transport) as client, scripted(kind, provider, transport) as other:
        assert asked(other, client.ask(provider)).status is FAILED
        again = client.ask(provider)
    assert (again.status, again.replayed, len(transport.sent)) == (PENDING, True, 1)


@both_kinds
@every_provider
@pytest.mark.parametrize(
    "answer", [LOST, reply(404, b"{}"), reply(200, HTML), reply(200, {"status": "MISPLACED", "data": {}})]
)
def test_what_is_no_final_answer_changes_nothing(kind: Kind, provider: str, answer: Answer) -> None:
    transport = Questioned(answer, answers=[PENDING_REPLIES[provider]])
    with scripted(kind, provider, transport) as client:
        refund = client.ask(provider)
        with contextlib.suppress(LookupFailed):
            assert asked(client, refund).status is PENDING
        again = client.ask(provider)
    assert (again.status, again.replayed, len(transport.sent)) == (PENDING, True, 1)


@pytest.mark.parametrize("provider", ["paybyrd", "blink"])
def test_a_mismatch_changes_nothing(provider: str) -> None:
    wrong: dict[str, dict[str, Any]] = {"paybyrd": {"isoAmount": -99}, "blink": {"amount": 0.99}}
    transport = Questioned(state(provider, UNDONE[provider], **wrong[provider]), answers=[PENDING_REPLIES[provider]])
    with scripted("sync", provider, transport) as client:
        with pytest.raises(RefundMismatch):
            asked(client, client.ask(provider))
        assert client.ask(provider).replayed
    assert len(transport.sent) == 1


@both_kinds
@pytest.mark.parametrize("verb", ["wait", "cancel"])
def test_a_state_that_nobody_asked_for_frees_no_reference(kind: Kind, verb: str) -> None:
    transport = Questioned(state("lab4pay", "INITIATED"), answers=[PENDING_REPLIES["lab4pay"]])
    with scripted(kind, "lab4pay", transport) as client:
        claimed = replace(client.ask("lab4pay"), status=FAILED)
        assert asked(client, claimed, verb) == claimed
        assert transport.asked == []
        assert client.ask("lab4pay").replayed
    assert len(transport.sent) == 1


@both_kinds
@pytest.mark.parametrize("word", ["Success", "Denied"])
def test_the_transaction_of_one_reference_is_not_taken_for_that_of_another(kind: Kind, word: str) -> None:
    accepting = [PENDING_REPLIES["paybyrd"], reply(202, {"links": {"href": LINK}})]
    transport = Questioned(tracked(transaction(status=word, code=None)), answers=accepting)
    with scripted(kind, "paybyrd", transport) as client:
        client.ask("paybyrd", reference="reference-1")
        refund = client.ask("paybyrd", reference="reference-2")
        with contextlib.suppress(LookupFailed, RefundMismatch):
            assert asked(client, refund).status is PENDING
        again = client.ask("paybyrd", reference="reference-2")
    assert (again.status, again.replayed, len(transport.sent)) == (PENDING, True, 2)


# An unknown refund at Paybyrd that is settled by asking.

STORED: Final = reply(500, {"code": "BYRD999"}, (("requestid", "request-1"),))
DENIED: Final = tracked(transaction(status="Denied", code="BYRD205"))


def refunded(*answers: Answer, answer: Answer, times: int = 1) -> tuple[Refund | RefundError, Questioned]:
    """Return what is told of a refund at Paybyrd that gets these answers, and of its transaction this one."""
    transport = Questioned(answer, answers=answers)
    told: Refund | RefundError | None = None
    with caller("sync", account("paybyrd", transport=transport), retry=BRIEFLY) as client:
        for _ in range(times):
            try:
                told = client.ask("paybyrd")
            except RefundError as error:
                told = error
    assert told is not None
    return told, transport


@pytest.mark.parametrize("code", ["BYRD230", "BYRD231"])
def test_a_transaction_that_the_first_may_be_the_cause_of_settles_nothing(code: str) -> None:
    told, _ = refunded(LOST, STORED, answer=tracked(transaction(status="Denied", code=code)))
    assert type(told) is OutcomeUnknown
    assert told.resend is Resend.SAME_REFERENCE


def test_a_transaction_of_a_later_request_does_not_settle_an_earlier_one_that_was_lost() -> None:
    told, transport = refunded(LOST, STORED, answer=DENIED)
    assert type(told) is OutcomeUnknown
    assert told.resend is Resend.SAME_REFERENCE
    assert len({dict(request.headers)["idempotency-key"] for request in transport.sent}) == 1


def test_a_transaction_of_a_later_call_does_not_settle_an_earlier_one_that_was_lost() -> None:
    told, transport = refunded(LOST, LOST, LOST, STORED, answer=DENIED, times=2)
    assert type(told) is OutcomeUnknown
    assert told.resend is Resend.SAME_REFERENCE
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
def test_an_unknown_refund_stays_unknown_where_no_transaction_says_that_it_is_this_one(answer: Answer) -> None:
    told, _ = refunded(STORED, answer=answer)
    assert type(told) is OutcomeUnknown
    assert told.resend is Resend.SAME_REFERENCE


# A refund of a transaction at Lab4Pay.

LAB4PAY_REFUND: Final = f"https://api-payment.lab4pay.com/v1/pay-connect/transactions/{PAYMENT}/refund/"


def of_payment(client: Caller, provider: str, amount: object = ONE_EURO) -> Refund:
    """Refund an amount of PAYMENT."""
    return client.refund(provider, payment_id=PAYMENT, amount=amount, reference="reference-1")


@both_kinds
def test_a_refund_of_a_transaction_at_lab4pay_is_a_post_of_minor_units_to_it(kind: Kind) -> None:
    transport = Scripted(reply(200, {"transaction_id": "refund-1"}))
    with scripted(kind, "lab4pay", transport) as client:
        prepared = client.client.prepare("lab4pay", payment_id=PAYMENT, amount=ONE_EURO, reference="reference-1")
        told = of_payment(client, "lab4pay")
        assert client.deviations == []
    (sent,) = transport.sent
    assert (sent.method, sent.url, json.loads(sent.body)) == ("POST", LAB4PAY_REFUND, {"amount": 100})
    assert (prepared.url, prepared.body) == (sent.url, sent.body)
    assert {name.lower() for name, _ in sent.headers} == {"accept", "content-type"}
    assert [(name, secret.reveal()) for name, secret in sent.credentials] == [
        ("Authorization", "Bearer test-key"),
        ("X-Pay-Connect-Integrator-Id", "test-integrator"),
    ]
    assert (told.status, told.refund_id, told.payment_id, told.amount) == (PENDING, "refund-1", PAYMENT, ONE_EURO)


@both_kinds
def test_full_at_lab4pay_is_refused_and_nothing_is_sent(kind: Kind) -> None:
    transport = Scripted(reply(200, {"transaction_id": "refund-1"}))
    with scripted(kind, "lab4pay", transport) as client, pytest.raises(UnsupportedOperation) as refused:
        of_payment(client, "lab4pay", FULL)
    assert (refused.value.field, refused.value.resend) == ("amount", Resend.SAFE)
    assert transport.asked == transport.sent == []


@pytest.mark.parametrize("payment_id", HOSTILE_IDS)
def test_a_payment_that_leads_elsewhere_is_refused_and_nothing_is_sent(payment_id: str) -> None:
    transport = Scripted(reply(200, {"transaction_id": "refund-1"}))
    with scripted("sync", "lab4pay", transport) as client, pytest.raises(InvalidRefund) as refused:
        client.refund("lab4pay", payment_id=payment_id, amount=ONE_EURO, reference="reference-1")
    assert refused.value.field == "payment_id"
    assert transport.asked == transport.sent == []


@both_kinds
def test_both_kinds_of_refund_at_lab4pay_are_one_under_one_reference(kind: Kind) -> None:
    transport = Scripted(reply(200, {"transaction_id": "refund-1"}))
    with scripted(kind, "lab4pay", transport) as client:
        of_payment(client, "lab4pay")
        with pytest.raises(RefundError) as refused:
            client.refund_unreferenced("lab4pay", amount=ONE_EURO, reference="reference-1")
    assert refused.value.resend is Resend.NEVER
    assert len(transport.sent) == 1


# Why a refund was refused.

REFUSALS: Final[Mapping[str, WireReply]] = {
    "lab4pay": reply(400),
    "blink": reply(400, {"success": False, "message": "It cannot be refunded"}),
}
UNREFUNDABLE: Final = {
    "lab4pay": [word for word in WORDS["lab4pay"] if word != "SUCCESS"],
    "blink": [
        *("Captured", "Received", "Approved", "Deferred", "Tendered", "Pre-Auth", "Preauth", "Referred", "Reversed"),
        *("Rejected", "Finished", "Canceled", "cancelled", "voided", "declined", "failed", "expired"),
    ],
}
PAYMENTS: Final = {
    "lab4pay": f"https://api-payment.lab4pay.com/v1/pay-connect/transactions/{PAYMENT}/status/",
    "blink": f"https://secure.blinkpayment.co.uk/api/pay/v1/transactions/{PAYMENT}",
}
explaining = pytest.mark.parametrize("provider", sorted(VOIDS))


def refusal(
    provider: str, answer: Answer | BaseException, refused_with: WireReply | None = None, kind: Kind = "sync"
) -> tuple[RefundRejected, Questioned]:
    """Return what is told of a refusal, where the question for the payment's state gets this answer."""
    transport = Questioned(answer, answers=[REFUSALS[provider] if refused_with is None else refused_with])
    made = account(provider, transport=transport)
    with caller(kind, made, retry=BRIEFLY) as client, pytest.raises(RefundRejected) as refused:
        of_payment(client, provider)
    assert len(transport.sent) == 1
    assert refused.value.resend is Resend.SAFE
    return refused.value, transport


@both_kinds
@explaining
def test_a_refusal_for_the_state_of_the_payment_says_so_and_names_the_void(kind: Kind, provider: str) -> None:
    for word in UNREFUNDABLE[provider]:
        error, transport = refusal(provider, state(provider, word), kind=kind)
        assert (type(error), error.reason) == (RefundRejected, Reason.NOT_REFUNDABLE), word
        assert VOIDS[provider] in str(error)
        assert spelled(word) in spelled(str(error))
        assert (error.raw, error.http_status) == (REFUSALS[provider], 400)
        assert [(question.method, question.url) for question in transport.asked] == [("GET", PAYMENTS[provider])]


def test_a_refusal_of_a_payment_that_was_refunded_before_says_so() -> None:
    for word in ("Fully refunded", "fully_refunded"):
        error, _ = refusal("blink", state("blink", word))
        assert error.reason is Reason.ALREADY_REFUNDED
        assert "already refunded" in str(error)
        assert "the payment is fully refunded" in str(error)
        assert VOIDS["blink"] not in str(error)


@explaining
def test_a_refusal_of_a_payment_that_can_be_refunded_stays_as_it_was(provider: str) -> None:
    words = {"lab4pay": ["SUCCESS", "success"], "blink": ["Accepted", "pending", "completed", "Partially refunded"]}
    for word in (*words[provider], "MISPLACED", "", None, 7):
        error, transport = refusal(provider, state(provider, word))
        assert error.reason is Reason.INVALID, word
        assert VOIDS[provider] not in str(error)
        assert len(transport.asked) == 1


@explaining
@pytest.mark.parametrize(
    "answer",
    [
        LOST,
        UNREACHED,
        replace(UNREACHED, lasting=True),
        RuntimeError("odd"),
        *(reply(status, body) for status in (200, 302, 401, 403, 404, 429, 500, 503) for body in BODIES),
        reply(429, b"{}", (("retry-after", "0"),)),
    ],
    ids=repr,
)
def test_a_refusal_stays_as_it_was_where_the_payment_cannot_be_asked_about(
    provider: str, answer: Answer | BaseException
) -> None:
    error, transport = refusal(provider, answer)
    alone, _ = refusal(provider, state(provider, "MISPLACED"))
    assert (type(error), error.reason, str(error)) == (RefundRejected, Reason.INVALID, str(alone))
    assert error.raw == REFUSALS[provider]
    assert error.__cause__ is error.__context__ is None
    assert len(transport.asked) == 1


@explaining
def test_a_refusal_stays_as_it_was_where_another_status_than_200_has_the_word(provider: str) -> None:
    for status in (201, 202, 400, 404, 500):
        error, _ = refusal(provider, state(provider, UNREFUNDABLE[provider][0], status))
        assert error.reason is Reason.INVALID
    error, _ = refusal(provider, replace(state(provider, UNREFUNDABLE[provider][0]), complete=False))
    assert error.reason is Reason.INVALID


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"success": False}),
        (402, {"success": False}),
        (422, {"success": False}),
        (200, {"success": False}),
        (200, {"status": "failed"}),
    ],
)
def test_a_refusal_at_blink_that_may_be_for_the_state_of_the_payment_is_asked_about(status: int, body: Any) -> None:
    error, transport = refusal("blink", state("blink", "Captured"), reply(status, body))
    assert error.reason is Reason.NOT_REFUNDABLE
    assert len(transport.asked) == 1


@pytest.mark.parametrize(
    ("provider", "answer", "told"),
    [
        ("lab4pay", reply(401), AuthenticationFailed),
        ("lab4pay", reply(403), OutcomeUnknown),
        ("lab4pay", reply(404), OutcomeUnknown),
        ("lab4pay", reply(500), OutcomeUnknown),
        ("lab4pay", LOST, OutcomeUnknown),
        ("blink", reply(401), AuthenticationFailed),
        ("blink", reply(404, {"success": False}), RefundRejected),
        ("blink", reply(409, {"success": False}), OutcomeUnknown),
        ("blink", reply(429, {"success": False}), OutcomeUnknown),
        ("blink", reply(500, {"success": False}), OutcomeUnknown),
        ("paybyrd", reply(400, {"code": "BYRD900"}), RefundRejected),
        ("paybyrd", reply(400, {"code": "BYRD205"}), RefundRejected),
    ],
)
def test_nothing_is_asked_where_the_state_of_the_payment_is_not_the_reason(
    provider: str, answer: Answer, told: type[RefundError]
) -> None:
    transport = Questioned(state(provider, "REVERTED"), answers=[answer])
    with scripted("sync", provider, transport) as client, pytest.raises(RefundError) as raised:
        of_payment(client, provider)
    assert type(raised.value) is told
    assert transport.asked == []


@both_kinds
def test_a_refusal_that_is_tied_to_no_payment_is_not_asked_about(kind: Kind) -> None:
    transport = Questioned(state("lab4pay", "REVERTED"), answers=[reply(400)])
    with scripted(kind, "lab4pay", transport) as client, pytest.raises(RefundRejected) as refused:
        client.ask("lab4pay")
    assert refused.value.reason is Reason.INVALID
    assert transport.asked == []


@explaining
def test_a_certain_refusal_is_not_kept_back_for_long_by_asking_for_its_reason(provider: str) -> None:
    given: list[float] = []

    class Timed(Questioned):
        def send(self, request: WireRequest, timeout: Timeout) -> Answer:
            given.append(timeout.total)
            return super().send(request, timeout)

    transport = Timed(LOST, answers=[REFUSALS[provider]])
    with scripted("sync", provider, transport) as client, pytest.raises(RefundRejected):
        of_payment(client, provider)
    of_refund, of_question = given
    assert of_question <= 5.0 < of_refund


@both_kinds
@explaining
def test_a_refund_that_was_refused_for_the_payments_state_may_be_asked_for_again(kind: Kind, provider: str) -> None:
    states = [state(provider, UNREFUNDABLE[provider][0])]
    transport = Questioned(*states, answers=[REFUSALS[provider], PENDING_REPLIES[provider]])
    with scripted(kind, provider, transport) as client:
        with pytest.raises(RefundRejected):
            of_payment(client, provider)
        assert not of_payment(client, provider).replayed
    assert len(transport.sent) == 2


# Calling a refund off.


@both_kinds
@pytest.mark.parametrize("provider", ["paybyrd", "blink"])
def test_a_refund_cannot_be_called_off_where_the_capabilities_say_so(kind: Kind, provider: str) -> None:
    transport = Scripted(NO_STATE, state=state(provider, DONE[provider]))
    with scripted(kind, provider, transport) as client:
        assert not any(one.cancel for one in client.client.capabilities(provider).values())
        for status in (PENDING, SUCCEEDED):
            with pytest.raises(UnsupportedOperation) as refused:
                asked(client, pending(provider, status=status), "cancel")
            error = refused.value
            assert (error.field, error.resend) == ("provider", Resend.NEVER)
            assert (error.provider, error.reference) == (provider, "reference-1")
    assert transport.asked == transport.sent == []


@both_kinds
def test_a_refund_that_is_called_off_is_asked_about_afterwards(kind: Kind) -> None:
    transport = Questioned(state("lab4pay", "CANCELED"), answers=[reply(200)])
    with scripted(kind, "lab4pay", transport) as client:
        assert all(one.cancel for one in client.client.capabilities("lab4pay").values())
        assert asked(client, pending("lab4pay"), "cancel").status is FAILED
    (sent,) = transport.sent
    base = "https://api-payment.lab4pay.com/v1/pay-connect/transactions/refund-1"
    assert (sent.method, sent.url, sent.body) == ("POST", f"{base}/cancel/", b"")
    assert [question.url for question in transport.asked] == [f"{base}/status/"]


@both_kinds
def test_a_cancel_is_no_proof_whatever_its_reply(kind: Kind) -> None:
    said = b'{"status": "CANCELED"}'
    for status in (200, 201, 202, 204, 302, 400, 404, 409, 422):
        transport = Questioned(state("lab4pay", "SUCCESS"), answers=[reply(status, said)])
        with scripted(kind, "lab4pay", transport) as client:
            assert asked(client, pending("lab4pay"), "cancel").status is SUCCEEDED, status
        assert len(transport.sent) == len(transport.asked) == 1


@both_kinds
@pytest.mark.parametrize("answer", [LOST, reply(408), reply(429), reply(500), reply(503, HTML)], ids=repr)
def test_a_cancel_that_may_not_have_been_taken_is_sent_again(kind: Kind, answer: Answer) -> None:
    transport = Questioned(state("lab4pay", "CANCELED"), answers=[answer, answer, reply(200)])
    with caller(kind, account("lab4pay", transport=transport), retry=BRIEFLY) as client:
        assert asked(client, pending("lab4pay"), "cancel").status is FAILED
    assert (len(transport.sent), len(transport.asked)) == (3, 1)


@both_kinds
@pytest.mark.parametrize(
    ("answer", "temporary"),
    [(UNREACHED, True), (replace(UNREACHED, lasting=True), False), (reply(401), False), (reply(403), False)],
    ids=repr,
)
def test_a_cancel_that_had_no_effect_is_told_and_the_state_is_not_asked_for(
    kind: Kind, answer: Answer, temporary: bool
) -> None:
    transport = Questioned(state("lab4pay", "SUCCESS"), answers=[answer])
    with scripted(kind, "lab4pay", transport) as client, pytest.raises(LookupFailed) as failed:
        asked(client, pending("lab4pay"), "cancel")
    error = failed.value
    assert (error.refund, error.resend, error.temporary) == (pending("lab4pay"), Resend.NEVER, temporary)
    assert transport.asked == []


@both_kinds
@pytest.mark.parametrize(("first", "second"), [(LOST, UNREACHED), (reply(500), UNREACHED), (LOST, reply(401))])
def test_a_cancel_that_may_have_left_is_asked_about_whatever_became_of_sending_it_again(
    kind: Kind, first: Answer, second: Answer
) -> None:
    transport = Questioned(state("lab4pay", "CANCELED"), answers=[first, second])
    with caller(kind, account("lab4pay", transport=transport), retry=BRIEFLY) as client:
        assert asked(client, pending("lab4pay"), "cancel").status is FAILED


@both_kinds
@pytest.mark.parametrize("status", [SUCCEEDED, FAILED])
def test_a_final_refund_is_not_called_off(kind: Kind, status: RefundStatus) -> None:
    transport = Questioned(state("lab4pay", "INITIATED"), answers=[reply(200)])
    refund = pending("lab4pay", status=status)
    with scripted(kind, "lab4pay", transport) as client:
        assert asked(client, refund, "cancel") == refund
    assert transport.asked == transport.sent == []


@both_kinds
def test_a_refund_whose_id_leads_elsewhere_is_not_called_off(kind: Kind) -> None:
    for refund_id in (None, *HOSTILE_IDS):
        transport = Questioned(state("lab4pay", "CANCELED"), answers=[reply(200)])
        with scripted(kind, "lab4pay", transport) as client, pytest.raises(InvalidRefund) as refused:
            asked(client, pending("lab4pay", refund_id=refund_id), "cancel")
        assert (refused.value.field, refused.value.resend) == ("refund_id", Resend.NEVER)
        assert transport.asked == transport.sent == []


@both_kinds
def test_a_refund_that_was_called_off_may_be_asked_for_again(kind: Kind) -> None:
    answers = [PENDING_REPLIES["lab4pay"], reply(200), PENDING_REPLIES["lab4pay"]]
    transport = Questioned(state("lab4pay", "CANCELED"), answers=answers)
    with scripted(kind, "lab4pay", transport) as client:
        assert asked(client, client.ask("lab4pay"), "cancel").status is FAILED
        assert not client.ask("lab4pay").replayed
    assert len(transport.sent) == 3


# What the hooks are told.


@both_kinds
def test_each_question_is_told_with_the_state_that_it_gave(kind: Kind) -> None:
    attempts: list[tuple[Operation, str, int | None]] = []
    transport = Questioned(LOST, reply(404), state("lab4pay", "IN_PROGRESS"), state("lab4pay", "DECLINED"))
    with caller(
        kind,
        account("lab4pay", transport=transport),
        on_attempt=lambda attempt: attempts.append((attempt.operation, attempt.outcome, attempt.status)),
    ) as client:
        for _ in range(2):
            with pytest.raises(LookupFailed):
                asked(client, pending("lab4pay"))
        assert [asked(client, pending("lab4pay")).status for _ in range(2)] == [PENDING, FAILED]
    assert attempts == [
        (Operation.LOOKUP, "LookupFailed", None),
        (Operation.LOOKUP, "LookupFailed", 404),
        (Operation.LOOKUP, "PENDING", 200),
        (Operation.LOOKUP, "FAILED", 200),
    ]


def test_a_cancel_that_was_answered_is_told_as_one_that_went_well() -> None:
    outcomes: list[str] = []
    transport = Questioned(state("lab4pay", "SUCCESS"), answers=[reply(200)])
    made = account("lab4pay", transport=transport)
    with caller("sync", made, on_attempt=lambda attempt: outcomes.append(attempt.outcome)) as client:
        asked(client, pending("lab4pay"), "cancel")
    assert outcomes == ["OK", "SUCCEEDED"]


@pytest.mark.parametrize("answer", [LOST, UNREACHED, reply(500), reply(200, HTML)], ids=repr)
def test_a_question_for_a_reason_that_got_no_answer_is_not_told_as_one_that_went_well(answer: Answer) -> None:
    outcomes: list[str] = []
    transport = Questioned(answer, answers=[reply(400)])
    made = account("lab4pay", transport=transport)
    with (
        caller("sync", made, on_attempt=lambda attempt: outcomes.append(attempt.outcome)) as client,
        pytest.raises(RefundRejected),
    ):
        of_payment(client, "lab4pay")
    assert outcomes[0] == "RefundRejected"
    assert outcomes[1:] != ["OK"]
