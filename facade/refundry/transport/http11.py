"""One HTTP/1.1 exchange as bytes in and bytes out, without I/O: a thread and an event loop share it.

Replies are read by httptools, the parser of Node.js, in its strict form. It takes a tenth of the time of the parser
in pure Python that httpx and httpcore are built on; with that one, reading HTTP costs more than all the rest.
"""

from __future__ import annotations

import zlib
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from refundry.wire import MAX_REPLY_BYTES, USER_AGENT, Evidence, SendFailure, WireReply, WireRequest

_MAX_HEAD_BYTES: Final = 64 * 1024


def outgoing(request: WireRequest) -> bytes:
    """The request as bytes. Raises ValueError for one with a line break or a NUL in its head."""
    # Nothing that holds a credential is bound to a name: a traceback may be printed with its variables.
    return _joined(
        [
            f"{request.method} {request.target} HTTP/1.1",
            f"Host: {request.origin.partition('://')[2]}",
            f"User-Agent: {USER_AGENT}",
            "Accept-Encoding: identity",
            *[f"{name}: {value}" for name, value in request.headers],
            *[f"{name}: {secret.reveal()}" for name, secret in request.credentials],
            f"Content-Length: {len(request.body)}",
        ],
        request.body,
    )


def _joined(lines: list[str], body: bytes) -> bytes:
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1 or "\0" in head:
        raise ValueError("a line break or a NUL in the head of a request")
    return b"%b\r\n\r\n%b" % (head.encode("ascii"), body)


class Reply:
    """What has come of the reply so far. Interim replies (1xx) are passed over."""

    def __init__(self) -> None:
        self.failure = "the connection was closed before a reply came"
        self._parser = HttpResponseParser(self)
        self._received = 0
        self._status: int | None = None
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()
        self._ended = False
        self._keep_alive = False

    def take(self, data: bytes) -> bool:
        """Take what was received, b"" where the stream has ended. True where nothing more is needed, or can come."""
        if not data:
            # A body of no declared length ends with the stream, and cannot be told from one that was cut there.
            self._ended = self._ended or (self._status is not None and not self._has_length())
            return True
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self.failure = "what came back is not HTTP"
            self._keep_alive = False
            return True
        return self._ended or self._received > MAX_REPLY_BYTES + _MAX_HEAD_BYTES

    def reusable(self) -> bool:
        """Whether the connection can carry another exchange."""
        return self._ended and self._keep_alive

    def answer(self) -> WireReply | SendFailure:
        """What is known, once nothing more is taken. Only for a request of which a byte may have left."""
        del self._parser  # it holds this object, and this object it
        if self._status is None:
            return SendFailure(Evidence.MAYBE_SENT, self.failure)
        complete = self._ended and len(self._body) <= MAX_REPLY_BYTES
        reply = WireReply(self._status, tuple(self._headers), bytes(self._body[:MAX_REPLY_BYTES]), complete)
        return decompressed(reply) if reply.header("content-encoding") else reply

    def _has_length(self) -> bool:
        return any(name in ("content-length", "transfer-encoding") for name, _ in self._headers)

    # What the parser calls. It finds these by their names.

    def on_message_begin(self) -> None:
        """A second reply to one request is no reason to use the connection again."""
        self._keep_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        if not self._ended:
            self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """The status is known from here on, unless it is an interim one."""
        status = self._parser.get_status_code()
        if status >= 200 or status == 101:
            self._status = self._status or status
        elif not self._ended:
            self._headers.clear()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if not self._ended:
            self._body += body

    def on_message_complete(self) -> None:
        """The end of a reply, the first that is not interim being the one."""
        if self._status is not None and not self._ended:
            self._ended = True
            self._keep_alive = self._parser.should_keep_alive()


def decompressed(reply: WireReply) -> WireReply:
    """A reply that was compressed unasked; incomplete where it does not decompress within bounds."""
    wbits = {"gzip": 31, "deflate": 15}.get((reply.header("content-encoding") or "").strip().lower())
    if wbits is None:
        return reply
    stream = zlib.decompressobj(wbits)
    try:
        body = stream.decompress(reply.body, MAX_REPLY_BYTES)
    except zlib.error:
        return WireReply(reply.status, reply.headers, reply.body, complete=False)
    return WireReply(reply.status, reply.headers, body, reply.complete and stream.eof)
