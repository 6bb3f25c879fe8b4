"""The facade at the sandbox's accounts: token fetches, and refunds up to their final state."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest

from refundry import (
    AuthenticationFailed,
    LookupFailed,
    Money,
    NotSent,
    Operation,
    Reason,
    Refund,
    RefundClient,
    RefundRejected,
    RefundStatus,
    Secret,
    UnsupportedOperation,
)
from refundry.sandbox import CREDENTIALS, INTEGRATOR_ID, TOKEN_CREDENTIALS, WEBHOOK_SECRETS, Fault, Sandbox
from tests.providers import RECORDS, WITH_TOKENS
from tests.sandbox.support import ONCE, Mounted

EURO = Money.of("1.00", "EUR")
FAILED, PENDING, SUCCEEDED = RefundStatus.FAILED, RefundStatus.PENDING, RefundStatus.SUCCEEDED

Mount = Callable[[Sandbox], Mounted]


@dataclass
class Shop:
    """A client of the sandbox's accounts that sends each request once, with its attempts."""

    client: RefundClient
    sent: list[Operation]
    numbers: Iterator[int] = field(default_factory=count)

    def refund(self, provider: str, payment_id: str | None = None) -> Refund:
        """Refund one unit of money of a payment, under a new reference."""
        payment_id = payment_id or RECORDS[provider].sandbox.payment or "lab4pay-payment"
        reference = f"order-1/{next(self.numbers)}"
        amount = Money.of("1", RECORDS[provider].sandbox.currency)
        return self.client.refund(provider, payment_id=payment_id, amount=amount, reference=reference)


OpenShop = Callable[[Sandbox], Shop]


@pytest.fixture
def open_shop(mount: Mount) -> Iterator[OpenShop]:
    clients: list[RefundClient] = []

    def ask(sandbox: Sandbox) -> Shop:
        sent: list[Operation] = []
        accounts = mount(sandbox).accounts()
        clients.append(RefundClient(accounts, retry=ONCE, on_attempt=lambda attempt: sent.append(attempt.operation)))
        return Shop(clients[-1], sent)

    yield ask
    for client in clients:
        client.close()


@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_the_accounts_fetch_a_token_once_and_need_no_fixed_credential(open_shop: OpenShop, provider: str) -> None:
    sandbox = Sandbox(credentials={name: f"test-key-{name}-two" for name in WITH_TOKENS})
    shop = open_shop(sandbox)
    for _ in range(2):
        shop.refund(provider)
    assert shop.sent == [Operation.TOKEN, Operation.REFUND, Operation.REFUND]
    assert len(sandbox.refunds(provider)) == 2
    assert sandbox.violations == ()


def test_the_accounts_have_the_chosen_credentials(open_shop: OpenShop) -> None:
    sandbox = Sandbox(
        credentials={"paybyrd": "test-key-two"},
        token_credentials={
            "lab4pay": {"client_id": "test-client-two", "client_secret": "test-secret-two"},
            "blink": {"api_key": "test-api-key-two", "secret_key": "test-secret-key-two"},
        },
        integrator_id="test-integrator-two",
    )
    shop = open_shop(sandbox)
    assert [shop.refund(provider).status for provider in RECORDS] == [PENDING, SUCCEEDED, SUCCEEDED]


@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_a_token_that_the_sandbox_expired_is_renewed_and_the_refund_is_executed_once(
    open_shop: OpenShop, provider: str
) -> None:
    sandbox = Sandbox()
    shop = open_shop(sandbox)
    shop.refund(provider)
    sandbox.expire_tokens()
    shop.sent.clear()
    shop.refund(provider)
    assert shop.sent == [Operation.REFUND, Operation.TOKEN, Operation.REFUND]
    assert len(sandbox.refunds(provider)) == 2


@pytest.mark.parametrize("provider", WITH_TOKENS)
@pytest.mark.parametrize(("token_seconds", "tokens"), [(1800.0, 1), (0.05, 2)])
def test_a_token_is_cached_while_it_is_valid_by_the_clock_of_the_sandbox(
    open_shop: OpenShop, provider: str, token_seconds: float, tokens: int
) -> None:
    shop = open_shop(Sandbox(clock=lambda: 1_000_000_000.0, token_seconds=token_seconds, expires_in=float))
    shop.refund(provider)
    time.sleep(0.1)
    shop.refund(provider)
    assert shop.sent.count(Operation.TOKEN) == tokens
    assert shop.sent.count(Operation.REFUND) == 2


