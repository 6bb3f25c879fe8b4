"""Single values of a reply: ids that are numbers or invalid, duplicate keys, tokens, messages."""

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundry import (
    AuthenticationFailed,
    LookupFailed,
    OutcomeUnknown,
    Refund,
    RefundError,
    RefundMismatch,
    RefundRejected,
    UnsupportedOperation,
    WireReply,
)
from refundry.outcome import NoAnswer
from refundry.providers.fields import json_value
from refundry.providers.registry import translation_of
from refundry.providers.replies import read_refund, read_token
from refundry.providers.translation import TokenTranslation
from refundry.refund import RefundRequest
from refundry_paybyrd.types import read_json
from tests.facade.questions import accepted_for_later, dated, looked_up, pending, state, transaction
from tests.facade.replies import PENDING, SUCCEEDED, of
from tests.facade.support import NO_STATE, Scripted, deviations, outcome_for_caller, scripted
from tests.providers import PROVIDERS, RECORDS, WITH_TOKENS, account, tokens_of
from tests.providers.record import ONE_EURO, PAYMENT, reply, with_value

every_provider = pytest.mark.parametrize("provider", PROVIDERS)

# Ids that are numbers.

NUMBERS: Final = [
    (b"7", "7"),
    (b"0", "0"),
    (b"-7", "-7"),
    (b"12.0", "12"),
    (b"1e3", "1000"),
    (b"9007199254740993", "9007199254740993"),  # more digits than a binary float holds
    (b"1234567890123456789012345678901234567890", "1234567890123456789012345678901234567890"),
]
NO_IDS: Final = [b"true", b"false", b"1.5", b"1e300", b"1e400", b"9007199254740993.0", b'""', b"null", b"[7]", b"{}"]


def accepting(provider: str, refund_id: bytes) -> WireReply:
    """Return a reply that accepts one euro of PAYMENT under this id, which is JSON."""
    body = with_value(RECORDS[provider].accepted, RECORDS[provider].refund_id_at, "...")
    return reply(200, json.dumps(body).encode().replace(b'"..."', refund_id))


@every_provider
@pytest.mark.parametrize(("number", "digits"), NUMBERS)
def test_an_id_that_is_a_number_is_kept_as_its_digits_and_reported(provider: str, number: bytes, digits: str) -> None:
    answer = accepting(provider, number)
    states = RECORDS[provider].states
    name = (states.id_at or "").rpartition("/")[2]
    own: dict[str, Any] = {name: digits} if name in states.needed else {}
    transport = Scripted(answer, state=state(provider, states.done, **own))
    with scripted("sync", provider, transport) as client:
        refund = client.ask(provider)
        assert refund.refund_id == digits
        assert [deviation.pointer for deviation in client.deviations] == [f"/{RECORDS[provider].refund_id_at}"]
        assert looked_up(client, refund).refund_id == digits
    (lookup,) = transport.lookups
    assert f"/{digits}" in lookup.url


@every_provider
@pytest.mark.parametrize("value", NO_IDS)
def test_an_invalid_id_is_reported_and_left_out(provider: str, value: bytes) -> None:
    answer = accepting(provider, value)
    result = outcome_for_caller(provider, answer)
    if provider == "lab4pay":  # a reply without a transaction accepts nothing
        assert type(result) is OutcomeUnknown
    else:
        assert isinstance(result, Refund)
        assert result.refund_id is None
    assert [pointer for pointer, _ in deviations(provider, answer)] == [f"/{RECORDS[provider].refund_id_at}"]


def refunded(provider: str, payment_id: str, answer: WireReply) -> Refund | RefundError:
    with scripted("sync", provider, Scripted(answer)) as client:
        try:
            return client.refund(provider, payment_id=payment_id, amount=ONE_EURO, reference="reference-1")
        except RefundError as error:
            return error


@given(st.integers(-(10**40), 10**40), st.integers(-(10**40), 10**40))
def test_the_payment_of_a_reply_is_compared_also_where_its_id_is_a_number(requested: int, reported: int) -> None:
    bodies: dict[str, Any] = {
        "paybyrd": {"code": "BYRD200", "sourceTransaction": {"transactionId": reported}},
        "blink": {"success": True, "transaction_id": reported},
    }
    for provider, body in bodies.items():
        result = refunded(provider, str(requested), reply(200, body))
        if requested == reported:
            assert isinstance(result, Refund)
        else:
            assert isinstance(result, RefundMismatch)
            assert result.differences == (("payment_id", str(requested), str(reported)),)


def test_the_reference_of_a_reply_is_compared_also_where_it_is_a_number() -> None:
    result = outcome_for_caller("blink", reply(200, {"success": True, "reference": 7}))
    assert isinstance(result, RefundMismatch)
    assert result.differences == (("reference", "reference-1", "7"),)


