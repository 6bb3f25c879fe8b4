"""`python -m refundry.sandbox`: the sandbox's HTTP server, until it is stopped."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from errno import EADDRNOTAVAIL
from ipaddress import AddressValueError, IPv4Address
from typing import TYPE_CHECKING, Final, NoReturn

from refundry.sandbox.control import HELP
from refundry.sandbox.faults import Fault
from refundry.sandbox.lab4pay import INTEGRATOR_ID
from refundry.sandbox.providers import CREDENTIALS, PROVIDERS, TOKEN_CREDENTIALS, WEBHOOK_SECRETS
from refundry.sandbox.server import HOST_NAME, SandboxServer
from refundry.sandbox.simulator import Sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_ELSEWHERE: Final = """\
in a network of containers, where this one is called "sandbox":
  python -m refundry.sandbox --host 0.0.0.0 --allow-remote --host-name sandbox
  Paybyrd(..., base_url="http://sandbox:8787", plain_http_to="sandbox"), or REFUNDRY_PAYBYRD_BASE_URL and
  REFUNDRY_PAYBYRD_PLAIN_HTTP_TO; the same for the others"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM: exit code 0. 2 where it cannot start, with one line that says why."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        host = _address(options.host, allow_remote=options.allow_remote)
    except ValueError as error:
        parser.error(f"argument --host: {error}")
    stopped = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in _SIGNALS}
    try:
        sandbox = Sandbox(seed=options.seed, blink_reply=options.blink_reply, minor_units=options.minor_units)
        for provider, fault, rate in options.fault:
            try:
                sandbox.at_rate(provider, fault, rate)
            except ValueError as error:
                parser.error(f"argument --fault: {error}")
        with SandboxServer(
            sandbox,
            host=host,
            port=options.port,
            allow_remote=options.allow_remote,
            host_names=options.host_name,
            callback_hosts=options.callback_host,
        ) as server:
            reached_as = _remote_urls(server.base_url, options.host_name) if options.allow_remote else []
            print(_welcome(server.base_url, sandbox, reached_as), flush=True)
            stopped.wait()
    except ImportError as error:
        return _failed(str(error))
    except OSError as error:
        if error.errno == EADDRNOTAVAIL:
            return _failed(f"--host {host}: {os.strerror(EADDRNOTAVAIL)}; give an address of this machine")
        return _failed(f"--port {options.port}: {os.strerror(error.errno or 0)}; choose another, 0 takes a free one")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    print("The sandbox has stopped.")
    return 0


def _welcome(base_url: str, sandbox: Sandbox, reached_as: Sequence[tuple[str, str]]) -> str:
    lines = [f"The sandbox listens at {base_url}. Its credentials and payments are made up; nothing moves money."]
    lines += [f"  Elsewhere, accounts take base_url={url} plain_http_to={name}" for name, url in reached_as]
    for provider, books in sandbox.state()["providers"].items():
        payments = ", ".join(payment["payment_id"] for payment in books["payments"])
        lines += [f"  {provider:8} {_arguments(provider)}", f"  {'':8} payments: {payments}"]
    return "\n".join([*lines, "Ctrl-C stops it; --help tells how to script faults."])


def _remote_urls(base_url: str, names: Sequence[str]) -> list[tuple[str, str]]:
    """Each host name of the sandbox, and its address under that name."""
    port = base_url.rpartition(":")[2]
    return [(name, f"http://{f'[{name}]' if ':' in name else name}:{port}") for name in names]


def _arguments(provider: str) -> str:
    """The credentials for a provider, by the account's arguments."""
    fixed_credentials = CREDENTIALS[provider]
    keys = _written(TOKEN_CREDENTIALS.get(provider, {"api_key": fixed_credentials}))
    token = f" (or access_token={fixed_credentials})" if provider in TOKEN_CREDENTIALS else ""
    others = {"integrator_id": INTEGRATOR_ID} if provider == "lab4pay" else {}
    return f"{keys}{token} {_written({**others, **WEBHOOK_SECRETS.get(provider, {})})}".rstrip()


def _written(credentials: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in credentials.items())


