"""The contract of the made-up provider, with its overlay applied by the package's own scripts."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from scripts.contracts import overlay
from scripts.contracts.checks import check
from scripts.contracts.document import load

HERE = Path(__file__).parent


@cache
def contract() -> Mapping[str, Any]:
    """Return the effective contract: the provider's own with the overlay, both checked by the package's own scripts."""
    document = load(HERE / "openapi.yaml")
    check(document)
    effective = overlay.apply(document, load(HERE / "overlay.yaml"))
    check(effective)
    data: Mapping[str, Any] = effective.data
    return data
