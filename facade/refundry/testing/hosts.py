"""Which hosts a test run may reach, and the guard for test runs of other kinds than pytest."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from refundry import guard
from refundry.accounts import KINDS

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

_SANDBOX: Final = "-sandbox"


@cache
def _hosts(environment: str) -> dict[str, str]:
    return {kind: urlsplit(account.HOSTS[environment]).hostname or "" for kind, account in KINDS.items()}


@cache
def provider_hosts() -> frozenset[str]:
    """Every host of a provider, of its sandbox too."""
    return frozenset([*_hosts("production").values(), *_hosts("sandbox").values()])


def allowed(hosts: Iterable[str]) -> frozenset[str]:
    """The hosts that these names stand for: a host itself, or `lab4pay-sandbox` and the like.

    ValueError for the host of a provider's production, where refunds are real. Blink's host is both: only its name in
    full allows it.
    """
    return frozenset(_allowed(host.lower().rstrip(".")) for host in hosts)


def _allowed(host: str) -> str:
    production, sandbox = _hosts("production"), _hosts("sandbox")
    kind = host.removesuffix(_SANDBOX)
    if kind != host and kind in KINDS:
        if sandbox[kind] == production[kind]:
            raise ValueError(
                f"{host}: {kind} has one host for its sandbox and for real refunds, and the keys decide; with keys of "
                f"the sandbox alone, allow {sandbox[kind]}"
            )
        return sandbox[kind]
    if host in set(production.values()) - set(sandbox.values()):
        raise ValueError(f"{host} is a provider's production, where refunds are real; no test run reaches it")
    return host


@contextmanager
def no_real_refunds(*hosts: str) -> Generator[None, None, None]:
    """Refuse connections to other machines, except to these hosts, as the pytest plugin does.

    For unittest and scripts: `self.enterContext(no_real_refunds())`. It holds for the whole process and for those that
    it starts. At the end it raises AssertionError where something was refused, also if the code went on. ValueError
    for a host that cannot be allowed.
    """
    before = guard.current()
    with TemporaryDirectory(prefix="refundry-") as folder:
        report = Path(folder, "refused")
        report.touch()
        guard.put_on(guard.Guard(allowed(hosts), str(report)))
        guard.watch_httpx(provider_hosts)
        try:
            yield
        finally:
            guard.put_on(before)
            refused = [*dict.fromkeys(report.read_text("utf-8").splitlines())]
            if refused:
                raise AssertionError("\n".join(refused))
