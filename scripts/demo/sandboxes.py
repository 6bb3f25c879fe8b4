"""The sandbox in a process of its own, as a test engineer runs it, and the control paths that steer it."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

from refundry import Account
from refundry.sandbox import Sandbox

_START_LINE = re.compile(r"listens at (http://127\.0\.0\.1:\d+)\.")
_SECONDS_TO_STOP = 10


class SandboxProcess:
    """A sandbox that listens at `base_url`."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def accounts(self) -> list[Account]:
        """An account at each of its providers."""
        return Sandbox().accounts(base_url=self.base_url)

    def script(self, provider: str, fault: str, *, operation: str) -> None:
        """Make the next call of this operation meet a fault."""
        self._post("script", {"provider": provider, "operation": operation, "faults": [fault]})

    def advance(self) -> None:
        """Let time pass: every pending refund moves one state on."""
        self._post("advance", {})

    def callback(self, provider: str, refund_id: str, *, forged: bool = False) -> tuple[dict[str, str], bytes]:
        """The headers and the body of the callback that the provider would send about a refund."""
        sent = self._post("callback", {"provider": provider, "refund_id": refund_id, "forged": forged})
        return sent["headers"], sent["body"].encode()

    def state(self) -> dict[str, Any]:
        """The state of its providers, with the refunds that they executed and the violations of their contracts."""
        state: dict[str, Any] = httpx.get(f"{self.base_url}/_sandbox/state").raise_for_status().json()
        return state

    def _post(self, path: str, order: dict[str, Any]) -> dict[str, Any]:
        reply = httpx.post(f"{self.base_url}/_sandbox/{path}", json=order).raise_for_status()
        answer: dict[str, Any] = reply.json()
        return answer


@contextmanager
def sandbox_process(arguments: Sequence[str] = ()) -> Iterator[SandboxProcess]:
    """Start the sandbox with these arguments; end it by its process id."""
    command = [sys.executable, "-m", "refundry.sandbox", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = _START_LINE.search(process.stdout.readline())
            if found is None:
                raise SystemExit("error: the sandbox did not start; run `python -m refundry.sandbox` to see why")
            yield SandboxProcess(found[1])
        finally:
            process.terminate()
            process.wait(_SECONDS_TO_STOP)
