"""One HTTP/1.1 exchange as bytes in and bytes out, without I/O. Both transports share it.

httptools reads the replies: llhttp, the parser of Node.js, in its strict mode. It takes a tenth of the time of h11, the
parser in pure Python under httpx, which would cost more than the rest of the exchange.
"""

from __future__ import annotations

import re
import zlib
from math import inf
from typing import TYPE_CHECKING, Any, Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from refundry.interruption import pass_through
from refundry.transport.failures import Unsendable, clear_variables, is_permanent, words_for
from refundry.wire import MAX_REPLY_BYTES, USER_AGENT, Evidence, SecretBytes, SendFailure, WireReply, WireRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MOST_BYTES: Final = MAX_REPLY_BYTES + 64 * 1024  # of a reply and its head
_START: Final = b"HTTP/1."
_VERSIONS: Final = ("1.0", "1.1")
# A server that sends a body after one of them all the same would have it read as the start of the next reply.
_WITHOUT_BODY: Final = frozenset({101, 204, 304})
_SECONDS_KEPT: Final = re.compile(r"timeout\s*=\s*\"?(\d+)", re.IGNORECASE)


def request_bytes(request: WireRequest) -> SecretBytes:
    """The whole request. Its progress is MAYBE_SENT from here on, so the caller writes the bytes at once.

    Raises Unsendable where the head holds a line break, a NUL or a character that is not ASCII.
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


def _keeping_error(callback: Callable[..., None]) -> Callable[..., None]:
    """A callback of the parser whose exception the reply keeps.

    The parser raises its own error for it, with the exception as the context. Where the caller of the parser handles
    another exception, Python sets that one as the context instead.
    """

    def keeping_error(reply: Reply, *arguments: Any) -> None:
        try:
            callback(reply, *arguments)
        except BaseException as error:
            reply.callback_error = error
            raise

    return keeping_error


class Reply:
    """The reply that is being received. It leaves out interim replies (1xx)."""

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
        self._in_doubt = False
        self._keep_alive = False
        self.callback_error: BaseException | None = None
        self.on_body: Callable[[bytes], None] = (
            self._body.extend
        )  # the parser finds its callbacks by name: this one and the methods below
        self._parser = HttpResponseParser(self)

    def receive(self, data: bytes) -> bool:
        """Read what came from the socket, b"" for the end of the stream. True where nothing more is needed."""
        if not data:
            # A body without a length ends with the stream. It looks the same where it was cut off.
            if self._status is not None and not self._has_length():
                self._end()
            return True
        if self._received < len(_START) and not self._starts_well(data):
            return self._unreadable(None)
        room = _MOST_BYTES - self._received
        self._received += len(data)
        try:
            self._parser.feed_data(data if len(data) <= room else data[:room])
        except (HttpParserError, HttpParserUpgrade) as error:
            pass_through(self.callback_error or error.__context__ or error)
            return self._unreadable(error)
        if len(data) > room:
            self._keep_alive = False
            return True
        return self._ended

    def fail(self, failure: str, cause: BaseException) -> None:
        """Nothing more can come, for this reason."""
        self._failure, self._cause = failure, cause
        self._keep_alive = False

    def seconds_to_keep(self) -> float:
        """For how many seconds the connection can carry another exchange: zero for none, infinite without a limit."""
        if not (self._ended and self._keep_alive):
            return 0.0
        said = next((_SECONDS_KEPT.search(value) for name, value in self._headers if name == "keep-alive"), None)
        # One second less: a request may be on its way for as long.
        return float(said[1]) - 1.0 if said else inf

    def answer(self) -> WireReply | SendFailure:
        """What is known once nothing more comes. Only for a request of which a byte may have left."""
        self.__dict__.pop("_parser", None)  # the parser and this object hold each other
        if self._status is None:
            return SendFailure(Evidence.MAYBE_SENT, self._failure, cause=self._cause)
        if not self._ended:
            self._length = len(self._body)
        ended = self._ended and not self._in_doubt
        complete = ended and self._length <= MAX_REPLY_BYTES and self._received <= _MOST_BYTES
        body = bytes(self._body[: min(self._length, MAX_REPLY_BYTES)])
        return decompressed(WireReply(self._status, tuple(self._headers), body, complete))

    def _starts_well(self, data: bytes) -> bool:
        """Whether it can be HTTP/1: the parser reads other protocols and versions, too."""
        if not self._received and data.startswith(_START):
            return True
        self._start += data[: len(_START) - self._received]
        return _START.startswith(self._start)

    def _unreadable(self, cause: BaseException | None) -> bool:
        self._failure, self._cause = "what came back is not HTTP", cause
        self._keep_alive = False
        return True

    def _has_length(self) -> bool:
        return any(name in ("content-length", "transfer-encoding") for name, _ in self._headers)

    def _end(self) -> None:
        self._length = len(self._body)
        self._ended = True

    @_keeping_error
    def on_message_begin(self) -> None:
        """After a second reply to one request the connection is not used again."""
        self._keep_alive = False

    @_keeping_error
    def on_header(self, name: bytes, value: bytes) -> None:
        """One header. After the head it is a trailer, and left out."""
        if self._status is None:
            self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    @_keeping_error
    def on_headers_complete(self) -> None:
        """The status, unless the reply is an interim one."""
        version = self._parser.get_http_version()
        if version not in _VERSIONS:
            raise ValueError("another version of HTTP")
        status = self._parser.get_status_code()
        if self._status is None and (status >= 200 or status == 101):
            self._status = status
            self._in_doubt = is_framing_in_doubt(self._headers, version)
        elif self._status is None:
            self._headers.clear()

    @_keeping_error
    def on_message_complete(self) -> None:
        """The end of a reply. The first that is not interim is the reply to the request."""
        if self._status is not None and not self._ended:
            self._end()
            keeps = not self._in_doubt and self._status not in _WITHOUT_BODY
            self._keep_alive = keeps and self._parser.should_keep_alive()


def is_framing_in_doubt(headers: Sequence[tuple[str, str]], version: str) -> bool:
    """Whether two readers may disagree on where the body ends, by RFC 9112, section 6.1.

    So it is with a transfer coding beside a length or in HTTP/1.0, and with any other coding than one `chunked`.
    """
    codings = [value.strip().lower() for name, value in headers if name == "transfer-encoding"]
    if not codings:
        return False
    return codings != ["chunked"] or version == "1.0" or any(name == "content-length" for name, _ in headers)


def decompressed(reply: WireReply) -> WireReply:
    """The reply with its body decompressed: incomplete where that fails, or gives more than MAX_REPLY_BYTES.

    Bytes after the end of the compressed data may belong to the body, as a second member of gzip does.
    """
    wbits = {"gzip": 31, "deflate": 15}.get((reply.header("content-encoding") or "").strip().lower())
    if wbits is None or not reply.body:
        return reply
    stream = zlib.decompressobj(wbits)
    try:
        body = stream.decompress(reply.body, MAX_REPLY_BYTES)
    except zlib.error as error:
        pass_through(error)
        return WireReply(reply.status, reply.headers, reply.body, complete=False)
    return WireReply(reply.status, reply.headers, body, reply.complete and stream.eof and not stream.unused_data)


def outcome_of_error(error: BaseException, request: WireRequest, reply: Reply) -> WireReply | SendFailure:
    """What is known of a request whose exchange ended with this error. Raises the error where it interrupted the call.

    Before the first byte nothing was sent, whatever the class of the error. After it the reply decides.
    """
    clear_variables(error)
    pass_through(error)
    if request.progress.evidence is Evidence.NOT_SENT:
        return SendFailure(Evidence.NOT_SENT, words_for(error), is_permanent(error), cause=error)
    reply.fail(words_for(error), error)
    return reply.answer()
