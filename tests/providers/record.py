"""What a record of a provider holds: every fact about it that the tests rely on, written down once."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from refundry import (
    Account,
    Amount,
    AuthenticationFailed,
    Money,
    Operation,
    Reason,
    RefundRejected,
    RefundStatus,
    WireReply,
)

PAYMENT: Final = "payment-1"
REFUND: Final = "refund-1"
ONE_EURO: Final = Money.of("1.00", "EUR")
NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""When each token of a record is issued."""
WEBHOOK_KEY: Final = "test-webhook-key"

SUCCEEDED, PENDING, FAILED = RefundStatus.SUCCEEDED, RefundStatus.PENDING, RefundStatus.FAILED

Evidence = Callable[["Call", WireReply, dict[str, Any] | None], frozenset[str]]
"""The results that the provider's documents allow for a reply to a call. The last argument is its body as an object."""


def reply(status: int, body: object = b"", headers: tuple[tuple[str, str], ...] = ()) -> WireReply:
    """Return a reply; a body that is not bytes is written as JSON."""
    return WireReply(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def until(seconds: float) -> str:
    """Return the time so many seconds after NOON, as a JSON API writes it."""
    return (NOON + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Call:
    """One refund that is asked for. Without a payment it is one that is tied to none.

    The amount is of any type, for calls that are to be refused.
    """

    provider: str
    payment_id: str | None
    amount: Any
    reference: str


@dataclass(frozen=True)
class Refusal:
    """A reply that refuses a refund, and the exception that the caller gets."""

    answer: WireReply
    raises: type[RefundRejected | AuthenticationFailed] = RefundRejected
    reason: Reason | None = None
    """Of a RefundRejected."""


@dataclass(frozen=True, kw_only=True)
class TokenRecord:
    """How access tokens are issued."""

    keys: Mapping[str, str]
    """What a token is fetched with, by the name of the account's argument."""
    path: str
    status: int
    """The status of the provider's reply."""
    described: tuple[int, ...]
    """The statuses under which the contract describes a token."""
    keys_refused: tuple[int, ...]
    """The statuses that say that the keys are wrong."""
    body: Callable[[str, float], Mapping[str, Any]]
    """The body of the reply that issues this token for so many seconds from NOON on."""

    def issued(self, token: str, seconds: float) -> WireReply:
        """Return the reply that issues this token at NOON."""
        date = NOON.strftime("%a, %d %b %Y %H:%M:%S GMT")
        return reply(self.status, self.body(token, seconds), (("date", date),))


@dataclass(frozen=True, kw_only=True)
class StateRecord:
    """How the provider is asked for the state of a refund, and what it answers."""

    url: str
    """Where it is asked about REFUND."""
    words: Mapping[str, RefundStatus]
    """Every word that the contract lists for the state of a transaction."""
    listed_at: str
    """The JSON pointer to these words in the effective contract."""
    unlisted: tuple[str, ...]
    """Words that look like listed ones and are not."""
    done: str
    undone: str
    under_way: str
    at: str
    """The JSON pointer to the word in the reply."""
    transaction: Mapping[str, Any] = field(default_factory=dict)
    """What else a transaction says that is REFUND, of ONE_EURO."""
    other_amount: Mapping[str, Any] = field(default_factory=dict)
    """What a transaction says that is of another amount than ONE_EURO, where it reports its amount."""
    id_at: str | None = None
    """The JSON pointer to the refund's id in the reply, where it has one."""

    def reply(self, word: object = ..., status: int = 200, **more: Any) -> WireReply:
        """Return a reply with this word for the state, or with none."""
        *outer, own = self.at.split("/")[1:]
        told: Any = {own: word, **more} if word is not ... else more
        for name in reversed(outer):
            told = {name: told}
        return reply(status, told)


@dataclass(frozen=True, kw_only=True)
class PaymentRecord:
    """How the provider is asked why a payment cannot be refunded."""

    url: str
    """Where it is asked about PAYMENT."""
    refusal: WireReply
    """A refusal whose reason the state of the payment explains."""
    unrefundable: tuple[str, ...]
    """The words of payments that cannot be refunded."""
    void: str
    """What cancels such a payment."""


@dataclass(frozen=True, kw_only=True)
class CallbackRecord:
    """How callbacks come, and what proves them."""

    proves: Literal["signature", "shared secret", "nothing"]
    """What proves one."""
    account: Mapping[str, str]
    """The account's arguments that prove a callback; empty where nothing proves one."""
    proof: Callable[[bytes], dict[str, str]]
    """The headers by which a callback with this body is believed."""
    body: Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]
    """The body about a refund with these facts (`id`, and `status` where it says one), and what else it holds."""
    words: Mapping[str, RefundStatus]
    """Spellings of words in callbacks, beside those of `StateRecord.words`. Empty where callbacks have no status."""
    at: str | None
    """The JSON pointer to the word, where a callback's word is read."""
    noise: Mapping[str, Any]
    """What may differ between two deliveries of one callback."""


@dataclass(frozen=True, kw_only=True)
class SandboxRecord:
    """The provider in `refundry.sandbox`."""

    headers: Mapping[str, str]
    """The fixed credentials of the sandbox."""
    payment: str
    """A payment that can be refunded; "" where the refund that is asked for here is tied to none."""
    pending_payment: str
    """One whose refunds wait for `Sandbox.advance`."""
    currency: str
    operation: str
    """The operationId that asks for a refund of `payment`."""
    body: Mapping[str, Any]
    """The body of that request, for 100 minor units."""
    operations: Mapping[str, tuple[str, str]]
    """Method and path of each operation that the tests ask for, by operationId."""
    refund_id_at: str
    """The member of the reply that has the refund's id."""
    steps: int
    """How often `Sandbox.advance` moves a refund until it is final."""
    questions: frozenset[tuple[str, str]]
    """Method and path of all that a client sends beside the refund itself, ids left out."""
    traces: bool = False
    """Whether every reply has an id by which the provider can be asked for the refund."""

    @property
    def path(self) -> str:
        """The path of the request that asks for a refund of a payment."""
        return self.operations[self.operation][1]


@dataclass(frozen=True, kw_only=True)
class ContractRecord:
    """What the provider's documents say of replies, written down without a look at the facade's tables."""

    effective: Callable[[], Mapping[str, Any]]
    """The effective contract. Not to be changed."""
    calls: tuple[Call, ...]
    """Refunds that replies are made for, the simplest first."""
    payment_ids: tuple[str, ...]
    accepting: Callable[[Call], dict[str, Any]]
    """The body that accepts a call with status 200."""
    under_way: Callable[[Call], dict[str, Any]]
    """The body that accepts a call and leaves it pending."""
    refusing: Mapping[str, Any]
    """The body of an error that refuses a call."""
    bodies: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    """The body of a success under another status than 200."""
    by_status: Mapping[int, str]
    """The result under each status that the contract describes, with a body that goes with it."""
    by_code: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """The status under which each code comes, and the result."""
    codes_at: str | None = None
    """The JSON pointer to the list of codes in the effective contract."""
    code_name: str = ""
    """The member of a reply that has the code."""
    unlisted_codes: tuple[tuple[int, str], ...] = ()
    """Statuses and codes that the contract does not list."""
    echoes: tuple[Callable[[int, str], str], ...] = ()
    """Bodies of a success that report an amount, from its minor units and its text in major units."""
    amount_at: str
    """The member of a request that has the amount."""
    major_units: bool = False
    """Whether that is a number of major units."""
    evidence: Evidence


@dataclass(frozen=True, kw_only=True)
class ProviderRecord:
    """All that the tests know of one provider."""

    name: str
    account_class: type[Account]
    credentials: Mapping[str, str]
    """Fixed fake credentials, by the name of the account's argument."""
    proof: Mapping[str, str]
    """The headers that prove with these credentials who sends a request."""
    origin: str
    """The production host."""
    operation: Operation = Operation.REFUND
    """What `ask` refunds by: a refund of PAYMENT, or one that is tied to no payment."""
    url: str
    """Where that refund is asked for."""
    counts_minor_units: bool
    has_currency: bool
    window: timedelta | None = None
    """For how long the provider de-duplicates by the reference."""
    accepted: Mapping[str, Any]
    """The least that the provider says, with status 200, of ONE_EURO refunded of PAYMENT."""
    accepted_as: RefundStatus
    pending: WireReply
    """What accepts ONE_EURO of PAYMENT as REFUND, and has not refunded it yet."""
    whole: Mapping[str, Any]
    """All that the provider says of ONE_EURO refunded of PAYMENT as REFUND."""
    whole_pending: WireReply
    """The same of a refund that is under way."""
    refusals: Mapping[str, Refusal]
    """One of each kind, by a word for people. The first is a RefundRejected."""
    refund_id_at: str
    """The member of a reply that has the refund's id."""
    reports: frozenset[str] = frozenset()
    """What of the request a reply reports, so that it is compared: "amount", "payment_id", "reference"."""
    differing: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """For each of `reports`, an acceptance that reports another value."""
    tokens: TokenRecord | None = None
    states: StateRecord
    payments: PaymentRecord | None = None
    callbacks: CallbackRecord
    contract: ContractRecord
    sandbox: SandboxRecord

    def account(self, **options: Any) -> Account:
        """Return an account with fixed fake credentials."""
        return self.account_class(**{**self.credentials, **options})

    def keyed_account(self, **options: Any) -> Account:
        """Return an account that fetches its tokens, with fake keys."""
        assert self.tokens is not None
        return self.account_class(**{**self.credentials, "access_token": None, **self.tokens.keys, **options})

    @property
    def refused(self) -> WireReply:
        """A reply that refuses the refund."""
        return next(iter(self.refusals.values())).answer

    @property
    def cancels(self) -> bool:
        """Whether a pending refund can be called off."""
        return any("cancel" in path for _, path in self.sandbox.questions)

    @property
    def deduplicates(self) -> bool:
        """Whether a refund whose outcome is unknown may be sent again under its reference."""
        return self.window is not None


def major_units(amount: Amount, otherwise: str = "1.01") -> str:
    """Return the text of an amount in major units; what stands for FULL is `otherwise`."""
    return str(amount.decimal) if isinstance(amount, Money) else otherwise
