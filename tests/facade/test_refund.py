"""The vocabulary: the valid refund requests, and that a refund keeps its meaning in another process."""

import dataclasses
import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundry import (
    FULL,
    Attempt,
    Capabilities,
    ContractDeviation,
    Evidence,
    InvalidRefund,
    Money,
    Operation,
    Refund,
    RefundStatus,
    WireReply,
)
from refundry.money import EXPONENTS, MAX_MINOR_UNITS
from refundry.refund import RefundRequest

EURO = Money.of("1.00", "EUR")
CAN = Capabilities(
    partial=True,
    full_without_amount=True,
    idempotency_window=60,
    settles="now",
    reports=frozenset(),
    lookup=frozenset({"refund_id"}),
    absence_proves="nothing",
    cancel=False,
    callbacks="nothing",
)
texts = st.text(max_size=20)
refunds = st.builds(
    Refund,
    provider=texts,
    reference=texts,
    status=st.sampled_from(RefundStatus),
    amount=st.none() | st.builds(Money, st.integers(1, MAX_MINOR_UNITS), st.sampled_from(sorted(EXPONENTS))),
    refund_id=st.none() | texts,
    payment_id=st.none() | texts,
    remaining=st.none() | st.integers(0, 10**18),
    tracking_id=st.none() | texts,
    provider_code=st.none() | texts,
    provider_message=st.none() | texts,
    sent_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    replayed=st.booleans(),
)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"payment_id": ".."}, "payment_id"),
        ({"payment_id": ""}, "payment_id"),
        ({"reference": ""}, "reference"),
        ({"reference": None}, "reference"),
        ({"amount": None}, "amount"),
        ({"amount": "1.00"}, "amount"),
        ({"amount": 1.0}, "amount"),
        ({"amount": FULL, "payment_id": None}, "amount"),
    ],
)
def test_a_request_that_could_not_be_sent_is_refused_with_its_field(changes: dict[str, Any], field: str) -> None:
    arguments = {"provider": "blink", "payment_id": "p-1", "amount": EURO, "reference": "r-1", **changes}
    with pytest.raises(InvalidRefund) as refused:
        RefundRequest(**arguments)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("payment_id", "operation"), [("p-1", Operation.REFUND), (None, Operation.REFUND_UNREFERENCED)]
)
def test_a_request_has_the_operation_that_fits_its_payment(payment_id: str | None, operation: Operation) -> None:
    assert RefundRequest("any", payment_id, EURO, "r-1").operation is operation


@given(refunds)
def test_a_refund_is_the_same_after_a_round_trip_through_json(refund: Refund) -> None:
    assert Refund.from_dict(json.loads(json.dumps(refund.to_dict()))) == refund


def test_the_raw_reply_stays_out_of_the_dict_the_repr_and_the_comparison() -> None:
    plain = Refund("blink", "r-1", RefundStatus.PENDING)
    refund = dataclasses.replace(plain, raw=WireReply(200, (("x-name", "header text"),), b"body text"))
    assert "raw" not in refund.to_dict()
    assert "raw" not in repr(refund)
    assert refund == plain
    for text in ("header text", "body text"):
        assert text not in repr(refund) + str(refund) + repr(refund.raw)


def test_a_refund_cannot_be_changed() -> None:
    refund: Any = Refund("blink", "r-1", RefundStatus.PENDING)
    with pytest.raises(dataclasses.FrozenInstanceError):
        refund.status = RefundStatus.SUCCEEDED
    assert refund.status is RefundStatus.PENDING


def test_the_dict_of_a_refund_holds_nothing_but_plain_values() -> None:
    sent_at = datetime(2026, 11, 26, 12, tzinfo=UTC)
    names: dict[str, Any] = {"refund_id": "x", "payment_id": "p-1", "sent_at": sent_at}
    refund = Refund("blink", "r-1", RefundStatus.SUCCEEDED, amount=EURO, remaining=0, **names)
    assert refund.to_dict() == {
        "provider": "blink",
        "reference": "r-1",
        "status": "succeeded",
        "amount": {"minor_units": 100, "currency": "EUR"},
        "refund_id": "x",
        "payment_id": "p-1",
        "remaining": 0,
        "tracking_id": None,
        "provider_code": None,
        "provider_message": None,
        "sent_at": "2026-11-26T12:00:00+00:00",
        "replayed": False,
        "request_id": None,
        "recorded": True,
    }


