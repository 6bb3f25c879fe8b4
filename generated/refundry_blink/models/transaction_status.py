from __future__ import annotations

from ..enums import OpenText


class TransactionStatus(OpenText):
    """The values that the contract lists. Any other text is a member, too, and is not in iteration."""

    CAPTURED = "Captured"
    ACCEPTED = "Accepted"
    TENDERED = "Tendered"
    PENDING_SUBMISSION = "Pending Submission"
    COMPLETED = "completed"
    PENDING = "pending"
    FAILED = "failed"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    VOIDED = "voided"
    EXPIRED = "expired"
