"""The tokens of Lab4Pay and Blink: their credentials, their lifetime, and the calls that they authorise."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from refundry.sandbox import TOKEN_CREDENTIALS, Fault, Sandbox, Violation
from tests.providers import WITH_TOKENS, tokens_of
from tests.sandbox.support import Mounted, fits

Mount = Callable[[Sandbox], Mounted]


def bearer(mounted: Mounted, provider: str) -> dict[str, str]:
    """Return the header with a newly issued token."""
    return {"Authorization": f"Bearer {mounted.token(provider).json()['access_token']}"}


@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_a_token_is_issued_as_the_contract_says_and_authorises_a_refund(mounted: Mounted, provider: str) -> None:
    reply = mounted.token(provider)
    assert reply.status_code == tokens_of(provider).status
    assert fits(provider, reply)
    headers = {"Authorization": f"Bearer {reply.json()['access_token']}"}
    assert mounted.post(provider, headers=headers).status_code == 200
    assert len(mounted.sandbox.refunds(provider)) == 1
    assert mounted.sandbox.violations == ()


@pytest.mark.parametrize(
    ("provider", "wrong", "rules"),
    [
        ("lab4pay", {"client_id": "wrong"}, []),
        ("lab4pay", {"client_secret": "wrong"}, []),
        ("lab4pay", {"grant_type": "password"}, ["x-extensible-enum"]),  # the contract does not list it
        ("blink", {"api_key": "wrong"}, []),
        ("blink", {"secret_key": "wrong"}, []),
    ],
)
def test_wrong_credentials_get_the_documented_error_and_no_token(
    mounted: Mounted, provider: str, wrong: dict[str, str], rules: list[str]
) -> None:
    reply = mounted.token(provider, **wrong)
    assert reply.status_code == tokens_of(provider).keys_refused[0]
    assert fits(provider, reply)
    assert "access_token" not in reply.json()
    assert [violation.rule for violation in mounted.sandbox.violations] == rules


@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_the_credentials_of_the_other_provider_get_no_token(mounted: Mounted, provider: str) -> None:
    other = next(name for name in WITH_TOKENS if name != provider)
    values = TOKEN_CREDENTIALS[other].values()
    body = dict(zip(TOKEN_CREDENTIALS[provider], values, strict=True))
    assert mounted.token(provider, **body).status_code == tokens_of(provider).keys_refused[0]


@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_a_token_of_one_provider_is_refused_by_another(mounted: Mounted, provider: str) -> None:
    other = next(name for name in WITH_TOKENS if name != provider)
    assert mounted.post(other, headers=bearer(mounted, provider)).status_code == 401


@pytest.mark.parametrize("provider", WITH_TOKENS)
@pytest.mark.parametrize(("seconds", "status"), [(1799.0, 200), (1800.0, 401)])
def test_a_token_is_valid_until_it_expires_by_the_given_clock(
    mount: Mount, provider: str, seconds: float, status: int
) -> None:
    now = [0.0]
    mounted = mount(Sandbox(clock=lambda: now[0]))
    headers = bearer(mounted, provider)
    now[0] = seconds
    assert mounted.post(provider, headers=headers).status_code == status
    assert len(mounted.sandbox.refunds(provider)) == (status == 200)
    assert mounted.post(provider).status_code == 200
    assert mounted.post(provider, headers=bearer(mounted, provider)).status_code == 200


def test_a_token_is_valid_for_the_chosen_seconds_and_both_providers_say_so(mount: Mount) -> None:
    now = [1_000_000_000.25]
    mounted = mount(Sandbox(clock=lambda: now[0], token_seconds=60))
    assert mounted.token("lab4pay").json()["expires_in"] == "60"
    expired_on = mounted.token("blink").json()["expired_on"]
    assert expired_on == "2001-09-09T01:47:40.250000Z"
    assert datetime.fromisoformat(expired_on) == datetime.fromtimestamp(now[0] + 60, UTC)
    headers = bearer(mounted, "blink")
    now[0] += 60
    assert mounted.post("blink", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("expires_in", "answer"),
    [
        (int, {"expires_in": 1800}),
        (float, {"expires_in": 1800.0}),
        (lambda seconds: f"{seconds}s", {"expires_in": "1800.0s"}),
        (lambda _: "soon", {"expires_in": "soon"}),
        (lambda _: [], {"expires_in": []}),
        (lambda _: None, {}),
    ],
)
def test_lab4pay_states_the_lifetime_of_a_token_in_the_chosen_form(
    mount: Mount, expires_in: Callable[[float], object], answer: dict[str, Any]
) -> None:
    reply = mount(Sandbox(expires_in=expires_in)).token("lab4pay").json()
    assert {name: value for name, value in reply.items() if name == "expires_in"} == answer
    assert (reply["token_type"], reply["scope"]) == ("Bearer", "default")


@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_every_token_expires_on_request_and_the_fixed_credential_does_not(mounted: Mounted, provider: str) -> None:
    headers = bearer(mounted, provider)
    mounted.sandbox.expire_tokens()
    assert mounted.post(provider, headers=headers).status_code == 401
    assert mounted.post(provider).status_code == 200
    assert mounted.post(provider, headers=bearer(mounted, provider)).status_code == 200


def test_the_credentials_for_a_token_can_be_chosen(mount: Mount) -> None:
    chosen = {"client_id": "test-client-two", "client_secret": "test-secret-two"}
    mounted = mount(Sandbox(token_credentials={"lab4pay": chosen}))
    assert mounted.token("lab4pay").status_code == 400
    assert mounted.token("lab4pay", **chosen).status_code == 200
    assert mounted.token("blink").status_code == 201


@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_the_same_seed_gives_the_same_tokens_and_each_token_is_unique(mount: Mount, provider: str) -> None:
    def tokens(seed: str) -> list[str]:
        mounted = mount(Sandbox(seed=seed))
        return [mounted.token(provider).json()["access_token"] for _ in range(2)]

    assert tokens("one") == tokens("one")
    assert len({*tokens("one"), *tokens("two")}) == 4


@pytest.mark.parametrize(
    ("provider", "name"), [(provider, name) for provider in WITH_TOKENS for name in TOKEN_CREDENTIALS[provider]]
)
def test_a_credential_that_is_missing_or_not_text_breaks_the_contract(
    mounted: Mounted, provider: str, name: str
) -> None:
    assert mounted.token(provider, **{name: 1}).status_code == 400
    body = {key: value for key, value in TOKEN_CREDENTIALS[provider].items() if key != name}
    path = tokens_of(provider).path
    grant = {"grant_type": "client_credentials"}
    assert mounted.http.post(path, json={**grant, **body}).status_code == 400
    assert mounted.sandbox.violations == (
        Violation(provider, f"/{name}", "type"),
        Violation(provider, f"/{name}", "required"),
    )


@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_a_token_fault_spares_the_refund_and_precedes_a_fault_of_any_call(mounted: Mounted, provider: str) -> None:
    mounted.sandbox.script(provider, Fault.HTML_200)
    mounted.sandbox.script(provider, Fault.STATUS_520, operation="create_token")
    assert mounted.token(provider).status_code == 520
    assert mounted.post(provider).text.startswith("<")
    assert mounted.token(provider).status_code == tokens_of(provider).status


@pytest.mark.parametrize(
    ("provider", "fault", "changed"),
    [
        ("lab4pay", Fault.UNKNOWN_VALUE, {"expires_in": "soon"}),
        ("lab4pay", Fault.NULL_OBJECT, {"access_token": None}),
        ("blink", Fault.UNKNOWN_VALUE, {"expired_on": "soon"}),
        ("blink", Fault.NULL_OBJECT, {"access_token": None}),
    ],
)
def test_a_fault_changes_the_fields_of_a_token(
    mounted: Mounted, provider: str, fault: Fault, changed: dict[str, Any]
) -> None:
    mounted.sandbox.script(provider, fault, operation="create_token")
    answer = mounted.token(provider).json()
    assert {name: answer[name] for name in changed} == changed


@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_the_credentials_for_a_token_are_echoed_where_a_fault_says_so(mounted: Mounted, provider: str) -> None:
    mounted.sandbox.script(provider, Fault.ECHO_CREDENTIALS, operation="create_token")
    echoed = mounted.token(provider).text
    assert all(secret in echoed for secret in TOKEN_CREDENTIALS[provider].values())


def test_a_script_for_an_unknown_operation_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="paybyrd has no operation 'create_token'; there are refund_transaction, "):
        Sandbox().script("paybyrd", None, operation="create_token")


def test_neither_a_token_nor_a_credential_is_in_the_state_or_in_a_violation(mounted: Mounted) -> None:
    token = mounted.token("blink").json()["access_token"]
    mounted.token("lab4pay", client_id=1)
    answer = repr((mounted.sandbox.state(), mounted.sandbox.violations))
    secrets = [value for credentials in TOKEN_CREDENTIALS.values() for value in credentials.values()]
    assert not any(secret in answer for secret in (token, *secrets))
