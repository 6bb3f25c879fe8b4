"""The plugin for pytest: the fixture `refund_sandbox`, and a guard that refuses every real refund in a test run.

pytest loads it wherever refundry is installed. So it imports nothing but pytest, needs no extra until the fixture is
used, and keeps to what every pytest since 7.0 has.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from refundry.testing import RefundSandbox

_MARKER = (
    "refund_hosts(*hosts): hosts besides this machine that refundry may reach in this test; lab4pay-sandbox and "
    "paybyrd-sandbox are those of the providers"
)
_WITHOUT_EXTRA = "the fixture refund_sandbox needs the extra: pip install 'refundry[testing]'"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The setting `refund_hosts`."""
    parser.addini("refund_hosts", "hosts besides this machine that refundry may reach", type="args", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Turn the guard on, for as long as this run lasts."""
    config.addinivalue_line("markers", _MARKER)
    config.pluginmanager.register(_GuardOfRun(config), "refundry-guard")


@pytest.fixture
def refund_sandbox(tmp_path: Path) -> Iterator[RefundSandbox]:
    """The three providers on this machine, with a ledger of the test's own: see refundry.testing.RefundSandbox."""
    try:
        from refundry.testing import RefundSandbox

        sandbox = RefundSandbox(folder=tmp_path)
    except ImportError as missing:
        pytest.fail(f"{_WITHOUT_EXTRA} ({missing})", pytrace=False)
    with sandbox:
        yield sandbox


class _GuardOfRun:
    """The guard of one run, and what it has refused."""

    def __init__(self, config: pytest.Config) -> None:
        from refundry import guard

        self._guard = guard
        self._before = guard.current()
        file, name = tempfile.mkstemp(prefix="refundry-refused-")
        os.close(file)
        self._report = Path(name)
        self._read = 0
        self._unclaimed: list[str] = []
        try:
            self._hosts = _expanded(config.getini("refund_hosts"))
            self._put_on(self._hosts)
            guard.watch_httpx(_provider_hosts)
        except BaseException:
            self._report.unlink()
            raise

    def _put_on(self, hosts: frozenset[str]) -> None:
        self._guard.put_on(self._guard.Guard(hosts, str(self._report)))

    def _refused(self) -> list[str]:
        """The sentences that were noted since the last time, each once."""
        with self._report.open("rb") as report:
            report.seek(self._read)
            noted = report.read()
        self._read += len(noted)
        return list(dict.fromkeys(noted.decode().splitlines()))

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, None]:
        """Allow the hosts of the test's markers."""
        marked = [host for marker in item.iter_markers("refund_hosts") for host in marker.args]
        try:
            hosts = self._hosts | _expanded(marked)
        except pytest.UsageError as error:
            item.stash[_REFUSED_MARKER] = str(error)
            hosts = self._hosts
        if hosts != self._hosts:
            self._put_on(hosts)
        yield
        if hosts != self._hosts:
            self._put_on(self._hosts)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Fail a test whose marker names a host that cannot be allowed."""
        if _REFUSED_MARKER in item.stash:
            pytest.fail(item.stash[_REFUSED_MARKER], pytrace=False)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, None]:
        """Fail the test in which a connection was refused, also where its code went on, or was expected to fail."""
        outcome = yield
        report = outcome.get_result()
        refused = self._refused()
        if refused:
            report.outcome = "failed"
            report.longrepr = "\n".join(refused)
            vars(report).pop("wasxfail", None)

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, Any, None]:
        """Fail the run where something that outlived its test was refused a connection."""
        yield
        self._unclaimed = self._refused()
        if self._unclaimed and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what was refused after the last test."""
        if self._unclaimed:
            terminalreporter.section("refundry: refused after the end of a test", red=True)
            for sentence in self._unclaimed:
                terminalreporter.line(sentence, red=True)

    def pytest_unconfigure(self) -> None:
        """Put the guard of an outer run back, and leave what is unclaimed to it."""
        self._guard.put_on(self._before)
        if self._before is not None:
            for sentence in [*self._unclaimed, *self._refused()]:
                self._before.note(sentence)
        self._report.unlink()


_REFUSED_MARKER = pytest.StashKey[str]()


def _expanded(hosts: Any) -> frozenset[str]:
    if not hosts:
        return frozenset()
    from refundry.testing.hosts import allowed

    try:
        return allowed(hosts)
    except ValueError as error:
        raise pytest.UsageError(f"refund_hosts: {error}") from None


def _provider_hosts() -> Any:
    from refundry.testing.hosts import provider_hosts

    return provider_hosts()
