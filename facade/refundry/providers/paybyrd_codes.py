"""What the codes, the words and the events of Paybyrd mean. What is not listed here is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from refundry.errors import Reason
from refundry.outcome import CREDENTIALS_REFUSED, Outcome
from refundry.providers.fields import plain_word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refundry.providers.translation import About

_Verdict = tuple[Outcome, Reason]
_Verdicts = dict[str | None, _Verdict]

# Codes: docs.paybyrd.com/api-reference/api-code-reference.
_PENDING: Final = (Outcome.PENDING, Reason.OTHER)
_NO_ACCESS: Final = (Outcome.AUTHENTICATION_FAILED, Reason.OTHER)
UNKNOWN: Final = (Outcome.UNKNOWN, Reason.OTHER)

ACCEPTED: Final[_Verdicts] = {
    "BYRD200": (Outcome.SUCCEEDED, Reason.OTHER),
    "BYRD010": _PENDING,
    "BYRD201": _PENDING,  # waiting for the shopper
    "BYRD207": _PENDING,  # waiting for a redirect
}
REFUSED: Final[_Verdicts] = {
    "BYRD205": (Outcome.REJECTED, Reason.DECLINED),  # by the acquirer
    "BYRD206": (Outcome.REJECTED, Reason.DECLINED),  # by a velocity rule
    "BYRD208": (Outcome.REJECTED, Reason.DECLINED),  # cancelled by the shopper
    "BYRD230": (Outcome.REJECTED, Reason.ALREADY_REFUNDED),
    "BYRD231": (Outcome.REJECTED, Reason.EXCEEDS_REMAINING),
    "BYRD240": (Outcome.REJECTED, Reason.INVALID),  # token expired
    "BYRD290": (Outcome.REJECTED, Reason.OTHER),  # failed before it was processed
    "BYRD291": (Outcome.REJECTED, Reason.OTHER),  # failed while it was made ready for the acquirer
    "BYRD292": (Outcome.REJECTED, Reason.NOT_REFUNDABLE),  # no payment method for it
    "BYRD401": _NO_ACCESS,
    "BYRD403": _NO_ACCESS,
    "BYRD900": (Outcome.REJECTED, Reason.INVALID),
    "BYRD901": (Outcome.REJECTED, Reason.NOT_FOUND),
}
QUERY_FIRST: Final = dict.fromkeys(("BYRD203", "BYRD294", "BYRD299", "BYRD999"), UNKNOWN)
LISTED: Final = frozenset({*ACCEPTED, *REFUSED, *QUERY_FIRST})

# These refusals are also the verdict on an earlier attempt under the same key whose reply was lost: they say what
# became of this refund. Any other refusal may have the earlier attempt as its cause, in progress or carried out.
RESOLVES_EARLIER: Final = frozenset({"BYRD205", "BYRD208", "BYRD901"})

BY_STATUS_AND_CODE: Final[dict[int, _Verdicts]] = {
    200: {**ACCEPTED, **REFUSED},
    202: dict.fromkeys((None, *ACCEPTED), _PENDING),  # beside a code that says done, the weaker is believed
    400: REFUSED,
    401: dict.fromkeys((*ACCEPTED, *QUERY_FIRST), UNKNOWN),
    403: dict.fromkeys((*ACCEPTED, *QUERY_FIRST), UNKNOWN),
    404: REFUSED,
}
BY_STATUS: Final = dict.fromkeys(CREDENTIALS_REFUSED, _NO_ACCESS)

# Words of a transaction: docs.paybyrd.com/api-reference/api-code-reference; AcquirerSuccess is from the provider's own
# shop plugin. Replies and callbacks write them in different case.
BY_WORD: Final[Mapping[str, Outcome]] = {
    "Success": Outcome.SUCCEEDED,
    "AcquirerSuccess": Outcome.SUCCEEDED,
    "Processing": Outcome.PENDING,
    "TemporaryFailed": Outcome.PENDING,  # the provider does not know yet
    "Denied": Outcome.REJECTED,
    "Canceled": Outcome.REJECTED,
    "Error": Outcome.REJECTED,
}
STATES: Final = {plain_word(word): outcome for word, outcome in BY_WORD.items()}
NEEDS_A_CODE: Final = "Error"
"""This word stands for final failures, and for some that are not known yet: it is final only beside a code of one."""
# The codes that go with a final word. Beside another code the refund is pending: the weaker of the two is believed.
_FINAL_CODES: Final[Mapping[Outcome, frozenset[str | None]]] = {
    Outcome.SUCCEEDED: frozenset({"BYRD200"}),
    Outcome.REJECTED: frozenset(REFUSED),
}

# Events of a refund, each as the word of its transaction: docs.paybyrd.com/api-reference/webhooks.
BY_EVENT: Final[Mapping[str, str]] = {
    "transaction.refund.pending": "Processing",
    "transaction.refund.success": "Success",
    "transaction.refund.failed": "Denied",
    "transaction.refund.error": "Error",
    "transaction.refund.canceled": "Canceled",
}
# What a callback is about, by the kind of its transaction: the same page.
ABOUT_KIND: Final[Mapping[str, About]] = {
    "refund": "refund",
    "payment": "payment",
    "preauth": "payment",
    "capture": "payment",
}
# What a family of events is about. The events of orders are from the provider's own .NET client.
ABOUT_EVENT: Final[Mapping[str, About]] = {
    **{f"transaction.{kind}": about for kind, about in ABOUT_KIND.items()},
    "order": "order",
    "chargeback": "other",
}


def verdict(status: int, code: str | None) -> _Verdict:
    """What a reply of this HTTP status and code says of the refund that it answers."""
    return BY_STATUS_AND_CODE.get(status, {}).get(code, BY_STATUS.get(status, UNKNOWN))


def needs_a_code(word: str) -> bool:
    """Whether this word, in any spelling, is final only beside a code."""
    return plain_word(word) == plain_word(NEEDS_A_CODE)


def is_final(outcome: Outcome, word: str, code: str | None) -> bool:
    """Whether a final word stays final beside this code, or without one."""
    return not needs_a_code(word) if code is None else code in _FINAL_CODES[outcome]
