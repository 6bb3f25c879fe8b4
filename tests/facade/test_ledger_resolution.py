"""`client.resolve`: the outcome of a reference, from the ledger or by a question. It never sends a refund."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from refundry import (
    InvalidRefund,
    LookupFailed,
    Operation,
    OutcomeUnknown,
    Refund,
    RefundInProgress,
    RefundMismatch,
    RefundStatus,
    Resend,
)
from refundry.providers.paybyrd import PaybyrdTranslation
from tests.facade.ledgers import (
    LOST,
    UNREACHED,
    Clocks,
    during,
    known,
    left_unknown,
    outcome_of,
    result,
    sqlite_url,
    worker,
)
from tests.facade.questions import created, dated, tracked, transaction
from tests.facade.support import KINDS, NO_STATE, ONCE, Caller, Kind, Scripted, accepted, reply
from tests.providers import PROVIDERS, RECORDS, WITHOUT_WINDOW

SUCCEEDED, PENDING, FAILED = RefundStatus.SUCCEEDED, RefundStatus.PENDING, RefundStatus.FAILED
both_kinds = pytest.mark.parametrize("kind", KINDS)
every_provider = pytest.mark.parametrize("provider", PROVIDERS)
UNREADABLE = reply(500, b"", (("requestid", "request-1"),))
ABSENT = reply(404, {"code": "BYRD901"})
MISMATCHED = reply(200, {"code": "BYRD200", "isoAmount": 99, "transactionId": "refund-1"})


def resolve(client: Caller, provider: str = "paybyrd", reference: str = "reference-1") -> Refund:
    return result(client, client.client.resolve(provider, reference))


@both_kinds
def test_an_unknown_refund_is_looked_up_by_the_request_id_of_its_reply_in_another_process(kind: Kind, url: str) -> None:
    left_unknown("paybyrd", url, answer=UNREADABLE)
    transport = Scripted(NO_STATE, state=tracked(transaction()))
    with worker("paybyrd", transport, url, kind=kind) as client:
        refund = resolve(client)
        assert (refund.status, refund.refund_id, refund.recorded) == (SUCCEEDED, "refund-1", True)
        assert client.ask("paybyrd").replayed
    assert transport.sent == []
    assert [one.url.partition("?")[2] for one in transport.lookups] == ["requestId=request-1"]


def test_a_refund_that_has_failed_is_free_for_the_next_attempt(url: str) -> None:
    left_unknown("paybyrd", url, answer=UNREADABLE)
    state = tracked(transaction(status="Denied", code="BYRD205"))
    with worker("paybyrd", Scripted(NO_STATE, state=state), url) as client:
        assert resolve(client).status is FAILED
        entry = known(client, "paybyrd")
        assert resolve(client).status is FAILED
    assert (entry.state, entry.attempt) == ("free", 2)


@pytest.mark.parametrize(
    "state",
    [
        tracked(),
        tracked(transaction(), transaction(transactionId="refund-2")),
        tracked(transaction(isoAmount=-99)),
        tracked(transaction(referencedTransactions=[])),
        tracked(transaction(createdDate="2020-01-01T00:00:00Z")),
    ],
    ids=["nothing", "several", "another amount", "of no payment", "older"],
)
def test_an_answer_that_proves_nothing_leaves_the_refund_unknown(state: Any, tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    left_unknown("paybyrd", url, answer=UNREADABLE)
    transport = Scripted(NO_STATE, state=state)
    with worker("paybyrd", transport, url) as client:
        with pytest.raises((OutcomeUnknown, LookupFailed)) as raised:
            resolve(client)
        assert known(client, "paybyrd").state == "unknown"
    assert raised.value.resend is not Resend.SAFE
    assert transport.sent == []


def test_the_transaction_of_another_reference_is_not_this_refund(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    with worker("paybyrd", Scripted(reply(200, {"code": "BYRD200", "transactionId": "refund-1"})), url) as client:
        client.ask("paybyrd", reference="reference-2")
    left_unknown("paybyrd", url, answer=UNREADABLE)
    with worker("paybyrd", Scripted(NO_STATE, state=tracked(transaction())), url) as client:
        with pytest.raises(OutcomeUnknown):
            resolve(client)
        assert known(client, "paybyrd").state == "unknown"


@both_kinds
@every_provider
def test_nobody_is_asked_where_the_provider_gave_nothing_to_ask_by(kind: Kind, provider: str, tmp_path: Path) -> None:
    """No published reply about a payment names its refunds, so a payment is no way to ask."""
    url = sqlite_url(tmp_path)
    left_unknown(provider, url)
    transport = Scripted(accepted(provider))
    with worker(provider, transport, url, kind=kind) as client, pytest.raises(OutcomeUnknown) as error:
        resolve(client, provider)
    assert error.value.resend is (Resend.NEVER if provider in WITHOUT_WINDOW else Resend.SAME_REFERENCE)
    assert (transport.sent, transport.lookups) == ([], [])


def test_without_an_answer_the_refund_stays_unknown(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    left_unknown("paybyrd", url, answer=UNREADABLE)
    with worker("paybyrd", Scripted(NO_STATE), url) as client:
        with pytest.raises(LookupFailed):
            resolve(client)
        assert known(client, "paybyrd").state == "unknown"


@pytest.mark.parametrize("following", [LOST, UNREACHED], ids=["lost", "not sent"])
def test_what_the_first_reply_gave_to_ask_by_is_kept_over_later_attempts(following: Any, tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    left_unknown("paybyrd", url, answer=UNREADABLE)
    left_unknown("paybyrd", url, answer=following)
    transport = Scripted(NO_STATE, state=tracked(transaction()))
    with worker("paybyrd", transport, url) as client:
        assert resolve(client).status is SUCCEEDED
    assert [one.url.partition("?")[2] for one in transport.lookups] == ["requestId=request-1"]


@pytest.mark.parametrize(
    ("changes", "resolved"),
    [
        ({}, SUCCEEDED),
        ({"status": "Denied", "code": "BYRD205"}, FAILED),
        ({"isoAmount": -99}, None),
        ({"referencedTransactions": [{"transactionId": "payment-2"}]}, None),
        ({"referencedTransactions": []}, None),
        ({"createdDate": None}, None),
    ],
)
def test_a_refund_whose_reply_contradicts_it_is_looked_up_by_the_id_in_that_reply(
    changes: Mapping[str, Any], resolved: RefundStatus | None, url: str
) -> None:
    assert isinstance(left_unknown("paybyrd", url, answer=MISMATCHED), RefundMismatch)
    transport = Scripted(NO_STATE, state=dated(transaction(**{"createdDate": created(), **changes})))
    with worker("paybyrd", transport, url) as client:
        if resolved is None:
            with pytest.raises(RefundMismatch):
                resolve(client)
        else:
            assert resolve(client).status is resolved
        assert known(client, "paybyrd").state == {SUCCEEDED: "accepted", FAILED: "free", None: "unknown"}[resolved]
    assert transport.sent == []
    assert [one.url.rpartition("/")[2] for one in transport.lookups] == ["refund-1"]


def test_a_reply_about_another_payment_gives_no_id_to_ask_by(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    other = {"code": "BYRD200", "transactionId": "refund-1", "sourceTransaction": {"transactionId": "payment-2"}}
    left_unknown("paybyrd", url, answer=reply(200, other))
    transport = Scripted(NO_STATE, state=dated(transaction()))
    with worker("paybyrd", transport, url) as client, pytest.raises(RefundMismatch):
        resolve(client)
    assert transport.lookups == []


# What the ledger knows already.


@both_kinds
@every_provider
def test_a_pending_refund_is_looked_up_and_its_state_recorded(kind: Kind, provider: str, tmp_path: Path) -> None:
    url, record = sqlite_url(tmp_path), RECORDS[provider]
    with worker(provider, Scripted(record.pending), url) as client:
        assert client.ask(provider).status is PENDING
    transport = Scripted(NO_STATE, state=record.states.reply(record.states.done, 200))
    with worker(provider, transport, url, kind=kind) as client:
        assert resolve(client, provider).status is SUCCEEDED
        assert resolve(client, provider).status is SUCCEEDED
    assert (transport.sent, len(transport.lookups)) == ([], 1)


def test_a_reference_under_which_nothing_was_executed_has_failed(tmp_path: Path) -> None:
    with worker("blink", Scripted(UNREACHED), sqlite_url(tmp_path)) as client:
        outcome_of(client, "blink")
        refund = resolve(client, "blink")
    assert (refund.status, refund.refund_id) == (FAILED, None)


def test_a_reference_that_is_being_sent_is_in_progress(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    seen: list[type[BaseException]] = []

    def meanwhile() -> None:
        with worker("blink", Scripted(NO_STATE), url) as other, pytest.raises(RefundInProgress) as error:
            resolve(other, "blink")
        seen.append(type(error.value))

    with worker("blink", Scripted(during(accepted("blink"), meanwhile)), url) as client:
        client.ask("blink")
    assert seen == [RefundInProgress]


def test_a_reference_that_the_ledger_does_not_know_is_refused(tmp_path: Path) -> None:
    with worker("blink", Scripted(NO_STATE), sqlite_url(tmp_path)) as client, pytest.raises(InvalidRefund) as error:
        resolve(client, "blink")
    assert (error.value.field, error.value.resend) == ("reference", Resend.NEVER)


def test_resolving_works_without_a_database_too() -> None:
    transport = Scripted(UNREADABLE, state=NO_STATE)
    with worker("paybyrd", transport, None) as client:
        outcome_of(client, "paybyrd")
        transport._state = tracked(transaction())
        assert resolve(client).status is SUCCEEDED
    assert len(transport.sent) == 1


# What absence proves.


def proving(proves: Literal["nothing", "not executed"], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make up what Paybyrd proves by not knowing a refund."""
    able = {
        operation: replace(one, absence_proves=proves) for operation, one in PaybyrdTranslation.CAPABILITIES.items()
    }
    monkeypatch.setattr(PaybyrdTranslation, "CAPABILITIES", able)
    assert able[Operation.REFUND].absence_proves == proves


