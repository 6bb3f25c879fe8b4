"""One HTTP/1.1 exchange as bytes in and bytes out, without I/O: a thread and an event loop share it.

Replies are read by httptools, the parser of Node.js, in its strict form. It takes a tenth of the time of the parser
in pure Python that httpx and httpcore are built on; with that one, reading HTTP costs more than all the rest.
"""

from __future__ import annotations

import re
import zlib
from math import inf
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from refundry.interruption import pass_through
from refundry.wire import MAX_REPLY_BYTES, USER_AGENT, Evidence, SecretBytes, SendFailure, WireReply, WireRequest

if TYPE_CHECKING:
    from collections.abc import Callable

Arguments = ParamSpec("Arguments")

_MOST_BYTES: Final = MAX_REPLY_BYTES + 64 * 1024  # of a reply with its head
_START: Final = b"HTTP/1."
_SECONDS_KEPT: Final = re.compile(r"timeout\s*=\s*\"?(\d+)", re.IGNORECASE)


class Unsendable(Exception):
    """The request cannot be sent, for a reason that sending it again does not mend. The text says it, and no secret."""


def begun(request: WireRequest) -> SecretBytes:
    """The request as bytes, which are to be written at once: from here on, some of it may have left.

    Raises Unsendable for one with a line break or a NUL in its head, or with anything that is not ASCII.
    """
    lines = [
        f"{request.method} {request.target} HTTP/1.1",
        f"Host: {request.origin.partition('://')[2]}",
        f"User-Agent: {USER_AGENT}",
        "Accept-Encoding: identity",
        *[f"{name}: {value}" for name, value in request.headers],
        *[f"{name}: {secret.reveal()}" for name, secret in request.credentials],
        f"Content-Length: {len(request.body)}",
    ]
    head = "\r\n".join(lines)
    breaks = len(lines) - 1
    if head.count("\n") != breaks or head.count("\r") != breaks or "\0" in head or not head.isascii():
        raise Unsendable("HTTP cannot carry the request")
    whole = SecretBytes(b"%b\r\n\r\n%b" % (head.encode(), request.body))
    request.progress.evidence = Evidence.MAYBE_SENT
    return whole


def _remembering(
    called: Callable[Concatenate[Reply, Arguments], None],
) -> Callable[Concatenate[Reply, Arguments], None]:
    """What the parser calls. The parser raises an error of its own for what is raised here.

    It puts this behind its error, but where the caller is handling some exception, Python puts that one in its place.
    """

    def remembering(reply: Reply, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            called(reply, *args, **kwargs)
        except BaseException as error:
            reply.remember(error)
            raise

    return remembering


class Reply:
    """What has come of the reply so far. Interim replies (1xx) are passed over."""

    def __init__(self) -> None:
        self._failure = "the connection was closed before a reply came"
        self._cause: BaseException | None = None
        self._received = 0
        self._start = b""
        self._status: int | None = None
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()
        self._length = 0
        self._ended = False
        self._keep_alive = False
        self._raised: BaseException | None = None
        self.on_body = self._body.extend  # what the parser calls; it finds this and the methods below by their names
        self._parser = HttpResponseParser(self)

    def take(self, data: bytes) -> bool:
        """Take what was received, b"" where the stream has ended. True where nothing more is needed, or can come."""
        if not data:
            # A body of no declared length ends with the stream, and cannot be told from one that was cut there.
            if self._status is not None and not self._has_length():
                self._end()
            return True
        if self._received < len(_START):  # the parser takes the replies of other protocols and versions too
            self._start += data[: len(_START) - self._received]
            if not _START.startswith(self._start):
                return self._unreadable(None)
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            pass_through(self._raised or error.__context__ or error)
            return self._unreadable(error)
        return self._ended or self._received > _MOST_BYTES

    def fail(self, failure: str, cause: BaseException) -> None:
        """Nothing more can be taken, for this reason."""
        self._failure, self._cause = failure, cause
        self._keep_alive = False

    def seconds_to_keep(self) -> float:
        """For how many seconds the connection can carry another exchange, zero where it cannot: infinite for many."""
        if not (self._ended and self._keep_alive):
            return 0.0
        said = next((_SECONDS_KEPT.search(value) for name, value in self._headers if name == "keep-alive"), None)
        # One second less, for that is how long a request may be on its way.
        return float(said[1]) - 1.0 if said else inf

    def answer(self) -> WireReply | SendFailure:
        """What is known, once nothing more is taken. Only for a request of which a byte may have left."""
        self.__dict__.pop("_parser", None)  # it holds this object, and this object it
        if self._status is None:
            return SendFailure(Evidence.MAYBE_SENT, self._failure, cause=self._cause)
        if not self._ended:
            self._length = len(self._body)
        complete = self._ended and self._length <= MAX_REPLY_BYTES and self._received <= _MOST_BYTES
        body = bytes(self._body[: min(self._length, MAX_REPLY_BYTES)])
        return decompressed(WireReply(self._status, tuple(self._headers), body, complete))

    def remember(self, error: BaseException) -> None:
        """What was raised within the parser."""
        self._raised = error

    def _unreadable(self, cause: BaseException | None) -> bool:
        self._failure, self._cause = "what came back is not HTTP", cause
        self._keep_alive = False
        return True

    def _has_length(self) -> bool:
        return any(name in ("content-length", "transfer-encoding") for name, _ in self._headers)

    def _end(self) -> None:
        self._length = len(self._body)
        self._ended = True

    @_remembering
    def on_message_begin(self) -> None:
        """A second reply to one request is no reason to use the connection again."""
        self._keep_alive = False

    @_remembering
    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; what comes after the head is a trailer, and no header."""
        if self._status is None:
            self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    @_remembering
    def on_headers_complete(self) -> None:
        """The status is known from here on, unless it is an interim one."""
        if self._parser.get_http_version() not in ("1.0", "1.1"):
            raise ValueError("another version of HTTP")
        status = self._parser.get_status_code()
        if status >= 200 or status == 101:
            self._status = self._status or status
        elif self._status is None:
            self._headers.clear()

    @_remembering
    def on_message_complete(self) -> None:
        """The end of a reply, the first that is not interim being the one."""
        if self._status is not None and not self._ended:
            self._end()
            self._keep_alive = self._parser.should_keep_alive()


def decompressed(reply: WireReply) -> WireReply:
    """A reply that was compressed unasked; incomplete where it does not decompress within bounds."""
    wbits = {"gzip": 31, "deflate": 15}.get((reply.header("content-encoding") or "").strip().lower())
    if wbits is None or not reply.body:
        return reply
    stream = zlib.decompressobj(wbits)
    try:
        body = stream.decompress(reply.body, MAX_REPLY_BYTES)
    except zlib.error as error:
        pass_through(error)
        return WireReply(reply.status, reply.headers, reply.body, complete=False)
    return WireReply(reply.status, reply.headers, body, reply.complete and stream.eof)
