"""The provider as an ASGI and as a WSGI application, for any server. BOOK names the file of its record.

Each reply comes in one of three shapes in turn: of declared length and whole, of declared length in two parts, and
chunked in two.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.servers.provider import Provider, body_in_parts

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

_provider = Provider(Path(os.environ["BOOK"]))
_numbers = itertools.count()

_Message = MutableMapping[str, Any]


async def asgi(
    scope: _Message, receive: Callable[[], Awaitable[_Message]], send: Callable[[_Message], Awaitable[None]]
) -> None:
    """Answer an HTTP request, and take part in the start and the end of the server."""
    if scope["type"] == "lifespan":
        for _ in range(2):
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
        return
    query = scope["query_string"].decode()
    target = scope["path"] + (f"?{query}" if query else "")
    key = dict(scope["headers"]).get(b"idempotency-key")
    answer = _provider.answer(scope["method"], target, key and key.decode(), await _body(receive))
    await asyncio.sleep(answer.seconds)
    length, parts = body_in_parts(answer, next(_numbers))
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
    headers += [] if length is None else [(b"content-length", str(length).encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})


async def _body(receive: Callable[[], Awaitable[_Message]]) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body", False):
            return body


def wsgi(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """Answer an HTTP request."""
    query = environ["QUERY_STRING"]
    target = environ["PATH_INFO"] + (f"?{query}" if query else "")
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    answer = _provider.answer(environ["REQUEST_METHOD"], target, environ.get("HTTP_IDEMPOTENCY_KEY"), body)
    time.sleep(answer.seconds)
    length, parts = body_in_parts(answer, next(_numbers))
    declared = [] if length is None else [("Content-Length", str(length))]
    start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", [*answer.headers, *declared])
    return parts
