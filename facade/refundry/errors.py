"""What can go wrong, by what the caller can do about it.

Every exception of this module says through its class what is certain, and through `.resend` whether asking for the
same refund again is safe. All can be pickled; none holds a credential; none shows the reply's body in its text.
"""

from __future__ import annotations

from enum import Enum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from refundry.refund import Refund
    from refundry.wire import WireReply


class Resend(Enum):
    """Whether asking for the same refund again could move the money twice."""

    SAFE = "safe"
    """Nothing was executed. Mend the cause first where there is one."""
    SAME_REFERENCE = "same reference"
    """It may have been executed, and the provider de-duplicates: again, but only under the same reference."""
    NEVER = "never"
    """It may have been executed, or is being executed now. Find out first; a new reference would be a second refund."""


class Reason(Enum):
    """Why a provider refused, in words that are the same for every provider."""

    ALREADY_REFUNDED = "already refunded"
    EXCEEDS_REMAINING = "exceeds remaining"
    NOT_FOUND = "not found"
    NOT_REFUNDABLE = "not refundable"
    DECLINED = "declined"
    INVALID = "invalid"
    OTHER = "other"


class RefundError(Exception):
    """The base of everything that refundry raises.

    `provider` and `reference` name the refund. `http_status`, `provider_code`, `provider_message` and `raw` hold what
    the provider answered, where it answered; `raw` is its whole reply, and may hold personal data, so it is in no
    text of the exception.
    """

    resend: Resend = Resend.SAFE

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        reference: str | None = None,
        provider_code: str | None = None,
        provider_message: str | None = None,
        raw: WireReply | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.reference = reference
        self.provider_code = provider_code
        self.provider_message = provider_message
        self.raw = raw

    @property
    def http_status(self) -> int | None:
        """The status of the provider's reply, or None where none came."""
        return self.raw.status if self.raw is not None else None

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.args), self.__dict__


def _rebuilt(cls: type[RefundError], args: tuple[Any, ...]) -> RefundError:
    error = cls.__new__(cls)
    error.args = args
    return error


class InvalidRefund(RefundError, ValueError):
    """The request is not one that could be sent. Refused here: nothing was sent. `field` names the argument.

    Where it was about a refund that was asked for before, its `resend` is NEVER: that refund is as it was.
    """

    def __init__(self, message: str, *, field: str, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.field = field


class UnsupportedOperation(InvalidRefund):
    """This provider cannot do what is asked. Nothing was sent. `field` names the argument it cannot take."""


class ReferenceConflict(RefundError):
    """This reference was used for another refund: another payment or another amount. Nothing was sent.

    It says nothing about how that other refund ended. Each refund intended needs a reference of its own.
    """

    resend = Resend.NEVER


class RefundInProgress(RefundError):
    """A refund under this reference is being sent at this moment. This call sent nothing. Wait, then ask again."""

    resend = Resend.NEVER


class NotSent(RefundError):
    """No byte of the refund left this process: the access token, the connection or what comes before it failed."""


class RefundRejected(RefundError):
    """The provider said no, and executed nothing. `reason` says why in refundry's words, `provider_code` in its own."""

    def __init__(self, message: str, *, reason: Reason, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.reason = reason


class AuthenticationFailed(RefundRejected):
    """The provider refused the credentials, or they do not allow this. Nothing was executed."""


class RateLimited(RefundRejected):
    """The provider turned the request away unread, for there were too many. Nothing was executed.

    `retry_after` is the number of seconds it asks to wait, or None where it does not say. Raised only where the
    provider documents that a refund answered so is not executed; a 429 of any other provider is OutcomeUnknown.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.retry_after = retry_after


class OutcomeUnknown(RefundError):
    """The refund may have been executed, and it may not: no reply, or none that can be relied on.

    Never a sign that sending again is safe; `resend` says whether it is. Where it is NEVER, find out from the provider
    by its own means before anyone asks again.
    """

    def __init__(self, message: str, *, resend: Resend = Resend.NEVER, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.resend = resend


class RefundMismatch(OutcomeUnknown):
    """The provider reports another refund than the one that was asked for.

    `differences` names each field with the value asked for and the value reported. Money may have moved, of an amount
    or to a payment that nobody intended.
    """

    def __init__(self, message: str, *, differences: Sequence[tuple[str, str, str]], **facts: Any) -> None:
        super().__init__(message, **facts)
        self.differences = tuple(differences)


class LookupFailed(RefundError):
    """A refund could not be asked about or cancelled, or the answer cannot be relied on. `refund` is what was known.

    It says nothing about the refund: what was known of it still holds, and asking for it again could still pay twice.
    `temporary` says that asking about it later may well get an answer; `retry_after` is the number of seconds that the
    provider asks to wait, or None where it does not say.
    """

    resend = Resend.NEVER

    def __init__(
        self,
        message: str,
        *,
        refund: Refund,
        temporary: bool,
        retry_after: float | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(message, **facts)
        self.refund = refund
        self.temporary = temporary
        self.retry_after = retry_after


class StillPending(RefundError):
    """The time to wait has passed, and the refund is not final. `refund` is its last known state.

    Not a failure of the refund: it may still be done, or come to nothing. Its cause (`__cause__`) is the last
    LookupFailed, where the provider could not be asked at the end.
    """

    resend = Resend.NEVER

    def __init__(self, message: str, *, refund: Refund, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.refund = refund


class WebhookRejected(RefundError):
    """A callback that does not prove that the provider sent it, or that cannot be one. Nothing of it was believed.

    It holds nothing of the callback. Answer it with 403, and change nothing. One that proves where it comes from, and
    cannot be read, is WebhookUnreadable.
    """

    resend = Resend.NEVER


class WebhookUnreadable(RefundError):
    """A callback that proves where it comes from, and says in no known form what it is about.

    It may be about a refund, so nothing of it may be lost: answer it with 500, so that it is sent again, and look into
    it. It holds nothing of the callback.
    """

    resend = Resend.NEVER
