from __future__ import annotations

from ..enums import OpenText


class TransactionOperationResponseStatus(OpenText):
    """The values that the contract lists. Any other text is a member, too, and is not in iteration."""

    INITIATED = "INITIATED"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
