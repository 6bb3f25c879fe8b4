"""The exceptions: the facts that each class makes certain, and that each survives a pickle with all its fields."""

import copy
import inspect
import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import refundry
from refundry import (
    FULL,
    AuthenticationFailed,
    InvalidRefund,
    LedgerFailed,
    LookupFailed,
    Money,
    NotSent,
    OutcomeUnknown,
    Reason,
    ReferenceConflict,
    Refund,
    RefundError,
    RefundInProgress,
    RefundMismatch,
    RefundRejected,
    RefundStatus,
    Resend,
    StillPending,
    UnsupportedOperation,
    WebhookRejected,
    WebhookUnreadable,
    WireReply,
)
from refundry.clock import SYSTEM

DOCUMENT: Final = (Path(__file__).resolve().parents[2] / "docs" / "outcomes.md").read_text(encoding="utf-8")
HOUR: Final = 3600.0
NOW: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
FACTS: Final[dict[str, Any]] = {
    "provider": "blink",
    "reference": "r-1",
    "payment_id": "p-1",
    "amount": Money.of("1.00", "EUR"),
    "retry_after": 2.5,
    "provider_code": "failed",
    "provider_message": "It did not work",
    "request_id": "request-7",
    "recorded": False,
    "raw": WireReply(422, (("x-trace", "7"),), b"the whole body"),
}
KNOWN: Final = Refund("blink", "r-1", RefundStatus.PENDING, refund_id="refund-1")
ERRORS: Final = {
    InvalidRefund: InvalidRefund("text", field="amount", **FACTS),
    UnsupportedOperation: UnsupportedOperation("text", field="amount", **FACTS),
    ReferenceConflict: ReferenceConflict("text", **FACTS),
    RefundInProgress: RefundInProgress("text", **FACTS),
    NotSent: NotSent("text", **FACTS),
    RefundRejected: RefundRejected("text", reason=Reason.DECLINED, **FACTS),
    AuthenticationFailed: AuthenticationFailed("text", **FACTS),
    OutcomeUnknown: OutcomeUnknown("text", **FACTS),
    RefundMismatch: RefundMismatch("text", differences=[("amount", "1.00", "0.99")], **FACTS),
    LookupFailed: LookupFailed("text", refund=KNOWN, temporary=True, **FACTS),
    StillPending: StillPending("text", refund=KNOWN, **FACTS),
    LedgerFailed: LedgerFailed("text", **FACTS),
    WebhookRejected: WebhookRejected("text", **FACTS),
    WebhookUnreadable: WebhookUnreadable("text", **FACTS),
}

every_error = pytest.mark.parametrize("error", ERRORS.values(), ids=lambda error: type(error).__name__)


@pytest.mark.parametrize(
    ("cls", "resend"),
    [
        (InvalidRefund, Resend.SAFE),
        (UnsupportedOperation, Resend.SAFE),
        (ReferenceConflict, Resend.NEVER),
        (RefundInProgress, Resend.NEVER),
        (NotSent, Resend.SAFE),
        (RefundRejected, Resend.SAFE),
        (AuthenticationFailed, Resend.SAFE),
        (OutcomeUnknown, Resend.NEVER),
        (RefundMismatch, Resend.NEVER),
        (LookupFailed, Resend.NEVER),
        (StillPending, Resend.NEVER),
        (LedgerFailed, Resend.NEVER),
        (WebhookRejected, Resend.NEVER),
        (WebhookUnreadable, Resend.NEVER),
    ],
)
def test_a_class_says_whether_the_refund_may_be_resent(cls: type[RefundError], resend: Resend) -> None:
    assert ERRORS[cls].resend is resend


@pytest.mark.parametrize(
    ("cls", "base"),
    [
        (InvalidRefund, ValueError),
        (UnsupportedOperation, InvalidRefund),
        (RefundMismatch, OutcomeUnknown),
    ],
)
def test_a_subclass_is_caught_as_its_base_class(cls: type[RefundError], base: type[Exception]) -> None:
    assert isinstance(ERRORS[cls], base)


