"""What each parser reads of a reply, from its bytes and the end of the stream."""

from __future__ import annotations

import io
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

import h11
import httptools
from urllib3.connection import HTTPConnection

from refundry.transport.http11 import Reply
from refundry.wire import WireReply
from scripts.wire.cases import BODY, Case

_READ_BYTES: Final = 64 * 1024


class Verdict(StrEnum):
    """What a parser makes of a reply to a POST."""

    REFUSED = "refused"
    """It reads no reply."""
    CUT = "cut"
    """It reads a status, and says that the body is not whole."""
    EMPTY = "no body"
    """It reads a status, and says that the body is whole and has no bytes."""
    OTHER = "other bytes"
    """It reads a status and a whole body, with other bytes than those of the case's body."""
    BODY = "the body"
    """It reads a status and the case's body."""
    NOT_ASKED = "n/a"
    """The body has a content coding, which this parser leaves to its callers."""


def _of(body: bytes | None) -> Verdict:
    if body is None:
        return Verdict.CUT
    if not body:
        return Verdict.EMPTY
    return Verdict.BODY if body.rstrip() == BODY else Verdict.OTHER


def of_h11(case: Case) -> Verdict:
    """What h11 reads, the parser under httpx."""
    if case.decodes:
        return Verdict.NOT_ASKED
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("Host", "provider"), ("Content-Length", "0")]))
    connection.send(h11.EndOfMessage())
    body = bytearray()
    answered = False
    try:
        for data in (case.reply, b""):
            if data or not answered or connection.their_state is h11.SEND_BODY:
                connection.receive_data(data)
            while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Response):
                    answered = True
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    return _of(bytes(body))
                elif isinstance(event, h11.ConnectionClosed):
                    return Verdict.REFUSED
    except h11.RemoteProtocolError:
        pass
    return Verdict.CUT if answered else Verdict.REFUSED


class _Socket:
    """The socket of a server that has sent its reply already."""

    def __init__(self, reply: bytes) -> None:
        self._reply = reply

    def sendall(self, data: bytes) -> None:
        """Take the request."""

    def makefile(self, mode: str) -> io.BufferedReader:
        """The reply, as a file."""
        return io.BufferedReader(io.BytesIO(self._reply))

    def settimeout(self, seconds: float | None) -> None:
        """Ignore the limit."""

    def close(self) -> None:
        """Close nothing."""


def of_urllib3(case: Case) -> Verdict:
    """What urllib3 reads, on the http.client of this Python."""
    connection = HTTPConnection("provider")
    connection.sock = _Socket(case.reply)
    try:
        connection.request("POST", "/", body=b"", preload_content=False)
        reply = connection.getresponse()
    except Exception:  # noqa: BLE001 (http.client raises ValueError and others, too)
        return Verdict.REFUSED
    try:
        return _of(reply.read(4 << 20, decode_content=True))
    except Exception:  # noqa: BLE001
        return Verdict.CUT


class _Heard:
    """What llhttp calls back."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.headers: dict[bytes, bytes] = {}
        self.parser: Any = None
        self.status: int | None = None
        self.ended = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the last value of each name."""
        self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Keep the status of the first reply that is not an interim one."""
        status = self.parser.get_status_code()
        if status >= 200 or status == 101:
            self.status = self.status or status
        else:
            self.headers.clear()

    def on_body(self, data: bytes) -> None:
        """Keep the body of that reply."""
        if not self.ended:
            self.body += data

    def on_message_complete(self) -> None:
        """End that reply."""
        self.ended = self.ended or self.status is not None

    def needs_the_end(self) -> bool:
        """Whether the end of the stream ends the body. httptools does not pass it on to llhttp, which has this rule."""
        last_coding = self.headers.get(b"transfer-encoding", b"").rpartition(b",")[2].strip().lower()
        return last_coding != b"chunked" and (b"content-length" not in self.headers)


def of_llhttp(case: Case) -> Verdict:
    """What llhttp reads in its strict mode, by httptools."""
    if case.decodes:
        return Verdict.NOT_ASKED
    heard = _Heard()
    heard.parser = httptools.HttpResponseParser(heard)
    failed = False
    try:
        heard.parser.feed_data(case.reply)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        failed = True
    if heard.status is None:
        return Verdict.REFUSED
    if heard.ended or (not failed and heard.needs_the_end()):
        return _of(bytes(heard.body))
    return Verdict.CUT


def of_refundry(case: Case) -> Verdict:
    """What refundry's own transports read."""
    answer = _received(case).answer()
    if not isinstance(answer, WireReply):
        return Verdict.REFUSED
    return _of(answer.body) if answer.complete else Verdict.CUT


def keeps(case: Case) -> bool:
    """Whether refundry's own transports use the connection again, where the server leaves it open."""
    return not case.closes and _received(case).seconds_to_keep() > 0


def _received(case: Case) -> Reply:
    reply = Reply()
    for start in range(0, len(case.reply), _READ_BYTES):
        if reply.receive(case.reply[start : start + _READ_BYTES]):
            return reply
    reply.receive(b"")
    return reply


READERS: Final[dict[str, Callable[[Case], Verdict]]] = {
    "h11": of_h11,
    "urllib3": of_urllib3,
    "llhttp": of_llhttp,
    "refundry": of_refundry,
}
