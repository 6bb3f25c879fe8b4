"""The contract of a transport, which carries a request to the provider and its reply back.

A transport takes a WireRequest and returns a WireReply or a SendFailure. No HTTP library is part of the contract.
"""

from __future__ import annotations

from typing import Protocol

from refundry.limits import Timeout
from refundry.wire import SendFailure, WireReply, WireRequest


class Transport(Protocol):
    """Carries requests for a RefundClient. Each account, and the client, takes one as `transport=`.

    It returns a SendFailure for every failure of the network, and raises nothing. An exception that it raises all the
    same counts as Evidence.MAYBE_SENT, and so does a call that is interrupted in it. With `tells_progress = True` a
    transport can say more: it sets `request.progress.evidence` to MAYBE_SENT just before it writes the first byte, and
    whatever fails before that has sent nothing.
    """

    def send(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
        """Send it once. Never send it again, follow a redirect, or read more than MAX_REPLY_BYTES."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class AsyncTransport(Protocol):
    """Carries requests for an AsyncRefundClient. It is Transport with `await`."""

    async def asend(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
        """Send it once. Never send it again, follow a redirect, or read more than MAX_REPLY_BYTES."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...
