"""Refuses connections to other machines while tests run, so that no test gives real money back.

A test run sets a guard, with `put_on`: for its own process, and through two variables of the environment for its child
processes. Whatever opens a connection asks `refusal` first. Without a guard that is one look at the environment for
each new connection.
"""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from refundry.interruption import pass_through

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType
    from typing import Any, Final

HOSTS: Final = "REFUNDRY_TEST_HOSTS"
"""The variable that turns the guard on in a child process: the hosts that may be reached besides this machine."""
REPORT: Final = "REFUNDRY_TEST_REPORT"
"""The variable of the file in which each refusal is noted."""
VARIABLES: Final = (HOSTS, REPORT)
MARK: Final = "refundry"
"""The extension of an httpx request that marks it as one of refundry's own."""

_CORES: Final = ("httpcore", "httpcore2")
_HERE: Final = "localhost"


class Guard(NamedTuple):
    """The hosts that may be reached besides this machine, and the file for refusals; "" for none."""

    hosts: frozenset[str]
    report: str = ""

    def note(self, sentence: str) -> None:
        """Add a line to the report."""
        if not self.report:
            return
        try:
            # One write at the end of the file: other processes note theirs in it too.
            file = os.open(self.report, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(file, f"{sentence}\n".encode())
            finally:
                os.close(file)
        except OSError as error:  # the test run has ended, and its file is gone
            pass_through(error)


_own: Guard | None = None
_provider_hosts: Callable[[], Iterable[str]] = tuple


def current() -> Guard | None:
    """The guard of this process, or else the one that its environment describes."""
    if _own is not None:
        return _own
    hosts = os.environ.get(HOSTS)
    return None if hosts is None else Guard(frozenset(hosts.lower().split()), os.environ.get(REPORT, ""))


def put_on(guard: Guard | None) -> None:
    """Set the guard of this process and of the processes that it starts from now on; None takes it away.

    The process keeps it where a test clears the environment.
    """
    global _own
    _own = guard
    for name in VARIABLES:
        os.environ.pop(name, None)
    if guard is not None:
        os.environ[HOSTS] = " ".join(sorted({_HERE, *guard.hosts}))  # never empty: an empty variable is refused
        if guard.report:
            os.environ[REPORT] = guard.report


def refusal(host: str) -> str | None:
    """Why no connection may open to this host, in one sentence, which is noted too. None where it may."""
    guard = current()
    if guard is None:
        return None
    name = host.lower().rstrip(".")
    if name in guard.hosts or _is_here(name):
        return None
    sentence = (
        f"a test run asked for a connection to {name}, which is not this machine, and nothing was sent: give the "
        "account the address of the sandbox (the fixture refund_sandbox), or name a host that is no provider's "
        "production with the marker or the setting refund_hosts"
    )
    guard.note(sentence)
    return sentence


def watch_httpx(provider_hosts: Callable[[], Iterable[str]] | None = None) -> None:
    """Let the connection pools of httpx and httpx2 ask, now or when they are imported.

    They ask for each request of refundry's own, and for any other to one of `provider_hosts`. A transport that answers
    in this process has no pool, and a library that mocks the pool replaces what asks: neither is refused.
    """
    global _provider_hosts
    _provider_hosts = provider_hosts or _provider_hosts
    for name in _CORES:
        if name in sys.modules:
            _watch(sys.modules[name])
    if _AfterImport not in sys.meta_path:
        sys.meta_path.insert(0, _AfterImport)


def _is_here(host: str) -> bool:
    if host == _HERE:
        return True
    from ipaddress import ip_address  # only a test run needs it

    try:
        return ip_address(host).is_loopback
    except ValueError as error:
        pass_through(error)
        return False


class _AfterImport:
    """Finds httpcore and httpcore2 as Python does, and watches their pools as soon as they are imported."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        if name not in _CORES:
            return None
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            _watch(module)

        setattr(spec.loader, "exec_module", exec_module)  # noqa: B010 (mypy takes no assignment to a method)
        return spec


def _watch(core: Any) -> None:
    if getattr(core, "_asks_refundry", False) or not hasattr(core, "AsyncConnectionPool"):
        return
    core._asks_refundry = True
    for pool, name in (
        (core.ConnectionPool, "handle_request"),
        (core.AsyncConnectionPool, "handle_async_request"),
    ):
        setattr(pool, name, _asking(getattr(pool, name), core.ConnectError))


def _asking(handle: Callable[[Any, Any], Any], refused: type[Exception]) -> Callable[[Any, Any], Any]:
    def asking(pool: Any, request: Any) -> Any:
        host = request.url.host.decode("ascii", "replace")
        if current() is not None and (MARK in request.extensions or host.lower().rstrip(".") in _provider_hosts()):
            why = refusal(host)
            if why is not None:
                raise refused(why)
        return handle(pool, request)

    return asking
