"""Calls over kept connections. Every round measures each contender, each time in another order."""

from __future__ import annotations

import asyncio
import gc
import importlib
import itertools
import json
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from benchmarks.setting import Defect, installed
from refundry import AsyncRefundClient, Money, Paybyrd, Refund, RefundClient, RefundError
from refundry.transport.http11 import request_bytes
from refundry_paybyrd import AuthenticatedClient
from refundry_paybyrd.api.refunds import refund_transaction
from refundry_paybyrd.models import RefundRequest, RefundResponse

AT_ONCE = 64

BY_HAND = "httpx.Client.post(json=...).json(), by hand"
FLOOR = "floor: bare socket, same bytes, same JSON"
STOCK = "stock generated client, sync_detailed"
GENERATED = "refundry_paybyrd, sync_detailed"
SYNC = "RefundClient.refund"
ASYNC = "AsyncRefundClient.refund, one at a time"
HTTPX_AT_ONCE = f"httpx.AsyncClient, {AT_ONCE} at once"
ASYNC_AT_ONCE = f"AsyncRefundClient, {AT_ONCE} at once"
AIOHTTP_AT_ONCE = f"aiohttp.ClientSession, {AT_ONCE} at once"

_PAYMENT = "c16ce479-319d-4e7b-a966-7735c34b2cc5"
_UNITS = 100
_KEY = "test-key"
_BODY = {"isoAmount": _UNITS}


@dataclass(frozen=True, slots=True)
class Sample:
    """What one block of calls took: seconds for each call."""

    cpu: float
    wall: float


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to ask for a refund. `call(n)` makes n calls, and raises Defect unless each reports the amount."""

    name: str
    calls: int
    call: Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many rounds there are, and how many calls a contender makes in each."""

    rounds: int
    single: int
    at_once: int
    httpx_at_once: int


NEW_BY_HAND = "httpx.Client.post(json=...).json(), new connections"
NEW_SYNC = "RefundClient.refund, new connections"


@contextmanager
def over_new_connections(base_url: str, bundle: Path, sizes: Sizes) -> Iterator[list[Contender]]:
    """The two contenders whose server ends each connection with its first reply.

    Both read the authorities to trust from the same file, as they read those of the system. Each is one client.
    """
    with ExitStack() as stack:
        stack.enter_context(_trusting(bundle))
        references = (f"bench/new/{number}" for number in itertools.count())
        yield [
            Contender(NEW_BY_HAND, sizes.single, _in_turn(_by_hand(stack, base_url))),
            Contender(NEW_SYNC, sizes.single, _in_turn(_sync(stack, base_url, references))),
        ]


@contextmanager
def _trusting(bundle: Path) -> Iterator[None]:
    before = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = str(bundle)
    try:
        yield
    finally:
        del os.environ["SSL_CERT_FILE"]
        if before is not None:
            os.environ["SSL_CERT_FILE"] = before


@contextmanager
def contenders(base_url: str, sizes: Sizes, stock: Path | None) -> Iterator[list[Contender]]:
    """All contenders, with their connections. `stock` is the folder of the stock client, or None to leave it out.

    The hand-written ones send no idempotency key, as such code seldom does. All others send one for each refund.
    """
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner())
        references = (f"bench/{number}" for number in itertools.count())
        single: list[tuple[str, Callable[[], object]]] = [
            (BY_HAND, _by_hand(stack, base_url)),
            (FLOOR, _floor(stack, base_url)),
        ]
        if stock is not None:
            single.append((STOCK, _stock(stack, base_url, stock, references)))
        single.append((GENERATED, _generated(stack, base_url, references)))
        single.append((SYNC, _sync(stack, base_url, references)))
        one, many = (_asynchronous(stack, runner, base_url, references) for _ in range(2))
        at_once = [(HTTPX_AT_ONCE, sizes.httpx_at_once, _httpx_async(stack, runner, base_url))]
        at_once.append((ASYNC_AT_ONCE, sizes.at_once, many))
        if installed("aiohttp"):
            at_once.append((AIOHTTP_AT_ONCE, sizes.at_once, _aiohttp(stack, runner, base_url)))
        yield [
            *[Contender(name, sizes.single, _in_turn(call)) for name, call in single],
            Contender(ASYNC, sizes.single, _in_tasks(runner, one, 1)),
            *[Contender(name, calls, _in_tasks(runner, call, AT_ONCE)) for name, calls, call in at_once],
        ]


def measure(contenders: Sequence[Contender], rounds: int, say: Callable[[str], None]) -> dict[str, list[Sample]]:
    """The time of each contender, one sample for each round."""
    taken: dict[str, list[Sample]] = {contender.name: [] for contender in contenders}
    for contender in contenders:  # connects, and loads what is loaded on first use
        _block(contender)
    for number in range(rounds):
        shift = number % len(contenders)
        for contender in (*contenders[shift:], *contenders[:shift]):
            taken[contender.name].append(_block(contender))
        say(f"calls: round {number + 1} of {rounds}")
    return taken


def _block(contender: Contender) -> Sample:
    gc.collect()  # no contender pays for the garbage of another one
    cpu, wall = time.process_time(), time.perf_counter()
    try:
        contender.call(contender.calls)
    except (RefundError, httpx.HTTPError, OSError, ValueError, LookupError, TypeError) as error:
        raise Defect(f"{contender.name}: a call failed with {type(error).__name__}: {error}; mend it first") from error
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Sample(cpu / contender.calls, wall / contender.calls)


def _checked(units: object) -> None:
    if units != _UNITS:
        raise ValueError(f"it reports {units!r} minor units as refunded, not {_UNITS}")


