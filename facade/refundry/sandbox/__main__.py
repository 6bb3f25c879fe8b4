"""`python -m refundry.sandbox`: the sandbox's HTTP server, until it is stopped."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from ipaddress import AddressValueError, IPv4Address
from typing import TYPE_CHECKING, Final, NoReturn

from refundry.sandbox.control import HELP
from refundry.sandbox.faults import Fault
from refundry.sandbox.server import SandboxServer
from refundry.sandbox.simulator import CREDENTIALS, INTEGRATOR_ID, TOKEN_CREDENTIALS, WEBHOOK_SECRETS, Sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM: exit code 0. 2 where it cannot start, with one line that says why."""
    options = _parser().parse_args(arguments)
    stopped = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in _SIGNALS}
    try:
        sandbox = Sandbox(blink_reply=options.blink_reply)
        with SandboxServer(sandbox, host=options.host, port=options.port) as server:
            print(_welcome(server.base_url, sandbox), flush=True)
            stopped.wait()
    except ImportError as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(f"--port {options.port}: {os.strerror(error.errno or 0)}; choose another, 0 takes a free one")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    print("The sandbox has stopped.")
    return 0


def _welcome(base_url: str, sandbox: Sandbox) -> str:
    lines = [f"The sandbox listens at {base_url}. Its credentials and payments are made up; nothing moves money."]
    for provider, books in sandbox.state()["providers"].items():
        payments = ", ".join(payment["payment_id"] for payment in books["payments"])
        lines += [f"  {provider:8} {_arguments(provider)}", f"  {'':8} payments: {payments}"]
    return "\n".join([*lines, "Ctrl-C stops it; --help tells how to script faults."])


def _arguments(provider: str) -> str:
    """The credentials at a provider, each by the name of the account's argument that takes it."""
    standing = CREDENTIALS[provider]
    keys = _written(TOKEN_CREDENTIALS.get(provider, {"api_key": standing}))
    token = f" (or access_token={standing})" if provider in TOKEN_CREDENTIALS else ""
    others = {"integrator_id": INTEGRATOR_ID} if provider == "lab4pay" else {}
    return f"{keys}{token} {_written({**others, **WEBHOOK_SECRETS.get(provider, {})})}".rstrip()


def _written(credentials: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in credentials.items())


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        sys.exit(_failed(f"{message}; --help tells more"))


def _parser() -> argparse.ArgumentParser:
    faults = "\n".join(
        f"  {fault.value:22}{'refunded' if fault.executes else 'not refunded':14}{fault.meaning}" for fault in Fault
    )
    parser = _Parser(
        prog="python -m refundry.sandbox",
        description="Serve Lab4Pay, Paybyrd and Blink on this machine over HTTP, one port for all three.",
        epilog=f"control paths:\n{HELP}\n\nfaults, and whether the refund is executed:\n{faults}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=_port, default=8787, metavar="N", help="0 takes a free one (default: 8787)")
    parser.add_argument(
        "--host", type=_loopback, default="127.0.0.1", help="an IPv4 loopback address (default: 127.0.0.1)"
    )
    parser.add_argument(
        "--blink-reply",
        choices=("status", "success"),
        default="status",
        help="the age of Blink's reply: with a status and a number (default), or the older with success and a text",
    )
    return parser


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 6 and int(text) < 2**16:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port, a number from 0 to 65535")


def _loopback(text: str) -> str:
    try:
        address = IPv4Address("127.0.0.1" if text == "localhost" else text)
    except AddressValueError:
        address = None
    if address is None or not address.is_loopback:
        raise argparse.ArgumentTypeError(f"{text!r} is not an IPv4 loopback address such as 127.0.0.1")
    return str(address)


def _failed(why: str) -> int:
    print(f"error: {why}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
