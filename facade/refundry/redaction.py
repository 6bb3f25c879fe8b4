"""Credentials taken out of what is kept of a reply, after it was read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from refundry.wire import redacted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from refundry.checks import Secret
    from refundry.outcome import Reading
    from refundry.wire import WireReply


def kept(reply: WireReply, reading: Reading, secrets: Iterable[Secret]) -> tuple[WireReply, Reading]:
    """The reply and what was read of it, without the credentials."""
    return redacted(reply, secrets), replace(reading)
