"""What each provider file says: the requests of a refund at this provider, and what its replies and callbacks mean.

A translation knows no socket, clock or storage, and no credential.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from refundry.errors import UnsupportedOperation
from refundry.outcome import CREDENTIALS_REFUSED, PaymentState, Reading
from refundry.validation import path_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from refundry.accounts import Account
    from refundry.capabilities import Capabilities
    from refundry.providers.fields import FieldReader
    from refundry.refund import Operation, Refund, RefundRequest
    from refundry.wire import WireReply

About = Literal["refund", "transaction", "payment", "order", "other"]
"""What a callback is about. "transaction": it does not say whether that is a refund or a payment."""


@dataclass(frozen=True, slots=True)
class News:
    """One event of a callback.

    `reading` has the refund's id, its state as the outcome, and the provider's word for the state as the code. It says
    nothing where the event is about no refund.
    """

    about: About
    reading: Reading


class GeneratedRequest(Protocol):
    """A request as `build_request` of a generated package makes it."""

    @property
    def method(self) -> str:
        """The HTTP method."""
        ...

    @property
    def path(self) -> str:
        """The path, percent-encoded."""
        ...

    @property
    def params(self) -> dict[str, Any]:
        """The query."""
        ...

    @property
    def headers(self) -> dict[str, str]:
        """The headers that the contract names, and the content type."""
        ...

    @property
    def content(self) -> bytes | None:
        """The body."""
        ...


class Translation(ABC):
    """Translates between refunds and the messages of one provider, for one account.

    Each `parse` method returns the generated model of a reply, or None for a status that the contract does not
    describe. It raises ValueError for a body that the contract does not describe for that status. The methods that take
    a parsed reply raise nothing, and take its values through the reader, which collects the deviations.
    """

    CAPABILITIES: ClassVar[Mapping[Operation, Capabilities]]
    PACKAGE: ClassVar[str]
    """The generated package of the provider."""
    ABSENT: ClassVar[object]
    """The value that a generated model has in place of a missing field."""
    UNDOING: ClassVar[frozenset[str]] = frozenset()
    """The words for a refund that was done and is no longer, as `plain_word` writes them."""
    void_hint: ClassVar[str] = ""
    """How to void a payment that cannot be refunded yet, in words for people; "" where there is no way."""

    def __init__(self, account: Account) -> None:
        self.account = account

    # Refunds.

    @abstractmethod
    def refund_request(self, request: RefundRequest) -> GeneratedRequest:
        """The request for this refund. Raises nothing for a refund that `capabilities.check` lets pass."""

    @abstractmethod
    def parse(self, request: RefundRequest, reply: WireReply) -> Any:
        """The reply to a `refund_request`."""

    @abstractmethod
    def interpret(self, request: RefundRequest, status: int, parsed: Any, reader: FieldReader) -> Reading:
        """What a reply of this HTTP status says of the refund."""

    def request_id_of(self, reply: WireReply) -> str | None:
        """The provider's id of the request that this reply answers, for its support; None where it gives none."""
        return None

    def tracking_of(self, reply: WireReply) -> str | None:
        """The tracking id that leads from this reply to the refund when its outcome is unknown; None without one."""
        return None

    # The state of a refund, and of a payment.

    @abstractmethod
    def state_request(self, refund: Refund) -> GeneratedRequest:
        """The request for the state of a refund.

        Raises UnsupportedOperation where the refund has no id that the provider takes, InvalidRefund where the id leads
        elsewhere.
        """

    @abstractmethod
    def parse_state(self, reply: WireReply) -> Any:
        """The reply to a `state_request` or a `payment_request`."""

    @abstractmethod
    def state(self, refund: Refund, parsed: Any, reader: FieldReader) -> Reading:
        """What a reply of 200 says: SUCCEEDED, PENDING or REJECTED; UNKNOWN where it says nothing of the refund."""

    @abstractmethod
    def refusal(self, parsed: Any, reader: FieldReader) -> tuple[str | None, str | None]:
        """The code and the message of an error body."""

    def cancel_request(self, refund: Refund) -> GeneratedRequest:
        """The request that calls a refund off. Raises UnsupportedOperation where the provider has none."""
        raise UnsupportedOperation(f"{self.account.name} cannot cancel a refund that it has accepted", field="provider")

    def payment_request(self, payment_id: str) -> GeneratedRequest | None:
        """The request for the state of a payment; None where that state explains no refusal of this provider."""
        return None

    def payment_state(self, parsed: Any) -> PaymentState:
        """What a reply of 200 to a `payment_request` says."""
        return PaymentState()

    # Callbacks.

    @abstractmethod
    def verify_callback(self, headers: Mapping[str, str], body: bytes) -> bool | None:
        """Whether the provider sent this callback; None where nothing can prove it. Header names are in lower case.

        Raises InvalidRefund where the account lacks the secret that proves it.
        """

    @abstractmethod
    def read_callback(self, body: bytes, reader: FieldReader) -> Sequence[News] | None:
        """The events of a callback; None where it cannot be read, with the reason as the reader's last deviation."""


class TokenTranslation(Translation):
    """A translation for a provider whose requests carry a bearer token that is fetched with the account's keys."""

    TOKEN_STATUSES: ClassVar[Sequence[int]] = (200,)
    """The statuses for which the contract describes a token."""
    DEFAULT_TOKEN_LIFETIME: ClassVar[float]
    """The lifetime in seconds of a token whose reply states none that can be read."""
    KEYS_REFUSED: ClassVar[frozenset[int]] = CREDENTIALS_REFUSED
    """The statuses by which a reply to a `token_request` refuses the keys."""

    @abstractmethod
    def token_request(self, keys: Mapping[str, str]) -> GeneratedRequest:
        """The request for an access token, with the keys by the names of the account's arguments."""

    @abstractmethod
    def parse_token(self, reply: WireReply) -> Any:
        """The reply to a `token_request`."""

    @abstractmethod
    def token_lifetime(self, parsed: Any, reply: WireReply, reader: FieldReader) -> float | None:
        """The lifetime in seconds of the token in this reply; None where the reply does not state it."""


def refund_id_of(refund: Refund, hint: str = "") -> str:
    """The provider's id of a refund. UnsupportedOperation where it has none, InvalidRefund where it is unfit."""
    if refund.refund_id is None:
        raise UnsupportedOperation(
            f"{refund.provider} is asked about a refund by its refund_id, and this one has none{hint}",
            field="refund_id",
        )
    return path_id(refund.refund_id, "refund_id")