@pytest.mark.parametrize("number", [7, 7.0])
def test_a_refund_whose_id_is_the_number_of_its_payment_has_none(number: float) -> None:
    for provider in PROVIDERS:
        body = with_value(RECORDS[provider].accepted, RECORDS[provider].refund_id_at, number)
        if provider == "blink":
            del body["transaction_id"]
        answer = reply(200, body)
        result = refunded(provider, "7", answer)
        assert isinstance(result, Refund)
        assert result.refund_id is None
        reading = read_refund(translation_of(account(provider)), RefundRequest(provider, "7", ONE_EURO, "r"), answer)
        assert ("", "gives the refund the id of its payment") in reading.deviations


@pytest.mark.parametrize("provider", [name for name, record in RECORDS.items() if record.states.id_at])
def test_the_id_of_a_state_is_compared_also_where_it_is_a_number(provider: str) -> None:
    pointer = RECORDS[provider].states.id_at
    assert pointer is not None
    name = pointer.rpartition("/")[2]
    for number, digits in ((7, "7"), (8, "8"), (7.0, "7")):
        own: dict[str, Any] = {name: number}
        transport = Scripted(NO_STATE, state=state(provider, RECORDS[provider].states.done, **own))
        with scripted("sync", provider, transport) as client:
            refund = pending(provider, refund_id="7")
            if digits == "7":
                assert looked_up(client, refund).status is SUCCEEDED
            else:
                with pytest.raises(RefundMismatch) as mismatch:
                    looked_up(client, refund)
                assert mismatch.value.differences == (("refund_id", "7", "8"),)
            assert [deviation.pointer for deviation in client.deviations] == [pointer]


def test_a_transaction_may_refer_to_its_payment_by_a_number() -> None:
    for number, same in ((7, True), (8, False)):
        answer = state("paybyrd", "Success", referencedTransactions=[{"transactionId": number}])
        with scripted("sync", "paybyrd", Scripted(NO_STATE, state=answer)) as client:
            refund = pending("paybyrd", payment_id="7")
            if same:
                assert looked_up(client, refund).payment_id == "7"
            else:
                with pytest.raises(RefundMismatch):
                    looked_up(client, refund)


def test_the_payment_of_a_list_is_known_also_where_its_id_is_a_number() -> None:
    link = "/api/v2/transactions?requestId=request-1"
    answer = reply(200, [{"transactionId": 7, "status": "Success", "isoAmount": 100, "currency": "EUR"}])
    refund = pending("paybyrd", refund_id=None, payment_id="7", tracking_id=link)
    with scripted("sync", "paybyrd", Scripted(NO_STATE, state=answer)) as client:
        assert looked_up(client, refund).status is PENDING


# Ids that are unfit for a URL.

UNFIT: Final = ("a/b", "..", "a b", "a%2fb", "a?b", "a\r\nb", "\xe9", "a" * 201, 10**300)


@every_provider
@pytest.mark.parametrize("refund_id", UNFIT, ids=lambda refund_id: ascii(refund_id)[:20])
def test_an_id_that_is_unfit_for_a_lookup_is_left_out_of_an_accepted_refund_and_reported(
    provider: str, refund_id: object
) -> None:
    with scripted(
        "sync",
        provider,
        Scripted(reply(200, with_value(RECORDS[provider].accepted, RECORDS[provider].refund_id_at, refund_id))),
    ) as client:
        refund = client.ask(provider)
        assert refund.refund_id is None
        assert {deviation.pointer for deviation in client.deviations} == {f"/{RECORDS[provider].refund_id_at}"}
        with pytest.raises(UnsupportedOperation):
            looked_up(client, refund)


@pytest.mark.parametrize("refund_id", UNFIT, ids=lambda refund_id: ascii(refund_id)[:20])
def test_a_state_has_no_id_that_is_unfit_for_a_lookup_and_a_different_id_stays_a_mismatch(refund_id: object) -> None:
    answer = dated(transaction(transactionId=refund_id))
    with scripted("sync", "paybyrd", Scripted(NO_STATE, state=answer)) as client:
        found = looked_up(client, accepted_for_later())
        assert (found.status, found.refund_id) == (SUCCEEDED, None)
        assert {deviation.pointer for deviation in client.deviations} == {"/transactionId"}
        with pytest.raises(RefundMismatch):
            looked_up(client, pending("paybyrd"))
    with (
        scripted(
            "sync", "blink", Scripted(NO_STATE, state=state("blink", "completed", transaction_id=refund_id))
        ) as client,
        pytest.raises(RefundMismatch),
    ):
        looked_up(client, pending("blink"))


# Duplicate keys.


