"""The reader of HTTP replies. Where it and h11 both read a whole body, they read the same one.

An input is a byte for the size of the parts in which the reply arrives, and the reply.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Final

import h11

from refundry.transport.http11 import Reply
from refundry.wire import MAX_REPLY_BYTES, WireReply
from scripts.fuzz.target import Broken, Target
from scripts.wire.cases import CASES

_LONGEST: Final = 4096


def read(data: bytes) -> Hashable:
    """Receive the reply of the input, whole and in parts; return what is read of it."""
    size, reply = (data[0] if data else 0) % 64 + 1, data[1:]
    whole, keeps = _received([reply])
    in_parts, keeps_in_parts = _received([reply[at : at + size] for at in range(0, len(reply), size)])
    if whole != in_parts:
        raise Broken(f"{reply!r} is read as {whole!r}, and in parts of {size} as {in_parts!r}")
    if not isinstance(whole, WireReply):
        return (whole, keeps, keeps_in_parts)
    if len(whole.body) > MAX_REPLY_BYTES:
        raise Broken(f"{len(whole.body)} bytes are read of {reply!r}")
    if (keeps or keeps_in_parts) and whole.status in (101, 204, 304):
        raise Broken(f"the connection is kept after {reply!r}")
    coded = whole.header("content-encoding") is not None
    by_h11 = _by_h11(reply)
    if whole.complete and not coded and by_h11 is not None:
        body, after = by_h11
        if body != whole.body:
            raise Broken(f"the body of {reply!r} is {whole.body!r}, and by h11 {body!r}")
        if keeps and after.strip(b"\r\n"):
            raise Broken(f"the connection is kept after {reply!r}, with {after!r} after it")
    return (whole.status, whole.headers, whole.body, whole.complete, keeps, keeps_in_parts)


def _received(parts: list[bytes]) -> tuple[WireReply | str, bool]:
    reply = Reply()
    for part in parts:
        if part and reply.receive(part):
            break
    else:
        reply.receive(b"")
    keeps = reply.seconds_to_keep() > 0
    answer = reply.answer()
    return (answer if isinstance(answer, WireReply) else f"{answer.evidence}: {answer.detail}"), keeps


def _by_h11(reply: bytes) -> tuple[bytes, bytes] | None:
    """The body that h11 reads, and the bytes after it; None where it reads no whole reply."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("Host", "provider"), ("Content-Length", "0")]))
    connection.send(h11.EndOfMessage())
    body = bytearray()
    try:
        for data in filter(None, (reply, b"end")):
            connection.receive_data(b"" if data == b"end" else data)
            while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    return bytes(body), bytes(connection.trailing_data[0])
                elif isinstance(event, h11.ConnectionClosed):
                    return None
    except h11.ProtocolError:
        pass
    return None


def seeds() -> Iterator[bytes]:
    """Yield the replies that other parsers test themselves with."""
    for case in CASES:
        if len(case.reply) < _LONGEST:
            yield b"\x0c" + case.reply


def words() -> set[bytes]:
    """Return what a head and a chunk are made of."""
    return {
        *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 ", b"100", b"103", b"204", b"304", b"101", b"\r\n\r\n", b"\r\n", b"\n"),
        *(b"Content-Length: ", b"Transfer-Encoding: ", b"chunked", b"identity", b"gzip", b"deflate", b"0\r\n\r\n"),
        *(b"Content-Encoding: ", b"Connection: ", b"close", b"keep-alive", b"Keep-Alive: timeout=5", b"Upgrade: h2c"),
        *(b"3d\r\n", b";name=value", b"ffffffffffffffff", b"+", b"-", b"0x", b"_", b"\0", b"\x0b", b": ", b" :"),
    }


TARGET: Final = Target(read, seeds, words, longest=_LONGEST)
