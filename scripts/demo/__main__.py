"""Shows that the generated packages match their contracts, and sends refunds at all three providers.

The providers are the sandbox, in a process of its own. Each step has its expected outcome beside it; another outcome
fails the demo.
"""

import argparse
import sys
from collections.abc import Sequence

from scripts.demo.ledgers import ledgers
from scripts.demo.lifecycle import lifecycles
from scripts.demo.refunds import refunds
from scripts.packages import generate


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.demo",
        description="Generate the three packages anew and compare them with the committed ones, refund at all three "
        "providers of the sandbox over HTTP, follow refunds to their end and read callbacks, sync and async, kill a "
        "worker in the middle of a refund, and print the outcome of each.",
        epilog="Exit codes: 0 every outcome is the expected one; 1 one is not.",
    )
    parser.parse_args(arguments)
    print("Generating the three packages from their contracts into a temporary folder ...", flush=True)
    same = generate.main(["--check"]) == 0
    ended = [refunds(sync=True), refunds(sync=False), lifecycles(sync=True), lifecycles(sync=False), ledgers()]
    right = same and all(ended)
    print("\nEvery outcome is the expected one." if right else "\nNOT every outcome is the expected one.")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
