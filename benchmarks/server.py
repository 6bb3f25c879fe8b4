"""A provider on this machine that costs little: any refund at Paybyrd succeeds. `python -m benchmarks.server`.

It checks no request: the benchmark measures the client. The sandbox checks requests.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import ssl
import sys
from pathlib import Path

_SIZE = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)", re.IGNORECASE)
_TARGET = re.compile(rb"POST /api/v2/refund/([!-.0-~]+) ")
_AMOUNT = re.compile(rb'"isoAmount": ?([0-9]+)')

_HEAD = "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n"
_LAST = "Connection: close\r\n"
# Two decimals, as the euro has.
_BODY = (
    '{{"isoAmount":{0},"amount":"{1}.{2:02}","code":"BYRD200","description":"Operation successfully completed",'
    '"sourceTransaction":{{"isoAmount":{3},"isoRefundedAmount":{0},"isoRemainingAmount":{4},"transactionId":"{5}"}},'
    '"transactionId":"refund-{5}"}}'
)
_REFUSED = '{"code":"BYRD900","description":"Invalid input"}'


def request_size(received: bytes) -> int | None:
    """The length of the request at the start of `received`, in bytes. None while its head is incomplete."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    length = _SIZE.search(received, 0, end)
    return end + 4 + (int(length[1]) if length else 0)


def answer(request: bytes, *, is_last: bool = False) -> bytes:
    """The reply to one whole request: the refund, or 400 where it is no request for a refund.

    `is_last` says in the reply that the connection ends with it.
    """
    target = _TARGET.match(request)
    amount = _AMOUNT.search(request, request.find(b"\r\n\r\n"))
    if target is None or amount is None:
        return (_HEAD.format(400, "Bad Request", len(_REFUSED), "") + _REFUSED).encode()
    units = int(amount[1])
    body = _BODY.format(units, units // 100, units % 100, 3 * units, 2 * units, target[1].decode())
    return (_HEAD.format(200, "OK", len(body), _LAST if is_last else "") + body).encode()


class _Connection(asyncio.Protocol):
    closes = False

    def __init__(self) -> None:
        self._pending = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        data = self._pending + data
        while (size := request_size(data)) is not None and size <= len(data):
            self._transport.write(answer(data[:size], is_last=self.closes))
            data = data[size:]
            if self.closes:
                self._transport.close()
                return
        self._pending = data


class _Closing(_Connection):
    closes = True


async def _serve(seconds: float, certificate: Path | None) -> None:
    loop = asyncio.get_running_loop()
    served: dict[str, tuple[type[_Connection], ssl.SSLContext | None]] = {"http": (_Connection, None)}
    if certificate is not None:
        secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        secure.load_cert_chain(certificate)
        served |= {"https": (_Connection, secure), "closing": (_Closing, secure)}
    ports = {}
    for name, (protocol, context) in served.items():
        server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=context, backlog=256)
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await asyncio.sleep(seconds)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="how long to serve at the most (default: 300)")
    parser.add_argument(
        "--certificate", type=Path, metavar="FILE", help="serve https too, with this PEM file of key and certificates"
    )
    options = parser.parse_args()
    asyncio.run(_serve(options.seconds, options.certificate))
    return 0


if __name__ == "__main__":
    sys.exit(main())
