"""Servers that close a connection between two requests, or restart in the middle of one."""

import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from refundry import NotSent, OutcomeUnknown, Refund
from tests.servers.calls import (
    AT_ONCE,
    CLIENTS,
    ONCE,
    PROVIDERS,
    Calls,
    Result,
    Wish,
    deeds,
    differences,
    steps_done,
    steps_reported,
    wish,
    wishes,
)
from tests.servers.provider import read_book
from tests.servers.running import MAKERS, ONLY_PAYBYRD, SECONDS, Setting, free_port, listens, process, uvicorn_command

# The servers whose replies say how long they keep a connection.
_SAYING: Final = [name for name in MAKERS if name.startswith(("nginx", "node"))]

# A server may keep a connection for this many seconds longer: gunicorn looks for idle ones once a second.
_LATER: Final = {"gunicorn": 1.2}


@contextmanager
def _all_clients(url: str, trusting: ssl.SSLContext) -> Iterator[Callable[[Sequence[Wish]], list[Result]]]:
    """Make one client of each kind. Yields a function with which all of them send their part at the same time."""
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(len(CLIENTS)))
        clients: list[Calls] = [stack.enter_context(make(url, trusting, ONCE)) for make in CLIENTS.values()]

        def ask(wanted: Sequence[Wish]) -> list[Result]:
            size = -(-len(wanted) // len(clients))
            parts = [wanted[start : start + size] for start in range(0, len(wanted), size)]
            requested = [threads.submit(calls.ask, part) for calls, part in zip(clients, parts, strict=True)]
            return [result for one in requested for result in one.result()]

        yield ask


@pytest.mark.parametrize("server", MAKERS)
def test_a_connection_that_the_server_closed_is_not_reused(
    server: str, impatient: Setting, trusting: ssl.SSLContext
) -> None:
    providers = ("paybyrd",) if server in ONLY_PAYBYRD else PROVIDERS
    wanted = [wishes(60, providers) for _ in range(2)]
    with MAKERS[server](impatient) as url, _all_clients(url, trusting) as ask:
        first = ask(wanted[0])
        time.sleep(impatient.keep_alive + 0.4 + _LATER.get(server, 0))
        second = ask(wanted[1])
    assert differences([*wanted[0], *wanted[1]], [*first, *second], impatient.book) == ""


@pytest.mark.parametrize("server", _SAYING)
def test_a_connection_is_not_used_at_the_time_at_which_the_server_closes_it(
    server: str, impatient: Setting, trusting: ssl.SSLContext
) -> None:
    pauses = [impatient.keep_alive + late for late in (-0.02, 0, 0.02)]
    wanted = [wishes(60) for _ in range(len(pauses) + 1)]
    results = []
    with MAKERS[server](impatient) as url, _all_clients(url, trusting) as ask:
        for batch, pause in zip(wanted, [*pauses, 0], strict=True):
            results += ask(batch)
            time.sleep(pause)
    assert differences([one for batch in wanted for one in batch], results, impatient.book) == ""


def _signal_amid(running: subprocess.Popen[bytes], number: signal.Signals, book: Path) -> None:
    """Signal a server that has made some of the refunds, and has not answered yet."""
    made = _refunds_in(book)
    until = time.monotonic() + SECONDS
    while _refunds_in(book) < made + 4 and time.monotonic() < until:
        time.sleep(0.002)
    running.send_signal(number)


def _refunds_in(book: Path) -> int:
    return sum(line["did"] == "refund" for line in read_book(book))


@pytest.mark.parametrize("client", CLIENTS)
def test_no_refund_is_misreported_or_executed_twice_while_the_server_restarts(
    client: str, setting: Setting, trusting: ssl.SSLContext
) -> None:
    port = free_port()
    log = setting.folder / "uvicorn.log"
    command = uvicorn_command(port, "h11", setting.keep_alive, setting.certificate)
    wanted: list[Wish] = []
    results: list[Result] = []

    with CLIENTS[client](f"https://localhost:{port}", trusting, ONCE) as calls:

        def ask() -> list[Result]:
            slow = [wish("slow", number, PROVIDERS[number % 2]) for number in range(AT_ONCE)]
            reported = calls.ask(slow, lookups=False)
            wanted.extend(slow)
            results.extend(reported)
            return reported

        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            with process(command, log, {"BOOK": str(setting.book)}, lambda: listens(port)) as running:
                assert all(isinstance(reported, Refund) for (reported,) in ask())
                ending = threading.Thread(target=_signal_amid, args=(running, number, setting.book))
                ending.start()
                interrupted = ask()
                ending.join()
                running.wait(SECONDS)
            if number == signal.SIGKILL:
                assert any(type(reported) is OutcomeUnknown for (reported,) in interrupted)
            assert all(type(reported) is NotSent for (reported,) in ask())
        before = deeds(setting.book)
        with process(command, log, {"BOOK": str(setting.book)}, lambda: listens(port)):
            repeated = calls.ask(wanted, lookups=False)
        after = deeds(setting.book)

    for one, (first,), second in zip(wanted, results, repeated, strict=True):
        did, then = before[one.payment_id], after[one.payment_id]
        assert len(then.refunds) <= 1
        if isinstance(first, Refund):
            assert steps_reported((first,)) == steps_done(one, did)
            assert did == then
        elif type(first) is NotSent:
            assert did.arrived == 0
        else:
            assert type(first) is OutcomeUnknown
        if one.provider == "blink" and type(first) is OutcomeUnknown:
            # Blink de-duplicates nothing: a request that may have arrived is not sent a second time.
            assert [type(reported) for reported in second] == [OutcomeUnknown]
            assert did == then
        else:
            assert steps_reported(second) == steps_done(one, then)