# What a payment is like, by the field in which it is unlike others.
_UNLIKE: Final = {
    "pending": "its refunds are pending until the next advance",
    "refunded": "nothing of it remains",
    "settled": "not settled, so that it can only be voided",
}


def _payments() -> str:
    """The payments that a sandbox starts with, one on a line."""
    return "\n".join(
        f"  {payment_id:22}{'; '.join((currency or 'the currency of the terminal', *map(_UNLIKE.__getitem__, unlike)))}"
        for provider in PROVIDERS.values()
        for payment_id, currency, unlike in provider.payments
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        sys.exit(_failed(f"{message}; --help tells more"))


def _parser() -> argparse.ArgumentParser:
    faults = "\n".join(
        f"  {fault.value:22}{'refunded' if fault.executes else 'not refunded':14}{fault.meaning}" for fault in Fault
    )
    parts = (
        _ELSEWHERE,
        f"payments, each of 10,000 minor units:\n{_payments()}",
        f"control paths:\n{HELP}",
        f"faults, and whether the refund is executed:\n{faults}",
    )
    parser = _Parser(
        prog="python -m refundry.sandbox",
        description="Serve Lab4Pay, Paybyrd and Blink on this machine over HTTP, one port for all three.",
        epilog="\n\n".join(parts),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=_port, default=8787, metavar="N", help="0 takes a free one (default: 8787)")
    parser.add_argument("--host", default="127.0.0.1", help="an IPv4 loopback address (default: 127.0.0.1)")
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="let --host be any IPv4 address of this machine, 0.0.0.0 for all: for a network of containers, where "
        "whoever reaches the port may ask and script everything",
    )
    parser.add_argument(
        "--host-name",
        type=_host_name,
        action="append",
        default=[],
        metavar="NAME",
        help="a name by which clients call the sandbox, besides localhost and its address; give it once for each. A "
        "call to another name is refused, and so is one from a web page",
    )
    parser.add_argument(
        "--callback-host",
        type=_host_name,
        action="append",
        default=[],
        metavar="NAME",
        help="a host besides this machine that callbacks are sent to; give it once for each",
    )
    parser.add_argument(
        "--fault",
        type=_rate,
        action="append",
        default=[],
        metavar="PROVIDER:FAULT:RATE",
        help="a fault that a part of the calls meets, such as blink:cut_after:0.1; give it once for each",
    )
    parser.add_argument(
        "--seed", default="sandbox", metavar="TEXT", help="what ids, and the calls that meet a fault, follow from"
    )
    parser.add_argument(
        "--blink-reply",
        choices=("status", "success"),
        default="status",
        help="the age of Blink's reply: with a status and a number (default), or the older with success and a text",
    )
    parser.add_argument(
        "--minor-units",
        choices=("iso", "hundredths"),
        default="iso",
        help="what Lab4Pay and Paybyrd count amounts in: the currency's minor units (default), or hundredths always",
    )
    return parser


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 6 and int(text) < 2**16:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port, a number from 0 to 65535")


def _rate(text: str) -> tuple[str, Fault, float]:
    provider, _, rest = text.partition(":")
    name, _, rate = rest.partition(":")
    try:
        return provider, Fault(name), float(rate)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not PROVIDER:FAULT:RATE, such as blink:cut_after:0.1") from None


def _host_name(text: str) -> str:
    if HOST_NAME.fullmatch(text.lower()):
        return text.lower()
    raise argparse.ArgumentTypeError(f"{text!r} is not a host name alone, such as sandbox")


def _address(text: str, *, allow_remote: bool) -> str:
    """An address of this machine. ValueError for any other, and for one that others reach without --allow-remote."""
    try:
        address = IPv4Address("127.0.0.1" if text == "localhost" else text)
    except AddressValueError:
        raise ValueError(f"{text!r} is not an IPv4 loopback address such as 127.0.0.1") from None
    if not (address.is_loopback or allow_remote):
        raise ValueError(
            f"{text!r} is not an IPv4 loopback address such as 127.0.0.1; others are taken with --allow-remote"
        )
    return str(address)


def _failed(why: str) -> int:
    print(f"error: {why}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
