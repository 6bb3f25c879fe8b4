"""The vocabulary of a refund: what is asked for, and what it became."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from refundry import money, plain
from refundry.errors import InvalidRefund, unfit_field
from refundry.money import FULL, Amount, Money
from refundry.plain import MOMENT, NEEDED_TEXT, TEXT, WHOLE_NUMBER, Field
from refundry.validation import path_id, reference_text
from refundry.wire import Evidence, WireReply


class RefundStatus(StrEnum):
    """How far a refund is."""

    SUCCEEDED = "succeeded"
    """The provider says it is done. Not that the money is on the customer's account: a bank may still reverse it."""
    PENDING = "pending"
    """The provider has accepted it, and it is not done yet. It may still fail."""
    FAILED = "failed"
    """No money moved. Only a question about a refund gives this; a call that refunds raises instead."""


class Operation(StrEnum):
    """What a provider is asked for. Only the first two ask for money back."""

    REFUND = "refund"
    """All or a part of one payment."""
    REFUND_UNREFERENCED = "refund_unreferenced"
    """An amount that is tied to no payment: it goes to the card that is presented."""
    LOOKUP = "lookup"
    """The state of a refund, or of the payment that a refund was refused for. Changes nothing."""
    CANCEL = "cancel"
    """The cancellation of a pending refund."""
    TOKEN = "token"
    """An access token for the other operations."""


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """One refund, as the caller intends it.

    `provider` is the name of the account, `payment_id` the provider's id of the payment (None where the refund is
    tied to none), `reference` the caller's own name for this refund: the same over retries and restarts, another for
    each refund intended. `attempt` counts the attempts that the provider tells apart by its idempotency key.

    Raises InvalidRefund for an id that could lead to another path, a reference that is not printable, and an amount
    that is neither Money nor FULL.
    """

    provider: str
    payment_id: str | None
    amount: Amount
    reference: str
    attempt: int = 1

    def __post_init__(self) -> None:
        reference = None
        try:
            reference = reference_text(self.reference)
            if self.payment_id is not None:
                path_id(self.payment_id, "payment_id")
            if not isinstance(self.amount, Amount):
                raise InvalidRefund(
                    f"amount is Money or FULL, not {type(self.amount).__name__}; write Money.of('1.00', 'EUR')",
                    field="amount",
                )
            if self.payment_id is None and self.amount is FULL:
                raise InvalidRefund("FULL needs a payment_id; give an amount", field="amount")
        except InvalidRefund as refused:
            refused.provider, refused.reference = self.provider, reference
            raise

    @property
    def operation(self) -> Operation:
        """Which operation this asks for."""
        return Operation.REFUND if self.payment_id is not None else Operation.REFUND_UNREFERENCED


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund that a provider has accepted, in its last known state.

    `amount` is the requested amount, or after FULL the amount that the provider reports; None where it reports none or
    the account's currency is not known. `refund_id` is the provider's id of the refund itself, None where it gave none;
    `tracking_id` is what it gave instead, for a lookup. `remaining` is what can still be refunded of the payment, in
    minor units of the amount's currency (0: nothing; None: the provider does not say). `provider_code` and
    `provider_message` are the provider's words, and `request_id` is its id of the request, for its support. `sent_at`
    is when the refund was first sent (UTC, by the clock of this machine): an older transaction is not this refund.
    `replayed` says that an earlier call got this result, and that this call sent nothing; it then has no `remaining`,
    `provider_message` and `request_id`. `recorded` is False where the ledger could not be told this state. `raw` is the
    whole reply; it is in no repr, not in `to_dict`, not compared, and not in a replay.
    """

    provider: str
    reference: str
    status: RefundStatus
    amount: Money | None = None
    refund_id: str | None = None
    payment_id: str | None = None
    remaining: int | None = None
    tracking_id: str | None = None
    provider_code: str | None = None
    provider_message: str | None = None
    sent_at: datetime | None = None
    replayed: bool = False
    request_id: str | None = None
    recorded: bool = True
    # The metadata is Pydantic's, which leaves the field out of what it writes (FastAPI: of the response).
    raw: WireReply | None = field(default=None, repr=False, compare=False, metadata={"exclude": True})

    def to_dict(self) -> dict[str, Any]:
        """All but `raw`, as values that JSON can hold.

        Amounts are {"minor_units": int, "currency": str}, times ISO 8601 in UTC.
        """
        return plain.to_dict(_FIELDS, self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Refund:
        """What `to_dict` gave, also in another process. InvalidRefund names a field that is missing or unfit.

        A field that this version does not know is ignored, so that two versions can run side by side.
        """
        return cls(**plain.from_dict(_FIELDS, {"replayed": False, "recorded": True, **values}, unfit_field))


Known = Refund | Mapping[str, Any]
"""What a question about a refund takes: the refund, or what its `to_dict` gave."""

_FIELDS: Final[Mapping[str, Field]] = {
    "provider": NEEDED_TEXT,
    "reference": NEEDED_TEXT,
    "status": Field(str, write=str, read=RefundStatus, is_needed=True),
    "amount": Field(Mapping, write=money.to_plain, read=money.from_plain),
    "refund_id": TEXT,
    "payment_id": TEXT,
    "remaining": WHOLE_NUMBER,
    "tracking_id": TEXT,
    "provider_code": TEXT,
    "provider_message": TEXT,
    "sent_at": MOMENT,
    "replayed": Field(bool, is_needed=True),
    "request_id": TEXT,
    "recorded": Field(bool, is_needed=True),
}


@dataclass(frozen=True, slots=True)
class ContractDeviation:
    """Something in a reply or a callback that its contract does not allow, and that was read all the same.

    `operation` is None for a callback. `pointer` is the JSON pointer into the body, "" for the whole of it; `rule`
    says in words what does not fit, and holds no value of it. `contract` is the SHA-256 of the contract that it was
    read by, the contract.json of the provider's generated package.
    """

    provider: str
    operation: Operation | None
    pointer: str
    rule: str
    contract: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request that was sent, or could not be. No secret, no personal data: it may be logged and counted.

    `reference` is that of the refund which it was sent for. `status` is the HTTP status, None without a reply.
    `seconds` is how long the attempt took. `outcome` is the name of the refund's status, or of the exception that the
    caller gets unless another attempt follows; for a token or a cancel that was answered as it should, "OK".
    """

    provider: str
    reference: str
    operation: Operation
    evidence: Evidence
    status: int | None
    seconds: float
    outcome: str
