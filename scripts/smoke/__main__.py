"""Refunds a smallest amount at a provider's own sandbox, reads every reply strictly, and reports what it saw."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from refundry import InvalidRefund
from refundry.transport.sync import HttpTransport
from scripts.smoke.accounts import Refused, account
from scripts.smoke.exchanges import Recorder
from scripts.smoke.report import departures, report
from scripts.smoke.run import PLANS, amount_for, check, run

_EPILOG = """\
The credentials are variables of the environment, as RefundClient.from_env() takes them:
  REFUNDRY_PAYBYRD_API_KEY=... REFUNDRY_PAYBYRD_ENVIRONMENT=sandbox
A host of production is refused. Blink has one host for both, so there the payment is one that you made for this, and
at most 1.00 is refunded.

Exit codes: 0 every reply is what the contract says, and every outcome the expected one; 1 something is not; 2 the run
was refused, and nothing was sent."""


def main(arguments: Sequence[str] | None = None, variables: Mapping[str, str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.smoke",
        description="Make one smallest refund at a provider's own sandbox, look it up, and have one refused.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("provider", choices=PLANS)
    parser.add_argument("--payment", metavar="ID", help="the payment to refund; at Lab4Pay without one, of no payment")
    parser.add_argument("--amount", help="in major units; default: the smallest that the sandbox accepts")
    parser.add_argument("--currency", help="default: the account's")
    parser.add_argument("--account", metavar="NAME", help="which account, where the environment has several")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report there too")
    options = parser.parse_args(arguments)
    try:
        chosen = account(options.provider, os.environ if variables is None else variables, options.account)
        amount = amount_for(chosen, options.provider, options.amount, options.currency)
        check(chosen, options.provider, options.payment, amount)
    except (Refused, InvalidRefund) as refused:
        print(f"error: {refused}", file=sys.stderr)
        return 2
    contract = json.loads(files(f"refundry_{options.provider}").joinpath("contract.json").read_text("utf-8"))
    recorder = Recorder(HttpTransport(), contract)
    try:
        done = run(chosen, options.payment, amount, recorder)
    finally:
        recorder.close()
    text = report(options.provider, chosen, done)
    print(text, end="")
    if options.report is not None:
        options.report.write_text(text, encoding="utf-8")
    return 1 if departures(options.provider, done) or not all(expected for _, _, expected in done.calls) else 0


if __name__ == "__main__":
    sys.exit(main())