def test_every_public_exception_is_a_refund_error_and_is_in_these_tables() -> None:
    public = {value for value in (getattr(refundry, name) for name in refundry.__all__) if isinstance(value, type)}
    assert {cls for cls in public if issubclass(cls, Exception)} == {RefundError, *ERRORS}
    assert all(issubclass(cls, RefundError) for cls in ERRORS)


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (NotSent, OutcomeUnknown),
        (NotSent, RefundRejected),
        (RefundRejected, OutcomeUnknown),
        (OutcomeUnknown, RefundRejected),
        (OutcomeUnknown, NotSent),
        (RefundMismatch, RefundRejected),
        (InvalidRefund, RefundRejected),
        (LookupFailed, OutcomeUnknown),
        (LookupFailed, RefundRejected),
        (LookupFailed, NotSent),
        (StillPending, RefundRejected),
        (AuthenticationFailed, RefundRejected),
        (RefundRejected, AuthenticationFailed),
    ],
)
def test_a_certain_outcome_is_never_caught_as_another_class(narrow: type[RefundError], wide: type[RefundError]) -> None:
    assert not issubclass(narrow, wide)


@every_error
def test_an_error_carries_the_refund_and_what_the_provider_said(error: RefundError) -> None:
    assert (error.provider, error.reference) == ("blink", "r-1")
    assert (error.payment_id, error.amount, error.retry_after) == ("p-1", Money.of("1.00", "EUR"), 2.5)
    assert (error.http_status, error.provider_code, error.provider_message) == (422, "failed", "It did not work")
    assert (error.request_id, error.recorded) == ("request-7", False)
    assert error.raw == FACTS["raw"]


@every_error
def test_an_error_survives_a_pickle_and_a_copy_with_all_its_fields(error: RefundError) -> None:
    for loaded in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(loaded) is type(error)
        assert loaded.__dict__ == error.__dict__
        assert (str(loaded), loaded.args, loaded.resend) == (str(error), error.args, error.resend)


@every_error
def test_an_error_shows_neither_body_nor_headers(error: RefundError) -> None:
    for text in (str(error), repr(error), repr(error.raw)):
        assert "the whole body" not in text
        assert "x-trace" not in text


def test_an_unknown_field_of_an_error_is_none() -> None:
    error = NotSent("text")
    assert {name: value for name, value in vars(error).items() if value is not None} == {"recorded": True}


def test_an_error_stored_without_its_reply_still_has_its_status() -> None:
    assert NotSent("text", http_status=503).http_status == 503
    assert NotSent("text", http_status=503, raw=WireReply(502, (), b"")).http_status == 503


def test_a_class_carries_the_facts_that_belong_to_it() -> None:
    assert InvalidRefund("text", field="amount").field == "amount"
    assert InvalidRefund("text", field="amount", resend=Resend.NEVER).resend is Resend.NEVER
    assert RefundRejected("text", reason=Reason.NOT_FOUND).reason is Reason.NOT_FOUND
    assert RefundMismatch("text", differences=[("amount", "1", "2")]).differences == (("amount", "1", "2"),)
    failed = LookupFailed("text", refund=KNOWN, temporary=True)
    assert (failed.refund, failed.temporary) == (KNOWN, True)
    assert StillPending("text", refund=KNOWN).refund == KNOWN
    for refused in (
        RefundRejected("text", reason=Reason.OTHER, same_answer_until=NOW),
        AuthenticationFailed("text", same_answer_until=NOW),
    ):
        assert refused.same_answer_until == NOW


class Clocks:
    """The wall clock and the monotonic clock, which only the test moves."""

    def __init__(self) -> None:
        self.wall, self.monotonic = NOW.timestamp(), 1000.0

    def go_on(self, wall: float, monotonic: float) -> None:
        self.wall += wall
        self.monotonic += monotonic


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr(SYSTEM, "wall", lambda: clocks.wall)
    monkeypatch.setattr(SYSTEM, "boot", lambda: clocks.monotonic)
    return clocks


def unknown(seconds: float = HOUR) -> OutcomeUnknown:
    return OutcomeUnknown("text", resend_until=NOW + timedelta(seconds=seconds))


