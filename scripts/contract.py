"""The providers' contracts: where they are, and the effective contract that the generators read."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts import overlay
from scripts.checks import check
from scripts.document import ContractError, Document, exit_code, load
from scripts.openapi import KINDS, Node, python_name, reason_phrase, walk

__all__ = [
    "KINDS",
    "PROVIDERS",
    "SPECS",
    "ContractError",
    "Node",
    "check",
    "effective",
    "effective_document",
    "python_name",
    "reason_phrase",
    "vendored",
    "vendored_document",
    "walk",
]

PROVIDERS: tuple[str, ...] = ("lab4pay", "paybyrd", "blink")
SPECS = Path(__file__).resolve().parent.parent / "specs"


def vendored_document(provider: str, specs: Path = SPECS) -> Document:
    """Return the provider's own contract, checked, with the place of each part."""
    if provider not in PROVIDERS:
        raise ContractError(f"{specs}:1: {provider}: no such provider; use one of {', '.join(PROVIDERS)}")
    document = load(specs / provider / "openapi.yaml")
    check(document)
    return document


def effective_document(provider: str, specs: Path = SPECS) -> Document:
    """Return the contract with our overlay applied, checked again, with the place of each part."""
    document = overlay.apply(vendored_document(provider, specs), load(specs / provider / "overlay.yaml"))
    check(document)
    return document


def vendored(provider: str, specs: Path = SPECS) -> dict[str, Any]:
    """Return the provider's own contract as plain data. Raises ContractError when it is missing or refused."""
    data: dict[str, Any] = vendored_document(provider, specs).data
    return data


def effective(provider: str, specs: Path = SPECS) -> dict[str, Any]:
    """Return what the generators read: the provider's contract with our overlay applied, as plain data.

    Raises ContractError when the contract or the overlay is missing or refused, and when an action does not fit.
    """
    data: dict[str, Any] = effective_document(provider, specs).data
    return data


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.contract",
        description="Check the vendored contracts, and that each overlay still fits its contract exactly.",
        epilog="Exit code: 0 all fit; 2 one does not.",
    )
    parser.add_argument("provider", nargs="*", default=PROVIDERS, help="default: all")
    providers: Sequence[str] = parser.parse_args(argv).provider

    def run() -> int:
        for provider in providers:
            effective_document(provider)
            print(f"{provider}: the contract is usable and the overlay fits it")
        return 0

    return exit_code(run)


if __name__ == "__main__":
    sys.exit(main())
