from __future__ import annotations

from ..enums import OpenText


class TransactionStatus(OpenText):
    """The values that the contract lists. Any other text is a member, too, and is not in iteration."""

    SUCCESS = "Success"
    ACQUIRER_SUCCESS = "AcquirerSuccess"
    PROCESSING = "Processing"
    TEMPORARY_FAILED = "TemporaryFailed"
    DENIED = "Denied"
    CANCELED = "Canceled"
    ERROR = "Error"