def test_a_dict_without_the_optional_fields_is_a_refund() -> None:
    refund = Refund.from_dict({"provider": "blink", "reference": "r-1", "status": "failed"})
    assert refund == Refund("blink", "r-1", RefundStatus.FAILED)


@pytest.mark.parametrize("name", ["provider", "reference", "status"])
def test_a_dict_without_a_required_field_is_refused_with_its_name(name: str) -> None:
    values = {"provider": "blink", "reference": "r-1", "status": "failed"}
    del values[name]
    with pytest.raises(InvalidRefund, match=f"'{name}'") as refused:
        Refund.from_dict(values)
    assert refused.value.field == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("provider", None),
        ("provider", 1),
        ("reference", b"r-1"),
        ("status", "done"),
        ("status", None),
        ("status", []),
        ("amount", "1.00"),
        ("amount", 100),
        ("amount", []),
        ("amount", {"minor_units": 100}),
        ("amount", {"currency": "EUR"}),
        ("amount", {"minor_units": "100", "currency": "EUR"}),
        ("amount", {"minor_units": 1.5, "currency": "EUR"}),
        ("amount", {"minor_units": 0, "currency": "EUR"}),
        ("amount", {"minor_units": 100, "currency": "XXX"}),
        ("amount", {"minor_units": 100, "currency": None}),
        ("amount", {"minor_units": 100, "currency": []}),
        ("refund_id", 7),
        ("payment_id", {}),
        ("remaining", "0"),
        ("remaining", 0.5),
        ("remaining", True),
        ("tracking_id", 7),
        ("provider_code", 200),
        ("provider_message", ["no"]),
        ("replayed", 1),
        ("replayed", None),
        ("sent_at", 1764158400),
        ("sent_at", "yesterday"),
        ("sent_at", "2026-11-26T12:00:00"),
    ],
)
def test_a_dict_with_an_invalid_field_is_refused_with_its_name(name: str, value: object) -> None:
    values = {"provider": "blink", "reference": "r-1", "status": "failed", name: value}
    with pytest.raises(InvalidRefund, match=f"'{name}'") as refused:
        Refund.from_dict(values)
    assert refused.value.field == name


@given(refunds, st.dictionaries(st.text(), st.none() | st.integers() | st.text()))
def test_a_field_that_this_version_does_not_know_is_ignored(refund: Refund, others: dict[str, Any]) -> None:
    assert Refund.from_dict({"colour": "red", **others, "raw": None, **refund.to_dict()}) == refund


@pytest.mark.parametrize("hours", [-11, 0, 5.5])
def test_a_time_is_the_same_in_every_zone(hours: float) -> None:
    sent_at = datetime(2026, 11, 26, 12, tzinfo=timezone(timedelta(hours=hours)))
    values = {"provider": "blink", "reference": "r-1", "status": "pending", "sent_at": sent_at.isoformat()}
    refund = Refund.from_dict(values)
    assert refund.sent_at is not None
    assert (refund.sent_at, refund.sent_at.tzinfo) == (sent_at, UTC)


@pytest.mark.parametrize("window", [0, -1])
def test_an_idempotency_window_without_a_length_is_refused(window: int) -> None:
    with pytest.raises(ValueError, match="above zero"):
        dataclasses.replace(CAN, idempotency_window=window)


@pytest.mark.parametrize(
    "value",
    [
        Refund("blink", "r-1", RefundStatus.PENDING, amount=EURO, raw=WireReply(200, (), b"{}")),
        RefundRequest("blink", "p-1", EURO, "r-1"),
        CAN,
        Attempt("blink", "r-1", Operation.REFUND, Evidence.ANSWERED, 200, 0.1, "PENDING"),
        ContractDeviation("blink", Operation.REFUND, "/status", "is not a text", "0" * 64),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_of_the_vocabulary_is_frozen_and_survives_a_pickle(value: Any) -> None:
    assert pickle.loads(pickle.dumps(value)) == value
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, dataclasses.fields(value)[0].name, "other")
