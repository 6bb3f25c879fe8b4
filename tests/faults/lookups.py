"""Clients of the sandbox and of broken servers, for tests of lookups, waits and cancels."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from refundry import (
    Refund,
    RefundRejected,
    RefundStatus,
    Retry,
)
from refundry.sandbox import CREDENTIALS, INTEGRATOR_ID, Sandbox, SandboxServer
from tests.facade.questions import state
from tests.facade.support import ONE_EURO, PROVIDERS, Caller, Kind, account, caller
from tests.faults.servers import Peer, Script, once, reply
from tests.faults.support import AMPLE

SUCCEEDED, PENDING, FAILED = RefundStatus.SUCCEEDED, RefundStatus.PENDING, RefundStatus.FAILED

every_provider = pytest.mark.parametrize("provider", PROVIDERS)

PAYMENT: Final = "lab4pay-payment"
BRIEFLY: Final = Retry(attempts=3, first_wait=0.001)
KEYS: Final[dict[str, dict[str, str]]] = {
    "lab4pay": {"access_token": CREDENTIALS["lab4pay"], "integrator_id": INTEGRATOR_ID},
    "paybyrd": {"api_key": CREDENTIALS["paybyrd"]},
    "blink": {"access_token": CREDENTIALS["blink"]},
}


@contextmanager
def at_sandbox(kind: Kind, sandbox: Sandbox, **options: Any) -> Iterator[Caller]:
    """Yield a client of all three providers of a sandbox, with access tokens that never expire."""
    with SandboxServer(sandbox) as server:
        accounts = [account(provider, base_url=server.base_url, **keys) for provider, keys in KEYS.items()]
        with caller(kind, *accounts, **{"timeout": AMPLE, **options}) as client:
            yield client


def refund_of(
    client: Caller, provider: str = "lab4pay", payment_id: str = PAYMENT, amount: object = ONE_EURO
) -> Refund:
    return client.refund(provider, payment_id=payment_id, amount=amount, reference="reference-1")


def explained(client: Caller, refused: RefundRejected) -> RefundRejected:
    given: Any = client.client.explain(refused)
    outcome: RefundRejected = client.run(given) if inspect.iscoroutine(given) else given
    return outcome


def answer(provider: str, word: str) -> bytes:
    """Return a reply to a lookup, after which the connection ends."""
    return reply(state(provider, word).body, "Connection: close")


def refusing(status: str, *headers: str) -> Script:
    """Return a script that answers one lookup with an error."""
    return once(reply(b"{}", *headers, "Connection: close", status=status))


def holds(*parts: bytes) -> Script:
    """Return a script that reads one request, sends these parts, and sends nothing more."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(*parts)
        peer.hold()

    return script


def resets(peer: Peer) -> None:
    peer.request()
    peer.reset()


UNANSWERED: Final[dict[str, Script]] = {
    "closed at once": lambda _: None,
    "closed after the question": once(),
    "reset": resets,
    "silent": holds(),
    "silent in the head": holds(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "not HTTP": once(b"SSH-2.0-OpenSSH_9.9\r\n"),
}
SILENT: Final = ("silent", "silent in the head")
