"""Fetches the published page of a provider, within bounds: a page that cannot be had is "not seen", never "unchanged".

httpx does it, because the generated clients depend on it already. What it has no setting for stands here: a time for
the whole, a size for what comes, and the host that a redirect may lead to.
"""

import asyncio
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx

from refundry.validation import is_loopback
from scripts.contracts.errors import one_line, short

SECONDS = 20.0
BYTES = 16 * 1024 * 1024
_REDIRECTS = 5
_REDIRECTING = frozenset({301, 302, 303, 307, 308})
# A page as Markdown, or the OpenAPI document itself.
_ACCEPT = "text/markdown, application/yaml;q=0.9, application/json;q=0.9, text/plain;q=0.8"
# Compressed replies are asked not to come: a small one can be a very large page.
_HEADERS = {"Accept": _ACCEPT, "Accept-Encoding": "identity", "User-Agent": "refundry-update"}
_BLOCKED = {
    401: "it asks for a sign-in",
    403: "it is blocked",
    407: "a proxy asks for a sign-in",
    429: "it is blocked for now, because it was asked too often",
    451: "it is blocked",
    503: "it is blocked or out of order",
}
_BY_HAND = 'save the page in a browser and give the file, or write `fetch = "by hand"` in source.toml'


class NotSeen(Exception):
    """A page that could not be had, or that is not the page that was asked for. One line: place, problem, remedy."""


@dataclass(frozen=True)
class _Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


def fetch(address: str, seconds: float = SECONDS, most: int = BYTES) -> bytes:
    """Return the page at `address`, decompressed.

    Follows redirects on the same host alone, sends no cookies and keeps none. Takes `seconds` in all and reads `most`
    bytes. Raises NotSeen for everything else than a page of text, and for HTML.
    """
    if not _is_safe(address):
        raise NotSeen(f"{address}: it is no https address; give an https address, or the path of the saved page")
    try:
        return asyncio.run(_within(address, seconds, most))
    except TimeoutError:
        raise NotSeen(f"{address}: nothing whole came within {seconds:g} s; try again later, or {_BY_HAND}") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        said = short(str(error)) or type(error).__name__
        raise NotSeen(f"{address}: {said}; check the address and the network, or {_BY_HAND}") from error


async def _within(address: str, seconds: float, most: int) -> bytes:
    async with asyncio.timeout(seconds):
        return await _page(address, most, seconds)


async def _page(address: str, most: int, seconds: float) -> bytes:
    at = address
    for _ in range(_REDIRECTS + 1):
        reply = await _get(at, most, seconds)
        if reply.status not in _REDIRECTING or "location" not in reply.headers:
            return _text(at, reply)
        target = urljoin(at, reply.headers["location"])
        if _origin(target) != _origin(at):
            problem = f"it redirects to another host, {short(urlsplit(target).netloc)}: moved, or a sign-in"
            raise NotSeen(f"{at}: {problem}; if the page has moved, write its address as `fetch` in source.toml")
        at = target
    raise NotSeen(f"{address}: it redirects more than {_REDIRECTS} times; {_BY_HAND}")


async def _get(address: str, most: int, seconds: float) -> _Reply:
    # A client for each request: it keeps the cookies of a reply for the next one.
    async with (
        httpx.AsyncClient(timeout=seconds, headers=_HEADERS) as client,
        client.stream("GET", address) as response,
    ):
        raw = bytearray()
        async for part in response.aiter_raw(65536):
            raw += part
            if len(raw) > most:
                raise _too_large(address, most)
        return _Reply(response.status_code, response.headers, _decompressed(address, response, bytes(raw), most))


def _decompressed(address: str, response: httpx.Response, raw: bytes, most: int) -> bytes:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        return raw
    if encoding not in ("gzip", "x-gzip"):
        raise NotSeen(f"{address}: the reply is compressed as {short(encoding)}; {_BY_HAND}")
    unpack = zlib.decompressobj(wbits=31)
    try:
        text = unpack.decompress(raw, most + 1)
    except zlib.error as error:
        raise NotSeen(f"{address}: the reply is no gzip: {one_line(error)}; try again later") from error
    if len(text) > most:
        raise _too_large(address, most)
    if not unpack.eof:
        raise NotSeen(f"{address}: the reply ends before its gzip does; try again later")
    return text


def _too_large(address: str, most: int) -> NotSeen:
    return NotSeen(f"{address}: more than {most} bytes; check the address: no document of an API is that large")


def _text(address: str, reply: _Reply) -> bytes:
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if reply.status != 200:
        said = _BLOCKED.get(reply.status, "the page is not there" if reply.status in (404, 410) else "no page")
        raise NotSeen(f"{address}: HTTP {reply.status}: {said}; {_BY_HAND}")
    if kind in ("text/html", "application/xhtml+xml"):
        problem = "HTML came, not Markdown: a page for people, a sign-in, or a block"
        raise NotSeen(f"{address}: {problem}; write the address of the Markdown as `fetch`, or {_BY_HAND}")
    if not reply.body.strip():
        raise NotSeen(f"{address}: the page is empty; try again later")
    return reply.body


def _origin(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme, parts.netloc.lower()


def _is_safe(address: str) -> bool:
    """Whether an address is https, or http to this machine, which tests use. It may hold no credentials."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    return (
        "@" not in parts.netloc
        and bool(host)
        and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
    )
