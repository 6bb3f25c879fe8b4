from __future__ import annotations

from ..enums import OpenText


class ReferencedTransactionOperationType(OpenText):
    """The values that the contract lists. Any other text is a member, too, and is not in iteration."""

    PAYMENT = "Payment"
    PRE_AUTH = "PreAuth"
    CAPTURE = "Capture"
    REFUND = "Refund"
