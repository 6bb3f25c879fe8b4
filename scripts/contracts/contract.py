"""A provider's contract as it is vendored, and the effective contract: the vendored one with our overlay applied."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.contracts import overlay, slices
from scripts.contracts.checks import check, refuse_hostile
from scripts.contracts.document import Document, load
from scripts.contracts.errors import ContractError
from scripts.contracts.providers import PROVIDERS, SPECS


def vendored_document(
    provider: str, specs: Path = SPECS, check: Callable[[Document], None] = refuse_hostile
) -> Document:
    """Return the provider's own contract, checked to be safe by `check`, with the place of each part.

    Where source.toml chooses operations, it is the slice with these: used.yaml.
    """
    if provider not in PROVIDERS:
        raise ContractError(f"{specs}:1: {provider}: no such provider; use one of {', '.join(PROVIDERS)}")
    document = load(slices.vendored(specs / provider))
    slices.refuse_other_choice(document, specs / provider)
    check(document)
    return document


def effective_document(provider: str, specs: Path = SPECS) -> Document:
    """Return the contract with our overlay applied, checked once more, with the place of each part."""
    return overlaid(provider, vendored_document(provider, specs), specs)


def overlaid(
    provider: str, vendored: Document, specs: Path = SPECS, check: Callable[[Document], None] = check
) -> Document:
    """Return a vendored contract with the provider's overlay applied, checked once more."""
    document = overlay.apply(vendored, load(specs / provider / "overlay.yaml"))
    check(document)
    return document


def effective(provider: str, specs: Path = SPECS) -> dict[str, Any]:
    """Return the contract that the generators read, with our overlay applied, as plain data.

    Raises ContractError when the contract or the overlay is missing or refused, or when an action does not fit.
    """
    data: dict[str, Any] = effective_document(provider, specs).data
    return data