def twice(body: bytes) -> list[bytes]:
    """Return an object's JSON with a duplicate key of two values: at the top and within."""
    whole = body.removesuffix(b"}")
    return [
        whole + b',"note":1,"note":2}',
        b'{"note":1,"note":"1",' + body[1:],
        whole + b',"note":true,"note":1}',
        whole + b',"note":null,"note":{}}',
        whole + b',"more":{"note":1,"note":2}}',
        whole + b',"more":[{},{"note":[1],"note":[2]}]}',
        whole + b',"n\\u006fte":1,"note":2}',
        whole + b',"note":1,"note":2,"note":1}',
    ]


@every_provider
def test_a_reply_with_two_values_under_one_key_is_unknown_and_reported(provider: str) -> None:
    for body in twice(reply(200, RECORDS[provider].accepted).body):
        answer = reply(200, body)
        assert of(provider, 200, body) is OutcomeUnknown, body
        ((pointer, rule),) = deviations(provider, answer)
        assert (pointer, "twice" in rule) == ("", True)
    for key in RECORDS[provider].accepted:
        body = reply(200, RECORDS[provider].accepted).body.removesuffix(b"}") + f',"{key}":"another"}}'.encode()
        assert of(provider, 200, body) is OutcomeUnknown, body


@every_provider
def test_a_reply_with_one_value_twice_under_one_key_is_read(provider: str) -> None:
    whole = reply(200, RECORDS[provider].accepted).body
    for body in (whole.removesuffix(b"}") + b"," + whole[1:], whole.removesuffix(b"}") + b',"a":[1],"a":[1]}'):
        assert isinstance(outcome_for_caller(provider, reply(200, body)), Refund)
        assert deviations(provider, reply(200, body)) == []


@every_provider
def test_a_refusal_with_two_values_under_one_key_is_unknown(provider: str) -> None:
    whole = reply(400, RECORDS[provider].contract.refusing).body
    assert isinstance(outcome_for_caller(provider, reply(400, whole)), RefundRejected)
    for body in twice(whole):
        assert type(outcome_for_caller(provider, reply(400, body))) is OutcomeUnknown, body
        assert type(outcome_for_caller(provider, reply(401, body))) is AuthenticationFailed, body


@every_provider
def test_a_state_with_two_values_under_one_key_is_none(provider: str) -> None:
    for body in twice(state(provider, RECORDS[provider].states.done).body):
        transport = Scripted(NO_STATE, state=reply(200, body))
        with scripted("sync", provider, transport) as client, pytest.raises(LookupFailed):
            looked_up(client, pending(provider))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=4), one, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.tuples(st.sampled_from("abc"), values), max_size=5))
def test_json_contradicts_itself_only_where_a_key_has_two_values(members: list[tuple[str, Any]]) -> None:
    body = ("{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in members) + "}").encode()
    written: dict[str, set[str]] = {}
    for name, value in members:
        written.setdefault(name, set()).add(json.dumps(value, sort_keys=True))
    different = any(len(forms) > 1 for forms in written.values())
    assert (json_value(body, read_json) is None) is different


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a":NaN}', b'{"a":' + b"9" * 5000 + b"}"])
def test_invalid_json_has_no_value(body: bytes) -> None:
    assert json_value(body, read_json) is None


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000])
def test_json_that_is_nested_too_deeply_has_no_value(body: bytes) -> None:
    assert json_value(body, read_json) is None


# TokenCache.

with_tokens = pytest.mark.parametrize("provider", WITH_TOKENS)


def issued_token(provider: str, answer: WireReply) -> tuple[float | None, list[tuple[str, str]]]:
    """Return the lifetime of the token in this reply, or None without a token, and the deviations."""
    translation = translation_of(RECORDS[provider].keyed_account())
    assert isinstance(translation, TokenTranslation)
    token = read_token(translation, answer)
    if isinstance(token, NoAnswer):
        return None, list(token.deviations)
    assert next(secret.reveal() for _, secret in token.credentials.headers) == "Bearer fresh-token"
    return token.lifetime, list(token.deviations)


@with_tokens
@pytest.mark.parametrize("status", range(200, 300))
def test_a_token_is_read_under_every_status_of_success(provider: str, status: int) -> None:
    seconds, deviations = issued_token(provider, reply(status, tokens_of(provider).body("fresh-token", 300)))
    assert seconds is not None
    expected = (
        []
        if status in tokens_of(provider).described
        else [("", f"has status {status}, which the contract does not describe")]
    )
    assert deviations == expected


@with_tokens
@pytest.mark.parametrize("status", [100, 199, 300, 302, 304, 400, 401, 403, 404, 429, 500, 503])
def test_a_token_under_another_status_is_ignored(provider: str, status: int) -> None:
    assert issued_token(provider, reply(status, tokens_of(provider).body("fresh-token", 300)))[0] is None