def stored(error: RefundError) -> RefundError:
    return RefundError.from_dict(json.loads(json.dumps(error.to_dict())))


def same(error: RefundError) -> RefundError:
    return error


def pickled(error: RefundError) -> RefundError:
    loaded: RefundError = pickle.loads(pickle.dumps(error))
    return loaded


FORMS: Final = (same, copy.copy, copy.deepcopy, pickled, stored)
in_every_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: str(form.__name__))


@in_every_form
@pytest.mark.parametrize("cls", [OutcomeUnknown, RefundMismatch])
def test_an_unknown_refund_may_be_resent_until_its_time_is_over_in_every_stored_form(
    clocks: Clocks, form: Callable[[RefundError], RefundError], cls: type[OutcomeUnknown]
) -> None:
    more = {"differences": [("amount", "1", "2")]} if cls is RefundMismatch else {}
    error = form(cls("text", resend_until=NOW + timedelta(hours=1), **more))
    assert isinstance(error, cls)
    assert error.resend_until == NOW + timedelta(hours=1)
    seen = []
    for seconds in (0, HOUR - 1, 1, 2 * 24 * HOUR):
        clocks.go_on(seconds, seconds)
        seen.append(error.resend)
    assert seen == [Resend.SAME_REFERENCE, Resend.SAME_REFERENCE, Resend.NEVER, Resend.NEVER]


@in_every_form
def test_a_machine_that_slept_does_not_extend_the_time_to_resend(
    clocks: Clocks, form: Callable[[RefundError], RefundError]
) -> None:
    error = form(unknown())
    clocks.go_on(HOUR, 0.0)
    assert error.resend is Resend.NEVER


@in_every_form
def test_a_wall_clock_that_was_set_back_does_not_extend_the_time_to_resend(
    clocks: Clocks, form: Callable[[RefundError], RefundError]
) -> None:
    error = form(unknown())
    clocks.go_on(-10 * HOUR, HOUR)
    assert error.resend is Resend.NEVER


@pytest.mark.parametrize("form", [same, copy.copy, copy.deepcopy], ids=lambda form: str(form.__name__))
def test_a_copy_detects_a_clock_that_was_set_back_as_its_original_does(
    clocks: Clocks, form: Callable[[RefundError], RefundError]
) -> None:
    error = unknown()
    clocks.go_on(-10 * HOUR, HOUR)
    assert form(error).resend is Resend.NEVER


@in_every_form
def test_an_unknown_refund_without_a_time_is_never_resent(form: Callable[[RefundError], RefundError]) -> None:
    error = form(OutcomeUnknown("text"))
    assert isinstance(error, OutcomeUnknown)
    assert (error.resend_until, error.resend) == (None, Resend.NEVER)


def test_the_time_to_resend_can_be_withdrawn(clocks: Clocks) -> None:
    error = unknown()
    clocks.go_on(1.0, 1.0)
    seen = [error.resend]
    error.resend_until = None
    assert [*seen, error.resend] == [Resend.SAME_REFERENCE, Resend.NEVER]


def test_a_time_in_another_zone_is_the_same_moment_in_utc(clocks: Clocks) -> None:
    error = OutcomeUnknown("text", resend_until=(NOW + timedelta(hours=1)).astimezone(timezone(timedelta(hours=-8))))
    assert error.resend_until == NOW + timedelta(hours=1)
    assert error.resend_until is not None
    assert error.resend_until.tzinfo is UTC
    clocks.go_on(HOUR - 1, HOUR - 1)
    assert error.resend is Resend.SAME_REFERENCE


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        OutcomeUnknown("text", resend_until=datetime(2026, 1, 1))


