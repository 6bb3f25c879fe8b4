"""A transport of httpx or httpx2 as a transport of refundry: for tests, SOCKS, HTTP/2 and proxies over https."""

from __future__ import annotations

import sys
from concurrent.futures import Future
from contextvars import copy_context
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from refundry import guard
from refundry.interruption import pass_through
from refundry.transport.failures import Unsendable, clear_variables
from refundry.transport.http11 import decompressed, is_framing_in_doubt
from refundry.wire import MAX_REPLY_BYTES, USER_AGENT, Evidence, SendFailure, WireReply, WireRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from refundry.limits import Timeout

# The only errors that come before the first byte. A failed read or write, a protocol error and a proxy's refusal may
# come after it.
_NOTHING_SENT: Final = ("ConnectError", "ConnectTimeout", "PoolTimeout")
# They call a function of this process, which may need the thread of the caller.
_IN_PROCESS: Final = ("MockTransport", "WSGITransport")


class HttpxTransport:
    """Carries requests over an httpx transport: `Paybyrd(..., transport=HttpxTransport(httpx.MockTransport(handler)))`.

    `inner` is a BaseTransport for RefundClient, an AsyncBaseTransport for AsyncRefundClient, or both, of httpx or of
    httpx2. All its errors count as maybe sent, except failures to connect. AsyncRefundClient runs it on any event loop
    that anyio supports. RefundClient runs each request in a new thread, and leaves the thread after `Timeout.total`:
    httpx starts its time limits again with every byte of a reply.
    """

    tells_progress = True

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._httpx = _family(inner)
        if guard.current() is not None:
            guard.watch_httpx()

    def send(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
        """Send it once."""
        request.progress.evidence = Evidence.NOT_SENT
        reply = _Reply(monotonic() + timeout.total)
        try:
            handle = self._handle("handle_request")
            outgoing = _outgoing(self._httpx, request, timeout)
            request.progress.evidence = Evidence.MAYBE_SENT
            if type(self._inner).__name__ in _IN_PROCESS:
                reply.fetch(handle, outgoing)
            else:
                _in_a_thread(lambda: reply.fetch(handle, outgoing), request, timeout.total)
            return self._answer(request, reply)
        except BaseException as error:  # noqa: BLE001 (pass_through raises what interrupted the call)
            reply.cause = error
            clear_variables(error)
            pass_through(error)
        finally:
            reply.is_over = True
        return self._answer(request, reply)

    async def asend(self, request: WireRequest, timeout: Timeout) -> WireReply | SendFailure:
        """Send it once."""
        from anyio import move_on_after  # httpx depends on it

        request.progress.evidence = Evidence.NOT_SENT
        reply = _Reply(monotonic() + timeout.total)
        try:
            handle = self._handle("handle_async_request")
            outgoing = _outgoing(self._httpx, request, timeout)
            request.progress.evidence = Evidence.MAYBE_SENT
            with move_on_after(timeout.total):
                await reply.afetch(handle, outgoing)
            return self._answer(request, reply)
        except BaseException as error:  # noqa: BLE001 (pass_through raises what interrupted the call)
            reply.cause = error
            clear_variables(error)
            pass_through(error)
        return self._answer(request, reply)

    def close(self) -> None:
        """Close the httpx transport."""
        self._inner.close()

    async def aclose(self) -> None:
        """Close the httpx transport."""
        await self._inner.aclose()

    def _handle(self, name: str) -> Callable[[Any], Any]:
        handle: Callable[[Any], Any] | None = getattr(self._inner, name, None)
        if handle is not None:
            return handle
        given = f"HttpxTransport was given a {type(self._inner).__name__}, which is"
        if hasattr(self._inner, "handle_async_request"):
            raise Unsendable(f"{given} for AsyncRefundClient and not for RefundClient")
        if hasattr(self._inner, "handle_request"):
            raise Unsendable(f"{given} for RefundClient and not for AsyncRefundClient")
        raise Unsendable(f"{given} no transport of httpx or httpx2")

    def _answer(self, request: WireRequest, reply: _Reply) -> WireReply | SendFailure:
        if reply.status is not None:
            body = bytes(reply.body[:MAX_REPLY_BYTES])
            return decompressed(WireReply(reply.status, reply.headers, body, reply.complete))
        error = reply.cause
        if error is None or isinstance(error, TimeoutError):
            return SendFailure(request.progress.evidence, "timed out", cause=error)
        before = any(isinstance(error, getattr(self._httpx, name)) for name in _NOTHING_SENT)
        evidence = Evidence.NOT_SENT if before else request.progress.evidence
        if isinstance(error, Unsendable):
            return SendFailure(evidence, str(error), permanent=True, cause=error)
        return SendFailure(evidence, type(error).__name__, cause=error)


class _Reply:
    """The reply that is being received."""

    def __init__(self, deadline: float) -> None:
        self.status: int | None = None
        self.headers: tuple[tuple[str, str], ...] = ()
        self.body = bytearray()
        self.complete = False
        self.in_doubt = False
        self.cause: BaseException | None = None
        self.is_over = False
        self._deadline = deadline

    def fetch(self, handle: Callable[[Any], Any], outgoing: Any) -> None:
        response = handle(outgoing)
        try:
            self._begin(response)
            for chunk in response.stream:
                if not self._take(chunk):
                    return
            self.complete = not self.in_doubt
        finally:
            response.close()

    async def afetch(self, handle: Callable[[Any], Any], outgoing: Any) -> None:
        response = await handle(outgoing)
        try:
            self._begin(response)
            async for chunk in response.stream:
                if not self._take(chunk):
                    return
            self.complete = not self.in_doubt
        finally:
            await response.aclose()

    def _begin(self, response: Any) -> None:
        self.headers = tuple((name.lower(), value) for name, value in response.headers.multi_items())
        self.in_doubt = is_framing_in_doubt(self.headers, response.http_version.removeprefix("HTTP/"))
        self.status = response.status_code

    def _take(self, chunk: bytes) -> bool:
        self.body += chunk
        return not (len(self.body) > MAX_REPLY_BYTES or self.is_over or monotonic() > self._deadline)


def _in_a_thread(work: Callable[[], None], request: WireRequest, seconds: float) -> None:
    """Run the work in another thread, and wait for these seconds. Raises the error of the work, or TimeoutError."""
    done: Future[None] = Future()

    def worked() -> None:
        try:
            work()
            done.set_result(None)
        except BaseException as error:  # noqa: BLE001 (the waiting thread raises it)
            done.set_exception(error)

    thread = Thread(target=copy_context().run, args=(worked,), name="refundry", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        pass_through(error)
        request.progress.evidence = Evidence.NOT_SENT
        raise
    done.result(seconds)


def _family(inner: Any) -> Any:
    """The module that the transport's class comes from: httpx or httpx2."""
    for kind in type(inner).__mro__:
        name = kind.__module__.partition(".")[0]
        if name in ("httpx", "httpx2"):
            return sys.modules[name]
    import httpx

    return httpx


def _outgoing(family: Any, request: WireRequest, timeout: Timeout) -> Any:
    return family.Request(
        request.method,
        request.url,
        headers=[
            ("User-Agent", USER_AGENT),
            ("Accept-Encoding", "identity"),
            *request.headers,
            *((name, secret.reveal()) for name, secret in request.credentials),
        ],
        content=request.body,
        extensions={
            "timeout": {
                "connect": timeout.connect,
                "read": timeout.read,
                "write": timeout.read,
                "pool": timeout.connect,
            },
            guard.MARK: True,
        },
    )
