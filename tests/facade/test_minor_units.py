"""How Paybyrd and Lab4Pay count a currency whose major unit has not a hundred parts: the account says so, no guess."""

import json
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundry import InvalidRefund, Money, Paybyrd, Refund, RefundClient, RefundError, RefundMismatch, Resend
from refundry.money import EXPONENTS, MAX_MINOR_UNITS
from tests.facade.questions import looked_up, pending, state
from tests.facade.support import KINDS, NO_STATE, Kind, Scripted, outcome_for_caller, scripted
from tests.providers import RECORDS, account
from tests.providers.record import PAYMENT, reply, value_at

COUNTING: Final = [provider for provider, record in RECORDS.items() if record.counts_minor_units]
"""The providers whose amounts are sent as whole numbers."""
ODD: Final = sorted(code for code, decimals in EXPONENTS.items() if decimals != 2)

counting = pytest.mark.parametrize("provider", COUNTING)
amounts = st.builds(Money, st.integers(1, MAX_MINOR_UNITS), st.sampled_from(sorted(EXPONENTS)))
odd_amounts = st.builds(Money, st.integers(1, 10**7), st.sampled_from(ODD))


def sent(provider: str, amount: Money, kind: Kind = "sync", **options: Any) -> int | InvalidRefund:
    """Return the number that is sent for this amount, or the exception that refuses it before sending."""
    transport = Scripted(reply(500))
    with scripted(kind, provider, transport, **options) as client:
        with pytest.raises(RefundError) as raised:
            client.ask(provider, amount=amount)
        error = raised.value
        if not isinstance(error, InvalidRefund):
            number = value_at(json.loads(transport.sent[0].body), RECORDS[provider].contract.amount_at)
            assert isinstance(number, int)
            return number
        assert transport.sent == []
        assert (error.provider, error.reference, error.resend) == (provider, "reference-1", Resend.SAFE)
        with pytest.raises(InvalidRefund):
            client.client.prepare(provider, payment_id=PAYMENT, amount=amount, reference="reference-1")
        return error


@pytest.mark.parametrize("kind", KINDS)
@counting
@pytest.mark.parametrize("currency", ODD)
def test_a_currency_without_hundredths_is_refused_until_the_account_names_its_unit(
    kind: Kind, provider: str, currency: str
) -> None:
    refused = sent(provider, Money.of("7", currency), kind)
    assert isinstance(refused, InvalidRefund)
    assert refused.field == "minor_units"
    for words in (currency, 'minor_units="iso" or "hundredths"', f"has {EXPONENTS[currency]} decimals"):
        assert words in str(refused)


@counting
@given(amount=amounts)
def test_an_amount_is_sent_in_the_unit_of_the_account_or_not_at_all(provider: str, amount: Money) -> None:
    assert sent(provider, amount, minor_units="iso") == amount.minor_units
    hundredths = amount.decimal * 100
    whole = hundredths == hundredths.to_integral_value() and hundredths <= MAX_MINOR_UNITS
    number = sent(provider, amount, minor_units="hundredths")
    if whole:
        assert number == hundredths
    else:
        assert isinstance(number, InvalidRefund)
        assert number.field == "amount"
        assert str(amount) in str(number)
    if EXPONENTS[amount.currency] == 2:
        assert sent(provider, amount) == amount.minor_units


@counting
@pytest.mark.parametrize(
    ("amount", "number"),
    [
        (Money.of("79", "JPY"), 7900),
        (Money.of("1.230", "KWD"), 123),
        (Money.of("1.235", "KWD"), None),
        (Money.of("0.0100", "CLF"), 1),
        (Money.of("0.0001", "CLF"), None),
        (Money.of("79.10", "EUR"), 7910),
        (Money.from_minor(10**13, "JPY"), 10**15),
        (Money.from_minor(10**13 + 1, "JPY"), None),  # more than every JSON reader holds
    ],
    ids=str,
)
def test_an_amount_that_is_not_a_whole_number_of_hundredths_is_refused(
    provider: str, amount: Money, number: int | None
) -> None:
    result = sent(provider, amount, minor_units="hundredths")
    assert (None if isinstance(result, InvalidRefund) else result) == number


@given(amount=odd_amounts, left=st.integers(0, 10**9))
def test_a_reply_is_read_in_the_units_of_its_request(amount: Money, left: int) -> None:
    for counts, decimals in (("iso", EXPONENTS[amount.currency]), ("hundredths", 2)):
        number = sent("paybyrd", amount, minor_units=counts)
        if isinstance(number, InvalidRefund):
            continue
        body = {"code": "BYRD200", "isoAmount": number, "amount": str(amount.decimal)}
        answer = reply(200, {**body, "sourceTransaction": {"isoRemainingAmount": left}})
        refund = outcome_for_caller("paybyrd", answer, amount=amount, minor_units=counts)
        assert isinstance(refund, Refund)
        # A remainder is in the minor units of the currency. One that is not a whole number of them is left out.
        remaining = Decimal(left).scaleb(EXPONENTS[amount.currency] - decimals)
        assert refund.remaining == (remaining if remaining == remaining.to_integral_value() else None)
        another = outcome_for_caller(
            "paybyrd", reply(200, {**body, "isoAmount": number + 1}), amount=amount, minor_units=counts
        )
        assert isinstance(another, RefundMismatch)