@pytest.mark.parametrize("state", [ABSENT, tracked()], ids=["404", "an empty list"])
def test_absence_frees_the_reference_where_it_proves_that_nothing_was_executed(
    state: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proving("not executed", monkeypatch)
    url = sqlite_url(tmp_path)
    left_unknown("paybyrd", url, answer=UNREADABLE)
    with worker("paybyrd", Scripted(NO_STATE, state=state), url) as client:
        assert resolve(client).status is FAILED
        assert known(client, "paybyrd").state == "free"


@pytest.mark.parametrize("state", [ABSENT, tracked()], ids=["404", "an empty list"])
def test_absence_frees_nothing_where_it_proves_nothing(
    state: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proving("nothing", monkeypatch)
    url = sqlite_url(tmp_path)
    left_unknown("paybyrd", url, answer=UNREADABLE)
    with worker("paybyrd", Scripted(NO_STATE, state=state), url) as client:
        with pytest.raises((OutcomeUnknown, LookupFailed)):
            resolve(client)
        assert known(client, "paybyrd").state == "unknown"


@pytest.mark.parametrize("state", [NO_STATE, reply(403, b"")], ids=["500", "403"])
def test_no_answer_is_no_absence(state: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proving("not executed", monkeypatch)
    url = sqlite_url(tmp_path)
    left_unknown("paybyrd", url, answer=UNREADABLE)
    with worker("paybyrd", Scripted(NO_STATE, state=state), url) as client, pytest.raises(LookupFailed):
        resolve(client)


def test_absence_says_nothing_of_an_attempt_that_was_lost_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proving("not executed", monkeypatch)
    url = sqlite_url(tmp_path)
    left_unknown("paybyrd", url, answer=LOST)
    left_unknown("paybyrd", url, answer=UNREADABLE)
    with worker("paybyrd", Scripted(NO_STATE, state=ABSENT), url) as client:
        with pytest.raises(LookupFailed):
            resolve(client)
        assert known(client, "paybyrd").state == "unknown"


def test_beyond_the_window_resolving_still_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = sqlite_url(tmp_path)
    left_unknown("paybyrd", url, answer=UNREADABLE)
    clocks = Clocks(monkeypatch)
    clocks.later(7 * 24 * 3600.0)
    transport = Scripted(NO_STATE, state=tracked())
    with worker("paybyrd", transport, url, retry=ONCE) as client, pytest.raises(OutcomeUnknown) as error:
        resolve(client)
    assert error.value.resend is Resend.NEVER
    assert len(transport.lookups) == 1