TEXTS: Final = st.text(max_size=20)
MAYBE_TEXTS: Final = st.none() | TEXTS
MOMENTS: Final = st.datetimes(
    datetime(1970, 1, 1),
    datetime(2200, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)
MONEY: Final = st.builds(Money, st.integers(1, 10**15), st.sampled_from(["JPY", "EUR", "KWD"]))
REFUNDS: Final = st.builds(
    Refund,
    *(TEXTS, TEXTS, st.sampled_from(RefundStatus)),
    amount=st.none() | MONEY,
    refund_id=MAYBE_TEXTS,
    remaining=st.none() | st.integers(0, 10**15),
)
COMMON: Final[dict[str, st.SearchStrategy[Any]]] = {
    **dict.fromkeys(("provider", "reference", "payment_id", "provider_code", "provider_message"), MAYBE_TEXTS),
    "amount": st.none() | st.just(FULL) | MONEY,
    "http_status": st.none() | st.integers(100, 999),
    "retry_after": st.none() | st.floats(0, 86_400),
    "raw": st.none() | st.builds(WireReply, st.integers(100, 599), st.just(()), st.binary(max_size=8)),
}
WITH_FIELD: Final = {"field": TEXTS, "resend": st.sampled_from([Resend.SAFE, Resend.NEVER])}
OWN: Final[dict[type[RefundError], dict[str, st.SearchStrategy[Any]]]] = {
    InvalidRefund: WITH_FIELD,
    UnsupportedOperation: WITH_FIELD,
    RefundRejected: {"reason": st.sampled_from(Reason), "same_answer_until": st.none() | MOMENTS},
    AuthenticationFailed: {"same_answer_until": st.none() | MOMENTS},
    OutcomeUnknown: {"resend_until": st.none() | MOMENTS},
    RefundMismatch: {"resend_until": st.none() | MOMENTS, "differences": st.lists(st.tuples(TEXTS, TEXTS, TEXTS))},
    LookupFailed: {"refund": REFUNDS, "temporary": st.booleans()},
    StillPending: {"refund": REFUNDS},
}
every_class = pytest.mark.parametrize("cls", [RefundError, *ERRORS])


@every_class
@settings(max_examples=30)  # the common fields are tried with every class
@given(data=st.data())
def test_an_error_is_the_same_after_a_round_trip_through_json(cls: type[RefundError], data: st.DataObject) -> None:
    facts = {name: data.draw(values, name) for name, values in (COMMON | OWN.get(cls, {})).items()}
    error = cls(data.draw(TEXTS), **facts)
    loaded = RefundError.from_dict(json.loads(json.dumps(error.to_dict(), allow_nan=False)))
    assert type(loaded) is type(error)
    assert str(loaded) == str(error)
    assert {**vars(loaded), "raw": None} == {**vars(error), "raw": None}
    assert loaded.raw is None
    assert loaded.resend is error.resend
    assert loaded.to_dict() == error.to_dict()


@every_class
def test_a_stored_error_has_every_field_except_the_reply(cls: type[RefundError]) -> None:
    ours = cls.__mro__[: cls.__mro__.index(RefundError) + 1]
    parameters = {name for one in ours for name in inspect.signature(one).parameters}
    assert {*ERRORS.get(cls, RefundError("text")).to_dict()} == parameters - {"raw", "facts"} | {
        "error",
        "is_a",
        "resend",
    }


@every_error
def test_a_stored_error_holds_nothing_of_the_reply(error: RefundError) -> None:
    text = json.dumps(error.to_dict())
    assert "the whole body" not in text
    assert "x-trace" not in text


@every_error
@pytest.mark.parametrize("unknown_name", ["AnotherError", "", 7, None, ["Newer"], "ValueError", "Resend", "_Limit"])
def test_an_error_of_an_unknown_class_is_read_as_the_nearest_known_class(
    error: RefundError, unknown_name: object
) -> None:
    written = error.to_dict()
    newer = {**written, "error": unknown_name, "is_a": [written["error"], *written["is_a"]], "a_new_fact": 1}
    loaded = RefundError.from_dict(newer)
    assert type(loaded) is type(error)
    assert vars(loaded) == {**vars(error), "raw": None}
    nothing_known = RefundError.from_dict({**written, "error": unknown_name, "is_a": unknown_name})
    assert type(nothing_known) is RefundError
    assert (nothing_known.resend, str(nothing_known)) == (Resend.NEVER, str(error))
    assert (nothing_known.reference, nothing_known.amount) == (error.reference, error.amount)


@every_error
@pytest.mark.parametrize("resend", ["never", "same reference", "SAFE", "another", None, 1, ["safe"]])
def test_an_error_stored_as_unsafe_is_never_read_as_safe_by_its_class(error: RefundError, resend: object) -> None:
    # Written by a newer version, which knows more about the class than this one.
    for written in ({**error.to_dict(), "resend": resend}, {**error.to_dict(), "error": "Newer", "resend": resend}):
        loaded = RefundError.from_dict(written)
        assert loaded.resend is not Resend.SAFE
        assert loaded.reference == error.reference
    without = {name: value for name, value in error.to_dict().items() if name != "resend"}
    assert RefundError.from_dict(without).resend is not Resend.SAFE


@every_error
def test_a_subclass_of_the_caller_is_stored_as_its_base_class_in_refundry(error: RefundError) -> None:
    for name in ("NotSent", "Theirs"):
        of_theirs = copy.copy(error)
        of_theirs.__class__ = type(name, (type(error),), {})
        assert of_theirs.to_dict() == error.to_dict()


UNFIT_MOMENTS: Final[list[object]] = [7, "soon", "2026-11-22T12:00:00", "9999-12-31T23:59:59-01:00"]
UNFIT: Final[dict[str, list[object]]] = {
    "message": [None, 7],
    "provider": [7, ["blink"]],
    "http_status": ["422", True, 422.5],
    "retry_after": ["soon", True],
    "amount": ["full", "", 5, {"minor_units": 0, "currency": "EUR"}, {"minor_units": 1}, {"minor_units": 1.0}, []],
    "field": [None, 7],
    "reason": [None, 7],
    "same_answer_until": UNFIT_MOMENTS,
    "resend_until": UNFIT_MOMENTS,
    "differences": [None, "abc", [["amount", "1"]], [["amount", "1", 2]], [None], ["abc"]],
    "refund": [None, "r-1", {}, {"provider": "blink", "reference": "r-1", "status": "gone"}],
    "temporary": [None, 1, "yes"],
    "request_id": [7, ["id"]],
    "recorded": [1, "yes"],
}


@pytest.mark.parametrize("field", UNFIT)
def test_a_stored_error_with_an_invalid_field_is_refused_with_its_name(field: str) -> None:
    written = [error.to_dict() for error in ERRORS.values() if field in error.to_dict()]
    assert written
    for values in written:
        for value in UNFIT[field]:
            with pytest.raises(InvalidRefund) as refused:
                RefundError.from_dict({**values, field: value})
            assert (refused.value.field, refused.value.resend) == (field, Resend.NEVER)


def test_a_stored_error_without_a_field_that_its_class_requires_is_refused_with_its_name() -> None:
    for error in ERRORS.values():
        for field in error.to_dict():
            rest = {name: value for name, value in error.to_dict().items() if name != field}
            if field in ("message", "field", "reason", "differences", "refund", "temporary"):
                with pytest.raises(InvalidRefund, match=repr(field)):
                    RefundError.from_dict(rest)
            elif field != "error":
                assert type(RefundError.from_dict(rest)) in (type(error), RefundError)


def test_a_reason_of_another_version_is_read_as_other() -> None:
    written = RefundRejected("text", reason=Reason.DECLINED).to_dict()
    refused = RefundError.from_dict({**written, "reason": "a reason to come"})
    assert isinstance(refused, RefundRejected)
    assert refused.reason is Reason.OTHER


def test_a_stored_error_is_read_as_the_document_says() -> None:
    shown = json.loads(DOCUMENT.partition("```json\n")[2].partition("```")[0])
    error = RefundError.from_dict(shown)
    assert error.to_dict() == shown
    assert [*error.to_dict()] == [*shown]
    assert isinstance(error, RefundMismatch)
    assert (error.amount, error.differences) == (Money.of("1.00", "EUR"), (("amount", "1.00", "0.99"),))
    assert error.resend_until == datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert RefundError.from_dict({**shown, "amount": "FULL"}).amount is FULL
