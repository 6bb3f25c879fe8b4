from __future__ import annotations

from ..enums import OpenText


class TransactionOperationResponseOperationType(OpenText):
    """The values that the contract lists. Any other text is a member, too, and is not in iteration."""

    TRANSACTION_REVERT = "transaction.revert"