@pytest.mark.parametrize(
    ("currency", "left", "remaining"),
    [("JPY", 7900, 79), ("JPY", 7950, None), ("KWD", 123, 1230), ("CLF", 1, 100), ("EUR", 7910, 7910), ("JPY", 0, 0)],
)
def test_a_remainder_stays_in_the_minor_units_of_the_currency(currency: str, left: int, remaining: int | None) -> None:
    answer = reply(200, {"code": "BYRD200", "sourceTransaction": {"isoRemainingAmount": left}})
    transport = Scripted(answer)
    with scripted("sync", "paybyrd", transport, minor_units="hundredths") as client:
        assert client.ask("paybyrd", amount=Money.of("7", currency)).remaining == remaining
        pointers = [deviation.pointer for deviation in client.deviations]
    assert pointers == ([] if remaining is not None else ["/sourceTransaction/isoRemainingAmount"])


@pytest.mark.parametrize("left", [10**20, 10**4000, -1, 1.0, "7", True, None, []], ids=lambda left: str(left)[:20])
def test_an_invalid_remainder_is_reported_and_left_out(left: object) -> None:
    answer = reply(200, {"code": "BYRD200", "sourceTransaction": {"isoRemainingAmount": left}})
    for counts in ("iso", "hundredths"):
        refund = outcome_for_caller("paybyrd", answer, amount=Money.of("7", "JPY"), minor_units=counts)
        assert isinstance(refund, Refund)
        assert refund.remaining is None
        assert json.loads(json.dumps(refund.to_dict())) == refund.to_dict()


def found(answer: Any, refund: Refund, **options: Any) -> Refund | RefundError:
    with scripted("sync", "paybyrd", Scripted(NO_STATE, state=answer), **options) as client:
        try:
            return looked_up(client, refund)
        except RefundError as error:
            return error


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    ("counts", "amount", "right", "wrong"),
    [
        ("iso", Money.of("79", "JPY"), -79, -7900),
        ("hundredths", Money.of("79", "JPY"), -7900, -79),
        ("iso", Money.of("1.230", "KWD"), -1230, -123),
        ("hundredths", Money.of("1.230", "KWD"), -123, -1230),
        ("hundredths", Money.of("79.10", "EUR"), -7910, -791),
        (None, Money.of("79.10", "EUR"), -7910, -791),
    ],
)
def test_a_lookup_counts_in_the_units_of_the_refund(
    named: bool, counts: str | None, amount: Money, right: int, wrong: int
) -> None:
    refund = pending("paybyrd", amount=amount)
    more: dict[str, Any] = {"currency": amount.currency} if named else {}
    assert isinstance(found(state("paybyrd", "Success", isoAmount=right, **more), refund, minor_units=counts), Refund)
    another = found(state("paybyrd", "Success", isoAmount=wrong, **more), refund, minor_units=counts)
    assert isinstance(another, RefundMismatch)
    if named:
        unknown = pending("paybyrd", amount=None)
        recorded = found(state("paybyrd", "Success", isoAmount=right, **more), unknown, minor_units=counts)
        assert isinstance(recorded, Refund)
        assert recorded.amount == amount


def test_a_lookup_through_an_account_without_a_unit_guesses_nothing() -> None:
    refund = pending("paybyrd", amount=None)
    answer = state("paybyrd", "Success", isoAmount=-79, currency="JPY")
    recorded = found(answer, refund)
    assert isinstance(recorded, Refund)
    assert recorded.amount is None
    written = state("paybyrd", "Success", isoAmount=-79, amount="-79", currency="JPY")
    recorded = found(written, refund)
    assert isinstance(recorded, Refund)
    assert recorded.amount == Money.of("79", "JPY")


@counting
@pytest.mark.parametrize("counts", ["ISO", "cents", "", 2, True, []])
def test_an_account_counts_in_one_of_two_ways(provider: str, counts: Any) -> None:
    with pytest.raises(InvalidRefund, match="iso or hundredths") as refused:
        account(provider, minor_units=counts)
    assert refused.value.field == "minor_units"


def test_an_account_of_blink_counts_no_minor_units() -> None:
    with pytest.raises(TypeError):
        account("blink", minor_units="iso")
    assert isinstance(outcome_for_caller("blink", reply(200, {"success": True}), amount=Money.of("79", "JPY")), Refund)


def test_the_environment_can_set_the_unit_of_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFUNDRY_PAYBYRD_API_KEY", "test-key")
    monkeypatch.setenv("REFUNDRY_PAYBYRD_MINOR_UNITS", "hundredths")
    monkeypatch.setenv("REFUNDRY_LAB4PAY_ACCESS_TOKEN", "test-key")
    monkeypatch.setenv("REFUNDRY_LAB4PAY_INTEGRATOR_ID", "test-integrator")
    monkeypatch.setenv("REFUNDRY_LAB4PAY_MINOR_UNITS", "iso")
    with RefundClient.from_env() as client:
        yen = Money.of("79", "JPY")
        bodies = [
            json.loads(client.prepare(one, payment_id=PAYMENT, amount=yen, reference="reference-1").body)
            for one in ("paybyrd", "lab4pay")
        ]
    assert bodies == [{"isoAmount": 7900}, {"amount": 79}]
    monkeypatch.setenv("REFUNDRY_PAYBYRD_MINOR_UNITS", "cents")
    with pytest.raises(InvalidRefund, match="iso or hundredths") as refused:
        RefundClient.from_env()
    assert refused.value.field == "REFUNDRY_PAYBYRD_MINOR_UNITS"


def test_the_unit_of_an_account_has_its_own_argument() -> None:
    assert Paybyrd(api_key="test-key").minor_units is None
    assert Paybyrd(api_key="test-key", minor_units="hundredths").minor_units == "hundredths"
