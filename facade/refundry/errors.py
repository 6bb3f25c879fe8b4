"""What can go wrong, by what the caller can do about it.

Every exception of this module says through its class what is certain, and through `.resend` whether asking for the
same refund again is safe. All can be pickled, and kept as JSON with `to_dict`; none holds a credential; none shows the
reply's body in its text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import refundry
from refundry import plain
from refundry.clock import Deadline, in_utc
from refundry.later import Later
from refundry.plain import MOMENT, NEEDED_TEXT, TEXT, WHOLE_NUMBER, Field

TYPE_CHECKING = False
if not TYPE_CHECKING:
    datetime, typing = Later("datetime"), Later("typing")
    money = Later("refundry.money")  # which needs this module
if TYPE_CHECKING:
    import datetime
    import typing
    from typing import Any, Final

    from refundry import money


class Resend(StrEnum):
    """Whether asking for the same refund again could move the money twice."""

    SAFE = "safe"
    """Nothing was executed. Mend the cause first where there is one."""
    SAME_REFERENCE = "same reference"
    """It may have been executed, and the provider de-duplicates: again, but only under the same reference."""
    NEVER = "never"
    """It may have been executed, or is being executed now. Find out first; a new reference would be a second refund."""


class Reason(StrEnum):
    """Why a provider refused, in words that are the same for every provider."""

    ALREADY_REFUNDED = "already refunded"
    EXCEEDS_REMAINING = "exceeds remaining"
    NOT_FOUND = "not found"
    NOT_REFUNDABLE = "not refundable"
    DECLINED = "declined"
    INVALID = "invalid"
    OTHER = "other"


def _reason(text: str) -> Reason:
    return Reason(text) if text in tuple(Reason) else Reason.OTHER  # of another version


def _differences(rows: Sequence[Any]) -> tuple[tuple[str, str, str], ...]:
    if not all(isinstance(row, list | tuple) and [*map(type, row)] == [str, str, str] for row in rows):
        raise TypeError("each difference is three texts")
    return tuple((name, asked, reported) for name, asked, reported in rows)


# Money and Refund need this module, so a field looks for them when it is written or read.
_AMOUNT: Final = Field(str, Mapping, write=lambda one: money.to_plain(one), read=lambda one: money.from_plain(one))
_REASON: Final = Field(str, write=str, read=_reason, is_needed=True)
_DIFFERENCES: Final = Field(list, tuple, write=lambda rows: [*map(list, rows)], read=_differences, is_needed=True)
_REFUND: Final = Field(
    Mapping, write=lambda one: one.to_dict(), read=lambda one: refundry.Refund.from_dict(one), is_needed=True
)


class RefundError(Exception):
    """The base of everything that refundry raises.

    `provider`, `reference`, `payment_id` and `amount` name the refund. `http_status`, `provider_code`,
    `provider_message` and `raw` hold what the provider answered, and `retry_after` for how many seconds it asks not to
    be sent to; each is None where it is not known. `raw` is the whole reply, and may hold personal data, so it is in
    no text of the exception and not in `to_dict`. `request_id` is the provider's id of the request, for its support.
    `recorded` is False where the ledger could not be told this outcome.
    """

    _RESEND: Resend = Resend.NEVER
    _FIELDS: Mapping[str, Field] = {
        **dict.fromkeys(("provider", "reference", "payment_id"), TEXT),
        "amount": _AMOUNT,
        "http_status": WHOLE_NUMBER,
        **dict.fromkeys(("provider_code", "provider_message"), TEXT),
        "retry_after": Field(int, float),
        "request_id": TEXT,
        "recorded": Field(bool),
    }

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        reference: str | None = None,
        payment_id: str | None = None,
        amount: refundry.Amount | None = None,
        http_status: int | None = None,
        provider_code: str | None = None,
        provider_message: str | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        recorded: bool | None = True,
        raw: refundry.WireReply | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.reference = reference
        self.payment_id = payment_id
        self.amount = amount
        self.http_status: int | None = raw.status if http_status is None and raw is not None else http_status
        self.provider_code = provider_code
        self.provider_message = provider_message
        self.retry_after = retry_after
        self.request_id = request_id
        self.recorded: bool = recorded is not False
        self.raw = raw

    @property
    def resend(self) -> Resend:
        """Whether asking for the same refund again is safe, at the moment that this is read."""
        return self._RESEND

    def to_dict(self) -> dict[str, typing.Any]:
        """All but `raw`, as values that JSON can hold: what a queue or a database can keep.

        "error" is the name of the class, "is_a" the names of those that it is a kind of. "resend" is "safe" or "never",
        and does not change. How long OutcomeUnknown allows SAME_REFERENCE is in "resend_until" (ISO 8601, UTC).
        """
        name, *wider = [cls.__name__ for cls in type(self).__mro__ if _CLASSES.get(cls.__name__) is cls]
        resend = Resend.SAFE if self.resend is Resend.SAFE else Resend.NEVER
        facts = plain.to_dict(self._FIELDS, self)
        return {"error": name, "is_a": wider, "message": str(self), "resend": resend.value, **facts}

    @staticmethod
    def from_dict(values: Mapping[str, typing.Any]) -> RefundError:
        """The error that `to_dict` was called on, also in another process: of the same class, with the same facts.

        A field that this version does not know is ignored. A class that it does not know is read as the nearest
        in "is_a" that it knows, and never as one that is safer than "resend" says. Raises InvalidRefund, not to be
        resent, that names a field which is missing or unfit.
        """
        cls = _class_of(values)
        error = cls(**plain.from_dict({"message": NEEDED_TEXT, **cls._FIELDS}, values, unfit_field))
        if isinstance(error, InvalidRefund) and values.get("resend") != Resend.SAFE:
            error.resend = Resend.NEVER
        return error

    def __reduce__(self) -> tuple[typing.Any, ...]:
        return _rebuilt, (type(self), self.args), self.__dict__


def _rebuilt(cls: type[RefundError], args: tuple[Any, ...]) -> RefundError:
    return cls.__new__(cls, *args)


class InvalidRefund(RefundError, ValueError):
    """The request is not one that could be sent. Refused here: nothing was sent. `field` names the argument.

    Where it was about a refund that was asked for before, its `resend` is NEVER: that refund is as it was.
    """

    _FIELDS = {**RefundError._FIELDS, "field": NEEDED_TEXT}

    def __init__(self, message: str, *, field: str, resend: Resend = Resend.SAFE, **facts: typing.Any) -> None:
        super().__init__(message, **facts)
        self.field = field
        self._RESEND = resend

    @property
    def resend(self) -> Resend:
        """SAFE, or NEVER where it was about a refund that was asked for before."""
        return self._RESEND

    @resend.setter
    def resend(self, resend: Resend) -> None:
        self._RESEND = resend


class UnsupportedOperation(InvalidRefund):
    """This provider cannot do what is asked. Nothing was sent. `field` names the argument it cannot take."""


class ReferenceConflict(RefundError):
    """This reference was used for another refund: another payment or another amount. Nothing was sent.

    It says nothing about how that other refund ended. Each refund intended needs a reference of its own.
    """


class RefundInProgress(RefundError):
    """A refund under this reference is being sent now. This call sent nothing. Wait for that call, then call again."""


class NotSent(RefundError):
    """No byte of the refund left this process: the access token, the connection or what comes before it failed."""

    _RESEND = Resend.SAFE


class RefundRejected(RefundError):
    """The provider said no to this refund, and executed nothing. `reason` says why in refundry's words.

    A provider that de-duplicates stores its refusal. Until `same_answer_until` (UTC) this reference brings the same
    answer, even once its cause is fixed; None where the provider stores no answer. There are two ways on, and taking
    both refunds twice:

    - wait until then, and refund again under this reference;
    - give this reference up for good, and record the one reference that replaces it. Not after ALREADY_REFUNDED or
      EXCEEDS_REMAINING: an earlier success of this very refund may have caused them.
    """

    _RESEND = Resend.SAFE
    _FIELDS = {**RefundError._FIELDS, "reason": _REASON, "same_answer_until": MOMENT}

    def __init__(
        self, message: str, *, reason: Reason, same_answer_until: datetime.datetime | None = None, **facts: typing.Any
    ) -> None:
        super().__init__(message, **facts)
        self.reason = reason
        self.same_answer_until: datetime.datetime | None = same_answer_until and in_utc(same_answer_until)


class AuthenticationFailed(RefundError):
    """The provider refused the credentials, of the refund or of its access token, or they do not allow the refund.

    Nothing was executed. It is no verdict on the refund: fix the keys, and refund again. `same_answer_until` (UTC) and
    the ways on are those of RefundRejected.
    """

    _RESEND = Resend.SAFE
    _FIELDS = {**RefundError._FIELDS, "same_answer_until": MOMENT}

    def __init__(
        self, message: str, *, same_answer_until: datetime.datetime | None = None, **facts: typing.Any
    ) -> None:
        super().__init__(message, **facts)
        self.same_answer_until: datetime.datetime | None = same_answer_until and in_utc(same_answer_until)


class OutcomeUnknown(RefundError):
    """The refund may have been executed: there is no reply, or no reliable one.

    It never says that sending again is safe. `resend` says whether it is, each time it is read: SAME_REFERENCE until
    `resend_until` (UTC), while the provider certainly de-duplicates this reference; NEVER from then on, and where
    `resend_until` is None. At NEVER, find out from the provider before anybody refunds again.
    """

    _FIELDS = {**RefundError._FIELDS, "resend_until": MOMENT}

    def __init__(self, message: str, *, resend_until: datetime.datetime | None = None, **facts: typing.Any) -> None:
        super().__init__(message, **facts)
        self.resend_until = resend_until

    @property
    def resend(self) -> Resend:
        """SAME_REFERENCE before `resend_until`, NEVER from then on."""
        return Resend.NEVER if self._deadline is None or self._deadline.is_over() else Resend.SAME_REFERENCE

    @property
    def resend_until(self) -> datetime.datetime | None:
        """Until when the same reference may be sent again (UTC); None where it never may."""
        return None if self._deadline is None else self._deadline.moment

    @resend_until.setter
    def resend_until(self, moment: datetime.datetime | None) -> None:
        self._deadline = None if moment is None else Deadline(moment)

    def until(self, deadline: Deadline | None) -> typing.Self:
        """The same error with this `resend_until`, which the clock of the deadline measures."""
        self._deadline = deadline
        return self


class RefundMismatch(OutcomeUnknown):
    """The provider reports another refund than the requested one.

    `differences` names each field with the requested and the reported value. Money may have moved, in an amount or for
    a payment that nobody intended.
    """

    _FIELDS = {**OutcomeUnknown._FIELDS, "differences": _DIFFERENCES}

    def __init__(self, message: str, *, differences: Sequence[tuple[str, str, str]], **facts: typing.Any) -> None:
        super().__init__(message, **facts)
        self.differences: tuple[tuple[str, str, str], ...] = tuple(differences)


class LookupFailed(RefundError):
    """A refund could not be looked up or cancelled, or the answer is not reliable. `refund` is its last known state.

    It says nothing about the refund: its last known state still holds, and refunding again could pay twice.
    `temporary` says that a later lookup may get an answer.
    """

    _FIELDS = {**RefundError._FIELDS, "refund": _REFUND, "temporary": Field(bool, is_needed=True)}

    def __init__(self, message: str, *, refund: refundry.Refund, temporary: bool, **facts: typing.Any) -> None:
        super().__init__(message, **facts)
        self.refund = refund
        self.temporary = temporary


class StillPending(RefundError):
    """The time to wait has passed, and the refund is not final. `refund` is its last known state.

    It is no failure of the refund, which may still succeed or fail. Its cause (`__cause__`) is the last LookupFailed,
    where the last lookup failed.
    """

    _FIELDS = {**RefundError._FIELDS, "refund": _REFUND}

    def __init__(self, message: str, *, refund: refundry.Refund, **facts: typing.Any) -> None:
        super().__init__(message, **facts)
        self.refund = refund


class LedgerFailed(RefundError):
    """The ledger could not be read or written. It says nothing about any refund, and sends none.

    What was recorded stays. A call that refunds does not raise it: it raises NotSent, with this as the cause, where the
    ledger failed before anything was sent, and gives its outcome with `recorded` False where it failed afterwards.
    """


class WebhookRejected(RefundError):
    """A callback that does not prove that the provider sent it, or that cannot be a callback.

    It holds nothing of the callback. Answer with 403, and change nothing. An authentic callback that cannot be read is
    WebhookUnreadable.
    """


class WebhookUnreadable(RefundError):
    """A callback that proves where it comes from, and says in no known form what it is about.

    It may be about a refund, so nothing of it may be lost: answer it with 500, so that it is sent again, and look into
    it. It holds nothing of the callback.
    """


_CLASSES: Final = {
    cls.__name__: cls for cls in [*globals().values()] if isinstance(cls, type) and issubclass(cls, RefundError)
}


def _class_of(values: Mapping[str, Any]) -> type[RefundError]:
    """The nearest class that is known here, and that is not safer than the values say."""
    wider = values.get("is_a")
    for name in (values.get("error"), *(wider if isinstance(wider, list | tuple) else ())):
        cls = _CLASSES.get(name) if isinstance(name, str) else None
        # Each InvalidRefund says for itself whether it is safe.
        if cls is not None and (
            cls._RESEND is not Resend.SAFE or values.get("resend") == Resend.SAFE or issubclass(cls, InvalidRefund)
        ):
            return cls
    return RefundError


def unfit_field(field: str, why: object) -> InvalidRefund:
    """The refusal of a field that `from_dict` cannot read. What it is about was asked for before."""
    return InvalidRefund(f"the field {field!r} is unfit: {why}", field=field, resend=Resend.NEVER)