@pytest.mark.parametrize("provider", WITH_TOKENS)
def test_a_refund_without_a_token_is_not_sent(open_shop: OpenShop, provider: str) -> None:
    sandbox = Sandbox()
    sandbox.script(provider, Fault.STATUS_520, operation="create_token")
    shop = open_shop(sandbox)
    with pytest.raises(NotSent):
        shop.refund(provider)
    assert shop.sent == [Operation.TOKEN]
    assert shop.refund(provider).status in (PENDING, SUCCEEDED)
    assert len(sandbox.refunds(provider)) == 1


def test_a_token_that_the_sandbox_refuses_is_renewed_only_once(open_shop: OpenShop) -> None:
    sandbox = Sandbox(token_seconds=0.0)
    shop = open_shop(sandbox)
    with pytest.raises(AuthenticationFailed):
        shop.refund("blink")
    assert shop.sent == [Operation.TOKEN, Operation.REFUND] * 2
    assert sandbox.refunds("blink") == ()


@pytest.mark.parametrize("tied", [True, False])
def test_a_refund_at_the_terminal_is_followed_to_its_end(open_shop: OpenShop, tied: bool) -> None:
    sandbox = Sandbox()
    client = open_shop(sandbox).client
    if tied:
        refund = client.refund("lab4pay", payment_id="lab4pay-payment", amount=EURO, reference="till-1/1")
    else:
        refund = client.refund_unreferenced("lab4pay", amount=EURO, reference="till-1/1")
    seen = [refund.status]
    for _ in range(2):
        sandbox.advance()
        seen.append(client.lookup(refund.to_dict()).status)
    assert seen == [PENDING, PENDING, SUCCEEDED]
    assert client.wait(refund, timeout=5).status is SUCCEEDED
    assert sandbox.violations == ()


@pytest.mark.parametrize(
    ("steps", "heed_cancel", "answer", "end"),
    [
        (0, True, FAILED, FAILED),
        (1, True, PENDING, FAILED),
        (1, False, PENDING, SUCCEEDED),
        (2, True, SUCCEEDED, SUCCEEDED),
    ],
)
def test_a_refund_at_the_terminal_is_cancelled_while_it_can_be(
    open_shop: OpenShop, steps: int, heed_cancel: bool, answer: RefundStatus, end: RefundStatus
) -> None:
    sandbox = Sandbox(heed_cancel=heed_cancel)
    shop = open_shop(sandbox)
    refund = shop.refund("lab4pay")
    for _ in range(steps):
        sandbox.advance()
    assert shop.client.cancel(refund).status is answer
    sandbox.advance()
    assert shop.client.lookup(refund).status is end
    assert sandbox.violations == ()


def test_a_202_of_paybyrd_is_followed_to_its_end(open_shop: OpenShop) -> None:
    sandbox = Sandbox()
    shop = open_shop(sandbox)
    refund = shop.refund("paybyrd", "paybyrd-pending")
    assert (refund.status, refund.refund_id) == (PENDING, None)
    (executed,) = sandbox.refunds("paybyrd")
    assert shop.client.lookup(refund).status is PENDING
    sandbox.advance()
    done = shop.client.wait(refund, timeout=5)
    assert (done.status, done.refund_id, done.amount) == (SUCCEEDED, executed.refund_id, EURO)


@pytest.mark.parametrize(
    ("provider", "state", "status"),
    [
        ("paybyrd", "AcquirerSuccess", SUCCEEDED),
        ("paybyrd", "Processing", PENDING),
        ("paybyrd", "TemporaryFailed", PENDING),
        ("paybyrd", "Denied", FAILED),
        ("paybyrd", "Canceled", FAILED),
        ("paybyrd", "Error", FAILED),
        ("lab4pay", "EXPIRED", FAILED),
        ("lab4pay", "MISPLACED", PENDING),
        ("blink", "completed", SUCCEEDED),
        ("blink", "pending", PENDING),
        ("blink", "cancelled", FAILED),
    ],
)
def test_a_refund_is_in_the_state_that_the_provider_says(
    open_shop: OpenShop, provider: str, state: str, status: RefundStatus
) -> None:
    sandbox = Sandbox()
    shop = open_shop(sandbox)
    refund = shop.refund(provider)
    sandbox.settle(provider, refund.refund_id or "", state)
    answer = shop.client.lookup(refund)
    assert (answer.status, answer.refund_id, answer.amount) == (status, refund.refund_id, refund.amount)


