"""The record of a provider: every fact about it that the tests rely on, written down once."""

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
"""The issue time of each token of a record."""
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


def value_at(body: Any, place: str) -> Any:
    """Return the value at a place in a body, or None: names of members and numbers of items, such as errors/0/code."""
    for step in place.split("/"):
        if isinstance(body, list):
            body = body[int(step)] if int(step) < len(body) else None
        else:
            body = body.get(step) if isinstance(body, dict) else None
    return body


def with_value(body: Any, place: str, value: Any) -> Any:
    """Return a copy of a body with this value at a place, and with the objects and arrays that lead to it."""
    step, _, rest = place.partition("/")
    if step.isdigit():
        items = list(body) if isinstance(body, list) else []
        inner = items[int(step)] if int(step) < len(items) else {}
        items[int(step) : int(step) + 1] = [with_value(inner, rest, value) if rest else value]
        return items
    members = dict(body) if isinstance(body, Mapping) else {}
    return {**members, step: with_value(members.get(step), rest, value) if rest else value}


@dataclass(frozen=True)
class Call:
    """One requested refund. Without a payment it is an unreferenced one.

    The amount may be of any type, for calls that are refused.
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
    """The reason of a RefundRejected."""


@dataclass(frozen=True, kw_only=True)
class TokenRecord:
    """How access tokens are issued."""

    keys: Mapping[str, str]
    """The keys of a token fetch, by the name of the account's argument."""
    path: str
    status: int
    """The status of the provider's reply."""
    described: tuple[int, ...]
    """The statuses for which the contract describes a token."""
    keys_refused: tuple[int, ...]
    """The statuses of wrong keys."""
    body: Callable[[str, float], Mapping[str, Any]]
    """The body of the reply that issues this token for so many seconds from NOON."""

    def issued(self, token: str, seconds: float) -> WireReply:
        """Return the reply that issues this token at NOON."""
        date = NOON.strftime("%a, %d %b %Y %H:%M:%S GMT")
        return reply(self.status, self.body(token, seconds), (("date", date),))


@dataclass(frozen=True, kw_only=True)
class StateRecord:
    """The provider's lookup of a refund, and its answers."""

    url: str
    """The path of the lookup of REFUND."""
    words: Mapping[str, RefundStatus]
    """Every word of the contract for the state of a transaction."""
    listed_at: str
    """The JSON pointer to these words in the effective contract."""
    unlisted: tuple[str, ...]
    """Unlisted words that look like listed ones."""
    done: str
    undone: str
    in_progress: str
    at: str
    """The JSON pointer to the word in the reply."""
    needed: Mapping[str, Any] = field(default_factory=dict)
    """The fields that the contract requires of a transaction beside the word: REFUND, of ONE_EURO."""
    transaction: Mapping[str, Any] = field(default_factory=dict)
    """The other fields of a transaction that is REFUND, of ONE_EURO."""
    other_amount: Mapping[str, Any] = field(default_factory=dict)
    """The fields of a transaction with another amount than ONE_EURO, where it reports its amount."""
    id_at: str | None = None
    """The JSON pointer to the refund's id in the reply, where it has one."""

    def reply(self, word: object = ..., status: int = 200, **more: Any) -> WireReply:
        """Return a reply with this word for the state, or with none."""
        *outer, own = self.at.split("/")[1:]
        value: Any = {**self.needed, **({own: word} if word is not ... else {}), **more}
        for name in reversed(outer):
            value = {name: value}
        return reply(status, value)


@dataclass(frozen=True, kw_only=True)
class PaymentRecord:
    """The provider's lookup of the reason why a payment cannot be refunded."""

    url: str
    """The path of the lookup of PAYMENT."""
    refusal: WireReply
    """A refusal that the state of the payment explains."""
    unrefundable: tuple[str, ...]
    """The words of payments that cannot be refunded."""
    void_hint: str
    """The hint that names the void of such a payment."""


@dataclass(frozen=True, kw_only=True)
class CallbackRecord:
    """The form of callbacks, and their proof."""

    proves: Literal["signature", "shared secret", "nothing"]
    """The kind of proof."""
    account: Mapping[str, str]
    """The account's arguments for the proof of a callback; empty where nothing proves one."""
    proof: Callable[[bytes], dict[str, str]]
    """The headers that prove a callback with this body."""
    body: Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]
    """The body about a refund with these facts (`id`, and `status` where it has one), and its other fields."""
    words: Mapping[str, RefundStatus]
    """Spellings of words in callbacks, beside those of `StateRecord.words`. Empty where callbacks have no status."""
    at: str | None
    """The JSON pointer to the word, where a callback's word is read."""
    noise: Mapping[str, Any]
    """The fields that may differ between two deliveries of one callback."""


