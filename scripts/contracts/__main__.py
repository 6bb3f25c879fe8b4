"""Checks the vendored contracts, and that each overlay still fits its contract: `python -m scripts.contracts`."""

import argparse
import sys
from collections.abc import Sequence

from scripts.contracts.contract import effective_document
from scripts.contracts.errors import exit_code
from scripts.contracts.providers import PROVIDERS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.contracts",
        description="Check the vendored contracts, and that each overlay still fits its contract exactly.",
        epilog="Exit code: 0 all fit; 2 one does not.",
    )
    parser.add_argument("provider", nargs="*", default=PROVIDERS, help="default: all")
    providers: Sequence[str] = parser.parse_args(arguments).provider

    def run() -> int:
        for provider in providers:
            effective_document(provider)
            print(f"{provider}: the contract is usable and the overlay fits it")
        return 0

    return exit_code(run)


if __name__ == "__main__":
    sys.exit(main())
