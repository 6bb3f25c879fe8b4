"""The meaning of each word of a transaction, and the fields of a state."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from refundry import (
    FULL,
    Money,
    Operation,
    Refund,
    RefundMismatch,
    RefundStatus,
    Resend,
)
from refundry.providers.registry import translation_of
from refundry.providers.replies import read_state
from tests.facade.questions import (
    FAILED,
    LINK,
    PENDING,
    SUCCEEDED,
    LookupScript,
    dated,
    found,
    looked_up,
    pending,
    spelled,
    state,
    status_of,
    tracked,
    transaction,
    written,
)
from tests.facade.support import KINDS, NO_STATE, Kind, Scripted, scripted
from tests.providers import PROVIDERS, RECORDS, account
from tests.providers.record import ONE_EURO, PAYMENT, reply

both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)


# Words.


@both_kinds
@pytest.mark.parametrize(
    ("provider", "word"), [(name, word) for name, record in RECORDS.items() for word in record.states.words]
)
def test_a_word_means_the_same_in_any_case_and_with_any_separators(kind: Kind, provider: str, word: str) -> None:
    separated = [re.sub(r"[\s_-]", between, word) for between in (" ", "_", "-", "  ", "\t", "_-_")]
    for spelling in (word, word.lower(), word.upper(), word.swapcase(), f" {word}\n", *separated):
        transport = Scripted(NO_STATE, state=state(provider, spelling))
        with scripted(kind, provider, transport) as client:
            outcome = looked_up(client, pending(provider))
            assert (outcome.status, outcome.provider_code) == (RECORDS[provider].states.words[word], spelling)
            assert client.deviations == []
        assert (len(transport.lookups), transport.sent) == (1, [])


near_misses = st.sampled_from(sorted(word for record in RECORDS.values() for word in record.states.words)).flatmap(
    lambda word: st.sampled_from([word[1:], word[:-1], word * 2, f"{word}s", f"Not {word}", f"{word}\0", word[::-1]])
)


@every_provider
@given(word=st.text() | near_misses)
def test_a_text_that_is_not_a_listed_word_is_never_a_final_state(provider: str, word: str) -> None:
    assume(spelled(word) not in [spelled(one) for one in RECORDS[provider].states.words])
    outcome, deviations = found(provider, state(provider, word))
    assert isinstance(outcome, Refund)
    assert (outcome.status, deviations) == (PENDING, [RECORDS[provider].states.at])


def test_a_deviation_is_reported_with_its_lookup() -> None:
    with scripted("sync", "lab4pay", Scripted(NO_STATE, state=state("lab4pay", "MISPLACED"))) as client:
        looked_up(client, pending("lab4pay"))
    (deviation,) = client.deviations
    assert (deviation.provider, deviation.operation) == ("lab4pay", Operation.LOOKUP)
    assert "MISPLACED" not in deviation.rule


# Codes and amounts at Paybyrd.


FINAL_WORDS: Final = [word for word, meant in RECORDS["paybyrd"].states.words.items() if meant is not PENDING]
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
def test_a_code_that_agrees_with_the_word_changes_nothing(
    words: Sequence[str], codes: Sequence[str], expected: RefundStatus
) -> None:
    for word in words:
        for code in codes:
            outcome, deviations = found("paybyrd", state("paybyrd", word, code=code))
            assert isinstance(outcome, Refund)
            assert (outcome.status, outcome.provider_code, deviations) == (expected, code, []), (word, code)


@pytest.mark.parametrize("word", ["Error", *FINAL_WORDS])
@pytest.mark.parametrize("code", QUERY_FIRST)
def test_a_final_word_with_an_inconclusive_code_is_pending(word: str, code: str) -> None:
    assert status_of("paybyrd", state("paybyrd", word, code=code)) is PENDING


@pytest.mark.parametrize("word", FINAL_WORDS)
@pytest.mark.parametrize("code", UNDERWAY)
def test_a_final_word_with_the_code_of_a_pending_refund_is_pending(word: str, code: str) -> None:
    outcome, deviations = found("paybyrd", state("paybyrd", word, code=code))
    assert isinstance(outcome, Refund)
    assert (outcome.status, deviations) == (PENDING, ["/code"])


@pytest.mark.parametrize(
    ("word", "code"),
    [(word, code) for word in ("Success", "AcquirerSuccess") for code in (*REFUSED, *ERRORS)]
    + [(word, "BYRD200") for word in ("Denied", "Canceled", "Error")],
)
def test_a_final_word_with_a_contradicting_code_is_pending_and_reported(word: str, code: str) -> None:
    outcome, deviations = found("paybyrd", state("paybyrd", word, code=code))
    assert isinstance(outcome, Refund)
    assert (outcome.status, deviations) == (PENDING, ["/code"])


@pytest.mark.parametrize("word", ["Denied", "Canceled", "Error"])
@pytest.mark.parametrize("code", ["BYRD777", "BYRD", "byrd999", "BYRD203 "])
def test_a_code_that_is_not_listed_proves_no_failure(word: str, code: str) -> None:
    outcome, deviations = found("paybyrd", state("paybyrd", word, code=code))
    assert isinstance(outcome, Refund)
    assert (outcome.status, deviations) == (PENDING, ["/code"])


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
    outcome, deviations = found("paybyrd", state("paybyrd", "Success", **amounts, **currency))
    assert isinstance(outcome, Refund)
    assert (outcome.status, outcome.amount, deviations) == (SUCCEEDED, ONE_EURO, [])


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
@pytest.mark.parametrize("word", RECORDS["paybyrd"].states.words)
def test_a_different_amount_is_a_mismatch_with_every_word(word: str, amounts: Any) -> None:
    assert status_of("paybyrd", state("paybyrd", word, **amounts)) is RefundMismatch


def test_a_state_that_contradicts_itself_is_a_mismatch_also_without_an_expected_amount() -> None:
    answer = state("paybyrd", "Success", isoAmount=-100, amount="-2.00", currency="EUR")
    outcome, deviations = found("paybyrd", answer, pending("paybyrd", amount=None))
    assert isinstance(outcome, RefundMismatch)
    assert (outcome.differences, deviations) == ((("amount", "1.00", "2.00"),), ["/amount"])
    assert "1.00" in str(outcome)
    assert "2.00" in str(outcome)


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
        ("2000-01-01T00:00:00Z", datetime(2000, 1, 1, tzinfo=UTC)),
        ("1999-12-31T23:59:59Z", None),
        ("9000-12-31T00:00:00Z", datetime(9000, 12, 31, tzinfo=UTC)),
        ("9001-01-01T00:00:00Z", None),
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
    translation = translation_of(account("paybyrd"))
    for answer, at in ((state("paybyrd", "Success", createdDate=value), ""), (tracked({"createdDate": value}), "/0")):
        reading = read_state(translation, pending("paybyrd", tracking_id=LINK), answer)
        reported = f"{at}/createdDate" in [pointer for pointer, _ in reading.deviations]
        assert (reading.created_at, reported) == (moment, moment is None)
        assert reading.created_at is None or reading.created_at.tzinfo is UTC


def test_an_amount_is_read_in_the_units_of_the_currency_that_the_reply_names() -> None:
    yen = pending("paybyrd", amount=Money.of("100", "JPY"))
    currencies: list[dict[str, Any]] = [{"currency": "JPY"}, {}]
    for currency in currencies:
        answer = state("paybyrd", "Success", isoAmount=-100, **currency)
        outcome, _ = found("paybyrd", answer, yen, minor_units="iso")
        assert isinstance(outcome, Refund)
    unknown = pending("paybyrd", amount=None)
    answer = state("paybyrd", "Success", isoAmount=-100, currency="KWD")
    outcome, _ = found("paybyrd", answer, unknown, minor_units="iso")
    assert isinstance(outcome, Refund)
    assert outcome.amount == Money.of("0.100", "KWD")


# The returned refund.


@both_kinds
def test_a_state_at_lab4pay_is_returned_with_all_that_is_known(kind: Kind) -> None:
    answer = state("lab4pay", "In-Progress", more=7)
    with scripted(kind, "lab4pay", Scripted(NO_STATE, state=answer)) as client:
        outcome = looked_up(client, pending("lab4pay", remaining=7, replayed=True, provider_message="A sentence"))
    assert outcome == pending("lab4pay", provider_code="In-Progress")
    assert outcome.raw == answer


@both_kinds
def test_a_state_at_paybyrd_is_returned_with_all_that_is_known(kind: Kind) -> None:
    made = written(NOON + timedelta(seconds=5))
    answer = dated([transaction(description="A sentence", amount="-1.00", createdDate=made)])
    known = Refund("paybyrd", "reference-1", PENDING, tracking_id=LINK, remaining=7, sent_at=NOON, replayed=True)
    with scripted(kind, "paybyrd", Scripted(NO_STATE, state=answer)) as client:
        outcome = looked_up(client, known)
    assert outcome.to_dict() == {
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
        "sent_at": "2026-11-26T12:00:00+00:00",
        "replayed": False,
        "request_id": None,
        "recorded": True,
    }
    assert outcome.raw == answer


@both_kinds
def test_a_state_at_blink_is_returned_with_all_that_is_known(kind: Kind) -> None:
    answer = state("blink", "Completed", transaction_id="refund-1", message="A sentence", amount="1.00", currency="EUR")
    with scripted(kind, "blink", Scripted(NO_STATE, state=answer)) as client:
        outcome = looked_up(client, pending("blink", replayed=True))
    expected = pending("blink", status=SUCCEEDED, provider_code="Completed", provider_message="A sentence")
    assert outcome == expected
    assert outcome.raw == answer


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
def test_the_amount_of_full_at_blink_is_the_amount_of_the_state(
    amount: object, currency: object, account_currency: str | None, expected: Money | None
) -> None:
    more: dict[str, Any] = {} if currency is ... else {"currency": currency}
    whole = pending("blink", amount=None)
    outcome, _ = found("blink", state("blink", "completed", amount=amount, **more), whole, currency=account_currency)
    assert isinstance(outcome, Refund)
    assert outcome.amount == expected


@both_kinds
def test_full_at_blink_has_its_amount_after_a_lookup(kind: Kind) -> None:
    accepting = reply(200, {"status": "pending", "refunded_transaction_id": "refund-1"})
    transport = LookupScript(state("blink", "completed", amount=12.5, currency="GBP"), answers=[accepting])
    with scripted(kind, "blink", transport) as client:
        refund = client.ask("blink", amount=FULL)
        outcome = looked_up(client, refund)
        second = client.ask("blink", amount=FULL)
    assert (refund.amount, outcome.amount, second.amount) == (None, Money.of("12.50", "GBP"), Money.of("12.50", "GBP"))


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
@pytest.mark.parametrize("word", ["done", "undone"])
def test_the_state_of_another_refund_is_a_mismatch_that_names_both_values(
    provider: str, changes: dict[str, Any], difference: tuple[str, str, str], word: str
) -> None:
    answer = state(provider, getattr(RECORDS[provider].states, word), **changes)
    outcome, _ = found(provider, answer)
    assert type(outcome) is RefundMismatch
    assert (outcome.differences, outcome.resend) == ((difference,), Resend.NEVER)
    assert all(value in str(outcome) for value in difference)
    assert (outcome.provider, outcome.reference, outcome.raw) == (provider, "reference-1", answer)


def test_a_uuid_is_the_same_in_capital_letters() -> None:
    uuid = "c16ce479-319d-4e7b-a966-7735c34b2cc5"
    refund = pending("paybyrd", refund_id=uuid, payment_id=uuid.replace("c", "a"))
    referenced = [{"transactionId": "payment-2"}, {"transactionId": uuid.replace("c", "a").upper()}]
    answer = state("paybyrd", "Success", transactionId=uuid.upper(), referencedTransactions=referenced)
    outcome, _ = found("paybyrd", answer, refund)
    assert isinstance(outcome, Refund)
    assert (outcome.refund_id, outcome.payment_id) == (refund.refund_id, refund.payment_id)
