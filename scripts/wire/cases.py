"""The replies, as bytes. Each is a case that the tests of h11, urllib3 or llhttp have, with a body of ours."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from typing import Final

BODY: Final = b'{"code":"BYRD200","isoAmount":100,"transactionId":"refund-1"}'
"""A body that says money was refunded: a parser that reads it where it should not does harm."""

_SIZE: Final = b"%x" % len(BODY)
_CHUNKS: Final = b"%b\r\n%b\r\n0\r\n\r\n" % (_SIZE, BODY)
_LENGTH: Final = f"Content-Length: {len(BODY)}"
_CHUNKED: Final = "Transfer-Encoding: chunked"


@dataclass(frozen=True)
class Case:
    """One reply. `closes` says that the server closes the connection after it; else it goes on listening.

    `decodes` marks a body with a content coding, which h11 and llhttp leave to their callers.
    """

    area: str
    name: str
    reply: bytes
    closes: bool = False
    decodes: bool = False


def _head(*headers: str, line: str = "HTTP/1.1 200 OK", end: str = "\r\n") -> bytes:
    return end.join([line, *headers, "", ""]).encode("latin-1")


def _with_line(line: str) -> bytes:
    return _head(_LENGTH, line=line) + BODY


def _with_length(value: str) -> bytes:
    return _head(f"Content-Length: {value}") + BODY


def _with_header(header: str) -> bytes:
    return _head(header, _LENGTH) + BODY


def _with_codings(*values: str, body: bytes = _CHUNKS) -> bytes:
    return _head(*(f"Transfer-Encoding: {value}" for value in values)) + body


def _with_size(size: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return _head(_CHUNKED) + size + b"\r\n" + BODY + b"\r\n" + end


def _coded(coding: str, body: bytes) -> bytes:
    return _head(f"Content-Encoding: {coding}", f"Content-Length: {len(body)}") + body


def _raw_deflated(body: bytes) -> bytes:
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(body) + made.flush()


_LINES: Final = {
    "a usual reply": "HTTP/1.1 200 OK",
    "no reason": "HTTP/1.1 200",
    "an empty reason": "HTTP/1.1 200 ",
    "two spaces before the reason": "HTTP/1.1 200  OK",
    "a reason beyond ASCII": "HTTP/1.1 200 Fran\xe7ais",
    "a tab in the reason": "HTTP/1.1 200 O\tK",
    "a NUL in the reason": "HTTP/1.1 200 OK\0",
    "two spaces before the status": "HTTP/1.1  200 OK",
    "a tab before the status": "HTTP/1.1\t200 OK",
    "a status of one digit": "HTTP/1.1 2 OK",
    "a status of four digits": "HTTP/1.1 2000 OK",
    "a status with a sign": "HTTP/1.1 +20 OK",
    "a status of letters": "HTTP/1.1 OK 200",
    "a status below 100": "HTTP/1.1 099 OK",
    "a status above 599": "HTTP/1.1 999 OK",
    "no status": "HTTP/1.1",
    "no version": "HTTP 200 OK",
    "a version of one number": "HTTP/1 200 OK",
    "a major version of two digits": "HTTP/01.1 200 OK",
    "a minor version of two digits": "HTTP/1.01 200 OK",
    "version 0.9": "HTTP/0.9 200 OK",
    "version 1.2": "HTTP/1.2 200 OK",
    "version 2.0": "HTTP/2.0 200 OK",
    "version 5.6": "HTTP/5.6 200 OK",
    "the protocol in lower case": "http/1.1 200 OK",
    "a protocol with a letter left out": "HTP/1.1 200 OK",
    "a protocol that goes on": "HTTPER/1.1 200 OK",
    "RTSP": "RTSP/1.1 200 OK",
    "ICE": "ICE/1.1 200 OK",
    "a request in place of a reply": "POST / HTTP/1.1",
}
_LENGTHS: Final = {
    "with spaces around it": f"  {len(BODY)}  ",
    "with tabs around it": f"\t{len(BODY)}\t",
    "with zeros before it": f"000{len(BODY)}",
    "with a plus": f"+{len(BODY)}",
    "below zero": f"-{len(BODY)}",
    "with a fraction": f"{len(BODY)}.0",
    "in hexadecimal": f"0x{len(BODY):x}",
    "with an underscore": "6_1",
    "with a space inside": "6 1",
    "that is a word": "many",
    "that is empty": "",
    "that is a list of equals": f"{len(BODY)}, {len(BODY)}",
    "that is a list of two": f"{len(BODY)}, 5",
    "of other digits": "\xb2\xb3",
    "beyond 64 bits": "18446744073709551677",
    "too long by one": f"{len(BODY) + 1}",
    "of zero, and a body": "0",
}
_CODINGS: Final = {
    "in upper case": ("CHUNKED",),
    "with spaces around it": ("  chunked  ",),
    "that is empty": ("",),
    "after identity": ("identity, chunked",),
    "after gzip": ("gzip, chunked",),
    "before gzip": ("chunked, gzip",),
    "before identity, in a second header": ("chunked", "identity"),
    "twice in a list": ("chunked, chunked",),
    "in two headers": ("chunked", "chunked"),
    "written twice without a comma": ("chunkedchunked",),
    "with a parameter": ("chunked;q=1",),
    "with a vertical tab before it": ("\x0bchunked",),
    "after an empty element": (", chunked",),
    "in quotes": ('"chunked"',),
    "that nobody knows": ("pigeons",),
    "of identity": ("identity",),
}
_SIZES: Final = {
    "in upper case": _SIZE.upper(),
    "with zeros before it": b"000" + _SIZE,
    "with 40 zeros before it": b"0" * 40 + _SIZE,
    "with a space after it": _SIZE + b" ",
    "with a tab after it": _SIZE + b"\t",
    "with a space before it": b" " + _SIZE,
    "with a plus": b"+" + _SIZE,
    "below zero": b"-" + _SIZE,
    "that begins with 0x": b"0x" + _SIZE,
    "with an underscore": b"3_d",
    "with a NUL after it": _SIZE + b"\0",
    "that is a word": b"many",
    "that is empty": b"",
    "beyond 64 bits": b"1000000000000003d",
    "of 100 digits": b"9" * 100,
    "with an extension": _SIZE + b";name=value",
    "with an extension in quotes": _SIZE + b';name="a; b"',
    "with an extension of a name alone": _SIZE + b";name",
    "with a space before the extension": _SIZE + b" ; name=value",
    "with an extension after a space": _SIZE + b" name",
    "with an empty extension": _SIZE + b";",
    "with an open quote in the extension": _SIZE + b';name="a',
    "with a bare LF in the extension": _SIZE + b";na\nme",
    "that is too small": b"5",
    "that is too large by one": b"%x" % (len(BODY) + 1),
}
_FIELDS: Final = {
    "without a value": "X-A:",
    "of spaces alone": "X-A:  \t ",
    "without a space after the colon": "X-A:b",
    "with a value beyond ASCII": "X-A: \xe4\xf6\xff",
    "with a NUL in the value": "X-A: a\0b",
    "with a control character in the value": "X-A: a\x07b",
    "with DEL in the value": "X-A: a\x7fb",
    "with a bare CR in the value": "X-A: a\rb",
    "with a header after a bare CR": "X-A: a\rContent-Length: 5",
    "with a space before the colon": "X-A : b",
    "with a tab before the colon": "X-A\t: b",
    "with a space in the name": "X A: b",
    "with a NUL in the name": "X\0A: b",
    "with a name beyond ASCII": "X\xe4: b",
    "with an underscore in the name": "X_A: b",
    "with a name in brackets": "[X]: b",
    "without a colon": "X-A",
    "without a name": ": b",
    "folded by a space": "X-A: a\r\n b",
    "folded by a tab": "X-A: a\r\n\tb",
    "whose fold looks like a length": "X-A: a\r\n Content-Length: 5",
    "that is a fold of the status line": " X-A: b",
    "whose name only begins like a length": "Content-Length-X: 5",
    "that asks for an upgrade": "Connection: upgrade\r\nUpgrade: h2c",
}


def _cases() -> dict[str, dict[str, bytes]]:
    """The replies after which the server goes on listening."""
    usual = _head(_LENGTH) + BODY
    gzipped, deflated = gzip.compress(BODY, mtime=0), zlib.compress(BODY)
    return {
        "status line": {name: _with_line(line) for name, line in _LINES.items()},
        "header": {name: _with_header(header) for name, header in _FIELDS.items()},
        "Content-Length": {name: _with_length(value) for name, value in _LENGTHS.items()}
        | {
            "twice, alike": _head(_LENGTH, _LENGTH) + BODY,
            "twice, unlike": _head(_LENGTH, "Content-Length: 5") + BODY,
            "with a space before the colon": _head(f"Content-Length : {len(BODY)}") + BODY,
            "beside chunks": _head(_LENGTH, _CHUNKED) + _CHUNKS,
            "after chunks, of zero": _head(_CHUNKED, "Content-Length: 0") + _CHUNKS,
            "beside identity": _head("Transfer-Encoding: identity", _LENGTH) + BODY,
            "beside an empty Transfer-Encoding": _head("Transfer-Encoding:", _LENGTH) + BODY,
        },
        "Transfer-Encoding": {name: _with_codings(*values) for name, values in _CODINGS.items()}
        | {
            "folded": _head("Transfer-Encoding:\r\n chunked") + _CHUNKS,
            "chunked in HTTP/1.0": _head(_CHUNKED, line="HTTP/1.0 200 OK") + _CHUNKS,
        },
        "chunk size": {name: _with_size(size) for name, size in _SIZES.items()},
        "chunks": {
            "two": _head(_CHUNKED) + b"5\r\n%b\r\n38\r\n%b\r\n0\r\n\r\n" % (BODY[:5], BODY[5:]),
            "a last size of three zeros": _with_size(_SIZE, b"000\r\n\r\n"),
            "a last chunk with an extension": _with_size(_SIZE, b"0;name=value\r\n\r\n"),
            "a trailer": _with_size(_SIZE, b"0\r\nX-A: b\r\n\r\n"),
            "a trailer that is a length": _with_size(_SIZE, b"0\r\nContent-Length: 5\r\n\r\n"),
            "a trailer without a colon": _with_size(_SIZE, b"0\r\nX-A\r\n\r\n"),
            "other bytes in place of the CRLF": _head(_CHUNKED) + _SIZE + b"\r\n" + BODY + b"__0\r\n\r\n",
            "an LF in place of the CRLF": _head(_CHUNKED) + _SIZE + b"\r\n" + BODY + b"\n0\r\n\r\n",
            "an LF after the size": _head(_CHUNKED) + _SIZE + b"\n" + BODY + b"\r\n0\r\n\r\n",
            "a CR without an LF after the size": _head(_CHUNKED) + _SIZE + b"\r" + BODY + b"\r\n0\r\n\r\n",
            "an LF at the very end": _with_size(_SIZE, b"0\r\n\n"),
        },
        "line ends": {
            "LF alone": _head(_LENGTH, end="\n") + BODY,
            "CR alone": _head(_LENGTH, end="\r") + BODY,
            "LF after the status line": b"HTTP/1.1 200 OK\n" + _LENGTH.encode() + b"\r\n\r\n" + BODY,
            "LF after a header": b"HTTP/1.1 200 OK\r\n" + _LENGTH.encode() + b"\n\r\n" + BODY,
            "LF after the head": b"HTTP/1.1 200 OK\r\n" + _LENGTH.encode() + b"\r\n\n" + BODY,
            "CR CR LF after the head": b"HTTP/1.1 200 OK\r\n" + _LENGTH.encode() + b"\r\n\r\r\n" + BODY,
            "an empty line before the reply": b"\r\n" + usual,
            "an LF before the reply": b"\n" + usual,
            "a space before the reply": b" " + usual,
        },
        "interim reply": {
            "100": _head(line="HTTP/1.1 100 Continue") + usual,
            "100 with a length": _head("Content-Length: 5", line="HTTP/1.1 100 Continue") + usual,
            "102 and 103": _head(line="HTTP/1.1 102 Processing") + _head(line="HTTP/1.1 103 Early Hints") + usual,
            "103 with a header": _head("Link: </a>", line="HTTP/1.1 103 Early Hints") + usual,
            "199": _head(line="HTTP/1.1 199 OK") + usual,
            "101 with an upgrade": _head("Connection: upgrade", "Upgrade: h2c", line="HTTP/1.1 101 Switching") + usual,
            "101 without an upgrade": _head(line="HTTP/1.1 101 Switching") + usual,
            "101 with a body": _head("Connection: upgrade", "Upgrade: h2c", _LENGTH, line="HTTP/1.1 101 Other") + BODY,
        },
        "no body allowed": {
            "204": _head(line="HTTP/1.1 204 No Content"),
            "204 with a length and a body": _head(_LENGTH, line="HTTP/1.1 204 No Content") + BODY,
            "204 with chunks": _head(_CHUNKED, line="HTTP/1.1 204 No Content") + _CHUNKS,
            "204 with another reply after it": _head(line="HTTP/1.1 204 No Content") + usual,
            "304 with a length": _head(_LENGTH, line="HTTP/1.1 304 Not Modified"),
            "304 with a length and a body": _head(_LENGTH, line="HTTP/1.1 304 Not Modified") + BODY,
        },
        "connection": {
            "close": _head("Connection: close", _LENGTH) + BODY,
            "close in upper case": _head("Connection: CLOSE", _LENGTH) + BODY,
            "close in a list": _head("Connection: x, close, y", _LENGTH) + BODY,
            "close and keep-alive": _head("Connection: close, keep-alive", _LENGTH) + BODY,
            "close in a second header": _head("Connection: keep-alive", "Connection: close", _LENGTH) + BODY,
            "a word that begins with close": _head("Connection: closer", _LENGTH) + BODY,
            "Proxy-Connection: close": _head("Proxy-Connection: close", _LENGTH) + BODY,
            "HTTP/1.0": _head(_LENGTH, line="HTTP/1.0 200 OK") + BODY,
            "HTTP/1.0 with keep-alive": _head("Connection: keep-alive", _LENGTH, line="HTTP/1.0 200 OK") + BODY,
        },
        "after the reply": {
            "a letter": usual + b"x",
            "an empty line": usual + b"\r\n",
            "a second reply": usual + usual.replace(b"refund-1", b"refund-9"),
            "a second reply after close": _head("Connection: close", _LENGTH) + BODY + usual,
            "bytes after the last chunk": _head(_CHUNKED) + _CHUNKS + b"more",
            "an interim reply": usual + _head(line="HTTP/1.1 103 Early Hints"),
        },
        "content coding": {
            "gzip": _coded("gzip", gzipped),
            "gzip in mixed case": _coded("GzIp", gzipped),
            "x-gzip": _coded("x-gzip", gzipped),
            "gzip of three members": _coded(
                "gzip", b"".join(gzip.compress(BODY[n : n + 25], mtime=0) for n in (0, 25, 50))
            ),
            "gzip and garbage after it": _coded("gzip", gzipped + b"more"),
            "gzip cut off": _coded("gzip", gzipped[:-9]),
            "gzip with a wrong checksum": _coded("gzip", gzipped[:-8] + b"\0\0\0\0" + gzipped[-4:]),
            "gzip that is none": _coded("gzip", BODY),
            "gzip of 64 MiB": _coded("gzip", gzip.compress(BODY.ljust(64 << 20), 9, mtime=0)),
            "gzip of an empty body": _coded("gzip", b""),
            "deflate": _coded("deflate", deflated),
            "deflate without the zlib header": _coded("deflate", _raw_deflated(BODY)),
            "deflate that is none": _coded("deflate", b"\0" * 10),
            "gzip twice": _coded("gzip, gzip", gzip.compress(gzipped, mtime=0)),
            "a coding that nobody knows": _coded("pigeons", BODY),
            "identity": _coded("identity", BODY),
        },
        "size of the head": {
            "a header of 16 KiB": _head("X-A: " + "x" * 16_384, _LENGTH) + BODY,
            "a header of 80 KiB": _head("X-A: " + "x" * 81_920, _LENGTH) + BODY,
            "a header of 2 MiB": _head("X-A: " + "x" * (2 << 20), _LENGTH) + BODY,
            "150 headers": _head(*["X-A: b"] * 150, _LENGTH) + BODY,
            "a reason of 80 KiB": _head(_LENGTH, line="HTTP/1.1 200 " + "x" * 81_920) + BODY,
        },
    }


def _closing() -> dict[str, dict[str, bytes]]:
    """The replies after which the server closes the connection."""
    chunked = _head(_CHUNKED)
    return {
        "end of the stream": {
            "before the reply": b"",
            "in the version": b"HTTP/1.",
            "in the status": b"HTTP/1.1 20",
            "after the status line": b"HTTP/1.1 200 OK\r\n",
            "in a header": b"HTTP/1.1 200 OK\r\nContent-Len",
            "before the empty line": b"HTTP/1.1 200 OK\r\n" + _LENGTH.encode() + b"\r\n",
            "after an interim reply": _head(line="HTTP/1.1 100 Continue"),
            "before a body with a length": _head(_LENGTH),
            "in a body with a length": (_head(_LENGTH) + BODY)[:-1],
            "before the first chunk": chunked,
            "in a chunk size": chunked + b"3",
            "in a chunk": chunked + _SIZE + b"\r\n" + BODY[:-1],
            "after a chunk": chunked + _SIZE + b"\r\n" + BODY,
            "before the last chunk": chunked + _SIZE + b"\r\n" + BODY + b"\r\n",
            "after the last size": chunked + _SIZE + b"\r\n" + BODY + b"\r\n0",
            "before the final CRLF": chunked + _SIZE + b"\r\n" + BODY + b"\r\n0\r\n",
            "in the final CRLF": chunked + _SIZE + b"\r\n" + BODY + b"\r\n0\r\n\r",
            "in a trailer": chunked + _SIZE + b"\r\n" + BODY + b"\r\n0\r\nX-A: ",
        },
        "body until the end of the stream": {
            "no length": _head() + BODY,
            "no length, and close": _head("Connection: close") + BODY,
            "no length, and keep-alive in HTTP/1.0": _head("Connection: keep-alive", line="HTTP/1.0 200 OK") + BODY,
            "no length, and an upgrade": _head("Connection: upgrade", "Upgrade: h2c") + BODY,
            "no length and no body": _head(),
            "a coding that nobody knows": _with_codings("pigeons", body=BODY),
            "chunks before gzip": _with_codings("chunked, gzip", body=BODY),
            "identity": _with_codings("identity", body=BODY),
            "no head": BODY,
        },
    }


CASES: Final[tuple[Case, ...]] = tuple(
    Case(area, name, reply, closes, decodes=area == "content coding")
    for closes, areas in ((False, _cases()), (True, _closing()))
    for area, replies in areas.items()
    for name, reply in replies.items()
)