@dataclass(frozen=True, kw_only=True)
class SandboxRecord:
    """The provider in `refundry.sandbox`."""

    headers: Mapping[str, str]
    """The fixed credentials of the sandbox."""
    payment: str
    """A payment that can be refunded; "" where the operation is the unreferenced refund."""
    pending_payment: str
    """A payment whose refunds wait for `Sandbox.advance`."""
    currency: str
    operation: str
    """The operationId of a refund of `payment`."""
    body: Mapping[str, Any]
    """The body of that request, for 100 minor units."""
    operations: Mapping[str, tuple[str, str]]
    """Method and path of each operation that the tests use, by operationId."""
    refund_id_at: str
    """The place of the refund's id in the reply: a member, or a path to one, such as refund/id."""
    steps: int
    """How often `Sandbox.advance` moves a refund until it is final."""
    other_requests: frozenset[tuple[str, str]]
    """Method and path of all requests of a client beside the refund itself, without ids."""
    traces: bool = False
    """Whether every reply has an id for a lookup of the refund."""

    @property
    def path(self) -> str:
        """Return the path of a refund of a payment."""
        return self.operations[self.operation][1]


@dataclass(frozen=True, kw_only=True)
class ContractRecord:
    """The provider's documents on replies, written down independently of the facade's tables."""

    effective: Callable[[], Mapping[str, Any]]
    """The effective contract. Do not change it."""
    calls: tuple[Call, ...]
    """Refunds for which replies are made, the simplest first."""
    payment_ids: tuple[str, ...]
    accepting: Callable[[Call], dict[str, Any]]
    """The body that accepts a call with status 200."""
    in_progress: Callable[[Call], dict[str, Any]]
    """The body that accepts a call and leaves it pending."""
    refusing: Mapping[str, Any]
    """The body of an error that refuses a call."""
    bodies: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    """The body of a success under another status than 200."""
    by_status: Mapping[int, str]
    """The result under each status that the contract describes, with a matching body."""
    by_code: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """The status of each code, and the result."""
    codes_at: str | None = None
    """The JSON pointer to the list of codes in the effective contract."""
    code_name: str = ""
    """The place of the code in a reply: a member, or a path to one, such as errors/0/code."""
    code_in: Mapping[str, Any] = field(default_factory=dict)
    """The shortest reply with a code, without the code: what the contract requires beside it."""
    unlisted_codes: tuple[tuple[int, str], ...] = ()
    """Statuses and codes that the contract does not list."""
    echoes: tuple[Callable[[int, str], str], ...] = ()
    """Bodies of a success that report an amount, from its minor units and its text in major units."""
    amount_at: str
    """The place of the amount in a request: a member, or a path to one, such as amount_money/amount."""
    major_units: bool = False
    """Whether that amount is a number of major units."""
    evidence: Evidence


@dataclass(frozen=True, kw_only=True)
class ProviderRecord:
    """Every fact about one provider that the tests use."""

    name: str
    account_class: type[Account]
    credentials: Mapping[str, str]
    """Fixed fake credentials, by the name of the account's argument."""
    proof: Mapping[str, str]
    """The headers of a request with these credentials."""
    origin: str
    """The production host."""
    operation: Operation = Operation.REFUND
    """The operation of `ask`: a refund of PAYMENT, or an unreferenced refund."""
    url: str
    """The path of that refund."""
    counts_minor_units: bool
    has_currency: bool
    window: timedelta | None = None
    """How long the provider de-duplicates by the reference."""
    key_at: str | None = None
    """The place of the idempotency key in the body of a request; None where it is a header, or there is none."""
    accepted: Mapping[str, Any]
    """The shortest acceptance with status 200 of ONE_EURO of PAYMENT."""
    accepted_as: RefundStatus
    pending: WireReply
    """The acceptance of ONE_EURO of PAYMENT as REFUND that is still pending."""
    whole: Mapping[str, Any]
    """The whole acceptance of ONE_EURO of PAYMENT as REFUND."""
    whole_pending: WireReply
    """The whole acceptance of a pending refund."""
    refusals: Mapping[str, Refusal]
    """One refusal of each kind, by a name. The first is a RefundRejected."""
    refund_id_at: str
    """The place of the refund's id in a reply: a member, or a path to one, such as refund/id."""
    reports: frozenset[str] = frozenset()
    """The values of the request that a reply reports and the facade compares: "amount", "payment_id", "reference"."""
    differing: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """For each of `reports`, and for the currency where a reply has it, an acceptance that reports another value."""
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
        """Return a reply that refuses the refund."""
        return next(iter(self.refusals.values())).answer

    @property
    def cancels(self) -> bool:
        """Return whether a pending refund can be cancelled."""
        return any("cancel" in path for _, path in self.sandbox.other_requests)

    @property
    def deduplicates(self) -> bool:
        """Return whether an unknown refund may be resent under its reference."""
        return self.window is not None


def major_units(amount: Amount, otherwise: str = "1.01") -> str:
    """Return the text of an amount in major units, or `otherwise` for FULL."""
    return str(amount.decimal) if isinstance(amount, Money) else otherwise
