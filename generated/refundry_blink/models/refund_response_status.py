from __future__ import annotations

from ..enums import OpenText


class RefundResponseStatus(OpenText):
    """The values that the contract lists. Any other text is a member, too, and is not in iteration."""

    COMPLETED = "completed"
    PENDING = "pending"
    FAILED = "failed"
