"""The providers of the recipes: the sandbox as a server on PORT, in a process of its own.

Run with the wheel, as the recipes are. A reply that drips takes about half a second, so that a process can be killed in
the middle of a refund. Each provider has the payments `blink-0` to `blink-39`, and `paybyrd-0` to `paybyrd-39`.
"""

import signal
import sys

from refundry.sandbox import Sandbox, SandboxServer


def main(port: int) -> None:
    """Serve until a signal ends the process."""
    sandbox = Sandbox()
    for number in range(40):
        sandbox.add_payment("blink", f"blink-{number}", 10_000, "GBP")
        sandbox.add_payment("paybyrd", f"paybyrd-{number}", 10_000, "EUR")
    with SandboxServer(sandbox, port=port, drip_seconds=0.001):
        signal.pause()


if __name__ == "__main__":
    main(int(sys.argv[1]))
