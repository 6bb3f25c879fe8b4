"""The idempotency key of an attempt, for the providers that take one."""

from __future__ import annotations

import hashlib


def idempotency_key(reference: str, attempt: int) -> str:
    """The key of one attempt of a reference: the same in every process and for good, and another one for each attempt.

    It has the form of a random UUID, which Paybyrd advises: 36 characters. Without a ledger there is one attempt: a
    process cannot know what another process was answered under this reference, and with a second key both could refund.
    """
    numbered = f"\n{attempt}" if attempt > 1 else ""
    digits = hashlib.sha256(f"refundry\n{reference}{numbered}".encode()).hexdigest()
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
