"""The generated packages are what their contracts make; refunds at all three providers; their lives to the end.

The providers are the sandbox, in a process of its own. What is expected of each step is written beside it: one that
ends otherwise fails the demo.
"""

import argparse
import sys
from collections.abc import Sequence

from scripts.demo.lives import lives
from scripts.demo.refunds import refunds
from scripts.packages import generate


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 where all ended as it has to."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.demo",
        description="Generate the three packages anew and compare them with what is committed, refund at all three "
        "providers of the sandbox over HTTP, follow refunds to their end and take callbacks, sync and async, and print "
        "what came of each.",
        epilog="Exit codes: 0 all ended as it has to; 1 something did not.",
    )
    parser.parse_args(arguments)
    print("Generating the three packages from their contracts into a temporary folder ...", flush=True)
    same = generate.main(["--check"]) == 0
    ended = [refunds(sync=True), refunds(sync=False), lives(sync=True), lives(sync=False)]
    right = same and all(ended)
    print("\nAll ended as it has to." if right else "\nNOT all ended as it has to.")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
