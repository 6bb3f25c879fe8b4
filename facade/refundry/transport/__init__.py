"""How a request goes out and its reply comes back, and what a transport of one's own has to be.

No HTTP library is named in what follows: a transport is anything that takes a WireRequest and tells what is known.
"""

from __future__ import annotations

from typing import Protocol

from refundry.limits import Timeout
from refundry.wire import SendFailure, WireReply, WireRequest


class Transport(Protocol):
    """What carries a request from a RefundClient. One may be given to each provider as `transport=`.

    It never raises for what the network does: it says what is known. What it raises all the same is taken as
    Evidence.MAYBE_SENT, and so is a call that is broken off in it. A transport that has `tells_progress = True` says
    more: it sets `request.progress.evidence` to MAYBE_SENT just before it writes the first byte of the request, and
    whatever comes before that has sent nothing.
    """

    def send(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
        """Send it once. Never send it again, follow a redirect, or read more than MAX_REPLY_BYTES."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class AsyncTransport(Protocol):
    """What carries a request from an AsyncRefundClient. As Transport, with `await`."""

    async def asend(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
        """Send it once. Never send it again, follow a redirect, or read more than MAX_REPLY_BYTES."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...