@with_tokens
@pytest.mark.parametrize("status", [200, 202, 204])
@pytest.mark.parametrize(
    "body", [b"", b"{}", b"OK", b'{"access_token": ""}', b'{"access_token":"a","access_token":"b"}']
)
def test_a_success_without_a_token_issues_none(provider: str, status: int, body: bytes) -> None:
    assert issued_token(provider, reply(status, body))[0] is None


@pytest.mark.parametrize(("provider", "seconds"), [("blink", 1800.0), ("lab4pay", 300.0)])
def test_a_token_that_says_no_expiry_has_the_lifetime_that_the_provider_documents(
    provider: str, seconds: float
) -> None:
    answer = reply(tokens_of(provider).status, {"access_token": "fresh-token"})
    assert issued_token(provider, answer)[0] == seconds


@with_tokens
def test_a_token_that_is_no_text_is_reported_with_its_place(provider: str) -> None:
    answer = reply(tokens_of(provider).status, {**tokens_of(provider).body("fresh-token", 300), "access_token": 7})
    seconds, deviations = issued_token(provider, answer)
    assert (seconds, [pointer for pointer, _ in deviations]) == (None, ["/access_token"])


@pytest.mark.parametrize(
    ("expired_on", "rule"),
    [
        ("2026-01-01T12:30:00", "has no time zone"),
        ("soon", "is not a date and time of ISO 8601"),
        (7, "is not a date and time of ISO 8601"),
    ],
)
def test_an_expiry_that_cannot_be_read_is_reported_with_what_it_lacks(expired_on: object, rule: str) -> None:
    answer = reply(201, {"access_token": "fresh-token", "expired_on": expired_on})
    assert issued_token("blink", answer)[1] == [("/expired_on", rule)]


@pytest.mark.parametrize("digits", [4299, 4300, 4301, 5000, 100_000])
@pytest.mark.parametrize("written_as", ["%s", '"%s"', "-%s", "1e%s", "0.%s"])
def test_a_lifetime_of_thousands_of_digits_is_at_worst_an_unreadable_reply(digits: int, written_as: str) -> None:
    body = b'{"access_token":"fresh-token","expires_in":%b}' % (written_as % ("9" * digits)).encode()
    seconds, deviations = issued_token("lab4pay", reply(200, body))
    assert seconds is None or seconds >= 0
    assert seconds is not None or deviations
    unreadable = reply(200, b'{"code":"BYRD200","isoAmount":%b}' % (b"9" * digits))
    assert type(outcome_for_caller("paybyrd", unreadable)) in (RefundMismatch, OutcomeUnknown)


# Amounts of many digits.


@pytest.mark.parametrize(
    ("amount", "pointers"),
    [
        (10**20 - 1, []),
        (10**20, ["/amount"]),
        ("9" * 20, []),
        ("9" * 21, ["/amount"]),
        (f"1.{'0' * 19}", []),
        (f"1.{'0' * 20}", ["/amount"]),
        (f"0.{'0' * 30}1", []),
    ],
)
def test_an_amount_of_more_than_twenty_digits_is_reported(amount: object, pointers: list[str]) -> None:
    answer = reply(200, {"success": True, "amount": amount})
    assert [pointer for pointer, _ in deviations("blink", answer)] == pointers


@pytest.mark.parametrize(
    ("amount", "shown"), [("x" * 200, "x" * 200), ("x" * 201, "x" * 200), ("10e999999", "1.0E+1000000")]
)
def test_an_amount_that_differs_is_shown_as_the_reply_has_it_up_to_200_characters(amount: str, shown: str) -> None:
    result = outcome_for_caller("blink", reply(200, {"success": True, "amount": amount}))
    assert isinstance(result, RefundMismatch)
    assert result.differences == (("amount", "1.00", shown),)


# Messages.


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"message": "Authorization has been denied for this request."},
            "Authorization has been denied for this request.",
        ),
        ({"description": "This one", "message": "Not this one"}, "This one"),
        ({"description": None, "message": "This one"}, "This one"),
        ({"description": "", "message": "This one"}, "This one"),
        ({"message": 7}, None),
        ({}, None),
    ],
)
def test_an_error_of_paybyrd_may_have_a_message_in_place_of_a_description(
    status: int, body: dict[str, Any], message: str | None
) -> None:
    result = outcome_for_caller("paybyrd", reply(status, {"code": "BYRD900", **body}))
    assert isinstance(result, AuthenticationFailed | RefundRejected)
    assert result.provider_message == message
    transport = Scripted(NO_STATE, state=reply(status, body))
    with scripted("sync", "paybyrd", transport) as client, pytest.raises(LookupFailed) as failed:
        looked_up(client, pending("paybyrd", payment_id=PAYMENT))
    assert failed.value.provider_message == message