def _in_turn(call: Callable[[], object]) -> Callable[[int], None]:
    def block(calls: int) -> None:
        for _ in range(calls):
            _checked(call())

    return block


def _in_tasks(runner: asyncio.Runner, call: Callable[[], Awaitable[object]], tasks: int) -> Callable[[int], None]:
    async def task(calls: int) -> None:
        for _ in range(calls):
            _checked(await call())

    async def together(calls: int) -> None:
        await asyncio.gather(*(task(calls // tasks) for _ in range(tasks)))

    return lambda calls: runner.run(together(calls))


def _by_hand(stack: ExitStack, base_url: str) -> Callable[[], object]:
    client = stack.enter_context(httpx.Client(headers={"x-api-key": _KEY}))
    url = f"{base_url}/api/v2/refund/{_PAYMENT}"
    return lambda: client.post(url, json=_BODY).json()["isoAmount"]


def _floor(stack: ExitStack, base_url: str) -> Callable[[], object]:
    """The least that any client does: the bytes of the refund on a bare socket, with its JSON written and read."""
    client = stack.enter_context(RefundClient([Paybyrd(api_key=_KEY, base_url=base_url)]))
    prepared = client.prepare("paybyrd", payment_id=_PAYMENT, amount=Money.of("1.00", "EUR"), reference="bench/floor")
    head = bytes(request_bytes(prepared)).removesuffix(prepared.body)
    if _written() != prepared.body:
        raise Defect(f"the floor writes {_written()!r}, and refundry {bytes(prepared.body)!r}; let both write the same")
    address = urlsplit(base_url)
    connected = stack.enter_context(socket.create_connection((address.hostname, address.port)))
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call() -> object:
        connected.sendall(head + _written())
        received = connected.recv(64 * 1024)  # the server writes each reply at once
        return json.loads(received.partition(b"\r\n\r\n")[2])["isoAmount"]

    return call


def _written() -> bytes:
    return json.dumps(_BODY, separators=(",", ":")).encode()


def _stock(stack: ExitStack, base_url: str, folder: Path, references: Iterator[str]) -> Callable[[], object]:
    sys.path.insert(0, str(folder.parent))
    try:
        package = importlib.import_module(folder.name)
        operation = importlib.import_module(f"{folder.name}.api.refunds.refund_transaction")
        models = importlib.import_module(f"{folder.name}.models")
    finally:
        sys.path.remove(str(folder.parent))
    client = stack.enter_context(
        package.AuthenticatedClient(base_url, token=_KEY, prefix="", auth_header_name="x-api-key")
    )

    def call() -> object:
        body = models.RefundRequest(iso_amount=_UNITS)
        parsed = operation.sync_detailed(_PAYMENT, client=client, body=body, idempotency_key=next(references)).parsed
        return getattr(parsed, "iso_amount", parsed)

    return call


def _generated(stack: ExitStack, base_url: str, references: Iterator[str]) -> Callable[[], object]:
    client = stack.enter_context(AuthenticatedClient(base_url, token=_KEY))

    def call() -> object:
        body = RefundRequest(iso_amount=_UNITS)
        parsed = refund_transaction.sync_detailed(
            _PAYMENT, client=client, body=body, idempotency_key=next(references)
        ).parsed
        return parsed.iso_amount if isinstance(parsed, RefundResponse) else parsed

    return call


def _units(refund: Refund) -> object:
    return refund.amount.minor_units if isinstance(refund.amount, Money) else refund.amount


def _sync(stack: ExitStack, base_url: str, references: Iterator[str]) -> Callable[[], object]:
    client = stack.enter_context(RefundClient([Paybyrd(api_key=_KEY, base_url=base_url)]))
    return lambda: _units(
        client.refund("paybyrd", payment_id=_PAYMENT, amount=Money.of("1.00", "EUR"), reference=next(references))
    )


def _asynchronous(
    stack: ExitStack, runner: asyncio.Runner, base_url: str, references: Iterator[str]
) -> Callable[[], Awaitable[object]]:
    client = AsyncRefundClient([Paybyrd(api_key=_KEY, base_url=base_url)])
    stack.callback(lambda: runner.run(client.aclose()))

    async def call() -> object:
        amount = Money.of("1.00", "EUR")
        return _units(await client.refund("paybyrd", payment_id=_PAYMENT, amount=amount, reference=next(references)))

    return call


def _httpx_async(stack: ExitStack, runner: asyncio.Runner, base_url: str) -> Callable[[], Awaitable[object]]:
    # Some calls wait longer than the five seconds that httpx allows by default.
    client = httpx.AsyncClient(headers={"x-api-key": _KEY}, timeout=60)
    stack.callback(lambda: runner.run(client.aclose()))
    url = f"{base_url}/api/v2/refund/{_PAYMENT}"

    async def call() -> object:
        return (await client.post(url, json=_BODY)).json()["isoAmount"]

    return call


def _aiohttp(stack: ExitStack, runner: asyncio.Runner, base_url: str) -> Callable[[], Awaitable[object]]:
    import aiohttp

    async def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(headers={"x-api-key": _KEY})

    client = runner.run(session())
    stack.callback(lambda: runner.run(client.close()))
    url = f"{base_url}/api/v2/refund/{_PAYMENT}"

    async def call() -> object:
        try:
            async with client.post(url, json=_BODY) as reply:
                return (await reply.json())["isoAmount"]
        except aiohttp.ClientError as error:
            raise Defect(f"aiohttp: a call failed with {type(error).__name__}: {error}; mend it first") from error

    return call