def test_a_pending_refund_of_blink_is_followed_to_its_end(open_shop: OpenShop) -> None:
    sandbox = Sandbox()
    shop = open_shop(sandbox)
    refund = shop.refund("blink", "blink-pending")
    seen = [refund.status, shop.client.lookup(refund).status]
    sandbox.advance()
    assert [*seen, shop.client.lookup(refund).status] == [PENDING, PENDING, SUCCEEDED]


def test_a_refund_in_the_older_reply_of_blink_cannot_be_looked_up(open_shop: OpenShop) -> None:
    shop = open_shop(Sandbox(blink_reply="success"))
    refund = shop.refund("blink")
    with pytest.raises(UnsupportedOperation) as refused:
        shop.client.lookup(refund)
    assert refused.value.field == "refund_id"


def test_a_lookup_that_fails_changes_nothing_of_what_is_known(open_shop: OpenShop) -> None:
    sandbox = Sandbox()
    shop = open_shop(sandbox)
    refund = shop.refund("paybyrd")
    sandbox.script("paybyrd", Fault.HTML_200)
    with pytest.raises(LookupFailed) as failed:
        shop.client.lookup(refund)
    assert failed.value.refund == refund
    assert shop.client.lookup(refund).status is SUCCEEDED


@pytest.mark.parametrize(
    ("provider", "payment_id", "reason", "answer"),
    [
        ("blink", "blink-captured", Reason.NOT_REFUNDABLE, "voided with cancel_transaction"),
        ("blink", "blink-refunded", Reason.INVALID, "HTTP 400"),
        ("lab4pay", "lab4pay-refunded", Reason.INVALID, "HTTP 400"),
    ],
)
def test_a_refusal_is_explained_by_one_lookup_of_its_payment(
    open_shop: OpenShop, provider: str, payment_id: str, reason: Reason, answer: str
) -> None:
    sandbox = Sandbox()
    shop = open_shop(sandbox)
    with pytest.raises(RefundRejected) as refused:
        shop.refund(provider, payment_id)
    assert shop.sent == [Operation.TOKEN, Operation.REFUND]
    explained = shop.client.explain(refused.value)
    assert shop.sent == [Operation.TOKEN, Operation.REFUND, Operation.LOOKUP]
    assert explained.reason is reason
    assert answer in str(explained)
    assert sandbox.refunds(provider) == ()
    assert sandbox.violations == ()


def test_a_payment_that_was_reverted_at_the_terminal_is_not_refundable(open_shop: OpenShop, mount: Mount) -> None:
    sandbox = Sandbox()
    shop = open_shop(sandbox)
    assert mount(sandbox).ask("lab4pay", "revert_transaction", "lab4pay-payment").status_code == 200
    sandbox.advance()
    sandbox.advance()
    with pytest.raises(RefundRejected) as refused:
        shop.refund("lab4pay")
    explained = shop.client.explain(refused.value)
    assert "REVERTED" in str(explained)
    assert explained.reason is Reason.NOT_REFUNDABLE


def test_the_accounts_have_the_published_credentials(mounted: Mounted) -> None:
    accounts = mounted.accounts()
    sent = {secret.reveal() for account in accounts for secret in account.secrets}
    keys = {value for credentials in TOKEN_CREDENTIALS.values() for value in credentials.values()}
    assert sent == keys | {CREDENTIALS["paybyrd"], INTEGRATOR_ID}
    proving = {name: getattr(account, name) for account in accounts for name in vars(account) if "webhook" in name}
    published = {value for secrets in WEBHOOK_SECRETS.values() for value in secrets.values()}
    assert {value.reveal() for given in proving.values() for value in given if isinstance(value, Secret)} == published
